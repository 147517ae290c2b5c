"""MLflow shows what DVC holds: one finished run a cell, however often, whenever killed, whoever
else publishes."""

from __future__ import annotations

import base64
import contextlib
import getpass
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.core import config, files, paths, revision, yaml12
from counterpoise.core.config import Params
from counterpoise.core.errors import ConfigurationError, guarded
from counterpoise.core.paths import REPOSITORY
from counterpoise.data import folds as splits
from counterpoise.data.folds import Parts
from counterpoise.engine.cell_store import CellStore
from counterpoise.evaluation import measurements
from counterpoise.evaluation.advice import advice
from counterpoise.evaluation.columns import EXTRA, LEADERBOARD
from counterpoise.models import combinations
from counterpoise.tracking import (
    items,
    manifest,
    publisher,
    runs,
    saved_view,
    sqlite_index,
    store,
    turn,
)
from counterpoise.tracking.runs import RunRecord, plan
from stages import track
from tests.helpers.computed import computed
from tests.helpers.texts import WORDS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what MLflow warns of while it is imported is not ours
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    import mlflow

# what MLflow asks of SQLAlchemy
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

PARAMS: dict[str, Any] = {
    "seed": 3,
    "datasets": {
        "digits": {
            "path": "data/cards/digits.md",
            "source": {"bundled": "digits"},
            "target": "digit",
            "positive": 8,
        }
    },
    "strategies": {"none": {}, "random_under": {}, "adasyn": {"params": {"n_neighbors": 600}}},
    "models": {
        "logistic_regression": {
            "strategies": ["none", "random_under"],
            "params": {"max_iter": 200},
        },
        "xgboost": {"params": {"n_estimators": 5}},
    },
    "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 1, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {"half": 0.5, "tuned": "f1"},
    "costs": {"false_positive": 1, "false_negative": 10},
}
NAMES = {
    "comparison",
    "none/logistic_regression",
    "none/xgboost",
    "random_under/logistic_regression",
    "random_under/xgboost",
    "adasyn/xgboost",
}
FACTS: dict[str, Any] = {"goal": "ranking", "answers": {}, "defects": {"findings": []}}
EMPTY = pd.DataFrame(columns=[*LEADERBOARD, *EXTRA, "measure"])
"""Leaderboard and differences of a dataset without any result."""

PAGE = "<!doctype html><title>digits</title>"
"""Stands for what `report` writes."""

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
        (found,) = [
            run
            for run in self.runs()
            if run.info.run_name == name and run.data.tags["current"] == "true"
        ]
        return found

    def state(self) -> list[tuple[str, str, str, str]]:
        """Name, id, status and mark of every run that is not deleted."""
        return sorted(
            (r.info.run_name, r.info.run_id, r.info.status, r.data.tags.get("current", ""))
            for r in self.runs()
        )

    def current(self) -> list[str]:
        return sorted(name for name, _, _, mark in self.state() if mark == "true")

    def artifacts(self, run: Any) -> dict[str, int]:
        return {
            entry.path: entry.file_size for entry in self.client.list_artifacts(run.info.run_id)
        }

    def artifacts_in(self, run: Any, folder: str) -> list[str]:
        return [entry.path for entry in self.client.list_artifacts(run.info.run_id, folder)]


def ran(main: Callable[[], int | None], *arguments: str) -> int:
    """Run a stage in this process; its exit status."""
    before, sys.argv = sys.argv, ["stage", *arguments]
    try:
        return guarded(main, bring_back=False)()
    finally:
        sys.argv = before


def published(dataset: str = "digits") -> int:
    return ran(track.main, dataset)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of five cells, one of which cannot run."""
    folder = tmp_path_factory.mktemp("results")
    with contextlib.chdir(folder):
        computed(PARAMS)
        files.write_text(paths.page("digits"), PAGE)
    return folder


@pytest.fixture(scope="session")
def complete(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The results and a store that shows them, pictures and all: the database is migrated here
    once, and copied."""
    place = Place(tmp_path_factory.mktemp("complete") / "here")
    shutil.copytree(results, place.folder)
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(place.folder):
        patch.setenv("MLFLOW_TRACKING_URI", place.uri)
        assert published() == 0
    return place


