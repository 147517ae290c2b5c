"""Level of a combination, its baseline, and how its probabilities are recalibrated."""

from __future__ import annotations

from typing import Any

import pytest

from counterpoise.core import config
from counterpoise.core.config import SUBSAMPLE, Model, Strategy
from counterpoise.evaluation import levels
from counterpoise.models.registry import MODELS
from counterpoise.samplers.registry import SAMPLERS


def models_of(**entries: dict[str, Any]) -> dict[str, Model]:
    return {key: Model.model_validate(entry) for key, entry in entries.items()}


WEIGHED = {"class_weight": "balanced"}


@pytest.mark.parametrize(
    ("strategy", "key", "entry", "level"),
    [
        ("none", "xgboost", {}, "none"),
        ("smote", "xgboost", {}, "data"),
        ("none", "xgboost_weighted", {}, "algorithm"),
        ("smote", "xgboost_weighted", {}, "hybrid"),
        ("smote", "mlp_focal", {}, "hybrid"),
        ("none", "random_forest", {"params": WEIGHED}, "algorithm"),
        ("none", "xgboost", {"params": {"scale_pos_weight": 1}}, "none"),
        ("none", "xgboost", {"params": {"scale_pos_weight": 3}}, "algorithm"),
        ("none", "xgboost", {"costs": "weights"}, "algorithm"),
        ("none", "mlp", {"params": {"loss": "cross_entropy"}}, "none"),
        ("none", "mlp", {"params": {"loss": "balanced"}}, "algorithm"),
        ("none", "xgboost", {"search": {"trials": 2, "space": {"max_depth": [3]}}}, "none"),
        (
            "none",
            "xgboost",
            {"search": {"trials": 2, "space": {"scale_pos_weight": [3]}}},
            "algorithm",
        ),
        ("none", "balanced_random_forest", {"strategies": ["none"]}, "algorithm"),
        ("none", "autoencoder", {"strategies": ["none"]}, "algorithm"),
    ],
)
def test_a_cell_remedies_by_data_by_algorithm_by_both_or_not_at_all(
    strategy: str, key: str, entry: dict[str, Any], level: str
) -> None:
    assert levels.level(strategy, Strategy(), key, Model.model_validate(entry)) == level


@pytest.mark.parametrize("model", ["xgboost", "xgboost_weighted"])
def test_a_placebo_is_neither_a_baseline_nor_a_remedy_with_any_model(model: str) -> None:
    cell = "again", Strategy(sampler="none", seed=1), model, Model()
    assert levels.level(*cell) == "placebo"
    assert levels.candidates(*cell) == levels.candidates("none", Strategy(), model, Model())


def test_the_baseline_is_the_most_similar_model_without_the_remedy() -> None:
    entries = models_of(
        shallow={"model": "xgboost", "params": {"max_depth": 2}},
        deep={"model": "xgboost", "params": {"max_depth": 8}},
        xgboost_weighted={"params": {"max_depth": 8}},
        cost_xgboost={"model": "xgboost", "costs": "weights", "params": {"max_depth": 2}},
        xgboost_focal={"params": {"max_depth": 2, "loss_gamma": 1}},
        mlp_focal={},
        easy_ensemble={"strategies": ["none"]},
        random_forest={},
        balanced_random_forest={"strategies": ["none"]},
        weighted_forest={"model": "random_forest", "params": WEIGHED},
    )
    assert levels.plain_of(entries) == {
        "shallow": "shallow",
        "deep": "deep",
        "xgboost_weighted": "deep",
        "cost_xgboost": "shallow",
        "xgboost_focal": "shallow",
        "mlp_focal": None,
        "easy_ensemble": None,
        "random_forest": "random_forest",
        "balanced_random_forest": "random_forest",
        "weighted_forest": "random_forest",
    }


FITTED = ("sigmoid", "isotonic")
RAW, EXACT, APPROXIMATE = (
    ("none", *formula, *FITTED) for formula in ((), ("exact",), ("approximate",))
)


