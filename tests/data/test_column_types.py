"""From bytes to the typed table: what is read, what is refused, and how it is told; and how results
are written."""

from __future__ import annotations

import datetime
import errno
import io
import json
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from counterpoise.core import files
from counterpoise.core.config import Dataset
from counterpoise.core.errors import ResultError, StorageError, TableError, guarded
from counterpoise.data import column_types, datasets, readers, tables
from counterpoise.data.tables import Table

# Formats


def csv(text: str | bytes, **more: Any) -> pd.DataFrame:
    content = text.encode() if isinstance(text, str) else text
    return readers.read(content, "csv", where="mine.csv", **more)


def refused(call: Callable[[], object]) -> TableError:
    with pytest.raises(TableError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("from_path", [True, False])
def test_a_csv_is_read_from_bytes_and_from_a_file_alike(from_path: bool, tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf"name, quoted","b"\r\n"x ""y""",1\r\n"two\nlines", 2\r\n'
    (tmp_path / "mine.csv").write_bytes(content)
    frame = readers.read(tmp_path / "mine.csv" if from_path else content, "csv", where="mine.csv")
    assert frame.columns.tolist() == ["name, quoted", "b"]
    assert frame.to_numpy().tolist() == [['x "y"', 1], ["two\nlines", 2]]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("a,b\n1,2\n3,4,5\n", "Expected 2 fields in line 3, saw 3"),
        ("a,b\n1,2,3\n4,5,6\n", "Length of header or names does not match length of data"),
        ("a,b,c\n1,2,3\n4,5\n", "Expected 3 fields in line 3, saw 2"),
        ("a,b,c\n1,2,3\n\n4", "Expected 3 fields in line 4, saw 1"),
        ('a,b\n"1,2\n3,4\n', "EOF inside string"),
        ("a,b\né,1\n".encode("latin-1"), "'utf-8' codec can't decode"),
        (bytes(range(200, 256)), "'utf-8' codec can't decode"),
        ("\n\n", "No columns to parse from file"),
    ],
)
def test_a_csv_that_is_ragged_cut_or_no_text_is_refused(content: str | bytes, found: str) -> None:
    error = refused(lambda: csv(content))
    assert error.what == "The file cannot be read as csv."
    assert error.where == "mine.csv"
    assert found in str(error.found)


def test_an_empty_field_at_the_end_of_a_line_is_a_missing_value_not_a_short_line() -> None:
    assert csv("a,b\n1,\n2,3\n\n").to_numpy(na_value=-1).tolist() == [[1, -1], [2, 3]]


def test_an_empty_file() -> None:
    assert (refused(lambda: csv("")).what, refused(lambda: csv("")).found) == (
        "The file is empty.",
        "0 bytes",
    )


def test_a_header_alone() -> None:
    error = refused(lambda: csv("a,b\n"))
    assert (error.what, error.found) == ("The table has no rows.", "a header alone")


@pytest.mark.parametrize("header", ["a,b,a", '"a",b, a', "\ufeffa,b,a"])
def test_a_column_name_that_stands_twice(header: str) -> None:
    error = refused(lambda: csv(f"{header}\n1,2,3\n"))
    assert (error.what, error.found) == ("A column name stands twice.", "'a'")


def test_the_cut_last_line_is_left_out_where_the_entry_says_so() -> None:
    text = "a,b\n1,2\n3,4\n5"
    assert csv(text, cut=True)["a"].tolist() == [1, 3]
    assert "Expected 2 fields in line 4, saw 1" in str(refused(lambda: csv(text)).found)


def test_a_csv_without_a_header_takes_its_names_from_the_entry() -> None:
    assert csv("1,x\n2,y\n", columns=("a", "b")).to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    for names in (("a",), ("a", "b", "c")):
        assert (
            refused(lambda names=names: csv("1,2\n3,4\n", columns=names)).what
            == "The file cannot be read as csv."
        )


def npz(**content: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **content)
    return stream.getvalue()


