"""Keys of the cell store: one hash of all that can change a fold's rows or a fit's scores, and of
nothing else.

What a sampler or a model runs is told apart by its kind: a change in the nets gives trees no other
key.
"""

from __future__ import annotations

import platform
import sys
from functools import cache

import numpy as np

from counterpoise.core import files
from counterpoise.core.config import CPU, Model, Strategy
from counterpoise.core.environment import requirements
from counterpoise.data.tables import Table
from counterpoise.engine.fingerprint import code_digest
from counterpoise.models import registry as models
from counterpoise.samplers import registry as samplers

FIT, SAMPLE = "counterpoise.engine.fit", "counterpoise.samplers.registry"
SEARCH, METACOST = "counterpoise.engine.search", "counterpoise.models.metacost"
PARTITIONED = "counterpoise.models.distributed_xgboost"

OF_SOME = tuple(
    sorted(
        {SEARCH, METACOST, PARTITIONED}
        | {name for kind in models.MODELS.values() for name in kind.modules}
        | {name for kind in samplers.SAMPLERS.values() for name in kind.modules}
    )
)
"""Modules that some fits run and others do not."""


@cache
def environment() -> str:
    """The locked packages, the interpreter and the processor's kind."""
    return files.digest(requirements(), sys.version.split()[0], platform.machine())


def of_arrays(*arrays: np.ndarray) -> str:
    """One hash for the content, type and shape of arrays."""
    parts: list[bytes | str | memoryview] = []
    for array in arrays:
        whole = np.ascontiguousarray(array)
        parts += [str((whole.dtype.str, whole.shape)), whole.data.cast("B") if whole.size else b""]
    return files.digest(*parts)


def of_table(table: Table) -> str:
    """One hash for a table's features and labels."""
    return files.digest(of_arrays(table.X, table.y), files.canonical(table.cardinalities))


def of_rows(table: str, train: np.ndarray, strategy: tuple[str, Strategy], seed: int) -> str:
    """The key of the rows that a strategy makes of one fold's training rows.

    Parameters
    ----------
    table : str
        The hash of the table's features, labels and categories.
    train : ndarray of int64
    strategy : (str, Strategy)
    seed : int
    """
    kind = samplers.kind_of(*strategy)
    code = _code(SAMPLE, () if kind is None else kind.modules)
    entry = _sampler(strategy) | {"seed": seed}
    return files.digest(
        "rows", environment(), code, table, of_arrays(train), files.canonical(entry)
    )


def of_fit(
    table: str,
    fold: str,
    rows: str,
    costs: str,
    entry: tuple[str, Model],
    seed: int,
    device: str,
    strategy: tuple[str, Strategy] | None,
    distributed: bool,
) -> str:
    """The key of a fit.

    Parameters
    ----------
    table, fold, rows : str
        Hashes of the table, the fold's parts, and the rows that the strategy made of them.
    costs : str
        The hash of what is at stake in each row; "" for a model that does not count costs.
    entry : (str, Model)
    strategy : (str, Strategy), optional
        For a search that looks for the strategy's ratio, and resamples by itself.
    """
    name, model = entry
    modules = set(models.kind_of(name, model).modules)
    modules |= {SEARCH} if model.search is not None else set()
    modules |= {METACOST} if model.costs == "metacost" else set()
    modules |= {PARTITIONED} if distributed else set()
    content = model.model_dump(exclude={"strategies", "calibration", "device"}, exclude_none=True)
    content |= {"model": model.model or name, "seed": seed}
    if device != CPU:
        content["device"] = device
    if strategy is not None:
        content["strategy"] = _sampler(strategy)
        kind = samplers.kind_of(*strategy)
        modules |= set() if kind is None else set(kind.modules)
    if distributed:
        content["distributed"] = True
    code = _code(FIT, tuple(sorted(modules)))
    return files.digest(
        "fit", environment(), code, table, fold, rows, costs, files.canonical(content)
    )


def _sampler(strategy: tuple[str, Strategy]) -> dict[str, object]:
    """What a strategy asks for, whatever it is called."""
    key, entry = strategy
    return entry.model_dump() | {"sampler": entry.sampler or key}


def _code(root: str, own: tuple[str, ...]) -> str:
    shared = code_digest(root, stop=OF_SOME)
    return files.digest(shared, code_digest(*own)) if own else shared
