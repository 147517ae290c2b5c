"""Stage report: a dataset's page, one file that needs nothing else, and the tables behind its DVC plots."""

from __future__ import annotations

import argparse
import itertools
from typing import Any

import pandas as pd

from stages import config, files, paths
from stages.errors import guarded
from stages.verdict import figures, headline, measured, page, shown
from stages.verdict.columns import CONFUSION

TABLES = ("leaderboard", "decisions", "curves", "counts", "reliability", "histograms", "learning", "trials")
"""What a page is made of, of what `evaluate` wrote."""


def precision_recall(board: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """For each strategy the precision-recall curve of its best model."""
    mine = curves[curves["curve"] == "precision_recall"]
    pieces = [pd.DataFrame(columns=["strategy", "model", "recall", "precision"])]
    for strategy, rows in board.groupby("strategy", sort=False):
        best = headline.best(rows)
        if best is not None:
            curve = mine[(mine["strategy"] == strategy) & (mine["model"] == best.model)]
            pieces.append(curve.rename(columns={"x": "recall", "y": "precision"})[list(pieces[0].columns)])
    return pd.concat(pieces[1:], ignore_index=True) if len(pieces) > 1 else pieces[0]


def confusion(board: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """The decisions of the cell with the highest average precision, one row a count, at each threshold policy."""
    best = headline.best(board)
    rows: list[dict[str, Any]] = []
    if best is not None:
        mine = decisions[(decisions["strategy"] == best.strategy) & (decisions["model"] == best.model)]
        for entry in mine[mine["tn"].notna()].to_dict("records"):
            cell = f"{best.strategy}/{best.model}, {entry['policy']}"
            classes = itertools.product(("negative", "positive"), repeat=2)  # in the order of CONFUSION
            for (actual, predicted), name in zip(classes, CONFUSION, strict=True):
                rows.append({"actual": actual, "predicted": predicted, "count": int(entry[name]), "cell": cell})
    return pd.DataFrame(rows, columns=["actual", "predicted", "count", "cell"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.report", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    name = parser.parse_args().dataset
    params = config.load()
    params.dataset(name)
    folder = paths.evaluation(name)
    tables = {table: files.read_csv(folder / f"{table}.csv") for table in TABLES}
    facts = files.read_json(folder / "dataset.json")
    drawn = {picture: figures.svg(figure) for picture, figure in shown.pictures(name, tables, facts)}
    seconds = measured.for_page(measured.read(name, params.strategies), ["strategy", "model"])
    means, best = figures.mean_counts(tables["counts"]), shown.best_trials(tables["trials"])
    text = page.of_dataset(tables, means, best, facts, seconds, drawn)
    files.write_text(paths.page(name), text)
    board = tables["leaderboard"]
    files.write_csv(paths.plots(name) / "precision_recall.csv", precision_recall(board, tables["curves"]))
    files.write_csv(paths.plots(name) / "confusion.csv", confusion(board, tables["decisions"]))
    print(f"{name}: {paths.page(name)}, {len(text.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
