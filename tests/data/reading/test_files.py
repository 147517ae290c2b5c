"""Files as they come: every kind is read whole, and a broken one is named."""

from __future__ import annotations

import gzip
import io
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.core.errors import TableError
from counterpoise.data.reading import files
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
    with pytest.raises(TableError, match="cannot be told from its ending") as caught:
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
