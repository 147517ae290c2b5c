"""The layout of a text table: encoding, separator, quotes, lines to skip, header.

It is found by clevercsv and chardet from the beginning of the file, is shown to the user, and each
part of it can be given instead. Where a part is ambiguous, the file is refused.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from counterpoise.core.errors import TableError
from counterpoise.data.reading.notation import PLAIN

SEPARATORS = (",", ";", "\t", "|")
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blanks"}
HEAD_BYTES = 2**18
"""Bytes at the beginning of a file that its layout is found from."""
HEAD_LINES = 200
"""Lines at the beginning of a file that its layout is found from."""
MAX_LINE = 2**24
"""A file with a line of so many characters is no table of text."""
LONG_LINE = f"a line of more than {MAX_LINE:,} characters"
csv.field_size_limit(MAX_LINE)  # a line of very many columns is one field by another separator
NO_TABLES = {
    "version https://git-lfs": ("a pointer of Git LFS", "`git lfs pull` brings the file."),
    "<!doctype html": ("a page of a website", "download the table itself; the page may ask why."),
    "<html": ("a page of a website", "download the table itself; the page may ask why."),
    "[{": ("JSON", "save it as CSV or Parquet (pandas.read_json)."),
    '{"': ("JSON", "save it as CSV or Parquet (pandas.read_json)."),
}
"""How texts begin that are no tables, with what they are and what to do."""
MIN_CONFIDENCE = 0.5
"""An encoding that chardet is less sure of is not taken."""
CHUNK_BYTES = 2**20
ORANGE_ROLES = {"", "class", "meta", "ignore", "weight", "c", "m", "i", "w"}
"""What the third line of a table of Orange may have in a field."""
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""The byte order marks, and the encodings that they tell."""


@dataclass(frozen=True)
class Layout:
    """How a text table is laid out.

    Attributes
    ----------
    encoding : str
    separator : str
        One character; a blank stands for any number of blanks.
    quote : str
        The quotation mark, "" for none.
    skip : int
        Lines before the header or, without one, before the first row.
    header : bool
        Whether the first line after these has the names of the columns.
    """

    encoding: str = "utf-8"
    separator: str = ","
    quote: str = '"'
    skip: int = 0
    header: bool = True

    def __str__(self) -> str:
        parts = [NAMES.get(self.separator, repr(self.separator)) + "-separated", self.encoding]
        if self.skip:
            parts.append(f"{self.skip} line{'s' * (self.skip > 1)} above the header skipped")
        if not self.header:
            parts.append("no header")
        return ", ".join(parts)

    def lines(self, stream: IO[bytes]) -> Iterable[list[str]]:
        """Split a file into the fields of each line.

        Parameters
        ----------
        stream : binary file
            At its beginning.

        Yields
        ------
        list of str
            The header is the first, where there is one. An empty line gives an empty list.

        Raises
        ------
        UnicodeDecodeError, csv.Error
        """
        text = io.TextIOWrapper(stream, encoding=self.encoding, newline="")
        for _ in range(self.skip):
            text.readline()
        source: Iterable[str] = _short_lines(text)
        separator = self.separator
        if separator == " ":
            source = (re.sub(r"[ \t]+", " ", line.strip(" \t")) for line in source)
        try:
            yield from csv.reader(
                source,
                delimiter=separator,
                quotechar=self.quote or None,
                quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
                skipinitialspace=separator != "\t",
                strict=False,
            )
        finally:
            with contextlib.suppress(ValueError):  # the stream may be closed already
                text.detach()


def _short_lines(text: IO[str]) -> Iterator[str]:
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise csv.Error(LONG_LINE)
        yield line


@dataclass(frozen=True)
class Given:
    """The parts of a layout that the user gives; None for those to be found."""

    encoding: str | None = None
    separator: str | None = None
    header: bool | None = None
    names: Sequence[str] = ()


