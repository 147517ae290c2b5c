"""MLflow shows what DVC holds: one finished run a cell, however often, whenever killed, whoever else publishes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stages import look, paths, track, yaml12
from stages.addresses import masked
from stages.config import Params
from stages.errors import ConfigurationError, ResultError, guarded
from stages.paths import REPOSITORY
from stages.tracking import client, items, locked, peek, revision, runs, store
from stages.tracking.runs import Seen, plan
from stages.verdict import cell_figures
from tests.computed import computed, md5
from tests.computed import ran as computed_stage

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what MLflow warns of while it is imported is not ours
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    import mlflow

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")  # what MLflow asks of SQLAlchemy

PARAMS: dict[str, Any] = {
    "seed": 3,
    "datasets": {
        "digits": {"path": "data/cards/digits.md", "source": {"bundled": "digits"}, "target": "digit", "positive": 8}
    },
    "strategies": {"none": {}, "random_under": {}, "adasyn": {"params": {"n_neighbors": 600}}},
    "models": {
        "logistic_regression": {"strategies": ["none", "random_under"], "params": {"max_iter": 200}},
        "xgboost": {"params": {"n_estimators": 5}},
    },
    "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 1, "validation": 0.2},
    "thresholds": {"half": 0.5, "tuned": "f1"},
    "costs": {"false_positive": 1, "false_negative": 10},
}
NAMES = {
    "comparison", "none/logistic_regression", "none/xgboost", "random_under/logistic_regression", "random_under/xgboost",
    "adasyn/xgboost",
}  # fmt: skip
REFUSED = "adasyn/xgboost"
"""ADASYN with 600 neighbours cannot run on 140 positives."""


@dataclass(frozen=True)
class Place:
    """A folder with results, and a store of its own beside them."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "mlflow.db"

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.database}"

    @property
    def client(self) -> Any:
        return mlflow.MlflowClient(tracking_uri=self.uri)

    @property
    def experiment(self) -> str:
        return self.client.get_experiment_by_name("digits").experiment_id  # type: ignore[no-any-return]

    def runs(self) -> list[Any]:
        return list(self.client.search_runs([self.experiment]))

    def run(self, name: str) -> Any:
        (found,) = [run for run in self.runs() if run.info.run_name == name and run.data.tags["current"] == "true"]
        return found

    def state(self) -> list[tuple[str, str, str, str]]:
        """Name, id, status and mark of every run that is not deleted."""
        return sorted(
            (r.info.run_name, r.info.run_id, r.info.status, r.data.tags.get("current", "")) for r in self.runs()
        )

    def current(self) -> list[str]:
        return sorted(name for name, _, _, mark in self.state() if mark == "true")

    def artifacts(self, run: Any) -> dict[str, int]:
        return {entry.path: entry.file_size for entry in self.client.list_artifacts(run.info.run_id)}


def ran(main: Callable[[], int | None], *arguments: str) -> int:
    """Run a stage in this process; its exit status."""
    before, sys.argv = sys.argv, ["stage", *arguments]
    try:
        return guarded(main, bring_back=False)()
    finally:
        sys.argv = before


def published(dataset: str = "digits") -> int:
    return ran(track.main, dataset)


def looked() -> int:
    return ran(look.main)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of five cells, one of which cannot run."""
    folder = tmp_path_factory.mktemp("results")
    with contextlib.chdir(folder):
        computed(PARAMS)
        computed_stage("report", "digits")
    return folder


@pytest.fixture(scope="session")
def complete(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The results and a store that shows them, pictures and all: the database is migrated here once, and copied."""
    place = Place(tmp_path_factory.mktemp("complete") / "here")
    shutil.copytree(results, place.folder)
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(place.folder):
        patch.setenv("MLFLOW_TRACKING_URI", place.uri)
        assert published() == 0
    return place


