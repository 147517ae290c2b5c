"""Single features that tell the label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Index, Labels
from counterpoise.data.checks.columns import Column
from counterpoise.data.checks.finding import FEWEST, NAMED, Finding, has, listed

LEAK = 0.995
"""A single feature with this ROC AUC or more does what no honest feature is expected to do."""

LEAK_PRECISION = 0.98
"""With this average precision too it tells the label; an honest feature of rare positives may well
reach the AUC alone."""

FEW_VALUES = 50
"""A number with at most so many values is looked at as a category too."""


def leaks(columns: Sequence[Column], y: Labels, seed: int) -> Iterator[Finding]:
    """Features that tell the label on their own: by their value, by their category, or by being
    missing."""
    half = _halves(y, seed)
    told: dict[str, tuple[float, float, str]] = {}
    for column in columns:
        auc, precision, how = max(_alone(column, y, half), default=(0.0, 0.0, ""))
        if auc >= LEAK:
            told[column.name] = auc, precision, how
    for severity, names in (
        (
            "serious",
            [name for name, (_, precision, _) in told.items() if precision >= LEAK_PRECISION],
        ),
        (
            "warning",
            [name for name, (_, precision, _) in told.items() if precision < LEAK_PRECISION],
        ),
    ):
        if not names:
            continue
        names.sort(key=lambda name: told[name][:2], reverse=True)
        each = [
            f"{name!r} ({how}ROC AUC {auc:.4f}, average precision {precision:.3f})"
            for name in names[:NAMED]
            for auc, precision, how in [told[name]]
        ]
        yield Finding(
            "leak",
            "serious" if severity == "serious" else "warning",
            len(names),
            len(columns),
            tuple(names),
            (),
            f"On {has(len(names), 'its', 'their')} own"
            f" {has(len(names), 'this feature tells', 'these features tell')} the classes apart:"
            f" {listed(each, len(names))}.",
            "Ask whether the value is known at the moment of the prediction; if it is made from the"
            " label, or written down after the event, list it under `drop`.",
        )


def _alone(column: Column, y: Labels, half: Index) -> Iterator[tuple[float, float, str]]:
    """What each way of reading a column reaches: ROC AUC, average precision, the way in words."""
    there = column.codes >= 0
    positive = np.bincount(column.codes[there], weights=y[there], minlength=len(column.values))
    negative = column.counts - positive
    if not column.category and min(positive.sum(), negative.sum()) >= FEWEST:
        yield *max(ranked(positive, negative), ranked(positive[::-1], negative[::-1])), ""
    of = np.array([(y == 0).sum(), (y == 1).sum()])
    if of.min() < FEWEST:
        return
    if column.missing:
        gone = of - [negative.sum(), positive.sum()]
        a, b = np.array([of[1] - gone[1], gone[1]]), np.array([of[0] - gone[0], gone[0]])
        yield *max(ranked(a, b), ranked(a[::-1], b[::-1])), "by being missing or not: "
    if len(column.values) + bool(column.missing) > 1 and (
        column.category or len(column.values) <= FEW_VALUES
    ):
        yield *_by_category(column.codes + 1, len(column.values) + 1, y, half), "as a category: "


def ranked(positive: NDArray[Any], negative: NDArray[Any]) -> tuple[float, float]:
    """ROC AUC and average precision of a ranking, from the rows of each class at each of its steps,
    the lowest first."""
    p, n = float(positive.sum()), float(negative.sum())
    below = np.cumsum(negative) - negative
    above_p, above_n = np.cumsum(positive[::-1]), np.cumsum(negative[::-1])
    precision = np.divide(
        above_p, above_p + above_n, out=np.zeros(len(above_p)), where=above_p + above_n > 0
    )
    return float((positive * (below + negative / 2)).sum() / (p * n)), float(
        (positive[::-1] * precision).sum() / p
    )


def _by_category(codes: Index, size: int, y: Labels, half: Index) -> tuple[float, float]:
    """Each half of the rows ranked by the share of positives that its category has in the other
    half."""
    reached = []
    for side in (0, 1):
        mine, other = half == side, half != side
        rows = np.bincount(codes[other], minlength=size)
        rate = (np.bincount(codes[other], weights=y[other], minlength=size) + y.mean()) / (rows + 1)
        steps, step = np.unique(rate[codes[mine]], return_inverse=True)
        positive = np.bincount(step.reshape(-1), weights=y[mine], minlength=len(steps))
        reached.append(
            ranked(positive, np.bincount(step.reshape(-1), minlength=len(steps)) - positive)
        )
    return float(np.mean([auc for auc, _ in reached])), float(
        np.mean([precision for _, precision in reached])
    )


def _halves(y: Labels, seed: int) -> Index:
    """Two random halves with as many rows of each class."""
    order = np.lexsort((np.random.default_rng(seed).permutation(len(y)), y))
    half = np.empty(len(y), dtype=np.int64)
    half[order] = np.arange(len(y)) % 2
    return half
