"""Fit one cell's model on one fold: from rows in the table's units to scores of the test and
validation rows."""

from __future__ import annotations

import resource
import sys
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.core.config import CPU, Model, Strategy
from counterpoise.core.errors import NotApplicable
from counterpoise.core.outcome import one_line
from counterpoise.core.types import Index, Labels, Matrix, Vector
from counterpoise.engine import devices
from counterpoise.engine.limits import limited
from counterpoise.engine.search import Found, Told, search
from counterpoise.models import class_weights
from counterpoise.models import registry as models
from counterpoise.models.adapters import Learned, Report, Rows
from counterpoise.models.encoder import Encoded, Encoder
from counterpoise.models.registry import ModelKind
from counterpoise.samplers import registry as samplers

TOLD_EVERY = 30
"""Seconds."""


@dataclass(frozen=True)
class Work:
    """All that one fit needs.

    Attributes
    ----------
    key, entry : str, Model
        The model's key and entry in params.yaml.
    seed : int
    X, y : ndarray of shape (n, p) and (n,)
        The whole table, shared by all fits; no fit reads other rows than its own.
    cardinalities : tuple of int, length p
    train, validation, test : ndarray of int64
        The fold's parts, before resampling.
    rows : ndarray of int64
        The training rows that the strategy kept, repeated ones several times.
    synthetic, synthetic_y : ndarray of shape (m, p) and (m,)
    strategy : (str, Strategy), optional
        The strategy, for a search that looks for its ratio.
    stakes : ndarray of shape (n, 2), optional
        What is at stake in each row of the table (`CostMatrix.stakes`), for a model that counts
        costs.
    device : str
        What it is fitted on, `auto` made definite (`devices.resolved`).
    distributed : bool, default False
        Whether one model is fitted over rows that lie in parts on the workers of a Dask cluster.
    """

    key: str
    entry: Model
    seed: int
    X: Matrix
    y: Labels
    cardinalities: tuple[int, ...]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    rows: np.ndarray
    synthetic: Matrix
    synthetic_y: Labels
    strategy: tuple[str, Strategy] | None = None
    stakes: Vector | None = None
    device: str = CPU
    distributed: bool = False

    @property
    def searches_ratio(self) -> bool:
        """Whether it resamples by itself, in a search for the strategy's ratio."""
        return self.strategy is not None and searches_ratio(self.entry, self.strategy)


