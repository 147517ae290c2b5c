"""The choice of a recalibration: nested, simplest within one standard error, forced, or without a
comparison."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import log_loss

from counterpoise.core.config import Thresholds
from counterpoise.evaluation import recalibration, thresholds
from counterpoise.evaluation.calibrator import Calibrator
from counterpoise.evaluation.corrections import Correction
from counterpoise.evaluation.costs import CostMatrix
from counterpoise.evaluation.decisions import RULES, decide, decisions
from counterpoise.evaluation.fold_scores import FoldScores, recalibrate
from counterpoise.evaluation.recalibration import (
    FOLDS,
    ISOTONIC_POSITIVES,
    Choice,
    Recalibration,
    choose,
    reasons,
    simplest,
    usual,
    validation_losses,
)

ALL: tuple[Correction, ...] = ("none", "exact", "sigmoid", "isotonic")
FACTOR = 8.0


def population(rows: int, seed: int, intercept: float = -2.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and true log odds."""
    random = np.random.default_rng(seed)
    truth = random.normal(intercept, 1.5, rows)
    return (random.random(rows) < expit(truth)).astype(np.int8), truth


def chosen(choice: recalibration.Choice) -> Correction | None:
    return None if choice.calibrator is None else choice.calibrator.kind


# What a model would say whose error only that recalibration undoes.
DISTORTED: dict[Correction, Any] = {
    "none": lambda truth: truth,
    "exact": lambda truth: truth + np.log(FACTOR),
    "sigmoid": lambda truth: 2.5 * truth + 1,
    "isotonic": lambda truth: np.where(truth < -2, truth + 4, truth + 9),
}


@pytest.mark.parametrize("kind", ALL)
def test_each_candidate_is_chosen_where_it_is_the_truth(kind: Correction) -> None:
    found = []
    for seed in range(20):
        y, truth = population(3_000, seed)
        found.append(chosen(choose(ALL, y, expit(DISTORTED[kind](truth)), FACTOR)))
    assert found.count(kind) >= 18, found


def test_with_few_positives_the_simpler_is_chosen_even_where_a_sigmoid_is_the_truth() -> None:
    def share(rows: int) -> float:
        found = []
        for seed in range(20):
            y, truth = population(rows, seed, intercept=-4)
            found.append(chosen(choose(("none", "sigmoid"), y, expit(1.3 * truth), FACTOR)))
        return found.count("none") / len(found)

    few, many = share(100), share(10_000)
    assert few > 0.8 and many < 0.1, "about 4 and 400 positives"


@pytest.mark.parametrize(
    ("positives", "candidate"), [(ISOTONIC_POSITIVES - 1, False), (ISOTONIC_POSITIVES, True)]
)
def test_isotonic_regression_is_a_candidate_from_a_number_of_positives_on(
    positives: int, candidate: bool
) -> None:
    y = np.repeat([1, 0], [positives, 500]).astype(np.int8)
    scores = np.random.default_rng(0).random(len(y))
    choice = choose(("none", "isotonic", "sigmoid"), y, scores, np.nan)
    assert ("isotonic" in choice.losses) == candidate
    assert ("isotonic" in choice.refused) == (not candidate)


def test_one_standard_error_decides() -> None:
    """0.5 is the mean difference; its standard error is sd / sqrt(4)."""
    best = np.zeros(4)
    within, beyond = np.array([2.0, -1, 2, -1]), np.array([0.6, 0.4, 0.6, 0.4])
    assert within.mean() == beyond.mean() == 0.5
    assert within.std(ddof=1) / 2 > 0.5 > beyond.std(ddof=1) / 2
    assert simplest({"none": within, "sigmoid": best}) == "none"
    assert simplest({"none": beyond, "sigmoid": best}) == "sigmoid"
    assert simplest({"none": beyond, "exact": within, "sigmoid": best}) == "exact"
    assert simplest({"none": best, "sigmoid": best}) == "none", "equally good: the simpler"


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
def test_a_fitted_candidate_is_judged_on_validation_rows_that_it_was_not_fitted_on(
    kind: Correction,
) -> None:
    y, truth = population(300, 3)
    scores = expit(2 * truth)
    found = validation_losses(kind, y, scores, np.nan)
    # by hand: each fold has every FOLDS-th row of each class
    expected = np.empty(len(y))
    for k in range(FOLDS):
        here = np.zeros(len(y), bool)
        for label in (0, 1):
            here[np.flatnonzero(y == label)[k::FOLDS]] = True
        p = expit(Calibrator.fit(kind, y[~here], scores[~here], np.nan).log_odds(scores[here]))
        expected[here] = -np.where(y[here] == 1, np.log(p), np.log(1 - p))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    whole = log_loss(y, expit(Calibrator.fit(kind, y, scores, np.nan).log_odds(scores)))
    assert found.mean() > whole, "a fit is too good on its own rows"


