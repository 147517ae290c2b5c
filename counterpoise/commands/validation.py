"""Find the mistakes in params.yaml that need no run of a stage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from counterpoise.core import config, paths, yaml12
from counterpoise.core.config import NONE, Params, Strategy
from counterpoise.core.errors import ConfigurationError, CounterpoiseError, DeviceError, TableErrors
from counterpoise.data import sources, splitters
from counterpoise.data.checks import all_checks
from counterpoise.data.datasets import fetch
from counterpoise.data.tables import Table
from counterpoise.engine import devices
from counterpoise.evaluation import costs, levels
from counterpoise.models import registry as models
from counterpoise.models.combinations import cells
from counterpoise.samplers import registry as samplers

STAND_IN = "_"
"""The key of the dataset that stands in for those of params.yaml, where none of them is valid."""
STAND_INS: dict[str, Any] = {
    "seed": 0,
    "datasets": {STAND_IN: {"path": "", "target": "", "positive": ""}},
    "strategies": {NONE: {}},
    "models": {"logistic_regression": {}},
    "split": {"scheme": "stratified_kfold"},
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {},
}
"""Valid sections, for those of params.yaml that are not."""


class Checked(NamedTuple):
    """What the structure of params.yaml allows to look at.

    Attributes
    ----------
    params : Params
        The valid part; what is not valid is left out, or stands as in `STAND_INS`.
    mistakes : list of (int or None, ConfigurationError)
        Each with its line.
    broken : set of str
        The sections with a mistake, such as "split"; the entries, such as "models.xgboost"; and
        `datasets.NAME.split` for a dataset whose split does not fit its roles.
    """

    params: Params
    mistakes: list[tuple[int | None, ConfigurationError]]
    broken: set[str]


def structure(content: Any, text: str) -> Checked:
    """Check the structure of params.yaml, and keep the part that is valid.

    Some constraints hold between sections and are checked once each section is valid. So the rest
    is checked again without what was wrong, until it is valid.

    Parameters
    ----------
    content : object
        What the YAML holds.
    text : str

    Returns
    -------
    Checked

    Raises
    ------
    ConfigurationError
        When the content is not a mapping.
    """
    mistakes: list[tuple[int | None, ConfigurationError]] = []
    broken: set[str] = set()
    while True:
        try:
            params = config.parse(content, str(paths.PARAMS), text)
            return Checked(params, sorted(mistakes, key=lambda one: one[0] or 0), broken)
        except config.InvalidParams as error:
            first = error.problems[0]
            if first["type"] == "placebo":  # found between entries, and so without a place
                line = yaml12.line_of(text, ["strategies", first["ctx"]["key"]]) if text else None
                mistakes += [(line, one) for _, one in error.mistakes]
            else:
                mistakes += error.mistakes
            content = _valid_part(content, error.problems, broken)


def _valid_part(content: dict[str, Any], problems: list[Any], broken: set[str]) -> dict[str, Any]:
    """Leave out what is not valid; `broken` is added to."""
    left = {key: content.get(key, STAND_INS[key]) for key in STAND_INS}
    lost: set[str] = set()
    for problem in problems:
        place = problem["loc"]
        section, name = (*place, None, None)[:2]
        if not place:
            _settle(problem, left, broken)
        elif section in ("datasets", "strategies", "models") and name is not None:
            broken |= {section, f"{section}.{name}"}
            entry = left[section].get(name)  # None for a key that is no text
            left[section] = {k: one for k, one in left[section].items() if str(k) != str(name)}
            if problem["type"] == "unknown_key" and len(place) == 2 and entry is not None:
                # what else is wrong with it?
                unknown = problem["ctx"]["unknown"]
                left[section][name] = {k: v for k, v in entry.items() if str(k) != unknown}
            elif section == "strategies" and "[key]" not in place:
                # models name it, and nothing is wrong with them
                left[section][name] = {}
            elif section == "strategies":
                lost.add(name)
        elif section in STAND_INS:
            broken.add(section)
            left[section] = STAND_INS[section]
            if section == "strategies":
                _without_strategies(left, None, broken)
    if "strategies" in broken:
        left["strategies"] = {NONE: {}, **left["strategies"]}
    _without_strategies(left, lost, broken)
    return {key: left[key] if key == "seed" else left[key] or STAND_INS[key] for key in left}


def _settle(problem: Any, left: dict[str, Any], broken: set[str]) -> None:
    """Leave out what breaks a constraint between entries."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "taken":
        left["datasets"] = {key: one for key, one in left["datasets"].items() if key != "index"}
    elif kind == "costs":
        broken.add("costs")
        left["costs"] = STAND_INS["costs"]
    elif kind == "group":
        name = context["name"]
        broken.add(f"datasets.{name}.split")
        grouped = {**left["datasets"][name], "split": {"scheme": "grouped"}}
        left["datasets"] = {**left["datasets"], name: grouped}
    elif kind == "placebo":
        key = context["key"]
        broken |= {"strategies", f"strategies.{key}"}
        left["strategies"] = {**left["strategies"], key: {}}
    elif kind == "unknown_strategy":
        broken.add("models")
        named = left["models"][context["key"]]["strategies"]
        _without_strategies(left, set(named) - set(left["strategies"]), broken)
    elif kind == "trials":
        broken.add("models")
        left["models"] = {
            key: {part: value for part, value in (entry or {}).items() if part != "search"}
            for key, entry in left["models"].items()
        }


