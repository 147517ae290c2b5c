"""Keys of the cell store: a hash of all that can change a fold's rows or a fit's scores.

Nothing else enters a key. Which source files count depends on the kind of sampler or model: a
change in the nets leaves the keys of trees as they are.
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
CONFIG = "counterpoise.core.config"
ENTRIES = (f"{CONFIG}.models", f"{CONFIG}.strategies")
"""What a fit runs of the schema of params.yaml, whose values are in its key."""

OF_SOME = tuple(
    sorted(
        {SEARCH, METACOST, PARTITIONED}
        | {name for kind in models.MODELS.values() for name in kind.modules}
        | {name for kind in samplers.SAMPLERS.values() for name in kind.modules}
    )
)
"""Modules that only some fits run; the key of a fit has the digests of its own alone."""


@cache
def environment() -> str:
    """Hash the locked packages, the Python version and the processor's architecture.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    return files.digest(requirements(), sys.version.split()[0], platform.machine())


def of_arrays(*arrays: np.ndarray) -> str:
    """Hash the content, type and shape of arrays.

    Parameters
    ----------
    *arrays : ndarray
        Of any shape and any type but `object`.

    Returns
    -------
    str
        One SHA-256 for all of them, 64 hexadecimal digits.
    """
    parts: list[bytes | str | memoryview] = []
    for array in arrays:
        whole = np.ascontiguousarray(array)
        # the type and the shape distinguish arrays of equal bytes; empty arrays cannot be cast
        parts += [str((whole.dtype.str, whole.shape)), whole.data.cast("B") if whole.size else b""]
    return files.digest(*parts)


def of_table(table: Table) -> str:
    """Hash a table's features, labels and numbers of categories.

    Parameters
    ----------
    table : Table

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    return files.digest(of_arrays(table.X, table.y), files.canonical(table.cardinalities))


def of_rows(table: str, train: np.ndarray, strategy: tuple[str, Strategy], seed: int) -> str:
    """Key of the rows that a strategy makes of one fold's training rows.

    Parameters
    ----------
    table : str
        The hash of the table (`of_table`).
    train : ndarray of int64
        Positions of the fold's training rows in the table.
    strategy : (str, Strategy)
        The strategy's key and entry in params.yaml.
    seed : int

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
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
    """Key of a fit.

    Parameters
    ----------
    table, fold, rows : str
        Hashes of the table, the fold's parts, and the rows that the strategy made of them.
    costs : str
        The hash of the misclassification costs; "" for a model that does not use them.
    entry : (str, Model)
        The model's key and entry in params.yaml.
    seed : int
    device : str
        The device that the fit runs on, after `auto` was resolved (`devices.resolved`).
    strategy : (str, Strategy), optional
        Only for a search over the strategy's ratio, which resamples by itself.
    distributed : bool
        Whether the fit runs over all workers of a Dask cluster.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    name, model = entry
    modules = set(models.kind_of(name, model).modules)
    modules |= {SEARCH} if model.search is not None else set()
    modules |= {METACOST} if model.costs == "metacost" else set()
    modules |= {PARTITIONED} if distributed else set()
    # strategies and calibration do not change a fit; the device is added once it is resolved
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
    """The sampler and the parameters of a strategy, whatever the strategy's key is.

    A placebo has the baseline's: its seed divides the rows, and is part of the fit's seed.
    """
    key, entry = strategy
    return entry.model_dump(exclude={"seed"}) | {"sampler": entry.sampler or key}


def _code(root: str, own: tuple[str, ...]) -> str:
    """Digest of the code that all fits or samplers share, and of the modules of one kind."""
    shared = code_digest(root, *ENTRIES, stop=(*OF_SOME, CONFIG))
    return files.digest(shared, code_digest(*own, stop=(CONFIG,))) if own else shared
