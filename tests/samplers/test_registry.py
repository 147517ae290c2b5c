"""What every registered sampler owes the pipeline, and what each hands back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imblearn.combine
import imblearn.over_sampling
import imblearn.under_sampling
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from counterpoise.core.config import SUBSAMPLE, Strategy
from counterpoise.core.errors import ConfigurationError
from counterpoise.data.encoder import sampling_encoder
from counterpoise.data.folds import Fold
from counterpoise.data.tables import Table
from counterpoise.engine import resampling
from counterpoise.engine.resampling import resample
from counterpoise.samplers import registry as samplers
from counterpoise.samplers.registry import SAMPLERS, Resampled
from tests.conftest import TABLES, categorical_table, mixed_table, numeric_table

CANNOT = {("kmeans_smote", "categories")}
"""Where there is nothing but categories, no cluster has more positives than negatives."""

CLEANING = {
    "tomek_links": "TomekLinks",
    "enn": "EditedNearestNeighbours",
    "renn": "RepeatedEditedNearestNeighbours",
    "all_knn": "AllKNN",
    "ncr": "NeighbourhoodCleaningRule",
    "cnn": "CondensedNearestNeighbour",
    "oss": "OneSidedSelection",
}


def run(key: str, table: Table, seed: int = 5, **strategy: Any) -> Resampled:
    return samplers.resample(key, Strategy(**strategy), table.X, table.y, table.cardinalities, seed)


def rows_of(made: Resampled, table: Table) -> tuple[np.ndarray, np.ndarray]:
    return np.vstack([table.X[made.rows], made.synthetic]), np.concatenate(
        [table.y[made.rows], made.synthetic_y]
    )


@pytest.fixture(
    params=[(s, k) for k in TABLES for s in SAMPLERS if (s, k) not in CANNOT],
    ids=lambda p: f"{p[0]}-{p[1]}",
)
def case(request: pytest.FixtureRequest) -> tuple[str, Table]:
    sampler, kind = request.param
    return sampler, TABLES[kind]()


# The contract of every sampler


def test_kept_rows_are_positions_of_the_given_rows(case: tuple[str, Table]) -> None:
    sampler, table = case
    made = run(sampler, table)
    assert made.rows.dtype == np.int64
    assert made.rows.min() >= 0
    assert made.rows.max() < len(table)


def test_new_rows_are_finite_in_the_units_of_the_table_and_have_valid_categories(
    case: tuple[str, Table],
) -> None:
    sampler, table = case
    made = run(sampler, table)
    assert made.synthetic.shape == (len(made.synthetic_y), table.X.shape[1])
    assert np.isfinite(made.synthetic).all()
    for k, size in enumerate(table.cardinalities):
        new, old = made.synthetic[:, k], table.X[:, k]
        if size:
            assert set(new) <= set(range(size))
        elif len(new):  # between rows that were there: never far outside of their range
            low, high = np.nanmin(old), np.nanmax(old)
            # which also extrapolates
            margin = high - low if sampler == "svm_smote" else 1e-9 * (high - low)
            assert low - margin <= new.min()
            assert new.max() <= high + margin


def test_both_classes_remain_and_the_classes_are_closer_than_before(
    case: tuple[str, Table],
) -> None:
    sampler, table = case
    _, y = rows_of(run(sampler, table), table)
    assert 0 < y.sum() < len(y)
    if sampler not in {*CLEANING, SUBSAMPLE}:
        assert abs(y.mean() - 0.5) < abs(table.y.mean() - 0.5)


def test_oversampling_keeps_every_row_and_undersampling_every_positive(
    case: tuple[str, Table],
) -> None:
    sampler, table = case
    rows = run(sampler, table).rows
    kept = table.y[rows]
    if SAMPLERS[sampler].make().__module__.startswith("imblearn.over_sampling"):
        assert np.unique(rows).tolist() == list(range(len(table)))
    elif sampler not in {"smote_tomek", "smote_enn", SUBSAMPLE}:
        assert kept.sum() == table.y.sum()
        assert (kept == 0).sum() <= (table.y == 0).sum()


def test_the_same_seed_gives_the_same_result_and_the_input_is_left_alone(
    case: tuple[str, Table],
) -> None:
    sampler, table = case
    before = table.X.copy(), table.y.copy()
    for one, other in zip(run(sampler, table), run(sampler, table), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(before[0], table.X)
    np.testing.assert_array_equal(before[1], table.y)


def test_a_remedy_differs_from_the_baseline(case: tuple[str, Table]) -> None:
    sampler, table = case
    made = run(sampler, table)
    same = np.array_equal(made.rows, np.arange(len(table))) and not len(made.synthetic)
    assert same == (sampler == "tomek_links" and all(table.cardinalities)), (
        "identical rows have no Tomek links"
    )


# Against imbalanced-learn's own output


def reference(sampler: str, seed: int, **params: Any) -> Any:
    """The sampler as imbalanced-learn's documentation has it, made without the registry."""
    over, under, combine = imblearn.over_sampling, imblearn.under_sampling, imblearn.combine
    classes = {
        "random_over": over.RandomOverSampler,
        "smote": over.SMOTE,
        "borderline_smote": over.BorderlineSMOTE,
        "svm_smote": over.SVMSMOTE,
        "kmeans_smote": over.KMeansSMOTE,
        "adasyn": over.ADASYN,
        "random_under": under.RandomUnderSampler,
        "cluster_centroids": under.ClusterCentroids,
        "smote_tomek": combine.SMOTETomek,
        "smote_enn": combine.SMOTEENN,
    }
    if sampler.startswith("near_miss"):
        return under.NearMiss(version=int(sampler[-1]), **params)
    if sampler in CLEANING:
        drawn = {"random_state": seed} if sampler in {"cnn", "oss"} else {}
        return getattr(under, CLEANING[sampler])(**drawn, **params)
    return classes[sampler](random_state=seed, **params)


