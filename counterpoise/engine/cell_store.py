"""The cell store: immutable results, each under the hash of its inputs and with a checksum.

The store is a folder that git and DVC ignore. Its size is bounded, and it may be deleted at any
time. A lookup tries the folder first and then the store that a team shares (`shared_store`).
Several processes and machines may use both at once.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import time
import zipfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from counterpoise.core import files, paths
from counterpoise.core.errors import ConfigurationError
from counterpoise.engine.shared_store import (
    MAX_OBJECT_BYTES,
    UPLOAD_WAIT_SECONDS,
    VARIABLE,
    Refusals,
    SharedStore,
    object_path,
)

LIMIT_VARIABLE = "COUNTERPOISE_STORE_GIB"
LIMIT_BYTES = 2**30
"""Size of the folder after `close`, unless COUNTERPOISE_STORE_GIB sets another one."""
PART_LIFETIME_SECONDS = 86400
"""Age at which the file of an interrupted write is removed."""

HEADER = b"counterpoise cell 1 "
HEADER_BYTES = len(HEADER) + 64
FACTS, ARRAY = "facts.json", ".npy"
DATE = (1980, 1, 1, 0, 0, 0)
"""One date for all archive members, so that equal content gives equal bytes."""


class StoredObject(NamedTuple):
    """The content stored under a key.

    Attributes
    ----------
    arrays : dict of str to ndarray
        Of any type but `object`.
    facts : dict of str
        Values that JSON can hold. Those of a fit say who made it, from which commit, and when.
    """

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class MalformedObjectError(Exception):
    """Bytes that are not this key's object of the store; the text gives the reason."""


