"""`counterpoise check`: every mistake of params.yaml and of its tables in one go."""

from __future__ import annotations

import copy
import json
import math
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from counterpoise import __main__ as cli
from counterpoise.commands import validation
from counterpoise.core import config, yaml12
from counterpoise.core.errors import ConfigurationError
from counterpoise.core.paths import REPOSITORY

PARAMS = """\
seed: many
sead: 3
datasets:
  good: {path: data/good.csv, target: y, positive: "yes"}
  absent:
    path: data/good.csv
    target: z
    positive: "yes"
    drop: [who]
  unread:
    path: data/good.csv
    targt: z
    positive: "yes"
  gone:
    path: data/gone.csv
    target: y
    positive: 1
  apart:
    path: data/good.csv
    target: y
    positive: "yes"
    group: g
  timed:
    path: data/good.csv
    target: y
    positive: maybe
    split: {scheme: temporal}
strategies:
  random_under: {scale: false}
  smote: {rato: 1, scale: 7}
  SMOTE: {}
  smot: {}
  random_over: {ratio: 0.5, params: {sampling_strategy: 1}}
models:
  xgboost: {strategies: [smote, SMOTE]}
  random_forest: {strategies: [smote, smoate]}
  xgbost: {}
split: {scheme: stratified_kfold}
goal: ranking
worth: {}
thresholds: {half: 3}
costs: {false_negative: amount}
"""
MISTAKES = [
    (1, "seed: Input should be a valid integer"),
    (2, "unknown key 'sead' (did you mean 'seed'?)"),
    (10, "datasets.unread.target: this key is required and missing"),
    (12, "datasets.unread: unknown key 'targt' (did you mean 'target'?)"),
    (22, "datasets.apart.group: the split stratified_kfold does not keep groups together"),
    (30, "strategies.smote: unknown key 'rato' (did you mean 'ratio'?)"),
    (30, "strategies.smote.scale: Input should be a valid boolean"),
    (31, "strategies.SMOTE: a key may hold lower-case letters"),
    (36, "models.random_forest.strategies names 'smoate'"),
    (41, "thresholds.half: Input should be less than or equal to 1, found 3"),
    (42, "costs: the column 'amount' belongs to one dataset"),
    (29, "`scale` has no effect on a strategy that reads no features."),
    (32, "There is no sampler 'smot'"),
    (33, "The ratio of a strategy is given twice."),
    (37, "There is no model 'xgbost'"),
    (7, "The table has no column 'z'."),
    (9, "The table has no column 'who'."),
    (15, "A dataset's `path` names no file."),
    (27, "The scheme temporal needs to know the time of each row."),
    (23, "The positive label 'maybe' is in no row."),
]
"""The lines of `PARAMS` and what is wrong there: the structure first, then entries, then tables."""

GOOD: dict[str, Any] = {
    "seed": 1,
    "datasets": {"good": {"path": "data/good.csv", "target": "y", "positive": "yes"}},
    "strategies": {"none": {}, "smote": {}, "random_over": {}},
    "models": {"xgboost": {}, "mlp": {"strategies": ["none", "smote"]}},
    "split": {"scheme": "stratified_kfold"},
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {},
}


@pytest.fixture
def here(workplace: Path) -> Path:
    Path("data").mkdir()
    rows = [f"{k}.5,{k % 7},{'no' if k % 4 else 'yes'}" for k in range(60)]
    Path("data/good.csv").write_text("\n".join(["a,g,y", *rows]) + "\n")
    return workplace


def checked(monkeypatch: pytest.MonkeyPatch, params: Any, *arguments: str) -> int:
    text = params if isinstance(params, str) else yaml12.dump(params)
    Path("params.yaml").write_text(text)
    monkeypatch.setattr("sys.argv", ["counterpoise", "check", *arguments])
    return cli.main()


