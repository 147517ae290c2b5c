"""Draws of the paired bootstrap: how often each row counts.

A draw redraws the rows of each test fold, positives and negatives apart, since the folds fix how
many there are of each. The weight belongs to the row, not to the fold: a row that is tested again
in another repeat counts as often there. Redrawing each repeat on its own would treat them as new
data and promise too narrow an interval. The same draws serve every cell, so differences between two
cells are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Labels, Vector
from counterpoise.data.folds import Parts
from counterpoise.engine import parallel
from counterpoise.evaluation.metrics import Weights

T = TypeVar("T")

DRAWS = 1000
BLOCK = 100
"""Draws that are made together; each block has a seed of its own, so another size means other
draws."""

LARGEST = 2**30
"""Bytes of weights held in memory at once: from 2.7 million rows on, a block is handed out in
pieces."""

LEVEL = 0.95


def draws(
    parts: Parts, y: Labels, seed: int, count: int = DRAWS, only: int | None = None
) -> Iterator[Weights]:
    """Weights of rows, in pieces of shape (n, at most BLOCK), float32; a table of many rows has
    more and smaller pieces.

    All of `count` draws, or those of one block by its number. Each stratum is a class within a test
    fold of the first repeat. A row that no fold of it tests (the training part of a holdout) has
    weight 0.
    """
    first = parts.names[0][0]
    tested = [fold.test for fold in parts if fold.repeat == first]
    strata = [rows for test in tested for label in (0, 1) if len(rows := test[y[test] == label])]
    drawn_from = np.concatenate(strata)
    at_once = max(1, min(BLOCK, LARGEST // max(4 * len(y), 1)))
    for block, start in enumerate(range(0, count, BLOCK)):
        if only not in (None, block):
            continue
        counts = _counts(
            [len(rows) for rows in strata],
            min(BLOCK, count - start),
            np.random.default_rng([seed, block]),
        )
        for piece in range(0, len(counts), at_once):
            some = counts[piece : piece + at_once]
            weights = np.zeros((len(y), len(some)), dtype=np.float32)
            weights[drawn_from] = some.T
            yield weights


def over_draws(
    of_piece: Callable[[int, Weights], T], parts: Parts, y: Labels, seed: int, count: int = DRAWS
) -> list[T]:
    """What a function gives of each piece of the draws, in their order.

    Blocks are drawn and worked on side by side, on one thread each, where the weights of as many as
    there are cores are small; else one after the other.

    Parameters
    ----------
    of_piece : callable of (int, Weights)
        Is given the number of the block's first draw beside the weights.
    """

    def of_block(block: int) -> list[T]:
        return [
            of_piece(block * BLOCK, weights)
            for weights in draws(parts, y, seed, count=count, only=block)
        ]

    blocks = range(-(-count // BLOCK))
    small = 4 * len(y) * BLOCK <= LARGEST / parallel.cores() / 2
    made = parallel.in_threads(of_block, blocks, together=small, label="bootstrap", unit="block")
    return [piece for pieces in made for piece in pieces]


def _counts(strata: list[int], size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """How often each row of each stratum is drawn, shape (size, rows).

    A byte is enough: that one row is drawn more than 255 times has a probability of less than 1 /
    255!.
    """
    counts = np.empty((size, sum(strata)), np.uint8)
    begin = 0
    for rows in strata:
        for draw in counts:
            draw[begin : begin + rows] = np.bincount(
                random.integers(0, rows, size=rows), minlength=rows
            )
        begin += rows
    return counts


def interval(values: Vector, level: float = LEVEL) -> tuple[float, float]:
    """The percentile interval of draws (Efron and Tibshirani 1993, chapter 13); NaN where no draw
    is defined."""
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
