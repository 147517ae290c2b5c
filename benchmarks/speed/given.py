"""The work that every contender is given: rows, folds, seeds, strategies and models, in a folder.

It imports nothing of the project, since it is read in environments of their own as well.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

TABLE, FOLDS, WORK = "table.csv", "folds.npz", "work.json"
TARGET = "target"


class Cell(NamedTuple):
    """One fit."""

    strategy: str
    model: str
    fold: int


class Rows(NamedTuple):
    """The training rows of a fold, and the new ones that are asked about."""

    X: np.ndarray
    y: np.ndarray
    X_new: np.ndarray
    y_new: np.ndarray


@dataclass(frozen=True)
class Given:
    """The work in memory.

    Attributes
    ----------
    X, y : ndarray of shape (n, p) and (n,)
    train, test : list of ndarray of int64
        Positions of rows, one array a fold; the validation slice is in neither.
    strategies : list of str
    models : dict of str to dict
        The parameters of each model, under the library's own names.
    seeds : dict of str to list of int
        For each strategy and each model one seed a fold.
    """

    X: np.ndarray
    y: np.ndarray
    train: list[np.ndarray]
    test: list[np.ndarray]
    strategies: list[str]
    models: dict[str, dict[str, Any]]
    seeds: dict[str, list[int]]

    @property
    def cells(self) -> list[Cell]:
        """Every fit, those of one fold and strategy side by side."""
        return [
            Cell(s, m, k)
            for s in self.strategies
            for k in range(len(self.train))
            for m in self.models
        ]

    def rows(self, cell: Cell) -> Rows:
        train, test = self.train[cell.fold], self.test[cell.fold]
        return Rows(self.X[train], self.y[train], self.X[test], self.y[test])

    def sampler(self, cell: Cell) -> tuple[str, int]:
        """The name and the seed of a cell's sampler."""
        return cell.strategy, self.seeds[cell.strategy][cell.fold]

    def model(self, cell: Cell) -> tuple[str, dict[str, Any], int]:
        """The name, the parameters and the seed of a cell's model."""
        return cell.model, self.models[cell.model], self.seeds[cell.model][cell.fold]

    def of(self, strategies: Sequence[str]) -> Given:
        """The same with these strategies alone."""
        return replace(self, strategies=[name for name in self.strategies if name in strategies])


def read(folder: Path) -> Given:
    frame = pd.read_csv(folder / TABLE)
    work = json.loads((folder / WORK).read_text())
    with np.load(folder / FOLDS) as folds:
        train, test = (
            [np.flatnonzero(column) for column in folds[name].T] for name in ("train", "test")
        )
    y = frame.pop(TARGET).to_numpy()
    return Given(
        frame.to_numpy(np.float64),
        y,
        train,
        test,
        work["strategies"],
        work["models"],
        work["seeds"],
    )


def sampler(name: str, seed: int) -> Any:
    """imbalanced-learn's sampler of a strategy; None for doing nothing."""
    from imblearn import over_sampling, under_sampling

    make = {
        "none": lambda: None,
        "random_over": lambda: over_sampling.RandomOverSampler(random_state=seed),
        "smote": lambda: over_sampling.SMOTE(random_state=seed),
        "adasyn": lambda: over_sampling.ADASYN(random_state=seed),
        "random_under": lambda: under_sampling.RandomUnderSampler(random_state=seed),
        "near_miss_1": lambda: under_sampling.NearMiss(version=1),
    }
    return make[name]()


def model(name: str, params: dict[str, Any], seed: int) -> Any:
    """The estimator of a model, of one thread where it could have several."""
    if name == "xgboost":
        from xgboost import XGBClassifier

        return XGBClassifier(n_jobs=1, random_state=seed, **params)
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

    make = {
        "gradient_boosting": GradientBoostingClassifier,
        "hist_gradient_boosting": HistGradientBoostingClassifier,
    }
    return make[name](random_state=seed, **params)


def run(
    fit: Callable[..., Scored],
    work: Given,
    arguments: Callable[[Cell], tuple[Any, ...]],
    label: str,
) -> dict[Cell, Scored]:
    """Every fit, as many at once as there are cores, one thread each; its arguments are made when
    it begins."""
    pool = Parallel(
        n_jobs=cpu_count(), backend="loky", inner_max_num_threads=1, return_as="generator"
    )
    results = pool(delayed(fit)(*arguments(cell)) for cell in work.cells)
    bar = tqdm(results, total=len(work.cells), desc=label, unit="fit", disable=None)
    return dict(zip(work.cells, bar, strict=True))


class Scored(NamedTuple):
    """What a contender finds out of one cell and fold."""

    average_precision: float
    counts: tuple[int, int, int, int]
    """True negatives, false positives, false negatives and true positives at the threshold .5."""


def scored(y: np.ndarray, score: np.ndarray) -> Scored:
    from sklearn.metrics import average_precision_score, confusion_matrix

    tn, fp, fn, tp = confusion_matrix(y, score >= 0.5, labels=[0, 1]).ravel()
    return Scored(float(average_precision_score(y, score)), (int(tn), int(fp), int(fn), int(tp)))


def table(found: dict[Cell, Scored]) -> pd.DataFrame:
    """One row a strategy and model: the mean average precision over the folds, and the counts of
    all folds."""
    rows = [
        {
            "strategy": cell.strategy,
            "model": cell.model,
            "average_precision": one.average_precision,
            **dict(zip(("tn", "fp", "fn", "tp"), one.counts, strict=True)),
        }
        for cell, one in found.items()
    ]
    how = {"average_precision": "mean", "tn": "sum", "fp": "sum", "fn": "sum", "tp": "sum"}
    return pd.DataFrame(rows).groupby(["strategy", "model"], sort=False).agg(how).reset_index()


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """The command line that every contender has."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.speed.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("folder", type=Path, help="the work, as benchmarks.speed writes it")
    made.add_argument("--out", type=Path, help="a JSON file for the figures")
    return made


def tell(found: pd.DataFrame, out: Path | None) -> None:
    """Print the table, and leave it in a file for the suite."""
    print(found.to_string(index=False, float_format="{:.4f}".format))
    if out is not None:
        out.write_text(json.dumps(found.to_dict("records")))