def test_an_npz_of_the_zenodo_layout(mirror: Path) -> None:
    path = mirror / "zenodo61452" / "x1data.npz"
    frame = readers.read(path, "npz", where=path.name)
    assert frame.shape == (336, 8)
    assert frame.columns.tolist() == [*(f"x{k}" for k in range(7)), "label"]
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
    ids=[
        "no archive",
        "other names",
        "other lengths",
        "one dimension",
        "objects, which could run code",
    ],
)
def test_an_npz_of_another_layout_is_refused(content: bytes) -> None:
    assert (
        refused(lambda: readers.read(content, "npz", where="x")).what
        == "The file cannot be read as npz."
    )


def test_a_parquet_file_and_what_is_none(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    frame.to_parquet(tmp_path / "mine.parquet")
    pd.testing.assert_frame_equal(
        readers.read(tmp_path / "mine.parquet", "parquet", where="x"), frame
    )
    assert (
        refused(lambda: readers.read(b"nothing", "parquet", where="x")).what
        == "The file cannot be read as parquet."
    )


@pytest.mark.parametrize(
    ("path", "found"),
    [("no.csv", "no such file"), ("folder", "a folder"), ("mine.xlsx", "a file ending in '.xlsx'")],
)
def test_a_path_that_is_no_table(path: str, found: str, workplace: Path) -> None:
    Path("folder").mkdir()
    Path("mine.xlsx").write_text("x")
    error = refused(lambda: datasets.fetch("mine", Dataset(path=path, target="y", positive=1)))
    assert (error.what, error.found, error.where) == (
        "There is no table at this path.",
        found,
        path,
    )


# Columns


def typed(content: str | pd.DataFrame, **entry: Any) -> tuple[Table, dict[str, Any]]:
    frame = csv(content) if isinstance(content, str) else content
    return column_types.typed(
        frame, Dataset(**{"path": "mine.csv", "target": "y", "positive": 1, **entry}), "mine.csv"
    )


def test_each_column_becomes_what_it_is() -> None:
    text = (
        "id,age,plan,active,answer,empty,when,group,y\n"
        "u1, 3,a,True,yes,,2020-01-03,7,no\n"
        "u2,,b,,no,,2020-01-01,9,yes\n"
        "u3,5,,False,yes,,2020-01-02T12:00:00,7,no\n"
    )
    table, facts = typed(text, positive="yes", drop=["id"], time="when", group="group")
    assert table.features == ("age", "plan", "active", "answer", "empty")
    assert table.categories == {
        "plan": ("a", "b"),
        "active": ("False", "True"),
        "answer": ("no", "yes"),
    }
    assert table.cardinalities == (0, 2, 2, 2, 0)
    nan = np.nan
    expected = [[3, 0, 1, 1, nan], [nan, 1, nan, 0, nan], [5, nan, 0, 1, nan]]
    np.testing.assert_array_equal(table.X, expected)
    assert table.y.tolist() == [0, 1, 0]
    assert np.argsort(table.roles["time"]).tolist() == [1, 2, 0]
    assert table.roles["group"].tolist() == [0, 1, 0]
    assert facts["missing_values"] == 6
    assert facts["constant"] == ["empty"]
    assert facts["categorical"] == ["active", "answer", "plan"]
    assert facts["no_features"] == ["group", "id", "when"]
    assert (facts["rows"], facts["positives"], facts["prevalence"]) == (3, 1, 1 / 3)


def test_numbers_that_are_categories_are_declared() -> None:
    table, _ = typed("a,b,y\n1,5,0\n2,6,1\n10,5,0\n", categorical=["a"])
    assert table.categories == {"a": ("1", "10", "2")}
    assert table.X[:, 0].tolist() == [0, 2, 1]


def test_sentinels_are_missing_values_in_numbers_alone() -> None:
    """The codes of categories are the project's own: a 1 among them is no 1 of the table."""
    table, facts = typed(
        "a,b,c,y\n-999,x,-999,0\n5,y,2,1\n1,x,3,0\n", sentinels=[-999, 1], categorical=["c"]
    )
    np.testing.assert_array_equal(table.X, [[np.nan, 0, 0], [5, 1, 1], [np.nan, 0, 2]])
    assert table.categories["c"] == ("-999", "2", "3")
    assert facts["sentinels_replaced"] == facts["missing_values"] == 2


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        ("yes no no", "yes"),
        ("TRUE F F", True),
        ("false T T", False),
        ("True False False", True),
        ("True False False", "true"),
        ("True False False", 1),
        ("False True True", 0),
        ("1 0 0", 1),
        ("1 0 0", True),
        ("1 0 0", "1"),
        ("1.0 0.0 0.0", 1),
        ("0 1 1", False),
        ("s b b", "s"),
        ("'1' '-1' '-1'", "'1'"),
        ("1 a b", 1),
        ("8 3 5", 8),
    ],
)
def test_the_positive_label_is_found_whatever_type_it_was_read_as(
    labels: str, positive: Any
) -> None:
    """YAML reads a bare `true` as a boolean, and pandas a CSV's True: what was meant is found all
    the same."""
    text = "a,y\n" + "".join(f"{row},{label}\n" for row, label in enumerate(labels.split()))
    assert typed(text, positive=positive)[0].y.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("labels", "positive", "found"),
    [
        ("a b", "c", "'a' (1 rows), 'b' (1 rows)"),
        ("True False", "churned", "'True' (1 rows), 'False' (1 rows)"),
        ("1 0", "yes", "'1' (1 rows), '0' (1 rows)"),
        ("yes no", True, "'yes' (1 rows), 'no' (1 rows)"),
        ("Yes No", "yes", "'Yes' (1 rows), 'No' (1 rows)"),
        ("1 0", 2, "'1' (1 rows), '0' (1 rows)"),
        ("A B", "a", "'A' (1 rows), 'B' (1 rows)"),
    ],
)
def test_a_positive_label_in_no_row_is_told_with_the_labels_that_there_are(
    labels: str, positive: Any, found: str
) -> None:
    error = refused(
        lambda: typed(
            "a,y\n" + "".join(f"{k},{x}\n" for k, x in enumerate(labels.split())), positive=positive
        )
    )
    assert error.what == f"The positive label {positive!r} is in no row."
    assert sorted(str(error.found).split(", ")) == sorted(found.split(", "))
    assert error.where == "mine.csv, column 'y'"


