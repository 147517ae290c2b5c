"""Differences from a baseline: two-part standard errors, simultaneous intervals and verdicts.

A difference has two sources of chance. One is which rows are tested: the paired bootstrap shows it.
The other is how the models were trained, on which rows and with which seeds: the spread of the
fits' differences shows it, once the part of the tested rows is taken away. With K folds in each of
R repeats, J = K R fits of either side, differences d_1, ..., d_J with variance S^2, and V_row the
bootstrap's variance of their mean:

    V_model = max(S^2 - V_row K (J - R) / (J - 1), 0)
    SE^2    = V_row + V_model / J

V_row is the variance of the draws times n / (n - 1), for n positives in a test part: n rows that
are drawn from themselves vary too little. Its factor above is what S^2 holds of it: rows differ
from fold to fold within a repeat, and are the same from repeat to repeat. Nothing is counted twice.
What all fits of a table share by chance (the rows it happens to have for training) shows in neither
part; docs/verdict.md says how large it is.

The intervals of a dataset's comparisons hold together: their common half-width comes from the
maximum over comparisons of the standardised difference (single-step max-T, Westfall and Young
1993), drawn from both parts with their correlations. The adjusted p-values come from the same
maximum, so that an interval excludes 0 exactly where the p-value is below 1 - level, and a verdict
is a statement about an interval.

References
----------
W. Chen, B. D. Gallas and W. A. Yousef (2012). Classifier variability: accounting for training and
testing. Pattern Recognition 45.

J. N. K. Rao and C. F. J. Wu (1988). Resampling inference with complex survey data. JASA 83.

X. Bouthillier et al. (2021). Accounting for variance in machine learning benchmarks. MLSys.

P. H. Westfall and S. S. Young (1993). Resampling-based multiple testing. Wiley.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

from counterpoise.core.types import Vector

Verdict = Literal["better", "worse", "equivalent", "inconclusive", "too few positives"]
"""What an interval says about a difference; see `verdict`."""

LEVEL = 0.95
"""Confidence level of all intervals."""

DRAWS = 20_000
"""Draws of the maximum. The smallest adjusted p-value they can show is 1 / (DRAWS + 1)."""

SMALLEST = 1 / (DRAWS + 1)
"""An adjusted p-value equal to this one is a bound: no draw was as large."""

FEWEST_IN_A_PART, FEWEST = 2, 10
"""Fewest independent positives of a verdict, in the smallest test part and in all. So few are the
fewest of which the simulation shows that the level is kept (docs/verdict.md); of a single positive
in a test part the bootstrap can draw nothing else."""

MOST_REPEATS = 100
"""More repeats than these are not proposed."""

JITTER = 1e-9
"""Added to the diagonal of a correlation matrix, so that it is positive definite."""

QUANTILES = 999
"""Points at which the distribution of a variance estimate is tabulated."""


class Differences(NamedTuple):
    """Differences of several comparisons, with both parts of their standard errors.

    Attributes
    ----------
    value : ndarray of shape (comparisons,)
        Mean over the fits; NaN where no fit defines it.
    row_variance : ndarray of shape (comparisons,)
        Variance of the mean by which rows are tested.
    model_variance : ndarray of shape (comparisons,)
        Variance of a single fit's difference by how the models were trained; 0 where there is one
        fit alone.
    fits : ndarray of shape (comparisons,)
        Number of fits that define the difference.
    degrees_of_freedom : ndarray of shape (comparisons,)
        Of the standard error, by Satterthwaite.
    """

    value: Vector
    row_variance: Vector
    model_variance: Vector
    fits: Vector
    degrees_of_freedom: Vector

    @property
    def standard_error(self) -> Vector:
        """Standard errors of the means.

        Returns
        -------
        ndarray of shape (comparisons,)
        """
        return np.asarray(
            np.sqrt(self.row_variance + self.model_variance / np.maximum(self.fits, 1))
        )


def two_part(folds: Vector, draws: Vector, repeats: int, independent: int) -> Differences:
    """Differences with standard errors that account for tested rows and for training.

    Parameters
    ----------
    folds : ndarray of shape (comparisons, J)
        The difference in each fold of each repeat; NaN where not defined.
    draws : ndarray of shape (comparisons, B)
        The mean difference in each draw of the paired bootstrap, the same draws in all repeats.
    repeats : int
        Number of repeats, R.
    independent : int
        Number of independent positives (or groups of them) that are tested: the bootstrap's
        variance is as uncertain as one of so many values.

    Returns
    -------
    Differences
    """
    known = ~np.isnan(folds)
    fits = known.sum(axis=1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(known, folds, 0).sum(axis=1) / fits
        spread = (np.where(known, folds - value[:, None], 0) ** 2).sum(axis=1) / (fits - 1)
        each = folds.shape[1] / repeats
        rows = np.where(fits > 0, _variance(draws), np.nan) * _unbiased(independent / each)
        model = np.maximum(spread - rows * each * (fits - repeats) / (fits - 1), 0)
        model = np.where(fits > 1, model, 0)
        # where both parts count, SE^2 is a sum of S^2 / J and a rest of V_row, else V_row alone
        of_spread = np.where(model > 0, spread / fits, 0)
        of_rows = rows + model / fits - of_spread
        weight = of_spread**2 / np.maximum(fits - 1, 1) + of_rows**2 / max(independent - 1, 1)
        freedom = np.where(weight > 0, (of_spread + of_rows) ** 2 / weight, np.inf)
    return Differences(value, rows, model, fits, np.asarray(freedom))


def _unbiased(positives: float) -> float:
    """Factor of the bootstrap's variance, given the mean number of positives in a test part.

    n values that are drawn from themselves vary by (n - 1) / n of the variance (Rao and Wu 1988).
    """
    return positives / (positives - 1) if positives > 1 else 1.0


def _variance(draws: Vector) -> Vector:
    known = ~np.isnan(draws)
    count = known.sum(axis=1)
    mean = np.where(known, draws, 0).sum(axis=1) / np.maximum(count, 1)
    squares = (np.where(known, draws - mean[:, None], 0) ** 2).sum(axis=1)
    return np.asarray(squares / np.maximum(count - 1, 1))


class Intervals(NamedTuple):
    """Simultaneous intervals and adjusted p-values of several comparisons.

    Attributes
    ----------
    low, high : ndarray of shape (comparisons,)
    p_adjusted : ndarray of shape (comparisons,)
        Two-sided, at least `SMALLEST`; at most 1 - level exactly where the interval excludes 0.
    """

    low: Vector
    high: Vector
    p_adjusted: Vector


def simultaneous(
    differences: Differences, folds: Vector, draws: Vector, seed: int, level: float = LEVEL
) -> Intervals:
    """Intervals that hold for all comparisons together, by the maximum of their statistics.

    Each draw of the maximum adds two normal parts with the correlations of the bootstrap's draws
    and of the fits, and divides by a standard error drawn from its own distribution. Statistics are
    measured in units of their own Student quantile, so that comparisons with fewer degrees of
    freedom do not widen the intervals of the others.

    Parameters
    ----------
    differences : Differences
        What `two_part` returned for `folds` and `draws`.
    folds, draws : ndarray
        See `two_part`.
    seed : int
        Seed of the draws.
    level : float
        Confidence level, of all intervals together.

    Returns
    -------
    Intervals
        NaN where a difference is not defined.
    """
    error, freedom = differences.standard_error, differences.degrees_of_freedom
    low, high, adjusted = (np.full(len(error), np.nan) for _ in range(3))
    exact = error == 0
    low[exact] = high[exact] = differences.value[exact]
    adjusted[exact] = np.where(differences.value[exact] == 0, 1.0, SMALLEST)
    compared = np.flatnonzero(error > 0)
    if not len(compared):
        return Intervals(low, high, adjusted)
    unit = special.stdtrit(freedom[compared], (1 + level) / 2)
    reached = np.abs(differences.value[compared]) / error[compared] / unit
    model_error = np.sqrt(differences.model_variance[compared] / differences.fits[compared])
    parts = (
        _deviations(draws[compared], np.sqrt(differences.row_variance[compared])),
        _deviations(folds[compared], model_error),
    )
    correlation = sum(part @ part.T for part in parts) / np.outer(error[compared], error[compared])
    maxima = _maxima(correlation, freedom[compared], unit, np.random.default_rng(seed))
    beyond = len(maxima) - np.searchsorted(np.sort(maxima), reached, side="left")
    adjusted[compared] = (beyond + 1) / (len(maxima) + 1)
    # the largest half-width at which the p-value is above 1 - level: interval and p-value agree
    allowed = math.floor((1 - level) * (len(maxima) + 1) + 1e-9) - 1
    half = np.sort(maxima)[len(maxima) - 1 - allowed] * unit * error[compared]
    low[compared], high[compared] = (
        differences.value[compared] - half,
        differences.value[compared] + half,
    )
    return Intervals(low, high, adjusted)


def _deviations(values: Vector, scale: Vector) -> Vector:
    """Centred rows whose sums of squares are `scale` squared: normal weights then give that spread.

    Rows keep their correlations with each other.
    """
    known = ~np.isnan(values)
    mean = np.where(known, values, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    centred = np.where(known, values - mean[:, None], 0)
    length = np.sqrt((centred**2).sum(axis=1))
    return np.asarray(centred * (scale / np.where(length > 0, length, 1))[:, None])


def _maxima(
    correlation: Vector, freedom: Vector, unit: Vector, random: np.random.Generator
) -> Vector:
    """Draws of the largest statistic over comparisons, each in units of its own quantile."""
    # combinations with the same scores make the matrix singular
    factor = np.linalg.cholesky(correlation + JITTER * np.eye(len(correlation)))
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    finite = np.minimum(freedom, 1e6)
    # the quantile of chi-squared; scipy.stats has it too, and takes a second to import
    estimated = np.sqrt(2 * special.gammaincinv(finite / 2, shares[:, None]) / finite) * unit
    normal = random.normal(size=(DRAWS, len(factor))) @ factor.T
    return np.asarray(
        (np.abs(normal) / estimated[random.integers(0, QUANTILES, size=DRAWS)]).max(axis=1)
    )


def enough(smallest: int, total: int) -> bool:
    """Whether there are enough positives for a verdict.

    Parameters
    ----------
    smallest, total : int
        Independent positives in the smallest test part and in all (`independent.positives`).

    Returns
    -------
    bool
    """
    return smallest >= FEWEST_IN_A_PART and total >= FEWEST


def verdict(
    low: float, high: float, worth: float, *, positives: bool, higher_is_better: bool = True
) -> Verdict | None:
    """Verdict on a difference by its interval.

    Parameters
    ----------
    low, high : float
        Ends of the simultaneous interval.
    worth : float
        The smallest difference worth having, at least 0.
    positives : bool
        Whether there are enough of them, see `enough`.
    higher_is_better : bool
        Whether a positive difference is a gain.

    Returns
    -------
    {"too few positives", "equivalent", "better", "worse", "inconclusive"} or None
        equivalent: the interval lies within plus and minus `worth`. This goes before the next two:
        a difference that surely exists may be smaller than is worth having. better, worse: the
        interval excludes 0. inconclusive: neither. None where there is no interval.
    """
    if math.isnan(low) or math.isnan(high):
        return None
    if not positives:
        return "too few positives"
    if worth > 0 and -worth <= low and high <= worth:
        return "equivalent"
    if low <= 0 <= high:
        return "inconclusive"
    return "better" if (low > 0) == higher_is_better else "worse"


class Needed(NamedTuple):
    """What would settle an inconclusive difference, if it is as large as it seems.

    Attributes
    ----------
    repeats : int or None
        Repeats of the split in all; None where the tested rows alone leave too much chance.
    positives : int
        Positives of the table in all, roughly: both parts shrink in proportion.
    """

    repeats: int | None
    positives: int


def needed(
    differences: Differences, intervals: Intervals, k: int, worth: float, each: float, total: int
) -> Needed | None:
    """What would settle comparison `k`: an interval that excludes 0, or that lies within `worth`.

    Parameters
    ----------
    differences, intervals : Differences, Intervals
        Of all comparisons.
    k : int
        Number of the comparison.
    worth : float
        The smallest difference worth having.
    each : float
        Fits in one repeat.
    total : int
        Positives of the table.

    Returns
    -------
    Needed or None
        None where the difference is exactly 0 and nothing is too small to be worth having.
    """
    value = abs(float(differences.value[k]))
    target = max(value, worth - value)
    half = float(intervals.high[k] - intervals.low[k]) / 2
    if target <= 0 or half <= 0:
        return None
    allowed = (target / half * float(differences.standard_error[k])) ** 2
    rest = allowed - float(differences.row_variance[k])
    repeats = math.ceil(float(differences.model_variance[k]) / (each * rest)) if rest > 0 else None
    if repeats is not None and repeats > MOST_REPEATS:
        repeats = None
    return Needed(repeats, math.ceil(total * (half / target) ** 2))