def _without_strategies(left: dict[str, Any], lost: set[str] | None, broken: set[str]) -> None:
    """Take strategies out of the lists of models; all of them for None."""
    if lost == set() or not isinstance(left["models"], dict):
        return
    for key, entry in left["models"].items():
        named = entry.get("strategies") if isinstance(entry, dict) else None
        if isinstance(named, list):
            kept = [name for name in named if lost is not None and name not in lost]
            broken |= set() if kept else {f"models.{key}"}
            left["models"] = {**left["models"], key: {**entry, "strategies": kept or "all"}}


def problems(
    params: Params, readings: dict[str, dict[str, Any]], broken: set[str] | None = None
) -> Iterator[tuple[CounterpoiseError, str | None]]:
    """Find the mistakes in parameters of the right structure.

    Parameters
    ----------
    params : Params
    readings : dict of str to dict
        Gets the facts of each table that was read, by dataset; the missing file where the bytes are
        not on this machine, so that the table was skipped.
    broken : set of str, optional
        As in `Checked`: what depends on these sections is not checked.

    Yields
    ------
    error : CounterpoiseError
        One for each strategy and model with a mistake, for each mistake of a table, and for each
        pair of models with unequal search budgets.
    dataset : str or None
        The dataset that it is about.
    """
    broken = set() if broken is None else broken
    strategies = {k: v for k, v in params.strategies.items() if f"strategies.{k}" not in broken}
    for key, strategy in strategies.items():
        try:
            samplers.make(key, strategy, 0)
        except CounterpoiseError as error:
            yield error, None
            continue
        yield from ((one, None) for one in _without_effect(key, strategy))
    for key, model in params.models.items():
        if f"models.{key}" in broken:
            continue
        try:
            models.check(key, model)
        except CounterpoiseError as error:
            yield error, None
    known = all((model.model or key) in models.MODELS for key, model in params.models.items())
    known &= all(
        (one.sampler or key) in (NONE, *samplers.SAMPLERS) for key, one in params.strategies.items()
    )
    # these look at models and strategies together; an unknown kind was reported above
    if known and not {"models", "strategies"} & broken:
        yield from ((one, None) for one in _budgets(params))
        yield from ((one, None) for one in _combined_with_nothing(params))
    for name, entry in params.datasets.items():
        if name == STAND_IN or f"datasets.{name}" in broken:
            continue
        yield from ((one, name) for one in dataset_problems(params, name, readings, broken))
        if known and "models" not in broken and entry.distributed:
            yield from ((one, name) for one in _not_distributed(params, name))


