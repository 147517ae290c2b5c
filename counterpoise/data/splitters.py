"""Split schemes: how rows are divided among training, validation and test.

One split serves every strategy and every model, so that all comparisons are paired. Test and
validation rows are never resampled and keep the natural prevalence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    train_test_split,
)

from counterpoise.core import config
from counterpoise.core.errors import SplitError
from counterpoise.core.seeds import seed_for
from counterpoise.core.types import Index, Labels
from counterpoise.data import prequential
from counterpoise.data.folds import TEST, TRAIN, UNUSED, VALIDATION, Parts
from counterpoise.data.row_groups import as_numbers, row_group_ids
from counterpoise.data.tables import Table


def split(
    table: Table, scheme: config.AnySplit, seed: int, dataset: str, placebos: Sequence[int] = ()
) -> Parts:
    """Split a table as its scheme asks.

    Every seed derives from `seed` and the name of the dataset, repeat and fold, unless the scheme
    names one. For each placebo, the training and validation rows of every fold are divided once
    more; where time determines the validation rows, or there are none, they stay the same.

    Parameters
    ----------
    table : Table
    scheme : StratifiedKFold, Holdout, Temporal, Grouped or Prequential
    seed : int
        The project's seed.
    dataset : str
        The dataset's key.
    placebos : sequence of int
        The seeds of the placebos.

    Returns
    -------
    Parts

    Raises
    ------
    SplitError
        When a training or test part has one class only, a fold lies outside of the table's days,
        the table is too small, or the scheme needs a column that is not declared.
    """
    if isinstance(scheme, config.StratifiedKFold):
        parts = _stratified_kfold(table, scheme, seed, dataset)
    elif isinstance(scheme, config.Holdout):
        parts = _holdout(table, scheme, seed, dataset)
    elif isinstance(scheme, config.Temporal):
        parts = _temporal(table, scheme, dataset)
    elif isinstance(scheme, config.Prequential):
        parts = _prequential(table, scheme, dataset)
    else:
        parts = _grouped(table, scheme, seed, dataset)
    _both_classes(parts, table.y, scheme.scheme, dataset)
    if not placebos or not scheme.validation or scheme.scheme in ("temporal", "prequential"):
        return parts
    again = {one: _placebo(parts, table, scheme, seed, dataset, one) for one in placebos}
    for one, divided in again.items():
        _both_classes(divided, table.y, f"{scheme.scheme}, placebo with seed {one}", dataset)
    return replace(parts, placebos={one: divided.codes for one, divided in again.items()})


def _placebo(
    parts: Parts, table: Table, scheme: config.AnySplit, seed: int, dataset: str, placebo: int
) -> Parts:
    """Divide the training and validation rows of every fold once more; test rows stay."""
    grouped = [scheme.scheme == "grouped" or fold.repeat == parts.beside for fold in parts]
    groups = groups_of(table) if any(grouped) else table.y[:0].astype(np.int64)
    again = _Builder(len(table))
    for fold, together in zip(parts, grouped, strict=True):
        pool = np.sort(np.concatenate([fold.train, fold.validation]))
        random = seed_for(seed, dataset, "validation", *fold[:2], "placebo", placebo)
        inner, validation = (
            _slice_groups(pool, groups, scheme.validation, random, dataset)
            if together
            else _slice(pool, table.y, scheme.validation, random, dataset)
        )
        again.add(fold.repeat, fold.fold, inner, validation, fold.test)
    return again.build()


def _stratified_kfold(
    table: Table, scheme: config.StratifiedKFold, seed: int, dataset: str
) -> Parts:
    _enough(int(table.y.sum()), "positive rows", scheme.folds, dataset)
    _enough(int(len(table) - table.y.sum()), "negative rows", scheme.folds, dataset)
    parts = _Builder(len(table))
    for repeat in range(scheme.repeats):
        folds = StratifiedKFold(
            scheme.folds, shuffle=True, random_state=seed_for(seed, dataset, "split", repeat)
        )
        for fold, (train, test) in enumerate(folds.split(table.X, table.y)):
            random = seed_for(seed, dataset, "validation", repeat, fold)
            parts.add(
                repeat, fold, *_slice(train, table.y, scheme.validation, random, dataset), test
            )
    if not scheme.grouped:
        return parts.build()
    _add_grouped(parts, table, scheme, range(scheme.repeats, scheme.repeats + 1), seed, dataset)
    return replace(parts.build(), beside=scheme.repeats)


def _holdout(table: Table, scheme: config.Holdout, seed: int, dataset: str) -> Parts:
    """Split once at random.

    Test rows are those of `train_test_split(X, y, test_size=..., random_state=...)`.
    """
    stratify = table.y if scheme.stratify else None
    random = seed_for(seed, dataset, "split", 0) if scheme.seed is None else scheme.seed
    try:
        train, test = train_test_split(
            np.arange(len(table)),
            test_size=scheme.test_size,
            random_state=random,
            stratify=stratify,
        )
    except ValueError as error:
        raise _too_small(dataset, str(error)) from None
    parts = _Builder(len(table))
    random = seed_for(seed, dataset, "validation", 0, 0)
    inner, validation = _slice(train, table.y, scheme.validation, random, dataset)
    parts.add(0, 0, inner, validation, test)
    order = np.empty(len(table), dtype=np.int32)
    order[np.concatenate([inner, validation, test])] = np.arange(len(table))
    return replace(parts.build(), order=order)


def _temporal(table: Table, scheme: config.Temporal, dataset: str) -> Parts:
    """Expanding windows: each fold tests one block of rows and trains on all rows before it.

    Fold k tests the k-th of the last `folds` blocks. A block is `test_size` of the rows. Its border
    moves back to the first row of the same moment, so that no moment is on both sides. The
    validation rows are the latest of the training rows, as the test rows are later than both.
    """
    if "time" not in table.roles:
        raise needs("temporal", "time", dataset)
    time = table.roles["time"]
    order = np.argsort(time, kind="stable")
    ordered = time[order]
    n = len(order)
    starts = [
        _border(ordered, n * (1 - scheme.test_size * (scheme.folds - k)))
        for k in range(scheme.folds)
    ]
    ends = [*starts[1:], n]
    parts = _Builder(n)
    for fold, (start, end) in enumerate(zip(starts, ends, strict=True)):
        inner = _border(ordered, start * (1 - scheme.validation)) if scheme.validation else start
        if not 0 < inner <= start < end or (scheme.validation and inner == start):
            raise _too_small(
                dataset,
                f"fold {fold} has {inner} training, {start - inner} validation and {end - start}"
                " test rows",
            )
        parts.add(0, fold, order[:inner], order[inner:start], order[start:end])
    return parts.build()


def _border(ordered: NDArray[np.generic], position: float) -> int:
    """Move a position in rows ordered by time back to the first row of its moment.

    No moment is then on both sides of the border.
    """
    at = round(position)
    return (
        int(np.searchsorted(ordered, ordered[at], side="left"))
        if 0 < at < len(ordered)
        else max(at, 0)
    )


def _prequential(table: Table, scheme: config.Prequential, dataset: str) -> Parts:
    """Folds of days, of which fold 0 is the newest.

    The validation rows are the latest of the training rows, as in the temporal scheme.
    """
    if "time" not in table.roles:
        raise needs("prequential", "time", dataset)
    if scheme.leave_known_out and "group" not in table.roles:
        raise needs("prequential", "group", dataset)
    time = table.roles["time"]
    if not np.issubdtype(time.dtype, np.integer):
        raise SplitError(
            "The scheme prequential counts days, and the time of the rows is a plain number.",
            where=_place(dataset),
            expected=(
                "dates such as 2026-01-31 or 2026-01-31T23:59:00 in the column that `time` names"
            ),
            found=f"numbers such as {time[0]:g}",
            todo="write dates into that column, or take the scheme temporal.",
        )
    day = prequential.days_of(time)
    _inside(day, scheme, dataset)
    group = table.roles["group"].astype(np.int64) if scheme.leave_known_out else None
    parts = _Builder(len(table))
    for fold, (train, test) in enumerate(prequential.folds(day, table.y, group, scheme)):
        ordered = train[np.argsort(time[train], kind="stable")]
        inner = (
            _border(time[ordered], len(train) * (1 - scheme.validation))
            if scheme.validation
            else len(train)
        )
        if not (inner and len(test)) or (scheme.validation and inner == len(train)):
            raise _too_small(
                dataset,
                f"fold {fold} has {inner} training, {len(train) - inner} validation and {len(test)}"
                " test rows",
            )
        parts.add(0, fold, ordered[:inner], ordered[inner:], test)
    return parts.build()


def _inside(day: Index, scheme: config.Prequential, dataset: str) -> None:
    """Raise SplitError unless every fold lies within the days of the table."""
    first, last = int(day.min()), int(day.max())
    newest, oldest = max(prequential.starts(scheme)), min(prequential.starts(scheme))
    end = newest + prequential.span(scheme) - 1
    if first <= oldest and end <= last:
        return
    earliest, latest = newest + first - oldest, newest + last - end
    name = prequential.name
    raise SplitError(
        "The folds lie outside of the days of the table.",
        where=_place(dataset),
        expected=f"days from {name(first)} to {name(last)}",
        found=f"{scheme.folds} folds from {name(oldest)} to {name(end)}",
        todo=(
            f"take a start from {name(earliest)} to {name(latest)}."
            if earliest <= latest
            else "ask for fewer folds, or for fewer days of training, delay and test."
        ),
    )


def _grouped(table: Table, scheme: config.Grouped, seed: int, dataset: str) -> Parts:
    """Repeated k-fold that keeps groups in one part."""
    parts = _Builder(len(table))
    _add_grouped(parts, table, scheme, range(scheme.repeats), seed, dataset)
    return parts.build()


def _add_grouped(
    parts: _Builder,
    table: Table,
    scheme: config.Grouped | config.StratifiedKFold,
    repeats: range,
    seed: int,
    dataset: str,
) -> None:
    """Add repeats in which training, validation and test rows share no group."""
    groups = groups_of(table)
    _enough(
        len(np.unique(groups[table.y == 1])), "groups with a positive row", scheme.folds, dataset
    )
    _enough(len(np.unique(groups)), "groups", scheme.folds, dataset)
    for repeat in repeats:
        folds = StratifiedGroupKFold(
            scheme.folds, shuffle=True, random_state=seed_for(seed, dataset, "split", repeat)
        )
        for fold, (train, test) in enumerate(folds.split(table.X, table.y, groups)):
            random = seed_for(seed, dataset, "validation", repeat, fold)
            inner, validation = _slice_groups(train, groups, scheme.validation, random, dataset)
            parts.add(repeat, fold, inner, validation, test)


def groups_of(table: Table) -> Index:
    """The group of every row.

    Parameters
    ----------
    table : Table

    Returns
    -------
    ndarray of shape (n,), int64
        The declared group, or else the same number for duplicates.
    """
    if "group" in table.roles:
        return table.roles["group"].astype(np.int64)
    return row_group_ids(table.X, as_numbers)


def _slice(train: Index, y: Labels, share: float, random: int, dataset: str) -> tuple[Index, Index]:
    """Divide training rows into the rest and stratified validation rows, in this order."""
    if not share:
        return train, train[:0]
    try:
        inner, validation = next(
            StratifiedShuffleSplit(1, test_size=share, random_state=random).split(train, y[train])
        )
    except ValueError as error:
        raise _too_small(dataset, str(error)) from None
    return train[inner], train[validation]


def _slice_groups(
    train: Index, groups: Index, share: float, random: int, dataset: str
) -> tuple[Index, Index]:
    """Divide training rows into the rest and validation rows of other groups, in this order."""
    if not share:
        return train, train[:0]
    shuffle = GroupShuffleSplit(1, test_size=share, random_state=random)
    try:
        inner, validation = next(shuffle.split(train, groups=groups[train]))
    except ValueError as error:
        raise _too_small(dataset, str(error)) from None
    return train[inner], train[validation]


class _Builder:
    """Collects the folds of a split."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.columns: list[NDArray[np.uint8]] = []
        self.names: list[tuple[int, int]] = []

    def add(self, repeat: int, fold: int, train: Index, validation: Index, test: Index) -> None:
        """Add a fold, given as positions of rows; all other rows are unused."""
        column = np.full(self.rows, UNUSED, dtype=np.uint8)
        column[train], column[validation], column[test] = TRAIN, VALIDATION, TEST
        self.columns.append(column)
        self.names.append((repeat, fold))

    def build(self) -> Parts:
        """The split of all folds that were added."""
        return Parts(np.column_stack(self.columns), tuple(self.names))


