"""What became of a remedy on some rows: the statuses that the leaderboard shows."""

from __future__ import annotations

OK = "ok"
NOT_APPLICABLE = "not_applicable"
"""It cannot run on these rows, and the library says why."""
FAILED = "failed"
"""It broke."""
