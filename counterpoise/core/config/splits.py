"""Split schemes: how rows are divided into training, validation and test rows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from counterpoise.core.config.values import (
    Boolean,
    Day,
    Fraction,
    Strict,
    ValidationFraction,
    Whole,
)


class StratifiedKFold(Strict):
    """Repeated k-fold in which every fold has the prevalence of the whole table.

    With `grouped` there is one more repeat, in which rows of one group stay in one part. It is
    shown beside the others and has no part in the verdict.
    """

    scheme: Literal["stratified_kfold"] = "stratified_kfold"
    folds: Annotated[Whole, Field(ge=2)] = 5
    repeats: Annotated[Whole, Field(ge=1)] = 2
    validation: ValidationFraction = 0.2
    grouped: Boolean = False


class Holdout(Strict):
    """One random test part, `test_size` of the rows.

    With `stratify` the test part has the prevalence of the whole table.
    """

    scheme: Literal["holdout"]
    test_size: Fraction = 0.2
    stratify: bool = True
    seed: Annotated[Whole, Field(ge=0)] | None = None
    validation: ValidationFraction = 0.2


class Temporal(Strict):
    """Train on the past and test on what follows it; needs `time` on the dataset."""

    scheme: Literal["temporal"]
    folds: Annotated[Whole, Field(ge=1)] = 1
    test_size: Fraction = 0.2
    validation: ValidationFraction = 0.2


class Grouped(Strict):
    """Repeated k-fold that keeps the rows of one group in one part.

    A group is the rows with the same `group`, or, where the dataset declares none, duplicates.
    """

    scheme: Literal["grouped"]
    folds: Annotated[Whole, Field(ge=2)] = 5
    repeats: Annotated[Whole, Field(ge=1)] = 2
    validation: ValidationFraction = 0.2


class Prequential(Strict):
    """Train on some days, wait until labels are known, test on the days after.

    Each further fold lies `test_days` earlier. Needs `time` on the dataset, in dates.
    `leave_known_out` removes the groups that are known to be positive by then from the test part,
    and needs `group`.
    """

    scheme: Literal["prequential"]
    start: Day
    folds: Annotated[Whole, Field(ge=1)] = 4
    train_days: Annotated[Whole, Field(ge=1)] = 7
    delay_days: Annotated[Whole, Field(ge=0)] = 7
    test_days: Annotated[Whole, Field(ge=1)] = 7
    leave_known_out: Boolean = False
    validation: ValidationFraction = 0.2


AnySplit = StratifiedKFold | Holdout | Temporal | Grouped | Prequential

Split = Annotated[AnySplit, Field(discriminator="scheme")]
