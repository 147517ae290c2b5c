"""Resample every fold's training rows with each strategy, and store the result.

Indices of rows, synthetic rows and class counts are stored on disk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from counterpoise.core import files
from counterpoise.core.config import Params, Strategy
from counterpoise.core.outcome import FAILED, attempted
from counterpoise.core.seeds import seed_for
from counterpoise.core.types import Index, Labels, Matrix
from counterpoise.data.folds import Fold, Parts
from counterpoise.data.tables import ROLE, TARGET, Table, frame_of, read_matrix
from counterpoise.engine import cell_keys, parallel
from counterpoise.engine.cell_store import CellStore, StoredObject
from counterpoise.engine.parallel import Killed
from counterpoise.samplers import registry as samplers
from counterpoise.samplers.registry import Resampled

ROWS, SYNTHETIC, COUNTS = "rows.parquet", "synthetic.parquet", "counts.json"
REPEAT, FOLD = ROLE + "repeat", ROLE + "fold"


@dataclass(frozen=True)
class FoldResult:
    """A strategy's result on one fold.

    It has rows of the table and synthetic rows, or the reason why there are none.
    """

    repeat: int
    fold: int
    status: str
    reason: str
    before: tuple[int, int]
    """Negatives and positives among the training rows."""
    resampled: Resampled | None
    seconds: float | None = None
    """Time of resampling; None where the process was killed."""

    def counts(self, y: Labels) -> dict[str, Any]:
        """Count both classes before and after resampling.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Labels of the whole table.

        Returns
        -------
        dict
            An entry of `COUNTS`. It has the counts, the status with its reason, and a digest of the
            rows. The values after resampling are None where there is no result.
        """
        after: tuple[int | None, int | None] = (None, None)
        if self.resampled is not None:
            labels = np.concatenate([y[self.resampled.rows], self.resampled.synthetic_y])
            after = (int((labels == 0).sum()), int((labels == 1).sum()))
        return {
            "repeat": self.repeat,
            "fold": self.fold,
            "status": self.status,
            "reason": self.reason,
            "negatives_before": self.before[0],
            "positives_before": self.before[1],
            "negatives_after": after[0],
            "positives_after": after[1],
            "synthetic": None if self.resampled is None else len(self.resampled.synthetic_y),
            "digest": None if self.resampled is None else cell_keys.of_arrays(*self.resampled),
        }


class SampleJob(NamedTuple):
    """One strategy on one fold's training rows.

    Attributes
    ----------
    strategy : str
        Its key in params.yaml.
    fold : Fold
    key : str
        The job's key in the cell store.
    params : Params
    dataset : str
        Its key in params.yaml.
    table : Table
    """

    strategy: str
    fold: Fold
    key: str
    params: Params
    dataset: str
    table: Table


def of_dataset(
    params: Params, dataset: str, table: Table, parts: Parts, store: CellStore
) -> Iterator[tuple[str, list[FoldResult]]]:
    """Resample every fold with every strategy; known results come from the store.

    Parameters
    ----------
    params : Params
    dataset : str
        Its key in params.yaml.
    table : Table
    parts : Parts
    store : CellStore
        New results are added to it.

    Yields
    ------
    strategy : str
        A strategy whose folds are all done.
    results : list of FoldResult
        Sorted by repeat and fold.
    """
    hashed = cell_keys.of_table(table)
    jobs = [
        SampleJob(
            strategy,
            fold,
            cell_keys.of_rows(
                hashed, fold.train, (strategy, entry), _seed(params, dataset, strategy, fold)
            ),
            params,
            dataset,
            table,
        )
        for strategy, entry in params.strategies.items()
        for fold in parts.of(entry.seed)
    ]
    held = store.contains([job.key for job in jobs])
    store.fetch(held)
    made: dict[str, list[FoldResult]] = {strategy: [] for strategy in params.strategies}

    def known() -> Iterator[tuple[SampleJob, FoldResult | Killed]]:
        fresh = []
        for job in jobs:
            stored = store.get(job.key) if job.key in held else None
            if stored is None:  # not in the store, or malformed
                held.discard(job.key)
                fresh.append(job)
            else:
                yield job, _result_of(job, stored)
        # workers would hold several copies of a large table's results while they are transferred
        yield from parallel.few_here(_resample, fresh, alone=table.X.nbytes > parallel.LARGE_BYTES)

    for job, result in tqdm(
        known(), total=len(jobs), desc=f"{dataset}: folds resampled", unit="fold", disable=None
    ):
        if isinstance(result, Killed):
            result = FoldResult(
                job.fold.repeat,
                job.fold.fold,
                FAILED,
                result.reason,
                _classes(table, job.fold),
                None,
            )
        elif job.key not in held and result.status != FAILED:
            store.put(job.key, _stored_of(result))
        made[job.strategy].append(result)
        if len(made[job.strategy]) == len(parts):
            yield (
                job.strategy,
                sorted(made.pop(job.strategy), key=lambda one: (one.repeat, one.fold)),
            )


def _resample(job: SampleJob) -> FoldResult:
    """Resample on one thread: folds are resampled side by side."""
    from threadpoolctl import threadpool_limits

    strategy = job.strategy, job.params.strategies[job.strategy]
    seed = _seed(job.params, job.dataset, job.strategy, job.fold)
    with threadpool_limits(1):
        return resample(job.table, job.fold, *strategy, seed)


def _seed(params: Params, dataset: str, strategy: str, fold: Fold) -> int:
    return seed_for(params.seed, dataset, strategy, "resample", fold.repeat, fold.fold)


def resample(table: Table, fold: Fold, key: str, strategy: Strategy, seed: int) -> FoldResult:
    """Apply a strategy to one fold's training rows, and to no other row.

    Parameters
    ----------
    table : Table
    fold : Fold
    key, strategy : str, Strategy
        The strategy's key and entry in params.yaml.
    seed : int

    Returns
    -------
    FoldResult
        Its status is `not_applicable` with the library's reason where the sampler cannot run on
        these rows, and `failed` where memory runs out.
    """
    start = time.perf_counter()
    status, reason, made = attempted(
        partial(
            samplers.resample,
            *(key, strategy, table.X, table.y, table.cardinalities, seed, fold.train),
        )
    )
    seconds = time.perf_counter() - start
    return FoldResult(fold.repeat, fold.fold, status, reason, _classes(table, fold), made, seconds)


def _classes(table: Table, fold: Fold) -> tuple[int, int]:
    """Negatives and positives among a fold's training rows."""
    positives = int(table.y[fold.train].sum())
    return len(fold.train) - positives, positives


