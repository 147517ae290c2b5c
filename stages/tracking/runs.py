"""Which runs a store should hold, against those it holds: what to publish, to mark and to remove.

MLflow has no unique key on runs and no transaction over several: two publishers can both write one, and each can undo what
the other has marked. So everything here is a function of the runs that are there and of nothing else: publishers who look
again after they wrote, until nothing is left to do, leave the same runs behind in whatever order they came.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

KEY, CURRENT, KIND = "cell_key", "current", "kind"
PUBLISHER, PUBLISHED, MADE = "publisher", "published_ms", "made_ms"
"""The tags that the bookkeeping reads; times are milliseconds since 1970."""

COMPARISON = "comparison"
"""The kind of the run that is published last, when all cells beside it are there."""

FINISHED, RUNNING = "FINISHED", "RUNNING"
GRACE = 3600.0
"""Seconds for which a run that another machine began may be unfinished before it counts as abandoned."""


@dataclass(frozen=True)
class Seen:
    """A run of ours that a store holds: one with a key, not deleted.

    Attributes
    ----------
    published : int
        When its publisher began to write it.
    made : int
        When the results were made that it shows.
    """

    run_id: str
    key: str
    status: str
    current: bool
    published: int
    publisher: str = ""
    kind: str = ""
    made: int = 0

    @classmethod
    def of(cls, run_id: str, status: str, started: int, tags: Mapping[str, str | None]) -> Seen:
        """A run as a store tells of it; one without times of ours has the time at which it started."""

        def at(name: str) -> int:
            text = tags.get(name) or ""
            return int(text) if text.isdecimal() else started

        return cls(run_id, tags[KEY] or "", status, tags.get(CURRENT) == "true", at(PUBLISHED), tags.get(PUBLISHER) or "",
                   tags.get(KIND) or "", at(MADE))  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What turns the runs that are there into the runs that should be there; keys to publish, run ids for the rest."""

    publish: tuple[str, ...]
    remove: tuple[str, ...]
    mark: tuple[str, ...]
    unmark: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        return not (self.publish or self.remove or self.mark or self.unmark)


def plan(seen: Sequence[Seen], wanted: Sequence[str], shown: Sequence[str] | None = None) -> Plan:
    """Compare the runs that are there with the keys that should be there.

    Of the finished runs with the same key the one that was begun first stays, of those the one with the smallest id.

    Parameters
    ----------
    shown : sequence of str, optional
        The keys whose runs are to be current, where these are not the wanted ones.
    """
    kept: dict[str, Seen] = {}
    remove = []
    for run in sorted(seen, key=lambda run: (run.published, run.run_id)):
        if run.status == FINISHED and run.key not in kept:
            kept[run.key] = run
        elif run.status == FINISHED or abandoned(run):
            remove.append(run.run_id)
    names = set(wanted if shown is None else shown)
    return Plan(
        publish=tuple(key for key in wanted if key not in kept),
        remove=tuple(remove),
        mark=tuple(run.run_id for key, run in kept.items() if key in names and not run.current),
        unmark=tuple(run.run_id for key, run in kept.items() if key not in names and run.current),
    )


def newest_first(seen: Sequence[Seen]) -> list[Seen]:
    """The comparisons by when their results were made: on a server that people share, the first one's cells are current.

    It does not matter when they were published, so that work done without a network takes nothing from newer work.
    """
    finished = [run for run in seen if run.kind == COMPARISON and run.status == FINISHED]
    return sorted(finished, key=lambda run: (run.made, run.key, -run.published, run.run_id), reverse=True)


def unattended(seen: Sequence[Seen], key: str) -> bool:
    """Whether nobody has published a key and nobody is about to."""
    return not any(run.key == key and (run.status == FINISHED or not abandoned(run)) for run in seen)


def publisher() -> str:
    """This process, as a run that it publishes names it."""
    return f"{machine()}:{os.getpid()}"


def machine() -> str:
    """Where process numbers mean what they mean here: the host, and on Linux its start and the container."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8])
        parts.append(Path("/proc/self/ns/pid").readlink().name.strip("pid:[]"))
    return "/".join(parts)


def abandoned(run: Seen) -> bool:
    """Whether nobody is going to finish a run: its publisher was killed, or has been gone for long."""
    host, _, process = run.publisher.rpartition(":")
    if run.status != RUNNING or time.time() - run.published / 1000 > GRACE or not process.isdecimal():
        return True
    return host == machine() and not _another_alive(int(process))


def _another_alive(process: int) -> bool:
    if process == os.getpid():  # a container gives every publisher the same number; this one has begun no run yet
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
