"""The device that XGBoost fits on: a missing one is an error, and never stands for one
that is.

The environment that the tests run in has XGBoost's wheel for the CPU, which takes `device: cuda`
and computes on the CPU.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counterpoise.champion.estimators import load, save
from counterpoise.champion.refit import Seeds, refit
from counterpoise.commands import check
from counterpoise.core import config, files, paths, yaml12
from counterpoise.core.config import Model, Params
from counterpoise.core.errors import ConfigurationError, DeviceError
from counterpoise.engine import devices
from counterpoise.engine.fit import FitJob, fit, train
from counterpoise.evaluation import levels
from counterpoise.models import registry as models
from counterpoise.tracking import items
from tests.conftest import fit_keys, mixed_table
from tests.helpers.computed import computed
from tests.models.test_registry import TEST, TRAIN, VALIDATION, work_of
from tests.pipeline.test_pipeline import own_table

PARAMS: dict[str, Any] = {
    "seed": 2,
    "datasets": {
        "mine": {"path": "mine.csv", "target": "churned", "positive": "yes", "drop": ["customer"]}
    },
    "strategies": {"none": {}},
    "models": {
        "xgboost": {"params": {"n_estimators": 5}},
        "either": {"model": "xgboost", "device": "auto", "params": {"n_estimators": 5}},
        "fast": {"model": "xgboost", "device": "cuda", "params": {"n_estimators": 5}},
        "second": {"model": "xgboost_focal", "device": "cuda:1", "params": {"n_estimators": 5}},
    },
    "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 1, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {},
}
TABLE = mixed_table()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Results of all four models, made by the stages."""
    folder = tmp_path_factory.mktemp("devices")
    with contextlib.chdir(folder):
        own_table(300).to_csv("mine.csv", index=False)
        computed(PARAMS)
    return folder


