"""From rows in the table's own units to the matrix that a model takes, fitted on training rows only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from stages.remedies.space import Matrix


@dataclass
class Encoder:
    """Impute, scale and spread categories, each only where the model needs it.

    It is fitted on the fold's training rows as they were before any resampling: every strategy meets the same encoding,
    so what differs between two of them is the remedy alone.

    Parameters
    ----------
    cardinalities : tuple of int, length p
        For each feature the number of its categories, 0 for a number.
    categories : {"indicators", "codes"}
        One column a label (all 0 where the value is missing), or one column of codes for a model that knows which
        columns are categories.
    impute : bool
        Put the median in place of a missing number; a model that takes missing values needs no such guess.
    scale : bool or "power"
        Scale numbers to mean 0 and variance 1; "power" makes each as normal as it can be first (Yeo and Johnson 2000).
    """

    cardinalities: tuple[int, ...]
    categories: Literal["indicators", "codes"] = "indicators"
    impute: bool = True
    scale: bool | Literal["power"] = False

    def fit(self, X: Matrix) -> Encoder:
        numbers = X[:, self._numeric]
        missing = np.isnan(numbers)
        centre = np.zeros(numbers.shape[1])
        some = ~missing.all(axis=0)
        if (self.impute or self.scale) and missing.any():
            centre[some] = np.nanmedian(numbers[:, some], axis=0)
        self._fill = centre
        if self.scale:
            filled = np.where(missing, self._fill, numbers)
            if self.scale == "power":
                from sklearn.preprocessing import PowerTransformer

                self._power = PowerTransformer(standardize=False)
                if filled.size:
                    self._power.fit(filled)
                filled = self._powered(filled)
            self._mean, deviation = filled.mean(axis=0), filled.std(axis=0)
            # a column that varies by rounding alone counts as constant, as in scikit-learn's StandardScaler
            tiny = deviation <= 10 * np.finfo(float).eps * np.abs(self._mean)
            self._deviation = np.where(tiny | (deviation == 0), 1.0, deviation)
        return self

    def transform(self, X: Matrix) -> Matrix:
        numbers = X[:, self._numeric]
        if self.impute:
            numbers = np.where(np.isnan(numbers), self._fill, numbers)
        if self.scale == "power":
            numbers = self._powered(numbers)
        if self.scale:
            numbers = (numbers - self._mean) / self._deviation
        if len(self._categorical) == 0:
            return numbers
        codes = X[:, self._categorical]
        if self.categories == "codes":
            return np.hstack([numbers, codes])
        sizes = [self.cardinalities[k] for k in self._categorical]
        return np.hstack(
            [numbers, *(codes[:, [k]] == np.arange(size) for k, size in enumerate(sizes))], dtype=np.float64
        )

    def _powered(self, numbers: Matrix) -> Matrix:
        """The power transform; scikit-learn's takes no rows less than one, and no table without a number."""
        return self._power.transform(numbers) if numbers.size else numbers

    @property
    def is_category(self) -> list[bool]:
        """Which columns of what `transform` returns hold codes of categories."""
        if self.categories == "codes":
            return [False] * len(self._numeric) + [True] * len(self._categorical)
        return [False] * (len(self._numeric) + sum(self.cardinalities))

    @property
    def _numeric(self) -> np.ndarray:
        return np.flatnonzero(np.array(self.cardinalities) == 0)

    @property
    def _categorical(self) -> np.ndarray:
        return np.flatnonzero(np.array(self.cardinalities) > 0)
