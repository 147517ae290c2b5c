"""The measure that a question is compared by, and the leaderboard in it."""

from __future__ import annotations

from typing import get_args

import pandas as pd
import pytest

from counterpoise.core.config import Goal, asked
from counterpoise.evaluation.questions import (
    MEASURED,
    QUESTIONS,
    best_first,
    compared_by,
    measured_by,
)


def test_every_goal_has_a_measure_and_its_words() -> None:
    assert set(QUESTIONS) == set(MEASURED) == set(get_args(Goal))


@pytest.mark.parametrize(("goal", "by"), [("roc_auc", "roc_auc"), ("cost", "ranking")])
def test_no_test_decides_about_costs(goal: Goal, by: Goal) -> None:
    assert compared_by({"goal": goal}) == by


def test_roc_auc_is_asked_where_it_is_the_goal() -> None:
    assert asked("cost") == ["ranking", "probabilities", "cost"]
    assert asked("roc_auc") == ["ranking", "roc_auc", "probabilities", "cost"]


def test_best_first_goes_by_the_measure_and_keeps_the_order_of_equal_rows() -> None:
    table = pd.DataFrame({"roc_auc": [0.5, 0.9, None, 0.9], "log_loss": [0.3, 0.1, 0.1, None]})
    assert best_first(table, "roc_auc").index.tolist() == [1, 3, 0, 2]
    assert best_first(table, "log_loss").index.tolist() == [1, 2, 0, 3]


def test_the_leaderboard_has_the_differences_of_a_measure_and_keeps_its_rows() -> None:
    ends = {"difference_low": -0.2, "difference_high": 0.2, "p_adjusted": 0.5}
    cells = {"strategy": ["none", "smote", "adasyn"], "model": "forest"}
    board = pd.DataFrame(cells).assign(difference=1.0, verdict="better", roc_auc=0.9, **ends)
    differences = pd.concat(
        pd.DataFrame(cells)
        .iloc[1:]
        .assign(measure=measure, difference=difference, verdict="worse", **ends)
        for measure, difference in (("average_precision", 1.0), ("roc_auc", -0.1))
    )
    found = measured_by(board, differences.iloc[[0, 1, 2]], "roc_auc")
    assert found["difference"].isna().tolist() == [True, False, True]
    assert found.loc[1, ["difference", "verdict", "roc_auc"]].tolist() == [-0.1, "worse", 0.9]
