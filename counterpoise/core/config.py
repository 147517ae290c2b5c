"""params.yaml as a frozen, typed model: what it may hold, read once and checked whole.

This file knows the shape of the parameters. What a sampler's or a model's name means is known by
the registries in `counterpoise.samplers` and `counterpoise.models`; `python -m counterpoise check`
asks both.
"""

from __future__ import annotations

import datetime
import difflib
import hashlib
import math
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    FiniteFloat,
    StringConstraints,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from counterpoise.core import paths, yaml12
from counterpoise.core.errors import ConfigurationError

Key = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9_]+$")]
"""A key that DVC can join into a stage name: stage names read `train@mammography-smote`."""


def _one_of(what: str, *kinds: type, word: str | None = None) -> BeforeValidator:
    """One message for a value of several possible types, where pydantic would give one a type."""

    def check(value: Any) -> Any:
        fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
        if not fits and (word is None or value != word):
            raise PydanticCustomError("kind", "must be {what}", {"what": what})
        return value

    return BeforeValidator(check)


Label = Annotated[
    bool | int | float | str,
    _one_of("one label: a text, a number, true or false", bool, int, float, str),
]
Column = Annotated[
    str | int,
    _one_of(
        "the name of a column (true, false, null, dates and decimals need quotes around them)",
        str,
        int,
    ),
]


def _chosen(value: Any) -> Any:
    named = isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)
    if not named and value != "all":
        raise PydanticCustomError(
            "kind", "must be {what}", {"what": "all, or a list such as [none, smote]"}
        )
    return value


Chosen = Annotated[Literal["all"] | tuple[str, ...], BeforeValidator(_chosen)]


def _no_bool(value: Any) -> Any:
    """To pydantic true is the number 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("kind", "must be {what}", {"what": "a number"})
    return value


_NO_BOOL = BeforeValidator(_no_bool)
Whole = Annotated[int, _NO_BOOL]
Real = Annotated[FiniteFloat, _NO_BOOL]
Fraction = Annotated[Real, Field(gt=0, lt=1)]
ValidationFraction = Annotated[Real, Field(ge=0, lt=1)]
Metric = Literal["f1", "mcc", "g_mean", "balanced_accuracy"]


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PydanticCustomError("kind", "must be {what}", {"what": "a number"})
    return value


Number = Annotated[int | float, BeforeValidator(_number)]


def _day(value: Any) -> Any:
    """A day as a text: YAML makes a date of one without quotes, and DVC stops at a date."""
    try:
        return datetime.date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise PydanticCustomError(
            "kind", "must be {what}", {"what": 'a day in quotes, such as "2018-08-15"'}
        ) from None


Day = Annotated[str, BeforeValidator(_day)]

CPU, CUDA, AUTO = "cpu", "cuda", "auto"


def _device(value: Any) -> Any:
    if not (isinstance(value, str) and re.fullmatch(r"cpu|auto|cuda(:(0|[1-9][0-9]*))?", value)):
        raise PydanticCustomError(
            "kind", "must be {what}", {"what": "cpu, cuda, auto or one of several, such as cuda:1"}
        )
    return value


Device = Annotated[str, BeforeValidator(_device)]

T = TypeVar("T")

NONE = "none"
"""The key of the strategy that does nothing, against which every other one is weighed."""


class Strict(BaseModel):
    """A frozen mapping that names an unknown key, and the keys that there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, content: Any) -> Any:
        if content is None:  # `smote:` with nothing behind it
            return {}
        if isinstance(content, dict):
            for key in content:
                if key not in cls.model_fields:
                    raise PydanticCustomError(
                        "unknown_key",
                        "unknown key {key}{hint}; the keys here are: {allowed}",
                        {
                            "key": repr(key),
                            "hint": did_you_mean(str(key), cls.model_fields),
                            "allowed": ", ".join(cls.model_fields),
                        },
                    )
        return content


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


