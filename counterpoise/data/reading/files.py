"""Read a file as it comes: text tables of any layout, Parquet, Feather, Excel, SQL.

Columns of a text table are texts; what they mean is decided later, by column
(`counterpoise.data.reading.columns`). Other files bring types of their own.
"""

from __future__ import annotations

import bz2
import csv
import errno
import gzip
import io
import itertools
import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from counterpoise.core.errors import LibraryError, TableError
from counterpoise.data.reading import layout
from counterpoise.data.reading.layout import Given, Layout

KINDS = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".data", ".dat"), "text"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".feather", ".arrow"), "feather"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"), "excel"),
    ".sql": "sql",
    ".npz": "npz",
}
"""The kinds of files by their endings."""
PACKED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""The endings of compressed files, and what opens them; .zip is opened apart."""
BATCH_ROWS = 50_000
"""Rows of a text table that are read at a time."""
STRING = pd.StringDtype("pyarrow")

Source = Path | bytes


@dataclass(frozen=True)
class Options:
    """What the user says of a file.

    Attributes
    ----------
    given : Given
        Parts of the layout of a text table, and the names of its columns.
    sheet : str, optional
        The sheet of an Excel file; its only one by default.
    database : str, optional
        The address of the database that a .sql file is a query of.
    cut : bool
        Whether the last line of a text table ends in the middle and is left out.
    columns : tuple of str
        Columns that the table should have.
    """

    given: Given = field(default_factory=Given)
    sheet: str | None = None
    database: str | None = None
    cut: bool = False
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawTable:
    """A table as its file has it.

    Attributes
    ----------
    frame : DataFrame
        At least one row. Columns of a text table are texts, "" where a field is empty.
    described : str
        The file's kind and layout in words.
    """

    frame: pd.DataFrame
    described: str


def kind_of(name: str, where: str) -> str:
    """The kind of a file by its ending.

    Parameters
    ----------
    name : str
        The name of the file.
    where : str
        The name of the table in messages.

    Returns
    -------
    {"text", "parquet", "feather", "excel", "sql", "npz"}

    Raises
    ------
    TableError
        When the ending is unknown, with the way out.
    """
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix in PACKED or suffix == ".zip":
        suffix = Path(path.stem).suffix.lower() or ".csv"
        if KINDS.get(suffix) != "text":
            suffix = ".csv" if suffix not in KINDS else f"{suffix}{path.suffix.lower()}"
    if suffix not in KINDS:
        raise TableError(
            "The ending of a file stands for no known kind.",
            where=where,
            expected="an ending of: "
            + ", ".join(sorted(KINDS))
            + "; text also with .gz, .zip, .bz2, .xz",
            found=f"the ending {suffix!r}",
            todo=(
                "rename the file if it is of one of these kinds; else save it as CSV or Parquet"
                " (Stata, SPSS, SAS and R files: pandas.read_stata, read_spss, read_sas, pyreadr)."
            ),
        )
    return KINDS[suffix]


def read(source: Source, kind: str, options: Options, where: str) -> RawTable:
    """Read a table whole.

    Parameters
    ----------
    source : Path or bytes
    kind : str
        As `kind_of` gives it.
    options : Options
    where : str
        The name of the table in messages.

    Returns
    -------
    RawTable

    Raises
    ------
    TableError
        When the file is no table of this kind, holds no rows, or names a column twice.
    LibraryError
        When the library for this kind is not installed.
    """
    refuse_unused(kind, options, where)
    size = source.stat().st_size if isinstance(source, Path) else len(source)
    if size == 0:
        raise _no_table("The file is empty.", where, "0 bytes")
    with readable(kind, where):
        if kind == "text":
            if options.cut:
                content = source.read_bytes() if isinstance(source, Path) else source
                source = content[: content.rfind(b"\n") + 1]
            with text_table(source, options, where) as (found, names, batches):
                pieces = list(batches)
            tables = pa.concat_tables(pieces) if pieces else _without_rows(names)
            frame = pd.DataFrame(
                {name: pd.Series(tables.column(name), dtype=STRING) for name in names}, copy=False
            )
            described = str(found)
        else:
            frame, described = _READERS[kind](source, options, where)
    refuse_twice([str(name) for name in frame.columns], where)
    if not len(frame):
        raise _no_table("The table has no rows.", where, "a header alone")
    return RawTable(frame, described)


OPTIONS_OF = {
    "text": ("separator", "encoding", "header", "columns", "cut"),
    "excel": ("sheet", "header", "columns"),
    "sql": ("database",),
}
"""The keys of a dataset's entry that have an effect on each kind of file."""


