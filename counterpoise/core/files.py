"""Readers and writers whose files are either whole or absent, and the same bytes for the same
content."""

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

CHUNK = 1 << 20
TAIL, DIGEST = 8, 32
"""Bytes that a Parquet file ends with after its footer, and of the digest that stands before it."""
DECIMALS = 6
"""Decimals of every number in a CSV or JSON result: more would suggest a precision that no dataset
here has."""


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` only when everything was written.

    Parameters
    ----------
    durable : bool
        Whether to wait until the bytes are on the disk, so that a power failure leaves no part of
        them.

    Raises
    ------
    StorageError
        When the disk is full; `path` is as it was before and the part written is gone.
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
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except OSError as error:
        raise (no_space(error, str(path)) or error) from error
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path: Path, content: Any) -> None:
    """JSON with sorted keys and rounded numbers; NaN becomes null, an infinity is refused, since
    JSON has neither."""
    write_text(
        path,
        json.dumps(rounded(content), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
        + "\n",
    )


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """CSV with rounded numbers and an empty field for what is missing."""
    write_text(path, frame.round(DECIMALS).to_csv(index=False, lineterminator="\n"))


def write_parquet(path: Path, table: pa.Table | pd.DataFrame) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not isinstance(table, pa.Table):
        table = pa.Table.from_pandas(table, preserve_index=False)
    with replacing(path) as file:
        pq.write_table(table, file, compression="zstd", write_page_checksum=True)
        _write_digest(file)


ROW_GROUP = 1 << 20
"""Rows of a row group of a Parquet file, pyarrow's own number."""


def write_parquet_pieces(path: Path, pieces: Iterator[pd.DataFrame]) -> None:
    """The file that `write_parquet` makes of the pieces together, with one of them in memory.

    Every piece but the last has `ROW_GROUP` rows, and there is at least one.
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
    return json.loads(_present(path).read_text(encoding="utf-8"))


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV result; texts such as "none" and "nan" stay texts, only an empty field is
    missing."""
    import pandas as pd

    return pd.read_csv(_present(path), keep_default_na=False, na_values=[""])


def read_parquet(
    path: Path, columns: list[str] | None = None, *, verify: bool = True
) -> pd.DataFrame:
    """Read a Parquet file that `write_parquet` wrote.

    Parameters
    ----------
    verify : bool
        Whether the file has to have the digest that is written today.

    Raises
    ------
    ResultError
        When the file is missing or not what was written.
    """
    import pandas as pd

    if verify:
        _verify_digest(path)
    return pd.read_parquet(_present(path), columns=columns, page_checksum_verification=True)


def open_parquet(path: Path) -> pq.ParquetFile:
    """A Parquet file that `write_parquet` wrote, to be read column by column; raises as
    `read_parquet` does."""
    import pyarrow.parquet as pq

    _verify_digest(path)
    return pq.ParquetFile(path, page_checksum_verification=True)


def _parquet_digest(file: IO[bytes], gap: int) -> tuple[int, bytes]:
    """Where the footer of a Parquet file begins, and the SHA-256 of all bytes but so many before
    it.

    Parquet's own checksums leave out the headers of pages and the footer, where one flipped bit in
    fifty changes what is read without an error.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - TAIL, 0))
    footer = size - TAIL - int.from_bytes(file.read(4), "little")
    total = hashlib.sha256()
    for start, end in ((0, footer - gap), (footer, size)):
        file.seek(max(start, 0))
        for left in range(end - start, 0, -CHUNK):
            total.update(file.read(min(left, CHUNK)))
    return footer, total.digest()


def _write_digest(file: IO[bytes]) -> None:
    """Put the digest of a Parquet file before its footer, where no reader of Parquet looks."""
    start, found = _parquet_digest(file, 0)
    file.seek(start)
    footer = file.read()
    file.seek(start)
    file.write(found + footer)


def _verify_digest(path: Path) -> None:
    with _present(path).open("rb") as file:
        start, found = _parquet_digest(file, DIGEST)
        file.seek(max(start - DIGEST, 0))
        if start >= DIGEST and file.read(DIGEST) == found:
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
    """The same content with every float rounded to `DECIMALS` and every NaN turned into None."""
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [rounded(value) for value in content]
    if isinstance(content, float):
        return None if math.isnan(content) else round(content, DECIMALS)
    return content


def digest(*parts: bytes | str | memoryview) -> str:
    """The SHA-256 of the parts, each preceded by its length so that no two lists of parts look
    alike."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()


def sha256(path: Path, progress: Callable[[int], object] | None = None) -> str:
    """The SHA-256 of a file's bytes, read in pieces."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            total.update(chunk)
            if progress is not None:
                progress(len(chunk))
    return total.hexdigest()


def canonical(content: Any) -> str:
    """One text for one content, whatever the order of its keys: what a hash is taken of."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
