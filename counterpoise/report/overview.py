"""The tables of all datasets in one, and what datasets left behind that are no longer compared."""

from __future__ import annotations

import shutil

import pandas as pd

from counterpoise.core import paths
from counterpoise.core.config import Params
from counterpoise.report import page


def remove_leftovers(params: Params) -> None:
    """Remove what a dataset that is no longer in params.yaml left behind.

    DVC keeps the outs of a stage that is gone. The two folders are dependencies, so a leftover
    would go into their hash, which a colleague who never had it cannot match; and a page that
    nothing links to and nothing renews only misleads.
    """
    for folder in (paths.DATA / "evaluations", paths.DATA / "measured"):
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in params.datasets:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in paths.REPORTS.glob("*.html"):
        if path.stem not in {*params.datasets, "index"} and page.is_ours(path):
            path.unlink()


def together(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """The rows of several tables under the columns of the contract; a column keeps its kind where
    one table has no value."""
    counted = {"rows", "folds", "trials", "tn", "fp", "fn", "tp", "peak_bytes"}
    kinds = {name: "Int64" if name in counted else "object" for name in columns}
    stacked = pd.concat([table[columns].astype(kinds) for table in tables], ignore_index=True)
    numbers = [name for name in columns if name not in counted | TEXTS]
    return stacked.astype(dict.fromkeys(numbers, "float64"))


TEXTS = {
    "dataset",
    "strategy",
    "model",
    "policy",
    "status",
    "reason",
    "notes",
    "level",
    "correction",
    "plain_model",
    "verdict",
}
