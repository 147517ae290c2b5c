"""The layout is the architecture: what imports what, what each stage depends on, and how its names
are joined."""

from __future__ import annotations

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from counterpoise.core import config, yaml12
from counterpoise.core.paths import REPOSITORY
from counterpoise.engine import fingerprint
from counterpoise.models.registry import MODELS
from counterpoise.samplers.registry import SAMPLERS
from stages import check

PIPELINE = yaml12.load((REPOSITORY / "dvc.yaml").read_text())["stages"]
SCRIPTS = [path for path in sorted((REPOSITORY / "stages").glob("*.py")) if path.stem != "__init__"]
OF_DATASETS = [stage for stage in PIPELINE if stage not in ("check", "compare")]


def definition(stage: str) -> dict:
    return PIPELINE[stage].get("do", PIPELINE[stage])


def paths_of(entries: list) -> list[str]:
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def code_file(stage: str) -> str:
    return f"data/code/{stage}.json"


def sources(stage: str) -> set[str]:
    return set(fingerprint.sources(f"stages.{stage}"))


def test_the_stages_are_check_those_of_each_dataset_and_compare() -> None:
    assert list(PIPELINE) == ["check", *OF_DATASETS[:-1], "compare", "track"]
    assert OF_DATASETS == [
        "fetch",
        "split",
        "audit",
        "resample",
        "train",
        "evaluate",
        "advise",
        "report",
        "track",
    ]
    for stage in OF_DATASETS:
        assert "foreach" in PIPELINE[stage] or list(PIPELINE[stage]["matrix"]) == ["dataset"]


def test_a_stage_depends_on_the_list_of_its_own_sources_and_on_no_other_code() -> None:
    assert set(check.STAGES) == set(PIPELINE) - {"check", "track"}
    assert PIPELINE["check"]["outs"] == [code_file(stage) for stage in check.STAGES]
    assert set(fingerprint.PACKAGES) <= set(PIPELINE["check"]["deps"])
    for stage in check.STAGES:
        named = [
            path
            for path in paths_of(definition(stage)["deps"])
            if path.startswith((*fingerprint.PACKAGES, "data/code"))
        ]
        assert [path for path in named if path != "counterpoise/report/templates"] == [
            code_file(stage)
        ]
    # the code of track makes no result
    assert not {*fingerprint.PACKAGES, code_file("track")} & set(
        paths_of(PIPELINE["track"]["deps"])
    )


def test_check_runs_before_every_other_stage_and_whenever_params_yaml_changes() -> None:
    """A mistake has to stop the run before DVC deletes the outs of a stage that would find it."""
    # the whole file: a key that no stage knows is a mistake too
    assert "params.yaml" in PIPELINE["check"]["deps"] and "params" not in PIPELINE["check"]
    assert not [path for path in paths_of(PIPELINE["check"]["deps"]) if path.startswith("data")]


