"""The champion: kept without running code, scoring as the evaluated cell does, and replaced only by
what beats it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from counterpoise.champion import comparison, contest, estimators
from counterpoise.champion.bundle import CHAMPION, Champion, digests
from counterpoise.champion.evidence import Evidence
from counterpoise.champion.making import prove
from counterpoise.champion.refit import Seeds, refit, split_validation
from counterpoise.champion.rules import Rule
from counterpoise.champion.schema import Schema, ScoringNotes
from counterpoise.champion.selection import chosen
from counterpoise.commands import promote
from counterpoise.core import config, files, paths
from counterpoise.core.config import Costs, Goal, Thresholds
from counterpoise.core.errors import NotApplicable, ResultError, TableError, guarded
from counterpoise.core.seeds import seed_for
from counterpoise.data import folds as splits
from counterpoise.data import tables
from counterpoise.data.reading.columns import Column
from counterpoise.data.tables import COST, Table
from counterpoise.evaluation import corrections, costs, levels
from counterpoise.evaluation.calibrator import Calibrator
from counterpoise.evaluation.decisions import decide
from counterpoise.evaluation.fold_scores import fold_scores, recalibrate
from counterpoise.evaluation.questions import MEASURED
from counterpoise.evaluation.recalibration import choose
from counterpoise.models.registry import MODELS
from counterpoise.tracking import manifest, registry, store
from tests.conftest import TABLES, mixed_table, numeric_table
from tests.helpers.champions import (
    PARAMS,
    REFUSED,
    outside,
    raw_rows,
    schema_of,
    small,
    standing_in,
)
from tests.helpers.computed import computed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what MLflow warns of while it is imported is not ours
    import mlflow
    import mlflow.pyfunc

pytestmark = [
    # what MLflow asks of SQLAlchemy
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*__array__ implementation:DeprecationWarning"),
]


# ----------------------------------------------------------------- kept in files that run no code


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("model", MODELS)
def test_every_model_that_is_saved_and_loaded_gives_the_same_scores(
    model: str, kind: str, tmp_path: Path
) -> None:
    if (model, kind) == ("rus_boost", "categories"):  # which RUSBoost cannot be fitted on
        kind = "numbers"
    table = TABLES[kind]()
    champion = small(model, table)
    champion.save(tmp_path)
    loaded = Champion.load(tmp_path)
    np.testing.assert_array_equal(loaded.raw(table.X), champion.raw(table.X))
    assert loaded.schema == champion.schema
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".pkl", ".joblib", ".npy")]
    prove(champion, tmp_path, table)


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("xgboost", {"early_stopping_rounds": 2}),
        ("xgboost", {"booster": "dart", "n_estimators": 3}),
        ("xgboost_weighted", {"booster": "dart"}),
        ("gradient_boosting", {"loss": "exponential"}),
        ("hist_gradient_boosting", {"early_stopping": True}),
        ("nearest_neighbors", {"algorithm": "ball_tree", "p": 1}),
        ("nearest_neighbors", {"weights": "distance"}),
        ("svm", {"kernel": "poly", "class_weight": {0: 1, 1: 5}}),
        ("mlp_weighted", {"class_weight": {0: 1, 1: 3}}),
        ("mlp", {"patience": 2, "dropout": 0.2}),
        ("autoencoder", {"layers": [2], "patience": 3}),
        ("autoencoder_xgboost", {"code": False, "autoencoder_layers": [2]}),
    ],
)
def test_so_does_every_model_with_other_parameters(
    model: str, params: dict[str, Any], tmp_path: Path
) -> None:
    table = numeric_table()
    champion = small(model, table, **params)
    champion.save(tmp_path)
    np.testing.assert_array_equal(Champion.load(tmp_path).raw(table.X), champion.raw(table.X))


@pytest.mark.parametrize(
    "model", ["balanced_random_forest", "hist_gradient_boosting", "logistic_regression", "xgboost"]
)
def test_equal_models_are_saved_as_equal_bytes(model: str, tmp_path: Path) -> None:
    """Whatever the addresses in memory, and whatever the time; trees have bytes of any value
    between their fields."""
    kept = []
    for k in range(2):
        champion = small(model, mixed_table())
        champion.save(tmp_path / str(k))
        kept.append(champion)  # so that the second one has other addresses
    one, other = (
        {path.relative_to(tmp_path / k): path.read_bytes() for path in (tmp_path / k).rglob("*.*")}
        for k in "01"
    )
    assert one == other
    for path in tmp_path.rglob("*.skops"):
        with zipfile.ZipFile(path) as archive:
            assert {member.date_time for member in archive.infolist()} == {estimators.DATE}


def test_a_net_is_saved_without_the_time(tmp_path: Path) -> None:
    small("mlp", numeric_table()).save(tmp_path)
    (path,) = tmp_path.rglob("*.keras")
    with zipfile.ZipFile(path) as archive:
        assert {member.date_time for member in archive.infolist()} == {estimators.DATE}
        assert json.loads(archive.read("metadata.json"))["date_saved"] == ""


def test_a_power_transform_is_kept_as_its_numbers(tmp_path: Path) -> None:
    from tests.helpers.champions import champion_of
    from tests.models.test_registry import work_of

    table = mixed_table()
    work = work_of("svm", table)
    champion = champion_of(
        dataclasses.replace(work, entry=work.entry.model_copy(update={"scale": "power"})), table
    )
    champion.save(tmp_path)
    assert json.loads((tmp_path / CHAMPION).read_text())["encoder"]["learned"]["lambdas"]
    np.testing.assert_array_equal(Champion.load(tmp_path).raw(table.X), champion.raw(table.X))


def test_a_champion_knows_the_share_of_each_of_many_labels(tmp_path: Path) -> None:
    table = numeric_table()
    codes = np.arange(len(table)) % 60
    labels = {"many": tuple(f"c{k:02}" for k in range(60))}
    table = Table(("many", "x"), np.column_stack([codes, table.X[:, 0]]), table.y, labels)
    champion = small("logistic_regression", table)
    champion.save(tmp_path)
    loaded = Champion.load(tmp_path)
    X = np.vstack([table.X, [np.nan, 0.0]])
    np.testing.assert_array_equal(loaded.raw(X), champion.raw(X))
    assert len(set(loaded.raw(np.column_stack([np.arange(60), np.zeros(60)])))) > 3


def test_an_archive_with_a_type_that_is_not_named_is_not_read(tmp_path: Path) -> None:
    small("logistic_regression", numeric_table()).save(tmp_path)
    archive = tmp_path / "estimator" / estimators.ARCHIVE
    with zipfile.ZipFile(archive) as content:
        kept = {name: content.read(name) for name in content.namelist()}
    schema = json.loads(kept["schema.json"])
    schema["__class__"], schema["__module__"] = "Popen", "subprocess"
    kept["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(archive, "w") as content:
        for name, data in kept.items():
            content.writestr(name, data)
    with pytest.raises(ResultError, match="not trusted") as caught:
        Champion.load(tmp_path)
    assert "subprocess.Popen" in str(caught.value)


def test_a_folder_without_a_champion_or_of_another_version_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="no champion in this folder"):
        Champion.load(tmp_path)
    small("xgboost", numeric_table()).save(tmp_path)
    content = json.loads((tmp_path / CHAMPION).read_text())
    (tmp_path / CHAMPION).write_text(json.dumps({**content, "version": 99}))
    with pytest.raises(ResultError, match="another version"):
        Champion.load(tmp_path)
    (tmp_path / CHAMPION).write_text(json.dumps({**content, "format": "pickle"}))
    with pytest.raises(ResultError, match="not known here"):
        Champion.load(tmp_path)


# ----------------------------------------------------------------- probability and decision


def scores_and_labels(rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    y = (random.random(rows) < 0.3).astype(np.int8)
    scores = 1 / (1 + np.exp(-(random.normal(size=rows) + 2 * y - 1)))
    scores[:3] = 0.0, 1.0, scores[5]  # certainty and a tie
    return y, scores


@pytest.mark.parametrize("kind", ["none", "exact", "approximate", "sigmoid", "isotonic"])
def test_probabilities_are_put_right_as_evaluate_does_it(kind: corrections.Correction) -> None:
    y, scores = scores_and_labels()
    fitted = Calibrator.fit(kind, y, scores, 3.5)
    read = Calibrator(
        **{**json.loads(json.dumps(dataclasses.asdict(fitted))), "steps": fitted.steps}
    )
    new = np.concatenate([scores, np.linspace(0, 1, 50)])
    expected = choose((kind,), y, scores, 3.5).calibrator.ordered_log_odds(new)
    found = corrections.probability(read.log_odds(new))
    np.testing.assert_allclose(found, corrections.probability(expected), rtol=1e-13, atol=1e-300)
    # whoever else is in the batch
    one_by_one = np.concatenate([read.log_odds(new[k : k + 1]) for k in range(len(new))])
    np.testing.assert_array_equal(one_by_one, read.log_odds(new))


def test_an_impossible_recalibration_is_an_error() -> None:
    y, scores = scores_and_labels()
    for kind, labels, factor in (
        ("exact", y, np.nan),
        ("sigmoid", 1 - y, 1.0),
        ("isotonic", np.zeros_like(y), 1.0),
    ):
        with pytest.raises(NotApplicable):
            Calibrator.fit(kind, labels, scores, factor)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "how"),
    [("half", "expected"), ("tuned", "expected"), ("cost", "expected"), ("cost", "empirical")],
)
def test_decisions_are_those_of_evaluate_at_the_same_threshold(rule: Any, how: Any) -> None:
    y, scores = scores_and_labels()
    rows, amounts = np.arange(len(y)), np.linspace(1, 20, len(y))
    requested = Costs(false_positive=1, false_negative={"column": "calls", "plus": 2})  # type: ignore[arg-type]
    table = Table(("x",), scores[:, None], y, {}, {COST + "calls": amounts})
    matrix = costs.matrix(requested, table, "here")
    chosen = Rule.choose(
        rule, rules := Thresholds(half=0.4, tuned="mcc", cost=how), requested, y, scores, matrix
    )
    log_odds = corrections.log_odds(scores)
    fold = recalibrated_fold(rows, scores, log_odds)
    expected, threshold = decide(rule, rules, y, fold, matrix)  # type: ignore[misc]
    np.testing.assert_array_equal(
        chosen.decide(scores, log_odds, {"calls": amounts}, "here"), expected
    )
    assert chosen.amounts == (("calls",) if (rule, how) == ("cost", "expected") else ())
    assert chosen.threshold is None or chosen.threshold == threshold


def recalibrated_fold(rows: np.ndarray, scores: np.ndarray, log_odds: np.ndarray) -> Any:
    from counterpoise.evaluation.fold_scores import FoldScores

    return FoldScores(rows, scores, rows, scores, log_odds)


# ----------------------------------------------------------------- rows as they come


def test_a_label_is_known_however_it_is_written() -> None:
    flag, number, text = (
        Column("flag", "boolean", ("False", "True")),
        Column("n", "category", ("1", "10", "2")),
        Column("t", "category", ("01", "a")),
    )
    assert [flag.code_of(t) for t in ("True", "TRUE", "true", "1", "false", "0", "yes")] == [
        1,
        1,
        1,
        1,
        0,
        0,
        -1,
    ]
    assert [number.code_of(t) for t in ("1", "01", "1.0", "10", "2", "3", "1_0", "x")] == [
        0,
        -1,
        0,
        1,
        2,
        -1,
        -1,
        -1,
    ]
    assert [text.code_of(t) for t in ("01", "1", "a", "A")] == [0, -1, 1, -1]


def test_rows_of_any_type_give_the_numbers_of_the_typed_table() -> None:
    schema = schema_of(table := mixed_table())
    frame = tables.frame_of(table.X, table.features, table.categories)
    texts = frame.astype(object).where(frame.notna(), None)
    for rows in (frame, texts, texts[texts.columns[::-1]], frame.convert_dtypes()):
        np.testing.assert_array_equal(schema.rows(rows, "here", ScoringNotes()).X, table.X)
    assert [column.kind for column in schema.columns] == [
        "number",
        "category",
        "number",
        "category",
        "boolean",
    ]
    assert Schema.read(json.loads(json.dumps(schema.asdict()))) == schema


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("old", "A column of numbers holds something else"),
        (True, "A column of numbers holds something else"),
        (pd.Timestamp("2026-01-01"), "A column of numbers holds something else"),
        (np.inf, "A number is infinite"),
        ("-inf", "A number is infinite"),
    ],
)
def test_the_error_names_column_and_row_of_a_wrong_value(value: Any, message: str) -> None:
    schema = schema_of(table := mixed_table())
    frame = tables.frame_of(table.X, table.features, table.categories).astype({"income": object})
    frame.loc[4, "income"] = value
    with pytest.raises(TableError, match=message) as caught:
        schema.rows(frame, "new.csv", ScoringNotes(), first=1000)
    assert caught.value.where == "new.csv, column 'income', row 1,005"


def test_a_list_in_place_of_a_label_is_an_error() -> None:
    frame = pd.DataFrame(
        {
            "age": [1.0, 2.0],
            "income": 2.0,
            "region": ["east", ["east"]],
            "plan": "a",
            "active": True,
        }
    )
    with pytest.raises(TableError, match="holds lists") as caught:
        schema_of(mixed_table()).rows(frame, "the request", ScoringNotes())
    assert caught.value.where == "the request, column 'region', row 2"


def test_unseen_labels_are_missing_and_counted_over_batches() -> None:
    schema, notes = schema_of(mixed_table()), ScoringNotes()
    frame = pd.DataFrame(
        {
            "age": [1.0] * 4,
            "income": 2.0,
            "region": ["mars", "east", "mars", None],
            "plan": "a",
            "active": ["True", "NA", "", "maybe"],
        }
    )
    for _ in range(2):
        X = schema.rows(frame, "here", notes).X
    np.testing.assert_array_equal(np.isnan(X[:, 1]), [True, False, True, True])
    assert notes.unseen == {"region": (4, "mars"), "active": (2, "maybe")}
    assert "'mars'" in notes.messages[0]


# --------------------------------------------------------------- an evaluated cell and its champion


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with standing_in(tmp_path_factory.mktemp("place")) as folder:
        yield folder


def promoted(*arguments: str) -> tuple[int, str]:
    """Run the script in this process; exit status and output."""
    before, sys.argv = sys.argv, ["promote", *arguments]
    output = contextlib.redirect_stdout, contextlib.redirect_stderr
    import io

    text = io.StringIO()
    try:
        with output[0](text), output[1](text):
            return guarded(promote.main, bring_back=False)(), text.getvalue()
    finally:
        sys.argv = before


@pytest.mark.parametrize(
    "cell",
    [
        ("none", "logistic_regression"),
        ("random_over", "logistic_regression"),
        ("near_miss_1", "stopping"),
        ("random_over", "stepwise"),
    ],
    ids="/".join,
)
def test_the_same_procedure_on_a_folds_rows_scores_a_raw_csv_as_the_stages_did(
    place: Path, cell: tuple[str, str], tmp_path: Path
) -> None:
    """Resampled, fitted, saved and loaded, it scores the fold's test rows from a CSV of them."""
    strategy, model = cell
    params, table, parts = (
        config.load(),
        tables.read(paths.table("mine")),
        splits.read(paths.split("mine")),
    )
    stored = files.read_json(paths.scores("mine", strategy) / "cells.json")
    kept = fold_scores(
        files.read_parquet(paths.scores("mine", strategy) / f"{model}.parquet"), parts, "here"
    )
    kinds = levels.candidates(strategy, params.strategies[strategy], model, params.models[model])
    kept = recalibrate(kept, kinds, table.y, stored["counts"], stored["models"][model]["folds"])
    fold, expected = list(parts)[1], kept[1]
    seeds = Seeds(
        seed_for(5, "mine", strategy, "resample", 0, 1), seed_for(5, "mine", model, "fit", 0, 1)
    )
    cost_margins = costs.matrix(params.costs_of("mine"), table, "here").cost_margins
    made = refit(params, cell, table, fold.train, fold.validation, seeds, cost_margins)
    right = choose(
        kinds, table.y[fold.validation], made.trained.score(table.X[fold.validation]), made.factor
    ).calibrator
    assert right is not None
    base = small("logistic_regression", table)
    champion = dataclasses.replace(
        base,
        identity=dataclasses.replace(base.identity, model=model),
        kind=params.models[model].model or model,
        schema=Schema.of(files.read_json(paths.facts("mine"))["schema"]),
        encoder=made.trained.encoder,
        estimator=made.trained.estimator,
        calibrator=right,
    )
    champion.save(tmp_path / "bundle")
    raw_rows().iloc[fold.test].to_csv(tmp_path / "rows.csv", index=False)
    rows = pd.read_csv(tmp_path / "rows.csv", dtype={"region": str, "plan": str, "paperless": str})
    found = Champion.load(tmp_path / "bundle").score(rows, "rows.csv", ScoringNotes())
    np.testing.assert_array_equal(found.score, expected.test_scores)
    np.testing.assert_allclose(found.probability, expected.corrected, rtol=1e-12)


