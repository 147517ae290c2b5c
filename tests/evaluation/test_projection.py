"""The rows that strategies work on, in two dimensions: right places, true counts, one draw for all,
a legible picture."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import Delaunay
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from counterpoise.core import config, files
from counterpoise.core.config import Strategy
from counterpoise.core.paths import REPOSITORY
from counterpoise.data import datasets, splitters
from counterpoise.data.encoder import sampling_encoder
from counterpoise.data.folds import Fold
from counterpoise.data.tables import Table
from counterpoise.engine import resampling
from counterpoise.engine.resampling import FoldResult, resample
from counterpoise.evaluation import projection
from counterpoise.evaluation.projection import KINDS, ROWS, OutputRows, Projection, project
from counterpoise.report import charts, vega
from counterpoise.samplers import registry as samplers
from counterpoise.samplers.registry import SAMPLERS, NotApplicable
from tests.conftest import TABLES, numeric_table

STRATEGIES = (
    "none",
    "random_over",
    "smote",
    "adasyn",
    "random_under",
    "near_miss_1",
    "tomek_links",
    "smote_enn",
)
PARAMS = config.load(REPOSITORY / "params.yaml")


class Case(NamedTuple):
    """A dataset's first fold and what strategies made of it."""

    table: Table
    fold: Fold
    results: dict[str, FoldResult]

    @property
    def made(self) -> dict[str, OutputRows]:
        return {
            key: tuple(result.resampled)
            for key, result in self.results.items()
            if result.resampled is not None
        }

    def project(self, seed: int = 7, **more: Any) -> Projection:
        return project(
            self.table.X,
            self.table.y,
            self.table.cardinalities,
            self.fold.train,
            self.made,
            seed,
            **more,
        )


def case_of(table: Table, name: str, keys: tuple[str, ...] = STRATEGIES) -> Case:
    fold = next(iter(splitters.split(table, PARAMS.split, 1, name)))
    return Case(table, fold, {key: resample(table, fold, key, Strategy(), 5) for key in keys})


@functools.cache
def real(name: str, folder: Path) -> Case:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERPOISE_MIRROR", str(folder))
        table, _ = datasets.fetch(name, PARAMS.datasets[name], download=False)
    return case_of(table, name)


@pytest.fixture(params=["digits", "mammography"])
def data(request: pytest.FixtureRequest, mirror: Path) -> Case:
    return real(request.param, mirror)


def whole(
    X: np.ndarray, y: np.ndarray, cardinalities: tuple[int, ...] = (), **made: OutputRows
) -> Projection:
    """All rows are for training and every one is shown."""
    nothing = np.arange(len(y)), X[:0], y[:0]
    return project(
        X,
        y,
        cardinalities or (0,) * X.shape[1],
        np.arange(len(y)),
        made or {"none": nothing},
        3,
        most=10**9,
    )


def shown(points: pd.DataFrame, strategy: str, *kinds: str) -> pd.DataFrame:
    return points[(points["strategy"] == strategy) & points["kind"].isin(kinds)]


def places(points: pd.DataFrame) -> np.ndarray:
    return points[["x", "y"]].to_numpy()


# Where rows lie


