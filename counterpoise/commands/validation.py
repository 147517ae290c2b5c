"""Find the mistakes in params.yaml that need no run of a stage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterpoise.core import config, paths
from counterpoise.core.config import Params
from counterpoise.core.errors import ConfigurationError, CounterpoiseError, DeviceError, TableErrors
from counterpoise.data import sources, splitters
from counterpoise.data.checks import all_checks
from counterpoise.data.datasets import fetch
from counterpoise.engine import devices
from counterpoise.evaluation import costs, levels
from counterpoise.models import registry as models
from counterpoise.samplers import registry as samplers


def problems(params: Params, readings: dict[str, dict[str, Any]]) -> Iterator[CounterpoiseError]:
    """Find the mistakes in parameters of the right structure.

    Parameters
    ----------
    params : Params
    readings : dict of str to dict
        Gets the facts of each table that was read, by dataset; {} where the bytes are not on this
        machine, so that the table was skipped.

    Yields
    ------
    CounterpoiseError
        One for each strategy, model or dataset with a mistake, and for each pair of models with
        unequal search budgets.
    """
    for key, strategy in params.strategies.items():
        try:
            samplers.make(key, strategy, 0)
        except CounterpoiseError as error:
            yield error
    for key, model in params.models.items():
        try:
            models.check(key, model)
        except CounterpoiseError as error:
            yield error
    # baselines are looked up by the kind of each model; an unknown kind was reported above
    if all((model.model or key) in models.MODELS for key, model in params.models.items()):
        yield from _budgets(params)
    for name in params.datasets:
        yield from dataset_problems(params, name, readings)


def _budgets(params: Params) -> Iterator[ConfigurationError]:
    """Find each remedy that is tuned while its baseline is not, or the other way round.

    Their difference would include the effect of tuning.
    """
    for key, plain in levels.plain_of(params.models).items():
        if plain is None or (params.models[key].search is None) == (
            params.models[plain].search is None
        ):
            continue
        one, other = (key, plain) if params.models[plain].search is None else (plain, key)
        yield ConfigurationError(
            "A remedy and its baseline need the same budget of trials.",
            where=f"{paths.PARAMS}: models.{other}",
            expected=(
                f"a `search` of as many trials as {one} has, since {key} is compared with {plain}"
            ),
            found="no `search`",
            todo=(
                f"give {other} a `search` too (of ordinary parameters, for the baseline), or"
                f" remove that of {one}."
            ),
        )


def missing_devices(params: Params) -> Iterator[DeviceError]:
    """Find the devices that models ask for and this machine lacks.

    They are no mistake in params.yaml, since another machine may have them.

    Parameters
    ----------
    params : Params

    Yields
    ------
    DeviceError
        One for each model whose device is missing.
    """
    for key, model in params.models.items():
        lacking = devices.missing(model.device, f"{paths.PARAMS}: models.{key}.device")
        if lacking is not None:
            yield lacking


def dataset_problems(
    params: Params, name: str, readings: dict[str, dict[str, Any]]
) -> Iterator[CounterpoiseError]:
    """Find the mistakes of one dataset's entry, and of its table where its bytes are here.

    Parameters
    ----------
    params : Params
    name : str
        The dataset's key.
    readings : dict of str to dict
        As in `problems`.

    Yields
    ------
    CounterpoiseError
    """
    try:
        _dataset(params, name, readings)
    except TableErrors as several:
        yield from several.errors
    except CounterpoiseError as error:
        yield error


def _dataset(params: Params, name: str, readings: dict[str, dict[str, Any]]) -> None:
    """Check one dataset's entry, and its table and split where the bytes are on this machine.

    Raises
    ------
    CounterpoiseError
        For the first mistake that is found.
    """
    entry = params.dataset(name)
    where = f"{paths.PARAMS}: datasets.{name}"
    sources.refuse_address(entry.path, f"{where}.path")
    if not Path(entry.path).is_file():
        raise ConfigurationError(
            "A dataset's `path` names no file.",
            where=f"{where}.path",
            expected=(
                "a table of your own, or the dataset's card where `source` names the origin of the"
                " bytes"
            ),
            found=entry.path,
            todo="correct the path; a colleague's file comes with `dvc pull`.",
        )
    if Path(entry.path).resolve().is_relative_to((paths.DATA / "tables").resolve()):
        raise ConfigurationError(
            "A dataset's `path` lies among the results.",
            where=f"{where}.path",
            expected="a file outside of data/tables/",
            found=entry.path,
            todo="keep your own tables directly in data/.",
        )
    scheme = params.split_of(name)
    if scheme.scheme in ("temporal", "prequential") and entry.time is None:
        raise splitters.needs(scheme.scheme, "time", name)
    if isinstance(scheme, config.Prequential) and scheme.leave_known_out and entry.group is None:
        raise splitters.needs("prequential", "group", name)
    try:
        table, readings[name] = fetch(name, entry, download=False)
    except sources.NotHere as missing:
        readings[name] = {"missing_file": str(missing)}
        return
    parts = splitters.split(table, params.split_of(name), params.seed, name)
    costs.matrix(params.costs_of(name), table, f"the costs of datasets.{name}")
    stops = entry.data_checks == "fail"
    if stops or entry.source is None:
        report = all_checks.find(
            table, parts.compared, scheme.scheme, params.seed, name, labels=False
        )
        readings[name]["findings"] = report.findings
        if stops and report.serious:
            raise all_checks.refusal(name, report)
