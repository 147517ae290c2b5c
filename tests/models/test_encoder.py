"""The encoder: what it makes of numbers and categories, and how it works with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from counterpoise.models.encoder import Encoder
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
    """`split.validation: 0` gives a validation slice without rows."""
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