def test_the_cell_is_the_one_that_the_report_tells_to_use_or_one_that_is_named(place: Path) -> None:
    board = files.read_csv(paths.evaluation("mine") / "leaderboard.csv")
    plain = board[(board["level"] == "none") & (board["status"] == "ok")]
    best = plain.loc[plain["average_precision"].idxmax()]
    facts = files.read_json(paths.evaluation("mine") / "dataset.json")
    assert chosen(board, facts) == ("none", best["model"])
    assert chosen(board, facts, "random_over", "stepwise") == ("random_over", "stepwise")
    answers = facts["answers"] | {"cost": {"strategy": "random_over", "model": "stepwise"}}
    assert chosen(board, facts | {"answers": answers}) == ("none", best["model"])
    assert chosen(board, facts | {"answers": answers, "goal": "cost"}) == (
        "random_over",
        "stepwise",
    )
    with pytest.raises(ResultError, match="no combination answers the question"):
        chosen(board, facts | {"answers": {}})


def test_an_error_names_the_combination_that_cannot_be_promoted(place: Path) -> None:
    for arguments, words in {
        REFUSED: "has no result",
        ("none", "stoping"): "did you mean 'none/stopping'",
        ("none", None): "--strategy alone",
    }.items():
        options = [
            f"--{name}={value}"
            for name, value in zip(("strategy", "model"), arguments, strict=True)
            if value
        ]
        status, output = promoted("mine", *options)
        assert status == 1
        assert words in output
        assert "Traceback" not in output
    assert not (place / "mlflow.db").exists()
    assert promoted("mein")[0] == 1


