"""XGBoost on a loss that weighs classes and easy rows, and an eye on the validation slice while
XGBoost fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from xgboost import Booster, DataIter, DMatrix, QuantileDMatrix, XGBClassifier
from xgboost.callback import TrainingCallback

from counterpoise.core.types import Floats, Matrix
from counterpoise.models.class_weights import BALANCED, LEAST, MOST
from counterpoise.models.encoder import Encoded
from counterpoise.models.losses import Loss, balanced_alpha, check_loss, positive_share

LEAST_CURVATURE = 1e-16
"""XGBoost's own floor of the second derivative of its logistic loss."""

_SHARE = [Interval(Real, 0, 1, closed="right"), None]
_PENALTY = [Interval(Real, 0, None, closed="left"), None]
_WHOLE = [Interval(Integral, 0, None, closed="left"), None]
_NATURAL = [Interval(Integral, 1, None, closed="left"), None]
CONSTRAINTS: dict[str, list[Any]] = {
    "n_estimators": _NATURAL,
    "early_stopping_rounds": _NATURAL,
    "max_depth": _WHOLE,
    "max_leaves": _WHOLE,
    "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
    "base_score": [Interval(Real, 0, 1, closed="neither"), None],
    "scale_pos_weight": [Interval(Real, LEAST, MOST, closed="both"), None],
    "subsample": _SHARE,
    "colsample_bytree": _SHARE,
    "colsample_bylevel": _SHARE,
    "colsample_bynode": _SHARE,
    "gamma": _PENALTY,
    "reg_alpha": _PENALTY,
    "reg_lambda": _PENALTY,
    "min_child_weight": _PENALTY,
    "max_delta_step": _PENALTY,
}
"""What parameters of XGBClassifier may be."""


def check_booster(params: Mapping[str, Any]) -> None:
    """Hold parameters of XGBClassifier, which takes whatever it is given, against what they may be.

    Without it a fit with no rounds, with a learning rate of 0 or with no rows in its trees gives
    every row the same score, and does not say so. What else XGBoost refuses by itself when it is
    fitted is left to it.

    Raises
    ------
    ValueError
        With the parameter's name, what it may be and what was found.
    """
    for name, value in params.items():
        if name in CONSTRAINTS and isinstance(value, bool):  # which is a whole number to Python
            raise ValueError(f"{name} must be a number; found {value!r}")
    validate_parameter_constraints(CONSTRAINTS, dict(params), "XGBClassifier")


@contextmanager
def in_blocks(estimator: XGBClassifier) -> Iterator[None]:
    """Meanwhile XGBClassifier's `fit` takes `Encoded` rows, and bins them block by block: they
    never are one matrix.

    XGBoost looks at the rows of a column in their order and does not mind where a block ends, so
    that the trees are those of one matrix, bit for bit. A method other than "hist" bins nothing and
    takes one matrix.
    """
    of_matrix = estimator._create_dmatrix

    def create(ref: DMatrix | None, *, data: Any, **more: Any) -> DMatrix:
        if not isinstance(data, Encoded):
            return of_matrix(ref, data=data, **more)
        bins = estimator.tree_method in ("hist", "auto", None) and estimator.booster != "gblinear"
        if not bins or data.is_one_block:
            return of_matrix(ref, data=data.whole(), **more)
        own = {name: more.pop(name) for name in ("missing", "enable_categorical")}
        return QuantileDMatrix(
            _Blocks(data, more), ref=ref, nthread=estimator.n_jobs, max_bin=estimator.max_bin, **own
        )

    estimator._create_dmatrix = create
    try:
        yield
    finally:
        del estimator._create_dmatrix


class _Blocks(DataIter):  # type: ignore[misc]
    """Encoded rows, block by block, with what is known of each row."""

    def __init__(self, rows: Encoded, known: dict[str, Any]) -> None:
        self.rows = rows
        self.types = known.pop("feature_types")
        self.known = {
            name: np.asarray(values) for name, values in known.items() if values is not None
        }
        super().__init__()
        self.reset()

    def reset(self) -> None:
        self.blocks, self.start = self.rows.blocks(), 0

    def next(self, input_data: Callable[..., None]) -> bool:
        block = next(self.blocks, None)
        if block is None:
            return False
        mine = slice(self.start, self.start + len(block))
        self.start += len(block)
        input_data(
            data=block,
            feature_types=self.types,
            **{name: values[mine] for name, values in self.known.items()},
        )
        return True


