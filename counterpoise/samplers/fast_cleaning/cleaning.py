"""Faster versions of imbalanced-learn's cleaning samplers, which keep the same rows.

Each class is imbalanced-learn's own, with its parameters, checks, messages and attributes. It
differs in how it finds the rows whose neighbours matter
(`counterpoise.samplers.fast_cleaning.neighbours`). Where there is no such shortcut, the class runs
imbalanced-learn's code. That holds for a metric other than the Euclidean, a sparse matrix, a table
of ties, and few columns without a rare class.

References
----------
I. Tomek, "Two modifications of CNN" (1976) and "An experiment with the edited nearest-neighbor
rule" (1976). D. Wilson, "Asymptotic properties of nearest neighbor rules using edited data" (1972).
P. Hart, "The condensed nearest neighbor rule" (1968). J. Laurikkala, "Improving identification of
difficult small classes by balancing class distribution" (2001). M. Kubat and S. Matwin, "Addressing
the curse of imbalanced training sets: one-sided selection" (1997). G. Batista, R. Prati and M.
Monard, "A study of the behavior of several methods for balancing machine learning training data"
(2004).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import imblearn.combine
import imblearn.under_sampling
import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.utils import _safe_indexing, check_random_state

from counterpoise.core.types import Flags, Floats, Index
from counterpoise.samplers.fast_cleaning.neighbours import (
    Space,
    Tied,
    agrees,
    at_positions,
    partners,
)

FEW = 4096
"""Number of rows of a class up to which their nearest are searched without screening."""


def _shortcut(X: Any, searcher: Any, needed: int, others: int) -> bool:
    """Whether the distances that scikit-learn computes can be bounded, and whether that saves time.

    The table needs at least `needed` rows; `others` is the number of rows outside of the largest
    class.
    """
    if type(searcher) is not NearestNeighbors or searcher.effective_metric_ != "euclidean":
        return False
    if (
        not isinstance(X, np.ndarray)
        or X.dtype.kind not in "iuf"
        or X.dtype.itemsize > 8
        or len(X) < needed
    ):
        return False
    largest = float(np.abs(X.astype(np.float64)).max())
    # integers are computed without rounding below 2**53, whichever queries are computed together
    if X.dtype.kind in "iu":
        exact = 8 * X.shape[1] * largest**2 < 2.0**53
    else:
        exact = X.dtype in (np.float32, np.float64) and get_config()["enable_cython_pairwise_dist"]
    # a tree serves up to 15 columns; in the time of one query to it, so many rows are screened
    by_tree = 50 * 2.0 ** X.shape[1]
    gain = X.shape[1] > 15 or searcher.algorithm == "brute" or others < by_tree
    return bool(exact and 1e-100 < largest < 1e100 and gain)


def _search(searcher: Any) -> Callable[[NDArray[Any]], Index]:
    return partial(searcher.kneighbors, return_distance=False)


def _rarest(y: Any) -> Any:
    """The label of the fewest rows; of several the one that comes first in the table.

    imbalanced-learn breaks the tie in the same way.
    """
    labels, first, sizes = np.unique(y, return_index=True, return_counts=True)
    return labels[np.lexsort((first, sizes))[0]]


def _single_threaded() -> Any:
    """Limit BLAS to one thread: blocks that fit a cache are too small to be split."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


class TomekLinks(imblearn.under_sampling.TomekLinks):  # type: ignore[misc]
    """`imblearn.under_sampling.TomekLinks`: drop rows of Tomek links.

    A link is two rows of different classes that are each other's nearest. One of the two is outside
    of the largest class. So the nearest are searched only for rows there and for their partners.
    """

    def _fit_resample(self, X: Any, y: Any) -> Any:
        searcher = NearestNeighbors(n_neighbors=2, n_jobs=self.n_jobs).fit(X)
        links = _links(X, y, searcher)
        if links is None:
            return super()._fit_resample(X, y)
        dropped = links[np.isin(y[links], list(self.sampling_strategy_))]
        self.sample_indices_ = np.setdiff1d(np.arange(len(y)), dropped)
        return _safe_indexing(X, self.sample_indices_), y[self.sample_indices_]


