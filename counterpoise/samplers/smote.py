"""SMOTE and SMOTENC on the rows that matter to them.

imbalanced-learn's samplers copy the whole table several times and hand it back with the new rows
below it. SMOTE (Chawla et al. 2002) draws new rows between neighbours of one class and reads no row
of another; SMOTENC moreover needs every category once. So imbalanced-learn's own class gets the
rows of the oversampled class and one row for each other class and category, and gives the same new
rows to the last bit: its draws depend on that class alone.

References
----------
N. V. Chawla, K. W. Bowyer, L. O. Hall, W. P. Kegelmeyer (2002). SMOTE: synthetic minority
over-sampling technique. JAIR 16.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoise.core.types import Index, Labels, Matrix
from counterpoise.samplers.feature_space import Coded


def new_rows(sampler: Any, coded: Coded, y: Labels) -> tuple[Matrix, Labels]:
    """The rows that a sampler adds.

    Parameters
    ----------
    sampler : SMOTE or SMOTENC of imbalanced-learn
    coded : Coded of n rows
    y : ndarray of shape (n,), int8

    Returns
    -------
    X : ndarray of shape (m, p)
        New rows in the table's own units and type.
    y : ndarray of shape (m,)
        Their labels.

    Raises
    ------
    ValueError, RuntimeError
        imbalanced-learn's own, where the sampler cannot run on these rows.
    """
    from imblearn.utils import check_sampling_strategy
    from sklearn.base import clone

    counts = check_sampling_strategy(sampler.sampling_strategy, y, sampler._sampling_type)
    aims = {label: int((y == label).sum()) + count for label, count in counts.items() if count}
    if not aims:
        return np.empty((0, coded.X.shape[1]), coded.X.dtype), y[:0]
    lacking = np.isin(y, list(aims))
    rest = np.flatnonzero(~lacking)
    firsts = [np.unique(y[rest], return_index=True)[1]]
    firsts += [_first_of_each_code(coded, rest, column) for column in coded.space.code_columns]
    others = rest[np.unique(np.concatenate(firsts))]
    taken = np.concatenate([np.flatnonzero(lacking), others])
    sampler = clone(sampler).set_params(sampling_strategy=aims)
    made, made_y = sampler.fit_resample(coded.at(taken), y[taken])
    return coded.back(made[len(taken) :]), made_y[len(taken) :]


def _first_of_each_code(coded: Coded, rows: Index, column: int) -> Index:
    """Where in `rows` each code of a column stands first."""
    k = [*coded.space.numeric, *coded.space.categorical][column]
    where = rows if coded.rows is None else coded.rows[rows]
    values = coded.X[where, k]
    values[np.isnan(values)] = coded.space.fill[k]
    return np.unique(values, return_index=True)[1]
