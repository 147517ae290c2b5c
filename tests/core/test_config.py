"""params.yaml: what it may hold, and the error for each mistake in it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from counterpoise.core import config, yaml12
from counterpoise.core.errors import ConfigurationError
from counterpoise.core.paths import REPOSITORY
from counterpoise.core.seeds import seed_for

SMALLEST: dict[str, Any] = {
    "seed": 1,
    "datasets": {"mine": {"path": "data/mine.csv", "target": "y", "positive": 1}},
    "strategies": {"none": {}, "smote": {}},
    "models": {"xgboost": {}, "random_forest": {}},
    "split": {"scheme": "stratified_kfold"},
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {},
}


def changed(place: str, value: Any) -> dict[str, Any]:
    """The smallest params.yaml with one value changed: `changed("datasets.mine.target", "z")`."""
    content = copy.deepcopy(SMALLEST)
    node, *keys = content, *place.split(".")
    for key in keys[:-1]:
        node = node.setdefault(key, {})
    node[keys[-1]] = value
    return content


COST = (
    "costs.false_positive: must be a number of at least 0, the name of a column, or {column, times,"
    " plus}"
)


def found_in(content: Any) -> list[str]:
    """What the error of a wrong params.yaml lists, one line a mistake."""
    with pytest.raises(ConfigurationError) as caught:
        config.parse(content)
    assert caught.value.where == "params.yaml"
    assert "counterpoise check" in str(caught.value.todo)
    return [line.strip() for line in str(caught.value.found).splitlines()]


def from_text(folder: Path, text: str) -> config.Params:
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    return config.load(folder / "params.yaml")


QUOTES = (
    "must be the name of a column (true, false, null, dates and decimals need quotes around them)"
)
LOWER_CASE = (
    "a key may hold lower-case letters, digits and _ alone, since DVC makes stage names of it"
)
SCHEMES = "the schemes are: grouped, holdout, prequential, stratified_kfold, temporal"
DATASET = (
    "path, target, positive, negative, source, drop, categorical, time, group, columns, names,"
    " separator, encoding, header, sheet, database, sentinels,"
    " data_checks, distributed, split, thresholds, costs, goal, worth"
)
ADDRESSES = {"name": "a.csv", "urls": ["https://example.org/a.csv"]}


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (
            "startegies",
            {},
            (
                "unknown key 'startegies' (did you mean 'strategies'?); the keys here are: "
                "seed, datasets, strategies, models, split, thresholds, costs, goal, worth"
            ),
        ),
        (
            "datasets.mine.taget",
            "y",
            (
                "datasets.mine: unknown key 'taget' (did you mean 'target'?); the keys here are:"
                f" {DATASET}"
            ),
        ),
        (
            "strategies.smote.rato",
            1,
            (
                "strategies.smote: unknown key 'rato' (did you mean 'ratio'?); "
                "the keys here are: sampler, ratio, scale, params, seed"
            ),
        ),
        (
            "split",
            {"scheme": "holdout", "folds": 3},
            (
                "split: unknown key 'folds'; the keys here are: scheme, test_size, stratify, seed,"
                " validation"
            ),
        ),
        (
            "split",
            {"scheme": "kfold"},
            f"split: unknown scheme; {SCHEMES}, found {{'scheme': 'kfold'}}",
        ),
        (
            "split",
            {"folds": 3},
            f"split: the key scheme is missing; {SCHEMES}, found {{'folds': 3}}",
        ),
        (
            "split",
            {"scheme": "grouped", "folds": 1},
            "split.folds: Input should be greater than or equal to 2, found 1",
        ),
        (
            "datasets.mine.split",
            {"scheme": "holdout", "test_size": 1},
            "datasets.mine.split.test_size: Input should be less than 1, found 1",
        ),
        ("strategies", {"SMOTE": {}}, f"strategies.SMOTE: {LOWER_CASE}, found 'SMOTE'"),
        ("models", {"x-g": {}}, f"models.x-g: {LOWER_CASE}, found 'x-g'"),
        (
            "strategies",
            {1: {}},
            "strategies.1: a key must be a text; put quotes around it, found 1",
        ),
        (
            "strategies",
            {},
            "strategies: Dictionary should have at least 1 item after validation, not 0, found {}",
        ),
        ("strategies", ["none"], "strategies: Input should be a valid dictionary, found ['none']"),
        (
            "strategies.smote",
            "yes",
            (
                "strategies.smote: Input should be a valid dictionary or instance of Strategy,"
                " found 'yes'"
            ),
        ),
        (
            "strategies.smote.ratio",
            2,
            "strategies.smote.ratio: Input should be less than or equal to 1, found 2",
        ),
        (
            "models.xgboost.strategies",
            "smote",
            (
                "models.xgboost.strategies: must be all, or a list such as [none, smote], found"
                " 'smote'"
            ),
        ),
        (
            "models.xgboost.strategies",
            ["none", 3],
            (
                "models.xgboost.strategies: must be all, or a list such as [none, smote], found"
                " ['none', 3]"
            ),
        ),
        (
            "models.xgboost.strategies",
            ["adasyn"],
            (
                "models.xgboost.strategies names 'adasyn', which is not among the strategies: none,"
                " smote"
            ),
        ),
        (
            "datasets.mine.positive",
            [[1]],
            "datasets.mine.positive.0: must be one label: a text, a number, true or false, found"
            " [1]",
        ),
        ("datasets.mine.target", 1.5, f"datasets.mine.target: {QUOTES}, found 1.5"),
        ("datasets.mine.drop", ["a", False], f"datasets.mine.drop.1: {QUOTES}, found False"),
        (
            "datasets.index",
            SMALLEST["datasets"]["mine"],
            "datasets.index: this key is taken by reports/index.html; choose another",
        ),
        (
            "datasets.mine.source",
            {},
            "datasets.mine.source: a source needs either files or bundled",
        ),
        (
            "datasets.mine.source",
            {"files": [ADDRESSES]},
            (
                "datasets.mine.source.files.0: a file needs either sha256 or unpacked_sha256, so"
                " that it can be verified"
            ),
        ),
        (
            "datasets.mine.source",
            {"bundled": "digits", "rows": {"column": "a"}},
            "datasets.mine.source.rows: rows needs either equals or at_most",
        ),
        (
            "thresholds",
            {"tuned": "F1"},
            (
                "thresholds.tuned: Input should be 'f1', 'mcc', 'g_mean' or 'balanced_accuracy',"
                " found 'F1'"
            ),
        ),
        (
            "thresholds",
            {"half": 1.5},
            "thresholds.half: Input should be less than or equal to 1, found 1.5",
        ),
        ("costs", {"false_positive": float("nan")}, COST + ", found nan"),
        ("costs", {"false_negative": -2}, COST.replace("positive", "negative") + ", found -2"),
        ("costs", {"true_positive": True}, COST.replace("false", "true") + ", found True"),
        (
            "datasets.mine.costs",
            {"false_negative": "y"},
            (
                "datasets.mine: costs: the column 'y' is the target, and costs must not depend on"
                " the label: give a number, or another column"
            ),
        ),
        (
            "datasets.mine.costs",
            {"false_negative": {"column": "amount", "times": True}},
            "datasets.mine.costs.false_negative.times: must be a number, found True",
        ),
        (
            "datasets.mine.costs",
            {"false_negative": {"column": "amount", "plus": float("nan")}},
            "datasets.mine.costs.false_negative.plus: Input should be a finite number, found nan",
        ),
        (
            "costs",
            {"false_positive": 0, "false_negative": 0},
            "costs: no decision costs more than another, so there is nothing to weigh",
        ),
        (
            "costs",
            {"true_negative": 2},
            (
                "costs: a false_positive (1) costs less than a true_negative (2), so every row"
                " would be called wrong"
            ),
        ),
        (
            "costs",
            {"false_negative": "amount"},
            (
                "costs: the column 'amount' belongs to one dataset: give it under"
                " datasets.<name>.costs"
            ),
        ),
        (
            "costs",
            {"false_negative": {"colum": "amount"}},
            (
                "costs.false_negative: unknown key 'colum' (did you mean 'column'?); the keys here"
                " are: column, times, plus"
            ),
        ),
        (
            "models.xgboost",
            {"strategies": []},
            (
                "models.xgboost.strategies: an empty list combines the model with nothing: take the"
                " model out"
            ),
        ),
        (
            "models.xgboost",
            {"costs": "weight"},
            "models.xgboost.costs: Input should be 'weights' or 'metacost', found 'weight'",
        ),
        (
            "models.xgboost",
            {"scale": "log"},
            "models.xgboost.scale: must be true, false or power, found 'log'",
        ),
        (
            "models.xgboost",
            {"search": {"trials": 0, "space": {"max_depth": [1]}}},
            "models.xgboost.search.trials: Input should be greater than or equal to 2, found 0",
        ),
        (
            "models.xgboost",
            {"search": {"trials": True, "space": {"max_depth": [1]}}},
            "models.xgboost.search.trials: must be a number, found True",
        ),
        (
            "models.xgboost",
            {"search": {"trials": 10**9, "space": {"max_depth": [1]}}},
            (
                "models.xgboost.search.trials: Input should be less than or equal to 100000, found"
                " 1000000000"
            ),
        ),
        (
            "models.xgboost",
            {"search": {"trials": 2.5, "space": {"max_depth": [1]}}},
            (
                "models.xgboost.search.trials: Input should be a valid integer, got a number with a"
                " fractional part, found 2.5"
            ),
        ),
        (
            "models.xgboost",
            {"search": {"trials": 3}},
            "models.xgboost.search.space: this key is required and missing",
        ),
        (
            "models.xgboost",
            {"search": {"trials": 3, "space": {}}},
            (
                "models.xgboost.search.space: Dictionary should have at least 1 item after"
                " validation, not 0, found {}"
            ),
        ),
        (
            "models.xgboost",
            {"search": {"trials": 3, "space": {"max_depth": []}}},
            (
                "models.xgboost.search.space.max_depth: Value should have at least 1 item after"
                " validation, not 0, found []"
            ),
        ),
        (
            "models.xgboost",
            {"search": {"trials": 3, "space": {"max_depth": {"low": 5, "high": 5}}}},
            "models.xgboost.search.space.max_depth: low must be below high",
        ),
        (
            "models.xgboost",
            {"search": {"trials": 3, "space": {"eta": {"low": 0, "high": 1, "log": True}}}},
            "models.xgboost.search.space.eta: a logarithm needs a low above 0",
        ),
        (
            "models.xgboost",
            {
                "search": {
                    "trials": 3,
                    "space": {"eta": {"low": 1, "high": 2, "log": True, "step": 1}},
                }
            },
            "models.xgboost.search.space.eta: step and log exclude each other",
        ),
        (
            "models.xgboost",
            {"search": {"trials": 3, "space": {"eta": {"low": 0, "high": float("inf")}}}},
            "models.xgboost.search.space.eta: low and high must be finite",
        ),
        (
            "models.xgboost",
            {"search": {"trials": 3, "space": {"eta": {"low": "1e-4", "high": 1}}}},
            "models.xgboost.search.space.eta.low: must be a number, found '1e-4'",
        ),
        (
            "models.xgboost",
            {"search": {"trials": 3, "space": {"eta": {"low": 1, "high": "1e4"}}}},
            "models.xgboost.search.space.eta.high: must be a number, found '1e4'",
        ),
        (
            "models.xgboost",
            {"search": {"trials": 3, "space": {"eta": {"low": 0, "high": 1, "step": 2}}}},
            "models.xgboost.search.space.eta: step must be above 0 and no larger than the range",
        ),
        (
            "models.xgboost",
            {"search": {"trials": 3, "space": {"eta": 0.1}}},
            (
                "models.xgboost.search.space.eta: must be a list of choices, or {low, high, step,"
                " log}, found 0.1"
            ),
        ),
        ("seed", -1, "seed: Input should be greater than or equal to 0, found -1"),
        ("seed", True, "seed: must be a number, found True"),
        (
            "split",
            {"scheme": "grouped", "repeats": True},
            "split.repeats: must be a number, found True",
        ),
        ("thresholds", {"half": True}, "thresholds.half: must be a number, found True"),
        ("strategies.smote.ratio", True, "strategies.smote.ratio: must be a number, found True"),
    ],
)
def test_a_mistake_names_the_key_what_was_found_and_what_is_allowed(
    place: str, value: Any, message: str
) -> None:
    assert found_in(changed(place, value)) == [message]


@pytest.mark.parametrize(
    ("entry", "one", "other", "column"),
    [
        ({"drop": ["y"]}, "target", "drop", "y"),
        ({"time": "y"}, "target", "time", "y"),
        ({"time": "a", "group": "a"}, "time", "group", "a"),
        ({"time": "a", "drop": ["a"]}, "time", "drop", "a"),
        ({"categorical": ["y"]}, "target", "categorical", "y"),
        ({"drop": ["a"], "categorical": ["a"]}, "drop", "categorical", "a"),
        ({"columns": {"y": {"missing": []}}}, "target", "columns", "y"),
        ({"drop": [1], "columns": {"1": {"decimal": ","}}}, "drop", "columns", "1"),
        ({"group": "a", "columns": {"a": {"type": "number"}}}, "group", "columns", "a"),
        ({"time": "a", "columns": {"a": {"encode": ["days"]}}}, "time", "columns.a.encode", "a"),
        ({"sentinels": {"y": [0]}}, "target", "sentinels", "y"),
        ({"time": "a", "sentinels": {"a": [0]}}, "time", "sentinels", "a"),
        (
            {"categorical": ["a"], "columns": {"a": {"type": "number"}}},
            "categorical",
            "columns",
            "a",
        ),
    ],
)
def test_a_key_that_would_have_no_effect_on_a_column_is_an_error(
    entry: dict[str, Any], one: str, other: str, column: str
) -> None:
    content = {**SMALLEST["datasets"]["mine"], "split": {"scheme": "grouped"}, **entry}
    assert found_in(changed("datasets.mine", content)) == [
        f"datasets.mine: the column {column!r} is under {one} and under {other}, where it has no"
        " effect: take it out of one of them"
    ]


def test_a_dropped_column_of_costs_is_read_and_a_category_has_missing_values_of_its_own() -> None:
    content = SMALLEST["datasets"]["mine"] | {
        "drop": ["a"],
        "costs": {"false_negative": "a"},
        "columns": {"a": {"decimal": ","}, "b": {"missing": ["-"]}, "t": {"format": "%d/%m/%Y"}},
        "sentinels": {"a": [-1]},
        "categorical": ["b"],
        "time": "t",
    }
    assert config.parse(changed("datasets.mine", content)).datasets["mine"].drop == ("a",)


def test_names_of_columns_are_given_once() -> None:
    source = {"files": [{**ADDRESSES, "sha256": "0" * 64}], "columns": ["a", "y"]}
    content = SMALLEST["datasets"]["mine"] | {"source": source, "columns": ["a", "y"]}
    assert found_in(changed("datasets.mine", content)) == [
        "datasets.mine: columns and source.columns both list the names of the columns: give one"
    ]


def test_a_group_with_a_split_that_does_not_keep_it_together_says_how_to_write_one_that_does() -> (
    None
):
    (message,) = found_in(changed("datasets.mine.group", "patient"))
    assert "give the dataset `split: {scheme: grouped}`, or list" in message


def test_a_group_needs_a_split_that_keeps_it_together() -> None:
    grouped = changed("datasets.mine.group", "patient")
    (found,) = found_in(grouped)
    assert found.startswith("datasets.mine.group: the split stratified_kfold does not keep groups")
    for split in (
        {"scheme": "grouped"},
        {"scheme": "stratified_kfold", "grouped": True},
        {"scheme": "temporal"},
    ):
        content = copy.deepcopy(grouped)
        content["datasets"]["mine"] |= {"split": split, "time": "when"}
        assert config.parse(content).dataset("mine").group == "patient"


def test_a_weight_of_rows_is_refused() -> None:
    (found,) = found_in(changed("datasets.mine.weight", "exposure"))
    assert "weights of rows are not supported" in found
    assert "`drop`" in found


def test_the_ends_of_a_range_have_the_type_that_is_drawn() -> None:
    """One number with a point, the step's among them, and numbers of every kind are drawn."""
    for content, ends in (
        ({}, (1, 5)),
        ({"low": 1.0}, (1.0, 5.0)),
        ({"step": 0.5}, (1.0, 5.0)),
        ({"step": 2}, (1, 5)),
    ):
        found = config.Range.model_validate({"low": 1, "high": 5, **content})
        assert list(map(repr, found.ends)) == list(map(repr, ends))
        assert found.whole is isinstance(ends[0], int)


