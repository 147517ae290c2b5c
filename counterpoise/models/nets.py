"""Neural nets: a multilayer perceptron and an autoencoder, Keras models that run on JAX.

Nets are compared at equal gradient steps: an epoch of an oversampled table is longer than one of an
undersampled table, and a net that saw more batches would win for that alone. So batches are drawn
without end, and what Keras calls an epoch is a fixed number of steps here, unless `epochs` asks for
epochs of the rows.

Keras and JAX are imported when a net is used, never before.
"""

from __future__ import annotations

import functools
import json
import math
import os
import platform
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from counterpoise.core.errors import NotApplicable
from counterpoise.core.files import write_text
from counterpoise.core.types import Floats, Index, Labels
from counterpoise.models.class_weights import (
    BALANCED,
    ClassWeight,
    check_class_weight,
    class_weights,
)
from counterpoise.models.losses import Loss, balanced_alpha, check_loss, positive_share

Singles = NDArray[np.float32]
Validation = tuple[ArrayLike, ArrayLike] | None
Report = Callable[[int, float], object]
"""Called with the steps taken and what is measured on the validation rows."""

DEFAULT_STEPS = 1000
"""The gradient steps of a fit that is told neither steps nor epochs."""

MOST_STEPS_TOGETHER = 100
"""Gradient steps that Keras takes at once, whose batches are in memory together."""

BLOCK_ROWS = 1024
"""Rows that are scored at once."""

MODEL_FILE, PARAMS_FILE = "net.keras", "net.json"


@functools.cache
def keras_on_jax() -> Any:
    """The module keras, imported at first use and told to compute on one thread of the processor.

    Fits run side by side, one thread each, and there is more to it than manners: another number of
    threads adds up in another order, and the weights come out with other bytes. `PJRT_NPROC` is
    what jax 0.10 goes by when it first computes; it takes no notice of
    `--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1` in XLA_FLAGS.

    Raises
    ------
    NotApplicable
        When Keras or JAX is not installed.
    RuntimeError
        When this process has loaded Keras on another backend.
    """
    os.environ |= {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PJRT_NPROC": "1"}
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        # what an import warns of has nothing to do with one fit, the first in a process
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import jax
            import keras
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in {"keras", "jax", "jaxlib"}:
            raise
        raise NotApplicable(
            "neural nets need the group `nets`, which is not installed: pip install keras jax"
        ) from error
    if keras.backend.backend() != "jax":
        raise RuntimeError(
            f"Keras was loaded on the backend {keras.backend.backend()!r} before any net of"
            " Counterpoise was used, and its nets run on 'jax': set KERAS_BACKEND=jax before keras"
            " is imported"
        )
    # compiling takes longer than a fit: JAX keeps what it compiled, for this machine alone, since
    # another processor may lack instructions that this one has
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    compiled = cache / "counterpoise" / "jax" / platform.node()
    jax.config.update("jax_compilation_cache_dir", str(compiled))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return keras


_NATURAL = Interval(Integral, 1, None, closed="left")
_PIECES = Interval(Integral, 1, 100_000, closed="both")
"""Of a training: each is a point of the learning curve, with a look at the validation rows."""
ACTIVATIONS = {
    "elu",
    "gelu",
    "leaky_relu",
    "linear",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
}
TRAINING: dict[str, list[Any]] = {
    "activation": [StrOptions(ACTIVATIONS)],
    "optimizer": [StrOptions({"adam", "rmsprop", "sgd"})],
    "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
    "batch_size": [_NATURAL],
    "epochs": [_PIECES, None],
    "steps": [_NATURAL, None],
    "chunks": [_PIECES],
    "patience": [_NATURAL, None],
    "random_state": [Interval(Integral, 0, 2**32 - 1, closed="both"), None],
}
"""The constraints of the parameters that both nets share."""


def check_training(estimator: Any) -> None:
    """What scikit-learn's constraints cannot say of the parameters that both nets share.

    Raises
    ------
    ValueError
    """
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, bool):  # which is a whole number to Python, and so to scikit-learn
            raise ValueError(f"{name} must not be {value!r}: it is no matter of yes or no")  # noqa: TRY004
    if estimator.epochs is not None and estimator.steps is not None:
        raise ValueError(
            "epochs and steps both say how long to train: give one of them; found epochs"
            f" {estimator.epochs} and steps {estimator.steps}"
        )
    layers = estimator.layers
    if layers is None:
        return
    whole = [isinstance(n, Integral) and not isinstance(n, bool) and int(n) >= 1 for n in layers]
    if not (whole and all(whole)):
        raise ValueError(
            "layers must be the widths of one hidden layer or more, each a whole number of 1 or"
            f" more; found {list(layers)!r}"
        )


