"""A whole project in a folder of its own, driven as a person drives it: by dvc, git and the stage
scripts."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from counterpoise.core import yaml12
from counterpoise.core.paths import REPOSITORY


@dataclass(frozen=True)
class Outcome:
    """What a command did: exit status, all it printed, and, for dvc, which stages ran."""

    status: int
    text: str

    @property
    def stages(self) -> list[str]:
        return re.findall(r"Running stage '([^']+)'", self.text)

    @property
    def computing(self) -> set[str]:
        """The stages that ran, tracking apart."""
        return {stage for stage in self.stages if not stage.startswith("track")}

    @property
    def fits(self) -> dict[str, tuple[int, int]]:
        """For each dataset that was trained: models fitted, and models taken from the store."""
        found = re.findall(
            r"^(\w+): (\d+) fits, (\d+) from the store, [\d.]+ s", self.text, re.MULTILINE
        )
        assert len(found) == len({dataset for dataset, *_ in found}), "one line a dataset"
        return {dataset: (int(fitted), int(kept)) for dataset, fitted, kept in found}


@dataclass
class Project:
    """A copy of the working tree in its own git repository."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def copied(cls, folder: Path, **variables: str) -> Project:
        """Copy what git tracks, or would track, and commit it."""
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (REPOSITORY / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, folder / name)
        project = cls(folder, variables)
        for command in ("init -q -b main", "add -A", "commit -qm start"):
            project.git(*command.split())
        return project

    def clone(self, folder: Path) -> Project:
        """A colleague's clone, whose results can be pulled from this project's cache."""
        self.git("clone", "-q", str(self.folder), str(folder))
        return Project(folder, self.variables)

    @property
    def environment(self) -> dict[str, str]:
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MLFLOW", "COUNTERPOISE", "DVC", "PYTHONPATH", "GIT_"))
        }
        identity = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "A Tester"), ("EMAIL", "tester@example.org"))
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**variables, **identity, "PATH": path, "DVC_NO_ANALYTICS": "1", **self.variables}

    def run(self, *command: str, **variables: str) -> Outcome:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout)

    def git(self, *arguments: str) -> str:
        outcome = self.run("git", *arguments)
        assert outcome.status == 0, outcome.text
        return outcome.text

    def dvc(self, *arguments: str, **variables: str) -> Outcome:
        return self.run(sys.executable, "-m", "dvc", *arguments, **variables)

    def repro(self, *targets: str) -> Outcome:
        """`dvc repro`, which has to succeed."""
        outcome = self.dvc("repro", *targets)
        assert outcome.status == 0, outcome.text
        return outcome

    def stage(self, name: str, *arguments: str, **variables: str) -> Outcome:
        return self.run(sys.executable, "-m", f"stages.{name}", *arguments, **variables)

    def command(self, name: str, *arguments: str, **variables: str) -> Outcome:
        return self.run(sys.executable, "-m", "counterpoise", name, *arguments, **variables)

    @property
    def params(self) -> dict[str, Any]:
        return yaml12.load((self.folder / "params.yaml").read_text())  # type: ignore[no-any-return]

    @params.setter
    def params(self, content: dict[str, Any]) -> None:
        (self.folder / "params.yaml").write_text(yaml12.dump(content))

    def leaderboard(self) -> pd.DataFrame:
        return pd.read_csv(
            self.folder / "reports" / "leaderboard.csv", keep_default_na=False, na_values=[""]
        )

    def current_runs(self) -> list[tuple[str, str, str]]:
        """Experiment, name and status of every run in mlflow.db that is current."""
        with sqlite3.connect(f"file:{self.folder / 'mlflow.db'}?mode=ro", uri=True) as database:
            return sorted(
                database.execute(
                    "SELECT e.name, r.name, r.status FROM runs r JOIN experiments e USING"
                    " (experiment_id) JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = 'current'"
                    " AND t.value = 'true' WHERE r.lifecycle_stage = 'active'"
                ).fetchall()
            )

    def all_runs(self) -> int:
        with sqlite3.connect(f"file:{self.folder / 'mlflow.db'}?mode=ro", uri=True) as database:
            return int(
                database.execute(
                    "SELECT count(*) FROM runs WHERE lifecycle_stage = 'active'"
                ).fetchone()[0]
            )
