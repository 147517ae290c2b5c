"""Read and write files that are either whole or absent, and the same bytes for the same content."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from counterpoise.core.errors import ResultError, no_space

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

CHUNK_BYTES = 1 << 20
"""Read at a time."""
TAIL_BYTES, DIGEST_BYTES = 8, 32
"""What follows the footer of a Parquet file (the footer's length and a magic number), and the
digest that we put before the footer.
"""
DECIMALS = 6
"""Decimals of every number in a CSV or JSON result; more would suggest a precision that no dataset
here has.
"""


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the place of `path` only when everything is written.

    Parameters
    ----------
    path : Path
        Its folder is made where it is missing.
    durable : bool
        Whether to wait until the bytes are on the disk, so that a power failure leaves no partial
        file.

    Yields
    ------
    file
        Open for writing and reading.

    Raises
    ------
    StorageError
        When the disk is full. `path` is then unchanged and the partial file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        # mkstemp gives the file to its owner alone
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except OSError as error:
        raise (no_space(error, str(path)) or error) from error
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8.

    Parameters
    ----------
    path : Path
    text : str

    Raises
    ------
    StorageError
        When the disk is full.
    """
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys and rounded numbers.

    Parameters
    ----------
    path : Path
    content : object
        Mappings, lists and scalars. NaN becomes null.

    Raises
    ------
    ValueError
        When the content holds an infinity, which JSON cannot express.
    StorageError
        When the disk is full.
    """
    write_text(
        path,
        json.dumps(rounded(content), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
        + "\n",
    )


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write CSV with rounded numbers and an empty field for a missing value.

    Parameters
    ----------
    path : Path
    frame : DataFrame
        Its index is not written.

    Raises
    ------
    StorageError
        When the disk is full.
    """
    write_text(path, frame.round(DECIMALS).to_csv(index=False, lineterminator="\n"))


def write_parquet(path: Path, table: pa.Table | pd.DataFrame) -> None:
    """Write a Parquet file with a digest of its bytes.

    Parameters
    ----------
    path : Path
    table : pyarrow.Table or DataFrame
        A DataFrame's index is not written.

    Raises
    ------
    StorageError
        When the disk is full.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not isinstance(table, pa.Table):
        table = pa.Table.from_pandas(table, preserve_index=False)
    with replacing(path) as file:
        pq.write_table(table, file, compression="zstd", write_page_checksum=True)
        _write_digest(file)


ROW_GROUP = 1 << 20
"""Rows in a row group of a Parquet file, pyarrow's own default."""


def write_parquet_pieces(path: Path, pieces: Iterator[pd.DataFrame]) -> None:
    """Write the file that `write_parquet` makes of all pieces together, with one of them in memory.

    Parameters
    ----------
    path : Path
    pieces : iterator of DataFrame
        At least one. Every piece but the last has `ROW_GROUP` rows.

    Raises
    ------
    StorageError
        When the disk is full.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = pa.Table.from_pandas(next(pieces), preserve_index=False)
    with replacing(path) as file:
        with pq.ParquetWriter(
            file, first.schema, compression="zstd", write_page_checksum=True
        ) as writer:
            writer.write_table(first, ROW_GROUP)
            del first
            for piece in pieces:
                writer.write_table(pa.Table.from_pandas(piece, preserve_index=False), ROW_GROUP)
        _write_digest(file)


def read_json(path: Path) -> Any:
    """Read a JSON result.

    Parameters
    ----------
    path : Path

    Returns
    -------
    object

    Raises
    ------
    ResultError
        When the file is missing or damaged.
    """
    try:
        return json.loads(_present(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultError(
            "A result is damaged.",
            where=str(path),
            expected="JSON",
            found=str(error),
            todo="delete it and make it again; `dvc repro` does so for the results of a stage.",
        ) from None


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV result.

    Parameters
    ----------
    path : Path

    Returns
    -------
    DataFrame
        Only an empty field is missing; texts such as "none" and "nan" stay texts.

    Raises
    ------
    ResultError
        When the file is missing.
    """
    import pandas as pd

    return pd.read_csv(_present(path), keep_default_na=False, na_values=[""])


def read_parquet(
    path: Path, columns: list[str] | None = None, *, verify: bool = True
) -> pd.DataFrame:
    """Read a Parquet file that `write_parquet` wrote.

    Parameters
    ----------
    path : Path
    columns : list of str, optional
        The columns to read; all by default.
    verify : bool
        Whether the file must have a digest. Files of earlier versions have none.

    Returns
    -------
    DataFrame

    Raises
    ------
    ResultError
        When the file is missing, or its bytes are not those that were written.
    """
    import pandas as pd

    if verify:
        _verify_digest(path)
    return pd.read_parquet(_present(path), columns=columns, page_checksum_verification=True)


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file that `write_parquet` wrote, to read it column by column.

    Parameters
    ----------
    path : Path

    Returns
    -------
    pyarrow.parquet.ParquetFile
        To be closed by the caller.

    Raises
    ------
    ResultError
        When the file is missing, or its bytes are not those that were written.
    """
    import pyarrow.parquet as pq

    _verify_digest(path)
    return pq.ParquetFile(path, page_checksum_verification=True)


def _parquet_digest(file: IO[bytes], gap: int) -> tuple[int, bytes]:
    """The offset of a Parquet file's footer, and the SHA-256 of all bytes but the `gap` before it.

    Parquet's own checksums cover neither page headers nor the footer. There, one flipped bit in
    fifty changes what is read without an error.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - TAIL_BYTES, 0))
    footer = size - TAIL_BYTES - int.from_bytes(file.read(4), "little")
    total = hashlib.sha256()
    for start, end in ((0, footer - gap), (footer, size)):
        file.seek(max(start, 0))
        for left in range(end - start, 0, -CHUNK_BYTES):
            total.update(file.read(min(left, CHUNK_BYTES)))
    return footer, total.digest()


