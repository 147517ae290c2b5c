"""Score a CSV or Parquet file with a champion, batch by batch; an error leaves no output file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import pandas as pd
from tqdm import tqdm

from counterpoise.champion.bundle import Champion
from counterpoise.champion.schema import Schema, ScoringNotes
from counterpoise.core import files
from counterpoise.core.errors import ConfigurationError, TableError, did_you_mean
from counterpoise.core.files import CHUNK_BYTES
from counterpoise.data.reading.files import (
    KINDS,
    STRING,
    Options,
    kind_of,
    read,
    readable,
    text_table,
)

OUT = ("probability", "decision")
"""The columns that are written, after those that are kept."""
VALUES, LEAST, MOST = 2**20, 1_000, 2**15
"""Values in a batch (8 MiB as float64), and its fewest and most rows."""


@dataclass
class ScoringResult:
    """The summary of a scored file.

    Attributes
    ----------
    rows, positive : int
        Rows scored, and how many of them are called positive.
    left_out : list of str
        Columns of the input that are neither needed nor kept.
    notes : ScoringNotes
        Unseen labels.
    """

    rows: int = 0
    positive: int = 0
    left_out: list[str] = field(default_factory=list)
    notes: ScoringNotes = field(default_factory=ScoringNotes)


def score_file(
    champion: Champion, source: Path, target: Path, keep: Sequence[str] = ()
) -> ScoringResult:
    """Score all rows of a file, in their order.

    Parameters
    ----------
    champion : Champion
    source, target : Path
        Input and output, each .csv, .parquet or .pq; an existing output is replaced.
    keep : sequence of str
        Columns of the input that are written before the results.

    Returns
    -------
    ScoringResult
        The summary.

    Raises
    ------
    TableError
        When the file cannot be read, has no rows or does not meet the schema.
    ConfigurationError
        When the input does not exist or is the output, an ending is not known, or a kept column
        does not exist, occurs twice or has the name of a result.
    ResultError
        When the model gives a score that is not finite.
    StorageError
        When the disk is full.

    Notes
    -----
    An error leaves the output as it was: it is replaced only when all rows are scored.
    """
    kind, out = kind_of(source.name, str(source)), KINDS.get(target.suffix.lower())
    if out not in _WRITERS:
        raise ConfigurationError(
            "Results are written as CSV or as Parquet.",
            where=str(target),
            expected="a file that ends in .csv or .parquet",
            found=repr(target.suffix),
            todo="name another output.",
        )
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
    result = ScoringResult()
    with files.replacing(target) as file, _WRITERS[out](file, keep) as write:
        batches = _READERS.get(kind, _whole)(source, champion.schema, keep, result)
        bar = tqdm(desc="score", unit="row", unit_scale=True, disable=None)
        for frame, kept in batches:
            scored = champion.score(frame, str(source), result.notes, result.rows)
            write(
                kept.reset_index(drop=True).assign(
                    probability=scored.probability, decision=scored.decision.astype(np.int8)
                )
            )
            result.rows += len(frame)
            bar.update(len(frame))
            result.positive += int(scored.decision.sum())
        bar.close()
        if not result.rows:
            raise TableError(
                "The table has no rows.",
                where=str(source),
                expected="one row for every example",
                found="a header alone",
                todo="check how the file was made.",
            )
    return result


def _columns(
    found: Sequence[str], schema: Schema, keep: Sequence[str], where: str, result: ScoringResult
) -> None:
    """Check the names of columns against the schema and `keep`; record those that are left out."""
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
    result.left_out = [name for name in others if name not in keep]


def _batch(columns: int) -> int:
    return int(np.clip(VALUES // max(columns, 1), LEAST, MOST))


Batch = tuple[pd.DataFrame, pd.DataFrame]
"""Rows with at least the needed columns, and the same rows with the kept columns only."""


def _text(
    source: Path, schema: Schema, keep: Sequence[str], result: ScoringResult
) -> Iterator[Batch]:
    """Read a text table of any layout; its values are texts, as in the dataset's own."""
    where = str(source)
    options = Options(columns=schema.names)
    with readable("text", where), text_table(source, options, where) as (_, names, batches):
        _columns(names, schema, keep, where, result)
        for batch in batches:
            frame = pd.DataFrame(
                {name: pd.Series(batch.column(name), dtype=STRING) for name in names}, copy=False
            )
            yield frame, frame[list(keep)]


def _whole(
    source: Path, schema: Schema, keep: Sequence[str], result: ScoringResult
) -> Iterator[Batch]:
    """Read a file of a kind that is not read in batches."""
    frame = read(source, kind_of(source.name, str(source)), Options(), str(source)).frame
    _columns(list(map(str, frame.columns)), schema, keep, str(source), result)
    yield frame, frame[list(keep)]


def _parquet(
    source: Path, schema: Schema, keep: Sequence[str], result: ScoringResult
) -> Iterator[Batch]:
    import pyarrow.parquet as pq

    # with pre_buffer, the whole file would be in memory
    with (
        readable("parquet", str(source)),
        pq.ParquetFile(source, pre_buffer=False, buffer_size=CHUNK_BYTES) as file,
    ):
        _columns(file.schema_arrow.names, schema, keep, str(source), result)
        wanted = [*dict.fromkeys([*schema.names, *keep])]
        for batch in file.iter_batches(_batch(len(wanted)), columns=wanted):
            # kept columns keep their Arrow type: pandas' type would depend on the batch
            kept = batch.select(list(keep)).to_pandas(types_mapper=pd.ArrowDtype)
            yield batch.to_pandas(), kept


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
            # without pandas' metadata, which names the dtypes of this frame
            schema = pa.Schema.from_pandas(frame, preserve_index=False).remove_metadata()
            writer = pq.ParquetWriter(file, schema, compression="zstd")
        writer.write_table(pa.Table.from_pandas(frame, schema=writer.schema, preserve_index=False))

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


_READERS = {"text": _text, "parquet": _parquet}
_WRITERS = {"text": _to_csv, "parquet": _to_parquet}
