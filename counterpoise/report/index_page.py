"""The page of all datasets: one line each, ranks over datasets, and the leaderboard of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from counterpoise.core.config import NONE, REFERENCES
from counterpoise.core.outcome import FAILED
from counterpoise.evaluation import summary
from counterpoise.evaluation.advice import advice
from counterpoise.evaluation.summary import Best
from counterpoise.report import answer, charts, data_checks_section, names, ranks_section, vega
from counterpoise.report.dataset_page import board_lines
from counterpoise.report.templating import render as rendered

IN_PICTURE = 4
"""Remedies in the picture of a dataset."""


def line(
    name: str, board: pd.DataFrame, decisions: pd.DataFrame, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Summary of one dataset.

    Parameters
    ----------
    name : str
        Its key.
    board, decisions : DataFrame
        Its leaderboard and table of decisions.
    facts : mapping
        Its facts.

    Returns
    -------
    dict
        Variables of the template.
    """
    named = names.names(board)
    best = answer.in_forest(board, IN_PICTURE)
    picture = None
    if best:
        chart = charts.forest(
            board, {cell: named[cell] for cell in best}, float(facts["worth"]["average_precision"])
        )
        picture = vega.spec(chart.properties(width=360))
    return {
        "dataset": name,
        "facts": facts,
        "answer": answer.answer(board, decisions, board.iloc[:0], facts, named),
        "advice": advice(facts),
        "statuses": summary.statuses(board),
        "failed": int((board["status"] == FAILED).sum()),
        "severity_counts": data_checks_section.severity_counts(facts["defects"]),
        "chart": picture,
    }


def best_of(boards: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Best combination of each strategy on each dataset.

    Strategy none has two lines: the baseline, and remedies at the level of the algorithm.

    Parameters
    ----------
    boards : mapping of str to DataFrame
        Leaderboard of each dataset.

    Returns
    -------
    list of dict of strategy, baseline, cells
        One line per strategy; `baseline` marks the baseline.
    """
    boards = {name: board[~board["level"].isin(REFERENCES)] for name, board in boards.items()}
    strategies = dict.fromkeys(name for board in boards.values() for name in board["strategy"])
    lines: list[dict[str, Any]] = []
    for strategy in strategies:
        for baseline in (True, False) if strategy == NONE else (None,):
            cells: list[tuple[str, Best | None]] = []
            for name, board in boards.items():
                mine = board[board["strategy"] == strategy]
                if baseline is not None:
                    mine = mine[(mine["level"] == NONE) == baseline]
                cells.append((name, summary.best(mine)))
            shown = "algorithm alone" if baseline is False else strategy
            lines.append({"strategy": shown, "baseline": bool(baseline), "cells": cells})
    return lines


def render(
    boards: Mapping[str, pd.DataFrame],
    decisions: Mapping[str, pd.DataFrame],
    facts: Mapping[str, Mapping[str, Any]],
    measured: Mapping[str, Mapping[str, float]],
) -> str:
    """Render the page of all datasets.

    Parameters
    ----------
    boards, decisions : mapping of str to DataFrame
        Leaderboard and table of decisions of each dataset.
    facts : mapping of str to mapping
        Facts of each dataset.
    measured : mapping of "dataset/strategy/model" to mapping
        Seconds and memory.

    Returns
    -------
    str
        HTML.
    """
    lines = []
    for name, board in boards.items():
        rule = "cost" if (decisions[name]["rule"] == "cost").any() else "half"
        lines += board_lines(board, decisions[name], rule)
    whole = pd.concat(list(boards.values()), ignore_index=True)
    return rendered(
        "index.html.j2",
        title="Counterpoise",
        datasets=[
            line(name, board, decisions[name], facts[name]) for name, board in boards.items()
        ],
        best_of=best_of(boards),
        ranks=ranks_section.section(whole),
        level=next(iter(facts.values()))["level"],
        lines=lines,
        measured=measured,
    )
