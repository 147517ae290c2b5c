"""Stage train: for each model and fold, scores of the test rows and of the validation slice."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from stages import config, files, paths, staying
from stages.data import parts as splits
from stages.errors import guarded
from stages.remedies import cluster, devices, models
from stages.remedies.fit import Fitted, Work
from stages.remedies.fits import Fits, Outcome, Place, first_of, warm_up
from stages.remedies.outcome import OK
from stages.revision import origin

__all__ = ["warm_up"]  # for `stages.forkserver`


def scores_of(work: Work, repeat: int, fold: int, fitted: Fitted) -> pd.DataFrame:
    """The scores of one fold as rows of the stored table."""
    rows = np.concatenate([work.test, work.validation]).astype(np.int32)
    part = np.repeat(np.array([splits.TEST, splits.VALIDATION], np.uint8), [len(work.test), len(work.validation)])
    return pd.DataFrame(
        {
            "repeat": np.full(len(rows), repeat, np.int16),
            "fold": np.full(len(rows), fold, np.int16),
            "part": part,
            "row": rows,
            "score": np.concatenate([fitted.test, fitted.validation]),
        }
    )


OfModel = list[tuple[tuple[int, int], Fitted]]
"""The fits of one model, each with its repeat and fold."""


def histories(fits: OfModel) -> pd.DataFrame:
    """The learning curves of all folds: one row a step and series."""
    pieces = [
        pd.DataFrame(fit.history).melt("step", var_name="series").assign(repeat=repeat, fold=fold)
        for (repeat, fold), fit in fits
        if fit.history
    ]
    return pd.concat(pieces, ignore_index=True)[["repeat", "fold", "series", "step", "value"]]


def trials(fits: OfModel) -> list[dict[str, Any]]:
    """The trials of all folds."""
    return [{"repeat": repeat, "fold": fold, **trial} for (repeat, fold), fit in fits for trial in fit.trials]


def summary(key: str, outcomes: dict[Place, Outcome], beside: int | None = None) -> dict[str, Any]:
    """The status of one cell over its folds, with the reason, the notes and the facts of its fits.

    The repeat `beside` has facts alone: a cell that fails nowhere else is in the comparison.
    """
    every = [(place, outcome) for place, outcome in sorted(outcomes.items()) if place[0] == key]
    facts = [{"repeat": p[1], "fold": p[2], **o[2].facts} for p, o in every if o[2] is not None]
    mine = [(place, outcome) for place, outcome in every if place[1] != beside]
    bad = [(place, outcome) for place, outcome in mine if outcome[0] != OK]
    notes = sorted({note for _, outcome in mine if outcome[2] is not None for note in outcome[2].notes})
    if not bad:
        return {"status": OK, "reason": "", "notes": notes, "folds": facts}
    (_, repeat, fold), (status, reason, _) = bad[0]
    return {"status": status, "reason": f"{reason} ({first_of(bad, repeat, fold)})", "notes": notes, "folds": facts}


def write(fits: Fits, strategy: str) -> None:
    """Fit a strategy's models and write what came of it."""
    start = time.perf_counter()
    name, params, folder = fits.dataset, fits.params, paths.scores(fits.dataset, strategy)
    params.strategy(strategy)
    for key in params.models_of(strategy):
        models.check_strategies(key, params.models[key])
    plan = fits.plan(strategy)
    cells: dict[str, Any] = {}
    measured: list[dict[str, Any]] = []
    if plan.refused is not None:
        status, reason = plan.refused
        told = {"status": status, "reason": reason, "notes": [], "folds": []}
        told["key"] = files.digest(files.canonical(plan.counts))
        cells = {key: dict(told) for key in params.models_of(strategy)}
        print(f"{name} {strategy}: {status}: {reason}")
    else:
        if params.dataset(name).distributed and cluster.address() is None:
            print(f"{name}: distributed, and no cluster is named ({cluster.ADDRESS}): fitted on this machine")
        beside, jobs, outcomes = fits.parts.beside, plan.jobs, fits.outcomes(plan)
        for key in params.models_of(strategy):
            cells[key] = summary(key, outcomes, beside) | {
                "device": devices.resolved(params.models[key].device),
                "key": files.digest(*sorted(f"{place[1:]} {fit}" for place, fit, _ in jobs if place[0] == key)),
            }
            if cells[key]["status"] == OK:
                pieces = [scores_of(work, *place[1:], fit) for place, _, work in jobs
                          if place[0] == key and (fit := outcomes[place][2]) is not None]  # fmt: skip
                files.write_parquet(folder / f"{key}.parquet", pd.concat(pieces, ignore_index=True))
                found = [(place[1:], fit) for place, _, _ in jobs if place[0] == key and (fit := outcomes[place][2])]
                if any(fit.history for _, fit in found):
                    files.write_parquet(folder / f"{key}.history.parquet", histories(found))
                if any(fit.trials for _, fit in found):
                    files.write_json(folder / f"{key}.trials.json", trials(found))
            else:
                print(f"{name} {strategy} {key}: {cells[key]['status']}: {cells[key]['reason']}")
        measured = [
            {"strategy": strategy, "model": place[0], "repeat": place[1], "fold": place[2], "fit_seconds": fit.fit_seconds,
             "predict_seconds": fit.predict_seconds, "peak_bytes": fit.peak_bytes}
            for place, _, _ in jobs if place[1] != beside and (fit := outcomes[place][2]) is not None
        ]  # fmt: skip
        seconds = f"{time.perf_counter() - start:.1f} s"
        print(f"{name} {strategy}: {len(jobs) - len(plan.stored)} fits, {len(plan.stored)} from the store, {seconds}")
    files.write_json(folder / "cells.json", {"counts": plan.counts, "models": cells})
    here = asdict(origin())
    made = {f"{strategy}/{key}": here for key in cells}
    files.write_json(paths.measured(name, strategy) / "train.json", {"fits": measured, "made": made})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.train", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    parser.add_argument("strategy", help="a key of params.yaml: strategies")
    asked = parser.parse_args()
    fits = Fits(config.load(), asked.dataset)
    try:
        while True:
            if not fits.current:
                fits.close()
                fits = Fits(config.load(), asked.dataset)
            write(fits, asked.strategy)
            if staying.control is None:
                return
            staying.done(stays=fits.goes_ahead)
            if not fits.goes_ahead:
                return
            fits.go_ahead(staying.control)
            next_one = staying.asked()
            if next_one is None:
                return
            asked = parser.parse_args(next_one[1:])  # of the same dataset
    finally:
        fits.close()


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
