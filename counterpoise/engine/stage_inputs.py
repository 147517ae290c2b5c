"""The inputs of a stage, read once at its start and compared with the files at its end.

DVC reads parameters and checksums after a stage's command. If one of them is edited meanwhile,
dvc.lock and the run cache would record old results under new inputs. So a stage reads its
parameters once, and fails where a parameter, a dependency or a source has changed at its end.
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
"""Inode, size, and times of modification and of status change in nanoseconds.

Every write changes one of them, even a write of the same bytes.
"""


class StageInputs(NamedTuple):
    """The inputs of a stage.

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
    """Read a stage's command line and parameters; check at its end that no input has changed.

    Parameters
    ----------
    script : str
        The stage's name in dvc.yaml.
    description : str, optional
        The help text of the command line.
    of_dataset : bool
        Whether the command line names a dataset.

    Yields
    ------
    StageInputs

    Raises
    ------
    ConfigurationError
        When params.yaml is invalid, or has no dataset of that name.
    ResultError
        When a parameter, a dependency or a source has changed while the stage ran, or a source
        since the stage `check`.
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
    _compare_with_check(script, name)
    # the stage runs here; DVC does not record its results when an error follows
    yield StageInputs(params, dataset)
    for parameter in names:
        then, now = (_parameter(_content(source), parameter) for source in (text, paths.PARAMS))
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
    """Read the dependencies and parameters that dvc.yaml declares for a stage.

    Parameters
    ----------
    script : str
        The stage's name in dvc.yaml.
    words : mapping of str to str
        Values of the template's variables, such as `item.dataset`.

    Returns
    -------
    dependencies : list of Path
    params : list of str
        Dotted names of parameters. Both are empty where there is no dvc.yaml, or no such stage.
    """
    if not paths.DVC_YAML.is_file():
        return [], []
    stages = yaml12.load(paths.DVC_YAML.read_text(encoding="utf-8"))["stages"]
    definition = stages.get(script, {})
    definition = definition.get("do", definition)

    def filled(text: str) -> str:
        for word, value in words.items():
            text = text.replace(f"${{{word}}}", value)
        return text

    return [Path(filled(path)) for path in definition.get("deps", [])], [
        filled(name) for name in definition.get("params", [])
    ]


def _states(script: str, dependencies: list[Path]) -> dict[Path, FileState]:
    """The state of every file that a stage depends on, its source files included."""
    sources = [paths.REPOSITORY / path for path in fingerprint.closure(f"stages.{script}")]
    inside = [
        file for path in dependencies for file in (path.rglob("*") if path.is_dir() else [path])
    ]
    states = {}
    for path in (*sources, *inside):
        if path.is_file():
            state = path.stat()
            states[path] = state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
    return states


def _compare_with_check(script: str, name: str) -> None:
    """Check that the sources have the digests that the stage `check` wrote.

    DVC tracks the sources only by these digests.
    """
    listed = paths.code(script)
    if not listed.is_file():  # run by hand
        return
    then, now = files.read_json(listed), fingerprint.sources(f"stages.{script}")
    for path in sorted({*then, *now}):
        if then.get(path) != now.get(path):
            raise _changed(name, path, "the source that `check` saw", "another one")


def _content(source: str | Path) -> Any:
    """Parse a YAML text or file; None where it cannot be read."""
    try:
        return yaml12.load(
            source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        )
    except (OSError, UnicodeDecodeError, yaml12.InvalidYaml):
        return None


def _parameter(content: Any, name: str) -> Any:
    """Look up a dotted name; None where it does not exist."""
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
