"""HTML pages: the content of templates, computed from results, and the templates themselves.

A page is one file without external resources, so it needs no network. Templates escape all text
from data (labels, reasons, notes). Only figures drawn by `counterpoise.report.charts` are inserted
unescaped.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from counterpoise.core.config import NONE
from counterpoise.core.outcome import FAILED, NOT_APPLICABLE, OK
from counterpoise.evaluation import summary
from counterpoise.evaluation.columns import CONFUSION
from counterpoise.evaluation.summary import MINUS, Best, interval, missing, number, side, signed
from counterpoise.report import data_checks_section, duplicates_section, page_data

TEMPLATES = Path(__file__).parent / "templates"
MARK = '<meta name="generator" content="Counterpoise">'
"""Distinguishes our pages from a user's own files in reports/."""

SIDES = {
    "above": "above doing nothing",
    "holds": "not told apart from doing nothing",
    "below": "below doing nothing",
}
MEASURES = {"f1": "F1", "mcc": "Matthews correlation", "g_mean": "G-mean"}
"""Names of the metrics that a threshold may maximise."""

STATUSES = {OK: "ok", NOT_APPLICABLE: "not applicable", FAILED: "failed"}
CORRECTIONS = {
    "none": (
        "as they are",
        (
            "the rows came as they are and the model's scores are its probabilities, so there is"
            " nothing to take back; what the model itself gets wrong stays."
        ),
    ),
    "exact": (
        "formula",
        (
            "the remedy multiplied every row's odds by one factor, and the formula divides by it."
            " It holds as far as the scores are probabilities of the rows that were fitted: a"
            " forest or a booster that learns repeated rows by heart is sure of itself for other"
            " reasons, and is then corrected too far."
        ),
    ),
    "approximate": (
        "formula, roughly",
        (
            "the same formula where the factor holds only about: new rows were made between old "
            "ones (SMOTE, ADASYN), or weights differ within a class."
        ),
    ),
    "sigmoid": (
        "sigmoid",
        (
            "no formula holds, so two numbers are fitted on the validation slice, which keeps the"
            " natural prevalence (Platt). They are as uncertain as the slice has few positives, and"
            " mend no other shape of error; the order of the rows stays."
        ),
    ),
    "isotonic": (
        "steps",
        (
            "rising steps are fitted on the validation slice. They mend any shape of error, need"
            " many positives, and make ties, so that average precision after them would differ."
        ),
    ),
}
"""How probabilities were recalibrated: a label, and the limits of the method."""
COSTS = ("false_positive", "false_negative", "true_positive", "true_negative")
"""Kinds of decisions, in the order of the sentence about costs."""


