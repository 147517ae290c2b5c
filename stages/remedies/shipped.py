"""What crosses to a Dask cluster by value, and so stands on the standard library and Dask alone.

A worker runs `call` before it has the project's sources: it unpacks them, imports them and hands the work over. They lie
in a folder named after their content, below the worker's own. A worker that has imported others, of an earlier run or of
somebody else's, forgets those first; since one fit runs at a time in a process, nobody is in the middle of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import io
import json
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

PACKAGE = "stages"
OTHER = "other"
"""The first word of an answer that says what is wrong with the worker."""


class ByValue:
    """A function that is whole where its module is not installed."""

    def __init__(self, function: Any) -> None:
        import cloudpickle

        module = sys.modules[function.__module__]
        cloudpickle.register_pickle_by_value(module)
        try:
            self.loads, self.content = cloudpickle.loads, cloudpickle.dumps(function)
        finally:
            cloudpickle.unregister_pickle_by_value(module)

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        return self.loads, (self.content,)

    def __call__(self, *_: Any) -> None:
        """Dask asks for something that can be called; what it calls is the function itself."""


def call(
    sources: bytes, expected: dict[str, str], entrance: tuple[str, str], payload: bytes, *data: Any
) -> bytes | tuple[str, str]:
    """Call a function of the sources, one at a time in this process.

    Parameters
    ----------
    sources : bytes
        A zip archive that holds the package.
    expected : dict of str to str
        The packages that have to be here, each with its version.
    entrance : (str, str)
        Module and name of the function.
    payload : bytes
        Its first argument, for itself to unpickle: before this, the classes are not known here.
    data
        Its other arguments.
    """
    from distributed import get_worker
    from distributed.versions import get_versions

    worker: Any = get_worker()
    with vars(worker).setdefault("counterpoise_one_at_a_time", threading.Lock()):
        wrong = differing(expected, get_versions([name for name in expected if name != "python"])["packages"])
        if wrong:
            return OTHER, f"{worker.address}: {wrong}"
        enter(sources, Path(worker.local_directory))
        module, name = entrance
        answer: bytes = getattr(importlib.import_module(module), name)(payload, *data)
        return answer


def differing(expected: dict[str, str], found: dict[str, str | None]) -> str:
    """Which packages are missing or of another version, as a text; nothing where all is well."""
    return ", ".join(
        f"{name} {found.get(name) or 'not installed'} instead of {version}"
        for name, version in expected.items()
        if found.get(name) != version
    )


def enter(sources: bytes, folder: Path) -> None:
    """Make the sources what is imported from here on."""
    mine = folder / f"sources-{hashlib.sha256(sources).hexdigest()[:16]}"
    loaded = getattr(sys.modules.get(PACKAGE), "__file__", None)
    if loaded is not None and Path(loaded).parents[1] == mine:
        return
    if not mine.is_dir():
        part = mine.with_suffix(".part")
        with zipfile.ZipFile(io.BytesIO(sources)) as archive:
            archive.extractall(part)
        part.rename(mine)
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    sys.path[:] = [str(mine), *(path for path in sys.path if Path(path).parent != folder)]
    importlib.invalidate_caches()


PROCESS = "process"
TRACKER = """
import json, os, sys, threading, time
sys.modules["sklearn"] = None  # a second of imports that XGBoost does without
from xgboost.tracker import RabitTracker
workers, host = json.loads(sys.argv[1])
parent = os.getppid()
tracker = RabitTracker(n_workers=workers, host_ip=host, sortby="task")
tracker.start()
print(json.dumps(tracker.worker_args()), flush=True)
waiting = threading.Thread(target=tracker.wait_for, daemon=True)
waiting.start()
while waiting.is_alive() and os.getppid() == parent:
    time.sleep(1)
os._exit(0)
"""


async def tracking(workers: int, host: str) -> dict[str, Any]:
    """Start, on the scheduler's machine, what XGBoost's workers find each other by.

    Returns what they have to know, and under `PROCESS` the process' id.

    It is a process of its own: XGBoost's tracker aborts the process that it runs in when a worker is lost while the workers
    are meeting, and xgboost.dask would run it in the scheduler.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TRACKER, json.dumps([workers, host]),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(
            "XGBoost's tracker does not start where the scheduler is: xgboost has to be installed there too"
        )
    told: dict[str, Any] = json.loads(line)
    return {**told, PROCESS: process.pid}
