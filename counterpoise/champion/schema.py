"""The columns that a champion needs, and the conversion of raw rows into its numbers.

Rows are read by the columns of the dataset (`counterpoise.data.reading.columns`), which were
decided when it was fetched. No type is inferred from the new rows, since it would depend on the
batch that a row is in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.core.errors import TableError, TableErrors, did_you_mean
from counterpoise.core.types import Index, Matrix
from counterpoise.data.reading.columns import Column, Problem
from counterpoise.data.reading.dates import ISO
from counterpoise.data.tables import COST, DATE, Table, frame_of

MAX_NAMED_COLUMNS = 10
"""Missing columns that a message names."""


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
    def messages(self) -> list[str]:
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
        Those that the features come from, in the model's order.
    amounts : tuple of Column
        Those that a row's misclassification costs are computed from; needed where each row has its
        own threshold.
    """

    columns: tuple[Column, ...]
    amounts: tuple[Column, ...] = ()

    @classmethod
    def of(cls, schema: dict[str, Any], amounts: Sequence[str] = ()) -> Schema:
        """Make the schema of a dataset.

        Parameters
        ----------
        schema : dict
            The fact `schema` of a fetched dataset: `columns` and `costs`.
        amounts : sequence of str
            Columns that decisions need beside the features (`Rule.amounts`).

        Returns
        -------
        Schema
        """
        costs = {one["name"]: Column.of(one) for one in schema["costs"]}
        return cls(tuple(map(Column.of, schema["columns"])), tuple(costs[name] for name in amounts))

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
        return cls(*(tuple(map(Column.of, content[name])) for name in ("columns", "amounts")))

    def asdict(self) -> dict[str, Any]:
        """The fields as JSON can hold them.

        Returns
        -------
        dict
            Keys `columns` and `amounts`.
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
        return tuple(dict.fromkeys(column.name for column in (*self.columns, *self.amounts)))

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns whose values are texts: labels and dates.

        Returns
        -------
        tuple of str
        """
        amounts = {column.name for column in self.amounts}
        return tuple(c.name for c in self.columns if c.kind != "number" and c.name not in amounts)

    def frame(self, table: Table, rows: Index) -> pd.DataFrame:
        """Rows of a table as the dataset's file has them.

        Parameters
        ----------
        table : Table
        rows : ndarray of int64

        Returns
        -------
        DataFrame
            With the columns of `names` that the table has.
        """
        frame = frame_of(table.X[rows], table.features, table.categories)
        for column in self.columns:
            if column.kind == "datetime" and DATE + column.name in table.roles:
                at = pd.Series(table.roles[DATE + column.name][rows].astype("datetime64[ns]"))
                is_iso = column.date_format in ("", ISO)
                shown = "%Y-%m-%dT%H:%M:%S.%f" if is_iso else column.date_format
                frame[column.name] = at.dt.strftime(shown)
        for column in self.amounts:
            frame[column.name] = table.roles[COST + column.name][rows]
        return frame[[name for name in self.names if name in frame]]

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
            shown = ", ".join(map(repr, missing[:MAX_NAMED_COLUMNS])) + (
                f" and {len(missing) - MAX_NAMED_COLUMNS} more" * (len(missing) > MAX_NAMED_COLUMNS)
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

    def rows(self, frame: pd.DataFrame, where: str, notes: ScoringNotes, first: int = 0) -> Rows:
        """Convert raw rows into the numbers that the model reads.

        Parameters
        ----------
        frame : DataFrame of n rows
            With at least the columns of `names`, in any order.
        where : str
            The source of the rows, for messages.
        notes : ScoringNotes
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
            As in `check`; when a value of a number or a date is something else or infinite, when a
            label is a list, or when an amount is missing. The message names column and row.
        """
        frame = frame.rename(columns=str)
        self.check(frame.columns, where)
        X = np.empty((len(frame), sum(len(column.features) for column in self.columns)))
        errors: list[TableError] = []
        amounts: dict[str, Matrix] = {}
        at = 0
        for column in self.columns:
            stop = at + len(column.features)
            try:
                values = column.read(frame[column.name])
            except Problem as problem:
                errors.append(problem.error(column.name, where, first=first, most=200))
            else:
                X[:, at:stop] = values.X
                if values.unknown:
                    count = sum(values.unknown.values())
                    notes.add(column.name, count, next(iter(values.unknown)))
            at = stop
        for column in self.amounts:
            try:
                amounts[column.name] = _amount(column, frame[column.name])
            except Problem as problem:
                errors.append(problem.error(column.name, where, first=first, most=200))
        TableErrors.raise_from(errors)
        return Rows(X, amounts)


def _amount(column: Column, values: pd.Series) -> Matrix:
    numbers = column.read(values).X[:, 0]
    if np.isnan(numbers).any():
        raise Problem(
            "A row has no amount to compute its costs from.",
            expected="a number in every row: its threshold follows from it",
            found="nothing",
            todo="fill it in, or promote a champion with another --rule.",
            row=int(np.argmax(np.isnan(numbers))),
        )
    return numbers
