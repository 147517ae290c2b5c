"""Obtain a dataset's bytes from a mirror folder, an earlier download, or its addresses.

They are tried in this order. In each case, the checksum is verified before anything reads the
bytes.
"""

from __future__ import annotations

import glob
import gzip
import hashlib
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from counterpoise.core import files, paths
from counterpoise.core.addresses import masked
from counterpoise.core.config import File
from counterpoise.core.errors import SourceError, no_space

MIRROR = "COUNTERPOISE_MIRROR"
"""The environment variable that names mirror folders."""
TIMEOUT_SECONDS = 60


class NotHere(Exception):
    """The bytes are not on this machine, and no download was asked for."""


def mirrors() -> list[Path]:
    """The folders that COUNTERPOISE_MIRROR names, several separated as in PATH.

    Returns
    -------
    list of Path

    Raises
    ------
    SourceError
        When one of them is not a folder. Ignoring a mistyped mirror would start a download that was
        not wanted.
    """
    folders = [
        Path(part).expanduser() for part in os.environ.get(MIRROR, "").split(os.pathsep) if part
    ]
    for folder in folders:
        if not folder.is_dir():
            raise SourceError(
                f"{MIRROR} names something that is no folder.",
                where=str(folder),
                expected="a folder with datasets' original files, at any depth",
                found="a file" if folder.exists() else "nothing",
                todo=f"correct or unset {MIRROR}.",
            )
    return folders


def refuse_address(path: str, where: str) -> None:
    """Refuse an address in place of the path of a table, whose bytes nothing would verify.

    Parameters
    ----------
    path : str
    where : str
        The place of the path, for the message.

    Raises
    ------
    SourceError
        When the path is an address such as s3://bucket/table.csv.
    """
    if "://" in path:
        raise SourceError(
            "A table's path is an address.",
            where=where,
            expected="a file of this repository, so that a change of it is noticed",
            found=masked(path),
            todo=(
                "`dvc import-url ADDRESS data/` brings the file and notes its checksum; then give"
                " its path. Or list the address under `source` with its checksum"
                " (docs/parameters.md): https, and what fsspec opens, such as s3, gs or hf."
            ),
        )


def locate(file: File, dataset: str, *, download: bool = True) -> Path:
    """Find a file's verified bytes; download them if no mirror and no earlier download has them.

    Parameters
    ----------
    file : File
    dataset : str
        The dataset's key, which names the folder of its downloads.
    download : bool
        Whether a download is allowed.

    Returns
    -------
    Path

    Raises
    ------
    NotHere
        When the bytes are not on this machine and `download` is false.
    SourceError
        When no address answers, or the bytes have another checksum than the entry gives.
    StorageError
        When the disk is full.
    """
    rejected = []
    for candidate in _candidates(file):
        found = _sum(file, candidate)
        if found == _expected(file):
            return candidate
        rejected.append(f"{candidate} has {found}")
    if not download:
        raise NotHere(file.name)
    return _download(file, dataset, rejected)


def _candidates(file: File) -> Iterator[Path]:
    names = [file.name]
    if file.unpacked_sha256 is not None and file.member is not None:
        # the member as a file of its own is faster to read than the archive
        names.insert(0, PurePosixPath(file.member).name)
    elif file.unpacked_sha256 is not None and file.name.endswith(".gz"):
        names.append(file.name.removesuffix(".gz"))
    for folder in [*mirrors(), paths.DOWNLOADS]:
        for name in names:
            yield from sorted(path for path in folder.rglob(glob.escape(name)) if path.is_file())


def _expected(file: File) -> str:
    return file.sha256 or file.unpacked_sha256 or ""


def _sum(file: File, path: Path) -> str:
    """The SHA-256 to compare: of the file, or of its unpacked content."""
    from tqdm import tqdm

    packed = file.unpacked_sha256 is not None and gzipped(path)
    with tqdm(
        total=None if packed else path.stat().st_size,
        unit="B",
        unit_scale=True,
        desc=f"verify {path.name}",
        disable=None,
        leave=False,
    ) as bar:
        if not packed:
            return files.sha256(path, bar.update)
        total = hashlib.sha256()
        try:
            with _packed(path, file.member) as stream:
                while chunk := stream.read(files.CHUNK_BYTES):
                    total.update(chunk)
                    bar.update(len(chunk))
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            return f"no gzip content ({error})"
        return total.hexdigest()


@contextmanager
def _packed(path: Path, member: str | None) -> Iterator[IO[bytes]]:
    """Open what a gzip file holds, or one member of the tar archive in it.

    Nothing is unpacked to the disk.
    """
    if member is None:
        with gzip.open(path) as stream:
            yield cast(IO[bytes], stream)
        return
    with tarfile.open(path, "r:gz") as archive:
        # Compare paths, since archives write the same file as x or as ./x. A link is not followed,
        # wherever it points.
        found = (
            entry
            for entry in archive
            if entry.isfile() and PurePosixPath(entry.name) == PurePosixPath(member)
        )
        entry = next(found, None)
        content = None if entry is None else archive.extractfile(entry)
        if content is None:
            raise tarfile.TarError(f"no member {member!r}")
        yield content


