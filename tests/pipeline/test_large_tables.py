"""Large tables: what stages hold in memory, and that rows taken in pieces give what all rows at
once give."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks import large
from counterpoise.core import config, files, paths
from counterpoise.core.config import Model
from counterpoise.core.errors import CounterpoiseError
from counterpoise.core.outcome import OK
from counterpoise.data import encoder as encoding
from counterpoise.data import folds as splits
from counterpoise.data import splitters, tables
from counterpoise.data.encoder import Encoded
from counterpoise.data.folds import Parts
from counterpoise.data.reading import files as raw
from counterpoise.data.row_groups import as_bytes, as_numbers, row_group_ids
from counterpoise.data.tables import Table
from counterpoise.engine import limits, resampling
from counterpoise.engine.fit import FitJob, FitResult, fit
from counterpoise.engine.resampling import FoldResult
from counterpoise.evaluation import bootstrap
from counterpoise.models import registry as models
from counterpoise.samplers.registry import Resampled
from tests.conftest import mixed_table

ROWS, COLUMNS = 1_000_000, 10
TABLE = ROWS * COLUMNS * 8
"""Bytes of the table's numbers."""

LIBRARIES = 350 * 2**20
"""Bytes that a stage holds without any rows."""

MOST = {"fetch": 2, "split": 1, "audit": 4, "resample": 1, "train": 8, "evaluate": 13}
"""What a stage may hold beside its libraries, in tables. `train` has the libraries once more in
each of its processes, and `evaluate` 100 weights of each row, ten tables in one of so few columns,
which `bootstrap.LARGEST` bounds."""


def test_no_stage_holds_many_copies_of_the_table(tmp_path: Path) -> None:
    large.make(tmp_path, ROWS, COLUMNS, trees=3, strategies=("none",))
    results = [large.measured(stage, tmp_path) for stage in large.STAGES if stage in MOST]
    assert [result.stage for result in results if result.status] == []
    held = {result.stage: round((result.peak - LIBRARIES) / TABLE, 1) for result in results}
    assert {stage: tables for stage, tables in held.items() if tables > MOST[stage]} == {}, held


def test_a_text_table_in_batches_is_the_same_as_in_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mixed.csv"
    frame = pd.DataFrame({"whole": np.arange(4000), "text": ["a", "b, c", None, "NA "] * 1000})
    frame.to_csv(path, index=False)
    whole = raw.read(path, "text", raw.Options(), "mixed.csv").frame
    monkeypatch.setattr(raw, "BATCH_ROWS", 700)
    pd.testing.assert_frame_equal(raw.read(path, "text", raw.Options(), "mixed.csv").frame, whole)


