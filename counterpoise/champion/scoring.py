"""Score a file with a champion: CSV or Parquet in and out, batch by batch, whole or not at all."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import pandas as pd
from tqdm import tqdm

from counterpoise.champion.bundle import Champion
from counterpoise.champion.schema import Noted, Schema
from counterpoise.core import files
from counterpoise.core.errors import ConfigurationError, TableError, did_you_mean
from counterpoise.data.readers import MISSING, header, refuse_short

OUT = ("probability", "decision")
"""The columns that are written, behind those that are kept."""
VALUES, LEAST, MOST = 2**20, 1_000, 2**15
"""Values in a batch (8 MiB as numbers), and the fewest and most rows."""
KINDS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


@dataclass
class Told:
    """What is to be said when all rows are scored."""

    rows: int = 0
    positive: int = 0
    left_out: list[str] = field(default_factory=list)
    noted: Noted = field(default_factory=Noted)


def score_file(champion: Champion, source: Path, target: Path, keep: Sequence[str] = ()) -> Told:
    """Score all rows of a file, in their order.

    Parameters
    ----------
    keep : sequence of str
        Columns of the input that are written before the results.

    Raises
    ------
    TableError
        When the file cannot be read or does not meet the schema; nothing is written.
    ConfigurationError
        When the names of files or columns make no sense.
    """
    kind, out = _kind(source), _kind(target)
    if not source.is_file():
        raise ConfigurationError(
            "There is no table at this path.",
            where=str(source),
            expected="a .csv or .parquet file",
            found="no such file",
            todo="correct the path.",
        )
    if target.exists() and target.samefile(source):
        raise ConfigurationError(
            "The result would take the place of the rows.",
            where=str(target),
            expected="another file than the input",
            found="the same file",
            todo="name another output.",
        )
    told = Told()
    with files.replacing(target) as file, _WRITERS[out](file, keep) as write:
        for frame, kept in _READERS[kind](source, champion.schema, keep, told):
            scored = champion.score(frame, str(source), told.noted, told.rows)
            write(
                kept.reset_index(drop=True).assign(
                    probability=scored.probability, decision=scored.decision.astype(np.int8)
                )
            )
            told.rows += len(frame)
            told.positive += int(scored.decision.sum())
        if not told.rows:
            raise TableError(
                "The table has no rows.",
                where=str(source),
                expected="one row for every example",
                found="a header alone",
                todo="check how the file was made.",
            )
    return told


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        raise ConfigurationError(
            "The ending of a file tells its kind.",
            where=str(path),
            expected=" or ".join(KINDS),
            found=repr(suffix),
            todo="rename the file.",
        )
    return KINDS[suffix]


def _columns(
    found: Sequence[str], schema: Schema, keep: Sequence[str], where: str, told: Told
) -> None:
    """Hold the names of columns against the schema and what is to be kept; note those that are left
    out."""
    others = schema.check(found, where)
    for name in keep:
        if name in OUT or name not in found:
            taken = name in OUT
            raise ConfigurationError(
                f"The column {name!r} cannot be kept"
                + (
                    ": its name is taken by a result."
                    if taken
                    else f": there is none{did_you_mean(name, found)}."
                ),
                where=where,
                expected="a column of the input, not called " + " or ".join(OUT),
                found=repr(name),
                todo="correct --keep.",
            )
        if list(found).count(name) > 1 or list(keep).count(name) > 1:
            raise ConfigurationError(
                "A column that is kept stands twice.",
                where=where,
                found=repr(name),
                todo="rename one of them, or name it once.",
            )
    told.left_out = [name for name in others if name not in keep]


def _batch(columns: int) -> int:
    return int(np.clip(VALUES // max(columns, 1), LEAST, MOST))


Batch = tuple[pd.DataFrame, pd.DataFrame]
"""Rows with the columns that are needed, and the columns of theirs that are kept."""


def _csv(source: Path, schema: Schema, keep: Sequence[str], told: Told) -> Iterator[Batch]:
    """A CSV as the dataset's own was read, but that labels stay texts: their type must not depend
    on the batch."""
    where = str(source)
    try:
        names = header(source)
        if not names:
            raise TableError(
                "The file is empty.",
                where=where,
                expected="a csv table",
                found="no header",
                todo="check how the file was made or copied.",
            )
        _columns(names, schema, keep, where, told)
        numbers = {*schema.names} - {*schema.texts, *keep}
        with (
            source.open("rb") as file,
            tqdm(
                total=source.stat().st_size, desc="score", unit="B", unit_scale=True, disable=None
            ) as bar,
            warnings.catch_warnings(),
        ):
            # a line with too many fields, else cut in silence
            warnings.simplefilter("error", pd.errors.ParserWarning)
            chunks = pd.read_csv(
                file,
                chunksize=_batch(len(names)),
                names=_unlike(names),
                header=0,
                skipinitialspace=True,
                low_memory=False,
                index_col=False,
                encoding="utf-8-sig",
                keep_default_na=False,
                # all else as it stands: a customer's 007 is kept as such
                dtype={name: str for name in _unlike(names) if name not in numbers},
                na_values=dict.fromkeys(schema.names, MISSING),
            )
            checked = False
            for chunk in chunks:
                if not checked and _short(chunk):
                    refuse_short(source, len(names))
                    checked = True
                yield chunk, chunk[list(keep)]
                bar.update(file.tell() - bar.n)
    except (ValueError, LookupError, csv.Error, pd.errors.ParserWarning) as error:
        raise TableError(
            "The file cannot be read as csv.",
            where=where,
            expected="UTF-8 text, comma-separated, the same number of fields in every line",
            found=" ".join(str(error).split())[:300],
            todo="check the file.",
        ) from None


def _unlike(names: Sequence[str]) -> list[str]:
    """Names that differ: of two equal ones, which nobody asks for, the second gets another name."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}\0{seen[name]}")
    return result