def test_a_dataset_without_a_result_has_nothing_to_promote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    raw_rows(200).to_csv("mine.csv", index=False)
    computed(
        {**PARAMS, "strategies": {"none": {}}, "models": {"refused": PARAMS["models"]["refused"]}}
    )
    status, output = promoted("mine")
    assert status == 1
    assert "no combination of mine has a result" in output
    assert "liblinear" in output


def test_scores_that_were_not_evaluated_are_not_promoted(place: Path) -> None:
    path = paths.scores("mine", "none") / "logistic_regression.parquet"
    before = path.read_bytes()
    frame = files.read_parquet(path)
    files.write_parquet(path, frame.assign(score=1 - frame["score"]))
    status, output = promoted("mine", "--strategy=none", "--model=logistic_regression")
    path.write_bytes(before)
    assert (status, "not those that were evaluated" in output) == (1, True)


def test_validation_rows_follow_the_scheme_of_the_split() -> None:
    table = numeric_table()
    table = dataclasses.replace(
        table, roles={"time": np.arange(240)[::-1] // 2, "group": np.arange(240) // 4}
    )
    kept, held = split_validation(table, config.StratifiedKFold(validation=0.25), 1)
    assert (len(kept), len(held), table.y[held].sum()) == (180, 60, round(table.y.sum() / 4))
    kept, held = split_validation(table, config.Temporal(scheme="temporal", validation=0.25), 1)
    assert table.roles["time"][held].min() > table.roles["time"][kept].max()
    assert len(held) == 60
    kept, held = split_validation(table, config.Grouped(scheme="grouped", validation=0.25), 1)
    assert not set(table.roles["group"][kept]) & set(table.roles["group"][held])
    for one, other in (
        split_validation(table, config.Grouped(scheme="grouped"), 1) for _ in range(2)
    ):
        assert sorted([*one, *other]) == list(range(240))


# ----------------------------------------------------------------- the contest


def evidence_of(cell: tuple[str, str], rule: Any = "tuned") -> tuple[Evidence, Table]:
    board = files.read_csv(paths.evaluation("mine") / "leaderboard.csv").set_index(
        ["strategy", "model"]
    )
    table, value = tables.read(paths.table("mine")), float(board.loc[cell, "average_precision"])
    return Evidence.read(config.load(), "mine", cell, table, rule, value), table


def present_of(shown: Evidence, rows: Table, **identity: str) -> Champion:
    base = small("logistic_regression", rows)
    known = {"table": shown.table, "split": shown.split, **identity}
    return dataclasses.replace(
        base, identity=dataclasses.replace(base.identity, **known), heldout=shown.frame
    )


def test_on_the_same_rows_a_cell_has_to_lie_above_by_its_interval(place: Path) -> None:
    good, table = evidence_of(("none", "logistic_regression"))
    bad, _ = evidence_of(("near_miss_1", "stopping"))
    board = files.read_csv(paths.evaluation("mine") / "leaderboard.csv").set_index(
        ["strategy", "model"]
    )
    better = contest.judge("good", "k", good, table, present_of(bad, table), "ranking", 1)
    assert (better.kind, better.wins) == ("better", True)
    assert better.difference is not None
    expected = [
        board.loc[cell, "average_precision"]
        for cell in (("none", "logistic_regression"), ("near_miss_1", "stopping"))
    ]
    assert [better.difference.one, better.difference.other] == pytest.approx(expected, abs=1e-6)
    worse = contest.judge("bad", "k", bad, table, present_of(good, table), "ranking", 1)
    assert (worse.kind, worse.wins) == ("not better", False)
    assert worse.difference is not None
    assert worse.difference.high < 0
    same = contest.judge("good", "k", good, table, present_of(good, table), "ranking", 1)
    assert same.difference is not None
    assert (same.wins, same.difference.low, same.difference.high) == (False, 0, 0)
    assert (
        contest.judge("good", "key", good, table, present_of(good, table), "ranking", 1).kind
        == "same"
    )
    assert contest.judge("good", "k", good, table, None, "ranking", 1).kind == "first"


@pytest.mark.parametrize(
    ("goal", "measure", "rule"),
    [
        ("ranking", "average_precision", ""),
        ("roc_auc", "roc_auc", ""),
        ("probabilities", "log_loss_corrected", ""),
        ("cost", "expected_cost", "cost"),
    ],
)
def test_the_contest_has_the_numbers_of_evaluate(
    place: Path, goal: Any, measure: str, rule: str
) -> None:
    remedy, base = ("random_over", "stepwise"), ("none", "stepwise")
    one, other = (evidence_of(cell, rule or "tuned")[0] for cell in (remedy, base))
    seed = seed_for(5, "mine", "bootstrap")  # the draws of evaluate
    found = comparison.difference(goal, one.folds, other.folds, one.tested, seed)
    every = files.read_csv(paths.evaluation("mine") / "differences.csv")
    row = every[
        (every["strategy"] == remedy[0])
        & (every["model"] == remedy[1])
        & (every["measure"] == measure)
        & (every["rule"].fillna("") == rule)
    ].iloc[0]
    assert found.value == pytest.approx(row["difference"], abs=2e-6)
    assert found.probability == pytest.approx(row["probability_better"], abs=1e-4)
    assert found.regret == pytest.approx(row["expected_regret"], abs=1e-5)
    # one comparison alone: its interval is Student's, and narrower than that of several together
    half = stats.t.ppf(0.975, row["degrees_of_freedom"]) * row["standard_error"]
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.03)