@pytest.fixture
def here(results: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(results)
    return results


def on(device: str, model: str = "xgboost", **params: Any) -> FitJob:
    work = work_of("mine", TABLE, model=model, **params)
    return replace(
        work,
        entry=work.entry.model_copy(update={"device": device}),
        device=devices.resolved(device),
    )


# In params.yaml


@pytest.mark.parametrize(
    "device", ["gpu", "cuda:", "cuda:01", "cuda:-1", "CUDA", 1, True, ["cuda"]]
)
def test_a_device_is_one_of_a_few_words(device: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"models\.xgboost\.device: must be cpu, cuda, auto or one"
    ) as caught:
        config.parse({**PARAMS, "models": {"xgboost": {"device": device}}})
    assert repr(device) in str(caught.value)


def test_a_numbered_device_can_be_written_in_one_line() -> None:
    params = config.parse(
        {**PARAMS, "models": yaml12.load("{xgboost: {device: 'cuda:1'}, mlp: {device: cpu}}")}
    )
    assert [model.device for model in params.models.values()] == ["cuda:1", "cpu"]


@pytest.mark.parametrize("device", ["cuda", "auto"])
@pytest.mark.parametrize("model", sorted(models.MODELS))
def test_a_device_is_for_the_models_that_can_use_it(model: str, device: str) -> None:
    strategies = ("none",) if models.MODELS[model].alone else "all"
    entry = Model(device=device, strategies=strategies)
    if model in ("xgboost", "xgboost_weighted", "xgboost_focal"):
        models.check(model, entry)
    else:
        with pytest.raises(ConfigurationError, match="computes on the CPU only") as caught:
            models.check(model, entry)
        assert caught.value.where == f"params.yaml: models.{model}.device"


@pytest.mark.parametrize("params", [{"booster": "gblinear"}, {"tree_method": "exact"}])
def test_what_xgboost_does_on_the_cpu_alone_is_refused_with_a_device(
    params: dict[str, Any],
) -> None:
    models.check("xgboost", Model(params=params))
    ((name, value),) = params.items()
    with pytest.raises(ConfigurationError, match=f"{name}: {value} computes on the CPU only"):
        models.check("xgboost", Model(device="cuda", params=params))
    with pytest.raises(ConfigurationError, match=f"{name}: {value} computes on the CPU only"):
        models.check(
            "xgboost", Model(device="cuda", search={"trials": 2, "space": {name: [None, value]}})
        )


def test_the_error_for_xgboosts_own_parameter_names_the_key_to_use() -> None:
    with pytest.raises(ConfigurationError) as caught:
        models.check("xgboost", Model(params={"device": "cuda"}))
    assert "`device: cuda` stands beside `params`" in str(caught.value)
    with pytest.raises(ConfigurationError, match="A model's parameter has a wrong value") as inside:
        models.check(
            "autoencoder_xgboost",
            Model(strategies=("none",), params={"xgboost": {"device": "cuda"}}),
        )
    assert "found 'device'" in str(inside.value)


# What is there


def test_xgboost_itself_computes_on_the_cpu_where_a_device_is_missing() -> None:
    """What all of this is about; if XGBoost refused one day, the words of the message would be
    wrong."""
    assert devices.device_used("cuda") == "cpu"
    with pytest.warns(UserWarning, match="Device is changed from GPU to CPU"):
        models.make("xgboost", Model(), 0).set_params(device="cuda", n_estimators=1).fit(
            np.eye(2), [0, 1]
        )


def test_auto_is_the_cpu_where_there_is_nothing_else_and_gives_the_same_scores() -> None:
    assert [devices.resolved(device) for device in ("auto", "cpu", "cuda", "cuda:1")] == [
        "cpu",
        "cpu",
        "cuda",
        "cuda:1",
    ]
    for either, plain in (
        (fit(on("auto", model)), fit(on("cpu", model))) for model in ("xgboost", "xgboost_focal")
    ):
        np.testing.assert_array_equal(either.test, plain.test)
        np.testing.assert_array_equal(either.validation, plain.validation)
        assert either.notes == plain.notes == ()


def test_a_fit_on_a_device_that_is_not_there_fails_before_it_begins() -> None:
    with pytest.raises(DeviceError, match="The device cuda is not there") as caught:
        fit(on("cuda"))
    assert caught.value.where == "params.yaml: models.mine.device"
    assert "requirements-gpu.lock" in str(caught.value.todo)


@pytest.mark.parametrize(
    ("device", "found", "with_cuda", "output", "todo"),
    [
        (
            "cuda",
            "cpu",
            False,
            "xgboost 3.2.0 that was built for the CPU alone",
            "requirements-gpu.lock",
        ),
        (
            "cuda:1",
            "cpu",
            False,
            "xgboost 3.2.0 that was built for the CPU alone",
            "requirements-gpu.lock",
        ),
        (
            "cuda",
            "cpu",
            True,
            "xgboost 3.2.0 with CUDA, and no device that answers it",
            "nvidia-smi",
        ),
        ("cuda:4", "cuda:0", True, "xgboost 3.2.0 takes cuda:0 in its place", "which numbers"),
        (
            "cuda",
            "XGBoostError: out of memory",
            True,
            "xgboost 3.2.0 says: XGBoostError: out of memory",
            "nvidia-smi",
        ),
    ],
)
def test_each_kind_of_not_there_has_its_own_way_out(
    device: str, found: str, with_cuda: bool, output: str, todo: str
) -> None:
    error = devices.refusal(device, found, "3.2.0", built_with_cuda=with_cuda, where="here")
    assert error is not None
    assert error.found == output
    assert todo in str(error.todo)
    assert str(error.todo).endswith("or write device: auto or cpu.")


@pytest.mark.parametrize(
    ("device", "found"), [("cuda", "cuda:0"), ("cuda:0", "cuda:0"), ("cuda:1", "cuda:1")]
)
def test_a_device_that_answers_is_there(device: str, found: str) -> None:
    assert devices.refusal(device, found, "3.2.0", built_with_cuda=True, where="here") is None


def test_check_tells_before_any_work_and_touches_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()}
    monkeypatch.setattr("sys.argv", ["check"])
    assert check.main() == 0  # a colleague without the device may still pull the results
    captured = capsys.readouterr()
    assert captured.err.count("warning: The device cuda") == 2
    assert "params.yaml: models.fast.device" in captured.err
    assert "The device cuda:1 is not there" in captured.err
    assert "device: auto is cpu on this machine" in captured.err
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()} == before


# In the pipeline