def _links(X: Any, y: Any, searcher: Any) -> Index | None:
    """Find the rows of all Tomek links; None where there is no shortcut."""
    _, classes, sizes = np.unique(y, return_inverse=True, return_counts=True)
    if not _shortcut(X, searcher, 3, len(y) - sizes.max()):
        return None
    space = Space(X.astype(np.float64))

    def partner(rows: Index) -> Index:
        """The nearest row of each, or -1 where it is of the same class."""
        answer = partners(space.nearest(rows, 1), classes, rows)
        open_ = np.flatnonzero(~answer.known)  # ties: scikit-learn decides
        if len(open_):
            answer.value[open_] = at_positions(_search(searcher), X, rows[open_])[:, 1]
        theirs: Index = np.where(classes[answer.value] == classes[rows], -1, answer.value)
        return theirs

    try:
        with _single_threaded():
            alone = [
                _candidates(space, classes, c) for c in range(len(sizes)) if c != sizes.argmax()
            ]
            rows = np.concatenate([np.zeros(0, np.int64), *alone])
            theirs = partner(rows)
            rows, theirs = rows[theirs >= 0], theirs[theirs >= 0]
            mutual = partner(theirs) == rows
    except Tied:
        return None
    return np.union1d(rows[mutual], theirs[mutual])


def _candidates(space: Space, classes: Index, c: int) -> Index:
    """Rows of a class whose nearest row may be of another class."""
    own = np.flatnonzero(classes == c)
    if len(own) <= FEW:
        return own
    return own[space.unsettled(own, space.to_others(own, np.flatnonzero(classes != c), 1), 1)]


class EditedNearestNeighbours(
    imblearn.under_sampling.EditedNearestNeighbours  # type: ignore[misc]
):
    """`imblearn.under_sampling.EditedNearestNeighbours`: drop misclassified rows.

    A row is dropped when its k nearest disagree with it: one of them or most, as `kind_sel` says.
    """

    def _fit_resample(self, X: Any, y: Any) -> Any:
        self._validate_estimator()
        self.nn_.fit(X)
        kept = _agreeing(X, y, self.nn_, self.kind_sel, list(self.sampling_strategy_))
        if kept is None:
            return super()._fit_resample(X, y)
        self.sample_indices_ = np.concatenate(
            [np.flatnonzero((y == label) & kept) for label in np.unique(y)]
        )
        return _safe_indexing(X, self.sample_indices_), y[self.sample_indices_]


def _agreeing(X: Any, y: Any, searcher: Any, kind: str, targets: list[Any]) -> Flags | None:
    """Which rows stay; None where there is no shortcut.

    These are all rows outside of the target classes, and those that their neighbours agree with.
    """
    labels, classes, sizes = np.unique(y, return_inverse=True, return_counts=True)
    k = searcher.n_neighbors - 1
    if k < 1 or not _shortcut(X, searcher, k + 2, len(y) - sizes.max()):
        return None
    space = Space(X.astype(np.float64))
    # the least number of neighbours of other classes that can change the decision
    rank = 1 if kind == "all" else (k + 1) // 2
    kept = np.ones(len(y), bool)
    bounds: dict[int, Floats] = {}
    try:
        with _single_threaded():
            for c in np.flatnonzero(np.isin(labels, targets)).tolist():
                own = np.flatnonzero(classes == c)
                rows = own
                if len(own) > FEW:
                    others = np.flatnonzero(classes != c)
                    # distances between two classes bound the rows of both
                    if c not in bounds and rank == 1 and len(labels) == 2:
                        bounds[c], bounds[1 - c] = space.between(own, others)
                    bound = bounds[c] if c in bounds else space.to_others(own, others, rank)
                    rows = own[space.unsettled(own, bound, k - rank + 1)]
                answer = agrees(space.nearest(rows, k), classes, rows, k, kind)
                kept[rows] = answer.value
                open_ = rows[~answer.known]
                if len(open_):
                    near = classes[
                        at_positions(_search(searcher), X[own], np.searchsorted(own, open_))[:, 1:]
                    ]
                    votes = (near[:, :, None] == np.arange(len(labels))).sum(axis=1)
                    kept[open_] = votes[:, c] == k if kind == "all" else votes.argmax(axis=1) == c
    except Tied:
        return None
    return kept


