"""A dataset's page with its pictures, and the tables of its DVC plots."""

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
"""What a page is made of, of what `evaluate` wrote."""

SIDES = {"raw": "probabilities as the models give them", "corrected": "probabilities put right"}
"""The sides of reliability, each with a picture of all strategies."""


def of_best(board: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table that belong to the best model of each strategy."""
    found = [summary.best(rows) for _, rows in board.groupby("strategy", sort=False)]
    return chart_list.of_cells(
        table, [(best.strategy, best.model) for best in found if best is not None]
    )


def precision_recall(board: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """For each strategy the precision-recall curve of its best model."""
    mine = of_best(board, curves[curves["curve"] == "precision_recall"]).rename(
        columns={"x": "recall", "y": "precision"}
    )
    return mine[["strategy", "model", "recall", "precision"]]


def reliability(board: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """For each strategy what the corrected probabilities of its best model promise, and what is
    observed."""
    mine = of_best(board, points[points["side"] == "corrected"])
    return mine[["strategy", "model", "mean_probability", "observed", "rows"]]


def confusion(board: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """For each strategy the decisions of its best model, one row a count, at each threshold
    policy."""
    mine = of_best(board, decisions[decisions["tn"].notna()])
    rows: list[dict[str, Any]] = []
    for entry in mine.to_dict("records"):
        cell = f"{entry['strategy']}/{entry['model']}, {entry['policy']}"
        classes = itertools.product(("negative", "positive"), repeat=2)  # in the order of CONFUSION
        for (actual, predicted), name in zip(classes, CONFUSION, strict=True):
            rows.append(
                {"actual": actual, "predicted": predicted, "count": int(entry[name]), "cell": cell}
            )
    return pd.DataFrame(rows, columns=["actual", "predicted", "count", "cell"])


@dataclass(frozen=True)
class Picture:
    """A picture, and whether it goes into the page, into a file of its own, or both."""

    draw: Drawing
    page: bool = True
    file: bool = True


def drawn(named: tuple[str, Picture]) -> tuple[str, bytes]:
    """A picture for the page and for a file; drawn once, and empty where it is not wanted."""
    _, picture = named
    figure = picture.draw()
    return charts.svg(figure) if picture.page else "", charts.png(figure) if picture.file else b""


def pictures_of(
    name: str, tables: Mapping[str, pd.DataFrame], facts: Mapping[str, Any]
) -> dict[str, Picture]:
    """The pictures of a dataset, by name."""
    curves, points = tables["curves"], tables["reliability"]
    found = {title: Picture(draw) for title, draw in chart_list.pictures(name, tables, facts)}
    for side, told in SIDES.items():
        mine = points[points["side"] == side]
        if not mine.empty:
            draw = partial(
                charts.reliability_overlay, mine, charts.looks(curves), title=f"{name}: {told}"
            )
            found[f"reliability_{side}"] = Picture(draw, file=False)
    return found | {
        title: Picture(draw, page=False)
        for title, draw in chart_list.matrices(name, tables["decisions"])
    }


def made(
    name: str,
    tables: Mapping[str, pd.DataFrame],
    facts: Mapping[str, Any],
    seconds: Mapping[str, Any],
) -> tuple[str, dict[str, bytes]]:
    """A dataset's page, which says what the results are, with pictures of them; and the pictures
    for files, by name."""
    wanted = pictures_of(name, tables, facts)
    done = parallel.side_by_side(drawn, wanted.items())
    bar = tqdm(done, total=len(wanted), desc=f"report {name}", unit="picture", disable=None)
    pictures = {job[0]: drawn(job) if isinstance(made, Killed) else made for job, made in bar}
    seen, strategies = charts.looks(tables["curves"]), tables["curves"]["strategy"].unique()
    toggles = {str(strategy): charts.swatch(seen.get(strategy)) for strategy in strategies}
    means, best = charts.mean_counts(tables["counts"]), best_trials(tables["trials"])
    on_page = {title: svg for title in wanted if (svg := pictures[title][0])}
    text = page.of_dataset(tables, means, best, facts, seconds, on_page, toggles)
    return text, {title: png for title in wanted if (png := pictures[title][1])}
