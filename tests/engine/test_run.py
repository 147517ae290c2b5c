"""Stage train: the cell store, one cell's failure, and scores of the same rows for every
strategy."""

from __future__ import annotations

import dataclasses
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core import config, files, paths
from counterpoise.core.outcome import reason_of
from counterpoise.data import folds as splits
from counterpoise.data import splitters, tables
from counterpoise.engine import resampling, run, training_results
from counterpoise.engine.fit import FitResult
from counterpoise.engine.run import DatasetFits, FitId, FitOutcome, PlannedFit, longest_first
from tests.conftest import Stage, fit_keys, mixed_table, numeric_table

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
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {},
}
OF_ONE = 3 * 2
"""Fits of one model, or of one strategy: three of the other times two folds."""

FITS = 3 * OF_ONE

WriteParams = Callable[[dict[str, Any]], None]


@pytest.fixture
def made(workplace: Path, write_params: WriteParams, stage: Stage) -> Path:
    """A folder in which a mixed table is split and resampled by each strategy."""
    write_params(CONTENT)
    table = mixed_table()
    tables.write(paths.table("mine"), table)
    splits.write(paths.split("mine"), splitters.split(table, config.load().split, 1, "mine"))
    stage("resample", "mine")
    return workplace


@pytest.fixture
def trained(stage: Stage, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[int, int]]:
    """Run the stage; returns how many fits it made and how many the store had."""

    def run() -> tuple[int, int]:
        capsys.readouterr()
        stage("train", "mine")
        found = re.findall(
            r"^mine: (\d+) fits, (\d+) from the store, \d+\.\d s",
            capsys.readouterr().out,
            re.MULTILINE,
        )
        ((made, kept),) = found
        return int(made), int(kept)

    return run


def bytes_of() -> dict[str, bytes]:
    folder = paths.scores("mine")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def cells_of(strategy: str = "none") -> dict[str, Any]:
    return dict(files.read_json(paths.scores("mine", strategy) / "cells.json")["models"])


def objects() -> list[Path]:
    return sorted(paths.STORE.rglob("*.cell"))


Trained = Callable[[], tuple[int, int]]


def test_a_second_run_fits_nothing_and_writes_the_same_bytes(made: Path, trained: Trained) -> None:
    assert trained() == (FITS, 0)
    before = bytes_of()
    assert set(before) == {
        f"{strategy}/{name}"
        for strategy in CONTENT["strategies"]
        for name in ("cells.json", *(f"{model}.parquet" for model in MODELS))
    }
    shutil.rmtree(paths.scores("mine"))  # as DVC does before it runs a stage again
    assert trained() == (0, FITS)
    assert bytes_of() == before


def test_a_changed_parameter_refits_its_model_alone(
    made: Path, trained: Trained, write_params: WriteParams
) -> None:
    trained()
    before = bytes_of()
    write_params({**CONTENT, "models": {**MODELS, "xgboost": {"params": {"n_estimators": 6}}}})
    assert trained() == (OF_ONE, FITS - OF_ONE)
    after = bytes_of()
    changed = {name for name in before if before[name] != after[name]}
    # cells.json has the keys of fits
    assert changed == {
        f"{s}/{name}" for s in CONTENT["strategies"] for name in ("xgboost.parquet", "cells.json")
    }
    write_params(CONTENT)
    assert trained() == (0, FITS), "the fits of the earlier parameters are still there"
    assert bytes_of() == before


def test_another_model_or_strategy_more_fits_itself_alone(
    made: Path, stage: Stage, trained: Trained, write_params: WriteParams
) -> None:
    trained()
    more = {**CONTENT, "models": {"hist_gradient_boosting": {"params": {"max_iter": 3}}, **MODELS}}
    write_params(more)
    assert trained() == (OF_ONE, FITS)
    write_params({**more, "strategies": {"random_under": {}, **CONTENT["strategies"]}})
    stage("resample", "mine")
    assert trained() == (4 * 2, FITS + OF_ONE)


def test_another_seed_refits_everything(
    made: Path, trained: Trained, write_params: WriteParams
) -> None:
    trained()
    write_params({**CONTENT, "seed": 2})
    assert trained() == (FITS, 0)


def test_the_store_may_be_deleted(made: Path, trained: Trained) -> None:
    trained()
    before = bytes_of()
    shutil.rmtree(paths.STORE)
    assert trained() == (FITS, 0)
    assert bytes_of() == before


def test_a_stage_that_was_killed_goes_on_where_it_stopped(made: Path, trained: Trained) -> None:
    """What a killed stage leaves is a store with some of the fits, and no scores."""
    trained()
    before = bytes_of()
    shutil.rmtree(paths.scores("mine"))
    lost = list(keys_here().values())[4:]
    for path in objects():
        if path.stem in lost:
            path.unlink()
    assert trained() == (FITS - 4, 4)
    assert bytes_of() == before


