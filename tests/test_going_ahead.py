"""A stage `train` that stays and fits ahead: the next one finds its fits made, and whatever comes instead ends it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages import paths
from stages.remedies import fits
from tests.project import Outcome, Project
from tests.test_warm import at_work, processes, servers, until

STAYS = "20"
FOLDS = 3
SPLIT = {"scheme": "stratified_kfold", "folds": FOLDS, "repeats": 1}
MODELS = {"logistic_regression": {}, "xgboost": {"params": {"n_estimators": 20}}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose rows are resampled, as dvc.lock says, and nothing trained."""
    made = Project.copied(tmp_path_factory.mktemp("ahead"), COUNTERPOISE_WARM=STAYS, LOKY_MAX_CPU_COUNT="2")
    made.params = {
        "seed": 1, "datasets": {"digits": {**made.params["datasets"]["digits"], "split": SPLIT}},
        "strategies": {"none": {}, "random_over": {}, "smote": {}}, "models": MODELS, "split": SPLIT,
        "thresholds": made.params["thresholds"], "costs": made.params["costs"],
    }  # fmt: skip
    made.repro("resample", "costs@digits")
    return made


@pytest.fixture
def project(whole: Project) -> Project:
    for process in servers(whole.folder):
        os.kill(process, signal.SIGKILL)
    assert until(lambda: not processes(whole.folder))
    whole.run("rm", "-rf", "data/store", "data/scores", "data/measured")
    params = whole.params
    params["models"] = MODELS
    whole.params = params
    whole.repro("code")
    return whole


def train(project: Project, strategy: str, **variables: str) -> Outcome:
    done = project.stage("warm", "train", "digits", strategy, **variables)
    assert done.status == 0, done.text
    return done


def stored(project: Project) -> int:
    return len(list((project.folder / "data" / "store").rglob("output.pkl")))


def first_of(folder: Path) -> int:
    """The stage that is at work or has stayed."""
    found = processes(folder)
    (server,) = servers(folder)
    (stage,) = [process for process, parent in found.items() if parent == server]
    return stage


EACH = len(MODELS) * FOLDS


def test_it_fits_the_next_strategies_and_serves_them(project: Project) -> None:
    assert train(project, "none").fits == {"digits none": (EACH, 0)}
    assert until(lambda: stored(project) == 3 * EACH), "while nobody has asked for them yet"
    stage = first_of(project.folder)
    for strategy in ("random_over", "smote"):
        assert train(project, strategy).fits == {f"digits {strategy}": (EACH, 0)}, "fits that were made for this run"
    assert until(lambda: stage not in processes(project.folder)), "it ends when nothing is left to do"
    assert stored(project) == 3 * EACH


def test_results_are_the_same_bytes_as_without(project: Project) -> None:
    params = project.params
    # on several threads the sums of so wide a net come out otherwise
    params["models"] = {**MODELS, "mlp": {"params": {"layers": [512, 256], "batch_size": 1024, "steps": 20}}}
    project.params = params
    made = []
    for seconds in (STAYS, "0"):
        for strategy in ("none", "random_over", "smote"):
            train(project, strategy, COUNTERPOISE_WARM=seconds)
        scores = project.folder / "data" / "scores"
        made.append({path.relative_to(scores): path.read_bytes() for path in scores.rglob("*") if path.is_file()})
        project.run("rm", "-rf", "data/store", "data/scores")
    assert len(made[0]) == 3 * (len(MODELS) + 2) + 3  # a net has a learning curve too
    assert made[0] == made[1]


@pytest.mark.parametrize("cores", ["1", "2"])
def test_another_strategy_than_the_next_may_come(cores: str, project: Project) -> None:
    params = project.params
    slow = {"xgboost": {"params": {"n_estimators": 200_000}, "strategies": ["random_over"]}, "logistic_regression": {}}
    project.params = {**params, "models": slow}
    train(project, "none", LOKY_MAX_CPU_COUNT=cores)
    assert train(project, "smote", LOKY_MAX_CPU_COUNT=cores).fits == {"digits smote": (FOLDS, 0)}


def test_the_same_strategy_may_come_again(project: Project) -> None:
    project.params = {**project.params, "models": {**MODELS, "xgboost": {"params": {"n_estimators": 20, "max_bin": 1}}}}
    for kept in (0, FOLDS):
        done = train(project, "none")
        assert done.fits == {"digits none": (EACH - kept, kept)}
        assert "xgboost: failed" in done.text


@pytest.mark.parametrize("instead", ["another stage", "another dataset", "nothing"])
def test_whatever_comes_instead_ends_it(instead: str, project: Project) -> None:
    train(project, "none")
    stage = first_of(project.folder)
    if instead == "another stage":
        assert project.stage("warm", "costs", "digits").status == 0
    elif instead == "another dataset":
        assert project.stage("warm", "train", "unknown", "none").status == 1
    assert until(lambda: stage not in processes(project.folder), 10)
    assert not at_work(project.folder)
    assert servers(project.folder)


