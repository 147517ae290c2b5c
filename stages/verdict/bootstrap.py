"""Draws of the paired bootstrap: how often each row counts.

A draw redraws the rows of each test fold, positives and negatives apart, since the folds fix how many there are of each.
The weight belongs to the row, not to the fold: a row that is tested again in another repeat counts as often there.
Redrawing each repeat on its own would treat them as new data and promise too narrow an interval. The same draws serve
every cell, so differences between two cells are paired.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stages.data.parts import Parts
from stages.verdict.metrics import Vector, Weights

DRAWS = 1000
BLOCK = 100
"""Draws held in memory at once; each block has a seed of its own, so another size means other draws."""

LEVEL = 0.95


def draws(parts: Parts, y: NDArray[np.int8], seed: int, count: int = DRAWS) -> Iterator[Weights]:
    """Weights of rows, in blocks of shape (n, at most BLOCK), float32.

    Each stratum is a class within a test fold of the first repeat. A row that no fold of it tests (the training part of
    a holdout) has weight 0.
    """
    first = parts.names[0][0]
    tested = [fold.test for fold in parts if fold.repeat == first]
    strata = [rows[y[rows] == label] for rows in tested for label in (0, 1)]
    for block, start in enumerate(range(0, count, BLOCK)):
        random = np.random.default_rng([seed, block])
        size = min(BLOCK, count - start)
        weights = np.zeros((len(y), size), dtype=np.float32)
        for rows in strata:
            if len(rows):
                drawn = random.integers(0, len(rows), size=(size, len(rows)))
                drawn += np.arange(size)[:, None] * len(rows)
                counts = np.bincount(drawn.ravel(), minlength=size * len(rows)).reshape(size, len(rows))
                weights[rows] = counts.T
        yield weights


def interval(values: Vector, level: float = LEVEL) -> tuple[float, float]:
    """The percentile interval of draws (Efron and Tibshirani 1993, chapter 13); NaN where no draw is defined."""
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
