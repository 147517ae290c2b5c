"""What the tests of the champion share: results of a table with everything in it, and champions
made of small tables."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.champion.bundle import Champion, Identity, digests
from counterpoise.champion.rules import Rule
from counterpoise.champion.schema import Schema
from counterpoise.core.config import Dataset
from counterpoise.data.reading.columns import Column
from counterpoise.data.tables import Table
from counterpoise.engine.fit import FitJob, train
from counterpoise.evaluation.calibrator import Calibrator
from tests.helpers.computed import computed, ran
from tests.models.test_registry import work_of
from tests.pipeline.test_pipeline import own_table

ENTRY = Dataset(path="mine.csv", target="churned", positive="yes")
PARAMS: dict[str, Any] = {
    "seed": 5,
    "datasets": {
        "mine": {
            "path": "mine.csv",
            "target": "churned",
            "positive": "yes",
            "drop": ["customer"],
            "categorical": ["region"],
            "sentinels": [-1.0],
            "costs": {"false_positive": 1, "false_negative": {"column": "calls", "plus": 2}},
        }
    },
    "strategies": {"none": {}, "random_over": {}, "near_miss_1": {}},
    "models": {
        "logistic_regression": {"strategies": ["none", "random_over"]},
        "stopping": {
            "model": "xgboost",
            "params": {"n_estimators": 30, "early_stopping_rounds": 5},
        },
        "stepwise": {
            "model": "hist_gradient_boosting",
            "strategies": ["none", "random_over"],
            "calibration": "isotonic",
            "params": {"max_iter": 10},
        },
        "refused": {
            "model": "logistic_regression",
            "strategies": ["none"],
            "params": {"solver": "liblinear", "l1_ratio": 0.5},
        },
    },
    "split": {"scheme": "stratified_kfold", "folds": 3, "repeats": 1, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {"half": 0.5, "tuned": "f1"},
    "costs": {"false_positive": 1, "false_negative": 5},
}
REFUSED = ("none", "refused")
"""liblinear knows no elastic net, so that this cell has no result."""


def schema_of(table: Table, amounts: Collection[str] = ()) -> Schema:
    """The schema of a table that was made without a file."""

    def column(name: str) -> Column:
        labels = table.categories.get(name, ())
        if not labels:
            return Column(name, "number")
        is_boolean = {label.lower() for label in labels} <= {"true", "false"}
        return Column(name, "boolean" if is_boolean else "category", labels)

    return Schema(
        tuple(map(column, table.features)), tuple(Column(name, "number") for name in amounts)
    )


def raw_rows(rows: int = 800) -> pd.DataFrame:
    """Rows as a CSV has them: numbers, a number for a missing one, texts, booleans and empty
    fields."""
    frame = own_table(rows)
    frame.loc[::29, "age"] = -1.0
    return frame


@contextlib.contextmanager
def standing_in(
    folder: Path, strategies: Collection[str] = tuple(PARAMS["strategies"])
) -> Iterator[Path]:
    """Results of some strategies in a folder, and a store of its own there."""
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        raw_rows().to_csv("mine.csv", index=False)
        computed(of_strategies(strategies))
        ran("advise", "mine")
        yield folder


def of_strategies(names: Collection[str]) -> dict[str, Any]:
    """The parameters with these strategies alone."""
    models = {
        key: {
            **entry,
            "strategies": [
                name for name in entry.get("strategies", PARAMS["strategies"]) if name in names
            ],
        }
        for key, entry in PARAMS["models"].items()
    }
    strategies = {name: entry for name, entry in PARAMS["strategies"].items() if name in names}
    return {
        **PARAMS,
        "strategies": strategies,
        "models": {key: entry for key, entry in models.items() if entry["strategies"]},
    }


def champion_of(
    work: FitJob,
    table: Table,
    *,
    calibrator: Calibrator | None = None,
    rule: Rule | None = None,
    amounts: tuple[str, ...] = (),
) -> Champion:
    """A champion fitted on some rows of a table, with no past."""
    trained = train(work)
    kind = work.entry.model or work.key
    identity = Identity(
        "mine", "churned", "yes", "none", kind, {}, "key", "md5", "table", "split", 1, "commit"
    )
    heldout = pd.DataFrame(
        {
            "repeat": np.int16([0]),
            "fold": np.int16([0]),
            "row": np.int32([0]),
            "score": [0.5],
            "probability": [0.5],
            "decision": [1.0],
        }
    )
    return Champion(
        identity,
        schema_of(table, amounts),
        kind,
        trained.encoder,
        trained.estimator,
        calibrator or Calibrator("none"),
        rule or Rule("half", "0.5", 0.5),
        heldout,
        digests(table.X, table.y),
    )


def small(key: str, table: Table, model: str | None = None, **params: Any) -> Champion:
    return champion_of(work_of(key, table, model=model, **params), table)


def outside(**variables: str) -> dict[str, str]:
    """The environment of a process that has nothing of this repository on its path."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "MLFLOW_DISABLE_TELEMETRY": "true", **variables}
