"""The choice of the combination to promote: the one that the report recommends, or a named one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from counterpoise.core.config import NONE, REFERENCES
from counterpoise.core.errors import ConfigurationError, ResultError, unknown
from counterpoise.core.outcome import OK
from counterpoise.core.types import Cell
from counterpoise.evaluation.advice import advised


def chosen(
    board: pd.DataFrame,
    facts: Mapping[str, Any],
    strategy: str | None = None,
    model: str | None = None,
) -> Cell:
    """Choose the combination to promote.

    Without a name it is the answer to the question that the dataset's `goal` asks
    (`counterpoise.evaluation.answers`).

    Parameters
    ----------
    board : DataFrame
        The dataset's leaderboard.
    facts : mapping
        Facts of the dataset.
    strategy, model : str, optional
        A combination by name: both or neither.

    Returns
    -------
    (str, str)
        Strategy and model.

    Raises
    ------
    ResultError
        When no combination has a result, or the named one has none.
    ConfigurationError
        When only one of the two names is present, there is no such combination, or it is no
        remedy.
    """
    dataset = facts["dataset"]
    if not (board["status"] == OK).any():
        reasons = board["reason"].dropna().unique()
        raise ResultError(
            f"There is nothing to promote: no combination of {dataset} has a result.",
            where=f"{len(board)} combinations of the leaderboard",
            expected=f"a combination whose status is {OK}",
            found="; ".join(map(str, reasons[:3])) or "no reason",
            todo="correct what the reasons name, and run `dvc repro`.",
        )
    if strategy is None and model is None:
        taken = advised(facts)
        if taken is None:
            raise ResultError(
                "There is nothing to promote: no combination answers the question.",
                where=f"{dataset}, goal {facts['goal']}",
                todo="look at the reasons in the report, or name a combination.",
            )
        return taken
    return _named(board, dataset, strategy, model)


def _named(board: pd.DataFrame, dataset: str, strategy: str | None, model: str | None) -> Cell:
    if strategy is None or model is None:
        raise ConfigurationError(
            "A combination is named by both its strategy and its model.",
            where="the command line",
            expected="--strategy and --model, or neither",
            found="--strategy alone" if model is None else "--model alone",
            todo="give the other one too.",
        )
    mine = board[(board["strategy"] == strategy) & (board["model"] == model)]
    if mine.empty:
        cells = [f"{row.strategy}/{row.model}" for row in board.itertuples()]
        raise unknown(
            f"There is no combination {strategy}/{model} of {dataset}",
            f"{strategy}/{model}",
            cells,
            where="the leaderboard",
            todo="name one of these.",
        )
    row = mine.iloc[0]
    if row["level"] in REFERENCES:
        raise ConfigurationError(
            f"A {row['level']} cannot be promoted: it is the baseline once more, on other rows.",
            where="the command line",
            expected="a remedy or the baseline",
            found=f"{strategy}/{model}",
            todo=f"name {NONE}/{model} instead.",
        )
    if row["status"] != OK:
        raise ResultError(
            f"The combination {strategy}/{model} of {dataset} has no result.",
            where="the leaderboard",
            expected=f"status {OK}",
            found=f"{row['status']}: {row['reason']}",
            todo="name another combination, or correct what the reason names.",
        )
    return strategy, model
