"""Charts of a dataset, for the page and for MLflow, and the combinations that each shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from counterpoise.core.config import NONE, PLACEBO
from counterpoise.core.types import Cell
from counterpoise.evaluation import summary
from counterpoise.evaluation.columns import CONFUSION
from counterpoise.report import charts, rows_chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Tables = Mapping[str, pd.DataFrame]
"""Tables of a dataset's evaluation, by name."""

Drawing = Callable[[], "Figure"]
"""Draws a chart when called, in this process or in another one."""

CURVES: dict[Literal["precision_recall", "roc"], str] = {
    "precision_recall": "precision and recall",
    "roc": "ROC",
}
"""Names of curves in titles."""

MOST = 8
"""Maximum number of combinations in a chart with one panel for each."""

REFERENCES = {
    "no_row_positive": "no row positive",
    "every_row_positive": "every row positive",
    "oracle": "perfect knowledge",
}
"""Labels of the reference costs without a model."""


def worth_a_look(board: pd.DataFrame) -> list[Cell]:
    """Select the combinations for charts with one panel per combination.

    These are the best baseline, the best remedy at the level of the algorithm, the best hybrid, and
    the best of each strategy, by average precision. Of too many strategies, the first in
    params.yaml are kept.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    list of (strategy, model)
        At most `MOST`.
    """
    data = [rows for _, rows in board[board["level"] == "data"].groupby("strategy", sort=False)]
    groups = [*(board[board["level"] == level] for level in (NONE, "algorithm", "hybrid")), *data]
    bests = [summary.best(rows) for rows in groups]
    return [(best.strategy, best.model) for best in bests if best is not None][:MOST]


def leading(board: pd.DataFrame, table: pd.DataFrame) -> list[Cell]:
    """Combinations of a table with the highest average precision.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.
    table : DataFrame of strategy, model, ...
        Names the candidates.

    Returns
    -------
    list of (strategy, model)
        At most `MOST`, in the order of the leaderboard, without placebos.
    """
    order = board[board["level"] != PLACEBO].sort_values(
        "average_precision", ascending=False, kind="stable", na_position="last"
    )
    named = set(zip(table["strategy"], table["model"], strict=True))
    best = [cell for cell in zip(order["strategy"], order["model"], strict=True) if cell in named][
        :MOST
    ]
    return [cell for cell in zip(board["strategy"], board["model"], strict=True) if cell in best]


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


def reliability_points(reliability: pd.DataFrame, board: pd.DataFrame) -> pd.DataFrame:
    """Points of reliability diagrams, without recalibrated points that equal the raw ones.

    Parameters
    ----------
    reliability, board : DataFrame
        Points of the diagrams, and leaderboard of the dataset.

    Returns
    -------
    DataFrame
        Raw points only where no fold is recalibrated (correction none in all of them).
    """
    raw = board[(board["correction"] == NONE) & (board["correction_folds"] == board["folds"])]
    same = set(zip(raw["strategy"], raw["model"], strict=True))
    rows = zip(reliability["strategy"], reliability["model"], reliability["side"], strict=True)
    return reliability.loc[
        [side == "raw" or (strategy, model) not in same for strategy, model, side in rows]
    ]


def on_scores(decisions: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Decisions whose threshold applies to raw scores, not to recalibrated probabilities.

    Parameters
    ----------
    decisions : DataFrame
        Table of decisions.
    facts : mapping
        Facts of the dataset; `thresholds` names the rule for costs.

    Returns
    -------
    DataFrame
        Without the rule cost, where it is expected.
    """
    expected = facts["thresholds"]["cost"] == "expected"
    return decisions[decisions["rule"] != "cost"] if expected else decisions


def pictures(name: str, tables: Tables, facts: Mapping[str, Any]) -> Iterator[tuple[str, Drawing]]:
    """Charts of a dataset, without those that would be empty.

    Parameters
    ----------
    name : str
        Key of the dataset, for titles.
    tables : mapping of str to DataFrame
        Tables of its evaluation.
    facts : mapping
        Facts of the dataset.

    Yields
    ------
    tuple of (str, callable)
        Name of the chart, and a function that draws it.
    """
    board, curves, decisions = tables["leaderboard"], tables["curves"], tables["decisions"]
    if not curves.empty:
        for curve, curve_name in CURVES.items():
            yield (
                curve,
                partial(
                    charts.curves_overlay,
                    curves,
                    curve,
                    title=f"{name}: {curve_name}",
                    prevalence=float(facts["prevalence"]),
                ),
            )
    if board["difference"].notna().any():
        yield (
            "forest",
            partial(charts.forest, board, title=f"{name}: difference from the baseline"),
        )
    if tables["counts"]["positives_after"].notna().any():
        title = f"{name}: training rows before and after"
        yield "class_counts", partial(charts.class_counts, tables["counts"], title=title)
    if not tables["rows"].empty:
        title = f"{name}: training rows by strategy"
        yield (
            "rows",
            partial(rows_chart.rows_overlay, tables["rows"], title=title, shares=facts["axes"]),
        )
    some = worth_a_look(board)
    if some:
        points = of_cells(reliability_points(tables["reliability"], board), some)
        yield (
            "reliability",
            partial(
                charts.reliability, points, title=f"{name}: predicted and observed probabilities"
            ),
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
        known = {label: facts["costs_without_a_model"][key] for key, label in REFERENCES.items()}
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
    """Charts of all confusion matrices, one for each threshold rule that decides anything.

    Parameters
    ----------
    name : str
        Key of the dataset, for titles.
    decisions : DataFrame
        Table of decisions.

    Yields
    ------
    tuple of (str, callable)
        Name of the chart, and a function that draws it.
    """
    for rule, mine in decisions.groupby("rule", sort=False):
        if mine[list(CONFUSION)].notna().all(axis=1).any():
            title = f"{name}: confusion matrices, threshold {rule}"
            yield f"confusion_matrices_{rule}", partial(charts.confusion_grid, mine, title=title)
