"""A Dask scheduler and its workers on loopback, each a process of its own, started by Dask's own
commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from counterpoise.core.paths import REPOSITORY
from tests.helpers.servers import free_port, serving

MEMORY = "900MiB"
"""What one worker may hold: three times what the libraries take."""


@contextmanager
def scheduling(folder: Path, **variables: str) -> Iterator[str]:
    """The address of a scheduler."""
    port = free_port()
    command = _python(
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-dashboard",
    )
    with serving(command, port, folder / "scheduler.log", _environment(variables)):
        yield f"tcp://127.0.0.1:{port}"


@contextmanager
def working(
    address: str, folder: Path, count: int = 1, options: tuple[str, ...] = (), **variables: str
) -> Iterator[None]:
    """So many workers of one thread each, under a nanny that starts a lost one again."""
    with ExitStack() as stack:
        for _ in range(count):
            port = free_port()
            command = _python(
                "distributed.cli.dask_worker",
                address,
                "--nthreads",
                "1",
                "--memory-limit",
                MEMORY,
                "--host",
                "127.0.0.1",
                "--nanny-port",
                str(port),
                "--no-dashboard",
                "--local-directory",
                str(folder / str(port)),
                options=options,
            )
            stack.enter_context(
                serving(command, port, folder / f"worker-{port}.log", _environment(variables))
            )
        yield


def _python(module: str, *words: str, options: tuple[str, ...] = ()) -> list[str]:
    safe_path = "-P"  # what is imported is not what lies in the working directory
    return [sys.executable, safe_path, *options, "-m", module, *words]


def _environment(variables: dict[str, str]) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("DASK", "PYTHON"))
    }
    here = {"PYTHONPATH": str(REPOSITORY), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    return {**kept, **here, **variables}
