"""Data check: rows that are nearly equal, across classes and across the parts of a split.

Two rows are near-duplicates if they are not equal, but agree in all features or in all but one once
numbers are rounded. A number is rounded to the power of ten between a thousandth and a hundredth of
the spread of its column; categories agree if they are the same. A sum of hashes over the features
finds such rows without comparing pairs: without one feature, it is the sum less that one's hash.

In few or coarse features rows agree by nature. A feature is left out of the comparison only where
the others, drawn independently, would make less than `MAX_CHANCE_PAIRS` pairs agree.

References
----------
Barz, B., Denzler, J. (2020). Do We Train on Test Data? Purging CIFAR of Near-Duplicates. Journal of
Imaging 6(6), 41.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterpoise.core.types import Index, Vector
from counterpoise.data.checks.finding import (
    WARNING_SHARE,
    Finding,
    examples,
    finding,
    has,
    many,
    percent,
)
from counterpoise.data.folds import Parts
from counterpoise.data.tables import Table

MAX_VALUES = 10_000_000
"""Rows times columns that are compared, so that the check takes seconds; beyond, rows are drawn."""

MAX_CHANCE_PAIRS = 0.01
"""With more pairs than this by chance, features are too few or too coarse to tell copies."""

NORMAL_IQR = 1.349
"""The interquartile range of a normal distribution in standard deviations."""


class Compared(NamedTuple):
    """The rows that are compared.

    Attributes
    ----------
    rows : ndarray of shape (m,)
        Positions in the table, ascending.
    groups : list of (ndarray, ndarray)
        For each way to compare: rows that agree with a row unequal to them, as positions in `rows`,
        and the number of the group in which they agree.
    """

    rows: Index
    groups: list[tuple[Index, Index]]


def near_duplicates(table: Table, parts: Parts, groups: Index, seed: int) -> Iterator[Finding]:
    """Find near-duplicates of training rows among test rows, and of negatives among positives.

    Rows that have an equal row there are not counted: they are train-test duplicates or
    contradictions.

    Parameters
    ----------
    table : Table
    parts : Parts
        The folds that are compared, of which those of the first repeat are examined.
    groups : ndarray of shape (n,)
        The number of each row's features, as `duplicates.row_ids` gives it.
    seed : int
        Of the rows that are drawn from a very large table.

    Yields
    ------
    Finding
        At most two.
    """
    compared = _compared(table, groups, seed)
    if not compared.groups:
        return
    sample = len(compared.rows) < len(table)
    drawn = f", in {len(compared.rows):,} rows drawn at random" if sample else ""
    hit, tested = np.zeros(len(table), bool), 0
    for fold in parts:
        if fold.repeat != parts.names[0][0]:
            continue
        copied = np.isin(groups[fold.test], groups[fold.train])
        near = _near(compared, _marked(fold.test[~copied], table), _marked(fold.train, table))
        hit |= near
        tested += int(np.isin(fold.test, compared.rows).sum()) if sample else len(fold.test)
    if hit.any():
        yield _finding(
            hit, tested, "test row", "a near-duplicate among the training rows of the fold", drawn
        )
    # a row whose equals have both labels is a contradiction
    negative = np.bincount(groups, weights=table.y == 0) > 0
    hit = _near(compared, (table.y == 1) & ~negative[groups], table.y == 0)
    if hit.any():
        of = int(table.y[compared.rows].sum())
        yield _finding(hit, of, "positive row", "a negative near-duplicate", drawn)


def _finding(hit: NDArray[np.bool_], of: int, noun: str, what: str, drawn: str) -> Finding:
    count = int(hit.sum())
    return finding(
        "near_duplicates",
        "warning" if count / of >= WARNING_SHARE else "note",
        count,
        of,
        f"{many(count, noun)} of {of:,} ({percent(count / of, 1)}) {has(count, 'has', 'have')}"
        f" {what}{drawn}: a row that agrees in all features or in all but one, up to rounding, but"
        " is not equal.",
        rows=examples(hit),
    )


def _marked(rows: Index, table: Table) -> NDArray[np.bool_]:
    marked = np.zeros(len(table), bool)
    marked[rows] = True
    return marked


def _near(
    compared: Compared, one: NDArray[np.bool_], other: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Mark the rows of one set that agree with a row of the other set; equal rows are in one."""
    hit = np.zeros(len(one), bool)
    for at, group in compared.groups:
        rows = compared.rows[at]
        hit[rows] |= one[rows] & (np.bincount(group, weights=other[rows]) > 0)[group]
    return hit


def _compared(table: Table, groups: Index, seed: int) -> Compared:
    """Group the rows that agree, for each feature that is left out, and for none."""
    random = np.random.default_rng(seed)
    rows = np.arange(len(table))
    size = max(2, MAX_VALUES // table.X.shape[1])
    if len(rows) > size:
        # positives first: they are few, and every finding is about them or about rows in general
        rows = np.argsort(random.random(len(rows)) - table.y, kind="stable")[:size]
        rows.sort()
    hashes: list[NDArray[np.uint64]] = []
    chances: list[float] = []
    factors = random.integers(0, 2**63, len(table.features), dtype=np.uint64)
    for k, name in enumerate(table.features):
        values = table.X[rows, k]
        if name not in table.categories:
            values = _rounded(values)
        _, counts = np.unique(values, return_counts=True)
        chances.append(float(((counts / len(rows)) ** 2).sum()))
        values = np.where(np.isnan(values), np.nan, values) + 0.0  # one NaN, and no -0
        hashes.append(pd.util.hash_array(values) * (factors[k] | np.uint64(1)))
    whole: NDArray[np.uint64] = np.sum(hashes, axis=0, dtype=np.uint64)
    logs = np.log(chances)
    found = []
    for left_out in (None, *range(len(hashes))):
        log_chance = logs.sum() - (0 if left_out is None else logs[left_out])
        if 2 * np.log(len(rows)) - np.log(2) + log_chance > np.log(MAX_CHANCE_PAIRS):
            continue
        key = whole if left_out is None else whole - hashes[left_out]
        agreeing = _agreeing(key, groups[rows])
        if len(agreeing[0]):
            found.append(agreeing)
    return Compared(rows, found)


def _agreeing(key: NDArray[np.uint64], groups: Index) -> tuple[Index, Index]:
    """The positions of equal keys with unequal rows, and the number of each one's key."""
    order = np.argsort(key)
    first = np.flatnonzero(np.r_[True, np.diff(key[order]) != 0])
    ids = groups[order]
    unequal = np.minimum.reduceat(ids, first) != np.maximum.reduceat(ids, first)
    sizes = np.diff(first, append=len(key))
    number = np.repeat(np.arange(len(first)), sizes)
    kept = np.repeat(unequal, sizes)
    return order[kept], np.unique(number[kept], return_inverse=True)[1].reshape(-1)


def _rounded(values: Vector) -> Vector:
    known = values[~np.isnan(values)]
    if not len(known):
        return values
    quartiles = np.percentile(known, [25, 75])
    spread, robust = known.std(), (quartiles[1] - quartiles[0]) / NORMAL_IQR
    spread = min(spread, robust) if robust > 0 else spread
    if not 0 < spread < np.inf:
        return values
    unit = 10.0 ** (np.floor(np.log10(spread)) - 2)
    return np.asarray(np.round(values / unit))
