"""Several stages of one dataset in one process, for a pipeline of many small datasets.

    python -m benchmarks.imbalanced_learn.chain fit ecoli      fetch, split, costs, and for each strategy resample and train
    python -m benchmarks.imbalanced_learn.chain judge ecoli    defects, evaluate and report

The stages are the project's own scripts, called one after another. As DVC stages of their own they would be 464 for 22
datasets and 8 strategies, and DVC and the start of Python would take longer than most of them work.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator

from stages import config
from stages.errors import guarded

PARTS = ("fit", "judge")


def calls(part: str, dataset: str, strategies: list[str]) -> Iterator[tuple[str, ...]]:
    """The stages of a part in their order, each with its arguments."""
    if part == "judge":
        yield from (("defects", dataset), ("evaluate", dataset), ("report", dataset))
        return
    yield from (("fetch", dataset), ("split", dataset), ("costs", dataset))
    for strategy in strategies:
        yield from (("resample", dataset, strategy), ("train", dataset, strategy))


def main() -> None:
    """Run the stages of a part."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.imbalanced_learn.chain", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    arguments = parser.parse_args()
    params = config.load()
    params.dataset(arguments.dataset)
    for stage, *rest in calls(arguments.part, arguments.dataset, list(params.strategies)):
        sys.argv = [f"stages.{stage}", *rest]
        importlib.import_module(f"stages.{stage}").main()


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
