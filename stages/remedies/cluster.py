"""Fits on a Dask cluster that is there already: what is sent, where it runs, and what becomes of a lost worker.

The table, and what a fold adds to it, are sent once; a fit is a small task that names them. Each worker process fits one
model at a time and is given the next when it is done, so that a worker that is lost takes one fit with it, and nobody
else's is blamed. The sources of the project are sent too: a worker needs the locked packages alone.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
import time
import warnings
import zipfile
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages import paths
from stages.config import Model, Strategy
from stages.errors import ClusterError
from stages.remedies.fit import Fitted, Work, fit
from stages.remedies.outcome import FAILED, attempted, reason_of

if TYPE_CHECKING:
    from distributed import Client, Future

ADDRESS = "DASK_SCHEDULER_ADDRESS"
FILE = "DASK_SCHEDULER_FILE"

ANSWERS = 10
"""Seconds in which the scheduler has to answer, and a first worker has to be there."""
PATIENCE = 120
"""Seconds that a run waits for a worker after all of them were lost."""
ATTEMPTS = 4
"""After so many lost workers it is the fit's doing; Dask's own `allowed-failures` says the same."""
LOOKS = 2.0
"""Seconds between two looks at which workers there are."""

PACKAGES = ("dask", "distributed", "cloudpickle", "numpy", "scipy", "pandas", "scikit-learn", "imbalanced-learn", "joblib",
            "threadpoolctl", "pydantic", "optuna", "xgboost", "xgboost-cpu", "keras", "jax", "jaxlib")  # fmt: skip
"""What a fit stands on, and what carries it; those that are installed here have to be the same on every worker."""
TALKING = ("dask", "distributed", "cloudpickle")
"""What the scheduler has to have."""

KILLED = "out of memory: every worker that fitted it was lost, as one is that goes beyond its memory limit"

Place = tuple[str, int, int]
Job = tuple[Place, str, Work]
Outcome = tuple[str, str, Fitted | None]


def address() -> str | None:
    """The address of the scheduler, or the file that has it; None where no cluster is named."""
    return os.environ.get(ADDRESS) or os.environ.get(FILE) or None


# ----------------------------------------------------------------- connecting


@contextmanager
def connected() -> Iterator[Client]:
    """A client of the cluster that is named, held against what the work needs.

    Raises
    ------
    ClusterError
        When the scheduler does not answer, there is no worker, or packages are missing or of other versions.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise ClusterError(
            "A Dask cluster is named, and Dask is not installed here.", where=_named(),
            expected="an environment with all of requirements-cluster.lock", found=str(error),
            todo=f"`pip install -r requirements-cluster.lock`, or `unset {ADDRESS} {FILE}` to fit on this machine.",
        ) from None  # fmt: skip
    where = _address()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Dask warns of other versions, and goes on
            client = Client(where, timeout=ANSWERS, name="counterpoise")
    except (OSError, ValueError, ImportError) as error:  # no answer, no address, no such protocol
        raise ClusterError(
            "The Dask scheduler cannot be reached.", where=_named(),
            expected=f"a scheduler that answers at {where} within {ANSWERS} seconds", found=reason_of(error),
            todo=f"start it (`dask scheduler`), correct the address, or `unset {ADDRESS} {FILE}` to fit on this machine.",
        ) from None  # fmt: skip
    try:
        _check(client)
        yield client
    finally:
        with suppress(OSError, TimeoutError):
            client.close()


def _named() -> str:
    name = ADDRESS if os.environ.get(ADDRESS) else FILE
    return f"{name}={os.environ.get(name)}"


