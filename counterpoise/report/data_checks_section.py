"""Section of a dataset's page on the findings of its data checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

TITLES = {
    "duplicates": "Duplicates",
    "twins": "Train-test duplicates",
    "contradictions": "Duplicates with both labels",
    "leak": "A feature that reveals the label",
    "id": "Columns that number or name the rows",
    "empty": "Empty columns",
    "constant": "Constant columns",
    "nearly_constant": "Nearly constant columns",
    "sentinel": "A number that may mean missing",
    "time_order": "Tested on the past",
    "groups": "Groups in training and test rows",
    "validation": "Validation rows of one class",
    "many_labels": "Very many labels",
    "late_date": "Dates after the row's time",
    "flags": "Values that are always positive",
    "label_noise": "Labels in doubt",
}
"""Title of a finding, by the kind of check."""


class FindingRow(NamedTuple):
    """A finding as a page shows it.

    Attributes
    ----------
    severity : {"serious", "warning", "note"}
    title, sentence, todo : str
        Title, description, and what to do.
    rows : tuple of int
        Examples of affected rows.
    more : bool
        Whether more rows are affected than `rows` lists.
    """

    severity: str
    title: str
    sentence: str
    todo: str
    rows: tuple[int, ...] = ()
    more: bool = False
    """Whether more rows are affected than `rows` lists."""


def severity_counts(content: Mapping[str, Any]) -> str:
    """Describe how many findings are serious, and how many are warnings.

    Parameters
    ----------
    content : mapping
        Data checks of a dataset, as the stage wrote them.

    Returns
    -------
    str
        Empty if there are neither.
    """
    counts = Counter(finding["severity"] for finding in content["findings"])
    labels = [(counts["serious"], "serious finding"), (counts["warning"], "warning")]
    return ", ".join(f"{count} {label}{'s' * (count != 1)}" for count, label in labels if count)


def finding_rows(content: Mapping[str, Any]) -> list[FindingRow]:
    """Findings of a dataset's data checks, serious ones first.

    Checks that could not run are listed too, so that no finding means that nothing was found.

    Parameters
    ----------
    content : mapping
        Data checks of a dataset, as the stage wrote them.

    Returns
    -------
    list of FindingRow
        In the order of the stage, then the checks that did not run.
    """
    findings = [
        FindingRow(
            f["severity"],
            TITLES[f["kind"]],
            f["sentence"],
            f["todo"],
            tuple(f["rows"]),
            0 < len(f["rows"]) < f["count"],
        )
        for f in content["findings"]
    ]
    return findings + [
        FindingRow(
            "note",
            TITLES[kind],
            f"This check did not run: {reason}.",
            "Nothing: no other finding depends on it.",
        )
        for kind, reason in sorted(content["unchecked"].items())
    ]