class XGBLossClassifier(XGBClassifier):  # type: ignore[misc]
    """XGBoost that minimises balanced cross entropy or focal loss instead of cross entropy.

    All else is XGBClassifier's: the score is in log odds, `predict_proba` gives the probabilities
    that the log odds stand for, and `predict` holds them against 0.5. Boosting starts from the log
    odds of the positives' share among the rows fitted on, by weight where they have weights, as Lin
    et al. (section 3.3) start their net, unless `base_score` gives another probability; the start
    is part of every margin, on the rows of `eval_set` as well.

    Early stopping looks at the loss that is minimised, under the name `loss`, unless `eval_metric`
    names another. Cross entropy of the natural validation slice would stop a class-weighted model
    at once: its probabilities leave the natural share behind from the first round on.

    Parameters
    ----------
    loss_alpha : float in (0, 1), "balanced" or None, default "balanced"
        Weight of the positive class, the negative class having 1 - loss_alpha. "balanced" is the
        share of the negatives among the rows fitted on, under which both classes weigh the same in
        sum; None weighs no class.
    loss_gamma : float, 0 or more, default 0
        How much less a row counts that the model already gets right; 0 is balanced cross entropy.
        XGBoost has parameters `alpha` and `gamma` of its own, of another meaning.
    **kwargs
        XGBClassifier's own. `scale_pos_weight` is refused, since `loss_alpha` says what it would,
        and `objective` is fixed.

    Attributes
    ----------
    loss_ : Loss
        The one minimised, with alpha as a number.

    Notes
    -----
    XGBoost takes Newton steps, and focal loss is concave where the model is sure and wrong, which
    at a rare class's start is every positive row. A negative second derivative is cut off by
    XGBoost, and the customary floor of about 0 is no cure: a step of -g/h is then without bound, or
    the leaf weighs less than `min_child_weight` and is never made. On seven sets of the
    imbalanced-learn benchmark, with gamma 2 and alpha None, 0.25 and "balanced", the lowest
    validation loss was 17, 0.85 and 0.95 times that of the start with a floor of 1e-6, and 0.32,
    0.39 and 0.10 times that with

        h = max(exact second derivative, gamma / (1 + gamma) |g|)

    With this no leaf moves a row's log odds by more than (1 + gamma) / gamma before the learning
    rate (what XGBoost's `max_delta_step` is for), and a leaf's weight counts the rows that it gets
    wrong. With gamma 0 it is the exact one, as it is for rows that the model gets right, whose
    exact one tends to (1 + gamma) |g|. Anything from 0.25 |g| to |g| did as well within a few
    percent.

    Hessians of weighted and focal rows are smaller than those of cross entropy by alpha and by (1 -
    p)^gamma, hence `min_child_weight` and `reg_lambda` bite harder at their defaults.

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar, "Focal loss for dense object detection",
    ICCV 2017. XGBoost, "Advanced usage of custom objectives": what becomes of a negative Hessian,
    and what may stand in its place.
    """

    def __init__(self, *, loss_alpha: Any = BALANCED, loss_gamma: Any = 0.0, **kwargs: Any) -> None:
        self.loss_alpha = loss_alpha
        self.loss_gamma = loss_gamma
        super().__init__(**kwargs)

    def fit(
        self,
        X: Matrix | Encoded,
        y: NDArray[Any],
        *,
        sample_weight: ArrayLike | None = None,
        **more: Any,
    ) -> XGBLossClassifier:
        """Fit; `more` is what XGBClassifier's `fit` takes, and rows may be handed over in blocks
        (`in_blocks`).

        Raises
        ------
        ValueError
            When a parameter of the loss makes no sense, or labels are not 0 and 1 with rows of
            both.
        """
        params = self.get_params()
        alpha, gamma = params.pop("loss_alpha"), params.pop("loss_gamma")
        check_loss(alpha, gamma)
        if params["scale_pos_weight"] not in (None, 1):
            raise ValueError(
                "scale_pos_weight weighs the classes as loss_alpha does: expected one of them"
                f" alone, found scale_pos_weight {params['scale_pos_weight']!r} and loss_alpha"
                f" {alpha!r}"
            )
        if params["objective"] != "binary:logistic":
            raise ValueError(
                "loss_alpha and loss_gamma say what is minimised: expected objective"
                f" 'binary:logistic', in whose log odds the loss is; found {params['objective']!r}"
            )
        labels = np.unique(np.asarray(y))
        if not np.isin(labels, (0, 1)).all():
            raise ValueError(f"labels must be 0 and 1; found {labels.tolist()}")
        loss = Loss(balanced_alpha(y) if alpha == BALANCED else alpha, gamma)
        if params["base_score"] is None:
            params["base_score"] = positive_share(y, sample_weight)
        if params["eval_metric"] is None:
            params |= {"eval_metric": _named(loss), "disable_default_eval_metric": True}
        # Another estimator is fitted, and the booster taken from it, so that this one's parameters
        # stay what they were and it can be cloned and pickled: a function would have to stand in
        # them. With a function as its objective XGBClassifier makes a booster of binary:logistic,
        # hence `base_score` is a probability and the margin log odds.
        fitted = XGBClassifier(**{**params, "objective": _objective(loss)})
        with in_blocks(fitted):
            fitted.fit(X, y, sample_weight=sample_weight, **more)
        self.loss_, self.n_classes_, self._Booster = loss, fitted.n_classes_, fitted.get_booster()
        self._set_evaluation_result(getattr(fitted, "evals_result_", None))
        return self

    def _wrapper_params(self) -> set[str]:
        """XGBClassifier's list of parameters that are not for the booster."""
        return {*super()._wrapper_params(), "loss_alpha", "loss_gamma"}


