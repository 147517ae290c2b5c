"""Readers and writers whose files are either whole or absent, and the same bytes for the same content."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from stages.errors import ResultError, no_space

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

CHUNK = 1 << 20
DECIMALS = 6
"""Decimals of every number in a CSV or JSON result: more would suggest a precision that no dataset here has."""


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` only when everything was written.

    Parameters
    ----------
    durable : bool
        Whether to wait until the bytes are on the disk, so that a power failure leaves no part of them.

    Raises
    ------
    StorageError
        When the disk is full; `path` is as it was before and the part written is gone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
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
    """JSON with sorted keys and rounded numbers; NaN becomes null, an infinity is refused, since JSON has neither."""
    write_text(path, json.dumps(rounded(content), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """CSV with rounded numbers and an empty field for what is missing."""
    write_text(path, frame.round(DECIMALS).to_csv(index=False, lineterminator="\n"))


def write_parquet(path: Path, table: pa.Table | pd.DataFrame) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not isinstance(table, pa.Table):
        table = pa.Table.from_pandas(table, preserve_index=False)
    with replacing(path) as file:
        pq.write_table(table, file, compression="zstd")


ROW_GROUP = 1 << 20
"""Rows of a row group of a Parquet file, pyarrow's own number."""


def write_parquet_pieces(path: Path, pieces: Iterator[pd.DataFrame]) -> None:
    """The file that `write_parquet` makes of the pieces together, with one of them in memory.

    Every piece but the last has `ROW_GROUP` rows, and there is at least one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = pa.Table.from_pandas(next(pieces), preserve_index=False)
    with replacing(path) as file, pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
        writer.write_table(first, ROW_GROUP)
        del first
        for piece in pieces:
            writer.write_table(pa.Table.from_pandas(piece, preserve_index=False), ROW_GROUP)


def read_json(path: Path) -> Any:
    return json.loads(_present(path).read_text(encoding="utf-8"))


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV result; texts such as "none" and "nan" stay texts, only an empty field is missing."""
    import pandas as pd

    return pd.read_csv(_present(path), keep_default_na=False, na_values=[""])


def read_parquet(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(_present(path), columns=columns)


def open_parquet(path: Path) -> pq.ParquetFile:
    """A Parquet file to be read column by column."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(_present(path))


def _present(path: Path) -> Path:
    if not path.is_file():
        raise ResultError(
            "A result of an earlier stage is missing.",
            where=str(path),
            expected="the file that an earlier stage writes",
            found="no such file",
            todo="`dvc repro` makes it, or `dvc checkout` brings it back from the cache, or `dvc pull` from the remote.",
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
    """The SHA-256 of the parts, each preceded by its length so that no two lists of parts look alike."""
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
