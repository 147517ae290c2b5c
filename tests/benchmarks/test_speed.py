"""The suite that measures speed: that all do the same work, and that what it measures, reads and
writes is right."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from sklearn.metrics import average_precision_score

from benchmarks.speed import bare, environments, given, report, repro, timed, work
from benchmarks.speed.timed import Line
from counterpoise.core import config, yaml12
from counterpoise.core.errors import LibraryError, ResultError
from counterpoise.core.paths import REPOSITORY
from counterpoise.core.seeds import seed_for
from counterpoise.data import datasets, splitters
from counterpoise.engine.fit import FitJob, fit
from counterpoise.engine.resampling import resample
from tests.conftest import Stage


def digits() -> config.Params:
    """Two strategies, one model and two folds of a table that needs no download."""
    content = work.committed()
    entry = {
        **content["datasets"]["digits"],
        "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 1},
    }
    return config.parse(
        {
            **content,
            "datasets": {"digits": entry},
            "strategies": {"none": {}, "random_under": {}},
            "models": {"xgboost": {"params": {"n_estimators": 10}}},
        }
    )


def test_the_bare_script_does_the_projects_own_work(tmp_path: Path) -> None:
    params = digits()
    work.write(tmp_path, params, "digits")
    found = bare.run(given.read(tmp_path))
    table = datasets.fetch("digits", params.dataset("digits"))[0]
    parts = splitters.split(table, params.split_of("digits"), params.seed, "digits")
    assert len(found) == 2 * len(parts) == 4
    for cell, scored in found.items():
        fold, entry = list(parts)[cell.fold], params.strategies[cell.strategy]
        seed = seed_for(params.seed, "digits", cell.strategy, "resample", fold.repeat, fold.fold)
        made = resample(table, fold, cell.strategy, entry, seed).resampled
        assert made is not None
        ours = fit(
            FitJob(
                cell.model,
                params.models[cell.model],
                seed_for(params.seed, "digits", cell.model, "fit", fold.repeat, fold.fold),
                table.X,
                table.y,
                table.cardinalities,
                fold.train,
                fold.validation,
                fold.test,
                made.rows,
                made.synthetic,
                made.synthetic_y,
            )
        )
        # a scaler before trees changes nothing but roundings
        assert scored.average_precision == pytest.approx(
            average_precision_score(table.y[fold.test], ours.test), abs=1e-3
        )
        assert sum(scored.counts) == len(fold.test)


def test_the_floor_counts_every_phase_of_every_strategy(tmp_path: Path) -> None:
    work.write(tmp_path, digits(), "digits")
    spent = bare.floor(given.read(tmp_path))
    assert set(spent) == {"none", "random_under"}
    assert all(seconds > 0 for phases in spent.values() for seconds in phases.values())
    assert spent["random_under"]["fit"] < spent["none"]["fit"]


def test_the_grid_is_180_fits_and_valid() -> None:
    params = config.parse(work.grid())
    split = params.split_of(work.DATASET)
    assert isinstance(split, config.StratifiedKFold)
    assert len(params.strategies) * len(params.models) * split.folds * split.repeats == 180
    assert not split.grouped  # a second look is no part of what the others do


def test_a_command_is_timed_with_all_that_it_starts(tmp_path: Path) -> None:
    child = "import time; held = bytearray(200_000_000); print('held'); time.sleep(1)"
    script = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    took = timed.run(
        [sys.executable, "-c", script], tmp_path, timed.environment(), "a child that holds 200 MB"
    )
    assert took.seconds > 1
    assert 0 < took.cpu_seconds < took.seconds
    assert took.peak_bytes > 200_000_000
    assert [line.text for line in took.lines] == ["held"]


def burnt(seconds: float) -> float:
    """A job that takes so many seconds of CPU."""
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass
    return seconds


@pytest.mark.slow
def test_what_the_workers_of_a_stage_took_is_counted(tmp_path: Path) -> None:
    script = (
        "from counterpoise.engine.parallel import side_by_side\nfrom tests.benchmarks.test_speed"
        " import burnt\nprint(len(list(side_by_side(burnt, [1.0, 1.0, 1.0]))))"
    )
    variables = timed.environment(PYTHONPATH=str(REPOSITORY))
    once = timed.run(
        [sys.executable, "-c", script.replace("1.0", "0.0")], tmp_path, variables, "nothing"
    )
    took = timed.run([sys.executable, "-c", script], tmp_path, variables, "three seconds of CPU")
    assert took.lines[-1].text == "3"
    assert took.cpu_seconds - once.cpu_seconds > 2


def test_a_command_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(ResultError) as failed:
        timed.run(
            [sys.executable, "-c", "raise SystemExit('no such thing')"],
            tmp_path,
            timed.environment(),
            "fails",
        )
    assert "exit status 1" in str(failed.value)
    assert "no such thing" in str(failed.value)


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="failed") as failed:
        timed.run(
            [sys.executable, "-c", "import time; time.sleep(60)"],
            tmp_path,
            timed.environment(),
            "hangs",
            0.5,
        )
    assert "had not ended after 0.5 s" in str(failed.value)


def test_stages_and_fits_are_read_from_what_dvc_prints() -> None:
    said = [
        "Running stage 'fetch@digits':",
        "> python -m stages.fetch digits",
        "Running stage 'train@digits':",
        "digits: 10 fits, 0 from the store, 1.0 s",
        "Running stage 'train@mine':",
        "train mine: 3 fits",
        "mine: 1 fits, 9 from the store, 0.2 s",
        "Running stage 'compare':",
    ]
    lines = [Line(float(k + 1), text) for k, text in enumerate(said)]
    assert repro.stage_seconds(lines, 9.5) == {"before": 1, "fetch": 2, "train": 5, "compare": 1.5}
    assert repro.fits(lines) == (11, 9)
    assert repro.stages(lines) == {"fetch": 1, "train": 2, "compare": 1}


def test_fits_and_seconds_are_those_that_the_stages_leave(
    workplace: Path, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    params = digits()
    Path("params.yaml").write_text(yaml12.dump(params.model_dump(mode="json", exclude_none=True)))
    shutil.copytree(REPOSITORY / "data" / "cards", "data/cards")
    for name in ("fetch", "split", "resample"):
        stage(name, "digits")
    capsys.readouterr()
    stage("train", "digits")
    assert repro.fits([Line(0.0, text) for text in capsys.readouterr().out.splitlines()]) == (4, 0)
    seconds = repro.Clone(workplace, "").measured()
    assert set(seconds) == {"resample", "fit", "predict"}
    assert min(seconds.values()) > 0


def test_an_environment_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    listed = tmp_path / "requirements-none.txt"
    listed.write_text(f"nothing @ file://{tmp_path}/nothing.whl\n")
    with pytest.raises(LibraryError) as failed:
        environments.made("none", listed, tmp_path / "venvs")
    assert "The environment of none cannot be made." in str(failed.value)
    assert "nothing" in str(failed.value)


def run(seconds: float, **more: Any) -> dict[str, Any]:
    return {"seconds": seconds, "cpu_seconds": 2 * seconds, "peak_bytes": 5e8, **more}


def results() -> report.Results:
    machine = {
        "cores": 2,
        "processor": "a processor",
        "memory_bytes": 2**33,
        "system": "Linux x86_64",
        "day": "2026-01-02",
        "commit": "abc",
        "uncommitted_changes": False,
        "versions": {"python": "3.11.7"},
    }
    left = {
        "fits": 180,
        "stages": {"before": 1.0, "train": 20.0},
        "disk": {"data": 3e8, ".dvc/cache": 2e8},
        "measured": {"resample": 1.0, "fit": 38.0, "predict": 1.0},
    }
    rounds = [
        {
            "repro": run(ours, **left),
            "bare": run(bare),
            "floor": run(20.0, shared_seconds=10.0),
            "pycaret": run(100.0),
            "pycaret_tracked": run(120.0),
            "smote_variants": run(24.0),
            "bare_shared": run(16.0),
        }
        for ours, bare in ((30.0, 20.0), (36.0, 30.0), (90.0, 25.0))
    ]
    grid = {
        "machine": machine,
        "fits": 180,
        "shared_fits": 120,
        "rounds": rounds,
        "left_out": {},
        "differences": {"repro": 0.001, "pycaret": 0.02},
    }
    changed = {"fits": 15, "from_the_store": 99, "expected_fits": 15, "stages": {"train": 1}}
    again = {
        "machine": machine,
        "first": run(900.0, **left),
        "same": [run(3.0), run(5.0), run(3.5)],
        "model": run(20.0, **changed),
        "threshold": run(9.0, **{**changed, "fits": 0, "expected_fits": 0}),
    }
    return {
        "grid": grid,
        "noop": again,
        "overhead": [{"machine": machine, "rows": 228_000, **run(25.0, **left)}],
    }


def test_ratios_are_medians_of_pairs_and_not_ratios_of_medians() -> None:
    rounds = results()["grid"]["rounds"]
    # of 1.5, 1.2 and 3.6; the medians give 36 / 25
    assert report.ratio(rounds, "repro", "bare") == pytest.approx(1.5)
    assert report.ratio(rounds, "repro", "nobody") is None


def test_the_table_says_what_was_promised_and_what_was_found() -> None:
    text = report.table(results())
    assert "| grid: dvc repro / bare script | at most 1.5 times | 1.5 times | held |" in text
    assert "at most 1.1 times | 1.25 times | not held |" in text
    assert "| default grid: nothing changed | at most 4 s | 3.5 s | held |" in text
    assert "| default grid: on disk | at most 1 GB | 0.5 GB | held |" in text
    assert "| dvc repro, 180 fits | 36.0 | 72.0 | 1.50 | 1.80 | 500 | 0.0010 |" in text
    assert "| smote_variants, 120 fits | 24.0 | 48.0 | 1.50 | 2.40 | 500 |  |" in text
    assert "| 228,000 | 25.0 | 180 | 40.0 | 1.25 | 500 | 500 | abc |" in text
    assert "held" not in report.table({**results(), "quick": True})


def test_a_changed_model_that_fits_nothing_holds_no_promise() -> None:
    found = results()
    found["noop"]["model"]["fits"] = 0
    limit = next(one for one in report.limits(found) if "changed model" in one.what)
    assert not limit.held


def test_the_plot_is_the_same_bytes_for_the_same_figures(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        report.plot(results(), tmp_path / name)
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    report.plot({}, tmp_path / "nothing.svg")
    assert not (tmp_path / "nothing.svg").exists()


def test_the_suite_answers_to_help_and_refuses_parts_that_it_does_not_have() -> None:
    command = [sys.executable, "-m", "benchmarks.speed"]
    told = subprocess.run(
        [*command, "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    assert "grid, noop, overhead, samplers" in told
    refused = subprocess.run(
        [*command, "--only", "gird"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "there is no 'gird'" in refused.stderr


def test_the_environments_are_ignored_by_git_and_pinned_to_the_last_package() -> None:
    ignored = (REPOSITORY / ".gitignore").read_text().splitlines()
    assert "/benchmarks/speed/.venvs/" in ignored
    for path in environments.HERE.glob("requirements-*.txt"):
        assert all("==" in line for line in path.read_text().splitlines())


def test_the_parameters_of_large_tables_are_valid(tmp_path: Path) -> None:
    from benchmarks.speed import overhead

    content = overhead.write(tmp_path, 10_000)
    params = config.parse(yaml12.load(yaml12.dump(content)))
    frame = overhead.table(10_000)
    assert (tmp_path / params.datasets["payments"].path).is_file()
    assert frame["fraud"].sum() == 20
    promised = config.parse(overhead.params("data/payments.parquet", overhead.LIKE_THE_GRID))
    assert (tuple(promised.strategies), tuple(promised.models)) == (
        work.STRATEGIES,
        tuple(work.MODELS),
    )
    assert promised.split_of("payments") == config.parse(work.grid()).split_of(work.DATASET)
    assert frame.shape == (10_000, 31)
