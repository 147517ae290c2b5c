"""Models by name: how an entry of params.yaml becomes an estimator, is fitted and gives scores.

Each kind of model also determines how rows are encoded for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from counterpoise.core.config import CPU, NONE, Choices, Model, Range
from counterpoise.core.errors import ConfigurationError, unknown
from counterpoise.core.types import Labels, Matrix, Vector
from counterpoise.data.encoder import Encoded, Encoder
from counterpoise.models import adapters, class_weights, losses
from counterpoise.models.adapters import Learned, Rows
from counterpoise.models.class_weights import BALANCED

RATIO = "ratio"
"""Key of the strategy's ratio in the space of a search."""


@dataclass(frozen=True)
class ModelKind:
    """What a model's name in params.yaml stands for.

    Attributes
    ----------
    load : callable
        Imports and returns the class.
    learn : callable of (estimator, Rows) to Learned
        Fits the estimator.
    categories : {"indicators", "codes"}
        The encoding of categories.
    missing : bool
        Whether it takes missing numbers.
    scale : bool
        Whether it needs numbers of one scale.
    margin : {"decision_function", "output_margin"} or None
        The method or option that gives the log odds. Probabilities are computed from them in double
        precision, so that rows with different log odds keep different scores. None where the model
        gives only probabilities.
    probabilities : bool
        Whether a fit on natural rows estimates probabilities. If not, scores are recalibrated on
        the validation rows.
    weighs : bool
        Whether it takes a weight for each row.
    remedies : str or None
        The key of the model to which this one adds a remedy, "" where there is none. None for a
        model without a remedy.
    alone : str
        Why it runs only with the baseline, strategy none; "" where it runs with any strategy.
    defaults : dict
        Parameters that an entry may override.
    fixed : dict
        Parameters that an entry may not set: the value (None leaves the library's default), and the
        reason.
    ready : callable
        Imports what the class itself imports at its first use, so that no fit is charged with it.
        Not used by `counterpoise check`. Raises NotApplicable where a library is not installed.
    modules : tuple of str
        This project's modules that only fits of this kind run.
    """

    load: Callable[[], Any]
    learn: Callable[[Any, Rows], Learned] = adapters.plain
    categories: Literal["indicators", "codes"] = "indicators"
    missing: bool = False
    scale: bool = False
    margin: Literal["decision_function", "output_margin"] | None = "decision_function"
    probabilities: bool = True
    weighs: bool = True
    remedies: str | None = None
    alone: str = ""
    defaults: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, tuple[Any, str]] = field(default_factory=dict)
    ready: Callable[[], object] = lambda: None
    modules: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the class, for messages.

        Returns
        -------
        str
        """
        return str(self.load().__name__)


def _of(module: str, name: str) -> Callable[[], Any]:
    """Make a function that imports a class of a library."""
    return lambda: getattr(importlib.import_module(module), name)


def _xgboost_with_a_loss() -> Any:
    from counterpoise.models.focal_xgboost import XGBLossClassifier

    return XGBLossClassifier


def _multilayer_perceptron() -> Any:
    from counterpoise.models.nets import KerasMLP

    return KerasMLP


def _autoencoder() -> Any:
    from counterpoise.models.anomaly import AutoencoderClassifier

    return AutoencoderClassifier


def _autoencoder_before_xgboost() -> Any:
    from counterpoise.models.anomaly import AutoencoderXGBClassifier

    return AutoencoderXGBClassifier


def _keras() -> object:
    from counterpoise.models.nets import keras_on_jax

    return keras_on_jax()


def _isolation_forest() -> Any:
    from counterpoise.models.anomaly import IsolationForestClassifier

    return IsolationForestClassifier


_ONE_THREAD = {
    "n_jobs": (1, "fits run side by side, one thread each (LOKY_MAX_CPU_COUNT limits how many)")
}
_WOULD_STOP_ON_RESAMPLED = (
    "it would be taken from the resampled rows; early stopping uses the natural validation rows"
)
_STOPS = ("early_stopping_rounds", "early_stopping", "patience", "autoencoder_patience")
_RELABELS = "MetaCost relabels rows by their probability at the natural prevalence"
BOOSTING, NETS, ANOMALY = (
    f"counterpoise.models.{name}" for name in ("focal_xgboost", "nets", "anomaly")
)
_XGBOOST = ModelKind(
    _of("xgboost", "XGBClassifier"),
    adapters.xgboost,
    "codes",
    missing=True,
    margin="output_margin",
    modules=(BOOSTING,),
    defaults={"tree_method": "hist"},
    fixed={
        **_ONE_THREAD,
        "enable_categorical": (True, "categories are marked by the table"),
        "feature_types": (None, "they are known from the table"),
        "objective": ("binary:logistic", "the score is a probability of the positive class"),
        "missing": (np.nan, "`sentinels` of the dataset defines what is missing"),
        "callbacks": (None, "they cannot be written in params.yaml"),
        "device": (None, "`device: cuda` stands beside `params`, not in them"),
    },
)
_NET = ModelKind(
    _multilayer_perceptron,
    adapters.net,
    scale=True,
    defaults={"loss": "cross_entropy"},
    ready=_keras,
    modules=(NETS,),
)
_BALANCED_RANDOM_FOREST = ModelKind(
    _of("imblearn.ensemble", "BalancedRandomForestClassifier"),
    margin=None,
    probabilities=False,
    weighs=False,
    remedies="random_forest",
    alone="it resamples within each of its members",
    fixed={
        **_ONE_THREAD,
        "class_weight": (None, "its members are balanced, and a weight would count that twice"),
    },
)
_BALANCED_ENSEMBLE = replace(_BALANCED_RANDOM_FOREST, remedies="")
_ANOMALY = ModelKind(
    _isolation_forest,
    probabilities=False,
    weighs=False,
    remedies="",
    alone="it learns what is usual, not what separates the classes",
    modules=(ANOMALY,),
)

MODELS: dict[str, ModelKind] = {
    "logistic_regression": ModelKind(
        _of("sklearn.linear_model", "LogisticRegression"), scale=True, defaults={"max_iter": 1000}
    ),
    "nearest_neighbors": ModelKind(
        _of("sklearn.neighbors", "KNeighborsClassifier"),
        scale=True,
        margin=None,
        weighs=False,
        fixed=_ONE_THREAD,
    ),
    "svm": ModelKind(
        _of("sklearn.svm", "SVC"),
        scale=True,
        probabilities=False,
        fixed={
            "probability": (None, "scores are recalibrated on the validation rows"),
            "decision_function_shape": (None, "there are two classes"),
        },
    ),
    "gradient_boosting": ModelKind(
        _of("sklearn.ensemble", "GradientBoostingClassifier"),
        fixed={"n_iter_no_change": (None, _WOULD_STOP_ON_RESAMPLED)},
    ),
    "hist_gradient_boosting": ModelKind(
        _of("sklearn.ensemble", "HistGradientBoostingClassifier"),
        adapters.histogram,
        "codes",
        missing=True,
        defaults={"early_stopping": False},
        fixed={
            "categorical_features": (None, "they are known from the table"),
            "validation_fraction": (None, _WOULD_STOP_ON_RESAMPLED),
        },
    ),
    "random_forest": ModelKind(
        _of("sklearn.ensemble", "RandomForestClassifier"),
        missing=True,
        margin=None,
        fixed=_ONE_THREAD,
    ),
    "xgboost": _XGBOOST,
    "xgboost_weighted": replace(
        _XGBOOST, defaults={**_XGBOOST.defaults, "scale_pos_weight": BALANCED}, remedies="xgboost"
    ),
    "xgboost_focal": replace(
        _XGBOOST,
        load=_xgboost_with_a_loss,
        defaults={**_XGBOOST.defaults, "loss_alpha": 0.25, "loss_gamma": 2.0},
        fixed={
            **_XGBOOST.fixed,
            "objective": (None, "loss_alpha and loss_gamma define it"),
            "scale_pos_weight": (None, "loss_alpha weighs the classes"),
        },
        remedies="xgboost",
    ),
    "mlp": _NET,
    "mlp_weighted": replace(
        _NET, defaults={**_NET.defaults, "class_weight": BALANCED}, remedies="mlp"
    ),
    "mlp_focal": replace(_NET, defaults={"loss": "focal", "loss_alpha": 0.25}, remedies="mlp"),
    "balanced_random_forest": _BALANCED_RANDOM_FOREST,
    "balanced_bagging": replace(
        _BALANCED_ENSEMBLE, load=_of("imblearn.ensemble", "BalancedBaggingClassifier")
    ),
    "rus_boost": replace(
        _BALANCED_ENSEMBLE,
        load=_of("imblearn.ensemble", "RUSBoostClassifier"),
        learn=adapters.boosted_under,
        fixed={},
    ),
    "easy_ensemble": replace(
        _BALANCED_ENSEMBLE, load=_of("imblearn.ensemble", "EasyEnsembleClassifier")
    ),
    "autoencoder": replace(
        _ANOMALY, load=_autoencoder, learn=adapters.net, scale=True, ready=_keras
    ),
    "autoencoder_xgboost": replace(
        _NET,
        load=_autoencoder_before_xgboost,
        learn=adapters.encoded,
        weighs=False,
        remedies="xgboost",
        defaults={},
        modules=(ANOMALY,),
    ),
    "isolation_forest": _ANOMALY,
}


def kind_of(key: str, entry: Model) -> ModelKind:
    """Look up the kind of a model.

    Parameters
    ----------
    key, entry : str, Model
        The model's key and entry in params.yaml.

    Returns
    -------
    ModelKind

    Raises
    ------
    ConfigurationError
        When there is no model of that name.
    """
    name = entry.model or key
    if name not in MODELS:
        raise unknown(
            f"There is no model {name!r}",
            name,
            MODELS,
            where=f"params.yaml: models.{key}",
            todo="name one of these as the model's key, or under `model`.",
        )
    return MODELS[name]


def check(key: str, entry: Model) -> None:
    """Check an entry as far as possible without rows.

    Parameters
    ----------
    key, entry : str, Model
        The model's key and entry in params.yaml.

    Raises
    ------
    ConfigurationError
        With the first mistake.
    """
    check_strategies(key, entry)
    make(key, entry, 0)
    where = f"params.yaml: models.{key}"
    space = {} if entry.search is None else entry.search.space
    for name, dimension in space.items():
        if name == RATIO:
            _check_ratio(dimension, entry, f"{where}.search.space.{RATIO}")
            continue
        # libraries check their own parameters, so an estimator is made at each end and each choice
        for value in dimension.ends if isinstance(dimension, Range) else dimension:
            make(
                key,
                entry.model_copy(update={"params": {**entry.params, name: value}}),
                0,
                within="search.space",
            )
    _check_loss_is_used(kind_of(key, entry), entry, where)


def needs_validation(key: str, entry: Model) -> bool:
    """Check whether a fit uses validation rows, for early stopping or for a search.

    Parameters
    ----------
    key, entry : str, Model
        The model's key and entry in params.yaml.

    Returns
    -------
    bool
    """
    params = _within(make(key, entry, 0).get_params())
    return entry.search is not None or any(params.get(name) for name in _STOPS)


def can_be_partitioned(key: str, entry: Model) -> bool:
    """Check whether one fit can run on rows spread over several machines.

    Only XGBoost with its own losses can. A search and MetaCost make several fits each, which run in
    the usual way.

    Parameters
    ----------
    key, entry : str, Model
        The model's key and entry in params.yaml.

    Returns
    -------
    bool
    """
    kind = kind_of(key, entry)
    plain = kind.learn is adapters.xgboost and "loss_gamma" not in kind.defaults
    return plain and entry.search is None and entry.costs != "metacost"


def check_strategies(key: str, entry: Model) -> None:
    """Check that a model can run with the strategies of its entry.

    This is fast, since it imports no library.

    Parameters
    ----------
    key, entry : str, Model
        The model's key and entry in params.yaml.

    Raises
    ------
    ConfigurationError
        When the model runs only with the baseline and the entry has other strategies.
    """
    alone = kind_of(key, entry).alone or (_RELABELS if entry.costs == "metacost" else "")
    if alone and entry.strategies != (NONE,):
        raise ConfigurationError(
            f"{key} runs with strategy {NONE} alone: {alone}.",
            where=f"params.yaml: models.{key}.strategies",
            expected=f"strategies: [{NONE}]",
            found=(
                "strategies:"
                f" {entry.strategies if entry.strategies == 'all' else list(entry.strategies)}"
            ),
            todo=f"write strategies: [{NONE}].",
        )


def _check_ratio(dimension: Range | Choices, entry: Model, where: str) -> None:
    if entry.strategies == (NONE,):
        raise ConfigurationError(
            "The baseline has no ratio to search for.",
            where=where,
            expected="a strategy that resamples",
            found=f"strategies: [{NONE}]",
            todo=f"remove {RATIO} from the space, or add a strategy.",
        )
    for value in dimension.ends if isinstance(dimension, Range) else dimension:
        if not (type(value) in (int, float) and 0 < value <= 1):
            raise ConfigurationError(
                "A ratio of the classes is out of range.",
                where=where,
                expected="positives / negatives after resampling, above 0 and at most 1",
                found=repr(value),
                todo="correct the space.",
            )


def _check_loss_is_used(kind: ModelKind, entry: Model, where: str) -> None:
    """Check that the loss uses every loss parameter of the entry.

    Otherwise a parameter would have no effect, without a message.
    """
    dimension = None if entry.search is None else entry.search.space.get("loss")
    loss = {**kind.defaults, **entry.params}.get("loss")
    possible = {loss, *(dimension if isinstance(dimension, list) else ())}
    named = [*entry.params, *(() if entry.search is None else entry.search.space)]
    for name, losses_with_it in (("loss_gamma", {"focal"}), ("loss_alpha", {"focal", BALANCED})):
        if loss is not None and name in named and not possible & losses_with_it:
            raise ConfigurationError(
                f"{name} has no effect on the loss {loss}.",
                where=where,
                expected=f"loss: {' or '.join(sorted(losses_with_it))} beside it",
                found=f"loss: {loss}",
                todo=f"name that loss, or remove {name}.",
            )


def make(key: str, entry: Model, seed: int, within: str = "params") -> Any:
    """Make the estimator of an entry, not fitted.

    A `scale_pos_weight` of "balanced" is replaced by a number only in `fit`, where the rows are
    known.

    Parameters
    ----------
    key, entry : str, Model
        The model's key and entry in params.yaml.
    seed : int
        The `random_state`, unless the entry sets one.
    within : str
        The section of the entry that holds the parameters, for messages.

    Returns
    -------
    estimator

    Raises
    ------
    ConfigurationError
        When the model does not exist, or a parameter does not exist or has a wrong value.
    """
    kind = kind_of(key, entry)
    where = f"params.yaml: models.{key}.{within}"
    estimator = kind.load()()
    own = estimator.get_params()
    known = sorted(own)
    for name, value in entry.params.items():
        if name in kind.fixed:
            raise ConfigurationError(
                f"{name!r} cannot be set in params.yaml.",
                where=where,
                expected=f"no {name}: {kind.fixed[name][1]}",
                found=f"{name}: {value!r}",
                todo="remove it.",
            )
        if name not in known:
            raise unknown(
                f"{kind.name} takes no parameter {name!r}",
                name,
                [k for k in known if k not in kind.fixed],
                where=where,
                expected="the library's own: ",
                todo="correct the name, or remove it.",
            )
        # libraries would take `true` as the number 1
        if isinstance(value, bool) and type(own[name]) in (int, float):
            raise _wrong(f"{name} must be a number; found {value!r}", where)
    params = {**kind.defaults, **entry.params}
    _check_weights(params, where)
    _check_costs(kind, entry, params, where)
    _check_device(kind, entry, params, f"params.yaml: models.{key}.device")
    if kind.learn is adapters.histogram and not isinstance(params["early_stopping"], bool):
        raise ConfigurationError(
            "early_stopping must be true or false.",
            where=where,
            expected="true or false",
            found=repr(params["early_stopping"]),
            todo="write true to stop by the validation rows.",
        )
    fixed = {name: value for name, (value, _) in kind.fixed.items() if value is not None}
    params = {**params, **fixed}
    if "random_state" in known:
        params.setdefault("random_state", seed)
    estimator.set_params(**params)
    try:
        if kind.learn is adapters.xgboost:
            from counterpoise.models.focal_xgboost import check_booster

            check_booster({name: value for name, value in params.items() if value != BALANCED})
            if "loss_gamma" in params:
                losses.check_loss(params["loss_alpha"], params["loss_gamma"])
        elif hasattr(estimator, "_parameter_constraints"):
            estimator._validate_params()
    except ValueError as error:
        raise _wrong(str(error), where) from None
    return estimator


def _wrong(found: str, where: str) -> ConfigurationError:
    return ConfigurationError(
        "A model's parameter has a wrong value.",
        where=where,
        found=found,
        todo="correct the value.",
    )


def _within(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a model together with those of a booster that is part of it."""
    booster = params.get("xgboost")
    return {**params, **booster} if isinstance(booster, dict) else params


