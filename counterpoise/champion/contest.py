"""The comparison of a combination with the present champion on the same rows.

A combination replaces the champion only where it ranks better. With the same table and split, both
have held-out scores of the same rows. Otherwise the champion scores those tested rows of the
present table that it was not made from: on rows that it was fitted on, its scores are too good.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpoise.champion.bundle import Champion, digests
from counterpoise.champion.evidence import Difference, Evidence, difference, fold_scores_of
from counterpoise.champion.schema import ScoringNotes
from counterpoise.core.errors import TableError
from counterpoise.core.types import Index
from counterpoise.data.folds import TEST, Parts
from counterpoise.data.tables import Table
from counterpoise.evaluation.fold_scores import FoldScores
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
    name: str, cell_key: str, evidence: Evidence, table: Table, present: Champion | None, seed: int
) -> ContestResult:
    """Compare a combination with the present champion.

    Parameters
    ----------
    name : str
        The combination, `strategy/model`.
    cell_key : str
        The hash of what determines its results (`Identity.cell_key`).
    evidence : Evidence
        Its held-out scores.
    table : Table
        The table that the scores belong to.
    present : Champion or None
        None where the dataset has no champion yet.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    ContestResult
        "better" where the 95 % interval of the difference in average precision lies above 0.
        "not comparable" where the champion cannot score the table, or fewer than `MIN_POSITIVES`
        positives are new to it.
    """
    if present is None:
        return ContestResult("first", f"{name} is the first champion: there was none to beat.")
    theirs = present.identity
    if theirs.cell_key == cell_key:
        return ContestResult(
            "same", f"{name} is the champion already (threshold rule {present.rule.name})."
        )
    if (theirs.table, theirs.split) == (evidence.table, evidence.split):
        gap = difference(
            evidence.folds,
            fold_scores_of(present.heldout, evidence.parts),
            evidence.parts,
            evidence.y,
            seed,
        )
        return _outcome(
            name,
            present,
            gap,
            f"the {len(np.unique(present.heldout['row'])):,} rows of the same split",
        )
    try:
        fresh, mine, champions = _on_fresh_rows(evidence, table, present)
    except TableError as error:
        return ContestResult(
            "not comparable",
            f"{name} cannot be compared with the champion {theirs.cell}: {error.what} {WAY_OUT}",
        )
    positives = int(table.y[fresh].sum())
    if positives < MIN_POSITIVES:
        return ContestResult(
            "not comparable",
            f"{name} cannot be compared with the champion {theirs.cell}, which was made from"
            f" another table or tested on another split: of the tested rows, {len(fresh):,} are new"
            f" to it, {positives:,} of them positive, and {MIN_POSITIVES} are needed. {WAY_OUT}",
        )
    gap = difference(mine, champions, _parts_of(evidence.parts, fresh), table.y, seed)
    rows = (
        f"the {len(fresh):,} tested rows that the champion was not made from ({positives:,}"
        " positives)"
    )
    return _outcome(name, present, gap, rows)


WAY_OUT = (
    "Wait for more rows, or promote it anyway with --replace; the card and the version's tags"
    " record that."
)


def _outcome(name: str, present: Champion, gap: Difference, rows: str) -> ContestResult:
    numbers = (
        f"average precision {number(gap.one)} against {number(gap.other)}, a difference of"
        f" {signed(gap.value)} ({interval(gap.low, gap.high, signed)}), on {rows}"
    )
    if gap.low > 0:
        return ContestResult(
            "better", f"{name} beats the champion {present.identity.cell}: {numbers}.", gap
        )
    champion = present.identity.cell
    return ContestResult(
        "not better",
        f"{name} does not beat the champion {champion}: {numbers}; it takes an interval above 0.",
        gap,
    )


def _on_fresh_rows(
    evidence: Evidence, table: Table, present: Champion
) -> tuple[Index, list[FoldScores], list[FoldScores]]:
    """The tested rows that the champion was not made from, with the scores of both.

    `amounts` are dropped from the schema: scores do not need them, and the frame has none.
    """
    schema = replace(present.schema, amounts=())
    frame = schema.frame(table, np.arange(len(table)))
    X = schema.rows(frame, "the present table", ScoringNotes()).X
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
