"""A team: two people, a remote over SSH, a tracking server over PostgreSQL. Every server here is a real one.

The project lives through what a team does with it; most tests build on the one before them.
"""

from __future__ import annotations

import collections
import os
import random
import shutil
import signal
import ssl
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stages.paths import REPOSITORY
from stages.tracking import runs
from tests.project import Outcome, Project
from tests.services import Sshd, sshd
from tests.team_servers import ADMIN_PASSWORD, Postgres, TrackingServer, postgres

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what MLflow warns of while it is imported is not ours
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", NO_PROXY="127.0.0.1,localhost", no_proxy="127.0.0.1,localhost")
    import mlflow

PARAMS = {
    "seed": 7,
    "datasets": {
        "digits": {"path": "data/cards/digits.md", "source": {"bundled": "digits"}, "target": "digit", "positive": 8}
    },
    "strategies": {"none": {}, "random_over": {}, "random_under": {}, "smote": {"params": {"k_neighbors": 3}}},
    "models": {"logistic_regression": {}, "xgboost": {"params": {"n_estimators": 5}}},
    "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 1, "validation": 0.2},
    "thresholds": {"half": 0.5, "tuned": "f1"},
    "costs": {"false_positive": 1, "false_negative": 5},
}  # fmt: skip
STRATEGIES, MODELS = tuple(PARAMS["strategies"]), tuple(PARAMS["models"])
NAMES = {"comparison", *(f"{strategy}/{model}" for strategy in STRATEGIES for model in MODELS)}
MANY = 8
KILLS = 20


@dataclass(frozen=True)
class Run:
    """A run as a store shows it."""

    name: str
    key: str
    status: str
    current: bool
    made_by: str
    run_id: str
    started: int
    tags: dict[str, str]


@dataclass(frozen=True)
class View:
    """What somebody sees who looks at a store."""

    address: str

    @property
    def client(self) -> Any:
        return mlflow.MlflowClient(tracking_uri=self.address)

    def runs(self, dataset: str = "digits") -> list[Run]:
        """Every run of an experiment that is not deleted."""
        experiment = self.client.get_experiment_by_name(dataset)
        assert experiment is not None, f"{self.address} has no experiment {dataset}"
        return [
            Run(r.info.run_name, r.data.tags.get("cell_key", ""), r.info.status, r.data.tags.get("current") == "true",
                r.data.tags.get("made_by", ""), r.info.run_id, r.info.start_time, r.data.tags)
            for r in self.client.search_runs([experiment.experiment_id], max_results=1000)
        ]  # fmt: skip

    def current(self) -> dict[str, str]:
        """The key of each current run, by its name; every name stands once."""
        found = [run for run in self.runs() if run.current]
        assert len({run.name for run in found}) == len(found)
        return {run.name: run.key for run in found}

    def hold_complete(self) -> None:
        """Every cell once, finished, with every file that it should have readable."""
        found = self.runs()
        assert {run.status for run in found} == {"FINISHED"}
        assert collections.Counter(run.key for run in found).most_common(1)[0][1] == 1, "a cell is there twice"
        for run in found:
            names = {entry.path for entry in self.client.list_artifacts(run.run_id)}
            wanted = {"cells.json", "leaderboard.csv"} if run.name == "comparison" else {
                "confusion_matrix.png", "confusion_matrix.json", "precision_recall.csv", "roc.png", "reliability.png"
            }  # fmt: skip
            assert wanted <= names, run.name
            for name in wanted:
                content = Path(self.client.download_artifacts(run.run_id, name)).read_bytes()
                assert len(content) > 100 and (not name.endswith(".png") or content.startswith(b"\x89PNG")), name

    def remove_everything(self) -> None:
        for run in self.runs():
            self.client.delete_run(run.run_id)


@dataclass(frozen=True)
class Team:
    """The servers, and the two people who use them."""

    database: Postgres
    server: TrackingServer
    ssh: Sshd
    alice: str
    bob: str

    @property
    def admin(self) -> View:
        return View(self.server.address.replace("://", f"://admin:{ADMIN_PASSWORD}@"))


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    with postgres(folder / "postgres") as database, sshd(folder / "ssh") as ssh:
        server = TrackingServer(folder / "server", database.create("mlflow"), database.passwords)
        server.settings["ALLOWED_HOSTS"] = f"127.0.0.1:{server.port}"
        server.start()
        try:
            alice, bob = server.user("alice", "the-word-of-alice"), server.user("bob", "the-word-of-bob")
            yield Team(database, server, ssh, alice, bob)
        finally:
            server.stop()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both push their commits to."""
    folder = tmp_path_factory.mktemp("origin") / "project.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)
    return folder


def as_person(name: str, tracking: str = "") -> dict[str, str]:
    """The environment of one of the two."""
    identity = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
                for what, value in (("NAME", name), ("EMAIL", f"{name.lower()}@example.org"))}  # fmt: skip
    return {**identity, "MLFLOW_TRACKING_URI": tracking, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def with_remote(project: Project, team: Team, storage: Path) -> Project:
    """Set up the team's remote: its address is everybody's, the key is one's own."""
    project.dvc("remote", "modify", "--local", "team", "keyfile", str(team.ssh.key))
    if ["team"] != [line.split()[0] for line in project.dvc("remote", "list").text.splitlines()]:
        assert project.dvc("remote", "add", "-d", "team", team.ssh.url(storage)).status == 0
        assert project.dvc("remote", "modify", "--local", "team", "keyfile", str(team.ssh.key)).status == 0
    return project


def committed(project: Project, message: str) -> None:
    project.git("add", "-A")
    project.git("commit", "-qm", message)


def strategy_changed(project: Project, name: str, entry: dict[str, Any]) -> None:
    content = project.params
    content["strategies"][name] = entry
    project.params = content


@pytest.fixture(scope="module")
def alice(team: Team, origin: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Alice's project with its first results, not published on the server yet."""
    project = Project.copied(tmp_path_factory.mktemp("alice") / "project", **as_person("Alice"))
    project.params = PARAMS
    for name in ("leaderboard.csv", "decisions.csv", "metrics.json"):
        (project.folder / "reports" / name).unlink(missing_ok=True)
    (project.folder / "dvc.lock").unlink(missing_ok=True)
    with_remote(project, team, tmp_path_factory.mktemp("storage"))
    committed(project, "our data and remedies")
    assert project.stage("merge", "--install").status == 0
    project.git("remote", "add", "origin", str(origin))
    project.repro()
    return project
