"""Files as they come: every kind is read whole, and a broken one is named."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.core.errors import TableError
from counterpoise.data.reading import files, layout
from counterpoise.data.reading.files import Options
from counterpoise.data.reading.layout import Given

TEXT = b"a,b\n1,x\n2,y\n"


def read(content: bytes | Path, kind: str = "text", **options: Any) -> pd.DataFrame:
    return files.read(content, kind, Options(**options), "mine.csv").frame


def refused(content: bytes | Path, kind: str = "text", **options: Any) -> TableError:
    with pytest.raises(TableError) as caught:
        read(content, kind, **options)
    return caught.value


@pytest.mark.parametrize("from_path", [True, False])
def test_a_text_table_is_read_from_bytes_and_from_a_file_alike(
    from_path: bool, tmp_path: Path
) -> None:
    content = b'\xef\xbb\xbf"name, quoted","b"\r\n"x ""y""",1\r\n"two\nlines", 2\r\n'
    (tmp_path / "mine.csv").write_bytes(content)
    frame = read(tmp_path / "mine.csv" if from_path else content)
    assert frame.columns.tolist() == ["name, quoted", "b"]
    assert frame.to_numpy().tolist() == [['x "y"', "1"], ["two\nlines", "2"]]


@pytest.mark.parametrize(
    ("content", "where", "found"),
    [
        (b"a,b\n1,2\n3,4,5\n", "mine.csv, line 3", "3 fields"),
        (b"a,b\n1,2,3\n4,5,6\n", "mine.csv, line 2", "3 fields"),
        (b"a,b,c\n1,2,3\n4,5\n", "mine.csv, line 3", "2 fields"),
        (b"a,b,c\n1,2,3\n\n4", "mine.csv, line 4", "1 field"),
    ],
)
def test_a_ragged_or_cut_table_is_refused_with_the_line(
    content: bytes, where: str, found: str
) -> None:
    error = refused(content)
    assert (error.what, error.where, error.found) == (
        "A line has another number of fields than the header.",
        where,
        found,
    )


def test_empty_files_and_headers_alone_are_refused() -> None:
    assert refused(b"").what == refused(b"\n\n").what.replace("table has no rows", "file is empty")
    error = refused(b"a,b\n")
    assert (error.what, error.found) == ("The table has no rows.", "a header alone")


@pytest.mark.parametrize("header", ["a,b,a", '"a",b, a', "\ufeffa,b,a"])
def test_a_column_name_that_stands_twice(header: str) -> None:
    error = refused(f"{header}\n1,2,3\n".encode())
    assert (error.what, error.found) == ("A column name stands twice.", "'a'")


def test_the_cut_last_line_is_left_out_where_the_entry_says_so() -> None:
    text = b"a,b\n1,2\n3,4\n5"
    assert read(text, cut=True)["a"].tolist() == ["1", "3"]
    assert refused(text).where == "mine.csv, line 4"


def test_a_table_without_a_header_has_the_names_that_are_given_or_numbers() -> None:
    named = read(b"1,x\n2,y\n", given=Given(names=("a", "b"), header=False))
    assert named.to_dict("list") == {"a": ["1", "2"], "b": ["x", "y"]}
    numbered = read(b"1,x\n2,y\n", given=Given(header=False))
    assert numbered.columns.tolist() == ["column_1", "column_2"]
    for names in (("a",), ("a", "b", "c")):
        assert "number of fields" in refused(TEXT, given=Given(names=names, header=False)).what


def test_a_column_without_a_name_gets_its_number() -> None:
    assert read(b",a\n0,1\n1,2\n").columns.tolist() == ["column_1", "a"]


