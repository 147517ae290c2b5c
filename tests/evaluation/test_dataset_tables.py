"""Stage evaluate: from stored scores to the leaderboard and to decisions, no model at work."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    roc_auc_score,
)

from counterpoise.core import config, files, paths
from counterpoise.core.config import Thresholds
from counterpoise.core.errors import ResultError
from counterpoise.core.seeds import seed_for
from counterpoise.data import folds as splits
from counterpoise.data import splitters, tables
from counterpoise.data.folds import Parts
from counterpoise.evaluation import bootstrap, dataset_tables, thresholds
from counterpoise.evaluation import leaderboard as boards
from counterpoise.evaluation.columns import CONFUSION, GROUPED, RECALIBRATION
from counterpoise.evaluation.costs import CostMatrix
from counterpoise.evaluation.decisions import decisions as decisions_of
from counterpoise.evaluation.fold_scores import FoldScores
from tests.conftest import Stage, numeric_table

TABLE = numeric_table()
CONTENT: dict[str, Any] = {
    "seed": 1,
    "datasets": {"mine": {"path": "mine.csv", "target": "y", "positive": 1}},
    "strategies": {"none": {}, "smote": {}, "enn": {}},
    "models": {"xgboost": {}, "random_forest": {}},
    "split": {"scheme": "stratified_kfold", "folds": 3, "repeats": 2, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {"half": 0.5, "tuned": "f1"},
    "costs": {"false_positive": 1, "false_negative": 10},
}
DRAWS = 40

WriteParams = Callable[[dict[str, Any]], None]
Scores = Callable[[np.random.Generator], np.ndarray]


def informative(share: float) -> Scores:
    """Scores of which so much is the label and the rest noise, rounded so that some are tied."""
    return lambda random: np.round(share * TABLE.y + (1 - share) * random.random(len(TABLE)), 2)


def store_cells(strategy: str, cells: dict[str, Scores | dict[str, Any]], seed: int = 0) -> None:
    """What stage train leaves behind: scores, or a status with its reason in their place."""
    parts, entries = splits.read(paths.split("mine")), {}
    for model, scores in cells.items():
        if isinstance(scores, dict):
            entries[model] = {"notes": [], "folds": [], "key": model, **scores}
            continue
        random, pieces = np.random.default_rng(seed), []
        for fold in parts:
            values = scores(random)
            for part, rows in ((splits.TEST, fold.test), (splits.VALIDATION, fold.validation)):
                pieces.append(
                    pd.DataFrame(
                        {
                            "repeat": fold.repeat,
                            "fold": fold.fold,
                            "part": part,
                            "row": rows,
                            "score": values[rows],
                        }
                    )
                )
        files.write_parquet(
            paths.scores("mine", strategy) / f"{model}.parquet",
            pd.concat(pieces, ignore_index=True),
        )
        fact = {"rows_fitted": 18, "positives_fitted": 9 if strategy == "smote" else 3}
        facts = [{"repeat": repeat, "fold": fold, **fact} for repeat, fold in parts.names]
        entries[model] = {
            "status": "ok",
            "reason": "",
            "notes": ["a note"],
            "folds": facts,
            "key": model,
        }
    counts = [
        {
            "repeat": repeat,
            "fold": fold,
            "status": "ok",
            "reason": "",
            "negatives_before": 15,
            "positives_before": 3,
            "negatives_after": 9,
            "positives_after": 9,
            "synthetic": 8,
        }
        for repeat, fold in parts.names
    ]
    files.write_json(
        paths.scores("mine", strategy) / "cells.json", {"counts": counts, "models": entries}
    )


@pytest.fixture
def place(
    workplace: Path, write_params: WriteParams, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with a table, its split, and scores of a strategy that helps and of one that half
    cannot run."""
    write_params(CONTENT)
    tables.write(paths.table("mine"), TABLE)
    files.write_json(paths.facts("mine"), {"rows": 240, "prevalence": 0.125, "positives": 30})
    split_as(config.load().split)
    stage("audit", "mine")
    stage("resample", "mine")
    store_cells("none", {"xgboost": informative(0.2), "random_forest": informative(0.1)})
    store_cells("smote", {"xgboost": informative(0.3), "random_forest": informative(0.1)}, seed=1)
    refused = {"status": "not_applicable", "reason": "too few neighbours"}
    store_cells(
        "enn",
        {"xgboost": refused, "random_forest": {"status": "failed", "reason": "ValueError: no"}},
    )
    fewer = functools.partial(bootstrap.over_draws, count=DRAWS)
    monkeypatch.setattr(bootstrap, "over_draws", fewer)
    return workplace


