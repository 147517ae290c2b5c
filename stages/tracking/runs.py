"""Which runs a store should hold, against those it holds: what to publish, to mark and to remove."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

KEY, CURRENT, PUBLISHER = "cell_key", "current", "publisher"
"""The tags that the bookkeeping reads."""

FINISHED, RUNNING = "FINISHED", "RUNNING"
GRACE = 3600.0
"""Seconds for which a run that another machine began may be unfinished before it counts as abandoned."""


@dataclass(frozen=True)
class Seen:
    """A run of ours that a store holds: one with a key, not deleted."""

    run_id: str
    key: str
    status: str
    current: bool
    started: int
    """Milliseconds since 1970."""
    publisher: str = ""


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


def plan(seen: Sequence[Seen], wanted: Sequence[str]) -> Plan:
    """Compare the runs that are there with the keys that should be there.

    MLflow has no unique key on runs, so two publishers can both write one: of the finished runs with the same key the one
    that started first stays, of those the one with the smallest id. Everybody who follows the rule keeps the same run.
    """
    kept: dict[str, Seen] = {}
    remove = []
    for run in sorted(seen, key=lambda run: (run.started, run.run_id)):
        if run.status == FINISHED and run.key not in kept:
            kept[run.key] = run
        elif run.status == FINISHED or abandoned(run):
            remove.append(run.run_id)
    names = set(wanted)
    return Plan(
        publish=tuple(key for key in wanted if key not in kept),
        remove=tuple(remove),
        mark=tuple(run.run_id for key, run in kept.items() if key in names and not run.current),
        unmark=tuple(run.run_id for key, run in kept.items() if key not in names and run.current),
    )


def publisher() -> str:
    """This process, as a run that it publishes names it."""
    return f"{socket.gethostname()}:{os.getpid()}"


def abandoned(run: Seen) -> bool:
    """Whether nobody is going to finish a run: its publisher was killed, or has been gone for long."""
    host, _, process = run.publisher.rpartition(":")
    if run.status != RUNNING or time.time() - run.started / 1000 > GRACE or not process.isdecimal():
        return True
    return host == socket.gethostname() and not _another_alive(int(process))


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
