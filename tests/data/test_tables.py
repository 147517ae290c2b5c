"""The typed table on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from counterpoise.data import tables
from counterpoise.data.tables import Table


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
