"""Stage evaluate: metrics from stored scores, with intervals, and decisions at each threshold policy.

No model is loaded here: a new metric or threshold never retrains anything.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages import config, files, paths
from stages.config import Params, seed_for
from stages.data import parts as splits
from stages.data import tables
from stages.data.parts import Parts
from stages.errors import guarded
from stages.remedies import corrections, costs, levels
from stages.remedies.costs import CostMatrix
from stages.remedies.outcome import OK
from stages.remedies.thresholds import Confusion
from stages.verdict import bootstrap, calibration, metrics
from stages.verdict.board import Entry, leaderboard, measure
from stages.verdict.columns import COUNTED, COUNTS, DECISIONS, HISTOGRAM, LEARNING, RELIABILITY, TRIALS
from stages.verdict.decisions import POLICIES, decisions
from stages.verdict.metrics import METRICS, Vector
from stages.verdict.scored import Cell, FoldScores, fold_scores, pooled, put_right

GRID = np.linspace(0, 1, 101)
"""Where the mean curves are drawn."""


def curves(cell: Cell, folds: list[FoldScores], y: NDArray[np.int8]) -> pd.DataFrame:
    """The precision-recall and ROC curve of a cell, each the mean of its folds' curves."""
    precision = np.mean([metrics.precision_recall(y[f.test], f.test_scores, GRID) for f in folds], axis=0)
    true = np.mean([metrics.roc(y[f.test], f.test_scores, GRID) for f in folds], axis=0)
    return pd.concat(
        [
            pd.DataFrame({"strategy": cell[0], "model": cell[1], "curve": name, "x": GRID, "y": values})
            for name, values in (("precision_recall", precision), ("roc", true))
        ]
    )


def by_fold(grid: list[Cell], parts: Parts, folds: Vector, limits: dict[Cell, list[list[float]]]) -> pd.DataFrame:
    """Metrics and thresholds of every fold, one row a value."""
    rows = []
    for at, cell in enumerate(grid):
        for k, (repeat, fold) in enumerate(parts.names):
            values = dict(zip(METRICS, folds[at, k], strict=True))
            values |= {f"threshold_{policy}": limits[cell][p][k] for p, policy in enumerate(POLICIES)}
            rows += [(*cell, repeat, fold, name, value) for name, value in values.items()]
    return pd.DataFrame(rows, columns=["strategy", "model", "repeat", "fold", "metric", "value"])


def entries(params: Params, stored: dict[str, Any]) -> dict[Cell, Entry]:
    """What is known of every cell of the grid before its scores are looked at."""
    plain, searched = levels.plain_of(params.models), levels.searched(params)
    result = {}
    for strategy, model in params.cells:
        told = stored[strategy]["models"][model]
        cell = strategy, params.strategies[strategy], model, params.models[model]
        result[strategy, model] = Entry(
            told["status"], told["reason"], told["notes"], levels.level(*cell), levels.correction(*cell), plain[model],
            searched[model],
        )  # fmt: skip
    return result


def reliability(cell: Cell, folds: list[FoldScores], y: NDArray[np.int8]) -> pd.DataFrame:
    """The reliability diagram of a cell, of the raw and of the corrected probabilities; each row once."""
    labels, scores, log_odds = pooled(folds, y)
    sides = {"raw": scores, "corrected": corrections.probability(log_odds)}
    return _of_cell(
        cell, {side: calibration.reliability(labels, p) for side, p in sides.items() if not np.isnan(p).any()}
    )


def histogram(cell: Cell, folds: list[FoldScores], y: NDArray[np.int8]) -> pd.DataFrame:
    """How the raw scores of each class are distributed."""
    labels, scores, _ = pooled(folds, y)
    return _of_cell(cell, {"raw": calibration.histogram(labels, scores)})


