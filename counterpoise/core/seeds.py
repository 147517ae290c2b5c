"""Seeds, each derived from the project's seed and its purpose."""

from __future__ import annotations

import hashlib


def seed_for(seed: int, *names: object) -> int:
    """Derive a seed for a purpose, the same on every machine.

    Parameters
    ----------
    seed : int
        The project's seed.
    *names : object
        The purpose, such as a dataset, a stage, a repeat and a fold.

    Returns
    -------
    int
        From 0 to 2**32 - 1: four bytes of a SHA-256.
    """
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")
