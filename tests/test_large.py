"""Large tables: what stages hold in memory, and that rows taken in pieces give what all rows at once give."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from benchmarks import large
from stages import files, paths
from stages.config import Model
from stages.data import distinct, formats, tables
from stages.data.parts import Parts
from stages.data.tables import Table
from stages.remedies import encoding, memory
from stages.remedies.encoding import Encoded, Encoder
from stages.remedies.fit import Fitted, Work, fit
from stages.verdict import bootstrap
from tests.conftest import mixed_table

ROWS, COLUMNS = 1_000_000, 10
TABLE = ROWS * COLUMNS * 8
"""Bytes of the table's numbers."""

MOST = {"fetch": 4.0, "split": 3.0, "defects": 4.5, "costs": 2.0, "resample": 5.0, "train": 4.5, "evaluate": 6.0}
"""What a stage may take beyond what it takes for a small table, in tables: a few copies of it more would be seen.

Not the table alone counts: a number a row (the part, an order, a cost, a score) is a tenth of it."""


@pytest.fixture(scope="module")
def peaks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """The most memory of each stage, in tables beyond what a table of a few rows takes."""
    folder = tmp_path_factory.mktemp("large")
    found = []
    for rows in (5_000, ROWS):
        place = folder / str(rows)
        large.make(place, rows, COLUMNS, trees=3)
        params = yaml.safe_load((place / "params.yaml").read_text())
        params["strategies"] = {"none": {}, "random_under": {}}
        (place / "params.yaml").write_text(yaml.safe_dump(params))
        commands = [command for command in large.commands() if command[0] in MOST and command[2:] != ("smote",)]
        commands = [command for command in commands if command[2:] != ("random_over",)]
        results = [large.measured(command, place) for command in commands]
        assert not any(result.status for result in results)
        found.append({result.command: result.peak for result in results})
    few, many = found
    return {" ".join(command): (many[command] - few[command]) / TABLE for command in many}


def test_no_stage_holds_many_copies_of_the_table(peaks: dict[str, float]) -> None:
    told = {stage: round(peak, 1) for stage, peak in peaks.items()}
    assert all(peak < MOST[stage.split()[0]] for stage, peak in told.items()), told