def searches_ratio(entry: Model, strategy: tuple[str, Strategy]) -> bool:
    """Whether a model's search looks for the ratio of this strategy, too."""
    if entry.search is None or models.RATIO not in entry.search.space:
        return False
    kind = samplers.kind_of(*strategy)
    return kind is not None and kind.has_ratio


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves behind.

    Attributes
    ----------
    test, validation : ndarray of float64
        Vector of the fold's test and validation rows, in the order of the parts.
    facts : dict of str to float
        Rows and positives fitted on, a weight that was computed, the iteration that early stopping
        took.
    notes : tuple of str
        Warnings of the library.
    history : dict of str to list of float
        The learning curve: columns of equal length, one of them `step`; empty where there is none.
    trials : list of dict
        The trials of a search; empty where there was none.
    fit_seconds, predict_seconds, peak_bytes : measured, not results
    """

    test: Vector
    validation: Vector
    facts: dict[str, float]
    notes: tuple[str, ...]
    history: dict[str, list[float]]
    trials: list[dict[str, Any]]
    fit_seconds: float
    predict_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Trained:
    """A fitted model with all that it needs to score rows of the table.

    Attributes
    ----------
    kind : ModelKind
    encoder : Encoder
        Fitted on the training rows.
    estimator : object
        The library's, fitted.
    params : dict
        The parameters that a search found; empty where there was none.
    facts, history, trials
        As in `Fitted`.
    """

    kind: ModelKind
    encoder: Encoder
    estimator: Any
    params: dict[str, Any]
    facts: dict[str, float]
    history: dict[str, list[float]]
    trials: list[dict[str, Any]]

    def score(self, X: Matrix, rows: Index | None = None) -> Vector:
        """The probability of the positive class as the model gives it, of rows in the table's own
        units, or of some."""
        asked = Encoded(self.encoder, X, np.arange(len(X)) if rows is None else rows, X[:0])
        return np.concatenate(
            [models.score(self.kind, self.estimator, block) for block in asked.blocks()]
        )


def train(work: Work) -> Trained:
    """Fit, after a search for parameters where the entry asks for one.

    Raises
    ------
    NotApplicable
        When the model cannot be fitted on these rows, with the reason.
    """
    kind = models.kind_of(work.key, work.entry)
    encoder = models.encoder_of(kind, work.cardinalities, work.entry.scale)
    encoder.fit(work.X, rows=work.train)
    validation = Encoded(encoder, work.X, work.validation, work.X[:0]).whole()
    found = _search(work, kind, encoder, validation)
    rows = _rows(work, encoder, validation, found.params.get(models.RATIO))
    estimator, learned = _learn(work, _with(work.entry, found.params), kind, rows)
    facts = {"rows_fitted": len(rows.y), "positives_fitted": int(rows.y.sum()), **learned.facts}
    return Trained(kind, encoder, estimator, found.params, facts, learned.history, found.trials)


def fit(work: Work) -> Fitted:
    """Fit and score; see `train`.

    Raises
    ------
    DeviceError
        When the device is not there.
    MemoryError
        When the fit reached its limit (`counterpoise.engine.limits`).
    """
    from threadpoolctl import threadpool_limits

    with limited(), warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
        warnings.simplefilter("always")
        # imports the library, which is no part of the fit
        models.make(work.key, work.entry, work.seed)
        models.kind_of(work.key, work.entry).ready()
        devices.require(work.device, f"params.yaml: models.{work.key}.device")
        start = time.perf_counter()
        trained = train(work)
        fitted = time.perf_counter()
        test_scores, validation_scores = (
            trained.score(work.X, work.test),
            trained.score(work.X, work.validation),
        )
        done = time.perf_counter()
    if not (np.isfinite(test_scores).all() and np.isfinite(validation_scores).all()):
        raise ArithmeticError("the model gives scores that are not finite")
    # a socket or file that nobody closed is no matter of the model: it is told when rubbish is
    # collected, by any thread
    said = {one_line(str(w.message)) for w in caught if not issubclass(w.category, ResourceWarning)}
    notes = tuple(sorted(said | _said_of(test_scores)))
    return Fitted(
        test_scores,
        validation_scores,
        trained.facts,
        notes,
        trained.history,
        trained.trials,
        fitted - start,
        done - fitted,
        _peak_bytes(),
    )


def _search(work: Work, kind: ModelKind, encoder: Encoder, validation: Matrix) -> Found:
    """The parameters with the highest average precision on the validation slice; none to look for,
    none found."""
    asked = work.entry.search
    if asked is None:
        return Found({}, float("nan"), [])
    y = work.y[work.validation]
    if not 0 < y.sum() < len(y):
        raise NotApplicable(
            "a search needs a validation slice with both classes; split.validation gives none"
        )
    from sklearn.metrics import average_precision_score

    # what the strategy does not have is not looked for, and the budget stays the same
    space = {
        name: dimension
        for name, dimension in asked.space.items()
        if name != models.RATIO or work.searches_ratio
    }

    def value(params: dict[str, Any], report: Report) -> float:
        rows = _rows(work, encoder, validation, params.get(models.RATIO))._replace(report=report)
        estimator, _ = _learn(work, _with(work.entry, params), kind, rows)
        return float(average_precision_score(y, models.score(kind, estimator, validation)))

    if not space:
        return Found({}, float("nan"), [])
    return search(value, space, asked.trials, work.seed, told=_teller(work.key), first={})


def _teller(key: str) -> Told:
    """Progress of a search that takes long, on standard error; a short one says nothing."""
    last = time.monotonic()

    def told(done: int, trials: int, best: float | None) -> None:
        nonlocal last
        if time.monotonic() - last > TOLD_EVERY:
            last = time.monotonic()
            reached = "" if best is None else f", the best average precision is {best:.3f}"
            print(f"{key}: trial {done} of {trials}{reached}", file=sys.stderr)

    return told


def _with(entry: Model, params: dict[str, Any]) -> Model:
    own = {name: value for name, value in params.items() if name != models.RATIO}
    return entry.model_copy(update={"params": {**entry.params, **own}})


def _rows(work: Work, encoder: Encoder, validation: Matrix, ratio: float | None) -> Rows:
    """What is fitted on: the rows that the strategy made, or makes now at another ratio."""
    rows, synthetic, synthetic_y = work.rows, work.synthetic, work.synthetic_y
    if ratio is not None and work.strategy is not None:
        key, strategy = work.strategy
        made = samplers.resample(
            key,
            strategy.model_copy(update={"ratio": ratio}),
            work.X,
            work.y,
            work.cardinalities,
            work.seed,
            work.train,
        )
        rows, synthetic, synthetic_y = made
    y = np.concatenate([work.y[rows], synthetic_y])
    if not 0 < y.sum() < len(y):
        raise NotApplicable("the rows to fit on have one class alone")
    X = models.valued(
        models.kind_of(work.key, work.entry), Encoded(encoder, work.X, rows, synthetic)
    )
    encoded = Rows(X, y, validation, work.y[work.validation], encoder.is_category)
    if work.stakes is None:
        return encoded
    natural_y, natural = work.y[work.train], work.stakes[work.train]
    means = np.stack([natural[natural_y == label].mean(axis=0) for label in (0, 1)])
    # in a synthetic row, what is on average in its class
    stakes = np.vstack([work.stakes[rows], means[synthetic_y]])
    costed = (
        class_weights.cost_weights(y, stakes, natural_y, natural)
        if work.entry.costs == "weights"
        else None
    )
    return encoded._replace(weights=costed, stakes=stakes)


def _learn(work: Work, entry: Model, kind: ModelKind, rows: Rows) -> tuple[Any, Learned]:
    """Fit on the device; what was fitted there is asked on the CPU, as a champion is that goes
    anywhere."""
    estimator = models.make(work.key, entry, work.seed)
    if work.distributed:
        from counterpoise.models.distributed_xgboost import PartitionedXGBClassifier

        estimator = PartitionedXGBClassifier(**estimator.get_params())
    if work.device == CPU:
        return _fitted(work, entry, kind, rows, estimator)
    fitted, learned = _fitted(work, entry, kind, rows, estimator.set_params(device=work.device))
    return fitted.set_params(device=CPU), learned


def _fitted(
    work: Work, entry: Model, kind: ModelKind, rows: Rows, estimator: Any
) -> tuple[Any, Learned]:
    if entry.costs != "metacost":
        return estimator, models.fit(kind, estimator, rows)
    from counterpoise.models.metacost import MetaCost

    relabelling = MetaCost(models.prepared(kind, estimator, rows), random_state=work.seed)
    assert rows.stakes is not None
    relabelling.fit(rows.X.whole(), rows.y, stakes=rows.stakes)
    return relabelling.estimator_, Learned({"relabelled": float(sum(relabelling.relabelled_))}, {})


def _said_of(scores: Vector) -> set[str]:
    """A model that learned nothing has scores all the same, and says nothing of it."""
    return (
        {"every test row has the same score"} if len(scores) > 1 and np.ptp(scores) == 0 else set()
    )


def _peak_bytes() -> int:
    """The most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
