"""Corrections of probabilities: the papers' formulas as written, the order of rows, and a model
whose truth is known."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from counterpoise.core.errors import NotApplicable
from counterpoise.evaluation import corrections
from counterpoise.evaluation.calibrator import Calibrator
from counterpoise.evaluation.corrections import Correction, log_odds, odds_factor, probability
from counterpoise.evaluation.recalibration import choose

EXTREME = [
    0.0,
    5e-324,
    1e-300,
    1e-16,
    0.3,
    np.nextafter(0.5, 0),
    0.5,
    np.nextafter(0.5, 1),
    0.65,
    1 - 1e-16,
    1.0,
]
factors = st.floats(1e-6, 1e6)
probabilities = st.one_of(st.floats(0, 1), st.sampled_from(EXTREME))


@st.composite
def close_scores(draw: st.DrawFn) -> np.ndarray:
    """Distinct scores, some of them neighbours among the doubles."""
    scores = draw(st.lists(probabilities, min_size=1, max_size=20))
    for score in list(scores):
        for _ in range(draw(st.integers(0, 3))):
            scores.append(float(np.nextafter(scores[-1] if scores[-1] != 1 else score, 0.4)))
    return np.unique(scores)


@st.composite
def labelled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties and neighbours, and labels of both classes."""
    distinct = draw(close_scores())
    scores = np.array(
        [*distinct, *draw(st.lists(st.sampled_from(list(distinct)), min_size=1, max_size=20))]
    )
    y = np.array(
        draw(st.lists(st.integers(0, 1), min_size=len(scores), max_size=len(scores))), np.int8
    )
    assume(0 < y.sum() < len(y))
    return y, scores


def elkan(p: float, w: float) -> float:
    """Theorem 2 of Elkan (2001) as written: b is the share of positives in training and b'
    (`other`) in use."""
    b = Fraction(1, 3)
    odds = b / (1 - b) / Fraction(w)
    other = odds / (1 + odds)
    exact = Fraction(p)
    return float(other * (exact - exact * b) / (b - exact * b + other * exact - b * other))


def recalibrated(
    kind: Correction, scores: np.ndarray, y: np.ndarray, validation: np.ndarray, factor: float
) -> tuple[np.ndarray, str]:
    """Log odds by one kind of recalibration, fitted on validation rows, or the reason for none."""
    choice = choose((kind,), y, validation, factor)
    if choice.calibrator is None:
        return np.full(len(scores), np.nan), choice.reason
    return choice.calibrator.ordered_log_odds(scores), ""


def shifted(p: np.ndarray, w: float) -> np.ndarray:
    """The log odds that the exact recalibration makes of probabilities."""
    return Calibrator("exact", factor=w).ordered_log_odds(p)


def dal_pozzolo(ps: float, beta: float) -> float:
    """Equation 4 of Dal Pozzolo et al. (2015) as written."""
    exact, share = Fraction(ps), Fraction(beta)
    return float(share * exact / (share * exact - exact + 1))


@given(p=probabilities, w=factors)
def test_the_shift_is_the_formula_of_both_papers(p: float, w: float) -> None:
    (here,) = probability(shifted(np.array([p]), w))
    assert here == pytest.approx(elkan(p, w), rel=1e-12, abs=1e-300)
    assert here == pytest.approx(
        float(Fraction(p) / (Fraction(p) + Fraction(w) * (1 - Fraction(p)))), rel=1e-12, abs=1e-300
    )
    if w >= 1:
        assert here == pytest.approx(dal_pozzolo(p, 1 / w), rel=1e-12, abs=1e-300)


@given(scores=close_scores(), w=factors)
def test_a_higher_score_is_a_higher_corrected_score_and_so_in_the_last_bit(
    scores: np.ndarray, w: float
) -> None:
    values = shifted(scores, w)
    assert (np.diff(values[np.isfinite(values)]) > 0).all() and (
        np.diff(values.astype(np.longdouble)) > 0
    ).all()
    np.testing.assert_allclose(values, log_odds(scores) - np.log(w), rtol=1e-12, atol=1e-14)


@given(data=labelled(), w=factors)
def test_no_ranking_metric_moves(data: tuple[np.ndarray, np.ndarray], w: float) -> None:
    y, scores = data
    values = shifted(scores, w)
    # scikit-learn takes no infinity
    values[np.isinf(values)] = np.sign(values[np.isinf(values)]) * 1e9
    assert abs(average_precision_score(y, values) - average_precision_score(y, scores)) < 1e-9
    assert abs(roc_auc_score(y, values) - roc_auc_score(y, scores)) < 1e-9


