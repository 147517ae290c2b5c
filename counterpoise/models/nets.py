"""Neural nets: a multilayer perceptron and an autoencoder, built with Keras and run by JAX.

Nets are compared at equal gradient steps: an epoch of an oversampled table is longer than one of an
undersampled table, and a net that saw more batches would win for that alone. Keras builds the
layers and steps the optimizer by way of its stateless functions, which is how it is meant to be run
in a loop of one's own on JAX: a net is compiled once in a process and not once a fit (0.4 s), and a
step costs 0.1 ms where `Model.fit` takes 0.3 ms.

Keras and JAX are imported when a net is used, never before.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

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

STEPS = 1000
"""The gradient steps of a fit that is told neither steps nor epochs."""
MEMORY_LIMIT = 2 * 2**30
"""The most bytes that a net may take beside its rows."""
BLOCK = 1024
"""Rows that are scored at once; the last block is padded, so that no number of rows needs a
compilation of its own."""
SAY_EVERY = 30.0
"""Seconds between two lines on standard error about a fit that takes long."""
SLOWER = "a smaller learning_rate may help"


@functools.cache
def keras_on_jax() -> tuple[Any, Any]:
    """The modules keras and jax, imported at first use and told to compute on one thread of the
    processor.

    Cells run side by side, one thread each, and there is more to it than manners: another number of
    threads adds up in another order, and the weights come out with other bytes. `PJRT_NPROC` is
    what jax 0.10 goes by when it first computes; it takes no notice of
    `--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1` in XLA_FLAGS.

    Raises
    ------
    NotApplicable
        When one of them is not installed.
    RuntimeError
        When this process has loaded Keras on another backend.
    """
    os.environ |= {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PJRT_NPROC": "1"}
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        # what an import has to say is not said of one fit, the first in a process
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
    return keras, jax


# Memory


def estimated_bytes(layers: Sequence[int], features: int, batch: int, outputs: int = 1) -> int:
    """About how many bytes training takes beside the rows themselves, all numbers in single
    precision.

    Weights count five times: themselves, their gradients, two slots of the optimizer and the best
    ones so far; activations twice, going forward and coming back.
    """
    widths = [int(width) for width in (features, *layers, outputs)]
    weights = sum((before + 1) * after for before, after in itertools.pairwise(widths))
    return 4 * (5 * weights + 2 * max(int(batch), BLOCK) * sum(widths))


def _too_large(layers: Sequence[int], features: int, batch: int, outputs: int = 1) -> str | None:
    """Why a net cannot be had, None where it can."""
    estimate = estimated_bytes(layers, features, batch, outputs)
    if estimate <= MEMORY_LIMIT:
        return None
    return (
        f"a net with layers {list(layers)} would take about {estimate / 2**30:.1f} GiB ({features}"
        f" features, batches of {batch}), and the limit is {MEMORY_LIMIT / 2**30:.1f} GiB: make"
        " layers narrower, or batch_size smaller"
    )


# What is compiled


@dataclass(frozen=True)
class Design:
    """A net without its weights: all that XLA compiles, and nothing that differs between two fits
    of one cell.

    Attributes
    ----------
    features : int
    layers : tuple of int
        Widths of the hidden layers.
    outputs : int
        1 for a log odds, else as many as there are features.
    activation, dropout, optimizer
        As in `KerasMLP`.
    code : int or None
        Which hidden layer is the code of an autoencoder. It has no activation: a rectified unit
        that is never on would be lost for good, and there are few of them.
    """

    features: int
    layers: tuple[int, ...]
    outputs: int
    activation: str
    dropout: float
    optimizer: str
    code: int | None = None

    def build(self, random: np.random.Generator) -> Any:
        """A Keras model with new weights; its outputs are the code, where there is one, and the
        last layer.

        The weights are those of Glorot and Bengio (2010), as Keras's own, but drawn by NumPy:
        Keras's initializers compile anew for each shape, which takes longer than compiling the net.
        """
        keras, _ = keras_on_jax()
        # types and seeds are given, since the defaults lie in the user's ~/.keras/keras.json and in
        # global state
        seeds = random.integers(2**31, size=len(self.layers)).tolist()

        def dense(width: int, activation: str | None, name: str) -> Any:
            return keras.layers.Dense(
                width, activation, kernel_initializer="zeros", dtype="float32", name=name
            )

        inputs = keras.Input((self.features,), dtype="float32", name="features")
        last, outputs = inputs, []
        for k, width in enumerate(self.layers):
            if k == self.code:
                last = dense(width, None, "code")(last)
                outputs.append(last)
                continue
            last = dense(width, self.activation, f"hidden_{k + 1}")(last)
            if self.dropout:
                drop = keras.layers.Dropout(
                    self.dropout, seed=seeds[k], dtype="float32", name=f"dropout_{k + 1}"
                )
                last = drop(last)
        outputs.append(dense(self.outputs, None, "output")(last))
        model = keras.Model(inputs, outputs)
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dense):
                limit = math.sqrt(6 / sum(layer.kernel.shape))
                layer.kernel.assign(random.uniform(-limit, limit, layer.kernel.shape))
        return model

    def row_losses(self, outputs: Sequence[Any], targets: Any, gamma: Any) -> Any:
        """The loss of each row of a batch: focal where the output is a log odds, else the mean
        squared error."""
        from keras import ops

        if self.code is None:
            return focal(outputs[-1][:, 0], targets, gamma)
        return ops.mean(ops.square(outputs[-1] - targets), axis=1)


def focal(log_odds: Any, labels: Any, gamma: Any) -> Any:
    """Focal loss, unweighted, of tensors of Keras; with gamma 0 it is cross entropy (see
    `counterpoise.models.losses.Loss`).

    `keras.losses.BinaryFocalCrossentropy(from_logits=True)` goes by way of a probability that it
    clips at 1e-7: beyond log odds of 16 its loss stands still and its gradient is gone, so a row
    that is wrong for sure is never learned from. Log odds need no clipping. With gamma 0 this is
    what Keras's own BinaryCrossentropy(from_logits=True) computes, so one program serves all
    losses.
    """
    from keras import ops

    against = (1.0 - 2.0 * labels) * log_odds  # log odds of the other class
    return ops.exp(-gamma * ops.logaddexp(0.0, -against)) * ops.logaddexp(0.0, against)


class Program(NamedTuple):
    """What XLA makes of a design: one gradient step, and the way from features to outputs."""

    step: Callable[..., Any]
    forward: Callable[..., Any]


_programs: dict[Design, Program] = {}
"""Programs of this process, so that the folds of a cell compile once; a search over layers makes
many."""
KEPT_PROGRAMS = 16
KEPT_BYTES = 64 * 2**20
"""A program holds the weights of the net that it was made from: that of a larger net is not
kept."""


def _program(design: Design, model: Any, optimizer: Any) -> Program:
    if design in _programs:
        return _programs[design]
    _, jax = keras_on_jax()

    def loss(weights: Any, others: Any, X: Any, targets: Any, row_weights: Any, gamma: Any) -> Any:
        outputs, others = model.stateless_call(weights, others, X, training=True)
        losses = design.row_losses(jax.tree.leaves(outputs), targets, gamma)
        return (row_weights * losses).mean(), others

    def step(state: Any, X: Any, targets: Any, row_weights: Any, gamma: Any) -> Any:
        weights, others, slots = state
        (value, others), gradients = jax.value_and_grad(loss, has_aux=True)(
            weights, others, X, targets, row_weights, gamma
        )
        weights, slots = optimizer.stateless_apply(slots, gradients, weights)
        return (weights, others, slots), value

    def forward(weights: Any, others: Any, X: Any) -> Any:
        return jax.tree.leaves(model.stateless_call(weights, others, X, training=False)[0])

    program = Program(jax.jit(step, donate_argnums=0), jax.jit(forward))
    if estimated_bytes(design.layers, design.features, BLOCK, design.outputs) <= KEPT_BYTES:
        if len(_programs) >= KEPT_PROGRAMS:
            _programs.clear()
            jax.clear_caches()  # JAX holds what it compiled for as long as nobody says so
        _programs[design] = program
    return program


# Training


class Schedule(NamedTuple):
    """How long a net trains, and in what pieces.

    Attributes
    ----------
    piece : {"epoch", "chunk"}
    lengths : list of int
        The steps of each piece.
    batch : int
        Rows in a step.
    patience : int or None
        Pieces without improvement after which training stops.
    """

    piece: str
    lengths: list[int]
    batch: int
    patience: int | None

    @classmethod
    def of(cls, estimator: Any, rows: int) -> Schedule:
        """From an estimator's parameters and the number of rows that it is fitted on."""
        batch = min(estimator.batch_size, rows)
        if estimator.epochs is not None:
            return cls(
                "epoch", [math.ceil(rows / batch)] * estimator.epochs, batch, estimator.patience
            )
        steps = STEPS if estimator.steps is None else estimator.steps
        edges = [
            steps * k // min(estimator.chunks, steps)
            for k in range(min(estimator.chunks, steps) + 1)
        ]
        return cls(
            "chunk",
            [end - start for start, end in itertools.pairwise(edges)],
            batch,
            estimator.patience,
        )


