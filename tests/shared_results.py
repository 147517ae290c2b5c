"""One small project, computed once for all test files that share results between clones."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.project import Project

PARAMS: dict[str, Any] = {
    "seed": 7,
    "datasets": {
        "digits": {"path": "data/cards/digits.md", "source": {"bundled": "digits"}, "target": "digit", "positive": 8}
    },
    # two that are changed by two people, and one between them: git cannot merge changes in neighbouring lines
    "strategies": {"random_under": {"ratio": 1.0}, "none": {}, "random_over": {"ratio": 1.0}},
    "models": {"logistic_regression": {"params": {"max_iter": 1000}}},
    "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 1, "validation": 0.2},
    "thresholds": {"half": 0.5, "tuned": "f1"},
    "costs": {"false_positive": 1, "false_negative": 5},
}
ALL = ("compare", "report@digits")
"""What is made from everything else; without `track`, which takes seconds and has tests of its own."""


def computed(factory: pytest.TempPathFactory) -> Project:
    """The project with its results committed; whichever worker of pytest comes first computes it for the others."""
    shared = factory.getbasetemp().parent / "shared-results"
    with FileLock(f"{shared}.lock"):
        if not (shared / "done").exists():
            shutil.rmtree(shared, ignore_errors=True)
            (shared / "project").mkdir(parents=True)
            project = Project.copied(shared / "project")
            project.params = PARAMS
            for name in ("leaderboard.csv", "decisions.csv", "metrics.json"):
                (project.folder / "reports" / name).unlink(missing_ok=True)
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


def ran(project: Project, *command: str) -> str:
    """What a DVC command printed, which has to succeed."""
    outcome = project.dvc(*command)
    assert outcome.status == 0, outcome.text
    return outcome.text