class _Editing:
    """Mixin that lets samplers repeat the faster EditedNearestNeighbours above."""

    enn_: Any

    def _validate_estimator(self) -> None:
        super()._validate_estimator()  # type: ignore[misc]
        self.enn_ = EditedNearestNeighbours(**self.enn_.get_params(deep=False))


class RepeatedEditedNearestNeighbours(
    _Editing,
    imblearn.under_sampling.RepeatedEditedNearestNeighbours,  # type: ignore[misc]
):
    """`imblearn.under_sampling.RepeatedEditedNearestNeighbours`."""


class AllKNN(_Editing, imblearn.under_sampling.AllKNN):  # type: ignore[misc]
    """`imblearn.under_sampling.AllKNN`."""


class NeighbourhoodCleaningRule(
    imblearn.under_sampling.NeighbourhoodCleaningRule  # type: ignore[misc]
):
    """`imblearn.under_sampling.NeighbourhoodCleaningRule`."""

    edited_nearest_neighbours_: Any

    def _validate_estimator(self) -> None:
        super()._validate_estimator()
        if self.edited_nearest_neighbours is None:
            params = self.edited_nearest_neighbours_.get_params(deep=False)
            self.edited_nearest_neighbours_ = EditedNearestNeighbours(**params)


class CondensedNearestNeighbour(
    imblearn.under_sampling.CondensedNearestNeighbour  # type: ignore[misc]
):
    """`imblearn.under_sampling.CondensedNearestNeighbour`: choose the rows that are misclassified.

    Rows are visited in order, and the nearest row chosen so far classifies each. A row that is
    nearer to a chosen row of its own class than to the rarest class stays so. Hence only the other
    rows are compared with each newly chosen row.
    """

    def _fit_resample(self, X: Any, y: Any) -> Any:
        estimator = self._validate_estimator()
        plain = KNeighborsClassifier(n_neighbors=1).get_params() == {
            **estimator.get_params(),
            "n_jobs": None,
        }
        if not plain or not _shortcut(X, NearestNeighbors().fit(X), 1, 0):
            return super()._fit_resample(X, y)
        random, rarest = check_random_state(self.random_state), np.flatnonzero(y == _rarest(y))
        space = Space(X.astype(np.float64))
        self.estimators_, chosen = [], []
        for label in np.unique(y):
            own = np.flatnonzero(y == label)
            if label in self.sampling_strategy_:
                seeds = own[random.randint(low=0, high=len(own), size=self.n_seeds_S)]
                self.estimators_.append(clone(estimator))
                with _single_threaded():
                    own = _condensed(X, y, space, rarest, seeds, own, self.estimators_[-1])
            chosen.append(own)
        self.sample_indices_ = np.concatenate(chosen)
        return _safe_indexing(X, self.sample_indices_), _safe_indexing(y, self.sample_indices_)


