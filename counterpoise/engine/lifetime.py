"""Processes that end with the process that they work for, however that process ends."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

SHELLS = {"sh", "bash", "dash", "zsh", "fish", "ksh"}
POLL_SECONDS = 0.5
"""Time between two checks of the other process, where it has to be polled."""


def end_with_dvc() -> None:
    """End this process when the `dvc` that runs it as a stage ends.

    Without effect where the stage is run by hand.
    """
    if "DVC_STAGE" in os.environ:
        end_with(_caller())


def end_with(process: int) -> None:
    """End this process at once when another one ends.

    Parameters
    ----------
    process : int
        The number of the other process on this machine.
    """
    threading.Thread(target=_wait_and_end, args=(process,), daemon=True).start()


def _wait_and_end(process: int) -> None:
    """Wait in a daemon thread for the end of a process, then exit without cleaning up."""
    try:
        select.select([os.pidfd_open(process)], [], [])  # readable when it has ended
    except ProcessLookupError:
        pass
    except (AttributeError, OSError):  # not Linux
        while is_alive(process):
            time.sleep(POLL_SECONDS)
    os._exit(1)


def is_alive(process: int) -> bool:
    """Check whether a process of this number exists on this machine.

    Parameters
    ----------
    process : int

    Returns
    -------
    bool
    """
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it exists, and belongs to another user
        pass
    return True


def _caller() -> int:
    """The process that started this one, above the shell in between.

    DVC runs each command in a shell.
    """
    process = os.getppid()
    if sys.platform == "linux":
        with suppress(OSError):
            while Path(f"/proc/{process}/comm").read_text().strip() in SHELLS:
                # the command in brackets may contain spaces; after it stand state and parent
                process = int(
                    Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1]
                )
    return process
