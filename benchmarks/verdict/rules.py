"""Rules for a verdict, applied to the same tables: the project's own and those it replaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from counterpoise.core.types import Labels, Vector
from counterpoise.data.folds import Parts
from counterpoise.evaluation import bootstrap, significance
from counterpoise.evaluation.leaderboard import mean_of_folds
from counterpoise.evaluation.metrics import Ranking
from counterpoise.evaluation.multiple import holm

DRAWS = 300
"""Draws of the bootstrap; the product takes more, but a variance needs few."""

RULES = ("two parts", "two parts, J - 1 df", "bootstrap", "Nadeau and Bengio")


class Table(NamedTuple):
    """Average precision of every combination on one table.

    Attributes
    ----------
    folds : ndarray of shape (combinations, J)
    draws : ndarray of shape (combinations, B)
    repeats : int
    positives : int
    """

    folds: Vector
    draws: Vector
    repeats: int
    positives: int

    @classmethod
    def of(
        cls, rankings: Sequence[Sequence[Ranking]], parts: Parts, y: Labels, seed: int, repeats: int
    ) -> Table:
        """Measure rankings, given fold after fold for each combination, with bootstrap draws."""

        def values(weights: np.ndarray) -> Vector:
            return np.array(
                [[one.average_precision(weights) for one in fold] for fold in rankings]
            ).swapaxes(0, 1)

        once = values(np.ones((len(y), 1), np.float32))[:, :, 0]
        drawn = [
            mean_of_folds(values(weights)) for weights in bootstrap.draws(parts, y, seed, DRAWS)
        ]
        return cls(once, np.concatenate(drawn, axis=1), repeats, int(y.sum()))


class Judged(NamedTuple):
    """What a rule says of some comparisons of one table.

    Attributes
    ----------
    low, high : ndarray of shape (comparisons,)
        Ends of the intervals, which hold together.
    different : ndarray of bool, shape (comparisons,)
        Whether the verdict is better or worse.
    """

    low: Vector
    high: Vector
    different: np.ndarray


def judge(table: Table, pairs: Sequence[tuple[int, int]], rule: str, seed: int) -> Judged:
    """Apply a rule to differences between combinations of a table."""
    mine, theirs = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    folds, draws = table.folds[mine] - table.folds[theirs], table.draws[mine] - table.draws[theirs]
    if rule.startswith("two parts"):
        found = significance.two_part(folds, draws, table.repeats, table.positives)
        if rule != "two parts":
            found = found._replace(degrees_of_freedom=np.full(len(pairs), folds.shape[1] - 1.0))
        low, high, _ = significance.simultaneous(found, folds, draws, seed)
        return Judged(low, high, (low > 0) | (high < 0))
    value, fits = folds.mean(axis=1), folds.shape[1]
    if rule == "bootstrap":
        error, freedom = draws.std(axis=1, ddof=1), np.inf
    else:
        each = fits / table.repeats
        error = folds.std(axis=1, ddof=1) * np.sqrt(1 / fits + 1 / (each - 1))
        freedom = fits - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * stats.t.sf(np.abs(value) / error, freedom)
    p = np.where(error == 0, np.where(value == 0, 1.0, 0.0), p)
    reach = stats.t.ppf(1 - 0.025 / len(pairs), freedom) * error
    return Judged(value - reach, value + reach, np.array(holm(list(p))) <= 0.05)


def spread_ratio(table: Table, pair: tuple[int, int]) -> float:
    """q, the variance of a fold's difference over its part by which rows are tested.

    1 means that training adds nothing.
    """
    folds, draws = (array[pair[0]] - array[pair[1]] for array in (table.folds, table.draws))
    each = len(folds) / table.repeats
    return float(folds.var(ddof=1) / (each * np.nanvar(draws, ddof=1)))
