"""Tables of all datasets in one, and removal of files of datasets that are no longer compared."""

from __future__ import annotations

import shutil

import pandas as pd

from counterpoise.core import paths
from counterpoise.core.config import Params
from counterpoise.report import templating


def remove_leftovers(params: Params) -> None:
    """Remove files of datasets that are no longer in params.yaml.

    DVC keeps the outputs of a stage that was removed. The two folders are dependencies, so a
    leftover would change their hash, and a colleague without it could not reproduce that hash. A
    page that nothing links to and nothing updates would mislead.

    Parameters
    ----------
    params : Params
        The configuration.
    """
    for folder in (paths.DATA / "evaluations", paths.DATA / "measured"):
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in params.datasets:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in paths.REPORTS.glob("*.html"):
        if path.stem not in {*params.datasets, "index"} and templating.is_ours(path):
            path.unlink()


def together(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Concatenate tables under the columns of the published format.

    Parameters
    ----------
    tables : list of DataFrame
        Tables with at least these columns.
    columns : list of str
        Columns to keep, in order.

    Returns
    -------
    DataFrame
        Column types do not depend on missing values: Int64 for counts, object for text, float64 for
        other numbers.
    """
    integers = {
        "rows",
        "folds",
        "trials",
        "correction_folds",
        "tn_sum",
        "fp_sum",
        "fn_sum",
        "tp_sum",
        "peak_bytes",
    }
    kinds = {name: "Int64" if name in integers else "object" for name in columns}
    stacked = pd.concat([table[columns].astype(kinds) for table in tables], ignore_index=True)
    numbers = [name for name in columns if name not in integers | TEXTS]
    return stacked.astype(dict.fromkeys(numbers, "float64"))


TEXTS = {
    "dataset",
    "strategy",
    "model",
    "rule",
    "status",
    "reason",
    "notes",
    "level",
    "remedy",
    "correction",
    "plain_model",
    "verdict",
    "same_as",
}
"""Columns of text."""
