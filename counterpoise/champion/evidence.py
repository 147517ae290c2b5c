"""The held-out scores of an evaluated combination, on which the results of `evaluate` rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterpoise.core import files, paths
from counterpoise.core.errors import ResultError
from counterpoise.core.types import Cell, Index, Labels, Vector
from counterpoise.data import folds as splits
from counterpoise.data.folds import Parts
from counterpoise.data.tables import Table
from counterpoise.evaluation import bootstrap
from counterpoise.evaluation.fold_scores import FoldScores, fold_scores
from counterpoise.evaluation.leaderboard import mean_of_folds
from counterpoise.evaluation.metrics import Ranking

ROUNDING_TOLERANCE = 2e-6
"""Tolerance of a comparison with a result on disk, which is rounded to six decimals."""


@dataclass(frozen=True)
class Evidence:
    """A combination's held-out scores.

    Attributes
    ----------
    folds : list of FoldScores
        In the order of `parts`; not recalibrated.
    parts : Parts
        The folds that the comparison uses.
    y : ndarray of shape (n,), int8
        The labels of the table.
    table, split : str
        SHA-256 of the table's file and of the split's parts (`Parts.digest`). Combinations with
        equal values were tested on the same rows.
    """

    folds: list[FoldScores]
    parts: Parts
    y: Labels
    table: str
    split: str

    @classmethod
    def read(cls, dataset: str, cell: Cell, table: Table, average_precision: float) -> Evidence:
        """Read a combination's scores and check them against the leaderboard.

        Parameters
        ----------
        dataset : str
            A key of params.yaml.
        cell : (str, str)
            Strategy and model.
        table : Table
            The dataset's table.
        average_precision : float
            The value on the leaderboard.

        Returns
        -------
        Evidence

        Raises
        ------
        ResultError
            When the scores are missing, belong to another split, or are not those that were
            evaluated.
        """
        split = splits.read(paths.split(dataset))
        parts = split.compared
        path = paths.scores(dataset, cell[0]) / f"{cell[1]}.parquet"
        read = cls(
            fold_scores(files.read_parquet(path), parts, str(path)),
            parts,
            table.y,
            files.sha256(paths.table(dataset)),
            split.digest,
        )
        own = read.average_precision
        if not abs(own - average_precision) <= ROUNDING_TOLERANCE:
            raise _mismatch(path, dataset, average_precision, own)
        return read

    @property
    def average_precision(self) -> float:
        """The average precision as the leaderboard has it.

        Returns
        -------
        float
            The mean over folds.
        """
        weights = np.ones((len(self.y), 1), np.float32)
        return float(mean_of_folds(_by_fold([self.folds], self.y, weights))[0, 0])

    @property
    def once(self) -> tuple[Index, Labels, Vector]:
        """The test rows of the first repeat: each tested row once, at the natural prevalence.

        Returns
        -------
        rows : ndarray of shape (k,), int64
            Positions in the table.
        y : ndarray of shape (k,), int8
            Labels.
        scores : ndarray of shape (k,)
            The models' own, not recalibrated.
        """
        first = self.parts.names[0][0]
        mine = [
            fold
            for fold, (repeat, _) in zip(self.folds, self.parts.names, strict=True)
            if repeat == first
        ]
        rows = np.concatenate([fold.test for fold in mine])
        return rows, self.y[rows], np.concatenate([fold.test_scores for fold in mine])

    @property
    def frame(self) -> pd.DataFrame:
        """The test scores as a champion stores them.

        Returns
        -------
        DataFrame
            Columns `repeat`, `fold`, `row` and `score`; a row for each tested row of each fold.
        """
        pieces = [
            pd.DataFrame(
                {
                    "repeat": np.int16(repeat),
                    "fold": np.int16(number),
                    "row": fold.test.astype(np.int32),
                    "score": fold.test_scores,
                }
            )
            for fold, (repeat, number) in zip(self.folds, self.parts.names, strict=True)
        ]
        return pd.concat(pieces, ignore_index=True)


def fold_scores_of(frame: pd.DataFrame, parts: Parts) -> list[FoldScores]:
    """Turn a frame of `Evidence.frame` back into the scores of each fold.

    Parameters
    ----------
    frame : DataFrame
        Columns `repeat`, `fold`, `row` and `score`.
    parts : Parts
        The folds of the same split.

    Returns
    -------
    list of FoldScores
        In the order of `parts`, without validation rows or recalibrated log odds.
    """
    nothing = np.empty(0)
    result = []
    for repeat, fold in parts.names:
        mine = frame[(frame["repeat"] == repeat) & (frame["fold"] == fold)]
        rows = mine["row"].to_numpy(dtype=np.int64)
        result.append(
            FoldScores(rows, mine["score"].to_numpy(), nothing.astype(np.int64), nothing, nothing)
        )
    return result


@dataclass(frozen=True)
class Difference:
    """The difference in average precision of two combinations tested on the same rows.

    Attributes
    ----------
    one, other : float
        The average precision of each, means over folds.
    low, high : float
        Limits of the 95 % interval of the difference, by the paired bootstrap.
    """

    one: float
    other: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """The difference itself.

        Returns
        -------
        float
            `one` minus `other`.
        """
        return self.one - self.other


def difference(
    one: list[FoldScores], other: list[FoldScores], parts: Parts, y: Labels, seed: int
) -> Difference:
    """Compare two combinations as the leaderboard compares each with the baseline.

    The bootstrap draws the same rows for both, so the difference is paired.

    Parameters
    ----------
    one, other : list of FoldScores
        Scores of both in the order of `parts`, of the same test rows.
    parts : Parts
        The folds, from whose test rows the bootstrap draws.
    y : ndarray of shape (n,), int8
        The labels of the table.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Difference
    """
    cells = [one, other]
    values = mean_of_folds(_by_fold(cells, y, np.ones((len(y), 1), np.float32)))[:, 0]
    drawn = np.concatenate(
        [mean_of_folds(_by_fold(cells, y, weights)) for weights in bootstrap.draws(parts, y, seed)],
        1,
    )
    low, high = bootstrap.interval(drawn[0] - drawn[1])
    return Difference(float(values[0]), float(values[1]), low, high)


def _by_fold(cells: list[list[FoldScores]], y: Labels, weights: NDArray[np.float32]) -> Vector:
    """Average precision, shape (combinations, folds, draws)."""
    return np.array(
        [
            [
                Ranking.of(f.test, y[f.test], f.test_scores, len(y)).average_precision(weights)
                for f in cell
            ]
            for cell in cells
        ]
    )


def _mismatch(path: Path, dataset: str, expected: float, found: float) -> ResultError:
    return ResultError(
        "The scores on disk are not those that were evaluated.",
        where=str(path),
        expected=f"an average precision of {expected:.6f}, as the leaderboard has it",
        found=f"{found:.6f}",
        todo=(
            "`dvc checkout` brings back those that dvc.lock names, or `dvc repro"
            f" evaluate@{dataset}` makes new ones."
        ),
    )