@pytest.fixture
def place(complete: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A copy of both to change."""
    copy = Place(tmp_path / "here")
    shutil.copytree(complete.folder, copy.folder)
    with sqlite3.connect(copy.database) as database:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)",
                (str(complete.folder), str(copy.folder)),
            )
    database.close()
    monkeypatch.chdir(copy.folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", copy.uri)
    yield copy


def in_a_process(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


# ----------------------------------------------------------------- what a run holds


def test_every_cell_is_one_finished_run_and_one_more_compares_them(complete: Place) -> None:
    assert {name for name, *_ in complete.state()} == NAMES
    assert len(complete.state()) == len(NAMES)
    assert {(status, mark) for *_, status, mark in complete.state()} == {("FINISHED", "true")}


def images(place: Place, run: Any) -> dict[str, list[Path]]:
    """The logged images of a run, by key."""
    found: dict[str, list[Path]] = {}
    for name in place.artifacts_in(run, "images"):
        key = name.removeprefix("images/").split("+")[0].replace("~", "/")
        found.setdefault(key, []).append(
            Path(place.client.download_artifacts(run.info.run_id, name))
        )
    return found


RULES = ["half", "tuned", "cost", "cost_empirical"]


def test_a_run_has_a_matrix_for_each_rule_and_its_decisions_as_a_table(complete: Place) -> None:
    run = complete.run("random_under/xgboost")
    found = images(complete, run)
    assert set(found) == {f"confusion_matrix/{rule}" for rule in RULES}
    for paths_ in found.values():
        assert {path.suffix for path in paths_} == {".png", ".webp"}, "full size and small"
        (full,) = [path.read_bytes() for path in paths_ if path.suffix == ".png"]
        assert full.startswith(b"\x89PNG\r\n") and len(full) > 5000
    assert run.data.tags["mlflow.loggedImages"] == "True"
    (logged,) = json.loads(run.data.tags["mlflow.loggedArtifacts"])
    assert logged == {"path": "decisions.json", "type": "table"}
    path = complete.client.download_artifacts(run.info.run_id, "decisions.json")
    table = pd.DataFrame(**json.loads(Path(path).read_text()))
    assert table["rule"].tolist() == RULES
    assert (table[["tn", "fp", "fn", "tp"]].sum(axis=1) == 1797).all()
    half = table.iloc[0]
    assert half["outcome"].startswith(f"{half['tp']:.0f} of 174 positives found, ")
    assert set(complete.artifacts(run)) == {
        "decisions.json",
        "images",
        "precision_recall.csv",
        "roc.csv",
    }
    curve = pd.read_csv(complete.client.download_artifacts(run.info.run_id, "precision_recall.csv"))
    assert list(curve.columns) == ["recall", "precision"]


def test_images_and_tables_lie_where_mlflow_itself_would_put_them(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        item
        for item in items.items(items.results("digits", config.parse(PARAMS)), "none/xgboost")
        if isinstance(item, items.Image | items.TableItem)
    ]
    run = place.client.create_run(place.experiment, run_name="by hand")
    for item in found:
        if isinstance(item, items.Image):
            place.client.log_image(run.info.run_id, item.picture, key=item.name, step=0)
        else:
            # MLflow asks pandas for columns of objects, which warns where there are texts
            texts: list[str] = list(item.frame.select_dtypes("str"))
            frame = item.frame.astype(dict.fromkeys(texts, object))
            place.client.log_table(run.info.run_id, frame, item.name)
    for folder in ("files", "by_hand"):
        (tmp_path / folder).mkdir()
    publisher.write_files(tmp_path / "files", found, 1)

    def layout(folder: Path) -> set[str]:
        paths_ = (path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
        return {re.sub(r"timestamp\+\d+\+[0-9a-f-]{36}", "", path) for path in paths_}

    by_hand = Path(place.client.download_artifacts(run.info.run_id, "", str(tmp_path / "by_hand")))
    assert layout(tmp_path / "files") == layout(by_hand) and len(layout(by_hand)) == 9
    table = "decisions.json"
    assert (tmp_path / "files" / table).read_text() == (by_hand / table).read_text()
    tags = place.client.get_run(run.info.run_id).data.tags
    logged = publisher.logged_tags(found)
    assert logged == {name: tags[name] for name in logged} and len(logged) == 2


def test_a_run_names_the_dataset_that_it_stands_on_by_the_md5_of_its_table(complete: Place) -> None:
    table = complete.folder / "data" / "tables" / "digits" / "table.parquet"
    md5 = hashlib.md5(table.read_bytes()).hexdigest()
    for name in ("random_under/xgboost", "comparison"):
        run = complete.run(name)
        (found,) = run.inputs.dataset_inputs
        assert (found.dataset.name, found.dataset.digest) == ("digits", md5)
        assert json.loads(found.dataset.profile)["rows"] == 1797
        assert json.loads(found.dataset.source)["uri"] == PARAMS["datasets"]["digits"]["path"]


def test_an_interval_that_depends_on_other_remedies_is_in_the_comparison_alone(
    complete: Place,
) -> None:
    run = complete.run("random_under/xgboost")
    names = {"difference", "tuned/f1_difference", "half/cost_difference"}
    assert names <= set(run.data.metrics)
    joint = {f"{name}{end}" for name in names for end in ("_low", "_high")} | {"p_adjusted"}
    assert not joint & set(run.data.metrics)


def test_metrics_without_a_section_are_the_headlines(complete: Place) -> None:
    run = complete.run("random_under/xgboost")
    assert {name for name in run.data.metrics if "/" not in name} == {
        "average_precision",
        "roc_auc",
        "brier",
        "log_loss",
        "difference",
        "prevalence",
    }
    sections = {name.split("/")[0] for name in run.data.metrics if "/" in name}
    assert sections == {*RULES, *("ci", "recalibrated", "calibration", "train", "fold", "measured")}


def test_tags_are_what_people_search_by_and_what_a_publisher_needs(complete: Place) -> None:
    tags = complete.run("random_under/xgboost").data.tags
    assert {name for name in tags if not name.startswith("mlflow.")} == {
        *("strategy", "model", "remedy", "level", "status", "verdict"),
        *("kind", "current", "cell_key", "made_ms", "published_ms"),
    }
    refused = complete.run(REFUSED).data.tags
    assert refused["verdict"] == "not applicable" and "n_neighbors" in refused["reason"]


def test_the_comparison_is_the_newest_run_with_headline_numbers_page_and_leaderboard(
    complete: Place,
) -> None:
    run = complete.run("comparison")
    assert {
        "digits.html",
        "leaderboard.csv",
        "decisions.csv",
        "findings.json",
        "cells.json",
    } <= set(complete.artifacts(run))
    assert run.info.start_time == max(other.info.start_time for other in complete.runs())
    board = pd.read_csv(complete.folder / "data/evaluations/digits/leaderboard.csv")
    assert run.data.metrics["average_precision"] == board["average_precision"].max()
    assert {"tuned/f1", "cost/expected_cost", "failed", "better"} <= set(run.data.metrics)
    assert run.data.metrics["findings/serious"] == 0 < run.data.metrics["findings/note"]
    shown = pd.read_csv(complete.client.download_artifacts(run.info.run_id, "leaderboard.csv"))
    assert list(shown.columns)[:2] == ["strategy", "model"]
    values = shown["average_precision"].dropna()
    assert values.tolist() == sorted(values, reverse=True)


def test_start_and_duration_of_a_run_are_those_of_its_fits(complete: Place) -> None:
    measured = files.read_json(complete.folder / "data/measured/digits/train.json")
    fits = [
        fit
        for fit in measured["fits"]
        if (fit["strategy"], fit["model"]) == ("random_under", "xgboost")
    ]
    info = complete.run("random_under/xgboost").info
    assert info.start_time == measured["made"]["random_under/xgboost"]["at"]
    seconds = sum(fit["fit_seconds"] + fit["predict_seconds"] for fit in fits)
    assert seconds <= (info.end_time - info.start_time) / 1000 < seconds + 5


def test_verdicts_are_those_of_the_leaderboard_and_on_current_runs_alone(place: Place) -> None:
    board = files.read_csv(paths.evaluation("digits") / "leaderboard.csv")
    verdicts = {
        f"{row['strategy']}/{row['model']}": row["verdict"] for row in board.to_dict("records")
    }
    assert place.run("none/xgboost").data.tags["verdict"] == "baseline"
    name = "random_under/xgboost"
    assert place.run(name).data.tags["verdict"] == verdicts[name]
    # another set of remedies may have another verdict, which is set anew
    place.client.set_tag(place.run(name).info.run_id, "verdict", "better")
    old = place.run(REFUSED).info.run_id
    strategies = {name: entry for name, entry in PARAMS["strategies"].items() if name != "adasyn"}
    computed({**PARAMS, "strategies": strategies})
    assert published() == 0
    assert place.run(name).data.tags["verdict"] in {"worse", "inconclusive"}
    assert "verdict" not in place.client.get_run(old).data.tags


def test_the_saved_view_lists_current_combinations_by_metrics_and_tags_that_they_have(
    complete: Place,
) -> None:
    tags = complete.client.get_experiment(complete.experiment).tags
    view = json.loads(tags[saved_view.TAG])
    assert (view["name"], type(view["createdAt"])) == (saved_view.NAME, int)
    kind, _, text = view["state"].partition(";")
    assert kind == "deflate"
    state = json.loads(zlib.decompress(base64.b64decode(text)))
    found = complete.client.search_runs([complete.experiment], state["searchFilter"])
    assert {run.info.run_name for run in found} == ALL
    data = complete.run("random_under/xgboost").data
    for column in state["selectedColumns"]:
        kind, _, name = column.partition(".")
        if name:
            assert name.strip("`") in getattr(data, kind), column
    charts = [chart.get("metricKey") for chart in state["compareRunCharts"]]
    assert {name for name in charts if name} <= set(data.metrics)
    shown = {key for chart in state["compareRunCharts"] for key in chart.get("imageKeys", [])}
    assert shown == {f"confusion_matrix/{rule}" for rule in RULES}
    assert len(tags[saved_view.TAG]) < 5000, "MLflow's limit for a tag of an experiment"


def test_the_experiment_is_described_by_the_advice(complete: Place) -> None:
    note = complete.client.get_experiment(complete.experiment).tags["mlflow.note.content"]
    with contextlib.chdir(complete.folder):
        facts = files.read_json(paths.evaluation("digits") / "dataset.json")
    assert note.startswith(f"**{advice(facts)}**")


def test_a_run_has_the_level_of_its_remedy_and_its_kind_of_recalibration(complete: Place) -> None:
    none, under = (
        complete.run(f"{strategy}/xgboost").data for strategy in ("none", "random_under")
    )
    assert [run.tags["level"] for run in (none, under)] == ["none", "data"]
    assert [run.tags["remedy"] for run in (none, under)] == ["none", "random undersampling"]
    assert under.params["baseline"] == "none/xgboost"
    assert "Recalibration of most folds: sigmoid." in under.tags["mlflow.note.content"]
    assert under.metrics["recalibrated/log_loss"] != under.metrics["log_loss"]
    assert "Difference from the baseline, the same model" in under.tags["mlflow.note.content"]


def test_fits_that_learn_by_steps_and_searches_are_shown(
    complete: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(complete.folder)
    found = items.results("digits", Params.model_validate(PARAMS))
    cell = {"strategy": "none", "model": "xgboost"}
    found.tables["learning"] = pd.DataFrame(
        [
            {
                **cell,
                "series": "validation_loss",
                "step": k,
                "mean": 1 / k,
                "low": 0.5 / k,
                "high": 2 / k,
            }
            for k in (1, 5)
        ]
    )
    found.tables["trials"] = pd.DataFrame(
        [
            {
                **cell,
                "repeat": 0,
                "fold": 0,
                "trial": k,
                "state": "complete",
                "value": 0.5 + k / 10,
                "step": None,
                "params": json.dumps({"max_depth": k}),
                "reason": None,
            }
            for k in range(3)
        ]
    )
    made = items.items(found, "none/xgboost")
    curve = [
        (item.step, item.value)
        for item in made
        if isinstance(item, items.Metric) and item.name == "learning/validation_loss"
    ]
    assert curve == [(1, 1.0), (5, 0.2)]
    kept = {item.name: item.content for item in made if isinstance(item, items.Artifact)}
    assert json.loads(kept["best_trials.json"]) == [
        {"repeat": 0, "fold": 0, "trial": 2, "value": 0.7, "params": {"max_depth": 2}}
    ]
    assert (
        kept["trials.csv"].decode().splitlines()[0]
        == "repeat,fold,trial,state,value,step,params,reason"
    )
    other = {item.name for item in items.items(found, "random_under/xgboost")}
    assert "trials.csv" in kept and not {"learning/validation_loss", "trials.csv"} & other


def test_metrics_are_the_numbers_of_the_results(complete: Place) -> None:
    evaluations = complete.folder / "data" / "evaluations" / "digits"
    board = (
        pd.read_csv(evaluations / "leaderboard.csv")
        .set_index(["strategy", "model"])
        .loc[("random_under", "xgboost")]
    )
    decisions = pd.read_csv(evaluations / "decisions.csv").set_index(["strategy", "model", "rule"])
    run = complete.run("random_under/xgboost")
    metrics = run.data.metrics
    for name in ("average_precision", "difference", "roc_auc", "prevalence"):
        assert metrics[name] == board[name]
    assert metrics["ci/average_precision_high"] == board["average_precision_high"]
    assert metrics["tuned/f1"] == decisions.loc[("random_under", "xgboost", "tuned"), "f1"]
    assert metrics["half/tp"] == decisions.loc[("random_under", "xgboost", "half"), "tp"]
    assert metrics["train/negatives_before"] > 500
    assert (
        metrics["train/negatives_after"]
        == metrics["train/positives_after"]
        == metrics["train/positives_before"]
    )
    assert metrics["measured/fit_seconds"] > 0
    assert metrics["measured/peak_bytes"] > 1e6


def test_fold_values_are_steps_of_one_metric(complete: Place) -> None:
    folds = pd.read_csv(complete.folder / "data" / "evaluations" / "digits" / "folds.csv")
    mine = folds[
        (folds["strategy"] == "none")
        & (folds["model"] == "xgboost")
        & (folds["metric"] == "average_precision")
    ]
    history = complete.client.get_metric_history(
        complete.run("none/xgboost").info.run_id, "fold/average_precision"
    )
    assert [(entry.step, entry.value) for entry in history] == list(
        enumerate(mine.sort_values(["repeat", "fold"])["value"])
    )


def test_params_and_tags_say_what_went_in(complete: Place) -> None:
    data = complete.run("random_under/xgboost").data
    assert data.params["model.params.n_estimators"] == "5"
    assert data.params["strategy.sampler"] == "random_under"
    assert data.params["split.folds"] == "2"
    assert data.params["costs.false_negative"] == "10.0"
    assert "model.strategies" not in data.params, (
        "which strategies a model joins is no setting of this cell"
    )
    wanted = {"strategy": "random_under", "model": "xgboost", "status": "ok", "kind": "combination"}
    assert wanted.items() <= data.tags.items()
    assert len(data.tags["cell_key"]) == 64
    assert data.params["device"] == "cpu"
    assert "Average precision" in data.tags["mlflow.note.content"]


def test_a_cell_that_could_not_run_is_a_run_with_its_reason_and_no_made_up_numbers(
    complete: Place,
) -> None:
    run = complete.run(REFUSED)
    assert run.data.tags["status"] == "not_applicable"
    assert "n_neighbors" in run.data.tags["reason"]
    assert run.data.tags["reason"] in run.data.tags["mlflow.note.content"]
    assert set(run.data.metrics) == {
        "prevalence",
        "train/negatives_before",
        "train/positives_before",
    }
    assert complete.artifacts(run) == {}


def test_an_undefined_number_is_no_metric_and_has_its_reason(complete: Place) -> None:
    with contextlib.chdir(complete.folder):
        everything = items.results("digits", Params.model_validate(PARAMS))
    decisions = everything.tables["decisions"].astype({"reason": object})
    decisions.loc[decisions["rule"] == "tuned", ["precision", "reason"]] = [
        float("nan"),
        "not defined: precision",
    ]
    cell = replace(everything, tables={**everything.tables, "decisions": decisions})
    with contextlib.chdir(complete.folder):
        found = items.items(cell, "none/xgboost")
    names = {item.name for item in found if isinstance(item, items.Metric)}
    assert "half/precision" in names
    assert "tuned/precision" not in names
    (note,) = [
        item.value for item in found if isinstance(item, items.Tag) and item.name == items.NOTE
    ]
    assert "tuned: not defined: precision" in note
    assert all(item.value == item.value for item in found if isinstance(item, items.Metric))


# ----------------------------------------------------------------- again, and after changes


def test_a_second_time_nothing_is_published_and_nothing_heavy_imported(place: Place) -> None:
    before = place.state()
    code = (
        "import sys; sys.argv = ['track', 'digits']; from stages import track; assert track.main()"
        " == 0;print([name for name in ('mlflow', 'pandas', 'matplotlib', 'sklearn') if name in"
        " sys.modules])"
    )
    done = in_a_process(code)
    first, *_, last = done.stdout.splitlines()
    assert (first, last) == (f"digits: all {len(NAMES)} runs are published", "[]"), done.stderr
    assert "python -m counterpoise promote digits" in done.stdout
    assert place.state() == before


def test_asking_mlflow_itself_finds_nothing_to_publish_either(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = place.state()
    monkeypatch.setattr(sqlite_index, "complete", lambda *_: False)
    assert published() == 0
    assert "nothing to publish" in capsys.readouterr().out
    assert place.state() == before


def test_the_look_reads_what_mlflow_has(place: Place) -> None:
    place.client.set_tag(place.run(REFUSED).info.run_id, "current", "false")
    place.client.delete_run(place.run("none/xgboost").info.run_id)
    found = sqlite_index.records(place.database, "digits")
    assert set(found) == {
        RunRecord.of(run.info.run_id, run.info.status, run.info.start_time, run.data.tags)
        for run in place.runs()
    }
    assert all(0 < run.made <= run.published <= time.time() * 1000 for run in found)
    assert len(found) == len(NAMES) - 1
    with pytest.raises(sqlite3.Error):
        sqlite_index.records(place.folder / "nothing.db", "digits")
    assert not (place.folder / "nothing.db").exists()


@pytest.mark.slow
def test_a_changed_model_parameter_makes_new_runs_for_its_cells_alone_and_back_again_none(
    place: Place,
) -> None:
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
    assert [run for run in place.state() if run[0] not in gone] == [
        run for run in before if run[0] not in gone
    ]
    assert [mark for name, _, _, mark in place.state() if name == REFUSED] == ["false"]
    assert place.current() == sorted(NAMES - {REFUSED})


def test_a_persons_own_runs_in_the_same_experiment_are_left_alone(place: Place) -> None:
    mine = place.client.create_run(place.experiment, run_name="mine", tags={"current": "true"})
    place.client.delete_run(place.run(REFUSED).info.run_id)
    assert published() == 0
    assert [entry for entry in place.state() if entry[0] == "mine"] == [
        ("mine", mine.info.run_id, "RUNNING", "true")
    ]
    assert place.current() == sorted([*NAMES, "mine"])


def test_an_experiment_that_was_deleted_comes_back_whole(place: Place) -> None:
    place.client.delete_experiment(place.experiment)
    assert published() == 0
    assert place.current() == sorted(NAMES)


# ------------------------------------------------------------ killed publishers and several at once


def test_a_killed_publisher_leaves_a_half_run_that_the_next_one_removes(place: Place) -> None:
    for name in ("none/xgboost", "random_under/xgboost"):
        place.client.delete_run(place.run(name).info.run_id)
    code = (
        "import os, signal, sys, mlflow; from stages import track;"
        "mlflow.MlflowClient.log_artifacts = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "sys.argv = ['track', 'digits']; track.main()"
    )
    killed = in_a_process(code, TMPDIR=str(place.folder.parent))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (half,) = [entry for entry in place.state() if entry[2] == "RUNNING"]
    assert half[0] == "none/xgboost"
    assert half[3] == "false", "a half run is never current"
    assert published() == 0
    assert half[1] not in {run for _, run, *_ in place.state()}
    assert place.current() == sorted(NAMES)
    assert len(place.state()) == len(NAMES)


def test_of_doubled_runs_the_one_that_started_first_stays(place: Place) -> None:
    kept = place.run("none/xgboost")
    copies = [
        place.client.create_run(
            place.experiment,
            run_name="none/xgboost",
            tags={
                **kept.data.tags,
                "current": "true",
                "published_ms": str(int(kept.data.tags["published_ms"]) + late),
            },
        ).info.run_id
        for late in (0, 1, -1)
    ]
    for copy in copies:
        place.client.set_terminated(copy)
    assert published() == 0
    left = [run for name, run, *_ in place.state() if name == "none/xgboost"]
    assert left == [copies[2]]
    assert place.current() == sorted(NAMES)


def test_a_run_that_is_begun_while_others_are_listed_makes_no_doubles_of_them(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages are counted from the newest run on, so that one more moves the last run of a page to
    the next page as well."""
    before = set(place.state())
    listed = mlflow.MlflowClient.search_runs
    begun = {"cell_key": "k", "published_ms": str(int(time.time() * 1000))}
    alive = set()

    def while_another_begins(self: Any, *arguments: Any, **more: Any) -> Any:
        page = listed(self, *arguments, **more)
        if len(alive) < 4:
            alive.add(self.create_run(place.experiment, run_name="begun", tags=begun).info.run_id)
        return page

    monkeypatch.setattr(publisher, "RUNS_PER_PAGE", 2)
    # as a server's, whose runs MLflow lists; those of a file are looked at without it
    monkeypatch.setattr(store, "chosen", lambda _: store.Store(place.uri))
    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "search_runs", while_another_begins)
        assert published() == 0
    assert len(alive) == 4, "some were begun meanwhile"
    assert place.current() == sorted(NAMES)
    assert {run for run in place.state() if run[0] != "begun"} == before