@given(
    scores=st.lists(st.floats(1e-300, 1 - 1e-6), min_size=1, max_size=10).map(np.array), w=factors
)
def test_the_shift_undoes_itself_with_the_inverse_factor(scores: np.ndarray, w: float) -> None:
    there = shifted(scores, w)
    assume(there.max() < 20)  # nearer to 1 a probability has too few digits left for the way back
    back = shifted(probability(there), 1 / w)
    np.testing.assert_allclose(back, log_odds(scores), rtol=1e-6, atol=1e-6)


def test_scores_of_0_and_1_stay_what_they_are() -> None:
    np.testing.assert_array_equal(
        shifted(np.array([0.0, 1.0, 0.0]), 50.0), [-np.inf, np.inf, -np.inf]
    )
    np.testing.assert_array_equal(log_odds(np.array([0.0, 0.5, 1.0])), [-np.inf, 0, np.inf])
    assert log_odds(np.array([1e-300]))[0] == pytest.approx(math.log(1e-300))
    assert log_odds(np.array([1 - 2**-53]))[0] == pytest.approx(53 * math.log(2))
    assert np.isnan(log_odds(np.array([np.nan, 1.5, -0.1]))).all()
    assert shifted(np.empty(0), 2.0).shape == (0,)


@pytest.mark.parametrize("w", [0.0, -1.0, math.inf, math.nan])
def test_a_factor_that_is_none_is_refused(w: float) -> None:
    with pytest.raises(NotApplicable, match="is not known"):
        Calibrator.fit("exact", np.ones(1, np.int8), np.array([0.5]), w)


def test_the_factor_is_that_of_the_odds_of_the_classes_times_the_weights() -> None:
    assert odds_factor((990, 10), (990, 990)) == pytest.approx(99), "positives repeated 99 times"
    assert odds_factor((990, 10), (10, 10)) == pytest.approx(99), "1 negative of 99 kept"
    assert odds_factor((990, 10), (990, 10), 99.0) == pytest.approx(99), "scale_pos_weight"
    assert odds_factor((990, 10), (990, 495), 2.0) == pytest.approx(99), (
        "both: half of the way each"
    )
    assert odds_factor((990, 10), (990, 10)) == 1
    for before, after in (((0, 10), (5, 5)), ((5, 5), (5, 0)), ((5, 0), (5, 5))):
        assert math.isnan(odds_factor(before, after))


# A model whose truth is known


def drawn(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of a logistic model, their labels and true probabilities; about 3 % are positive."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 3))
    p = expit(-4.5 + X @ np.array([1.2, -0.8, 0.5]))
    return X, (random.random(rows) < p).astype(np.int8), p


@pytest.fixture(scope="module")
def natural() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    X, y, _ = drawn(40_000, 1)
    return X, y, *drawn(40_000, 2)


def fitted(X: np.ndarray, y: np.ndarray, of: np.ndarray, **given: object) -> np.ndarray:
    return (
        LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000, **given)
        .fit(X, y)
        .predict_proba(of)[:, 1]
    )


