"""Threshold policies, and what a threshold's decisions are worth.

A row is predicted positive when its score is at least the threshold. Thresholds are chosen on the
validation slice, which keeps the natural prevalence and which no sampler and no fit has seen, never
on test rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Labels
from counterpoise.evaluation.costs import CostMatrix

Counts = NDArray[np.float64]


class Confusion(NamedTuple):
    """Counts of decisions; arrays where many thresholds are looked at together."""

    tn: Counts
    fp: Counts
    fn: Counts
    tp: Counts


def confusion(y: Labels, predicted: NDArray[np.bool_]) -> Confusion:
    """Count decisions."""
    positive = y == 1
    tp, fp = np.sum(predicted & positive), np.sum(predicted & ~positive)
    return Confusion(np.sum(~positive) - fp, fp, np.sum(positive) - tp, tp)


def rates(counts: Confusion) -> dict[str, Counts]:
    """Rates of counts, NaN where a rate is not defined.

    Precision without a predicted positive, recall without a positive row, specificity without a
    negative one and Matthews' correlation with an empty margin have no value. F1 is 2 tp / (2 tp +
    fp + fn); G-mean is the geometric mean of recall and specificity (Kubat and Matwin 1997),
    balanced accuracy their arithmetic mean.
    """
    tn, fp, fn, tp = (np.asarray(count, dtype=np.float64) for count in counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall, specificity = tp / (tp + fp), tp / (tp + fn), tn / (tn + fp)
        margins = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
        total = tn + fp + fn + tp
        values = {
            "precision": precision,
            "recall": recall,
            "specificity": specificity,
            "f1": 2 * tp / (2 * tp + fp + fn),
            "g_mean": np.sqrt(recall * specificity),
            "balanced_accuracy": (recall + specificity) / 2,
            "mcc": (tp * tn - fp * fn) / margins,
            "accuracy": (tp + tn) / total,
            "accuracy_of_no_positives": (tn + fp) / total,
        }
    return {name: np.where(np.isfinite(value), value, np.nan) for name, value in values.items()}


def tuned(y: Labels, scores: NDArray[np.float64], metric: str) -> float:
    """The threshold that maximises a rate; of several the highest. NaN where the slice has one
    class alone.

    A threshold at which the rate is not defined is the last resort: for a model that gives every
    row one score, it is that score.

    Every distinct score is a candidate: between two of them nothing changes.
    """
    if not 0 < y.sum() < len(y):
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], y[order] == 1
    last = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))
    tp = np.cumsum(positive)[last].astype(np.float64)
    fp = last + 1 - tp
    value = rates(Confusion((~positive).sum() - fp, fp, positive.sum() - tp, tp))[metric]
    return float(ordered[last[np.argmax(np.where(np.isnan(value), -np.inf, value))]])


def cheapest(stakes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The log odds from which on each row is positive, at the least expected cost.

    Positive is cheaper where p (C_fn - C_tp) >= (1 - p) (C_fp - C_tn), so where the odds are at
    least (C_fp - C_tn) / (C_fn - C_tp) (Elkan 2001, equation 2, with the costs of the row itself).
    It takes true probabilities: corrected ones.

    Parameters
    ----------
    stakes : ndarray of shape (n, 2)
        See `CostMatrix.stakes`.
    """
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(stakes[:, 0]) - np.log(stakes[:, 1]))


def empirical(y: Labels, scores: NDArray[np.float64], costs: CostMatrix) -> float:
    """The threshold that costs least on some rows; of several the highest. NaN where they have one
    class alone.

    To call no row positive is a candidate too: its threshold is the next number above the highest
    score.
    """
    if not 0 < y.sum() < len(y):
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))
    # what it costs more to call a row positive than to call it negative
    more = np.where(
        y == 1,
        costs.true_positive - costs.false_negative,
        costs.false_positive - costs.true_negative,
    )
    total = np.concatenate([[0.0], np.cumsum(more[order])[last]])
    return float(
        np.concatenate([[np.nextafter(ordered[0], np.inf)], ordered[last]])[np.argmin(total)]
    )