def refuse_unused(kind: str, options: Options, where: str) -> None:
    """Refuse options that are for another kind of file, since they would have no effect.

    Parameters
    ----------
    kind : str
        As `kind_of` gives it, or another name of a table that takes no option.
    options : Options
    where : str
        The name of the table in messages.

    Raises
    ------
    TableError
    """
    given = {
        "separator": options.given.separator,
        "encoding": options.given.encoding,
        "columns": options.given.names or None,
        # names alone imply that there is no header
        "header": None if options.given.names else options.given.header,
        "sheet": options.sheet,
        "database": options.database,
        "cut": options.cut or None,
    }
    allowed = OPTIONS_OF.get(kind, ())
    unused = [key for key, value in given.items() if value is not None and key not in allowed]
    if unused:
        kinds = [one for one, keys in OPTIONS_OF.items() if unused[0] in keys]
        raise TableError(
            f"`{unused[0]}` has no effect on this file.",
            where=where,
            expected=f"no `{unused[0]}`, which is for " + " and ".join(kinds),
            found=", ".join(f"{key}: {given[key]!r}" for key in unused) + f", and a file of {kind}",
            todo="take it out of the dataset's entry.",
        )


def _without_rows(names: Sequence[str]) -> pa.Table:
    return pa.table({name: pa.array([], pa.string()) for name in names})


def _no_table(what: str, where: str, found: str) -> TableError:
    return TableError(
        what,
        where=where,
        expected="a table with one row for every example",
        found=found,
        todo="check how the file was made or copied.",
    )