class Seen(NamedTuple):
    """What the validation slice says after a piece: columns of the history, and the value that is
    to grow."""

    columns: dict[str, float]
    quality: float


@dataclass
class Course:
    """How a training went: `history` of equally long columns, the steps taken, and the step whose
    weights were kept."""

    history: dict[str, list[float]] = field(default_factory=dict)
    steps: int = 0
    best_step: int | None = None


class Net:
    """A Keras model, its optimizer and its program: what both estimators below are made of.

    Parameters
    ----------
    design : Design
    random : numpy Generator
        Gives the initial weights.
    learning_rate : float or None
        None for Keras's own.
    """

    def __init__(
        self, design: Design, random: np.random.Generator, learning_rate: float | None = None
    ) -> None:
        keras, _ = keras_on_jax()
        self.design = design
        self.model = design.build(random)
        optimizers = {
            "adam": keras.optimizers.Adam,
            "rmsprop": keras.optimizers.RMSprop,
            "sgd": keras.optimizers.SGD,
        }
        given = {} if learning_rate is None else {"learning_rate": learning_rate}
        self.optimizer = optimizers[design.optimizer](**given)
        self.optimizer.build(self.model.trainable_variables)
        self.program = _program(design, self.model, self.optimizer)

    def outputs(self, X: Singles) -> list[Floats]:
        """What the model gives for each row, block by block."""
        weights, others = self._values()
        parts = []
        for start in range(0, len(X), BLOCK):
            block = X[start : start + BLOCK]
            padded = np.pad(block, ((0, BLOCK - len(block)), (0, 0)))
            parts.append(
                [
                    np.asarray(out)[: len(block)]
                    for out in self.program.forward(weights, others, padded)
                ]
            )
        return [np.concatenate(part, dtype=np.float64) for part in zip(*parts, strict=True)]

    def train(
        self,
        X: Singles,
        targets: Singles,
        row_weights: Singles,
        *,
        schedule: Schedule,
        random: np.random.Generator,
        name: str,
        gamma: float = 0.0,
        watch: Callable[[int], Seen] | None = None,
    ) -> Course:
        """Step through batches of the rows; after each piece look at the validation slice by
        `watch(steps)`.

        With patience the weights that are kept are those of the best piece, whether or not training
        stopped early.

        Raises
        ------
        FloatingPointError
            When the loss or a weight is not finite at the end of a piece.
        """
        course, batches = Course(), _batches(len(X), schedule.batch, random)
        state = (*self._values(), [variable.value for variable in self.optimizer.variables])
        best, best_weights, waited, exponent = -math.inf, None, 0, np.float32(gamma)
        said = time.monotonic()
        for k, length in enumerate(schedule.lengths, start=1):
            where = f"{schedule.piece} {k} of {len(schedule.lengths)}"
            losses = []
            for rows in itertools.islice(batches, length):
                state, loss = self.program.step(
                    state, X[rows], targets[rows], row_weights[rows], exponent
                )
                losses.append(float(loss))
                if time.monotonic() - said > SAY_EVERY:
                    said = time.monotonic()
                    print(f"{name}: {where}, loss {losses[-1]:.3g}", file=sys.stderr)
            course.steps += length
            for variable, value in zip(self._variables(), itertools.chain(*state[:2]), strict=True):
                variable.assign(value)
            columns = {"step": float(course.steps), "loss": float(np.mean(losses))}
            if not math.isfinite(columns["loss"]):
                raise FloatingPointError(f"the loss became {columns['loss']} in {where}: {SLOWER}")
            if not all(np.isfinite(weight).all() for weight in state[0]):
                raise FloatingPointError(f"weights that are not finite came of {where}: {SLOWER}")
            try:
                seen = Seen({}, -math.inf) if watch is None else watch(course.steps)
            except FloatingPointError as error:
                raise FloatingPointError(f"{error}, in {where}") from None
            for column, number in {**columns, **seen.columns}.items():
                course.history.setdefault(column, []).append(number)
            if schedule.patience is None:
                continue
            waited += 1
            if seen.quality > best:
                best, best_weights, waited = (
                    seen.quality,
                    [np.array(weight) for weight in state[0]],
                    0,
                )
                course.best_step = course.steps
            if waited >= schedule.patience:
                break
        if best_weights is not None:
            for variable, value in zip(self.model.trainable_variables, best_weights, strict=True):
                variable.assign(value)
        return course

    def _variables(self) -> list[Any]:
        return [*self.model.trainable_variables, *self.model.non_trainable_variables]

    def _values(self) -> tuple[list[Any], list[Any]]:
        """Weights, and the states of what drops units out."""
        model = self.model
        return [v.value for v in model.trainable_variables], [
            v.value for v in model.non_trainable_variables
        ]


