"""Which rows have rows of another class among their nearest, found without finding everybody's
nearest.

scikit-learn looks for the k nearest of every row. Cleaning asks for less: whether another class is
among them. The distances to the other classes come first, and few they are where those are rare. A
row whose own class has k rows nearer than the nearest of any other is settled, and a growing sample
of its class shows so long before the whole class has been looked at. Only what is left has its
nearest sought among all.

Nothing rests on luck or on rounding. Every squared distance is an interval that holds the one
scikit-learn computes, with whatever rounding it has (|x|^2 - 2 x y + |y|^2 in double precision; its
trees round less). Single precision screens, double precision decides, and a row of which these
intervals leave two answers (ties, duplicates) is for scikit-learn itself to say.

It takes blocks of 4 MiB of distances, one copy of the rows in double precision and up to two in
single.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Flags, Floats, Index

Singles = NDArray[np.float32]

ROWS, COLUMNS = 256, 4096
"""A block of distances: 4 MiB in single precision, which stay in a processor's cache."""

SAMPLE = 512
"""Rows of the first sample of a class; each further one doubles what has been looked at."""

MOST_PAIRS = 1_000_000
"""Pairs of one block of rows that may be within reach of the k nearest; more are a table of
ties."""

CHUNK = 256
"""Queries that scikit-learn computes together: rounding, and with it ties, may depend on company
within a chunk only."""


class Tied(Exception):
    """So many rows are equally near that there is nothing to gain."""


@dataclass(frozen=True)
class Near:
    """Every row that may be among the k + 1 nearest of each row asked for, itself one of them:
    pairs, sorted by `asked`.

    Attributes
    ----------
    asked : ndarray of shape (pairs,), int64
        Position among the rows asked for.
    found : ndarray of shape (pairs,), int64
        A row that may be among the nearest.
    sure : ndarray of shape (pairs,), bool
        Whether it is so for certain.
    first : ndarray of shape (pairs,), bool
        Whether it may be the very nearest, which scikit-learn puts first and cleaning takes for the
        row itself.
    """

    asked: Index
    found: Index
    sure: Flags
    first: Flags