def detect(stream: IO[bytes], given: Given, where: str, columns: Sequence[str] = ()) -> Layout:
    """Find the layout of a text table.

    Parameters
    ----------
    stream : binary file
        At its beginning; it is set back.
    given : Given
    where : str
        The name of the table in messages.
    columns : sequence of str
        Columns that the table should have, such as the target: they tell a header from values.

    Returns
    -------
    Layout

    Raises
    ------
    TableError
        When the file is no table of text, or its layout is ambiguous.
    """
    head = stream.read(HEAD_BYTES)
    if not re.search(rb"[\r\n]", head):  # a header of very many columns
        rest = stream.readline(MAX_LINE)
        if len(rest) == MAX_LINE:
            raise csv.Error(LONG_LINE)
        head += rest + stream.read(HEAD_BYTES)
    encoding = given.encoding or _encoding(head, stream, where)
    stream.seek(0)
    text = _decode(head, encoding, where)
    if "\x00" in text:
        raise _no_text(where, text.index("\x00"))
    for start, (found, todo) in NO_TABLES.items():
        if text.lstrip()[: len(start)].lower() == start:
            raise TableError(
                "The file is no table.",
                where=where,
                expected="lines of fields",
                found=found,
                todo=todo,
            )
    lines = text.splitlines()
    if len(head) >= HEAD_BYTES and len(lines) > 1:
        lines = lines[:-1]  # cut in the middle
    lines = lines[:HEAD_LINES]
    skip, separator = 0, given.separator
    excel = re.fullmatch(r"(?i)sep=(.)", lines[0].strip("\ufeff")) if lines else None
    if excel:
        skip, separator = 1, separator or excel[1]
    while skip < len(lines) and (
        not lines[skip].strip() or re.match(r"#|%|//", lines[skip].lstrip())
    ):
        skip += 1
    body = lines[skip:]
    if not body:
        raise TableError(
            "The table has no rows." if lines else "The file is empty.",
            where=where,
            expected="one row for every example",
            found="comments alone" if lines else "0 bytes",
            todo="check how the file was made.",
        )
    _refuse_other_formats(body, where)
    if separator is None:
        separator = _separator(body, where, len(given.names))
    quote = "'" if _single_quoted(body, separator) else '"'
    layout = Layout(encoding, separator, quote)
    fields = list(layout.lines(io.BytesIO("\n".join(body).encode(encoding))))
    titles = _titles(fields)
    header = given.header
    if header is None:
        header = not given.names and _has_header(fields[titles:], columns, where)
    return Layout(encoding, separator, quote, skip + titles, header)


def _refuse_other_formats(lines: Sequence[str], where: str) -> None:
    """Refuse formats of text that are no rows of fields below one line of names."""
    roles = set(lines[2].split("\t")) if len(lines) > 3 else set()
    if re.match(r"(?i)@(relation|attribute)\b", lines[0]):
        found = "ARFF (Weka, KEEL), with a header of @ lines"
    elif re.fullmatch(r"[-+]?[0-9.]+(\s+[0-9]+:[-+.0-9eE]+)+\s*", lines[0]):
        found = "LIBSVM, with fields such as 1:0.5"
    elif roles & {"class", "meta"} and roles <= ORANGE_ROLES:
        found = "Orange, with a line of types and one of roles below the names"
    else:
        return
    raise TableError(
        "The file is no table as it stands.",
        where=where,
        expected="at most one line of names, then one row for every example",
        found=f"the format {found}",
        todo=(
            "save it as CSV (scipy.io.arff and sklearn.datasets.load_svmlight_file read the first"
            " two formats), or delete the lines between the names and the rows."
        ),
    )


def _encoding(head: bytes, stream: IO[bytes], where: str) -> str:
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name
    if b"\x00" in head:
        zeros = [head[k::2].count(0) for k in (0, 1)]
        if max(zeros) > 0.3 * len(head) / 2 and min(zeros) * 10 < max(zeros):
            return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        raise _no_text(where, head.index(0))
    wrong = _first_wrong(head, stream)
    if wrong is None:
        return "utf-8"
    position, around = wrong
    if _is_western(around):
        return "cp1252"
    import chardet

    found = chardet.detect(around)
    if found["encoding"] is None or found["confidence"] < MIN_CONFIDENCE:
        raise TableError(
            "The encoding of the file is unclear.",
            where=where,
            expected="UTF-8, or the encoding under `encoding`",
            found=f"bytes that are not UTF-8 from position {position:,} on",
            todo="save it as UTF-8, or name it: `encoding: cp1252` (`--encoding` of `add`).",
        )
    return codecs.lookup(found["encoding"]).name


def _no_text(where: str, position: int) -> TableError:
    return TableError(
        "The file is no text.",
        where=where,
        expected="a table of text",
        found=f"a zero byte at position {position:,}",
        todo="save it as CSV, Parquet or Excel with the ending that belongs to it.",
    )


def _is_western(around: bytes) -> bool:
    """Whether bytes are text in cp1252, whose letters beyond ASCII stand alone among others."""
    try:
        text = around.decode("cp1252")
    except UnicodeDecodeError:
        return False
    words = [word for word in re.findall(r"[^\W\d_]+", text) if not word.isascii()]
    letters = sum(map(len, words))
    beyond = sum(not letter.isascii() for word in words for letter in word)
    return letters > 0 and beyond <= 0.5 * letters and not re.search("[\x80-\x9f]", text)


def _first_wrong(head: bytes, stream: IO[bytes]) -> tuple[int, bytes] | None:
    """The position of the first byte that is not UTF-8, and the bytes that follow it."""
    decoder, position = codecs.getincrementaldecoder("utf-8")(), 0
    chunk = head
    while chunk:
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            start = max(error.start, 0)
            line = chunk.rfind(b"\n", 0, start) + 1
            return position + start, chunk[line:] + stream.read(CHUNK_BYTES)
        position += len(chunk)
        chunk = stream.read(CHUNK_BYTES)
    return None