def test_all_mistakes_are_listed_together() -> None:
    content = changed("datasets.mine", {"path": "data/mine.csv"}) | {"seed": "x"}
    with pytest.raises(ConfigurationError, match=r"params.yaml has 3 errors\."):
        config.parse(content)
    assert found_in(content) == [
        "seed: Input should be a valid integer, unable to parse string as an integer, found 'x'",
        "datasets.mine.target: this key is required and missing",
        "datasets.mine.positive: this key is required and missing",
    ]


@pytest.mark.parametrize("key", SMALLEST)
def test_every_key_has_to_be_there(key: str) -> None:
    """DVC would refuse to run a stage whose parameter is missing, and say less."""
    without = {name: value for name, value in SMALLEST.items() if name != key}
    assert found_in(without) == [f"{key}: this key is required and missing"]


def test_a_long_value_is_cut_short() -> None:
    (message,) = found_in(changed("seed", "x" * 300))
    assert message.endswith("xxx...")
    assert len(message) < 200


@pytest.mark.parametrize("name", ["../evil.csv", "a/b.csv", "a\\b.csv"])
def test_a_file_of_a_source_has_a_plain_name(name: str) -> None:
    file = {**ADDRESSES, "name": name, "sha256": "0" * 64}
    (message,) = found_in(changed("datasets.mine.source", {"files": [file]}))
    assert message.startswith("datasets.mine.source.files.0.name: ")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("seed: 1\nmodels: {}\nseed: 2\n", 3, 'the key "seed" stands twice in one mapping'),
        (
            "seed: 1\nmodels:\n  xgboost:\n    params: {a: 1, a: 2}\n",
            4,
            'the key "a" stands twice in one mapping',
        ),
        ("seed: 1\nmodels: {? {a: 1} : 3}\n", 2, "found unhashable key"),
        ("seed: 1\n\tmodels: {}\n", 2, "found a tab character that violates indentation"),
        ("seed: @1\n", 1, "found character that cannot start any token"),
    ],
)
def test_invalid_yaml_is_an_error_with_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"params.yaml is not valid YAML") as caught:
        from_text(tmp_path, text)
    assert f"line {line}, " in str(caught.value.where)
    assert message in str(caught.value.found)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "an empty file"),
        ("# a\n", "an empty file"),
        ("- none\n- smote\n", "list"),
        ("seed", "str"),
    ],
)
def test_a_file_that_holds_no_mapping(tmp_path: Path, content: str, found: str) -> None:
    with pytest.raises(ConfigurationError, match=r"params.yaml holds no mapping") as caught:
        from_text(tmp_path, content)
    assert caught.value.found == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("start: 2018-02-31\n", "a value does not fit its type: day is out of range for month"),
        ("seed: !!bool maybe\n", "a value does not fit its type: 'maybe'"),
        ("seed: 1 \a\n", "control characters are not allowed"),
    ],
)
def test_invalid_yaml_without_a_line_is_an_error_too(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"params.yaml is not valid YAML") as caught:
        from_text(tmp_path, text)
    assert caught.value.where == str(tmp_path / "params.yaml")
    assert message in str(caught.value.found)


