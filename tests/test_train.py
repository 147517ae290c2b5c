"""Stage train: the cell store, one cell's failure, and scores of the same rows for every strategy."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages import config, files, paths, train
from stages.data import parts as splits
from stages.data import schemes, tables
from stages.remedies import costs, fits, resampling, store
from stages.remedies.fit import Fitted
from stages.remedies.outcome import reason_of
from tests.conftest import Stage, mixed_table, numeric_table

MODELS: dict[str, Any] = {
    "logistic_regression": {},
    "xgboost": {"params": {"n_estimators": 5}},
    "mine": {"model": "xgboost_weighted", "params": {"n_estimators": 5}},
}
CONTENT: dict[str, Any] = {
    "seed": 1,
    "datasets": {"mine": {"path": "mine.csv", "target": "y", "positive": 1}},
    "strategies": {"none": {}, "random_over": {}, "smote": {}},
    "models": MODELS,
    "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 1, "validation": 0.2},
    "thresholds": {},
    "costs": {},
}
CELLS = 3 * 2
"""Models times folds."""

WriteParams = Callable[[dict[str, Any]], None]


@pytest.fixture
def made(workplace: Path, write_params: WriteParams, stage: Stage) -> Path:
    """A folder in which a mixed table is split and resampled by each strategy."""
    write_params(CONTENT)
    table = mixed_table()
    tables.write(paths.table("mine"), table)
    splits.write(paths.split("mine"), schemes.split(table, config.load().split, 1, "mine"))
    stage("costs", "mine")
    for strategy in CONTENT["strategies"]:
        stage("resample", "mine", strategy)
    return workplace


@pytest.fixture
def trained(stage: Stage, capsys: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, int]]:
    """Run the stage; returns how many fits it made and how many the store had."""

    def run(strategy: str = "none") -> tuple[int, int]:
        capsys.readouterr()
        stage("train", "mine", strategy)
        line = next(line for line in capsys.readouterr().out.splitlines() if " from the store, " in line)
        made, kept = (int(part.strip().split()[0]) for part in line.split(":")[1].split(",")[:2])
        return made, kept

    return run


def bytes_of(strategy: str = "none") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(paths.scores("mine", strategy).iterdir())}


def cells_of(strategy: str = "none") -> dict[str, Any]:
    return dict(files.read_json(paths.scores("mine", strategy) / "cells.json")["models"])


Trained = Callable[..., tuple[int, int]]


def test_a_second_run_fits_nothing_and_writes_the_same_bytes(made: Path, trained: Trained) -> None:
    assert trained() == (CELLS, 0)
    before = bytes_of()
    assert set(before) == {"cells.json", *(f"{model}.parquet" for model in MODELS)}
    shutil.rmtree(paths.scores("mine"))  # as DVC does before it runs a stage again
    assert trained() == (0, CELLS)
    assert bytes_of() == before


def test_a_changed_parameter_refits_the_cells_of_its_model_alone(
    made: Path, trained: Trained, write_params: WriteParams
) -> None:
    trained()
    before = bytes_of()
    write_params({**CONTENT, "models": {**MODELS, "xgboost": {"params": {"n_estimators": 6}}}})
    assert trained() == (2, CELLS - 2)
    after = bytes_of()
    assert {name for name in before if before[name] != after[name]} == {"xgboost.parquet"}
    write_params(CONTENT)
    assert trained() == (0, CELLS), "the cells of the earlier parameters are still there"
    assert bytes_of() == before


def test_another_model_more_fits_itself_alone(made: Path, trained: Trained, write_params: WriteParams) -> None:
    trained()
    write_params({**CONTENT, "models": {"hist_gradient_boosting": {"params": {"max_iter": 3}}, **MODELS}})
    assert trained() == (2, CELLS)


def test_another_seed_or_other_training_rows_refit_everything(
    made: Path, trained: Trained, write_params: WriteParams
) -> None:
    trained()
    assert trained("smote") == (CELLS, 0), "what was resampled is other rows"
    write_params({**CONTENT, "seed": 2})
    assert trained() == (CELLS, 0)


def test_the_store_may_be_deleted(made: Path, trained: Trained) -> None:
    trained()
    before = bytes_of()
    shutil.rmtree(paths.STORE)
    assert trained() == (CELLS, 0)
    assert bytes_of() == before


def test_a_stage_that_was_killed_goes_on_where_it_stopped(made: Path, trained: Trained) -> None:
    """What a killed stage leaves is a store with some of the cells, and no scores."""
    for _, key, work in jobs_of("none")[:4]:
        store.opened()(key, work)
    assert trained() == (CELLS - 4, 4)


def test_a_cell_that_was_cut_in_the_store_is_fitted_again(made: Path, trained: Trained) -> None:
    trained()
    before = bytes_of()
    for path in paths.STORE.rglob("output.pkl"):
        path.write_bytes(path.read_bytes()[:20])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joblib says that it fits again
        trained()
    assert bytes_of() == before


def test_the_store_drops_the_cells_used_longest_ago(
    made: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained()
    kept = sorted(paths.STORE.rglob("output.pkl"))
    assert len(kept) == CELLS
    for age, path in enumerate(kept):
        os.utime(path, (10**9 + age, 10**9 + age))
    monkeypatch.setattr(store, "LIMIT_BYTES", sum(p.stat().st_size for p in kept) // 2)
    store.TIDIED.touch()
    assert not store.untidy(), "adding up thousands of cells takes a while"
    os.utime(store.TIDIED, (10**9, 10**9))
    assert store.untidy()
    store.tidy()
    assert not store.untidy()
    left = sorted(paths.STORE.rglob("output.pkl"))
    assert 0 < len(left) < CELLS
    assert trained() == (CELLS - len(left), len(left))


def jobs_of(strategy: str, **changed: Any) -> list[Any]:
    params = config.parse({**CONTENT, **changed})
    table, parts = tables.read(paths.table("mine")), splits.read(paths.split("mine"))
    made = resampling.read_rows(paths.resampled("mine", strategy), table)
    stakes = costs.read(paths.costs("mine")).stakes
    return list(fits.keyed(fits.works(params, "mine", strategy, table, parts, made, stakes), store.environment()))


def test_the_key_of_a_cell_follows_from_its_inputs_alone(made: Path) -> None:
    def keys(strategy: str = "none", **changed: Any) -> dict[Any, str]:
        return {place: key for place, key, _ in jobs_of(strategy, **changed)}

    here = keys()
    assert len(set(here.values())) == CELLS
    assert keys() == here
    more = keys(models={**MODELS, "random_forest": {}}, costs={"false_negative": 9}, thresholds={"tuned": "mcc"})
    assert {place: key for place, key in more.items() if place[0] != "random_forest"} == here
    other = keys(models={**MODELS, "xgboost": {"params": {"n_estimators": 6}}})
    assert {place[0] for place in here if here[place] != other[place]} == {"xgboost"}
    assert not set(keys("smote").values()) & set(here.values())
    assert not set(keys(seed=2).values()) & set(here.values())


def test_a_model_draws_the_same_random_numbers_under_every_strategy(made: Path) -> None:
    seeds = [{place: work.seed for place, _, work in jobs_of(strategy)} for strategy in ("none", "smote")]
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0].values())) == CELLS


def test_a_cell_that_fails_says_why_is_not_kept_and_leaves_the_others_alone(
    made: Path, trained: Trained, write_params: WriteParams, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({**CONTENT, "models": {**MODELS, "xgboost": {"params": {"tree_method": "fast"}}}})
    assert trained() == (CELLS, 0)
    cells = cells_of()
    assert [cells[model]["status"] for model in MODELS] == ["ok", "failed", "ok"]
    assert cells["xgboost"]["reason"].startswith("XGBoostError: Invalid Input: 'fast', valid values are: {'approx', ")
    assert cells["xgboost"]["reason"].endswith("(repeat 0, fold 0 and 1 more)")
    assert "xgboost.parquet" not in bytes_of()
    assert trained() == (2, CELLS - 2), "the failed cell alone is tried again"


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        ("[06:38:56] /src/gbm.cc:24: Unknown gbm type tree\nStack trace:\n  [bt] (0) /lib/libxgboost.so [0x7f394211031e]",
         "ValueError: /src/gbm.cc:24: Unknown gbm type tree"),
        ("Out of range\n\nStack trace:\n  [0x7f394211031e]", "ValueError: Out of range"),
        ("must be a str among {'sgd', 'adam', 'rmsprop'} or None. Got {'a': 2}.",
         "ValueError: must be a str among {'adam', 'rmsprop', 'sgd'} or None. Got {'a': 2}."),
    ],
)  # fmt: skip
def test_a_reason_has_nothing_in_it_that_differs_between_two_runs(raised: str, reason: str) -> None:
    assert reason_of(ValueError(raised)) == reason


def test_a_model_that_cannot_be_fitted_is_not_applicable(
    made: Path, trained: Trained, write_params: WriteParams
) -> None:
    params = config.load()
    unsliced = params.split.model_copy(update={"validation": 0.0})
    splits.write(paths.split("mine"), schemes.split(tables.read(paths.table("mine")), unsliced, 1, "mine"))
    write_params({**CONTENT, "models": {**MODELS, "xgboost": {"params": {"early_stopping_rounds": 3}}}})
    trained()
    assert cells_of()["xgboost"]["status"] == "not_applicable"
    assert "early stopping needs a validation slice" in cells_of()["xgboost"]["reason"]
    assert cells_of()["mine"]["status"] == "ok"


def test_all_strategies_are_scored_on_the_same_rows_of_the_same_folds(made: Path, trained: Trained) -> None:
    table, parts = tables.read(paths.table("mine")), splits.read(paths.split("mine"))
    places = []
    for strategy in CONTENT["strategies"]:
        trained(strategy)
        for model in MODELS:
            stored = pd.read_parquet(paths.scores("mine", strategy) / f"{model}.parquet")
            assert stored["score"].between(0, 1).all()
            places.append(stored.drop(columns="score"))
    for other in places[1:]:
        pd.testing.assert_frame_equal(other, places[0])
    for fold in parts:
        here = places[0][(places[0]["repeat"] == fold.repeat) & (places[0]["fold"] == fold.fold)]
        assert here.loc[here["part"] == splits.TEST, "row"].tolist() == fold.test.tolist()
        assert here.loc[here["part"] == splits.VALIDATION, "row"].tolist() == fold.validation.tolist()
        for rows in (fold.validation, fold.test):
            assert table.y[rows].mean() == pytest.approx(table.y.mean(), abs=0.02)


def test_the_facts_of_a_cell_count_the_rows_after_resampling(made: Path, trained: Trained) -> None:
    trained("none")
    trained("random_over")
    for strategy in ("none", "random_over"):
        counts = resampling.read_counts(paths.resampled("mine", strategy))
        for count, fold in zip(counts, cells_of(strategy)["mine"]["folds"], strict=True):
            negatives, positives = count["negatives_after"], count["positives_after"]
            assert (fold["rows_fitted"], fold["positives_fitted"]) == (negatives + positives, positives)
            assert fold["scale_pos_weight"] == pytest.approx(negatives / positives, rel=1e-6)
    assert cells_of("random_over")["mine"]["folds"][0]["scale_pos_weight"] == 1


def test_what_a_sampler_refused_is_not_applicable_for_every_model(
    workplace: Path, write_params: WriteParams, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(CONTENT)
    table = numeric_table(100, 6)  # five positives or fewer to train on: too few neighbours
    tables.write(paths.table("mine"), table)
    splits.write(paths.split("mine"), schemes.split(table, config.load().split, 1, "mine"))
    stage("resample", "mine", "smote")
    stage("train", "mine", "smote")
    said = capsys.readouterr().out
    assert "mine smote: not_applicable: SMOTE: Expected n_neighbors <= n_samples_fit" in said
    for cell in cells_of("smote").values():
        assert cell["status"] == "not_applicable"
        assert cell["reason"].startswith("SMOTE: Expected n_neighbors <= n_samples_fit")
        assert cell["reason"].endswith("(repeat 0, fold 0 and 1 more)")
    assert list(bytes_of("smote")) == ["cells.json"]
    assert json.loads((paths.measured("mine", "smote") / "train.json").read_text()) == []
    assert not paths.STORE.exists()


def test_a_model_that_is_not_for_a_strategy_is_not_fitted_there(
    made: Path, trained: Trained, write_params: WriteParams
) -> None:
    write_params({**CONTENT, "models": {**MODELS, "mine": {**MODELS["mine"], "strategies": ["none"]}}})
    assert trained("smote") == (CELLS - 2, 0)
    assert list(cells_of("smote")) == ["logistic_regression", "xgboost"]


def test_the_measured_values_are_apart_from_the_results(made: Path, trained: Trained) -> None:
    trained()
    measured = files.read_json(paths.measured("mine", "none") / "train.json")["fits"]
    assert len(measured) == CELLS
    assert all(entry["fit_seconds"] >= 0 and entry["peak_bytes"] > 10**6 for entry in measured)
    assert "seconds" not in (paths.scores("mine", "none") / "cells.json").read_text()


def test_a_cell_that_fails_in_the_second_look_alone_is_in_the_comparison() -> None:
    nothing = np.empty(0)
    fine = Fitted(nothing, nothing, {"rows_fitted": 5}, (), {}, [], 0.0, 0.0, None)
    refused = ("not_applicable", "too few", None)
    outcomes = {("forest", 0, 0): ("ok", "", fine), ("forest", 1, 0): refused}
    told = train.summary("forest", outcomes, beside=1)
    assert told == {"status": "ok", "reason": "", "notes": [], "folds": [{"repeat": 0, "fold": 0, "rows_fitted": 5}]}
    assert train.summary("forest", outcomes)["status"] == "not_applicable"
