"""Sentences and headline numbers of a leaderboard, as far as its intervals support them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import pandas as pd

from counterpoise.core.config import NONE
from counterpoise.core.outcome import FAILED, NOT_APPLICABLE, OK

Side = Literal["above", "holds", "below"]
"""Position of a difference by its verdict: above the baseline, not shown to differ from it, below.
"""

SIDES: dict[str, Side] = {"win": "above", "tie": "holds", "loss": "below"}
"""Position by verdict."""

MINUS = "\u2212"


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
    delta, low, high : float or None
        Difference from the baseline, strategy `none` with the plain model, and its interval. None
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
    delta: float | None
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
        "win", "tie" or "loss".

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


def best(board: pd.DataFrame) -> Best | None:
    """Combination with the highest average precision.

    Parameters
    ----------
    board : DataFrame
        Rows of a leaderboard.

    Returns
    -------
    Best or None
        The first of equal ones; None where no row has a result.
    """
    scored = board[(board["status"] == OK) & board["average_precision"].notna()]
    if scored.empty:
        return None
    row = scored.iloc[int(scored["average_precision"].to_numpy().argmax())]
    names = (
        "average_precision_low",
        "average_precision_high",
        "delta_plain",
        "delta_plain_low",
        "delta_plain_high",
    )
    ap_low, ap_high, delta, low, high, adjusted = (
        None if missing(row[name]) else float(row[name]) for name in (*names, "p_adjusted")
    )
    plain, verdict = (
        None if missing(row[name]) else str(row[name]) for name in ("plain_model", "verdict")
    )
    return Best(
        str(row["strategy"]),
        str(row["model"]),
        plain,
        float(row["average_precision"]),
        ap_low,
        ap_high,
        delta,
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
        The rows whose level is not none.
    """
    return board[board["level"] != NONE]


def doing_nothing(board: pd.DataFrame) -> pd.DataFrame:
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
    found = [side(verdict) for verdict in remedies(board)["verdict"]]
    return {name: found.count(name) for name in ("above", "holds", "below")}


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
        (row["strategy"], row["model"], row["policy"]): row["f1"]
        for row in decisions.to_dict("records")
    }
    found = []
    for row in remedies(board).to_dict("records"):
        strategy, model, plain = row["strategy"], row["model"], row["plain_model"]
        values = [
            f1.get((*cell, policy), math.nan)
            for policy in ("half", "tuned")
            for cell in ((strategy, model), (NONE, plain))
        ]
        if not any(missing(value) for value in values):
            found.append(Gain(strategy, model, plain, values[0] - values[1], values[2] - values[3]))
    return sorted(found, key=lambda gain: -gain.half)


def remaining(found: list[Gain], half: str) -> list[str]:
    """Describe how much of the gains in F1 at the threshold `half` remains when both sides tune.

    Parameters
    ----------
    found : list of Gain
        Largest first.
    half : str
        The threshold, as text.

    Returns
    -------
    list of str
        Sentences.
    """
    gaining = [gain for gain in found if gain.half > 0]
    if not gaining:
        return [f"At the threshold {half}, no remedy has a higher F1 than doing nothing."]
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
    middle = [median(getattr(gain, policy) for gain in gaining) for policy in ("half", "tuned")]
    said = [
        f"At the threshold {half}, {top.strategy} with {top.model} gains most in F1 over doing"
        f" nothing with {top.plain_model}: {signed(top.half)}. When both sides tune their"
        f" thresholds on the validation slice, {left}."
    ]
    if len(gaining) > 1:
        said.append(
            f"Of {len(gaining)} remedies with a higher F1 than doing nothing at {half}, {still}"
            " still have one when both sides tune theirs; their median gain goes from"
            f" {signed(middle[0])} to {signed(middle[1])}."
        )
    return said


