"""What became of a remedy on some rows: the statuses that the leaderboard shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from counterpoise.core.errors import NotApplicable

R = TypeVar("R")

OK = "ok"
NOT_APPLICABLE = "not_applicable"
"""It cannot run on these rows, and the library says why."""
FAILED = "failed"
"""It broke."""


def one_line(text: str) -> str:
    """A text of a library in one line, without the time of day that xgboost puts before its own."""
    return re.sub(r"^\[\d\d:\d\d:\d\d\] ", "", " ".join(text.split()))


def reason_of(error: Exception) -> str:
    """What was raised, in one line and with nothing in it that differs between two runs.

    xgboost gives the time of day and addresses in memory with it, scikit-learn the choices of a
    parameter as a set.
    """
    text = one_line(str(error).partition("\nStack trace:")[0])
    text = re.sub(
        r"\{('[^{}:]*')\}", lambda found: f"{{{', '.join(sorted(found[1].split(', ')))}}}", text
    )
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__


def attempted(work: Callable[[], R]) -> tuple[str, str, R | None]:
    """Status, reason and result: what cannot be done is a result with its reason, and all else goes
    on."""
    try:
        return OK, "", work()
    except NotApplicable as error:
        return NOT_APPLICABLE, str(error), None
    except MemoryError as error:
        return FAILED, f"out of memory: {error}", None
    # whatever a library raises on these rows: one cell fails, and says why
    except Exception as error:
        return FAILED, reason_of(error), None
