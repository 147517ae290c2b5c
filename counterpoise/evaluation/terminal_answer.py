"""The answer of a dataset as lines of text, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from counterpoise.core.config import NONE, REFERENCES
from counterpoise.core.outcome import FAILED, NOT_APPLICABLE, OK
from counterpoise.evaluation.advice import advice, named
from counterpoise.evaluation.questions import (
    MEASURED,
    QUESTIONS,
    best_first,
    compared_by,
    measured_by,
)
from counterpoise.evaluation.summary import interval, missing, number, signed

BEST = 3
"""Combinations that are listed."""


def answer_lines(
    facts: Mapping[str, Any], board: pd.DataFrame, differences: pd.DataFrame
) -> list[str]:
    """What to use, the best combinations, and what has no result.

    Parameters
    ----------
    facts : mapping
        Facts of the dataset.
    board : DataFrame
        Its leaderboard.
    differences : DataFrame of `DIFFERENCES`

    Returns
    -------
    list of str
        The advice; one line for each of the best combinations; one for each serious finding of the
        data checks; one for what failed or is not applicable, by strategy and reason.
    """
    goal = compared_by(facts)
    measure, _ = QUESTIONS[goal]
    scored = board[(board["status"] == OK) & ~board["level"].isin(REFERENCES)]
    top = best_first(measured_by(scored, differences, measure), measure)
    lines = [advice(facts)]
    for place, row in enumerate(top.head(BEST).to_dict("records"), start=1):
        lines.append(f"{place}. {_line(row, measure, MEASURED[goal])}")
    lines += [
        f"serious: {finding['code']} {finding['title']}: {finding['sentence']}"
        for finding in facts["defects"]["findings"]
        if finding["severity"] == "serious"
    ]
    for status in (FAILED, NOT_APPLICABLE):
        missed = board[board["status"] == status]
        for (strategy, reason), rows in missed.groupby(["strategy", "reason"], sort=False):
            models = ", ".join(rows["model"])
            lines.append(f"{status.replace('_', ' ')}: {strategy} with {models}: {reason}")
    return lines


def _line(row: Mapping[Any, Any], measure: str, name: str) -> str:
    text = named((row["strategy"], row["model"]))
    text += f": {name} {number(row[measure])}"
    ends = interval(row[f"{measure}_low"], row[f"{measure}_high"])
    text += f" ({ends})" if ends else ""
    if row["level"] == NONE:
        return f"{text}, a baseline"
    if missing(row["verdict"]):
        return text
    return f"{text}, {signed(row['difference'])} against its baseline: {row['verdict']}"
