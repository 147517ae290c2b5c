"""What the searches of a dataset found."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd


def best_trials(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """The best trial of each search, of equal ones the first, with its parameters; none where no
    trial was completed."""
    found = []
    for _, mine in trials.groupby(["strategy", "model", "repeat", "fold"], sort=False):
        complete = mine[mine["state"] == "complete"]
        if len(complete):
            row = complete.iloc[int(complete["value"].to_numpy(dtype="float64").argmax())]
            found.append(
                {
                    **{name: row[name] for name in ("strategy", "model")},
                    **{name: int(row[name]) for name in ("repeat", "fold", "trial")},
                    "value": float(row["value"]),
                    "params": json.loads(row["params"]),
                }
            )
    return found
