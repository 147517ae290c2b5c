"""Suspects of label noise: rows whose label is contradicted by a model that was not fitted on them.

Confident learning takes out-of-fold probabilities from a model. The threshold of a class is the
mean probability of that class over the rows with its label. A row is suspect when its probability
of the other class reaches that class's threshold, while the probability of its own class stays
below its own threshold.

References
----------
Northcutt, C. G., Jiang, L., Chuang, I. L. (2021). Confident Learning: Estimating Uncertainty in
Dataset Labels. Journal of Artificial Intelligence Research 70, 1373-1411.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from counterpoise.core.errors import NotApplicable
from counterpoise.core.types import Index, Labels, Vector
from counterpoise.data.tables import Table

MAX_ROWS = 20_000
"""Rows that are examined, so that the check takes seconds."""

MAX_FEATURES = 200
"""Features that the model gets, drawn at random where there are more: a choice by their
association with the label would leak it.
"""

FOLDS = 5

MIN_DECIDED_PROBABILITY = 0.8
"""A row is decided if the model gives one class at least this probability."""

MIN_CLASS_ROWS = 25
"""With fewer rows of a class than this, five in each fold, labels of that class are not judged."""

MAX_CATEGORIES = 255
"""The model gets features with more categories as numbers."""


class Suspects(NamedTuple):
    """The rows whose label is suspect.

    Attributes
    ----------
    rows : ndarray of shape (k,), int64
        Positions in the table, the most suspicious first.
    looked_at : ndarray of shape (m,), int64
        Positions of the rows that were examined, ascending.
    undecided : int
        Rows to which the model gives neither class a probability of `MIN_DECIDED_PROBABILITY`.
        They are many where classes overlap, and few where labels are wrong in well separated
        classes.
    """

    rows: Index
    looked_at: Index
    undecided: int


def suspects(table: Table, groups: Index, seed: int) -> Suspects:
    """Find suspects among at most `MAX_ROWS` rows.

    Rows of one group share a fold, so that no row is judged by its own copy.

    Parameters
    ----------
    table : Table
    groups : ndarray of shape (n,)
        The same number for rows with equal features.
    seed : int

    Returns
    -------
    Suspects

    Raises
    ------
    NotApplicable
        When a class has too few rows, or the model separates the classes too badly to contradict a
        label.
    """
    few = int(min(table.y.sum(), len(table) - table.y.sum()))
    if few < MIN_CLASS_ROWS:
        raise NotApplicable(f"the rarer class has {few} rows, and {MIN_CLASS_ROWS} are needed")
    looked_at = sample(table.y, seed)
    y = table.y[looked_at]
    positive = out_of_fold(table, looked_at, grouped_folds(groups[looked_at], y, seed), seed)
    usual = _usual(positive, y)
    if usual.min() < 0.5:
        raise NotApplicable(
            "a fast model cannot separate the classes (the mean probability of the own label is"
            f" {usual.min():.2f} in the class that it predicts worst)"
        )
    undecided = int((np.maximum(positive, 1 - positive) < MIN_DECIDED_PROBABILITY).sum())
    return Suspects(looked_at[confident(positive, y)], looked_at, undecided)


def confident(positive: Vector, y: Labels) -> Index:
    """Select the off-diagonal of the confident joint.

    Parameters
    ----------
    positive : ndarray of shape (m,)
        Out-of-fold probability of being positive.
    y : ndarray of shape (m,)
        Labels, with both classes.

    Returns
    -------
    ndarray of shape (k,), int64
        Positions of suspect rows, the least probable label first.
    """
    own = np.where(y == 1, positive, 1 - positive)
    usual = _usual(positive, y)
    mine, other = usual[y], usual[1 - y]
    # a row that reaches the thresholds of both classes belongs to the likelier one
    hit = np.flatnonzero((1 - own >= other) & ((own < mine) | (own < 0.5)))
    return np.asarray(hit[np.argsort(own[hit], kind="stable")])


def _usual(positive: Vector, y: Labels) -> Vector:
    """The thresholds of both classes: the mean probability that rows have of their own label."""
    return np.array([1 - positive[y == 0].mean(), positive[y == 1].mean()])


def sample(y: Labels, seed: int) -> Index:
    """Draw at most `MAX_ROWS` rows.

    The rarer class is kept whole, or cut to half of the sample where it is larger than that.

    Parameters
    ----------
    y : ndarray of shape (n,)
    seed : int

    Returns
    -------
    ndarray of shape (m,), int64
        Positions, ascending.
    """
    if len(y) <= MAX_ROWS:
        return np.arange(len(y))
    random = np.random.default_rng(seed)
    rare = np.int8(2 * int(y.sum()) < len(y))
    few, many = np.flatnonzero(y == rare), np.flatnonzero(y != rare)
    if len(few) > MAX_ROWS // 2:
        few = random.choice(few, MAX_ROWS // 2, replace=False)
    return np.sort(np.concatenate([few, random.choice(many, MAX_ROWS - len(few), replace=False)]))


def grouped_folds(groups: Index, y: Labels, seed: int) -> Index:
    """Assign whole groups to folds in turn, in random order.

    Groups that begin with a positive row come first, so that every fold gets its share of them.

    Parameters
    ----------
    groups, y : ndarray of shape (m,)
    seed : int

    Returns
    -------
    ndarray of shape (m,), int64
        The fold of each row, from 0 to `FOLDS` - 1.
    """
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    order = np.lexsort((np.random.default_rng(seed).permutation(len(first)), -y[first]))
    fold = np.empty(len(first), dtype=np.int64)
    fold[order] = np.arange(len(first)) % FOLDS
    return np.asarray(fold[group.reshape(-1)])


def out_of_fold(table: Table, rows: Index, folds: Index, seed: int) -> Vector:
    """Predict each row by a gradient boosting that is fitted on the other folds.

    Parameters
    ----------
    table : Table
    rows : ndarray of shape (m,)
        Positions in the table.
    folds : ndarray of shape (m,)
        The fold of each row.
    seed : int

    Returns
    -------
    ndarray of shape (m,)
        The probability of being positive. Rows of a fold for which no model can be fitted get the
        prevalence.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    features = np.arange(len(table.features))
    if len(features) > MAX_FEATURES:
        features = np.sort(
            np.random.default_rng(seed).choice(features, MAX_FEATURES, replace=False)
        )
    X, y = table.X[np.ix_(rows, features)], table.y[rows]
    categorical = np.array([0 < table.cardinalities[k] <= MAX_CATEGORIES for k in features])
    positive = np.full(len(rows), float(y.mean()))
    with threadpool_limits(1):  # sums do not depend on the number of cores
        for fold in range(FOLDS):
            test = folds == fold
            if not test.any() or len(np.unique(y[~test])) < 2:
                continue  # all positives may be copies of one row, and so in one fold
            known = ~np.isnan(X[~test]).all(axis=0)  # the model rejects an empty column
            if not known.any():
                continue
            model = HistGradientBoostingClassifier(
                max_iter=50,
                max_leaf_nodes=15,
                early_stopping=False,
                random_state=seed,
                categorical_features=categorical[known] if categorical[known].any() else None,
            )
            positive[test] = model.fit(X[~test][:, known], y[~test]).predict_proba(
                X[test][:, known]
            )[:, 1]
    return positive
