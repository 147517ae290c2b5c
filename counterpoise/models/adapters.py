"""Adapters: how categories, weights and validation rows are passed to each library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from counterpoise.core.errors import NotApplicable
from counterpoise.core.types import Labels, Matrix, Vector
from counterpoise.data.encoder import Encoded

Report = Callable[[int, float], None]
"""Takes a step and the average precision on the validation rows.

A search prunes a trial by raising an exception in it.
"""


class Rows(NamedTuple):
    """Encoded rows to fit on, and validation rows.

    Attributes
    ----------
    X : Encoded, n rows of p columns
        The rows to fit on, after resampling. A model that takes one matrix gets `X.whole()`.
    y : ndarray of shape (n,)
    X_validation, y_validation : ndarray of shape (m, p) and (m,)
        The validation rows at their natural prevalence, for early stopping; m may be 0.
    is_category : list of bool, length p
        Which columns hold codes of categories.
    weights : ndarray of shape (n,), optional
    report : callable, optional
        See `Report`.
    cost_margins : ndarray of shape (n, 2), optional
        Misclassification costs of each row to fit on (see `counterpoise.models.class_weights`), for
        a model that uses them.
    """

    X: Encoded
    y: Labels
    X_validation: Matrix
    y_validation: Labels
    is_category: list[bool]
    weights: Vector | None = None
    report: Report | None = None
    cost_margins: Vector | None = None

    @property
    def validation(self) -> tuple[Matrix, Labels] | None:
        """The validation rows, where a model can be evaluated on them.

        Returns
        -------
        (ndarray of shape (m, p), ndarray of shape (m,)) or None
            None where `can_validate` is False.
        """
        return (self.X_validation, self.y_validation) if self.can_validate else None

    @property
    def can_validate(self) -> bool:
        """Whether the validation rows have both classes.

        Returns
        -------
        bool
        """
        return bool(0 < self.y_validation.sum() < len(self.y_validation))


class Learned(NamedTuple):
    """By-products of a fit: facts, and a learning curve as columns of equal length.

    Attributes
    ----------
    facts : dict of str to float
    history : dict of str to list of float
        Empty where there is no learning curve.
    """

    facts: dict[str, float]
    history: dict[str, list[float]]


NO_BY_PRODUCTS = Learned({}, {})


def plain(estimator: Any, rows: Rows) -> Learned:
    """Fit a classifier of scikit-learn or imbalanced-learn.

    Parameters
    ----------
    estimator : classifier
        Fitted in place.
    rows : Rows

    Returns
    -------
    Learned
        Always empty.
    """
    estimator.fit(rows.X.whole(), rows.y, **_weighted(rows))
    return NO_BY_PRODUCTS


def boosted_under(estimator: Any, rows: Rows) -> Learned:
    """Fit RUSBoost, which refuses rows that its first member cannot separate.

    Parameters
    ----------
    estimator : RUSBoostClassifier
        Fitted in place.
    rows : Rows

    Returns
    -------
    Learned
        Always empty.

    Raises
    ------
    NotApplicable
        When the first member is worse than random.
    """
    try:
        return plain(estimator, rows)
    except ValueError as error:
        if "worse than random" not in str(error):
            raise
        raise NotApplicable(f"{type(estimator).__name__}: {' '.join(str(error).split())}") from None


def histogram(estimator: Any, rows: Rows) -> Learned:
    """Fit HistGradientBoostingClassifier, with early stopping on the validation rows.

    Parameters
    ----------
    estimator : HistGradientBoostingClassifier
        Fitted in place.
    rows : Rows

    Returns
    -------
    Learned
        `best_iteration` where it stopped early.

    Raises
    ------
    NotApplicable
        When it stops early and the validation rows lack a class.
    """
    stops = _stops(bool(estimator.early_stopping), rows)
    validation = {"X_val": rows.X_validation, "y_val": rows.y_validation} if stops else {}
    estimator.fit(rows.X.whole(), rows.y, **validation, **_weighted(rows))
    return Learned({"best_iteration": float(estimator.n_iter_)} if stops else {}, {})


def xgboost(estimator: Any, rows: Rows) -> Learned:
    """Fit a classifier of XGBoost, which reads the rows block by block.

    Parameters
    ----------
    estimator : XGBClassifier
        Fitted in place.
    rows : Rows

    Returns
    -------
    Learned
        `best_iteration` and the validation curves where it stopped early.

    Raises
    ------
    NotApplicable
        When it stops early and the validation rows lack a class.
    """
    from counterpoise.models.focal_xgboost import in_blocks

    stops = _stops(bool(estimator.early_stopping_rounds), rows)
    if rows.report is not None and rows.can_validate:
        from counterpoise.models.focal_xgboost import Watch

        estimator.set_params(callbacks=[Watch((rows.X_validation, rows.y_validation), rows.report)])
    if stops and estimator.eval_metric is None:
        # log loss would stop a weighted or resampled fit at once: its probabilities move away from
        # the natural prevalence
        estimator.set_params(eval_metric="aucpr")
    evaluated = [(rows.X_validation, rows.y_validation)] if stops else None
    with in_blocks(estimator):
        estimator.fit(rows.X, rows.y, eval_set=evaluated, verbose=False, **_weighted(rows))
    # the callback holds the validation rows and the search, which must not stay in the model
    estimator.set_params(callbacks=None)
    if not stops:
        return NO_BY_PRODUCTS
    curves = {
        f"validation_{metric}": list(map(float, curve))
        for metric, curve in estimator.evals_result()["validation_0"].items()
    }
    steps = [float(k + 1) for k in range(len(next(iter(curves.values()))))]
    return Learned({"best_iteration": float(estimator.best_iteration)}, {"step": steps, **curves})


def net(estimator: Any, rows: Rows) -> Learned:
    """Fit a neural net whose scores rank rows.

    Parameters
    ----------
    estimator : KerasMLP or AutoencoderClassifier
        Fitted in place.
    rows : Rows

    Returns
    -------
    Learned
        `steps` and `best_step` where the net has them, and the learning curve.

    Raises
    ------
    NotApplicable
        When it stops early and the validation rows lack a class.
    """
    _stops(getattr(estimator, "patience", None) is not None, rows)
    estimator.fit(
        rows.X.whole(), rows.y, validation=rows.validation, report=rows.report, **_weighted(rows)
    )
    return _of_net(estimator)


def encoded(estimator: Any, rows: Rows) -> Learned:
    """Fit a model on the representation that an autoencoder learns.

    Parameters
    ----------
    estimator : AutoencoderXGBClassifier
        Fitted in place.
    rows : Rows

    Returns
    -------
    Learned
        As for `net`.
    """
    estimator.fit(rows.X.whole(), rows.y, validation=rows.validation)
    return _of_net(estimator)


def _of_net(estimator: Any) -> Learned:
    facts = {
        name: float(value)
        for name in ("steps", "best_step")
        if (value := getattr(estimator, f"{name}_", None))
    }
    return Learned(
        facts, {name: list(map(float, values)) for name, values in estimator.history_.items()}
    )


def _weighted(rows: Rows) -> dict[str, Vector]:
    return {} if rows.weights is None else {"sample_weight": rows.weights}


def _stops(early_stopping: bool, rows: Rows) -> bool:
    """Whether a fit stops early; raise NotApplicable where it cannot."""
    if early_stopping and not rows.can_validate:
        raise NotApplicable(
            "early stopping needs validation rows of both classes; split.validation gives none"
        )
    return early_stopping
