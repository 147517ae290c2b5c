"""What a strategy made of every fold's training rows, on disk: indices, synthetic rows, counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages import files
from stages.data.tables import ROLE, TARGET, Table, frame_of, read_matrix
from stages.remedies.samplers import Index, Labels, Resampled
from stages.remedies.space import Matrix

ROWS, SYNTHETIC, COUNTS = "rows.parquet", "synthetic.parquet", "counts.json"
REPEAT, FOLD = ROLE + "repeat", ROLE + "fold"


@dataclass(frozen=True)
class FoldResult:
    """A strategy's result on one fold: rows of the table and synthetic rows, or the reason why there are none."""

    repeat: int
    fold: int
    status: str
    reason: str
    before: tuple[int, int]
    """Negatives and positives among the training rows."""
    resampled: Resampled | None

    def counts(self, y: Labels) -> dict[str, Any]:
        """Class counts before and after, as a result."""
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
        }


def write(folder: Path, results: Sequence[FoldResult], table: Table) -> None:
    """Write all folds of one strategy; rows are positions in the whole table."""
    done = [(r.repeat, r.fold, r.resampled) for r in results if r.resampled is not None]
    nothing = Resampled(np.empty(0, np.int64), table.X[:0], table.y[:0])
    kept = [
        _named(repeat, fold, {"row": made.rows.astype(np.int32)}) for repeat, fold, made in done or [(0, 0, nothing)]
    ]
    files.write_parquet(folder / ROWS, pd.concat(kept, ignore_index=True))
    files.write_parquet_pieces(folder / SYNTHETIC, _synthetic(done or [(0, 0, nothing)], table))
    files.write_json(folder / COUNTS, [result.counts(table.y) for result in results])


def _synthetic(done: Sequence[tuple[int, int, Resampled]], table: Table) -> Iterator[pd.DataFrame]:
    """The synthetic rows of all folds, a row group of the file after the other."""
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
    frame = pd.DataFrame(columns)
    frame.insert(0, REPEAT, np.full(len(frame), repeat, np.int16))
    frame.insert(1, FOLD, np.full(len(frame), fold, np.int16))
    return frame


def read_counts(folder: Path) -> list[dict[str, Any]]:
    return list(files.read_json(folder / COUNTS))


def read_rows(
    folder: Path, table: Table, only: tuple[int, int] | None = None
) -> dict[tuple[int, int], tuple[Index, Matrix, Labels]]:
    """For each (repeat, fold), or one of them: the rows kept, the synthetic rows and their labels."""
    rows = files.read_parquet(folder / ROWS)
    with files.open_parquet(folder / SYNTHETIC) as file:
        made = file.read(columns=[REPEAT, FOLD, TARGET]).select([REPEAT, FOLD, TARGET]).to_pandas()
        X = read_matrix(file, table.features, table.categories)
    y = made[TARGET].to_numpy(dtype=np.int8)
    kept, synthetic = _places(rows), _places(made)
    positions = rows["row"].to_numpy(dtype=np.int64)
    nothing = slice(0)
    return {  # a strategy may keep no original row at all, or make none
        name: (positions[kept.get(name, nothing)], X[synthetic.get(name, nothing)], y[synthetic.get(name, nothing)])
        for name in sorted({*kept, *synthetic})
        if only in (None, name)
    }


def _places(frame: pd.DataFrame) -> dict[tuple[int, int], slice]:
    """Where the rows of each fold stand: together, as they were written."""
    repeats, folds = frame[REPEAT].to_numpy(), frame[FOLD].to_numpy()
    starts = np.flatnonzero(np.diff(repeats, prepend=-1).astype(bool) | np.diff(folds, prepend=-1).astype(bool))
    bounds = pairwise([*starts, len(frame)])
    return {(int(repeats[a]), int(folds[a])): slice(a, b) for a, b in bounds}
