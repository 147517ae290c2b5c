"""A stage that stays when it is done and is asked for the next one of its kind, by the process that it was forked from.

What it has read, and its processes with what they are at, serve the next one too. `stages.forkserver` is the other end.
"""

from __future__ import annotations

import json
import os
import socket
import sys

TAKEN, STAYS, ENDS = b"!", b"+", b"-"
"""What a stage says: that it has taken over what it was handed, and when it is done."""

OWN = frozenset({"DVC_STAGE", "PWD", "OLDPWD", "SHLVL", "_", "COLUMNS", "LINES", "PYTEST_CURRENT_TEST"})
"""Variables that may differ from stage to stage."""

BEGAN = dict(os.environ)
"""The environment before any library was loaded."""

control: socket.socket | None = None
"""Where a stage hears of the next one; None where it is to end when it is done."""


def done(*, stays: bool) -> None:
    """Tell that the stage is done well, and let go of its streams."""
    assert control is not None
    sys.stdout.flush()
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for position in range(3):
        os.dup2(nowhere, position)
    os.close(nowhere)
    control.sendall(STAYS if stays else ENDS)


def asked() -> list[str] | None:
    """The stage that is asked for now, with its arguments, its streams and its environment taken over; None for no more."""
    assert control is not None
    try:
        arguments, environment, streams = received(control)
    except (OSError, ValueError):
        return None
    for position, stream in enumerate(streams):
        os.dup2(stream, position)
        os.close(stream)
    take_over(environment)
    control.sendall(TAKEN)
    return arguments


def take_over(environment: dict[str, str]) -> None:
    """Have the environment of who asks, with what libraries that are loaded have set for themselves.

    JAX is told so how many threads it may use, and reads it long after it is loaded.
    """
    set_since = {name: value for name, value in os.environ.items() if name not in OWN and BEGAN.get(name) != value}
    os.environ.clear()
    os.environ.update(environment | set_since)


def received(connection: socket.socket) -> tuple[list[str], dict[str, str], list[int]]:
    """A request: the stage with its arguments, the environment, and the three standard streams.

    Raises
    ------
    ValueError
        Where it is none, or half of one.
    """
    head, streams, _, _ = socket.recv_fds(connection, 8, 3)
    if len(head) < 8 or len(streams) != 3:
        raise ValueError("no request")
    request, left = b"", int.from_bytes(head, "little")
    while len(request) < left:
        piece = connection.recv(min(left - len(request), 2**16))
        if not piece:
            raise ValueError("half a request")
        request += piece
    content = json.loads(request)
    return content["argv"], content["environ"], streams


def send(connection: socket.socket, arguments: list[str], environment: dict[str, str], streams: list[int]) -> None:
    """Send what `received` understands."""
    request = json.dumps({"argv": arguments, "environ": environment}).encode()
    socket.send_fds(connection, [len(request).to_bytes(8, "little")], streams)
    connection.sendall(request)
