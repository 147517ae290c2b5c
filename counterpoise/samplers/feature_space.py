"""The feature space that samplers measure distances in, and its inverse to the table's units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from counterpoise.core.types import Index, Matrix

GATHERED_BYTES = 8 * 2**20
"""Bytes of columns that are gathered at a time to fit a space.

At least one column is gathered.
"""

BLOCK_ROWS = 2**16
"""Number of rows that are read at a time."""


class SamplingSpace:
    """Imputed, scaled numbers beside categories, fitted on training rows only.

    Missing numbers are replaced by the median, missing categories by the most frequent one. Numbers
    are scaled to unit variance. A category has two codings:

    - `codes` keeps one column of codes, for samplers that know which columns are categories
      (SMOTENC).
    - `indicators` has one column for each category. Their scale gives a difference in one category
      the same distance as one standard deviation in one number. It suits every sampler that knows
      only distances. Its inverse takes the category with the largest indicator.

    The numbers equal those of scikit-learn's SimpleImputer and StandardScaler to the last bit. They
    are computed one column at a time. Rows are coded without the rest of the table, in the table's
    own type (float32 stays float32).

    Parameters
    ----------
    cardinalities : tuple of int, length p
        For each feature the number of its categories, 0 for a number.
    scale : bool
        Whether numbers are scaled.
    """

    STEP = 1 / np.sqrt(2)
    """Value of an indicator: two rows that differ in a category are then at the distance 1."""

    def __init__(self, cardinalities: tuple[int, ...], scale: bool = True) -> None:
        self.cardinalities, self.scale = cardinalities, scale
        sizes = np.array(cardinalities)
        self.numeric, self.categorical = np.flatnonzero(sizes == 0), np.flatnonzero(sizes > 0)

    def fit(self, X: Matrix, rows: Index | None = None) -> SamplingSpace:
        """Fit on the rows of a table; only a few columns are copied at a time.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            A table in its own units; NaN where a value is missing.
        rows : ndarray of int64, optional
            Positions of the rows meant; all, if left out.

        Returns
        -------
        SamplingSpace
            The space itself.
        """
        from sklearn.preprocessing import StandardScaler

        self.fill = np.zeros(X.shape[1])
        self._mean, self._scale = np.zeros(len(self.numeric)), np.ones(len(self.numeric))
        places = {int(k): place for place, k in enumerate(self.numeric)}
        for k, column in enumerate(_columns(X, rows)):
            missing = np.isnan(column)
            known = column[~missing]
            if k in places:
                self.fill[k] = np.median(known) if len(known) else 0.0
            else:
                self.fill[k] = np.bincount(known.astype(np.int64), minlength=1).argmax()
            if k in places and self.scale:
                del known
                column[missing] = self.fill[k]
                scaler = StandardScaler().fit(column[:, None])
                self._mean[places[k]], self._scale[places[k]] = scaler.mean_[0], scaler.scale_[0]
        return self

    def codes(self, X: Matrix, rows: Index | None = None) -> Matrix:
        """Code rows as scaled numbers followed by one column of codes for each category.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            A table in its own units; NaN where a value is missing.
        rows : ndarray of int64, optional
            Positions of the rows meant; all, if left out.

        Returns
        -------
        ndarray of shape (rows, p)
            In the table's type.
        """
        n = len(X) if rows is None else len(rows)
        # in the memory order that scikit-learn's transformers give
        Z = np.empty((n, X.shape[1]), X.dtype, order="F")
        for place, k in enumerate([*self.numeric, *self.categorical]):
            column = Z[:, place]
            column[:] = X[:, k] if rows is None else X[rows, k]
            column[np.isnan(column)] = self.fill[k]
            if self.scale and place < len(self.numeric):
                column -= X.dtype.type(self._mean[place])
                column /= X.dtype.type(self._scale[place])
        return Z

    @property
    def code_columns(self) -> list[int]:
        """Positions of the categories among the columns that `codes` returns.

        Returns
        -------
        list of int
        """
        return list(range(len(self.numeric), len(self.numeric) + len(self.categorical)))

    def indicators(self, X: Matrix, rows: Index | None = None) -> Matrix:
        """Code rows as scaled numbers followed by one column for each label of each category.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            A table in its own units; NaN where a value is missing.
        rows : ndarray of int64, optional
            Positions of the rows meant; all, if left out.

        Returns
        -------
        ndarray of shape (rows, q)
            In the table's type.
        """
        return self.spread(self.codes(X, rows))

    def spread(self, Z: Matrix) -> Matrix:
        """Convert the coding of `codes` to that of `indicators`.

        Parameters
        ----------
        Z : ndarray of shape (n, p)

        Returns
        -------
        ndarray of shape (n, q)
        """
        parts = [Z[:, : len(self.numeric)]]
        for position, k in zip(self.code_columns, self.categorical, strict=True):
            one = Z[:, [position]] == np.arange(self.cardinalities[k])
            parts.append(one * Z.dtype.type(self.STEP))
        return np.hstack(parts)

    def from_codes(self, Z: Matrix) -> Matrix:
        """Convert the coding of `codes` to the table's own units.

        Parameters
        ----------
        Z : ndarray of shape (n, p)

        Returns
        -------
        ndarray of shape (n, p)
            Codes of categories are rounded to whole numbers.
        """
        X = np.empty((len(Z), len(self.cardinalities)), Z.dtype)
        numbers = Z[:, : len(self.numeric)]
        if self.scale:
            numbers = numbers * self._scale.astype(Z.dtype)
            numbers += self._mean.astype(Z.dtype)
        X[:, self.numeric] = numbers
        X[:, self.categorical] = np.rint(Z[:, len(self.numeric) :])
        return X

    def from_indicators(self, Z: Matrix) -> Matrix:
        """Convert the coding of `indicators` to the table's own units.

        Parameters
        ----------
        Z : ndarray of shape (n, q)

        Returns
        -------
        ndarray of shape (n, p)
        """
        parts, start = [Z[:, : len(self.numeric)]], len(self.numeric)
        for k in self.categorical:
            stop = start + self.cardinalities[k]
            parts.append(Z[:, start:stop].argmax(axis=1)[:, None].astype(Z.dtype))
            start = stop
        return self.from_codes(np.hstack(parts))


@dataclass(frozen=True)
class Coded:
    """Rows of a table in a fitted space, coded on request.

    Attributes
    ----------
    space : SamplingSpace
    X : ndarray of shape (n, p)
        The table. It may be a view or a memory map, and is not copied as a whole.
    rows : ndarray of int64, optional
        Positions of the rows meant; all, if left out.
    """

    space: SamplingSpace
    X: Matrix
    rows: Index | None = None

    def at(self, positions: Index) -> Matrix:
        """Code the rows at some positions.

        Parameters
        ----------
        positions : ndarray of int64
            Positions among the rows meant.

        Returns
        -------
        ndarray of shape (len(positions), p)
        """
        rows = positions if self.rows is None else self.rows[positions]
        return np.ascontiguousarray(self.space.codes(self.X, rows))

    def back(self, Z: Matrix) -> Matrix:
        """Convert coded rows to the table's own units.

        Parameters
        ----------
        Z : ndarray of shape (m, p)

        Returns
        -------
        ndarray of shape (m, p)
        """
        return self.space.from_codes(Z)


def _columns(X: Matrix, rows: Index | None) -> Iterator[Matrix]:
    """Yield each column of a table, or of some of its rows, as an array that may be modified."""
    n = len(X) if rows is None else len(rows)
    many = max(1, GATHERED_BYTES // max(1, n * X.itemsize))
    for first in range(0, X.shape[1], many):
        columns = slice(first, first + many)
        gathered = np.empty((X[:1, columns].shape[1], n), X.dtype)
        for start in range(0, n, BLOCK_ROWS):
            some = slice(start, start + BLOCK_ROWS)
            gathered[:, some] = X[some if rows is None else rows[some], columns].T
        yield from gathered