def _short(chunk: pd.DataFrame) -> bool:
    last = chunk.iloc[:, -1]
    return bool((last.isna() | (last == "")).any())


def _parquet(source: Path, schema: Schema, keep: Sequence[str], told: Told) -> Iterator[Batch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # read ahead, the whole file would be in memory
        with pq.ParquetFile(source, pre_buffer=False, buffer_size=files.CHUNK) as file:
            _columns(file.schema_arrow.names, schema, keep, str(source), told)
            wanted = [*dict.fromkeys([*schema.names, *keep])]
            batches = file.iter_batches(_batch(len(wanted)), columns=wanted)
            with tqdm(
                total=file.metadata.num_rows,
                desc="score",
                unit="row",
                unit_scale=True,
                disable=None,
            ) as bar:
                for batch in batches:
                    # what is kept has the type that it has in the file, whatever a batch holds
                    yield (
                        batch.to_pandas(),
                        batch.select(list(keep)).to_pandas(types_mapper=pd.ArrowDtype),
                    )
                    bar.update(batch.num_rows)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise TableError(
            "The file cannot be read as parquet.",
            where=str(source),
            expected="a parquet table",
            found=" ".join(str(error).split())[:300],
            todo="check the file.",
        ) from None


class _Write(Protocol):
    def __call__(self, frame: pd.DataFrame) -> None: ...


@contextmanager
def _to_csv(file: IO[bytes], keep: Sequence[str]) -> Iterator[_Write]:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    text.write(",".join([*map(_quoted, keep), *OUT]) + "\n")
    yield lambda frame: frame.to_csv(text, index=False, header=False, lineterminator="\n")
    text.flush()
    text.detach()


def _quoted(name: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([name])
    return line.getvalue()


@contextmanager
def _to_parquet(file: IO[bytes], keep: Sequence[str]) -> Iterator[_Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer: Any = None

    def write(frame: pd.DataFrame) -> None:
        nonlocal writer
        if writer is None:
            # pandas' names of types
            schema = pa.Schema.from_pandas(frame, preserve_index=False).remove_metadata()
            writer = pq.ParquetWriter(file, schema, compression="zstd")
        writer.write_table(pa.Table.from_pandas(frame, schema=writer.schema, preserve_index=False))

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


_READERS = {"csv": _csv, "parquet": _parquet}
_WRITERS = {"csv": _to_csv, "parquet": _to_parquet}
