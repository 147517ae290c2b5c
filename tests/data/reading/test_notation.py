"""Notations of numbers: what is read, what is ambiguous, and what is no number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.data.reading import notation
from counterpoise.data.reading.notation import Ambiguous, Notation


@pytest.mark.parametrize(
    ("texts", "values", "shown"),
    [
        (["1234,56", "22,61"], [1234.56, 22.61], "decimal comma"),
        (["$1,234.56", "$22.61"], [1234.56, 22.61], "$ before the number, thousands comma"),
        (["12.5%", "3%"], [12.5, 3], "percent"),
        (["(12.50)", "3.10"], [-12.5, 3.1], ""),
        (["65 kg", "70.5 kg"], [65, 70.5], "unit kg"),
        (["1 year", "2 years"], [1, 2], "unit years"),
        (["\u22123", "4"], [-3, 4], ""),
        (["1\u00a0234", "22"], [1234, 22], "thousands blank"),
        (["1\u202f234,5", "22,25"], [1234.5, 22.25], "decimal comma, thousands blank"),
        (["1,2E+03", "3,4E-01"], [1200, 0.34], "decimal comma"),
        (["1,234", "0,5"], [1.234, 0.5], "decimal comma"),
        (["1.234,5", "12"], [1234.5, 12], "decimal comma, thousands point"),
        (["1'234.5", "7"], [1234.5, 7], "thousands apostrophe"),
        (["12,34,567", "1,000"], [1234567, 1000], "thousands comma"),
        (["1,234,567", "12"], [1234567, 12], "thousands comma"),
        (["-$5.00", "$-7"], [-5, -7], "$ before the number"),
        (
            ["R$ 1.234,50", "R$ 3,00"],
            [1234.5, 3],
            "R$ before the number, decimal comma, thousands point",
        ),
        (["3,50 \u20ac", "12,00 \u20ac"], [3.5, 12], "unit \u20ac, decimal comma"),
        (["+3", "-4", ".5", "1."], [3, -4, 0.5, 1], ""),
        (["5\u00b0C", "-3\u00b0C"], [5, -3], "unit \u00b0C"),
    ],
)
def test_numbers_in_local_notation_are_read(
    texts: list[str], values: list[float], shown: str
) -> None:
    found = notation.infer(texts)
    assert isinstance(found, Notation)
    np.testing.assert_allclose(notation.parse(texts, found), values)
    assert str(found) == shown


@pytest.mark.parametrize(
    "texts",
    [
        ["1,234", "5,678"],
        ["$5", "\u20ac6"],
        ["5", "5%"],
        ["3.5 \u20ac", "1.000,5 \u20ac"],
        [f"{k} kg" for k in range(30)] + [f"{k} lb" for k in range(30)],
    ],
)
def test_numbers_that_can_be_read_in_two_ways_are_ambiguous(texts: list[str]) -> None:
    found = notation.infer(texts)
    assert isinstance(found, Ambiguous)
    assert repr(texts[0]) in found.reason


@pytest.mark.parametrize(
    "texts",
    [
        ["a", "b"],
        ["1st", "2nd", "3rd"],
        ["2022-01-31"],
        ["31.01.2022"],
        ["12:30"],
        ["192.168.0.1", "10.0.0.1"],
        ["1-2", "3-4"],
        ["1_000"],
        ["A1", "B2"],
        ["5.0 (high)"],
        ["1 2"],
        [""],
    ],
)
def test_other_texts_are_no_numbers(texts: list[str]) -> None:
    assert notation.infer(texts) is None


def written(value: float, form: Notation) -> str:
    whole, _, part = f"{abs(value):.2f}".partition(".")
    groups = f"{int(whole):,}".split(",")
    text = form.thousands.join(groups) + form.decimal + part
    return ("-" if value < 0 else "") + form.prefix + text + form.suffix


FORMS = [
    Notation(decimal, thousands, prefix, suffix)
    for decimal in (".", ",")
    for thousands in ("", ",", ".", " ", "'")
    if decimal != thousands
    for prefix, suffix in (("", ""), ("$", ""), ("", "%"), ("", " kg"))
]


@given(
    values=st.lists(
        st.floats(-1e9, 1e9).map(lambda v: round(v, 2)), min_size=2, max_size=20, unique=True
    ),
    form=st.sampled_from(FORMS),
)
def test_a_column_in_any_notation_is_read_back_or_called_ambiguous(
    values: list[float], form: Notation
) -> None:
    texts = [written(value, form) for value in values]
    found = notation.infer(texts)
    assert found is not None
    if isinstance(found, Notation):
        np.testing.assert_allclose(notation.parse(texts, found), [round(v, 2) for v in values])
