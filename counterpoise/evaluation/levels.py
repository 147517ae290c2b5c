"""What a cell is: at which level it remedies, what doing nothing means for it, and how its
probabilities are mended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from counterpoise.core.config import Model, Params, Strategy
from counterpoise.models.registry import MODELS, RATIO, loss_of
from counterpoise.samplers.registry import kind_of as sampler_of

if TYPE_CHECKING:  # it stands on scipy, which those who ask for a level alone can do without
    from counterpoise.evaluation.corrections import Correction

Level = Literal["none", "data", "algorithm", "hybrid"]
"""The two levels of the field, both, or neither."""

ALGORITHM = {"class_weight", "scale_pos_weight", "loss", "loss_alpha", "loss_gamma"}
"""Parameters that remedy imbalance."""


def settings(key: str, entry: Model) -> dict[str, Any]:
    """The parameters of an entry, with the defaults of its kind."""
    return {**MODELS[entry.model or key].defaults, **entry.params}


def remedies(key: str, entry: Model) -> bool:
    """Whether a model is a remedy at the level of the algorithm, by its kind, its weights, its loss
    or its search."""
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
    """The level of a cell."""
    data = sampler_of(strategy, entry) is not None
    algorithm = remedies(model, of_model)
    if data and algorithm:
        return "hybrid"
    return "data" if data else "algorithm" if algorithm else "none"


def plain_of(models: Mapping[str, Model]) -> dict[str, str | None]:
    """For each entry, the entry of the same model without a remedy: what doing nothing at all means
    for it.

    Among several, one that searches if the entry does and does not if it does not, of these one on
    the same device, and of these the one that shares most parameters. None where there is no such
    entry.
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
    """How the probabilities of a cell are mended (see `counterpoise.evaluation.corrections`).

    A formula holds where all that was done is to multiply the odds by a factor: rows drawn whatever
    they hold, weights of classes. Where weights differ within a class, or new rows were made
    between old ones, it holds about. Where rows were chosen by where they lie, where the loss is
    none of probabilities, or where the score is none, it does not hold, and the validation slice
    recalibrates, as it does where the entry asks for it.
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
    """The trials of each model's search, 0 for none."""
    return {
        key: entry.search.trials if entry.search is not None else 0
        for key, entry in params.models.items()
    }