def checked_labels(y: ArrayLike) -> Labels:
    """Labels as 0 and 1.

    Raises
    ------
    ValueError
        When there are others, or one class alone.
    """
    labels = np.asarray(y)
    found = np.unique(labels).tolist()
    if labels.ndim != 1 or found != [0, 1]:
        raise ValueError(
            f"y must be a vector of labels 0 and 1, both among them; found the shape {labels.shape}"
            f" and {found[:5]}"
        )
    return labels.astype(np.int8)


def usable(validation: Validation) -> tuple[ArrayLike, Labels] | None:
    """Validation rows with their labels, None where they have not both classes: there is nothing to
    measure on them."""
    if validation is None:
        return None
    X, y = validation
    labels = np.asarray(y)
    if not ((labels == 0).any() and (labels == 1).any()):
        return None
    return X, checked_labels(labels)


class _Net(BaseEstimator):  # type: ignore[misc]
    """What both nets have in common: a Keras model, its training and its files."""

    model_: Any
    history_: dict[str, list[float]]
    n_features_in_: int

    def _layers(self, random: np.random.Generator) -> Any:
        """The Keras model, with new weights."""
        raise NotImplementedError

    def _train(
        self,
        rows: Singles,
        targets: Singles,
        weights: Singles,
        random: np.random.Generator,
        loss: Any,
        look: Callable[[int], dict[str, float]] | None = None,
        monitor: str = "",
        mode: str = "auto",
    ) -> None:
        """Train the model by `Model.fit`.

        Parameters
        ----------
        rows, targets, weights : ndarray of float32
        loss : a loss of Keras
        look : callable, optional
            Called after each piece with the steps taken; gives what is measured on the validation
            rows, which becomes part of the history.
        monitor, mode : str
            What early stopping goes by, and whether more or less of it is better.

        Raises
        ------
        FloatingPointError
            When the loss, a weight or a score is not finite at the end of a piece.
        """
        keras = keras_on_jax()
        batch = min(self.batch_size, len(rows))
        if self.epochs is not None:
            pieces, length = self.epochs, math.ceil(len(rows) / batch)
        else:
            steps = DEFAULT_STEPS if self.steps is None else self.steps
            length = math.ceil(steps / min(self.chunks, steps))
            pieces = math.ceil(steps / length)

        def after(piece: int, logs: dict[str, float]) -> None:
            taken = (piece + 1) * length
            if not (math.isfinite(logs["loss"]) and _finite(self.model_)):
                raise FloatingPointError(
                    f"the training diverged in piece {piece + 1} of {pieces} (loss"
                    f" {logs['loss']:g}): a smaller learning_rate may help"
                )
            logs |= {"step": float(taken), **({} if look is None else look(taken))}

        callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=after)]
        if self.patience is not None:
            callbacks.append(
                keras.callbacks.EarlyStopping(
                    monitor, mode=mode, patience=self.patience, restore_best_weights=True
                )
            )
        given = {} if self.learning_rate is None else {"learning_rate": self.learning_rate}
        optimizers = {
            "adam": keras.optimizers.Adam,
            "rmsprop": keras.optimizers.RMSprop,
            "sgd": keras.optimizers.SGD,
        }
        # several steps a call of Keras, which would else spend more time on itself than on a step
        together = max(n for n in range(1, MOST_STEPS_TOGETHER + 1) if length % n == 0)
        self.model_.compile(optimizers[self.optimizer](**given), loss, steps_per_execution=together)
        batches = (
            (rows[some], targets[some], weights[some])
            for some in _batches(len(rows), batch, random)
        )
        with _quiet():
            history = self.model_.fit(
                batches, epochs=pieces, steps_per_epoch=length, callbacks=callbacks, verbose=0
            ).history
        columns = ["step", *(name for name in history if name != "step")]
        self.history_ = {name: list(map(float, history[name])) for name in columns}
        self.steps_ = int(self.history_["step"][-1])
        self.best_step_ = None
        if self.patience is not None:
            best = int(getattr(np, "argmax" if mode == "max" else "argmin")(history[monitor]))
            self.best_step_ = int(self.history_["step"][best])

    def _outputs(self, model: Any, X: Singles) -> Floats:
        """What a model gives for each row, block by block."""
        starts = range(0, max(len(X), 1), BLOCK_ROWS)
        blocks = [model(X[start : start + BLOCK_ROWS], training=False) for start in starts]
        return np.concatenate([np.asarray(block) for block in blocks], dtype=np.float64)

    def _rows(self, X: ArrayLike, *, reset: bool = False) -> Singles:
        return validate_data(self, X, reset=reset, dtype=np.float32)  # type: ignore[no-any-return]

    def save(self, folder: Path) -> None:
        """Write the net as `net.keras`, its parameters and what was learned as `net.json`."""
        check_is_fitted(self)
        folder.mkdir(parents=True, exist_ok=True)
        with _quiet():
            self.model_.save(folder / MODEL_FILE)
        learned = {
            name: value
            for name, value in vars(self).items()
            if name.endswith("_") and name not in ("model_", "classes_")
        }
        content = {"params": self.get_params(), "learned": learned}
        text = json.dumps(content, indent=2, allow_nan=False, default=_plain)
        write_text(folder / PARAMS_FILE, text + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote, read in Keras's safe mode; scores come out with the same bytes."""
        content = json.loads((folder / PARAMS_FILE).read_text(encoding="utf-8"))
        params = content["params"]
        if isinstance(params.get("class_weight"), dict):  # JSON has no numbers for keys
            params["class_weight"] = {
                int(k): weight for k, weight in params["class_weight"].items()
            }
        loaded = cls(**params)
        for name, value in content["learned"].items():
            setattr(loaded, name, value)
        keras = keras_on_jax()
        with _quiet():
            loaded.model_ = keras.saving.load_model(
                folder / MODEL_FILE, compile=False, safe_mode=True
            )
        return loaded


def _dense(width: int, activation: str | None, random: np.random.Generator, name: str) -> Any:
    """A dense layer with its own seed and type: the defaults lie in global state and in the user's
    ~/.keras/keras.json."""
    keras = keras_on_jax()
    initializer = keras.initializers.GlorotUniform(seed=int(random.integers(2**31)))
    return keras.layers.Dense(
        width, activation, kernel_initializer=initializer, dtype="float32", name=name
    )


def _batches(rows: int, batch: int, random: np.random.Generator) -> Iterator[Index]:
    """Batches of one size without end: the rows in one random order after another."""
    ahead = np.empty(0, np.int64)
    while True:
        while len(ahead) < batch:
            ahead = np.concatenate([ahead, random.permutation(rows)])
        yield ahead[:batch]
        ahead = ahead[batch:]


def _finite(model: Any) -> bool:
    return all(bool(np.isfinite(np.asarray(weight)).all()) for weight in model.weights)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keras 3.15 reads its variables in a way that NumPy warns of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        # batches come from a generator, in an order of their own
        warnings.filterwarnings("ignore", "`shuffle=True` was passed", UserWarning)
        yield


def _plain(value: Any) -> Any:
    """For JSON: numbers of NumPy, which parameters may be, as Python's own."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} has no place in JSON")


class MarginClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """What classifiers of labels 0 and 1 have in common that give a row a margin, 0 or more for
    label 1."""

    classes_: Index

    def decision_function(self, X: ArrayLike) -> Floats:
        raise NotImplementedError

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Two columns that sum to 1, for labels 0 and 1; the margin is read as the log odds of
        label 1."""
        from scipy.special import expit

        margin = self.decision_function(X)
        return np.column_stack([expit(-margin), expit(margin)])

    def predict(self, X: ArrayLike) -> Index:
        """Label 1 where the margin is 0 or more."""
        return self.classes_[(self.decision_function(X) >= 0).astype(int)]  # type: ignore[no-any-return]


class KerasMLP(MarginClassifier, _Net):
    """A multilayer perceptron for labels 0 and 1, whose output is the log odds of label 1.

    The bias of the last layer starts at the log odds of the positive share of the rows fitted on,
    by their weights in the loss, so that the first steps are not spent on learning how rare
    positives are (Lin et al. 2017, section 4.1).

    Parameters
    ----------
    layers : list of int
        Widths of the hidden layers.
    activation : str
        The name of one of Keras's activations.
    dropout : float in [0, 1)
        The share of each hidden layer's units that a step leaves out.
    optimizer : {"adam", "rmsprop", "sgd"}
    learning_rate : float or None
        None for Keras's own: 0.001, and 0.01 for sgd.
    batch_size : int
        Rows in a gradient step; all of them where there are fewer.
    epochs, steps : int or None
        How long to train; one of them may be given. An epoch has as many steps as there are batches
        in the rows. Without either it is 1000 steps whatever the number of rows. Steps are rounded
        up to fill the last piece.
    chunks : int
        In how many pieces of equal length the steps are cut: one point of the learning curve each.
        With `epochs` each epoch is a piece.
    loss : {"cross_entropy", "balanced", "focal"}
        Balanced cross entropy weighs the classes by `loss_alpha`; focal loss moreover counts a row
        the less, the surer the net is of it (Keras's BinaryCrossentropy and
        BinaryFocalCrossentropy).
    loss_alpha : float in (0, 1), "balanced" or None
        The weight of a positive row, that of a negative one being 1 - loss_alpha; cross entropy
        makes no use of it. "balanced" is the share of the negatives among the rows fitted on, under
        which both classes weigh the same in sum. None, for focal loss alone, weighs no class.
    loss_gamma : float
        How much less an easy row counts in focal loss.
    class_weight : None, "balanced" or {0: float, 1: float}
        Weights of the rows of each class; "balanced" as in scikit-learn. Refused beside a loss that
        weighs the classes.
    patience : int or None
        Stop after so many pieces without a better average precision on the validation rows, and
        keep the best weights (Keras's EarlyStopping).
    random_state : int or None

    Attributes
    ----------
    classes_ : ndarray
        0 and 1.
    n_features_in_ : int
    model_ : keras.Model
    history_ : dict of str to list of float
        The learning curve, one entry a piece: `step`, the steps taken; `loss`, the mean over the
        steps of the piece; and where the validation rows have both classes `validation_loss`, with
        the weights that the classes have in training, and `validation_average_precision`.
    steps_ : int
        Gradient steps taken.
    best_step_ : int or None
        After which step the weights were kept; None without patience.
    alpha_ : float or None
        The weight of a positive row in the loss, None where the loss has none.

    Notes
    -----
    One seed gives the same bytes of scores on one machine. Averages over a batch are divided by its
    rows, not by their weights, as Keras does.

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar, "Focal loss for dense object detection",
    ICCV 2017. G. King, L. Zeng, "Logistic regression in rare events data", Political Analysis 2001
    (weights of classes). N. Srivastava et al., "Dropout: a simple way to prevent neural networks
    from overfitting", JMLR 2014. X. Glorot, Y. Bengio, "Understanding the difficulty of training
    deep feedforward neural networks", AISTATS 2010. L. Prechelt, "Early stopping - but when?", in
    Neural Networks: Tricks of the Trade, 1998.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TRAINING,
        "layers": [list, tuple],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "loss": [StrOptions({"cross_entropy", "balanced", "focal"})],
    }

    def __init__(
        self,
        *,
        layers: Sequence[int] = (64, 32),
        activation: str = "relu",
        dropout: float = 0.0,
        optimizer: str = "adam",
        learning_rate: float | None = None,
        batch_size: int = 128,
        epochs: int | None = None,
        steps: int | None = None,
        chunks: int = 20,
        loss: str = "cross_entropy",
        loss_alpha: float | str | None = BALANCED,
        loss_gamma: float = 2.0,
        class_weight: ClassWeight = None,
        patience: int | None = None,
        random_state: int | None = None,
    ) -> None:
        self.layers = layers
        self.activation = activation
        self.dropout = dropout
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.steps = steps
        self.chunks = chunks
        self.loss = loss
        self.loss_alpha = loss_alpha
        self.loss_gamma = loss_gamma
        self.class_weight = class_weight
        self.patience = patience
        self.random_state = random_state

    def _validate_params(self) -> None:
        super()._validate_params()
        check_training(self)
        check_loss(self.loss_alpha, self.loss_gamma)
        check_class_weight(self.class_weight)
        if self.loss == BALANCED and self.loss_alpha is None:
            raise ValueError(
                "loss 'balanced' weighs the classes by loss_alpha, and loss_alpha None weighs none"
            )
        if self._asked_alpha is not None and self.class_weight is not None:
            raise ValueError(
                f"class_weight weighs the classes as loss_alpha does in loss {self.loss!r}:"
                f" expected one of them alone, found class_weight {self.class_weight!r} and"
                f" loss_alpha {self.loss_alpha!r}"
            )

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        validation: Validation = None,
        report: Report | None = None,
    ) -> KerasMLP:
        """Fit on rows without missing values.

        Parameters
        ----------
        X, y : array-like of shape (n, p) and (n,)
        sample_weight : array-like of shape (n,), optional
            Multiplied with the weights of the classes.
        validation : (X, y), optional
            Rows to draw the learning curve and to stop early by; with one class alone it is as if
            there were none.
        report : callable, optional
            Called after each piece with the steps taken and the average precision on the validation
            rows. What it raises ends the fit.

        Raises
        ------
        NotApplicable
            When early stopping is asked for and there are no validation rows to stop by, or Keras
            is not installed.
        FloatingPointError
            When the training diverges.
        """
        self._validate_params()
        rows, labels = self._rows(X, reset=True), checked_labels(y)
        if len(rows) != len(labels):
            raise ValueError(f"X and y must have as many rows; found {len(rows)} and {len(labels)}")
        held = usable(validation)
        if self.patience is not None and held is None:
            raise NotApplicable(
                "early stopping needs validation rows of both classes; split.validation gives none"
            )
        self.alpha_ = balanced_alpha(labels) if self._asked_alpha == BALANCED else self._asked_alpha
        of_loss = (1.0, 1.0) if self.alpha_ is None else (1 - self.alpha_, self.alpha_)
        of_class = np.multiply(of_loss, class_weights(self.class_weight, labels))
        weights = of_class[labels] * _checked_weights(sample_weight, len(labels))
        odds = positive_share(labels, weights) / positive_share(1 - labels, weights)
        gamma = float(self.loss_gamma) if self.loss == "focal" else 0.0

        keras, random = keras_on_jax(), np.random.default_rng(self.random_state)
        self.classes_ = np.array([0, 1])
        self.model_ = self._layers(random)
        self.model_.get_layer("output").bias.assign([math.log(odds)])
        loss = (
            keras.losses.BinaryFocalCrossentropy(gamma=gamma, from_logits=True)
            if self.loss == "focal"
            else keras.losses.BinaryCrossentropy(from_logits=True)
        )

        def look(steps: int) -> dict[str, float]:
            assert held is not None
            log_odds = self.decision_function(held[0])
            precision = average_precision(held[1], log_odds)
            if report is not None:
                report(steps, precision)
            value = float(np.mean(of_class[held[1]] * Loss(None, gamma).value(held[1], log_odds)))
            return {"validation_loss": value, "validation_average_precision": precision}

        self._train(
            rows,
            labels[:, None].astype(np.float32),
            weights.astype(np.float32),
            random,
            loss,
            None if held is None else look,
            "validation_average_precision",
            "max",
        )
        return self

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        loaded = super().load(folder)
        loaded.classes_ = np.array([0, 1])
        return loaded

    def decision_function(self, X: ArrayLike) -> Floats:
        """The log odds of label 1 for each row."""
        check_is_fitted(self)
        return self._outputs(self.model_, self._rows(X))[:, 0]

    def _layers(self, random: np.random.Generator) -> Any:
        keras = keras_on_jax()
        layers = [keras.Input((self.n_features_in_,), dtype="float32", name="features")]
        for k, width in enumerate(self.layers, start=1):
            layers.append(_dense(int(width), self.activation, random, f"hidden_{k}"))
            if self.dropout:
                seed = int(random.integers(2**31))
                layers.append(keras.layers.Dropout(self.dropout, seed=seed, name=f"dropout_{k}"))
        return keras.Sequential([*layers, _dense(1, None, random, "output")])

    @property
    def _asked_alpha(self) -> Any:
        """`loss_alpha`, None where the loss makes no use of it."""
        return None if self.loss == "cross_entropy" else self.loss_alpha


def average_precision(y: Labels, scores: Floats) -> float:
    """Average precision of scores on rows of both classes.

    Raises
    ------
    FloatingPointError
        When a score is not finite.
    """
    from sklearn.metrics import average_precision_score

    if not np.isfinite(scores).all():
        raise FloatingPointError(
            "scores of the validation rows are not finite: a smaller learning_rate may help"
        )
    return float(average_precision_score(y, scores))


def _checked_weights(sample_weight: ArrayLike | None, rows: int) -> Floats:
    if sample_weight is None:
        return np.ones(rows)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (rows,) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"sample_weight must be {rows} finite numbers of 0 or more, one a row")
    return weights


class AutoencoderParameters(BaseEstimator):  # type: ignore[misc]
    """The parameters that `Autoencoder` and the classifier that is made of it share."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TRAINING,
        "layers": [list, tuple, None],
    }

    def __init__(
        self,
        *,
        layers: Sequence[int] | None = None,
        activation: str = "relu",
        optimizer: str = "adam",
        learning_rate: float | None = None,
        batch_size: int = 128,
        epochs: int | None = None,
        steps: int | None = None,
        chunks: int = 20,
        patience: int | None = None,
        random_state: int | None = None,
    ) -> None:
        self.layers = layers
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.steps = steps
        self.chunks = chunks
        self.patience = patience
        self.random_state = random_state

    def _validate_params(self) -> None:
        super()._validate_params()
        check_training(self)


