"""The verdict: p-values, Holm's correction, Nadeau and Bengio's interval, and how far all of it can
be trusted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from counterpoise.evaluation import bootstrap, multiple, significance


def test_draws_are_enough_for_the_smallest_adjusted_p_value() -> None:
    for many in (1, 5, 25, 57, 400):
        draws = significance.draws_for(many)
        assert many * 2 / (draws + 1) < (1 - bootstrap.LEVEL) / significance.MARGIN + 1e-12
        assert draws % bootstrap.BLOCK == 0 and draws >= bootstrap.DRAWS


def test_a_p_value_counts_the_draws_beyond_zero_on_both_sides() -> None:
    draws = np.array([0.1] * 95 + [-0.1] * 4)
    assert significance.p_value(draws) == pytest.approx(2 * 5 / 100)
    assert significance.p_value(-draws) == pytest.approx(2 * 5 / 100)
    assert significance.p_value(np.full(99, 0.1)) == pytest.approx(2 / 100)
    assert significance.p_value(np.zeros(50)) == 1
    assert math.isnan(significance.p_value(np.full(5, np.nan)))


@pytest.mark.parametrize("shift", [-0.3, -0.02, 0.0, 0.01, 0.2])
def test_a_p_value_below_five_percent_and_an_interval_that_misses_zero_are_the_same(
    shift: float,
) -> None:
    draws = np.random.default_rng(4).normal(shift, 0.05, 1999)
    low, high = bootstrap.interval(draws)
    assert (significance.p_value(draws) < 0.05) == (low > 0 or high < 0)


def test_holm_is_what_the_paper_says() -> None:
    """Steps of Holm (1979): the smallest of m is multiplied by m, the next by m - 1, and none falls
    below the one before."""
    assert multiple.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert multiple.holm([0.5, math.nan, 0.9])[0::2] == pytest.approx([1.0, 1.0])
    assert math.isnan(multiple.holm([0.5, math.nan, 0.9])[1])
    assert multiple.holm([]) == []


@pytest.mark.parametrize(
    ("difference", "reach", "adjusted", "expected"),
    [
        (0.1, 0.05, 0.01, "win"),
        (-0.1, 0.05, 0.01, "loss"),
        (0.1, 0.05, 0.05, "tie"),
        (0.0, 0.0, 0.001, "tie"),
        (0.1, 0.1001, 0.04, "tie"),
        (math.nan, math.nan, 0.01, None),
        (0.1, 0.05, math.nan, None),
    ],
)
def test_a_verdict_needs_a_small_adjusted_p_value_and_an_interval_without_0(
    difference: float, reach: float, adjusted: float, expected: str | None
) -> None:
    assert (
        significance.verdict(difference, difference - reach, difference + reach, adjusted)
        == expected
    )


def test_the_corrected_t_interval_is_wider_than_the_plain_one_by_the_known_factor() -> None:
    differences = np.random.default_rng(1).normal(0.02, 0.05, 10)
    made = significance.resampled_t(differences, 800, 200)
    plain = stats.ttest_1samp(differences, 0).confidence_interval()
    ratio = (made.high - made.low) / (plain.high - plain.low)
    assert ratio == pytest.approx(math.sqrt((1 / 10 + 200 / 800) / (1 / 10)))
    assert (made.low + made.high) / 2 == pytest.approx(differences.mean())
    t = differences.mean() / (differences.std(ddof=1) * math.sqrt(1 / 10 + 1 / 4))
    assert made.p_value == pytest.approx(2 * stats.t.sf(abs(t), 9))


def test_one_fold_tells_nothing_and_equal_folds_tell_all() -> None:
    assert all(math.isnan(value) for value in significance.resampled_t(np.array([0.1]), 8, 2))
    assert all(
        math.isnan(value) for value in significance.resampled_t(np.array([0.1, np.nan]), 8, 2)
    )
    assert significance.resampled_t(np.zeros(5), 8, 2) == (0, 0, 1)
    assert significance.resampled_t(np.full(5, 0.125), 8, 2) == (0.125, 0.125, 0)
