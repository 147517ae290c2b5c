"""Whether a remedy differs from doing nothing: p-values of the paired bootstrap, Holm's correction,
and the verdict.

Two sources of chance stand behind a difference. Which rows happen to be tested: the bootstrap
redraws them, and the verdict goes by it. Which rows happen to be trained on: the folds tell, and
Nadeau and Bengio's interval stands beside the verdict, since ten folds that share most of their
training rows are too few and too alike to decide by them alone.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from counterpoise.core.types import Vector
from counterpoise.evaluation.bootstrap import BLOCK, DRAWS, LEVEL

Verdict = Literal["win", "tie", "loss"]

MARGIN = 2
"""How much finer than the level the smallest adjusted p-value has to be that the draws can give."""


class Paired(NamedTuple):
    """A difference over folds, as Nadeau and Bengio judge it."""

    low: float
    high: float
    p_value: float


NOTHING = Paired(math.nan, math.nan, math.nan)


def draws_for(comparisons: int, level: float = LEVEL) -> int:
    """How many draws it takes to tell a difference among so many comparisons.

    A two-sided p-value of `B` draws is at least 2 / (B + 1), and Holm's correction multiplies the
    smallest by the number of comparisons.
    """
    least = math.ceil(MARGIN * 2 * max(comparisons, 1) / (1 - level))
    return max(DRAWS, BLOCK * math.ceil(round(least, 6) / BLOCK))


def p_value(draws: Vector) -> float:
    """Two-sided p-value of no difference: how often draws of the difference lie on the other side
    of 0.

    The percentile interval inverted (Efron and Tibshirani 1993, section 15.4), with one added to
    both counts so that it is never 0 (Davison and Hinkley 1997, section 4.4). NaN where no draw is
    defined.

    Parameters
    ----------
    draws : ndarray of shape (draws,)
        The difference in each draw of the paired bootstrap.
    """
    known = draws[~np.isnan(draws)]
    if not len(known):
        return math.nan
    beyond = 1 + min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, 2 * beyond / (len(known) + 1))


def verdict(
    difference: float, low: float, high: float, adjusted: float, level: float = LEVEL
) -> Verdict | None:
    """Win or loss where the adjusted p-value is below 1 - level, else a tie; None where there was
    nothing to compare.

    A difference whose interval holds 0 is a tie too: interval and p-value are of different numbers
    of draws, and at the border one of them may say more than the other.
    """
    if math.isnan(difference) or math.isnan(adjusted):
        return None
    if adjusted + level >= 1 or low <= 0 <= high:
        return "tie"
    return "win" if difference > 0 else "loss"


def resampled_t(differences: Vector, trained: float, tested: float, level: float = LEVEL) -> Paired:
    """The corrected resampled t interval and test (Nadeau and Bengio 2003, equation 9).

    Folds share training rows, so the plain t-test takes them for more evidence than they are; the
    variance of the mean is (1 / J + tested / trained) times that of the differences, with J - 1
    degrees of freedom.

    Parameters
    ----------
    differences : ndarray of shape (J,)
        One for each fold of each repeat; those that are not defined are left out.
    trained, tested : float
        Rows of a training and of a test part.

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
