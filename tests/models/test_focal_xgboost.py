"""XGBoost on balanced cross entropy and focal loss, against XGBoost's own, and the eye on the
validation rows."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.metrics import average_precision_score, log_loss
from xgboost import XGBClassifier

from counterpoise.models.focal_xgboost import (
    CONSTRAINTS,
    MIN_CURVATURE,
    Watch,
    XGBLossClassifier,
    check_booster,
    curvature,
)
from counterpoise.models.losses import Loss
from counterpoise.models.registry import MODELS, score

BOTH = {"n_estimators": 30, "n_jobs": 1, "tree_method": "hist", "random_state": 3}


def rows(n: int = 1200, share: float = 0.06, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two numbers, one with values missing, a category, and positives that both tell something
    of."""
    random = np.random.default_rng(seed)
    X = np.column_stack([random.normal(size=(n, 2)), random.integers(0, 4, n)])
    signal = X[:, 0] + X[:, 1] ** 2 / 2 + (X[:, 2] == 2) + random.normal(size=n)
    y = (signal > np.quantile(signal, 1 - share)).astype(np.int8)
    X[random.random(n) < 0.1, 1] = np.nan
    return X, y


X, Y = rows()
COARSE = np.round(X, 1)
"""Every value has a bin of its own in the histogram, whatever the rows weigh."""
X_VALIDATION, Y_VALIDATION = rows(seed=1)
MIXED = {"enable_categorical": True, "feature_types": ["q", "q", "c"]}


def margin(model: XGBClassifier, at: np.ndarray = X) -> np.ndarray:
    return model.predict(at, output_margin=True)


# Against XGBoost's own logistic loss


@pytest.mark.parametrize(
    "more", [{}, MIXED, {"subsample": 0.7, "colsample_bytree": 0.7}, {"booster": "dart"}]
)
def test_equal_weights_and_gamma_0_make_the_trees_of_xgboost(more: dict[str, Any]) -> None:
    halves = np.full(len(Y), 0.5)
    mine = XGBLossClassifier(loss_alpha=0.5, **BOTH, **more).fit(X, Y)
    reference = XGBClassifier(base_score=Y.mean(), **BOTH, **more).fit(X, Y, sample_weight=halves)
    np.testing.assert_allclose(margin(mine), margin(reference), atol=1e-5)
    # an alpha of one half halves the Hessian, against which penalty and least weight of a leaf are
    # held
    halved = XGBLossClassifier(
        loss_alpha=0.5, reg_lambda=0.5, min_child_weight=0.5, **BOTH, **more
    ).fit(X, Y)
    plain = XGBClassifier(base_score=Y.mean(), **BOTH, **more).fit(X, Y)
    unweighted = XGBLossClassifier(loss_alpha=None, **BOTH, **more).fit(X, Y)
    np.testing.assert_allclose(margin(halved), margin(plain), atol=1e-5)
    np.testing.assert_allclose(margin(unweighted), margin(plain), atol=1e-5)


@pytest.mark.parametrize("alpha", [0.25, "balanced"])
def test_an_alpha_makes_the_trees_of_xgboost_with_that_weight_of_each_class(alpha: Any) -> None:
    share = (Y == 0).mean() if alpha == "balanced" else alpha
    mine = XGBLossClassifier(loss_alpha=alpha, **BOTH).fit(COARSE, Y)
    weights = np.where(Y == 1, share, 1 - share)
    reference = XGBClassifier(base_score=Y.mean(), **BOTH).fit(COARSE, Y, sample_weight=weights)
    np.testing.assert_allclose(margin(mine, COARSE), margin(reference, COARSE), atol=1e-5)
    assert mine.loss_ == Loss(pytest.approx(share), 0)


@pytest.mark.parametrize("gamma", [0, 2])
def test_a_weight_of_3_is_a_row_that_is_there_three_times(gamma: float) -> None:
    times = np.where(np.arange(len(Y)) % 5 == 0, 3, 1)
    weighted = XGBLossClassifier(loss_alpha=0.25, loss_gamma=gamma, **BOTH).fit(
        COARSE, Y, sample_weight=times
    )
    again = np.repeat(np.arange(len(Y)), times)
    repeated = XGBLossClassifier(loss_alpha=0.25, loss_gamma=gamma, **BOTH).fit(
        COARSE[again], Y[again]
    )
    np.testing.assert_allclose(margin(weighted, COARSE), margin(repeated, COARSE), atol=1e-4)


# Where boosting starts


