"""Stage track: publish the results on disk as MLflow runs, one for each combination.

DVC's results are the record, and MLflow is a view of them. The stage runs every time, and ends at
once where every run is published. If the store is out of reach or damaged, it warns and says what
is unpublished; the next run publishes the rest. With COUNTERPOISE_TRACK_STRICT=1 it fails instead.
Its last words are the dataset's answer.
"""

from __future__ import annotations

import argparse
import os
import sys

from counterpoise.core.errors import StorageError, guarded
from counterpoise.tracking import dataset_runs, manifest, sqlite_index, store, terminal_summary

STRICT = "COUNTERPOISE_TRACK_STRICT"
"""The environment variable that makes a store out of reach an error; 0 or empty for a warning."""


def main() -> int:
    """Publish the runs of one dataset.

    Returns
    -------
    int
        The exit status, 0 also after a warning.

    Raises
    ------
    StorageError
        When the store cannot be used and COUNTERPOISE_TRACK_STRICT is set.
    """
    parser = argparse.ArgumentParser(prog="python -m stages.track", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    name = parser.parse_args().dataset
    target = store.chosen(os.environ)
    results = manifest.read_given(name)
    experiment = None
    if sqlite_index.complete(results, target):
        print(f"{name}: all {len(results.wanted)} runs are published")
        experiment = terminal_summary.experiment_of(results, target)
    else:
        try:
            message, experiment = dataset_runs.publish(results, target)
            print(message)
        except StorageError as error:
            if os.environ.get(STRICT, "0") not in ("", "0"):
                raise
            print(f"\nwarning: {error}", file=sys.stderr)
    print(terminal_summary.terminal_summary(results, target, experiment))
    return 0


if __name__ == "__main__":
    raise SystemExit(guarded(main, bring_back=False)())
