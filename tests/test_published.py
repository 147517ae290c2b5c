"""The numbers of a published lecture come out of the project's own stages.

"Clasificacion desbalanceada con Python", Raquel Pezoa Rivera, PyCon Chile 2021, example 1: mammography, a random holdout of
a fifth with random_state 0, GradientBoostingClassifier(n_estimators=100, max_depth=1), threshold 0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import config, files, paths
from stages.data import datasets, schemes
from stages.data.parts import Fold
from stages.data.tables import Table
from stages.paths import REPOSITORY
from stages.remedies.fit import Work, fit
from stages.remedies.thresholds import Confusion, confusion, rates
from stages.resample import resample
from tests.conftest import Stage

LECTURE: dict[str, Any] = {
    "seed": 1,
    "strategies": {
        "none": {},
        "random_over": {"params": {"random_state": 0}},
        "smote": {"scale": False, "params": {"random_state": 0}},
    },
    "models": {"gradient_boosting": {"params": {"n_estimators": 100, "max_depth": 1, "random_state": 0}}},
    "split": {"scheme": "holdout", "test_size": 0.2, "seed": 0, "stratify": False, "validation": 0},
    "thresholds": {},
    "costs": {},
}


def lecture() -> dict[str, Any]:
    committed = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    return {**LECTURE, "datasets": {"mammography": committed["datasets"]["mammography"]}}


@pytest.fixture
def mammography(mirror: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Table, Fold]:
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(mirror))
    params = config.parse(lecture())
    table, _ = datasets.fetch("mammography", params.dataset("mammography"), download=False)
    (fold,) = schemes.split(table, params.split, params.seed, "mammography")
    assert (int((table.y[fold.test] == 0).sum()), int(table.y[fold.test].sum())) == (2184, 53)
    return table, fold


def matrix(table: Table, fold: Fold, strategy: str, **changed: Any) -> tuple[int, ...]:
    """tn, fp, fn, tp at 0.5."""
    params = config.parse(lecture())
    entry = params.strategy(strategy).model_copy(update=changed)
    made = resample(table, fold, strategy, entry, 1).resampled
    assert made is not None
    work = Work("gradient_boosting", params.models["gradient_boosting"], 1, table.X, table.y, table.cardinalities,
                fold.train, fold.validation, fold.test, *made)  # fmt: skip
    return tuple(int(count) for count in confusion(table.y[fold.test], fit(work).test, 0.5))


def test_doing_nothing_and_random_oversampling_come_out_exactly(mammography: tuple[Table, Fold]) -> None:
    assert matrix(*mammography, "none") == (2178, 6, 32, 21)
    assert matrix(*mammography, "random_over") == (1996, 188, 8, 45)


@pytest.mark.parametrize("random_state", [0, 1, 42])
def test_smote_comes_out_as_near_as_an_unseeded_result_can(random_state: int, mammography: tuple[Table, Fold]) -> None:
    """The lecture drew without a seed and shows .225 / .849 and .2157 / .830 in two runs."""
    found = rates(Confusion(*map(np.array, matrix(*mammography, "smote", params={"random_state": random_state}))))
    assert 0.20 <= found["precision"] <= 0.25
    assert 0.81 <= found["recall"] <= 0.87


def test_the_stages_write_the_numbers_of_the_lecture(
    mirror: Path, stage: Stage, write_params: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole road, from the original bytes to decisions.csv; the way that a student goes."""
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(mirror))
    content = lecture()
    del content["strategies"]["smote"]
    write_params(content)
    stage("fetch", "mammography")
    stage("split", "mammography")
    for strategy in content["strategies"]:
        stage("resample", "mammography", strategy)
        stage("train", "mammography", strategy)
    stage("evaluate", "mammography")
    decisions: pd.DataFrame = files.read_csv(paths.evaluation("mammography") / "decisions.csv")
    half = decisions[decisions["policy"] == "half"].set_index("strategy")
    assert half.loc["none", ["tn", "fp", "fn", "tp"]].tolist() == [2178, 6, 32, 21]
    assert half.loc["random_over", ["tn", "fp", "fn", "tp"]].tolist() == [1996, 188, 8, 45]
    published = {
        "precision": 0.193133,
        "recall": 0.849057,
        "specificity": 0.913919,
        "f1": 0.314685,
        "accuracy": 0.912383,
    }
    for name, value in published.items():
        assert half.loc["random_over", name] == pytest.approx(value, abs=1e-6)
    assert half.loc["none", "accuracy"] == pytest.approx(0.983013, abs=1e-6)
    assert half.loc["none", "f1"] == pytest.approx(0.525, abs=1e-6)