def test_the_question_decides_and_another_answer_is_named(place: Path) -> None:
    good, table = evidence_of(("none", "logistic_regression"), "cost")
    present = present_of(good, table)
    # as before in ranking, with probabilities that are worse and decisions that cost more
    worse = present.heldout.assign(
        probability=present.heldout["probability"] / 10, decision=lambda frame: 0.0
    )
    present = dataclasses.replace(present, heldout=worse)
    found = {
        goal: contest.judge("good", "k", good, table, present, goal, 1) for goal in get_args(Goal)
    }
    assert {goal: one.wins for goal, one in found.items()} == {
        "ranking": False,
        "roc_auc": False,
        "probabilities": True,
        "cost": True,
    }
    assert "By log loss of the recalibrated probabilities it would take" in found["ranking"].message
    assert "By expected cost it would take its place" in found["ranking"].message
    assert "By ROC AUC" not in found["cost"].message, "asked only where it is the goal"
    assert "By average precision it would not take its place" in found["cost"].message
    assert "log loss of the recalibrated" not in found["cost"].message, "the same answer"
    gap = found["cost"].difference
    assert gap is not None
    y, rows = table.y, good.once[0]
    matrix = good.tested.costs.of(rows)
    assert gap.other == pytest.approx(matrix.total(y[rows], np.zeros(len(rows), bool)) / len(rows))
    assert f"cheaper with a probability of {gap.probability:.0%}" in found["cost"].message


