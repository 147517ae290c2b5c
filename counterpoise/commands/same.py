"""Compare two reports/ folders apart from measured values, which differ from run to run.

Measured values are the columns named *_seconds and *_bytes of a CSV file, and the element <script
id="measured"> of a page. Everything else has to be byte-identical. Exit status: 0 the same, 1
different, 2 nothing to compare.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

MEASURED_COLUMN = re.compile(r".*_(seconds|bytes)")
MEASURED_ELEMENT = re.compile(rb'(<script id="measured"[^>]*>).*?(</script>)', re.DOTALL)


def differences(a: Path, b: Path) -> Iterator[str]:
    """Compare two folders, file by file.

    Parameters
    ----------
    a, b : Path
        Folders; their files are compared at every depth.

    Yields
    ------
    str
        One line for each difference, in the order of the files' names.
    """
    ours, theirs = _names(a), _names(b)
    for name in sorted(ours | theirs):
        if name not in theirs:
            yield f"{name}: only in {a}"
        elif name not in ours:
            yield f"{name}: only in {b}"
        else:
            one, other = (a / name).read_bytes(), (b / name).read_bytes()
            compare = {".csv": of_tables, ".html": of_pages}.get(Path(name).suffix, of_bytes)
            yield from (f"{name}: {line}" for line in (compare(one, other) if one != other else ()))


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def of_tables(a: bytes, b: bytes) -> Iterator[str]:
    """Compare two CSV files apart from measured columns.

    Parameters
    ----------
    a, b : bytes
        The content of each file. Content that is not UTF-8 is compared as bytes.

    Yields
    ------
    str
        One line for different columns or numbers of rows, then one for each field that differs.
        Rows count from 1 below the header.
    """
    try:
        one, other = (list(csv.reader(io.StringIO(text.decode(), newline=""))) for text in (a, b))
    except UnicodeDecodeError:
        yield from of_bytes(a, b)
        return
    header, head = (table[0] if table else [] for table in (one, other))
    if header != head:
        yield f"columns: {', '.join(header)} against {', '.join(head)}"
        return
    if len(one) != len(other):
        yield f"{len(one) - 1} rows against {len(other) - 1}"
    measured = {k for k, column in enumerate(header) if MEASURED_COLUMN.fullmatch(column)}
    equal = len(one) == len(other)
    for line, (row, match) in enumerate(zip(one, other, strict=False)):
        for k, (value, expected) in enumerate(zip_longest(row, match)):
            if value != expected and k not in measured:
                equal = False
                column = header[k] if k < len(header) else f"column {k + 1}"
                yield f"row {line} ({', '.join(row[:3])}), {column}: {value!r} against {expected!r}"
    # equal fields that are written differently, such as with other quotes
    if equal and not measured:
        yield from of_bytes(a, b)


def of_pages(a: bytes, b: bytes) -> Iterator[str]:
    """Compare two HTML pages apart from the element that holds measured values.

    Parameters
    ----------
    a, b : bytes

    Yields
    ------
    str
        The first difference, if there is one. Positions count without the measured values.
    """
    yield from of_bytes(*(MEASURED_ELEMENT.sub(rb"\1\2", page, count=1) for page in (a, b)))


def of_bytes(a: bytes, b: bytes) -> Iterator[str]:
    """Compare two files byte by byte.

    Parameters
    ----------
    a, b : bytes

    Yields
    ------
    str
        The first difference with its line (from 1) and byte (from 0), if there is one.
    """
    if a == b:
        return
    at = next(
        (k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    line = a[:at].count(b"\n") + 1
    shown = [text[max(0, at - 20) : at + 40].decode(errors="replace") for text in (a, b)]
    yield f"line {line}, byte {at}: {shown[0]!r} against {shown[1]!r}"


def main() -> int:
    """Compare the two folders of the command line and print their differences.

    Returns
    -------
    int
        The exit status: 0 the same, 1 different, 2 nothing to compare.
    """
    parser = argparse.ArgumentParser(
        prog="python -m counterpoise same",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", type=Path, help="a reports/ folder")
    parser.add_argument("b", type=Path, help="another one")
    arguments = parser.parse_args()
    for folder in (arguments.a, arguments.b):
        if not folder.is_dir():
            print(f"error: there is no folder {folder}", file=sys.stderr)
            return 2
    if not _names(arguments.a) | _names(arguments.b):
        print("error: both folders are empty", file=sys.stderr)
        return 2
    lines = list(differences(arguments.a, arguments.b))
    for line in lines:
        print(line)
    print(f"{len(lines)} differences" if lines else "the same, measured values apart")
    return 1 if lines else 0
