"""Stage fetch: obtain verified original bytes and make one typed table of them."""

from __future__ import annotations

from counterpoise.core import files, paths
from counterpoise.core.errors import guarded
from counterpoise.data import tables
from counterpoise.data.datasets import fetch
from counterpoise.engine.stage_inputs import stage


def main() -> None:
    """Write the typed table of one dataset and the facts about it.

    Raises
    ------
    SourceError
        When the bytes cannot be obtained, or have another checksum than params.yaml gives.
    TableError
        When they are no table that can be learned from.
    """
    with stage("fetch", __doc__) as (params, name):
        table, facts = fetch(name, params.dataset(name))
        tables.write(paths.table(name), table)
        files.write_json(paths.facts(name), facts)
        share, features = f"{facts['prevalence']:.2%}", facts["features"]
        print(
            f"{name}: {facts['rows']:,} rows, {facts['positives']:,} positive ({share}), {features}"
            " features"
        )


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
