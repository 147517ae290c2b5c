"""The fraud simulator against a naive one, the prequential split by hand, and card precision by
hand."""

from __future__ import annotations

import random
import re
import sys
import time as clock
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from benchmarks.fraud_simulator import __main__ as benchmark
from benchmarks.fraud_simulator import simulator
from benchmarks.fraud_simulator.card_precision import card_precision
from benchmarks.fraud_simulator.simulator import Sizes
from counterpoise.core import config, paths, yaml12
from counterpoise.core.config import Prequential
from counterpoise.core.errors import ConfigurationError, SplitError, TableError
from counterpoise.core.paths import REPOSITORY
from counterpoise.data import folds as splits
from counterpoise.data import splitters, tables
from counterpoise.data.reading.table import typed
from counterpoise.data.tables import Table
from tests.conftest import Stage

SMALL = Sizes(customers=150, terminals=600, days=60, radius=8)
FEATURES = (
    "amount",
    "weekend",
    "night",
    "customer_count_1",
    "customer_mean_1",
    "customer_count_7",
    "customer_mean_7",
    "customer_count_30",
    "customer_mean_30",
    "terminal_count_1",
    "terminal_risk_1",
    "terminal_count_7",
    "terminal_risk_7",
    "terminal_count_30",
    "terminal_risk_30",
)


# The simulation


def naive(size: Sizes) -> pd.DataFrame:
    """The simulation as the handbook tells it, a payment at a time, with pandas drawing what is
    compromised."""
    draw = np.random.RandomState(0)
    customers = [
        (draw.uniform(0, 100), draw.uniform(0, 100), draw.uniform(5, 100), draw.uniform(0, 4))
        for _ in range(size.customers)
    ]
    draw = np.random.RandomState(1)
    terminals = [(draw.uniform(0, 100), draw.uniform(0, 100)) for _ in range(size.terminals)]
    rows = []
    for number, (x, y, mean, rate) in enumerate(customers):
        near = [
            k
            for k, (a, b) in enumerate(terminals)
            if ((a - x) ** 2 + (b - y) ** 2) ** 0.5 < size.radius
        ]
        draw = np.random.RandomState(number)
        random.seed(number)
        for day in range(size.days):
            for _ in range(draw.poisson(rate)):
                second = int(draw.normal(43_200, 20_000))
                if second <= 0 or second >= 86_400:
                    continue
                amount = draw.normal(mean, mean / 2)
                amount = draw.uniform(0, 2 * mean) if amount < 0 else amount
                if near:
                    rows.append(
                        (
                            day * 86_400 + second,
                            day,
                            number,
                            random.choice(near),
                            np.round(amount, 2),
                        )
                    )
    made = pd.DataFrame(rows, columns=["second", "day", "customer", "terminal", "amount"])
    made = made.sort_values("second", kind="stable").reset_index(drop=True).assign(scenario=0)
    made.loc[made["amount"] > 220, "scenario"] = 1
    for day in range(size.days - 1):
        hit = pd.Series(range(size.terminals)).sample(n=2, random_state=day)
        made.loc[made["day"].between(day, day + 27) & made["terminal"].isin(hit), "scenario"] = 2
    for day in range(size.days - 1):
        hit = pd.Series(range(size.customers)).sample(n=3, random_state=day)
        theirs = made[made["day"].between(day, day + 13) & made["customer"].isin(hit)].index
        random.seed(day)
        stolen = random.sample(list(theirs), k=int(len(theirs) / 3))
        made.loc[stolen, "amount"] = made.loc[stolen, "amount"] * 5
        made.loc[stolen, "scenario"] = 3
    return made


@pytest.fixture(scope="module")
def small() -> pd.DataFrame:
    return simulator.simulate(SMALL)


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return naive(SMALL)