def _address() -> str:
    named = os.environ.get(ADDRESS)
    if named:
        return named
    try:
        return str(json.loads(Path(os.environ[FILE]).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClusterError(
            "The file that tells where the Dask scheduler is cannot be read.", where=_named(),
            expected="the file that `dask scheduler --scheduler-file` writes, on a disk that both machines have",
            found=reason_of(error), todo="start the scheduler first, or correct the path.",
        ) from None  # fmt: skip


def packages() -> dict[str, str]:
    """What a worker has to have, each with the version that is here."""
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return {"python": ".".join(map(str, sys.version_info)), **found}


def _check(client: Client) -> None:
    """Hold scheduler and workers against what is installed here.

    Raises
    ------
    ClusterError
    """
    from stages.remedies.shipped import differing

    mine = packages()
    with suppress(TimeoutError):
        client.wait_for_workers(1, timeout=ANSWERS)
    found: Any = client.get_versions(packages=[name for name in mine if name != "python"])
    talking = {name: mine[name] for name in TALKING}
    wrong = [f"scheduler: {text}" for text in [differing(talking, found["scheduler"]["packages"])] if text]
    for worker, told in sorted(found["workers"].items()):
        text = differing(mine, told["packages"])
        wrong += [f"worker {worker}: {text}"] if text else []
    if wrong:
        raise ClusterError(
            "The Dask cluster has not the packages that this process has.", where=_named(),
            expected="the same versions everywhere", found="\n            ".join(wrong[:5]) + (
                f"\n            and {len(wrong) - 5} more" if len(wrong) > 5 else ""),
            todo="install requirements-cluster.lock for the scheduler and the workers, with the same Python, and start them "
            "again.",
        )  # fmt: skip
    if not found["workers"]:
        raise ClusterError(
            "The Dask cluster has no workers.", where=_named(), expected=f"a worker within {ANSWERS} seconds", found="none",
            todo="start some (`dask worker --nthreads 1`), or wait until the batch system has.",
        )  # fmt: skip


# ----------------------------------------------------------------- what is sent


def sources() -> bytes:
    """The project's package as a zip archive, the same bytes for the same sources."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((paths.REPOSITORY / "stages").rglob("*.py")):
            archive.writestr(zipfile.ZipInfo(path.relative_to(paths.REPOSITORY).as_posix()), path.read_bytes())
    return written.getvalue()


class _Sent:
    """Arrays on the cluster, sent when a fit first needs them and again when no worker has them any more."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.futures: dict[tuple[int, ...], Future] = {}

    def future(self, content: Any, key: tuple[int, ...], broadcast: bool) -> Future:
        future = self.futures.get(key)
        if future is None or future.status != "finished":
            (future,) = self.client.scatter([content], broadcast=broadcast, hash=False)
            self.futures[key] = future
        return future


def _fold(work: Work) -> tuple[np.ndarray, ...]:
    return work.train, work.validation, work.test, work.rows, work.synthetic, work.synthetic_y


def _ids(arrays: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(map(id, arrays))


Told = tuple[str, Model, int, tuple[int, ...], tuple[str, Strategy] | None]


def fitted(payload: bytes, table: tuple[Any, Any], fold: tuple[Any, ...], stakes: Any) -> bytes:
    """One fit, where the worker is; the outcome comes back pickled.

    A search keeps no journal here: where it is killed, it begins again.
    """
    told: Told = pickle.loads(payload)  # noqa: S301  what this very run has sent
    (key, entry, seed, cardinalities, strategy), (X, y) = told, table
    train, validation, test, rows, synthetic, synthetic_y = fold
    work = Work(key, entry, seed, X, y, cardinalities, train, validation, test, rows, synthetic, synthetic_y, strategy,
                stakes)  # fmt: skip
    return pickle.dumps(attempted(lambda: fit(work)))


# ----------------------------------------------------------------- running


def outcomes(client: Client, jobs: Sequence[Job]) -> Iterator[tuple[Place, str, Outcome]]:
    """Fit on the cluster, in the order given; yields place, key and outcome of each fit when it is done.

    Fits over partitioned rows come last, one after another, each on all workers.

    Raises
    ------
    ClusterError
        When the scheduler is lost, or all workers are and none comes back.
    """
    yield from _side_by_side(client, [job for job in jobs if not job[2].distributed])
    if any(work.distributed for *_, work in jobs):
        from stages.remedies import partitioned  # noqa: F401  seconds of imports, which no fit is charged with

    for place, key, work in jobs:
        if work.distributed:
            outcome = attempted(partial(fit, work))
            if client.status != "running":
                raise _lost("The Dask scheduler is lost.", outcome[1])
            yield place, key, outcome


def _side_by_side(client: Client, jobs: Sequence[Job]) -> Iterator[tuple[Place, str, Outcome]]:
    from distributed import wait

    from stages.remedies import shipped

    call, code, expected, sent = shipped.ByValue(shipped.call), sources(), packages(), _Sent(client)
    waiting = deque((job, 0) for job in jobs)
    uses = Counter(_ids(_fold(work)) for *_, work in jobs)
    running: dict[Future, tuple[Job, int, str]] = {}
    seen = time.monotonic()

    def submit(job: Job, worker: str) -> Future:
        work = job[2]
        told: Told = (work.key, work.entry, work.seed, work.cardinalities, work.strategy)
        data = (
            sent.future((work.X, work.y), _ids((work.X, work.y)), broadcast=True),
            sent.future(_fold(work), _ids(_fold(work)), broadcast=False),
            None if work.stakes is None else sent.future(work.stakes, _ids((work.stakes,)), broadcast=True),
        )
        return client.submit(
            call, sent.future(code, (), broadcast=True), expected, (__name__, fitted.__name__), pickle.dumps(told), *data,
            pure=False, workers=[worker], allow_other_workers=True,
        )  # fmt: skip

    try:
        while waiting or running:
            workers = _workers(client)
            seen = time.monotonic() if workers else seen
            if time.monotonic() - seen > PATIENCE:
                raise _lost("All workers of the Dask cluster are lost.", f"no worker for {PATIENCE} seconds")  # noqa: TRY301
            busy = {worker for *_, worker in running.values()}
            for worker in [worker for worker in workers if worker not in busy][: max(len(workers) - len(running), 0)]:
                if waiting:
                    job, lost = waiting.popleft()
                    try:
                        running[submit(job, worker)] = job, lost, worker
                    except TimeoutError:  # it went while the data were on their way
                        waiting.appendleft((job, lost))
            with suppress(TimeoutError, _cancelled()):
                wait(list(running), timeout=LOOKS, return_when="FIRST_COMPLETED") if running else time.sleep(LOOKS)
            for future in [future for future in running if future.done()]:
                job, lost, worker = running.pop(future)
                outcome = _outcome(future)
                if outcome is None:  # what it needs was on a lost worker alone
                    lost += worker not in _workers(client)
                    if lost < ATTEMPTS:
                        waiting.appendleft((job, lost))
                        continue
                    outcome = FAILED, KILLED, None
                fold = _ids(_fold(job[2]))
                uses[fold] -= 1
                if not uses[fold]:
                    sent.futures.pop(fold, None)
                yield job[0], job[1], outcome
    except Exception as error:
        if not isinstance(error, OSError) and client.status == "running":
            raise
        raise _lost("The Dask scheduler is lost.", reason_of(error)) from None
    finally:
        with suppress(OSError, TimeoutError):
            client.cancel(list(running))


def _workers(client: Client) -> list[str]:
    return sorted(client.nthreads())


def _cancelled() -> type[BaseException]:
    from concurrent.futures import CancelledError

    return CancelledError


def _outcome(future: Future) -> Outcome | None:
    """What became of a fit; None when it has to be done again."""
    from distributed import KilledWorker

    if future.status == "error":
        error = future.exception()
        return FAILED, KILLED if isinstance(error, KilledWorker) else reason_of(error), None
    if future.status != "finished":
        return None
    try:
        answer = future.result()
    except _cancelled():  # the worker that had it was lost before it was fetched
        return None
    if not isinstance(answer, bytes):
        raise ClusterError(
            "A worker of the Dask cluster has not the packages that this process has.", where=_named(),
            expected="the same versions everywhere", found=answer[1],
            todo="install requirements-cluster.lock there, with the same Python, and start it again.",
        )  # fmt: skip
    outcome: Outcome = pickle.loads(answer)  # noqa: S301  what this run's own code has pickled
    return outcome


def _lost(what: str, found: str) -> ClusterError:
    return ClusterError(
        what, where=_named(), expected="a scheduler and workers until the run is over", found=found,
        todo="start them again and run the same again: finished fits are kept.",
    )  # fmt: skip
