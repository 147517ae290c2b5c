"""`counterpoise add`: from a file as it is to an entry of params.yaml that passes the check."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoise import __main__ as cli
from counterpoise.commands import add
from counterpoise.core import config, yaml12
from counterpoise.core.errors import CounterpoiseError, TableError
from counterpoise.data import datasets
from tests.helpers.texts import TEXTS

PARAMS = """\
# kept
seed: 1
datasets: # these as well
  digits: # bundled
    path: data/cards/digits.md
    source: {bundled: digits}
    target: digit
    positive: 8
  # the last of them
strategies: {none: {}, smote: {}}
models: {xgboost: {}}
split: {scheme: stratified_kfold}
thresholds: {}
costs: {}
"""


@pytest.fixture
def here(workplace: Path) -> Path:
    Path("params.yaml").write_text(PARAMS)
    Path("data/cards").mkdir(parents=True)
    Path("data/cards/digits.md").write_text("digits")
    return workplace


def visits(rows: int = 400) -> str:
    """Patients who come several times, dates, amounts in local notation, and codes."""
    random = np.random.default_rng(0)
    lines = ["visit_id;patient;amount;first_seen;pressure;ill"]
    for k in range(rows):
        day = f"{k % 28 + 1:02d}.{k % 12 + 1:02d}.2021"
        amount = f"{random.normal(100, 20):.2f}".replace(".", ",")
        pressure = "?" if k % 3 else str(random.integers(60, 120))
        lines.append(
            f"V{k};P{k // 5:03d};{amount};{day};{pressure};{'yes' if k % 7 == 0 else 'no'}"
        )
    return "\n".join(lines) + "\n"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["counterpoise", "add", *arguments])
    return cli.main()


def test_a_file_becomes_an_entry_in_one_command_and_passes_the_check(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/visits.csv").write_text(visits())
    assert run(monkeypatch, "data/visits.csv", "--target", "ill", "--yes") == 0
    shown = capsys.readouterr().out
    for words in ("semicolon-separated", "decimal comma", "'?' is read as missing", "%d.%m.%Y"):
        assert words in shown
    entry = yaml12.load(Path("params.yaml").read_text())["datasets"]["visits"]
    assert entry == {
        "path": "data/visits.csv",
        "target": "ill",
        "positive": "yes",
        "group": "patient",
        "split": {"scheme": "grouped"},
        "drop": ["visit_id"],
        "columns": {"first_seen": {"encode": ["days", "month", "weekday"]}},
    }
    params = config.load()
    reading = datasets.fetch("visits", params.dataset("visits"))
    assert reading.table.features == (
        "amount",
        "first_seen:days",
        "first_seen:month",
        "first_seen:weekday",
        "pressure",
    )
    monkeypatch.setattr("sys.argv", ["counterpoise", "check"])
    assert cli.main() == 0


def test_the_other_lines_of_params_stay_as_they_are(here: Path, monkeypatch: Any) -> None:
    Path("data/visits.csv").write_text(visits())
    assert run(monkeypatch, "data/visits.csv", "--yes") == 0
    text = Path("params.yaml").read_text()
    added = text.index("  visits:")
    end = text.index("strategies:")
    before = PARAMS.index("strategies:")
    assert text[:added] + PARAMS[added:before] + text[end:] == PARAMS
    assert yaml12.load(text)["datasets"]["digits"]["positive"] == 8


def test_nothing_is_written_unless_the_user_says_so(
    here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/visits.csv").write_text(visits())
    assert run(monkeypatch, "data/visits.csv") == 1
    assert "add --yes" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer, status in (("n", 1), ("y", 0)):
        monkeypatch.setattr("sys.stdin.readline", lambda answer=answer: answer, raising=False)
        assert run(monkeypatch, "data/visits.csv") == status
    assert "visits" in yaml12.load(Path("params.yaml").read_text())["datasets"]


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        ("a,y\n1,0\n2,1\n", ["--target", "Y"], ["no column 'Y'"]),
        ("a,y\n1,0\n2,0\n", ["--target", "y"], ["one label alone"]),
        ("a,b\n1,x\n2,y\n3,z\n", [], ["cannot be guessed", "--target"]),
        ("1,2,0\n3,4,1\n", [], ["The first line holds values"]),
        (
            "a,y\n" + "".join(f"{k},{k}\n" for k in range(50)),
            ["--target", "y"],
            ["very many values"],
        ),
        (
            "a,b,y\n" + "".join(f"{k},{k % 9 + 1};{k},{k % 2}\n" for k in range(50)),
            [],
            ["identifier"],
        ),
    ],
)
def test_what_cannot_be_proposed_is_said_and_nothing_is_written(
    content: str,
    arguments: list[str],
    words: list[str],
    here: Path,
    monkeypatch: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("data/mine.csv").write_text(content)
    status = run(monkeypatch, "data/mine.csv", "--yes", *arguments)
    output = capsys.readouterr()
    if words == ["identifier"]:  # dropped, since each text occurs once
        assert status == 0
        return
    assert status == 1
    for word in words:
        assert word in output.err
    assert Path("params.yaml").read_text() == PARAMS


def test_a_name_that_is_taken_and_a_folder_without_params_are_errors(
    here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/mine.csv").write_text("a,y\n1,0\n2,1\n3,0\n")
    assert run(monkeypatch, "data/mine.csv", "--name", "digits", "--yes") == 1
    assert "has a dataset 'digits' already" in capsys.readouterr().err
    Path("params.yaml").unlink()
    assert run(monkeypatch, "data/mine.csv", "--yes") == 1
    assert "no params.yaml" in capsys.readouterr().err


def test_what_the_user_gives_is_taken() -> None:
    with pytest.raises(TableError):
        add.propose("no.csv", "no", None, {})


def test_options_of_the_file_and_roles_are_written(here: Path, monkeypatch: Any) -> None:
    Path("data/mine.csv").write_text("1,5,2020-01-01,low,a\n2,6,2020-01-02,4,b\n" * 30)
    names = ["--columns", "x", "z", "at", "level", "y"]
    more = ["--positive", "a", "--target", "y", "--time", "at", "--missing", "low"]
    assert run(monkeypatch, "data/mine.csv", "--yes", *names, *more) == 0
    entry = config.load().dataset("mine")
    assert entry.names == ("x", "z", "at", "level", "y")
    assert (entry.time, entry.positive) == ("at", ("a",))
    assert entry.split is not None
    assert entry.split.scheme == "temporal"
    assert datasets.fetch("mine", entry).table.features == ("x", "z", "level")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=5, max_size=5, unique_by=str.strip), st.sets(st.integers(0, 3)))
def test_labels_names_and_sentinels_of_any_text_come_back_from_params_yaml(
    here: Path, texts: list[str], said: set[int]
) -> None:
    """What the command makes of a table is what every stage reads, or the command refuses it."""
    rare, usual, one, other, code = texts
    rows = [
        [rare if k % 5 == 0 else usual, k % 7 + 0.5, "uv"[k % 2], code if k % 9 == 0 else k + 0.25]
        for k in range(60)
    ]
    with Path("data/mine.csv").open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["y", one, other, "n"], *rows])
    Path("params.yaml").write_text(PARAMS)
    keys = {"positive": rare, "drop": [other], "sentinels": [code], "categorical": [one]}
    given_keys = {key: value for k, (key, value) in enumerate(keys.items()) if k in said}
    try:
        proposal = add.propose("data/mine.csv", "mine", "y", given_keys)
        entry = config.Dataset.model_validate(proposal.entry)
        expected = datasets.fetch("mine", entry).table
        add.write(proposal)
    except CounterpoiseError as error:
        assert error.what
        assert Path("params.yaml").read_text() == PARAMS
        return
    params = config.load()
    assert params.dataset("mine") == entry
    found = datasets.fetch("mine", params.dataset("mine")).table
    assert found.y.tolist() == expected.y.tolist() == [int(k % 5 == 0) for k in range(60)]
    assert found.features == expected.features
    np.testing.assert_array_equal(found.X, expected.X)


def test_a_code_with_leading_zeros_is_proposed_as_a_text(here: Path) -> None:
    rows = "".join(f"{k / 2},{'012' if k % 5 == 0 else '7'}\n" for k in range(60))
    Path("data/mine.csv").write_text("x,y\n" + rows)
    assert add.propose("data/mine.csv", "mine", "y", {}).entry["positive"] == "012"


@pytest.mark.parametrize(
    ("datasets_of_params", "status"),
    [("datasets:\n", 0), ("datasets: {}\n", 0), ("datasets: {d: {path: x}}\n", 1), ("", 1)],
)
def test_params_yaml_without_datasets_or_with_all_in_one_line(
    datasets_of_params: str,
    status: int,
    here: Path,
    monkeypatch: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    head, _, rest = PARAMS.partition("datasets:")
    text = head + datasets_of_params + rest[rest.index("strategies:") :]
    Path("params.yaml").write_text(text)
    Path("data/mine.csv").write_text(
        "x,y\n" + "".join(f"{k / 2},{k % 3 // 2}\n" for k in range(60))
    )
    assert run(monkeypatch, "data/mine.csv", "--yes", "--target", "y") == status
    if status == 0:
        assert config.load().dataset("mine").target == "y"
    else:
        assert Path("params.yaml").read_text() == text
        assert "to do:" in capsys.readouterr().err


def test_two_parts_for_one_column_and_a_broken_params_yaml_are_errors(
    here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/mine.csv").write_text(
        "x,y\n" + "".join(f"{k / 2},{k % 3 // 2}\n" for k in range(60))
    )
    assert run(monkeypatch, "data/mine.csv", "--yes", "--target", "y", "--drop", "y") == 1
    assert "is under target and under drop" in capsys.readouterr().err
    Path("params.yaml").write_text("a: [\n")
    assert run(monkeypatch, "data/mine.csv", "--yes") == 1
    assert "not valid YAML" in capsys.readouterr().err
