"""Where results come from, as git tells it: the commit, and who made them when."""

from __future__ import annotations

import getpass
import subprocess
from dataclasses import dataclass
from pathlib import Path

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
        When: the time of that commit, or that at which the result's files were written; milliseconds since 1970, 0 where a
        shallow clone does not have the commit.
    """

    name: str
    at: int


def revision() -> Revision:
    """The commit and the branch of the working directory, and whether the tree is dirty."""
    commit, branch = _git("rev-parse", "HEAD"), _git("branch", "--show-current")
    changes = _git("status", "--porcelain", "--", ":/", *WRITTEN)
    dirty = UNKNOWN if commit is None or changes is None else str(bool(changes)).lower()
    return Revision(commit or UNKNOWN, branch or UNKNOWN, dirty)


def maker(md5: str, result: Path) -> Maker:
    """Who made a result, on whatever machine it is looked at: a pulled result is its maker's, not the puller's.

    Parameters
    ----------
    md5 : str
        The hash under which dvc.lock knows it.
    result : Path
        The file or folder, which tells when a result was made that is not committed yet. (dvc.lock does not: DVC writes it
        after every stage.)
    """
    committed = _lock_at("HEAD")
    if committed is not None and md5 in committed:
        return _brought_in(md5)
    author = (_git("var", "GIT_AUTHOR_IDENT") or "").partition(" <")[0]
    files = [path for path in (result, *result.rglob("*")) if path.is_file()]
    return Maker(author or _user(), max((path.stat().st_mtime_ns // 1_000_000 for path in files), default=0))


def _brought_in(md5: str) -> Maker:
    """The last commit whose dvc.lock has the hash while that of none of its parents has it.

    So a merge makes nothing of what its sides bring in, and all of what only it has.
    """
    told = _git("log", "--full-history", "-m", f"-S{md5}", "--format=%H|%P|%ct|%an", "--", paths.DVC_LOCK.as_posix())
    for line in dict.fromkeys((told or "").splitlines()):
        commit, parents, seconds, name = line.split("|", 3)
        if not any(md5 in (_lock_at(parent) or "") for parent in parents.split()) and md5 in (_lock_at(commit) or ""):
            if not parents and _git("rev-parse", "--is-shallow-repository") == "true":
                break  # where history was cut off, everything seems to begin
            return Maker(name, int(seconds) * 1000)
    return Maker(UNKNOWN, 0)


def _lock_at(commit: str) -> str | None:
    return _git("show", f"{commit}:./{paths.DVC_LOCK.as_posix()}")


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
