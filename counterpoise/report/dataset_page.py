"""A dataset's page: variables of the template, and its charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pandas as pd

from counterpoise.core.config import NONE, REFERENCES, SUBSAMPLE, Worth
from counterpoise.core.outcome import FAILED, OK
from counterpoise.core.types import Cell
from counterpoise.evaluation import summary
from counterpoise.evaluation.advice import PER
from counterpoise.evaluation.questions import MEASURED, QUESTIONS, compared_by, measured_by
from counterpoise.evaluation.reading import reading
from counterpoise.evaluation.search_trials import best_trials
from counterpoise.evaluation.summary import missing
from counterpoise.report import (
    answer,
    charts,
    data_checks_section,
    duplicates_section,
    names,
    page_data,
    searches_section,
    vega,
    wording,
)
from counterpoise.report.formatting import configured, records
from counterpoise.report.templating import render as rendered

TABLES = (
    "leaderboard",
    "decisions",
    "differences",
    "grouped",
    "thresholds",
    "curves",
    "net_benefit",
    "counts",
    "reliability",
    "histograms",
    "learning",
    "trials",
    "rows",
)
"""Tables of `evaluate` that a page is made of."""

IN_FOREST = 8
"""Remedies in the picture of the first screen."""

MOST_PANELS = 8
"""Panels of a chart with one panel for each combination."""


FILES = ("forest", "forest_all", "precision_recall", "benefit", "reliability", "training_rows")
"""Charts that are written to files as well, for MLflow."""


def charts_of(
    tables: Mapping[str, pd.DataFrame], facts: Mapping[str, Any], named: Mapping[Cell, str]
) -> dict[str, dict[str, Any]]:
    """All charts of a dataset, without those that would be empty.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        The tables named in `TABLES`.
    facts : mapping
        Facts of the dataset.
    named : mapping of (strategy, model) to str
        Names of the combinations.

    Returns
    -------
    dict of str to dict
        Vega-Lite specifications by name.
    """
    board = tables["leaderboard"]
    prevalence, worth = float(facts["prevalence"]), Worth(**facts["worth"])

    def of(cells: list[Cell]) -> dict[Cell, str]:
        return {cell: named[cell] for cell in cells}

    found: dict[str, Any] = {}
    goal = compared_by(facts)
    measure, _ = QUESTIONS[goal]
    mine = measured_by(board, tables["differences"], measure)
    best = answer.in_forest(mine, IN_FOREST, measure)
    if best:
        found["forest"] = charts.forest(mine, of(best), worth.of(measure), MEASURED[goal])
    every = answer.in_forest(board, len(board))
    if len(every) > IN_FOREST:
        found["forest_all"] = charts.forest(board, of(every), worth.average_precision)
    leading = of(answer.leading(board, facts))
    if leading:
        curves, benefits = tables["curves"], tables["net_benefit"]
        for kind in charts.CURVES:
            found[kind] = charts.curve(curves, leading, kind, prevalence)
        found["lift"] = charts.lift(curves, leading)
        if len(charts.of(benefits, leading)):
            found["benefit"] = charts.benefit(benefits, leading, prevalence)
            found["cost_by_ratio"] = charts.cost_by_ratio(benefits, leading, prevalence)
        found["reliability"] = charts.reliability(tables["reliability"], leading, prevalence)
        found["scores"] = charts.scores(
            tables["histograms"], leading, on_scores(tables["decisions"], facts)
        )
    if not tables["rows"].empty:
        found["training_rows"] = charts.training_rows(
            tables["rows"], names.of_strategies(board), facts["axes"]
        )
    points = learning_curve(board, tables["counts"])
    if len(points):
        found["by_positives"] = charts.by_positives(points)
    stepwise = set(answer.cells_of(tables["learning"]))
    learned = [cell for cell in answer.cells_of(summary.ranked(board)) if cell in stepwise]
    if learned:
        found["learning"] = charts.learning(tables["learning"], of(learned[:MOST_PANELS]))
    return {name: vega.spec(chart) for name, chart in found.items()}


def learning_curve(board: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Points of the learning curves: the baselines, and their fits on a share of the rows.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.
    counts : DataFrame of `COUNTS`

    Returns
    -------
    DataFrame
        Rows of the leaderboard of at most six models, the best first, by the mean number of
        `positives`; empty where the grid has no subsample.
    """
    ran = board[(board["status"] == OK) & board["average_precision"].notna()]
    models = ran.loc[ran["level"] == SUBSAMPLE, "model"]
    mine = ran[ran["level"].isin([NONE, SUBSAMPLE]) & ran["model"].isin(models)]
    positives = counts.groupby("strategy")["positives_after"].mean()
    best = mine.groupby("model")["average_precision"].max().nlargest(len(vega.SERIES)).index
    points = mine.assign(
        positives=mine["strategy"].map(positives),
        place=mine["model"].map({model: k for k, model in enumerate(best)}),
    )
    return points.dropna(subset="place").sort_values(["place", "positives"])


