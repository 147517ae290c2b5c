"""What dvc.lock says of one dataset's results, and from it the key of every cell.

The parameters are read from dvc.lock too, not from params.yaml: they are those that the results were made with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from stages import config, files, paths, yaml12
from stages.config import AUTO, CPU, NONE, Model, Params
from stages.errors import ResultError
from stages.files import canonical, digest
from stages.remedies.levels import plain_of

Cell = tuple[str, str]
"""A strategy and a model."""

LOCK = "requirements.lock"
CODE = tuple(f"/{paths.code(stage).as_posix()}" for stage in ("split", "resample", "train", "evaluate"))
"""How the paths end under which a stage's sources are listed."""


@dataclass(frozen=True)
class Locked:
    """One dataset's results as dvc.lock names them.

    Attributes
    ----------
    params : Params
        The parameters that the results were made with; of the datasets this one alone.
    data, requirements, evaluation : str
        The md5 of the table, of requirements.lock and of the results.
    keys : mapping of (strategy, model) to str
        What made a cell's numbers, as one hash: table, split, strategy, this one model, evaluate's settings, code, lock.
        Other models have no part in it.
    comparison : str
        The key of the run that shows the cells side by side: a hash of the results themselves and of the cells' keys.
    scores : mapping of str to str
        For each strategy the md5 of its models' scores.
    """

    dataset: str
    params: Params
    data: str
    requirements: str
    evaluation: str
    keys: Mapping[Cell, str]
    comparison: str
    scores: Mapping[str, str]

    @property
    def names(self) -> dict[str, str]:
        """The key of each cell's run, by the run's name."""
        return {f"{strategy}/{model}": key for (strategy, model), key in self.keys.items()}

    @property
    def wanted(self) -> tuple[str, ...]:
        """The keys of the runs that should be there; the comparison last, since it says that the others are complete."""
        return (*self.keys.values(), self.comparison)


def read(dataset: str) -> Locked:
    """Read one dataset's part of dvc.lock.

    Raises
    ------
    ResultError
        When dvc.lock does not know the results.
    """
    stages = _stages(dataset)
    evaluate = _stage(stages, f"evaluate@{dataset}", dataset)
    found = dict(evaluate["params"][paths.PARAMS.as_posix()])
    found["datasets"] = {dataset: found.pop(f"datasets.{dataset}")}
    found = {name: value for name, value in found.items() if name in Params.model_fields and value is not None}
    params = config.parse(found, f"{paths.DVC_LOCK}: evaluate@{dataset}")
    table = _md5(evaluate["deps"], paths.table(dataset).parent)
    evaluation = _md5(evaluate["outs"], paths.evaluation(dataset))
    shared = {
        "dataset": dataset,
        "table": table,
        "split": _md5(evaluate["deps"], paths.split(dataset)),
        "seed": params.seed,
        "thresholds": params.thresholds_of(dataset).model_dump(),
        "costs": _md5(evaluate["deps"], paths.costs(dataset)),
        "code": [_code(_stage(stages, f"split@{dataset}", dataset)), _code(evaluate)],
    }
    code = {
        strategy: [_code(_stage(stages, f"{stage}@{dataset}-{strategy}", dataset)) for stage in ("resample", "train")]
        for strategy in params.strategies
    }
    keys, plain = {}, plain_of(params.models)
    found_on = _devices(dataset) if any(model.device == AUTO for model in params.models.values()) else {}
    device = {
        (strategy, model): entry.device if entry.device != AUTO else found_on.get(f"{strategy}/{model}", CPU)
        for strategy in (NONE, *params.strategies) for model, entry in params.models.items()
    }  # fmt: skip
    for strategy, model in params.cells:
        entry = params.models[model]
        # the difference to doing nothing is among a cell's numbers
        baseline = params.strategies[NONE].model_dump() if (NONE, model) in params.cells else None
        nothing = plain[model]
        of_plain = None if nothing is None else _model(nothing, params.models[nothing], device[NONE, nothing])
        own = {
            "strategy": [strategy, params.strategies[strategy].model_dump()],
            "model": _model(model, entry, device[strategy, model]),
            "baseline": [baseline, of_plain],
            "fitted by": code[strategy],
        }
        keys[strategy, model] = digest(canonical(shared | own))
    scores = {
        strategy: _md5(_stage(stages, f"train@{dataset}-{strategy}", dataset)["outs"], paths.scores(dataset, strategy))
        for strategy in params.strategies
    }
    comparison = digest("comparison", dataset, evaluation, *sorted(keys.values()))
    return Locked(dataset, params, table, _md5(evaluate["deps"], Path(LOCK)), evaluation, keys, comparison, scores)


