"""Queries of an SQLite store without MLflow, whose import alone takes seconds.

They find out quickly that there is nothing to publish, which is the usual case.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from counterpoise.tracking.manifest import RunManifest
from counterpoise.tracking.runs import CURRENT, KEY, KIND, MADE, PUBLISHED, RunRecord, plan
from counterpoise.tracking.store import Store

TAGS = (CURRENT, PUBLISHED, KIND, MADE)
VALUES = ", ".join(f"t{n}.value" for n in range(len(TAGS)))
JOINS = "\n".join(
    f"LEFT JOIN tags t{n} ON t{n}.run_uuid = r.run_uuid AND t{n}.key = ?" for n in range(len(TAGS))
)
QUERY = f"""
SELECT r.run_uuid, r.status, r.start_time, k.value, {VALUES}
FROM experiments e
JOIN runs r ON r.experiment_id = e.experiment_id
JOIN tags k ON k.run_uuid = r.run_uuid AND k.key = ?
{JOINS}
WHERE e.name = ? AND e.lifecycle_stage = 'active' AND r.lifecycle_stage = 'active'
"""  # noqa: S608 (names of our own)

TABLES = {
    "experiments",
    "runs",
    "tags",
    "metrics",
    "params",
    "registered_models",
    "alembic_version",
}
"""Some tables of every MLflow database; the last one holds the version of its schema."""


def complete(manifest: RunManifest, store: Store) -> bool:
    """Whether an SQLite store needs no change: no run is missing, duplicate or wrongly marked.

    Parameters
    ----------
    manifest : RunManifest
        The manifest of the dataset's results.
    store : Store

    Returns
    -------
    bool
        False also where it is not known: the store is a server or cannot be read.
    """
    if store.database is None or not store.database.exists():
        return False
    try:
        return plan(records(store.database, manifest.dataset), manifest.wanted).empty
    except sqlite3.Error:
        return False


def records(database: Path, dataset: str) -> list[RunRecord]:
    """Read our runs of one dataset.

    Parameters
    ----------
    database : Path
        An SQLite file of MLflow's.
    dataset : str
        The experiment's name.

    Returns
    -------
    list of RunRecord

    Raises
    ------
    sqlite3.Error
        When the file cannot be read, or is no database of MLflow's.
    """
    with closing(_read_only(database)) as connection:
        rows = connection.execute(QUERY, (KEY, *TAGS, dataset)).fetchall()
    return [
        RunRecord.of(
            run_id, status, started or 0, {KEY: key, **dict(zip(TAGS, values, strict=True))}
        )
        for run_id, status, started, key, *values in rows
    ]


def experiment(database: Path, dataset: str) -> str | None:
    """The id of a dataset's experiment.

    Parameters
    ----------
    database : Path
        An SQLite file of MLflow's.
    dataset : str
        The experiment's name.

    Returns
    -------
    str or None
        None where there is no such experiment, or the file cannot be read.
    """
    query = "SELECT experiment_id FROM experiments WHERE name = ? AND lifecycle_stage = 'active'"
    try:
        with closing(_read_only(database)) as connection:
            found = connection.execute(query, (dataset,)).fetchone()
    except sqlite3.Error:
        return None
    return None if found is None else str(found[0])


def damage(database: Path) -> str:
    """Check an existing file as an MLflow database.

    Parameters
    ----------
    database : Path

    Returns
    -------
    str
        What is wrong; empty where nothing is, and where another process holds the file.
    """
    try:
        with closing(_read_only(database)) as connection:
            (check,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            tables = {
                name
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                )
            }
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return "" if "locked" in str(error) else f"{type(error).__name__}: {error}"
    lacking = ", ".join(sorted(TABLES - tables))
    return (
        check
        if check != "ok"
        else f"an incomplete one, without the tables {lacking}"
        if lacking
        else ""
    )


def _read_only(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5)
