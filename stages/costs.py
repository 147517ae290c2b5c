"""Stage costs: what each decision about each row costs."""

from __future__ import annotations

import argparse

from stages import config, paths
from stages.data import tables
from stages.errors import guarded
from stages.remedies import costs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.costs", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    name = parser.parse_args().dataset
    params = config.load()
    table = tables.read(paths.table(name), features=False)
    made = costs.matrix(params.costs_of(name), table, f"the costs of datasets.{name}")
    costs.write(paths.costs(name), made)
    low, high = made.stakes.min(axis=0), made.stakes.max(axis=0)
    told = " and ".join(
        f"{low[side]:g}" + (f" to {high[side]:g}" if high[side] > low[side] else "") + f" in a {kind} row"
        for side, kind in enumerate(("negative", "positive"))
    )
    print(f"{name}: at stake are {told}")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
