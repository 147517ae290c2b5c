"""From a dataset's entry in params.yaml to its typed table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from counterpoise.core.config import Dataset
from counterpoise.core.errors import TableError
from counterpoise.data import sources
from counterpoise.data.reading import files, table
from counterpoise.data.reading.files import Options, RawTable
from counterpoise.data.reading.layout import Given
from counterpoise.data.reading.table import Reading


def fetch(name: str, entry: Dataset, *, download: bool = True) -> Reading:
    """Obtain a dataset's bytes and make the typed table of them.

    Parameters
    ----------
    name : str
        The dataset's key in params.yaml.
    entry : Dataset
    download : bool
        Whether bytes that are not on this machine may be downloaded.

    Returns
    -------
    Reading

    Raises
    ------
    NotHere
        When the bytes are not on this machine and `download` is false.
    SourceError
        When the bytes cannot be obtained, or have another checksum than the entry gives.
    TableError
        When they are no table that can be learned from.
    """
    where = entry.path if entry.source is None else f"the table of datasets.{name}"
    raw = read_raw(name, entry, download=download)
    reading = table.typed(raw.frame, entry, where)
    return reading._replace(facts={**reading.facts, "layout": raw.described})


def read_raw(name: str, entry: Dataset, *, download: bool = True) -> RawTable:
    """Read a dataset's file or files as they are.

    Parameters
    ----------
    name, entry, download
        As in `fetch`.

    Returns
    -------
    RawTable

    Raises
    ------
    NotHere, SourceError, TableError
        As in `fetch`.
    """
    source = entry.source
    options = options_of(entry)
    if source is None:
        return read_file(entry.path, options)
    if source.bundled is not None:
        files.refuse_unused("a library", options, f"the table of datasets.{name}")
        return RawTable(files.digits(), "bundled with scikit-learn")
    kind = "text" if source.format == "csv" else source.format
    pieces = []
    for file in source.files:
        place = sources.unpacked(sources.locate(file, name, download=download), file)
        # an unpacked file is read in place, so that a large one is not held in memory as bytes
        plain = isinstance(place, Path) and not sources.gzipped(place)
        content = place if plain and isinstance(place, Path) else sources.read_bytes(place)
        pieces.append(files.read(content, kind, options, file.name))
    frames = [piece.frame for piece in pieces]
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    return RawTable(frame, pieces[0].described)


def read_file(path: str, options: Options) -> RawTable:
    """Read a table of the user's own.

    Parameters
    ----------
    path : str
    options : Options

    Returns
    -------
    RawTable

    Raises
    ------
    TableError
        When there is no such file, or it is no table.
    """
    place = Path(path)
    if not place.is_file():
        raise TableError(
            "There is no table at this path.",
            where=path,
            expected="a file",
            found="a folder" if place.is_dir() else "no such file",
            todo="correct the path; a colleague's file comes with `dvc pull`.",
        )
    return files.read(place, files.kind_of(path, path), options, path)


def options_of(entry: Dataset) -> Options:
    """What a dataset's entry says of its file.

    Parameters
    ----------
    entry : Dataset

    Returns
    -------
    Options
    """
    source = entry.source
    names = entry.names or (() if source is None else source.columns or ())
    header = entry.header if entry.header is not None else (False if names else None)
    expected = (entry.target, *entry.drop, *entry.categorical, *entry.columns)
    return Options(
        Given(entry.encoding, entry.separator, header, tuple(map(str, names))),
        sheet=entry.sheet,
        database=entry.database,
        cut=source is not None and source.cut,
        columns=() if names or header is False else tuple(map(str, expected)),
    )
