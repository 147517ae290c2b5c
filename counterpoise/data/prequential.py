"""Prequential folds: train on some days, wait until labels are known, test on the days after.

Each further fold does the same some days earlier.

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
"""Nanoseconds of a day; a table's time has this unit where it holds dates."""


def days_of(time: NDArray[np.generic]) -> Index:
    """The day of each moment.

    Parameters
    ----------
    time : ndarray of shape (n,)
        Nanoseconds since 1970.

    Returns
    -------
    ndarray of shape (n,), int64
        Days since 1970-01-01.
    """
    return time.astype(np.int64) // DAY


def number(day: str) -> int:
    """The number of a day.

    Parameters
    ----------
    day : str
        Such as "2018-08-15".

    Returns
    -------
    int
        Days since 1970-01-01.
    """
    return int(np.datetime64(day, "D").astype(int))


def name(day: int) -> str:
    """The inverse of `number`.

    Parameters
    ----------
    day : int

    Returns
    -------
    str
    """
    return str(np.datetime64(day, "D"))


def span(scheme: config.Prequential) -> int:
    """The days of one fold, from its first training day to its last test day.

    Parameters
    ----------
    scheme : Prequential

    Returns
    -------
    int
    """
    return scheme.train_days + scheme.delay_days + scheme.test_days


def starts(scheme: config.Prequential) -> list[int]:
    """The first training day of each fold.

    Parameters
    ----------
    scheme : Prequential

    Returns
    -------
    list of int
        Days since 1970-01-01, the newest fold first.
    """
    return [number(scheme.start) - fold * scheme.test_days for fold in range(scheme.folds)]


def folds(
    day: Index, y: Labels, group: Index | None, scheme: config.Prequential
) -> Iterator[tuple[Index, Index]]:
    """Select the training and test rows of each fold.

    Parameters
    ----------
    day : ndarray of shape (n,)
        As `days_of` counts.
    y : ndarray of shape (n,)
        Labels, 1 for a positive row.
    group : ndarray of shape (n,), optional
        The owner of each row, such as a card. Test rows of a group that is known to be positive by
        then are left out, since such a card is blocked. On a test day, labels are known from the
        first training day to `delay_days` and one day before.
    scheme : Prequential

    Yields
    ------
    train, test : ndarray of int64
        Positions of rows, ascending; the newest fold first.
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