def test_no_test_decides_what_is_cheaper(place: Path) -> None:
    good, table = evidence_of(("none", "logistic_regression"))
    present = present_of(good, table)
    # one false alarm more than the combination has
    row = present.heldout.index[
        (present.heldout["decision"] == 0) & (table.y[present.heldout["row"]] == 0)
    ][0]
    decision = present.heldout["decision"].where(present.heldout.index != row, 1.0)
    present = dataclasses.replace(present, heldout=present.heldout.assign(decision=decision))
    found = contest.judge("good", "k", good, table, present, "cost", 1)
    assert found.difference is not None
    assert found.difference.value == pytest.approx(-1 / 800)
    assert found.difference.low < 0 <= found.difference.high
    assert found.wins


def test_what_one_of_the_two_has_not_is_not_compared(place: Path) -> None:
    good, table = evidence_of(("none", "logistic_regression"))
    present = present_of(good, table)
    nothing = present.heldout.assign(decision=np.nan, probability=np.nan)
    present = dataclasses.replace(present, heldout=nothing)
    for goal, measure in MEASURED.items():
        found = contest.judge("good", "k", good, table, present, goal, 1)  # type: ignore[arg-type]
        lacking = f"the champion none/logistic_regression has no {measure}"
        assert (lacking in found.message) == (goal not in comparison.RANKING)
        ranks = goal in comparison.RANKING
        assert found.kind == ("not better" if ranks else "not comparable")


