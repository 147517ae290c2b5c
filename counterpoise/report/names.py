"""Names of combinations on pages: the remedy, and the model without it."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from counterpoise.core.config import NONE
from counterpoise.core.types import Cell
from counterpoise.evaluation.summary import missing


def parts(board: pd.DataFrame) -> dict[Cell, tuple[str, str]]:
    """Remedy and model of every combination.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    dict of (strategy, model) to (str, str)
        Such as "SMOTE + class weights" and "xgboost". Where two combinations would have the same
        name, or the grid has no model without the remedy, the model keeps its own key.
    """
    found: dict[Cell, tuple[str, str]] = {
        (row["strategy"], row["model"]): (
            row["remedy"],
            row["model"] if missing(row["plain_model"]) else row["plain_model"],
        )
        for row in board.to_dict("records")
    }
    times = Counter(found.values())
    return {cell: name if times[name] == 1 else (name[0], cell[1]) for cell, name in found.items()}


def of_strategies(board: pd.DataFrame) -> dict[str, str]:
    """The remedy of every strategy; the baseline's and a reference's is "no remedy".

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    dict of str to str
        By the strategy's key.
    """
    remedies = dict.fromkeys(board["strategy"], "no remedy")
    for row in board[board["level"] == "data"].to_dict("records"):
        remedies[row["strategy"]] = row["remedy"]
    return remedies


def names(board: pd.DataFrame) -> dict[Cell, str]:
    """One text for each combination.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    dict of (strategy, model) to str
        Such as "xgboost, SMOTE"; a baseline has "no remedy". A model that is a remedy itself has
        its own name, "easy_ensemble".
    """
    alone = {
        (row["strategy"], row["model"])
        for row in board.to_dict("records")
        if row["strategy"] == NONE and missing(row["plain_model"])
    }
    return {
        cell: model if cell in alone else f"{model}, {'no remedy' if remedy == NONE else remedy}"
        for cell, (remedy, model) in parts(board).items()
    }
