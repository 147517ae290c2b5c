"""Stage evaluate: metrics from stored scores, with intervals, and decisions at each threshold policy.

No model is loaded here: a new metric, threshold or cost never retrains anything.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from stages import config, files, paths
from stages.config import NONE, Costs, Params, Thresholds, seed_for
from stages.data import parts as splits
from stages.data import tables
from stages.data.parts import Parts
from stages.errors import ResultError, guarded
from stages.remedies import thresholds as policies
from stages.remedies.outcome import OK
from stages.remedies.thresholds import Confusion
from stages.verdict import bootstrap, metrics
from stages.verdict.columns import COUNTED, COUNTS, DECISIONS, EXTRA, LEADERBOARD
from stages.verdict.metrics import METRICS, Ranking, Vector

Cell = tuple[str, str]
"""A strategy and a model."""

GRID = np.linspace(0, 1, 101)
"""Where the mean curves are drawn."""


@dataclass(frozen=True)
class FoldScores:
    """One cell's scores in one fold, rows ascending."""

    test: NDArray[np.int64]
    test_scores: Vector
    validation: NDArray[np.int64]
    validation_scores: Vector


def fold_scores(stored: pd.DataFrame, parts: Parts, where: str) -> list[FoldScores]:
    """A cell's stored scores by fold, held against the split: every row of a part has one score."""
    groups: Any = stored.groupby(["repeat", "fold", "part"], sort=True).indices
    rows, scores = stored["row"].to_numpy(dtype=np.int64), stored["score"].to_numpy()
    nothing = np.empty(0, np.int64)
    result = []
    for fold in parts:
        found = []
        for part, expected in ((splits.TEST, fold.test), (splits.VALIDATION, fold.validation)):
            at = groups.get((fold.repeat, fold.fold, part), nothing)
            at = at[np.argsort(rows[at], kind="stable")]
            if not np.array_equal(rows[at], np.sort(expected)):
                raise ResultError(
                    "Scores do not belong to this split.",
                    where=where,
                    expected=f"one score for each of the {len(expected)} {splits.PARTS[part]} rows of repeat {fold.repeat}, "
                    f"fold {fold.fold}",
                    found=f"{len(at)} scores",
                    todo="`dvc repro` makes them again.",
                )
            found += [rows[at], scores[at]]
        result.append(FoldScores(*found))
    return result


