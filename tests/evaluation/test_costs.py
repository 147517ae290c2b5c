"""Costs: what each decision about each row costs, from params.yaml and the columns of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core import config
from counterpoise.core.config import Costs, Dataset
from counterpoise.core.errors import TableError
from counterpoise.data import tables
from counterpoise.data.reading.table import typed
from counterpoise.evaluation import costs
from counterpoise.evaluation.costs import CostMatrix

RAW = pd.DataFrame(
    {
        "Amount": [100.0, 0.0, 7.5, 20.0],
        "V1": [0.1, 0.2, 0.3, 0.4],
        "fraud": ["no", "yes", "no", "yes"],
    }
)
PAYMENTS = {
    "false_positive": {"column": "Amount", "times": 0.02, "plus": 10},
    "false_negative": {"column": "Amount", "plus": 20},
    "true_positive": 10,
}


def entry(**more: Any) -> Dataset:
    return Dataset.model_validate({"path": "p.csv", "target": "fraud", "positive": "yes", **more})


def matrix_of(raw: pd.DataFrame, given_costs: dict[str, Any]) -> CostMatrix:
    one = entry(costs=given_costs)
    assert one.costs is not None
    table, _ = typed(raw, one, "p.csv")
    return costs.matrix(one.costs, table, "the costs of datasets.payments")


def test_a_cost_is_a_number_or_reckoned_from_a_column_of_the_row() -> None:
    made = matrix_of(RAW, PAYMENTS)
    assert made.false_positive.tolist() == [12, 10, 10.15, 10.4]
    assert made.false_negative.tolist() == [120, 20, 27.5, 40]
    assert made.true_positive.tolist() == [10] * 4
    assert made.true_negative.tolist() == [0] * 4
    np.testing.assert_allclose(made.cost_margins, [[12, 110], [10, 10], [10.15, 17.5], [10.4, 30]])
    assert matrix_of(
        RAW, {"false_negative": "Amount", "true_negative": 0}
    ).false_negative.tolist() == [100, 0, 7.5, 20]


def test_a_column_of_costs_may_be_a_feature_or_be_dropped_and_goes_through_the_file(
    tmp_path: Path,
) -> None:
    for drop in ([], ["Amount"]):
        table, facts = typed(RAW, entry(costs=PAYMENTS, drop=drop), "p.csv")
        assert table.features == (("V1",) if drop else ("Amount", "V1"))
        assert facts["no_features"] == drop
        tables.write(tmp_path / "t.parquet", table)
        again = tables.read(tmp_path / "t.parquet")
        assert again.features == table.features
        assert again.roles["cost:Amount"].tolist() == RAW["Amount"].tolist()


@pytest.mark.parametrize(
    ("column", "value", "place", "found"),
    [
        (
            "Amount",
            [1.0, None, None, 2.0],
            "p.csv, named by `costs`, column 'Amount', row 2",
            "nothing, and so in 2 rows in all",
        ),
        (
            "Amount",
            ["1", "2", "x", "4"],
            "p.csv, named by `costs`, column 'Amount', row 3",
            "'x' in 1 of 4 rows",
        ),
        (
            "Amount",
            [1.0, 2.0, 3.0, np.inf],
            "p.csv, named by `costs`, column 'Amount', row 4",
            "1 infinite values",
        ),
    ],
)
def test_a_column_that_is_not_a_number_in_every_row_is_refused(
    column: str, value: list[Any], place: str, found: str
) -> None:
    with pytest.raises(TableError) as caught:
        typed(
            RAW.assign(**{column: value}),
            entry(costs={"false_negative": column}, drop=[column]),
            "p.csv",
        )
    assert caught.value.where == place
    assert caught.value.found == found


def test_a_column_that_is_not_there_is_told_with_the_closest_one() -> None:
    with pytest.raises(
        TableError, match=r"The table has no column 'amount' \(did you mean 'Amount'\?\)"
    ) as caught:
        matrix_of(RAW, {"false_negative": "amount"})
    assert str(caught.value.where).endswith("named by `costs`")


@pytest.mark.parametrize(
    ("given_costs", "what", "row"),
    [
        (
            {"false_negative": {"column": "Amount", "plus": -20}},
            "A false_negative has a negative cost.",
            2,
        ),
        (
            {"false_negative": "Amount", "true_positive": 8},
            "A false_negative costs less than a true_positive.",
            2,
        ),
        (
            {"false_positive": {"column": "Amount", "times": 0.1}, "true_negative": 1},
            "A false_positive costs less than a true_negative.",
            2,
        ),
        (
            {"false_positive": "Amount", "false_negative": "Amount"},
            "Some rows have equal costs for both decisions.",
            2,
        ),
    ],
)
def test_costs_of_a_row_that_make_no_sense_are_refused_with_the_row(
    given_costs: dict[str, Any], what: str, row: int
) -> None:
    with pytest.raises(TableError) as caught:
        matrix_of(RAW, given_costs)
    assert caught.value.what == what
    assert caught.value.where == f"the costs of datasets.payments, row {row}"


def test_the_total_is_that_of_each_decision() -> None:
    made, y = matrix_of(RAW, PAYMENTS), np.array([0, 1, 0, 1], np.int8)
    assert made.total(y, np.array([True, True, False, False])) == 12 + 10 + 0 + 40
    assert made.of(np.array([3, 0])).total(y[[3, 0]], np.array([False, True])) == 40 + 12


def test_the_reference_lines_of_payments_are_accepting_all_refusing_all_and_the_oracle() -> None:
    made, y = matrix_of(RAW, PAYMENTS), np.array([0, 1, 0, 1], np.int8)
    lines = costs.reference(y, made)
    assert lines == {
        "no_row_positive": (20 + 40) / 4,
        "every_row_positive": (12 + 10 + 10.15 + 10) / 4,
        "oracle": 20 / 4,
    }


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.booleans(), st.floats(0, 1e4)), min_size=1, max_size=30
    )
)
def test_no_decisions_cost_less_than_the_oracles(rows: list[tuple[int, bool, float]]) -> None:
    y = np.array([label for label, _, _ in rows], np.int8)
    amounts = np.array([amount for _, _, amount in rows])
    made = CostMatrix(0.02 * amounts + 10, amounts + 20, np.full(len(y), 10.0), np.zeros(len(y)))
    predicted = np.array([decision for _, decision, _ in rows])
    assert made.total(y, predicted) / len(y) >= costs.reference(y, made)["oracle"] - 1e-9


def test_a_column_of_the_top_level_costs_belongs_to_a_dataset() -> None:
    assert Costs(false_negative="Amount").columns_of() == ("Amount",)  # type: ignore[arg-type]
    assert config.Costs().columns_of() == ()
