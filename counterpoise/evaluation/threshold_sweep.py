"""Decisions of a combination over a grid of thresholds on its scores."""

from __future__ import annotations

import numpy as np
import pandas as pd

from counterpoise.core.config import Thresholds
from counterpoise.core.types import Cell, Labels, Vector
from counterpoise.evaluation.columns import SWEEP
from counterpoise.evaluation.costs import CostMatrix
from counterpoise.evaluation.fold_scores import FoldScores, passes

DIGITS = 5
TAILS = [k / 10**digits for digits in range(3, DIGITS + 1) for k in range(1, 10)]
"""Thresholds between 0 and 0.01. With rare positives most scores lie there, and steps of 0.01 would
skip them."""


def points(rules: Thresholds) -> Vector:
    """Grid of thresholds: steps of 0.01, finer near 0 and 1, and the threshold `half`.

    Parameters
    ----------
    rules : Thresholds
        Settings of the threshold rules.

    Returns
    -------
    ndarray of float
        Ascending, without duplicates.
    """
    tails = {*TAILS, *(round(1 - tail, DIGITS) for tail in TAILS)}
    return np.array(sorted({k / 100 for k in range(101)} | tails | {rules.half}))


def sweep(
    cell: Cell, folds: list[FoldScores], y: Labels, *, at: Vector, costs: CostMatrix
) -> pd.DataFrame:
    """Decisions of a combination at each of some thresholds on its scores.

    Counts are of one pass over the tested rows, as in the table of decisions.

    Parameters
    ----------
    cell : tuple of (strategy, model)
        The combination.
    folds : list of FoldScores
        Its scores.
    y : ndarray of shape (n,)
        Labels of the table's rows.
    at : ndarray of shape (t,)
        Thresholds.
    costs : CostMatrix
        Misclassification costs of the table's rows.

    Returns
    -------
    DataFrame of `SWEEP`
        One line per threshold; `expected_cost` is the mean cost per row.
    """
    rows = np.concatenate([fold.test for fold in folds])
    scores = np.concatenate([fold.test_scores for fold in folds])
    order = np.argsort(scores, kind="stable")
    positive, mine = y[rows[order]] == 1, costs.of(rows[order])
    as_negative = np.where(positive, mine.false_negative, mine.true_negative)
    more = np.where(positive, mine.true_positive, mine.false_positive) - as_negative
    # position of the lowest score that is predicted positive at each threshold
    first = np.searchsorted(scores[order], at, side="left")
    fn = np.concatenate([[0], np.cumsum(positive)])[first]
    tn = first - fn
    # all rows predicted negative, plus the extra cost of those from `first` on
    total = as_negative.sum() + more.sum() - np.concatenate([[0.0], np.cumsum(more)])[first]
    counts = {"tn": tn, "fp": (~positive).sum() - tn, "fn": fn, "tp": positive.sum() - fn}
    of_one_pass = {name: count / passes(folds) for name, count in counts.items()}
    frame = pd.DataFrame({"threshold": at, **of_one_pass, "expected_cost": total / len(rows)})
    return frame.assign(strategy=cell[0], model=cell[1])[SWEEP]
