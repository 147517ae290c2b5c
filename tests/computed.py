"""Results in the working directory, made by the project's own stages."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
import warnings
from pathlib import Path
from typing import Any

from stages import yaml12
from stages.paths import REPOSITORY

PIPELINE = yaml12.load((REPOSITORY / "dvc.yaml").read_text())["stages"]
STAGES = ("fetch", "split", "defects", "costs", "resample", "train", "evaluate")
OF_STRATEGIES = ("resample", "train")


def computed(params: dict[str, Any]) -> None:
    """Run the stages of every dataset up to evaluate."""
    Path("params.yaml").write_text(yaml12.dump(params))
    ran("code")
    for dataset in params["datasets"]:
        for name in STAGES:
            for strategy in params["strategies"] if name in OF_STRATEGIES else [None]:
                ran(name, dataset, *filter(None, [strategy]))
    Path("dvc.lock").write_text(yaml12.dump({"schema": "2.0", "stages": locked(params)}))


def ran(name: str, *arguments: str) -> None:
    """One stage script, as the command line calls it."""
    script = importlib.import_module(f"stages.{name}")
    before, sys.argv = sys.argv, [name, *arguments]
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            script.main()
    finally:
        sys.argv = before
