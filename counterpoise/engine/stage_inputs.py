"""What a stage was given, taken once at its start and held against the files at its end.

DVC reads parameters and sums after a stage's command. Were one of them edited meanwhile, results of
the old one would stand under the new one in dvc.lock and the run cache for ever. So a stage takes
its parameters once, and fails where a parameter, a dependency or a source is another one at its
end.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from counterpoise.core import config, files, paths, yaml12
from counterpoise.core.config import Params
from counterpoise.core.errors import ResultError
from counterpoise.engine import fingerprint
from counterpoise.engine.lifetime import end_with_dvc

FileState = tuple[int, int, int, int]
"""Inode, size and times of a file: whatever writes to it changes one of them, also where it writes
the same bytes."""


class StageInputs(NamedTuple):
    """What a stage was given.

    Attributes
    ----------
    params : Params
    dataset : str
        The dataset's key, "" for a stage over all of them.
    """

    params: Params
    dataset: str


@contextmanager
def stage(
    script: str, description: str | None, *, of_dataset: bool = True
) -> Iterator[StageInputs]:
    """Read the command line and the parameters of a stage; hold all that it depends on against the
    files at its end.

    Parameters
    ----------
    script : str
        The stage's name in dvc.yaml.
    of_dataset : bool
        Whether the command line names a dataset.

    Raises
    ------
    ResultError
        When a parameter, a dependency or a source has changed while the stage ran, or a source
        since `check`.
    """
    parser = argparse.ArgumentParser(prog=f"python -m stages.{script}", description=description)
    if of_dataset:
        parser.add_argument("dataset", help="a key of params.yaml: datasets")
    dataset = getattr(parser.parse_args(), "dataset", "")
    end_with_dvc()
    text = paths.PARAMS.read_text(encoding="utf-8") if paths.PARAMS.is_file() else ""
    params = config.load()
    path = params.dataset(dataset).path if dataset else ""
    dependencies, names = declared(
        script, {"key": dataset, "item.dataset": dataset, "item.path": path}
    )
    name = f"{script}@{dataset}" if dataset else script
    before = _states(script, dependencies)
    _hold_against_check(script, name)
    yield StageInputs(params, dataset)
    for parameter in names:
        then, now = (_parameter(_content(given), parameter) for given in (text, paths.PARAMS))
        if then != now:
            raise _changed(name, f"{paths.PARAMS}: {parameter}", f"{then!r}", f"{now!r}")
    after = _states(script, dependencies)
    for file in sorted(before | after):
        if before.get(file) != after.get(file):
            found = (
                "a file that was written to"
                if file in before and file in after
                else "a file that came or went"
            )
            raise _changed(name, file.as_posix(), "the same file as at the stage's start", found)


def declared(script: str, words: Mapping[str, str]) -> tuple[list[Path], list[str]]:
    """The dependencies and parameters that dvc.yaml declares for a stage, with the words of its
    template filled in."""
    if not paths.DVC_YAML.is_file():
        return [], []
    stages = yaml12.load(paths.DVC_YAML.read_text(encoding="utf-8"))["stages"]
    found = stages.get(script, {})
    found = found.get("do", found)

    def filled(text: str) -> str:
        for word, value in words.items():
            text = text.replace(f"${{{word}}}", value)
        return text

    return [Path(filled(path)) for path in found.get("deps", [])], [
        filled(name) for name in found.get("params", [])
    ]


def _states(script: str, dependencies: list[Path]) -> dict[Path, FileState]:
    """The state of every file that a stage depends on, and of the sources that it runs."""
    sources = [paths.REPOSITORY / path for path in fingerprint.closure(f"stages.{script}")]
    inside = [
        file for path in dependencies for file in (path.rglob("*") if path.is_dir() else [path])
    ]
    found = {}
    for path in (*sources, *inside):
        if path.is_file():
            state = path.stat()
            found[path] = state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
    return found


def _hold_against_check(script: str, name: str) -> None:
    """The sources have to be those whose digests `check` wrote: DVC knows no others."""
    listed = paths.code(script)
    if not listed.is_file():  # run by hand
        return
    then, now = files.read_json(listed), fingerprint.sources(f"stages.{script}")
    for path in sorted({*then, *now}):
        if then.get(path) != now.get(path):
            raise _changed(name, path, "the source that `check` saw", "another one")


def _content(given: str | Path) -> Any:
    try:
        return yaml12.load(given.read_text(encoding="utf-8") if isinstance(given, Path) else given)
    except (OSError, UnicodeDecodeError, yaml12.InvalidYaml):
        return None


def _parameter(content: Any, name: str) -> Any:
    for key in name.split("."):
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _changed(name: str, where: str, expected: str, found: str) -> ResultError:
    return ResultError(
        f"Something that {name} depends on has changed while it ran, so its results were not"
        " recorded.",
        where=where,
        expected=expected,
        found=found,
        todo="`dvc repro` runs the stage again; fits that were finished are kept.",
    )
