"""Bootstrap draws, recalibration and calibration, read from the cell store where they are known.

A changed threshold or cost repeats only the draws of that threshold rule: ranking metrics and
probabilities depend on neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from counterpoise.core import files
from counterpoise.core.types import Cell, Index, Labels
from counterpoise.data.folds import Parts
from counterpoise.engine import cell_keys, parallel
from counterpoise.engine.cell_store import CellStore, StoredObject
from counterpoise.engine.fingerprint import code_digest
from counterpoise.engine.parallel import Killed
from counterpoise.evaluation import bootstrap, decisions, fold_scores, leaderboard
from counterpoise.evaluation.corrections import Correction
from counterpoise.evaluation.costs import CostMatrix
from counterpoise.evaluation.decisions import Redrawn
from counterpoise.evaluation.fold_scores import FoldScores, odds_factor_of, pooled, recalibrate
from counterpoise.evaluation.leaderboard import Measured
from counterpoise.evaluation.recalibration import Choice


def measure(
    store: CellStore,
    cells: Sequence[list[FoldScores]],
    parts: Parts,
    y: Labels,
    seed: int,
    units: Index | None = None,
) -> Measured:
    """Measure combinations, from the cell store where it has the result.

    Parameters
    ----------
    store : CellStore
        Read first; a new result is written to it.
    cells, parts, y, seed, units
        See `counterpoise.evaluation.leaderboard.measure`.

    Returns
    -------
    Measured
        Metrics of the combinations, in the order of `cells`.
    """
    scores = [
        array for cell in cells for fold in cell for array in (fold.test_scores, fold.log_odds)
    ]
    key = _key(
        "measure",
        leaderboard.__name__,
        [y, parts.codes, *scores, *([] if units is None else [units])],
        [parts.names, len(cells), seed, bootstrap.DRAWS],
    )
    stored = store.get(key)
    if stored is None:
        measured = leaderboard.measure(cells, parts, y, seed, units)
        store.put(key, StoredObject(measured._asdict(), {}))
        return measured
    return Measured(**stored.arrays)


def calibrations(
    store: CellStore, cells: Mapping[Cell, list[FoldScores]], y: Labels, *, alone: bool
) -> dict[Cell, dict[str, float]]:
    """Calibration statistics of each combination, from the cell store where it has them.

    Parameters
    ----------
    store : CellStore
        Read first; new results are written to it.
    cells : mapping of (strategy, model) to list of FoldScores
        Scores with recalibrated log odds.
    y : ndarray of shape (n,)
        Labels of the table's rows.
    alone : bool
        Whether this process computes everything, one combination after the other.

    Returns
    -------
    dict of (strategy, model) to dict
        What `counterpoise.evaluation.leaderboard.calibration_of` returns for each.
    """
    result: dict[Cell, dict[str, float]] = {}
    fresh = []
    for cell, folds in cells.items():
        key = _key("calibration", leaderboard.__name__, list(pooled(folds, y)), [])
        stored = store.get(key)
        if stored is None:
            fresh.append((cell, key, folds, y))
        else:
            result[cell] = stored.facts
    done = parallel.few_here(_calibration, fresh, alone=alone)
    bar = tqdm(
        done, total=len(fresh), desc="combinations calibrated", unit="combination", disable=None
    )
    for task, answer in bar:
        # a worker killed by the system (out of memory) leaves its task to this process
        values = _calibration(task) if isinstance(answer, Killed) else answer
        store.put(task[1], StoredObject({}, values))
        result[task[0]] = values
    return result


def _calibration(task: tuple[Cell, str, list[FoldScores], Labels]) -> dict[str, float]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the last digits of a sum depend on the number of threads
        return leaderboard.calibration_of(*task[2:])


def recalibrated(
    store: CellStore,
    cell: list[FoldScores],
    candidates: Sequence[Correction],
    y: Labels,
    counts: list[dict[str, Any]],
    facts: list[dict[str, Any]],
) -> list[FoldScores]:
    """Recalibrate a combination; what was chosen comes from the cell store where it is known.

    Parameters
    ----------
    store : CellStore
        Read first; a new choice is written to it.
    cell, candidates, y, counts, facts
        See `counterpoise.evaluation.fold_scores.recalibrate`.

    Returns
    -------
    list of FoldScores
        See there.
    """
    arrays = [part for fold in cell for part in (y[fold.validation], fold.validation_scores)]
    factors = [repr(odds_factor_of(*fold)) for fold in zip(counts, facts, strict=True)]
    key = _key("recalibration", fold_scores.__name__, arrays, [list(candidates), factors])
    stored = store.get(key)
    if stored is not None:
        known = [Choice.read(one) for one in stored.facts["choices"]]
        return recalibrate(cell, candidates, y, counts, facts, known)
    result = recalibrate(cell, candidates, y, counts, facts)
    chosen = [fold.recalibration.choice for fold in result if fold.recalibration is not None]
    store.put(key, StoredObject({}, {"choices": [one.written() for one in chosen]}))
    return result


def redrawn(
    store: CellStore,
    called: Sequence[list[NDArray[np.bool_]]],
    parts: Parts,
    y: Labels,
    costs: CostMatrix,
    seed: int,
    units: Index | None = None,
) -> Redrawn:
    """F1 and cost in each fold and draw, from the cell store where it has them.

    Parameters
    ----------
    store : CellStore
        Read first; a new result is written to it.
    called, parts, y, costs, seed, units
        See `counterpoise.evaluation.decisions.redrawn`.

    Returns
    -------
    Redrawn
        One row for each item of `called`, one column per draw.
    """
    # an eighth of the bytes to hash; the number of rows is fixed by `parts.codes`
    flags = [np.packbits(fold) for cell in called for fold in cell]
    key = _key(
        "redrawn",
        decisions.__name__,
        [y, parts.codes, *costs, *flags, *([] if units is None else [units])],
        [parts.names, len(called), seed],
    )
    stored = store.get(key)
    if stored is not None:
        return Redrawn(**stored.arrays)
    draws = decisions.redrawn(called, parts, y, costs, seed, units)
    store.put(key, StoredObject(draws._asdict(), {}))
    return draws


def _key(what: str, module: str, arrays: list[NDArray[Any]], content: list[Any]) -> str:
    return files.digest(
        what,
        # other library versions or changed code must not find old results
        cell_keys.environment(),
        code_digest(module),
        cell_keys.of_arrays(*arrays),
        files.canonical(content),
    )
