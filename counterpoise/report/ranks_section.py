"""What the page of all datasets shows of the comparison over them: ranks, diagrams and who beats
whom how often."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from counterpoise.core.config import NONE
from counterpoise.evaluation import ranks, summary
from counterpoise.evaluation.ranks import BEST, Pair, Ranked


def section(board: pd.DataFrame) -> dict[str, Any]:
    """The comparisons over the datasets of a leaderboard, or the sentence that says why there are
    none."""
    return {
        "why_not": ranks.why_not(ranks.with_best_model(board)),
        "comparisons": [shown(found) for found in ranks.over_datasets(board)],
    }


def shown(found: Ranked) -> dict[str, Any]:
    """One comparison as a template shows it."""
    from counterpoise.report import charts, ranks_chart

    remedies = [str(name) for name in found.average.index]
    diagram = ranks_chart.critical_difference(found, title=title(found))
    return {
        "name": found.name,
        "first": found.name == BEST,
        "title": title(found),
        "reading": ranks.reading(found),
        "lines": lines(found),
        "remedies": remedies,
        "matrix": [
            [found.pair(one, other) if one != other else None for other in remedies]
            for one in remedies
        ],
        "diagram": Markup(charts.svg(diagram)),  # noqa: S704  # drawn by us, labels escaped
    }


def lines(found: Ranked) -> list[dict[str, Any]]:
    """Each remedy with its average rank, and beside doing nothing."""
    remedies = [str(name) for name in found.average.index]
    against = (
        {name: found.pair(name, NONE) for name in remedies if name != NONE}
        if NONE in remedies
        else {}
    )
    return [
        {
            "remedy": name,
            "rank": float(found.average[name]),
            "missing": int(found.missing[name]),
            "none": name == NONE,
            **_against(against.get(name)),
        }
        for name in remedies
    ]


def title(found: Ranked) -> str:
    """What a comparison is called above its table and its diagram."""
    what = (
        "each remedy with its best model"
        if found.name == BEST
        else f"each remedy with {found.name}"
    )
    return f"{what}, {len(found.ranks)} datasets"


def _against(pair: Pair | None) -> dict[str, Any]:
    """A remedy beside doing nothing; empty for doing nothing itself."""
    if pair is None:
        return {
            "wins": None,
            "ties": None,
            "losses": None,
            "median": None,
            "adjusted": "",
            "side": None,
        }
    return {
        "wins": pair.wins,
        "ties": pair.ties,
        "losses": pair.losses,
        "median": pair.median,
        "adjusted": summary.probability(pair.adjusted),
        "side": summary.side(pair.verdict),
    }
