"""Sentences of a dataset's page about rules, costs, probabilities, split and facts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median
from typing import Any

import pandas as pd

from counterpoise.core.config import NONE, REFERENCES
from counterpoise.core.outcome import OK
from counterpoise.evaluation.summary import missing, number
from counterpoise.report.formatting import (
    amount,
    chosen,
    configured,
    count,
    label,
    percent,
    records,
)

MEASURES = {"f1": "F1", "mcc": "Matthews correlation", "g_mean": "G-mean"}
"""Names of the metrics that a threshold may maximise."""

COSTS = ("false_positive", "false_negative", "true_positive", "true_negative")
"""Kinds of decisions, in the order of the sentence about costs."""

VALIDATION_ROWS = "the validation rows, which no sampler and no fit uses"


def threshold_rule(rule: str, setting: Any) -> str:
    """Describe a threshold rule.

    Parameters
    ----------
    rule : {"half", "tuned", "cost", "cost_empirical"}
        Name of the rule.
    setting : float or str
        A threshold, a metric, or the kind of cost rule.

    Returns
    -------
    str
        A sentence.
    """
    if isinstance(setting, (int, float)):
        return f"A row is predicted positive when its score is at least {setting:g}."
    if rule == "cost" and setting == "expected":
        return (
            "A row is predicted positive where that has the lower expected cost by its recalibrated"
            " probability. Costs may differ by row, and the threshold with them: the number is the"
            " mean."
        )
    if rule in ("cost", "cost_empirical"):
        return f"In each fold, the threshold on the scores that costs least on {VALIDATION_ROWS}."
    measure = MEASURES.get(setting, label(setting))
    return f"In each fold, the threshold with the highest {measure} on {VALIDATION_ROWS}."


def costs(facts: Mapping[str, Any]) -> str:
    """Describe the costs of decisions, and their expectation without a model.

    Parameters
    ----------
    facts : mapping
        Facts of the dataset, with `costs` and `costs_without_a_model`.

    Returns
    -------
    str
        Sentences.
    """
    given, known = facts["costs"], facts["costs_without_a_model"]
    *first, last = (f"a {label(name)} costs {configured(given[name])}" for name in COSTS)
    text = f"{', '.join(first)} and {last}."
    if any(isinstance(cost, Mapping) for cost in given.values()):
        text += " Names are columns: such a cost differs by row."
    no_row, every_row, oracle = (
        amount(1000 * known[name]) for name in ("no_row_positive", "every_row_positive", "oracle")
    )
    return (
        f"{text[0].upper()}{text[1:]} Without a model, 1,000 rows cost {no_row} with no row"
        f" positive and {every_row} with every row positive; perfect knowledge would cost {oracle}."
    )


def probabilities(board: pd.DataFrame) -> str:
    """How remedies change probabilities, and what recalibration achieves.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    str
        A sentence or two; empty where nothing can be compared.
    """
    rows = records(board[(board["status"] == OK) & ~board["level"].isin(REFERENCES)])
    plain = {row["model"]: row for row in rows if row["level"] == row["strategy"] == NONE}
    sides = ("log_loss", "log_loss_corrected")
    pairs = [
        (row, plain[row["plain_model"]])
        for row in rows
        if row["level"] != NONE
        and row["plain_model"] in plain
        and not any(
            missing(one[name]) for one in (row, plain[row["plain_model"]]) for name in sides
        )
    ]
    if not pairs:
        return ""
    raw, after = (sum(one[name] > base[name] for one, base in pairs) for name in sides)
    middle = [number(median(one[name] for one, _ in pairs)) for name in sides]
    return (
        f"Of {len(pairs)} remedies, {raw} have a higher log loss than the baseline with raw"
        f" scores, and {after} with recalibrated probabilities. Their median log loss is"
        f" {middle[0]} raw and {middle[1]} recalibrated."
    )


def split(settings: Mapping[str, Any], folds: int) -> str:
    """Describe a split.

    Parameters
    ----------
    settings : mapping
        Its configuration.
    folds : int
        Number of folds of all repeats.

    Returns
    -------
    str
        Part of a sentence.
    """
    scheme, repeats = settings["scheme"], int(settings.get("repeats") or 1)
    if scheme == "holdout":
        text = f"one test part of {chosen(settings['test_size'])} of the rows"
    elif scheme == "temporal":
        tests = "one test" if folds == 1 else f"{folds} tests"
        text = f"{tests} on what follows the training rows in time"
    elif scheme == "prequential":
        text = (
            f"{folds} tests on {settings['test_days']} days that follow {settings['train_days']}"
            f" of training and {settings['delay_days']} of waiting"
        )
    else:
        kind = "folds that keep groups together" if scheme == "grouped" else "stratified folds"
        text = f"{folds // repeats} {kind}" + (f", {repeats} times" if repeats > 1 else "")
    return f"{text}; {chosen(settings['validation'])} of each training part are validation rows"


FACTS = {
    "layout": "file",
    "rows": "rows",
    "positives": "positive rows",
    "prevalence": "prevalence",
    "target": "target column",
    "positive": "positive label",
    "features": "features",
    "categorical": "categorical features",
    "missing_values": "missing values",
    "sentinels_replaced": "sentinels read as missing",
    "constant": "constant features",
    "no_features": "columns that are no features",
    "independent_positives": "independent positive rows",
    "redrawn": "redrawn by the bootstrap",
    "draws": "draws of the intervals",
    "level": "level of the intervals",
    "folds": "test parts",
    "placebos": "placebos",
    "goal": "goal",
    "worth": "smallest differences worth having",
}
"""Labels of facts of a dataset, in the order of a page."""


def facts(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Labels and texts of the facts of a dataset.

    Parameters
    ----------
    content : mapping
        Facts of the dataset.

    Returns
    -------
    list of (label, text)
    """
    lines = [
        (label, _text(name, content[name])) for name, label in FACTS.items() if name in content
    ]
    return [*lines, ("split", split(content["split"], int(content["folds"])))]


def _text(name: str, value: Any) -> str:
    if name == "level":
        return chosen(value)
    if name == "prevalence":
        return f"{number(value)} ({percent(value)})"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no"}.get(bool(value), "") if value is not None else "none"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{label(key)} {_text('', item)}" for key, item in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        listed = ", ".join(_text("", item) for item in value[:40])
        return (listed + (f" and {len(value) - 40} more" if len(value) > 40 else "")) or "none"
    return str(value)


def guessing(prevalence: float) -> dict[str, float]:
    """Brier score and log loss when every row has the prevalence as its probability.

    Parameters
    ----------
    prevalence : float
        Share of positive rows.

    Returns
    -------
    dict of {"brier", "log_loss"} to float
    """
    rest = 1 - prevalence
    log_loss = (
        -prevalence * math.log(prevalence) - rest * math.log(rest) if 0 < prevalence < 1 else 0.0
    )
    return {"brier": prevalence * rest, "log_loss": log_loss}
