"""Source files that a module runs, and a digest of all in them that can change a result.

The digest is taken of syntax trees without docstrings, so prose, comments and layout may change
freely. Parsing a hundred files takes a second, so the results are cached under the hash of each
file's bytes.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from counterpoise.core import files
from counterpoise.core.files import digest
from counterpoise.core.paths import REPOSITORY, STORE

PACKAGES = ("counterpoise", "stages")
KNOWN_SOURCES = STORE / "sources.json"


class Source(NamedTuple):
    """What counts of one source file.

    Attributes
    ----------
    syntax : str
        SHA-256 of its syntax tree without docstrings.
    imports : list of str
        Names that it imports from this project's packages, also inside functions. Some may be
        functions of a module.
    """

    syntax: str
    imports: list[str]


def closure(*modules: str, stop: Iterable[str] = ()) -> tuple[Path, ...]:
    """Find the source files that modules run, themselves included.

    Parameters
    ----------
    *modules : str
        Names of modules.
    stop : iterable of str
        Modules that are left out, with those reached only through them.

    Returns
    -------
    tuple of Path
        Sorted, relative to the repository.
    """
    # the module's own file alone: other modules share the packages above it
    excluded = {path for name in stop for path in _files(name)[:1]}
    reached = set[Path]()
    pending = {path for module in modules for path in _files(module)} - excluded
    while pending:
        path = pending.pop()
        reached.add(path)
        imported = {file for name in _source(path).imports for file in _files(name)}
        pending |= imported - reached - excluded
    return tuple(sorted(path.relative_to(REPOSITORY) for path in reached))


def sources(*modules: str, stop: Iterable[str] = ()) -> dict[str, str]:
    """Digest each source file that modules run.

    Parameters
    ----------
    *modules : str
        Names of modules.
    stop : iterable of str
        Modules to leave out; see `closure`.

    Returns
    -------
    dict of str to str
        SHA-256 of each syntax tree, by path relative to the repository.
    """
    digests = {
        path.as_posix(): _source(REPOSITORY / path).syntax for path in closure(*modules, stop=stop)
    }
    _keep_known()
    return digests


@cache
def code_digest(*modules: str, stop: tuple[str, ...] = ()) -> str:
    """Compute one digest of all source files that modules run.

    Parameters
    ----------
    *modules : str
        Names of modules.
    stop : tuple of str
        Modules to leave out; see `closure`.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    return digest(*(text for pair in sources(*modules, stop=stop).items() for text in pair))


def syntax(source: bytes) -> Source:
    """Parse one source file.

    Parameters
    ----------
    source : bytes
        The content of the file.

    Returns
    -------
    Source

    Raises
    ------
    SyntaxError
        When it is not Python.
    """
    tree = ast.parse(source)
    imports = sorted({name for node in ast.walk(tree) for name in _imported(node)})
    return Source(digest(_written(tree)), imports)


def _written(node: Any) -> str:
    """Write a syntax tree as a text that is the same in all versions of Python.

    Empty fields are left out, since versions differ in them.
    """
    if isinstance(node, ast.AST):
        fields = [
            (name, value)
            for name, value in ast.iter_fields(node)
            if value is not None and value != []
        ]
        inside = ",".join(f"{name}={_written(value)}" for name, value in fields)
        return f"{type(node).__name__}({inside})"
    if isinstance(node, list):
        return f"[{','.join(_written(one) for one in node if not _is_docstring(one))}]"
    return repr(node)


def _is_docstring(node: Any) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    else:
        return
    yield from (name for name in names if name.partition(".")[0] in PACKAGES)


@cache
def _source(path: Path) -> Source:
    content = path.read_bytes()
    key = digest(_reader(), content)
    if key not in _known():
        _known()[key] = syntax(content)
        _NEW.add(key)
    return _known()[key]


_NEW: set[str] = set()
"""Keys of sources parsed by this process, not yet in the cache file."""


@cache
def _known() -> dict[str, Source]:
    """The cached results, by the hash of a source's bytes.

    Empty where the cache file is missing or damaged.
    """
    with suppress(OSError, ValueError, TypeError, AttributeError):
        return {
            key: Source(*fields) for key, fields in json.loads(KNOWN_SOURCES.read_text()).items()
        }
    return {}


def _keep_known() -> None:
    if _NEW:
        with suppress(OSError):  # without the file the next process parses them again
            files.write_text(KNOWN_SOURCES, json.dumps(_known()))
        _NEW.clear()


@cache
def _reader() -> bytes:
    """The bytes of this file: a changed parser makes the cached results invalid."""
    return Path(__file__).read_bytes()


@cache
def _files(module: str) -> list[Path]:
    """The file of a module and those of the packages above it.

    Empty when the name is not a module but, say, a function.
    """
    parts = module.split(".")
    base = REPOSITORY.joinpath(*parts)
    if base.with_suffix(".py").is_file():
        own = [base.with_suffix(".py")]
    elif (base / "__init__.py").is_file():
        own = [base / "__init__.py"]
    else:
        return []
    return own + [REPOSITORY.joinpath(*parts[:k], "__init__.py") for k in range(1, len(parts))]