def test_too_few_positives_decide_nothing_but_costs(place: Path) -> None:
    good, table = evidence_of(("none", "logistic_regression"))
    bad, _ = evidence_of(("near_miss_1", "stopping"))
    tested, kept = good.tested, []
    for fold in tested.parts:  # one positive in each test part
        positive = fold.test[table.y[fold.test] == 1]
        kept.append(np.setdiff1d(fold.test, positive[1:]))
    rows = np.concatenate(kept)
    good, bad = (
        dataclasses.replace(
            one,
            folds=[fold.of(rows) for fold in one.folds],
            tested=dataclasses.replace(tested, parts=contest._parts_of(tested.parts, rows)),
        )
        for one in (good, bad)
    )
    present = present_of(bad, table)
    found = contest.judge("good", "k", good, table, present, "ranking", 1)
    assert (found.kind, "too few positives" in found.message) == ("not comparable", True)
    assert contest.judge("good", "k", good, table, present, "cost", 1).kind in (
        "better",
        "not better",
    )


def test_a_champion_decides_on_new_rows_by_its_own_rule(place: Path) -> None:
    shown, table = evidence_of(("none", "logistic_regression"))
    theirs = dataclasses.replace(table, X=table.X[:300], y=table.y[:300], roles={})
    base = dataclasses.replace(present_of(shown, theirs, table="other"), schema=schema_of(table))
    requested = Costs(false_positive=1, false_negative={"column": "calls", "plus": 2})  # type: ignore[arg-type]
    by_row = dataclasses.replace(base, rule=Rule("cost", "cheapest", None, requested.model_dump()))
    fresh = np.arange(300, 800)
    scores = base.raw(table.X[fresh])
    log_odds = corrections.log_odds(scores)
    amounts = {"calls": table.roles[COST + "calls"][fresh]}
    for champion, decided in (
        (base, scores >= 0.5),
        (by_row, by_row.rule.decide(scores, log_odds, amounts, "here")),
    ):
        found = contest.judge("mine", "k", shown, table, champion, "cost", 1)
        assert found.difference is not None
        expected = shown.tested.costs.of(fresh).total(table.y[fresh], decided) / len(fresh)
        assert found.difference.other == pytest.approx(expected)
    without = dataclasses.replace(table, roles={})
    refused = contest.judge("mine", "k", shown, without, by_row, "cost", 1)
    assert refused.kind == "not comparable"


def test_a_champion_of_another_table_is_compared_on_rows_that_are_new_to_it(place: Path) -> None:
    shown, table = evidence_of(("none", "logistic_regression"))
    old = np.arange(300)
    theirs = dataclasses.replace(table, X=table.X[old], y=table.y[old], roles={})
    champion = dataclasses.replace(
        present_of(shown, theirs, table="other"), schema=schema_of(table)
    )
    found = contest.judge("mine", "k", shown, table, champion, "ranking", 1)
    assert "500 tested rows" in found.message
    assert found.difference is not None
    fresh = np.arange(300, 800)
    from sklearn.metrics import average_precision_score

    by_fold = [
        average_precision_score(table.y[rows], champion.raw(table.X[rows]))
        for rows in (np.intersect1d(fold.test, fresh) for fold in shown.tested.parts)
    ]
    assert found.difference.other == pytest.approx(np.mean(by_fold))
    few = dataclasses.replace(champion, rows=digests(table.X[:790], table.y[:790]))
    refused = contest.judge("mine", "k", shown, table, few, "ranking", 1)
    assert (refused.kind, refused.wins) == ("not comparable", False)
    assert "10 are new to it" in refused.message
    assert f"{contest.MIN_POSITIVES} are needed" in refused.message
    assert "--replace" in refused.message
    other = dataclasses.replace(champion, schema=Schema((Column("height", "number"),)))
    assert "'height'" in contest.judge("mine", "k", shown, table, other, "ranking", 1).message


