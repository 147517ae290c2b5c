"""The advised model in MLflow's list of models, in a real SQLite store."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counterpoise.champion import advising
from counterpoise.champion.bundle import Champion
from counterpoise.champion.schema import ScoringNotes
from counterpoise.core import files, paths
from counterpoise.tracking import advised_model, manifest
from counterpoise.tracking.runs import COMPARISON, KEY
from tests.helpers.champions import raw_rows, standing_in
from tests.helpers.computed import ran

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what MLflow warns of while it is imported is not ours
    import mlflow
    import mlflow.pyfunc

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with standing_in(tmp_path_factory.mktemp("place"), ["none"]) as folder:
        ran("track", "mine")
        yield folder


@pytest.fixture
def client(place: Path) -> Any:
    mlflow.set_tracking_uri(f"sqlite:///{place / 'mlflow.db'}")
    return mlflow.MlflowClient(f"sqlite:///{place / 'mlflow.db'}")


def logged(client: Any) -> list[Any]:
    return list(client.search_logged_models([experiment(client)]))


def experiment(client: Any) -> str:
    return str(client.get_experiment_by_name("mine").experiment_id)


def test_the_model_of_the_comparison_scores_as_the_bundle_does(place: Path, client: Any) -> None:
    (model,) = logged(client)
    run = client.get_run(model.source_run_id)
    assert (run.info.run_name, run.info.status) == (COMPARISON, "FINISHED")
    facts = files.read_json(advising.place("mine") / advising.FACTS)
    assert model.params == {one: facts[one] for one in ("strategy", "model", "goal", "rule")}
    assert str(model.status) == "READY"
    rows = raw_rows(50)
    loaded = mlflow.pyfunc.load_model(f"models:/{model.model_id}")
    # MLflow's signature has texts where the table has categories, and floats for numbers
    typed = rows.astype({"calls": float, "region": str, "paperless": str})
    found = loaded.predict(typed.drop(columns=["customer", "churned"]))
    bundle = Champion.load(advising.place("mine") / advising.BUNDLE)
    expected = bundle.score(rows, "here", ScoringNotes())
    np.testing.assert_array_equal(found["probability"], expected.probability)
    np.testing.assert_array_equal(found["decision"], expected.decision)


def test_published_again_it_is_logged_once(place: Path, client: Any) -> None:
    (model,) = logged(client)
    ran("track", "mine")
    assert [one.model_id for one in logged(client)] == [model.model_id]
    # the run was removed before it was finished: its model goes with the next one
    client.delete_run(model.source_run_id)
    ran("track", "mine")
    (again,) = logged(client)
    assert again.model_id != model.model_id
    assert again.tags[KEY] == manifest.read("mine").comparison


def test_without_a_bundle_and_in_other_runs_nothing_is_logged(
    place: Path, client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = [one.model_id for one in logged(client)]
    advised_model.log(client, experiment(client), "run", "none/stopping", "key", "mine")
    monkeypatch.setattr(paths, "DATA", tmp_path)
    advised_model.log(client, experiment(client), "run", COMPARISON, "key", "mine")
    assert [one.model_id for one in logged(client)] == before
