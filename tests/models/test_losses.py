"""Balanced cross entropy and focal loss against the textbook: in hundreds of digits, by autodiff,
and in plain words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Context, Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from counterpoise.models.losses import Loss, balanced_alpha, check_loss, positive_share

ALPHAS = (None, 0.25, 0.5, 0.999)
GAMMAS = (0.0, 0.1, 0.5, 1.0, 1.7, 2.0, 5.0, 10.0)
EXTREMES = [
    sign * size for size in (0, 1e-8, 1, 36, 37, 100, 709, 710, 745, 1000) for sign in (-1, 1)
]
TINY = 1e-300
"""Below, double precision has fewer digits, or none."""


@pytest.fixture(autouse=True)
def _no_overflow() -> Iterator[None]:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield


# Against central differences of the textbook formula in hundreds of digits


def textbook(y: int, margin: Decimal, alpha: float | None, gamma: float) -> Decimal:
    """-alpha_t (1 - p_t)^gamma log p_t, as Lin et al. write it."""
    p_t = 1 / (1 + (-margin if y == 1 else margin).exp())
    alpha_t = Decimal(1) if alpha is None else Decimal(alpha) if y == 1 else 1 - Decimal(alpha)
    return -alpha_t * (1 - p_t) ** Decimal(gamma) * p_t.ln()


def differences(
    y: int, margin: float, alpha: float | None, gamma: float
) -> tuple[float, float, float]:
    """The loss and its first two derivatives."""
    # 1 - p_t loses 0.43 digits a unit of the margin, and the square of the step divides 30 away
    with localcontext(Context(prec=80 + int(0.6 * abs(margin)), Emin=-(10**8), Emax=10**8)):
        at, step = Decimal(margin), Decimal("1e-15")
        low, middle, high = (textbook(y, at + k * step, alpha, gamma) for k in (-1, 0, 1))
        return (
            float(middle),
            float((high - low) / (2 * step)),
            float((high - 2 * middle + low) / step**2),
        )


@pytest.mark.parametrize("gamma", GAMMAS)
def test_value_gradient_and_hessian_are_those_of_the_textbook_at_any_margin(gamma: float) -> None:
    random = np.random.default_rng(int(10 * gamma))
    for alpha in ALPHAS if gamma in (0, 2) else (0.25, 0.999):
        margins = [*EXTREMES, *random.normal(scale=4, size=6), *random.uniform(-1000, 1000, size=2)]
        for y in (0, 1):
            expected = np.array([differences(y, float(margin), alpha, gamma) for margin in margins])
            loss = Loss(alpha, gamma)
            found = (loss.value, loss.gradient, loss.hessian)
            for k, name in enumerate(("value", "gradient", "hessian")):
                np.testing.assert_allclose(
                    found[k](np.full(len(margins), y), margins),
                    expected[:, k],
                    rtol=1e-10,
                    atol=TINY,
                    err_msg=f"{name} of label {y}, alpha {alpha}",
                )


# Against autodiff


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradient_and_hessian_are_those_of_autodiff(gamma: float) -> None:
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        random = np.random.default_rng(0)
        y = np.tile([0, 1], 60)

        def plain(margin, label, alpha):
            p = jax.nn.sigmoid(margin)
            p_t, alpha_t = (
                label * p + (1 - label) * (1 - p),
                label * alpha + (1 - label) * (1 - alpha),
            )
            return -alpha_t * (1 - p_t) ** gamma * jax.numpy.log(p_t)

        def of_log_odds(margin, label, alpha):
            own, alpha_t = (2 * label - 1) * margin, label * alpha + (1 - label) * (1 - alpha)
            return (
                -alpha_t * jax.numpy.exp(gamma * jax.nn.log_sigmoid(-own)) * jax.nn.log_sigmoid(own)
            )

        extreme = np.concatenate([np.repeat(EXTREMES, 2), random.uniform(-1000, 1000, 80)])
        # in the textbook's own form 1 - p has no digits left beyond 36; in log odds autodiff is
        # good to the ends
        for form, margin in ((plain, random.normal(scale=3, size=120)), (of_log_odds, extreme)):
            for alpha in (0.25, 0.5, 0.999):
                loss, labels = Loss(alpha, gamma), y.astype(float)
                for found, derivative in ((loss.gradient, jax.grad), (loss.hessian, jax.hessian)):
                    expected = jax.vmap(derivative(form), in_axes=(0, 0, None))(
                        margin, labels, alpha
                    )
                    np.testing.assert_allclose(
                        found(y, margin), np.asarray(expected), rtol=1e-6, atol=1e-12
                    )


# Against scikit-learn


def test_gamma_0_is_scikit_learns_cross_entropy_and_a_balanced_alpha_its_weights() -> None:
    random = np.random.default_rng(1)
    y, margin = (random.random(500) < 0.1).astype(np.int8), random.normal(size=500)
    plain = Loss(None, 0).value(y, margin)
    assert plain.mean() == pytest.approx(log_loss(y, 1 / (1 + np.exp(-margin))))
    times = (
        Loss(balanced_alpha(y), 0).value(y, margin) / plain / compute_sample_weight("balanced", y)
    )
    np.testing.assert_allclose(times, times[0])


# In plain words

margins = st.floats(-1000, 1000)
gammas = st.floats(0, 10)
alphas = st.floats(0.001, 0.999)
labels = st.integers(0, 1)


def own(y: int, z: float) -> float:
    """The margin at which a row of this label has log odds z of its own class."""
    return z if y == 1 else -z


@given(labels, alphas, gammas, margins)
def test_everything_is_finite_and_a_loss_is_never_negative(
    y: int, alpha: float, gamma: float, margin: float
) -> None:
    loss = Loss(alpha, gamma)
    assert np.isfinite([loss.value(y, margin), *loss.derivatives(y, margin)]).all()
    assert loss.value(y, margin) >= 0


@given(labels, alphas, gammas, margins, margins)
def test_loss_grows_from_confident_right_to_unsure_to_confident_wrong(
    y: int, alpha: float, gamma: float, one: float, other: float
) -> None:
    worse, better = sorted((one, other))
    loss = Loss(alpha, gamma)
    assert loss.value(y, own(y, better)) <= loss.value(y, own(y, worse)) * (1 + 1e-12)


@given(labels, alphas, gammas, margins)
def test_the_gradient_pulls_a_row_towards_its_own_class(
    y: int, alpha: float, gamma: float, margin: float
) -> None:
    gradient = Loss(alpha, gamma).gradient(y, margin)
    assert gradient <= 0 if y == 1 else gradient >= 0


@given(alphas, labels, margins)
def test_gamma_0_is_cross_entropy_times_the_weight_of_the_class(
    alpha: float, y: int, margin: float
) -> None:
    weight, balanced, plain = (alpha if y == 1 else 1 - alpha), Loss(alpha, 0), Loss(None, 0)
    assert balanced.value(y, margin) == pytest.approx(weight * plain.value(y, margin), abs=TINY)
    p = 1 / (1 + math.exp(-margin)) if margin > -700 else 0.0
    assert plain.gradient(y, margin) == pytest.approx(p - y, abs=1e-15)
    assert plain.hessian(y, margin) == pytest.approx(p * (1 - p), abs=1e-15)
    assert plain.hessian(y, margin) >= 0


@given(gammas, margins, st.sampled_from([0.5, None]))
def test_with_equal_weights_the_classes_are_mirror_images(
    gamma: float, margin: float, alpha: float | None
) -> None:
    loss = Loss(alpha, gamma)
    assert loss.value(1, margin) == loss.value(0, -margin)
    assert loss.gradient(1, margin) == -loss.gradient(0, -margin)
    assert loss.hessian(1, margin) == loss.hessian(0, -margin)


@given(labels, alphas, gammas, gammas, margins)
def test_a_higher_gamma_never_makes_a_row_cost_more_and_spares_the_easy_rows_most(
    y: int, alpha: float, one: float, other: float, margin: float
) -> None:
    low, high = (Loss(alpha, gamma) for gamma in sorted((one, other)))
    assert high.value(y, margin) <= low.value(y, margin) * (1 + 1e-12)
    if low.value(y, own(y, 3.0)) > 0 and low.value(y, own(y, -3.0)) > 0:
        easy, hard = (high.value(y, own(y, z)) / low.value(y, own(y, z)) for z in (3.0, -3.0))
        assert easy <= hard * (1 + 1e-12)


@given(labels, alphas, gammas)
def test_far_out_a_wrong_row_costs_its_log_odds_and_a_right_one_nothing(
    y: int, alpha: float, gamma: float
) -> None:
    loss, weight = Loss(alpha, gamma), alpha if y == 1 else 1 - alpha
    assert loss.value(y, own(y, -1000)) == pytest.approx(1000 * weight)
    assert abs(loss.gradient(y, own(y, -1000))) == pytest.approx(weight)
    assert loss.hessian(y, own(y, -1000)) == 0
    assert [loss.value(y, own(y, 1000)), *loss.derivatives(y, own(y, 1000))] == [0, 0, 0]


def test_focal_loss_is_concave_where_the_model_is_sure_and_wrong_alone() -> None:
    p = np.linspace(0.001, 0.999, 999)
    concave = p[Loss(0.25, 2).hessian(np.ones(999), np.log(p / (1 - p))) < 0]
    assert (concave.min(), concave.max()) == pytest.approx((0.001, 0.057))
    assert (Loss(0.25, 0).hessian(np.ones(999), np.log(p / (1 - p))) > 0).all()


def test_margins_of_single_precision_are_reckoned_with_in_double() -> None:
    y, margin = np.array([0, 1, 1], np.int8), np.array([-20, 20, 88], np.float32)
    for found in (Loss(0.25, 2).value, Loss(0.25, 2).gradient, Loss(0.25, 2).hessian):
        assert found(y, margin).dtype == np.float64
        np.testing.assert_array_equal(found(y, margin), found(y, margin.astype(float)))
        assert (found(y, margin) != 0).all()


# Shares of rows


def test_a_balanced_alpha_is_the_share_of_the_negatives_of_the_rows_fitted_on() -> None:
    y = np.array([0, 0, 0, 1])
    assert balanced_alpha(y) == 0.75
    assert balanced_alpha(np.concatenate([y, [1, 1]])) == 0.5
    loss = Loss(balanced_alpha(y), 0)
    at_0 = loss.value(y, np.zeros(4))
    assert at_0[y == 1].sum() == pytest.approx(at_0[y == 0].sum())


def test_the_share_of_the_positives_is_by_weight() -> None:
    assert positive_share([0, 0, 0, 1]) == 0.25
    assert positive_share([0, 0, 0, 1], [1, 1, 0, 6]) == 0.75


def test_one_class_alone_has_no_share() -> None:
    with pytest.raises(
        ValueError, match=r"weight above 0 in each, found 3 in 3 negatives and 0 in 0 positives"
    ):
        balanced_alpha(np.zeros(3))
    with pytest.raises(ValueError, match=r"found 0 in 1 negatives and 2 in 1 positives"):
        positive_share([0, 1], [0, 2])


# What params.yaml may say


@pytest.mark.parametrize("alpha", [None, "balanced", 0.25, 1e-6, np.float32(0.5)])
@pytest.mark.parametrize("gamma", [0, 2, 0.5, 10.0, np.int64(2)])
def test_what_a_loss_may_be(alpha: object, gamma: object) -> None:
    check_loss(alpha, gamma)


@pytest.mark.parametrize("alpha", [0, 1, -0.5, 1.5, math.nan, math.inf, "even", True, [0.5], "0.5"])
def test_an_invalid_alpha_is_an_error(alpha: object) -> None:
    with pytest.raises(
        ValueError, match=r"^loss_alpha, .* above 0 and below 1, 'balanced' .* or None"
    ) as caught:
        check_loss(alpha, 0)
    assert str(caught.value).endswith(f"found {alpha!r}")


@pytest.mark.parametrize("gamma", [-0.1, 21, 1e6, math.nan, math.inf, None, "2", True])
def test_an_invalid_gamma_is_an_error(gamma: object) -> None:
    with pytest.raises(
        ValueError, match=r"^loss_gamma, .* must be a number from 0 \(cross entropy\) to 20"
    ) as caught:
        check_loss(None, gamma)
    assert str(caught.value).endswith(f"found {gamma!r}")