def _of_cell(cell: Cell, by_side: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(
        [frame.assign(strategy=cell[0], model=cell[1], side=side) for side, frame in by_side.items()], ignore_index=True
    )


def learning(folder: Path, cell: Cell) -> pd.DataFrame:
    """The learning curve of a cell, the mean and the range over folds; empty where its model has none."""
    path = folder / cell[0] / f"{cell[1]}.history.parquet"
    if not path.is_file():
        return pd.DataFrame(columns=LEARNING)
    curves = files.read_parquet(path).groupby(["series", "step"], sort=True)["value"]
    frame = curves.agg(mean="mean", low="min", high="max").reset_index()
    return frame.assign(strategy=cell[0], model=cell[1])[LEARNING]


def trials(folder: Path, cell: Cell) -> pd.DataFrame:
    """The trials of a cell's searches; empty where there were none."""
    path = folder / cell[0] / f"{cell[1]}.trials.json"
    found = [
        {**trial, "strategy": cell[0], "model": cell[1], "params": json.dumps(trial["params"], sort_keys=True)}
        for trial in (files.read_json(path) if path.is_file() else [])
    ]
    return pd.DataFrame(found, columns=TRIALS)


def remove_leftovers(dataset: str, params: Params) -> None:
    """Remove what a strategy that is no longer in params.yaml left behind.

    DVC keeps the outs of a stage that is gone; this folder is a dependency, so a leftover would go into the hash that a
    colleague's folder, which never had it, cannot match.
    """
    for folder in (paths.scores(dataset), paths.measured(dataset), paths.resampled(dataset)):
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in params.strategies:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def evaluate(
    dataset: str, params: Params, y: NDArray[np.int8], parts: Parts, matrix: CostMatrix, facts: dict[str, Any],
    stored: dict[str, Any], scores: dict[Cell, list[FoldScores]],
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """The tables of a dataset's evaluation that follow from its scores, by name.

    Parameters
    ----------
    stored : dict
        For each strategy the class counts and the status of its models, as `train` left them.
    scores : dict
        The scores of the cells whose status is ok.
    """
    grid = entries(params, stored)
    scores = {
        cell: put_right(
            mine, grid[cell].correction, y, stored[cell[0]]["counts"], stored[cell[0]]["models"][cell[1]]["folds"]
        )
        for cell, mine in scores.items()
    }
    empty = np.empty((0, len(parts), len(METRICS)))
    seed = seed_for(params.seed, dataset, "bootstrap")
    folds, draws = measure(list(scores.values()), parts, y, seed) if scores else (empty, empty)
    rows, limits = [], {}
    for cell, mine in scores.items():
        decided, limits[cell] = decisions(dataset, cell, mine, y, params.thresholds_of(dataset), matrix)
        rows += decided
    counts = [{"strategy": strategy, **count} for strategy in params.strategies for count in stored[strategy]["counts"]]

    once = sum(repeat == parts.names[0][0] for repeat, _ in parts.names)  # the folds of the first repeat

    def of_each(table: Any, columns: list[str], many: int | None = None) -> pd.DataFrame:
        made = [table(cell, mine[:many], y)[columns] for cell, mine in scores.items()]
        return pd.concat(made, ignore_index=True) if made else pd.DataFrame(columns=columns)

    return {
        "leaderboard": leaderboard(dataset, grid, scores, y, folds, draws, facts),
        "decisions": pd.DataFrame(rows, columns=DECISIONS).astype(dict.fromkeys(Confusion._fields, "Int64")),
        "folds": by_fold(list(scores), parts, folds, limits),
        "curves": of_each(curves, ["strategy", "model", "curve", "x", "y"]),
        "counts": pd.DataFrame(counts).astype(dict.fromkeys(COUNTED, "Int64"))[COUNTS],
        "reliability": of_each(reliability, RELIABILITY, once),
        "histograms": of_each(histogram, HISTOGRAM),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.evaluate", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    name = parser.parse_args().dataset
    params = config.load()
    params.dataset(name)
    remove_leftovers(name, params)
    table, parts, matrix = tables.read(paths.table(name)), splits.read(paths.split(name)), costs.read(paths.costs(name))
    facts = files.read_json(paths.facts(name))
    stored = {strategy: files.read_json(paths.scores(name, strategy) / "cells.json") for strategy in params.strategies}
    scores = {}
    for strategy, model in params.cells:
        if stored[strategy]["models"][model]["status"] == OK:
            path = paths.scores(name, strategy) / f"{model}.parquet"
            scores[strategy, model] = fold_scores(files.read_parquet(path), parts, str(path))
    made = evaluate(name, params, table.y, parts, matrix, facts, stored, scores)
    for title, collect, columns in (("learning", learning, LEARNING), ("trials", trials, TRIALS)):
        found = [frame for cell in scores if len(frame := collect(paths.scores(name), cell))]
        made[title] = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)
    folder = paths.evaluation(name)
    for title, content in made.items():
        files.write_csv(folder / f"{title}.csv", content)
    tested = np.unique(np.concatenate([fold.test for fold in parts]))
    files.write_json(folder / "dataset.json", {
        **facts, "dataset": name, "split": params.split_of(name).model_dump(), "folds": len(parts),
        "thresholds": params.thresholds_of(name).model_dump(), "costs": params.costs_of(name).model_dump(),
        "costs_without_a_model": costs.reference(table.y[tested], matrix.of(tested)),
        "draws": bootstrap.DRAWS, "level": bootstrap.LEVEL,
    })  # fmt: skip
    print(f"{name}: {len(scores)} of {len(params.cells)} cells evaluated")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
