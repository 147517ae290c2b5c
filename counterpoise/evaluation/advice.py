"""Sentences about the answers to the questions that are asked of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from counterpoise.core.config import NONE, PLACEBO
from counterpoise.core.types import Cell
from counterpoise.evaluation.significance import SMALLEST
from counterpoise.evaluation.summary import interval, missing, number, signed

PER = 1_000
"""Rows that costs are given for."""

BETTER = {
    "ranking": "ranks better than",
    "roc_auc": "ranks better than",
    "probabilities": "has better probabilities than",
    "cost": "costs less than",
}
ASKED = {
    "ranking": "Which ranks best",
    "roc_auc": "Which ranks best by ROC AUC",
    "probabilities": "Whose probabilities are right",
    "cost": "Which costs least",
}


def advised(facts: Mapping[str, Any], question: str | None = None) -> Cell | None:
    """The combination that is advised.

    Parameters
    ----------
    facts : mapping
        Facts of the dataset.
    question : {"ranking", "roc_auc", "probabilities", "cost"}, optional
        The dataset's goal by default.

    Returns
    -------
    (strategy, model) or None
        None where the question has no answer.
    """
    answer = facts["answers"].get(question or facts["goal"])
    return None if answer is None else _cell(answer)


def advice(facts: Mapping[str, Any], question: str | None = None) -> str:
    """What to use, by how much, how sure.

    Parameters
    ----------
    facts, question
        See `advised`.

    Returns
    -------
    str
        One or several sentences.
    """
    question = question or facts["goal"]
    answer = facts["answers"].get(question)
    if answer is None:
        return "No combination has a result that answers this question."
    if question == "cost":
        return _cheapest(answer)
    return _by_verdict(answer, question)


TOO_LITTLE = "looks better by no more than choosing the best of many adds by chance"


def _cell(found: Mapping[str, Any]) -> Cell:
    return found["strategy"], found["model"]


def named(cell: Cell) -> str:
    """Name of a combination; with strategy none, that of the model alone.

    Parameters
    ----------
    cell : (strategy, model)

    Returns
    -------
    str
    """
    return cell[1] if cell[0] == NONE else f"{cell[0]} with {cell[1]}"


def baseline_of(plain_model: str | None, model: str) -> str:
    """Name of the baseline of a combination.

    Parameters
    ----------
    plain_model : str or None
        Model of the baseline.
    model : str
        Model of the combination.

    Returns
    -------
    str
    """
    return f"the baseline with {'the same model' if plain_model == model else plain_model}"


def p_value(p: Any) -> str:
    """An adjusted p-value as "= 0.012", or as a bound where the draws can tell no smaller one.

    Parameters
    ----------
    p : float

    Returns
    -------
    str
    """
    return f"< {2 * SMALLEST:.1g}" if p <= SMALLEST else f"= {p:.2g}"


def counted(verdicts: Mapping[str, int]) -> str:
    """Numbers of comparisons with each verdict.

    Parameters
    ----------
    verdicts : mapping of verdict to int

    Returns
    -------
    str
        Such as "2 better, 5 worse, 40 inconclusive".
    """
    order = ("better", "worse", "equivalent", "inconclusive", "too few positives")
    return ", ".join(f"{verdicts[name]} {name}" for name in order if verdicts.get(name))


def _by_verdict(answer: Mapping[str, Any], question: str) -> str:
    cell, verdicts = _cell(answer), answer["verdicts"]
    total = sum(verdicts.values())
    found = answer.get("against_baseline")
    if found is None:
        better = verdicts.get("better", 0)
        among = f"of {total} remedies, " if total > 1 else ""
        if better:
            why = (
                f"{among}{better} {'is' if better == 1 else 'are'} better than the baseline with"
                f" the same model, and none reaches the {number(answer['value'])} of {cell[1]}"
            )
        elif verdicts.get("too few positives"):
            why = "there are too few positives to tell whether a remedy helps"
        else:
            why = f"{among}none is shown to be better than its baseline ({counted(verdicts)})"
        if "not_taken" in answer:
            why = f"{named(_cell(answer['not_taken']))} {TOO_LITTLE}"
        return f"Use {named(cell)} as it is: {why}." if total else f"Use {named(cell)} as it is."
    baseline = baseline_of(found["plain_model"], cell[1])
    together = "" if total == 1 else f", which holds for {total} comparisons together"
    text = (
        f"Use {named(cell)}: it {BETTER[question]} {baseline}, by {_change(found)}{together}"
        f" (adjusted p {p_value(found['p_adjusted'])})."
    )
    best = answer.get("against_best_baseline")
    if best is not None and best["model"] != found["plain_model"]:
        text += (
            f" The best baseline of any model is {best['model']}; the difference from it is"
            f" {_change(best)}, once {number(abs(best['optimism']))} is taken away because the best"
            " of many was chosen."
        )
    return text


def _change(found: Mapping[str, Any]) -> str:
    low, high = found["difference_low"], found["difference_high"]
    return f"{signed(found['difference'])} (interval {interval(low, high, signed)})"


def _cheapest(answer: Mapping[str, Any]) -> str:
    cell = _cell(answer)
    text = (
        f"Use {named(cell)} with the threshold rule `cost`: its expected cost is"
        f" {number(PER * answer['value'])} per {PER:,} rows"
    )
    best = answer.get("against_best_baseline")
    if "not_taken" in answer:
        return f"{text}, and {named(_cell(answer['not_taken']))} {TOO_LITTLE}."
    if best is None:
        return f"{text}, the lowest of all, and it is a baseline."
    saving = [-PER * best[f"difference{end}"] for end in ("", "_high", "_low")]
    risk = "what deciding for it now risks cannot be estimated from so few fits"
    if best["expected_regret"] is not None:
        regret = number(PER * best["expected_regret"])
        risk = f"deciding for it now risks {regret} per {PER:,} rows on average"
    return (
        f"{text}. Against the best baseline, {best['model']}, this saves {number(saving[0])} per"
        f" {PER:,} rows (interval {interval(saving[1], saving[2], signed)}), once"
        f" {number(PER * abs(best['optimism']))} is taken away because the lowest of many was"
        f" chosen. It is cheaper with a probability of {best['probability_better']:.0%}; {risk}."
    )


def others(facts: Mapping[str, Any]) -> list[str]:
    """Questions whose answer is another combination than the one that is advised.

    Parameters
    ----------
    facts : mapping
        Facts of the dataset.

    Returns
    -------
    list of str
        One sentence or more for each.
    """
    mine = advised(facts)
    return [
        f"{ASKED[question]}? {advice(facts, question)}"
        for question in facts["answers"]
        if question != facts["goal"] and advised(facts, question) != mine
    ]


def placebo(board: pd.DataFrame) -> list[str]:
    """What chance alone does on this table, by the placebo.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    list of str
        Empty without a placebo that was compared.
    """
    rows = board[(board["level"] == PLACEBO) & board["difference"].notna()]
    if rows.empty:
        return []
    loud = rows[rows["verdict"].isin(["better", "worse"])]
    if len(loud):
        names = ", ".join(f"{row.model} ({row.verdict})" for row in loud.itertuples())
        return [
            "Read the verdicts with care: the placebo, which is the baseline with other"
            f" validation rows and seeds, differs from the baseline with {names}. Chance alone does"
            " that on this table."
        ]
    largest = rows.iloc[int(rows["difference"].abs().to_numpy().argmax())]
    return [
        "The placebo, the baseline with other validation rows and seeds, differs by up to"
        f" {signed(largest['difference'])} ({largest['model']}): so much is chance."
    ]


def settled_by(row: Mapping[Any, Any], repeats: int) -> str:
    """What would settle an inconclusive comparison.

    Parameters
    ----------
    row : mapping
        Row of `DIFFERENCES`.
    repeats : int
        Repeats of the split at present.

    Returns
    -------
    str
        Empty where nothing can be said.
    """
    wanted, positives = row["repeats_needed"], row["positives_needed"]
    if not missing(wanted):
        return f"about {int(wanted)} repeats of the split instead of {repeats}"
    return "" if missing(positives) else f"roughly {int(positives):,} positives"
