"""How each library is fitted: what it is told of categories, weights and the validation slice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from counterpoise.core.errors import NotApplicable
from counterpoise.core.types import Labels, Matrix, Vector
from counterpoise.models.encoder import Encoded

Report = Callable[[int, float], None]
"""Takes a step and the average precision on the validation slice; a search prunes a trial by
raising from in it."""


class Rows(NamedTuple):
    """Encoded rows.

    Attributes
    ----------
    X : Encoded, n rows of p columns
        What is fitted on, after resampling; a model that takes one matrix is given `X.whole()`.
    y : ndarray of shape (n,)
    X_validation, y_validation : ndarray of shape (m, p) and (m,)
        The validation slice at its natural prevalence, for early stopping; m may be 0.
    is_category : list of bool, length p
        Which columns hold codes of categories.
    weights : ndarray of shape (n,), optional
    report : callable, optional
    stakes : ndarray of shape (n, 2), optional
        What is at stake in each row that is fitted on, for a model that counts costs.
    """

    X: Encoded
    y: Labels
    X_validation: Matrix
    y_validation: Labels
    is_category: list[bool]
    weights: Vector | None = None
    report: Report | None = None
    stakes: Vector | None = None

    @property
    def validation(self) -> tuple[Matrix, Labels] | None:
        return (self.X_validation, self.y_validation) if self.can_validate else None

    @property
    def can_validate(self) -> bool:
        return bool(0 < self.y_validation.sum() < len(self.y_validation))


class Learned(NamedTuple):
    """What a fit learned beside its scores: facts, and a learning curve as columns of equal
    length."""

    facts: dict[str, float]
    history: dict[str, list[float]]


NOTHING = Learned({}, {})


def plain(estimator: Any, rows: Rows) -> Learned:
    """A classifier of scikit-learn or imbalanced-learn."""
    estimator.fit(rows.X.whole(), rows.y, **_weighted(rows))
    return NOTHING


def boosted_under(estimator: Any, rows: Rows) -> Learned:
    """RUSBoost, which refuses rows that its first member cannot tell apart."""
    try:
        return plain(estimator, rows)
    except ValueError as error:
        if "worse than random" not in str(error):
            raise
        raise NotApplicable(f"{type(estimator).__name__}: {' '.join(str(error).split())}") from None


def histogram(estimator: Any, rows: Rows) -> Learned:
    """HistGradientBoostingClassifier, whose early stopping is given the validation slice."""
    stops = _stops(bool(estimator.early_stopping), rows)
    validation = {"X_val": rows.X_validation, "y_val": rows.y_validation} if stops else {}
    estimator.fit(rows.X.whole(), rows.y, **validation, **_weighted(rows))
    return Learned({"best_iteration": float(estimator.n_iter_)} if stops else {}, {})


def xgboost(estimator: Any, rows: Rows) -> Learned:
    """A classifier of XGBoost, which is handed the rows block by block."""
    from counterpoise.models.focal_xgboost import in_blocks

    stops = _stops(bool(estimator.early_stopping_rounds), rows)
    if rows.report is not None and rows.can_validate:
        from counterpoise.models.focal_xgboost import Watch

        estimator.set_params(callbacks=[Watch((rows.X_validation, rows.y_validation), rows.report)])
    if stops and estimator.eval_metric is None:
        # log loss would stop a weighted or resampled fit at once, when its probabilities leave the
        # natural prevalence
        estimator.set_params(eval_metric="aucpr")
    evaluated = [(rows.X_validation, rows.y_validation)] if stops else None
    with in_blocks(estimator):
        estimator.fit(rows.X, rows.y, eval_set=evaluated, verbose=False, **_weighted(rows))
    estimator.set_params(callbacks=None)
    if not stops:
        return NOTHING
    curves = {
        f"validation_{metric}": list(map(float, curve))
        for metric, curve in estimator.evals_result()["validation_0"].items()
    }
    steps = [float(k + 1) for k in range(len(next(iter(curves.values()))))]
    return Learned({"best_iteration": float(estimator.best_iteration)}, {"step": steps, **curves})


def net(estimator: Any, rows: Rows) -> Learned:
    """A neural net that ranks rows."""
    _stops(getattr(estimator, "patience", None) is not None, rows)
    estimator.fit(
        rows.X.whole(), rows.y, validation=rows.validation, report=rows.report, **_weighted(rows)
    )
    return _of_net(estimator)


def encoded(estimator: Any, rows: Rows) -> Learned:
    """A model that is given what an autoencoder makes of a row."""
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


def _stops(asked: bool, rows: Rows) -> bool:
    if asked and not rows.can_validate:
        raise NotApplicable(
            "early stopping needs a validation slice with both classes; split.validation gives none"
        )
    return asked