def _check_weights(params: dict[str, Any], where: str) -> None:
    weight = params.get("scale_pos_weight")
    if not (weight is None or weight == BALANCED or class_weights.is_weight(weight)):
        raise ConfigurationError(
            "scale_pos_weight is invalid.",
            where=where,
            expected=(
                f"a number from {class_weights.MIN_WEIGHT:g} to {class_weights.MAX_WEIGHT:g}, or"
                " balanced (negatives / positives of the rows fitted on)"
            ),
            found=repr(weight),
            todo="correct the value.",
        )
    if params.get("class_weight") not in (None, BALANCED, "balanced_subsample"):
        try:
            class_weights.check_class_weight(params["class_weight"])
        except ValueError as error:
            raise ConfigurationError(
                "class_weight is invalid.", where=where, found=str(error), todo="correct the value."
            ) from None


def _check_costs(kind: ModelKind, entry: Model, params: dict[str, Any], where: str) -> None:
    params = _within(params)
    if entry.costs == "weights" and not kind.weighs:
        raise ConfigurationError(
            f"{kind.name} takes no weights.",
            where=where,
            expected="costs: metacost" if kind.probabilities else "no costs",
            found="costs: weights",
            todo=(
                "relabel by the costs instead."
                if kind.probabilities
                else "remove costs; the threshold rule `cost` takes them into account."
            ),
        )
    if entry.costs == "metacost":
        if not kind.probabilities or loss_of(params) == "focal":
            raise ConfigurationError(
                "MetaCost relabels rows by their probability, and this model estimates none.",
                where=where,
                expected="a model that estimates probabilities",
                found=kind.name + (" with focal loss" if kind.probabilities else ""),
                todo="remove costs; the threshold rule `cost` takes them into account.",
            )
        stops = [name for name in _STOPS if params.get(name)]
        if stops:
            raise ConfigurationError(
                "MetaCost fits on bags of the training rows, which have no validation rows.",
                where=where,
                expected=f"no {stops[0]}",
                found=f"{stops[0]}: {params[stops[0]]!r}",
                todo=f"remove {stops[0]}.",
            )
    if entry.costs is not None:
        weighing = (
            "class_weight",
            "scale_pos_weight",
            *(("loss_alpha",) if weighs_by_loss(params) else ()),
        )
        twice = [name for name in weighing if params.get(name) not in (None, 1)]
        if twice:
            raise ConfigurationError(
                "The costs would be counted twice.",
                where=where,
                expected=f"no {twice[0]} beside costs",
                found=f"{twice[0]}: {params[twice[0]]!r}",
                todo=f"remove {twice[0]} or costs.",
            )


