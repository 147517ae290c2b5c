"""Headline numbers of a leaderboard, the gain in F1 that tuning leaves, and numbers as text."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import pandas as pd

from counterpoise.core.config import NONE, REFERENCES
from counterpoise.core.outcome import FAILED, NOT_APPLICABLE, OK
from counterpoise.evaluation.questions import best_first

Side = Literal["above", "holds", "below"]
"""Position of a difference by its verdict: above the baseline, not shown to differ from it, below.
"""

SIDES: dict[str, Side] = {
    "better": "above",
    "worse": "below",
    "equivalent": "holds",
    "inconclusive": "holds",
    "too few positives": "holds",
}
"""Position by verdict."""

MINUS = "\u2212"


def deciding_rule(
    decisions: pd.DataFrame, strategy: str, model: str
) -> Literal["cost", "tuned", "half"]:
    """The threshold rule that a combination is advised with.

    Parameters
    ----------
    decisions : DataFrame
        Table of decisions.
    strategy, model : str
        The combination.

    Returns
    -------
    {"cost", "tuned", "half"}
        `cost`, which is about the user's own costs; where it decides nothing `tuned`, then `half`.
    """
    mine = (decisions["strategy"] == strategy) & (decisions["model"] == model)
    decided = set(decisions.loc[mine & decisions["tn"].notna(), "rule"])
    if "cost" in decided:
        return "cost"
    return "tuned" if "tuned" in decided else "half"


@dataclass(frozen=True)
class Best:
    """Combination with the highest average precision of some, compared with the baseline.

    Attributes
    ----------
    strategy, model : str
        The combination.
    plain_model : str or None
        Model of the baseline: the same model, without the remedy where it is one.
    average_precision, average_precision_low, average_precision_high : float
        Value and interval; the ends may be None.
    difference, low, high : float or None
        Difference from the baseline, strategy `none` with `plain_model`, and its interval. None
        where there is no baseline.
    verdict, p_adjusted : str and float, or None
        See `counterpoise.evaluation.significance`.
    """

    strategy: str
    model: str
    plain_model: str | None
    average_precision: float
    average_precision_low: float | None
    average_precision_high: float | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: str | None
    p_adjusted: float | None

    @property
    def side(self) -> Side | None:
        """Position relative to the baseline, see `side`.

        Returns
        -------
        {"above", "holds", "below"} or None
        """
        return side(self.verdict)


def side(verdict: Any) -> Side | None:
    """Position of a difference by its verdict.

    Parameters
    ----------
    verdict : str or missing value
        See `counterpoise.evaluation.significance.verdict`.

    Returns
    -------
    {"above", "holds", "below"} or None
        None without a verdict.
    """
    return None if missing(verdict) else SIDES[verdict]


def missing(value: Any) -> bool:
    """Whether a scalar is None, NaN or NA.

    Parameters
    ----------
    value : scalar
        Any value of a table.

    Returns
    -------
    bool
    """
    return value is None or bool(pd.isna(value))


def ranked(board: pd.DataFrame) -> pd.DataFrame:
    """Combinations with a result, the highest average precision first, without references.

    Parameters
    ----------
    board : DataFrame
        Rows of a leaderboard.

    Returns
    -------
    DataFrame
        Of equal ones the first stands first.
    """
    scored = (board["status"] == OK) & board["average_precision"].notna()
    return best_first(board[scored & ~board["level"].isin(REFERENCES)], "average_precision")


def best(board: pd.DataFrame) -> Best | None:
    """Combination with the highest average precision.

    Parameters
    ----------
    board : DataFrame
        Rows of a leaderboard.

    Returns
    -------
    Best or None
        The first of equal ones, never a reference; None where no row has a result.
    """
    scored = ranked(board)
    if scored.empty:
        return None
    row = scored.iloc[0]
    names = (
        "average_precision_low",
        "average_precision_high",
        "difference",
        "difference_low",
        "difference_high",
    )
    ap_low, ap_high, difference, low, high, adjusted = (
        None if missing(row[name]) else float(row[name]) for name in (*names, "p_adjusted")
    )
    plain_model, verdict = (
        None if missing(row[name]) else str(row[name]) for name in ("plain_model", "verdict")
    )
    return Best(
        str(row["strategy"]),
        str(row["model"]),
        plain_model,
        float(row["average_precision"]),
        ap_low,
        ap_high,
        difference,
        low,
        high,
        verdict,
        adjusted,
    )


def remedies(board: pd.DataFrame) -> pd.DataFrame:
    """Combinations with a remedy, by data, algorithm or both.

    Parameters
    ----------
    board : DataFrame
        Rows of a leaderboard.

    Returns
    -------
    DataFrame
        The rows whose level is neither none nor a reference.
    """
    return board[~board["level"].isin([NONE, *REFERENCES])]


def baselines(board: pd.DataFrame) -> pd.DataFrame:
    """Combinations without a remedy, the baselines.

    Parameters
    ----------
    board : DataFrame
        Rows of a leaderboard.

    Returns
    -------
    DataFrame
        The rows whose level is none.
    """
    return board[board["level"] == NONE]


def sides(board: pd.DataFrame) -> dict[Side, int]:
    """Number of remedies above, not shown to differ from, and below the baseline.

    Parameters
    ----------
    board : DataFrame
        Rows of a leaderboard.

    Returns
    -------
    dict of {"above", "holds", "below"} to int
    """
    positions = [side(verdict) for verdict in remedies(board)["verdict"]]
    return {name: positions.count(name) for name in ("above", "holds", "below")}


def statuses(board: pd.DataFrame) -> dict[str, int]:
    """Number of combinations with each status.

    Parameters
    ----------
    board : DataFrame
        Rows of a leaderboard.

    Returns
    -------
    dict of str to int
        In the order ok, not applicable, failed.
    """
    return {name: int((board["status"] == name).sum()) for name in (OK, NOT_APPLICABLE, FAILED)}


@dataclass(frozen=True)
class Gain:
    """Gain in F1 of a remedy over the baseline.

    Attributes
    ----------
    strategy, model, plain_model : str
        The combination, and the model of the baseline.
    half, tuned : float
        Gain at the threshold `half`, and with both thresholds tuned.
    """

    strategy: str
    model: str
    plain_model: str
    half: float
    tuned: float


def gains(board: pd.DataFrame, decisions: pd.DataFrame) -> list[Gain]:
    """Gain in F1 of every remedy over its baseline.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.
    decisions : DataFrame
        Its table of decisions.

    Returns
    -------
    list of Gain
        Largest gain at `half` first. A remedy is left out if its F1 or that of its baseline is
        undefined under either rule.
    """
    f1 = {
        (row["strategy"], row["model"], row["rule"]): row["f1"]
        for row in decisions.to_dict("records")
    }
    result = []
    for row in remedies(board).to_dict("records"):
        strategy, model, baseline = row["strategy"], row["model"], row["plain_model"]
        values = [
            f1.get((*cell, rule), math.nan)
            for rule in ("half", "tuned")
            for cell in ((strategy, model), (NONE, baseline))
        ]
        if not any(missing(value) for value in values):
            half, tuned = values[0] - values[1], values[2] - values[3]
            result.append(Gain(strategy, model, baseline, half, tuned))
    return sorted(result, key=lambda gain: -gain.half)


def remaining(ordered: list[Gain], half: str) -> list[str]:
    """Describe how much of the gains in F1 at the threshold `half` remains when both sides tune.

    Parameters
    ----------
    ordered : list of Gain
        Largest first.
    half : str
        The threshold, as text.

    Returns
    -------
    list of str
        Sentences.
    """
    gaining = [gain for gain in ordered if gain.half > 0]
    if not gaining:
        return [f"At the threshold {half}, no remedy has a higher F1 than the baseline."]
    top = gaining[0]
    share = top.tuned / top.half
    left = (
        f"the gain is {signed(top.tuned)}"
        if top.tuned >= top.half
        else (
            f"{signed(top.tuned)} of it remains ({100 * share:.0f} %)"
            if top.tuned > 0
            else f"nothing of it remains ({signed(top.tuned)})"
        )
    )
    still = sum(gain.tuned > 0 for gain in gaining)
    middle = [median(getattr(gain, rule) for gain in gaining) for rule in ("half", "tuned")]
    sentences = [
        f"At the threshold {half}, {top.strategy} with {top.model} gains most in F1 over the"
        f" baseline with {top.plain_model}: {signed(top.half)}. With both thresholds tuned on the"
        f" validation rows, {left}."
    ]
    if len(gaining) > 1:
        sentences.append(
            f"{len(gaining)} remedies have a higher F1 than the baseline at {half}, and {still}"
            f" still {'has' if still == 1 else 'have'} one with both thresholds tuned. Their median"
            f" gain goes from {signed(middle[0])} to {signed(middle[1])}."
        )
    return sentences


def numbers(board: pd.DataFrame, decisions: pd.DataFrame, facts: dict[str, Any]) -> dict[str, Any]:
    """Headline numbers of a dataset for `dvc metrics show` and `diff`.

    Parameters
    ----------
    board, decisions : DataFrame
        Leaderboard and table of decisions.
    facts : dict
        Facts of the dataset: `positives`.

    Returns
    -------
    dict of str to number
        `average_precision`, the highest; `baseline_average_precision`, the highest of a baseline;
        `f1_tuned`, the highest; `expected_cost` at the rule `cost`, the lowest; how many remedies
        are `better` or `worse` than their baseline; how many combinations `failed`; `positives`.
        Numbers that do not exist are left out.
    """
    top, baseline, verdicts = best(board), best(baselines(board)), sides(board)
    references = board.loc[board["level"].isin(REFERENCES), "strategy"]
    decided = decisions[~decisions["strategy"].isin(references)].set_index("rule")
    result = {
        "average_precision": top and top.average_precision,
        "baseline_average_precision": baseline and baseline.average_precision,
        "f1_tuned": decided.loc[decided.index == "tuned", "f1"].max(),
        "expected_cost": decided.loc[decided.index == "cost", "expected_cost"].min(),
        "better": verdicts["above"],
        "worse": verdicts["below"],
        "failed": statuses(board)[FAILED],
        "positives": int(facts["positives"]),
    }
    return {name: value for name, value in result.items() if not missing(value)}


def probability(p: float | None) -> str:
    """Format a p-value with two significant digits.

    Parameters
    ----------
    p : float or None
        The p-value.

    Returns
    -------
    str
        Empty for None.
    """
    return "" if p is None else "1" if p >= 0.995 else f"{p:.2g}"


def number(value: Any) -> str:
    """Format a number with three decimals, or two significant digits below 0.01.

    Parameters
    ----------
    value : float or missing value
        The number.

    Returns
    -------
    str
        Empty for a missing value; at most six decimals.
    """
    return _text(value, 0.01, 1)


def signed(value: Any) -> str:
    """Format a difference with its sign and three decimals, or more where these would be zeros.

    Parameters
    ----------
    value : float or missing value
        The difference.

    Returns
    -------
    str
        0 has no sign; empty for a missing value.
    """
    text = _text(value, 0.001, 0)
    return f"+{text}" if text and float(value) > 0 else text


def _text(value: Any, small: float, more: int) -> str:
    if missing(value):
        return ""
    value, digits = round(float(value), 6), 3
    if 0 < abs(value) < small:
        value = float(f"{value:.{more}e}")  # rounded first: 0.00096 is 0.001, not 0.0010
        digits = min(more - math.floor(math.log10(abs(value))), 6) if abs(value) < small else 3
    return f"{value + 0.0:,.{digits}f}".replace("-", MINUS)


def interval(low: Any, high: Any, form: Callable[[Any], str] = number) -> str:
    """Format an interval as "low to high".

    Parameters
    ----------
    low, high : float or missing value
        Ends of the interval.
    form : callable
        Formats each end.

    Returns
    -------
    str
        Empty where an end is missing.
    """
    return "" if missing(low) or missing(high) else f"{form(low)} to {form(high)}"