def test_a_fit_that_is_damaged_in_the_store_is_made_again(made: Path, trained: Trained) -> None:
    trained()
    before = bytes_of()
    first, second, *_ = (path for path in objects() if path.stem in keys_here().values())
    first.write_bytes(first.read_bytes()[:20])
    content = bytearray(second.read_bytes())
    content[len(content) // 2] ^= 1
    second.write_bytes(content)
    assert trained() == (2, FITS - 2)
    assert bytes_of() == before


def keys_here(**changed: Any) -> dict[FitId, str]:
    """The key of each fit, of the rows that lie on disk."""
    params = config.parse({**CONTENT, **changed})
    table, parts = tables.read(paths.table("mine")), splits.read(paths.split("mine"))
    counts = {
        strategy: resampling.read_counts(paths.resampled("mine", strategy))
        for strategy in CONTENT["strategies"]
    }
    return {
        job.id: job.key
        for job in DatasetFits(
            params, "mine", table, parts, np.ones((len(table.y), 2)), counts, Path()
        ).jobs
    }


def test_the_key_of_a_fit_follows_from_its_inputs_alone(made: Path) -> None:
    here = keys_here()
    assert len(set(here.values())) == FITS
    assert keys_here() == here
    more = keys_here(
        models={**MODELS, "random_forest": {}},
        costs={"false_negative": 9},
        thresholds={"tuned": "mcc"},
    )
    assert {one: key for one, key in more.items() if one.model != "random_forest"} == here
    other = keys_here(models={**MODELS, "xgboost": {"params": {"n_estimators": 6}}})
    assert {one.model for one in here if here[one] != other[one]} == {"xgboost"}
    assert not set(keys_here(seed=2).values()) & set(here.values())


PLACEBOS = {"placebo": {"sampler": "none", "seed": 1}, "second": {"sampler": "none", "seed": 2}}


@pytest.mark.parametrize("scheme", ["stratified_kfold", "temporal"])
def test_a_placebo_has_fits_of_its_own_and_changes_no_other_fit(scheme: str) -> None:
    """Under a temporal split its rows are the baseline's, and its seeds alone differ."""
    table = numeric_table()
    table = dataclasses.replace(table, roles={"time": np.arange(len(table.y))})
    entry = {**CONTENT["datasets"]["mine"], "time": "when"}
    content = {**CONTENT, "datasets": {"mine": entry}, "split": {"scheme": scheme}}
    before = fit_keys(content, table)
    content["strategies"] = {**CONTENT["strategies"], **PLACEBOS}
    after = fit_keys(content, table)
    others = {one: key for one, key in after.items() if one.strategy not in PLACEBOS}
    assert others == before
    keys = [after[one] for one in after if one.strategy in PLACEBOS]
    assert len(set(keys)) == len(keys) and not set(keys) & set(before.values())
    assert {one.model for one in after if one.strategy in PLACEBOS} == {
        "logistic_regression",
        "xgboost",
    }


def test_a_placebo_is_trained_and_scored_on_its_own_rows(
    made: Path, trained: Trained, write_params: WriteParams, stage: Stage
) -> None:
    trained()
    before = bytes_of()
    write_params({**CONTENT, "strategies": {**CONTENT["strategies"], **PLACEBOS}})
    table = tables.read(paths.table("mine"))
    parts = splitters.split(table, config.load().split, 1, "mine", (1, 2))
    splits.write(paths.split("mine"), parts)
    stage("resample", "mine")
    # two folds of two models without a remedy for each placebo; all other fits are kept
    assert trained() == (2 * 2 * 2, FITS)
    after = bytes_of()
    assert {name: after[name] for name in before} == before
    scores = {}
    for seed, strategy in ((None, "none"), (1, "placebo"), (2, "second")):
        stored = pd.read_parquet(paths.scores("mine", strategy) / "logistic_regression.parquet")
        rows = resampling.read_rows(paths.resampled("mine", strategy), table)
        for fold in parts.of(seed):
            here = stored[(stored["repeat"] == fold.repeat) & (stored["fold"] == fold.fold)]
            for part, wanted in ((splits.TEST, fold.test), (splits.VALIDATION, fold.validation)):
                assert here.loc[here["part"] == part, "row"].tolist() == wanted.tolist()
            np.testing.assert_array_equal(rows[fold[:2]][0], fold.train)
        scores[strategy] = stored.loc[stored["part"] == splits.TEST, "score"].to_numpy()
    # logistic regression draws nothing: other training rows alone give it other scores
    assert np.mean(scores["none"] != scores["placebo"]) > 0.9
    assert np.mean(scores["second"] != scores["placebo"]) > 0.9


def test_a_model_draws_the_same_random_numbers_under_every_strategy() -> None:
    """So that the same rows are the same fit."""
    found = fit_keys({**CONTENT, "strategies": {"none": {}, "random_over": {}}}, mixed_table())
    for one, key in found.items():
        assert key == found[one._replace(strategy="none")]
    assert len(set(found.values())) == OF_ONE


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 1000)), min_size=1, max_size=30))
def test_what_takes_longest_begins_first_once_one_of_each_model_has_shown_how_long_it_takes(
    jobs: list[tuple[str, int]],
) -> None:
    seconds_by_row = {"a": 1.0, "b": 0.1, "c": 0.01}
    waiting = [
        PlannedFit(FitId("none", model, 0, k), str(k), rows) for k, (model, rows) in enumerate(jobs)
    ]
    seconds: dict[str, float] = {}
    begun = []
    for job in longest_first(waiting, seconds):
        begun.append(job)
        seconds[job.id.model] = seconds_by_row[job.id.model]
    assert sorted(begun) == sorted(waiting)
    kinds = {model for model, _ in jobs}
    assert {job.id.model for job in begun[: len(kinds)]} == kinds
    rest = [job.rows * seconds_by_row[job.id.model] for job in begun[len(kinds) :]]
    assert rest == sorted(rest, reverse=True)


