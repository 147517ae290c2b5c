"""Run time and memory of a dataset's combinations, as resample and train measured them."""

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
    """Measurements of resample and train for a dataset.

    Attributes
    ----------
    fits : list of dict
        Strategy, model, repeat, fold, seconds and bytes of each fit.
    resampled : list of dict
        Strategy, repeat, fold and seconds of each resampled fold.
    made : mapping of "strategy/model" to Origin
        Where each combination's results come from.
    """

    fits: list[dict[str, Any]]
    resampled: list[dict[str, Any]]
    made: Mapping[str, Origin]


def read(dataset: str) -> pd.DataFrame:
    """Read the measurements of a dataset, one row per combination.

    Parameters
    ----------
    dataset : str
        Key of the dataset.

    Returns
    -------
    DataFrame of strategy, model and `MEASURED`
        Seconds are sums over folds, bytes the peak. `resample_seconds` is that of the whole
        strategy.
    """
    measured, rows = load(dataset), []
    for strategy in dict.fromkeys(record["strategy"] for record in measured.fits):
        resampled = [record for record in measured.resampled if record["strategy"] == strategy]
        trained = [record for record in measured.fits if record["strategy"] == strategy]
        rows += cells(strategy, resampled, trained)
    return pd.DataFrame(rows, columns=["strategy", "model", *MEASURED]).astype(
        dict.fromkeys(("peak_bytes",), "Int64")
    )


def load(dataset: str) -> Measured:
    """Load the raw measurements of a dataset.

    Parameters
    ----------
    dataset : str
        Key of the dataset.

    Returns
    -------
    Measured
        Without records of a file that does not exist.
    """
    resampled, trained = (paths.measured(dataset, stage) for stage in ("resample", "train"))
    content = files.read_json(trained) if trained.is_file() else {"fits": [], "made": {}}
    origins = {cell: Origin(**of_cell) for cell, of_cell in content["made"].items()}
    return Measured(
        content["fits"], files.read_json(resampled) if resampled.is_file() else [], origins
    )


def cells(
    strategy: str, resampled: list[dict[str, Any]], trained: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Aggregate the measurements of one strategy by model.

    Parameters
    ----------
    strategy : str
        Key of the strategy.
    resampled, trained : list of dict
        Its records, see `Measured`.

    Returns
    -------
    list of dict
        One row per model: seconds as sums over folds, `peak_bytes` as the maximum. None where
        nothing was measured.
    """
    seconds = sum(record["resample_seconds"] for record in resampled) if resampled else None
    result = []
    for model in dict.fromkeys(record["model"] for record in trained):
        mine = [record for record in trained if record["model"] == model]
        peaks = [record["peak_bytes"] for record in mine if record.get("peak_bytes") is not None]
        result.append(
            {
                "strategy": strategy,
                "model": model,
                "fit_seconds": sum(record["fit_seconds"] for record in mine),
                "resample_seconds": seconds,
                "predict_seconds": sum(record["predict_seconds"] for record in mine),
                "peak_bytes": max(peaks, default=None),
            }
        )
    return result


def beside(board: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Append the measured columns to a leaderboard.

    Parameters
    ----------
    board : DataFrame
        One row for each strategy and model of a dataset.
    measured : DataFrame
        What `read` returns.

    Returns
    -------
    DataFrame
        Missing values where a combination has no measurements.
    """
    return board.merge(measured, on=["strategy", "model"], how="left", validate="one_to_one")


def for_page(frame: pd.DataFrame, key: list[str]) -> dict[str, dict[str, float]]:
    """Content of a page's `<script id="measured">`: the measurements of each combination.

    Parameters
    ----------
    frame : DataFrame
        Key columns and `MEASURED`.
    key : list of str
        Columns that make up the name of a combination, joined by `/`.

    Returns
    -------
    dict of str to dict of str to float
        Values rounded to six decimals; a combination without any is left out.
    """
    result = {}
    for row in frame.to_dict("records"):
        values = {name: row[name] for name in MEASURED if pd.notna(row[name])}
        if values:
            result["/".join(str(row[name]) for name in key)] = {
                n: round(float(v), 6) for n, v in values.items()
            }
    return result
