"""Models: from a name in params.yaml to an estimator, what encoding it takes, and how its scores are read."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stages.config import Model, did_you_mean
from stages.errors import ConfigurationError, NotApplicable
from stages.remedies.encoding import Encoder
from stages.remedies.space import Matrix

Labels = NDArray[np.int8]
Scores = NDArray[np.float64]

BALANCED = "balanced"
MOST_CODES = 255
"""The most labels that a histogram of scikit-learn holds; a column with more is spread into indicators."""


@dataclass(frozen=True)
class ModelKind:
    """What a name in params.yaml means.

    Attributes
    ----------
    module, name : str
        Where the class is, imported when asked for.
    categories : {"indicators", "codes"}
        How it takes categories.
    missing : bool
        Whether it takes missing numbers as they are.
    scale : bool
        Whether it needs numbers of one scale.
    margin : {"decision_function", "output_margin"} or None
        What gives the log odds. Probabilities are made of them in double precision, so that rows with different log odds
        keep different scores; None where the model gives probabilities alone.
    defaults : dict
        Parameters that an entry may override.
    fixed : dict
        Parameters that it may not, and why.
    """

    module: str
    name: str
    categories: Literal["indicators", "codes"]
    missing: bool
    scale: bool = False
    margin: Literal["decision_function", "output_margin"] | None = "decision_function"
    defaults: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, tuple[Any, str]] = field(default_factory=dict)

    @property
    def cls(self) -> type:
        return getattr(importlib.import_module(self.module), self.name)  # type: ignore[no-any-return]


_ONE_THREAD = {"n_jobs": (1, "cells run side by side, one thread each (LOKY_MAX_CPU_COUNT limits how many)")}
_WOULD_STOP_ON_RESAMPLED = "it would be taken from the resampled rows; early stopping uses the natural validation slice"
_XGBOOST = {
    **_ONE_THREAD,
    "enable_categorical": (True, "categories are marked by the table"),
    "feature_types": (None, "they are known from the table"),
    "objective": ("binary:logistic", "the score is a probability of the positive class"),
    "missing": (np.nan, "`sentinels` of the dataset says what is missing"),
}

MODELS: dict[str, ModelKind] = {
    "logistic_regression": ModelKind(
        "sklearn.linear_model", "LogisticRegression", "indicators", missing=False, scale=True,
        defaults={"max_iter": 1000},
    ),
    "gradient_boosting": ModelKind(
        "sklearn.ensemble", "GradientBoostingClassifier", "indicators", missing=False,
        fixed={"n_iter_no_change": (None, _WOULD_STOP_ON_RESAMPLED)},
    ),
    "hist_gradient_boosting": ModelKind(
        "sklearn.ensemble", "HistGradientBoostingClassifier", "codes", missing=True,
        defaults={"early_stopping": False},
        fixed={
            "categorical_features": (None, "they are known from the table"),
            "validation_fraction": (None, _WOULD_STOP_ON_RESAMPLED),
        },
    ),
    "random_forest": ModelKind(
        "sklearn.ensemble", "RandomForestClassifier", "indicators", missing=True, margin=None, fixed=_ONE_THREAD,
    ),
    "xgboost": ModelKind(
        "xgboost", "XGBClassifier", "codes", missing=True, margin="output_margin",
        defaults={"tree_method": "hist"}, fixed=_XGBOOST,
    ),
    "xgboost_weighted": ModelKind(
        "xgboost", "XGBClassifier", "codes", missing=True, margin="output_margin",
        defaults={"tree_method": "hist", "scale_pos_weight": BALANCED}, fixed=_XGBOOST,
    ),
}  # fmt: skip


def kind_of(key: str, entry: Model) -> ModelKind:
    """What a model's name means.

    Raises
    ------
    ConfigurationError
        When there is no model of that name.
    """
    name = entry.model or key
    if name not in MODELS:
        raise ConfigurationError(
            f"There is no model {name!r}{did_you_mean(name, MODELS)}.",
            where=f"params.yaml: models.{key}",
            expected="one of: " + ", ".join(MODELS),
            found=repr(name),
            todo="name one of these as the model's key, or under `model`.",
        )
    return MODELS[name]


def make(key: str, entry: Model, seed: int) -> Any:
    """The estimator of an entry, not fitted; a `scale_pos_weight` of "balanced" is filled in when rows are known.

    Raises
    ------
    ConfigurationError
        When the model does not exist or does not take one of the parameters.
    """
    kind = kind_of(key, entry)
    where = f"params.yaml: models.{key}.params"
    estimator = kind.cls()
    known = sorted(estimator.get_params())
    for name in entry.params:
        if name in kind.fixed:
            raise ConfigurationError(f"{name!r} is not for params.yaml to set.", where=where,
                                     expected=f"no {name}: {kind.fixed[name][1]}",
                                     found=f"{name}: {entry.params[name]!r}", todo="take it away.")  # fmt: skip
        if name not in known:
            raise ConfigurationError(
                f"{kind.name} takes no parameter {name!r}{did_you_mean(name, known)}.",
                where=where,
                expected="the library's own: " + ", ".join(k for k in known if k not in kind.fixed),
                found=name,
                todo="correct the name, or take it away.",
            )
    params = {**kind.defaults, **entry.params}
    weight = params.get("scale_pos_weight")
    if weight is not None and weight != BALANCED and not (type(weight) in (int, float) and weight > 0):
        raise ConfigurationError("scale_pos_weight makes no sense.", where=where,
                                 expected="a number above 0, or balanced (negatives / positives of the rows fitted on)",
                                 found=repr(weight), todo="correct the value.")  # fmt: skip
    if kind.name == "HistGradientBoostingClassifier" and not isinstance(params["early_stopping"], bool):
        raise ConfigurationError("early_stopping must say yes or no.", where=where, expected="true or false",
                                 found=repr(params["early_stopping"]),
                                 todo="say true to stop by the validation slice.")  # fmt: skip
    fixed = {name: value for name, (value, _) in kind.fixed.items() if value is not None}
    params = {**params, **fixed}
    if "random_state" in known:
        params.setdefault("random_state", seed)
    estimator.set_params(**params)
    if hasattr(estimator, "_parameter_constraints"):
        try:
            estimator._validate_params()
        except ValueError as error:
            raise ConfigurationError("A model's parameter has a wrong value.", where=where, found=str(error),
                                     todo="correct the value.") from None  # fmt: skip
    return estimator


def encoder_of(kind: ModelKind, cardinalities: tuple[int, ...]) -> Encoder:
    """The encoding that a model takes, not fitted."""
    coding = kind.categories
    if coding == "codes" and kind.name.startswith("Hist") and max(cardinalities, default=0) > MOST_CODES:
        coding = "indicators"
    return Encoder(cardinalities, coding, impute=not kind.missing, scale=kind.scale)


def fit(
    kind: ModelKind, estimator: Any, encoder: Encoder, X: Matrix, y: Labels, X_validation: Matrix, y_validation: Labels
) -> dict[str, float]:
    """Fit an estimator on encoded rows; what it learned beside the scores comes back as facts.

    Weights are computed on the rows that it is fitted on, so that a class that was balanced by repeating rows is not
    weighted once more. Early stopping looks at the validation slice, which nobody resampled.

    Raises
    ------
    NotApplicable
        When early stopping is asked for and there is no validation slice to stop by.
    """
    facts: dict[str, float] = {}
    params = estimator.get_params()
    if params.get("scale_pos_weight") == BALANCED:
        facts["scale_pos_weight"] = float((y == 0).sum() / (y == 1).sum())
        estimator.set_params(scale_pos_weight=facts["scale_pos_weight"])
    stops = params.get("early_stopping_rounds") or (kind.name.startswith("Hist") and params["early_stopping"])
    if stops and not 0 < y_validation.sum() < len(y_validation):
        raise NotApplicable("early stopping needs a validation slice with both classes; split.validation gives none")
    if kind.module == "xgboost":
        estimator.set_params(feature_types=["c" if is_category else "q" for is_category in encoder.is_category])
        estimator.fit(X, y, eval_set=[(X_validation, y_validation)] if stops else None, verbose=False)
        if stops:
            facts["best_iteration"] = float(estimator.best_iteration)
    elif kind.name.startswith("Hist"):
        estimator.set_params(categorical_features=np.array(encoder.is_category))
        validation = {"X_val": X_validation, "y_val": y_validation} if stops else {}
        estimator.fit(X, y, **validation)
        facts["best_iteration"] = float(estimator.n_iter_) if stops else float("nan")
    else:
        estimator.fit(X, y)
    return {name: value for name, value in facts.items() if not np.isnan(value)}


def score(kind: ModelKind, estimator: Any, X: Matrix) -> Scores:
    """The probability of the positive class for each encoded row, as the model gives it, in double precision."""
    if len(X) == 0:
        return np.empty(0)
    if kind.margin is None:
        positive = list(estimator.classes_).index(1)
        return np.asarray(estimator.predict_proba(X)[:, positive], dtype=np.float64)
    from scipy.special import expit

    if kind.margin == "output_margin":
        margin = estimator.predict(X, output_margin=True)
    else:
        margin = estimator.decision_function(X)
        if estimator.get_params().get("loss") == "exponential":  # its minimiser is half the log odds
            margin = 2 * margin
    return np.asarray(expit(np.asarray(margin, dtype=np.float64)), dtype=np.float64)
