"""Fits on an existing Dask cluster, and the checks of the cluster before the first fit.

Fits go through `Client.submit` and not through joblib's Dask backend. That backend has three
drawbacks:

- a killed worker ends the run of all fits (FutureCancelledError);
- fits are handed out before a worker is free for them, so that short ones wait behind a long one;
- joblib calls of scikit-learn inside a fit go back to the cluster, even with `n_jobs=1`.
"""

from __future__ import annotations

import json
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from counterpoise.core.errors import ClusterError
from counterpoise.core.outcome import reason_of
from counterpoise.engine.fingerprint import code_digest
from counterpoise.engine.fit import FitJob
from counterpoise.engine.parallel import MAPPED_BYTES, Killed

if TYPE_CHECKING:
    from distributed import Client, Future

ADDRESS, FILE = "DASK_SCHEDULER_ADDRESS", "DASK_SCHEDULER_FILE"

CONNECT_TIMEOUT_SECONDS = 10
"""Time for the scheduler to answer, and for a first worker to appear."""
WORKER_TIMEOUT_SECONDS = 120
"""Time for a worker to come back after all were lost."""
POLL_SECONDS = 2
"""Time between two checks of the list of workers."""

PACKAGES = (
    "scipy",
    "scikit-learn",
    "imbalanced-learn",
    "joblib",
    "threadpoolctl",
    "pydantic",
    "optuna",
    "xgboost",
    "xgboost-cpu",
    "keras",
    "jax",
    "jaxlib",
)
"""Packages that a fit depends on, beside those that Dask lists: Python, numpy, pandas and its own.
"""

OUT_OF_MEMORY = (
    "out of memory: every worker that fitted it was lost, as one is that goes beyond its memory"
    " limit"
)

ONE_FIT = threading.Lock()
"""Lets a worker with several threads make one fit at a time: memory limits hold per process."""

Job = tuple[Any, FitJob]
"""Any identifier, and the fit that it stands for."""


def address() -> str | None:
    """Read from the environment which cluster to use.

    Returns
    -------
    str or None
        The address of the scheduler, or the path of the file that holds it. None where no cluster
        is named.
    """
    return os.environ.get(ADDRESS) or os.environ.get(FILE) or None


