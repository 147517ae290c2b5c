"""The leaderboard: every metric of every combination with its interval, and paired differences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from counterpoise.core.config import NONE
from counterpoise.core.types import Cell, Index, Labels, Vector
from counterpoise.data.folds import Parts
from counterpoise.evaluation import bootstrap, calibration, corrections, metrics, recalibration
from counterpoise.evaluation.columns import CALIBRATION, EXTRA, LEADERBOARD
from counterpoise.evaluation.corrections import Correction
from counterpoise.evaluation.fold_scores import FoldScores, pooled
from counterpoise.evaluation.metrics import METRICS, Ranking

VERDICT = ("difference", "difference_low", "difference_high", "p_adjusted", "verdict")


class Measured(NamedTuple):
    """Metrics of every combination: point estimates, and values in each bootstrap draw.

    Attributes
    ----------
    folds : ndarray of shape (combinations, folds, metrics)
        Point estimates.
    draws : ndarray of shape (combinations, `bootstrap.DRAWS`, metrics)
        Means over folds.
    """

    folds: Vector
    draws: Vector


def measure(
    cells: Sequence[list[FoldScores]],
    parts: Parts,
    y: Labels,
    seed: int,
    units: Index | None = None,
) -> Measured:
    """Compute all metrics of combinations, with bootstrap draws.

    Parameters
    ----------
    cells : sequence of list of FoldScores
        One item per combination, each with the folds of `parts` in order.
    parts : Parts
        The split.
    y : ndarray of shape (n,)
        Labels of the table's rows.
    seed : int
        Seed of the draws.
    units : ndarray of shape (n,), optional
        What the bootstrap redraws (`independent.units_of`); rows by default.

    Returns
    -------
    Measured
        In the order of `cells`.
    """
    if not cells:
        empty = np.empty((0, len(parts), len(METRICS)))
        return Measured(empty, empty)
    names = list(parts.names)
    rankings = [
        [Ranking.of(f.test, y[f.test], f.test_scores, len(y)) for f in cell] for cell in cells
    ]
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
        # in the order of METRICS: two ranking metrics, then the means of the losses
        values = np.empty((len(cells), len(names), weights.shape[1], len(METRICS)))
        for k in range(len(names)):
            for c in range(len(cells)):
                values[c, k, :, :2] = np.column_stack(rankings[c][k].metrics(weights))
            means = metrics.weighted_mean(losses[k], weights[cells[0][k].test])
            values[:, k, :, 2:] = means.reshape(weights.shape[1], len(cells), -1).transpose(1, 0, 2)
        return values

    as_it_is = block(np.ones((len(y), 1), np.float32))[:, :, 0, :]

    def piece(_: int, weights: metrics.Weights) -> Vector:
        return mean_of_folds(block(weights))

    pieces = bootstrap.over_draws(piece, parts, y, seed, units=units)
    return Measured(as_it_is, np.concatenate(pieces, axis=1))


def mean_of_folds(values: Vector) -> Vector:
    """Mean over the folds in which a metric is defined.

    Parameters
    ----------
    values : ndarray of shape (combinations, folds, ...)
        NaN where not defined.

    Returns
    -------
    ndarray of shape (combinations, ...)
        NaN where no fold defines the metric.
    """
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, values, 0).sum(axis=1) / defined.sum(axis=1))


@dataclass(frozen=True)
class CellProperties:
    """Properties of a combination that do not depend on its scores.

    Attributes
    ----------
    status, reason : str
    notes : list of str
        As `train` wrote them.
    level, remedy : str
    candidates : tuple of Correction
        See `counterpoise.evaluation.levels`.
    plain_model : str or None
        Model of the baseline, which has strategy none.
    trials : int
        Trials of the hyperparameter search, 0 for none.
    """

    status: str
    reason: str
    notes: list[str]
    level: str
    remedy: str
    candidates: tuple[Correction, ...]
    plain_model: str | None
    trials: int


def leaderboard(
    dataset: str,
    grid: Mapping[Cell, CellProperties],
    scores: Mapping[Cell, list[FoldScores]],
    calibrated: Mapping[Cell, Mapping[str, float]],
    measured: Measured,
    compared: pd.DataFrame,
    same: Mapping[Cell, Cell],
    facts: dict[str, Any],
) -> pd.DataFrame:
    """Build the leaderboard, one row per combination.

    A combination that could not run has its status and reason, and no numbers.

    Parameters
    ----------
    dataset : str
        Key of the dataset.
    grid : mapping of (strategy, model) to CellProperties
        Every combination.
    scores : mapping of (strategy, model) to list of FoldScores
        The combinations that ran.
    calibrated : mapping of (strategy, model) to mapping
        What `calibration_of` returns for each of them.
    measured : Measured
        Metrics of these combinations, in the same order.
    compared : DataFrame of `DIFFERENCES`
        Differences in every measure; the leaderboard shows those in average precision.
    same : mapping of (strategy, model) to (strategy, model)
        Combinations with the scores of an earlier one (`differences.same_scores`).
    facts : dict
        Facts of the dataset, among them `rows` and `prevalence`.

    Returns
    -------
    DataFrame of `LEADERBOARD` and `EXTRA`
        In the order of `grid`.
    """
    folds, draws = measured.folds, measured.draws
    positions = {cell: k for k, cell in enumerate(scores)}
    ranking = compared[compared["measure"] == METRICS[0]]
    verdicts = {(row["strategy"], row["model"]): row for row in ranking.to_dict("records")}
    rows = []
    for cell, properties in grid.items():
        strategy, model = cell
        row: dict[str, Any] = {
            "dataset": dataset,
            "strategy": strategy,
            "model": model,
            "status": properties.status,
            "reason": properties.reason,
            "rows": facts["rows"],
            "prevalence": facts["prevalence"],
        }
        at = positions.get(cell)
        reasons = [properties.reason]
        for m, name in enumerate(METRICS):
            values = folds[at, :, m] if at is not None else np.array([np.nan])
            row[name] = float(np.nanmean(values)) if not np.isnan(values).all() else np.nan
            row[f"{name}_low"], row[f"{name}_high"] = (
                bootstrap.interval(draws[at, :, m]) if at is not None else (np.nan, np.nan)
            )
            missing = int(np.isnan(values).sum())
            if at is not None and missing and not name.endswith("_corrected"):
                reasons.append(
                    f"{name} is not defined in {missing} of {len(values)} folds: one class alone"
                )
        if at is not None:
            row |= calibrated[cell]
            recalibrated = [f.recalibration for f in scores[cell] if f.recalibration is not None]
            reasons += recalibration.reasons(recalibrated)
            row["correction"], row["correction_folds"] = recalibration.usual(recalibrated)
            row |= {name: verdicts[cell][name] for name in VERDICT if cell in verdicts}
            row["same_as"] = "/".join(same[cell]) if cell in same else None
        row["reason"] = "; ".join(filter(None, reasons))
        row |= {
            name: getattr(properties, name) for name in ("level", "remedy", "plain_model", "trials")
        }
        rows.append({**row, "folds": folds.shape[1], "notes": "; ".join(properties.notes)})
    return pd.DataFrame(rows, columns=[*LEADERBOARD, *EXTRA])


def pairs_of(
    grid: Mapping[Cell, CellProperties], scores: Collection[Cell], same: Collection[Cell] = ()
) -> dict[Cell, Cell]:
    """Combinations that are compared, each with its baseline.

    Parameters
    ----------
    grid : mapping of (strategy, model) to CellProperties
        Every combination.
    scores : collection of (strategy, model)
        The combinations that have scores.
    same : collection of (strategy, model)
        Combinations with the scores of an earlier one, which are not compared again.

    Returns
    -------
    dict of (strategy, model) to (strategy, model)
        Both members of each pair have scores, and they differ.
    """
    pairs = {
        cell: (NONE, str(properties.plain_model))
        for cell, properties in grid.items()
        if properties.plain_model is not None
    }
    return {
        cell: baseline
        for cell, baseline in pairs.items()
        if cell != baseline and cell in scores and baseline in scores and cell not in same
    }


def calibration_of(cell: list[FoldScores], y: Labels) -> dict[str, float]:
    """Calibration statistics of a combination, over the pooled rows of all folds.

    Rows are pooled since one fold has too few positives for these statistics.

    Parameters
    ----------
    cell : list of FoldScores
        Scores with recalibrated log odds.
    y : ndarray of shape (n,)
        Labels of the table's rows.

    Returns
    -------
    dict of str to float
        Each name of `CALIBRATION`, for raw scores and with the suffix `_corrected`.
    """
    labels, scores, log_odds = pooled(cell, y)
    result: dict[str, float] = {}
    for side, values in (("", corrections.log_odds(scores)), ("_corrected", log_odds)):
        line = calibration.slope_intercept(labels, values)
        error = calibration.expected_calibration_error(labels, corrections.probability(values))
        statistics = line.slope, line.intercept, error
        result |= {
            f"{name}{side}": float(value)
            for name, value in zip(CALIBRATION, statistics, strict=True)
        }
    return result
