"""A dataset's page with its charts, and the tables of its DVC plots."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
from tqdm import tqdm

from counterpoise.engine import parallel
from counterpoise.engine.parallel import Killed
from counterpoise.evaluation import summary
from counterpoise.evaluation.columns import CONFUSION
from counterpoise.evaluation.search_trials import best_trials
from counterpoise.report import chart_list, charts, page
from counterpoise.report.chart_list import Drawing

TABLES = (
    "leaderboard",
    "decisions",
    "differences",
    "grouped",
    "thresholds",
    "curves",
    "counts",
    "reliability",
    "histograms",
    "learning",
    "trials",
    "rows",
)
"""Tables of `evaluate` that a page is made of."""

SIDES = {"raw": "raw probabilities", "corrected": "recalibrated probabilities"}
"""Sides of reliability diagrams, each with one chart of all strategies."""


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
    return chart_list.of_cells(
        table, [(best.strategy, best.model) for best in bests if best is not None]
    )


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
                {"actual": actual, "predicted": predicted, "count": int(row[name]), "cell": cell}
            )
    return pd.DataFrame(rows, columns=["actual", "predicted", "count", "cell"])


@dataclass(frozen=True)
class Picture:
    """A chart and its destinations.

    Attributes
    ----------
    draw : callable
        Returns the figure.
    page, file : bool
        Whether it goes into the page, and into a file of its own.
    """

    draw: Drawing
    page: bool = True
    file: bool = True


def draw(named: tuple[str, Picture]) -> tuple[str, bytes]:
    """Draw a chart once, for the page and for a file.

    Parameters
    ----------
    named : tuple of (str, Picture)
        Name and chart.

    Returns
    -------
    svg : str
        Empty if the chart does not go into the page.
    png : bytes
        Empty if the chart has no file.
    """
    _, picture = named
    figure = picture.draw()
    return charts.svg(figure) if picture.page else "", charts.png(figure) if picture.file else b""


def pictures_of(
    name: str, tables: Mapping[str, pd.DataFrame], facts: Mapping[str, Any]
) -> dict[str, Picture]:
    """All charts of a dataset, by name.

    Parameters
    ----------
    name : str
        Key of the dataset, for titles.
    tables : mapping of str to DataFrame
        Tables of its evaluation.
    facts : mapping
        Facts of the dataset.

    Returns
    -------
    dict of str to Picture
    """
    curves, points = tables["curves"], tables["reliability"]
    pictures = {
        title: Picture(drawing) for title, drawing in chart_list.pictures(name, tables, facts)
    }
    for side, label in SIDES.items():
        mine = points[points["side"] == side]
        if not mine.empty:
            drawing = partial(
                charts.reliability_overlay, mine, charts.looks(curves), title=f"{name}: {label}"
            )
            pictures[f"reliability_{side}"] = Picture(drawing, file=False)
    return pictures | {
        title: Picture(drawing, page=False)
        for title, drawing in chart_list.matrices(name, tables["decisions"])
    }


def render(
    name: str,
    tables: Mapping[str, pd.DataFrame],
    facts: Mapping[str, Any],
    seconds: Mapping[str, Any],
) -> tuple[str, dict[str, bytes]]:
    """Render a dataset's page and draw its charts.

    Parameters
    ----------
    name : str
        Key of the dataset.
    tables : mapping of str to DataFrame
        The tables named in `TABLES`.
    facts : mapping
        Facts of the dataset.
    seconds : mapping of "strategy/model" to mapping
        Measured seconds and memory.

    Returns
    -------
    text : str
        HTML of the page.
    files : dict of str to bytes
        PNG files by name.
    """
    wanted = pictures_of(name, tables, facts)
    done = parallel.few_here(draw, wanted.items())
    bar = tqdm(done, total=len(wanted), desc=f"report {name}", unit="picture", disable=None)
    # a worker killed by the system (out of memory) leaves its task to this process
    pictures = {
        task[0]: draw(task) if isinstance(result, Killed) else result for task, result in bar
    }
    styles, strategies = charts.looks(tables["curves"]), tables["curves"]["strategy"].unique()
    toggles = {str(strategy): charts.swatch(styles.get(strategy)) for strategy in strategies}
    means, best = charts.mean_counts(tables["counts"]), best_trials(tables["trials"])
    on_page = {title: svg for title in wanted if (svg := pictures[title][0])}
    text = page.of_dataset(tables, means, best, facts, seconds, on_page, toggles)
    return text, {title: png for title in wanted if (png := pictures[title][1])}