def test_boosting_starts_at_the_log_odds_of_the_positives_by_weight_and_the_margin_holds_them() -> (
    None
):
    still = {**BOTH, "learning_rate": 0.0}
    np.testing.assert_allclose(
        margin(XGBLossClassifier(**still).fit(X, Y)), logit(Y.mean()), rtol=1e-6
    )
    weights = np.where(Y == 1, 5.0, 1.0)
    weighted = XGBLossClassifier(**still).fit(X, Y, sample_weight=weights)
    np.testing.assert_allclose(margin(weighted), logit(np.average(Y, weights=weights)), rtol=1e-6)
    given = XGBLossClassifier(base_score=0.3, **still).fit(X, Y)
    np.testing.assert_allclose(margin(given), logit(0.3), rtol=1e-6)


def test_the_rows_of_an_eval_set_start_where_the_rows_fitted_on_do() -> None:
    model = XGBLossClassifier(loss_gamma=2, **{**BOTH, "learning_rate": 0.0})
    model.fit(X, Y, eval_set=[(X_VALIDATION, Y_VALIDATION)], verbose=False)
    expected = model.loss_.value(Y_VALIDATION, np.full(len(Y_VALIDATION), logit(Y.mean()))).mean()
    (curve,) = model.evals_result()["validation_0"].values()
    np.testing.assert_allclose(curve, expected, rtol=1e-5)


# Focal loss


@pytest.mark.parametrize("alpha", [None, 0.25, "balanced"])
@pytest.mark.parametrize("gamma", [0.1, 0.5, 1, 2, 5])
def test_focal_loss_falls_in_every_round_and_what_there_is_to_learn_is_learned(
    gamma: float, alpha: Any
) -> None:
    """1 % positives: at the start every positive row is where the loss is concave."""
    features, y = rows(3000, share=0.01)
    model = XGBLossClassifier(loss_alpha=alpha, loss_gamma=gamma, **BOTH)
    model.fit(features, y, eval_set=[(features, y)], verbose=False)
    curve = model.evals_result()["validation_0"]["loss"]
    assert (np.diff(curve) < 1e-9).all()
    assert curve[-1] < 0.5 * model.loss_.value(y, np.full(len(y), logit(y.mean()))).mean()
    other, labels = rows(3000, share=0.01, seed=1)
    assert average_precision_score(labels, margin(model, other)) > 10 * labels.mean()


@pytest.mark.parametrize("gamma", [0.1, 0.5, 2])
def test_no_leaf_moves_the_log_odds_by_more_than_the_floor_of_the_hessian_allows(
    gamma: float,
) -> None:
    features, y = rows(3000, share=0.01)
    model = XGBLossClassifier(loss_gamma=gamma, min_child_weight=0, reg_lambda=0, **BOTH).fit(
        features, y
    )
    trees = model.get_booster().trees_to_dataframe()
    steps = trees.loc[trees.Feature == "Leaf", "Gain"].abs() / 0.3
    assert steps.max() <= (1 + gamma) / gamma * (1 + 1e-5)
    assert steps.max() > 0.3 * (1 + gamma) / gamma


def test_the_hessian_is_the_exact_one_with_gamma_0_and_where_the_model_is_right() -> None:
    z = np.linspace(-30, 30, 601)
    for y in (0, 1):
        own = z if y == 1 else -z
        for gamma in (0, 0.5, 2, 5):
            gradient, hessian = (loss := Loss(0.25, gamma)).derivatives(np.full(len(z), y), z)
            floored = curvature(loss, gradient, hessian)
            assert (floored >= MIN_CURVATURE).all()
            right = (own > 0) | (gamma == 0)
            np.testing.assert_array_equal(floored[right], np.maximum(hessian[right], MIN_CURVATURE))


def test_a_higher_gamma_leaves_the_scores_of_easy_rows_less_extreme() -> None:
    extremes = [
        np.abs(margin(XGBLossClassifier(loss_gamma=gamma, **BOTH).fit(X, Y))).max()
        for gamma in (0, 1, 3)
    ]
    assert extremes == sorted(extremes, reverse=True)


# What it gives


def test_probabilities_are_those_of_the_margin_and_are_held_against_one_half() -> None:
    for gamma in (0, 2):
        model = XGBLossClassifier(loss_gamma=gamma, **BOTH).fit(X, Y)
        proba = model.predict_proba(X)
        np.testing.assert_allclose(proba[:, 1], expit(margin(model).astype(float)), rtol=1e-5)
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        np.testing.assert_array_equal(model.predict(X), margin(model) > 0)
        np.testing.assert_array_equal(
            score(MODELS["xgboost"], model, X), expit(margin(model).astype(float))
        )
        assert 0 < model.predict(X).sum() < len(Y)
        assert model.classes_.tolist() == [0, 1]


