"""One small project, computed once for all test files that share results between clones."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.helpers.project import Outcome, Project

PARAMS: dict[str, Any] = {
    "seed": 7,
    "datasets": {
        "digits": {
            "path": "data/cards/digits.md",
            "source": {"bundled": "digits"},
            "target": "digit",
            "positive": 8,
        }
    },
    # two that are changed by two people, and one between them: git cannot merge changes in
    # neighbouring lines
    "strategies": {"random_under": {"ratio": 1.0}, "none": {}, "random_over": {"ratio": 1.0}},
    "models": {"logistic_regression": {"params": {"max_iter": 1000}}},
    "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 1, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {"half": 0.5, "tuned": "f1"},
    "costs": {"false_positive": 1, "false_negative": 5},
}
FITS = 6
"""Strategies x models x folds."""
ALL = ("compare", "report@digits")
"""What is made from everything else; without `track`, which takes seconds and has tests of its
own."""
STORE = "COUNTERPOISE_STORE"


def computed(factory: pytest.TempPathFactory) -> Project:
    """The project with its results committed; whichever worker of pytest comes first computes it
    for the others."""
    # a worker's own; its parent is of this run, and without workers of all runs
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared-results"
    with FileLock(f"{shared}.lock"):
        if not (shared / "done").exists():
            shutil.rmtree(shared, ignore_errors=True)
            for name in ("project", "store"):
                (shared / name).mkdir(parents=True)
            project = Project.copied(shared / "project", **{STORE: str(shared / "store")})
            project.params = PARAMS
            shutil.rmtree(project.folder / "reports")
            (project.folder / "dvc.lock").unlink(missing_ok=True)
            project.repro(*ALL)
            project.git("add", "-A")
            project.git("commit", "-qm", "results")
            (shared / "done").touch()
    return Project(shared / "project")


def owner(base: Project, folder: Path, **variables: str) -> Project:
    """A copy with all that lies in it: whoever computed the results."""
    shutil.copytree(base.folder, folder, symlinks=True)
    return Project(folder, variables)


def colleague(of: Project, folder: Path, **variables: str) -> Project:
    """A fresh clone: what git has and nothing else."""
    of.git("clone", "-q", str(of.folder), str(folder))
    return Project(folder, variables)


def shared_store(base: Project, folder: Path) -> dict[str, str]:
    """The variable that names a shared store with the fits of the results: a copy, which one test
    file fills further."""
    shutil.copytree(base.folder.parent / "store", folder)
    return {STORE: str(folder)}


def ran(project: Project, *command: str) -> str:
    """What a DVC command printed, which has to succeed."""
    outcome = project.dvc(*command)
    assert outcome.status == 0, outcome.text
    return outcome.text


def fitted(outcome: Outcome) -> int:
    """The number of models that were fitted, those from the store apart."""
    return sum(count for count, _ in outcome.fits.values())


def md5(path: Path) -> str:
    """The name under which DVC keeps a file."""
    return hashlib.md5(path.read_bytes()).hexdigest()


def flip_bit(path: Path) -> None:
    """Damage a file as a disk does: neither its size, its mode nor its time of change tells of
    it."""
    before = path.stat()
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    path.chmod(before.st_mode & 0o777)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