class Space:
    """Rows between which distances are bounded.

    Parameters
    ----------
    X : ndarray of shape (n, p), float64
        Finite, the largest absolute value between 1e-100 and 1e100, so that no square leaves the
        range of a double.
    """

    def __init__(self, X: Floats) -> None:
        p = X.shape[1]
        given = X / 2.0 ** np.round(np.log2(np.abs(X).max()))  # a power of two: nothing is rounded
        self.rows = given - given.mean(axis=0)
        self.length = length = np.einsum("ij,ij->i", self.rows, self.rows)
        theirs = (4 * p + 32) * 2.0**-53 * (np.einsum("ij,ij->i", given, given) + length)
        self.slack = theirs + 1e-35  # of a squared distance: the part of one of the two rows
        slack = self.slack + (4 * p + 32) * 2.0**-24 * length
        self.to_itself = 2 * slack  # at most
        self.low, self.high = (
            (length - slack).astype(np.float32),
            (length + slack).astype(np.float32),
        )
        self.single = self.rows.astype(np.float32)

    def _left(self, rows: Index, bound: Singles) -> Singles:
        return np.hstack(
            [-2 * self.single[rows], bound[rows, None], np.ones((len(rows), 1), np.float32)]
        )

    def _right(self, rows: Index, bound: Singles) -> Singles:
        """What makes `left @ right.T` squared distances, lower or upper bounds of them as `bound`
        is `low` or `high`."""
        return np.hstack(
            [self.single[rows], np.ones((len(rows), 1), np.float32), bound[rows, None]]
        )

    def bounds(self, rows: Index, others: Index) -> tuple[Floats, Floats]:
        """Lower and upper bounds, as narrow as can be, of all squared distances between some rows
        and a few others."""
        squared = (
            self.length[rows, None]
            + self.length[others]
            - 2 * (self.rows[rows] @ self.rows[others].T)
        )
        slack = self.slack[rows, None] + self.slack[others]
        return squared - slack, squared + slack

    def between(self, rows: Index, others: Index) -> tuple[Floats, Floats]:
        """Lower bounds of squared distances: of each row to the nearest of the others, of each
        other to the nearest row."""
        one, two = np.full(len(rows), np.inf), np.full(len(others), np.inf)
        for at, to, block in _products(self._left(rows, self.low), self._right(others, self.low)):
            np.minimum(one[at], block.min(axis=1), out=one[at])
            np.minimum(two[to], block.min(axis=0), out=two[to])
        return one, two

    def to_others(self, rows: Index, others: Index, rank: int) -> Floats:
        """Lower bounds of the squared distance of each row to the `rank`-th nearest of the
        others."""
        if rank == 1:
            return self.between(rows, others)[0]
        best = np.full((len(rows), rank), np.inf, np.float32)
        for at, _, block in _products(self._left(rows, self.low), self._right(others, self.low)):
            line = np.arange(len(block))
            for _ in range(min(rank, block.shape[1])):
                nearest = block.argmin(axis=1)
                best[at, -1] = np.minimum(best[at, -1], block[line, nearest])
                best[at].sort(axis=1)
                block[line, nearest] = np.inf
        return best[:, -1].astype(np.float64)

    def unsettled(self, own: Index, bound: Floats, needed: int) -> Flags:
        """Which rows of a class cannot be shown to have enough of their class nearer than a bound.

        Parameters
        ----------
        own : ndarray of shape (m,), int64
            All rows of the class.
        bound : ndarray of shape (m,), float64
            A squared distance for each, as `to_others` gives it.
        needed : int
            How many beside the row itself have to be nearer.

        Returns
        -------
        ndarray of shape (m,), bool
            All that have too few, and some that half of the class was too small a sample for.
        """
        # chance decides how long it takes, and nothing else
        order = np.random.default_rng(0).permutation(len(own))
        place = np.argsort(order)
        open_ = np.ones(len(own), bool)
        # of the others not even the row itself is nearer
        left = np.flatnonzero(bound > self.to_itself[own])
        count = np.zeros(len(own), np.int64)
        start, stop = 0, SAMPLE
        while len(left) and start < len(own) / 2:
            nearer = bound[left, None].astype(np.float32)
            products = _products(
                self._left(own[left], self.high), self._right(own[order[start:stop]], self.high)
            )
            for at, _, block in products:
                count[left[at]] += np.count_nonzero(block < nearer[at], axis=1)
            # a row in the sample has counted itself
            settled = count[left] - (place[left] < stop) >= needed
            open_[left[settled]] = False
            left = left[~settled]
            start, stop = stop, 2 * stop
        return open_

    def nearest(self, rows: Index, k: int) -> Near:
        """The k nearest of each row, and itself, among all.

        Raises
        ------
        Tied
        """
        n = len(self.rows)
        sample = np.random.default_rng(0).permutation(n)[: max(COLUMNS, n // 64, k + 1)]
        far = self._right(sample, self.high)
        everyone = self._right(np.arange(n), self.low)
        parts = [
            self._nearest(rows[at : at + ROWS], k, far, everyone)
            for at in range(0, len(rows), ROWS)
        ]
        asked = [part.asked + at for part, at in zip(parts, range(0, len(rows), ROWS), strict=True)]
        none = np.zeros(0, np.int64)
        return Near(
            np.concatenate([none, *asked]),
            np.concatenate([none, *(part.found for part in parts)]),
            np.concatenate([none.astype(bool), *(part.sure for part in parts)]),
            np.concatenate([none.astype(bool), *(part.first for part in parts)]),
        )

    def _nearest(self, rows: Index, k: int, far: Singles, everyone: Singles) -> Near:
        reach = np.partition(self._left(rows, self.high) @ far.T, k, axis=1)[:, k, None]
        asked, found, pairs = [], [], 0
        for _, to, block in _products(self._left(rows, self.low), everyone):
            hits = np.flatnonzero(block <= reach)
            asked.append(hits // block.shape[1])
            found.append(hits % block.shape[1] + to.start)
            pairs += len(hits)
            if pairs > MOST_PAIRS:
                raise Tied
        return self._sorted(rows, k, np.concatenate(asked), np.concatenate(found))

    def _sorted(self, rows: Index, k: int, asked: Index, found: Index) -> Near:
        """Of pairs that hold the nearest of every row those that may be among them."""
        squared = np.concatenate(
            [
                np.einsum("ij,ij->i", gap, gap)
                for at in range(0, len(asked), 2**16)
                for gap in [
                    self.rows[rows[asked[at : at + 2**16]]] - self.rows[found[at : at + 2**16]]
                ]
            ]
        )
        slack = self.slack[rows[asked]] + self.slack[found]
        high = squared + slack
        order = np.lexsort((high, asked))
        start = np.searchsorted(asked[order], np.arange(len(rows)))
        order = order[(squared - slack)[order] <= high[order][start + k][asked[order]]]
        asked, found, low, high = asked[order], found[order], (squared - slack)[order], high[order]
        start = np.searchsorted(asked, np.arange(len(rows)))
        next_ = np.full(len(rows), np.inf)  # a lower bound of the (k + 2)-th nearest
        more = np.bincount(asked, minlength=len(rows)) > k + 1
        next_[more] = low[np.lexsort((low, asked))][start[more] + k + 1]
        return Near(asked, found, high < next_[asked], low <= high[start][asked])


def _products(left: Singles, right: Singles) -> Iterator[tuple[slice, slice, Singles]]:
    """`left @ right.T` block by block; a block is overwritten by the next."""
    out = np.empty(ROWS * COLUMNS, np.float32)
    for at in range(0, len(left), ROWS):
        mine = left[at : at + ROWS]
        for to in range(0, len(right), COLUMNS):
            theirs = right[to : to + COLUMNS]
            block = out[: len(mine) * len(theirs)].reshape(len(mine), len(theirs))
            np.matmul(mine, theirs.T, out=block)
            yield slice(at, at + len(mine)), slice(to, to + len(theirs)), block


class Answer(NamedTuple):
    """What could be decided of each row asked for.

    Attributes
    ----------
    value : ndarray of shape (rows,)
    known : ndarray of shape (rows,), bool
        False where the value is for scikit-learn to say.
    """

    value: Any
    known: Flags


def agrees(near: Near, classes: Index, rows: Index, k: int, kind: str) -> Answer:
    """Whether all (`kind` "all") or most ("mode") of the k nearest of each row are of its class.

    Parameters
    ----------
    classes : ndarray of shape (n,), int64
        The class of every row, from 0 in the order of the labels, which is how a draw is broken.
    """
    found, own = classes[near.found], classes[rows]
    width = int(classes.max()) + 1
    counts = np.bincount(near.asked * width + found, minlength=len(rows) * width).reshape(
        len(rows), width
    )
    first = np.bincount(
        (near.asked * width + found)[near.first], minlength=len(rows) * width
    ).reshape(len(rows), width)
    line = np.arange(len(rows))
    alone = counts[line, own] == counts.sum(axis=1)
    known = (counts.sum(axis=1) == k + 1) & (np.count_nonzero(first, axis=1) == 1)
    votes = counts - (first > 0)
    value = votes[line, own] == k if kind == "all" else votes.argmax(axis=1) == own
    if kind == "all":
        other = near.sure & ~near.first & (found != own[near.asked])
        known[near.asked[other]], value[near.asked[other]] = True, False
    return Answer(np.where(alone, True, value), known | alone)


def partners(near: Near, classes: Index, rows: Index) -> Answer:
    """The nearest other row of each (`near` with k = 1); -1 where it is of the row's own class or
    the row itself."""
    value = np.full(len(rows), -1)
    other = classes[near.found] != classes[rows][near.asked]
    foreign = np.bincount(near.asked[other], minlength=len(rows))
    plain = (np.bincount(near.asked, minlength=len(rows)) == 2) & (
        np.bincount(near.asked[near.first]) == 1
    )
    value[near.asked[other]] = near.found[other]
    return Answer(value, plain | (foreign == 0))


def asked(
    ask: Callable[[NDArray[Any]], NDArray[Any]], X: NDArray[Any], positions: Index
) -> NDArray[Any]:
    """`ask(X)[positions]` of a fitted searcher or classifier of scikit-learn, the same to the last
    tie.

    Whole chunks are asked about, in their order, and enough of them for scikit-learn to go through
    them as through all.
    """
    from threadpoolctl import threadpool_info

    threads = max(
        (one["num_threads"] for one in threadpool_info() if one["user_api"] == "openmp"), default=1
    )
    # of so many queries or fewer scikit-learn shares out the rows searched, not the queries
    few = 4 * CHUNK * threads
    if len(X) <= few:
        return ask(X)[positions]
    wanted = np.unique(positions // CHUNK)
    spare = np.setdiff1d(np.arange(-(-len(X) // CHUNK)), wanted)
    taken = np.sort(np.concatenate([wanted, spare[: max(0, few // CHUNK + 2 - len(wanted))]]))
    rows = np.concatenate([np.arange(c * CHUNK, min(len(X), (c + 1) * CHUNK)) for c in taken])
    return ask(X[rows])[np.searchsorted(rows, positions)]
