"""Data checks of splits, labels, dates, flags and spikes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from counterpoise.core import config
from counterpoise.data.checks.columns import Columns
from counterpoise.data.checks.sentinels import spikes
from counterpoise.data.tables import DATE, Table
from tests.conftest import numeric_table
from tests.data.checks.test_all_checks import look, of_kind, the, with_column

ONCE = config.StratifiedKFold(folds=3, repeats=1)


def test_groups_on_both_sides_of_a_split_are_counted_and_a_grouped_one_has_none() -> None:
    table = numeric_table(rows=300, positives=60)
    grouped = replace(table, roles={"group": np.arange(300) // 5})
    finding = the(look(grouped, ONCE, labels=False), "groups")
    assert finding.severity == "serious"
    assert finding.of == 60
    assert finding.count > 50
    together = config.Grouped(scheme="grouped", folds=3, repeats=1)
    assert not of_kind(look(grouped, together, labels=False), "groups")
    assert not of_kind(look(table, ONCE, labels=False), "groups")


def test_validation_rows_of_one_class_are_a_warning() -> None:
    few = numeric_table(rows=300, positives=4)
    scheme = config.StratifiedKFold(folds=3, repeats=1, validation=0.1)
    finding = the(look(few, scheme, labels=False), "validation")
    assert (finding.severity, finding.of) == ("warning", 3)
    assert not of_kind(look(numeric_table(), ONCE, labels=False), "validation")


def test_very_many_labels_are_a_warning() -> None:
    table = numeric_table(rows=300, positives=60)
    names = tuple(f"S{k:03d}" for k in range(120))
    many = with_column(table, "surname", np.arange(300) % 120, names)
    finding = the(look(many, ONCE, labels=False), "many_labels")
    assert (finding.count, finding.columns) == (120, ("surname",))
    few = with_column(table, "plan", np.arange(300) % 4, ("a", "b", "c", "d"))
    assert not of_kind(look(few, ONCE, labels=False), "many_labels")


@pytest.mark.parametrize(("days", "found"), [(5, 1), (-5, 0)])
def test_a_date_after_the_time_of_its_row_is_serious(days: int, found: int) -> None:
    table = numeric_table(rows=300, positives=60)
    time = (np.arange(300) * 86_400_000_000_000).astype(np.int64)
    closed = time + days * 86_400_000_000_000
    dated = replace(table, roles={"time": time, DATE + "closed": closed})
    temporal = config.Temporal(scheme="temporal")
    findings = of_kind(look(dated, temporal, labels=False), "late_date")
    assert len(findings) == found
    assert all(f.severity == "serious" and f.columns == ("closed",) for f in findings)


def test_a_leak_that_is_spread_over_flags_is_found_and_honest_flags_are_not() -> None:
    random = np.random.default_rng(0)
    table = numeric_table(rows=2000, positives=300)
    which = random.integers(0, 4, 2000)
    leaking = table
    for k in range(4):
        leaking = with_column(leaking, f"paid_{k}", (table.y == 1) & (which == k))
    finding = the(look(leaking, ONCE, labels=False), "flags")
    assert finding.severity == "serious"
    assert finding.columns == ("paid_0", "paid_1", "paid_2", "paid_3")
    honest = table
    for k in range(4):
        honest = with_column(honest, f"flag_{k}", random.random(2000) < 0.2 + 0.3 * table.y)
    assert not of_kind(look(honest, ONCE, labels=False), "flags")


def spikes_of(values: Any) -> list[float]:
    numbers = np.asarray(values, float)
    table = Table(("x",), numbers[:, None], np.arange(len(numbers)) % 2, {}, {})
    column = Columns(table)[0]
    return spikes(column.values, column.counts)


def test_a_zero_or_a_greatest_value_that_stands_apart_is_a_spike() -> None:
    random = np.random.default_rng(0)
    body_mass = np.round(random.normal(32, 7, 700).clip(18.2), 1)
    assert spikes_of(np.concatenate([body_mass, np.zeros(11)])) == [0]
    ages = np.round(random.normal(45, 13, 3000)).clip(18, 88)
    assert spikes_of(np.concatenate([ages, np.full(200, 118)])) == [118]


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).poisson(4, 2000),
        np.random.default_rng(2).normal(0, 1, 2000),
        np.random.default_rng(3).lognormal(3, 1, 2000).round(2),
        np.concatenate([np.zeros(900), np.random.default_rng(4).exponential(5, 1100).round(1)]),
        np.random.default_rng(5).integers(0, 100, 2000),
    ],
    ids=["counts", "normal", "amounts", "amounts with zeros", "percentages"],
)
def test_honest_numbers_have_no_spike(values: Any) -> None:
    assert spikes_of(values) == []
