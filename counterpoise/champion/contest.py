"""Whether a cell takes the place of the present champion: only where it beats it on the same rows.

Two cells of one table and one split were tested on the same rows, and the scores of both are at
hand. Otherwise the present champion is asked itself, about those rows of the present table that it
was not made from: it would know all others by heart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpoise.champion.bundle import Champion, digests
from counterpoise.champion.evidence import Difference, Evidence, difference, kept
from counterpoise.champion.schema import Noted
from counterpoise.core.errors import TableError
from counterpoise.core.types import Index
from counterpoise.data.folds import TEST, Parts
from counterpoise.data.tables import Table, frame_of
from counterpoise.evaluation.fold_scores import FoldScores
from counterpoise.evaluation.summary import interval, number, signed

LEAST_POSITIVES = 50
"""With fewer positives among the rows that both can be judged on, no interval would say much."""

Kind = Literal["first", "same", "better", "not better", "not comparable"]


@dataclass(frozen=True)
class Outcome:
    """What came of the contest.

    Attributes
    ----------
    kind : {"first", "same", "better", "not better", "not comparable"}
    told : str
        With its numbers, in sentences.
    """

    kind: Kind
    told: str
    difference: Difference | None = None

    @property
    def wins(self) -> bool:
        return self.kind in ("first", "better")


def judge(
    name: str, cell_key: str, evidence: Evidence, table: Table, present: Champion | None, seed: int
) -> Outcome:
    """Hold a cell against the present champion.

    Parameters
    ----------
    name : str
        The cell, `strategy/model`.
    seed : int
        Of the bootstrap.
    """
    if present is None:
        return Outcome("first", f"{name} is the first champion: there was none to beat.")
    theirs = present.identity
    if theirs.cell_key == cell_key:
        return Outcome(
            "same", f"{name} is the champion already (threshold policy {present.rule.policy})."
        )
    if (theirs.table, theirs.split) == (evidence.table, evidence.split):
        found = difference(
            evidence.folds, kept(present.heldout, evidence.parts), evidence.parts, evidence.y, seed
        )
        return _outcome(
            name,
            present,
            found,
            f"the {len(np.unique(present.heldout['row'])):,} rows of the same split",
        )
    try:
        fresh, mine, champions = _on_fresh_rows(evidence, table, present)
    except TableError as error:
        return Outcome(
            "not comparable",
            f"{name} cannot be compared with the champion {theirs.cell}: {error.what} {WAY_OUT}",
        )
    positives = int(table.y[fresh].sum())
    if positives < LEAST_POSITIVES:
        return Outcome(
            "not comparable",
            f"{name} cannot be compared with the champion {theirs.cell}, which was made from"
            f" another table or tested on another split: of the tested rows, {len(fresh):,} are new"
            f" to it, {positives:,} of them positive, and it takes {LEAST_POSITIVES}. {WAY_OUT}",
        )
    found = difference(mine, champions, _parts_of(evidence.parts, fresh), table.y, seed)
    rows = (
        f"the {len(fresh):,} tested rows that the champion was not made from ({positives:,}"
        " positives)"
    )
    return _outcome(name, present, found, rows)


WAY_OUT = (
    "Wait for more rows, or promote it in any case with --replace, which the card and the version's"
    " tags will tell."
)


def _outcome(name: str, present: Champion, found: Difference, rows: str) -> Outcome:
    numbers = (
        f"average precision {number(found.one)} against {number(found.other)}, a difference of"
        f" {signed(found.value)} ({interval(found.low, found.high, signed)}), on {rows}"
    )
    if found.low > 0:
        return Outcome(
            "better", f"{name} beats the champion {present.identity.cell}: {numbers}.", found
        )
    champion = present.identity.cell
    return Outcome(
        "not better",
        f"{name} does not beat the champion {champion}: {numbers}; it takes an interval above 0.",
        found,
    )


def _on_fresh_rows(
    evidence: Evidence, table: Table, present: Champion
) -> tuple[Index, list[FoldScores], list[FoldScores]]:
    """The tested rows that the champion was not made from, with the scores of both."""
    frame = frame_of(table.X, table.features, table.categories)
    X = replace(present.schema, amounts=()).rows(frame, "the present table", Noted()).X
    tested = np.unique(np.concatenate([fold.test for fold in evidence.folds]))
    fresh = tested[rows_beyond(digests(X, table.y), present.rows)[tested]]
    theirs = np.full(len(table), np.nan)
    theirs[fresh] = present.raw(X[fresh])
    mine, champions = [], []
    for fold in evidence.folds:
        here = np.isin(fold.test, fresh)
        mine.append(replace(fold, test=fold.test[here], test_scores=fold.test_scores[here]))
        champions.append(replace(mine[-1], test_scores=theirs[mine[-1].test]))
    return fresh, mine, champions


def rows_beyond(found: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which rows are there more often than they were known: of three like rows two of which were
    known, the last."""
    order = np.argsort(found, kind="stable")
    ordered = found[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    values, counts = np.unique(known, return_counts=True)
    at = np.minimum(np.searchsorted(values, ordered), max(len(values) - 1, 0))
    before = (
        np.where(values[at] == ordered, counts[at], 0)
        if len(values)
        else np.zeros(len(ordered), int)
    )
    result = np.empty(len(found), bool)
    result[order] = np.arange(len(ordered)) - starts >= before
    return result


def _parts_of(parts: Parts, rows: Index) -> Parts:
    """The folds with these of their test rows alone."""
    codes = np.zeros_like(parts.codes)
    codes[rows] = np.where(parts.codes[rows] == TEST, TEST, 0)
    return Parts(codes, parts.names)