@pytest.mark.parametrize("stage", check.STAGES)
def test_the_list_of_sources_is_what_the_stage_imports_when_it_runs(stage: str) -> None:
    """Held against Python itself: every module of the project that is loaded, whatever imported
    it."""
    listed = sources(stage)
    script = (
        f"import sys, stages.{stage}; "
        "print(*(m.__file__ for name, m in sys.modules.items()"
        " if name.split('.')[0] in ('counterpoise', 'stages')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    loaded = {Path(name).relative_to(REPOSITORY).as_posix() for name in done.stdout.split()}
    assert loaded <= listed
    # what is listed and not loaded at once is imported inside a function, or by what is not loaded
    for path in listed - loaded:
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        parent, _, last = module.rpartition(".")
        imported = rf"(from {module} import|import {module}|from {parent} import\b.*\b{last}\b)"
        imported = imported.replace(".", r"\.").replace(r"\.*", ".*")
        importing = {
            p: re.findall(
                rf"^(\s*){imported}", (REPOSITORY / p).read_text().replace("(\n", "("), re.M
            )
            for p in listed
        }
        assert any(
            indent or p not in loaded for p, found in importing.items() for indent, _ in found
        ), path


def test_another_sum_of_one_file_changes_the_lists_that_hold_it_alone() -> None:
    file = "counterpoise/evaluation/metrics.py"
    holding = {stage for stage in check.STAGES if file in sources(stage)}
    assert holding == {"evaluate", "advise"}
    assert {stage for stage in check.STAGES if "counterpoise/engine/fit.py" in sources(stage)} == {
        "train",
        "advise",
    }
    assert {
        stage for stage in check.STAGES if "counterpoise/core/config/params.py" in sources(stage)
    } == set(check.STAGES)


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_runs_the_script_of_its_name(stage: str) -> None:
    given = {"check": "", "fetch": "${key}", "compare": ""}.get(stage, "${item.dataset}")
    assert definition(stage)["cmd"] == f"python -m stages.{stage} {given}".strip()
    assert (REPOSITORY / "stages" / f"{stage}.py").is_file()


@pytest.mark.parametrize("stage", [*check.STAGES, "check"])
def test_every_stage_that_computes_depends_on_the_lock(stage: str) -> None:
    assert "requirements.lock" in paths_of(definition(stage)["deps"])


def test_the_stages_that_make_pages_depend_on_the_templates() -> None:
    templates = "counterpoise/report/templates"
    assert (REPOSITORY / templates).is_dir()
    making = {
        stage for stage in check.STAGES if "counterpoise/report/templating.py" in sources(stage)
    }
    assert making == {"report", "compare"}
    assert {
        stage for stage in PIPELINE if templates in paths_of(definition(stage).get("deps", []))
    } == making


def test_results_outside_of_the_cache_are_those_of_compare() -> None:
    for stage in PIPELINE:
        entries = [
            e for kind in ("outs", "metrics", "plots") for e in definition(stage).get(kind, [])
        ]
        uncached = [
            e
            for e in entries
            if isinstance(e, dict) and next(iter(e.values())).get("cache") is False
        ]
        assert bool(uncached) == (stage == "compare")


def test_track_makes_nothing_that_anything_waits_for_and_it_alone_runs_every_time() -> None:
    assert not {"outs", "metrics", "plots"} & set(definition("track"))
    assert [stage for stage in PIPELINE if definition(stage).get("always_changed")] == ["track"]


def test_what_was_measured_reaches_pages_alone() -> None:
    """A second that passes is no result: nothing that computes depends on it."""
    reading = {
        s
        for s in PIPELINE
        if any("measured" in path for path in paths_of(definition(s).get("deps", [])))
    }
    assert reading == {"report", "compare", "track"}


def test_imports_point_one_way() -> None:
    """The contracts stand in pyproject.toml, for import-linter."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_reads_calls_and_writes_and_no_more(path: Path) -> None:
    assert path.stem in PIPELINE
    assert len(path.read_text().splitlines()) <= 80


def test_a_module_has_a_test_file_of_its_name_or_stands_in_the_list_of_those_that_have_none() -> (
    None
):
    tests = REPOSITORY / "tests"
    listed = dict(
        re.findall(r"^\| `(\S+)` \| `?([^`|]+?)`? \|$", (tests / "README.md").read_text(), re.M)
    )
    assert not [name for name in listed.values() if "/" in name and not (tests / name).is_file()]
    modules = {
        path.relative_to(REPOSITORY / "counterpoise").with_suffix("").as_posix()
        for path in (REPOSITORY / "counterpoise").rglob("*.py")
        if not path.stem.startswith("__")
    }
    without = {
        name
        for name in modules
        if not (tests / name).with_name(f"test_{Path(name).name}.py").is_file()
    }
    assert {name for name in without if not any(fnmatch(name, one) for one in listed)} == set()
    assert {one for one in listed if not any(fnmatch(name, one) for name in without)} == set()


def test_nothing_but_the_room_of_tracking_imports_mlflow() -> None:
    pattern = re.compile(r"^\s*(import|from) mlflow", re.MULTILINE)
    found = {
        p.relative_to(REPOSITORY).as_posix()
        for folder in fingerprint.PACKAGES
        for p in (REPOSITORY / folder).rglob("*.py")
        if pattern.search(p.read_text())
    }
    assert found == {
        f"counterpoise/tracking/{name}.py"
        for name in ("advised_model", "connection", "publisher", "pyfunc", "registry")
    }


@pytest.mark.slow
def test_every_script_answers_to_help() -> None:
    running = {
        path.stem: subprocess.Popen(
            [sys.executable, "-m", f"stages.{path.stem}", "--help"],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        for path in SCRIPTS
    }
    for name, process in running.items():
        text, _ = process.communicate(timeout=120)
        assert process.returncode == 0, name
        assert f"python -m stages.{name}" in text, name


def test_every_strategy_and_model_of_the_issue_is_known() -> None:
    assert set(SAMPLERS) >= {
        "random_over",
        "smote",
        "borderline_smote",
        "svm_smote",
        "adasyn",
        "random_under",
        "near_miss_1",
        "near_miss_2",
        "near_miss_3",
        "tomek_links",
        "enn",
        "cluster_centroids",
        "smote_tomek",
        "smote_enn",
    }
    assert set(MODELS) >= {
        "logistic_regression",
        "gradient_boosting",
        "hist_gradient_boosting",
        "random_forest",
        "xgboost",
        "xgboost_weighted",
    }


def test_the_commented_entries_of_params_are_valid() -> None:
    """What the comments offer to uncomment has to work: the whole creditcard and higgs, the own
    table, the strategies."""
    text = (REPOSITORY / "params.yaml").read_text()
    own, _, rest = text.partition("datasets:\n")
    mine = "".join(
        line[1:].removeprefix(" ") + "\n"
        for line in own.splitlines()
        if re.match(r"#   ( |mine)", line)
    )
    opened = re.sub(
        r"^  # ((?:  )?(?:[a-z_0-9]+:|- ).*|    .*)$", r"  \1", rest, flags=re.MULTILINE
    )
    params = config.parse(yaml12.load(f"seed: 1\ndatasets:\n{mine}{opened}"))
    assert {"mine", "creditcard", "higgs"} <= set(params.datasets)
    assert params.datasets["mine"].positive == ("yes",)
    samplers = {entry.sampler or key for key, entry in params.strategies.items()}
    assert samplers >= set(SAMPLERS) - {"kmeans_smote"}


def locked(name: str) -> dict[str, str]:
    return dict(
        re.findall(
            r"^([a-z0-9][a-z0-9._-]*(?:\[[^\]]*\])?)==([^ ;\\]+)",
            (REPOSITORY / name).read_text(),
            re.MULTILINE,
        )
    )


def test_each_package_is_pinned_once_with_hashes_and_the_second_lock_holds_the_first() -> None:
    for name in (
        "requirements.lock",
        "requirements-cluster.lock",
        "requirements-gpu.lock",
        "requirements-dev.lock",
    ):
        text = (REPOSITORY / name).read_text()
        names = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", text, re.MULTILINE)
        assert len(names) == len(set(names)) > 50
        blocks = re.split(r"\n(?=[a-z0-9])", text)
        assert not [b.splitlines()[0] for b in blocks if "==" in b and "--hash=sha256:" not in b]
        assert "http" not in re.sub(
            r"(httpx?|http)[a-z0-9_-]*|dvc-http|[a-z0-9-]+-http[a-z0-9-]*", "", text
        )
    runs, clustered, tests = map(
        locked, ("requirements.lock", "requirements-cluster.lock", "requirements-dev.lock")
    )
    assert runs.items() <= clustered.items() <= tests.items()


def test_the_lock_for_a_gpu_is_the_first_but_for_the_whole_xgboost() -> None:
    """At the same version; xgboost-cpu would write into the same folder, so that it must not be
    there."""
    runs, gpu = locked("requirements.lock"), locked("requirements-gpu.lock")
    version = runs.pop("xgboost-cpu")
    assert "xgboost-cpu" not in gpu
    assert gpu.pop("xgboost") == runs.pop("xgboost") == version
    assert {name for name in gpu if name not in runs} == {"nvidia-nccl-cu12"}
    assert runs.items() <= gpu.items()
    text = (REPOSITORY / "requirements-gpu.lock").read_text()
    (line,) = re.findall(r"^xgboost==.*$", text, re.MULTILINE)
    assert ";" not in line, "on every system, not on macOS alone"


def test_the_locks_have_every_direct_dependency_of_pyproject() -> None:
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    direct = {re.split(r"[\[<>=!~; ]", text)[0].lower() for text in project["dependencies"]}
    tools = {
        re.split(r"[\[<>=!~; ]", text)[0].lower()
        for text in project["optional-dependencies"]["dev"]
    }
    assert direct <= set(locked("requirements.lock"))
    assert tools <= set(locked("requirements-dev.lock"))
    assert {"dask", "distributed"} <= set(locked("requirements-cluster.lock")) - set(
        locked("requirements.lock")
    )
    assert not (tools - direct) & set(locked("requirements.lock")), (
        "a tool has slipped into what runs"
    )
