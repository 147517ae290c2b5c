"""The cell store: fitted cells by the hash of their inputs, so that a changed model refits itself alone.

Git and DVC ignore it; it is bounded in size and may be deleted at any time. A stage that was killed goes on where it
stopped. A fit that failed is not kept: it is tried again.
"""

from __future__ import annotations

import platform
import sys
import time
import warnings

import numpy as np
from joblib import Memory
from joblib.memory import MemorizedFunc

from stages import files, paths
from stages.closure import code_digest
from stages.config import CPU
from stages.remedies.fit import Fitted, Work, fit

LIMIT_BYTES = 512 * 2**20
"""Beyond this the cells used longest ago are dropped; a cell of the default grid has about 30 KB."""


EVERY = 60.0
"""Seconds between two looks at how much there is: thousands of cells take half a second to add up."""
TIDIED = paths.STORE / "tidied"

JOURNALS = paths.STORE.absolute() / "searches"
"""The finished trials of searches under way."""

FORGOTTEN = 30 * 86400
"""Seconds after which nobody goes on with a search."""


def _fit(key: str, work: Work | Fitted) -> Fitted:
    if isinstance(work, Fitted):
        return work
    journal = JOURNALS / f"{key}.log" if work.entry.search is not None else None
    fitted = fit(work, journal)
    if journal is not None:  # killed before joblib has written the result, the search is done again
        journal.unlink(missing_ok=True)
    return fitted


def opened() -> MemorizedFunc:
    """A function (key, work) that fits, or returns what was fitted under this key before."""
    return Memory(paths.STORE.absolute(), verbose=0).cache(_fit, ignore=["work"])


def has(store: MemorizedFunc, key: str) -> bool:
    return bool(store.check_call_in_cache(key, None))


def keep(store: MemorizedFunc, key: str, fitted: Fitted) -> None:
    """Keep what was fitted elsewhere, as if it had been fitted here."""
    store(key, fitted)


def tidy() -> None:
    """Drop the cells used longest ago until the store is within its limit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a cell that another process has just dropped is no concern
        Memory(paths.STORE, verbose=0).reduce_size(bytes_limit=LIMIT_BYTES)
    for journal in JOURNALS.glob("*.log"):
        if time.time() - journal.stat().st_mtime > FORGOTTEN:
            journal.unlink(missing_ok=True)
    TIDIED.touch()


def untidy() -> bool:
    """Whether it is time to tidy again."""
    return not TIDIED.exists() or time.time() - TIDIED.stat().st_mtime > EVERY


def environment() -> str:
    """What else a fit depends on: its code, the locked packages, the interpreter and the processor's kind."""
    lock = paths.REPOSITORY / "requirements.lock"
    return files.digest(
        code_digest("stages.remedies.fit"), lock.read_bytes(), sys.version.split()[0], platform.machine()
    )


def inputs(*arrays: np.ndarray) -> str:
    """One hash for the content, type and shape of arrays."""
    parts: list[bytes | str | memoryview] = []
    for array in arrays:
        whole = np.ascontiguousarray(array)
        parts += [str((whole.dtype.str, whole.shape)), whole.data.cast("B") if whole.size else b""]
    return files.digest(*parts)


def key(work: Work, table: str, fold: str, environment: str) -> str:
    """The key of a cell: everything that its scores follow from, and no other cell's."""
    entry = work.entry.model_dump(exclude={"strategies", "calibration", "device"}, exclude_none=True)
    entry |= {"model": work.entry.model or work.key, "seed": work.seed}
    if work.device != CPU:
        entry["device"] = work.device
    if work.searches_ratio and work.strategy is not None:
        entry["strategy"] = [work.strategy[0], work.strategy[1].model_dump()]
    if work.distributed:
        entry["distributed"] = True
    costs = "" if work.stakes is None else inputs(work.stakes)
    return files.digest(environment, table, fold, costs, files.canonical([entry, work.cardinalities]))
