"""Two people change different strategies: a conflict in dvc.lock is resolved by DVC, and no model
is fitted again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from counterpoise.core.paths import REPOSITORY
from tests.helpers.project import Project
from tests.helpers.shared_results import ALL, FITS, computed, fitted, owner, ran, shared_store

TEAM = (REPOSITORY / "docs" / "team.md").read_text()


def change(
    base: Project, folder: Path, branch: str, strategy: str, variables: dict[str, str]
) -> Project:
    """A person's clone on a branch of its own, with one strategy changed, computed and pushed."""
    project = owner(base, folder, **variables)
    project.git("checkout", "-qb", branch)
    params = project.params
    params["strategies"][strategy]["ratio"] = 0.5
    project.params = params
    assert fitted(project.repro(*ALL)) == FITS / 3
    project.git("commit", "-qam", f"{strategy} at a half")
    ran(project, "push", "--run-cache")
    return project


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Project]:
    """Alice, who changed one strategy, and Bob, who changed another; both know the other's
    branch."""
    folder = tmp_path_factory.mktemp("people")
    results = computed(tmp_path_factory)
    variables = shared_store(results, folder / "store")
    base = owner(results, folder / "base")
    ran(base, "remote", "add", "-d", "team", str(folder / "remote"))
    ran(base, "remote", "modify", "team", "verify", "true")
    base.git("commit", "-qam", "the team's remote")
    alice = change(base, folder / "alice", "alice", "random_under", variables)
    bob = change(base, folder / "bob", "bob", "random_over", variables)
    alice.git("fetch", "-q", str(bob.folder), "bob:bob")
    bob.git("fetch", "-q", str(alice.folder), "alice:alice")
    return alice, bob


def test_without_dvc_lock_a_merge_takes_results_from_the_run_cache_and_fits_nothing(
    people: tuple[Project, Project],
) -> None:
    alice, bob = people
    assert alice.run("git", "merge", "bob").status != 0
    in_conflict = set(alice.git("diff", "--name-only", "--diff-filter=U").split())
    names = ("leaderboard.csv", "decisions.csv", "metrics/digits.json")
    reports = {f"reports/{name}" for name in names}
    assert {"dvc.lock"} <= in_conflict <= {"dvc.lock", *reports}
    refused = alice.dvc("repro", *ALL)
    assert refused.status != 0
    assert "'./dvc.lock' is invalid" in refused.text
    assert "`'./dvc.lock' is invalid`" in TEAM

    (alice.folder / "dvc.lock").unlink()
    outcome = alice.dvc("repro", "--pull", *ALL)
    assert outcome.status == 0, outcome.text
    assert fitted(outcome) == 0, outcome.text
    assert {"evaluate@digits", "report@digits", "compare"} <= outcome.computing
    assert not {"fetch@digits", "audit@digits"} & outcome.computing
    assert not [path for path in reports if "<<<<<<<" in (alice.folder / path).read_text()]
    assert alice.repro(*ALL).stages == []
    alice.git("add", "dvc.lock", "reports")
    alice.git("commit", "-qm", "both")
    assert alice.git("status", "--porcelain") == ""
    ran(alice, "push", "--run-cache")

    bob.git("pull", "-q", str(alice.folder), "alice")
    ran(bob, "pull", "--run-cache", "--allow-missing")
    assert bob.repro(*ALL).stages == []
    assert bob.command("same", str(alice.folder / "reports"), "reports").status == 0


@pytest.mark.parametrize("content", ["", "<<<<<<< HEAD\nschema: '2.0'\n"])
def test_a_damaged_dvc_lock_is_made_again_without_running_what_was_run(
    people: tuple[Project, Project], tmp_path: Path, content: str
) -> None:
    project = owner(people[0], tmp_path / "project")
    lock = project.folder / "dvc.lock"
    lock.write_text(content)
    refused = project.dvc("repro", *ALL)
    assert refused.status != 0
    message = "'./dvc.lock' is invalid" if content else "'./dvc.lock' validation failed"
    assert message in refused.text
    assert f"`{message}`" in TEAM
    lock.unlink()
    outcome = project.repro(*ALL)
    assert outcome.computing <= {"check", "compare"}, outcome.text
    assert project.git("status", "--porcelain").strip() in ("", "M dvc.lock"), (
        "at most the sum of a page with its date"
    )


def test_an_experiment_goes_to_a_colleague_with_its_results(
    people: tuple[Project, Project], tmp_path: Path
) -> None:
    """Through a bare git repository and the DVC remote."""
    alice, _ = people
    subprocess.run(
        ["git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "origin")], check=True
    )
    alice.git("remote", "add", "origin", str(tmp_path / "origin"))
    alice.git("push", "-q", "origin", "alice:main")
    clone = Project(tmp_path / "b")
    alice.git("clone", "-q", str(tmp_path / "origin"), str(clone.folder))

    ran(alice, "exp", "run", "-q", "-S", "thresholds.tuned=mcc", "-n", "mcc", *ALL)
    wanted = json.loads((alice.folder / "reports" / "metrics" / "digits.json").read_text())
    ran(alice, "exp", "push", "origin", "mcc")

    assert "mcc" in ran(clone, "exp", "list", "origin")
    ran(clone, "exp", "pull", "origin", "mcc")
    ran(clone, "exp", "apply", "mcc")
    assert clone.params["thresholds"]["tuned"] == "mcc"
    assert json.loads((clone.folder / "reports" / "metrics" / "digits.json").read_text()) == wanted
    ran(clone, "pull", "--allow-missing")
    assert clone.repro(*ALL).stages == []