def pack(key: str, content: StoredObject) -> bytes:
    """Serialize an object: a line with format and SHA-256, then a zip archive.

    The archive has numpy's npz format with an additional JSON file.

    Parameters
    ----------
    key : str
        64 hexadecimal digits.
    content : StoredObject

    Returns
    -------
    bytes
        The same for the same key and content, on every system.

    Raises
    ------
    ValueError, TypeError
        When an array holds Python objects, or facts are not JSON.
    """
    members = {FACTS: json.dumps({"key": key, "facts": content.facts}, sort_keys=True).encode()}
    for name, array in sorted(content.arrays.items()):
        stream = io.BytesIO()
        np.lib.format.write_array(stream, np.asarray(array), version=(1, 0), allow_pickle=False)
        members[name + ARRAY] = stream.getvalue()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            member = zipfile.ZipInfo(name, DATE)
            member.create_system = 3  # zipfile writes the platform by default
            archive.writestr(member, data, zipfile.ZIP_DEFLATED, compresslevel=1)
    body = stream.getvalue()
    return HEADER + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def unpack(key: str, data: bytes) -> StoredObject:
    """Deserialize an object.

    Parameters
    ----------
    key : str
        64 hexadecimal digits.
    data : bytes

    Returns
    -------
    StoredObject

    Raises
    ------
    MalformedObjectError
        When the bytes are not exactly what `pack` made for this key.
    """
    if not data.startswith(HEADER):
        raise MalformedObjectError("it is no object of this version of the store")
    checksum = hashlib.sha256(memoryview(data)[HEADER_BYTES + 1 :]).hexdigest().encode()
    if data[len(HEADER) : HEADER_BYTES + 1] != checksum + b"\n":
        raise MalformedObjectError("its checksum differs")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            # `put` limits the arrays; the factor leaves room for facts and headers
            if sum(member.file_size for member in members) > 2 * MAX_OBJECT_BYTES:
                raise ValueError("it unpacks to too many bytes")  # noqa: TRY301
            content = {member.filename: _read_member(archive, member) for member in members}
        known = json.loads(content.pop(FACTS))
        if known["key"] != key:
            raise ValueError("it belongs to another key")  # noqa: TRY301
        arrays = {name.removesuffix(ARRAY): _array(member) for name, member in content.items()}
        return StoredObject(arrays, dict(known["facts"]))
    # the checksum is valid, so the content was written so and not damaged
    except Exception as error:
        raise MalformedObjectError(f"its content cannot be used: {error}") from error


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Read a member of the archive, at most the number of bytes that it declares."""
    with archive.open(member) as file:
        return file.read(member.file_size)


def _array(data: bytes) -> np.ndarray:
    """Read an array from the bytes of a .npy file.

    Nothing is unpickled, and the declared shape has to fit the number of bytes.
    """
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array has another format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError("an array holds Python objects, or not as much as it declares")
    values = np.frombuffer(data, dtype, math.prod(shape), stream.tell())
    return values.reshape(shape, order="F" if fortran else "C").copy(order="K")


class CellStore:
    """Objects by key, in a folder and in a store that a team shares.

    Leaving its `with` block closes it.

    Parameters
    ----------
    folder : Path
        Created when it is needed.
    shared : SharedStore, optional
        Looked up after the folder, and filled in the background.
    limit_bytes : int
        `close` removes the least recently used objects until the folder has at most this size. An
        object larger than a quarter of it is not kept.
    """

    def __init__(
        self, folder: Path, shared: SharedStore | None = None, limit_bytes: int = LIMIT_BYTES
    ) -> None:
        self.folder, self.shared, self.limit_bytes = folder, shared, limit_bytes
        self._refusals = Refusals(str(folder), "It is removed; the fit is made again.")

    def __enter__(self) -> CellStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close(UPLOAD_WAIT_SECONDS if kind is None or issubclass(kind, Exception) else 0.0)

    def get(self, key: str) -> StoredObject | None:
        """Get the object of a key.

        Parameters
        ----------
        key : str
            64 hexadecimal digits.

        Returns
        -------
        StoredObject or None
            None where there is no object, or only a malformed one.

        Raises
        ------
        StorageError
            When an object of the shared store is copied into the folder and the disk is full.
        """
        path = self._path(key)
        try:
            with path.open("rb") as file:
                # an object cut off at the limit fails its checksum
                content = unpack(key, file.read(MAX_OBJECT_BYTES))
        except FileNotFoundError:
            pass
        except (MalformedObjectError, OSError) as error:
            self._refusals.add(object_path(key), str(error))
            with suppress(OSError):
                path.unlink()
        else:
            # `_tidy` goes by this time; another process may have removed the file, or the folder is
            # read-only
            with suppress(OSError):
                os.utime(path)
            if self.shared is not None:  # which may lack an object made before it was in use
                self.shared.put(key, path)
            return content
        data = self.shared.get(key) if self.shared is not None else None
        return None if data is None else self._accept(key, data)

    def contains(self, keys: Collection[str]) -> set[str]:
        """Find the keys that the folder or the shared store has, without reading the objects.

        Parameters
        ----------
        keys : collection of str

        Returns
        -------
        set of str
            The keys present. An object may still turn out malformed when it is read.
        """
        present = {key for key in keys if self._path(key).is_file()}
        if self.shared is not None and (missing := set(keys) - present):
            present |= missing & self.shared.keys()
        return present

    def fetch(self, keys: Collection[str]) -> None:
        """Copy objects that only the shared store has into the folder, several at a time.

        Parameters
        ----------
        keys : collection of str
            The keys wanted; those that the shared store lacks are skipped.

        Raises
        ------
        StorageError
            When the disk is full.
        """
        missing = [key for key in keys if not self._path(key).is_file()]
        if self.shared is not None and missing:
            for key, data in self.shared.get_many(missing):
                self._accept(key, data)

    def put(self, key: str, content: StoredObject) -> None:
        """Store an object, and upload it in the background.

        An object that is too large for the store is skipped.

        Parameters
        ----------
        key : str
            64 hexadecimal digits.
        content : StoredObject

        Raises
        ------
        StorageError
            When the disk is full; no part of the object is left.
        """
        if sum(array.nbytes for array in content.arrays.values()) > MAX_OBJECT_BYTES:
            return
        if self._write(key, pack(key, content)) and self.shared is not None:
            self.shared.put(key, self._path(key))

    def close(self, wait_seconds: float = UPLOAD_WAIT_SECONDS) -> None:
        """Wait for uploads, then remove the least recently used objects over the size limit.

        Parameters
        ----------
        wait_seconds : float
            The longest time to wait for uploads.
        """
        if self.shared is not None:
            self.shared.close(wait_seconds)
        self._refusals.close()
        self._tidy()

    def _path(self, key: str) -> Path:
        return self.folder / object_path(key)

    def _write(self, key: str, data: bytes) -> bool:
        """Write an object to the folder; return whether it is small enough to be kept."""
        if len(data) > min(self.limit_bytes / 4, MAX_OBJECT_BYTES):
            return False
        # no fsync: a file left incomplete by a power failure fails its checksum
        with files.replacing(self._path(key), durable=False) as file:
            file.write(data)
        return True

    def _accept(self, key: str, data: bytes) -> StoredObject | None:
        """Copy an object of the shared store into the folder; None where it is malformed."""
        assert self.shared is not None
        try:
            content = unpack(key, data)
        except MalformedObjectError as error:
            self.shared.refuse(key, str(error))
            return None
        self._write(key, data)
        return content

    def _tidy(self) -> None:
        """Remove leftovers of interrupted writes, and old objects over the size limit."""
        objects: list[tuple[int, int, Path]] = []
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            with suppress(FileNotFoundError):  # removed by another process
                status = path.stat()
                if path.suffix == ".cell":
                    objects.append((status.st_mtime_ns, status.st_size, path))
                elif (
                    path.suffix == ".part" and time.time() - status.st_mtime > PART_LIFETIME_SECONDS
                ):
                    path.unlink()
        excess = sum(size for _, size, _ in objects) - self.limit_bytes
        for _, size, path in sorted(objects):
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size


def open_store(environ: Mapping[str, str] = os.environ) -> CellStore:
    """Open the store of this project with the settings of the environment.

    Parameters
    ----------
    environ : mapping of str to str
        Environment variables.

    Returns
    -------
    CellStore

    Raises
    ------
    ConfigurationError
        When COUNTERPOISE_STORE or COUNTERPOISE_STORE_GIB is malformed.
    """
    address = environ.get(VARIABLE, "").strip()
    shared = SharedStore(address) if address else None
    return CellStore(
        paths.STORE.absolute(), shared, _limit_bytes(environ.get(LIMIT_VARIABLE, "").strip())
    )


def _limit_bytes(text: str) -> int:
    if not text:
        return LIMIT_BYTES
    try:
        gib = float(text)
    except ValueError:
        gib = math.nan
    if not 0 < gib < math.inf:
        raise ConfigurationError(
            f"{LIMIT_VARIABLE} is not a size.",
            where=f"the environment variable {LIMIT_VARIABLE}",
            expected="a number of GiB above 0, such as 0.5 or 20",
            found=repr(text),
            todo=(
                f"correct it, or unset it: then the store has at most {LIMIT_BYTES / 2**30:.0f}"
                " GiB."
            ),
        )
    return int(gib * 2**30)
