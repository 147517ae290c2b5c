"""A memory limit for one fit, so that a fit fails before the machine does."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from counterpoise.core.errors import ConfigurationError

VARIABLE = "COUNTERPOISE_FIT_MEMORY"
"""Environment variable: the GiB that a fit may take beyond what its process already holds.

The process holds the table, among other things. Without the variable there is no limit.
"""

HELD = Path("/proc/self/statm")
"""The file in which Linux reports a process's memory; without it there is no limit either."""


@contextmanager
def limited() -> Iterator[None]:
    """Limit this process to the memory that `VARIABLE` allows.

    Yields
    ------
    None

    Raises
    ------
    MemoryError
        When it takes more, whatever error the library raises.
    ConfigurationError
        When the variable is not a number above 0.
    """
    limit = os.environ.get(VARIABLE)
    if not limit or not HELD.is_file():
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    held = int(HELD.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + _bytes(limit), before[1]))
    try:
        yield
    except Exception as error:
        # libraries report C++'s allocation errors as errors of their own types
        if isinstance(error, MemoryError) or any(
            name in str(error) for name in ("bad_alloc", "bad_malloc")
        ):
            raise MemoryError(
                f"the fit took more than the {limit} GiB that {VARIABLE} allows"
            ) from error
        raise
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _bytes(limit: str) -> int:
    try:
        size = int(float(limit) * 2**30)
    except (ValueError, OverflowError):
        size = 0
    if size <= 0:
        raise ConfigurationError(
            "The memory limit of a fit is not a number.",
            where=f"the environment variable {VARIABLE}",
            expected="GiB, such as 4 or 0.5",
            found=repr(limit),
            todo="correct it, or unset it for no limit.",
        )
    return size
