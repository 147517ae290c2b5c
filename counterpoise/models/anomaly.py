"""Models that rank rows by how unusual they are: positives are rare, and perhaps unlike what is
usual.

Their scores say which of two rows is the more unusual, and no more: they are no probabilities. 0.5
lies where as many of the rows fitted on are flagged as are positive.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from counterpoise.core.errors import NotApplicable
from counterpoise.core.types import Floats, Labels
from counterpoise.models.nets import (
    Autoencoder,
    AutoencoderParameters,
    MarginClassifier,
    Report,
    Validation,
    average_precision,
    checked_labels,
    usable,
)

FIXED = (
    "n_jobs",
    "objective",
    "enable_categorical",
    "feature_types",
    "missing",
    "callbacks",
    "device",
)
"""Parameters of XGBClassifier that are known from what it is used for, or cannot be written
down."""
LEAST_ERROR = float(np.finfo(np.float32).eps) ** 2
"""A squared error below this is the rounding of single precision; it keeps the logarithm of a
perfect row finite."""


def flagging(scores: Floats, count: int) -> float:
    """The score that just `count` of the rows exceed, where ties allow it: half way between two
    rows."""
    ordered = np.sort(scores)
    return float(ordered[-count - 1 : len(ordered) - count + 1].mean())


def spread(scores: Floats) -> float:
    """The standard deviation, 1 where all scores are the same."""
    deviation = float(scores.std())
    return deviation if deviation > 0 else 1.0


class AutoencoderClassifier(MarginClassifier, AutoencoderParameters):
    """An autoencoder that has seen negatives alone; a row that it gives back badly is flagged.

    The score is (log error - log q) / s, where s is the standard deviation of the log errors of the
    negatives fitted on, and q lies where as many rows fitted on have a larger error as are
    positive. It is a rank, not a log odds, and `predict_proba` makes it a number between 0 and 1,
    not a probability.

    Parameters
    ----------
    layers, activation, optimizer, learning_rate, batch_size, epochs, steps, chunks, random_state
        As in `Autoencoder`.
    patience : int or None
        Stop after so many pieces without a smaller error on the negatives of the validation rows.

    Attributes
    ----------
    classes_ : ndarray
        0 and 1.
    n_features_in_ : int
    autoencoder_ : Autoencoder
    log_threshold_, log_deviation_ : float
        log q and s.
    history_ : dict of str to list of float
        That of the autoencoder, and `validation_average_precision` where the validation rows have
        both classes.
    steps_, best_step_
        As in `Autoencoder`.

    References
    ----------
    S. Hawkins, H. He, G. Williams, R. Baxter, "Outlier detection using replicator neural networks",
    DaWaK 2002.
    """

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: Validation = None,
        report: Report | None = None,
    ) -> AutoencoderClassifier:
        """Fit on the negatives among rows without missing values.

        Parameters
        ----------
        X, y : array-like of shape (n, p) and (n,)
        validation : (X, y), optional
            Rows to draw the learning curve and to stop early by; with one class alone it is as if
            there were none.
        report : callable, optional
            Called after each piece with the steps taken and the average precision on the validation
            rows. What it raises ends the fit.

        Raises
        ------
        NotApplicable, FloatingPointError, MemoryError
            As in `Autoencoder`.
        """
        self._validate_params()
        rows, labels = validate_data(self, X, dtype=np.float64), checked_labels(y)
        held = usable(validation)
        self.autoencoder_ = Autoencoder(**self.get_params())
        precisions: list[float] = []

        def look(held_X: NDArray[Any], held_y: Labels, steps: int, error: float) -> None:
            precisions.append(average_precision(held_y, log_error(self.autoencoder_, held_X)))
            if report is not None:
                report(steps, precisions[-1])

        negatives = rows[labels == 0]
        if held is None:
            self.autoencoder_.fit(negatives)
        else:
            held_X, held_y = np.asarray(held[0]), held[1]
            self.autoencoder_.fit(
                negatives,
                validation=held_X[held_y == 0],
                report=functools.partial(look, held_X, held_y),
            )
        self.history_ = dict(self.autoencoder_.history_)
        if precisions:
            self.history_["validation_average_precision"] = precisions
        self.steps_, self.best_step_ = self.autoencoder_.steps_, self.autoencoder_.best_step_
        errors = log_error(self.autoencoder_, rows)
        self.log_threshold_ = flagging(errors, int(labels.sum()))
        self.log_deviation_ = spread(errors[labels == 0])
        self.classes_ = np.array([0, 1])
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """How unusual each row is: a rank, 0 or more where it is flagged."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        return (log_error(self.autoencoder_, rows) - self.log_threshold_) / self.log_deviation_