def environment() -> jinja2.Environment:
    """Create the template environment.

    Every value is escaped explicitly: the templates' names end in .j2, for which jinja's selection
    by name would not escape.

    Returns
    -------
    jinja2.Environment
        With our filters and globals.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    made.filters |= {
        "number": number,
        "signed": signed,
        "count": count,
        "percent": percent,
        "label": label,
        "plain": plain,
        "chosen": chosen,
        "breakable": breakable,
        "coded": coded,
        "row_class": row_class,
    }
    made.globals |= {
        "interval": interval,
        "signed_interval": signed_interval,
        "SIDES": SIDES,
        "STATUSES": STATUSES,
        "CORRECTIONS": CORRECTIONS,
        "NONE": NONE,
        "MARK": Markup(MARK),  # noqa: S704  # a constant of ours
    }
    return made


def coded(text: str) -> Markup:
    """Escape a text and set the parts in backquotes as code.

    Parameters
    ----------
    text : str
        A text of ours.

    Returns
    -------
    Markup
    """
    # safe, since the text is escaped first
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def is_ours(path: Path) -> bool:
    """Whether a file is a page that this package wrote.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bool
    """
    with path.open("rb") as file:
        return MARK.encode() in file.read(2000)


def count(value: Any) -> str:
    """Format a count with separators between thousands; a mean of counts is rounded.

    Parameters
    ----------
    value : float or missing value
        The count.

    Returns
    -------
    str
        Empty for a missing value.
    """
    return "" if missing(value) else f"{round(float(value)):,}"


def percent(value: Any) -> str:
    """Format a measured share in percent.

    Parameters
    ----------
    value : float or missing value
        The share, 1 for all.

    Returns
    -------
    str
        One decimal, two below 1 %; empty for a missing value.
    """
    if missing(value):
        return ""
    value = 100 * float(value)
    return (
        f"{value:.1f} %"
        if value >= 1 or value == 0
        else f"{value:.2f} %"
        if value >= 0.005
        else "<0.01 %"
    )


def plain(value: Any) -> str:
    """Format a configured number, or a cost that depends on the row.

    Parameters
    ----------
    value : float, or mapping of column, times, plus
        A number, or a cost as a multiple of a column and a constant.

    Returns
    -------
    str
        At most six significant digits; a mapping as a formula.
    """
    if isinstance(value, Mapping):
        times = "" if value["times"] == 1 else f"{value['times']:g} \u00d7 "
        plus = (
            f" + {value['plus']:g}"
            if value["plus"] > 0
            else f" {MINUS} {-value['plus']:g}"
            if value["plus"]
            else ""
        )
        return f"{times}{value['column']}{plus}"
    return f"{value:g}"


def chosen(value: float) -> str:
    """Format a configured share in percent.

    Parameters
    ----------
    value : float
        The share, 1 for all.

    Returns
    -------
    str
    """
    return f"{100 * value:g} %"


def label(key: str) -> str:
    """Turn a key into a label, with blanks for underscores.

    Parameters
    ----------
    key : str
        The key.

    Returns
    -------
    str
    """
    return str(key).replace("_", " ")


def breakable(key: str) -> Markup:
    """Allow a browser to break a key after each underscore.

    Parameters
    ----------
    key : str
        The key.

    Returns
    -------
    Markup
        The key, escaped, with `<wbr>` elements.
    """
    return Markup("_<wbr>").join(key.split("_"))  # Markup.join escapes the pieces


def row_class(cell: Mapping[str, Any]) -> str:
    """CSS class of a combination's row in a table; the baseline is highlighted.

    Parameters
    ----------
    cell : mapping of level, ...
        Row of the leaderboard.

    Returns
    -------
    {"none", "data", "algorithm", "hybrid"}
    """
    return "none" if cell["level"] == NONE else str(cell["level"])


def signed_interval(low: Any, high: Any) -> str:
    """Format an interval of differences, both ends with their signs.

    Parameters
    ----------
    low, high : float or missing value
        Ends of the interval.

    Returns
    -------
    str
        Empty where an end is missing.
    """
    return interval(low, high, signed)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table, for a template.

    Parameters
    ----------
    frame : DataFrame
        Any table of results.

    Returns
    -------
    list of dict
        None for missing values.
    """
    return [
        {str(name): None if missing(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def ranked(board: pd.DataFrame) -> list[dict[str, Any]]:
    """Combinations in descending order of average precision, those without a result last.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    list of dict
        Rows with `side` added.
    """
    ordered = board.sort_values(
        "average_precision", ascending=False, kind="stable", na_position="last"
    )
    return [{**row, "side": side(row["verdict"])} for row in records(ordered)]


def without(board: pd.DataFrame) -> list[dict[str, Any]]:
    """Combinations without a result, grouped by strategy, status and reason.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    list of dict of strategy, status, reason, models
    """
    groups: dict[tuple[str, str, str], list[str]] = {}
    for row in records(board[board["status"] != OK]):
        groups.setdefault((row["strategy"], row["status"], row["reason"] or ""), []).append(
            row["model"]
        )
    return [
        {"strategy": s, "status": status, "reason": r, "models": models}
        for (s, status, r), models in groups.items()
    ]


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


def have(number: int) -> str:
    """The verb "has" or "have" for a number of subjects.

    Parameters
    ----------
    number : int
        Number of subjects.

    Returns
    -------
    str
    """
    return "has" if number == 1 else "have"


def on_probabilities(board: pd.DataFrame) -> list[str]:
    """Describe how remedies changed probabilities, and what recalibration achieves.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    list of str
        Sentences; empty where nothing can be compared.
    """
    rows = records(board[board["status"] == OK])
    plain = {row["model"]: row for row in rows if row["level"] == NONE and row["strategy"] == NONE}
    sides = ("log_loss", "log_loss_corrected")
    pairs = [
        (row, plain[row["plain_model"]])
        for row in rows
        if row["level"] != NONE and row["plain_model"] in plain
    ]
    pairs = [
        pair for pair in pairs if not any(missing(row[name]) for row in pair for name in sides)
    ]
    said = []
    if pairs:
        raw, corrected = (
            sum(one[name] > nothing[name] for one, nothing in pairs) for name in sides
        )
        middle = [number(median(one[name] for one, _ in pairs)) for name in sides]
        nothing = number(median(nothing[sides[0]] for _, nothing in pairs))
        said.append(
            f"By its raw scores, {raw} of {len(pairs)} remedies {have(raw)} a higher log loss than"
            f" doing nothing with the plain model; with probabilities put right, {corrected} still"
            f" {have(corrected)}. The median log loss is {middle[0]} raw and {middle[1]} put right,"
            f" where doing nothing has {nothing}."
        )
    both = [
        (row["calibration_intercept"], row["calibration_intercept_corrected"])
        for row in rows
        if row["level"] != NONE
    ]
    both = [pair for pair in both if not any(map(missing, pair))]
    if both:
        before, after = (math.exp(median(abs(pair[k]) for pair in both)) for k in (0, 1))
        high = sum(raw < 0 for raw, _ in both)
        said.append(
            f"On the whole, the odds that {high} of {len(both)} remedies promise are too high; the"
            f" odds are off by a factor of {before:,.1f} on the median, and of {after:,.1f} when"
            " put right."
        )
    return said


def not_recalibrated(board: pd.DataFrame) -> int:
    """Number of combinations with a result but without recalibrated probabilities.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    int
    """
    return int(((board["status"] == OK) & board["log_loss_corrected"].isna()).sum())


@dataclass(frozen=True)
class Heat:
    """Confusion matrix of one combination, for a page.

    Attributes
    ----------
    strategy, model : str
        The combination.
    counts : tuple of int
        True negatives, false positives, false negatives, true positives.
    shares : tuple of float or None
        Each count as a share of its actual class; None for a class without rows.
    """

    strategy: str
    model: str
    counts: tuple[int, int, int, int]
    shares: tuple[float | None, float | None, float | None, float | None]


def heat(row: Mapping[str, Any]) -> Heat | None:
    """Confusion matrix of a row of decisions.

    Parameters
    ----------
    row : mapping
        Row of the table of decisions.

    Returns
    -------
    Heat or None
        None where the row has no counts.
    """
    if missing(row["tn"]):
        return None
    tn, fp, fn, tp = (int(row[name]) for name in CONFUSION)
    negatives, positives = tn + fp, fn + tp
    shares = tuple(
        n / total if total else None
        for n, total in ((tn, negatives), (fp, negatives), (fn, positives), (tp, positives))
    )
    return Heat(
        str(row["strategy"]),
        str(row["model"]),
        (tn, fp, fn, tp),
        shares,  # type: ignore[arg-type]
    )


def grids(
    board: pd.DataFrame, decisions: pd.DataFrame, facts: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Confusion matrices of all combinations for each threshold rule.

    Parameters
    ----------
    board, decisions : DataFrame
        Leaderboard and table of decisions of a dataset.
    facts : mapping
        Facts of the dataset, with `thresholds`.

    Returns
    -------
    list of dict of policy, rule, models, lines
        One item per rule; each line has a strategy and one matrix per model.
    """
    models = list(dict.fromkeys(board["model"]))
    status = {(row["strategy"], row["model"]): row["status"] for row in records(board)}
    result = []
    for policy in dict.fromkeys(decisions["policy"]):
        found = {
            (row["strategy"], row["model"]): heat(row)
            for row in records(decisions[decisions["policy"] == policy])
        }
        lines = [
            {
                "strategy": strategy,
                "cells": [
                    {
                        "heat": found.get((strategy, model)),
                        "status": status.get((strategy, model)),
                        "model": model,
                    }
                    for model in models
                ],
            }
            for strategy in dict.fromkeys(board["strategy"])
        ]
        rule = facts["thresholds"].get(policy)
        result.append(
            {
                "policy": policy,
                "rule": threshold_rule(policy, rule),
                "models": models,
                "lines": lines,
            }
        )
    return result


SLICE = (
    "the validation slice, which no sampler and no fit has seen; the test rows have no say in it."
)
"""End of the sentences about rules that use the validation rows."""


def threshold_rule(policy: str, rule: Any) -> str:
    """Describe a threshold rule.

    Parameters
    ----------
    policy : {"half", "tuned", "cost"}
        Name of the rule.
    rule : float or str
        Its setting: a threshold, a metric, or the kind of cost rule.

    Returns
    -------
    str
        A sentence.
    """
    if isinstance(rule, (int, float)):
        return f"A row is predicted positive when its score is at least {rule:g}."
    if policy == "cost" and rule == "expected":
        return (
            "A row is predicted positive where that is cheaper in expectation: where its corrected"
            " probability is at least what a false alarm would cost, as a share of that and of what"
            " a miss would cost (each less the cost of the right decision). Costs may differ from"
            " row to row, and the threshold with them: the number below is the mean."
        )
    if policy == "cost":
        return f"In each fold, the one threshold on the scores that costs least on {SLICE}"
    return (
        f"In each fold, the threshold with the highest {MEASURES.get(rule, label(rule))} on {SLICE}"
    )


def costs_said(decisions: pd.DataFrame, facts: Mapping[str, Any]) -> list[str]:
    """Describe the costs of decisions, without a model and at their lowest.

    Parameters
    ----------
    decisions : DataFrame
        Table of decisions.
    facts : mapping
        Facts of the dataset, with `costs` and `costs_without_a_model`.

    Returns
    -------
    list of str
        Sentences.
    """
    costs, known = facts["costs"], facts["costs_without_a_model"]
    *first, last = (f"a {label(name)} costs {plain(costs[name])}" for name in COSTS)
    told = f"{', '.join(first)} and {last}."
    said = [told[0].upper() + told[1:]]
    if any(isinstance(cost, Mapping) for cost in costs.values()):
        said[0] += " Names are columns: such a cost is the row's own."
    no_row, every_row, oracle = (
        number(known[name]) for name in ("no_row_positive", "every_row_positive", "oracle")
    )
    said.append(
        f"Without a model, a decision costs {no_row} on the mean when no row is called positive and"
        f" {every_row} when every row is; perfect knowledge would cost {oracle}."
    )
    found = decisions[decisions["expected_cost"].notna()]
    if not found.empty:
        row = found.iloc[int(found["expected_cost"].to_numpy(dtype="float64").argmin())]
        cheap, idle = (
            float(row["expected_cost"]),
            min(known["no_row_positive"], known["every_row_positive"]),
        )
        named = f"{row['strategy']} with {row['model']} at the threshold {row['policy']}"
        if cheap < idle:
            share = (idle - cheap) / (idle - known["oracle"])
            said.append(
                f"The cheapest decisions are those of {named}: {number(cheap)}, which is"
                f" {percent(share)} of the way from the cheaper of the two to perfect knowledge."
                " The lowest of many costs looks better than it is."
            )
        else:
            said.append(
                f"No model decides more cheaply than that: the lowest cost is {number(cheap)}, of"
                f" {named}."
            )
    return said


def searches(trials: pd.DataFrame, best: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Summarise the hyperparameter searches of each combination over its folds.

    Parameters
    ----------
    trials : DataFrame
        All trials.
    best : sequence of mappings with strategy, model, value and params
        Best trial of each search.

    Returns
    -------
    list of dict
        One line per combination.
    """
    lines = []
    for (strategy, model), mine in trials.groupby(["strategy", "model"], sort=False):
        won = [one for one in best if (one["strategy"], one["model"]) == (strategy, model)]
        states = Counter(mine["state"])
        lines.append(
            {
                "strategy": strategy,
                "model": model,
                "searches": len(mine[["repeat", "fold"]].drop_duplicates()),
                **{state: states[state] for state in ("complete", "pruned", "failed")},
                "value": sum(one["value"] for one in won) / len(won) if won else None,
                "as_it_is": sum(not one["params"] for one in won),
                "params": _summed_up([one["params"] for one in won if one["params"]]),
            }
        )
    return lines


def _summed_up(params: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Parameters found by several searches: median and range of numbers, frequencies of choices."""
    result = []
    for name in sorted({name for one in params for name in one}):
        values = [one[name] for one in params if name in one]
        if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
            low, high = min(values), max(values)
            told = (
                f"{low:.3g}" if low == high else f"{median(values):.3g} ({low:.3g} to {high:.3g})"
            )
        else:
            counted = Counter(_told("", value) for value in values).most_common()
            told = ", ".join(
                f"{text} ({times} of {len(values)})" if len(counted) > 1 else text
                for text, times in counted
            )
        result.append((name, told))
    return result


def split_sentence(split: Mapping[str, Any], folds: int) -> str:
    """Describe a split.

    Parameters
    ----------
    split : mapping
        Its configuration.
    folds : int
        Number of folds of all repeats.

    Returns
    -------
    str
        Part of a sentence.
    """
    scheme = split["scheme"]
    what = {
        "stratified_kfold": "stratified folds",
        "grouped": "folds that keep groups together",
        "temporal": "tests on what follows the training rows in time",
        "holdout": "a holdout",
    }.get(scheme, label(scheme))
    repeats = int(split.get("repeats") or 1)
    if scheme == "holdout":
        said = f"one test part of {chosen(split['test_size'])} of the rows"
    elif scheme == "temporal":
        said = (
            "one test on what follows the training rows in time"
            if folds == 1
            else f"{folds} {what}"
        )
    elif scheme == "prequential":
        said = (
            f"{folds} test{'' if folds == 1 else 's'} on {split['test_days']} days that follow"
            f" {split['train_days']} of training and {split['delay_days']} of waiting"
        )
    else:
        said = f"{folds // repeats} {what}" + (f", {repeats} times over" if repeats > 1 else "")
    return (
        f"{said}; {chosen(split['validation'])} of each training part is kept for the choice of"
        " thresholds"
    )


FACTS = {
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
    "draws": "draws of the intervals",
    "level": "level of the intervals",
    "folds": "test parts",
}
"""Labels of facts of a dataset, in the order of a page. Other facts follow under their own names.
"""


def told_facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Labels and texts of the facts of a dataset that no other section shows.

    Parameters
    ----------
    facts : mapping
        Facts of the dataset.

    Returns
    -------
    list of (label, text)
    """
    elsewhere = {
        "dataset",
        "split",
        "thresholds",
        "costs",
        "costs_without_a_model",
        "defects",
        "grouped_folds",
        "grouped_by",
        "axes",
    }
    names = [
        *(name for name in FACTS if name in facts),
        *sorted(set(facts) - set(FACTS) - elsewhere),
    ]
    return [(FACTS.get(name, label(name)), _told(name, facts[name])) for name in names]


def _told(name: str, value: Any) -> str:
    if name == "level":
        return chosen(value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no"}.get(value, "\u2013") if value is not None else "\u2013"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return f"{number(value)} ({percent(value)})" if name == "prevalence" else f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{label(key)} {_told('', item)}" for key, item in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        shown = ", ".join(_told("", item) for item in value[:40])
        return (shown + (f" and {len(value) - 40} more" if len(value) > 40 else "")) or "none"
    return str(value)


def card(board: pd.DataFrame, decisions: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Summary of one dataset for the page of all datasets.

    Parameters
    ----------
    board, decisions : DataFrame
        Leaderboard and table of decisions of the dataset.
    facts : mapping
        Facts of the dataset.

    Returns
    -------
    dict
        Variables of the template.
    """
    remedy, advised = summary.best(summary.remedies(board)), summary.advised(board)
    return {
        "dataset": facts["dataset"],
        "rows": facts["rows"],
        "positives": facts["positives"],
        "prevalence": facts["prevalence"],
        "statuses": summary.statuses(board),
        "top": summary.best(board),
        "remedy": remedy,
        "side": advised.side if advised else None,
        "reading": summary.reading(board, decisions, dict(facts))[0],
        "defects": data_checks_section.counted(facts["defects"]),
    }


def best_of(boards: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Best combination of each strategy on each dataset, for the page of all datasets.

    Strategy none has two lines: the baseline, and remedies at the level of the algorithm.

    Parameters
    ----------
    boards : mapping of str to DataFrame
        Leaderboard of each dataset.

    Returns
    -------
    list of dict of strategy, nothing, cells
        One line per strategy; `nothing` marks the baseline.
    """
    strategies = list(
        dict.fromkeys(name for board in boards.values() for name in board["strategy"])
    )
    lines: list[dict[str, Any]] = []
    for strategy in strategies:
        mine = {name: board[board["strategy"] == strategy] for name, board in boards.items()}
        parts = (True, False) if strategy == NONE else (None,)
        for nothing in parts:
            kept = {
                n: b if nothing is None else b[(b["level"] == NONE) == nothing]
                for n, b in mine.items()
            }
            if any(len(board) for board in kept.values()):
                cells: list[tuple[str, Best | None]] = [
                    (name, summary.best(board)) for name, board in kept.items()
                ]
                name = "algorithm alone" if nothing is False else strategy
                lines.append({"strategy": name, "nothing": bool(nothing), "cells": cells})
    return lines


def of_dataset(
    tables: Mapping[str, pd.DataFrame],
    mean_counts: pd.DataFrame,
    best: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
    measured: Mapping[str, Any],
    figures: Mapping[str, str],
    toggles: Mapping[str, str],
) -> str:
    """Render the page of one dataset.

    Parameters
    ----------
    tables : mapping of name to DataFrame
        Tables of `evaluate`.
    mean_counts : DataFrame
        Class counts by strategy, as means over folds.
    best : sequence of mappings
        Best trial of each search, see `searches`.
    facts : mapping
        Facts of the dataset.
    measured : mapping of "strategy/model" to mapping
        Seconds and memory. They stand in one element of the page only, so that the rest does not
        differ between runs.
    figures : mapping of name to `<svg>` element
        A missing figure had nothing to show.
    toggles : mapping of strategy to `<svg>` element
        Strategies with curves, and a piece of each one's line.

    Returns
    -------
    str
        HTML.
    """
    board, decisions, counts = (tables[name] for name in ("leaderboard", "decisions", "counts"))
    reasons = (
        counts[counts["status"] != OK].groupby("strategy", sort=False)["reason"].first().to_dict()
    )
    remedy = summary.advised(board)
    cells = ranked(board)
    levels = {(row["strategy"], row["model"]): row["level"] for row in cells}
    return (
        environment()
        .get_template("dataset.html.j2")
        .render(
            title=facts["dataset"],
            facts=facts,
            told_facts=told_facts(facts),
            split=split_sentence(facts["split"], int(facts["folds"])),
            reading=summary.reading(board, decisions, dict(facts)),
            side=remedy.side if remedy else None,
            statuses=summary.statuses(board),
            cells=cells,
            corrections=[kind for kind in CORRECTIONS if (board["correction"] == kind).any()],
            hybrids=int((board["level"] == "hybrid").sum()),
            on_probabilities=on_probabilities(board),
            not_recalibrated=not_recalibrated(board),
            without=without(board),
            guessing=guessing(float(facts["prevalence"])),
            grids=grids(board, decisions, facts),
            decisions=[
                {**row, "level": levels.get((row["strategy"], row["model"]))}
                for row in records(decisions)
            ],
            costs_said=costs_said(decisions, facts),
            learned=len(tables["learning"][["strategy", "model"]].drop_duplicates()),
            searches=searches(tables["trials"], best),
            repeats=int(facts["split"].get("repeats") or 1),
            counts=[
                {"strategy": name, **row, "reason": reasons.get(name)}
                for name, row in zip(mean_counts.index, records(mean_counts), strict=True)
            ],
            measured=measured,
            # safe, since `charts` drew these elements: it escapes labels, and swatches have no text
            figures=defaultdict(
                str,
                {name: Markup(figure) for name, figure in figures.items()},  # noqa: S704
            ),
            toggles={name: Markup(swatch) for name, swatch in toggles.items()},  # noqa: S704
            results=page_data.content(tables["thresholds"], decisions, board),
            defects=data_checks_section.shown(facts["defects"]),
            counted=data_checks_section.counted(facts["defects"]),
            alike=duplicates_section.summary(board, tables["grouped"], facts),
        )
    )


def of_all(
    boards: Mapping[str, pd.DataFrame],
    decisions: Sequence[pd.DataFrame],
    facts: Sequence[Mapping[str, Any]],
    measured: Mapping[str, Any],
    ranks: Mapping[str, Any] | None = None,
) -> str:
    """Render the page of all datasets.

    Parameters
    ----------
    boards : mapping of str to DataFrame
        Leaderboard of each dataset.
    decisions : sequence of DataFrame
        Tables of decisions, in the same order.
    facts : sequence of mapping
        Facts of the datasets, in the same order.
    measured : mapping
        Seconds and memory of each combination.
    ranks : mapping, optional
        What `counterpoise.report.ranks_section.section` returns.

    Returns
    -------
    str
        HTML.
    """
    cells = [row for board in boards.values() for row in ranked(board)]
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            title="Counterpoise",
            cards=[card(*one) for one in zip(boards.values(), decisions, facts, strict=True)],
            datasets=list(boards),
            best_of=best_of(boards),
            ranks=ranks,
            level=facts[0]["level"],
            cells=cells,
            measured=measured,
        )
    )
