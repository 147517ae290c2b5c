"""What the bootstrap redraws: rows, duplicates together, groups, or blocks of time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from counterpoise.core.config import Grouped, Holdout, StratifiedKFold, Temporal
from counterpoise.data import splitters
from counterpoise.data.tables import Table
from counterpoise.evaluation import bootstrap, independent
from tests.conftest import numeric_table

PLAIN = numeric_table()
KFOLD = StratifiedKFold(scheme="stratified_kfold", folds=3, repeats=2)


def with_roles(**roles: np.ndarray) -> Table:
    return Table(PLAIN.features, PLAIN.X, PLAIN.y, {}, roles)


def doubled() -> Table:
    """A table of which rows 0 to 9 come again as the last ones, and row 10 with the other label."""
    X = np.concatenate([PLAIN.X, PLAIN.X[:11]])
    y = np.concatenate([PLAIN.y, PLAIN.y[:10], [1 - PLAIN.y[10]]]).astype(PLAIN.y.dtype)
    return Table(PLAIN.features, X, y)


def test_rows_are_units_of_their_own_where_no_two_are_alike() -> None:
    assert independent.units_of(PLAIN, KFOLD) is None
    assert independent.kind_of(PLAIN.roles, KFOLD, None) == "rows"


def test_duplicates_with_the_same_label_are_one_unit() -> None:
    table = doubled()
    units = independent.units_of(table, KFOLD)
    assert units is not None
    assert (units[240:250] == units[:10]).all()
    assert units[250] != units[10], "another label"
    assert len(np.unique(units)) == 241
    assert independent.kind_of(table.roles, KFOLD, units) == "rows, duplicates together"


@pytest.mark.parametrize("scheme", [KFOLD, Grouped(scheme="grouped")])
def test_rows_of_a_declared_group_are_one_unit(scheme: Any) -> None:
    groups = np.arange(240) % 60
    table = with_roles(group=groups)
    units = independent.units_of(table, scheme)
    assert units is not None and (units == groups).all()
    assert independent.kind_of(table.roles, scheme, units) == "groups"


def test_a_split_by_time_has_blocks_of_consecutive_rows() -> None:
    time = np.random.default_rng(0).permutation(240)
    table, scheme = with_roles(time=time), Temporal(scheme="temporal")
    units = independent.units_of(table, scheme)
    assert units is not None
    # the cube root of 240 rows is 6.2
    assert (units == time // 6).all()
    assert independent.kind_of(table.roles, scheme, units) == "blocks of time"
    assert independent.units_of(table, Holdout(scheme="holdout")) is None


def test_positives_are_counted_by_unit() -> None:
    parts = splitters.split(PLAIN, KFOLD, 1, "mine")
    assert independent.positives(parts, PLAIN.y, None) == (10, 30)
    units = np.arange(240)
    positive = np.flatnonzero(PLAIN.y == 1)
    units[positive] = positive[0]  # all of them one unit
    assert independent.positives(parts, PLAIN.y, units) == (1, 1)


@pytest.mark.parametrize("kind", ["group", "duplicates", "time"])
def test_a_draw_moves_the_rows_of_a_unit_together(kind: str) -> None:
    table, scheme = {
        "group": (with_roles(group=np.arange(240) % 60), Grouped(scheme="grouped", folds=3)),
        "duplicates": (doubled(), KFOLD),
        "time": (with_roles(time=np.arange(240)[::-1]), Temporal(scheme="temporal")),
    }[kind]
    parts = splitters.split(table, scheme, 1, "mine")
    units = independent.units_of(table, scheme)
    assert units is not None
    (weights,) = bootstrap.draws(parts, table.y, 1, 50, units=units)
    first = parts.names[0][0]
    tested = np.concatenate([fold.test for fold in parts if fold.repeat == first])
    several = 0
    for unit in np.unique(units[tested]):
        rows = tested[units[tested] == unit]
        assert (weights[rows] == weights[rows[0]]).all()
        several += len(rows) > 1
    assert several
    untested = np.setdiff1d(np.arange(len(table)), tested)
    assert (weights[untested] == 0).all()
    assert weights[tested].std() > 0.5


def test_a_draw_keeps_the_number_of_units_with_a_positive_in_each_fold() -> None:
    table = with_roles(group=np.arange(240) % 60)
    scheme = Grouped(scheme="grouped", folds=3)
    parts, units = splitters.split(table, scheme, 1, "mine"), table.roles["group"]
    (weights,) = bootstrap.draws(parts, table.y, 1, 50, units=units)
    for fold in parts:
        if fold.repeat != parts.names[0][0]:
            continue
        rows = fold.test
        positive = np.isin(units[rows], units[rows[table.y[rows] == 1]])
        _, at = np.unique(units[rows], return_index=True)
        for side in (True, False):
            mine = at[positive[at] == side]
            assert (weights[rows[mine]].sum(axis=0) == len(mine)).all()
