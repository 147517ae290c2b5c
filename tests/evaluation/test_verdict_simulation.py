"""How often the verdict is wrong where nothing helps, and how often it finds a real gain, on
simulated scores."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from benchmarks.verdict import rules, simulated
from benchmarks.verdict.simulated import Setting

SMALL = Setting(50, prevalence=0.1)


def test_the_simulated_scores_have_the_average_precision_that_was_asked_for() -> None:
    random, y = np.random.default_rng(0), np.arange(400_000) < 20_000
    for wanted in (0.5, 0.55):
        scores = random.normal(size=len(y)) + simulated.separation(wanted, 0.05) * y
        assert average_precision_score(y, scores) == pytest.approx(wanted, abs=0.01)


def test_a_table_has_every_combination_in_every_fold_and_draw() -> None:
    setting = SMALL._replace(remedies=3)
    table = simulated.table(setting, simulated.separations(setting), 1)
    assert table.folds.shape == (4, 10) and table.draws.shape == (4, simulated.DRAWS)
    assert (table.repeats, table.positives) == (2, 50)
    assert table.folds.mean() == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("rule", rules.RULES)
def test_a_rule_says_different_where_its_interval_excludes_0(rule: str) -> None:
    """Holm's correction says it more often than the intervals of Bonferroni, never less."""
    setting = SMALL._replace(remedies=2, gain=0.2)
    table = simulated.table(setting, simulated.separations(setting), 2)
    found = rules.judge(table, [(1, 0), (2, 0), (0, 1)], rule, 1)
    apart = (found.low > 0) | (found.high < 0)
    assert (found.different | ~apart).all()
    if rule.startswith("two parts"):
        assert (found.different == apart).all()
    middle = (found.low + found.high) / 2
    assert middle[0] == pytest.approx(-middle[2])


def test_a_placebo_with_the_scores_of_the_baseline_is_no_difference_by_any_rule() -> None:
    table = simulated.table(SMALL, simulated.separations(SMALL), 1)
    for rule in rules.RULES:
        assert not rules.judge(table, [(0, 0)], rule, 1).different.any()


@pytest.mark.slow
@pytest.mark.parametrize("tables", [60, pytest.param(1_000, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize(
    ("setting", "found"),
    [
        (Setting(50, prevalence=0.05), (0, 0.05)),
        (Setting(50, remedies=10, prevalence=0.05), (0, 0.05)),
        (Setting(250, gain=0.1, prevalence=0.05), (0.9, 1)),
    ],
)
def test_the_verdict_keeps_its_level_and_finds_a_gain(
    setting: Setting, found: tuple[float, float], tables: int
) -> None:
    apart = simulated.separations(setting)
    pairs = [(k, 0) for k in range(1, setting.remedies + 1)]
    different = covered = 0
    for seed in range(tables):
        judged = rules.judge(simulated.table(setting, apart, seed), pairs, "two parts", seed)
        different += bool(judged.different.any())
        covered += bool(((judged.low <= setting.gain) & (setting.gain <= judged.high)).all())
    chance = 2 * np.sqrt(0.05 * 0.95 / tables)
    assert found[0] <= different / tables <= found[1] + chance
    assert covered / tables >= 0.95 - chance
