"""What must hold whatever the data, in plain words."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoise.core import config, yaml12
from counterpoise.data import splitters
from counterpoise.data.tables import Table
from counterpoise.engine.resampling import resample
from counterpoise.evaluation import thresholds
from counterpoise.evaluation.metrics import Ranking, losses
from counterpoise.samplers.registry import SAMPLERS
from tests.conftest import TABLES

words = st.text(
    string.ascii_letters + string.digits + " _-'\":#@%{}[],&*!|>\\\tñü≥", min_size=1, max_size=12
)
keys = st.text("abcxyz019_", min_size=1, max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False)
shares = st.floats(0.01, 0.99)
labels = st.one_of(st.booleans(), st.integers(-(10**9), 10**9), numbers, words)
columns = st.one_of(words, st.integers(0, 99))
values = st.one_of(labels, st.none(), st.lists(labels, max_size=2))
schemes_of_all_kinds = st.one_of(
    st.builds(
        config.StratifiedKFold,
        folds=st.integers(2, 9),
        repeats=st.integers(1, 3),
        validation=shares,
    ),
    st.builds(
        config.Holdout,
        scheme=st.just("holdout"),
        test_size=shares,
        stratify=st.booleans(),
        seed=st.one_of(st.none(), st.integers(0, 9)),
    ),
    st.builds(
        config.Temporal, scheme=st.just("temporal"), folds=st.integers(1, 3), test_size=shares
    ),
    st.builds(config.Grouped, scheme=st.just("grouped"), folds=st.integers(2, 9)),
)
thresholds_of_all_kinds = st.builds(
    config.Thresholds,
    half=shares,
    tuned=st.sampled_from(["f1", "mcc", "g_mean", "balanced_accuracy"]),
    cost=st.sampled_from(["expected", "empirical"]),
)
positive = st.floats(0.5, 1e6)
costs_of_all_kinds = st.builds(config.Costs, false_positive=positive, false_negative=positive)
# the target is no column to reckon costs from
amounts = st.builds(
    config.CostOf, column=words.map("cost of {}".format), times=numbers, plus=numbers
)
costs_of_a_dataset = st.one_of(
    costs_of_all_kinds, st.builds(config.Costs, false_positive=amounts, true_positive=amounts)
)
datasets = st.builds(
    config.Dataset,
    path=words,
    target=columns,
    positive=labels,
    # one column has one role
    drop=st.lists(words.map("dropped {}".format), max_size=3).map(tuple),
    categorical=st.lists(words.map("category {}".format), max_size=2).map(tuple),
    time=st.one_of(st.none(), words.map("time {}".format)),
    sentinels=st.lists(numbers, max_size=2).map(tuple),
    split=st.one_of(st.none(), schemes_of_all_kinds),
    thresholds=st.one_of(st.none(), thresholds_of_all_kinds),
    costs=st.one_of(st.none(), costs_of_a_dataset),
)
ranges = st.builds(
    lambda low, size: config.Range(low=low, high=low + size), st.integers(-9, 9), st.integers(1, 9)
)
searches = st.builds(
    config.Search,
    trials=st.just(3),
    space=st.dictionaries(
        words, st.one_of(ranges, st.lists(values, min_size=1, max_size=2)), min_size=1, max_size=2
    ),
)


@st.composite
def parameters(draw: st.DrawFn) -> config.Params:
    strategies = draw(
        st.dictionaries(
            keys,
            st.builds(
                config.Strategy,
                sampler=st.one_of(st.none(), keys),
                ratio=st.one_of(st.none(), shares),
                scale=st.booleans(),
                params=st.dictionaries(words, values, max_size=2),
            ),
            min_size=1,
            max_size=3,
        )
    )
    some = st.one_of(
        st.just("all"),
        st.lists(st.sampled_from(sorted(strategies)), min_size=1, max_size=2).map(tuple),
    )
    models = st.builds(
        config.Model,
        model=st.one_of(st.none(), keys),
        strategies=some,
        params=st.dictionaries(words, values, max_size=2),
        scale=st.sampled_from([None, True, False, "power"]),
        costs=st.sampled_from([None, "weights", "metacost"]),
        search=st.one_of(st.none(), searches),
    )
    return config.Params(
        seed=draw(st.integers(0, 2**40)),
        datasets=draw(
            st.dictionaries(
                keys.filter(lambda key: key != "index"), datasets, min_size=1, max_size=2
            )
        ),
        strategies=strategies,
        models=draw(st.dictionaries(keys, models, min_size=1, max_size=3)),
        split=draw(schemes_of_all_kinds),
        thresholds=draw(thresholds_of_all_kinds),
        costs=draw(costs_of_all_kinds),
        goal=draw(st.sampled_from(["ranking", "roc_auc", "probabilities", "cost"])),
        worth=draw(st.builds(config.Worth, average_precision=shares)),
    )


@given(parameters())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_parameters_survive_being_written_and_read(params: config.Params) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_text(yaml12.dump(params.model_dump()), encoding="utf-8")
        again = config.load(path)
    assert again == params
    assert [type(entry.positive) for entry in again.datasets.values()] == [
        type(entry.positive) for entry in params.datasets.values()
    ]  # 1, 1.0 and true are equal to Python, and are different labels


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels of both classes with scores, many of them tied."""
    rows = draw(st.integers(2, 40))
    y = np.array(
        [0, 1, *draw(st.lists(st.integers(0, 1), min_size=rows - 2, max_size=rows - 2))], np.int8
    )
    scores = draw(
        st.lists(st.sampled_from(np.linspace(0, 1, 8).tolist()), min_size=rows, max_size=rows)
    )
    return y, np.array(scores)


