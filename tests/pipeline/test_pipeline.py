"""The pipeline from end to end, as a person runs it: what reruns, what does not, and what is
published.

One small project lives through a sequence of changes; every test builds on the one before it, as
work does.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.project import Project

PARAMS = {
    "seed": 7,
    "datasets": {
        "digits": {
            "path": "data/cards/digits.md",
            "source": {"bundled": "digits"},
            "target": "digit",
            "positive": 8,
        },
        "mine": {
            "path": "data/mine.csv",
            "target": "churned",
            "positive": "yes",
            "drop": ["customer"],
            "categorical": ["region"],
            "costs": {"false_negative": {"column": "calls", "plus": 2}},
        },
    },
    "strategies": {"none": {}, "random_over": {}, "adasyn": {"params": {"n_neighbors": 30}}},
    "models": {
        "logistic_regression": {},
        "xgboost": {"params": {"n_estimators": 10}},
        "cost_xgboost": {
            "model": "xgboost",
            "strategies": ["none"],
            "costs": "weights",
            "params": {"n_estimators": 5},
        },
    },
    "split": {"scheme": "stratified_kfold", "folds": 3, "repeats": 1, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {"half": 0.5, "tuned": "f1"},
    "costs": {"false_positive": 1, "false_negative": 5},
}


def own_table(rows: int = 300) -> pd.DataFrame:
    """Numbers, categories, booleans and missing values, with a signal in them."""
    random = np.random.default_rng(3)
    churned = random.random(rows) < 0.15
    frame = pd.DataFrame(
        {
            "customer": [f"c{k:05}" for k in range(rows)],
            "age": random.normal(40, 12, rows).round(1) - 8 * churned,
            "plan": random.choice(["basic", "plus", "pro"], rows),
            "region": random.integers(1, 5, rows),
            "paperless": random.random(rows) < 0.5,
            "calls": random.poisson(2 + 3 * churned),
            "churned": np.where(churned, "yes", "no"),
        }
    )
    frame.loc[::17, "age"] = np.nan
    frame.loc[::23, "plan"] = None
    return frame


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    project = Project.copied(folder)
    project.params = PARAMS
    own_table().to_csv(folder / "data" / "mine.csv", index=False)
    shutil.rmtree(folder / "reports")
    (folder / "dvc.lock").unlink(missing_ok=True)
    assert project.dvc("add", "-q", "data/mine.csv").status == 0
    project.git("add", "-A")
    project.git("commit", "-qm", "my table")
    return project


def test_the_first_run_makes_everything(project: Project) -> None:
    outcome = project.repro()
    assert {stage.split("@")[0] for stage in outcome.stages} == {
        "check",
        "fetch",
        "split",
        "audit",
        "resample",
        "train",
        "evaluate",
        "advise",
        "report",
        "compare",
        "track",
    }
    # three models without a remedy and two with each, in three folds; ADASYN finds too few
    # positives in one of the tables
    assert outcome.fits == {"digits": (21, 0), "mine": (15, 0)}
    for page in ("index", "digits", "mine"):
        assert (project.folder / "reports" / f"{page}.html").stat().st_size > 1000
    board = project.leaderboard()
    assert len(board) == 2 * (3 + 2 + 2)


def test_a_sampler_that_cannot_run_is_a_row_with_its_reason_and_the_run_goes_on(
    project: Project,
) -> None:
    board = project.leaderboard().set_index(["dataset", "strategy", "model"])
    refused = board.loc[("mine", "adasyn", "xgboost")]
    assert refused["status"] == "not_applicable"
    assert "neighbors" in refused["reason"]
    assert np.isnan(refused["average_precision"])
    fine = board.loc[("mine", "none", "xgboost")]
    assert fine["status"] == "ok"
    assert fine["average_precision"] > fine["prevalence"]


def test_mlflow_holds_one_run_a_cell(project: Project) -> None:
    board = project.leaderboard()
    wanted = sorted((row.dataset, f"{row.strategy}/{row.model}") for row in board.itertuples())
    found = [
        (experiment, name) for experiment, name, _ in project.current_runs() if name != "comparison"
    ]
    assert found == wanted
    assert {status for *_, status in project.current_runs()} == {"FINISHED"}


def test_a_second_run_looks_at_mlflow_and_does_nothing_else(project: Project) -> None:
    before = project.all_runs()
    outcome = project.repro()
    assert set(outcome.stages) == {"track@digits", "track@mine"}
    assert project.all_runs() == before
    project.git("add", "-A")
    project.git("commit", "-qm", "results")


def test_other_docstrings_comments_and_layout_run_no_stage_but_check(project: Project) -> None:
    changed = 0
    sources = [*project.folder.glob("counterpoise/**/*.py"), *project.folder.glob("stages/*.py")]
    for path in sources:
        text = path.read_text()
        assert text.startswith('"""'), path
        lines = [
            f"{line}  # so it is" if line.startswith("import ") else line
            for line in text.splitlines()
        ]
        path.write_text('"""Said anew. ' + "\n\n\n".join(["\n".join(lines)[3:], "# the end", ""]))
        changed += path.read_text() != text
    assert changed > 80
    outcome = project.repro()
    assert outcome.computing == {"check"}
    again = project.dvc("repro", "--force", "--single-item", "train@digits", "train@mine")
    assert again.fits == {"digits": (0, 21), "mine": (0, 15)}
    project.git("checkout", "--", "counterpoise", "stages")
    assert project.repro().computing == set()  # the run cache knows what `check` wrote
    assert not project.git("status", "--short")


