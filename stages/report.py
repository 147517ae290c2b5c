"""Stage report: a dataset's page, one file that needs nothing else, and the tables behind its DVC plots."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping
from functools import partial
from operator import itemgetter
from typing import Any

import pandas as pd

from stages import config, files, paths, pool
from stages.errors import guarded
from stages.pool import Killed
from stages.verdict import figures, headline, measured, page, shown
from stages.verdict.columns import CONFUSION
from stages.verdict.shown import Drawing

TABLES = (
    "leaderboard", "decisions", "grouped", "thresholds", "curves", "counts", "reliability", "histograms", "learning",
    "trials", "rows",
)  # fmt: skip
"""What a page is made of, of what `evaluate` wrote."""

SIDES = {"raw": "probabilities as the models give them", "corrected": "probabilities put right"}
"""The sides of reliability, each with a picture of all strategies."""


def of_best(board: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table that belong to the best model of each strategy."""
    found = [headline.best(rows) for _, rows in board.groupby("strategy", sort=False)]
    return shown.of_cells(table, [(best.strategy, best.model) for best in found if best is not None])


def precision_recall(board: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """For each strategy the precision-recall curve of its best model."""
    mine = of_best(board, curves[curves["curve"] == "precision_recall"]).rename(
        columns={"x": "recall", "y": "precision"}
    )
    return mine[["strategy", "model", "recall", "precision"]]


def reliability(board: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """For each strategy what the corrected probabilities of its best model promise, and what is observed."""
    mine = of_best(board, points[points["side"] == "corrected"])
    return mine[["strategy", "model", "mean_probability", "observed", "rows"]]


def confusion(board: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """For each strategy the decisions of its best model, one row a count, at each threshold policy."""
    mine = of_best(board, decisions[decisions["tn"].notna()])
    rows: list[dict[str, Any]] = []
    for entry in mine.to_dict("records"):
        cell = f"{entry['strategy']}/{entry['model']}, {entry['policy']}"
        classes = itertools.product(("negative", "positive"), repeat=2)  # in the order of CONFUSION
        for (actual, predicted), name in zip(classes, CONFUSION, strict=True):
            rows.append({"actual": actual, "predicted": predicted, "count": int(entry[name]), "cell": cell})
    return pd.DataFrame(rows, columns=["actual", "predicted", "count", "cell"])


def svg(drawing: tuple[str, Drawing]) -> str:
    """A picture for the page."""
    return figures.svg(drawing[1]())


def side_by_side(drawings: Mapping[str, Drawing]) -> dict[str, str]:
    """All pictures for the page, drawn on all cores."""
    made = {
        drawing[0]: svg(drawing) if isinstance(text, Killed) else text
        for drawing, text in pool.side_by_side(svg, list(drawings.items()), kind=itemgetter(0))
    }
    return {name: made[name] for name in drawings}


def page_of(name: str, tables: Mapping[str, pd.DataFrame], facts: Mapping[str, Any], seconds: Mapping[str, Any]) -> str:
    """A dataset's page: what the results say, with all pictures of them."""
    curves, points = tables["curves"], tables["reliability"]
    seen = figures.looks(curves)
    drawings = dict(shown.pictures(name, tables, facts))
    for side, told in SIDES.items():
        mine = points[points["side"] == side]
        if not mine.empty:
            drawings[f"reliability_{side}"] = partial(figures.reliability_overlay, mine, seen, title=f"{name}: {told}")
    drawn = side_by_side(drawings)
    toggles = {str(strategy): figures.swatch(seen.get(strategy)) for strategy in curves["strategy"].unique()}
    means, best = figures.mean_counts(tables["counts"]), shown.best_trials(tables["trials"])
    return page.of_dataset(tables, means, best, facts, seconds, drawn, toggles)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.report", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    name = parser.parse_args().dataset
    params = config.load()
    params.dataset(name)
    folder = paths.evaluation(name)
    tables = {table: files.read_csv(folder / f"{table}.csv") for table in TABLES}
    facts = files.read_json(folder / "dataset.json")
    seconds = measured.for_page(measured.read(name, params.strategies), ["strategy", "model"])
    text = page_of(name, tables, facts, seconds)
    files.write_text(paths.page(name), text)
    board = tables["leaderboard"]
    files.write_csv(paths.plots(name) / "precision_recall.csv", precision_recall(board, tables["curves"]))
    files.write_csv(paths.plots(name) / "reliability.csv", reliability(board, tables["reliability"]))
    files.write_csv(paths.plots(name) / "confusion.csv", confusion(board, tables["decisions"]))
    print(f"{name}: {paths.page(name)}, {len(text.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
