"""The typed table that every later stage reads: features, target 0/1, and roles that are never features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages import files
from stages.errors import ResultError

TARGET = "target"
ROLE = "role:"
"""Columns beside the features carry this prefix on disk, so that a feature may well be called time or weight."""

COST = "cost:"
"""The role of a column that a cost is reckoned from is this and the column's name."""


@dataclass(frozen=True)
class Table:
    """One dataset in memory.

    Attributes
    ----------
    features : tuple of str, length p
    X : ndarray of shape (n, p), float64
        Numbers as they are; categories as codes 0..k-1 in the order of `categories`; NaN where a value is missing.
    y : ndarray of shape (n,), int8
        1 for the positive class.
    categories : dict of str to tuple of str
        The labels of each categorical feature, sorted; a boolean is a category of two labels.
    roles : dict of str to ndarray of shape (n,)
        `time`, `group` and `weight`, where the dataset declares them, and a column for each that its costs name.
    """

    features: tuple[str, ...]
    X: NDArray[np.float64]
    y: NDArray[np.int8]
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    roles: dict[str, NDArray[np.generic]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def cardinalities(self) -> tuple[int, ...]:
        """For each feature the number of its categories, 0 for a number."""
        return tuple(len(self.categories.get(name, ())) for name in self.features)


def frame_of(X: NDArray[np.float64], features: Sequence[str], categories: dict[str, tuple[str, ...]]) -> pd.DataFrame:
    """Rows in the table's own units: numbers, and labels instead of codes."""
    columns: dict[str, object] = {}
    for k, name in enumerate(features):
        if name in categories:
            codes = np.where(np.isnan(X[:, k]), -1, X[:, k]).astype(np.int32)
            columns[name] = pd.Categorical.from_codes(codes, categories=pd.Index(categories[name], dtype=object))
        else:
            columns[name] = X[:, k]
    return pd.DataFrame(columns)


def matrix_of(
    frame: pd.DataFrame, features: Sequence[str], categories: dict[str, tuple[str, ...]]
) -> NDArray[np.float64]:
    """The inverse of `frame_of`: labels become codes, unknown and missing labels NaN."""
    X = np.empty((len(frame), len(features)))
    for k, name in enumerate(features):
        if name in categories:
            codes = pd.Index(categories[name]).get_indexer(pd.Index(frame[name].astype(object)))
            X[:, k] = np.where(codes < 0, np.nan, codes)
        else:
            X[:, k] = frame[name].to_numpy(dtype=np.float64)
    return X


def write(path: Path, table: Table) -> None:
    frame = frame_of(table.X, table.features, table.categories)
    frame[TARGET] = table.y
    for name, values in table.roles.items():
        frame[ROLE + name] = values
    files.write_parquet(path, frame)


def read(path: Path) -> Table:
    frame = files.read_parquet(path)
    features = tuple(str(name) for name in frame.columns if name != TARGET and not str(name).startswith(ROLE))
    categories = {
        name: tuple(frame[name].cat.categories)
        for name in features
        if isinstance(frame[name].dtype, pd.CategoricalDtype)
    }
    if TARGET not in frame:
        raise ResultError("A table has no target.", where=str(path), todo="`dvc repro` makes it again.")
    return Table(
        features=features,
        X=matrix_of(frame, features, categories),
        y=frame[TARGET].to_numpy(dtype=np.int8),
        categories=categories,
        roles={str(c).removeprefix(ROLE): frame[c].to_numpy() for c in frame.columns if str(c).startswith(ROLE)},
    )