def measure(cells: Sequence[list[FoldScores]], parts: Parts, y: NDArray[np.int8], seed: int) -> tuple[Vector, Vector]:
    """Every metric of every cell, as it is and for each draw of the paired bootstrap.

    Returns
    -------
    folds : ndarray of shape (cells, folds, metrics)
    draws : ndarray of shape (cells, draws, metrics)
        Means over folds.
    """
    names = list(parts.names)
    rankings = [[Ranking.of(f.test, y[f.test], f.test_scores, len(y)) for f in cell] for cell in cells]
    losses = [
        np.column_stack([loss for cell in cells for loss in metrics.losses(y[cell[k].test], cell[k].test_scores)])
        for k in range(len(names))
    ]

    def block(weights: metrics.Weights) -> Vector:
        values = np.empty((len(cells), len(names), weights.shape[1], len(METRICS)))
        for k in range(len(names)):
            for c in range(len(cells)):
                values[c, k, :, :2] = np.column_stack(rankings[c][k].metrics(weights))
            means = metrics.weighted_mean(losses[k], weights[cells[0][k].test])
            values[:, k, :, 2:] = means.reshape(weights.shape[1], len(cells), 2).transpose(1, 0, 2)
        return values

    as_it_is = block(np.ones((len(y), 1), np.float32))[:, :, 0, :]
    total = -(-bootstrap.DRAWS // bootstrap.BLOCK)
    blocks = bootstrap.draws(parts, y, seed)
    drawn = [mean_of_folds(block(w)) for w in tqdm(blocks, total=total, desc="bootstrap", unit="block", disable=None)]
    return as_it_is, np.concatenate(drawn, axis=1)


def mean_of_folds(values: Vector) -> Vector:
    """The mean over axis 1, of the folds in which the metric is defined."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, values, 0).sum(axis=1) / defined.sum(axis=1))


def leaderboard(
    dataset: str, grid: Sequence[Cell], status: dict[Cell, dict[str, Any]], measured: dict[Cell, int], folds: Vector,
    draws: Vector, facts: dict[str, Any],
) -> pd.DataFrame:  # fmt: skip
    """One row a cell; a cell that could not run has its status and reason and no numbers."""
    rows = []
    for cell in grid:
        strategy, model = cell
        entry = status[cell]
        row: dict[str, Any] = {
            "dataset": dataset, "strategy": strategy, "model": model, "status": entry["status"], "reason": entry["reason"],
            "rows": facts["rows"], "prevalence": facts["prevalence"],
        }  # fmt: skip
        at = measured.get(cell)
        for m, name in enumerate(METRICS):
            values = folds[at, :, m] if at is not None else np.array([np.nan])
            row[name] = float(np.nanmean(values)) if not np.isnan(values).all() else np.nan
            row[f"{name}_low"], row[f"{name}_high"] = (
                bootstrap.interval(draws[at, :, m]) if at is not None else (np.nan, np.nan)
            )
            missing = int(np.isnan(values).sum())
            if at is not None and missing:
                told = f"{name} is not defined in {missing} of {len(values)} folds: one class alone"
                row["reason"] = "; ".join(filter(None, [row["reason"], told]))
        base = measured.get((NONE, model))
        row |= {"delta_average_precision": np.nan, "delta_low": np.nan, "delta_high": np.nan}
        if at is not None and base is not None and strategy != NONE:
            row["delta_average_precision"] = float(np.nanmean(folds[at, :, 0]) - np.nanmean(folds[base, :, 0]))
            row["delta_low"], row["delta_high"] = bootstrap.interval(draws[at, :, 0] - draws[base, :, 0])
        rows.append({**row, "folds": folds.shape[1], "notes": "; ".join(entry["notes"])})
    return pd.DataFrame(rows)[[*LEADERBOARD, *EXTRA]]


def threshold_of(policy: str, rules: Thresholds, y: NDArray[np.int8], fold: FoldScores) -> float:
    """The threshold of a policy in one fold; NaN where the validation slice cannot tell."""
    if policy == "half":
        return rules.half
    return policies.tuned(y[fold.validation], fold.validation_scores, rules.tuned)


POLICIES = tuple(Thresholds.model_fields)


def decisions(dataset: str, cell: Cell, folds: list[FoldScores], y: NDArray[np.int8], rules: Thresholds, costs: Costs
              ) -> tuple[list[dict[str, Any]], list[list[float]]]:  # fmt: skip
    """One row a policy: counts summed over folds and repeats, rates of these counts; and the threshold of each fold."""
    rows, chosen = [], []
    for policy in POLICIES:
        limits = [threshold_of(policy, rules, y, fold) for fold in folds]
        chosen.append(limits)
        row: dict[str, Any] = {"dataset": dataset, "strategy": cell[0], "model": cell[1], "policy": policy}
        if np.isnan(limits).any():
            rows.append({**row, "reason": f"{int(np.isnan(limits).sum())} of {len(limits)} folds have no validation slice "
                                          "with both classes to choose a threshold on"})  # fmt: skip
            continue
        each = [policies.confusion(y[f.test], f.test_scores, t) for f, t in zip(folds, limits, strict=True)]
        total = Confusion(*(np.sum(counts) for counts in zip(*each, strict=True)))
        values = {name: float(value) for name, value in policies.rates(total).items()}
        undefined = [name for name, value in values.items() if np.isnan(value)]
        side = "positive" if total.tp + total.fp == 0 else "negative"
        reason = f"not defined: {', '.join(undefined)} (no row was predicted {side})" if undefined else ""
        rows.append(
            {**row, "threshold": float(np.mean(limits)), **{name: int(n) for name, n in total._asdict().items()}, **values,
             "expected_cost": float(policies.expected_cost(total, costs)), "reason": reason}
        )  # fmt: skip
    return rows, chosen


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
    dataset: str, params: Params, y: NDArray[np.int8], parts: Parts, facts: dict[str, Any], stored: dict[str, Any],
    scores: dict[Cell, list[FoldScores]],
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """All tables of a dataset's evaluation, by name.

    Parameters
    ----------
    stored : dict
        For each strategy the class counts and the status of its models, as `train` left them.
    scores : dict
        The scores of the cells whose status is ok.
    """
    done = list(scores)
    empty = np.empty((0, len(parts), len(METRICS)))
    seed = seed_for(params.seed, dataset, "bootstrap")
    folds, draws = measure(list(scores.values()), parts, y, seed) if done else (empty, empty)
    status = {cell: stored[cell[0]]["models"][cell[1]] for cell in params.cells}
    rows, limits = [], {}
    for cell, mine in scores.items():
        decided, limits[cell] = decisions(
            dataset, cell, mine, y, params.thresholds_of(dataset), params.costs_of(dataset)
        )
        rows += decided
    counts = [{"strategy": strategy, **count} for strategy in params.strategies for count in stored[strategy]["counts"]]
    drawn = [curves(cell, mine, y) for cell, mine in scores.items()]
    return {
        "leaderboard": leaderboard(
            dataset, params.cells, status, {cell: k for k, cell in enumerate(done)}, folds, draws, facts
        ),
        "decisions": pd.DataFrame(rows, columns=DECISIONS).astype(dict.fromkeys(Confusion._fields, "Int64")),
        "folds": by_fold(done, parts, folds, limits),
        "curves": pd.concat(drawn) if drawn else pd.DataFrame(columns=["strategy", "model", "curve", "x", "y"]),
        "counts": pd.DataFrame(counts).astype(dict.fromkeys(COUNTED, "Int64"))[COUNTS],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.evaluate", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    name = parser.parse_args().dataset
    params = config.load()
    params.dataset(name)
    remove_leftovers(name, params)
    table, parts = tables.read(paths.table(name)), splits.read(paths.split(name))
    facts = files.read_json(paths.facts(name))
    stored = {strategy: files.read_json(paths.scores(name, strategy) / "cells.json") for strategy in params.strategies}
    scores = {}
    for strategy, model in params.cells:
        if stored[strategy]["models"][model]["status"] == OK:
            path = paths.scores(name, strategy) / f"{model}.parquet"
            scores[strategy, model] = fold_scores(files.read_parquet(path), parts, str(path))
    folder = paths.evaluation(name)
    for title, content in evaluate(name, params, table.y, parts, facts, stored, scores).items():
        files.write_csv(folder / f"{title}.csv", content)
    files.write_json(folder / "dataset.json", {
        **facts, "dataset": name, "split": params.split_of(name).model_dump(), "folds": len(parts),
        "thresholds": params.thresholds_of(name).model_dump(), "costs": params.costs_of(name).model_dump(),
        "draws": bootstrap.DRAWS, "level": bootstrap.LEVEL,
    })  # fmt: skip
    print(f"{name}: {len(scores)} of {len(params.cells)} cells evaluated")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
