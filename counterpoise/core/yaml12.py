"""YAML 1.2, read and written with the library and the settings that DVC uses.

YAML 1.1, which PyYAML reads, makes booleans of `yes` and `No` and 750 of `12:30`. DVC writes these
texts without quotes into dvc.lock, so a reader of YAML 1.1 finds other values there than
params.yaml has.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, SequenceNode
from ruamel.yaml.scalarstring import DoubleQuotedScalarString


class InvalidYaml(Exception):
    """A text that is not valid YAML.

    Parameters
    ----------
    problem : str
        What is wrong.
    place : str, optional
        The line and the column, both from 1, where the parser knows them.
    """

    def __init__(self, problem: str, place: str | None = None) -> None:
        self.problem, self.place = problem, place
        super().__init__(f"{problem} ({place})" if place else problem)


def load(text: str) -> Any:
    """Parse one document.

    Parameters
    ----------
    text : str

    Returns
    -------
    object
        Mappings, lists and scalars; None for an empty document.

    Raises
    ------
    InvalidYaml
        When the text breaks the syntax, a mapping has a key twice, or a value does not fit its
        type.

    Examples
    --------
    >>> load("{positive: yes, drop: [No], learning_rate: 1e-3}")
    {'positive': 'yes', 'drop': ['No'], 'learning_rate': 0.001}
    """
    try:
        return YAML(typ="safe").load(text)
    except DuplicateKeyError as error:
        # the library's message also quotes both values, which may be long
        key = str(error.problem).removeprefix("found duplicate key ").partition(" with value ")[0]
        raise InvalidYaml(f"the key {key} stands twice in one mapping", _place(error)) from None
    except YAMLError as error:
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise InvalidYaml(problem, _place(error)) from None
    except (ValueError, LookupError) as error:  # the 31st of February, or `!!int x`
        raise InvalidYaml(f"a value does not fit its type: {error}") from None


def line_of(text: str, place: Sequence[object]) -> int | None:
    """The line of a key of a document.

    Parameters
    ----------
    text : str
        A valid document.
    place : sequence
        Keys of mappings and positions in lists from the document down, such as
        ("datasets", "mine", "drop", 0).

    Returns
    -------
    int or None
        From 1; that of the last key that the document has, None where it lacks the first.

    Examples
    --------
    >>> line_of("a: 1\\nb:\\n  c: 2\\n", ("b", "c"))
    3
    """
    node = _composed(text)
    line = None
    for key in place:
        if isinstance(node, MappingNode):
            found = [pair for pair in node.value if str(pair[0].value) == str(key)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _composed(text: str) -> Any:
    """The nodes of a document, from the parser that `load` uses: the library's other one, in
    Python, refuses tabs within a text.
    """
    return YAML(typ="safe").compose(text)


def _place(error: YAMLError) -> str | None:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else None


def dump(content: Any, *, short: bool = False) -> str:
    """Write mappings, lists and scalars as one document, in their order.

    Parameters
    ----------
    content : object
    short : bool
        Whether lists and mappings of scalars stand in one line.

    Returns
    -------
    str
        Block style, with quotes around the texts that YAML 1.2 would read as something else, and
        around no others.
    """
    yaml = YAML()
    yaml.default_flow_style = None if short else False
    yaml.width = 120 if short else yaml.width
    stream = io.StringIO()
    yaml.dump(_quoted(content) if short else content, stream)
    return stream.getvalue()


def _quoted(content: Any) -> Any:
    """The same with quotes around every text that the library writes wrongly into one line.

    In `[1:30, ? a]` it puts none, and another content is read.
    """
    if isinstance(content, dict):
        return {_quoted(key): _quoted(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_quoted(value) for value in content]
    if isinstance(content, str) and not re.fullmatch(r"[\w./ -]*", content):
        return DoubleQuotedScalarString(content)
    return content


def changed_in_lock(content: Any) -> str | None:
    """Find a text of params.yaml that DVC does not write into dvc.lock as it is.

    Its library loses U+0085, and a blank beside the end of a line of a long text with tabs or
    control characters. DVC would then see another value at every run.

    Parameters
    ----------
    content : object
        What params.yaml holds.

    Returns
    -------
    str or None
        The text, or what is wrong with what is written.
    """
    datasets = content.get("datasets") if isinstance(content, dict) else None
    if isinstance(datasets, dict):  # each is one entry there
        content = content | {f"datasets.{name}": entry for name, entry in datasets.items()}
    lock = {"stages": {"": {"params": {"params.yaml": content}}}}
    try:
        return _first_difference(lock, load(dump(lock)))
    except InvalidYaml as error:
        return str(error)


def _first_difference(one: Any, other: Any) -> str | None:
    if isinstance(one, dict) and isinstance(other, dict):
        pairs = zip((*one, *one.values()), (*other, *other.values()), strict=False)
    elif isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=False)
    else:
        return None if repr(one) == repr(other) else str(one)
    return next(
        (text for text in (_first_difference(*pair) for pair in pairs) if text is not None), None
    )


def with_entry(text: str, section: str, key: str, entry: Any) -> str:
    """Add an entry to a section of a document, whose other lines stay as they are.

    Parameters
    ----------
    text : str
        A valid document.
    section : str
        A key of the document with a mapping in block style, or with nothing.
    key : str
        The new key.
    entry : object

    Returns
    -------
    str
        The document with the entry at the end of the section.

    Examples
    --------
    >>> print(with_entry("a: # one\n  b: 1\nc: 2\n", "a", "d", {"e": [1]}), end="")
    a: # one
      b: 1
      d:
        e: [1]
    c: 2
    """
    node = _composed(text)
    name, value = next(pair for pair in node.value if pair[0].value == section)
    lines = text.splitlines(keepends=True)
    if isinstance(value, MappingNode) and value.value:
        last = value.value[-1]
        indent = last[0].start_mark.column
        at = last[1].end_mark.line + (last[1].end_mark.column > 0)
    else:
        indent, at = name.start_mark.column + 2, name.end_mark.line + 1
        lines[at - 1] = lines[at - 1].replace(" {}", "", 1)
    while at > 0 and not lines[at - 1].strip():
        at -= 1
    entry_lines = dump({key: entry}, short=True).splitlines(keepends=True)
    block = "".join(" " * indent + line for line in entry_lines)
    before = "".join(lines[:at])
    return before + ("" if before.endswith("\n") else "\n") + block + "".join(lines[at:])
