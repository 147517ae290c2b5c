"""Weights of rows from classes and from cost_margins: what they sum to, and that nothing is counted
twice."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight

from counterpoise.core.errors import NotApplicable
from counterpoise.models.class_weights import (
    check_class_weight,
    class_weights,
    cost_weights,
    threshold,
    weight_ratio,
)

# Weights of classes


@given(st.integers(1, 500), st.integers(1, 500))
def test_balanced_weights_are_scikit_learns_and_weigh_both_classes_the_same_in_sum(
    negatives: int, positives: int
) -> None:
    y = np.repeat(np.array([0, 1], np.int8), [negatives, positives])
    negative, positive = class_weights("balanced", y)
    np.testing.assert_allclose(
        [negative, positive], compute_class_weight("balanced", classes=np.array([0, 1]), y=y)
    )
    assert negatives * negative == pytest.approx(positives * positive)
    assert negatives * negative + positives * positive == pytest.approx(len(y))


def test_no_weights_and_weights_that_are_given() -> None:
    y = np.array([0, 0, 1], np.int8)
    assert class_weights(None, y) == (1, 1)
    assert class_weights({1: 5, 0: 0.5}, y) == (0.5, 5)
    assert class_weights("balanced", np.array([0, 1], np.int8)) == (1, 1)  # balanced already


def test_balanced_weights_of_a_single_class_are_an_error() -> None:
    with pytest.raises(
        ValueError,
        match=r"^class_weight 'balanced' needs rows of both classes; found 3 negatives and 0",
    ):
        class_weights("balanced", np.zeros(3, np.int8))


@pytest.mark.parametrize("value", [None, "balanced", {0: 1, 1: 10}, {1: 2.5, 0: np.float64(0.5)}])
def test_what_a_class_weight_may_be(value: Any) -> None:
    check_class_weight(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("even", "found 'even'"),
        (3, "found 3"),
        ([1, 2], r"found \[1, 2\]"),
        ({0: 1}, r"found the keys \[0\]"),
        ({0: 1, 1: 2, 2: 3}, r"found the keys \[0, 1, 2\]"),
        ({"0": 1, "1": 2}, r"found the keys \['0', '1'\]"),
        ({False: 1, True: 2}, r"found the keys \[False, True\]"),
        ({0: 1, 1: 0}, r"both from 1e-09 to 1e\+09; found 0 for class 1"),
        ({0: 1e-300, 1: 1}, r"both from 1e-09 to 1e\+09; found 1e-300 for class 0"),
        ({0: 1, 1: 1e30}, r"found 1e\+30 for class 1"),
        ({0: -1, 1: 1}, "found -1 for class 0"),
        ({0: 1, 1: math.inf}, "found inf for class 1"),
        ({0: 1, 1: math.nan}, "found nan for class 1"),
        ({0: 1, 1: "2"}, "found '2' for class 1"),
        ({0: True, 1: 1}, "found True for class 0"),
    ],
)
def test_an_invalid_class_weight_is_an_error(value: Any, found: str) -> None:
    with pytest.raises(ValueError, match=r"^class_weight must be None .*" + found + "$"):
        check_class_weight(value)


# Thresholds

cost = st.floats(0, 1e6)
of_rows = st.lists(st.tuples(cost, cost), min_size=1, max_size=20).map(np.array)


@given(of_rows, st.floats(0, 1))
def test_at_the_threshold_both_decisions_cost_the_same_and_above_it_a_positive_costs_less(
    cost_margins: np.ndarray, p: float
) -> None:
    least = threshold(cost_margins)
    alarm, miss = cost_margins.T
    assert ((least >= 0) & (least <= 1)).all()
    rounding = 1e-12 * (alarm + miss) + 1e-300  # subnormal numbers have few digits
    assert (np.abs((1 - least) * alarm - least * miss) <= rounding).all()
    cheaper = (1 - p) * alarm < p * miss - rounding
    assert (p >= least)[cheaper].all()


def test_thresholds_by_hand() -> None:
    cost_margins = np.array([[1, 1], [1, 19], [5, 0], [0, 5], [0, 0], [1e308, 1e308]])
    np.testing.assert_allclose(threshold(cost_margins), [0.5, 0.05, 1, 0, 0.5, 0.5])


@given(of_rows, st.floats(1e-3, 1e3))
def test_the_unit_of_the_costs_changes_no_threshold(cost_margins: np.ndarray, unit: float) -> None:
    cost_margins = np.round(cost_margins, 3)
    np.testing.assert_allclose(threshold(cost_margins * unit), threshold(cost_margins), rtol=1e-9)


@pytest.mark.parametrize(
    ("cost_margins", "message"),
    [
        (
            [[1.0, 2.0], [1.0, -3.0]],
            r"found 1 more for a false positive and -3 more for a false negative in row 1, and 1 ",
        ),
        (
            [[math.nan, 2.0], [1.0, math.inf]],
            r"found nan more for a false positive .* in row 0, and 2 such rows of 2$",
        ),
        (
            [[1.0, 2.0, 3.0]],
            r"^cost_margins must have two columns, one for each class; found the shape \(1, 3\)$",
        ),
        ([1.0, 2.0], r"found the shape \(2,\)$"),
    ],
)
def test_invalid_misclassification_costs_are_an_error(
    cost_margins: list[Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        threshold(np.array(cost_margins))


# Weights of rows


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels of both classes, and cost_margins above 0."""
    y = np.array([0, 1, *draw(st.lists(st.integers(0, 1), max_size=30))], np.int8)
    some = st.floats(0.01, 1e4)
    cost_margins = draw(st.lists(st.tuples(some, some), min_size=len(y), max_size=len(y)))
    return y, np.array(cost_margins)


