"""What the page of all datasets shows of the comparison over them: ranks, diagrams and who beats whom how often."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from stages.config import NONE
from stages.verdict import headline, over_datasets
from stages.verdict.over_datasets import BEST, Pair, Ranked


def section(board: pd.DataFrame) -> dict[str, Any]:
    """The comparisons over the datasets of a leaderboard, or the sentence that says why there are none."""
    return {
        "why_not": over_datasets.why_not(over_datasets.with_best_model(board)),
        "comparisons": [shown(found) for found in over_datasets.over_datasets(board)],
    }


def shown(found: Ranked) -> dict[str, Any]:
    """One comparison as a template shows it."""
    from stages.verdict import figures, ranks_figures  # matplotlib, which few datasets need not wait for

    remedies = [str(name) for name in found.average.index]
    diagram = ranks_figures.critical_difference(found, title=title(found))
    return {
        "name": found.name,
        "first": found.name == BEST,
        "title": title(found),
        "reading": over_datasets.reading(found),
        "lines": lines(found),
        "remedies": remedies,
        "matrix": [[found.pair(one, other) if one != other else None for other in remedies] for one in remedies],
        "diagram": Markup(figures.svg(diagram)),  # noqa: S704  # drawn by us, labels escaped
    }


def lines(found: Ranked) -> list[dict[str, Any]]:
    """Each remedy with its average rank, and beside doing nothing."""
    remedies = [str(name) for name in found.average.index]
    against = {name: found.pair(name, NONE) for name in remedies if name != NONE} if NONE in remedies else {}
    return [
        {"remedy": name, "rank": float(found.average[name]), "missing": int(found.missing[name]), "none": name == NONE,
         **_against(against.get(name))}
        for name in remedies
    ]  # fmt: skip


def title(found: Ranked) -> str:
    """What a comparison is called above its table and its diagram."""
    what = "each remedy with its best model" if found.name == BEST else f"each remedy with {found.name}"
    return f"{what}, {len(found.ranks)} datasets"


def _against(pair: Pair | None) -> dict[str, Any]:
    """A remedy beside doing nothing; empty for doing nothing itself."""
    if pair is None:
        return {"wins": None, "ties": None, "losses": None, "median": None, "adjusted": "", "side": None}
    return {"wins": pair.wins, "ties": pair.ties, "losses": pair.losses, "median": pair.median,
            "adjusted": headline.probability(pair.adjusted), "side": headline.side(pair.verdict)}  # fmt: skip
