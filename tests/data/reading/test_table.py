"""From raw columns to the typed table: what each column is, and what is refused by name."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.config import Dataset
from counterpoise.core.errors import TableError, TableErrors
from counterpoise.data import datasets
from counterpoise.data.reading import files, table
from counterpoise.data.reading.files import Options
from counterpoise.data.reading.table import Reading


def typed(content: str | pd.DataFrame, **entry: Any) -> Reading:
    frame = content
    if isinstance(frame, str):
        frame = files.read(frame.encode(), "text", Options(), "mine.csv").frame
    return table.typed(
        frame, Dataset(**{"path": "mine.csv", "target": "y", "positive": 1, **entry}), "mine.csv"
    )


def refused(content: str | pd.DataFrame, **entry: Any) -> TableError:
    with pytest.raises(TableError) as caught:
        typed(content, **entry)
    return caught.value


def rows_of(*columns: list[str], names: str = "x") -> str:
    """A CSV of these columns and a target of which every fifth row is positive."""
    lines = [",".join([*(f"{names}{k}" for k in range(len(columns))), "y"])]
    for k, cells in enumerate(zip(*columns, strict=True)):
        lines.append(",".join([*(f'"{cell}"' for cell in cells), str(int(k % 5 == 0))]))
    return "\n".join(lines) + "\n"


def read_as(reading: Reading) -> dict[str, str]:
    return {one["name"]: one["read_as"] for one in reading.facts["columns"]}


def test_each_column_becomes_what_it_is() -> None:
    text = (
        "id,age,plan,active,answer,empty,when,group,y\n"
        "u1, 3,a,True,yes,,2020-01-03,7,no\n"
        "u2,,b,,no,,2020-01-01,9,yes\n"
        "u3,5,,False,yes,,2020-01-02T12:00:00,7,no\n"
    )
    found, facts = typed(text, positive="yes", drop=["id"], time="when", group="group")
    assert found.features == ("age", "plan", "active", "answer", "empty")
    assert found.categories == {
        "plan": ("a", "b"),
        "active": ("False", "True"),
        "answer": ("no", "yes"),
    }
    assert found.cardinalities == (0, 2, 2, 2, 0)
    nan = np.nan
    expected = [[3, 0, 1, 1, nan], [nan, 1, nan, 0, nan], [5, nan, 0, 1, nan]]
    np.testing.assert_array_equal(found.X, expected)
    assert found.y.tolist() == [0, 1, 0]
    assert np.argsort(found.roles["time"]).tolist() == [1, 2, 0]
    assert found.roles["group"].tolist() == [0, 1, 0]
    assert facts["missing_values"] == 6
    assert facts["constant"] == ["empty"]
    assert facts["categorical"] == ["active", "answer", "plan"]
    assert facts["no_features"] == ["group", "id", "when"]
    assert (facts["rows"], facts["positives"], facts["prevalence"]) == (3, 1, 1 / 3)
    assert [(one["name"], one["read_as"]) for one in facts["columns"]] == [
        ("id", "dropped"),
        ("age", "number"),
        ("plan", "category"),
        ("active", "boolean"),
        ("answer", "category"),
        ("empty", "empty"),
        ("when", "time"),
        ("group", "group"),
        ("y", "target"),
    ]


def test_numbers_that_are_categories_are_declared() -> None:
    found, _ = typed("a,b,y\n1,5,0\n2,6,1\n10,5,0\n", categorical=["a"])
    assert found.categories == {"a": ("1", "10", "2")}
    assert found.X[:, 0].tolist() == [0, 2, 1]


def test_leading_zeros_stay_text() -> None:
    codes = [f"{k % 40:05d}" for k in range(200)]
    reading = typed(rows_of(codes))
    assert reading.table.categories["x0"][0] == "00000"
    assert read_as(reading)["x0"] == "category"


# ------------------------------------------------------------------------------- local notations

AMOUNTS = [round(3.7 * k + 1000, 2) for k in range(200)]


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        (lambda v: f"{v:.2f}".replace(".", ","), "decimal comma"),
        (lambda v: f"${v:,.2f}", "$ before the number, thousands comma"),
        (lambda v: f"{v:.2f}%", "percent"),
        (lambda v: f"{v:.2f} kg", "unit kg"),
        (lambda v: f"{v:,.2f}".replace(",", "\u00a0"), "thousands blank"),
        (lambda v: f"{v:.6e}".replace(".", ","), "decimal comma"),
        (lambda v: f"{v:.2f}", ""),
    ],
)
@pytest.mark.parametrize("missing", [0.0, 0.5, 0.9])
def test_numbers_in_any_notation_are_numbers_whatever_share_is_missing(
    form: Any, shown: str, missing: float
) -> None:
    texts = ["" if k < missing * 200 else form(v) for k, v in enumerate(AMOUNTS)]
    reading = typed(rows_of(texts, [str(k) for k in range(200)]))
    expected = [np.nan if k < missing * 200 else v for k, v in enumerate(AMOUNTS)]
    np.testing.assert_allclose(reading.table.X[:, 0], expected)
    assert reading.facts["columns"][0]["notation"] == shown
    assert reading.facts["columns"][0]["missing"] == int(missing * 200)


def test_two_readings_are_refused_until_the_user_says_which() -> None:
    texts = [f"{k + 1},{k + 100}" for k in range(200)]
    error = refused(rows_of(texts))
    assert error.what == "A column of numbers can be read in two ways."
    assert "'1,100' is a number with a decimal comma or one with thousands" in str(error.found)
    point = typed(rows_of(texts), columns={"x0": {"decimal": ","}}).table.X[0, 0]
    thousands = typed(rows_of(texts), columns={"x0": {"thousands": ","}}).table.X[0, 0]
    assert (point, thousands) == (1.1, 1100)


def test_a_point_among_decimal_commas_may_separate_thousands() -> None:
    commas = [f"{k},5" for k in range(100)]
    points = [f"{k % 9 + 1}.{k + 100}" for k in range(100)]
    assert "decimal commas" in str(refused(rows_of(commas, points)).found)
    read = typed(rows_of(commas, points), columns={"x1": {"thousands": "."}}).table
    assert read.X[0].tolist() == [0.5, 1100]


# -------------------------------------------------------------------------------- missing values


@pytest.mark.parametrize("code", ["na", "?", ".", "None", "\\N", "#N/A", "-", "NULL", "unknown"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_code_among_numbers_is_missing_at_any_share_and_named(code: str, share: float) -> None:
    texts = [code if k < share * 200 else str(k) for k in range(200)]
    reading = typed(rows_of(texts, [str(k) for k in range(200)]))
    assert np.isnan(reading.table.X[:, 0]).sum() == int(share * 200)
    assert (
        f"{code!r} is read as missing in 'x0' ({int(share * 200)} values)"
        in (reading.facts["notices"])
    )


def test_one_text_that_is_no_code_is_refused_and_can_be_declared() -> None:
    texts = ["too low" if k % 3 == 0 else str(k) for k in range(60)]
    error = refused(rows_of(texts))
    assert error.what == "A column of numbers holds text."
    assert error.found == "'too low' in 20 of 60 rows"
    for sentinels in (["too low"], {"x0": ["too low"]}, {"x0": "too low"}):
        found = typed(rows_of(texts), sentinels=sentinels).table
        assert np.isnan(found.X[:, 0]).sum() == 20
    assert typed(rows_of(texts), categorical=["x0"]).table.categories["x0"]


def test_a_real_label_na_is_a_label_where_the_user_says_so() -> None:
    texts = [["EU", "NA", "AS"][k % 3] for k in range(60)]
    read = typed(rows_of(texts))
    assert read.table.categories["x0"] == ("AS", "EU")
    assert read.facts["notices"] == ["'NA' is read as missing in 'x0' (20 values)"]
    kept = typed(rows_of(texts), columns={"x0": {"missing": []}})
    assert kept.table.categories["x0"] == ("AS", "EU", "NA")
    assert kept.facts["notices"] == []


def test_numbers_that_mean_missing_are_those_of_their_columns() -> None:
    text = "a,b,c,y\n-999,x,-999,0\n5,y,2,1\n1,x,3,0\n0,x,0,0\n"
    read, facts = typed(text, sentinels=[-999, 1], categorical=["c"])
    np.testing.assert_array_equal(read.X[:, 0], [np.nan, 5, np.nan, 0])
    assert read.categories["c"] == ("-999", "0", "2", "3")
    assert facts["sentinels_replaced"] == 2
    own = typed(text, sentinels={"c": [-999]}, categorical=["c"]).table
    assert own.categories["c"] == ("0", "2", "3")
    assert own.X[0, 0] == -999
    zero = typed(text, sentinels={"a": [0]}).table
    assert np.isnan(zero.X[3, 0])
    assert zero.X[3, 2] == 0


def test_parentheses_among_plain_numbers_are_negative() -> None:
    texts = ["(12.50)" if k == 3 else f"{k}.5" for k in range(60)]
    assert typed(rows_of(texts)).table.X[3, 0] == -12.5


def test_a_sentinel_is_counted_however_it_is_written() -> None:
    facts = typed("a,y\n-999.0,0\n5,1\n-999,0\n7,0\n", sentinels=[-999]).facts
    assert (facts["sentinels_replaced"], facts["missing_values"]) == (2, 2)


def test_labels_of_counts_stay_labels_and_numbers_with_mistakes_are_refused() -> None:
    counts = [["0", "1", "2", "3+"][k % 4] for k in range(80)]
    assert typed(rows_of(counts)).table.categories["x0"] == ("0", "1", "2", "3+")
    texts = ["x" if k == 7 else "z" if k == 9 else str(k) for k in range(60)]
    error = refused(rows_of(texts))
    assert (error.what, error.found) == (
        "A column of numbers holds text.",
        "'x', 'z' in 2 of 60 rows",
    )
    assert error.where == "mine.csv, column 'x0', row 8"


def test_numbers_beyond_what_models_take_are_refused() -> None:
    error = refused("a,b,y\n1,1e39,0\n2,3,1\n")
    assert error.what == "Numbers are larger than models can take."
    assert (error.where, error.found) == ("mine.csv, column 'b', row 1", "1e+39 in 1 rows")
    assert typed("a,b,y\n1,1e39,0\n2,3,1\n", sentinels=[1e39]).table.X[1, 1] == 3


# ------------------------------------------------------------------------------------------ dates


DAYS = [f"{k % 28 + 1:02d}/{k % 12 + 1:02d}/2022" for k in range(100)]


@pytest.mark.parametrize(
    "frame",
    [
        rows_of(DAYS),
        rows_of([f"2022-{k % 12 + 1:02d}-{k % 28 + 1:02d}" for k in range(100)]),
        pd.DataFrame({"x0": pd.date_range("2022-01-01", periods=100), "y": [0, 1] * 50}),
        pd.DataFrame({"x0": pd.date_range("2022-01-01", periods=100, tz="UTC"), "y": [0, 1] * 50}),
        pd.DataFrame(
            {"x0": [datetime.date(2022, 1, k % 28 + 1) for k in range(100)], "y": [0, 1] * 50}
        ),
    ],
    ids=["text", "ISO", "moments", "of a zone", "dates"],
)
def test_dates_have_one_outcome_wherever_they_come_from(frame: Any) -> None:
    error = refused(frame)
    assert error.what == "A column of dates is no feature as it stands."
    assert error.where == "mine.csv, column 'x0'"
    read = typed(frame, columns={"x0": {"encode": ["days", "month", "weekday"]}})
    assert read.table.features == ("x0:days", "x0:month", "x0:weekday")
    first = read.table.X[0]
    assert first[0] in (18993, 18993.0)
    assert (first[1], first[2]) == (1, 5)
    assert read_as(read)["x0"] == "date"


def test_day_and_month_are_refused_until_the_user_says_which() -> None:
    texts = [f"{k % 12 + 1:02d}/{(k * 5) % 12 + 1:02d}/2022" for k in range(100)]
    assert "can be read in two ways" in refused(rows_of(texts)).what
    options = {"format": "%m/%d/%Y", "encode": ["month"]}
    assert typed(rows_of(texts), columns={"x0": options}).table.X[1, 0] == 2


@pytest.mark.parametrize("day", ["9999-12-31", "0014-11-18", "2262-04-12", "1677-09-20"])
@pytest.mark.parametrize("kind", ["text", "us", "object"])
def test_a_date_beyond_nanoseconds_is_refused_and_not_wrapped_around(day: str, kind: str) -> None:
    texts = [f"2022-{k % 12 + 1:02d}-{k % 28 + 1:02d}" for k in range(99)] + [day]
    frame: Any = rows_of(texts)
    if kind != "text":
        moments = pd.Series(np.array(texts, dtype="datetime64[us]"))
        x = moments if kind == "us" else moments.map(lambda at: at.to_pydatetime().date())
        frame = pd.DataFrame({"x0": x.astype(object) if kind == "object" else x, "y": [0, 1] * 50})
    encode = {"x0": {"encode": ["days"]}}
    error = refused(frame, columns=encode)
    assert error.what == "A date lies outside of the years that can be read."
    assert error.where == "mine.csv, column 'x0', row 100"
    assert day in str(error.found)
    error = refused(frame, time="x0")
    assert isinstance(error, TableErrors)
    assert "A date lies outside" in error.errors[-1].what
    if kind == "text":
        read = typed(frame, columns=encode, sentinels={"x0": [day]})
        assert np.isnan(read.table.X[-1, 0])
        assert np.isfinite(read.table.X[:-1]).all()


def test_a_time_may_have_any_format_and_a_wrong_one_is_refused() -> None:
    read = typed("a,t,y\n1,31/12/2020,0\n2,1/2/2020,1\n", time="t").table
    assert np.argsort(read.roles["time"]).tolist() == [1, 0]
    error = refused("a,t,y\n1,soon,0\n2,late,1\n", time="t")
    assert error.what == "A column of points in time cannot be read."
    assert error.where == "mine.csv, column 't'"


# ------------------------------------------------------------------------------------- the target


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        ("yes no no", "yes"),
        ("TRUE F F", True),
        ("false T T", False),
        ("True False False", True),
        ("True False False", "True"),
        ("1 0 0", 1),
        ("1 0 0", True),
        ("1 0 0", "1"),
        ("1.0 0.0 0.0", 1),
        ("0 1 1", False),
        ("s b b", "s"),
        ("'1' '-1' '-1'", "'1'"),
        ("1 a b", 1),
        ("8 3 5", 8),
        ("a b b", ["a", "A"]),
    ],
)
def test_the_positive_label_is_found_whatever_yaml_made_of_it(labels: str, positive: Any) -> None:
    text = "a,y\n" + "".join(f"{row},{label}\n" for row, label in enumerate(labels.split()))
    if positive == ["a", "A"]:
        assert "in no row" in refused(text, positive=positive).what
        positive = ["a"]
    assert typed(text, positive=positive).table.y.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("labels", "positive", "hint"),
    [
        ("a b", "c", ""),
        ("True False", "churned", ""),
        ("yes no", True, ""),
        ("Yes No", "yes", " (did you mean 'Yes'?)"),
        ("1 0", 2, ""),
    ],
)
def test_a_positive_label_in_no_row_is_named_with_the_labels_that_there_are(
    labels: str, positive: Any, hint: str
) -> None:
    error = refused(
        "a,y\n" + "".join(f"{k},{x}\n" for k, x in enumerate(labels.split())), positive=positive
    )
    assert error.what == f"The positive label {positive!r} is in no row{hint}."
    assert sorted(str(error.found).split(", ")) == sorted(f"{x!r} (1 row)" for x in labels.split())
    assert error.where == "mine.csv, column 'y'"


def test_a_positive_label_in_every_row() -> None:
    error = refused("a,y\n1,1\n2,1\n")
    assert (error.what, error.found) == ("The positive label 1 is in every row.", "'1' (2 rows)")


def labelled(**counts: int) -> str:
    labels = [label.replace("_", " ") for label, rows in counts.items() for _ in range(rows)]
    return "a,y\n" + "".join(f"{k},{label}\n" for k, label in enumerate(labels))


def test_variants_of_the_positive_label_are_refused_until_the_user_says_what_they_are() -> None:
    text = labelled(Yes=5, YES=4, yes_=3, No=30)
    error = refused(text, positive="Yes")
    assert error.what == "Labels that look like the positive one count as negative."
    assert error.found == "'YES' (4 rows), 'yes' (3 rows)"
    assert "positive: ['Yes', 'YES', 'yes']" in str(error.todo)
    assert typed(text, positive=["Yes", "YES", "yes"]).table.y.sum() == 12
    read = typed(text, positive="Yes", negative=["YES", "yes", "No"])
    assert read.table.y.sum() == 5


def test_codes_of_missing_values_among_the_labels_are_refused_unless_they_are_the_only_others() -> (
    None
):
    error = refused(labelled(yes=5, no=30, unknown=2), positive="yes")
    assert error.found == "'unknown' (2 rows)"
    assert typed(labelled(Fraud=5, NA=30), positive="Fraud").table.y.sum() == 5
    listed = typed(labelled(yes=5, no=30, unknown=2), positive="yes", negative=["no", "unknown"])
    assert listed.table.y.sum() == 5
    unlisted = refused(labelled(yes=5, no=30, maybe=2), positive="yes", negative=["no"])
    assert unlisted.found == "'maybe' (2 rows)"


def test_what_the_negative_class_is_made_of_is_named() -> None:
    notices = typed(labelled(a=5, b=400, c=200, d=1), positive="a").facts["notices"]
    assert notices == [
        "the negative class is every other label: 'b' (400 rows), 'c' (200 rows), 'd' (1 row)",
        "rare labels count as negative: 'd' (1 row); are they no mistakes?",
    ]
    assert typed(labelled(a=5, b=40), positive="a").facts["notices"] == []


# --------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("entry", "key", "hint"),
    [
        ({"target": "Y"}, "target", ""),
        ({"drop": ["incme"]}, "drop", " (did you mean 'income'?)"),
        ({"categorical": ["region"]}, "categorical", ""),
        ({"columns": {"region": {}}}, "columns", ""),
        ({"sentinels": {"region": [0]}}, "sentinels", ""),
        ({"time": "when"}, "time", ""),
        ({"group": 3}, "group", ""),
        (
            {"source": {"bundled": "digits", "rows": {"column": "set", "equals": "t"}}},
            "source.rows.column",
            "",
        ),
    ],
)
def test_a_column_that_is_absent_is_named_with_the_key(
    entry: dict[str, Any], key: str, hint: str
) -> None:
    error = refused("income,age,y\n1,2,0\n3,4,1\n", **entry)
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
            "A number is infinite.",
            "mine.csv, column 'a', row 2",
            "2 infinite values",
        ),
        (
            many_texts("customer", 60),
            {},
            "A text column looks like an identifier, not like a feature.",
            "mine.csv, column 'id'",
            "60 different texts in 60 rows, such as 'customer0'",
        ),
        (
            many_texts("I did not like it at all ", 60),
            {},
            "A column of free text is no feature as it stands.",
            "mine.csv, column 'id'",
            "60 different texts in 60 rows, such as 'I did not like it at all 0'",
        ),
        (
            "target,y\n1,0\n2,1\n",
            {},
            "A feature has the reserved name 'target'.",
            "mine.csv",
            "'target'",
        ),
        ("a,y\n1,0\n2,1\n", {"drop": ["a"]}, "The table has no features.", "mine.csv", "none"),
        (
            "a,t,y\n1,,0\n2,1,1\n",
            {"time": "t"},
            "The time is missing in some rows.",
            "mine.csv, column 't', row 1",
            "1 rows without one",
        ),
        (
            "a,k,y\n1,x,0\n2,z,1\n",
            {"source": {"bundled": "digits", "rows": {"column": "k", "equals": "t"}}},
            "No row is left.",
            "mine.csv",
            "k such as 'x', 'z'",
        ),
    ],
)
def test_what_nothing_can_be_learned_from_is_named(
    content: str, entry: dict[str, Any], what: str, where: str, found: str
) -> None:
    error = refused(content, **entry)
    assert (error.what, error.where, error.found) == (what, where, found)
    assert error.expected
    assert error.todo


def test_all_mistakes_are_named_at_once_and_the_same_ones_together() -> None:
    mixed = [["too low"] + [str(k) for k in range(59)] for _ in range(3)]
    days = [f"2022-{k % 12 + 1:02d}-01" for k in range(60)]
    content = rows_of(*mixed, days).replace(",0\n", ",\n", 1)
    with pytest.raises(TableErrors) as caught:
        typed(content)
    first, second, third = caught.value.errors
    assert first.what == "The target is missing in some rows."
    assert second.what == "A column of numbers holds text: 3 columns."
    assert second.where == "mine.csv, columns 'x0', 'x1', 'x2'"
    assert third.what == "A column of dates is no feature as it stands."


def test_lists_and_complex_numbers_are_refused() -> None:
    frame = pd.DataFrame({"y": [0, 1, 0, 1], "x": [[1], [2, 3], [4], [5]], "z": [1, 2, 3, 4]})
    assert (refused(frame).what, refused(frame).found) == ("A column holds lists.", "[1]")
    frame = pd.DataFrame({"a": [1j, 2], "y": [0, 1]})
    assert refused(frame).what == "A column holds complex numbers."
    frame = pd.DataFrame({"a": [1, 2], "t": pd.to_timedelta([1, 2], unit="D"), "y": [0, 1]})
    assert refused(frame).what == "A column of durations is no feature as it stands."


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
    found, _ = typed(frame, positive="a")
    assert found.categories == {"flag": ("False", "True"), "level": ("1", "3")}
    nan = np.nan
    np.testing.assert_array_equal(
        found.X, [[1, 1, 1, 1.5, nan], [nan, nan, 0, 2, nan], [3, 0, nan, nan, nan]]
    )


def test_rows_of_the_original_are_chosen_by_value() -> None:
    text = "a,k,set,y\n1,5,t,0\n2,6,v,1\n3,7,t,1\n4,8,t,0\n"
    by_value = {"bundled": "digits", "rows": {"column": "set", "equals": "t"}}
    assert typed(text, source=by_value, drop=["set", "k"]).table.X.ravel().tolist() == [1, 3, 4]
    up_to = {"bundled": "digits", "rows": {"column": "k", "at_most": 6}}
    assert typed(text, source=up_to, drop=["set", "k"]).table.X.ravel().tolist() == [1, 2]


def test_a_column_may_be_called_by_a_number() -> None:
    frame = pd.DataFrame({1: [5, 6], 2: [0, 1]})
    assert typed(frame, target=2).table.features == ("1",)


def test_whole_numbers_with_gaps_keep_their_names_as_categories() -> None:
    text = "region,y\n1,yes\n,no\n2,no\n10,yes\n"
    read = typed(text, positive="yes", categorical=["region"]).table
    assert read.categories["region"] == ("1", "10", "2")


@pytest.mark.parametrize(("path", "found"), [("no.csv", "no such file"), ("folder", "a folder")])
def test_a_path_that_is_no_table(path: str, found: str, workplace: Path) -> None:
    Path("folder").mkdir()
    with pytest.raises(TableError) as caught:
        datasets.fetch("mine", Dataset(path=path, target="y", positive=1))
    assert (caught.value.what, caught.value.found, caught.value.where) == (
        "There is no table at this path.",
        found,
        path,
    )


# ------------------------------------------------------------ a typed frame in any notation

SEPARATORS = [",", ";", "\t", "|"]
NUMBERS = {
    "plain": lambda v: f"{v:.3f}",
    "comma": lambda v: f"{v:.3f}".replace(".", ","),
    "dollar": lambda v: f"${v:,.3f}" if v >= 0 else f"-${-v:,.3f}",
    "percent": lambda v: f"{v:.3f}%",
    "space": lambda v: f"{v:,.3f}".replace(",", " "),
}
CODES = ["", "NA", "?", "null"]


@given(
    values=st.lists(
        st.one_of(st.none(), st.floats(-1e6, 1e6).map(lambda v: round(v, 3))),
        min_size=12,
        max_size=40,
    ),
    labels=st.lists(
        st.sampled_from(["east", "no rth", "w,est", "ñandú"]), min_size=40, max_size=40
    ),
    separator=st.sampled_from(SEPARATORS),
    form=st.sampled_from(sorted(NUMBERS)),
    code=st.sampled_from(CODES),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
)
def test_a_frame_in_any_notation_comes_back_or_its_column_is_named(
    values: list[float | None],
    labels: list[str],
    separator: str,
    form: str,
    code: str,
    encoding: str,
) -> None:
    rows = len(values)
    frame = pd.DataFrame(
        {
            "amount": [code if v is None else NUMBERS[form](v) for v in values],
            "region": labels[:rows],
            "y": [str(int(k % 3 == 0)) for k in range(rows)],
        }
    )
    content = frame.to_csv(sep=separator, index=False).encode(encoding)
    try:
        raw = files.read(content, "text", Options(columns=("amount", "y")), "mine.csv")
        read = table.typed(
            raw.frame, Dataset(path="mine.csv", target="y", positive=1), "mine.csv"
        ).table
    except TableError as error:
        text = str(error)
        assert "amount" in text or "separator" in text or "constant" in text, text
        return
    known = np.array([np.nan if v is None else v for v in values])
    np.testing.assert_allclose(read.X[:, 0], known, rtol=1e-12)
    assert set(read.categories["region"]) == set(labels[:rows])


# ---------------------------------------------------------------- keys that would have no effect

TYPED = pd.DataFrame({"x": np.arange(40.0), "y": np.arange(40) % 2})
MOMENTS = TYPED.assign(x=pd.date_range("2020-01-01", periods=40))


@pytest.mark.parametrize(
    ("content", "options", "word"),
    [
        (TYPED, {"decimal": ","}, "decimal"),
        (TYPED, {"encode": ["days"]}, "encode"),
        (TYPED.assign(x=TYPED["x"] > 3), {"thousands": ","}, "thousands"),
        (MOMENTS, {"format": "%d/%m/%Y", "encode": ["days"]}, "format"),
        (MOMENTS, {"missing": ["2020-01-01"], "encode": ["days"]}, "missing"),
        (rows_of([str(k / 2) for k in range(40)]), {"encode": ["days"]}, "encode"),
        (rows_of(["ab", "c"] * 20), {"encode": ["days"]}, "encode"),
    ],
)
def test_an_option_for_another_kind_of_column_is_refused(
    content: str | pd.DataFrame, options: dict[str, Any], word: str
) -> None:
    name = "x0" if isinstance(content, str) else "x"
    error = refused(content, columns={name: options})
    assert error.what == f"An option of a column has no effect: {word}."


@pytest.mark.parametrize("code", [3, 3.0, "3"])
def test_a_missing_value_of_a_column_of_numbers_counts_whatever_holds_it(code: Any) -> None:
    for entry in ({"columns": {"x": {"missing": [code]}}}, {"sentinels": {"x": [code]}}):
        found = typed(TYPED, **entry).table
        assert np.flatnonzero(np.isnan(found.X[:, 0])).tolist() == [3]


def test_a_sentinel_that_is_in_no_row_is_a_note() -> None:
    facts = typed(TYPED, sentinels={"x": [3, -99]}).facts
    assert facts["notices"][1:] == ["the sentinel '-99' is in no row of 'x'"]
    facts = typed(TYPED, sentinels=[3, "refused"]).facts
    assert facts["notices"][-1] == "the sentinel 'refused' is in no row of any column"


@pytest.mark.parametrize(
    "times", [["2020-01-01", "NA"] * 20, [*("1.5", "2") * 19, "3", "?"]], ids=["dates", "numbers"]
)
def test_a_code_in_the_column_of_time_is_a_time_that_is_missing(times: list[str]) -> None:
    error = refused(rows_of(times, [str(k / 2) for k in range(40)]), time="x0")
    assert error.what == "The time is missing in some rows."


@pytest.mark.parametrize("columns", [1, 2])
def test_a_very_long_text_is_shown_in_part(columns: int) -> None:
    cells = ["x" * 100_000, *map(str, range(19))]
    error = refused(rows_of(*[cells] * columns))
    assert error.what.startswith("A column of numbers holds text")
    assert len(str(error.found)) < 600 * columns