def test_a_failed_fit_has_its_reason_is_not_stored_and_leaves_the_others_alone(
    made: Path, trained: Trained, write_params: WriteParams
) -> None:
    write_params({**CONTENT, "models": {**MODELS, "xgboost": {"params": {"tree_method": "fast"}}}})
    assert trained() == (FITS, 0)
    cells = cells_of()
    assert [cells[model]["status"] for model in MODELS] == ["ok", "failed", "ok"]
    assert cells["xgboost"]["reason"].startswith(
        "XGBoostError: Invalid Input: 'fast', valid values are: {'approx', "
    )
    assert cells["xgboost"]["reason"].endswith("(repeat 0, fold 0 and 1 more)")
    assert "none/xgboost.parquet" not in bytes_of()
    assert trained() == (OF_ONE, FITS - OF_ONE), "what failed alone is tried again"


def test_rows_of_one_strategy_after_the_other_give_the_same_scores(
    made: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained()
    before = bytes_of()
    shutil.rmtree(paths.STORE)
    monkeypatch.setattr(run, "HELD_BYTES", 0)
    assert trained() == (FITS, 0)
    assert bytes_of() == before


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (
            (
                "[06:38:56] /src/gbm.cc:24: Unknown gbm type tree\nStack trace:\n  [bt] (0)"
                " /lib/libxgboost.so [0x7f394211031e]"
            ),
            "ValueError: /src/gbm.cc:24: Unknown gbm type tree",
        ),
        ("Out of range\n\nStack trace:\n  [0x7f394211031e]", "ValueError: Out of range"),
        (
            "must be a str among {'sgd', 'adam', 'rmsprop'} or None. Got {'a': 2}.",
            "ValueError: must be a str among {'adam', 'rmsprop', 'sgd'} or None. Got {'a': 2}.",
        ),
    ],
)
def test_a_reason_has_nothing_in_it_that_differs_between_two_runs(raised: str, reason: str) -> None:
    assert reason_of(ValueError(raised)) == reason


def test_a_model_that_cannot_be_fitted_is_not_applicable(
    made: Path, trained: Trained, write_params: WriteParams
) -> None:
    params = config.load()
    unvalidated = params.split.model_copy(update={"validation": 0.0})
    splits.write(
        paths.split("mine"),
        splitters.split(tables.read(paths.table("mine")), unvalidated, 1, "mine"),
    )
    write_params(
        {**CONTENT, "models": {**MODELS, "xgboost": {"params": {"early_stopping_rounds": 3}}}}
    )
    trained()
    assert cells_of()["xgboost"]["status"] == "not_applicable"
    assert "early stopping needs validation rows" in cells_of()["xgboost"]["reason"]
    assert cells_of()["mine"]["status"] == "ok"


