"""What the results of a dataset show, in sentences, as far as their intervals support them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from counterpoise.core.config import NONE
from counterpoise.evaluation import significance, summary
from counterpoise.evaluation.advice import advice, counted, named, others, placebo, settled_by
from counterpoise.evaluation.summary import Best, interval, missing, number, signed


def reading(
    board: pd.DataFrame, decisions: pd.DataFrame, differences: pd.DataFrame, facts: dict[str, Any]
) -> list[str]:
    """Describe the comparison on a dataset.

    Parameters
    ----------
    board, decisions, differences : DataFrame
        Leaderboard, table of decisions, and differences in every measure.
    facts : dict
        Facts of the dataset.

    Returns
    -------
    list of str
        Sentences; the first one recommends what to use, where anything was compared.
    """
    counts, top, remedy = (
        summary.statuses(board),
        summary.best(board),
        summary.best(summary.remedies(board)),
    )
    if top is None:
        return [
            f"None of the {len(board)} combinations has a result. The table below gives the reason"
            " for each."
        ]
    sentences = [advice(facts)] if facts["answers"].get(facts["goal"]) else []
    sentences += [*others(facts), *placebo(board)]
    if remedy is None:
        sentences.append("No remedy has a result, so no remedy can be judged.")
    elif missing(remedy.difference):
        sentences.append(_not_compared(board, remedy))
    else:
        sentences.append(_highest(remedy, differences, facts))
    sentences += _verdicts(board, facts)
    all_gains = summary.gains(board, decisions)
    if all_gains:
        sentences += summary.remaining(all_gains, f"{facts['thresholds']['half']:g}")
    labels = {"not_applicable": "not applicable", "failed": "failed"}
    left_out = [f"{counts[name]} {label}" for name, label in labels.items() if counts[name]]
    if left_out:
        sentences.append(
            f"Of {len(board)} combinations, {' and '.join(left_out)}. They have no result and are"
            " listed with the reason."
        )
    sentences.append(
        f"Guessing has an average precision of {number(facts['prevalence'])}, the prevalence."
    )
    return sentences


def _verdicts(board: pd.DataFrame, facts: dict[str, Any]) -> list[str]:
    """How many remedies have each verdict, and what the verdicts are based on."""
    verdicts = summary.remedies(board)["verdict"].value_counts()
    total = int(verdicts.sum())
    if not total:
        return []
    level = f"{100 * facts['level']:.0f} %"
    sentences = [
        f"{total} {'remedy was' if total == 1 else 'remedies were'} compared with the baseline in"
        f" average precision: {counted(dict(verdicts))}. The {level} intervals hold for all of"
        " them together, and account for other test rows and for other training."
    ]
    same = int(board["same_as"].notna().sum())
    if same:
        sentences.append(
            f"{same} {'combination gives' if same == 1 else 'combinations give'} the same scores as"
            " another one, which is named in the table; they are not compared again."
        )
    smallest, positives = facts["positives_in_smallest_part"], facts["independent_positives"]
    if not significance.enough(smallest, positives):
        sentences.append(
            f"{positives} independent positives, of which the smallest test part has {smallest},"
            f" are too few for a verdict: it takes {significance.FEWEST}, and"
            f" {significance.FEWEST_IN_A_PART} in each test part."
        )
    if facts["fits"] == 1:
        sentences.append(
            "Each combination was fitted once, so intervals and verdicts are about these models:"
            " how far another training would move them is not known."
        )
    elif facts["repeats"] == 1:
        sentences.append(
            f"The split has one repeat of {facts['fits']} fits, so little is known about how far"
            " another training would move a difference; intervals are wide accordingly."
        )
    return sentences


def _not_compared(board: pd.DataFrame, remedy: Best) -> str:
    why = (
        f"there is no strategy {NONE!r} among the strategies"
        if not (board["strategy"] == NONE).any()
        else (
            f"strategy {NONE!r} has no result with {remedy.plain_model}"
            if remedy.plain_model is not None
            else "the grid has no such model without the remedy"
        )
    )
    return (
        f"The highest average precision of a remedy is {number(remedy.average_precision)}, by"
        f" {named((remedy.strategy, remedy.model))}. It is not compared with the baseline: {why}."
    )


def _highest(remedy: Best, differences: pd.DataFrame, facts: dict[str, Any]) -> str:
    """The remedy with the highest average precision, against its baseline."""
    mine = differences[
        (differences["measure"] == "average_precision")
        & (differences["strategy"] == remedy.strategy)
        & (differences["model"] == remedy.model)
    ]
    baseline = (
        "the baseline with the same model"
        if remedy.plain_model == remedy.model
        else f"the baseline with {remedy.plain_model}"
    )
    text = (
        f"The remedy with the highest average precision is"
        f" {named((remedy.strategy, remedy.model))}: {number(remedy.average_precision)}, a"
        f" difference of {signed(remedy.difference)} from {baseline} (interval"
        f" {interval(remedy.low, remedy.high, signed)}): {remedy.verdict}."
    )
    if remedy.verdict == "equivalent" and remedy.low is not None and remedy.low > 0:
        return f"{text} It is better, by less than is worth having."
    if remedy.verdict == "inconclusive" and len(mine):
        settle = settled_by(mine.to_dict("records")[0], facts["repeats"], None)
        return f"{text} To settle it would take {settle}." if settle else text
    return text
