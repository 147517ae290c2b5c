"""Encoding of rows in the table's own units as the matrix that a model or a sampler takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from counterpoise.core.types import Index, Matrix

Coding = Literal["indicators", "codes"]

GATHERED_BYTES = 4 * 2**20
"""Bytes of columns that are gathered at a time to fit an encoder; at least one column is."""

GATHERED_ROWS = 2**16
"""Number of rows that are read at a time to fit an encoder."""


MAX_INDICATORS = 50
"""Indicators of one category: the most frequent labels have their own, all others one together."""


class Encoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Impute, scale and encode features, each only where the model or sampler needs it.

    A scikit-learn transformer. It is fitted on training rows only, before any resampling. Every
    strategy gets the same encoding, so two strategies differ only in the remedy.

    It works column by column, and rows are encoded without the rest of the table, in the table's
    own type (float32 stays float32). The numbers equal those of scikit-learn's SimpleImputer and
    StandardScaler to the last bit.

    Parameters
    ----------
    cardinalities : tuple of int, length p
        For each feature the number of its categories, 0 for a number.
    categories : {"indicators", "codes"}
        One column for each label, all 0 where the value is missing; of a category with more than
        `MAX_INDICATORS` labels, one for each of the most frequent and one for all others. Or one
        column of codes, for a model or sampler that handles categories itself.
    impute : bool
        Replace a missing number by the median. A model that takes missing values does not need it.
    scale : bool or "power"
        Scale numbers to mean 0 and variance 1. "power" first makes each as normal as possible (Yeo
        and Johnson 2000).
    impute_categories : bool
        Replace a missing category by the most frequent one, the first of equally frequent ones.
    indicator : float
        The value of the indicator of a row's own label.

    Attributes
    ----------
    fill_ : ndarray of shape (p,)
        For each number, then for each category, the value that replaces a missing one.
    mean_, deviation_ : ndarray of shape (numbers,)
        Mean and standard deviation of each number; the latter is 1 for a constant.
    kept_ : dict of int to ndarray of int64
        For each category with many labels, by its position, the codes that have an indicator of
        their own, the most frequent first.
    power_ : PowerTransformer
        With `scale="power"`, where there are numbers.
    """

    def __init__(
        self,
        cardinalities: tuple[int, ...],
        categories: Coding = "indicators",
        impute: bool = True,
        scale: bool | Literal["power"] = False,
        impute_categories: bool = False,
        indicator: float = 1.0,
    ) -> None:
        self.cardinalities = cardinalities
        self.categories = categories
        self.impute = impute
        self.scale = scale
        self.impute_categories = impute_categories
        self.indicator = indicator

    def fit(self, X: Matrix, y: object = None, *, rows: Index | None = None) -> Encoder:
        """Fit on the rows of a matrix; only a few columns are copied at a time.

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
        from sklearn.preprocessing import PowerTransformer

        numbers = len(self.numeric)
        self.fill_ = np.zeros(len(self.cardinalities))
        self.mean_, self.deviation_ = np.zeros(numbers), np.ones(numbers)
        if self.impute or self.scale:
            for first, columns in _gathered(X, self.numeric, rows):
                for at, column in enumerate(columns, first):
                    missing = np.isnan(column)
                    if not missing.all():
                        self.fill_[at] = np.median(column[~missing])
                    column[missing] = self.fill_[at]
                if self.scale is True:
                    self._fit_scale(columns.T, first)
        if self.scale == "power" and numbers:
            self.power_ = PowerTransformer(standardize=False)
            filled = np.empty((len(X) if rows is None else len(rows), numbers), X.dtype, order="F")
            self._fill_numbers(filled, X, rows)
            self._fit_scale(self.power_.fit_transform(filled), 0)
        self.kept_ = {}
        for first, columns in _gathered(X, self.categorical, rows):
            for at, column in enumerate(columns, first):
                k = int(self.categorical[at])
                known = column[~np.isnan(column)].astype(np.int64)
                counts = np.bincount(known, minlength=self.cardinalities[k])
                if self.impute_categories:
                    self.fill_[numbers + at] = counts.argmax()
                if self.cardinalities[k] > MAX_INDICATORS:
                    self.kept_[k] = np.argsort(-counts, kind="stable")[: MAX_INDICATORS - 1]
        return self

    def _widths(self) -> list[int]:
        """The number of indicators of each category."""
        return [min(self.cardinalities[k], MAX_INDICATORS) for k in self.categorical]

    def _fit_scale(self, numbers: Matrix, first: int) -> None:
        """Mean and deviation of some numbers, the first of which has the position `first`."""
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(numbers)
        some = slice(first, first + numbers.shape[1])
        self.mean_[some], self.deviation_[some] = scaler.mean_, scaler.scale_

    def _fill_numbers(self, Z: Matrix, X: Matrix, rows: Index | None) -> None:
        """Write the numbers of rows into `Z`, missing ones replaced where the encoder imputes."""
        taken = slice(None) if rows is None else rows
        for at, k in enumerate(self.numeric):
            column = Z[:, at]
            column[:] = X[taken, k]
            if self.impute or self.scale == "power":
                column[np.isnan(column)] = self.fill_[at]

    def transform(self, X: Matrix, *, rows: Index | None = None) -> Matrix:
        """Encode rows.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            Rows in the table's own units.
        rows : ndarray of int64, optional
            Positions of the rows meant; all, if left out.

        Returns
        -------
        ndarray of shape (rows, columns)
            First the numbers, then the codes or the indicators of the categories, in the table's
            type and column-major order.
        """
        n, numbers = len(X) if rows is None else len(rows), len(self.numeric)
        Z = np.empty((n, len(self.is_category)), X.dtype, order="F")
        scaled = Z[:, :numbers]
        self._fill_numbers(scaled, X, rows)
        if self.scale == "power" and scaled.size:
            scaled[:] = self.power_.transform(scaled)
        if self.scale:
            scaled -= self.mean_.astype(X.dtype)
            scaled /= self.deviation_.astype(X.dtype)
        taken, start = slice(None) if rows is None else rows, numbers
        for at, k in enumerate(self.categorical, numbers):
            column = X[taken, k]
            if self.impute_categories:
                column = np.where(np.isnan(column), X.dtype.type(self.fill_[at]), column)
            if self.categories == "codes":
                Z[:, at] = column
            else:
                stop = start + min(self.cardinalities[k], MAX_INDICATORS)
                self._indicate(Z[:, start:stop], column, int(k))
                start = stop
        return Z

    def _indicate(self, Z: Matrix, codes: Matrix, k: int) -> None:
        """Write the indicators of one category into `Z`; the last one may stand for the others."""
        own = self.kept_.get(k, np.arange(Z.shape[1]))
        for at, code in enumerate(own):
            Z[:, at] = (codes == code) * Z.dtype.type(self.indicator)
        if k in self.kept_:
            others = ~np.isnan(codes) & ~np.isin(codes, own)
            Z[:, len(own)] = others * Z.dtype.type(self.indicator)

    def indicators_of(self, codes: Matrix) -> Matrix:
        """Replace codes of categories by indicators.

        Parameters
        ----------
        codes : ndarray of shape (n, p)
            Rows as `transform` gives them with `categories="codes"`.

        Returns
        -------
        ndarray of shape (n, columns)
        """
        start = len(self.numeric)
        Z = np.empty((len(codes), start + sum(self._widths())), codes.dtype, order="F")
        Z[:, :start] = codes[:, :start]
        for at, k in enumerate(self.categorical, start):
            stop = start + min(self.cardinalities[k], MAX_INDICATORS)
            self._indicate(Z[:, start:stop], codes[:, at], int(k))
            start = stop
        return Z

    def inverse_transform(self, Z: Matrix) -> Matrix:
        """Convert encoded rows to the table's own units.

        Parameters
        ----------
        Z : ndarray of shape (n, columns)

        Returns
        -------
        ndarray of shape (n, p)
            A category is the rounded code, or the label with the largest indicator; the indicator
            of all other labels leads back to the first of them.
        """
        X = np.empty((len(Z), len(self.cardinalities)), Z.dtype)
        at = len(self.numeric)
        numbers = Z[:, :at]
        if self.scale:
            numbers = numbers * self.deviation_.astype(Z.dtype)
            numbers += self.mean_.astype(Z.dtype)
        if self.scale == "power" and numbers.size:
            numbers = self.power_.inverse_transform(numbers)
        X[:, self.numeric] = numbers
        for k in self.categorical:
            is_code = self.categories == "codes"
            width = 1 if is_code else min(self.cardinalities[k], MAX_INDICATORS)
            some = Z[:, at : at + width]
            code = np.rint(some[:, 0]) if is_code else some.argmax(axis=1)
            if not is_code and k in self.kept_:
                # the indicator of all other labels leads back to one of them
                rest = np.setdiff1d(np.arange(self.cardinalities[k]), self.kept_[k])
                code = np.append(self.kept_[k], rest[0])[code]
            X[:, k] = code
            at += width
        return X

    @property
    def numeric(self) -> Index:
        """Positions of the numbers in the table.

        Returns
        -------
        ndarray of int64
            In the order of the first columns of the encoded matrix.
        """
        return np.flatnonzero(np.array(self.cardinalities, np.int64) == 0)

    @property
    def categorical(self) -> Index:
        """Positions of the categories in the table.

        Returns
        -------
        ndarray of int64
            In the order in which the encoded matrix has them after the numbers.
        """
        return np.flatnonzero(np.array(self.cardinalities, np.int64))

    @property
    def is_category(self) -> list[bool]:
        """Which columns of the encoded matrix hold codes of categories.

        Returns
        -------
        list of bool
            One for each column that `transform` returns.
        """
        if self.categories == "codes":
            return [False] * len(self.numeric) + [True] * len(self.categorical)
        return [False] * (len(self.numeric) + sum(self._widths()))


def _gathered(X: Matrix, columns: Index, rows: Index | None) -> Iterator[tuple[int, Matrix]]:
    """Copy some columns of a table, or of some of its rows, a few at a time.

    Yields
    ------
    int
        Position among `columns` of the first that follows.
    ndarray of shape (few, n)
        A column in each line, to be modified at will.
    """
    n = len(X) if rows is None else len(rows)
    many = max(1, GATHERED_BYTES // max(1, n * X.itemsize))
    for first in range(0, len(columns), many):
        some = columns[first : first + many]
        gathered = np.empty((len(some), n), X.dtype)
        for start in range(0, n, GATHERED_ROWS):
            block = slice(start, start + GATHERED_ROWS)
            taken = X[block, some] if rows is None else X[np.ix_(rows[block], some)]
            gathered[:, block] = taken.T
        yield first, gathered


def sampling_encoder(
    cardinalities: tuple[int, ...], categories: Coding = "indicators", scale: bool = True
) -> Encoder:
    """Make the encoder of the space that samplers measure distances in.

    Everything is imputed. An indicator has the value 1 / sqrt(2), so that a difference in one
    category is as far as one standard deviation of one number.

    Parameters
    ----------
    cardinalities : tuple of int, length p
        For each feature the number of its categories, 0 for a number.
    categories : {"indicators", "codes"}
        Codes for samplers that know which columns are categories (SMOTENC), indicators for those
        that know only distances.
    scale : bool
        Whether numbers are scaled.

    Returns
    -------
    Encoder
        Not fitted; its `inverse_transform` leads back to the table's own units.
    """
    return Encoder(
        cardinalities, categories, scale=scale, impute_categories=True, indicator=1 / np.sqrt(2)
    )


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
        Fitted.
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
