"""Remedies at the data level: samplers by name, and the origin of the rows that they return.

A sampler of imbalanced-learn returns arrays, but the pipeline needs to know where each row came
from. So each kind of sampler has a provenance function for its kind of result: a selection of rows,
rows followed by new ones, both in turn, or new centres. `counterpoise.samplers.smote`
runs SMOTE on the rows that matter to it alone.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from counterpoise.core.config import NONE, SUBSAMPLE, Strategy
from counterpoise.core.errors import ConfigurationError, NotApplicable, unknown
from counterpoise.core.types import Index, Labels, Matrix
from counterpoise.data.encoder import Coding, Encoder, sampling_encoder
from counterpoise.samplers import smote
from counterpoise.samplers.encoded_rows import EncodedRows

Rows = TypeVar("Rows", Matrix, EncodedRows)
Result = TypeVar("Result")


class Resampled(NamedTuple):
    """The result of a sampler on training rows.

    Attributes
    ----------
    rows : ndarray of shape (kept,), int64
        Positions of the rows kept, in the sampler's order. A repeated row stands several times.
    synthetic : ndarray of shape (made, p), of the table's type
        New rows in the table's own units, categories as codes.
    synthetic_y : ndarray of shape (made,), int8
    """

    rows: Index
    synthetic: Matrix
    synthetic_y: Labels


class Raw(NamedTuple):
    """A sampler's result in the sampling space, before it is converted to the table's units.

    Attributes
    ----------
    rows : ndarray of shape (kept,), int64
        Positions of the rows kept.
    made : ndarray of shape (made, q)
        New rows.
    made_y : ndarray of shape (made,)
    """

    rows: Index
    made: Matrix
    made_y: Labels


@dataclass(frozen=True)
class SamplerKind:
    """What a sampler's name in params.yaml stands for.

    Attributes
    ----------
    make : callable
        Imports and returns the class.
    provenance : callable of (sampler, Z, y) to Raw
        Runs the sampler, and finds where each row came from.
    fixed : dict
        Parameters that the name implies.
    has_ratio : bool
        Whether the sampler aims at a ratio of the classes; cleaning does not.
    reads_features : bool
        False for samplers that draw rows regardless of their features.
    adds : callable of (sampler, coded, y) to (ndarray, ndarray), optional
        For samplers that keep every row: makes only the new ones, without a copy of the table.
        Returns rows in the table's own units, shape (made, p), and their labels, shape (made,).
    knows_categories : bool
        Whether the sampler has a variant for categories, as SMOTE has SMOTENC.
    shift : {"exact", "approximate", None}
        Whether the sampler changes probabilities only by a factor on the odds. This is exact where
        rows are drawn regardless of their features, and approximate where new rows follow the
        distribution of the old ones. None where rows are chosen by their position in feature space
        (see `counterpoise.evaluation.corrections`).
    modules : tuple of str
        This project's modules that only this kind runs.
    """

    make: Callable[[], type]
    provenance: Callable[[Any, Matrix, Labels], Raw]
    fixed: dict[str, Any]
    has_ratio: bool = True
    reads_features: bool = True
    adds: Callable[[Any, EncodedRows, Labels], tuple[Matrix, Labels]] | None = None
    knows_categories: bool = False
    shift: Literal["exact", "approximate"] | None = None
    modules: tuple[str, ...] = ()


def _of(module: str, name: str) -> Callable[[], type]:
    """Make a function that imports a class of imbalanced-learn.

    The import takes a second, which the baseline does not need.
    """
    return lambda: getattr(importlib.import_module(f"imblearn.{module}"), name)


def _cleaner_of(name: str) -> Callable[[], type]:
    """Make a function that imports our faster version of a cleaning class."""

    def load() -> type:
        from counterpoise.samplers.fast_cleaning import cleaning

        cls: type = getattr(cleaning, name)
        return cls

    return load


def _selected(sampler: Any, Z: Matrix, y: Labels) -> Raw:
    """Rows are kept, dropped or repeated, by the sampler's indices.

    RandomOverSampler with `shrinkage` shifts what it repeats, so there the repeated rows are new
    ones.
    """
    made, made_y = sampler.fit_resample(Z, y)
    rows = sampler.sample_indices_.astype(np.int64)
    if getattr(sampler, "shrinkage", None) is None:
        return Raw(rows, Z[:0], y[:0])
    return Raw(np.arange(len(y)), made[len(y) :], made_y[len(y) :])


def _appended(sampler: Any, Z: Matrix, y: Labels) -> Raw:
    """Every row is kept, and new ones follow."""
    made, made_y = sampler.fit_resample(Z, y)
    # the positions below hold only for this order
    if not np.array_equal(made[: len(y)], Z):
        raise AssertionError(f"{type(sampler).__name__} no longer puts the original rows first")
    return Raw(np.arange(len(y)), made[len(y) :], made_y[len(y) :])


def _cleaned_after(cleaner: str) -> Callable[[Any, Matrix, Labels], Raw]:
    """New rows follow the original ones, then a cleaner drops some of both."""

    def provenance(sampler: Any, Z: Matrix, y: Labels) -> Raw:
        made, made_y = sampler.fit_resample(Z, y)
        kept = getattr(sampler, cleaner).sample_indices_
        new = kept >= len(y)
        return Raw(kept[~new].astype(np.int64), made[new], made_y[new])

    return provenance


def _centres(sampler: Any, Z: Matrix, y: Labels) -> Raw:
    """Centres of clusters replace the rows of one class; the other class is unchanged."""
    made, made_y = sampler.fit_resample(Z, y)
    replaced = list(sampler.sampling_strategy_)
    new = np.isin(made_y, replaced)
    return Raw(np.flatnonzero(~np.isin(y, replaced)), made[new], made_y[new])


def _subsample() -> type:
    from counterpoise.samplers.subsample import Subsample

    return Subsample


OVERSAMPLING, CLEANING, SUBSAMPLING = (
    "counterpoise.samplers.smote",
    "counterpoise.samplers.fast_cleaning.cleaning",
    "counterpoise.samplers.subsample",
)

SAMPLERS: dict[str, SamplerKind] = {
    "random_over": SamplerKind(
        _of("over_sampling", "RandomOverSampler"),
        _selected,
        {},
        reads_features=False,
        shift="exact",
    ),
    "smote": SamplerKind(
        _of("over_sampling", "SMOTE"),
        _appended,
        {},
        adds=smote.new_rows,
        knows_categories=True,
        shift="approximate",
        modules=(OVERSAMPLING,),
    ),
    "borderline_smote": SamplerKind(_of("over_sampling", "BorderlineSMOTE"), _appended, {}),
    "svm_smote": SamplerKind(_of("over_sampling", "SVMSMOTE"), _appended, {}),
    "kmeans_smote": SamplerKind(_of("over_sampling", "KMeansSMOTE"), _appended, {}),
    "adasyn": SamplerKind(_of("over_sampling", "ADASYN"), _appended, {}, shift="approximate"),
    "random_under": SamplerKind(
        _of("under_sampling", "RandomUnderSampler"),
        _selected,
        {},
        reads_features=False,
        shift="exact",
    ),
    "near_miss_1": SamplerKind(_of("under_sampling", "NearMiss"), _selected, {"version": 1}),
    "near_miss_2": SamplerKind(_of("under_sampling", "NearMiss"), _selected, {"version": 2}),
    "near_miss_3": SamplerKind(_of("under_sampling", "NearMiss"), _selected, {"version": 3}),
    "tomek_links": SamplerKind(
        _cleaner_of("TomekLinks"), _selected, {}, has_ratio=False, modules=(CLEANING,)
    ),
    "enn": SamplerKind(
        _cleaner_of("EditedNearestNeighbours"), _selected, {}, has_ratio=False, modules=(CLEANING,)
    ),
    "renn": SamplerKind(
        _cleaner_of("RepeatedEditedNearestNeighbours"),
        _selected,
        {},
        has_ratio=False,
        modules=(CLEANING,),
    ),
    "all_knn": SamplerKind(
        _cleaner_of("AllKNN"), _selected, {}, has_ratio=False, modules=(CLEANING,)
    ),
    "ncr": SamplerKind(
        _cleaner_of("NeighbourhoodCleaningRule"),
        _selected,
        {},
        has_ratio=False,
        modules=(CLEANING,),
    ),
    "cnn": SamplerKind(
        _cleaner_of("CondensedNearestNeighbour"),
        _selected,
        {},
        has_ratio=False,
        modules=(CLEANING,),
    ),
    "oss": SamplerKind(
        _cleaner_of("OneSidedSelection"), _selected, {}, has_ratio=False, modules=(CLEANING,)
    ),
    "cluster_centroids": SamplerKind(_of("under_sampling", "ClusterCentroids"), _centres, {}),
    "smote_tomek": SamplerKind(
        _cleaner_of("SMOTETomek"),
        _cleaned_after("tomek_"),
        {},
        knows_categories=True,
        modules=(CLEANING,),
    ),
    "smote_enn": SamplerKind(
        _cleaner_of("SMOTEENN"),
        _cleaned_after("enn_"),
        {},
        knows_categories=True,
        modules=(CLEANING,),
    ),
    SUBSAMPLE: SamplerKind(
        _subsample,
        _selected,
        {},
        has_ratio=False,
        reads_features=False,
        shift="exact",
        modules=(SUBSAMPLING,),
    ),
}

NESTED = {
    "smote": "smote",
    "tomek": "tomek_links",
    "enn": "enn",
    "edited_nearest_neighbours": "enn",
}
"""Parameters of a combined sampler that are samplers themselves.

