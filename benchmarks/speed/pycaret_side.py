"""The same work with PyCaret: one setup a strategy, then `compare_models`; runs in an environment
of its own.

    python -m benchmarks.speed.pycaret_side FOLDER [--tracked]

PyCaret scales, resamples and fits in a pipeline, on the folds that it is given and on all cores,
and caches what it transformed, as it does by default. Its metrics are its own eight, average
precision beside them. With `--tracked` it logs what it does to MLflow, with the pictures that it
logs by default, into the folder that it takes by default.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.speed import given
from benchmarks.speed.given import Given

HELD_OUT = 10
"""PyCaret wants rows held out beside the folds; it gets a few of each class again, and nothing is
asked of them."""


class Folds:
    """The given folds, as scikit-learn's splitters give theirs."""

    def __init__(self, train: list[np.ndarray], test: list[np.ndarray]) -> None:
        self.train, self.test = train, test

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return zip(self.train, self.test, strict=True)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        return len(self.train)


def compared(work: Given, strategy: str, *, tracked: bool) -> pd.DataFrame:
    """PyCaret's own table of one strategy, every model fitted on every fold."""
    from pycaret.classification import ClassificationExperiment
    from sklearn.metrics import average_precision_score

    frame = pd.DataFrame(work.X, columns=[f"x{k}" for k in range(work.X.shape[1])])
    frame[given.TARGET] = work.y
    held_out = pd.concat([frame[frame[given.TARGET] == label].head(HELD_OUT) for label in (0, 1)])
    sampler = given.sampler(strategy, work.seeds[strategy][0])
    balanced = {} if sampler is None else {"fix_imbalance": True, "fix_imbalance_method": sampler}
    logged = (
        {"log_experiment": True, "log_plots": True, "experiment_name": strategy} if tracked else {}
    )
    experiment = ClassificationExperiment()
    experiment.setup(
        frame,
        target=given.TARGET,
        test_data=held_out,
        index=False,
        data_split_shuffle=False,
        normalize=True,
        fold_strategy=Folds(work.train, work.test),
        n_jobs=-1,
        html=False,
        verbose=False,
        system_log=False,
        session_id=work.seeds[strategy][0] % 2**31,
        **balanced,
        **logged,
    )
    experiment.add_metric("average_precision", "AP", average_precision_score, target="pred_proba")
    models = [
        given.model(name, params, work.seeds[name][0]) for name, params in work.models.items()
    ]
    experiment.compare_models(include=models, sort="AP", errors="raise", verbose=False)
    table = experiment.pull().sort_index()  # from the order of merit back to that of `include`
    return pd.DataFrame(
        {
            "strategy": strategy,
            "model": list(work.models),
            "average_precision": table["AP"].astype(float).to_list(),
        }
    )


def main() -> None:
    parser = given.parser("pycaret_side", __doc__)
    parser.add_argument(
        "--tracked", action="store_true", help="log models, metrics and pictures to MLflow"
    )
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    work = given.read(asked.folder)
    bar = tqdm(work.strategies, desc="PyCaret", unit="strategy", disable=None)
    tables = [compared(work, name, tracked=asked.tracked) for name in bar]
    given.tell(pd.concat(tables, ignore_index=True), asked.out)


if __name__ == "__main__":
    main()
