"""Stage split: the part (train, validation or test) of every row in every repeat and fold."""

from __future__ import annotations

from counterpoise.core import paths
from counterpoise.core.errors import guarded
from counterpoise.data import folds as splits
from counterpoise.data import splitters, tables
from counterpoise.engine.stage_inputs import stage


def main() -> None:
    """Split one dataset and write the part of every row.

    Raises
    ------
    SplitError
        When the table cannot be split as the scheme asks.
    """
    with stage("split", __doc__) as (params, name):
        parts = splitters.split(
            tables.read(paths.table(name)),
            params.split_of(name),
            params.seed,
            name,
            params.placebos,
        )
        splits.write(paths.split(name), parts)
        print(f"{name}: {params.split_of(name).scheme}, {len(parts)} folds in all")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
