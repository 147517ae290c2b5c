"""Two-part standard errors, simultaneous intervals and what they say of a difference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from counterpoise.evaluation import multiple, significance
from counterpoise.evaluation.significance import FEWEST, FEWEST_IN_A_PART, simultaneous, two_part

ENOUGH = 1_000_000
"""So many positives leave the bootstrap's variance as it is, and as certain as can be."""


def simulated(
    random: np.random.Generator,
    comparisons: int = 1,
    repeats: int = 2,
    rows: float = 0.02,
    training: float = 0.03,
    gain: float | np.ndarray = 0.0,
    each: int = 5,
) -> tuple[np.ndarray, np.ndarray]:
    """Folds and draws of a difference whose two parts have these deviations.

    `rows` is of the mean over one repeat, `training` of a single fit.
    """
    of_rows = random.normal(0, rows * each**0.5, (comparisons, 1, each))
    of_fits = random.normal(0, training, (comparisons, repeats, each))
    # each repeat tests the same rows, in other folds
    mean = of_rows.mean(axis=2, keepdims=True)
    other = random.normal(0, rows * each**0.5, (comparisons, repeats, each))
    other += mean - other.mean(axis=2, keepdims=True)
    folds = (gain + other + of_fits).reshape(comparisons, -1)
    draws = folds.mean(axis=1, keepdims=True) + random.normal(0, rows, (comparisons, 300))
    return folds, draws


def test_the_standard_error_is_that_of_the_formula() -> None:
    random = np.random.default_rng(0)
    folds, draws = random.normal(0.02, 0.05, (3, 10)), random.normal(0.02, 0.01, (3, 200))
    positives = 40
    found = two_part(folds, draws, 2, positives)
    for k in range(3):
        # 8 positives in each of five test parts
        row = draws[k].var(ddof=1) * 8 / 7
        spread = folds[k].var(ddof=1)
        model = spread - row * 5 * (10 - 2) / (10 - 1)
        assert model > 0
        error = math.sqrt(row + model / 10)
        rest = error**2 - spread / 10
        freedom = error**4 / ((spread / 10) ** 2 / 9 + rest**2 / (positives - 1))
        assert found.value[k] == pytest.approx(folds[k].mean())
        assert found.row_variance[k] == pytest.approx(row)
        assert found.model_variance[k] == pytest.approx(model)
        assert found.standard_error[k] == pytest.approx(error)
        assert found.degrees_of_freedom[k] == pytest.approx(freedom)


def test_a_spread_that_rows_explain_leaves_no_part_of_training() -> None:
    random = np.random.default_rng(0)
    folds, draws = random.normal(0, 0.01, (1, 10)), random.normal(0, 0.05, (1, 500))
    found = two_part(folds, draws, 2, ENOUGH)
    assert found.model_variance[0] == 0
    assert found.standard_error[0] == pytest.approx(draws.std(ddof=1), rel=1e-4)
    assert two_part(folds, draws, 2, 30).degrees_of_freedom[0] == pytest.approx(29)


def test_the_two_parts_add_up_to_the_variance_over_tables() -> None:
    random = np.random.default_rng(1)
    tables = [two_part(*simulated(random), 2, ENOUGH) for _ in range(2_000)]
    true = np.var([one.value[0] for one in tables])
    assert true == pytest.approx(0.02**2 + 0.03**2 / 10, rel=0.1)
    assert np.mean([one.standard_error[0] ** 2 for one in tables]) == pytest.approx(true, rel=0.1)


def test_one_fit_alone_has_no_part_of_training() -> None:
    random = np.random.default_rng(0)
    draws = random.normal(0.05, 0.01, (1, 500))
    found = two_part(np.array([[0.05]]), draws, 1, 50)
    assert (found.fits[0], found.model_variance[0]) == (1, 0)
    assert found.standard_error[0] == pytest.approx(draws.std(ddof=1) * math.sqrt(50 / 49))
    made = simultaneous(found, np.array([[0.05]]), draws, 1)
    assert 0 < made.low[0] < 0.05 < made.high[0]