def test_names_in_single_quotes_above_values_without_them() -> None:
    assert read(b"'a'\t'b c'\n1\tx\n2\ty\n").columns.tolist() == ["a", "b c"]
    assert read(b"'a',b'\n1,x\n2,y\n").columns.tolist() == ["'a'", "b'"]


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
def test_lines_may_end_as_on_any_system(ends: bytes) -> None:
    content = ends.join([b"\xef\xbb\xbfa,b", b'1,"x"', b"2,y", b""])
    assert read(content).to_dict("list") == {"a": ["1", "2"], "b": ["x", "y"]}


def test_compressed_files_are_read_as_they_are(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "mine.csv.gz", "wb") as stream:
        stream.write(TEXT)
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        archive.writestr("folder/mine.csv", TEXT)
    for name in ("mine.csv.gz", "mine.zip"):
        assert files.kind_of(name, name) == "text"
        assert read(tmp_path / name)["b"].tolist() == ["x", "y"]


def test_an_archive_of_several_files_or_a_broken_one_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", TEXT)
        archive.writestr("b.csv", TEXT)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no archive")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(TEXT * 1000)[:60])
    assert refused(tmp_path / "two.zip").found == "a.csv, b.csv"
    assert "cannot be read" in refused(tmp_path / "broken.zip").what
    assert "cannot be read" in refused(tmp_path / "cut.csv.gz").what


@pytest.mark.parametrize("name", ["mine.sav", "mine", "mine.parquet.gz", "mine.json"])
def test_an_unknown_ending_is_refused_with_those_that_are_known(name: str) -> None:
    with pytest.raises(TableError, match="The ending of a file stands for no known kind") as caught:
        files.kind_of(name, name)
    assert ".parquet" in str(caught.value.expected)


def test_parquet_and_feather_keep_their_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"a": [1, 2], "b": ["x", None], "t": pd.to_datetime(["2020-01-01", "2021-01-01"])}
    )
    frame.to_parquet(tmp_path / "mine.parquet")
    frame.to_feather(tmp_path / "mine.feather")
    for kind in ("parquet", "feather"):
        found = read(tmp_path / f"mine.{kind}", kind)
        assert found["a"].tolist() == [1, 2]
        assert found["b"].isna().tolist() == [False, True]
        assert found["t"].iloc[0] == pd.Timestamp("2020-01-01")
        assert "cannot be read" in refused(b"nothing", kind).what


def test_nested_columns_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [[1], [2, 3]], "b": [{"x": 1}, {"x": 2}], "y": [0, 1]})
    frame.to_parquet(tmp_path / "mine.parquet")
    error = refused(tmp_path / "mine.parquet", "parquet")
    assert error.what == "A column holds lists or records."
    assert error.where == "mine.csv, column 'a', 'b'"


def book(**sheets: list[list[Any]]) -> bytes:
    stream = io.BytesIO()
    with pd.ExcelWriter(stream) as writer:
        for name, rows in sheets.items():
            pd.DataFrame(rows).to_excel(writer, sheet_name=name, header=False, index=False)
    return stream.getvalue()


def test_a_sheet_of_an_excel_file_is_read_by_its_name() -> None:
    rows = [["Report", None], ["a", "b"], [1, "x"], [2.5, None]]
    frame = read(book(one=rows), "excel")
    assert frame.columns.tolist() == ["a", "b"]
    assert frame["a"].tolist() == [1, 2.5]
    assert frame["b"].isna().tolist() == [False, True]
    two = book(one=rows, two=[["c"], [7], [8]])
    assert read(two, "excel", sheet="two")["c"].tolist() == [7, 8]
    assert refused(two, "excel").found == "'one', 'two'"
    assert "no sheet 'three'" in refused(two, "excel", sheet="three").what


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([["a", "b"], [1, 2], [None, None], ["c", "d"], [3, 4]], "more than one table"),
        ([["a", None, "c"], [1, None, 3]], "more than one table"),
        ([[1, 2], [3, 4]], "The first line holds values"),
        ([[None]], "A sheet is empty"),
    ],
)
def test_a_sheet_that_is_no_single_table_is_refused(rows: list[list[Any]], what: str) -> None:
    assert what in refused(book(one=rows), "excel").what


