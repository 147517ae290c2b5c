"""Run a stage in a process that has its libraries loaded: `python -m stages.warm train mammography smote`.

A stage's own work often takes less time than importing pandas, scikit-learn, XGBoost and matplotlib. The first stage of a
`dvc repro` starts a process that imports them once, and every stage is forked from that (see `stages.forkserver`). It ends
by itself ten seconds after the last stage; COUNTERPOISE_WARM says how many instead. Where there is none (anywhere but on
Linux, or with COUNTERPOISE_WARM=0) a stage runs as `python -m stages.train` runs it. Results are the same bytes either way.
"""

# Nothing heavy is imported here: this runs once a stage.
from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

SWITCH = "COUNTERPOISE_WARM"
SECONDS = 10.0
"""That the process stays when nobody asks for a stage; DVC's own work between two stages takes less."""
EARLY = ("code",)
"""Runs by itself, at once, and has the process started meanwhile for the stages after it."""
MODEST = ("track",)
"""Mostly there is nothing to do: it uses the process where there is one, and starts none."""
PATIENCE = 60.0
"""Seconds that it may take to import what a stage needs."""

USAGE = "usage: python -m stages.warm STAGE [ARGUMENT ...]"


def identity() -> str:
    """One name for all that a stage takes over from the process that it is forked from."""
    import hashlib
    import resource

    from stages.staying import OWN

    here = Path(__file__).parent
    sources = sorted((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in here.rglob("*.py"))
    umask = os.umask(0o077)
    os.umask(umask)
    limits = [resource.getrlimit(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_NOFILE)]
    inherited = [
        sources, sys.executable, sys.flags, sys.warnoptions, Path.cwd(), umask, limits, os.getuid(),
        sorted(os.sched_getaffinity(0)), os.getpriority(os.PRIO_PROCESS, 0), Path("/proc/self/cgroup").read_text(),
        sorted((name, value) for name, value in os.environ.items() if name not in OWN),
    ]  # fmt: skip
    return "counterpoise-" + hashlib.sha256(repr(inherited).encode()).hexdigest()


def connected(name: str) -> socket.socket | None:
    """A connection to the process of this name; None where there is none, or it is another user's."""
    import socket
    import struct

    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(f"\0{name}")
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        if struct.unpack("3i", peer)[1] == os.getuid():
            return connection
    except OSError:
        pass
    connection.close()
    return None


def patience() -> float:
    """Seconds that the process stays; 0 where there is to be none."""
    if sys.platform != "linux":
        return 0
    try:
        return max(0.0, float(os.environ.get(SWITCH) or SECONDS))
    except ValueError:
        return SECONDS


def start(name: str) -> None:
    """Start the process, apart from this one's terminal, pipes and signals."""
    import subprocess

    command = [sys.executable, "-m", "stages.forkserver", name, str(patience())]
    subprocess.Popen(command, stdin=subprocess.DEVNULL,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip


def started(name: str) -> socket.socket | None:
    """A connection to the process of this name, started if need be; None where it does not start."""
    from time import monotonic, sleep

    connection, until = connected(name), monotonic() + 5
    if connection is None:
        start(name)
    while connection is None and monotonic() < until:
        sleep(0.01)
        connection = connected(name)
    return connection


def forked(connection: socket.socket, arguments: list[str]) -> int | None:
    """Have a stage run and return its exit status; None where nobody has begun to run it."""
    import threading

    from stages import staying

    connection.settimeout(PATIENCE)
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        staying.send(connection, arguments, dict(os.environ), [0, 1, 2])
        if connection.recv(1) != b"+":
            return None
    except OSError:
        return None
    connection.settimeout(None)
    sending = threading.Lock()

    def hand_on(number: int, _frame: object) -> None:
        with sending:
            connection.send(bytes([number]))

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, hand_on)
    answer = connection.recv(8)
    if len(answer) < 8:
        print(f"error: the process that ran stage {arguments[0]} has gone.", file=sys.stderr)
        return 1
    return int.from_bytes(answer, "little", signed=True)


def alone(arguments: list[str]) -> None:
    """Run a stage in this process, as `python -m` would."""
    import runpy

    stage = f"stages.{arguments[0]}"
    sys.argv = [stage, *arguments[1:]]
    runpy.run_module(stage, run_name="__main__", alter_sys=True)


def main() -> int:
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"{USAGE}\n\n{__doc__}", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    stage = arguments[0]
    if not stage.isidentifier() or not (Path(__file__).parent / f"{stage}.py").is_file():
        print(f"error: there is no stage {stage!r}.\n{USAGE}", file=sys.stderr)
        return 2
    if patience():
        name = identity()
        if stage in EARLY:
            if (there := connected(name)) is None:
                start(name)
            else:
                there.close()
        else:
            connection = connected(name) if stage in MODEST else started(name)
            status = None if connection is None else forked(connection, arguments)
            if status is not None:
                return status
    alone(arguments)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
