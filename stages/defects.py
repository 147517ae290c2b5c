"""Stage defects: what is wrong with the table, said before anything is trained on it."""

from __future__ import annotations

import argparse

from stages import config, files, paths
from stages.data import defects, tables
from stages.data import parts as splits
from stages.errors import guarded


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.defects", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    name = parser.parse_args().dataset
    params = config.load()
    table, parts = tables.read(paths.table(name)), splits.read(paths.split(name))
    report = defects.find(table, parts.compared, params.split_of(name).scheme, params.seed, name)
    files.write_json(paths.defects(name), report.content())
    for finding in report.findings:
        print(f"{name}: {finding.severity}: {finding.sentence}")
    if report.serious and params.dataset(name).defects == "fail":
        raise defects.refusal(name, report)
    # the same bytes whatever was found, so that a changed report reruns nothing that waits for this file alone
    files.write_json(paths.gate(name), {"open": True})


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