def side_by_side(do: Callable[[Job], Any], jobs: Iterable[Job]) -> Iterator[tuple[Job, Any]]:
    """Make fits on the cluster, and yield each with its result as it is done.

    Parameters
    ----------
    do : callable
        A function of a module, which makes a fit and raises nothing.
    jobs : iterable of (identifier, FitJob)
        The next fit is drawn from it when a worker is free.

    Yields
    ------
    (job, result)
        What `do` returned, or `Killed` where Dask gave up the fit
        (`distributed.scheduler.allowed-failures`).

    Raises
    ------
    ClusterError
        See `connected`; also when a worker that joined later has other packages or other code.

    Notes
    -----
    At most one fit per worker is handed out: Dask blames a lost worker on every task assigned to
    it.
    """
    from distributed import KilledWorker, wait

    waiting, running, sent = iter(jobs), dict["Future", tuple[Job, str]](), dict[int, "Future"]()
    with connected() as (client, here), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph")
        while True:
            workers = _workers(client, WORKER_TIMEOUT_SECONDS)
            free = sorted(set(workers) - {worker for _, worker in running.values()})
            for worker, job in zip(
                free[: max(len(workers) - len(running), 0)], waiting, strict=False
            ):
                running[_submit(client, worker, sent, here, do, job)] = job, worker
            if not running:
                break
            with suppress(TimeoutError):
                wait(list(running), timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
            for future in [future for future in running if future.done()]:
                job, worker = running.pop(future)
                error = future.exception()
                if error is not None and not isinstance(error, KilledWorker):
                    raise _mismatch([f"worker {worker}: {reason_of(error)}"])
                yield job, Killed(OUT_OF_MEMORY) if error else future.result()
        sent.clear()


def _submit(
    client: Client,
    worker: str,
    sent: dict[int, Future],
    here: dict[str, str],
    do: Callable[[Job], Any],
    job: Job,
) -> Future:
    """Hand out one fit.

    Its large arrays are tasks that it depends on. Each array is sent once, and Dask makes it again
    where the worker that had it is lost. Scattered data would be lost with the worker.
    """
    where: Any = {"workers": [worker], "allow_other_workers": True, "pure": False}
    large: Any = {
        name: value
        for name, value in vars(job[1]).items()
        if isinstance(value, np.ndarray) and value.nbytes >= MAPPED_BYTES
    }
    for name, value in large.items():
        if id(value) not in sent:
            sent[id(value)] = client.submit(np.asarray, value, **where)
            # once the array is freed here, the future goes too, and the cluster drops its copy
            weakref.finalize(value, sent.pop, id(value), None)
        large[name] = sent[id(value)]
    # the large arrays travel as futures, not inside the task
    rest = replace(job[1], **dict.fromkeys(large, cast(Any, None)))
    return client.submit(_fit, here, do, job[0], rest, large, **where)


def _fit(
    here: dict[str, str],
    do: Callable[[Job], Any],
    identifier: Any,
    rest: FitJob,
    large: dict[str, Any],
) -> Any:
    """Make one fit on a worker; raise ImportError where its packages or its code differ."""
    if wrong := _differing(here, installed()):
        raise ImportError(wrong)
    with ONE_FIT:
        return do((identifier, replace(rest, **large)))


@contextmanager
def connected() -> Iterator[tuple[Client, dict[str, str]]]:
    """Connect to the cluster, and check that it has the packages and the code of this process.

    Yields
    ------
    client : distributed.Client
    here : dict of str to str
        Versions and digest of the code, the same on all machines (`installed`).

    Raises
    ------
    ClusterError
        When Dask is not installed, the scheduler cannot be reached or is lost, or there is no
        worker. Also when the scheduler or a worker has other versions or other code, or lacks the
        package.
    """
    try:
        from distributed import Client

        where = (
            os.environ.get(ADDRESS)
            or json.loads(Path(os.environ[FILE]).read_text("utf-8"))["address"]
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Dask warns about versions; the check below raises
            client = Client(where, timeout=CONNECT_TIMEOUT_SECONDS, name="counterpoise")
    except (OSError, ValueError, ImportError, LookupError, TypeError) as error:
        raise _error(
            "The Dask scheduler cannot be reached.",
            f"a scheduler that answers within {CONNECT_TIMEOUT_SECONDS} seconds, at this address "
            "or at the one in the file that `dask scheduler --scheduler-file` writes",
            reason_of(error),
            "install requirements-cluster.lock here, start the scheduler, correct the address, or "
            f"`unset {ADDRESS} {FILE}` to fit on this machine.",
        ) from None
    try:
        _workers(client, CONNECT_TIMEOUT_SECONDS)
        yield client, _same_everywhere(client)
        # a fit over all workers records a lost scheduler as its own failure; the run must end too
        if client.status != "running":
            raise CancelledError("the connection was closed")  # noqa: TRY301
    except (OSError, CancelledError) as error:
        # the connection stands, so the error comes from a file on this machine
        if client.status == "running" and isinstance(error, OSError):
            raise
        raise _error(
            "The Dask scheduler is lost, or was restarted.",
            "a scheduler that runs until the stage is over",
            reason_of(error),
            "start it again and run the same command again: finished fits are kept.",
        ) from None
    finally:
        with suppress(OSError):
            client.close()


def _workers(client: Client, timeout_seconds: float) -> list[str]:
    """List the addresses of all workers; wait for one where there is none."""
    try:
        client.wait_for_workers(1, timeout=timeout_seconds)
    except TimeoutError:
        raise _error(
            "The Dask cluster has no workers.",
            f"a worker within {timeout_seconds} seconds",
            "none",
            "start some (`dask worker --nthreads 1`) and run the same command again: finished fits"
            " are kept.",
        ) from None
    return list(client.nthreads())


@cache
def installed() -> dict[str, str]:
    """List the versions of the packages in this process, and a digest of the code of a fit.

    The result is cached: a process keeps running the code that it has loaded, even where the files
    have changed since.

    Returns
    -------
    dict of str to str
        The version of each package by name, and 12 hexadecimal digits under "code of counterpoise".
    """
    from distributed.versions import get_versions

    versions = get_versions(PACKAGES)["packages"]
    return {**versions, "code of counterpoise": code_digest("counterpoise.engine.run")[:12]}


def _same_everywhere(client: Client) -> dict[str, str]:
    """Check that the scheduler and all workers have what is installed here; return it."""
    here, there = installed(), dict[str, Any]()
    try:
        there["scheduler"] = client.run_on_scheduler(installed)
    except ImportError as error:
        there["scheduler"] = error
    for worker, answer in sorted(client.run(installed, on_error="return").items()):
        there[f"worker {worker}"] = answer
    if wrong := [
        f"{name}: {text}" for name, answer in there.items() if (text := _differing(here, answer))
    ]:
        raise _mismatch(wrong)
    return here


def _differing(here: dict[str, str], there: Any) -> str:
    """Name the packages that differ, or why there is no answer; "" where none differs."""
    if isinstance(there, Exception):
        return reason_of(there)
    return ", ".join(
        f"{name} {there.get(name) or 'not installed'} instead of {version or 'not installed'}"
        for name, version in here.items()
        if there.get(name) != version
    )


def _mismatch(wrong: list[str]) -> ClusterError:
    found = "\n            ".join(wrong[:5] + [f"and {len(wrong) - 5} more"] * (len(wrong) > 5))
    return _error(
        "The packages on the Dask cluster differ from those of this process.",
        "the same versions and the same code everywhere",
        found,
        "install requirements-cluster.lock for the scheduler and the workers, put this repository "
        "at the same commit on their PYTHONPATH, and start them again.",
    )


def _error(what: str, expected: str, found: str, todo: str) -> ClusterError:
    name = ADDRESS if os.environ.get(ADDRESS) else FILE
    return ClusterError(
        what, where=f"{name}={os.environ.get(name)}", expected=expected, found=found, todo=todo
    )