def test_of_duplicates_the_surplus_is_new() -> None:
    found = np.array([7, 5, 7, 9, 7, 5], np.uint64)
    assert contest.rows_beyond(found, np.array([7, 5, 7], np.uint64)).tolist() == [
        False,
        False,
        False,
        True,
        True,
        True,
    ]
    assert contest.rows_beyond(found, np.empty(0, np.uint64)).all()
    table = numeric_table()
    assert len(set(digests(table.X, table.y))) == len(table)
    assert (digests(table.X, table.y) != digests(table.X, 1 - table.y)).all()


# ----------------------------------------------------------------- in the registry


@pytest.fixture(scope="module")
def first(place: Path) -> tuple[int, str]:
    """What the first promotion says."""
    return promoted("mine", "--strategy", "near_miss_1", "--model", "stopping")


@pytest.fixture
def client(place: Path, first: tuple[int, str]) -> Any:
    return mlflow.MlflowClient(f"sqlite:///{place / 'mlflow.db'}")


def champion_version(client: Any) -> Any:
    return client.get_model_version_by_alias("counterpoise-mine", "champion")


def number_of(client: Any) -> str:
    return str(champion_version(client).version)


def test_the_first_champion_is_registered_with_all_that_it_needs(
    place: Path, first: tuple[int, str], client: Any
) -> None:
    status, output = first
    assert status == 0, output
    assert "the first champion" in output
    assert "mine: near_miss_1/stopping is fitted on all rows" in output
    version = champion_version(client)
    assert number_of(client) == "1"
    assert {version.tags[name] for name in ("strategy", "model", "rule", "replaced")} == {
        "near_miss_1",
        "stopping",
        "cost",
        "false",
    }
    assert version.description.startswith("# near_miss_1/stopping, champion of mine")
    run = client.get_run(version.run_id)
    assert (run.info.run_name, run.info.status) == ("champion near_miss_1/stopping", "FINISHED")
    assert "cell_key" not in run.data.tags
    assert run.data.tags["kind"] == "champion"
    board = files.read_csv(paths.evaluation("mine") / "leaderboard.csv").set_index(
        ["strategy", "model"]
    )
    row = board.loc[("near_miss_1", "stopping")]
    for name in ("average_precision", "average_precision_low", "average_precision_high", "roc_auc"):
        assert run.data.metrics[name] == row[name]
    card = Path(client.download_artifacts(version.run_id, registry.CARD)).read_text()
    for words in (
        "## Data",
        "## Remedy and model",
        "## Intended use",
        "## Limits",
        "160 rows stayed out of the fit",
        "The probability is the score recalibrated by",
        "It was chosen by log loss on these scores",
        "XGBoost's own JSON",
        f"{row['average_precision']:.3f}",
    ):
        assert words in card
    info = mlflow.models.get_model_info(f"models:/counterpoise-mine/{version.version}")
    assert {column.name: column.type.name for column in info.signature.inputs} == {
        "age": "double",
        "plan": "string",
        "region": "string",
        "paperless": "string",
        "calls": "double",
    }
    assert [column.name for column in info.signature.outputs] == ["probability", "decision"]
    assert info.saved_input_example_info["serving_input_path"]


