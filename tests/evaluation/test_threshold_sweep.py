"""What cells decide at every threshold: held against counting by hand, and against the decisions of
the rules."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.config import Thresholds
from counterpoise.evaluation.columns import CONFUSION, DECISIONS, SWEEP
from counterpoise.evaluation.costs import CostMatrix
from counterpoise.evaluation.decisions import decisions
from counterpoise.evaluation.fold_scores import FoldScores
from counterpoise.evaluation.threshold_sweep import points, sweep
from counterpoise.evaluation.thresholds import confusion
from counterpoise.report import page_data

N = 400


def scored(seed: int, digits: int | None = None) -> tuple[np.ndarray, list[FoldScores], CostMatrix]:
    """Labels, three folds twice over with scores that tell something, and costs that differ from
    row to row."""
    random = np.random.default_rng(seed)
    y = (random.random(N) < 0.1).astype(np.int8)
    folds = []
    for _ in range(2):
        for test in np.array_split(random.permutation(N), 3):
            scores = 1 / (1 + np.exp(3 - 3 * y - random.normal(size=N)))
            scores = scores if digits is None else scores.round(digits)
            rows, rest = np.sort(test), np.setdiff1d(np.arange(N), test)
            folds.append(
                FoldScores(
                    rows,
                    scores[rows],
                    rest,
                    scores[rest],
                    np.full(len(rows), np.nan),
                    "not recalibrated",
                )
            )
    amounts = random.gamma(2, 50, N)
    return y, folds, CostMatrix(0.02 * amounts + 10, amounts + 20, np.full(N, 10.0), np.zeros(N))


def test_thresholds_go_by_a_hundredth_and_closer_towards_both_ends() -> None:
    at = points(Thresholds())
    assert 150 <= len(at) <= 200 and at[0] == 0 and at[-1] == 1
    assert (np.diff(at) > 0).all()
    assert set(np.arange(101) / 100) <= set(at)
    assert {0.00001, 0.0003, 0.009, 0.991, 0.99999} <= set(at)
    inner = at[1:-1]
    assert np.diff(np.log(inner / (1 - inner))).max() < 0.71, "no step is large in log odds"
    assert 0.1234567 in points(Thresholds(half=0.1234567)), (
        "the rule's own threshold is one of them"
    )


@given(seed=st.integers(0, 1000), digits=st.sampled_from([None, 2, 1]))
def test_counts_and_costs_are_those_of_deciding_row_by_row(seed: int, digits: int | None) -> None:
    y, folds, costs = scored(seed, digits)
    at = points(Thresholds())
    found = sweep(("smote", "forest"), folds, y, at=at, costs=costs)
    assert list(found.columns) == SWEEP and len(found) == len(at)
    for k in range(0, len(at), 7):
        each = [(fold, fold.test_scores >= at[k]) for fold in folds]
        counts = np.sum([confusion(y[fold.test], predicted) for fold, predicted in each], axis=0)
        assert found.loc[k, CONFUSION].tolist() == (counts / 2).tolist()
        cost = sum(costs.of(fold.test).total(y[fold.test], predicted) for fold, predicted in each)
        assert found.loc[k, "expected_cost"] == pytest.approx(cost / (2 * N), rel=1e-12)


@given(seed=st.integers(0, 1000))
def test_a_higher_threshold_never_calls_more_rows_positive(seed: int) -> None:
    y, folds, costs = scored(seed)
    found = sweep(("smote", "forest"), folds, y, at=points(Thresholds()), costs=costs)
    assert (found[["fp", "tp"]].diff().dropna() <= 0).all(axis=None)
    assert (found[["tn", "fn"]].diff().dropna() >= 0).all(axis=None)
    assert (found[CONFUSION].sum(axis=1) == N).all()


@pytest.mark.parametrize("half", [0.5, 0.25, 0.1234567])
def test_at_the_threshold_half_it_is_the_rule_half(half: float) -> None:
    y, folds, costs = scored(3)
    rules = Thresholds(half=half)
    rows, *_ = decisions("mine", ("smote", "forest"), folds, y, rules, costs)
    (rule,) = [row for row in rows if row["rule"] == "half"]
    found = sweep(("smote", "forest"), folds, y, at=points(rules), costs=costs)
    (mine,) = found[found["threshold"] == half].to_dict("records")
    assert [mine[name] for name in CONFUSION] == [rule[name] for name in CONFUSION]
    assert round(mine["expected_cost"], 6) == round(rule["expected_cost"], 6)
    table = pd.DataFrame(rows, columns=DECISIONS)
    assert found["threshold"].iloc[page_data.position(found, rule)] == half
    (tuned,) = table[table["rule"] == "tuned"].to_dict("records")
    near = found.iloc[page_data.position(found, tuned)]
    assert abs(near["fp"] + near["tp"] - tuned["fp"] - tuned["tp"]) <= 20
