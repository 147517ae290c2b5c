"""Threshold rules, held against trying every threshold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
)

from counterpoise.core.config import Thresholds
from counterpoise.evaluation import corrections, thresholds
from counterpoise.evaluation.costs import CostMatrix
from counterpoise.evaluation.decisions import RULES, decide
from counterpoise.evaluation.fold_scores import FoldScores
from counterpoise.evaluation.thresholds import Confusion

METRICS = ("f1", "mcc", "g_mean", "balanced_accuracy")


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows = draw(st.integers(0, 30))
    y = np.array([0, 1, *draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows))], np.int8)
    scores = draw(
        st.lists(st.integers(0, 10).map(lambda k: k / 10), min_size=rows + 2, max_size=rows + 2)
    )
    return y, np.array(scores)


def value_at(y: np.ndarray, scores: np.ndarray, threshold: float, metric: str) -> float:
    return float(thresholds.rates(thresholds.confusion(y, scores >= threshold))[metric])


@pytest.mark.parametrize("metric", METRICS)
@given(data=scored())
def test_the_tuned_threshold_is_the_best_of_all_and_of_several_the_highest(
    metric: str, data: Any
) -> None:
    y, scores = data
    chosen = thresholds.tuned(y, scores, metric)
    values = {float(t): value_at(y, scores, t, metric) for t in np.unique(scores)}
    best = max((value for value in values.values() if not math.isnan(value)), default=math.nan)
    if math.isnan(best):
        assert chosen == max(values)
    else:
        assert chosen == max(t for t, value in values.items() if value == best)


@given(data=scored(), threshold=st.floats(-0.1, 1.1))
def test_counts_and_rates_are_those_of_scikit_learn(data: Any, threshold: float) -> None:
    y, scores = data
    predicted = (scores >= threshold).astype(int)
    counts = thresholds.confusion(y, scores >= threshold)
    assert list(counts) == confusion_matrix(y, predicted, labels=[0, 1]).ravel().tolist()
    rates = thresholds.rates(counts)
    assert rates["recall"] == pytest.approx(recall_score(y, predicted))
    assert rates["specificity"] == pytest.approx(recall_score(y, predicted, pos_label=0))
    assert rates["accuracy"] == pytest.approx(accuracy_score(y, predicted))
    assert rates["accuracy_of_no_positives"] == pytest.approx(accuracy_score(y, np.zeros_like(y)))
    assert rates["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, predicted))
    assert rates["f1"] == pytest.approx(f1_score(y, predicted))
    assert rates["g_mean"] == pytest.approx(
        math.sqrt(float(rates["recall"] * rates["specificity"]))
    )
    if predicted.any():
        assert rates["precision"] == pytest.approx(precision_score(y, predicted))
    else:
        assert np.isnan(rates["precision"])
    if 0 < predicted.sum() < len(y):
        assert rates["mcc"] == pytest.approx(matthews_corrcoef(y, predicted))
    else:
        assert np.isnan(rates["mcc"])


def test_a_score_equal_to_the_threshold_is_predicted_positive() -> None:
    rows, scores = np.arange(2), np.array([0.5, 0.4])
    fold = FoldScores(rows, scores, rows, scores, corrections.log_odds(scores))
    y, costs = np.array([1, 0], np.int8), matrix_of(2, 1, 1, 0, 0)
    for rule in RULES:
        assert decide(rule, Thresholds(), y, fold, costs)[0].tolist() == [True, False], rule


def test_what_is_not_defined_is_missing_and_never_0() -> None:
    nothing = thresholds.rates(Confusion(*map(np.array, (5, 0, 0, 0))))
    assert {name for name, value in nothing.items() if np.isnan(value)} == {
        "precision",
        "recall",
        "f1",
        "g_mean",
        "balanced_accuracy",
        "mcc",
    }
    assert nothing["specificity"] == nothing["accuracy"] == 1


@pytest.mark.parametrize("metric", METRICS)
def test_one_class_alone_gives_no_threshold(metric: str) -> None:
    for y in (np.zeros(3, np.int8), np.ones(3, np.int8), np.empty(0, np.int8)):
        assert math.isnan(thresholds.tuned(y, np.linspace(0, 1, len(y)), metric))


@pytest.mark.parametrize("metric", METRICS)
def test_a_model_that_gives_every_row_one_score_has_that_score_for_a_threshold(metric: str) -> None:
    assert thresholds.tuned(np.array([0, 1, 0], np.int8), np.full(3, 0.3), metric) == 0.3


def test_a_perfect_ranking_is_found() -> None:
    y, scores = np.array([0, 0, 1, 1], np.int8), np.array([0.1, 0.2, 0.3, 0.9])
    for metric in METRICS:
        assert thresholds.tuned(y, scores, metric) == 0.3


@given(data=scored(), threshold=st.floats(-0.1, 1.1))
def test_the_expected_cost_is_the_mean_over_rows(data: Any, threshold: float) -> None:
    y, scores = data
    each = {(0, 0): 0.5, (0, 1): 3, (1, 0): 10, (1, 1): 1}
    expected = np.mean(
        [each[int(label), int(score >= threshold)] for label, score in zip(y, scores, strict=True)]
    )
    assert matrix_of(len(y), 3, 10, 1, 0.5).total(y, scores >= threshold) / len(y) == pytest.approx(
        expected
    )


def matrix_of(n: int, *costs: float) -> CostMatrix:
    return CostMatrix(*(np.full(n, float(cost)) for cost in costs))


@given(data=scored(), costs=st.tuples(*[st.integers(1, 9)] * 2, *[st.integers(0, 1)] * 2))
def test_the_empirical_threshold_costs_least_of_all_and_calls_as_few_rows_positive_as_it_may(
    data: Any, costs: tuple[int, ...]
) -> None:
    y, scores = data
    matrix = matrix_of(len(y), *costs)
    totals = {float(t): matrix.total(y, scores >= t) for t in (*np.unique(scores), 2.0)}
    chosen = thresholds.empirical(y, scores, matrix)
    assert matrix.total(y, scores >= chosen) == min(totals.values())
    best = max(t for t, total in totals.items() if total == min(totals.values()))
    np.testing.assert_array_equal(scores >= chosen, scores >= best)


@given(data=scored(), random=st.randoms(use_true_random=False))
def test_the_expected_rule_decides_every_row_as_its_own_costs_say(data: Any, random: Any) -> None:
    """Held against writing out the expected cost of both decisions."""
    _, p = data
    costs = CostMatrix(
        *(np.array([random.uniform(low, low + 5) for _ in p]) for low in (5, 5, 0, 0))
    )
    as_positive = p * costs.true_positive + (1 - p) * costs.false_positive
    as_negative = p * costs.false_negative + (1 - p) * costs.true_negative
    clear = np.abs(as_positive - as_negative) > 1e-9
    predicted = corrections.log_odds(p) >= thresholds.cheapest(costs.cost_margins)
    np.testing.assert_array_equal(predicted[clear], (as_positive < as_negative)[clear])


def test_a_row_without_miss_cost_is_never_positive_and_without_alarm_cost_always() -> None:
    assert thresholds.cheapest(np.array([[1.0, 0.0], [0.0, 1.0]])).tolist() == [np.inf, -np.inf]