@contextmanager
def readable(kind: str, where: str) -> Iterator[None]:
    """Turn what libraries raise on a broken file into a message.

    Parameters
    ----------
    kind : str
    where : str

    Raises
    ------
    TableError, LibraryError
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise LibraryError.of(error) from None
    except (
        ValueError,
        LookupError,
        EOFError,
        NotImplementedError,
        OSError,
        csv.Error,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        pa.ArrowException,
    ) as error:
        # a broken archive sends its reader to places before the file
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise TableError(
                "The file cannot be read.",
                where=where,
                expected="a file that this user may read",
                found=error.strerror,
                todo="check its permissions, and that its disk is there.",
            ) from None
        raise TableError(
            f"The file cannot be read as {kind}.",
            where=where,
            expected={"text": "lines with the same number of fields"}.get(kind, kind),
            found=" ".join(str(error).split())[:300] or type(error).__name__,
            todo="check how the file was made or copied, and that its ending is that of its kind.",
        ) from None


@contextmanager
def opened(source: Source, where: str) -> Iterator[IO[bytes]]:
    """Open a file, unpacked where it is compressed.

    Parameters
    ----------
    source : Path or bytes
    where : str

    Yields
    ------
    binary file
        At its beginning; it can be set back.

    Raises
    ------
    TableError
        When a .zip holds more than one file.
    """
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    suffix = source.suffix.lower()
    if suffix in PACKED:
        with PACKED[suffix](source, "rb") as stream:
            yield stream
    elif suffix == ".zip":
        with zipfile.ZipFile(source) as archive:
            members = [
                one
                for one in archive.infolist()
                if not one.is_dir() and not one.filename.startswith("__MACOSX/")
            ]
            if len(members) != 1:
                raise TableError(
                    "An archive holds more than one file." if members else "An archive is empty.",
                    where=where,
                    expected="one table in a .zip file",
                    found=", ".join(one.filename for one in members[:10]) or "no file",
                    todo="unpack it, and name the table under `path`.",
                )
            if members[0].flag_bits & 1:
                raise TableError(
                    "An archive needs a password.",
                    where=where,
                    expected="a .zip file without a password",
                    found="an encrypted file",
                    todo="unpack it, and name the table under `path`.",
                )
            with archive.open(members[0]) as stream:
                yield stream
    else:
        with source.open("rb") as stream:
            yield stream


@contextmanager
def text_table(
    source: Source, options: Options, where: str
) -> Iterator[tuple[Layout, list[str], Iterator[pa.Table]]]:
    """Open a text table.

    Parameters
    ----------
    source : Path or bytes
    options : Options
    where : str
        The name of the table in messages.

    Yields
    ------
    layout : Layout
    names : list of str
    batches : iterator of pyarrow.Table
        Columns of texts, without surrounding blanks; at most `BATCH_ROWS` rows each.

    Raises
    ------
    TableError
        While batches are read, too: when a line has another number of fields than the header, or
        bytes are not in the encoding.
    """
    with opened(source, where) as stream:
        found = layout.detect(stream, options.given, where, options.columns)
        stream.seek(0)
        lines = iter(found.lines(stream))
        names = _names(lines, found, options, where)
        first = next(lines, None)
        kept = [] if first is None else [first]
        if not names and first is not None:
            names = [f"column_{k}" for k in range(1, len(first) + 1)]
        refuse_twice(names, where)
        rows = itertools.chain(kept, lines)
        yield found, names, _batches(rows, names, found, where)


def _names(lines: Iterator[list[str]], found: Layout, options: Options, where: str) -> list[str]:
    """The names of the columns; empty where they are to be numbered."""
    header = next(lines, []) if found.header else []
    if options.given.names:
        names = list(map(str, options.given.names))
        if found.header and len(header) != len(names):
            raise _fields(where, 1, len(names), len(header), found)
        return names
    names = [name.strip().strip("\ufeff") for name in header]
    if all(re.fullmatch("'.+'", name) for name in names):  # above values without quotes
        names = [name[1:-1] for name in names]
    if found.header and len(names) > 1 and not names[-1]:
        names[-1] = ""  # a separator at the end of each line
    return [name or f"column_{k}" for k, name in enumerate(names, 1)]


def _batches(
    rows: Iterator[list[str]], names: list[str], found: Layout, where: str
) -> Iterator[pa.Table]:
    first_line, count = found.skip + found.header + 1, 0
    while True:
        try:
            block = list(itertools.islice(rows, BATCH_ROWS))
        except UnicodeDecodeError as error:
            raise TableError(
                "A file is not in one encoding.",
                where=f"{where}, after row {count:,}",
                expected=f"text in the encoding {found.encoding}",
                found=f"the byte 0x{error.object[error.start]:02x}",
                todo="save it as UTF-8, or name it: `encoding: cp1252` (`--encoding` of `add`).",
            ) from None
        except csv.Error as error:
            raise TableError(
                "A line cannot be split into fields.",
                where=f"{where}, after row {count:,}",
                expected="lines of text with fields of moderate length",
                found=str(error),
                todo="check the quotes in that line, and that the file is a table.",
            ) from None
        if not block:
            return
        full = [row for row in block if row]
        wrong = next((k for k, row in enumerate(block) if row and len(row) != len(names)), None)
        if wrong is not None:
            raise _fields(where, first_line + count + wrong, len(names), len(block[wrong]), found)
        if full:
            columns = zip(*full, strict=True)
            texts = [pa.array([v.strip() for v in column], pa.string()) for column in columns]
            yield pa.table(texts, names=list(names))
        count += len(block)


def _fields(where: str, line: int, expected: int, found: int, how: Layout) -> TableError:
    return TableError(
        "A line has another number of fields than the header.",
        where=f"{where}, line {line:,}",
        expected=f"{expected} fields, {layout.NAMES.get(how.separator, how.separator)}-separated",
        found=f"{found} field{'s' * (found != 1)}",
        todo=(
            "correct the line: quote a field that holds the separator; a file that was cut ends in"
            " a short line. Or say which `separator` the file has."
        ),
    )


def refuse_twice(names: Sequence[str], where: str) -> None:
    """Refuse a table in which a column name stands twice.

    Parameters
    ----------
    names : sequence of str
    where : str

    Raises
    ------
    TableError
    """
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise TableError(
            "A column name stands twice.",
            where=where,
            expected="column names that differ",
            found=", ".join(map(repr, twice[:10])),
            todo="rename one of them, so that `target`, `drop` and the rest say which is meant.",
        )


def _buffer(source: Source) -> Any:
    return source if isinstance(source, Path) else io.BytesIO(source)


def _parquet(source: Source, options: Options, where: str) -> tuple[pd.DataFrame, str]:
    import pyarrow.parquet as pq

    columns: dict[str, pd.Series] = {}
    with pq.ParquetFile(_buffer(source)) as file:
        schema = file.schema_arrow
        refuse_twice(schema.names, where)
        _refuse_nested(schema, where)
        # one column at a time: else the whole Arrow table would lie in memory beside the frame
        for name in schema.names:
            one = file.read(columns=[name], use_pandas_metadata=False).select([name])
            columns[name] = _series(one.column(0))
    return pd.DataFrame(columns, copy=False), "Parquet"


def _feather(source: Source, options: Options, where: str) -> tuple[pd.DataFrame, str]:
    import pyarrow.feather as feather

    table = feather.read_table(str(source) if isinstance(source, Path) else io.BytesIO(source))
    refuse_twice(table.column_names, where)
    _refuse_nested(table.schema, where)
    columns = {name: _series(table.column(name)) for name in table.column_names}
    return pd.DataFrame(columns, copy=False), "Feather"


def _series(column: pa.ChunkedArray) -> pd.Series:
    """A column as pandas has it; texts stay with Arrow."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return pd.Series(column.cast(pa.string()), dtype=STRING)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("ns"))
    series: pd.Series = column.to_pandas()
    return series


