"""The answer of a dataset in three parts: what to use, how sure, at what cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from counterpoise.core.config import REFERENCES, Worth
from counterpoise.core.types import Cell
from counterpoise.evaluation.advice import PER, advised
from counterpoise.evaluation.columns import CONFUSION
from counterpoise.evaluation.questions import (
    HIGHER_IS_BETTER,
    MEASURED,
    QUESTIONS,
    best_first,
    compared_by,
)
from counterpoise.evaluation.summary import (
    baselines,
    best,
    deciding_rule,
    missing,
    ranked,
    remedies,
)
from counterpoise.report.formatting import records


class CostLine(NamedTuple):
    """Expected cost of one way to decide, per 1,000 rows.

    Attributes
    ----------
    label : str
    cost : float
    ours : bool
        Whether it is what is advised.
    """

    label: str
    cost: float
    ours: bool = False


def answer(
    board: pd.DataFrame,
    decisions: pd.DataFrame,
    grouped: pd.DataFrame,
    facts: Mapping[str, Any],
    named: Mapping[Cell, str],
) -> dict[str, Any] | None:
    """What the first screen of a page says.

    Parameters
    ----------
    board, decisions, grouped : DataFrame
        Leaderboard and table of decisions of a dataset, and leaderboard of the grouped folds.
    facts : mapping
        Facts of the dataset.
    named : mapping of (strategy, model) to str
        Names of the combinations.

    Returns
    -------
    dict or None
        `cell`, `rule`, `decision`, counts per 1,000 rows, `verdicts`, `among`,
        `costs`, the lowest first, and `others`, the questions with another answer. None where
        nothing is advised.
    """
    cell = advised(facts)
    if cell is None:
        return None
    decided = {
        (row["strategy"], row["model"], row["rule"]): row
        for row in records(decisions[decisions["tn"].notna()])
    }
    rule = deciding_rule(decisions, *cell)
    decision = decided.get((*cell, rule))
    counts = {name: decision[name] for name in CONFUSION} if decision else {}
    rows = sum(counts.values())
    goal, asked = compared_by(facts), facts["answers"][facts["goal"]]
    verdicts = facts["answers"].get(goal, {}).get("verdicts", {})
    measure, _ = QUESTIONS[goal]
    higher = measure in HIGHER_IS_BETTER
    return {
        "cell": cell,
        "name": named[cell],
        "rule": rule,
        "decision": decision,
        "per": {name: PER * value / rows for name, value in counts.items()} if rows else {},
        "measured": MEASURED[goal],
        "best": "highest" if higher else "lowest",
        "better_side": "right" if higher else "left",
        "worth": Worth(**facts["worth"]).of(measure),
        "verdicts": verdicts,
        "compared": sum(verdicts.values()),
        "against": asked.get("against_baseline"),
        "among": asked.get("among_baselines"),
        "others": others(board, grouped, facts, named),
        "costs": costs(board, decided, facts, cell, rule, named) if decision else [],
        "rows": rows,
        "saving": saving(facts, named),
    }


ADVISED_FOR = {
    "ranking": "to rank rows",
    "roc_auc": "to rank rows by ROC AUC",
    "probabilities": "for calibrated probabilities",
    "cost": "for the lowest expected cost",
}
"""What a combination is advised for."""


def others(
    board: pd.DataFrame, grouped: pd.DataFrame, facts: Mapping[str, Any], named: Mapping[Cell, str]
) -> list[tuple[str, str]]:
    """Questions with another answer than the one that is advised.

    Parameters
    ----------
    board, grouped, facts, named
        See `answer`.

    Returns
    -------
    list of (str, str)
        What for, and the name of the combination. The highest combination of grouped folds is among
        them where it is not the highest as is.
    """
    mine = advised(facts)
    found = [
        (ADVISED_FOR[question], named[cell])
        for question in facts["answers"]
        if (cell := advised(facts, question)) is not None and cell != mine
    ]
    columns = ["strategy", "model"]
    levels = board[[*columns, "level", "status", "plain_model"]]
    top = best(board)
    apart = best(grouped.merge(levels, on=columns)) if len(grouped) else None
    if top and apart and (top.strategy, top.model) != (apart.strategy, apart.model):
        together = "duplicates" if facts["grouped_by"] == "rows" else "groups"
        found.append(
            (
                f"with {together} kept together, the highest average precision",
                named[apart.strategy, apart.model],
            )
        )
    return found


def costs(
    board: pd.DataFrame,
    decided: Mapping[tuple[str, str, str], Mapping[str, Any]],
    facts: Mapping[str, Any],
    cell: Cell,
    rule: str,
    named: Mapping[Cell, str],
) -> list[CostLine]:
    """Expected cost of the advised combination, the best baseline, the runner-up, and no model.

    Parameters
    ----------
    board, facts, named
        See `answer`.
    decided : mapping of (strategy, model, rule) to row
    cell : (strategy, model)
        The advised combination.
    rule : str
        The threshold rule, the same for all.

    Returns
    -------
    list of CostLine
        The lowest first.
    """
    known = facts["costs_without_a_model"]
    lines = [CostLine(named[cell], PER * decided[(*cell, rule)]["expected_cost"], ours=True)]
    idle = min(
        ("no row positive", "no_row_positive"),
        ("every row positive", "every_row_positive"),
        key=lambda pair: known[pair[1]],
    )
    lines.append(CostLine(f"without a model ({idle[0]})", PER * known[idle[1]]))
    plain = best(baselines(board))
    shown = {cell}
    cheapest = advised(facts, "cost")
    if plain is not None and (baseline := (plain.strategy, plain.model)) not in shown:
        if (*baseline, rule) in decided:
            cost = PER * decided[(*baseline, rule)]["expected_cost"]
            lines.append(CostLine(f"{named[baseline]} (baseline)", cost))
        shown.add(baseline)
    if cheapest is not None and cheapest not in shown and (*cheapest, rule) in decided:
        cost = PER * decided[(*cheapest, rule)]["expected_cost"]
        lines.append(CostLine(f"{named[cheapest]} (advised for the lowest cost)", cost))
        return sorted(lines, key=lambda line: line.cost)
    others = [
        (row["expected_cost"], (strategy, model))
        for (strategy, model, one), row in decided.items()
        if one == rule and (strategy, model) not in shown
    ]
    levels = {(row.strategy, row.model): (row.level, row.same_as) for row in board.itertuples()}
    others = [
        one for one in others if levels[one[1]][0] not in REFERENCES and missing(levels[one[1]][1])
    ]
    if others:
        cost, runner = min(others)
        lines.append(CostLine(f"{named[runner]} (runner-up)", PER * cost))
    return sorted(lines, key=lambda line: line.cost)


class Saving(NamedTuple):
    """What the combination of the lowest expected cost saves, per 1,000 rows.

    Attributes
    ----------
    baseline : str
        The baseline of the lowest expected cost.
    value, low, high : float
        The saving, with what choosing the lowest of many adds taken away, and its interval.
    """

    baseline: str
    value: float
    low: float
    high: float


def saving(facts: Mapping[str, Any], named: Mapping[Cell, str]) -> Saving | None:
    """How much the lowest expected cost saves against the best baseline.

    Parameters
    ----------
    facts, named
        See `answer`.

    Returns
    -------
    Saving or None
        None where a baseline costs least.
    """
    found = facts["answers"].get("cost", {}).get("against_best_baseline")
    if found is None:
        return None
    ends = (-PER * found[f"difference{end}"] for end in ("", "_high", "_low"))
    return Saving(named[found["strategy"], found["model"]], *ends)


def cells_of(table: pd.DataFrame) -> list[Cell]:
    """The combination of every row.

    Parameters
    ----------
    table : DataFrame of strategy, model, ...

    Returns
    -------
    list of (strategy, model)
    """
    return list(zip(table["strategy"], table["model"], strict=True))


def leading(board: pd.DataFrame, facts: Mapping[str, Any], most: int = 3) -> list[Cell]:
    """Combinations for charts: the best baseline first, the advised one, and the best of the rest.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.
    facts : mapping
        Facts of the dataset.
    most : int
        How many beside the baseline.

    Returns
    -------
    list of (strategy, model)
    """
    plain, mine = best(baselines(board)), advised(facts)
    ordered = cells_of(ranked(board[board["same_as"].isna()]))
    first = [(plain.strategy, plain.model)] if plain is not None else []
    rest = [cell for cell in ([mine] if mine else []) + ordered if cell not in first]
    return first + list(dict.fromkeys(rest))[:most]


def in_forest(board: pd.DataFrame, most: int, measure: str = "average_precision") -> list[Cell]:
    """Remedies with the best values of a measure, for the picture of differences.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.
    most : int
    measure : str
        A column of the leaderboard.

    Returns
    -------
    list of (strategy, model)
        Best first.
    """
    mine = remedies(board)
    return cells_of(best_first(mine[mine["difference"].notna()], measure).head(most))
