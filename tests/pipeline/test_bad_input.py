"""Every mistake that a person can make: one clear message with what, where, expected, found and
what to do.

Each is met twice: by `counterpoise check`, which touches nothing, and by the stage, which
exits with 1 and prints no traceback.
"""

from __future__ import annotations

import copy
import gzip
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.commands import check
from counterpoise.core import files, yaml12
from counterpoise.core.errors import guarded
from counterpoise.core.paths import REPOSITORY
from stages import fetch, resample, split, train
from tests.pipeline.test_pipeline import own_table

GOOD: dict[str, Any] = {
    "seed": 1,
    "datasets": {
        "mine": {
            "path": "data/mine.csv",
            "target": "churned",
            "positive": "yes",
            "drop": ["customer"],
        }
    },
    "strategies": {"none": {}, "smote": {}},
    "models": {"logistic_regression": {}},
    "split": {"scheme": "stratified_kfold", "folds": 3, "repeats": 1, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUNTERPOISE_MIRROR", raising=False)
    (tmp_path / "data").mkdir()
    own_table().to_csv("data/mine.csv", index=False)
    return tmp_path


def write(params: Any) -> None:
    Path("params.yaml").write_text(params if isinstance(params, str) else yaml12.dump(params))


def changed(**entries: Any) -> dict[str, Any]:
    """The good parameters with some replaced; `datasets__mine__target="x"` reaches inside."""
    params = copy.deepcopy(GOOD)
    for name, value in entries.items():
        *way, last = name.split("__")
        place = params
        for step in way:
            place = place[step]
        place[last] = value
    return params


def checked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["check"])
    before = sorted(Path("data").rglob("*"))
    status = check.main()
    assert sorted(Path("data").rglob("*")) == before, "check writes nothing"
    return status, capsys.readouterr().err


def staged(
    stage: Any, *arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", [stage.__name__, *arguments])
    status = guarded(stage.main)()
    return status, capsys.readouterr().err


def test_the_good_parameters_are_good(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(GOOD)
    status, text = checked(capsys, monkeypatch)
    assert (status, text) == (0, "")


CONFIGURATION = [
    (
        changed(seeds=1),
        ["unknown key 'seeds' (did you mean 'seed'?)", "seed, datasets, strategies"],
    ),
    (changed(seed="many"), ["seed:", "found 'many'"]),
    (
        changed(datasets__mine__targt="x"),
        ["datasets.mine: unknown key 'targt' (did you mean 'target'?)"],
    ),
    (
        changed(strategies__smot={}),
        ["There is no sampler 'smot' (did you mean 'smote'?)", "adasyn", "near_miss_3"],
    ),
    (
        changed(models__xgbost={}),
        ["There is no model 'xgbost' (did you mean 'xgboost'?)", "random_forest"],
    ),
    (
        changed(split__scheme="kfold"),
        ["unknown scheme", "grouped, holdout, prequential, stratified_kfold, temporal"],
    ),
    (changed(split__folds=1), ["split.folds", "greater than or equal to 2", "found 1"]),
    (
        changed(**{"datasets__my-data": {}}),
        ["datasets.my-data: a key may hold lower-case letters, digits and _ alone"],
    ),
    (
        changed(datasets__index=GOOD["datasets"]["mine"]),
        ["datasets.index", "taken by reports/index.html"],
    ),
    (
        changed(strategies__smote={"params": {"neighbours": 3}}),
        ["SMOTE takes no parameter 'neighbours'", "k_neighbors"],
    ),
    (
        changed(strategies__smote={"params": {"k_neighbors": "five"}}),
        ["wrong value", "k_neighbors", "'five'"],
    ),
    (changed(strategies__tomek_links={"ratio": 0.5}), ["has no target ratio", "found:    0.5"]),
    (
        changed(models__random_forest={"params": {"n_jobs": 4}}),
        ["'n_jobs' cannot be set in params.yaml", "one thread each"],
    ),
    (
        changed(models__xgboost={"params": {"depth": 3}}),
        ["takes no parameter 'depth'", "max_depth"],
    ),
    (
        changed(models__logistic_regression={"strategies": ["smotee"]}),
        ["models.logistic_regression.strategies names 'smotee'", "none, smote"],
    ),
    (changed(datasets__mine__path="data/mime.csv"), ["names no file", "data/mime.csv"]),
    (changed(split={"scheme": "temporal"}), ["needs to know the time of each row", "no time"]),
    ("", ["holds no mapping", "an empty file"]),
    ("seed: [\n", ["not valid YAML", "line"]),
    (yaml12.dump(GOOD) + "seed: 2\n", ['the key "seed" stands twice']),
]


@pytest.mark.parametrize(("params", "words"), CONFIGURATION)
def test_a_configuration_error_is_found_by_check(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    params: Any,
    words: list[str],
) -> None:
    write(params)
    status, text = checked(capsys, monkeypatch)
    assert status == 1
    for word in words:
        assert word in text
    assert "Traceback" not in text
    assert "to do:" in text


def table(change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> Callable[[], None]:
    def write_it() -> None:
        frame = own_table()
        result = change(frame)
        (frame if result is None else result).to_csv("data/mine.csv", index=False)

    return write_it


def text_of(content: str) -> Callable[[], None]:
    return lambda: files.write_text(Path("data/mine.csv"), content)


def binary_of(content: bytes) -> Callable[[], None]:
    return lambda: Path("data/mine.csv").write_bytes(content) and None


TABLES: list[tuple[Callable[[], None], list[str]]] = [
    (text_of(""), ["The file is empty", "0 bytes"]),
    (text_of("churned,age\n"), ["has no rows"]),
    (binary_of(gzip.compress(b"a,b\n1,2\n")), ["The file is no text"]),
    (text_of("churned,age,age\nyes,1,2\n"), ["A column name stands twice", "'age'"]),
    (text_of("churned,age,customer\nyes,1,2,3,4\n"), ["line 2", "5 fields", "3 fields"]),
    (
        table(lambda f: f.rename(columns={"churned": "Churned"})),
        ["no column 'churned' (did you mean 'Churned'?)", "`target`"],
    ),
    (
        table(lambda f: f.assign(churned="no")),
        ["The positive label 'yes' is in no row", "'no' (300 rows)"],
    ),
    (table(lambda f: f.assign(churned="yes")), ["The positive label 'yes' is in every row"]),
    (
        table(lambda f: f.assign(churned=f["churned"].where(f.index != 7))),
        ["target is missing in some rows", "row 8"],
    ),
    (
        table(lambda f: f.assign(churned=np.where(f.index < 2, "yes", "no"))),
        ["fewer positive rows than folds", "3 folds"],
    ),
    (
        table(lambda f: f[["customer", "churned"]].assign(a=1, b="x", calls=2)),
        ["Every feature is constant", "3 constant features"],
    ),
    (
        table(lambda f: f.assign(age=f["age"].where(f.index != 4, np.inf))),
        ["A number is infinite", "column 'age', row 5"],
    ),
    (
        table(lambda f: f.assign(calls=f["calls"].astype(str).where(f.index != 9, "n/k"))),
        ["holds text", "row 10", "'n/k'"],
    ),
    (
        table(lambda f: f.rename(columns={"customer": "who"}).assign(customer=1)),
        ["looks like an identifier", "'who'"],
    ),
    (table(lambda f: f.drop(columns="customer")), ["no column 'customer'", "`drop`"]),
    (
        table(lambda f: f.assign(calls=f["calls"].where(f.index != 5, -9))),
        ["A false_negative has a negative cost", "datasets.mine, row 6", "at least 0"],
    ),
]


@pytest.mark.parametrize(("make", "words"), TABLES)
def test_a_table_that_cannot_be_learned_from_is_told_by_check_and_by_the_stages(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[], None],
    words: list[str],
) -> None:
    write(
        changed(
            datasets__mine__costs={
                "false_positive": 1,
                "false_negative": {"column": "calls", "plus": 3},
            }
        )
    )
    make()
    status, text = checked(capsys, monkeypatch)
    again, next_text = staged(fetch, "mine", monkeypatch=monkeypatch, capsys=capsys)
    for next_stage in (split, train):  # train reads the costs before anything else
        if again == 0:
            again, next_text = staged(next_stage, "mine", monkeypatch=monkeypatch, capsys=capsys)
    assert (status, again) == (1, 1)
    for message in (text, next_text):
        assert [word for word in words if word not in message] == []
        assert "where:" in message
        assert "to do:" in message
    assert "dvc checkout" in next_text, "the stage says how earlier results come back"


def test_an_unknown_dataset_on_the_command_line_or_a_stage_left_out_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(GOOD)
    for stage, arguments, word in (
        (fetch, ["mina"], "There is no dataset 'mina' (did you mean 'mine'?)"),
        (resample, ["mine"], "A result of an earlier stage is missing"),
        (train, ["mine"], "A result of an earlier stage is missing"),
    ):
        status, text = staged(stage, *arguments, monkeypatch=monkeypatch, capsys=capsys)
        assert status == 1
        assert word in text


def entry(name: str, **more: Any) -> dict[str, Any]:
    file = {"name": name, "urls": ["http://127.0.0.1:9/" + name], "sha256": "0" * 64, **more}
    return changed(datasets__mine__source={"files": [file]})


def test_a_host_out_of_reach_says_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(entry("far.csv"))
    status, text = staged(fetch, "mine", monkeypatch=monkeypatch, capsys=capsys)
    assert status == 1
    assert "http://127.0.0.1:9/far.csv" in text
    assert "COUNTERPOISE_MIRROR" in text
    assert "dvc repro track@digits" in text


def test_a_wrong_checksum_in_the_mirror_is_told_and_not_used(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mirror").mkdir()
    (folder / "mirror" / "far.csv").write_text("churned,age\nyes,1\nno,2\n")
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(folder / "mirror"))
    write(entry("far.csv"))
    status, text = staged(fetch, "mine", monkeypatch=monkeypatch, capsys=capsys)
    assert status == 1
    assert files.sha256(folder / "mirror" / "far.csv") in text
    assert "0" * 64 in text
    assert not Path("data/tables").exists()


def test_a_mirror_that_is_no_folder_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(folder / "mirrow"))
    write(entry("far.csv"))
    status, text = staged(fetch, "mine", monkeypatch=monkeypatch, capsys=capsys)
    assert status == 1
    assert "COUNTERPOISE_MIRROR names something that is no folder" in text


def test_an_archive_that_climbs_out_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mirror").mkdir()
    archive = folder / "mirror" / "far.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("good.csv", "churned,age,customer\nyes,1,a\nno,2,b\n")
        file.writestr("../../evil.csv", "x")
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(folder / "mirror"))
    write(entry("far.zip", sha256=files.sha256(archive), member="good.csv"))
    for status, text in (
        checked(capsys, monkeypatch),
        staged(fetch, "mine", monkeypatch=monkeypatch, capsys=capsys),
    ):
        assert status == 1
        assert "'../../evil.csv'" in text
        assert "members whose paths stay inside the archive" in text


def test_check_collects_all_mistakes_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(changed(strategies__smot={}, models__xgbost={}, datasets__mine__target="nothing"))
    status, text = checked(capsys, monkeypatch)
    assert status == 1
    assert "3 errors found; no results were changed." in text


@pytest.mark.parametrize("searching", ["xgboost", "xgboost_weighted"])
def test_a_remedy_and_the_baseline_need_the_same_budget(
    searching: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    search = {"trials": 3, "space": {"max_depth": [2, 3]}}
    both: dict[str, Any] = {"xgboost": {"search": search}, "xgboost_weighted": {"search": search}}
    write(changed(models=both))
    assert checked(capsys, monkeypatch) == (0, "")
    for key in both:
        if key != searching:
            both[key] = {}
            other = key
    write(changed(models=both))
    status, text = checked(capsys, monkeypatch)
    assert status == 1
    assert (
        f"models.{other}" in text
        and "same budget" in text
        and f"give {other} a `search` too" in text
    )


def test_a_missing_library_for_pictures_is_told_without_a_traceback(tmp_path: Path) -> None:
    code = (
        "import sys, runpy; sys.modules['altair'] = None; "
        "sys.argv = ['report', 'digits']; runpy.run_module('stages.report', run_name='__main__')"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert ran.returncode == 1
    assert "error: The library altair is not installed." in ran.stderr
    assert "pip install -r requirements.lock" in ran.stderr and "Traceback" not in ran.stderr
