"""The question that is asked of a dataset, and the smallest difference worth having."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from counterpoise.core.config.values import Real, Strict

Goal = Literal["ranking", "roc_auc", "probabilities", "cost"]
"""What the advice goes by. ranking: which combination ranks best, by average precision. roc_auc:
which ranks best, by ROC AUC. probabilities: whose probabilities are right, by the log loss after
recalibration. cost: which costs least at the dataset's misclassification costs."""


def asked(goal: Goal) -> list[Goal]:
    """The questions that are answered: the goal and, beside it, the three that everybody has.

    Parameters
    ----------
    goal : {"ranking", "roc_auc", "probabilities", "cost"}

    Returns
    -------
    list of str
        ROC AUC is asked only where it is the goal: beside average precision it is one measure more
        of the same thing.
    """
    return [one for one in get_args(Goal) if one in (goal, "ranking", "probabilities", "cost")]


Difference = Annotated[Real, Field(ge=0)]


class Worth(Strict):
    """The smallest difference worth having, for each measure that has a verdict.

    A difference whose whole interval lies within plus and minus this is `equivalent`. 0 means that
    any difference is worth having.

    Attributes
    ----------
    average_precision, roc_auc, log_loss, brier, f1, expected_cost : float
        At least 0, in the units of the measure.
    """

    average_precision: Difference = 0.01
    roc_auc: Difference = 0.005
    log_loss: Difference = 0.001
    brier: Difference = 0.0005
    f1: Difference = 0.01
    expected_cost: Difference = 0.0

    def of(self, measure: str) -> float:
        """The smallest difference worth having in a measure.

        Parameters
        ----------
        measure : str
            Its name; `_corrected` at its end, for recalibrated probabilities, is left away.

        Returns
        -------
        float
        """
        return float(getattr(self, measure.removesuffix("_corrected")))
