"""`counterpoise add`: from a file as it is to an entry of params.yaml that passes the check."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
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
goal: ranking
worth: {}
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


@pytest.mark.parametrize("empty", ["datasets: {}", "datasets:", "datasets: ~ # none yet"])
def test_the_first_dataset_of_a_project_is_added(
    empty: str, here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    start, end = PARAMS.index("datasets:"), PARAMS.index("strategies:")
    Path("params.yaml").write_text(f"{PARAMS[:start]}{empty}\n{PARAMS[end:]}")
    Path("data/visits.csv").write_text(visits())
    assert run(monkeypatch, "data/visits.csv", "--yes") == 0
    text = Path("params.yaml").read_text()
    assert list(config.load().datasets) == ["visits"]
    assert text.startswith("# kept\nseed: 1\ndatasets:")
    assert text.endswith(PARAMS[end:])
    assert ("# none yet" in text) == ("# none yet" in empty)
    assert run(monkeypatch, "data/visits.csv", "--name", "second", "--yes") == 0
    assert list(config.load().datasets) == ["visits", "second"]


def test_datasets_in_one_line_are_left_as_they_are(
    here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = "{digits: {path: d.md, target: digit, positive: 8, source: {bundled: digits}}}"
    start, end = PARAMS.index("datasets:"), PARAMS.index("strategies:")
    text = f"{PARAMS[:start]}datasets: {entry}\n{PARAMS[end:]}"
    Path("params.yaml").write_text(text)
    Path("data/visits.csv").write_text(visits())
    assert run(monkeypatch, "data/visits.csv", "--yes") == 1
    assert "datasets in lines of their own" in capsys.readouterr().err
    assert Path("params.yaml").read_text() == text


def test_a_file_without_a_header_needs_no_names(here: Path, monkeypatch: Any) -> None:
    Path("data/mine.csv").write_text("39, Private, <=50K\n50, ?, >50K\n38, Own, <=50K\n" * 20)
    options = ["--no-header", "--target", "column_3", "--yes"]
    assert run(monkeypatch, "data/mine.csv", *options) == 0
    entry = config.load().dataset("mine")
    assert entry.positive == (">50K",)
    read = datasets.fetch("mine", entry)
    assert len(read.table) == 60
    assert read.table.categories == {"column_2": ("Own", "Private")}


def test_all_other_labels_can_be_named(
    here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/mine.csv").write_text("a,y\n" + "1,None\n2,Minor\n3,Major\n" * 20)
    options = ["data/mine.csv", "--target", "y", "--positive", "Major", "--yes"]
    assert run(monkeypatch, *options) == 1
    assert "usually stand for a missing value" in capsys.readouterr().err
    assert run(monkeypatch, *options, "--negative", "None", "Minor") == 0
    assert datasets.fetch("mine", config.load().dataset("mine")).table.y.sum() == 20


def test_what_numbers_the_rows_is_dropped_and_a_measurement_is_not(workplace: Path) -> None:
    columns = {
        "": [str(k + k // 9) for k in range(100)],  # row names of R, some rows left out
        "Row Id.": [str(7919 * k % 1000) for k in range(100)],
        "pidnum": [str(10_056 + 3 * k) for k in range(100)],
        "user_id": [str(k % 70) for k in range(100)],
        "aluminum": [str(1.5 + k / 7) for k in range(100)],
        "store_id": [str(k % 9) for k in range(100)],
        "score_index": [str(k / 3) for k in range(100)],
        "y": ["yes" if k % 5 == 0 else "no" for k in range(100)],
    }
    lines = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
    Path("mine.csv").write_text("\n".join(lines) + "\n")
    entry = add.propose("mine.csv", "mine", "y", {}).entry
    assert entry["drop"] == ["column_1", "Row Id.", "pidnum", "user_id"]
    Path("mine.csv").write_text("\n".join(lines[1:]) + "\n")
    entry = add.propose("mine.csv", "mine", "column_8", {"header": False}).entry
    assert "drop" not in entry


def test_no_group_is_proposed_that_is_missing_in_some_rows(workplace: Path) -> None:
    rows = [f"{'' if k % 4 == 0 else f'Firm {k // 3}'},{k % 7},{k % 2}" for k in range(600)]
    Path("mine.csv").write_text("company,x,y\n" + "\n".join(rows) + "\n")
    proposal = add.propose("mine.csv", "mine", "y", {})
    assert "group" not in proposal.entry
    full = [row if row[0] != "," else "none" + row for row in rows]
    Path("mine.csv").write_text("company,x,y\n" + "\n".join(full) + "\n")
    assert add.propose("mine.csv", "mine", "y", {}).entry["group"] == "company"


def test_a_time_of_the_day_becomes_its_hour(workplace: Path) -> None:
    rows = [f"{k % 24}:{k % 60:02d},{k % 2}" for k in range(100)]
    Path("mine.csv").write_text("at,y\n" + "\n".join(rows) + "\n")
    assert add.propose("mine.csv", "mine", "y", {}).entry["columns"] == {"at": {"encode": ["hour"]}}


def test_a_month_becomes_no_weekday(workplace: Path) -> None:
    rows = [f"{k % 12 + 1:02d}/{2020 + k % 3},{k % 2}" for k in range(100)]
    Path("mine.csv").write_text("at,y\n" + "\n".join(rows) + "\n")
    entry = add.propose("mine.csv", "mine", "y", {}).entry
    assert entry["columns"] == {"at": {"encode": ["days", "month"]}}


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


@pytest.mark.parametrize("address", ["s3://ada:hushhush@bucket/x.csv", "hf://datasets/me/it/x.csv"])
def test_an_address_is_refused_with_the_way_out_and_its_password_is_not_shown(
    address: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, address, "--target", "ill", "--yes") == 1
    entry = {"path": address, "target": "ill", "positive": "yes"}
    Path("params.yaml").write_text(yaml12.with_entry(PARAMS, "datasets", "x", entry))
    monkeypatch.setattr("sys.argv", ["counterpoise", "check"])
    assert cli.main() == 1
    text = "".join(capsys.readouterr())
    assert text.count("A table's path is an address.") == 2
    assert "params.yaml: datasets.x.path" in text
    assert "dvc import-url" in text and "`source`" in text
    assert "hushhush" not in text


@given(st.text(st.characters(exclude_categories=["C"]) | st.sampled_from("?:-[]{},\x85\u2028")))
@example("Churn?")
@example("12:30")
def test_any_label_or_name_comes_back_from_the_written_entry(text: str) -> None:
    entry = {"positive": [text, "x"], "target": text, "columns": {text: {"format": text}}}
    written = yaml12.with_entry("datasets:\n  a: {x: 1}\n", "datasets", "b", entry)
    assert yaml12.load(written)["datasets"] == {"a": {"x": 1}, "b": entry}


def test_a_target_with_a_question_mark_is_written_and_read(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{k * 1.5},{'9:30' if k % 7 == 0 else '10:00'}" for k in range(70)]
    Path("data/calls.csv").write_text("\n".join(["length,Churn?", *rows, ""]))
    assert run(monkeypatch, "data/calls.csv", "--target", "Churn?", "--yes") == 0
    assert config.load().dataset("calls").positive == ("9:30",)


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
