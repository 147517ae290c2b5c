"""The README is a test: its commands are the ones that CI runs, and each of them works in a fresh clone."""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from stages.paths import REPOSITORY
from tests.project import Project

README = (REPOSITORY / "README.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line
]


def test_the_first_two_commands_are_the_run_and_the_tests() -> None:
    assert COMMANDS[0].endswith("pip install -r requirements.lock && dvc repro track@digits")
    assert COMMANDS[1].endswith("pip install -q -r requirements-dev.lock && pytest")


def test_ci_calls_the_same_test_command_as_the_readme() -> None:
    assert COMMANDS[1] in (REPOSITORY / ".ci" / "run").read_text().splitlines()


def test_no_command_stands_in_the_readme_untested() -> None:
    """Every command of the README is known here; a new one needs a test."""
    known = {
        COMMANDS[0],
        COMMANDS[1],
        "mlflow ui --backend-store-uri sqlite:///mlflow.db",
        "dvc repro",
        "python -m stages.check",
        "dvc add data/mine.csv",
        "dvc metrics diff",
        "dvc plots show",
        "COUNTERPOISE_MIRROR=/path/to/files dvc repro",
        "dvc pull --allow-missing",
        "dvc push",
    }
    assert set(COMMANDS) <= known


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A fresh clone with no mirror, and a proxy at which nothing listens in front of every host."""
    nowhere = "http://127.0.0.1:9"
    return Project.copied(
        tmp_path_factory.mktemp("fresh"), http_proxy=nowhere, https_proxy=nowhere, no_proxy="127.0.0.1"
    )


def test_the_first_command_runs_without_a_network(fresh: Project) -> None:
    """The part after the environment is made; the committed dvc.lock names results that are in no public remote."""
    command = COMMANDS[0].split(" && ")[-1]
    outcome = fresh.run(*shlex.split(command))
    assert outcome.status == 0, outcome.text
    assert (fresh.folder / "reports" / "digits.html").stat().st_size > 10_000
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    cells = len(params["strategies"]) * len(params["models"])
    runs = [
        name for experiment, name, status in fresh.current_runs() if experiment == "digits" and status == "FINISHED"
    ]
    assert len([name for name in runs if name != "comparison"]) == cells
    assert outcome.fits["digits none"][0] == 10 * len(params["models"])


def test_without_a_network_the_message_says_what_to_do(fresh: Project) -> None:
    outcome = fresh.dvc("repro", "fetch@mammography")
    assert outcome.status != 0
    assert "COUNTERPOISE_MIRROR" in outcome.text
    assert "dvc repro track@digits" in outcome.text
    assert "Traceback" not in outcome.text
    assert not list((fresh.folder / "data").rglob("*.part"))


def test_the_ui_opens_on_the_runs(fresh: Project) -> None:
    command = next(c for c in COMMANDS if c.startswith("mlflow ui"))
    program = shutil.which("mlflow", path=str(Path(sys.executable).parent))
    assert program
    server = subprocess.Popen(
        [program, *shlex.split(command)[1:], "--port", "5987", "--workers", "1"], cwd=fresh.folder,
        env=fresh.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if "startup complete" in line or "Listening at" in line:
                break
        request = urllib.request.Request(
            "http://127.0.0.1:5987/api/2.0/mlflow/experiments/search", data=b'{"max_results": 10}',
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            assert b'"digits"' in answer.read()
    finally:
        server.terminate()
        server.wait(timeout=30)
    with sqlite3.connect(f"file:{fresh.folder / 'mlflow.db'}?mode=ro", uri=True) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone()[0] > 0


def test_check_passes_on_what_is_committed(fresh: Project) -> None:
    outcome = fresh.stage("check")
    assert outcome.status == 0, outcome.text
    assert "all is well" in outcome.text
