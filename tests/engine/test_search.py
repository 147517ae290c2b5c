"""The search: a budget, what is drawn and pruned, trials that fail, and the first trial."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest

from counterpoise.core import config
from counterpoise.core.config import Range, Search
from counterpoise.core.errors import ConfigurationError, NotApplicable
from counterpoise.core.paths import REPOSITORY
from counterpoise.engine.search import Report, SearchResult, search
from tests.conftest import numeric_table

SPACE: dict[str, Any] = {
    "max_depth": Range(low=2, high=8),
    "learning_rate": Range(low=0.01, high=0.3, log=True),
    "loss_gamma": Range(low=0.5, high=5.0),
    "scale_pos_weight": [1, "balanced", 10],
    "layers": [[64, 32], [128], None, {"units": 8}],
}
TRIALS = 18
"""Beyond the trials that are drawn at random and those that are not pruned."""


def bowl(params: dict[str, Any], report: Report) -> float:
    """Highest in the middle, lower the further away; it reports on the way and cannot be computed
    near one edge."""
    if params["max_depth"] == 8:
        raise ValueError("a tree that deep\ndoes not grow here")
    weight = {1: 0.0, "balanced": 0.2, 10: 0.1}[params["scale_pos_weight"]]
    layers = {"[64, 32]": 0.1, "[128]": 0.0, "null": 0.05, '{"units": 8}': 0.02}[
        json.dumps(params["layers"])
    ]
    worth = 1.0 + weight + layers
    worth -= (math.log(params["learning_rate"]) - math.log(0.05)) ** 2 / 10
    worth -= (params["loss_gamma"] - 2) ** 2 / 10 + (params["max_depth"] - 5) ** 2 / 10
    for step in range(9):
        report(step, worth * (1 - 0.8**step))
    return worth


def table(found: SearchResult) -> str:
    """Byte for byte."""
    return json.dumps([found.params, found.value, found.trials])


def states(found: SearchResult) -> list[str]:
    return [trial["state"] for trial in found.trials]


def steady(params: dict[str, Any], report: Report) -> float:
    return -abs(float(params["x"]) - 3)


LINE: dict[str, Any] = {"x": Range(low=0.0, high=10.0)}


@pytest.fixture(scope="module")
def whole() -> SearchResult:
    return search(bowl, SPACE, TRIALS, 7)


def test_the_optimum_is_found_better_than_by_chance() -> None:
    space = {name: Range(low=-5.0, high=5.0) for name in "xyz"}

    def value(params: dict[str, Any], _: Report) -> float:
        return -sum(number**2 for number in params.values())

    searched, drawn = [], []
    for seed in range(5):
        searched.append(search(value, space, 50, seed).value)
        chance = random.Random(seed)
        drawn.append(
            max(value({name: chance.uniform(-5, 5) for name in space}, print) for _ in range(50))
        )
    assert np.median(searched) > -0.5 > np.median(drawn)
    assert sum(s > d for s, d in zip(searched, drawn, strict=True)) >= 4


def test_the_best_is_the_highest_of_the_complete_trials(whole: SearchResult) -> None:
    complete = [trial for trial in whole.trials if trial["state"] == "complete"]
    assert whole.value == max(trial["value"] for trial in complete)
    assert whole.params == next(
        trial["params"] for trial in complete if trial["value"] == whole.value
    )
    assert whole.value == bowl(whole.params, lambda *_: None)


def test_of_equal_trials_the_earliest_is_taken() -> None:
    found = search(lambda params, _: 0.5, LINE, 12, 0)
    assert found.params == found.trials[0]["params"]


def test_numbers_and_choices_come_as_the_space_has_them(whole: SearchResult) -> None:
    for trial in whole.trials:
        params = trial["params"]
        assert list(params) == sorted(SPACE)
        assert type(params["max_depth"]) is int
        assert 2 <= params["max_depth"] <= 8
        assert type(params["learning_rate"]) is float
        assert 0.01 <= params["learning_rate"] <= 0.3
        assert params["scale_pos_weight"] in SPACE["scale_pos_weight"]
        assert params["layers"] in SPACE["layers"]
    assert len({json.dumps(trial["params"]["layers"]) for trial in whole.trials}) == 4


@pytest.mark.parametrize(
    ("dimension", "expected"),
    [
        (Range(low=0, high=10, step=5), {0, 5, 10}),
        (Range(low=0, high=9, step=5), {0, 5}),  # like Python's own range, which Optuna warns of
        (Range(low=0, high=1, step=0.25), {0.0, 0.25, 0.5, 0.75, 1.0}),
        (Range(low=0.0, high=1.0, step=0.4), {0.0, 0.4, 0.8}),
        ([[1, 2], {"a": [1]}, None, True, 1, "1"], None),
        ([5], {5}),
    ],
)
def test_every_kind_of_dimension_is_drawn_from_to_its_ends(
    dimension: Any, expected: set[float] | None
) -> None:
    seen = [
        trial["params"]["x"] for trial in search(lambda *_: 0.5, {"x": dimension}, 40, 0).trials
    ]
    assert {json.dumps(x) for x in seen} == {json.dumps(x) for x in expected or dimension}


def test_a_range_of_two_whole_numbers_by_its_logarithm_stays_whole() -> None:
    seen = [
        trial["params"]["x"]
        for trial in search(lambda *_: 0.5, {"x": Range(low=1, high=1000, log=True)}, 30, 0).trials
    ]
    assert all(type(x) is int for x in seen)
    assert sum(x < 100 for x in seen) > 10


def test_the_same_seed_makes_the_same_trials_and_another_seed_others(whole: SearchResult) -> None:
    assert table(search(bowl, SPACE, TRIALS, 7)) == table(whole)
    assert table(search(bowl, SPACE, TRIALS, 8)) != table(whole)


def test_the_order_of_the_keys_is_of_no_consequence(whole: SearchResult) -> None:
    assert table(search(bowl, dict(reversed(SPACE.items())), TRIALS, 7)) == table(whole)


def test_a_larger_budget_begins_with_the_same_trials(whole: SearchResult) -> None:
    assert search(bowl, SPACE, TRIALS + 4, 7).trials[:TRIALS] == whole.trials


def test_progress_is_reported_after_every_trial() -> None:
    heard: list[tuple[int, int, float | None]] = []
    search(steady, LINE, 3, 0, lambda *what: heard.append(what))
    assert [what[:2] for what in heard] == [(1, 3), (2, 3), (3, 3)]
    assert [what[2] for what in heard] == sorted(what[2] or 0.0 for what in heard)


def test_an_interrupt_goes_through() -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(value, LINE, 2, 0)


# Pruning, and what counts in the budget.


def test_hopeless_trials_are_pruned_and_count_in_the_budget(whole: SearchResult) -> None:
    assert [trial["trial"] for trial in whole.trials] == list(range(TRIALS))
    assert {"complete", "pruned", "failed"} == set(states(whole))
    for trial in whole.trials:
        assert list(trial) == ["trial", "state", "value", "step", "params", "reason"]
        if trial["state"] == "pruned":
            assert 9 // 3 <= trial["step"] < 9
            steps: dict[int, float] = {}
            bowl(trial["params"], steps.__setitem__)
            assert trial["value"] == steps[trial["step"]]
        else:
            assert trial["step"] is None
        assert (trial["state"] == "failed") == (trial["value"] is None) == bool(trial["reason"])


def test_none_is_pruned_before_enough_are_complete() -> None:
    def falling(params: dict[str, Any], report: Report) -> float:
        nonlocal calls
        calls += 1
        report(0, -calls)
        return -calls

    calls = 0
    found = search(falling, LINE, 8, 0)
    assert states(found) == ["complete"] * 5 + ["pruned"] * 3


def test_a_slow_learner_is_safe_in_the_first_third() -> None:
    def value(params: dict[str, Any], report: Report) -> float:
        nonlocal calls
        calls += 1
        for step in range(0, 900, 100):
            report(step, 0.0 if calls == 6 and step < 260 else 0.5)
        return 0.9 if calls == 6 else 0.5

    calls = 0
    assert search(value, LINE, 6, 0).value == 0.9


def test_trials_that_never_report_are_never_pruned() -> None:
    assert set(states(search(steady, LINE, 25, 0))) == {"complete"}


def test_a_trial_may_be_pruned_by_what_it_computes_itself() -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        if params["x"] > 3:
            raise optuna.TrialPruned
        return 0.5

    found = search(value, LINE, 12, 0)
    pruned = [trial for trial in found.trials if trial["params"]["x"] > 3]
    assert all(
        (trial["state"], trial["value"], trial["step"]) == ("pruned", None, None)
        for trial in pruned
    )
    assert 0 < len(pruned) < 12


# Trials that fail.


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("a text\n  of two lines"), "ValueError: a text of two lines"),
        (MemoryError(), "MemoryError"),
        (FloatingPointError("the loss is nan"), "FloatingPointError: the loss is nan"),
        (RuntimeError("x" * 900), "RuntimeError: " + "x" * 500),
        (NotApplicable("one class alone"), "NotApplicable: one class alone"),
    ],
)
def test_a_failed_trial_has_its_reason_and_the_search_goes_on(
    error: Exception, reason: str
) -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        if params["x"] > 5:
            raise error
        return float(params["x"])

    found = search(value, LINE, 15, 0)
    failed = [trial for trial in found.trials if trial["params"]["x"] > 5]
    assert len(found.trials) == 15
    assert failed
    assert all(
        (trial["state"], trial["value"], trial["reason"]) == ("failed", None, reason)
        for trial in failed
    )
    assert found.value <= 5


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda report: math.nan, "FloatingPointError: the value is nan"),
        (lambda report: -math.inf, "FloatingPointError: the value is -inf"),
        (lambda report: report(3, math.nan), "FloatingPointError: the value is nan at step 3"),
        (
            lambda report: report(-1, 0.5),
            "ValueError: steps count from 0 upwards, found -1 after none",
        ),
        (
            lambda report: [report(2, 0.5), report(2, 0.5)],
            "ValueError: steps count from 0 upwards, found 2 after 2",
        ),
    ],
)
def test_a_number_that_makes_no_sense_is_a_failed_trial(
    wrong: Callable[[Report], float], reason: str
) -> None:
    left = iter([wrong])
    found = search(lambda params, report: next(left, lambda _: 0.5)(report), LINE, 3, 0)
    assert states(found) == ["failed", "complete", "complete"]
    assert found.trials[0]["reason"] == reason


def test_when_every_trial_fails_the_error_has_the_first_reason() -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        nonlocal calls
        calls += 1
        raise ValueError(f"no {calls}")

    calls = 0
    with pytest.raises(
        RuntimeError, match=r"^all 4 trials of the search failed, the first with ValueError: no 1$"
    ):
        search(value, LINE, 4, 0)


@pytest.mark.parametrize("other", [NotApplicable("two classes"), ValueError("no")], ids=repr)
def test_rows_that_no_trial_can_be_fitted_on_are_not_applicable(other: Exception) -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        raise next(answers)

    answers = iter([NotApplicable("one class"), NotApplicable("one class"), other, other])
    with pytest.raises(
        (NotApplicable, RuntimeError), match=r"^all 4 trials .* first with NotApplicable: one"
    ) as caught:
        search(value, LINE, 4, 0)
    assert type(caught.value) is (
        NotApplicable if isinstance(other, NotApplicable) else RuntimeError
    )


def test_a_mistake_in_the_parameters_goes_through_at_once() -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        nonlocal calls
        calls += 1
        raise error

    calls, error = 0, ConfigurationError("no such parameter")
    with pytest.raises(ConfigurationError) as caught:
        search(value, LINE, 4, 0)
    assert caught.value is error
    assert calls == 1


# The first trial, and choices drawn again.


@pytest.mark.parametrize(
    "first",
    [
        {"x": 3.0},  # in the space
        {"x": 11.0},
        {"x": None},
        {"x": 3.0, "y": 1},
        {},  # not in the space: it is tried all the same
    ],
    ids=repr,
)
def test_what_is_found_is_never_worse_than_the_first(first: dict[str, Any]) -> None:
    def value(params: dict[str, Any], report: Report) -> float:
        for step in range(5):
            report(step, 0.0 if params == first else 0.5)
        return 1.0 if params == first else 0.5

    found = search(value, LINE, 12, 0, first=first)
    assert found.params == found.trials[0]["params"] == first
    assert found.value == 1.0
    assert len(found.trials) == 12
    assert all(0 <= trial["params"]["x"] <= 10 for trial in found.trials[1:])
    assert search(lambda params, _: float(params != first), LINE, 3, 0, first=first).params != first


def test_choices_that_are_drawn_again_are_not_computed_again() -> None:
    def value(params: dict[str, Any], report: Report) -> float:
        seen.append((params["a"], params["b"]))
        report(0, params["a"])
        return float(params["a"] + params["b"])

    seen: list[tuple[int, int]] = []
    found = search(value, {"a": [1, 2], "b": Range(low=0, high=1)}, 30, 0)
    assert len(found.trials) == 30
    assert found.value == 3
    complete = {
        (t["params"]["a"], t["params"]["b"]) for t in found.trials if t["state"] == "complete"
    }
    assert all(seen.count(pair) == 1 for pair in complete)
    assert len(seen) < 20


def test_a_model_may_take_its_parameters_apart() -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        params["layers"].append(1)
        return float(len(params.pop("layers")))

    space = {"layers": [[64], [32, 16]]}
    found = search(value, space, 6, 0, first={"layers": [8, 8, 8]})
    assert found.value == 4
    assert found.params == {"layers": [8, 8, 8]}
    assert space == {"layers": [[64], [32, 16]]}


# The space in params.yaml.

CONTENT: dict[str, Any] = {
    "seed": 1,
    "datasets": {"mine": {"path": "mine.csv", "target": "y", "positive": 1}},
    "strategies": {"none": {}},
    "split": {"scheme": "stratified_kfold"},
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {},
}


def parsed(requested: Any) -> Search:
    search_ = (
        config.parse({**CONTENT, "models": {"xgboost": {"search": requested}}})
        .models["xgboost"]
        .search
    )
    assert search_ is not None
    return search_


def test_a_space_of_params_yaml_is_one_that_can_be_searched() -> None:
    requested = parsed(
        {
            "trials": 3,
            "space": {
                "max_depth": {"low": 2, "high": 8},
                "learning_rate": {"low": 0.01, "high": 0.3, "log": True},
                "loss_gamma": {"low": 0.5, "high": 5.0},
                "scale_pos_weight": [1, "balanced", 10],
                "layers": [[64, 32], [128]],
            },
        }
    )
    found = search(lambda *_: 0.5, requested.space, requested.trials, 0)
    assert [type(found.params[name]) for name in ("max_depth", "learning_rate", "layers")] == [
        int,
        float,
        list,
    ]


@pytest.mark.parametrize(
    ("dimension", "message"),
    [
        ({"low": 3, "high": 3}, "low must be below high"),
        ({"low": 0.3, "high": 0.01}, "low must be below high"),
        ({"low": 0, "high": 1, "log": True}, "a logarithm needs a low above 0"),
        ({"low": -1.0, "high": 1.0, "log": True}, "a logarithm needs a low above 0"),
        ({"low": 1, "high": 9, "log": True, "step": 2}, "step and log exclude each other"),
        ({"low": 1, "high": 9, "step": 0}, "step must be above 0"),
        ({"low": 0.0, "high": math.inf}, "low and high must be finite"),
        ({"low": math.nan, "high": 1.0}, "low and high must be finite"),
        ({"low": True, "high": 3}, "low: must be a number, found True"),
        ({"low": "a", "high": 3}, "low: must be a number, found 'a'"),
        ({"low": 1}, "high: this key is required and missing"),
        ({"low": 1, "high": 2, "steps": 1}, "unknown key 'steps' (did you mean 'step'?)"),
        ([], "space.x: "),
        (3, "must be a list of choices, or {low, high, step, log}, found 3"),
    ],
)
def test_a_dimension_that_makes_no_sense_is_named(dimension: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parsed({"trials": 3, "space": {"x": dimension}})
    assert "models.xgboost.search.space.x" in (caught.value.found or "")
    assert message in (caught.value.found or "")


@pytest.mark.parametrize(
    "requested",
    [
        {"trials": 0, "space": {"x": [1]}},
        {"trials": 3, "space": {}},
        {"trials": 3},
        {"space": {"x": [1]}},
    ],
    ids=repr,
)
def test_a_search_of_nothing_is_an_error_of_params_yaml(requested: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"params\.yaml has an error"):
        parsed(requested)


@pytest.mark.parametrize(("trials", "space"), [(0, LINE), (3, {}), (3, {"x": []})])
def test_a_search_of_nothing_is_not_begun(trials: int, space: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="needs a trial and a parameter with values"):
        search(steady, space, trials, 0)


# A real model, and the library.


def test_a_search_finds_parameters_of_xgboost() -> None:
    from sklearn.metrics import average_precision_score
    from xgboost import XGBClassifier

    data = numeric_table(600, 60, seed=3)
    train, validation = np.arange(600) % 2 == 0, np.arange(600) % 2 == 1

    def value(params: dict[str, Any], _: Report) -> float:
        model = XGBClassifier(n_estimators=20, n_jobs=1, random_state=0, **params)
        model.fit(data.X[train], data.y[train])
        return float(
            average_precision_score(
                data.y[validation], model.predict_proba(data.X[validation])[:, 1]
            )
        )

    space = {
        "max_depth": Range(low=1, high=8),
        "learning_rate": Range(low=0.01, high=0.5, log=True),
        "subsample": [0.5, 1.0, 2.0],
        "scale_pos_weight": [1, 10],
    }
    found = search(value, space, 20, 0, first={})
    unsearched = value({}, print)
    assert found.trials[0]["value"] == unsearched
    assert found.value > unsearched
    reasons = {trial["reason"] for trial in found.trials if trial["params"].get("subsample") == 2.0}
    assert reasons == {
        "XGBoostError: value 2 for Parameter subsample exceed bound [0,1] subsample: Row subsample"
        " ratio of training instance."
    }
    assert table(search(value, space, 20, 0, first={})) == table(found)


def test_a_reason_holds_no_time_of_day_and_no_address() -> None:
    from xgboost import XGBClassifier

    data = numeric_table()

    def value(params: dict[str, Any], _: Report) -> float:
        XGBClassifier(n_estimators=1, objective="nothing").fit(data.X, data.y)
        return 0.5

    with pytest.raises(
        RuntimeError, match=r"failed, the first with XGBoostError: /.*Unknown objective"
    ) as caught:
        search(value, LINE, 1, 0)
    assert "0x" not in str(caught.value)
    assert "[bt]" not in str(caught.value)


def test_optuna_logs_nothing_and_its_logger_is_restored(capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search(bowl, SPACE, TRIALS, 7)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_optuna_is_imported_when_a_search_begins() -> None:
    script = "import sys, counterpoise.engine.search; print('optuna' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_a_trial_costs_little_beside_any_fit() -> None:
    start = time.process_time()
    search(bowl, SPACE, 50, 0)
    assert (time.process_time() - start) / 50 < 0.1
