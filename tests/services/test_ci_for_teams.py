"""The example workflow for CI: its steps run on real clones with a real remote, and the page about
teams says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from counterpoise.core import yaml12
from counterpoise.core.paths import REPOSITORY
from tests.helpers.project import Outcome, Project
from tests.helpers.shared_results import (
    ALL,
    FITS,
    colleague,
    computed,
    fitted,
    owner,
    ran,
    shared_store,
)

CI = REPOSITORY / "docs" / "ci"
TEAM = (REPOSITORY / "docs" / "team.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", TEAM, re.DOTALL)
    for line in block.splitlines()
    if line
]
STEPS = ["pull", "check", "repro", "push", "comment"]


def step(project: Project, *arguments: str) -> Outcome:
    return project.run("bash", str(CI / "steps.sh"), *arguments)


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Somebody whose results of main are pushed, and who has changed a strategy on a branch without
    running anything."""
    folder = tmp_path_factory.mktemp("ci")
    results = computed(tmp_path_factory)
    project = owner(results, folder / "author", **shared_store(results, folder / "store"))
    ran(project, "remote", "add", "-d", "team", str(folder / "remote"))
    ran(project, "remote", "modify", "team", "verify", "true")
    project.git("commit", "-qam", "the team's remote")
    ran(project, "push", "--run-cache")
    project.git("checkout", "-qb", "half")
    params = project.params
    params["strategies"]["random_over"]["ratio"] = 0.5
    project.params = params
    project.git("commit", "-qam", "random_over at a half")
    return project


def test_ci_runs_what_changed_and_its_results_are_the_authors(
    author: Project, tmp_path: Path
) -> None:
    machine = colleague(author, tmp_path / "machine", **author.variables)
    assert step(machine, "pull").status == 0
    assert step(machine, "check").status == 0
    outcome = step(machine, "repro", *ALL)
    assert outcome.status == 0, outcome.text
    assert outcome.computing >= {"evaluate@digits", "report@digits", "compare"}
    assert not outcome.computing & {"fetch@digits", "audit@digits"}
    assert fitted(outcome) == FITS / 3
    assert step(machine, "push").status == 0

    written = step(machine, "comment", "origin/main", "comment.md")
    assert written.status == 0, written.text
    comment = (machine.folder / "comment.md").read_text()
    assert "No metric differs from" in comment, "the best combination is another strategy's"
    assert re.search(
        r"^Run here: `check` `split@digits` `resample@digits` `train@digits` `evaluate@digits`"
        r" `advise@digits` `report@digits`",
        comment,
        re.M,
    )
    assert "`dvc.lock` and `reports/` of this branch are not up to date." in comment

    # the author computes no cell, commits, and CI has nothing left to do or to say
    taken = author.dvc("repro", "--pull", *ALL)
    assert taken.status == 0, taken.text
    assert taken.computing == {"compare"}
    author.git("commit", "-qam", "results")
    ran(author, "push", "--run-cache")
    again = colleague(author, tmp_path / "again")
    assert step(again, "pull").status == 0
    assert step(again, "repro", *ALL).stages == []
    step(again, "comment", "origin/half", "comment.md")
    comment = (again.folder / "comment.md").read_text()
    assert "No metric differs from" in comment
    assert "Run here: nothing" in comment
    assert "not up to date" not in comment


def test_ci_goes_on_where_the_remote_is_out_of_reach(author: Project, tmp_path: Path) -> None:
    """As for a pull request from a fork, which gets no secrets."""
    machine = colleague(author, tmp_path / "machine")
    ran(machine, "remote", "modify", "team", "url", "ssh://127.0.0.1:9/nobody/listens")
    pulled = step(machine, "pull")
    assert pulled.status == 0
    assert "::warning::the remote is out of reach" in pulled.text
    outcome = step(machine, "repro", "fetch@digits")
    assert outcome.status == 0
    assert outcome.computing - {"code", "check"} == {"fetch@digits"}
    assert "nothing was pushed" in step(machine, "push").text


def test_ci_stops_at_a_mistake_and_a_failed_run(author: Project, tmp_path: Path) -> None:
    machine = colleague(author, tmp_path / "machine")
    machine.params = {**machine.params, "strategies": {"no_such_sampler": {}}}
    assert step(machine, "check").status != 0
    assert step(machine, "repro", "no_such_stage").status != 0
    assert step(machine, "no-such-step").status == 2


