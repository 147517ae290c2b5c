"""Stage resample: for each fold, which training rows a strategy keeps or repeats, and the synthetic rows it makes."""

from __future__ import annotations

import argparse
import time
from functools import partial
from operator import attrgetter, itemgetter

from tqdm import tqdm

from stages import config, files, paths, pool
from stages.config import Params, Strategy, seed_for
from stages.data import parts as splits
from stages.data import tables
from stages.data.parts import Fold
from stages.data.tables import Table
from stages.errors import NotApplicable, guarded
from stages.pool import Killed
from stages.remedies import resampling, samplers
from stages.remedies.outcome import FAILED, NOT_APPLICABLE, OK
from stages.remedies.resampling import FoldResult


def resample(table: Table, fold: Fold, key: str, strategy: Strategy, seed: int) -> FoldResult:
    """Apply a strategy to one fold's training rows, and to no other row.

    A sampler that cannot run on these rows gives a result `not_applicable` with the library's reason, one that breaks
    gives `failed`.
    """
    y = table.y[fold.train]
    status, reason, made = OK, "", None
    try:
        made = samplers.resample(key, strategy, table.X, table.y, table.cardinalities, seed, fold.train)
    except NotApplicable as error:
        status, reason = NOT_APPLICABLE, str(error)
    except MemoryError as error:
        status, reason = FAILED, f"out of memory: {error}"
    positives = int(y.sum())
    return FoldResult(fold.repeat, fold.fold, status, reason, (len(y) - positives, positives), made)


def timed(params: Params, dataset: str, key: str, table: Table, fold: Fold) -> tuple[FoldResult, float]:
    """The same with the seconds that it took, on one thread: folds are resampled side by side."""
    from threadpoolctl import threadpool_limits

    seed = seed_for(params.seed, dataset, key, "resample", fold.repeat, fold.fold)
    with threadpool_limits(1):
        start = time.perf_counter()
        return resample(table, fold, key, params.strategies[key], seed), time.perf_counter() - start


def killed(table: Table, fold: Fold, reason: str) -> FoldResult:
    """A fold whose process was killed."""
    positives = int(table.y[fold.train].sum())
    return FoldResult(fold.repeat, fold.fold, FAILED, reason, (len(fold.train) - positives, positives), None)


def warm_up() -> None:
    """Import what the samplers of params.yaml need."""
    for key, strategy in config.load().strategies.items():
        samplers.make(key, strategy, 0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.resample", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    parser.add_argument("strategy", help="a key of params.yaml: strategies")
    arguments = parser.parse_args()
    name, key = arguments.dataset, arguments.strategy
    params = config.load()
    samplers.make(key, params.strategy(key), 0)  # a mistake in the parameters is told before any work
    table, parts = tables.read(paths.table(name)), splits.read(paths.split(name))
    results, measured = [], []
    done = pool.side_by_side(partial(timed, params, name, key, table), list(parts), kind=len)
    for fold, made in tqdm(done, total=len(parts), desc=f"resample {name} {key}", unit="fold", disable=None):
        if isinstance(made, Killed):
            results.append(killed(table, fold, made.reason))
            continue
        results.append(made[0])
        if fold.repeat != parts.beside:  # what a second look takes is no cost of a remedy
            measured.append({"strategy": key, "repeat": fold.repeat, "fold": fold.fold, "resample_seconds": made[1]})
    results.sort(key=attrgetter("repeat", "fold"))
    resampling.write(paths.resampled(name, key), results, table)
    files.write_json(paths.measured(name, key) / "resample.json", sorted(measured, key=itemgetter("repeat", "fold")))
    for reason in sorted({result.reason for result in results if result.reason}):
        print(f"{name} {key}: {reason}")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
