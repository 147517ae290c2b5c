"""Which source files a module runs, and a digest of all in them that can change a result.

The digest is taken of syntax trees without docstrings, so that prose, comments and layout are free.
Parsing a hundred files takes a second, so what was found in a source is kept under the hash of its
bytes.
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
    """What matters of one source file.

    Attributes
    ----------
    syntax : str
        SHA-256 of its syntax tree without docstrings.
    imports : list of str
        Names of this project's packages that it imports, also inside functions; some may be
        functions of a module.
    """

    syntax: str
    imports: list[str]


def closure(*modules: str, stop: Iterable[str] = ()) -> tuple[Path, ...]:
    """The source files that modules run, themselves included.

    Parameters
    ----------
    modules : str
        Names of modules.
    stop : iterable of str
        Modules that are left out, with what is reached through them alone.

    Returns
    -------
    tuple of Path
        Sorted, relative to the repository.
    """
    seen = {path for name in stop for path in _files(name)[:1]}
    found = set[Path]()
    pending = {path for module in modules for path in _files(module)}
    while pending:
        path = pending.pop()
        found.add(path)
        imported = {file for name in _source(path).imports for file in _files(name)}
        pending |= imported - found - seen
    return tuple(sorted(path.relative_to(REPOSITORY) for path in found))


def sources(*modules: str, stop: Iterable[str] = ()) -> dict[str, str]:
    """The digest of each source file that modules run, by path; see `closure`."""
    found = {
        path.as_posix(): _source(REPOSITORY / path).syntax for path in closure(*modules, stop=stop)
    }
    _keep_known()
    return found


@cache
def code_digest(*modules: str, stop: tuple[str, ...] = ()) -> str:
    """One digest of all source files that modules run; see `closure`."""
    return digest(*(text for pair in sources(*modules, stop=stop).items() for text in pair))


def syntax(source: bytes) -> Source:
    """Read one source file."""
    tree = ast.parse(source)
    imports = sorted({name for node in ast.walk(tree) for name in _imported(node)})
    return Source(digest(_written(tree)), imports)


def _written(node: Any) -> str:
    """A syntax tree as a text that is the same in all versions of Python: empty fields differ
    between them."""
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
"""Sources that were read here for the first time."""


@cache
def _known() -> dict[str, Source]:
    """What has been found in sources, by the hash of their bytes; empty where the file is missing
    or damaged."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        return {key: Source(*found) for key, found in json.loads(KNOWN_SOURCES.read_text()).items()}
    return {}


def _keep_known() -> None:
    if _NEW:
        with suppress(OSError):  # reading them again costs a second and nothing else
            files.write_text(KNOWN_SOURCES, json.dumps(_known()))
        _NEW.clear()


@cache
def _reader() -> bytes:
    """This file: another reader of sources may find something else in them."""
    return Path(__file__).read_bytes()


@cache
def _files(module: str) -> list[Path]:
    """The file of a module and the packages above it; nothing when the name is no module (a
    function, say)."""
    parts = module.split(".")
    base = REPOSITORY.joinpath(*parts)
    if base.with_suffix(".py").is_file():
        found = [base.with_suffix(".py")]
    elif (base / "__init__.py").is_file():
        found = [base / "__init__.py"]
    else:
        return []
    return found + [REPOSITORY.joinpath(*parts[:k], "__init__.py") for k in range(1, len(parts))]
