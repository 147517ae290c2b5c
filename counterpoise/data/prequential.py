"""Prequential folds: train on some days, wait until labels are known, test on the days after; then
the same, earlier.

References
----------
Y.-A. Le Borgne, W. Siblini, B. Lebichot, G. Bontempi, "Reproducible machine learning for credit
card fraud detection: practical handbook", Université Libre de Bruxelles, 2022, chapter 5.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from counterpoise.core import config
from counterpoise.core.types import Index, Labels

DAY = 86_400 * 10**9
"""Nanoseconds: the unit of a table's time where it holds dates."""


def days_of(time: NDArray[np.generic]) -> Index:
    """The day of each moment, counted from 1970."""
    return time.astype(np.int64) // DAY


def number(day: str) -> int:
    """A day such as 2018-08-15, counted from 1970."""
    return int(np.datetime64(day, "D").astype(int))


def name(day: int) -> str:
    """The inverse of `number`."""
    return str(np.datetime64(day, "D"))


def span(scheme: config.Prequential) -> int:
    """The days of one fold, from its first training day to its last test day."""
    return scheme.train_days + scheme.delay_days + scheme.test_days


def starts(scheme: config.Prequential) -> list[int]:
    """The first training day of each fold, the newest fold first."""
    return [number(scheme.start) - fold * scheme.test_days for fold in range(scheme.folds)]


def folds(
    day: Index, y: Labels, group: Index | None, scheme: config.Prequential
) -> Iterator[tuple[Index, Index]]:
    """Training and test rows of each fold.

    Parameters
    ----------
    day : ndarray of shape (n,)
        As `days_of` counts.
    y : ndarray of shape (n,)
    group : ndarray of shape (n,), optional
        Whose row it is. Test rows of a group that is known to be positive by then are left out:
        such a card is blocked. Known are the labels from the first training day to `delay_days` and
        one day before the test day.
    """
    for start in starts(scheme):
        delayed = start + scheme.train_days
        train = np.flatnonzero((day >= start) & (day < delayed))
        tested = []
        for later in range(scheme.test_days):
            rows = np.flatnonzero(day == delayed + scheme.delay_days + later)
            if group is not None:
                known = group[(y == 1) & (day >= start) & (day < delayed + later)]
                rows = rows[~np.isin(group[rows], known)]
            tested.append(rows)
        yield train, np.sort(np.concatenate(tested))
