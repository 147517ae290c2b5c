"""Stage track: MLflow runs that show the results on disk, one a cell, however often it is run.

DVC's results are the truth and MLflow is their view. It runs every time, and finds out in a moment
where there is nothing to do. A store out of reach or damaged is said, with what is unpublished, and
is no failure unless COUNTERPOISE_TRACK_STRICT=1; the next run completes the view.
"""

from __future__ import annotations

import argparse
import os
import sys

from counterpoise.core.errors import StorageError, guarded
from counterpoise.tracking import dataset_runs, manifest, sqlite_index, store

STRICT = "COUNTERPOISE_TRACK_STRICT"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stages.track", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    name = parser.parse_args().dataset
    target = store.chosen(os.environ)
    if not manifest.path(name).is_file():
        from counterpoise.core import config

        config.load().dataset(name)  # a name that is not there is the more likely mistake
    made = manifest.read(name)
    if sqlite_index.complete(made, target):
        print(f"{name}: all {len(made.wanted)} runs are published")
        return 0
    try:
        print(dataset_runs.publish(made, target))
    except StorageError as error:
        if os.environ.get(STRICT, "0") not in ("", "0"):
            raise
        print(f"\nwarning: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(guarded(main, bring_back=False)())
