"""Results of hyperparameter searches."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd


def best_trials(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """Best trial of each search, with its parameters.

    Parameters
    ----------
    trials : DataFrame of `counterpoise.evaluation.columns.TRIALS`
        All trials.

    Returns
    -------
    list of dict of strategy, model, repeat, fold, trial, value, params
        The first of equally good trials. A search without a completed trial is left out.
    """
    best = []
    for _, mine in trials.groupby(["strategy", "model", "repeat", "fold"], sort=False):
        complete = mine[mine["state"] == "complete"]
        if len(complete):
            row = complete.iloc[int(complete["value"].to_numpy(dtype="float64").argmax())]
            best.append(
                {
                    **{name: row[name] for name in ("strategy", "model")},
                    **{name: int(row[name]) for name in ("repeat", "fold", "trial")},
                    "value": float(row["value"]),
                    "params": json.loads(row["params"]),
                }
            )
    return best