def reading(board: pd.DataFrame, decisions: pd.DataFrame, facts: dict[str, Any]) -> list[str]:
    """Describe the comparison on a dataset.

    Parameters
    ----------
    board, decisions : DataFrame
        Leaderboard and table of decisions.
    facts : dict
        Facts of the dataset: `level`, `prevalence` and `thresholds`.

    Returns
    -------
    list of str
        Sentences; the first one recommends what to use, where anything was compared.
    """
    level = f"{100 * facts['level']:.0f} %"
    counts, top, remedy, none = (
        statuses(board),
        best(board),
        best(remedies(board)),
        best(doing_nothing(board)),
    )
    if top is None:
        return [
            f"None of the {len(board)} cells has a result; the table below gives the reason of"
            " each."
        ]
    said = [advice(board)] if sum(sides(board).values()) else []
    if remedy is None:
        said.append("No remedy has a result here, so there is nothing to say about remedies.")
    elif missing(remedy.delta):
        why = (
            f"there is no strategy {NONE!r} among the strategies"
            if not (board["strategy"] == NONE).any()
            else (
                f"strategy {NONE!r} has no result with {remedy.plain_model}"
                if remedy.plain_model is not None
                else "no model of the grid is the same one without the remedy"
            )
        )
        said.append(
            f"The highest average precision of a remedy is {number(remedy.average_precision)}, by"
            f" {_named(remedy)}; {why}, so it cannot be compared with doing nothing."
        )
    else:
        said.append(_against_nothing(remedy, level))
    if remedy is not None and none is not None:
        said.append(_best_of_nothing(remedy, none))
    seen = sides(board)
    total = sum(seen.values())
    if total > 1:
        every = round(1 / (1 - facts["level"]))
        said.append(
            f"Of {total} comparisons with doing nothing, {seen['above']} are won, {seen['below']}"
            f" lost and {seen['holds']} not told apart, going by p-values of the paired bootstrap"
            f" with Holm's correction for {total} comparisons. The intervals are not corrected:"
            f" even where a remedy changes nothing, about 1 in {every} misses 0 by chance, and the"
            " best of many looks better than it is."
        )
    told = {"not_applicable": "not applicable", "failed": "failed"}
    gained = gains(board, decisions)
    said += remaining(gained, f"{facts['thresholds']['half']:g}") if gained else []
    left_out = [f"{counts[name]} {text}" for name, text in told.items() if counts[name]]
    if left_out:
        said.append(
            f"Of {len(board)} cells, {' and '.join(left_out)}: without a result, they are listed"
            " with the reason."
        )
    said.append(
        f"An average precision of {number(facts['prevalence'])}, the prevalence, is what guessing"
        " gives."
    )
    return said


def advised(board: pd.DataFrame) -> Best | None:
    """Remedy that the recommendation is about.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    Best or None
        The best remedy with verdict win if it exceeds the best baseline, else the best remedy of
        all.
    """
    won, none = (
        best(remedies(board)[remedies(board)["verdict"] == "win"]),
        best(doing_nothing(board)),
    )
    if won is not None and (none is None or none.average_precision < won.average_precision):
        return won
    return best(remedies(board))


def advice(board: pd.DataFrame) -> str:
    """Recommend a remedy with verdict win, or the baseline.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    str
        One or several sentences, as far as the verdicts support them.
    """
    winners, none = remedies(board)[remedies(board)["verdict"] == "win"], best(doing_nothing(board))
    total = sum(sides(board).values())
    among = "one comparison" if total == 1 else f"{total} comparisons"
    won, top = best(winners), best(remedies(board))
    if won is None:
        use = f"Use {none.model} as it is" if none is not None else "Use no remedy"
        left = (
            f"That proves no remedy useless: {_named(top)}, the highest, may still be up to"
            f" {signed(top.high)} better than doing nothing with {_plain(top)}."
            if top is not None and top.high is not None and top.high > 0
            else ""
        )
        return (
            f"{use}, and choose its threshold: in {among}, nothing is shown to beat doing nothing."
            f" {left}".rstrip()
        )
    if none is not None and none.average_precision >= won.average_precision:
        return (
            f"Use {none.model} as it is: {_count(len(winners), 'remedy beats', 'remedies beat')}"
            " doing nothing with the same model, and none of them reaches the"
            f" {number(none.average_precision)} of {none.model} without a remedy."
        )
    others = f", the highest of {len(winners)} that win" if len(winners) > 1 else ""
    allowed = "" if total == 1 else f", with all {total} comparisons allowed for"
    row = winners[(winners["strategy"] == won.strategy) & (winners["model"] == won.model)].iloc[0]
    before, after = row.get("training_rows_before"), row.get("training_rows")
    rows = (
        ""
        if missing(after) or after == before
        else f" It trains on {after:,.0f} rows in place of {before:,.0f}."
    )
    return (
        f"Use {_named(won)}{others}: on these rows it ranks better than doing nothing with"
        f" {_plain(won)}, by {signed(won.delta)} ({interval(won.low, won.high, signed)}){allowed}"
        f" ({'' if total == 1 else 'adjusted '}p ="
        f" {probability(won.p_adjusted)}).{_fits(row)}{rows}"
    )


