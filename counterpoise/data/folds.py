"""The part of every row in every repeat and fold: one small file for all strategies and models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterpoise.core import files
from counterpoise.core.types import Index

UNUSED, TRAIN, VALIDATION, TEST = range(4)
PARTS = ("unused", "train", "validation", "test")

ORDER, REPEAT, GROUPED, SEED = "order", "repeat", "grouped", "seed"
"""Names of columns in the file: `order`, `repeat_0_fold_1`, `grouped_2_fold_0`, and
`seed_1_repeat_0_fold_1` for the same fold of a placebo."""


class Fold(NamedTuple):
    """One fold of one repeat.

    Attributes
    ----------
    repeat, fold : int
        From 0.
    train, validation, test : ndarray of int64
        Positions of rows in the table, ascending; for a holdout in the order in which they were
        drawn.
    """

    repeat: int
    fold: int
    train: Index
    validation: Index
    test: Index


@dataclass(frozen=True)
class Parts:
    """The parts of a whole split, which iterates over its folds.

    Attributes
    ----------
    codes : ndarray of shape (n, folds), uint8
        Index into `PARTS`, one column for each fold.
    names : tuple of (int, int)
        Repeat and fold of each column.
    order : ndarray of shape (n,), int32, optional
        The position of each row in the drawn order of a holdout. Samplers draw by position, so that
        a published result with a shuffled training part is reproduced only in that order.
    beside : int, optional
        The repeat that keeps groups (or duplicates) in one part while the others do not. It is
        shown beside the comparison and has no part in it.
    placebos : mapping of int to ndarray of shape (n, folds), uint8
        The codes of each placebo by its seed: the same test rows, with other validation rows. Empty
        where the scheme draws no validation rows.
    """

    codes: NDArray[np.uint8]
    names: tuple[tuple[int, int], ...]
    order: NDArray[np.int32] | None = None
    beside: int | None = None
    placebos: Mapping[int, NDArray[np.uint8]] = field(default_factory=dict)

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
        """The folds that the comparison uses.

        Returns
        -------
        Parts
        """
        return self._of([k for k, (repeat, _) in enumerate(self.names) if repeat != self.beside])

    @property
    def grouped(self) -> Parts:
        """The folds of the repeat `beside`.

        Returns
        -------
        Parts
            Without folds where the split has no such repeat.
        """
        return self._of([k for k, (repeat, _) in enumerate(self.names) if repeat == self.beside])

    def of(self, seed: int | None) -> Parts:
        """The folds of a strategy.

        Parameters
        ----------
        seed : int, optional
            That of a placebo (`Strategy.seed`).

        Returns
        -------
        Parts
            This split, except for a placebo with validation rows of its own.
        """
        if seed is None or seed not in self.placebos:
            return self
        return replace(self, codes=self.placebos[seed], placebos={})

    @property
    def digest(self) -> str:
        """Hash the parts of all folds, without those of placebos.

        Returns
        -------
        str
            SHA-256, 64 hexadecimal digits.
        """
        order = b"" if self.order is None else self.order.tobytes()
        names = files.canonical([self.names, self.beside])
        return files.digest(names, self.codes.tobytes(), order)

    def _of(self, kept: list[int]) -> Parts:
        placebos = {seed: codes[:, kept] for seed, codes in self.placebos.items()}
        names = tuple(self.names[k] for k in kept)
        return Parts(self.codes[:, kept], names, self.order, placebos=placebos)


def write(path: Path, parts: Parts) -> None:
    """Write a split.

    Parameters
    ----------
    path : Path
    parts : Parts

    Raises
    ------
    StorageError
        When the disk is full.
    """
    names = [f"{GROUPED if r == parts.beside else REPEAT}_{r}_fold_{f}" for r, f in parts.names]
    columns: dict[str, object] = dict(zip(names, parts.codes.T, strict=True))
    for seed, codes in parts.placebos.items():
        columns |= {f"{SEED}_{seed}_{name}": codes[:, k] for k, name in enumerate(names)}
    if parts.order is not None:
        columns[ORDER] = parts.order
    files.write_parquet(path, pd.DataFrame(columns))


def read(path: Path) -> Parts:
    """Read a split.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Parts

    Raises
    ------
    ResultError
        When the file is missing or damaged.
    """
    frame = files.read_parquet(path)
    order = frame.pop(ORDER).to_numpy(dtype=np.int32) if ORDER in frame else None
    # the columns of a placebo are in the order of the split's own
    of_seeds: dict[int, list[str]] = {}
    for name in [str(name) for name in frame.columns if str(name).startswith(SEED)]:
        of_seeds.setdefault(int(name.split("_")[1]), []).append(name)
    placebos = {seed: frame[names].to_numpy(dtype=np.uint8) for seed, names in of_seeds.items()}
    frame = frame.drop(columns=[name for names in of_seeds.values() for name in names])
    words = [str(name).split("_") for name in frame.columns]
    beside = next((int(repeat) for kind, repeat, *_ in words if kind == GROUPED), None)
    names = tuple((int(repeat), int(fold)) for _, repeat, _, fold in words)
    return Parts(frame.to_numpy(dtype=np.uint8), names, order, beside, placebos)
