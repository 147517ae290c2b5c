"""Fit the champion: a combination on all rows, as the stages fit it in a fold."""

from __future__ import annotations

import sys
import warnings
from typing import Any, NamedTuple

import numpy as np

from counterpoise.core.config import CPU, AnySplit, Params
from counterpoise.core.errors import NotApplicable, ResultError
from counterpoise.core.outcome import attempted, one_line
from counterpoise.core.seeds import seed_for
from counterpoise.core.types import Cell, Index, Vector
from counterpoise.data.encoder import Encoder
from counterpoise.data.splitters import groups_of
from counterpoise.data.tables import Table
from counterpoise.engine import devices
from counterpoise.engine.fit import FitJob, Trained, train
from counterpoise.evaluation import corrections
from counterpoise.evaluation.corrections import Counts
from counterpoise.models import registry as models
from counterpoise.samplers import registry as samplers


class Seeds(NamedTuple):
    """The seeds of the sampler and of the model."""

    sampler: int
    model: int


class Refitted(NamedTuple):
    """A fit on chosen rows.

    Attributes
    ----------
    trained : Trained
        The encoder, the estimator and the facts of the fit.
    factor : float
        The factor by which the remedy multiplied the odds of a positive.
    notes : tuple of str
        Warnings of the library.
    """

    trained: Trained
    factor: float
    notes: tuple[str, ...]


class Fit(NamedTuple):
    """A combination fitted on all rows.

    Attributes
    ----------
    encoder : Encoder
    estimator : object
    found : dict
        The parameters that a search found; empty where there was none.
    facts : dict of str to float
        Facts of the fit, see `Trained`.
    factor : float
        The factor by which the remedy multiplied the odds of a positive.
    validation : int
        How many rows stayed out of the fit, for early stopping or a search.
    notes : tuple of str
        Warnings of the library.
    """

    encoder: Encoder
    estimator: Any
    found: dict[str, Any]
    facts: dict[str, float]
    factor: float
    validation: int
    notes: tuple[str, ...]


def refit(
    params: Params,
    cell: Cell,
    table: Table,
    train_rows: Index,
    validation: Index,
    seeds: Seeds,
    cost_margins: Vector,
) -> Refitted:
    """Resample and fit as the stages `resample` and `train` do in a fold.

    Where the device is not available, the fit runs on the CPU, with a warning and a note.

    Parameters
    ----------
    params : Params
    cell : (str, str)
        Strategy and model, keys of `params`.
    table : Table
        The dataset's table, with n rows.
    train_rows, validation : ndarray of int64
        Positions in the table; validation rows serve early stopping and searches only.
    seeds : Seeds
    cost_margins : ndarray of shape (n, 2)
        What a wrong decision costs more than the right one in each row, as a negative and as a
        positive (`CostMatrix.cost_margins`); read by cost-sensitive models only.

    Returns
    -------
    Refitted

    Raises
    ------
    NotApplicable
        When the strategy or the model cannot run on these rows.
    """
    from threadpoolctl import threadpool_limits

    (key, model), y = cell, table.y[train_rows]
    strategy, entry = params.strategies[key], params.models[model]
    lacking = devices.missing(entry.device, f"params.yaml: models.{model}.device")
    # one thread, as in the evaluation: sums over more threads round differently
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
        warnings.simplefilter("always")
        made = samplers.resample(
            key, strategy, table.X, table.y, table.cardinalities, seeds.sampler, train_rows
        )
        models.kind_of(model, entry).ready()
        work = FitJob(
            model,
            entry,
            seeds.model,
            table.X,
            table.y,
            table.cardinalities,
            train_rows,
            validation,
            train_rows[:0],
            made.rows,
            made.synthetic,
            made.synthetic_y,
            (key, strategy),
            cost_margins if entry.costs is not None else None,
            devices.resolved(entry.device) if lacking is None else CPU,
        )
        trained = train(work)
    before = float((y == 0).sum()), float((y == 1).sum())
    notes = tuple(sorted({one_line(str(warning.message)) for warning in caught}))
    if lacking is not None:
        notes += (
            (
                f"the device {entry.device} is not there ({lacking.found}), so the fit was made on"
                " the CPU"
            ),
        )
        print(f"\nwarning: {lacking}\nThe champion is fitted on the CPU.", file=sys.stderr)
    return Refitted(trained, factor(before, trained.facts), notes)


