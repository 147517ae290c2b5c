"""Results in the working directory, made by the project's own stages, with the dvc.lock that DVC would write."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import json
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


def locked(params: dict[str, Any]) -> dict[str, Any]:
    """The stages of dvc.lock, with the dependencies that dvc.yaml declares."""
    made: dict[str, Any] = {}
    for dataset, entry in params["datasets"].items():
        for name in STAGES:
            definition = PIPELINE[name].get("do", PIPELINE[name])
            for strategy in params["strategies"] if name in OF_STRATEGIES else [""]:
                words = {"${item.path}": entry["path"], "${key}": dataset, "${item.dataset}": dataset,
                         "${item.strategy}": strategy}  # fmt: skip

                def filled(text: str, words: dict[str, str] = words) -> str:
                    for word, value in words.items():
                        text = text.replace(word, value)
                    return text

                values = {}
                for key in map(filled, definition["params"]):
                    section, _, one = key.partition(".")
                    values[key] = params[section][one] if one else params[section]
                made[f"{name}@{dataset}" + (f"-{strategy}" if strategy else "")] = {
                    "deps": [hashed(filled(path)) for path in definition["deps"]],
                    "params": {"params.yaml": values},
                    "outs": [hashed(filled(path)) for path in definition["outs"]],
                }
    return made


def hashed(name: str) -> dict[str, str]:
    return {"path": name, "md5": md5(Path(name) if Path(name).exists() else REPOSITORY / name)}


def md5(path: Path) -> str:
    if path.is_dir():
        listed = [
            {"md5": md5(p), "relpath": p.relative_to(path).as_posix()} for p in sorted(path.rglob("*")) if p.is_file()
        ]
        return hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"
    return hashlib.md5(path.read_bytes()).hexdigest()