@pytest.mark.parametrize("remedy", ["over", "under", "weighted", "over_half_and_weighted"])
def test_the_shift_brings_the_log_loss_back_to_that_of_the_rows_as_they_come(
    remedy: str, natural: tuple
) -> None:
    """The tolerance: a fit of 4 numbers on n rows costs about 4 / (2 n) of log loss, which is 5e-5
    for the 40,000 rows here.

    Undersampling to 1:1 keeps about 2,400 rows, hence at most 4 / (2 * 2,400), about 8e-4 (among
    rows of which half are positive; among the rows as they come a mistake of the same size costs
    less). What is drawn at random may cost some more than is expected: 1e-3 is allowed, where the
    raw probabilities cost 0.2 and more.
    """
    X, y, X_test, y_test, truth = natural
    positives, negatives = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    before = len(negatives), len(positives)
    random = np.random.default_rng(3)
    rows, weight = np.arange(len(y)), 1.0
    if remedy == "over":
        rows = np.concatenate([negatives, random.choice(positives, len(negatives))])
    elif remedy == "under":
        rows = np.concatenate([positives, random.choice(negatives, len(positives), replace=False)])
    elif remedy == "weighted":
        weight = before[0] / before[1]
    else:
        rows = np.concatenate([negatives, random.choice(positives, len(negatives) // 4)])
        weight = 4.0
    after = int((y[rows] == 0).sum()), int((y[rows] == 1).sum())
    w = odds_factor(before, after, weight)
    assert w == pytest.approx(before[0] / before[1], rel=1e-3)
    raw = fitted(X[rows], y[rows], X_test, class_weight={0: 1, 1: weight})
    values, reason = recalibrated("exact", raw, np.empty(0, np.int8), np.empty(0), w)
    assert not reason
    alone = fitted(X, y, X_test)
    best, there, here = (log_loss(y_test, p) for p in (alone, raw, probability(values)))
    assert there > best + 0.2
    assert abs(here - best) < 1e-3
    # and against the truth, without the luck of the labels: the mean divergence from the true
    # probabilities
    p = probability(values)
    divergence = np.mean(truth * np.log(truth / p) + (1 - truth) * np.log((1 - truth) / (1 - p)))
    assert 0 <= divergence < 1e-3
    assert np.corrcoef(log_odds(truth), values)[0, 1] > 0.99


@pytest.mark.parametrize(("kind", "tolerance"), [("sigmoid", 1e-3), ("isotonic", 5e-3)])
def test_a_recalibration_brings_the_log_loss_near_that_of_the_truth(
    kind: str, tolerance: float, natural: tuple
) -> None:
    """Two numbers fitted on 8,000 rows cost about 2 / 16,000 of log loss; isotonic steps are more
    numbers than two."""
    *_, y_test, truth = natural

    def distorted(p: np.ndarray) -> np.ndarray:
        return expit(0.4 * log_odds(p) + 2)

    _, y_validation, validation = drawn(8_000, 5)
    values, reason = recalibrated(
        kind, distorted(truth), y_validation, distorted(validation), math.nan
    )
    assert not reason and np.isfinite(values).all()
    assert log_loss(y_test, distorted(truth)) > log_loss(y_test, truth) + 0.2
    assert log_loss(y_test, probability(values)) == pytest.approx(
        log_loss(y_test, truth), abs=tolerance
    )
    if kind == "sigmoid":
        slope, intercept = corrections.fit_sigmoid(y_validation, log_odds(distorted(validation)))
        assert slope == pytest.approx(1 / 0.4, rel=0.1) and intercept == pytest.approx(
            -2 / 0.4, rel=0.1
        )


# Recalibration


@st.composite
def validation_sets(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Validation rows whose positives tend to score higher; forests' scores of 0 and 1 among
    them."""
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows = draw(st.integers(20, 120))
    trees = draw(st.sampled_from([0, 5, 100]))
    values = random.normal(size=rows) * draw(st.floats(0.5, 4)) - draw(st.floats(0, 4))
    y = (random.random(rows) < expit(values)).astype(np.int8)
    y[:2] = 0, 1
    p = expit(draw(st.floats(0.3, 3)) * values + draw(st.floats(-3, 3)))
    return y, random.binomial(trees, p) / trees if trees else p


@given(data=validation_sets())
def test_the_sigmoid_has_the_least_log_loss_against_smoothed_targets(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    """The loss is convex: where its gradient is 0, there is no better slope and intercept."""
    y, scores = data
    values = corrections.drawn_in(log_odds(scores), *corrections.finite_range(log_odds(scores)))
    try:
        slope, intercept = corrections.fit_sigmoid(y, values)
    except NotApplicable:
        assume(False)
    positives, negatives = int(y.sum()), int((1 - y).sum())
    targets = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    residual = expit(slope * values + intercept) - targets
    assert abs(residual.sum()) < 1e-5
    assert abs((residual * values).sum()) < 1e-5 * np.abs(values).max()


def test_the_sigmoid_is_that_of_scikit_learn() -> None:
    X, y, _ = drawn(4_000, 7)
    model = LogisticRegression(class_weight="balanced").fit(X[:2_000], y[:2_000])
    theirs = CalibratedClassifierCV(FrozenEstimator(model)).fit(X[2_000:], y[2_000:])
    scores = model.predict_proba(X)[:, 1]
    values, _ = recalibrated("sigmoid", scores[2_000:], y[2_000:], scores[2_000:], math.nan)
    np.testing.assert_allclose(
        probability(values), theirs.predict_proba(X[2_000:])[:, 1], atol=1e-5
    )


@given(data=validation_sets(), scores=close_scores())
def test_the_sigmoid_keeps_the_order_and_is_finite_whatever_it_is_given(
    data: tuple[np.ndarray, np.ndarray], scores: np.ndarray
) -> None:
    y, validation = data
    values, reason = recalibrated("sigmoid", scores, y, validation, math.nan)
    if reason:
        assert np.isnan(values).all()
        return
    assert np.isfinite(values).all()
    assert (np.diff(values) > 0).all()


@given(data=validation_sets())
def test_isotonic_steps_are_those_of_scikit_learn_off_0_and_1(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    y, scores = data
    values, reason = recalibrated("isotonic", scores, y, scores, math.nan)
    assert not reason and np.isfinite(values).all()
    low, high = corrections.smoothed(y)
    plain = IsotonicRegression(out_of_bounds="clip").fit(scores, y).predict(scores)
    np.testing.assert_allclose(probability(values), np.clip(plain, low, high), atol=1e-12)
    order = np.argsort(scores, kind="stable")
    assert (np.diff(values[order]) >= -1e-12).all()


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
def test_one_class_alone_has_no_recalibration_and_a_reason(kind: str) -> None:
    scores = np.array([0.2, 0.4, 0.6])
    for y in (np.zeros(3, np.int8), np.ones(3, np.int8), np.empty(0, np.int8)):
        values, reason = recalibrated(kind, scores, y, scores[: len(y)], math.nan)
        assert np.isnan(values).all() and values.shape == (3,)
        assert "needs both classes among the validation rows" in reason
        assert f"{int(y.sum())} positives and {len(y) - int(y.sum())} negatives" in reason


def test_a_sigmoid_that_would_turn_the_order_round_is_not_possible() -> None:
    y, scores = np.array([0, 0, 0, 1, 1, 0], np.int8), np.array([0.9, 0.8, 0.7, 0.1, 0.2, 0.15])
    values, reason = recalibrated("sigmoid", scores, y, scores, math.nan)
    assert np.isnan(values).all() and "would reverse the order" in reason and "slope -" in reason
    values, reason = recalibrated("sigmoid", scores, y, np.full(6, 0.3), math.nan)
    assert np.isnan(values).all() and "the same score" in reason
    values, reason = recalibrated("isotonic", scores, y, np.full(6, 0.3), math.nan)
    assert not reason
    np.testing.assert_allclose(probability(values), 1 / 3), "one step: the prevalence"


def test_a_threshold_that_separates_the_validation_rows_leaves_the_sigmoid_finite() -> None:
    """Platt's targets are never 0 or 1, so that there is a best slope also here."""
    y, scores = (
        np.array([0] * 30 + [1] * 3, np.int8),
        np.concatenate([np.linspace(0.01, 0.1, 30), [0.7, 0.8, 0.9]]),
    )
    values, reason = recalibrated("sigmoid", scores, y, scores, math.nan)
    assert not reason and np.isfinite(values).all()
    assert probability(values[-1]) < 0.9


def test_scores_of_0_count_as_half_of_the_smallest_odds_and_of_1_as_twice_the_largest() -> None:
    odds = np.array([0, 0.01, 0.5, 4.0, np.inf])
    with np.errstate(divide="ignore"):
        values = np.log(odds)
    low, high = corrections.finite_range(values)
    np.testing.assert_allclose(
        np.exp(corrections.drawn_in(values, low, high)), [0.005, 0.01, 0.5, 4.0, 8.0]
    )
    # farther out than the range, but not infinite: between
    np.testing.assert_allclose(
        np.exp(corrections.drawn_in(np.log([0.004, 12.0]), low, high)), [0.007, 6.0]
    )
    assert corrections.finite_range(np.array([-np.inf, np.inf])) == (0, 0)


def test_a_model_that_says_0_or_1_and_nothing_else_is_recalibrated_to_the_shares() -> None:
    y = np.array([0] * 90 + [1] * 10 + [0] * 5 + [1] * 15, np.int8)
    scores = np.repeat([0.0, 1.0], [100, 20])
    values, reason = recalibrated("sigmoid", scores, y, scores, math.nan)
    assert not reason
    np.testing.assert_allclose(probability(values[[0, -1]]), [0.1, 0.75], atol=0.03)
    np.testing.assert_allclose(
        probability(recalibrated("isotonic", scores, y, scores, math.nan)[0][[0, -1]]), [0.1, 0.75]
    )


def test_nothing_to_correct_is_the_log_odds_and_an_unknown_factor_a_reason() -> None:
    scores, nothing = np.array([0.2, 0.0, 0.9]), (np.empty(0, np.int8), np.empty(0))
    values, reason = recalibrated("none", scores, *nothing, math.nan)
    np.testing.assert_array_equal(values, log_odds(scores))
    assert reason == ""
    for factor in (math.nan, 0.0, math.inf):
        values, reason = recalibrated("approximate", scores, *nothing, factor)
        assert np.isnan(values).all() and values.shape == (3,)
        assert reason.startswith(
            "the factor by which the remedy multiplied the odds of a positive is not known"
        )
    np.testing.assert_array_equal(
        recalibrated("approximate", scores, *nothing, 9.0)[0],
        recalibrated("exact", scores, *nothing, 9.0)[0],
    )


@pytest.mark.parametrize("kind", ["none", "exact", "approximate", "sigmoid", "isotonic"])
def test_a_correction_is_the_same_each_time_and_of_no_row_is_none(kind: str) -> None:
    y, scores = np.array([0, 0, 0, 1, 0, 1], np.int8), np.array([0.1, 0.2, 0.0, 0.7, 0.8, 0.9])
    first, second = (recalibrated(kind, scores, y, scores, 3.0)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert recalibrated(kind, np.empty(0), y, scores, 3.0)[0].shape == (0,)
    # a row's correction hangs on no other row to be corrected
    np.testing.assert_array_equal(
        [recalibrated(kind, scores[k : k + 1], y, scores, 3.0)[0][0] for k in range(6)], first
    )