def test_a_query_is_read_from_its_database_and_no_password_is_shown(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("create table visits (age real, churned text)")
        database.executemany("insert into visits values (?, ?)", [(31.5, "no"), (None, "yes")])
    database.close()
    query = b"select age, churned from visits order by churned"
    address = f"sqlite:///{tmp_path / 'shop.db'}"
    frame = read(query, "sql", database=address)
    assert frame["churned"].tolist() == ["no", "yes"]
    assert np.isnan(frame["age"].iloc[1])
    assert "database" in refused(query, "sql").what
    assert "no such table" in str(refused(b"select * from no", "sql", database=address).found)
    wrong = "postgresql+psycopg://me:secret@127.0.0.1:1/none?connect_timeout=1"
    assert "secret" not in str(refused(query, "sql", database=wrong))


def npz(**content: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **content)
    return stream.getvalue()


def test_a_formula_has_the_value_that_the_file_holds_and_none_before_it_was_calculated() -> None:
    content = book(one=[["a", "b"], *([k, f"=A{k + 2}*2"] for k in range(3))])
    assert read(content, "excel")["b"].isna().all()
    with zipfile.ZipFile(io.BytesIO(content)) as before:
        parts = {name: before.read(name) for name in before.namelist()}
    (sheet,) = (name for name in parts if name.endswith("sheet1.xml"))
    assert parts[sheet].count(b"<v />") == 3
    parts[sheet] = parts[sheet].replace(b"<v />", b"<v>7</v>")
    calculated = io.BytesIO()
    with zipfile.ZipFile(calculated, "w") as after:
        for name, part in parts.items():
            after.writestr(name, part)
    assert read(calculated.getvalue(), "excel")["b"].tolist() == [7, 7, 7]


def whole_files() -> dict[str, bytes]:
    """A table as a file of each kind that is packed or binary."""
    frame = pd.DataFrame({"a": np.arange(200) / 7, "b": ["x", "y"] * 100})
    streams = {name: io.BytesIO() for name in ("mine.parquet", "mine.feather", "mine.zip")}
    frame.to_parquet(streams["mine.parquet"])
    frame.to_feather(streams["mine.feather"])
    text = frame.to_csv(index=False).encode()
    with zipfile.ZipFile(streams["mine.zip"], "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mine.csv", text)
    rows = [list(frame.columns), *frame.to_numpy().tolist()]
    return {
        **{name: stream.getvalue() for name, stream in streams.items()},
        "mine.xlsx": book(one=rows),
        "mine.csv.gz": gzip.compress(text, mtime=0),
        "mine.csv.bz2": bz2.compress(text),
        "mine.csv.xz": lzma.compress(text),
        "mine.npz": npz(data=np.random.default_rng(0).random((50, 2)), label=np.ones(50)),
    }


@pytest.mark.parametrize("damage", ["cut", "zeros", "bytes", "text"])
@pytest.mark.parametrize("name", list(whole_files()))
def test_a_damaged_file_of_any_kind_is_named_or_read_and_never_crashes(
    name: str, damage: str, tmp_path: Path
) -> None:
    content, random = whole_files()[name], np.random.default_rng(0)
    refusals = 0
    for _ in range(40):
        broken, at = bytearray(content), int(random.integers(0, len(content)))
        if damage == "cut":
            del broken[at:]
        elif damage == "zeros":
            broken[at : at + 40] = bytes(40)
        elif damage == "bytes":
            for k in random.integers(0, len(content), 4):
                broken[k] = random.integers(256)
        else:
            broken = bytearray(TEXT)
        (tmp_path / name).write_bytes(bytes(broken))
        try:
            files.read(tmp_path / name, files.kind_of(name, name), Options(), name)
        except TableError as error:
            refusals += 1
            assert error.todo
            assert "unsafely" not in str(error), "no library's advice to run what a file holds"
    assert refusals > 20


def test_a_file_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.csv").write_bytes(TEXT)

    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    error = refused(tmp_path / "mine.csv")
    assert (error.what, error.found) == ("The file cannot be read.", "Permission denied")


@pytest.mark.parametrize("line", [b"x", b"1,2,", b"ab;cd,"])
@pytest.mark.parametrize("before", [b"", b"a,b\n1,2\n"])
def test_a_line_without_an_end_is_refused_before_it_is_read_whole(
    line: bytes, before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "MAX_LINE", 2**20)
    content = before + line * (2**22 // len(line))
    stream = io.BytesIO(content)
    monkeypatch.setattr(io, "BytesIO", lambda _: stream)
    error = refused(content)
    assert error.found == layout.LONG_LINE
    assert stream.tell() < 2**21


def test_a_table_of_very_many_columns_is_read() -> None:
    names = [f"gene_{k:09d}" for k in range(25_000)]
    frame = read("\n".join([",".join(names), *[",".join(["1.5"] * 25_000)] * 3]).encode())
    assert frame.columns.tolist() == names
    assert len(frame) == 3


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7\nsize 12\n", "Git LFS"),
        (b"<!DOCTYPE html>\n<html><body>Sign in, please</body></html>\n", "website"),
        (b'[{"a": 1, "b": 2}, {"a": 3, "b": 4}]\n', "JSON"),
        (b'{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', "JSON"),
    ],
)
def test_text_that_is_no_table_is_named_with_the_way_out(content: bytes, found: str) -> None:
    error = refused(content)
    assert error.what == "The file is no table."
    assert found in str(error.found)