ASK_WITHOUT = """
import importlib.abc, json, sys

class Refused(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refused())
sys.path.insert(0, "code")
import mlflow.pyfunc.scoring_server
import pandas
from counterpoise.tracking.pyfunc import _load_pyfunc
rows = pandas.DataFrame(json.loads({rows!r}))
print(json.dumps(_load_pyfunc("bundle").predict(rows)["probability"].tolist()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("model", ["xgboost_focal", "balanced_random_forest", "mlp"])
def test_a_model_scores_with_its_requirements_and_the_code_beside_it_alone(
    model: str, tmp_path: Path
) -> None:
    """In a process in which nothing can be imported but what requirements.txt asks for, and what
    that depends on."""
    champion = small(model, table := mixed_table())
    champion.save(tmp_path / "bundle")
    registry.with_code(tmp_path / "code")
    pinned = registry.requirements(champion)
    names = [re.split("==", line)[0] for line in pinned]
    assert {"mlflow", "pandas", "scikit-learn"} <= set(names)
    assert [name in names for name in ("xgboost-cpu", "imbalanced-learn", "skops", "keras")] == [
        champion.format == "xgboost",
        champion.format == "skops",
        champion.format == "skops",
        champion.format == "keras",
    ]
    assert not [line for line in pinned if not re.match(r"^[a-z0-9.-]+==[0-9.]+( ;.*)?$", line)]
    allowed, pending = set[str](), names
    while pending:
        name = re.sub("[_.]", "-", pending.pop().lower())
        if name not in allowed:
            allowed.add(name)
            with contextlib.suppress(PackageNotFoundError):  # for another platform
                pending += [
                    re.split(r"[ ;<>=!~\[(]", text)[0]
                    for text in requires(name) or []
                    if "extra ==" not in text
                ]
    refused = {
        module
        for module, owners in packages_distributions().items()
        if not allowed & {re.sub("[_.]", "-", owner.lower()) for owner in owners}
        and module not in ("counterpoise", "tests")
    }
    assert {"pytest", "dvc", "optuna"} <= refused
    frame = tables.frame_of(table.X, table.features, table.categories).astype(object)
    rows = json.dumps(frame.where(frame.notna(), None).to_dict("list"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASK_WITHOUT.format(refused=refused, rows=rows)],
        cwd=tmp_path,
        env=outside(),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(
        json.loads(done.stdout.splitlines()[-1]), champion.score(frame, "here", ScoringNotes())[1]
    )


def test_only_what_beats_it_takes_its_place_unless_it_is_replaced(place: Path, client: Any) -> None:
    status, output = promoted("mine", "--strategy", "near_miss_1", "--model", "stopping")
    assert (status, "is the champion already" in output, number_of(client)) == (0, True, "1")
    status, output = promoted("mine")
    assert status == 0
    assert "beats the champion near_miss_1/stopping: average precision" in output
    assert "the stage `advise` has fitted" in output
    assert number_of(client) == "2"
    status, output = promoted("mine", "--strategy", "near_miss_1", "--model", "stopping")
    assert status == 0
    assert "does not beat" in output
    assert "the champion stays" in output
    assert number_of(client) == "2"
    status, output = promoted(
        "mine", "--strategy", "random_over", "--model", "stepwise", "--rule", "cost", "--replace"
    )
    assert status == 0, output
    version = champion_version(client)
    assert (number_of(client), version.tags["replaced"], version.tags["format"]) == (
        "3",
        "true",
        "skops",
    )
    assert "promoted with --replace" in version.description
    # the way back that the docs tell
    client.set_registered_model_alias("counterpoise-mine", "champion", "2")
    assert "is the champion already" in promoted("mine")[1]
    experiment = client.get_experiment_by_name("mine")
    assert len(client.search_runs([experiment.experiment_id])) == 3, (
        "what is not promoted leaves no run behind"
    )


def test_where_costs_are_asked_for_the_champion_decides_by_them(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(place, tmp_path / "here", ignore=shutil.ignore_patterns("mlflow.db*"))
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    path = paths.evaluation("mine") / "dataset.json"
    facts = files.read_json(path)
    answers = facts["answers"] | {"cost": {**facts["answers"]["cost"], "model": "stepwise"}}
    files.write_json(path, {**facts, "goal": "cost", "answers": answers})
    status, output = promoted("mine")
    assert status == 0, output
    assert "/stepwise is the champion now" in output
    assert "it decides by the lower expected cost of each row (rule cost)" in output
    assert "the goal is cost; another question has another answer. Which ranks best?" in output
    promoted("mine", "--replace", "--rule", "tuned", "--strategy=none", "--model=stopping")
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert {
        str(version.version): version.tags["rule"] for version in client.search_model_versions()
    } == {"1": "cost", "2": "tuned"}
    assert champion_version(client).tags["goal"] == "cost"


def test_the_champion_is_no_run_of_the_view_that_track_keeps(place: Path, client: Any) -> None:
    from counterpoise.tracking.publisher import Publisher

    made = manifest.read("mine")
    publisher = Publisher(
        store=store.Store(f"sqlite:///{place / 'mlflow.db'}", place / "mlflow.db"),
        dataset="mine",
        wanted=made.wanted,
        made=0,
    )
    with publisher.opened() as plan:
        assert (plan.remove, plan.unmark, len(plan.publish)) == ((), (), len(made.wanted))


def test_new_rows_are_what_the_next_champion_is_judged_on(
    place: Path, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pd.concat([raw_rows(800), raw_rows(1300)[800:]]).to_csv("mine.csv", index=False)
    computed(
        {
            **PARAMS,
            "strategies": {"none": {}, "near_miss_1": {}},
            "models": {
                name: {**PARAMS["models"][name], "strategies": "all"}
                for name in ("logistic_regression", "stopping")
            },
        }
    )
    status, output = promoted("mine", "--strategy", "near_miss_1", "--model", "stopping")
    assert status == 0, output
    assert "the 500 tested rows that the champion was not made from" in output


def test_an_unreachable_store_is_an_error(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    status, output = promoted("mine")
    assert status == 1
    assert "could not be read or registered" in output
    assert "http://127.0.0.1:9" in output
    assert "Traceback" not in output
    with pytest.raises(ResultError, match="There is no model"):
        registry.fetch(
            "models:/nothing@champion",
            store.Store("sqlite:////nowhere.db", Path("/nowhere.db")),
            place,
        )
