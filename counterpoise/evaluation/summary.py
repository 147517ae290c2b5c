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

VERDICT_LABELS = {"win": "better", "tie": "inconclusive", "loss": "worse"}
"""What people read for each verdict of a table of results."""

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
        best(baselines(board)),
    )
    if top is None:
        return [
            f"None of the {len(board)} combinations has a result. The table below gives the reason"
            " for each."
        ]
    sentences = [advice(board)] if sum(sides(board).values()) else []
    if remedy is None:
        sentences.append("No remedy has a result, so no remedy can be judged.")
    elif missing(remedy.delta):
        why = (
            f"there is no strategy {NONE!r} among the strategies"
            if not (board["strategy"] == NONE).any()
            else (
                f"strategy {NONE!r} has no result with {remedy.plain_model}"
                if remedy.plain_model is not None
                else "the grid has no such model without the remedy"
            )
        )
        sentences.append(
            f"The highest average precision of a remedy is {number(remedy.average_precision)}, by"
            f" {_named(remedy)}. It cannot be compared with the baseline: {why}."
        )
    else:
        sentences.append(_against_baseline(remedy, level))
    if remedy is not None and none is not None:
        sentences.append(_best_baseline(remedy, none))
    verdicts = sides(board)
    total = sum(verdicts.values())
    if total > 1:
        every = round(1 / (1 - facts["level"]))
        sentences.append(
            f"{total} remedies were compared with the baseline: {verdicts['above']} better,"
            f" {verdicts['below']} worse, {verdicts['holds']} inconclusive. These verdicts follow"
            f" from p-values of the paired bootstrap, with Holm's correction for {total}"
            " comparisons. The intervals are not corrected: even where a remedy changes nothing,"
            f" about 1 in {every} misses 0 by chance. The best of many looks better than it is."
        )
    labels = {"not_applicable": "not applicable", "failed": "failed"}
    all_gains = gains(board, decisions)
    if all_gains:
        sentences += remaining(all_gains, f"{facts['thresholds']['half']:g}")
    left_out = [f"{counts[name]} {label}" for name, label in labels.items() if counts[name]]
    if left_out:
        sentences.append(
            f"Of {len(board)} combinations, {' and '.join(left_out)}. They have no result and are"
            " listed with the reason."
        )
    sentences.append(
        f"Guessing has an average precision of {number(facts['prevalence'])}, the prevalence."
    )
    return sentences


def advised(board: pd.DataFrame) -> Best | None:
    """Remedy that the recommendation is about.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    Best or None
        The best remedy that is better than its baseline, if it exceeds the best baseline. Otherwise
        the best remedy of all.
    """
    winner, none = (
        best(remedies(board)[remedies(board)["verdict"] == "win"]),
        best(baselines(board)),
    )
    if winner is not None and (none is None or none.average_precision < winner.average_precision):
        return winner
    return best(remedies(board))


def advice(board: pd.DataFrame) -> str:
    """Recommend a remedy that is better than its baseline, or a baseline.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.

    Returns
    -------
    str
        One or several sentences, as far as the verdicts support them.
    """
    winners, none = remedies(board)[remedies(board)["verdict"] == "win"], best(baselines(board))
    total = sum(sides(board).values())
    among = "one comparison" if total == 1 else f"{total} comparisons"
    winner, top = best(winners), best(remedies(board))
    if winner is None:
        use = f"Use {none.model} as it is" if none is not None else "Use no remedy"
        left = (
            f"This does not show that remedies are useless: {_named(top)}, the highest, may be up"
            f" to {signed(top.high)} better than {_baseline(top)}."
            if top is not None and top.high is not None and top.high > 0
            else ""
        )
        return (
            f"{use}, and choose its threshold: in {among}, no remedy is shown to beat the baseline."
            f" {left}".rstrip()
        )
    if none is not None and none.average_precision >= winner.average_precision:
        return (
            f"Use {none.model} as it is: {_count(len(winners), 'remedy beats', 'remedies beat')}"
            " the baseline with the same model, and none of them reaches the"
            f" {number(none.average_precision)} of {none.model} without a remedy."
        )
    others = f", the highest of {len(winners)} that are better" if len(winners) > 1 else ""
    allowed = "" if total == 1 else f", corrected for {total} comparisons"
    row = winners[
        (winners["strategy"] == winner.strategy) & (winners["model"] == winner.model)
    ].iloc[0]
    before, after = row.get("training_rows_before"), row.get("training_rows")
    rows = (
        ""
        if missing(after) or after == before
        else f" It trains on {after:,.0f} rows instead of {before:,.0f}."
    )
    return (
        f"Use {_named(winner)}{others}: on these rows it ranks better than {_baseline(winner)}, by"
        f" {signed(winner.delta)} ({interval(winner.low, winner.high, signed)}){allowed}"
        f" ({'' if total == 1 else 'adjusted '}p ="
        f" {probability(winner.p_adjusted)}).{_fits(row)}{rows}"
    )