def _refuse_nested(schema: pa.Schema, where: str) -> None:
    nested = [field.name for field in schema if pa.types.is_nested(field.type)]
    if nested:
        raise TableError(
            "A column holds lists or records.",
            where=f"{where}, column {', '.join(map(repr, nested[:10]))}",
            expected="one number or one text in each row",
            found=str(schema.field(nested[0]).type)[:80],
            todo="make columns of their elements, or write the file without them.",
        )


def _sheet(source: Source, options: Options, where: str) -> tuple[pd.DataFrame, str]:
    """The cells of the sheet that is meant, and its name."""
    with pd.ExcelFile(_buffer(source), engine="calamine") as book:
        names = list(map(str, book.sheet_names))
        if (options.sheet is None and len(names) > 1) or options.sheet not in (None, *names):
            raise TableError(
                "An Excel file has several sheets."
                if options.sheet is None
                else f"An Excel file has no sheet {options.sheet!r}.",
                where=where,
                expected="the name of a sheet under `sheet`",
                found=", ".join(map(repr, names)),
                todo="add `sheet`, such as `sheet: " + names[0] + "`.",
            )
        sheet = options.sheet or names[0]
        cells = pd.read_excel(book, sheet_name=sheet, header=None, dtype=object, na_filter=False)
    return cells, sheet


