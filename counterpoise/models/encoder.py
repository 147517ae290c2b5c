"""Encoding of rows in the table's own units as the matrix that a model takes."""

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

    A scikit-learn transformer. It is fitted on the fold's training rows before any resampling.
    Every strategy gets the same encoding, so two strategies differ only in the remedy.

    Parameters
    ----------
    cardinalities : tuple of int, length p
        For each feature the number of its categories, 0 for a number.
    categories : {"indicators", "codes"}
        One column for each label, all 0 where the value is missing. Or one column of codes, for a
        model that handles categories itself.
    impute : bool
        Replace a missing number by the median. A model that takes missing values does not need it.
    scale : bool or "power"
        Scale numbers to mean 0 and variance 1. "power" first makes each as normal as possible (Yeo
        and Johnson 2000).

    Attributes
    ----------
    fill_, mean_, deviation_ : ndarray of shape (numbers,)
        For each number, the value that replaces a missing one, and mean and standard deviation.
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
        """Fit on the rows of a matrix, one column after the other.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            Rows in the table's own units; NaN where a value is missing.
        y : object
            Ignored; part of scikit-learn's interface.
        rows : ndarray of int64, optional
            Positions of the rows to fit on; all, if left out.

        Returns
        -------
        Encoder
            The encoder itself.
        """
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
        """Encode rows as the matrix that a model takes.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            Rows in the table's own units.

        Returns
        -------
        ndarray of shape (n, columns)
            First the numbers, then the codes or the indicators of the categories.
        """
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
        """Apply the power transform; scikit-learn's refuses an empty matrix."""
        return self.power_.transform(numbers) if numbers.size else numbers

    @property
    def is_category(self) -> list[bool]:
        """Which columns of the encoded matrix hold codes of categories.

        Returns
        -------
        list of bool
            One for each column that `transform` returns.
        """
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
    """Compute mean and standard deviation; the latter is 1 for a constant column.

    A column that varies only by rounding counts as constant, as in scikit-learn's StandardScaler.
    """
    mean, deviation = float(column.mean()), float(column.std())
    tiny = deviation <= 10 * np.finfo(float).eps * abs(mean)
    return mean, 1.0 if tiny or deviation == 0 else deviation


BLOCK = 1 << 18
"""Number of rows that are encoded at once.

Up to this number, rows are encoded and scored together as one matrix.
"""


@dataclass(frozen=True)
class Encoded:
    """Rows of a table and synthetic rows, encoded on demand.

    Attributes
    ----------
    encoder : Encoder
        FitResult.
    X : ndarray of shape (n, p)
        The whole table.
    rows : ndarray of int64
        Positions in it.
    made : ndarray of shape (m, p)
        Synthetic rows, which follow them.
    constant : tuple of int
        Columns of the encoded matrix that are set to 0 in every row.
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
        """Whether all rows are encoded at once.

        Returns
        -------
        bool
        """
        return len(self) <= BLOCK

    def blocks(self) -> Iterator[Matrix]:
        """Encode the rows block by block, in their order.

        Yields
        ------
        ndarray of shape (b, columns)
            At most `BLOCK` rows. Without any rows, one empty block.
        """
        for start in range(0, max(len(self), 1), BLOCK):
            stop = start + BLOCK
            made = self.made[max(start - len(self.rows), 0) : max(stop - len(self.rows), 0)]
            block = self.encoder.transform(np.vstack([self.X[self.rows[start:stop]], made]))
            if self.constant:
                block[:, self.constant] = 0.0
            yield block

    def whole(self) -> Matrix:
        """Encode all rows as one matrix.

        Returns
        -------
        ndarray of shape (rows, columns)
        """
        if self.is_one_block:
            return next(self.blocks())
        whole, start = np.empty((0, 0)), 0
        for block in self.blocks():
            if not start:
                # in the memory order of the blocks, as if all rows were encoded at once
                whole = np.empty(
                    (len(self), block.shape[1]), order="F" if block.flags.f_contiguous else "C"
                )
            whole[start : start + len(block)] = block
            start += len(block)
        return whole

    def without_values(self) -> Encoded:
        """Set columns without any value to 0, for a library that refuses such columns.

        Returns
        -------
        Encoded
            The same rows, with 0 in each column that is NaN in every row.
        """
        empty = np.logical_and.reduce([np.isnan(block).all(axis=0) for block in self.blocks()])
        return replace(self, constant=tuple(map(int, np.flatnonzero(empty))))