def _fits(row: pd.Series[Any]) -> str:
    """Warning where the interval over folds, which accounts for other training rows, contains 0."""
    low, high = (row.get(f"delta_plain_t_{end}", math.nan) for end in ("low", "high"))
    if missing(low) or missing(high) or low > 0 or high < 0:
        return ""
    return (
        " This is about the models as they were fitted: the interval by folds is"
        f" {interval(low, high, signed)}, so other training rows may reverse it."
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


def _against_baseline(remedy: Best, level: str) -> str:
    outside = (
        remedy.low is not None and remedy.high is not None and (remedy.low > 0 or remedy.high < 0)
    )
    verdict = {
        "above": "It is better",
        "below": (
            "It is worse: even the best remedy ranks worse than the baseline with"
            f" {remedy.plain_model}"
        ),
        "holds": (
            "The interval does not contain 0, but the best of so many comparisons may miss it by"
            " chance, so the verdict is inconclusive"
            if outside
            else "The interval contains 0, so these data do not show whether the remedy helps"
        ),
        None: "The difference has no interval, so there is no verdict",
    }[remedy.side]
    if remedy.delta == 0 and remedy.low == 0 and remedy.high == 0:
        verdict = "It ranks the rows exactly as the baseline does"
    return (
        f"The remedy with the highest average precision is {_named(remedy)}:"
        f" {number(remedy.average_precision)}, a difference of {signed(remedy.delta)} from"
        f" {_baseline(remedy)} ({level} interval"
        f" {interval(remedy.low, remedy.high, signed)}). {verdict}."
    )


def _baseline(remedy: Best) -> str:
    same = remedy.plain_model == remedy.model
    return f"the baseline with {'the same model' if same else remedy.plain_model}"


def _best_baseline(remedy: Best, none: Best) -> str:
    if remedy.plain_model == none.model:
        return f"The best baseline also has {none.model}: {number(none.average_precision)}."
    higher = (
        "higher than any remedy"
        if none.average_precision > remedy.average_precision
        else (
            "the same as the best remedy"
            if none.average_precision == remedy.average_precision
            else "lower than the best remedy"
        )
    )
    return (
        f"The best baseline has {none.model}: {number(none.average_precision)}, {higher}."
        " Differences between models have no interval."
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
    counts, verdicts = statuses(board), sides(board)
    top, remedy, none = best(board), best(remedies(board)), best(baselines(board))
    result: dict[str, Any] = {
        "rows": int(facts["rows"]),
        "positives": int(facts["positives"]),
        "prevalence": facts["prevalence"],
        "cells_ok": counts[OK],
        "cells_not_applicable": counts[NOT_APPLICABLE],
        "cells_failed": counts[FAILED],
        "remedies_above_none": verdicts["above"],
        "remedies_below_none": verdicts["below"],
        "best_average_precision": top and top.average_precision,
        "best_average_precision_low": top and top.average_precision_low,
        "best_average_precision_high": top and top.average_precision_high,
        "best_none_average_precision": none and none.average_precision,
        "best_remedy_average_precision": remedy and remedy.average_precision,
        "best_remedy_delta": remedy and remedy.delta,
        "best_remedy_delta_low": remedy and remedy.low,
        "best_remedy_delta_high": remedy and remedy.high,
    }
    for rule, mine in decisions.groupby("rule", sort=False):
        if rule == "cost":
            result["lowest_expected_cost"] = mine["expected_cost"].min()
        elif rule != "cost_empirical":
            result[f"best_f1_{rule}"] = mine["f1"].max()
    all_gains = gains(board, decisions)
    if all_gains and all_gains[0].half > 0:
        result["best_f1_gain_when_tuned"] = all_gains[0].tuned
    result = {name: value for name, value in result.items() if not missing(value)}
    each = {name: best(mine) for name, mine in board.groupby("strategy", sort=False)}
    best_of = {str(name): top.average_precision for name, top in each.items() if top is not None}
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
