"""Oversampling that makes new rows and nothing else: SMOTE, borderline SMOTE and ADASYN without a
copy of the majority.

imbalanced-learn's samplers hand back the whole table with the new rows below it, and copy the table
several times on the way. A new row lies on the line between two rows of its class, so all that is
needed are these rows, where on which line, and, for borderline SMOTE and ADASYN, how many
neighbours of another class each of them has. The functions here find this with imbalanced-learn's
own parameters, in the order in which its classes draw, and give the same rows to the last bit:

- SMOTE codes the rows of the oversampled class and no other.
- ADASYN and borderline-1 search the whole table by blocks; where a tie could decide, at once, in
  one coded copy.
- borderline-2 draws neighbours from the whole table: one coded copy.
- SMOTENC is imbalanced-learn's, run on the oversampled class and a row for each category.
- SVMSMOTE and KMeansSMOTE are imbalanced-learn's: a support vector machine and k-means are fitted
  to all rows.
- SMOTEN is imbalanced-learn's: its distance between categories counts all rows.

The new rows are made in blocks, in the type of the table. As in imbalanced-learn, a place on a line
is reckoned in float64 and then rounded to that type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.types import Index, Labels, Matrix
from counterpoise.samplers.feature_space import Coded

Wanted = dict[int, int]
"""For each class how many rows it lacks."""

BLOCK = 2**18
"""Values of the new rows that are made at a time."""

AT_ONCE = 256 * 2**20
"""Bytes of a coded table up to which neighbours are searched in the whole of it at once."""

SEARCHED = 32 * 2**20
"""Bytes of a coded table that are searched at a time, where it is larger."""

SLACK = 1e-12
"""Squared distances that differ by less than this share of the squared lengths behind them count as
equal: rounding, at about 1e-15, could turn them round."""


class Lines(NamedTuple):
    """New rows of one class, as places on lines from rows to their neighbours.

    Attributes
    ----------
    label : int
    starts, ends : ndarray of shape (m, q) and (e, q)
        Coded rows.
    near : ndarray of shape (m, k), int64
        For each start its neighbours among the ends.
    drawn : ndarray of shape (n,), int64
        For each new row a place in `near`, counted row after row: which line it lies on.
    steps : ndarray of shape (n,), float64
        How far along.
    shrunk : ndarray of shape (n,), float64, optional
        By what the line is made shorter before.
    """

    label: int
    starts: Matrix
    ends: Matrix
    near: Index
    drawn: Index
    steps: NDArray[np.float64]
    shrunk: NDArray[np.float64] | None = None

    def between(self, start: int, stop: int) -> Matrix:
        """A block of the new rows."""
        part = slice(start, stop)
        first, column = np.divmod(self.drawn[part], self.near.shape[1])
        origin = self.starts[first]
        along = self.ends[self.near[first, column]]
        along -= origin
        if self.shrunk is not None:
            along *= self.shrunk[part, None]
        places = self.steps[part, None] * along
        places += origin
        return places.astype(self.starts.dtype, copy=False)


Maker = Callable[[Any, Coded, Labels, Wanted], Iterator[Lines]]
Made = tuple[Matrix, Labels]


def oversampled(maker: Maker) -> Callable[[Any, Coded, Labels], Made]:
    """What a sampler adds, found by `maker`: new rows in the table's own units and type, and their
    labels.

    Raises
    ------
    ValueError, RuntimeError
        imbalanced-learn's own, where the sampler cannot run on these rows.
    """

    def made(sampler: Any, coded: Coded, y: Labels) -> Made:
        found = list(maker(sampler, coded, y, _wanted(sampler, y)))
        X = np.empty((sum(len(lines.drawn) for lines in found), coded.X.shape[1]), coded.X.dtype)
        at, rows = 0, max(1, BLOCK // coded.width)
        for lines in found:
            for start in range(0, len(lines.drawn), rows):
                block = coded.back(lines.between(start, start + rows))
                X[at : at + len(block)] = block
                at += len(block)
        labels = [np.full(len(lines.drawn), lines.label, y.dtype) for lines in found]
        return X, np.concatenate([y[:0], *labels])

    return made


def _wanted(sampler: Any, y: Labels) -> Wanted:
    from imblearn.utils import check_sampling_strategy

    sampler.sampling_strategy_ = check_sampling_strategy(
        sampler.sampling_strategy, y, sampler._sampling_type
    )
    return {label: count for label, count in sampler.sampling_strategy_.items() if count}


def smote(sampler: Any, coded: Coded, y: Labels, wanted: Wanted) -> Iterator[Lines]:
    """SMOTE (Chawla and others, 2002): lines between neighbours of one class."""
    sampler._validate_estimator()
    for label, count in wanted.items():
        own = coded.at(np.flatnonzero(y == label))
        yield _drawn(sampler, label, own, own, _neighbours(sampler.nn_k_, own, own), count)


def borderline(sampler: Any, coded: Coded, y: Labels, wanted: Wanted) -> Iterator[Lines]:
    """Borderline SMOTE (Han and others, 2005): lines from rows that have many, yet not only,
    neighbours of another class."""
    from sklearn.utils import check_random_state

    sampler._validate_estimator()
    for label, count in wanted.items():
        own = coded.at(np.flatnonzero(y == label))
        others, all_of_them = (
            _others(sampler.nn_m_, coded, y, label, own),
            sampler.nn_m_.n_neighbors - 1,
        )
        starts = own[(others >= all_of_them / 2) & (others < all_of_them)]
        if not len(starts):
            continue
        if sampler.kind == "borderline-1":
            yield _drawn(
                sampler, label, starts, own, _neighbours(sampler.nn_k_, own, starts), count
            )
            continue
        ends = coded.all()
        lines = _drawn(
            sampler, label, starts, ends, _neighbours(sampler.nn_k_, ends, starts), count
        )
        foreign = y[lines.near.ravel()[lines.drawn]] != label
        shrunk = np.ones(count)
        random = check_random_state(sampler.random_state)
        shrunk[foreign] = random.uniform(low=0.0, high=0.5, size=int(foreign.sum()))
        yield lines._replace(shrunk=shrunk)


def adasyn(sampler: Any, coded: Coded, y: Labels, wanted: Wanted) -> Iterator[Lines]:
    """ADASYN (He and others, 2008): as SMOTE, with more lines from rows that have more neighbours
    of another class."""
    from sklearn.utils import check_random_state

    sampler._validate_estimator()
    random, k = check_random_state(sampler.random_state), sampler.nn_.n_neighbors - 1
    for label, count in wanted.items():
        own = coded.at(np.flatnonzero(y == label))
        share = _others(sampler.nn_, coded, y, label, own) / k
        if not share.sum():  # the texts are imbalanced-learn's
            raise RuntimeError(
                "Not any neigbours belong to the majority class. This case will induce a NaN case"
                " with a division by zero. ADASYN is not suited for this specific dataset. Use"
                " SMOTE instead."
            )
        share /= share.sum()
        times = np.rint(share * count).astype(np.int64)
        if not times.sum():
            raise ValueError("No samples will be generated with the provided ratio settings.")
        near = _neighbours(sampler.nn_, own, own)
        drawn = np.repeat(np.arange(len(own)) * k, times)
        drawn += random.choice(k, size=len(drawn))
        yield Lines(label, own, own, near, drawn, random.uniform(size=len(drawn)))


def nominal(sampler: Any, coded: Coded, y: Labels) -> Made:
    """What SMOTENC adds: it is run on the oversampled classes, beside a row of another class for
    each category."""
    from sklearn.base import clone

    wanted = _wanted(sampler, y)
    if not wanted:
        return np.empty((0, coded.X.shape[1]), coded.X.dtype), y[:0]
    lacking = np.isin(y, list(wanted))
    rest = np.flatnonzero(~lacking)
    seen = [rest[_firsts(coded, rest, column)] for column in coded.space.code_columns]
    taken = np.concatenate([np.flatnonzero(lacking), np.unique(np.concatenate(seen))])
    aims = {label: int((y == label).sum()) + count for label, count in wanted.items()}
    made, made_y = (
        clone(sampler).set_params(sampling_strategy=aims).fit_resample(coded.at(taken), y[taken])
    )
    return coded.back(made[len(taken) :]), made_y[len(taken) :]


def _firsts(coded: Coded, rows: Index, column: int) -> Index:
    """Where in `rows` each code of a column stands first."""
    k = [*coded.space.numeric, *coded.space.categorical][column]
    where = rows if coded.rows is None else coded.rows[rows]
    values = coded.X[where, k]
    values[np.isnan(values)] = coded.space.fill[k]
    return np.unique(values, return_index=True)[1]


def _neighbours(nn: Any, among: Matrix, of: Matrix) -> Index:
    """For each row its nearest others; the nearest of all is taken for the row itself."""
    return np.asarray(nn.fit(among).kneighbors(of, return_distance=False)[:, 1:])


def _drawn(
    sampler: Any, label: int, starts: Matrix, ends: Matrix, near: Index, count: int
) -> Lines:
    """Lines drawn as imbalanced-learn draws them: first all lines, then all places."""
    from sklearn.utils import check_random_state

    random = check_random_state(sampler.random_state)
    drawn = random.randint(low=0, high=near.size, size=count)
    return Lines(label, starts, ends, near, drawn, random.uniform(size=count))


def _others(nn: Any, coded: Coded, y: Labels, label: int, own: Matrix) -> Index:
    """For each row of a class how many of its nearest neighbours, itself left out, are of another
    class."""
    if len(coded) * coded.width * coded.X.itemsize > AT_ONCE:
        found = _others_by_blocks(nn, coded, y, label, own)
        if found is not None:
            return found
    return np.asarray((y[_neighbours(nn, coded.all(), own)] != label).sum(axis=1))


def _others_by_blocks(nn: Any, coded: Coded, y: Labels, label: int, own: Matrix) -> Index | None:
    """The same, from the nearest of every block of the table; None where rows as far apart as each
    other leave it to the search which of them it names, so that a search of all at once might count
    otherwise."""
    from sklearn.base import clone

    k = nn.n_neighbors  # with the row itself
    distances, other = np.full((len(own), k + 1), np.inf), np.zeros((len(own), k + 1), bool)
    rows = max(2 * (k + 1), SEARCHED // (coded.width * coded.X.itemsize))
    for start in range(0, len(coded), rows):
        block = coded.between(start, start + rows)
        search = clone(nn).set_params(n_neighbors=min(k + 1, len(block))).fit(block)
        far, near = search.kneighbors(own)
        distances = np.hstack([distances, far])
        other = np.hstack([other, y[start : start + rows][near] != label])
        nearest = np.argsort(distances, axis=1, kind="stable")[:, : k + 1]
        distances, other = (
            np.take_along_axis(both, nearest, axis=1) for both in (distances, other)
        )
    lengths = np.sqrt(np.einsum("ij,ij->i", own, own, dtype=np.float64))[:, None]
    slack = SLACK * (lengths + distances[:, -1:]) ** 2
    squared = distances**2
    last = squared[:, -1:] - squared[:, -2:-1] <= slack  # which is the k-th, and so counts
    # which is taken for the row itself, and so does not count
    first = squared - squared[:, :1] <= slack
    if last.any() or (first & (other != other[:, :1])).any():
        return None
    return np.asarray(other[:, 1:k].sum(axis=1))
