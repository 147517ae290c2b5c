"""How mistakes are shown: as a message and an exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterpoise.core.errors import TableError, TableErrors, guarded


def test_the_errors_of_a_stage_are_a_message_and_status_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def wrong() -> None:
        raise TableError(
            "It is wrong.", where="here", expected="right", found="wrong", todo="mend it"
        )

    assert guarded(wrong)() == 1
    assert (
        capsys.readouterr().err
        == "\nerror: It is wrong.\n  where:    here\n  expected: right\n  found:    wrong\n  to do:"
        "    mend it\n  Results of an earlier run are not lost: `dvc checkout` brings back those"
        " that dvc.lock names, `git checkout -- reports dvc.lock` those in git.\n"
    )


def test_a_mistake_of_the_program_is_not_dressed_up(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 // 0)()
    with pytest.raises(FileNotFoundError):
        guarded(lambda: Path("/no/such/file").read_text() and None)()

    def stopped() -> None:
        raise KeyboardInterrupt

    assert guarded(stopped)() == 130
    assert "run the same command to go on" in capsys.readouterr().err


def test_several_mistakes_of_a_table_are_shown_together_and_one_as_it_is() -> None:
    one, other = TableError("One.", found="a"), TableError("Two.", found="b")
    TableErrors.raise_from([])
    with pytest.raises(TableError) as single:
        TableErrors.raise_from([one])
    assert single.value is one
    with pytest.raises(TableErrors) as both:
        TableErrors.raise_from([one, other])
    assert both.value.errors == (one, other)
    assert "2 mistakes" in str(both.value)
    assert "One.\n  found:    a" in str(both.value)
    assert "Two." in str(both.value)
