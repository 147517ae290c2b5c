"""Processes that end with the one that they work for, however that one ends."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

SHELLS = {"sh", "bash", "dash", "zsh", "fish", "ksh"}
LOOK_SECONDS = 0.5


def end_with_dvc() -> None:
    """End this process when the `dvc` that runs it as a stage ends; nothing where it is run by
    hand."""
    if "DVC_STAGE" in os.environ:
        end_with(_caller())


def end_with(process: int) -> None:
    """End this process at once when another one ends."""
    threading.Thread(target=_wait_and_end, args=(process,), daemon=True).start()


def _wait_and_end(process: int) -> None:
    try:
        select.select([os.pidfd_open(process)], [], [])  # readable when it has ended
    except ProcessLookupError:
        pass
    except (AttributeError, OSError):  # not Linux
        while is_alive(process):
            time.sleep(LOOK_SECONDS)
    os._exit(1)


def is_alive(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _caller() -> int:
    """The process that asked for this one, beyond the shell in between (DVC runs each command in
    one)."""
    process = os.getppid()
    if sys.platform == "linux":
        with suppress(OSError):
            while Path(f"/proc/{process}/comm").read_text().strip() in SHELLS:
                process = int(
                    Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1]
                )
    return process
