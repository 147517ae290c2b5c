"""Oversampling with and without copies of the table: seconds, memory, and whether the new rows are
the same.

    python -m benchmarks.oversampling --rows 1000000                  SMOTE, in float32
    python -m benchmarks.oversampling --rows 8000000 --dtype float64

A line of the table is two processes: ours (`counterpoise.samplers.registry.resample`), and a bare
script's, which imputes and scales all rows with scikit-learn and hands them to imbalanced-learn.
The memory is the peak beyond the table itself, which both are given. Exit status 1 says that some
new rows differ.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from counterpoise.core.config import Strategy
from counterpoise.core.errors import NotApplicable, guarded
from counterpoise.data.tables import Table
from counterpoise.samplers import registry as samplers

SAMPLERS = ("smote", "adasyn", "borderline_smote")
"""The last two run imbalanced-learn's class on the whole table, as a bare script does."""
SEED = 7
BLOCK = 100_000


def table_of(rows: int, features: int, positives: float, dtype: str) -> Table:
    """Numbers of different scales, one in a hundred missing, the positives a little apart.

    Made in blocks, so that the table itself is all it takes, and column after column, as pandas
    hands a table over.
    """
    random = np.random.default_rng(SEED)
    y = (random.random(rows) < positives).astype(np.int8)
    X = np.empty((rows, features), dtype, order="F")
    scales = 10.0 ** random.integers(-2, 3, features)
    for start in range(0, rows, BLOCK):
        block = random.normal(size=X[start : start + BLOCK].shape) + y[start : start + BLOCK, None]
        block[random.random(block.shape) < 0.01] = np.nan
        X[start : start + BLOCK] = block * scales
    return Table(tuple(f"x{k}" for k in range(features)), X, y)


def ours(sampler: str, table: Table) -> np.ndarray:
    """New rows as the pipeline makes them."""
    return samplers.resample(
        sampler, Strategy(), table.X, table.y, table.cardinalities, SEED
    ).synthetic


def bare(sampler: str, table: Table) -> np.ndarray:
    """New rows as the libraries' own documentation makes them."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaling = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    sampler_ = samplers.make(sampler, Strategy(), SEED)
    made, _ = sampler_.fit_resample(scaling.fit_transform(table.X), table.y)
    return np.asarray(scaling[-1].inverse_transform(made[len(table) :]))


WAYS = {"ours": ours, "bare": bare}


def measure(way: str, sampler: str, table: Table) -> dict[str, Any]:
    """Seconds, the peak of memory beyond the table in bytes, and a digest of the new rows."""
    WAYS[way](sampler, table_of(1_000, 3, 0.2, "float32"))  # what is imported and set up once
    before, wall, cpu = _peak(), time.perf_counter(), time.process_time()
    made = WAYS[way](sampler, table)
    seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {
        **seconds,
        "bytes": _peak() - before,
        "rows": len(made),
        "made": made.nbytes,
        "digest": hashlib.sha256(np.ascontiguousarray(made)).hexdigest(),
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def compared(given: argparse.Namespace) -> tuple[str, bool]:
    """The table to print, and whether all new rows are the same."""
    lines: list[Sequence[str]] = [
        ("sampler", "way", "seconds", "CPU seconds", "memory / MB", "new rows", "same")
    ]
    alike = True
    jobs = [(sampler, way) for sampler in given.samplers for way in WAYS]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for sampler, way in tqdm(jobs, desc="oversampling", disable=None):
        asked = [
            sys.executable,
            "-m",
            "benchmarks.oversampling",
            "--one",
            way,
            "--samplers",
            sampler,
            "--rows",
            given.rows,
            "--features",
            given.features,
            "--positives",
            given.positives,
            "--dtype",
            given.dtype,
        ]
        done = subprocess.run([*map(str, asked)], stdout=subprocess.PIPE, text=True, check=False)
        found[sampler, way] = json.loads(done.stdout) if done.returncode == 0 else {}
    for sampler, way in jobs:
        one, digest = found[sampler, way], found[sampler, "ours"].get("digest")
        if not one:
            lines.append((sampler, way, "did not end: out of memory?", "", "", "", ""))
            continue
        same = one["digest"] == digest
        alike &= same
        numbers = f"{one['wall']:.1f}", f"{one['cpu']:.1f}", f"{one['bytes'] / 1e6:,.0f}"
        lines.append(
            (
                sampler,
                way,
                *numbers,
                f"{one['rows']:,} ({one['made'] / 1e6:,.0f} MB)",
                "yes" if same else "NO",
            )
        )
    size = given.rows * given.features * np.dtype(given.dtype).itemsize / 1e6
    head = (
        f"{given.rows:,} x {given.features}, {given.dtype}: {size:,.0f} MB, {given.positives:.2%}"
        " positives\n\n"
    )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return head + "\n".join(rows), alike


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.oversampling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument(
        "--positives", type=float, default=0.002, help="their share (default 0.002)"
    )
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument(
        "--samplers", nargs="+", choices=samplers.SAMPLERS, default=("smote",), metavar="SAMPLER"
    )
    parser.add_argument("--one", choices=tuple(WAYS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        table = table_of(given.rows, given.features, given.positives, given.dtype)
        try:
            print(json.dumps(measure(given.one, given.samplers[0], table)))
        except NotApplicable as error:
            print(error, file=sys.stderr)
            return 1
        return 0
    text, alike = compared(given)
    print(text)
    return 0 if alike else 1


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