def test_another_statement_runs_the_stages_that_run_it(project: Project) -> None:
    source = project.folder / "counterpoise" / "evaluation" / "metrics.py"
    text = source.read_text()
    source.write_text(f"{text}\n\nEDITED = True\n")
    outcome = project.repro()
    # the manifest beside the results has the keys of their runs, which hold the code of `evaluate`
    after = {
        f"{stage}@{name}"
        for stage in ("evaluate", "advise", "report")
        for name in ("digits", "mine")
    }
    assert outcome.computing == {"check", "compare", *after}
    source.write_text(text)
    assert "evaluate@digits" not in project.repro().computing, (
        "DVC has the results of the source as it was"
    )


def test_metrics_and_plots_show(project: Project) -> None:
    shown = project.dvc("metrics", "show", "--json")
    assert shown.status == 0
    assert "average_precision" in shown.text
    plots = project.dvc("plots", "show", "-o", "plots-out")
    assert plots.status == 0, plots.text
    assert (project.folder / "plots-out" / "index.html").stat().st_size > 1000
    shutil.rmtree(project.folder / "plots-out")


def test_removing_the_tracking_store_fills_it_again_without_training(project: Project) -> None:
    before = project.current_runs()
    (project.folder / "mlflow.db").unlink()
    shutil.rmtree(project.folder / "mlartifacts")
    outcome = project.repro()
    assert outcome.computing == set()
    assert project.current_runs() == before


def test_an_added_strategy_runs_its_own_cells_and_what_summarises_them(project: Project) -> None:
    params = project.params
    params["strategies"]["smote"] = {"params": {"k_neighbors": 3}}
    project.params = params
    outcome = project.repro()
    assert outcome.computing == {
        "check",
        "compare",
        *(
            f"{stage}@{d}"
            for stage in ("split", "resample", "train", "evaluate", "advise", "report")
            for d in ("digits", "mine")
        ),
    }
    assert outcome.fits == {"digits": (6, 21), "mine": (6, 15)}
    assert len(project.current_runs()) == 2 * (3 + 2 + 2 + 2) + 2


def test_a_changed_parameter_of_one_model_refits_that_models_cells_alone(project: Project) -> None:
    params = project.params
    params["models"]["xgboost"]["params"]["n_estimators"] = 12
    project.params = params
    outcome = project.repro()
    assert not [
        stage for stage in outcome.computing if stage.startswith(("fetch", "split", "resample"))
    ]
    assert outcome.fits == {"digits": (4 * 3, 27 - 4 * 3), "mine": (3 * 3, 21 - 3 * 3)}


def test_a_changed_threshold_retrains_nothing(project: Project) -> None:
    params = project.params
    params["thresholds"] = {"half": 0.4, "tuned": "mcc"}
    project.params = params
    outcome = project.repro()
    assert outcome.computing == {
        "check",
        "compare",
        *(f"{stage}@{d}" for stage in ("evaluate", "advise", "report") for d in ("digits", "mine")),
    }
    assert outcome.fits == {}
    decisions = pd.read_csv(project.folder / "reports" / "decisions.csv")
    assert set(decisions.loc[decisions["rule"] == "half", "threshold"]) == {0.4}


