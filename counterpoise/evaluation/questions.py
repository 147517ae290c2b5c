"""The questions that are asked of a dataset, and the measure that answers each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from counterpoise.core.config import Goal

COST = "expected_cost"

QUESTIONS: dict[Goal, tuple[str, str]] = {
    "ranking": ("average_precision", ""),
    "roc_auc": ("roc_auc", ""),
    "probabilities": ("log_loss_corrected", ""),
    "cost": (COST, "cost"),
}
"""The measure and threshold rule that answer each question."""

MEASURED: dict[Goal, str] = {
    "ranking": "average precision",
    "roc_auc": "ROC AUC",
    "probabilities": "log loss of the recalibrated probabilities",
    "cost": "expected cost",
}
"""The measure of each question in words."""

HIGHER_IS_BETTER = {"average_precision", "roc_auc", "f1"}
"""Measures of which more is better; of the others, less is."""


def best_first(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Sort rows by a measure, of equal ones in their order.

    Parameters
    ----------
    table : DataFrame
    measure : str
        A column.

    Returns
    -------
    DataFrame
        Rows without a value stand last.
    """
    return table.sort_values(measure, ascending=measure not in HIGHER_IS_BETTER, kind="stable")


def compared_by(facts: Mapping[str, Any]) -> Goal:
    """The question whose verdicts are counted, drawn and listed.

    Parameters
    ----------
    facts : mapping
        Facts of the dataset.

    Returns
    -------
    {"ranking", "roc_auc", "probabilities"}
        The dataset's goal; `ranking` where it is cost, which no test decides.
    """
    goal: Goal = facts["goal"]
    return "ranking" if goal == "cost" else goal


def measured_by(board: pd.DataFrame, differences: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The leaderboard with the differences and verdicts in a measure.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.
    differences : DataFrame of `DIFFERENCES`
    measure : str
        One without a threshold rule.

    Returns
    -------
    DataFrame
    """
    keys = ["strategy", "model"]
    columns = ["difference", "difference_low", "difference_high", "p_adjusted", "verdict"]
    mine = differences.loc[differences["measure"] == measure, keys + columns]
    return board.drop(columns=columns).merge(mine, on=keys, how="left", validate="1:1")