def test_the_axes_are_the_principal_components_of_the_scaled_training_rows(data: Case) -> None:
    """Against a singular value decomposition of their own."""
    X = data.table.X[data.fold.train]
    Z = StandardScaler().fit_transform(X)
    _, values, directions = np.linalg.svd(Z - Z.mean(axis=0), full_matrices=False)
    points, shares = data.project(most=10**9)
    np.testing.assert_allclose(shares, (values**2 / (values**2).sum())[:2], rtol=1e-9)
    ours, theirs = places(shown(points, "none", "kept")), Z @ directions[:2].T
    ours, theirs = (np.sort(np.abs(side), axis=0) for side in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_two_rows_lie_no_farther_apart_than_samplers_take_them_to_be() -> None:
    for make in TABLES.values():
        table = make()
        Z = sampling_encoder(table.cardinalities).fit_transform(table.X)
        for label in (0, 1):
            rows = np.flatnonzero(table.y == label)
            points = project(
                table.X,
                table.y,
                table.cardinalities,
                np.arange(len(table)),
                {"none": (rows, table.X[rows], table.y[rows])},
                3,
                most=10**9,
            ).points
            made = points[points["kind"] == "synthetic"]
            # drawn in an order of its own: the sums of distances to all others do not depend on it
            there = np.linalg.norm(Z[rows][:, None] - Z[rows], axis=2).sum(axis=1)
            here = np.linalg.norm(places(made)[:, None] - places(made), axis=2).sum(axis=1)
            assert (np.sort(here) <= np.sort(there) + 1e-3 * len(rows)).all()


def test_rows_that_smote_makes_lie_among_those_it_makes_them_of(data: Case) -> None:
    points = data.project(most=10**9).points
    for strategy in ("smote", "adasyn"):
        made, old = (
            shown(points, strategy, kind).query("label == 1") for kind in ("synthetic", "kept")
        )
        assert len(made) > 500
        rounding = 2e-4 * (np.array(list(np.ndindex(2, 2))) - 0.5)
        around = np.concatenate([places(old) + shift for shift in rounding])
        assert (Delaunay(around).find_simplex(places(made)) >= 0).all()


@given(st.floats(0, 1), st.integers(0, 29), st.integers(0, 29))
def test_a_row_between_two_others_lies_between_them(share: float, one: int, other: int) -> None:
    table = numeric_table()
    positives = table.X[table.y == 1]
    a, b = positives[one], positives[other]
    made = np.array([a, b, share * a + (1 - share) * b])
    rows = np.arange(len(table))
    found = [
        whole(table.X, table.y, s=(rows, made[[k]], np.ones(1, np.int8))).points.iloc[-1]
        for k in range(3)
    ]
    here = np.array([[point["x"], point["y"]] for point in found])
    np.testing.assert_allclose(here[2], share * here[0] + (1 - share) * here[1], atol=2e-4)


def test_a_row_lies_at_one_place_whatever_becomes_of_it(data: Case) -> None:
    points = data.project(most=10**9).points
    old = points[points["kind"] != "synthetic"]
    everywhere = {
        strategy: sorted(map(tuple, places(mine))) for strategy, mine in old.groupby("strategy")
    }
    assert len(everywhere) == len(STRATEGIES)
    assert all(found == everywhere["none"] for found in everywhere.values())


def test_the_axes_know_the_training_rows_alone() -> None:
    case = case_of(TABLES["mixed"](), "mine")
    elsewhere = np.concatenate([case.fold.validation, case.fold.test])
    poisoned = case.table.X.copy()
    poisoned[elsewhere] = np.where(np.arange(len(elsewhere))[:, None] % 2, np.nan, 1e9)
    other = Table(case.table.features, poisoned, case.table.y, case.table.categories)
    assert other.cardinalities == case.table.cardinalities
    assert_same(case.project(), case._replace(table=other).project())


def test_a_sample_of_many_rows_and_a_short_cut_through_many_columns_give_nearly_the_same_axes(
    mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = real("mammography", mirror)
    points, shares = case.project()
    for name, value, tolerance in (("WIDE", 3, 1e-3), ("ENOUGH", 24_000, 0.1)):
        with monkeypatch.context() as patch:
            patch.setattr(projection, name, value)
            others, other_shares = case.project()
            np.testing.assert_allclose(other_shares, shares, atol=0.2 * tolerance)
            old = points["kind"] != "synthetic"
            assert np.abs(places(points[old]) - places(others[old])).mean() < tolerance
            assert_same((others, other_shares), case.project())


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=5), st.booleans())
def test_a_direction_and_its_opposite_are_the_same_axis(loadings: list[float], noise: bool) -> None:
    component = np.array([loadings])
    if not component.any():
        return
    stirred = component * (1 + 1e-12 * noise * np.arange(component.size))
    np.testing.assert_allclose(
        projection.upright(component), projection.upright(-stirred), rtol=1e-9
    )


# How many there are


def test_the_counts_are_those_of_resampling_and_add_up(data: Case) -> None:
    points = data.project().points
    assert points.columns.tolist() == ROWS
    counts = {key: result.counts(data.table.y) for key, result in data.results.items()}
    assert list(points["strategy"].unique()) == list(STRATEGIES)
    for (strategy, label), mine in points.groupby(["strategy", "label"]):
        name = ("negatives", "positives")[label]
        total = mine.drop_duplicates("kind").set_index("kind")
        made = total["rows"].get("synthetic", 0)
        assert total["rows"].sum() - made == counts[strategy][f"{name}_before"]
        assert total["copies"].sum() == counts[strategy][f"{name}_after"]
    made = points[points["kind"] == "synthetic"].groupby(["strategy", "label"])["rows"].first()
    assert made.groupby("strategy").sum().to_dict() == {
        key: count["synthetic"] for key, count in counts.items() if count["synthetic"]
    }


