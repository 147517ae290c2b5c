"""How far probabilities can be believed: calibration of a cell's scores, in numbers and in the
tables behind pictures.

A positive score of 0.3 is calibrated when 3 of 10 such rows are positive. Rare positives make this
hard to see: nearly every row has a probability near 0, and what matters happens among the few that
have not. Nothing here reads a model.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, ndtri

from counterpoise.core.types import Index, Labels, Vector
from counterpoise.evaluation.bootstrap import LEVEL
from counterpoise.evaluation.corrections import drawn_in, finite_range, logistic

BINS = 15
POINTS = 10
"""Points of a reliability diagram, at most."""


class Line(NamedTuple):
    """Cox's recalibration of a cell's log odds.

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
    """Calibration slope and calibration intercept, each from a logistic regression of its own, as
    the field reports them.

    The slope is b in logit P(y = 1) = a + b log odds: below 1 the probabilities are too extreme,
    above 1 too modest. The intercept, also called calibration in the large, is a in logit P(y = 1)
    = a + log odds with the slope held at 1: below 0 the probabilities are too high on the whole,
    and exp(a) is by how much the odds are off. Both come without a penalty; 1 and 0 are perfect.
    The a of the first regression is not reported: beside a slope other than 1 it says nothing by
    itself.

    Infinite log odds (probabilities of exactly 0 and 1) are drawn in to half the smallest and twice
    the largest odds of the other rows (`counterpoise.evaluation.corrections.drawn_in`), without
    which a single positive row of probability 0 has no likelihood at all. A cell that gives many
    such rows has a slope that hangs on this choice.

    Returns
    -------
    Line
        Both NaN for rows of one class alone. The slope alone is NaN where a threshold separates the
        classes (the most likely slope is infinite), and where every row has the same log odds.

    References
    ----------
    D. R. Cox (1958). Two further applications of a model for binary regression. Biometrika 45. B.
    Van Calster, D. Nieboer, Y. Vergouwe, B. De Cock, M. J. Pencina and E. W. Steyerberg (2016). A
    calibration hierarchy for risk models was defined: from utopia to empirical data. Journal of
    Clinical Epidemiology 74. B. Van Calster, D. J. McLernon, M. van Smeden, L. Wynants and E. W.
    Steyerberg (2019). Calibration: the Achilles heel of predictive analytics. BMC Medicine 17.
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
    """The shift of log odds with which as many positives are expected as there are."""
    share = positives / len(values)
    usual = np.log(share / (1 - share))
    low, high = usual - values.max(), usual - values.min()
    if low == high:
        return float(low)
    # rounding may leave either end a hair inside of the root
    return float(
        brentq(
            lambda shift: expit(values + shift).sum() - positives,
            low - 1e-6,
            high + 1e-6,
            xtol=1e-12,
        )
    )


def bins_of_equal_mass(p: Vector, mass: Vector, bins: int) -> Index:
    """The bin of each row: rows in the order of p, cut into bins of about the same mass, equal p in
    one bin.

    From the lowest p up, a bin ends where it comes nearest to an equal part of the mass that is
    left, so that many rows of one p take one bin and leave the others to the rest. No bin has less
    than half of a fair part, hence none is empty, and there may be fewer than asked for.
    """
    distinct, where = np.unique(p, return_inverse=True)
    up_to = np.cumsum(np.bincount(where, weights=mass, minlength=len(distinct)))
    total, fair = float(up_to[-1]), float(up_to[-1]) / bins
    ends: list[int] = []  # the last distinct p of each bin
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
    """The mean over rows of how far their bin's share of positives is from its mean probability.

    The bins hold equal numbers of rows, as nearly as ties allow, which stay in one bin. Bins of
    equal width (Guo et al. 2017, whose number of bins this is) put nearly every row into the first
    one when positives are rare, and the error is then |prevalence - mean probability| and little
    else; they also are the more biased of the two (Roelofs et al. 2022).

    It is no proper score, is 0 for giving every row the prevalence, and of a perfectly calibrated
    cell it is not 0 but about sqrt(2 / pi * prevalence * bins / rows) at most, since each bin is
    off by chance. Compare it between cells of the same rows only.

    Returns
    -------
    float
        NaN without rows, or where a probability is missing.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger (2017). On calibration of modern neural networks.
    ICML. R. Roelofs, N. Cain, J. Shlens and M. C. Mozer (2022). Mitigating bias in calibration
    error estimation. AISTATS.
    """
    if not len(p) or np.isnan(p).any():
        return float("nan")
    at = bins_of_equal_mass(p, np.ones(len(p)), bins)
    return float(np.abs(np.bincount(at, weights=(y == 1) - p)).sum() / len(p))


def reliability(y: Labels, p: Vector, bins: int = POINTS) -> pd.DataFrame:
    """The points of a reliability diagram: for rows of like probability, what was promised and what
    came.

    Half of a bin's mass is counted in rows, the other half in expected positives (a row's p): bins
    of equal numbers of rows would spend nine points of ten on rows that all but certainly are
    negative, bins of equal width would leave most points without a row, and bins of expected
    positives alone would put every row of a model that is sure of itself into one. The labels have
    no say in it. Equal probabilities stay in one bin and no bin is empty, so there may be fewer
    bins than asked for.

    Parameters
    ----------
    y, p : ndarray
        Labels and probabilities; each row once, since the intervals take rows for independent.

    Returns
    -------
    DataFrame of bin, rows, positives, mean_probability, observed, low, high
        From the lowest probabilities up. `low` and `high` are Wilson's 95 % interval of the share
        of positives, which has a width also where no row of a bin is positive. No line where p has
        none or a missing value.

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
    """Wilson's interval of a share (1927): the shares that a score test does not reject."""
    z = float(ndtri((1 + level) / 2))
    share = positives / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * np.sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2)
    # at the ends the two are equal but for rounding
    low = np.where(positives == 0, 0.0, middle - half)
    high = np.where(positives == rows, 1.0, middle + half)
    return np.asarray(low), np.asarray(high)


def histogram(y: Labels, p: Vector, bins: int = 30) -> pd.DataFrame:
    """How the scores of each class are distributed: the share of its rows in equal bins of [0, 1].

    A bin holds its left end and not its right one, the last one both.

    Returns
    -------
    DataFrame of label, left, right, share
        Label 0 from left to right, then label 1. The shares of a label add up to 1; NaN for a label
        without rows, and for both where a probability is missing.
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
