"""The pages: what a template shows, made of results, and the templates that show it.

A page is one file that needs nothing else, no network either. Texts from data (labels, reasons, notes) are escaped by the
templates; only figures drawn by `stages.verdict.figures` go in as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from stages.config import NONE
from stages.remedies.outcome import FAILED, NOT_APPLICABLE, OK
from stages.verdict import headline
from stages.verdict.columns import CONFUSION
from stages.verdict.headline import Best, interval, missing, number, side, signed

TEMPLATES = Path(__file__).parent / "templates"
MARK = '<meta name="generator" content="Counterpoise">'
"""What tells a page of ours from somebody's own file in reports/."""

SIDES = {"above": "above doing nothing", "holds": "not told apart from doing nothing", "below": "below doing nothing"}
MEASURES = {"f1": "F1", "mcc": "Matthews correlation", "g_mean": "G-mean"}
STATUSES = {OK: "ok", NOT_APPLICABLE: "not applicable", FAILED: "failed"}


def environment() -> jinja2.Environment:
    """The templates, every value escaped (their names end in .j2, which jinja's own choice by name would not escape)."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "number": number,
        "signed": signed,
        "count": count,
        "percent": percent,
        "label": label,
        "plain": plain,
        "chosen": chosen,
        "breakable": breakable,
    }
    made.globals |= {"interval": interval, "signed_interval": signed_interval, "SIDES": SIDES, "STATUSES": STATUSES,
                     "NONE": NONE, "MARK": Markup(MARK)}  # noqa: S704  # fmt: skip
    return made


def is_ours(path: Path) -> bool:
    """Whether a file is a page that was made here."""
    with path.open("rb") as file:
        return MARK.encode() in file.read(2000)


def count(value: Any) -> str:
    """A count with its thousands apart; a mean of counts is rounded."""
    return "" if missing(value) else f"{round(float(value)):,}"


def percent(value: Any) -> str:
    """A measured share in percent, with two decimals where it is below 1 %."""
    if missing(value):
        return ""
    value = 100 * float(value)
    return f"{value:.1f} %" if value >= 1 or value == 0 else f"{value:.2f} %" if value >= 0.005 else "<0.01 %"


def plain(value: Any) -> str:
    """A number that somebody chose, as it was written."""
    return f"{value:g}"


def chosen(value: float) -> str:
    """A share that somebody chose, in percent."""
    return f"{100 * value:g} %"


def label(key: str) -> str:
    return str(key).replace("_", " ")


def breakable(key: str) -> Markup:
    """A key that a browser may break behind each underscore."""
    return Markup("_<wbr>").join(key.split("_"))  # join escapes the pieces


def signed_interval(low: Any, high: Any) -> str:
    return interval(low, high, signed)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table of results, None for what is missing."""
    return [
        {str(name): None if missing(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def ranked(board: pd.DataFrame) -> list[dict[str, Any]]:
    """Every cell, the highest average precision first and those without a result last."""
    ordered = board.sort_values("average_precision", ascending=False, kind="stable", na_position="last")
    return [{**row, "side": side(row["delta_low"], row["delta_high"])} for row in records(ordered)]


def without(board: pd.DataFrame) -> list[dict[str, Any]]:
    """The cells that have no result, those of one strategy with the same reason together."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for row in records(board[board["status"] != OK]):
        groups.setdefault((row["strategy"], row["status"], row["reason"] or ""), []).append(row["model"])
    return [
        {"strategy": s, "status": status, "reason": r, "models": models} for (s, status, r), models in groups.items()
    ]


def guessing(prevalence: float) -> dict[str, float]:
    """The Brier score of giving every row the prevalence as its probability."""
    return {"brier": prevalence * (1 - prevalence)}


@dataclass(frozen=True)
class Heat:
    """One cell's confusion matrix as the page shows it: counts, and shares of the actual class."""

    strategy: str
    model: str
    counts: tuple[int, int, int, int]
    shares: tuple[float | None, float | None, float | None, float | None]


def heat(row: Mapping[str, Any]) -> Heat | None:
    """The confusion matrix of a row of decisions; None where it has no counts."""
    if missing(row["tn"]):
        return None
    tn, fp, fn, tp = (int(row[name]) for name in CONFUSION)
    negatives, positives = tn + fp, fn + tp
    shares = tuple(
        n / total if total else None
        for n, total in ((tn, negatives), (fp, negatives), (fn, positives), (tp, positives))
    )
    return Heat(str(row["strategy"]), str(row["model"]), (tn, fp, fn, tp), shares)  # type: ignore[arg-type]


def grids(board: pd.DataFrame, decisions: pd.DataFrame, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each threshold policy the matrices of all cells, strategies down and models across."""
    models = list(dict.fromkeys(board["model"]))
    status = {(row["strategy"], row["model"]): row["status"] for row in records(board)}
    result = []
    for policy in dict.fromkeys(decisions["policy"]):
        found = {
            (row["strategy"], row["model"]): heat(row) for row in records(decisions[decisions["policy"] == policy])
        }
        lines = [
            {
                "strategy": strategy,
                "cells": [
                    {"heat": found.get((strategy, model)), "status": status.get((strategy, model)), "model": model}
                    for model in models
                ],
            }
            for strategy in dict.fromkeys(board["strategy"])
        ]
        rule = facts["thresholds"].get(policy)
        result.append({"policy": policy, "rule": threshold_rule(rule), "models": models, "lines": lines})
    return result


def threshold_rule(rule: Any) -> str:
    """A threshold policy in words."""
    if isinstance(rule, (int, float)):
        return f"A row is predicted positive when its score is at least {rule:g}."
    if isinstance(rule, str):
        return (
            f"In each fold, the threshold with the highest {MEASURES.get(rule, label(rule))} on the validation slice, which "
            "no sampler and no fit has seen; the test rows have no say in it."
        )
    return "A row is predicted positive when its score is at least the threshold of this policy."


def split_sentence(split: Mapping[str, Any], folds: int) -> str:
    """The split in words."""
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
        said = "one test on what follows the training rows in time" if folds == 1 else f"{folds} {what}"
    else:
        said = f"{folds // repeats} {what}" + (f", {repeats} times over" if repeats > 1 else "")
    return f"{said}; {chosen(split['validation'])} of each training part is kept for the choice of thresholds"


FACTS = {
    "rows": "rows", "positives": "positive rows", "prevalence": "prevalence", "target": "target column",
    "positive": "positive label", "features": "features", "categorical": "categorical features",
    "missing_values": "missing values", "sentinels_replaced": "sentinels read as missing", "constant": "constant features",
    "no_features": "columns that are no features", "costs": "cost of a decision", "draws": "draws of the bootstrap",
    "level": "level of the intervals", "folds": "test parts",
}  # fmt: skip
"""Facts of a dataset in the order in which a page tells them; others follow under their own names."""


def told_facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and text of each fact of a dataset."""
    elsewhere = {"dataset", "split", "thresholds"}
    names = [*(name for name in FACTS if name in facts), *sorted(set(facts) - set(FACTS) - elsewhere)]
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


def card(board: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the page of all datasets tells of one."""
    remedy = headline.best(headline.remedies(board))
    return {
        "dataset": facts["dataset"],
        "rows": facts["rows"],
        "positives": facts["positives"],
        "prevalence": facts["prevalence"],
        "statuses": headline.statuses(board),
        "top": headline.best(board),
        "remedy": remedy,
        "side": remedy.side if remedy else None,
        "reading": headline.reading(board, dict(facts))[0],
    }


def best_of(boards: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Strategies down, datasets across: the best cell of each strategy on each dataset."""
    strategies = list(dict.fromkeys(name for board in boards.values() for name in board["strategy"]))
    lines: list[dict[str, Any]] = []
    for strategy in strategies:
        cells: list[tuple[str, Best | None]] = [
            (name, headline.best(board[board["strategy"] == strategy])) for name, board in boards.items()
        ]
        lines.append({"strategy": strategy, "cells": cells})
    return lines


def of_dataset(
    board: pd.DataFrame, decisions: pd.DataFrame, counts: pd.DataFrame, mean_counts: pd.DataFrame,
    facts: Mapping[str, Any], measured: Mapping[str, Any], figures: Mapping[str, str],
) -> str:  # fmt: skip
    """The page of one dataset.

    Parameters
    ----------
    mean_counts : DataFrame
        Class counts by strategy, the mean over folds.
    measured : mapping of "strategy/model" to mapping
        Seconds and memory; they stand in one element of the page and nowhere else.
    figures : mapping of name to `<svg>` element
    """
    reasons = counts[counts["status"] != OK].groupby("strategy", sort=False)["reason"].first().to_dict()
    remedy = headline.best(headline.remedies(board))
    return environment().get_template("dataset.html.j2").render(
        title=facts["dataset"],
        facts=facts,
        told_facts=told_facts(facts),
        split=split_sentence(facts["split"], int(facts["folds"])),
        reading=headline.reading(board, dict(facts)),
        side=remedy.side if remedy else None,
        statuses=headline.statuses(board),
        cells=ranked(board),
        without=without(board),
        guessing=guessing(float(facts["prevalence"])),
        grids=grids(board, decisions, facts),
        decisions=records(decisions),
        repeats=int(facts["split"].get("repeats") or 1),
        counts=[{"strategy": name, **row, "reason": reasons.get(name)}
                for name, row in zip(mean_counts.index, records(mean_counts), strict=True)],
        measured=measured,
        figures={name: Markup(figure) for name, figure in figures.items()},  # noqa: S704  # drawn by us, labels escaped
    )  # fmt: skip


def of_all(boards: Mapping[str, pd.DataFrame], facts: Sequence[Mapping[str, Any]], measured: Mapping[str, Any]) -> str:
    """The page of all datasets."""
    cells = [row for board in boards.values() for row in ranked(board)]
    return environment().get_template("index.html.j2").render(
        title="Counterpoise",
        cards=[card(board, one) for board, one in zip(boards.values(), facts, strict=True)],
        datasets=list(boards),
        best_of=best_of(boards),
        level=facts[0]["level"],
        cells=cells,
        measured=measured,
    )  # fmt: skip
