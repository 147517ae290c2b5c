"""Parquet results: whatever became of a file, what is read is what was written, or nothing."""

from __future__ import annotations

import random
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from counterpoise.core import files, yaml12
from counterpoise.core.errors import ResultError


def frame(rows: int = 500) -> pd.DataFrame:
    chance = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "fold": (np.arange(rows) % 3).astype("int8"),
            "score": np.where(chance.random(rows) < 0.1, np.nan, chance.random(rows)),
            "part": pd.Categorical(chance.choice(["test", "validation"], rows)),
        }
    )


def write(path: Path) -> None:
    files.write_parquet(path, frame())


def write_pieces(path: Path) -> None:
    files.write_parquet_pieces(path, iter([frame()]))


def read_whole(path: Path) -> pd.DataFrame:
    return files.read_parquet(path)


def read_columns(path: Path) -> pd.DataFrame:
    with files.open_parquet(path) as file:
        return file.read().to_pandas()


@pytest.fixture(params=[write, write_pieces], ids=["whole", "pieces"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    request.param(tmp_path / "result.parquet")
    return tmp_path / "result.parquet"


@pytest.fixture(params=[read_whole, read_columns], ids=["read", "open"])
def read(request: pytest.FixtureRequest) -> Callable[[Path], pd.DataFrame]:
    return request.param  # type: ignore[no-any-return]


def test_what_was_written_is_read(path: Path, read: Callable[[Path], pd.DataFrame]) -> None:
    pd.testing.assert_frame_equal(read(path), frame())
    pd.testing.assert_frame_equal(pd.read_parquet(path), frame())  # and by any other reader


def test_pieces_are_written_as_the_whole_is(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write_pieces(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_flipped_bit_anywhere_is_found(path: Path, read: Callable[[Path], pd.DataFrame]) -> None:
    data = path.read_bytes()
    for bit in random.Random(0).sample(range(len(data) * 8), 500):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(ResultError, match="damaged"):
            read(path)


def test_a_flipped_bit_in_a_page_is_found_by_other_readers(path: Path) -> None:
    data = bytearray(path.read_bytes())
    start = pq.read_metadata(path).row_group(0).column(1).data_page_offset
    data[start + 500] ^= 1
    path.write_bytes(data)
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(path, page_checksum_verification=True)


def test_a_truncated_or_foreign_file_is_refused(
    path: Path, read: Callable[[Path], pd.DataFrame]
) -> None:
    data = path.read_bytes()
    for length in (0, 1, 7, 8, 9, 40, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ResultError):
            read(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(ResultError):
        read(path)
    frame().to_parquet(path)  # by another program
    with pytest.raises(ResultError):
        read(path)
    path.unlink()
    with pytest.raises(ResultError, match="missing"):
        read(path)


# ----------------------------------------------------------------- the advice


def rot(path: Path) -> None:
    """Flip a bit as a disk does: neither time nor permissions change."""
    script = (
        "import os, stat, sys; from pathlib import Path\n"
        "path = Path(sys.argv[1]); before = path.stat(); path.chmod(0o644)\n"
        "data = bytearray(path.read_bytes()); data[1000] ^= 1\n"
        "with path.open('r+b') as file: file.write(data)\n"
        "path.chmod(stat.S_IMODE(before.st_mode))\n"
        "os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("link", "where"), [("copy", "workspace"), ("copy", "cache"), ("hardlink", "cache")]
)
def test_the_advice_for_a_damaged_result_repairs_it(
    link: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of the message, as they are printed, in a repository of DVC."""
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    dvc = f"{shlex.quote(sys.executable)} -m dvc"

    def run(command: str) -> str:
        command = re.sub(r"(?<![\w./])dvc (?=\w)", f"{dvc} ", command)
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    write(Path("made.parquet"))
    make = "mkdir -p data/scores && cp made.parquet data/scores/one.parquet"
    stage = {"cmd": make, "outs": ["data/scores"]}
    Path("dvc.yaml").write_text(yaml12.dump({"stages": {"train": stage}}))
    run(f"git init -q && dvc init -q && dvc config cache.type {link} && dvc repro -q")
    result = Path("data/scores/one.parquet").absolute()
    whole = result.read_bytes()
    (cached,) = [
        path
        for path in Path(".dvc/cache/files").rglob("*")
        if path.is_file() and path.read_bytes() == whole
    ]
    rot(result if where == "workspace" else cached)
    if link == "copy" and where == "cache":
        result.unlink()
        run("dvc checkout --force")
    with pytest.raises(ResultError) as caught:
        files.read_parquet(result)
    if where == "cache":  # what DVC does by itself leaves the damaged copy
        run("dvc checkout --force && dvc repro --force")
        assert cached.read_bytes() != whole
    commands = str(caught.value.todo).partition("\n")[2].splitlines()
    assert len(commands) == 3
    for command in commands:
        run(command.strip())
    pd.testing.assert_frame_equal(files.read_parquet(result), frame())
    assert cached.read_bytes() == whole
    assert "up to date" in run("dvc repro")
