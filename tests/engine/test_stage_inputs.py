"""A stage is what it was given: what changes while it runs fails it by name, and it ends with the
`dvc` that runs it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from counterpoise.core import files, paths, yaml12
from counterpoise.core.errors import guarded
from counterpoise.core.paths import REPOSITORY
from counterpoise.engine import fingerprint, stage_inputs
from stages import check
from tests.engine.test_parallel import group, on_a_quiet_machine, seconds_until_gone
from tests.helpers.project import Project
from tests.helpers.shared_results import ALL, PARAMS

PIPELINE = yaml12.load((REPOSITORY / "dvc.yaml").read_text())["stages"]
DATASET = "digits"


def declared(script: str, kind: str) -> list[str]:
    """What dvc.yaml declares for a stage of the dataset: its `deps` or `params`."""
    definition = PIPELINE[script].get("do", PIPELINE[script])
    words = {
        "${key}": DATASET,
        "${item.dataset}": DATASET,
        "${item.path}": PARAMS["datasets"][DATASET]["path"],
    }
    found = []
    for name in definition.get(kind, []):  # advise takes the parameters of the results
        for word, value in words.items():
            name = name.replace(word, value)
        found.append(name)
    return found


@pytest.fixture
def place(workplace: Path) -> Path:
    """A folder with dvc.yaml, params.yaml and something of every dependency of every stage."""
    shutil.copy(REPOSITORY / "dvc.yaml", workplace)
    write(PARAMS)
    for script in check.STAGES:
        for name in declared(script, "deps"):
            path = Path(name)
            if path.suffix:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("as it was")
            else:
                (path / "inside").mkdir(parents=True, exist_ok=True)
                (path / "inside" / "file").write_text("as it was")
    for script in check.STAGES:
        files.write_json(paths.code(script), fingerprint.sources(f"stages.{script}"))
    return workplace


def write(content: dict[str, Any]) -> None:
    Path("params.yaml").write_text(yaml12.dump(content))


@pytest.fixture
def ran(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str, Callable[[], object]], tuple[int, str]]:
    """Run a stage with an action of the test: its exit status and its output."""

    def run(script: str, during: Callable[[], object]) -> tuple[int, str]:
        of_dataset = script != "compare"
        monkeypatch.setattr(sys, "argv", [script, *([DATASET] if of_dataset else [])])

        def main() -> None:
            with stage_inputs.stage(script, None, of_dataset=of_dataset):
                during()

        status = guarded(main)()
        return status, capsys.readouterr().err

    return run


Ran = Callable[[str, Callable[[], object]], tuple[int, str]]


def changed(name: str) -> dict[str, Any]:
    """The parameters with one of them another."""
    section, _, key = name.partition(".")
    if key:
        return {
            **PARAMS,
            section: {**PARAMS[section], key: {**PARAMS[section][key], "positive": 7}},
        }
    others = {"seed": 8, "goal": "cost"}
    other = others[section] if section in others else {**PARAMS[section], "more": {}}
    return {**PARAMS, section: other}


@pytest.mark.parametrize("script", check.STAGES)
def test_a_stage_that_is_left_alone_ends_well(ran: Ran, script: str) -> None:
    assert ran(script, lambda: None) == (0, "")


@pytest.mark.parametrize("script", check.STAGES)
def test_a_parameter_that_is_edited_meanwhile_fails_the_stage_by_name(
    ran: Ran, script: str
) -> None:
    for name in declared(script, "params"):
        write(PARAMS)
        status, text = ran(script, lambda name=name: write(changed(name)))
        assert status == 1, name
        assert f"params.yaml: {name}" in text
        assert f"{script}@{DATASET}" in text or script == "compare"
        assert "dvc repro" in text


@pytest.mark.parametrize("script", check.STAGES)
def test_another_parameter_or_a_comment_may_be_edited(ran: Ran, script: str) -> None:
    mine = declared(script, "params")
    others = [
        name
        for name in (*PARAMS, "datasets.other")
        if not {name, name.partition(".")[0]} & set(mine)
    ]

    def edit() -> None:
        content = dict(PARAMS)
        for name in others:
            if name == "datasets.other":
                content["datasets"] = {**PARAMS["datasets"], "other": PARAMS["datasets"][DATASET]}
            elif name != "datasets":
                content[name] = changed(name)[name]
        write(content)
        with Path("params.yaml").open("a") as file:
            file.write("# a comment\n")

    before = Path("params.yaml").read_text()
    assert ran(script, edit) == (0, "")
    assert Path("params.yaml").read_text() != before


def test_a_parameters_file_that_is_broken_or_gone_at_the_end_fails_the_stage(ran: Ran) -> None:
    for edit in (
        lambda: Path("params.yaml").write_text("seed: ["),
        lambda: Path("params.yaml").unlink(),
    ):
        write(PARAMS)
        status, text = ran("split", edit)
        assert status == 1
        assert "params.yaml: seed" in text


EDITS: dict[str, Callable[[Path], object]] = {
    "edited": lambda path: path.write_text("another"),
    "edited and put back": lambda path: (path.write_text("another"), path.write_text("as it was")),
    "removed": lambda path: path.unlink(),
}


@pytest.mark.parametrize("script", check.STAGES)
def test_a_dependency_that_is_edited_meanwhile_fails_the_stage_by_name(
    ran: Ran, script: str
) -> None:
    for name in declared(script, "deps"):
        path = Path(name) if Path(name).is_file() else Path(name) / "inside" / "file"
        if path.parent == Path("data/code"):
            continue
        for kind in ("edited", "edited and put back", "removed"):
            path.write_text("as it was")
            status, text = ran(script, lambda path=path, kind=kind: EDITS[kind](path))
            assert (status, kind) == (1, kind)
            assert path.as_posix() in text
        path.write_text("as it was")


def test_a_file_more_in_a_folder_that_a_stage_depends_on_fails_it(ran: Ran) -> None:
    status, text = ran("split", lambda: Path(f"data/tables/{DATASET}/more").write_text("more"))
    assert status == 1
    assert f"data/tables/{DATASET}/more" in text


@pytest.mark.parametrize("script", check.STAGES)
def test_a_source_that_check_did_not_see_is_refused_before_anything_is_done(
    ran: Ran, script: str
) -> None:
    digests = files.read_json(paths.code(script))
    other = "counterpoise/core/files.py"
    files.write_json(paths.code(script), {**digests, other: "0" * 64})

    def never() -> None:
        raise AssertionError("the stage began")

    status, text = ran(script, never)
    assert status == 1
    assert other in text
    assert "check" in text


# The same as a person meets it


HOOK = """
    if Path("hold").exists() and Path("hold").read_text() == name:
        import time
        Path("reached").touch()
        while Path("hold").exists():
            time.sleep(0.02)
