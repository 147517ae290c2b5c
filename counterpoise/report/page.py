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

from counterpoise.core.config import NONE, PLACEBO
from counterpoise.core.outcome import FAILED, NOT_APPLICABLE, OK
from counterpoise.evaluation import summary
from counterpoise.evaluation.advice import advice, p_value
from counterpoise.evaluation.columns import CONFUSION
from counterpoise.evaluation.reading import reading
from counterpoise.evaluation.summary import (
    MINUS,
    Best,
    Side,
    interval,
    missing,
    number,
    side,
    signed,
)
from counterpoise.report import data_checks_section, duplicates_section, page_data

TEMPLATES = Path(__file__).parent / "templates"
MARK = '<meta name="generator" content="Counterpoise">'
"""Distinguishes our pages from a user's own files in reports/."""

SIDES = {
    "above": "better than the baseline",
    "holds": "inconclusive",
    "below": "worse than the baseline",
}
MEASURES = {"f1": "F1", "mcc": "Matthews correlation", "g_mean": "G-mean"}
"""Names of the metrics that a threshold may maximise."""

STATUSES = {OK: "ok", NOT_APPLICABLE: "not applicable", FAILED: "failed"}
CORRECTIONS = {
    "none": (
        "as they are",
        (
            "no recalibration has a log loss on the validation rows that is lower by more than one"
            " standard error; errors of the model itself remain."
        ),
    ),
    "exact": (
        "formula",
        (
            "the remedy multiplied every row's odds by one factor, and the formula divides by it."
            " It is exact if the scores are probabilities of the training rows. A forest or a"
            " booster that memorises repeated rows is overconfident for other reasons, and is then"
            " corrected too far."
        ),
    ),
    "approximate": (
        "formula, approximate",
        (
            "the same formula where the factor is only approximate: synthetic rows lie between"
            " original ones (SMOTE, ADASYN), or weights differ within a class."
        ),
    ),
    "sigmoid": (
        "sigmoid",
        (
            "two numbers are fitted on the validation rows, which have the natural prevalence"
            " (Platt). With few positives there they are uncertain, and they correct no other shape"
            " of error. The order of the rows is kept."
        ),
    ),
    "isotonic": (
        "steps",
        (
            "rising steps are fitted on the validation rows. They correct any shape of error, need"
            " many positives, and create ties, so that average precision would differ after them."
        ),
    ),
}
"""Recalibrations that a fold may choose: a label, and the limits of the method."""
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
    result = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    result.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    result.filters |= {
        "number": number,
        "signed": signed,
        "count": count,
        "percent": percent,
        "label": label,
        "configured": configured,
        "chosen": chosen,
        "breakable": breakable,
        "coded": coded,
        "p_value": p_value,
        "row_class": row_class,
    }
    result.globals |= {
        "interval": interval,
        "signed_interval": signed_interval,
        "SIDES": SIDES,
        "STATUSES": STATUSES,
        "CORRECTIONS": CORRECTIONS,
        "NONE": NONE,
        "MARK": Markup(MARK),  # noqa: S704  # a constant of ours
    }
    return result


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


