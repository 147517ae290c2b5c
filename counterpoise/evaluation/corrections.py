"""Formulas behind recalibration: shifts of the log odds, and the sigmoid.

A model fitted on resampled or weighted rows estimates the probability of a positive among those
rows, not at the natural prevalence. Where the remedy multiplies the odds of every row by one factor
w, a formula removes the factor:

    log odds = log(p / (1 - p)) - log(w)

Two papers give this formula. Positives weighted or repeated w times give p / (p + w (1 - p)) (Elkan
2001, theorem 2). Undersampling that keeps a share b of the negatives gives b p / (b p - p + 1) (Dal
Pozzolo et al. 2015), where w is 1 / b. The formula with 1 / w is its inverse.

It is exact under two conditions. The rows of a class were drawn, repeated or weighted independently
of their features, and the model estimates probabilities among its training rows. A logistic
regression does. A forest of fully grown trees memorises repeated rows, so repeating them changes
its probabilities of other rows by far less than w. The shift is then too large; the calibration
intercept shows it, and a fitted recalibration removes it. A probability of exactly 0 or 1 does not
change under any shift. Any other remedy is recalibrated on the validation rows, which keep the
natural prevalence.

Functions exchange log odds: a shift is then a sum, and a probability near 1 lacks the digits to
represent it. `probability` converts back.

References
----------
C. Elkan (2001). The foundations of cost-sensitive learning. IJCAI.

A. Dal Pozzolo, O. Caelen, R. A. Johnson and G. Bontempi (2015). Calibrating probability with
undersampling for unbalanced classification. IEEE SSCI.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import expit, logit

from counterpoise.core.errors import NotApplicable
from counterpoise.core.types import Labels, Vector

Correction = Literal["none", "exact", "approximate", "sigmoid", "isotonic"]
"""How a combination's probabilities are recalibrated.