def test_a_positive_label_in_every_row() -> None:
    error = refused(lambda: typed("a,y\n1,1\n2,1\n"))
    assert (error.what, error.found) == ("The positive label 1 is in every row.", "'1' (2 rows)")


def test_many_labels_are_not_listed_without_end() -> None:
    error = refused(
        lambda: typed("a,y\n" + "".join(f"{k},c{k}\n" for k in range(30)), positive="z")
    )
    assert str(error.found).endswith("and 20 more labels")


@pytest.mark.parametrize(
    ("entry", "key", "hint"),
    [
        ({"target": "Y"}, "target", ""),
        ({"drop": ["incme"]}, "drop", " (did you mean 'income'?)"),
        ({"categorical": ["region"]}, "categorical", ""),
        ({"time": "when"}, "time", ""),
        ({"group": 3}, "group", ""),
        ({"weight": "w"}, "weight", ""),
        (
            {"source": {"bundled": "digits", "rows": {"column": "set", "equals": "t"}}},
            "source.rows.column",
            "",
        ),
    ],
)
def test_a_column_that_is_absent_is_told_with_the_key_that_names_it(
    entry: dict[str, Any], key: str, hint: str
) -> None:
    error = refused(lambda: typed("income,age,y\n1,2,0\n3,4,1\n", **entry))
    assert error.what == f"The table has no column {error.found}{hint}."
    assert error.where == f"mine.csv, named by `{key}`"
    assert error.expected == "one of: income, age, y"


def many_texts(prefix: str, rows: int) -> str:
    return "a,id,y\n" + "".join(f"{k},{prefix}{k},{k % 2}\n" for k in range(rows))


