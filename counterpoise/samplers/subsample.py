"""A share of the training rows, the same of each class: a point of a learning curve."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.random import RandomState
from sklearn.base import BaseEstimator
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils._param_validation import Interval

from counterpoise.core.types import Labels, Matrix


class Subsample(BaseEstimator):  # type: ignore[misc]
    """Keep rows at random, as a smaller table would have had them.

    Parameters
    ----------
    share : float, default 0.5
        Share of the rows of each class, above 0 and below 1.
    random_state : int or RandomState, optional

    Attributes
    ----------
    sample_indices_ : ndarray of int
        Positions of the rows kept, ascending.
    """

    _parameter_constraints = {  # noqa: RUF012 - scikit-learn's own name and type
        "share": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(self, share: float = 0.5, random_state: int | RandomState | None = None) -> None:
        self.share, self.random_state = share, random_state

    def fit_resample(self, X: Matrix, y: Labels) -> tuple[Matrix, Labels]:
        """Draw the rows.

        Parameters
        ----------
        X : ndarray of shape (n, p)
        y : ndarray of shape (n,)

        Returns
        -------
        X : ndarray of shape (kept, p)
        y : ndarray of shape (kept,)

        Raises
        ------
        ValueError
            When a class has fewer than two rows, or the share keeps fewer rows than classes.
        """
        split = StratifiedShuffleSplit(
            1, train_size=self.share, random_state=self.random_state
        ).split(X, y)
        self.sample_indices_ = np.sort(next(split)[0])
        return X[self.sample_indices_], y[self.sample_indices_]