def test_what_is_not_fitted_is_judged_on_all_validation_rows() -> None:
    y, truth = population(300, 3)
    scores = expit(truth)
    choice = choose(ALL, y, scores, FACTOR)
    assert choice.losses["none"] == pytest.approx(log_loss(y, scores))
    assert choice.losses["exact"] == pytest.approx(log_loss(y, expit(truth - np.log(FACTOR))))


# ----------------------------------------------------------------- folds


COUNTS = {"negatives_before": 900, "positives_before": 100}
FACTS = {"rows_fitted": 1_800, "positives_fitted": 900}


def fold(seed: int = 0, rows: int = 800, **change: Any) -> tuple[np.ndarray, FoldScores]:
    """Labels, and scores that are 9 times too high in odds; even rows are tested, odd validate."""
    y, truth = population(rows, seed)
    scores = expit(truth + np.log(9))
    test, validation = np.arange(0, rows, 2), np.arange(1, rows, 2)
    nothing = np.full(len(test), np.nan)
    one = FoldScores(test, scores[test], validation, scores[validation], nothing)
    return y, dataclasses.replace(one, **change)


def recalibrated(y: np.ndarray, one: FoldScores, candidates: Any = ALL) -> FoldScores:
    (result,) = recalibrate([one], candidates, y, [COUNTS], [FACTS])
    assert result.recalibration is not None
    return result


def test_no_test_row_is_read() -> None:
    """Other labels and scores of test rows change neither the choice nor the fit."""
    y, one = fold()
    other = y.copy()
    other[one.test] = 1 - other[one.test]
    before = recalibrated(y, one).recalibration
    random = np.random.default_rng(9).random(len(one.test))
    for labels, scores in ((other, one.test_scores), (y, random), (other, random)):
        after = recalibrated(labels, dataclasses.replace(one, test_scores=scores)).recalibration
        assert before is not None and after is not None
        assert after.choice == before.choice
    moved = y.copy()
    moved[one.validation] = np.roll(moved[one.validation], 1)
    after = recalibrated(moved, one).recalibration
    assert after is not None and before is not None
    assert after.choice != before.choice, "validation rows are read"


def test_the_chosen_recalibration_is_fitted_on_all_validation_rows() -> None:
    y, one = fold()
    for kind in ALL:
        found = recalibrated(y, one, (kind,))
        calibrator = Calibrator.fit(kind, y[one.validation], one.validation_scores, 9.0)
        np.testing.assert_allclose(found.log_odds, calibrator.log_odds(one.test_scores))
    result = recalibrated(y, one)
    assert result.recalibration is not None and result.recalibration.chosen == "exact"


def test_an_explicit_calibration_is_taken_without_a_comparison() -> None:
    y, one = fold(rows=60)
    assert y[one.validation].sum() < ISOTONIC_POSITIVES
    for kind in ("sigmoid", "isotonic"):
        found = recalibrated(y, one, (kind,)).recalibration
        assert found is not None
        assert found.chosen == kind and found.choice.losses == {} and found.row()["reason"] == ""