def totals(y: np.ndarray, weights: np.ndarray) -> float:
    return float(weights[y == 1].sum() / weights[y == 0].sum())


def own(y: np.ndarray, cost_margins: np.ndarray) -> np.ndarray:
    return np.where(y == 1, cost_margins[:, 1], cost_margins[:, 0])


@given(tables())
def test_without_resampling_a_row_weighs_as_much_more_as_more_is_at_stake_in_it(
    table: tuple[np.ndarray, np.ndarray],
) -> None:
    y, cost_margins = table
    weights = cost_weights(y, cost_margins, y, cost_margins)
    np.testing.assert_allclose(
        weights, own(y, cost_margins) / own(y, cost_margins).mean(), rtol=1e-9
    )
    assert weights.mean() == pytest.approx(1)


@given(tables(), st.integers(2, 12))
def test_repeating_all_positives_changes_nothing_in_what_the_classes_weigh(
    table: tuple[np.ndarray, np.ndarray], times: int
) -> None:
    y, cost_margins = table
    again = np.concatenate([np.flatnonzero(y == 0), np.tile(np.flatnonzero(y == 1), times)])
    plain, repeated = (
        cost_weights(y, cost_margins, y, cost_margins),
        cost_weights(y[again], cost_margins[again], y, cost_margins),
    )
    assert totals(y[again], repeated) == pytest.approx(totals(y, plain))
    assert repeated.mean() == pytest.approx(1)
    # each of the copies has its share of the weight, and rows of a class keep their proportions
    first, copy = (
        repeated[y[again] == 1][: (y == 1).sum()],
        repeated[y[again] == 1][-(y == 1).sum() :],
    )
    np.testing.assert_allclose(first, copy)
    np.testing.assert_allclose(
        first * times / first.sum(), plain[y == 1] * times / plain[y == 1].sum()
    )


