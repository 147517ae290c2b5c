"""Data check: columns with one value in all rows, or in nearly all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from counterpoise.data.checks.columns import Column
from counterpoise.data.checks.finding import Finding, examples, finding, has, many, percent, quoted

NEARLY_CONSTANT_SHARE = 0.999
"""From this share of rows with the same value on, a column is nearly constant."""


def constants(columns: Sequence[Column]) -> Iterator[Finding]:
    """Find empty, constant and nearly constant columns; a missing value counts as a value.

    Parameters
    ----------
    columns : sequence of Column

    Yields
    ------
    Finding
        At most one of each kind: `empty`, `constant`, `nearly_constant`.
    """
    empty, same, nearly, odd = [], [], [], np.zeros(len(columns[0].codes), bool)
    for column in columns:
        often = np.append(column.counts, column.missing)
        if column.missing == len(odd):
            empty.append(column.name)
        elif often.max() == len(odd):
            same.append(column.name)
        elif often.max() >= NEARLY_CONSTANT_SHARE * len(odd):
            nearly.append(column.name)
            odd |= column.codes != (-1 if often[-1] == often.max() else int(often.argmax()))
    if empty:
        yield finding(
            "empty",
            "warning",
            len(empty),
            len(columns),
            f"{many(len(empty), 'column')} {has(len(empty), 'has', 'have')} no value in any row: "
            f"{quoted(empty)}.",
            columns=empty,
        )
    if same:
        yield finding(
            "constant",
            "note",
            len(same),
            len(columns),
            f"{many(len(same), 'column')} {has(len(same), 'has', 'have')} one value in all rows: "
            f"{quoted(same)}.",
            columns=same,
        )
    if nearly:
        yield finding(
            "nearly_constant",
            "note",
            len(nearly),
            len(columns),
            f"{many(len(nearly), 'column')} {has(len(nearly), 'has', 'have')} another value than"
            f" the usual one in {percent(1 - NEARLY_CONSTANT_SHARE, 1)} of the rows at most:"
            f" {quoted(nearly)}.",
            columns=nearly,
            rows=examples(odd),
        )
