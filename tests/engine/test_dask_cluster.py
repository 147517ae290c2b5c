"""Fits on a Dask cluster: a scheduler and two workers on loopback, as separate processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client
from sklearn.metrics import average_precision_score

from counterpoise.core import config, paths
from counterpoise.core.config import Model
from counterpoise.core.errors import ClusterError, guarded
from counterpoise.core.outcome import attempted
from counterpoise.core.paths import REPOSITORY
from counterpoise.data import folds as splits
from counterpoise.data import splitters, tables
from counterpoise.data.tables import Table
from counterpoise.engine import dask_cluster
from counterpoise.engine.fit import FitJob, FitResult, fit
from stages import train
from tests.conftest import Stage, mixed_table, numeric_table
from tests.helpers.dask_processes import scheduling, working
from tests.helpers.servers import free_port

Attempt = tuple[str, str, FitResult | None]

pytestmark = pytest.mark.slow

TOLERANCE = 0.03
"""Of average precision, between one model over parts and the same in one place: what
docs/cluster.md states."""

BOOSTED: dict[str, Any] = {"model": "gradient_boosting", "params": {"n_estimators": 300}}
CONTENT: dict[str, Any] = {
    "seed": 1,
    "datasets": {"mine": {"path": "mine.csv", "target": "y", "positive": 1}},
    "strategies": {"none": {}, "smote": {}},
    "models": {
        "logistic_regression": {},
        "xgboost_weighted": {"params": {"n_estimators": 5, "early_stopping_rounds": 2}},
        "hist_gradient_boosting": {"params": {"max_iter": 5}},
        "costed": {"model": "random_forest", "costs": "weights", "params": {"n_estimators": 5}},
        "wrong": {"model": "xgboost", "strategies": ["none"], "params": {"tree_method": "fast"}},
        "slow": BOOSTED,
        "slower": BOOSTED,
    },
    "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 1, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {},
}
MODELS_OK = 6
FITS = 2 * 2 * MODELS_OK + 2
"""Strategies times folds times models, and those of the model that cannot be fitted."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers."""
    folder = tmp_path_factory.mktemp("dask")
    with scheduling(folder) as address, working(address, folder, count=2):
        with Client(address, timeout=30) as client:
            client.wait_for_workers(2, timeout=60)
        yield address