_ON_THE_CPU = {"booster": "gblinear", "tree_method": "exact"}
"""Parameters with which XGBoost computes on the CPU only.

With the first it gives no warning.
"""


def _check_device(kind: ModelKind, entry: Model, params: dict[str, Any], where: str) -> None:
    if entry.device == CPU:
        return
    alone = [f"{name}: {value}" for name, value in _ON_THE_CPU.items() if params.get(name) == value]
    if kind.learn is not adapters.xgboost:
        alone = [kind.name]
    if alone:
        raise ConfigurationError(
            f"{alone[0]} computes on the CPU only.",
            where=where,
            expected=f"device: {CPU}, or none",
            found=f"device: {entry.device}",
            todo="remove device; only models of XGBoost's trees have it.",
        )


def encoder_of(
    kind: ModelKind,
    cardinalities: tuple[int, ...],
    scale: bool | Literal["power"] | None = None,
    seed: int = 0,
) -> Encoder:
    """Make the encoder that a model needs, not fitted.

    Parameters
    ----------
    kind : ModelKind
    cardinalities : tuple of int, length p
        For each feature the number of its categories, 0 for a number.
    scale : bool or "power", optional
        The entry's setting, in place of the kind's.
    seed : int
        Of the folds for cross-fitting.

    Returns
    -------
    Encoder
    """
    return Encoder(
        cardinalities,
        kind.categories,
        impute=not kind.missing,
        scale=kind.scale if scale is None else scale,
        seed=seed,
    )


