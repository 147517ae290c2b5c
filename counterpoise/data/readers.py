"""Read bytes into a raw table: one reader for each format, with the column names of the file."""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.core.errors import TableError

MISSING = ["", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "<NA>"]
"""Texts that stand for a missing value in a CSV. "None" is not among them: it is a common label,
which would be lost.
"""

LARGE = 2**28
"""A CSV of more bytes than this is read in batches: read at once it takes several times its size in
memory.
"""

BATCH = 250_000
"""Rows of a batch."""


def read(
    content: bytes | Path,
    kind: str,
    *,
    where: str,
    columns: Sequence[str] | None = None,
    cut: bool = False,
) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    content : bytes or Path
        The bytes, or the file that has them.
    kind : {"csv", "npz", "parquet"}
    where : str
        The name of the table in messages.
    columns : sequence of str, optional
        The column names of a CSV without a header.
    cut : bool
        Whether the last line of a CSV ends in the middle and is left out.

    Returns
    -------
    DataFrame
        With at least one row.

    Raises
    ------
    TableError
        When the bytes are no table of this kind, hold no rows, or name a column twice.
    OSError
        When the file cannot be read.
    """
    source = content if isinstance(content, Path) else io.BytesIO(content)
    size = content.stat().st_size if isinstance(content, Path) else len(content)
    if size == 0:
        raise TableError(
            "The file is empty.",
            where=where,
            expected=f"a {kind} table",
            found="0 bytes",
            todo="check how the file was made or copied.",
        )
    try:
        frame = _READERS[kind](source, where, columns, cut)
    except (
        ValueError,
        OSError,
        LookupError,
        csv.Error,
        zipfile.BadZipFile,
        pd.errors.ParserWarning,
    ) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise TableError(
            f"The file cannot be read as {kind}.",
            where=where,
            expected={
                "csv": "UTF-8 text, comma-separated, the same number of fields in every line"
            }.get(kind, kind),
            found=" ".join(str(error).split())[:300],
            todo=(
                "check the file; a file of another kind needs the ending .csv or .parquet that"
                " tells its kind."
            ),
        ) from None
    if not len(frame):
        raise TableError(
            "The table has no rows.",
            where=where,
            expected="one row for every example",
            found="a header alone",
            todo="check how the file was made.",
        )
    return frame


def _csv(
    source: Path | io.BytesIO, where: str, columns: Sequence[str] | None, cut: bool
) -> pd.DataFrame:
    if cut:
        content = source.read_bytes() if isinstance(source, Path) else source.getvalue()
        source = io.BytesIO(content[: content.rfind(b"\n") + 1])
    if columns is None:
        _refuse_twice(header(source), where)
    with warnings.catch_warnings():
        # pandas cuts a line with too many fields and merely warns
        warnings.simplefilter("error", pd.errors.ParserWarning)
        options: dict[str, Any] = {
            "header": 0 if columns is None else None,
            "names": None if columns is None else list(columns),
            "skipinitialspace": True,
            "low_memory": False,
            "index_col": False,
            "encoding": "utf-8-sig",
            "keep_default_na": False,
            "na_values": MISSING,
        }
        large = isinstance(source, Path) and source.stat().st_size > LARGE
        frame = _in_batches(source, options) if large else pd.read_csv(source, **options)
    # a short line lacks its last field, so that only then every line is looked at
    if len(frame) and frame.iloc[:, -1].isna().any():
        refuse_short(source, len(frame.columns))
    return frame


def _in_batches(source: Path | io.BytesIO, options: dict[str, Any]) -> pd.DataFrame:
    """Read a CSV as `read_csv` does, in batches of rows that are joined column by column.

    At once, a large text takes too much memory. A column that is text in some rows is text in all:
    it is read a second time where some batch had no text.
    """
    pieces: dict[str, list[pd.Series]] = {}
    with pd.read_csv(source, chunksize=BATCH, **options) as batches:
        for batch in batches:
            for name in batch.columns:
                pieces.setdefault(name, []).append(batch[name].copy())
    columns: dict[str, pd.Series] = {}
    for name in list(pieces):
        kinds = {_kind_of(piece) for piece in pieces[name]}
        if len(kinds - {""}) > 1 or kinds == {"", "string"}:
            with pd.read_csv(
                source, chunksize=BATCH, usecols=[name], dtype=str, **options
            ) as batches:
                pieces[name] = [batch[name] for batch in batches]
        columns[name] = pd.concat(pieces.pop(name), ignore_index=True)
    return pd.DataFrame(columns, copy=False)


def _kind_of(values: pd.Series) -> str:
    """The kind of values: "number", another name of `infer_dtype`, or "" where all are missing."""
    kind = pd.api.types.infer_dtype(values, skipna=True)
    number = "" if values.isna().all() else "number"
    return {"empty": "", "integer": number, "floating": number}.get(kind, kind)


def refuse_short(source: Path | io.BytesIO, fields: int) -> None:
    """Refuse a line with too few fields, which pandas would fill up without a warning.

    Such a line is the last one of a file that was cut, for example.

    Parameters
    ----------
    source : Path or BytesIO
    fields : int
        The number of columns.

    Raises
    ------
    ValueError
        With the number of the first such line.
    """
    stream = source.open("rb") if isinstance(source, Path) else io.BytesIO(source.getvalue())
    with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        lines = csv.reader(text, skipinitialspace=True)
        for line in lines:
            if 0 < len(line) < fields:
                raise ValueError(
                    f"Expected {fields} fields in line {lines.line_num}, saw {len(line)}"
                )


def header(source: Path | io.BytesIO) -> list[str]:
    """Read the column names of a CSV as its first line has them.

    pandas would rename the second of two equal names.

    Parameters
    ----------
    source : Path or BytesIO
        A stream is set back to its start.

    Returns
    -------
    list of str
        Empty for an empty file.
    """
    if isinstance(source, Path):
        with source.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file, skipinitialspace=True), [])
    text = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")
    names = next(csv.reader(text, skipinitialspace=True), [])
    text.detach()  # or the stream would be closed with its wrapper
    source.seek(0)
    return names


def _parquet(
    source: Path | io.BytesIO, where: str, columns: Sequence[str] | None, cut: bool
) -> pd.DataFrame:
    import pyarrow.parquet as pq

    found: dict[str, pd.Series] = {}
    with pq.ParquetFile(source) as file:
        names = file.schema_arrow.names
        _refuse_twice(names, where)
        # one column at a time: else the whole Arrow table would lie in memory beside the frame
        for name in names:
            one = file.read(columns=[name]).select([name]).to_pandas()
            # empty for a column that holds the index of a frame that pandas wrote
            found |= {column: one[column] for column in one.columns}
    return pd.DataFrame(found, copy=False)


def _npz(
    source: Path | io.BytesIO, where: str, columns: Sequence[str] | None, cut: bool
) -> pd.DataFrame:
    """The layout of Zenodo record 61452: `data` (rows x features) and `label` (-1 or +1)."""
    with np.load(source, allow_pickle=False) as arrays:
        data, label = arrays["data"], arrays["label"]
    frame = pd.DataFrame(data, columns=[f"x{k}" for k in range(data.shape[1])])
    return frame.assign(label=label)


_READERS = {"csv": _csv, "parquet": _parquet, "npz": _npz}


def _refuse_twice(names: Sequence[str], where: str) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise TableError(
            "A column name stands twice.",
            where=where,
            expected="column names that differ",
            found=", ".join(map(repr, twice)),
            todo="rename one of them, so that `target`, `drop` and the rest say which is meant.",
        )


def digits() -> pd.DataFrame:
    """scikit-learn's bundled handwritten digits.

    Returns
    -------
    DataFrame
        1,797 rows: 64 columns with the pixels of an image of 8 x 8, and the `digit` that it shows.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return pd.DataFrame(bunch.data, columns=[f"pixel_{k // 8}_{k % 8}" for k in range(64)]).assign(
        digit=bunch.target
    )
