"""Weights of training rows, from class weights or from misclassification costs of each row.

Only the cost of the wrong decision minus the cost of the right one counts (Elkan 2001, section
1.1). The parameters called `cost_margins` hold this difference in two columns:

    cost_margins[:, 0]   negative row: cost of a false positive minus that of a true negative
    cost_margins[:, 1]   positive row: cost of a false negative minus that of a true positive

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
MIN_WEIGHT, MAX_WEIGHT = 1e-9, 1e9
"""Smallest and largest weight of a class. Libraries compute in single precision.

A smaller weight would vanish in rounding, and beside a larger one all others would.
"""


def is_weight(value: Any) -> bool:
    """Check whether a value is a number that can be a class weight.

    Parameters
    ----------
    value : object

    Returns
    -------
    bool
        True for a number from `MIN_WEIGHT` to `MAX_WEIGHT`; a boolean is not a number here.
    """
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, bool
    )
    return number and MIN_WEIGHT <= value <= MAX_WEIGHT


def check_class_weight(value: Any) -> None:
    """Check a class weight that a person wrote.

    Parameters
    ----------
    value : object
        Valid are None, "balanced", and a mapping of 0 and 1 to a weight each.

    Raises
    ------
    ValueError
        With the valid values and the one found.
    """
    expected = (
        f"class_weight must be None (no weights), {BALANCED!r} (both classes weigh the same in sum)"
        " or a weight for each class, {0: weight, 1: weight}"
    )
    if value is None or (isinstance(value, str) and value == BALANCED):
        return
    if not isinstance(value, Mapping):
        # not a TypeError: every wrong value of params.yaml gives the same kind of error
        raise ValueError(f"{expected}; found {value!r}")  # noqa: TRY004
    if any(isinstance(key, bool) for key in value) or set(value) != {0, 1}:
        raise ValueError(f"{expected}; found the keys {list(value)!r}")
    for key in (0, 1):
        if not is_weight(value[key]):
            raise ValueError(
                f"{expected}, both from {MIN_WEIGHT:g} to {MAX_WEIGHT:g}; found {value[key]!r} for"
                f" class {key}"
            )


def class_weights(class_weight: ClassWeight, y: Labels) -> tuple[float, float]:
    """Compute the weight of a negative row and of a positive one.

    "balanced" gives class c the weight n / (2 n_c), as in scikit-learn (King and Zeng 2001). The
    weights of each class then sum to n / 2, and the mean weight is 1. Compute it on the rows that a
    model is fitted on: where a sampler has balanced the classes, both weights are 1.

    Parameters
    ----------
    class_weight : mapping of int to float, "balanced" or None
    y : ndarray of shape (n,), 0 and 1

    Returns
    -------
    negative, positive : float

    Raises
    ------
    ValueError
        When the class weight is invalid, or "balanced" is used with a single class.

    Examples
    --------
    >>> class_weights("balanced", np.array([0, 0, 0, 1]))
    (0.6666666666666666, 2.0)
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


def check_cost_margins(cost_margins: Matrix) -> None:
    """Check misclassification costs against Elkan's reasonableness conditions.

    A wrong decision may not cost less than the right one (2001, section 1.1). It may cost the same,
    as for a fraud of amount 0.

    Parameters
    ----------
    cost_margins : ndarray of shape (n, 2)
        Cost of the wrong decision minus cost of the right one, for a negative and for a positive
        row.

    Raises
    ------
    ValueError
        With the first row whose costs are negative or not finite, and the number of such rows.
    """
    if cost_margins.ndim != 2 or cost_margins.shape[1] != 2:
        raise ValueError(
            "cost_margins must have two columns, one for each class; found the shape"
            f" {cost_margins.shape}"
        )
    wrong = ~(np.isfinite(cost_margins) & (cost_margins >= 0)).all(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            "a wrong decision must cost at least as much as the right one, and a finite amount"
            f" more; found {cost_margins[row, 0]:g} more for a false positive and"
            f" {cost_margins[row, 1]:g} more for a false negative in row {row}, and"
            f" {int(wrong.sum())} such rows of {len(cost_margins)}"
        )


