"""Notations of dates and times in text.

As for numbers, the notation is that of a whole column and is decided by its distinct texts. Where
day and month can be read in two ways, there is none, and the user has to say which.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterpoise.data.reading.notation import Ambiguous

ISO = "ISO8601"
"""The format of dates such as 2026-01-31 and 2026-01-31T23:59:00Z."""
_DAYS = (
    "%d/%m/%Y|%m/%d/%Y|%d.%m.%Y|%d-%m-%Y|%m-%d-%Y|%Y/%m/%d|%Y.%m.%d|%d/%m/%y|%m/%d/%y|%d.%m.%y|%d-%m-%y"
    "|%m-%d-%y|%d-%b-%Y|%d-%b-%y|%d/%b/%Y|%d %b %Y|%d %B %Y|%b %d, %Y|%B %d, %Y|%b %d %Y"
)
DAYS = tuple(_DAYS.split("|"))
TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
OTHERS = ("%b-%Y", "%b-%y", "%b %Y", "%B %Y", "%m/%Y", "%Y/%m", "%H:%M", "%H:%M:%S", "%I:%M %p")
FORMATS = (ISO, *(day + time for day in DAYS for time in TIMES), *OTHERS)
"""Every format that is tried, as in `datetime.strptime`."""
_LOOKS = re.compile(
    r"(?i)[0-9]{4}-[0-9]{1,2}(-[0-9]{1,2})?([ T].*)?"
    r"|[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}(\s.*)?"
    r"|[0-9]{1,4}[/][0-9]{1,4}"
    r"|.*\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b.*[0-9].*"
    r"|[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?(\s?[ap]m)?"
)
SAMPLE = 200
"""Texts that every format is tried on; those that pass are tried on all."""


def infer(texts: Sequence[str]) -> str | Ambiguous | None:
    """Find the format in which every text is a date or a time.

    Parameters
    ----------
    texts : sequence of str
        The distinct texts of a column without surrounding blanks and without codes of missing
        values; at least one.

    Returns
    -------
    str, Ambiguous or None
        A format of `FORMATS`; None where some text looks like no date.
    """
    if not all(_LOOKS.fullmatch(text) for text in texts[:SAMPLE]):
        return None
    if not all(map(_LOOKS.fullmatch, texts)):
        return None
    step = max(1, len(texts) // SAMPLE)
    values = pd.Series(list(texts), dtype=object)
    found = [one for one in FORMATS if _reads(values[::step], one)]
    found = [one for one in found if _reads(values, one)]
    if not found:
        return _nearly(values)
    first = parse(values, found[0])
    for other in found[1:]:
        differs = np.flatnonzero(first != parse(values, other))
        if len(differs):
            text = texts[int(differs[0])]
            return Ambiguous(f"{text!r} is a date in the format {found[0]} and in {other}")
    return found[0]


def parse(texts: pd.Series, date_format: str) -> NDArray[np.datetime64]:
    """Read texts as dates.

    Parameters
    ----------
    texts : Series of str, length n
    date_format : str
        `ISO`, or a format as in `datetime.strptime`.

    Returns
    -------
    ndarray of shape (n,), datetime64
        UTC where a text names an offset; NaT where it is no date in this format. A time without a
        date is one of 1900-01-01. The unit is one that holds all of them, as pandas chooses it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = pd.to_datetime(texts, format=date_format, errors="coerce", utc=True)
    moments: NDArray[np.datetime64] = read.dt.tz_convert(None).to_numpy()
    return moments


def _nearly(texts: pd.Series) -> Ambiguous | None:
    """What to say of texts that all look like dates where no format reads all of them."""
    some = texts[:: max(1, len(texts) // SAMPLE)]
    read = {one: int((~np.isnat(parse(some, one))).sum()) for one in FORMATS}
    best = max(read, key=lambda one: read[one])
    if not read[best]:
        return None
    missing = np.isnat(parse(texts, best))
    wrong, right = texts[missing].iloc[0], texts[~missing].iloc[0]
    return Ambiguous(f"{wrong!r} is no date in the format {best}, in which {right!r} is one")


def _reads(texts: pd.Series, date_format: str) -> bool:
    return not np.isnat(parse(texts, date_format)).any()
