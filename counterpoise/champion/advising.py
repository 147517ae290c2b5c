"""The advised combination, fitted on all rows, with the importance of its columns.

The stage `advise` makes it. `promote` registers it, `track` logs it, and pages show the importance.

bundle/            the model, as a champion is saved (`counterpoise.champion.bundle`)
importance.csv     `counterpoise.champion.importance`; without rows where it could not be measured
advised.json       the combination, its fit, and what is missing with the reason
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from counterpoise.champion import importance
from counterpoise.champion.bundle import CHAMPION, ESTIMATOR, Champion, Identity
from counterpoise.champion.evidence import Evidence
from counterpoise.champion.making import make
from counterpoise.champion.refit import Fit, on_all_rows
from counterpoise.core import files, paths
from counterpoise.core.config import Params
from counterpoise.core.errors import ResultError
from counterpoise.core.revision import UNKNOWN
from counterpoise.core.types import Cell
from counterpoise.data import tables
from counterpoise.engine import cell_keys
from counterpoise.engine.cell_store import CellStore, StoredObject
from counterpoise.engine.fingerprint import code_digest
from counterpoise.evaluation.advice import advised
from counterpoise.evaluation.summary import deciding_rule

BUNDLE, IMPORTANCE, FACTS = "bundle", "importance.csv", "advised.json"


def place(dataset: str) -> Path:
    """The folder of a dataset's advised combination.

    Parameters
    ----------
    dataset : str

    Returns
    -------
    Path
        `data/advised/DATASET`
    """
    return paths.DATA / "advised" / dataset


def identity_of(
    params: Params, dataset: str, cell: Cell, cell_key: str, data_md5: str, evidence: Evidence
) -> Identity:
    """Describe a champion to be: the combination, its parameters and what it is made from.

    Parameters
    ----------
    params : Params
        The parameters that the results were made with.
    dataset : str
        A key of `params`.
    cell : (str, str)
        Strategy and model.
    cell_key, data_md5 : str
        See `Identity`.
    evidence : Evidence
        Its held-out scores.

    Returns
    -------
    Identity
        Without a commit.
    """
    (strategy, model), entry = cell, params.dataset(dataset)
    used = {
        "strategy": params.strategies[strategy].model_dump(exclude_none=True),
        "model": params.models[model].model_dump(exclude_none=True, exclude={"strategies"}),
    }
    return Identity(
        dataset,
        str(entry.target),
        ", ".join(map(str, entry.positive)),
        strategy,
        model,
        used,
        cell_key,
        data_md5,
        evidence.table,
        evidence.split,
        params.seed,
        UNKNOWN,
    )


def write(
    dataset: str, params: Params, keys: Mapping[str, str], data_md5: str, store: CellStore
) -> str:
    """Fit the advised combination on all rows, and measure the importance of its columns.

    Parameters
    ----------
    dataset : str
        A key of `params`.
    params : Params
        The parameters that the results were made with.
    keys : mapping of "strategy/model" to str
        The key of each combination's results.
    data_md5 : str
        See `Identity`.
    store : CellStore
        Has the files where this combination was fitted on these rows before.

    Returns
    -------
    str
        What was done, or what is missing with its reason.
    """
    folder, about = place(dataset), files.read_json(paths.evaluation(dataset) / "dataset.json")
    cell, goal = advised(about), about["goal"]
    shutil.rmtree(folder, ignore_errors=True)  # DVC does so too, where it runs the stage
    if cell is None:
        reason = "no combination has a result that answers the question"
        _write(folder, {"strategy": None, "model": None, "goal": goal, "reason": reason}, None)
        return reason
    board = files.read_csv(paths.evaluation(dataset) / "leaderboard.csv")
    row = board[(board["strategy"] == cell[0]) & (board["model"] == cell[1])].iloc[0]
    decisions = files.read_csv(paths.evaluation(dataset) / "decisions.csv")
    rule = deciding_rule(decisions, *cell)
    table, name = tables.read(paths.table(dataset)), "/".join(cell)
    evidence = Evidence.read(params, dataset, cell, table, rule, float(row["average_precision"]))
    identity = identity_of(params, dataset, cell, keys[name], data_md5, evidence)
    facts: dict[str, Any] = {"strategy": cell[0], "model": cell[1], "goal": goal, "rule": rule}
    key, measured = _key(params, identity, evidence), None
    stored, margins = store.get(key), evidence.tested.costs.cost_margins
    folds = importance.folds_of(params, cell, evidence.tested.parts)
    quiet = None if stored is None else True  # None: where a terminal shows it
    bar = tqdm(total=1 + len(folds), desc=f"advise {dataset}", unit="fit", disable=quiet)
    try:
        with bar:
            if stored is None:
                fit = on_all_rows(params, dataset, cell, table, margins)
            else:
                _restore(folder, stored)
                fit = _fit_of(folder, stored.facts)
            schema = files.read_json(paths.facts(dataset))["schema"]
            made = make(params, identity, table, evidence, schema, rule, fit)
            made.champion.save(folder / BUNDLE)
            facts |= {"code": fit_digest(), **_facts_of(fit)}
            bar.update()
            if stored is None:
                measured = importance.of_folds(
                    params, dataset, cell, table, folds, margins, bar.update
                )
            else:
                measured = files.read_csv(folder / IMPORTANCE)
                # a model that was read and is saved again may be other bytes
                _restore(folder, stored, f"{BUNDLE}/{ESTIMATOR}/")
    except ResultError as error:
        facts["reason"] = f"{error.what.removesuffix('.')}: {error.found}"
    if "code" not in facts:
        shutil.rmtree(folder / BUNDLE, ignore_errors=True)
    _write(folder, facts, measured)
    if measured is None:  # not stored: another machine may have what is missing here
        return f"{name}: {facts['reason']}"
    if stored is not None:
        return f"{name} from the store"
    store.put(key, StoredObject(_content(folder), _facts_of(fit)))
    return f"{name} fitted on all {len(table):,} rows, importance of {len(measured):,} columns"


def read_fit(identity: Identity) -> Fit | None:
    """Read the fit of a combination, where it is the advised one and up to date.

    Parameters
    ----------
    identity : Identity
        The combination, its parameters and what it is made from.

    Returns
    -------
    Fit or None
        None where there is none, or that of another combination, table, seed or code.
    """
    folder = place(identity.dataset)
    if not (folder / BUNDLE / CHAMPION).is_file():
        return None
    facts = files.read_json(folder / FACTS)
    if facts["code"] != fit_digest():
        return None
    found = files.read_json(folder / BUNDLE / CHAMPION)["identity"]
    del found["params"]["found"]
    return _fit_of(folder, facts) if _compared(found) == _compared(asdict(identity)) else None


def fit_digest() -> str:
    """Hash the code and the libraries that a fit on all rows depends on.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    code = code_digest("counterpoise.champion.refit", "counterpoise.champion.bundle")
    return files.digest(cell_keys.environment(), code)