def test_the_workflow_calls_nothing_but_these_steps() -> None:
    text = (CI / "counterpoise.yml").read_text()
    job = yaml12.load(text)["jobs"]["results"]
    scripts = [one["run"] for one in job["steps"] if "run" in one]
    assert [
        re.match(r"bash docs/ci/steps.sh (\w+)", one)[1] for one in scripts if "steps.sh" in one
    ] == STEPS
    others = [line.strip() for one in scripts if "steps.sh" not in one for line in one.splitlines()]
    assert [line.split()[0] for line in others] == ["pip", "(umask", "dvc", "git", "gh"]
    assert others[0] == "pip install -r requirements-team.lock"
    assert (REPOSITORY / "requirements-team.lock").is_file()
    checkout = job["steps"][0]
    assert checkout["with"]["fetch-depth"] == 0
    secrets = re.findall(r"^\s+(\w+): .*\$\{\{ secrets\.", text, re.MULTILINE)
    credentials = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SSH_KEY"}
    assert set(secrets) == {*credentials, "COUNTERPOISE_STORE", "MLFLOW_TRACKING_URI"}
    assert "secrets." not in "".join(scripts), (
        "a secret goes through the environment, never into a command"
    )


def test_the_commands_of_the_page_are_those_that_the_tests_run() -> None:
    """Each is a pattern of what a test runs, with that test's addresses; a new one needs a test."""
    own = "dvc remote modify --local team"
    known = {
        # test_remotes
        "dvc remote add -d team ssh://storage.example.org/srv/counterpoise",
        "dvc remote modify team verify true",
        'git commit -am "The team\'s remote"',
        "dvc push --run-cache",
        "dvc pull --run-cache --allow-missing",
        f"{own} user alice",
        f"{own} keyfile ~/.ssh/id_ed25519",
        f"{own} access_key_id KEY",
        f"{own} secret_access_key SECRET",
        "dvc remote add -d team s3://bucket/counterpoise",
        "dvc remote modify team endpointurl https://s3.example.org",
        "dvc remote add -d team /srv/counterpoise",
        (
            "mkdir -p /srv/counterpoise && chgrp team /srv/counterpoise && chmod 2775"
            " /srv/counterpoise"
        ),
        "dvc remote modify team shared group",
        f"{own} url ssh://127.0.0.1:2222/srv/counterpoise",
        (
            "ssh -N -L 2222:127.0.0.1:22 -o StrictHostKeyChecking=yes -o ExitOnForwardFailure=yes"
            " alice@storage.example.org"
        ),
        "rm -r data/splits/digits.parquet",
        'cd "$(dvc cache dir)/files/md5"',
        (
            r"find . -type f | sed -E 's|^\./(..)/(.{30})(\.dir)?$|\1\2  \1/\2\3|' | md5sum --check"
            r" --quiet"
        ),
        # test_merge
        "rm dvc.lock",
        "dvc repro --pull",
        "git add dvc.lock reports",
        "git commit",
        "export COUNTERPOISE_STORE=/srv/counterpoise-store",
        "dvc exp run -S strategies.random_over.ratio=0.5 -n half",
        "dvc exp push origin half",
        "dvc exp list origin",
        "dvc exp pull origin half",
        "dvc exp apply half",
        # test_server and test_team
        "createuser --pwprompt mlflow && createdb --owner mlflow mlflow",
        "deploy/server.sh start",
        "cp deploy/server.env.example deploy/server.env && chmod 600 deploy/server.env",
        "deploy/server.sh user alice",
        "export MLFLOW_TRACKING_URI=https://mlflow.example.org:5000",
        "export MLFLOW_TRACKING_USERNAME=alice MLFLOW_TRACKING_PASSWORD=...",
        "dvc repro",
        "deploy/server.sh backup backups/2026-11-24",
        "deploy/server.sh restore backups/2026-11-24",
        "deploy/server.sh backup backups/before-the-upgrade && deploy/server.sh upgrade",
        # here
        "bash docs/ci/steps.sh comment origin/main comment.md",
    }
    assert set(COMMANDS) <= known


def test_what_the_page_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", TEAM):
        assert (REPOSITORY / "docs" / target).exists(), target