def _write_digest(file: IO[bytes]) -> None:
    """Put the digest of a Parquet file before its footer, which readers of Parquet skip."""
    start, checksum = _parquet_digest(file, 0)
    file.seek(start)
    footer = file.read()
    file.seek(start)
    file.write(checksum + footer)


def _verify_digest(path: Path) -> None:
    with _present(path).open("rb") as file:
        start, checksum = _parquet_digest(file, DIGEST_BYTES)
        file.seek(max(start - DIGEST_BYTES, 0))
        if start >= DIGEST_BYTES and file.read(DIGEST_BYTES) == checksum:
            return
    raise ResultError(
        "A result is damaged.",
        where=str(path),
        expected="the bytes that were written",
        found="other bytes: their checksum differs",
        todo=(
            "three commands, of which the first has DVC check the copies in its cache again:\n"
            '    find "$(dvc cache dir)/files" -type f -exec chmod u+w {} + -exec touch {} +\n'
            f"    rm {shlex.quote(str(path))}\n"
            "    dvc repro"
        ),
    )


def _present(path: Path) -> Path:
    if not path.is_file():
        raise ResultError(
            "A result of an earlier stage is missing.",
            where=str(path),
            expected="the file that an earlier stage writes",
            found="no such file",
            todo=(
                "`dvc repro` makes it, or `dvc checkout` brings it back from the cache, or `dvc"
                " pull` from the remote."
            ),
        )
    return path


def rounded(content: Any) -> Any:
    """Round every float of a JSON-like object.

    Parameters
    ----------
    content : object

    Returns
    -------
    object
        The same content with floats rounded to `DECIMALS`, None for NaN, and lists for tuples.
    """
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [rounded(value) for value in content]
    if isinstance(content, float):
        return None if math.isnan(content) else round(content, DECIMALS)
    return content


def digest(*parts: bytes | str | memoryview) -> str:
    """Hash a list of parts.

    Each part is preceded by its length, so that different lists of parts never give the same bytes.

    Parameters
    ----------
    *parts : bytes, str or memoryview
        Texts are hashed as UTF-8.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()


def sha256(path: Path, progress: Callable[[int], object] | None = None) -> str:
    """Hash a file's bytes without reading them at once.

    Parameters
    ----------
    path : Path
    progress : callable of (int), optional
        Called after each chunk with its size in bytes.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            total.update(chunk)
            if progress is not None:
                progress(len(chunk))
    return total.hexdigest()


def canonical(content: Any) -> str:
    """Write equal content as equal text, whatever the order of its keys, to be hashed.

    Parameters
    ----------
    content : object
        Mappings, lists and scalars; everything else is written as `str` gives it.

    Returns
    -------
    str
        JSON with sorted keys and without spaces.
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
