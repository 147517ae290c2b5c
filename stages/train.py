"""Stage train: fit each combination on each fold, and score the test and validation rows."""

from __future__ import annotations

import shutil
import time

from counterpoise.core import files, paths
from counterpoise.core.errors import guarded
from counterpoise.core.outcome import OK
from counterpoise.data import folds as splits
from counterpoise.data import tables
from counterpoise.engine import dask_cluster, parallel, resampling, training_results
from counterpoise.engine.cell_store import open_store
from counterpoise.engine.run import DatasetFits
from counterpoise.engine.stage_inputs import stage
from counterpoise.evaluation import costs


def main() -> None:
    """Fit all combinations of one dataset and write scores, statuses and measurements."""
    start = time.perf_counter()
    with (
        stage("train", __doc__) as (params, name),
        open_store() as store,
        parallel.scratch() as folder,
    ):
        distributed = params.dataset(name).distributed
        if distributed and dask_cluster.address() is None:
            print(
                f"{name}: distributed, and no cluster is named ({dask_cluster.ADDRESS}): fitted on"
                " this machine"
            )
        table, parts = (
            tables.in_memory_map(tables.read(paths.table(name)), folder),
            splits.read(paths.split(name)),
        )
        matrix = costs.matrix(params.costs_of(name), table, f"the costs of datasets.{name}")
        counts = {
            strategy: resampling.read_counts(paths.resampled(name, strategy))
            for strategy in params.strategies
        }
        # a strategy that could not resample every compared fold is not fitted at all
        ran = {
            strategy: folds
            for strategy, folds in counts.items()
            if training_results.not_resampled(
                count for count in folds if count["repeat"] != parts.beside
            )
            is None
        }
        fits = DatasetFits(
            params,
            name,
            table,
            parts,
            matrix.cost_margins,
            ran,
            folder,
            partitioned=distributed and dask_cluster.address() is not None,
        )
        outcomes, fresh = fits.outcomes(store)
        shutil.rmtree(paths.scores(name), ignore_errors=True)
        statuses = training_results.write(
            params, name, parts, counts, outcomes, {fit.id: fit.key for fit in fits.jobs}
        )
        files.write_json(
            paths.measured(name, "train"), training_results.measured(outcomes, parts.beside)
        )
        seconds = time.perf_counter() - start
        missed = {one.replace("_", " "): n for one, n in sorted(statuses.items()) if one != OK}
        fitted = f"{name}: {fresh} fits, {len(outcomes) - fresh} from the store, {seconds:.1f} s"
        print(", ".join([fitted, *(f"{n} combinations {one}" for one, n in missed.items())]))


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
