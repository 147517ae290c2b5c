"""From a dataset's entry in params.yaml to its typed table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from counterpoise.core.config import Dataset
from counterpoise.core.errors import TableError
from counterpoise.data import column_types, readers, sources, tables


def fetch(
    name: str, entry: Dataset, *, download: bool = True
) -> tuple[tables.Table, dict[str, Any]]:
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
    table : Table
    facts : dict
        See `column_types.typed`.

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
    return column_types.typed(_raw(name, entry, download), entry, where)


def _raw(name: str, entry: Dataset, download: bool) -> pd.DataFrame:
    source = entry.source
    if source is None:
        return readers.read(Path(entry.path), _kind(entry.path), where=entry.path)
    if source.bundled is not None:
        return readers.digits()
    pieces = []
    for file in source.files:
        place = sources.unpacked(sources.locate(file, name, download=download), file)
        # an unpacked file is read in place, so that a large one is not held in memory as bytes
        plain = isinstance(place, Path) and not sources.gzipped(place)
        content = place if plain and isinstance(place, Path) else sources.read_bytes(place)
        pieces.append(
            readers.read(
                content, source.format, where=file.name, columns=source.columns, cut=source.cut
            )
        )
    return pd.concat(pieces, ignore_index=True) if len(pieces) > 1 else pieces[0]


def _kind(path: str) -> str:
    suffix = Path(path).suffix.lower()
    kinds = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
    if suffix not in kinds or not Path(path).is_file():
        raise TableError(
            "There is no table at this path.",
            where=path,
            expected="a .csv or .parquet file",
            found=(
                "a folder"
                if Path(path).is_dir()
                else f"a file ending in {suffix!r}"
                if Path(path).exists()
                else "no such file"
            ),
            todo="correct `path` in params.yaml; a colleague's file comes with `dvc pull`.",
        )
    return kinds[suffix]
