"""Threshold rules, and the error rates of their decisions.

A row is predicted positive when its score is at least the threshold. Thresholds are chosen on the
validation rows, never on test rows. Validation rows keep the natural prevalence, and neither
samplers nor fits use them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Labels
from counterpoise.evaluation.costs import CostMatrix

Counts = NDArray[np.float64]


class Confusion(NamedTuple):
    """Counts of decisions; arrays where many thresholds are evaluated together.

    Attributes
    ----------
    tn, fp, fn, tp : ndarray
        True negatives, false positives, false negatives and true positives.
    """

    tn: Counts
    fp: Counts
    fn: Counts
    tp: Counts


def confusion(y: Labels, predicted: NDArray[np.bool_]) -> Confusion:
    """Count decisions.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.
    predicted : ndarray of shape (n,), bool
        Which rows are predicted positive.

    Returns
    -------
    Confusion
        Scalars.
    """
    positive = y == 1
    tp, fp = np.sum(predicted & positive), np.sum(predicted & ~positive)
    return Confusion(np.sum(~positive) - fp, fp, np.sum(positive) - tp, tp)


def rates(counts: Confusion) -> dict[str, Counts]:
    """Rates of counts.

    F1 is 2 tp / (2 tp + fp + fn). G-mean is the geometric mean of recall and specificity (Kubat and
    Matwin 1997), balanced accuracy their arithmetic mean.

    Parameters
    ----------
    counts : Confusion
        Scalars or arrays of equal shape.

    Returns
    -------
    dict of str to ndarray
        NaN where a rate is not defined: precision without predicted positives, recall without
        positive rows, specificity without negative rows, Matthews correlation with an empty margin.
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
    """Threshold that maximises a rate.

    Every distinct score is a candidate, since decisions do not change between two of them. A
    threshold at which the rate is undefined is chosen only if all others are undefined too. For a
    model that gives every row one score, the result is that score.

    Parameters
    ----------
    y, scores : ndarray of shape (n,)
        Labels and scores of the validation rows.
    metric : str
        Name of a rate, see `rates`.

    Returns
    -------
    float
        The highest of equally good thresholds; NaN where the rows have one class.
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


def cheapest(cost_margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log odds from which on each row is predicted positive at the lowest expected cost.

    Positive is cheaper where p (C_fn - C_tp) >= (1 - p) (C_fp - C_tn), that is, where the odds are
    at least (C_fp - C_tn) / (C_fn - C_tp) (Elkan 2001, equation 2, with the costs of the row). It
    requires calibrated probabilities, so recalibrated ones are compared with it.

    Parameters
    ----------
    cost_margins : ndarray of shape (n, 2)
        See `CostMatrix.cost_margins`.

    Returns
    -------
    ndarray of shape (n,)
        Thresholds in log odds; -inf or inf where one of the columns is 0.
    """
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(cost_margins[:, 0]) - np.log(cost_margins[:, 1]))


def empirical(y: Labels, scores: NDArray[np.float64], costs: CostMatrix) -> float:
    """Threshold with the lowest cost on some rows.

    Candidates are the distinct scores, and the next number above the highest score, which predicts
    no row positive.

    Parameters
    ----------
    y, scores : ndarray of shape (n,)
        Labels and scores of the validation rows.
    costs : CostMatrix
        Misclassification costs of these rows.

    Returns
    -------
    float
        The highest of equally cheap thresholds; NaN where the rows have one class.
    """
    if not 0 < y.sum() < len(y):
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))
    # extra cost of predicting a row positive instead of negative
    more = np.where(
        y == 1,
        costs.true_positive - costs.false_negative,
        costs.false_positive - costs.true_negative,
    )
    total = np.concatenate([[0.0], np.cumsum(more[order])[last]])
    return float(
        np.concatenate([[np.nextafter(ordered[0], np.inf)], ordered[last]])[np.argmin(total)]
    )