"""
BEGIN = "    yield StageInputs(params, dataset)\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Results of two models, in a copy whose stages wait where a file `hold` names them."""
    project = Project.copied(tmp_path_factory.mktemp("project"))
    source = project.folder / "counterpoise" / "engine" / "stage_inputs.py"
    text = source.read_text()
    assert text.count(BEGIN) == 1
    source.write_text(text.replace(BEGIN, HOOK + BEGIN))
    (project.folder / "dvc.lock").unlink(missing_ok=True)
    project.params = {**PARAMS, "models": MODELS}
    project.repro(*ALL)
    shutil.copytree(project.folder / "reports", project.folder / "kept")
    return project


MODELS: dict[str, Any] = {
    "logistic_regression": {"params": {"max_iter": 1000}},
    "xgboost": {"params": {"n_estimators": 5}},
}


def during(project: Project, stage: str, edit: Callable[[], object]) -> tuple[int, str]:
    """Exit status and text of `dvc repro` where something is edited while a stage runs."""
    hold, reached = project.folder / "hold", project.folder / "reached"
    hold.write_text(stage)
    process = started(project, "--force", "--single-item", stage)
    try:
        wait(reached.exists, process)
        edit()
    finally:
        hold.unlink()
        reached.unlink(missing_ok=True)
    text, _ = process.communicate(timeout=300)
    return process.returncode, text


