"""Metrics from integer weights of rows, held against scikit-learn's; and the draws of the paired
bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from counterpoise.core.config import Holdout, StratifiedKFold
from counterpoise.data import splitters
from counterpoise.data.folds import Parts
from counterpoise.evaluation import bootstrap, metrics
from counterpoise.evaluation.metrics import Ranking
from tests.conftest import numeric_table

ROWS = 60  # of the table; a fold tests some of them


def scores_with_ties(random: np.random.Generator, rows: int, values: int) -> np.ndarray:
    return random.choice(np.linspace(0, 1, values), rows)


@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(4, 40),
    values=st.integers(1, 50),
    most=st.integers(1, 5),
)
def test_weighted_metrics_are_those_of_scikit_learn(
    seed: int, rows: int, values: int, most: int
) -> None:
    """Ties, weights of 0, a single distinct score: a row of weight w counts as w rows."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, rows).astype(np.int8)
    scores = scores_with_ties(random, rows, values)
    where = np.sort(random.choice(ROWS, rows, replace=False))
    weights = np.zeros((ROWS, 8), np.float32)
    weights[where] = random.integers(0, most + 1, (rows, 8))
    average_precision, roc_auc = Ranking.of(where, y, scores, ROWS).metrics(weights)
    means = metrics.weighted_mean(np.column_stack(metrics.losses(y, scores)), weights[where])
    for draw in range(8):
        w = weights[where, draw]
        both = len(np.unique(y[w > 0])) == 2
        for here, there, probability in (
            (average_precision[draw], average_precision_score, False),
            (roc_auc[draw], roc_auc_score, False),
            (means[draw, 0], brier_score_loss, True),
            (
                means[draw, 1],
                lambda y, s, sample_weight: log_loss(
                    y, s, sample_weight=sample_weight, labels=[0, 1]
                ),
                True,
            ),
        ):
            if both:
                np.testing.assert_allclose(
                    here, there(y[w > 0], scores[w > 0], sample_weight=w[w > 0]), rtol=1e-9
                )
            elif not probability:
                assert np.isnan(here) or (here == 1 and (y[w > 0] == 1).all())
            else:
                assert np.isnan(here) == (not w.any())


def test_one_class_alone_has_no_ranking() -> None:
    rows, scores, weights = (
        np.arange(4),
        np.array([0.1, 0.2, 0.3, 0.4]),
        np.ones((4, 1), np.float32),
    )
    for label in (0, 1):
        _, roc_auc = Ranking.of(rows, np.full(4, label, np.int8), scores, 4).metrics(weights)
        assert np.isnan(roc_auc).all()
    average_precision, _ = Ranking.of(rows, np.zeros(4, np.int8), scores, 4).metrics(weights)
    assert np.isnan(average_precision).all()


def test_average_precision_is_the_sum_of_steps_not_the_trapezoid() -> None:
    y, scores = np.array([1, 0, 1, 0, 0], np.int8), np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    (value,), _ = Ranking.of(np.arange(5), y, scores, 5).metrics(np.ones((5, 1), np.float32))
    assert value == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_scores_of_exactly_0_and_1_have_a_finite_log_loss() -> None:
    y, scores = np.array([0, 1, 1], np.int8), np.array([1.0, 0.0, 1.0])
    squares, logs = metrics.losses(y, scores)
    assert squares.tolist() == [1, 1, 0]
    assert np.isfinite(logs).all()
    assert logs.mean() == pytest.approx(log_loss(y, scores))


def test_a_weight_of_two_is_a_row_that_stands_twice() -> None:
    y, scores = np.array([1, 0, 1, 0], np.int8), np.array([0.9, 0.8, 0.3, 0.3])
    twice = Ranking.of(np.arange(4), y, scores, 4).metrics(
        np.array([[1], [2], [1], [0]], np.float32)
    )
    again = np.array([0, 1, 1, 2])
    there = Ranking.of(np.arange(4), y[again], scores[again], 4).metrics(
        np.ones((4, 1), np.float32)
    )
    np.testing.assert_allclose(np.ravel(twice), np.ravel(there))


