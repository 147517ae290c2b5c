"""The advised model in MLflow's list of models: the files that the stage `advise` made."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

from counterpoise.champion import advising
from counterpoise.champion.bundle import CHAMPION, Champion
from counterpoise.core import files
from counterpoise.tracking.runs import COMPARISON, KEY

NAME = "advised"


def log(client: Any, experiment: str, run: str, name: str, key: str, dataset: str) -> None:
    """Log the advised model in the run `comparison`; nothing happens in other runs.

    A model of the same results that an interrupted publication left is removed.

    Parameters
    ----------
    client : mlflow.MlflowClient
    experiment, run : str
        Their ids.
    name, key : str
        The run's name and key.
    dataset : str
        Its bundle is read; where there is none, no model is logged.
    """
    place = advising.place(dataset)
    if name != COMPARISON or not (place / advising.BUNDLE / CHAMPION).is_file():
        return
    import mlflow.pyfunc
    from mlflow.models import Model

    from counterpoise.tracking import registry

    for left in client.search_logged_models([experiment], f"name = '{NAME}'"):
        if left.tags.get(KEY) == key:
            client.delete_logged_model(left.model_id)
    facts, champion = (
        files.read_json(place / advising.FACTS),
        Champion.load(place / advising.BUNDLE),
    )
    shown = {one: str(facts[one]) for one in ("strategy", "model", "goal", "rule")}
    model = client.create_logged_model(
        experiment, NAME, run, tags={KEY: key, "dataset": dataset}, params=shown
    )
    with tempfile.TemporaryDirectory(prefix="counterpoise-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow asks for an example of a request
        saved = Path(folder) / "model"
        mlflow.pyfunc.save_model(
            saved,
            **registry.pyfunc_model(champion, place / advising.BUNDLE, Path(folder)),
            mlflow_model=Model(run_id=run, model_id=model.model_id),
        )
        shutil.copy(place / advising.IMPORTANCE, saved)
        client.log_model_artifacts(model.model_id, str(saved))
    client.finalize_logged_model(model.model_id, "READY")
