"""The answer as lines: the advice, the best three, and everything that has no result."""

from __future__ import annotations

from typing import Any

import pandas as pd

from counterpoise.evaluation import summary
from counterpoise.evaluation.advice import advice
from counterpoise.evaluation.terminal_answer import answer_lines

COMPARED = ["difference", "difference_low", "difference_high", "p_adjusted", "verdict"]
FACTS: dict[str, Any] = {
    "goal": "ranking",
    "answers": {
        "ranking": {
            "strategy": "none",
            "model": "forest",
            "value": 0.5,
            "verdicts": {"inconclusive": 1},
        }
    },
    "defects": {"findings": []},
}


def row(strategy: str, model: str, value: float | None, **more: Any) -> dict[str, Any]:
    return {
        "strategy": strategy,
        "model": model,
        "status": "ok",
        "reason": None,
        "level": "none" if strategy == "none" else "data",
        "average_precision": value,
        "average_precision_low": None if value is None else value - 0.125,
        "average_precision_high": None if value is None else value + 0.125,
        **dict.fromkeys(COMPARED),
        **more,
    }


def lines(*rows: dict[str, Any], **facts: Any) -> list[str]:
    board = pd.DataFrame(rows)
    differences = board[["strategy", "model", *COMPARED]].assign(measure="average_precision")
    return answer_lines({**FACTS, **facts}, board, differences)


def test_the_best_three_are_those_of_the_question_that_is_asked() -> None:
    ends = {"roc_auc_low": 0.5, "roc_auc_high": 1.0}
    rows = [
        row("none", "forest", 0.5, roc_auc=0.75, **ends),
        row("smote", "forest", 0.25, roc_auc=0.875, difference=-0.25, verdict="worse", **ends),
    ]
    board = pd.DataFrame(rows)
    differences = board[["strategy", "model"]].assign(
        measure="roc_auc", **(dict.fromkeys(COMPARED) | {"difference": [None, 0.125]})
    )
    differences["verdict"] = [None, "inconclusive"]
    facts = FACTS | {"goal": "roc_auc", "answers": {"roc_auc": FACTS["answers"]["ranking"]}}
    assert answer_lines(facts, board, differences)[1:] == [
        "1. smote with forest: ROC AUC 0.875 (0.500 to 1.000), +0.125 against its baseline:"
        " inconclusive",
        "2. forest: ROC AUC 0.750 (0.500 to 1.000), a baseline",
    ]


def test_the_advice_comes_first_then_the_best_three_without_placebos() -> None:
    first, *best = lines(
        row("none", "forest", 0.5),
        row("smote", "forest", 0.625, difference=0.125, verdict="inconclusive"),
        row("placebo", "forest", 0.75, level="placebo"),
        row("under", "forest", 0.25, difference=-0.25, verdict="worse"),
        row("over", "forest", 0.375, difference=-0.125, verdict="inconclusive"),
    )
    assert first == advice(FACTS)
    assert [line.split(":")[0] for line in best] == [
        "1. smote with forest",
        "2. forest",
        "3. over with forest",
    ]
    assert "0.625 (0.500 to 0.750)" in best[0] and best[0].endswith("inconclusive")
    assert summary.signed(0.125) in best[0] and best[1].endswith("a baseline")


def test_what_failed_is_named_with_its_reason_once_for_models_that_share_it() -> None:
    *_, failed, refused = lines(
        row("none", "forest", 0.5),
        row("adasyn", "forest", None, status="not_applicable", reason="too few neighbours"),
        row("adasyn", "net", None, status="not_applicable", reason="too few neighbours"),
        row("none", "net", None, status="failed", reason="out of memory"),
    )
    assert failed == "failed: none with net: out of memory"
    assert refused == "not applicable: adasyn with forest, net: too few neighbours"


def test_a_serious_finding_is_repeated_and_a_note_is_not() -> None:
    finding = {"code": "CP301", "title": "A leak", "sentence": "One column tells.", "kind": "leak"}
    found = lines(
        row("none", "forest", 0.5),
        defects={
            "findings": [
                {**finding, "severity": "serious"},
                {**finding, "severity": "note", "code": "CP202"},
            ]
        },
    )
    assert [line for line in found if "CP" in line] == ["serious: CP301 A leak: One column tells."]


def test_without_any_result_the_reasons_are_left() -> None:
    first, failed = lines(row("none", "forest", None, status="failed", reason="no"), answers={})
    assert "No combination has a result" in first and failed == "failed: none with forest: no"