def _fits(row: pd.Series[Any]) -> str:
    """Warning where the interval over folds, which accounts for other training rows, contains 0."""
    low, high = (row.get(f"delta_plain_t_{end}", math.nan) for end in ("low", "high"))
    if missing(low) or missing(high) or low > 0 or high < 0:
        return ""
    return (
        " That is of the models as they were fitted: by folds the interval is"
        f" {interval(low, high, signed)}, so other training rows may turn it."
    )


def _count(many: int, one: str, several: str) -> str:
    return f"{many} {one if many == 1 else several}"


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


def _against_nothing(remedy: Best, level: str) -> str:
    outside = (
        remedy.low is not None and remedy.high is not None and (remedy.low > 0 or remedy.high < 0)
    )
    told = {
        "above": "a win",
        "below": (
            f"a loss: even the best remedy ranks worse than doing nothing with {remedy.plain_model}"
        ),
        "holds": (
            "the interval misses 0, but the best of so many comparisons may do so by chance, so it"
            " counts as a tie"
            if outside
            else "the interval holds 0, so these data do not tell whether the remedy helps"
        ),
        None: "the difference has no interval, so nothing can be said about it",
    }[remedy.side]
    if remedy.delta == 0 and remedy.low == 0 and remedy.high == 0:
        told = "it ranks the rows exactly as doing nothing does"
    return (
        f"The remedy with the highest average precision is {_named(remedy)}:"
        f" {number(remedy.average_precision)}, a difference of {signed(remedy.delta)} from doing"
        f" nothing with {_plain(remedy)} ({level} interval"
        f" {interval(remedy.low, remedy.high, signed)}); {told}."
    )


def _plain(remedy: Best) -> str:
    return "the same model" if remedy.plain_model == remedy.model else str(remedy.plain_model)


def _best_of_nothing(remedy: Best, none: Best) -> str:
    if remedy.plain_model == none.model:
        return f"Doing nothing does best with {none.model} too: {number(none.average_precision)}."
    higher = (
        "higher than any remedy reaches here"
        if none.average_precision > remedy.average_precision
        else (
            "the same as the best remedy gets"
            if none.average_precision == remedy.average_precision
            else "less than the best remedy gets"
        )
    )
    return (
        f"Doing nothing does best with {none.model}: {number(none.average_precision)}, {higher}."
        " Between different models no interval is given."
    )


def _named(cell: Best) -> str:
    """Name of a combination; with strategy none, the name of the model alone."""
    return cell.model if cell.strategy == NONE else f"{cell.strategy} with {cell.model}"


def numbers(board: pd.DataFrame, decisions: pd.DataFrame, facts: dict[str, Any]) -> dict[str, Any]:
    """Headline numbers of a dataset for `dvc metrics diff`.

    Parameters
    ----------
    board, decisions : DataFrame
        Leaderboard and table of decisions.
    facts : dict
        Facts of the dataset: `rows`, `positives` and `prevalence`.

    Returns
    -------
    dict of str to number
        Without the numbers that do not exist. `best_average_precision_of` holds one number per
        strategy.
    """
    counts, seen = statuses(board), sides(board)
    top, remedy, none = best(board), best(remedies(board)), best(doing_nothing(board))
    result: dict[str, Any] = {
        "rows": int(facts["rows"]),
        "positives": int(facts["positives"]),
        "prevalence": facts["prevalence"],
        "cells_ok": counts[OK],
        "cells_not_applicable": counts[NOT_APPLICABLE],
        "cells_failed": counts[FAILED],
        "remedies_above_none": seen["above"],
        "remedies_below_none": seen["below"],
        "best_average_precision": top and top.average_precision,
        "best_average_precision_low": top and top.average_precision_low,
        "best_average_precision_high": top and top.average_precision_high,
        "best_none_average_precision": none and none.average_precision,
        "best_remedy_average_precision": remedy and remedy.average_precision,
        "best_remedy_delta": remedy and remedy.delta,
        "best_remedy_delta_low": remedy and remedy.low,
        "best_remedy_delta_high": remedy and remedy.high,
    }
    for policy, mine in decisions.groupby("policy", sort=False):
        if policy == "cost":
            result["lowest_expected_cost"] = mine["expected_cost"].min()
        else:
            result[f"best_f1_{policy}"] = mine["f1"].max()
    gained = gains(board, decisions)
    if gained and gained[0].half > 0:
        result["best_f1_gain_when_tuned"] = gained[0].tuned
    result = {name: value for name, value in result.items() if not missing(value)}
    each = {name: best(mine) for name, mine in board.groupby("strategy", sort=False)}
    best_of = {
        str(name): found.average_precision for name, found in each.items() if found is not None
    }
    return {**result, **({"best_average_precision_of": best_of} if best_of else {})}


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
