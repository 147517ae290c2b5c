"""The data checks: planted errors are found and counted, clean data give no finding, and a refusal
trains nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from counterpoise.commands import check
from counterpoise.core import config, files, paths, yaml12
from counterpoise.core.errors import ConfigurationError, TableError, guarded
from counterpoise.core.paths import REPOSITORY
from counterpoise.data import splitters
from counterpoise.data.checks import all_checks, duplicates, label_suspects, leakage, sentinels
from counterpoise.data.checks.all_checks import Report
from counterpoise.data.checks.codes import CHECKS
from counterpoise.data.checks.finding import MAX_EXAMPLE_ROWS, SEVERITIES, Finding
from counterpoise.data.checks.finding import finding as finding_of
from counterpoise.data.datasets import fetch
from counterpoise.data.folds import Parts
from counterpoise.data.tables import Table
from counterpoise.report.data_checks_section import finding_rows
from stages import audit
from tests.conftest import Stage, categorical_table, labels, mixed_table, numeric_table
from tests.helpers.project import Project

FOLDS = config.StratifiedKFold(folds=3, repeats=2)


def split_of(table: Table, scheme: Any = FOLDS) -> Parts:
    return splitters.split(table, scheme, 1, "mine")


def look(table: Table, scheme: Any = FOLDS, **options: bool) -> Report:
    return all_checks.find(table, split_of(table, scheme), scheme.scheme, 1, "mine", **options)


def of_kind(report: Report, kind: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.kind == kind]


def the(report: Report, kind: str) -> Finding:
    (finding,) = of_kind(report, kind)
    return finding


def with_column(table: Table, name: str, values: Any, category: tuple[str, ...] = ()) -> Table:
    return replace(
        table,
        features=(*table.features, name),
        X=np.column_stack([table.X, np.asarray(values, float)]),
        categories={**table.categories, **({name: category} if category else {})},
    )


def rows_of(table: Table, rows: Any) -> Table:
    return replace(
        table, X=table.X[rows], y=table.y[rows], roles={k: v[rows] for k, v in table.roles.items()}
    )


@pytest.fixture(scope="module")
def committed(mirror_of_session: Path) -> dict[str, tuple[Table, Report]]:
    """The findings of the four default datasets under the committed parameters."""
    params = config.load(REPOSITORY / "params.yaml")
    found = {}
    for name in ("digits", "mammography", "creditcard_sample", "higgs_sample"):
        table, _ = fetch(name, params.dataset(name), download=False)
        scheme = params.split_of(name)
        parts = splitters.split(table, scheme, params.seed, name)
        found[name] = table, all_checks.find(table, parts, scheme.scheme, params.seed, name)
    return found


@pytest.fixture(scope="module")
def mirror_of_session(mirror: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERPOISE_MIRROR", str(mirror))
        patch.chdir(REPOSITORY)
        yield mirror


# The datasets of the repository, as an expert would judge them.


def test_mammography_has_the_duplicates_that_are_known_of_it(
    committed: dict[str, tuple[Table, Report]],
) -> None:
    _, report = committed["mammography"]
    # 7,849 distinct rows when the label counts; the one vector that has both labels is one row
    # without it
    assert report.distinct == {
        "rows": 11_183,
        "distinct": 7_848,
        "distinct_with_label": 7_849,
        "most_frequent": {"rows": 3_329, "positives": 7, "first": 10},
    }
    assert the(report, "duplicates").count == 11_183 - 7_848
    assert "3,329 times, with 7 positives" in the(report, "duplicates").sentence
    contradictions = the(report, "contradictions")
    assert (contradictions.severity, contradictions.count, contradictions.of) == ("warning", 7, 260)
    assert the(report, "twins").severity == "warning"
    assert the(report, "twins").count > 3_300
    assert (
        "0 of 260 positive test rows have one there and no negative duplicate"
        in the(report, "twins").sentence
    )
    assert {finding.kind for finding in report.findings if finding.severity != "note"} == {
        "twins",
        "contradictions",
    }


def test_the_examples_are_the_rows_of_the_published_file(
    committed: dict[str, tuple[Table, Report]], mirror: Path
) -> None:
    raw = pd.read_csv(mirror / "mammography.csv", header=None)
    table, report = committed["mammography"]
    rows = [row - 1 for row in the(report, "contradictions").rows]
    assert set(raw.iloc[rows][6]) == {"'1'"}
    assert len(raw.iloc[rows].drop(columns=6).drop_duplicates()) == 1
    later = [row - 1 for row in the(report, "duplicates").rows]
    assert raw.drop(columns=6).duplicated().iloc[later].all()
    assert table.y[rows].all()


def test_digits_are_clean(committed: dict[str, tuple[Table, Report]]) -> None:
    table, report = committed["digits"]
    assert {finding.severity for finding in report.findings} == {"note"}
    constant = the(report, "constant").columns
    assert constant == tuple(np.array(table.features)[np.ptp(table.X, axis=0) == 0])
    assert {finding.kind for finding in report.findings} <= {
        "constant",
        "nearly_constant",
        "label_noise",
    }
    assert the(report, "label_noise").count <= 3


def test_a_suspect_in_mammography_is_a_hard_row_rather_than_a_wrong_label(
    committed: dict[str, tuple[Table, Report]],
) -> None:
    finding = the(committed["mammography"][1], "label_noise")
    assert finding.severity == "note"
    assert "the classes overlap" in finding.sentence


def test_events_of_higgs_are_clean_and_their_overlap_is_no_warning(
    committed: dict[str, tuple[Table, Report]],
) -> None:
    _, report = committed["higgs_sample"]
    assert [(finding.kind, finding.severity) for finding in report.findings] == [
        ("label_noise", "note")
    ]
    assert "overlap" in report.findings[0].sentence


def test_higgs_without_its_sentinels_has_a_finding_with_their_columns(
    mirror_of_session: Path, committed: dict[str, tuple[Table, Report]]
) -> None:
    entry = config.load().dataset("higgs_sample").model_copy(update={"sentinels": {}})
    table, _ = fetch("higgs_sample", entry, download=False)
    finding = the(look(table, labels=False), "sentinel")
    holding = (table.X == -999).any(axis=0)
    assert finding.columns == tuple(np.array(table.features)[holding])
    assert finding.count == (table.X == -999).sum()
    assert "add -999 to `sentinels`" in finding.todo


def test_the_card_payments_are_warned_of_and_not_refused(
    committed: dict[str, tuple[Table, Report]],
) -> None:
    table, report = committed["creditcard_sample"]
    assert not report.serious
    # so few frauds that an honest component of a rotation nearly tells them
    leak = the(report, "leak")
    assert (leak.severity, leak.columns) == ("warning", ("V14",))
    order = the(report, "time_order")
    assert order.severity == "warning"
    assert order.count > 0.99 * order.of
    frame = pd.DataFrame(table.X).assign(y=table.y, time=table.roles["time"])
    assert (
        f"{frame.duplicated().sum()} of them the label, time" in the(report, "duplicates").sentence
    )
    assert the(report, "duplicates").count == frame.drop(columns=["y", "time"]).duplicated().sum()


def test_the_published_tables_of_a_benchmark_have_no_finding_but_duplicates(mirror: Path) -> None:
    """No leak, sentinel or identifier is found in any of them; the letters have so many copies that
    they are refused."""
    findings_by_table = {}
    for path in sorted((mirror / "zenodo61452").glob("*.npz")):
        with np.load(path) as content:
            X, y = content["data"].astype(float), (content["label"] == 1).astype(np.int8)
        table = Table(tuple(f"f{k}" for k in range(X.shape[1])), X, y)
        findings_by_table[path.stem] = {
            f.kind: f.severity for f in look(table, labels=False).findings if f.severity != "note"
        }
    assert len(findings_by_table) > 20
    letters, mammography = findings_by_table.pop("x21data"), findings_by_table.pop("x25data")
    assert letters == {"twins": "serious", "near_duplicates": "warning"}
    assert mammography == {"twins": "warning", "contradictions": "warning"}
    # in arrhythmia two measures of the heart beat are 0, and else at least 103 and 37
    assert findings_by_table.pop("x16data") == {"sentinel": "warning"}
    assert all(found in ({}, {"twins": "warning"}) for found in findings_by_table.values())


@pytest.mark.parametrize("table", [numeric_table(), mixed_table(), numeric_table(2_000, 200)])
def test_clean_synthetic_data_have_no_finding(table: Table) -> None:
    assert {finding.severity for finding in look(table).findings} <= {"note"}


def test_a_few_categories_coincide_by_nature() -> None:
    report = look(categorical_table(2_000, 200))
    assert the(report, "duplicates").severity == the(report, "contradictions").severity == "note"
    assert not report.serious


# One planted error of each kind.


def test_a_table_of_copied_positives_is_serious_and_grouped_folds_are_not() -> None:
    """The classic mistake: oversampled before the split."""
    table = numeric_table()
    positives = np.flatnonzero(table.y)
    copied = rows_of(table, np.concatenate([np.arange(len(table)), positives, positives]))
    report = look(copied)
    assert the(report, "duplicates").count == 2 * len(positives)
    twins = the(report, "twins")
    assert twins.severity == "serious"
    assert twins.of == len(copied)
    parts = split_of(copied)
    groups = pd.DataFrame(copied.X).groupby(list(range(3)), sort=False).ngroup().to_numpy()
    expected = sum(np.isin(groups[f.test], groups[f.train]).sum() for f in parts if f.repeat == 0)
    assert twins.count == expected
    assert not of_kind(look(copied, config.Grouped(scheme="grouped", folds=3)), "twins")


def test_rows_with_both_labels_are_counted_by_their_positives() -> None:
    table = numeric_table()
    first, last = np.flatnonzero(table.y)[:3], np.flatnonzero(table.y == 0)[:3]
    table.X[last] = table.X[first]
    finding = the(look(table), "contradictions")
    assert (finding.count, finding.of, finding.severity) == (3, 30, "warning")
    assert finding.rows == tuple(first + 1)
    assert "3 negative rows" in finding.sentence


def test_a_leak_is_found_by_value_by_category_and_by_what_is_missing() -> None:
    table = numeric_table(600, 60)
    y, random = table.y, np.random.default_rng(1)
    planted = with_column(table, "refund", y * 5 + random.random(600))
    planted = with_column(planted, "falling", -y * 5 - random.random(600))
    planted = with_column(
        planted,
        "status",
        np.where(y == 1, random.integers(0, 2, 600) * 3, random.integers(1, 3, 600)),
        ("closed", "new", "open", "paid"),
    )
    planted = with_column(planted, "code", np.where(y == 1, 7, random.choice([3, 11], 600)))
    planted = with_column(planted, "closed_on", np.where(y == 1, random.normal(size=600), np.nan))
    report = look(planted)
    leak = the(report, "leak")
    assert leak.severity == "serious"
    assert set(leak.columns) == {"refund", "falling", "status", "code", "closed_on"}
    assert "as a category: " in leak.sentence
    assert "by being missing or not: " in leak.sentence


def test_a_strong_feature_is_no_leak() -> None:
    table = numeric_table(2_000, 100)
    random = np.random.default_rng(2)
    strong = table.y * 3 + random.normal(size=2_000)
    assert 0.97 < roc_auc_score(table.y, strong) < leakage.LEAK_ROC_AUC
    assert not of_kind(look(with_column(table, "strong", strong), labels=False), "leak")


def test_many_categories_of_few_rows_are_no_leak() -> None:
    """In its own rows a category of one row has its label; only the other half of the rows
    counts."""
    table = numeric_table(600, 60)
    names = tuple(f"{k:03}" for k in range(290))
    planted = with_column(table, "street", np.random.default_rng(3).integers(0, 290, 600), names)
    assert not of_kind(look(planted, labels=False), "leak")


def test_columns_that_number_or_name_rows() -> None:
    table, random = numeric_table(), np.random.default_rng(4)
    planted = with_column(table, "shuffled", random.permutation(240) + 1000)
    planted = with_column(planted, "written", np.sort(random.random(240)))
    planted = with_column(planted, "name", np.arange(240), tuple(f"{k:04}" for k in range(240)))
    planted = with_column(planted, "cents", random.choice(10**9, 240, replace=False))
    planted = with_column(planted, "age", random.integers(18, 90, 240))
    sure, perhaps = of_kind(look(planted), "id")
    assert (sure.severity, sure.columns) == ("warning", ("shuffled", "written", "name"))
    assert (perhaps.severity, perhaps.columns) == ("note", ("cents",))


def test_constant_columns_and_nearly_constant_ones() -> None:
    table = numeric_table(2_000, 100)
    rare = np.full(2_000, 3.0)
    rare[41] = 4
    planted = with_column(with_column(table, "rare", rare), "same", np.full(2_000, 3))
    planted = with_column(planted, "empty", np.full(2_000, np.nan))
    report = look(planted, labels=False)
    assert the(report, "constant").columns == ("same",)
    assert the(report, "empty").columns == ("empty",) and the(report, "empty").severity == "warning"
    assert the(report, "nearly_constant").columns == ("rare",)
    assert the(report, "nearly_constant").rows == (42,)


@pytest.mark.parametrize("value", [-999, -1, 9999, -9, 1e6])
def test_a_sentinel_is_found_with_its_rows(value: float) -> None:
    table, random = numeric_table(1_000, 100), np.random.default_rng(5)
    amounts = random.integers(0, 200, 1_000).astype(float)
    hit = np.sort(random.choice(1_000, 60, replace=False))
    amounts[hit] = value
    finding = the(look(with_column(table, "amount", amounts), labels=False), "sentinel")
    assert (finding.count, finding.columns) == (60, ("amount",))
    assert finding.rows == tuple(hit[:10] + 1)
    assert f"add {value:g} to" in finding.todo


def test_several_sentinels_at_both_ends() -> None:
    values, counts = np.unique(
        np.r_[np.linspace(0, 90, 500), [-999] * 20, [-998] * 10, [9999] * 30], return_counts=True
    )
    assert sentinels.suspicious(values, counts) == [-999, -998, 9999]


HONEST = {
    "counts": lambda random, n: random.poisson(random.uniform(0.1, 30), n),
    "counts from -1": lambda random, n: random.poisson(random.uniform(0.5, 30), n) - 1,
    "geometric from -1": lambda random, n: random.geometric(random.uniform(0.02, 0.5), n) - 2,
    "one-hot": lambda random, n: random.random(n) < 0.02,
    "ternary": lambda random, n: random.integers(-1, 2, n),
    "rating": lambda random, n: random.integers(1, 11, n),
    "normal": lambda random, n: random.normal(size=n) * 100,
    "heavy tail": lambda random, n: random.standard_cauchy(n),
    "money": lambda random, n: np.round(random.lognormal(3, 2, n), 2),
    "mostly zero": lambda random, n: np.where(random.random(n) < 0.9, 0, random.lognormal(3, 1, n)),
    "capped": lambda random, n: np.minimum(random.normal(40, 12, n), 50),
    "centred on whole numbers": lambda random, n: random.integers(-20, 21, n),
}


@given(st.sampled_from(sorted(HONEST)), st.integers(0, 10_000), st.integers(50, 3_000))
def test_honest_columns_hold_no_sentinel(kind: str, seed: int, rows: int) -> None:
    values, counts = np.unique(HONEST[kind](np.random.default_rng(seed), rows), return_counts=True)
    assert sentinels.suspicious(values.astype(float), counts) == []


def test_a_random_split_of_a_table_with_time_has_a_finding_on_the_prevalence() -> None:
    random = np.random.default_rng(6)
    y = (random.random(3_000) < np.linspace(0.02, 0.2, 3_000)).astype(np.int8)
    shuffled = random.permutation(3_000)
    drifting = Table(
        ("x",), random.normal(size=(3_000, 1)), y[shuffled], roles={"time": shuffled.astype(float)}
    )
    order = the(look(drifting, labels=False), "time_order")
    assert order.severity == "warning"
    assert 0.99 * order.of < order.count < order.of
    lowest, highest = y[:300].mean(), y[-300:].mean()
    assert f"between {100 * lowest:.2f} %" in order.sentence or lowest > y[300:600].mean()
    assert f"{100 * highest:.2f} %" in order.sentence or highest < y[-600:-300].mean()
    steady = replace(drifting, y=labels(3_000, 300, random))
    assert the(look(steady, labels=False), "time_order").severity == "note"
    assert not of_kind(
        look(drifting, config.Temporal(scheme="temporal"), labels=False), "time_order"
    )


def test_flipped_labels_are_the_suspects(committed: dict[str, tuple[Table, Report]]) -> None:
    table, _ = committed["digits"]
    random = np.random.default_rng(7)
    flipped = random.choice(len(table), 25, replace=False)
    y = table.y.copy()
    y[flipped] = 1 - y[flipped]
    noisy = replace(table, y=y)
    found = label_suspects.suspects(noisy, duplicates.row_ids(noisy.X), 1)
    hits = np.isin(found.rows, flipped)
    assert hits.sum() >= 18
    assert hits.mean() >= 0.75
    assert the(look(noisy), "label_noise").severity == "warning"


def test_with_few_positives_labels_are_listed_as_unchecked() -> None:
    report = look(numeric_table(240, 20))
    assert report.unchecked == {"label_noise": "the rarer class has 20 rows, and 25 are needed"}
    assert "the rarer class has 20 rows" in finding_rows(report.content())[-1].sentence


def test_a_model_that_cannot_separate_the_classes_contradicts_no_label() -> None:
    table = numeric_table(1_000, 80)
    blind = replace(table, X=np.random.default_rng(9).normal(size=table.X.shape))
    report = look(blind)
    assert not of_kind(report, "label_noise")
    assert "cannot separate the classes" in report.unchecked["label_noise"]


def test_a_large_table_is_sampled_and_keeps_its_positives() -> None:
    y = labels(60_000, 400, np.random.default_rng(8))
    rows = label_suspects.sample(y, 1)
    assert len(rows) == len(set(rows)) == label_suspects.MAX_ROWS
    assert y[rows].sum() == 400
    assert np.array_equal(rows, label_suspects.sample(y, 1))
    assert not np.array_equal(rows, label_suspects.sample(y, 2))


def test_a_wide_table_is_looked_at_in_the_same_features_each_time() -> None:
    table = numeric_table(400, 60)
    wide = replace(table, features=tuple(f"f{k}" for k in range(600)), X=np.tile(table.X, 200))
    found = [label_suspects.suspects(wide, duplicates.row_ids(wide.X), 1) for _ in range(2)]
    assert np.array_equal(found[0].rows, found[1].rows)
    assert len(found[0].looked_at) == 400


def test_a_row_is_never_judged_by_its_copy(committed: dict[str, tuple[Table, Report]]) -> None:
    table, _ = committed["mammography"]
    groups = duplicates.row_ids(table.X)
    folds = label_suspects.grouped_folds(groups, table.y, 1)
    assert pd.Series(folds).groupby(groups).nunique().eq(1).all()
    assert np.bincount(folds, weights=table.y).min() > 40


# What must hold whatever the data.

small = arrays.arrays(
    float,
    st.tuples(st.integers(12, 40), st.integers(1, 4)),
    elements=st.sampled_from([0.0, -0.0, 1.0, 2.5, -1.0, -999.0, np.nan]),
)


@given(small)
def test_duplicates_are_those_of_pandas(X: np.ndarray) -> None:
    groups = duplicates.row_ids(X)
    again = pd.DataFrame(X + 0.0).duplicated().to_numpy()
    assert np.array_equal(duplicates.repeated_rows(groups), again)


@given(small, st.integers(0, 99), st.booleans())
def test_every_finding_counts_within_bounds_and_names_rows_and_columns_that_exist(
    X: np.ndarray, seed: int, category: bool
) -> None:
    random = np.random.default_rng(seed)
    names = tuple("abcd"[: X.shape[1]])
    if category:
        X[:, 0] = np.where(np.isnan(X[:, 0]), np.nan, random.integers(0, 3, len(X)))
    y = labels(len(X), int(random.integers(3, len(X) - 3)), random)
    time = random.integers(0, 5, len(X)).astype(float)
    table = Table(names, X, y, {"a": ("p", "q", "r")} if category else {}, {"time": time})
    report = look(table)
    for finding in report.findings:
        assert 0 < finding.count <= finding.of
        assert set(finding.columns) <= set(names)
        assert all(1 <= row <= len(X) for row in finding.rows)
        assert len(finding.rows) == len(set(finding.rows)) <= MAX_EXAMPLE_ROWS
        assert finding.sentence.endswith(".")
        assert finding.todo.endswith(".")
        assert "$" not in finding.todo
    severities = [SEVERITIES.index(finding.severity) for finding in report.findings]
    assert severities == sorted(severities)
    assert len(finding_rows(report.content())) == len(report.findings) + len(report.unchecked)
    assert look(table) == report


@given(small, st.integers(0, 99))
def test_the_order_of_the_rows_changes_no_count_of_rows(X: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    table = Table(tuple("abcd"[: X.shape[1]]), X, labels(len(X), 5, random))
    other = rows_of(table, random.permutation(len(X)))
    counts = [
        {
            (f.kind, f.count, f.of, f.columns)
            for f in look(t, labels=False).findings
            if f.kind not in {"twins", "near_duplicates", "id"}
        }
        for t in (table, other)
    ]
    assert counts[0] == counts[1]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60).filter(
        lambda rows: 0 < sum(label for _, label in rows) < len(rows)
    )
)
def test_a_ranking_by_steps_is_that_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    score, y = np.array([score for score, _ in rows]), np.array([label for _, label in rows])
    positive, all_rows = np.bincount(score, weights=y, minlength=7), np.bincount(score, minlength=7)
    auc, precision = leakage.ranked(positive, all_rows - positive)
    assert auc == pytest.approx(roc_auc_score(y, score))
    assert precision == pytest.approx(average_precision_score(y, score))


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=60).filter(
        lambda rows: 0 < sum(label for _, label in rows) < len(rows)
    )
)
def test_a_suspect_is_likelier_of_the_other_class_than_what_is_usual_there(
    rows: list[tuple[float, bool]],
) -> None:
    positive, y = (
        np.array([p for p, _ in rows]),
        np.array([label for _, label in rows]).astype(np.int8),
    )
    found = label_suspects.confident(positive, y)
    own = np.where(y == 1, positive, 1 - positive)
    assert list(own[found]) == sorted(own[found])
    usual = [own[y == 0].mean(), own[y == 1].mean()]
    for row in found:
        assert 1 - own[row] >= usual[1 - y[row]]
    # a row that is as likely of its own class as is usual there, and no likelier of the other, is
    # none
    assert not set(found) & set(np.flatnonzero((own >= np.array(usual)[y]) & (own >= 0.5)))


# The stage, and the gate that it keeps.

ENTRY = {"path": "data/mine.csv", "target": "churned", "positive": "yes"}


def params(**entry: Any) -> dict[str, Any]:
    return {
        "seed": 1,
        "datasets": {"mine": {**ENTRY, **entry}},
        "strategies": {"none": {}},
        "models": {"logistic_regression": {}},
        "split": {"scheme": "holdout"},
        "goal": "ranking",
        "worth": {},
        "thresholds": {},
        "costs": {},
    }


def leaking(rows: int = 300) -> pd.DataFrame:
    """A table whose column `refunded` is written after a customer has left."""
    table = numeric_table(rows, 40)
    frame = pd.DataFrame(table.X, columns=list(table.features))
    return frame.assign(
        refunded=table.y * 10.0 + frame["tiny"], churned=np.where(table.y == 1, "yes", "no")
    )


@pytest.fixture
def place(workplace: Path) -> Path:
    (workplace / "data").mkdir()
    leaking().to_csv("data/mine.csv", index=False)
    return workplace


def written(content: dict[str, Any]) -> None:
    Path("params.yaml").write_text(yaml12.dump(content))


def test_the_stage_reports_the_same_bytes_each_time(place: Path, stage: Stage) -> None:
    written(params())
    stage("fetch", "mine")
    stage("split", "mine")
    stage("audit", "mine")
    report = paths.audit("mine").read_bytes()
    content = files.read_json(paths.audit("mine"))
    assert content["findings"][0]["kind"] == "leak"
    assert content["findings"][0]["severity"] == "serious"
    assert finding_rows(content)[0].code == CHECKS["leak"].code
    stage("audit", "mine")
    assert paths.audit("mine").read_bytes() == report
    written(params(drop=["refunded"]))
    for name in ("fetch", "split", "audit"):
        stage(name, "mine")
    assert paths.audit("mine").read_bytes() != report


def test_a_serious_finding_is_refused_in_the_form_of_all_errors(
    place: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(params(data_checks="fail"))
    stage("fetch", "mine")
    stage("split", "mine")
    monkeypatch.setattr(sys, "argv", ["audit", "mine"])
    assert guarded(audit.main)() == 1
    text = capsys.readouterr().err
    for words in (
        "error: The data checks of mine have a serious finding.",
        "where:",
        "datasets.mine",
        "expected:",
        "'refunded'",
        "ROC AUC 1.0000",
        "to do:",
        "`drop`",
        "`data_checks: warn`",
    ):
        assert words in text
    assert paths.audit("mine").is_file(), "the report names what to correct"
    monkeypatch.setattr(sys, "argv", ["check"])
    assert check.main() == 1
    assert "'refunded'" in capsys.readouterr().err


def test_what_is_not_serious_is_let_through(place: Path, stage: Stage) -> None:
    leaking().drop(columns="refunded").assign(same=1).to_csv("data/mine.csv", index=False)
    written(params(data_checks="fail"))
    for name in ("fetch", "split", "audit"):
        stage(name, "mine")
    assert files.read_json(paths.audit("mine"))["findings"][0]["kind"] == "constant"


def test_data_checks_takes_two_words(place: Path) -> None:
    written(params(data_checks="stop"))
    with pytest.raises(ConfigurationError, match="has an error") as caught:
        config.load()
    assert "datasets.mine.data_checks: Input should be 'warn' or 'fail', found 'stop'" in str(
        caught.value
    )


def test_the_former_name_of_data_checks_is_an_unknown_key(place: Path) -> None:
    written(params(defects="fail"))
    with pytest.raises(ConfigurationError, match="has an error") as caught:
        config.load()
    assert "datasets.mine: unknown key 'defects'; the keys here are: " in str(caught.value.found)
    assert "rename `defects` to `data_checks`" in str(caught.value.todo)


def test_the_error_lists_all_serious_findings() -> None:
    one = replace(finding_of("leak", "serious", 1, 2, "One sentence."), todo="Do this.")
    error = all_checks.refusal("mine", Report((one, replace(one, sentence="Another.")), {}))
    assert isinstance(error, TableError)
    assert "2 serious findings" in str(error)
    assert "CP301 One sentence.\n            CP301 Another." in str(error)
    assert error.todo == "Do this. Or go on as it is with `data_checks: warn`."


@pytest.mark.slow
def test_the_pipeline_stops_before_anything_is_resampled(tmp_path: Path) -> None:
    project = Project.copied(tmp_path)
    (project.folder / "dvc.lock").unlink(missing_ok=True)
    leaking().to_csv(project.folder / "data" / "mine.csv", index=False)
    project.params = params(data_checks="fail")
    refused = project.dvc("repro", "train@mine")
    assert refused.status != 0
    assert "`data_checks: warn`" in refused.text
    assert refused.computing == {"check"}, "a table on this machine is checked first"
    assert not (project.folder / "data" / "resampled").exists()

    project.params = params(data_checks="warn")
    assert project.repro("train@mine").computing == {
        "check",
        *(f"{stage}@mine" for stage in ("fetch", "split", "audit", "resample", "train")),
    }


@pytest.mark.parametrize("values", [0, 1, 3])
def test_a_column_with_no_value_or_hardly_one_stops_nothing(values: int) -> None:
    random = np.random.default_rng(8)
    y = labels(400, 60, random)
    X = np.column_stack(
        [random.normal(size=400) + 2 * y, random.normal(size=400), np.full(400, np.nan)]
    )
    X[:values, 2] = 1.0
    report = look(Table(("a", "b", "empty"), X, y))
    assert not report.unchecked
    assert bool(of_kind(report, "empty")) == (values == 0)
