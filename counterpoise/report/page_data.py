"""What a page's scripts know of the results, as one compact piece of JSON: counts at every
threshold, gains, policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.core.config import NONE
from counterpoise.evaluation.columns import CONFUSION
from counterpoise.evaluation.summary import best, missing, side

SCALE = 1_000_000
"""Costs are kept as whole millionths, which are the digits that a table of results has."""


def content(swept: pd.DataFrame, decisions: pd.DataFrame, board: pd.DataFrame) -> dict[str, Any]:
    """The cells that have a result, each with its counts and costs by threshold and the thresholds
    of its policies.

    Every cell is tested on the same rows, so that two counts tell the other two.

    Parameters
    ----------
    swept : DataFrame
        See `counterpoise.evaluation.threshold_sweep.sweep`; thresholds ascending.
    """
    decided: dict[Any, pd.DataFrame] = dict(
        iter(decisions[decisions["tn"].notna()].groupby(["strategy", "model"], sort=False))
    )
    known: dict[Any, Any] = board.set_index(["strategy", "model"]).to_dict("index")
    cells = []
    for (strategy, model), mine in swept.groupby(["strategy", "model"], sort=False):
        entry = known[strategy, model]
        policies: list[Any] = (
            decided[strategy, model].to_dict("records") if (strategy, model) in decided else []
        )
        cells.append(
            {
                "strategy": strategy,
                "model": model,
                "level": entry["level"],
                "score": float(entry["average_precision"]),
                "gain": gain(entry),
                "side": side(entry["verdict"]),
                "fp": mine["fp"].astype(int).tolist(),
                "fn": mine["fn"].astype(int).tolist(),
                "cost": [round(float(value) * SCALE) for value in mine["expected_cost"]],
                "policies": [
                    [row["policy"], position(mine, row), float(row["threshold"])]
                    for row in policies
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


def gain(entry: Mapping[str, Any]) -> float | None:
    """The difference in average precision from doing nothing, which is 0 for doing nothing."""
    if entry["level"] == NONE:
        return 0.0
    return None if missing(entry["delta_plain"]) else float(entry["delta_plain"])


def position(swept: pd.DataFrame, decided: Mapping[str, Any]) -> int:
    """Which threshold on the scores decides most like a policy: as many rows positive, of several
    the nearest threshold.

    A policy may have a threshold for each fold, or for each row and on corrected probabilities; no
    one threshold on the scores is the same then. `half` is one and is met exactly.
    """
    called = (
        (swept["fp"] + swept["tp"] - decided["fp"] - decided["tp"]).abs().to_numpy(dtype=np.float64)
    )
    far = (swept["threshold"] - decided["threshold"]).abs().to_numpy(dtype=np.float64)
    return int(np.lexsort((far, called))[0])
