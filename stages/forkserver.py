"""The process that `stages.warm` has stages forked from: it imports what they need, once, and does nothing else.

There is one for all that a stage inherits (`warm.identity`): the sources, the interpreter, the folder, the environment, the
limits. It computes nothing, so that forking it is safe. It listens on a socket of Linux's abstract namespace, which
vanishes with it, to its own user alone; a stage whose client is gone is killed; and it ends when nobody has asked for a
stage for some seconds. A stage of STAY may stay when it is done and is then handed the next one on the same dataset; it is
ended when any other is asked for, or none for some seconds.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import math
import os
import runpy
import selectors
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from stages import staying

ORDER = ("fetch", "split", "defects", "costs", "resample", "train", "evaluate", "report", "compare", "track")
"""What is imported while nobody asks, in the order in which it will be needed."""
PIECES = {
    "split": ("scipy.linalg", "scipy.sparse.linalg", "scipy.spatial", "scipy.optimize", "scipy.integrate",
              "scipy.ndimage", "scipy.stats", "sklearn.base"),
}  # fmt: skip
"""What a stage imports at length, one after the other: a request that comes meanwhile waits for one of them, not for all."""
LAST, WHILE = "track", "train"
"""MLflow takes a second, for which the short stages before would wait: it is imported once a long one runs."""


STAY = ("train",)
STAYS = 3.0
"""Seconds that a stage stays when it is done; DVC's own work between two stages takes less."""


Request = tuple[list[str], dict[str, str], list[int]]


