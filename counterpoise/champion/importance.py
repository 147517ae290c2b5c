"""Permutation importance of a combination's columns, on held-out rows.

A column is shuffled among the test rows of a fold, and the model that was fitted on the fold's
training rows scores them again. What average precision falls by is the column's importance
(Breiman 2001). Columns are those of the table: all indicators of a category are shuffled together.
Two columns that say the same can both seem unimportant.

References
----------
L. Breiman (2001). Random forests. Machine Learning 45.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from counterpoise.champion.refit import Seeds, refit
from counterpoise.core.config import Params
from counterpoise.core.errors import ResultError
from counterpoise.core.outcome import attempted
from counterpoise.core.seeds import seed_for
from counterpoise.core.types import Cell, Index, Labels, Matrix, Vector
from counterpoise.data.folds import Fold, Parts
from counterpoise.data.tables import Table
from counterpoise.engine import parallel
from counterpoise.engine.fit import Trained

COLUMNS = ["feature", "importance", "low", "high"]

PERMUTATIONS = 5
"""How often each column is shuffled in each fold."""

MAX_VALUES = 2 * 10**9
"""Values that the model is given in one fold; of more, as many rows are drawn as keep to it."""

MIN_POSITIVES = 2
"""Positives that the scored rows of a fold need."""


class Job(NamedTuple):
    """One fold of a combination."""

    params: Params
    dataset: str
    cell: Cell
    table: Table
    fold: Fold
    cost_margins: Vector


def folds_of(params: Params, cell: Cell, parts: Parts) -> list[Fold]:
    """The folds on which importance is measured: those of the first repeat, each row once.

    Where the model searches for parameters, the first fold stands for all of them, since each fold
    needs a search.

    Parameters
    ----------
    params : Params
    cell : (str, str)
        Strategy and model, keys of `params`.
    parts : Parts
        The folds that the comparison uses.

    Returns
    -------
    list of Fold
    """
    folds = [fold for fold in parts if fold.repeat == parts.names[0][0]]
    return folds if params.models[cell[1]].search is None else folds[:1]


def of_folds(
    params: Params,
    dataset: str,
    cell: Cell,
    table: Table,
    folds: list[Fold],
    cost_margins: Vector,
    done: Callable[[], object],
) -> pd.DataFrame:
    """Measure the importance of each column for a combination.

    Parameters
    ----------
    params : Params
    dataset : str
        A key of `params`.
    cell : (str, str)
        Strategy and model, keys of `params`.
    table : Table
        The dataset's table, with n rows.
    folds : list of Fold
    cost_margins : ndarray of shape (n, 2)
        See `refit`.
    done : callable
        Called after each fold.

    Returns
    -------
    DataFrame of `COLUMNS`
        The most important column first. `importance` is the mean fall in average precision over
        folds and permutations; between `low` and `high` lie 95 % of them.

    Raises
    ------
    ResultError
        When a fold's model cannot be fitted, or a fold has too few positives.
    """
    jobs = [Job(params, dataset, cell, table, fold, cost_margins) for fold in folds]
    by_fold: dict[int, Vector] = {}
    for job, found in parallel.few_here(_of_fold, jobs):
        if not isinstance(found, np.ndarray):
            raise ResultError(
                "The importance of columns cannot be measured.",
                where=f"{dataset}, {'/'.join(cell)}, fold {job.fold.fold}",
                found=found if isinstance(found, str) else found.reason,
                todo="look at the reason; results do not depend on it.",
            )
        by_fold[job.fold.fold] = found
        done()
    each = np.concatenate([by_fold[fold.fold] for fold in folds], axis=1)
    low, high = np.quantile(each, [0.025, 0.975], axis=1)
    columns = (list(table.features), each.mean(axis=1), low, high)
    frame = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
    return frame.sort_values("importance", ascending=False, kind="stable", ignore_index=True)


def _of_fold(job: Job) -> Vector | str:
    """Falls in average precision, shape (features, permutations), or why there are none."""
    params, (strategy, model), fold, table = job.params, job.cell, job.fold, job.table
    at = fold.repeat, fold.fold
    # the seeds of the stages `resample` and `train`, so that the model is the one of the fold
    seeds = Seeds(
        seed_for(params.seed, job.dataset, strategy, "resample", *at),
        seed_for(params.seed, job.dataset, model, "fit", *at),
    )
    seed = seed_for(params.seed, job.dataset, strategy, model, "importance", *at)
    rows = _drawn(fold.test, table.y, table.X.shape[1], seed)
    if not MIN_POSITIVES <= table.y[rows].sum() < len(rows):
        return f"of {len(rows):,} rows to score, {int(table.y[rows].sum()):,} are positive"
    given = params, job.cell, table, fold.train, fold.validation, seeds, job.cost_margins
    _, reason, made = attempted(partial(refit, *given))
    return reason if made is None else falls(made.trained, table.X[rows], table.y[rows], seed)


def _drawn(test: Index, y: Labels, features: int, seed: int) -> Index:
    """The test rows, or as many of each class as keep to `MAX_VALUES`."""
    share = MAX_VALUES / (len(test) * PERMUTATIONS * features**2)
    if share >= 1:
        return np.sort(test)
    random = np.random.default_rng(seed)
    classes = (test[y[test] == label] for label in (0, 1))
    drawn = [random.choice(one, int(np.ceil(len(one) * share)), replace=False) for one in classes]
    return np.sort(np.concatenate(drawn))


def falls(trained: Trained, X: Matrix, y: Labels, seed: int) -> Vector:
    """Shuffle each column, and measure what average precision falls by.

    Parameters
    ----------
    trained : Trained
    X : ndarray of shape (m, p)
        Rows in the table's own units, none of which the model was fitted on.
    y : ndarray of shape (m,)
        Their labels, of both classes.
    seed : int

    Returns
    -------
    ndarray of shape (p, `PERMUTATIONS`)
    """
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import average_precision_score
    from threadpoolctl import threadpool_limits

    def score(model: _Fitted, rows: Matrix, labels: Labels) -> float:
        return float(average_precision_score(labels, model.trained.score(rows)))

    with threadpool_limits(1):
        found = permutation_importance(
            _Fitted(trained), X, y, scoring=score, n_repeats=PERMUTATIONS, random_state=seed
        )
    return np.asarray(found.importances)


class _Fitted:
    """A fitted model, in the form that scikit-learn asks for."""

    def __init__(self, trained: Trained) -> None:
        self.trained = trained

    def fit(self, X: Matrix, y: Labels) -> _Fitted:
        """Return itself: it is fitted."""
        return self
