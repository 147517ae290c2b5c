"""YAML 1.2, read and written with the library and the settings that DVC uses.

YAML 1.1, which PyYAML reads, makes booleans of `yes` and `No` and 750 of `12:30`. DVC writes these
texts without quotes into dvc.lock, so a reader of YAML 1.1 finds other values there than
params.yaml has.
"""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError


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


def _place(error: YAMLError) -> str | None:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else None


def dump(content: Any) -> str:
    """Write mappings, lists and scalars as one document, in their order.

    Parameters
    ----------
    content : object

    Returns
    -------
    str
        Block style, with quotes around the texts that YAML 1.2 would read as something else, and
        around no others.
    """
    yaml = YAML()
    yaml.default_flow_style = False
    stream = io.StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()
