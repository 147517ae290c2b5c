"""Which rows have rows of another class among their nearest, without searching all neighbours.

scikit-learn searches the k nearest of every row. Cleaning needs less: whether another class is
among them. The distances to the other classes come first; there are few where those classes are
rare. A row is settled when its own class has k rows nearer than the nearest of any other class. A
growing sample of its class shows this long before the whole class has been read. Only for the
remaining rows are the nearest searched among all.

The result does not depend on chance or rounding. Every squared distance is an interval that holds
the value that scikit-learn computes, whatever its rounding. (It computes |x|^2 - 2 x y + |y|^2 in
double precision; its trees round less.) Single precision screens, double precision decides. Where
the intervals leave two answers for a row (ties, duplicates), scikit-learn itself decides.

It needs memory for blocks of 4 MiB of distances, and for copies of the rows: one in double
precision and up to two in single.
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
"""Rows and columns of a block of distances: 4 MiB in single precision, which fit a cache."""

SAMPLE = 512
"""Rows in the first sample of a class; each further one doubles the number of rows read."""

MOST_PAIRS = 1_000_000
"""Limit of the pairs of one block of rows that may be among the k nearest.

A table with more is a table of ties.
"""

CHUNK = 256
"""Number of queries that scikit-learn computes together.

Rounding, and so ties, may depend on the other queries of a chunk, but not on further ones.
"""


class Tied(Exception):
    """So many rows are equally near that the shortcut saves nothing."""


@dataclass(frozen=True)
class Near:
    """All rows that may be among the k + 1 nearest of each query, the row itself included.

    The pairs are sorted by `query`.

    Attributes
    ----------
    query : ndarray of shape (pairs,), int64
        Position among the rows whose neighbours are searched.
    neighbour : ndarray of shape (pairs,), int64
        A row that may be among the nearest.
    sure : ndarray of shape (pairs,), bool
        Whether it certainly is.
    first : ndarray of shape (pairs,), bool
        Whether it may be the nearest of all. scikit-learn puts that one first, and cleaning takes
        it for the row itself.
    """

    query: Index
    neighbour: Index
    sure: Flags
    first: Flags


class Space:
    """Rows whose squared distances are bounded.

    Distances are those of the rows after division by a power of two and centring.

    Parameters
    ----------
    X : ndarray of shape (n, p), float64
        Finite, with the largest absolute value between 1e-100 and 1e100, so that no square leaves
        the range of a double.
    """

    def __init__(self, X: Floats) -> None:
        p = X.shape[1]
        scaled = X / 2.0 ** np.round(np.log2(np.abs(X).max()))  # exact: a power of two
        self.rows = scaled - scaled.mean(axis=0)
        self.length = length = np.einsum("ij,ij->i", self.rows, self.rows)
        # limits of rounding errors, which grow with the columns and the squared lengths; in double
        # precision: scikit-learn's on the scaled rows, and ours on the centred ones
        theirs = (4 * p + 32) * 2.0**-53 * (np.einsum("ij,ij->i", scaled, scaled) + length)
        self.slack = theirs + 1e-35  # each of two rows adds its part
        # single precision, for screening
        slack = self.slack + (4 * p + 32) * 2.0**-24 * length
        self.to_itself = 2 * slack  # upper bound of a row's computed distance to itself
        self.low, self.high = (
            (length - slack).astype(np.float32),
            (length + slack).astype(np.float32),
        )
        self.single = self.rows.astype(np.float32)

    def _left(self, rows: Index, bound: Singles) -> Singles:
        """Factors of `left @ right.T`; see `_right`."""
        return np.hstack(
            [-2 * self.single[rows], bound[rows, None], np.ones((len(rows), 1), np.float32)]
        )

    def _right(self, rows: Index, bound: Singles) -> Singles:
        """Factors of `left @ right.T`, which gives bounds of squared distances.

        They are lower or upper bounds as `bound` is `low` or `high`.
        """
        return np.hstack(
            [self.single[rows], np.ones((len(rows), 1), np.float32), bound[rows, None]]
        )

    def bounds(self, rows: Index, others: Index) -> tuple[Floats, Floats]:
        """Bound all squared distances between some rows and a few others, as narrowly as possible.

        Parameters
        ----------
        rows : ndarray of shape (r,), int64
        others : ndarray of shape (o,), int64

        Returns
        -------
        low, high : ndarray of shape (r, o)
        """
        squared = (
            self.length[rows, None]
            + self.length[others]
            - 2 * (self.rows[rows] @ self.rows[others].T)
        )
        slack = self.slack[rows, None] + self.slack[others]
        return squared - slack, squared + slack

    def between(self, rows: Index, others: Index) -> tuple[Floats, Floats]:
        """Bound the squared distances between two sets of rows from below.

        Parameters
        ----------
        rows : ndarray of shape (r,), int64
        others : ndarray of shape (o,), int64

        Returns
        -------
        to_others : ndarray of shape (r,)
            For each row, a lower bound to the nearest of the others.
        to_rows : ndarray of shape (o,)
            For each of the others, a lower bound to the nearest row.
        """
        one, two = np.full(len(rows), np.inf), np.full(len(others), np.inf)
        for at, to, block in _products(self._left(rows, self.low), self._right(others, self.low)):
            np.minimum(one[at], block.min(axis=1), out=one[at])
            np.minimum(two[to], block.min(axis=0), out=two[to])
        return one, two

    def to_others(self, rows: Index, others: Index, rank: int) -> Floats:
        """Bound the squared distance of each row to the `rank`-th nearest of the others from below.

        Parameters
        ----------
        rows : ndarray of shape (r,), int64
        others : ndarray of shape (o,), int64
        rank : int
            From 1.

        Returns
        -------
        ndarray of shape (r,)
        """
        if rank == 1:
            return self.between(rows, others)[0]
        best = np.full((len(rows), rank), np.inf, np.float32)
        for at, _, block in _products(self._left(rows, self.low), self._right(others, self.low)):
            line = np.arange(len(block))
            # the rank smallest of a block, merged one by one into the smallest so far
            for _ in range(min(rank, block.shape[1])):
                nearest = block.argmin(axis=1)
                best[at, -1] = np.minimum(best[at, -1], block[line, nearest])
                best[at].sort(axis=1)
                block[line, nearest] = np.inf
        return best[:, -1].astype(np.float64)

    def unsettled(self, own: Index, bound: Floats, needed: int) -> Flags:
        """Find the rows of a class without enough rows of their class nearer than a bound.

        Parameters
        ----------
        own : ndarray of shape (m,), int64
            All rows of the class.
        bound : ndarray of shape (m,), float64
            A squared distance for each, as `to_others` returns it.
        needed : int
            Number of rows, beside the row itself, that have to be nearer.

        Returns
        -------
        ndarray of shape (m,), bool
            True for all rows that have too few. Also for some for which half of the class was too
            small a sample.
        """
        # the order of the sample changes the time, not the result
        order = np.random.default_rng(0).permutation(len(own))
        place = np.argsort(order)
        open_ = np.ones(len(own), bool)
        # the rest cannot be settled: not even the row itself is certainly nearer than the bound
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
            # a row that is in the sample has counted itself
            settled = count[left] - (place[left] < stop) >= needed
            open_[left[settled]] = False
            left = left[~settled]
            start, stop = stop, 2 * stop
        return open_

    def nearest(self, rows: Index, k: int) -> Near:
        """Find the k nearest of each row among all, and the row itself.

        Parameters
        ----------
        rows : ndarray of shape (r,), int64
        k : int
            Number of neighbours, without the row itself.

        Returns
        -------
        Near

        Raises
        ------
        Tied
            When more than `MOST_PAIRS` pairs of one block of rows have to be compared.
        """
        n = len(self.rows)
        sample = np.random.default_rng(0).permutation(n)[: max(COLUMNS, n // 64, k + 1)]
        far = self._right(sample, self.high)
        everyone = self._right(np.arange(n), self.low)
        parts = [
            self._nearest(rows[at : at + ROWS], k, far, everyone)
            for at in range(0, len(rows), ROWS)
        ]
        queries = [
            part.query + at for part, at in zip(parts, range(0, len(rows), ROWS), strict=True)
        ]
        none = np.zeros(0, np.int64)
        return Near(
            np.concatenate([none, *queries]),
            np.concatenate([none, *(part.neighbour for part in parts)]),
            np.concatenate([none.astype(bool), *(part.sure for part in parts)]),
            np.concatenate([none.astype(bool), *(part.first for part in parts)]),
        )

    def _nearest(self, rows: Index, k: int, far: Singles, everyone: Singles) -> Near:
        """The nearest of one block of rows, within the reach of a sample's k + 1 nearest."""
        # an upper bound of the (k + 1)-th nearest of all: no row beyond it counts
        reach = np.partition(self._left(rows, self.high) @ far.T, k, axis=1)[:, k, None]
        queries, neighbours, pairs = [], [], 0
        for _, to, block in _products(self._left(rows, self.low), everyone):
            hits = np.flatnonzero(block <= reach)
            queries.append(hits // block.shape[1])
            neighbours.append(hits % block.shape[1] + to.start)
            pairs += len(hits)
            if pairs > MOST_PAIRS:
                raise Tied
        return self._sorted(rows, k, np.concatenate(queries), np.concatenate(neighbours))

    def _sorted(self, rows: Index, k: int, query: Index, neighbour: Index) -> Near:
        """Keep the pairs that may be among the k + 1 nearest, compared in double precision."""
        squared = np.concatenate(
            [
                np.einsum("ij,ij->i", gap, gap)
                for at in range(0, len(query), 2**16)
                for gap in [
                    self.rows[rows[query[at : at + 2**16]]] - self.rows[neighbour[at : at + 2**16]]
                ]
            ]
        )
        slack = self.slack[rows[query]] + self.slack[neighbour]
        high = squared + slack
        order = np.lexsort((high, query))
        start = np.searchsorted(query[order], np.arange(len(rows)))
        order = order[(squared - slack)[order] <= high[order][start + k][query[order]]]
        query, neighbour, low, high = (
            query[order],
            neighbour[order],
            (squared - slack)[order],
            high[order],
        )
        start = np.searchsorted(query, np.arange(len(rows)))
        next_ = np.full(len(rows), np.inf)  # a lower bound of the (k + 2)-th nearest
        more = np.bincount(query, minlength=len(rows)) > k + 1
        next_[more] = low[np.lexsort((low, query))][start[more] + k + 1]
        return Near(query, neighbour, high < next_[query], low <= high[start][query])


def _products(left: Singles, right: Singles) -> Iterator[tuple[slice, slice, Singles]]:
    """Yield `left @ right.T` block by block; the next block overwrites the last."""
    out = np.empty(ROWS * COLUMNS, np.float32)
    for at in range(0, len(left), ROWS):
        mine = left[at : at + ROWS]
        for to in range(0, len(right), COLUMNS):
            theirs = right[to : to + COLUMNS]
            block = out[: len(mine) * len(theirs)].reshape(len(mine), len(theirs))
            np.matmul(mine, theirs.T, out=block)
            yield slice(at, at + len(mine)), slice(to, to + len(theirs)), block


class Answer(NamedTuple):
    """Decisions about the rows that are searched.

    Attributes
    ----------
    value : ndarray of shape (rows,)
    known : ndarray of shape (rows,), bool
        False where scikit-learn has to decide.
    """

    value: Any
    known: Flags


def agrees(near: Near, classes: Index, rows: Index, k: int, kind: str) -> Answer:
    """Decide whether all or most of the k nearest of each row are of its class.

    Parameters
    ----------
    near : Near
        Of `rows` and `k`.
    classes : ndarray of shape (n,), int64
        The class of every row, numbered from 0 in the order of the labels; a tie goes to the
        lowest.
    rows : ndarray of shape (r,), int64
    k : int
    kind : {"all", "mode"}
        "mode" asks for most of them.

    Returns
    -------
    Answer
        Its values are boolean.
    """
    theirs, own = classes[near.neighbour], classes[rows]
    width = int(classes.max()) + 1
    counts = np.bincount(near.query * width + theirs, minlength=len(rows) * width).reshape(
        len(rows), width
    )
    first = np.bincount(
        (near.query * width + theirs)[near.first], minlength=len(rows) * width
    ).reshape(len(rows), width)
    line = np.arange(len(rows))
    alone = counts[line, own] == counts.sum(axis=1)
    known = (counts.sum(axis=1) == k + 1) & (np.count_nonzero(first, axis=1) == 1)
    votes = counts - (first > 0)
    value = votes[line, own] == k if kind == "all" else votes.argmax(axis=1) == own
    if kind == "all":
        other = near.sure & ~near.first & (theirs != own[near.query])
        known[near.query[other]], value[near.query[other]] = True, False
    return Answer(np.where(alone, True, value), known | alone)


def partners(near: Near, classes: Index, rows: Index) -> Answer:
    """Find the nearest other row of each, where it is of another class.

    Parameters
    ----------
    near : Near
        Of `rows` with k = 1.
    classes : ndarray of shape (n,), int64
        The class of every row.
    rows : ndarray of shape (r,), int64

    Returns
    -------
    Answer
        Its values are rows, and -1 where the nearest is of the row's own class or the row itself.
    """
    value = np.full(len(rows), -1)
    other = classes[near.neighbour] != classes[rows][near.query]
    foreign = np.bincount(near.query[other], minlength=len(rows))
    plain = (np.bincount(near.query, minlength=len(rows)) == 2) & (
        np.bincount(near.query[near.first]) == 1
    )
    value[near.query[other]] = near.neighbour[other]
    return Answer(value, plain | (foreign == 0))


def at_positions(
    ask: Callable[[NDArray[Any]], NDArray[Any]], X: NDArray[Any], positions: Index
) -> NDArray[Any]:
    """Compute `ask(X)[positions]` with fewer queries, the same to the last tie.

    Whole chunks are queried, in their order. There are enough of them for scikit-learn to process
    them in the same way as all.

    Parameters
    ----------
    ask : callable
        A method of a fitted searcher or classifier of scikit-learn.
    X : ndarray of shape (n, p)
        All queries.
    positions : ndarray of shape (m,), int64
        The queries to answer.

    Returns
    -------
    ndarray of shape (m, ...)
    """
    from threadpoolctl import threadpool_info

    threads = max(
        (one["num_threads"] for one in threadpool_info() if one["user_api"] == "openmp"), default=1
    )
    # up to so many queries, scikit-learn splits the searched rows over threads, not the queries
    few = 4 * CHUNK * threads
    if len(X) <= few:
        return ask(X)[positions]
    wanted = np.unique(positions // CHUNK)
    spare = np.setdiff1d(np.arange(-(-len(X) // CHUNK)), wanted)
    taken = np.sort(np.concatenate([wanted, spare[: max(0, few // CHUNK + 2 - len(wanted))]]))
    rows = np.concatenate([np.arange(c * CHUNK, min(len(X), (c + 1) * CHUNK)) for c in taken])
    return ask(X[rows])[np.searchsorted(rows, positions)]
