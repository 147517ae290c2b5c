"""XGBoost with a loss that weights classes and easy rows, and fits on rows in blocks.

A callback reports the average precision on the validation rows while XGBoost fits.
"""

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
from counterpoise.data.encoder import Encoded
from counterpoise.models.class_weights import BALANCED, MAX_WEIGHT, MIN_WEIGHT
from counterpoise.models.losses import Loss, balanced_alpha, check_loss, positive_share

MIN_CURVATURE = 1e-16
"""Minimum of the second derivative, as for XGBoost's own logistic loss."""

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
    "scale_pos_weight": [Interval(Real, MIN_WEIGHT, MAX_WEIGHT, closed="both"), None],
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
"""Valid values of parameters of XGBClassifier."""


def check_booster(params: Mapping[str, Any]) -> None:
    """Check parameters of XGBClassifier, which accepts some values that fit nothing.

    Such a fit has no rounds, a learning rate of 0 or no rows in its trees. It would give every row
    the same score without a warning. Values that XGBoost itself refuses when it is fitted are left
    to it.

    Parameters
    ----------
    params : mapping of str to object
        Parameters without an entry in `CONSTRAINTS` are ignored.

    Raises
    ------
    ValueError
        With the parameter's name, the valid values and the one found.
    """
    for name, value in params.items():
        if name in CONSTRAINTS and isinstance(value, bool):  # an int in Python
            raise ValueError(f"{name} must be a number; found {value!r}")
    validate_parameter_constraints(CONSTRAINTS, dict(params), "XGBClassifier")