def test_each_kind_is_what_it_is_called(data: Case) -> None:
    points = data.project(most=10**9).points
    assert set(points["kind"]) == set(KINDS)
    for kind, times in (("kept", {1}), ("removed", {0}), ("synthetic", {1})):
        assert set(points.loc[points["kind"] == kind, "times"]) == times
    assert points.loc[points["kind"] == "repeated", "times"].min() > 1
    groups = points.groupby(["strategy", "kind", "label"])
    pd.testing.assert_series_equal(groups["rows"].first(), groups.size(), check_names=False)
    pd.testing.assert_series_equal(
        groups["copies"].first(), groups["times"].sum(), check_names=False
    )
    assert set(shown(points, "none", *KINDS)["kind"]) == {"kept"}
    assert set(shown(points, "random_over", *KINDS)["kind"]) == {"kept", "repeated"}
    assert set(shown(points, "random_under", *KINDS)["kind"]) == {"kept", "removed"}


def test_no_more_rows_are_shown_than_there_is_room_for_and_fewer_are_all_shown(data: Case) -> None:
    for most in (40, 300):
        groups = data.project(most=most).points.groupby(["strategy", "kind", "label"])
        assert (groups.size() == np.minimum(groups["rows"].first(), most)).all()


# Which of them are shown


def distinct() -> Case:
    """No row lies where another does, so that a place tells its row."""
    return case_of(numeric_table(2_000, 200), "mine")


def test_strategies_share_the_rows_that_are_shown() -> None:
    points = distinct().project(most=50).points

    def of(strategy: str, label: int, *kinds: str) -> set[tuple[float, float]]:
        mine = shown(points, strategy, *kinds)
        return set(map(tuple, places(mine[mine["label"] == label])))

    for label in (0, 1):
        originals = of("none", label, "kept")
        assert len(originals) == 50
        for strategy in STRATEGIES:
            assert originals <= of(strategy, label, "kept", "repeated", "removed")
        for strategy in ("smote", "adasyn", "random_over"):  # which leave every row in
            assert originals == of(strategy, label, "kept", "repeated")


def test_the_rows_that_come_first_are_a_smaller_sample() -> None:
    case = distinct()
    few, many = (case.project(most=most).points for most in (20, 50))
    first = many[many.groupby(["strategy", "kind", "label"]).cumcount() < 20]
    pd.testing.assert_frame_equal(first.reset_index(drop=True), few)


def test_what_is_shown_of_a_strategy_does_not_depend_on_the_others_or_on_the_order_of_rows(
    data: Case,
) -> None:
    points = data.project().points
    for strategy in ("smote_enn", "random_over"):
        alone = data._replace(results={strategy: data.results[strategy]})
        stirred = np.random.default_rng(0).permutation(data.fold.train)
        expected = points[points["strategy"] == strategy].reset_index(drop=True)
        for case in (alone, alone._replace(fold=data.fold._replace(train=stirred))):
            pd.testing.assert_frame_equal(case.project().points, expected)


def test_the_file_has_the_same_bytes_each_time_whatever_the_number_of_cores(
    data: Case, tmp_path: Path
) -> None:
    sums = set()
    for cores in (1, os.cpu_count() or 1):
        with threadpool_limits(cores):
            points = data.project().points
        files.write_csv(tmp_path / "rows.csv", points)
        sums.add(files.sha256(tmp_path / "rows.csv"))
    assert len(sums) == 1
    text = (tmp_path / "rows.csv").read_text()
    assert len(text) < 260_000
    assert not re.search(r",-0\.0,|nan|inf|\.\d{5}|,,", text)
    pd.testing.assert_frame_equal(files.read_csv(tmp_path / "rows.csv"), points, check_dtype=False)


def test_another_seed_shows_other_rows_at_the_same_places(data: Case) -> None:
    one, other = (data.project(seed).points for seed in (1, 2))
    assert not one.equals(other)
    assert_same(data.project(1, most=10**9), data.project(2, most=10**9), in_order=False)


def assert_same(one: Any, other: Any, *, in_order: bool = True) -> None:
    first, second = (
        side[0] if in_order else side[0].sort_values(ROWS).reset_index(drop=True)
        for side in (one, other)
    )
    pd.testing.assert_frame_equal(first, second)
    assert one[1] == pytest.approx(other[1])


def test_what_resampling_wrote_can_be_handed_in(tmp_path: Path) -> None:
    case = case_of(TABLES["mixed"](), "mine", ("random_over", "smote", "near_miss_1"))
    read = {}
    for key, result in case.results.items():
        resampling.write(tmp_path / key, [result], case.table)
        read[key] = resampling.read_rows(tmp_path / key, case.table)[result.repeat, result.fold]
    table, fold = case.table, case.fold
    assert_same(project(table.X, table.y, table.cardinalities, fold.train, read, 7), case.project())