@pytest.mark.parametrize("line", ["1,2,3\n", "1\n"])
@pytest.mark.parametrize("rows", [700, 1_000_000])
def test_a_bad_line_is_named_whatever_batch_it_is_in(
    line: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n" + "1,2\n" * 2000 + line)
    monkeypatch.setattr(raw, "BATCH_ROWS", rows)
    with pytest.raises(CounterpoiseError) as error:
        raw.read(path, "text", raw.Options(), "bad.csv")
    assert error.value.where == "bad.csv, line 2,002"


def named(table: Table) -> Table:
    """The same with names that a path may have, of which one begins another."""
    return replace(
        table, features=("a", "region", "a.b", "plan", "active"), roles={"cost:a.b": table.X[:, 2]}
    )


def test_a_table_of_many_row_groups_is_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = mixed_table()
    table = named(replace(table, X=np.nan_to_num(table.X)))
    monkeypatch.setattr(files, "ROW_GROUP", 50)
    tables.write(tmp_path / "table.parquet", table)
    assert pq.ParquetFile(tmp_path / "table.parquet").num_row_groups == 5
    read = tables.read(tmp_path / "table.parquet")
    np.testing.assert_array_equal(read.X, table.X)
    np.testing.assert_array_equal(read.y, table.y)
    np.testing.assert_array_equal(read.roles["cost:a.b"], table.roles["cost:a.b"])
    assert (read.features, read.categories) == (table.features, table.categories)
    without = tables.read(tmp_path / "table.parquet", features=False)
    assert (without.X.shape, without.features, without.categories) == ((240, 0), (), {})
    np.testing.assert_array_equal(without.y, table.y)


def test_rows_of_a_fold_are_the_same_from_any_number_of_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = mixed_table()
    made = [
        FoldResult(
            0, fold, OK, "", (9, 9), Resampled(np.arange(fold, 90), table.X[:many], table.y[:many])
        )
        for fold, many in enumerate((13, 0, 40))
    ]
    resampling.write(tmp_path / "one", made, table)
    monkeypatch.setattr(files, "ROW_GROUP", 7)
    resampling.write(tmp_path / "many", made, table)
    one, many = (resampling.read_rows(tmp_path / name, table) for name in ("one", "many"))
    for result in made:
        assert result.resampled is not None
        alone = resampling.read_rows(tmp_path / "many", table, (0, result.fold))
        assert list(alone) == [(0, result.fold)]
        for read in (one, many, alone):
            for found, expected in zip(read[0, result.fold], result.resampled, strict=True):
                np.testing.assert_array_equal(found, expected)


VALUES = st.sampled_from([0.0, -0.0, 1.0, -2.5, 1e300, np.nan])


@given(arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=VALUES))
def test_distinct_rows_are_numbered_in_their_order(X: np.ndarray) -> None:
    whole = np.where(np.isnan(X), np.inf, X) + 0.0
    np.testing.assert_array_equal(
        row_group_ids(X, as_numbers), np.unique(whole, axis=0, return_inverse=True)[1].reshape(-1)
    )
    rows = [(np.where(np.isnan(row), np.nan, row) + 0.0).tobytes() for row in X]
    order = {row: k for k, row in enumerate(sorted(set(rows)))}
    assert row_group_ids(X, as_bytes).tolist() == [order[row] for row in rows]


def test_draws_in_pieces_are_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    y = (random.random(300) < 0.1).astype(np.int8)
    codes = np.column_stack(
        [np.where(random.permutation(300) % 2 == k, splits.TEST, splits.TRAIN) for k in (0, 1)] * 2
    )
    parts = Parts(codes.astype(np.uint8), ((0, 0), (0, 1), (1, 0), (1, 1)))
    whole = list(bootstrap.draws(parts, y, 3, 230))
    assert [piece.shape[1] for piece in whole] == [100, 100, 30]
    monkeypatch.setattr(bootstrap, "LARGEST", 4 * len(y) * 40)
    pieces = list(bootstrap.draws(parts, y, 3, 230))
    assert [piece.shape[1] for piece in pieces] == [40, 40, 20, 40, 40, 20, 30]
    np.testing.assert_array_equal(np.hstack(pieces), np.hstack(whole))


ENTRIES: dict[str, dict[str, Any]] = {
    "xgboost": {},
    "stopped": {
        "model": "xgboost",
        "params": {"early_stopping_rounds": 3, "subsample": 0.8, "max_bin": 16},
    },
    "scaled": {"model": "xgboost_weighted", "scale": True},
    "xgboost_focal": {},
    "costs": {"model": "xgboost", "costs": "weights"},
    "approx": {"model": "xgboost", "params": {"tree_method": "approx"}},
    "logistic_regression": {},
    "hist_gradient_boosting": {"params": {"max_iter": 5}},
}


def fitted(key: str, table: Table) -> FitResult:
    """A fit on half of the table with repeated and with synthetic rows."""
    entry = dict(ENTRIES[key])
    if "xgboost" in (entry.get("model") or key):
        entry["params"] = {"n_estimators": 10, **entry.get("params", {})}
    train, validation, test = np.array_split(np.arange(len(table)), 3)
    rows = np.concatenate([train, train[::-1][:70]])
    made = np.flatnonzero(table.y)[:40]
    cost_margins = (
        np.column_stack([np.ones(len(table)), 1 + np.arange(len(table)) % 7])
        if "costs" in entry
        else None
    )
    return fit(
        FitJob(
            key,
            Model(**entry),
            1,
            table.X,
            table.y,
            table.cardinalities,
            train,
            validation,
            test,
            rows,
            table.X[made],
            table.y[made],
            cost_margins=cost_margins,
        )
    )