@pytest.mark.slow
def test_publishers_that_begin_at_once_on_a_fresh_store_all_succeed_and_double_nothing(
    place: Place, tmp_path: Path
) -> None:
    fresh = Place(tmp_path / "fresh")
    code = (
        "import sys; from stages import track;sys.argv = ['track', 'digits'];"
        " sys.exit(track.main())"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "MLFLOW_TRACKING_URI": fresh.uri}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    several = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes) for _ in range(3)
    ]
    for process in several:
        out, err = process.communicate(timeout=600)
        assert (process.returncode, err) == (0, ""), out + err
    assert fresh.current() == sorted(NAMES)
    assert len(fresh.state()) == len(NAMES)


NOW = int(time.time() * 1000)


@pytest.mark.parametrize("status", ["RUNNING", "FAILED", "KILLED"])
def test_a_half_run_is_removed_since_its_publisher_has_the_turn_no_more(status: str) -> None:
    half = RunRecord("a", "k", status, False, NOW)
    assert plan([half], ["k"]) == runs.Plan(publish=("k",), remove=("a",), mark=(), unmark=())


def comparison_of(key: str, made: int, status: str = "FINISHED", run_id: str = "a") -> RunRecord:
    return RunRecord(run_id, key, status, False, NOW, "comparison", made)