def test_the_payments_and_frauds_are_those_of_a_naive_simulation(
    small: pd.DataFrame, reference: pd.DataFrame
) -> None:
    assert len(small) == len(reference) > 5_000
    assert (
        small["time"] == pd.Timestamp("2018-04-01") + pd.to_timedelta(reference["second"], unit="s")
    ).all()
    for name in ("customer", "terminal", "scenario"):
        np.testing.assert_array_equal(small[name], reference[name])
    np.testing.assert_allclose(small["amount"], reference["amount"], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(small["fraud"], reference["scenario"] > 0)
    assert set(reference["scenario"]) == {0, 1, 2, 3}


def test_an_amount_above_220_is_a_fraud() -> None:
    cents = np.array([22_000, 22_001, 30_000])
    payments = simulator.Payments(*(np.array([10, 20, 30]),) * 3, cents, np.zeros(3, np.int8))
    marked = simulator.with_frauds(payments, Sizes(customers=10**6, terminals=10**6, days=2))
    assert marked.scenario.tolist() == [0, 1, 1]


def test_the_features_are_those_of_a_naive_reckoning(
    small: pd.DataFrame, reference: pd.DataFrame
) -> None:
    """Every payment by itself, from the definition; a payment of the same second counts where it
    stands before."""
    picked = np.arange(0, len(reference), 7)
    expected = {name: [] for name in FEATURES}
    second, customer, terminal, amount, fraud = (
        reference[name].to_numpy()
        for name in ("second", "customer", "terminal", "amount", "scenario")
    )
    position = np.arange(len(reference))
    for k in picked:
        moment = pd.Timestamp("2018-04-01") + pd.Timedelta(seconds=int(second[k]))
        expected["amount"].append(amount[k])
        expected["weekend"].append(moment.day_name() in {"Saturday", "Sunday"})
        expected["night"].append(moment.hour <= 6)
        for days in (1, 7, 30):
            mine = (
                (customer == customer[k]) & (second > second[k] - days * 86_400) & (position <= k)
            )
            expected[f"customer_count_{days}"].append(mine.sum())
            expected[f"customer_mean_{days}"].append(amount[mine].mean())
            end = second[k] - 7 * 86_400
            there = (terminal == terminal[k]) & (second <= end) & (second > end - days * 86_400)
            expected[f"terminal_count_{days}"].append(there.sum())
            expected[f"terminal_risk_{days}"].append(
                (fraud[there] > 0).mean() if there.any() else 0
            )
    for name, values in expected.items():
        np.testing.assert_allclose(
            small[name].iloc[picked], values, rtol=1e-12, atol=1e-9, err_msg=name
        )


def test_the_published_sizes_give_the_published_counts_within_two_minutes() -> None:
    start = clock.process_time()
    payments = simulator.drawn(Sizes())
    assert len(payments.time) == 1_754_155
    assert (payments.cents > 22_000).sum() == 978
    # the first rows that the handbook shows: second, customer, terminal, amount
    shown = zip(
        payments.time, payments.customer, payments.terminal, payments.cents / 100, strict=True
    )
    assert [next(shown) for _ in range(3)] == [
        (31, 596, 3156, 57.16),
        (130, 4961, 3412, 81.51),
        (476, 2, 1365, 146.0),
    ]
    marked = simulator.with_frauds(payments, Sizes())
    assert np.bincount(marked.scenario)[1:].tolist() == [973, 9_077, 4_631]  # 14,681 in all
    assert len(simulator.features(marked)) == 15
    assert clock.process_time() - start < 120, "seconds of one core, whatever else it does"


def test_the_same_sizes_give_the_same_table(small: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(small, simulator.simulate(SMALL))


def test_sizes_that_do_not_fit_into_memory_are_refused_with_an_estimate() -> None:
    with pytest.raises(
        ConfigurationError, match="The simulation would not fit into memory"
    ) as caught:
        simulator.simulate(Sizes(customers=10**9))
    assert re.search(
        r"customers: 1,000,000,000, days: 183, .* payments and [\d,]+\.\d GiB",
        str(caught.value.found),
    )
    assert "GiB of this machine" in str(caught.value.expected)


def test_customers_without_a_terminal_are_told() -> None:
    with pytest.raises(TableError, match="The simulation has no payments") as caught:
        simulator.simulate(Sizes(customers=3, terminals=2, days=3, radius=0.001))
    assert "radius: 0.001" in str(caught.value.found)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("customers", 2, "customers of at least 3"),
        ("terminals", 1, "terminals of at least 2"),
        ("days", 1, "days of at least 2"),
        ("radius", 0, "a finite radius above 0"),
        ("radius", float("inf"), "a finite radius above 0"),
        ("radius", float("nan"), "a finite radius above 0"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(key: str, value: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match="sizes make no sense") as caught:
        Sizes(**{key: value})
    assert caught.value.expected == told


def params(**split: Any) -> dict[str, Any]:
    """The entry that params.yaml has behind comments, at a small size."""
    text = (REPOSITORY / "params.yaml").read_text()
    (commented,) = re.findall(r"^  # fraud_simulator:.*\n((?:  #   .*\n)+)", text, re.MULTILINE)
    entry = yaml12.load(commented.replace("  #   ", ""))
    entry["path"] = "payments.parquet"
    entry["split"] |= {"start": "2018-05-02", "folds": 2, **split}
    return {
        "seed": 1,
        "datasets": {"payments": entry},
        "strategies": {"none": {}},
        "models": {"xgboost": {}},
        "split": {"scheme": "stratified_kfold"},
        "goal": "ranking",
        "worth": {},
        "thresholds": {},
        "costs": {},
    }


def test_the_stages_make_a_table_and_folds_of_it(
    stage: Stage,
    write_params: Callable[[dict[str, Any]], None],
    small: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_params(params())
    sizes = [part for name, size in asdict(SMALL).items() for part in (f"--{name}", f"{size:g}")]
    monkeypatch.setattr(sys, "argv", ["simulator", "payments.parquet", *sizes])
    simulator.main()
    stage("fetch", "payments")
    table = tables.read(paths.table("payments"))
    assert table.features == FEATURES
    assert set(table.roles) == {"time", "group"}
    np.testing.assert_array_equal(table.y, small["fraud"])
    np.testing.assert_array_equal(table.X, small[list(FEATURES)])
    stage("split", "payments")
    parts = splits.read(paths.split("payments"))
    assert parts.names == ((0, 0), (0, 1))
    day = small["time"].dt.strftime("%Y-%m-%d").to_numpy()
    for fold, (first, last) in zip(
        parts, [("2018-05-16", "2018-05-22"), ("2018-05-09", "2018-05-15")], strict=True
    ):
        assert (day[fold.test].min(), day[fold.test].max()) == (first, last)
        assert len(fold.validation) == pytest.approx(
            0.2 * (len(fold.train) + len(fold.validation)), abs=1
        )


def test_the_entry_of_the_benchmark_is_that_of_the_parameters() -> None:
    text = (REPOSITORY / "params.yaml").read_text()
    (commented,) = re.findall(r"^  # fraud_simulator:.*\n((?:  #   .*\n)+)", text, re.MULTILINE)
    entry = config.Dataset.model_validate(yaml12.load(commented.replace("  #   ", "")))
    assert entry.model_copy(update={"split": None}) == benchmark.ENTRY
    assert entry.split is not None
    assert entry.split.model_copy(update={"validation": 0}) == benchmark.TESTED


# The prequential split


def dated(
    days: list[int], y: list[int], cards: list[int] | None = None, first: str = "2020-01-01"
) -> Table:
    """Rows at noon of days counted from the first."""
    moment = (
        np.datetime64(first, "ns")
        + np.array(days) * np.timedelta64(1, "D")
        + np.timedelta64(12, "h")
    ).astype(int)
    roles = {"time": moment} | ({} if cards is None else {"group": np.array(cards)})
    return Table(
        ("a",), np.arange(len(days), dtype=float)[:, None], np.array(y, np.int8), {}, roles
    )


def prequential(**keys: Any) -> Prequential:
    return Prequential(
        **{"scheme": "prequential", "start": "2020-01-01", "folds": 1, "validation": 0, **keys}
    )


def test_training_delay_and_test_days_follow_each_other_and_folds_step_back_by_the_test_days() -> (
    None
):
    days = np.repeat(np.arange(40), 2).tolist()
    table = dated(days, [0, 1] * 40)
    scheme = prequential(start="2020-01-13", folds=4, train_days=5, delay_days=2, test_days=3)
    parts = splitters.split(table, scheme, 1, "mine")
    found = [
        (sorted(set(np.array(days)[f.train])), sorted(set(np.array(days)[f.test]))) for f in parts
    ]
    assert found == [
        ([*range(start, start + 5)], [*range(start + 7, start + 10)]) for start in (12, 9, 6, 3)
    ]


def test_cards_are_left_out_from_the_day_after_their_fraud_is_known() -> None:
    """Two training days (0, 1), two of delay (2, 3), three to test (4, 5, 6)."""
    rows = [
        # day, card, fraud
        (0, 1, 1),
        (0, 2, 0),
        (1, 3, 1),
        (1, 4, 0),  # 1 and 3 are known from the first test day on
        (2, 5, 1),  # known on the second test day
        (3, 6, 1),  # known on the third
        *((day, card, int(card == 4)) for day in (4, 5, 6) for card in range(1, 7)),
    ]
    days, cards, y = map(list, zip(*rows, strict=True))
    table = dated(days, y, cards)
    scheme = prequential(train_days=2, delay_days=2, test_days=3)
    (everyone,) = splitters.split(table, scheme, 1, "mine")
    assert len(everyone.test) == 18
    (fold,) = splitters.split(table, scheme.model_copy(update={"leave_known_out": True}), 1, "mine")
    # card 4 has its fraud on day 4, which is still unknown on day 6
    tested = {day: [cards[row] for row in fold.test if days[row] == day] for day in (4, 5, 6)}
    assert tested == {4: [2, 4, 5, 6], 5: [2, 4, 6], 6: [2, 4]}
    assert [cards[row] for row in fold.train] == [1, 2, 3, 4]


def test_without_a_delay_a_card_is_left_out_from_the_day_after_its_fraud() -> None:
    table = dated([0, 0, 1, 1, 2, 2, 2], [1, 0, 1, 0, 1, 0, 1], [9, 8, 1, 2, 1, 2, 3])
    scheme = prequential(train_days=1, delay_days=0, test_days=2, leave_known_out=True)
    (fold,) = splitters.split(table, scheme, 1, "mine")
    assert fold.test.tolist() == [2, 3, 5, 6]


def test_the_validation_slice_is_the_latest_part_of_the_training_days() -> None:
    days = [4, 3, 2, 1, 0] * 4 + [12, 12, 13]
    table = dated(days, [0, 1] * 11 + [0])
    (fold,) = splitters.split(
        table, prequential(train_days=5, delay_days=6, test_days=3, validation=0.3), 1, "mine"
    )
    # the border at 14 of 20 rows lies inside day 3 and moves back
    assert {days[row] for row in fold.train} == {0, 1, 2}
    assert {days[row] for row in fold.validation} == {3, 4}
    assert {days[row] for row in fold.test} == {12, 13}


def test_what_the_scheme_needs_is_told() -> None:
    table = dated([*range(30)], [0, 1] * 15)
    for roles, keys, told in (
        ({}, {}, "needs to know the time"),
        ({"time": table.roles["time"]}, {"leave_known_out": True}, "needs to know the group"),
        ({"time": np.arange(30.0)}, {}, "the time of the rows is a plain number"),
    ):
        with pytest.raises(SplitError, match=told):
            splitters.split(
                Table(table.features, table.X, table.y, {}, roles), prequential(**keys), 1, "mine"
            )


@pytest.mark.parametrize(
    ("keys", "found", "todo"),
    [
        (
            {"start": "2020-01-11"},
            "1 folds from 2020-01-11 to 2020-01-31",
            "take a start from 2020-01-01 to 2020-01-10.",
        ),
        (
            {"start": "2019-12-31"},
            "1 folds from 2019-12-31 to 2020-01-20",
            "take a start from 2020-01-01 to 2020-01-10.",
        ),
        (
            {"start": "2020-01-10", "folds": 3},
            "3 folds from 2019-12-27 to 2020-01-30",
            "ask for fewer folds, or ",
        ),
    ],
    ids=["too late", "too early", "too long"],
)
def test_folds_outside_of_the_table_are_told_with_the_starts_that_fit(
    keys: dict[str, Any], found: str, todo: str
) -> None:
    table = dated([*range(30)], [0, 1] * 15)
    with pytest.raises(
        SplitError, match="The folds lie outside of the days of the table"
    ) as caught:
        splitters.split(table, prequential(**keys), 1, "mine")
    assert caught.value.expected == "days from 2020-01-01 to 2020-01-30"
    assert caught.value.found == found
    assert str(caught.value.todo).startswith(todo)
    for start in re.findall(r"\d{4}-\d\d-\d\d", str(caught.value.todo)):
        splitters.split(table, prequential(**keys | {"start": start}), 1, "mine")


def test_days_without_rows_are_told() -> None:
    table = dated([0, 1, 2, 29], [0, 1, 0, 1])
    with pytest.raises(SplitError, match="The table is too small for this split") as caught:
        splitters.split(table, prequential(), 1, "mine")
    assert caught.value.found == "fold 0 has 3 training, 0 validation and 0 test rows"


@pytest.mark.parametrize("start", ["2018-08-15", "August", 20180815, "'2018-02-30'"])
def test_a_start_is_a_day_in_quotes(start: Any) -> None:
    """Without quotes YAML reads a date, which DVC refuses to read in params.yaml."""
    with pytest.raises(ValidationError, match='must be a day in quotes, such as "2018-08-15"'):
        Prequential.model_validate(yaml12.load(f"{{scheme: prequential, start: {start}}}"))
    assert (
        Prequential(scheme="prequential", start="2018-08-15").model_dump()["start"] == "2018-08-15"
    )


# Card precision


def precision(rows: list[tuple[int, int, float, int]], top: int) -> float:
    day, card, score, fraud = map(np.array, zip(*rows, strict=True))
    return card_precision(fraud, score, day, card, top)


def test_a_card_counts_by_its_highest_score_and_any_fraud_of_the_day() -> None:
    rows = [(1, 7, 0.2, 1), (1, 7, 0.9, 0), (1, 8, 0.5, 0), (1, 9, 0.4, 1)]
    assert precision(rows, 1) == 1
    assert precision(rows, 2) == 0.5
    assert precision(rows, 3) == pytest.approx(2 / 3)


def test_a_card_that_was_found_is_left_out_on_later_days_and_one_that_was_not_is_kept() -> None:
    rows = [
        (1, 7, 0.9, 1),
        (1, 8, 0.8, 0),
        (1, 9, 0.1, 1),  # 7 is found, 9 is not among the two
        (2, 7, 0.9, 1),
        (2, 8, 0.8, 0),
        (2, 9, 0.7, 1),  # 8 and 9 are looked into
        (3, 7, 0.9, 1),
        (3, 9, 0.8, 1),
        (3, 8, 0.7, 1),  # only 8 is left
    ]
    assert precision(rows, 2) == pytest.approx((1 / 2 + 1 / 2 + 1 / 2) / 3)
    assert precision(rows[::-1], 2) == precision(rows, 2)


def test_a_day_with_fewer_cards_than_can_be_looked_into_counts_what_was_found_of_all() -> None:
    assert precision([(1, 7, 0.9, 1), (1, 8, 0.8, 1), (1, 9, 0.1, 0)], 100) == 0.02


def test_among_equal_scores_the_smaller_number_comes_first() -> None:
    assert precision([(1, 9, 0.5, 1), (1, 8, 0.5, 0)], 1) == 0
    assert precision([(1, 7, 0.5, 1), (1, 8, 0.5, 0)], 1) == 1


def test_no_payment_has_no_card_precision() -> None:
    nothing = np.empty(0, np.int64)
    assert np.isnan(card_precision(nothing, np.empty(0), nothing, nothing))


# The benchmark


def test_the_benchmark_runs_on_a_small_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    table = typed(simulator.simulate(SMALL), benchmark.ENTRY, "here").table
    rows = [
        row
        for row in benchmark.ROWS
        if row.name in {"decision tree, SMOTE", "XGBoost", "weighted XGBoost"}
    ]
    scheme = benchmark.TESTED.model_copy(update={"start": "2018-05-07", "folds": 2})
    monkeypatch.setattr(benchmark, "TUNED", scheme.model_copy(update={"start": "2018-04-30"}))
    assert benchmark.chosen(rows[1:2], table) == [[rows[1].candidates[0]] * 3], (
        "there is nothing to choose"
    )
    taken = benchmark.chosen(rows, table)
    assert all(
        set(map(id, mine)) <= set(map(id, row.candidates))
        for mine, row in zip(taken, rows, strict=True)
    )
    assert {c.ratio for c in taken[0]} <= {0.5, 1.0}, (
        "a sixth of the rows are frauds: smaller ratios cannot be had"
    )
    ours = benchmark.tested(taken, table, scheme)
    assert ours.shape == (3, 3)
    for k, candidate in enumerate(taken[2]):
        assert ours[2, k] == benchmark.scored([candidate], table, scheme, "again")[0, k]
    assert ((ours > 0) & (ours <= 1)).all()
    said = benchmark.told(rows, taken, ours).splitlines()
    assert said[2].startswith("XGBoost")
    assert f"0.687  {ours[1, 1]:.3f}  {ours[1, 1] - 0.687:+.3f}" in said[2]
    assert said[2].endswith("within" if abs(ours[1, 1] - 0.687) <= 0.03 else "outside")


@pytest.mark.exhaustive
def test_the_published_average_precisions_come_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks.fraud_simulator"])
    status = benchmark.main()
    assert status == 0, capsys.readouterr().out