@pytest.mark.parametrize(
    ("strategy", "sampler", "key", "entry", "expected"),
    [
        ("none", {}, "xgboost", {}, RAW),
        ("none", {}, "xgboost_weighted", {}, EXACT),
        ("random_over", {}, "xgboost", {}, EXACT),
        ("random_under", {}, "xgboost_weighted", {}, EXACT),
        ("random_over", {"params": {"shrinkage": 0.1}}, "xgboost", {}, APPROXIMATE),
        ("smote", {}, "xgboost", {}, APPROXIMATE),
        ("adasyn", {}, "xgboost_weighted", {}, APPROXIMATE),
        ("none", {}, "xgboost", {"costs": "weights"}, APPROXIMATE),
        *(
            (name, {}, "xgboost", {}, RAW)
            for name in ("near_miss_1", "enn", "tomek_links", "smote_enn")
        ),
        ("none", {}, "xgboost_focal", {}, FITTED),
        ("near_miss_1", {}, "xgboost_focal", {}, FITTED),
        ("none", {}, "xgboost_focal", {"params": {"loss_gamma": 0}}, EXACT),
        ("none", {}, "mlp", {"params": {"loss": "balanced"}}, EXACT),
        ("none", {}, "mlp", {"params": {"loss_gamma": 3}}, RAW),
        ("none", {}, "mlp", {"search": {"trials": 2, "space": {"loss": ["focal"]}}}, FITTED),
        ("none", {}, "svm", {}, FITTED),
        ("none", {}, "nearest_neighbors", {"costs": "metacost"}, FITTED),
        ("none", {}, "easy_ensemble", {}, FITTED),
        ("none", {}, "autoencoder", {"calibration": "isotonic"}, ("isotonic",)),
        ("random_over", {}, "xgboost", {"calibration": "isotonic"}, ("isotonic",)),
        ("none", {}, "xgboost", {"calibration": "sigmoid"}, ("sigmoid",)),
    ],
)
def test_raw_scores_and_the_formula_are_candidates_only_where_they_can_be_right(
    strategy: str, sampler: dict[str, Any], key: str, entry: dict[str, Any], expected: Any
) -> None:
    one = Strategy.model_validate(sampler), key, Model.model_validate(entry)
    assert levels.candidates(strategy, *one) == expected


def test_every_sampler_and_model_has_a_level_and_candidates() -> None:
    for strategy in ["none", *SAMPLERS]:
        for key in MODELS:
            assert levels.level(strategy, Strategy(), key, Model()) in {
                "none",
                "data",
                "algorithm",
                "hybrid",
                "subsample",
            }
            assert levels.candidates(strategy, Strategy(), key, Model()) in {
                FITTED,
                RAW,
                EXACT,
                APPROXIMATE,
            }
    plain = levels.plain_of({key: Model() for key in MODELS})
    assert all(
        plain[key] == (kind.remedies if kind.remedies is not None else key) or kind.remedies == ""
        for key, kind in MODELS.items()
    )


def test_the_trials_of_each_model_are_counted() -> None:
    content: dict[str, Any] = {
        "seed": 1,
        "datasets": {"mine": {"path": "m.csv", "target": "y", "positive": 1}},
        "strategies": {"none": {}},
        "models": {
            "xgboost": {"search": {"trials": 4, "space": {"max_depth": [1, 2]}}},
            "random_forest": {},
        },
        "split": {"scheme": "holdout"},
        "goal": "ranking",
        "worth": {},
        "thresholds": {},
        "costs": {},
    }
    assert levels.searched(config.parse(content)) == {"xgboost": 4, "random_forest": 0}


def test_a_remedy_that_searches_is_compared_with_a_baseline_that_searches() -> None:
    search = {"trials": 3, "space": {"max_depth": [2, 3]}}
    weights = {"trials": 3, "space": {"scale_pos_weight": [1, 9]}}
    entries = models_of(
        xgboost={"params": {"max_depth": 2}},
        tuned={"model": "xgboost", "search": search},
        xgboost_weighted={"params": {"max_depth": 2}},
        tuned_weights={"model": "xgboost", "params": {"max_depth": 2}, "search": weights},
    )
    assert levels.plain_of(entries) == {
        "xgboost": "xgboost",
        "tuned": "tuned",
        "xgboost_weighted": "xgboost",
        "tuned_weights": "tuned",
    }


@pytest.mark.parametrize(
    ("strategy", "entry", "model", "of_model", "expected"),
    [
        ("none", {}, "xgboost", {}, "none"),
        ("smote", {}, "xgboost", {}, "SMOTE"),
        ("half", {"sampler": "smote", "ratio": 0.5}, "xgboost", {}, "half (SMOTE)"),
        ("none", {}, "xgboost_weighted", {}, "class weights"),
        ("none", {}, "mlp_focal", {}, "focal loss"),
        ("none", {}, "x", {"model": "xgboost", "costs": "weights"}, "cost weights"),
        ("none", {}, "easy_ensemble", {}, "EasyEnsemble"),
        ("smote", {}, "xgboost_weighted", {}, "SMOTE + class weights"),
        ("placebo", {"sampler": "none", "seed": 1}, "xgboost", {}, "none (placebo)"),
    ],
)
def test_the_remedy_is_named_in_the_words_of_the_field(
    strategy: str, entry: dict[str, Any], model: str, of_model: dict[str, Any], expected: str
) -> None:
    found = levels.remedy(strategy, Strategy(**entry), model, Model(**of_model))
    assert found == expected


def test_every_sampler_and_every_model_that_is_a_remedy_has_a_name() -> None:
    assert set(levels.DATA_REMEDIES) == set(SAMPLERS) - {SUBSAMPLE}
    ensembles = {name for name, kind in MODELS.items() if kind.remedies and not kind.weighs}
    assert set(levels.ALGORITHM_REMEDIES) >= ensembles - {"xgboost_focal"}