def _without_effect(key: str, strategy: Strategy) -> Iterator[ConfigurationError]:
    """Find settings of a strategy that change nothing."""
    where = f"{paths.PARAMS}: strategies.{key}"
    kind = samplers.kind_of(key, strategy)
    reads = kind is not None and (kind.reads_features or "shrinkage" in strategy.params)
    if not strategy.scale and not reads:
        yield ConfigurationError(
            "`scale` has no effect on a strategy that reads no features.",
            where=f"{where}.scale",
            expected="no `scale`",
            found="scale: false",
            todo="remove it.",
        )
    nested = strategy.params.get("smote")
    doubled = {
        "params.sampling_strategy": strategy.params,
        "params.smote.sampling_strategy": nested if isinstance(nested, dict) else {},
    }
    for place, params in doubled.items():
        if strategy.ratio is not None and "sampling_strategy" in params:
            yield ConfigurationError(
                "The ratio of a strategy is given twice.",
                where=f"{where}.{place}",
                expected="either `ratio` or `sampling_strategy`",
                found=(
                    f"ratio: {strategy.ratio:g} and sampling_strategy:"
                    f" {params['sampling_strategy']!r}"
                ),
                todo="remove one of them.",
            )


def _combined_with_nothing(params: Params) -> Iterator[ConfigurationError]:
    """Find strategies without a model, and searches for the ratio of strategies that have none."""
    combinations = cells(params)
    combined = {strategy for strategy, _ in combinations}
    for key in params.strategies:
        if key not in combined:
            yield ConfigurationError(
                "No model is combined with a strategy.",
                where=f"{paths.PARAMS}: strategies.{key}",
                expected=f"{key} among the `strategies` of a model",
                found="lists of strategies without it in every model",
                todo="remove the strategy, or name it in a model.",
            )
    for key, model in params.models.items():
        if model.search is None or models.RATIO not in model.search.space:
            continue
        kinds = [
            samplers.kind_of(name, one)
            for name, one in params.strategies.items()
            if (name, key) in combinations
        ]
        if not any(kind is not None and kind.has_ratio for kind in kinds):
            yield ConfigurationError(
                "A search looks for a ratio that no strategy of the model has.",
                where=f"{paths.PARAMS}: models.{key}.search.space.{models.RATIO}",
                expected="a strategy that over- or undersamples",
                found="strategies without a ratio",
                todo=f"remove {models.RATIO} from the space, or add such a strategy.",
            )


def _not_distributed(params: Params, name: str) -> Iterator[ConfigurationError]:
    if not any(models.can_be_partitioned(key, one) for key, one in params.models.items()):
        yield ConfigurationError(
            "No model can be fitted over the workers of a cluster.",
            where=f"{paths.PARAMS}: datasets.{name}.distributed",
            expected="an `xgboost` or `xgboost_weighted` without `search` and without metacost",
            found=", ".join(params.models),
            todo="add such a model, or remove `distributed`.",
        )


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
    params: Params, name: str, readings: dict[str, dict[str, Any]], broken: set[str]
) -> Iterator[CounterpoiseError]:
    """Find the mistakes of one dataset's entry, and of its table where its bytes are here.

    Parameters
    ----------
    params : Params
    name : str
        The dataset's key.
    readings : dict of str to dict
    broken : set of str
        As in `problems`.

    Yields
    ------
    CounterpoiseError
    """
    entry = params.dataset(name)
    has_split = f"datasets.{name}.split" not in broken and (
        entry.split is not None or "split" not in broken
    )
    lacking = list(_lacking_roles(params, name)) if has_split else []
    yield from lacking
    try:
        _check_path(f"{paths.PARAMS}: datasets.{name}.path", entry.path)
        table, readings[name] = fetch(name, entry, download=False)
    except sources.NotHere as missing:
        readings[name] = {"missing_file": str(missing)}
        return
    except TableErrors as several:
        yield from several.errors
        return
    except CounterpoiseError as error:
        yield error
        return
    if has_split and not lacking:
        yield from _split_problems(params, name, table, readings[name])
    if entry.costs is not None or "costs" not in broken:
        try:
            matrix = costs.matrix(params.costs_of(name), table, f"the costs of datasets.{name}")
        except CounterpoiseError as error:
            yield error
        else:
            own = f"datasets.{name}.costs" if entry.costs is not None else "costs"
            yield from _nothing_to_decide(matrix, f"{paths.PARAMS}: {own}")


