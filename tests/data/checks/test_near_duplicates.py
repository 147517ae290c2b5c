"""Copies with a changed digit or field are found; rows that are equal or merely close are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from counterpoise.core import config
from counterpoise.data.checks import near_duplicates
from counterpoise.data.checks.finding import Finding
from counterpoise.data.tables import Table
from tests.conftest import categorical_table, labels
from tests.data.checks.test_all_checks import look, of_kind, rows_of, the, with_column

ONCE = config.StratifiedKFold(folds=3, repeats=1)
ROWS, POSITIVES = 600, 100


def plain(features: int = 8) -> Table:
    random = np.random.default_rng(7)
    X = random.normal(size=(ROWS, features)) * 10.0 ** np.arange(-4, features - 4)
    return Table(
        tuple(f"x{k}" for k in range(features)), X, labels(ROWS, POSITIVES, random), {}, {}
    )


def found(table: Table, scheme: Any = ONCE) -> list[Finding]:
    return of_kind(look(table, scheme, labels=False), "near_duplicates")


def copied(table: Table, change: Any, label: int | None = None) -> Table:
    """The table with changed copies of its first 60 positives, with their label or another."""
    first = np.flatnonzero(table.y)[:60]
    larger = rows_of(table, np.concatenate([np.arange(len(table)), first]))
    change(larger.X[len(table) :])
    if label is not None:
        larger.y[len(table) :] = label
    return larger


def jitter(X: np.ndarray) -> None:
    X *= 1 + 1e-7 * np.random.default_rng(1).normal(size=X.shape)


def fewer_digits(X: np.ndarray) -> None:
    X[:] = [[float(f"{value:.4g}") for value in row] for row in X]


def one_field(X: np.ndarray) -> None:
    X[np.arange(len(X)), np.arange(len(X)) % X.shape[1]] *= 3


@pytest.mark.parametrize("change", [jitter, fewer_digits, one_field])
def test_changed_copies_are_found_across_training_and_test_rows(change: Any) -> None:
    table = copied(plain(), change)
    (finding,) = found(table)
    assert (finding.code, finding.severity) == ("CP103", "warning")
    assert finding.of == ROWS + 60
    # of a row and its copy both are tested, and two times in three the other one is trained on
    assert 50 < finding.count < 110
    near = {*np.flatnonzero(table.y == 1)[:60], *range(ROWS, ROWS + 60)}
    assert {row - 1 for row in finding.rows} <= near


@pytest.mark.parametrize("change", [jitter, one_field])
def test_copies_with_the_other_label_are_found_across_classes(change: Any) -> None:
    finding = found(copied(plain(), change, label=0))[-1]
    assert (finding.count, finding.of, finding.severity) == (60, POSITIVES, "warning")
    assert "negative near-duplicate" in finding.sentence


def test_a_category_may_be_the_field_that_differs_and_a_missing_value_agrees_with_another() -> None:
    random = np.random.default_rng(3)
    table = with_column(plain(), "plan", random.integers(0, 3, ROWS), ("a", "b", "c"))
    table.X[random.random(ROWS) < 0.3, 2] = np.nan

    def other_plan(X: np.ndarray) -> None:
        X[:, -1] = (X[:, -1] + 1) % 3

    assert found(copied(table, other_plan))


def no_change(X: np.ndarray) -> None:
    pass


def test_equal_rows_are_left_to_the_check_of_duplicates() -> None:
    report = look(copied(plain(), no_change), ONCE, labels=False)
    assert the(report, "twins") and not of_kind(report, "near_duplicates")
    contradicting = look(copied(plain(), no_change, label=0), ONCE, labels=False)
    assert the(contradicting, "contradictions")
    assert not of_kind(contradicting, "near_duplicates")


@pytest.mark.parametrize(
    "table",
    [
        plain(),
        plain(1),
        plain(2),
        categorical_table(2_000, 200),
        with_column(
            categorical_table(2_000, 200), "x", np.random.default_rng(1).normal(size=2_000)
        ),
        replace(plain(), X=np.random.default_rng(2).integers(0, 6, (ROWS, 8)).astype(float)),
    ],
    ids=["numbers", "one number", "two numbers", "categories", "and a number", "ratings"],
)
def test_rows_that_agree_by_nature_are_no_finding(table: Table) -> None:
    assert not found(table)


def test_kept_together_in_one_part_they_are_no_finding_there() -> None:
    table = copied(plain(), jitter)
    first = np.flatnonzero(table.y)[:60]
    of_row = np.concatenate([np.arange(ROWS), first])
    grouped = replace(table, roles={"group": of_row})
    assert not found(grouped, config.Grouped(scheme="grouped", folds=3, repeats=1))


def test_a_very_large_table_is_sampled_with_its_positives_first_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(near_duplicates, "MAX_VALUES", 8 * 300)
    table = copied(plain(), jitter)
    (finding,) = found(table)
    assert "in 300 rows drawn at random" in finding.sentence
    assert finding.count <= finding.of == 300
    assert finding.count > 50, "all positives, and so all copies, are among the rows drawn"
    assert found(table) == [finding]
