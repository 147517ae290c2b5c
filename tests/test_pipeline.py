"""The pipeline from end to end, as a person runs it: what reruns, what does not, and what is published.

One small project lives through a sequence of changes; every test builds on the one before it, as work does.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.project import Project

PARAMS = {
    "seed": 7,
    "datasets": {
        "digits": {"path": "data/cards/digits.md", "source": {"bundled": "digits"}, "target": "digit", "positive": 8},
        "mine": {"path": "data/mine.csv", "target": "churned", "positive": "yes", "drop": ["customer"],
                 "categorical": ["region"], "costs": {"false_negative": {"column": "calls", "plus": 2}}},
    },
    "strategies": {"none": {}, "random_over": {}, "adasyn": {"params": {"n_neighbors": 30}}},
    "models": {
        "logistic_regression": {},
        "xgboost": {"params": {"n_estimators": 10}},
        "cost_xgboost": {"model": "xgboost", "strategies": ["none"], "costs": "weights", "params": {"n_estimators": 5}},
    },
    "split": {"scheme": "stratified_kfold", "folds": 3, "repeats": 1, "validation": 0.2},
    "thresholds": {"half": 0.5, "tuned": "f1"},
    "costs": {"false_positive": 1, "false_negative": 5},
}  # fmt: skip


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
    for name in ("leaderboard.csv", "decisions.csv", "metrics.json"):
        (folder / "reports" / name).unlink(missing_ok=True)
    (folder / "dvc.lock").unlink(missing_ok=True)
    assert project.dvc("add", "-q", "data/mine.csv").status == 0
    project.git("add", "-A")
    project.git("commit", "-qm", "my table")
    return project


def test_the_first_run_makes_everything(project: Project) -> None:
    outcome = project.repro()
    assert {stage.split("@")[0] for stage in outcome.stages} == {
        "code", "fetch", "split", "defects", "costs", "resample", "train", "evaluate", "report", "compare", "track",
    }  # fmt: skip
    assert outcome.fits["digits none"] == (9, 0)
    for page in ("index", "digits", "mine"):
        assert (project.folder / "reports" / f"{page}.html").stat().st_size > 1000
    board = project.leaderboard()
    assert len(board) == 2 * (3 + 2 + 2)


def test_a_sampler_that_cannot_run_is_a_row_with_its_reason_and_the_run_goes_on(project: Project) -> None:
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
    found = [(experiment, name) for experiment, name, _ in project.current_runs() if name != "comparison"]
    assert found == wanted
    assert {status for *_, status in project.current_runs()} == {"FINISHED"}


def test_a_second_run_looks_at_mlflow_and_does_nothing_else(project: Project) -> None:
    before = project.all_runs()
    outcome = project.repro()
    assert sorted(outcome.stages) == ["track@digits", "track@mine"]
    assert outcome.text.count("runs are published") == 2
    assert project.all_runs() == before
    project.git("add", "-A")
    project.git("commit", "-qm", "results")


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
        "compare",
        *(f"{stage}@{d}-smote" for stage in ("resample", "train") for d in ("digits", "mine")),
        *(f"{stage}@{d}" for stage in ("evaluate", "report") for d in ("digits", "mine")),
    }
    assert set(outcome.fits) == {"digits smote", "mine smote"}
    assert len(project.current_runs()) == 2 * (3 + 2 + 2 + 2) + 2


def test_a_changed_parameter_of_one_model_refits_that_models_cells_alone(project: Project) -> None:
    params = project.params
    params["models"]["xgboost"]["params"]["n_estimators"] = 12
    project.params = params
    outcome = project.repro()
    assert not [stage for stage in outcome.computing if stage.startswith(("fetch", "split", "resample"))]
    three_of_three = ("digits random_over", "digits adasyn", "digits smote", "mine random_over", "mine smote")
    assert outcome.fits == {
        **{f"{d} none": (3, 6) for d in ("digits", "mine")},
        **dict.fromkeys(three_of_three, (3, 3)),
    }


def test_a_changed_threshold_retrains_nothing(project: Project) -> None:
    params = project.params
    params["thresholds"] = {"half": 0.4, "tuned": "mcc"}
    project.params = params
    outcome = project.repro()
    assert outcome.computing == {
        "compare",
        *(f"{stage}@{d}" for stage in ("evaluate", "report") for d in ("digits", "mine")),
    }
    decisions = pd.read_csv(project.folder / "reports" / "decisions.csv")
    assert set(decisions.loc[decisions["policy"] == "half", "threshold"]) == {0.4}


def test_a_changed_cost_refits_the_models_that_count_costs_alone(project: Project) -> None:
    params = project.params
    params["datasets"]["mine"]["costs"]["false_negative"]["plus"] = 7
    project.params = params
    before = project.leaderboard().set_index(["dataset", "strategy", "model"])["average_precision"]
    outcome = project.repro()
    assert outcome.fits == {
        "mine none": (3, 6), "mine random_over": (0, 6), "mine smote": (0, 6),
    }  # fmt: skip
    # split looks, since it depends on the whole entry, and makes the same bytes: nothing follows from it
    assert not [stage for stage in outcome.computing if "digits" in stage or stage.startswith("resample")]
    after = project.leaderboard().set_index(["dataset", "strategy", "model"])["average_precision"]
    changed = before.index[(before != after) & before.notna()]
    assert set(changed) <= {("mine", "none", "cost_xgboost")}
    params["datasets"]["mine"]["thresholds"] = {"cost": "empirical"}
    project.params = params
    assert not [stage for stage in project.repro().computing if stage.startswith(("resample", "train"))]


def test_a_changed_row_of_the_own_table_reruns_its_chain_alone(project: Project) -> None:
    table = own_table()
    table.loc[5, "calls"] = 99
    (project.folder / "data" / "mine.csv").unlink()
    table.to_csv(project.folder / "data" / "mine.csv", index=False)
    outcome = project.repro()
    assert {stage for stage in outcome.computing if "digits" in stage} == set()
    assert {"fetch@mine", "train@mine-none", "evaluate@mine", "compare"} <= outcome.computing
    assert project.dvc("add", "-q", "data/mine.csv").status == 0


def test_a_removed_strategy_disappears_and_recomputes_nothing(project: Project) -> None:
    params = project.params
    del params["strategies"]["random_over"]
    project.params = params
    outcome = project.repro()
    assert not [stage for stage in outcome.computing if stage.startswith(("fetch", "split", "resample", "train"))]
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
    assert colleague.stage("same", str(project.folder / "reports"), "reports").status == 0


def test_a_killed_stage_goes_on_where_it_stopped_and_gives_the_same_bytes(project: Project, tmp_path: Path) -> None:
    """Without dvc.lock and the cell store all is computed anew: the reports are the same, measured values apart."""
    kept = tmp_path / "reports"
    shutil.copytree(project.folder / "reports", kept)
    shutil.rmtree(project.folder / "data" / "store")
    outcome = project.dvc(
        "repro", "--force", "--no-run-cache", "train@digits-none", "evaluate@digits", "report@digits", "compare"
    )
    assert outcome.status == 0, outcome.text
    assert outcome.fits["digits none"] == (9, 0)
    assert project.stage("same", str(kept), "reports").status == 0


def test_dvc_refuses_broken_yaml_and_check_says_it_better(project: Project) -> None:
    text = (project.folder / "params.yaml").read_text()
    (project.folder / "params.yaml").write_text(text + "seed: [\n")
    refused = project.dvc("repro")
    assert refused.status != 0
    assert "unable to read: 'params.yaml', YAML file structure is corrupted" in refused.text
    better = project.stage("check")
    assert better.status == 1
    assert "not valid YAML" in better.text
    assert "line" in better.text
    (project.folder / "params.yaml").write_text(text)


@pytest.mark.parametrize("key", ["Smote", "smote-2", "a/b"])
def test_a_key_that_breaks_stage_names_is_told(project: Project, key: str) -> None:
    params = project.params
    project.params = {**params, "strategies": {**params["strategies"], key: {"sampler": "smote"}}}
    told = project.stage("check")
    project.params = params
    assert told.status == 1
    assert f"strategies.{key}: a key may hold lower-case letters, digits and _ alone" in told.text


@pytest.mark.parametrize(
    ("key", "dvc_says"),
    [
        ("my@data", "Stage 'fetch@my@data' not found inside 'dvc.yaml' file"),
        (
            "my/data",
            "datasets.my/data: a key may hold lower-case letters",
        ),  # here DVC starts, and the first stage refuses
    ],
)
def test_what_dvc_says_of_a_key_that_breaks_stage_names(project: Project, key: str, dvc_says: str) -> None:
    """DVC's own words do not help; `stages.check` names the key and the rule."""
    params = project.params
    project.params = {**params, "datasets": {**params["datasets"], key: params["datasets"]["digits"]}}
    refused, told = project.dvc("repro"), project.stage("check")
    project.params = params
    assert refused.status != 0
    assert dvc_says in refused.text
    assert f"datasets.{key}: a key may hold lower-case letters, digits and _ alone" in told.text
