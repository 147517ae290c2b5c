"""Correction of p-values for multiple comparisons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for multiple comparisons by Holm's step-down method (1979).

    Parameters
    ----------
    p_values : sequence of float
        NaN stands for no comparison.

    Returns
    -------
    list of float
        Adjusted p-values; NaN stays NaN and does not count as a comparison.
    """
    # imported late: it takes a second, which most uses of this package do not need
    from statsmodels.stats.multitest import multipletests

    adjusted = np.array(p_values, dtype=np.float64)
    known = ~np.isnan(adjusted)
    if known.any():
        adjusted[known] = multipletests(adjusted[known], method="holm")[1]
    return [float(p) for p in adjusted]
