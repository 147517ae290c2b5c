"""The comparison of two combinations on the same held-out rows, by the question that is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from counterpoise.core.config import Goal
from counterpoise.core.types import Index, Labels, Vector
from counterpoise.data.folds import Parts
from counterpoise.evaluation import bootstrap, independent, significance
from counterpoise.evaluation.costs import CostMatrix
from counterpoise.evaluation.differences import decided_now
from counterpoise.evaluation.leaderboard import mean_of_folds
from counterpoise.evaluation.metrics import Ranking, Weights, losses

RANKING: tuple[Goal, ...] = ("ranking", "roc_auc")
"""Goals that are measured on scores, the higher the better."""


class HeldOut(NamedTuple):
    """What one combination gave the test rows of one fold.

    Attributes
    ----------
    test : ndarray of int64
        Positions of the rows in the table.
    scores : ndarray of shape (m,)
        Raw scores.
    probabilities : ndarray of shape (m,)
        Recalibrated; NaN where that was not possible.
    decisions : ndarray of shape (m,)
        1 for positive and 0 for negative by the threshold rule; NaN where it decides nothing.
    """

    test: Index
    scores: Vector
    probabilities: Vector
    decisions: Vector

    def of(self, rows: Index) -> HeldOut:
        """Those of some rows.

        Parameters
        ----------
        rows : ndarray of int64
            Positions in the table.

        Returns
        -------
        HeldOut
        """
        here = np.isin(self.test, rows)
        return HeldOut(
            self.test[here], self.scores[here], self.probabilities[here], self.decisions[here]
        )


@dataclass(frozen=True)
class Tested:
    """The rows on which two combinations are compared.

    Attributes
    ----------
    parts : Parts
        The folds, from whose test rows the bootstrap draws.
    y : ndarray of shape (n,), int8
        Labels of the table.
    costs : CostMatrix
        Misclassification costs of the table's rows.
    units : ndarray of shape (n,) or None
        What the bootstrap redraws (`independent.units_of`).
    """

    parts: Parts
    y: Labels
    costs: CostMatrix
    units: Index | None


@dataclass(frozen=True)
class Difference:
    """The difference of two combinations in the measure of a question.

    Attributes
    ----------
    goal : {"ranking", "roc_auc", "probabilities", "cost"}
        By average precision, ROC AUC, log loss of recalibrated probabilities, or expected cost.
    one, other : float
        The measure of each; NaN where it is not defined.
    low, high : float
        The 95 % interval of their difference, of tested rows and training
        (`counterpoise.evaluation.significance`).
    probability, regret : float
        The probability that the first is better, and what deciding for it now costs on average.
    enough : bool
        Whether there are enough positives for a verdict.
    """

    goal: Goal
    one: float
    other: float
    low: float
    high: float
    probability: float
    regret: float
    enough: bool

    @property
    def value(self) -> float:
        """The difference itself.

        Returns
        -------
        float
            `one` minus `other`.
        """
        return self.one - self.other

    @property
    def defined(self) -> bool:
        """Whether both have the measure, on enough positives for what decides.

        Returns
        -------
        bool
        """
        return not np.isnan(self.value) and (self.enough or self.goal == "cost")

    @property
    def wins(self) -> bool:
        """Whether the first is better.

        Returns
        -------
        bool
            By the interval; for costs by the expectation, since no test decides what is cheaper.
        """
        if not self.defined:
            return False
        if self.goal == "cost":
            return self.value < 0
        return self.low > 0 if self.goal in RANKING else self.high < 0


def difference(
    goal: Goal, one: list[HeldOut], other: list[HeldOut], tested: Tested, seed: int
) -> Difference:
    """Compare two combinations as `evaluate` compares each with the baseline.

    Parameters
    ----------
    goal : {"ranking", "roc_auc", "probabilities", "cost"}
    one, other : list of HeldOut
        In the order of the folds, of the same test rows.
    tested : Tested
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Difference
    """
    parts, y, units = tested.parts, tested.y, tested.units
    pair = one, other
    everywhere = np.ones((len(y), 1), np.float32)
    by_fold = np.array([[_measured(goal, f, tested, everywhere)[0] for f in c] for c in pair])
    values = np.array([_over_folds(goal, cell, tested, everywhere)[0] for cell in pair])
    drawn = np.concatenate(
        [
            np.array([_over_folds(goal, cell, tested, weights) for cell in pair])
            for weights in bootstrap.draws(parts, y, seed, units=units)
        ],
        axis=1,
    )
    smallest, positives = independent.positives(parts, y, units)
    folds, draws = (by_fold[0] - by_fold[1])[None], (drawn[0] - drawn[1])[None]
    repeats = len({repeat for repeat, _ in parts.names})
    found = significance.two_part(folds, draws, repeats, positives)
    found = found._replace(value=values[:1] - values[1:])
    interval = significance.simultaneous(found, folds, draws, seed)
    loss = float(found.value[0]) * (-1 if goal in RANKING else 1)
    probability, regret = decided_now(
        loss, float(found.standard_error[0]), float(found.degrees_of_freedom[0])
    )
    return Difference(
        goal,
        float(values[0]),
        float(values[1]),
        float(interval.low[0]),
        float(interval.high[0]),
        probability,
        regret,
        significance.enough(smallest, positives),
    )


def _over_folds(goal: Goal, cell: list[HeldOut], tested: Tested, weights: Weights) -> Vector:
    """The measure over all folds, in each draw: a mean of folds; for costs a mean of rows."""
    values = np.array([_measured(goal, fold, tested, weights) for fold in cell])
    if goal != "cost":
        return np.asarray(mean_of_folds(values[None])[0])
    rows = np.array([weights[fold.test].sum(axis=0) for fold in cell], np.float64)
    return np.asarray((np.where(rows > 0, values, 0) * rows).sum(axis=0) / rows.sum(axis=0))


def _measured(goal: Goal, fold: HeldOut, tested: Tested, weights: Weights) -> Vector:
    """The measure in one fold, shape (draws,)."""
    y, here = tested.y[fold.test], weights[fold.test].astype(np.float64)
    each: Vector
    if goal in RANKING:
        ranking = Ranking.of(fold.test, y, fold.scores, len(tested.y))
        if goal == "roc_auc":
            return ranking.metrics(weights)[1]
        return np.asarray(ranking.average_precision(weights), np.float64)
    if goal == "probabilities":
        each = losses(y, fold.probabilities)[1]
    else:
        costs = tested.costs.of(fold.test)
        as_positive = np.where(y == 1, costs.true_positive, costs.false_positive)
        as_negative = np.where(y == 1, costs.false_negative, costs.true_negative)
        # a missing decision stays NaN
        each = as_negative + fold.decisions * (as_positive - as_negative)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((each @ here) / here.sum(axis=0), np.float64)
