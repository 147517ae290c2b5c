"""How much sooner two Dask workers are done than one, with fits of the size of the credit-card
data.

A made-up table of 284,807 rows, 30 features and 492 positives in five folds, and the models of
params.yaml that fit within a minute there; workers are processes of one thread on this machine,
which should have a core for each and nothing else to do. What is timed runs from the first
connection to the last result, the sending of the table included. The scores have to be the same
bytes.

The workers import this package: run it from the root of the repository, or have that on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from counterpoise.core.config import Model, StratifiedKFold
from counterpoise.core.outcome import attempted
from counterpoise.core.seeds import seed_for
from counterpoise.data import splitters
from counterpoise.data.tables import Table
from counterpoise.engine import dask_cluster
from counterpoise.engine.fit import FitJob, fit

ROWS, FEATURES, POSITIVES = 284_807, 30, 492
MODELS = {
    "xgboost": Model(params={"n_estimators": 100}),
    "xgboost_weighted": Model(params={"n_estimators": 100}),
    "hist_gradient_boosting": Model(),
    "logistic_regression": Model(params={"max_iter": 1000}),
}
LIMIT = 0.6
"""What two workers may take at most of the time of one."""


def made_up(rows: int) -> Table:
    """A table like the credit-card data: rare positives that some features tell apart, and not
    wholly."""
    random, positives = np.random.default_rng(1), max(10, round(POSITIVES * rows / ROWS))
    y = np.zeros(rows, np.int8)
    y[random.choice(rows, positives, replace=False)] = 1
    X = random.normal(size=(rows, FEATURES))
    X[:, :6] += y[:, None] * random.normal(1.5, 0.7, size=(rows, 6))
    return Table(tuple(f"v{k}" for k in range(FEATURES)), X, y)


def jobs(table: Table) -> Iterator[dask_cluster.Job]:
    """Every model in every fold, folds one after another."""
    for fold in splitters.split(table, StratifiedKFold(folds=5, repeats=1), 1, "made_up"):
        for name, entry in MODELS.items():
            seed = seed_for(1, name, fold.repeat, fold.fold)
            work = FitJob(
                name,
                entry,
                seed,
                table.X,
                table.y,
                table.cardinalities,
                fold.train,
                fold.validation,
                fold.test,
                fold.train,
                table.X[:0],
                table.y[:0],
            )
            yield (name, fold.repeat, fold.fold), work


def fitted(job: dask_cluster.Job) -> bytes | str:
    """The scores of a fit, or why there are none."""
    _, reason, result = attempted(partial(fit, job[1]))
    return reason if result is None else result.test.tobytes() + result.validation.tobytes()


def timed(workers: int, every: list[dask_cluster.Job]) -> tuple[float, float, dict[Any, bytes]]:
    """Seconds of all fits on so many workers, CPU seconds of the busiest worker, and the scores."""
    from distributed import Client, LocalCluster

    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        memory_limit="4GiB",
        dashboard_address=":0",
    ) as local:
        os.environ[dask_cluster.ADDRESS] = local.scheduler_address
        start, scores = time.perf_counter(), dict[Any, bytes]()
        results = dask_cluster.side_by_side(fitted, every)
        for (place, _), result in tqdm(
            results, total=len(every), desc=f"{workers} workers", disable=None
        ):
            assert isinstance(result, bytes), result
            scores[place] = result
        seconds = time.perf_counter() - start
        with Client(local.scheduler_address) as client:
            return seconds, max(client.run(time.process_time).values()), scores


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument(
        "--rows", type=int, default=ROWS, help=f"rows of the table (default {ROWS:,})"
    )
    table = made_up(parser.parse_args().rows)
    every = list(jobs(table))
    (one, busy_one, scores), (two, busy_two, same) = (timed(workers, every) for workers in (1, 2))
    print(f"{len(table):,} rows, {len(every)} fits: {one:.1f} s on one worker, {two:.1f} s on two")
    print(
        f"CPU seconds of the busiest worker: {busy_one:.1f} and {busy_two:.1f}, ratio"
        f" {busy_two / busy_one:.2f}"
    )
    print(
        f"ratio {two / one:.2f}, at most {LIMIT} wanted;"
        f" {'the same' if scores == same else 'OTHER'} scores"
    )


if __name__ == "__main__":
    main()
