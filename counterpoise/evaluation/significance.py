"""Tests of a remedy against the baseline: bootstrap p-values, resampled t-test and verdict.

A difference has two sources of chance. One is which rows are tested: the bootstrap resamples them,
and the verdict follows from it. The other is which rows are trained on: the folds show it, and
Nadeau and Bengio's interval is reported beside the verdict. Ten folds that share most of their
training rows are too few and too dependent to decide alone.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from counterpoise.core.types import Vector
from counterpoise.evaluation.bootstrap import BLOCK, DRAWS, LEVEL

Verdict = Literal["win", "tie", "loss"]
"""Better, neither (equivalent or inconclusive), and worse than the baseline."""

MARGIN = 2
"""Safety factor of the number of draws: the smallest possible adjusted p-value is at most (1 -
level) / MARGIN."""


class Paired(NamedTuple):
    """Difference over folds by Nadeau and Bengio's test.

    Attributes
    ----------
    low, high : float
        Ends of the interval.
    p_value : float
        Two-sided.
    """

    low: float
    high: float
    p_value: float


NOTHING = Paired(math.nan, math.nan, math.nan)


def draws_for(comparisons: int, level: float = LEVEL) -> int:
    """Number of bootstrap draws that can show a difference after Holm's correction.

    A two-sided p-value of B draws is at least 2 / (B + 1), and Holm's correction multiplies the
    smallest one by the number of comparisons.

    Parameters
    ----------
    comparisons : int
        Number of comparisons.
    level : float
        Confidence level of the verdicts.

    Returns
    -------
    int
        A multiple of `BLOCK`, at least `DRAWS`.
    """
    least = math.ceil(MARGIN * 2 * max(comparisons, 1) / (1 - level))
    return max(DRAWS, BLOCK * math.ceil(round(least, 6) / BLOCK))


def p_value(draws: Vector) -> float:
    """Two-sided bootstrap p-value of no difference.

    It inverts the percentile interval (Efron and Tibshirani 1993, section 15.4): the share of draws
    on the other side of 0, twice. Adding 1 to both counts keeps it above 0 (Davison and Hinkley
    1997, section 4.4).

    Parameters
    ----------
    draws : ndarray of shape (draws,)
        The difference in each draw of the paired bootstrap.

    Returns
    -------
    float
        NaN where no draw is defined.
    """
    known = draws[~np.isnan(draws)]
    if not len(known):
        return math.nan
    beyond = 1 + min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, 2 * beyond / (len(known) + 1))


def verdict(
    difference: float, low: float, high: float, adjusted: float, level: float = LEVEL
) -> Verdict | None:
    """Verdict on a difference from the baseline.

    The verdict is inconclusive ("tie") unless the adjusted p-value is below 1 - level and the
    interval excludes 0. Both conditions are needed, since interval and p-value come from different
    numbers of draws and may disagree at the border.

    Parameters
    ----------
    difference, low, high : float
        Difference in average precision, and its interval.
    adjusted : float
        P-value with Holm's correction.
    level : float
        Confidence level.

    Returns
    -------
    {"win", "tie", "loss"} or None
        None where there is nothing to compare.
    """
    if math.isnan(difference) or math.isnan(adjusted):
        return None
    if adjusted + level >= 1 or low <= 0 <= high:
        return "tie"
    return "win" if difference > 0 else "loss"


def resampled_t(differences: Vector, trained: float, tested: float, level: float = LEVEL) -> Paired:
    """Corrected resampled t interval and test (Nadeau and Bengio 2003, equation 9).

    Folds share training rows, so an uncorrected t-test overstates their evidence. The variance of
    the mean is (1 / J + tested / trained) times that of the differences, with J - 1 degrees of
    freedom.

    Parameters
    ----------
    differences : ndarray of shape (J,)
        One for each fold of each repeat; undefined ones are left out.
    trained, tested : float
        Rows of a training and of a test part.
    level : float
        Confidence level.

    Returns
    -------
    Paired
        NaN where fewer than two folds are defined.
    """
    known = differences[~np.isnan(differences)]
    if len(known) < 2:
        return NOTHING
    mean, spread = float(known.mean()), float(known.std(ddof=1))
    error = spread * math.sqrt(1 / len(known) + tested / trained)
    if error == 0:
        return Paired(mean, mean, 1.0 if mean == 0 else 0.0)
    t = stats.t(len(known) - 1)
    reach = float(t.ppf((1 + level) / 2)) * error
    return Paired(mean - reach, mean + reach, float(2 * t.sf(abs(mean) / error)))
