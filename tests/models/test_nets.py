"""Neural nets and what ranks rows by how unusual they are: what they learn, what they refuse, and
the same bytes twice."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score
from xgboost import XGBClassifier

from counterpoise.core.errors import NotApplicable
from counterpoise.core.paths import REPOSITORY
from counterpoise.models import nets
from counterpoise.models.anomaly import (
    AutoencoderClassifier,
    AutoencoderXGBClassifier,
    IsolationForestClassifier,
    flagging,
)
from counterpoise.models.class_weights import class_weights
from counterpoise.models.nets import Autoencoder, KerasMLP, keras_on_jax

MLP = {"layers": (8,), "steps": 60, "chunks": 6, "random_state": 0}
"""One design for most tests, which compiles once."""


def learnable(rows: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three numbers, a tenth of the rows positive and two standard deviations apart."""
    random = np.random.default_rng(seed)
    y = (np.arange(rows) % 10 == 0).astype(np.int8)
    return random.normal(size=(rows, 3)) + 2 * y[:, None] * [1, -1, 0], y


def planted(rows: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Six numbers that lie in a plane, but for one row in twenty that lies as near to the mean and
    beside the plane."""
    random = np.random.default_rng(seed)
    y = (np.arange(rows) % 20 == 0).astype(np.int8)
    plane = random.normal(size=(rows, 2)) @ np.linalg.qr(random.normal(size=(6, 6)))[0][:2]
    X = np.where(y[:, None] == 1, random.permuted(plane, axis=1), plane)
    return X + 0.05 * random.normal(size=X.shape), y


X, Y = learnable()
HELD_X, HELD_Y = learnable(300, seed=1)


def same_bytes(one: np.ndarray, other: np.ndarray) -> bool:
    return (
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


def ours() -> dict[str, Any]:
    """Every classifier here, with few steps."""
    few = {"steps": 40, "chunks": 4}
    of_the_net = {f"autoencoder_{name}": value for name, value in few.items()}
    return {
        "mlp": KerasMLP(**{**MLP, "dropout": 0.2}),
        "autoencoder": AutoencoderClassifier(layers=(2,), random_state=0, **few),
        "autoencoder_xgboost": AutoencoderXGBClassifier(
            autoencoder_layers=(2,), random_state=0, **of_the_net, xgboost={"n_estimators": 10}
        ),
        "isolation_forest": IsolationForestClassifier(n_estimators=20, random_state=0),
    }


# What every classifier owes scikit-learn


@pytest.mark.parametrize("name", ours())
def test_a_classifier_is_one_of_scikit_learn(name: str) -> None:
    estimator = ours()[name]
    params = estimator.get_params()
    assert clone(estimator).get_params() == params
    assert type(estimator)().set_params(**params).get_params() == params
    assert estimator.fit(X, Y) is estimator
    assert estimator.get_params() == params
    assert estimator.classes_.tolist() == [0, 1]
    assert estimator.n_features_in_ == 3
    margin, shares = estimator.decision_function(HELD_X), estimator.predict_proba(HELD_X)
    assert margin.dtype == shares.dtype == np.float64
    assert (margin.shape, shares.shape) == ((300,), (300, 2))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(shares[:, 1], expit(margin), rtol=1e-12)
    np.testing.assert_array_equal(estimator.predict(HELD_X), (margin >= 0).astype(int))
    assert not hasattr(clone(estimator), "classes_")


@pytest.mark.parametrize("name", ours())
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(name: str) -> None:
    one, other = (clone(ours()[name]).fit(X, Y).decision_function(HELD_X) for _ in range(2))
    assert same_bytes(one, other)
    third = ours()[name].set_params(random_state=1).fit(X, Y).decision_function(HELD_X)
    assert not np.array_equal(one, third)


DIGESTS = """
import hashlib
from tests.models.test_nets import HELD_X, X, Y, ours
for name, estimator in ours().items():
    print(name, hashlib.sha256(estimator.fit(X, Y).decision_function(HELD_X).tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_another_process_gives_the_same_bytes_whatever_its_environment_says_of_keras_and_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("PJRT_NPROC", "2")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", DIGESTS],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    here = {
        n: hashlib.sha256(e.fit(X, Y).decision_function(HELD_X).tobytes()).hexdigest()
        for n, e in ours().items()
    }
    assert dict(line.split() for line in done.stdout.splitlines()) == here


@pytest.mark.parametrize("name", ours())
def test_the_score_of_a_row_is_its_own(name: str) -> None:
    """Neither the rows beside it nor how many they are change it."""
    estimator = ours()[name].fit(X, Y)
    together = estimator.decision_function(np.tile(X, (3, 1)))
    np.testing.assert_array_equal(together[: len(X)], together[len(X) : 2 * len(X)])
    np.testing.assert_array_equal(estimator.decision_function(X[:1]), together[:1])
    np.testing.assert_array_equal(estimator.decision_function(X[::-1]), together[: len(X)][::-1])


@pytest.mark.parametrize("name", ours())
def test_rows_and_labels_that_make_no_sense_are_refused(name: str) -> None:
    estimator = ours()[name]
    with pytest.raises(ValueError, match="contains NaN"):
        estimator.fit(np.where(X > 2, np.nan, X), Y)
    with pytest.raises(
        ValueError, match=r"y must be a vector of labels 0 and 1, both among them; .* \[0\]"
    ):
        estimator.fit(X, 0 * Y)
    with pytest.raises(
        ValueError, match=r"y must be a vector of labels 0 and 1, both among them; .* \[0, 2\]"
    ):
        estimator.fit(X, Y * 2)
    estimator.fit(X, Y)
    with pytest.raises(ValueError, match="X has 2 features, but"):
        estimator.decision_function(X[:, :2])


# What is learned


def test_a_net_learns_what_there_is_to_learn() -> None:
    for more in (
        {},
        {"loss": "balanced"},
        {"loss": "focal"},
        {"class_weight": "balanced"},
        {"optimizer": "rmsprop"},
    ):
        net = KerasMLP(**{**MLP, "steps": 200, "learning_rate": 0.01}, **more).fit(X, Y)
        # of one row in ten
        assert average_precision_score(HELD_Y, net.decision_function(HELD_X)) > 0.8


def test_weights_of_the_classes_raise_recall() -> None:
    plain, weighted, balanced = (
        KerasMLP(**MLP, **more).fit(X, Y).predict(HELD_X)
        for more in ({}, {"class_weight": "balanced"}, {"loss": "balanced"})
    )
    for predicted in (weighted, balanced):
        assert predicted[HELD_Y == 1].mean() > plain[HELD_Y == 1].mean() + 0.1


def test_a_weight_of_a_class_is_a_weight_of_its_rows_and_an_alpha_of_the_loss() -> None:
    fits = [
        KerasMLP(**MLP, class_weight={0: 0.25, 1: 0.75}).fit(X, Y),
        KerasMLP(**MLP).fit(X, Y, sample_weight=np.where(Y == 1, 0.75, 0.25)),
        KerasMLP(**MLP, loss="balanced", loss_alpha=0.75).fit(X, Y),
        KerasMLP(**MLP, loss="focal", loss_alpha=0.75, loss_gamma=0).fit(X, Y),
        KerasMLP(
            **MLP, loss="focal", loss_alpha=None, loss_gamma=0, class_weight={0: 0.25, 1: 0.75}
        ).fit(X, Y),
    ]
    assert [net.alpha_ for net in fits] == [None, None, 0.75, 0.75, None]
    first, *others = (net.decision_function(HELD_X) for net in fits)
    for other in others:
        assert same_bytes(first, other)
    assert not np.array_equal(first, KerasMLP(**MLP).fit(X, Y).decision_function(HELD_X))


def test_a_balanced_alpha_is_the_share_of_negatives_among_the_rows_fitted_on() -> None:
    assert KerasMLP(**MLP, loss="focal").fit(X, Y).alpha_ == pytest.approx(0.9)
    few = np.concatenate([np.flatnonzero(Y == 1), np.flatnonzero(Y == 0)[:60]])
    assert KerasMLP(**MLP, loss="balanced").fit(X[few], Y[few]).alpha_ == 0.5


def test_focal_loss_with_gamma_0_and_alpha_one_half_is_half_of_cross_entropy() -> None:
    """So twice the learning rate makes the same steps, but for rounding."""
    half = KerasMLP(
        **MLP, loss="focal", loss_alpha=0.5, loss_gamma=0, optimizer="sgd", learning_rate=0.5
    ).fit(X, Y)
    whole = KerasMLP(**MLP, optimizer="sgd", learning_rate=0.25).fit(X, Y)
    np.testing.assert_allclose(
        half.decision_function(HELD_X), whole.decision_function(HELD_X), rtol=1e-4
    )
    np.testing.assert_allclose(
        np.multiply(2, half.history_["loss"]), whole.history_["loss"], rtol=1e-6
    )


def test_the_output_starts_at_the_log_odds_of_the_positives_share_by_weight() -> None:
    still = {**MLP, "steps": 1, "learning_rate": 1e-30}
    starts = {
        0.1: KerasMLP(**still).fit(X, Y),
        0.5: KerasMLP(**still, class_weight="balanced").fit(X, Y),
        0.25: KerasMLP(**still).fit(X, Y, sample_weight=np.where(Y == 1, 3, 1)),
        0.9: KerasMLP(**still, class_weight={0: 1, 1: 81}).fit(X, Y),
    }
    for share, net in starts.items():
        bias = np.asarray(net.model_.get_layer("output").bias.value)
        np.testing.assert_allclose(bias, [logit(share)], rtol=1e-6, atol=1e-6)


# Steps


@pytest.mark.parametrize("rows", [20, 128, 1000])
def test_a_fit_takes_as_many_steps_whatever_the_number_of_rows(rows: int) -> None:
    net = KerasMLP(layers=(8,)).fit(X[:rows], Y[:rows])
    assert net.steps_ == 1000 and len(net.history_["step"]) == 20
    few = KerasMLP(layers=(8,), steps=7).fit(X[:rows], Y[:rows])
    assert few.history_["step"] == [1, 2, 3, 4, 5, 6, 7]


def test_steps_are_rounded_up_to_pieces_of_equal_length() -> None:
    assert KerasMLP(layers=(8,), steps=50, chunks=20).fit(X, Y).steps_ == 51


def test_an_epoch_is_as_many_steps_as_there_are_batches() -> None:
    net = KerasMLP(layers=(8,), epochs=3).fit(X, Y)
    assert net.steps_ == 3 * 5
    assert net.history_["step"] == [5, 10, 15]


def test_every_row_is_seen_as_often_as_any_other() -> None:
    batches = nets._batches(10, 4, np.random.default_rng(0))
    seen = np.concatenate([next(batches) for _ in range(5)])
    for start in (0, 10):
        assert sorted(seen[start : start + 10]) == list(range(10))


def test_the_learning_curve_has_a_point_a_piece() -> None:
    net = KerasMLP(**MLP).fit(X, Y)
    assert list(net.history_) == ["step", "loss"]
    assert net.history_["step"] == [10, 20, 30, 40, 50, 60]
    assert net.steps_ == 60
    assert net.best_step_ is None
    held = KerasMLP(**MLP).fit(X, Y, validation=(HELD_X, HELD_Y))
    assert list(held.history_) == [
        "step",
        "loss",
        "validation_loss",
        "validation_average_precision",
    ]
    assert {len(values) for values in held.history_.values()} == {6}
    assert all(type(value) is float for values in held.history_.values() for value in values)
    # to look changes nothing
    assert same_bytes(net.decision_function(X), held.decision_function(X))
    scores = held.decision_function(HELD_X)
    assert held.history_["validation_average_precision"][-1] == average_precision_score(
        HELD_Y, scores
    )
    own = np.where(HELD_Y == 1, scores, -scores)
    assert held.history_["validation_loss"][-1] == pytest.approx(
        np.log1p(np.exp(-own)).mean(), rel=1e-12
    )


def test_the_loss_on_the_validation_slice_has_the_weights_of_training() -> None:
    net = KerasMLP(**MLP, class_weight="balanced").fit(X, Y, validation=(X, Y))
    own = np.where(Y == 1, 1, -1) * net.decision_function(X)
    expected = np.mean(np.array(class_weights("balanced", Y))[Y] * np.log1p(np.exp(-own)))
    assert net.history_["validation_loss"][-1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "held", [None, (HELD_X[:0], HELD_Y[:0]), (HELD_X[HELD_Y == 0], HELD_Y[HELD_Y == 0])]
)
def test_a_validation_slice_of_one_class_is_none(held: Any) -> None:
    seen: list[Any] = []
    for net in (KerasMLP(**MLP), AutoencoderClassifier(layers=(2,), steps=4)):
        net.fit(X, Y, validation=held, report=lambda *values: seen.append(values))
        assert list(net.history_) == ["step", "loss"]
        net.set_params(patience=2)
        with pytest.raises(NotApplicable, match="early stopping needs validation rows"):
            net.fit(X, Y, validation=held)
    with pytest.raises(NotApplicable, match="early stopping needs validation rows of both classes"):
        AutoencoderXGBClassifier(xgboost={"early_stopping_rounds": 2}).fit(X, Y, validation=held)
    assert not seen


# Early stopping and reports


def test_early_stopping_keeps_the_best_weights() -> None:
    # nothing to learn, so that the curve goes up and down
    noise = np.random.default_rng(3).permutation(HELD_Y)
    net = KerasMLP(**{**MLP, "steps": 400, "chunks": 40}, patience=3).fit(
        X, Y, validation=(HELD_X, noise)
    )
    curve = net.history_["validation_average_precision"]
    best = int(np.argmax(curve))
    assert len(curve) == best + 4 < 40
    assert net.best_step_ == net.history_["step"][best]
    assert net.steps_ == net.history_["step"][-1] == 10 * len(curve)
    assert average_precision_score(noise, net.decision_function(HELD_X)) == max(curve)


def test_patience_that_never_ends_keeps_the_best_weights_too() -> None:
    net = KerasMLP(**MLP, patience=100).fit(X, Y, validation=(HELD_X, HELD_Y))
    curve = net.history_["validation_average_precision"]
    assert len(curve) == 6
    assert average_precision_score(HELD_Y, net.decision_function(HELD_X)) == max(curve)


def test_an_autoencoder_stops_early_by_its_error_on_the_negatives_of_the_slice() -> None:
    net = AutoencoderClassifier(
        layers=(2,), steps=200, chunks=20, learning_rate=0.3, patience=3, random_state=0
    )
    net.fit(X, Y, validation=(HELD_X, HELD_Y))
    curve = net.history_["validation_loss"]
    assert len(curve) == len(net.history_["validation_average_precision"]) < 20
    error = net.autoencoder_.reconstruction_error(HELD_X[HELD_Y == 0]).mean()
    assert error == min(curve) == curve[net.history_["step"].index(net.best_step_)]


@pytest.mark.parametrize(
    "net", [KerasMLP(**MLP), AutoencoderClassifier(layers=(2,), steps=60, chunks=6)]
)
def test_a_report_is_made_of_every_piece(net: Any) -> None:
    seen: list[tuple[int, float]] = []
    net.fit(X, Y, validation=(HELD_X, HELD_Y), report=lambda *values: seen.append(values))
    assert seen == list(
        zip(net.history_["step"], net.history_["validation_average_precision"], strict=True)
    )


@pytest.mark.parametrize(
    "net", [KerasMLP(**MLP), AutoencoderClassifier(layers=(2,), steps=60, chunks=6)]
)
def test_what_a_report_raises_ends_the_fit(net: Any) -> None:
    class Pruned(Exception):
        pass

    steps = []

    def prune(step: int, _: float) -> None:
        steps.append(step)
        if len(steps) == 2:
            raise Pruned

    with pytest.raises(Pruned):
        net.fit(X, Y, validation=(HELD_X, HELD_Y), report=prune)
    assert steps == [10, 20]


# Divergence


def test_a_training_that_diverges_is_reported_with_its_piece() -> None:
    wild = {"layers": (8,), "optimizer": "sgd", "learning_rate": 1e30, "random_state": 0}
    message = r"the training diverged in piece {} of {} \(loss .*\): a smaller learning_rate"
    with pytest.raises(FloatingPointError, match=message.format(1, 3)):
        KerasMLP(**wild, epochs=3).fit(X, Y)
    with pytest.raises(FloatingPointError, match=message.format("[12]", 6)):
        KerasMLP(**wild, steps=60, chunks=6).fit(X, Y)
    with pytest.raises(FloatingPointError, match=message.format(1, 1)):
        Autoencoder(layers=(2,), optimizer="sgd", learning_rate=1e30, steps=60, chunks=1).fit(X)


def test_weights_that_diverge_in_the_last_step_are_reported() -> None:
    wild = KerasMLP(layers=(8,), optimizer="sgd", learning_rate=3e38, steps=1, random_state=0)
    with pytest.raises(FloatingPointError, match=r"the training diverged in piece 1 of 1 "):
        wild.fit(1000 * X, Y)


# Parameters


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"layers": []}, r"layers must be the widths of one hidden layer or more, .*; found \[\]"),
        ({"layers": [8, 0]}, r"layers must be the widths .*; found \[8, 0\]"),
        ({"layers": [8.0]}, r"layers must be the widths .*; found \[8\.0\]"),
        ({"layers": [True]}, r"layers must be the widths .*; found \[True\]"),
        ({"layers": 64}, "The 'layers' parameter of KerasMLP must be .* Got 64 instead"),
        (
            {"activation": "rulu"},
            "The 'activation' parameter of KerasMLP must be a str among .*'relu'.* Got 'rulu'",
        ),
        (
            {"dropout": 1.0},
            "The 'dropout' parameter of KerasMLP must be a float in the range .* Got 1.0",
        ),
        (
            {"dropout": -0.1},
            "The 'dropout' parameter of KerasMLP must be a float in the range .* Got -0.1",
        ),
        (
            {"optimizer": "adamw"},
            "The 'optimizer' parameter of KerasMLP must be a str among .* Got 'adamw'",
        ),
        (
            {"learning_rate": 0},
            "The 'learning_rate' parameter of KerasMLP must be a float in the range .* Got 0",
        ),
        ({"learning_rate": math.nan}, "The 'learning_rate' parameter of KerasMLP .* Got nan"),
        ({"learning_rate": math.inf}, "The 'learning_rate' parameter of KerasMLP .* Got inf"),
        ({"learning_rate": "1e-3"}, "The 'learning_rate' parameter of KerasMLP .* Got '1e-3'"),
        (
            {"batch_size": 0},
            "The 'batch_size' parameter of KerasMLP must be an int in the range .* Got 0",
        ),
        ({"batch_size": True}, "batch_size must not be True"),
        ({"epochs": 0}, "The 'epochs' parameter of KerasMLP .* Got 0"),
        ({"steps": 0.5}, "The 'steps' parameter of KerasMLP .* Got 0.5"),
        (
            {"steps": 500, "epochs": 3},
            "epochs and steps both say how long to train: .* found epochs 3 and steps 500",
        ),
        ({"chunks": 0}, "The 'chunks' parameter of KerasMLP .* Got 0"),
        ({"patience": 0}, "The 'patience' parameter of KerasMLP .* Got 0"),
        ({"random_state": -1}, "The 'random_state' parameter of KerasMLP .* Got -1"),
        ({"loss": "hinge"}, "The 'loss' parameter of KerasMLP must be a str among .* Got 'hinge'"),
        (
            {"loss": "focal", "loss_alpha": 1},
            "loss_alpha, the weight of the positive class, must be .* found 1",
        ),
        (
            {"loss_alpha": "even"},
            "loss_alpha, the weight of the positive class, must be .* found 'even'",
        ),
        ({"loss_gamma": -1}, "loss_gamma, .* must be a number from 0 .* to 20; found -1"),
        (
            {"epochs": 10**9},
            r"The 'epochs' parameter of KerasMLP must be an int in the range \[1, 100000\]",
        ),
        (
            {"chunks": 10**9},
            r"The 'chunks' parameter of KerasMLP must be an int in the range \[1, 100000\]",
        ),
        (
            {"loss": "balanced", "loss_alpha": None},
            "loss 'balanced' weighs the classes by loss_alpha, and .* None",
        ),
        (
            {"loss": "focal", "class_weight": "balanced"},
            (
                "class_weight weighs the classes as loss_alpha does in loss 'focal': expected one"
                " of them alone, found"
            ),
        ),
        ({"class_weight": "even"}, "class_weight must be None .* found 'even'"),
        (
            {"class_weight": {0: 1, 1: 2, 2: 3}},
            r"class_weight must be None .* found the keys \[0, 1, 2\]",
        ),
        ({"class_weight": {1: 2}}, r"class_weight must be None .* found the keys \[1\]"),
        (
            {"class_weight": {"0": 1, "1": 2}},
            r"class_weight must be None .* found the keys \['0', '1'\]",
        ),
        ({"class_weight": {0: 1, 1: 0}}, "class_weight must be None .* found 0 for class 1"),
    ],
)
def test_a_wrong_parameter_is_told_before_anything_is_fitted(
    params: dict[str, Any], message: str
) -> None:
    for check in (lambda net: net._validate_params(), lambda net: net.fit(X, Y)):
        with pytest.raises(ValueError, match=message):
            check(KerasMLP(**params))


