"""What columns a champion asks for, and how new rows become the numbers that it was fitted on.

A raw CSV like the one that the dataset was made from gives the same numbers as it did then: what
stands for a missing value, the sentinels and the labels are those of the dataset. Nothing is
guessed from the new rows: a type that was inferred from them would change with the batch that a row
happens to be in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from counterpoise.core.config import Dataset
from counterpoise.core.errors import TableError, did_you_mean
from counterpoise.core.types import Matrix
from counterpoise.data.readers import MISSING
from counterpoise.data.tables import Table

TRUE, FALSE = ("true", "1", "1.0"), ("false", "0", "0.0")
"""How a boolean may be written, in letters of any case."""
SHOWN = 10


@dataclass(frozen=True)
class Column:
    """One feature.

    Attributes
    ----------
    kind : {"number", "category", "boolean"}
    labels : tuple of str
        Of a category or a boolean, in the order of their codes.
    """

    name: str
    kind: Literal["number", "category", "boolean"]
    labels: tuple[str, ...] = ()

    def code_of(self, text: str) -> int:
        """The code of a label as somebody wrote it; -1 where it is none.

        Labels that are numbers are the same number however it is written: 1, 01 and 1.0.
        """
        if text in self.labels:
            return self.labels.index(text)
        if self.kind == "boolean":
            lower = text.lower()
            wanted = "true" if lower in TRUE else "false" if lower in FALSE else None
            return next((k for k, label in enumerate(self.labels) if label.lower() == wanted), -1)
        value = _number_of(text, written=False) if self._numbers else None
        return -1 if value is None else self._numbers.get(value, -1)

    @cached_property
    def _numbers(self) -> dict[float, int]:
        """The codes by number; empty where a label is none."""
        numbers = [number for label in self.labels if (number := _number_of(label)) is not None]
        return (
            {number: k for k, number in enumerate(numbers)}
            if len(numbers) == len(self.labels)
            else {}
        )


def _number_of(text: str, *, written: bool = True) -> float | None:
    """The number that a text is; None for any other text, and for one that is not how pandas writes
    a number."""
    try:
        value = float(text) if "_" not in text else None
    except ValueError:
        return None
    if value is None or not np.isfinite(value):
        return None
    return value if not written or text in (str(value), str(int(value))) else None


@dataclass
class Noted:
    """What was seen in rows beside what was asked for: labels that nothing is known of, with how
    often and an example."""

    unseen: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, name: str, count: int, example: str) -> None:
        before = self.unseen.get(name, (0, example))
        self.unseen[name] = (before[0] + count, before[1])

    @property
    def told(self) -> list[str]:
        """One sentence for each column."""
        return [
            f"column {name!r}: {count:,} {'value' if count == 1 else 'values'} such as {example!r},"
            " a label that was not among those fitted on, taken as missing"
            for name, (count, example) in self.unseen.items()
        ]


@dataclass(frozen=True)
class Rows:
    """New rows as the model takes them.

    Attributes
    ----------
    X : ndarray of shape (n, p)
        Categories as codes, NaN where a value is missing.
    amounts : dict of str to ndarray of shape (n,)
        The columns that costs are reckoned from.
    """

    X: Matrix
    amounts: dict[str, Matrix]


@dataclass(frozen=True)
class Schema:
    """The columns that rows need to have.

    Attributes
    ----------
    columns : tuple of Column
        The features in the order of the model's.
    sentinels : tuple of float
        Numbers that stand for a missing value.
    amounts : tuple of str
        Columns that the costs of a row are reckoned from; needed where each row has its own
        threshold.
    """

    columns: tuple[Column, ...]
    sentinels: tuple[float, ...] = ()
    amounts: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: Table, entry: Dataset, amounts: Sequence[str] = ()) -> Schema:
        """The schema of a dataset's typed table."""
        columns = tuple(
            (
                Column(name, _kind(labels := table.categories[name]), labels)
                if name in table.categories
                else Column(name, "number")
            )
            for name in table.features
        )
        return cls(columns, entry.sentinels, tuple(amounts))

    @classmethod
    def read(cls, content: dict[str, Any]) -> Schema:
        """From what `asdict` made."""
        columns = tuple(
            Column(one["name"], one["kind"], tuple(one["labels"])) for one in content["columns"]
        )
        return cls(columns, tuple(content["sentinels"]), tuple(content["amounts"]))

    def asdict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that is needed, features first."""
        return tuple(dict.fromkeys([*(column.name for column in self.columns), *self.amounts]))

    @property
    def texts(self) -> tuple[str, ...]:
        """The features whose values are labels."""
        return tuple(
            c.name for c in self.columns if c.kind != "number" and c.name not in self.amounts
        )

    @property
    def cardinalities(self) -> tuple[int, ...]:
        return tuple(len(column.labels) for column in self.columns)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """As in `Table`."""
        return {column.name: column.labels for column in self.columns if column.kind != "number"}

    def check(self, found: Collection[Any], where: str) -> list[str]:
        """Hold the names of columns against those needed; returns those that are not.

        Raises
        ------
        TableError
            When a column is missing, or stands there twice.
        """
        names = [str(name) for name in found]
        missing = [name for name in self.names if name not in names]
        if missing:
            shown = ", ".join(map(repr, missing[:SHOWN])) + (
                f" and {len(missing) - SHOWN} more" * (len(missing) > SHOWN)
            )
            raise TableError(
                f"The data lack {'a column' if len(missing) == 1 else f'{len(missing)} columns'}"
                f" that the model needs: {shown}{did_you_mean(missing[0], names)}.",
                where=where,
                expected="the columns " + ", ".join(self.names),
                found=", ".join(names) or "no column",
                todo=(
                    "add what is missing, with empty fields where a value is not known (a column's"
                    " name is case-sensitive)."
                ),
            )
        twice = [name for name in self.names if names.count(name) > 1]
        if twice:
            raise TableError(
                "A column name stands twice.",
                where=where,
                expected="column names that differ",
                found=", ".join(map(repr, twice)),
                todo="rename one of them.",
            )
        return [name for name in names if name not in self.names]

    def rows(self, frame: pd.DataFrame, where: str, noted: Noted, first: int = 0) -> Rows:
        """Read the values of rows, of which `first` others came before.

        Raises
        ------
        TableError
            When a value is no number where one is needed, or infinite, with its column and row; and
            as in `check`.
        """
        frame = frame.rename(columns=str)
        self.check(frame.columns, where)
        X = np.empty((len(frame), len(self.columns)))
        for k, column in enumerate(self.columns):
            values = frame[column.name]
            if column.kind == "number":
                numbers = _numbers(values, column.name, where, first)
                X[:, k] = (
                    np.where(np.isin(numbers, self.sentinels), np.nan, numbers)
                    if self.sentinels
                    else numbers
                )
            else:
                X[:, k] = _codes(values, column, where, first, noted)
        amounts = {}
        for name in self.amounts:
            amounts[name] = _numbers(frame[name], name, where, first)
            if np.isnan(amounts[name]).any():
                raise _wrong(
                    "A row has no amount to reckon its costs from.",
                    name,
                    where,
                    first,
                    np.isnan(amounts[name]),
                    "nothing",
                    "a number in every row: its threshold follows from it",
                    "fill it in, or promote a champion with another --policy.",
                )
        return Rows(X, amounts)


def _kind(labels: tuple[str, ...]) -> Literal["category", "boolean"]:
    lower = [label.lower() for label in labels]
    return (
        "boolean"
        if set(lower) <= {"true", "false"} and len(set(lower)) == len(lower)
        else "category"
    )


def _numbers(values: pd.Series[Any], name: str, where: str, first: int) -> Matrix:
    """A column of numbers, missing ones as NaN."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    if (
        types.is_numeric_dtype(values)
        and not types.is_bool_dtype(values)
        and not types.is_complex_dtype(values)
    ):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = np.zeros(len(values), bool)
    elif types.is_object_dtype(values) or types.is_string_dtype(values):
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        texts = values.map(lambda value: isinstance(value, (bool, np.bool_))).to_numpy(dtype=bool)
        wrong = texts | (np.isnan(numbers) & values.notna().to_numpy())
    else:
        numbers, wrong = np.empty(len(values)), values.notna().to_numpy()
        numbers[:] = np.nan
    if wrong.any():
        raise _wrong(
            "A column of numbers holds something else.",
            name,
            where,
            first,
            wrong,
            repr(values.iloc[int(np.argmax(wrong))]),
            "a number, or an empty field for a missing one",
            "correct the value; no row was left out.",
        )
    if np.isinf(numbers).any():
        raise _wrong(
            "A number is infinite.",
            name,
            where,
            first,
            np.isinf(numbers),
            str(numbers[np.argmax(np.isinf(numbers))]),
            "a finite number, or an empty field for a missing one",
            "correct the value (an infinity often comes from a division by zero).",
        )
    return numbers


