"""The typed table on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
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


@pytest.mark.parametrize("most", [8, 8 * 20 * 7, tables.READ_BYTES])
def test_columns_are_read_together_up_to_a_size(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column at a time, a table of 5,000 columns takes minutes."""
    X = np.random.default_rng(0).integers(0, 3, (20, 50)).astype(float)
    names = tuple(f"x.{k}" for k in range(50))
    categories = {"x.7": ("a", "b", "c"), "x.30": ("d", "e", "f")}
    tables.write(tmp_path / "t", Table(names, X, np.zeros(20, np.int8), categories))
    monkeypatch.setattr(tables, "READ_BYTES", most)
    reads = []
    read = pq.ParquetFile.read

    def counted(file: pq.ParquetFile, **options: Any) -> Any:
        reads.append(options["columns"])
        return read(file, **options)

    monkeypatch.setattr(pq.ParquetFile, "read", counted)
    found = tables.read(tmp_path / "t")
    np.testing.assert_array_equal(found.X, X)
    assert found.categories == categories
    # the labels of two categories and the target are read alone
    assert len(reads) - 3 == -(-50 // max(1, most // (20 * 8)))
