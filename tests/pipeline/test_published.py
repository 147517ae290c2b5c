"""Published numbers come out of the project's own stages and models; benchmarks/README.md says more
about each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import published
from benchmarks.published import (
    PUBLISHED,
    CrossValidated,
    Difference,
    Fetch,
    FirstExample,
    Net,
    Published,
)
from counterpoise.core import files, paths
from counterpoise.core.config import Model
from counterpoise.core.errors import SourceError
from counterpoise.core.paths import REPOSITORY
from counterpoise.data.tables import Table
from counterpoise.engine.fit import FitJob, FitResult
from tests.conftest import Stage, labels

SLOW = {"forest", "svm", "focal_on_sample"}
HERE = sorted({number.name for number in PUBLISHED if not number.full} - {"lecture_smote"})
NETS = {number.name: number.run for number in PUBLISHED if number.full}


@pytest.fixture
def fetch(mirror: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(mirror))
    return published.table_of


# The numbers


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.exhaustive] if n in SLOW else []) for n in HERE]
)
def test_the_published_numbers_come_out(name: str, fetch: Fetch) -> None:
    """Where it is known that they do not, what is known comes out."""
    asked = [number for number in PUBLISHED if number.name == name]
    for number, found in published.rows_of(asked, fetch):
        expected = "within" if number.ours is None else "differs, as known"
        assert number.verdict(float(np.median(found))) == expected, (number.metric, found)


@pytest.mark.parametrize(
    ("key", "entry", "value"),
    [("random_forest", Model(params={"n_estimators": 100}), 0.950), ("svm", published.SVM, 0.957)],
    ids=["forest of 100 trees", "svm"],
)
def test_one_repeat_of_ten_folds_comes_near_the_published_area(
    key: str, entry: Model, value: float, fetch: Fetch
) -> None:
    (found,) = CrossValidated(key, entry, repeats=1)(fetch)
    assert found["roc_auc"] == pytest.approx(value, abs=0.015)


def counts(found: published.Metrics) -> list[float]:
    return [found[name] for name in ("tn", "fp", "fn", "tp")]


def test_the_baseline_and_random_oversampling_come_out_exactly(fetch: Fetch) -> None:
    assert list(map(counts, FirstExample("none")(fetch))) == [[2178, 6, 32, 21]]
    assert list(map(counts, FirstExample("random_over")(fetch))) == [[1996, 188, 8, 45]]


def test_smote_comes_out_as_near_as_an_unseeded_result_can(fetch: Fetch) -> None:
    """The lecture drew without a seed: each of our seeds alone is near enough, and no two draw the
    same rows."""
    asked = [number for number in PUBLISHED if number.name == "lecture_smote"]
    for number, found in published.rows_of(asked, fetch):
        assert [number.verdict(one) for one in found] == ["within"] * 3
        assert len(set(found)) > 1


def test_the_stages_write_the_numbers_of_the_lecture(
    mirror: Path,
    stage: Stage,
    write_params: Callable[[dict[str, Any]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The whole road, from the original bytes to decisions.csv; the way that a student goes."""
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(mirror))
    content = published.lecture()
    content["strategies"] = {key: content["strategies"][key] for key in ("none", "random_over")}
    write_params(content)
    for name in ("fetch", "split", "audit", "resample", "train", "evaluate"):
        stage(name, "mammography")
    decisions: pd.DataFrame = files.read_csv(paths.evaluation("mammography") / "decisions.csv")
    half = decisions[decisions["rule"] == "half"].set_index("strategy")
    assert half.loc["none", ["tn", "fp", "fn", "tp"]].tolist() == [2178, 6, 32, 21]
    assert half.loc["random_over", ["tn", "fp", "fn", "tp"]].tolist() == [1996, 188, 8, 45]
    assert half.loc["random_over", "specificity"] == pytest.approx(0.913919, abs=1e-6)
    lecture = {"lecture_none": "none", "lecture_over": "random_over"}
    for number in PUBLISHED:
        if number.name in lecture:
            assert half.loc[lecture[number.name], number.metric] == pytest.approx(
                number.value, abs=1e-6
            )


# The protocols of the whole files, which are not here


@pytest.mark.parametrize("name", NETS)
def test_a_test_part_has_as_many_rows_as_the_published_one(name: str) -> None:
    net = NETS[name]
    assert isinstance(net, Net)
    rows = {"higgs": 250_000, "creditcard": 284_807}[net.dataset]
    published_rows = sum(
        n.value for n in PUBLISHED if n.name == name and n.metric in ("negatives", "positives")
    )
    whole = Table(("a",), np.zeros((rows, 1)), np.zeros(rows, np.int8))
    train, test = net._split(whole, seed=3)
    assert len(test) == published_rows
    assert not np.intersect1d(train, test).size
    assert all(
        np.array_equal(*pair) for pair in zip((train, test), net._split(whole, seed=0), strict=True)
    )


