"""A place where a team shares what the cell store keeps: a folder, S3, SSH, or anything else that
fsspec opens.

The place is trusted: whoever may write to it can give others wrong numbers. Checksums find damage,
not intent. Each request has a time limit, and a place that fails is left for the rest of the run,
with one warning.
"""

from __future__ import annotations

import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from counterpoise.core.addresses import masked
from counterpoise.core.errors import ConfigurationError
from counterpoise.core.outcome import reason_of

VARIABLE = "COUNTERPOISE_STORE"
CONNECT_TIMEOUT_SECONDS = 10.0
LISTING_TIMEOUT_SECONDS = 60.0
OPERATION_TIMEOUT_SECONDS = 20.0
UPLOAD_WAIT_SECONDS = 60.0
UPLOAD_THREADS = 2
TRANSFERS = 8
"""Objects that are fetched, or folders that are listed, at the same time."""
MAX_OBJECT_BYTES = 2**30
"""A larger object is neither kept nor read, packed or unpacked."""
BATCH = 64
"""Objects that are in memory at the same time while many are fetched."""

S3, SSH = ("s3", "s3a"), ("ssh", "sftp")
FOLDER = re.compile(r"(^|/)[0-9a-f]{2}$")
OBJECT = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})\.cell$")

R = TypeVar("R")


def object_path(key: str) -> str:
    """The path of an object below the folder of a store."""
    if not OBJECT.match(path := f"{key[:2]}/{key}.cell"):
        raise ValueError(f"{key!r} is no key of the store")
    return path


def warn(text: str) -> None:
    print(f"\nwarning: {masked(text)}", file=sys.stderr, flush=True)


class Refusals:
    """Malformed objects of one place: a warning names the first, and `close` counts them."""

    def __init__(self, place: str, consequence: str) -> None:
        self.place, self.consequence, self.count = place, consequence, 0

    def add(self, name: str, reason: str) -> None:
        self.count += 1
        if self.count == 1:
            warn(f"{name} in {self.place} is malformed: {reason}. {self.consequence}")

    def close(self) -> None:
        if self.count > 1:
            warn(f"{self.count} objects in {self.place} were malformed. {self.consequence}")
        self.count = 0


def within(seconds: float, operation: Callable[..., R], *arguments: Any) -> R:
    """Call a function in a thread of its own, and give up waiting after some seconds.

    Raises
    ------
    TimeoutError
        When there is no result in time. The thread is left behind; it does not keep the process
        alive.
    """
    answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def call() -> None:
        try:
            answers.put((operation(*arguments), None))
        except BaseException as error:  # raised again by the caller
            answers.put((None, error))

    threading.Thread(target=call, daemon=True).start()
    try:
        result, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:.0f} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