@pytest.fixture
def place(complete: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A copy of both to change; pictures are not drawn again."""
    copy = Place(tmp_path / "here")
    shutil.copytree(complete.folder, copy.folder)
    with sqlite3.connect(copy.database) as database:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(complete.folder), str(copy.folder))
            )
    database.close()
    monkeypatch.chdir(copy.folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", copy.uri)
    monkeypatch.setattr(cell_figures.Picture, "png", lambda picture: b"\x89PNG")
    yield copy


def in_a_process(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=120
    )


# ----------------------------------------------------------------- what a run holds


def test_every_cell_is_one_finished_run_and_one_more_compares_them(complete: Place) -> None:
    assert {name for name, *_ in complete.state()} == NAMES
    assert len(complete.state()) == len(NAMES)
    assert {(status, mark) for *_, status, mark in complete.state()} == {("FINISHED", "true")}


def test_a_run_has_its_pictures_and_the_numbers_behind_them(complete: Place) -> None:
    run = complete.run("random_under/xgboost")
    found = complete.artifacts(run)
    assert set(found) == {
        "confusion_matrix.png", "confusion_matrix.json", "precision_recall.png", "precision_recall.csv",
        "roc.png", "roc.csv", "reliability.png", "score_distribution.png",
    }  # fmt: skip
    for name in found:
        content = Path(complete.client.download_artifacts(run.info.run_id, name)).read_bytes()
        assert not name.endswith(".png") or (content.startswith(b"\x89PNG\r\n") and len(content) > 5000)
    matrix = json.loads(Path(complete.client.download_artifacts(run.info.run_id, "confusion_matrix.json")).read_text())
    assert set(matrix["policies"]) == {"half", "tuned", "cost"}
    assert sum(matrix["policies"]["half"][count] for count in ("tn", "fp", "fn", "tp")) == 1797
    curve = pd.read_csv(complete.client.download_artifacts(run.info.run_id, "precision_recall.csv"))
    assert list(curve.columns) == ["recall", "precision"]


def test_a_run_names_the_dataset_that_it_stands_on_by_the_md5_of_dvc(complete: Place) -> None:
    for name in ("random_under/xgboost", "comparison"):
        run = complete.run(name)
        (found,) = run.inputs.dataset_inputs
        assert (found.dataset.name, found.dataset.digest) == ("digits", run.data.tags["data_md5"])
        assert json.loads(found.dataset.profile)["rows"] == 1797
        assert json.loads(found.dataset.source)["uri"] == PARAMS["datasets"]["digits"]["path"]


def test_what_depends_on_the_other_cells_stands_in_the_comparison_alone(complete: Place) -> None:
    run = complete.run("random_under/xgboost")
    assert "delta_plain_low" in run.data.metrics and "p_value_t" in run.data.metrics
    assert not {"p_value", "p_adjusted"} & set(run.data.metrics) and "verdict" not in run.data.tags
    tags = complete.run("comparison").data.tags
    assert tags["defects.serious"] == "0" and tags["defect.constant"] == "note: 3 of 64"


def test_the_comparison_has_the_pictures_side_by_side_and_the_leaderboard(complete: Place) -> None:
    run = complete.run("comparison")
    assert {"confusion_matrices_half.png", "confusion_matrices_tuned.png", "precision_recall.png", "forest.png",
            "roc.png", "class_counts.png", "reliability.png", "score_distribution.png", "costs.png", "leaderboard.csv",
            "decisions.csv"} <= set(complete.artifacts(run))  # fmt: skip
    assert run.data.tags["kind"] == "comparison"


def test_a_run_says_at_which_level_it_remedies_and_how_its_probabilities_were_put_right(complete: Place) -> None:
    none, under = (complete.run(f"{strategy}/xgboost").data for strategy in ("none", "random_under"))
    names = ("level", "plain_model", "correction")
    assert [none.tags[name] for name in names] == ["none", "xgboost", "none"]
    assert [under.tags[name] for name in names] == ["data", "xgboost", "exact"]
    assert under.metrics["log_loss_corrected"] != under.metrics["log_loss"]
    assert "Against doing nothing with the same model" in under.tags["mlflow.note.content"]


def test_fits_that_learn_by_steps_and_searches_are_shown(complete: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(complete.folder)
    found = items.results("digits", Params.model_validate(PARAMS))
    cell = {"strategy": "none", "model": "xgboost"}
    found.tables["learning"] = pd.DataFrame(
        [{**cell, "series": "validation_loss", "step": k, "mean": 1 / k, "low": 0.5 / k, "high": 2 / k} for k in (1, 5)]
    )
    found.tables["trials"] = pd.DataFrame(
        [{**cell, "repeat": 0, "fold": 0, "trial": k, "state": "complete", "value": 0.5 + k / 10, "step": None,
          "params": json.dumps({"max_depth": k}), "reason": None} for k in range(3)]
    )  # fmt: skip
    made = items.items(found.cell(("none", "xgboost")))
    curve = [
        (item.step, item.value)
        for item in made
        if isinstance(item, items.Metric) and item.name == "learning.validation_loss"
    ]
    assert curve == [(1, 1.0), (5, 0.2)]
    kept = {item.name: item.content for item in made if isinstance(item, items.Artifact)}
    assert kept["learning_curves.png"].startswith(b"\x89PNG") and kept["search_history.png"].startswith(b"\x89PNG")
    assert json.loads(kept["best_trials.json"]) == [
        {"repeat": 0, "fold": 0, "trial": 2, "value": 0.7, "params": {"max_depth": 2}}
    ]
    assert kept["trials.csv"].decode().splitlines()[0] == "repeat,fold,trial,state,value,step,params,reason"
    other = {item.name for item in items.items(found.cell(("random_under", "xgboost")))}
    assert not {"learning_curves.png", "trials.csv"} & other


def test_metrics_are_the_numbers_of_the_results(complete: Place) -> None:
    evaluations = complete.folder / "data" / "evaluations" / "digits"
    board = (
        pd.read_csv(evaluations / "leaderboard.csv").set_index(["strategy", "model"]).loc[("random_under", "xgboost")]
    )
    decisions = pd.read_csv(evaluations / "decisions.csv").set_index(["strategy", "model", "policy"])
    run = complete.run("random_under/xgboost")
    metrics = run.data.metrics
    for name in ("average_precision", "average_precision_low", "delta_average_precision", "roc_auc", "prevalence"):
        assert metrics[name] == board[name]
    assert metrics["delta_average_precision_high"] == board["delta_high"]
    assert metrics["tuned.f1"] == decisions.loc[("random_under", "xgboost", "tuned"), "f1"]
    assert metrics["half.tp"] == decisions.loc[("random_under", "xgboost", "half"), "tp"]
    assert metrics["train.negatives_before"] > 500
    assert metrics["train.negatives_after"] == metrics["train.positives_after"] == metrics["train.positives_before"]
    assert metrics["fit_seconds"] > 0
    assert metrics["peak_bytes"] > 1e6


def test_fold_values_are_steps_of_one_metric(complete: Place) -> None:
    folds = pd.read_csv(complete.folder / "data" / "evaluations" / "digits" / "folds.csv")
    mine = folds[
        (folds["strategy"] == "none") & (folds["model"] == "xgboost") & (folds["metric"] == "average_precision")
    ]
    history = complete.client.get_metric_history(complete.run("none/xgboost").info.run_id, "fold.average_precision")
    assert [(entry.step, entry.value) for entry in history] == list(
        enumerate(mine.sort_values(["repeat", "fold"])["value"])
    )


def test_params_and_tags_say_what_went_in(complete: Place) -> None:
    data = complete.run("random_under/xgboost").data
    assert data.params["model.params.n_estimators"] == "5"
    assert data.params["strategy.sampler"] == "random_under"
    assert data.params["split.folds"] == "2"
    assert data.params["costs.false_negative"] == "10.0"
    assert "model.strategies" not in data.params, "which strategies a model joins is no setting of this cell"
    wanted = {"dataset": "digits", "strategy": "random_under", "model": "xgboost", "status": "ok", "kind": "cell"}
    assert wanted.items() <= data.tags.items()
    assert data.tags["data_md5"] == md5(complete.folder / "data" / "tables" / "digits")
    assert data.tags["requirements_lock"] == md5(REPOSITORY / "requirements.lock")
    assert len(data.tags["cell_key"]) == 64
    assert {"git_commit", "git_dirty"} <= set(data.tags)
    assert "average precision" in data.tags["mlflow.note.content"]


def test_a_cell_that_could_not_run_is_a_run_with_its_reason_and_no_made_up_numbers(complete: Place) -> None:
    run = complete.run(REFUSED)
    assert run.data.tags["status"] == "not_applicable"
    assert "n_neighbors" in run.data.tags["reason"]
    assert run.data.tags["reason"] in run.data.tags["mlflow.note.content"]
    assert set(run.data.metrics) == {"prevalence", "train.negatives_before", "train.positives_before"}
    assert complete.artifacts(run) == {}


def test_a_number_that_is_not_defined_is_no_metric_and_says_why(complete: Place) -> None:
    with contextlib.chdir(complete.folder):
        everything = items.results("digits", Params.model_validate(PARAMS))
    decisions = everything.tables["decisions"].astype({"reason": object})
    decisions.loc[decisions["policy"] == "tuned", ["precision", "reason"]] = [float("nan"), "not defined: precision"]
    cell = replace(everything, tables={**everything.tables, "decisions": decisions})
    with contextlib.chdir(complete.folder):
        found = items.items(cell.cell(("none", "xgboost")))
    names = {item.name for item in found if isinstance(item, items.Metric)}
    assert "half.precision" in names
    assert "tuned.precision" not in names
    assert items.Tag("not_defined", "tuned: not defined: precision") in found
    assert all(item.value == item.value for item in found if isinstance(item, items.Metric))


# ----------------------------------------------------------------- again, and after changes


def test_a_second_time_nothing_is_published_and_nothing_heavy_imported(place: Place) -> None:
    before = place.state()
    code = (
        "import sys; sys.argv = ['track', 'digits']; from stages import track; assert track.main() == 0;"
        "print([name for name in ('mlflow', 'pandas', 'matplotlib', 'sklearn') if name in sys.modules])"
    )
    done = in_a_process(code)
    assert done.stdout == f"digits: all {len(NAMES)} runs are published\n[]\n", done.stderr
    assert place.state() == before


def test_asking_mlflow_itself_finds_nothing_to_publish_either(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = place.state()
    monkeypatch.setattr(peek, "seen", lambda *_: None)
    assert published() == 0
    assert "nothing to publish" in capsys.readouterr().out
    assert place.state() == before


def test_what_the_look_sees_is_what_mlflow_tells(place: Place) -> None:
    place.client.set_tag(place.run(REFUSED).info.run_id, "current", "false")
    place.client.delete_run(place.run("none/xgboost").info.run_id)
    seen = peek.seen(place.database, "digits")
    assert seen is not None
    told = [Seen.of(run.info.run_id, run.info.status, run.info.start_time, run.data.tags) for run in place.runs()]
    assert set(seen) == set(told)
    assert {run.publisher.split(":")[0] for run in seen} == {HERE}
    assert all(run.made <= run.published <= time.time() * 1000 for run in seen)
    assert len(seen) == len(NAMES) - 1
    assert peek.seen(place.folder / "nothing.db", "digits") is None
    assert not (place.folder / "nothing.db").exists()


def test_a_changed_model_parameter_makes_new_runs_for_its_cells_alone_and_back_again_none(place: Place) -> None:
    before = {name: run for name, run, *_ in place.state()}
    changed = {**PARAMS, "models": {**PARAMS["models"], "xgboost": {"params": {"n_estimators": 6}}}}
    computed(changed)
    assert published() == 0
    mine = {"none/xgboost", "random_under/xgboost", REFUSED, "comparison"}
    for name, run, status, mark in place.state():
        assert status == "FINISHED"
        old = before[name] == run
        assert mark == ("false" if old and name in mine else "true"), name
    assert place.current() == sorted(NAMES)
    assert len(place.state()) == len(NAMES) + len(mine)
    assert place.run("none/xgboost").data.params["model.params.n_estimators"] == "6"
    old = place.client.get_run(before["none/xgboost"])
    assert old.data.params["model.params.n_estimators"] == "5", "the older run keeps its results"

    computed(PARAMS)
    assert published() == 0
    assert len(place.state()) == len(NAMES) + len(mine)
    assert {name: run for name, run, _, mark in place.state() if mark == "true"} == before


def test_a_removed_strategy_is_no_longer_current_and_the_other_cells_stay(place: Place) -> None:
    before = place.state()
    strategies = {name: entry for name, entry in PARAMS["strategies"].items() if name != "adasyn"}
    computed({**PARAMS, "strategies": strategies})
    assert published() == 0
    gone = {REFUSED, "comparison"}
    assert [run for run in place.state() if run[0] not in gone] == [run for run in before if run[0] not in gone]
    assert [mark for name, _, _, mark in place.state() if name == REFUSED] == ["false"]
    assert place.current() == sorted(NAMES - {REFUSED})


def test_a_persons_own_runs_in_the_same_experiment_are_left_alone(place: Place) -> None:
    mine = place.client.create_run(place.experiment, run_name="mine", tags={"current": "true"})
    place.client.delete_run(place.run(REFUSED).info.run_id)
    assert published() == 0
    assert [entry for entry in place.state() if entry[0] == "mine"] == [("mine", mine.info.run_id, "RUNNING", "true")]
    assert place.current() == sorted([*NAMES, "mine"])


def test_an_experiment_that_was_deleted_comes_back_whole(place: Place) -> None:
    place.client.delete_experiment(place.experiment)
    assert published() == 0
    assert place.current() == sorted(NAMES)


# ----------------------------------------------------------------- killed publishers and several at once


def test_a_killed_publisher_leaves_a_half_run_that_the_next_one_removes(place: Place) -> None:
    for name in ("none/xgboost", "random_under/xgboost"):
        place.client.delete_run(place.run(name).info.run_id)
    code = (
        "import os, signal, sys, mlflow; from stages import track; from stages.verdict import cell_figures;"
        "cell_figures.Picture.png = lambda picture: b'PNG';"
        "mlflow.MlflowClient.log_artifacts = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "sys.argv = ['track', 'digits']; track.main()"
    )
    killed = in_a_process(code, TMPDIR=str(place.folder.parent))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (half,) = [entry for entry in place.state() if entry[2] == "RUNNING"]
    assert half[0] in {"none/xgboost", "random_under/xgboost"}  # whichever is drawn first
    assert half[3] == "false", "a half run is never current"
    assert published() == 0
    assert half[1] not in {run for _, run, *_ in place.state()}
    assert place.current() == sorted(NAMES)
    assert len(place.state()) == len(NAMES)


def test_of_doubled_runs_the_one_that_started_first_stays(place: Place) -> None:
    kept = place.run("none/xgboost")
    copies = [
        place.client.create_run(
            place.experiment, run_name="none/xgboost",
            tags={**kept.data.tags, "current": "true", "published_ms": str(int(kept.data.tags["published_ms"]) + late)},
        ).info.run_id
        for late in (0, 1, -1)
    ]  # fmt: skip
    for copy in copies:
        place.client.set_terminated(copy)
    assert published() == 0
    left = [run for name, run, *_ in place.state() if name == "none/xgboost"]
    assert left == [copies[2]]
    assert place.current() == sorted(NAMES)


def test_a_run_that_is_begun_while_others_are_listed_makes_no_doubles_of_them(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages are counted from the newest run on, so that one more moves the last run of a page to the next page as well."""
    listed = mlflow.MlflowClient.search_runs
    begun = {"cell_key": "k", "publisher": f"{HERE}:{os.getppid()}", "published_ms": str(int(time.time() * 1000))}

    def while_another_begins(self: Any, *arguments: Any, **more: Any) -> Any:
        page = listed(self, *arguments, **more)
        self.create_run(place.experiment, run_name="begun", tags=begun)
        return page

    monkeypatch.setattr(client, "PAGE", 2)
    monkeypatch.setattr(peek, "seen", lambda *_: None)
    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "search_runs", while_another_begins)
        assert published() == 0
    assert [run for run in place.state() if run[0] == "begun"], "one was begun meanwhile"
    assert place.current() == sorted(NAMES)