In params.yaml each is a mapping of parameters.
"""


def kind_of(key: str, strategy: Strategy) -> SamplerKind | None:
    """Look up the kind of a strategy's sampler.

    Parameters
    ----------
    key, strategy : str, Strategy
        The strategy's key and entry in params.yaml.

    Returns
    -------
    SamplerKind or None
        None for the baseline.

    Raises
    ------
    ConfigurationError
        When there is no sampler of that name.
    """
    name = strategy.sampler or key
    if name == NONE:
        return None
    if name not in SAMPLERS:
        raise unknown(
            f"There is no sampler {name!r}",
            name,
            [NONE, *SAMPLERS],
            where=f"params.yaml: strategies.{key}",
            todo="name one of these as the strategy's key, or under `sampler`.",
        )
    return SAMPLERS[name]


def make(key: str, strategy: Strategy, seed: int) -> Any:
    """Make the sampler of a strategy with its parameters.

    Parameters
    ----------
    key, strategy : str, Strategy
        The strategy's key and entry in params.yaml.
    seed : int
        The `random_state`, unless the strategy's parameters set one.

    Returns
    -------
    sampler or None
        None for the baseline.

    Raises
    ------
    ConfigurationError
        When the sampler does not exist, or a parameter does not exist or has a wrong value.
    """
    kind = kind_of(key, strategy)
    where = f"params.yaml: strategies.{key}"
    if key == NONE and kind is not None:
        raise ConfigurationError(
            f"The strategy {NONE} is the baseline of every other one: it has no sampler.",
            where=where,
            expected=f"{NONE}: {{}}",
            found=f"sampler: {strategy.sampler}",
            todo="give the sampler a key of its own.",
        )
    if kind is None:
        settings = [
            name
            for name, value in (("ratio", strategy.ratio), ("params", strategy.params))
            if value
        ]
        if settings:
            raise ConfigurationError(
                f"The baseline takes no {settings[0]}.",
                where=where,
                expected=f"{key}: {{}}",
                found=", ".join(settings),
                todo="name a `sampler`, or remove it.",
            )
        return None
    if strategy.ratio is not None and not kind.has_ratio:
        raise ConfigurationError(
            "This sampler has no target ratio.",
            where=where,
            expected="no `ratio`",
            found=str(strategy.ratio),
            todo="remove `ratio`, or choose a sampler that over- or undersamples.",
        )
    # a nested SMOTE aims at the ratio of the strategy
    smote = {} if strategy.ratio is None else {"sampling_strategy": strategy.ratio}
    params = {
        name: (
            _build(
                NESTED[name],
                {**(smote if name == "smote" else {}), **value},
                seed,
                f"{where}.params.{name}",
            )
            if name in NESTED and isinstance(value, dict)
            else value
        )
        for name, value in strategy.params.items()
    }
    if strategy.ratio is not None:
        params["sampling_strategy"] = strategy.ratio
    return _instance(kind, params, seed, where)


def _build(name: str, params: dict[str, Any], seed: int, where: str) -> Any:
    return _instance(SAMPLERS[name], params, seed, where)


def _instance(kind: SamplerKind, params: dict[str, Any], seed: int, where: str) -> Any:
    cls = kind.make()
    known = list(inspect.signature(cls).parameters)
    allowed = [name for name in known if name not in kind.fixed]
    for name in params:
        if name not in allowed:
            raise unknown(
                f"{cls.__name__} takes no parameter {name!r} here",
                name,
                allowed,
                where=f"{where}.params",
                expected="imbalanced-learn's own: ",
                todo="correct the name, or remove it.",
            )
    arguments = {**kind.fixed, **params}
    if "random_state" in known:
        arguments.setdefault("random_state", seed)
    sampler = cls(**arguments)
    try:
        sampler._validate_params()
    except ValueError as error:
        raise ConfigurationError(
            "A sampler's parameter has a wrong value.",
            where=f"{where}.params",
            found=str(error),
            todo="correct the value.",
        ) from None
    return sampler


def resample(
    key: str,
    strategy: Strategy,
    X: Matrix,
    y: Labels,
    cardinalities: tuple[int, ...],
    seed: int,
    rows: Index | None = None,
) -> Resampled:
    """Apply a strategy to training rows.

    Parameters
    ----------
    key, strategy : str, Strategy
        The strategy's key and entry in params.yaml.
    X : ndarray of shape (n, p), float64 or float32
        A table in its own units; NaN where a value is missing. It may be a view or a memory map: a
        sampler that needs a few of its rows reads these alone.
    y : ndarray of shape (n,), int8
    cardinalities : tuple of int, length p
        For each feature the number of its categories, 0 for a number.
    seed : int
        For samplers that draw, unless the strategy's `params` hold a `random_state`.
    rows : ndarray of int64, optional
        Positions of the training rows; all rows, if left out.

    Returns
    -------
    Resampled
        Positions refer to the table, with or without `rows`.

    Raises
    ------
    NotApplicable
        When the sampler cannot run on these rows or leaves only one class; the text is the reason.
    ConfigurationError
        As `make` raises it.
    """
    sampler = make(key, strategy, seed)
    kind = kind_of(key, strategy)
    labels = y if rows is None else y[rows]
    if sampler is None or kind is None:
        return Resampled(np.arange(len(y)) if rows is None else rows, _none(X), y[:0])
    coding: Coding = "codes" if kind.knows_categories else "indicators"
    encoder = sampling_encoder(cardinalities, coding, strategy.scale, seed)
    result = _resample(kind, sampler, encoder, X, labels, rows)
    left = np.concatenate([labels[result.rows], result.synthetic_y])
    if not 0 < left.sum() < len(left):
        missing = "negative" if left.any() else "positive"
        raise NotApplicable(
            f"{type(sampler).__name__} leaves no {missing} row of the {len(labels)} training rows"
        )
    return result if rows is None else result._replace(rows=rows[result.rows])


def _none(X: Matrix) -> Matrix:
    """No rows, with the table's columns and type."""
    return np.empty((0, X.shape[1]), X.dtype)


