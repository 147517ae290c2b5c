"""Stage fetch: verified original bytes, then one typed table."""

from __future__ import annotations

import argparse

from stages import config, files, paths
from stages.data import tables
from stages.data.datasets import fetch
from stages.errors import guarded


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.fetch", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    name = parser.parse_args().dataset
    entry = config.load().dataset(name)
    table, facts = fetch(name, entry)
    if entry.distributed:  # train reads it, and depends on the table's facts, not on the dataset's entry as a whole
        facts["distributed"] = True
    tables.write(paths.table(name), table)
    files.write_json(paths.facts(name), facts)
    print(f"{name}: {facts['rows']:,} rows, {facts['positives']:,} positive ({facts['prevalence']:.2%}), "
          f"{facts['features']} features")  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
