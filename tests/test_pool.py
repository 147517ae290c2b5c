"""Work side by side: results do not depend on who did them or when, and a process that is killed takes nothing with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
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
    order = pool._LongestFirst(dict(enumerate(kind for kind, _ in jobs)))
    begun = []
    for position in order:
        begun.append(position)
        order.took(position, lasts[jobs[position][0]])
    assert sorted(begun) == list(range(len(jobs)))
    first = [jobs[position][0] for position in begun[: len(lasts)]]
    assert sorted(first) == sorted(lasts)
    rest = [lasts[jobs[position][0]] for position in begun[len(lasts) :]]
    assert rest == sorted(rest, reverse=True)


def test_the_processes_end_with_this_one_even_when_it_is_killed() -> None:
    text = (
        "import os, time\nfrom stages import pool\npool.cores = lambda: 2\n"
        "def job(n):\n    print(os.getpid(), flush=True)\n    time.sleep(60)\n"
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
