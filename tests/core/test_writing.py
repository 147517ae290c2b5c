"""How results are written: whole or not at all, and with the same bytes each time."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from counterpoise.core import files
from counterpoise.core.errors import ResultError, StorageError, guarded


def parts_left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))


def test_a_failure_in_the_middle_of_writing_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="power cut"), files.replacing(path) as file:
        file.write(b"half of the new")
        raise RuntimeError("power cut")
    assert path.read_text() == "old"
    assert not parts_left(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_storage_error_and_leaves_the_old_file(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> None:
        raise OSError(number, "No room")

    path = tmp_path / "result.json"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="There is no room left on the disk") as caught:
        files.write_text(path, "new")
    assert caught.value.where == str(path)
    assert path.read_text() == "old"
    assert not parts_left(tmp_path)
    assert guarded(lambda: files.write_text(path, "new"))() == 1
    assert "nothing was left half-written" in capsys.readouterr().err


def test_another_failure_of_the_disk_is_not_taken_for_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(OSError, match="Input/output error"):
        files.write_text(tmp_path / "result.json", "new")
    assert not list(tmp_path.iterdir())


def test_a_new_file_has_the_rights_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    files.write_text(tmp_path / "folder" / "result", "x")
    assert (tmp_path / "folder" / "result").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"a": [0.1 + 0.2, np.nan], "b": ["none", ""], "c": pd.Categorical(["x", "y"])}
    )
    contents = []
    for name in ("one", "two"):
        files.write_csv(tmp_path / f"{name}.csv", frame)
        files.write_parquet(tmp_path / f"{name}.parquet", frame)
        files.write_json(
            tmp_path / f"{name}.json",
            {"b": 1, "a": 0.1 + 0.2} if name == "one" else {"a": 0.3, "b": 1},
        )
        contents.append(
            [(tmp_path / f"{name}.{kind}").read_bytes() for kind in ("csv", "parquet", "json")]
        )
    assert contents[0] == contents[1]
    assert contents[0][0] == b"a,b,c\n0.3,none,x\n,,y\n"
    assert contents[0][2] == b'{\n  "a": 0.3,\n  "b": 1\n}\n'


def test_json_has_null_for_what_is_not_defined_and_refuses_an_infinity(tmp_path: Path) -> None:
    files.write_json(
        tmp_path / "a.json", {"x": [float("nan"), 1e-9, np.float64(1 / 3)], "y": (None, "ñ", True)}
    )
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "x": [None, 0, 0.333333],
        "y": [None, "ñ", True],
    }
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "b.json", {"x": float("inf")})
    assert not (tmp_path / "b.json").exists()


def test_a_csv_keeps_words_that_look_like_missing_values(tmp_path: Path) -> None:
    files.write_csv(
        tmp_path / "a.csv", pd.DataFrame({"strategy": ["none", "nan", None], "x": [1.5, np.nan, 2]})
    )
    again = files.read_csv(tmp_path / "a.csv")
    assert again["strategy"].tolist()[:2] == ["none", "nan"]
    assert again.isna().to_numpy().tolist() == [[False, False], [False, True], [True, False]]


@pytest.mark.parametrize("read", [files.read_json, files.read_csv, files.read_parquet])
def test_a_missing_result_says_how_to_get_it_back(
    read: Callable[[Path], object], tmp_path: Path
) -> None:
    with pytest.raises(ResultError, match="A result of an earlier stage is missing") as caught:
        read(tmp_path / "gone")
    assert "dvc checkout" in str(caught.value.todo)


def test_no_two_lists_of_parts_have_one_digest() -> None:
    assert (
        len(
            {
                files.digest(*parts)
                for parts in (("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ())
            }
        )
        == 5
    )
    assert files.canonical({"b": 1, "a": [1.0]}) == files.canonical({"a": [1.0], "b": 1})
