"""MLflow's loader of a champion, for `mlflow models serve` and `mlflow.pyfunc.load_model`.

MLflow imports this module and the files that it needs from the model's folder, without a
repository.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from counterpoise.champion.bundle import Champion
from counterpoise.champion.schema import ScoringNotes
from counterpoise.core.errors import CounterpoiseError

WHERE = "the request"


class Served:
    """A champion with the interface of MLflow's Python models."""

    def __init__(self, champion: Champion) -> None:
        self.champion = champion

    def predict(self, model_input: pd.DataFrame, params: object = None) -> pd.DataFrame:
        """Score the rows of a request.

        Parameters
        ----------
        model_input : DataFrame of n rows
            With at least the columns of the champion's schema.
        params : object
            Ignored; part of MLflow's interface.

        Returns
        -------
        DataFrame of n rows
            `probability`, recalibrated, and `decision`, 1 for positive and 0 for negative.

        Raises
        ------
        MlflowException
            When the rows do not meet the schema; the server answers with status 400.
        """
        from mlflow.exceptions import MlflowException

        notes = ScoringNotes()
        try:
            scored = self.champion.score(model_input, WHERE, notes)
        except CounterpoiseError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        for message in notes.messages:
            logging.getLogger("counterpoise").warning("%s", message)
        return pd.DataFrame(
            {"probability": scored.probability, "decision": scored.decision.astype("int64")}
        )


def _load_pyfunc(path: str) -> Served:
    """Load the champion in a folder; MLflow requires this name."""
    return Served(Champion.load(Path(path)))
