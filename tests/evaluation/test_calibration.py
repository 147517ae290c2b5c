"""Calibration in numbers and tables, held against slow and independent ways to the same."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import groupby

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from counterpoise.evaluation import calibration
from counterpoise.evaluation.calibration import (
    expected_calibration_error,
    histogram,
    reliability,
    slope_intercept,
)


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities with ties, exact 0 and 1 among them."""
    rows = draw(st.integers(1, 40))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows)), np.int8)
    values = st.one_of(st.integers(0, 8).map(lambda k: k / 8), st.floats(0, 1))
    return y, np.array(draw(st.lists(values, min_size=rows, max_size=rows)))


def rare(rows: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities of rows of which about 1 % are positive."""
    random = np.random.default_rng(seed)
    p = expit(random.normal(-7, 2.2, rows))
    return (random.random(rows) < p).astype(np.int8), p


# Slope and intercept


def in_the_large(y: np.ndarray, values: np.ndarray) -> float:
    return float(brentq(lambda a: expit(values + a).sum() - y.sum(), -50, 50))


@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(40, 300),
    scale=st.floats(0.2, 5),
    shift=st.floats(-4, 4),
)
def test_slope_and_intercept_are_those_of_two_logistic_regressions(
    seed: int, rows: int, scale: float, shift: float
) -> None:
    random = np.random.default_rng(seed)
    truth = random.normal(-1, 1, rows)
    y = (random.random(rows) < expit(truth)).astype(np.int8)
    values = scale * truth + shift
    slope, intercept, reason = slope_intercept(y, values)
    assert not reason
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(
        values[:, None] / scale, y
    )
    assert slope == pytest.approx(theirs.coef_[0, 0] / scale, rel=1e-3, abs=1e-4)
    assert intercept == pytest.approx(in_the_large(y, values), abs=1e-7)


def test_what_they_say_is_what_was_done_to_the_probabilities() -> None:
    y, p = rare(200_000)
    slope, intercept, _ = slope_intercept(y, logit(p))
    assert slope == pytest.approx(1, abs=0.05) and intercept == pytest.approx(0, abs=0.05)
    slope, intercept, _ = slope_intercept(y, logit(p) + np.log(99))
    assert slope == pytest.approx(1, abs=0.05) and intercept == pytest.approx(-np.log(99), abs=0.05)
    assert slope_intercept(y, 2 * logit(p)).slope == pytest.approx(0.5, abs=0.05), "too extreme"
    assert slope_intercept(y, logit(p) / 2).slope == pytest.approx(2, abs=0.1), "too modest"
    assert slope_intercept(y, -logit(p)).slope == pytest.approx(-1, abs=0.05), "the wrong way round"


def test_what_is_not_defined_is_missing_with_a_reason() -> None:
    values = np.array([-2.0, -1.0, 0.5, 1.0])
    for y in (np.zeros(4, np.int8), np.ones(4, np.int8), np.empty(0, np.int8)):
        found = slope_intercept(y, values[: len(y)])
        assert (
            math.isnan(found.slope)
            and math.isnan(found.intercept)
            and found.reason.startswith("one class alone")
        )
    for y in (
        np.array([0, 0, 1, 1], np.int8),
        np.array([1, 1, 0, 0], np.int8),
        np.array([0, 0, 0, 1], np.int8),
    ):
        found = slope_intercept(y, values)
        assert math.isnan(found.slope) and found.reason.startswith(
            "a threshold separates the classes"
        )
        assert found.intercept == pytest.approx(in_the_large(y, values))
    touching = slope_intercept(np.array([0, 0, 1, 1], np.int8), np.array([-1.0, 0.0, 0.0, 1.0]))
    assert math.isnan(touching.slope), (
        "classes that share one value alone have no best slope either"
    )
    constant = slope_intercept(np.array([0, 0, 1, 0], np.int8), np.zeros(4))
    assert math.isnan(constant.slope) and constant.intercept == pytest.approx(logit(0.25))
    assert constant.reason == "every row has the same probability"
    missing = slope_intercept(np.array([0, 1], np.int8), np.array([np.nan, 1.0]))
    assert math.isnan(missing.intercept) and missing.reason == "1 of 2 rows have no probability"


def test_probabilities_of_0_and_1_count_as_half_the_smallest_and_twice_the_largest_odds() -> None:
    y = np.array([0, 1, 0, 1, 0, 1, 1, 0], np.int8)
    odds = np.array([0, 0, 0.1, 0.2, 0.5, 4, np.inf, np.inf])
    finite = np.array([0.05, 0.05, 0.1, 0.2, 0.5, 4, 8, 8])
    with np.errstate(divide="ignore"):
        assert slope_intercept(y, np.log(odds)) == pytest.approx(slope_intercept(y, np.log(finite)))
        only = slope_intercept(y, np.log(np.array([0, 0, 0, 0, np.inf, np.inf, np.inf, 0])))
    assert math.isnan(only.slope) and only.reason == "every probability is exactly 0 or 1"


@given(data=scored())
def test_slope_and_intercept_are_numbers_or_have_a_reason(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    y, p = data
    slope, intercept, reason = slope_intercept(y, logit(p))
    assert bool(reason) == (math.isnan(slope) or math.isnan(intercept))
    assert not math.isinf(slope) and not math.isinf(intercept)


# Expected calibration error


def slow_bins(p: np.ndarray, bins: int) -> list[int]:
    """One value of p after the other, in whole numbers and fractions: does the bin end before it,
    or after it?"""
    heaps = [(value, sum(1 for _ in ties)) for value, ties in groupby(sorted(p.tolist()))]
    fair, names = Fraction(len(p), bins), {}
    bin_, inside, before = 0, 0, 0  # rows in this bin, rows in the bins before
    for at, (value, rows) in enumerate(heaps):
        names[value] = bin_
        inside += rows
        share = max(Fraction(len(p) - before, max(bins - bin_, 1)), fair / 2)
        following = heaps[at + 1][1] if at + 1 < len(heaps) else 0
        full = inside >= share
        nearer_now = (
            inside < share
            and inside + following >= share
            and share - inside < inside + following - share
        )
        if full or (nearer_now and inside >= fair / 2):
            bin_, inside, before = bin_ + 1, 0, before + inside
    left = [value for value, name in names.items() if name == bin_]
    if 0 < inside < fair / 2:  # a last bin that is too small belongs to the one before
        names |= dict.fromkeys(left, bin_ - 1)
    return [names[value] for value in p.tolist()]


@given(data=scored(), bins=st.integers(1, 20))
def test_the_calibration_error_is_that_of_going_through_the_rows(
    data: tuple[np.ndarray, np.ndarray], bins: int
) -> None:
    y, p = data
    at = slow_bins(p, bins)
    expected = 0.0
    for name in set(at):
        rows = [row for row in range(len(p)) if at[row] == name]
        observed, promised = (
            sum(int(y[row]) for row in rows) / len(rows),
            sum(p[row] for row in rows) / len(rows),
        )
        expected += len(rows) / len(p) * abs(observed - promised)
    assert expected_calibration_error(y, p, bins) == pytest.approx(expected, abs=1e-12)


def test_bins_hold_equal_numbers_of_rows() -> None:
    _, p = rare(1_500)
    at = calibration.bins_of_equal_mass(p, np.ones(len(p)), 15)
    assert np.bincount(at).tolist() == [100] * 15
    assert (np.diff(at[np.argsort(p)]) >= 0).all()


def test_the_calibration_error_sees_what_bins_of_equal_width_do_not() -> None:
    """Probabilities whose mean is right and which are wrong all over, near 0: the first of 15 equal
    bins holds them all."""
    y, p = rare(100_000)
    # the wrong half has the higher ones
    sharp = np.where(p > np.median(p), p.mean() * 0.2, p.mean() * 1.8)
    assert sharp.max() < 1 / 15 and abs(sharp.mean() - p.mean()) < 1e-12
    assert abs(y.mean() - sharp.mean()) < 0.001, "all that bins of equal width see"
    assert expected_calibration_error(y, sharp) > 0.6 * p.mean()


def test_the_calibration_error_of_calibrated_rows_is_chance_and_of_wrong_ones_their_distance() -> (
    None
):
    y, p = rare(20_000)
    errors = [expected_calibration_error(*rare(20_000, seed)) for seed in range(10)]
    most = math.sqrt(2 / math.pi * p.mean() * 15 / len(p))
    assert 0 < np.mean(errors) < most, "the bound of the docstring"
    wrong = expit(logit(p) + np.log(99))
    assert expected_calibration_error(y, wrong) == pytest.approx(wrong.mean() - y.mean(), rel=0.01)
    assert expected_calibration_error(y, np.full(len(y), y.mean())) == pytest.approx(0, abs=1e-12)
    assert math.isnan(expected_calibration_error(y[:0], p[:0]))
    assert math.isnan(expected_calibration_error(y, np.where(p > 0.5, np.nan, p)))


# Reliability diagram


@given(data=scored(), bins=st.integers(1, 20))
def test_reliability_counts_every_row_once_and_has_no_empty_bin(
    data: tuple[np.ndarray, np.ndarray], bins: int
) -> None:
    y, p = data
    frame = reliability(y, p, bins)
    assert list(frame.columns) == [
        "bin",
        "rows",
        "positives",
        "mean_probability",
        "observed",
        "low",
        "high",
    ]
    assert 1 <= len(frame) <= bins and (frame["rows"] > 0).all()
    assert frame["rows"].sum() == len(y) and frame["positives"].sum() == y.sum()
    assert (frame["rows"] * frame["mean_probability"]).sum() == pytest.approx(p.sum())
    assert frame["mean_probability"].is_monotonic_increasing
    assert ((frame["low"] <= frame["observed"]) & (frame["observed"] <= frame["high"])).all()
    assert (
        (frame["low"] >= 0).all()
        and (frame["high"] <= 1).all()
        and (frame["high"] > frame["low"]).all()
    )


@given(data=scored(), bins=st.integers(1, 20))
def test_equal_probabilities_stay_in_one_bin(
    data: tuple[np.ndarray, np.ndarray], bins: int
) -> None:
    _, p = data
    at = calibration.bins_of_equal_mass(p, np.ones(len(p)), bins)
    for value in np.unique(p):
        assert len(np.unique(at[p == value])) == 1
    assert np.array_equal(np.unique(at), np.arange(at.max() + 1))
    assert at.tolist() == slow_bins(p, bins)
    assert np.bincount(at).min() >= len(p) / bins / 2, "no bin is a sliver"


def test_rows_of_one_score_take_one_bin_and_leave_the_others_to_the_rest() -> None:
    """A forest gives half of the rows a probability of 0."""
    p = np.concatenate([np.zeros(1_000), np.linspace(0.01, 1, 900)])
    assert (
        np.bincount(calibration.bins_of_equal_mass(p, np.ones(len(p)), 10)).tolist()
        == [1_000] + [100] * 9
    )


def test_the_interval_is_that_of_wilson() -> None:
    y, p = rare()
    frame = reliability(y, p)
    for row in frame.to_dict("records"):
        theirs = binomtest(row["positives"], row["rows"]).proportion_ci(method="wilson")
        assert (row["low"], row["high"]) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize("factor", [1, 99])
def test_a_diagram_of_rare_positives_has_points_where_the_positives_are(factor: float) -> None:
    """1 % of the rows are positive: as they come, and as a model fitted on balanced rows tells
    them."""
    y, p = rare()
    shifted = expit(logit(p) + np.log(factor))
    frame = reliability(y, shifted)
    assert len(frame) == 10
    assert (frame["positives"] >= 5).sum() >= 5, "points with enough positives to say anything"
    assert frame["mean_probability"].iloc[0] < 0.1 * frame["mean_probability"].iloc[-1]
    assert frame["rows"].max() < 0.8 * len(y)
    inside = (
        (frame["low"] <= frame["mean_probability"]) & (frame["mean_probability"] <= frame["high"])
    ).sum()
    assert inside >= 8 if factor == 1 else inside <= 3


def test_a_model_that_is_sure_of_itself_still_has_points_below() -> None:
    y = np.array([0] * 990 + [1] * 10, np.int8)
    p = np.concatenate([np.linspace(1e-9, 1e-6, 990), np.linspace(0.999, 0.9999, 10)])
    assert ((reliability(y, p)["mean_probability"] < 0.5).sum()) >= 4


def test_probabilities_of_0_alone_have_one_point_and_none_has_none() -> None:
    frame = reliability(np.array([0, 1, 0], np.int8), np.zeros(3))
    assert frame[["rows", "positives", "mean_probability"]].to_numpy().tolist() == [[3, 1, 0]]
    for p in (np.empty(0), np.array([0.5, np.nan, 0.1])):
        empty = reliability(np.zeros(len(p), np.int8), p)
        assert empty.empty and list(empty.columns) == list(frame.columns)
        assert empty.dtypes.tolist() == frame.dtypes.tolist()


# Histogram


@given(data=scored(), bins=st.integers(1, 40))
def test_the_histogram_of_each_class_adds_up_to_one(
    data: tuple[np.ndarray, np.ndarray], bins: int
) -> None:
    y, p = data
    frame = histogram(y, p, bins)
    assert list(frame.columns) == ["label", "left", "right", "share"]
    assert len(frame) == 2 * bins
    for label in (0, 1):
        mine = frame[frame["label"] == label]
        if (y == label).any():
            assert mine["share"].sum() == pytest.approx(1)
            for row in mine.to_dict("records"):
                inside = (p >= row["left"]) & (
                    (p < row["right"]) | (row["right"] == p) & (row["right"] == 1)
                )
                assert row["share"] == pytest.approx(
                    (inside & (y == label)).sum() / (y == label).sum()
                )
        else:
            assert mine["share"].isna().all()


def test_a_missing_probability_has_no_histogram() -> None:
    frame = histogram(np.array([0, 1], np.int8), np.array([np.nan, 0.5]))
    assert frame["share"].isna().all() and len(frame) == 60
    assert (pd.Series(frame["right"] - frame["left"]) - 1 / 30).abs().max() < 1e-12
