"""Calibration of a combination's scores: statistics, and the tables behind the charts.

A score of 0.3 is calibrated when 3 of 10 such rows are positive. With rare positives, nearly every
probability is near 0, and the few others decide. This module reads no model.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, ndtri

from counterpoise.core.types import Index, Labels, Vector
from counterpoise.evaluation.corrections import drawn_in, finite_range, logistic
from counterpoise.evaluation.significance import LEVEL

BINS = 15
"""Bins of the expected calibration error."""
POINTS = 10
"""Maximum number of points in a reliability diagram."""


class Line(NamedTuple):
    """Slope and intercept of Cox's recalibration of a combination's log odds.

    Attributes
    ----------
    slope, intercept : float
        NaN where not defined.
    reason : str
        Why one or both are not defined; empty where both are.
    """

    slope: float
    intercept: float
    reason: str


def slope_intercept(y: Labels, log_odds: Vector) -> Line:
    """Calibration slope and calibration intercept, each from its own logistic regression.

    The slope is b in logit P(y = 1) = a + b log odds: below 1 the probabilities are too extreme,
    above 1 too moderate. The intercept, also called calibration-in-the-large, is a in logit P(y =
    1) = a + log odds, with the slope fixed at 1. Below 0 the probabilities are too high overall,
    and exp(a) is the factor by which the odds are off. Both regressions are unpenalised; 1 and 0
    are perfect. The a of the first regression is not reported, since it has no meaning of its own
    beside a slope other than 1.

    Infinite log odds (probabilities of exactly 0 and 1) are first moved to half the smallest and
    twice the largest odds of the other rows (`counterpoise.evaluation.corrections.drawn_in`).
    Without this, a single positive row of probability 0 has likelihood 0. Where many rows have such
    probabilities, the slope depends on this choice.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.
    log_odds : ndarray of shape (n,)
        Log odds of a positive, which may be infinite.

    Returns
    -------
    Line
        Both are NaN where the rows have one class, a probability is missing, or every probability
        is exactly 0 or 1. The slope alone is NaN where a threshold separates the classes (the
        likelihood has no maximum), and where every row has the same log odds.

    References
    ----------
    D. R. Cox (1958). Two further applications of a model for binary regression. Biometrika 45.

    B. Van Calster, D. Nieboer, Y. Vergouwe, B. De Cock, M. J. Pencina and E. W. Steyerberg (2016).
    A calibration hierarchy for risk models was defined: from utopia to empirical data. Journal of
    Clinical Epidemiology 74.

    B. Van Calster, D. J. McLernon, M. van Smeden, L. Wynants and E. W. Steyerberg (2019).
    Calibration: the Achilles heel of predictive analytics. BMC Medicine 17.
    """
    positive = y == 1
    positives = int(positive.sum())
    nan = float("nan")
    if not 0 < positives < len(y):
        return Line(nan, nan, f"one class alone: {positives:,} positives of {len(y):,} rows")
    if np.isnan(log_odds).any():
        return Line(
            nan, nan, f"{int(np.isnan(log_odds).sum()):,} of {len(y):,} rows have no probability"
        )
    if np.isinf(log_odds).all():
        return Line(nan, nan, "every probability is exactly 0 or 1")
    values = drawn_in(log_odds, *finite_range(log_odds))
    intercept = _in_the_large(values, positives)
    lowest, highest = float(values.min()), float(values.max())
    if lowest == highest:
        return Line(nan, intercept, "every row has the same probability")
    apart = (
        values[~positive].max() <= values[positive].min()
        or values[positive].max() <= values[~positive].min()
    )
    if apart:
        return Line(
            nan, intercept, "a threshold separates the classes, so no slope is the most likely one"
        )
    slope, _ = logistic(values, positive.astype(np.float64))
    return Line(slope, intercept, "")


def _in_the_large(values: Vector, positives: int) -> float:
    """Shift of log odds at which the expected number of positives equals the observed one."""
    share = positives / len(values)
    usual = np.log(share / (1 - share))
    # with these shifts every probability is at most, or at least, the share: they bracket the root
    low, high = usual - values.max(), usual - values.min()
    if low == high:
        return float(low)
    # rounding may put either end just inside of the root, so the bracket is widened
    return float(
        brentq(
            lambda shift: expit(values + shift).sum() - positives,
            low - 1e-6,
            high + 1e-6,
            xtol=1e-12,
        )
    )


def bins_of_equal_mass(p: Vector, mass: Vector, bins: int) -> Index:
    """Assign each row to a bin: rows sorted by p, bins of about equal mass, ties in one bin.

    From the lowest p up, a bin ends where its mass is nearest to an equal share of the remaining
    mass. Many rows with one p therefore fill one bin, and the rest share the others. Every bin has
    at least half of an equal share, so no bin is empty, and there may be fewer bins than `bins`.

    Parameters
    ----------
    p : ndarray of shape (n,)
        Probabilities, at least one.
    mass : ndarray of shape (n,)
        Mass of each row, not negative.
    bins : int
        Maximum number of bins.

    Returns
    -------
    ndarray of shape (n,), int64
        Bin of each row, from 0.
    """
    distinct, where = np.unique(p, return_inverse=True)
    up_to = np.cumsum(np.bincount(where, weights=mass, minlength=len(distinct)))
    total, fair = float(up_to[-1]), float(up_to[-1]) / bins
    ends: list[int] = []  # position of the last distinct p of each bin
    done = 0.0
    while total - done >= fair / 2:
        target = max((total - done) / max(bins - len(ends), 1), fair / 2)
        end = min(int(np.searchsorted(up_to, done + target)), len(up_to) - 1)
        if (
            end > 0
            and up_to[end - 1] - done >= fair / 2
            and done + target - up_to[end - 1] < up_to[end] - done - target
        ):
            end -= 1
        ends.append(end)
        done = float(up_to[end])
    ends[-1] = len(up_to) - 1
    return np.asarray(np.searchsorted(ends, np.arange(len(up_to)))[where], dtype=np.int64)


def expected_calibration_error(y: Labels, p: Vector, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal numbers of rows.

    It is the mean over rows of |share of positives - mean probability| of the row's bin. Bins hold
    equal numbers of rows as nearly as ties allow. With rare positives, bins of equal width (Guo et
    al. 2017, the source of 15 bins) put nearly every row into the first bin. The error is then
    little more than |prevalence - mean probability|. Such bins are also the more biased of the two
    (Roelofs et al. 2022).

    The error is not a proper scoring rule: it is 0 when every row has the prevalence as its
    probability. For a perfectly calibrated combination it is not 0, but up to about sqrt(2 / pi *
    prevalence * bins / rows), since each bin deviates by chance. Compare it only between
    combinations on the same rows.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.
    p : ndarray of shape (n,)
        Probabilities.
    bins : int
        Maximum number of bins.

    Returns
    -------
    float
        NaN without rows, or where a probability is missing.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger (2017). On calibration of modern neural networks.
    ICML.

    R. Roelofs, N. Cain, J. Shlens and M. C. Mozer (2022). Mitigating bias in calibration error
    estimation. AISTATS.
    """
    if not len(p) or np.isnan(p).any():
        return float("nan")
    at = bins_of_equal_mass(p, np.ones(len(p)), bins)
    return float(np.abs(np.bincount(at, weights=(y == 1) - p)).sum() / len(p))


