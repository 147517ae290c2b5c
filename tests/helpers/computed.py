"""Results in the working directory, made by the project's own stages."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
import warnings
from pathlib import Path
from typing import Any

from counterpoise.core import yaml12

STAGES = ("fetch", "split", "audit", "resample", "train", "evaluate")


def computed(params: dict[str, Any]) -> None:
    """Run the stages of every dataset up to evaluate."""
    Path("params.yaml").write_text(yaml12.dump(params))
    ran("check")
    for dataset in params["datasets"]:
        for name in STAGES:
            ran(name, dataset)


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