@contextmanager
def in_blocks(estimator: XGBClassifier) -> Iterator[None]:
    """Let XGBClassifier's `fit` take `Encoded` rows and bin them block by block.

    The rows are never one matrix. XGBoost reads the rows of a column in their order, wherever a
    block ends. So the trees are those of one matrix, bit for bit. A tree method other than "hist"
    does not bin and takes one matrix.

    Parameters
    ----------
    estimator : XGBClassifier
        Changed for the duration of the `with` block.

    Yields
    ------
    None
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

    # XGBoost has no public way to pass an iterator to a classifier's `fit`
    estimator._create_dmatrix = create
    try:
        yield
    finally:
        del estimator._create_dmatrix


class _Blocks(DataIter):  # type: ignore[misc]
    """Encoded rows for XGBoost, block by block, with labels, weights and the like."""

    def __init__(self, rows: Encoded, known: dict[str, Any]) -> None:
        self.rows = rows
        self.types = known.pop("feature_types")
        self.known = {
            name: np.asarray(values) for name, values in known.items() if values is not None
        }
        super().__init__()
        self.reset()

    def reset(self) -> None:
        """Start again at the first block, as XGBoost requests before each pass."""
        self.blocks, self.start = self.rows.blocks(), 0

    def next(self, input_data: Callable[..., None]) -> bool:
        """Hand over the next block.

        Parameters
        ----------
        input_data : callable
            XGBoost's function that takes the block.

        Returns
        -------
        bool
            False where there was no block left.
        """
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
    """XGBoost that minimizes balanced cross entropy or focal loss instead of cross entropy.

    All else works as in XGBClassifier. The score is in log odds, `predict_proba` gives the
    corresponding probabilities, and `predict` uses the threshold 0.5. Boosting starts from the log
    odds of the positives' share among the rows to fit on, by weight where rows have weights. Lin et
    al. (section 3.3) start their net in the same way. `base_score` may give another probability.
    The start is part of every margin, on the rows of `eval_set` as well.

    Early stopping uses the loss that is minimized, under the name `loss`, unless `eval_metric`
    names another. Cross entropy on the validation rows would stop a class-weighted model at once:
    its probabilities move away from the natural prevalence from the first round on.

    Parameters
    ----------
    loss_alpha : float in (0, 1), "balanced" or None, default "balanced"
        Weight of the positive class; the negative class has 1 - loss_alpha. "balanced" is the share
        of the negatives among the rows to fit on, which gives both classes the same total weight.
        None gives both classes the weight 1.
    loss_gamma : float, 0 or more, default 0
        How strongly rows that the model already gets right are weighted down; 0 is balanced cross
        entropy. XGBoost's own parameters `alpha` and `gamma` have another meaning.
    **kwargs
        XGBClassifier's own. `scale_pos_weight` is refused, since `loss_alpha` does the same, and
        `objective` is fixed.

    Attributes
    ----------
    loss_ : Loss
        The loss minimized, with alpha as a number.

    Notes
    -----
    XGBoost takes Newton steps. Focal loss is concave where the model is sure and wrong. With a rare
    class, that is every positive row at the start. XGBoost clips a negative second derivative, and
    the customary minimum near 0 does not help: a step of -g/h is then unbounded, or the leaf weighs
    less than `min_child_weight` and is never made.

    Two minimums were compared on seven datasets of the imbalanced-learn benchmark, with gamma 2 and
    alpha None, 0.25 and "balanced". With 1e-6, the lowest validation loss was 17, 0.85 and 0.95
    times that of the start, in this order. It was 0.32, 0.39 and 0.10 times that of the start with

        h = max(exact second derivative, gamma / (1 + gamma) |g|)

    With this, no leaf moves a row's log odds by more than (1 + gamma) / gamma before the learning
    rate applies. (XGBoost's `max_delta_step` has the same purpose.) The rows that a leaf gets wrong
    count in its weight. With gamma 0, h is exact. It is also exact for rows that the model gets
    right, where the second derivative tends to (1 + gamma) |g|. Any factor from 0.25 to 1 before
    |g| did as well within a few percent.

    Hessians of weighted and focal rows are smaller than those of cross entropy, by alpha and by
    (1 - p)^gamma. So the defaults of `min_child_weight` and `reg_lambda` constrain the trees more.

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar, "Focal loss for dense object detection",
    ICCV 2017. XGBoost, "Advanced usage of custom objectives": how XGBoost treats a negative
    Hessian, and what can replace it.
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
        """Fit the trees on the loss.

        Parameters
        ----------
        X : ndarray of shape (n, p) or Encoded
            `Encoded` rows are read in blocks (`in_blocks`).
        y : ndarray of shape (n,), 0 and 1
        sample_weight : array of shape (n,), optional
        **more
            Arguments of XGBClassifier's `fit`.

        Returns
        -------
        XGBLossClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            When a parameter of the loss is invalid, or labels are not 0 and 1 with rows of both.
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
                "loss_alpha and loss_gamma define what is minimised: expected objective"
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
        # A second estimator is fitted and its booster taken. This one keeps its own parameters, so
        # that it can be cloned and pickled; with a function among them it could not. With a
        # function as objective, XGBClassifier makes a booster of binary:logistic, hence
        # `base_score` is a probability and the margin is in log odds.
        fitted = XGBClassifier(**{**params, "objective": _objective(loss)})
        with in_blocks(fitted):
            fitted.fit(X, y, sample_weight=sample_weight, **more)
        self.loss_, self.n_classes_, self._Booster = loss, fitted.n_classes_, fitted.get_booster()
        self._set_evaluation_result(getattr(fitted, "evals_result_", None))
        return self

    def _wrapper_params(self) -> set[str]:
        """XGBClassifier's list of parameters that are not passed to the booster."""
        return {*super()._wrapper_params(), "loss_alpha", "loss_gamma"}


def curvature(loss: Loss, gradient: Floats, hessian: Floats) -> Floats:
    """Compute positive values that replace the exact second derivatives.

    See the notes of XGBLossClassifier.

    Parameters
    ----------
    loss : Loss
    gradient, hessian : ndarray of shape (n,)
        Exact derivatives of each row's loss.

    Returns
    -------
    ndarray of shape (n,)
        At least `MIN_CURVATURE`.
    """
    return np.maximum(
        np.maximum(hessian, loss.gamma / (1 + loss.gamma) * np.abs(gradient)), MIN_CURVATURE
    )


def _objective(loss: Loss) -> Callable[..., tuple[Floats, Floats]]:
    """Convert a loss to an objective of XGBoost."""

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
    """Convert a loss to a metric of XGBoost, which takes the name of the function."""

    def metric(
        y_true: NDArray[Any], y_score: NDArray[Any], sample_weight: NDArray[Any] | None = None
    ) -> float:
        return float(np.average(loss.value(y_true, y_score), weights=sample_weight))

    metric.__name__ = "loss"
    return metric


class Watch(TrainingCallback):  # type: ignore[misc]
    """Report the average precision on the validation rows every few rounds.

    An exception that `report` raises passes through the fit and so can end it. It works with any
    XGBClassifier: `XGBClassifier(callbacks=[Watch((X, y), report)])`.

    Parameters
    ----------
    validation : tuple of ndarray
        Features and labels, not resampled; missing values are NaN. The model knows which columns
        hold codes of categories.
    report : callable
        Takes the number of rounds done and the average precision of their margin.
    every : int, default 10
        Number of rounds between two reports.
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
        """Prepare the validation rows.

        Parameters
        ----------
        model : Booster

        Returns
        -------
        Booster
            The same.
        """
        # the booster caches the margin of a DMatrix, so that each report costs only the trees made
        # since the last one
        self._rows = DMatrix(
            self.X, feature_types=model.feature_types, enable_categorical=True, nthread=1
        )
        return model

    def after_iteration(self, model: Booster, epoch: int, evals_log: Any) -> bool:
        """Report after every `every`-th round.

        Parameters
        ----------
        model : Booster
        epoch : int
            Number of the round, from 0.
        evals_log : object
            Ignored; part of XGBoost's interface.

        Returns
        -------
        bool
            Always False: only an exception ends the fit.
        """
        done = epoch + 1
        if done % self.every == 0:
            margin = model.predict(self._rows, output_margin=True)
            self.report(done, float(average_precision_score(self.y, margin)))
        return False

    def after_training(self, model: Booster) -> Booster:
        """Drop the prepared rows.

        Parameters
        ----------
        model : Booster

        Returns
        -------
        Booster
            The same.
        """
        self._rows = None  # a DMatrix cannot be copied or pickled
        return model
