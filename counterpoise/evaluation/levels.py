"""Properties of a combination: level of its remedy, baseline, and possible recalibrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from counterpoise.core.config import Model, Params, Strategy, reference
from counterpoise.models.combinations import ALGORITHM, remedies, settings
from counterpoise.models.registry import MODELS, RATIO, loss_of
from counterpoise.samplers.registry import kind_of as sampler_of

if TYPE_CHECKING:  # corrections imports scipy, which callers that need only a level can avoid
    from counterpoise.evaluation.corrections import Correction

Level = Literal["none", "data", "algorithm", "hybrid", "placebo", "subsample"]
"""Level of a remedy: data, algorithm, both (hybrid), or none. A placebo and a subsample are no
remedies either, and are kept apart from the baseline that they repeat."""


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
    {"none", "data", "algorithm", "hybrid", "placebo", "subsample"}
        The last two with any model, also with a remedy.
    """
    if (apart := reference(strategy, entry)) is not None:
        return apart
    data = sampler_of(strategy, entry) is not None
    algorithm = remedies(model, of_model)
    if data and algorithm:
        return "hybrid"
    return "data" if data else "algorithm" if algorithm else "none"


DATA_REMEDIES = {
    "random_over": "random oversampling",
    "smote": "SMOTE",
    "borderline_smote": "Borderline-SMOTE",
    "svm_smote": "SVM-SMOTE",
    "kmeans_smote": "K-means SMOTE",
    "adasyn": "ADASYN",
    "random_under": "random undersampling",
    "near_miss_1": "NearMiss-1",
    "near_miss_2": "NearMiss-2",
    "near_miss_3": "NearMiss-3",
    "tomek_links": "Tomek links",
    "enn": "edited nearest neighbours",
    "renn": "repeated edited nearest neighbours",
    "all_knn": "all k-NN",
    "ncr": "neighbourhood cleaning rule",
    "cnn": "condensed nearest neighbour",
    "oss": "one-sided selection",
    "cluster_centroids": "cluster centroids",
    "smote_tomek": "SMOTE and Tomek links",
    "smote_enn": "SMOTE and edited nearest neighbours",
}
"""Samplers in the field's words."""

ALGORITHM_REMEDIES = {
    "balanced_random_forest": "balanced bootstrap samples",
    "balanced_bagging": "balanced bootstrap samples",
    "rus_boost": "RUSBoost",
    "easy_ensemble": "EasyEnsemble",
    "autoencoder": "anomaly detection",
    "isolation_forest": "anomaly detection",
    "autoencoder_xgboost": "features of an autoencoder",
}
"""Kinds of models that are remedies themselves."""


def remedy(strategy: str, entry: Strategy, model: str, of_model: Model) -> str:
    """Name the remedy of a combination in the field's words.

    Parameters
    ----------
    strategy, entry, model, of_model
        See `level`.

    Returns
    -------
    str
        Such as "SMOTE", "class weights", "SMOTE + class weights", "none" or "none (placebo)". An
        entry with a key of its own keeps it: "half (SMOTE)".
    """
    if reference(strategy, entry) is not None:
        return f"none ({strategy})"
    parts = []
    if sampler_of(strategy, entry) is not None:
        kind = entry.sampler or strategy
        named = DATA_REMEDIES.get(kind, kind)
        parts.append(named if strategy == kind else f"{strategy} ({named})")
    if remedies(model, of_model):
        parts.append(_algorithm(of_model.model or model, settings(model, of_model), of_model.costs))
    return " + ".join(parts) or "none"


def _algorithm(kind: str, params: Mapping[str, object], costs: str | None) -> str:
    if costs is not None:
        return "MetaCost" if costs == "metacost" else "cost weights"
    if kind in ALGORITHM_REMEDIES:
        return ALGORITHM_REMEDIES[kind]
    return "focal loss" if loss_of(dict(params)) == "focal" else "class weights"


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
