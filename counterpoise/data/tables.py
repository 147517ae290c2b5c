"""The typed table that every later stage reads: features, target 0/1, and roles that are never
features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterpoise.core import files
from counterpoise.core.errors import ResultError
from counterpoise.core.types import Labels

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

TARGET = "target"
ROLE = "role:"
"""Columns beside the features carry this prefix on disk, so that a feature may well be called time
or weight."""

COST = "cost:"
"""The role of a column that a cost is reckoned from is this and the column's name."""


@dataclass(frozen=True)
class Table:
    """One dataset in memory.

    Attributes
    ----------
    features : tuple of str, length p
    X : ndarray of shape (n, p), float64
        Numbers as they are; categories as codes 0..k-1 in the order of `categories`; NaN where a
        value is missing.
    y : ndarray of shape (n,), int8
        1 for the positive class.
    categories : dict of str to tuple of str
        The labels of each categorical feature, sorted; a boolean is a category of two labels.
    roles : dict of str to ndarray of shape (n,)
        `time`, `group` and `weight`, where the dataset declares them, and a column for each that
        its costs name.
    """

    features: tuple[str, ...]
    X: NDArray[np.float64]
    y: Labels
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    roles: dict[str, NDArray[np.generic]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def cardinalities(self) -> tuple[int, ...]:
        """For each feature the number of its categories, 0 for a number."""
        return tuple(len(self.categories.get(name, ())) for name in self.features)


def frame_of(
    X: NDArray[np.float64], features: Sequence[str], categories: dict[str, tuple[str, ...]]
) -> pd.DataFrame:
    """Rows in the table's own units: numbers, and labels instead of codes."""
    columns: dict[str, object] = {}
    for k, name in enumerate(features):
        if name in categories:
            codes = np.where(np.isnan(X[:, k]), -1, X[:, k]).astype(np.int32)
            columns[name] = pd.Categorical.from_codes(
                codes, categories=pd.Index(categories[name], dtype=object)
            )
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
    files.write_parquet_pieces(path, _pieces(table))


def _pieces(table: Table) -> Iterator[pd.DataFrame]:
    for start in range(0, max(len(table), 1), files.ROW_GROUP):
        rows = slice(start, start + files.ROW_GROUP)
        frame = frame_of(table.X[rows], table.features, table.categories)
        frame[TARGET] = table.y[rows]
        for name, values in table.roles.items():
            frame[ROLE + name] = values[rows]
        yield frame


def read(path: Path, *, features: bool = True) -> Table:
    """Read a table, one column after the other: beside the table itself no more than one of them is
    in memory.

    Parameters
    ----------
    features : bool
        Without them the table has target and roles alone, and no columns in `X`.
    """
    with files.open_parquet(path) as file:
        columns = file.schema_arrow.names
        if TARGET not in columns:
            raise ResultError(
                "A table has no target.", where=str(path), todo="`dvc repro` makes it again."
            )
        names = tuple(
            name for name in columns if features and name != TARGET and not name.startswith(ROLE)
        )
        categories = {
            name: found for name in names if (found := _categories(file, name)) is not None
        }
        return Table(
            features=names,
            X=read_matrix(file, names, categories),
            y=np.asarray(_column(file, TARGET).to_numpy(), dtype=np.int8),
            categories=categories,
            roles={
                name.removeprefix(ROLE): _column(file, name).to_numpy()
                for name in columns
                if name.startswith(ROLE)
            },
        )


def in_memory_map(table: Table, folder: Path) -> Table:
    """The table with its features in a file of this folder, which several processes map in the
    place of a copy for each."""
    return replace(table, X=in_file(table.X, folder / "features.npy"))


def in_file(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """The same array, not empty, in a file that processes map."""
    np.save(path, array)
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def read_matrix(
    file: pq.ParquetFile, features: Sequence[str], categories: dict[str, tuple[str, ...]]
) -> NDArray[np.float64]:
    """What `matrix_of` makes of all rows of a file, one column after the other."""
    X = np.empty((file.metadata.num_rows, len(features)))
    for k, name in enumerate(features):
        column = _column(file, name)
        X[:, k] = matrix_of(column.to_pandas().to_frame(name), [name], categories)[:, 0]
    return X


def _column(file: pq.ParquetFile, name: str) -> pa.ChunkedArray:
    # pyarrow takes a name with dots for a path, and adds what lies under the name
    return file.read(columns=[name], use_pandas_metadata=False).column(name)


def _categories(file: pq.ParquetFile, name: str) -> tuple[str, ...] | None:
    """The labels of a column; None for a number."""
    import pyarrow as pa

    if not pa.types.is_dictionary(file.schema_arrow.field(name).type):
        return None
    return tuple(_column(file, name).to_pandas().cat.categories)