def test_the_newest_results_are_those_made_last_whoever_published_when() -> None:
    one, two = comparison_of("k1", 10, run_id="a"), comparison_of("k2", 11, run_id="b")
    half = comparison_of("k3", 12, "RUNNING")
    cell = RunRecord("c", "k4", "FINISHED", True, NOW, "cell", 13)
    for found in ([one, two, half, cell], [cell, half, two, one]):
        assert runs.newest_first(found) == [two, one]
    assert runs.newest_first([half, cell]) == []
    same = replace(two, made=10)
    assert runs.newest_first([one, same]) == runs.newest_first([same, one]), (
        "whoever looks, in whatever order"
    )


@pytest.mark.parametrize(
    ("name", "age", "held"),
    [
        (f"{turn.machine()}:{os.getppid()}", 0, True),
        # a process number that was given out again
        (f"{turn.machine()}:{os.getppid()}", 3600, False),
        (f"{turn.machine()}:4194999", 0, False),  # a process that is gone
        ("elsewhere:1", 60, True),
        ("elsewhere:1", 3600, False),
    ],
)
def test_a_turn_ends_with_its_publisher_or_when_it_was_not_renewed_for_long(
    name: str, age: int, held: bool
) -> None:
    now = time.time()
    assert turn.held(f"{name} {now - age:.0f}", now) == held


