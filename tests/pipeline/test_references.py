"""A placebo and a subsample from params.yaml to the pages, by the stages of the project."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from counterpoise.champion.selection import chosen
from counterpoise.core import files, paths
from counterpoise.core.errors import ConfigurationError
from counterpoise.evaluation import ranks, summary
from counterpoise.evaluation.advice import advice
from counterpoise.report import answer, dataset_page, index_page, names
from tests.helpers.computed import computed, ran
from tests.pipeline.test_pipeline import own_table

PARAMS: dict[str, Any] = {
    "seed": 3,
    "datasets": {
        "mine": {"path": "mine.csv", "target": "churned", "positive": "yes", "drop": ["customer"]}
    },
    "strategies": {"none": {}, "random_over": {}},
    "models": {
        "logistic_regression": {"params": {"max_iter": 1000}},
        "xgboost": {"params": {"n_estimators": 10}},
        "xgboost_weighted": {"params": {"n_estimators": 10}},
    },
    "split": {"scheme": "stratified_kfold", "folds": 3, "repeats": 1, "grouped": True},
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {"false_positive": 1, "false_negative": 5},
}
REFERENCES: dict[str, dict[str, Any]] = {
    "placebo": {"sampler": "none", "seed": 1},
    "half": {"sampler": "subsample", "params": {"share": 0.5}},
}
"""The baseline once more with other validation rows, and on half of the training rows."""
LEVELS = {"placebo": "placebo", "half": "subsample"}
of_each = pytest.mark.parametrize("strategy", REFERENCES)
REMEDIES = 3
"""Random oversampling with two models, and weights alone. Weights change nothing after it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results without references in folders `_before`, and results and reports with them."""
    folder = tmp_path_factory.mktemp("placebo")
    with contextlib.chdir(folder):
        own_table(600).to_csv("mine.csv", index=False)
        computed(PARAMS)
        for name in ("evaluations", "scores", "resampled"):
            (folder / "data" / name / "mine").rename(folder / f"{name}_before")
        strategies = {"none": {}, **REFERENCES, "random_over": {}}
        computed({**PARAMS, "strategies": strategies})
        ran("advise", "mine")
        ran("report", "mine")
        ran("compare")
    return folder


@pytest.fixture(autouse=True)
def inside(folder: Path) -> Iterator[None]:
    with contextlib.chdir(folder):
        yield


@pytest.fixture
def board() -> pd.DataFrame:
    return files.read_csv(paths.REPORTS / "leaderboard.csv")


@of_each
def test_the_leaderboard_compares_a_reference_with_the_baseline_of_the_same_model(
    board: pd.DataFrame, strategy: str
) -> None:
    mine = board[board["level"] == LEVELS[strategy]]
    assert mine["strategy"].tolist() == [strategy] * 2
    assert mine["model"].tolist() == ["logistic_regression", "xgboost"]
    assert (mine["plain_model"] == mine["model"]).all()
    assert mine[["verdict", "difference_low", "difference_high"]].notna().all(axis=None)
    none = board[board["strategy"] == "none"].set_index("model")["average_precision"]
    for row in mine.itertuples():
        assert row.difference == pytest.approx(row.average_precision - none[row.model], abs=2e-6)
        assert row.difference != 0, "other training rows, also for a model that draws nothing"


def test_no_other_result_changes(board: pd.DataFrame) -> None:
    before = files.read_csv(Path("evaluations_before") / "leaderboard.csv")
    after = files.read_csv(paths.evaluation("mine") / "leaderboard.csv")
    assert before["p_adjusted"].notna().sum() == REMEDIES
    others = after[~after["strategy"].isin(REFERENCES)].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, before)
    for table in ("decisions", "folds", "thresholds", "rows", "grouped", "counts"):
        then, now = (
            files.read_csv(place / f"{table}.csv")
            for place in (Path("evaluations_before"), paths.evaluation("mine"))
        )
        assert len(then), table
        now = now[~now["strategy"].isin(REFERENCES)].reset_index(drop=True)
        pd.testing.assert_frame_equal(now, then, check_dtype=False)
    for name in ("scores", "resampled"):
        for path in Path(f"{name}_before").rglob("*"):
            again = Path("data", name, "mine") / path.relative_to(f"{name}_before")
            assert path.is_dir() or path.read_bytes() == again.read_bytes(), path


def test_the_facts_say_what_a_placebo_has_of_its_own() -> None:
    facts = files.read_json(paths.evaluation("mine") / "dataset.json")
    assert facts["placebos"] == {
        "placebo": "has other validation rows, so other training rows, and other seeds"
    }


def winning(board: pd.DataFrame) -> pd.DataFrame:
    """The leaderboard if the references had the highest scores and the verdict better."""
    board = board.copy()
    board.loc[board["strategy"].isin(REFERENCES), ["average_precision", "verdict"]] = [
        0.99,
        "better",
    ]
    return board


def test_a_reference_is_never_advised_promoted_or_counted(board: pd.DataFrame) -> None:
    without = board[~board["strategy"].isin(REFERENCES)]
    high = winning(board)
    assert summary.best(high) == summary.best(without)
    assert summary.sides(high) == summary.sides(without)
    assert sum(summary.sides(high).values()) == REMEDIES
    facts = files.read_json(paths.evaluation("mine") / "dataset.json")
    before = files.read_json(Path("evaluations_before") / "dataset.json")
    assert facts["answers"] == before["answers"]
    assert advice(facts) == advice(before)
    assert chosen(high, facts) == chosen(without, before)
    for strategy, level in LEVELS.items():
        with pytest.raises(ConfigurationError, match=f"A {level} cannot be promoted"):
            chosen(high, facts, strategy, "xgboost")


def test_a_reference_is_never_ranked(board: pd.DataFrame) -> None:
    high = winning(board)
    for scores in (ranks.with_best_model(high), ranks.with_model(high, "xgboost")):
        assert len(scores) == 1 and "random_over" in scores
        assert not set(REFERENCES) & set(scores)
    assert not set(REFERENCES) & {line["strategy"] for line in index_page.best_of({"mine": high})}
    numbers = summary.numbers(
        high, files.read_csv(paths.REPORTS / "decisions.csv"), {"positives": 9}
    )
    highest = high.loc[~high["strategy"].isin(REFERENCES), "average_precision"].max()
    assert numbers["average_precision"] == highest < high["average_precision"].max()


def test_decisions_of_a_reference_are_shown_and_are_never_the_best(board: pd.DataFrame) -> None:
    decisions = files.read_csv(paths.REPORTS / "decisions.csv")
    facts = files.read_json(paths.evaluation("mine") / "dataset.json")
    mine = decisions["strategy"].isin(REFERENCES)
    assert decisions.loc[mine, "f1_difference"].notna().all()
    cheap = decisions.assign(expected_cost=decisions["expected_cost"].mask(mine, 0.0))
    shown, expected_shown = (
        answer.answer(board, table, board.iloc[:0], facts, names.names(board))
        for table in (cheap, decisions[~mine])
    )
    assert shown == expected_shown
    found, expected = (
        summary.numbers(board, table, facts)["expected_cost"] for table in (cheap, decisions[~mine])
    )
    assert found == expected


@of_each
def test_the_page_shows_a_reference_beside_the_others(strategy: str) -> None:
    text = (paths.REPORTS / "mine.html").read_text()
    assert f'class="level-{LEVELS[strategy]}" data-cell="{strategy}/xgboost"' in text
    assert f"none ({strategy})" in text


def test_a_subsample_is_a_point_of_a_learning_curve_at_the_positives_it_is_fitted_on(
    board: pd.DataFrame,
) -> None:
    counts = files.read_csv(paths.evaluation("mine") / "counts.csv")
    points = dataset_page.learning_curve(board, counts)
    assert points["strategy"].tolist() == ["half", "none"] * 2
    half, whole = points["positives"].iloc[:2]
    assert half == pytest.approx(whole / 2, abs=0.5) and whole > 20
    folds = counts[counts["strategy"] == "none"]
    assert whole == pytest.approx(folds["positives_before"].mean())
    found = board.set_index(["strategy", "model"])["average_precision"]
    for row in points.itertuples():
        assert row.average_precision == found[row.strategy, row.model]
    text = (paths.REPORTS / "mine.html").read_text()
    assert 'id="by_positives"' in text and 'href="#learning"' in text
    without = board[board["level"] != "subsample"]
    assert dataset_page.learning_curve(without, counts).empty
