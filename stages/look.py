"""Stage look: take away the list of a dataset's runs where the MLflow store does not hold them, so that `track` runs.

`track` has that list as its out, and DVC runs it where the results have changed or the list is not there. What DVC cannot
see is the store: mlflow.db is removed, another one is named, a server was out of reach. This looks every time and once for
all datasets, since each stage that runs every time has DVC read and write all of dvc.lock.
"""

from __future__ import annotations

import argparse
import os

from stages import config, files, paths
from stages.errors import ConfigurationError, ResultError, guarded
from stages.tracking import locked, peek, store
from stages.tracking.store import Store


def shown(dataset: str, target: Store) -> bool:
    """Whether a store holds the runs of the results that dvc.lock names, as far as a look can tell."""
    try:
        return peek.complete(locked.read(dataset), target)
    except ResultError:  # there are none yet; `track` tells what is wrong with others
        return False


def main() -> None:
    argparse.ArgumentParser(prog="python -m stages.look", description=__doc__).parse_args()
    listed = [name for name in config.load().datasets if paths.runs(name).is_file()]
    try:
        target = store.chosen(os.environ)
    except ConfigurationError:  # `track` tells, when there are results
        gone = listed
    else:
        gone = [name for name in listed if not shown(name, target)]
    for name in gone:
        paths.runs(name).unlink()
    files.write_json(paths.LOOKED, {})
    if listed:
        print(
            f"MLflow may lack runs of {', '.join(gone)}" if gone else f"MLflow shows all results of {', '.join(listed)}"
        )


if __name__ == "__main__":
    raise SystemExit(guarded(main, bring_back=False)())