def curvature(loss: Loss, gradient: Floats, hessian: Floats) -> Floats:
    """The positive second derivatives that stand in place of the exact ones; see
    XGBLossClassifier's notes."""
    return np.maximum(
        np.maximum(hessian, loss.gamma / (1 + loss.gamma) * np.abs(gradient)), LEAST_CURVATURE
    )


def _objective(loss: Loss) -> Callable[..., tuple[Floats, Floats]]:
    """A loss as XGBoost asks for it."""

    def objective(
        y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: NDArray[Any] | None = None
    ) -> tuple[Floats, Floats]:
        gradient, hessian = loss.derivatives(y_true, y_pred)
        hessian = curvature(loss, gradient, hessian)
        if sample_weight is None:
            return gradient, hessian
        return gradient * sample_weight, hessian * sample_weight

    return objective


def _named(loss: Loss) -> Callable[..., float]:
    """A loss as a metric, which XGBoost names after the function."""

    def metric(
        y_true: NDArray[Any], y_score: NDArray[Any], sample_weight: NDArray[Any] | None = None
    ) -> float:
        return float(np.average(loss.value(y_true, y_score), weights=sample_weight))

    metric.__name__ = "loss"
    return metric


class Watch(TrainingCallback):  # type: ignore[misc]
    """Tell the average precision of the validation slice every few rounds, for whoever may want to
    stop the fit.

    An exception that `report` raises passes through the fit. Serves any XGBClassifier:
    `XGBClassifier(callbacks=[Watch((X, y), report)])`.

    Parameters
    ----------
    validation : tuple of ndarray
        Features and labels, nothing resampled; missing values are NaN. Columns of category codes
        are known from the model.
    report : callable
        Takes the number of rounds that are done and the average precision of their margin.
    every : int, default 10
    """

    def __init__(
        self,
        validation: tuple[Matrix, NDArray[Any]],
        report: Callable[[int, float], object],
        every: int = 10,
    ) -> None:
        self.X, self.y = validation
        self.report, self.every = report, every
        self._rows: DMatrix | None = None

    def before_training(self, model: Booster) -> Booster:
        # the booster keeps the margin of a DMatrix, so that each look costs the trees made since
        # the last one
        self._rows = DMatrix(
            self.X, feature_types=model.feature_types, enable_categorical=True, nthread=1
        )
        return model

    def after_iteration(self, model: Booster, epoch: int, evals_log: Any) -> bool:
        done = epoch + 1
        if done % self.every == 0:
            margin = model.predict(self._rows, output_margin=True)
            self.report(done, float(average_precision_score(self.y, margin)))
        return False

    def after_training(self, model: Booster) -> Booster:
        self._rows = None  # a DMatrix can be neither copied nor pickled
        return model
