"""Files that the stage `train` writes about its fits.

They hold scores, learning curves, trials, statuses, and measured times and memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.core import files, paths
from counterpoise.core.config import Params
from counterpoise.core.outcome import OK
from counterpoise.data import folds as splits
from counterpoise.data.folds import Fold, Parts
from counterpoise.engine import devices
from counterpoise.engine.fit import FitResult
from counterpoise.engine.run import FitId, FitOutcome
from counterpoise.models.combinations import models_of


def scores_of(fold: Fold, fitted: FitResult) -> pd.DataFrame:
    """Convert the scores of one fit to rows of the stored table.

    Parameters
    ----------
    fold : Fold
    fitted : FitResult

    Returns
    -------
    DataFrame
        One row for each test row and each validation row. The columns are repeat, fold, part, row
        and score. `part` is a code of `counterpoise.data.folds`, `row` a position in the table.
    """
    rows = np.concatenate([fold.test, fold.validation]).astype(np.int32)
    part = np.repeat(
        np.array([splits.TEST, splits.VALIDATION], np.uint8), [len(fold.test), len(fold.validation)]
    )
    return pd.DataFrame(
        {
            "repeat": np.full(len(rows), fold.repeat, np.int16),
            "fold": np.full(len(rows), fold.fold, np.int16),
            "part": part,
            "row": rows,
            "score": np.concatenate([fitted.test, fitted.validation]),
        }
    )


OfModel = list[tuple[Fold, FitResult]]
"""The fits of one combination, each with its fold."""


def histories(fits: OfModel) -> pd.DataFrame:
    """Collect the learning curves of all folds.

    Parameters
    ----------
    fits : list of (Fold, FitResult)
        At least one of them has a learning curve.

    Returns
    -------
    DataFrame
        One row for each step of a series, with the columns repeat, fold, series, step and value.
    """
    pieces = [
        pd.DataFrame(fit.history)
        .melt("step", var_name="series")
        .assign(repeat=fold.repeat, fold=fold.fold)
        for fold, fit in fits
        if fit.history
    ]
    return pd.concat(pieces, ignore_index=True)[["repeat", "fold", "series", "step", "value"]]


def trials(fits: OfModel) -> list[dict[str, Any]]:
    """Collect the trials of all folds.

    Parameters
    ----------
    fits : list of (Fold, FitResult)

    Returns
    -------
    list of dict
        As in `counterpoise.engine.search.SearchResult`, each with its repeat and fold.
    """
    return [
        {"repeat": fold.repeat, "fold": fold.fold, **trial}
        for fold, fit in fits
        for trial in fit.trials
    ]


def not_resampled(counts: Iterable[dict[str, Any]]) -> tuple[str, str] | None:
    """Find out why a strategy has no fits: its sampler did not run in some fold.

    Parameters
    ----------
    counts : iterable of dict
        The strategy's class counts of each fold.

    Returns
    -------
    (str, str) or None
        Status and reason for every combination of the strategy; None where the sampler ran in each
        fold.
    """
    bad = [(count["repeat"], count["fold"], count) for count in counts if count["status"] != OK]
    return (bad[0][2]["status"], _first_of(bad, bad[0][2]["reason"])) if bad else None


def summary(
    outcomes: Mapping[FitId, FitOutcome], grouped_repeat: int | None = None
) -> dict[str, Any]:
    """Summarize the fits of one combination over its folds.

    The grouped repeat contributes facts only: it is shown beside the comparison and takes no part
    in it. A combination that fails only there is compared all the same.

    Parameters
    ----------
    outcomes : mapping of FitId to FitOutcome
        The fits of the combination.
    grouped_repeat : int, optional
        The number of the grouped repeat (`Parts.beside`).

    Returns
    -------
    dict
        The `status` and `reason` of the first fold without a result, else ok; the sorted `notes`;
        and the facts of each fit under `folds`.
    """
    facts = [
        {"repeat": place.repeat, "fold": place.fold, **made.result.facts}
        for place, made in outcomes.items()
        if made.result is not None
    ]
    mine = {place: made for place, made in outcomes.items() if place.repeat != grouped_repeat}
    bad = [(place.repeat, place.fold, made) for place, made in mine.items() if made.status != OK]
    notes = sorted(
        {note for made in mine.values() if made.result is not None for note in made.result.notes}
    )
    status, reason = (bad[0][2].status, _first_of(bad, bad[0][2].reason)) if bad else (OK, "")
    return {"status": status, "reason": reason, "notes": notes, "folds": facts}


def _first_of(bad: list[tuple[int, int, Any]], reason: str) -> str:
    """A reason with the first fold that gave no result, and the number of further ones."""
    more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    return f"{reason} (repeat {bad[0][0]}, fold {bad[0][1]}{more})"


def write(
    params: Params,
    dataset: str,
    parts: Parts,
    counts: Mapping[str, list[dict[str, Any]]],
    outcomes: Mapping[FitId, FitOutcome],
    fit_keys: Mapping[FitId, str],
) -> Counter[str]:
    """Write the results of all fits of a dataset, one folder for each strategy.

    Parameters
    ----------
    params : Params
    dataset : str
        Its key in params.yaml.
    parts : Parts
    counts : mapping of str to list of dict
        The class counts of each strategy.
    outcomes : mapping of FitId to FitOutcome
    fit_keys : mapping of FitId to str
        Keys of the fits in the cell store.

    Returns
    -------
    Counter of str
        How many combinations have each status.

    Raises
    ------
    StorageError
        When the disk is full.
    """
    statuses: Counter[str] = Counter()
    of_cells: dict[tuple[str, str], dict[FitId, FitOutcome]] = {}
    for place, made in sorted(outcomes.items()):
        of_cells.setdefault(place[:2], {})[place] = made
    for strategy in params.strategies:
        folder, cells = paths.scores(dataset, strategy), {}
        folds = {fold[:2]: fold for fold in parts.of(params.strategies[strategy].seed)}
        refused = not_resampled(
            count for count in counts[strategy] if count["repeat"] != parts.beside
        )
        for model in models_of(params, strategy):
            if refused is not None:
                status, reason = refused
                key = files.digest(files.canonical(counts[strategy]))
                cells[model] = {
                    "status": status,
                    "reason": reason,
                    "notes": [],
                    "folds": [],
                    "key": key,
                }
                continue
            mine = of_cells[strategy, model]
            device = devices.resolved(params.models[model].device)
            key = files.digest(*(f"{place[2:]} {fit_keys[place]}" for place in mine))
            cells[model] = summary(mine, parts.beside) | {"device": device, "key": key}
            if cells[model]["status"] != OK:
                continue
            fits = [
                (folds[place[2:]], made.result)
                for place, made in mine.items()
                if made.result is not None
            ]
            scores = pd.concat([scores_of(*fit) for fit in fits], ignore_index=True)
            files.write_parquet(folder / f"{model}.parquet", scores)
            if any(fit.history for _, fit in fits):
                files.write_parquet(folder / f"{model}.history.parquet", histories(fits))
            if any(fit.trials for _, fit in fits):
                files.write_json(folder / f"{model}.trials.json", trials(fits))
        files.write_json(folder / "cells.json", {"counts": counts[strategy], "models": cells})
        statuses.update(str(cell["status"]) for cell in cells.values())
    return statuses


def measured(outcomes: Mapping[FitId, FitOutcome], grouped_repeat: int | None) -> dict[str, Any]:
    """Collect the measured times and memory of each fit, and the origin of each combination.

    Parameters
    ----------
    outcomes : mapping of FitId to FitOutcome
    grouped_repeat : int, optional
        The number of the grouped repeat, whose fits are left out of `fits`.

    Returns
    -------
    dict
        `fits`: seconds and bytes of each fit. `made`: for each combination who made it, from which
        commit and when; the last of its fits counts.
    """
    fits = [
        {
            **place._asdict(),
            "fit_seconds": made.result.fit_seconds,
            "predict_seconds": made.result.predict_seconds,
            "peak_bytes": made.result.peak_bytes,
        }
        for place, made in sorted(outcomes.items())
        if made.result is not None and place.repeat != grouped_repeat
    ]
    makers: dict[str, dict[str, Any]] = {}
    for place, outcome in outcomes.items():
        cell = f"{place.strategy}/{place.model}"
        if cell not in makers or outcome.made["at"] > makers[cell]["at"]:
            makers[cell] = outcome.made
    return {"fits": fits, "made": makers}
