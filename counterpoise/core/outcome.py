"""The outcome of a remedy on some rows: the statuses that the leaderboard shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from counterpoise.core.errors import NotApplicable

R = TypeVar("R")

OK = "ok"
NOT_APPLICABLE = "not_applicable"
"""The remedy cannot run on these rows, for a reason that the library gives."""
FAILED = "failed"
"""The remedy raised an error."""


def one_line(text: str) -> str:
    """Write a library's message in one line, without the time of day that XGBoost puts before it.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return re.sub(r"^\[\d\d:\d\d:\d\d\] ", "", " ".join(text.split()))


def reason_of(error: Exception) -> str:
    """Write an exception in one line, with nothing in it that differs between two runs.

    XGBoost adds the time of day and a stack trace with memory addresses. scikit-learn gives the
    choices of a parameter as a set, whose order differs.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str
        The exception's type, and at most 500 characters of its message.
    """
    text = one_line(str(error).partition("\nStack trace:")[0])
    text = re.sub(
        r"\{('[^{}:]*')\}", lambda match: f"{{{', '.join(sorted(match[1].split(', ')))}}}", text
    )
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__


def attempted(work: Callable[[], R]) -> tuple[str, str, R | None]:
    """Do some work whose failure is a result with a reason, so that the rest of the run goes on.

    Parameters
    ----------
    work : callable of () to R

    Returns
    -------
    status : {"ok", "not_applicable", "failed"}
    reason : str
        Empty for "ok".
    result : R or None
        None unless the status is "ok".
    """
    try:
        return OK, "", work()
    except NotApplicable as error:
        return NOT_APPLICABLE, str(error), None
    except MemoryError as error:
        return FAILED, f"out of memory: {error}", None
    # a library may raise anything on these rows: this combination fails, the others go on
    except Exception as error:
        return FAILED, reason_of(error), None
