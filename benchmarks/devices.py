"""How long XGBoost's fits take on a GPU and on the CPU, as the stage `train` runs them.

    python -m benchmarks.devices                  10,000,000 rows of 30 numbers, a fit on each
    python -m benchmarks.devices --rows 1000000 --fits 16  the same work sixteen times

The made-up table is that of `benchmarks.large`; 80 of 100 rows are fitted, ten are scored, and ten
are the validation slice. Fits run side by side in processes of their own, with one thread each on
the CPU; all devices are timed on the same work. Beside the seconds of all fits stand those of the
first one, and how well its scores rank the test rows: trees that are grown on a GPU are not the
same trees. Exit status 1 says that a device is not there.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from sklearn.metrics import average_precision_score

from benchmarks.large import batches
from counterpoise.core.config import CPU, CUDA, Model
from counterpoise.engine import devices, parallel
from counterpoise.engine.fit import FitJob, FitResult, fit


def table(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels."""
    X, y, at = np.empty((rows, columns)), np.empty(rows, np.int8), 0
    for batch in batches(rows, columns):
        label, *numbers = batch.columns
        here = slice(at, at + len(batch))
        y[here] = label.to_numpy()
        for k, column in enumerate(numbers):
            X[here, k] = column.to_numpy()
        at += len(batch)
    return X, y


def works(X: np.ndarray, y: np.ndarray, device: str, fits: int, trees: int) -> list[FitJob]:
    """Fits of the same rows; what tells them apart is the seed."""
    order = np.random.default_rng(1).permutation(len(y))
    cuts = np.split(order, [int(0.8 * len(y)), int(0.9 * len(y))])
    train, validation, test = (np.sort(part) for part in cuts)
    entry = Model(device=device, params={"n_estimators": trees})
    return [
        FitJob(
            "xgboost",
            entry,
            seed,
            X,
            y,
            (0,) * X.shape[1],
            train,
            validation,
            test,
            train,
            X[:0],
            y[:0],
            device=device,
        )
        for seed in range(fits)
    ]


def timed(every: list[FitJob]) -> tuple[float, FitResult]:
    """Seconds until all fits are done, and the first one."""
    start, first = time.perf_counter(), None
    for work, fitted in parallel.side_by_side(fit, every):
        if isinstance(fitted, parallel.Killed):
            raise SystemExit(f"error: a fit on {work.device} was given up: {fitted.reason}.")
        first = first or fitted
    assert first is not None
    return time.perf_counter() - start, first


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.devices",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the table (10000000)")
    parser.add_argument("--columns", type=int, default=30, help="numbers in a row (30)")
    parser.add_argument("--trees", type=int, default=100, help="trees of XGBoost (100)")
    parser.add_argument("--fits", type=int, default=1, help="fits side by side (1)")
    parser.add_argument(
        "--devices", default=f"{CUDA},{CPU}", help=f"which, with commas between ({CUDA},{CPU})"
    )
    arguments = parser.parse_args()
    names = arguments.devices.split(",")
    for name in names:
        if (error := devices.missing(name, f"--devices {name}")) is not None:
            print(f"error: {name}: {error}", file=sys.stderr)
            return 1
    X, y = table(arguments.rows, arguments.columns)
    print(
        f"{len(y):,} rows of {X.shape[1]} numbers, {y.sum():,} positives, {arguments.trees} trees, "
        f"{arguments.fits} fits on {parallel.cores()} cores"
    )
    print(
        "| device | seconds of all fits | of one: fit | scores | average precision"
        " |\n|---|---|---|---|---|"
    )
    seconds = {}
    for name in names:
        every = works(X, y, name, arguments.fits, arguments.trees)
        seconds[name], first = timed(every)
        precision = average_precision_score(y[every[0].test], first.test)
        print(
            f"| {name} | {seconds[name]:.1f} | {first.fit_seconds:.1f} |"
            f" {first.predict_seconds:.1f} | {precision:.4f} |",
            flush=True,
        )
    if len(names) == 2:
        print(
            f"\n{names[1]} takes {seconds[names[1]] / seconds[names[0]]:.1f} times as long as"
            f" {names[0]}."
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
