"""Score a CSV or Parquet file with a champion, batch by batch; an error leaves no output file."""

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
from counterpoise.champion.schema import Schema, ScoringNotes
from counterpoise.core import files
from counterpoise.core.errors import ConfigurationError, TableError, did_you_mean
from counterpoise.data.readers import MISSING, header, refuse_short

OUT = ("probability", "decision")
"""The columns that are written, after those that are kept."""
VALUES, LEAST, MOST = 2**20, 1_000, 2**15
"""Values in a batch (8 MiB as float64), and its fewest and most rows."""
KINDS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


@dataclass
class ScoringResult:
    """The summary of a scored file.

    Attributes
    ----------
    rows, positive : int
        Rows scored, and how many of them are called positive.
    left_out : list of str
        Columns of the input that are neither needed nor kept.
    noted : ScoringNotes
        Unseen labels.
    """

    rows: int = 0
    positive: int = 0
    left_out: list[str] = field(default_factory=list)
    noted: ScoringNotes = field(default_factory=ScoringNotes)


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
    told = ScoringResult()
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
    found: Sequence[str], schema: Schema, keep: Sequence[str], where: str, told: ScoringResult
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
    told.left_out = [name for name in others if name not in keep]


def _batch(columns: int) -> int:
    return int(np.clip(VALUES // max(columns, 1), LEAST, MOST))


Batch = tuple[pd.DataFrame, pd.DataFrame]
"""Rows with at least the needed columns, and the same rows with the kept columns only."""


def _csv(source: Path, schema: Schema, keep: Sequence[str], told: ScoringResult) -> Iterator[Batch]:
    """Read a CSV as the dataset's own was read, except that labels stay texts.

    An inferred type of a label would depend on the batch.
    """
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
            # pandas only warns of a line with too many fields, and drops the surplus
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
                # all other columns as texts: a customer number 007 must not become 7
                dtype={name: str for name in _unlike(names) if name not in numbers},
                na_values=dict.fromkeys(schema.names, MISSING),
            )
            # pandas fills a short line with missing values, so an empty last field may come of one;
            # one pass over the whole file settles it for all batches
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
    """Make names unique, since pandas refuses duplicates; duplicate columns are never read.

    The null character keeps the new name from being that of another column.
    """
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}\0{seen[name]}")
    return result


def _short(chunk: pd.DataFrame) -> bool:
    """Whether some line may have too few fields: its last field is empty."""
    last = chunk.iloc[:, -1]
    return bool((last.isna() | (last == "")).any())


def _parquet(
    source: Path, schema: Schema, keep: Sequence[str], told: ScoringResult
) -> Iterator[Batch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # with pre_buffer, the whole file would be in memory
        with pq.ParquetFile(source, pre_buffer=False, buffer_size=files.CHUNK_BYTES) as file:
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
                    # kept columns keep their Arrow type: pandas' type would depend on the batch
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
            # without pandas' metadata, which names the dtypes of this frame
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
