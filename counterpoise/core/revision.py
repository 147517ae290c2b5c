"""The commit that results are made from and who makes them, from git and the user's account."""

from __future__ import annotations

import getpass
import subprocess
import time
from dataclasses import dataclass

UNKNOWN = "unknown"
OUTPUTS = (":(exclude)dvc.lock", ":(exclude)reports")
"""What `dvc repro` itself writes into the tree; changes of these do not make it dirty."""


@dataclass(frozen=True)
class Revision:
    """The state of the working directory.

    Attributes
    ----------
    commit, branch : str
        The commit and the branch of HEAD; "unknown" where git gives none.
    dirty : str
        Whether the tree has changes other than results: "true", "false" or "unknown".
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
        The author's name in git, or the name of the account.
    at : int
        Milliseconds since 1970; 0 where unknown.
    commit, dirty : str
        As in `Revision`.
    """

    by: str = UNKNOWN
    at: int = 0
    commit: str = UNKNOWN
    dirty: str = UNKNOWN


def revision() -> Revision:
    """Ask git for the commit, the branch and the changes of the working directory.

    Returns
    -------
    Revision
    """
    commit, branch = _git("rev-parse", "HEAD"), _git("branch", "--show-current")
    changes = _git("status", "--porcelain", "--", ":/", *OUTPUTS)
    dirty = UNKNOWN if commit is None or changes is None else str(bool(changes)).lower()
    return Revision(commit or UNKNOWN, branch or UNKNOWN, dirty)


def author() -> str:
    """The name under which the user would commit; without git, that of their account.

    Returns
    -------
    str
        "unknown" where neither has a name.
    """
    name = (_git("var", "GIT_AUTHOR_IDENT") or "").partition(" <")[0]
    try:
        return name or getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return UNKNOWN


def origin() -> Origin:
    """The origin of a result that is made now.

    Returns
    -------
    Origin
    """
    here = revision()
    return Origin(author(), int(time.time() * 1000), here.commit, here.dirty)


def _git(*arguments: str) -> str | None:
    """The output of a git command; None where git is missing, fails or takes over 30 s."""
    # without locks, so that a git command of the user beside this one does not fail
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
