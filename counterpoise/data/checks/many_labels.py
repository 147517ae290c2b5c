"""Data check: categories of very many labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from counterpoise.data.checks.columns import Column
from counterpoise.data.checks.finding import Finding, finding, quoted
from counterpoise.data.encoder import MAX_INDICATORS

MAX_ROWS_EACH = 30
"""Up to this average number of rows a label, a model learns little of most labels."""


def many_labels(columns: Sequence[Column]) -> Iterator[Finding]:
    """Find categories with very many labels.

    Parameters
    ----------
    columns : sequence of Column

    Yields
    ------
    Finding
        One for each such column.
    """
    for column in columns:
        labels = len(column.values)
        each = column.counts.sum() / max(labels, 1)
        if column.category and labels > MAX_INDICATORS and each <= MAX_ROWS_EACH:
            yield finding(
                "many_labels",
                "warning",
                labels,
                len(column.codes),
                f"{quoted([column.name])} has {labels:,} labels, {each:.1f} rows each.",
                columns=(column.name,),
            )
