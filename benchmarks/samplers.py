"""The cleaning samplers against imbalanced-learn's: seconds, how many times faster, whether the
rows are the same, memory.

    python -m benchmarks.samplers                     TomekLinks and ENN at 228,000 rows
    python -m benchmarks.samplers --rows 57000 --only SMOTEENN  others, at another size
    python -m benchmarks.samplers --threads 1         as in a fit of the pipeline

The table is made up to resemble card payments: 30 columns, 0.2 % positives, of which a third lie
among the negatives, the negatives in five groups with heavy tails. Each sampler runs in a process
of its own, whose peak of memory is what it reports: libraries and the table itself, 300 MiB at
228,000 rows, are part of it. Exit status 1 says that some rows differ.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import time
from contextlib import nullcontext

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from counterpoise.core.errors import guarded

COLUMNS = 30
PREVALENCE = 0.002
USUAL = ("TomekLinks", "EditedNearestNeighbours")
NAMES = (
    *USUAL,
    "RepeatedEditedNearestNeighbours",
    "AllKNN",
    "NeighbourhoodCleaningRule",
    "CondensedNearestNeighbour",
    "OneSidedSelection",
    "SMOTETomek",
    "SMOTEENN",
)


def payments(rows: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Made-up payments: features of shape (rows, 30) and which are frauds, at least 6."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(5, COLUMNS))
    X = (
        random.normal(size=(rows, COLUMNS)) * random.gamma(4, 0.25, (rows, 1))
        + centres[random.integers(0, 5, rows)]
    )
    y = np.zeros(rows, np.int8)
    frauds = random.permutation(rows)[: max(6, round(PREVALENCE * rows))]
    y[frauds] = 1
    X[frauds] += random.choice([0.0, 1.0, 2.0], (len(frauds), 1)) * random.normal(1, 0.5, COLUMNS)
    return X, y


def measure(name: str, ours: bool, rows: int, threads: int | None) -> dict[str, object]:
    """Run one sampler in this process: wall and CPU seconds, rows left, their sum, peak memory in
    MiB."""
    import imblearn.combine
    import imblearn.under_sampling
    from threadpoolctl import threadpool_limits

    from counterpoise.samplers.fast_cleaning import cleaning

    module = (
        cleaning
        if ours
        else imblearn.combine
        if name.startswith("SMOTE")
        else imblearn.under_sampling
    )
    sampler = getattr(module, name)()
    if "random_state" in sampler.get_params():
        sampler.set_params(random_state=0)
    X, y = payments(rows)
    # what is loaded at the first use
    sampler.__class__(**sampler.get_params()).fit_resample(*payments(3000))
    with nullcontext() if threads is None else threadpool_limits(threads):
        wall, cpu = time.perf_counter(), time.process_time()
        made, labels = sampler.fit_resample(X, y)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 if sys.platform == "linux" else 1024**2
    )
    digest = hashlib.sha256(np.ascontiguousarray(made).tobytes() + labels.tobytes()).hexdigest()
    return {"seconds": wall, "cpu": cpu, "kept": len(labels), "digest": digest, "MiB": peak}


def compared(name: str, rows: int, threads: int | None) -> dict[str, object]:
    """One line of the table."""
    found = {}
    for ours in (True, False):
        command = [
            sys.executable,
            "-m",
            "benchmarks.samplers",
            "--rows",
            str(rows),
            "--measure",
            name,
        ]
        command += ["--ours"] * ours + (["--threads", str(threads)] if threads else [])
        found[ours] = json.loads(
            subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        )
    here, there = found[True], found[False]
    return {
        "sampler": name,
        "rows": rows,
        "kept": here["kept"],
        "seconds": here["seconds"],
        "theirs": there["seconds"],
        "times": there["seconds"] / here["seconds"],
        "CPU s": here["cpu"],
        "theirs CPU s": there["cpu"],
        "same rows": "yes" if here["digest"] == there["digest"] else "NO",
        "MiB": here["MiB"],
        "theirs MiB": there["MiB"],
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.samplers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=228_000, help="rows of the table (228000)")
    parser.add_argument(
        "--only", nargs="+", choices=NAMES, default=USUAL, metavar="NAME", help=", ".join(NAMES)
    )
    parser.add_argument("--threads", type=int, help="threads that either may use (all)")
    parser.add_argument("--measure", choices=NAMES, help=argparse.SUPPRESS)
    parser.add_argument("--ours", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure, asked.ours, asked.rows, asked.threads)))
        return 0
    lines = []
    for name in tqdm(asked.only, unit="sampler", disable=None):
        lines.append(compared(name, asked.rows, asked.threads))
        text = pd.DataFrame(lines[-1:]).to_string(
            index=False, float_format="{:,.2f}".format, col_space=12
        )
        # each as it is there: a line may take minutes
        tqdm.write("\n".join(text.splitlines()[len(lines) > 1 :]))
    return int(any(line["same rows"] == "NO" for line in lines))


if __name__ == "__main__":
    raise SystemExit(guarded(main, bring_back=False)())