def test_a_fold_that_does_not_define_the_difference_is_left_out() -> None:
    random = np.random.default_rng(0)
    folds, draws = random.normal(0.02, 0.05, (2, 10)), random.normal(0.02, 0.01, (2, 200))
    folds[0, 3] = draws[0, 7] = np.nan
    found = two_part(folds, draws, 2, 50)
    assert found.fits.tolist() == [9, 10]
    assert found.value[0] == pytest.approx(np.nanmean(folds[0]))
    made = simultaneous(found, folds, draws, 1)
    assert np.isfinite([made.low, made.high, made.p_adjusted]).all()
    folds[0] = draws[0] = np.nan
    found = two_part(folds, draws, 2, 50)
    made = simultaneous(found, folds, draws, 1)
    assert np.isnan([made.low[0], made.high[0], made.p_adjusted[0]]).all()
    assert np.isfinite([made.low[1], made.high[1], made.p_adjusted[1]]).all()


def test_identical_scores_differ_by_0_and_chance_explains_it() -> None:
    random = np.random.default_rng(0)
    folds, draws = random.normal(0.1, 0.01, (2, 10)), random.normal(0.1, 0.01, (2, 200))
    folds[0] = draws[0] = 0
    found = two_part(folds, draws, 2, 50)
    made = simultaneous(found, folds, draws, 1)
    assert (found.value[0], made.low[0], made.high[0], made.p_adjusted[0]) == (0, 0, 0, 1)
    alone = simultaneous(two_part(folds[1:], draws[1:], 2, 50), folds[1:], draws[1:], 1)
    assert (made.low[1], made.high[1]) == (alone.low[0], alone.high[0]), "it widens no other"


@pytest.mark.parametrize("comparisons", [1, 3, 12])
def test_an_interval_excludes_0_exactly_where_the_p_value_is_at_most_5_percent(
    comparisons: int,
) -> None:
    random, seen = np.random.default_rng(comparisons), set()
    for seed in range(30):
        gain = random.normal(0, 0.06, (comparisons, 1, 1))
        folds, draws = simulated(random, comparisons, gain=gain)
        found = two_part(folds, draws, 2, int(random.integers(10, 200)))
        made = simultaneous(found, folds, draws, seed)
        apart = (made.low > 0) | (made.high < 0)
        assert (apart == (made.p_adjusted <= 0.05)).all()
        assert (made.p_adjusted >= significance.SMALLEST).all()
        seen |= set(apart.tolist())
    assert seen == {True, False}


def test_the_agreement_holds_at_the_border_itself() -> None:
    """Differences of exactly the half-width, and a hair beside it."""
    random = np.random.default_rng(0)
    folds, draws = simulated(random)
    found = two_part(folds, draws, 2, 50)
    half = simultaneous(found, folds, draws, 1).high - found.value
    for factor, apart in ((1 - 1e-6, False), (1 + 1e-6, True)):
        moved = found._replace(value=half * factor)
        made = simultaneous(moved, folds, draws, 1)
        assert ((made.low[0] > 0), (made.p_adjusted[0] <= 0.05)) == (apart, apart)


def test_one_comparison_has_the_interval_of_student() -> None:
    folds, draws = simulated(np.random.default_rng(3))
    found = two_part(folds, draws, 2, 40)
    made = simultaneous(found, folds, draws, 1)
    expected = stats.t.ppf(0.975, found.degrees_of_freedom[0]) * found.standard_error[0]
    assert (made.high[0] - made.low[0]) / 2 == pytest.approx(expected, rel=0.03)
    wide = simultaneous(found, folds, draws, 1, level=0.99)
    assert wide.low[0] < made.low[0] and made.high[0] < wide.high[0]


def test_more_comparisons_widen_the_intervals_and_copies_of_one_do_not() -> None:
    folds, draws = simulated(np.random.default_rng(3), comparisons=10)

    def width(rows: list[int]) -> float:
        found = two_part(folds[rows], draws[rows], 2, ENOUGH)
        made = simultaneous(found, folds[rows], draws[rows], 1)
        return float(made.high[0] - made.low[0])

    alone = width([0])
    assert width([0] * 10) == pytest.approx(alone, rel=0.03)
    # ten independent ones need at most what Bonferroni takes
    bonferroni = stats.norm.ppf(1 - 0.025 / 10) / stats.norm.ppf(0.975)
    assert 1.2 < width(list(range(10))) / alone < 1.1 * bonferroni


