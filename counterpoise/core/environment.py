"""The versions of libraries in use: from requirements.lock, or else those that are installed."""

from __future__ import annotations

import re
from functools import cache

from counterpoise.core.paths import REPOSITORY

LOCK = REPOSITORY / "requirements.lock"


@cache
def requirements() -> str:
    """The text that pins the versions of libraries.

    Returns
    -------
    str
        requirements.lock as it stands. Where the package is installed without it, one line
        `name==version` for each installed distribution, sorted by normalised name.
    """
    if LOCK.is_file():
        return LOCK.read_text(encoding="utf-8")
    from importlib import metadata

    versions = {
        re.sub(r"[-_.]+", "-", one.name).lower(): one.version for one in metadata.distributions()
    }
    return "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))
