"""The held-out scores of an evaluated combination, on which the results of `evaluate` rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.champion.comparison import HeldOut, Tested
from counterpoise.champion.rules import RuleName
from counterpoise.core import files, paths
from counterpoise.core.config import Params
from counterpoise.core.errors import ResultError
from counterpoise.core.types import Cell, Index, Labels, Vector
from counterpoise.data import folds as splits
from counterpoise.data.folds import Parts
from counterpoise.data.tables import Table
from counterpoise.evaluation import costs, independent, levels
from counterpoise.evaluation.decisions import Decided, decide
from counterpoise.evaluation.fold_scores import fold_scores, recalibrate
from counterpoise.evaluation.leaderboard import mean_of_folds
from counterpoise.evaluation.metrics import Ranking

VALUES = ("score", "probability", "decision")
"""Columns of what a combination gave each tested row."""

ROUNDING_TOLERANCE = 2e-6
"""Tolerance of a comparison with a result on disk, which is rounded to six decimals."""


@dataclass(frozen=True)
class Evidence:
    """A combination's held-out scores, probabilities and decisions.

    Attributes
    ----------
    folds : list of HeldOut
        In the order of the folds, as `evaluate` had them.
    tested : Tested
        The folds that the comparison uses, with labels and costs.
    table, split : str
        SHA-256 of the table's file and of the split's parts (`Parts.digest`). Combinations with
        equal values were tested on the same rows.
    """

    folds: list[HeldOut]
    tested: Tested
    table: str
    split: str

    @classmethod
    def read(
        cls,
        params: Params,
        dataset: str,
        cell: Cell,
        table: Table,
        rule: RuleName,
        average_precision: float,
    ) -> Evidence:
        """Read a combination's scores and check them against the leaderboard.

        Parameters
        ----------
        params : Params
            The parameters that the results were made with.
        dataset : str
            A key of `params`.
        cell : (str, str)
            Strategy and model.
        table : Table
            The dataset's table.
        rule : {"half", "tuned", "cost", "cost_empirical"}
            The threshold rule of the decisions.
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
        TableError
            When the misclassification costs of some row are invalid.
        """
        split = splits.read(paths.split(dataset))
        parts, (strategy, model) = split.compared, cell
        matrix = costs.matrix(params.costs_of(dataset), table, f"the costs of datasets.{dataset}")
        path = paths.scores(dataset, strategy) / f"{model}.parquet"
        stored = files.read_json(paths.scores(dataset, strategy) / "cells.json")
        candidates = levels.candidates(
            strategy, params.strategies[strategy], model, params.models[model]
        )
        folds = recalibrate(
            fold_scores(files.read_parquet(path), parts, str(path)),
            candidates,
            table.y,
            _of_parts(stored["counts"], parts),
            _of_parts(stored["models"][model]["folds"], parts),
        )
        thresholds = params.thresholds_of(dataset)
        read = cls(
            [
                HeldOut(
                    fold.test,
                    fold.test_scores,
                    fold.corrected,
                    _decisions(decide(rule, thresholds, table.y, fold, matrix), len(fold.test)),
                )
                for fold in folds
            ],
            Tested(parts, table.y, matrix, independent.units_of(table, params.split_of(dataset))),
            files.sha256(paths.table(dataset)),
            split.digest,
        )
        own = read.average_precision
        if not np.isclose(own, average_precision, 0, ROUNDING_TOLERANCE, equal_nan=True):
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
        y = self.tested.y
        weights = np.ones((len(y), 1), np.float32)
        each = [
            Ranking.of(f.test, y[f.test], f.scores, len(y)).average_precision(weights)
            for f in self.folds
        ]
        return float(mean_of_folds(np.array([each]))[0, 0])

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
        names = self.tested.parts.names
        mine = [
            fold
            for fold, (repeat, _) in zip(self.folds, names, strict=True)
            if repeat == names[0][0]
        ]
        rows = np.concatenate([fold.test for fold in mine])
        return rows, self.tested.y[rows], np.concatenate([fold.scores for fold in mine])

    @property
    def frame(self) -> pd.DataFrame:
        """What the test rows were given, as a champion stores it.

        Returns
        -------
        DataFrame
            Columns `repeat`, `fold`, `row`, `score`, `probability` and `decision`; a row for each
            tested row of each fold.
        """
        pieces = [
            pd.DataFrame(
                {
                    "repeat": np.int16(repeat),
                    "fold": np.int16(number),
                    "row": fold.test.astype(np.int32),
                    **dict(zip(VALUES, fold[1:], strict=True)),
                }
            )
            for fold, (repeat, number) in zip(self.folds, self.tested.parts.names, strict=True)
        ]
        return pd.concat(pieces, ignore_index=True)


def held_out_of(frame: pd.DataFrame, parts: Parts) -> list[HeldOut]:
    """Turn a frame of `Evidence.frame` back into what each fold gave.

    Parameters
    ----------
    frame : DataFrame
        The columns of `Evidence.frame`.
    parts : Parts
        The folds of the same split.

    Returns
    -------
    list of HeldOut
        In the order of `parts`.
    """
    groups: Any = frame.groupby(["repeat", "fold"]).indices
    rows = frame["row"].to_numpy(dtype=np.int64)
    values = [frame[name].to_numpy(dtype=np.float64) for name in VALUES]
    return [
        HeldOut(rows[groups[name]], *(one[groups[name]] for one in values)) for name in parts.names
    ]


def _of_parts(stored: list[dict[str, Any]], parts: Parts) -> list[dict[str, Any]]:
    by_name = {(one["repeat"], one["fold"]): one for one in stored}
    return [by_name[name] for name in parts.names]


def _decisions(decided: Decided | str, rows: int) -> Vector:
    return np.full(rows, np.nan) if isinstance(decided, str) else decided[0].astype(np.float64)


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
