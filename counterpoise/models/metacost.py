"""MetaCost: relabel training rows by their costs, for models without weights or costs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from counterpoise.core.errors import NotApplicable
from counterpoise.core.types import Labels, Matrix, Vector
from counterpoise.models.class_weights import threshold


class Relabelled(NamedTuple):
    """Numbers of training rows that MetaCost gave the other label."""

    to_positive: int
    to_negative: int


def _has_decision_function(model: MetaCost) -> bool:
    return hasattr(getattr(model, "estimator_", model.estimator), "decision_function")


class MetaCost(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Fit any classifier on labels of least expected cost (Domingos 1999).

    1. Fit copies of the classifier on bootstrap bags of the training rows.
    2. Give each training row the mean probability of the copies whose bag does not hold the row. A
       row that every bag holds gets the mean of all copies.
    3. Relabel each row: positive where the probability reaches the row's own threshold, alarm /
       (alarm + miss).
    4. Fit the classifier again, on all rows with these labels.

    Domingos allows for step 2 either all copies or those without the row. A copy fitted on the
    row repeats its label: a boosted or fully grown tree gives a positive row a probability near 1,
    whatever its neighbours are, and almost nothing is relabelled. Hence the out-of-bag estimates.
    With 10 bags as large as the training part, about one row in a hundred is in all of them.

    The bags are stratified: each class is drawn with replacement to its own count. Domingos draws
    from all rows together. With few positives, that leaves some bags without any, and the share of
    positives varies from bag to bag.

    The scores belong to the relabelled classes. The cost is least at the threshold 0.5, and the
    scores are not probabilities of the true class.

    Parameters
    ----------
    estimator : classifier with `predict_proba`
    n_estimators : int, default 10
        Number of bags.
    max_samples : float in (0, 1], default 1.0
        The share of the rows of each class that is drawn for a bag, at least one row.
    random_state : int, RandomState or None
        Draws the bags and seeds the copies fitted on them. The classifier of step 4 keeps its own
        seed.

    Attributes
    ----------
    estimator_ : classifier
        The one fitted on relabelled rows.
    relabelled_ : Relabelled
    classes_ : ndarray of shape (2,)

    References
    ----------
    P. Domingos, "MetaCost: a general method for making classifiers cost-sensitive", KDD 1999, table
    1 and section 3.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        n_estimators: int = 10,
        max_samples: float = 1.0,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.random_state = random_state

    def fit(self, X: Matrix, y: Labels, *, cost_margins: Matrix) -> MetaCost:
        """Relabel the rows and fit on them.

        Parameters
        ----------
        X : ndarray of shape (n, p)
        y : ndarray of shape (n,), 0 and 1
        cost_margins : ndarray of shape (n, 2)
            Misclassification costs of each row, if it is negative and if it is positive; see
            `counterpoise.models.class_weights`.

        Returns
        -------
        MetaCost
            The estimator itself.

        Raises
        ------
        NotApplicable
            When there is only one class, before or after relabelling.
        ValueError
            When a parameter or a cost is invalid.
        """
        check_metacost(self.n_estimators, self.max_samples)
        if len(cost_margins) != len(y):
            raise ValueError(
                f"cost_margins must have one row for each of the {len(y)} rows fitted on; found"
                f" {len(cost_margins)}"
            )
        if not 0 < (y == 1).sum() < len(y):
            raise NotApplicable("MetaCost needs rows of both classes, and these have one alone")
        least = threshold(cost_margins)
        labels = (self._probabilities(X, y) >= least).astype(y.dtype)
        self.relabelled_ = Relabelled(
            int(((y == 0) & (labels == 1)).sum()), int(((y == 1) & (labels == 0)).sum())
        )
        if labels.min() == labels.max():
            raise NotApplicable(
                f"MetaCost made all {len(y)} rows {'positive' if labels[0] else 'negative'}: "
                f"{self.relabelled_.to_positive} of {(y == 0).sum()} negatives became positive and "
                f"{self.relabelled_.to_negative} of {(y == 1).sum()} positives negative, "
                f"at thresholds from {least.min():.3g} to {least.max():.3g}"
            )
        self.estimator_ = clone(self.estimator).fit(X, labels)
        self.classes_ = self.estimator_.classes_
        return self

    def _probabilities(self, X: Matrix, y: Labels) -> Vector:
        """Estimate each row's probability of being positive from the bags."""
        random = check_random_state(self.random_state)
        classes = [np.flatnonzero(y == label) for label in (0, 1)]
        # sums of probabilities, and their numbers
        every, outside = np.zeros((2, len(y))), np.zeros((2, len(y)))
        for _ in range(self.n_estimators):
            bag = np.concatenate(
                [
                    random.choice(rows, max(1, round(self.max_samples * len(rows))))
                    for rows in classes
                ]
            )
            copy = clone(self.estimator)
            _seed(copy, random.randint(np.iinfo(np.int32).max))
            probability = copy.fit(X[bag], y[bag]).predict_proba(X)[:, 1]
            every += [probability, np.ones(len(y))]
            unseen = np.ones(len(y), dtype=bool)
            unseen[bag] = False
            outside[:, unseen] += [probability[unseen], np.ones(unseen.sum())]
        total, count = np.where(outside[1] > 0, outside, every)
        return np.asarray(total / count)

    def predict(self, X: Matrix, **how: Any) -> NDArray[Any]:
        """Predict the class of least expected cost.

        Parameters
        ----------
        X : ndarray of shape (n, p)
        **how
            Passed on to the classifier, such as `output_margin=True` to XGBoost's.

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        NotFittedError
            When `fit` was not called before.
        """
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict(X, **how))

    def predict_proba(self, X: Matrix) -> Vector:
        """Estimate the probabilities of the relabelled classes.

        Parameters
        ----------
        X : ndarray of shape (n, p)

        Returns
        -------
        ndarray of shape (n, 2)

        Raises
        ------
        NotFittedError
            When `fit` was not called before.
        """
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict_proba(X))

    @available_if(_has_decision_function)  # type: ignore[untyped-decorator]
    def decision_function(self, X: Matrix) -> Vector:
        """Estimate the log odds of the relabelled classes, where the classifier has them.

        Parameters
        ----------
        X : ndarray of shape (n, p)

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        NotFittedError
            When `fit` was not called before.
        """
        check_is_fitted(self)
        return np.asarray(self.estimator_.decision_function(X))