def factor(before: Counts, facts: dict[str, float]) -> float:
    """Compute the factor by which resampling and weights multiplied the odds of a positive.

    `counterpoise.evaluation.fold_scores.recalibrate` computes it the same way for a fold.

    Parameters
    ----------
    before : (float, float)
        Negatives and positives before resampling.
    facts : dict
        Facts of the fit: `rows_fitted`, `positives_fitted` and, for weighted fits, `weight_ratio`.

    Returns
    -------
    float
        NaN where a class is empty.
    """
    positives = facts["positives_fitted"]
    after = facts["rows_fitted"] - positives, positives
    return corrections.odds_factor(before, after, facts.get("weight_ratio", 1.0))


def on_all_rows(
    params: Params, dataset: str, cell: Cell, table: Table, cost_margins: Vector
) -> Fit:
    """Fit on all rows, except for validation rows where the model needs them.

    Parameters
    ----------
    params : Params
    dataset : str
        A key of `params`; its split says how validation rows are taken.
    cell : (str, str)
        Strategy and model, keys of `params`.
    table : Table
        The dataset's table, with n rows.
    cost_margins : ndarray of shape (n, 2)
        As in `refit`.

    Returns
    -------
    Fit

    Raises
    ------
    ResultError
        When the strategy or the model cannot run on these rows, or the fit fails.
    """
    strategy, model = cell
    seed = seed_for(params.seed, dataset, strategy, model, "champion")

    def fitted() -> tuple[Refitted, int]:
        train_rows, validation = np.arange(len(table)), np.empty(0, np.int64)
        if models.needs_validation(model, params.models[model]):
            train_rows, validation = split_validation(table, params.split_of(dataset), seed)
        seeds = Seeds(seed, seed)
        made = refit(params, cell, table, train_rows, validation, seeds, cost_margins)
        return made, len(validation)

    _, reason, result = attempted(fitted)
    if result is None:
        raise ResultError(
            f"The champion {strategy}/{model} cannot be fitted on all rows of {dataset}.",
            where=f"{len(table):,} rows, {int(table.y.sum()):,} positives",
            found=reason,
            todo="name another combination with --strategy and --model.",
        )
    made, validation = result
    trained = made.trained
    facts = {name: float(value) for name, value in trained.facts.items()}
    return Fit(
        trained.encoder,
        trained.estimator,
        trained.params,
        facts,
        made.factor,
        validation,
        made.notes,
    )


def split_validation(table: Table, scheme: AnySplit, seed: int) -> tuple[Index, Index]:
    """Take validation rows from the table, with the share and scheme of the dataset's split.

    A split by time takes the latest rows, a grouped split whole groups, and any other split a
    stratified sample.

    Parameters
    ----------
    table : Table
        The dataset's table.
    scheme : AnySplit
        The split's entry in params.yaml.
    seed : int
        Seed of the draw; a split by time draws nothing.

    Returns
    -------
    train, validation : ndarray of int64
        Positions in the table, disjoint; together they are all rows.

    Raises
    ------
    NotApplicable
        When the split has no validation rows, or none can be taken from this table.
    """
    from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit

    rows, share = np.arange(len(table)), scheme.validation
    if not share:
        raise NotApplicable("the model needs validation rows, and split.validation gives none")
    if scheme.scheme in ("temporal", "prequential"):
        time, first = table.roles["time"], round(len(table) * (1 - share))
        # rows of the same time stay together, so the validation share may exceed the configured one
        later = time >= np.sort(time)[min(first, len(table) - 1)]
        if later.all():
            raise NotApplicable("no validation rows can be taken: all rows have the same time")
        return rows[~later], rows[later]
    try:
        if scheme.scheme == "grouped":
            draw = GroupShuffleSplit(1, test_size=share, random_state=seed).split(
                rows, groups=groups_of(table)
            )
        else:
            draw = StratifiedShuffleSplit(1, test_size=share, random_state=seed).split(
                rows, table.y
            )
        kept, held = next(draw)
    except ValueError as error:
        raise NotApplicable(f"no validation rows can be taken: {error}") from None
    return rows[kept], rows[held]
