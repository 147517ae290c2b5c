"""From rows in the table's own units to the matrix that a model takes, fitted on training rows
only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from counterpoise.core.types import Index, Matrix


class Encoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Impute, scale and encode categories, each only where the model needs it.

    A scikit-learn transformer. It is fitted on the fold's training rows as they were before any
    resampling: every strategy meets the same encoding, so what differs between two of them is the
    remedy alone.

    Parameters
    ----------
    cardinalities : tuple of int, length p
        For each feature the number of its categories, 0 for a number.
    categories : {"indicators", "codes"}
        One column a label (all 0 where the value is missing), or one column of codes for a model
        that knows which columns are categories.
    impute : bool
        Put the median in place of a missing number; a model that takes missing values needs no such
        guess.
    scale : bool or "power"
        Scale numbers to mean 0 and variance 1; "power" makes each as normal as it can be first (Yeo
        and Johnson 2000).

    Attributes
    ----------
    fill_, mean_, deviation_ : ndarray of shape (numbers,)
        What stands in for a missing number, and what numbers are scaled by.
    power_ : PowerTransformer
        With `scale="power"`.
    """

    def __init__(
        self,
        cardinalities: tuple[int, ...],
        categories: Literal["indicators", "codes"] = "indicators",
        impute: bool = True,
        scale: bool | Literal["power"] = False,
    ) -> None:
        self.cardinalities = cardinalities
        self.categories = categories
        self.impute = impute
        self.scale = scale

    def fit(self, X: Matrix, y: object = None, *, rows: Index | None = None) -> Encoder:
        """Fit on rows of a matrix, or on all of them, one column after the other."""
        taken = slice(None) if rows is None else rows
        self.fill_ = np.zeros(len(self._numeric))
        self.mean_, self.deviation_ = np.zeros(len(self._numeric)), np.ones(len(self._numeric))
        if not (self.impute or self.scale):
            return self
        some_missing = any(np.isnan(X[taken, k]).any() for k in self._numeric)
        for at, k in enumerate(self._numeric):
            column = X[taken, k]
            missing = np.isnan(column)
            if some_missing and not missing.all():
                self.fill_[at] = np.nanmedian(column)
            if self.scale is True:
                self.mean_[at], self.deviation_[at] = _spread(
                    np.where(missing, self.fill_[at], column)
                )
        if self.scale == "power":
            from sklearn.preprocessing import PowerTransformer

            numbers = X[taken][:, self._numeric]
            filled = np.where(np.isnan(numbers), self.fill_, numbers)
            self.power_ = PowerTransformer(standardize=False)
            if filled.size:
                self.power_.fit(filled)
            for at, column in enumerate(self._powered(filled).T):
                self.mean_[at], self.deviation_[at] = _spread(np.ascontiguousarray(column))
        return self

    def transform(self, X: Matrix) -> Matrix:
        """The matrix that a model takes, shape (n, columns)."""
        numbers = X[:, self._numeric]
        if self.impute:
            numbers = np.where(np.isnan(numbers), self.fill_, numbers)
        if self.scale == "power":
            numbers = self._powered(numbers)
        if self.scale:
            numbers = (numbers - self.mean_) / self.deviation_
        if len(self._categorical) == 0:
            return numbers
        codes = X[:, self._categorical]
        if self.categories == "codes":
            return np.hstack([numbers, codes])
        sizes = [self.cardinalities[k] for k in self._categorical]
        return np.hstack(
            [numbers, *(codes[:, [k]] == np.arange(size) for k, size in enumerate(sizes))],
            dtype=np.float64,
        )

    def _powered(self, numbers: Matrix) -> Matrix:
        """The power transform; scikit-learn's takes no rows less than one, and no table without a
        number."""
        return self.power_.transform(numbers) if numbers.size else numbers

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


def _spread(column: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation; 1 for a column that is constant.

    One that varies by rounding alone counts as constant, as in scikit-learn's StandardScaler.
    """
    mean, deviation = float(column.mean()), float(column.std())
    tiny = deviation <= 10 * np.finfo(float).eps * abs(mean)
    return mean, 1.0 if tiny or deviation == 0 else deviation


BLOCK = 1 << 18
"""Rows that are encoded at once. Fewer rows than that are encoded and scored together, as one
matrix."""


@dataclass(frozen=True)
class Encoded:
    """Rows of a table and rows that were made, encoded when they are asked for.

    Attributes
    ----------
    encoder : Encoder
        Fitted.
    X : ndarray of shape (n, p)
        The whole table.
    rows : ndarray of int64
        Positions in it.
    made : ndarray of shape (m, p)
        More rows, which follow them.
    constant : tuple of int
        Columns of what the encoder gives that hold 0 in every row.
    """

    encoder: Encoder
    X: Matrix
    rows: Index
    made: Matrix
    constant: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.rows) + len(self.made)

    @property
    def is_one_block(self) -> bool:
        return len(self) <= BLOCK

    def blocks(self) -> Iterator[Matrix]:
        """The rows in their order, at most `BLOCK` at once."""
        for start in range(0, max(len(self), 1), BLOCK):
            stop = start + BLOCK
            made = self.made[max(start - len(self.rows), 0) : max(stop - len(self.rows), 0)]
            block = self.encoder.transform(np.vstack([self.X[self.rows[start:stop]], made]))
            if self.constant:
                block[:, self.constant] = 0.0
            yield block

    def whole(self) -> Matrix:
        """One matrix of them."""
        if self.is_one_block:
            return next(self.blocks())
        whole, start = np.empty((0, 0)), 0
        for block in self.blocks():
            if not start:
                whole = np.empty(
                    (len(self), block.shape[1]), order="F" if block.flags.f_contiguous else "C"
                )
            whole[start : start + len(block)] = block
            start += len(block)
        return whole

    def without_values(self) -> Encoded:
        """The same with 0 in each column that has no value in any row, for a library that refuses
        such columns."""
        empty = np.logical_and.reduce([np.isnan(block).all(axis=0) for block in self.blocks()])
        return replace(self, constant=tuple(map(int, np.flatnonzero(empty))))
