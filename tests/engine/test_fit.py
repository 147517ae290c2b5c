"""Remedies at the level of the algorithm, through the stages: costs, losses, nets, ensembles,
hybrids and searches."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score
from xgboost import XGBClassifier

from counterpoise.core import config, files, paths
from counterpoise.core.config import Model, Strategy
from counterpoise.core.errors import ConfigurationError, NotApplicable, TableError
from counterpoise.data import folds as splits
from counterpoise.data import splitters, tables
from counterpoise.engine.fit import FitJob, FitResult, fit
from counterpoise.evaluation import costs
from counterpoise.models import class_weights
from counterpoise.models import registry as models
from counterpoise.samplers import registry as samplers
from tests.conftest import Stage, fit_keys, numeric_table

pytestmark = pytest.mark.slow

TABLE = numeric_table()
TRAIN, VALIDATION, TEST = np.arange(150), np.arange(150, 190), np.arange(190, 240)
POSITIVES = TRAIN[TABLE.y[TRAIN] == 1]
STAKES = np.column_stack([np.full(240, 1.0), np.random.default_rng(5).uniform(2, 30, 240)])
QUICK = {"params": {"n_estimators": 15}}


def work_of(model: str, rows: np.ndarray = TRAIN, strategy: str = "none", **entry: Any) -> FitJob:
    one = Model.model_validate({"model": model, **entry})
    cost_margins = STAKES if one.costs is not None else None
    return FitJob(
        "mine",
        one,
        7,
        TABLE.X,
        TABLE.y,
        TABLE.cardinalities,
        TRAIN,
        VALIDATION,
        TEST,
        rows,
        TABLE.X[:0],
        TABLE.y[:0],
        (strategy, Strategy()),
        cost_margins,
    )


# Costs


def test_rows_are_weighed_by_what_is_at_stake_in_them() -> None:
    """Held against XGBoost with the weights written out."""
    fitted = fit(work_of("xgboost", costs="weights", **QUICK))
    each = np.where(TABLE.y[TRAIN] == 1, STAKES[TRAIN, 1], STAKES[TRAIN, 0])
    reference = XGBClassifier(n_estimators=15, tree_method="hist", n_jobs=1, random_state=7)
    reference.fit(TABLE.X[TRAIN], TABLE.y[TRAIN], sample_weight=each / each.mean())
    np.testing.assert_allclose(fitted.test, reference.predict_proba(TABLE.X[TEST])[:, 1], rtol=1e-5)
    y = TABLE.y[TRAIN]
    assert fitted.facts["weight_ratio"] == pytest.approx(each[y == 1].mean() / each[y == 0].mean())


def test_a_positive_that_is_repeated_weighs_no_more_in_all() -> None:
    once = fit(work_of("logistic_regression", costs="weights"))
    repeated = fit(
        work_of(
            "logistic_regression",
            np.concatenate([TRAIN, *[POSITIVES] * 9]),
            "random_over",
            costs="weights",
        )
    )
    # the same weights in all, so the same fit but for the penalty, which counts rows
    assert np.corrcoef(once.test, repeated.test)[0, 1] > 0.999
    assert repeated.facts["weight_ratio"] == pytest.approx(once.facts["weight_ratio"] / 10)


def test_synthetic_rows_have_what_is_at_stake_in_their_class_on_average() -> None:
    work = dataclasses.replace(
        work_of("xgboost", costs="weights", **QUICK),
        synthetic=TABLE.X[POSITIVES],
        synthetic_y=TABLE.y[POSITIVES],
    )
    y = np.concatenate([TABLE.y[TRAIN], TABLE.y[POSITIVES]])
    cost_margins = np.vstack(
        [STAKES[TRAIN], np.tile(STAKES[POSITIVES].mean(axis=0), (len(POSITIVES), 1))]
    )
    expected = class_weights.cost_weights(y, cost_margins, TABLE.y[TRAIN], STAKES[TRAIN])
    reference = XGBClassifier(n_estimators=15, tree_method="hist", n_jobs=1, random_state=7)
    reference.fit(TABLE.X[np.concatenate([TRAIN, POSITIVES])], y, sample_weight=expected)
    np.testing.assert_allclose(
        fit(work).test, reference.predict_proba(TABLE.X[TEST])[:, 1], rtol=1e-5
    )


def test_metacost_makes_a_model_without_weights_call_more_rows_positive_where_misses_are_dear() -> (
    None
):
    plain = fit(work_of("nearest_neighbors"))
    costly = fit(work_of("nearest_neighbors", costs="metacost", strategies=["none"]))
    assert (costly.test >= 0.5).sum() > (plain.test >= 0.5).sum()
    assert costly.facts["relabelled"] > 0
    again = fit(work_of("nearest_neighbors", costs="metacost", strategies=["none"]))
    np.testing.assert_array_equal(costly.test, again.test)


def test_costs_too_large_to_be_summed_are_an_error_with_the_row() -> None:
    amounts = np.ones(240)
    amounts[[6, 9]] = 1e308
    table = dataclasses.replace(TABLE, roles={"cost:amount": amounts})
    for times in (1.0, 1e10):
        requested = config.Costs.model_validate(
            {"false_negative": {"column": "amount", "times": times}}
        )
        with pytest.raises(
            TableError, match="The costs of a false_negative are too large to be added up"
        ) as caught:
            costs.matrix(requested, table, "the costs of datasets.mine")
        assert caught.value.where == "the costs of datasets.mine, row 7"


def test_the_weight_of_a_booster_within_a_model_is_known_to_the_correction() -> None:
    y = TABLE.y[TRAIN]
    assert models.weight_ratio({"xgboost": {"scale_pos_weight": 9}}, y) == 9
    assert models.weight_ratio({"xgboost": None}, y) == 1


# Searches


def searched(
    model: str, space: dict[str, Any], strategy: str = "none", trials: int = 4, **more: Any
) -> FitResult:
    return fit(work_of(model, strategy=strategy, search={"trials": trials, "space": space}, **more))


def test_a_search_fits_with_the_best_of_its_trials_on_the_validation_rows() -> None:
    fitted = searched(
        "xgboost",
        {"max_depth": {"low": 1, "high": 6}, "scale_pos_weight": [1, "balanced"]},
        **QUICK,
    )
    assert len(fitted.trials) == 4
    best = max(
        (trial for trial in fitted.trials if trial["state"] == "complete"),
        key=lambda trial: trial["value"],
    )
    alone = fit(work_of("xgboost", params={**QUICK["params"], **best["params"]}))
    np.testing.assert_array_equal(fitted.test, alone.test)
    reached = average_precision_score(TABLE.y[VALIDATION], fitted.validation)
    assert reached == pytest.approx(best["value"], abs=1e-6)
    assert fitted.trials[0]["params"] == {}, "the first trial is the model as it stands"
    np.testing.assert_array_equal(
        fitted.test,
        searched(
            "xgboost",
            {"scale_pos_weight": [1, "balanced"], "max_depth": {"low": 1, "high": 6}},
            **QUICK,
        ).test,
    )


def test_labels_of_test_rows_have_no_say_in_a_search() -> None:
    space = {"max_depth": {"low": 1, "high": 6}}
    here = searched("xgboost", space, **QUICK)
    y = TABLE.y.copy()
    y[TEST] = 1 - y[TEST]
    work = work_of("xgboost", search={"trials": 4, "space": space}, **QUICK)
    there = fit(dataclasses.replace(work, y=y))
    assert here.trials == there.trials
    np.testing.assert_array_equal(here.test, there.test)


def test_a_search_for_the_ratio_resamples_the_training_rows_itself() -> None:
    fitted = searched("xgboost", {"ratio": [0.5, 1.0]}, "random_under", trials=3, **QUICK)
    tried = {trial["params"].get("ratio") for trial in fitted.trials}
    assert tried <= {None, 0.5, 1.0}
    best = max(fitted.trials, key=lambda trial: trial["value"])["params"].get("ratio")
    positives = fitted.facts["positives_fitted"]
    assert positives == len(POSITIVES)
    expected = 150 if best is None else positives + positives / best
    assert fitted.facts["rows_fitted"] == pytest.approx(expected, abs=1)


def test_a_strategy_without_a_ratio_is_searched_for_the_rest_with_the_same_budget() -> None:
    fitted = searched("xgboost", {"ratio": [0.5, 1.0], "max_depth": [2, 3]}, "tomek_links", **QUICK)
    assert len(fitted.trials) == 4
    assert all(set(trial["params"]) <= {"max_depth"} for trial in fitted.trials)


def test_a_net_is_searched_and_pruned_by_its_learning_curve() -> None:
    fitted = searched(
        "mlp", {"learning_rate": [1e-6, 1e-2]}, trials=8, params={"steps": 60, "layers": [8]}
    )
    assert len(fitted.trials) == 8
    assert fitted.history["step"][-1] == 60


def test_metacost_is_searched_and_a_trial_that_leaves_one_class_is_no_end() -> None:
    """Half of all rows as neighbours call every row negative; the search goes on, and what it finds
    is MetaCost's own."""
    work = work_of(
        "nearest_neighbors",
        costs="metacost",
        search={"trials": 4, "space": {"n_neighbors": [9, 75]}},
    )
    work = dataclasses.replace(work, cost_margins=np.ones((240, 2)))
    fitted = fit(work)
    reasons = {
        trial["reason"].partition(":")[0]
        for trial in fitted.trials
        if trial["params"] == {"n_neighbors": 75}
    }
    assert reasons == {"NotApplicable"}
    assert {
        trial["state"] for trial in fitted.trials if trial["params"] != {"n_neighbors": 75}
    } == {"complete"}
    best = max(
        (trial for trial in fitted.trials if trial["value"]), key=lambda trial: trial["value"]
    )
    alone = work_of("nearest_neighbors", costs="metacost", params=best["params"])
    np.testing.assert_array_equal(
        fitted.test, fit(dataclasses.replace(alone, cost_margins=work.cost_margins)).test
    )
    neighbours = {"n_neighbors": {"low": 70, "high": 90}}
    hopeless = work_of(
        "nearest_neighbors",
        costs="metacost",
        params={"n_neighbors": 80},
        search={"trials": 2, "space": neighbours},
    )
    with pytest.raises(
        NotApplicable,
        match=r"all 2 trials of the search failed, .* MetaCost made all 150 rows negative",
    ):
        fit(dataclasses.replace(hopeless, cost_margins=work.cost_margins))


