"""Data checks: rows with equal features, within the table, across parts, and with both labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Index, Labels
from counterpoise.data.checks.finding import (
    WARNING_SHARE,
    Finding,
    Severity,
    examples,
    finding,
    has,
    listed,
    many,
    numbers,
    percent,
)
from counterpoise.data.folds import Parts
from counterpoise.data.row_groups import as_bytes, row_group_ids
from counterpoise.data.tables import COST, Table

SERIOUS_COPIED_SHARE = 0.1
"""From this share of positive test rows with a copy among the training rows on, the finding is
serious: scores then measure how well a model remembers copies.
"""

MAX_DISTINCT_SHARE = 0.5
"""If at most this share of the rows is distinct, the columns are so coarse that rows coincide by
nature, also rows of different classes.
"""


def row_ids(X: NDArray[np.float64]) -> Index:
    """Number the distinct rows.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        A missing value equals a missing value, and -0 equals 0.

    Returns
    -------
    ndarray of shape (n,), int64
        The same number for rows that are equal, from 0 on.
    """
    return row_group_ids(X, as_bytes)


def distinct_rows(y: Labels, groups: Index) -> dict[str, Any]:
    """Count distinct rows and describe the most frequent one.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels, 1 for a positive row.
    groups : ndarray of shape (n,)
        The number of each row's features, as `row_ids` gives it.

    Returns
    -------
    dict
        `rows`, `distinct` (by features), `distinct_with_label`, and `most_frequent`: its number of
        `rows` and `positives`, and the `first` of these rows, counted from 1.
    """
    counts = np.bincount(groups)
    positives = np.bincount(groups, weights=y)
    # among several that are equally frequent, the first in the table
    often = np.flatnonzero(counts[groups] == counts.max())[0]
    same = groups == groups[often]
    return {
        "rows": len(y),
        "distinct": len(counts),
        "distinct_with_label": len(counts) + int(((positives > 0) & (positives < counts)).sum()),
        "most_frequent": {
            "rows": int(same.sum()),
            "positives": int(y[same].sum()),
            "first": int(often) + 1,
        },
    }


def duplicates(table: Table, groups: Index) -> Iterator[Finding]:
    """Find rows whose features repeat those of an earlier row.

    Parameters
    ----------
    table : Table
    groups : ndarray of shape (n,)
        As `row_ids` gives it.

    Yields
    ------
    Finding
        At most one. It also counts the duplicates that repeat the label and every role too.
    """
    again = repeated_rows(groups)
    if not again.any():
        return
    count, often = int(again.sum()), distinct_rows(table.y, groups)["most_frequent"]
    # roles as numbers that are equal where their values are
    beside = [np.unique(values, return_inverse=True)[1] for values in table.roles.values()]
    copies = int(
        repeated_rows(row_ids(np.column_stack([groups, table.y, *beside]).astype(np.float64))).sum()
    )
    names = ["label", *(role.removeprefix(COST) for role in table.roles)]
    yield finding(
        "duplicates",
        "note",
        count,
        len(table),
        f"{many(count, 'row')} of {len(table):,} {has(count, 'repeats', 'repeat')} the features"
        f" of an earlier row, {copies:,} of them the {listed(names)} too; the most frequent row"
        f" stands {often['rows']:,} times, with {many(often['positives'], 'positive')} among"
        " them.",
        rows=examples(again),
    )


def train_test_duplicates(
    table: Table, parts: Parts, groups: Index, scheme: str
) -> Iterator[Finding]:
    """Find train-test duplicates: test rows with the features of a training row of their fold.

    A copy has the label of its original, while rows that coincide in coarse columns have both
    labels. A positive test row therefore counts as copied only if every row with its features is
    positive.

    Parameters
    ----------
    table : Table
    parts : Parts
        The folds that are compared, of which those of the first repeat are examined.
    groups : ndarray of shape (n,)
        As `row_ids` gives it.
    scheme : str
        The name of the split scheme, for the advice.

    Yields
    ------
    Finding
        At most one, serious from `SERIOUS_COPIED_SHARE` on.
    """
    pure = np.bincount(groups, weights=table.y) == np.bincount(groups)
    hits: list[Index] = []
    tested = positives = copied = 0
    for fold in parts:
        if fold.repeat != parts.names[0][0]:
            continue
        hits.append(fold.test[np.isin(groups[fold.test], groups[fold.train])])
        tested, positives = tested + len(fold.test), positives + int(table.y[fold.test].sum())
        copied += int(pure[groups[hits[-1]]].sum())
    rows = np.sort(np.concatenate(hits))
    if not len(rows):
        return
    share, share_copied = len(rows) / tested, copied / max(positives, 1)
    both = scheme == "stratified_kfold" and "group" not in table.roles
    together = (
        "`grouped: true` under `split` shows both"
        if both
        else "`split: {scheme: grouped}` does that, without a `group`"
    )
    yield finding(
        "twins",
        "serious"
        if share_copied >= SERIOUS_COPIED_SHARE
        else "warning"
        if share >= WARNING_SHARE
        else "note",
        len(rows),
        tested,
        f"{many(len(rows), 'test row')} of {tested:,} ({percent(share, 1)})"
        f" {has(len(rows), 'has', 'have')} a duplicate among the training rows"
        f" of the fold; {copied:,} of {many(positives, 'positive test row')}"
        f" {has(copied, 'has', 'have')} one there and no negative duplicate.",
        rows=numbers(rows),
        together=together,
    )


def contradictions(table: Table, groups: Index) -> Iterator[Finding]:
    """Find positive rows that share all their features with negative rows.

    Parameters
    ----------
    table : Table
    groups : ndarray of shape (n,)
        As `row_ids` gives it.

    Yields
    ------
    Finding
        At most one.
    """
    positives = np.bincount(groups, weights=table.y)
    both = (positives > 0) & (positives < np.bincount(groups))
    hit = both[groups] & (table.y == 1)
    count, of = int(hit.sum()), int(table.y.sum())
    if not count:
        return
    negatives = int((both[groups] & (table.y == 0)).sum())
    coarse = len(both) <= MAX_DISTINCT_SHARE * len(table)
    severity: Severity = "note" if coarse or count / of < WARNING_SHARE else "warning"
    yield finding(
        "contradictions",
        severity,
        count,
        of,
        f"{many(count, 'positive row')} of {of:,} ({percent(count / of, 1)})"
        f" {has(count, 'has', 'have')} the same features as {many(negatives, 'negative row')}, so"
        " no model can separate them.",
        rows=examples(hit),
    )


def repeated_rows(groups: Index) -> NDArray[np.bool_]:
    """Mark the rows that are not the first of their group.

    Parameters
    ----------
    groups : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,), bool
    """
    again = np.ones(len(groups), bool)
    again[np.unique(groups, return_index=True)[1]] = False
    return again
