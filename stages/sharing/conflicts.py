"""What git knows of a merge that has stopped: the files in conflict, and the versions of each."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from stages.errors import ResultError

Versions = dict[int, str]
"""The object of a file in the common ancestor (1), on our side (2) and on theirs (3), where it is there."""

DRIVER = "counterpoise"
"""The name under which .gitattributes asks for the merge driver."""

MARKERS = ("<<<<<<< ", ">>>>>>> ")


def git(*arguments: str, given: str | None = None) -> str:
    """What git prints.

    Raises
    ------
    ResultError
        When it refuses, or this is no repository.
    """
    try:
        done = subprocess.run(["git", *arguments], input=given, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ResultError("git is not installed.", found=str(error), todo="install git.") from error
    if done.returncode:
        raise ResultError(
            "git refused.", where=f"git {' '.join(arguments)}", found=done.stderr.strip(), todo="do what git says."
        )
    return done.stdout


def root() -> Path:
    """The folder that git's paths start from."""
    return Path(git("rev-parse", "--show-toplevel").removesuffix("\n"))


def in_conflict() -> dict[str, Versions]:
    """The versions of every file that git could not merge, by path from the root of the repository."""
    found: defaultdict[str, Versions] = defaultdict(dict)
    for line in filter(None, git("ls-files", "--unmerged", "--full-name", "-z", "--", ":/").split("\0")):
        about, _, path = line.partition("\t")
        _, name, side = about.split()
        found[path][int(side)] = name
    return dict(found)


def made_by_the_pipeline(paths: Iterable[str]) -> list[str]:
    """Those of the files that .gitattributes gives to the merge driver, since `dvc repro` makes them."""
    asked = "".join(f"{path}\0" for path in paths)
    answers = git("-C", str(root()), "check-attr", "-z", "--stdin", "merge", given=asked).split("\0")
    return [path for path, _, value in zip(*[iter(answers)] * 3, strict=False) if value == DRIVER]


def content(versions: Versions, side: int) -> str:
    """One side's text; an empty one where that side has no such file."""
    return git("cat-file", "blob", versions[side]) if side in versions else ""


def merging() -> bool:
    """Whether a merge, a rebase or a cherry-pick has begun that is not committed yet."""
    folder = Path(git("rev-parse", "--absolute-git-dir").removesuffix("\n"))
    return any((folder / name).exists() for name in ("MERGE_HEAD", "CHERRY_PICK_HEAD", "rebase-merge", "rebase-apply"))


def marked(path: Path) -> list[int]:
    """The lines at which a file still holds git's conflict markers."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return [number for number, line in enumerate(lines, start=1) if line.startswith(MARKERS)]
