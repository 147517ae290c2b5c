"""What a column of a table is, and how its values become numbers.

A column is decided once, by its distinct texts, when a dataset is fetched. The decision is a
`Column`, which is kept with the table: the rows that a champion scores are read by the same one, so
that no type depends on the rows that happen to be in a batch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pandas.api import types

from counterpoise.core.config import ColumnOptions
from counterpoise.core.errors import TableError
from counterpoise.core.types import Matrix
from counterpoise.data.reading import dates, notation
from counterpoise.data.reading.notation import PLAIN, Ambiguous, Notation

Kind = Literal["number", "category", "boolean", "datetime"]

LABEL_CODES = ("NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "<NA>", "?", "\\N")
"""Texts that stand for a missing value in any column. "None" is not among them: it is a common
label, which would be lost.
"""

_CODES = (
    "na|n/a|n.a.|#n/a|nan|null|(null)|[null]|nil|none|<na>|?|??|.|..|-|--|---|\u2014|*|\\n|#value!"
    "|#div/0!|#ref!|#num!|#null!|#name?|missing|unknown|n.d.|nd|not available|not applicable"
)
NUMBER_CODES = frozenset(_CODES.split("|"))
"""Texts, in lower case, that stand for a missing value in a column of numbers or of dates."""

MANY_LABELS = 50
"""A text column with more labels than this, and more than half as many labels as rows, is an
identifier.
"""

FEW_NUMBERS, MANY_NUMBERS = 3, 10
"""From the first number of distinct numbers on, more of them than of other texts, a column is one
of numbers with mistakes; below the second the other texts must have no digits.
"""

LARGEST = float(np.finfo(np.float32).max)
"""The largest number that models take: XGBoost and scikit-learn's trees compute in single
precision.
"""

DATE_PARTS = ("days", "year", "month", "day", "weekday", "hour")
"""The numbers that a date can be made into: days since 1970-01-01 with their fraction, calendar
parts, weekday from 0 for Monday.
"""

_WHOLLY_PLAIN = f"^(?:{PLAIN.pattern})$"

EPOCH = np.datetime64("1970-01-01", "ns")
FIRST_YEAR, LAST_YEAR = np.datetime64("1678", "Y"), np.datetime64("2261", "Y")
"""The years that are whole in nanoseconds since 1970."""


DATE_FORMAT_ADVICE = (
    "say which it is for the column under `columns`, such as {type: datetime, format: '%d/%m/%Y'},"
    " or list it under `drop` or `categorical`."
)
NOTATION_ADVICE = (
    "say which it is for the column under `columns`, such as {decimal: ','} or {thousands: ','},"
    " or list it under `drop` or `categorical`."
)


MAX_FOUND = 500
"""Characters of what was found that an error shows: a field may be a text of many pages."""


class Problem(Exception):
    """A column that cannot be read as it is, with the way out.

    Attributes
    ----------
    what, expected, found, todo : str
        As in `CounterpoiseError`.
    row : int, optional
        The first row concerned, from 0.
    """

    def __init__(
        self, what: str, *, expected: str, found: str, todo: str, row: int | None = None
    ) -> None:
        super().__init__(what)
        self.what, self.expected, self.found, self.todo, self.row = what, expected, found, todo, row

    def error(self, name: str, where: str, *, first: int = 0, most: int = MAX_FOUND) -> TableError:
        """Make the error for a column of a table.

        Parameters
        ----------
        name, where : str
            The column and the table.
        first : int
            Rows of the same table in earlier batches.
        most : int
            Characters of what was found that are shown.

        Returns
        -------
        TableError
        """
        row = "" if self.row is None else f", row {first + self.row + 1:,}"
        return TableError(
            self.what,
            where=f"{where}, column {name!r}{row}",
            expected=self.expected,
            found=self.found[:most],
            todo=self.todo,
        )


class NamesRows(Problem):
    """A text column of identifiers or of free text: nearly every row has its own."""


class Values(NamedTuple):
    """The values of a column in some rows.

    Attributes
    ----------
    X : ndarray of shape (n, k), float64
        A column for each feature of `Column.features`: numbers, or codes of labels; NaN where a
        value is missing or a label unknown.
    unknown : dict of str to int
        Labels that are none of the column's, with their counts.
    """

    X: Matrix
    unknown: dict[str, int]


@dataclass(frozen=True)
class Column:
    """How a column is read.

    Attributes
    ----------
    name : str
    kind : {"number", "category", "boolean", "datetime"}
    labels : tuple of str
        Labels of a category or a boolean, in the order of their codes.
    notation : Notation
        Of a number in text.
    date_format : str
        Of a date in text.
    parts : tuple of str
        What a date is made into, of `DATE_PARTS`.
    missing : tuple of str
        Texts that stand for a missing value, beside an empty field and the usual codes.
    sentinels : tuple of float
        Numbers that stand for a missing value.
    usual_codes : bool
        Whether `LABEL_CODES`, or `NUMBER_CODES` for numbers and dates, stand for a missing value.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...] = ()
    notation: Notation = field(default_factory=Notation)
    date_format: str = ""
    parts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    sentinels: tuple[float, ...] = ()
    usual_codes: bool = True

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features that the column becomes.

        Returns
        -------
        tuple of str
            The column's own, or one for each part of a date.
        """
        if self.kind == "datetime":
            return tuple(f"{self.name}:{part}" for part in self.parts)
        return (self.name,)

    def asdict(self) -> dict[str, Any]:
        """The fields as JSON can hold them.

        Returns
        -------
        dict
        """
        return asdict(self)

    @classmethod
    def of(cls, content: dict[str, Any]) -> Column:
        """The inverse of `asdict`.

        Parameters
        ----------
        content : dict
            Also after a way through JSON.

        Returns
        -------
        Column
        """
        lists = ("labels", "parts", "missing", "sentinels")
        fields: dict[str, Any] = {
            name: tuple(value) if name in lists else value for name, value in content.items()
        }
        return cls(**{**fields, "notation": Notation(**content["notation"])})

    def read(self, values: pd.Series) -> Values:
        """Read values of this column.

        Parameters
        ----------
        values : Series of length n
            As a file has them: texts, or a type of its own.

        Returns
        -------
        Values

        Raises
        ------
        Problem
            When a value cannot be read, with the first such row.
        """
        if self.kind == "number":
            return Values(self._numbers(values)[:, None], {})
        if self.kind == "datetime":
            return Values(date_parts(self.moments(values), self.parts), {})
        return self._codes(values)

    def _numbers(self, values: pd.Series) -> NDArray[np.float64]:
        if _is_number(values):
            numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        elif is_text(values):
            numbers = self._parsed(self._known(texts_of(values)))
        elif values.isna().all():
            return np.full(len(values), np.nan)
        else:
            row = int(np.flatnonzero(values.notna())[0])
            raise Problem(
                "A column of numbers holds something else.",
                expected="numbers",
                found=f"{values.iloc[row]!r} of type {values.dtype}",
                todo="correct the values; no row was left out.",
                row=row,
            )
        if np.isinf(numbers).any():
            row = int(np.flatnonzero(np.isinf(numbers))[0])
            raise Problem(
                "A number is infinite.",
                expected="finite numbers, an empty field where a value is missing",
                found=f"{int(np.isinf(numbers).sum()):,} infinite values",
                todo="correct the values (an infinity often comes from a division by zero).",
                row=row,
            )
        return np.where(np.isin(numbers, self.sentinels), np.nan, numbers)

    def _parsed(self, texts: pa.StringArray) -> NDArray[np.float64]:
        """Texts as numbers: at once where all are plain, else by their distinct ones."""
        if self.notation == Notation():
            plain = pc.match_substring_regex(texts, _WHOLLY_PLAIN)
            if pc.all(pc.fill_null(plain, True)).as_py():
                numbers: NDArray[np.float64] = pc.cast(texts, pa.float64()).to_numpy(
                    zero_copy_only=False
                )
                return numbers
        encoded = texts.dictionary_encode()
        distinct = encoded.dictionary.to_pylist()
        read = np.append(notation.parse(distinct, self.notation), np.nan)
        places = _places(encoded)
        wrong = np.isnan(read[places]) & (places >= 0)
        if wrong.any():
            how = f" ({self.notation})" if str(self.notation) else ""
            expected = f"numbers{how}, an empty field where one is missing"
            raise self._wrong("numbers", expected, texts, wrong)
        return read[places]

    def _wrong(
        self, kind: str, expected: str, texts: pa.StringArray, wrong: NDArray[np.bool_]
    ) -> Problem:
        row = int(np.flatnonzero(wrong)[0])
        return Problem(
            f"A column of {kind} holds something else.",
            expected=expected,
            found=f"{texts[row].as_py()!r}" + _and_more(int(wrong.sum())),
            todo="correct the values; no row was left out.",
            row=row,
        )

    def _known(self, texts: pa.StringArray) -> pa.StringArray:
        """Texts with null in place of codes of missing values."""
        others = texts
        if self.kind == "number" and self.notation == Notation():
            plain = pc.fill_null(pc.match_substring_regex(texts, _WHOLLY_PLAIN), False)
            others = texts.filter(pc.invert(plain))
        codes = [text for text in pc.unique(others).to_pylist() if text and self._is_code(text)]
        if not codes and not self.missing:
            return texts
        hit = pc.is_in(texts, value_set=pa.array([*codes, *self.missing], pa.string()))
        return pc.if_else(hit, pa.scalar(None, pa.string()), texts)

    def _is_code(self, text: str) -> bool:
        """Whether a text stands for a missing value in this column."""
        if not self.usual_codes or text in self.labels:
            return canonical(text) in self.missing
        labels = self.kind in ("category", "boolean")
        usual = text in LABEL_CODES if labels else text.casefold() in NUMBER_CODES
        return usual or canonical(text) in self.missing

    def moments(self, values: pd.Series) -> NDArray[np.datetime64]:
        """Read dates.

        Parameters
        ----------
        values : Series of length n

        Returns
        -------
        ndarray of shape (n,), datetime64[ns]
            NaT where one is missing.

        Raises
        ------
        Problem
            When a value is no date, or one that nanoseconds since 1970 do not reach.
        """
        if types.is_datetime64_any_dtype(values):
            return _in_nanoseconds(in_utc(values), values)
        texts = self._known(texts_of(values))
        read = dates.parse(texts.to_pandas(), self.date_format or dates.ISO)
        wrong = np.isnat(read) & ~np.asarray(texts.is_null())
        if wrong.any():
            expected = f"dates in the format {self.date_format or dates.ISO}"
            raise self._wrong("dates", expected, texts, wrong)
        return _in_nanoseconds(read, values)

    def _codes(self, values: pd.Series) -> Values:
        texts = self._known(texts_of(values))
        encoded = texts.dictionary_encode()
        distinct = encoded.dictionary.to_pylist()
        codes = np.array([self.code_of(text) for text in distinct] + [-1], dtype=np.float64)
        places = _places(encoded)
        counts = np.bincount(places[places >= 0], minlength=len(distinct))
        unknown = {
            text: int(count)
            for text, code, count in zip(distinct, codes[:-1], counts, strict=True)
            if code < 0
        }
        codes[codes < 0] = np.nan
        return Values(codes[places][:, None], unknown)

    def code_of(self, text: str) -> int:
        """Look up the code of a label.

        Where all labels are numbers, another notation of a number counts as well: 1 and 1.0 are the
        same label. A boolean is true or false in any case, or 1 or 0.

        Parameters
        ----------
        text : str

        Returns
        -------
        int
            -1 where the text is no label of this column.
        """
        found = self._places.get(text, -1)
        if found >= 0:
            return found
        if self.kind == "boolean":
            word = {"1": "true", "1.0": "true", "0": "false", "0.0": "false"}.get(
                text, text
            ).lower()
            return next((k for k, label in enumerate(self.labels) if label.lower() == word), -1)
        return self._places.get(canonical(text), -1) if self._all_numbers else -1

    @cached_property
    def _places(self) -> dict[str, int]:
        return {label: k for k, label in enumerate(self.labels)}

    @cached_property
    def _all_numbers(self) -> bool:
        return all(canonical(label) == label and PLAIN.fullmatch(label) for label in self.labels)


def canonical(text: str) -> str:
    """The shortest way to write a number; any other text, and a number with leading zeros, as is.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> canonical("1.0"), canonical("007"), canonical("a")
    ('1', '007', 'a')
    """
    if not PLAIN.fullmatch(text) or notation.LEADING_ZERO.match(text):
        return text
    value = float(text)
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def is_text(values: pd.Series) -> bool:
    """Whether a column holds texts, or Python objects that are read as texts.

    Parameters
    ----------
    values : Series

    Returns
    -------
    bool
    """
    return (
        types.is_string_dtype(values)
        or types.is_object_dtype(values)
        or isinstance(values.dtype, pd.CategoricalDtype)
    )


def texts_of(values: pd.Series) -> pa.StringArray:
    """The values of a column as texts without surrounding blanks; null where one is missing.

    Parameters
    ----------
    values : Series of length n

    Returns
    -------
    pyarrow.StringArray of length n
        Numbers as short as they can be written; dates in ISO 8601.

    Raises
    ------
    Problem
        When a value is a list.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    if types.is_float_dtype(values) or types.is_integer_dtype(values):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        if types.is_float_dtype(values):
            distinct, places = np.unique(numbers, return_inverse=True)
            labels = [None if np.isnan(v) else canonical(repr(float(v))) for v in distinct]
            return pa.array(labels, pa.string()).take(pa.array(places))
        values = values.astype(object)
    if types.is_object_dtype(values):
        lists = values.map(lambda v: isinstance(v, (list, tuple, set, dict, np.ndarray)))
        if lists.any():
            row = int(np.flatnonzero(lists)[0])
            raise Problem(
                "A column holds lists.",
                expected="one number or one text in each row",
                found=repr(values.iloc[row])[:80],
                todo="make columns of their elements, or list it under `drop`.",
                row=row,
            )
        values = values.map(_text, na_action="ignore")
    elif not types.is_string_dtype(values):
        values = values.map(str, na_action="ignore")
    found = pa.array(values, pa.string(), from_pandas=True)
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    trimmed = pc.utf8_trim_whitespace(found)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def counts_of(texts: pa.StringArray) -> dict[str, int]:
    """How often each text occurs.

    Parameters
    ----------
    texts : pyarrow.StringArray of length n

    Returns
    -------
    dict of str to int
        In the order of the first rows; missing ones apart.
    """
    return {one["values"]: one["counts"] for one in pc.value_counts(texts.drop_null()).to_pylist()}


