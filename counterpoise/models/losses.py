"""Balanced cross entropy and focal loss of log odds: they weight classes and easy rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit

from counterpoise.core.types import Floats
from counterpoise.models.class_weights import BALANCED

MAX_GAMMA = 20
"""Largest gamma. Beyond it a row at probability 0.5 counts less than a millionth.

The model would learn nothing.
"""


@dataclass(frozen=True)
class Loss:
    """Focal loss of labels 0 and 1 and a margin, the log odds of label 1.

    With gamma 0 it is balanced cross entropy.

    With p the probability that the margin gives to the row's own class and q = 1 - p, Lin et al.
    (2017, eq. 3 and 5) define

        balanced cross entropy   -alpha log p
        focal loss               -alpha q^gamma log p

    where alpha stands for alpha itself in a positive row and for 1 - alpha in a negative one. Let z
    be the margin of the row's own class: the margin of a positive row, minus the margin of a
    negative one. Then dp/dz = p q and dq/dz = -p q, hence

        first derivative    alpha q^gamma (gamma p log p - q)
        second derivative   alpha q^gamma p (gamma (q - gamma p) log p + (2 gamma + 1) q)

    The two terms of the first derivative never differ in sign. The second derivative is negative
    where the model is sure and wrong: for gamma 2 where p is below 0.058. Everything is computed
    from z through log p = -log(1 + exp(-z)). So nothing overflows and no probability is clipped:
    values at z = 1000 or -1000 are correct as well.

    Parameters
    ----------
    alpha : float in (0, 1) or None
        Weight of the positive class; the negative class has 1 - alpha. None gives both classes the
        weight 1.
    gamma : float, 0 or more
        How strongly rows that the model already gets right are weighted down.

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar, "Focal loss for dense object detection",
    ICCV 2017, section 3 and appendix B.
    """

    alpha: float | None
    gamma: float

    def value(self, y: ArrayLike, margin: ArrayLike) -> Floats:
        """Compute the loss of each row.

        Parameters
        ----------
        y : array of shape (n,), 0 and 1
        margin : array of shape (n,)
            Log odds of label 1.

        Returns
        -------
        ndarray of shape (n,)
        """
        z = _own(y, margin)
        return np.asarray(self._weight(y) * np.exp(self.gamma * log_expit(-z)) * -log_expit(z))

    def gradient(self, y: ArrayLike, margin: ArrayLike) -> Floats:
        """Compute the first derivative of each row's loss with respect to its margin.

        Parameters
        ----------
        y : array of shape (n,), 0 and 1
        margin : array of shape (n,)
            Log odds of label 1.

        Returns
        -------
        ndarray of shape (n,)
        """
        return self.derivatives(y, margin)[0]

    def hessian(self, y: ArrayLike, margin: ArrayLike) -> Floats:
        """Compute the second derivative of each row's loss with respect to its margin.

        Parameters
        ----------
        y : array of shape (n,), 0 and 1
        margin : array of shape (n,)
            Log odds of label 1.

        Returns
        -------
        ndarray of shape (n,)
            The exact values, also where they are negative.
        """
        return self.derivatives(y, margin)[1]

    def derivatives(self, y: ArrayLike, margin: ArrayLike) -> tuple[Floats, Floats]:
        """Compute both derivatives at little more than the cost of one.

        Parameters
        ----------
        y : array of shape (n,), 0 and 1
        margin : array of shape (n,)
            Log odds of label 1.

        Returns
        -------
        first, second : ndarray of shape (n,)
        """
        z, gamma = _own(y, margin), self.gamma
        log_p, p, q = log_expit(z), expit(z), expit(-z)
        scale = self._weight(y) * np.exp(gamma * log_expit(-z))
        first = scale * (gamma * p * log_p - q)
        second = scale * p * (gamma * (q - gamma * p) * log_p + (2 * gamma + 1) * q)
        return np.where(_positive(y), first, -first), np.asarray(second)

    def _weight(self, y: ArrayLike) -> Floats:
        """The weight of each row's class."""
        if self.alpha is None:
            return np.ones(np.shape(y))
        return np.where(_positive(y), self.alpha, 1 - self.alpha)


def _positive(y: ArrayLike) -> NDArray[np.bool_]:
    return np.equal(y, 1)


def _own(y: ArrayLike, margin: ArrayLike) -> Floats:
    """The log odds of each row's own class, always in double precision."""
    odds = np.asarray(margin, dtype=np.float64)
    return np.where(_positive(y), odds, -odds)


def balanced_alpha(y: ArrayLike) -> float:
    """Compute the alpha that gives both classes the same total weight.

    This is the share of the negatives among the rows to fit on. Where a sampler has balanced the
    classes it is 0.5, so nothing is counted twice.

    Parameters
    ----------
    y : array of shape (n,), 0 and 1

    Returns
    -------
    float in (0, 1)

    Raises
    ------
    ValueError
        When there is only one class.
    """
    return 1 - positive_share(y)


def positive_share(y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Compute the share of the positives, by weight where rows have weights.

    Parameters
    ----------
    y : array of shape (n,), 0 and 1
    sample_weight : array of shape (n,), optional

    Returns
    -------
    float in (0, 1)

    Raises
    ------
    ValueError
        When only one class has any weight.
    """
    positive = _positive(y)
    weight = (
        np.ones(positive.shape)
        if sample_weight is None
        else np.asarray(sample_weight, dtype=np.float64)
    )
    of_positives, of_negatives = float(weight[positive].sum()), float(weight[~positive].sum())
    if not (of_positives > 0 and of_negatives > 0):
        raise ValueError(
            "a loss of two classes needs rows of both: expected weight above 0 in each, found"
            f" {of_negatives:g} in {(~positive).sum()} negatives and {of_positives:g} in"
            f" {positive.sum()} positives"
        )
    return of_positives / (of_positives + of_negatives)


def check_loss(alpha: Any, gamma: Any) -> None:
    """Check the parameters `loss_alpha` and `loss_gamma` that a person wrote.

    Parameters
    ----------
    alpha : object
        Valid are a number in (0, 1), "balanced" and None.
    gamma : object
        Valid is a number from 0 to `MAX_GAMMA`.

    Raises
    ------
    ValueError
        With the parameter's name, the valid values and the one found.
    """
    if not (alpha is None or alpha == BALANCED or (_is_number(alpha) and 0 < alpha < 1)):
        raise ValueError(
            "loss_alpha, the weight of the positive class, must be a number above 0 and below 1,"
            f" {BALANCED!r} (the share of the negatives among the rows fitted on) or None (no"
            f" weights); found {alpha!r}"
        )
    if not (_is_number(gamma) and 0 <= gamma <= MAX_GAMMA):
        raise ValueError(
            "loss_gamma, how much less an easy row counts, must be a number from 0 (cross entropy)"
            f" to {MAX_GAMMA}; found {gamma!r}"
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
