"""Draws of the paired bootstrap, as weights: how often each row counts in each draw.

A draw resamples what is independent, with replacement: rows, or units of several rows that belong
together (a group, duplicates, a block of time; `counterpoise.evaluation.independent`). Units are
drawn within each test fold, and those with a positive apart from those without, since the folds fix
the number of each. The weight belongs to the row, not to the fold: a row tested again in another
repeat counts as often there. Independent draws per repeat would treat repeats as new data, and
their intervals would be too narrow. All combinations share the same draws, so differences between
two combinations are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Index, Labels, Vector
from counterpoise.data.folds import Parts
from counterpoise.engine import parallel
from counterpoise.evaluation.metrics import Weights
from counterpoise.evaluation.significance import LEVEL

T = TypeVar("T")

DRAWS = 1000
"""Draws of every interval."""

BLOCK = 100
"""Draws generated together. Each block has its own seed, so another block size gives other draws.
"""

LARGEST = 2**30
"""Bytes of weights held in memory at once. From 2.7 million rows on, a block is split into pieces.
"""


def draws(
    parts: Parts,
    y: Labels,
    seed: int,
    count: int = DRAWS,
    only: int | None = None,
    units: Index | None = None,
) -> Iterator[Weights]:
    """Generate the weights of the rows, piece by piece.

    Each stratum is one kind of unit (with or without a positive) within one test fold of the first
    repeat. A row that no such fold tests (the training part of a holdout) has weight 0.

    Parameters
    ----------
    parts : Parts
        The split.
    y : ndarray of shape (n,)
        Labels of the table's rows.
    seed : int
        Seed of all draws; each block is seeded by `[seed, block]`.
    count : int
        Number of draws.
    only : int, optional
        Number of the one block to generate; all blocks by default.
    units : ndarray of shape (n,), optional
        The unit of each row; every row is one by default. A unit whose rows are tested in several
        folds belongs to the first of them.

    Yields
    ------
    ndarray of shape (n, d), float32
        One column per draw. d is at most `BLOCK`, and less for a table whose block exceeds
        `LARGEST`.
    """
    strata, rows, unit_of_row = _strata(parts, y, units)
    drawn_from = np.concatenate(strata)
    place = np.empty(len(drawn_from), np.int64)
    place[drawn_from] = np.arange(len(drawn_from))
    at_once = max(1, min(BLOCK, LARGEST // max(4 * len(y), 1)))
    for block, start in enumerate(range(0, count, BLOCK)):
        if only not in (None, block):
            continue
        counts = _counts(
            [len(one) for one in strata],
            min(BLOCK, count - start),
            np.random.default_rng([seed, block]),
        )
        for piece in range(0, len(counts), at_once):
            some = counts[piece : piece + at_once]
            weights = np.zeros((len(y), len(some)), dtype=np.float32)
            weights[rows] = some.T[place[unit_of_row]]
            yield weights


def _strata(parts: Parts, y: Labels, units: Index | None) -> tuple[list[Index], Index, Index]:
    """Units of each stratum, the rows that are tested, and the unit of each of these rows."""
    first = parts.names[0][0]
    tested = [fold.test for fold in parts if fold.repeat == first]
    rows = np.concatenate([test[y[test] == label] for test in tested for label in (0, 1)])
    fold_of = np.full(len(y), -1)
    for number, test in enumerate(tested):
        fold_of[test] = number
    _, at, unit_of_row = np.unique(
        rows if units is None else units[rows], return_index=True, return_inverse=True
    )
    positive = np.bincount(unit_of_row, weights=y[rows]) > 0
    stratum = 2 * fold_of[rows[at]] + positive
    return [np.flatnonzero(stratum == one) for one in np.unique(stratum)], rows, unit_of_row


def over_draws(
    of_piece: Callable[[int, Weights], T],
    parts: Parts,
    y: Labels,
    seed: int,
    count: int = DRAWS,
    units: Index | None = None,
) -> list[T]:
    """Apply a function to each piece of the draws, and return the results in order.

    Blocks run in parallel threads where the weights of one block per core fit into half of
    `LARGEST`; otherwise they run one after the other.

    Parameters
    ----------
    of_piece : callable of (int, Weights)
        Called with the number of the block's first draw and the weights of a piece.
    parts, y, seed, count, units
        See `draws`.

    Returns
    -------
    list
        One result per piece.
    """

    def of_block(block: int) -> list[T]:
        return [
            of_piece(block * BLOCK, weights)
            for weights in draws(parts, y, seed, count, block, units)
        ]

    blocks = range(-(-count // BLOCK))
    small = 4 * len(y) * BLOCK <= LARGEST / parallel.cores() / 2
    blocks_drawn = parallel.in_threads(
        of_block, blocks, together=small, label="blocks of bootstrap draws", unit="block"
    )
    return [piece for pieces in blocks_drawn for piece in pieces]


def _counts(strata: list[int], size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Draw rows with replacement in each stratum: counts of shape (size, rows).

    uint8 suffices: the probability that one row is drawn more than 255 times is below 1 / 255!.
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
    """Percentile interval of a statistic over bootstrap draws.

    Parameters
    ----------
    values : ndarray of shape (draws,)
        The statistic in each draw; NaN where it is not defined.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    tuple of float
        Lower and upper end; both NaN where no draw is defined.

    References
    ----------
    B. Efron and R. J. Tibshirani (1993). An Introduction to the Bootstrap, chapter 13. Chapman and
    Hall.
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