def test_a_key_that_is_a_list_is_an_error(tmp_path: Path) -> None:
    text = yaml12.dump({k: v for k, v in SMALLEST.items() if k != "models"})
    with pytest.raises(ConfigurationError) as caught:
        from_text(tmp_path, text + "models: {[a, b]: {}}\n")
    assert "a key must be a text; put quotes around it" in str(caught.value.found)


def test_without_params_yaml_the_error_names_the_folder_to_run_in(workplace: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no params.yaml here") as caught:
        config.load()
    assert caught.value.where == str(workplace / "params.yaml")


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes("seed: 1 # año".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"params.yaml is not a text file"):
        config.load(tmp_path / "params.yaml")


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    text = yaml12.dump({k: v for k, v in SMALLEST.items() if k != "models"})
    text += "models:\n  xgboost: &slow\n    params: {max_depth: 2}\n    strategies: [none]\n"
    text += "  xgboost_weighted:\n    <<: *slow\n    strategies: all\n"
    models = from_text(tmp_path, text).models
    assert models["xgboost_weighted"].params == {"max_depth": 2}
    assert models["xgboost_weighted"].strategies == "all"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("yes", "yes"),
        ("'yes'", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("true", True),
        ("'true'", "true"),
    ],
)
def test_a_label_is_read_as_dvc_reads_it(tmp_path: Path, written: str, read: str | bool) -> None:
    text = yaml12.dump(SMALLEST)
    assert text.count("positive: 1\n") == 1
    found = (
        from_text(tmp_path, text.replace("positive: 1\n", f"positive: {written}\n"))
        .datasets["mine"]
        .positive[0]
    )
    assert (type(found), found) == (type(read), read)


