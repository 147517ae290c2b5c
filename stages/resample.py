"""Stage resample: apply each strategy to the training rows of each fold.

It stores which rows a strategy keeps or repeats, and the synthetic rows that it makes.
"""

from __future__ import annotations

import shutil
from typing import Any

from counterpoise.core import files, paths
from counterpoise.core.errors import guarded
from counterpoise.data import folds as splits
from counterpoise.data import tables
from counterpoise.engine import resampling
from counterpoise.engine.cell_store import open_store
from counterpoise.engine.stage_inputs import stage


def main() -> None:
    """Resample one dataset and write rows, class counts and measured seconds."""
    with stage("resample", __doc__) as (params, name), open_store() as store:
        table, parts = tables.read(paths.table(name)), splits.read(paths.split(name))
        # a strategy that is no longer compared leaves nothing behind
        shutil.rmtree(paths.resampled(name), ignore_errors=True)
        measured: list[dict[str, Any]] = []
        refused: list[str] = []
        for strategy, results in resampling.of_dataset(params, name, table, parts, store):
            resampling.write(paths.resampled(name, strategy), results, table)
            measured += [
                {
                    "strategy": strategy,
                    "repeat": one.repeat,
                    "fold": one.fold,
                    "resample_seconds": one.seconds,
                }
                for one in results
                # the grouped repeat is an additional view, not a cost of the remedy
                if one.repeat != parts.beside and one.seconds is not None
            ]
            if any(one.reason for one in results):
                refused.append(strategy)
        files.write_json(paths.measured(name, "resample"), measured)
        not_run = f", {', '.join(refused)} could not run" if refused else ""
        print(f"{name}: rows of {len(params.strategies)} strategies in {len(parts)} folds{not_run}")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
