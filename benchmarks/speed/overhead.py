"""Large tables: what `dvc repro` takes beside the resampling, fitting and predicting that its own
stages measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.speed import work

FEATURES = 30
PREVALENCE = 0.002
STRATEGIES = ("none", "random_over", "smote", "random_under")
MODELS = ("hist_gradient_boosting", "xgboost")
LIKE_THE_GRID = 228_000
"""So many rows, which are promised something of, go through the grid: its strategies, models and
folds."""


def table(rows: int, seed: int = 1) -> pd.DataFrame:
    """A stand-in for card payments: 30 columns of unequal scale, 0.2 % frauds, which a third of the
    columns tell of."""
    random = np.random.default_rng([seed, rows])
    y = np.zeros(rows, np.int8)
    y[random.permutation(rows)[: max(round(rows * PREVALENCE), 20)]] = 1
    X = random.normal(size=(rows, FEATURES))
    X[:, : FEATURES // 3] += y[:, None] * random.normal(1.2, 0.8, (rows, FEATURES // 3))
    X *= np.geomspace(0.3, 30, FEATURES)
    frame = pd.DataFrame(X, columns=[f"v{k + 1}" for k in range(FEATURES)])
    frame["fraud"] = y
    return frame


def params(path: str, rows: int) -> dict[str, Any]:
    """The content of params.yaml for a user's own table: 4 strategies, 2 models, 5 folds, 40 fits,
    or the grid's 180."""
    like_the_grid = rows == LIKE_THE_GRID
    strategies, models = (
        (work.STRATEGIES, tuple(work.MODELS)) if like_the_grid else (STRATEGIES, MODELS)
    )
    return {
        **work.committed(),
        "datasets": {
            "payments": {
                "path": path,
                "target": "fraud",
                "positive": 1,
                "split": work.SPLIT if like_the_grid else {**work.SPLIT, "repeats": 1},
            }
        },
        "strategies": {name: {} for name in strategies},
        "models": {name: {"params": work.MODELS[name]} for name in models},
    }


def write(clone: Path, rows: int) -> dict[str, Any]:
    """Put the table into a clone, as a user puts theirs; returns the parameters that name it."""
    place = Path("data") / "payments.parquet"
    (clone / place).parent.mkdir(parents=True, exist_ok=True)
    table(rows).to_parquet(clone / place, index=False)
    return params(place.as_posix(), rows)