def test_the_cells_of_a_device_that_is_not_there_fail_with_the_reason_and_the_others_have_results(
    here: Path,
) -> None:
    cells = files.read_json(paths.scores("mine", "none") / "cells.json")["models"]
    assert {key: (cell["status"], cell["device"]) for key, cell in cells.items()} == {
        "xgboost": ("ok", "cpu"),
        "either": ("ok", "cpu"),
        "fast": ("failed", "cuda"),
        "second": ("failed", "cuda:1"),
    }
    for word in (
        "DeviceError: The device cuda is not there",
        "XGBoost would compute elsewhere with only a warning",
        "built for the CPU alone",
        "requirements-gpu.lock",
        "(repeat 0, fold 0 and 1 more)",
    ):
        assert word in cells["fast"]["reason"]
    board = files.read_csv(paths.evaluation("mine") / "leaderboard.csv").set_index("model")
    assert board.loc["fast", "reason"] == cells["fast"]["reason"]
    assert board.loc["either", "average_precision"] == board.loc["xgboost", "average_precision"]


def test_a_run_in_mlflow_has_the_device_that_it_was_fitted_on(here: Path) -> None:
    results = items.results("mine", config.load())
    found = {}
    for model in PARAMS["models"]:
        made = items.items(results, f"none/{model}")
        found[model] = [
            item.value for item in made if isinstance(item, items.Param) and item.name == "device"
        ]
    assert found == {"xgboost": ["cpu"], "either": ["cpu"], "fast": ["cuda"], "second": ["cuda:1"]}


def test_cells_of_two_devices_are_two_in_the_store() -> None:
    def key(**more: str) -> str:
        content = {
            **PARAMS,
            "models": {"xgboost": more},
            "strategies": {"none": {}},
            "split": {"scheme": "holdout"},
        }
        (found,) = fit_keys(content, TABLE).values()
        return found

    found = {device: key(device=device) for device in ("cpu", "auto", "cuda", "cuda:1")}
    assert found["cpu"] == found["auto"] == key()  # which is the CPU here
    assert len(set(found.values())) == 3


def test_a_remedy_is_compared_with_the_baseline_on_the_same_device() -> None:
    entries = {
        "slow": Model(model="xgboost", params={"n_estimators": 5, "max_depth": 3}),
        "fast": Model(model="xgboost", device="cuda"),
        "remedy": Model(
            model="xgboost_weighted", device="cuda", params={"n_estimators": 5, "max_depth": 3}
        ),
    }
    assert levels.plain_of(entries)["remedy"] == "fast"
    assert (
        levels.plain_of(
            {**entries, "remedy": entries["remedy"].model_copy(update={"device": "cpu"})}
        )["remedy"]
        == "slow"
    )


# A champion goes anywhere


@pytest.mark.parametrize(
    ("model", "costs"), [("xgboost", None), ("xgboost", "metacost"), ("xgboost_focal", None)]
)
def test_what_was_fitted_on_a_device_scores_on_the_cpu_and_so_does_its_champion(
    tmp_path: Path, model: str, costs: str | None
) -> None:
    """The fit itself gets the device, which shows here in XGBoost's warning that it is not
    there."""
    work = on("cuda", model)
    work = replace(
        work,
        entry=work.entry.model_copy(update={"costs": costs}),
        cost_margins=np.ones((len(TABLE.y), 2)),
    )
    with pytest.warns(UserWarning, match="Device is changed from GPU to CPU"):
        trained = train(work)
    assert trained.estimator.get_params()["device"] == "cpu"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = trained.score(TABLE.X[TEST])
        form = save(trained.estimator, tmp_path)
        loaded = replace(trained, estimator=load(form, tmp_path))
        np.testing.assert_array_equal(loaded.score(TABLE.X[TEST]), scores)
    np.testing.assert_array_equal(train(replace(work, device="cpu")).score(TABLE.X[TEST]), scores)


def test_a_champion_is_refitted_on_the_cpu_with_a_warning_where_its_device_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def champion(model: str) -> Any:
        cell, seeds, cost_margins = ("none", model), Seeds(1, 1), np.ones((len(TABLE.y), 2))
        return refit(params, cell, TABLE, TRAIN, VALIDATION, seeds, cost_margins)

    params: Params = config.parse(PARAMS)
    plain, either, fast = (champion(model) for model in ("xgboost", "either", "fast"))
    assert plain.notes == either.notes == ()
    (note,) = fast.notes
    assert note.startswith("the device cuda is not there (xgboost")
    assert note.endswith("so the fit was made on the CPU")
    assert "warning: The device cuda is not there" in capsys.readouterr().err
    for one in (either, fast):
        np.testing.assert_array_equal(one.trained.score(TABLE.X), plain.trained.score(TABLE.X))