def in_order(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    whole = np.column_stack([X, y])
    return whole[np.lexsort(np.round(whole, 9).T)]


def test_a_subsample_has_the_share_of_each_class_and_other_rows_with_another_seed() -> None:
    table = numeric_table()
    strategy = Strategy(params={"share": 0.25})
    rows = [
        samplers.resample(SUBSAMPLE, strategy, table.X, table.y, table.cardinalities, seed).rows
        for seed in (1, 2)
    ]
    for mine in rows:
        counts = np.bincount(table.y[mine])
        np.testing.assert_allclose(counts, np.bincount(table.y) / 4, atol=1)
        assert (np.diff(mine) > 0).all()
    assert not np.array_equal(*rows)


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != SUBSAMPLE])
def test_on_numbers_a_sampler_gives_what_imbalanced_learn_gives_on_scaled_features(
    sampler: str,
) -> None:
    table = numeric_table()
    scaler = StandardScaler().fit(table.X)
    Z, y = reference(sampler, 5).fit_resample(scaler.transform(table.X), table.y)
    expected = in_order(scaler.inverse_transform(Z), y)
    np.testing.assert_allclose(
        in_order(*rows_of(run(sampler, table), table)), expected, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize(
    "sampler", ["random_over", "smote", "adasyn", "random_under", "near_miss_1", "smote_enn"]
)
def test_without_scaling_it_gives_what_imbalanced_learn_gives_on_the_table_itself(
    sampler: str,
) -> None:
    table = numeric_table()
    X, y = reference(sampler, 5).fit_resample(table.X, table.y)
    made = run(sampler, table, scale=False)
    np.testing.assert_allclose(in_order(*rows_of(made, table)), in_order(X, y), rtol=1e-12)
    if sampler in {"near_miss_1", "smote"}:  # distances: the scale of a column matters
        scaled = rows_of(run(sampler, table), table)[0]
        assert not np.array_equal(scaled, rows_of(made, table)[0])


@pytest.mark.parametrize("sampler", ["random_over", "random_under"])
def test_rows_are_drawn_in_the_order_of_imbalanced_learn(sampler: str) -> None:
    """A published result with a random forest depends on the order of the rows, not on their set
    alone."""
    table = numeric_table()
    X, y = reference(sampler, 5).fit_resample(table.X, table.y)
    here = rows_of(run(sampler, table), table)
    np.testing.assert_array_equal(here[0], X)
    np.testing.assert_array_equal(here[1], y)


def test_parameters_and_ratio_reach_imbalanced_learn() -> None:
    table = numeric_table()
    X, y = reference("smote", 9, k_neighbors=2, sampling_strategy=0.5).fit_resample(
        table.X, table.y
    )
    made = run(
        "mine",
        table,
        sampler="smote",
        ratio=0.5,
        scale=False,
        params={"k_neighbors": 2, "random_state": 9},
    )
    np.testing.assert_allclose(in_order(*rows_of(made, table)), in_order(X, y), rtol=1e-12)
    assert len(made.synthetic) == 0.5 * 210 - 30


def test_parameters_of_a_combined_sampler_are_mappings_and_the_ratio_still_holds() -> None:
    table = numeric_table()
    params = {"smote": {"k_neighbors": 2}, "tomek": {"sampling_strategy": "majority"}}
    made = run("smote_tomek", table, ratio=0.5, params=params)
    _, y = rows_of(made, table)
    assert y.sum() == 105  # half of the 210 negatives; cleaning the majority leaves them all
    assert (y == 0).sum() <= 210
    with pytest.raises(ConfigurationError, match="SMOTE takes no parameter 'neighbors' here"):
        run("smote_tomek", table, params={"smote": {"neighbors": 2}})


def test_mixed_data_is_what_smotenc_makes_of_it() -> None:
    table = mixed_table()
    encoder = sampling_encoder(table.cardinalities, "codes").fit(table.X)
    codes = encoder.transform(table.X)
    smotenc = imblearn.over_sampling.SMOTENC(categorical_features=[2, 3, 4], random_state=5)
    Z, _ = smotenc.fit_resample(codes, table.y)
    made = run("smote", table)
    np.testing.assert_allclose(made.synthetic, encoder.inverse_transform(Z[240:]), rtol=1e-9)
    np.testing.assert_array_equal(made.rows, np.arange(240))


@pytest.mark.parametrize("sampler", ["smote", "adasyn", "smote_tomek", "cluster_centroids"])
@pytest.mark.parametrize("few", [True, False])
def test_new_rows_have_labels_of_the_training_rows(sampler: str, few: bool) -> None:
    """A category with many labels is one number to samplers, and leads back to a label."""
    random, mixed = np.random.default_rng(0), mixed_table()
    codes = random.integers(0, 80, len(mixed)) * 2.0
    columns = [mixed.X[:, 0], codes, *([mixed.X[:, 1]] if few else [])]
    names = {"many": tuple(map(str, range(160)))}
    if few:
        names["region"] = mixed.categories[mixed.features[1]]
    features = ("x", "many", "region")[: len(columns)]
    made = run(sampler, Table(features, np.column_stack(columns), mixed.y, names))
    assert len(made.synthetic)
    assert set(made.synthetic[:, 1]) <= set(codes)
    if few:
        assert set(made.synthetic[:, 2]) <= set(range(len(names["region"])))


def test_all_categorical_data_is_what_smoten_makes_of_it() -> None:
    table = categorical_table()
    X, _ = imblearn.over_sampling.SMOTEN(random_state=5).fit_resample(table.X, table.y)
    np.testing.assert_array_equal(run("smote", table).synthetic, X[240:])


@pytest.mark.parametrize("sampler", ["random_over", "random_under", "near_miss_1", "enn"])
def test_a_row_that_is_kept_keeps_its_missing_values(sampler: str) -> None:
    table = mixed_table()
    made = run(sampler, table)
    assert not len(made.synthetic)
    assert np.isnan(table.X[made.rows]).any()


def test_random_over_with_shrinkage_makes_new_rows_near_the_repeated_ones() -> None:
    table = numeric_table()
    made = run("random_over", table, params={"shrinkage": 0.3})
    assert made.rows.tolist() == list(range(240))
    assert len(made.synthetic) == 180
    assert not {tuple(row) for row in made.synthetic} & {tuple(row) for row in table.X}


def test_a_feature_without_any_value_does_not_stop_a_sampler() -> None:
    table = numeric_table()
    X = np.column_stack([table.X, np.full(240, np.nan)])
    made = samplers.resample("smote", Strategy(), X, table.y, (0, 0, 0, 0), 5)
    np.testing.assert_allclose(made.synthetic[:, :3], run("smote", table).synthetic)
    assert np.isfinite(made.synthetic).all()


# What cannot run


def apart(positives: int) -> Table:
    """Positives far away from all negatives."""
    table = numeric_table(100, positives)
    return Table(table.features, table.X + 1e6 * table.y[:, None], table.y)


def without_difference() -> Table:
    """Two categories that say nothing of the class."""
    table = categorical_table(300, 30)
    categories = {name: table.categories[name] for name in table.features[::2]}
    return Table(table.features[::2], table.X[:, ::2], table.y, categories)


@pytest.mark.parametrize(
    ("sampler", "table", "strategy", "reason"),
    [
        (
            "smote",
            numeric_table(100, 3),
            {},
            (
                "SMOTE: Expected n_neighbors <= n_samples_fit, but n_neighbors = 6, "
                "n_samples_fit = 3, n_samples = 3"
            ),
        ),
        ("adasyn", apart(20), {}, "ADASYN: Not any neigbours belong to the majority class."),
        (
            "kmeans_smote",
            numeric_table(100, 4),
            {},
            "KMeansSMOTE: No clusters found with sufficient samples of class 1.",
        ),
        (
            "smote",
            numeric_table(),
            {"ratio": 0.05},
            (
                "SMOTE: The specified ratio required to remove samples from the "
                "minority class while trying to generate new samples."
            ),
        ),
        (
            "random_under",
            numeric_table(),
            {"ratio": 0.05},
            (
                "RandomUnderSampler: The specified ratio required to generate "
                "new sample in the majority class"
            ),
        ),
        (
            "kmeans_smote",
            categorical_table(),
            {},
            "KMeansSMOTE: No clusters found with sufficient samples of class 1.",
        ),
        (
            "cluster_centroids",
            without_difference(),
            {},
            (
                "ClusterCentroids: Number of distinct clusters (18) found smaller "
                "than n_clusters (30)."
            ),
        ),
        ("smote_enn", without_difference(), {}, "SMOTEENN leaves no"),
        (
            "smote",
            mixed_table(100, 3),
            {},
            "SMOTENC: Expected n_neighbors <= n_samples_fit, but n_neighbors = 6",
        ),
        (
            "smote",
            categorical_table(100, 3),
            {},
            "SMOTEN: Expected n_neighbors <= n_samples_fit, but n_neighbors = 6",
        ),
    ],
)
def test_a_refusal_is_a_result_with_the_reason(
    sampler: str, table: Table, strategy: dict, reason: str
) -> None:
    rows = np.arange(len(table))
    result = resample(table, Fold(0, 1, rows, rows[:0], rows[:0]), sampler, Strategy(**strategy), 5)
    assert (result.status, result.resampled) == ("not_applicable", None)
    assert result.reason.startswith(reason)
    counts = result.counts(table.y)
    assert (counts["positives_before"], counts["positives_after"], counts["synthetic"]) == (
        table.y.sum(),
        None,
        None,
    )


def test_running_out_of_memory_is_a_failure_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hungry(*_: object) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(NearestNeighbors, "fit", hungry)
    table, rows = numeric_table(), np.arange(240)
    result = resample(table, Fold(0, 0, rows, rows[:0], rows[:0]), "smote", Strategy(), 5)
    assert (result.status, result.reason) == ("failed", "out of memory: Unable to allocate 9 TiB")


# params.yaml


@pytest.mark.parametrize(
    ("key", "strategy", "what", "expected"),
    [
        (
            "smot",
            {},
            "There is no sampler 'smot' (did you mean 'smote'?).",
            "one of: none, random_over, smote, ",
        ),
        (
            "mine",
            {"sampler": "SMOTE"},
            "There is no sampler 'SMOTE'.",
            "one of: none, random_over, smote, ",
        ),
        (
            "smote",
            {"params": {"k_neighbours": 3}},
            "SMOTE takes no parameter 'k_neighbours' here (did you mean 'k_neighbors'?).",
            "imbalanced-learn's own: sampling_strategy, random_state, k_neighbors",
        ),
        (
            "near_miss_1",
            {"params": {"version": 2}},
            "NearMiss takes no parameter 'version' here.",
            "imbalanced-learn's own: sampling_strategy, n_neighbors, n_neighbors_ver3, n_jobs",
        ),
        (
            "smote",
            {"params": {"k_neighbors": -1}},
            "A sampler's parameter has a wrong value.",
            None,
        ),
        ("tomek_links", {"ratio": 0.5}, "This sampler has no target ratio.", "no `ratio`"),
        ("none", {"ratio": 0.5}, "The baseline takes no ratio.", "none: {}"),
        (
            "nothing",
            {"sampler": "none", "params": {"a": 1}},
            "The baseline takes no params.",
            "nothing: {}",
        ),
    ],
)
def test_a_mistake_in_a_strategy_is_an_error(
    key: str, strategy: dict, what: str, expected: str | None
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        samplers.make(key, Strategy(**strategy), 0)
    error = caught.value
    assert error.what == what
    assert str(error.where).startswith(f"params.yaml: strategies.{key}")
    assert error.expected is None if expected is None else str(error.expected).startswith(expected)


# On disk and in space


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("sampler", ["none", "random_over", "smote", "cluster_centroids"])
def test_what_a_strategy_made_survives_being_written(
    sampler: str, kind: str, tmp_path: Path
) -> None:
    table = TABLES[kind]()
    halves = np.arange(0, 240, 2), np.arange(1, 240, 2)
    folds = [Fold(0, k, rows, rows[:0], rows[:0]) for k, rows in enumerate(halves)]
    results = [resample(table, fold, sampler, Strategy(), 5) for fold in folds]
    resampling.write(tmp_path, results, table)
    counts, made = resampling.read_counts(tmp_path), resampling.read_rows(tmp_path, table)
    for result, count in zip(results, counts, strict=True):
        assert (count["status"], count["fold"]) == (result.status, result.fold)
        if result.resampled is None:
            continue
        for one, other in zip(result.resampled, made[0, result.fold], strict=True):
            np.testing.assert_array_equal(one, other)
        _, y = rows_of(result.resampled, table)
        assert (count["negatives_after"], count["positives_after"]) == ((y == 0).sum(), y.sum())
        assert set(result.resampled.rows) <= set(halves[result.fold])
    assert any(result.resampled is not None for result in results) or (sampler, kind) in CANNOT


def test_a_strategy_that_keeps_no_original_row_is_read_back_too(tmp_path: Path) -> None:
    table = numeric_table()
    rows = np.arange(240)
    everything = Strategy(sampler="cluster_centroids", params={"sampling_strategy": "all"})
    result = resample(table, Fold(0, 0, rows, rows[:0], rows[:0]), "centroids", everything, 5)
    assert result.resampled is not None and len(result.resampled.rows) == 0
    resampling.write(tmp_path, [result], table)
    for one, other in zip(
        result.resampled, resampling.read_rows(tmp_path, table)[0, 0], strict=True
    ):
        np.testing.assert_array_equal(one, other)
