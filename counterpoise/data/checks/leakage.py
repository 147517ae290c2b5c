"""Data check: single features that separate the classes nearly perfectly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Index, Labels
from counterpoise.data.checks.columns import Column
from counterpoise.data.checks.finding import (
    MAX_NAMED_COLUMNS,
    MIN_CLASS_ROWS,
    Finding,
    finding,
    has,
    listed,
    quoted,
)

LEAK_ROC_AUC = 0.995
"""From this ROC AUC of a single feature on, leakage is suspected."""

SERIOUS_AVERAGE_PRECISION = 0.98
"""From this average precision on, the finding is serious. With rare positives a legitimate feature
may reach the ROC AUC alone.
"""

MAX_CATEGORY_VALUES = 50
"""Numbers with at most this many distinct values are also examined as categories."""


def leaks(columns: Sequence[Column], y: Labels, seed: int) -> Iterator[Finding]:
    """Find features that separate the classes on their own.

    A feature is ranked by its value, by its category, and by being missing; the best way counts.

    Parameters
    ----------
    columns : sequence of Column
    y : ndarray of shape (n,)
        Labels, 1 for a positive row.
    seed : int
        Of the two halves between which categories are judged.

    Yields
    ------
    Finding
        Of kind `leak`: at most one that is serious, and one warning.
    """
    half = _halves(y, seed)
    leaking: dict[str, tuple[float, float, str]] = {}
    for column in columns:
        auc, precision, how = max(_alone(column, y, half), default=(0.0, 0.0, ""))
        if auc >= LEAK_ROC_AUC:
            leaking[column.name] = auc, precision, how
    for severity, names in (
        (
            "serious",
            [
                name
                for name, (_, precision, _) in leaking.items()
                if precision >= SERIOUS_AVERAGE_PRECISION
            ],
        ),
        (
            "warning",
            [
                name
                for name, (_, precision, _) in leaking.items()
                if precision < SERIOUS_AVERAGE_PRECISION
            ],
        ),
    ):
        if not names:
            continue
        names.sort(key=lambda name: leaking[name][:2], reverse=True)
        each = [
            f"{name!r} ({how}ROC AUC {auc:.4f}, average precision {precision:.3f})"
            for name in names[:MAX_NAMED_COLUMNS]
            for auc, precision, how in [leaking[name]]
        ]
        yield finding(
            "leak",
            "serious" if severity == "serious" else "warning",
            len(names),
            len(columns),
            f"On {has(len(names), 'its', 'their')} own"
            f" {has(len(names), 'this feature separates', 'these features separate')} the classes:"
            f" {listed(each, len(names))}.",
            columns=names,
        )


MIN_FLAG_ROWS = 10
"""Rows of a flag in each half of the table, below which its purity is chance."""

PURE_SHARE = 0.95
"""From this share of positives on, a flag is always positive but for mistakes."""

SERIOUS_FLAG_SHARE = 0.5
WARNING_FLAG_SHARE = 0.1
"""Shares of the positives that several flags have to mark together."""


def flags(columns: Sequence[Column], y: Labels, seed: int) -> Iterator[Finding]:
    """Find several features with a value that is nearly always positive.

    A leak may be spread over flags, each of which marks a part of the positives.

    Parameters
    ----------
    columns, y, seed
        As in `leaks`.

    Yields
    ------
    Finding
        At most one, where two flags or more mark a tenth of the positives.
    """
    half, marked, names = _halves(y, seed), np.zeros(len(y), bool), []
    if y.mean() > PURE_SHARE / 2:
        return
    for column in columns:
        size = len(column.values)
        if not 1 < size <= (size if column.category else MAX_CATEGORY_VALUES):
            continue
        pure = np.ones(size, bool)
        for side in (0, 1):
            here = (column.codes >= 0) & (half == side)
            rows = np.bincount(column.codes[here], minlength=size)
            positive = np.bincount(column.codes[here], weights=y[here], minlength=size)
            pure &= (rows >= MIN_FLAG_ROWS) & (positive >= PURE_SHARE * rows)
        if pure.any():
            hit = (column.codes >= 0) & pure[column.codes]
            marked |= hit
            names.append(column.name)
    share = float((marked & (y == 1)).sum() / max(1, y.sum()))
    if len(names) < 2 or share < WARNING_FLAG_SHARE:
        return
    yield finding(
        "flags",
        "serious" if share >= SERIOUS_FLAG_SHARE else "warning",
        int((marked & (y == 1)).sum()),
        int(y.sum()),
        f"{len(names)} features have a value that is nearly always positive, and together mark"
        f" {100 * share:.0f} % of the positives: {quoted(names)}.",
        columns=names,
    )


def _alone(column: Column, y: Labels, half: Index) -> Iterator[tuple[float, float, str]]:
    """The ROC AUC and average precision of each way to rank by a column, and its name."""
    there = column.codes >= 0
    positive = np.bincount(column.codes[there], weights=y[there], minlength=len(column.values))
    negative = column.counts - positive
    if not column.category and min(positive.sum(), negative.sum()) >= MIN_CLASS_ROWS:
        yield *max(ranked(positive, negative), ranked(positive[::-1], negative[::-1])), ""
    of = np.array([(y == 0).sum(), (y == 1).sum()])
    if of.min() < MIN_CLASS_ROWS:
        return
    if column.missing:
        gone = of - [negative.sum(), positive.sum()]
        a, b = np.array([of[1] - gone[1], gone[1]]), np.array([of[0] - gone[0], gone[0]])
        yield *max(ranked(a, b), ranked(a[::-1], b[::-1])), "by being missing or not: "
    if len(column.values) + bool(column.missing) > 1 and (
        column.category or len(column.values) <= MAX_CATEGORY_VALUES
    ):
        yield *_by_category(column.codes + 1, len(column.values) + 1, y, half), "as a category: "


def ranked(positive: NDArray[Any], negative: NDArray[Any]) -> tuple[float, float]:
    """Compute ROC AUC and average precision of a ranking from its counts.

    ROC AUC is the Mann-Whitney statistic: a tie of a positive with a negative counts one half.

    Parameters
    ----------
    positive, negative : ndarray of shape (k,)
        Rows of each class at each distinct score, the lowest score first. Both classes have rows.

    Returns
    -------
    tuple of two float
    """
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
    """Rank each half of the rows by the prevalence of their category in the other half.

    A category of one row thus has no effect. One more row at the overall prevalence smooths each
    share.
    """
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
    """Assign the rows at random to two halves with as many rows of each class."""
    order = np.lexsort((np.random.default_rng(seed).permutation(len(y)), y))
    half = np.empty(len(y), dtype=np.int64)
    half[order] = np.arange(len(y)) % 2
    return half
