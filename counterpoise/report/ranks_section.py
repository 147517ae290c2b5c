"""Section of the page of all datasets on ranks: average ranks, diagrams and pairwise results."""

from __future__ import annotations

from typing import Any

import pandas as pd

from counterpoise.core.config import NONE
from counterpoise.evaluation import ranks, summary
from counterpoise.evaluation.ranks import BEST, Pair, Ranked
from counterpoise.report import charts, vega


def section(board: pd.DataFrame) -> dict[str, Any]:
    """Content of the section, for a template.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of all datasets.

    Returns
    -------
    dict of why_not, comparisons
        `why_not` is the reason why nothing is compared, None where something is.
    """
    return {
        "why_not": ranks.why_not(ranks.with_best_model(board)),
        "comparisons": [comparison_variables(one) for one in ranks.over_datasets(board)],
    }


def comparison_variables(comparison: Ranked) -> dict[str, Any]:
    """One comparison, for a template.

    Parameters
    ----------
    comparison : Ranked
        The comparison.

    Returns
    -------
    dict
        Variables of the template, the diagram among them.
    """
    remedies = [str(name) for name in comparison.average.index]
    return {
        "name": comparison.name,
        "first": comparison.name == BEST,
        "title": title(comparison),
        "reading": ranks.reading(comparison),
        "lines": lines(comparison),
        "remedies": remedies,
        "matrix": [
            [comparison.pair(one, other) if one != other else None for other in remedies]
            for one in remedies
        ],
        "chart": vega.spec(charts.average_ranks(comparison)),
    }


def lines(comparison: Ranked) -> list[dict[str, Any]]:
    """Each remedy with its average rank and its comparison with the baseline.

    Parameters
    ----------
    comparison : Ranked
        The comparison.

    Returns
    -------
    list of dict
        Best rank first.
    """
    remedies = [str(name) for name in comparison.average.index]
    against = (
        {name: comparison.pair(name, NONE) for name in remedies if name != NONE}
        if NONE in remedies
        else {}
    )
    return [
        {
            "remedy": name,
            "rank": float(comparison.average[name]),
            "missing": int(comparison.missing[name]),
            "none": name == NONE,
            **_against(against.get(name)),
        }
        for name in remedies
    ]


def title(comparison: Ranked) -> str:
    """Title of a comparison, above its table and its diagram.

    Parameters
    ----------
    comparison : Ranked
        The comparison.

    Returns
    -------
    str
    """
    what = (
        "each remedy with its best model"
        if comparison.name == BEST
        else f"each remedy with {comparison.name}"
    )
    return f"{what}, {len(comparison.ranks)} datasets"


def _against(pair: Pair | None) -> dict[str, Any]:
    """Comparison of a remedy with the baseline; empty for the baseline itself."""
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