@pytest.mark.parametrize("written", ["1e-3", "1E-3", "+1.e-03", ".001"])
def test_a_number_may_be_written_in_any_way(tmp_path: Path, written: str) -> None:
    text = yaml12.dump({k: v for k, v in SMALLEST.items() if k not in ("models", "costs")})
    text += (
        f"models: {{xgboost: {{params: {{learning_rate: {written}}}}}}}\ncosts: {{false_positive:"
        f" {written}}}\n"
    )
    params = from_text(tmp_path, text)
    assert params.models["xgboost"].params == {"learning_rate": 0.001}
    assert params.costs.false_positive == 0.001


def test_a_key_with_nothing_behind_it_is_an_entry_without_wishes() -> None:
    assert config.parse(changed("strategies.smote", None)).strategies["smote"] == config.Strategy()


def test_a_dataset_overrides_split_thresholds_and_costs_as_a_whole() -> None:
    content = changed("datasets.mine.split", {"scheme": "holdout"})
    content["datasets"]["mine"]["costs"] = {"false_negative": 7}
    content["datasets"]["other"] = SMALLEST["datasets"]["mine"]
    content |= {
        "split": {"scheme": "stratified_kfold", "folds": 3, "validation": 0.1},
        "thresholds": {"tuned": "mcc"},
    }
    content["costs"] = {"false_positive": 2, "false_negative": 5}
    params = config.parse(content)
    assert params.split_of("mine") == config.Holdout(scheme="holdout")
    # not the 0.1 of the top level: the entry stands as a whole
    assert params.split_of("mine").validation == 0.2
    assert params.split_of("other").validation == 0.1
    assert (params.costs_of("mine").false_positive, params.costs_of("mine").false_negative) == (
        1,
        7,
    )
    assert params.costs_of("other").false_negative == 5
    assert params.thresholds_of("mine").tuned == "mcc"