def test_the_row_of_a_fold_has_losses_of_validation_rows_and_the_gain_on_test_rows() -> None:
    y, one = fold()
    result = recalibrated(y, one)
    assert result.recalibration is not None
    row, yv, yt = result.recalibration.row(), y[one.validation], y[one.test]
    assert row["chosen"] == "exact" and row["positives"] == yv.sum()
    assert row["log_loss_none"] == pytest.approx(log_loss(yv, one.validation_scores))
    assert row["log_loss_formula"] < row["log_loss_none"]
    assert {"log_loss_sigmoid", "log_loss_isotonic"} <= set(row)
    expected = log_loss(yt, one.test_scores) - log_loss(yt, expit(result.log_odds))
    assert row["gain"] == pytest.approx(expected) and expected > 0
    assert result.recalibration.log_loss_of_prevalence == pytest.approx(
        log_loss(yt, np.full(len(yt), 0.1))
    )


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [(ALL, "exact"), (("none", "sigmoid", "isotonic"), "none"), (("sigmoid", "isotonic"), None)],
)
@pytest.mark.parametrize("label", [0, 1, None])
def test_validation_rows_of_one_class_leave_what_needs_no_fit(
    candidates: Any, expected: Correction | None, label: int | None
) -> None:
    y, one = fold()
    if label is None:
        nothing = np.empty(0, np.int64)
        one = dataclasses.replace(one, validation=nothing, validation_scores=nothing.astype(float))
    else:
        y[one.validation] = label
    result = recalibrated(y, one, candidates)
    found = result.recalibration
    assert found is not None and found.chosen == expected
    (first, *_) = reasons([found])
    if expected is None:
        assert np.isnan(result.log_odds).all()
        assert first.startswith("no recalibrated probabilities in 1 of 1 folds: a recalibration")
        assert result.reason != ""
    else:
        assert result.reason == ""
        assert first.startswith(
            f"recalibration ({expected}) chosen without log losses in 1 of 1 folds: the validation"
            " rows have "
        )
        assert found.choice.unjudged in found.row()["reason"]


def test_one_positive_cannot_be_cross_validated_and_leaves_raw_or_formula() -> None:
    y = np.r_[1, np.zeros(200)].astype(np.int8)
    scores = np.r_[0.9, np.linspace(0.3, 0.6, 200)]
    choice = choose(ALL, y, scores, FACTOR)
    assert set(choice.losses) == {"none", "exact"} and chosen(choice) == "exact"
    assert choice.refused["sigmoid"].startswith(
        "cross-validation needs two validation rows of each"
    )


def test_infinite_log_odds_are_judged_by_the_loss_of_the_leaderboard() -> None:
    """A forest that says 0 about a positive: raw loses, and the fit is bounded."""
    y, truth = population(2_000, 5)
    scores = expit(truth)
    scores[scores < 0.1] = 0.0
    choice = choose(("none", "sigmoid"), y, scores, np.nan)
    assert choice.losses["none"] == pytest.approx(log_loss(y, scores))
    assert np.isfinite(list(choice.losses.values())).all() and chosen(choice) == "sigmoid"


def test_a_reversed_sigmoid_is_refused_and_the_reason_is_kept() -> None:
    y, truth = population(200, 7)
    scores = expit(-truth)
    choice = choose(("none", "sigmoid"), y, scores, np.nan)
    assert chosen(choice) == "none" and "it would reverse the order" in choice.refused["sigmoid"]
    assert choose(("none", "exact"), y, scores, np.nan).refused["exact"].endswith("(it is nan)")
    only = choose(("sigmoid",), y, scores, np.nan)
    assert only.calibrator is None and "reverse the order" in only.reason


def test_the_usual_choice_is_the_most_frequent_and_among_equals_the_simplest() -> None:
    def of(kind: Correction | None) -> Recalibration:
        calibrator = None if kind is None else Calibrator(kind)
        return Recalibration(recalibration.Choice(calibrator, {}, "", {}), 1, 0.0, 0.0, 1.0)

    def found(*kinds: Correction | None) -> Any:
        return usual([of(kind) for kind in kinds])

    assert found("sigmoid", "none", "sigmoid") == ("sigmoid", 2)
    assert found("isotonic", "none", "isotonic", "none") == ("none", 2)
    assert found(None, "exact") == ("exact", 1)
    assert found(None, None) == (None, 0)


