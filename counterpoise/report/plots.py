"""Tables of the DVC plots of a dataset, of the best model of each strategy."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pandas as pd

from counterpoise.core.types import Cell
from counterpoise.evaluation import summary
from counterpoise.evaluation.columns import CONFUSION


def tables(of: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All tables by the name of their file.

    Parameters
    ----------
    of : mapping of str to DataFrame
        Tables of `evaluate`.

    Returns
    -------
    dict of str to DataFrame
    """
    board = of["leaderboard"]
    return {
        "precision_recall": precision_recall(board, of["curves"]),
        "reliability": reliability(board, of["reliability"]),
        "confusion": confusion(board, of["decisions"]),
    }


def of_cells(table: pd.DataFrame, cells: list[Cell]) -> pd.DataFrame:
    """Rows of a table that belong to some combinations.

    Parameters
    ----------
    table : DataFrame of strategy, model, ...
        Any table of results.
    cells : list of (strategy, model)
        The combinations.

    Returns
    -------
    DataFrame
        In the order of `cells`.
    """
    pieces = [
        table[(table["strategy"] == strategy) & (table["model"] == model)]
        for strategy, model in cells
    ]
    return pd.concat(pieces, ignore_index=True) if pieces else table.iloc[:0]


def of_best(board: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table that belong to the best model of each strategy.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.
    table : DataFrame of strategy, model, ...
        Any table of results.

    Returns
    -------
    DataFrame
        In the order of the strategies.
    """
    bests = [summary.best(rows) for _, rows in board.groupby("strategy", sort=False)]
    return of_cells(table, [(best.strategy, best.model) for best in bests if best is not None])


def precision_recall(board: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Precision-recall curve of the best model of each strategy, for a DVC plot.

    Parameters
    ----------
    board, curves : DataFrame
        Leaderboard and mean curves of a dataset.

    Returns
    -------
    DataFrame of strategy, model, recall, precision
    """
    mine = of_best(board, curves[curves["curve"] == "precision_recall"]).rename(
        columns={"x": "recall", "y": "precision"}
    )
    return mine[["strategy", "model", "recall", "precision"]]


def reliability(board: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Recalibrated reliability curve of the best model of each strategy, for a DVC plot.

    Parameters
    ----------
    board, points : DataFrame
        Leaderboard, and points of the reliability diagrams.

    Returns
    -------
    DataFrame of strategy, model, mean_probability, observed, rows
    """
    mine = of_best(board, points[points["side"] == "corrected"])
    return mine[["strategy", "model", "mean_probability", "observed", "rows"]]


def confusion(board: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Decisions of the best model of each strategy at each threshold rule, for a DVC plot.

    Parameters
    ----------
    board, decisions : DataFrame
        Leaderboard and table of decisions of a dataset.

    Returns
    -------
    DataFrame of actual, predicted, count, cell
        One row per count; `cell` names combination and rule.
    """
    mine = of_best(board, decisions[decisions["tn"].notna()])
    rows: list[dict[str, Any]] = []
    for row in mine.to_dict("records"):
        cell = f"{row['strategy']}/{row['model']}, {row['rule']}"
        classes = itertools.product(("negative", "positive"), repeat=2)  # in the order of CONFUSION
        for (actual, predicted), name in zip(classes, CONFUSION, strict=True):
            rows.append(
                {"actual": actual, "predicted": predicted, "count": row[name], "cell": cell}
            )
    return pd.DataFrame(rows, columns=["actual", "predicted", "count", "cell"])
