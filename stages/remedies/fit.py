"""Fit one cell's model on one fold: from rows in the table's units to scores of the test and validation rows."""

from __future__ import annotations

import re
import resource
import sys
import time
import warnings
from dataclasses import dataclass

import numpy as np

from stages.config import Model
from stages.errors import NotApplicable
from stages.remedies import models
from stages.remedies.models import Labels, Scores
from stages.remedies.space import Matrix


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


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves behind.

    Attributes
    ----------
    test, validation : ndarray of float64
        Scores of the fold's test and validation rows, in the order of the parts.
    facts : dict of str to float
        Rows and positives fitted on, a weight that was computed, the iteration that early stopping took.
    notes : tuple of str
        Warnings of the library.
    fit_seconds, predict_seconds, peak_bytes : measured, not results
    """

    test: Scores
    validation: Scores
    facts: dict[str, float]
    notes: tuple[str, ...]
    fit_seconds: float
    predict_seconds: float
    peak_bytes: int


def fit(work: Work) -> Fitted:
    """Fit and score.

    Raises
    ------
    NotApplicable
        When the model cannot be fitted on these rows, with the reason.
    """
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
        warnings.simplefilter("always")
        kind = models.kind_of(work.key, work.entry)
        estimator = models.make(work.key, work.entry, work.seed)  # imports the library, which is no part of the fit
        start = time.perf_counter()
        encoder = models.encoder_of(kind, work.cardinalities).fit(work.X[work.train])
        X = encoder.transform(np.vstack([work.X[work.rows], work.synthetic]))
        y = np.concatenate([work.y[work.rows], work.synthetic_y])
        X_validation = encoder.transform(work.X[work.validation])
        if not 0 < y.sum() < len(y):
            raise NotApplicable("the rows to fit on have one class alone")
        facts = models.fit(kind, estimator, encoder, X, y, X_validation, work.y[work.validation])
        fitted = time.perf_counter()
        test = models.score(kind, estimator, encoder.transform(work.X[work.test]))
        validation = models.score(kind, estimator, X_validation)
        done = time.perf_counter()
    if not (np.isfinite(test).all() and np.isfinite(validation).all()):
        raise ArithmeticError("the model gives scores that are not finite")
    facts = {"rows_fitted": len(y), "positives_fitted": int(y.sum()), **facts}
    notes = tuple(sorted({_note(str(w.message)) for w in caught}))
    return Fitted(test, validation, facts, notes, fitted - start, done - fitted, _peak_bytes())


def _note(text: str) -> str:
    """A warning in one line, without the time of day that xgboost puts before its own."""
    return re.sub(r"^\[\d\d:\d\d:\d\d\] ", "", " ".join(text.split()))


def _peak_bytes() -> int:
    """The most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
