"""Section of a page on duplicates, and on results as is and with duplicates kept together."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from counterpoise.evaluation.columns import GROUPED
from counterpoise.report import duplicates_section


def facts(rows: int, distinct: int, often: int = 1, positives: int = 0) -> dict[str, Any]:
    most = {"rows": often, "positives": positives, "first": 1}
    both = distinct + (0 < positives < often)
    counts = {
        "rows": rows,
        "distinct": distinct,
        "distinct_with_label": both,
        "most_frequent": most,
    }
    return {"defects": {"distinct": counts}, "grouped_folds": 5, "grouped_by": "rows"}


def board(*cells: tuple[str, float | None, float | None, str | None]) -> pd.DataFrame:
    table = pd.DataFrame(cells, columns=["strategy", "average_precision", "difference", "verdict"])
    table = table.assign(
        model="forest", level=["none" if s == "none" else "data" for s in table["strategy"]]
    )
    return table.reindex(columns=[*GROUPED, "level"])


AS_IS = board(
    ("none", 0.6, None, None),
    ("smote", 0.7, 0.1, "better"),
    ("enn", 0.5, -0.1, "worse"),
    ("adasyn", None, None, None),
)
GROUPED_TOO = board(
    ("none", 0.55, None, None),
    ("smote", 0.5, -0.05, "worse"),
    ("enn", 0.4, -0.15, "worse"),
    ("adasyn", 0.2, -0.35, "worse"),
)[GROUPED]


def test_distinct_rows_are_counted_in_words() -> None:
    assert duplicates_section.distinct(facts(10, 10)) == "All 10 rows are distinct."
    assert (
        duplicates_section.distinct(facts(1200, 1000, 150, 1))
        == "1,001 of 1,200 rows are distinct, 1,000 by their features alone; the most frequent"
        " features occur 150 times, with 1 positive among them."
    )
    assert (
        duplicates_section.distinct(facts(1200, 1000, 150, 0))
        == "1,000 of 1,200 rows are distinct; the most frequent features occur 150 times, with 0"
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
    assert lines[1]["difference"] is None and lines[1]["side"] is None


def test_the_sentences_count_what_moves() -> None:
    text = " ".join(duplicates_section.reading(duplicates_section.both(AS_IS, GROUPED_TOO), 5))
    assert "of 3 combinations is 0.600 as is and 0.500 grouped; 3 of them are lower" in text
    assert "Of 2 verdicts on remedies, 1 are the same both ways." in text
    assert "1 is better as is and 0 grouped; 1 reverses." in text
    assert "smote with forest as is (0.700) and none with forest grouped (0.550)." in text


@pytest.mark.parametrize(
    "grouped", [GROUPED_TOO.iloc[:0], GROUPED_TOO.assign(average_precision=None)]
)
def test_without_grouped_results_there_are_no_sentences(grouped: pd.DataFrame) -> None:
    section = duplicates_section.summary(AS_IS, grouped, facts(10, 10))
    assert section["lines"] == [] and section["reading"] == []
