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
    table, facts = fetch(name, config.load().dataset(name))
    tables.write(paths.table(name), table)
    files.write_json(paths.facts(name), facts)
    print(f"{name}: {facts['rows']:,} rows, {facts['positives']:,} positive ({facts['prevalence']:.2%}), "
          f"{facts['features']} features")  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
