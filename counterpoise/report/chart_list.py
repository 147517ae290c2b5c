"""What the page and MLflow both show of a dataset: its pictures, and of which cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Literal

import pandas as pd
from matplotlib.figure import Figure

from counterpoise.core.config import NONE
from counterpoise.core.types import Cell
from counterpoise.evaluation import summary
from counterpoise.evaluation.columns import CONFUSION
from counterpoise.report import charts, rows_chart

Tables = Mapping[str, pd.DataFrame]
"""What `evaluate` wrote of a dataset, by name."""

Drawing = Callable[[], Figure]
"""A picture that is drawn when it is called, here or in another process."""

CURVES: dict[Literal["precision_recall", "roc"], str] = {
    "precision_recall": "precision and recall",
    "roc": "ROC",
}
"""What a picture of curves is titled."""

MOST = 8
"""Cells that a picture with a panel for each has room for."""

REFERENCES = {
    "no_row_positive": "no row positive",
    "every_row_positive": "every row positive",
    "oracle": "perfect knowledge",
}
"""What deciding without a model is called."""


def worth_a_look(board: pd.DataFrame) -> list[Cell]:
    """Doing nothing at its best, the best remedy of the algorithm and the best hybrid, and the best
    of each strategy.

    Best by average precision; where there are more strategies than room, those that come first in
    params.yaml.
    """
    data = [rows for _, rows in board[board["level"] == "data"].groupby("strategy", sort=False)]
    groups = [*(board[board["level"] == level] for level in (NONE, "algorithm", "hybrid")), *data]
    found = [summary.best(rows) for rows in groups]
    return [(best.strategy, best.model) for best in found if best is not None][:MOST]


def leading(board: pd.DataFrame, table: pd.DataFrame) -> list[Cell]:
    """The cells of a table, of which only those with the highest average precision where there are
    too many."""
    order = board.sort_values(
        "average_precision", ascending=False, kind="stable", na_position="last"
    )
    named = set(zip(table["strategy"], table["model"], strict=True))
    best = [cell for cell in zip(order["strategy"], order["model"], strict=True) if cell in named][
        :MOST
    ]
    return [cell for cell in zip(board["strategy"], board["model"], strict=True) if cell in best]


def of_cells(table: pd.DataFrame, cells: list[Cell]) -> pd.DataFrame:
    """The rows of some cells, cell after cell."""
    pieces = [
        table[(table["strategy"] == strategy) & (table["model"] == model)]
        for strategy, model in cells
    ]
    return pd.concat(pieces, ignore_index=True) if pieces else table.iloc[:0]


def promised(reliability: pd.DataFrame, board: pd.DataFrame) -> pd.DataFrame:
    """The points of reliability diagrams; where nothing is corrected, the raw ones alone, which are
    the same."""
    raw = board[board["correction"] == NONE]
    same = set(zip(raw["strategy"], raw["model"], strict=True))
    rows = zip(reliability["strategy"], reliability["model"], reliability["side"], strict=True)
    return reliability.loc[
        [side == "raw" or (strategy, model) not in same for strategy, model, side in rows]
    ]


def on_scores(decisions: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """The decisions whose threshold is one of the scores, not of corrected probabilities."""
    expected = facts["thresholds"]["cost"] == "expected"
    return decisions[decisions["policy"] != "cost"] if expected else decisions


def pictures(name: str, tables: Tables, facts: Mapping[str, Any]) -> Iterator[tuple[str, Drawing]]:
    """The pictures of a dataset by name, to be drawn when they are called, without those that would
    show nothing."""
    board, curves, decisions = tables["leaderboard"], tables["curves"], tables["decisions"]
    if not curves.empty:
        for curve, told in CURVES.items():
            yield (
                curve,
                partial(
                    charts.curves_overlay,
                    curves,
                    curve,
                    title=f"{name}: {told}",
                    prevalence=float(facts["prevalence"]),
                ),
            )
    if board["delta_plain"].notna().any():
        yield (
            "forest",
            partial(charts.forest, board, title=f"{name}: difference from doing nothing"),
        )
    if tables["counts"]["positives_after"].notna().any():
        title = f"{name}: training rows before and after"
        yield "class_counts", partial(charts.class_counts, tables["counts"], title=title)
    if not tables["rows"].empty:
        title = f"{name}: the rows that strategies work on"
        yield (
            "rows",
            partial(rows_chart.rows_overlay, tables["rows"], title=title, shares=facts["axes"]),
        )
    some = worth_a_look(board)
    if some:
        points = of_cells(promised(tables["reliability"], board), some)
        yield (
            "reliability",
            partial(charts.reliability, points, title=f"{name}: what probabilities promise"),
        )
        yield (
            "score_distribution",
            partial(
                charts.score_distribution,
                of_cells(tables["histograms"], some),
                title=f"{name}: scores by class",
                thresholds=on_scores(decisions, facts),
            ),
        )
    if decisions["expected_cost"].notna().any():
        known = {told: facts["costs_without_a_model"][key] for key, told in REFERENCES.items()}
        yield "costs", partial(charts.costs, decisions, known, title=f"{name}: cost of a decision")
    learning, trials = (
        of_cells(table, leading(board, table)) for table in (tables["learning"], tables["trials"])
    )
    if not learning.empty:
        yield (
            "learning_curves",
            partial(charts.learning_curves, learning, title=f"{name}: learning curves"),
        )
    if not trials.empty:
        yield "search_history", partial(charts.search_history, trials, title=f"{name}: searches")


def matrices(name: str, decisions: pd.DataFrame) -> Iterator[tuple[str, Drawing]]:
    """The confusion matrices of all cells, a picture for each threshold policy that decides
    anything."""
    for policy, mine in decisions.groupby("policy", sort=False):
        if mine[list(CONFUSION)].notna().all(axis=1).any():
            title = f"{name}: confusion matrices, threshold {policy}"
            yield f"confusion_matrices_{policy}", partial(charts.confusion_grid, mine, title=title)
