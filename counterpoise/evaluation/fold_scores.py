"""A cell's scores by fold, raw and recalibrated, held against the split that they belong
to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.core.errors import ResultError
from counterpoise.core.types import Index, Labels, Vector
from counterpoise.data import folds as splits
from counterpoise.data.folds import Parts
from counterpoise.evaluation import corrections
from counterpoise.evaluation.calibrator import recalibrated
from counterpoise.evaluation.corrections import Correction


@dataclass(frozen=True)
class FoldScores:
    """One cell's scores in one fold, rows ascending.

    Attributes
    ----------
    test, validation : ndarray of int64
        Positions of the rows in the table.
    test_scores, validation_scores : ndarray of float64
        The model's own.
    log_odds : ndarray of float64
        Of the test rows, recalibrated; NaN where that was not possible, for the `reason`.
    """

    test: Index
    test_scores: Vector
    validation: Index
    validation_scores: Vector
    log_odds: Vector
    reason: str = ""

    @property
    def corrected(self) -> Vector:
        """The corrected probabilities of the test rows."""
        return corrections.probability(self.log_odds)


def fold_scores(stored: pd.DataFrame, parts: Parts, where: str) -> list[FoldScores]:
    """A cell's stored scores by fold, held against the split: every row of a part has one score.
    Not recalibrated yet."""
    groups: Any = stored.groupby(["repeat", "fold", "part"], sort=True).indices
    rows, scores = stored["row"].to_numpy(dtype=np.int64), stored["score"].to_numpy()
    nothing = np.empty(0, np.int64)
    result = []
    for fold in parts:
        found: list[Any] = []
        for part, expected in ((splits.TEST, fold.test), (splits.VALIDATION, fold.validation)):
            at = groups.get((fold.repeat, fold.fold, part), nothing)
            at = at[np.argsort(rows[at], kind="stable")]
            if not np.array_equal(rows[at], np.sort(expected)):
                raise ResultError(
                    "Scores do not belong to this split.",
                    where=where,
                    expected=(
                        f"one score for each of the {len(expected)} {splits.PARTS[part]} rows of"
                        f" repeat {fold.repeat}, fold {fold.fold}"
                    ),
                    found=f"{len(at)} scores",
                    todo="`dvc repro` makes them again.",
                )
            found += [rows[at], scores[at]]
        result.append(
            FoldScores(found[0], found[1], found[2], found[3], np.full(len(fold.test), np.nan))
        )
    return result


def recalibrate(
    cell: list[FoldScores],
    kind: Correction,
    y: Labels,
    counts: list[dict[str, Any]],
    facts: list[dict[str, Any]],
) -> list[FoldScores]:
    """The same scores with recalibrated log odds.

    Parameters
    ----------
    counts, facts : list of dict
        For each fold the class counts before resampling, and what the fit told: rows and positives
        fitted on, and what a positive row weighs over a negative one.
    """
    result = []
    for fold, count, fact in zip(cell, counts, facts, strict=True):
        positives = fact["positives_fitted"]
        factor = corrections.odds_factor(
            (count["negatives_before"], count["positives_before"]),
            (fact["rows_fitted"] - positives, positives),
            fact.get("weight_ratio", 1.0),
        )
        log_odds, reason = recalibrated(
            kind, fold.test_scores, y[fold.validation], fold.validation_scores, factor
        )
        result.append(replace(fold, log_odds=log_odds, reason=reason))
    return result


def pooled(cell: list[FoldScores], y: Labels) -> tuple[Labels, Vector, Vector]:
    """Labels, scores and corrected log odds of all folds together."""
    rows = np.concatenate([fold.test for fold in cell])
    return (
        y[rows],
        np.concatenate([fold.test_scores for fold in cell]),
        np.concatenate([f.log_odds for f in cell]),
    )
