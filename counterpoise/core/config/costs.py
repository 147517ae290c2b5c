"""Threshold rules and misclassification costs."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from counterpoise.core.config.values import Column, Real, Strict

Metric = Literal["f1", "mcc", "g_mean", "balanced_accuracy"]


class Thresholds(Strict):
    """The parameters of the threshold rules, one attribute for each.

    Attributes
    ----------
    half : float
        A threshold on the score, from 0 to 1.
    tuned : {"f1", "mcc", "g_mean", "balanced_accuracy"}
        The metric that the threshold maximises on the validation rows.
    cost : {"expected", "empirical"}
        `expected`: a row is positive where that is cheaper in expectation, by the recalibrated
        probability and the row's own costs. `empirical`: the one threshold that costs least on the
        validation rows.
    """

    half: Annotated[Real, Field(ge=0, le=1)] = 0.5
    tuned: Metric = "f1"
    cost: Literal["expected", "empirical"] = "expected"


class CostOf(Strict):
    """A cost that depends on the row: `times` the value of `column`, and `plus` a constant."""

    column: Column
    times: Real = 1.0
    plus: Real = 0.0


def _cost(value: Any) -> Any:
    """Check a cost: a number of at least 0, a column's name, or a mapping with a column."""
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
    """The cost of one decision of each kind, in any one unit.

    A cost is a number, or an amount that a column holds. A gain is written as the cost of missing
    it: if a decision earns 5, the other decision about that row costs 5 more.
    """

    false_positive: Cost = 1.0
    false_negative: Cost = 1.0
    true_positive: Cost = 0.0
    true_negative: Cost = 0.0

    @model_validator(mode="after")
    def _wrong_is_no_cheaper(self) -> Costs:
        # costs from columns differ by row: `evaluation.costs.matrix` checks them against the table
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
        """The columns that some of the costs read.

        Parameters
        ----------
        *names : str
            Names of costs, such as "false_positive"; all four by default.

        Returns
        -------
        tuple of str
            Each column once, in the order of the costs.
        """
        costs = (getattr(self, name) for name in names or type(self).model_fields)
        return tuple(dict.fromkeys(str(cost.column) for cost in costs if isinstance(cost, CostOf)))