def fit(kind: ModelKind, estimator: Any, rows: Rows) -> Learned:
    """Fit an estimator on encoded rows.

    Class weights are computed on the rows that it is fitted on. So a class that a sampler has
    balanced is not weighted again.

    Parameters
    ----------
    kind : ModelKind
    estimator : object
        Made by `make`; fitted in place.
    rows : Rows

    Returns
    -------
    Learned
        Among its facts, `weight_ratio` is the weight of a positive row over that of a negative one,
        where they differ.

    Raises
    ------
    NotApplicable
        When early stopping is set, and the validation rows lack a class.
    """
    facts: dict[str, float] = {}
    params = estimator.get_params()
    if params.get("scale_pos_weight") == BALANCED:
        facts["scale_pos_weight"] = float((rows.y == 0).sum() / (rows.y == 1).sum())
        estimator.set_params(scale_pos_weight=facts["scale_pos_weight"])
    ratio = weight_ratio(estimator.get_params(), rows.y, rows.weights)
    learned = kind.learn(prepared(kind, estimator, rows), rows)
    if ratio != 1:
        facts["weight_ratio"] = ratio
    return Learned({**facts, **learned.facts}, learned.history)


def prepared(kind: ModelKind, estimator: Any, rows: Rows) -> Any:
    """Mark the columns that hold categories, for libraries that handle them.

    Parameters
    ----------
    kind : ModelKind
    estimator : object
        Changed in place.
    rows : Rows

    Returns
    -------
    estimator
        The same.
    """
    if kind.learn is adapters.xgboost:
        estimator.set_params(
            feature_types=["c" if is_category else "q" for is_category in rows.is_category]
        )
    elif kind.learn is adapters.histogram:
        estimator.set_params(categorical_features=np.array(rows.is_category))
    return estimator