@pytest.mark.parametrize("name", NETS)
def test_a_protocol_reaches_our_net_as_it_was_published(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inputs as they are, once for each seed; seen where the fits begin."""
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 2)) * [1, 1000]
    X[::3, 1] = np.nan
    table = Table(("a", "b"), X, labels(200, 60, random))
    works: list[FitJob] = []

    def record_inputs(all_works: list[FitJob], label: str) -> list[FitResult]:
        works.extend(all_works)
        return [
            FitResult(table.y[w.test].astype(float), np.empty(0), {}, (), {}, [], 0, 0, 0)
            for w in all_works
        ]

    monkeypatch.setattr(published, "fitted", record_inputs)
    found = NETS[name](lambda dataset: table)
    assert [one["f1"] for one in found] == [1.0] * len(found)
    assert [work.seed for work in works] == list(published.SEEDS)
    missing = -999 if name.endswith("_as_coded") else pytest.approx(np.nanmean(X[:, 1]))
    expected = {
        "higgs_plain": {
            "layers": [300, 150],
            "optimizer": "rmsprop",
            "batch_size": 32,
            "epochs": 20,
        },
        "higgs_weighted": {
            "layers": [300, 150],
            "optimizer": "rmsprop",
            "batch_size": 32,
            "epochs": 10,
            "class_weight": {0: 1, 1: 2},
        },
        "card_plain": {"layers": [300, 150, 100, 50], "batch_size": 32, "epochs": 5},
        "card_focal": {
            "layers": [300, 150, 100, 50],
            "batch_size": 32,
            "epochs": 5,
            "loss": "focal",
            "loss_alpha": 0.15,
            "loss_gamma": 1.8,
        },
    }[name.removesuffix("_as_coded")]
    for work in works:
        assert (work.entry.scale, work.entry.params) == (False, expected)
        assert np.array_equal(work.X[1::3], X[1::3])
        assert work.X[0, 1] == missing
        assert len(set(work.X[::3, 1])) == 1


def test_the_addresses_and_sums_of_the_whole_files_are_those_of_the_parameters() -> None:
    text = (REPOSITORY / "params.yaml").read_text()
    for name in published.WHOLE:
        source = published.entry_of(name).source
        assert source is not None
        for file in source.files:
            for value in (file.name, *file.urls, file.sha256 or file.unpacked_sha256):
                assert value in text


# The table and the command


def number(value: float, tolerance: float | None, *found: float, **more: Any) -> Published:
    return Published(
        "mine",
        "somebody",
        "recall",
        value,
        tolerance,
        lambda _: [{"recall": f} for f in found],
        **more,
    )


def test_a_verdict_holds_the_number_against_the_tolerance() -> None:
    assert number(0.95, 0.01).verdict(0.96) == "within"
    assert number(0.95, 0.01).verdict(0.9601) == "outside"
    assert number(0.95, 0.01).verdict(float("nan")) == "outside"
    assert number(0.3, 0.1, ours=0.0).verdict(0.09) == "differs, as known"
    assert number(0.3, 0.1, ours=0.0).verdict(0.3) == "outside", (
        "it comes out after all, which has to be said"
    )


def test_a_claim_about_a_sign_needs_that_sign() -> None:
    assert number(-0.1, None).verdict(-0.001) == "within"
    for other in (0.0, 0.1, float("nan")):
        assert number(-0.1, None).verdict(other) == "outside"


def test_a_difference_is_taken_seed_by_seed() -> None:
    pair = Difference(number(0, 0, 0.9, 0.5).run, number(0, 0, 0.7, 0.6).run)
    assert [found["recall"] for found in pair(published.table_of)] == pytest.approx([0.2, -0.1])


def run_command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["benchmarks.published", *arguments])
    return published.main()


def test_the_command_says_which_number_is_outside(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = (
        number(0.5, 0.1, 0.3, 0.55, 0.6, note="careful"),
        replace(number(0.5, 0.1, 0.7), name="other"),
    )
    monkeypatch.setattr(published, "PUBLISHED", [good, bad])
    assert run_command(monkeypatch) == 1
    output = capsys.readouterr().out
    assert [line.split()[:7] for line in output.splitlines()[1:3]] == [
        ["mine", "recall", "0.5", "0.55", "+0.0500", "0.1", "within"],
        ["other", "recall", "0.5", "0.7", "+0.2000", "0.1", "outside"],
    ]
    assert "0.3 to 0.6, mean 0.4833" in output
    assert "[1] careful" in output
    assert run_command(monkeypatch, "--only", "mine") == 0


def test_a_whole_file_is_asked_for_in_so_many_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run_command(monkeypatch, "--only", "card_focal")
    assert "card_focal: say --full too" in capsys.readouterr().err


def test_bytes_that_are_not_here_are_not_downloaded(workplace: Path, no_mirror: None) -> None:
    with pytest.raises(SourceError) as error:
        published.table_of.__wrapped__("creditcard")
    assert "The bytes of creditcard.csv are not on this machine." in str(error.value)
    assert "COUNTERPOISE_MIRROR" in str(error.value)
    assert not paths.DOWNLOADS.exists()
