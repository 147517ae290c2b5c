"""What a data check found, and the words that findings share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Index

Severity = Literal["note", "warning", "serious"]

SEVERITIES: tuple[Severity, ...] = ("serious", "warning", "note")

SHOWN = 10
"""So many rows are given as examples."""

NAMED = 5
"""So many columns are named in a sentence; all of them stand in the finding."""

WORTH_A_WARNING = 0.01
"""From this share of rows on, what is wrong with them may change a comparison."""

FEWEST = 5
"""With fewer rows of a class than this, no single feature is judged."""


@dataclass(frozen=True)
class Finding:
    """One kind of defect in one dataset.

    Attributes
    ----------
    count, of : int
        How many rows (columns, values) are concerned, of how many that could be.
    columns : tuple of str
    rows : tuple of int
        Examples, counted from 1 as in the table: the first row after the header is row 1.
    """

    kind: str
    severity: Severity
    count: int
    of: int
    columns: tuple[str, ...]
    rows: tuple[int, ...]
    sentence: str
    todo: str


def examples(hit: NDArray[np.bool_]) -> tuple[int, ...]:
    return numbers(np.flatnonzero(hit))


def numbers(rows: Index) -> tuple[int, ...]:
    """The first rows, as a person counts them."""
    return tuple(int(row) + 1 for row in rows[:SHOWN])


def many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(share: float, digits: int) -> str:
    return f"{100 * share:.{digits}f} %"


def times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def has(count: int, one: str, several: str) -> str:
    return one if count == 1 else several


def quoted(names: Sequence[str]) -> str:
    return listed([repr(name) for name in names[:NAMED]], len(names))


def listed(texts: Sequence[str], of: int | None = None) -> str:
    """`a, b and c`, or `a, b and 7 more`."""
    more = (of or len(texts)) - len(texts)
    *first, last = [*texts, f"{more:,} more"] if more else texts
    return f"{', '.join(first)} and {last}" if first else last
