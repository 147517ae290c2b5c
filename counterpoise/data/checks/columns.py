"""The features of a table for data checks: distinct values and their frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Index
from counterpoise.data.tables import Table

MAX_CACHED_VALUES = 50_000_000
"""Rows times columns in the cache of columns."""


class Column(NamedTuple):
    """One feature by its distinct values.

    Attributes
    ----------
    name : str
    category : bool
        Whether the feature is categorical.
    values : ndarray of shape (k,)
        The distinct values, ascending, without missing ones.
    counts : ndarray of shape (k,)
        How many rows have each value.
    codes : ndarray of shape (n,)
        Which value each row has, as an index into `values`; -1 for a missing one.
    """

    name: str
    category: bool
    values: NDArray[np.float64]
    counts: Index
    codes: Index

    @property
    def missing(self) -> int:
        """The number of rows without a value.

        Returns
        -------
        int
        """
        return len(self.codes) - int(self.counts.sum())


class Columns(Sequence[Column]):
    """The features of a table as a sequence of columns, each computed on access.

    A column takes three times the memory of its values, so that only a few of a large table are
    cached.

    Parameters
    ----------
    table : Table
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.made = lru_cache(max(1, MAX_CACHED_VALUES // max(len(table), 1)))(self._column)

    def __len__(self) -> int:
        return len(self.table.features)

    @overload
    def __getitem__(self, k: int) -> Column: ...
    @overload
    def __getitem__(self, k: slice) -> list[Column]: ...
    def __getitem__(self, k: int | slice) -> Column | list[Column]:
        if isinstance(k, slice):
            return [self.made(at) for at in range(len(self))[k]]
        return self.made(range(len(self))[k])

    def _column(self, k: int) -> Column:
        name, values = self.table.features[k], self.table.X[:, k]
        there = ~np.isnan(values)
        # adding 0.0 makes 0.0 of -0.0
        distinct, codes, counts = np.unique(
            values[there] + 0.0, return_inverse=True, return_counts=True
        )
        whole = np.full(len(self.table), -1, dtype=np.int64)
        whole[there] = codes.reshape(-1)
        return Column(name, name in self.table.categories, distinct, counts, whole)
