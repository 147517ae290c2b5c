"""A dataset's entry: where its bytes come from, and what its columns mean."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from counterpoise.core.config.costs import Costs, Thresholds
from counterpoise.core.config.splits import Split
from counterpoise.core.config.values import Boolean, Column, Label, Strict


class File(Strict):
    """One original file: its name in a mirror, its checksum and the addresses that have it, tried
    in order.

    `sha256` is the sum of the file as published. Where only the sum of the unpacked content is
    known, give `unpacked_sha256` instead (for a name that ends in .gz); with `member` it is the sum
    of that member of a .tar.gz.
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
    """Which rows of the original belong to the dataset: those whose column equals, or is at most, a
    value."""

    column: str
    equals: Label | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Rows:
        if (self.equals is None) == (self.at_most is None):
            raise PydanticCustomError("rows", "rows needs either equals or at_most")
        return self


class Source(Strict):
    """Where a public dataset's bytes come from; without it the dataset is the user's own file at
    `path`.

    `header: false` with `columns` names the columns of a CSV without a header; `cut: true` says
    that the file ends in the middle of a line, which is left out.
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

    `path` is a file of this repository that the table depends on: the user's own CSV or Parquet
    file, or, where `source` says that the bytes come from elsewhere, the dataset's card. A split,
    thresholds or costs given here stand in place of the top-level ones as a whole. `defects: fail`
    stops at a serious defect before anything is trained. `distributed` fits one XGBoost over rows
    that lie in parts on the workers of a Dask cluster, where one is named.
    """

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
    defects: Literal["warn", "fail"] = "warn"
    distributed: Boolean = False
    split: Split | None = None
    thresholds: Thresholds | None = None
    costs: Costs | None = None

    @model_validator(mode="after")
    def _costs_do_not_tell_the_label(self) -> Dataset:
        if self.costs is not None and str(self.target) in self.costs.columns_of():
            raise PydanticCustomError(
                "costs",
                "costs: the column {column} is the target, and a decision that costs what the label"
                " says is no prediction: give a number, or another column",
                {"column": repr(str(self.target))},
            )
        return self