def _nothing_to_decide(matrix: costs.CostMatrix, where: str) -> Iterator[ConfigurationError]:
    """Find costs by which the same decision about every row is the cheapest, whatever its class."""
    sides = (
        ("false positive", "true negative", "positive"),
        ("false negative", "true positive", "negative"),
    )
    for (wrong, right, called), margins in zip(sides, matrix.cost_margins.T, strict=True):
        if not margins.any():
            yield ConfigurationError(
                f"The costs leave nothing to decide: calling every row {called} costs least.",
                where=where,
                expected=f"a {wrong} that costs more than a {right}, at least in some rows",
                found="equal costs of both in every row",
                todo=f"raise the cost of a {wrong}, or lower that of a {right}.",
            )


def equal_weights(params: Params, broken: set[str]) -> Iterator[str]:
    """Find models that weigh rows by costs where the costs of both classes are the same.

    They are no mistake in params.yaml, since another dataset may have other costs.

    Parameters
    ----------
    params : Params
    broken : set of str
        As in `problems`.

    Yields
    ------
    str
        A sentence for each dataset and model.
    """
    weighing = [key for key, model in params.models.items() if model.costs == "weights"]
    for name, entry in params.datasets.items():
        found = params.costs_of(name)
        if (entry.costs is None and "costs" in broken) or found.columns_of():
            continue
        table = Table((), np.empty((1, 0)), np.zeros(1, np.int8))
        ((negative, positive),) = costs.matrix(found, table, "").cost_margins
        if negative == positive:
            yield from (
                f"models.{key}: `costs: weights` weighs all rows of {name} alike, since a wrong"
                f" decision costs {positive:g} more than the right one in both classes; without a"
                " sampler it is the model without costs"
                for key in weighing
            )


def _check_path(where: str, path: str) -> None:
    sources.refuse_address(path, where)
    if not Path(path).is_file():
        raise ConfigurationError(
            "A dataset's `path` names no file.",
            where=where,
            expected=(
                "a table of your own, or the dataset's card where `source` names the origin of the"
                " bytes"
            ),
            found=path,
            todo="correct the path; a colleague's file comes with `dvc pull`.",
        )
    if Path(path).resolve().is_relative_to((paths.DATA / "tables").resolve()):
        raise ConfigurationError(
            "A dataset's `path` lies among the results.",
            where=where,
            expected="a file outside of data/tables/",
            found=path,
            todo="keep your own tables directly in data/.",
        )


def _lacking_roles(params: Params, name: str) -> Iterator[CounterpoiseError]:
    entry, scheme = params.dataset(name), params.split_of(name)
    if scheme.scheme in ("temporal", "prequential") and entry.time is None:
        yield splitters.needs(scheme.scheme, "time", name)
    if isinstance(scheme, config.Prequential) and scheme.leave_known_out and entry.group is None:
        yield splitters.needs("prequential", "group", name)


def _split_problems(
    params: Params, name: str, table: Table, reading: dict[str, Any]
) -> Iterator[CounterpoiseError]:
    """Find why a table cannot be split, or what its data checks refuse.

    The findings of a table of the user's own are added to its reading.
    """
    scheme = params.split_of(name)
    try:
        parts = splitters.split(table, scheme, params.seed, name, params.placebos)
    except CounterpoiseError as error:
        yield error
        return
    entry = params.dataset(name)
    stops = entry.data_checks == "fail"
    if stops or entry.source is None:
        report = all_checks.find(
            table, parts.compared, scheme.scheme, params.seed, name, labels=False
        )
        reading["findings"] = report.findings
        if stops and report.serious:
            yield all_checks.refusal(name, report)
