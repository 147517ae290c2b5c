"""What a cell decides at every threshold, not only at those of the policies."""

from __future__ import annotations

import numpy as np
import pandas as pd

from counterpoise.core.config import Thresholds
from counterpoise.core.types import Cell, Labels, Vector
from counterpoise.evaluation.columns import SWEEP
from counterpoise.evaluation.costs import CostMatrix
from counterpoise.evaluation.fold_scores import FoldScores

DIGITS = 5
TAILS = [k / 10**digits for digits in range(3, DIGITS + 1) for k in range(1, 10)]
"""Between 0 and 0.01: even steps there would skip over all that a model of rare positives
decides."""


def points(rules: Thresholds) -> Vector:
    """From 0 to 1 by 0.01, closer towards both ends, and the threshold `half` of the rules."""
    tails = {*TAILS, *(round(1 - tail, DIGITS) for tail in TAILS)}
    return np.array(sorted({k / 100 for k in range(101)} | tails | {rules.half}))


def sweep(
    cell: Cell, folds: list[FoldScores], y: Labels, *, at: Vector, costs: CostMatrix
) -> pd.DataFrame:
    """The decisions of a cell at each threshold on its scores, counts summed over folds and repeats
    as in `decisions`."""
    rows = np.concatenate([fold.test for fold in folds])
    scores = np.concatenate([fold.test_scores for fold in folds])
    order = np.argsort(scores, kind="stable")
    positive, mine = y[rows[order]] == 1, costs.of(rows[order])
    as_negative = np.where(positive, mine.false_negative, mine.true_negative)
    more = np.where(positive, mine.true_positive, mine.false_positive) - as_negative
    # the lowest score that is called positive
    first = np.searchsorted(scores[order], at, side="left")
    fn = np.concatenate([[0], np.cumsum(positive)])[first]
    tn = first - fn
    total = as_negative.sum() + more.sum() - np.concatenate([[0.0], np.cumsum(more)])[first]
    counts = {"tn": tn, "fp": (~positive).sum() - tn, "fn": fn, "tp": positive.sum() - fn}
    frame = pd.DataFrame({"threshold": at, **counts, "expected_cost": total / len(rows)})
    return frame.assign(strategy=cell[0], model=cell[1])[SWEEP]
