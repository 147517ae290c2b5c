"""What the scripts of a page read, as compact JSON: counts at every threshold, rules, curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.core.config import NONE
from counterpoise.core.types import Cell
from counterpoise.evaluation.columns import CONFUSION
from counterpoise.evaluation.summary import missing
from counterpoise.report.answer import cells_of
from counterpoise.report.formatting import records

DIGITS = 4
"""Decimals of curves; costs have six."""


def content(
    tables: Mapping[str, pd.DataFrame], named: Mapping[Cell, str], advised: Cell | None, rule: str
) -> dict[str, Any]:
    """Results of the combinations that have scores.

    Only fp and fn are stored of a threshold: every combination is tested on the same rows, so they
    determine the other two counts.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Tables of `evaluate`.
    named : mapping of (strategy, model) to str
    advised : (strategy, model) or None
        The combination that the slider opens with.
    rule : str
        The threshold rule that matrices and slider open with.

    Returns
    -------
    dict
        JSON content: thresholds, numbers of rows of each class, `first`, and for each combination
        its baseline, counts, costs, rules, curve and points of the reliability diagram.
    """
    board, decisions = tables["leaderboard"], tables["decisions"]
    swept = dict(iter(tables["thresholds"].groupby(["strategy", "model"], sort=False)))
    decided = dict(iter(decisions.groupby(["strategy", "model"], sort=False)))
    curves = tables["curves"]
    drawn = dict(iter(curves[curves["curve"] == "precision_recall"].groupby(["strategy", "model"])))
    points = dict(iter(tables["reliability"].groupby(["strategy", "model"], sort=False)))
    scored = [cell for cell in cells_of(board) if cell in swept]
    order = {cell: k for k, cell in enumerate(scored)}
    cells = []
    for row in records(board):
        cell = row["strategy"], row["model"]
        if cell not in swept:
            continue
        mine = swept[cell]
        baseline = (NONE, row["plain_model"])
        cells.append(
            {
                "key": "/".join(cell),
                "name": named[cell],
                "baseline": order.get(baseline) if baseline != cell else None,
                "fp": _plain(mine["fp"]),
                "fn": _plain(mine["fn"]),
                "cost": _plain(mine["expected_cost"], 6),
                "rules": _rules(mine, decided.get(cell)),
                "curve": _plain(drawn[cell]["y"]) if cell in drawn else [],
                "reliability": _points(points.get(cell)),
            }
        )
    first = next(iter(swept.values())) if swept else None
    totals = first[CONFUSION].iloc[0] if first is not None else dict.fromkeys(CONFUSION, 0)
    return {
        "thresholds": [] if first is None else [float(value) for value in first["threshold"]],
        "negatives": float(totals["tn"] + totals["fp"]),
        "positives": float(totals["fn"] + totals["tp"]),
        "first": order.get(advised, 0) if advised is not None else 0,
        "rule": rule,
        "cells": cells,
    }


def _plain(values: Sequence[float] | pd.Series, digits: int = DIGITS) -> list[float | int]:
    """Rounded numbers, whole ones as integers, which are shorter."""
    return [int(v) if v == int(v) else round(float(v), digits) for v in values]


def _rules(swept: pd.DataFrame, decided: pd.DataFrame | None) -> dict[str, Any]:
    """Counts, threshold, its position on the slider and cost of each rule that decides."""
    if decided is None:
        return {}
    return {
        row["rule"]: {
            "counts": _plain([row[name] for name in CONFUSION]),
            "threshold": row["threshold"],
            "at": position(swept, row),
            "cost": row["expected_cost"],
            "changed": row["decisions_changed"],
        }
        for row in records(decided[decided["tn"].notna()])
    }


def _points(points: pd.DataFrame | None) -> list[list[Any]]:
    if points is None:
        return []
    columns = ("side", "mean_probability", "observed", "low", "high")
    return [
        [
            row["side"],
            *(None if missing(row[name]) else round(row[name], DIGITS + 1) for name in columns[1:]),
        ]
        for row in records(points)
    ]


def position(swept: pd.DataFrame, decided: Mapping[str, Any]) -> int:
    """Position of the threshold on the scores whose decisions are closest to those of a rule.

    A rule may have a threshold for each fold, or one for each row on recalibrated probabilities; no
    single threshold on the scores is then equivalent. The rule `half` has one threshold and is
    matched exactly.

    Parameters
    ----------
    swept : DataFrame
        Decisions of the combination at each threshold.
    decided : mapping
        Row of the table of decisions.

    Returns
    -------
    int
        The threshold with the nearest number of predicted positives; among equals, the nearest
        threshold.
    """
    called = (
        (swept["fp"] + swept["tp"] - decided["fp"] - decided["tp"]).abs().to_numpy(dtype=np.float64)
    )
    far = (swept["threshold"] - decided["threshold"]).abs().to_numpy(dtype=np.float64)
    return int(np.lexsort((far, called))[0])  # the last key, `called`, sorts first
