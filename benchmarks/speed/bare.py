"""The bare script that one would write instead: imbalanced-learn pipelines, all cores at work, a
table at the end.

    python -m benchmarks.speed.bare FOLDER            the script
    python -m benchmarks.speed.bare FOLDER --serial   the floor: CPU seconds of the same fits

The floor counts resampling, fitting and predicting alone, and resamples once for all models of a
fold: nobody who does this work takes less than its sum over the cores.
"""

from __future__ import annotations

import json
import time
from typing import Any

from tqdm import tqdm

from benchmarks.speed import given
from benchmarks.speed.given import Cell, Given, Rows, Scored


def fit(rows: Rows, sampler: Any, model: Any) -> Scored:
    """One pipeline, fitted on the training rows of a fold and asked about its test rows."""
    from imblearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = Pipeline([("scale", StandardScaler()), ("sample", sampler), ("fit", model)])
    pipeline.fit(rows.X, rows.y)
    return given.scored(rows.y_new, pipeline.predict_proba(rows.X_new)[:, 1])


def run(work: Given) -> dict[Cell, Scored]:
    """Every fit, side by side."""

    def arguments(cell: Cell) -> tuple[Rows, Any, Any]:
        return work.rows(cell), given.sampler(*work.sampler(cell)), given.model(*work.model(cell))

    return given.run(fit, work, arguments, "bare script")


def floor(work: Given) -> dict[str, dict[str, float]]:
    """CPU seconds of resampling, fitting and predicting, for each strategy, in this process with
    one thread."""
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    spent = {name: {"resample": 0.0, "fit": 0.0, "predict": 0.0} for name in work.strategies}
    places = [(strategy, fold) for strategy in work.strategies for fold in range(len(work.train))]
    for name, params in work.models.items():  # imports are no part of the work
        given.model(name, params, 0)
    with threadpool_limits(1):
        for strategy, fold in tqdm(places, desc="floor", unit="fold", disable=None):
            X, y, new = work.X[work.train[fold]], work.y[work.train[fold]], work.X[work.test[fold]]
            sampler = given.sampler(strategy, work.seeds[strategy][fold])
            start = time.process_time()
            scaler = StandardScaler().fit(X)
            X, new = scaler.transform(X), scaler.transform(new)
            if sampler is not None:
                X, y = sampler.fit_resample(X, y)
            spent[strategy]["resample"] += time.process_time() - start
            for name, params in work.models.items():
                estimator = given.model(name, params, work.seeds[name][fold])
                start = time.process_time()
                estimator.fit(X, y)
                fitted = time.process_time()
                estimator.predict_proba(new)
                spent[strategy]["fit"] += fitted - start
                spent[strategy]["predict"] += time.process_time() - fitted
    return spent


def main() -> None:
    parser = given.parser("bare", __doc__)
    parser.add_argument("--strategies", help="these alone, separated by commas")
    parser.add_argument("--serial", action="store_true", help="measure the floor instead")
    asked = parser.parse_args()
    work = given.read(asked.folder)
    if asked.strategies:
        work = work.of(asked.strategies.split(","))
    if not asked.serial:
        given.tell(given.table(run(work)), asked.out)
        return
    spent = floor(work)
    for strategy, seconds in spent.items():
        print(strategy, *(f"{phase} {value:.2f} s" for phase, value in seconds.items()))
    print(f"{sum(sum(seconds.values()) for seconds in spent.values()):.2f} s of CPU")
    if asked.out is not None:
        asked.out.write_text(json.dumps(spent))


if __name__ == "__main__":
    main()
