"""The commit that results are made from and who makes them, as git and the machine's account tell
it."""

from __future__ import annotations

import getpass
import subprocess
import time
from dataclasses import dataclass

UNKNOWN = "unknown"
OUTPUTS = (":(exclude)dvc.lock", ":(exclude)reports")
"""What `dvc repro` itself writes into the tree; it makes no tree dirty."""


@dataclass(frozen=True)
class Revision:
    """The state of the working directory.

    Attributes
    ----------
    commit, branch : str
        Of HEAD; "unknown" where git cannot tell.
    dirty : str
        Whether the tree has other changes than results: "true", "false" or "unknown".
    """

    commit: str
    branch: str
    dirty: str


@dataclass(frozen=True)
class Origin:
    """Who made a result, when, and from which commit.

    Attributes
    ----------
    by : str
        The name under which they commit, or that of their account.
    at : int
        Milliseconds since 1970; 0 where nobody knows.
    commit, dirty : str
        As in `Revision`.
    """

    by: str = UNKNOWN
    at: int = 0
    commit: str = UNKNOWN
    dirty: str = UNKNOWN


def revision() -> Revision:
    """The commit and the branch of the working directory, and whether the tree is dirty."""
    commit, branch = _git("rev-parse", "HEAD"), _git("branch", "--show-current")
    changes = _git("status", "--porcelain", "--", ":/", *OUTPUTS)
    dirty = UNKNOWN if commit is None or changes is None else str(bool(changes)).lower()
    return Revision(commit or UNKNOWN, branch or UNKNOWN, dirty)


def author() -> str:
    """The name under which whoever runs this would commit; without git, that of their account."""
    name = (_git("var", "GIT_AUTHOR_IDENT") or "").partition(" <")[0]
    try:
        return name or getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return UNKNOWN


def origin() -> Origin:
    """The origin of what is made here and now."""
    here = revision()
    return Origin(author(), int(time.time() * 1000), here.commit, here.dirty)


def _git(*arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