@pytest.mark.parametrize("tag", ["", "nonsense", "a:b c", "host:1", "host: 1"])
def test_a_tag_that_names_no_publisher_gives_nobody_the_turn(tag: str) -> None:
    assert not turn.held(tag, time.time())


def test_publishers_have_the_turn_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads stand for processes on other machines; reading and writing the tag takes time, as on
    a server."""
    monkeypatch.setattr(turn, "SETTLE_SECONDS", 0.2)
    monkeypatch.setattr(turn, "POLL_SECONDS", 0.01)
    name = threading.local()
    monkeypatch.setattr(turn, "publisher", lambda: name.value)
    tag, inside, most = [""], [0], [0]

    def read() -> str:
        time.sleep(random.uniform(0, 0.02))
        return tag[0]

    def write(value: str) -> None:
        time.sleep(random.uniform(0, 0.02))
        tag[0] = value

    def publish(number: int) -> None:
        name.value = f"elsewhere:{number}"
        with turn.Turn(read, write).taken():
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.05)
            inside[0] -= 1

    everybody = [threading.Thread(target=publish, args=(number,)) for number in range(1, 6)]
    for one in everybody:
        one.start()
    for one in everybody:
        one.join(timeout=60)
    assert (most[0], tag[0]) == (1, "")


def test_the_error_after_too_long_a_wait_names_the_other_publisher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turn, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(turn, "POLL_SECONDS", 0.01)
    written: list[str] = []
    with (
        pytest.raises(TimeoutError, match=r"elsewhere:1 .* has been publishing"),
        turn.Turn(lambda: f"elsewhere:1 {time.time():.0f}", written.append).taken(),
    ):
        pass
    assert written == []


# ----------------------------------------------------------------- the key of a cell


ALL = {name for name in NAMES if "/" in name}
XGBOOST = {name for name in ALL if name.endswith("/xgboost")}
RANDOM_UNDER = {name for name in ALL if name.startswith("random_under/")}


def stored() -> dict[str, Any]:
    return {
        strategy: files.read_json(paths.scores("digits", strategy) / "cells.json")
        for strategy in PARAMS["strategies"]
    }


def keys_of(params: dict[str, Any], fits: dict[str, Any] | None = None) -> dict[str, str]:
    """The keys of results with these parameters and fits, with all else as it lies here."""
    content = manifest.content("digits", config.parse(params), stored() if fits is None else fits)
    return content["keys"]  # type: ignore[no-any-return]


def changed(section: str, **entries: Any) -> dict[str, Any]:
    return {**PARAMS, section: {**PARAMS[section], **entries}}


@pytest.mark.parametrize(
    ("params", "cells"),
    [
        (changed("models", xgboost={"params": {"n_estimators": 6}}), XGBOOST),
        (
            changed("models", xgboost={**PARAMS["models"]["xgboost"], "calibration": "isotonic"}),
            XGBOOST,
        ),
        (changed("strategies", random_under={"ratio": 0.5}), RANDOM_UNDER),
        ({**PARAMS, "seed": 4}, ALL),
        (changed("thresholds", tuned="mcc"), ALL),
        (changed("costs", false_negative=11), ALL),
        (
            changed(
                "models",
                logistic_regression={
                    **PARAMS["models"]["logistic_regression"],
                    "strategies": ["random_under", "none"],
                },
            ),
            set(),
        ),
        # a fit's key has the device
        (changed("models", xgboost={**PARAMS["models"]["xgboost"], "device": "auto"}), set()),
    ],
)
def test_a_key_changes_with_the_parameters_of_its_cell_and_with_no_others(
    place: Place, params: dict[str, Any], cells: set[str]
) -> None:
    before = dict(manifest.read("digits").keys)
    assert keys_of(PARAMS) == before, "the same results have the same keys"
    assert set(before) == ALL
    after = keys_of(params)
    assert {name for name in ALL if after[name] != before[name]} == cells


@pytest.mark.parametrize(
    ("fitted", "cells"),
    [
        (("random_under", "xgboost"), {"random_under/xgboost"}),
        # the difference from the baseline is among a cell's numbers
        (("none", "xgboost"), XGBOOST),
        (("adasyn", "xgboost"), {REFUSED}),
    ],
)
def test_a_key_changes_with_the_fits_of_its_cell_and_of_its_baseline(
    place: Place, fitted: tuple[str, str], cells: set[str]
) -> None:
    before, fits = keys_of(PARAMS), stored()
    fits[fitted[0]]["models"][fitted[1]]["key"] = "other"
    after = keys_of(PARAMS, fits)
    assert {name for name in ALL if after[name] != before[name]} == cells


def test_any_text_is_read_back_from_the_store_and_one_that_is_cut_says_so(place: Place) -> None:
    texts = [*WORDS, "x" * 6000, "y" * 8000, "z" * 8001]
    content = [items.Param(f"p{k}", text) for k, text in enumerate(texts)]
    tags = [items.Tag(f"t{k}", text) for k, text in enumerate(texts)]
    made = publisher.Publisher(
        store=store.chosen(os.environ), dataset="digits", wanted=["k"], made=0
    )
    with made.opened():
        made.publish("texts", "k", [*content, *tags], 1, (1, 0.0))
    (run,) = (run for run in place.runs() if run.info.run_name == "texts")
    for k, text in enumerate(texts):
        for name, most, kept in ((f"p{k}", 6000, run.data.params), (f"t{k}", 8000, run.data.tags)):
            if len(text) <= most:
                assert kept[name] == text
            else:
                assert kept[name].endswith(f"... (cut from {len(text):,} characters)")
                assert (len(kept[name]), kept[name][:5000]) == (most, text[:5000])


def test_every_key_changes_with_the_table(place: Place) -> None:
    before = keys_of(PARAMS)
    with paths.table("digits").open("ab") as content:
        content.write(b"more")
    assert all(keys_of(PARAMS)[name] != before[name] for name in ALL)


def test_every_key_changes_with_the_split_and_none_with_a_placebos_part_of_it(place: Place) -> None:
    before, parts = keys_of(PARAMS), splits.read(paths.split("digits"))
    codes = parts.codes.copy()
    codes[0, 0] = splits.UNUSED
    splits.write(paths.split("digits"), replace(parts, placebos={1: codes}))
    assert keys_of(PARAMS) == before
    splits.write(paths.split("digits"), replace(parts, codes=codes))
    assert all(keys_of(PARAMS)[name] != before[name] for name in ALL)


def test_every_key_changes_with_the_code_that_evaluates(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys_of(PARAMS)
    monkeypatch.setattr("counterpoise.engine.fingerprint.code_digest", lambda *_: "other")
    assert all(keys_of(PARAMS)[name] != before[name] for name in ALL)


def test_the_key_of_the_comparison_follows_those_of_its_cells_and_the_results(place: Place) -> None:
    def comparison(fits: dict[str, Any]) -> str:
        return str(manifest.content("digits", config.parse(PARAMS), fits)["comparison"])

    before, fits = manifest.read("digits").comparison, stored()
    assert comparison(fits) == before
    fits["none"]["models"]["xgboost"]["key"] = "other"
    assert comparison(fits) != before
    with (paths.evaluation("digits") / "curves.csv").open("a") as curves:
        curves.write("none,xgboost,roc,1,1\n")
    assert comparison(stored()) != before


def test_a_manifest_gives_back_the_parameters_that_it_was_made_of(place: Place) -> None:
    """Also those that JSON has no form for, and those of the whole project, one dataset after the
    other."""
    odd = {"params": {"class_weight": {0: 1, 1: 1e-9}, "note": {"nested": [{True: None}]}}}
    for content in (
        changed("models", logistic_regression=odd),
        yaml12.load((REPOSITORY / "params.yaml").read_text()),
    ):
        params = config.parse(content)
        for dataset in params.datasets:
            paths.table(dataset).parent.mkdir(parents=True, exist_ok=True)
            paths.table(dataset).touch()
            splits.write(paths.split(dataset), Parts(np.ones((1, 1), np.uint8), ((0, 0),)))
            paths.evaluation(dataset).mkdir(parents=True, exist_ok=True)
            fits = {
                s: {"models": {key: {"key": ""} for key in params.models}}
                for s in params.strategies
            }
            files.write_json(paths.evaluation(dataset) / "dataset.json", FACTS)
            for name in ("leaderboard", "differences"):
                files.write_csv(paths.evaluation(dataset) / f"{name}.csv", EMPTY)
            manifest.write(dataset, params, fits, CellStore(Path("store")))
            alone = params.model_copy(update={"datasets": {dataset: params.dataset(dataset)}})
            found = manifest.read(dataset).params
            assert found == alone and list(found.models) == list(alone.models)
            assert combinations.cells(found) == combinations.cells(alone)


def test_runs_show_the_parameters_that_made_the_results_not_those_written_since(
    place: Place,
) -> None:
    before = place.state()
    Path("params.yaml").write_text(yaml12.dump({**PARAMS, "seed": 99}))
    assert published() == 0
    assert place.state() == before
    place.client.delete_run(place.run("none/xgboost").info.run_id)
    assert published() == 0
    assert place.run("none/xgboost").data.params["seed"] == "3"


def test_the_error_without_results_names_what_to_run(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    for content in ("", "{", "[]", "{}", '{"params": {}}', '{"keys": 1}'):
        manifest.path("digits").write_text(content)
        assert published() == 1
        output = capsys.readouterr().err
        assert (
            "The record of the results of digits is damaged" in output
            and "`dvc repro track@digits`" in output
        )
    manifest.path("digits").unlink()
    assert published() == 1
    assert "no such file" in capsys.readouterr().err
    assert published("digit") == 1
    assert "There is no dataset 'digit' (did you mean 'digits'?)." in capsys.readouterr().err


# ------------------------------------------------------------ which store, and a store out of reach


def test_without_a_setting_the_store_lies_in_the_repository_whatever_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = []
    for folder in (tmp_path, REPOSITORY, Path("/")):
        monkeypatch.chdir(folder)
        chosen += [store.chosen({}), store.chosen({"MLFLOW_TRACKING_URI": " "})]
    assert set(chosen) == {
        store.Store(f"sqlite:///{REPOSITORY}/mlflow.db", REPOSITORY / "mlflow.db")
    }
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
        assert database.execute(
            "SELECT count(*) FROM runs WHERE status = 'FINISHED'"
        ).fetchone() == (len(NAMES),)
    database.close()
    assert len(list(root.glob("mlartifacts/digits/*/artifacts/decisions.json"))) == len(NAMES) - 2
    assert sorted(place.folder.iterdir()) == before, "nothing is written where one stands"
    assert sqlite_index.complete(manifest.read("digits"), store.chosen({}))


@pytest.mark.parametrize(
    "uri", ["./mlruns", "mlruns", "file:///tmp/mlruns", "http://", "sqlite://", "nonsense://host"]
)
def test_an_address_of_no_store_is_a_mistake_to_mend(
    uri: str, place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert published() == 1
    message = capsys.readouterr().err
    assert "MLFLOW_TRACKING_URI names no store that can hold runs" in message
    assert repr(uri) in message
    with contextlib.suppress(ConfigurationError):
        assert store.chosen({"MLFLOW_TRACKING_URI": uri}).database is None


def test_an_unreachable_server_is_a_failure_only_in_strict_mode(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
    for strict, status, word in (("", 0, "warning: "), ("0", 0, "warning: "), ("1", 1, "error: ")):
        monkeypatch.setenv("COUNTERPOISE_TRACK_STRICT", strict)
        assert published() == status
        message = capsys.readouterr().err.strip()
        assert message.startswith(f"{word}The {len(NAMES)} runs of digits could not be published.")
        assert f"http://***@127.0.0.1:{port}" in message
        assert "Connection refused" in message
        assert "`dvc repro track@digits`" in message
        assert "secret" not in message


def test_a_lost_store_gives_the_number_of_missing_runs_and_the_next_run_adds_them(
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
    message = capsys.readouterr().err
    assert f"{len(NAMES) - 2} of the {len(NAMES)} runs of digits are not published." in message
    assert "ConnectionError: http://***@host hung up" in message
    assert published() == 0
    assert place.current() == sorted(NAMES)
    assert len(place.state()) == len(NAMES)


def test_the_error_for_a_database_of_another_mlflow_names_the_upgrade(
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
    message = capsys.readouterr().err
    assert f"`mlflow db upgrade sqlite:///{other}`" in message
    assert "another version of MLflow" in message
    monkeypatch.setenv("COUNTERPOISE_TRACK_STRICT", "1")
    assert published() == 1


def without_tables(database: Path) -> None:
    database.write_bytes(b"")


def no_database(database: Path) -> None:
    database.write_text("no database, however long one looks at it " * 50)


def cut_short(database: Path) -> None:
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])


def without_a_table(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("DROP TABLE alembic_version")
    connection.close()


def spoiled_text(database: Path) -> None:
    """One bit of a run's key."""
    key = manifest.read("digits").comparison.encode()
    assert key in database.read_bytes()
    database.write_bytes(database.read_bytes().replace(key, bytes([key[0] | 128]) + key[1:]))


