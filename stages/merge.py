"""Resolve dvc.lock and reports/ in a merge: by stage, not by line, and without computing anything that has been computed.

In the middle of a merge that git has stopped, this resolves the files that the pipeline makes and leaves all others alone.
With `--install` git calls it by itself in this clone, and a merge does not stop for them in the first place. Either way
`dvc repro` makes afterwards what follows from both sides together.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path, PurePosixPath

from stages import paths
from stages.errors import ConfigurationError, ResultError, guarded
from stages.sharing import conflicts, lock
from stages.sharing.conflicts import Versions, git

NEXT = (
    "dvc pull --allow-missing   # what either side has computed",
    "dvc repro --pull           # what follows from both together (without --pull where there is no remote)",
    f"git add {paths.DVC_LOCK} {paths.REPORTS}",
    "git commit",
)
HINT = "   # `python -m stages.check` looks at it"


def resolve(path: str, versions: Versions) -> tuple[str, tuple[str, ...]]:
    """The text of a file that the pipeline makes, and the stages left out of it where it is a dvc.lock."""
    if PurePosixPath(path).name != paths.DVC_LOCK.name:  # `dvc repro` makes it again: any side will do
        return conflicts.content(versions, 2 if 2 in versions else 3), ()
    sides = (lock.parsed(conflicts.content(versions, side), f"{path}, {name}") for side, name in _SIDES)
    merged = lock.merged(*sides)
    return lock.written(merged.content), merged.left_out


_SIDES = ((1, "the common ancestor"), (2, "our side"), (3, "their side"))


def resolve_all() -> int:
    """Resolve what can be, and say what is left to the person.

    Raises
    ------
    ConfigurationError
        When params.yaml was marked as resolved with git's markers in it.
    ResultError
        When nothing is being merged, or a dvc.lock cannot be.
    """
    found = conflicts.in_conflict()
    if not found and not conflicts.merging():
        raise ResultError(
            "There is nothing to resolve: no merge has stopped here.",
            expected="a `git merge`, `rebase` or `cherry-pick` with conflicts",
            found="none under way",
            todo="`git merge BRANCH` first; `python -m stages.merge --install` makes git do this by itself.",
        )
    top = conflicts.root()
    if paths.PARAMS.as_posix() not in found and (lines := conflicts.marked(paths.PARAMS)):
        raise ConfigurationError(
            "params.yaml was marked as resolved with git's conflict markers in it.",
            where=f"{paths.PARAMS}: line {lines[0]}",
            expected="the parameters that both sides want",
            found=f"{len(lines)} lines of markers",
            todo=f"edit it, `python -m stages.check`, `git add {paths.PARAMS}`, and run this again.",
        )
    ours = conflicts.made_by_the_pipeline(found)
    texts = {path: resolve(path, found[path]) for path in ours}  # all or nothing
    for path, (text, left_out) in texts.items():
        (top / path).write_text(text, encoding="utf-8")
        git("add", "--", f":/{path}")
        print(told(path, left_out))
    others = [path for path in found if path not in texts]
    if others:
        print("\nYours to resolve, and first:")
        print("\n".join(f"  {path}{HINT if path == paths.PARAMS.as_posix() else ''}" for path in others))
    print("\nThen:", *(f"  {command}" for command in NEXT), sep="\n")
    return 1 if others else 0


def told(path: str, left_out: tuple[str, ...]) -> str:
    """What was done with one file, in one line."""
    if PurePosixPath(path).name != paths.DVC_LOCK.name:
        return f"{path}: one side's, until `dvc repro` makes it again"
    if not left_out:
        return f"{path}: merged by stage"
    return f"{path}: merged by stage; changed on both sides and left for `dvc repro`: {', '.join(left_out)}"


def drive(base: Path, ours: Path, theirs: Path, path: str) -> int:
    """What git calls for one file: the merged text goes into `ours`."""
    if PurePosixPath(path).name == paths.DVC_LOCK.name:
        named = ((base, "the common ancestor"), (ours, "our side"), (theirs, "their side"))
        merged = lock.merged(
            *(lock.parsed(file.read_text(encoding="utf-8"), f"{path}, {name}") for file, name in named)
        )
        ours.write_text(lock.written(merged.content), encoding="utf-8")
        print(told(path, merged.left_out), file=sys.stderr)
        print("\n".join(("next:", *(f"  {command}" for command in NEXT))), file=sys.stderr)
    return 0


def install() -> int:
    """Write the driver into this clone's git configuration; .gitattributes, which is committed, says what it is for."""
    command = f"{shlex.quote(sys.executable)} -m stages.merge --driver %O %A %B %P"
    git("config", f"merge.{conflicts.DRIVER}.name", "dvc.lock by stage, and what dvc repro makes again")
    git("config", f"merge.{conflicts.DRIVER}.driver", command)
    print(f"git calls `{command}` in this clone; .gitattributes says for which files")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m stages.merge", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--install", action="store_true", help="make git do this by itself in this clone")
    way.add_argument("--driver", nargs=4, metavar=("BASE", "OURS", "THEIRS", "PATH"), help="how git calls it")
    arguments = parser.parse_args()
    if arguments.install:
        return install()
    if arguments.driver:
        base, ours, theirs, path = arguments.driver
        return drive(Path(base), Path(ours), Path(theirs), path)
    return resolve_all()


if __name__ == "__main__":
    raise SystemExit(guarded(main, bring_back=False)())
