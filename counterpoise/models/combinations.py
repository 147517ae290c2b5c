"""The combinations of strategies and models that are compared."""

from __future__ import annotations

from typing import Any

from counterpoise.core.config import Model, Params, reference
from counterpoise.core.types import Cell
from counterpoise.models.registry import MODELS

ALGORITHM = {"class_weight", "scale_pos_weight", "loss", "loss_alpha", "loss_gamma"}
"""Model parameters that act as remedies."""


def settings(key: str, entry: Model) -> dict[str, Any]:
    """Parameters of a model entry, with the defaults of its kind.

    Parameters
    ----------
    key : str
        Key of the entry, and its kind where the entry names none.
    entry : Model
        The entry.

    Returns
    -------
    dict
        Values by parameter name.
    """
    return {**MODELS[entry.model or key].defaults, **entry.params}


def remedies(key: str, entry: Model) -> bool:
    """Whether a model entry is a remedy at the level of the algorithm.

    It is one by its kind, its costs, its class weights, its loss or its search space.

    Parameters
    ----------
    key, entry
        See `settings`.

    Returns
    -------
    bool
    """
    params = settings(key, entry)
    weighed = params.get("class_weight") is not None or params.get("scale_pos_weight") not in (
        None,
        1,
    )
    searched = entry.search is not None and not ALGORITHM.isdisjoint(entry.search.space)
    focal = params.get("loss", "cross_entropy") != "cross_entropy"
    return (
        MODELS[entry.model or key].remedies is not None
        or entry.costs is not None
        or weighed
        or focal
        or searched
    )


def cells(params: Params) -> tuple[Cell, ...]:
    """Every combination of a strategy and a model that is compared.

    `strategies: all` of a remedy leaves out placebos and subsamples, which repeat the baseline.

    Parameters
    ----------
    params : Params
        The configuration.

    Returns
    -------
    tuple of (str, str)
        The keys of strategy and model, in the order of params.yaml.
    """
    return tuple(
        (strategy, model) for strategy in params.strategies for model in models_of(params, strategy)
    )


def models_of(params: Params, strategy: str) -> list[str]:
    """The models that are combined with a strategy.

    Parameters
    ----------
    params : Params
        The configuration.
    strategy : str
        Its key.

    Returns
    -------
    list of str
        Keys of models, in the order of params.yaml.
    """
    apart = reference(strategy, params.strategies[strategy]) is not None
    return [
        model
        for model, entry in params.models.items()
        if (
            strategy in entry.strategies
            if entry.strategies != "all"
            else not (apart and remedies(model, entry))
        )
    ]
