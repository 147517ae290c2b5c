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
from counterpoise.samplers.encoded_rows import EncodedRows


def new_rows(sampler: Any, encoded: EncodedRows, y: Labels) -> tuple[Matrix, Labels]:
    """The rows that a sampler adds.

    Parameters
    ----------
    sampler : SMOTE or SMOTENC of imbalanced-learn
    encoded : EncodedRows of n rows
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
        return np.empty((0, encoded.X.shape[1]), encoded.X.dtype), y[:0]
    lacking = np.isin(y, list(aims))
    rest = np.flatnonzero(~lacking)
    firsts = [np.unique(y[rest], return_index=True)[1]]
    firsts += [_first_of_each_code(encoded, rest, k) for k in encoded.encoder.categorical]
    others = rest[np.unique(np.concatenate(firsts))]
    taken = np.concatenate([np.flatnonzero(lacking), others])
    sampler = clone(sampler).set_params(sampling_strategy=aims)
    made, made_y = sampler.fit_resample(encoded.at(taken), y[taken])
    return encoded.encoder.inverse_transform(made[len(taken) :]), made_y[len(taken) :]


def _first_of_each_code(encoded: EncodedRows, rows: Index, feature: int) -> Index:
    """Where in `rows` each code of a category stands first."""
    encoder = encoded.encoder
    values = encoded.X[encoded.positions(rows), feature]
    at = [*encoder.numeric, *encoder.categorical].index(feature)
    values[np.isnan(values)] = encoder.fill_[at]
    return np.unique(values, return_index=True)[1]