def _resample(
    kind: SamplerKind, sampler: Any, encoder: Encoder, X: Matrix, y: Labels, rows: Index | None
) -> Resampled:
    """Run a sampler on training rows, whose labels are `y`.

    Positions in the result refer to the training rows.
    """
    if not kind.reads_features and getattr(sampler, "shrinkage", None) is None:
        # the sampler checks the shape alone, so one column of zeros saves a copy of the table
        raw = _run(kind.provenance, sampler, np.zeros((len(y), 1)), y)
        return Resampled(raw.rows, _none(X), y[:0])
    encoder.fit(X, y, rows=rows)
    if len(encoder.categorical) and kind.knows_categories:
        return _nominal(sampler, encoder, X, y, rows)
    if kind.adds is not None:
        return _added(kind.adds, sampler, EncodedRows(encoder, X, rows), y)
    raw = _run(kind.provenance, sampler, EncodedRows(encoder, X, rows).whole(), y)
    return Resampled(raw.rows, encoder.inverse_transform(raw.made), raw.made_y)


def _added(
    adds: Callable[[Any, EncodedRows, Labels], tuple[Matrix, Labels]],
    sampler: Any,
    encoded: EncodedRows,
    y: Labels,
) -> Resampled:
    return Resampled(np.arange(len(y)), *_run(adds, sampler, encoded, y))