def _batches(rows: int, batch: int, random: np.random.Generator) -> Iterator[Index]:
    """Batches of one size without end: the rows in one random order after another."""
    ahead = np.empty(0, np.int64)
    while True:
        while len(ahead) < batch:
            ahead = np.concatenate([ahead, random.permutation(rows)])
        yield ahead[:batch]
        ahead = ahead[batch:]


# What both estimators ask of their parameters and rows

_NATURAL = Interval(Integral, 1, None, closed="left")
_PIECES = Interval(Integral, 1, 100_000, closed="both")
"""Of a training: each is a point of the learning curve, with a look at the validation slice."""
TRAINING: dict[str, list[Any]] = {
    "activation": [
        StrOptions(
            {
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
        )
    ],
    "optimizer": [StrOptions({"adam", "rmsprop", "sgd"})],
    "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
    "batch_size": [_NATURAL],
    "epochs": [_PIECES, None],
    "steps": [_NATURAL, None],
    "chunks": [_PIECES],
    "patience": [_NATURAL, None],
    "random_state": [Interval(Integral, 0, 2**32 - 1, closed="both"), None],
}


def check_training(estimator: Any) -> None:
    """What scikit-learn's constraints cannot say of the parameters that both estimators share.

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
    whole = [
        isinstance(width, Integral) and not isinstance(width, bool) and int(width) >= 1
        for width in layers
    ]
    if not (whole and all(whole)):
        raise ValueError(
            "layers must be the widths of one hidden layer or more, each a whole number of 1 or"
            f" more; found {list(layers)!r}"
        )
    if (reason := _too_large(layers, 1, estimator.batch_size)) is not None:
        raise ValueError(reason)


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
    """A validation slice with its labels, None where it has not both classes: there is nothing to
    measure on it."""
    if validation is None:
        return None
    X, y = validation
    labels = np.asarray(y)
    if not ((labels == 0).any() and (labels == 1).any()):
        return None
    return X, checked_labels(labels)


def _singles(estimator: Any, X: ArrayLike, *, reset: bool = False) -> Singles:
    return validate_data(estimator, X, reset=reset, dtype=np.float32)  # type: ignore[no-any-return]


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


class KerasMLP(MarginClassifier):
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
        in the rows. Without either it is 1000 steps whatever the number of rows.
    chunks : int
        In how many pieces the steps are cut: one point of the learning curve each. With `epochs`
        each epoch is a piece.
    loss : {"cross_entropy", "balanced", "focal"}
        Balanced cross entropy weighs the classes by `loss_alpha`; focal loss moreover counts a row
        the less, the surer the net is of it.
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
        Stop after so many pieces without a better average precision on the validation slice, and
        keep the best weights.
    random_state : int or None

    Attributes
    ----------
    classes_ : ndarray
        0 and 1.
    n_features_in_ : int
    net_ : Net
    history_ : dict of str to list of float
        The learning curve, one entry a piece: `step`, the steps taken; `loss`, the mean over the
        steps of the piece; and where the validation slice has both classes `validation_loss`, with
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
            slice. What it raises ends the fit.

        Raises
        ------
        NotApplicable
            When early stopping is asked for and there is no validation slice to stop by, or Keras
            is not installed.
        FloatingPointError
            When the training diverges.
        MemoryError
            When the net would take more than `MEMORY_LIMIT`; nothing was taken.
        """
        self._validate_params()
        features, labels = _singles(self, X, reset=True), checked_labels(y)
        if len(features) != len(labels):
            raise ValueError(
                f"X and y must have as many rows; found {len(features)} and {len(labels)}"
            )
        held = usable(validation)
        if self.patience is not None and held is None:
            raise NotApplicable(
                "early stopping needs a validation slice with both classes; split.validation gives"
                " none"
            )
        if (reason := _too_large(self.layers, self.n_features_in_, self.batch_size)) is not None:
            raise MemoryError(reason)

        self.alpha_ = balanced_alpha(labels) if self._asked_alpha == BALANCED else self._asked_alpha
        of_loss = (1.0, 1.0) if self.alpha_ is None else (1 - self.alpha_, self.alpha_)
        of_class = np.multiply(of_loss, class_weights(self.class_weight, labels))
        row_weights = of_class[labels] * _checked_weights(sample_weight, len(labels))
        odds = positive_share(labels, row_weights) / positive_share(1 - labels, row_weights)
        gamma = float(self.loss_gamma) if self.loss == "focal" else 0.0

        random = np.random.default_rng(self.random_state)
        self.classes_ = np.array([0, 1])
        self.net_ = Net(self._design(), random, self.learning_rate)
        self.net_.model.get_layer("output").bias.assign([math.log(odds)])
        course = self.net_.train(
            features,
            labels.astype(np.float32),
            row_weights.astype(np.float32),
            schedule=Schedule.of(self, len(labels)),
            random=random,
            name="mlp",
            gamma=gamma,
            watch=(
                None
                if held is None
                else functools.partial(self._look, *held, of_class, gamma, report)
            ),
        )
        self.history_, self.steps_, self.best_step_ = course.history, course.steps, course.best_step
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """The log odds of label 1 for each row."""
        check_is_fitted(self)
        return self.net_.outputs(_singles(self, X))[-1][:, 0]

    def save(self, folder: Path) -> None:
        """Write the net as `net.keras` and the parameters and what was learned about it as
        `net.json`."""
        check_is_fitted(self)
        folder.mkdir(parents=True, exist_ok=True)
        with _hushed():
            self.net_.model.save(folder / "net.keras")
        learned = {name: getattr(self, name) for name in _LEARNED}
        content = {"params": self.get_params(), "learned": learned}
        write_text(
            folder / "net.json",
            json.dumps(content, indent=2, allow_nan=False, default=_plain) + "\n",
        )

    @classmethod
    def load(cls, folder: Path) -> KerasMLP:
        """What `save` wrote; scores come out with the same bytes."""
        content = json.loads((folder / "net.json").read_text(encoding="utf-8"))
        params = content["params"]
        if isinstance(params["class_weight"], dict):  # JSON has no numbers for keys
            params["class_weight"] = {
                int(label): weight for label, weight in params["class_weight"].items()
            }
        loaded = cls(**params)
        loaded.classes_ = np.array([0, 1])
        for name, value in content["learned"].items():
            setattr(loaded, name, value)
        keras, _ = keras_on_jax()
        loaded.net_ = Net(loaded._design(), np.random.default_rng(0))
        with _hushed():
            loaded.net_.model.set_weights(
                keras.saving.load_model(folder / "net.keras").get_weights()
            )
        return loaded

    def _design(self) -> Design:
        return Design(
            self.n_features_in_,
            tuple(map(int, self.layers)),
            1,
            self.activation,
            float(self.dropout),
            self.optimizer,
        )

    @property
    def _asked_alpha(self) -> Any:
        """`loss_alpha`, None where the loss makes no use of it."""
        return None if self.loss == "cross_entropy" else self.loss_alpha

    def _look(
        self,
        X: ArrayLike,
        y: Labels,
        of_class: Floats,
        gamma: float,
        report: Report | None,
        steps: int,
    ) -> Seen:
        """Loss and average precision on the validation slice."""
        log_odds = self.decision_function(X)
        precision = average_precision(y, log_odds)
        if report is not None:
            report(steps, precision)
        loss = float(np.mean(of_class[y] * Loss(None, gamma).value(y, log_odds)))
        return Seen({"validation_loss": loss, "validation_average_precision": precision}, precision)


_LEARNED = ("n_features_in_", "history_", "steps_", "best_step_", "alpha_")


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
            f"scores that are not finite came of the validation slice: {SLOWER}"
        )
    return float(average_precision_score(y, scores))


