"""Fit the model of one combination on one fold.

A fit takes rows in the table's units and gives scores of the test and the validation rows.
"""

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
from counterpoise.data.encoder import Encoded, Encoder
from counterpoise.engine import devices
from counterpoise.engine.limits import limited
from counterpoise.engine.search import ProgressReport, SearchResult, search
from counterpoise.models import class_weights
from counterpoise.models import registry as models
from counterpoise.models.adapters import Learned, Report, Rows
from counterpoise.models.registry import ModelKind
from counterpoise.samplers import registry as samplers

PROGRESS_SECONDS = 30
"""Time between two progress messages of a search."""


@dataclass(frozen=True)
class FitJob:
    """The input of one fit.

    Attributes
    ----------
    key, entry : str, Model
        The model's key and entry in params.yaml.
    seed : int
    X, y : ndarray of shape (n, p) and (n,)
        The whole table, shared by all fits. A fit reads only its own rows.
    cardinalities : tuple of int, length p
        The number of categories of each feature, 0 for a number.
    train, validation, test : ndarray of int64
        Positions of the fold's parts in the table, before resampling.
    rows : ndarray of int64
        The training rows that the strategy kept; a repeated row stands several times.
    synthetic, synthetic_y : ndarray of shape (m, p) and (m,)
    strategy : (str, Strategy), optional
        The strategy's key and entry, for a search over its ratio.
    cost_margins : ndarray of shape (n, 2), optional
        Misclassification costs of each row of the table (`CostMatrix.cost_margins`), for a model
        that uses them.
    device : str
        The device, after `auto` was resolved (`devices.resolved`).
    distributed : bool, default False
        Whether one model is fitted on rows spread over the workers of a Dask cluster.
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
    cost_margins: Vector | None = None
    device: str = CPU
    distributed: bool = False

    @property
    def searches_ratio(self) -> bool:
        """Whether the fit searches over the strategy's ratio, and so resamples by itself.

        Returns
        -------
        bool
        """
        return self.strategy is not None and searches_ratio(self.entry, self.strategy)


def searches_ratio(entry: Model, strategy: tuple[str, Strategy]) -> bool:
    """Check whether a model's search includes the ratio of a strategy.

    Parameters
    ----------
    entry : Model
    strategy : (str, Strategy)
        The strategy's key and entry in params.yaml.

    Returns
    -------
    bool
        False where the space has no ratio, or the strategy's sampler has none.
    """
    if entry.search is None or models.RATIO not in entry.search.space:
        return False
    kind = samplers.kind_of(*strategy)
    return kind is not None and kind.has_ratio


@dataclass(frozen=True)
class FitResult:
    """The result of a fit.

    Attributes
    ----------
    test, validation : ndarray of float64
        Scores of the fold's test and validation rows, in the order of the parts.
    facts : dict of str to float
        Numbers of the fit: rows and positives fitted on, a computed weight, the iteration that
        early stopping chose.
    notes : tuple of str
        Warnings of the library, sorted.
    history : dict of str to list of float
        The learning curve: columns of equal length, one of them `step`; empty where there is none.
    trials : list of dict
        The trials of a search; empty where there was none.
    fit_seconds, predict_seconds : float
        Measured; they are not part of the results.
    peak_bytes : int
        The most memory that the process has held so far; also measured.
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
        The library's estimator, fitted.
    params : dict
        The parameters that a search found; empty where there was none.
    facts, history, trials
        As in `FitResult`.
    """

    kind: ModelKind
    encoder: Encoder
    estimator: Any
    params: dict[str, Any]
    facts: dict[str, float]
    history: dict[str, list[float]]
    trials: list[dict[str, Any]]

    def score(self, X: Matrix, rows: Index | None = None) -> Vector:
        """Estimate the probability of the positive class, as the model gives it.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            Rows in the table's own units.
        rows : ndarray of int64, optional
            Positions of the rows to score; all, if left out.

        Returns
        -------
        ndarray of float64, shape (n,) or (len(rows),)
            Not recalibrated.
        """
        encoded = Encoded(self.encoder, X, np.arange(len(X)) if rows is None else rows, X[:0])
        return np.concatenate(
            [models.score(self.kind, self.estimator, block) for block in encoded.blocks()]
        )


def train(job: FitJob) -> Trained:
    """Fit a model, after a search for parameters where the entry has one.

    Parameters
    ----------
    job : FitJob

    Returns
    -------
    Trained

    Raises
    ------
    NotApplicable
        When the model cannot be fitted on these rows; the text is the reason.
    RuntimeError
        When all trials of a search failed.
    """
    kind = models.kind_of(job.key, job.entry)
    encoder = models.encoder_of(kind, job.cardinalities, job.entry.scale, job.seed)
    encoder.fit(job.X, job.y[job.train], rows=job.train)
    validation = Encoded(encoder, job.X, job.validation, job.X[:0]).whole()
    searched = _search(job, kind, encoder, validation)
    rows = _rows(job, encoder, validation, searched.params.get(models.RATIO))
    estimator, learned = _learn(job, _with(job.entry, searched.params), kind, rows)
    facts = {"rows_fitted": len(rows.y), "positives_fitted": int(rows.y.sum()), **learned.facts}
    return Trained(
        kind, encoder, estimator, searched.params, facts, learned.history, searched.trials
    )


def fit(job: FitJob) -> FitResult:
    """Fit a model and score the test and the validation rows; see `train`.

    Parameters
    ----------
    job : FitJob

    Returns
    -------
    FitResult

    Raises
    ------
    NotApplicable
        When the model cannot be fitted on these rows.
    ArithmeticError
        When a score is not finite.
    DeviceError
        When the device is missing.
    MemoryError
        When the fit reached its memory limit (`counterpoise.engine.limits`).
    """
    from threadpoolctl import threadpool_limits

    with limited(), warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
        warnings.simplefilter("always")
        # imports the library first, so that the import is not part of the measured time
        models.make(job.key, job.entry, job.seed)
        models.kind_of(job.key, job.entry).ready()
        devices.require(job.device, f"params.yaml: models.{job.key}.device")
        start = time.perf_counter()
        trained = train(job)
        fitted = time.perf_counter()
        test_scores, validation_scores = (
            trained.score(job.X, job.test),
            trained.score(job.X, job.validation),
        )
        done = time.perf_counter()
    if not (np.isfinite(test_scores).all() and np.isfinite(validation_scores).all()):
        raise ArithmeticError("the model gives scores that are not finite")
    # a ResourceWarning comes with garbage collection, in any thread, and is unrelated to the model
    messages = {
        one_line(str(w.message)) for w in caught if not issubclass(w.category, ResourceWarning)
    }
    notes = tuple(sorted(messages | _notes_on(test_scores)))
    return FitResult(
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


def _search(job: FitJob, kind: ModelKind, encoder: Encoder, validation: Matrix) -> SearchResult:
    """Search for the parameters with the highest average precision on the validation rows.

    The result is empty where the entry has no search.
    """
    settings = job.entry.search
    if settings is None:
        return SearchResult({}, float("nan"), [])
    y = job.y[job.validation]
    if not 0 < y.sum() < len(y):
        raise NotApplicable(
            "a search needs validation rows of both classes; split.validation gives none"
        )
    from sklearn.metrics import average_precision_score

    # a strategy without a ratio has a smaller space and the same number of trials
    space = {
        name: dimension
        for name, dimension in settings.space.items()
        if name != models.RATIO or job.searches_ratio
    }

    def value(params: dict[str, Any], report: Report) -> float:
        rows = _rows(job, encoder, validation, params.get(models.RATIO))._replace(report=report)
        estimator, _ = _learn(job, _with(job.entry, params), kind, rows)
        return float(average_precision_score(y, models.score(kind, estimator, validation)))

    if not space:
        return SearchResult({}, float("nan"), [])
    return search(
        value, space, settings.trials, job.seed, on_progress=_progress_printer(job.key), first={}
    )


def _progress_printer(key: str) -> ProgressReport:
    """Make a function that prints the progress of a long search on standard error."""
    last = time.monotonic()

    def on_progress(done: int, trials: int, best: float | None) -> None:
        nonlocal last
        if time.monotonic() - last > PROGRESS_SECONDS:
            last = time.monotonic()
            reached = "" if best is None else f", the best average precision is {best:.3f}"
            print(f"{key}: trial {done} of {trials}{reached}", file=sys.stderr)

    return on_progress


def _with(entry: Model, params: dict[str, Any]) -> Model:
    """The entry with parameters of a trial; the ratio belongs to the strategy, not to the model."""
    own = {name: value for name, value in params.items() if name != models.RATIO}
    return entry.model_copy(update={"params": {**entry.params, **own}})


def _rows(job: FitJob, encoder: Encoder, validation: Matrix, ratio: float | None) -> Rows:
    """Collect the rows to fit on: those of the strategy, or those that another ratio gives."""
    rows, synthetic, synthetic_y = job.rows, job.synthetic, job.synthetic_y
    if ratio is not None and job.strategy is not None:
        key, strategy = job.strategy
        made = samplers.resample(
            key,
            strategy.model_copy(update={"ratio": ratio}),
            job.X,
            job.y,
            job.cardinalities,
            job.seed,
            job.train,
        )
        rows, synthetic, synthetic_y = made
    y = np.concatenate([job.y[rows], synthetic_y])
    if not 0 < y.sum() < len(y):
        raise NotApplicable("the rows to fit on have one class alone")
    fitted = Encoded(encoder, job.X, rows, synthetic, fitted=True)
    X = models.valued(models.kind_of(job.key, job.entry), fitted)
    encoded = Rows(X, y, validation, job.y[job.validation], encoder.is_category)
    if job.cost_margins is None:
        return encoded
    natural_y, natural = job.y[job.train], job.cost_margins[job.train]
    means = np.stack([natural[natural_y == label].mean(axis=0) for label in (0, 1)])
    # a synthetic row gets the mean costs of the natural training rows of its class
    cost_margins = np.vstack([job.cost_margins[rows], means[synthetic_y]])
    costed = (
        class_weights.cost_weights(y, cost_margins, natural_y, natural)
        if job.entry.costs == "weights"
        else None
    )
    return encoded._replace(weights=costed, cost_margins=cost_margins)


def _learn(job: FitJob, entry: Model, kind: ModelKind, rows: Rows) -> tuple[Any, Learned]:
    """Fit on the device, and move the result to the CPU.

    Scores are computed on the CPU, where a champion also has to run on any machine.
    """
    estimator = models.make(job.key, entry, job.seed)
    if job.distributed:
        from counterpoise.models.distributed_xgboost import PartitionedXGBClassifier

        estimator = PartitionedXGBClassifier(**estimator.get_params())
    if job.device == CPU:
        return _fitted(job, entry, kind, rows, estimator)
    fitted, learned = _fitted(job, entry, kind, rows, estimator.set_params(device=job.device))
    return fitted.set_params(device=CPU), learned


def _fitted(
    job: FitJob, entry: Model, kind: ModelKind, rows: Rows, estimator: Any
) -> tuple[Any, Learned]:
    if entry.costs != "metacost":
        return estimator, models.fit(kind, estimator, rows)
    from counterpoise.models.metacost import MetaCost

    relabelling = MetaCost(models.prepared(kind, estimator, rows), random_state=job.seed)
    assert rows.cost_margins is not None
    relabelling.fit(rows.X.whole(), rows.y, cost_margins=rows.cost_margins)
    return relabelling.estimator_, Learned({"relabelled": float(sum(relabelling.relabelled_))}, {})


def _notes_on(scores: Vector) -> set[str]:
    """A note where all scores are equal: they are valid, but the model learned nothing."""
    return (
        {"every test row has the same score"} if len(scores) > 1 and np.ptp(scores) == 0 else set()
    )


def _peak_bytes() -> int:
    """The most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, else KiB
    return peak if sys.platform == "darwin" else peak * 1024
