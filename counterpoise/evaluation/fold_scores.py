"""Scores of a combination by fold, raw and recalibrated, checked against the split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.core.errors import ResultError
from counterpoise.core.types import Index, Labels, Vector
from counterpoise.data import folds as splits
from counterpoise.data.folds import Parts
from counterpoise.evaluation import corrections, recalibration
from counterpoise.evaluation.corrections import Correction
from counterpoise.evaluation.recalibration import Choice, Recalibration


@dataclass(frozen=True)
class FoldScores:
    """Scores of one combination in one fold, rows ascending.

    Attributes
    ----------
    test, validation : ndarray of int64
        Positions of the rows in the table.
    test_scores, validation_scores : ndarray of float64
        Raw scores of the model.
    log_odds : ndarray of float64
        Recalibrated log odds of the test rows; NaN where recalibration was not possible.
    reason : str
        Why it was not possible; empty where it was.
    recalibration : Recalibration or None
        What was chosen, and what it achieved; None before `recalibrate`.
    """

    test: Index
    test_scores: Vector
    validation: Index
    validation_scores: Vector
    log_odds: Vector
    reason: str = ""
    recalibration: Recalibration | None = None

    @property
    def corrected(self) -> Vector:
        """Recalibrated probabilities of the test rows.

        Returns
        -------
        ndarray of shape (m,)
            NaN where recalibration was not possible.
        """
        return corrections.probability(self.log_odds)


def passes(folds: Sequence[FoldScores]) -> int:
    """How many times each row that is tested is tested: once in each repeat of a split.

    Parameters
    ----------
    folds : sequence of FoldScores

    Returns
    -------
    int
    """
    rows = np.concatenate([fold.test for fold in folds])
    return len(rows) // len(np.unique(rows))


def fold_scores(stored: pd.DataFrame, parts: Parts, where: str) -> list[FoldScores]:
    """Split a combination's stored scores by fold, and check that every row has one score.

    Parameters
    ----------
    stored : DataFrame of repeat, fold, part, row, score
        As `train` wrote it.
    parts : Parts
        The split.
    where : str
        File named in error messages.

    Returns
    -------
    list of FoldScores
        In the order of the folds, not recalibrated yet: log odds are NaN.

    Raises
    ------
    ResultError
        If the test or validation rows of a fold are not those of the split.
    """
    groups: Any = stored.groupby(["repeat", "fold", "part"], sort=True).indices
    rows, scores = stored["row"].to_numpy(dtype=np.int64), stored["score"].to_numpy()
    no_rows = np.empty(0, np.int64)
    result = []
    for fold in parts:
        pieces: list[Any] = []
        for part, expected in ((splits.TEST, fold.test), (splits.VALIDATION, fold.validation)):
            at = groups.get((fold.repeat, fold.fold, part), no_rows)
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
            pieces += [rows[at], scores[at]]
        result.append(
            FoldScores(pieces[0], pieces[1], pieces[2], pieces[3], np.full(len(fold.test), np.nan))
        )
    return result


def recalibrate(
    cell: list[FoldScores],
    candidates: Sequence[Correction],
    y: Labels,
    counts: list[dict[str, Any]],
    facts: list[dict[str, Any]],
    known: Sequence[Choice] | None = None,
) -> list[FoldScores]:
    """Choose each fold's recalibration on its validation rows, and recalibrate its test rows.

    Parameters
    ----------
    cell : list of FoldScores
        Raw scores, one item per fold.
    candidates : sequence of Correction
        Recalibrations to choose from, simplest first.
    y : ndarray of shape (n,)
        Labels of the table's rows.
    counts : list of dict
        Class counts before resampling, one item per fold.
    facts : list of dict
        Facts of each fit: rows and positives fitted on, and the weight of a positive row over that
        of a negative one (1 where absent).
    known : sequence of Choice, optional
        What was chosen before on the same rows, one item per fold.

    Returns
    -------
    list of FoldScores
        Copies with `log_odds`, `reason` and `recalibration`.
    """
    result = []
    for k, (fold, count, fact) in enumerate(zip(cell, counts, facts, strict=True)):
        before = count["negatives_before"], count["positives_before"]
        labels = y[fold.validation]
        if known is None:
            factor = odds_factor_of(count, fact)
            choice = recalibration.choose(candidates, labels, fold.validation_scores, factor)
        else:
            choice = known[k]
        log_odds = np.full(len(fold.test), np.nan)
        if choice.calibrator is not None:
            log_odds = choice.calibrator.ordered_log_odds(fold.test_scores)
        measured = Recalibration.of(
            choice,
            int(labels.sum()),
            y[fold.test],
            fold.test_scores,
            log_odds,
            before[1] / sum(before),
        )
        result.append(
            replace(fold, log_odds=log_odds, reason=choice.reason, recalibration=measured)
        )
    return result


def odds_factor_of(count: dict[str, Any], fact: dict[str, Any]) -> float:
    """Factor by which a remedy multiplied the odds in one fold.

    Parameters
    ----------
    count, fact : dict
        See `recalibrate`.

    Returns
    -------
    float
        See `counterpoise.evaluation.corrections.odds_factor`.
    """
    positives = fact["positives_fitted"]
    return corrections.odds_factor(
        (count["negatives_before"], count["positives_before"]),
        (fact["rows_fitted"] - positives, positives),
        fact.get("weight_ratio", 1.0),
    )


def pooled(cell: list[FoldScores], y: Labels) -> tuple[Labels, Vector, Vector]:
    """Pool labels, raw scores and recalibrated log odds over all folds.

    Parameters
    ----------
    cell : list of FoldScores
        At least one fold.
    y : ndarray of shape (n,)
        Labels of the table's rows.

    Returns
    -------
    labels, scores, log_odds : ndarray of shape (m,)
        A row tested in several repeats appears once for each.
    """
    rows = np.concatenate([fold.test for fold in cell])
    return (
        y[rows],
        np.concatenate([fold.test_scores for fold in cell]),
        np.concatenate([f.log_odds for f in cell]),
    )