def log_error(autoencoder: Autoencoder, X: ArrayLike) -> Floats:
    """The logarithm of each row's reconstruction error."""
    return np.log(np.maximum(autoencoder.reconstruction_error(X), LEAST_ERROR))


class AutoencoderXGBClassifier(MarginClassifier):
    """XGBoost that is given, beside the features, how badly an autoencoder gives a row back, and
    the row's code.

    The autoencoder sees a random share of the negatives, and XGBoost all rows but these; the
    negatives left weigh as much as all of them did, so that the log odds keep their prior. In the
    literature on fraud both mostly learn from the same rows (Du et al. 2023). But a net gives back
    the rows it was fitted on better than others of their kind, and so among them a larger error
    would mark what the net has not seen, which is every positive; of new rows it has seen none, and
    the booster would rely on a difference that is not there: the more so, the larger the net and
    the fewer the rows. Cross-fitting, which stacking does for the same reason (Wolpert 1992), would
    spare the rows, but the codes of two autoencoders have no axis in common.

    Parameters
    ----------
    autoencoder_layers, autoencoder_activation, autoencoder_optimizer, autoencoder_learning_rate,
    autoencoder_batch_size, autoencoder_epochs, autoencoder_steps, autoencoder_chunks,
    autoencoder_patience
        As in `Autoencoder`, without the prefix.
    autoencoder_share : float in (0, 1)
        The share of the negatives that the autoencoder is fitted on.
    code : bool
        Whether XGBoost is given the code.
    xgboost : dict or None
        Parameters of XGBClassifier.
    random_state : int or None

    Attributes
    ----------
    classes_ : ndarray
        0 and 1.
    n_features_in_ : int
    autoencoder_ : Autoencoder
    xgboost_ : XGBClassifier
    history_ : dict of str to list of float
        That of the autoencoder.
    steps_, best_step_
        As in `Autoencoder`.
    best_iteration_ : int or None
        Where XGBoost stopped early, None without `early_stopping_rounds`.

    References
    ----------
    H. Du, L. Lv, A. Guo, H. Wang, "AutoEncoder and LightGBM for credit card fraud detection
    problems", Symmetry 2023. D. H. Wolpert, "Stacked generalization", Neural Networks 1992.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            f"autoencoder_{name}": allowed
            for name, allowed in Autoencoder._parameter_constraints.items()
        },
        "autoencoder_share": [Interval(Real, 0, 1, closed="neither")],
        "code": [bool],
        "xgboost": [dict, None],
        "random_state": Autoencoder._parameter_constraints["random_state"],
    }
    del _parameter_constraints["autoencoder_random_state"]

    def __init__(
        self,
        *,
        autoencoder_layers: Sequence[int] | None = None,
        autoencoder_activation: str = "relu",
        autoencoder_optimizer: str = "adam",
        autoencoder_learning_rate: float | None = None,
        autoencoder_batch_size: int = 128,
        autoencoder_epochs: int | None = None,
        autoencoder_steps: int | None = None,
        autoencoder_chunks: int = 20,
        autoencoder_patience: int | None = None,
        autoencoder_share: float = 0.5,
        code: bool = True,
        xgboost: Mapping[str, Any] | None = None,
        random_state: int | None = None,
    ) -> None:
        self.autoencoder_layers = autoencoder_layers
        self.autoencoder_activation = autoencoder_activation
        self.autoencoder_optimizer = autoencoder_optimizer
        self.autoencoder_learning_rate = autoencoder_learning_rate
        self.autoencoder_batch_size = autoencoder_batch_size
        self.autoencoder_epochs = autoencoder_epochs
        self.autoencoder_steps = autoencoder_steps
        self.autoencoder_chunks = autoencoder_chunks
        self.autoencoder_patience = autoencoder_patience
        self.autoencoder_share = autoencoder_share
        self.code = code
        self.xgboost = xgboost
        self.random_state = random_state

    def _validate_params(self) -> None:
        super()._validate_params()
        self._autoencoder()._validate_params()
        from xgboost import XGBClassifier

        for name in self.xgboost or {}:  # XGBClassifier itself takes whatever it is given
            if name in FIXED or name not in XGBClassifier().get_params():
                raise ValueError(
                    f"xgboost takes the parameters of XGBClassifier apart from {', '.join(FIXED)};"
                    f" found {name!r}"
                )
        from counterpoise.models.focal_xgboost import check_booster

        check_booster(self.xgboost or {})

    def _autoencoder(self) -> Autoencoder:
        own = {
            name: value
            for name, value in self.get_params().items()
            if name.startswith("autoencoder_")
        }
        own.pop("autoencoder_share")
        given = {name.removeprefix("autoencoder_"): value for name, value in own.items()}
        return Autoencoder(**given, random_state=self.random_state)

    def _booster(self) -> Any:
        from xgboost import XGBClassifier

        ours = {"n_jobs": 1, "tree_method": "hist", "random_state": self.random_state}
        return XGBClassifier(**{**ours, **(self.xgboost or {})})

    def fit(
        self, X: ArrayLike, y: ArrayLike, *, validation: Validation = None
    ) -> AutoencoderXGBClassifier:
        """Fit on rows without missing values.

        Parameters
        ----------
        X, y : array-like of shape (n, p) and (n,)
        validation : (X, y), optional
            Rows to stop early by; with one class alone it is as if there were none.

        Raises
        ------
        NotApplicable, FloatingPointError, MemoryError
            As in `Autoencoder`, and NotApplicable when there are fewer than two negatives.
        """
        self._validate_params()
        rows, labels = validate_data(self, X, dtype=np.float64), checked_labels(y)
        held = usable(validation)
        self.xgboost_ = self._booster()
        stops = self.xgboost_.early_stopping_rounds is not None
        if held is None and (stops or self.autoencoder_patience is not None):
            raise NotApplicable(
                "early stopping needs validation rows of both classes; split.validation gives none"
            )
        negatives = np.flatnonzero(labels == 0)
        if len(negatives) < 2:
            raise NotApplicable("one negative cannot be shared by an autoencoder and XGBoost")
        taken = min(max(round(len(negatives) * self.autoencoder_share), 1), len(negatives) - 1)
        seen = np.random.default_rng(self.random_state).permutation(negatives)[:taken]

        self.autoencoder_ = self._autoencoder()
        self.autoencoder_.fit(
            rows[seen], validation=None if held is None else np.asarray(held[0])[held[1] == 0]
        )
        self.history_ = self.autoencoder_.history_
        self.steps_, self.best_step_ = self.autoencoder_.steps_, self.autoencoder_.best_step_

        left = np.setdiff1d(np.arange(len(labels)), seen)
        weights = np.where(labels[left] == 0, len(negatives) / (len(negatives) - taken), 1.0)
        evaluated = (
            [(self._features(np.asarray(held[0])), held[1])] if stops and held is not None else None
        )
        self.xgboost_.fit(
            self._features(rows[left]),
            labels[left],
            sample_weight=weights,
            eval_set=evaluated,
            verbose=False,
        )
        self.best_iteration_ = int(self.xgboost_.best_iteration) if stops else None
        self.classes_ = np.array([0, 1])
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """The log odds of label 1 for each row."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(
            self.xgboost_.predict(self._features(rows), output_margin=True), dtype=np.float64
        )

    def _features(self, X: Any) -> Floats:
        """Rows, their log errors and their codes."""
        code = [self.autoencoder_.code(X)] if self.code else []
        return np.column_stack([X, log_error(self.autoencoder_, X), *code])


