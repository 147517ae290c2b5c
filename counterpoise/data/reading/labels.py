"""The labels of the target: which are positive, and which look as if they were meant to be."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from counterpoise.core.config import Dataset
from counterpoise.core.config.values import Label
from counterpoise.core.errors import TableError, did_you_mean
from counterpoise.core.types import Labels
from counterpoise.data.reading.columns import NUMBER_CODES, canonical, counts_of, texts_of
from counterpoise.data.reading.notation import PLAIN

RARE_SHARE = 0.01
"""A negative label of fewer than this share of the rows is named, where there are others."""
SHOWN_LABELS = 10


class Target(NamedTuple):
    """The target as numbers.

    Attributes
    ----------
    y : ndarray of shape (n,), int8
        1 for a positive label.
    counts : dict of str to int
        All labels with their rows, the most frequent first.
    positive : tuple of str
        The positive labels as the table writes them.
    notices : list of str
        What a person should know before anything runs.
    """

    y: Labels
    counts: dict[str, int]
    positive: tuple[str, ...]
    notices: list[str]


def read(values: pd.Series, entry: Dataset, where: str) -> Target:
    """Read the target.

    Parameters
    ----------
    values : Series of length n
    entry : Dataset
    where : str
        The name of the table in messages.

    Returns
    -------
    Target

    Raises
    ------
    TableError
        When a label is missing, the positive label is in no row or in every row, another label
        differs from it in case, blanks or quotes alone, or a label is not listed.
    """
    place = f"{where}, column {str(entry.target)!r}"
    texts = texts_of(values)
    if texts.null_count:
        first = int(np.flatnonzero(np.asarray(texts.is_null()))[0])
        raise TableError(
            "The target is missing in some rows.",
            where=place,
            expected="a label in every row",
            found=f"{texts.null_count:,} rows without one, the first is row {first + 1:,}",
            todo="remove these rows: without a label they can neither train nor test.",
        )
    counts = dict(sorted(counts_of(texts).items(), key=lambda one: (-one[1], one[0])))
    positive = tuple(text for text in counts if any(_equal(text, one) for one in entry.positive))
    lacking = [one for one in entry.positive if not any(_equal(text, one) for text in counts)]
    if not positive or len(positive) == len(counts) or lacking:
        label = lacking[0] if lacking else entry.positive[0]
        absent = bool(lacking) or not positive
        raise TableError(
            f"The positive label {label!r} is "
            + (f"in no row{_hint(str(label), counts)}." if absent else "in every row."),
            where=place,
            expected="some rows with the positive label and some without",
            found=_shown(counts),
            todo="set `positive` to the label of the class that matters (a text with quotes).",
        )
    negative = {text: rows for text, rows in counts.items() if text not in positive}
    _refuse_unlisted(negative, entry, place)
    if not entry.negative:
        _refuse_variants(negative, positive, place)
    y = np.asarray(pc.is_in(texts, value_set=pa.array(positive, pa.string())))
    return Target(y.astype(np.int8), counts, positive, _notices(negative, len(texts), entry))


def _hint(label: str, counts: dict[str, int]) -> str:
    """The label that the user may have meant."""
    alike = [text for text in counts if _plain(text) == _plain(label)]
    return f" (did you mean {alike[0]!r}?)" if alike else did_you_mean(label, counts)


def _equal(text: str, label: Label) -> bool:
    """Whether a text of the table is a label of params.yaml, which YAML may have made a number."""
    if isinstance(label, bool):
        return text.casefold() == str(label).casefold() or canonical(text) == str(int(label))
    if isinstance(label, int | float):
        return canonical(text) == canonical(str(label))
    plain = label.strip()
    # a file with texts in single quotes is read without them, and params.yaml may have them
    return canonical(text) in (canonical(plain), canonical(plain.strip("'\"")))


def _plain(text: str) -> str:
    """A label without what a person would not tell it by: case, blanks, quotes, a final stop."""
    return text if PLAIN.fullmatch(text) else re.sub(r"[\s'\"_.\-]+", "", text).casefold()


def _refuse_unlisted(negative: dict[str, int], entry: Dataset, place: str) -> None:
    if not entry.negative:
        return
    unlisted = {
        text: rows
        for text, rows in negative.items()
        if not any(_equal(text, n) for n in entry.negative)
    }
    if unlisted:
        raise TableError(
            "The target has labels that are neither under `positive` nor under `negative`.",
            where=place,
            expected="only labels that are listed, since `negative` is given",
            found=_shown(unlisted),
            todo="list them, or correct them in the table.",
        )


def _refuse_variants(negative: dict[str, int], positive: tuple[str, ...], place: str) -> None:
    variants = {
        text: rows for text, rows in negative.items() if _plain(text) in set(map(_plain, positive))
    }
    if variants:
        listed = ", ".join(repr(text) for text in (*positive, *variants))
        raise TableError(
            "Labels that look like the positive one count as negative.",
            where=place,
            expected=f"one way to write the positive label {positive[0]!r}",
            found=_shown(variants),
            todo=(
                f"if they mean the same, set `positive: [{listed}]`; if not, list all negative"
                " labels under `negative`."
            ),
        )
    codes = {text: rows for text, rows in negative.items() if text.casefold() in NUMBER_CODES}
    if codes and len(negative) > len(codes):
        raise TableError(
            "Labels that usually stand for a missing value count as negative.",
            where=place,
            expected="a label in every row",
            found=_shown(codes),
            todo=(
                "remove these rows from the table; if they are labels all the same, list all"
                " negative labels under `negative`."
            ),
        )


def _notices(negative: dict[str, int], rows: int, entry: Dataset) -> list[str]:
    """Name what the negative class is made of, where that is more than one label."""
    if len(negative) < 2:
        return []
    notices = [f"the negative class is every other label: {_shown(negative)}"]
    rare = {text: n for text, n in negative.items() if n < RARE_SHARE * rows}
    if rare and not entry.negative and len(rare) < len(negative):
        notices.append(f"rare labels count as negative: {_shown(rare)}; are they no mistakes?")
    return notices


def _shown(counts: dict[str, int]) -> str:
    text = ", ".join(
        f"{label!r} ({rows:,} row{'s' * (rows != 1)})"
        for label, rows in list(counts.items())[:SHOWN_LABELS]
    )
    more = len(counts) - SHOWN_LABELS
    return text + (f" and {more} more labels" if more > 0 else "")
