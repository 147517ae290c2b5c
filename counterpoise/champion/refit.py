"""Fit the champion: a cell's strategy and model, as the stages fit them in a fold, on all rows."""

from __future__ import annotations

import sys
import warnings
from typing import NamedTuple

import numpy as np

from counterpoise.core.config import CPU, AnySplit, Params
from counterpoise.core.errors import NotApplicable, ResultError
from counterpoise.core.outcome import one_line, reason_of
from counterpoise.core.seeds import seed_for
from counterpoise.core.types import Cell, Index, Vector
from counterpoise.data.splitters import groups_of
from counterpoise.data.tables import Table
from counterpoise.engine import devices
from counterpoise.engine.fit import Trained, Work, train
from counterpoise.evaluation import corrections
from counterpoise.evaluation.corrections import Counts
from counterpoise.models import registry as models
from counterpoise.samplers import registry as samplers


class Seeds(NamedTuple):
    """What draws the rows of the sampler, and what the model."""

    sampler: int
    model: int


class Refitted(NamedTuple):
    """A fit on given rows.

    Attributes
    ----------
    factor : float
        By how much the remedy multiplied the odds of a positive.
    notes : tuple of str
        Warnings of the library.
    """

    trained: Trained
    factor: float
    notes: tuple[str, ...]


def refit(
    params: Params,
    cell: Cell,
    table: Table,
    train_rows: Index,
    validation: Index,
    seeds: Seeds,
    stakes: Vector,
) -> Refitted:
    """Resample and fit as the stages `resample` and `train` do in a fold, on the CPU where the
    device is not there.

    Parameters
    ----------
    train_rows, validation : ndarray of int64
        Positions in the table; the validation slice is for early stopping and searches alone.
    stakes : ndarray of shape (n, 2)
        What is at stake in each row of the table, for models that count costs.

    Raises
    ------
    NotApplicable
        When the strategy or the model cannot run on these rows.
    """
    from threadpoolctl import threadpool_limits

    (key, model), y = cell, table.y[train_rows]
    strategy, entry = params.strategies[key], params.models[model]
    lacking = devices.missing(entry.device, f"params.yaml: models.{model}.device")
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
        warnings.simplefilter("always")
        made = samplers.resample(
            key, strategy, table.X, table.y, table.cardinalities, seeds.sampler, train_rows
        )
        models.kind_of(model, entry).ready()
        work = Work(
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
            stakes if entry.costs is not None else None,
            devices.resolved(entry.device) if lacking is None else CPU,
        )
        trained = train(work)
    before = float((y == 0).sum()), float((y == 1).sum())
    notes = tuple(sorted({one_line(str(warning.message)) for warning in caught}))
    if lacking is not None:
        notes += (
            (
                f"the device {entry.device} is not there ({lacking.found}), so that the fit was"
                " made on the CPU"
            ),
        )
        print(f"\nwarning: {lacking}\nThe champion is fitted on the CPU.", file=sys.stderr)
    return Refitted(trained, factor(before, trained.facts), notes)


def factor(before: Counts, facts: dict[str, float]) -> float:
    """By how much a fit's resampling and weights multiplied the odds, as
    `counterpoise.evaluation.fold_scores.recalibrate` reckons it."""
    positives = facts["positives_fitted"]
    after = facts["rows_fitted"] - positives, positives
    return corrections.odds_factor(before, after, facts.get("weight_ratio", 1.0))


def on_all_rows(
    params: Params, dataset: str, cell: Cell, table: Table, stakes: Vector
) -> tuple[Refitted, Index]:
    """Fit on all rows, but for a validation slice where the model needs one; returns the slice too.

    Raises
    ------
    ResultError
        When the strategy or the model cannot run on these rows.
    """
    strategy, model = cell
    seed = seed_for(params.seed, dataset, strategy, model, "champion")
    train_rows, validation = np.arange(len(table)), np.empty(0, np.int64)
    try:
        if models.needs_validation(model, params.models[model]):
            train_rows, validation = aside(table, params.split_of(dataset), seed)
        return (
            refit(params, cell, table, train_rows, validation, Seeds(seed, seed), stakes),
            validation,
        )
    except NotApplicable as reason:
        told = str(reason)
    except (MemoryError, ArithmeticError) as error:
        told = reason_of(error)
    raise ResultError(
        f"The champion {strategy}/{model} cannot be fitted on all rows of {dataset}.",
        where=f"{len(table):,} rows, {int(table.y.sum()):,} positives",
        found=told,
        todo="name another cell with --strategy and --model.",
    )


def aside(table: Table, scheme: AnySplit, seed: int) -> tuple[Index, Index]:
    """The rows to fit on and the validation slice, of the share and the kind that the dataset's
    split asks for.

    The latest rows where the split goes by time, whole groups where it goes by groups, else a
    stratified draw.

    Raises
    ------
    NotApplicable
        When there is no such slice.
    """
    from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit

    rows, share = np.arange(len(table)), scheme.validation
    if not share:
        raise NotApplicable("the model needs a validation slice, and split.validation gives none")
    if scheme.scheme in ("temporal", "prequential"):
        time = table.roles["time"]
        # a moment is on one side of it alone
        border = np.sort(time)[round(len(time) * (1 - share))]
        return rows[time < border], rows[time >= border]
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
        raise NotApplicable(f"no validation slice can be taken: {error}") from None
    return rows[kept], rows[held]
