"""Stage train: for each model and fold, scores of the test rows and of the validation slice."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from joblib.memory import MemorizedFunc
from tqdm import tqdm

from stages import config, files, paths, pool
from stages.config import Model, Params, seed_for
from stages.data import parts as splits
from stages.data import tables
from stages.data.parts import Fold, Parts
from stages.data.tables import Table
from stages.errors import guarded
from stages.pool import Killed
from stages.remedies import cluster, costs, devices, models, resampling, store
from stages.remedies.fit import Fitted, Work
from stages.remedies.learning import Vector
from stages.remedies.outcome import FAILED, OK, attempted

T = TypeVar("T")

Place = tuple[str, int, int]
"""A cell's model with a repeat and a fold."""

Outcome = tuple[str, str, Fitted | None]
"""Status, reason, and what the fit left behind."""


def works(
    params: Params, dataset: str, strategy: str, table: Table, parts: Parts, made: dict[tuple[int, int], Any],
    stakes: Vector, partitioned: bool = False,
) -> Iterator[tuple[Place, Fold, Work]]:  # fmt: skip
    """Every fit of a strategy on a dataset; what is at stake in a row is told to the models that ask for it alone.

    With `partitioned` one fit goes over all machines of a cluster where the model can.

    A model's seed does not depend on the strategy: two strategies that are compared draw the same random numbers.
    """
    for fold in parts:
        if fold[:2] not in made:
            continue
        rows, synthetic, synthetic_y = made[fold.repeat, fold.fold]
        for key in params.models_of(strategy):
            seed = seed_for(params.seed, dataset, key, "fit", fold.repeat, fold.fold)
            entry = params.models[key]
            work = Work(key, entry, seed, table.X, table.y, table.cardinalities, fold.train, fold.validation, fold.test,
                        rows, synthetic, synthetic_y, (strategy, params.strategies[strategy]),
                        stakes if entry.costs is not None else None, devices.resolved(entry.device),
                        partitioned and models.can_be_partitioned(key, entry))  # fmt: skip
            yield (key, fold.repeat, fold.fold), fold, work


def keyed(jobs: Iterator[tuple[Place, Fold, Work]]) -> Iterator[tuple[Place, str, Work]]:
    """Each fit with the hash of its inputs."""
    environment, table, folds = store.environment(), "", dict[tuple[int, int], str]()
    for place, fold, work in jobs:
        table = table or store.inputs(work.X, work.y)
        if fold[:2] not in folds:
            folds[fold[:2]] = store.inputs(*fold[2:], work.rows, work.synthetic, work.synthetic_y)
        yield place, store.key(work, table, folds[fold[:2]], environment), work


def run(jobs: list[tuple[Place, str, Work]], label: str) -> tuple[dict[Place, Outcome], int]:
    """Fit what the store does not hold, all cores at work; returns the outcomes and how many were fitted."""
    kept = store.opened()
    known = {place: (key, work) for place, key, work in jobs if store.has(kept, key)}
    outcomes = {place: _attempt(kept, key, work) for place, (key, work) in known.items()}
    fresh = [job for job in jobs if job[0] not in known]
    if fresh and cluster.address() is not None:
        with cluster.connected() as client:
            for place, key, outcome in _shown(cluster.outcomes(client, fresh), len(fresh), label):
                if outcome[2] is not None:
                    store.keep(kept, key, outcome[2])
                outcomes[place] = outcome
    elif fresh:
        _import({work.key: work.entry for *_, work in fresh})
        done = pool.side_by_side(partial(_one, kept), fresh, kind=_model_of)
        for (place, *_), result in _shown(done, len(fresh), label):
            outcomes[place] = (FAILED, result.reason, None) if isinstance(result, Killed) else result
    if fresh and store.untidy():
        store.tidy()
    return outcomes, len(fresh)


def _shown(done: Iterable[T], total: int, label: str) -> Iterator[T]:
    """The same with a bar."""
    return iter(tqdm(done, total=total, desc=f"train {label}", unit="fit", disable=None))


def warm_up() -> None:
    """Import what the models of params.yaml need, and read what the sources of a fit import, which takes a while too."""
    _import(config.load().models)
    store.environment()


def _import(entries: Mapping[str, Model]) -> None:
    """Import what the models need once, before the processes that fit them are forked."""
    for key, entry in entries.items():
        with suppress(Exception):  # what cannot be imported is told by the cell
            models.make(key, entry, 0)
            models.kind_of(key, entry).ready()


def _model_of(job: tuple[Place, str, Work]) -> str:
    return job[0][0]


def _one(kept: MemorizedFunc, job: tuple[Place, str, Work]) -> Outcome:
    return _attempt(kept, *job[1:])


