"""What a page shows of the defects found in a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

TITLES = {
    "duplicates": "Rows that repeat others",
    "twins": "Test rows that were trained on",
    "contradictions": "One row, both labels",
    "leak": "A feature that tells the label",
    "id": "Columns that number or name the rows",
    "empty": "Empty columns",
    "constant": "Constant columns",
    "nearly_constant": "Nearly constant columns",
    "sentinel": "A number that may mean missing",
    "time_order": "Tested on the past",
    "label_noise": "Labels in doubt",
}


class Shown(NamedTuple):
    """One finding as a page shows it; `severity` is serious, warning or note."""

    severity: str
    title: str
    sentence: str
    todo: str
    rows: tuple[int, ...] = ()
    more: bool = False
    """Whether there are rows that are not named."""


def counted(content: Mapping[str, Any]) -> str:
    """How many findings of each severity there are, in words; empty where nothing is worse than a
    note."""
    found = Counter(finding["severity"] for finding in content["findings"])
    told = [(found["serious"], "serious defect"), (found["warning"], "warning")]
    return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in told if count)


def shown(content: Mapping[str, Any]) -> list[Shown]:
    """The findings of a dataset's defects, as the stage wrote them: the serious ones first.

    What could not be looked at is said too, so that silence means that nothing was found.
    """
    found = [
        Shown(
            f["severity"],
            TITLES[f["kind"]],
            f["sentence"],
            f["todo"],
            tuple(f["rows"]),
            0 < len(f["rows"]) < f["count"],
        )
        for f in content["findings"]
    ]
    return found + [
        Shown(
            "note",
            TITLES[kind],
            f"This was not looked for: {reason}.",
            "Nothing: no other finding depends on it.",
        )
        for kind, reason in sorted(content["unchecked"].items())
    ]
