"""A team: two people, a remote over SSH, a tracking server over PostgreSQL. Every server here is a
real one.

The project lives through what a team does with it; most tests build on the one before them.
"""

from __future__ import annotations

import collections
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from counterpoise.data.reading import files as raw
from tests.helpers.project import Outcome, Project
from tests.helpers.servers import Sshd, sshd
from tests.helpers.shared_results import STORE, fitted
from tests.helpers.team_servers import ADMIN_PASSWORD, Postgres, TrackingServer, postgres

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what MLflow warns of while it is imported is not ours
    os.environ.update(
        MLFLOW_DISABLE_TELEMETRY="true",
        NO_PROXY="127.0.0.1,localhost",
        no_proxy="127.0.0.1,localhost",
    )
    import mlflow

# what MLflow asks of SQLAlchemy
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

PARAMS = {
    "seed": 7,
    "datasets": {
        "digits": {
            "path": "data/cards/digits.md",
            "source": {"bundled": "digits"},
            "target": "digit",
            "positive": 8,
        }
    },
    "strategies": {"none": {}, "random_over": {}, "smote": {"params": {"k_neighbors": 3}}},
    "models": {"logistic_regression": {}, "xgboost": {"params": {"n_estimators": 5}}},
    "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 1, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {"half": 0.5, "tuned": "f1"},
    "costs": {"false_positive": 1, "false_negative": 5},
}
STRATEGIES, MODELS = tuple(PARAMS["strategies"]), tuple(PARAMS["models"])
NAMES = {"comparison", *(f"{strategy}/{model}" for strategy in STRATEGIES for model in MODELS)}
FITS_PER_STRATEGY = len(MODELS) * 2
MANY = 8
KILLS = 8


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
        """Every run of `track` in an experiment that is not deleted."""
        experiment = self.client.get_experiment_by_name(dataset)
        assert experiment is not None, f"{self.address} has no experiment {dataset}"
        return [
            Run(
                r.info.run_name,
                r.data.tags.get("cell_key", ""),
                r.info.status,
                r.data.tags.get("current") == "true",
                r.data.tags.get("mlflow.user", ""),
                r.info.run_id,
                r.info.start_time,
                r.data.tags,
            )
            for r in self.client.search_runs(
                [experiment.experiment_id], "tags.cell_key != ''", max_results=1000
            )
        ]

    def current(self) -> dict[str, str]:
        """The key of each current run, by its name; every name stands once."""
        found = [run for run in self.runs() if run.current]
        assert len({run.name for run in found}) == len(found)
        return {run.name: run.key for run in found}

    def hold_complete(self) -> None:
        """Every cell once, finished, with every file that it should have readable."""
        found = self.runs()
        assert {run.status for run in found} == {"FINISHED"}
        assert collections.Counter(run.key for run in found).most_common(1)[0][1] == 1, (
            "a cell is there twice"
        )
        for run in found:
            names = {entry.path for entry in self.client.list_artifacts(run.run_id)}
            wanted = {"cells.json", "leaderboard.csv"}
            if run.name != "comparison":
                images = self.client.list_artifacts(run.run_id, "images")
                pictures = {entry.path for entry in images if entry.path.endswith(".png")}
                for rule in ("half", "tuned"):
                    assert any(f"confusion_matrix~{rule}+" in path for path in pictures), run.name
                names |= pictures
                wanted = {"decisions.json", "precision_recall.csv", *pictures}
            assert wanted <= names, run.name
            for name in wanted:
                content = Path(self.client.download_artifacts(run.run_id, name)).read_bytes()
                assert len(content) > 100 and (
                    not name.endswith(".png") or content.startswith(b"\x89PNG")
                ), name

    def remove(self, which: Callable[[Run], bool]) -> None:
        for run in filter(which, self.runs()):
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
    with postgres() as database, sshd(folder / "ssh") as ssh:
        server = TrackingServer(folder / "server", database.create("mlflow"), database.passwords)
        server.start()
        try:
            alice, bob = (
                server.user("alice", "the-word-of-alice"),
                server.user("bob", "the-word-of-bob"),
            )
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
    identity = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", name), ("EMAIL", f"{name.lower()}@example.org"))
    }
    return {
        **identity,
        "MLFLOW_TRACKING_URI": tracking,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def with_key(project: Project, team: Team) -> Project:
    """The team's remote is in .dvc/config, which git has; the key is one's own."""
    assert (
        project.dvc("remote", "modify", "--local", "team", "keyfile", str(team.ssh.key)).status == 0
    )
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
    store = str(tmp_path_factory.mktemp("store"))
    project = Project.copied(
        tmp_path_factory.mktemp("alice") / "project", **as_person("Alice"), **{STORE: store}
    )
    project.params = PARAMS
    shutil.rmtree(project.folder / "reports")
    (project.folder / "dvc.lock").unlink(missing_ok=True)
    remote = team.ssh.url(tmp_path_factory.mktemp("storage"))
    assert project.dvc("remote", "add", "-d", "team", remote).status == 0
    with_key(project, team)
    committed(project, "our data and remedies")
    project.git("remote", "add", "origin", str(origin))
    project.repro()
    committed(project, "first results")
    return project


# ----------------------------------------------------------------- two people


def test_eight_publishers_at_once_make_each_cell_once(team: Team, alice: Project) -> None:
    """Half of them are Alice's, half Bob's; the server is new, so that they also race for the
    experiment."""
    command = [sys.executable, "-m", "stages.track", "digits"]
    everybody = [
        subprocess.Popen(
            command,
            cwd=alice.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**alice.environment, **as_person(*who), "COUNTERPOISE_TRACK_STRICT": "1"},
        )
        for who in [("Alice", team.alice), ("Bob", team.bob)] * (MANY // 2)
    ]
    published = []
    for publisher in everybody:
        said, wrong = publisher.communicate(timeout=600)
        assert (publisher.returncode, wrong) == (0, ""), said + wrong
        published += re.findall(r"(\d+) published", said)
    assert published == [str(len(NAMES))], "one of them wrote all, and the others found them there"
    assert set(team.admin.current()) == NAMES
    assert len(team.admin.runs()) == len(NAMES)
    team.admin.hold_complete()


def test_a_colleague_pulls_recomputes_nothing_and_sees_the_same_runs(
    team: Team, alice: Project, bob: Project
) -> None:
    outcome = bob.repro()
    assert (outcome.computing, fitted(outcome)) == (set(), 0)
    own = View(f"sqlite:///{bob.folder / 'mlflow.db'}")
    assert own.current() == team.admin.current()
    own.hold_complete()
    assert {run.made_by for run in own.runs()} == {"Alice"}, "whoever publishes it"
    assert {run.key: run.started for run in own.runs()} == {
        run.key: run.started for run in team.admin.runs()
    }
    assert {run.tags["mlflow.source.git.commit"] for run in own.runs()} == {
        alice.git("rev-parse", "HEAD~1").strip()
    }
    published = bob.stage(
        "track",
        "digits",
        MLFLOW_TRACKING_URI=team.server.address,
        MLFLOW_TRACKING_USERNAME="bob",
        MLFLOW_TRACKING_PASSWORD="the-word-of-bob",
        COUNTERPOISE_TRACK_STRICT="1",
    )
    assert published.status == 0 and "nothing to publish" in published.text, published.text


def test_both_change_a_strategy_and_after_the_merge_nothing_is_fitted_again(
    team: Team, alice: Project, bob: Project
) -> None:
    strategy_changed(alice, "random_over", {"ratio": 0.5})
    outcome = alice.dvc("repro", MLFLOW_TRACKING_URI=team.alice)
    assert fitted(outcome) == FITS_PER_STRATEGY, outcome.text
    shared(alice, "half as many copies")
    strategy_changed(bob, "smote", {"params": {"k_neighbors": 4}})
    outcome = bob.dvc("repro", MLFLOW_TRACKING_URI=team.bob)
    assert fitted(outcome) == FITS_PER_STRATEGY, outcome.text
    assert bob.dvc("push", "-q", "--run-cache").status == 0
    committed(bob, "one neighbour more")

    assert bob.run("git", "pull", "-q", "--no-rebase", "--no-edit", "origin", "main").status != 0
    (bob.folder / "dvc.lock").unlink()
    outcome = bob.dvc("repro", "--pull", MLFLOW_TRACKING_URI=team.bob)
    assert outcome.status == 0, outcome.text
    assert fitted(outcome) == 0, outcome.text
    assert {"evaluate@digits", "report@digits", "compare"} <= outcome.computing
    shared(bob, "results of both")

    alice.git("pull", "-q", "origin", "main")
    assert alice.dvc("pull", "-q", "--run-cache", "--allow-missing").status == 0
    outcome = alice.dvc("repro", MLFLOW_TRACKING_URI=team.alice)
    assert (outcome.status, outcome.computing) == (0, set()), outcome.text
    assert "nothing to publish" in outcome.text
    assert set(team.admin.current()) == NAMES
    team.admin.hold_complete()
    by = {run.name: run.made_by for run in team.admin.runs() if run.current}
    assert [by[f"{strategy}/xgboost"] for strategy in STRATEGIES] == ["Alice", "Alice", "Bob"]


def shared(project: Project, message: str) -> None:
    """Everything that a colleague needs: bytes first, then the commit that names them."""
    assert project.dvc("push", "-q", "--run-cache").status == 0
    committed(project, message)
    project.git("push", "-q", "origin", "main")


@pytest.fixture(scope="module")
def bob(
    team: Team, alice: Project, origin: Path, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """Bob's clone, with all that Alice has shared."""
    assert alice.dvc("push", "-q", "--run-cache").status == 0
    alice.git("push", "-q", "origin", "main")
    folder = tmp_path_factory.mktemp("bob") / "project"
    alice.git("clone", "-q", str(origin), str(folder))
    project = with_key(Project(folder, {**as_person("Bob"), STORE: alice.variables[STORE]}), team)
    pulled = project.dvc("pull", "-q", "--run-cache", "--allow-missing")
    assert pulled.status == 0, pulled.text
    return project


def test_a_champion_that_one_promotes_is_used_by_the_other(
    team: Team, alice: Project, bob: Project, tmp_path: Path
) -> None:
    promoted = alice.command("promote", "digits", MLFLOW_TRACKING_URI=team.alice)
    assert (
        promoted.status == 0
        and "is the champion now, counterpoise-digits version 1" in promoted.text
    ), promoted.text
    again = bob.command("promote", "digits", MLFLOW_TRACKING_URI=team.bob)
    assert again.status == 0 and "is the champion already" in again.text, again.text
    raw.digits().to_csv(tmp_path / "new.csv", index=False)
    scored = bob.command(
        "score",
        "digits",
        str(tmp_path / "new.csv"),
        str(tmp_path / "scored.csv"),
        MLFLOW_TRACKING_URI=team.bob,
    )
    assert scored.status == 0, scored.text
    found = pd.read_csv(tmp_path / "scored.csv")
    assert list(found.columns) == ["probability", "decision"] and len(found) == 1797
    eights = raw.digits()["digit"] == 8
    assert found.loc[eights, "probability"].mean() > 5 * found.loc[~eights, "probability"].mean()
    team.admin.hold_complete()


def test_older_work_published_later_takes_nothing_from_newer_work(team: Team, bob: Project) -> None:
    """As if the work of that commit had been done on a train, and published after all else."""
    before = team.admin.current()
    team.admin.remove(lambda run: not run.current)
    bob.git(
        "switch",
        "-q",
        "--detach",
        bob.git("log", "-1", "--format=%H", "--grep=^half as many copies").strip(),
    )
    assert bob.dvc("pull", "-q", "--allow-missing").status == 0
    older = bob.stage("track", "digits", MLFLOW_TRACKING_URI=team.bob)
    assert older.status == 0 and "current are newer results there, made " in older.text, older.text
    assert team.admin.current() == before
    found = sorted(team.admin.runs(), key=lambda run: run.started)
    older_ones = {run.name for run in found if not run.current}
    assert older_ones == {"smote/logistic_regression", "smote/xgboost", "comparison"}
    newest = max(run.started for run in found if not run.current)
    assert all(run.current for run in found if run.started > newest), (
        "listed in the order in which they were made"
    )
    bob.git("switch", "-q", "main")
    assert bob.dvc("checkout", "-q").status == 0
    assert "nothing to publish" in bob.stage("track", "digits", MLFLOW_TRACKING_URI=team.bob).text
    assert team.admin.current() == before


def test_a_dirty_tree_is_said(team: Team, bob: Project) -> None:
    strategy_changed(bob, "random_over", {"ratio": 0.6})
    outcome = bob.dvc("repro", "track@digits", MLFLOW_TRACKING_URI=team.bob)
    assert outcome.status == 0, outcome.text
    (run,) = [run for run in team.admin.runs() if run.name == "random_over/xgboost" and run.current]
    wanted = {
        "mlflow.source.git.dirty": "true",
        "mlflow.source.git.branch": "main",
        "mlflow.user": "Bob",
        "mlflow.source.git.commit": bob.git("rev-parse", "HEAD").strip(),
    }
    assert wanted.items() <= run.tags.items()
    (other,) = [run for run in team.admin.runs() if run.name == "none/xgboost" and run.current]
    assert other.tags["mlflow.source.git.dirty"] == "false"
    bob.git("checkout", "-q", ".")
    assert bob.dvc("checkout", "-q").status == 0


# ----------------------------------------------------------------- killed, stopped, refused


PUBLISHER_WITHOUT_IMPORTS = """
import os, random, signal, sys, time, warnings
warnings.simplefilter("ignore")
import mlflow, pandas, matplotlib.pyplot
from stages import track
from counterpoise.tracking import items, publisher

sys.argv = ["track", "digits"]
store = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
experiment = store.get_experiment_by_name("digits").experiment_id
chance = random.Random(5)

made = track.manifest.read("digits")
results = items.results("digits", made.params)
content = {{name: items.items(results, name) for name in (*made.keys, "comparison")}}
items.items = lambda _, name: content[name]

def begun():
    child = os.fork()
    if child == 0:
        os._exit(track.main())
    return child

def clear():
    for run in store.search_runs([experiment]):
        store.delete_run(run.info.run_id)

clear()
start = time.monotonic()
assert os.waitpid(begun(), 0)[1] == 0
whole = time.monotonic() - start
clear()
killed = halves = 0
while killed < {kills}:
    child = begun()
    time.sleep(chance.uniform(0, 0.9 * whole))
    if os.waitpid(child, os.WNOHANG)[0]:
        clear()
        continue
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    killed += 1
    halves += any(run.info.status == "RUNNING" for run in store.search_runs([experiment]))
print(killed, halves)
"""
"""Publishes again and again, in processes that have all imports and pictures from their parent:
what is left is writing."""


def test_a_publisher_killed_at_random_moments_leaves_each_cell_once(
    team: Team, bob: Project
) -> None:
    """All runs are removed whenever they are complete, so that every kill meets a publisher at
    work."""
    publishing = PUBLISHER_WITHOUT_IMPORTS.format(kills=KILLS)
    done = bob.run(
        sys.executable,
        "-c",
        publishing,
        **as_person("Bob", team.bob),
        COUNTERPOISE_TRACK_STRICT="1",
    )
    assert done.status == 0, done.text
    killed, halves = map(int, done.text.split()[-2:])
    assert killed == KILLS
    assert halves > 0, "no kill left a half-written run, so nothing was tried"
    assert (
        bob.stage(
            "track", "digits", MLFLOW_TRACKING_URI=team.bob, COUNTERPOISE_TRACK_STRICT="1"
        ).status
        == 0
    )
    assert set(team.admin.current()) == NAMES
    assert len(team.admin.runs()) == len(NAMES)
    team.admin.hold_complete()


def test_the_server_stops_in_the_middle_of_a_run_and_nothing_is_lost(
    team: Team, bob: Project
) -> None:
    strategy_changed(bob, "random_over", {"ratio": 0.7})
    outcome = repro_while(bob, team, team.server.stop, at="Running stage 'train@digits")
    assert outcome.status == 0, outcome.text
    assert {"evaluate@digits", "report@digits", "compare"} <= outcome.computing
    assert fitted(outcome) == FITS_PER_STRATEGY
    assert "could not be published" in outcome.text or "are not published" in outcome.text
    assert "the-word-of-bob" not in outcome.text
    strict = bob.dvc("repro", MLFLOW_TRACKING_URI=team.bob, COUNTERPOISE_TRACK_STRICT="1")
    assert (strict.status != 0, strict.computing) == (True, set()), strict.text
    team.server.start()
    again = bob.dvc("repro", MLFLOW_TRACKING_URI=team.bob)
    assert (again.status, again.computing) == (0, set()), again.text
    assert set(team.admin.current()) == NAMES
    team.admin.hold_complete()


def repro_while(project: Project, team: Team, event: Callable[[], None], at: str) -> Outcome:
    """`dvc repro`, and something that happens when it says so."""
    said = []
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "dvc", "repro"],
        cwd=project.folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**project.environment, **as_person("Bob", team.bob)},
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if at in line:
                event()
    return Outcome(process.returncode, "".join(said))
