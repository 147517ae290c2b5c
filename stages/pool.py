"""Work side by side in processes forked from this one, which see what it has read without a copy of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class Killed:
    """What became of a job whose process was killed, and killed again when nothing else ran beside it.

    Attributes
    ----------
    reason : str
    """

    def __init__(self, code: int | None) -> None:
        name = signal.Signals(-code).name if code is not None and code < 0 else f"exit status {code}"
        self.reason = f"its process was killed twice ({name}), alone the second time; most likely memory ran out"


def cores() -> int:
    """How many jobs run side by side: the cores that this process may use, or LOKY_MAX_CPU_COUNT where that is less."""
    from joblib import cpu_count

    return int(cpu_count())


def side_by_side(
    do: Callable[[Job], Result], jobs: Sequence[Job], kind: Callable[[Job], Hashable], *, sendable: bool = True
) -> Iterator[tuple[Job, Result | Killed]]:
    """Do jobs on all cores, and hand each out with its result in the order in which they are done; see `Pool`."""
    with Pool(do, jobs, sendable=sendable) as pool:
        for position, result in pool.done({position: kind(job) for position, job in enumerate(jobs)}):
            yield jobs[position], result


class Pool(Generic[Job, Result]):
    """Processes that do jobs, forked here and now: what is read or connected to afterwards is none of theirs.

    Parameters
    ----------
    do : callable
        What it raises is raised where the result would come.
    jobs : sequence
        Neither they nor `do` are sent to the processes, which have been forked from one that knows them; results are.

    sendable : bool
        Whether `do` and the jobs can be sent to processes, which is how it is done where there is no safe fork (on macOS
        and Windows); what cannot be is done here, one after the other.
    """

    def __init__(self, do: Callable[[Job], Result], jobs: Sequence[Job], *, sendable: bool = True) -> None:
        self._do, self._jobs, self._method = do, jobs, _method(sendable=sendable)
        many = 0 if self._method is None else min(cores(), len(jobs))
        self._workers = [self._another() for _ in range(many)]

    def __enter__(self) -> Pool[Job, Result]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.stop()

    def done(
        self, kinds: Mapping[int, Hashable], wanted: Callable[[int], bool] = lambda job: True
    ) -> Iterator[tuple[int, Result | Killed]]:
        """The results of jobs, by their position, in the order in which they are done.

        What takes long begins first, so that no core is left with a long job at the end: jobs of one kind take about as
        long as each other, one of each kind shows how long, and then those of the longest kind go before the others.

        Parameters
        ----------
        kinds : mapping of int to a kind
            The jobs to do, each with what tells how long it takes.
        wanted : callable of a job's position
            Asked when a job would begin; one that is no longer wanted is left out.
        """
        order = _LongestFirst(kinds)

        if not self._workers:
            yield from ((job, self._do(self._jobs[job])) for job in order if wanted(job))
            return

        def go_on(worker: _Worker[Job, Result]) -> None:
            for job in order:
                if wanted(job):
                    worker.give(job)
                    return

        for worker in self._workers:
            go_on(worker)
        killed: list[int] = []
        while busy := {worker.pipe: worker for worker in self._workers if worker.job is not None}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]
                job, answer = worker.answered()
                if answer is None:
                    killed.append(job)
                    worker = self._in_place_of(worker)
                else:
                    seconds, result = answer
                    order.took(job, seconds)
                    yield job, result
                go_on(worker)
        for job in killed:  # once more, with nothing else beside it
            worker = self._workers[0]
            worker.give(job)
            _, answer = worker.answered()
            if answer is None:
                status = worker.exit_status
                self._in_place_of(worker)
                yield job, Killed(status)
            else:
                yield job, answer[1]

    def _another(self) -> _Worker[Job, Result]:
        assert self._method is not None
        return _Worker(self._do, self._jobs, self._method)

    def _in_place_of(self, worker: _Worker[Job, Result]) -> _Worker[Job, Result]:
        """A process in the place of one that was killed."""
        worker.stop()
        another = self._workers[self._workers.index(worker)] = self._another()
        return another


def _method(*, sendable: bool) -> str | None:
    """How processes are started; None where nothing is safe and the jobs are done here."""
    if sys.platform != "linux":
        return "spawn" if sendable else None
    bridge = sys.modules.get("jax._src.xla_bridge")
    computed = bridge is not None and bridge.backends_are_initialized()
    return None if computed else "fork"  # JAX's threads do not come along, and it would wait for them for ever


class _LongestFirst:
    """The order in which jobs begin, by position."""

    def __init__(self, kinds: Mapping[int, Hashable]) -> None:
        self._kinds = kinds
        self._waiting: dict[Hashable, list[int]] = {}
        for position, kind in kinds.items():
            self._waiting.setdefault(kind, []).append(position)
        self._begun: set[Hashable] = set()
        self._seconds: dict[Hashable, float] = {}

    def __iter__(self) -> Iterator[int]:
        while self._waiting:
            yield self._take()

    def _take(self) -> int:
        kind = max(self._waiting, key=self._rank)
        self._begun.add(kind)
        position = self._waiting[kind].pop(0)
        if not self._waiting[kind]:
            del self._waiting[kind]
        return position

    def took(self, position: int, seconds: float) -> None:
        self._seconds[self._kinds[position]] = seconds

    def _rank(self, kind: Hashable) -> tuple[bool, float]:
        return kind not in self._begun, self._seconds.get(kind, float("inf"))


class _Worker(Generic[Job, Result]):
    """A process, and the job that it has at present."""

    def __init__(self, do: Callable[[Job], Result], jobs: Sequence[Job], method: str) -> None:
        context: Any = multiprocessing.get_context(method)
        self.pipe, theirs = context.Pipe()
        self.job: int | None = None
        self._process: BaseProcess = context.Process(target=_serve, args=(theirs, do, jobs, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()  # or its death would not end the pipe

    def give(self, job: int) -> None:
        self.job = job
        with suppress(BrokenPipeError):  # killed already; the answer will say so
            self.pipe.send(job)

    def answered(self) -> tuple[int, tuple[float, Result] | None]:
        """Wait for the answer: seconds and result, or None where the process was killed."""
        job, self.job = self.job, None
        assert job is not None
        try:
            error, answer = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            return job, None
        if error is not None:
            raise error
        return job, answer

    @property
    def exit_status(self) -> int | None:
        return self._process.exitcode

    def stop(self) -> None:
        self.pipe.close()
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, do: Callable[[Any], Any], jobs: Sequence[Any], parent: int) -> None:
    """Do one job after the other until the pipe ends."""
    from time import perf_counter

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to answer
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with(parent)
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        start = perf_counter()
        try:
            result = do(jobs[job])
        except Exception as error:  # whatever it is, the parent raises it
            pipe.send((error, None))
        else:
            pipe.send((None, (perf_counter() - start, result)))


def _die_with(parent: int) -> None:
    """Ask Linux to kill this process when its parent ends in whatever way: nobody would read its answers."""
    if sys.platform != "linux":
        return
    import ctypes

    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before the line above
        os._exit(1)