def _condensed(
    X: Any, y: Any, space: Space, rarest: Index, seeds: Index, own: Index, estimator: Any
) -> Index:
    """Choose rows of a class, the seeds first.

    The estimator is left fitted on them and the rarest class.
    """
    S, label = X[own], y[own[0]]

    def bounds(rows: Index, others: Index) -> tuple[Floats, Floats]:
        """Bounds of the squared distance from each row to the nearest of the others."""
        blocks = [space.bounds(rows[at : at + 1024], others) for at in range(0, len(rows), 1024)]
        low, high = ([block[side].min(axis=1) for block in blocks] for side in (0, 1))
        return np.concatenate(low), np.concatenate(high)

    def fit() -> None:
        """Fit the estimator on the rarest class and the rows chosen so far."""
        known = np.concatenate([rarest, chosen])
        estimator.fit(X[known], y[known])

    chosen, fitted = seeds, 0
    other_low, other_high = bounds(own, rarest)
    own_low, own_high = bounds(own, seeds)
    alone = label == y[rarest[0]]  # with a single class nothing is misclassified
    # positions in the class of rows that may still be misclassified
    open_ = np.flatnonzero((own_high >= other_low) & ~alone)
    while len(open_):
        at, open_ = int(open_[0]), open_[1:]
        # imbalanced-learn compares a position in the class with positions in the table here; the
        # same is done, to keep the same rows
        if at in chosen:
            continue
        # the bounds leave it open: predict as imbalanced-learn does, with all rows after a choice,
        # then with this row; a tie may depend on the number of queries
        if own_low[at] <= other_high[at]:
            if fitted != len(chosen):
                fit()
                fitted = len(chosen)
            if (
                len(chosen) > len(seeds)
                and at_positions(estimator.predict, S, np.array([at]))[0] == label
            ):
                continue
            if estimator.predict(S[[at]])[0] == label:
                continue
        chosen = np.append(chosen, own[at])
        low, high = bounds(own[open_], own[[at]]) if len(open_) else (own_low[:0], own_high[:0])
        own_low[open_], own_high[open_] = (
            np.minimum(own_low[open_], low),
            np.minimum(own_high[open_], high),
        )
        open_ = open_[own_high[open_] >= other_low[open_]]
    fit()
    return chosen


class OneSidedSelection(imblearn.under_sampling.OneSidedSelection):  # type: ignore[misc]
    """`imblearn.under_sampling.OneSidedSelection`: choose misclassified rows, minus Tomek links.

    The nearest row of the rarest class and of random seeds classifies the others.
    """

    def _fit_resample(self, X: Any, y: Any) -> Any:
        estimator, random = self._validate_estimator(), check_random_state(self.random_state)
        labels, sizes = np.unique(y, return_counts=True)
        rarest = np.flatnonzero(y == _rarest(y))
        self.estimators_, chosen = [], []
        for label, size in zip(labels, sizes, strict=True):
            own = np.flatnonzero(y == label)
            if label in self.sampling_strategy_:
                seeds = random.randint(low=0, high=size, size=self.n_seeds_S)
                known, rest = np.append(rarest, own[seeds]), np.delete(own, seeds)
                self.estimators_.append(clone(estimator).fit(_safe_indexing(X, known), y[known]))
                wrong = self.estimators_[-1].predict(_safe_indexing(X, rest)) != label
                own = np.concatenate([own[seeds], rest[wrong]])
            chosen.append(own)
        rows = np.concatenate(chosen)
        tomek = TomekLinks(sampling_strategy=list(self.sampling_strategy_))
        X_, y_ = tomek.fit_resample(_safe_indexing(X, rows), y[rows])
        self.sample_indices_ = rows[tomek.sample_indices_]
        return X_, y_


class SMOTETomek(imblearn.combine.SMOTETomek):  # type: ignore[misc]
    """`imblearn.combine.SMOTETomek`."""

    tomek_: Any

    def _validate_estimator(self) -> None:
        super()._validate_estimator()
        if self.tomek is None:
            self.tomek_ = TomekLinks(**self.tomek_.get_params(deep=False))


class SMOTEENN(imblearn.combine.SMOTEENN):  # type: ignore[misc]
    """`imblearn.combine.SMOTEENN`."""

    enn_: Any

    def _validate_estimator(self) -> None:
        super()._validate_estimator()
        if self.enn is None:
            self.enn_ = EditedNearestNeighbours(**self.enn_.get_params(deep=False))
