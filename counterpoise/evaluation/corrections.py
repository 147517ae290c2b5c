"""Probabilities after a remedy: wrong by construction, and the parts of which `Calibrator` is made.

A model fitted on rows that were resampled or weighted estimates the probability of a positive among
those rows, not among the rows as they come. Where the remedy multiplies the odds of every row by
one factor w, a formula takes the factor out again:

    log odds = log(p / (1 - p)) - log(w)

This is both papers' formula: positives weighted or repeated w times give p / (p + w (1 - p))
(Elkan 2001, theorem 2), and undersampling that keeps a share b of the negatives gives b p / (b p -
p + 1) (Dal Pozzolo et al. 2015), where w is 1 / b. It is its own inverse with 1 / w.

It is exact when the rows of a class were drawn, repeated or weighted without regard to their
features, and as far as the model estimates probabilities among the rows it was given. A logistic
regression does. A forest of full trees knows repeated rows by heart, so that repeating them moves
its probabilities of other rows far less than by w, and the shift then goes too far: the calibration
intercept shows it, and a recalibration corrects it. A probability of exactly 0 or 1 stays what it
is, however large the shift. Any other remedy is recalibrated on the validation rows, which keep the
natural prevalence.

Everything is handed on as log odds: a shift of them is a sum, and a probability near 1 has no
digits left for what a shift does to it. `probability` is the way back.

References
----------
C. Elkan (2001). The foundations of cost-sensitive learning. IJCAI. A. Dal Pozzolo, O. Caelen, R. A.
Johnson and G. Bontempi (2015). Calibrating probability with undersampling for unbalanced
classification. IEEE SSCI.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import expit, logit

from counterpoise.core.errors import NotApplicable
from counterpoise.core.types import Labels, Vector

Correction = Literal["none", "exact", "approximate", "sigmoid", "isotonic"]
"""How a combination's probabilities are recalibrated.

none: the rows came as they are, and nothing is corrected. exact: the shift by the factor, for rows
that were drawn, repeated or weighted by class and by nothing else. approximate: the same formula
where it holds only roughly, for rows that were made (SMOTE, ADASYN). sigmoid, isotonic: fitted, for
everything else (NearMiss, ENN, Tomek links, focal loss).
"""

Counts = tuple[float, float]
"""Negatives and positives, in the order of the columns of class counts."""

HALF = float(np.log(2))
ITERATIONS = 100


def log_odds(p: Vector) -> Vector:
    """The logarithm of p / (1 - p): -inf at 0, inf at 1, NaN outside of [0, 1].

    It rises with p but, being rounded, not strictly: 1e-10 and the next larger double share their
    log odds. Where the order of rows must survive, `in_order_of` sees to it.
    """
    return np.asarray(logit(np.asarray(p, dtype=np.float64)))


def probability(values: Vector) -> Vector:
    """The probability that belongs to log odds."""
    return np.asarray(expit(values))


def odds_factor(before: Counts, after: Counts, weight_ratio: float = 1.0) -> float:
    """By how much a remedy multiplies the odds of a positive.

        (positives after / negatives after) / (positives before / negatives before) * weight_ratio

    Parameters
    ----------
    before, after : negatives and positives
        Of the training rows before and after resampling.
    weight_ratio : float
        What a positive row weighs in the fit over what a negative one weighs: `scale_pos_weight`,
        or the ratio of the class weights. Resampling and weighting multiply.

    Returns
    -------
    float
        NaN where one of the classes is empty.
    """
    if min(*before, *after) <= 0:
        return float("nan")
    return float((after[1] / after[0]) / (before[1] / before[0]) * weight_ratio)


def in_order_of(p: Vector, values: Vector) -> Vector:
    """The values of a rising function of p, with what rounding made equal moved apart by the least
    steps there are.

    Doubles are counted off as whole numbers, so that one more is the next double.
    """
    _, first, where = np.unique(p, return_index=True, return_inverse=True)
    distinct = values[first]
    place = np.where(distinct < 0, -1, 1) * np.abs(distinct).view(np.int64)
    steps = np.arange(len(place))
    place = np.maximum.accumulate(place - steps) + steps
    return np.asarray((np.where(place < 0, -1.0, 1.0) * np.abs(place).view(np.float64))[where])


def finite_range(values: Vector) -> tuple[float, float]:
    """The lowest and the highest finite value; 0 and 0 where there is none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)


