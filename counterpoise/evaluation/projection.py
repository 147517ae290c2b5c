"""Two-dimensional projection of a fold's training rows, by what each strategy does to them.

A row is kept, repeated, removed or synthetic. The axes are fitted once, on the training rows before
any remedy, in the space in which samplers measure distances. A row therefore has the same
coordinates for every strategy. The projection is linear, so a row synthesised between two others
lies between them in the chart too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterpoise.core.seeds import seed_for
from counterpoise.core.types import Index, Labels, Matrix
from counterpoise.data.encoder import Encoder, sampling_encoder

OutputRows = tuple[Index, Matrix, Labels]
"""Rows kept, synthetic rows and their labels, as `counterpoise.engine.resampling.read_rows` returns
them for a fold."""

KEPT, REPEATED, REMOVED, SYNTHETIC = KINDS = ("kept", "repeated", "removed", "synthetic")

ROWS = ["strategy", "kind", "label", "x", "y", "times", "rows", "copies"]
"""`times` is how often a row occurs in the output of the strategy. Only a sample is drawn: `rows`
is the total number of rows of this strategy, kind and label, and `copies` the sum of their `times`.
"""

MOST = 300
"""Maximum number of rows of one strategy, kind and label in a chart."""

ENOUGH = 20_000_000
"""Maximum number of values, rows times columns, to fit the axes on. More would rotate the axes by
an invisible angle."""

MOST_SCALED = 50_000_000
"""Maximum number of values to fit the scale of the columns on. A larger table is sampled, so that
it fits into memory."""

WIDE = 1_000
"""Maximum number of columns for which the covariance matrix is computed."""

NOISE = 1e-12
"""Rounding error: a variance of scaled features, or a share of the variance, up to which nothing
differs."""

DECIMALS = 4
"""Decimals of coordinates."""


class Projection(NamedTuple):
    """Sampled rows in two dimensions.

    Attributes
    ----------
    points : DataFrame of `ROWS`
        One line per sampled row, by strategy, label and kind. Within these, lines are in the order
        of sampling, so that the first ones are a smaller sample.
    shares : tuple of (float, float)
        Share of the variance of the training rows along each axis.
    """

    points: pd.DataFrame
    shares: tuple[float, float]


def project(
    X: Matrix,
    y: Labels,
    cardinalities: tuple[int, ...],
    train: Index,
    outputs: Mapping[str, OutputRows],
    seed: int,
    *,
    most: int = MOST,
) -> Projection:
    """Sample the rows of every strategy and project them to two dimensions.

    One random order of rows serves all strategies. A row sampled for one strategy is therefore also
    sampled for another, as far as both have it as the same kind.

    Parameters
    ----------
    X : ndarray of shape (n, p), float64
        The whole table in its own units; NaN where a value is missing, categories as codes.
    y : ndarray of shape (n,), int8
        Labels.
    cardinalities : tuple of int, length p
        For each feature the number of its categories, 0 for a numeric feature.
    train : ndarray of int64
        The fold's training rows, in any order.
    outputs : mapping of strategy to (rows, synthetic, synthetic_y)
        Output of each strategy in this fold, rows as positions in the whole table. A strategy
        without output rows is left out.
    seed : int
        Seed of the axes and of the sampling.
    most : int
        Maximum number of rows of each strategy, kind and label.

    Returns
    -------
    Projection
        Coordinates of the sampled rows, and the variance along the axes.

    Raises
    ------
    AssertionError
        If a strategy has rows that are not training rows.
    """
    from threadpoolctl import threadpool_limits

    train = np.sort(train)
    with threadpool_limits(1):  # the last digits of a sum depend on the number of threads
        plane = Plane.of(X, y, train, cardinalities, seed_for(seed, "axes"))
        order = np.random.default_rng(seed_for(seed, "rows")).permutation(len(train))
        pieces = []
        for strategy, (rows, synthetic, synthetic_y) in outputs.items():
            times = np.bincount(rows, minlength=len(y))[train]
            if times.sum() != len(rows):
                raise AssertionError(f"{strategy} has rows that are not for training")
            if not len(rows) + len(synthetic):
                continue
            dice = np.random.default_rng(seed_for(seed, strategy)).permutation(len(synthetic))
            for label in (0, 1):
                mine = y[train] == label
                for kind, those in (
                    (KEPT, times == 1),
                    (REPEATED, times > 1),
                    (REMOVED, times == 0),
                ):
                    at = np.flatnonzero(mine & those)
                    sample = _first(at, order, most)
                    pieces.append(
                        _piece(
                            strategy,
                            kind,
                            label,
                            plane.at(X[train[sample]]),
                            times[sample],
                            times[at],
                        )
                    )
                at = np.flatnonzero(synthetic_y == label)
                sample = _first(at, dice, most)
                once = np.ones(len(at), np.int64)
                pieces.append(
                    _piece(
                        strategy,
                        SYNTHETIC,
                        label,
                        plane.at(synthetic[sample]),
                        once[: len(sample)],
                        once,
                    )
                )
    return Projection(_together(pieces), plane.shares)


def _first(at: Index, order: Index, most: int) -> Index:
    """The rows among `at` that come first in an order."""
    return np.asarray(at[np.argsort(order[at])][:most])


def _piece(
    strategy: str, kind: str, label: int, coordinates: Matrix, times: Index, all_times: Index
) -> pd.DataFrame:
    content = (
        strategy,
        kind,
        label,
        coordinates[:, 0],
        coordinates[:, 1],
        times,
        len(all_times),
        int(all_times.sum()),
    )
    return pd.DataFrame(dict(zip(ROWS, content, strict=True)), columns=ROWS)


def _together(pieces: list[pd.DataFrame]) -> pd.DataFrame:
    some = [piece for piece in pieces if len(piece)]
    frame = pd.concat(some, ignore_index=True) if some else pd.DataFrame(columns=ROWS)
    whole = dict.fromkeys(("label", "times", "rows", "copies"), "int64")
    return frame.astype({**whole, "x": "float64", "y": "float64"})


@dataclass(frozen=True)
class Plane:
    """First two principal components of imputed, scaled training rows.

    Attributes
    ----------
    encoder : Encoder
        Imputes and scales features, q columns.
    centre : ndarray of shape (q,)
        Mean of the scaled rows.
    directions : ndarray of shape (q, 2)
        Orthonormal columns; 0 for an axis without variance.
    shares : tuple of (float, float)
        Share of the variance along each axis.
    """

    encoder: Encoder
    centre: NDArray[np.float64]
    directions: Matrix
    shares: tuple[float, float]

    @classmethod
    def of(
        cls, X: Matrix, y: Labels, train: Index, cardinalities: tuple[int, ...], seed: int
    ) -> Plane:
        """Fit the plane on the training rows of a table.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            The whole table in its own units.
        y : ndarray of shape (n,), int8
            Labels.
        train : ndarray of int64
            Positions of the training rows, ascending.
        cardinalities : tuple of int, length p
            For each feature the number of its categories, 0 for a numeric feature.
        seed : int
            Seed of the samples and of the randomised solver.

        Returns
        -------
        Plane
            Fitted on a sample where the table exceeds `MOST_SCALED` or `ENOUGH` values.
        """
        from sklearn.decomposition import PCA

        if len(train) * X.shape[1] > MOST_SCALED:
            train = np.sort(
                np.random.default_rng(seed).choice(train, MOST_SCALED // X.shape[1], replace=False)
            )
        X = X[train]
        with np.errstate(all="ignore"):
            encoder = sampling_encoder(cardinalities, seed=seed).fit(X, y[train])
        enough = max(1_000, ENOUGH // _scaled(encoder, X[:1]).shape[1])
        if len(X) > enough:
            X = X[np.sort(np.random.default_rng(seed).choice(len(X), enough, replace=False))]
        Z = _scaled(encoder, X)
        directions, shares = np.zeros((Z.shape[1], 2)), np.zeros(2)
        if Z.var(axis=0).sum() > NOISE:
            many = min(2, *Z.shape)
            solver = "covariance_eigh" if Z.shape[1] <= WIDE else "randomized"
            pca = PCA(many, svd_solver=solver, random_state=seed).fit(Z)
            some = pca.explained_variance_ratio_ > NOISE
            directions[:, :many] = upright(pca.components_).T * some
            shares[:many] = pca.explained_variance_ratio_ * some
        return cls(encoder, Z.mean(axis=0), directions, (float(shares[0]), float(shares[1])))

    def at(self, X: Matrix) -> Matrix:
        """Coordinates of rows in the plane.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            Rows in the table's own units.

        Returns
        -------
        ndarray of shape (n, 2)
            Rounded to `DECIMALS`.
        """
        if not len(X):
            return np.empty((0, 2))
        # not `@`: its last bits depend on the other rows of the batch, and a row must have the same
        # coordinates for every strategy
        coordinates = np.einsum(
            "ij,jk->ik", _scaled(self.encoder, X) - self.centre, self.directions
        )
        return np.asarray(coordinates.round(DECIMALS) + 0.0)  # no -0.0, which a CSV would show


def _scaled(encoder: Encoder, X: Matrix) -> Matrix:
    """Rows in the sampling space, missing and infinite values as 0, the mean.

    A value whose square overflows has no scale, and so becomes the mean.
    """
    with np.errstate(all="ignore"):
        return np.nan_to_num(encoder.transform(X), nan=0.0, posinf=0.0, neginf=0.0)


def upright(components: Matrix) -> Matrix:
    """Flip directions so that the first large loading of each is positive.

    A direction and its opposite are equally valid, and the machine decides which one a solver
    returns. The largest loading cannot decide: with two scaled features, both are equally large.

    Parameters
    ----------
    components : ndarray of shape (k, q)
        One direction per row.

    Returns
    -------
    ndarray of shape (k, q)
        Each row times 1 or -1. A loading is large if it exceeds half of the row's maximum.
    """
    size = np.abs(components)
    first = (size > 0.5 * size.max(axis=1, keepdims=True)).argmax(axis=1)
    return np.asarray(components * np.sign(components[np.arange(len(components)), first])[:, None])
