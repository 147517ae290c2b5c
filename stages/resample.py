"""Stage resample: for each fold, which training rows a strategy keeps or repeats, and the synthetic rows it makes."""

from __future__ import annotations

import argparse
import time

from tqdm import tqdm

from stages import config, files, paths
from stages.config import Strategy, seed_for
from stages.data import parts as splits
from stages.data import tables
from stages.data.parts import Fold
from stages.data.tables import Table
from stages.errors import NotApplicable, guarded
from stages.remedies import resampling, samplers
from stages.remedies.outcome import FAILED, NOT_APPLICABLE, OK
from stages.remedies.resampling import FoldResult
from stages.remedies.samplers import Resampled


def resample(table: Table, fold: Fold, key: str, strategy: Strategy, seed: int) -> FoldResult:
    """Apply a strategy to one fold's training rows, and to no other row.

    A sampler that cannot run on these rows gives a result `not_applicable` with the library's reason, one that breaks
    gives `failed`.
    """
    y = table.y[fold.train]
    status, reason, made = OK, "", None
    try:
        made = samplers.resample(key, strategy, table.X[fold.train], y, table.cardinalities, seed)
        made = Resampled(fold.train[made.rows], made.synthetic, made.synthetic_y)
    except NotApplicable as error:
        status, reason = NOT_APPLICABLE, str(error)
    except MemoryError as error:
        status, reason = FAILED, f"out of memory: {error}"
    positives = int(y.sum())
    return FoldResult(fold.repeat, fold.fold, status, reason, (len(y) - positives, positives), made)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.resample", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    parser.add_argument("strategy", help="a key of params.yaml: strategies")
    arguments = parser.parse_args()
    name, key = arguments.dataset, arguments.strategy
    params = config.load()
    strategy = params.strategy(key)
    samplers.make(key, strategy, 0)  # a mistake in the parameters is told before any work
    table, parts = tables.read(paths.table(name)), splits.read(paths.split(name))
    results, measured = [], []
    for fold in tqdm(parts, desc=f"resample {name} {key}", unit="fold", disable=None):
        seed = seed_for(params.seed, name, key, "resample", fold.repeat, fold.fold)
        start = time.perf_counter()
        results.append(resample(table, fold, key, strategy, seed))
        seconds = time.perf_counter() - start
        if fold.repeat != parts.beside:  # what a second look takes is no cost of a remedy
            measured.append({"repeat": fold.repeat, "fold": fold.fold, "resample_seconds": seconds})
    resampling.write(paths.resampled(name, key), results, table)
    files.write_json(paths.measured(name, key) / "resample.json", measured)
    for reason in sorted({result.reason for result in results if result.reason}):
        print(f"{name} {key}: {reason}")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