def test_one_that_was_killed_is_missed_by_nobody(project: Project) -> None:
    train(project, "none")
    os.kill(first_of(project.folder), signal.SIGKILL)
    assert train(project, "random_over").fits["digits random_over"][0] >= 0
    assert sum(train(project, "smote").fits["digits smote"]) == EACH


def test_parameters_and_rows_that_have_changed_meanwhile_are_read_again(project: Project) -> None:
    train(project, "none")
    params = project.params
    params["models"] = {**MODELS, "xgboost": {"params": {"n_estimators": 3}}}
    project.params = params
    assert train(project, "random_over").status == 0
    with_others = (project.folder / "data/scores/digits/random_over/xgboost.parquet").read_bytes()
    project.run("rm", "-rf", "data/store", "data/scores")
    train(project, "random_over", COUNTERPOISE_WARM="0")
    assert (project.folder / "data/scores/digits/random_over/xgboost.parquet").read_bytes() == with_others


def test_a_mistake_in_the_next_stage_is_told_by_it_and_not_before(project: Project) -> None:
    counts = project.folder / "data/resampled/digits/random_over/counts.json"
    content = counts.read_text()
    counts.unlink()
    counts.write_text("no JSON")
    try:
        assert train(project, "none").text.count("error") == 0
        done = project.stage("warm", "train", "digits", "random_over")
        assert done.status == 1
        assert "error" in done.text
    finally:
        counts.unlink()
        counts.write_text(content)
    assert train(project, "smote").fits["digits smote"][0] + 0 >= 0


def test_an_interrupt_in_the_next_stage_ends_it_and_all_its_processes(project: Project) -> None:
    import subprocess
    import sys

    slow = {"xgboost": {"params": {"n_estimators": 200_000}, "strategies": ["random_over"]}, "logistic_regression": {}}
    project.params = {**project.params, "models": slow}
    train(project, "none")
    command = [sys.executable, "-m", "stages.warm", "train", "digits", "random_over"]
    process = subprocess.Popen(command, cwd=project.folder, env=project.environment, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)  # fmt: skip
    try:
        threading.Event().wait(3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Interrupted" in text
    assert until(lambda: not at_work(project.folder))


def test_dvc_runs_all_of_it_as_ever(project: Project) -> None:
    done = project.repro("train")
    assert done.fits == {f"digits {strategy}": (EACH, 0) for strategy in ("none", "random_over", "smote")}
    assert not project.repro("train").stages


# What is next


@pytest.fixture
def locked(workplace: Path) -> dict[str, Any]:
    """What dvc.lock says of a dataset whose strategies were all trained."""
    content: dict[str, Any] = {}
    for name in ("none", "smote"):
        params = {"params.yaml": {"seed": 1, f"strategies.{name}": {}}}
        rows = {"path": f"data/resampled/mine/{name}", "md5": f"rows of {name}"}
        table = {"path": "data/tables/mine", "md5": "table"}
        content[f"resample@mine-{name}"] = {"deps": [table], "params": params, "outs": [rows]}
        content[f"train@mine-{name}"] = {"deps": [table, rows], "params": params, "outs": []}
    content["fetch@mine"] = {"outs": [table]}
    paths.PARAMS.write_text(yaml.safe_dump({"seed": 1, "strategies": {"none": {}, "smote": {}}}))
    return content


def expected(locked: dict[str, Any]) -> list[str]:
    paths.DVC_LOCK.write_text(yaml.safe_dump({"schema": "2.0", "stages": locked}))
    return fits.expected("mine", ["none", "smote"])


def test_nothing_is_expected_where_all_is_trained(locked: dict[str, Any]) -> None:
    assert expected(locked) == []
    paths.DVC_LOCK.unlink()
    assert fits.expected("mine", ["none", "smote"]) == []
    paths.DVC_LOCK.write_text("stages: [")
    assert fits.expected("mine", ["none", "smote"]) == []


def test_a_strategy_with_other_rows_or_never_trained_is_expected(locked: dict[str, Any]) -> None:
    locked["resample@mine-smote"]["outs"] = [{"path": "data/resampled/mine/smote", "md5": "other rows"}]
    assert expected(locked) == ["smote"]
    del locked["train@mine-none"]
    assert expected(locked) == ["none", "smote"]


def test_a_strategy_that_is_resampled_first_is_not_expected(locked: dict[str, Any]) -> None:
    del locked["train@mine-none"], locked["train@mine-smote"]
    locked["fetch@mine"]["outs"] = [{"path": "data/tables/mine", "md5": "another table"}]
    assert expected(locked) == []
    paths.PARAMS.write_text(yaml.safe_dump({"seed": 2, "strategies": {"none": {}, "smote": {}}}))
    locked["fetch@mine"]["outs"] = [{"path": "data/tables/mine", "md5": "table"}]
    assert expected(locked) == []
