"""Decisions: what each cell decides at each threshold policy, how often it is wrong and what that
costs."""

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

POLICIES = tuple(Thresholds.model_fields)

Decided = tuple[NDArray[np.bool_], float]
"""Which test rows are called positive, and the threshold (the mean, where each row has its own)."""


Called = list[NDArray[np.bool_]] | None
"""Which test rows are called positive, fold after fold; None where a policy decides nothing."""


def decide(
    policy: str, rules: Thresholds, y: Labels, fold: FoldScores, costs: CostMatrix
) -> Decided | str:
    """The decisions of a policy in one fold, or why there are none."""
    if policy == "half":
        return fold.test_scores >= rules.half, rules.half
    if policy == "cost" and rules.cost == "expected":
        if fold.reason:
            return f"no corrected probabilities: {fold.reason}"
        limits = thresholds.cheapest(costs.of(fold.test).stakes)
        return fold.log_odds >= limits, float(corrections.probability(limits).mean())
    labels = y[fold.validation]
    if policy == "cost":
        limit = thresholds.empirical(labels, fold.validation_scores, costs.of(fold.validation))
    else:
        limit = thresholds.tuned(labels, fold.validation_scores, rules.tuned)
    if np.isnan(limit):
        return "no validation slice with both classes to choose a threshold on"
    return fold.test_scores >= limit, limit


def decisions(
    dataset: str,
    cell: Cell,
    folds: list[FoldScores],
    y: Labels,
    rules: Thresholds,
    costs: CostMatrix,
) -> tuple[list[dict[str, Any]], list[list[float]], list[Called]]:
    """One row a policy: counts summed over folds and repeats, rates of these counts.

    Beside the rows stand the threshold of each fold and the rows called positive, policy after
    policy.
    """
    rows, chosen, called = [], [], list[Called]()
    for policy in POLICIES:
        each = [decide(policy, rules, y, fold, costs) for fold in folds]
        decided = [one[0] for one in each if not isinstance(one, str)]
        called.append(decided if len(decided) == len(each) else None)
        chosen.append([float("nan") if isinstance(one, str) else one[1] for one in each])
        row: dict[str, Any] = {
            "dataset": dataset,
            "strategy": cell[0],
            "model": cell[1],
            "policy": policy,
        }
        refused = [one for one in each if isinstance(one, str)]
        made = [
            (fold, one[0])
            for fold, one in zip(folds, each, strict=True)
            if not isinstance(one, str)
        ]
        if refused:
            rows.append({**row, "reason": f"{len(refused)} of {len(each)} folds have {refused[0]}"})
            continue
        counts = [thresholds.confusion(y[fold.test], predicted) for fold, predicted in made]
        total = Confusion(*(np.sum(count) for count in zip(*counts, strict=True)))
        cost = sum(costs.of(fold.test).total(y[fold.test], predicted) for fold, predicted in made)
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
    """F1 and the mean cost of a decision, of each cell and policy in each draw: shape (cells and
    policies, draws)."""

    f1: Vector
    cost: Vector


def redrawn(
    called: Sequence[list[NDArray[np.bool_]]], parts: Parts, y: Labels, costs: CostMatrix, seed: int
) -> Redrawn:
    """What decisions come to when the tested rows are redrawn, with the draws that the ranking
    metrics have.

    Counts are summed over folds and repeats first, as they are in the table.

    Parameters
    ----------
    called : sequence of lists
        Of each cell and policy the rows called positive, fold after fold in the order of the rows.
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
    """The table of decisions with the differences in F1 and cost from the baseline at the same
    threshold rule.

    Parameters
    ----------
    called : mapping
        Of each cell the rows called positive, policy after policy.
    pairs : mapping
        The baseline, for each cell that is compared.
    redraw : callable
        Gives what `redrawn` does; asked for each threshold rule by itself.
    """
    both = {
        (*cell, policy): mine
        for cell, every in called.items()
        for policy, mine in zip(POLICIES, every, strict=True)
        if mine is not None
    }
    if not both:
        return table.reindex(columns=DECISIONS)
    drawn: dict[tuple[str, str, str], tuple[Vector, Vector]] = {}
    for policy in POLICIES:
        mine = {name: one for name, one in both.items() if name[2] == policy}
        if mine:
            drawn |= zip(
                mine,
                zip(*redraw(list(mine.values()), parts, y, costs, seed), strict=True),
                strict=True,
            )
    known = {
        (row["strategy"], row["model"], row["policy"]): row for row in table.to_dict("records")
    }
    found = []
    for name, row in known.items():
        plain = pairs.get(name[:2])
        other = None if plain is None else (*plain, name[2])
        made: dict[str, float] = {}
        if name in drawn and other in drawn:
            columns = ("f1", "delta_f1"), ("expected_cost", "delta_cost")
            for (measure, column), here, there in zip(
                columns, drawn[name], drawn[other], strict=True
            ):
                made[column] = row[measure] - known[other][measure]
                low, high = bootstrap.interval(here - there)
                made |= {f"{column}_low": low, f"{column}_high": high}
        found.append(made)
    added = pd.DataFrame(
        found, index=table.index, columns=[c for c in DECISIONS if c.startswith("delta_")]
    )
    return table.drop(columns=added.columns, errors="ignore").join(added)[DECISIONS]
