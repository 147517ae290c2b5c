"""Work side by side: results do not depend on who did them or when, and a process that is killed takes nothing with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Hashable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import pool
from stages.paths import REPOSITORY
from stages.pool import Killed, Pool, side_by_side


@pytest.mark.parametrize("many", [1, 2, 5])
def test_each_job_is_done_once_whatever_the_number_of_cores(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: many)
    jobs = [f"job {k}" for k in range(17)]
    done = dict(side_by_side(lambda job: (job.upper(), os.getpid()), jobs, kind=len))
    assert {job: text for job, (text, _) in done.items()} == {job: job.upper() for job in jobs}
    assert len({process for _, process in done.values()} - {os.getpid()}) == many


def test_no_job_is_no_work() -> None:
    assert list(side_by_side(str, [], kind=str)) == []


def test_what_this_process_has_read_is_there_without_being_sent() -> None:
    read = np.arange(1_000_000)
    unsendable = (k for k in [3])  # a generator cannot be pickled
    done = list(side_by_side(lambda job: (int(read[job[0]]), next(job[1])), [(7, unsendable)], kind=lambda job: 0))
    assert [result for _, result in done] == [(7, 3)]


def test_what_a_job_raises_is_raised_here_and_no_process_is_left() -> None:
    def fail(job: int) -> int:
        raise LookupError(f"nothing at {job}")

    before = children()
    with pytest.raises(LookupError, match="nothing at 0"):
        list(side_by_side(fail, [0], kind=str))
    assert children() == before


def test_a_job_whose_process_is_killed_is_done_again_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 2)

    def once(job: int) -> int:
        if job == 3 and not (tmp_path / "seen").exists():
            (tmp_path / "seen").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return job * job

    assert dict(side_by_side(once, range(8), kind=str)) == {job: job * job for job in range(8)}
    assert (tmp_path / "seen").exists()


def test_a_job_that_is_killed_again_says_so_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 2)

    def deadly(job: int) -> int:
        if job in (0, 5):
            os.kill(os.getpid(), signal.SIGKILL)
        return job

    done = dict(side_by_side(deadly, range(8), kind=str))
    assert {job for job, result in done.items() if isinstance(result, Killed)} == {0, 5}
    assert all(done[job] == job for job in range(8) if job not in (0, 5))
    assert "SIGKILL" in done[0].reason
    assert "memory" in done[0].reason


def test_a_job_that_is_no_longer_wanted_when_it_would_begin_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 1)
    with Pool(str, range(6)) as some:
        seen: set[int] = set()
        for job, _ in some.done(dict.fromkeys(range(6)), lambda job: 3 not in seen):
            seen.add(job)
    assert seen == {0, 1, 2, 3}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.1, 10)), min_size=1, max_size=30))
def test_the_longest_kind_begins_first_once_one_of_each_has_shown_how_long_it_takes(
    jobs: list[tuple[str, float]],
) -> None:
    lasts = {kind: seconds for kind, seconds in jobs}  # noqa: C416 - the last of each kind counts
    seconds: dict[Hashable, float] = {}
    begun = []
    for position in pool._LongestFirst(dict(enumerate(kind for kind, _ in jobs)), seconds):
        begun.append(position)
        seconds[jobs[position][0]] = lasts[jobs[position][0]]
    assert sorted(begun) == list(range(len(jobs)))
    first = [jobs[position][0] for position in begun[: len(lasts)]]
    assert sorted(first) == sorted(lasts)
    rest = [lasts[jobs[position][0]] for position in begun[len(lasts) :]]
    assert rest == sorted(rest, reverse=True)


def test_what_is_spare_is_done_while_others_are_under_way_and_kept_until_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 2)
    log = tmp_path / "log"

    def job(work: tuple[str, float]) -> tuple[str, int]:
        with log.open("a") as file:
            file.write(work[0])
        time.sleep(work[1])
        return work[0].upper(), os.getpid()

    with Pool(job, [("a", 0.6), ("b", 0.0)]) as some:
        later = some.add([("c", 0.0), ("d", 0.0), ("e", 0.0)])
        spare = iter(later[:2])
        first = dict(some.done({0: "", 1: ""}, spare=lambda: next(spare, None)))
        assert {text for text, _ in first.values()} == {"A", "B"}  # type: ignore[misc]
        assert log.read_text()[-2:] == "cd", "only when none of the others was left to begin"
        second = dict(some.done(dict.fromkeys(later, "")))
        assert [second[at][0] for at in later] == ["C", "D", "E"]  # type: ignore[index]
        assert sorted(log.read_text()) == list("abcde"), "each once"
        some.forget(later)
        (last,) = some.add([("f", 0.0)])
        assert next(some.done({last: ""}))[1][0] == "F"  # type: ignore[index]


def test_a_spare_job_that_is_under_way_goes_on_into_the_next_lot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 2)
    log = tmp_path / "log"

    def job(seconds: float) -> float:
        with log.open("a") as file:
            file.write(f"{seconds} ")
        time.sleep(seconds)
        return seconds

    with Pool(job, [0.0, 0.2]) as some:
        (long,) = some.add([1.0])
        assert sorted(result for _, result in some.done({0: "", 1: ""}, spare=iter([long, None, None]).__next__)) == [
            0.0,
            0.2,
        ]
        begin = time.monotonic()
        assert dict(some.done({long: ""})) == {long: 1.0}
        assert 0.3 < time.monotonic() - begin < 1.0
    assert log.read_text().split().count("1.0") == 1


def test_ahead_is_gone_until_somebody_asks_and_what_fails_there_is_done_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 2)

    def job(number: int) -> int:
        if number and not (tmp_path / str(number)).exists():
            (tmp_path / str(number)).touch()
            if number == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            if number == 2:
                raise LookupError("not the first time")
        return number

    here, there = socket.socketpair()
    with Pool(job, [0]) as some, here, there:
        list(some.done({0: ""}))
        later = some.add([1, 2, 3])
        spare = iter(later)
        threading.Timer(0.5, there.sendall, [b"x"]).start()
        some.go_ahead(lambda: next(spare, None), here)
        assert {path.name for path in tmp_path.iterdir()} == {"1", "2", "3"}
        assert dict(some.done(dict.fromkeys(later, ""))) == dict(zip(later, (1, 2, 3), strict=True))


def test_a_job_that_was_killed_is_done_again_with_nothing_spare_beside_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 2)

    def job(name: str) -> str:
        if name == "deadly":
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "spare":
            time.sleep(60)
        return name

    with Pool(job, ["deadly", "quick"]) as some:
        (at,) = some.add(["spare"])
        done = dict(some.done({0: "", 1: ""}, spare=iter([at, None, None]).__next__))
        assert isinstance(done[0], Killed) and done[1] == "quick"
        assert not some._busy()


def test_what_is_asked_for_goes_before_what_is_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 2)

    def job(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    here, there = socket.socketpair()
    with Pool(job, [0.0]) as some, here, there:
        list(some.done({0: ""}))
        slow, quick = some.add([60.0, 61.0]), some.add([0.1, 0.2, 0.3])
        spare = iter(slow)
        there.sendall(b"x")
        some.go_ahead(lambda: next(spare, None), here)
        assert [worker.job for worker in some._workers] == list(slow)
        assert dict(some.done(dict.fromkeys(quick, ""))) == dict(zip(quick, (0.1, 0.2, 0.3), strict=True))


def test_what_lasting_processes_print_goes_through_this_one(capfd: pytest.CaptureFixture[str]) -> None:
    def job(text: str) -> str:
        os.write(2, text.encode())
        os.write(1, text.encode())
        return str(Path("/proc/self/fd/2").readlink())

    with Pool(job, ["here"], lasting=True) as some:
        ((_, stream),) = some.done({0: ""})
    assert stream != str(Path("/proc/self/fd/2").readlink())
    assert capfd.readouterr().err == "herehere"


def test_the_processes_end_with_this_one_even_when_it_is_killed() -> None:
    text = (
        "import os, time\nfrom stages import pool\npool.cores = lambda: 2\n"
        "def job(n):\n    os.write(1, b'%d\\n' % os.getpid())\n    time.sleep(60)\n"
        "list(pool.side_by_side(job, [1, 2], kind=str))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", text], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    started = [int(process.stdout.readline()) for _ in range(2)]
    process.kill()
    process.wait()
    until = time.monotonic() + 10
    while (alive := [pid for pid in started if Path(f"/proc/{pid}").exists()]) and time.monotonic() < until:
        time.sleep(0.02)
    process.stdout.close()
    assert alive == []


def children() -> set[int]:
    """The processes that this one has started and that have not ended."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.add(int(path.parent.name))
    return found