class StratifiedKFold(Strict):
    """Repeated k-fold in which every fold has the prevalence of the whole.

    With `grouped` there is one repeat more, in which rows of one group are kept together; it is
    shown beside the others and has no part in the verdict.
    """

    scheme: Literal["stratified_kfold"] = "stratified_kfold"
    folds: Annotated[Whole, Field(ge=2)] = 5
    repeats: Annotated[Whole, Field(ge=1)] = 2
    validation: ValidationFraction = 0.2
    grouped: Annotated[bool, _one_of("true or false", bool)] = False


class Holdout(Strict):
    """One random test part."""

    scheme: Literal["holdout"]
    test_size: Fraction = 0.2
    stratify: bool = True
    seed: Annotated[Whole, Field(ge=0)] | None = None
    validation: ValidationFraction = 0.2


class Temporal(Strict):
    """Train on the past, test on what follows it; needs `time` on the dataset."""

    scheme: Literal["temporal"]
    folds: Annotated[Whole, Field(ge=1)] = 1
    test_size: Fraction = 0.2
    validation: ValidationFraction = 0.2


class Grouped(Strict):
    """Repeated k-fold that keeps rows of one group together: those with the same `group`, or
    identical feature rows."""

    scheme: Literal["grouped"]
    folds: Annotated[Whole, Field(ge=2)] = 5
    repeats: Annotated[Whole, Field(ge=1)] = 2
    validation: ValidationFraction = 0.2


class Prequential(Strict):
    """Train on some days, wait until frauds are known, test on the days after; fold by fold so many
    test days earlier.

    Needs `time` on the dataset, in dates. `leave_known_out` leaves the groups that are known to be
    positive by then out of the test part, and needs `group`.
    """

    scheme: Literal["prequential"]
    start: Day
    folds: Annotated[Whole, Field(ge=1)] = 4
    train_days: Annotated[Whole, Field(ge=1)] = 7
    delay_days: Annotated[Whole, Field(ge=0)] = 7
    test_days: Annotated[Whole, Field(ge=1)] = 7
    leave_known_out: Annotated[bool, _one_of("true or false", bool)] = False
    validation: ValidationFraction = 0.2


AnySplit = StratifiedKFold | Holdout | Temporal | Grouped | Prequential
Split = Annotated[AnySplit, Field(discriminator="scheme")]


class Thresholds(Strict):
    """The threshold policies.

    `half` is a number. `tuned` names the metric that the threshold maximises on the validation
    slice. `cost` is either `expected` (a row is positive where that is cheaper in expectation, by
    the corrected probability and the row's own costs) or `empirical` (the one threshold that costs
    least on the validation slice).
    """

    half: Annotated[Real, Field(ge=0, le=1)] = 0.5
    tuned: Metric = "f1"
    cost: Literal["expected", "empirical"] = "expected"


class CostOf(Strict):
    """A cost that depends on the row: `times` the value of a column, `plus` a constant."""

    column: Column
    times: Real = 1.0
    plus: Real = 0.0


def _cost(value: Any) -> Any:
    """A number of at least 0, a column's name, or a mapping with a column."""
    if isinstance(value, str):
        return {"column": value}
    if isinstance(value, (dict, CostOf)):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        what = "a number of at least 0, the name of a column, or {column, times, plus}"
        raise PydanticCustomError("kind", "must be {what}", {"what": what})
    return float(value)


def _kind_of_cost(value: Any) -> str:
    return "amount" if isinstance(value, (dict, CostOf)) else "number"


Cost = Annotated[
    Annotated[float, Tag("number")] | Annotated[CostOf, Tag("amount")],
    Discriminator(_kind_of_cost),
    BeforeValidator(_cost),
]


