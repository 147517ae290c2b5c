"""Differences of every combination from its baseline, in every measure, with one verdict each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from counterpoise.core.config import REFERENCES, Worth
from counterpoise.core.seeds import seed_for
from counterpoise.core.types import Cell, Vector
from counterpoise.evaluation import significance
from counterpoise.evaluation.columns import DIFFERENCES
from counterpoise.evaluation.fold_scores import FoldScores
from counterpoise.evaluation.questions import COST, HIGHER_IS_BETTER
from counterpoise.evaluation.significance import Differences, Intervals


@dataclass(frozen=True)
class Measure:
    """A measure of all combinations that are compared.

    Attributes
    ----------
    name : str
        Such as average_precision, log_loss_corrected or expected_cost.
    rule : str
        The threshold rule of a measure of decisions; empty for other measures.
    cells : sequence of (strategy, model)
        The combinations, in the order of the arrays.
    values : ndarray of shape (combinations,)
    folds : ndarray of shape (combinations, J)
        The measure in each fold of each repeat.
    draws : ndarray of shape (combinations, B)
        The measure in each draw of the bootstrap.
    """

    name: str
    rule: str
    cells: Sequence[Cell]
    values: Vector
    folds: Vector
    draws: Vector

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the measure is better.

        Returns
        -------
        bool
        """
        return self.name in HIGHER_IS_BETTER


@dataclass(frozen=True)
class Design:
    """What the differences of a dataset have in common.

    Attributes
    ----------
    repeats : int
    smallest, positives : int
        Independent positives in the smallest test part and in all (`independent.positives`).
    worth : Worth
    seed : int
        Seed of the draws of the maximum.
    """

    repeats: int
    smallest: int
    positives: int
    worth: Worth
    seed: int

    @property
    def enough(self) -> bool:
        """Whether there are enough positives for a verdict.

        Returns
        -------
        bool
        """
        return significance.enough(self.smallest, self.positives)


def same_scores(scores: Mapping[Cell, Sequence[FoldScores]]) -> dict[Cell, Cell]:
    """Combinations that give every test row the score of an earlier combination.

    A balanced weight after balancing is 1, for example: that comparison is none.

    Parameters
    ----------
    scores : mapping of (strategy, model) to sequence of FoldScores

    Returns
    -------
    dict of (strategy, model) to (strategy, model)
        The first combination with the same scores.
    """
    first: dict[bytes, Cell] = {}
    same = {}
    for cell, folds in scores.items():
        key = b"".join(fold.test_scores.tobytes() for fold in folds)
        if first.setdefault(key, cell) != cell:
            same[cell] = first[key]
    return same


def table(
    measures: Sequence[Measure], families: Sequence[Mapping[Cell, Cell]], design: Design
) -> pd.DataFrame:
    """Differences from the baseline in every measure, with intervals and verdicts.

    Parameters
    ----------
    measures : sequence of Measure
    families : sequence of mapping of (strategy, model) to (strategy, model)
        Comparisons whose intervals hold together: each combination with its baseline.
    design : Design

    Returns
    -------
    DataFrame of `DIFFERENCES`
        One row for each measure, rule and comparison that is defined.
    """
    rows = [
        row
        for measure in measures
        for number, pairs in enumerate(families)
        for row in _of_family(measure, pairs, design, number)
    ]
    return pd.DataFrame(rows, columns=DIFFERENCES)


def with_recalibration_gains(
    board: pd.DataFrame, raw: Measure, corrected: Measure, design: Design
) -> pd.DataFrame:
    """Add what recalibration gains in log loss, with intervals as those of a comparison.

    Parameters
    ----------
    board : DataFrame of `LEADERBOARD` and `EXTRA`
    raw, corrected : Measure
        Log loss of the same combinations.
    design : Design

    Returns
    -------
    DataFrame
        A copy with `recalibration_gain` (raw minus recalibrated), `_low` and `_high`. The intervals
        hold together for all combinations but references, and for those of each kind.
    """
    # scores that stay raw go through log odds, which changes their last digits
    folds, draws = (
        np.round(getattr(raw, name) - getattr(corrected, name), 12) for name in ("folds", "draws")
    )
    cells = pd.MultiIndex.from_frame(board[["strategy", "model"]])
    levels = pd.Series(board["level"].to_numpy(), cells).reindex(
        pd.MultiIndex.from_tuples(raw.cells)
    )
    seed, name = seed_for(design.seed, "recalibration_gain"), "recalibration_gain"
    gains = []
    for _, mine in levels.groupby(levels.where(levels.isin(REFERENCES), "")):
        at = levels.index.get_indexer(mine.index)
        found = significance.two_part(folds[at], draws[at], design.repeats, design.positives)
        intervals = significance.simultaneous(found, folds[at], draws[at], seed)
        columns = {name: found.value, f"{name}_low": intervals.low, f"{name}_high": intervals.high}
        gains.append(pd.DataFrame(columns, mine.index))
    rows = pd.concat(gains).reindex(cells)
    return board.assign(**{str(column): rows[column].to_numpy() for column in rows})


def _of_family(
    measure: Measure, pairs: Mapping[Cell, Cell], design: Design, number: int
) -> list[dict[str, Any]]:
    at = {cell: k for k, cell in enumerate(measure.cells)}
    some = [(cell, base) for cell, base in pairs.items() if cell in at and base in at]
    if not some:
        return []
    mine, theirs = ([at[pair[side]] for pair in some] for side in (0, 1))
    folds, draws, values = (
        array[mine] - array[theirs] for array in (measure.folds, measure.draws, measure.values)
    )
    found = significance.two_part(folds, draws, design.repeats, design.positives)
    found = found._replace(value=np.where(np.isnan(found.value), np.nan, values))
    seed = seed_for(design.seed, measure.name, measure.rule, number)
    intervals = significance.simultaneous(found, folds, draws, seed)
    return [
        _row(measure, pair, found, intervals, k, design)
        for k, pair in enumerate(some)
        if not np.isnan(found.value[k])
    ]


