"""The answer to each question that is asked of a dataset: what to use, by how much, how sure.

Ranking and probabilities are answered by verdicts: a remedy is advised where it is better than its
baseline and exceeds the best baseline of any model; otherwise that baseline. Costs are answered by
expectation: no test decides what is cheaper, so the lowest expected cost is advised, with the
probability that it is cheaper and with what deciding now risks (Vickers et al. 2023).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.core.config import NONE, Goal
from counterpoise.core.seeds import seed_for
from counterpoise.core.types import Cell, Vector
from counterpoise.evaluation import significance
from counterpoise.evaluation.differences import Design, Measure, chosen_first, decided_now, optimism
from counterpoise.evaluation.questions import COST, QUESTIONS


def answers(
    questions: Sequence[Goal],
    measures: Sequence[Measure],
    table: pd.DataFrame,
    levels: Mapping[Cell, str],
    design: Design,
) -> dict[str, dict[str, Any]]:
    """Answer questions.

    Parameters
    ----------
    questions : sequence of {"ranking", "roc_auc", "probabilities", "cost"}
    measures : sequence of Measure
    table : DataFrame of `DIFFERENCES`
    levels : mapping of (strategy, model) to str
        The level of each combination that can be advised; a placebo is not among them.
    design : Design

    Returns
    -------
    dict of str to dict
        By question, as far as it has an answer; see `_answer`.
    """
    result: dict[str, dict[str, Any]] = {}
    for question in questions:
        name, rule = QUESTIONS[question]
        measure = next((m for m in measures if (m.name, m.rule) == (name, rule)), None)
        if measure is not None:
            here = table[(table["measure"] == name) & (table["rule"] == rule)]
            answer = _answer(measure, here, levels, design)
            if answer is not None:
                result[question] = answer
    return result


def _answer(
    measure: Measure, table: pd.DataFrame, levels: Mapping[Cell, str], design: Design
) -> dict[str, Any] | None:
    """The advised combination, its difference from its baseline, and from the best baseline.

    Keys: measure, rule, strategy, model, value; against_baseline (a row of the table, where the
    advised combination is a remedy) and against_best_baseline (where it is not the best baseline
    itself); not_taken (the best remedy, where choosing among many explains what it is better by);
    among_baselines (where it is a baseline and there are others: how many models, the next one, and
    the share of redraws in which it is the best of them); verdicts (how many comparisons have
    each).
    """
    sign = 1.0 if measure.higher_is_better else -1.0
    goodness = sign * measure.values
    able = [
        k for k, cell in enumerate(measure.cells) if cell in levels and not np.isnan(goodness[k])
    ]
    baselines = [k for k in able if levels[measure.cells[k]] == NONE]
    remedies = [k for k in able if k not in baselines]
    if not able:
        return None
    rows = {
        (row["strategy"], row["model"]): row
        for row in table.to_dict("records")
        if (row["strategy"], row["model"]) in levels
    }
    verdicts = [row["verdict"] for row in rows.values() if not pd.isna(row["verdict"])]
    if measure.name == COST:
        candidates = able
    else:
        better = [k for k in remedies if rows.get(measure.cells[k], {}).get("verdict") == "better"]
        candidates = better + baselines or able
    at = _best(candidates, goodness)
    against, not_taken = None, None
    first = _best(baselines, goodness) if baselines else at
    if first != at:
        against = _against(measure, goodness, at, first, (remedies, baselines), design)
        if sign * against["difference"] <= 0:
            # it looks better than the best baseline by no more than choosing among many adds
            named = {"strategy": measure.cells[at][0], "model": measure.cells[at][1]}
            not_taken = {**named, **{k: against[k] for k in ("difference", "optimism")}}
            at, against = first, None
    cell = measure.cells[at]
    answer: dict[str, Any] = {
        "measure": measure.name,
        "rule": measure.rule,
        "strategy": cell[0],
        "model": cell[1],
        "value": float(measure.values[at]),
        "verdicts": {name: verdicts.count(name) for name in sorted(set(verdicts))},
    }
    if cell in rows:
        answer["against_baseline"] = {
            name: None if pd.isna(value) else value for name, value in rows[cell].items()
        }
    if against is not None:
        answer["against_best_baseline"] = against
    if not_taken is not None:
        answer["not_taken"] = not_taken
    if at in baselines and len(baselines) > 1:
        seed = seed_for(design.seed, measure.name, measure.rule, "first")
        shares = chosen_first(sign * measure.draws, _model_errors(measure, design), baselines, seed)
        following = _best([k for k in baselines if k != at], goodness)
        answer["among_baselines"] = {
            "models": len(baselines),
            "share": float(shares[baselines.index(at)]),
            "next": measure.cells[following][1],
        }
    return answer


def _model_errors(measure: Measure, design: Design) -> Vector:
    """Standard errors by which the fits of each combination were trained; 0 where not known."""
    alone = significance.two_part(measure.folds, measure.draws, design.repeats, design.positives)
    errors: Vector = np.nan_to_num(np.sqrt(alone.model_variance / np.maximum(alone.fits, 1)))
    return errors


def _best(candidates: Sequence[int], goodness: Vector) -> int:
    return max(candidates, key=lambda k: goodness[k])


def _against(
    measure: Measure,
    goodness: Vector,
    at: int,
    other: int,
    groups: tuple[Sequence[int], Sequence[int]],
    design: Design,
) -> dict[str, Any]:
    """The difference from the best baseline of any model, with the winner's optimism taken away."""
    sign = 1.0 if measure.higher_is_better else -1.0
    repeats, positives = design.repeats, design.positives
    flattered = optimism(
        goodness,
        sign * measure.draws,
        _model_errors(measure, design),
        groups,
        seed_for(design.seed, measure.name, measure.rule, "optimism"),
    )
    folds, draws = (
        sign * (array[[at]] - array[[other]]) for array in (measure.folds, measure.draws)
    )
    found = significance.two_part(folds, draws, repeats, positives)
    value = float(goodness[at] - goodness[other]) - flattered
    found = found._replace(value=np.array([value]))
    seed = seed_for(design.seed, measure.name, measure.rule, "best")
    intervals = significance.simultaneous(found, folds, draws, seed)
    error, freedom = float(found.standard_error[0]), float(found.degrees_of_freedom[0])
    probability, regret = decided_now(-value, error, freedom)
    ends = sorted((sign * float(intervals.low[0]), sign * float(intervals.high[0])))
    return {
        "strategy": measure.cells[other][0],
        "model": measure.cells[other][1],
        "value": float(measure.values[other]),
        "difference": sign * value,
        "difference_low": ends[0],
        "difference_high": ends[1],
        "optimism": flattered,
        "probability_better": probability,
        "expected_regret": regret,
        "verdict": significance.verdict(
            float(intervals.low[0]),
            float(intervals.high[0]),
            design.worth.of(measure.name),
            positives=design.enough,
        ),
    }