@pytest.mark.parametrize(
    ("content", "entry", "what", "where", "found"),
    [
        (
            "a,y\n1,0\n2,\n3,1\n",
            {},
            "The target is missing in some rows.",
            "mine.csv, column 'y'",
            "1 rows without one, the first is row 2",
        ),
        (
            "a,b,y\n1,2,0\n1,2,1\n",
            {},
            "Every feature is constant.",
            "mine.csv",
            "2 constant features",
        ),
        (
            "a,y\n1,0\ninf,1\n-inf,0\n",
            {},
            "The table holds values that nothing can be learned from.",
            "mine.csv",
            "'a': 2 values infinite, the first in row 2",
        ),
        (
            "a,y\n1,0\n2,0\nx,0\n4,1\nz,0\n",
            {},
            "A numeric column holds text.",
            "mine.csv, column 'a', row 3",
            "'x', and text in 1 more rows",
        ),
        (
            many_texts("customer", 60),
            {},
            "A text column looks like an identifier, not like a feature.",
            "mine.csv, column 'id'",
            "60 different texts in 60 rows, such as 'customer0'",
        ),
        (
            many_texts("2020-01-01T00:00:", 60),
            {},
            "A text column looks like an identifier, not like a feature.",
            "mine.csv, column 'id'",
            "60 different texts in 60 rows, such as '2020-01-01T00:00:0'",
        ),
        (
            "target,y\n1,0\n2,1\n",
            {},
            "A feature has the reserved name 'target'.",
            "mine.csv",
            "'target'",
        ),
        (
            "role:x,y\n1,0\n2,1\n",
            {},
            "A feature has the reserved name 'role:x'.",
            "mine.csv",
            "'role:x'",
        ),
        ("a,y\n1,0\n2,1\n", {"drop": ["a"]}, "The table has no features.", "mine.csv", "none"),
        (
            "a,w,y\n1,x,0\n2,x,1\n",
            {"weight": "w"},
            "The weight is no number.",
            "mine.csv, column 'w'",
            "x",
        ),
        (
            "a,w,y\n1,-2,0\n2,1,1\n",
            {"weight": "w"},
            "The table holds values that nothing can be learned from.",
            "mine.csv",
            "'role:weight': 1 values negative or infinite, the first in row 1",
        ),
        (
            "a,w,y\n1,,0\n2,1,1\n",
            {"weight": "w"},
            "The weight is missing in some rows.",
            "mine.csv, column 'w'",
            "1 rows without one",
        ),
        (
            "a,t,y\n1,,0\n2,1,1\n",
            {"time": "t"},
            "The time is missing in some rows.",
            "mine.csv, column 't'",
            "1 rows without one",
        ),
        (
            "a,k,y\n1,x,0\n2,z,1\n",
            {"source": {"bundled": "digits", "rows": {"column": "k", "equals": "t"}}},
            "No row is left.",
            "mine.csv",
            "k such as 'x', 'z'",
        ),
        (
            "a,k,y\n1,x,0\n2,,1\n",
            {"source": {"bundled": "digits", "rows": {"column": "k", "at_most": 3}}},
            "No row is left.",
            "mine.csv",
            "k such as 'x', nan",
        ),
    ],
)
def test_what_nothing_can_be_learned_from_is_told(
    content: str, entry: dict[str, Any], what: str, where: str, found: str
) -> None:
    error = refused(lambda: typed(content, **entry))
    assert (error.what, error.where, error.found) == (what, where, found)
    assert error.expected
    assert error.todo


@pytest.mark.parametrize(
    "moments",
    [
        pd.to_datetime(["2020-01-01", "2020-01-02"]),
        pd.to_datetime(["2020-01-01", "2020-01-02"], utc=True),
        pd.to_timedelta([1, 2], unit="D"),
        [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)],
    ],
    ids=["moments", "moments of a zone", "durations", "dates"],
)
def test_a_column_of_points_in_time_is_no_feature(moments: Any) -> None:
    frame = pd.DataFrame({"a": [1, 2], "when": moments, "y": [0, 1]})
    error = refused(lambda: typed(frame))
    assert error.what == "A column of points in time is no feature as it stands."
    assert error.where == "mine.csv, column 'when'"


def test_dates_that_cannot_be_read_as_time() -> None:
    error = refused(lambda: typed("a,t,y\n1,31/12/2020,0\n2,1/2/2020,1\n", time="t"))
    assert error.what == "A column of points in time cannot be read."
    assert error.where == "mine.csv, column 't'"


def test_complex_numbers_are_refused() -> None:
    assert (
        refused(lambda: typed(pd.DataFrame({"a": [1j, 2], "y": [0, 1]}))).what
        == "A column holds complex numbers."
    )