def test_the_same_rows_give_the_same_margins() -> None:
    one, other = (
        XGBLossClassifier(loss_gamma=2, subsample=0.5, **BOTH).fit(X, Y) for _ in range(2)
    )
    np.testing.assert_array_equal(margin(one), margin(other))


def test_a_model_survives_a_pickle_before_and_after_it_is_fitted() -> None:
    model = pickle.loads(
        pickle.dumps(XGBLossClassifier(loss_alpha=0.25, loss_gamma=2, **BOTH))
    ).fit(X, Y)
    there = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(margin(there), margin(model))
    assert there.loss_ == Loss(0.25, 2)


def test_parameters_are_kept_cloned_and_set() -> None:
    model = XGBLossClassifier(loss_alpha=0.25, loss_gamma=2, gamma=0.1, max_depth=3, **BOTH)
    before = model.get_params()
    assert (before["loss_alpha"], before["loss_gamma"], before["gamma"], before["max_depth"]) == (
        0.25,
        2,
        0.1,
        3,
    )
    model.fit(X, Y)
    np.testing.assert_equal(model.get_params(), before)
    np.testing.assert_equal(clone(model).get_params(), before)
    assert (
        model.set_params(loss_gamma=1, max_depth=4).get_params()["loss_gamma"] == 1
    )  # reaches a booster that is fitted
    assert not {"loss_alpha", "loss_gamma"} & set(model.get_xgb_params())
    assert "loss_gamma=1" in repr(model)
    assert (XGBLossClassifier().loss_alpha, XGBLossClassifier().loss_gamma) == ("balanced", 0)


def test_xgboost_does_not_warn_of_parameters_of_the_loss(capfd: pytest.CaptureFixture[str]) -> None:
    XGBLossClassifier(loss_gamma=2, verbosity=2, validate_parameters=True, **BOTH).fit(X, Y)
    output = "".join(capfd.readouterr())
    assert "not used" not in output
    assert "loss_" not in output


# Early stopping


def test_early_stopping_looks_at_the_loss_that_is_minimised() -> None:
    model = XGBLossClassifier(
        loss_gamma=1, early_stopping_rounds=5, **{**BOTH, "n_estimators": 300}
    )
    model.fit(X, Y, eval_set=[(X_VALIDATION, Y_VALIDATION)], verbose=False)
    (name, curve), *others = model.evals_result()["validation_0"].items()
    assert (name, others) == ("loss", [])
    assert model.best_iteration == np.argmin(curve) > 0
    assert len(curve) < 300
    at_best = model.loss_.value(Y_VALIDATION, margin(model, X_VALIDATION)).mean()
    assert at_best == pytest.approx(min(curve), rel=1e-4) == pytest.approx(model.best_score)


def test_cross_entropy_of_a_natural_validation_rows_would_stop_a_balanced_loss_at_once() -> None:
    stopped = {}
    for metric in ("logloss", None):
        model = XGBLossClassifier(
            early_stopping_rounds=10, eval_metric=metric, learning_rate=0.1, **BOTH
        )
        model.fit(X, Y, eval_set=[(X_VALIDATION, Y_VALIDATION)], verbose=False)
        stopped[metric] = model.best_iteration
    assert stopped["logloss"] < 3 < stopped[None]


def test_a_metric_that_is_named_is_xgboosts_own() -> None:
    model = XGBLossClassifier(early_stopping_rounds=5, eval_metric=["logloss", "aucpr"], **BOTH)
    model.fit(X, Y, eval_set=[(X_VALIDATION, Y_VALIDATION)], verbose=False)
    curves = model.evals_result()["validation_0"]
    assert list(curves) == ["logloss", "aucpr"]
    assert model.best_iteration == np.argmax(curves["aucpr"])
    proba = model.predict_proba(X_VALIDATION)[:, 1]
    assert curves["logloss"][model.best_iteration] == pytest.approx(
        log_loss(Y_VALIDATION, proba), rel=1e-4
    )


# Mistakes