def test_probabilities_worse_than_the_prevalence_are_said_to_be_beyond_mending() -> None:
    def said(loss: float) -> list[str]:
        choice = recalibration.Choice(Calibrator("none"), {}, "", {})
        return reasons([Recalibration(choice, 9, 0.5, loss, 0.2)] * 2)

    assert said(0.19) == []
    assert said(0.25) == [
        "probabilities that no recalibration mends: their log loss is 0.25, and 0.2 where every row"
        " gets the prevalence"
    ]
    assert said(np.nan) == []


# ----------------------------------------------------------------- costs


def test_both_cost_rules_are_those_of_a_plain_computation() -> None:
    """`cost` decides by the chosen recalibration, `cost_empirical` by the cheapest score."""
    y, one = fold(seed=4)
    random = np.random.default_rng(4)
    amounts = random.gamma(2, 5, len(y))
    costs = CostMatrix(amounts * 0.1 + 1, amounts + 5, np.full(len(y), 1.0), np.zeros(len(y)))
    result = recalibrated(y, one)
    rows, chosen_at, _ = decisions(
        "mine", ("random_over", "model"), [result], y, Thresholds(), costs
    )
    by_rule = dict(zip(RULES, rows, strict=True))

    def total(predicted: np.ndarray, part: np.ndarray) -> float:
        return sum(
            (costs.true_positive if y[row] else costs.false_positive)[row]
            if positive
            else (costs.false_negative if y[row] else costs.true_negative)[row]
            for row, positive in zip(part, predicted, strict=True)
        )

    p = expit(logit(one.test_scores) - np.log(9))  # the formula, which is chosen here
    as_positive = p * costs.true_positive[one.test] + (1 - p) * costs.false_positive[one.test]
    as_negative = p * costs.false_negative[one.test] + (1 - p) * costs.true_negative[one.test]
    expected = total(as_positive <= as_negative, one.test) / len(one.test)
    assert by_rule["cost"]["expected_cost"] == pytest.approx(expected)

    tried = {t: total(one.validation_scores >= t, one.validation) for t in one.validation_scores}
    limit = min(tried, key=lambda t: tried[t])
    assert by_rule["cost_empirical"]["threshold"] == pytest.approx(limit)
    assert by_rule["cost_empirical"]["expected_cost"] == pytest.approx(
        total(one.test_scores >= limit, one.test) / len(one.test)
    )
    assert chosen_at[RULES.index("cost_empirical")] == [limit]


def test_the_empirical_rule_stands_beside_either_cost_rule() -> None:
    y, one = fold(seed=4)
    costs = CostMatrix(*(np.full(len(y), cost) for cost in (1.0, 9.0, 0.0, 0.0)))
    result = recalibrated(y, one)
    for how in ("expected", "empirical"):
        found = decide("cost_empirical", Thresholds(cost=how), y, result, costs)
        limit = thresholds.empirical(
            y[one.validation], one.validation_scores, costs.of(one.validation)
        )
        assert found[1] == limit
    assert decide("cost", Thresholds(cost="empirical"), y, result, costs)[1] == limit
    assert decide("cost", Thresholds(cost="expected"), y, result, costs)[1] != limit


@pytest.mark.parametrize("kind", ["none", "exact", "sigmoid", "isotonic"])
def test_a_choice_is_written_and_read_back_the_same(kind: Correction) -> None:
    random = np.random.default_rng(4)
    y = (random.random(400) < 0.3).astype(np.int8)
    scores = np.clip(0.3 * y + random.random(400) * 0.6, 0, 1)
    chosen = recalibration.choose((kind,), y, scores, 3.0)
    again = Choice.read(json.loads(json.dumps(chosen.written())))
    assert again == chosen and again.calibrator is not None
    judged = recalibration.choose(("none", "sigmoid", "isotonic"), y, scores, 1.0)
    assert Choice.read(json.loads(json.dumps(judged.written()))) == judged and judged.losses
    refused = recalibration.choose(("sigmoid",), y[:0], scores[:0], 1.0)
    assert Choice.read(json.loads(json.dumps(refused.written()))) == refused
    assert refused.calibrator is None