def check_metacost(n_estimators: Any, max_samples: Any) -> None:
    """Check MetaCost's parameters that a person wrote.

    Parameters
    ----------
    n_estimators : object
        Valid is an integer of 1 or more.
    max_samples : object
        Valid is a number in (0, 1].

    Raises
    ------
    ValueError
        With the parameter's name, the valid values and the one found.
    """
    if (
        not isinstance(n_estimators, (int, np.integer))
        or isinstance(n_estimators, bool)
        or n_estimators < 1
    ):
        raise ValueError(
            "n_estimators, the number of bags, must be an integer of 1 or more; found"
            f" {n_estimators!r}"
        )
    number = isinstance(max_samples, (int, float, np.integer, np.floating)) and not isinstance(
        max_samples, bool
    )
    if not (number and 0 < max_samples <= 1):
        raise ValueError(
            "max_samples, the share of each class drawn for a bag, must be a number above 0 and at"
            f" most 1; found {max_samples!r}"
        )


def _seed(estimator: Any, seed: int) -> None:
    """Seed every part of an estimator that draws random numbers.

    Copies then differ from each other, and reruns give the same.
    """
    names = [
        name
        for name in estimator.get_params()
        if name == "random_state" or name.endswith("__random_state")
    ]
    estimator.set_params(**dict.fromkeys(names, seed))
