"""The git commit that a run was made from."""

from __future__ import annotations

import subprocess

UNKNOWN = "unknown"
WRITTEN = (":(exclude)dvc.lock", ":(exclude)reports")
"""What `dvc repro` itself writes into the tree: it makes no commit differ from the code and parameters that ran."""


def revision() -> tuple[str, str]:
    """The commit of the working directory, and whether the tree has other changes ("true", "false"); or "unknown"."""
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--", ".", *WRITTEN)
    return commit or UNKNOWN, UNKNOWN if commit is None or changes is None else str(bool(changes)).lower()


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