PLACEBO = {"sampler": "none", "seed": 1}


@pytest.mark.parametrize(
    ("strategies", "message"),
    [
        (
            {"none": {"seed": 1}},
            (
                "strategies.none: the baseline takes no seed; a placebo has a key of its own:"
                " placebo: {sampler: none, seed: 1}"
            ),
        ),
        (
            {"none": PLACEBO},
            (
                "strategies.none: the baseline takes no seed; a placebo has a key of its own:"
                " placebo: {sampler: none, seed: 1}"
            ),
        ),
        (
            {"again": {"sampler": "none"}},
            (
                "strategies.again: `sampler: none` makes a placebo, which needs a seed: again:"
                " {sampler: none, seed: 1}"
            ),
        ),
        (
            {"smote": {"seed": 1}},
            (
                "strategies.smote: a seed makes a placebo, the baseline once more: smote: {sampler:"
                " none, seed: 1}; found the sampler 'smote'"
            ),
        ),
        (
            {"again": {"sampler": "smote", "seed": 1}},
            (
                "strategies.again: a seed makes a placebo, the baseline once more: again: {sampler:"
                " none, seed: 1}; found the sampler 'smote'"
            ),
        ),
        (
            {"again": {**PLACEBO, "ratio": 0.5, "params": {"k_neighbors": 3}}},
            (
                "strategies.again: a placebo takes `sampler: none` and `seed` alone; found params,"
                " ratio"
            ),
        ),
        (
            {"again": {**PLACEBO, "scale": True}},
            "strategies.again: a placebo takes `sampler: none` and `seed` alone; found scale",
        ),
        (
            {"one": PLACEBO, "two": PLACEBO},
            ("strategies.two: each placebo needs a seed of its own; 1 is that of one too"),
        ),
        (
            {"again": {**PLACEBO, "seed": 0}},
            "strategies.again.seed: Input should be greater than or equal to 1, found 0",
        ),
        (
            {"again": {**PLACEBO, "seed": True}},
            "strategies.again.seed: must be a number, found True",
        ),
    ],
)
def test_a_placebo_that_is_none_is_an_error(strategies: dict[str, Any], message: str) -> None:
    assert found_in(changed("strategies", {"none": {}, **strategies})) == [message]