@pytest.mark.parametrize("class_weight", [{0: 1e-9, 1: 1e9}, {0: 1e9, 1: 1e-9}])
def test_the_heaviest_weights_that_there_are_leave_the_scores_finite(
    class_weight: dict[int, float],
) -> None:
    """Their share is 1 in double precision."""
    assert np.isfinite(
        KerasMLP(**MLP, class_weight=class_weight).fit(X, Y).decision_function(HELD_X)
    ).all()


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (
            Autoencoder(layers=[]),
            r"layers must be the widths of one hidden layer or more, .*; found \[\]",
        ),
        (Autoencoder(steps=5, epochs=5), "epochs and steps both say how long to train"),
        (
            AutoencoderClassifier(batch_size=0),
            "The 'batch_size' parameter of AutoencoderClassifier .* Got 0",
        ),
        (AutoencoderClassifier(steps=5, epochs=5), "epochs and steps both say how long to train"),
        (
            AutoencoderXGBClassifier(autoencoder_steps=0),
            "The 'autoencoder_steps' parameter of AutoencoderXGBC.* Got 0",
        ),
        (
            AutoencoderXGBClassifier(autoencoder_layers=[0]),
            r"layers must be the widths .*; found \[0\]",
        ),
        (
            AutoencoderXGBClassifier(autoencoder_share=1),
            "The 'autoencoder_share' parameter of .* Got 1",
        ),
        (
            AutoencoderXGBClassifier(code="yes"),
            "The 'code' parameter of AutoencoderXGBClassifier .* Got 'yes'",
        ),
        (
            AutoencoderXGBClassifier(xgboost={"max_dept": 3}),
            "xgboost takes the parameters of XGBClassifier apart from n_jobs, .*; found 'max_dept'",
        ),
        (
            AutoencoderXGBClassifier(xgboost={"n_jobs": 2}),
            "xgboost takes the parameters .*; found 'n_jobs'",
        ),
        (
            AutoencoderXGBClassifier(xgboost={"callbacks": [1]}),
            "xgboost takes the parameters .*; found 'callbacks'",
        ),
        (
            AutoencoderXGBClassifier(xgboost={"n_estimators": 0}),
            "The 'n_estimators' parameter of XGBClassifier .* Got 0",
        ),
        (
            AutoencoderXGBClassifier(xgboost={"scale_pos_weight": "balanced"}),
            "'scale_pos_weight' .* Got 'balanced'",
        ),
        (
            IsolationForestClassifier(n_estimators=0),
            "The 'n_estimators' parameter of IsolationForest must be .* Got 0",
        ),
    ],
)
def test_a_wrong_parameter_of_an_anomaly_model_is_told(estimator: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimator._validate_params()


def test_weights_of_rows_that_make_no_sense_are_refused() -> None:
    for wrong in (np.ones(5), np.full(len(Y), -1.0), np.full(len(Y), np.nan)):
        with pytest.raises(
            ValueError, match=r"^sample_weight must be 600 finite numbers of 0 or more, one a row$"
        ):
            KerasMLP(**MLP).fit(X, Y, sample_weight=wrong)
    with pytest.raises(ValueError, match="a loss of two classes needs rows of both"):
        KerasMLP(**MLP).fit(X, Y, sample_weight=(Y == 0).astype(float))


# Saving


def test_a_net_that_was_saved_gives_the_same_scores(tmp_path: Path) -> None:
    params = {**MLP, "dropout": 0.1, "class_weight": {0: 1.0, 1: np.float64(3)}, "patience": 2}
    net = KerasMLP(**params).fit(X, Y, validation=(HELD_X, HELD_Y))
    folder = tmp_path / "model" / "fold-0"
    net.save(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["net.json", "net.keras"]
    # what a pickle begins with
    assert not [path for path in folder.iterdir() if path.read_bytes()[:1] == b"\x80"]
    back = KerasMLP.load(folder)
    assert same_bytes(back.decision_function(HELD_X), net.decision_function(HELD_X))
    assert back.get_params() == {**net.get_params(), "layers": [8]}
    for name in ("history_", "steps_", "best_step_", "n_features_in_", "alpha_"):
        assert getattr(back, name) == getattr(net, name), name
    assert json.loads((folder / "net.json").read_text())["params"]["class_weight"] == {
        "0": 1.0,
        "1": 3.0,
    }
    keras = keras_on_jax()
    alone = keras.saving.load_model(folder / "net.keras")  # without a line of ours
    np.testing.assert_allclose(
        alone(HELD_X.astype("float32"))[:, 0], net.decision_function(HELD_X), rtol=1e-5
    )


# Where Keras is not, or not ours

WITHOUT = """
import importlib.abc, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"keras", "jax", "jaxlib"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import counterpoise.models.anomaly
import counterpoise.models.nets
from counterpoise.core.errors import NotApplicable

heavy = {"keras", "jax", "tensorflow", "xgboost", "sklearn.ensemble", "sklearn.metrics"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
net = counterpoise.models.nets.KerasMLP()
net._validate_params()
try:
    net.fit([[1.0], [2.0]], [0, 1])
except NotApplicable as reason:
    print(reason)
"""


def test_importing_the_module_is_cheap_and_a_fit_without_keras_is_not_applicable() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert (
        done.stdout
        == "neural nets need the group `nets`, which is not installed: pip install keras jax\n"
    )


def test_keras_on_another_backend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        sys.modules, "keras", SimpleNamespace(backend=SimpleNamespace(backend=lambda: "torch"))
    )
    with pytest.raises(
        RuntimeError, match="Keras was loaded on the backend 'torch' before any net of Counterpoise"
    ):
        keras_on_jax.__wrapped__()


# Autoencoders and anomalies


def test_an_autoencoder_gives_back_what_it_was_shown_and_not_what_is_planted() -> None:
    rows, y = planted()
    for layers in ((2,), None):
        net = Autoencoder(layers=layers, steps=1000, learning_rate=0.01, random_state=0).fit(
            rows[y == 0]
        )
        assert average_precision_score(y, net.reconstruction_error(rows)) > 10 * y.mean()


def test_an_autoencoder_of_one_layer_finds_the_principal_components() -> None:
    rows, y = planted()
    rows = rows[y == 0]
    net = Autoencoder(layers=(2,), steps=3000, learning_rate=0.01, random_state=0).fit(rows)
    pca = PCA(2).fit(rows)
    least = ((rows - pca.inverse_transform(pca.transform(rows))) ** 2).mean()
    assert least <= net.reconstruction_error(rows).mean() < 1.1 * least
    assert net.code(rows).shape == (len(rows), 2)


def test_the_error_of_a_row_is_the_mean_of_its_squared_differences() -> None:
    net = Autoencoder(layers=(2,), steps=10, random_state=0).fit(X)
    back = net.model_(X.astype("float32"))
    errors = net.reconstruction_error(X)
    assert errors.dtype == np.float64
    np.testing.assert_allclose(errors, ((np.asarray(back) - X) ** 2).mean(axis=1), rtol=1e-4)


def test_a_code_that_is_no_narrower_than_the_rows_is_not_applicable() -> None:
    with pytest.raises(
        NotApplicable, match=r"its code has a width of 3, and the rows have 3 features"
    ):
        Autoencoder(layers=(3,)).fit(X)
    with pytest.raises(
        NotApplicable, match=r"its code has a width of 1, and the rows have 1 feature$"
    ):
        Autoencoder().fit(X[:, :1])


@pytest.mark.parametrize(
    ("features", "widths"), [(2, (1, 1, 1)), (6, (3, 2, 3)), (30, (15, 8, 15))]
)
def test_layers_follow_the_number_of_features_and_are_mirrored(
    features: int, widths: tuple[int, ...]
) -> None:
    rows = np.random.default_rng(0).normal(size=(50, features))
    net = Autoencoder(steps=1).fit(rows)
    assert widths_of(net) == [*widths, features]
    net = Autoencoder(layers=[features - 1], steps=1).fit(rows)
    assert widths_of(net) == [features - 1, features]


def widths_of(net: Autoencoder) -> list[int]:
    return [layer.units for layer in net.model_.layers if hasattr(layer, "units")]


def test_half_is_where_as_many_rows_are_flagged_as_are_positive() -> None:
    rows, y = planted()
    net = AutoencoderClassifier(layers=(2,), learning_rate=0.01, random_state=0)
    for estimator in (net, IsolationForestClassifier(random_state=0)):
        estimator.fit(rows, y)
        assert estimator.predict(rows).sum() == y.sum()
        assert (estimator.predict_proba(rows)[:, 1] >= 0.5).sum() == y.sum()
    assert average_precision_score(y, net.decision_function(rows)) > 10 * y.mean()
    assert flagging(np.array([3.0, 1, 2, 5]), 1) == 4
    assert flagging(np.array([3.0, 1, 2, 5]), 3) == 1.5
    assert flagging(np.zeros(4), 2) == 0


def test_the_score_of_an_autoencoder_is_the_log_error_in_standard_deviations_of_the_negatives() -> (
    None
):
    net = AutoencoderClassifier(layers=(2,), steps=20, random_state=0).fit(X, Y)
    error = np.log(net.autoencoder_.reconstruction_error(X))
    np.testing.assert_allclose(
        net.decision_function(X),
        (error - net.log_threshold_) / error[Y == 0].std(),
        rtol=1e-9,
        atol=1e-12,
    )
    # positives were never seen
    alone = Autoencoder(layers=(2,), steps=20, random_state=0).fit(X[Y == 0])
    assert same_bytes(alone.reconstruction_error(X), net.autoencoder_.reconstruction_error(X))


def test_a_forest_flags_what_lies_apart() -> None:
    estimator = IsolationForestClassifier(random_state=0).fit(X, Y)
    assert average_precision_score(HELD_Y, estimator.decision_function(HELD_X)) > 3 * HELD_Y.mean()
    flipped = clone(estimator).fit(X, np.roll(Y, 1))  # which rows are positive makes no difference
    np.testing.assert_array_equal(estimator.decision_function(X), flipped.decision_function(X))


@pytest.mark.parametrize(("code", "columns"), [(True, 3 + 1 + 2), (False, 3 + 1)])
def test_xgboost_sees_no_row_that_its_autoencoder_has_seen(
    code: bool, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, given = [], []
    for cls, note in ((Autoencoder, seen), (XGBClassifier, given)):

        def spy(
            self: Any, *rows: Any, real: Any = cls.fit, note: list[Any] = note, **more: Any
        ) -> Any:
            note.append((*rows, more.get("sample_weight")))
            return real(self, *rows, **more)

        monkeypatch.setattr(cls, "fit", spy)
    estimator = AutoencoderXGBClassifier(
        autoencoder_layers=(2,),
        autoencoder_steps=40,
        autoencoder_share=0.25,
        code=code,
        random_state=0,
    ).fit(X, Y)
    ((shown, _),), ((features, labels, weights),) = seen, given
    assert len(shown) == round(0.25 * (Y == 0).sum())
    assert features.shape == (len(X) - len(shown), columns)
    together = np.concatenate([shown, features[:, :3]])
    np.testing.assert_array_equal(np.sort(together, axis=0), np.sort(X, axis=0))
    assert labels.sum() == Y.sum()
    # the prior stays what it was
    assert weights[labels == 0].sum() == pytest.approx((Y == 0).sum())
    assert set(weights[labels == 1]) == {1.0}
    np.testing.assert_allclose(
        features[:, 3], np.log(estimator.autoencoder_.reconstruction_error(features[:, :3]))
    )


def test_xgboost_stops_early_by_the_validation_slice() -> None:
    estimator = AutoencoderXGBClassifier(
        autoencoder_layers=(2,),
        autoencoder_steps=40,
        random_state=0,
        xgboost={"early_stopping_rounds": 3, "n_estimators": 300},
    ).fit(X, Y, validation=(HELD_X, HELD_Y))
    assert 0 <= estimator.best_iteration_ < 296
    assert estimator.xgboost_.n_jobs == 1
    assert list(estimator.history_) == ["step", "loss", "validation_loss"]
    assert average_precision_score(HELD_Y, estimator.decision_function(HELD_X)) > 0.7
