"""What became of a remedy on some rows: the statuses that the leaderboard shows."""

from __future__ import annotations

import re

OK = "ok"
NOT_APPLICABLE = "not_applicable"
"""It cannot run on these rows, and the library says why."""
FAILED = "failed"
"""It broke."""


def reason_of(error: Exception) -> str:
    """What was raised, in one line, without the time of day and the addresses in memory that xgboost gives with it."""
    text = re.sub(r"^\[\d\d:\d\d:\d\d\] ", "", " ".join(str(error).partition("\n\nStack trace:")[0].split()))
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__
