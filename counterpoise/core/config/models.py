"""A model's entry: its parameters, its device, and the search for parameters."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from counterpoise.core.config.values import Boolean, Number, Strict, Whole, one_of

CPU, CUDA, AUTO = "cpu", "cuda", "auto"


def _device(value: Any) -> Any:
    if not (isinstance(value, str) and re.fullmatch(r"cpu|auto|cuda(:(0|[1-9][0-9]*))?", value)):
        raise PydanticCustomError(
            "kind", "must be {what}", {"what": "cpu, cuda, auto or one of several, such as cuda:1"}
        )
    return value


Device = Annotated[str, BeforeValidator(_device)]


def _chosen(value: Any) -> Any:
    named = isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)
    if not named and value != "all":
        raise PydanticCustomError(
            "kind", "must be {what}", {"what": "all, or a list such as [none, smote]"}
        )
    return value


Chosen = Annotated[Literal["all"] | tuple[str, ...], BeforeValidator(_chosen)]


class Range(Strict):
    """The values of a parameter from `low` to `high`; `log` spreads them by their logarithm.

    They are whole numbers where low, high and step are: write 0.0 for a range of other numbers that
    begins at 0.
    """

    low: Number
    high: Number
    step: Number | None = None
    log: Boolean = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Range:
        step = self.step
        mistakes = {
            "low and high must be finite": not all(map(math.isfinite, (self.low, self.high))),
            "low must be below high": not self.low < self.high,
            "a logarithm needs a low above 0": self.log and self.low <= 0,
            "step and log exclude each other": self.log and step is not None,
            "step must be above 0 and no larger than the range": step is not None
            and not 0 < step <= self.high - self.low,
        }
        wrong = next((text for text, found in mistakes.items() if found), "")
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
    one_of("a list of choices, or {low, high, step, log}", list, tuple),
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
        Annotated[Literal["power"] | bool, one_of("true, false or power", bool, word="power")]
        | None
    ) = None
    costs: Literal["weights", "metacost"] | None = None
    calibration: Literal["sigmoid", "isotonic"] | None = None
    device: Device = CPU
    params: dict[str, Any] = Field(default_factory=dict)
    search: Search | None = None
