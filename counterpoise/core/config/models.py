"""A model's entry: its parameters, its device, and its search for parameters."""

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
    if not value:
        raise PydanticCustomError(
            "strategies", "an empty list combines the model with nothing: take the model out"
        )
    return value


Chosen = Annotated[Literal["all"] | tuple[str, ...], BeforeValidator(_chosen)]


class Range(Strict):
    """The values of a parameter from `low` to `high`; `log` spreads them by their logarithm.

    They are integers where low, high and step are. Write 0.0 for a range of real numbers that
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
        wrong = next((text for text, applies in mistakes.items() if applies), "")
        if wrong:
            raise PydanticCustomError("range", "{wrong}", {"wrong": wrong})
        return self

    @property
    def whole(self) -> bool:
        """Whether only integers are drawn.

        Returns
        -------
        bool
        """
        return all(
            isinstance(number, int)
            for number in (self.low, self.high, self.step)
            if number is not None
        )

    @property
    def ends(self) -> tuple[int | float, int | float]:
        """The least and the greatest value, of the type that is drawn.

        Returns
        -------
        tuple of two int or two float
        """
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
    """A search for parameters within each fold.

    Attributes
    ----------
    trials : int
        The budget: how many sets of parameters are tried. The first is the model's own, so one
        alone would try nothing of the space.
    space : dict of str to Range or list
        A range or a list of choices for each parameter.
    """

    trials: Annotated[Whole, Field(ge=2, le=100_000)]
    space: Annotated[dict[str, Dimension], Field(min_length=1)]


class Model(Strict):
    """One model.

    Attributes
    ----------
    model : str, optional
        A name in `counterpoise.models.registry`; by default the model's key.
    strategies : "all" or tuple of str
        The strategies to combine it with.
    scale : bool or "power", optional
        Whether numbers are scaled to mean 0 and variance 1, with `power` after a power transform.
        By default the kind of model decides.
    costs : {"weights", "metacost"}, optional
        Weigh the rows by their misclassification costs, or relabel them to the cheapest class.
    calibration : {"sigmoid", "isotonic"}, optional
        How probabilities are recalibrated on the validation rows. By default a formula does it
        where one holds, and a sigmoid where none does.
    device : str
        What XGBoost fits on: cpu, cuda, cuda:N, or auto, which is cuda where available and cpu
        elsewhere.
    params : dict
        Parameters of the library's estimator.
    search : Search, optional
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
