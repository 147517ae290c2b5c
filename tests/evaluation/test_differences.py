"""Differences from the baseline in every measure, against plain computations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from counterpoise.core.config import Costs, StratifiedKFold, Thresholds, Worth
from counterpoise.data import splitters
from counterpoise.evaluation import bootstrap, costs, decisions, differences, significance
from counterpoise.evaluation.differences import Design, Measure, decided_now
from counterpoise.evaluation.fold_scores import FoldScores
from counterpoise.evaluation.questions import COST
from tests.conftest import numeric_table

BASE, OTHER, PLACEBO = ("none", "xgboost"), ("smote", "xgboost"), ("placebo", "xgboost")
TABLE = numeric_table()
SCHEME = StratifiedKFold(scheme="stratified_kfold", folds=3, repeats=2)
PARTS = splitters.split(TABLE, SCHEME, 1, "mine")
DESIGN = Design(2, 10, 30, Worth(), 1)


def scored(seed: int, share: float) -> list[FoldScores]:
    """Scores of which so much is the label, the same as probabilities."""
    random, found = np.random.default_rng(seed), []
    for fold in PARTS:
        scores = np.clip(share * TABLE.y + (1 - share) * random.random(len(TABLE)), 0.01, 0.99)
        test, validation = np.sort(fold.test), np.sort(fold.validation)
        log_odds = np.log(scores[test] / (1 - scores[test]))
        found.append(FoldScores(test, scores[test], validation, scores[validation], log_odds))
    return found


def measure(gains: dict[Any, float], name: str = "average_precision", seed: int = 0) -> Measure:
    """A measure of combinations that gain so much, with little chance."""
    random, shape = np.random.default_rng(seed), (len(gains), 1)
    values = np.array(list(gains.values()))[:, None]
    folds = values + random.normal(0, 0.01, (shape[0], 10))
    folds += values - folds.mean(axis=1, keepdims=True)
    draws = values + random.normal(0, 0.005, (shape[0], 300))
    return Measure(name, "", list(gains), values[:, 0], folds, draws)


def test_a_combination_with_the_scores_of_an_earlier_one_is_named() -> None:
    one, other = scored(1, 0.2), scored(2, 0.2)
    cells = {BASE: one, OTHER: other, ("enn", "xgboost"): scored(2, 0.2), ("enn", "svm"): one}
    same = differences.same_scores(cells)
    assert same == {("enn", "xgboost"): OTHER, ("enn", "svm"): BASE}
    another = scored(2, 0.2)
    another[-1].test_scores[-1] += 1e-9
    assert not differences.same_scores({OTHER: other, ("enn", "xgboost"): another})


def test_a_row_says_what_two_part_and_the_simultaneous_interval_found() -> None:
    one = measure({BASE: 0.5, OTHER: 0.53, ("enn", "xgboost"): 0.5})
    pairs = {OTHER: BASE, ("enn", "xgboost"): BASE}
    table = differences.table([one], [pairs], DESIGN).set_index("strategy")
    folds, draws = one.folds[[1, 2]] - one.folds[0], one.draws[[1, 2]] - one.draws[0]
    found = significance.two_part(folds, draws, 2, 30)
    assert table["difference"].tolist() == pytest.approx([0.03, 0])
    assert table["standard_error"].tolist() == pytest.approx(found.standard_error)
    assert (table["row_error"] ** 2 + table["training_error"] ** 2).tolist() == pytest.approx(
        found.standard_error**2
    )
    assert table["fits"].tolist() == [10, 10]
    assert table["verdict"].tolist() == ["better", "inconclusive"]
    assert table["positives_needed"].isna().tolist() == [True, False]


@pytest.mark.parametrize("name", ["log_loss", "log_loss_corrected", "brier"])
def test_a_lower_loss_is_better(name: str) -> None:
    lower = differences.table(
        [measure({BASE: 0.5, OTHER: 0.4}, name)], [{OTHER: BASE}], DESIGN
    ).loc[0]
    assert lower["difference_high"] < 0 and lower["verdict"] == "better"
    assert lower["probability_better"] > 0.99 and lower["expected_regret"] < 1e-3
    higher = measure({BASE: 0.4, OTHER: 0.5}, name)
    row = differences.table([higher], [{OTHER: BASE}], DESIGN).loc[0]
    assert row["verdict"] == "worse" and row["expected_regret"] == pytest.approx(0.1, rel=0.01)


def test_too_few_positives_have_no_other_verdict_and_no_number_that_is_left_out() -> None:
    few = Design(2, significance.FEWEST_IN_A_PART - 1, 30, Worth(), 1)
    row = differences.table([measure({BASE: 0.5, OTHER: 0.9})], [{OTHER: BASE}], few).loc[0]
    assert row["verdict"] == "too few positives"
    assert 0 < row["difference_low"] < 0.4 < row["difference_high"]


def test_a_placebo_is_a_family_of_its_own() -> None:
    """Its interval is as wide without any remedy, and it widens that of no remedy."""
    many = {("remedy", str(k)): 0.5 for k in range(8)}
    one = measure({BASE: 0.5, PLACEBO: 0.5, **many})
    remedies = dict.fromkeys(many, BASE)

    def width(families: list[dict[Any, Any]], strategy: str) -> float:
        table = differences.table([one], families, DESIGN)
        row = table[table["strategy"] == strategy].iloc[0]
        return float(row["difference_high"] - row["difference_low"])

    apart = [remedies, {PLACEBO: BASE}]
    assert width(apart, "placebo") == width([{}, {PLACEBO: BASE}], "placebo")
    assert width(apart, "remedy") == width([remedies], "remedy")
    assert width([{**remedies, PLACEBO: BASE}], "placebo") > 1.05 * width(apart, "placebo")


def test_the_difference_in_cost_is_that_of_a_plain_computation_from_the_scores() -> None:
    rules, prices = Thresholds(), {"false_positive": 1, "false_negative": 10}
    matrix = costs.matrix(Costs(**prices), TABLE, "here")
    scores = {BASE: scored(1, 0.1), OTHER: scored(2, 0.3)}
    rows, called = [], {}
    for cell, folds in scores.items():
        decided, _, called[cell] = decisions.decisions("mine", cell, folds, TABLE.y, rules, matrix)
        rows += decided
    made = decisions.measures(pd.DataFrame(rows), called, PARTS, TABLE.y, matrix, 7)
    (of_cost,) = (one for one in made if (one.name, one.rule) == (COST, "cost"))
    weights = np.hstack(list(bootstrap.draws(PARTS, TABLE.y, 7)))

    def cost(cell: Any, weight: np.ndarray) -> tuple[float, list[float]]:
        """Each row alone: a positive where its probability is at least 1 in 11."""
        sums, each = [], []
        for fold in scores[cell]:
            of_rows, counted = [], []
            for row, probability in zip(fold.test, fold.corrected, strict=True):
                positive = 10 * probability >= 1 - probability
                wrong = 10 * (TABLE.y[row] and not positive) + (not TABLE.y[row] and positive)
                of_rows.append(weight[row] * wrong)
                counted.append(weight[row])
            sums.append((sum(of_rows), sum(counted)))
            each.append(sum(of_rows) / sum(counted))
        return sum(one for one, _ in sums) / sum(rows for _, rows in sums), each

    once = np.ones(len(TABLE))
    (base, base_folds), (other, other_folds) = cost(BASE, once), cost(OTHER, once)
    table = differences.table([of_cost], [{OTHER: BASE}], DESIGN)
    row = table.loc[0]
    assert row["difference"] == pytest.approx(other - base)
    assert row["verdict"] is None, "no test decides about costs"
    assert of_cost.folds[1] - of_cost.folds[0] == pytest.approx(
        np.subtract(other_folds, base_folds), abs=1e-6
    )
    some = range(0, 1000, 100)
    drawn = [cost(OTHER, weights[:, k])[0] - cost(BASE, weights[:, k])[0] for k in some]
    assert (of_cost.draws[1] - of_cost.draws[0])[list(some)] == pytest.approx(drawn, abs=1e-6)
    # 10 positives in each of three test parts
    assert row["row_error"] == pytest.approx(
        (of_cost.draws[1] - of_cost.draws[0]).std(ddof=1) * np.sqrt(10 / 9)
    )
    probability, regret = integrated(row["difference"], row["standard_error"], 20)
    assert 0 <= row["expected_regret"] < row["standard_error"]
    assert row["probability_better"] == pytest.approx(probability, abs=0.02)
    assert row["expected_regret"] == pytest.approx(regret, rel=0.3)


def integrated(loss: float, error: float, freedom: float) -> tuple[float, float]:
    """Probability of a negative loss and the expected positive part, by numerical integration."""
    of = stats.t(freedom, loc=loss, scale=error)
    end = loss + 2_000 * error
    middle = [point for point in (loss, loss + 10 * error) if point > 0]
    regret, _ = integrate.quad(lambda x: x * of.pdf(x), 0, end, points=middle, limit=500)
    return float(of.cdf(0)), regret


@pytest.mark.parametrize(("loss", "error"), [(-0.3, 0.1), (-0.05, 0.1), (0.0, 2.0), (0.2, 0.1)])
@pytest.mark.parametrize("freedom", [3, 9, 200])
def test_what_deciding_now_risks_is_the_integral(loss: float, error: float, freedom: float) -> None:
    assert decided_now(loss, error, freedom) == pytest.approx(
        integrated(loss, error, freedom), rel=1e-3, abs=1e-6
    )


def test_without_chance_deciding_risks_the_loss_itself() -> None:
    assert decided_now(-0.1, 0, 9) == (1, 0)
    assert decided_now(0.1, 0, 9) == (0, 0.1)
    assert decided_now(0, 0, 9) == (0.5, 0)
    assert np.isnan(decided_now(0.1, 0.2, 1)[1])
    normal = integrated(0.1, 0.2, 1e6)
    assert decided_now(0.1, 0.2, np.inf) == pytest.approx(normal, rel=1e-3)


def test_most_of_what_the_best_of_many_seems_to_gain_is_found_as_optimism() -> None:
    """All are equal in truth: what the best of nine seems to gain is all optimism, of which the
    bootstrap finds the larger part: it resamples values that already lie apart by chance."""
    random, seemed, taken = np.random.default_rng(0), [], []
    for seed in range(100):
        values = random.normal(0, 0.02, 10)
        draws = values[:, None] + random.normal(0, 0.02, (10, 300))
        groups = (range(1, 10), [0])
        seemed.append(values[1:].max() - values[0])
        taken.append(differences.optimism(values, draws, np.zeros(10), groups, seed))
    assert np.mean(seemed) == pytest.approx(0.03, abs=0.005), "1.485 deviations of nine normals"
    assert 0.6 < np.mean(taken) / np.mean(seemed) < 1.05


def test_a_single_candidate_of_each_side_has_no_optimism() -> None:
    random = np.random.default_rng(0)
    draws = random.normal(0.02, 0.01, (2, 300))
    found = differences.optimism(np.array([0.1, 0.0]), draws, np.full(2, 0.03), ([0], [1]), 1)
    assert found == pytest.approx(0, abs=1e-12)
