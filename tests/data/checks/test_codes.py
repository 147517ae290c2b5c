"""Each data check has a code, and a section of the documentation that a finding links to."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from counterpoise.commands import check
from counterpoise.core import yaml12
from counterpoise.core.paths import REPOSITORY
from counterpoise.data.checks.codes import CHECKS, PAGE
from tests.data.checks.test_all_checks import leaking, params


def anchors(text: str) -> list[str]:
    """The anchors of the headings with a code, as GitHub and MyST make them."""
    headings = re.findall(r"^### (CP\d{3} .+)$", text, re.MULTILINE)
    return [re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_codes_are_unique_and_each_one_has_its_section() -> None:
    links = [one.docs.removeprefix(f"{PAGE}#") for one in CHECKS.values()]
    assert links == anchors((REPOSITORY / PAGE).read_text())
    assert len({one.code for one in CHECKS.values()}) == len(CHECKS)


def test_every_text_is_one_or_two_whole_sentences() -> None:
    for one in CHECKS.values():
        assert re.fullmatch(r"[^.]+\.", one.why), one.why
        assert 1 <= len(re.findall(r"\.(?: |$)", one.todo)) <= 2, one.todo


def test_the_command_check_shows_the_findings_of_your_own_tables(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data").mkdir()
    leaking().assign(same=1).to_csv("data/mine.csv", index=False)
    Path("params.yaml").write_text(yaml12.dump(params()))
    monkeypatch.setattr(sys, "argv", ["check"])
    assert check.main() == 0
    text = capsys.readouterr().out
    assert "serious: CP301 A feature that reveals the label: " in text
    assert "see:   docs/data_checks.md#cp301-a-feature-that-reveals-the-label" in text
    assert text.index("serious: CP301") < text.index("note: CP202")
    monkeypatch.setattr(sys, "argv", ["check", "--json"])
    assert check.main() == 0
    leak, *_, same = json.loads(capsys.readouterr().out)["datasets"]["mine"]["findings"]
    assert (leak["code"], leak["columns"]) == ("CP301", ["refunded"])
    assert leak["why"] == CHECKS["leak"].why and leak["docs"] == CHECKS["leak"].docs
    assert (same["code"], same["severity"]) == ("CP202", "note")
