"""What is compared: the grid as a params.yaml for the project, and as a folder for everybody
else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed import given
from counterpoise.core import config, files, paths, yaml12
from counterpoise.core.config import Params
from counterpoise.core.seeds import seed_for
from counterpoise.data import datasets, sources, splitters
from counterpoise.data.folds import TEST, TRAIN, Parts
from counterpoise.data.tables import Table

DATASET = "mammography"
STRATEGIES = ("none", "random_over", "smote", "adasyn", "random_under", "near_miss_1")
MODELS: dict[str, dict[str, Any]] = {
    "gradient_boosting": {"n_estimators": 100, "max_depth": 1},
    "hist_gradient_boosting": {"early_stopping": False},
    "xgboost": {"n_estimators": 100},
}
SPLIT = {"scheme": "stratified_kfold", "folds": 5, "repeats": 2, "validation": 0.2}


def committed() -> dict[str, Any]:
    """The params.yaml of this repository."""
    content: dict[str, Any] = yaml12.load(
        (paths.REPOSITORY / paths.PARAMS).read_text(encoding="utf-8")
    )
    return content


def grid(*, quick: bool = False) -> dict[str, Any]:
    """The content of params.yaml for the grid: 6 strategies, 3 models, 5 folds twice; for a quick
    look 2, 2 and 2 once."""
    content = committed()
    split = {**SPLIT, "folds": 2, "repeats": 1} if quick else SPLIT
    strategies = ("none", "random_under") if quick else STRATEGIES
    models = (
        {name: MODELS[name] for name in ("hist_gradient_boosting", "xgboost")} if quick else MODELS
    )
    return {
        **content,
        "datasets": {DATASET: {**content["datasets"][DATASET], "split": split}},
        "strategies": {name: {} for name in strategies},
        "models": {name: {"params": params} for name, params in models.items()},
    }


def mirror(params: Params) -> str:
    """Folders that hold the original bytes of every dataset, for COUNTERPOISE_MIRROR; downloaded
    where they are nowhere.

    Nobody's network is measured.
    """
    folders = dict.fromkeys(map(str, sources.mirrors()))
    for name, entry in params.datasets.items():
        for file in entry.source.files if entry.source is not None else ():
            folders[str(sources.locate(file, name).resolve().parent)] = None
    return os.pathsep.join(folders)


def write(folder: Path, params: Params, dataset: str = DATASET) -> None:
    """Write the work of a dataset's grid, with the rows, folds and seeds of the project's own
    stages."""
    table = datasets.fetch(dataset, params.dataset(dataset))[0]
    write_table(
        folder,
        params,
        dataset,
        table,
        splitters.split(table, params.split_of(dataset), params.seed, dataset),
    )


def write_table(folder: Path, params: Params, dataset: str, table: Table, parts: Parts) -> None:
    import pandas as pd

    frame = pd.DataFrame(table.X, columns=pd.Index(table.features))
    frame[given.TARGET] = table.y
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / given.TABLE, index=False)
    np.savez(folder / given.FOLDS, train=parts.codes == TRAIN, test=parts.codes == TEST)
    seeds = {
        **{
            name: [
                seed_for(params.seed, dataset, name, "resample", *place) for place in parts.names
            ]
            for name in params.strategies
        },
        **{
            name: [seed_for(params.seed, dataset, name, "fit", *place) for place in parts.names]
            for name in params.models
        },
    }
    models = {name: entry.params for name, entry in params.models.items()}
    work = {"strategies": list(params.strategies), "models": models, "seeds": seeds}
    files.write_text(folder / given.WORK, json.dumps(work))


def parsed(content: dict[str, Any]) -> Params:
    return config.parse(content)