def _nominal(sampler: Any, encoder: Encoder, X: Matrix, y: Labels, rows: Index | None) -> Resampled:
    """Resample a table with categories by SMOTE, alone or before cleaning.

    SMOTE becomes SMOTENC, or SMOTEN where no feature is a number. A cleaner measures distances over
    indicators, as every other sampler does.
    """
    alone = type(sampler).__name__ == "SMOTE"
    nominal = _for_categories(sampler if alone else sampler.smote or _plain_smote(sampler), encoder)
    if alone and len(encoder.numeric):
        return _added(smote.new_rows, nominal, EncodedRows(encoder, X, rows), y)
    codes = EncodedRows(encoder, X, rows).whole()
    raw = _run(_appended, nominal, codes, y)
    if not alone:
        cleaner = _cleaner(sampler)
        Z, labels = np.vstack([codes, raw.made]), np.concatenate([y, raw.made_y])
        kept = _run(_selected, cleaner, encoder.indicators_of(Z), labels).rows
        new = kept >= len(y)
        raw = Raw(kept[~new], Z[kept[new]], labels[kept[new]])
    return Resampled(raw.rows, encoder.inverse_transform(raw.made), raw.made_y)


def _for_categories(sampler: Any, encoder: Encoder) -> Any:
    """The variant of SMOTE for a table with categories, SMOTEN where no feature is a number."""
    from imblearn.over_sampling import SMOTEN, SMOTENC

    shared = {
        name: getattr(sampler, name)
        for name in ("sampling_strategy", "random_state", "k_neighbors")
    }
    if len(encoder.numeric):
        codes = [at for at, is_code in enumerate(encoder.is_category) if is_code]
        return SMOTENC(categorical_features=codes, **shared)
    return SMOTEN(**shared)


def _plain_smote(combined: Any) -> Any:
    """The SMOTE that a combined sampler uses by default."""
    from imblearn.over_sampling import SMOTE

    return SMOTE(sampling_strategy=combined.sampling_strategy, random_state=combined.random_state)


def _cleaner(combined: Any) -> Any:
    """The cleaner of a combined sampler: its parameter, or the default."""
    from counterpoise.samplers.fast_cleaning.cleaning import EditedNearestNeighbours, TomekLinks

    if type(combined).__name__ == "SMOTETomek":
        return combined.tomek or TomekLinks(sampling_strategy="all")
    return combined.enn or EditedNearestNeighbours(sampling_strategy="all")


def _run(
    provenance: Callable[[Any, Rows, Labels], Result], sampler: Any, Z: Rows, y: Labels
) -> Result:
    """Run a sampler; where it refuses the rows, raise NotApplicable with the reason.

    K-means that finds fewer clusters than requested counts as a refusal.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", "Number of distinct clusters", ConvergenceWarning)
        try:
            return provenance(sampler, Z, y)
        except (ValueError, RuntimeError, ConvergenceWarning) as error:
            raise NotApplicable(
                f"{type(sampler).__name__}: {' '.join(str(error).split())}"
            ) from error
