"""Section of a dataset's page on hyperparameter searches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import pandas as pd


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
            counts = Counter(str(value) for value in values).most_common()
            text = ", ".join(
                f"{value} ({times} of {len(values)})" if len(counts) > 1 else value
                for value, times in counts
            )
        result.append((name, text))
    return result
