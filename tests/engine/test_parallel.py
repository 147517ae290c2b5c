"""Jobs side by side: results do not depend on who made them, and a process that is killed takes
nothing with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from counterpoise.core import paths
from counterpoise.core.paths import REPOSITORY
from counterpoise.engine import parallel
from counterpoise.engine.parallel import Killed, scratch, side_by_side

# The functions that workers run are functions of a module, since workers get them by name.


def square(job: int) -> tuple[int, int]:
    return job * job, os.getpid()


def fail(job: int) -> int:
    if job == 3:
        raise LookupError(f"nothing at {job}")
    return job


def killed_once(job: tuple[int, Path]) -> int:
    number, flag = job
    if number == 3 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def killed_twice(job: int) -> int:
    if job in (0, 5):
        os.kill(os.getpid(), signal.SIGKILL)
    return job


def slow_beside_deadly(job: tuple[str, Path]) -> tuple[str, int]:
    """Each start of a job is a line in a file of its name; one job kills its process while another
    is at work."""
    name, folder = job
    with (folder / name).open("a") as file:
        file.write("started\n")
    if name == "deadly":
        while not (folder / "slow").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "slow" and len((folder / name).read_text().splitlines()) == 1:
        time.sleep(60)  # ended by joblib when the other process is killed
    return name, os.getpid()


def kind_of_array(job: np.ndarray) -> tuple[bool, bool, float]:
    return isinstance(job, np.memmap), job.flags.writeable, float(job.sum())


def behind_a_gate(job: tuple[int, Path]) -> int:
    """The first job is done at once, the others when there is a file."""
    number, gate = job
    while number and not gate.exists():
        time.sleep(0.01)
    return number


def begin_and_end(_: int) -> tuple[float, float]:
    begin = time.monotonic()
    time.sleep(0.05)
    return begin, time.monotonic()


@pytest.fixture(autouse=True)
def two_cores(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "cores", lambda: 2)


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_each_job_is_done_once_and_comes_with_its_result(
    cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "cores", lambda: cores)
    done = list(side_by_side(square, range(17)))
    assert sorted(job for job, _ in done) == list(range(17))
    assert all(result[0] == job * job for job, result in done)
    assert os.getpid() not in {result[1] for _, result in done}
    assert len({result[1] for _, result in done}) <= max(cores, 2)


def test_jobs_that_have_no_room_beside_each_other_are_done_one_after_the_other() -> None:
    times = sorted(result for _, result in side_by_side(begin_and_end, range(8), alone=True))
    assert all(end <= begin for (_, end), (begin, _) in pairwise(times))


def test_no_job_is_no_work() -> None:
    assert list(side_by_side(square, [])) == []


def test_jobs_are_drawn_shortly_before_a_worker_is_free(tmp_path: Path) -> None:
    requested, gate = [], tmp_path / "gate"

    def jobs() -> Iterator[tuple[int, Path]]:
        for job in range(30):
            requested.append(job)
            yield job, gate

    done = side_by_side(behind_a_gate, jobs())
    next(done)
    begun = len(requested)
    gate.touch()
    assert len(list(done)) == 29
    assert begun < 10, "the first, one for each worker, and the few that wait for one"
    assert requested == list(range(30))


def test_what_a_job_raises_is_raised_here() -> None:
    with pytest.raises(LookupError, match="nothing at 3"):
        list(side_by_side(fail, range(6)))


def test_a_job_whose_process_was_killed_is_done_again_and_the_others_go_on(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    done = {
        job[0]: result for job, result in side_by_side(killed_once, [(k, flag) for k in range(12)])
    }
    assert flag.exists()
    assert done == {k: k for k in range(12)}


def test_a_job_that_is_killed_twice_has_its_reason_and_the_others_go_on() -> None:
    done = dict(side_by_side(killed_twice, range(12)))
    assert {job for job, result in done.items() if isinstance(result, Killed)} == {0, 5}
    assert {job: result for job, result in done.items() if job not in (0, 5)} == {
        job: job for job in range(12) if job not in (0, 5)
    }
    assert isinstance(done[0], Killed)
    assert "SIGKILL" in done[0].reason
    assert "memory" in done[0].reason


def test_what_was_under_way_beside_a_killed_job_is_done_again_with_nothing_beside_it(
    tmp_path: Path,
) -> None:
    done = {
        job[0]: result
        for job, result in side_by_side(
            slow_beside_deadly, [("deadly", tmp_path), ("slow", tmp_path), ("later", tmp_path)]
        )
    }
    assert isinstance(done["deadly"], Killed)
    assert done["slow"][0] == "slow"
    assert done["later"][0] == "later"
    starts = {name: len((tmp_path / name).read_text().splitlines()) for name in done}
    assert starts["deadly"] == starts["slow"] == 2


def test_large_arrays_reach_workers_as_memory_maps_and_small_ones_as_copies() -> None:
    large, small = np.ones(parallel.MAPPED_BYTES // 8 + 1), np.ones(100)
    found = {len(job): result for job, result in side_by_side(kind_of_array, [large, small])}
    assert found[len(large)] == (True, False, len(large))
    assert found[len(small)] == (False, True, 100)
    assert list(paths.SCRATCH.iterdir()) == []


def test_scratch_folders_of_killed_processes_are_removed_and_those_of_others_stay() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, used = paths.SCRATCH / f"{ended.pid}-abc", paths.SCRATCH / f"{os.getppid()}-abc"
    for folder in (left, used):
        folder.mkdir(parents=True)
        (folder / "table").write_text("x")
    with scratch() as mine:
        assert mine.is_dir()
        assert not left.exists()
        assert (used / "table").is_file()
    assert not mine.exists()


PROGRAM = """
import os, pathlib, sys, time
import stages
from counterpoise.engine import parallel
from counterpoise.core.errors import guarded
from tests.engine.test_parallel import wait_a_minute