def valued(kind: ModelKind, rows: Encoded) -> Encoded:
    """Set columns without any value to 0, for a library that refuses such columns.

    A column that is constant among the rows to fit on is never split on. So its values in other
    rows do not matter.

    Parameters
    ----------
    kind : ModelKind
    rows : Encoded
        The rows to fit on.

    Returns
    -------
    Encoded
    """
    return rows.without_values() if kind.learn is adapters.histogram else rows


def weight_ratio(params: dict[str, Any], y: Labels, sample_weights: Vector | None = None) -> float:
    """Compute the mean weight of a positive row over that of a negative one.

    Parameters
    ----------
    params : dict
        Parameters of the estimator: `scale_pos_weight`, `class_weight` and the loss count.
    y : ndarray of shape (n,), 0 and 1
        Labels of the rows to fit on.
    sample_weights : ndarray of shape (n,), optional

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When "balanced" weights are used with a single class, or only one class has weight.
    """
    ratio = float(_within(params).get("scale_pos_weight") or 1)
    if params.get("class_weight") is not None:
        class_weight = params["class_weight"]
        negative, positive = class_weights.class_weights(
            "balanced" if class_weight == "balanced_subsample" else class_weight, y
        )
        ratio *= positive / negative
    # focal loss is left out: it also weights easy rows, so its effect is not one ratio
    if balances(params):
        alpha = params["loss_alpha"]
        alpha = float((y == 0).mean()) if alpha == BALANCED else alpha
        ratio *= alpha / (1 - alpha)
    return (
        ratio if sample_weights is None else ratio * class_weights.weight_ratio(y, sample_weights)
    )