def test_types_that_only_parquet_has() -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "level": pd.Categorical([3, 1, None]),
            "price": [Decimal("1.5"), Decimal(2), None],
            "nothing": pd.Series([None, None, None], dtype=object),
            "y": pd.Categorical(["a", "b", "b"]),
        }
    )
    table, _ = typed(frame, positive="a")
    assert table.categories == {"flag": ("False", "True"), "level": ("1", "3")}
    nan = np.nan
    np.testing.assert_array_equal(
        table.X, [[1, 1, 1, 1.5, nan], [nan, nan, 0, 2, nan], [3, 0, nan, nan, nan]]
    )


def test_rows_of_the_original_are_chosen_by_value() -> None:
    text = "a,k,set,y\n1,5,t,0\n2,6,v,1\n3,7,t,1\n4,8,t,0\n"
    by_value = {"bundled": "digits", "rows": {"column": "set", "equals": "t"}}
    assert typed(text, source=by_value, drop=["set", "k"])[0].X.ravel().tolist() == [1, 3, 4]
    up_to = {"bundled": "digits", "rows": {"column": "k", "at_most": 6}}
    assert typed(text, source=up_to, drop=["set", "k"])[0].X.ravel().tolist() == [1, 2]


def test_a_column_may_be_called_by_a_number() -> None:
    assert typed("1,2\n5,0\n6,1\n", target=2)[0].features == ("1",)


@given(
    X=arrays.arrays(
        float, (5, 2), elements=st.one_of(st.floats(-1e300, 1e300), st.just(float("nan")))
    ),
    codes=st.lists(st.sampled_from([0.0, 1.0, 2.0, float("nan")]), min_size=5, max_size=5),
    names=st.lists(
        st.text(min_size=1, max_size=5).filter(
            lambda t: t != "target" and not t.startswith("role:")
        ),
        min_size=3,
        max_size=3,
        unique=True,
    ),
)
def test_a_table_survives_being_written_and_read(
    X: np.ndarray, codes: list[float], names: list[str]
) -> None:
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        return  # half a character, which no file can hold
    table = Table(
        tuple(names),
        np.column_stack([X[:, 0], codes, X[:, 1]]),
        np.array([0, 1, 0, 0, 1], np.int8),
        {names[1]: ("a", "b", "never seen")},
        {"time": np.arange(5)},
    )
    with tempfile.TemporaryDirectory() as folder:
        tables.write(Path(folder) / "table.parquet", table)
        again = tables.read(Path(folder) / "table.parquet")
    assert (again.features, again.categories) == (table.features, table.categories)
    np.testing.assert_array_equal(again.X, table.X)
    np.testing.assert_array_equal(again.y, table.y)
    np.testing.assert_array_equal(again.roles["time"], table.roles["time"])


# Results on disk


def parts_left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))


def test_a_failure_in_the_middle_of_writing_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="power cut"), files.replacing(path) as file:
        file.write(b"half of the new")
        raise RuntimeError("power cut")
    assert path.read_text() == "old"
    assert not parts_left(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_storage_error_and_leaves_the_old_file(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> None:
        raise OSError(number, "No room")

    path = tmp_path / "result.json"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="There is no room left on the disk") as caught:
        files.write_text(path, "new")
    assert caught.value.where == str(path)
    assert path.read_text() == "old"
    assert not parts_left(tmp_path)
    assert guarded(lambda: files.write_text(path, "new"))() == 1
    assert "nothing was left half-written" in capsys.readouterr().err


def test_another_failure_of_the_disk_is_not_taken_for_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(OSError, match="Input/output error"):
        files.write_text(tmp_path / "result.json", "new")
    assert not list(tmp_path.iterdir())


def test_a_new_file_has_the_rights_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    files.write_text(tmp_path / "folder" / "result", "x")
    assert (tmp_path / "folder" / "result").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"a": [0.1 + 0.2, np.nan], "b": ["none", ""], "c": pd.Categorical(["x", "y"])}
    )
    contents = []
    for name in ("one", "two"):
        files.write_csv(tmp_path / f"{name}.csv", frame)
        files.write_parquet(tmp_path / f"{name}.parquet", frame)
        files.write_json(
            tmp_path / f"{name}.json",
            {"b": 1, "a": 0.1 + 0.2} if name == "one" else {"a": 0.3, "b": 1},
        )
        contents.append(
            [(tmp_path / f"{name}.{kind}").read_bytes() for kind in ("csv", "parquet", "json")]
        )
    assert contents[0] == contents[1]
    assert contents[0][0] == b"a,b,c\n0.3,none,x\n,,y\n"
    assert contents[0][2] == b'{\n  "a": 0.3,\n  "b": 1\n}\n'