def test_an_npz_of_the_zenodo_layout(mirror: Path) -> None:
    frame = read(mirror / "zenodo61452" / "x1data.npz", "npz")
    assert frame.shape == (336, 8)
    assert frame["label"].value_counts().to_dict() == {-1: 301, 1: 35}


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 no archive",
        npz(x=np.zeros(2)),
        npz(data=np.zeros((3, 2)), label=np.zeros(2)),
        npz(data=np.zeros(3), label=np.zeros(3)),
        npz(data=np.array([[{}]], dtype=object), label=np.zeros(1)),
    ],
    ids=["no archive", "other names", "other lengths", "one dimension", "objects, which run code"],
)
def test_an_npz_of_another_layout_is_refused(content: bytes) -> None:
    assert refused(content, "npz").what == "The file cannot be read as npz."


@pytest.mark.parametrize(
    "content", [bytes(range(256)), b"\x00" * 100, b"\x89PNG\r\n\x1a\n\x00\x00"]
)
def test_a_binary_file_is_no_table(content: bytes) -> None:
    assert refused(content).todo


@pytest.mark.parametrize(
    ("kind", "options", "key"),
    [
        ("parquet", {"given": Given(separator=";")}, "separator"),
        ("parquet", {"given": Given(encoding="utf-8")}, "encoding"),
        ("parquet", {"given": Given(names=("a", "b"), header=False)}, "columns"),
        ("feather", {"given": Given(header=True)}, "header"),
        ("npz", {"cut": True}, "cut"),
        ("excel", {"given": Given(separator=";")}, "separator"),
        ("excel", {"database": "sqlite:///a.db"}, "database"),
        ("text", {"sheet": "one"}, "sheet"),
        ("sql", {"sheet": "one"}, "sheet"),
    ],
)
def test_an_option_for_another_kind_of_file_is_refused(
    kind: str, options: dict[str, Any], key: str
) -> None:
    error = refused(TEXT, kind, **options)
    assert error.what == f"`{key}` has no effect on this file."


def test_the_digits_of_a_library_take_no_options() -> None:
    with pytest.raises(TableError, match="`encoding` has no effect"):
        files.refuse_unused("a library", Options(Given(encoding="utf-8")), "digits")