def weighs_by_loss(params: dict[str, Any]) -> bool:
    """Check whether the loss has a weight for the positive class.

    Parameters
    ----------
    params : dict
        Parameters of the estimator.

    Returns
    -------
    bool
    """
    return params.get("loss_alpha") is not None and loss_of(params) != "cross_entropy"


def balances(params: dict[str, Any]) -> bool:
    """Check whether the loss weights the classes and nothing else.

    Parameters
    ----------
    params : dict
        Parameters of the estimator.

    Returns
    -------
    bool
    """
    return params.get("loss_alpha") is not None and loss_of(params) == "balanced"


def loss_of(params: dict[str, Any]) -> str:
    """Name the loss that parameters define.

    Parameters
    ----------
    params : dict
        Parameters of the estimator.

    Returns
    -------
    str
        "cross_entropy", "balanced" or "focal"; focal loss with gamma 0 is "balanced".
    """
    loss = str(params.get("loss", "focal" if "loss_gamma" in params else "cross_entropy"))
    return "balanced" if loss == "focal" and params.get("loss_gamma") == 0 else loss


def score(kind: ModelKind, estimator: Any, X: Matrix) -> Vector:
    """Estimate the probability of the positive class, as the model gives it.

    Parameters
    ----------
    kind : ModelKind
    estimator : object
        Fitted.
    X : ndarray of shape (n, columns)
        Encoded rows.

    Returns
    -------
    ndarray of shape (n,), float64
        Not recalibrated.
    """
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
        # the minimizer of exponential loss is half the log odds
        if estimator.get_params().get("loss") == "exponential":
            margin = 2 * margin
    return np.asarray(expit(np.asarray(margin, dtype=np.float64)), dtype=np.float64)