def _stored_of(result: FoldResult) -> StoredObject:
    arrays = {} if result.resampled is None else result.resampled._asdict()
    facts = {
        "status": result.status,
        "reason": result.reason,
        "before": result.before,
        "seconds": result.seconds,
    }
    return StoredObject(arrays, facts)


def _result_of(job: SampleJob, stored: StoredObject) -> FoldResult:
    facts = stored.facts
    made = Resampled(**stored.arrays) if stored.arrays else None
    repeat, fold = job.fold[:2]
    return FoldResult(
        repeat,
        fold,
        facts["status"],
        facts["reason"],
        tuple(facts["before"]),
        made,
        facts["seconds"],
    )


def write(folder: Path, results: Sequence[FoldResult], table: Table) -> None:
    """Write all folds of one strategy.

    Parameters
    ----------
    folder : Path
        Gets the files `ROWS`, `SYNTHETIC` and `COUNTS`.
    results : sequence of FoldResult
        In the order of repeats and folds.
    table : Table
        The whole table; rows are written as positions in it.

    Raises
    ------
    StorageError
        When the disk is full.
    """
    done = [(r.repeat, r.fold, r.resampled) for r in results if r.resampled is not None]
    # an empty fold gives the files their columns where no fold has a result
    nothing = Resampled(np.empty(0, np.int64), table.X[:0], table.y[:0])
    kept = [
        _named(repeat, fold, {"row": made.rows.astype(np.int32)})
        for repeat, fold, made in done or [(0, 0, nothing)]
    ]
    files.write_parquet(folder / ROWS, pd.concat(kept, ignore_index=True))
    files.write_parquet_pieces(folder / SYNTHETIC, _synthetic(done or [(0, 0, nothing)], table))
    files.write_json(folder / COUNTS, [result.counts(table.y) for result in results])