def split_as(scheme: Any) -> Parts:
    parts = splitters.split(TABLE, scheme, 1, "mine")
    splits.write(paths.split("mine"), parts)
    return parts


def read(name: str) -> pd.DataFrame:
    return files.read_csv(paths.evaluation("mine") / f"{name}.csv")


def board() -> pd.DataFrame:
    return read("leaderboard").set_index(["strategy", "model"])


def decisions() -> pd.DataFrame:
    return read("decisions").set_index(["strategy", "model", "rule"])


def scores_of_tests(strategy: str, model: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows and scores of the test part of each fold, as stored."""
    stored = files.read_parquet(paths.scores("mine", strategy) / f"{model}.parquet")
    test = stored[stored["part"] == splits.TEST]
    return [
        (g["row"].to_numpy(), g["score"].to_numpy()) for _, g in test.groupby(["repeat", "fold"])
    ]


def test_metrics_are_means_over_folds_of_what_scikit_learn_says(place: Path, stage: Stage) -> None:
    stage("evaluate", "mine")
    row = board().loc["none", "xgboost"]
    for name, function in (
        ("average_precision", average_precision_score),
        ("roc_auc", roc_auc_score),
        ("brier", brier_score_loss),
        ("log_loss", log_loss),
    ):
        values = [
            function(TABLE.y[rows], scores) for rows, scores in scores_of_tests("none", "xgboost")
        ]
        assert len(values) == 6
        assert row[name] == pytest.approx(np.mean(values), abs=1e-6)
        assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]
    assert (row["status"], row["rows"], row["prevalence"], row["folds"]) == ("ok", 240, 0.125, 6)


def test_the_difference_is_paired_draw_by_draw_against_the_baseline_with_the_same_model(
    place: Path, stage: Stage
) -> None:
    stage("evaluate", "mine")
    parts = splits.read(paths.split("mine"))
    seed = seed_for(1, "mine", "bootstrap")
    weights = np.hstack(list(bootstrap.draws(parts, TABLE.y, seed, DRAWS)))

    def of_folds(strategy: str, draw: int) -> list[float]:
        return [
            average_precision_score(TABLE.y[rows], scores, sample_weight=weights[rows, draw])
            for rows, scores in scores_of_tests(strategy, "xgboost")
        ]

    differences = [
        np.mean(of_folds("smote", draw)) - np.mean(of_folds("none", draw)) for draw in range(DRAWS)
    ]
    row, base = (board().loc[strategy, "xgboost"] for strategy in ("smote", "none"))
    assert row["difference"] == pytest.approx(
        row["average_precision"] - base["average_precision"], abs=2e-6
    )
    found = read("differences").query(
        "measure == 'average_precision' and strategy == 'smote' and model == 'xgboost'"
    )
    ten_positives = np.sqrt(10 / 9)  # in each test part
    assert found["row_error"].item() == pytest.approx(
        np.std(differences, ddof=1) * ten_positives, rel=1e-4
    )
    assert found["verdict"].item() == row["verdict"]


def test_interval_p_value_and_verdict_agree_in_every_row(
    place: Path, stage: Stage, write_params: WriteParams
) -> None:
    worth = dict.fromkeys(("average_precision", "roc_auc", "log_loss", "brier", "f1"), 0.03)
    write_params({**CONTENT, "worth": worth})
    store_cells("smote", {"xgboost": informative(0.6), "random_forest": informative(0.12)}, seed=1)
    stage("evaluate", "mine")
    found = read("differences")
    apart = (found["difference_low"] > 0) | (found["difference_high"] < 0)
    assert ((found["p_adjusted"] <= 0.05) == apart).all()
    assert apart.any() and not apart.all()
    inside = (found["difference_low"] >= -0.03) & (found["difference_high"] <= 0.03)
    higher = found["measure"].isin(["average_precision", "roc_auc", "f1"])
    gain = np.where(higher, found["difference"], -found["difference"]) > 0
    expected = np.select(
        [inside, apart & gain, apart], ["equivalent", "better", "worse"], "inconclusive"
    )
    judged = found["measure"] != "expected_cost"
    assert (found["verdict"] == expected)[judged].all()
    assert found.loc[~judged, "verdict"].isna().all()
    shown = board().dropna(subset="difference").reset_index()
    key = ["strategy", "model"]
    both = shown.merge(found[found["measure"] == "average_precision"], on=key, how="outer")
    assert len(both) == 2
    for name in ("difference", "difference_low", "difference_high", "p_adjusted", "verdict"):
        assert (both[f"{name}_x"] == both[f"{name}_y"]).all()


def test_a_changed_goal_or_worth_changes_the_answer_and_no_number(
    place: Path, stage: Stage, write_params: WriteParams
) -> None:
    stage("evaluate", "mine")
    before = board()
    mine = {**CONTENT["datasets"]["mine"], "goal": "cost", "worth": {"average_precision": 1}}
    write_params({**CONTENT, "datasets": {"mine": mine}})
    stage("evaluate", "mine")
    after = board()
    assert after["verdict"].dropna().tolist() == ["equivalent"] * 2
    pd.testing.assert_frame_equal(before.drop(columns="verdict"), after.drop(columns="verdict"))
    facts = files.read_json(paths.evaluation("mine") / "dataset.json")
    assert facts["goal"] == "cost" and facts["worth"]["average_precision"] == 1
    assert set(facts["answers"]) == {"ranking", "probabilities", "cost"}


def test_a_remedy_with_the_scores_of_its_baseline_is_named_and_not_compared(
    place: Path, stage: Stage
) -> None:
    store_cells("smote", {"xgboost": informative(0.2), "random_forest": informative(0.3)})
    stage("evaluate", "mine")
    same, other = (board().loc["smote", model] for model in CONTENT["models"])
    assert same["same_as"] == "none/xgboost"
    assert same[["difference", "difference_low", "difference_high", "verdict"]].isna().all()
    assert pd.isna(other["same_as"]) and other["difference"] > 0
    facts = files.read_json(paths.evaluation("mine") / "dataset.json")
    assert sum(facts["answers"]["ranking"]["verdicts"].values()) == 1


def test_the_baseline_has_no_difference_and_neither_has_what_could_not_run(
    place: Path, stage: Stage
) -> None:
    stage("evaluate", "mine")
    found = board()[["difference", "difference_low", "difference_high", "p_adjusted", "verdict"]]
    assert found.loc["none"].isna().all(axis=None)
    assert found.loc["enn"].isna().all(axis=None)
    assert found.loc["smote"].notna().all(axis=None)


def test_a_model_whose_baseline_failed_has_no_difference(place: Path, stage: Stage) -> None:
    store_cells(
        "none", {"xgboost": {"status": "failed", "reason": "no"}, "random_forest": informative(0.1)}
    )
    stage("evaluate", "mine")
    assert np.isnan(board().loc[("smote", "xgboost"), "difference"])
    assert not np.isnan(board().loc[("smote", "random_forest"), "difference"])


def test_every_cell_has_its_row_and_one_that_could_not_run_its_reason_and_no_number(
    place: Path, stage: Stage
) -> None:
    stage("evaluate", "mine")
    assert board().index.tolist() == [
        (s, m) for s in CONTENT["strategies"] for m in CONTENT["models"]
    ]
    assert board().loc["enn"]["status"].tolist() == ["not_applicable", "failed"]
    assert board().loc["enn"]["reason"].tolist() == ["too few neighbours", "ValueError: no"]
    assert (
        board()
        .loc["enn"][["average_precision", "roc_auc_low", "brier", "log_loss"]]
        .isna()
        .all(axis=None)
    )
    assert "enn" not in decisions().index.get_level_values("strategy")


def test_without_any_cell_that_ran_there_are_still_all_files(place: Path, stage: Stage) -> None:
    for strategy in CONTENT["strategies"]:
        refused = {"status": "not_applicable", "reason": "no"}
        store_cells(strategy, {"xgboost": refused, "random_forest": refused})
    stage("evaluate", "mine")
    assert board()["status"].eq("not_applicable").all()
    assert len(read("decisions")) == len(read("folds")) == len(read("curves")) == 0


def test_counts_are_of_one_pass_and_rates_come_from_the_sums_of_all_repeats(
    place: Path, stage: Stage
) -> None:
    stage("evaluate", "mine")
    row = decisions().loc["none", "xgboost", "half"]
    folds = scores_of_tests("none", "xgboost")
    counts = sum(confusion_matrix(TABLE.y[rows], scores >= 0.5).ravel() for rows, scores in folds)
    assert [row[f"{name}_sum"] for name in CONFUSION] == counts.tolist()
    assert [row[name] for name in CONFUSION] == (counts / 2).tolist()
    assert sum(counts) == 2 * len(TABLE), "every row is tested once in each of two repeats"
    tn, fp, fn, tp = counts
    assert row["threshold"] == 0.5
    assert row["precision"] == pytest.approx(tp / (tp + fp), abs=1e-6)
    assert row["recall"] == pytest.approx(tp / (tp + fn), abs=1e-6)
    assert row["specificity"] == pytest.approx(tn / (tn + fp), abs=1e-6)
    assert row["f1"] == pytest.approx(2 * tp / (2 * tp + fp + fn), abs=1e-6)
    assert row["expected_cost"] == pytest.approx((fp + 10 * fn) / 480, abs=1e-6)


def test_the_tuned_threshold_of_each_fold_is_chosen_on_its_validation_rows(
    place: Path, stage: Stage
) -> None:
    stage("evaluate", "mine")
    stored = files.read_parquet(paths.scores("mine", "none") / "xgboost.parquet")
    groups = stored[stored["part"] == splits.VALIDATION].groupby(["repeat", "fold"])
    expected = [thresholds.tuned(TABLE.y[g["row"]], g["score"].to_numpy(), "f1") for _, g in groups]
    folds = read("folds").query(
        "strategy == 'none' and model == 'xgboost' and metric == 'threshold_tuned'"
    )
    assert folds["value"].tolist() == pytest.approx(expected)
    assert decisions().loc["none", "xgboost", "tuned"]["threshold"] == pytest.approx(
        np.mean(expected), abs=1e-6
    )


def test_scores_of_test_rows_do_not_move_the_tuned_threshold(place: Path, stage: Stage) -> None:
    stage("evaluate", "mine")
    before = decisions().loc["none", "xgboost", "tuned"]["threshold"]
    path = paths.scores("mine", "none") / "xgboost.parquet"
    stored = files.read_parquet(path)
    files.write_parquet(
        path, stored.assign(score=stored["score"].where(stored["part"] == splits.VALIDATION, 0.123))
    )
    stage("evaluate", "mine")
    assert decisions().loc["none", "xgboost", "tuned"]["threshold"] == before


def test_costs_and_thresholds_of_the_dataset_are_taken(
    place: Path, stage: Stage, write_params: WriteParams
) -> None:
    mine = {
        **CONTENT["datasets"]["mine"],
        "costs": {"false_positive": 5, "false_negative": 0},
        "thresholds": {"half": 0.3},
    }
    write_params({**CONTENT, "datasets": {"mine": mine}})
    stage("evaluate", "mine")
    row = decisions().loc["none", "xgboost", "half"]
    assert row["threshold"] == 0.3
    assert row["expected_cost"] == pytest.approx(5 * row["fp"] / 240, abs=1e-6)


def test_what_is_not_defined_is_missing_and_says_why(place: Path, stage: Stage) -> None:
    store_cells(
        "smote",
        {"xgboost": lambda random: 0.1 * random.random(240), "random_forest": informative(0.1)},
    )
    stage("evaluate", "mine")
    row = decisions().loc["smote", "xgboost", "half"]
    assert row[["precision", "mcc"]].isna().all()
    assert row["reason"] == "not defined: precision, mcc (no row was predicted positive)"
    assert (row["recall"], row["specificity"], row["f1"]) == (0, 1, 0)
    defined = decisions().loc["none", "xgboost", "half"]
    assert defined[["precision", "mcc"]].notna().all()
    assert pd.isna(defined["reason"])


def test_without_validation_rows_the_tuned_rule_says_why_it_has_no_numbers(
    place: Path, stage: Stage, write_params: WriteParams
) -> None:
    scheme = {**CONTENT["split"], "validation": 0}
    write_params({**CONTENT, "split": scheme})
    split_as(config.load().split)
    for strategy in CONTENT["strategies"]:
        store_cells(strategy, {"xgboost": informative(0.2), "random_forest": informative(0.1)})
    stage("evaluate", "mine")
    row = decisions().loc["none", "xgboost", "tuned"]
    assert (
        row["reason"]
        == "6 of 6 folds have no validation rows of both classes to choose a threshold on"
    )
    assert row[["threshold", "tp", "precision", "expected_cost"]].isna().all()
    assert decisions().loc["none", "xgboost", "half"]["tp"] > 0
    cells = board()
    assert cells.loc["none", "xgboost"]["correction"] == "none"
    assert cells.loc["smote", "xgboost"]["correction"] == "approximate"
    assert (
        "recalibration (approximate) chosen without log losses in 6 of 6 folds: the validation rows"
        " have 0 positives and 0 negatives"
    ) in cells.loc["smote", "xgboost"]["reason"]


def test_the_recalibration_of_each_fold_and_its_gain_are_written(
    place: Path, stage: Stage, write_params: WriteParams
) -> None:
    forced = {**CONTENT["models"], "random_forest": {"calibration": "isotonic"}}
    write_params({**CONTENT, "models": forced})
    stage("evaluate", "mine")
    written, cells = read("recalibration"), board()
    assert list(written.columns) == RECALIBRATION
    assert len(written) == 4 * 6, "four cells with scores, six folds"
    for (strategy, model), mine in written.groupby(["strategy", "model"]):
        row = cells.loc[strategy, model]
        assert row["correction_folds"] == (mine["chosen"] == row["correction"]).sum()
        assert row["correction_folds"] == mine["chosen"].value_counts().max()
        assert mine["gain"].mean() == pytest.approx(row["recalibration_gain"], abs=1e-6)
        gain = row["log_loss"] - row["log_loss_corrected"]
        assert row["recalibration_gain"] == pytest.approx(gain, abs=2e-6)
        low, high = row[["recalibration_gain_low", "recalibration_gain_high"]]
        assert low <= row["recalibration_gain"] <= high
    of_forest = written[written["model"] == "random_forest"]
    assert set(of_forest["chosen"]) == {"isotonic"}
    columns = [name for name in written if name.startswith("log_loss_")]
    assert of_forest[columns].isna().all(axis=None), "nothing was compared"
    of_smote = written[(written["strategy"] == "smote") & (written["model"] == "xgboost")]
    assert of_smote["log_loss_none"].notna().all() and of_smote["log_loss_formula"].notna().all()
    assert of_smote["log_loss_isotonic"].isna().all(), "too few positives"


def test_scores_of_another_split_are_refused(place: Path, stage: Stage) -> None:
    split_as(config.load().split.model_copy(update={"folds": 4}))
    with pytest.raises(ResultError, match="Scores do not belong to this split") as caught:
        stage("evaluate", "mine")
    assert caught.value.where == "data/scores/mine/none/xgboost.parquet"
    assert not paths.evaluation("mine").exists()


def test_missing_scores_are_told(place: Path, stage: Stage) -> None:
    (paths.scores("mine", "smote") / "xgboost.parquet").unlink()
    with pytest.raises(ResultError, match="A result of an earlier stage is missing"):
        stage("evaluate", "mine")


def test_a_strategy_that_was_taken_out_is_in_no_table(
    place: Path, stage: Stage, write_params: WriteParams
) -> None:
    write_params({**CONTENT, "strategies": {"none": {}, "smote": {}}})
    stage("evaluate", "mine")
    assert set(board().index.get_level_values("strategy")) == {"none", "smote"}
    assert set(read("counts")["strategy"]) == {"none", "smote"}


def test_the_same_scores_give_the_same_bytes_whatever_was_measured(
    place: Path, stage: Stage
) -> None:
    contents = []
    for seconds in (1, 2):
        files.write_json(
            paths.measured("mine", "train"), {"fits": [{"fit_seconds": seconds}], "made": {}}
        )
        stage("evaluate", "mine")
        contents.append(
            {path.name: path.read_bytes() for path in paths.evaluation("mine").iterdir()}
        )
    assert contents[0] == contents[1]
    assert len(contents[0]) >= 5


def test_the_order_of_the_stored_rows_does_not_matter(place: Path, stage: Stage) -> None:
    stage("evaluate", "mine")
    before = board()
    path = paths.scores("mine", "none") / "xgboost.parquet"
    files.write_parquet(path, files.read_parquet(path).sample(frac=1, random_state=0))
    stage("evaluate", "mine")
    pd.testing.assert_frame_equal(board(), before)


def test_curves_start_and_end_where_they_must(place: Path, stage: Stage) -> None:
    stage("evaluate", "mine")
    curves = read("curves").query("strategy == 'none' and model == 'xgboost'")
    roc = curves[curves["curve"] == "roc"].set_index("x")["y"]
    assert roc[1.0] == 1
    assert roc.is_monotonic_increasing
    precision = curves[curves["curve"] == "precision_recall"].set_index("x")["y"]
    assert precision[1.0] >= 0.125
    assert precision.between(0, 1).all()


def of_folds(*folds: tuple[list[int], list[float]]) -> list[FoldScores]:
    none, empty = np.array([], dtype=int), np.array([])
    return [
        FoldScores(
            np.array(rows), np.array(p), none, empty, np.log(np.array(p) / (1 - np.array(p)))
        )
        for rows, p in folds
    ]


def test_the_net_benefit_counts_false_alarms_at_the_odds_of_the_preference() -> None:
    y = np.array([1, 0, 1, 0], dtype=np.int8)
    folds = of_folds(([0, 1], [0.9, 0.45]), ([2, 3], [0.3, 0.2]))
    found = dataset_tables.net_benefit(("none", "xgboost"), folds, y).set_index("preference")
    at = found["net_benefit"].to_dict()
    assert at[0.005] == pytest.approx((2 - 2 * 0.005 / 0.995) / 4), "every row is called"
    assert min(abs(k - 0.4) for k in at) < 1e-9
    assert found["net_benefit"].iloc[np.argmin(np.abs(found.index - 0.4))] == pytest.approx(
        (1 - 1 * 0.4 / 0.6) / 4
    )


def test_decisions_that_change_between_repeats_are_counted() -> None:
    y = np.array([1, 0, 1, 0], dtype=np.int8)
    folds = of_folds(([0, 1], [0.9, 0.45]), ([2, 3], [0.3, 0.2]))
    again = of_folds(([0, 2], [0.4, 0.7]), ([1, 3], [0.1, 0.2]))
    costs = CostMatrix(*(np.full(4, float(cost)) for cost in (1, 10, 0, 0)))
    decided, _, _ = decisions_of("d", ("none", "a"), [*folds, *again], y, Thresholds(), costs)
    assert decided[0]["decisions_changed"] == 0.5, "rows 0 and 2 of four"
    once, _, _ = decisions_of("d", ("none", "a"), folds, y, Thresholds(), costs)
    assert np.isnan(once[0]["decisions_changed"])


def test_the_mean_over_folds_leaves_out_what_is_not_defined() -> None:
    values = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(boards.mean_of_folds(values), [2, np.nan])


def test_a_placebo_with_the_scores_of_the_baseline_differs_by_0_and_the_facts_say_why(
    place: Path, stage: Stage, write_params: WriteParams
) -> None:
    """Without validation rows its rows are the baseline's, and a model that draws nothing fits them
    alike."""
    strategies = {**CONTENT["strategies"], "placebo": {"sampler": "none", "seed": 1}}
    scheme = {**CONTENT["split"], "validation": 0}
    write_params({**CONTENT, "strategies": strategies, "split": scheme})
    params = config.load()
    splits.write(
        paths.split("mine"), splitters.split(TABLE, params.split, 1, "mine", params.placebos)
    )
    for strategy in ("none", "placebo"):
        store_cells(strategy, {"xgboost": informative(0.2), "random_forest": informative(0.1)})
    store_cells("smote", {"xgboost": informative(0.3), "random_forest": informative(0.1)}, seed=1)
    stage("resample", "mine")
    stage("evaluate", "mine")
    board = read("leaderboard").set_index(["strategy", "model"])
    assert (board.loc["placebo", ["difference", "difference_low", "difference_high"]] == 0).all(
        axis=None
    )
    assert (board.loc["placebo", "verdict"] == "equivalent").all()
    assert board.loc["placebo", "level"].tolist() == ["placebo"] * 2
    facts = files.read_json(paths.evaluation("mine") / "dataset.json")
    assert facts["placebos"] == {
        "placebo": "has other seeds alone, since the split fixes the validation rows"
    }


def test_folds_that_keep_duplicates_together_have_a_leaderboard_of_their_own(
    place: Path, stage: Stage, write_params: WriteParams
) -> None:
    stage("evaluate", "mine")
    before = {
        name: read(name) for name in ("leaderboard", "decisions", "folds", "curves", "counts")
    }
    assert read("grouped").empty
    content = {**CONTENT, "split": {**CONTENT["split"], "grouped": True}}
    write_params(content)
    parts = split_as(config.load().split)
    store_cells("none", {"xgboost": informative(0.2), "random_forest": informative(0.1)})
    store_cells("smote", {"xgboost": informative(0.3), "random_forest": informative(0.1)}, seed=1)
    stage("evaluate", "mine")
    assert len(pd.read_csv(paths.evaluation("mine") / "rows.csv")) > 100
    for name, frame in before.items():
        pd.testing.assert_frame_equal(read(name), frame)
    grouped = read("grouped").set_index(["strategy", "model"])
    assert list(grouped.columns) == GROUPED[2:]
    assert grouped["average_precision"].notna().sum() == 4
    stored = files.read_parquet(paths.scores("mine", "smote") / "xgboost.parquet")
    mine = stored[(stored["repeat"] == parts.beside) & (stored["part"] == splits.TEST)]
    expected = np.mean(
        [average_precision_score(TABLE.y[f["row"]], f["score"]) for _, f in mine.groupby("fold")]
    )
    assert grouped.loc[("smote", "xgboost"), "average_precision"] == pytest.approx(
        expected, abs=1e-6
    )
    none = grouped.loc[("none", "xgboost"), "average_precision"]
    assert grouped.loc[("smote", "xgboost"), "difference"] == pytest.approx(
        expected - none, abs=2e-6
    )
    content = files.read_json(paths.scores("mine", "smote") / "cells.json")
    content["models"]["xgboost"]["folds"] = [
        f for f in content["models"]["xgboost"]["folds"] if f["repeat"] != parts.beside
    ]
    files.write_json(paths.scores("mine", "smote") / "cells.json", content)
    stage("evaluate", "mine")
    for name, frame in before.items():
        pd.testing.assert_frame_equal(read(name), frame)
    grouped = read("grouped").set_index(["strategy", "model"])
    assert pd.isna(grouped.loc[("smote", "xgboost"), "average_precision"]), (
        "not fitted in every fold of the second look"
    )
    facts = files.read_json(paths.evaluation("mine") / "dataset.json")
    assert (facts["folds"], facts["grouped_folds"]) == (len(parts.compared), len(parts.grouped))
