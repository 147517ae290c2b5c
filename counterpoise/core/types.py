"""Types that many modules share, each declared once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Cell = tuple[str, str]
"""A combination: the keys of its strategy and of its model."""

Labels = NDArray[np.int8]
"""Shape (n,): 1 for a positive row, 0 for a negative one."""

Matrix = NDArray[np.float64]
"""Shape (n, k): n rows of k numbers, such as features."""

Vector = NDArray[np.float64]
"""Shape (n,): a number for each row, fold or draw."""

Index = NDArray[np.int64]
"""Shape (n,): positions of rows, from 0."""

Flags = NDArray[np.bool_]
"""Shape (n,): whether something holds for each row."""

Floats = NDArray[np.float64]
"""Numbers, in any shape."""
