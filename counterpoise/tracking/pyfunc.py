"""How MLflow loads a champion and asks it: `mlflow models serve`, or `mlflow.pyfunc.load_model`.

MLflow imports this module, with the files that it stands on, from the folder of the model: no
repository has to be there.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from counterpoise.champion.bundle import Champion
from counterpoise.champion.schema import Noted
from counterpoise.core.errors import CounterpoiseError

WHERE = "the request"


class Served:
    """A champion as MLflow asks it."""

    def __init__(self, champion: Champion) -> None:
        self.champion = champion

    def predict(self, model_input: pd.DataFrame, params: object = None) -> pd.DataFrame:
        """`probability` and `decision` of each row.

        Raises
        ------
        MlflowException
            When the rows do not meet the schema; the server answers with status 400.
        """
        from mlflow.exceptions import MlflowException

        noted = Noted()
        try:
            scored = self.champion.score(model_input, WHERE, noted)
        except CounterpoiseError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        for told in noted.told:
            logging.getLogger("counterpoise").warning("%s", told)
        return pd.DataFrame(
            {"probability": scored.probability, "decision": scored.decision.astype("int64")}
        )


def _load_pyfunc(path: str) -> Served:
    """What MLflow calls with the folder of the champion."""
    return Served(Champion.load(Path(path)))
