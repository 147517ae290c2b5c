"""What is made of a model's score: a decision."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.config import Costs, Thresholds
from counterpoise.core.errors import ResultError
from counterpoise.core.types import Flags, Labels, Vector
from counterpoise.data.tables import COST, Table
from counterpoise.evaluation import costs, thresholds
from counterpoise.evaluation.costs import CostMatrix

Policy = Literal["half", "tuned", "cost"]


@dataclass(frozen=True)
class Rule:
    """From which score on a row is called positive.

    Attributes
    ----------
    policy : {"half", "tuned", "cost"}
    told : str
        The policy in words.
    threshold : float or None
        On the model's own score, before it is recalibrated; None where each row has its own.
    costs : dict or None
        What a decision costs, where each row has its own threshold.
    """

    policy: Policy
    told: str
    threshold: float | None
    costs: dict[str, Any] | None = None

    @classmethod
    def choose(
        cls,
        policy: Policy,
        asked: Thresholds,
        what_costs: Costs,
        y: Labels,
        scores: Vector,
        matrix: CostMatrix,
    ) -> Rule:
        """Choose a threshold as `counterpoise.evaluation.decisions.decide` does, on held-out rows
        with their costs.

        Raises
        ------
        ResultError
            When these rows have one class alone.
        """
        if policy == "half":
            return cls(policy, f"the score {asked.half:g}", asked.half)
        if policy == "cost" and asked.cost == "expected":
            told = (
                "whatever is cheaper in expectation, by the probability and what a decision about"
                " the row costs"
            )
            return cls(policy, told, None, what_costs.model_dump())
        if policy == "cost":
            limit, told = (
                thresholds.empirical(y, scores, matrix),
                "the score that costs least on held-out rows",
            )
        else:
            limit, told = (
                thresholds.tuned(y, scores, asked.tuned),
                f"the score with the best {asked.tuned} on held-out rows",
            )
        if np.isnan(limit):
            raise ResultError(
                "A threshold cannot be chosen: the held-out rows have one class alone.",
                where=policy,
                todo="promote with `--policy half`.",
            )
        return cls(policy, told, float(limit))

    @property
    def amounts(self) -> tuple[str, ...]:
        """The columns that a decision needs."""
        return () if self.costs is None else Costs.model_validate(self.costs).columns_of()

    def decide(
        self, scores: Vector, log_odds: Vector, amounts: dict[str, Vector], where: str
    ) -> Flags:
        """Which rows are called positive.

        Raises
        ------
        TableError
            When a row's costs make no sense.
        """
        if self.threshold is not None:
            return np.asarray(scores >= self.threshold)
        n = len(scores)
        roles: dict[str, NDArray[np.generic]] = {
            COST + name: values for name, values in amounts.items()
        }
        rows = Table((), np.empty((n, 0)), np.zeros(n, np.int8), {}, roles)
        stakes = costs.matrix(Costs.model_validate(self.costs), rows, where).stakes
        return np.asarray(log_odds >= thresholds.cheapest(stakes))

    def asdict(self) -> dict[str, Any]:
        return asdict(self)
