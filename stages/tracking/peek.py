"""A look into an SQLite store without MLflow, whose import alone takes seconds: most often there is nothing to publish."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from stages.tracking.runs import CURRENT, KEY, PUBLISHER, Seen

QUERY = """
SELECT r.run_uuid, k.value, r.status, c.value = 'true', r.start_time, p.value
FROM experiments e
JOIN runs r ON r.experiment_id = e.experiment_id
JOIN tags k ON k.run_uuid = r.run_uuid AND k.key = ?
LEFT JOIN tags c ON c.run_uuid = r.run_uuid AND c.key = ?
LEFT JOIN tags p ON p.run_uuid = r.run_uuid AND p.key = ?
WHERE e.name = ? AND e.lifecycle_stage = 'active' AND r.lifecycle_stage = 'active'
"""


def seen(database: Path, dataset: str) -> list[Seen] | None:
    """Our runs of one dataset; None when the file cannot tell, and MLflow has to be asked."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            rows = connection.execute(QUERY, (KEY, CURRENT, PUBLISHER, dataset)).fetchall()
    except sqlite3.Error:
        return None
    return [
        Seen(run_id, key, status, bool(current), started or 0, publisher or "")
        for run_id, key, status, current, started, publisher in rows
    ]
