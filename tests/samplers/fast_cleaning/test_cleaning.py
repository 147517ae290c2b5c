"""The cleaning samplers keep the rows that imbalanced-learn's keep, on whatever table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import imblearn.combine
import imblearn.under_sampling
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from counterpoise.samplers.fast_cleaning import cleaning, neighbours

Table = tuple[np.ndarray, np.ndarray]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes a small table meet what a large one does: several blocks, samples that grow, classes
    not sought in whole."""
    monkeypatch.setattr(neighbours, "ROWS", 32)
    monkeypatch.setattr(neighbours, "COLUMNS", 48)
    monkeypatch.setattr(neighbours, "SAMPLE", 8)
    monkeypatch.setattr(cleaning, "FEW", 10)
    with threadpool_limits(1):  # as in a cell of the pipeline
        yield


@st.composite
def tables(draw: Any) -> Table:
    """Rows of a few or of many columns, real or whole numbers, near the origin or far, in double or
    single precision, with rows that are repeated, in their own class or another, and two or three
    classes, balanced to rare."""
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
    # a row, and a quarter of the others or one, become the same
    for _ in range(draw(st.integers(0, 3))):
        again = random.permutation(rows)[: draw(st.sampled_from([2, 2, 4, rows // 4]))]
        X[again] = X[again[0]]
    X = X * draw(st.sampled_from([1.0, 1.0, 1e-9, 1e9])) + draw(
        st.sampled_from([0.0, 0.0, 1.0, 1e4, 1e7])
    )
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
    indices = (
        getattr(sampler, kept)
        if kept and kept.endswith("_indices_")
        else getattr(sampler, kept).sample_indices_
    )
    return indices.tolist(), X.tolist(), y.tolist(), X.dtype, y.dtype


def assert_same(name: str, table: Table, **params: Any) -> None:
    module = imblearn.combine if name.startswith("SMOTE") else imblearn.under_sampling
    kept = {"SMOTETomek": "tomek_", "SMOTEENN": "enn_"}.get(name, "sample_indices_")
    here, there = (getattr(one, name)(**params) for one in (cleaning, module))
    assert outcome(here, table, kept) == outcome(there, table, kept)


TARGETS = st.sampled_from(["auto", "all", "majority", "not majority", [0], [1], [0, 1]])
KINDS = st.sampled_from(["all", "mode"])


@given(tables(), TARGETS)
@settings(max_examples=40, deadline=None)
def test_tomek_links_keep_the_rows_of_imbalanced_learn(table: Table, targets: Any) -> None:
    assert_same("TomekLinks", table, sampling_strategy=targets)


@given(tables(), TARGETS, st.integers(1, 7), KINDS)
@settings(max_examples=40, deadline=None)
def test_edited_nearest_neighbours_keep_the_rows_of_imbalanced_learn(
    table: Table, targets: Any, k: int, kind: str
) -> None:
    assert_same(
        "EditedNearestNeighbours", table, sampling_strategy=targets, n_neighbors=k, kind_sel=kind
    )


@given(
    tables(),
    TARGETS,
    st.integers(1, 4),
    KINDS,
    st.sampled_from(["RepeatedEditedNearestNeighbours", "AllKNN"]),
)
@settings(max_examples=40, deadline=None)
def test_editing_again_and_again_keeps_the_rows_of_imbalanced_learn(
    table: Table, targets: Any, k: int, kind: str, name: str
) -> None:
    assert_same(name, table, sampling_strategy=targets, n_neighbors=k, kind_sel=kind)


@given(tables(), TARGETS, st.integers(1, 5), st.sampled_from([0.0, 0.5, 2.0]))
@settings(max_examples=40, deadline=None)
def test_the_cleaning_rule_keeps_the_rows_of_imbalanced_learn(
    table: Table, targets: Any, k: int, threshold: float
) -> None:
    params = {"sampling_strategy": targets, "n_neighbors": k, "threshold_cleaning": threshold}
    assert_same("NeighbourhoodCleaningRule", table, **params)


@given(
    tables(),
    TARGETS,
    st.sampled_from([None, 1, 3]),
    st.integers(1, 4),
    st.integers(0, 3),
    st.sampled_from(["CondensedNearestNeighbour", "OneSidedSelection"]),
)
@settings(max_examples=15, deadline=None)
def test_selection_chooses_the_rows_of_imbalanced_learn(
    table: Table, targets: Any, k: int | None, seeds: int, state: int, name: str
) -> None:
    assert_same(
        name, table, sampling_strategy=targets, n_neighbors=k, n_seeds_S=seeds, random_state=state
    )


@given(tables(), st.integers(0, 3), st.sampled_from(["SMOTETomek", "SMOTEENN"]))
@settings(max_examples=40, deadline=None)
def test_cleaning_after_smote_keeps_the_rows_of_imbalanced_learn(
    table: Table, state: int, name: str
) -> None:
    assert_same(name, table, random_state=state)


METRICS = [
    {"metric": "manhattan"},
    {"metric": "chebyshev"},
    {"metric": "cosine"},
    {"p": 3},
    {"algorithm": "brute"},
    {"algorithm": "ball_tree"},
]


@given(tables(), st.sampled_from(METRICS), KINDS)
@settings(max_examples=30, deadline=None)
def test_a_searcher_of_ones_own_is_obeyed(table: Table, params: dict[str, Any], kind: str) -> None:
    assert_same(
        "EditedNearestNeighbours",
        table,
        n_neighbors=NearestNeighbors(n_neighbors=4, **params),
        kind_sel=kind,
    )


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("threads", [1, 2])
def test_rows_too_near_to_tell_are_decided_as_imbalanced_learn_decides(
    threads: int, kind: type
) -> None:
    """Far from the origin, and rows repeated in both classes: answers hang on the last bit of a
    distance, and that on the way scikit-learn goes through the table."""
    random = np.random.default_rng(3)
    X = random.normal(size=(2700, 20))
    y = (random.random(2700) < 0.03).astype(int)
    again = random.integers(0, 2700, (2, 500))
    X[again[0]] = X[again[1]]
    table = (X + 3e6 if kind is np.float64 else X).astype(kind), y
    with threadpool_limits(threads):
        assert_same("TomekLinks", table, sampling_strategy="all")
        assert_same("EditedNearestNeighbours", table, sampling_strategy="all")
        assert_same(
            "EditedNearestNeighbours",
            table,
            sampling_strategy="all",
            n_neighbors=4,
            kind_sel="mode",
        )


def test_the_bounds_hold_what_scikit_learn_computes() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 20)) + 1e6
    found, near = NearestNeighbors(n_neighbors=300, algorithm="brute").fit(X).kneighbors(X)
    theirs = np.empty((300, 300))
    np.put_along_axis(theirs, near, found**2, axis=1)
    space, rows = neighbours.Space(X), np.arange(300)
    scale = 2.0 ** (2 * np.round(np.log2(np.abs(X).max())))
    low, high = (bound * scale for bound in space.bounds(rows, rows))
    assert (low <= theirs).all()
    assert (np.maximum(high, 0) >= theirs).all()
    assert not np.allclose(theirs, ((X[:, None] - X) ** 2).sum(axis=2), rtol=1e-6), "they do round"


def test_of_a_rare_class_among_many_rows_hardly_any_is_left_to_search() -> None:
    random = np.random.default_rng(0)
    X, rare = random.normal(size=(6000, 20)), np.arange(12)
    space, own = neighbours.Space(X), np.arange(12, 6000)
    open_ = space.unsettled(own, space.to_others(own, rare, 1), 3)
    assert 0 < open_.sum() < 200
    near = NearestNeighbors(n_neighbors=4).fit(X).kneighbors(X[own], return_distance=False)
    assert open_[np.isin(near, rare).any(axis=1)].all()


@pytest.mark.parametrize("pairs", [1000, 1_000_000])
def test_a_table_of_copies_is_as_imbalanced_learn_has_it(
    pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row is asked about, or the whole table is given up where that takes fewer pairs than
    there are."""
    monkeypatch.setattr(neighbours, "MOST_PAIRS", pairs)
    table = np.ones((400, 20)), np.repeat([0, 1], 200)
    assert_same("TomekLinks", table)
    assert_same("EditedNearestNeighbours", table)
