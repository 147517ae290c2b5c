"""Two sides' dvc.lock as one, stage by stage.

Git merges lines; what belongs together in dvc.lock is a stage: a result, what it was made from, and how. An entry that is
half one side's and half the other's would claim a result that nobody computed. Here an entry is one side's or is left out,
and of a stage that is left out DVC finds out by itself whether its result is in the cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stages.errors import ResultError

SCHEMA = "2.0"
"""The layout of dvc.lock that is understood here, as DVC writes it in its first line."""

STAGES = "stages"

Content = Mapping[str, Any]
"""What dvc.lock says: under `stages` an entry a stage, beside it `schema` and, where there are any, `datasets`."""


@dataclass(frozen=True)
class Merged:
    """One dvc.lock of two, and the stages that both sides changed, each in its own way."""

    content: dict[str, Any]
    left_out: tuple[str, ...]


def merged(base: Content, ours: Content, theirs: Content) -> Merged:
    """Merge three versions of dvc.lock.

    The side that changed a stage since `base` has its way. What both sides changed differently, or one changed and the other
    removed, neither side's result answers for: it is left out, and `dvc repro` makes it again.

    Parameters
    ----------
    base, ours, theirs : mapping
        Parsed files, `base` that of the last common commit; an empty mapping where there is none.
    """
    stages, left_out = _merged(*(side.get(STAGES) or {} for side in (base, ours, theirs)))
    rest, _ = _merged(*({k: v for k, v in side.items() if k != STAGES} for side in (base, ours, theirs)))
    return Merged({"schema": SCHEMA, **rest, STAGES: stages}, tuple(left_out))


def _merged(base: Content, ours: Content, theirs: Content) -> tuple[dict[str, Any], list[str]]:
    """The entries, in our order and then those that are new on their side; and the names of those left out."""
    kept, left_out = {}, []
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        was, one, other = (side.get(name) for side in (base, ours, theirs))
        if one == other or other == was:
            entry = one
        elif one == was:
            entry = other
        else:
            left_out.append(name)
            continue
        if entry is not None:
            kept[name] = entry
    return kept, left_out


def parsed(text: str, where: str) -> dict[str, Any]:
    """Read one version of dvc.lock; of an empty text, an empty mapping.

    Raises
    ------
    ResultError
        When it is no dvc.lock, or one whose layout is not known here.
    """
    from dvc.utils.serialize import YAMLError, parse_yaml  # type: ignore[import-untyped]

    try:
        content = parse_yaml(text, where)
    except YAMLError as error:
        raise _refused(where, f"no valid YAML ({error})") from None
    if not content and not text.strip():
        return {}
    if not isinstance(content, dict) or not isinstance(content.get(STAGES, {}), dict):
        raise _refused(where, "no mapping of stages")
    if content.get("schema") != SCHEMA:
        raise _refused(where, f"schema: {content.get('schema')!r}")
    return content


def written(content: Content) -> str:
    """The text that DVC itself would write, so that its next run changes nothing but what it computes."""
    from dvc.utils.serialize import dumps_yaml

    return str(dumps_yaml(dict(content)))


def _refused(where: str, found: str) -> ResultError:
    return ResultError(
        "This dvc.lock cannot be merged stage by stage.",
        where=where,
        expected=f"a file that DVC wrote, with `schema: '{SCHEMA}'` and a mapping of stages",
        found=found,
        todo="take one side's file (`git checkout --ours dvc.lock` or `--theirs`) and `git add` it: `dvc repro` then brings "
        "it up to date, from the cache where it can.",
    )
