"""Decisions of each combination under each threshold rule, with their error rates and costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterpoise.core.config import Thresholds
from counterpoise.core.types import Cell, Index, Labels, Vector
from counterpoise.data.folds import Parts
from counterpoise.evaluation import bootstrap, corrections, thresholds
from counterpoise.evaluation.costs import CostMatrix
from counterpoise.evaluation.differences import Measure
from counterpoise.evaluation.fold_scores import FoldScores, passes
from counterpoise.evaluation.metrics import Weights
from counterpoise.evaluation.questions import COST
from counterpoise.evaluation.thresholds import Confusion

COST_EMPIRICAL = "cost_empirical"
RULES = (*Thresholds.model_fields, COST_EMPIRICAL)
"""Threshold rules. `cost` decides as params.yaml says; `cost_empirical` stands beside it in any
case: the one threshold on the scores that costs least on the validation rows."""

Decided = tuple[NDArray[np.bool_], float]
"""Which test rows are predicted positive, and the threshold (the mean, where each row has its own).
"""


Called = list[NDArray[np.bool_]] | None
"""Which test rows are predicted positive, fold after fold; None where a rule decides nothing."""


def decide(
    rule: str, rules: Thresholds, y: Labels, fold: FoldScores, costs: CostMatrix
) -> Decided | str:
    """Decide about the test rows of one fold by a threshold rule.

    Parameters
    ----------
    rule : {"half", "tuned", "cost", "cost_empirical"}
        The threshold rule.
    rules : Thresholds
        Settings of the rules.
    y : ndarray of shape (n,)
        Labels of the table's rows.
    fold : FoldScores
        Scores of the fold, recalibrated for the rule `cost: expected`.
    costs : CostMatrix
        Misclassification costs of the table's rows.

    Returns
    -------
    Decided or str
        Predictions of the test rows with the threshold, or the reason why there are none.
    """
    if rule == "half":
        return fold.test_scores >= rules.half, rules.half
    if rule == "cost" and rules.cost == "expected":
        if fold.reason:
            return f"no recalibrated probabilities: {fold.reason}"
        limits = thresholds.cheapest(costs.of(fold.test).cost_margins)
        return fold.log_odds >= limits, float(corrections.probability(limits).mean())
    labels = y[fold.validation]
    if rule in ("cost", COST_EMPIRICAL):
        limit = thresholds.empirical(labels, fold.validation_scores, costs.of(fold.validation))
    else:
        limit = thresholds.tuned(labels, fold.validation_scores, rules.tuned)
    if np.isnan(limit):
        return "no validation rows of both classes to choose a threshold on"
    return fold.test_scores >= limit, limit


def decisions(
    dataset: str,
    cell: Cell,
    folds: list[FoldScores],
    y: Labels,
    rules: Thresholds,
    costs: CostMatrix,
) -> tuple[list[dict[str, Any]], list[list[float]], list[Called]]:
    """Evaluate the decisions of a combination under each threshold rule.

    Counts are of one pass over the tested rows, the mean of the repeats; their sums over all folds
    and repeats stand beside them, and rates are computed from the sums.

    Parameters
    ----------
    dataset : str
        Key of the dataset.
    cell : tuple of (strategy, model)
        The combination.
    folds : list of FoldScores
        Its scores, recalibrated.
    y : ndarray of shape (n,)
        Labels of the table's rows.
    rules : Thresholds
        Settings of the threshold rules.
    costs : CostMatrix
        Misclassification costs of the table's rows.

    Returns
    -------
    rows : list of dict
        One row of the table of decisions for each rule.
    chosen : list of list of float
        For each rule the threshold in each fold; NaN where there is none.
    called : list of Called
        For each rule the predicted positives; None where a fold has no decisions.
    """
    rows, chosen, called = [], [], list[Called]()
    times = passes(folds)
    for rule in RULES:
        each = [decide(rule, rules, y, fold, costs) for fold in folds]
        decided = [one[0] for one in each if not isinstance(one, str)]
        called.append(decided if len(decided) == len(each) else None)
        chosen.append([float("nan") if isinstance(one, str) else one[1] for one in each])
        row: dict[str, Any] = {
            "dataset": dataset,
            "strategy": cell[0],
            "model": cell[1],
            "rule": rule,
        }
        refused = [one for one in each if isinstance(one, str)]
        predictions = [
            (fold, one[0])
            for fold, one in zip(folds, each, strict=True)
            if not isinstance(one, str)
        ]
        if refused:
            rows.append({**row, "reason": f"{len(refused)} of {len(each)} folds have {refused[0]}"})
            continue
        counts = [thresholds.confusion(y[fold.test], predicted) for fold, predicted in predictions]
        total = Confusion(*(np.sum(count) for count in zip(*counts, strict=True)))
        cost = sum(
            costs.of(fold.test).total(y[fold.test], predicted) for fold, predicted in predictions
        )
        values = {name: float(value) for name, value in thresholds.rates(total).items()}
        undefined = [name for name, value in values.items() if np.isnan(value)]
        side = "positive" if total.tp + total.fp == 0 else "negative"
        reason = (
            f"not defined: {', '.join(undefined)} (no row was predicted {side})"
            if undefined
            else ""
        )
        rows.append(
            {
                **row,
                "threshold": float(np.mean(chosen[-1])),
                **{name: int(n) / times for name, n in total._asdict().items()},
                **{f"{name}_sum": int(n) for name, n in total._asdict().items()},
                **values,
                "expected_cost": cost / sum(total),
                "decisions_changed": _changed(predictions),
                "reason": reason,
            }
        )
    return rows, chosen, called


def _changed(predictions: Sequence[tuple[FoldScores, NDArray[np.bool_]]]) -> float:
    """Share of the rows tested more than once that are not decided alike each time."""
    rows = np.concatenate([fold.test for fold, _ in predictions])
    positive = np.bincount(rows, np.concatenate([predicted for _, predicted in predictions]))
    times = np.bincount(rows)
    again = times > 1
    if not again.any():
        return float("nan")
    return float(np.mean((positive[again] > 0) & (positive[again] < times[again])))


class Redrawn(NamedTuple):
    """F1 and mean cost of decisions, in each fold and in each bootstrap draw.

    Attributes
    ----------
    f1, cost : ndarray of shape (combinations and rules, draws)
        Counts are first summed over folds and repeats, as in the table of decisions.
    fold_f1, fold_cost : ndarray of shape (combinations and rules, folds)
    """

    f1: Vector
    cost: Vector
    fold_f1: Vector
    fold_cost: Vector


def redrawn(
    called: Sequence[list[NDArray[np.bool_]]],
    parts: Parts,
    y: Labels,
    costs: CostMatrix,
    seed: int,
    units: Index | None = None,
) -> Redrawn:
    """F1 and mean cost of decisions in each fold and draw, the same draws as for ranking metrics.

    Parameters
    ----------
    called : sequence of list of ndarray of bool
        For each combination and threshold rule the predicted positives, fold after fold, test rows
        ascending.
    parts : Parts
        The split.
    y : ndarray of shape (n,)
        Labels of the table's rows.
    costs : CostMatrix
        Misclassification costs of the table's rows.
    seed : int
        Seed of the draws.
    units : ndarray of shape (n,), optional
        What the bootstrap redraws (`independent.units_of`); rows by default.

    Returns
    -------
    Redrawn
        One row for each item of `called`. F1 is NaN without actual and predicted positives.
    """
    tests = [np.sort(fold.test) for fold in parts]
    positive_by_fold = [
        np.array([mine[k] for mine in called], np.float32) for k in range(len(tests))
    ]

    def sums(fold: int, weights: Weights) -> NDArray[np.float64]:
        """Weighted true positives, positives, predicted positives, costs and rows of a fold."""
        test, positive = tests[fold], positive_by_fold[fold]
        here, labels, of_rows = weights[test], y[test].astype(np.float32), costs.of(test)
        as_negative = np.where(labels == 1, of_rows.false_negative, of_rows.true_negative)
        as_positive = np.where(labels == 1, of_rows.true_positive, of_rows.false_positive)
        cost = (
            positive.astype(np.float64) @ (here * (as_positive - as_negative)[:, None])
            + as_negative @ here
        )
        shape = cost.shape
        return np.stack(
            [
                (positive * labels) @ here,
                np.broadcast_to(labels @ here, shape),
                positive @ here,
                cost,
                np.broadcast_to(here.sum(axis=0), shape),
            ]
        ).astype(np.float64)

    def rates(total: NDArray[np.float64]) -> tuple[Vector, Vector]:
        true, positives, predicted, cost, rows = total
        with np.errstate(invalid="ignore", divide="ignore"):
            return 2 * true / (predicted + positives), cost / rows

    def piece(_: int, weights: Weights) -> tuple[Vector, Vector]:
        return rates(np.sum([sums(fold, weights) for fold in range(len(tests))], axis=0))

    one = np.ones((len(y), 1), np.float32)
    by_fold = [rates(sums(fold, one)) for fold in range(len(tests))]
    pieces = bootstrap.over_draws(piece, parts, y, seed, units=units)
    return Redrawn(
        *(np.concatenate(values, axis=1) for values in zip(*pieces, strict=True)),
        *(np.concatenate(values, axis=1) for values in zip(*by_fold, strict=True)),
    )


Redraw = Callable[
    [Sequence[list[NDArray[np.bool_]]], Parts, Labels, CostMatrix, int, Index | None], Redrawn
]


def measures(
    table: pd.DataFrame,
    called: Mapping[Cell, list[Called]],
    parts: Parts,
    y: Labels,
    costs: CostMatrix,
    seed: int,
    redraw: Redraw = redrawn,
    units: Index | None = None,
) -> list[Measure]:
    """F1 and expected cost of all decisions under each threshold rule, ready to be compared.

    Parameters
    ----------
    table : DataFrame
        Rows of `decisions`.
    called : mapping of (strategy, model) to list of Called
        Predicted positives of each combination, one item per threshold rule.
    parts, y, costs, seed, units
        See `redrawn`.
    redraw : callable
        Same signature and result as `redrawn`; called once for each threshold rule, so that a
        changed rule invalidates only its own cached draws.

    Returns
    -------
    list of Measure
        Without combinations for which the rule decides nothing in some fold.
    """
    result = []
    known = table.set_index(["rule", "strategy", "model"])
    for k, rule in enumerate(RULES):
        mine = {cell: every[k] for cell, every in called.items() if every[k] is not None}
        if not mine:
            continue
        drawn = redraw([one for one in mine.values() if one], parts, y, costs, seed, units)
        of_rule = known.loc[[(rule, *cell) for cell in mine]]
        for name, folds, draws in (
            ("f1", drawn.fold_f1, drawn.f1),
            (COST, drawn.fold_cost, drawn.cost),
        ):
            values = of_rule[name].to_numpy(dtype=np.float64)
            result.append(Measure(name, rule, list(mine), values, folds, draws))
    return result