def drawn_in(values: Vector, low: float, high: float) -> Vector:
    """Log odds with those outside of a range drawn in, in their order: none ends farther out than
    half or twice the odds.

    Odds below the lower end become the mean of themselves and that end, and mirrored above. A
    forest's probability of exactly 0 so counts as half of the smallest odds it gave another row, as
    one writes half of the limit for what lies below the limit of detection. What becomes of a row
    depends on that row and the range alone.
    """
    with np.errstate(under="ignore"):
        below = low - HALF + np.log1p(np.exp(np.minimum(values - low, 0)))
        above = high + HALF - np.log1p(np.exp(np.minimum(high - values, 0)))
    return np.asarray(np.where(values < low, below, np.where(values > high, above, values)))


def logistic(values: Vector, targets: Vector) -> tuple[float, float]:
    """Slope and intercept of the logistic regression of targets in [0, 1] on one feature, without a
    penalty.

    Newton's method with halved steps. The caller sees to it that there is a minimum: that values
    are not all the same, and that they do not separate targets of 0 from targets of 1.

    References
    ----------
    H.-T. Lin, C.-J. Lin and R. C. Weng (2007). A note on Platt's probabilistic outputs for support
    vector machines. Machine Learning 68.
    """
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
        if not there < loss:  # as near as rounding lets it come
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
    """The log loss, summed over rows, of probabilities given as log odds."""
    size = np.abs(line)
    return float((np.log1p(np.exp(-size)) + (size + line) / 2).sum() - line @ targets)


def smoothed(y: Labels) -> tuple[float, float]:
    """Platt's targets of the negatives and the positives: 1 / (negatives + 2) and (positives + 1) /
    (positives + 2).

    They are what one would expect of the next row of a class whose rows were all the same so far
    (Laplace's rule), and they keep a fit on few positives from certainty.
    """
    positives = int((y == 1).sum())
    return 1 / (len(y) - positives + 2), (positives + 1) / (positives + 2)


def fit_sigmoid(y: Labels, values: Vector) -> tuple[float, float]:
    """Slope and intercept of Platt's sigmoid: recalibrated log odds = slope * log odds + intercept.

    Platt fits 1 / (1 + exp(A f + B)) to the smoothed targets (`smoothed`), so that A is minus the
    slope and B minus the intercept; f here is the log odds, with which the sigmoid holds the
    identity.

    Raises
    ------
    NotApplicable
        Where the rows have one class alone or one score alone, or where the slope does not come out
        positive: the model then ranks these positives no higher than the negatives, and the sigmoid
        would turn its order round.

    References
    ----------
    J. C. Platt (1999). Probabilistic outputs for support vector machines and comparisons to
    regularized likelihood methods. Advances in Large Margin Classifiers, MIT Press.
    """
    check_both_classes(y)
    if values.min() == values.max():
        raise NotApplicable(
            "every validation row has the same score, so there is nothing to fit a sigmoid to"
        )
    of_negatives, of_positives = smoothed(y)
    slope, intercept = logistic(values, np.where(y == 1, of_positives, of_negatives))
    if not slope > 0:
        raise NotApplicable(
            f"the sigmoid fitted on the validation rows has slope {slope:.2g}: there the positives"
            " score no higher than the negatives, and it would turn the order round"
        )
    return slope, intercept


def check_both_classes(y: Labels) -> None:
    positives = int((y == 1).sum())
    if not 0 < positives < len(y):
        raise NotApplicable(
            "a recalibration needs both classes among the validation rows, and they hold"
            f" {positives:,} positives and {len(y) - positives:,} negatives"
        )