@given(tables(), st.integers(1, 8))
def test_taking_negatives_away_gives_their_weight_to_those_that_stay(
    table: tuple[np.ndarray, np.ndarray], kept: int
) -> None:
    y, cost_margins = table
    stay = np.concatenate([np.flatnonzero(y == 0)[:kept], np.flatnonzero(y == 1)])
    assert totals(
        y[stay], cost_weights(y[stay], cost_margins[stay], y, cost_margins)
    ) == pytest.approx(totals(y, cost_weights(y, cost_margins, y, cost_margins)))


@given(tables(), st.floats(0.001, 1000))
def test_the_unit_of_the_costs_changes_no_weight(
    table: tuple[np.ndarray, np.ndarray], unit: float
) -> None:
    y, cost_margins = table
    np.testing.assert_allclose(
        cost_weights(y, cost_margins * unit, y, cost_margins * unit),
        cost_weights(y, cost_margins, y, cost_margins),
        rtol=1e-9,
    )


def test_synthetic_rows_share_what_their_class_has_at_stake() -> None:
    natural_y, natural = np.array([0, 0, 1], np.int8), np.array([[1.0, 9], [3.0, 9], [9, 12.0]])
    y = np.array([0, 0, 1, 1], np.int8)
    cost_margins = np.vstack([natural, [[9.0, 12.0]]])  # one synthetic positive
    weights = cost_weights(y, cost_margins, natural_y, natural)
    np.testing.assert_allclose(weights, np.array([1, 3, 6, 6]) / 4)


def test_the_same_stakes_in_every_row_are_class_weights_and_move_the_log_odds_by_their_ratio() -> (
    None
):
    random = np.random.default_rng(0)
    y = (random.random(2000) < 0.2).astype(np.int8)
    X = random.normal(size=(2000, 1)) + y[:, None]
    cost_margins = np.tile([1.0, 7.0], (2000, 1))
    weights = cost_weights(y, cost_margins, y, cost_margins)
    assert weight_ratio(y, weights) == pytest.approx(7)
    plain = LogisticRegression(C=np.inf).fit(X, y)
    weighed = LogisticRegression(C=np.inf).fit(X, y, sample_weight=weights)
    # deciding at one half with weights is deciding at the threshold of the costs without
    moved = weighed.decision_function(X) - np.log(weight_ratio(y, weights))
    assert np.abs(moved - plain.decision_function(X)).max() < 0.3
    same = (weighed.predict_proba(X)[:, 1] >= 0.5) == (
        plain.predict_proba(X)[:, 1] >= threshold(cost_margins)
    )
    assert same.mean() > 0.98


@pytest.mark.parametrize(
    ("cost_margins", "message"),
    [
        (
            [[1, 0], [1, 0], [1, 0]],
            (
                r"^misclassifying the positive rows costs nothing: 0 in the 1 fitted on, 0 in the 1"
                r" natural ones; they would have no w"
            ),
        ),
        (
            [[0, 1], [0, 1], [5, 1]],
            r"^misclassifying the negative rows costs nothing: 0 in the 2 fitted on, 0 in the 2",
        ),
    ],
)
def test_a_class_without_misclassification_costs_is_not_applicable(
    cost_margins: list[Any], message: str
) -> None:
    y = np.array([0, 0, 1], np.int8)
    with pytest.raises(NotApplicable, match=message):
        cost_weights(y, np.array(cost_margins, float), y, np.array(cost_margins, float))


# The ratio


@given(tables(), st.floats(0.01, 100), st.floats(0.01, 100))
def test_the_ratio_of_class_weights_is_that_of_their_means(
    table: tuple[np.ndarray, np.ndarray], negative: float, positive: float
) -> None:
    y, _ = table
    assert weight_ratio(y, np.where(y == 1, positive, negative)) == pytest.approx(
        positive / negative
    )


def test_a_ratio_needs_weight_in_both_classes() -> None:
    with pytest.raises(ValueError, match=r"the 2 negatives weigh 2 in sum and the 1 positives 0$"):
        weight_ratio(np.array([0, 0, 1], np.int8), np.array([1.0, 1, 0]))
