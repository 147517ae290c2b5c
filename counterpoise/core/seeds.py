"""Seeds: each is derived from the project's seed and from what it is for."""

from __future__ import annotations

import hashlib


def seed_for(seed: int, *names: object) -> int:
    """A 32-bit seed of its own for every name, the same on every machine."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")
