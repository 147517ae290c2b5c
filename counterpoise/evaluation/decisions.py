"""Decisions of each combination under each threshold rule, with their error rates and costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterpoise.core.config import Thresholds
from counterpoise.core.types import Cell, Labels, Vector
from counterpoise.data.folds import Parts
from counterpoise.evaluation import bootstrap, corrections, thresholds
from counterpoise.evaluation.columns import DECISIONS
from counterpoise.evaluation.costs import CostMatrix
from counterpoise.evaluation.fold_scores import FoldScores
from counterpoise.evaluation.metrics import Weights
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

    Counts are sums over folds and repeats; rates are computed from these counts.

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
                **{name: int(n) for name, n in total._asdict().items()},
                **values,
                "expected_cost": cost / sum(total),
                "reason": reason,
            }
        )
    return rows, chosen, called


class Redrawn(NamedTuple):
    """F1 and mean cost of a decision in each bootstrap draw.

    Attributes
    ----------
    f1, cost : ndarray of shape (combinations and rules, draws)
    """

    f1: Vector
    cost: Vector


def redrawn(
    called: Sequence[list[NDArray[np.bool_]]], parts: Parts, y: Labels, costs: CostMatrix, seed: int
) -> Redrawn:
    """F1 and mean cost of decisions in each bootstrap draw, the same draws as for ranking metrics.

    Counts are first summed over folds and repeats, as in the table of decisions.

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

    Returns
    -------
    Redrawn
        One row for each item of `called`, one column per draw. F1 is NaN in a draw without actual
        and predicted positives.
    """
    tests = [np.sort(fold.test) for fold in parts]
    positive_by_fold = [
        np.array([mine[k] for mine in called], np.float32) for k in range(len(tests))
    ]

    def piece(_: int, weights: Weights) -> tuple[Vector, Vector]:
        true = np.zeros((len(called), weights.shape[1]))
        predicted, cost = true.copy(), true.copy()
        positives, rows = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
        for test, positive in zip(tests, positive_by_fold, strict=True):
            here, labels, of_rows = weights[test], y[test].astype(np.float32), costs.of(test)
            as_negative = np.where(labels == 1, of_rows.false_negative, of_rows.true_negative)
            as_positive = np.where(labels == 1, of_rows.true_positive, of_rows.false_positive)
            true += (positive * labels) @ here
            predicted += positive @ here
            cost += (
                positive.astype(np.float64) @ (here * (as_positive - as_negative)[:, None])
                + as_negative @ here
            )
            positives += labels @ here
            rows += here.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return 2 * true / (predicted + positives), cost / rows

    pieces = bootstrap.over_draws(piece, parts, y, seed)
    return Redrawn(*(np.concatenate(values, axis=1) for values in zip(*pieces, strict=True)))


Redraw = Callable[[Sequence[list[NDArray[np.bool_]]], Parts, Labels, CostMatrix, int], Redrawn]


def differences(
    table: pd.DataFrame,
    called: Mapping[Cell, list[Called]],
    pairs: Mapping[Cell, Cell],
    parts: Parts,
    y: Labels,
    costs: CostMatrix,
    seed: int,
    redraw: Redraw = redrawn,
) -> pd.DataFrame:
    """Add the differences in F1 and cost from the baseline at the same threshold rule.

    Parameters
    ----------
    table : DataFrame
        Rows of `decisions`.
    called : mapping of (strategy, model) to list of Called
        Predicted positives of each combination, one item per threshold rule.
    pairs : mapping of (strategy, model) to (strategy, model)
        The baseline of each compared combination.
    parts : Parts
        The split.
    y : ndarray of shape (n,)
        Labels of the table's rows.
    costs : CostMatrix
        Misclassification costs of the table's rows.
    seed : int
        Seed of the draws.
    redraw : callable
        Same signature and result as `redrawn`; called once for each threshold rule.

    Returns
    -------
    DataFrame of `DECISIONS`
        `delta_` columns with their intervals; missing where there is nothing to compare.
    """
    both = {
        (*cell, rule): mine
        for cell, every in called.items()
        for rule, mine in zip(RULES, every, strict=True)
        if mine is not None
    }
    if not both:
        return table.reindex(columns=DECISIONS)
    drawn: dict[tuple[str, str, str], tuple[Vector, Vector]] = {}
    # one call per rule: a changed rule then invalidates only its own cached draws
    for rule in RULES:
        mine = {name: one for name, one in both.items() if name[2] == rule}
        if mine:
            drawn |= zip(
                mine,
                zip(*redraw(list(mine.values()), parts, y, costs, seed), strict=True),
                strict=True,
            )
    known = {(row["strategy"], row["model"], row["rule"]): row for row in table.to_dict("records")}
    rows = []
    for name, row in known.items():
        baseline = pairs.get(name[:2])
        other = None if baseline is None else (*baseline, name[2])
        deltas: dict[str, float] = {}
        if name in drawn and other in drawn:
            columns = ("f1", "delta_f1"), ("expected_cost", "delta_cost")
            for (measure, column), here, there in zip(
                columns, drawn[name], drawn[other], strict=True
            ):
                deltas[column] = row[measure] - known[other][measure]
                low, high = bootstrap.interval(here - there)
                deltas |= {f"{column}_low": low, f"{column}_high": high}
        rows.append(deltas)
    added = pd.DataFrame(
        rows, index=table.index, columns=[c for c in DECISIONS if c.startswith("delta_")]
    )
    return table.drop(columns=added.columns, errors="ignore").join(added)[DECISIONS]
