"""Stage split: the part (train, validation, test) of every row in every repeat and fold."""

from __future__ import annotations

import argparse

from stages import config, paths
from stages.data import parts as splits
from stages.data import schemes, tables
from stages.errors import guarded


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.split", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    name = parser.parse_args().dataset
    params = config.load()
    parts = schemes.split(tables.read(paths.table(name)), params.split_of(name), params.seed, name)
    splits.write(paths.split(name), parts)
    print(f"{name}: {params.split_of(name).scheme}, {len(parts)} folds in all")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
