"""Properties of a combination: level of its remedy, baseline, and possible recalibrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from counterpoise.core.config import Model, Params, Strategy
from counterpoise.models.registry import MODELS, RATIO, loss_of
from counterpoise.samplers.registry import kind_of as sampler_of

if TYPE_CHECKING:  # corrections imports scipy, which callers that need only a level can avoid
    from counterpoise.evaluation.corrections import Correction

Level = Literal["none", "data", "algorithm", "hybrid"]
"""Level of a remedy: data, algorithm, both (hybrid), or none."""

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


def level(strategy: str, entry: Strategy, model: str, of_model: Model) -> Level:
    """Level at which a combination remedies imbalance.

    Parameters
    ----------
    strategy : str
        Key of the strategy.
    entry : Strategy
        Its entry.
    model : str
        Key of the model.
    of_model : Model
        Its entry.

    Returns
    -------
    {"none", "data", "algorithm", "hybrid"}
    """
    data = sampler_of(strategy, entry) is not None
    algorithm = remedies(model, of_model)
    if data and algorithm:
        return "hybrid"
    return "data" if data else "algorithm" if algorithm else "none"


def plain_of(models: Mapping[str, Model]) -> dict[str, str | None]:
    """Find the baseline model of each entry: the entry of the same model without a remedy.

    Among several candidates, the best match wins by three criteria in turn: searched like the entry
    or not, on the same device, most shared parameters.

    Parameters
    ----------
    models : mapping of str to Model
        The configured entries.

    Returns
    -------
    dict of str to str or None
        The entry itself if it is no remedy; None where there is no such entry.
    """
    plain = {key: entry for key, entry in models.items() if not remedies(key, entry)}
    return {
        key: key if key in plain else _nearest(key, entry, plain) for key, entry in models.items()
    }


def _nearest(key: str, entry: Model, plain: Mapping[str, Model]) -> str | None:
    kind = entry.model or key
    wanted = MODELS[kind].remedies or kind
    mine = set(_items(key, entry))

    def shares(name: str) -> tuple[bool, bool, int]:
        one = plain[name]
        alike = len(mine & set(_items(name, one)))
        return (one.search is None) == (entry.search is None), one.device == entry.device, alike

    return max(
        (name for name, one in plain.items() if (one.model or name) == wanted),
        key=shares,
        default=None,
    )


def _items(key: str, entry: Model) -> list[tuple[str, str]]:
    return [
        (name, repr(value)) for name, value in settings(key, entry).items() if name not in ALGORITHM
    ]


def candidates(
    strategy: str, entry: Strategy, model: str, of_model: Model
) -> tuple[Correction, ...]:
    """Recalibrations that a combination's folds choose from, simplest first.

    Raw scores are a candidate where the model gives probabilities. The formula is one where the
    remedy multiplies the odds by a factor (`counterpoise.evaluation.corrections`): it is exact for
    rows drawn independently of their features and for class weights, and approximate where weights
    differ within a class or rows are synthetic. Sigmoid and isotonic are candidates in any case.

    Parameters
    ----------
    strategy, entry, model, of_model
        See `level`.

    Returns
    -------
    tuple of Correction
        The entry's `calibration` alone where it is set.
    """
    if of_model.calibration is not None:
        return (of_model.calibration,)
    kind, params = MODELS[of_model.model or model], settings(model, of_model)
    space = of_model.search.space if of_model.search is not None else {}
    focal = loss_of(params) == "focal" or not {"loss", "loss_gamma"}.isdisjoint(space)
    if not kind.probabilities or focal or of_model.costs == "metacost":
        return "sigmoid", "isotonic"
    sampler = sampler_of(strategy, entry)
    if sampler is not None and sampler.shift is None:
        return "none", "sigmoid", "isotonic"
    approximate = of_model.costs == "weights" or (
        sampler is not None and sampler.shift == "approximate"
    )
    if approximate or (sampler is not None and entry.params.get("shrinkage") is not None):
        return "none", "approximate", "sigmoid", "isotonic"
    if sampler is not None or remedies(model, of_model) or RATIO in space:
        return "none", "exact", "sigmoid", "isotonic"
    return "none", "sigmoid", "isotonic"


def searched(params: Params) -> dict[str, int]:
    """Number of trials of each model's hyperparameter search.

    Parameters
    ----------
    params : Params
        The configuration.

    Returns
    -------
    dict of str to int
        0 for a model without a search.
    """
    return {
        key: entry.search.trials if entry.search is not None else 0
        for key, entry in params.models.items()
    }