def test_publishers_that_begin_at_once_on_a_fresh_store_all_succeed_and_double_nothing(
    place: Place, tmp_path: Path
) -> None:
    fresh = Place(tmp_path / "fresh")
    code = (
        "import sys; from stages import track; from stages.verdict import cell_figures;"
        "cell_figures.Picture.png = lambda picture: b'PNG';"
        "sys.argv = ['track', 'digits']; sys.exit(track.main())"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "MLFLOW_TRACKING_URI": fresh.uri}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    several = [subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes) for _ in range(3)]
    for process in several:
        out, err = process.communicate(timeout=180)
        assert (process.returncode, err) == (0, ""), out + err
    assert fresh.current() == sorted(NAMES)
    assert len(fresh.state()) == len(NAMES)


HERE = runs.machine()
NOW = int(time.time() * 1000)


@pytest.mark.parametrize(
    ("told", "run"),
    [
        ("another process of this machine that lives", Seen("a", "k", "RUNNING", False, NOW, f"{HERE}:{os.getppid()}")),
        ("another machine, a minute ago", Seen("a", "k", "RUNNING", False, NOW - 60_000, "elsewhere:1")),
    ],
)
def test_a_run_that_somebody_is_writing_is_left_alone(told: str, run: Seen) -> None:
    assert plan([run], ["k"]) == runs.Plan(publish=("k",), remove=(), mark=(), unmark=()), told