def gzipped(path: Path) -> bool:
    """Whether a file is packed by gzip, judged by its first two bytes.

    Its name does not tell: a partial download ends in .part, and a server may unpack on the way.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
    """
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _download(file: File, dataset: str, rejected: list[str]) -> Path:
    import requests

    target = paths.DOWNLOADS / dataset / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    failures = [f"{text}, expected {_expected(file)}" for text in rejected]
    wrong_sum, lacking = bool(rejected), False
    for url in file.urls:
        address = url if "://" in url else f"https://{url}"
        print(f"{dataset}: downloading {file.name} from {masked(address)}", flush=True)
        part = target.with_name(target.name + ".part")
        try:
            _copy(address, part)
            found = _sum(file, part)
            if found == _expected(file):
                part.replace(target)
                return target
            wrong_sum = True
            failures.append(f"{masked(address)} has {found}, expected {_expected(file)}")
        except ImportError as error:
            lacking = True
            failures.append(f"{masked(address)}: {error}")
        except (requests.RequestException, ValueError) as error:
            failures.append(masked(f"{address}: {_cause(error)}"))
        except OSError as error:
            raise (no_space(error, str(part)) or error) from error
        finally:
            part.unlink(missing_ok=True)
    raise SourceError(
        f"The bytes of {file.name} could not be had.",
        where=f"{paths.PARAMS}: datasets.{dataset}.source.files",
        expected=f"a file whose SHA-256 is {_expected(file)}",
        found="\n            ".join(failures),
        todo=(
            "the file at an address is another one than was promised: do not use it; look for"
            " another address, or, if the publisher has changed the data, verify it and change the"
            " sum. Nothing was kept.\n            Without "
            if wrong_sum
            else "`pip install` the package that is named, or without "
            if lacking
            else "check the network, or without "
        )
        + f"a network: put the file into a folder and name the folder in {MIRROR}, or run `dvc"
        " repro track@digits`, which needs no download.",
    )


def _copy(address: str, part: Path) -> None:
    """Copy the bytes at an address to a file: HTTP by pooch, all else by fsspec.

    Raises
    ------
    ImportError
        When the package for the address's protocol is not installed; its text names the package.
    requests.RequestException, ValueError
        When the bytes cannot be read.
    OSError
        When they cannot be written.
    """
    if address.startswith(("http://", "https://")):
        import pooch

        pooch.get_logger().setLevel("ERROR")
        pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT_SECONDS)(address, str(part), None)
        return
    import fsspec

    try:
        with fsspec.open(address, "rb") as remote, part.open("wb") as local:
            shutil.copyfileobj(remote, local, files.CHUNK_BYTES)
    except Exception as error:  # of any library that fsspec knows
        if isinstance(error, ImportError) or (isinstance(error, OSError) and no_space(error, "")):
            raise
        missing = isinstance(error, FileNotFoundError)
        raise ValueError("no such file" if missing else _cause(error)) from None


def _cause(error: BaseException) -> str:
    """The message of the root cause, which for a network error says what happened."""
    while (
        earlier := error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    ) is not None:
        error = earlier
    text = str(error).strip() or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."


def unpacked(path: Path, file: File) -> Path | tuple[Path, str]:
    """What a reader opens of a file.

    Nothing is extracted to the disk. A zip is still refused if the path of any member leads out of
    it, because somebody has tampered with it.

    Parameters
    ----------
    path : Path
        The verified file.
    file : File
        Its entry.

    Returns
    -------
    Path or (Path, str)
        The file itself, or the archive and a member of it.

    Raises
    ------
    SourceError
        When the archive is not what its entry says.
    """
    if file.unpacked_sha256 is not None and file.member is not None:
        return (path, file.member) if gzipped(path) else path
    # an .npz file is a zip archive too, but its reader takes it as a whole
    if path.suffix == ".npz" or not zipfile.is_zipfile(path):
        if file.member is not None:
            raise _archive_error(
                path, f"a zip archive with the member {file.member!r}", "no zip archive"
            )
        return path
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise _archive_error(path, "a readable zip archive", str(error)) from None
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in "".join(parts.parts[:1]):
            raise _archive_error(path, "members whose paths stay inside the archive", repr(name))
    member = file.member if file.member is not None else (names[0] if len(names) == 1 else None)
    if member not in names:
        raise _archive_error(
            path,
            f"the member {member!r}" if member else "one member, or a `member` in the entry",
            ", ".join(names[:9]),
        )
    return path, member


def _archive_error(path: Path, expected: str, found: str) -> SourceError:
    return SourceError(
        "An archive is not what its entry says.",
        where=str(path),
        expected=expected,
        found=found,
        todo="check the entry's `member`, or fetch the archive from its publisher again.",
    )


def read_bytes(place: Path | tuple[Path, str]) -> bytes:
    """Read the unpacked bytes of a file.

    Parameters
    ----------
    place : Path or (Path, str)
        As `unpacked` gives it.

    Returns
    -------
    bytes
    """
    if isinstance(place, tuple):
        if gzipped(place[0]):
            with _packed(*place) as member:
                return member.read()
        with zipfile.ZipFile(place[0]) as archive, archive.open(place[1]) as stream:
            return stream.read()
    if gzipped(place):
        with gzip.open(place) as stream:
            return stream.read()
    with place.open("rb") as stream:
        return stream.read()
