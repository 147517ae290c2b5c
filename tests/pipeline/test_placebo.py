"""A placebo from params.yaml to the pages, by the stages of the project."""

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
from counterpoise.report import answer, index_page, names
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
PLACEBO = {"sampler": "none", "seed": 1}
REMEDIES = 3
"""Random oversampling with two models, and weights alone. Weights change nothing after it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results without a placebo in `evaluated/`, and results and reports of the same with one."""
    folder = tmp_path_factory.mktemp("placebo")
    with contextlib.chdir(folder):
        own_table(600).to_csv("mine.csv", index=False)
        computed(PARAMS)
        for name in ("evaluations", "scores", "resampled"):
            (folder / "data" / name / "mine").rename(folder / f"{name}_before")
        strategies = {"none": {}, "placebo": PLACEBO, "random_over": {}}
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


def test_the_leaderboard_compares_a_placebo_with_the_baseline_of_the_same_model(
    board: pd.DataFrame,
) -> None:
    placebos = board[board["level"] == "placebo"]
    assert placebos["strategy"].tolist() == ["placebo"] * 2
    assert placebos["model"].tolist() == ["logistic_regression", "xgboost"]
    assert (placebos["plain_model"] == placebos["model"]).all()
    assert placebos[["verdict", "difference_low", "difference_high"]].notna().all(axis=None)
    none = board[board["strategy"] == "none"].set_index("model")["average_precision"]
    for row in placebos.itertuples():
        assert row.difference == pytest.approx(row.average_precision - none[row.model], abs=2e-6)
        assert row.difference != 0, "other training rows, also for a model that draws nothing"


def test_no_other_result_changes(board: pd.DataFrame) -> None:
    before = files.read_csv(Path("evaluations_before") / "leaderboard.csv")
    after = files.read_csv(paths.evaluation("mine") / "leaderboard.csv")
    assert before["p_adjusted"].notna().sum() == REMEDIES
    others = after[after["strategy"] != "placebo"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, before)
    for table in ("decisions", "folds", "thresholds", "rows", "grouped", "counts"):
        then, now = (
            files.read_csv(place / f"{table}.csv")
            for place in (Path("evaluations_before"), paths.evaluation("mine"))
        )
        assert len(then), table
        now = now[now["strategy"] != "placebo"].reset_index(drop=True)
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
    """The leaderboard if the placebos had the highest scores and the verdict better."""
    board = board.copy()
    board.loc[board["level"] == "placebo", ["average_precision", "verdict"]] = [0.99, "better"]
    return board


def test_a_placebo_is_never_advised_promoted_or_counted(board: pd.DataFrame) -> None:
    without = board[board["level"] != "placebo"]
    high = winning(board)
    assert summary.best(high) == summary.best(without)
    assert summary.sides(high) == summary.sides(without)
    assert sum(summary.sides(high).values()) == REMEDIES
    facts = files.read_json(paths.evaluation("mine") / "dataset.json")
    before = files.read_json(Path("evaluations_before") / "dataset.json")
    assert facts["answers"] == before["answers"]
    assert advice(facts) == advice(before)
    assert chosen(high, facts) == chosen(without, before)
    with pytest.raises(ConfigurationError, match="A placebo cannot be promoted"):
        chosen(high, facts, "placebo", "xgboost")


def test_a_placebo_is_never_ranked(board: pd.DataFrame) -> None:
    high = winning(board)
    for scores in (ranks.with_best_model(high), ranks.with_model(high, "xgboost")):
        assert len(scores) == 1 and "random_over" in scores and "placebo" not in scores
    assert "placebo" not in {line["strategy"] for line in index_page.best_of({"mine": high})}
    numbers = summary.numbers(
        high, files.read_csv(paths.REPORTS / "decisions.csv"), {"positives": 9}
    )
    highest = high.loc[high["level"] != "placebo", "average_precision"].max()
    assert numbers["average_precision"] == highest < high["average_precision"].max()


def test_decisions_of_a_placebo_are_shown_and_are_never_the_best(board: pd.DataFrame) -> None:
    decisions = files.read_csv(paths.REPORTS / "decisions.csv")
    facts = files.read_json(paths.evaluation("mine") / "dataset.json")
    mine = decisions["strategy"] == "placebo"
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


def test_the_page_shows_a_placebo_beside_the_others() -> None:
    text = (paths.REPORTS / "mine.html").read_text()
    assert 'class="level-placebo" data-cell="placebo/xgboost"' in text
    assert "none (placebo)" in text
