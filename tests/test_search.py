"""The search: a budget, what is drawn and pruned, and that a killed search makes the trials it would have made."""

from __future__ import annotations

import json
import math
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from stages import config
from stages.config import Range, Search
from stages.errors import ConfigurationError, NotApplicable, StorageError
from stages.paths import REPOSITORY
from stages.remedies.search import Found, Report, search
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
    """Highest in the middle, lower the further away; it reports on the way and cannot be computed near one edge."""
    if params["max_depth"] == 8:
        raise ValueError("a tree that deep\ndoes not grow here")
    weight = {1: 0.0, "balanced": 0.2, 10: 0.1}[params["scale_pos_weight"]]
    layers = {"[64, 32]": 0.1, "[128]": 0.0, "null": 0.05, '{"units": 8}': 0.02}[json.dumps(params["layers"])]
    worth = 1.0 + weight + layers
    worth -= (math.log(params["learning_rate"]) - math.log(0.05)) ** 2 / 10
    worth -= (params["loss_gamma"] - 2) ** 2 / 10 + (params["max_depth"] - 5) ** 2 / 10
    for step in range(9):
        report(step, worth * (1 - 0.8**step))
    return worth


def table(found: Found) -> str:
    """Byte for byte."""
    return json.dumps([found.params, found.value, found.trials])


def states(found: Found) -> list[str]:
    return [trial["state"] for trial in found.trials]


def steady(params: dict[str, Any], report: Report) -> float:
    return -abs(float(params["x"]) - 3)


LINE: dict[str, Any] = {"x": Range(low=0.0, high=10.0)}


@pytest.fixture(scope="module")
def whole() -> Found:
    """A search that nothing interrupted and that kept no journal."""
    return search(bowl, SPACE, TRIALS, 7, None)


def test_the_optimum_is_found_better_than_by_chance() -> None:
    space = {name: Range(low=-5.0, high=5.0) for name in "xyz"}

    def value(params: dict[str, Any], _: Report) -> float:
        return -sum(number**2 for number in params.values())

    searched, drawn = [], []
    for seed in range(5):
        searched.append(search(value, space, 50, seed, None).value)
        chance = random.Random(seed)
        drawn.append(max(value({name: chance.uniform(-5, 5) for name in space}, print) for _ in range(50)))
    assert np.median(searched) > -0.5 > np.median(drawn)
    assert sum(s > d for s, d in zip(searched, drawn, strict=True)) >= 4


def test_the_best_is_the_highest_of_the_complete_trials(whole: Found) -> None:
    complete = [trial for trial in whole.trials if trial["state"] == "complete"]
    assert whole.value == max(trial["value"] for trial in complete)
    assert whole.params == next(trial["params"] for trial in complete if trial["value"] == whole.value)
    assert whole.value == bowl(whole.params, lambda *_: None)


def test_of_equal_trials_the_earliest_is_taken() -> None:
    found = search(lambda params, _: 0.5, LINE, 12, 0, None)
    assert found.params == found.trials[0]["params"]


def test_numbers_and_choices_come_as_the_space_has_them(whole: Found) -> None:
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
def test_every_kind_of_dimension_is_drawn_from_to_its_ends(dimension: Any, expected: set[float] | None) -> None:
    seen = [trial["params"]["x"] for trial in search(lambda *_: 0.5, {"x": dimension}, 40, 0, None).trials]
    assert {json.dumps(x) for x in seen} == {json.dumps(x) for x in expected or dimension}


def test_a_range_of_two_whole_numbers_by_its_logarithm_stays_whole() -> None:
    seen = [trial["params"]["x"] for trial in
            search(lambda *_: 0.5, {"x": Range(low=1, high=1000, log=True)}, 30, 0, None).trials]  # fmt: skip
    assert all(type(x) is int for x in seen)
    assert sum(x < 100 for x in seen) > 10


def test_the_same_seed_makes_the_same_trials_and_another_seed_others(whole: Found) -> None:
    assert table(search(bowl, SPACE, TRIALS, 7, None)) == table(whole)
    assert table(search(bowl, SPACE, TRIALS, 8, None)) != table(whole)


