"""What a strategy made of every fold's training rows, on disk: indices, synthetic rows, counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages import files
from stages.data.tables import TARGET, Table, frame_of, matrix_of
from stages.remedies.samplers import Index, Labels, Resampled
from stages.remedies.space import Matrix

ROWS, SYNTHETIC, COUNTS = "rows.parquet", "synthetic.parquet", "counts.json"


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
    made_rows = [
        pd.concat(
            [
                _named(repeat, fold, {TARGET: made.synthetic_y}),
                frame_of(made.synthetic, table.features, table.categories),
            ],
            axis=1,
        )
        for repeat, fold, made in done or [(0, 0, nothing)]
    ]
    files.write_parquet(folder / SYNTHETIC, pd.concat(made_rows, ignore_index=True))
    files.write_json(folder / COUNTS, [result.counts(table.y) for result in results])


def _named(repeat: int, fold: int, columns: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    frame.insert(0, "role:repeat", np.full(len(frame), repeat, np.int16))
    frame.insert(1, "role:fold", np.full(len(frame), fold, np.int16))
    return frame


def read_counts(folder: Path) -> list[dict[str, Any]]:
    return list(files.read_json(folder / COUNTS))


def read_rows(folder: Path, table: Table) -> dict[tuple[int, int], tuple[Index, Matrix, Labels]]:
    """For each (repeat, fold): the rows kept, the synthetic rows and their labels."""
    rows, made = files.read_parquet(folder / ROWS), files.read_parquet(folder / SYNTHETIC)
    X = matrix_of(made, table.features, table.categories)
    y = made[TARGET].to_numpy(dtype=np.int8)
    kept, synthetic = _places(rows), _places(made)
    none = np.empty(0, np.int64)
    positions = rows["row"].to_numpy(dtype=np.int64)
    return {  # a strategy may keep no original row at all, or make none
        name: (positions[kept.get(name, none)], X[synthetic.get(name, none)], y[synthetic.get(name, none)])
        for name in sorted({*kept, *synthetic})
    }


def _places(frame: pd.DataFrame) -> dict[tuple[int, int], Index]:
    groups: Any = frame.groupby(["role:repeat", "role:fold"], sort=True).indices
    return {(int(repeat), int(fold)): np.asarray(at) for (repeat, fold), at in groups.items()}