class Costs(Strict):
    """What one decision of each kind costs, in any one unit: a number, or an amount that a column
    holds.

    A gain is written as what its absence costs: a decision that earns 5 makes the other decision 5
    dearer.
    """

    false_positive: Cost = 1.0
    false_negative: Cost = 1.0
    true_positive: Cost = 0.0
    true_negative: Cost = 0.0

    @model_validator(mode="after")
    def _wrong_is_no_cheaper(self) -> Costs:
        pairs = ("false_positive", "true_negative"), ("false_negative", "true_positive")
        numbers = [(wrong, right) for wrong, right in pairs if not self.columns_of(wrong, right)]
        for wrong, right in numbers:
            if getattr(self, wrong) < getattr(self, right):
                raise PydanticCustomError(
                    "costs",
                    "a {wrong} ({high}) costs less than a {right} ({low}), so every row would be"
                    " called wrong",
                    {
                        "wrong": wrong,
                        "right": right,
                        "high": f"{getattr(self, wrong):g}",
                        "low": f"{getattr(self, right):g}",
                    },
                )
        if len(numbers) == 2 and all(
            getattr(self, wrong) == getattr(self, right) for wrong, right in numbers
        ):
            raise PydanticCustomError(
                "costs", "no decision costs more than another, so there is nothing to weigh", {}
            )
        return self

    def columns_of(self, *names: str) -> tuple[str, ...]:
        """The columns that some of the four costs, or all of them, read."""
        costs = (getattr(self, name) for name in names or type(self).model_fields)
        return tuple(dict.fromkeys(str(cost.column) for cost in costs if isinstance(cost, CostOf)))


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
    distributed: Annotated[bool, _one_of("true or false", bool)] = False
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


class Strategy(Strict):
    """One remedy at the data level: `sampler` defaults to the strategy's key, `params` are
    imbalanced-learn's own."""

    sampler: str | None = None
    ratio: Annotated[Real, Field(gt=0, le=1)] | None = None
    scale: bool = True
    params: dict[str, Any] = {}


class Range(Strict):
    """The values of a parameter from `low` to `high`; `log` spreads them by their logarithm.

    They are whole numbers where low, high and step are: write 0.0 for a range of other numbers that
    begins at 0.
    """

    low: Number
    high: Number
    step: Number | None = None
    log: Annotated[bool, _one_of("true or false", bool)] = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Range:
        wrong = (
            "low and high must be finite"
            if not (math.isfinite(self.low) and math.isfinite(self.high))
            else (
                "low must be below high"
                if not self.low < self.high
                else (
                    "a logarithm needs a low above 0"
                    if self.log and self.low <= 0
                    else (
                        "step and log exclude each other"
                        if self.log and self.step is not None
                        else (
                            "step must be above 0 and no larger than the range"
                            if self.step is not None and not 0 < self.step <= self.high - self.low
                            else ""
                        )
                    )
                )
            )
        )
        if wrong:
            raise PydanticCustomError("range", "{wrong}", {"wrong": wrong})
        return self

    @property
    def whole(self) -> bool:
        """Whether whole numbers alone are drawn."""
        return all(
            isinstance(number, int)
            for number in (self.low, self.high, self.step)
            if number is not None
        )

    @property
    def ends(self) -> tuple[int | float, int | float]:
        """The least and the greatest value, as they are drawn."""
        return (self.low, self.high) if self.whole else (float(self.low), float(self.high))


def _kind_of_dimension(value: Any) -> str:
    return "range" if isinstance(value, (dict, Range)) else "choices"


Choices = Annotated[
    list[Any],
    _one_of("a list of choices, or {low, high, step, log}", list, tuple),
    Field(min_length=1),
]
Dimension = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")],
    Discriminator(_kind_of_dimension),
]


class Search(Strict):
    """A search of parameters within each fold: `space` gives a range or a list of choices for each,
    `trials` the budget."""

    trials: Annotated[Whole, Field(ge=1, le=100_000)]
    space: Annotated[dict[str, Dimension], Field(min_length=1)]


