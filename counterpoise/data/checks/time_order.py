"""Data check: a split that ignores time while the prevalence changes with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from counterpoise.data.checks.finding import Finding, finding, many, percent
from counterpoise.data.folds import Parts
from counterpoise.data.tables import Table

TIME_PARTS = 10
"""Time is divided into this many parts of equal size to see whether the prevalence changes."""

SIGNIFICANCE_LEVEL = 0.001
"""The significance level of the test for a change of the prevalence."""


def time_order(table: Table, parts: Parts, scheme: str) -> Iterator[Finding]:
    """Find test rows that are older than a training row, and test whether the prevalence changes.

    The test is a chi-squared test of the labels in `TIME_PARTS` parts of time.

    Parameters
    ----------
    table : Table
    parts : Parts
        The folds that are compared.
    scheme : str
        The name of the split scheme; those that respect time are skipped.

    Yields
    ------
    Finding
        At most one, a warning where the prevalence changes.
    """
    if "time" not in table.roles or scheme in {"temporal", "prequential"}:
        return
    from scipy.stats import chi2_contingency

    moment = np.unique(table.roles["time"], return_inverse=True)[1].reshape(-1)
    early = tested = 0
    for fold in parts:
        early += int((moment[fold.test] < moment[fold.train].max()).sum())
        tested += len(fold.test)
    if not early:
        return
    # rows of one moment stay in one block
    block = np.searchsorted(np.sort(moment), moment, side="left") * TIME_PARTS // len(moment)
    blocks, rows = np.unique(block, return_counts=True)
    positives = np.bincount(block, weights=table.y, minlength=TIME_PARTS)[blocks]
    moves = (
        len(blocks) > 1
        and chi2_contingency([positives, rows - positives]).pvalue < SIGNIFICANCE_LEVEL
    )
    share = positives / rows
    yield finding(
        "time_order",
        "warning" if moves else "note",
        early,
        tested,
        f"{early:,} of {tested:,} tests ({percent(early / tested, 0)}) are of rows older than some"
        f" training row, since the scheme is {scheme}; over time, in {many(len(blocks), 'part')}"
        f" of about equal size, the share of positives lies between {percent(share.min(), 2)} and"
        f" {percent(share.max(), 2)}, which is {'more than' if moves else 'what'} chance would"
        f" make of {percent(table.y.mean(), 2)}.",
    )