@dataclass
class Stage:
    """A process that runs a stage, or has run one and waits for the next.

    Attributes
    ----------
    client : socket or None
        Who waits for it.
    control : socket or None
        Where it is told of the next one and says that it is done.
    handed : bool
        Whether it runs another stage than its first.
    request : tuple, optional
        What it was handed and has not taken over yet: arguments, environment and streams.
    until : float
        When it has stayed long enough, in seconds of the monotonic clock; for ever where it is about to end.
    """

    pid: int
    arguments: list[str]
    client: socket.socket | None
    control: socket.socket | None
    handed: bool = False
    request: Request | None = None
    until: float = math.inf

    @property
    def stays(self) -> bool:
        """Whether it waits for the next one."""
        if self.client is not None or math.isinf(self.until):
            return False
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None  # it has not been killed


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
        self._ahead = [piece for name in ORDER for piece in (*PIECES.get(name, ()), f"stages.{name}")]
        self._asked: set[str] = set()
        self._stages: dict[int, Stage] = {}

    def serve(self) -> None:
        """Answer until there has been no request for a while."""
        self._on(self._listening, self._accept)
        while True:
            more = self._import()
            events = self._selector.select(0 if more else self._timeout())
            if not (events or more or self._stages):
                return
            for key, _ in events:
                key.data()
            for stage in self._stages.values():
                if stage.until <= time.monotonic():
                    self._dismiss(stage)

    def _import(self) -> bool:
        """Import one more thing that a stage will need; whether there was one."""
        if not self._ahead or (self._ahead[0] == f"stages.{LAST}" and WHILE not in self._asked):
            return False
        warm_up(self._ahead.pop(0))
        return True

    def _timeout(self) -> float | None:
        if not self._stages:
            return self._patience
        first = min(stage.until for stage in self._stages.values())
        return None if math.isinf(first) else max(0.0, first - time.monotonic())

    def _on(self, source: Any, answer: Callable[[], object]) -> None:
        self._selector.register(source, selectors.EVENT_READ, answer)

    def _accept(self) -> None:
        connection, _ = self._listening.accept()
        connection.settimeout(5)
        try:
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            if struct.unpack("3i", peer)[1] != os.getuid():
                connection.close()
                return
            request = staying.received(connection)
        except (OSError, ValueError):  # it looked whether somebody is there, and went
            connection.close()
            return
        arguments = request[0]
        self._asked.add(arguments[0])
        for one in [one for one in self._stages.values() if one.stays]:
            if one.arguments[:2] == arguments[:2] and self._hand(one, connection, request):
                return
            self._dismiss(one)
        warm_up(f"stages.{arguments[0]}")
        self._fork(connection, request)

    def _fork(self, connection: socket.socket, request: Request) -> None:
        arguments, environment, streams = request
        control, theirs = socket.socketpair() if arguments[0] in STAY else (None, None)
        gc.collect()
        gc.freeze()  # or the collector would write to every page that parent and child share
        pid = os.fork()
        if pid == 0:
            self._listening.close()
            connection.close()
            if control is not None:
                control.close()
            staying.control = theirs
            run(arguments, environment, streams)
        if theirs is not None:
            theirs.close()
        stage = self._stages[pid] = Stage(pid, arguments, connection, control)
        self._begun(stage, connection, streams)
        if control is not None:
            self._on(control, lambda: self._said(stage))
        ended = os.pidfd_open(pid)
        self._on(ended, lambda: self._over(stage, ended))

    def _hand(self, stage: Stage, connection: socket.socket, request: Request) -> bool:
        """Hand a request to a stage that has stayed; whether that was possible."""
        assert stage.control is not None
        try:
            staying.send(stage.control, *request)
        except OSError:  # it has ended
            return False
        stage.arguments, stage.client, stage.handed = request[0], connection, True
        stage.request, stage.until = request, math.inf
        return True

    def _begun(self, stage: Stage, connection: socket.socket, streams: list[int]) -> None:
        for stream in streams:
            os.close(stream)
        with suppress(OSError):
            connection.sendall(b"+")
        connection.settimeout(None)
        self._on(connection, lambda: self._told(stage, connection))

    def _told(self, stage: Stage, connection: socket.socket) -> None:
        """Hand signals on; whoever is gone wants no result."""
        if stage.pid not in self._stages or stage.client is not connection:
            return  # it has ended in the same moment
        told = b""
        with suppress(OSError):
            told = connection.recv(16)
        with suppress(ProcessLookupError):
            for number in told:
                os.kill(stage.pid, number)
            if not told:
                os.killpg(stage.pid, signal.SIGKILL)
        if not told:
            self._selector.unregister(connection)

    def _said(self, stage: Stage) -> bool:
        """Hear what a stage says: that it has taken over a request, or is done; whether it said anything."""
        if stage.pid not in self._stages or stage.control is None:
            return False
        said = b""
        with suppress(OSError):
            said = stage.control.recv(1, socket.MSG_DONTWAIT)
        if said == staying.TAKEN:
            if stage.request is not None and stage.client is not None:
                self._begun(stage, stage.client, stage.request[2])
            stage.request = None
        elif said:
            self._answer(stage, 0)
            stage.until = time.monotonic() + STAYS if said == staying.STAYS else math.inf
        else:
            with suppress(KeyError):
                self._selector.unregister(stage.control)
        return bool(said)

    def _answer(self, stage: Stage, status: int) -> None:
        """Tell who waits for a stage how it ended."""
        connection, stage.client = stage.client, None
        if connection is None:
            return
        with suppress(KeyError):
            self._selector.unregister(connection)
        with suppress(OSError):
            connection.sendall(status.to_bytes(8, "little", signed=True))
        connection.close()

    def _dismiss(self, stage: Stage) -> None:
        """End a stage that has stayed."""
        stage.until = math.inf
        with suppress(ProcessLookupError):
            os.killpg(stage.pid, signal.SIGKILL)

    def _over(self, stage: Stage, ended: int) -> None:
        while self._said(stage):
            pass
        self._selector.unregister(ended)
        os.close(ended)
        with suppress(ProcessLookupError):
            os.killpg(stage.pid, signal.SIGKILL)  # what a stage that was killed leaves behind
        status = os.waitstatus_to_exitcode(os.waitpid(stage.pid, 0)[1])
        if stage.control is not None:
            with suppress(KeyError):
                self._selector.unregister(stage.control)
            stage.control.close()
        del self._stages[stage.pid]
        if stage.request is not None and stage.client is not None:  # it has ended without a look at it
            self._fork(stage.client, stage.request)
            return
        if status == 0 and stage.handed:
            status = 1  # it has not said that it did what it was handed
        self._answer(stage, 128 - status if status < 0 else status)


def warm_up(name: str) -> None:
    """Import a module, and what a stage's script names itself; what cannot be imported is for the stage to say."""
    if name in sys.modules:
        return
    with suppress(BaseException), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(importlib.import_module(name), "warm_up", lambda: None)()


def run(arguments: list[str], environment: dict[str, str], streams: list[int]) -> None:
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
        staying.take_over(environment)
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
