"""The part of every row in every repeat and fold, as one small file that serves every strategy and
model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterpoise.core import files
from counterpoise.core.types import Index

UNUSED, TRAIN, VALIDATION, TEST = range(4)
PARTS = ("unused", "train", "validation", "test")

ORDER, REPEAT, GROUPED = "order", "repeat", "grouped"


class Fold(NamedTuple):
    """One fold of one repeat: positions of rows in the table, ascending (for a holdout in the order
    it was drawn)."""

    repeat: int
    fold: int
    train: Index
    validation: Index
    test: Index


@dataclass(frozen=True)
class Parts:
    """The parts of a whole split.

    Attributes
    ----------
    codes : ndarray of shape (n, folds), uint8
        Index into `PARTS`, one column a fold.
    names : tuple of (repeat, fold)
    order : ndarray of shape (n,), int32, optional
        Where each row stands in the drawn order of a holdout. Samplers draw by position, so a
        published result with a shuffled training part comes out exactly only when that order is
        kept.
    beside : int, optional
        The repeat in which like rows are kept together while they are not in the others. It is
        shown beside the comparison and has no part in it.
    """

    codes: NDArray[np.uint8]
    names: tuple[tuple[int, int], ...]
    order: NDArray[np.int32] | None = None
    beside: int | None = None

    def __iter__(self) -> Iterator[Fold]:
        for k, (repeat, fold) in enumerate(self.names):
            yield Fold(repeat, fold, *(self._rows(k, part) for part in (TRAIN, VALIDATION, TEST)))

    def _rows(self, k: int, part: int) -> Index:
        rows = np.flatnonzero(self.codes[:, k] == part)
        return rows if self.order is None else rows[np.argsort(self.order[rows], kind="stable")]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def compared(self) -> Parts:
        """The folds that the comparison goes by."""
        return self._of([k for k, (repeat, _) in enumerate(self.names) if repeat != self.beside])

    @property
    def grouped(self) -> Parts:
        """The folds that are shown beside them; none where the split has no such repeat."""
        return self._of([k for k, (repeat, _) in enumerate(self.names) if repeat == self.beside])

    def _of(self, kept: list[int]) -> Parts:
        return Parts(self.codes[:, kept], tuple(self.names[k] for k in kept), self.order)


def write(path: Path, parts: Parts) -> None:
    columns: dict[str, object] = {
        f"{GROUPED if r == parts.beside else REPEAT}_{r}_fold_{f}": parts.codes[:, k]
        for k, (r, f) in enumerate(parts.names)
    }
    if parts.order is not None:
        columns[ORDER] = parts.order
    files.write_parquet(path, pd.DataFrame(columns))


def read(path: Path) -> Parts:
    frame = files.read_parquet(path)
    order = frame.pop(ORDER).to_numpy(dtype=np.int32) if ORDER in frame else None
    told = [str(name).split("_") for name in frame.columns]
    beside = next((int(repeat) for kind, repeat, *_ in told if kind == GROUPED), None)
    names = tuple((int(repeat), int(fold)) for _, repeat, _, fold in told)
    return Parts(frame.to_numpy(dtype=np.uint8), names, order, beside)
