"""A dataset's entry: where its bytes come from, and what its columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from counterpoise.core.config.costs import Costs, Thresholds
from counterpoise.core.config.splits import Split
from counterpoise.core.config.values import Boolean, Column, Label, Strict


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
        return self


class Dataset(Strict):
    """One table: where it comes from, what its columns mean, how it is split.

    Attributes
    ----------
    path : str
        The file of this repository that the table depends on: the user's own CSV or Parquet file,
        or the dataset's card where `source` says where the bytes come from.
    target, positive : str or int, label
        The column to predict, and its label that counts as positive.
    source : Source, optional
    drop : tuple of str or int
        Columns that are not features.
    categorical : tuple of str or int
        Columns of numbers that are categories. Text columns need no declaration.
    time, group, weight : str or int, optional
        Columns with a role, which are not features.
    sentinels : tuple of float
        Numbers that stand for a missing value.
    data_checks : {"warn", "fail"}
        `fail` stops at a serious finding of a data check before anything is trained.
    distributed : bool
        Whether to fit one XGBoost over rows that lie in parts on the workers of a Dask cluster,
        where one is named.
    split, thresholds, costs : optional
        Replace the top-level entry of the same name as a whole.
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"defects": "data_checks"}

    path: str
    target: Column
    positive: Label
    source: Source | None = None
    drop: tuple[Column, ...] = ()
    categorical: tuple[Column, ...] = ()
    time: Column | None = None
    group: Column | None = None
    weight: Column | None = None
    sentinels: tuple[float, ...] = ()
    data_checks: Literal["warn", "fail"] = "warn"
    distributed: Boolean = False
    split: Split | None = None
    thresholds: Thresholds | None = None
    costs: Costs | None = None

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
