"""Data check: dates that are later than the row's own time, and so known only afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from counterpoise.data.checks.finding import Finding, examples, finding, percent, quoted
from counterpoise.data.tables import DATE, Table

MISSING = np.iinfo(np.int64).min
"""A missing moment as a number."""


def late_dates(table: Table) -> Iterator[Finding]:
    """Find dates among the features that mostly lie after the time of their row.

    Parameters
    ----------
    table : Table

    Yields
    ------
    Finding
        One for each such column, where the table has the role `time` in dates.
    """
    time = table.roles.get("time")
    if time is None or time.dtype.kind != "i":
        return
    for role, values in table.roles.items():
        if not role.startswith(DATE):
            continue
        moments = values.astype(np.int64)
        known = moments != MISSING
        late = known & (moments > time.astype(np.int64))
        if late.sum() > 0.5 * known.sum():
            name = role.removeprefix(DATE)
            yield finding(
                "late_date",
                "serious",
                int(late.sum()),
                int(known.sum()),
                f"{percent(late.sum() / known.sum(), 0)} of the dates in {quoted([name])} are later"
                " than the time of their row.",
                columns=(name,),
                rows=examples(late),
            )
