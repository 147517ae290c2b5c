"""Section of a dataset's page on the findings of its data checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from counterpoise.data.checks.codes import CHECKS


class FindingRow(NamedTuple):
    """A finding as a page shows it.

    Attributes
    ----------
    severity : {"serious", "warning", "note"}
    code, title, sentence, why, todo, docs : str
        As in `Finding`.
    rows : tuple of int
        Examples of affected rows.
    more : bool
        Whether more rows are affected than `rows` lists.
    """

    severity: str
    code: str
    title: str
    sentence: str
    why: str
    todo: str
    docs: str
    rows: tuple[int, ...] = ()
    more: bool = False


def severity_counts(content: Mapping[str, Any]) -> str:
    """Describe how many findings are serious, and how many are warnings; else how many are notes.

    Parameters
    ----------
    content : mapping
        Data checks of a dataset, as the stage wrote them.

    Returns
    -------
    str
        Empty without findings.
    """
    counts = Counter(finding["severity"] for finding in content["findings"])
    labels = [(counts["serious"], "serious finding"), (counts["warning"], "warning")]
    if not any(count for count, _ in labels):
        labels = [(counts["note"], "note")]
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
            f["code"],
            f["title"],
            f["sentence"],
            f["why"],
            f["todo"],
            f["docs"],
            tuple(f["rows"]),
            0 < len(f["rows"]) < f["count"],
        )
        for f in content["findings"]
    ]
    return findings + [
        FindingRow(
            "note",
            CHECKS[kind].code,
            CHECKS[kind].title,
            f"This check did not run: {reason}.",
            "",
            "Nothing: no other finding depends on it.",
            CHECKS[kind].docs,
        )
        for kind, reason in sorted(content["unchecked"].items())
    ]
