"""The cleaning samplers keep the rows that imbalanced-learn's keep, on whatever table."""

from __future__ import annotations

from typing import Any

import imblearn.combine
import imblearn.under_sampling
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.remedies import cleaning, neighbours

Table = tuple[np.ndarray, np.ndarray]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a small table meet what a large one does: several blocks, samples that grow, classes not sought in whole."""
    monkeypatch.setattr(neighbours, "ROWS", 32)
    monkeypatch.setattr(neighbours, "COLUMNS", 48)
    monkeypatch.setattr(neighbours, "SAMPLE", 8)
    monkeypatch.setattr(cleaning, "FEW", 10)


@st.composite
def tables(draw: Any) -> Table:
    """Rows of a few or of many columns, real or whole numbers, near the origin or far, in double or single precision, with
    rows that are repeated, in their own class or another, and two or three classes, balanced to rare."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, columns = draw(st.integers(12, 400)), draw(st.sampled_from([1, 2, 5, 15, 16, 17, 30]))
    X = random.normal(size=(rows, columns)) * random.gamma(2, 0.5, columns)
    y = np.zeros(rows, int)
    for label in range(1, draw(st.integers(2, 3))):
        share = draw(st.sampled_from([0.0, 0.01, 0.05, 0.2, 0.5]))
        mine = random.permutation(rows)[: max(2, int(share * rows))]
        y[mine] = label
        X[mine] += draw(st.sampled_from([0.0, 0.5, 3.0]))
    grid = draw(st.sampled_from([0, 0, 1, 3, 1000]))
    if grid:
        X = np.round(X * grid) / (grid if draw(st.booleans()) else 1)
    for _ in range(draw(st.integers(0, 3))):  # a row, and a quarter of the others or one, become the same
        again = random.permutation(rows)[: draw(st.sampled_from([2, 2, 4, rows // 4]))]
        X[again] = X[again[0]]
    X = X * draw(st.sampled_from([1.0, 1.0, 1e-9, 1e9])) + draw(st.sampled_from([0.0, 0.0, 1.0, 1e4, 1e7]))
    kind = draw(st.sampled_from([np.float64, np.float64, np.float32, np.int64]))
    if kind is np.int64:
        X = np.clip(np.round(X), -1e9, 1e9)
    order = random.permutation(rows)
    return X[order].astype(kind), y[order]


def outcome(sampler: Any, table: Table, kept: str | None) -> Any:
    """The rows that a sampler keeps and makes, or what it says of not being able to."""
    try:
        X, y = sampler.fit_resample(*table)
    except (ValueError, IndexError) as error:
        return type(error), str(error)
    indices = getattr(sampler, kept) if kept and kept.endswith("_indices_") else getattr(sampler, kept).sample_indices_
    return indices.tolist(), X.tolist(), y.tolist(), X.dtype, y.dtype


def assert_same(name: str, table: Table, **params: Any) -> None:
    module = imblearn.combine if name.startswith("SMOTE") else imblearn.under_sampling
    kept = {"SMOTETomek": "tomek_", "SMOTEENN": "enn_"}.get(name, "sample_indices_")
    here, there = (getattr(one, name)(**params) for one in (cleaning, module))
    assert outcome(here, table, kept) == outcome(there, table, kept)


TARGETS = st.sampled_from(["auto", "all", "majority", "not majority", [0], [1], [0, 1]])
KINDS = st.sampled_from(["all", "mode"])


@given(tables(), TARGETS)
@settings(max_examples=60, deadline=None)
def test_tomek_links(table: Table, targets: Any) -> None:
    assert_same("TomekLinks", table, sampling_strategy=targets)


@given(tables(), TARGETS, st.integers(1, 7), KINDS)
@settings(max_examples=60, deadline=None)
def test_edited(table: Table, targets: Any, k: int, kind: str) -> None:
    assert_same("EditedNearestNeighbours", table, sampling_strategy=targets, n_neighbors=k, kind_sel=kind)


@given(tables(), TARGETS, st.integers(1, 4), KINDS, st.sampled_from(["RepeatedEditedNearestNeighbours", "AllKNN"]))
@settings(max_examples=40, deadline=None)
def test_edited_again_and_again(table: Table, targets: Any, k: int, kind: str, name: str) -> None:
    assert_same(name, table, sampling_strategy=targets, n_neighbors=k, kind_sel=kind)


@given(tables(), TARGETS, st.integers(1, 5), st.sampled_from([0.0, 0.5, 2.0]))
@settings(max_examples=40, deadline=None)
def test_the_neighbourhood_cleaning_rule(table: Table, targets: Any, k: int, threshold: float) -> None:
    params = {"sampling_strategy": targets, "n_neighbors": k, "threshold_cleaning": threshold}
    assert_same("NeighbourhoodCleaningRule", table, **params)


@given(tables(), TARGETS, st.sampled_from([None, 1, 3]), st.integers(1, 4), st.integers(0, 3),
       st.sampled_from(["CondensedNearestNeighbour", "OneSidedSelection"]))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_selected(table: Table, targets: Any, k: int | None, seeds: int, state: int, name: str) -> None:
    assert_same(name, table, sampling_strategy=targets, n_neighbors=k, n_seeds_S=seeds, random_state=state)


@given(tables(), st.integers(0, 3), st.sampled_from(["SMOTETomek", "SMOTEENN"]))
@settings(max_examples=40, deadline=None)
def test_cleaned_after_smote(table: Table, state: int, name: str) -> None:
    assert_same(name, table, random_state=state)