class Model(Strict):
    """One model: `model` defaults to the model's key, `strategies` to all of them, `params` are the
    library's own.

    `scale` says whether numbers are scaled to mean 0 and variance 1 (`power`: after a power
    transform); unset, the model's kind says so. `costs` weighs the rows by what is at stake
    (`weights`), or relabels them (`metacost`). `calibration` is how the validation slice puts
    probabilities right; unset, a formula does where one holds, and a sigmoid where none does.
    `search` looks for parameters. `device` is what XGBoost fits on; `auto` is cuda where it is
    there, else cpu.
    """

    model: str | None = None
    strategies: Chosen = "all"
    scale: (
        Annotated[Literal["power"] | bool, _one_of("true, false or power", bool, word="power")]
        | None
    ) = None
    costs: Literal["weights", "metacost"] | None = None
    calibration: Literal["sigmoid", "isotonic"] | None = None
    device: Device = CPU
    params: dict[str, Any] = {}
    search: Search | None = None


class Params(Strict):
    """The whole of params.yaml. Every key has to be there: DVC refuses to run a stage whose
    parameter is missing."""

    seed: Annotated[Whole, Field(ge=0)]
    datasets: Annotated[dict[Key, Dataset], Field(min_length=1)]
    strategies: Annotated[dict[Key, Strategy], Field(min_length=1)]
    models: Annotated[dict[Key, Model], Field(min_length=1)]
    split: Split
    thresholds: Thresholds
    costs: Costs

    @model_validator(mode="after")
    def _names_are_free(self) -> Params:
        if "index" in self.datasets:
            raise PydanticCustomError(
                "taken", "datasets.index: this key is taken by reports/index.html; choose another"
            )
        return self

    @model_validator(mode="after")
    def _strategies_exist(self) -> Params:
        for key, model in self.models.items():
            for strategy in () if model.strategies == "all" else model.strategies:
                if strategy not in self.strategies:
                    raise PydanticCustomError(
                        "unknown_strategy",
                        "models.{key}.strategies names {strategy}, which is not among the"
                        " strategies: {known}",
                        {
                            "key": key,
                            "strategy": repr(strategy),
                            "known": ", ".join(self.strategies),
                        },
                    )
        return self

    @model_validator(mode="after")
    def _searches_are_equal(self) -> Params:
        """The baseline gets the same search budget as every remedy."""
        trials = {
            key: model.search.trials
            for key, model in self.models.items()
            if model.search is not None
        }
        if len(set(trials.values())) > 1:
            raise PydanticCustomError(
                "trials",
                "models: every search needs the same number of trials, or the comparison favours"
                " the longer one; found {found}",
                {"found": ", ".join(f"{key} {n}" for key, n in trials.items())},
            )
        return self

    @model_validator(mode="after")
    def _columns_belong_to_a_dataset(self) -> Params:
        named = self.costs.columns_of()
        if named:
            raise PydanticCustomError(
                "costs",
                "costs: the column {column} belongs to one dataset: give it under"
                " datasets.<name>.costs",
                {"column": repr(named[0])},
            )
        return self

    @cached_property
    def cells(self) -> tuple[tuple[str, str], ...]:
        """Every (strategy, model) of the grid, in the order of params.yaml."""
        return tuple(
            (strategy, model)
            for strategy in self.strategies
            for model, entry in self.models.items()
            if entry.strategies == "all" or strategy in entry.strategies
        )

    def models_of(self, strategy: str) -> list[str]:
        return [model for other, model in self.cells if other == strategy]

    def dataset(self, name: str) -> Dataset:
        return _entry("dataset", "datasets", name, self.datasets)

    def strategy(self, name: str) -> Strategy:
        return _entry("strategy", "strategies", name, self.strategies)

    def split_of(self, dataset: str) -> AnySplit:
        return self.dataset(dataset).split or self.split

    def thresholds_of(self, dataset: str) -> Thresholds:
        return self.dataset(dataset).thresholds or self.thresholds

    def costs_of(self, dataset: str) -> Costs:
        return self.dataset(dataset).costs or self.costs


def _entry(kind: str, section: str, name: str, entries: dict[str, T]) -> T:
    if name not in entries:
        raise unknown(
            f"There is no {kind} {name!r}",
            name,
            entries,
            where=f"{paths.PARAMS}: {section}",
            todo=f"take one of these, or add {name!r} to {section}.",
        )
    return entries[name]