def test_json_has_null_for_what_is_not_defined_and_refuses_an_infinity(tmp_path: Path) -> None:
    files.write_json(
        tmp_path / "a.json", {"x": [float("nan"), 1e-9, np.float64(1 / 3)], "y": (None, "ñ", True)}
    )
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "x": [None, 0, 0.333333],
        "y": [None, "ñ", True],
    }
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "b.json", {"x": float("inf")})
    assert not (tmp_path / "b.json").exists()


def test_a_csv_keeps_words_that_look_like_missing_values(tmp_path: Path) -> None:
    files.write_csv(
        tmp_path / "a.csv", pd.DataFrame({"strategy": ["none", "nan", None], "x": [1.5, np.nan, 2]})
    )
    again = files.read_csv(tmp_path / "a.csv")
    assert again["strategy"].tolist()[:2] == ["none", "nan"]
    assert again.isna().to_numpy().tolist() == [[False, False], [False, True], [True, False]]


@pytest.mark.parametrize("read", [files.read_json, files.read_csv, files.read_parquet])
def test_a_missing_result_says_how_to_get_it_back(
    read: Callable[[Path], object], tmp_path: Path
) -> None:
    with pytest.raises(ResultError, match="A result of an earlier stage is missing") as caught:
        read(tmp_path / "gone")
    assert "dvc checkout" in str(caught.value.todo)


def test_no_two_lists_of_parts_have_one_digest() -> None:
    assert (
        len(
            {
                files.digest(*parts)
                for parts in (("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ())
            }
        )
        == 5
    )
    assert files.canonical({"b": 1, "a": [1.0]}) == files.canonical({"a": [1.0], "b": 1})


def test_the_errors_of_a_stage_are_a_message_and_status_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def wrong() -> None:
        raise TableError(
            "It is wrong.", where="here", expected="right", found="wrong", todo="mend it"
        )

    assert guarded(wrong)() == 1
    assert (
        capsys.readouterr().err
        == "\nerror: It is wrong.\n  where:    here\n  expected: right\n  found:    wrong\n  to do:"
        "    mend it\n  Results of an earlier run are not lost: `dvc checkout` brings back those"
        " that dvc.lock names, `git checkout -- reports dvc.lock` those in git.\n"
    )


def test_a_mistake_of_the_program_is_not_dressed_up(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 // 0)()
    with pytest.raises(FileNotFoundError):
        guarded(lambda: Path("/no/such/file").read_text() and None)()

    def stopped() -> None:
        raise KeyboardInterrupt

    assert guarded(stopped)() == 130
    assert "run the same command to go on" in capsys.readouterr().err


def test_lists_in_a_column_are_refused() -> None:
    frame = pd.DataFrame({"y": [0, 1, 0, 1], "x": [[1], [2, 3], [4], [5]], "z": [1, 2, 3, 4]})
    error = refused(
        lambda: column_types.typed(frame, Dataset(path="x", target="y", positive=1), "mine.parquet")
    )
    assert error.what == "A column holds lists."
    assert error.found == "[1]"


def test_none_is_a_label_and_na_is_missing() -> None:
    frame = csv("a,y\nNone,1\nNA,0\nnone,1\n,0\n")
    assert frame["a"].isna().tolist() == [False, True, False, True]


def test_whole_numbers_with_gaps_keep_their_names_as_categories() -> None:
    table, _ = typed("region,y\n1,yes\n,no\n2,no\n10,yes\n", positive="yes", categorical=["region"])
    assert table.categories["region"] == ("1", "10", "2")
