"""How much memory and time each stage takes on a made-up table of many rows or columns.

    python -m benchmarks.large --folder /var/tmp/large                 10,000,000 rows of 30 numbers
    python -m benchmarks.large --folder /var/tmp/large --rows 1000000  the same, smaller
    python -m benchmarks.large --folder /var/tmp/wide --rows 5000 --columns 5000 --prevalence 0.05

The table is written to the folder in batches, with a params.yaml beside it, and each stage runs
there as the process that `dvc repro` would start. What is told is the most memory that this process
and those it starts hold at one moment: on Linux memory that several of them share counts once (the
proportional set size), elsewhere each one's resident memory is added up. The table of 10,000,000
rows takes about 15 GB of disk with all results; the folder is left as it is.

Exit status 1 says that a stage failed or held more than --limit.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from counterpoise.core import yaml12
from counterpoise.core.paths import REPOSITORY

NAME = "large"
BATCH = 250_000
PREVALENCE = 0.002
INFORMATIVE = 10
"""So many columns know of the label; the others are noise."""

STRATEGIES = ("none", "random_over", "random_under", "smote")
EVERY = 0.1
"""Seconds between two looks at a stage's memory."""


class Measured(NamedTuple):
    """One stage: its name, seconds, those of all its processors, the most bytes held, and its exit
    status."""

    stage: str
    seconds: float
    cpu: float
    peak: int
    status: int


def batches(
    rows: int, columns: int, prevalence: float = PREVALENCE, texts: int = 0, seed: int = 1
) -> Iterator[pa.RecordBatch]:
    """Rows whose label depends on some of the columns; each batch has random numbers of its own.

    The first column of texts has 4 labels, each further one five times as many.
    """
    for start in range(0, rows, BATCH):
        random = np.random.default_rng([seed, start])
        many = min(BATCH, rows - start)
        y = random.random(many) < prevalence
        X = random.normal(size=(columns, many))
        X[:INFORMATIVE] += y * np.linspace(0.2, 1.5, min(INFORMATIVE, columns))[:, None]
        arrays = [pa.array(y.astype(np.int8)), *map(pa.array, X)]
        for k in range(texts):
            labels = 4 * 5**k
            # positives prefer the first labels
            codes = (labels * random.random(many) ** (1 + y)).astype(np.int32)
            arrays.append(pa.array([f"label {code}" for code in range(labels)]).take(codes))
        names = [*(f"x{k}" for k in range(columns)), *(f"text{k}" for k in range(texts))]
        yield pa.RecordBatch.from_arrays(arrays, ["label", *names])


def make(
    folder: Path,
    rows: int,
    columns: int,
    trees: int,
    strategies: Sequence[str] = STRATEGIES,
    models: Sequence[str] = ("xgboost",),
    *,
    folds: int = 1,
    prevalence: float = PREVALENCE,
    texts: int = 0,
) -> None:
    """Write the table, unless it is there, and its params.yaml."""
    path = folder / "data" / f"{NAME}_{rows}_{columns}_{texts}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        part = path.with_suffix(".part")
        made = batches(rows, columns, prevalence, texts)
        first = next(made)
        with (
            pq.ParquetWriter(part, first.schema) as writer,
            tqdm(total=rows, unit="row", disable=None) as bar,
        ):
            while first is not None:
                writer.write_batch(first)
                bar.update(len(first))
                first = next(made, None)
        part.replace(path)
    (folder / "params.yaml").write_text(
        yaml12.dump(
            {
                "seed": 1,
                "datasets": {
                    NAME: {"path": str(path.relative_to(folder)), "target": "label", "positive": 1}
                },
                "split": {"scheme": "holdout", "test_size": 0.2, "validation": 0.1}
                if folds == 1
                else {"scheme": "stratified_kfold", "folds": folds, "repeats": 1},
                "strategies": {name: {} for name in strategies},
                "models": {
                    name: {"params": {"n_estimators": trees}} if name == "xgboost" else {}
                    for name in models
                },
                "goal": "ranking",
                "worth": {},
                "thresholds": {},
                "costs": {},
            }
        )
    )


STAGES = ("fetch", "split", "audit", "resample", "train", "evaluate", "report", "compare", "track")


def held(process: psutil.Process) -> int:
    """Bytes that a process and all that it started hold."""
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for member in family:
        try:
            total += (
                member.memory_full_info().pss
                if sys.platform == "linux"
                else member.memory_info().rss
            )
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def measured(stage: str, folder: Path) -> Measured:
    """Run one stage in the folder."""
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    start, before, peak = time.perf_counter(), _cpu_seconds(), 0
    with subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}", *([] if stage == "compare" else [NAME])],
        cwd=folder,
        env={
            "MLFLOW_TRACKING_URI": f"sqlite:///{(folder / 'mlflow.db').resolve()}",
            **os.environ,
            "PYTHONPATH": path,
        },
    ) as running:
        process = psutil.Process(running.pid)
        while running.poll() is None:
            peak = max(peak, held(process))
            time.sleep(EVERY)
    cpu = _cpu_seconds() - before
    return Measured(stage, time.perf_counter() - start, cpu, peak, running.returncode)


def _cpu_seconds() -> float:
    """What all processes that this one started and that have ended took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table_of(results: Sequence[Measured]) -> str:
    """The results as a table in Markdown."""
    lines = ["| stage | seconds | CPU seconds | most memory, GiB |", "|---|---|---|---|"]
    for result in results:
        failed = f" (exit status {result.status})" if result.status else ""
        lines.append(
            f"| {result.stage}{failed} | {result.seconds:.0f} | {result.cpu:.0f} |"
            f" {result.peak / 2**30:.2f} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.large",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--folder", type=Path, required=True, help="where the table and all results are written"
    )
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the table (10000000)")
    parser.add_argument("--columns", type=int, default=30, help="numbers in a row (30)")
    parser.add_argument("--texts", type=int, default=0, help="texts in a row (0)")
    parser.add_argument(
        "--prevalence", type=float, default=PREVALENCE, help=f"share of positives ({PREVALENCE})"
    )
    parser.add_argument("--strategies", nargs="+", default=STRATEGIES)
    parser.add_argument("--models", nargs="+", default=["xgboost"])
    parser.add_argument("--folds", type=int, default=1, help="1 is a holdout (1)")
    parser.add_argument("--trees", type=int, default=100, help="trees of XGBoost (100)")
    parser.add_argument(
        "--limit", type=float, default=8, help="GiB that no stage may go beyond (8)"
    )
    parser.add_argument(
        "--stages", nargs="+", default=None, help="run these alone, such as fetch train"
    )
    asked = parser.parse_args()
    make(
        asked.folder,
        asked.rows,
        asked.columns,
        asked.trees,
        asked.strategies,
        asked.models,
        folds=asked.folds,
        prevalence=asked.prevalence,
        texts=asked.texts,
    )
    results = []
    for stage in tqdm(
        [name for name in STAGES if name in (asked.stages or STAGES)], unit="stage", disable=None
    ):
        results.append(measured(stage, asked.folder))
        if results[-1].status:
            break
    size = f"{asked.rows:,} rows of {asked.columns} numbers and {asked.texts} texts"
    print(f"{size}\n\n{table_of(results)}")
    return int(any(result.status or result.peak > asked.limit * 2**30 for result in results))


if __name__ == "__main__":
    raise SystemExit(main())