def _compared(identity: Mapping[str, Any]) -> str:
    """What tells two combinations apart: neither the commit, nor facts of the fit."""
    return files.canonical({**identity, "commit": "", "facts": {}})


def _key(params: Params, identity: Identity, evidence: Evidence) -> str:
    """A hash of what determines the fit and the importance; no threshold does."""
    costs = evidence.tested.costs.cost_margins
    weighing = params.models[identity.model].costs is not None
    return files.digest(
        "advised",
        cell_keys.environment(),
        code_digest(importance.__name__, "counterpoise.champion.bundle"),
        files.canonical(
            [asdict(replace(identity, cell_key="")), params.split_of(identity.dataset)]
        ),
        cell_keys.of_arrays(costs) if weighing else "",
    )


def _content(folder: Path) -> dict[str, np.ndarray]:
    """The files of the bundle and the importance, by name."""
    return {
        path.relative_to(folder).as_posix(): np.frombuffer(path.read_bytes(), np.uint8)
        for path in folder.rglob("*")
        if path.is_file() and path.name != FACTS
    }


def _restore(folder: Path, stored: StoredObject, below: str = "") -> None:
    for name, content in stored.arrays.items():
        if name.startswith(below):
            with files.replacing(folder / name) as file:
                file.write(content.tobytes())


def _facts_of(fit: Fit) -> dict[str, Any]:
    """What a bundle does not hold of its fit, as JSON can hold it."""
    factor = fit.factor if math.isfinite(fit.factor) else None
    return {"factor": factor, "validation": fit.validation, "notes": list(fit.notes)}


def _fit_of(folder: Path, facts: Mapping[str, Any]) -> Fit:
    champion = Champion.load(folder / BUNDLE)
    return Fit(
        champion.encoder,
        champion.estimator,
        champion.identity.params["found"],
        champion.identity.facts,
        math.nan if facts["factor"] is None else facts["factor"],
        facts["validation"],
        tuple(facts["notes"]),
    )


def _write(folder: Path, facts: Mapping[str, Any], measured: pd.DataFrame | None) -> None:
    if measured is None:
        measured = pd.DataFrame(columns=importance.COLUMNS)
    files.write_csv(folder / IMPORTANCE, measured)
    # not rounded: the factor decides probabilities
    text = json.dumps(facts, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    files.write_text(folder / FACTS, text + "\n")