def _codes(values: pd.Series[Any], column: Column, where: str, first: int, noted: Noted) -> Matrix:
    """A column of labels as codes; what is missing or no label as NaN."""
    if not isinstance(values.dtype, pd.StringDtype):
        values = values.astype(object)
        many = values.map(
            lambda value: isinstance(value, (list, tuple, set, dict, np.ndarray))
        ).to_numpy(dtype=bool)
        if many.any():
            raise _wrong(
                "A column of labels holds lists.",
                column.name,
                where,
                first,
                many,
                repr(values.iloc[int(np.argmax(many))]),
                "one label, or an empty field for a missing one",
                "correct the value; no row was left out.",
            )
        values = values.map(str, na_action="ignore")
    places, texts = pd.factorize(values)
    known = np.empty(len(texts) + 1)
    known[-1] = np.nan  # where a missing value's place, -1, points
    counts = np.bincount(places[places >= 0], minlength=len(texts))
    for k, written in enumerate(texts):
        text = str(written).strip()
        code = column.code_of(text)
        known[k] = code if code >= 0 else np.nan
        if code < 0 and text not in MISSING:
            noted.add(column.name, int(counts[k]), text)
    return np.asarray(known[places])


def _wrong(
    what: str,
    name: str,
    where: str,
    first: int,
    rows: NDArray[np.bool_],
    found: str,
    expected: str,
    todo: str,
) -> TableError:
    return TableError(
        what,
        where=f"{where}, column {name!r}, row {first + int(np.argmax(rows)) + 1:,}",
        expected=expected,
        found=found[:80],
        todo=todo,
    )
