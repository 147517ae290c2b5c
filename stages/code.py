"""Stage code: the source files that each stage stands on, with their sums, and the models as params.yaml has them.

Every other stage depends on its own list alone, so that a changed file reruns the stages that import it, directly or
not, and no others. The lists are made from the imports themselves and cannot fall behind them. Naming the files in
dvc.yaml instead, or all models, would write each of them into dvc.lock once for every dataset and strategy, and DVC reads
and rewrites that file after every stage.
"""

from __future__ import annotations

import argparse

import yaml

from stages import config, files, paths
from stages.closure import closure
from stages.errors import guarded

STAGES = ("fetch", "split", "defects", "costs", "resample", "train", "evaluate", "report", "compare")
"""The stages whose outs are results; `track` runs every time and makes none."""

MODELS = paths.code("models").with_suffix(".yaml")
"""The models in their order, with what params.yaml leaves to us."""


def sources(stage: str) -> dict[str, str]:
    """The SHA-256 of every source file that a stage's script stands on, by path."""
    return {path.as_posix(): files.sha256(paths.REPOSITORY / path) for path in closure(f"stages.{stage}")}


def main() -> None:
    argparse.ArgumentParser(prog="python -m stages.code", description=__doc__).parse_args()
    for stage in STAGES:
        files.write_json(paths.code(stage), sources(stage))
    models = {name: entry.model_dump() for name, entry in config.load().models.items()}
    files.write_text(MODELS, yaml.safe_dump(models, sort_keys=False))
    print(f"the sources of {len(STAGES)} stages and {len(models)} models are listed in {MODELS.parent}")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
