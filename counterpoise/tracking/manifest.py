"""The manifest of a dataset's results: their parameters and data, and the key of each MLflow run.

`evaluate` writes it beside the results, so that both always come from the same run of the stage.
This module imports no heavy library: `track` reads the keys, and usually ends at once because there
is nothing to publish.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
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
    from counterpoise.engine.cell_store import CellStore

NAME = "manifest.json"
PAIRS = "[pairs]"
"""The JSON key for a mapping whose keys are not texts, such as `class_weight: {0: 1, 1: 5}`."""


@dataclass(frozen=True)
class RunManifest:
    """The parameters and data of a dataset's results, and the keys of their runs.

    Attributes
    ----------
    dataset : str
        A key of params.yaml.
    settings : mapping
        The content of params.yaml that the results were made with; this dataset's entry only.
    data_md5 : str
        MD5 of the table's file, as in DVC.
    requirements : str
        The SHA-256 of requirements.lock.
    keys : mapping of "strategy/model" to str
        A hash of everything that determines a combination's results. Other combinations affect it
        only where they are its baselines.
    comparison : str
        The key of the run that compares all combinations: a hash of the results and of `keys`.
    answer : sequence of str
        The lines of `counterpoise.evaluation.terminal_answer`, so that they can be printed without
        the libraries that read tables.
    """

    dataset: str
    settings: Mapping[str, Any]
    data_md5: str
    requirements: str
    keys: Mapping[str, str]
    comparison: str
    answer: Sequence[str]

    @cached_property
    def params(self) -> Params:
        """The parameters that the results were made with.

        Returns
        -------
        Params

        Raises
        ------
        ConfigurationError
            When this version of the code does not accept them.
        """
        from counterpoise.core import config

        return config.parse(self.settings, str(path(self.dataset)))

    @cached_property
    def made(self) -> Origin:
        """Who made the results, when, and from which commit.

        Returns
        -------
        Origin
            That of the run of `evaluate`; where it is not known, that of the newest combination.
        """
        from counterpoise.evaluation import measurements

        place = paths.made(self.dataset)
        # the key shows whether the file belongs to these results
        if place.is_file():
            content = files.read_json(place)
            if content.pop("comparison") == self.comparison:
                return Origin(**content)
        return max(
            measurements.load(self.dataset).made.values(), key=lambda one: one.at, default=Origin()
        )

    @property
    def wanted(self) -> tuple[str, ...]:
        """The keys of the runs that should be in the store.

        Returns
        -------
        tuple of str
            The comparison is last: once it is published, all combinations are.
        """
        return (*self.keys.values(), self.comparison)


def path(dataset: str) -> Path:
    """The path of a dataset's manifest.

    Parameters
    ----------
    dataset : str
        A key of params.yaml.

    Returns
    -------
    Path
    """
    return paths.evaluation(dataset) / NAME


def read(dataset: str) -> RunManifest:
    """Read a dataset's manifest.

    Parameters
    ----------
    dataset : str
        A key of params.yaml.

    Returns
    -------
    RunManifest

    Raises
    ------
    ResultError
        When there are no results, or the manifest is damaged or of another version of the code.
    """
    try:
        text = path(dataset).read_text(encoding="utf-8")
        content = json.loads(
            text, object_hook=lambda mapping: dict(mapping[PAIRS]) if PAIRS in mapping else mapping
        )
        return RunManifest(settings=content.pop("params"), **content)
    except FileNotFoundError:
        what, found = f"There are no results of {dataset} to publish.", "no such file"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"The record of the results of {dataset} is damaged, or of another version."
        found = f"{type(error).__name__}: {error}"
    raise ResultError(
        what,
        where=str(path(dataset)),
        expected="the file in which the stage `evaluate` records what the results were made with",
        found=found,
        todo=(
            f"`dvc repro track@{dataset}` makes the results and publishes them, `dvc pull` brings"
            " those of others."
        ),
    )


def read_given(dataset: str) -> RunManifest:
    """Read the manifest of a dataset that a person named.

    Parameters
    ----------
    dataset : str

    Returns
    -------
    RunManifest

    Raises
    ------
    ResultError
        As in `read`.
    ConfigurationError
        When there are no results, and params.yaml has no such dataset.
    """
    if not path(dataset).is_file():
        from counterpoise.core import config

        config.load().dataset(dataset)  # without results, a mistyped key is the likelier mistake
    return read(dataset)


def write(dataset: str, params: Params, stored: Mapping[str, Any], store: CellStore) -> None:
    """Write the manifest beside the results, and their origin into a file apart from them.

    The origin is that of the first evaluation that gave these results, as far as the cell store
    knows it: results that are made again from the store have the same bytes.

    Parameters
    ----------
    dataset : str
        A key of `params`.
    params : Params
        The parameters that the results were made with.
    stored : mapping of strategy to mapping
        The status and the key of each model's fits, as `train` wrote them.
    store : CellStore
        Knows the origin of results that were made before.

    Raises
    ------
    StorageError
        When the disk is full.
    """
    from counterpoise.engine.cell_store import StoredObject
    from counterpoise.evaluation import terminal_answer

    folder = paths.evaluation(dataset)
    facts = files.read_json(folder / "dataset.json")
    board, differences = (
        files.read_csv(folder / f"{name}.csv") for name in ("leaderboard", "differences")
    )
    manifest = content(dataset, params, stored) | {
        "answer": terminal_answer.answer_lines(facts, board, differences)
    }
    text = json.dumps(_with_pairs(manifest), indent=1, ensure_ascii=False)
    files.write_text(path(dataset), text + "\n")
    key = files.digest("origin", manifest["comparison"])
    known = store.get(key)
    if known is None:
        known = StoredObject({}, asdict(origin()))
        store.put(key, known)
    files.write_json(paths.made(dataset), {"comparison": manifest["comparison"], **known.facts})


def content(dataset: str, params: Params, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Make the content of a manifest; see `RunManifest`.

    The key of a combination is a hash of the keys of its fits and its baselines' fits, and of what
    `evaluate` adds: thresholds, costs, split, seed and code. It covers the entries of params.yaml
    as well, since a run shows them.

    Parameters
    ----------
    dataset, params, stored
        As in `write`.

    Returns
    -------
    dict
        Keys `dataset`, `params`, `data_md5`, `requirements`, `keys` and `comparison`.
    """
    from counterpoise.core.config import NONE
    from counterpoise.data import folds as splits
    from counterpoise.engine.fingerprint import code_digest
    from counterpoise.evaluation.levels import plain_of
    from counterpoise.models.combinations import cells

    with paths.table(dataset).open("rb") as table:
        data = hashlib.file_digest(table, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    shared = {
        "dataset": dataset,
        "table": data,
        # without the placebos' parts, which the keys of their fits have
        "split": splits.read(paths.split(dataset)).digest,
        "settings": [
            params.costs_of(dataset).model_dump(),
            params.thresholds_of(dataset).model_dump(),
        ],
        "seed": params.seed,
        "code": code_digest("counterpoise.evaluation.dataset_tables"),
    }
    plain, combinations, keys = plain_of(params.models), cells(params), {}
    for strategy, model in combinations:
        compared = [
            (NONE, name) for name in (model, plain[model]) if name and (NONE, name) in combinations
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
    settings = params.model_dump(exclude={"datasets", "strategies"}) | {
        "datasets": {dataset: params.dataset(dataset).model_dump()},
        # a placebo takes no other keys, not even with their defaults
        "strategies": {
            key: entry.model_dump(exclude_unset=True) for key, entry in params.strategies.items()
        },
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
    """The content as JSON can hold it: a mapping whose keys are not texts becomes pairs."""
    if isinstance(value, Mapping):
        inner = {key: _with_pairs(one) for key, one in value.items()}
        return inner if all(isinstance(key, str) for key in inner) else {PAIRS: list(inner.items())}
    return [_with_pairs(one) for one in value] if isinstance(value, (list, tuple)) else value
