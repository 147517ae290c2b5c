"""One publisher at a time writes the runs of a dataset on a server: who has the turn is a tag of
the experiment.

MLflow can set a tag but not compare and set one. So a publisher sets it, waits for longer than a
request takes, and has the turn if the tag still bears its name (Lamport 1987, "A fast mutual
exclusion algorithm", after Fischer). Were two to write all the same, the last of them to finish
removes what is there twice.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TAG = "counterpoise.publisher"
SETTLE_SECONDS = 2.0
"""Between setting the tag and looking whether it stayed."""
POLL_SECONDS = 1.0
RENEW_SECONDS = 30.0
STALE_SECONDS = 300.0
"""A turn that was not renewed for so long is taken over: its publisher was killed on another
machine."""
WAIT_SECONDS = 600.0
"""To wait for others at the most, on a server and for an SQLite file."""


class Turn:
    """The turn of this process to write the runs of a dataset.

    Parameters
    ----------
    read : callable
        Gives the content of the tag.
    write : callable
        Sets it.
    """

    def __init__(self, read: Callable[[], str], write: Callable[[str], object]) -> None:
        self._read, self._write = read, write
        self._renewed, self._mine = 0.0, ""

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn and have it.

        Raises
        ------
        TimeoutError
            When others have had it for `WAIT_SECONDS`.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        try:
            while not self._take():
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"{self._read()} has been publishing for {WAIT_SECONDS:.0f} s"
                    )
                time.sleep(POLL_SECONDS)
            yield
        finally:
            with suppress(Exception):  # where the server is gone, the turn ends by itself
                if self._mine and self._read() == self._mine:
                    self._write("")

    def renew(self) -> None:
        """Say that the publisher is alive."""
        if time.monotonic() - self._renewed > RENEW_SECONDS:
            self._set()

    def _take(self) -> bool:
        if held(self._read(), time.time()):
            return False
        self._set()
        time.sleep(SETTLE_SECONDS)
        return self._read() == self._mine

    def _set(self) -> None:
        self._renewed, self._mine = time.monotonic(), f"{publisher()} {time.time():.0f}"
        self._write(self._mine)


def held(tag: str, now: float) -> bool:
    """Whether the publisher that a tag names is at work, as far as this machine can tell."""
    name, _, renewed = tag.rpartition(" ")
    host, _, process = name.rpartition(":")
    if not (process.isdecimal() and renewed.isdecimal()) or abs(now - int(renewed)) > STALE_SECONDS:
        return False
    return host != machine() or _another_lives(int(process))


def publisher() -> str:
    """The name of this process among publishers."""
    return f"{machine()}:{os.getpid()}"


def machine() -> str:
    """Where process numbers mean what they mean here: the host, and on Linux its start and the
    container."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8])
        parts.append(Path("/proc/self/ns/pid").readlink().name.strip("pid:[]"))
    return "/".join(parts)


def _another_lives(process: int) -> bool:
    # a container gives every publisher the same number; this one has no turn yet
    if process == os.getpid():
        return False
    if os.name == "nt":  # where asking a process with signal 0 ends it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
