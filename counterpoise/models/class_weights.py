"""Weights of training rows: from a weight of each class, or from what is at stake in each row.

At stake in a row (Elkan 2001, section 1.1) is what the wrong decision costs beyond the right one.
`stakes` has two columns:

    stakes[:, 0]   negative row: cost of a false positive less that of a true negative (false alarm)
    stakes[:, 1]   positive row: cost of a false negative less that of a true positive (a miss)

No other difference of the four costs changes a decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.errors import NotApplicable
from counterpoise.core.types import Labels, Matrix, Vector

ClassWeight = Mapping[int, float] | Literal["balanced"] | None

BALANCED = "balanced"
LEAST, MOST = 1e-9, 1e9
"""Beyond these a weight is lost in rounding, or all other weights are beside it: libraries reckon
in single precision."""


def is_weight(value: Any) -> bool:
    """Whether it is a number that a class may weigh."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, bool
    )
    return number and LEAST <= value <= MOST


def check_class_weight(value: Any) -> None:
    """Hold a class weight, as a person wrote it, against what it may be.

    Raises
    ------
    ValueError
        With what it may be and what was found.
    """
    expected = (
        f"class_weight must be None (no weights), {BALANCED!r} (both classes weigh the same in sum)"
        " or a weight for each class, {0: weight, 1: weight}"
    )
    if value is None or (isinstance(value, str) and value == BALANCED):
        return
    if not isinstance(value, Mapping):
        raise ValueError(f"{expected}; found {value!r}")  # noqa: TRY004  one kind of error for whatever params.yaml says
    if any(isinstance(key, bool) for key in value) or set(value) != {0, 1}:
        raise ValueError(f"{expected}; found the keys {list(value)!r}")
    for key in (0, 1):
        if not is_weight(value[key]):
            raise ValueError(
                f"{expected}, both from {LEAST:g} to {MOST:g}; found {value[key]!r} for class {key}"
            )


def class_weights(class_weight: ClassWeight, y: Labels) -> tuple[float, float]:
    """The weight of a negative row and of a positive one.

    "balanced" gives each class n / (2 n_c), as in scikit-learn (King and Zeng 2001): in sum both
    weigh half of the rows, and the mean weight is 1. It is to be computed on the rows that a model
    is fitted on: where a sampler has balanced the classes, both weights are 1.

    Raises
    ------
    ValueError
        When the class weight makes no sense, or "balanced" meets one class alone.
    """
    check_class_weight(class_weight)
    if class_weight is None:
        return 1.0, 1.0
    if isinstance(class_weight, Mapping):
        return float(class_weight[0]), float(class_weight[1])
    positives = int((y == 1).sum())
    negatives = len(y) - positives
    if not (positives and negatives):
        raise ValueError(
            f"class_weight {BALANCED!r} needs rows of both classes; found {negatives} negatives and"
            f" {positives} positives"
        )
    return len(y) / (2 * negatives), len(y) / (2 * positives)


def check_stakes(stakes: Matrix) -> None:
    """Hold stakes against Elkan's reasonableness conditions (2001, section 1.1).

    No wrong decision may cost less than the right one; it may cost the same (a fraud of amount 0).

    Raises
    ------
    ValueError
        With the first row that has such a stake, and how many do.
    """
    if stakes.ndim != 2 or stakes.shape[1] != 2:
        raise ValueError(
            f"stakes must have two columns, one for each class; found the shape {stakes.shape}"
        )
    wrong = ~(np.isfinite(stakes) & (stakes >= 0)).all(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            "a wrong decision must cost at least as much as the right one, and a finite amount"
            f" more; found {stakes[row, 0]:g} more for a false positive and {stakes[row, 1]:g} more"
            f" for a false negative in row {row}, and {int(wrong.sum())} such rows of {len(stakes)}"
        )


def threshold(stakes: Matrix) -> NDArray[np.float64]:
    """For each row the least probability of being positive at which predicting positive costs no
    more than negative.

    With p the probability, predicting positive risks (1 - p) * alarm and predicting negative p *
    miss, so the threshold is alarm / (alarm + miss) (Elkan 2001, section 1.3). Where nothing is at
    stake every decision is right, and 0.5 is as good as any.

    Raises
    ------
    ValueError
        When a stake is negative or not finite.
    """
    check_stakes(stakes)
    # halved before they are added: the sum of two finite stakes may not be finite
    alarm, miss = stakes[:, 0] / 2, stakes[:, 1] / 2
    total = alarm + miss
    half = np.full(len(stakes), 0.5)
    return np.asarray(np.divide(alarm, total, out=half, where=total > 0))


def cost_weights(y: Labels, stakes: Matrix, natural_y: Labels, natural_stakes: Matrix) -> Vector:
    """Weigh each row fitted on by what is at stake in it, so that a model that ignores costs is
    taught to heed them.

    To minimise the cost under the natural distribution is to minimise errors under a distribution
    in which each row is as much more frequent as more is at stake in it (Zadrozny et al. 2003, the
    folk theorem of section 2; Elkan 2001, theorem 1 for stakes that are the same in all rows of a
    class). So within a class a row's weight is in proportion to the stake of its own class, and

    - the sum of each class's weights is in proportion to the total stake of the natural rows of
      that class. What a sampler did to the classes' shares is taken back: a positive row that is
      there ten times has a tenth of the weight each time, and synthetic rows share what their class
      has at stake. Nothing is counted twice;
    - the mean weight is 1, so that penalties and the least weight of a leaf mean what they mean
      without weights.

    A model fitted with these weights decides at 0.5; its scores are no probabilities under the
    natural distribution.

    Parameters
    ----------
    y, stakes : ndarray of shape (n,) and (n, 2)
        The rows fitted on, resampled ones and synthetic ones among them.
    natural_y, natural_stakes : ndarray of shape (m,) and (m, 2)
        The training rows before resampling.

    Raises
    ------
    NotApplicable
        When nothing is at stake in all rows of a class: every weight of that class would be 0.
    ValueError
        When a stake is negative or not finite.

    References
    ----------
    B. Zadrozny, J. Langford, N. Abe, "Cost-sensitive learning by cost-proportionate example
    weighting", ICDM 2003. C. Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.
    """
    check_stakes(stakes)
    check_stakes(natural_stakes)
    weights = np.empty(len(y))
    for label, name in ((0, "negative"), (1, "positive")):
        here, natural = y == label, natural_stakes[natural_y == label, label]
        own = stakes[here, label]
        if not (own.sum() > 0 and natural.sum() > 0):
            raise NotApplicable(
                f"nothing is at stake in the {name} rows: {own.sum():g} in the {len(own)} fitted"
                f" on, {natural.sum():g} in the {len(natural)} natural ones; they would have no"
                " weight"
            )
        weights[here] = own / own.sum() * natural.sum()
    return np.asarray(weights / weights.mean())


def weight_ratio(y: Labels, weights: Vector) -> float:
    """The mean weight of a positive row over the mean weight of a negative one.

    Weighting positives so much more multiplies a model's odds by this ratio, and a correction of
    the log odds takes its logarithm away (Elkan 2001, theorem 2): exact where all rows of a class
    weigh the same, else on average.

    Raises
    ------
    ValueError
        When one class alone has weight.
    """
    positive = y == 1
    if not (weights[positive].sum() > 0 and weights[~positive].sum() > 0):
        raise ValueError(
            f"the weights of two classes are compared, but the {(~positive).sum()} negatives weigh"
            f" {weights[~positive].sum():g} in sum and the {positive.sum()} positives"
            f" {weights[positive].sum():g}"
        )
    return float(weights[positive].mean() / weights[~positive].mean())
