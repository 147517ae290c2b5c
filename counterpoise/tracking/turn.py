"""Mutual exclusion of the publishers of a dataset on a server, by a tag of the experiment.

MLflow can set a tag, but cannot compare and set one. So a publisher sets the tag, waits for longer
than a request takes, and has the turn if the tag still holds its name (Lamport 1987, "A fast mutual
exclusion algorithm", after Fischer). Should two write at once, the last one to finish removes the
duplicate runs.
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
"""Wait between setting the tag and reading it again."""
POLL_SECONDS = 1.0
"""Wait between two attempts to take the turn."""
RENEW_SECONDS = 30.0
"""Age from which on the turn's time stamp is renewed."""
STALE_SECONDS = 300.0
"""Age from which on a turn is taken over: its publisher was probably killed on another machine."""
WAIT_SECONDS = 600.0
"""Longest wait for other publishers, on a server and for an SQLite file."""


class Turn:
    """The turn of this process to write the runs of a dataset.

    Parameters
    ----------
    read : callable of () to str
        Returns the content of the tag; empty where it is not set.
    write : callable of (str)
        Sets the tag.
    """

    def __init__(self, read: Callable[[], str], write: Callable[[str], object]) -> None:
        self._read, self._write = read, write
        self._renewed, self._mine = 0.0, ""

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, and hold it until the context ends.

        Yields
        ------
        None

        Raises
        ------
        TimeoutError
            When others have held it for `WAIT_SECONDS`.
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
            with suppress(Exception):  # without the server, the turn expires by itself
                if self._mine and self._read() == self._mine:
                    self._write("")

    def renew(self) -> None:
        """Renew the time stamp of the turn if it is older than `RENEW_SECONDS`.

        Without renewal, others take the turn over after `STALE_SECONDS`.
        """
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
    """Whether the publisher that a tag names still holds the turn.

    Parameters
    ----------
    tag : str
        The publisher's name (`publisher`), a space and the time of the last renewal.
    now : float
        The present time; both times are seconds since 1970.

    Returns
    -------
    bool
        False for an empty tag and for a stale turn. On this machine, False also where the process
        has ended; on another one, the process is assumed to be alive.
    """
    name, _, renewed = tag.rpartition(" ")
    host, _, process = name.rpartition(":")
    if not (process.isdecimal() and renewed.isdecimal()) or abs(now - int(renewed)) > STALE_SECONDS:
        return False
    return host != machine() or _another_lives(int(process))


def publisher() -> str:
    """The name of this process among publishers.

    Returns
    -------
    str
        `machine:process number`.
    """
    return f"{machine()}:{os.getpid()}"


def machine() -> str:
    """The scope in which process numbers are unique.

    Returns
    -------
    str
        The host; on Linux also the start of its system and the process namespace of the container.
    """
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8])
        parts.append(Path("/proc/self/ns/pid").readlink().name.strip("pid:[]"))
    return "/".join(parts)


def _another_lives(process: int) -> bool:
    # A tag with our own number is of a former process, since we have no turn yet: containers often
    # give each publisher the same number.
    if process == os.getpid():
        return False
    if os.name == "nt":  # on Windows, signal 0 would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it exists, and belongs to another user
        return True
    return True
