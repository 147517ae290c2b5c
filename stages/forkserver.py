"""The process that `stages.warm` has stages forked from: it imports what they need, once, and does nothing else.

There is one for all that a stage inherits (`warm.identity`): the sources, the interpreter, the folder, the environment, the
limits. It computes nothing, so that forking it is safe. It listens on a socket of Linux's abstract namespace, which
vanishes with it, to its own user alone; a stage whose client is gone is killed; and it ends when nobody has asked for a
stage for some seconds.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

ORDER = ("fetch", "split", "defects", "costs", "resample", "train", "evaluate", "report", "compare", "track")
"""What is imported while nobody asks, in the order in which it will be needed."""


class Server:
    """Forks a stage for each request.

    Parameters
    ----------
    listening : socket
    patience : float
        Seconds without a stage after which it ends.
    """

    def __init__(self, listening: socket.socket, patience: float) -> None:
        self._listening, self._patience = listening, patience
        self._selector = selectors.DefaultSelector()
        self._ahead = imports()
        self._running: set[int] = set()

    def serve(self) -> None:
        """Answer until there has been no request for a while."""
        self._on(self._listening, self._accept)
        while True:
            more = next(self._ahead, False)
            events = self._selector.select(0 if more else None if self._running else self._patience)
            if not (events or more or self._running):
                return
            for key, _ in events:
                key.data()

    def _on(self, source: Any, answer: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, answer)

    def _accept(self) -> None:
        connection, _ = self._listening.accept()
        connection.settimeout(5)
        try:
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            if struct.unpack("3i", peer)[1] != os.getuid():
                connection.close()
                return
            arguments, environment, streams = received(connection)
        except (OSError, ValueError):  # it looked whether somebody is there, and went
            connection.close()
            return
        warm_up(arguments[0])
        gc.collect()
        gc.freeze()  # or the collector would write to every page that parent and child share
        pid = os.fork()
        if pid == 0:
            self._listening.close()
            connection.close()
            stage(arguments, environment, streams)
        for stream in streams:
            os.close(stream)
        with suppress(OSError):
            connection.sendall(b"+")
        connection.settimeout(None)
        ended = os.pidfd_open(pid)
        self._running.add(pid)
        self._on(connection, lambda: self._told(connection, pid))
        self._on(ended, lambda: self._over(connection, pid, ended))

    def _told(self, connection: socket.socket, pid: int) -> None:
        """Hand signals on; whoever is gone wants no result."""
        if pid not in self._running:
            return  # it has ended in the same moment
        told = b""
        with suppress(OSError):
            told = connection.recv(16)
        with suppress(ProcessLookupError):
            for number in told:
                os.kill(pid, number)
            if not told:
                os.killpg(pid, signal.SIGKILL)
        if not told:
            self._selector.unregister(connection)

    def _over(self, connection: socket.socket, pid: int, ended: int) -> None:
        self._selector.unregister(ended)
        os.close(ended)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # what a stage that was killed leaves behind
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(KeyError):
            self._selector.unregister(connection)
        with suppress(OSError):
            connection.sendall((128 - status if status < 0 else status).to_bytes(8, "little", signed=True))
        connection.close()
        self._running.remove(pid)


def received(connection: socket.socket) -> tuple[list[str], dict[str, str], list[int]]:
    """A request: the stage with its arguments, the environment, and the three standard streams."""
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


def imports() -> Iterator[bool]:
    """Import what one stage after the other will need."""
    for name in ORDER:
        warm_up(name)
        yield True


def warm_up(name: str) -> None:
    """Import a stage's script and what it names itself; what cannot be imported is for the stage to say."""
    if f"stages.{name}" in sys.modules:
        return
    with suppress(BaseException), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(importlib.import_module(f"stages.{name}"), "warm_up", lambda: None)()


def stage(arguments: list[str], environment: dict[str, str], streams: list[int]) -> None:
    """Run a stage as `python -m` would, in a process of its own, and end it."""
    status: Any = 1
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        for position, stream in enumerate(streams):
            os.dup2(stream, position)
            os.close(stream)
        sys.stdin, sys.stdout, sys.stderr = (  # those of the server were made for its own streams
            open(position, mode, buffering, closefd=False, errors=errors)  # noqa: SIM115
            for position, mode, buffering, errors in (
                (0, "r", -1, None), (1, "w", 1 if os.isatty(1) else -1, None), (2, "w", 1, "backslashreplace"),
            )
        )  # fmt: skip
        os.environ.clear()
        os.environ.update(environment)
        name = f"stages.{arguments[0]}"
        sys.argv = [name, *arguments[1:]]
        sys.modules.pop(name, None)
        runpy.run_module(name, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        if status is not None and not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
        with suppress(BaseException):
            for thread in threading.enumerate():  # the interpreter's own way out, but for what a fork does not have
                if thread is not threading.main_thread() and not thread.daemon:
                    thread.join()
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status or 0)


def main() -> None:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(f"\0{sys.argv[1]}")
    except OSError:  # another was faster
        return
    listening.listen(64)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # stages answer to these; it ends by itself
    Server(listening, float(sys.argv[2])).serve()


if __name__ == "__main__":
    main()
