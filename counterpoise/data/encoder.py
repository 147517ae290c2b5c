"""Encoding of rows in the table's own units as the matrix that a model or a sampler takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from counterpoise.core.types import Index, Labels, Matrix

Coding = Literal["indicators", "codes"]

GATHERED_BYTES = 4 * 2**20
"""Bytes of columns that are gathered at a time to fit an encoder; at least one column is."""

GATHERED_ROWS = 2**16
"""Number of rows that are read at a time to fit an encoder."""


MAX_INDICATORS = 50
"""A category with more labels becomes one number: the share of positives of a row's label."""

SMOOTHING = 10
"""Rows at the overall share of positives that are added to each label.

scikit-learn's `smooth="auto"` takes a label without any positive for certain, even if it has one
row. With rare positives that is most labels.
"""

CROSS_FITTING_FOLDS = 5


class Encoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Impute, scale and encode features, each only where the model or sampler needs it.

    A scikit-learn transformer. It is fitted on training rows only, before any resampling. Every
    strategy gets the same encoding, so two strategies differ only in the remedy.

    It works column by column, and rows are encoded without the rest of the table, in the table's
    own type (float32 stays float32). The numbers equal those of scikit-learn's SimpleImputer and
    StandardScaler to the last bit.

    A category with more than `MAX_INDICATORS` labels becomes a number (target encoding, Micci-
    Barreca 2001): the share of positives among the training rows with the row's label. The shares
    of a training row are those of the other folds of the training rows (cross-fitting). Otherwise
    a label with few rows would give away the class of each of them. A missing label is a label of
    its own. Shares equal those of scikit-learn's TargetEncoder, in a fraction of the time.

    Parameters
    ----------
    cardinalities : tuple of int, length p
        For each feature the number of its categories, 0 for a number.
    categories : {"indicators", "codes"}
        One column for each label, all 0 where the value is missing. Or one column of codes, for a
        model or sampler that handles categories itself.
    impute : bool
        Replace a missing number by the median. A model that takes missing values does not need it.
    scale : bool or "power"
        Scale numbers to mean 0 and variance 1. "power" first makes each as normal as possible (Yeo
        and Johnson 2000).
    impute_categories : bool
        Replace a missing category by the most frequent one, the first of equally frequent ones.
    indicator : float
        The value of the indicator of a row's own label.
    seed : int
        Of the folds for cross-fitting.

    Attributes
    ----------
    fill_ : ndarray of shape (p,)
        For each number, then for each category, the value that replaces a missing one.
    mean_, deviation_ : ndarray of shape (numbers,)
        Mean and standard deviation of each number; the latter is 1 for a constant.
    shares_ : dict of int to ndarray of shape (CROSS_FITTING_FOLDS + 1, labels + 1)
        For each category with many labels, by its position, the share of positives of each code and
        of a missing value: without each fold, then of all training rows.
    seen_ : dict of int to ndarray of int64
        For the same, the codes of the training rows, by ascending share.
    folds_ : ndarray of int8, shape (n,)
        The fold of each training row of the matrix that it was fitted on, and
        `CROSS_FITTING_FOLDS` for other rows.
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
        seed: int = 0,
    ) -> None:
        self.cardinalities = cardinalities
        self.categories = categories
        self.impute = impute
        self.scale = scale
        self.impute_categories = impute_categories
        self.indicator = indicator
        self.seed = seed

    def fit(self, X: Matrix, y: Labels | None = None, *, rows: Index | None = None) -> Encoder:
        """Fit on the rows of a matrix; only a few columns are copied at a time.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            Rows in the table's own units; NaN where a value is missing.
        y : ndarray of shape (n,) or (len(rows),), int8, optional
            Labels of the rows to fit on. Needed where a category has many labels.
        rows : ndarray of int64, optional
            Positions of the rows to fit on; all, if left out.

        Returns
        -------
        Encoder
            The encoder itself.

        Raises
        ------
        ValueError
            When a category has many labels, and `y` is missing.
        """
        from sklearn.preprocessing import PowerTransformer

        numbers = len(self.numeric)
        self.fill_ = np.zeros(len(self.cardinalities))
        self.mean_, self.deviation_ = np.zeros(numbers), np.ones(numbers)
        self._fit_shares(X, y, rows)
        if self.impute or self.scale:
            for first, columns in _gathered(X, self.numeric, rows):
                for at, column in enumerate(columns, first):
                    column[:] = self._number(column, self.numeric[at], self._folds(rows))
                    missing = np.isnan(column)
                    if not missing.all():
                        self.fill_[at] = np.median(column[~missing])
                    column[missing] = self.fill_[at]
                if self.scale is True:
                    self._fit_scale(columns.T, first)
        if self.scale == "power" and numbers:
            self.power_ = PowerTransformer(standardize=False)
            filled = np.empty((len(X) if rows is None else len(rows), numbers), X.dtype, order="F")
            self._fill_numbers(filled, X, rows, self._folds(rows))
            self._fit_scale(self.power_.fit_transform(filled), 0)
        if self.impute_categories:
            for first, columns in _gathered(X, self.categorical, rows):
                for at, column in enumerate(columns, first):
                    known = column[~np.isnan(column)].astype(np.int64)
                    labels = self.cardinalities[self.categorical[at]]
                    self.fill_[numbers + at] = np.bincount(known, minlength=labels).argmax()
        return self

    def _fit_shares(self, X: Matrix, y: Labels | None, rows: Index | None) -> None:
        """Draw the folds for cross-fitting, with equal shares of positives, and fit `shares_`."""
        self.shares_, self.seen_ = {}, {}
        self.folds_ = np.full(len(X), CROSS_FITTING_FOLDS, np.int8)
        many = np.flatnonzero(np.array(self.cardinalities) > MAX_INDICATORS)
        if not many.size:
            return
        if y is None:
            raise ValueError("a category of many labels is encoded by the labels of the target")
        random, fitted = (
            np.random.default_rng(self.seed),
            np.arange(len(X)) if rows is None else rows,
        )
        for label in (0, 1):
            some = fitted[y == label]
            self.folds_[some] = random.permutation(len(some)) % CROSS_FITTING_FOLDS
        for first, columns in _gathered(X, many, rows):
            for at, column in enumerate(columns, first):
                k = int(many[at])
                codes = self._with_missing(column, k)
                shares = _shares(codes, y, self.folds_[fitted], self.cardinalities[k] + 1)
                seen = np.unique(codes)
                self.shares_[k] = shares
                self.seen_[k] = seen[np.argsort(shares[-1, seen], kind="stable")]

    def _with_missing(self, codes: Matrix, k: int) -> Index:
        """Codes of a category as integers, with one code more for a missing value."""
        return np.where(np.isnan(codes), self.cardinalities[k], codes).astype(np.int64)

    def _folds(self, rows: Index | None) -> NDArray[np.int8]:
        return self.folds_ if rows is None else self.folds_[rows]

    def _number(self, column: Matrix, k: int, folds: NDArray[np.int8] | None) -> Matrix:
        """A column that is encoded as one number: itself, or the shares of its labels."""
        if k not in self.shares_:
            return column
        shares = self.shares_[k][-1 if folds is None else folds, self._with_missing(column, k)]
        return np.asarray(shares, column.dtype)

    def _fit_scale(self, numbers: Matrix, first: int) -> None:
        """Mean and deviation of some numbers, the first of which has the position `first`."""
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(numbers)
        some = slice(first, first + numbers.shape[1])
        self.mean_[some], self.deviation_[some] = scaler.mean_, scaler.scale_

    def _fill_numbers(
        self, Z: Matrix, X: Matrix, rows: Index | None, folds: NDArray[np.int8] | None
    ) -> None:
        """Write the numbers of rows into `Z`, missing ones replaced where the encoder imputes."""
        taken = slice(None) if rows is None else rows
        for at, k in enumerate(self.numeric):
            column = Z[:, at]
            column[:] = self._number(X[taken, k], k, folds)
            if self.impute or self.scale == "power":
                column[np.isnan(column)] = self.fill_[at]

    def transform(
        self, X: Matrix, *, rows: Index | None = None, folds: NDArray[np.int8] | None = None
    ) -> Matrix:
        """Encode rows.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            Rows in the table's own units.
        rows : ndarray of int64, optional
            Positions of the rows meant; all, if left out.
        folds : ndarray of int8, shape (n,) or (len(rows),), optional
            For rows that the encoder was fitted on, their `folds_`.

        Returns
        -------
        ndarray of shape (rows, columns)
            First the numbers, then the codes or the indicators of the categories, in the table's
            type and column-major order.
        """
        n, numbers = len(X) if rows is None else len(rows), len(self.numeric)
        Z = np.empty((n, len(self.is_category)), X.dtype, order="F")
        scaled = Z[:, :numbers]
        self._fill_numbers(scaled, X, rows, folds)
        if self.scale == "power" and scaled.size:
            scaled[:] = self.power_.transform(scaled)
        if self.scale:
            scaled -= self.mean_.astype(X.dtype)
            scaled /= self.deviation_.astype(X.dtype)
        categories = self._categories(X, rows)
        if self.categories == "indicators":
            categories = self._indicators(categories)
        for at, column in enumerate(categories, numbers):
            Z[:, at] = column
        return Z

    def fit_transform(self, X: Matrix, y: Labels | None = None, **more: object) -> Matrix:
        """Fit on rows, and encode them with cross-fitted shares.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            Rows in the table's own units.
        y : ndarray of shape (n,), int8, optional
            Labels of the rows.
        **more
            Ignored; part of scikit-learn's interface.

        Returns
        -------
        ndarray of shape (n, columns)
            As `transform` returns it.
        """
        return self.fit(X, y).transform(X, folds=self.folds_)

    def _categories(self, X: Matrix, rows: Index | None) -> Iterator[Matrix]:
        """Yield the codes of each category, missing ones replaced where the encoder does so."""
        taken = slice(None) if rows is None else rows
        for at, k in enumerate(self.categorical, len(self.numeric)):
            column = X[taken, k]
            if self.impute_categories:
                column = np.where(np.isnan(column), X.dtype.type(self.fill_[at]), column)
            yield column

    def _indicators(self, categories: Iterable[Matrix]) -> Iterator[Matrix]:
        """Yield the indicators of each label of categories, which are given by their codes."""
        for k, codes in zip(self.categorical, categories, strict=True):
            for code in range(self.cardinalities[k]):
                yield (codes == code) * codes.dtype.type(self.indicator)

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
        numbers = codes[:, : len(self.numeric)].T
        indicators = self._indicators(codes[:, len(self.numeric) :].T)
        return np.stack([*numbers, *indicators]).T

    def inverse_transform(self, Z: Matrix) -> Matrix:
        """Convert encoded rows to the table's own units.

        Parameters
        ----------
        Z : ndarray of shape (n, columns)

        Returns
        -------
        ndarray of shape (n, p)
            A category is the rounded code, or the label with the largest indicator. One with many
            labels is the label whose share is nearest.
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
        for k, seen in self.seen_.items():
            shares = self.shares_[k][-1, seen]
            nearest = seen[np.searchsorted((shares[1:] + shares[:-1]) / 2, X[:, k])]
            X[:, k] = np.where(nearest == self.cardinalities[k], np.nan, nearest)
        for k in self.categorical:
            is_code = self.categories == "codes"
            width = 1 if is_code else self.cardinalities[k]
            some = Z[:, at : at + width]
            X[:, k] = np.rint(some[:, 0]) if is_code else some.argmax(axis=1)
            at += width
        return X

    @property
    def numeric(self) -> Index:
        """Positions in the table of what is encoded as one number.

        Returns
        -------
        ndarray of int64
            Numbers and categories of many labels, in the order of the first columns of the encoded
            matrix.
        """
        labels = np.array(self.cardinalities, np.int64)
        return np.flatnonzero((labels == 0) | (labels > MAX_INDICATORS))

    @property
    def categorical(self) -> Index:
        """Positions in the table of the categories that are encoded as codes or indicators.

        Returns
        -------
        ndarray of int64
            In the order in which the encoded matrix has them after the numbers.
        """
        labels = np.array(self.cardinalities, np.int64)
        return np.flatnonzero((labels > 0) & (labels <= MAX_INDICATORS))

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
        return [False] * (len(self.numeric) + sum(self.cardinalities[k] for k in self.categorical))


def _shares(codes: Index, y: Labels, folds: NDArray[np.int8], labels: int) -> Matrix:
    """The share of positives of each label, without each fold in turn, then of all rows."""
    shape, places = (CROSS_FITTING_FOLDS, labels), folds.astype(np.int64) * labels + codes
    rows, positives = (
        np.bincount(places, weights, CROSS_FITTING_FOLDS * labels).reshape(shape)
        for weights in (None, y)
    )
    rows, positives = (
        np.vstack([counts.sum(axis=0) - counts, counts.sum(axis=0)]) for counts in (rows, positives)
    )
    overall = positives.sum(axis=1, keepdims=True) / rows.sum(axis=1, keepdims=True)
    return np.asarray((positives + SMOOTHING * overall) / (rows + SMOOTHING), np.float64)


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
    cardinalities: tuple[int, ...],
    categories: Coding = "indicators",
    scale: bool = True,
    seed: int = 0,
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
    seed : int
        Of the folds for cross-fitting.

    Returns
    -------
    Encoder
        Not fitted; its `inverse_transform` leads back to the table's own units.
    """
    return Encoder(
        cardinalities,
        categories,
        scale=scale,
        impute_categories=True,
        indicator=1 / np.sqrt(2),
        seed=seed,
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
    fitted : bool
        Whether these are the rows that the encoder was fitted on, whose shares are cross-fitted.
    """

    encoder: Encoder
    X: Matrix
    rows: Index
    made: Matrix
    constant: tuple[int, ...] = ()
    fitted: bool = False

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
            rows, folds = self.rows[start:stop], None
            if self.fitted:
                ours = self.encoder.folds_[rows]
                folds = np.pad(ours, (0, len(made)), constant_values=CROSS_FITTING_FOLDS)
            block = self.encoder.transform(np.vstack([self.X[rows], made]), folds=folds)
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