# Odd tables


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_s_rows_have_places_whatever_the_columns(sampler: str, kind: str) -> None:
    table = TABLES[kind]()
    try:
        made = samplers.resample(sampler, Strategy(), table.X, table.y, table.cardinalities, 5)
    except NotApplicable:
        return
    points = whole(table.X, table.y, table.cardinalities, **{sampler: tuple(made)}).points
    assert np.isfinite(places(points)).all()
    assert points["times"].sum() == len(made.rows) + len(made.synthetic)


Y = (np.arange(60) % 5 == 0).astype(np.int8)
NORMAL = np.random.default_rng(0).normal(size=(60, 3))
ODD: dict[str, tuple[np.ndarray, tuple[float, float]]] = {
    "one feature": (NORMAL[:, :1], (1, 0)),
    "one feature three times": (NORMAL[:, [0, 0, 0]], (1, 0)),
    "constant features": (np.tile([3.7, -1e9, 0], (60, 1)), (0, 0)),
    "a constant feature beside one": (np.column_stack([np.full(60, 1 / 3), NORMAL[:, 0]]), (1, 0)),
    "a column without a value": (np.column_stack([np.full(60, np.nan), NORMAL[:, 0]]), (1, 0)),
    "no value at all": (np.full((60, 2), np.nan), (0, 0)),
    "numbers too large to be squared": (
        np.column_stack([NORMAL[:, 0], 1e250 * NORMAL[:, 1]]),
        (1, 0),
    ),
    "the largest numbers": (np.clip(NORMAL[:, :2], -1, 1) * 1.7e308, (0, 0)),
    "a number just below the mean": (
        np.r_[np.repeat([-1.0, 1.0], 29), -1e-6, 1e-6][:, None],
        (1, 0),
    ),
    "tiny numbers": (NORMAL[:, :1] * 1e-200, (1, 0)),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_features_give_a_place_to_every_row(name: str) -> None:
    X, expected = ODD[name]
    points, shares = whole(X, Y)
    if name == "tiny numbers":  # their squares are 0, so that they count as constant
        expected = (0, 0)
    assert shares == pytest.approx(expected)
    assert len(points) == 60
    assert np.isfinite(places(points)).all()
    assert not np.signbit(places(points)[places(points) == 0]).any(), "0 is written without a sign"
    for axis, share in zip(("x", "y"), shares, strict=True):
        assert (np.ptp(points[axis]) > 0) == (share > 0), (
            "along an axis without variance all lie at 0"
        )
        assert share or not points[axis].any()
    drawn = vega.svg(vega.spec(charts.training_rows(points, {s: s for s in STRATEGIES}, shares)))
    assert not re.search(r"NaN|Infinity", drawn)


def test_few_rows_and_one_class_have_places() -> None:
    for rows in (1, 2, 3):
        for label in (0, 1):
            points, shares = whole(NORMAL[:rows], np.full(rows, label, np.int8))
            assert len(points) == rows
            assert np.isfinite([*places(points).ravel(), *shares]).all()


def test_a_strategy_that_hands_on_nothing_is_left_out() -> None:
    nothing = np.zeros(0, np.int64), NORMAL[:0], Y[:0]
    points, _ = whole(NORMAL, Y, smote=nothing, none=(np.arange(60), NORMAL[:0], Y[:0]))
    assert set(points["strategy"]) == {"none"}
    points, shares = whole(NORMAL, Y, smote=nothing)
    assert points.empty and points.columns.tolist() == ROWS and shares[0] > 0
    assert points["x"].dtype == np.float64 and points["rows"].dtype == np.int64
    points, _ = project(NORMAL, Y, (0, 0, 0), np.arange(60), {}, 3)
    assert points.empty


def test_rows_that_are_all_made_show_what_they_replace() -> None:
    """Centres of clusters in place of both classes."""
    points, _ = whole(NORMAL, Y, centres=(np.zeros(0, np.int64), NORMAL[:4], Y[:4]))
    assert points["kind"].value_counts().to_dict() == {"removed": 60, "synthetic": 4}


def test_a_row_that_is_not_for_training_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="smote has rows that are not for training"):
        project(
            NORMAL, Y, (0, 0, 0), np.arange(30), {"smote": (np.arange(31), NORMAL[:0], Y[:0])}, 3
        )
