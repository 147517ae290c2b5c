"""The README is a test: its commands are the ones that CI runs, and each of them works in a fresh
clone."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from counterpoise.core import config, files, yaml12
from counterpoise.core.paths import REPOSITORY
from counterpoise.data.reading import files as raw
from counterpoise.models.combinations import cells
from tests.helpers.project import Project
from tests.pipeline.test_pipeline import own_table

README = (REPOSITORY / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line
]


RUN, TESTS = COMMANDS[0], COMMANDS[-1]


def test_the_first_command_is_the_run_and_the_last_one_the_tests() -> None:
    assert RUN.endswith("pip install -r requirements.lock && dvc repro track@digits")
    assert TESTS.endswith("pip install -q -r requirements-dev.lock && pytest")


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 120


def test_ci_calls_the_same_test_command_as_the_readme() -> None:
    assert TESTS in (REPOSITORY / ".ci" / "run").read_text().splitlines()


def test_no_command_stands_in_the_readme_untested() -> None:
    """Every command of the README is known here; a new one needs a test."""
    known = {
        RUN,
        TESTS,
        "mlflow ui --backend-store-uri sqlite:///mlflow.db",
        "python -m counterpoise add data/mine.csv --target churned",
        "dvc repro track@mine",
        "COUNTERPOISE_MIRROR=/path/to/files dvc repro",
        # tests/services/test_remotes.py, test_team.py and tests/pipeline/test_merge.py
        "export COUNTERPOISE_STORE=/srv/counterpoise-store",
        "dvc push --run-cache",
        "dvc pull --run-cache --allow-missing",
        "dvc repro --pull",
        # below, and tests/champion/test_scoring.py
        "python -m counterpoise promote digits",
        "python -m counterpoise score digits new.csv scored.csv",
        "mlflow models serve -m models:/counterpoise-digits@champion --env-manager local",
    }
    assert set(COMMANDS) <= known


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A fresh clone with no mirror, and a proxy at which nothing listens in front of every host."""
    nowhere = "http://127.0.0.1:9"
    return Project.copied(
        tmp_path_factory.mktemp("fresh"),
        http_proxy=nowhere,
        https_proxy=nowhere,
        no_proxy="127.0.0.1",
    )


def test_the_first_command_runs_without_a_network(fresh: Project) -> None:
    """The part after the environment is made; the committed dvc.lock names results that are in no
    public remote."""
    command = RUN.split(" && ")[-1]
    outcome = fresh.run(*shlex.split(command))
    assert outcome.status == 0, outcome.text
    assert (fresh.folder / "reports" / "digits.html").stat().st_size > 10_000
    params = config.load(REPOSITORY / "params.yaml")
    runs = [
        name
        for experiment, name, status in fresh.current_runs()
        if experiment == "digits" and status == "FINISHED"
    ]
    assert len([name for name in runs if name != "comparison"]) == len(cells(params))
    split = params.split_of("digits")
    # a fold in which tomek_links removes nothing has the same inputs as the baseline, and is
    # fitted once
    fitted, kept = outcome.fits["digits"]
    assert fitted + kept == split.folds * split.repeats * len(cells(params))
    assert fitted > kept


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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search",
        data=b'{"max_results": 10}',
        headers={"Content-Type": "application/json"},
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    server = subprocess.Popen(
        [program, *shlex.split(command)[1:], "--port", str(port), "--workers", "1"],
        cwd=fresh.folder,
        env=fresh.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            try:
                with direct.open(request, timeout=60) as answer:
                    assert b'"digits"' in answer.read()
                break
            except urllib.error.URLError:
                assert server.poll() is None, "the server has ended"
                time.sleep(0.2)
        else:
            pytest.fail("the server did not answer within a minute")
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_the_champion_of_the_first_command_scores_a_file(fresh: Project) -> None:
    raw.digits().to_csv(fresh.folder / "new.csv", index=False)
    for command in COMMANDS:
        if command.startswith(("python -m counterpoise promote", "python -m counterpoise score")):
            outcome = fresh.run(*shlex.split(command))
            assert outcome.status == 0, outcome.text
    scored = files.read_csv(fresh.folder / "scored.csv")
    assert list(scored.columns) == ["probability", "decision"]
    assert (scored["decision"] == (raw.digits()["digit"] == 8)).mean() > 0.95


def test_check_passes_on_what_is_committed(fresh: Project) -> None:
    outcome = fresh.command("check")
    assert outcome.status == 0, outcome.text
    assert "params.yaml: OK, 4 datasets x 66 combinations" in outcome.text


def test_the_readmes_table_shows_the_committed_results() -> None:
    from docs.make_figures import END, START, table

    reports = REPOSITORY / "reports"
    shown = README.partition(START)[2].partition(END)[0].strip()
    assert shown == table(
        files.read_csv(reports / "leaderboard.csv"), files.read_csv(reports / "decisions.csv")
    )
    assert (REPOSITORY / "docs" / "mammography.png").stat().st_size > 10_000


def test_the_committed_results_come_from_the_committed_parameters() -> None:
    """Every cell that params.yaml names is in the committed leaderboard, and dvc.lock knows every
    stage."""
    params = config.load(REPOSITORY / "params.yaml")
    board = files.read_csv(REPOSITORY / "reports" / "leaderboard.csv")
    found = list(board[["dataset", "strategy", "model"]].itertuples(index=False, name=None))
    assert found == [(dataset, *cell) for dataset in params.datasets for cell in cells(params)]
    locked = yaml12.load((REPOSITORY / "dvc.lock").read_text())["stages"]
    wanted = {"check", "compare"}
    for dataset in params.datasets:
        names = (
            "fetch",
            "split",
            "audit",
            "resample",
            "train",
            "evaluate",
            "advise",
            "report",
            "track",
        )
        wanted |= {f"{stage}@{dataset}" for stage in names}
    assert set(locked) == wanted
    by_name = {
        entry["path"]: entry["md5"]
        for entry in locked["compare"]["outs"]
        if entry["path"].endswith((".csv", ".json"))
    }
    assert len(by_name) == 2
    import hashlib

    metrics = {path.stem for path in (REPOSITORY / "reports" / "metrics").iterdir()}
    assert metrics == set(params.datasets)

    for path, md5 in by_name.items():
        assert hashlib.md5((REPOSITORY / path).read_bytes()).hexdigest() == md5, path


def test_a_table_of_ones_own_takes_two_commands(fresh: Project) -> None:
    add = next(command for command in COMMANDS if " add " in command)
    own_table(400).to_csv(fresh.folder / "data" / "mine.csv", index=False)
    outcome = fresh.run(sys.executable, *shlex.split(add)[1:], "--yes")
    assert outcome.status == 0, outcome.text
    entry = yaml12.load((fresh.folder / "params.yaml").read_text())["datasets"]["mine"]
    assert (entry["target"], entry["positive"]) == ("churned", "yes")
    outcome = fresh.dvc("repro", "audit@mine")
    assert outcome.status == 0, outcome.text
