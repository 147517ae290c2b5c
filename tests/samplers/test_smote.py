"""New rows alone: the same as imbalanced-learn's to the last bit, and no copy of the table."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import imblearn.over_sampling as over
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from counterpoise.core.config import Strategy
from counterpoise.core.errors import NotApplicable
from counterpoise.data.encoder import sampling_encoder
from counterpoise.data.tables import Table
from counterpoise.samplers import registry as samplers
from tests.conftest import labels, mixed_table, numeric_table


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small searches, and many: threads would wait for one another."""
    with threadpool_limits(1):
        yield


CLASSES = {"smote": over.SMOTE, "borderline_smote": over.BorderlineSMOTE, "adasyn": over.ADASYN}


class Rows(NamedTuple):
    X: np.ndarray
    y: np.ndarray
    cardinalities: tuple[int, ...]
    seed: int


@st.composite
def tables(draw: st.DrawFn, categories: bool = False) -> Rows:
    """Few positives or many, numbers with ties and without, few features (a tree is searched) and
    many (all pairs are)."""
    seed = draw(st.integers(0, 2**32 - 1))
    rows, share, p = (
        draw(st.integers(40, 150)),
        draw(st.floats(0.1, 0.5)),
        draw(st.sampled_from([2, 5, 17])),
    )
    random = np.random.default_rng(seed)
    y = labels(rows, max(3, int(rows * share)), random)
    X = random.normal(size=(rows, p)) * 10.0 ** random.integers(-2, 3, p) + y[:, None]
    ties = draw(st.sampled_from(["none", "many", "twins"]))
    if ties == "many":
        X = random.integers(0, 4, (rows, p)).astype(float)
    if ties == "twins":  # a negative where a positive is: which of them is the positive itself?
        positives = np.flatnonzero(y == 1)
        X[random.choice(np.flatnonzero(y == 0), len(positives) // 2, replace=False)] = X[
            positives[: len(positives) // 2]
        ]
    cardinalities = [0] * p
    if categories:
        for k in random.choice(p, draw(st.integers(1, p - 1)), replace=False):
            cardinalities[k] = int(random.integers(1, 5))
            X[:, k] = random.integers(0, cardinalities[k], rows)
    X[random.random(X.shape) < draw(st.sampled_from([0, 0.05]))] = np.nan
    return Rows(
        X.astype(draw(st.sampled_from([np.float64, np.float32]))), y, tuple(cardinalities), seed
    )


@st.composite
def parameters(draw: st.DrawFn, sampler: str) -> dict[str, Any]:
    neighbours = "n_neighbors" if sampler == "adasyn" else "k_neighbors"
    params: dict[str, Any] = {neighbours: draw(st.integers(1, 7))}
    aims = st.one_of(st.just("auto"), st.floats(0.3, 1.0), st.just({0: 160, 1: 155}))
    params["sampling_strategy"] = draw(aims)
    if sampler == "borderline_smote":
        params |= {
            "m_neighbors": draw(st.integers(1, 12)),
            "kind": draw(st.sampled_from(["borderline-1", "borderline-2"])),
        }
    return params


def scaled(rows: Rows, scale: bool) -> tuple[np.ndarray, StandardScaler]:
    """Numbers as scikit-learn imputes and scales them."""
    imputed = SimpleImputer(strategy="median").fit_transform(np.asfortranarray(rows.X))
    scaler = StandardScaler(with_mean=scale, with_std=scale).fit(imputed)
    return scaler.transform(imputed), scaler


def outcome(run: Any) -> tuple[np.ndarray, np.ndarray] | str:
    """New rows and labels, or the reason why there are none."""
    try:
        return run()
    except (ValueError, RuntimeError, NotApplicable) as error:
        return (
            " ".join(str(error).split()).partition(": ")[2]
            if isinstance(error, NotApplicable)
            else str(error)
        )


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, str):
        assert one == other
        return
    assert one[0].dtype == other[0].dtype
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.filterwarnings("ignore:After over-sampling")
@pytest.mark.parametrize("sampler", CLASSES)
@settings(max_examples=25)
@given(data=st.data(), rows=tables(), scale=st.booleans())
def test_the_new_rows_are_those_of_imbalanced_learn(
    sampler: str, data: st.DataObject, rows: Rows, scale: bool
) -> None:
    params = data.draw(parameters(sampler))
    Z, scaler = scaled(rows, scale)

    def expected() -> tuple[np.ndarray, np.ndarray]:
        made, y = CLASSES[sampler](random_state=rows.seed, **params).fit_resample(Z, rows.y)
        new = made[len(Z) :]
        return (scaler.inverse_transform(new) if len(new) else new), y[len(Z) :]

    def here() -> tuple[np.ndarray, np.ndarray]:
        strategy = Strategy(sampler=sampler, params=params, scale=scale)
        made = samplers.resample("mine", strategy, rows.X, rows.y, rows.cardinalities, rows.seed)
        assert made.rows.tolist() == list(range(len(rows.y)))
        return made.synthetic, made.synthetic_y

    assert_same(outcome(expected), outcome(here))


@pytest.mark.filterwarnings("ignore:After over-sampling")
@settings(max_examples=25)
@given(data=st.data(), rows=tables(categories=True))
def test_new_rows_with_categories_are_those_of_smotenc(data: st.DataObject, rows: Rows) -> None:
    params = data.draw(parameters("smote"))
    encoder = sampling_encoder(rows.cardinalities, "codes").fit(rows.X)

    def expected() -> tuple[np.ndarray, np.ndarray]:
        codes = np.flatnonzero(encoder.is_category).tolist()
        smotenc = over.SMOTENC(categorical_features=codes, random_state=rows.seed, **params)
        made, y = smotenc.fit_resample(encoder.transform(rows.X), rows.y)
        return encoder.inverse_transform(made[len(rows.y) :]), y[len(rows.y) :]

    def here() -> tuple[np.ndarray, np.ndarray]:
        made = samplers.resample(
            "smote", Strategy(params=params), rows.X, rows.y, rows.cardinalities, rows.seed
        )
        return made.synthetic, made.synthetic_y

    assert_same(outcome(expected), outcome(here))


@settings(max_examples=25)
@given(rows=tables())
def test_the_encoder_is_scikit_learns_to_the_last_bit_in_the_type_of_the_table(rows: Rows) -> None:
    some = np.sort(
        np.random.default_rng(rows.seed).choice(len(rows.y), len(rows.y) // 2, replace=False)
    )
    expected, _ = scaled(rows._replace(X=rows.X[some]), True)
    encoder = sampling_encoder(rows.cardinalities).fit(rows.X, rows=some)
    for layout in (np.ascontiguousarray, np.asfortranarray):
        found = encoder.transform(layout(rows.X), rows=some)
        assert found.dtype == rows.X.dtype
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(encoder.transform(rows.X, rows=some[5:9]), expected[5:9])


@pytest.mark.parametrize("table", [numeric_table(), mixed_table()], ids=["numbers", "mixed"])
@pytest.mark.parametrize("sampler", ["none", *samplers.SAMPLERS])
def test_rows_of_a_table_are_resampled_as_if_there_were_no_others(
    sampler: str, table: Table
) -> None:
    rows = np.sort(np.random.default_rng(3).choice(len(table), 180, replace=False))
    alone = samplers.resample(
        sampler, Strategy(), table.X[rows], table.y[rows], table.cardinalities, 5
    )
    among = samplers.resample(sampler, Strategy(), table.X, table.y, table.cardinalities, 5, rows)
    np.testing.assert_array_equal(among.rows, rows[alone.rows])
    np.testing.assert_array_equal(among.synthetic, alone.synthetic)
    np.testing.assert_array_equal(among.synthetic_y, alone.synthetic_y)


@pytest.mark.parametrize("sampler", ["random_over", "random_under"])
def test_drawing_rows_reads_none_of_them(sampler: str) -> None:
    y = labels(100, 20, np.random.default_rng(0))
    unread: Any = SimpleNamespace(shape=(200, 3), dtype=np.dtype(np.float32))
    made = samplers.resample(
        sampler, Strategy(), unread, np.tile(y, 2), (0, 0, 0), 5, np.arange(100, 200)
    )
    assert made.rows.min() >= 100
    assert (made.synthetic.shape, made.synthetic.dtype) == ((0, 3), np.float32)


def test_smote_copies_no_table_that_lies_on_disk(tmp_path: Path) -> None:
    n, p = 400_000, 30
    random = np.random.default_rng(0)
    y = labels(n, 150, random)
    X = np.memmap(tmp_path / "table", np.float32, "w+", shape=(n, p))
    for start in range(0, n, 50_000):
        X[start : start + 50_000] = (
            random.normal(size=(50_000, p)) + y[start : start + 50_000, None]
        )
    rows = np.arange(0, n - 10_000)
    tracemalloc.start()
    made = samplers.resample("smote", Strategy(ratio=0.01), X, y, (0,) * p, 5, rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.synthetic.dtype == np.float32
    assert len(made.synthetic) > 3_000
    assert peak < X.nbytes / 2, f"{peak / X.nbytes:.2f} of the table"
