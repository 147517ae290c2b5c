"""`dvc repro` as a black box: a clone of what is committed, no cache, no store, and what it says
and leaves."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.speed import timed
from benchmarks.speed.timed import Line, Timed
from counterpoise.core import paths, yaml12
from counterpoise.core.errors import ResultError
from counterpoise.data import folds as splits
from counterpoise.data.sources import MIRROR

STAGE = re.compile(r"Running stage '([^'@]+)")
FITS = re.compile(r"^\w+: (\d+) fits, (\d+) from the store, [\d.]+ s$")
PLACES = ("data", ".dvc/cache", "mlartifacts", "mlflow.db", "reports")
"""What a run leaves behind, relative to the clone."""


@dataclass(frozen=True)
class Clone:
    """A clone of the last commit in a folder of its own.

    Attributes
    ----------
    folder : Path
    mirror : str
        Where the original bytes are, so that nobody's network is measured.
    """

    folder: Path
    mirror: str

    @classmethod
    def made(cls, folder: Path, mirror: str, params: dict[str, Any] | None = None) -> Clone:
        """Clone, without the committed dvc.lock, and put other parameters in the place of the
        committed ones if asked to.

        DVC reads and writes all of dvc.lock after each stage, and what a project of one's own has
        in it is its own.
        """
        git("clone", "-q", str(paths.REPOSITORY), str(folder))
        (folder / "dvc.lock").unlink()
        clone = cls(folder, mirror)
        if params is not None:
            clone.write(params)
        return clone

    @property
    def params(self) -> dict[str, Any]:
        content: dict[str, Any] = yaml12.load(
            (self.folder / paths.PARAMS).read_text(encoding="utf-8")
        )
        return content

    def write(self, params: dict[str, Any]) -> None:
        (self.folder / paths.PARAMS).write_text(yaml12.dump(params), encoding="utf-8")

    def repro(self, label: str) -> Timed:
        variables = timed.environment(**({MIRROR: self.mirror} if self.mirror else {}))
        return timed.run([sys.executable, "-m", "dvc", "repro"], self.folder, variables, label)

    def average_precision(self) -> pd.DataFrame:
        """What it found, with the columns that every contender gives."""
        board = pd.read_csv(
            self.folder / "reports" / "leaderboard.csv", keep_default_na=False, na_values=[""]
        )
        return board[["strategy", "model", "average_precision"]]

    def expected_fits(self, model: str) -> int:
        """The fits that a changed model asks for: its folds, on every dataset, with every strategy
        that it runs with."""
        content, total = self.params, 0
        listed = content["models"][model].get("strategies", "all")
        strategies = [name for name in content["strategies"] if listed == "all" or name in listed]
        for name in content["datasets"]:
            total += len(strategies) * len(splits.read(self.folder / paths.split(name)))
        return total

    def measured(self) -> dict[str, float]:
        """The seconds of resampling, fitting and predicting that its own stages measured, summed
        over all fits."""
        total = {"resample": 0.0, "fit": 0.0, "predict": 0.0}
        for path in sorted((self.folder / paths.DATA / "measured").rglob("*.json")):
            content = json.loads(path.read_text())
            for entry in content["fits"] if path.stem == "train" else content:
                for phase in total:
                    total[phase] += entry.get(f"{phase}_seconds") or 0.0
        return total

    def disk(self) -> dict[str, int]:
        """Bytes on disk that it left, by place; a file with several names counts once."""
        seen: set[tuple[int, int]] = set()
        found = {}
        for place in PLACES:
            root, total = self.folder / place, 0
            for path in (
                [root, *root.rglob("*")] if root.is_dir() else [root] if root.exists() else []
            ):
                about = path.lstat()
                if (about.st_dev, about.st_ino) not in seen:
                    seen.add((about.st_dev, about.st_ino))
                    total += about.st_blocks * 512
            found[place] = total
        return found


def git(*arguments: str) -> str:
    """What git says.

    Raises
    ------
    ResultError
        When it refuses.
    """
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=paths.REPOSITORY, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise ResultError(
            "git is not installed.", expected="git, to clone this repository", todo="install it."
        ) from None
    if done.returncode:
        raise ResultError(
            "This repository cannot be cloned.",
            where=str(paths.REPOSITORY),
            found=done.stderr.strip(),
            expected="a git repository with a commit",
            todo="run the suite in a clone.",
        )
    return done.stdout


def commit() -> tuple[str, bool]:
    """The commit that is measured, and whether the working tree differs from it."""
    return git("rev-parse", "HEAD").strip()[:12], bool(
        git("status", "--porcelain", "--untracked-files=no").strip()
    )


def stage_seconds(lines: Iterable[Line], seconds: float) -> dict[str, float]:
    """Seconds of each kind of stage, from when DVC says that it begins to when it says so of the
    next.

    What comes before the first is `before`: starting, reading dvc.yaml, hashing what is there.
    """
    now, since, spent = "before", 0.0, dict[str, float]()
    for line in [*lines, None]:
        begun = None if line is None else STAGE.search(line.text)
        if line is not None and begun is None:
            continue
        until = seconds if line is None else line.seconds
        spent[now] = spent.get(now, 0.0) + until - since
        if begun is not None:
            now, since = begun.group(1), until
    return {name: round(value, 3) for name, value in spent.items()}


def fits(lines: Iterable[Line]) -> tuple[int, int]:
    """How many models were fitted, and how many came from the store."""
    found = [match for line in lines if (match := FITS.match(line.text))]
    return sum(int(match.group(1)) for match in found), sum(int(match.group(2)) for match in found)


def stages(lines: Iterable[Line]) -> dict[str, int]:
    """How many stages of each kind ran."""
    counted: dict[str, int] = {}
    for line in lines:
        if begun := STAGE.search(line.text):
            counted[begun.group(1)] = counted.get(begun.group(1), 0) + 1
    return counted