@given(scored(), st.randoms(use_true_random=False))
def test_metrics_do_not_depend_on_the_order_of_the_rows(
    data: tuple[np.ndarray, np.ndarray], random: Any
) -> None:
    y, scores = data
    n = len(y)
    order = np.array(random.sample(range(n), n))
    weights = np.ones((n, 1), np.float32)
    here = Ranking.of(np.arange(n), y, scores, n).metrics(weights)
    there = Ranking.of(np.arange(n), y[order], scores[order], n).metrics(weights)
    np.testing.assert_allclose(np.ravel(here), np.ravel(there), rtol=1e-12)
    for loss, other in zip(losses(y, scores), losses(y[order], scores[order]), strict=True):
        assert np.isclose(loss.mean(), other.mean(), rtol=1e-12)
    for metric in ("f1", "mcc", "g_mean", "balanced_accuracy"):
        assert thresholds.tuned(y, scores, metric) == thresholds.tuned(
            y[order], scores[order], metric
        )


@given(scored(), st.floats(-0.1, 1.1), st.floats(-0.1, 1.1))
def test_a_higher_threshold_never_predicts_more_positives(
    data: tuple[np.ndarray, np.ndarray], one: float, other: float
) -> None:
    low, high = (
        thresholds.confusion(data[0], data[1] >= threshold) for threshold in sorted((one, other))
    )
    assert high.tp <= low.tp
    assert high.fp <= low.fp
    assert sum(high) == sum(low) == len(data[0])