def test_all_strategies_are_scored_on_the_same_rows_of_the_same_folds(
    made: Path, trained: Trained
) -> None:
    table, parts = tables.read(paths.table("mine")), splits.read(paths.split("mine"))
    places = []
    trained()
    for strategy in CONTENT["strategies"]:
        for model in MODELS:
            stored = pd.read_parquet(paths.scores("mine", strategy) / f"{model}.parquet")
            assert stored["score"].between(0, 1).all()
            places.append(stored.drop(columns="score"))
    for other in places[1:]:
        pd.testing.assert_frame_equal(other, places[0])
    for fold in parts:
        here = places[0][(places[0]["repeat"] == fold.repeat) & (places[0]["fold"] == fold.fold)]
        assert here.loc[here["part"] == splits.TEST, "row"].tolist() == fold.test.tolist()
        assert (
            here.loc[here["part"] == splits.VALIDATION, "row"].tolist() == fold.validation.tolist()
        )
        for rows in (fold.validation, fold.test):
            assert table.y[rows].mean() == pytest.approx(table.y.mean(), abs=0.02)


def test_the_facts_of_a_cell_count_the_rows_after_resampling(made: Path, trained: Trained) -> None:
    trained()
    for strategy in ("none", "random_over"):
        counts = resampling.read_counts(paths.resampled("mine", strategy))
        for count, fold in zip(counts, cells_of(strategy)["mine"]["folds"], strict=True):
            negatives, positives = count["negatives_after"], count["positives_after"]
            assert (fold["rows_fitted"], fold["positives_fitted"]) == (
                negatives + positives,
                positives,
            )
            assert fold["scale_pos_weight"] == pytest.approx(negatives / positives, rel=1e-6)
    assert cells_of("random_over")["mine"]["folds"][0]["scale_pos_weight"] == 1


def test_what_a_sampler_refused_is_not_applicable_for_every_model(
    workplace: Path, write_params: WriteParams, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(CONTENT)
    table = numeric_table(100, 6)  # five positives or fewer to train on: too few neighbours
    tables.write(paths.table("mine"), table)
    splits.write(paths.split("mine"), splitters.split(table, config.load().split, 1, "mine"))
    write_params({**CONTENT, "strategies": {"smote": {}}})
    stage("resample", "mine")
    stage("train", "mine")
    output = capsys.readouterr().out
    assert "smote could not run" in output
    assert re.search(r"from the store, [\d.]+ s, \d combinations not applicable", output)
    for cell in cells_of("smote").values():
        assert cell["status"] == "not_applicable"
        assert cell["reason"].startswith("SMOTE: Expected n_neighbors <= n_samples_fit")
        assert cell["reason"].endswith("(repeat 0, fold 0 and 1 more)")
    assert list(bytes_of()) == ["smote/cells.json"]
    assert files.read_json(paths.measured("mine", "train")) == {"fits": [], "made": {}}
    assert "mine: 0 fits, 0 from the store" in output


def test_a_model_that_is_not_for_a_strategy_is_not_fitted_there(
    made: Path, trained: Trained, write_params: WriteParams
) -> None:
    write_params(
        {**CONTENT, "models": {**MODELS, "mine": {**MODELS["mine"], "strategies": ["none"]}}}
    )
    assert trained() == (FITS - 2 * 2, 0)
    assert list(cells_of("smote")) == ["logistic_regression", "xgboost"]


def test_the_measured_values_are_apart_from_the_results(made: Path, trained: Trained) -> None:
    trained()
    measured = files.read_json(paths.measured("mine", "train"))
    assert len(measured["fits"]) == FITS
    assert all(
        entry["fit_seconds"] > 0 and entry["peak_bytes"] > 10**6 for entry in measured["fits"]
    )
    assert set(measured["made"]) == {
        f"{strategy}/{model}" for strategy in CONTENT["strategies"] for model in MODELS
    }
    for maker in measured["made"].values():
        assert set(maker) == {"by", "commit", "dirty", "at"}
        assert abs(maker["at"] / 1000 - time.time()) < 600
    for text in bytes_of().values():
        assert b"seconds" not in text and b"commit" not in text


def test_who_made_a_fit_and_what_it_took_come_out_of_the_store_with_it(
    made: Path, trained: Trained
) -> None:
    trained()
    before = files.read_json(paths.measured("mine", "train"))
    assert trained() == (0, FITS)
    assert files.read_json(paths.measured("mine", "train")) == before


def test_a_combination_that_fails_in_the_second_look_alone_is_in_the_comparison() -> None:
    nothing = np.empty(0)
    fine = FitOutcome(
        "ok", "", FitResult(nothing, nothing, {"rows_fitted": 5}, (), {}, [], 0.0, 0.0, None), {}
    )
    refused = FitOutcome("not_applicable", "too few", None, {})
    outcomes = {FitId("none", "forest", 0, 0): fine, FitId("none", "forest", 1, 0): refused}
    message = training_results.summary(outcomes, 1)
    assert message == {
        "status": "ok",
        "reason": "",
        "notes": [],
        "folds": [{"repeat": 0, "fold": 0, "rows_fitted": 5}],
    }
    assert training_results.summary(outcomes, None)["status"] == "not_applicable"