def test_every_mistake_is_reported_at_once_with_its_line_and_tables_are_read_all_the_same(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(monkeypatch, PARAMS, "--json") == 1
    content = json.loads(capsys.readouterr().out)
    found = [(one["line"], one["what"]) for one in content["errors"]]
    for (line, what), (expected_line, words) in zip(found, MISTAKES, strict=True):
        assert (line, words in what) == (expected_line, True), what
    assert list(content["datasets"]) == ["good", "apart"]
    assert all(one["todo"] for one in content["errors"])

    assert checked(monkeypatch, PARAMS) == 1
    out, err = capsys.readouterr()
    assert re.findall(r"^error: (.*)$", err, re.MULTILINE) == [what for _, what in found]
    assert f"{len(MISTAKES)} errors found; no results were changed." in err
    assert [int(line) for line in re.findall(r"line: +(\d+) of params.yaml", err)] == [
        line for line, _ in MISTAKES
    ]
    assert "good: comma-separated" in out
    assert "OK" not in out


def test_warnings_follow_the_errors_and_change_no_exit_status(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without = {**GOOD, "strategies": {"smote": {}}, "models": {"xgboost": {"device": "auto"}}}
    assert checked(monkeypatch, without) == 0
    out, err = capsys.readouterr()
    assert "params.yaml: OK, 1 datasets x 1 combinations" in out
    assert err.startswith("warning: there is no strategy 'none'")
    assert checked(monkeypatch, {**without, "strategies": {"smote": {}, "smot": {}}}) == 1
    err = capsys.readouterr().err
    assert err.index("error:") < err.index("1 error found") < err.index("warning: there is no")
    assert checked(monkeypatch, without, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["errors"] == []
    assert len(content["warnings"]) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategies": {"none": {"scale": False}}}, "`scale` has no effect"),
        ({"strategies": {"none": {}, "random_over": {"scale": False}}}, "`scale` has no effect"),
        (
            {"strategies": {"none": {}, "smote": {"ratio": 1, "params": {"sampling_strategy": 1}}}},
            "given twice",
        ),
        (
            {
                "strategies": {
                    "none": {},
                    "smote_enn": {"ratio": 1, "params": {"smote": {"sampling_strategy": 0.5}}},
                }
            },
            "given twice",
        ),
        (
            {
                "strategies": {"none": {}, "enn": {}},
                "models": {"xgboost": {"strategies": ["none"]}},
            },
            "No model is combined",
        ),
        (
            {
                "strategies": {"none": {}, "enn": {}},
                "models": {"xgboost": {"search": {"trials": 2, "space": {"ratio": [0.5]}}}},
            },
            "no strategy of the model has",
        ),
        (
            {
                "datasets": {"good": {**GOOD["datasets"]["good"], "distributed": True}},
                "models": {"random_forest": {}},
            },
            "No model can be fitted over the workers",
        ),
    ],
)
def test_a_key_that_would_have_no_effect_is_an_error(
    changes: dict[str, Any],
    words: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    models = {"models": {"xgboost": {}}} if "strategies" in changes else {}
    assert checked(monkeypatch, {**GOOD, **models, **changes}) == 1
    err = capsys.readouterr().err
    assert words in err
    assert "error found" in err


MINE = GOOD["datasets"]["good"]
UNKNOWN = "; the keys here are: average_precision, roc_auc, log_loss, brier, f1, expected_cost"


GOALS = "Input should be 'ranking', 'roc_auc', 'probabilities' or 'cost'"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"goal": "best"}, f"goal: {GOALS}"),
        ({"goal": ["cost"]}, f"goal: {GOALS}"),
        ({"datasets": {"good": {**MINE, "goal": "costs"}}}, f"datasets.good.goal: {GOALS}"),
        ({"worth": {"auc": 0.01}}, f"worth: unknown key 'auc' (did you mean 'roc_auc'?){UNKNOWN}"),
        ({"worth": {"f1": -0.1}}, "worth.f1: Input should be greater than or equal to 0"),
        ({"worth": {"f1": math.nan}}, "worth.f1: Input should be a finite number"),
        ({"worth": {"f1": "much"}}, "worth.f1: Input should be a valid number"),
        (
            {"datasets": {"good": {**MINE, "worth": {"log_loss_corrected": 0.1}}}},
            "datasets.good.worth: unknown key 'log_loss_corrected'",
        ),
        (
            {"strategies": {"none": {}, "smote": {}, "again": {"sampler": "none"}}},
            "strategies.again: `sampler: none` makes a placebo, which needs a seed",
        ),
        (
            {"strategies": {"none": {}, "smote": {"seed": 1}}},
            "strategies.smote: a seed makes a placebo, the baseline once more",
        ),
        (
            {"strategies": {"none": {"seed": 1}, "smote": {}}},
            "strategies.none: the baseline takes no seed",
        ),
        (
            {"costs": {"false_positive": 0, "false_negative": 0}},
            "costs: no decision costs more than another",
        ),
    ],
)
def test_bad_goals_smallest_differences_and_placebos_are_named_with_their_line(
    changes: dict[str, Any],
    words: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert checked(monkeypatch, {**GOOD, **changes}, "--json") == 1
    content = json.loads(capsys.readouterr().out)
    (error,) = content["errors"]
    assert words in error["what"]
    text = Path("params.yaml").read_text().splitlines()
    # an unknown key stands in the line of its own
    named = re.search(r"unknown key '(\w+)'", words) or re.match(r"[\w.]*?(\w+):", words)
    assert named is not None
    assert text[error["line"] - 1].lstrip().startswith(f"{named[1]}:")
    # the table is read all the same, where the mistake is not in its entry
    assert list(content["datasets"]) == ([] if "datasets" in changes else ["good"])


@pytest.mark.parametrize(
    ("costs", "called"),
    [
        ({"false_positive": 0, "false_negative": 3}, "positive"),
        ({"false_positive": 2, "true_negative": 2, "false_negative": {"column": "a"}}, "positive"),
        ({"false_negative": 2, "true_positive": 2}, "negative"),
    ],
)
def test_costs_that_make_every_decision_the_same_are_an_error(
    costs: dict[str, Any],
    called: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    entry = {**MINE, "costs": costs}
    assert checked(monkeypatch, {**GOOD, "datasets": {"good": entry}}) == 1
    err = capsys.readouterr().err
    assert f"calling every row {called} costs least" in err
    assert "params.yaml: datasets.good.costs" in err
    assert "1 error found" in err


def test_weights_by_equal_costs_are_named_and_no_error(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = {"xgboost": {}, "weighing": {"model": "xgboost", "costs": "weights"}}
    equal = {"false_positive": 3, "true_negative": 1, "false_negative": 2}
    for costs, said in ((equal, True), ({**equal, "false_negative": 5}, False)):
        assert checked(monkeypatch, {**GOOD, "models": models, "costs": costs}) == 0
        err = capsys.readouterr().err
        assert ("models.weighing: `costs: weights` weighs all rows of good alike" in err) == said
        assert ("costs 2 more than the right one" in err) == said
    by_row = {"datasets": {"good": {**MINE, "costs": {"false_negative": {"column": "a"}}}}}
    assert checked(monkeypatch, {**GOOD, "models": models, **by_row}) == 0
    assert "alike" not in capsys.readouterr().err


def test_of_one_table_the_split_and_the_costs_are_both_looked_at(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {
        **GOOD["datasets"]["good"],
        "split": {"scheme": "stratified_kfold", "folds": 30},
        "costs": {"false_negative": {"column": "a", "plus": -9}},
    }
    assert checked(monkeypatch, {**GOOD, "datasets": {"good": entry}}) == 1
    err = capsys.readouterr().err
    assert "fewer positive rows than folds" in err
    assert "A false_negative has a negative cost" in err
    assert "2 errors found" in err


@pytest.mark.parametrize("content", [None, "", "- a\n", "a: [\n", "a: 1\na: 2\n", b"\xff"])
def test_a_file_that_is_no_params_yaml_is_one_error_in_both_forms(
    content: str | bytes | None,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        Path("params.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setattr("sys.argv", ["counterpoise", "check", "--json"])
    assert cli.main() == 1
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    monkeypatch.setattr("sys.argv", ["counterpoise", "check"])
    assert cli.main() == 1
    assert f"error: {error['what']}" in capsys.readouterr().err


VALUES: list[Any] = [
    *(None, 1, True, "x", [], {}, [1], {"a": 1}, {"scheme": "temporal"}, {1: 2}, {(1, 2): 3}, -1),
    *({"sampler": "none"}, {"seed": 1}, {"sampler": "none", "seed": 1}),
    *(["none"], ["nope"], {"column": "x"}, {"trials": 3, "space": {"ratio": [0.5]}}, {"x y": {}}),
]
KEYS: list[Any] = ["other", "SMOTE", 1, ("a", "b"), "group", "search", "index", "strategies"]


def damaged(chance: random.Random) -> dict[str, Any]:
    """The good parameters with some entries taken out, added or replaced."""
    content = copy.deepcopy(GOOD)

    def places(node: Any) -> list[tuple[Any, Any]]:
        if not isinstance(node, dict):
            return []
        return [one for key in node for one in ((node, key), *places(node[key]))]

    for _ in range(chance.choice([1, 2, 4, 8])):
        if not content:
            break
        node, key = chance.choice(places(content))
        action = chance.randrange(4)
        if action == 0:
            del node[key]
        else:
            name = chance.choice(KEYS) if action == 1 else key
            node[name] = copy.deepcopy(chance.choice(VALUES))
    return content


def test_of_any_parameters_the_valid_part_is_found_and_no_mistake_is_lost() -> None:
    for seed in range(300):
        content = damaged(random.Random(seed))
        checked = validation.structure(content, "")
        assert isinstance(checked.params, config.Params)
        try:
            config.parse(content)
        except ConfigurationError:
            assert checked.mistakes, seed
        else:
            assert not checked.mistakes
            assert checked.params == config.parse(content)


@pytest.mark.parametrize(
    "arguments", [["check", "--json"], ["check", "--help"], ["--help"]], ids=" ".join
)
def test_a_reader_that_stops_is_no_traceback(arguments: list[str], here: Path) -> None:
    Path("params.yaml").write_text(PARAMS)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "counterpoise", *arguments],
        env={"PYTHONPATH": str(REPOSITORY), "PATH": ""},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "BrokenPipeError" not in done.stderr
