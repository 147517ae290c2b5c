"""Seconds and memory of a dataset's cells, read from what resample and train measured beside their results."""

from __future__ import annotations

from typing import Any

import pandas as pd

from stages import files, paths
from stages.verdict.columns import MEASURED


def read(dataset: str) -> pd.DataFrame:
    """One row a cell: seconds summed over folds, memory at its peak; `resample_seconds` belongs to the whole strategy."""
    path = paths.measured(dataset, "resample")
    resampled = files.read_json(path) if path.is_file() else []
    rows = []
    fits = of_fits(dataset)
    for strategy in dict.fromkeys(entry["strategy"] for entry in fits):
        rows += cells(
            strategy,
            [entry for entry in resampled if entry["strategy"] == strategy],
            [entry for entry in fits if entry["strategy"] == strategy],
        )
    return pd.DataFrame(rows, columns=["strategy", "model", *MEASURED]).astype(dict.fromkeys(("peak_bytes",), "Int64"))


def of_fits(dataset: str) -> list[dict[str, Any]]:
    """What was measured of each fit; nothing where it was not kept."""
    path = paths.measured(dataset, "train")
    return list(files.read_json(path)["fits"]) if path.is_file() else []


def cells(strategy: str, resampled: list[dict[str, Any]], trained: list[dict[str, Any]]) -> list[dict[str, Any]]:
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
    """A dataset's leaderboard with its measured columns at the end; a cell without measurements has none."""
    return board.merge(measured, on=["strategy", "model"], how="left", validate="one_to_one")


def for_page(frame: pd.DataFrame, key: list[str]) -> dict[str, dict[str, float]]:
    """The content of a page's `<script id="measured">`: what was measured of each cell, by its name."""
    result = {}
    for row in frame.to_dict("records"):
        values = {name: row[name] for name in MEASURED if pd.notna(row[name])}
        if values:
            result["/".join(str(row[name]) for name in key)] = {n: round(float(v), 6) for n, v in values.items()}
    return result
