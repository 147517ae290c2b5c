"""Where results come from, as git tells it: the commit, and who made them when."""

from __future__ import annotations

import getpass
import subprocess
from dataclasses import dataclass

from stages import paths

UNKNOWN = "unknown"
WRITTEN = (":(exclude)dvc.lock", ":(exclude)reports")
"""What `dvc repro` itself writes into the tree: it makes no commit differ from the code and parameters that ran."""


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
class Maker:
    """Who made a result.

    Attributes
    ----------
    name : str
        The author of the commit that brought it into dvc.lock; of a result not committed yet, whoever would commit it.
    at : int
        When: the time of that commit, or that at which dvc.lock was written; milliseconds since 1970.
    """

    name: str
    at: int


def revision() -> Revision:
    """The commit and the branch of the working directory, and whether the tree is dirty."""
    commit, branch = _git("rev-parse", "HEAD"), _git("branch", "--show-current")
    changes = _git("status", "--porcelain", "--", ".", *WRITTEN)
    dirty = UNKNOWN if commit is None or changes is None else str(bool(changes)).lower()
    return Revision(commit or UNKNOWN, branch or UNKNOWN, dirty)


def maker(md5: str) -> Maker:
    """Who made the result that dvc.lock knows under this hash, on whatever machine it is looked at.

    A pulled result is its maker's, not the puller's: the last commit that brought the hash into dvc.lock tells. A merge
    brings in what others made; the hash of a result that was made after it stands in the merge itself.
    """
    lock = paths.DVC_LOCK.as_posix()
    committed = _git("show", f"HEAD:./{lock}")
    if committed is not None and md5 in committed:
        told = "--format=%ct %an"
        found = _git("log", "-1", told, f"-S{md5}", "--", lock) or _git("log", "-1", told, "--", lock)
        seconds, _, name = (found or "").partition(" ")
        if seconds.isdecimal():
            return Maker(name, int(seconds) * 1000)
    written = paths.DVC_LOCK.stat().st_mtime_ns // 1_000_000 if paths.DVC_LOCK.is_file() else 0
    author = (_git("var", "GIT_AUTHOR_IDENT") or "").partition(" <")[0]
    return Maker(author or _user(), written)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return UNKNOWN


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
