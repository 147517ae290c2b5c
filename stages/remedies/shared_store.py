"""A place where a team shares what the cell store keeps: a folder, S3, SSH, or anything else that fsspec opens.

The place is trusted: whoever may write to it can give others wrong numbers. Checksums find damage, not intent. Each
request has a time limit, and a place that fails is left for the rest of the run, with one warning.
"""

from __future__ import annotations

import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from stages.addresses import masked
from stages.errors import ConfigurationError

VARIABLE = "COUNTERPOISE_STORE"
CONNECT_TIMEOUT_SECONDS = 10.0
LISTING_TIMEOUT_SECONDS = 60.0
OPERATION_TIMEOUT_SECONDS = 20.0
UPLOAD_WAIT_SECONDS = 60.0
UPLOAD_THREADS = 2
TRANSFERS = 8
"""Objects that are fetched, or folders that are listed, at the same time."""
BATCH = 64
"""Objects that are in memory at the same time while many are fetched."""

FOLDER, S3, SSH = "file", ("s3", "s3a"), ("ssh", "sftp")
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

    def add(self, name: str, reason: object) -> None:
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
        When there is no result in time. The thread is left behind; it does not keep the process alive.
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
        The path of a folder, `s3://BUCKET/PREFIX`, `ssh://USER@HOST:PORT/PATH`, or another address that fsspec opens.
        A folder, here or behind SSH, has to exist.

    Raises
    ------
    ConfigurationError
        When the address is malformed, or the library that opens it is not installed. No connection is made yet.
    """

    def __init__(self, address: str) -> None:
        self.address, self.shown = address, masked(address)
        self._scheme = check_address(address)
        self._filesystem: Any = None
        self._root = ""
        self._lock = threading.Lock()
        self._sizes: dict[str, int] | None = None
        self._left = self._read_only = False
        self._queue: queue.SimpleQueue[tuple[str, Path] | None] = queue.SimpleQueue()
        self._pending: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._refusals = Refusals(self.shown, "It is not used; the fit is made again.")

    def keys(self) -> set[str]:
        """The keys of all objects; the place is listed at the first call only."""
        return set(self._listed())

    def get(self, key: str, limit_bytes: int) -> bytes | None:
        """The bytes of an object as they are there, unverified; None where there is none."""
        size = self._listed().get(key)
        if size is None or self._left:
            return None
        if size > limit_bytes:
            self.refuse(key, f"it has {size} bytes")
            return None
        path = f"{self._root}/{object_path(key)}"
        try:
            return bytes(within(OPERATION_TIMEOUT_SECONDS, self._filesystem.cat_file, path))
        except FileNotFoundError:
            self._listed().pop(key, None)
        except PermissionError as error:
            self.refuse(key, error)
        except Exception as error:  # of any library that fsspec knows
            self._leave(error)
        return None

    def get_many(self, keys: Sequence[str], limit_bytes: int) -> Iterator[tuple[str, bytes]]:
        """Key and bytes of each object that is there; several are fetched at the same time."""
        listed = self._listed()
        known = [key for key in keys if key in listed]
        with ThreadPool(TRANSFERS) as pool:
            for start in range(0, len(known), BATCH):
                batch = known[start : start + BATCH]
                fetched = pool.map(lambda key: self.get(key, limit_bytes), batch)
                yield from (
                    (key, data)
                    for key, data in zip(batch, fetched, strict=True)
                    if data is not None
                )

    def refuse(self, key: str, reason: object) -> None:
        """Forget a malformed object; the next upload under its key replaces it."""
        self._listed().pop(key, None)
        self._refusals.add(object_path(key), reason)

    def put(self, key: str, path: Path) -> None:
        """Upload a file in the background, unless the place has the key."""
        if self._left or self._read_only or key in self._pending:
            return
        self._pending.add(key)
        self._queue.put((key, path))
        if len(self._threads) < UPLOAD_THREADS:
            self._threads.append(threading.Thread(target=self._upload_queued, daemon=True))
            self._threads[-1].start()

    def close(self, wait_seconds: float = UPLOAD_WAIT_SECONDS) -> None:
        """Wait for uploads, at most so many seconds, and warn of those that are left."""
        deadline = time.monotonic() + wait_seconds
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._pending:
            self._read_only = True
            warn(
                f"{len(self._pending)} objects were not uploaded to {self.shown} within {wait_seconds:.0f} s."
            )
        self._threads.clear()
        self._refusals.close()

    def _listed(self) -> dict[str, int]:
        with self._lock:
            if self._sizes is None:
                self._sizes = {}
                try:
                    self._filesystem, self._root = within(CONNECT_TIMEOUT_SECONDS, self._connect)
                    self._sizes = within(LISTING_TIMEOUT_SECONDS, self._list)
                except Exception as error:  # of any library that fsspec knows
                    self._leave(error)
            return self._sizes

    def _connect(self) -> tuple[Any, str]:
        """Open the file system and make sure that the place is there."""
        from fsspec.core import url_to_fs

        filesystem, root = url_to_fs(
            self.address, skip_instance_cache=True, **options(self._scheme)
        )
        if not filesystem.exists(root) and self._scheme not in S3:  # a prefix needs no object
            raise FileNotFoundError("there is no such folder; make it, or mount it")
        return filesystem, root.rstrip("/")

    def _list(self) -> dict[str, int]:
        """The size in bytes of each object by its key."""
        filesystem, root = self._filesystem, self._root
        if self._scheme in S3:  # one request for each 1,000 objects, whatever their folders
            found = list(filesystem.find(root, detail=True).values())
        else:
            folders = [
                name
                for name in filesystem.ls(root, detail=False)
                if re.search(r"(^|/)[0-9a-f]{2}/?$", name)
            ]
            with ThreadPool(TRANSFERS) as pool:
                listings = pool.map(lambda folder: filesystem.ls(folder, detail=True), folders)
                found = list(chain.from_iterable(listings))
        matches = ((OBJECT.search(str(entry["name"])), entry["size"]) for entry in found)
        return {match[2]: int(size) for match, size in matches if match is not None}

    def _leave(self, error: BaseException) -> None:
        """Use the place no longer; the first of several threads warns."""
        if not self._left:
            self._left = True
            warn(
                f"the shared store {self.shown} ({VARIABLE}) cannot be used: {reason(error)}. The run goes on without it."
            )

    def _upload_queued(self) -> None:
        while (item := self._queue.get()) is not None:
            key, path = item
            listed = self._listed()
            if not (self._left or self._read_only or key in listed):
                with suppress(FileNotFoundError):  # dropped since from the local store
                    self._upload_file(key, path.read_bytes())
            self._pending.discard(key)

    def _upload_file(self, key: str, data: bytes) -> None:
        try:
            within(
                OPERATION_TIMEOUT_SECONDS, self._upload, f"{self._root}/{object_path(key)}", data
            )
        except Exception as error:  # of any library that fsspec knows
            if not self._read_only:
                self._read_only = True
                warn(
                    f"the shared store {self.shown} takes no uploads: {reason(error)}. Fits are kept on this machine only."
                )

    def _upload(self, path: str, data: bytes) -> None:
        filesystem = self._filesystem
        if self._scheme in S3:  # an object of S3 appears whole or not at all
            filesystem.pipe_file(path, data)
            return
        folder, _, name = path.rpartition("/")
        filesystem.makedirs(folder, exist_ok=True)
        part = f"{folder}/.{name}.{uuid4().hex}.part"
        try:
            filesystem.pipe_file(part, data)
            filesystem.mv(part, path)
        except BaseException:
            with suppress(Exception):
                filesystem.rm_file(part)
            raise


def reason(error: BaseException) -> str:
    """What a library says of a failure, in one line."""
    text = " ".join(str(error).split()).rstrip(".")
    return (
        text if text and isinstance(error, OSError) else f"{type(error).__name__} {text}".rstrip()
    )


def check_address(address: str) -> str:
    """The scheme of an address that fsspec can open here.

    Raises
    ------
    ConfigurationError
        When the address is malformed, or the library that opens it is not installed.
    """
    import fsspec

    scheme, separator, rest = address.rpartition("://")
    wrong = None
    try:
        parts = urlsplit(address if separator else f"{FOLDER}:///")
        _ = parts.port
        fsspec.get_filesystem_class(scheme or FOLDER)
    except ValueError as error:  # no port, or a scheme that fsspec does not know
        wrong = str(error)
    except ImportError as error:
        raise ConfigurationError(
            f"{VARIABLE} names a place whose library is not installed.",
            where=f"the environment variable {VARIABLE}",
            found=f"{masked(address)!r}: {error}",
            todo="`pip install -r requirements-team.lock` brings what s3:// and ssh:// need.",
        ) from error
    else:
        if scheme in SSH and not parts.path.strip("/"):
            wrong = "no path"
        elif scheme not in ("", FOLDER) and not parts.hostname:
            wrong = f"no {'bucket' if scheme in S3 else 'host'}"
        elif Path(address if not separator else rest).expanduser().is_file():
            wrong = "a file"
    if wrong is not None:
        raise ConfigurationError(
            f"{VARIABLE} names no place that objects can be shared in.",
            where=f"the environment variable {VARIABLE}",
            expected="the path of a folder, s3://BUCKET/PREFIX, or ssh://USER@HOST:PORT/PATH",
            found=f"{masked(address)!r}: {wrong}",
            todo="correct it, or unset it: then fits are kept on this machine only.",
        )
    return scheme or FOLDER


def options(scheme: str) -> dict[str, Any]:
    """What the file system of a scheme is opened with; the rest it reads where its own tools do."""
    if scheme in S3:
        limits = {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "read_timeout": OPERATION_TIMEOUT_SECONDS,
        }
        return {"config_kwargs": {**limits, "retries": {"max_attempts": 2}}}
    if scheme in SSH:
        # as DVC's remotes: ~/.ssh/config, agent and keys; where there are known hosts, the host has to be one of them
        known = () if Path("~/.ssh/known_hosts").expanduser().is_file() else None
        return {
            "known_hosts": known,
            "timeout": CONNECT_TIMEOUT_SECONDS,
            "login_timeout": CONNECT_TIMEOUT_SECONDS,
        }
    return {}