parallel.cores = lambda: 2

def main():
    for _ in parallel.side_by_side(wait_a_minute, [pathlib.Path(name) for name in sys.argv[1:]]):
        pass

raise SystemExit(guarded(main)())
"""


def wait_a_minute(started: Path) -> None:
    started.touch()
    time.sleep(60)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process, in a group of its own, of which two workers are at work."""
    names = [tmp_path / "one", tmp_path / "two"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, names)],
        cwd=tmp_path,
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until = time.monotonic() + 60
    while not all(name.exists() for name in names):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def group(leader: int) -> list[psutil.Process]:
    """The living processes of a group that are not its leader."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                os.getpgid(process.pid) == leader != process.pid
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except (ProcessLookupError, psutil.Error):
            continue
    return found


def on_a_quiet_machine(seconds: float) -> float:
    """As many times more as there are processes for a core."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def seconds_until_gone(leader: int, at_most: float) -> float:
    start = time.monotonic()
    while group(leader) and time.monotonic() - start < at_most:
        time.sleep(0.02)
    return time.monotonic() - start


def test_workers_end_with_their_parent_when_it_is_killed(program: subprocess.Popen[str]) -> None:
    assert len(group(program.pid)) >= 2
    program.kill()
    assert seconds_until_gone(program.pid, 30) < on_a_quiet_machine(2), group(program.pid)


@pytest.mark.parametrize("whole_group", [True, False])
def test_an_interrupt_ends_in_one_line(program: subprocess.Popen[str], whole_group: bool) -> None:
    start = time.monotonic()
    if whole_group:
        os.killpg(program.pid, signal.SIGINT)
    else:
        program.send_signal(signal.SIGINT)
    assert program.wait(timeout=60) == 130
    assert time.monotonic() - start < on_a_quiet_machine(3)
    text, _ = program.communicate(timeout=60)
    assert text.strip().splitlines() == [
        "Interrupted. What was finished is kept; run the same command to go on."
    ]
    assert seconds_until_gone(program.pid, 30) < on_a_quiet_machine(2), group(program.pid)