def _both_classes(parts: Parts, y: Labels, scheme: str, dataset: str) -> None:
    """Raise SplitError unless training and test rows have both classes in every fold.

    Validation rows without positives are allowed: then the tuned threshold is missing.
    """
    for fold in parts:
        for name in ("train", "test"):
            rows: Index = getattr(fold, name)
            positives = int(y[rows].sum())
            if not 0 < positives < len(rows):
                raise SplitError(
                    f"The {name} part of repeat {fold.repeat}, fold {fold.fold} has one class"
                    " alone.",
                    where=f"{_place(dataset)} ({scheme})",
                    expected="positive and negative rows in every training and test part",
                    found=f"{positives} positives among {len(rows)} rows",
                    todo=(
                        "ask for fewer folds, a larger test_size, or another scheme; or get more"
                        " positive rows."
                    ),
                )


def _place(dataset: str) -> str:
    return f"params.yaml: datasets.{dataset}.split, or the top-level split"


def _enough(count: int, what: str, folds: int, dataset: str) -> None:
    """Raise SplitError when there are fewer rows or groups of a kind than folds."""
    if count < folds:
        raise SplitError(
            f"There are fewer {what} than folds.",
            where=_place(dataset),
            expected=f"at least {folds} {what} for {folds} folds",
            found=str(count),
            todo=(
                f"ask for at most {max(count, 2)} folds, take `scheme: holdout`, or get more rows."
                if count >= 2
                else "get more such rows: with fewer than 2 nothing can be both trained and tested."
            ),
        )


def _too_small(dataset: str, found: str) -> SplitError:
    return SplitError(
        "The table is too small for this split.",
        where=_place(dataset),
        expected="at least one row of each class in every part",
        found=found,
        todo="ask for fewer folds, a larger test_size or validation share, or `validation: 0`.",
    )


def needs(scheme: str, column: str, dataset: str) -> SplitError:
    """Make the error for a scheme whose column the dataset does not declare.

    Parameters
    ----------
    scheme : str
        The scheme's name.
    column : {"time", "group"}
    dataset : str

    Returns
    -------
    SplitError
    """
    return SplitError(
        f"The scheme {scheme} needs to know the {column} of each row.",
        where=_place(dataset),
        expected=f"`{column}: NAME OF A COLUMN` in datasets.{dataset}",
        found=f"no {column}",
        todo="name the column, or take another scheme.",
    )