def on_scores(decisions: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Decisions whose threshold applies to raw scores, not to recalibrated probabilities.

    Parameters
    ----------
    decisions : DataFrame
        Table of decisions.
    facts : mapping
        Facts of the dataset; `thresholds` names the rule for costs.

    Returns
    -------
    DataFrame
        Without the rule cost, where it is expected.
    """
    expected = facts["thresholds"]["cost"] == "expected"
    return decisions[decisions["rule"] != "cost"] if expected else decisions


def board_lines(
    board: pd.DataFrame, decisions: pd.DataFrame, cost_rule: str
) -> list[dict[str, Any]]:
    """Lines of the leaderboard: results, names, F1 tuned and cost.

    Parameters
    ----------
    board, decisions : DataFrame
        Leaderboard and table of decisions.
    cost_rule : str
        The threshold rule that the costs are shown of.

    Returns
    -------
    list of dict
        The highest average precision first, then combinations without a result, then references.
    """
    parts = names.parts(board)
    rules = {(row["strategy"], row["model"], row["rule"]): row for row in records(decisions)}
    ordered = board.assign(reference=board["level"].isin(REFERENCES)).sort_values(
        ["reference", "average_precision"], ascending=[True, False], kind="stable"
    )
    highest = board["average_precision"].max()
    lines = []
    for row in records(ordered):
        cell = row["strategy"], row["model"]
        tuned = rules.get((*cell, "tuned"), {})
        cost = rules.get((*cell, cost_rule), {}).get("expected_cost")
        lines.append(
            {
                **row,
                "remedy": parts[cell][0],
                "shown_model": parts[cell][1],
                "key": "/".join(cell),
                "f1": tuned.get("f1"),
                "f1_half": rules.get((*cell, "half"), {}).get("f1"),
                "cost": None if cost is None else PER * cost,
                "changed": tuned.get("decisions_changed"),
                "bar": [
                    None if missing(row[name]) else round(100 * row[name] / highest, 1)
                    for name in (
                        "average_precision",
                        "average_precision_low",
                        "average_precision_high",
                    )
                ],
            }
        )
    return lines


def matrix_rows(board: pd.DataFrame) -> tuple[list[str], list[dict[str, Any]]]:
    """Places of the confusion matrices: models across, strategies down.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    models : list of str
    rows : list of dict of strategy, cells
        Each cell has the key of the combination and its status, None where the grid has none.
    """
    models = list(dict.fromkeys(board["model"]))
    status = {(row.strategy, row.model): row.status for row in board.itertuples()}
    return models, [
        {
            "strategy": strategy,
            "cells": [(f"{strategy}/{model}", status.get((strategy, model))) for model in models],
        }
        for strategy in dict.fromkeys(board["strategy"])
    ]


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


def class_counts(counts: pd.DataFrame, board: pd.DataFrame) -> list[dict[str, Any]]:
    """Mean class counts of the training rows before and after each strategy.

    Parameters
    ----------
    counts : DataFrame of `COUNTS`
    board : DataFrame
        Leaderboard of the dataset.

    Returns
    -------
    list of dict
        One line per strategy, with its remedy and the reason where it failed.
    """
    remedies = names.of_strategies(board)
    lines = []
    for strategy, mine in counts.groupby("strategy", sort=False):
        failed = mine[mine["status"] != OK]
        numbers = mine.drop(columns=["strategy", "repeat", "fold", "status", "reason"])
        means = numbers.astype("float64").mean()
        lines.append(
            {
                "strategy": strategy,
                "remedy": remedies[str(strategy)],
                "reason": failed["reason"].iloc[0] if len(failed) else "",
                **{str(name): None if missing(value) else value for name, value in means.items()},
            }
        )
    return lines


def of_a_repeat(
    measured: Mapping[str, Mapping[str, float]], repeats: int
) -> dict[str, dict[str, float]]:
    """Seconds of training in one repeat of the split.

    Parameters
    ----------
    measured : mapping of "strategy/model" to mapping
        Measured seconds and memory, of all repeats.
    repeats : int

    Returns
    -------
    dict of "a repeat" to dict
        Empty where nothing was measured.
    """
    seconds = [one["fit_seconds"] for one in measured.values() if "fit_seconds" in one]
    return {"a repeat": {"fit_seconds": round(sum(seconds) / repeats, 6)}} if seconds else {}


def render(
    name: str,
    tables: Mapping[str, pd.DataFrame],
    facts: Mapping[str, Any],
    measured: Mapping[str, Mapping[str, float]],
    importance: pd.DataFrame | None = None,
) -> tuple[str, dict[str, bytes]]:
    """Render a dataset's page and draw its charts.

    Parameters
    ----------
    name : str
        Key of the dataset.
    tables : mapping of str to DataFrame
        The tables named in `TABLES`.
    facts : mapping
        Facts of the dataset.
    measured : mapping of "strategy/model" to mapping
        Measured seconds and memory.
    importance : DataFrame of feature, importance, low, high, optional
        Permutation importance of the advised combination.

    Returns
    -------
    text : str
        HTML of the page.
    files : dict of str to bytes
        PNG files by name, for MLflow.
    """
    board, decisions = tables["leaderboard"], tables["decisions"]
    named = names.names(board)
    drawn = charts_of(tables, facts, named)
    if importance is not None and len(importance):
        drawn["importance"] = vega.spec(charts.importance(importance))
    found = answer.answer(board, decisions, tables["grouped"], facts, named)
    rule = found["rule"] if found else "half"
    results = page_data.content(tables, named, found["cell"] if found else None, rule)
    models, rows = matrix_rows(board)
    resultless = without(board)
    text = rendered(
        "dataset.html.j2",
        title=name,
        facts=facts,
        answer=found,
        measured={**measured, **of_a_repeat(measured, facts["repeats"])},
        reading=reading(board, decisions, tables["differences"], dict(facts)),
        statuses=summary.statuses(board),
        failed=[group for group in resultless if group["status"] == FAILED],
        without=resultless,
        lines=board_lines(board, decisions, rule),
        cost_rule=rule,
        guessing=wording.guessing(float(facts["prevalence"])),
        charts=defaultdict(lambda: None, drawn),  # a missing chart had nothing to show
        course=vega.spec(charts.course([], 0)),
        panel=vega.spec(charts.panel()),
        results=results,
        meanings={
            rule: wording.threshold_rule(rule, facts["thresholds"].get(rule, rule))
            for rule in dict.fromkeys(decisions["rule"])
        },
        matrix_models=models,
        matrix_rows=rows,
        decisions=[
            {**row, "name": named[row["strategy"], row["model"]]} for row in records(decisions)
        ],
        costs={name: configured(cost) for name, cost in facts["costs"].items()},
        cost_sentence=wording.costs(facts),
        on_probabilities=wording.probabilities(board),
        counts=class_counts(tables["counts"], board),
        findings=data_checks_section.finding_rows(facts["defects"]),
        severity_counts=data_checks_section.severity_counts(facts["defects"]),
        duplicates=duplicates_section.summary(board, tables["grouped"], facts),
        searches=searches_section.searches(tables["trials"], best_trials(tables["trials"])),
        fact_lines=wording.facts(facts),
        per=PER,
    )
    return text, {title: vega.png(chart) for title, chart in drawn.items() if title in FILES}
