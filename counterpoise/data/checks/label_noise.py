"""Data check: labels that a model contradicts, as a finding."""

from __future__ import annotations

from collections.abc import Iterator

from counterpoise.core.types import Labels
from counterpoise.data.checks import label_suspects
from counterpoise.data.checks.finding import Finding, has, many, numbers

DOUBTED = 0.1
"""From this many suspects per row of the rarer class on, a comparison may change."""

UNCLEAR = 0.5
"""With more undecided rows than this per row of the rarer class, the classes overlap, and a doubted
label may be right.
"""

ENOUGH = 100
"""With fewer rows of the rarer class than this, the model has seen too little for a warning."""


def noise(found: label_suspects.Suspects, y: Labels) -> Iterator[Finding]:
    """Report labels that a fast model contradicts with confidence.

    Parameters
    ----------
    found : Suspects
    y : ndarray of shape (n,)
        Labels of the whole table.

    Yields
    ------
    Finding
        At most one, of kind `label_noise`.
    """
    count, of = len(found.rows), len(found.looked_at)
    if not count:
        return
    positives, rarer = (
        int(y[found.rows].sum()),
        int(min(y[found.looked_at].sum(), of - y[found.looked_at].sum())),
    )
    clear = rarer >= ENOUGH and found.undecided <= UNCLEAR * rarer
    yield Finding(
        "label_noise",
        "warning" if clear and count >= DOUBTED * rarer else "note",
        count,
        of,
        (),
        numbers(found.rows),
        f"{many(count, 'row')} of {of:,} looked at {has(count, 'has', 'have')} a label that a"
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
        "Look at the rows named here, the most suspicious first, and correct the labels that are"
        " wrong.",
    )
