"""MetaCost: what is relabelled and why, from which bags, and that it lowers the cost."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from counterpoise.core.errors import NotApplicable
from counterpoise.models.metacost import MetaCost, Relabelled


class Oracle(ClassifierMixin, BaseEstimator):
    """Says that a row's first feature is its probability, and keeps what it is fitted on."""

    fitted: ClassVar[list[tuple[np.ndarray, np.ndarray]]] = []

    def fit(self, X: np.ndarray, y: np.ndarray) -> Oracle:
        self.fitted.append((X, y))
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.column_stack([1 - X[:, 0], X[:, 0]])


class Parrot(Oracle):
    """Repeats the label of a row that it was fitted on, and gives 0.3 for any other."""

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        fitted_on = dict(zip(self.fitted[-1][0][:, 0], self.fitted[-1][1], strict=True))
        p = np.array([fitted_on.get(x, 0.3) for x in X[:, 0]], float)
        return np.column_stack([1 - p, p])


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    Oracle.fitted.clear()


def table(n: int = 400, share: float = 0.15, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = (random.random(n) < share).astype(np.int8)
    return random.normal(size=(n, 3)) + y[:, None], y


X, Y = table()


def cost_margins(alarm: float, miss: float, n: int = len(Y)) -> np.ndarray:
    return np.tile([float(alarm), float(miss)], (n, 1))


# Relabelling


def test_each_row_is_positive_where_its_probability_reaches_its_own_threshold() -> None:
    random = np.random.default_rng(0)
    p, y = random.random((200, 1)), np.tile(np.array([0, 1], np.int8), 100)
    at_stake = random.random((200, 2))
    model = MetaCost(Oracle(), random_state=0).fit(p, y, cost_margins=at_stake)
    features, labels = Oracle.fitted[-1]
    np.testing.assert_array_equal(features, p)
    expected = p[:, 0] >= at_stake[:, 0] / at_stake.sum(axis=1)
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == y.dtype
    assert model.relabelled_ == Relabelled(
        (expected & (y == 0)).sum(), (~expected & (y == 1)).sum()
    )
    assert model.classes_.tolist() == [0, 1]


def test_a_bag_has_as_many_rows_of_each_class_as_there_are_and_no_row_that_is_not() -> None:
    y = np.repeat(np.array([0, 1], np.int8), [297, 3])
    names = np.column_stack([np.linspace(0, 1, 300)])
    MetaCost(Oracle(), n_estimators=25, random_state=0).fit(
        names, y, cost_margins=cost_margins(1, 1, 300)
    )
    bags = Oracle.fitted[:-1]
    assert len(bags) == 25
    assert {tuple(np.bincount(labels)) for _, labels in bags} == {(297, 3)}
    assert all(set(rows[labels == 1, 0]) <= set(names[y == 1, 0]) for rows, labels in bags)
    assert len({rows.tobytes() for rows, _ in bags}) == 25
    assert len(np.unique(bags[0][0])) < 250  # drawn with replacement


def test_smaller_bags_keep_the_share_of_the_positives_and_at_least_one() -> None:
    y = np.repeat(np.array([0, 1], np.int8), [90, 2])
    MetaCost(Oracle(), n_estimators=1, max_samples=0.1, random_state=0).fit(
        np.linspace(0, 1, 92)[:, None], y, cost_margins=cost_margins(1, 1, 92)
    )
    assert np.bincount(Oracle.fitted[0][1]).tolist() == [9, 1]


def test_a_model_fitted_on_a_row_has_no_effect_on_its_label() -> None:
    names, y = np.arange(300.0)[:, None], np.tile(np.array([0, 0, 1], np.int8), 100)
    at_stake = cost_margins(1, 1, 300)
    at_stake[:30, 0] = 0.1  # a threshold of 0.09, which 0.3 reaches
    MetaCost(Parrot(), n_estimators=40, random_state=0).fit(names, y, cost_margins=at_stake)
    np.testing.assert_array_equal(Oracle.fitted[-1][1], np.arange(300) < 30)


def test_a_row_that_every_bag_holds_gets_the_mean_of_all() -> None:
    names, y = np.arange(300.0)[:, None], np.tile(np.array([0, 0, 1], np.int8), 100)
    MetaCost(Parrot(), n_estimators=1, random_state=0).fit(
        names, y, cost_margins=cost_margins(1, 1, 300)
    )
    (bag, _), (_, labels) = Oracle.fitted
    fitted_on = np.isin(names[:, 0], bag)
    np.testing.assert_array_equal(labels, np.where(fitted_on, y, 0))


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), KNeighborsClassifier(), DecisionTreeClassifier(max_depth=3)]
)
def test_a_dearer_miss_never_makes_fewer_rows_positive(estimator: Any) -> None:
    positives = []
    for miss in (1, 2, 5, 10):
        model = MetaCost(estimator, random_state=0).fit(X, Y, cost_margins=cost_margins(1, miss))
        positives.append(Y.sum() + model.relabelled_.to_positive - model.relabelled_.to_negative)
    assert positives == sorted(positives)
    assert positives[-1] > positives[0]


# What comes of it


