"""Work side by side in processes forked from this one, which see what it has read without a copy of it."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
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


Spare = Callable[[], int | None]
"""Asked for a job where a process has none; None where there is nothing to do."""


def _nothing() -> None:
    return None


class Pool(Generic[Job, Result]):
    """Processes that do jobs, forked here and now: what is read or connected to afterwards is none of theirs.

    Where jobs come in several lots, processes that have nothing left to do of one may do spare ones of the next: what they
    make is kept until it is asked for.

    Parameters
    ----------
    do : callable
        What it raises is raised where the result would come.
    jobs : sequence
        Neither they nor `do` are sent to the processes, which have been forked from one that knows them; results are.

    sendable : bool
        Whether `do` and the jobs can be sent to processes, which is how it is done where there is no safe fork (on macOS
        and Windows); what cannot be is done here, one after the other.
    lasting : bool
        Whether the processes outlast the streams of this one, which may be others later: what they print goes through it.
    """

    def __init__(
        self, do: Callable[[Job], Result], jobs: Sequence[Job], *, sendable: bool = True, lasting: bool = False
    ) -> None:
        self._do, self._method = do, _method(sendable=sendable)
        self._printed = os.pipe() if lasting and self._method == "fork" else None
        self._jobs: list[Job] = list(jobs)
        self._seconds: dict[Hashable, float] = {}
        self._made: dict[int, Result] = {}
        self._workers: list[_Worker[Job, Result]] = []
        self._hire()

    def __enter__(self) -> Pool[Job, Result]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, whatever they are at."""
        for worker in self._workers:
            worker.stop()
        for end in self._printed or ():
            os.close(end)
        self._workers, self._printed = [], None

    @property
    def processes(self) -> int:
        """How many there are; none where the jobs are done here."""
        return len(self._workers)

    def in_order(self, kinds: Mapping[int, Hashable]) -> Iterator[int]:
        """Jobs in the order in which they should begin."""
        return iter(_LongestFirst(kinds, self._seconds))

    def forget(self, jobs: Iterable[int]) -> None:
        """Let go of jobs that nobody will ask for again."""
        for job in jobs:
            self._jobs[job] = None  # type: ignore[assignment]  # never given to anybody again
            self._made.pop(job, None)

    def add(self, jobs: Sequence[Job]) -> range:
        """Take more jobs; returns their positions. A process that does not know them is forked anew when it gets one."""
        first = len(self._jobs)
        self._jobs += jobs
        self._hire()
        return range(first, len(self._jobs))

    def done(
        self, kinds: Mapping[int, Hashable], wanted: Callable[[int], bool] = lambda job: True, spare: Spare = _nothing
    ) -> Iterator[tuple[int, Result | Killed]]:
        """Begin jobs, and give their results, by their position, in the order in which they are done.

        What takes long begins first, so that no core is left with a long job at the end: jobs of one kind take about as
        long as each other, one of each kind shows how long, and then those of the longest kind go before the others.

        Parameters
        ----------
        kinds : mapping of int to a kind
            The jobs to do, each with what tells how long it takes.
        wanted : callable of a job's position
            Asked when a job would begin; one that is no longer wanted is left out.
        spare : callable that gives the position of another job
            Asked where none of these is left to begin. One that is still under way in the end goes on.
        """
        made = [(job, self._made.pop(job)) for job in kinds if job in self._made]
        begun = {*(job for job, _ in made), *(worker.job for worker in self._workers)}
        waiting = {job: kind for job, kind in kinds.items() if job not in begun}
        for worker in self._busy() if waiting else ():
            if worker.job not in kinds:  # what is asked for goes before what is spare
                self._in_place_of(worker)
        order = self.in_order(waiting)

        def go_on(worker: _Worker[Job, Result]) -> None:
            for job in order:
                if wanted(job):
                    self._give(worker, job)
                    return
            mine = any(worker.job in kinds for worker in self._workers)
            if mine and (ahead := spare()) is not None:
                self._give(worker, ahead)

        for worker in self._idle():
            go_on(worker)
        return itertools.chain(made, self._results(kinds, go_on) if self._workers else self._one_by_one(order, wanted))

    def _one_by_one(self, order: Iterator[int], wanted: Callable[[int], bool]) -> Iterator[tuple[int, Result]]:
        """The results of jobs that are done here."""
        for job in order:
            if wanted(job):
                yield job, self._do(self._jobs[job])

    def _results(
        self, kinds: Mapping[int, Hashable], go_on: Callable[[_Worker[Job, Result]], None]
    ) -> Iterator[tuple[int, Result | Killed]]:
        """The results of jobs that are under way, and of those that processes go on with."""
        killed: list[int] = []
        while any(worker.job in kinds for worker in self._workers):
            for worker in self._ready():
                job, answer = worker.answered(raising=worker.job in kinds)
                if answer is None:
                    worker = self._in_place_of(worker)
                    if job in kinds:
                        killed.append(job)
                elif job in kinds:
                    seconds, result = answer
                    self._seconds[kinds[job]] = seconds
                    yield job, result
                else:
                    self._keep(job, answer[1])
                go_on(worker)
        if killed:
            for worker in self._busy():  # a job that was killed is done once more with nothing else beside it
                self._in_place_of(worker)
        for job in killed:
            worker = self._give(self._workers[0], job)
            _, answer = worker.answered()
            if answer is None:
                status = worker.exit_status
                self._in_place_of(worker)
                yield job, Killed(status)
            else:
                yield job, answer[1]

    def go_ahead(self, spare: Spare, until: Any) -> None:
        """Do spare jobs until something can be read from a connection."""
        while True:
            for worker in self._idle():
                if (job := spare()) is None:
                    break
                self._give(worker, job)
            for worker in self._ready(until):
                job, answer = worker.answered(raising=False)
                if answer is None:
                    self._in_place_of(worker)
                else:
                    self._keep(job, answer[1])
            if wait([until], 0):
                return

    def _keep(self, job: int, result: Result) -> None:
        if self._jobs[job] is not None:  # it was forgotten meanwhile
            self._made[job] = result

    def _idle(self) -> list[_Worker[Job, Result]]:
        return [worker for worker in self._workers if worker.job is None]

    def _busy(self) -> list[_Worker[Job, Result]]:
        return [worker for worker in self._workers if worker.job is not None]

    def _ready(self, *others: Any) -> list[_Worker[Job, Result]]:
        """Wait for an answer, or for something else; returns whose answers have come."""
        busy = {worker.pipe: worker for worker in self._busy()}
        printed = self._printed[:1] if self._printed else ()
        found = wait([*busy, *printed, *others])
        if printed and printed[0] in found:
            with suppress(OSError):  # nobody reads it any more
                os.write(2, os.read(printed[0], 2**16))
        return [busy[pipe] for pipe in found if pipe in busy]

    def _hire(self) -> None:
        many = 0 if self._method is None else min(cores(), len(self._jobs))
        while len(self._workers) < many:
            self._workers.append(self._another())

    def _give(self, worker: _Worker[Job, Result], job: int) -> _Worker[Job, Result]:
        """Give a job to a process, or to another one in its place that knows it."""
        if job >= worker.knows:
            worker = self._in_place_of(worker)
        worker.give(job)
        return worker

    def _another(self) -> _Worker[Job, Result]:
        assert self._method is not None
        return _Worker(self._do, list(self._jobs), self._method, self._printed)

    def _in_place_of(self, worker: _Worker[Job, Result]) -> _Worker[Job, Result]:
        """A process in the place of one that was killed, or is to be."""
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
    """The order in which jobs begin, by position.

    Parameters
    ----------
    seconds : dict
        How long the last job of a kind took, which grows meanwhile.
    """

    def __init__(self, kinds: Mapping[int, Hashable], seconds: Mapping[Hashable, float]) -> None:
        self._waiting: dict[Hashable, list[int]] = {}
        for position, kind in kinds.items():
            self._waiting.setdefault(kind, []).append(position)
        self._seconds, self._begun = seconds, set(seconds)

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

    def _rank(self, kind: Hashable) -> tuple[bool, float]:
        return kind not in self._begun, self._seconds.get(kind, float("inf"))


