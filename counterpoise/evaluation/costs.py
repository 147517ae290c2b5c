"""Misclassification costs of each row, and reference costs of deciding without a model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.config import Cost, CostOf, Costs
from counterpoise.core.errors import TableError
from counterpoise.core.types import Index, Labels, Vector
from counterpoise.data.tables import COST, Table


class CostMatrix(NamedTuple):
    """Cost of each kind of decision for each row, in one unit.

    Elkan (2001), section 1, with one matrix per row.

    Attributes
    ----------
    false_positive, false_negative, true_positive, true_negative : ndarray of shape (n,)
    """

    false_positive: Vector
    false_negative: Vector
    true_positive: Vector
    true_negative: Vector

    @property
    def cost_margins(self) -> Vector:
        """Cost of the wrong decision minus cost of the right one, by the row's actual class.

        Only this difference matters for the choice of a decision (Elkan 2001, section 2).

        Returns
        -------
        ndarray of shape (n, 2)
            Column 0 if the row is negative, column 1 if it is positive.
        """
        return np.column_stack(
            [self.false_positive - self.true_negative, self.false_negative - self.true_positive]
        )

    def of(self, rows: Index) -> CostMatrix:
        """Costs of some rows.

        Parameters
        ----------
        rows : ndarray of shape (m,)
            Positions of the rows.

        Returns
        -------
        CostMatrix
            Arrays of shape (m,), in the order of `rows`.
        """
        return CostMatrix(*(cost[rows] for cost in self))

    def total(self, y: Labels, predicted: NDArray[np.bool_]) -> float:
        """Sum of the costs of decisions.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Labels.
        predicted : ndarray of shape (n,), bool
            Which rows are predicted positive.

        Returns
        -------
        float
            Total over the rows.
        """
        as_positive = np.where(y == 1, self.true_positive, self.false_positive)
        as_negative = np.where(y == 1, self.false_negative, self.true_negative)
        return float(np.where(predicted, as_positive, as_negative).sum())


def matrix(costs: Costs, table: Table, where: str) -> CostMatrix:
    """Compute the misclassification costs of every row.

    Parameters
    ----------
    costs : Costs
        The configured costs: numbers, or multiples of a column.
    table : Table
        The dataset, with its cost columns among the roles.
    where : str
        Location to name in error messages.

    Returns
    -------
    CostMatrix
        One cost of each kind for each row of the table.

    Raises
    ------
    TableError
        If a column makes a cost negative, the sum of costs infinite, or a wrong decision cheaper
        than the right one. Also if both decisions about a row cost the same for either class.
    """

    def values(cost: Cost) -> Vector:
        if not isinstance(cost, CostOf):
            return np.full(len(table), float(cost))
        amounts = np.asarray(table.roles[COST + str(cost.column)], dtype=np.float64)
        with np.errstate(over="ignore"):
            return cost.times * amounts + cost.plus

    result = CostMatrix(*(values(getattr(costs, name)) for name in CostMatrix._fields))
    for name, cost in zip(CostMatrix._fields, result, strict=True):
        if (cost < 0).any():
            raise _wrong(
                f"A {name} has a negative cost.",
                where,
                cost < 0,
                cost,
                "costs of at least 0",
                "write a gain as what its absence costs: in the cost of the other decision.",
            )
        with np.errstate(over="ignore"):
            total = cost.sum()
        if not np.isfinite(total):
            raise _wrong(
                f"The costs of a {name} are too large to be added up.",
                where,
                cost == cost.max(),
                cost,
                "costs whose sum is finite",
                "give all costs in a larger unit.",
            )
    for side, (wrong, right) in enumerate(
        (("false_positive", "true_negative"), ("false_negative", "true_positive"))
    ):
        margins = result.cost_margins[:, side]
        if (margins < 0).any():
            raise _wrong(
                f"A {wrong} costs less than a {right}.",
                where,
                margins < 0,
                margins,
                "a wrong decision that costs at least as much as the right one",
                f"raise the cost of a {wrong}, or lower that of a {right}.",
            )
    equal = result.cost_margins.sum(axis=1) == 0
    if equal.any():
        raise _wrong(
            "Some rows have equal costs for both decisions.",
            where,
            equal,
            result.cost_margins.sum(axis=1),
            "costs that differ between the two decisions in every row",
            "add a constant with `plus`, or take these rows out.",
        )
    return result


def _wrong(
    what: str, where: str, rows: NDArray[np.bool_], values: Vector, expected: str, todo: str
) -> TableError:
    first = int(np.flatnonzero(rows)[0])
    return TableError(
        what,
        where=f"{where}, row {first + 1}",
        expected=expected,
        found=f"{values[first]:g}, and so in {int(rows.sum())} of {len(rows)} rows",
        todo=todo,
    )


def reference(y: Labels, costs: CostMatrix) -> dict[str, float]:
    """Mean cost per row of deciding without a model.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.
    costs : CostMatrix
        Costs of these rows.

    Returns
    -------
    dict of str to float
        `no_row_positive` and `every_row_positive` for constant predictions, `oracle` for the right
        decision about every row.
    """
    n = len(y)
    return {
        "no_row_positive": costs.total(y, np.zeros(n, bool)) / n,
        "every_row_positive": costs.total(y, np.ones(n, bool)) / n,
        "oracle": costs.total(y, y == 1) / n,
    }
