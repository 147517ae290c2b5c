"""Rows with equal features: within the table, across parts, and with both labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Index, Labels
from counterpoise.data.checks.finding import (
    WORTH_A_WARNING,
    Finding,
    Severity,
    examples,
    has,
    listed,
    many,
    numbers,
    percent,
)
from counterpoise.data.folds import Parts
from counterpoise.data.row_groups import as_bytes, numbered
from counterpoise.data.tables import COST, Table

COPIED = 0.1
"""From this share of positive test rows on that were trained on too, scores tell how well copies
are remembered."""

COARSE = 0.5
"""Where no more than this share of the rows differ, the columns are so coarse that rows coincide,
with both labels too."""


def alike(X: NDArray[np.float64]) -> Index:
    """One number for each distinct row; a missing value equals a missing value, and -0 equals 0."""
    return numbered(X, as_bytes)


def distinct_rows(y: Labels, groups: Index) -> dict[str, Any]:
    """How many feature rows differ, and which one is most frequent."""
    counts = np.bincount(groups)
    positives = np.bincount(groups, weights=y)
    # of several, the one that comes first in the table
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
    """Rows whose features repeat those of an earlier row, and how many repeat all else that is
    known of it too."""
    again = repeated_rows(groups)
    if not again.any():
        return
    count, often = int(again.sum()), distinct_rows(table.y, groups)["most_frequent"]
    beside = [np.unique(values, return_inverse=True)[1] for values in table.roles.values()]
    copies = int(
        repeated_rows(alike(np.column_stack([groups, table.y, *beside]).astype(np.float64))).sum()
    )
    names = ["label", *(role.removeprefix(COST) for role in table.roles)]
    yield Finding(
        "duplicates",
        "note",
        count,
        len(table),
        (),
        examples(again),
        f"{many(count, 'row')} of {len(table):,} {has(count, 'repeats', 'repeat')} the features"
        f" of an earlier row, {copies:,} of them the {listed(names)} too; the most frequent row"
        f" stands {often['rows']:,} times, with {many(often['positives'], 'positive')} among"
        " them.",
        "Remove copies that a join or an export has made; rows that are alike by nature stay, and "
        "`split: {scheme: grouped}` keeps them together.",
    )


def twins(table: Table, parts: Parts, groups: Index, scheme: str) -> Iterator[Finding]:
    """Test rows whose features stand among the training rows of their fold too, in the first
    repeat.

    A copy has the label of its original, while rows that coincide because the columns are coarse
    have now this label and now that one: copied are positive rows whose twins are all positive.
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
        "`grouped: true` on the split shows both"
        if both
        else "`split: {scheme: grouped}` does, without a `group`"
    )
    yield Finding(
        "twins",
        "serious" if share_copied >= COPIED else "warning" if share >= WORTH_A_WARNING else "note",
        len(rows),
        tested,
        (),
        numbers(rows),
        f"{many(len(rows), 'test row')} of {tested:,} ({percent(share, 1)})"
        f" {has(len(rows), 'has', 'have')} a twin with the same features among the training rows"
        f" of the fold; {copied:,} of {many(positives, 'positive test row')}"
        f" {has(copied, 'has', 'have')} one there and no negative twin.",
        f"Compare with twins kept together as well ({together}): a model that remembers rows gains"
        " by them here.",
    )


def contradictions(table: Table, groups: Index) -> Iterator[Finding]:
    """Positive rows that share all their features with negative rows."""
    positives = np.bincount(groups, weights=table.y)
    both = (positives > 0) & (positives < np.bincount(groups))
    hit = both[groups] & (table.y == 1)
    count, of = int(hit.sum()), int(table.y.sum())
    if not count:
        return
    negatives = int((both[groups] & (table.y == 0)).sum())
    coarse = len(both) <= COARSE * len(table)
    severity: Severity = "note" if coarse or count / of < WORTH_A_WARNING else "warning"
    yield Finding(
        "contradictions",
        severity,
        count,
        of,
        (),
        examples(hit),
        f"{many(count, 'positive row')} of {of:,} ({percent(count / of, 1)})"
        f" {has(count, 'has', 'have')} the very features of {many(negatives, 'negative row')}, so"
        " that no model can tell them apart.",
        "Look these rows up: one of the labels is wrong, or a column is missing that tells them"
        " apart.",
    )


def repeated_rows(groups: Index) -> NDArray[np.bool_]:
    """Which rows are not the first of their group."""
    again = np.ones(len(groups), bool)
    again[np.unique(groups, return_index=True)[1]] = False
    return again
