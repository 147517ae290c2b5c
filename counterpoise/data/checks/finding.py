"""The finding of a data check, and the phrases that findings share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import Template
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Index
from counterpoise.data.checks.codes import CHECKS

Severity = Literal["note", "warning", "serious"]

SEVERITIES: tuple[Severity, ...] = ("serious", "warning", "note")

MAX_EXAMPLE_ROWS = 10
"""Rows that a finding lists as examples."""

MAX_NAMED_COLUMNS = 5
"""Columns that a sentence names; the finding lists all of them."""

WARNING_SHARE = 0.01
"""From this share of affected rows on, a finding may change a comparison."""

MIN_CLASS_ROWS = 5
"""With fewer rows of a class, no single feature is judged."""


@dataclass(frozen=True)
class Finding:
    """One kind of finding in one dataset.

    Attributes
    ----------
    code, title : str
        The check's, such as "CP301" and "A feature that reveals the label".
    kind : str
        The check's key in `codes.CHECKS`, such as "leak".
    severity : {"note", "warning", "serious"}
    count, of : int
        How many rows (columns, values) are affected, out of how many that could be.
    columns : tuple of str
        The columns concerned, if any.
    rows : tuple of int
        Examples, counted from 1 as in the table: the first row after the header is row 1.
    sentence, why, todo : str
        What was found, why it matters, and how to reduce the risk.
    docs : str
        Where the check is explained.
    """

    code: str
    title: str
    kind: str
    severity: Severity
    count: int
    of: int
    columns: tuple[str, ...]
    rows: tuple[int, ...]
    sentence: str
    why: str
    todo: str
    docs: str

    def __str__(self) -> str:
        return (
            f"{self.severity}: {self.code} {self.title}: {self.sentence}\n"
            f"    why:   {self.why}\n"
            f"    to do: {self.todo}\n"
            f"    see:   {self.docs}"
        )


def finding(
    kind: str,
    severity: Severity,
    count: int,
    of: int,
    sentence: str,
    *,
    columns: Sequence[str] = (),
    rows: tuple[int, ...] = (),
    **words: str,
) -> Finding:
    """Make a finding with the texts of its check.

    Parameters
    ----------
    kind, severity, count, of, sentence, columns, rows
        As in `Finding`.
    **words
        What the check's advice says of this finding, by the names in it.

    Returns
    -------
    Finding
    """
    check = CHECKS[kind]
    return Finding(
        check.code,
        check.title,
        kind,
        severity,
        count,
        of,
        tuple(columns),
        rows,
        sentence,
        check.why,
        Template(check.todo).substitute(words),
        check.docs,
    )


def examples(hit: NDArray[np.bool_]) -> tuple[int, ...]:
    """Take the first rows that are marked.

    Parameters
    ----------
    hit : ndarray of shape (n,), bool

    Returns
    -------
    tuple of int
        At most `MAX_EXAMPLE_ROWS` rows, counted from 1.
    """
    return numbers(np.flatnonzero(hit))


def numbers(rows: Index) -> tuple[int, ...]:
    """Take the first of some rows, as a person counts them.

    Parameters
    ----------
    rows : ndarray of shape (k,)
        Positions, from 0.

    Returns
    -------
    tuple of int
        At most `MAX_EXAMPLE_ROWS` rows, counted from 1.
    """
    return tuple(int(row) + 1 for row in rows[:MAX_EXAMPLE_ROWS])


def many(count: int, noun: str) -> str:
    """A count with its noun, such as "1 row" or "1,234 rows".

    Parameters
    ----------
    count : int
    noun : str
        In the singular; the plural ends in s.

    Returns
    -------
    str
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(share: float, digits: int) -> str:
    """A share in per cent, such as "1.5 %".

    Parameters
    ----------
    share : float
        From 0 to 1.
    digits : int
        Decimals.

    Returns
    -------
    str
    """
    return f"{100 * share:.{digits}f} %"


def times(count: int) -> str:
    """How often something occurs: "once" or "7 times".

    Parameters
    ----------
    count : int

    Returns
    -------
    str
    """
    return "once" if count == 1 else f"{count:,} times"


def has(count: int, one: str, several: str) -> str:
    """Choose the form of a word that agrees with a count.

    Parameters
    ----------
    count : int
    one, several : str
        The singular and the plural.

    Returns
    -------
    str
    """
    return one if count == 1 else several


def quoted(names: Sequence[str]) -> str:
    """List names in quotes.

    Parameters
    ----------
    names : sequence of str
        The first `MAX_NAMED_COLUMNS` are listed, the rest counted.

    Returns
    -------
    str
    """
    return listed([repr(name) for name in names[:MAX_NAMED_COLUMNS]], len(names))


def listed(texts: Sequence[str], of: int | None = None) -> str:
    """Join texts to one phrase.

    Parameters
    ----------
    texts : sequence of str
        At least one.
    of : int, optional
        How many there are in all, if more than the texts.

    Returns
    -------
    str

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    >>> listed(["a", "b"], 9)
    'a, b and 7 more'
    """
    more = (of or len(texts)) - len(texts)
    *first, last = [*texts, f"{more:,} more"] if more else texts
    return f"{', '.join(first)} and {last}" if first else last
