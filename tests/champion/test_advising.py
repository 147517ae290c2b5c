"""The advised combination: fitted once, as `promote` fits it, and what its columns matter."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from counterpoise.champion import advising, importance
from counterpoise.champion.bundle import Champion
from counterpoise.champion.evidence import Evidence
from counterpoise.champion.refit import on_all_rows
from counterpoise.core import config, files, paths, yaml12
from counterpoise.core.errors import NotApplicable, ResultError
from counterpoise.core.paths import REPOSITORY
from counterpoise.core.seeds import seed_for
from counterpoise.data import folds as splits
from counterpoise.data import tables
from counterpoise.engine.cell_store import open_store
from counterpoise.engine.fit import train
from counterpoise.evaluation import costs
from counterpoise.evaluation.advice import advised
from counterpoise.tracking import manifest
from tests.conftest import mixed_table, numeric_table
from tests.helpers.champions import PARAMS, raw_rows, standing_in
from tests.helpers.computed import computed, ran
from tests.models.test_registry import work_of

FOLDER = advising.place("mine")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with standing_in(tmp_path_factory.mktemp("made"), ["none", "random_over"]) as folder:
        yield folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy to change."""
    shutil.copytree(made, tmp_path / "here")
    with contextlib.chdir(tmp_path / "here"):
        yield tmp_path / "here"


def content() -> dict[str, str]:
    return {
        path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.rglob("*")
        if path.is_file()
    }


def facts() -> dict[str, Any]:
    return dict(files.read_json(FOLDER / advising.FACTS))


def identity() -> Any:
    """What `promote` asks for."""
    about, results = files.read_json(paths.evaluation("mine") / "dataset.json"), read()
    cell = advised(about)
    assert cell is not None
    key = results.keys["/".join(cell)]
    return advising.identity_of(
        results.params, "mine", cell, key, results.data_md5, evidence_of(cell)
    )


def read() -> manifest.RunManifest:
    return manifest.read("mine")


def evidence_of(cell: tuple[str, str]) -> Evidence:
    board = files.read_csv(paths.evaluation("mine") / "leaderboard.csv")
    value = board.set_index(["strategy", "model"]).loc[cell, "average_precision"]
    table = tables.read(paths.table("mine"))
    return Evidence.read(read().params, "mine", cell, table, "tuned", float(value))


def test_the_bundle_is_the_advised_combination_on_all_rows(place: Path) -> None:
    champion = Champion.load(FOLDER / advising.BUNDLE)
    cell = advised(files.read_json(paths.evaluation("mine") / "dataset.json"))
    assert (champion.identity.strategy, champion.identity.model) == cell
    assert "reason" not in facts()
    table, params = tables.read(paths.table("mine")), config.load()
    margins = costs.matrix(params.costs_of("mine"), table, "here").cost_margins
    fit = on_all_rows(params, "mine", cell, table, margins)
    again = dataclasses.replace(champion, encoder=fit.encoder, estimator=fit.estimator)
    np.testing.assert_array_equal(champion.raw(table.X), again.raw(table.X))
    found = advising.read_fit(identity())
    assert found is not None
    assert (found.facts, found.factor, found.validation) == (fit.facts, fit.factor, fit.validation)


@pytest.mark.slow
def test_another_process_makes_the_same_bytes(place: Path) -> None:
    before = content()
    shutil.rmtree(paths.STORE)
    shutil.rmtree(FOLDER)
    subprocess.run(
        [sys.executable, "-m", "stages.advise", "mine"],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(REPOSITORY)},
        check=True,
    )
    assert content() == before


