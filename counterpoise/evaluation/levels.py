"""Properties of a combination: level of its remedy, baseline, and kind of recalibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from counterpoise.core.config import PLACEBO, Model, Params, Strategy
from counterpoise.models.combinations import ALGORITHM, remedies, settings
from counterpoise.models.registry import MODELS, RATIO, loss_of
from counterpoise.samplers.registry import kind_of as sampler_of

if TYPE_CHECKING:  # corrections imports scipy, which callers that need only a level can avoid
    from counterpoise.evaluation.corrections import Correction

Level = Literal["none", "data", "algorithm", "hybrid", "placebo"]
"""Level of a remedy: data, algorithm, both (hybrid), or none. A placebo is no remedy either, and is
kept apart from the baseline that it repeats."""


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
    {"none", "data", "algorithm", "hybrid", "placebo"}
        A placebo is one with any model, also with a remedy.
    """
    if entry.seed is not None:
        return PLACEBO
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


def correction(strategy: str, entry: Strategy, model: str, of_model: Model) -> Correction:
    """How the probabilities of a combination are recalibrated.

    See `counterpoise.evaluation.corrections`. The formula is exact where the remedy only multiplies
    the odds by a factor: rows drawn independently of their features, or class weights. It is
    approximate where weights differ within a class or rows are synthetic. A sigmoid is fitted on
    the validation rows where the formula does not hold: rows chosen by their features, a loss that
    gives no probabilities, or scores that are no probabilities. An entry may also request a fitted
    recalibration.

    Parameters
    ----------
    strategy, entry, model, of_model
        See `level`.

    Returns
    -------
    Correction
        The entry's `calibration` where it is set.
    """
    if of_model.calibration is not None:
        return of_model.calibration
    kind, params = MODELS[of_model.model or model], settings(model, of_model)
    space = of_model.search.space if of_model.search is not None else {}
    focal = loss_of(params) == "focal" or not {"loss", "loss_gamma"}.isdisjoint(space)
    sampler = sampler_of(strategy, entry)
    if (
        not kind.probabilities
        or focal
        or of_model.costs == "metacost"
        or (sampler is not None and sampler.shift is None)
    ):
        return "sigmoid"
    approximate = of_model.costs == "weights" or (
        sampler is not None and sampler.shift == "approximate"
    )
    if approximate or (sampler is not None and entry.params.get("shrinkage") is not None):
        return "approximate"
    return "exact" if sampler is not None or remedies(model, of_model) or RATIO in space else "none"


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
