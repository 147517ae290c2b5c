"""The same work with the samplers of smote_variants, for the strategies that it has; runs in an environment of its own.

python -m benchmarks.speed.smote_variants_side FOLDER
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from benchmarks.speed import given
from benchmarks.speed.given import Cell, Given, Rows, Scored

STRATEGIES = ("none", "smote", "adasyn", "random_under")


def resampled(name: str, seed: int, X: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
    """The rows that its sampler of a strategy makes of these, both classes equally many."""
    import smote_variants
    from smote_variants.undersampling import RandomUndersampling

    logging.getLogger("smote_variants").setLevel(logging.WARNING)  # a line for every step otherwise
    make = {
        "none": lambda: smote_variants.NoSMOTE(),
        "smote": lambda: smote_variants.SMOTE(proportion=1.0, n_jobs=1, random_state=seed),
        "adasyn": lambda: smote_variants.ADASYN(n_jobs=1, random_state=seed),
        "random_under": lambda: RandomUndersampling(random_state=seed),
    }
    made: tuple[Any, Any] = make[name]().sample(X, y)
    return made


def fit(rows: Rows, strategy: str, seed: int, model: Any) -> Scored:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(rows.X)
    model.fit(*resampled(strategy, seed, scaler.transform(rows.X), rows.y))
    return given.scored(rows.y_new, model.predict_proba(scaler.transform(rows.X_new))[:, 1])


def run(work: Given) -> dict[Cell, Scored]:
    """Every fit, as many at once as there are cores, one thread each."""
    pool = Parallel(n_jobs=cpu_count(), backend="loky", inner_max_num_threads=1, return_as="generator")
    results = pool(delayed(fit)(work.rows(c), *work.sampler(c), given.model(*work.model(c))) for c in work.cells)
    bar = tqdm(results, total=len(work.cells), desc="smote_variants", unit="fit", disable=None)
    return dict(zip(work.cells, bar, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.smote_variants_side", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("folder", type=Path, help="the work, as benchmarks.speed writes it")
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    asked = parser.parse_args()
    given.tell(given.table(run(given.read(asked.folder).of(STRATEGIES))), asked.out)


if __name__ == "__main__":
    main()
