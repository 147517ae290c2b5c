"""The features of a table as data checks look at them: distinct values and how often each
occurs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Index
from counterpoise.data.tables import Table

KEPT_ROWS = 50_000_000
"""Values of columns, rows times columns, that are kept at hand."""


class Column(NamedTuple):
    """One feature as its distinct values, ascending, how often each occurs, and which one each row
    has (-1: none)."""

    name: str
    category: bool
    values: NDArray[np.float64]
    counts: Index
    codes: Index

    @property
    def missing(self) -> int:
        return len(self.codes) - int(self.counts.sum())


class Columns(Sequence[Column]):
    """The features as columns, each made when it is asked for.

    A column takes three times what its values take, so that of a large table only a few are kept at
    hand.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.made = lru_cache(max(1, KEPT_ROWS // max(len(table), 1)))(self._column)

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
        distinct, codes, counts = np.unique(
            values[there] + 0.0, return_inverse=True, return_counts=True
        )
        whole = np.full(len(self.table), -1, dtype=np.int64)
        whole[there] = codes.reshape(-1)
        return Column(name, name in self.table.categories, distinct, counts, whole)
