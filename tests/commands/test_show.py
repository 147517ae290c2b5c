"""`counterpoise show`: the answer of a dataset again, and its page."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from counterpoise import __main__ as cli
from counterpoise.commands import show
from counterpoise.core import files, paths
from counterpoise.tracking import manifest

ANSWER = ["Use forest as it is.", "1. forest: average precision 0.5", "failed: none with net: no"]


@pytest.fixture
def opened(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Results of a dataset with their page; the addresses that a browser is told to open."""
    content = {"dataset": "mine", "params": {}, "data_md5": "", "requirements": "", "keys": {}}
    manifest.path("mine").parent.mkdir(parents=True)
    manifest.path("mine").write_text(json.dumps({**content, "comparison": "k", "answer": ANSWER}))
    files.write_text(paths.page("mine"), "<p>a page</p>")
    found: list[str] = []
    monkeypatch.setattr(show.webbrowser, "open", found.append)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workplace / 'mlflow.db'}")
    return found


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["counterpoise", *arguments])
    return cli.main()


def test_it_prints_answer_page_runs_and_command_and_opens_the_page(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "show", "mine") == 0
    output = capsys.readouterr().out
    assert output.startswith(f"mine: {ANSWER[0]}\n")
    for text in (
        *ANSWER[1:],
        "reports/mine.html",
        "mlflow ui --backend-store-uri sqlite:///mlflow.db",
        "python -m counterpoise promote mine",
    ):
        assert text in output
    assert opened == [paths.page("mine").absolute().as_uri()]


def test_no_browser_opens_nothing(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "show", "mine", "--no-browser") == 0
    assert opened == []


def test_a_missing_page_is_an_error_after_the_answer(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths.page("mine").unlink()
    assert run(monkeypatch, "show", "mine") == 1
    output = capsys.readouterr()
    assert ANSWER[0] in output.out and "`dvc repro report@mine`" in output.err
    assert opened == []


def test_without_arguments_every_command_is_listed_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch) == 0
    listed = capsys.readouterr().out.splitlines()
    for name, text in cli.COMMANDS.items():
        assert [line.split() for line in listed if line.startswith(f"  {name} ")] == [
            [name, *text.split()]
        ]
