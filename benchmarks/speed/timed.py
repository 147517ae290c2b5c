"""A command as a black box: wall and CPU seconds, the peak memory of all its processes, and when it
said what."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
from tqdm import tqdm

from counterpoise.core.errors import ResultError

EVERY = 0.25
"""Seconds between two looks at the memory."""
LIMIT = 4 * 3600.0
"""Seconds after which a command counts as hung."""
LAST = 20
"""Lines that are shown of a command that failed."""


class Line(NamedTuple):
    """What was printed, and how many seconds after the start."""

    seconds: float
    text: str


class Timed(NamedTuple):
    """What a command took.

    Attributes
    ----------
    seconds, cpu_seconds : float
        Wall, and CPU of all its processes.
    peak_bytes : int
        The largest sum of the resident memory of its processes; what two of them share counts
        twice.
    lines : list of Line
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    lines: list[Line]

    @property
    def figures(self) -> dict[str, float]:
        return {
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "peak_bytes": self.peak_bytes,
        }


def environment(**variables: str) -> dict[str, str]:
    """The variables that a command runs with: none that would send its results or its bytes
    elsewhere."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(
            ("MLFLOW", "COUNTERPOISE", "DASK", "DVC", "PYTHONPATH", "GIT_", "VIRTUAL_ENV", "LOKY")
        )
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**mine, "PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONUNBUFFERED": "1", **variables}


def run(
    command: Sequence[str],
    folder: Path,
    variables: dict[str, str],
    label: str,
    limit: float = LIMIT,
) -> Timed:
    """Run a command and measure it.

    Raises
    ------
    ResultError
        When it fails or does not end.
    """
    lines: deque[Line] = deque()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )

    def listen() -> None:
        assert process.stdout is not None
        for text in process.stdout:
            lines.append(Line(time.perf_counter() - start, text.rstrip()))

    ear = threading.Thread(target=listen, daemon=True)
    ear.start()
    peak = 0
    bar_format = "{desc}: {elapsed} {postfix}"
    try:
        with tqdm(desc=label, bar_format=bar_format, leave=False, disable=None) as bar:
            while process.poll() is None:
                peak = max(peak, _resident(_family(process.pid)))
                bar.set_postfix_str(lines[-1].text[:60] if lines else "")
                if time.perf_counter() - start > limit:
                    raise _failed(command, lines, f"it had not ended after {limit:g} s")
                with suppress(subprocess.TimeoutExpired):
                    process.wait(EVERY)
        seconds = time.perf_counter() - start
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        ear.join(5)  # what it started and left behind may hold the pipe open
        if process.stdout is not None and not ear.is_alive():
            process.stdout.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise _failed(command, lines, f"exit status {process.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{label}: {seconds:.1f} s, {cpu:.1f} s of CPU, {peak / 1e6:.0f} MB", flush=True)
    return Timed(seconds, cpu, peak, list(lines))


def _family(pid: int) -> list[psutil.Process]:
    """A command's process and all below it."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def _resident(processes: list[psutil.Process]) -> int:
    """Their resident memory; a process that has just ended has none."""
    total = 0
    for process in processes:
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def _failed(command: Sequence[str], lines: deque[Line], found: str) -> ResultError:
    said = "\n".join(
        f"{'' if k == 0 else ' ' * 12}{line.text}" for k, line in enumerate(list(lines)[-LAST:])
    )
    return ResultError(
        "A command that was to be measured failed.",
        where=" ".join(map(str, command)),
        expected="exit status 0",
        found=f"{found}; the last that it said:\n            {said}",
        todo="mend what it says, and run the same again with --only for this part.",
    )