class Autoencoder(AutoencoderParameters, _Net):
    """A net that learns to give back the rows it is shown by way of fewer numbers than they have.

    What it was fitted on it gives back well; rows of another kind less so, and the error says how
    unusual a row is (Hawkins et al. 2002). With one layer it learns the plane of the first
    principal components (Baldi and Hornik 1989).

    Parameters
    ----------
    layers : list of int or None
        Widths from the features to the code; the way back mirrors them. None for half and a quarter
        of the features, rounded up.
    activation, optimizer, learning_rate, batch_size, epochs, steps, chunks, random_state
        As in `KerasMLP`; the code and the output have no activation. A rectified unit of the code
        that is never on would be lost for good, and there are few of them.
    patience : int or None
        Stop after so many pieces without a smaller error on the validation rows, and keep the best
        weights.

    Attributes
    ----------
    n_features_in_ : int
    model_ : keras.Model
    history_ : dict of str to list of float
        `step`, `loss` and, where there are validation rows, `validation_loss`: mean squared errors.
    steps_, best_step_
        As in `KerasMLP`.

    References
    ----------
    S. Hawkins, H. He, G. Williams, R. Baxter, "Outlier detection using replicator neural networks",
    DaWaK 2002. P. Baldi, K. Hornik, "Neural networks and principal component analysis", Neural
    Networks 1989.
    """

    def fit(
        self, X: ArrayLike, *, validation: ArrayLike | None = None, report: Report | None = None
    ) -> Autoencoder:
        """Fit on rows without missing values.

        Parameters
        ----------
        X : array-like of shape (n, p)
        validation : array-like of shape (m, p), optional
            Rows to draw the learning curve and to stop early by.
        report : callable, optional
            Called after each piece with the steps taken and the mean error on the validation rows;
            `reconstruction_error` and `code` work inside it. What it raises ends the fit.

        Raises
        ------
        NotApplicable
            When the code is not narrower than the rows, when early stopping is asked for and there
            are no validation rows, or when Keras is not installed.
        FloatingPointError
            As in `KerasMLP`.
        """
        self._validate_params()
        rows = self._rows(X, reset=True)
        held = None
        if validation is not None and np.shape(validation)[0] > 0:
            held = self._rows(validation)
        if self.patience is not None and held is None:
            raise NotApplicable("early stopping needs validation rows; split.validation gives none")
        random = np.random.default_rng(self.random_state)
        self.model_ = self._layers(random)

        def look(steps: int) -> dict[str, float]:
            assert held is not None
            error = float(self.reconstruction_error(held).mean())
            if report is not None:
                report(steps, error)
            return {"validation_loss": error}

        self._train(
            rows,
            rows,
            np.ones(len(rows), np.float32),
            random,
            "mean_squared_error",
            None if held is None else look,
            "validation_loss",
            "min",
        )
        return self

    def reconstruction_error(self, X: ArrayLike) -> Floats:
        """The mean squared error of each row."""
        check_is_fitted(self)
        rows = self._rows(X)
        return np.asarray(((self._outputs(self.model_, rows) - rows) ** 2).mean(axis=1))

    def code(self, X: ArrayLike) -> Floats:
        """The numbers that each row is made into on its way."""
        check_is_fitted(self)
        model = self.model_
        to_code = keras_on_jax().Model(model.input, model.get_layer("code").output)
        return self._outputs(to_code, self._rows(X))

    def _layers(self, random: np.random.Generator) -> Any:
        features, down = self.n_features_in_, self.layers
        if down is None:
            down = (math.ceil(features / 2), math.ceil(features / 4))
        if down[-1] >= features:
            raise NotApplicable(
                f"an autoencoder must make its rows narrower; its code has a width of {down[-1]},"
                f" and the rows have {features} feature{'s' * (features > 1)}"
            )
        keras = keras_on_jax()
        inputs = last = keras.Input((features,), dtype="float32", name="features")
        for k, width in enumerate((*down, *reversed(down[:-1])), start=1):
            is_code = k == len(down)
            name = "code" if is_code else f"hidden_{k}"
            last = _dense(int(width), None if is_code else self.activation, random, name)(last)
        return keras.Model(inputs, _dense(features, None, random, "output")(last))
