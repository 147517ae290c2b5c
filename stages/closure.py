"""Which source files of the project a module stands on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from stages.files import digest
from stages.paths import REPOSITORY


@cache
def imports(path: Path) -> frozenset[Path]:
    """The files of the project that a source file imports, also inside functions."""
    found: set[Path] = set()
    for node in _statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "stages":
                found.update(_files(name))
    return frozenset(found)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node; the expressions in them, which hold no import, are most of a file."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        inside = getattr(node, block, ())
        for statement in inside if isinstance(inside, list) else ():  # of `a if b else c` they are expressions
            yield statement
            yield from _statements(statement)


def _files(module: str) -> list[Path]:
    """The file of a module and the packages above it; nothing when the name is no module (a function, say)."""
    parts = module.split(".")
    base = REPOSITORY.joinpath(*parts)
    if base.with_suffix(".py").is_file():
        files = [base.with_suffix(".py")]
    elif (base / "__init__.py").is_file():
        files = [base / "__init__.py"]
    else:
        return []
    return files + [REPOSITORY.joinpath(*parts[:k], "__init__.py") for k in range(1, len(parts))]


def closure(module: str) -> tuple[Path, ...]:
    """The source files that a module stands on, itself included, as sorted paths relative to the repository."""
    pending, seen = set(_files(module)), set[Path]()
    while pending:
        path = pending.pop()
        seen.add(path)
        pending |= imports(path) - seen
    return tuple(sorted(path.relative_to(REPOSITORY) for path in seen))


def code_digest(module: str) -> str:
    """One hash for the source of a module and of all it stands on."""
    return digest(*(part for path in closure(module) for part in (path.as_posix(), (REPOSITORY / path).read_bytes())))
