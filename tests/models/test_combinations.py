"""Which strategies and models are combined."""

from __future__ import annotations

from typing import Any

from counterpoise.core import config
from counterpoise.models import combinations

CONTENT: dict[str, Any] = {
    "seed": 1,
    "datasets": {"mine": {"path": "data/mine.csv", "target": "y", "positive": 1}},
    "strategies": {"none": {}, "placebo": {"sampler": "none", "seed": 1}, "smote": {}},
    "models": {},
    "split": {"scheme": "holdout"},
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {},
}


def params_of(**models: dict[str, Any]) -> config.Params:
    return config.parse({**CONTENT, "models": models})


def test_the_grid_follows_the_order_of_params_and_the_strategies_of_each_model() -> None:
    params = params_of(xgboost={"strategies": ["smote"]}, random_forest={})
    assert combinations.cells(params) == (
        ("none", "random_forest"),
        ("placebo", "random_forest"),
        ("smote", "xgboost"),
        ("smote", "random_forest"),
    )
    assert combinations.models_of(params, "none") == ["random_forest"]


def test_a_placebo_runs_with_models_without_a_remedy_and_with_those_that_name_it() -> None:
    params = params_of(
        xgboost={},
        xgboost_weighted={},
        cost_xgboost={"model": "xgboost", "costs": "weights"},
        mlp={"strategies": ["none", "smote"]},
        mlp_focal={"strategies": ["none", "placebo"]},
    )
    assert combinations.models_of(params, "placebo") == ["xgboost", "mlp_focal"]
    assert combinations.models_of(params, "none") == list(params.models)
    assert combinations.models_of(params, "smote") == [
        "xgboost",
        "xgboost_weighted",
        "cost_xgboost",
        "mlp",
    ]
