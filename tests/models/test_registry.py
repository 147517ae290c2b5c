"""What every registered model owes the pipeline: scores that are probabilities, from its own rows
alone."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from counterpoise.core.config import Model
from counterpoise.core.errors import ConfigurationError, NotApplicable
from counterpoise.data.tables import Table
from counterpoise.engine.fit import FitJob, fit
from counterpoise.models import nets
from counterpoise.models import registry as models
from counterpoise.models.registry import MODELS
from tests.conftest import TABLES, mixed_table, numeric_table

TRAIN, VALIDATION, TEST = np.arange(150), np.arange(150, 190), np.arange(190, 240)
QUICK = {
    "gradient_boosting": {"n_estimators": 20},
    "random_forest": {"n_estimators": 20},
    "xgboost": {"n_estimators": 20},
    "xgboost_weighted": {"n_estimators": 20},
    "xgboost_focal": {"n_estimators": 20},
    "hist_gradient_boosting": {"max_iter": 20},
    "nearest_neighbors": {"n_neighbors": 25},
    "balanced_random_forest": {"n_estimators": 20},
    "balanced_bagging": {"n_estimators": 5},
    "rus_boost": {"n_estimators": 5},
    "easy_ensemble": {"n_estimators": 3},
    "mlp": {"steps": 60},
    "mlp_weighted": {"steps": 60},
    "mlp_focal": {"steps": 60},
    "autoencoder": {"steps": 60},
    "autoencoder_xgboost": {"autoencoder_steps": 60, "xgboost": {"n_estimators": 20}},
}


def work_of(
    key: str, table: Table, rows: np.ndarray = TRAIN, model: str | None = None, **params: Any
) -> FitJob:
    entry = Model(model=model, params={**QUICK.get(model or key, {}), **params})
    parts = TRAIN, VALIDATION, TEST
    return FitJob(
        key, entry, 7, table.X, table.y, table.cardinalities, *parts, rows, table.X[:0], table.y[:0]
    )


# The contract of every model


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("model", MODELS)
def test_scores_are_probabilities_one_a_row_and_the_same_every_time(model: str, kind: str) -> None:
    table = TABLES[kind]()
    if (model, kind) == ("rus_boost", "categories"):
        with pytest.raises(NotApplicable, match="worse than random"):
            fit(work_of(model, table))
        return
    one, other = (fit(work_of(model, table)) for _ in range(2))
    assert (one.test.shape, one.validation.shape) == ((50,), (40,))
    for scores in (one.test, one.validation):
        assert scores.dtype == np.float64
        assert np.isfinite(scores).all()
        assert scores.min() >= 0
        assert scores.max() <= 1
    assert len(np.unique(one.test)) > 5
    np.testing.assert_array_equal(one.test, other.test)
    np.testing.assert_array_equal(one.validation, other.validation)
    assert one.facts == other.facts
    assert one.facts["rows_fitted"] == 150
    assert one.facts["positives_fitted"] == table.y[TRAIN].sum()
    assert one.fit_seconds > 0
    assert one.peak_bytes > 1e6


@pytest.mark.parametrize("model", MODELS)
def test_a_model_learns_what_there_is_to_learn(model: str) -> None:
    table = numeric_table()
    scores, y = fit(work_of(model, table)).test, table.y[TEST]
    assert scores[y == 1].mean() > scores[y == 0].mean() + 0.1


@pytest.mark.parametrize("model", MODELS)
def test_missing_values_and_categories_absent_from_training_are_scored(model: str) -> None:
    table = mixed_table()
    X = table.X.copy()
    X[np.concatenate([TRAIN, VALIDATION]), 3] %= 3  # the fourth plan occurs in the test part alone
    X[TEST[:10], 3] = 3
    X[TEST[10:20]] = np.nan
    scores = fit(work_of(model, Table(table.features, X, table.y, table.categories))).test
    assert np.isfinite(scores).all()
    assert len(set(scores[10:20])) == 1  # ten rows of which nothing is known


@pytest.mark.parametrize("model", MODELS)
def test_rows_that_are_neither_fitted_on_nor_scored_change_nothing(model: str) -> None:
    """Neither the labels of validation and test rows nor their features reach the fit."""
    table = numeric_table()
    X, y = table.X.copy(), table.y.copy()
    X[VALIDATION], y[VALIDATION], y[TEST] = 1e6, 1 - y[VALIDATION], 1 - y[TEST]
    here, there = fit(work_of(model, table)), fit(work_of(model, Table(table.features, X, y)))
    np.testing.assert_array_equal(here.test, there.test)


@pytest.mark.parametrize("model", MODELS)
def test_rows_that_are_repeated_and_new_rows_count(model: str) -> None:
    table = numeric_table()
    positives = TRAIN[table.y[TRAIN] == 1]
    plain = fit(work_of(model, table))
    repeated = fit(work_of(model, table, np.concatenate([TRAIN, *[positives] * 5])))
    assert repeated.facts["rows_fitted"] == 150 + 5 * len(positives)
    assert not np.array_equal(plain.test, repeated.test)
    new = dataclasses.replace(
        work_of(model, table),
        synthetic=table.X[np.tile(positives, 5)],
        synthetic_y=np.ones(5 * len(positives), np.int8),
    )
    np.testing.assert_array_equal(fit(new).test, repeated.test)


@pytest.mark.parametrize("model", MODELS)
def test_one_class_alone_is_no_crash(model: str) -> None:
    table = numeric_table()
    with pytest.raises(NotApplicable, match="the rows to fit on have one class alone"):
        fit(work_of(model, table, TRAIN[table.y[TRAIN] == 0]))


# Against the libraries' own


def test_scores_are_those_of_the_library() -> None:
    table = numeric_table()
    references = {
        "logistic_regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "gradient_boosting": GradientBoostingClassifier(n_estimators=20, random_state=7),
        "hist_gradient_boosting": HistGradientBoostingClassifier(
            max_iter=20, early_stopping=False, random_state=7
        ),
        "xgboost": XGBClassifier(n_estimators=20, tree_method="hist", n_jobs=1, random_state=7),
    }
    for name, reference in references.items():
        reference.fit(table.X[TRAIN], table.y[TRAIN])
        expected = reference.predict_proba(table.X[TEST])[:, 1]
        np.testing.assert_allclose(
            fit(work_of(name, table)).test, expected, rtol=1e-6, err_msg=name
        )


def test_the_exponential_loss_gives_the_probability_of_the_library_too() -> None:
    table = numeric_table()
    reference = GradientBoostingClassifier(n_estimators=20, random_state=7, loss="exponential")
    expected = reference.fit(table.X[TRAIN], table.y[TRAIN]).predict_proba(table.X[TEST])[:, 1]
    np.testing.assert_allclose(
        fit(work_of("gradient_boosting", table, loss="exponential")).test, expected
    )


def test_a_random_state_in_params_stands_and_else_the_seed_of_the_cell() -> None:
    assert models.make("random_forest", Model(params={"random_state": 3}), 7).random_state == 3
    assert models.make("random_forest", Model(), 7).random_state == 7


# Weights


def test_balanced_weights_are_computed_on_the_rows_fitted_on() -> None:
    table = numeric_table()
    positives = TRAIN[table.y[TRAIN] == 1]
    negatives = 150 - len(positives)
    repeated = np.concatenate([TRAIN, *[positives] * 3])
    for rows, weight in (
        (TRAIN, negatives / len(positives)),
        (repeated, negatives / (4 * len(positives))),
    ):
        fitted = fit(work_of("xgboost_weighted", table, rows))
        assert fitted.facts["scale_pos_weight"] == weight
        plain = fit(work_of("xgboost", table, rows, scale_pos_weight=weight))
        np.testing.assert_array_equal(fitted.test, plain.test)
        requested = fit(work_of("mine", table, rows, model="xgboost", scale_pos_weight="balanced"))
        np.testing.assert_array_equal(fitted.test, requested.test)


def test_a_weight_given_as_a_number_passes_through() -> None:
    estimator = models.make("xgboost_weighted", Model(params={"scale_pos_weight": 3.5}), 7)
    assert estimator.scale_pos_weight == 3.5
    fitted = fit(work_of("xgboost_weighted", numeric_table(), scale_pos_weight=3.5))
    assert "scale_pos_weight" not in fitted.facts


# Early stopping


@pytest.mark.parametrize(
    ("model", "params", "names"),
    [
        ("xgboost", {"early_stopping_rounds": 3, "n_estimators": 200}, ("eval_set",)),
        ("hist_gradient_boosting", {"early_stopping": True, "max_iter": 200}, ("X_val", "y_val")),
    ],
)
def test_early_stopping_uses_the_natural_validation_rows_only(
    model: str, params: dict[str, Any], names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, calls = numeric_table(), []
    cls = MODELS[model].load()
    real = cls.fit

    def spy(self: Any, X: np.ndarray, y: np.ndarray, **more: Any) -> Any:
        calls.append((len(y), [more[name] for name in names]))
        return real(self, X, y, **more)

    monkeypatch.setattr(cls, "fit", spy)
    positives = TRAIN[table.y[TRAIN] == 1]
    fitted = fit(work_of(model, table, np.concatenate([TRAIN, *[positives] * 5]), **params))
    ((rows, arguments),) = calls
    X_validation, y_validation = arguments[0][0] if model == "xgboost" else arguments
    assert rows == 150 + 5 * len(positives)
    np.testing.assert_array_equal(X_validation, table.X[VALIDATION])
    np.testing.assert_array_equal(y_validation, table.y[VALIDATION])
    assert 0 <= fitted.facts["best_iteration"] < 200


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("xgboost", {"early_stopping_rounds": 3}),
        ("hist_gradient_boosting", {"early_stopping": True}),
    ],
)
def test_early_stopping_without_validation_rows_of_both_classes_is_an_error(
    model: str, params: dict[str, Any]
) -> None:
    table = numeric_table()
    negatives = VALIDATION[table.y[VALIDATION] == 0]
    for validation in (VALIDATION[:0], negatives):
        work = dataclasses.replace(work_of(model, table, **params), validation=validation)
        with pytest.raises(
            NotApplicable, match=r"early stopping needs validation rows of both classes"
        ):
            fit(work)


def test_no_validation_rows_give_no_validation_scores() -> None:
    for model in MODELS:
        assert fit(
            dataclasses.replace(work_of(model, numeric_table()), validation=VALIDATION[:0])
        ).validation.shape == (0,)


# params.yaml

WEIGHT = "a number from 1e-09 to 1e+09, or balanced (negatives / positives of the rows fitted on)"


@pytest.mark.parametrize(
    ("key", "entry", "what", "expected"),
    [
        (
            "xgbost",
            {},
            "There is no model 'xgbost' (did you mean 'xgboost'?).",
            "one of: logistic_regression, ",
        ),
        (
            "mine",
            {"model": "svn"},
            "There is no model 'svn' (did you mean 'svm'?).",
            "one of: logistic_regression, ",
        ),
        (
            "xgboost",
            {"params": {"nestimators": 3}},
            "XGBClassifier takes no parameter 'nestimators' (did you mean 'n_estimators'?).",
            "the library's own: base_",
        ),
        (
            "xgboost",
            {"params": {"objective": "binary:hinge"}},
            "'objective' cannot be set in params.yaml.",
            "no objective: the score is a probability of the positive class",
        ),
        (
            "random_forest",
            {"params": {"n_jobs": -1}},
            "'n_jobs' cannot be set in params.yaml.",
            "no n_jobs: fits run side by side, one thread each",
        ),
        (
            "gradient_boosting",
            {"params": {"n_iter_no_change": 5}},
            "'n_iter_no_change' cannot be set in params.yaml.",
            "no n_iter_no_change: it would be taken from the resampled rows",
        ),
        (
            "hist_gradient_boosting",
            {"params": {"validation_fraction": 0.2}},
            "'validation_fraction' cannot be set in params.yaml.",
            "no validation_fraction: it would be taken from",
        ),
        (
            "hist_gradient_boosting",
            {"params": {"early_stopping": "auto"}},
            "early_stopping must be true or false.",
            "true or false",
        ),
        (
            "xgboost",
            {"params": {"scale_pos_weight": "even"}},
            "scale_pos_weight is invalid.",
            WEIGHT,
        ),
        ("xgboost", {"params": {"scale_pos_weight": 0}}, "scale_pos_weight is invalid.", WEIGHT),
        ("xgboost", {"params": {"scale_pos_weight": True}}, "scale_pos_weight is invalid.", WEIGHT),
        (
            "xgboost",
            {"params": {"scale_pos_weight": float("inf")}},
            "scale_pos_weight is invalid.",
            WEIGHT,
        ),
        (
            "balanced_random_forest",
            {"params": {"class_weight": "balanced"}},
            "'class_weight' cannot be set in params.yaml.",
            "no class_weight: its members are balanced, and a weight would",
        ),
        (
            "xgboost",
            {"params": {"n_estimators": 0}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "xgboost_focal",
            {"params": {"learning_rate": 0}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "random_forest",
            {"params": {"n_estimators": True}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "logistic_regression",
            {"params": {"C": True}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "isolation_forest",
            {"params": {"n_estimators": True}},
            "A model's parameter has a wrong value.",
            None,
        ),
        ("mlp", {"params": {"epochs": 10**9}}, "A model's parameter has a wrong value.", None),
        (
            "random_forest",
            {"params": {"n_estimators": 0}},
            "A model's parameter has a wrong value.",
            None,
        ),
        (
            "logistic_regression",
            {"params": {"C": "1e-3"}},
            "A model's parameter has a wrong value.",
            None,
        ),
    ],
)
def test_a_mistake_in_a_model_is_an_error(
    key: str, entry: dict[str, Any], what: str, expected: str | None
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        models.make(key, Model(**entry), 0)
    error = caught.value
    assert error.what == what
    assert str(error.where).startswith(f"params.yaml: models.{key}")
    assert error.expected is None if expected is None else str(error.expected).startswith(expected)


@pytest.mark.parametrize(
    ("key", "params"),
    [
        ("xgboost", {"learning_rate": "1e-3"}),
        ("mlp", {"learning_rate": "1e-3"}),
        ("logistic_regression", {"C": "1e-3"}),
        ("autoencoder_xgboost", {"autoencoder_learning_rate": "1e-3"}),
    ],
)
def test_a_number_in_quotes_is_an_error_that_shows_the_text(
    key: str, params: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        models.make(key, Model(params=params), 0)
    assert "Got '1e-3'" in str(caught.value.found)


@pytest.mark.parametrize("model", MODELS)
def test_no_parameter_that_is_fixed_is_offered(model: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        models.make(model, Model(params={"no_such_parameter": 1}), 0)
    offered = str(caught.value.expected).removeprefix("the library's own: ").split(", ")
    assert not set(offered) & set(MODELS[model].fixed)
    assert "random_state" in offered or model == "nearest_neighbors"


# What a fit is charged with


@pytest.mark.parametrize("model", ["mlp", "mlp_weighted", "autoencoder", "autoencoder_xgboost"])
def test_no_fit_is_charged_with_the_import_of_keras(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    keras, clock = nets.keras_on_jax, time.perf_counter
    monkeypatch.setattr(nets, "keras_on_jax", lambda: [calls.append("keras"), keras()][1])
    monkeypatch.setattr(time, "perf_counter", lambda: [calls.append("clock"), clock()][1])
    fit(work_of(model, numeric_table()))
    assert calls[:2] == ["keras", "clock"]


# Warnings and encoding


def test_warnings_of_a_library_are_notes_without_the_time_of_day() -> None:
    table = numeric_table()
    (note,) = fit(work_of("logistic_regression", table, max_iter=2)).notes
    assert note.startswith("lbfgs failed to converge after 2 iteration(s)")
    assert "\n" not in note
    (note,) = fit(work_of("xgboost", table, booster="gblinear")).notes
    assert note.startswith("WARNING: ")  # and no "[12:34:56]", which would differ between two runs


def test_equal_scores_of_all_rows_are_a_note() -> None:
    table = numeric_table()
    note = "every test row has the same score"
    assert fit(work_of("random_forest", table, min_samples_leaf=100)).notes == (note,)
    assert note not in fit(work_of("random_forest", table)).notes


@pytest.mark.slow
def test_every_model_takes_more_labels_than_a_histogram_holds() -> None:
    random = np.random.default_rng(0)
    X = np.column_stack([random.integers(0, 300, 240), random.normal(size=240)]).astype(float)
    labels = tuple(f"c{k:03}" for k in range(300))
    for name in set(MODELS) - {"rus_boost"}:  # whose first member is no better than chance on noise
        scores = fit(
            work_of(name, Table(("many", "x"), X, numeric_table().y, {"many": labels}))
        ).test
        assert np.isfinite(scores).all(), name


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_column_without_a_value_in_the_rows_fitted_on_hinders_no_model_and_tells_nothing(
    name: str,
) -> None:
    table = numeric_table()
    X = np.column_stack([table.X, np.full(len(table), np.nan)])
    work = work_of(name, Table((*table.features, "empty"), X, table.y))
    scores = fit(work).test
    assert np.isfinite(scores).all()
    other = X.copy()
    other[work.test, -1] = 7.0  # a value where training had none
    # to those a column that never varied is still a number
    if not models.kind_of(name, Model()).scale:
        np.testing.assert_array_equal(fit(dataclasses.replace(work, X=other)).test, scores)