class IsolationForestClassifier(MarginClassifier):
    """An isolation forest of scikit-learn: a row that few random splits part from the others is
    flagged.

    It is fitted on all rows and looks at no label but to learn how many rows to flag. The score is
    (a - q) / s, where a is the anomaly score of Liu et al., q lies where as many rows fitted on
    have a larger one as are positive, and s is its standard deviation: a rank, not a log odds.

    Parameters
    ----------
    n_estimators, max_samples, max_features, bootstrap, random_state
        As in scikit-learn.

    Attributes
    ----------
    classes_ : ndarray
        0 and 1.
    n_features_in_ : int
    forest_ : IsolationForest
    threshold_, deviation_ : float
        q and s.

    References
    ----------
    F. T. Liu, K. M. Ting, Z.-H. Zhou, "Isolation forest", ICDM 2008.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}
    """scikit-learn's are asked when they are needed: importing the forest takes time."""

    def __init__(
        self,
        *,
        n_estimators: int = 100,
        max_samples: int | float | str = "auto",
        max_features: int | float = 1.0,
        bootstrap: bool = False,
        random_state: int | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.max_features = max_features
        self.bootstrap = bootstrap
        self.random_state = random_state

    def _validate_params(self) -> None:
        self._forest()._validate_params()

    def _forest(self) -> Any:
        from sklearn.ensemble import IsolationForest

        return IsolationForest(**self.get_params(), n_jobs=1)

    def fit(self, X: ArrayLike, y: ArrayLike) -> IsolationForestClassifier:
        """Fit on rows without missing values; labels say how many to flag."""
        self._validate_params()
        rows, labels = validate_data(self, X, dtype=np.float64), checked_labels(y)
        self.forest_ = self._forest().fit(rows)
        scores = -self.forest_.score_samples(rows)
        self.threshold_, self.deviation_ = flagging(scores, int(labels.sum())), spread(scores)
        self.classes_ = np.array([0, 1])
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """How unusual each row is: a rank, 0 or more where it is flagged."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray((-self.forest_.score_samples(rows) - self.threshold_) / self.deviation_)
