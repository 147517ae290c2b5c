"""The encoder: what it makes of numbers and categories, and how it works with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder

from counterpoise.data.encoder import CROSS_FITTING_FOLDS, SMOOTHING, Encoder, sampling_encoder
from tests.conftest import mixed_table


def test_numbers_are_imputed_and_scaled_by_what_the_training_rows_say() -> None:
    nan = float("nan")
    encoder = Encoder((0, 0), scale=True).fit(np.array([[1.0, 5], [3, 5], [nan, 5], [5, 5]]))
    deviation = np.std([1, 3, 3, 5])
    X = encoder.transform(np.array([[3.0, 5], [nan, nan], [3 + deviation, 7]]))
    # a constant column is moved, not divided by nothing
    np.testing.assert_allclose(X, [[0, 0], [0, 0], [1, 2]])


@pytest.mark.parametrize("scale", [False, True, "power"])
@pytest.mark.parametrize("cardinalities", [(0, 0), (2, 0), (2, 2)])
def test_a_table_without_rows_or_without_numbers_is_encoded_too(
    scale: Any, cardinalities: tuple[int, ...]
) -> None:
    """`split.validation: 0` gives no validation rows."""
    X = np.tile([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], (4, 1))
    encoder = Encoder(cardinalities, scale=scale).fit(X)
    assert encoder.transform(X[:0]).shape == (0, len(encoder.is_category))
    assert np.isfinite(encoder.transform(X)).all()


def test_categories_become_indicators_all_zero_where_missing_or_codes_that_are_marked() -> None:
    X = np.array([[2.0, 10], [np.nan, 20]])
    indicators = Encoder((3, 0)).fit(X)
    np.testing.assert_array_equal(indicators.transform(X), [[10, 0, 0, 1], [20, 0, 0, 0]])
    assert indicators.is_category == [False] * 4
    codes = Encoder((3, 0), "codes", impute=False).fit(X)
    np.testing.assert_array_equal(codes.transform(X), [[10, 2], [20, np.nan]])
    assert codes.is_category == [False, True]


def test_it_works_in_a_pipeline_and_is_cloned_by_its_parameters() -> None:
    table = mixed_table()
    encoder = Encoder(table.cardinalities, scale=True)
    pipeline = make_pipeline(encoder, LogisticRegression(max_iter=500)).fit(table.X, table.y)
    by_hand = LogisticRegression(max_iter=500).fit(encoder.fit_transform(table.X), table.y)
    np.testing.assert_allclose(pipeline[-1].coef_, by_hand.coef_)
    assert clone(encoder).get_params() == encoder.get_params()


@pytest.mark.parametrize("categories", ["codes", "indicators"])
@pytest.mark.parametrize("scale", [True, "power"])
def test_encoded_rows_lead_back_to_the_units_of_the_table(categories: Any, scale: Any) -> None:
    table = mixed_table()
    encoder = Encoder(table.cardinalities, categories, scale=scale, impute_categories=True)
    encoded = encoder.fit_transform(table.X)
    numbers = len(encoder.numeric)
    np.testing.assert_allclose(encoded[:, :numbers].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(encoded[:, :numbers].std(axis=0), 1)
    back, known = encoder.inverse_transform(encoded), ~np.isnan(table.X)
    np.testing.assert_allclose(back[known], table.X[known])
    missing = ~known[:, 0]
    np.testing.assert_allclose(back[missing, 0], np.nanmedian(table.X[:, 0]))
    labels = table.X[:, encoder.categorical[0]]
    most = np.bincount(labels[~np.isnan(labels)].astype(int)).argmax()
    np.testing.assert_array_equal(back[np.isnan(labels), encoder.categorical[0]], most)


def test_codes_become_the_indicators_that_the_same_rows_have() -> None:
    table = mixed_table()
    codes = sampling_encoder(table.cardinalities, "codes").fit(table.X)
    indicators = sampling_encoder(table.cardinalities).fit_transform(table.X)
    np.testing.assert_array_equal(codes.indicators_of(codes.transform(table.X)), indicators)


def test_rows_that_differ_in_one_category_are_as_far_apart_as_by_one_standard_deviation() -> None:
    one, other, third = sampling_encoder((3,)).fit_transform(np.array([[0.0], [1], [2]]))
    assert np.linalg.norm(one - other) == pytest.approx(1)
    assert np.linalg.norm(one - third) == pytest.approx(1)


def test_a_value_missing_only_in_new_rows_becomes_the_median_of_the_training_rows() -> None:
    encoder = Encoder((0,)).fit(np.array([[1.0], [5.0], [9.0]]))
    assert encoder.transform(np.array([[np.nan]])) == 5.0


def test_some_rows_of_a_table_are_encoded_as_if_they_were_alone() -> None:
    table = mixed_table()
    rows = np.arange(3, len(table), 2)
    among = Encoder(table.cardinalities, scale=True).fit(table.X, rows=rows)
    alone = Encoder(table.cardinalities, scale=True).fit(table.X[rows])
    np.testing.assert_array_equal(
        among.transform(table.X, rows=rows), alone.transform(table.X[rows])
    )


def many_labels(rows: int = 4000, labels: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """One column of labels, some missing, of which the first ones have more positives."""
    random = np.random.default_rng(0)
    codes = np.minimum(random.geometric(0.02, rows) - 1, labels - 1).astype(float)
    y = (random.random(rows) < np.where(codes < 30, 0.3, 0.05)).astype(np.int8)
    codes[::50] = np.nan
    return codes[:, None], y


def test_many_labels_become_the_shares_that_scikit_learn_finds() -> None:
    X, y = many_labels()
    encoder = Encoder((200,)).fit(X, y)
    theirs = TargetEncoder(smooth=float(SMOOTHING), target_type="binary")
    np.testing.assert_allclose(encoder.transform(X), theirs.fit(X, y).transform(X))
    fitted = encoder.transform(X, folds=encoder.folds_)
    for fold in range(CROSS_FITTING_FOLDS):
        inside = encoder.folds_ == fold
        assert y[inside].mean() == pytest.approx(y.mean(), abs=0.01)
        theirs.fit(X[~inside], y[~inside])
        np.testing.assert_allclose(fitted[inside], theirs.transform(X[inside]))


def test_labels_of_few_rows_do_not_give_away_the_class_of_training_rows() -> None:
    random = np.random.default_rng(0)
    X = random.permutation(np.arange(4000) // 2).astype(float)[:, None]
    y = (random.random(4000) < 0.1).astype(np.int8)
    encoder = Encoder((2000,))
    fitted = encoder.fit_transform(X, y)[:, 0]
    assert abs(np.corrcoef(fitted, y)[0, 1]) < 0.05
    assert np.corrcoef(encoder.transform(X)[:, 0], y)[0, 1] > 0.5


def test_a_label_that_was_not_in_the_training_rows_has_the_overall_share() -> None:
    X, y = many_labels()
    known = ~np.isnan(X[:, 0]) & (X[:, 0] != 7)
    encoder = Encoder((200,)).fit(X, y[known], rows=np.flatnonzero(known))
    np.testing.assert_allclose(encoder.transform(np.array([[7.0], [np.nan]])), y[known].mean())


def test_a_share_leads_back_to_a_label_of_the_training_rows_that_has_it() -> None:
    X, y = many_labels()
    encoder = sampling_encoder((200, 0))
    table = np.column_stack([X, np.arange(len(X))])
    encoded = encoder.fit(table, y).transform(table)
    back = encoder.inverse_transform(encoded)
    np.testing.assert_allclose(encoder.transform(back), encoded, atol=1e-9)
    assert set(back[:, 0][~np.isnan(back[:, 0])]) <= set(X[~np.isnan(X)])
    np.testing.assert_allclose(back[:, 1], table[:, 1])


def test_many_labels_need_the_target() -> None:
    with pytest.raises(ValueError, match="labels of the target"):
        Encoder((200,)).fit(many_labels()[0])