def flipped(share: float) -> Callable[[Path], None]:
    """A page of the file, at this share of its length, with every bit turned over."""

    def flip(database: Path) -> None:
        content = bytearray(database.read_bytes())
        at = int(share * len(content)) // 4096 * 4096
        content[at : at + 4096] = bytes(255 - byte for byte in content[at : at + 4096])
        database.write_bytes(content)

    return flip


@pytest.mark.parametrize(
    "damage",
    [
        without_tables,
        no_database,
        cut_short,
        without_a_table,
        spoiled_text,
        *(flipped(at / 8) for at in range(8)),
    ],
    ids=[
        "empty",
        "no_database",
        "cut_short",
        "without_a_table",
        "text",
        *(f"flipped_{at}" for at in range(8)),
    ],
)
def test_a_damaged_database_is_named_with_the_way_out(
    damage: Callable[[Path], None],
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place.client.delete_run(place.run("none/xgboost").info.run_id)  # there is something to publish
    # under a name of its own: MLflow keeps an open store for each address
    other = tmp_path / "other.db"
    shutil.copy(place.database, other)
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("VACUUM")  # no page of it is free
    damage(other)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{other}")
    start = time.perf_counter()
    assert published() == 0
    assert time.perf_counter() - start < 30, "MLflow alone tries for two minutes"
    output = capsys.readouterr().err
    assert output.startswith(
        f"\nwarning: The {len(NAMES)} runs of digits could not be published. The database is"
        " damaged."
    )
    assert f"`rm {other}`, and `dvc repro track@digits` fills a new one" in output
    assert "Traceback" not in output
    monkeypatch.setenv("COUNTERPOISE_TRACK_STRICT", "1")
    assert published() == 1
    assert "error: " in capsys.readouterr().err


def test_a_removed_database_is_filled_again(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.db"
    other.touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{other}")
    assert published() == 0
    assert other.stat().st_size == 0
    other.unlink()
    for left in ("other.db-journal", "other.db-wal", "other.db.123.part"):
        shutil.copy(place.database, tmp_path / left)
    assert published() == 0
    assert {path.name for path in tmp_path.glob("other.db*")} <= {"other.db", "other.db.lock"}
    assert {(run.name, run.current) for run in tables_of(other)} == {
        (name, "true") for name in NAMES
    }


@dataclass(frozen=True)
class Row:
    name: str
    status: str
    current: str


def tables_of(database: Path) -> list[Row]:
    """The runs of a database that are not deleted, as its tables have them."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        found = connection.execute(
            "SELECT r.name, r.status, t.value FROM runs r JOIN tags t USING (run_uuid) "
            "WHERE t.key = 'current' AND r.lifecycle_stage = 'active'"
        )
        return [Row(*row) for row in found]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.5, 1.0])
def test_a_first_publish_that_is_killed_leaves_nothing_half_made_and_the_next_one_completes_it(
    seconds: float, place: Place, tmp_path: Path
) -> None:
    """At several moments after the database was begun."""
    fresh = Place(tmp_path / "fresh")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "MLFLOW_TRACKING_URI": fresh.uri}
    command = [sys.executable, "-m", "stages.track", "digits"]
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        while not list(fresh.folder.glob("mlflow.db*[!k]")):  # the lock comes first
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(seconds)
        process.kill()
    if fresh.database.exists():
        assert sqlite_index.damage(fresh.database) == ""
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert fresh.current() == sorted(NAMES)
    assert {(run.name, run.status) for run in tables_of(fresh.database)} == {
        (name, "FINISHED") for name in NAMES
    }
    assert not list(fresh.folder.glob("*.part*"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:pass@host:5000/x", "http://***@host:5000/x"),
        ("https://token@host", "https://***@host"),
        (
            "postgresql+psycopg://u:p%40ss@db/mlflow failed",
            "postgresql+psycopg://***@db/mlflow failed",
        ),
        ("http://u:p@ss@host", "http://***@host"),
        ("http://u:p/ss@host:5000/x", "http://***@host:5000/x"),
        ("postgresql://host/db?user=u&password=secret", "postgresql://host/db?user=u&password=***"),
        ("http://host/a@b", "http://host/a@b"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
    ],
)
def test_credentials_are_masked_and_nothing_else(text: str, shown: str) -> None:
    assert store.masked(text) == shown


# ----------------------------------------------------------------- the commit


def test_the_commit_is_recorded_and_what_dvc_writes_makes_no_tree_dirty(
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


def test_a_result_is_its_makers_whoever_publishes_it(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stage writes who ran it beside what it measured; of results that a colleague made alone
    that is kept too.

    A cell for which there were no rows to be fitted on is of whoever evaluated.
    """
    path = paths.measured("digits", "train")
    content = files.read_json(path)
    for cell, made in content["made"].items():
        made |= {
            "by": "Ann" if cell.startswith("none/") else "Ben",
            "at": 1_000_000_000_000,
            "commit": "c" * 40,
        }
    files.write_json(path, content)
    made = files.read_json(paths.made("digits"))
    files.write_json(
        paths.made("digits"), {**made, "by": "Cid", "at": 1_000_000_500_000, "dirty": "true"}
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other.db'}")
    assert published() == 0
    tags = {
        run.info.run_name: (run.data.tags, run.info.start_time)
        for run in mlflow.MlflowClient(f"sqlite:///{tmp_path / 'other.db'}").search_runs(["1"])
    }
    assert {name: found["mlflow.user"] for name, (found, _) in tags.items()} == {
        **{name: "Ann" if name.startswith("none/") else "Ben" for name in ALL},
        "adasyn/xgboost": "Cid",
        "comparison": "Cid",
    }
    assert (
        tags["none/xgboost"][0]["mlflow.source.git.commit"] == "c" * 40
        and tags["comparison"][0]["mlflow.source.git.dirty"] == "true"
    )
    assert (tags["none/xgboost"][1], tags["comparison"][1]) == (
        1_000_000_000_000,
        1_000_000_500_000,
    )


def test_the_comparison_is_as_old_as_its_newest_cell_where_nobody_noted_who_evaluated(
    place: Place,
) -> None:
    path = paths.measured("digits", "train")
    content = files.read_json(path)
    content["made"]["random_under/xgboost"] |= {"by": "Eve", "at": 4_000_000_000_000}
    files.write_json(path, content)
    mine = manifest.read("digits").made
    files.write_json(
        paths.made("digits"),
        {**files.read_json(paths.made("digits")), "comparison": "of other results"},
    )
    assert manifest.read("digits").made == revision.Origin(
        "Eve", 4_000_000_000_000, mine.commit, mine.dirty
    )
    paths.made("digits").unlink()
    assert manifest.read("digits").made.by == "Eve"
    shutil.rmtree("data/measured")
    assert manifest.read("digits").made == revision.Origin("unknown", 0, "unknown", "unknown")
    place.client.delete_run(place.run("none/xgboost").info.run_id)
    assert published() == 0
    assert place.run("none/xgboost").data.tags.get("mlflow.user", "unknown") == "unknown"


def test_train_and_evaluate_note_who_ran_them(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(results)
    found = [measurements.load("digits").made[name] for name in sorted(ALL - {"adasyn/xgboost"})]
    origin = manifest.read("digits").made
    assert {one.by for one in [*found, origin]} == {revision.author()}
    assert all(0 < one.at <= origin.at <= time.time() * 1000 for one in found)
    for name, value in (("GIT_AUTHOR_NAME", "Dan"), ("GIT_AUTHOR_EMAIL", "d@example.org")):
        monkeypatch.setenv(name, value)
    assert revision.author() == "Dan"
    monkeypatch.setenv("PATH", "")
    assert revision.author() == getpass.getuser()


def test_mlflow_shows_the_experiment_as_models_that_were_trained(place: Place) -> None:
    published()
    assert (
        place.client.get_experiment(place.experiment).tags["mlflow.experimentKind"]
        == "custom_model_development"
    )