@pytest.mark.parametrize(
    ("told", "run"),
    [
        ("failed", Seen("a", "k", "FAILED", False, NOW, f"{HERE}:{os.getppid()}")),
        ("killed", Seen("a", "k", "KILLED", False, NOW, "elsewhere:1")),
        ("a process that is gone", Seen("a", "k", "RUNNING", False, NOW, f"{HERE}:4194999")),
        ("another machine, two hours ago", Seen("a", "k", "RUNNING", False, NOW - 7_200_000, "elsewhere:1")),
        ("nobody", Seen("a", "k", "RUNNING", False, NOW)),
    ],
)
def test_a_half_run_that_nobody_finishes_is_removed(told: str, run: Seen) -> None:
    assert plan([run], ["k"]) == runs.Plan(publish=("k",), remove=("a",), mark=(), unmark=()), told


def comparison_of(key: str, made: int, status: str = "FINISHED", run_id: str = "a") -> Seen:
    return Seen(run_id, key, status, False, NOW, "", "comparison", made)


def test_the_newest_results_are_those_made_last_whoever_published_when() -> None:
    one, two = comparison_of("k1", 10, run_id="a"), comparison_of("k2", 11, run_id="b")
    half = comparison_of("k3", 12, "RUNNING")
    cell = Seen("c", "k4", "FINISHED", True, NOW, "", "cell", 13)
    for seen in ([one, two, half, cell], [cell, half, two, one]):
        assert runs.newest_first(seen) == [two, one]
    assert runs.newest_first([half, cell]) == []
    same = replace(two, made=10)
    assert runs.newest_first([one, same]) == runs.newest_first([same, one]), "whoever looks, in whatever order"


