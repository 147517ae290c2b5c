"""Rows whose label a model that never saw them contradicts: suspects of label noise.

Confident learning asks a model for out-of-fold probabilities and takes, as what is usual in a
class, the mean probability that the rows labelled so have of being so. A row is suspect when its
probability of the other class reaches what is usual there while that of its own class does not
reach what is usual here.

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

AT_MOST = 20_000
"""So many rows are looked at, so that the look takes seconds."""

MOST_FEATURES = 200
"""So many features the model is given, drawn at random where there are more: drawn by their label
they would know it."""

FOLDS = 5

DECIDED = 0.8
"""With at least this probability of one class a row is decided."""

FEWEST = 25
"""With fewer rows of a class than this, five in each fold, the model says nothing about the labels
of that class."""

MOST_LABELS = 255
"""The model takes features with more labels than this as numbers."""


class Suspects(NamedTuple):
    """What was found.

    Attributes
    ----------
    rows : ndarray
        Positions in the table, the most suspicious first.
    looked_at : ndarray
        Positions of the rows that were looked at, ascending.
    undecided : int
        How many rows the model gives to neither class with a probability of `DECIDED`: where the
        classes overlap they are many, and where labels are wrong in classes that are apart they are
        few.
    """

    rows: Index
    looked_at: Index
    undecided: int


def suspects(table: Table, groups: Index, seed: int) -> Suspects:
    """Suspects among at most `AT_MOST` rows; rows of one group share a fold, so that no row is
    judged by its own copy.

    Raises
    ------
    NotApplicable
        When there are too few rows of a class, or the model tells the classes apart so badly that
        it can contradict no label.
    """
    few = int(min(table.y.sum(), len(table) - table.y.sum()))
    if few < FEWEST:
        raise NotApplicable(f"the rarer class has {few} rows, and {FEWEST} are needed")
    looked_at = sample(table.y, seed)
    y = table.y[looked_at]
    positive = out_of_fold(table, looked_at, grouped_folds(groups[looked_at], y, seed), seed)
    usual = _usual(positive, y)
    if usual.min() < 0.5:
        raise NotApplicable(
            "a fast model cannot tell the classes apart (rows of the one that it knows least have"
            f" a mean probability of {usual.min():.2f} of being what they are labelled)"
        )
    undecided = int((np.maximum(positive, 1 - positive) < DECIDED).sum())
    return Suspects(looked_at[confident(positive, y)], looked_at, undecided)


def confident(positive: Vector, y: Labels) -> Index:
    """The off-diagonal of the confident joint: rows by the probability of their own label, the
    least first."""
    own = np.where(y == 1, positive, 1 - positive)
    usual = _usual(positive, y)
    mine, other = usual[y], usual[1 - y]
    # a row that reaches what is usual in both classes belongs to the likelier one
    hit = np.flatnonzero((1 - own >= other) & ((own < mine) | (own < 0.5)))
    return np.asarray(hit[np.argsort(own[hit], kind="stable")])


def _usual(positive: Vector, y: Labels) -> Vector:
    """The mean probability that negative rows have of being negative, and positive rows of being
    positive."""
    return np.array([1 - positive[y == 0].mean(), positive[y == 1].mean()])


def sample(y: Labels, seed: int) -> Index:
    """At most `AT_MOST` rows, of which at most half are taken from the rarer class, which is whole
    otherwise."""
    if len(y) <= AT_MOST:
        return np.arange(len(y))
    random = np.random.default_rng(seed)
    rare = np.int8(2 * int(y.sum()) < len(y))
    few, many = np.flatnonzero(y == rare), np.flatnonzero(y != rare)
    if len(few) > AT_MOST // 2:
        few = random.choice(few, AT_MOST // 2, replace=False)
    return np.sort(np.concatenate([few, random.choice(many, AT_MOST - len(few), replace=False)]))


def grouped_folds(groups: Index, y: Labels, seed: int) -> Index:
    """The fold of each row: groups are dealt out in random order, those that begin with a positive
    row first."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    order = np.lexsort((np.random.default_rng(seed).permutation(len(first)), -y[first]))
    fold = np.empty(len(first), dtype=np.int64)
    fold[order] = np.arange(len(first)) % FOLDS
    return np.asarray(fold[group.reshape(-1)])


def out_of_fold(table: Table, rows: Index, folds: Index, seed: int) -> Vector:
    """The probability of being positive that a row gets from a model fitted on the other folds."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    features = np.arange(len(table.features))
    if len(features) > MOST_FEATURES:
        features = np.sort(
            np.random.default_rng(seed).choice(features, MOST_FEATURES, replace=False)
        )
    X, y = table.X[np.ix_(rows, features)], table.y[rows]
    categorical = np.array([0 < table.cardinalities[k] <= MOST_LABELS for k in features])
    positive = np.full(len(rows), float(y.mean()))
    with threadpool_limits(1):  # sums are the same whatever the number of cores
        for fold in range(FOLDS):
            test = folds == fold
            if not test.any() or len(np.unique(y[~test])) < 2:
                continue  # where all positives are copies of one row, its fold keeps the prevalence
            known = ~np.isnan(X[~test]).all(axis=0)  # the model takes no column without a value
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
