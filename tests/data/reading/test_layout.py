"""The layout of a text table: found, given, or refused where it is ambiguous."""

from __future__ import annotations

import io

import pytest

from counterpoise.core.errors import TableError
from counterpoise.data.reading import layout
from counterpoise.data.reading.layout import Given, Layout


def detect(content: bytes | str, **given: object) -> Layout:
    data = content if isinstance(content, bytes) else content.encode()
    return layout.detect(io.BytesIO(data), Given(**given), "mine.csv")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,2\n", Layout()),
        ("a;b\n1,5;x\n2,5;y\n", Layout(separator=";")),
        ("a\tb\n1\tx\n", Layout(separator="\t")),
        ("a|b\n1|x\n", Layout(separator="|")),
        ("a b\nx 1\ny 2\n", Layout(separator=" ")),
        ('a\tb  name\n1  2 "x y z"\n3\t4 "u v"\n', Layout(separator=" ")),
        ("sep=;\na;b\n1;2\n", Layout(separator=";", skip=1)),
        ("# made in May\n\na,b\n1,2\n", Layout(skip=2)),
        ("Report of May\na,b\n1,2\n3,4\n", Layout(skip=1)),
        ("'a','b'\n'x','1'\n'y','2'\n", Layout(quote="'")),
        ("\ufeffa,b\n1,2\n", Layout("utf-8-sig")),
        ("a,b\n1,\u00e9\n".encode("utf-16"), Layout("utf-16")),
        ("a,b\n1,\u00e9\n2,ni\u00f1o\n".encode("cp1252"), Layout("cp1252")),
        ("a\n1\n2\n", Layout()),
        ("the day,x,y\n1 May,1,2\n2 May,1,2,3\n", Layout()),
    ],
)
def test_the_layout_is_found(content: bytes | str, expected: Layout) -> None:
    assert detect(content) == expected


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("74.5,-1.3,basic,0\n19.3,2,basic,1\n", "The first line holds values"),
        ("a,b;c\n1,2;3\n", "The separator of fields is ambiguous"),
        (b"a,b\n1,\x00\n", "The file is no text"),
        ("a,b\n1,\x00\n".encode("utf-16"), "The file is no text"),
        ("\n\n# nothing\n", "The table has no rows"),
        (
            "  id     heduc  div\n  9  12-15 years   No\n 11   < 12 years   No\n",
            "separator of fields is unknown",
        ),
    ],
)
def test_what_can_be_told_in_two_ways_or_is_no_table_is_refused(
    content: bytes | str, what: str
) -> None:
    with pytest.raises(TableError, match=what):
        detect(content)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("@relation zoo\n@attribute a {x, y}\n@data\n1, x\n", "ARFF"),
        ("% a comment\n@RELATION zoo\n@ATTRIBUTE a numeric\n@DATA\n1\n", "ARFF"),
        ("-1 1:1.6 2:-0.9 \n1 1:-1.3 2:1e-3 \n", "LIBSVM"),
        ("age\tsex\ty\nc\td\td\n\t\tclass\n30\tm\tyes\n31\tf\tno\n", "Orange"),
        ("name\ty\nstring\td\nmeta\tclass\nx\tyes\nz\tno\n", "Orange"),
    ],
)
def test_formats_that_are_no_rows_below_names_are_refused_by_name(content: str, name: str) -> None:
    for given in ({}, {"header": False}):
        with pytest.raises(TableError, match="no table as it stands") as caught:
            detect(content, **given)
        assert name in str(caught.value.found)
    # a label `class` in the third line makes no table of Orange's
    assert detect("a\ty\n1\tclass\n2\tclass\n3\tmeta\n").header


def test_each_part_can_be_given() -> None:
    assert detect("a,b;c\n1,2;3\n", separator=";").separator == ";"
    assert detect("1,5;2;3\n3,5;4;5\n", names=("a", "b", "c")).separator == ";"
    assert not detect("1,2\n3,4\n", header=False).header
    assert detect("1,2\n3,4\n", header=True).header
    assert not detect("1,2\n3,4\n", names=("a", "b")).header
    assert detect("a,b\n1,2\n", encoding="latin-1").encoding == "latin-1"
    with pytest.raises(TableError, match="not in this encoding"):
        detect("a,b\n1,\u00e9\n".encode("cp1252"), encoding="utf-8")
    with pytest.raises(TableError, match="not in this encoding"):
        detect("a,b\n1,2\n", encoding="klingon")


def test_names_of_years_are_a_header_where_the_target_is_among_them() -> None:
    content = b"2019,2020,churned,plan,region\n1,2,yes,a,b\n"
    assert layout.detect(io.BytesIO(content), Given(), "x", ("churned",)).header
    with pytest.raises(TableError, match="first line holds values"):
        layout.detect(io.BytesIO(content), Given(), "x", ("left",))
