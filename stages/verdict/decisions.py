"""Decisions: what each cell decides at each threshold policy, how often it is wrong and what that costs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.config import Thresholds
from stages.remedies import corrections, thresholds
from stages.remedies.costs import CostMatrix
from stages.remedies.thresholds import Confusion
from stages.verdict.scored import Cell, FoldScores

POLICIES = tuple(Thresholds.model_fields)

Decided = tuple[NDArray[np.bool_], float]
"""Which test rows are called positive, and the threshold (the mean, where each row has its own)."""


def decide(policy: str, rules: Thresholds, y: NDArray[np.int8], fold: FoldScores, costs: CostMatrix) -> Decided | str:
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
    dataset: str, cell: Cell, folds: list[FoldScores], y: NDArray[np.int8], rules: Thresholds, costs: CostMatrix
) -> tuple[list[dict[str, Any]], list[list[float]]]:
    """One row a policy: counts summed over folds and repeats, rates of these counts; and the threshold of each fold."""
    rows, chosen = [], []
    for policy in POLICIES:
        each = [decide(policy, rules, y, fold, costs) for fold in folds]
        chosen.append([float("nan") if isinstance(one, str) else one[1] for one in each])
        row: dict[str, Any] = {"dataset": dataset, "strategy": cell[0], "model": cell[1], "policy": policy}
        refused = [one for one in each if isinstance(one, str)]
        made = [(fold, one[0]) for fold, one in zip(folds, each, strict=True) if not isinstance(one, str)]
        if refused:
            rows.append({**row, "reason": f"{len(refused)} of {len(each)} folds have {refused[0]}"})
            continue
        counts = [thresholds.confusion(y[fold.test], predicted) for fold, predicted in made]
        total = Confusion(*(np.sum(count) for count in zip(*counts, strict=True)))
        cost = sum(costs.of(fold.test).total(y[fold.test], predicted) for fold, predicted in made)
        values = {name: float(value) for name, value in thresholds.rates(total).items()}
        undefined = [name for name, value in values.items() if np.isnan(value)]
        side = "positive" if total.tp + total.fp == 0 else "negative"
        reason = f"not defined: {', '.join(undefined)} (no row was predicted {side})" if undefined else ""
        rows.append(
            {**row, "threshold": float(np.mean(chosen[-1])), **{name: int(n) for name, n in total._asdict().items()},
             **values, "expected_cost": cost / sum(total), "reason": reason}
        )  # fmt: skip
    return rows, chosen
