"""The contest of a combination with the present champion on the same rows.

A combination replaces the champion only where it is better by the question that the dataset's
`goal` asks. With the same table and split, both have held-out scores of the same rows. Otherwise
the champion scores those tested rows of the present table that it was not made from: on rows that
it was fitted on, its scores are too good.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpoise.champion.bundle import Champion, digests
from counterpoise.champion.comparison import RANKING, Difference, HeldOut, difference
from counterpoise.champion.evidence import Evidence, held_out_of
from counterpoise.champion.schema import ScoringNotes
from counterpoise.core.config import Goal, asked
from counterpoise.core.errors import TableError
from counterpoise.core.types import Index, Vector
from counterpoise.data.folds import TEST, Parts
from counterpoise.data.tables import COST, Table
from counterpoise.evaluation import corrections
from counterpoise.evaluation.advice import PER
from counterpoise.evaluation.questions import MEASURED
from counterpoise.evaluation.significance import FEWEST, FEWEST_IN_A_PART
from counterpoise.evaluation.summary import interval, number, signed

MIN_POSITIVES = 50
"""Positives that the compared rows need; with fewer, the interval is too wide to be useful."""

Kind = Literal["first", "same", "better", "not better", "not comparable"]


@dataclass(frozen=True)
class ContestResult:
    """The outcome of a comparison.

    Attributes
    ----------
    kind : {"first", "same", "better", "not better", "not comparable"}
    message : str
        The outcome in words, with numbers.
    difference : Difference or None
        None where nothing was compared.
    """

    kind: Kind
    message: str
    difference: Difference | None = None

    @property
    def wins(self) -> bool:
        """Whether the combination becomes the champion without --replace.

        Returns
        -------
        bool
        """
        return self.kind in ("first", "better")


def judge(
    name: str,
    cell_key: str,
    evidence: Evidence,
    table: Table,
    present: Champion | None,
    goal: Goal,
    seed: int,
) -> ContestResult:
    """Compare a combination with the present champion.

    Parameters
    ----------
    name : str
        The combination, `strategy/model`.
    cell_key : str
        The hash of what determines its results (`Identity.cell_key`).
    evidence : Evidence
        Its held-out scores, probabilities and decisions.
    table : Table
        The table that the scores belong to.
    present : Champion or None
        None where the dataset has no champion yet.
    goal : {"ranking", "roc_auc", "probabilities", "cost"}
        The question that decides.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    ContestResult
        "better" where the 95 % interval of the difference in average precision or ROC AUC lies
        above 0, that in log loss of the recalibrated probabilities below 0, or the expected cost
        is lower.
        "not comparable" where the champion cannot score the table, too few positives are tested or
        are new to it, or one of the two has no such measure. The message says where another
        question has another answer.
    """
    if present is None:
        return ContestResult("first", f"{name} is the first champion: there was none to beat.")
    theirs = present.identity
    if theirs.cell_key == cell_key:
        return ContestResult(
            "same", f"{name} is the champion already (threshold rule {present.rule.name})."
        )
    tested, mine = evidence.tested, evidence.folds
    if (theirs.table, theirs.split) == (evidence.table, evidence.split):
        champions = held_out_of(present.heldout, tested.parts)
        rows = f"the {len(np.unique(present.heldout['row'])):,} rows of the same split"
    else:
        try:
            fresh, champions = _on_fresh_rows(evidence, table, present)
        except TableError as error:
            return ContestResult(
                "not comparable",
                f"{name} cannot be compared with the champion {theirs.cell}: {error.what}"
                f" {WAY_OUT}",
            )
        positives = int(table.y[fresh].sum())
        if positives < MIN_POSITIVES:
            return ContestResult(
                "not comparable",
                f"{name} cannot be compared with the champion {theirs.cell}, which was made from"
                f" another table or tested on another split: of the tested rows, {len(fresh):,} are"
                f" new to it, {positives:,} of them positive, and {MIN_POSITIVES} are needed."
                f" {WAY_OUT}",
            )
        mine = [fold.of(fresh) for fold in mine]
        tested = replace(tested, parts=_parts_of(tested.parts, fresh))
        rows = (
            f"the {len(fresh):,} tested rows that the champion was not made from ({positives:,}"
            " positives)"
        )
    gaps = {one: difference(one, mine, champions, tested, seed) for one in asked(goal)}
    return _outcome(name, present, gaps, goal, rows)


WAY_OUT = (
    "Wait for more rows, or promote it anyway with --replace; the card and the version's tags"
    " record that."
)


NEEDED = {
    **dict.fromkeys(RANKING, "it takes an interval above 0"),
    "probabilities": "it takes an interval below 0",
    "cost": "it takes a lower expected cost",
}


def _outcome(
    name: str, present: Champion, gaps: dict[Goal, Difference], goal: Goal, rows: str
) -> ContestResult:
    gap, champion = gaps[goal], present.identity.cell
    if np.isnan(gap.value):
        lacking = name if np.isnan(gap.one) else f"the champion {champion}"
        return ContestResult(
            "not comparable",
            f"{name} cannot be compared with the champion {champion}: {lacking} has no"
            f" {MEASURED[goal]} on {rows}. {WAY_OUT}",
        )
    if not gap.defined:
        return ContestResult(
            "not comparable",
            f"{name} cannot be compared with the champion {champion}: too few positives are tested"
            f" on {rows}; it takes {FEWEST}, and {FEWEST_IN_A_PART} in each test part. {WAY_OUT}",
        )
    others = "".join(
        f" By {MEASURED[one]} it would {'' if other.wins else 'not '}take its place:"
        f" {_numbers(other)}."
        for one, other in gaps.items()
        if other.defined and other.wins != gap.wins
    )
    numbers = f"{MEASURED[goal]} {_numbers(gap)}, on {rows}"
    if gap.wins:
        return ContestResult(
            "better", f"{name} beats the champion {champion}: {numbers}.{others}", gap
        )
    return ContestResult(
        "not better",
        f"{name} does not beat the champion {champion}: {numbers}; {NEEDED[goal]}.{others}",
        gap,
    )


def _numbers(gap: Difference) -> str:
    if gap.goal != "cost":
        return (
            f"{number(gap.one)} against {number(gap.other)}, a difference of {signed(gap.value)}"
            f" ({interval(gap.low, gap.high, signed)})"
        )
    saved = (-PER * value for value in (gap.value, gap.high, gap.low))
    value, low, high = map(signed, saved)
    text = (
        f"{number(PER * gap.one)} against {number(PER * gap.other)} per {PER:,} rows, a saving of"
        f" {value} ({low} to {high}), cheaper with a probability of {gap.probability:.0%}"
    )
    if np.isnan(gap.regret):
        return text
    return f"{text}; deciding for it now risks {number(PER * gap.regret)} on average"


def _on_fresh_rows(
    evidence: Evidence, table: Table, present: Champion
) -> tuple[Index, list[HeldOut]]:
    """The tested rows that the champion was not made from, with what it gives them.

    `amounts` are dropped from the schema, since the frame has none: they are columns of the table
    with a role, and without them the champion decides nothing.
    """
    schema = replace(present.schema, amounts=())
    frame = schema.frame(table, np.arange(len(table)))
    X = schema.rows(frame, "the present table", ScoringNotes()).X
    tested = np.unique(np.concatenate([fold.test for fold in evidence.folds]))
    fresh = tested[rows_beyond(digests(X, table.y), present.rows)[tested]]
    given = np.full((3, len(table)), np.nan)
    scores = present.raw(X[fresh])
    log_odds = present.calibrator.log_odds(scores)
    given[:, fresh] = (
        scores,
        corrections.probability(log_odds),
        _decided(present, scores, log_odds, table, fresh),
    )
    champions = [
        HeldOut(rows, *given[:, rows]) for rows in (f.of(fresh).test for f in evidence.folds)
    ]
    return fresh, champions


def _decided(
    present: Champion, scores: Vector, log_odds: Vector, table: Table, rows: Index
) -> Vector:
    """The champion's decisions; NaN where the table lacks an amount that they need."""
    needed = present.rule.amounts
    if any(COST + name not in table.roles for name in needed):
        return np.full(len(rows), np.nan)
    amounts = {name: table.roles[COST + name][rows].astype(np.float64) for name in needed}
    decided = present.rule.decide(scores, log_odds, amounts, "the present table")
    return np.asarray(decided, np.float64)


def rows_beyond(hashes: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Mark the rows that are not among the known ones, with duplicates counted.

    Of three duplicates of which two are known, the last one is marked.

    Parameters
    ----------
    hashes : ndarray of shape (n,), uint64
        Hashes of the rows (`digests`).
    known : ndarray of shape (m,), uint64
        Hashes of the known rows.

    Returns
    -------
    ndarray of shape (n,), bool
        True where a row occurs more often so far than it is known.
    """
    # a stable sort keeps duplicates in the order of the table, so the surplus ones come last
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    values, counts = np.unique(known, return_counts=True)
    at = np.minimum(np.searchsorted(values, ordered), max(len(values) - 1, 0))
    before = (
        np.where(values[at] == ordered, counts[at], 0)
        if len(values)
        else np.zeros(len(ordered), int)
    )
    result = np.empty(len(hashes), bool)
    result[order] = np.arange(len(ordered)) - starts >= before
    return result


def _parts_of(parts: Parts, rows: Index) -> Parts:
    """The folds with only these of their test rows."""
    codes = np.zeros_like(parts.codes)
    codes[rows] = np.where(parts.codes[rows] == TEST, TEST, 0)
    return Parts(codes, parts.names)