def test_what_was_fitted_before_comes_from_the_store(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("nothing has to be fitted")

    monkeypatch.setattr(advising, "on_all_rows", refused)
    before = content()
    shutil.rmtree(FOLDER)
    ran("advise", "mine")
    assert content() == before
    # what is worth having changes verdicts, and the advised combination stays
    again({"worth": {"average_precision": 0.5}})
    assert content() == before
    # other costs give the same model another threshold
    mine = yaml12.load(Path("params.yaml").read_text())["datasets"]["mine"]
    costs_of_rows = {"false_positive": 1, "false_negative": {"column": "calls", "plus": 3}}
    again({"datasets": {"mine": mine | {"costs": costs_of_rows}}})
    after = content()
    assert {name for name in after if after[name] != before[name]} == {
        "bundle/champion.json",
        "bundle/heldout.parquet",
    }
    assert advising.read_fit(identity()) is not None


def again(changes: dict[str, Any]) -> None:
    params = yaml12.load(Path("params.yaml").read_text())
    Path("params.yaml").write_text(yaml12.dump(params | changes))
    ran("check")
    ran("evaluate", "mine")
    shutil.rmtree(FOLDER)
    ran("advise", "mine")


def test_only_an_up_to_date_fit_of_the_same_combination_is_taken(place: Path) -> None:
    mine = identity()
    assert advising.read_fit(mine) is not None
    for change in ({"model": "other"}, {"cell_key": "other"}, {"table": "other"}, {"seed": 6}):
        assert advising.read_fit(dataclasses.replace(mine, **change)) is None
    assert advising.read_fit(dataclasses.replace(mine, commit="other")) is not None
    (FOLDER / advising.FACTS).write_text(json.dumps({**facts(), "code": "older"}))
    assert advising.read_fit(mine) is None
    shutil.rmtree(FOLDER)
    assert advising.read_fit(mine) is None


def test_without_advice_or_a_fit_the_reason_stands_there_and_nothing_fails(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    about = files.read_json(paths.evaluation("mine") / "dataset.json")

    def refused(*_: object) -> None:
        raise NotApplicable("the package keras is not installed")

    with monkeypatch.context() as patch, open_store() as store:
        patch.setattr("counterpoise.champion.refit.refit", refused)
        shutil.rmtree(FOLDER)
        shutil.rmtree(paths.STORE)
        results = read()
        text = advising.write("mine", results.params, results.keys, results.data_md5, store)
        assert "keras is not installed" in text
    assert "keras is not installed" in facts()["reason"]
    assert (FOLDER / advising.IMPORTANCE).read_text() == "feature,importance,low,high\n"
    assert not (FOLDER / advising.BUNDLE).exists()
    assert advising.read_fit(identity()) is None
    # the next run has what was missing
    ran("advise", "mine")
    assert "reason" not in facts()

    shutil.rmtree(FOLDER)
    files.write_json(paths.evaluation("mine") / "dataset.json", {**about, "answers": {}})
    ran("advise", "mine")
    assert facts()["strategy"] is None
    assert "no combination" in facts()["reason"]
    assert len(files.read_csv(FOLDER / advising.IMPORTANCE)) == 0


def test_a_dataset_without_results_has_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    raw_rows(200).to_csv("mine.csv", index=False)
    models = {"refused": PARAMS["models"]["refused"]}
    computed({**PARAMS, "strategies": {"none": {}}, "models": models})
    ran("advise", "mine")
    assert "no combination has a result" in facts()["reason"]


# ----------------------------------------------------------------- the importance of columns


def test_the_fall_is_that_of_plain_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a model that reads the first column alone, and one that reads nothing of the second."""
    random = np.random.default_rng(1)
    X = random.normal(size=(400, 3))
    y = (X[:, 0] + random.normal(size=400) > 1).astype(np.int8)
    model: Any = SimpleNamespace(score=lambda rows: rows[:, 0])
    found = importance.falls(model, X, y, seed=3)
    assert found.shape == (3, importance.PERMUTATIONS)
    np.testing.assert_array_equal(found[1:], 0)
    expected = average_precision_score(y, X[:, 0]) - np.mean(
        [average_precision_score(y, random.permutation(X[:, 0])) for _ in range(200)]
    )
    assert found[0].mean() == pytest.approx(expected, abs=0.05)
    np.testing.assert_array_equal(found, importance.falls(model, X, y, seed=3))
    assert not np.array_equal(found, importance.falls(model, X, y, seed=4))


def test_a_category_is_shuffled_as_one_column_of_the_table() -> None:
    table = mixed_table()
    trained = train(work_of("logistic_regression", table))
    assert trained.encoder.transform(table.X[:1]).shape[1] > table.X.shape[1]
    found = importance.falls(trained, table.X, table.y, seed=1)
    assert len(found) == len(table.features)
    assert found[table.features.index("plan")].mean() > 0


def test_the_columns_that_carry_the_signal_come_first(made: Path) -> None:
    found = files.read_csv(FOLDER / advising.IMPORTANCE)
    table = tables.read(paths.table("mine"))
    assert set(found["feature"]) == set(table.features)
    assert set(found["feature"][:2]) == {"calls", "age"}
    assert found["importance"].is_monotonic_decreasing
    assert (found["low"] <= found["importance"]).all()
    assert (found["importance"] <= found["high"]).all()


def test_each_fold_has_the_model_of_its_stage_and_a_seed_of_its_own(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models that are measured give the test rows the scores that `train` stored."""
    params, table = config.load(), tables.read(paths.table("mine"))
    cell = ("random_over", "stepwise")
    parts = splits.read(paths.split("mine")).compared
    shown = evidence_of(cell)
    seen = []

    def kept(trained: Any, X: Any, y: Any, seed: int) -> Any:
        seen.append((trained.score(X), seed))
        return np.zeros((len(table.features), importance.PERMUTATIONS))

    monkeypatch.setattr(importance, "falls", kept)
    monkeypatch.setattr(importance.parallel, "LOCAL_SECONDS", np.inf)
    folds = importance.folds_of(params, cell, parts)
    assert len(folds) == 3
    margins = shown.tested.costs.cost_margins
    importance.of_folds(params, "mine", cell, table, folds, margins, lambda: None)
    for fold, (scores, seed) in zip(shown.folds, seen, strict=True):
        np.testing.assert_array_equal(scores, fold.scores)
        at = [seed_for(5, "mine", *cell, "importance", 0, k) for k in range(3)]
        assert seed in at
    assert len({seed for _, seed in seen}) == 3


def test_a_search_is_repeated_in_one_fold_alone(made: Path) -> None:
    parts = splits.read(paths.split("mine")).compared
    params = config.load()
    search = config.Search(trials=2, space={"C": config.Range(low=0.1, high=1.0)})
    model = params.models["logistic_regression"].model_copy(update={"search": search})
    searching = params.model_copy(update={"models": {"logistic_regression": model}})
    cell = ("none", "logistic_regression")
    assert [fold.fold for fold in importance.folds_of(searching, cell, parts)] == [0]


def test_of_many_columns_fewer_rows_are_scored_with_the_same_share_of_positives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, test = numeric_table(), np.arange(240)
    np.testing.assert_array_equal(importance._drawn(test, table.y, 3, 1), test)
    monkeypatch.setattr(importance, "MAX_VALUES", 120 * importance.PERMUTATIONS * 9)
    rows = importance._drawn(test, table.y, 3, 1)
    assert (len(rows), int(table.y[rows].sum())) == (120, 15)
    assert len(set(rows)) == 120


def test_a_fold_that_cannot_be_measured_is_named(made: Path) -> None:
    table, params = tables.read(paths.table("mine")), config.load()
    without = dataclasses.replace(table, y=np.zeros_like(table.y))
    folds = list(splits.read(paths.split("mine")).compared)[:1]
    margins = np.ones((len(table), 2))
    with pytest.raises(ResultError, match="0 are positive"):
        importance.of_folds(
            params, "mine", ("none", "logistic_regression"), without, folds, margins, lambda: None
        )