@pytest.mark.parametrize("comparisons", [1, 5])
def test_a_useless_remedy_is_better_or_worse_in_at_most_5_percent_of_200_seeds(
    comparisons: int,
) -> None:
    wrong, tables = 0, 200
    for seed in range(tables):
        random = np.random.default_rng([seed, comparisons])
        folds, draws = simulated(random, comparisons)
        found = two_part(folds, draws, 2, 100)
        made = simultaneous(found, folds, draws, seed)
        said = {
            significance.verdict(low, high, 0, positives=True)
            for low, high in zip(made.low, made.high, strict=True)
        }
        wrong += bool(said & {"better", "worse"})
    assert wrong / tables <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / tables)


def test_a_large_gain_is_found() -> None:
    random, found = np.random.default_rng(0), 0
    for seed in range(50):
        folds, draws = simulated(random, 5, gain=0.12)
        made = simultaneous(two_part(folds, draws, 2, 100), folds, draws, seed)
        found += bool((made.low > 0).all())
    assert found >= 45


@pytest.mark.parametrize(
    ("low", "high", "worth", "expected"),
    [
        (0.02, 0.05, 0.01, "better"),
        (-0.05, -0.02, 0.01, "worse"),
        (-0.02, 0.05, 0.01, "inconclusive"),
        (0.002, 0.008, 0.01, "equivalent"),
        (-0.01, 0.01, 0.01, "equivalent"),
        (0.002, 0.011, 0.01, "better"),
        (0.0, 0.0, 0.01, "equivalent"),
        (0.0, 0.0, 0.0, "inconclusive"),
        (0.0, 0.5, 0.0, "inconclusive"),
        (math.nan, math.nan, 0.01, None),
    ],
)
def test_a_verdict_is_a_statement_about_the_interval(
    low: float, high: float, worth: float, expected: str | None
) -> None:
    assert significance.verdict(low, high, worth, positives=True) == expected
    few = None if expected is None else "too few positives"
    assert significance.verdict(low, high, worth, positives=False) == few
    turned = {"better": "worse", "worse": "better"}.get(str(expected), expected)
    mirrored = significance.verdict(low, high, worth, positives=True, higher_is_better=False)
    assert mirrored == turned


def test_positives_are_counted_in_each_part_and_in_all() -> None:
    assert significance.enough(FEWEST_IN_A_PART, FEWEST)
    assert not significance.enough(FEWEST_IN_A_PART - 1, 10 * FEWEST)
    assert not significance.enough(10 * FEWEST_IN_A_PART, FEWEST - 1)


def test_so_many_repeats_as_are_named_would_settle_the_difference() -> None:
    rows, training, value, half = 0.01, 0.1, 0.03, 0.06
    error = math.sqrt(rows**2 + training**2 / 10)
    found = significance.Differences(
        *(np.array([one]) for one in (value, rows**2, training**2, 10.0, 9.0))
    )
    made = significance.Intervals(*(np.array([one]) for one in (value - half, value + half, 0.3)))
    needed = significance.needed(found, made, 0, 0.0, 5, 100)
    assert needed is not None and needed.repeats is not None
    quantile = half / error

    def reach(repeats: int) -> float:
        return quantile * math.sqrt(rows**2 + training**2 / (5 * repeats))

    assert reach(needed.repeats) <= value < reach(needed.repeats - 1)
    assert needed.positives == 400, "half the width takes four times the rows"
    # rows alone leave too much
    no_end = found._replace(row_variance=np.array([0.02**2]), model_variance=np.array([0.04**2]))
    settled = significance.needed(no_end, made, 0, 0.0, 5, 100)
    assert settled is not None and settled.repeats is None
    nothing = found._replace(value=np.array([0.0]))
    assert significance.needed(nothing, made, 0, 0.0, 5, 100) is None
    # a difference of 0 can be shown to be too small to be worth having
    small = significance.needed(nothing, made, 0, 0.03, 5, 100)
    assert small is not None and small.positives == 400


def test_holm_is_what_the_paper_says() -> None:
    """Steps of Holm (1979): the smallest of m is multiplied by m, the next by m - 1, and none falls
    below the one before."""
    assert multiple.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert multiple.holm([0.5, math.nan, 0.9])[0::2] == pytest.approx([1.0, 1.0])
    assert math.isnan(multiple.holm([0.5, math.nan, 0.9])[1])
    assert multiple.holm([]) == []
