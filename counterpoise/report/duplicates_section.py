"""Section of a page on duplicates: how many rows are distinct, and results on grouped folds.

A duplicate of a training row among the test rows favours a model that memorises rows. Where a split
asks for it, every combination was also fitted on grouped folds, which keep duplicates together.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

import pandas as pd

from counterpoise.core.config import REFERENCES
from counterpoise.evaluation.columns import GROUPED
from counterpoise.evaluation.summary import missing, number, side

AS_IS = "_as_is"
"""Suffix of the columns of the leaderboard itself, beside those of the grouped folds."""

KEY = ["strategy", "model"]


def distinct(facts: Mapping[str, Any]) -> str:
    """Describe how many rows are distinct, and the most frequent one.

    Parameters
    ----------
    facts : mapping
        Facts of the dataset; `defects` holds its data checks.

    Returns
    -------
    str
        A sentence.
    """
    counts = facts["defects"]["distinct"]
    often = counts["most_frequent"]
    if counts["distinct"] == counts["rows"]:
        return f"All {counts['rows']:,} rows are distinct."
    alone = counts["distinct"]
    return (
        f"{counts['distinct_with_label']:,} of {counts['rows']:,} rows are distinct"
        + (f", {alone:,} by their features alone" if alone < counts["distinct_with_label"] else "")
        + f"; the most frequent features occur {often['rows']:,} times, with"
        f" {often['positives']:,} "
        f"positive{'' if often['positives'] == 1 else 's'} among them."
    )


def both(board: pd.DataFrame, grouped: pd.DataFrame) -> list[dict[str, Any]]:
    """Combinations with a result on both kinds of folds.

    Parameters
    ----------
    board, grouped : DataFrame
        Leaderboard, and its columns `GROUPED` on grouped folds.

    Returns
    -------
    list of dict
        Columns ending in `_as_is` come from the leaderboard itself, the others from grouped folds.
        The highest average precision as is comes first.
    """
    joined = board[[*GROUPED, "level"]].merge(
        grouped, on=KEY, suffixes=(AS_IS, ""), validate="one_to_one"
    )
    known = joined[
        joined["average_precision"].notna() & joined[f"average_precision{AS_IS}"].notna()
    ]
    ordered = known.sort_values(f"average_precision{AS_IS}", ascending=False, kind="stable")
    rows = ordered.astype(object).where(ordered.notna(), None).to_dict("records")
    return [
        {str(name): value for name, value in row.items()}
        | {"side": side(row["verdict"]), f"side{AS_IS}": side(row[f"verdict{AS_IS}"])}
        for row in rows
    ]


TOGETHER = {
    "rows": "training and test rows may be duplicates; grouped folds keep duplicates together",
    "group": "training and test rows may be of one group; grouped folds keep each group together",
}
"""What grouped folds keep together: the declared group where there is one, else duplicates."""


def reading(lines: list[dict[str, Any]], folds: int, by: str = "rows") -> list[str]:
    """Describe how results change on grouped folds.

    Parameters
    ----------
    lines : list of dict
        What `both` returns.
    folds : int
        Number of grouped folds.
    by : {"rows", "group"}
        What grouped folds keep together.

    Returns
    -------
    list of str
        Sentences; empty without lines. References do not count.
    """
    lines = [line for line in lines if line["level"] not in REFERENCES]
    if not lines:
        return []
    before, after = (
        median(line[name] for line in lines)
        for name in (f"average_precision{AS_IS}", "average_precision")
    )
    lower = sum(line["average_precision"] < line[f"average_precision{AS_IS}"] for line in lines)
    sentences = [
        f"As is, {TOGETHER[by]}. The median average precision of {len(lines)} combinations is"
        f" {number(before)} as is and {number(after)} grouped; {lower or 'none'} of them"
        f" {'is' if lower <= 1 else 'are'} lower grouped. The {folds} grouped test parts have other"
        " rows and other shares of positives: compare differences from the baseline, not levels."
    ]
    judged = [
        line
        for line in lines
        if not missing(line["verdict"]) and not missing(line[f"verdict{AS_IS}"])
    ]
    if judged:
        same = sum(line["verdict"] == line[f"verdict{AS_IS}"] for line in judged)
        better = [
            sum(line[name] == "better" for line in judged)
            for name in (f"verdict{AS_IS}", "verdict")
        ]
        turned = sum(
            {line["verdict"], line[f"verdict{AS_IS}"]} == {"better", "worse"} for line in judged
        )
        sentences.append(
            f"Of {len(judged)} verdicts on remedies, {same} are the same both ways. {better[0]}"
            f" {'is' if better[0] == 1 else 'are'} better as is and {better[1]} grouped;"
            f" {turned or 'none'} {'reverses' if turned <= 1 else 'reverse'}."
        )
    top, then = (
        max(lines, key=lambda line: line[name])
        for name in (f"average_precision{AS_IS}", "average_precision")
    )
    named = [f"{line['strategy']} with {line['model']}" for line in (top, then)]
    sentences.append(
        f"The highest combination is {named[0]} either way."
        if named[0] == named[1]
        else (
            f"The highest combination is {named[0]} as is"
            f" ({number(top[f'average_precision{AS_IS}'])}) and"
            f" {named[1]} grouped ({number(then['average_precision'])})."
        )
    )
    return sentences


def summary(board: pd.DataFrame, grouped: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Content of the section, for a template.

    Parameters
    ----------
    board, grouped : DataFrame
        See `both`.
    facts : mapping
        Facts of the dataset.

    Returns
    -------
    dict
        Keys `distinct`, `lines` and `reading`.
    """
    lines = both(board, grouped)
    return {
        "distinct": distinct(facts),
        "lines": lines,
        "reading": reading(lines, int(facts["grouped_folds"]), str(facts["grouped_by"])),
    }
