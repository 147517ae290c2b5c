"""Which versions of libraries are in use: those of requirements.lock, or without it those that are
installed."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata

from counterpoise.core.paths import REPOSITORY

LOCK = REPOSITORY / "requirements.lock"


@cache
def requirements() -> str:
    """The text of requirements.lock; where the package is installed without it, a line
    `name==version` a distribution."""
    if LOCK.is_file():
        return LOCK.read_text(encoding="utf-8")
    found = {
        re.sub(r"[-_.]+", "-", one.name).lower(): one.version for one in metadata.distributions()
    }
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))
