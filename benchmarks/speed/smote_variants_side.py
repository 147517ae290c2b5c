"""The same work with the samplers of smote_variants, for the strategies that it has; runs in an
environment of its own.

python -m benchmarks.speed.smote_variants_side FOLDER
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

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
    """Every fit, side by side."""

    def arguments(cell: Cell) -> tuple[Rows, str, int, Any]:
        return work.rows(cell), *work.sampler(cell), given.model(*work.model(cell))

    return given.run(fit, work, arguments, "smote_variants")


def main() -> None:
    asked = given.parser("smote_variants_side", __doc__).parse_args()
    given.tell(given.table(run(given.read(asked.folder).of(STRATEGIES))), asked.out)


if __name__ == "__main__":
    main()