def test_curves_go_through_the_points_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    y, scores = random.integers(0, 2, 80).astype(np.int8), scores_with_ties(random, 80, 12)
    precision, recall, _ = precision_recall_curve(y, scores)
    for at in (0.1, 0.25, 0.5, 1.0):
        # the highest threshold that reaches it
        expected = precision[np.flatnonzero(recall >= at - 1e-12)[-1]]
        assert metrics.precision_recall(y, scores, np.array([at]))[0] == pytest.approx(expected)
    false, true, _ = roc_curve(y, scores, drop_intermediate=False)
    grid = np.linspace(0, 1, 21)
    np.testing.assert_allclose(metrics.roc(y, scores, grid)[1:], np.interp(grid, false, true)[1:])


# The bootstrap


def folds(scheme: StratifiedKFold | Holdout) -> tuple[Parts, np.ndarray]:
    table = numeric_table()
    return splitters.split(table, scheme, 1, "mine"), table.y


def all_draws(parts: Parts, y: np.ndarray, seed: int = 3, count: int = 250) -> np.ndarray:
    blocks = list(bootstrap.draws(parts, y, seed, count))
    assert all(block.shape[1] <= bootstrap.BLOCK for block in blocks)
    return np.hstack(blocks)


def test_a_draw_redraws_each_class_within_each_test_fold() -> None:
    parts, y = folds(StratifiedKFold(folds=3, repeats=2))
    weights = all_draws(parts, y)
    assert weights.shape == (240, 250)
    for fold in parts:
        if fold.repeat == 0:
            for label in (0, 1):
                rows = fold.test[y[fold.test] == label]
                assert (weights[rows].sum(axis=0) == len(rows)).all()
    assert (weights == np.rint(weights)).all()
    assert np.unique(weights, axis=1).shape[1] == 250, "every draw is another one"
    # how often a row counts is binomial: about exp(-1) of the rows are left out
    assert abs((weights == 0).mean() - np.exp(-1)) < 0.02


def test_a_row_counts_as_often_in_every_repeat() -> None:
    """Redrawing each repeat on its own would treat the second as new data: the weight belongs to
    the row."""
    parts, y = folds(StratifiedKFold(folds=3, repeats=2))
    one, _ = folds(StratifiedKFold(folds=3, repeats=1))
    np.testing.assert_array_equal(all_draws(parts, y), all_draws(one, y))


def test_rows_that_nothing_tests_have_no_weight() -> None:
    parts, y = folds(Holdout(scheme="holdout", test_size=0.25))
    (fold,) = parts
    weights = all_draws(parts, y)
    untested = np.setdiff1d(np.arange(240), fold.test)
    assert not weights[untested].any()
    assert (weights.sum(axis=0) == len(fold.test)).all()


def test_the_same_seed_gives_the_same_draws_and_another_seed_others() -> None:
    parts, y = folds(StratifiedKFold(folds=3, repeats=1))
    np.testing.assert_array_equal(all_draws(parts, y), all_draws(parts, y))
    assert (all_draws(parts, y, seed=4) != all_draws(parts, y)).any()
    np.testing.assert_array_equal(
        all_draws(parts, y, count=100), all_draws(parts, y, count=250)[:, :100]
    )


def test_two_cells_with_the_same_scores_differ_by_nothing_in_every_draw() -> None:
    """Paired: the same draws serve every cell."""
    parts, y = folds(StratifiedKFold(folds=3, repeats=1))
    random = np.random.default_rng(0)
    fold, scores = next(iter(parts)), random.random(240)
    one, other = (
        Ranking.of(fold.test, y[fold.test], (f(scores))[fold.test], 240)
        for f in (np.array, np.square)
    )
    for weights in bootstrap.draws(parts, y, 3):
        np.testing.assert_array_equal(one.metrics(weights), other.metrics(weights))


def test_an_interval_holds_the_middle_of_the_draws_that_are_defined() -> None:
    values = np.array([*range(1001), np.nan, np.nan], float)
    assert bootstrap.interval(values) == pytest.approx((25, 975))
    assert bootstrap.interval(values, level=0.5) == pytest.approx((250, 750))
    assert np.isnan(bootstrap.interval(np.full(3, np.nan))).all()


def test_gain_is_the_share_of_positives_in_the_top_rows() -> None:
    y = np.array([1, 0, 1, 0, 0, 1, 0, 0, 0, 0], dtype=np.int8)
    scores = np.array([0.9, 0.8, 0.7, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    found = metrics.gain(y, scores, np.array([0, 0.1, 0.2, 0.3, 0.4, 0.6, 1]))
    # the third row is one of two with the same score, of which one is positive
    assert found == pytest.approx([0, 1 / 3, 1 / 3, 1 / 2, 2 / 3, 1, 1])