def test_the_order_of_the_keys_is_of_no_consequence(whole: Found, tmp_path: Path) -> None:
    turned = dict(reversed(SPACE.items()))
    assert table(search(bowl, turned, TRIALS, 7, None)) == table(whole)
    journal = tmp_path / "journal"
    search(bowl, SPACE, TRIALS, 7, journal)
    assert table(search(never, turned, TRIALS, 7, journal)) == table(whole)


def test_a_larger_budget_begins_with_the_same_trials(whole: Found) -> None:
    assert search(bowl, SPACE, TRIALS + 4, 7, None).trials[:TRIALS] == whole.trials


def never(params: dict[str, Any], report: Report) -> float:
    pytest.fail(f"{params} were tried again")


# A search that was killed.

KILLED = """
import os, pathlib, signal, sys
from tests.test_search import SPACE, TRIALS, bowl
from stages.remedies.search import search

calls = 0
def value(params, report):
    global calls
    calls += 1
    if calls > int(sys.argv[2]):
        report(0, 0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    return bowl(params, report)

search(value, SPACE, TRIALS, 7, pathlib.Path(sys.argv[1]))
"""


@pytest.mark.parametrize(("before", "torn"), [
    (0, b""), (3, b""), (11, b""), (TRIALS - 1, b""), (0, b'{"optuna":'), (11, b'{"trial":'),
    (11, b'{"trial":11,"drawn":{}}\n'), (3, b"\0\0\0\0"),
], ids=repr)  # fmt: skip
def test_a_killed_search_goes_on_to_the_same_trials(before: int, torn: bytes, whole: Found, tmp_path: Path) -> None:
    journal = tmp_path / "searches" / "journal"
    done = subprocess.run([sys.executable, "-c", KILLED, str(journal), str(before)], cwd=REPOSITORY, check=False)
    assert done.returncode == -signal.SIGKILL
    if torn:
        journal.parent.mkdir(exist_ok=True)
        with journal.open("ab") as file:
            file.write(torn)
    calls = 0

    def value(params: dict[str, Any], report: Report) -> float:
        nonlocal calls
        calls += 1
        return bowl(params, report)

    assert table(search(value, SPACE, TRIALS, 7, journal)) == table(whole)
    assert calls == TRIALS - before
    assert table(search(never, SPACE, TRIALS, 7, journal)) == table(whole)


