"""A fold's training rows in two dimensions, by what each strategy does to them: kept, repeated,
removed or made.

The axes are found once, from the training rows as they were before any remedy, in the space that
samplers measure distances in. Hence a row lies at the same place in every strategy's picture, and a
row that was made between two others lies between them there too, since the way into two dimensions
is linear.
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
from counterpoise.samplers.feature_space import SamplingSpace

Made = tuple[Index, Matrix, Labels]
"""Rows kept, synthetic rows and their labels, as `counterpoise.engine.resampling.read_rows` gives
them for a fold."""

KEPT, REPEATED, REMOVED, SYNTHETIC = KINDS = ("kept", "repeated", "removed", "synthetic")

ROWS = ["strategy", "kind", "label", "x", "y", "times", "rows", "copies"]
"""`times` is how often a row stands among what the strategy hands on. Only a sample is drawn:
`rows` is how many rows of this strategy, kind and label there are in all, and `copies` the sum of
their times."""

MOST = 300
"""Rows of one strategy, kind and label that a picture has room for."""

ENOUGH = 20_000_000
"""Numbers, rows times columns, from which the axes are found: more would turn them by less than can
be seen."""

MOST_SCALED = 50_000_000
"""Numbers from which the scale of each column is found; of a larger table a sample is taken, which
fits into memory."""

WIDE = 1_000
"""Columns up to which the covariance of every two of them is looked at."""

NOISE = 1e-12
"""A variance, of features whose own is 1, or a share of one that is no more than rounding: nothing
differs there."""

DECIMALS = 4


class Projection(NamedTuple):
    """What two dimensions show.

    Attributes
    ----------
    points : DataFrame of `ROWS`
        One line a drawn row, by strategy, label and kind; then in the order of drawing, so that the
        first few of a kind are a smaller sample.
    shares : tuple of (float, float)
        The share of the variance of the training rows that lies along each axis.
    """

    points: pd.DataFrame
    shares: tuple[float, float]


def project(
    X: Matrix,
    y: Labels,
    cardinalities: tuple[int, ...],
    train: Index,
    made: Mapping[str, Made],
    seed: int,
    *,
    most: int = MOST,
) -> Projection:
    """Draw rows of every strategy and say where they lie.

    Rows are drawn in one random order for all strategies: what is shown of one is shown of another
    as far as both have it as the same kind.

    Parameters
    ----------
    X : ndarray of shape (n, p), float64
        The whole table in its own units; NaN where a value is missing, categories as codes.
    y : ndarray of shape (n,), int8
    cardinalities : tuple of int, length p
        For each feature the number of its categories, 0 for a number.
    train : ndarray of int64
        The fold's training rows, in any order.
    made : mapping of strategy to (rows, synthetic, synthetic_y)
        What each strategy made of this fold, rows as positions in the whole table. One that handed
        on nothing is left out, as is one that is not named.
    most : int
        Rows drawn of each strategy, kind and label.
    """
    from threadpoolctl import threadpool_limits

    train = np.sort(train)
    with threadpool_limits(1):  # sums are the same whatever the number of cores
        plane = Plane.of(X, train, cardinalities, seed_for(seed, "axes"))
        order = np.random.default_rng(seed_for(seed, "rows")).permutation(len(train))
        pieces = []
        for strategy, (rows, synthetic, synthetic_y) in made.items():
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
                    shown = _first(at, order, most)
                    pieces.append(
                        _piece(
                            strategy,
                            kind,
                            label,
                            plane.at(X[train[shown]]),
                            times[shown],
                            times[at],
                        )
                    )
                at = np.flatnonzero(synthetic_y == label)
                shown = _first(at, dice, most)
                once = np.ones(len(at), np.int64)
                pieces.append(
                    _piece(
                        strategy,
                        SYNTHETIC,
                        label,
                        plane.at(synthetic[shown]),
                        once[: len(shown)],
                        once,
                    )
                )
    return Projection(_together(pieces), plane.shares)


def _first(at: Index, order: Index, most: int) -> Index:
    """Those of some rows that come first in an order."""
    return np.asarray(at[np.argsort(order[at])][:most])


def _piece(
    strategy: str, kind: str, label: int, places: Matrix, times: Index, all_times: Index
) -> pd.DataFrame:
    content = (
        strategy,
        kind,
        label,
        places[:, 0],
        places[:, 1],
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
    """The two directions in which training rows differ most: principal components of imputed,
    scaled features.

    Attributes
    ----------
    space : SamplingSpace
    centre : ndarray of shape (q,)
    directions : ndarray of shape (q, 2)
        Orthonormal columns; 0 for an axis along which nothing differs.
    shares : tuple of (float, float)
        The share of the variance along each.
    """

    space: SamplingSpace
    centre: NDArray[np.float64]
    directions: Matrix
    shares: tuple[float, float]

    @classmethod
    def of(cls, X: Matrix, train: Index, cardinalities: tuple[int, ...], seed: int) -> Plane:
        """The plane of the training rows of a table in its own units."""
        from sklearn.decomposition import PCA

        if len(train) * X.shape[1] > MOST_SCALED:
            train = np.sort(
                np.random.default_rng(seed).choice(train, MOST_SCALED // X.shape[1], replace=False)
            )
        X = X[train]
        with np.errstate(all="ignore"):
            space = SamplingSpace(cardinalities).fit(X)
        enough = max(1_000, ENOUGH // _scaled(space, X[:1]).shape[1])
        if len(X) > enough:
            X = X[np.sort(np.random.default_rng(seed).choice(len(X), enough, replace=False))]
        Z = _scaled(space, X)
        directions, shares = np.zeros((Z.shape[1], 2)), np.zeros(2)
        if Z.var(axis=0).sum() > NOISE:
            many = min(2, *Z.shape)
            solver = "covariance_eigh" if Z.shape[1] <= WIDE else "randomized"
            found = PCA(many, svd_solver=solver, random_state=seed).fit(Z)
            some = found.explained_variance_ratio_ > NOISE
            directions[:, :many] = upright(found.components_).T * some
            shares[:many] = found.explained_variance_ratio_ * some
        return cls(space, Z.mean(axis=0), directions, (float(shares[0]), float(shares[1])))

    def at(self, X: Matrix) -> Matrix:
        """Where rows in the table's own units lie: an array of shape (n, 2), rounded."""
        if not len(X):
            return np.empty((0, 2))
        # not `@`, whose last bits depend on the rows beside a row: a row has one place in all
        # pictures
        places = np.einsum("ij,jk->ik", _scaled(self.space, X) - self.centre, self.directions)
        return np.asarray(places.round(DECIMALS) + 0.0)  # no -0.0, which a CSV would show


def _scaled(space: SamplingSpace, X: Matrix) -> Matrix:
    """Rows in the sampling space; a number too large to be squared, which has no scale, counts as
    the mean."""
    with np.errstate(all="ignore"):
        return np.nan_to_num(space.indicators(X), nan=0.0, posinf=0.0, neginf=0.0)


def upright(components: Matrix) -> Matrix:
    """The same directions, each turned so that its first loading of some size is above 0.

    A direction and its opposite are equally good, and which of them comes out depends on the
    machine. The largest loading will not do as a mark: in two scaled features both are equally
    large.
    """
    size = np.abs(components)
    first = (size > 0.5 * size.max(axis=1, keepdims=True)).argmax(axis=1)
    return np.asarray(components * np.sign(components[np.arange(len(components)), first])[:, None])