def reliability(y: Labels, p: Vector, bins: int = POINTS) -> pd.DataFrame:
    """Points of a reliability diagram: mean probability and share of positives of each bin.

    Half of a bin's mass is its share of the rows, the other half its share of the expected
    positives (the sum of p). Bins of equal numbers of rows would spend nine of ten points on rows
    that are almost certainly negative. Bins of equal width would leave most points without a row.
    Bins of expected positives alone would put all rows of an overconfident model into one. Labels
    do not influence the bins. Equal probabilities stay in one bin and no bin is empty, so there may
    be fewer bins than `bins`.

    Parameters
    ----------
    y, p : ndarray of shape (n,)
        Labels and probabilities. Each row appears once, since the intervals assume independent
        rows.
    bins : int
        Maximum number of bins.

    Returns
    -------
    DataFrame of bin, rows, positives, mean_probability, observed, low, high
        Bins in ascending order of probability. `low` and `high` are Wilson's 95 % interval of the
        share of positives, which has a width even in a bin without a positive row. Empty where p is
        empty or has a missing value.

    References
    ----------
    E. B. Wilson (1927). Probable inference, the law of succession, and statistical inference. JASA
    22.
    """
    columns = ["bin", "rows", "positives", "mean_probability", "observed", "low", "high"]
    if not len(p) or np.isnan(p).any():
        return pd.DataFrame(
            {name: np.empty(0, np.int64 if k < 3 else np.float64) for k, name in enumerate(columns)}
        )
    expected = p / p.sum() if p.sum() > 0 else np.zeros(len(p))
    at = bins_of_equal_mass(p, 1 / len(p) + expected, bins)
    rows = np.bincount(at)
    positives = np.bincount(at, weights=y == 1).astype(np.int64)
    low, high = wilson(positives, rows)
    values = (
        np.arange(len(rows)),
        rows,
        positives,
        np.bincount(at, weights=p) / rows,
        positives / rows,
        low,
        high,
    )
    return pd.DataFrame(dict(zip(columns, values, strict=True)))


def wilson(positives: Index, rows: Index, level: float = LEVEL) -> tuple[Vector, Vector]:
    """Wilson's score interval of a share: the shares that a score test does not reject.

    Parameters
    ----------
    positives, rows : ndarray of shape (k,), int64
        Positive rows and all rows (at least 1) of each bin.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    low, high : ndarray of shape (k,)
        Ends of the intervals.

    References
    ----------
    E. B. Wilson (1927). Probable inference, the law of succession, and statistical inference. JASA
    22.
    """
    z = float(ndtri((1 + level) / 2))
    share = positives / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * np.sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2)
    # the formula gives exactly 0 and 1 here, except for rounding
    low = np.where(positives == 0, 0.0, middle - half)
    high = np.where(positives == rows, 1.0, middle + half)
    return np.asarray(low), np.asarray(high)


def histogram(y: Labels, p: Vector, bins: int = 30) -> pd.DataFrame:
    """Histogram of the scores of each class: the share of its rows in equal bins of [0, 1].

    A bin includes its left edge and excludes its right edge; the last bin includes both.

    Parameters
    ----------
    y, p : ndarray of shape (n,)
        Labels and probabilities.
    bins : int
        Number of bins.

    Returns
    -------
    DataFrame of label, left, right, share
        Label 0 from left to right, then label 1. The shares of a label add up to 1. They are NaN
        for a label without rows, and for both labels where a probability is missing.
    """
    edges = np.linspace(0, 1, bins + 1)
    frames = []
    for label in (0, 1):
        mine = p[y == label]
        counted = len(mine) > 0 and not np.isnan(p).any()
        share = np.histogram(mine, edges)[0] / len(mine) if counted else np.full(bins, np.nan)
        frames.append(
            pd.DataFrame({"label": label, "left": edges[:-1], "right": edges[1:], "share": share})
        )
    return pd.concat(frames, ignore_index=True)
