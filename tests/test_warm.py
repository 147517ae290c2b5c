"""Stages forked from a process that has their libraries: they do what they do alone, and nothing of it stays behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages import warm
from stages.paths import REPOSITORY
from tests.project import Project

STAYS = "3"
"""Seconds: the process is gone soon after a test."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project.copied(tmp_path_factory.mktemp("warm"), COUNTERPOISE_WARM=STAYS, LOKY_MAX_CPU_COUNT="2")
    split = {"scheme": "stratified_kfold", "folds": 3, "repeats": 1}
    made.params = {
        "seed": 1, "datasets": {"digits": {**made.params["datasets"]["digits"], "split": split}},
        "strategies": {"none": {}, "smote": {}}, "models": {"logistic_regression": {}, "xgboost": {}}, "split": split,
        "thresholds": made.params["thresholds"], "costs": made.params["costs"],
    }  # fmt: skip
    return made


def processes(folder: Path) -> dict[int, int]:
    """Those that wait for stages of a project and all that they have forked, each with its parent."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().split(b"\0")
            if b"stages.forkserver" in command and (path / "cwd").resolve() == folder.resolve():
                found[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
    return found


def servers(folder: Path) -> list[int]:
    """The processes that wait for stages."""
    found = processes(folder)
    return [process for process, parent in found.items() if parent not in found]


def at_work(folder: Path) -> list[int]:
    """The processes of stages and what they have forked."""
    found = processes(folder)
    return [process for process, parent in found.items() if parent in found]


def until(true: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def test_results_are_the_same_bytes_and_texts_as_of_stages_that_run_alone(project: Project) -> None:
    calls = [("fetch", "digits"), ("split", "digits"), ("costs", "digits"), ("defects", "digits"),
             ("resample", "digits", "smote"), ("train", "digits", "smote")]  # fmt: skip
    made = []
    for seconds in (STAYS, "0"):
        texts = [project.stage("warm", *call, COUNTERPOISE_WARM=seconds) for call in calls]
        assert [text.status for text in texts] == [0] * len(calls), [text.text for text in texts]
        if seconds == STAYS:
            assert len(servers(project.folder)) == 1
        content = {
            path.relative_to(project.folder): path.read_bytes()
            for path in sorted((project.folder / "data").rglob("*"))
            if path.is_file() and not path.is_relative_to(project.folder / "data" / "measured")
            and not path.is_relative_to(project.folder / "data" / "store")
        }  # fmt: skip
        made.append((content, [re.sub(r"\d+ fits.*|.*it/s.*|.*fold.*", "", text.text) for text in texts]))
        project.run("rm", "-rf", "data/store", "data/scores", "data/resampled")
    assert made[0] == made[1]


def test_a_stage_that_fails_says_so_on_its_own_streams_with_its_own_exit_status(project: Project) -> None:
    command = [sys.executable, "-m", "stages.warm", "fetch", "no_such_dataset"]
    done = subprocess.run(
        command, cwd=project.folder, env=project.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "no_such_dataset" in done.stderr
    assert "Traceback" not in done.stderr
    wrong = subprocess.run([*command[:-2], "--wrong"], cwd=project.folder, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "there is no stage '--wrong'" in wrong.stderr


@pytest.mark.parametrize("change", ["source", "environment", "limit"])
def test_what_a_stage_would_inherit_has_a_process_of_its_own(change: str, project: Project) -> None:
    project.stage("warm", "costs", "digits")
    before = set(servers(project.folder))
    if change == "source":
        path = project.folder / "stages" / "costs.py"
        path.write_text(path.read_text().replace("    main", "    print('changed')\n    main").replace(
            'print(f"', 'print(f"now: '))  # fmt: skip
        text = project.stage("warm", "costs", "digits").text
        assert "now: digits" in text
    elif change == "environment":
        project.stage("warm", "costs", "digits", LANG="C")
    else:
        project.run("sh", "-c", f"ulimit -n 512; {sys.executable} -m stages.warm costs digits")
    assert set(servers(project.folder)) - before


def slow(project: Project) -> subprocess.Popen[str]:
    """A stage that takes long, and is at it."""
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    params["models"] = {"xgboost": {"params": {"n_estimators": 200_000}}}
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params))
    for call in (("fetch", "digits"), ("split", "digits"), ("costs", "digits"), ("resample", "digits", "none")):
        assert project.stage("warm", *call).status == 0
    command = [sys.executable, "-m", "stages.warm", "train", "digits", "none"]
    return subprocess.Popen(
        command,
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_who_waits_ends_the_stage_and_all_that_it_has_forked(number: int, project: Project) -> None:
    process = slow(project)
    try:
        assert until(lambda: len(at_work(project.folder)) == 3)  # the stage and two that fit
        process.send_signal(number)
        text, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert until(lambda: not at_work(project.folder))
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    if number == signal.SIGINT:
        assert "Interrupted" in text


def test_the_process_ends_by_itself_when_nobody_asks(project: Project) -> None:
    project.stage("warm", "costs", "digits")
    assert servers(project.folder)
    assert until(lambda: not servers(project.folder))


def test_what_mostly_has_nothing_to_do_starts_no_process_and_what_runs_first_does_not_wait_for_it(
    tmp_path: Path,
) -> None:
    environment = {**os.environ, "COUNTERPOISE_WARM": STAYS, "PYTHONPATH": str(REPOSITORY)}
    for stage, starts in (("track", False), ("code", True)):
        folder = tmp_path / stage
        folder.mkdir()
        subprocess.run([sys.executable, "-m", "stages.warm", stage, "--help"], cwd=folder, env=environment, check=True,
                       stdout=subprocess.PIPE)  # fmt: skip
        assert bool(until(lambda here=folder: servers(here), 5 if starts else 0.5)) == starts


def test_a_socket_of_another_user_is_not_talked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    name = f"counterpoise-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{name}")
        listening.listen()
        mine = warm.connected(name)
        assert mine is not None
        mine.close()
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        assert warm.connected(name) is None