def _decode(head: bytes, encoding: str, where: str) -> str:
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        text = decoder.decode(head)
    except (LookupError, UnicodeDecodeError, UnicodeError) as error:
        raise TableError(
            "The file is not in this encoding.",
            where=where,
            expected=f"text in the encoding {encoding}",
            found=str(error),
            todo="correct `encoding`, or leave it out to have it found.",
        ) from None
    return text.removeprefix("\ufeff")


def _separator(lines: Sequence[str], where: str, columns: int = 0) -> str:
    """The separator of fields, by clevercsv; refused where two are equally regular.

    `columns` is the number of columns, 0 where it is not given.
    """
    import clevercsv

    widths = {one: _widths(lines, one) for one in SEPARATORS}
    regular = [one for one in SEPARATORS if len(set(widths[one])) == 1 and widths[one][0] > 1]
    regular = [one for one in regular if widths[one][0] == columns] or regular
    if len(regular) == 1:
        return regular[0]
    if len(regular) > 1 and len(lines) > 1:
        raise TableError(
            "The separator of fields is ambiguous.",
            where=where,
            expected="one character between fields",
            found=" and ".join(
                f"{widths[one][0]} fields a line by {NAMES[one]}" for one in regular
            ),
            todo="add `separator`, such as `separator: ';'`.",
        )
    others = max(max(widths[one]) for one in SEPARATORS if one != "\t")
    blanks = _widths([re.sub(r"[ \t]+", " ", line.strip()) for line in lines], " ")
    if others == 1 and len(lines) > 1 and len(set(blanks)) == 1 and blanks[0] > 1:
        return " "  # tabs may be among them
    if not any(max(width) > 1 for width in widths.values()):
        if all(re.search(r"\S {2,}\S", line) for line in lines if line.strip()):
            raise TableError(
                "The separator of fields is unknown.",
                where=where,
                expected="one character between fields",
                found=f"fields of fixed width, which hold blanks: {lines[-1].strip()[:60]!r}",
                todo="save it as CSV, for instance with pandas.read_fwf and to_csv.",
            )
        return ","
    dialect = clevercsv.Sniffer().sniff("\n".join(lines), delimiters="".join(SEPARATORS))
    found = None if dialect is None else dialect.delimiter
    if found in SEPARATORS:
        return str(found)
    return max(SEPARATORS, key=lambda one: Counter(widths[one]).most_common(1)[0][0])


def _widths(lines: Sequence[str], separator: str) -> list[int]:
    rows = csv.reader(lines, delimiter=separator, skipinitialspace=separator != "\t")
    return [len(row) for row in rows if row]


def _single_quoted(lines: Sequence[str], separator: str) -> bool:
    """Whether fields are in single quotes, as Weka and MySQL write them."""
    whole = re.compile(rf"(?:^|{re.escape(separator)})\s*'[^']*'\s*(?={re.escape(separator)}|$)")
    hits = sum(bool(whole.search(line)) for line in lines[1:])
    return hits > 0.5 * max(1, len(lines) - 1) and not any('"' in line for line in lines)


def _titles(fields: Sequence[Sequence[str]]) -> int:
    """The number of lines above the table, which have one field where the others have several."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in fields]
    widths = [len(row) for row in fields if row]
    usual = Counter(widths).most_common(1)[0][0] if widths else 0
    count = 0
    # two columns may be an index without a name and another one
    while count < len(fields) - 1 and (
        len(fields[count]) < min(usual, 2) or (usual > 2 and filled[count] <= 1)
    ):
        count += 1
    return count


def _has_header(fields: Sequence[Sequence[str]], columns: Sequence[str], where: str) -> bool:
    """Whether the first line has names; refused where it rather holds values.

    A name is seldom a number. So a first line in which half of the fields are numbers, or one
    without the columns that the table should have and with some number, holds values.
    """
    first = [cell.strip() for cell in fields[0]] if fields else []
    numbers = [cell for cell in first if PLAIN.fullmatch(cell)]
    named = [cell for cell in first if cell]
    lacking = [name for name in columns if name not in first]
    values = len(numbers) * 2 >= max(1, len(named)) or (numbers and lacking)
    if values and numbers:
        raise TableError(
            "The first line holds values, no names of columns.",
            where=where,
            expected="a first line with names",
            found=", ".join(first[:8]) + (", ..." if len(first) > 8 else ""),
            todo=(
                "add a line of names to the file, or give them under `columns: [...]`; `header:"
                " false` numbers the columns column_1, column_2 and so on; `header: true` says that"
                " these are names."
            ),
        )
    return True
