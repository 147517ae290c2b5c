"""Run the jobs of a stage side by side with joblib: in local processes of one thread each."""

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
"""Size from which an array reaches the workers as a memory map of one file.

Smaller arrays are copied to each worker.
"""

LARGE_BYTES = 2**29
"""Size of a table from which jobs that each need a copy of it run one after the other."""


class Killed(NamedTuple):
    """The result of a job whose process was killed, and killed again when it ran alone.

    Attributes
    ----------
    reason : str
        A text for the results.
    """

    reason: str


def cores() -> int:
    """Count the jobs that run side by side.

    Returns
    -------
    int
        The cores that this process may use, or LOKY_MAX_CPU_COUNT where that is less.
    """
    return int(cpu_count())


def side_by_side(
    do: Callable[[Job], Result], jobs: Iterable[Job], *, alone: bool = False
) -> Iterator[tuple[Job, Result | Killed]]:
    """Run jobs on all cores, and yield each with its result as it is done.

    Parameters
    ----------
    do : callable
        A function of a module. Its exceptions are raised here.
    jobs : iterable
        The next job is drawn shortly before a worker is free, from any thread.
    alone : bool
        Whether to run one job after the other, because several at once do not fit in memory.

    Yields
    ------
    (job, result)
        What `do` returned, or `Killed` where memory ran out for the job.

    Notes
    -----
    A killed worker breaks joblib's whole pool. The interrupted jobs are then run one after the
    other. A job that is killed again ran out of memory; the remaining jobs go on side by side.
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


LOCAL_SECONDS = 4.0
"""Jobs that take less than this run in this process: workers take as long to start."""


def few_here(
    do: Callable[[Job], Result], jobs: Iterable[Job], *, alone: bool = False
) -> Iterator[tuple[Job, Result | Killed]]:
    """Run the first few seconds' worth of jobs in this process, and the rest side by side.

    Parameters
    ----------
    do : callable
        A function of a module. Its exceptions are raised here.
    jobs : iterable
    alone : bool
        Whether to run all of them here, because several at once do not fit in memory.

    Yields
    ------
    (job, result)
        What `do` returned; see `side_by_side` for a job whose process was killed.
    """
    waiting, start = iter(jobs), time.perf_counter()
    for job in waiting:
        yield job, do(job)
        if not alone and time.perf_counter() - start > LOCAL_SECONDS:
            yield from side_by_side(do, waiting)


def in_threads(
    do: Callable[[Job], Result], jobs: Sequence[Job], *, together: bool, label: str, unit: str
) -> list[Result]:
    """Apply a function to jobs in threads, with a progress bar.

    For work of numpy, which releases Python's global lock.

    Parameters
    ----------
    do : callable
    jobs : sequence
    together : bool
        Whether as many jobs as there are cores fit in memory at once; if not, they run one after
        the other.
    label, unit : str
        Texts of the progress bar.

    Returns
    -------
    list
        The results, in the order of the jobs.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # sums in BLAS depend on the number of threads
        done = Parallel(cores() if together else 1, backend="threading", return_as="generator")(
            delayed(do)(job) for job in jobs
        )
        return list(tqdm(done, total=len(jobs), desc=label, unit=unit, disable=None))


def _numbered(do: Callable[[Job], Result], number: int, job: Job) -> tuple[int, Result]:
    return number, do(job)


def _results(tasks: Iterable[Any], workers: int, folder: Path) -> Iterator[Any]:
    """Yield the results of joblib's workers as they are done."""
    # when this process is killed, joblib's tracker warns about each memory map that it removes
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    # with one worker joblib would run jobs in this process, and a killed job would end it: take two
    # and dispatch one job at a time
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
        # joblib restarts workers that hold much memory, and warns about it
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
        # workers inherit the signal mask: this process alone handles an interrupt
        with _interrupts_blocked():
            results = pool(tasks)
        yield from results


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block interrupts (SIGINT) in this thread and in processes started meanwhile."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a folder that is removed at the end of the `with` block.

    Folders left by processes that were killed are removed first.

    Yields
    ------
    Path
        Absolute.
    """
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
    """The signal that ended a worker, read from joblib's message, as a text for the results."""
    _, _, codes = str(error).partition("exit codes of the workers are")
    name = codes.strip().strip("{}").partition("(")[0] or "killed"
    return (
        f"its process was killed twice ({name}), alone the second time; most likely memory ran out"
    )