def test_what_somebody_else_is_writing_is_attended_to_and_what_a_killed_one_left_is_not() -> None:
    lives = Seen("a", "k", "RUNNING", False, NOW, f"{HERE}:{os.getppid()}")
    assert not runs.unattended([lives], "k")
    assert not runs.unattended([replace(lives, status="FINISHED", publisher="")], "k")
    assert runs.unattended([replace(lives, publisher=f"{HERE}:4194999")], "k")
    assert runs.unattended([lives], "other")


# ----------------------------------------------------------------- the key of a cell


def changed_lock(folder: Path, change: Callable[[dict[str, Any]], object]) -> dict[tuple[str, str], str]:
    """The keys after a change of dvc.lock."""
    lock = yaml12.load((folder / "dvc.lock").read_text())
    change(lock["stages"])
    (folder / "dvc.lock").write_text(yaml12.dump(lock))
    return dict(locked.read("digits").keys)


def params_of(stages: dict[str, Any]) -> dict[str, Any]:
    return stages["evaluate@digits"]["params"]["params.yaml"]  # type: ignore[no-any-return]


def touch(stage: str, path: str) -> Callable[[dict[str, Any]], None]:
    def change(stages: dict[str, Any]) -> None:
        (entry,) = [entry for entry in stages[stage]["deps"] if entry["path"] == path]
        entry["md5"] = "0" * 32

    return change


ALL = {(s, m) for s, m in (name.split("/") for name in NAMES if "/" in name)}
XGBOOST = {cell for cell in ALL if cell[1] == "xgboost"}
RANDOM_UNDER = {cell for cell in ALL if cell[0] == "random_under"}


