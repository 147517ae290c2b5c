"""Data checks of the parts of a split: groups on both sides, validation rows without positives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from counterpoise.data.checks.finding import (
    WARNING_SHARE,
    Finding,
    examples,
    finding,
    many,
    percent,
)
from counterpoise.data.folds import Parts
from counterpoise.data.tables import Table

SERIOUS_SHARE = 0.1
"""From this share of positive test rows with a group in training on, the finding is serious."""


def train_test_groups(table: Table, parts: Parts) -> Iterator[Finding]:
    """Find positive test rows whose group has rows among the training rows.

    Parameters
    ----------
    table : Table
    parts : Parts
        The folds that are compared.

    Yields
    ------
    Finding
        At most one, where the table has the role `group`.
    """
    if "group" not in table.roles:
        return
    groups, hit, positives, shared = table.roles["group"], np.zeros(len(table), bool), 0, 0
    for fold in parts:
        known = np.isin(groups[fold.test], groups[fold.train])
        is_positive = table.y[fold.test] == 1
        hit[fold.test[known]] = True
        positives += int(is_positive.sum())
        shared += int((known & is_positive).sum())
    if not shared:
        return
    share = shared / positives
    yield finding(
        "groups",
        "serious" if share >= SERIOUS_SHARE else "warning" if share >= WARNING_SHARE else "note",
        shared,
        positives,
        f"{percent(share, 1)} of the positive test rows have rows of their group among the training"
        " rows.",
        rows=examples(hit),
    )


def validation_parts(table: Table, parts: Parts) -> Iterator[Finding]:
    """Find folds whose validation rows lack a class, so that no threshold can be chosen on them.

    Parameters
    ----------
    table : Table
    parts : Parts

    Yields
    ------
    Finding
        At most one.
    """
    folds = [fold for fold in parts if len(fold.validation)]
    lacking = sum(not 0 < table.y[fold.validation].sum() < len(fold.validation) for fold in folds)
    if not lacking:
        return
    yield finding(
        "validation",
        "warning",
        lacking,
        len(folds),
        f"The validation rows of {many(lacking, 'fold')} of {len(folds)} have one class alone.",
    )
