"""The rows that a sampler reads, encoded when it asks for them.

A sampler that reads a part of the rows (SMOTE, the fast cleaners) has only that part encoded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from counterpoise.core.types import Index, Matrix
from counterpoise.data.encoder import Encoder


@dataclass(frozen=True)
class EncodedRows:
    """Rows of a table that an encoder was fitted on, encoded on request.

    Attributes
    ----------
    encoder : Encoder
        Fitted.
    X : ndarray of shape (n, p)
        The table. It may be a view or a memory map, and is not copied as a whole.
    rows : ndarray of int64, optional
        Positions of the rows meant; all, if left out.
    """

    encoder: Encoder
    X: Matrix
    rows: Index | None = None

    def positions(self, some: Index) -> Index:
        """Convert positions among the rows meant to positions in the table.

        Parameters
        ----------
        some : ndarray of int64

        Returns
        -------
        ndarray of int64
        """
        return some if self.rows is None else self.rows[some]

    def at(self, some: Index) -> Matrix:
        """Encode some rows.

        Parameters
        ----------
        some : ndarray of int64
            Positions among the rows meant.

        Returns
        -------
        ndarray of shape (len(some), columns)
        """
        return np.ascontiguousarray(self._encoded(self.positions(some)))

    def whole(self) -> Matrix:
        """Encode all rows meant.

        Returns
        -------
        ndarray of shape (n, columns)
        """
        return self._encoded(self.rows)

    def _encoded(self, rows: Index | None) -> Matrix:
        folds = self.encoder.folds_ if rows is None else self.encoder.folds_[rows]
        return self.encoder.transform(self.X, rows=rows, folds=folds)