@pytest.mark.parametrize(
    ("change", "cells"),
    [
        (lambda s: params_of(s)["models"]["xgboost"]["params"].update(n_estimators=6), XGBOOST),
        (lambda s: params_of(s)["strategies"]["random_under"].update(ratio=0.5), RANDOM_UNDER),
        (lambda s: params_of(s)["strategies"]["none"].update(scale=False), ALL),  # every difference is from doing nothing
        (lambda s: params_of(s).update(seed=4), ALL),
        (lambda s: params_of(s)["thresholds"].update(tuned="mcc"), ALL),
        (touch("evaluate@digits", "data/costs/digits.parquet"), ALL),
        (touch("evaluate@digits", "data/tables/digits"), ALL),
        (touch("evaluate@digits", "data/splits/digits.parquet"), ALL),
        (touch("evaluate@digits", "data/code/evaluate.json"), ALL),
        (touch("evaluate@digits", "requirements.lock"), ALL),
        (touch("train@digits-random_under", "data/code/train.json"), RANDOM_UNDER),
        (lambda s: params_of(s)["models"].update(random_forest={"strategies": []}), set()),
        (lambda s: params_of(s)["models"]["logistic_regression"].update(strategies=["random_under", "none"]), set()),
        (lambda s: params_of(s)["models"]["xgboost"].update(model="xgboost_weighted"), XGBOOST),
        (touch("fetch@digits", "data/code/fetch.json"), set()),  # the same table came out of it
    ],
)  # fmt: skip
def test_a_key_changes_with_what_made_the_numbers_and_with_nothing_else(
    place: Place, change: Callable[[dict[str, Any]], object], cells: set[tuple[str, str]]
) -> None:
    before = dict(locked.read("digits").keys)
    assert set(before) == ALL
    after = changed_lock(place.folder, change)
    assert {cell for cell in ALL if after[cell] != before[cell]} == cells


def test_the_key_of_the_comparison_follows_those_of_its_cells(place: Place) -> None:
    """The same numbers by other code are other runs, and the comparison has to name them."""
    before = locked.read("digits").comparison
    changed_lock(place.folder, touch("train@digits-random_under", "data/code/train.json"))
    assert locked.read("digits").comparison != before