def _attempt(kept: MemorizedFunc, key: str, work: Work) -> Outcome:
    """A model that cannot be fitted is a result with its reason; the other cells go on."""
    return attempted(lambda: kept(key, work))


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


Fits = list[tuple[tuple[int, int], Fitted]]
"""The fits of one model, each with its repeat and fold."""


def histories(fits: Fits) -> pd.DataFrame:
    """The learning curves of all folds: one row a step and series."""
    pieces = [
        pd.DataFrame(fit.history).melt("step", var_name="series").assign(repeat=repeat, fold=fold)
        for (repeat, fold), fit in fits
        if fit.history
    ]
    return pd.concat(pieces, ignore_index=True)[["repeat", "fold", "series", "step", "value"]]


def trials(fits: Fits) -> list[dict[str, Any]]:
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
    return {"status": status, "reason": f"{reason} ({_first_of(bad, repeat, fold)})", "notes": notes, "folds": facts}


def not_resampled(counts: list[dict[str, Any]]) -> tuple[str, str] | None:
    """Status and reason of every cell of a strategy whose sampler did not run in each fold."""
    bad = [count for count in counts if count["status"] != OK]
    if not bad:
        return None
    return bad[0]["status"], f"{bad[0]['reason']} ({_first_of(bad, bad[0]['repeat'], bad[0]['fold'])})"


def _first_of(bad: list[Any], repeat: int, fold: int) -> str:
    """Where the first of several folds that gave no result lies, and how many follow it."""
    return f"repeat {repeat}, fold {fold}" + (f" and {len(bad) - 1} more" if len(bad) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.train", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    parser.add_argument("strategy", help="a key of params.yaml: strategies")
    arguments = parser.parse_args()
    name, strategy = arguments.dataset, arguments.strategy
    params = config.load()
    params.strategy(strategy)
    for key in params.models_of(strategy):
        models.check_strategies(key, params.models[key])
    start = time.perf_counter()
    cells: dict[str, Any] = {}
    measured: list[dict[str, Any]] = []
    counts, parts = resampling.read_counts(paths.resampled(name, strategy)), splits.read(paths.split(name))
    refused = not_resampled([count for count in counts if count["repeat"] != parts.beside])
    folder = paths.scores(name, strategy)
    if refused is not None:
        cells = {
            key: {"status": refused[0], "reason": refused[1], "notes": [], "folds": []}
            for key in params.models_of(strategy)
        }
        print(f"{name} {strategy}: {refused[0]}: {refused[1]}")
    else:
        table = tables.read(paths.table(name))
        made = resampling.read_rows(paths.resampled(name, strategy), table)
        stakes = costs.read(paths.costs(name)).stakes
        partitioned = params.dataset(name).distributed
        if partitioned and cluster.address() is None:
            print(f"{name}: distributed, and no cluster is named (DASK_SCHEDULER_ADDRESS): fitted on this machine")
        partitioned = partitioned and cluster.address() is not None
        jobs = list(keyed(works(params, name, strategy, table, parts, made, stakes, partitioned)))
        outcomes, fitted = run(jobs, f"{name} {strategy}")
        for key in params.models_of(strategy):
            cells[key] = summary(key, outcomes, parts.beside) | {"device": devices.resolved(params.models[key].device)}
            if cells[key]["status"] == OK:
                pieces = [scores_of(work, *place[1:], fit) for place, _, work in jobs
                          if place[0] == key and (fit := outcomes[place][2]) is not None]  # fmt: skip
                files.write_parquet(folder / f"{key}.parquet", pd.concat(pieces, ignore_index=True))
                fits = [(place[1:], fit) for place, _, _ in jobs if place[0] == key and (fit := outcomes[place][2])]
                if any(fit.history for _, fit in fits):
                    files.write_parquet(folder / f"{key}.history.parquet", histories(fits))
                if any(fit.trials for _, fit in fits):
                    files.write_json(folder / f"{key}.trials.json", trials(fits))
            else:
                print(f"{name} {strategy} {key}: {cells[key]['status']}: {cells[key]['reason']}")
        measured = [
            {"model": place[0], "repeat": place[1], "fold": place[2], "fit_seconds": fit.fit_seconds,
             "predict_seconds": fit.predict_seconds, "peak_bytes": fit.peak_bytes}
            for place, _, _ in jobs if place[1] != parts.beside and (fit := outcomes[place][2]) is not None
        ]  # fmt: skip
        print(
            f"{name} {strategy}: {fitted} fits, {len(jobs) - fitted} from the store, {time.perf_counter() - start:.1f} s"
        )
    files.write_json(folder / "cells.json", {"counts": counts, "models": cells})
    files.write_json(paths.measured(name, strategy) / "train.json", measured)


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
