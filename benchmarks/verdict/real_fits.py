"""Fits on many tables drawn from one large population, kept for any rule to be judged on.

The population is the simulated card payments of `benchmarks.fraud_simulator`. Each table is a
random sample of it with a fixed number of frauds, and is split, resampled and fitted by the project
itself: five folds twice, new partition, validation rows and seeds in each repeat. Per learner the
baseline is fitted four times (with other validation rows and seeds: one baseline and three remedies
that change nothing) and random undersampling twice.

For the first tables, the same combinations are fitted with further splits and seeds and scored on
rows of the population that no table holds: their mean is the true value for this table.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.model_selection import StratifiedKFold, train_test_split
from tqdm import tqdm

from benchmarks.verdict.rules import Table, parts_of
from counterpoise.core.config import Model, Strategy
from counterpoise.core.seeds import seed_for
from counterpoise.core.types import Index, Labels, Matrix, Vector
from counterpoise.data.folds import Fold
from counterpoise.engine.fit import FitJob, train
from counterpoise.evaluation.metrics import Ranking
from counterpoise.samplers import registry as samplers

FOLDS, REPEATS, VALIDATION = 5, 2, 0.2
ROWS, POSITIVES = 6_000, 50
SCORED = 100_000
"""Rows of the population that no table holds, on which the true values are estimated."""
FURTHER = 20
"""Fits with other splits and seeds for the true value of one combination on one table."""

LEARNERS: dict[str, Model] = {
    "logistic_regression": Model(params={"max_iter": 1000}),
    "xgboost": Model(params={"n_estimators": 100, "subsample": 0.7}),
    "random_forest": Model(params={"n_estimators": 100}),
    "mlp": Model(),
}


class Version(NamedTuple):
    """One combination, and the number of its validation rows and seeds."""

    strategy: str
    number: int


VERSIONS = (
    *(Version("none", number) for number in range(4)),
    *(Version("random_under", number) for number in range(2)),
)
"""`none` number 0 is the baseline, the others change nothing but chance."""


class Population(NamedTuple):
    """Rows that tables are drawn from, and rows that true values are estimated on."""

    X: Matrix
    y: Labels
    held_out_x: Matrix
    held_out_y: Labels


def population(path: Path) -> Population:
    """Read the simulated payments and set the held-out rows aside."""
    frame = pd.read_parquet(path).drop(columns=["terminal", "scenario", "time", "customer"])
    y = frame.pop("fraud").to_numpy().astype(np.int8)
    X = frame.to_numpy(dtype=np.float64)
    kept, held_out = train_test_split(
        np.arange(len(y)), test_size=SCORED, random_state=seed_for(1, "held out"), stratify=y
    )
    return Population(X[kept], y[kept], X[held_out], y[held_out])


def table(whole: Population, number: int) -> tuple[Matrix, Labels]:
    """Draw a table: `ROWS` rows, `POSITIVES` of them positive, in random order."""
    random = np.random.default_rng(seed_for(1, "table", number))
    rows = np.concatenate(
        [
            random.choice(np.flatnonzero(whole.y == label), count, replace=False)
            for label, count in ((1, POSITIVES), (0, ROWS - POSITIVES))
        ]
    )
    rows = random.permutation(rows)
    return whole.X[rows], whole.y[rows]


def folds(y: Labels, number: int, first: int, repeats: int) -> Iterator[Fold]:
    """Stratified folds of repeats `first` to `first + repeats - 1`; no validation rows yet."""
    for repeat in range(first, first + repeats):
        seed = seed_for(1, "split", number, repeat)
        split = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(y, y)
        for fold, (inner, test) in enumerate(split):
            yield Fold(repeat, fold, inner, inner[:0], test)


def fitted(
    X: Matrix, y: Labels, learner: str, version: Version, fold: Fold, number: int
) -> tuple[object, Index]:
    """Fit one combination on one fold, with validation rows and seeds of its own."""
    purpose = number, version.number, fold.repeat, fold.fold
    inner, validation = train_test_split(
        fold.train,
        test_size=VALIDATION,
        stratify=y[fold.train],
        random_state=seed_for(1, "validation", *purpose),
    )
    inner, validation = np.sort(inner), np.sort(validation)
    rows, cardinalities = (inner, X[:0], y[:0]), (0,) * X.shape[1]
    if version.strategy != "none":
        seed = seed_for(1, "resample", version.strategy, *purpose)
        strategy = Strategy()
        rows = samplers.resample(version.strategy, strategy, X, y, cardinalities, seed, inner)
    job = FitJob(
        learner,
        LEARNERS[learner],
        seed_for(1, "fit", learner, *purpose),
        X,
        y,
        cardinalities,
        inner,
        validation,
        fold.test,
        *rows,
    )
    return train(job), fold.test


def on_parts(y: Labels, scores: Vector) -> float:
    """Mean average precision over parts of the held-out rows that are as large as a test part.

    The average precision of few rows is higher on average than that of many: a true value has to be
    about as many rows as a fold tests.
    """
    positives = POSITIVES // FOLDS
    negatives = (ROWS - POSITIVES) // FOLDS
    of_class = [np.flatnonzero(y == label) for label in (0, 1)]
    parts = min(len(of_class[0]) // negatives, len(of_class[1]) // positives)
    values = []
    for k in range(parts):
        rows = np.concatenate(
            [
                mine[k * size : (k + 1) * size]
                for mine, size in zip(of_class, (negatives, positives), strict=True)
            ]
        )
        ranking = Ranking.of(np.arange(len(rows)), y[rows], scores[rows], len(rows))
        values.append(ranking.average_precision(np.ones((len(rows), 1), np.float32))[0])
    return float(np.mean(values))


def judge_later(whole: Population, learner: str, number: int, further: bool, path: Path) -> None:
    """Fit one learner on one table and keep its scores: nothing to do where the file is there."""
    if path.exists():
        return
    X, y = table(whole, number)
    # in full precision: a net that is sure of many rows would have ties in half of it
    scores = np.full((len(VERSIONS), REPEATS, ROWS), np.nan)
    fold_of = np.empty((REPEATS, ROWS), np.int8)
    true: dict[str, Vector] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for fold in folds(y, number, 0, REPEATS):
            fold_of[fold.repeat, fold.test] = fold.fold
            for v, version in enumerate(VERSIONS):
                trained, test = fitted(X, y, learner, version, fold, number)
                scores[v, fold.repeat, test] = trained.score(X, test)
        if further:
            for name in ("none", "random_under"):
                values = []
                for fold in folds(y, number, REPEATS, FURTHER // FOLDS):
                    trained, _ = fitted(X, y, learner, Version(name, 0), fold, number)
                    values.append(on_parts(whole.held_out_y, trained.score(whole.held_out_x)))
                true[f"true_{name}"] = np.array(values)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part.npz")
    np.savez_compressed(unfinished, y=y, scores=scores, fold_of=fold_of, **true)
    unfinished.rename(path)


def read(path: Path) -> tuple[Table, dict[str, float]]:
    """Average precision of the fits on one table, and true values of strategies that have them."""
    with np.load(path) as stored:
        y, scores, fold_of = stored["y"], stored["scores"].astype(np.float64), stored["fold_of"]
        true = {
            name.removeprefix("true_"): float(stored[name].mean())
            for name in stored.files
            if name.startswith("true_")
        }
    parts = parts_of(fold_of)
    rankings = [
        [
            Ranking.of(fold.test, y[fold.test], version[fold.repeat, fold.test], len(y))
            for version in scores
        ]
        for fold in parts
    ]
    return Table.of(rankings, parts, y, 1, len(fold_of)), true


def further_differences(path: Path) -> Vector | None:
    """Undersampling minus baseline in each of the further fits on one table.

    Returns
    -------
    ndarray of shape (FURTHER,) or None
        Average precision on the held-out rows; None for a table without further fits.
    """
    with np.load(path) as stored:
        if "true_none" not in stored.files:
            return None
        found: Vector = stored["true_random_under"] - stored["true_none"]
        return found


def run(
    source: Path, folder: Path, learner: str, tables: int, with_truth: int, jobs: int = -1
) -> None:
    """Fit one learner on so many tables; what is there already is kept."""
    whole = population(source)
    pool = Parallel(n_jobs=jobs, return_as="generator_unordered", inner_max_num_threads=1)
    todo = [
        (learner, number, number < with_truth, folder / learner / f"{number:04d}.npz")
        for number in range(tables)
    ]
    todo = [one for one in todo if not one[-1].exists()]
    done = pool(delayed(judge_later)(whole, *one) for one in todo)
    for _ in tqdm(done, total=len(todo), desc=f"real fits {learner}", unit="table", disable=None):
        pass