def threshold(cost_margins: Matrix) -> NDArray[np.float64]:
    """Compute the threshold of each row from its misclassification costs.

    It is the lowest probability at which predicting positive costs no more than predicting
    negative.

    Let p be the probability of being positive. Predicting positive has the expected cost (1 - p) *
    alarm, predicting negative p * miss. So the threshold is alarm / (alarm + miss) (Elkan 2001,
    section 1.3). Where both are 0, every decision costs the same, and the threshold is 0.5.

    Parameters
    ----------
    cost_margins : ndarray of shape (n, 2)
        The columns are `alarm`, the extra cost of a false positive, and `miss`, that of a false
        negative.

    Returns
    -------
    ndarray of shape (n,)
        From 0 to 1.

    Raises
    ------
    ValueError
        When a cost is negative or not finite.

    Examples
    --------
    >>> threshold(np.array([[1.0, 3.0], [0.0, 0.0]]))
    array([0.25, 0.5 ])
    """
    check_cost_margins(cost_margins)
    # halved before they are added: the sum of two finite costs may overflow
    alarm, miss = cost_margins[:, 0] / 2, cost_margins[:, 1] / 2
    total = alarm + miss
    half = np.full(len(cost_margins), 0.5)
    return np.asarray(np.divide(alarm, total, out=half, where=total > 0))


def cost_weights(
    y: Labels, cost_margins: Matrix, natural_y: Labels, natural_cost_margins: Matrix
) -> Vector:
    """Weight each row by its misclassification costs, for a model that ignores costs.

    Minimizing the cost equals minimizing errors under another distribution, in which a row's
    frequency grows with its cost. (Zadrozny et al. 2003, the folk theorem of section 2; Elkan 2001,
    theorem 1 for costs that are equal in all rows of a class.) So within a class, a row's weight is
    proportional to the cost of misclassifying it. In addition:

    - The weights of a class sum to an amount proportional to the total cost of its natural rows.
      This undoes what a sampler did to the shares of the classes: a positive row that is repeated
      ten times has a tenth of the weight each time. Synthetic rows share the cost of their class.
      Nothing is counted twice.
    - The mean weight is 1, so that penalties and the minimum weight of a leaf keep their meaning.

    A model fitted with these weights decides at 0.5. Its scores are not probabilities under the
    natural distribution.

    Parameters
    ----------
    y, cost_margins : ndarray of shape (n,) and (n, 2)
        The rows to fit on, with repeated and synthetic ones.
    natural_y, natural_cost_margins : ndarray of shape (m,) and (m, 2)
        The training rows before resampling.

    Returns
    -------
    ndarray of shape (n,)
        Weights with mean 1.

    Raises
    ------
    NotApplicable
        When the misclassification costs of a class are 0 in all rows: all its weights would be 0.
    ValueError
        When a cost is negative or not finite.

    References
    ----------
    B. Zadrozny, J. Langford, N. Abe, "Cost-sensitive learning by cost-proportionate example
    weighting", ICDM 2003. C. Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.
    """
    check_cost_margins(cost_margins)
    check_cost_margins(natural_cost_margins)
    weights = np.empty(len(y))
    for label, name in ((0, "negative"), (1, "positive")):
        here, natural = y == label, natural_cost_margins[natural_y == label, label]
        own = cost_margins[here, label]
        if not (own.sum() > 0 and natural.sum() > 0):
            raise NotApplicable(
                f"misclassifying the {name} rows costs nothing: {own.sum():g} in the {len(own)}"
                f" fitted on, {natural.sum():g} in the {len(natural)} natural ones; they would have"
                " no weight"
            )
        weights[here] = own / own.sum() * natural.sum()
    return np.asarray(weights / weights.mean())


def weight_ratio(y: Labels, weights: Vector) -> float:
    """Compute the mean weight of a positive row over the mean weight of a negative one.

    Weighting positives multiplies a model's odds by this ratio, and a correction of the log odds
    subtracts its logarithm (Elkan 2001, theorem 2). This is exact where all rows of a class have
    the same weight, and else true on average.

    Parameters
    ----------
    y : ndarray of shape (n,), 0 and 1
    weights : ndarray of shape (n,)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When only one class has any weight.
    """
    positive = y == 1
    if not (weights[positive].sum() > 0 and weights[~positive].sum() > 0):
        raise ValueError(
            f"the weights of two classes are compared, but the {(~positive).sum()} negatives weigh"
            f" {weights[~positive].sum():g} in sum and the {positive.sum()} positives"
            f" {weights[positive].sum():g}"
        )
    return float(weights[positive].mean() / weights[~positive].mean())