def test_placebos_with_different_seeds_stand_beside_the_baseline() -> None:
    entries = {"none": {}, "one": PLACEBO, "smote": {}, "two": {**PLACEBO, "seed": 7}}
    assert config.parse(changed("strategies", entries)).placebos == (1, 7)
    assert config.parse(SMALLEST).placebos == ()


def test_the_error_for_an_unknown_dataset_or_strategy_lists_the_known_ones() -> None:
    params = config.parse(SMALLEST)
    with pytest.raises(
        ConfigurationError, match=r"There is no dataset 'mime' \(did you mean 'mine'\?\)"
    ) as caught:
        params.dataset("mime")
    assert caught.value.expected == "one of: mine"
    with pytest.raises(ConfigurationError, match="There is no strategy 'adasyn'") as caught:
        params.strategy("adasyn")
    assert caught.value.expected == "one of: none, smote"


def test_parameters_cannot_be_changed_afterwards() -> None:
    params = config.parse(SMALLEST)
    with pytest.raises(ValidationError, match="frozen"):
        params.seed = 2  # type: ignore[misc]


def test_a_derived_seed_is_the_same_on_every_machine_and_another_for_every_name() -> None:
    assert seed_for(20211, "digits", "split", 0) == 1096174028
    names = [
        ("digits", "split", 0),
        ("digits", "split", 1),
        ("digits", "validation", 0),
        ("mammography", "split", 0),
    ]
    assert len({seed_for(seed, *name) for seed in (1, 2) for name in names}) == 8


def test_the_committed_parameters_are_valid() -> None:
    params = config.load(REPOSITORY / "params.yaml")
    assert config.NONE in params.strategies
    assert params.datasets["mammography"].positive == ("'1'",)
