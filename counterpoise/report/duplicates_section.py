"""What a page says of rows that are alike: how many are distinct, and how results move when like
rows are kept together.

A row and its copy, one trained on and the other tested on, flatter a model that remembers rows.
Where a split asks for it, every cell was fitted once more on folds that keep like rows together.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

import pandas as pd

from counterpoise.evaluation.columns import GROUPED
from counterpoise.evaluation.summary import missing, number, side

AS_IS = "_as_is"
KEY = ["strategy", "model"]


def distinct(facts: Mapping[str, Any]) -> str:
    """How many rows differ in their features, and which stands most often."""
    found = facts["defects"]["distinct"]
    often = found["most_frequent"]
    if found["distinct"] == found["rows"]:
        return f"All {found['rows']:,} rows are distinct."
    alone = found["distinct"]
    return (
        f"{found['distinct_with_label']:,} of {found['rows']:,} rows are distinct"
        + (f", {alone:,} by their features alone" if alone < found["distinct_with_label"] else "")
        + f"; the most frequent features stand {often['rows']:,} times, with"
        f" {often['positives']:,} "
        f"positive{'' if often['positives'] == 1 else 's'} among them."
    )


def both(board: pd.DataFrame, grouped: pd.DataFrame) -> list[dict[str, Any]]:
    """Each cell that has a result either way, as is and with like rows kept together; the highest
    as is first.

    Columns that end in `_as_is` are the leaderboard's own.
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
    "rows": "copies of a row may be trained on and tested on; grouped, they are all on one side",
    "group": "rows of one group may be trained on and tested on; grouped, they are all on one side",
}
"""What grouped folds keep together: the declared group where there is one."""


def reading(lines: list[dict[str, Any]], folds: int, by: str = "rows") -> list[str]:
    """What may be said of the two, sentence by sentence; nothing where no cell was fitted twice."""
    if not lines:
        return []
    before, after = (
        median(line[name] for line in lines)
        for name in (f"average_precision{AS_IS}", "average_precision")
    )
    lower = sum(line["average_precision"] < line[f"average_precision{AS_IS}"] for line in lines)
    said = [
        f"As is, {TOGETHER[by]}. The median average precision of {len(lines)} cells is"
        f" {number(before)} as is and {number(after)} grouped; {lower or 'none'} of them"
        f" {'is' if lower <= 1 else 'are'} lower grouped. Grouped test parts are {folds} others,"
        " with other shares of positives, so compare differences from doing nothing rather than"
        " levels."
    ]
    judged = [
        line
        for line in lines
        if not missing(line["verdict"]) and not missing(line[f"verdict{AS_IS}"])
    ]
    if judged:
        same = sum(line["verdict"] == line[f"verdict{AS_IS}"] for line in judged)
        wins = [
            sum(line[name] == "win" for line in judged) for name in (f"verdict{AS_IS}", "verdict")
        ]
        turned = sum(
            {line["verdict"], line[f"verdict{AS_IS}"]} == {"win", "loss"} for line in judged
        )
        said.append(
            f"Of {len(judged)} verdicts on remedies, {same} are the same both ways; {wins[0]} "
            f"{'is a win' if wins[0] == 1 else 'are wins'} as is and {wins[1]} grouped"
            + (
                f", and {turned} turn from one side to the other."
                if turned
                else ", and none turns to the other side."
            )
        )
    top, then = (
        max(lines, key=lambda line: line[name])
        for name in (f"average_precision{AS_IS}", "average_precision")
    )
    named = [f"{line['strategy']} with {line['model']}" for line in (top, then)]
    said.append(
        f"The highest cell is {named[0]} either way."
        if named[0] == named[1]
        else (
            f"The highest cell is {named[0]} as is ({number(top[f'average_precision{AS_IS}'])}) and"
            f" {named[1]} grouped ({number(then['average_precision'])})."
        )
    )
    return said


def summary(board: pd.DataFrame, grouped: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a template shows of them."""
    lines = both(board, grouped)
    return {
        "distinct": distinct(facts),
        "lines": lines,
        "reading": reading(lines, int(facts["grouped_folds"]), str(facts["grouped_by"])),
    }
