"""Data check: numbers that stand for missing values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Index
from counterpoise.data.checks.columns import Column
from counterpoise.data.checks.finding import Finding, examples, finding, quoted, times

USUAL_CODES = frozenset(-(10.0**k - 1) for k in range(1, 8)) | {-1.0}
"""Usual codes for a missing value where all values are at least 0: -1, -9, -99, -999, ..."""

MIN_ROWS = 5
"""A number has to occur at least this often, beside twice as many other values."""


def sentinels(columns: Sequence[Column]) -> Iterator[Finding]:
    """Find numbers that may stand for a missing value.

    Parameters
    ----------
    columns : sequence of Column

    Yields
    ------
    Finding
        One for each such number, ascending, with the columns that hold it.
    """
    held: dict[float, list[int]] = {}
    for k, column in enumerate(columns):
        if not column.category:
            found = suspicious(column.values, column.counts)
            for value in found or spikes(column.values, column.counts):
                held.setdefault(value, []).append(k)
    for value, places in sorted(held.items()):
        hit = np.zeros(len(columns[0].codes), bool)
        count, names = 0, []
        for column in map(columns.__getitem__, places):
            code = int(np.searchsorted(column.values, value))
            hit |= column.codes == code
            count += int(column.counts[code])
            names.append(column.name)
        yield finding(
            "sentinel",
            "warning",
            count,
            len(hit) * len(names),
            f"{value:g} stands {times(count)} in {quoted(names)}, apart from all other values: it"
            " may stand for a missing one.",
            columns=names,
            rows=examples(hit),
            value=f"{value:g}",
        )


MIN_DISTINCT = 30
"""A column with fewer distinct values has no spikes: each of its values stands in many rows."""

MIN_SPACINGS = 5
"""So many times the usual spacing at its end of the column does a spike lie apart from the rest."""

MIN_DEVIATIONS = {0: 1.0, -1: 2.0}
"""So many standard deviations of the rest does a least and a greatest value lie apart."""


def spikes(values: NDArray[np.float64], counts: Index) -> list[float]:
    """Find a frequent 0 below all other values, or a frequent greatest value, that stands apart.

    It stands in far more rows than the values beside it, and farther from them than these are from
    one another: a body mass of 0 where the next one is 18.2, or an age of 118 after 88.

    Parameters
    ----------
    values, counts : ndarray of shape (k,)
        As in `suspicious`.

    Returns
    -------
    list of float
        Ascending.
    """
    if len(values) < MIN_DISTINCT:
        return []
    found = []
    for at, inner in ((0, slice(1, 11)), (-1, slice(-11, -1))):
        beside, rows = values[inner], counts[inner]
        gap = abs(values[at] - (beside[0] if at == 0 else beside[-1]))
        spacing = np.median(np.diff(beside))
        rest = np.repeat(np.delete(values, at), np.delete(counts, at))
        apart = gap > max(MIN_SPACINGS * spacing, MIN_DEVIATIONS[at] * rest.std())
        frequent = counts[at] >= MIN_ROWS and counts[at] > 3 * np.median(rows)
        if (values[at] == 0 or at == -1) and frequent and apart:
            found.append(float(values[at]))
    return found


def suspicious(values: NDArray[np.float64], counts: Index) -> list[float]:
    """Find frequent values at an end of a column that lie apart from all others.

    Such a value is farther from the rest than the rest is wide. Several codes may stand at one end
    (-999 and -998). A column with few other values is skipped, since any value lies apart there.
    The only negative value also counts if it is -1, -9, -99 and so on. But counts may begin at -1,
    so -1 has to be far more frequent than the two values above it.

    Parameters
    ----------
    values : ndarray of shape (k,)
        The distinct values, ascending.
    counts : ndarray of shape (k,)
        How many rows have each.

    Returns
    -------
    list of float
        Ascending.
    """
    lowest, highest, codes = 0, len(values), []
    often = max(MIN_ROWS, counts.sum() / 1000)
    for _ in range(2):  # a value far off at one end hides one at the other by widening the rest
        for end in (-1, 1):
            rest, rows = values[lowest:highest], counts[lowest:highest]
            for k in range(1, 4):
                at, inner = (
                    (slice(0, k), slice(k, None)) if end < 0 else (slice(-k, None), slice(0, -k))
                )
                others = rest[inner]
                if len(others) < 2 * MIN_ROWS or (rows[at] < often).any():
                    break
                gap = others[0] - rest[k - 1] if end < 0 else rest[-k] - others[-1]
                if gap > others[-1] - others[0] or (
                    k == 1 and end < 0 and _alone_below_zero(rest, rows)
                ):
                    codes += [float(value) for value in rest[at]]
                    lowest, highest = (lowest + k, highest) if end < 0 else (lowest, highest - k)
                    break
    return sorted(codes)


def _alone_below_zero(values: NDArray[np.float64], counts: Index) -> bool:
    """Whether the least value is a usual code for a missing one and the only negative one."""
    if values[0] not in USUAL_CODES or values[1] < 0:
        return False
    return bool(
        values[0] < -1 or (len(values) > 4 * MIN_ROWS and counts[0] > MIN_ROWS * counts[1:3].max())
    )
