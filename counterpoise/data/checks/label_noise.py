"""Data check: labels that a model contradicts, as a finding."""

from __future__ import annotations

from collections.abc import Iterator

from counterpoise.core.types import Labels
from counterpoise.data.checks import label_suspects
from counterpoise.data.checks.finding import Finding, finding, has, many, numbers

WARNING_SUSPECT_SHARE = 0.1
"""From this many suspects per row of the rarer class on, a comparison may change."""

MAX_UNDECIDED_SHARE = 0.5
"""With more undecided rows than this per row of the rarer class, the classes overlap, and a doubted
label may be right.
"""

MIN_RARER_ROWS = 100
"""With fewer rows of the rarer class, the model has too few for a warning."""


def noise(suspects: label_suspects.Suspects, y: Labels) -> Iterator[Finding]:
    """Report labels that a fast model contradicts with confidence.

    Parameters
    ----------
    suspects : Suspects
    y : ndarray of shape (n,)
        Labels of the whole table.

    Yields
    ------
    Finding
        At most one, of kind `label_noise`.
    """
    count, of = len(suspects.rows), len(suspects.looked_at)
    if not count:
        return
    positives, rarer = (
        int(y[suspects.rows].sum()),
        int(min(y[suspects.looked_at].sum(), of - y[suspects.looked_at].sum())),
    )
    clear = rarer >= MIN_RARER_ROWS and suspects.undecided <= MAX_UNDECIDED_SHARE * rarer
    yield finding(
        "label_noise",
        "warning" if clear and count >= WARNING_SUSPECT_SHARE * rarer else "note",
        count,
        of,
        f"{many(count, 'row')} of {of:,} examined {has(count, 'has', 'have')} a label that a"
        f" fast model contradicts ({positives:,} positive, {count - positives:,} negative;"
        " confident learning, Northcutt et al. 2021)"
        + (
            "."
            if clear
            else (
                "; the classes overlap or are small, so that most of them may be hard rows, not"
                " wrong labels."
            )
        ),
        rows=numbers(suspects.rows),
    )
