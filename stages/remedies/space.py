"""The space that samplers measure distances in, and the way back into the table's own units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

Matrix = NDArray[np.float64]


@dataclass
class SamplingSpace:
    """Imputed, scaled numbers beside categories, fitted on training rows only.

    Numbers are imputed by the median and scaled to unit variance; categories are imputed by the most frequent one. There
    are two codings of a category. `codes` keeps one column of codes, for samplers that know which columns are categories
    (SMOTENC). `indicators` has one column a category, scaled so that two rows that differ in one category are as far apart
    as two that differ by one standard deviation in one number; it serves every sampler that knows distances alone, and
    its way back takes the category with the largest indicator.

    Parameters
    ----------
    cardinalities : tuple of int, length p
        For each feature the number of its categories, 0 for a number.
    scale : bool
        Whether numbers are scaled.
    """

    cardinalities: tuple[int, ...]
    scale: bool = True
    _impute_numbers: SimpleImputer = field(init=False)
    _impute_codes: SimpleImputer = field(init=False)
    _scaler: StandardScaler = field(init=False)

    STEP = 1 / np.sqrt(2)

    def __post_init__(self) -> None:
        sizes = np.array(self.cardinalities)
        self.numeric, self.categorical = np.flatnonzero(sizes == 0), np.flatnonzero(sizes > 0)

    def fit(self, X: Matrix) -> SamplingSpace:
        from sklearn.impute import SimpleImputer
        from sklearn.preprocessing import StandardScaler

        if len(self.numeric):
            self._impute_numbers = SimpleImputer(strategy="median", keep_empty_features=True).fit(X[:, self.numeric])
            self._scaler = StandardScaler(with_mean=self.scale, with_std=self.scale)
            self._scaler.fit(self._impute_numbers.transform(X[:, self.numeric]))
        if len(self.categorical):
            self._impute_codes = SimpleImputer(strategy="most_frequent", keep_empty_features=True)
            self._impute_codes.fit(X[:, self.categorical])
        return self

    def codes(self, X: Matrix) -> Matrix:
        """Rows as scaled numbers followed by one column of codes a category."""
        parts = []
        if len(self.numeric):
            parts.append(self._scaler.transform(self._impute_numbers.transform(X[:, self.numeric])))
        if len(self.categorical):
            parts.append(self._impute_codes.transform(X[:, self.categorical]))
        return np.hstack(parts)

    @property
    def code_columns(self) -> list[int]:
        """Where the categories stand in what `codes` returns."""
        return list(range(len(self.numeric), len(self.numeric) + len(self.categorical)))

    def indicators(self, X: Matrix) -> Matrix:
        """Rows as scaled numbers followed by one column for each label of each category."""
        return self.spread(self.codes(X))

    def spread(self, Z: Matrix) -> Matrix:
        """From the coding of `codes` to that of `indicators`."""
        parts = [Z[:, : len(self.numeric)]]
        for position, k in zip(self.code_columns, self.categorical, strict=True):
            parts.append((Z[:, [position]] == np.arange(self.cardinalities[k])) * self.STEP)
        return np.hstack(parts)

    def from_codes(self, Z: Matrix) -> Matrix:
        """From the coding of `codes` to the table's own units."""
        X = np.empty((len(Z), len(self.cardinalities)))
        if len(self.numeric):
            X[:, self.numeric] = self._scaler.inverse_transform(Z[:, : len(self.numeric)])
        X[:, self.categorical] = np.rint(Z[:, len(self.numeric) :])
        return X

    def from_indicators(self, Z: Matrix) -> Matrix:
        """From the coding of `indicators` to the table's own units."""
        parts, start = [Z[:, : len(self.numeric)]], len(self.numeric)
        for k in self.categorical:
            stop = start + self.cardinalities[k]
            parts.append(Z[:, start:stop].argmax(axis=1)[:, None].astype(np.float64))
            start = stop
        return self.from_codes(np.hstack(parts))
