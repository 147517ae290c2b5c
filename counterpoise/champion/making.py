"""Make a champion of an evaluated combination, and verify that the saved files score the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from counterpoise.champion.bundle import Champion, Identity, digests
from counterpoise.champion.evidence import Evidence
from counterpoise.champion.refit import Fit
from counterpoise.champion.rules import Rule, RuleName
from counterpoise.champion.schema import Schema, ScoringNotes
from counterpoise.core.config import Params
from counterpoise.core.errors import ResultError
from counterpoise.data.tables import Table
from counterpoise.evaluation import levels
from counterpoise.evaluation.recalibration import Choice, choose


class Candidate(NamedTuple):
    """A champion and how it was fitted.

    Attributes
    ----------
    champion : Champion
    rows, validation : int
        Rows of the table, and how many of them are validation rows for early stopping or a search.
    notes : tuple of str
        Warnings of the library.
    choice : Choice
        How the recalibration was chosen.
    """

    champion: Champion
    rows: int
    validation: int
    notes: tuple[str, ...]
    choice: Choice


def make(
    params: Params,
    identity: Identity,
    table: Table,
    evidence: Evidence,
    schema: dict[str, Any],
    rule: RuleName,
    fit: Fit,
) -> Candidate:
    """Make a champion of a fit; choose recalibration and threshold on held-out scores.

    Parameters
    ----------
    params : Params
        The parameters that the results were made with.
    identity : Identity
        Without the parameters that a search finds and the facts of the fit, which are added here.
    table : Table
        The dataset's table, with n rows.
    evidence : Evidence
        The combination's held-out scores.
    schema : dict
        The fact `schema` of the fetched dataset.
    rule : {"half", "tuned", "cost", "cost_empirical"}
        The threshold rule.
    fit : Fit
        The combination, fitted on all rows.

    Returns
    -------
    Candidate

    Raises
    ------
    ResultError
        When the probabilities cannot be recalibrated, or no threshold can be chosen.
    """
    dataset, cell = identity.dataset, (identity.strategy, identity.model)
    strategy, model = params.strategies[cell[0]], params.models[cell[1]]
    held, y, scores = evidence.once
    costs = evidence.tested.costs.of(held)
    chosen = Rule.choose(
        rule, params.thresholds_of(dataset), params.costs_of(dataset), y, scores, costs
    )
    candidates = levels.candidates(cell[0], strategy, cell[1], model)
    choice = choose(candidates, y, scores, fit.factor)
    if choice.calibrator is None:
        raise ResultError(
            "The champion's probabilities cannot be recalibrated.",
            where="the held-out scores of the combination",
            found=choice.reason,
            todo="name another combination with --strategy and --model.",
        )
    champion = Champion(
        replace(identity, params={**identity.params, "found": fit.found}, facts=fit.facts),
        Schema.of(schema, chosen.amounts),
        model.model or cell[1],
        fit.encoder,
        fit.estimator,
        choice.calibrator,
        chosen,
        evidence.frame,
        digests(table.X, table.y),
    )
    return Candidate(champion, len(table), fit.validation, fit.notes, choice)


MAX_PROOF_ROWS = 10_000
"""Rows that the saved champion scores before it is registered."""


def prove(champion: Champion, folder: Path, table: Table) -> None:
    """Check that the saved champion scores rows of the table exactly as the fitted one does.

    Parameters
    ----------
    champion : Champion
        The fitted champion.
    folder : Path
        Where it was saved.
    table : Table
        The table, of which up to `MAX_PROOF_ROWS` rows at even distances are scored.

    Raises
    ------
    ResultError
        When a score, probability or decision differs in any digit.
    """
    rows = np.linspace(0, len(table) - 1, min(len(table), MAX_PROOF_ROWS)).astype(np.int64)
    frame = champion.schema.frame(table, rows)
    fitted = champion.score(frame, "the table", ScoringNotes())
    saved = Champion.load(folder).score(frame, "the table", ScoringNotes())
    # scored without the schema, to check that it maps labels to the codes of the fit
    direct = champion.raw(table.X[rows])
    same = all(
        np.array_equal(*pair) for pair in zip(fitted, saved, strict=True)
    ) and np.array_equal(direct, saved.score)
    if not same:
        raise ResultError(
            "The saved champion does not score as the fitted one does, so it was not registered.",
            where=champion.identity.cell,
            expected="the same scores to the last digit",
            found=f"scores that differ by up to {np.abs(direct - saved.score).max():g}",
            todo="name another combination, and please report this one.",
        )
