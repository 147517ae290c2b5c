"""What the numbers say in sentences: what to use, how sure that is, and no more than the verdicts
allow."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from counterpoise.evaluation import summary

NO_DECISIONS = pd.DataFrame(columns=["strategy", "model", "rule", "f1"])


def test_the_reading_says_how_much_of_a_gain_in_f1_remains_with_tuned_thresholds() -> None:
    """Counted by hand: +0.30 of which +0.06 remains, +0.10 of which nothing does."""
    board = pd.DataFrame(
        [
            cell("none", 0.5, None, None, None),
            cell("smote", 0.5, 0.0, -0.1, 0.1),
            cell("adasyn", 0.4, -0.1, -0.2, 0.1),
        ]
    )
    f1 = {"none": (0.4, 0.5), "smote": (0.7, 0.56), "adasyn": (0.5, 0.5)}
    decisions = pd.DataFrame(
        [
            {"strategy": strategy, "model": "forest", "rule": rule, "f1": value}
            for strategy, values in f1.items()
            for rule, value in zip(("half", "tuned"), values, strict=True)
        ]
    )
    facts = {"level": 0.95, "prevalence": 0.02, "thresholds": {"half": 0.5}}
    text = " ".join(summary.reading(board, decisions, facts))
    assert "smote with forest gains most in F1 over the baseline with forest: +0.300." in text
    assert "validation rows, +0.060 of it remains (20 %)." in text
    assert "2 remedies have a higher F1 than the baseline at 0.5, and 1 still has one" in text
    assert "median gain goes from +0.200 to +0.030." in text
    lower = decisions.assign(f1=decisions["f1"].where(decisions["strategy"] == "none", 0.1))
    text = " ".join(summary.reading(board, lower, facts))
    assert "At the threshold 0.5, no remedy has a higher F1 than the baseline." in text


def cell(
    strategy: str,
    score: float,
    delta: float | None,
    low: float | None,
    high: float | None,
    **other: Any,
) -> dict[str, Any]:
    return {
        "strategy": strategy,
        "model": "forest",
        "status": "ok",
        "average_precision": score,
        "average_precision_low": score - 0.1,
        "average_precision_high": score + 0.1,
        "delta_plain": delta,
        "delta_plain_low": low,
        "delta_plain_high": high,
        "plain_model": "forest",
        "level": "none" if strategy == "none" else "data",
        "verdict": None if strategy == "none" else "tie",
        "p_adjusted": None,
        **other,
    }


CASES: list[tuple[float, float, float, str, str, str, str]] = [
    (0.05, 0.01, 0.09, "win", "above", "It is better", "do not show"),
    (
        0.05,
        -0.01,
        0.11,
        "tie",
        "holds",
        "these data do not show whether the remedy helps",
        "ranks better",
    ),
    (0.05, 0.01, 0.09, "tie", "holds", "by chance, so the verdict is inconclusive", "ranks better"),
    (-0.05, -0.09, -0.01, "loss", "below", "ranks worse than the baseline", "ranks better"),
    (0.0, 0.0, 0.0, "tie", "holds", "ranks the rows exactly as the baseline does", "ranks better"),
]


@pytest.mark.parametrize(("delta", "low", "high", "verdict", "side", "stated", "absent"), CASES)
def test_the_reading_claims_no_more_than_the_verdict_allows(
    delta: float, low: float, high: float, verdict: str, side: str, stated: str, absent: str
) -> None:
    board = pd.DataFrame(
        [
            cell("none", 0.5, None, None, None),
            cell("smote", 0.5 + delta, delta, low, high, verdict=verdict),
        ]
    )
    facts = {"level": 0.95, "prevalence": 0.02, "rows": 100, "positives": 2}
    text = " ".join(summary.reading(board, NO_DECISIONS, facts))
    assert stated in text and absent not in text
    assert ("Use smote" in text) == (verdict == "win")
    best = summary.best(summary.remedies(board))
    assert best is not None and best.side == side


def test_without_a_better_remedy_the_baseline_is_advised_and_what_remains_possible_is_named() -> (
    None
):
    board = pd.DataFrame(
        [
            cell("none", 0.5, None, None, None),
            cell("smote", 0.52, 0.02, -0.01, 0.05),
            cell("adasyn", 0.4, -0.1, -0.2, 0.1),
        ]
    )
    text = summary.advice(board)
    assert text.startswith("Use forest as it is")
    assert "in 2 comparisons, no remedy is shown to beat the baseline" in text
    assert "smote with forest, the highest, may be up to +0.050 better than the baseline" in text


def test_a_remedy_that_wins_is_advised_unless_another_model_needs_none() -> None:
    rows = [
        cell("none", 0.5, None, None, None),
        cell(
            "smote",
            0.6,
            0.1,
            0.05,
            0.15,
            verdict="win",
            p_adjusted=0.0123,
            training_rows_before=1000.2,
            training_rows=1900.0,
        ),
        cell("adasyn", 0.65, 0.15, -0.05, 0.35),
    ]
    text = summary.advice(pd.DataFrame(rows))
    assert text.startswith("Use smote with forest: ")
    assert "better than the baseline with the same model, by +0.100 (+0.050 to +0.150)" in text
    assert "2 comparisons (adjusted p = 0.012)" in text
    assert "1,900 rows instead of 1,000" in text
    rows.append(
        {**cell("none", 0.7, None, None, None), "model": "booster", "plain_model": "booster"}
    )
    text = summary.advice(pd.DataFrame(rows))
    assert text.startswith("Use booster as it is: 1 remedy beats the baseline")
    assert "none of them reaches the 0.700 of booster" in text


def test_a_win_that_other_training_rows_may_turn_says_so() -> None:
    winner = cell("smote", 0.6, 0.1, 0.05, 0.15, verdict="win", p_adjusted=0.01)
    for low, high, warned in ((-0.02, 0.22, True), (0.01, 0.19, False)):
        board = pd.DataFrame(
            [
                cell("none", 0.5, None, None, None),
                {**winner, "delta_plain_t_low": low, "delta_plain_t_high": high},
            ]
        )
        text = summary.advice(board)
        assert (
            text.startswith("Use smote with forest")
            and ("other training rows may reverse it" in text) == warned
        )
        assert ("\u22120.020 to +0.220" in text) == warned


def test_the_badge_is_of_the_remedy_that_the_advice_is_about() -> None:
    rows = [
        cell("none", 0.5, None, None, None),
        cell("smote", 0.6, 0.1, 0.05, 0.15, verdict="win", p_adjusted=0.01),
        cell("adasyn", 0.65, 0.15, -0.05, 0.35),
    ]
    advised = summary.advised(pd.DataFrame(rows))
    assert advised is not None and (advised.strategy, advised.side) == ("smote", "above")
    rows.append(
        {**cell("none", 0.7, None, None, None), "model": "booster", "plain_model": "booster"}
    )
    advised = summary.advised(pd.DataFrame(rows))
    assert advised is not None and (advised.strategy, advised.side) == ("adasyn", "holds")


def test_a_gain_that_grows_when_both_sides_tune_has_no_share_that_remains() -> None:
    gain = summary.Gain("smote", "forest", "forest", 0.1, 0.3)
    (first,) = summary.remaining([gain], "0.5")
    assert first.endswith("validation rows, the gain is +0.300.") and "%" not in first


def test_the_reading_counts_the_comparisons_and_warns_of_their_number() -> None:
    rows = [cell("none", 0.5, None, None, None)]
    verdicts = ("win", "win", "tie", "loss")
    rows += [
        cell(f"s{k}", 0.5 + d, d, d - 0.01, d + 0.01, verdict=verdicts[k])
        for k, d in enumerate((0.1, 0.2, 0.0, -0.3))
    ]
    rows.append(cell("broken", float("nan"), None, None, None, status="failed", verdict=None))
    text = " ".join(
        summary.reading(pd.DataFrame(rows), NO_DECISIONS, {"level": 0.95, "prevalence": 0.02})
    )
    assert "4 remedies were compared with the baseline: 2 better, 1 worse, 1 inconclusive" in text
    assert (
        "Holm's correction for 4 comparisons" in text and "about 1 in 20 misses 0 by chance" in text
    )
    assert "Of 6 combinations, 1 failed" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.123"),
        (0.0017274, "0.0017"),
        (0.0, "0.000"),
        (-0.25, "\u22120.250"),
        (None, ""),
        (float("nan"), ""),
        (1234.5, "1,234.500"),
        (0.0000004, "0.000"),
    ],
)
def test_numbers_have_digits_that_can_be_read(value: float | None, text: str) -> None:
    assert summary.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "+0.100"),
        (-0.1, "\u22120.100"),
        (0.0, "0.000"),
        (0.00096, "+0.001"),
        (-0.0004, "\u22120.0004"),
    ],
)
def test_differences_have_a_sign(value: float, text: str) -> None:
    assert summary.signed(value) == text