def test_a_search_killed_again_and_again_comes_to_its_end(whole: Found, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    for _ in range(TRIALS // 5):
        subprocess.run([sys.executable, "-c", KILLED, str(journal), "5"], cwd=REPOSITORY, check=False)
    left = iter(range(TRIALS - TRIALS // 5 * 5))
    found = search(lambda params, report: (next(left), bowl(params, report))[1], SPACE, TRIALS, 7, journal)
    assert table(found) == table(whole)


def test_a_journal_cut_anywhere_is_gone_on_with(whole: Found, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    search(bowl, SPACE, TRIALS, 7, journal)
    content = journal.read_bytes()
    for cut in [*range(0, len(content), len(content) // 23), len(content) - 1]:
        journal.write_bytes(content[:cut])
        assert table(search(bowl, SPACE, TRIALS, 7, journal)) == table(whole)
        assert journal.read_bytes() == content


def test_a_journal_damaged_in_the_middle_counts_up_to_there(whole: Found, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    search(bowl, SPACE, TRIALS, 7, journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    for damaged in (
        b"\xff\xfe\n",
        b"[]\n",
        b"{}\n",
        lines[2],
        lines[9],
        lines[5].replace(b'"steps":[', b'"steps":[1,'),
    ):
        journal.write_bytes(b"".join([*lines[:5], damaged, *lines[6:]]))
        assert table(search(bowl, SPACE, TRIALS, 7, journal)) == table(whole)
        assert journal.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("other", [
    {"seed": 8}, {"space": {**LINE, "y": [1]}}, {"space": {"x": Range(low=0.0, high=9.0)}}, {"first": {"x": 1.0}},
], ids=repr)  # fmt: skip
def test_the_journal_of_another_search_is_not_gone_on_with(other: dict[str, Any], tmp_path: Path) -> None:
    asked: dict[str, Any] = {"space": LINE, "trials": 6, "seed": 7, "journal": tmp_path / "journal"}
    search(steady, **{**asked, **other})
    alone = search(steady, **{**asked, "journal": None})
    assert table(search(steady, **asked)) == table(alone)
    assert table(search(never, **asked)) == table(alone)


def test_an_interrupt_goes_through_and_what_was_done_is_kept(whole: Found, tmp_path: Path) -> None:
    left = iter(range(4))

    def value(params: dict[str, Any], report: Report) -> float:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return bowl(params, report)

    journal = tmp_path / "journal"
    with pytest.raises(KeyboardInterrupt):
        search(value, SPACE, TRIALS, 7, journal)
    assert len(journal.read_text().splitlines()) == 1 + 4
    assert table(search(bowl, SPACE, TRIALS, 7, journal)) == table(whole)


def test_progress_is_told_after_every_trial_and_at_the_start_of_what_goes_on(tmp_path: Path) -> None:
    heard: list[tuple[int, int, float | None]] = []
    journal = tmp_path / "journal"
    search(steady, LINE, 3, 0, journal, lambda *what: heard.append(what))
    assert [what[:2] for what in heard] == [(1, 3), (2, 3), (3, 3)]
    assert [what[2] for what in heard] == sorted(what[2] or 0.0 for what in heard)
    heard.clear()
    search(steady, LINE, 5, 0, journal, lambda *what: heard.append(what))
    assert [what[:2] for what in heard] == [(3, 5), (4, 5), (5, 5)]


# Pruning, and what counts in the budget.


def test_hopeless_trials_are_pruned_and_count_in_the_budget(whole: Found) -> None:
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
    found = search(falling, LINE, 8, 0, None)
    assert states(found) == ["complete"] * 5 + ["pruned"] * 3


def test_a_slow_learner_is_safe_in_the_first_third() -> None:
    def value(params: dict[str, Any], report: Report) -> float:
        nonlocal calls
        calls += 1
        for step in range(0, 900, 100):
            report(step, 0.0 if calls == 6 and step < 260 else 0.5)
        return 0.9 if calls == 6 else 0.5

    calls = 0
    assert search(value, LINE, 6, 0, None).value == 0.9


def test_trials_that_never_report_are_never_pruned() -> None:
    assert set(states(search(steady, LINE, 25, 0, None))) == {"complete"}


def test_a_trial_may_be_pruned_by_what_it_computes_itself() -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        if params["x"] > 3:
            raise optuna.TrialPruned
        return 0.5

    found = search(value, LINE, 12, 0, None)
    pruned = [trial for trial in found.trials if trial["params"]["x"] > 3]
    assert all((trial["state"], trial["value"], trial["step"]) == ("pruned", None, None) for trial in pruned)
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
def test_a_trial_that_fails_says_why_and_the_search_goes_on(error: Exception, reason: str) -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        if params["x"] > 5:
            raise error
        return float(params["x"])

    found = search(value, LINE, 15, 0, None)
    failed = [trial for trial in found.trials if trial["params"]["x"] > 5]
    assert len(found.trials) == 15
    assert failed
    assert all((trial["state"], trial["value"], trial["reason"]) == ("failed", None, reason) for trial in failed)
    assert found.value <= 5


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda report: math.nan, "FloatingPointError: the value is nan"),
        (lambda report: -math.inf, "FloatingPointError: the value is -inf"),
        (lambda report: report(3, math.nan), "FloatingPointError: the value is nan at step 3"),
        (lambda report: report(-1, 0.5), "ValueError: steps count from 0 upwards, found -1 after none"),
        (lambda report: [report(2, 0.5), report(2, 0.5)], "ValueError: steps count from 0 upwards, found 2 after 2"),
    ],
)
def test_a_number_that_makes_no_sense_is_a_failed_trial(wrong: Callable[[Report], float], reason: str) -> None:
    left = iter([wrong])
    found = search(lambda params, report: next(left, lambda _: 0.5)(report), LINE, 3, 0, None)
    assert states(found) == ["failed", "complete", "complete"]
    assert found.trials[0]["reason"] == reason


def test_when_every_trial_fails_the_first_reason_is_told_and_the_next_search_tries_again(tmp_path: Path) -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        nonlocal calls
        calls += 1
        raise ValueError(f"no {calls}")

    calls, journal = 0, tmp_path / "journal"
    with pytest.raises(RuntimeError, match=r"^all 4 trials of the search failed, the first with ValueError: no 1$"):
        search(value, LINE, 4, 0, journal)
    assert search(steady, LINE, 4, 0, journal).value <= 0


@pytest.mark.parametrize("other", [NotApplicable("two classes"), ValueError("no")], ids=repr)
def test_rows_that_no_trial_can_be_fitted_on_are_not_applicable_also_after_a_kill(
    other: Exception, tmp_path: Path
) -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        raise next(answers)

    journal = tmp_path / "journal"
    answers = iter([NotApplicable("one class"), NotApplicable("one class"), KeyboardInterrupt(), other, other])
    with pytest.raises(KeyboardInterrupt):
        search(value, LINE, 4, 0, journal)
    with pytest.raises(
        (NotApplicable, RuntimeError), match=r"^all 4 trials .* first with NotApplicable: one"
    ) as caught:
        search(value, LINE, 4, 0, journal)
    assert type(caught.value) is (NotApplicable if isinstance(other, NotApplicable) else RuntimeError)


def test_a_mistake_in_the_parameters_goes_through_at_once(tmp_path: Path) -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        nonlocal calls
        calls += 1
        raise error

    calls, error = 0, ConfigurationError("no such parameter")
    with pytest.raises(ConfigurationError) as caught:
        search(value, LINE, 4, 0, tmp_path / "journal")
    assert caught.value is error
    assert calls == 1


# The first trial, and choices drawn again.


@pytest.mark.parametrize("first", [
    {"x": 3.0},  # in the space
    {"x": 11.0}, {"x": None}, {"x": 3.0, "y": 1}, {},  # not in the space: it is tried all the same
], ids=repr)  # fmt: skip
def test_what_is_found_is_never_worse_than_the_first(first: dict[str, Any], tmp_path: Path) -> None:
    def value(params: dict[str, Any], report: Report) -> float:
        for step in range(5):
            report(step, 0.0 if params == first else 0.5)
        return 1.0 if params == first else 0.5

    journal = tmp_path / "journal"
    found = search(value, LINE, 12, 0, journal, first=first)
    assert found.params == found.trials[0]["params"] == first
    assert found.value == 1.0
    assert len(found.trials) == 12
    assert all(0 <= trial["params"]["x"] <= 10 for trial in found.trials[1:])
    assert table(search(never, LINE, 12, 0, journal, first=first)) == table(found)
    assert search(lambda params, _: float(params != first), LINE, 3, 0, None, first=first).params != first


def test_a_first_that_lies_in_the_space_teaches_the_sampler() -> None:
    first = {
        "max_depth": 5,
        "learning_rate": 0.05,
        "loss_gamma": 2.0,
        "scale_pos_weight": "balanced",
        "layers": [64, 32],
    }
    near = search(bowl, SPACE, 40, 0, None, first=first)
    assert near.params == first  # it is the best there is
    far = search(bowl, SPACE, 40, 0, None, first={**first, "loss_gamma": 6.0})
    assert [t["params"] for t in near.trials[1:10]] == [t["params"] for t in far.trials[1:10]]  # at random as yet
    assert near.trials[10:] != far.trials[10:]


def test_choices_that_are_drawn_again_are_not_computed_again() -> None:
    def value(params: dict[str, Any], report: Report) -> float:
        seen.append((params["a"], params["b"]))
        report(0, params["a"])
        return float(params["a"] + params["b"])

    seen: list[tuple[int, int]] = []
    found = search(value, {"a": [1, 2], "b": Range(low=0, high=1)}, 30, 0, None)
    assert len(found.trials) == 30
    assert found.value == 3
    complete = {(t["params"]["a"], t["params"]["b"]) for t in found.trials if t["state"] == "complete"}
    assert all(seen.count(pair) == 1 for pair in complete)
    assert len(seen) < 20


def test_a_model_may_take_its_parameters_apart() -> None:
    def value(params: dict[str, Any], _: Report) -> float:
        params["layers"].append(1)
        return float(len(params.pop("layers")))

    space = {"layers": [[64], [32, 16]]}
    found = search(value, space, 6, 0, None, first={"layers": [8, 8, 8]})
    assert found.value == 4
    assert found.params == {"layers": [8, 8, 8]}
    assert space == {"layers": [[64], [32, 16]]}


# The space in params.yaml.

CONTENT: dict[str, Any] = {
    "seed": 1,
    "datasets": {"mine": {"path": "mine.csv", "target": "y", "positive": 1}},
    "strategies": {"none": {}},
    "split": {"scheme": "stratified_kfold"},
    "thresholds": {},
    "costs": {},
}


def parsed(asked: Any) -> Search:
    search_ = config.parse({**CONTENT, "models": {"xgboost": {"search": asked}}}).models["xgboost"].search
    assert search_ is not None
    return search_


def test_a_space_of_params_yaml_is_one_that_can_be_searched() -> None:
    asked = parsed({"trials": 3, "space": {
        "max_depth": {"low": 2, "high": 8}, "learning_rate": {"low": 0.01, "high": 0.3, "log": True},
        "loss_gamma": {"low": 0.5, "high": 5.0}, "scale_pos_weight": [1, "balanced", 10], "layers": [[64, 32], [128]],
    }})  # fmt: skip
    found = search(lambda *_: 0.5, asked.space, asked.trials, 0, None)
    assert [type(found.params[name]) for name in ("max_depth", "learning_rate", "layers")] == [int, float, list]


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


@pytest.mark.parametrize("asked", [
    {"trials": 0, "space": {"x": [1]}}, {"trials": 3, "space": {}}, {"trials": 3}, {"space": {"x": [1]}},
], ids=repr)  # fmt: skip
def test_a_search_of_nothing_is_an_error_of_params_yaml(asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"params\.yaml has an error"):
        parsed(asked)


@pytest.mark.parametrize(("trials", "space"), [(0, LINE), (3, {}), (3, {"x": []})])
def test_a_search_of_nothing_is_not_begun(trials: int, space: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="needs a trial and something to choose from"):
        search(steady, space, trials, 0, None)


# A real model, and the library.


def test_a_search_finds_parameters_of_xgboost() -> None:
    from sklearn.metrics import average_precision_score
    from xgboost import XGBClassifier

    data = numeric_table(600, 60, seed=3)
    train, validation = np.arange(600) % 2 == 0, np.arange(600) % 2 == 1

    def value(params: dict[str, Any], _: Report) -> float:
        model = XGBClassifier(n_estimators=20, n_jobs=1, random_state=0, **params)
        model.fit(data.X[train], data.y[train])
        return float(average_precision_score(data.y[validation], model.predict_proba(data.X[validation])[:, 1]))

    space = {"max_depth": Range(low=1, high=8), "learning_rate": Range(low=0.01, high=0.5, log=True),
             "subsample": [0.5, 1.0, 2.0], "scale_pos_weight": [1, 10]}  # fmt: skip
    found = search(value, space, 20, 0, None, first={})
    unsearched = value({}, print)
    assert found.trials[0]["value"] == unsearched
    assert found.value > unsearched
    reasons = {trial["reason"] for trial in found.trials if trial["params"].get("subsample") == 2.0}
    assert reasons == {"XGBoostError: value 2 for Parameter subsample exceed bound [0,1] subsample: Row subsample ratio of "
                       "training instance."}  # fmt: skip
    assert table(search(value, space, 20, 0, None, first={})) == table(found)


def test_a_reason_holds_no_time_of_day_and_no_address() -> None:
    from xgboost import XGBClassifier

    data = numeric_table()

    def value(params: dict[str, Any], _: Report) -> float:
        XGBClassifier(n_estimators=1, objective="nothing").fit(data.X, data.y)
        return 0.5

    with pytest.raises(RuntimeError, match=r"failed, the first with XGBoostError: /.*Unknown objective") as caught:
        search(value, LINE, 1, 0, None)
    assert "0x" not in str(caught.value)
    assert "[bt]" not in str(caught.value)


def test_optuna_says_nothing_and_its_logger_is_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search(bowl, SPACE, TRIALS, 7, None)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_optuna_is_imported_when_a_search_begins() -> None:
    script = "import sys, stages.remedies.search; print('optuna' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_trial_costs_little_beside_any_fit(tmp_path: Path) -> None:
    start = time.process_time()
    search(bowl, SPACE, 50, 0, tmp_path / "journal")
    assert (time.process_time() - start) / 50 < 0.1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_full_disk_is_said() -> None:
    with pytest.raises(StorageError, match="no room left"):
        search(steady, LINE, 2, 0, Path("/dev/full"))
