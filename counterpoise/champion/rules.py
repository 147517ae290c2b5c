"""What is made of a model's score: a probability that is put right, and a decision."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.config import Costs, Thresholds
from counterpoise.core.errors import NotApplicable, ResultError
from counterpoise.core.types import Flags, Labels, Vector
from counterpoise.data.tables import COST, Table
from counterpoise.evaluation import corrections, costs, thresholds
from counterpoise.evaluation.corrections import Correction
from counterpoise.evaluation.costs import CostMatrix

Policy = Literal["half", "tuned", "cost"]


@dataclass(frozen=True)
class PutRight:
    """A correction as plain numbers; see `counterpoise.evaluation.corrections` for what each kind
    does.

    A row's probability follows from its own score alone. `corrections.corrected` also moves apart,
    by the least step there is, log odds that rounding has made equal: it looks at all rows
    together, and the probability of a row would change in its last digit with the batch that it is
    in. So the two agree to about that digit.

    Attributes
    ----------
    kind : Correction
    factor : float
        By which the remedy multiplied the odds; 1 for none.
    low, high : float
        The range of log odds that a recalibration has seen.
    slope, intercept : float
        Of the sigmoid.
    steps : tuple of (log odds, probability)
        Of the isotonic regression: the ends of its steps.
    """

    kind: Correction
    factor: float = 1.0
    low: float = 0.0
    high: float = 0.0
    slope: float = 1.0
    intercept: float = 0.0
    steps: tuple[tuple[float, float], ...] = ()

    @classmethod
    def fit(cls, kind: Correction, y: Labels, scores: Vector, factor: float) -> PutRight:
        """Fit it.

        Parameters
        ----------
        y, scores : ndarray of shape (n,)
            Rows of natural prevalence that the models that scored them have not seen; read by
            sigmoid and isotonic alone.
        factor : float
            `corrections.odds_factor` of the rows fitted on; read by exact and approximate alone.

        Raises
        ------
        ResultError
            When the correction is not possible with these rows.
        """
        if kind == "none":
            return cls(kind)
        if kind in ("exact", "approximate"):
            if not 0 < factor < np.inf:
                raise _not_possible(f"the remedy multiplied the odds by {factor:g}")
            return cls(kind, factor=factor)
        if not 0 < y.sum() < len(y):
            raise _not_possible("rows of one class alone")
        values = corrections.log_odds(scores)
        low, high = corrections.finite_range(values)
        values = corrections.drawn_in(values, low, high)
        if kind == "sigmoid":
            try:
                slope, intercept = corrections.fit_sigmoid(y, values)
            except NotApplicable as reason:
                raise _not_possible(str(reason)) from None
            return cls(kind, low=low, high=high, slope=slope, intercept=intercept)
        from sklearn.isotonic import IsotonicRegression

        least, most = corrections.smoothed(y)
        fitted = IsotonicRegression(y_min=least, y_max=most, out_of_bounds="clip").fit(values, y)
        ends = zip(fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist(), strict=True)
        return cls(kind, low=low, high=high, steps=tuple(ends))

    def log_odds(self, scores: Vector) -> Vector:
        """The log odds, put right, of a model's probabilities."""
        values = corrections.log_odds(scores)
        if self.kind not in ("sigmoid", "isotonic"):
            return np.asarray(values - np.log(self.factor))
        values = corrections.drawn_in(values, self.low, self.high)
        if self.kind == "sigmoid":
            return np.asarray(self.slope * values + self.intercept)
        x, p = np.array(self.steps).T
        if len(p) == 1:
            return np.full(len(values), float(corrections.log_odds(p)[0]))
        # what IsotonicRegression predicts by: the same digits
        from scipy.interpolate import interp1d

        return corrections.log_odds(interp1d(x, p)(np.clip(values, x[0], x[-1])))


@dataclass(frozen=True)
class Rule:
    """From which score on a row is called positive.

    Attributes
    ----------
    policy : {"half", "tuned", "cost"}
    told : str
        The policy in words.
    threshold : float or None
        On the model's own score, before it is put right; None where each row has its own.
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


def _not_possible(why: str) -> ResultError:
    return ResultError(
        "The champion's probabilities cannot be put right.",
        where="the held-out scores of the cell",
        found=why,
        todo="name another cell with --strategy and --model.",
    )
