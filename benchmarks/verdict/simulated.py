"""Simulated scores whose average precision is known, for the size, power and coverage of a rule.

Scores are drawn from two normal distributions, one for each class. Two scores of a row are
correlated, as those of two models are that were fitted on the same rows. Each fit is better or
worse by chance of its training: by a part of its own, and by a part that all fits of a combination
on one table share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import integrate, optimize, stats

from benchmarks.verdict.rules import Table
from counterpoise.data.folds import TEST, TRAIN, Parts
from counterpoise.evaluation.metrics import Ranking

FOLDS = 5
DRAWS = 300
CORRELATION = 0.95
"""Of the scores of two models, within a class."""
FRESH = 0.02
"""Share of the variance of a row's score that is new in each fit."""


class Setting(NamedTuple):
    """What is simulated: a baseline of some average precision, and remedies that all gain."""

    positives: int
    remedies: int = 1
    gain: float = 0.0
    repeats: int = 2
    unrest: float = 0.1
    """Deviation of a fit's separation of the classes, by chance of its training."""
    shared: float = 0.0
    """Share of that variance which all fits of a combination on one table have in common."""
    prevalence: float = 0.02
    base: float = 0.5


def average_precision(separation: float, prevalence: float) -> float:
    """Average precision of infinitely many scores that are normal in each class."""

    def density(t: float) -> float:
        true, false = (
            prevalence * stats.norm.sf(t - separation),
            (1 - prevalence) * stats.norm.sf(t),
        )
        return float(true / (true + false) * stats.norm.pdf(t - separation))

    return float(integrate.quad(density, -8, 8 + separation, limit=200)[0])


def separation(wanted: float, prevalence: float) -> float:
    """How far apart the classes are for a wanted average precision."""
    return float(optimize.brentq(lambda s: average_precision(s, prevalence) - wanted, 0, 12))


def table(setting: Setting, apart: Sequence[float], seed: int) -> Table:
    """Simulate one table: the separations of the baseline and of the remedies are given."""
    random = np.random.default_rng([seed, setting.positives, setting.remedies])
    rows = round(setting.positives / setting.prevalence)
    y = (np.arange(rows) < setting.positives).astype(np.int8)
    cells = setting.remedies + 1
    mean = np.array([apart[0], *[apart[1]] * setting.remedies])
    mean = mean + random.normal(0, setting.unrest * setting.shared**0.5, cells)
    common, own = random.normal(size=rows), random.normal(size=(cells, rows))
    lasting = CORRELATION**0.5 * common + (1 - CORRELATION - FRESH) ** 0.5 * own
    codes, rankings = [], []
    for _ in range(setting.repeats):
        fold = np.empty(rows, np.int64)
        for label in (0, 1):
            mine = np.flatnonzero(y == label)
            fold[random.permutation(mine)] = np.arange(len(mine)) % FOLDS
        alone = setting.unrest * (1 - setting.shared) ** 0.5
        chance = random.normal(0, alone, (cells, FOLDS))[:, fold]
        scores = lasting + FRESH**0.5 * random.normal(size=(cells, rows))
        scores = scores + (mean[:, None] + chance) * y
        codes.append(np.where(fold[:, None] == np.arange(FOLDS), TEST, TRAIN).astype(np.uint8))
        for k in range(FOLDS):
            test = np.flatnonzero(fold == k)
            rankings.append([Ranking.of(test, y[test], one[test], rows) for one in scores])
    names = tuple((r, k) for r in range(setting.repeats) for k in range(FOLDS))
    parts = Parts(np.concatenate(codes, axis=1), names)
    return Table.of(rankings, parts, y, seed, setting.repeats)


def separations(setting: Setting) -> list[float]:
    """Separations of the baseline and of the remedies."""
    return [separation(setting.base + gain, setting.prevalence) for gain in (0, setting.gain)]