@given(scored())
def test_a_strictly_rising_change_of_the_scores_leaves_the_ranking_metrics_alone(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    y, scores = data
    n, weights = len(y), np.ones((len(y), 1), np.float32)
    # Elkan's correction for positives that count twenty times
    corrected = scores / (scores + 20 * (1 - scores))
    before = Ranking.of(np.arange(n), y, scores, n).metrics(weights)
    after = Ranking.of(np.arange(n), y, corrected, n).metrics(weights)
    np.testing.assert_array_equal(np.ravel(before), np.ravel(after))


@st.composite
def any_table(draw: st.DrawFn) -> Table:
    rows = draw(st.integers(40, 120))
    y = np.zeros(rows, np.int8)
    y[draw(st.lists(st.integers(0, rows - 1), min_size=12, max_size=rows // 2, unique=True))] = 1
    random = np.random.default_rng(draw(st.integers(0, 99)))
    X = random.integers(0, draw(st.integers(3, 60)), (rows, 2)).astype(float)
    return Table(("a", "b"), X, y, {}, {"time": random.integers(0, 40, rows).astype(float)})


SCHEMES = [
    config.StratifiedKFold(folds=3, repeats=2),
    config.StratifiedKFold(folds=2, repeats=1, validation=0),
    config.Holdout(scheme="holdout"),
    config.Temporal(scheme="temporal", folds=2),
    config.Grouped(scheme="grouped", folds=3, repeats=1),
]


@pytest.mark.parametrize(
    "scheme", SCHEMES, ids=lambda scheme: f"{scheme.scheme}-{scheme.validation}"
)
@given(table=any_table(), seed=st.integers(0, 5))
def test_each_row_has_one_part_in_each_fold_and_each_repeat_tests_it_once(
    scheme: Any, table: Table, seed: int
) -> None:
    try:
        parts = splitters.split(table, scheme, seed, "mine")
    except splitters.SplitError:
        return  # too few rows of a class on one side: an error, tested in test_splitters.py
    for fold in parts:
        together = np.concatenate([fold.train, fold.validation, fold.test])
        assert len(np.unique(together)) == len(together)
        assert bool(len(fold.validation)) == bool(scheme.validation)
        assert 0 < table.y[fold.train].sum() < len(fold.train)
        assert 0 < table.y[fold.test].sum() < len(fold.test)
        if scheme.scheme != "temporal":  # the last blocks are not yet known to the first fold
            assert len(together) == len(table)
    if scheme.scheme in {"stratified_kfold", "grouped"}:
        for repeat in {fold.repeat for fold in parts}:
            tested = np.concatenate([fold.test for fold in parts if fold.repeat == repeat])
            assert sorted(tested) == list(range(len(table)))
    if scheme.scheme == "temporal":
        time = table.roles["time"]
        for fold in parts:
            assert time[fold.train].max() < time[fold.validation].min()
            assert time[fold.validation].max() < time[fold.test].min()
    if scheme.scheme == "grouped":
        groups = splitters.groups_of(table)
        for fold in parts:
            assert not set(groups[fold.test]) & set(
                groups[np.concatenate([fold.train, fold.validation])]
            )
            assert not set(groups[fold.train]) & set(groups[fold.validation])


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_resampler_never_sees_a_test_or_validation_row(sampler: str, kind: str) -> None:
    """Whatever stands in the rows that are not for training, and whatever their labels: the result
    is the same."""
    table = TABLES[kind](160, 40)
    fold = next(iter(splitters.split(table, config.StratifiedKFold(folds=3, repeats=1), 1, "mine")))
    elsewhere = np.concatenate([fold.validation, fold.test])
    poisoned = table.X.copy()
    poisoned[elsewhere] = np.where(np.arange(len(elsewhere))[:, None] % 2, np.nan, 1e9)
    if kind != "numbers":
        poisoned[elsewhere] = np.nan
    y = table.y.copy()
    y[elsewhere] = 1 - y[elsewhere]
    results = [
        resample(
            Table(table.features, X, labels, table.categories), fold, sampler, config.Strategy(), 5
        )
        for X, labels in ((table.X, table.y), (poisoned, y))
    ]
    here, there = results
    assert (here.status, here.reason, here.before) == (there.status, there.reason, there.before)
    if here.resampled is None:
        assert here.status == "not_applicable"
        return
    assert there.resampled is not None
    for one, other in zip(here.resampled, there.resampled, strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(here.resampled.rows) <= set(fold.train)
