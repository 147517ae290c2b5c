"""The three parts of the answer: numbers of the tables, at the user's costs."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from counterpoise.core.config import Worth
from counterpoise.report import answer, names

ROWS = [
    ("none", "forest", "none", "none", "forest", 0.7, None, None),
    ("none", "boost", "none", "none", "boost", 0.6, None, None),
    ("smote", "boost", "data", "SMOTE", "boost", 0.65, 0.05, "better"),
    ("smote", "forest", "data", "SMOTE", "forest", 0.5, -0.2, "worse"),
    ("placebo", "forest", "placebo", "none (placebo)", "forest", 0.9, 0.2, "better"),
]
COLUMNS = ["strategy", "model", "level", "remedy", "plain_model", "average_precision"]
BOARD = pd.DataFrame(ROWS, columns=[*COLUMNS, "difference", "verdict"]).assign(
    status="ok",
    same_as=None,
    difference_low=-0.1,
    difference_high=0.1,
    average_precision_low=0.1,
    average_precision_high=0.9,
    p_adjusted=0.5,
)
COSTS = {("none", "forest"): 0.3, ("none", "boost"): 0.2, ("smote", "boost"): 0.25}


def decisions(rules: tuple[str, ...] = ("half", "tuned", "cost")) -> pd.DataFrame:
    rows = [
        {
            "strategy": row[0],
            "model": row[1],
            "rule": rule,
            "threshold": 0.3,
            "tn": 80.0,
            "fp": 10.0,
            "fn": 2.5,
            "tp": 7.5,
            "expected_cost": COSTS.get(row[:2], 0.01 if row[0] == "placebo" else 0.4),
        }
        for row in ROWS
        for rule in rules
    ]
    return pd.DataFrame(rows)


FACTS: dict[str, Any] = {
    "goal": "ranking",
    "answers": {
        "ranking": {"strategy": "none", "model": "forest", "verdicts": {"better": 1, "worse": 1}}
    },
    "worth": Worth().model_dump(),
    "costs_without_a_model": {"no_row_positive": 1.0, "every_row_positive": 0.9, "oracle": 0.0},
}


def found(**changed: Any) -> dict[str, Any]:
    given = {
        "board": BOARD,
        "decisions": decisions(),
        "grouped": BOARD.iloc[:0],
        "facts": FACTS,
    } | changed
    result = answer.answer(*given.values(), names.names(given["board"]))
    assert result is not None
    return result


def test_counts_are_those_of_the_rule_about_costs_and_per_1000_rows() -> None:
    one = found()
    assert (one["name"], one["rule"]) == ("forest, no remedy", "cost")
    assert one["decision"]["tp"] == 7.5
    assert one["per"] == {"tn": 800, "fp": 100, "fn": 25, "tp": 75}


@pytest.mark.parametrize(("rules", "shown"), [(("half", "tuned"), "tuned"), (("half",), "half")])
def test_without_that_rule_another_one_is_shown(rules: tuple[str, ...], shown: str) -> None:
    assert found(decisions=decisions(rules))["rule"] == shown


def test_placebos_are_neither_counted_nor_the_cheapest() -> None:
    one = found()
    assert one["verdicts"] == {"better": 1, "worse": 1} and one["compared"] == 2
    assert [(line.label, line.cost, line.ours) for line in one["costs"]] == [
        ("boost, no remedy (runner-up)", 200, False),
        ("forest, no remedy", 300, True),
        ("without a model (every row positive)", 900, False),
    ]


def test_a_remedy_is_shown_beside_the_best_baseline() -> None:
    advised = FACTS | {"answers": {"ranking": {"strategy": "smote", "model": "boost"}}}
    labels = [line.label for line in found(facts=advised)["costs"]]
    assert labels[:3] == [
        "boost, no remedy (runner-up)",
        "boost, SMOTE",
        "forest, no remedy (baseline)",
    ]


def test_the_answer_to_the_question_of_cost_stands_in_place_of_the_runner_up() -> None:
    """Choosing the lowest of many flatters it, so the question of cost may have another answer."""
    answers = FACTS["answers"] | {"cost": {"strategy": "smote", "model": "boost"}}
    lines = found(facts=FACTS | {"answers": answers, "grouped_by": "rows"})["costs"]
    assert [(line.label, line.cost) for line in lines] == [
        ("boost, SMOTE (advised for the lowest cost)", 250),
        ("forest, no remedy", 300),
        ("without a model (every row positive)", 900),
    ]


def test_no_answer_is_none() -> None:
    facts = FACTS | {"answers": {}}
    assert answer.answer(BOARD, decisions(), BOARD.iloc[:0], facts, names.names(BOARD)) is None


def test_questions_with_another_answer_are_named() -> None:
    answers = FACTS["answers"] | {
        "cost": {"strategy": "smote", "model": "boost"},
        "probabilities": {"strategy": "none", "model": "forest"},
    }
    columns = [name for name in BOARD if name not in ("level", "status", "plain_model")]
    grouped = BOARD[columns].assign(average_precision=[0.5, 0.6, 0.55, 0.4, 0.9])
    one = found(facts=FACTS | {"answers": answers, "grouped_by": "rows"}, grouped=grouped)
    assert one["others"] == [
        ("for the lowest expected cost", "boost, SMOTE"),
        ("with duplicates kept together, the highest average precision", "boost, no remedy"),
    ]


def test_charts_show_the_best_baseline_first_and_the_advised_next() -> None:
    advised = FACTS | {"answers": {"ranking": {"strategy": "smote", "model": "boost"}}}
    assert answer.leading(BOARD, advised) == [
        ("none", "forest"),
        ("smote", "boost"),
        ("none", "boost"),
        ("smote", "forest"),
    ]
    assert answer.in_forest(BOARD, 1) == [("smote", "boost")]


def test_the_picture_goes_by_the_measure_of_the_goal() -> None:
    board = BOARD.assign(log_loss_corrected=[0.3, 0.4, 0.35, 0.2, 0.1])
    assert answer.in_forest(board, 8, "log_loss_corrected") == [
        ("smote", "forest"),
        ("smote", "boost"),
    ]


def test_verdicts_are_those_of_the_goal() -> None:
    right = FACTS["answers"]["ranking"] | {"verdicts": {"better": 2}}
    facts = FACTS | {"goal": "probabilities", "grouped_by": "rows"}
    one = found(facts=facts | {"answers": FACTS["answers"] | {"probabilities": right}})
    assert one["verdicts"] == {"better": 2}
    shown = [one[name] for name in ("measured", "best", "better_side", "worth")]
    assert shown == ["log loss of the recalibrated probabilities", "lowest", "left", 0.001]


def test_no_test_decides_about_cost_so_the_verdicts_are_those_of_the_ranking() -> None:
    cost = {"strategy": "smote", "model": "boost", "verdicts": {}}
    one = found(facts=FACTS | {"goal": "cost", "answers": FACTS["answers"] | {"cost": cost}})
    assert (one["measured"], one["compared"]) == ("average precision", 2)


def test_the_saving_of_the_lowest_cost_is_per_1000_rows_and_positive_where_it_saves() -> None:
    against = {"strategy": "none", "model": "forest", "difference": -0.002}
    against |= {"difference_low": -0.01, "difference_high": 0.005}
    cost = {"strategy": "smote", "model": "boost", "against_best_baseline": against}
    facts = FACTS | {"answers": FACTS["answers"] | {"cost": cost}}
    assert answer.saving(facts, names.names(BOARD)) == ("forest, no remedy", 2, -5, 10)
    assert answer.saving(FACTS, names.names(BOARD)) is None
