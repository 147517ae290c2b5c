"""Seconds and memory of a dataset's cells, read from what resample and train measured beside their
results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from counterpoise.core import files, paths
from counterpoise.core.revision import Origin
from counterpoise.evaluation.columns import MEASURED


@dataclass(frozen=True)
class Measured:
    """What resample and train measured of a dataset.

    Attributes
    ----------
    fits : list of dict
        Strategy, model, repeat, fold, seconds and bytes of each fit.
    resampled : list of dict
        Strategy, repeat, fold and seconds of each fold that was resampled.
    made : mapping of "strategy/model" to Origin
    """

    fits: list[dict[str, Any]]
    resampled: list[dict[str, Any]]
    made: Mapping[str, Origin]


def read(dataset: str) -> pd.DataFrame:
    """One row a cell: seconds summed over folds, memory at its peak; `resample_seconds` belongs to
    the whole strategy."""
    found, rows = load(dataset), []
    for strategy in dict.fromkeys(entry["strategy"] for entry in found.fits):
        resampled = [entry for entry in found.resampled if entry["strategy"] == strategy]
        trained = [entry for entry in found.fits if entry["strategy"] == strategy]
        rows += cells(strategy, resampled, trained)
    return pd.DataFrame(rows, columns=["strategy", "model", *MEASURED]).astype(
        dict.fromkeys(("peak_bytes",), "Int64")
    )


def load(dataset: str) -> Measured:
    """Read what was measured of a dataset; what is not there has no entries."""
    resampled, trained = (paths.measured(dataset, stage) for stage in ("resample", "train"))
    content = files.read_json(trained) if trained.is_file() else {"fits": [], "made": {}}
    made = {cell: Origin(**of_cell) for cell, of_cell in content["made"].items()}
    return Measured(
        content["fits"], files.read_json(resampled) if resampled.is_file() else [], made
    )


def cells(
    strategy: str, resampled: list[dict[str, Any]], trained: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Add up one strategy's measurements, model by model."""
    seconds = sum(entry["resample_seconds"] for entry in resampled) if resampled else None
    result = []
    for model in dict.fromkeys(entry["model"] for entry in trained):
        mine = [entry for entry in trained if entry["model"] == model]
        peaks = [entry["peak_bytes"] for entry in mine if entry.get("peak_bytes") is not None]
        result.append(
            {
                "strategy": strategy,
                "model": model,
                "fit_seconds": sum(entry["fit_seconds"] for entry in mine),
                "resample_seconds": seconds,
                "predict_seconds": sum(entry["predict_seconds"] for entry in mine),
                "peak_bytes": max(peaks, default=None),
            }
        )
    return result


def beside(board: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """A dataset's leaderboard with its measured columns at the end; a cell without measurements has
    none."""
    return board.merge(measured, on=["strategy", "model"], how="left", validate="one_to_one")


def for_page(frame: pd.DataFrame, key: list[str]) -> dict[str, dict[str, float]]:
    """The content of a page's `<script id="measured">`: what was measured of each cell, by its
    name."""
    result = {}
    for row in frame.to_dict("records"):
        values = {name: row[name] for name in MEASURED if pd.notna(row[name])}
        if values:
            result["/".join(str(row[name]) for name in key)] = {
                n: round(float(v), 6) for n, v in values.items()
            }
    return result
