"""Number the distinct rows of a table without copying it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Floats, Index

Key = Callable[[Floats], NDArray[Any]]
"""Maps the values of a column to keys that are compared in their place: ordered, and equal where
two values count as equal.
"""


def row_group_ids(X: Floats, key: Key) -> Index:
    """Number the distinct rows.

    Each column is compared only in rows that the columns before it leave equal. Memory beside the
    table is a few vectors of length n.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    key : callable
        `as_numbers` or `as_bytes`.

    Returns
    -------
    ndarray of shape (n,), int64
        From 0 to k - 1 for k distinct rows, in the order of their first column, then of their
        second, and so on.
    """
    place = np.zeros(len(X), np.int64)  # the number of rows that are known to precede a row
    alike = np.arange(len(X))  # rows that are equal to another one so far
    for k in range(X.shape[1]):
        values = key(X[alike, k])
        order = np.lexsort((values, place[alike]))
        alike, values = alike[order], values[order]
        before = place[alike]
        other = np.ones(len(alike), bool)
        other[1:] = before[1:] != before[:-1]
        first = np.flatnonzero(other)  # of the groups of equal rows so far
        of_group = first[np.cumsum(other) - 1]
        other[1:] |= values[1:] != values[:-1]
        first = np.flatnonzero(other)  # of the groups that this column leaves
        place[alike] = before + first[np.cumsum(other) - 1] - of_group
        many = np.diff(first, append=len(alike))
        alike = alike[np.repeat(many, many) > 1]
        if not len(alike):
            break
    return np.asarray(np.unique(place, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def as_numbers(values: Floats) -> Floats:
    """Compare values as numbers.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Without infinities, which a typed table does not have.

    Returns
    -------
    ndarray of shape (n,), float64
        Equal for two missing values, which come last, and for -0 and 0.
    """
    return np.where(np.isnan(values), np.inf, values) + 0.0


def as_bytes(values: Floats) -> NDArray[np.uint64]:
    """Compare values by their bytes in memory, as little-endian floats.

    Parameters
    ----------
    values : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,), uint64
        Ordered as the bytes are. Equal for two missing values, and for -0 and 0.
    """
    return (np.where(np.isnan(values), np.nan, values) + 0.0).astype("<f8").view("<u8").byteswap()