def _text(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return canonical(repr(float(value)))
    return str(value)


def in_utc(values: pd.Series) -> NDArray[np.datetime64]:
    """A column of a date type as moments in UTC.

    Parameters
    ----------
    values : Series of length n

    Returns
    -------
    ndarray of shape (n,), datetime64
        In the column's own unit.
    """
    moments: NDArray[np.datetime64] = (
        pd.to_datetime(values, utc=True).dt.tz_convert(None).to_numpy()
    )
    return moments


def _in_nanoseconds(moments: NDArray[np.datetime64], values: pd.Series) -> NDArray[np.datetime64]:
    """The same moments in nanoseconds, which NumPy would wrap around in silence beyond 2262."""
    years = moments.astype("datetime64[Y]")
    beyond = (years < FIRST_YEAR) | (years > LAST_YEAR)  # NaT is neither
    if beyond.any():
        row = int(np.flatnonzero(beyond)[0])
        raise Problem(
            "A date lies outside of the years that can be read.",
            expected=f"dates from {FIRST_YEAR} to {LAST_YEAR}",
            found=f"{str(values.iloc[row])!r}" + _and_more(int(beyond.sum())),
            todo=(
                "if it stands for a missing value, list it under `sentinels` or leave the field"
                " empty; else correct it, or list the column under `drop`."
            ),
            row=row,
        )
    return moments.astype("datetime64[ns]")


def date_parts(at: NDArray[np.datetime64], parts: Sequence[str]) -> Matrix:
    """Make numbers of dates.

    Parameters
    ----------
    at : ndarray of shape (n,), datetime64[ns]
    parts : sequence of str, length k
        Of `DATE_PARTS`.

    Returns
    -------
    ndarray of shape (n, k)
        NaN where the date is missing.
    """
    known = pd.Series(at).dt
    makers: dict[str, Callable[[], Any]] = {
        "days": lambda: (at - EPOCH) / np.timedelta64(1, "D"),
        "year": lambda: known.year,
        "month": lambda: known.month,
        "day": lambda: known.day,
        "weekday": lambda: known.day_of_week,
        "hour": lambda: known.hour + known.minute / 60,
    }
    X = np.empty((len(at), len(parts)))
    for k, part in enumerate(parts):
        X[:, k] = np.where(np.isnat(at), np.nan, np.asarray(makers[part](), dtype=np.float64))
    return X


def _is_number(values: pd.Series) -> bool:
    return (
        types.is_numeric_dtype(values)
        and not types.is_bool_dtype(values)
        and not types.is_complex_dtype(values)
    )


def _places(encoded: pa.DictionaryArray) -> NDArray[np.int64]:
    """Positions in the dictionary, -1 for a missing value."""
    return np.asarray(pc.fill_null(encoded.indices, -1)).astype(np.int64)


def _and_more(rows: int) -> str:
    return f", and such in {rows - 1:,} more rows" if rows > 1 else ""


class Decision(NamedTuple):
    """A column as it was decided, and what to show of it.

    Attributes
    ----------
    column : Column
    codes : dict of str to int
        Texts that were read as missing, with their counts; the empty field is not among them.
    distinct : int
        Distinct values, missing ones apart.
    example : str
        A value as it is written.
    shown_as : str
        The kind in a word: number, category, boolean, date, text, empty.
    """

    column: Column
    codes: dict[str, int]
    distinct: int
    example: str
    shown_as: str


def decide(
    name: str,
    values: pd.Series,
    options: ColumnOptions,
    sentinels: Sequence[float | str] = (),
    *,
    categorical: bool = False,
) -> Decision:
    """Decide what a column is.

    Parameters
    ----------
    name : str
    values : Series of length n
        All of the column's values, as the file has them.
    options : ColumnOptions
        What the user says of the column.
    sentinels : sequence of float or str
        Values that the user calls missing.
    categorical : bool
        Whether the user calls it a category.

    Returns
    -------
    Decision

    Raises
    ------
    Problem
        When the column cannot be read as it is, or can be read in two ways.
    """
    decision = _decide(name, values, options, sentinels, categorical=categorical)
    _refuse_unused(decision, values, options)
    return decision


def _refuse_unused(decision: Decision, values: pd.Series, options: ColumnOptions) -> None:
    """Refuse options that are for another kind of column, or for texts where the file has none."""
    kind, typed = decision.column.kind, not is_text(values)
    if decision.shown_as == "empty":
        return
    unused = []
    if kind != "number" or typed:
        unused += [part for part in ("decimal", "thousands") if getattr(options, part) is not None]
    if kind != "datetime" or typed:
        unused += ["format"] * (options.format is not None)
    if kind != "datetime":
        unused += ["encode"] * bool(options.encode)
    if typed and kind == "datetime":
        unused += ["missing"] * bool(options.missing)
    if unused:
        shown = "date" if kind == "datetime" else kind
        raise Problem(
            f"An option of a column has no effect: {', '.join(unused)}.",
            expected=f"options for a column of the kind {shown}"
            + (f", which the file holds as {values.dtype}" if typed else ""),
            found=", ".join(f"{part}: {getattr(options, part)!r}" for part in unused)
            + f", and values such as {decision.example!r}",
            todo="take it out, or correct `type`, for the column under `columns`.",
        )


def _decide(
    name: str,
    values: pd.Series,
    options: ColumnOptions,
    sentinels: Sequence[float | str],
    *,
    categorical: bool,
) -> Decision:
    numbers = tuple(float(s) for s in sentinels if isinstance(s, (int, float)))
    kind: Kind | None = "category" if categorical else options.type
    if types.is_complex_dtype(values):
        raise Problem(
            "A column holds complex numbers.",
            expected="numbers or categories",
            found=str(values.dtype),
            todo="split it into real columns, or list it under `drop`.",
        )
    if types.is_timedelta64_dtype(values):
        raise Problem(
            "A column of durations is no feature as it stands.",
            expected="numbers, categories or dates",
            found=str(values.dtype),
            todo="write them as numbers of days or seconds, or list it under `drop`.",
        )
    if _is_number(values) and kind in (None, "number"):
        declared_texts = [str(s).strip() for s in (*sentinels, *(options.missing or ()))]
        others = (float(text) for text in declared_texts if PLAIN.fullmatch(text))
        numbers = tuple(dict.fromkeys((*numbers, *others)))
        column = Column(name, "number", sentinels=numbers)
        known = column.read(values).X[:, 0]
        all_numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        codes = {
            canonical(str(s)): int((all_numbers == s).sum()) for s in numbers if s in all_numbers
        }
        return _decision(column, values, codes, len(np.unique(known[~np.isnan(known)])))
    if types.is_datetime64_any_dtype(values) and kind in (None, "datetime"):
        column = Column(name, "datetime", parts=options.encode)
        return _decision(column, values, {}, values.nunique())
    if types.is_bool_dtype(values) and kind is None:
        kind = "boolean"
    if isinstance(values.dtype, pd.CategoricalDtype) and kind is None:
        kind = "category"
    texts = texts_of(values)
    counts = counts_of(texts)
    texts_meant = [s for s in sentinels if isinstance(s, str)]
    declared = {canonical(str(s).strip()) for s in [*texts_meant, *(options.missing or ())]}
    automatic = options.missing is None
    base = Column(
        name,
        "number",
        parts=options.encode,
        missing=tuple(sorted(declared)),
        sentinels=numbers,
        usual_codes=automatic,
    )
    codes = {t: n for t, n in counts.items() if canonical(t) in declared}
    rest = {t: n for t, n in counts.items() if t not in codes}
    object_dates = kind in (None, "datetime") and pd.api.types.infer_dtype(values, skipna=True) in (
        "date",
        "datetime",
    )
    if object_dates:
        column = replace(base, kind="datetime")
        return _decision(column, values, {}, len(counts))
    if kind == "boolean" or (
        kind is None and rest and {t.casefold() for t in rest} <= {"true", "false"}
    ):
        column = replace(base, kind="boolean", labels=_boolean_labels(rest))
        return _decision(column, values, codes, len(column.labels))
    if kind in (None, "number", "datetime"):
        wide = {t: n for t, n in rest.items() if automatic and t.casefold() in NUMBER_CODES}
        narrow = {t: n for t, n in rest.items() if t not in wide}
        found = _by_notation(base, values, narrow, {**codes, **wide}, options, kind)
        if found is not None:
            return found
    strict = {t: n for t, n in rest.items() if automatic and t in LABEL_CODES}
    labels = sorted({t for t in rest if t not in strict})
    if all(PLAIN.fullmatch(t) for t in labels):
        labels = sorted({canonical(t) for t in labels})
    many = len(labels) > MANY_LABELS
    if kind is None and many and len(labels) > len(values) / 2:
        words = np.mean([len(t.split()) for t in labels[:1000]])
        raise NamesRows(
            "A column of free text is no feature as it stands."
            if words > 3
            else "A text column looks like an identifier, not like a feature.",
            expected="categories that occur in many rows",
            found=f"{len(labels):,} different texts in {len(values):,} rows, such as {labels[0]!r}",
            todo="list it under `drop`, or under `categorical` if it really is a category.",
        )
    column = replace(base, kind="category", labels=tuple(labels))
    return _decision(
        column, values, {**codes, **strict}, len(labels), shown_as="text" if many else None
    )


def _by_notation(
    base: Column,
    values: pd.Series,
    rest: dict[str, int],
    codes: dict[str, int],
    options: ColumnOptions,
    kind: str | None,
) -> Decision | None:
    """Decide for a column of numbers or dates in text; None where it is neither."""
    distinct = list(rest)

    def decided(column: Column, shown_as: str | None = None) -> Decision:
        sentinels = {canonical(repr(value)) for value in column.sentinels}
        found = {t: n for t, n in rest.items() if canonical(t) in sentinels}
        kept = len(distinct) - len(found)
        return _decision(column, values, {**codes, **found}, kept, shown_as)

    if not distinct:
        return decided(base, "empty")
    if kind == "datetime" or (kind is None and options.format is not None):
        wanted = options.format or dates.infer(distinct)
        if not isinstance(wanted, str):
            raise _two_ways(wanted, "dates", DATE_FORMAT_ADVICE)
        return decided(replace(base, kind="datetime", date_format=wanted))
    if kind == "number" or options.decimal is not None or options.thousands is not None:
        column = replace(base, notation=_asked_notation(distinct, options))
        column.read(values)
        return decided(column)
    plain = [PLAIN.fullmatch(text) is not None for text in distinct]
    if all(plain):
        if any("inf" in text.casefold() for text in distinct):
            base.read(values)
        leading = any(map(notation.LEADING_ZERO.match, distinct))
        return None if leading else decided(base)
    date = dates.infer(distinct)
    if isinstance(date, str):
        return decided(replace(base, kind="datetime", date_format=date))
    number = notation.infer(distinct) if date is None else None
    if isinstance(number, Notation):
        return decided(replace(base, notation=number))
    if isinstance(date, Ambiguous):
        raise _two_ways(date, "dates", DATE_FORMAT_ADVICE)
    if isinstance(number, Ambiguous):
        raise _two_ways(number, "numbers", NOTATION_ADVICE)
    _refuse_mixed(values, distinct, plain, rest)
    return None


def _refuse_mixed(
    values: pd.Series, distinct: list[str], plain: list[bool], counts: dict[str, int]
) -> None:
    """Refuse a column of numbers with a few texts among them."""
    others = [text for text, is_plain in zip(distinct, plain, strict=True) if not is_plain]
    numbers = len(distinct) - len(others)
    # labels such as 0, 1, 2 and 3+ are few, and all of them have digits
    labels = numbers < MANY_NUMBERS and all(re.search("[0-9]", text) for text in others)
    if labels or numbers < FEW_NUMBERS or numbers <= len(others):
        return
    rows = sum(counts[text] for text in others)
    texts = texts_of(values)
    hit = pc.is_in(texts, value_set=pa.array(others, pa.string()))
    shown = ", ".join(map(repr, others[:5])) + (f" and {len(others) - 5} more" * (len(others) > 5))
    raise Problem(
        "A column of numbers holds text.",
        expected="numbers, an empty field where one is missing",
        found=f"{shown} in {rows:,} of {len(values):,} rows",
        todo=(
            "if it stands for a missing value, list it under `sentinels`; if the column holds"
            " categories, list it under `categorical`; else correct the values."
        ),
        row=int(np.flatnonzero(hit.to_numpy(zero_copy_only=False))[0]),
    )


def _asked_notation(distinct: list[str], options: ColumnOptions) -> Notation:
    """The notation that the user asks for, with the units that the texts have."""
    inferred = notation.infer(distinct)
    base = inferred if isinstance(inferred, Notation) else notation.affixes(distinct)
    if options.decimal is None and options.thousands is None:
        if isinstance(inferred, Ambiguous):
            raise _two_ways(inferred, "numbers", NOTATION_ADVICE)
        return base
    decimal = options.decimal or ("," if options.thousands == "." else ".")
    thousands = options.thousands or ""
    return replace(base, decimal=decimal, thousands=thousands)


def _two_ways(found: Ambiguous | None, of: str, todo: str) -> Problem:
    return Problem(
        f"A column of {of} can be read in two ways."
        if found is not None
        else f"A column that is declared to hold {of} holds something else.",
        expected=f"{of} in one notation that can be read in one way only",
        found=found.reason if found is not None else f"texts that are no {of}",
        todo=todo,
    )


def _boolean_labels(rest: dict[str, int]) -> tuple[str, ...]:
    """False before True, each as it is written most often."""
    words = {"false": "False", "true": "True"}
    for word in words:
        written = Counter({t: n for t, n in rest.items() if t.casefold() == word})
        if written:
            words[word] = written.most_common(1)[0][0]
    return tuple(words[word] for word in words if any(t.casefold() == word for t in rest))


def _decision(
    column: Column,
    values: pd.Series,
    codes: dict[str, int],
    distinct: int,
    shown_as: str | None = None,
) -> Decision:
    if column.kind == "datetime":
        column.moments(values)  # refuses what cannot be read
    known = values[values.notna()]
    example = "" if known.empty else str(known.iloc[0])
    if is_text(values):
        example = next(
            (
                text
                for text in map(str.strip, map(str, known.iloc[:10_000]))
                if text and text not in column.missing
            ),
            example,
        )
    words = {"datetime": "date"}
    return Decision(
        column, codes, distinct, example[:40], shown_as or words.get(column.kind, column.kind)
    )
