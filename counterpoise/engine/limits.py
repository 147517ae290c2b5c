"""A limit to the memory that one fit may take, so that the fit fails and not the machine."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from counterpoise.core.errors import ConfigurationError

VARIABLE = "COUNTERPOISE_FIT_MEMORY"
"""GiB that a fit may take beyond what its process holds before, the table among it; without it
there is no limit."""

HELD = Path("/proc/self/statm")
"""Where Linux tells what a process holds; without it there is no limit either."""


@contextmanager
def limited() -> Iterator[None]:
    """Let this process take no more memory than `VARIABLE` allows.

    Raises
    ------
    MemoryError
        When it takes more, whatever the library makes of that.
    ConfigurationError
        When the variable is no number above 0.
    """
    asked = os.environ.get(VARIABLE)
    if not asked or not HELD.is_file():
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    held = int(HELD.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + _bytes(asked), before[1]))
    try:
        yield
    except Exception as error:
        # libraries hand on what C++ or they themselves call it
        if isinstance(error, MemoryError) or any(
            name in str(error) for name in ("bad_alloc", "bad_malloc")
        ):
            raise MemoryError(
                f"the fit took more than the {asked} GiB that {VARIABLE} allows"
            ) from error
        raise
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _bytes(asked: str) -> int:
    try:
        size = int(float(asked) * 2**30)
    except (ValueError, OverflowError):
        size = 0
    if size <= 0:
        raise ConfigurationError(
            "The limit to the memory of a fit is no number.",
            where=f"the environment variable {VARIABLE}",
            expected="GiB, such as 4 or 0.5",
            found=repr(asked),
            todo="correct it, or unset it for no limit.",
        )
    return size
