"""Distinct rows of a table, numbered without a copy of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Floats, Index

Key = Callable[[Floats], NDArray[Any]]
"""From the values of a column to what is compared in their place: equal where a value equals
another, and ordered."""


def numbered(X: Floats, key: Key) -> Index:
    """One number for each distinct row, 0 to k - 1 in the order of the rows: of their first column,
    then of the second.

    Each column is looked at in those rows alone that the columns before it do not tell apart. Some
    vectors of the rows' number are all that it holds.
    """
    place = np.zeros(len(X), np.int64)  # how many rows are known to come before a row
    alike = np.arange(len(X))
    for k in range(X.shape[1]):
        values = key(X[alike, k])
        order = np.lexsort((values, place[alike]))
        alike, values = alike[order], values[order]
        before = place[alike]
        other = np.ones(len(alike), bool)
        other[1:] = before[1:] != before[:-1]
        first = np.flatnonzero(other)  # of the rows that were alike so far
        of_group = first[np.cumsum(other) - 1]
        other[1:] |= values[1:] != values[:-1]
        first = np.flatnonzero(other)  # of those that still are
        place[alike] = before + first[np.cumsum(other) - 1] - of_group
        many = np.diff(first, append=len(alike))
        alike = alike[np.repeat(many, many) > 1]
        if not len(alike):
            break
    return np.asarray(np.unique(place, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def as_numbers(values: Floats) -> Floats:
    """Numbers in their order, a missing one last; a missing value equals a missing value, and -0
    equals 0."""
    return np.where(np.isnan(values), np.inf, values) + 0.0


def as_bytes(values: Floats) -> NDArray[np.uint64]:
    """Numbers as the bytes that they are in memory, in the order of these; what is equal as in
    `as_numbers`."""
    return (np.where(np.isnan(values), np.nan, values) + 0.0).astype("<f8").view("<u8").byteswap()