def _checked_weights(sample_weight: ArrayLike | None, rows: int) -> Floats:
    if sample_weight is None:
        return np.ones(rows)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (rows,) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"sample_weight must be {rows} finite numbers of 0 or more, one a row")
    return weights


@contextmanager
def _hushed() -> Iterator[None]:
    """Keras 3.15 reads its variables in a way that NumPy warns of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield


def _plain(value: Any) -> Any:
    """For JSON: numbers of NumPy, which parameters may be, as Python's own."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} has no place in JSON")


class Autoencoder(BaseEstimator):  # type: ignore[misc]
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
        As in `KerasMLP`; the code and the output have no activation.
    patience : int or None
        Stop after so many pieces without a smaller error on the validation rows, and keep the best
        weights.

    Attributes
    ----------
    n_features_in_ : int
    net_ : Net
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
        FloatingPointError, MemoryError
            As in `KerasMLP`.
        """
        self._validate_params()
        rows = _singles(self, X, reset=True)
        design = self._design()
        held = (
            None
            if validation is None or np.shape(validation)[0] == 0
            else _singles(self, validation)
        )
        if self.patience is not None and held is None:
            raise NotApplicable(
                "early stopping needs a validation slice; split.validation gives none"
            )
        if (
            reason := _too_large(design.layers, design.features, self.batch_size, design.outputs)
        ) is not None:
            raise MemoryError(reason)

        random = np.random.default_rng(self.random_state)
        self.net_ = Net(design, random, self.learning_rate)
        course = self.net_.train(
            rows,
            rows,
            np.ones(len(rows), np.float32),
            schedule=Schedule.of(self, len(rows)),
            random=random,
            name="autoencoder",
            watch=None if held is None else functools.partial(self._look, held, report),
        )
        self.history_, self.steps_, self.best_step_ = course.history, course.steps, course.best_step
        return self

    def reconstruction_error(self, X: ArrayLike) -> Floats:
        """The mean squared error of each row."""
        check_is_fitted(self)
        rows = _singles(self, X)
        return np.asarray(((self.net_.outputs(rows)[-1] - rows) ** 2).mean(axis=1))

    def code(self, X: ArrayLike) -> Floats:
        """The numbers that each row is made into on its way."""
        check_is_fitted(self)
        return self.net_.outputs(_singles(self, X))[0]

    def _design(self) -> Design:
        features = self.n_features_in_
        down = (
            self.layers
            if self.layers is not None
            else (math.ceil(features / 2), math.ceil(features / 4))
        )
        if down[-1] >= features:
            raise NotApplicable(
                f"an autoencoder must make its rows narrower; its code has a width of {down[-1]},"
                f" and the rows have {features} feature{'s' * (features > 1)}"
            )
        layers = tuple(map(int, (*down, *reversed(down[:-1]))))
        return Design(
            features, layers, features, self.activation, 0.0, self.optimizer, code=len(down) - 1
        )

    def _look(self, X: Singles, report: Report | None, steps: int) -> Seen:
        loss = float(self.reconstruction_error(X).mean())
        if report is not None:
            report(steps, loss)
        return Seen({"validation_loss": loss}, -loss)
