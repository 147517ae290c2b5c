"""The typed table that all later stages read: features, target 0 or 1, and roles."""

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
"""The prefix of columns beside the features on disk: a feature may be called time or weight too."""

COST = "cost:"
"""The prefix of the role of a column that a cost is computed from; the column's name follows."""


DATE = "date:"
"""The prefix of the role of a column of dates that features are made of: its moments, as
nanoseconds since 1970.
"""

READ_BYTES = 2**23
"""Bytes of columns that are read at a time; at least one column is."""


@dataclass(frozen=True)
class Table:
    """One dataset in memory.

    Attributes
    ----------
    features : tuple of str, length p
    X : ndarray of shape (n, p), float64
        Numbers in their own units; categories as codes 0..k-1 in the order of `categories`; NaN
        where a value is missing.
    y : ndarray of shape (n,), int8
        1 for the positive class.
    categories : dict of str to tuple of str
        The labels of each categorical feature, sorted; a boolean is a category of two labels.
    roles : dict of str to ndarray of shape (n,)
        `time` and `group`, where the dataset declares them, a column for each that its costs name,
        and one for each date that features are made of. A column of costs may be a feature as well.
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
        """The number of categories of each feature, 0 for a number.

        Returns
        -------
        tuple of int, length p
        """
        return tuple(len(self.categories.get(name, ())) for name in self.features)


def frame_of(
    X: NDArray[np.float64], features: Sequence[str], categories: dict[str, tuple[str, ...]]
) -> pd.DataFrame:
    """Convert rows to the table's own units: numbers, and labels instead of codes.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    features : sequence of str, length p
    categories : dict of str to tuple of str
        The labels of each categorical feature.

    Returns
    -------
    DataFrame
        n rows; a column for each feature, categorical where it has labels.
    """
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
    """Convert a frame back to numbers, the inverse of `frame_of`.

    Parameters
    ----------
    frame : DataFrame
        With a column for each feature.
    features : sequence of str, length p
    categories : dict of str to tuple of str
        The labels of each categorical feature.

    Returns
    -------
    ndarray of shape (n, p)
        Codes for labels; NaN for unknown and missing labels and for missing numbers.
    """
    X = np.empty((len(frame), len(features)))
    for k, name in enumerate(features):
        if name in categories:
            codes = pd.Index(categories[name]).get_indexer(pd.Index(frame[name].astype(object)))
            X[:, k] = np.where(codes < 0, np.nan, codes)
        else:
            X[:, k] = frame[name].to_numpy(dtype=np.float64)
    return X


def write(path: Path, table: Table) -> None:
    """Write a table as Parquet, one row group after the other.

    Parameters
    ----------
    path : Path
    table : Table

    Raises
    ------
    StorageError
        When the disk is full.
    """
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
    """Read a table, with a few columns in memory beside it.

    Parameters
    ----------
    path : Path
    features : bool
        Whether to read the features; without them `X` has no columns.

    Returns
    -------
    Table

    Raises
    ------
    ResultError
        When the file is missing or damaged, or has no target.
    """
    import pyarrow as pa

    with files.open_parquet(path) as file:
        schema = file.schema_arrow  # made anew at each access
        columns = schema.names
        if TARGET not in columns:
            raise ResultError(
                "A table has no target.", where=str(path), todo="`dvc repro` makes it again."
            )
        names = tuple(
            name for name in columns if features and name != TARGET and not name.startswith(ROLE)
        )
        categories = {
            name: tuple(_column(file, name).to_pandas().cat.categories)
            for name in names
            if pa.types.is_dictionary(schema.field(name).type)
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
    """Move a table's features into a file, which several processes map instead of copying them.

    Parameters
    ----------
    table : Table
    folder : Path
        Gets a file features.npy.

    Returns
    -------
    Table
        The same content; `X` is a read-only map of the file.
    """
    return replace(table, X=in_file(table.X, folder / "features.npy"))


def in_file(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """Move an array into a file that several processes can map.

    Parameters
    ----------
    array : ndarray
        Not empty, since an empty file cannot be mapped.
    path : Path
        Its name ends in .npy.

    Returns
    -------
    ndarray
        A read-only map of the file.
    """
    np.save(path, array)
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def read_matrix(
    file: pq.ParquetFile, features: Sequence[str], categories: dict[str, tuple[str, ...]]
) -> NDArray[np.float64]:
    """Read features as `matrix_of` gives them, a few columns at a time.

    Parameters
    ----------
    file : pyarrow.parquet.ParquetFile
    features : sequence of str, length p
    categories : dict of str to tuple of str
        The labels of each categorical feature.

    Returns
    -------
    ndarray of shape (n, p)
    """
    rows = file.metadata.num_rows
    X = np.empty((rows, len(features)))
    many = max(1, READ_BYTES // max(1, rows * X.itemsize))
    for first in range(0, len(features), many):
        names = features[first : first + many]
        # pyarrow reads a name with dots as a path and adds the columns below it, which are left out
        found = file.read(columns=list(names), use_pandas_metadata=False).select(names)
        X[:, first : first + many] = matrix_of(found.to_pandas(), names, categories)
    return X


def _column(file: pq.ParquetFile, name: str) -> pa.ChunkedArray:
    return file.read(columns=[name], use_pandas_metadata=False).column(name)