def _model(key: str, entry: Model, device: str) -> list[Any]:
    """What of a model's entry goes into its own numbers: everything but where else it runs, and the device in the end."""
    return [key, entry.model_dump(exclude={"strategies", "device"}), *([] if device == CPU else [device])]


def _devices(dataset: str) -> dict[str, str]:
    """What `auto` was where the results were made: the device of each cell that was fitted elsewhere than on the CPU."""
    path = paths.evaluation(dataset) / "dataset.json"
    return dict(files.read_json(path).get("devices", {}))


def hold_against_disk(locked: Locked) -> None:
    """Make sure that the results on disk are those that dvc.lock names, lest runs show other numbers than their key says.

    Raises
    ------
    ResultError
        When they are not.
    """
    folder = paths.evaluation(locked.dataset)
    entries = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    # the hash that DVC gives to a folder
    listed = [{"md5": _md5_of(path.read_bytes()), "relpath": name} for name, path in entries]
    found = _md5_of(json.dumps(listed, sort_keys=True).encode()) + ".dir"
    if found != locked.evaluation:
        raise ResultError(
            "The results on disk are not those that dvc.lock names.",
            where=str(folder),
            expected=f"md5 {locked.evaluation}",
            found=f"md5 {found}" if entries else "no files",
            todo=f"`dvc repro track@{locked.dataset}` makes and publishes them, or `dvc checkout` brings them back.",
        )


def _md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _stages(dataset: str) -> dict[str, Any]:
    try:
        text = paths.DVC_LOCK.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _missing(dataset, "no such file") from None
    try:
        content = _parsed(text)
    except yaml12.InvalidYaml as error:
        raise _missing(dataset, f"no valid YAML: {error}") from None
    stages = content.get("stages") if isinstance(content, dict) else None
    return stages if isinstance(stages, dict) else {}


@lru_cache(maxsize=1)
def _parsed(text: str) -> Any:
    """YAML of thousands of lines, read once for all datasets."""
    return yaml12.load(text)


def _stage(stages: dict[str, Any], name: str, dataset: str) -> Any:
    if name not in stages:
        raise _missing(dataset, f"no stage {name}")
    return stages[name]


def _missing(dataset: str, found: str) -> ResultError:
    return ResultError(
        f"There are no results of {dataset} to publish.",
        where=str(paths.DVC_LOCK),
        expected=f"the stage evaluate@{dataset} and those before it, as `dvc repro` writes them down",
        found=found,
        todo=f"`dvc repro track@{dataset}` makes the results and publishes them.",
    )


def _md5(entries: list[dict[str, Any]], path: Path) -> str:
    found = [entry["md5"] for entry in entries if f"/{entry['path']}".endswith(f"/{path.as_posix()}")]
    if not found:
        raise ResultError(
            "dvc.lock does not say which results these are.",
            where=str(paths.DVC_LOCK),
            expected=f"the md5 of {path.as_posix()}",
            found="none",
            todo="`dvc repro` writes it down.",
        )
    return str(found[0])


def _code(stage: dict[str, Any]) -> dict[str, str]:
    """The md5 of the list of source files that a stage stands on, and of the packages."""
    return {
        entry["path"]: entry["md5"]
        for entry in stage["deps"]
        if f"/{entry['path']}".endswith(CODE) or Path(entry["path"]).name == LOCK
    }
