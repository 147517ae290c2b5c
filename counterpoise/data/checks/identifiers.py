"""Data check: columns that identify or number the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from counterpoise.data.checks.columns import Column
from counterpoise.data.checks.finding import Finding, Severity, finding, has, many, quoted

MIN_ROWS = 50
"""In a table with fewer rows than this, all values of a column may differ by chance."""

MIN_EXPECTED_PAIRS = 10
"""If chance would give this many pairs of equal values and there are none, the values number the
rows.
"""

MIN_RANK_CORRELATION = 0.999
"""From this rank correlation with the position of the row on, a column follows it."""


def identifiers(columns: Sequence[Column]) -> Iterator[Finding]:
    """Find columns that identify or number the rows.

    Parameters
    ----------
    columns : sequence of Column

    Yields
    ------
    Finding
        Of kind `id`: a warning for columns that do, and a note for integers that all differ.
    """
    kinds = {column.name: _names_rows(column) for column in columns}
    sure = [name for name, severity in kinds.items() if severity == "warning"]
    perhaps = [name for name, severity in kinds.items() if severity == "note"]
    if sure:
        yield finding(
            "id",
            "warning",
            len(sure),
            len(columns),
            f"{many(len(sure), 'column')} {has(len(sure), 'names', 'name')} or "
            f"{has(len(sure), 'numbers', 'number')} the rows: {quoted(sure)}.",
            columns=sure,
        )
    if perhaps:
        yield finding(
            "id",
            "note",
            len(perhaps),
            len(columns),
            f"{many(len(perhaps), 'column')} of whole numbers {has(len(perhaps), 'has', 'have')}"
            f" a different one in every row: {quoted(perhaps)}.",
            columns=perhaps,
        )


def _names_rows(column: Column) -> Severity | None:
    """The severity of a column that identifies or numbers rows; None for any other column."""
    rows, distinct = len(column.codes), len(column.values)
    if rows < MIN_ROWS or column.missing or distinct <= rows / 2:
        return None
    if column.category:
        return "warning"
    # codes are ranks, so that this is a rank correlation
    if abs(np.corrcoef(column.codes, np.arange(rows))[0, 1]) >= MIN_RANK_CORRELATION:
        return "warning"
    if distinct < rows or (column.values % 1 != 0).any():
        return None
    # expected pairs among n integers drawn uniformly from the range: about n**2 / (2 * range)
    pairs_by_chance = rows**2 / 2 / (column.values[-1] - column.values[0] + 1)
    return "warning" if pairs_by_chance >= MIN_EXPECTED_PAIRS else "note"