def test_what_is_at_stake_belongs_to_the_rows_that_are_fitted_on_whatever_the_ratio() -> None:
    """A search for the ratio fits on other rows than the strategy's own."""
    space = {"ratio": [0.25, 0.5]}
    for requested in ({"costs": "weights"}, {"costs": "metacost"}):
        found = searched("logistic_regression", space, "random_under", trials=3, **requested)
        assert {trial["state"] for trial in found.trials} == {"complete"}


def test_a_search_without_validation_rows_is_an_error() -> None:
    work = dataclasses.replace(
        work_of("xgboost", search={"trials": 2, "space": {"max_depth": [1, 2]}}),
        validation=VALIDATION[:0],
    )
    with pytest.raises(NotApplicable, match="a search needs validation rows of both classes"):
        fit(work)


# Mistakes in params.yaml


@pytest.mark.parametrize(
    ("key", "entry", "what", "found"),
    [
        (
            "easy_ensemble",
            {},
            "easy_ensemble runs with strategy none alone: it resamples within each of its members.",
            "strategies: all",
        ),
        (
            "autoencoder",
            {"strategies": ["none", "smote"]},
            (
                "autoencoder runs with strategy none alone: it learns what is usual, not what"
                " separates the classes."
            ),
            "strategies: ['none', 'smote']",
        ),
        (
            "xgboost",
            {"costs": "metacost"},
            (
                "xgboost runs with strategy none alone: MetaCost relabels rows by their probability"
                " at the natural prevalence."
            ),
            "strategies: all",
        ),
        (
            "nearest_neighbors",
            {"costs": "weights"},
            "KNeighborsClassifier takes no weights.",
            "costs: weights",
        ),
        (
            "xgboost_weighted",
            {"costs": "weights"},
            "The costs would be counted twice.",
            "scale_pos_weight: 'balanced'",
        ),
        (
            "mlp_focal",
            {"costs": "weights"},
            "The costs would be counted twice.",
            "loss_alpha: 0.25",
        ),
        (
            "random_forest",
            {"params": {"class_weight": {0: 1, 2: 5}}},
            "class_weight is invalid.",
            None,
        ),
        ("mlp", {"params": {"class_weight": {1: 5}}}, "class_weight is invalid.", None),
        (
            "logistic_regression",
            {"params": {"class_weight": {0: 1, 1: -5}}},
            "class_weight is invalid.",
            None,
        ),
        (
            "xgboost_focal",
            {"params": {"loss_gamma": -1}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "xgboost_focal",
            {"params": {"loss_alpha": 1.5}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "xgboost_focal",
            {"params": {"loss_gamma": 1e6}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "xgboost_focal",
            {"params": {"scale_pos_weight": 5}},
            "'scale_pos_weight' cannot be set in params.yaml.",
            "scale_pos_weight: 5",
        ),
        (
            "mlp_focal",
            {"params": {"class_weight": "balanced"}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "mlp_weighted",
            {"params": {"loss": "balanced"}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "mlp",
            {"params": {"loss_gamma": 2}},
            "loss_gamma has no effect on the loss cross_entropy.",
            "loss: cross_entropy",
        ),
        (
            "mlp",
            {"params": {"loss_alpha": 0.2}},
            "loss_alpha has no effect on the loss cross_entropy.",
            "loss: cross_entropy",
        ),
        (
            "mlp",
            {"params": {"loss": "balanced", "loss_gamma": 2}},
            "loss_gamma has no effect on the loss balanced.",
            "loss: balanced",
        ),
        (
            "mlp",
            {"search": {"trials": 2, "space": {"loss_gamma": [1, 2]}}},
            "loss_gamma has no effect on the loss cross_entropy.",
            "loss: cross_entropy",
        ),
        (
            "mlp_focal",
            {"params": {"loss_gamma": -1}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "mlp_focal",
            {"params": {"loss_alpha": 1}},
            "A model's parameter has a wrong value.",
            None,
        ),
        ("mlp", {"params": {"layers": []}}, "A model's parameter has a wrong value.", None),
        (
            "mlp",
            {"params": {"steps": 10, "epochs": 2}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "xgboost",
            {"search": {"trials": 2, "space": {"maxdepth": [1]}}},
            "XGBClassifier takes no parameter 'maxdepth' (did you mean 'max_depth'?).",
            "'maxdepth'",
        ),
        (
            "random_forest",
            {"search": {"trials": 2, "space": {"n_estimators": {"low": -5, "high": 5}}}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "xgboost",
            {"search": {"trials": 2, "space": {"ratio": [0, 1]}}},
            "A ratio of the classes is out of range.",
            "0",
        ),
        (
            "xgboost",
            {
                "strategies": ["none"],
                "search": {"trials": 2, "space": {"ratio": [0.5], "max_depth": [1]}},
            },
            "The baseline has no ratio to search for.",
            "strategies: [none]",
        ),
        (
            "xgboost",
            {"search": {"trials": 2, "space": {"max_depth": {"low": 1, "high": 5, "step": 0.5}}}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "xgboost",
            {"search": {"trials": 2, "space": {"learning_rate": {"low": 0, "high": 1}}}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "mlp",
            {"search": {"trials": 2, "space": {"class_weight.1": {"low": 1, "high": 5}}}},
            "KerasMLP takes no parameter 'class_weight.1' (did you mean 'class_weight'?).",
            "'class_weight.1'",
        ),
        (
            "isolation_forest",
            {"strategies": ["none"], "costs": "weights"},
            "IsolationForestClassifier takes no weights.",
            "costs: weights",
        ),
        (
            "svm",
            {"strategies": ["none"], "costs": "metacost"},
            "MetaCost relabels rows by their probability, and this model estimates none.",
            "SVC",
        ),
        (
            "mlp",
            {
                "strategies": ["none"],
                "costs": "metacost",
                "params": {"loss": "focal", "loss_alpha": None},
            },
            "MetaCost relabels rows by their probability, and this model estimates none.",
            "KerasMLP with focal loss",
        ),
        (
            "autoencoder_xgboost",
            {"strategies": ["none"], "costs": "metacost", "params": {"autoencoder_patience": 3}},
            "MetaCost fits on bags of the training rows, which have no validation rows.",
            "autoencoder_patience: 3",
        ),
        (
            "autoencoder_xgboost",
            {
                "strategies": ["none"],
                "costs": "metacost",
                "params": {"xgboost": {"early_stopping_rounds": 3}},
            },
            "MetaCost fits on bags of the training rows, which have no validation rows.",
            "early_stopping_rounds: 3",
        ),
        (
            "autoencoder_xgboost",
            {
                "strategies": ["none"],
                "costs": "metacost",
                "params": {"xgboost": {"scale_pos_weight": 9}},
            },
            "The costs would be counted twice.",
            "scale_pos_weight: 9",
        ),
        (
            "nearest_neighbors",
            {"strategies": ["none"], "costs": "metacost", "params": {"n_neighbors": 0}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "xgboost",
            {"strategies": ["none"], "costs": "metacost", "params": {"early_stopping_rounds": 5}},
            "MetaCost fits on bags of the training rows, which have no validation rows.",
            "early_stopping_rounds: 5",
        ),
    ],
)
def test_a_mistake_in_a_remedy_is_an_error(
    key: str, entry: dict[str, Any], what: str, found: str | None
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        models.check(key, Model.model_validate(entry))
    assert caught.value.what == what
    assert str(caught.value.where).startswith(f"params.yaml: models.{key}")
    assert found is None or caught.value.found == found
    assert caught.value.found


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        (
            "mlp",
            {
                "params": {"loss_gamma": 2},
                "search": {"trials": 2, "space": {"loss": ["cross_entropy", "focal"]}},
            },
        ),
        ("mlp_focal", {"params": {"loss_alpha": None, "class_weight": "balanced"}}),
        ("mlp", {"params": {"loss": "balanced", "loss_alpha": 0.8}}),
        (
            "xgboost",
            {"strategies": ["none", "smote"], "search": {"trials": 2, "space": {"ratio": [0.5]}}},
        ),
        ("autoencoder_xgboost", {"params": {"xgboost": {"scale_pos_weight": 9}}}),
    ],
)
def test_what_makes_sense_is_let_through(key: str, entry: dict[str, Any]) -> None:
    models.check(key, Model.model_validate(entry))


def test_the_baseline_changes_no_row() -> None:
    with pytest.raises(
        ConfigurationError, match="The strategy none is the baseline of every other one"
    ):
        samplers.make("none", Strategy(sampler="smote"), 0)
    assert samplers.make("nothing", Strategy(sampler="none"), 0) is None


# Through the stages

CONTENT: dict[str, Any] = {
    "seed": 1,
    "datasets": {"mine": {"path": "mine.csv", "target": "y", "positive": 1}},
    "strategies": {"none": {}, "random_under": {}},
    "models": {
        "xgboost": {**QUICK, "search": {"trials": 3, "space": {"max_depth": [2, 4]}}},
        "cost_xgboost": {"model": "xgboost", "strategies": ["none"], "costs": "weights", **QUICK},
        "xgboost_focal": {**QUICK},
        "mlp": {"params": {"steps": 40}},
        "diverging": {
            "model": "mlp",
            "strategies": ["none"],
            "params": {"optimizer": "sgd", "learning_rate": 1.0e30, "epochs": 20},
        },
        "balanced_random_forest": {"strategies": ["none"], "params": {"n_estimators": 10}},
        "autoencoder": {"strategies": ["none"], "params": {"steps": 40}},
    },
    "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 1, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {"false_negative": 10},
}

WriteParams = Callable[[dict[str, Any]], None]


@pytest.fixture
def evaluated(workplace: Path, write_params: WriteParams, stage: Stage) -> dict[str, pd.DataFrame]:
    """The tables of a dataset after every stage up to evaluate."""
    write_params(CONTENT)
    tables.write(paths.table("mine"), TABLE)
    files.write_json(paths.facts("mine"), {"rows": 240, "prevalence": 0.125, "positives": 30})
    splits.write(paths.split("mine"), splitters.split(TABLE, config.load().split, 1, "mine"))
    for name in ("audit", "resample", "train", "evaluate"):
        stage(name, "mine")
    return {path.stem: files.read_csv(path) for path in paths.evaluation("mine").glob("*.csv")}


def test_every_remedy_goes_through_the_stages_and_one_that_diverges_fails_alone(
    evaluated: dict[str, pd.DataFrame],
) -> None:
    board = evaluated["leaderboard"].set_index(["strategy", "model"])
    failed = board.loc["none", "diverging"]
    assert failed["status"] == "failed"
    assert "a smaller learning_rate may help" in failed["reason"]
    assert (board.drop(("none", "diverging"))["status"] == "ok").all()

    assert board["level"].to_dict() == {
        ("none", "xgboost"): "none",
        ("none", "mlp"): "none",
        ("none", "diverging"): "none",
        ("none", "cost_xgboost"): "algorithm",
        ("none", "xgboost_focal"): "algorithm",
        ("none", "balanced_random_forest"): "algorithm",
        ("none", "autoencoder"): "algorithm",
        ("random_under", "xgboost"): "data",
        ("random_under", "mlp"): "data",
        ("random_under", "xgboost_focal"): "hybrid",
    }
    assert board.loc["none", "xgboost_focal"]["plain_model"] == "xgboost"
    assert not np.isnan(board.loc["random_under", "xgboost_focal"]["difference"])
    assert board["trials"].loc[:, "xgboost"].tolist() == [3, 3]

    numbers = ["log_loss_corrected", "brier_corrected", "expected_calibration_error_corrected"]
    whole = board.drop(("none", "diverging"))
    assert whole[numbers].notna().all().all()
    prevalence_for_all = -0.125 * np.log(0.125) - 0.875 * np.log(0.875)
    unmended = whole["reason"].str.contains("no recalibration mends", na=False)
    assert (unmended == (whole["log_loss_corrected"] > prevalence_for_all)).all()
    decisions = evaluated["decisions"]
    assert set(decisions["rule"]) == {"half", "tuned", "cost", "cost_empirical"}
    expected = decisions[(decisions["rule"] == "cost") & (decisions["model"] == "mlp")]
    assert expected["threshold"].tolist() == pytest.approx([1 / 11] * 2)

    learning = evaluated["learning"]
    assert set(learning["model"]) == {"mlp", "autoencoder"}
    assert learning["step"].max() == 40
    trials = evaluated["trials"]
    assert trials.groupby(["strategy", "model", "repeat", "fold"]).size().to_dict() == {
        (strategy, "xgboost", 0, fold): 3 for strategy in CONTENT["strategies"] for fold in (0, 1)
    }
    assert set(evaluated["reliability"]["side"]) == {"raw", "corrected"}
    assert len(evaluated["histograms"]) == 2 * 30 * len(board.drop(("none", "diverging")))


WITHOUT_KERAS = """
import sys
sys.modules["keras"] = None
from counterpoise.engine.fit import fit
from counterpoise.core.outcome import attempted
from tests.engine.test_fit import QUICK, work_of
outcomes = [attempted(lambda work=work: fit(work)) for work in
            (work_of("mlp"), work_of("autoencoder"), work_of("xgboost", **QUICK))]
print(*(f"{status}: {reason}" for status, reason, _ in outcomes), sep="\\n")
"""


def test_where_nets_are_not_installed_their_cells_say_so_and_the_others_run() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERAS],
        cwd=paths.REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    first, second, third = done.stdout.splitlines()
    assert first.startswith("not_applicable: ")
    assert "nets" in first
    assert "not installed" in first
    assert second == first
    assert third == "ok: "


def test_two_fits_of_a_net_give_the_same_bytes() -> None:
    for model in ("mlp", "mlp_weighted", "mlp_focal", "autoencoder", "autoencoder_xgboost"):
        params = {"autoencoder_steps": 40} if model == "autoencoder_xgboost" else {"steps": 40}
        one, other = (fit(work_of(model, params=params)) for _ in range(2))
        assert one.test.tobytes() == other.test.tobytes(), model
        assert one.history == other.history


def test_the_key_of_a_ratio_search_holds_the_strategy_and_that_of_costs_the_costs() -> None:
    search = {"trials": 2, "space": {"ratio": [0.5]}}
    models: dict[str, Any] = {
        "plain": {"model": "xgboost"},
        "costly": {"model": "xgboost", "costs": "weights"},
        "ratio": {"model": "xgboost", "search": search},
        "more": {"model": "xgboost", "search": {**search, "space": {"ratio": [0.5, 1]}}},
    }
    strategies: dict[str, Any] = {
        "none": {},
        "smote": {},
        "near": {"sampler": "smote", "params": {"k_neighbors": 3}},
    }

    def keys(costs: np.ndarray) -> dict[tuple[str, str], str]:
        content = {
            **CONTENT,
            "models": models,
            "strategies": strategies,
            "split": {"scheme": "holdout"},
        }
        return {
            (one.strategy, one.model): key for one, key in fit_keys(content, TABLE, costs).items()
        }

    once, twice = keys(STAKES), keys(2 * STAKES)
    assert {model for (_, model), key in once.items() if twice[_, model] != key} == {"costly"}
    # a fit is known by what it is made of; its seed is that of the model's key
    assert once["none", "plain"] == once["smote", "plain"] == once["near", "plain"]
    assert len({once[strategy, "ratio"] for strategy in strategies}) == 3
    assert once["smote", "ratio"] != once["smote", "more"]


def test_how_probabilities_are_recalibrated_is_no_part_of_a_key() -> None:
    def key(**more: str) -> str:
        content = {
            **CONTENT,
            "models": {"xgboost": more},
            "strategies": {"none": {}},
            "split": {"scheme": "holdout"},
        }
        (found,) = fit_keys(content, TABLE).values()
        return found

    assert key() == key(calibration="isotonic")


def test_costs_are_read_by_the_stage_that_trains(evaluated: dict[str, pd.DataFrame]) -> None:
    cells = files.read_json(paths.scores("mine", "none") / "cells.json")["models"]
    assert {fold["weight_ratio"] for fold in cells["cost_xgboost"]["folds"]} == {10}
    assert all("weight_ratio" not in fold for fold in cells["xgboost"]["folds"])