class SharedStore:
    """Objects by key in a place that a team shares.

    Parameters
    ----------
    address : str
        The path of a folder, `s3://BUCKET/PREFIX`, `ssh://USER@HOST:PORT/PATH`, or another address
        that fsspec opens. A folder, here or behind SSH, has to exist.

    Raises
    ------
    ConfigurationError
        When the address is malformed, or the library that opens it is not installed. No connection
        is made yet.
    """

    def __init__(self, address: str) -> None:
        self.address, self.shown = address, masked(address)
        self._scheme = check_address(address)
        self._filesystem: Any = None
        self._root, self._folders = "", set[str]()
        self._listing = threading.Lock()
        self._keys: set[str] | None = None
        self._unusable = self._full = False
        self._queue: queue.SimpleQueue[tuple[str, Path] | None] = queue.SimpleQueue()
        self._pending: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._refusals = Refusals(self.shown, "It is not used; the fit is made again.")

    def keys(self) -> set[str]:
        """The keys of all objects; the place is listed at the first call."""
        with self._listing:
            if self._keys is None:
                self._keys = set()
                try:
                    self._filesystem, self._root = within(CONNECT_TIMEOUT_SECONDS, self._connect)
                    self._keys = within(LISTING_TIMEOUT_SECONDS, self._list)
                except Exception as error:  # of any library that fsspec knows
                    self._leave(error)
            return self._keys

    def get(self, key: str) -> bytes | None:
        """The bytes of an object as they are there, unverified; None where there is none."""
        if key not in self.keys() or self._unusable:
            return None
        path = f"{self._root}/{object_path(key)}"
        try:
            return bytes(within(OPERATION_TIMEOUT_SECONDS, self._filesystem.cat_file, path))
        except FileNotFoundError:
            self.keys().discard(key)
        except PermissionError as error:  # a colleague's umask
            self.refuse(key, reason_of(error))
        except Exception as error:  # of any library that fsspec knows
            self._leave(error)
        return None

    def get_many(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Key and bytes of each object that is there; several are fetched at the same time."""
        known = [key for key in keys if key in self.keys()]
        with ThreadPool(TRANSFERS) as pool:
            for start in range(0, len(known), BATCH):
                batch = known[start : start + BATCH]
                for key, data in zip(batch, pool.map(self.get, batch), strict=True):
                    if data is not None:
                        yield key, data

    def refuse(self, key: str, reason: str) -> None:
        """Forget a malformed object; the next upload under its key replaces it."""
        self.keys().discard(key)
        self._refusals.add(object_path(key), reason)

    def put(self, key: str, path: Path) -> None:
        """Upload a file in the background, unless the place has the key."""
        if self._unusable or self._full or key in self._pending:
            return
        self._pending.add(key)
        self._queue.put((key, path))
        if len(self._threads) < UPLOAD_THREADS:
            self._threads.append(threading.Thread(target=self._upload_queued, daemon=True))
            self._threads[-1].start()

    def close(self, wait_seconds: float = UPLOAD_WAIT_SECONDS) -> None:
        """Wait for uploads, at most so many seconds, and warn of those that are not done."""
        deadline = time.monotonic() + wait_seconds
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads.clear()
        if self._pending:
            self._full = True  # what is still in the queue is dropped
            if wait_seconds:
                count = f"{len(self._pending)} objects were not uploaded"
                warn(f"{count} to {self.shown} within {wait_seconds:.0f} s.")
        self._refusals.close()

    def _connect(self) -> tuple[Any, str]:
        """The file system and the path of the place in it, which has to exist."""
        from fsspec.core import url_to_fs

        chosen = options(self._scheme)
        filesystem, root = url_to_fs(self.address, skip_instance_cache=True, **chosen)
        if not filesystem.exists(root) and self._scheme not in S3:  # there a prefix needs no object
            raise FileNotFoundError("there is no such folder; make it, or mount it")
        return filesystem, root.rstrip("/")

    def _list(self) -> set[str]:
        list_folder = partial(self._filesystem.ls, detail=True)
        if self._scheme in S3:  # one request for each 1,000 objects, whatever their folders
            listings = [self._filesystem.find(self._root, detail=True).values()]
        else:
            names = [entry["name"].rstrip("/") for entry in list_folder(self._root)]
            with ThreadPool(TRANSFERS) as pool:
                listings = pool.map(list_folder, [name for name in names if FOLDER.search(name)])
        found = set()
        for entry in chain.from_iterable(listings):
            if match := OBJECT.search(entry["name"]):
                if entry["size"] <= MAX_OBJECT_BYTES:
                    found.add(match[2])
                else:
                    self._refusals.add(match[0], f"it has {entry['size']} bytes")
        return found

    def _leave(self, error: Exception) -> None:
        """Use the place no longer; the first of several threads warns."""
        if not self._unusable:
            self._unusable = True
            place = f"the shared store {self.shown} ({VARIABLE})"
            warn(
                f"{place} cannot be used: {reason_of(error).rstrip('.')}. The run goes on"
                " without it."
            )

    def _upload_queued(self) -> None:
        while (item := self._queue.get()) is not None:
            key, path = item
            if key not in self.keys() and not self._unusable and not self._full:
                with suppress(FileNotFoundError):  # dropped since from the local store
                    self._upload(key, path.read_bytes())
            self._pending.discard(key)

    def _upload(self, key: str, data: bytes) -> None:
        try:
            within(OPERATION_TIMEOUT_SECONDS, self._write, f"{self._root}/{object_path(key)}", data)
        except Exception as error:  # of any library that fsspec knows
            if not self._full:
                self._full = True
                place = f"the shared store {self.shown} ({VARIABLE})"
                warn(
                    f"{place} takes no uploads: {reason_of(error).rstrip('.')}. The run goes on"
                    " without them."
                )

    def _write(self, path: str, data: bytes) -> None:
        filesystem = self._filesystem
        if self._scheme in S3:  # an object appears whole or not at all
            filesystem.pipe_file(path, data)
            return
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:  # over SSH it takes two requests for each part of the path
            filesystem.makedirs(folder, exist_ok=True)
            self._folders.add(folder)
        part = f"{folder}/.{name}.{uuid4().hex}.part"
        try:
            with filesystem.open(part, "wb") as file:
                file.write(data)
            filesystem.mv(part, path)
        except BaseException:
            with suppress(Exception):
                filesystem.rm_file(part)
            raise


def check_address(address: str) -> str:
    """The scheme of an address that fsspec can open here.

    Raises
    ------
    ConfigurationError
        When the address is malformed, or the library that opens it is not installed.
    """
    import fsspec

    scheme, separator, rest = address.rpartition("://")
    scheme = scheme if separator else "file"
    wrong = None
    try:
        fsspec.get_filesystem_class(scheme)
        parts = urlsplit(f"{scheme}://{rest}")
        if scheme == "file":
            wrong = "a file" if Path(rest).expanduser().is_file() else None
        elif not parts.hostname or (parts.port is None and parts.netloc.endswith(":")):
            wrong = f"no {'bucket' if scheme in S3 else 'host'}"
        elif scheme in SSH and not parts.path.strip("/"):
            wrong = "no path"
    # a scheme that fsspec does not know, or no number where the port stands
    except ValueError as error:
        wrong = str(error)
    except ImportError as error:
        raise ConfigurationError(
            f"{VARIABLE} names a place whose library is not installed.",
            where=f"the environment variable {VARIABLE}",
            found=f"{masked(address)!r}: {error}",
            todo="`pip install -r requirements-team.lock` brings what s3:// and ssh:// need.",
        ) from error
    if wrong is not None:
        raise ConfigurationError(
            f"{VARIABLE} names no place that objects can be shared in.",
            where=f"the environment variable {VARIABLE}",
            expected="the path of a folder, s3://BUCKET/PREFIX, or ssh://USER@HOST:PORT/PATH",
            found=f"{masked(address)!r}: {wrong}",
            todo="correct it, or unset it: then fits are kept on this machine only.",
        )
    return scheme


def options(scheme: str) -> dict[str, Any]:
    """What the file system of a scheme is opened with; the rest it reads where its own tools do."""
    if scheme in S3:
        limits = {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "read_timeout": OPERATION_TIMEOUT_SECONDS,
        }
        # one request an object: no HEAD to find out whether it is worth while to fetch it in pieces
        return {"config_kwargs": {**limits, "retries": {"max_attempts": 2}}, "max_concurrency": 1}
    if scheme in SSH:
        # as DVC's remotes: ~/.ssh/config, agent and keys; where there are known hosts, the host has
        # to be one of them
        known = () if Path("~/.ssh/known_hosts").expanduser().is_file() else None
        return {
            "known_hosts": known,
            "timeout": CONNECT_TIMEOUT_SECONDS,
            "login_timeout": CONNECT_TIMEOUT_SECONDS,
        }
    return {}