def unknown(
    what: str, word: str, known: Iterable[str], *, where: str, todo: str, expected: str = "one of: "
) -> ConfigurationError:
    """The message for a name that does not exist, with a hint at the closest one that does."""
    known = list(known)
    return ConfigurationError(
        f"{what}{did_you_mean(word, known)}.",
        where=where,
        expected=expected + ", ".join(known),
        found=repr(word),
        todo=todo,
    )


def did_you_mean(word: str, known: Any) -> str:
    """A hint at the known word that is closest, or nothing."""
    close = difflib.get_close_matches(word, [str(k) for k in known], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def seed_for(seed: int, *names: object) -> int:
    """A 32-bit seed of its own for every name, the same on every machine."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def load(path: Path | None = None) -> Params:
    """Read and check params.yaml.

    Raises
    ------
    ConfigurationError
        Naming every key that is wrong, what was found and what is allowed.
    """
    path = paths.PARAMS if path is None else path
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            "There is no params.yaml here.",
            where=str(path.resolve()),
            expected="the file that says which datasets, strategies and models to compare",
            found="no such file",
            todo="run from the folder that holds dvc.yaml and params.yaml.",
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            "params.yaml is no text.",
            where=str(path),
            expected="UTF-8",
            found=str(error),
            todo="save it as UTF-8.",
        ) from None
    try:
        content = yaml12.load(text)
    except yaml12.InvalidYaml as error:
        raise ConfigurationError(
            "params.yaml is not valid YAML.",
            where=f"{path}, {error.place}" if error.place else str(path),
            expected="key: value lines, indented by spaces",
            found=error.problem,
            todo=(
                "mend that line (a text with a colon, a quote or a leading @ needs quotes around"
                " it)."
            ),
        ) from None
    return parse(content, str(path))


def parse(content: Any, where: str = "params.yaml") -> Params:
    """Check the content of params.yaml; see `load`."""
    if not isinstance(content, dict):
        raise ConfigurationError(
            "params.yaml holds no mapping.",
            where=where,
            expected="the keys " + ", ".join(Params.model_fields),
            found="an empty file" if content is None else type(content).__name__,
            todo="`git checkout -- params.yaml` brings back the committed one.",
        )
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise ConfigurationError(
            "params.yaml has "
            + ("an error." if len(problems) == 1 else f"{len(problems)} errors."),
            where=where,
            found="\n".join(
                f"{'' if k == 0 else ' ' * 12}{_told(problem)}"
                for k, problem in enumerate(problems)
            ),
            todo=(
                "mend what is named; `python -m counterpoise check` tells whether all is well,"
                " without touching any result."
            ),
        ) from None


def _told(problem: Any) -> str:
    """One validation error as `key: what is allowed, what was found`."""
    schemes = {
        name
        for kind in get_args(AnySplit)
        for name in get_args(kind.model_fields["scheme"].annotation)
    }
    tags = {*schemes, "number", "amount", "range", "choices", "[key]"}
    place = ".".join(str(part) for part in problem["loc"] if part not in tags)
    message, kind = problem["msg"], problem["type"]
    if kind == "string_pattern_mismatch" and problem["loc"][-1] == "[key]":
        message = (
            "a key may hold lower-case letters, digits and _ alone, since DVC makes stage names"
            " of it"
        )
    elif kind == "string_type" and problem["loc"][-1] == "[key]":
        message = "a key must be a text; put quotes around it"
    elif kind == "union_tag_invalid":
        message = f"unknown scheme; the schemes are: {', '.join(sorted(schemes))}"
    elif kind == "union_tag_not_found":
        message = f"the key scheme is missing; the schemes are: {', '.join(sorted(schemes))}"
    elif kind == "missing":
        return f"{place}: this key is required and missing"
    if kind in {
        "unknown_key",
        "unknown_strategy",
        "taken",
        "sums",
        "rows",
        "source",
        "costs",
        "trials",
        "range",
    }:
        return f"{place}: {message}" if place else message
    found = repr(problem["input"])
    return f"{place}: {message}, found {found if len(found) <= 80 else found[:77] + '...'}"
