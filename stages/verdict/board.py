"""The leaderboard: every metric of every cell with its interval, and the differences between cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from stages.config import NONE
from stages.data.parts import Parts
from stages.remedies import corrections
from stages.remedies.corrections import Correction
from stages.verdict import bootstrap, calibration, metrics
from stages.verdict.columns import CALIBRATION, EXTRA, LEADERBOARD
from stages.verdict.metrics import METRICS, Ranking, Vector
from stages.verdict.scored import Cell, FoldScores, pooled


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
        np.column_stack(
            [
                loss
                for cell in cells
                for scores in (cell[k].test_scores, cell[k].corrected)
                for loss in metrics.losses(y[cell[k].test], scores)
            ]
        )
        for k in range(len(names))
    ]

    def block(weights: metrics.Weights) -> Vector:
        values = np.empty((len(cells), len(names), weights.shape[1], len(METRICS)))
        for k in range(len(names)):
            for c in range(len(cells)):
                values[c, k, :, :2] = np.column_stack(rankings[c][k].metrics(weights))
            means = metrics.weighted_mean(losses[k], weights[cells[0][k].test])
            values[:, k, :, 2:] = means.reshape(weights.shape[1], len(cells), -1).transpose(1, 0, 2)
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


@dataclass(frozen=True)
class Entry:
    """What is known of a cell before its scores are looked at.

    Attributes
    ----------
    status, reason, notes : as `train` left them
    level, correction : see `stages.remedies.levels`
    plain_model : str or None
        The model that does nothing, with strategy none.
    trials : int
        Of the search for its parameters.
    """

    status: str
    reason: str
    notes: list[str]
    level: str
    correction: Correction
    plain_model: str | None
    trials: int


def leaderboard(
    dataset: str, grid: Mapping[Cell, Entry], scores: Mapping[Cell, list[FoldScores]], y: NDArray[np.int8], folds: Vector,
    draws: Vector, facts: dict[str, Any],
) -> pd.DataFrame:  # fmt: skip
    """One row a cell; a cell that could not run has its status and reason and no numbers.

    Parameters
    ----------
    scores : mapping of the cells that ran
    folds, draws : ndarray
        What `measure` gives for them, in the same order.
    """
    places = {cell: k for k, cell in enumerate(scores)}
    rows = []
    for cell, entry in grid.items():
        strategy, model = cell
        row: dict[str, Any] = {
            "dataset": dataset, "strategy": strategy, "model": model, "status": entry.status, "reason": entry.reason,
            "rows": facts["rows"], "prevalence": facts["prevalence"],
        }  # fmt: skip
        at = places.get(cell)
        reasons = [entry.reason]
        for m, name in enumerate(METRICS):
            values = folds[at, :, m] if at is not None else np.array([np.nan])
            row[name] = float(np.nanmean(values)) if not np.isnan(values).all() else np.nan
            row[f"{name}_low"], row[f"{name}_high"] = (
                bootstrap.interval(draws[at, :, m]) if at is not None else (np.nan, np.nan)
            )
            missing = int(np.isnan(values).sum())
            if at is not None and missing and not name.endswith("_corrected"):
                reasons.append(f"{name} is not defined in {missing} of {len(values)} folds: one class alone")
        if at is not None:
            row |= _calibration(scores[cell], y)
            reasons += _not_put_right(scores[cell])
        others = [("delta_average_precision", "delta", model if strategy != NONE else None)]
        others += [("delta_plain", "delta_plain", entry.plain_model if cell != (NONE, entry.plain_model) else None)]
        for name, bounds, other in others:
            row |= dict.fromkeys((name, f"{bounds}_low", f"{bounds}_high"), np.nan)
            base = places.get((NONE, other)) if other is not None else None
            if at is not None and base is not None:
                row[name] = float(np.nanmean(folds[at, :, 0]) - np.nanmean(folds[base, :, 0]))
                row[f"{bounds}_low"], row[f"{bounds}_high"] = bootstrap.interval(draws[at, :, 0] - draws[base, :, 0])
        row["reason"] = "; ".join(filter(None, reasons))
        row |= {name: getattr(entry, name) for name in ("level", "correction", "plain_model", "trials")}
        rows.append({**row, "folds": folds.shape[1], "notes": "; ".join(entry.notes)})
    return pd.DataFrame(rows, columns=[*LEADERBOARD, *EXTRA])


def _calibration(cell: list[FoldScores], y: NDArray[np.int8]) -> dict[str, float]:
    """How right the probabilities are, over the rows of all folds: a fold has too few positives to tell."""
    labels, scores, log_odds = pooled(cell, y)
    result: dict[str, float] = {}
    for side, values in (("", corrections.log_odds(scores)), ("_corrected", log_odds)):
        line = calibration.slope_intercept(labels, values)
        error = calibration.expected_calibration_error(labels, corrections.probability(values))
        found = line.slope, line.intercept, error
        result |= {f"{name}{side}": float(value) for name, value in zip(CALIBRATION, found, strict=True)}
    return result


def _not_put_right(cell: list[FoldScores]) -> list[str]:
    reasons = [fold.reason for fold in cell if fold.reason]
    if not reasons:
        return []
    return [f"no corrected probabilities in {len(reasons)} of {len(cell)} folds: {reasons[0]}"]