none: the rows are unchanged, and so are the probabilities. exact: the shift by the factor, for rows
drawn, repeated or weighted by class alone. approximate: the same formula where it holds only
approximately, for synthetic rows (SMOTE, ADASYN). sigmoid, isotonic: fitted on the validation rows,
for everything else (NearMiss, ENN, Tomek links, focal loss)."""

Counts = tuple[float, float]
"""Negatives and positives, in the order of the columns of class counts."""

HALF = float(np.log(2))
"""Log of 2: half or twice the odds are this far apart in log odds."""

ITERATIONS = 100
"""Maximum number of Newton steps."""


def log_odds(p: Vector) -> Vector:
    """Log odds log(p / (1 - p)): -inf at 0, inf at 1, NaN outside of [0, 1].

    They increase with p, but rounding makes them not strictly increasing: 1e-10 and the next larger
    double have equal log odds. `in_order_of` restores a strict order.

    Parameters
    ----------
    p : ndarray of shape (n,)
        Probabilities.

    Returns
    -------
    ndarray of shape (n,), float64
        Log odds.
    """
    return np.asarray(logit(np.asarray(p, dtype=np.float64)))


def probability(values: Vector) -> Vector:
    """Probabilities of log odds.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Log odds.

    Returns
    -------
    ndarray of shape (n,)
        1 / (1 + exp(-values)).
    """
    return np.asarray(expit(values))


def odds_factor(before: Counts, after: Counts, weight_ratio: float = 1.0) -> float:
    """Factor by which a remedy multiplies the odds of a positive.

        (positives after / negatives after) / (positives before / negatives before) * weight_ratio

    Parameters
    ----------
    before, after : tuple of (negatives, positives)
        Class counts of the training rows before and after resampling.
    weight_ratio : float
        Weight of a positive row over that of a negative row: `scale_pos_weight`, or the ratio of
        the class weights. Resampling and weighting multiply.

    Returns
    -------
    float
        NaN where one of the classes is empty.
    """
    if min(*before, *after) <= 0:
        return float("nan")
    return float((after[1] / after[0]) / (before[1] / before[0]) * weight_ratio)


def in_order_of(p: Vector, values: Vector) -> Vector:
    """Separate the values of an increasing function of p that rounding made equal.

    Equal values are moved apart by the smallest possible steps: doubles are mapped to consecutive
    integers, so that adding 1 gives the next double.

    Parameters
    ----------
    p : ndarray of shape (n,)
        Arguments; rows with equal p keep equal values.
    values : ndarray of shape (n,), float64
        Non-decreasing function of p.

    Returns
    -------
    ndarray of shape (n,)
        Values that increase strictly with p.
    """
    _, first, where = np.unique(p, return_index=True, return_inverse=True)
    distinct = values[first]
    # the bits of a non-negative double, read as an integer, sort as the doubles do
    bits = np.where(distinct < 0, -1, 1) * np.abs(distinct).view(np.int64)
    steps = np.arange(len(bits))
    bits = np.maximum.accumulate(bits - steps) + steps
    return np.asarray((np.where(bits < 0, -1.0, 1.0) * np.abs(bits).view(np.float64))[where])


def finite_range(values: Vector) -> tuple[float, float]:
    """Lowest and highest finite value.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Log odds, which may be infinite.

    Returns
    -------
    tuple of float
        (0, 0) where no value is finite.
    """
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)


def drawn_in(values: Vector, low: float, high: float) -> Vector:
    """Move log odds outside of a range towards it, at most half or twice the odds beyond its ends.

    Odds below the lower end become the mean of themselves and that end; above, the mirror image.
    The order is kept. A forest's probability of exactly 0 thus counts as half of the smallest odds
    of any other row. Analysts replace values below a limit of detection by half the limit in the
    same way. The result of a row depends on that row and the range only.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Log odds, which may be infinite.
    low, high : float
        Ends of the range, in log odds.

    Returns
    -------
    ndarray of shape (n,)
        Log odds between low - log(2) and high + log(2).
    """
    with np.errstate(under="ignore"):
        below = low - HALF + np.log1p(np.exp(np.minimum(values - low, 0)))
        above = high + HALF - np.log1p(np.exp(np.minimum(high - values, 0)))
    return np.asarray(np.where(values < low, below, np.where(values > high, above, values)))


def logistic(values: Vector, targets: Vector) -> tuple[float, float]:
    """Unpenalised logistic regression on one feature, by Newton's method with step halving.

    The caller ensures that a minimum exists: the values are not all equal, and they do not separate
    targets of 0 from targets of 1.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The feature.
    targets : ndarray of shape (n,)
        Targets in [0, 1], with a mean strictly between 0 and 1.

    Returns
    -------
    slope, intercept : float
        In the feature's own units.

    References
    ----------
    H.-T. Lin, C.-J. Lin and R. C. Weng (2007). A note on Platt's probabilistic outputs for support
    vector machines. Machine Learning 68.
    """
    # a standardised feature keeps the 2 x 2 Hessian well conditioned
    centre, scale = float(values.mean()), float(values.std())
    x = (values - centre) / scale
    mean = float(targets.mean())
    slope, intercept = 0.0, float(np.log(mean / (1 - mean)))
    line = slope * x + intercept
    loss = _log_loss(line, targets)
    for _ in range(ITERATIONS):
        p = expit(line)
        residual, curvature = p - targets, p * (1 - p)
        of_slope, of_intercept = float(residual @ x), float(residual.sum())
        weighted = curvature * x
        xx, xo, oo = float(weighted @ x), float(weighted.sum()), float(curvature.sum())
        determinant = xx * oo - xo * xo
        if not determinant > 0:
            break
        step = (
            (of_slope * oo - of_intercept * xo) / determinant,
            (of_intercept * xx - of_slope * xo) / determinant,
        )
        decrement = of_slope * step[0] + of_intercept * step[1]
        size = 1.0
        while True:
            further = (slope - size * step[0]) * x + (intercept - size * step[1])
            there = _log_loss(further, targets)
            if there <= loss - 1e-4 * size * decrement or size < 1e-6:
                break
            size /= 2
        if not there < loss:  # converged as far as rounding allows
            break
        slope, intercept, line, loss = (
            slope - size * step[0],
            intercept - size * step[1],
            further,
            there,
        )
    slope /= scale
    return slope, intercept - slope * centre


def _log_loss(line: Vector, targets: Vector) -> float:
    """Log loss, summed over rows, of probabilities given as log odds."""
    size = np.abs(line)
    return float((np.log1p(np.exp(-size)) + (size + line) / 2).sum() - line @ targets)


def smoothed(y: Labels) -> tuple[float, float]:
    """Platt's targets of negatives and positives.

    They are 1 / (negatives + 2) and (positives + 1) / (positives + 2): the expectation for the next
    row of a class whose rows were all the same so far (Laplace's rule of succession). They prevent
    a fit on few positives from reaching certainty.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.

    Returns
    -------
    of_negatives, of_positives : float
        Targets in (0, 1).
    """
    positives = int((y == 1).sum())
    return 1 / (len(y) - positives + 2), (positives + 1) / (positives + 2)


def fit_sigmoid(y: Labels, values: Vector) -> tuple[float, float]:
    """Fit Platt's sigmoid: recalibrated log odds = slope * log odds + intercept.

    Platt fits 1 / (1 + exp(A f + B)) to smoothed targets (`smoothed`), so that A is minus the slope
    and B minus the intercept. Here f is the log odds, so that slope 1 and intercept 0 give the
    identity.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels of the validation rows.
    values : ndarray of shape (n,)
        Finite log odds of these rows.

    Returns
    -------
    slope, intercept : float
        The slope is positive.

    Raises
    ------
    NotApplicable
        If the rows have one class or one score, or if the slope is not positive. With such a slope,
        these positives score no higher than the negatives, and the sigmoid would reverse the order.

    References
    ----------
    J. C. Platt (1999). Probabilistic outputs for support vector machines and comparisons to
    regularized likelihood methods. Advances in Large Margin Classifiers, MIT Press.
    """
    check_both_classes(y)
    if values.min() == values.max():
        raise NotApplicable("every validation row has the same score, so no sigmoid can be fitted")
    of_negatives, of_positives = smoothed(y)
    slope, intercept = logistic(values, np.where(y == 1, of_positives, of_negatives))
    if not slope > 0:
        raise NotApplicable(
            f"the sigmoid fitted on the validation rows has slope {slope:.2g}: there the positives"
            " score no higher than the negatives, and it would reverse the order"
        )
    return slope, intercept


def check_both_classes(y: Labels) -> None:
    """Check that the validation rows have positives and negatives.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.

    Raises
    ------
    NotApplicable
        If they have one class only.
    """
    positives = int((y == 1).sum())
    if not 0 < positives < len(y):
        raise NotApplicable(
            "a recalibration needs both classes among the validation rows, and they have"
            f" {positives:,} positives and {len(y) - positives:,} negatives"
        )
