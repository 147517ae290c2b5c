"""Names of combinations."""

from __future__ import annotations

import pandas as pd

from counterpoise.report import names


def board(*rows: tuple[str, str, str, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["strategy", "model", "remedy", "plain_model"])


def test_a_remedy_inside_the_model_is_named_with_the_model_without_it() -> None:
    found = names.names(
        board(
            ("none", "xgboost", "none", "xgboost"),
            ("none", "xgboost_weighted", "class weights", "xgboost"),
            ("smote", "xgboost_weighted", "SMOTE + class weights", "xgboost"),
            ("none", "easy_ensemble", "EasyEnsemble", None),
        )
    )
    assert list(found.values()) == [
        "xgboost, no remedy",
        "xgboost, class weights",
        "xgboost, SMOTE + class weights",
        "easy_ensemble",
    ]


def test_two_combinations_never_share_a_name() -> None:
    found = names.names(
        board(
            ("none", "weighted_2", "class weights", "xgboost"),
            ("none", "weighted_5", "class weights", "xgboost"),
        )
    )
    assert list(found.values()) == ["weighted_2, class weights", "weighted_5, class weights"]
