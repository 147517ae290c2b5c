"""A look into an SQLite store without MLflow, whose import alone takes seconds: most often there is nothing to publish."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from stages.tracking.locked import Locked
from stages.tracking.runs import CURRENT, KEY, KIND, MADE, PUBLISHED, PUBLISHER, Plan, Seen, plan
from stages.tracking.store import Store

TAGS = (CURRENT, PUBLISHER, PUBLISHED, KIND, MADE)
QUERY = f"""
SELECT r.run_uuid, r.status, r.start_time, k.value, {", ".join(f"t{n}.value" for n in range(len(TAGS)))}
FROM experiments e
JOIN runs r ON r.experiment_id = e.experiment_id
JOIN tags k ON k.run_uuid = r.run_uuid AND k.key = ?
{"".join(f"LEFT JOIN tags t{n} ON t{n}.run_uuid = r.run_uuid AND t{n}.key = ? " for n in range(len(TAGS)))}
WHERE e.name = ? AND e.lifecycle_stage = 'active' AND r.lifecycle_stage = 'active'
"""  # noqa: S608 (names of our own)


def planned(made: Locked, store: Store) -> Plan | None:
    """What an SQLite store lacks of what it should hold; None where a look cannot tell, and MLflow has to be asked."""
    if store.database is None:
        return None
    found = seen(store.database, made.dataset) if store.database.exists() else []
    return None if found is None else plan(found, made.wanted)


def complete(made: Locked, store: Store) -> bool:
    """Whether a look shows that a store holds what it should; False where a look cannot tell."""
    found = planned(made, store)
    return found is not None and found.nothing


def seen(database: Path, dataset: str) -> list[Seen] | None:
    """Our runs of one dataset; None when the file cannot tell, and MLflow has to be asked."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            rows = connection.execute(QUERY, (KEY, *TAGS, dataset)).fetchall()
    except sqlite3.Error:
        return None
    return [
        Seen.of(run_id, status, started or 0, {KEY: key, **dict(zip(TAGS, values, strict=True))})
        for run_id, status, started, key, *values in rows
    ]