@pytest.mark.parametrize("key", ENTRIES)
def test_a_fit_in_blocks_is_the_same_fit(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = mixed_table(1200, 200)
    whole = fitted(key, table)
    monkeypatch.setattr(encoding, "BLOCK", 97)
    blocks = fitted(key, table)
    # a sum over rows may be rounded otherwise where there are fewer of them
    same = (
        np.testing.assert_allclose
        if key == "logistic_regression"
        else np.testing.assert_array_equal
    )
    same(blocks.test, whole.test)
    same(blocks.validation, whole.validation)
    assert (blocks.facts, blocks.history) == (whole.facts, whole.history)


def test_xgboost_is_never_given_one_matrix_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    table = mixed_table(1200, 200)
    monkeypatch.setattr(encoding, "BLOCK", 97)
    monkeypatch.setattr(Encoded, "whole", lambda rows: pytest.fail("the rows were put together"))
    work = FitJob(
        "xgboost",
        Model(),
        1,
        table.X,
        table.y,
        table.cardinalities,
        np.arange(800),
        np.arange(0),
        np.arange(800, 1200),
        np.arange(800),
        table.X[:0],
        table.y[:0],
    )
    kind = models.kind_of("xgboost", work.entry)
    encoder = models.encoder_of(kind, table.cardinalities).fit(table.X, work.train)
    rows = models.Rows(
        Encoded(encoder, table.X, work.rows, table.X[:0]),
        table.y[:800],
        np.empty((0, 5)),
        table.y[:0],
        encoder.is_category,
    )
    models.fit(kind, models.make("xgboost", work.entry, 1), rows)


def test_a_fit_that_reaches_the_limit_of_memory_fails_and_the_others_go_on(
    workplace: Path, write_params: Any, stage: Any
) -> None:
    bins = {"max_bin": 30_000, "max_depth": 11, "min_child_weight": 0, "n_estimators": 1}
    write_params(
        {
            "seed": 1,
            "datasets": {"mine": {"path": "mine.csv", "target": "y", "positive": 1}},
            "split": {"scheme": "holdout"},
            "strategies": {"none": {}},
            "goal": "ranking",
            "worth": {},
            "thresholds": {},
            "costs": {},
            "models": {
                "xgboost": {"params": {"n_estimators": 3}},
                "many_bins": {"model": "xgboost", "params": bins},
            },
        }
    )
    random = np.random.default_rng(0)
    X, y = random.normal(size=(30_000, 20)), (random.random(30_000) < 0.3).astype(np.int8)
    tables.write(paths.table("mine"), Table(tuple("abcdefghijklmnopqrst"), X, y))
    splits.write(
        paths.split("mine"),
        splitters.split(tables.read(paths.table("mine")), config.load().split, 1, "mine"),
    )
    stage("resample", "mine")
    environment = {**os.environ, limits.VARIABLE: "0.25", "PYTHONPATH": str(paths.REPOSITORY)}
    subprocess.run(
        [sys.executable, "-m", "stages.train", "mine"], env=environment, check=True, timeout=120
    )
    cells = files.read_json(paths.scores("mine", "none") / "cells.json")["models"]
    assert {key: cell["status"] for key, cell in cells.items()} == {
        "xgboost": "ok",
        "many_bins": "failed",
    }
    assert cells["many_bins"]["reason"].startswith(
        "out of memory: the fit took more than the 0.25 GiB that COUNTERPOISE_FIT_MEMORY allows"
    )


@pytest.mark.parametrize("asked", ["much", "0", "-1", "inf", "nan"])
def test_a_limit_that_is_no_number_is_told(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.VARIABLE, asked)
    with (
        pytest.raises(CounterpoiseError, match="The memory limit of a fit is not a number"),
        limits.limited(),
    ):
        pytest.fail("it went on")