class _Worker(Generic[Job, Result]):
    """A process, and the job that it has at present."""

    def __init__(
        self, do: Callable[[Job], Result], jobs: Sequence[Job], method: str, printed: tuple[int, int] | None
    ) -> None:
        context: Any = multiprocessing.get_context(method)
        self.pipe, theirs = context.Pipe()
        self.job: int | None = None
        self.knows = len(jobs)
        self._process: BaseProcess = context.Process(
            target=_serve, args=(theirs, do, jobs, os.getpid(), printed), daemon=True
        )
        self._process.start()
        theirs.close()  # or its death would not end the pipe

    def give(self, job: int) -> None:
        self.job = job
        with suppress(BrokenPipeError):  # killed already; the answer will say so
            self.pipe.send(job)

    def answered(self, *, raising: bool = True) -> tuple[int, tuple[float, Result] | None]:
        """Wait for the answer: seconds and result, or None where the process was killed.

        What the job raised is raised; where it is not to be, the answer is None too.
        """
        job, self.job = self.job, None
        assert job is not None
        try:
            error, answer = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            return job, None
        if error is not None and raising:
            raise error
        return job, answer

    @property
    def exit_status(self) -> int | None:
        return self._process.exitcode

    def stop(self) -> None:
        self.pipe.close()
        self._process.kill()
        self._process.join()


def _serve(
    pipe: Connection, do: Callable[[Any], Any], jobs: Sequence[Any], parent: int, printed: tuple[int, int] | None
) -> None:
    """Do one job after the other until the pipe ends."""
    from time import perf_counter

    if printed is not None:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for ours, theirs in ((nothing, 0), (printed[1], 1), (printed[1], 2)):
            os.dup2(ours, theirs)

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