def test_the_cost_on_other_rows_is_lower_than_without() -> None:
    other, labels = table(4000, seed=1)
    costs = []
    for model in (LogisticRegression(), MetaCost(LogisticRegression(), random_state=0)):
        predicted = model.fit(
            X, Y, **({"cost_margins": cost_margins(1, 12)} if isinstance(model, MetaCost) else {})
        ).predict(other)
        costs.append(np.mean(np.where(labels == 1, 12 * (predicted == 0), predicted == 1)))
    assert costs[1] < 0.6 * costs[0]


def test_the_scores_are_those_of_the_model_fitted_on_relabelled_rows() -> None:
    model = MetaCost(LogisticRegression(), random_state=0).fit(
        X, Y, cost_margins=cost_margins(1, 5)
    )
    np.testing.assert_array_equal(model.predict_proba(X), model.estimator_.predict_proba(X))
    np.testing.assert_array_equal(model.decision_function(X), model.estimator_.decision_function(X))
    np.testing.assert_array_equal(model.predict(X), model.decision_function(X) > 0)


def test_log_odds_are_there_where_the_model_has_them() -> None:
    assert hasattr(MetaCost(LogisticRegression()), "decision_function")
    assert not hasattr(MetaCost(KNeighborsClassifier()), "decision_function")
    model = MetaCost(XGBClassifier(n_estimators=5, n_jobs=1), n_estimators=3, random_state=0)
    margin = model.fit(X, Y, cost_margins=cost_margins(1, 5)).predict(X, output_margin=True)
    np.testing.assert_array_equal(margin, model.estimator_.predict(X, output_margin=True))


# Seeds and copies


def test_the_same_seed_gives_the_same_labels_and_the_model_handed_in_is_left_alone() -> None:
    forest = RandomForestClassifier(n_estimators=5, random_state=7)
    before = forest.get_params()
    models = [
        MetaCost(forest, random_state=seed).fit(X, Y, cost_margins=cost_margins(1, 4))
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(models[0].predict_proba(X), models[1].predict_proba(X))
    assert not np.array_equal(models[0].predict_proba(X), models[2].predict_proba(X))
    assert forest.get_params() == before
    assert not hasattr(forest, "estimators_")
    assert models[0].estimator_.random_state == 7
    again = pickle.loads(pickle.dumps(clone(models[0]).fit(X, Y, cost_margins=cost_margins(1, 4))))
    np.testing.assert_array_equal(models[0].predict_proba(X), again.predict_proba(X))


def test_copies_get_seeds_of_their_own_inside_a_pipeline_too() -> None:
    seeds = []

    class Noting(RandomForestClassifier):
        def fit(self, X: np.ndarray, y: np.ndarray) -> Noting:
            seeds.append(self.random_state)
            return super().fit(X, y)

    forest = Noting(n_estimators=2, random_state=7)
    MetaCost(make_pipeline(StandardScaler(), forest), n_estimators=4, random_state=0).fit(
        X, Y, cost_margins=cost_margins(1, 4)
    )
    assert len(set(seeds)) == 5
    assert seeds[-1] == 7


# Mistakes, and what cannot be done


def test_relabelling_that_leaves_one_class_is_not_applicable_with_numbers() -> None:
    positives = int(Y.sum())
    with pytest.raises(
        NotApplicable,
        match=(
            rf"^MetaCost made all 400 rows negative: 0 of {400 - positives} negatives became"
            rf" positive and {positives} "
            rf"of {positives} positives negative, at thresholds from 0\.999 to 0\.999$"
        ),
    ):
        MetaCost(LogisticRegression(), random_state=0).fit(X, Y, cost_margins=cost_margins(999, 1))
    with pytest.raises(
        NotApplicable, match=r"made all 400 rows positive: .*, at thresholds from 0 to 0$"
    ):
        MetaCost(LogisticRegression(), random_state=0).fit(X, Y, cost_margins=cost_margins(0, 1))


def test_a_single_class_is_not_applicable() -> None:
    with pytest.raises(
        NotApplicable, match="MetaCost needs rows of both classes, and these have one alone"
    ):
        MetaCost(LogisticRegression()).fit(X, np.zeros_like(Y), cost_margins=cost_margins(1, 1))


@pytest.mark.parametrize(
    ("params", "at_stake", "message"),
    [
        (
            {"n_estimators": 0},
            cost_margins(1, 1),
            r"^n_estimators, .* must be an integer of 1 or more; found 0$",
        ),
        ({"n_estimators": 2.5}, cost_margins(1, 1), r"found 2\.5$"),
        (
            {"max_samples": 0},
            cost_margins(1, 1),
            r"^max_samples, .* must be a number above 0 and at most 1; found 0$",
        ),
        ({"max_samples": 1.5}, cost_margins(1, 1), r"found 1\.5$"),
        (
            {},
            cost_margins(1, 1, 3),
            r"^cost_margins must have one row for each of the 400 rows fitted on; found 3$",
        ),
        ({}, cost_margins(1, -1), r"^a wrong decision must cost at least as much as the right one"),
    ],
)
def test_invalid_parameters_are_errors(
    params: dict[str, Any], at_stake: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        MetaCost(LogisticRegression(), **params).fit(X, Y, cost_margins=at_stake)
