"""A dataset's entry: where its bytes come from, and what its columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from counterpoise.core.config.costs import Costs, Thresholds
from counterpoise.core.config.goals import Goal, Worth
from counterpoise.core.config.splits import Split
from counterpoise.core.config.values import Boolean, Column, Label, Strict, one_of

Sentinel = Annotated[float | str, one_of("a number or a text", int, float, str)]


def _listed(value: Any) -> Any:
    """One value is a list of one."""
    return value if isinstance(value, list | tuple) else (value,)


Listed = BeforeValidator(_listed)

EVERY = "*"
"""Stands for every column where a list of sentinels names none."""


def _by_column(value: Any) -> Any:
    return value if isinstance(value, dict) else {EVERY: value}


Sentinels = Annotated[
    dict[Column, Annotated[tuple[Sentinel, ...], Listed]], BeforeValidator(_by_column)
]


class File(Strict):
    """One original file of a public dataset.

    Exactly one checksum is given, so that the bytes can be verified.

    Attributes
    ----------
    name : str
        The file's name in a mirror folder and among the downloads.
    urls : tuple of str
        Addresses of the file, tried in order.
    sha256 : str, optional
        SHA-256 of the file as published.
    unpacked_sha256 : str, optional
        SHA-256 of the unpacked content of a .gz file, where only that is known; with `member`, of
        that member of a .tar.gz.
    member : str, optional
        The path of the table within a .zip or .tar.gz archive.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[^/\\]+$")]
    urls: Annotated[tuple[str, ...], Field(min_length=1)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    unpacked_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    member: str | None = None

    @model_validator(mode="after")
    def _one_sum(self) -> File:
        if (self.sha256 is None) == (self.unpacked_sha256 is None):
            raise PydanticCustomError(
                "sums", "a file needs either sha256 or unpacked_sha256, so that it can be verified"
            )
        return self


class Rows(Strict):
    """Which rows of the original belong to the dataset: those whose `column` passes one condition.

    Attributes
    ----------
    column : str
    equals : label, optional
        Keep rows with this value.
    at_most : float, optional
        Keep rows with at most this value. Exactly one of `equals` and `at_most` is given.
    """

    column: str
    equals: Label | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Rows:
        if (self.equals is None) == (self.at_most is None):
            raise PydanticCustomError("rows", "rows needs either equals or at_most")
        return self


class Source(Strict):
    """Where a public dataset's bytes come from; without it the dataset is the user's own file.

    Attributes
    ----------
    bundled : {"digits"}, optional
        A table that scikit-learn brings along. Exactly one of `bundled` and `files` is given.
    files : tuple of File
        Original files, whose rows are concatenated.
    format : {"csv", "npz", "parquet"}
    columns : tuple of str, optional
        The column names of a CSV without a header.
    cut : bool
        Whether the file ends in the middle of a line, which is left out.
    rows : Rows, optional
        The rows that belong to the dataset; all of them by default.
    """

    bundled: Literal["digits"] | None = None
    files: tuple[File, ...] = ()
    format: Literal["csv", "npz", "parquet"] = "csv"
    columns: tuple[str, ...] | None = None
    cut: bool = False
    rows: Rows | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Source:
        if bool(self.files) == bool(self.bundled):
            raise PydanticCustomError("source", "a source needs either files or bundled")
        if self.bundled and (self.format != "csv" or self.columns or self.cut):
            raise PydanticCustomError(
                "source", "format, columns and cut are for files: take them out beside bundled"
            )
        return self


DatePart = Literal["days", "year", "month", "day", "weekday", "hour"]
"""The numbers that a date can be made into: days since 1970-01-01 with their fraction, calendar
parts, weekday from 0 for Monday, hours with their fraction.
"""


class ColumnOptions(Strict):
    """How one column is read, where that is not found or not found right.

    Attributes
    ----------
    type : {"number", "category", "datetime"}, optional
    decimal : {".", ","}, optional
        The decimal sign of numbers in text.
    thousands : {"", ",", ".", " ", "'"}, optional
        The sign between thousands; " " stands for any blank.
    format : str, optional
        The format of dates in text, as in `datetime.strptime`, such as "%d/%m/%Y".
    encode : tuple of str
        What a date becomes as a feature: one number for each.
    missing : tuple of label, optional
        The texts that stand for a missing value, in place of the usual ones.
    """

    type: Literal["number", "category", "datetime"] | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Literal["", ",", ".", " ", "'"] | None = None
    format: str | None = None
    encode: tuple[DatePart, ...] = ()
    missing: tuple[Label, ...] | None = None

    @model_validator(mode="after")
    def _options_fit(self) -> ColumnOptions:
        numbers = self.decimal is not None or self.thousands is not None
        dates = self.format is not None or bool(self.encode)
        if numbers and (dates or self.type in ("category", "datetime")):
            raise PydanticCustomError(
                "options", "decimal and thousands are for numbers: take them or the others out"
            )
        if dates and self.type in ("category", "number"):
            raise PydanticCustomError(
                "options", "format and encode are for dates: take them or the type out"
            )
        if self.decimal is not None and self.decimal == self.thousands:
            raise PydanticCustomError("options", "decimal and thousands must differ")
        return self


def _in_two_places(one: str, other: str, column: Column) -> PydanticCustomError:
    return PydanticCustomError(
        "column",
        "the column {column} is under {one} and under {other}, where it has no effect: take it out"
        " of one of them",
        {"column": repr(str(column)), "one": one, "other": other},
    )


class Dataset(Strict):
    """One table: where it comes from, what its columns mean, how it is split.

    Attributes
    ----------
    path : str
        The file of this repository that the table depends on: the user's own file, or the dataset's
        card where `source` says where the bytes come from.
    target : str or int
        The column to predict.
    positive : label or tuple of label
        Its label that counts as positive, or several.
    negative : tuple of label
        All other labels. Where it is given, a label that is in neither is an error.
    source : Source, optional
    drop : tuple of str or int
        Columns that are not features.
    categorical : tuple of str or int
        Columns of numbers that are categories. Text columns need no declaration.
    time, group : str or int, optional
        Columns with a role, which are not features.
    columns : mapping of column to ColumnOptions
        How columns are read. A list is a list of names, see `names`.
    names : tuple of str
        The names of all columns, for a text table without a header.
    separator, encoding, header : optional
        Parts of the layout of a text table, which are found where they are not given.
    sheet : str, optional
        The sheet of an Excel file.
    database : str, optional
        The address of the database that `path`, a .sql file, is a query of.
    sentinels : tuple of number or text, or mapping of column to such a tuple
        Values that stand for a missing value, in all columns or in some.
    data_checks : {"warn", "fail"}
        `fail` stops at a serious finding of a data check before anything is trained.
    distributed : bool
        Whether to fit one XGBoost over rows that lie in parts on the workers of a Dask cluster,
        where one is named.
    split, thresholds, costs, goal, worth : optional
        Replace the top-level entry of the same name as a whole.
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"defects": "data_checks"}

    path: str
    target: Column
    positive: Annotated[tuple[Label, ...], Listed]
    negative: tuple[Label, ...] = ()
    source: Source | None = None
    drop: tuple[Column, ...] = ()
    categorical: tuple[Column, ...] = ()
    time: Column | None = None
    group: Column | None = None
    columns: dict[Column, ColumnOptions] = Field(default_factory=dict)
    names: tuple[Column, ...] = ()
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    encoding: str | None = None
    header: Boolean | None = None
    sheet: str | None = None
    database: str | None = None
    sentinels: Sentinels = Field(default_factory=dict)
    data_checks: Literal["warn", "fail"] = "warn"
    distributed: Boolean = False
    split: Split | None = None
    thresholds: Thresholds | None = None
    costs: Costs | None = None
    goal: Goal | None = None
    worth: Worth | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_weight(cls, content: Any) -> Any:
        if isinstance(content, dict) and "weight" in content:
            raise PydanticCustomError(
                "weight",
                "weight: weights of rows are not supported, neither in fits nor in metrics; list"
                " the column under `drop` to keep it out of the features",
            )
        return content

    @model_validator(mode="before")
    @classmethod
    def _names_in_columns(cls, content: Any) -> Any:
        """A list under `columns` is one of names."""
        if isinstance(content, dict) and isinstance(content.get("columns"), list | tuple):
            if "names" in content:
                raise PydanticCustomError(
                    "names", "columns and names both list the names of the columns: give one"
                )
            rest = {key: value for key, value in content.items() if key != "columns"}
            return {**rest, "names": content["columns"]}
        return content

    @model_validator(mode="after")
    def _every_column_has_one_part(self) -> Dataset:
        """A column that is no feature is not read as one: what is said of its reading is lost."""
        roles = {"target": self.target, "time": self.time, "group": self.group}
        part_of: dict[str, str] = {}
        for part, column in [
            *((part, name) for part, name in roles.items() if name is not None),
            *(("drop", name) for name in dict.fromkeys(map(str, self.drop))),
        ]:
            if str(column) in part_of:
                raise _in_two_places(part_of[str(column)], part, column)
            part_of[str(column)] = part
        priced = self.costs.columns_of() if self.costs is not None else ()
        not_read = {name: part for name, part in part_of.items() if name not in priced}
        for name in map(str, self.categorical):
            if name in part_of:
                raise _in_two_places(part_of[name], "categorical", name)
        for name in map(str, self.columns):
            if not_read.get(name, "time") != "time":
                raise _in_two_places(not_read[name], "columns", name)
        for name in map(str, self.sentinels):
            if name in not_read:
                raise _in_two_places(not_read[name], "sentinels", name)
        for column, options in self.columns.items():
            if options.encode and str(column) in part_of:
                raise _in_two_places(part_of[str(column)], f"columns.{column}.encode", column)
            numbers_or_dates = options.model_dump(exclude={"missing"}, exclude_defaults=True)
            if str(column) in map(str, self.categorical) and numbers_or_dates:
                raise _in_two_places("categorical", "columns", column)
        return self

    @model_validator(mode="after")
    def _names_are_given_once(self) -> Dataset:
        if self.names and self.source is not None and self.source.columns:
            raise PydanticCustomError(
                "names", "columns and source.columns both list the names of the columns: give one"
            )
        return self

    @model_validator(mode="after")
    def _labels_differ(self) -> Dataset:
        if not self.positive:
            raise PydanticCustomError("labels", "positive must name a label")
        both = set(map(str, self.positive)) & set(map(str, self.negative))
        if both:
            raise PydanticCustomError(
                "labels",
                "the label {label} is under positive and under negative",
                {"label": repr(sorted(both)[0])},
            )
        return self

    def sentinels_of(self, column: str) -> tuple[float | str, ...]:
        """The values that stand for a missing value in a column.

        Parameters
        ----------
        column : str

        Returns
        -------
        tuple of float or str
            Numbers for all columns are meant for columns of numbers; a number that is given for
            this column stands here as a text too, since the column may be one of labels.
        """
        every = self.sentinels.get(EVERY, ())
        own = [v for name, vs in self.sentinels.items() if str(name) == column for v in vs]
        return (*every, *own, *(f"{v:g}" for v in own if isinstance(v, float)))

    def options_of(self, column: str) -> ColumnOptions:
        """How a column is read.

        Parameters
        ----------
        column : str

        Returns
        -------
        ColumnOptions
        """
        return next(
            (options for name, options in self.columns.items() if str(name) == column),
            ColumnOptions(),
        )

    @model_validator(mode="after")
    def _costs_do_not_use_the_target(self) -> Dataset:
        if self.costs is not None and str(self.target) in self.costs.columns_of():
            raise PydanticCustomError(
                "costs",
                "costs: the column {column} is the target, and costs must not depend on the label:"
                " give a number, or another column",
                {"column": repr(str(self.target))},
            )
        return self
