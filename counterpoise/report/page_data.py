"""Results for the scripts of a page, as compact JSON: counts at every threshold, gains, rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.core.config import NONE
from counterpoise.evaluation.columns import CONFUSION
from counterpoise.evaluation.summary import best, missing, side

SCALE = 1_000_000
"""Costs are stored as whole millionths, the precision of a table of results."""


def content(swept: pd.DataFrame, decisions: pd.DataFrame, board: pd.DataFrame) -> dict[str, Any]:
    """Results of the combinations that have scores, for the scripts of a page.

    Only fp and fn are stored: every combination is tested on the same rows, so they determine the
    other two counts.

    Parameters
    ----------
    swept : DataFrame
        See `counterpoise.evaluation.threshold_sweep.sweep`; thresholds ascending.
    decisions, board : DataFrame
        Table of decisions and leaderboard of the dataset.

    Returns
    -------
    dict
        JSON content: thresholds, numbers of rows of each class, scale of costs, the best
        combination, and the counts, costs and rules of each combination.
    """
    decided: dict[Any, pd.DataFrame] = dict(
        iter(decisions[decisions["tn"].notna()].groupby(["strategy", "model"], sort=False))
    )
    known: dict[Any, Any] = board.set_index(["strategy", "model"]).to_dict("index")
    cells = []
    for (strategy, model), mine in swept.groupby(["strategy", "model"], sort=False):
        line = known[strategy, model]
        rules: list[Any] = (
            decided[strategy, model].to_dict("records") if (strategy, model) in decided else []
        )
        cells.append(
            {
                "strategy": strategy,
                "model": model,
                "level": line["level"],
                "score": float(line["average_precision"]),
                "gain": gain(line),
                "side": side(line["verdict"]),
                "fp": mine["fp"].astype(int).tolist(),
                "fn": mine["fn"].astype(int).tolist(),
                "cost": [round(float(value) * SCALE) for value in mine["expected_cost"]],
                "rules": [
                    [row["rule"], position(mine, row), float(row["threshold"])] for row in rules
                ],
            }
        )
    totals = swept[CONFUSION].iloc[0] if len(swept) else dict.fromkeys(CONFUSION, 0)
    top = best(board)
    return {
        "thresholds": [float(value) for value in sorted(swept["threshold"].unique())],
        "negatives": int(totals["tn"] + totals["fp"]),
        "positives": int(totals["fn"] + totals["tp"]),
        "scale": SCALE,
        "first": None if top is None else [top.strategy, top.model],
        "cells": cells,
    }


def gain(line: Mapping[str, Any]) -> float | None:
    """Difference in average precision from the baseline.

    Parameters
    ----------
    line : mapping
        Row of the leaderboard.

    Returns
    -------
    float or None
        0 for the baseline; None where there is nothing to compare.
    """
    if line["level"] == NONE:
        return 0.0
    return None if missing(line["difference"]) else float(line["difference"])


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
