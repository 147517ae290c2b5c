"""YAML is read and written as DVC does, so that what DVC writes into dvc.lock is what params.yaml
has."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import YAMLError, dumps_yaml, parse_yaml
from hypothesis import given, settings

from counterpoise.core import config, yaml12
from counterpoise.core.errors import ConfigurationError
from tests.core.test_config import SMALLEST
from tests.helpers.texts import NAMES, TEXTS

WORDS: dict[str, Any] = {
    "yes": "yes",
    "Yes": "Yes",
    "no": "no",
    "No": "No",
    "NO": "NO",
    "on": "on",
    "Off": "Off",
    "y": "y",
    "n": "n",
    "true": True,
    "True": True,
    "FALSE": False,
    "~": None,
    "null": None,
    "": None,
    "none": "none",
    "nan": "nan",
    "1e-3": 0.001,
    "1e5": 100000.0,
    "1.5E+3": 1500.0,
    "5e-05": 0.00005,
    ".5": 0.5,
    "1_000": 1000,
    "0o7": 7,
    "010": 10,
    "0b1": 1,
    "0x1F": 31,
    ".inf": math.inf,
    "-.inf": -math.inf,
    "12:30": "12:30",
    "1:30:00": "1:30:00",
    "'No'": "No",
    '"1e-3"': "1e-3",
    "'~'": "~",
}
"""What stands in params.yaml, and what it is."""

VALID = [
    *(f"word: {word}\n" for word in WORDS),
    *(f"{word}: 1\n" for word in ("yes", "No", "12:30", "1e-3", "2018-08-15")),
    "day: 2018-08-15\n",
    "time: 2018-08-15T10:00:00\n",
    "time: 2018-08-15 10:00\n",
    "a:\tb\n",
    "base: &base {x: 1, y: 2}\nother:\n  <<: *base\n  x: 3\n",
    "base: &base {x: 1}\nother: {x: 3, <<: *base}\n",
    "one: &one [1, 2]\ntwo: *one\n",
    "[a, b]: 1\n",
    'urls: ["https://example.org/a.csv"]\n',
    "%YAML 1.1\n---\na: yes\n",
    "\ufeffa: año\n",
]
REFUSED = [
    "a:\n\tb: 1\n",
    "two: *one\n",
    "one: &one 1\ntwo: &one 2\n",
    "a: 1\na: 2\n",
    "a: {b: 1, b: 2}\n",
    "1: a\n1.0: b\n",
    "{a: 1}: 2\n",
    "a: 1\n<<: 2\n",
    "urls: [https://example.org/a.csv]\n",
    "a: @b\n",
    "a: b: c\n",
    "a: 'b\n",
    "a: !odd 1\n",
    "a: <<\n",
    "a\n---\nb\n",
]


@pytest.mark.parametrize(("word", "value"), WORDS.items())
def test_a_word_has_its_value_of_yaml_1_2(word: str, value: Any) -> None:
    found = yaml12.load(f"word: {word}\n")["word"]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("text", VALID)
def test_a_text_holds_the_values_and_types_that_dvc_finds_in_it(text: str) -> None:
    assert repr(yaml12.load(text)) == repr(parse_yaml(text, "params.yaml"))


@pytest.mark.parametrize("text", REFUSED)
def test_a_text_that_dvc_refuses_is_refused(text: str) -> None:
    with pytest.raises(YAMLError):
        parse_yaml(text, "params.yaml")
    with pytest.raises(yaml12.InvalidYaml):
        yaml12.load(text)


CONTENT = {
    "words": {f"k{k}": value for k, value in enumerate(WORDS.values())},
    "texts": list(WORDS),
    "empty": [{}, []],
}


def test_what_is_written_is_what_dvc_writes_and_comes_back() -> None:
    written = yaml12.dump(CONTENT)
    assert written == dumps_yaml(CONTENT)
    assert repr(yaml12.load(written)) == repr(CONTENT)


@pytest.mark.parametrize(
    "positive", ["yes", "Yes", "no", "No", "on", "12:30", "1e-3", "true", "~", True, 1]
)
def test_the_parameters_of_dvc_lock_are_those_of_params_yaml(
    workplace: Path, positive: Any
) -> None:
    """A column called No, and a label that YAML 1.1 reads as something else, through a dvc.lock of
    DVC's own."""
    entry = {"path": "data/orders.csv", "target": "churned", "positive": positive, "drop": ["No"]}
    Path("params.yaml").write_text(yaml12.dump({**SMALLEST, "datasets": {"orders": entry}}))
    requested = config.load()
    values = {key: value for key, value in SMALLEST.items() if key != "datasets"} | {
        "datasets.orders": entry
    }
    locked = yaml12.load(
        dumps_yaml(
            {"schema": "2.0", "stages": {"evaluate@orders": {"params": {"params.yaml": values}}}}
        )
    )
    content = dict(locked["stages"]["evaluate@orders"]["params"]["params.yaml"])
    content["datasets"] = {"orders": content.pop("datasets.orders")}
    found = config.parse(content)
    assert found == requested
    assert type(found.datasets["orders"].positive[0]) is type(positive)