def test_the_key_is_of_the_parameters_that_made_the_results_not_of_those_written_since(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    before = place.state()
    edited = {**PARAMS, "seed": 99}
    Path("params.yaml").write_text(yaml12.dump(edited))
    assert published() == 0
    assert "params.yaml has changed since; `dvc repro track@digits` makes new results" in capsys.readouterr().out
    assert place.state() == before


def test_no_result_in_the_lock_says_what_to_run(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ResultError, match="no results of digits"):
        changed_lock(place.folder, lambda stages: stages.pop("evaluate@digits"))
    assert published() == 1
    assert "`dvc repro track@digits`" in capsys.readouterr().err
    for content in ("", "stages: [", "<<<<<<< HEAD\nschema: '2.0'\n"):
        Path("dvc.lock").write_text(content)
        assert published() == 1
        assert "`dvc repro track@digits`" in capsys.readouterr().err
    Path("dvc.lock").unlink()
    assert published() == 1
    assert "no such file" in capsys.readouterr().err


def test_results_that_the_lock_does_not_name_are_not_published(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.client.delete_run(place.run("none/xgboost").info.run_id)
    board = Path("data/evaluations/digits/leaderboard.csv")
    board.write_text(board.read_text().replace("0.9", "0.8"))
    before = place.state()
    assert published() == 1
    assert "not those that dvc.lock names" in capsys.readouterr().err
    assert place.state() == before


# ----------------------------------------------------------------- which store, and a store out of reach


def test_without_a_setting_the_store_lies_in_the_repository_whatever_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = []
    for folder in (tmp_path, REPOSITORY, Path("/")):
        monkeypatch.chdir(folder)
        chosen += [store.chosen({}), store.chosen({"MLFLOW_TRACKING_URI": " "})]
    assert set(chosen) == {store.Store(f"sqlite:///{REPOSITORY}/mlflow.db", REPOSITORY / "mlflow.db")}
    assert chosen[0].artifacts("digits") == (REPOSITORY / "mlartifacts" / "digits").as_uri()


def test_runs_and_artifacts_go_below_the_tracking_root_also_when_its_name_is_odd(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "a b%20c#d"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setattr(paths, "tracking_root", lambda: root)
    before = sorted(place.folder.iterdir())
    assert published() == 0
    with sqlite3.connect(root / "mlflow.db") as database:
        assert database.execute("SELECT count(*) FROM runs WHERE status = 'FINISHED'").fetchone() == (len(NAMES),)
    database.close()
    assert len(list(root.glob("mlartifacts/digits/*/artifacts/confusion_matrix.png"))) == len(NAMES) - 2
    assert sorted(place.folder.iterdir()) == before, "nothing is written where one stands"
    assert peek.complete(locked.read("digits"), store.chosen({}))


# ----------------------------------------------------------------- the look at the store, by which DVC runs `track` again


def test_the_list_of_runs_stays_while_the_store_holds_them_and_names_them_as_the_store_does(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert published() == 0
    listed = json.loads(paths.runs("digits").read_text())
    kept = {run.data.tags["mlflow.runName"]: run.data.tags[runs.KEY] for run in place.runs()}
    assert kept == {**listed["cells"], "comparison": listed["comparison"]}
    before = paths.runs("digits").read_bytes()
    capsys.readouterr()
    assert looked() == 0
    assert capsys.readouterr().out == "MLflow shows all results of digits\n"
    assert paths.runs("digits").read_bytes() == before
    assert published() == 0
    assert paths.runs("digits").read_bytes() == before


def remove_a_run(place: Place, _: pytest.MonkeyPatch) -> None:
    place.client.delete_run(place.run("none/xgboost").info.run_id)


def mark_a_run_as_old(place: Place, _: pytest.MonkeyPatch) -> None:
    place.client.set_tag(place.run("none/xgboost").info.run_id, "current", "false")


def remove_the_store(place: Place, _: pytest.MonkeyPatch) -> None:
    place.database.unlink()


def name_another_store(place: Place, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place.folder}/other.db")


def name_a_server(_: Place, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")


def name_no_store(_: Place, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLFLOW_TRACKING_URI", "./mlruns")


def write_garbage(place: Place, _: pytest.MonkeyPatch) -> None:
    place.database.write_bytes(b"no database at all" * 100)


def remove_the_lock(_: Place, __: pytest.MonkeyPatch) -> None:
    Path("dvc.lock").unlink()


def make_other_results(place: Place, _: pytest.MonkeyPatch) -> None:
    changed_lock(place.folder, touch("train@digits-none", "data/code/train.json"))


@pytest.mark.parametrize(
    "happens",
    [remove_a_run, mark_a_run_as_old, remove_the_store, name_another_store, name_a_server, name_no_store, write_garbage,
     remove_the_lock, make_other_results],
)  # fmt: skip
def test_the_list_of_runs_is_taken_away_where_the_store_may_lack_one(
    happens: Callable[[Place, pytest.MonkeyPatch], None], place: Place, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert published() == 0
    capsys.readouterr()
    happens(place, monkeypatch)
    assert looked() == 0
    assert capsys.readouterr().out == "MLflow may lack runs of digits\n"
    assert not paths.runs("digits").exists()
    assert paths.LOOKED.is_file()


@pytest.mark.parametrize("uri", ["./mlruns", "mlruns", "file:///tmp/mlruns", "http://", "sqlite://", "nonsense://host"])
def test_an_address_of_no_store_is_a_mistake_to_mend(
    uri: str, place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert published() == 1
    told = capsys.readouterr().err
    assert "MLFLOW_TRACKING_URI names no store that can hold runs" in told
    assert repr(uri) in told
    with contextlib.suppress(ConfigurationError):
        assert store.chosen({"MLFLOW_TRACKING_URI": uri}).database is None


def test_a_server_out_of_reach_is_said_and_fails_only_where_asked_to(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
    for strict, status, word in (("", 0, "warning: "), ("0", 0, "warning: "), ("1", 1, "error: ")):
        monkeypatch.setenv("COUNTERPOISE_TRACK_STRICT", strict)
        paths.runs("digits").unlink(missing_ok=True)
        assert published() == status
        assert paths.runs("digits").is_file() == (status == 0), "DVC wants a stage's out, and `look` takes it away"
        told = capsys.readouterr().err.strip()
        assert told.startswith(f"{word}The {len(NAMES)} runs of digits could not be published.")
        assert f"http://***@127.0.0.1:{port}" in told
        assert "Connection refused" in told
        assert "`dvc repro track@digits`" in told
        assert "secret" not in told


def test_a_store_that_goes_away_half_way_says_how_many_runs_are_missing_and_the_next_run_completes_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _, run, *_ in place.state():
        place.client.delete_run(run)
    answered = mlflow.MlflowClient.log_batch
    calls = []

    def tired(self: Any, run: str, *rest: Any) -> Any:
        calls.append(run)
        if len(set(calls)) > 2:
            raise ConnectionError("http://me:secret@host hung up")
        return answered(self, run, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_batch", tired)
        assert published() == 0
    told = capsys.readouterr().err
    assert f"{len(NAMES) - 2} of the {len(NAMES)} runs of digits are not published." in told
    assert "ConnectionError: http://***@host hung up" in told
    assert published() == 0
    assert place.current() == sorted(NAMES)
    assert len(place.state()) == len(NAMES)


def test_a_database_of_another_mlflow_says_how_to_upgrade_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place.client.delete_run(place.run(REFUSED).info.run_id)
    # under a name of its own: MLflow keeps an open store for each address
    other = place.folder / "other.db"
    shutil.copy(place.database, other)
    with sqlite3.connect(other) as database:
        database.execute("UPDATE alembic_version SET version_num = 'cfd24bdc0731'")
    database.close()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{other}")
    assert published() == 0
    told = capsys.readouterr().err
    assert f"`mlflow db upgrade sqlite:///{other}`" in told
    assert "another version of MLflow" in told
    monkeypatch.setenv("COUNTERPOISE_TRACK_STRICT", "1")
    assert published() == 1


def test_a_file_that_is_no_database_is_said_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.folder / "notes.db").write_text("no database, however long one looks at it " * 50)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place.folder}/notes.db")
    start = time.perf_counter()
    assert published() == 0
    assert time.perf_counter() - start < 30, "MLflow alone tries for two minutes"
    assert "file is not a database" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:pass@host:5000/x", "http://***@host:5000/x"),
        ("https://token@host", "https://***@host"),
        ("postgresql+psycopg://u:p%40ss@db/mlflow failed", "postgresql+psycopg://***@db/mlflow failed"),
        ("http://u:p@ss@host", "http://***@host"),
        ("http://u:p/ss@host:5000/x", "http://***@host:5000/x"),
        ("postgresql://host/db?user=u&password=secret", "postgresql://host/db?user=u&password=***"),
        ("http://host/a@b", "http://host/a@b"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
    ],
)
def test_credentials_are_masked_and_nothing_else(text: str, shown: str) -> None:
    assert masked(text) == shown


# ----------------------------------------------------------------- the commit


def test_the_commit_is_told_and_what_dvc_writes_makes_no_tree_dirty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nothing = revision.Revision("unknown", "unknown", "unknown")
    assert revision.revision() == nothing
    for name in ("params.yaml", "dvc.lock", "reports/leaderboard.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a\n")
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for command in (["init", "-qb", "main"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*git, *command], check=True)
    (tmp_path / "dvc.lock").write_text("b\n")
    (tmp_path / "reports" / "leaderboard.csv").write_text("b\n")
    found = revision.revision()
    assert (len(found.commit), found.branch, found.dirty) == (40, "main", "false")
    (tmp_path / "params.yaml").write_text("b\n")
    assert revision.revision() == replace(found, dirty="true")
    monkeypatch.setenv("PATH", "")
    assert revision.revision() == nothing


def test_a_result_is_its_makers_whoever_publishes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def git(who: str, when: int, *command: str) -> None:
        identity = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
                    for what, value in (("NAME", who), ("EMAIL", "x@example.org"), ("DATE", f"@{when} +0000"))}  # fmt: skip
        subprocess.run(["git", *command], check=True, env={**os.environ, **identity}, capture_output=True)

    def lock(*sums: str) -> None:
        Path("dvc.lock").write_text("".join(f"md5: {one}\n" for one in sums))

    def commit(who: str, when: int, *sums: str) -> None:
        lock(*sums)
        git(who, when, "commit", "-qam", who)

    def who(md5: str) -> revision.Maker:
        return revision.maker(md5, Path("result"))

    lock("aaa", "bbb")
    git("Ann", 1_000_000, "init", "-qb", "main")
    git("Ann", 1_000_000, "add", "-A")
    git("Ann", 1_000_000, "commit", "-qm", "start")
    git("Ann", 1_000_000, "branch", "side")
    commit("Ben", 2_000_000, "aaa", "ccc")
    assert who("aaa") == revision.Maker("Ann", 1_000_000_000)
    assert who("ccc") == revision.Maker("Ben", 2_000_000_000)
    git("Cid", 3_000_000, "switch", "-q", "side")
    commit("Cid", 3_000_000, "ddd", "bbb")
    git("Ann", 4_000_000, "switch", "-q", "main")
    git("Ann", 4_000_000, "merge", "-q", "-s", "ours", "--no-commit", "side")
    lock("ddd", "ccc", "eee")
    git("Ann", 4_000_000, "commit", "-qam", "merged, and made eee of both")
    commit("Eve", 5_000_000, "ddd", "ddd", "ccc", "eee", "fff")
    assert who("ddd") == revision.Maker("Cid", 3_000_000_000), "a merge makes nothing of what it brings in"
    assert who("eee") == revision.Maker("Ann", 4_000_000_000), "and all of what it alone has"
    assert who("fff") == revision.Maker("Eve", 5_000_000_000)
    commit("Ann", 6_000_000, "aaa", "ccc")
    assert who("aaa") == revision.Maker("Ann", 6_000_000_000), "the same again after others is new"
    lock("ggg")
    Path("result").mkdir()
    Path("result/scores").write_text("0.5\n")
    os.utime("result/scores", (7_000_000, 7_000_000))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Dan")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "d@example.org")
    assert who("ggg") == revision.Maker("Dan", 7_000_000_000), "not committed yet"
    git("Ann", 8_000_000, "clone", "-q", "--depth", "1", f"file://{tmp_path}", "shallow")
    monkeypatch.chdir("shallow")
    assert who("ccc") == revision.Maker("unknown", 0), "a clone without the history cannot know"


def test_mlflow_shows_the_experiment_as_models_that_were_trained(place: Place) -> None:
    published()
    assert place.client.get_experiment(place.experiment).tags["mlflow.experimentKind"] == "custom_model_development"
