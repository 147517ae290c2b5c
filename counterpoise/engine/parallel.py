"""Jobs of a stage side by side, by joblib: in processes of this machine, one thread each."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from counterpoise.core import paths
from counterpoise.engine.lifetime import end_with, is_alive

Job = TypeVar("Job")
Result = TypeVar("Result")

MAPPED_BYTES = 2**20
"""Arrays from this size on reach the workers as memory maps of one file, not as copies."""

LARGE_BYTES = 2**29
"""A table of this size is worked on by one job after the other where each would need a copy of
it."""


class Killed(NamedTuple):
    """What became of a job whose process was killed, and killed again when nothing else ran beside
    it."""

    reason: str


def cores() -> int:
    """How many jobs run side by side: the cores that this process may use, or LOKY_MAX_CPU_COUNT
    where that is less."""
    return int(cpu_count())


def side_by_side(
    do: Callable[[Job], Result], jobs: Iterable[Job], *, alone: bool = False
) -> Iterator[tuple[Job, Result | Killed]]:
    """Do jobs on all cores, and give each with its result as they are done.

    Parameters
    ----------
    do : callable
        A function of a module. What it raises is raised here.
    jobs : iterable
        Asked for the next job when a worker is about to be free, from any thread.
    alone : bool
        Whether one is done after the other, since several at once would not have room in memory.

    Notes
    -----
    A worker that is killed breaks joblib's whole pool. The jobs that were under way are then done
    one after the other, and the one that is killed again is what memory ran out for; the others go
    on side by side.
    """
    waiting, numbers, workers = iter(jobs), itertools.count(), 1 if alone else cores()
    under_way: dict[int, Job] = {}

    def dispatched() -> Iterator[Any]:
        for job in waiting:
            number = next(numbers)
            under_way[number] = job
            yield delayed(_numbered)(do, number, job)

    broken = True
    with scratch() as folder:
        while broken:
            broken = False
            try:
                for number, result in _results(dispatched(), workers, folder):
                    yield under_way.pop(number), result
            except TerminatedWorkerError:
                broken = True
            for number, job in list(under_way.items()):
                try:
                    ((_, result),) = _results([delayed(_numbered)(do, number, job)], 1, folder)
                except TerminatedWorkerError as error:
                    result = Killed(_reason(error))
                del under_way[number]
                yield job, result


FEW_SECONDS = 4.0
"""Work of less than this is done in this process: as long as workers take to start."""


def few_here(
    do: Callable[[Job], Result], jobs: Iterable[Job], *, alone: bool = False
) -> Iterator[tuple[Job, Result | Killed]]:
    """Jobs with their results: the first few seconds' worth in this process, the rest side by side.

    Parameters
    ----------
    alone : bool
        Whether all of them are done here, since several at once would not have room in memory.
    """
    waiting, start = iter(jobs), time.perf_counter()
    for job in waiting:
        yield job, do(job)
        if not alone and time.perf_counter() - start > FEW_SECONDS:
            yield from side_by_side(do, waiting)


def in_threads(
    do: Callable[[Job], Result], jobs: Sequence[Job], *, together: bool, label: str, unit: str
) -> list[Result]:
    """What a function gives of each job, in their order, with a bar: work of numpy, which lets go
    of Python's lock.

    Parameters
    ----------
    together : bool
        Whether as many jobs as there are cores have room in memory at once; else one is done after
        the other.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # with several threads a sum would depend on how many they are
        done = Parallel(cores() if together else 1, backend="threading", return_as="generator")(
            delayed(do)(job) for job in jobs
        )
        return list(tqdm(done, total=len(jobs), desc=label, unit=unit, disable=None))


def _numbered(do: Callable[[Job], Result], number: int, job: Job) -> tuple[int, Result]:
    return number, do(job)


def _results(tasks: Iterable[Any], workers: int, folder: Path) -> Iterator[Any]:
    """What joblib's workers give, as they are done."""
    # joblib's tracker of memory maps reports each that it removes after this process was killed
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    # asked for one worker, joblib would do the work in this process, which a job's death would end
    pool = Parallel(
        max(workers, 2),
        backend="loky",
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch=workers + 1 if workers > 1 else 1,
        max_nbytes=MAPPED_BYTES,
        mmap_mode="r",
        temp_folder=str(folder),
        initializer=end_with,
        initargs=(os.getpid(),),
    )
    with warnings.catch_warnings():
        # joblib starts a worker anew that has come to hold much memory
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
        # which workers inherit: an interrupt is this process's to answer
        with _deaf_to_interrupts():
            results = pool(tasks)
        yield from results


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone when it is left; those of processes that were killed go first."""
    paths.SCRATCH.mkdir(parents=True, exist_ok=True)
    for left in paths.SCRATCH.iterdir():
        process = left.name.partition("-")[0]
        if process.isdecimal() and not is_alive(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    prefix = f"{os.getpid()}-"
    with tempfile.TemporaryDirectory(
        dir=paths.SCRATCH, prefix=prefix, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder).absolute()


def _reason(error: TerminatedWorkerError) -> str:
    """Which signal ended a worker, as joblib's message tells it."""
    _, _, told = str(error).partition("exit codes of the workers are")
    name = told.strip().strip("{}").partition("(")[0] or "killed"
    return (
        f"its process was killed twice ({name}), alone the second time; most likely memory ran out"
    )