def test_a_tab_within_a_text_hides_no_line() -> None:
    text = "a: x\ty\nb:\n  c: 2\n"
    assert yaml12.load(text)["a"] == "x\ty"
    assert yaml12.line_of(text, ("b", "c")) == 3


@pytest.mark.parametrize("section", ["", " {}", " {} # none yet", " # none yet"])
def test_an_entry_is_added_to_a_section_without_one(section: str) -> None:
    text = yaml12.with_entry(f"a:{section}\nb: 1\n", "a", "new", {"x": [1]})
    assert yaml12.load(text) == {"a": {"new": {"x": [1]}}, "b": 1}
    assert ("# none yet" in text) == ("# none yet" in section)


@settings(max_examples=300)
@given(TEXTS, TEXTS)
def test_any_text_is_written_and_read_back_or_named(one: str, other: str) -> None:
    """As a value, in a list, and as a key; by `add` into params.yaml, and by DVC into dvc.lock."""
    entry = {"positive": one, "drop": [one, other], "sentinels": {one: [other], other: [1]}}
    content = {"datasets": {"mine": entry}, "strategies": {"none": {}}}
    lock = {"stages": {"train@mine": {"params": {"params.yaml": {"datasets.mine": entry}}}}}
    try:
        kept = parse_yaml(dumps_yaml(lock), "dvc.lock") == lock
    except YAMLError:
        kept = False
    if yaml12.changed_in_lock(content) is None:
        assert kept
        assert yaml12.load(dumps_yaml(lock)) == lock
        assert yaml12.load(yaml12.dump(content)) == content
        written = yaml12.with_entry("datasets:\n  a: {}\nseed: 1\n", "datasets", "mine", entry)
        assert yaml12.load(written) == {"datasets": {"a": {}, "mine": entry}, "seed": 1}
    elif "\x85" not in one + other and len(one + other) < 40:
        raise AssertionError("only U+0085 and long texts are lost")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_a_strategy_is_kept_or_needs_quotes(name: str, tmp_path: Path) -> None:
    content = {**SMALLEST, "strategies": {name: {"sampler": "smote"}}}
    (tmp_path / "params.yaml").write_text(yaml12.dump(content))
    assert list(config.load(tmp_path / "params.yaml").strategies) == [name]
    assert list(yaml12.load(dumps_yaml(content))["strategies"]) == [name]
    if not isinstance(yaml12.load(name), str):
        (tmp_path / "params.yaml").write_text(
            yaml12.dump({**SMALLEST, "strategies": {}}).replace(
                "strategies: {}", f"strategies:\n  {name}: {{sampler: smote}}"
            )
        )
        with pytest.raises(ConfigurationError, match="put quotes around it"):
            config.load(tmp_path / "params.yaml")


def test_a_text_that_dvc_does_not_keep_is_an_error_and_all_others_are_not(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    dataset = SMALLEST["datasets"]["mine"]
    for label in ("a\tb", "é", "\\N", "a\u2028b"):
        path.write_text(
            yaml12.dump({**SMALLEST, "datasets": {"m": {**dataset, "positive": label}}})
        )
        assert config.load(path).datasets["m"].positive == (label,)
    text = yaml12.dump(SMALLEST)
    assert "positive: 1\n" in text
    for written in ('"a\\Nb"', '"a\\x85b"'):
        path.write_text(text.replace("positive: 1\n", f"positive: {written}\n"))
        with pytest.raises(ConfigurationError, match="DVC cannot keep a text") as caught:
            config.load(path)
        assert caught.value.found == repr("a\x85b")
