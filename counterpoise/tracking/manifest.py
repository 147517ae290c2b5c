"""The manifest of a dataset's results: what they were made with, and the key of each run that shows
them.

`evaluate` writes it beside the results, so that both are always of the same run of the stage.
Nothing heavy is imported here: `track` reads the keys to find out in a moment that there is nothing
to publish.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoise.core import files, paths
from counterpoise.core.environment import requirements
from counterpoise.core.errors import ResultError
from counterpoise.core.revision import Origin, origin

if TYPE_CHECKING:
    from counterpoise.core.config import Params

NAME = "manifest.json"
PAIRS = "[pairs]"
"""The key under which a mapping stands whose keys are no texts, such as `class_weight: {0: 1, 1:
5}`."""


@dataclass(frozen=True)
class RunManifest:
    """What a dataset's results were made with, and the keys of their runs.

    Attributes
    ----------
    settings : mapping
        The content of params.yaml that the results were made with; of the datasets this one alone.
    data_md5 : str
        Of the table's bytes.
    requirements : str
        The SHA-256 of requirements.lock.
    keys : mapping of "strategy/model" to str
        What made a cell's numbers, as one hash; other cells have no part in it but the baselines it
        is compared with.
    comparison : str
        The key of the run that shows the cells side by side: a hash of the results themselves and
        of the cells' keys.
    """

    dataset: str
    settings: Mapping[str, Any]
    data_md5: str
    requirements: str
    keys: Mapping[str, str]
    comparison: str

    @cached_property
    def params(self) -> Params:
        """The parameters that the results were made with."""
        from counterpoise.core import config

        return config.parse(self.settings, str(path(self.dataset)))

    @cached_property
    def made(self) -> Origin:
        """Who made the results: whoever ran `evaluate`, or where that is not known, made the newest
        cell."""
        from counterpoise.evaluation import measurements

        place = paths.made(self.dataset)
        if place.is_file():
            noted = files.read_json(place)
            if noted.pop("comparison") == self.comparison:
                return Origin(**noted)
        return max(
            measurements.load(self.dataset).made.values(), key=lambda one: one.at, default=Origin()
        )

    @property
    def wanted(self) -> tuple[str, ...]:
        """The keys of the runs that should be there; the comparison is last, since it says that the
        cells are complete."""
        return (*self.keys.values(), self.comparison)


def path(dataset: str) -> Path:
    """Where a dataset's manifest lies."""
    return paths.evaluation(dataset) / NAME


def read(dataset: str) -> RunManifest:
    """Read a dataset's manifest.

    Raises
    ------
    ResultError
        When there are no results, or none that this version of the code wrote.
    """
    try:
        text = path(dataset).read_text(encoding="utf-8")
        content = json.loads(
            text, object_hook=lambda found: dict(found[PAIRS]) if PAIRS in found else found
        )
        return RunManifest(settings=content.pop("params"), **content)
    except FileNotFoundError:
        found = "no such file"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        found = f"{type(error).__name__}: {error}"
    raise ResultError(
        f"There are no results of {dataset} to publish.",
        where=str(path(dataset)),
        expected="the file in which the stage `evaluate` says what the results were made with",
        found=found,
        todo=(
            f"`dvc repro track@{dataset}` makes the results and publishes them, `dvc pull` brings"
            " those of others."
        ),
    )


def write(dataset: str, params: Params, stored: Mapping[str, Any]) -> None:
    """Write the manifest beside results that are written, and who made them into a file apart from
    the results.

    Parameters
    ----------
    params : Params
        What the results were made with.
    stored : mapping of strategy to mapping
        The status and the key of each model's fits, as `train` left them.
    """
    manifest = content(dataset, params, stored)
    text = json.dumps(_with_pairs(manifest), indent=1, ensure_ascii=False)
    files.write_text(path(dataset), text + "\n")
    files.write_json(
        paths.made(dataset), {"comparison": manifest["comparison"], **asdict(origin())}
    )


def content(dataset: str, params: Params, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a manifest; see `RunManifest`.

    The key of a cell is made of the keys of its fits and of those that it is compared with, and of
    what `evaluate` adds: thresholds, costs, split, seed and code. Entries of params.yaml are among
    it, since a run shows them.
    """
    from counterpoise.core.config import NONE
    from counterpoise.engine.fingerprint import code_digest
    from counterpoise.evaluation.levels import plain_of

    with paths.table(dataset).open("rb") as table:
        data = hashlib.file_digest(table, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    shared = {
        "dataset": dataset,
        "table": data,
        "split": files.sha256(paths.split(dataset)),
        "settings": [
            params.costs_of(dataset).model_dump(),
            params.thresholds_of(dataset).model_dump(),
        ],
        "seed": params.seed,
        "code": code_digest("counterpoise.evaluation.dataset_tables"),
    }
    plain, keys = plain_of(params.models), {}
    for strategy, model in params.cells:
        compared = [
            (NONE, name) for name in (model, plain[model]) if name and (NONE, name) in params.cells
        ]
        own = {
            "fits": [
                stored[one]["models"][other]["key"] for one, other in ((strategy, model), *compared)
            ],
            "strategy": [strategy, params.strategies[strategy].model_dump()],
            "model": [model, params.models[model].model_dump(exclude={"strategies", "device"})],
            "plain": plain[model],
        }
        keys[f"{strategy}/{model}"] = files.digest(files.canonical(shared | own))
    folder = paths.evaluation(dataset)
    results = {one.name: files.sha256(one) for one in folder.iterdir() if one.name != NAME}
    settings = params.model_dump(exclude={"datasets"}) | {
        "datasets": {dataset: params.dataset(dataset).model_dump()}
    }
    return {
        "dataset": dataset,
        "params": settings,
        "data_md5": data,
        "requirements": hashlib.sha256(requirements().encode()).hexdigest(),
        "keys": keys,
        "comparison": files.digest(files.canonical([dataset, keys, results])),
    }


def _with_pairs(value: Any) -> Any:
    """The same content as JSON can hold it: a mapping whose keys are no texts becomes a list of
    pairs."""
    if isinstance(value, Mapping):
        inner = {key: _with_pairs(one) for key, one in value.items()}
        return inner if all(isinstance(key, str) for key in inner) else {PAIRS: list(inner.items())}
    return [_with_pairs(one) for one in value] if isinstance(value, (list, tuple)) else value
