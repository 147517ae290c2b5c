"""What the numbers say in sentences: what to use, how sure that is, and no more than the verdicts
allow."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from counterpoise.evaluation import advice, summary
from counterpoise.evaluation.columns import DIFFERENCES
from counterpoise.evaluation.reading import reading
from counterpoise.evaluation.significance import SMALLEST

NO_DECISIONS = pd.DataFrame(columns=["strategy", "model", "rule", "f1"])


def cell(strategy: str, score: float, difference: float | None = None, **other: Any) -> Any:
    compared = difference is not None
    return {
        "strategy": strategy,
        "model": "forest",
        "status": "ok",
        "average_precision": score,
        "average_precision_low": score - 0.1,
        "average_precision_high": score + 0.1,
        "difference": difference,
        "difference_low": difference - 0.03 if difference is not None else None,
        "difference_high": difference + 0.03 if difference is not None else None,
        "plain_model": "forest",
        "level": "none" if strategy == "none" else "data",
        "verdict": "inconclusive" if compared else None,
        "p_adjusted": 0.3 if compared else None,
        "same_as": None,
        **other,
    }


NONE = cell("none", 0.5)
FACTS: dict[str, Any] = {
    "goal": "ranking",
    "answers": {},
    "level": 0.95,
    "prevalence": 0.02,
    "thresholds": {"half": 0.5},
    "positives_in_smallest_part": 40,
    "independent_positives": 200,
    "fits": 10,
    "repeats": 2,
}
NO_DIFFERENCES = pd.DataFrame(columns=DIFFERENCES)


def read(rows: list[Any], decisions: pd.DataFrame = NO_DECISIONS, **facts: Any) -> str:
    return " ".join(reading(pd.DataFrame(rows), decisions, NO_DIFFERENCES, {**FACTS, **facts}))


def answer(strategy: str = "none", model: str = "forest", **other: Any) -> dict[str, Any]:
    found = {"strategy": strategy, "model": model, "value": 0.6, "verdicts": {"inconclusive": 2}}
    return {**found, **other}


def against(difference: float, **other: Any) -> dict[str, Any]:
    ends = {"difference_low": difference - 0.03, "difference_high": difference + 0.03}
    return {"difference": difference, **ends, "plain_model": "forest", "p_adjusted": 0.0123} | other


def said(question: str = "ranking", **of: Any) -> str:
    return advice.advice({"goal": question, "answers": {question: answer(**of)}})


def test_the_reading_says_how_much_of_a_gain_in_f1_remains_with_tuned_thresholds() -> None:
    """Counted by hand: +0.30 of which +0.06 remains, +0.10 of which nothing does."""
    rows = [NONE, cell("smote", 0.5, 0.0), cell("adasyn", 0.4, -0.1)]
    f1 = {"none": (0.4, 0.5), "smote": (0.7, 0.56), "adasyn": (0.5, 0.5)}
    decisions = pd.DataFrame(
        [
            {"strategy": strategy, "model": "forest", "rule": rule, "f1": value}
            for strategy, values in f1.items()
            for rule, value in zip(("half", "tuned"), values, strict=True)
        ]
    )
    text = read(rows, decisions)
    assert "smote with forest gains most in F1 over the baseline with forest: +0.300." in text
    assert "validation rows, +0.060 of it remains (20 %)." in text
    assert "2 remedies have a higher F1 than the baseline at 0.5, and 1 still has one" in text
    assert "median gain goes from +0.200 to +0.030." in text
    lower = decisions.assign(f1=decisions["f1"].where(decisions["strategy"] == "none", 0.1))
    assert "At the threshold 0.5, no remedy has a higher F1 than the baseline." in read(rows, lower)


@pytest.mark.parametrize(
    ("difference", "verdict", "side"),
    [
        (0.05, "better", "above"),
        (-0.05, "worse", "below"),
        (0.01, "inconclusive", "holds"),
        (0.001, "equivalent", "holds"),
        (0.5, "too few positives", "holds"),
    ],
)
def test_the_reading_and_the_badge_are_those_of_the_verdict(
    difference: float, verdict: str, side: str
) -> None:
    rows = [NONE, cell("smote", 0.5 + difference, difference, verdict=verdict)]
    text = read(rows)
    assert f"difference of {summary.signed(difference)} from the baseline" in text
    assert f"): {verdict}." in text and f"in average precision: 1 {verdict}." in text
    best = summary.best(summary.remedies(pd.DataFrame(rows)))
    assert best is not None and best.side == side


def test_what_is_surely_better_by_less_than_is_worth_having_says_so() -> None:
    small = cell("smote", 0.5, 0.004, verdict="equivalent", difference_low=0.001)
    assert "It is better, by less than is worth having." in read([NONE, small])
    assert "worth having" not in read([NONE, {**small, "difference_low": -0.001}])


def test_the_baseline_is_advised_where_no_remedy_is_shown_to_be_better() -> None:
    assert said() == (
        "Use forest as it is: of 2 remedies, none is shown to be better than its baseline"
        " (2 inconclusive)."
    )
    better = said(model="booster", verdicts={"better": 1, "worse": 3})
    assert better.startswith("Use booster as it is: of 4 remedies, 1 is better than the baseline")
    assert better.endswith("none reaches the 0.600 of booster.")
    assert "too few positives to tell" in said(verdicts={"too few positives": 2})
    flattered = said(not_taken={"strategy": "smote", "model": "forest"})
    assert f"smote with forest {advice.TOO_LITTLE}" in flattered
    assert "No combination has a result" in advice.advice({"goal": "cost", "answers": {}})


def test_a_remedy_that_is_better_is_advised_with_its_interval_and_p_value() -> None:
    one = {"strategy": "smote", "verdicts": {"better": 1, "worse": 1}}
    text = said(**one, against_baseline=against(0.1))
    assert text == (
        "Use smote with forest: it ranks better than the baseline with the same model, by +0.100"
        " (interval +0.070 to +0.130), which holds for 2 comparisons together (adjusted p = 0.012)."
    )
    bound = said(**one, against_baseline=against(0.1, p_adjusted=SMALLEST))
    assert "(adjusted p < 0.0001)" in bound
    best = against(0.05, model="booster", optimism=0.02)
    other = said(**one, against_baseline=against(0.1), against_best_baseline=best)
    assert "best baseline of any model is booster; the difference from it is +0.050" in other
    assert "once 0.020 is taken away" in other


def test_costs_are_given_by_1_000_rows_with_what_deciding_now_risks() -> None:
    best = against(-0.05, model="booster", optimism=0.002)
    best |= {"probability_better": 0.97, "expected_regret": 0.0005}
    text = said("cost", strategy="smote", against_best_baseline=best)
    assert "its expected cost is 600.000 per 1,000 rows" in text
    assert "saves 50.000 per 1,000 rows (interval +20.000 to +80.000)" in text
    assert "with a probability of 97%; deciding for it now risks 0.500 per 1,000 rows" in text


def test_questions_with_another_answer_are_named() -> None:
    answers = {"ranking": answer(), "probabilities": answer(), "cost": answer("smote")}
    (only,) = advice.others({"goal": "ranking", "answers": answers})
    assert only.startswith("Which costs least? Use smote with forest")
    assert advice.advised({"goal": "cost", "answers": answers}) == ("smote", "forest")


def test_a_placebo_that_differs_is_said_loudly() -> None:
    rows = [NONE, cell("placebo", 0.51, 0.01, level="placebo")]
    (quiet,) = advice.placebo(pd.DataFrame(rows))
    assert "differs by up to +0.010 (forest)" in quiet
    rows[1]["verdict"] = "better"
    (loud,) = advice.placebo(pd.DataFrame(rows))
    assert loud.startswith("Read the verdicts with care") and "forest (better)" in loud
    assert advice.placebo(pd.DataFrame([NONE])) == []


def test_a_gain_that_grows_when_both_sides_tune_has_no_share_that_remains() -> None:
    gain = summary.Gain("smote", "forest", "forest", 0.1, 0.3)
    (first,) = summary.remaining([gain], "0.5")
    assert first.endswith("validation rows, the gain is +0.300.") and "%" not in first


def test_the_reading_counts_the_comparisons_and_says_what_they_rest_on() -> None:
    verdicts = ("better", "better", "inconclusive", "worse")
    rows = [NONE, *(cell(f"s{k}", 0.5, 0.1, verdict=one) for k, one in enumerate(verdicts))]
    rows.append(cell("broken", float("nan"), status="failed"))
    rows.append(cell("twin", 0.5, same_as="none/forest"))
    text = read(rows)
    assert "4 remedies were compared with the baseline in average precision: 2 better" in text
    assert "1 worse, 1 inconclusive. The 95 % intervals hold for all of them together" in text
    assert "1 combination gives the same scores as another one" in text
    assert "Of 7 combinations, 1 failed" in text
    assert "was fitted once" not in text and "one repeat" not in text and "too few" not in text
    assert "Each combination was fitted once" in read(rows, fits=1, repeats=1)
    assert "The split has one repeat of 5 fits" in read(rows, fits=5, repeats=1)
    few = read(rows, independent_positives=3, positives_in_smallest_part=1)
    assert "3 independent positives, of which the smallest test part has 1, are too few" in few


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
