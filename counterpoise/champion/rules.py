"""The threshold rule of a champion, which turns scores into decisions."""

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

RuleName = Literal["half", "tuned", "cost", "cost_empirical"]


@dataclass(frozen=True)
class Rule:
    """The rule that calls a row positive.

    Attributes
    ----------
    name : {"half", "tuned", "cost", "cost_empirical"}
        The threshold rule's name in params.yaml.
    description : str
        The threshold rule in words.
    threshold : float or None
        Of the model's own score, before recalibration; None where each row has its own threshold.
    costs : dict or None
        The misclassification costs of params.yaml, where each row has its own threshold.
    """

    name: RuleName
    description: str
    threshold: float | None
    costs: dict[str, Any] | None = None

    @classmethod
    def choose(
        cls,
        rule: RuleName,
        settings: Thresholds,
        cost_settings: Costs,
        y: Labels,
        scores: Vector,
        matrix: CostMatrix,
    ) -> Rule:
        """Choose a threshold on held-out rows, as `counterpoise.evaluation.decisions.decide` does.

        Parameters
        ----------
        rule : {"half", "tuned", "cost", "cost_empirical"}
        settings : Thresholds
            The dataset's thresholds in params.yaml.
        cost_settings : Costs
            The dataset's misclassification costs in params.yaml.
        y : ndarray of shape (n,), int8
            Labels of the held-out rows.
        scores : ndarray of shape (n,)
            The model's own scores of the held-out rows.
        matrix : CostMatrix
            Misclassification costs of the held-out rows, shape (n,) each.

        Returns
        -------
        Rule

        Raises
        ------
        ResultError
            When a threshold has to be chosen, and all held-out rows are of one class.
        """
        if rule == "half":
            return cls(rule, f"the score {settings.half:g}", settings.half)
        if rule == "cost" and settings.cost == "expected":
            description = (
                "whatever is cheaper in expectation, by the probability and what a decision about"
                " the row costs"
            )
            return cls(rule, description, None, cost_settings.model_dump())
        if rule in ("cost", "cost_empirical"):
            limit, description = (
                thresholds.empirical(y, scores, matrix),
                "the score that costs least on held-out rows",
            )
        else:
            limit, description = (
                thresholds.tuned(y, scores, settings.tuned),
                f"the score with the best {settings.tuned} on held-out rows",
            )
        if np.isnan(limit):
            raise ResultError(
                "A threshold cannot be chosen: the held-out rows have one class alone.",
                where=rule,
                todo="promote with `--rule half`.",
            )
        return cls(rule, description, float(limit))

    @property
    def amounts(self) -> tuple[str, ...]:
        """The columns that a decision needs beside the features.

        Returns
        -------
        tuple of str
            Empty where one threshold serves all rows.
        """
        return () if self.costs is None else Costs.model_validate(self.costs).columns_of()

    def decide(
        self, scores: Vector, log_odds: Vector, amounts: dict[str, Vector], where: str
    ) -> Flags:
        """Decide which rows are positive.

        Parameters
        ----------
        scores : ndarray of shape (n,)
            The model's own; read where one threshold serves all rows.
        log_odds : ndarray of shape (n,)
            Recalibrated log odds; read where each row has its own threshold.
        amounts : dict of str to ndarray of shape (n,)
            The columns of `amounts`.
        where : str
            The source of the rows, for messages.

        Returns
        -------
        ndarray of shape (n,), bool

        Raises
        ------
        TableError
            When a row's costs are not valid (`counterpoise.evaluation.costs.matrix`).
        """
        if self.threshold is not None:
            return np.asarray(scores >= self.threshold)
        n = len(scores)
        roles: dict[str, NDArray[np.generic]] = {
            COST + name: values for name, values in amounts.items()
        }
        # costs depend on roles only; the table needs no features, and its labels are not read
        rows = Table((), np.empty((n, 0)), np.zeros(n, np.int8), {}, roles)
        cost_margins = costs.matrix(Costs.model_validate(self.costs), rows, where).cost_margins
        return np.asarray(log_odds >= thresholds.cheapest(cost_margins))

    def asdict(self) -> dict[str, Any]:
        """The fields as JSON can hold them.

        Returns
        -------
        dict
            Written by the champion.
        """
        return asdict(self)