@pytest.fixture
def named(running: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A cluster with two workers, which stages find in the environment."""
    monkeypatch.setenv(dask_cluster.ADDRESS, running)
    with Client(running) as client:
        client.wait_for_workers(2, timeout=60)  # one that an earlier test killed is starting
    return running


@pytest.fixture
def made(workplace: Path, write_params: Callable[[dict[str, Any]], None], stage: Stage) -> Path:
    """A folder in which a mixed table is split and resampled."""
    prepare(mixed_table(), write_params, stage)
    return workplace


def prepare(
    table: Table, write_params: Callable[[dict[str, Any]], None], stage: Stage, **changed: Any
) -> None:
    content = {**CONTENT, **changed}
    write_params(content)
    tables.write(paths.table("mine"), table)
    splits.write(paths.split("mine"), splitters.split(table, config.load().split, 1, "mine"))
    stage("resample", "mine")


def results() -> dict[str, bytes]:
    folder = paths.scores("mine")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def ran_on(worker: str, client: Client) -> int:
    """The process of a worker."""
    return int(client.run(os.getpid, workers=[worker])[worker])


def killing(address: str, enough: Callable[[dict[str, Any]], bool]) -> threading.Thread:
    """Kill a worker as the kernel would, as soon as it does what is waited for."""

    def kill() -> None:
        with Client(address, set_as_default=False) as client:
            while True:
                busy = {worker: keys for worker, keys in client.processing().items() if keys}
                if busy and enough(busy):
                    os.kill(ran_on(next(iter(busy)), client), signal.SIGKILL)
                    return
                time.sleep(0.02)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread


def test_scores_are_the_same_bytes_with_a_cluster_and_without_and_when_a_worker_is_killed(
    made: Path,
    named: str,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # so that the table and the folds are sent by themselves
    monkeypatch.setattr(dask_cluster, "MAPPED_BYTES", 2000)
    killer = killing(named, lambda busy: len(busy) == 2)
    stage("train", "mine")
    killer.join(timeout=1)
    assert not killer.is_alive(), "no worker was killed"
    spread = results()
    assert f"mine: {FITS} fits, 0 from the store" in capsys.readouterr().out

    monkeypatch.delenv(dask_cluster.ADDRESS)
    stage("train", "mine")
    assert f"mine: 2 fits, {FITS - 2} from the store" in capsys.readouterr().out, (
        "a fit that fails is not stored"
    )
    assert results() == spread

    shutil.rmtree(paths.STORE)
    stage("train", "mine")
    assert results() == spread
    assert len(spread) == 2 * (MODELS_OK + 2), (
        "for each strategy the scores of each model, a history and the cells"
    )


def test_a_fit_that_needs_more_than_a_worker_may_hold_fails_and_the_rest_goes_on(
    workplace: Path, named: str, stage: Stage, write_params: Callable[[dict[str, Any]], None]
) -> None:
    hungry = {"model": "nearest_neighbors", "params": {"metric": "cosine", "algorithm": "brute"}}
    models = {
        "hungry": hungry,
        "logistic_regression": {},
        "xgboost": {"params": {"n_estimators": 5}},
    }
    prepare(
        numeric_table(24_000, 3_000),
        write_params,
        stage,
        models=models,
        strategies={"none": {}},
        split={"scheme": "holdout", "test_size": 0.5, "validation": 0.2},
    )
    stage("train", "mine")
    cells = train.files.read_json(paths.scores("mine", "none") / "cells.json")["models"]
    assert {name: cell["status"] for name, cell in cells.items()} == {
        "hungry": "failed",
        "logistic_regression": "ok",
        "xgboost": "ok",
    }
    assert cells["hungry"]["reason"] == f"{dask_cluster.OUT_OF_MEMORY} (repeat 0, fold 0)"


# ----------------------------------------------------------------- one model over parts


def rare(rows: int = 12_000, positives: int = 300) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    y = np.zeros(rows, np.int8)
    y[random.choice(rows, positives, replace=False)] = 1
    X = random.normal(size=(rows, 8))
    X[:, :3] += y[:, None] * random.normal(1.8, 0.6, size=(rows, 3))
    X[:, 7] = random.integers(0, 4, rows)
    return X, y


def whole(key: str, **params: Any) -> FitJob:
    X, y = rare()
    thirds = np.array_split(np.random.default_rng(6).permutation(len(y)), 3)
    return FitJob(
        key,
        Model(params=params),
        3,
        X,
        y,
        (0,) * 7 + (4,),
        *thirds,
        np.sort(thirds[0]),
        X[:0],
        y[:0],
    )


def over_parts(work: FitJob) -> Attempt:
    """What becomes of a model that is fitted over parts, with the cluster that is named."""
    with dask_cluster.connected():
        return attempted(lambda: fit(replace(work, distributed=True)))


@pytest.mark.parametrize(
    ("key", "params"),
    [
        ("xgboost", {"n_estimators": 40}),
        ("xgboost_weighted", {"n_estimators": 200, "early_stopping_rounds": 8}),
    ],
)
def test_one_model_over_parts_is_as_good_as_in_one_place(
    key: str, params: dict[str, Any], named: str
) -> None:
    work = whole(key, max_depth=3, learning_rate=0.2, **params)
    alone = fit(work)
    (status, reason, parted), (*_, again) = over_parts(work), over_parts(work)
    assert (status, reason) == ("ok", "")
    assert parted is not None
    assert again is not None
    assert parted.test.tobytes() == again.test.tobytes()
    assert parted.test.tobytes() != alone.test.tobytes(), "it was not fitted over parts"
    measured = [
        average_precision_score(work.y[work.test], fitted.test) for fitted in (alone, parted)
    ]
    assert measured[0] > 0.5
    assert measured[1] == pytest.approx(measured[0], abs=TOLERANCE)
    same = ("rows_fitted", "positives_fitted", "scale_pos_weight", "weight_ratio")
    assert [alone.facts.get(name) for name in same] == [parted.facts.get(name) for name in same]
    assert (
        ("best_iteration" in alone.facts)
        == ("best_iteration" in parted.facts)
        == (key == "xgboost_weighted")
    )
    if parted.history:  # what it stops by is what the same scores have in one place
        best = int(parted.facts["best_iteration"])
        stopped_by = parted.history["validation_aucpr"][best]
        assert stopped_by == max(parted.history["validation_aucpr"])
        assert stopped_by == pytest.approx(
            average_precision_score(work.y[work.validation], parted.validation), abs=0.005
        )


def test_a_model_over_parts_that_loses_a_worker_fails_and_the_next_is_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scheduling(tmp_path) as address, working(address, tmp_path, count=2):
        monkeypatch.setenv(dask_cluster.ADDRESS, address)
        with Client(address, timeout=30) as client:
            client.wait_for_workers(2, timeout=60)
        killer = killing(address, lambda busy: any("fn" in str(keys) for keys in busy.values()))
        try:
            status, reason, _ = over_parts(whole("xgboost", n_estimators=3000, max_depth=6))
        # XGBoost's tracker sometimes ends the scheduler, whose process it runs in
        except ClusterError as error:
            assert "The Dask scheduler is lost" in str(error)
        else:
            assert (status, reason) == (
                "failed",
                "RuntimeError: a worker of the Dask cluster was lost during the fit",
            )
            assert over_parts(whole("xgboost", n_estimators=5))[0] == "ok"
        killer.join(timeout=1)
        assert not killer.is_alive(), "no worker was killed"


def test_a_distributed_dataset_has_cells_of_its_own_and_without_a_cluster_those_of_any_other(
    made: Path,
    stage: Stage,
    write_params: Callable[[dict[str, Any]], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    running: str,
) -> None:
    dataset = {"mine": {**CONTENT["datasets"]["mine"], "distributed": True}}
    models = {
        "logistic_regression": {},
        "xgboost": {"params": {"n_estimators": 5}},
        "xgboost_focal": {},
    }
    write_params({**CONTENT, "datasets": dataset, "models": models})
    stage("train", "mine")
    assert "mine: distributed, and no cluster is named" in capsys.readouterr().out
    monkeypatch.setenv(dask_cluster.ADDRESS, running)
    stage("train", "mine")
    assert "mine: 4 fits, 8 from the store" in capsys.readouterr().out
    monkeypatch.delenv(dask_cluster.ADDRESS)
    write_params({**CONTENT, "models": models})
    stage("train", "mine")
    assert "mine: 0 fits, 12 from the store" in capsys.readouterr().out


# ----------------------------------------------------------------- what is wrong with a cluster


def refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setenv(name, value)
    with pytest.raises(ClusterError) as caught, dask_cluster.connected():
        pass
    return str(caught.value)


def test_a_scheduler_that_does_not_answer_is_an_error_within_seconds(
    made: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_TIMEOUT_SECONDS", 2)
    address = f"tcp://127.0.0.1:{free_port()}"
    monkeypatch.setenv(dask_cluster.ADDRESS, address)
    monkeypatch.setattr(sys, "argv", ["stages.train", "mine"])
    start = time.monotonic()
    assert guarded(train.main)() == 1
    assert time.monotonic() - start < 10
    output = capsys.readouterr().err
    assert "error: The Dask scheduler cannot be reached." in output
    assert f"where:    DASK_SCHEDULER_ADDRESS={address}" in output
    assert "expected: a scheduler that answers within 2 seconds" in output
    assert "Traceback" not in output


def test_a_scheduler_file_is_read_and_a_wrong_one_is_an_error(
    running: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "scheduler.json"
    assert f"DASK_SCHEDULER_FILE={file}" in refused(monkeypatch, dask_cluster.FILE, str(file))
    file.write_text('{"address": "' + running + '"}')
    with dask_cluster.connected() as (client, _):
        assert client.scheduler.address == running
    file.write_text("[]")
    assert "found:    TypeError: list indices" in refused(monkeypatch, dask_cluster.FILE, str(file))


def without(name: str, folder: Path) -> Path:
    """A folder with every installed package but one."""
    site = Path(np.__file__).parents[1]
    for path in site.iterdir():
        if not path.name.startswith((name, "__pycache__")):
            (folder / path.name).symlink_to(path)
    return folder


def test_other_versions_on_the_scheduler_or_a_worker_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, bare = tmp_path / "old" / "dask-2025.1.0.dist-info", tmp_path / "bare"
    old.mkdir(parents=True)
    bare.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: dask\nVersion: 2025.1.0\n")
    without("imbalanced_learn", bare)
    with (
        scheduling(tmp_path, PYTHONPATH=f"{old.parent}{os.pathsep}{REPOSITORY}") as address,
        working(address, tmp_path, options=("-S",), PYTHONPATH=f"{bare}{os.pathsep}{REPOSITORY}"),
    ):
        output = refused(monkeypatch, dask_cluster.ADDRESS, address)
    assert "The packages on the Dask cluster differ from those of this process." in output
    assert "scheduler: dask 2025.1.0 instead of 20" in output
    assert "imbalanced-learn not installed instead of 0." in output
    assert output.count("instead of") == 2


def test_a_cluster_without_workers_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_TIMEOUT_SECONDS", 2)
    with scheduling(tmp_path) as address:
        assert "The Dask cluster has no workers." in refused(
            monkeypatch, dask_cluster.ADDRESS, address
        )


def test_a_scheduler_that_is_lost_ends_the_stage_and_finished_fits_are_kept(
    made: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(paths.STORE)  # which has the rows that strategies made
    with ExitStack() as stack:
        address = stack.enter_context(scheduling(made))

        def stop() -> None:
            while not list(paths.STORE.glob("*/*.cell")):
                time.sleep(0.02)
            stack.close()

        stopper = threading.Thread(target=stop)
        stopper.start()
        monkeypatch.setenv(dask_cluster.ADDRESS, address)
        with (
            working(address, made),
            pytest.raises(ClusterError, match="The Dask scheduler is lost"),
        ):
            stage("train", "mine")
        stopper.join()
    kept = len(list(paths.STORE.glob("*/*.cell")))
    assert 0 < kept < FITS - 2
    monkeypatch.delenv(dask_cluster.ADDRESS)
    stage("train", "mine")
    assert f"mine: {FITS - kept} fits, {kept} from the store" in capsys.readouterr().out


def changed(folder: Path) -> str:
    """A folder with other code of this package."""
    shutil.copytree(REPOSITORY / "counterpoise", folder / "counterpoise")
    with (folder / "counterpoise" / "models" / "adapters.py").open("a") as source:
        source.write("CHANGED = True\n")
    return str(folder)


def test_a_worker_that_joins_later_with_other_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(scheduling(tmp_path))
        stack.enter_context(working(address, tmp_path))
        monkeypatch.setenv(dask_cluster.ADDRESS, address)

        def jobs() -> Iterator[dask_cluster.Job]:
            work = whole("xgboost")
            yield "first", work
            stack.enter_context(working(address, tmp_path, PYTHONPATH=changed(tmp_path)))
            with Client(address, timeout=30, set_as_default=False) as client:
                client.wait_for_workers(2, timeout=60)
            yield from (("next", work) for _ in range(10))

        results = dask_cluster.side_by_side(itemgetter(0), jobs())
        assert next(results)[1] == "first"
        with pytest.raises(ClusterError, match=r"code of counterpoise \w+ instead of"):
            list(results)


def test_a_worker_without_the_package_and_one_with_other_code_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = changed(tmp_path)
    with (
        scheduling(tmp_path) as address,
        working(address, tmp_path, PYTHONPATH=""),
        working(address, tmp_path, PYTHONPATH=other),
    ):
        with Client(address, timeout=30) as client:
            client.wait_for_workers(2, timeout=60)
        output = refused(monkeypatch, dask_cluster.ADDRESS, address)
    assert re.search(r"worker tcp://[\d.:]+: .*No module named 'counterpoise'", output)
    assert re.search(r"worker tcp://[\d.:]+: code of counterpoise \w+ instead of \w+\n", output)


def test_a_run_without_a_cluster_imports_nothing_of_dask() -> None:
    script = "import sys, stages.train; print(*{'dask', 'distributed'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