def _excel(source: Source, options: Options, where: str) -> tuple[pd.DataFrame, str]:
    from python_calamine import CalamineError

    try:
        cells, sheet = _sheet(source, options, where)
    except CalamineError as error:
        raise ValueError(str(error)) from None
    filled = (cells.map(lambda v: str(v).strip() != "")).to_numpy(dtype=bool)
    rows, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
    if not len(rows):
        raise _no_table("A sheet is empty.", f"{where}, sheet {sheet!r}", "no cell with a value")
    width = filled.sum(axis=1)
    top = next(int(r) for r in rows if width[r] > 1 or len(columns) == 1)
    empty = [int(r) for r in range(top, int(rows[-1])) if not filled[r].any()]
    gaps = [int(c) for c in range(int(columns[0]), int(columns[-1])) if not filled[:, c].any()]
    if empty or gaps:
        raise TableError(
            "A sheet holds more than one table.",
            where=f"{where}, sheet {sheet!r}",
            expected="one table without empty rows or columns in it",
            found=f"row {empty[0] + 1} is empty" if empty else f"column {gaps[0] + 1} is empty",
            todo="put each table on a sheet of its own.",
        )
    body = cells.iloc[top : int(rows[-1]) + 1, columns]
    header = options.given.header is not False and not options.given.names
    names_of = [str(v).strip() for v in body.iloc[0]] if header else list(options.given.names)
    if header and sum(isinstance(v, (int, float)) for v in body.iloc[0]) * 2 >= len(names_of):
        raise TableError(
            "The first line holds values, no names of columns.",
            where=f"{where}, sheet {sheet!r}",
            expected="a first line with names",
            found=", ".join(names_of[:8]),
            todo="add a line of names, or give them under `columns: [...]`.",
        )
    rest = body.iloc[1:] if header else body
    named = [name or f"column_{k}" for k, name in enumerate(names_of, 1)] or [
        f"column_{k}" for k in range(1, body.shape[1] + 1)
    ]
    frame = pd.DataFrame({k: _cells(rest.iloc[:, k]) for k in range(body.shape[1])})
    frame.columns = pd.Index(named)
    return frame.reset_index(drop=True), f"Excel, sheet {sheet}"


def _cells(values: pd.Series) -> pd.Series:
    """A column of a sheet with a type of its own where all cells have it."""
    known = values.map(lambda v: None if isinstance(v, str) and not v.strip() else v)
    return known.infer_objects()


def _sql(source: Source, options: Options, where: str) -> tuple[pd.DataFrame, str]:
    import sqlalchemy
    from sqlalchemy.exc import SQLAlchemyError

    query = (source.read_bytes() if isinstance(source, Path) else source).decode("utf-8")
    if options.database is None:
        raise TableError(
            "A query needs the address of its database.",
            where=where,
            expected="`database`, such as `database: sqlite:///data/shop.db`",
            found="none",
            todo=(
                "add `database` to the dataset. A password belongs into the environment"
                " (PGPASSWORD, MYSQL_PWD) or a password file, not into params.yaml."
            ),
        )
    try:
        address = sqlalchemy.make_url(options.database)
        shown = address.render_as_string(hide_password=True)
        # without a pool a connection is closed also where the query fails
        engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            frame = pd.read_sql_query(sqlalchemy.text(query), connection)
    except SQLAlchemyError as error:
        text = str(getattr(error, "orig", None) or error).replace(options.database, "the database")
        raise TableError(
            "A query failed.",
            where=where,
            expected="a query that gives the table",
            found=" ".join(text.split())[:300],
            todo="correct `database` or the query.",
        ) from None
    return frame, f"query of {shown}"


def _npz(source: Source, options: Options, where: str) -> tuple[pd.DataFrame, str]:
    """The layout of Zenodo record 61452: `data` (rows x features) and `label` (-1 or +1)."""
    with opened(source, where) as stream:
        if not zipfile.is_zipfile(stream):
            raise ValueError("no archive of NumPy")  # which would advise to run what the file holds
        stream.seek(0)
        with np.load(stream, allow_pickle=False) as arrays:
            data, label = arrays["data"], arrays["label"]
    frame = pd.DataFrame(data, columns=[f"x{k}" for k in range(data.shape[1])])
    return frame.assign(label=label), "NumPy"


_READERS: dict[str, Callable[[Source, Options, str], tuple[pd.DataFrame, str]]] = {
    "parquet": _parquet,
    "feather": _feather,
    "excel": _excel,
    "sql": _sql,
    "npz": _npz,
}


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
