"""Columns that name rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from counterpoise.data.checks.columns import Column
from counterpoise.data.checks.finding import Finding, Severity, has, many, quoted

LONG_ENOUGH = 50
"""In a table of fewer rows all values of a column may well differ by chance."""

COINCIDENCES = 10
"""Where chance would make so many pairs of rows alike and there are none, somebody numbered the
rows."""

FOLLOWS = 0.999
"""From this rank correlation on, a column follows the number of the row."""


def identifiers(columns: Sequence[Column]) -> Iterator[Finding]:
    """Columns that name or number the rows, and, with less certainty, whole numbers that all
    differ."""
    kinds = {column.name: _names_rows(column) for column in columns}
    sure = [name for name, severity in kinds.items() if severity == "warning"]
    perhaps = [name for name, severity in kinds.items() if severity == "note"]
    todo = (
        "List it under `drop` if it names the row or the moment it was written; a moment may be"
        " named as `time` instead."
    )
    if sure:
        yield Finding(
            "id",
            "warning",
            len(sure),
            len(columns),
            tuple(sure),
            (),
            f"{many(len(sure), 'column')} {has(len(sure), 'names', 'name')} or "
            f"{has(len(sure), 'numbers', 'number')} the rows: {quoted(sure)}.",
            todo,
        )
    if perhaps:
        yield Finding(
            "id",
            "note",
            len(perhaps),
            len(columns),
            tuple(perhaps),
            (),
            f"{many(len(perhaps), 'column')} of whole numbers {has(len(perhaps), 'has', 'have')}"
            f" a different one in every row: {quoted(perhaps)}.",
            todo,
        )


def _names_rows(column: Column) -> Severity | None:
    rows, distinct = len(column.codes), len(column.values)
    if rows < LONG_ENOUGH or column.missing or distinct <= rows / 2:
        return None
    if column.category:
        return "warning"
    if abs(np.corrcoef(column.codes, np.arange(rows))[0, 1]) >= FOLLOWS:
        return "warning"
    if distinct < rows or (column.values % 1 != 0).any():
        return None
    pairs_by_chance = rows**2 / 2 / (column.values[-1] - column.values[0] + 1)
    return "warning" if pairs_by_chance >= COINCIDENCES else "note"
