"""The columns that a champion needs, and the conversion of raw rows into its numbers.

A raw CSV gives the same numbers as the dataset's own CSV did: markers of missing values, sentinels
and labels are those of the dataset. No type is inferred from the new rows, since it would depend on
the batch that a row is in.
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
"""Accepted spellings of a boolean, in any case."""
SHOWN = 10
"""Missing columns that a message names."""


@dataclass(frozen=True)
class Column:
    """One feature.

    Attributes
    ----------
    name : str
    kind : {"number", "category", "boolean"}
    labels : tuple of str
        Labels of a category or a boolean, in the order of their codes.
    """

    name: str
    kind: Literal["number", "category", "boolean"]
    labels: tuple[str, ...] = ()

    def code_of(self, text: str) -> int:
        """Look up the code of a label.

        Where all labels are numbers, another notation of a number counts as well: 1, 01 and 1.0 are
        the same label.

        Parameters
        ----------
        text : str
            The label as written in the raw data.

        Returns
        -------
        int
            -1 where the text is no label of this column.
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
        """The codes by number; empty where a label is not a number."""
        numbers = [number for label in self.labels if (number := _number_of(label)) is not None]
        return (
            {number: k for k, number in enumerate(numbers)}
            if len(numbers) == len(self.labels)
            else {}
        )


def _number_of(text: str, *, written: bool = True) -> float | None:
    """Parse a finite number; None where the text is not one.

    With `written`, only pandas' own notation of a number counts: a label such as 007 is a text.
    """
    try:
        value = float(text) if "_" not in text else None
    except ValueError:
        return None
    if value is None or not np.isfinite(value):
        return None
    return value if not written or text in (str(value), str(int(value))) else None


@dataclass
class ScoringNotes:
    """Labels in scored rows that were not among the training rows.

    Attributes
    ----------
    unseen : dict of str to (int, str)
        For each column the number of values, and the first such label as an example.
    """

    unseen: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, name: str, count: int, example: str) -> None:
        """Add to the count of a column; its first example is kept.

        Parameters
        ----------
        name : str
            The column.
        count : int
            Values with an unseen label.
        example : str
            One of the labels.
        """
        before = self.unseen.get(name, (0, example))
        self.unseen[name] = (before[0] + count, before[1])

    @property
    def told(self) -> list[str]:
        """The messages to show.

        Returns
        -------
        list of str
            One sentence for each column with unseen labels.
        """
        return [
            f"column {name!r}: {count:,} {'value' if count == 1 else 'values'} such as {example!r},"
            " a label that was not among those fitted on, taken as missing"
            for name, (count, example) in self.unseen.items()
        ]


@dataclass(frozen=True)
class Rows:
    """New rows as the model reads them.

    Attributes
    ----------
    X : ndarray of shape (n, p)
        Categories as codes, NaN where a value is missing.
    amounts : dict of str to ndarray of shape (n,)
        The columns that costs are computed from.
    """

    X: Matrix
    amounts: dict[str, Matrix]


@dataclass(frozen=True)
class Schema:
    """The columns that rows need to have.

    Attributes
    ----------
    columns : tuple of Column
        The features in the model's order.
    sentinels : tuple of float
        Numbers that stand for a missing value.
    amounts : tuple of str
        Columns that a row's misclassification costs are computed from; needed where each row has
        its own threshold.
    """

    columns: tuple[Column, ...]
    sentinels: tuple[float, ...] = ()
    amounts: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: Table, entry: Dataset, amounts: Sequence[str] = ()) -> Schema:
        """Make the schema of a dataset's typed table.

        Parameters
        ----------
        table : Table
            The table that the champion is fitted on.
        entry : Dataset
            The dataset's entry in params.yaml.
        amounts : sequence of str
            Columns that decisions need beside the features (`Rule.amounts`).

        Returns
        -------
        Schema
        """
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
        """The inverse of `asdict`.

        Parameters
        ----------
        content : dict
            What `asdict` returned, also after a way through JSON.

        Returns
        -------
        Schema
        """
        columns = tuple(
            Column(one["name"], one["kind"], tuple(one["labels"])) for one in content["columns"]
        )
        return cls(columns, tuple(content["sentinels"]), tuple(content["amounts"]))

    def asdict(self) -> dict[str, Any]:
        """The fields as JSON can hold them.

        Returns
        -------
        dict
            Keys `columns`, `sentinels` and `amounts`.
        """
        return asdict(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that rows need.

        Returns
        -------
        tuple of str
            Features first, each name once.
        """
        return tuple(dict.fromkeys([*(column.name for column in self.columns), *self.amounts]))

    @property
    def texts(self) -> tuple[str, ...]:
        """The features whose values are labels and that no cost reads as a number.

        Returns
        -------
        tuple of str
        """
        return tuple(
            c.name for c in self.columns if c.kind != "number" and c.name not in self.amounts
        )

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """The number of labels of each feature, as in `Table`.

        Returns
        -------
        tuple of int
            0 for a number.
        """
        return tuple(len(column.labels) for column in self.columns)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """The labels of each categorical feature, as in `Table`.

        Returns
        -------
        dict of str to tuple of str
            Labels in the order of their codes.
        """
        return {column.name: column.labels for column in self.columns if column.kind != "number"}

    def check(self, found: Collection[Any], where: str) -> list[str]:
        """Check that the needed columns are present.

        Parameters
        ----------
        found : collection
            Names of columns; names that are not texts are compared as texts.
        where : str
            The source of the columns, for messages.

        Returns
        -------
        list of str
            The names that the model does not need.

        Raises
        ------
        TableError
            When a needed column is missing, or its name occurs twice.
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

    def rows(self, frame: pd.DataFrame, where: str, noted: ScoringNotes, first: int = 0) -> Rows:
        """Convert raw rows into the numbers that the model reads.

        Parameters
        ----------
        frame : DataFrame of n rows
            With at least the columns of `names`, in any order.
        where : str
            The source of the rows, for messages.
        noted : ScoringNotes
            Collects unseen labels, which become missing values.
        first : int, default 0
            Rows of the same source in earlier batches; row numbers in messages start after them.

        Returns
        -------
        Rows
            Arrays of shape (n, p) and (n,).

        Raises
        ------
        TableError
            As in `check`; when a value of a number is something else or infinite, when a label is a
            list, or when an amount is missing. The message names column and row.
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
                    "fill it in, or promote a champion with another --rule.",
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
    """A column of numbers, shape (n,), with NaN for missing ones.

    Booleans, dates and complex numbers are refused: pandas would convert some of them silently.
    """
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


def _codes(
    values: pd.Series[Any], column: Column, where: str, first: int, noted: ScoringNotes
) -> Matrix:
    """A column of labels as codes, shape (n,), with NaN for missing and unseen labels."""
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
    known[-1] = np.nan  # factorize gives a missing value the place -1, which is this element
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
