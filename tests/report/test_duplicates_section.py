"""What a page says of rows that are alike, and of results as is and with like rows kept
together."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from counterpoise.evaluation.columns import GROUPED
from counterpoise.report import duplicates_section


def facts(rows: int, distinct: int, often: int = 1, positives: int = 0) -> dict[str, Any]:
    most = {"rows": often, "positives": positives, "first": 1}
    both = distinct + (0 < positives < often)
    found = {"rows": rows, "distinct": distinct, "distinct_with_label": both, "most_frequent": most}
    return {"defects": {"distinct": found}, "grouped_folds": 5, "grouped_by": "rows"}


def board(*cells: tuple[str, float | None, float | None, str | None]) -> pd.DataFrame:
    made = pd.DataFrame(cells, columns=["strategy", "average_precision", "delta_plain", "verdict"])
    made = made.assign(
        model="forest", level=["none" if s == "none" else "data" for s in made["strategy"]]
    )
    return made.reindex(columns=[*GROUPED, "level"])


AS_IS = board(
    ("none", 0.6, None, None),
    ("smote", 0.7, 0.1, "win"),
    ("enn", 0.5, -0.1, "loss"),
    ("adasyn", None, None, None),
)
GROUPED_TOO = board(
    ("none", 0.55, None, None),
    ("smote", 0.5, -0.05, "loss"),
    ("enn", 0.4, -0.15, "loss"),
    ("adasyn", 0.2, -0.35, "loss"),
)[GROUPED]


def test_distinct_rows_are_counted_in_words() -> None:
    assert duplicates_section.distinct(facts(10, 10)) == "All 10 rows are distinct."
    assert (
        duplicates_section.distinct(facts(1200, 1000, 150, 1))
        == "1,001 of 1,200 rows are distinct, 1,000 by their features alone; the most frequent"
        " features stand 150 times, with 1 positive among them."
    )
    assert (
        duplicates_section.distinct(facts(1200, 1000, 150, 0))
        == "1,000 of 1,200 rows are distinct; the most frequent features stand 150 times, with 0"
        " positives among them."
    )


def test_cells_with_a_result_either_way_stand_side_by_side() -> None:
    lines = duplicates_section.both(AS_IS, GROUPED_TOO)
    assert [line["strategy"] for line in lines] == ["smote", "none", "enn"], (
        "the highest as is first; adasyn has no result"
    )
    first = lines[0]
    assert (first["average_precision_as_is"], first["average_precision"]) == (0.7, 0.5)
    assert (first["side_as_is"], first["side"]) == ("above", "below")
    assert lines[1]["delta_plain"] is None and lines[1]["side"] is None


def test_the_sentences_count_what_moves() -> None:
    said = " ".join(duplicates_section.reading(duplicates_section.both(AS_IS, GROUPED_TOO), 5))
    assert (
        "The median average precision of 3 cells is 0.600 as is and 0.500 grouped; 3 of them are"
        " lower grouped." in said
    )
    assert (
        "Of 2 verdicts on remedies, 1 are the same both ways; 1 is a win as is and 0 grouped, and 1"
        " turn" in said
    )
    assert (
        "The highest cell is smote with forest as is (0.700) and none with forest grouped (0.550)."
        in said
    )


@pytest.mark.parametrize(
    "grouped", [GROUPED_TOO.iloc[:0], GROUPED_TOO.assign(average_precision=None)]
)
def test_without_a_second_look_nothing_is_said_of_it(grouped: pd.DataFrame) -> None:
    found = duplicates_section.summary(AS_IS, grouped, facts(10, 10))
    assert found["lines"] == [] and found["reading"] == []
