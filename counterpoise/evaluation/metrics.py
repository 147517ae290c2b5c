"""Metrics of scores, for the rows as they are and for any redrawing of them.

Everything is computed from integer weights of rows: a weight of 1 for every row gives the metric
itself, weights drawn by a bootstrap give its distribution. A cell's rows are sorted once. Between
two positive rows the negatives matter only by how many they are, so one sparse product per cell and
fold turns a thousand draws into a thousand curves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from counterpoise.core.types import Index, Labels, Vector

Weights = NDArray[np.float32]

RANKING = ("average_precision", "roc_auc")
PROBABILITY = ("brier", "log_loss", "brier_corrected", "log_loss_corrected")
METRICS = (*RANKING, *PROBABILITY)
"""What the leaderboard holds; the first two are better when larger, the others when smaller."""


@dataclass(frozen=True)
class Ranking:
    """The order of one cell's test rows in one fold.

    Attributes
    ----------
    sums : sparse matrix of shape (3 k, n)
        For each of the k distinct scores that a positive row has, from the highest down: which rows
        are its positives, which negatives lie strictly between it and the one before, and which
        negatives share it.
    negatives : ndarray of int
        All negative rows of the fold.
    """

    sums: csr_matrix
    negatives: Index

    @classmethod
    def of(cls, rows: Index, y: Labels, scores: Vector, n: int) -> Ranking:
        """Sort rows by score.

        Parameters
        ----------
        rows : ndarray of shape (m,)
            Positions of the test rows in the table.
        y, scores : ndarray of shape (m,)
            Labels and scores of these rows.
        n : int
            Rows of the table, the length of a column of weights.
        """
        order = np.argsort(-scores, kind="stable")
        rows, positive, ordered = rows[order], y[order] == 1, scores[order]
        starts = (
            np.concatenate([[True], ordered[1:] != ordered[:-1]])
            if len(rows)
            else np.zeros(0, bool)
        )
        group = np.cumsum(starts) - 1
        with_positive = np.unique(group[positive])
        k = len(with_positive)
        # the first group from here on that has a positive: k for the rows below the last one
        anchor = np.searchsorted(with_positive, group)
        shares = np.zeros(len(rows), bool)
        inside = anchor < k
        shares[inside] = with_positive[anchor[inside]] == group[inside]
        block = np.where(positive, 0, np.where(shares, 2, 1))
        line = block * k + anchor
        ones = np.ones(int(inside.sum()), np.float32)
        sums = csr_matrix((ones, (line[inside], rows[inside])), shape=(3 * k, n))
        return cls(sums, rows[~positive])

    def average_precision(self, weights: Weights) -> Vector:
        """Average precision alone, see `metrics`."""
        return self._step_wise(np.asarray(self.sums @ weights, dtype=np.float64))[0]

    @staticmethod
    def _step_wise(sums: Vector) -> tuple[Vector, Vector]:
        """Average precision, and the negatives at or above each distinct score of a positive."""
        k = len(sums) // 3
        positive, between, tied = sums[:k], sums[k : 2 * k], sums[2 * k :]
        true, false = np.cumsum(positive, axis=0), np.cumsum(between + tied, axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(true > 0, true / (true + false), 0.0)
            return (positive * precision).sum(axis=0) / positive.sum(axis=0), false

    def metrics(self, weights: Weights) -> tuple[Vector, Vector]:
        """Average precision and area under the ROC curve for each column of weights.

        Average precision is the step-wise sum of precision over recall, as in scikit-learn's
        `average_precision_score`, not the trapezoid, which is too optimistic (Davis and Goadrich
        2006). NaN where the weights leave one class.

        Parameters
        ----------
        weights : ndarray of shape (n, draws), float32
        """
        sums = np.asarray(self.sums @ weights, dtype=np.float64)
        k = len(sums) // 3
        average_precision, false = self._step_wise(sums)
        positive, tied = sums[:k], sums[2 * k :]
        negatives = weights[self.negatives].sum(axis=0, dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            below = negatives - false + tied / 2
            roc_auc = (positive * below).sum(axis=0) / (positive.sum(axis=0) * negatives)
        return average_precision, roc_auc


def losses(y: Labels, scores: Vector) -> tuple[Vector, Vector]:
    """Each row's squared error (whose mean is the Brier score) and log loss.

    Scores are kept a double's rounding error away from 0 and 1, as in scikit-learn's `log_loss`.
    """
    eps = np.finfo(np.float64).eps
    p = np.clip(scores, eps, 1 - eps)
    return (scores - y) ** 2, -np.where(y == 1, np.log(p), np.log1p(-p))


def weighted_mean(values: Vector, weights: Weights) -> Vector:
    """The weighted means of columns of values, shape (draws, columns); NaN where all weights are
    0."""
    w = weights.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray((w.T @ values) / w.sum(axis=0)[:, None])


def precision_recall(y: Labels, scores: Vector, grid: Vector) -> Vector:
    """The precision at the highest threshold that reaches each recall of a grid."""
    true, false, total, _ = _steps(y, scores)
    recall = true / total
    at = np.minimum(np.searchsorted(recall, grid - 1e-12), len(recall) - 1)
    return np.asarray(true[at] / (true + false)[at])


def roc(y: Labels, scores: Vector, grid: Vector) -> Vector:
    """The true positive rate at each false positive rate of a grid."""
    true, false, total, negatives = _steps(y, scores)
    rates = np.concatenate([[0], false / negatives]), np.concatenate([[0], true / total])
    return np.asarray(np.interp(grid, *rates))


def _steps(y: Labels, scores: Vector) -> tuple[Vector, Vector, int, int]:
    """Cumulated true and false positives at each distinct score, from the highest down."""
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], y[order] == 1
    last = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))
    true = np.cumsum(positive)[last].astype(np.float64)
    return true, last + 1 - true, int(positive.sum()), int((~positive).sum())