def _row(
    measure: Measure,
    pair: tuple[Cell, Cell],
    found: Differences,
    intervals: Intervals,
    k: int,
    design: Design,
) -> dict[str, Any]:
    higher, worth = measure.higher_is_better, design.worth.of(measure.name)
    value, error = float(found.value[k]), float(found.standard_error[k])
    low, high = float(intervals.low[k]), float(intervals.high[k])
    verdict = significance.verdict(
        low, high, worth, positives=design.enough, higher_is_better=higher
    )
    row = {
        "strategy": pair[0][0],
        "model": pair[0][1],
        "plain_model": pair[1][1],
        "measure": measure.name,
        "rule": measure.rule,
        "difference": value,
        "difference_low": low,
        "difference_high": high,
        "p_adjusted": float(intervals.p_adjusted[k]),
        # no test decides about costs: whoever has to decide takes the lower expectation
        "verdict": None if measure.name == COST else verdict,
        "standard_error": error,
        "row_error": float(np.sqrt(found.row_variance[k])),
        "training_error": float(np.sqrt(found.model_variance[k] / found.fits[k])),
        "degrees_of_freedom": float(found.degrees_of_freedom[k]),
        "fits": int(found.fits[k]),
    }
    freedom = float(found.degrees_of_freedom[k])
    row |= dict(
        zip(
            ("probability_better", "expected_regret"),
            decided_now(-value if higher else value, error, freedom),
            strict=True,
        )
    )
    if verdict == "inconclusive":
        each = measure.folds.shape[1] / design.repeats
        needed = significance.needed(found, intervals, k, worth, each, design.positives)
        if needed is not None:
            row |= {"repeats_needed": needed.repeats, "positives_needed": needed.positives}
    return row


def decided_now(loss: float, error: float, freedom: float) -> tuple[float, float]:
    """How likely a combination is better, and what it costs on average to decide for it now.

    The true difference is taken as Student distributed around the estimate.

    Parameters
    ----------
    loss : float
        Estimated loss of taking it instead of its baseline; negative where it is better.
    error : float
        Standard error of the difference.
    freedom : float
        Degrees of freedom of the standard error.

    Returns
    -------
    probability, regret : float
        The probability that it is better, and the expectation of the loss where it is worse
        (counted as 0 where it is better), in the units of the measure. NaN with one degree of
        freedom or fewer, where Student's distribution has no mean.
    """
    if error == 0:
        return (1.0 if loss < 0 else 0.5 if loss == 0 else 0.0), max(loss, 0.0)
    t = loss / error
    if not np.isfinite(freedom):
        freedom = 1e6
    density = stats.t.pdf(t, freedom) * (freedom + t * t) / (freedom - 1) if freedom > 1 else np.nan
    return float(stats.t.cdf(-t, freedom)), float(error * (t * stats.t.cdf(t, freedom) + density))


def optimism(
    values: Vector, draws: Vector, model_errors: Vector, groups: Sequence[Sequence[int]], seed: int
) -> float:
    """How much the difference of the best of several combinations from the best of others flatters.

    In each bootstrap draw the best of each group is chosen again. Its difference in that draw,
    minus the difference that the table shows for the same two, is what choosing added (Efron and
    Tibshirani 1993, chapter 17).

    Parameters
    ----------
    values : ndarray of shape (combinations,)
        A measure of which more is better.
    draws : ndarray of shape (combinations, B)
        The measure in each draw of the bootstrap.
    model_errors : ndarray of shape (combinations,)
        Standard errors by which the models were trained; drawn beside the rows.
    groups : two sequences of int
        Positions of the combinations among which the first and the second are chosen.
    seed : int

    Returns
    -------
    float
        Mean over the draws.
    """
    drawn = _redrawn(draws, model_errors, seed)
    best = [np.array(group)[drawn[list(group)].argmax(axis=0)] for group in groups]
    at = np.arange(draws.shape[1])
    inside = drawn[best[0], at] - drawn[best[1], at]
    outside = values[best[0]] - values[best[1]]
    # what the draws add for a pair that was fixed beforehand is no optimism of choosing
    fixed = [group[int(np.argmax(values[list(group)]))] for group in groups]
    shift = (drawn[fixed[0]] - drawn[fixed[1]]).mean() - (values[fixed[0]] - values[fixed[1]])
    return float(np.mean(inside - outside) - shift)


def chosen_first(draws: Vector, model_errors: Vector, group: Sequence[int], seed: int) -> Vector:
    """How often each of several combinations is the best of them when rows and fits are redrawn.

    Parameters
    ----------
    draws, model_errors
        See `optimism`.
    group : sequence of int
        Positions of the combinations.
    seed : int

    Returns
    -------
    ndarray of shape (len(group),)
        Shares of the draws, whose sum is 1.
    """
    drawn = _redrawn(draws, model_errors, seed)[list(group)]
    shares: Vector = np.bincount(drawn.argmax(axis=0), minlength=len(group)) / drawn.shape[1]
    return shares


def _redrawn(draws: Vector, model_errors: Vector, seed: int) -> Vector:
    """The bootstrap's draws with the chance of training drawn beside them."""
    random = np.random.default_rng(seed)
    drawn: Vector = np.nan_to_num(draws, nan=-np.inf)
    return drawn + random.normal(size=draws.shape) * model_errors[:, None]
