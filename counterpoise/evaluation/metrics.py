"""Metrics of scores, for the observed rows and for weighted rows of bootstrap draws.

All metrics are computed from integer weights of rows. A weight of 1 for every row gives the metric
itself; bootstrap weights give its distribution. The rows of a combination are sorted once. Between
two positive rows only the number of negatives matters. One sparse product for each combination and
fold therefore turns a thousand draws into a thousand curves.
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
"""Metrics of the leaderboard. Higher is better for the first two, lower is better for the others.
"""


@dataclass(frozen=True)
class Ranking:
    """Order of one combination's test rows in one fold.

    Attributes
    ----------
    sums : sparse matrix of shape (3 k, n)
        Three blocks of rows, with one row for each of the k distinct scores of positives, from the
        highest down. They mark the positives with this score, the negatives strictly between it and
        the previous one, and the negatives tied with it.
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

        Returns
        -------
        Ranking
            The order of the rows.
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
        # next group with a positive, at or below each row; k for rows below the last such group
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
        """Average precision only, see `metrics`.

        Parameters
        ----------
        weights : ndarray of shape (n, draws), float32
            Weights of the table's rows.

        Returns
        -------
        ndarray of shape (draws,)
            NaN where no positive row has weight.
        """
        return self._step_wise(np.asarray(self.sums @ weights, dtype=np.float64))[0]

    @staticmethod
    def _step_wise(sums: Vector) -> tuple[Vector, Vector]:
        """Average precision, and the weight of negatives at or above each score of a positive."""
        k = len(sums) // 3
        positive, between, tied = sums[:k], sums[k : 2 * k], sums[2 * k :]
        true, false = np.cumsum(positive, axis=0), np.cumsum(between + tied, axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(true > 0, true / (true + false), 0.0)
            return (positive * precision).sum(axis=0) / positive.sum(axis=0), false

    def metrics(self, weights: Weights) -> tuple[Vector, Vector]:
        """Average precision and area under the ROC curve for each column of weights.

        Average precision is the step-wise sum of precision over recall, as in scikit-learn's
        `average_precision_score`. The trapezoidal rule would be too optimistic (Davis and Goadrich
        2006).

        Parameters
        ----------
        weights : ndarray of shape (n, draws), float32
            Weights of the table's rows.

        Returns
        -------
        average_precision, roc_auc : ndarray of shape (draws,)
            NaN where not defined: without weight on positives, and for roc_auc on negatives.
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
    """Squared error (its mean is the Brier score) and log loss of each row.

    For the log loss, scores are clipped to [eps, 1 - eps], as in scikit-learn's `log_loss`.

    Parameters
    ----------
    y, scores : ndarray of shape (m,)
        Labels and probabilities.

    Returns
    -------
    squared_error, log_loss : ndarray of shape (m,)
        Loss of each row.
    """
    eps = np.finfo(np.float64).eps
    p = np.clip(scores, eps, 1 - eps)
    return (scores - y) ** 2, -np.where(y == 1, np.log(p), np.log1p(-p))


def weighted_mean(values: Vector, weights: Weights) -> Vector:
    """Weighted means of columns.

    Parameters
    ----------
    values : ndarray of shape (m, columns)
        One value for each row and column.
    weights : ndarray of shape (m, draws)
        Weights of the same rows.

    Returns
    -------
    ndarray of shape (draws, columns)
        NaN where all weights of a draw are 0.
    """
    w = weights.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray((w.T @ values) / w.sum(axis=0)[:, None])


def precision_recall(y: Labels, scores: Vector, grid: Vector) -> Vector:
    """Precision at the highest threshold that reaches each recall of a grid.

    Parameters
    ----------
    y, scores : ndarray of shape (m,)
        Labels, with at least one positive, and scores.
    grid : ndarray of shape (g,)
        Recalls in [0, 1].

    Returns
    -------
    ndarray of shape (g,)
        Precision at each recall.
    """
    true, false, total, _ = _steps(y, scores)
    recall = true / total
    # the tolerance absorbs rounding where a grid value equals a recall
    at = np.minimum(np.searchsorted(recall, grid - 1e-12), len(recall) - 1)
    return np.asarray(true[at] / (true + false)[at])


def roc(y: Labels, scores: Vector, grid: Vector) -> Vector:
    """True positive rate at each false positive rate of a grid, by linear interpolation.

    Parameters
    ----------
    y, scores : ndarray of shape (m,)
        Labels of both classes, and scores.
    grid : ndarray of shape (g,)
        False positive rates in [0, 1].

    Returns
    -------
    ndarray of shape (g,)
        True positive rates.
    """
    true, false, total, negatives = _steps(y, scores)
    rates = np.concatenate([[0], false / negatives]), np.concatenate([[0], true / total])
    return np.asarray(np.interp(grid, *rates))


def gain(y: Labels, scores: Vector, grid: Vector) -> Vector:
    """Share of the positives among the rows with the highest scores (cumulative gain).

    Parameters
    ----------
    y, scores : ndarray of shape (m,)
        Labels, with at least one positive, and scores.
    grid : ndarray of shape (g,)
        Shares of the rows in [0, 1].

    Returns
    -------
    ndarray of shape (g,)
        The expectation where the last rows taken have equal scores.
    """
    true, false, total, negatives = _steps(y, scores)
    taken = np.concatenate([[0], (true + false) / (total + negatives)])
    return np.asarray(np.interp(grid, taken, np.concatenate([[0], true / total])))


def _steps(y: Labels, scores: Vector) -> tuple[Vector, Vector, int, int]:
    """Cumulative true and false positives at each distinct score, from the highest down."""
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], y[order] == 1
    last = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))
    true = np.cumsum(positive)[last].astype(np.float64)
    return true, last + 1 - true, int(positive.sum()), int((~positive).sum())
