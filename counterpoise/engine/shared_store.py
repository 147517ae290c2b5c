"""A store that a team shares: a folder, S3, SSH, or anything else that fsspec opens.

The shared store is trusted: whoever may write to it can give others wrong numbers. Checksums find
damage, not intent. Each request has a time limit. A shared store that fails is not used for the
rest of the run, and one warning says so.
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
PARALLEL_TRANSFERS = 8
"""Number of objects fetched, or of folders listed, at the same time."""
MAX_OBJECT_BYTES = 2**30
"""Size limit of an object, packed or unpacked; a larger one is neither kept nor read."""
BATCH_OBJECTS = 64
"""Number of objects in memory at the same time while many are fetched."""

S3, SSH = ("s3", "s3a"), ("ssh", "sftp")
FOLDER = re.compile(r"(^|/)[0-9a-f]{2}$")
OBJECT = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})\.cell$")

R = TypeVar("R")


def object_path(key: str) -> str:
    """Build the path of an object relative to the folder of a store.

    Parameters
    ----------
    key : str
        64 hexadecimal digits.

    Returns
    -------
    str
        `XX/KEY.cell`, where XX are the first two digits of the key.

    Raises
    ------
    ValueError
        When it is not a key of the store.
    """
    if not OBJECT.match(path := f"{key[:2]}/{key}.cell"):
        raise ValueError(f"{key!r} is no key of the store")
    return path


def warn(text: str) -> None:
    """Print a warning on standard error, with passwords masked.

    Parameters
    ----------
    text : str
    """
    print(f"\nwarning: {masked(text)}", file=sys.stderr, flush=True)


class Refusals:
    """Count the malformed objects of one store.

    The first is named in a warning, and `close` warns of their number.

    Parameters
    ----------
    place : str
        The folder or the masked address of the store.
    consequence : str
        A sentence that says what happens instead.
    """

    def __init__(self, place: str, consequence: str) -> None:
        self.place, self.consequence, self.count = place, consequence, 0

    def add(self, name: str, reason: str) -> None:
        """Count a malformed object.

        Parameters
        ----------
        name : str
            Its path in the store.
        reason : str
        """
        self.count += 1
        if self.count == 1:
            warn(f"{name} in {self.place} is malformed: {reason}. {self.consequence}")

    def close(self) -> None:
        """Warn of the number of malformed objects, if there were several, and start again at 0."""
        if self.count > 1:
            warn(f"{self.count} objects in {self.place} were malformed. {self.consequence}")
        self.count = 0


def within(seconds: float, operation: Callable[..., R], *arguments: Any) -> R:
    """Call a function in a thread of its own, and stop waiting after some seconds.

    Parameters
    ----------
    seconds : float
        The time limit.
    operation : callable
        Its exceptions are raised here.
    *arguments
        Its positional arguments.

    Returns
    -------
    object
        The result of the function.

    Raises
    ------
    TimeoutError
        When there is no result in time. The thread is left running; it does not keep the process
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
    """Objects by key in a store that a team shares.

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
        """Collect the keys of all objects; the first call connects and lists the store.

        Returns
        -------
        set of str
            Empty where the store could not be listed. It is the set that this object maintains, not
            a copy.
        """
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
        """Read the bytes of an object, without checking them.

        Parameters
        ----------
        key : str

        Returns
        -------
        bytes or None
            None where there is no object, or the store cannot be used.
        """
        if key not in self.keys() or self._unusable:
            return None
        path = f"{self._root}/{object_path(key)}"
        try:
            return bytes(within(OPERATION_TIMEOUT_SECONDS, self._filesystem.cat_file, path))
        except FileNotFoundError:
            self.keys().discard(key)
        except PermissionError as error:  # written with a colleague's strict umask
            self.refuse(key, reason_of(error))
        except Exception as error:  # of any library that fsspec knows
            self._leave(error)
        return None

    def get_many(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Read several objects, `PARALLEL_TRANSFERS` at the same time.

        Parameters
        ----------
        keys : sequence of str

        Yields
        ------
        key : str
        data : bytes
            Not checked. Objects that are missing are skipped.
        """
        known = [key for key in keys if key in self.keys()]
        with ThreadPool(PARALLEL_TRANSFERS) as pool:
            for start in range(0, len(known), BATCH_OBJECTS):
                batch = known[start : start + BATCH_OBJECTS]
                for key, data in zip(batch, pool.map(self.get, batch), strict=True):
                    if data is not None:
                        yield key, data

    def refuse(self, key: str, reason: str) -> None:
        """Forget a malformed object, so that the next upload under its key replaces it.

        Parameters
        ----------
        key : str
        reason : str
            For the warning.
        """
        self.keys().discard(key)
        self._refusals.add(object_path(key), reason)

    def put(self, key: str, path: Path) -> None:
        """Upload a file in the background, unless the store already has the key.

        Parameters
        ----------
        key : str
        path : Path
            Read when its turn comes; the upload is skipped where the file is gone by then.
        """
        if self._unusable or self._full or key in self._pending:
            return
        self._pending.add(key)
        self._queue.put((key, path))
        if len(self._threads) < UPLOAD_THREADS:
            self._threads.append(threading.Thread(target=self._upload_queued, daemon=True))
            self._threads[-1].start()

    def close(self, wait_seconds: float = UPLOAD_WAIT_SECONDS) -> None:
        """Wait for uploads, and warn of those that are not done.

        Parameters
        ----------
        wait_seconds : float
            The longest time to wait; 0 suppresses the warning.
        """
        deadline = time.monotonic() + wait_seconds
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads.clear()
        if self._pending:
            self._full = True  # drops the uploads that are still queued
            if wait_seconds:
                count = f"{len(self._pending)} objects were not uploaded"
                warn(f"{count} to {self.shown} within {wait_seconds:.0f} s.")
        self._refusals.close()

    def _connect(self) -> tuple[Any, str]:
        """Open the file system, and check that the store's folder exists in it."""
        from fsspec.core import url_to_fs

        chosen = options(self._scheme)
        filesystem, root = url_to_fs(self.address, skip_instance_cache=True, **chosen)
        if not filesystem.exists(root) and self._scheme not in S3:  # an empty prefix is fine
            raise FileNotFoundError("there is no such folder; make it, or mount it")
        return filesystem, root.rstrip("/")

    def _list(self) -> set[str]:
        """List the keys of all objects that are not too large."""
        list_folder = partial(self._filesystem.ls, detail=True)
        if self._scheme in S3:  # one request for each 1,000 objects, in any folders
            listings = [self._filesystem.find(self._root, detail=True).values()]
        else:
            names = [entry["name"].rstrip("/") for entry in list_folder(self._root)]
            with ThreadPool(PARALLEL_TRANSFERS) as pool:
                listings = pool.map(list_folder, [name for name in names if FOLDER.search(name)])
        keys = set()
        for entry in chain.from_iterable(listings):
            if match := OBJECT.search(entry["name"]):
                if entry["size"] <= MAX_OBJECT_BYTES:
                    keys.add(match[2])
                else:
                    self._refusals.add(match[0], f"it has {entry['size']} bytes")
        return keys

    def _leave(self, error: Exception) -> None:
        """Stop using the store; only the first of several threads warns."""
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
                with suppress(FileNotFoundError):  # removed from the local store since
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
        if self._scheme in S3:  # which writes objects atomically
            filesystem.pipe_file(path, data)
            return
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:  # over SSH: two requests for each part of the path
            filesystem.makedirs(folder, exist_ok=True)
            self._folders.add(folder)
        # elsewhere a reader could see half an object: write under another name, then rename
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
    """Check that fsspec can open an address on this machine.

    Parameters
    ----------
    address : str

    Returns
    -------
    str
        The scheme of the address; "file" for a path.

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
    # fsspec does not know the scheme, or the port is not a number
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
    """Options that fsspec opens the file system of a scheme with.

    All other settings, such as credentials, come from the files that the scheme's own tools read.

    Parameters
    ----------
    scheme : str

    Returns
    -------
    dict
        Keyword arguments of `fsspec.core.url_to_fs`.
    """
    if scheme in S3:
        limits = {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "read_timeout": OPERATION_TIMEOUT_SECONDS,
        }
        # one request per object: no HEAD to decide whether to fetch it in parts
        return {"config_kwargs": {**limits, "retries": {"max_attempts": 2}}, "max_concurrency": 1}
    if scheme in SSH:
        # as for DVC's remotes: ~/.ssh/config, agent and keys; where a list of known hosts exists,
        # the host has to be in it
        known = () if Path("~/.ssh/known_hosts").expanduser().is_file() else None
        return {
            "known_hosts": known,
            "timeout": CONNECT_TIMEOUT_SECONDS,
            "login_timeout": CONNECT_TIMEOUT_SECONDS,
        }
    return {}