def started(project: Project, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dvc", "repro", *arguments]
    return subprocess.Popen(
        command,
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait(until: Callable[[], object], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 300
    while not until():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.02)


def same(project: Project) -> bool:
    return project.command("same", "kept", "reports").status == 0


def test_results_of_old_parameters_never_stand_under_new_ones(project: Project) -> None:
    given = project.params
    new = {**given, "models": {**MODELS, "xgboost": {"params": {"n_estimators": 6}}}}

    def edit() -> None:
        project.params = new

    status, text = during(project, f"train@{DATASET}", edit)
    assert status != 0
    assert f"Something that train@{DATASET} depends on has changed while it ran" in text
    assert "params.yaml: models" in text
    outcome = project.repro(*ALL)
    fits = outcome.fits[DATASET]
    assert fits == (6, 6), (
        "the other model's fits are in the store; those of three strategies in two folds are made"
    )
    assert not same(project)
    project.params = given
    project.repro(*ALL)
    assert same(project)


def test_a_source_that_was_edited_and_put_back_is_found(project: Project) -> None:
    source = project.folder / "counterpoise" / "models" / "class_weights.py"
    content = source.read_bytes()

    def edit() -> None:
        source.write_bytes(content + b"\nLEAST = 0\n")
        source.write_bytes(content)

    status, text = during(project, f"train@{DATASET}", edit)
    assert status != 0
    assert "counterpoise/models/class_weights.py" in text
    project.repro(*ALL)
    assert same(project)


def test_a_table_that_was_edited_is_found(project: Project) -> None:
    card = project.folder / PARAMS["datasets"][DATASET]["path"]
    content = card.read_bytes()
    status, text = during(
        project, f"fetch@{DATASET}", lambda: card.write_bytes(content + b"\nmore\n")
    )
    assert status != 0
    assert PARAMS["datasets"][DATASET]["path"] in text
    card.write_bytes(content)
    project.repro(*ALL)
    assert same(project)


@pytest.fixture
def at_work(project: Project) -> Iterator[subprocess.Popen[str]]:
    """`dvc repro` while workers of the stage train are at a long fit."""
    given = project.params
    project.params = {**given, "models": {"xgboost": {"params": {"n_estimators": 1_000_000}}}}
    process = started(project, f"train@{DATASET}")
    try:
        wait(lambda: len([one for one in group(process.pid) if is_busy_worker(one)]) >= 2, process)
        yield process
    finally:
        for one in group(process.pid):
            one.kill()
        process.kill()
        process.communicate()
        project.params = given


def is_busy_worker(process: Any) -> bool:
    try:
        return "loky" in " ".join(process.cmdline()) and sum(process.cpu_times()[:2]) > 2
    except psutil.NoSuchProcess:  # it ended since it was listed
        return False


@pytest.mark.parametrize("whom", ["dvc", "its group"])
def test_no_process_outlives_dvc(at_work: subprocess.Popen[str], whom: str) -> None:
    if whom == "dvc":
        at_work.kill()
    else:
        os.killpg(at_work.pid, signal.SIGKILL)
    assert seconds_until_gone(at_work.pid, 30) < on_a_quiet_machine(2), group(at_work.pid)


def test_a_second_dvc_repro_is_refused_while_the_first_is_at_work(
    project: Project, at_work: subprocess.Popen[str]
) -> None:
    refused = project.dvc("repro", f"train@{DATASET}")
    assert refused.status != 0
    assert "train" not in {stage.partition("@")[0] for stage in refused.stages}
    assert at_work.poll() is None


def test_after_all_that_the_reports_are_those_of_an_undisturbed_run(project: Project) -> None:
    project.repro(*ALL)
    assert same(project)
