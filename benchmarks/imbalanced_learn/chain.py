"""Several stages of one dataset in one process, for a pipeline of many small datasets.

    python -m benchmarks.imbalanced_learn.chain fit ecoli      fetch, split, resample and train
    python -m benchmarks.imbalanced_learn.chain judge ecoli    audit, evaluate and report

The stages are the project's own scripts, called one after another. As DVC stages of their own they
would be 154 for 22 datasets, and the start of Python would take longer than most of them work.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from counterpoise.core import config
from counterpoise.core.errors import guarded

PARTS = {"fit": ("fetch", "split", "resample", "train"), "judge": ("audit", "evaluate", "report")}


def main() -> None:
    """Run the stages of a part."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.imbalanced_learn.chain",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    arguments = parser.parse_args()
    config.load().dataset(arguments.dataset)
    for stage in PARTS[arguments.part]:
        sys.argv = [f"stages.{stage}", arguments.dataset]
        importlib.import_module(f"stages.{stage}").main()


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
