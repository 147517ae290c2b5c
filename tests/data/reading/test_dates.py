"""Notations of dates: what is read, what is ambiguous, and what is no date."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from counterpoise.data.reading import dates
from counterpoise.data.reading.notation import Ambiguous


@pytest.mark.parametrize(
    ("texts", "form", "first"),
    [
        (["2022-01-31", "2022-12-01"], dates.ISO, "2022-01-31"),
        (["2022-01-31T10:00:00Z"], dates.ISO, "2022-01-31T10:00"),
        (["31/01/2022", "01/02/2022"], "%d/%m/%Y", "2022-01-31"),
        (["1/31/22", "2/1/22"], "%m/%d/%y", "2022-01-31"),
        (["31.12.2020"], "%d.%m.%Y", "2020-12-31"),
        (["31-Jan-2022"], "%d-%b-%Y", "2022-01-31"),
        (["Jan-2015", "Dec-2011"], "%b-%Y", "2015-01-01"),
        (["8/17/2017 12:00 AM"], "%m/%d/%Y %I:%M %p", "2017-08-17"),
        # day and month are the same in both readings
        (["01/01/2022", "02/02/2022"], "%d/%m/%Y", "2022-01-01"),
    ],
)
def test_the_format_of_a_column_is_found(texts: list[str], form: str, first: str) -> None:
    assert dates.infer(texts) == form
    assert dates.parse(pd.Series(texts), form)[0] == np.datetime64(first)


@pytest.mark.parametrize(
    "texts",
    [["01/02/2022", "03/04/2022"], ["2022-01-31", "31/01/2022"], ["2022-02-30", "2022-01-01"]],
)
def test_a_column_of_two_readings_or_with_a_wrong_date_is_ambiguous(texts: list[str]) -> None:
    assert isinstance(dates.infer(texts), Ambiguous)


@pytest.mark.parametrize("texts", [["a"], ["May"], ["20220131"], ["1.2.3"], ["10/12"], ["1.5"]])
def test_other_texts_are_no_dates(texts: list[str]) -> None:
    assert dates.infer(texts) is None