def configured(value: Any) -> str:
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
    {"none", "data", "algorithm", "hybrid", "placebo"}
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
    rows = records(board[(board["status"] == OK) & (board["level"] != PLACEBO)])
    baselines = {
        row["model"]: row for row in rows if row["level"] == NONE and row["strategy"] == NONE
    }
    sides = ("log_loss", "log_loss_corrected")
    pairs = [
        (row, baselines[row["plain_model"]])
        for row in rows
        if row["level"] != NONE and row["plain_model"] in baselines
    ]
    pairs = [
        pair for pair in pairs if not any(missing(row[name]) for row in pair for name in sides)
    ]
    sentences = []
    if pairs:
        raw, corrected = (
            sum(one[name] > baseline[name] for one, baseline in pairs) for name in sides
        )
        middle = [number(median(one[name] for one, _ in pairs)) for name in sides]
        baseline_loss = number(median(baseline[sides[0]] for _, baseline in pairs))
        sentences.append(
            f"With raw scores, {raw} of {len(pairs)} remedies {have(raw)} a higher log loss than"
            f" the baseline; with recalibrated probabilities, {corrected} still {have(corrected)}."
            f" The median log loss is {middle[0]} raw and {middle[1]} recalibrated, and"
            f" {baseline_loss} for the baseline."
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
        sentences.append(
            f"On average, the odds predicted by {high} of {len(both)} remedies are too high. The"
            f" median factor of the error is {before:,.1f}, and {after:,.1f} after recalibration."
        )
    return sentences


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
    list of dict of rule, meaning, models, lines
        One item per rule; each line has a strategy and one matrix per model.
    """
    models = list(dict.fromkeys(board["model"]))
    status = {(row["strategy"], row["model"]): row["status"] for row in records(board)}
    result = []
    for rule in dict.fromkeys(decisions["rule"]):
        heats = {
            (row["strategy"], row["model"]): heat(row)
            for row in records(decisions[decisions["rule"] == rule])
        }
        lines = [
            {
                "strategy": strategy,
                "cells": [
                    {
                        "heat": heats.get((strategy, model)),
                        "status": status.get((strategy, model)),
                        "model": model,
                    }
                    for model in models
                ],
            }
            for strategy in dict.fromkeys(board["strategy"])
        ]
        setting = facts["thresholds"].get(rule)
        result.append(
            {
                "rule": rule,
                "meaning": threshold_rule(rule, setting),
                "models": models,
                "lines": lines,
            }
        )
    return result


VALIDATION_ROWS = "the validation rows, which no sampler and no fit uses. Test rows are not used."
"""End of the sentences about rules that use the validation rows."""


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
            "A row is predicted positive where that has the lower expected cost. This is so if its"
            " recalibrated probability is at least a / (a + b), with a the cost of a false positive"
            " and b that of a false negative, each less the cost of the right decision. Costs may"
            " differ by row, and the threshold with them: the number below is the mean."
        )
    if rule in ("cost", "cost_empirical"):
        goal = "the one threshold on the scores that costs least on"
    else:
        goal = f"the threshold with the highest {MEASURES.get(rule, label(rule))} on"
    return f"In each fold, {goal} {VALIDATION_ROWS}"


def cost_sentences(decisions: pd.DataFrame, facts: Mapping[str, Any]) -> list[str]:
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
    *first, last = (f"a {label(name)} costs {configured(costs[name])}" for name in COSTS)
    text = f"{', '.join(first)} and {last}."
    sentences = [text[0].upper() + text[1:]]
    if any(isinstance(cost, Mapping) for cost in costs.values()):
        sentences[0] += " Names are columns: such a cost differs by row."
    no_row, every_row, oracle = (
        number(known[name]) for name in ("no_row_positive", "every_row_positive", "oracle")
    )
    sentences.append(
        f"Without a model, the mean cost of a decision is {no_row} when no row is called positive"
        f" and {every_row} when every row is. Perfect knowledge would cost {oracle}."
    )
    real = ~decisions["strategy"].isin(facts["placebos"])
    known_costs = decisions[real & decisions["expected_cost"].notna()]
    if not known_costs.empty:
        row = known_costs.iloc[int(known_costs["expected_cost"].to_numpy(dtype="float64").argmin())]
        cheap, idle = (
            float(row["expected_cost"]),
            min(known["no_row_positive"], known["every_row_positive"]),
        )
        named = f"{row['strategy']} with {row['model']} at the threshold {row['rule']}"
        if cheap < idle:
            share = (idle - cheap) / (idle - known["oracle"])
            sentences.append(
                f"The cheapest decisions are those of {named}: {number(cheap)}, which is"
                f" {percent(share)} of the way from the cheaper of the two to perfect knowledge."
                " The lowest of many costs looks better than it is."
            )
        else:
            sentences.append(
                f"No model has a lower cost: the lowest is {number(cheap)}, of {named}."
            )
    return sentences


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
        best_trials = [one for one in best if (one["strategy"], one["model"]) == (strategy, model)]
        states = Counter(mine["state"])
        lines.append(
            {
                "strategy": strategy,
                "model": model,
                "searches": len(mine[["repeat", "fold"]].drop_duplicates()),
                **{state: states[state] for state in ("complete", "pruned", "failed")},
                "value": sum(one["value"] for one in best_trials) / len(best_trials)
                if best_trials
                else None,
                "as_it_is": sum(not one["params"] for one in best_trials),
                "params": _summed_up([one["params"] for one in best_trials if one["params"]]),
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
            text = (
                f"{low:.3g}" if low == high else f"{median(values):.3g} ({low:.3g} to {high:.3g})"
            )
        else:
            counts = Counter(_text("", value) for value in values).most_common()
            text = ", ".join(
                f"{value} ({times} of {len(values)})" if len(counts) > 1 else value
                for value, times in counts
            )
        result.append((name, text))
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
        text = f"one test part of {chosen(split['test_size'])} of the rows"
    elif scheme == "temporal":
        text = (
            "one test on what follows the training rows in time"
            if folds == 1
            else f"{folds} {what}"
        )
    elif scheme == "prequential":
        text = (
            f"{folds} test{'' if folds == 1 else 's'} on {split['test_days']} days that follow"
            f" {split['train_days']} of training and {split['delay_days']} of waiting"
        )
    else:
        text = f"{folds // repeats} {what}" + (f", {repeats} times over" if repeats > 1 else "")
    return (
        f"{text}; {chosen(split['validation'])} of each training part is kept for the choice of"
        " thresholds"
    )


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
    "draws": "draws of the intervals",
    "level": "level of the intervals",
    "folds": "test parts",
    "placebos": "placebos",
}
"""Labels of facts of a dataset, in the order of a page. Other facts follow under their own names.
"""


def fact_lines(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
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
        "columns",
        "labels",
        "notices",
        "schema",
        "answers",
    }
    names = [
        *(name for name in FACTS if name in facts),
        *sorted(set(facts) - set(FACTS) - elsewhere),
    ]
    return [(FACTS.get(name, label(name)), _text(name, facts[name])) for name in names]


def _text(name: str, value: Any) -> str:
    if name == "level":
        return chosen(value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no"}.get(value, "\u2013") if value is not None else "\u2013"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return f"{number(value)} ({percent(value)})" if name == "prevalence" else f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{label(key)} {_text('', item)}" for key, item in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        listed = ", ".join(_text("", item) for item in value[:40])
        return (listed + (f" and {len(value) - 40} more" if len(value) > 40 else "")) or "none"
    return str(value)


def advised_side(board: pd.DataFrame, facts: Mapping[str, Any]) -> Side | None:
    """Position of the advised combination relative to its baseline.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.
    facts : mapping
        Facts of the dataset.

    Returns
    -------
    {"above", "holds", "below"} or None
        None where nothing is compared.
    """
    if not summary.remedies(board)["verdict"].notna().any():
        return None
    answer = facts["answers"].get(facts["goal"], {})
    return side(answer.get("against_baseline", {}).get("verdict")) or "holds"


def card(board: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Summary of one dataset for the page of all datasets.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of the dataset.
    facts : mapping
        Facts of the dataset.

    Returns
    -------
    dict
        Variables of the template.
    """
    remedy = summary.best(summary.remedies(board))
    return {
        "dataset": facts["dataset"],
        "rows": facts["rows"],
        "positives": facts["positives"],
        "prevalence": facts["prevalence"],
        "statuses": summary.statuses(board),
        "top": summary.best(board),
        "remedy": remedy,
        "side": advised_side(board, facts),
        "reading": advice(facts),
        "severity_counts": data_checks_section.severity_counts(facts["defects"]),
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
    list of dict of strategy, baseline, cells
        One line per strategy; `baseline` marks the baseline.
    """
    boards = {name: board[board["level"] != PLACEBO] for name, board in boards.items()}
    strategies = list(
        dict.fromkeys(name for board in boards.values() for name in board["strategy"])
    )
    lines: list[dict[str, Any]] = []
    for strategy in strategies:
        mine = {name: board[board["strategy"] == strategy] for name, board in boards.items()}
        parts = (True, False) if strategy == NONE else (None,)
        for baseline in parts:
            selected = {
                n: b if baseline is None else b[(b["level"] == NONE) == baseline]
                for n, b in mine.items()
            }
            if any(len(board) for board in selected.values()):
                cells: list[tuple[str, Best | None]] = [
                    (name, summary.best(board)) for name, board in selected.items()
                ]
                name = "algorithm alone" if baseline is False else strategy
                lines.append({"strategy": name, "baseline": bool(baseline), "cells": cells})
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
        Seconds and memory. They are in one element of the page only, so that the rest does not
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
    cells = ranked(board)
    levels = {(row["strategy"], row["model"]): row["level"] for row in cells}
    return (
        environment()
        .get_template("dataset.html.j2")
        .render(
            title=facts["dataset"],
            facts=facts,
            fact_lines=fact_lines(facts),
            split=split_sentence(facts["split"], int(facts["folds"])),
            reading=reading(board, decisions, tables["differences"], dict(facts)),
            side=advised_side(board, facts),
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
            cost_sentences=cost_sentences(decisions, facts),
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
            findings=data_checks_section.finding_rows(facts["defects"]),
            severity_counts=data_checks_section.severity_counts(facts["defects"]),
            duplicates=duplicates_section.summary(board, tables["grouped"], facts),
        )
    )


def of_all(
    boards: Mapping[str, pd.DataFrame],
    facts: Sequence[Mapping[str, Any]],
    measured: Mapping[str, Any],
    ranks: Mapping[str, Any] | None = None,
) -> str:
    """Render the page of all datasets.

    Parameters
    ----------
    boards : mapping of str to DataFrame
        Leaderboard of each dataset.
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
            cards=[card(*one) for one in zip(boards.values(), facts, strict=True)],
            datasets=list(boards),
            best_of=best_of(boards),
            ranks=ranks,
            level=facts[0]["level"],
            cells=cells,
            measured=measured,
        )
    )