def test_a_changed_cost_refits_the_models_that_count_costs_alone(project: Project) -> None:
    params = project.params
    params["datasets"]["mine"]["costs"]["false_negative"]["plus"] = 7
    project.params = params
    before = project.leaderboard().set_index(["dataset", "strategy", "model"])["average_precision"]
    outcome = project.repro()
    assert outcome.fits == {"mine": (3, 18)}
    # split looks, since it depends on the whole entry, and makes the same bytes: nothing follows
    # from it
    assert not [
        stage for stage in outcome.computing if "digits" in stage or stage.startswith("resample")
    ]
    after = project.leaderboard().set_index(["dataset", "strategy", "model"])["average_precision"]
    changed = before.index[(before != after) & before.notna()]
    assert set(changed) <= {("mine", "none", "cost_xgboost")}
    params["datasets"]["mine"]["thresholds"] = {"cost": "empirical"}
    project.params = params
    outcome = project.repro()
    assert outcome.fits in ({}, {"mine": (0, 21)})
    assert not [stage for stage in outcome.computing if stage.startswith("resample")]


def test_a_changed_row_of_the_own_table_reruns_its_chain_alone(project: Project) -> None:
    table = own_table()
    table.loc[5, "calls"] = 99
    (project.folder / "data" / "mine.csv").unlink()
    table.to_csv(project.folder / "data" / "mine.csv", index=False)
    outcome = project.repro()
    assert {stage for stage in outcome.computing if "digits" in stage} == set()
    assert {"fetch@mine", "train@mine", "evaluate@mine", "compare"} <= outcome.computing
    assert project.dvc("add", "-q", "data/mine.csv").status == 0


def test_a_removed_strategy_disappears_and_recomputes_nothing(project: Project) -> None:
    params = project.params
    del params["strategies"]["random_over"]
    project.params = params
    outcome = project.repro()
    # split looks for placebos, and makes the same bytes
    assert not [stage for stage in outcome.computing if stage.startswith(("fetch", "audit"))]
    assert outcome.fits == {"digits": (0, 21), "mine": (0, 15)}
    for folder in ("resampled", "scores"):
        assert not (project.folder / "data" / folder / "digits" / "random_over").exists()
    assert "random_over" not in set(project.leaderboard()["strategy"])
    assert not [name for _, name, _ in project.current_runs() if name.startswith("random_over")]
    project.git("add", "-A")
    project.git("commit", "-qm", "without random_over")


