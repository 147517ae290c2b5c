"""Units of rows that are independent of each other: what the bootstrap redraws."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from counterpoise.core.config import AnySplit, Prequential, Temporal
from counterpoise.core.types import Index, Labels
from counterpoise.data.folds import Parts
from counterpoise.data.row_groups import as_numbers, row_group_ids
from counterpoise.data.tables import Table


def units_of(table: Table, scheme: AnySplit) -> Index | None:
    """The unit of each row.

    Rows that are close in time are alike, so a split by time has blocks of consecutive rows, as
    many rows long as the cube root of the table's (Hall, Horowitz and Jing 1995: the best length
    grows with that root). Otherwise rows of one declared group are a unit, or else duplicates with
    the same label.

    Parameters
    ----------
    table : Table
        With its features.
    scheme : StratifiedKFold, Holdout, Temporal, Grouped or Prequential
        The split.

    Returns
    -------
    ndarray of shape (n,), int64, or None
        None where every row is a unit of its own.

    References
    ----------
    P. Hall, J. L. Horowitz and B.-Y. Jing (1995). On blocking rules for the bootstrap with
    dependent data. Biometrika 82.
    """
    if isinstance(scheme, (Temporal, Prequential)):
        units = np.empty(len(table), np.int64)
        length = max(1, round(len(table) ** (1 / 3)))
        units[np.argsort(table.roles["time"], kind="stable")] = np.arange(len(table)) // length
        return units
    if "group" in table.roles:
        return table.roles["group"].astype(np.int64)
    units = 2 * row_group_ids(table.X, as_numbers) + table.y
    return units if len(np.unique(units)) < len(units) else None


def kind_of(roles: Container[str], scheme: AnySplit, units: Index | None) -> str:
    """What the units are, in a word for the page.

    Parameters
    ----------
    roles : container of str
        Roles of the table's columns.
    scheme : StratifiedKFold, Holdout, Temporal, Grouped or Prequential
        The split.
    units : ndarray or None
        What `units_of` returned.

    Returns
    -------
    str
    """
    if units is None:
        return "rows"
    if isinstance(scheme, (Temporal, Prequential)):
        return "blocks of time"
    return "groups" if "group" in roles else "rows, duplicates together"


def positives(parts: Parts, y: Labels, units: Index | None) -> tuple[int, int]:
    """Number of units with a positive: in the smallest test part, and in all of a repeat.

    Parameters
    ----------
    parts : Parts
        The split.
    y : ndarray of shape (n,)
        Labels.
    units : ndarray of shape (n,), optional
        See `units_of`.

    Returns
    -------
    smallest, total : int
        Verdicts need enough of both; see `counterpoise.evaluation.significance`.
    """
    first = parts.names[0][0]
    tested = [fold.test[y[fold.test] == 1] for fold in parts if fold.repeat == first]
    counts = [len(rows if units is None else np.unique(units[rows])) for rows in tested]
    every = np.concatenate(tested)
    return min(counts), len(every if units is None else np.unique(units[every]))