@pytest.mark.parametrize(
    ("params", "labels", "message"),
    [
        (
            {"loss_alpha": 1.5},
            Y,
            r"^loss_alpha, .* must be a number above 0 and below 1, .*; found 1\.5$",
        ),
        ({"loss_gamma": -1}, Y, r"^loss_gamma, .* must be a number from 0 .*; found -1$"),
        (
            {"scale_pos_weight": 3},
            Y,
            "expected one of them alone, found scale_pos_weight 3 and loss_alpha 'balanced'",
        ),
        (
            {"objective": "binary:hinge"},
            Y,
            "expected objective 'binary:logistic', .*; found 'binary:hinge'",
        ),
        ({}, Y * 2, r"^labels must be 0 and 1; found \[0, 2\]$"),
        ({}, Y * 0, "found 1200 in 1200 negatives and 0 in 0 positives"),
    ],
)
def test_invalid_parameters_are_errors(
    params: dict[str, Any], labels: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        XGBLossClassifier(**params, **BOTH).fit(X, labels)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_estimators": 0}, r"'n_estimators' .* an int in the range \[1, inf\) or None\. Got 0"),
        ({"n_estimators": -3}, "Got -3"),
        ({"n_estimators": 10.5}, "Got 10.5"),
        ({"n_estimators": "ten"}, "Got 'ten'"),
        ({"n_estimators": True}, "n_estimators must be a number; found True"),
        ({"early_stopping_rounds": 0}, "Got 0"),
        ({"early_stopping_rounds": True}, "early_stopping_rounds must be a number; found True"),
        ({"early_stopping_rounds": 2.5}, "Got 2.5"),
        ({"max_depth": -1}, "Got -1"),
        (
            {"learning_rate": 0},
            r"'learning_rate' .* a float in the range \(0\.0, inf\) or None\. Got 0",
        ),
        ({"learning_rate": "1e-3"}, "Got '1e-3'"),
        ({"learning_rate": float("nan")}, "Got nan"),
        ({"subsample": 0}, r"'subsample' .* a float in the range \(0\.0, 1\.0\] or None\. Got 0"),
        ({"colsample_bytree": 1.5}, "Got 1.5"),
        ({"base_score": 1}, r"'base_score' .* a float in the range \(0\.0, 1\.0\) or None\. Got 1"),
        ({"gamma": -1}, "'gamma' .* Got -1"),
        ({"gamma": float("inf")}, "'gamma' .* Got inf"),
        ({"scale_pos_weight": 0}, "'scale_pos_weight' .* Got 0"),
        ({"scale_pos_weight": float("inf")}, "'scale_pos_weight' .* Got inf"),
    ],
)
def test_values_that_xgboost_accepts_and_cannot_use_are_errors(
    params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check_booster(params)


def test_what_is_checked_are_parameters_of_xgboost_whose_defaults_are_fine() -> None:
    params = XGBClassifier().get_params()
    assert set(CONSTRAINTS) <= set(params)
    check_booster(params)
    check_booster(
        {
            "max_depth": 0,
            "max_leaves": 0,
            "subsample": 1,
            "reg_alpha": 0,
            "min_child_weight": 0.5,
            "device": "x",
        }
    )


# Reports on the validation rows


@pytest.mark.parametrize("more", [{}, MIXED, {"booster": "dart", "rate_drop": 0.3}])
@pytest.mark.parametrize("cls", [XGBClassifier, XGBLossClassifier])
def test_a_watch_tells_the_average_precision_every_few_rounds(
    cls: type, more: dict[str, Any]
) -> None:
    reports: list[tuple[int, float]] = []
    watch = Watch((X_VALIDATION, Y_VALIDATION), lambda *output: reports.append(output), every=7)
    model = cls(callbacks=[watch], **BOTH, **more).fit(X, Y)
    assert [step for step, _ in reports] == [7, 14, 21, 28]
    if "booster" not in more:  # later trees of dart change the weights of earlier ones
        for step, value in reports:
            then = model.predict(X_VALIDATION, output_margin=True, iteration_range=(0, step))
            assert value == pytest.approx(average_precision_score(Y_VALIDATION, then), rel=1e-12)
    plain = cls(**BOTH, **more).fit(X, Y)
    np.testing.assert_array_equal(margin(model), margin(plain))  # looking changes nothing


def test_a_watch_serves_one_fit_after_another_and_is_copied_with_its_model() -> None:
    reports: list[int] = []
    model = XGBClassifier(
        callbacks=[Watch((X_VALIDATION, Y_VALIDATION), lambda step, _: reports.append(step))],
        **BOTH,
    )
    clone(model.fit(X, Y)).fit(X, Y)
    model.fit(X, Y)
    assert reports == [10, 20, 30] * 3


@pytest.mark.parametrize("cls", [XGBClassifier, XGBLossClassifier])
def test_what_a_report_raises_ends_the_fit(cls: type) -> None:
    class Pruned(Exception):
        pass

    def report(step: int, _: float) -> None:
        if step == 20:
            raise Pruned

    model = cls(callbacks=[Watch((X_VALIDATION, Y_VALIDATION), report)], **BOTH)
    with pytest.raises(Pruned):
        model.fit(X, Y)