def test_a_colleague_pulls_and_recomputes_nothing(project: Project, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    project.dvc("remote", "add", "--local", "-d", "shared", str(remote))
    assert project.dvc("push", "-q").status == 0
    colleague = project.clone(tmp_path / "colleague")
    colleague.dvc("remote", "add", "--local", "-d", "shared", str(remote))
    assert colleague.dvc("pull", "-q").status == 0
    assert (colleague.folder / "data" / "mine.csv").is_file()
    outcome = colleague.repro()
    assert outcome.computing == set()
    assert colleague.current_runs() == project.current_runs()
    assert colleague.command("same", str(project.folder / "reports"), "reports").status == 0


def test_a_killed_stage_goes_on_where_it_stopped_and_gives_the_same_bytes(
    project: Project, tmp_path: Path
) -> None:
    """Without dvc.lock and the cell store all is computed anew: the reports are the same, measured
    values apart."""
    kept = tmp_path / "reports"
    shutil.copytree(project.folder / "reports", kept)
    shutil.rmtree(project.folder / "data" / "store")
    outcome = project.dvc(
        "repro",
        "--force",
        "--no-run-cache",
        "train@digits",
        "evaluate@digits",
        "report@digits",
        "compare",
    )
    assert outcome.status == 0, outcome.text
    assert outcome.fits["digits"] == (21, 0)
    assert project.command("same", str(kept), "reports").status == 0


def test_dvc_refuses_broken_yaml_and_check_says_it_better(project: Project) -> None:
    text = (project.folder / "params.yaml").read_text()
    (project.folder / "params.yaml").write_text(text + "seed: [\n")
    refused = project.dvc("repro")
    assert refused.status != 0
    assert "unable to read: 'params.yaml', YAML file structure is corrupted" in refused.text
    better = project.command("check")
    assert better.status == 1
    assert "not valid YAML" in better.text
    assert "line" in better.text
    (project.folder / "params.yaml").write_text(text)


@pytest.mark.parametrize("key", ["Smote", "smote-2", "a/b"])
def test_a_key_that_breaks_stage_names_is_told(project: Project, key: str) -> None:
    params = project.params
    project.params = {**params, "strategies": {**params["strategies"], key: {"sampler": "smote"}}}
    checked = project.command("check")
    project.params = params
    assert checked.status == 1
    assert (
        f"strategies.{key}: a key may hold lower-case letters, digits and _ alone" in checked.text
    )


@pytest.mark.parametrize(
    ("key", "dvc_says"),
    [
        ("my@data", "Stage 'fetch@my@data' not found inside 'dvc.yaml' file"),
        (
            "my/data",
            "datasets.my/data: a key may hold lower-case letters",
        ),  # here DVC starts, and `check` refuses
    ],
)
def test_what_dvc_says_of_a_key_that_breaks_stage_names(
    project: Project, key: str, dvc_says: str
) -> None:
    """DVC's own words do not help; `counterpoise check` names the key and the rule."""
    params = project.params
    project.params = {
        **params,
        "datasets": {**params["datasets"], key: params["datasets"]["digits"]},
    }
    refused, checked = project.dvc("repro"), project.command("check")
    project.params = params
    assert refused.status != 0
    assert dvc_says in refused.text
    assert f"datasets.{key}: a key may hold lower-case letters, digits and _ alone" in checked.text


def everything(folder: Path) -> dict[str, bytes]:
    """All that lies in results and data."""
    places = [folder / "reports", folder / "data"]
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for place in places
        for path in place.rglob("*")
        if path.is_file() and "store" not in path.parts
    }


MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("thresold", {"tuned": "f2"}, "did you mean 'thresholds'"),
    ("strategies", {"smot": {}}, "There is no sampler 'smot'"),
    ("models", {"xgboost": {"params": {"depth": 3}}}, "takes no parameter 'depth'"),
    ("thresholds", {"tuned": "f3"}, "thresholds.tuned"),
    ("split", {"folds": 1}, "split.folds"),
    (
        "datasets",
        {"absent": {"path": "data/absent.csv", "target": "x", "positive": 1}},
        "data/absent.csv",
    ),
]


@pytest.mark.parametrize(("section", "more", "checked"), MISTAKES)
def test_a_mistake_stops_the_run_before_anything_is_overwritten(
    project: Project, section: str, more: dict[str, Any], checked: str
) -> None:
    params, before = project.params, everything(project.folder)
    project.params = {**params, section: {**params.get(section, {}), **more}}
    refused = project.dvc("repro")
    project.params = params
    assert refused.status != 0
    assert checked in refused.text
    assert set(refused.stages) <= {"check"}
    after = everything(project.folder)
    assert {name for name in before if after.get(name) != before[name]} <= {
        name for name in before if name.startswith("data/code/")
    }
    assert "fetch@digits" not in project.repro().stages


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("datasets", "x;touch HERE"),
        ("datasets", "x$(touch HERE)"),
        ("datasets", "x`touch HERE`"),
        ("datasets", "x && touch HERE"),
        ("strategies", "x;touch HERE"),
        ("models", "x$(touch HERE)"),
    ],
)
def test_signs_of_the_shell_in_a_key_run_nothing(project: Project, section: str, key: str) -> None:
    params, before = project.params, everything(project.folder)
    entry = next(iter(params[section].values()))
    project.params = {**params, section: {key: entry, **params[section]}}
    refused, checked = project.dvc("repro"), project.command("check")
    project.params = params
    assert refused.status != 0 and checked.status == 1
    assert "a key may hold lower-case letters, digits and _ alone" in checked.text
    assert not list(project.folder.rglob("HERE*"))
    after = everything(project.folder)
    assert {name for name in before if after.get(name) != before[name]} <= {
        name for name in before if name.startswith("data/code/")
    }