def _synthetic(done: Sequence[tuple[int, int, Resampled]], table: Table) -> Iterator[pd.DataFrame]:
    """Yield the synthetic rows of all folds, one row group of the file at a time."""
    ends = np.cumsum([len(made.synthetic_y) for *_, made in done])
    for start in range(0, max(int(ends[-1]), 1), files.ROW_GROUP):
        inside = []
        for (repeat, fold, made), end in zip(done, ends, strict=True):
            begin = end - len(made.synthetic_y)
            rows = slice(max(start - begin, 0), max(start + files.ROW_GROUP - begin, 0))
            inside.append(
                pd.concat(
                    [
                        _named(repeat, fold, {TARGET: made.synthetic_y[rows]}),
                        frame_of(made.synthetic[rows], table.features, table.categories),
                    ],
                    axis=1,
                )
            )
        yield pd.concat(inside, ignore_index=True)


def _named(repeat: int, fold: int, columns: dict[str, Any]) -> pd.DataFrame:
    """A frame with the columns of the fold's repeat and number in front."""
    frame = pd.DataFrame(columns)
    frame.insert(0, REPEAT, np.full(len(frame), repeat, np.int16))
    frame.insert(1, FOLD, np.full(len(frame), fold, np.int16))
    return frame


def read_counts(folder: Path) -> list[dict[str, Any]]:
    """Read the class counts of one strategy.

    Parameters
    ----------
    folder : Path
        The strategy's folder.

    Returns
    -------
    list of dict
        One for each fold, as `FoldResult.counts` makes it.

    Raises
    ------
    ResultError
        When the file is missing.
    """
    return list(files.read_json(folder / COUNTS))


def read_rows(
    folder: Path, table: Table, only: tuple[int, int] | None = None
) -> dict[tuple[int, int], tuple[Index, Matrix, Labels]]:
    """Read the resampled rows of one strategy.

    Parameters
    ----------
    folder : Path
        The strategy's folder.
    table : Table
        Gives the names and categories of the features.
    only : (int, int), optional
        Repeat and fold to return; all, if left out.

    Returns
    -------
    dict of (int, int) to (ndarray, ndarray, ndarray)
        By repeat and fold: positions of the rows kept, shape (k,), int64; synthetic rows, shape
        (m, p); their labels, shape (m,), int8.

    Raises
    ------
    ResultError
        When a file is missing or damaged.
    """
    rows = files.read_parquet(folder / ROWS)
    with files.open_parquet(folder / SYNTHETIC) as file:
        made = file.read(columns=[REPEAT, FOLD, TARGET]).select([REPEAT, FOLD, TARGET]).to_pandas()
        X = read_matrix(file, table.features, table.categories)
    y = made[TARGET].to_numpy(dtype=np.int8)
    kept, synthetic = _places(rows), _places(made)
    positions = rows["row"].to_numpy(dtype=np.int64)
    nothing = slice(0)
    return {  # a strategy may keep no original row, or make no synthetic one
        name: (
            positions[kept.get(name, nothing)],
            X[synthetic.get(name, nothing)],
            y[synthetic.get(name, nothing)],
        )
        for name in sorted({*kept, *synthetic})
        if only in (None, name)
    }


def _places(frame: pd.DataFrame) -> dict[tuple[int, int], slice]:
    """The slice of each fold's rows, which were written together."""
    repeats, folds = frame[REPEAT].to_numpy(), frame[FOLD].to_numpy()
    starts = np.flatnonzero(
        np.diff(repeats, prepend=-1).astype(bool) | np.diff(folds, prepend=-1).astype(bool)
    )
    bounds = pairwise([*starts, len(frame)])
    return {(int(repeats[a]), int(folds[a])): slice(a, b) for a, b in bounds}
