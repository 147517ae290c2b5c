"""Read the text of params.yaml into its model, with a message for every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from counterpoise.core import paths, yaml12
from counterpoise.core.config.params import Params
from counterpoise.core.config.splits import AnySplit
from counterpoise.core.errors import ConfigurationError


class InvalidParams(ConfigurationError):
    """params.yaml has mistakes of structure.

    Parameters
    ----------
    problems : list of dict
        Pydantic's.
    where : str
        The name of the file.
    text : str
        What it holds, for the lines of mistakes; "" where that is not known.

    Attributes
    ----------
    problems : list of dict
    mistakes : list of (int or None, ConfigurationError)
        An error for each of them, with its line, in the order of lines.
    """

    def __init__(self, problems: list[Any], where: str, text: str) -> None:
        lines = [_line(problem, text) for problem in problems]
        shown = [
            ("" if line is None else f"line {line}, ") + _message(problem)
            for problem, line in zip(problems, lines, strict=True)
        ]
        super().__init__(
            "params.yaml has "
            + ("an error." if len(problems) == 1 else f"{len(problems)} errors."),
            where=where,
            found=("\n" + " " * 12).join(shown),
            todo=(
                f"{_renamings(problems)}correct what is named; `python -m counterpoise check` then"
                " looks for more errors, without touching any result."
            ),
        )
        self.problems = problems
        mistakes = [
            (
                line,
                ConfigurationError(
                    f"{_message(problem)}.",
                    where=where,
                    todo=f"{_renamings([problem])}correct this entry.",
                ),
            )
            for problem, line in zip(problems, lines, strict=True)
        ]
        self.mistakes = sorted(mistakes, key=lambda one: one[0] or 0)


def load(path: Path | None = None) -> Params:
    """Read and check params.yaml.

    Parameters
    ----------
    path : Path, optional
        The file; by default params.yaml in the working directory.

    Returns
    -------
    Params

    Raises
    ------
    ConfigurationError
        When the file is missing, is not UTF-8 or not YAML, or holds a mistake. The message names
        every wrong key, what was found and what is allowed.
    """
    content, text = read(path)
    return parse(content, str(paths.PARAMS if path is None else path), text)


def read(path: Path | None = None) -> tuple[Any, str]:
    """Read params.yaml as YAML.

    Parameters
    ----------
    path : Path, optional
        The file; by default params.yaml in the working directory.

    Returns
    -------
    content : object
        What the YAML holds, not yet checked.
    text : str

    Raises
    ------
    ConfigurationError
        When the file is missing, is not UTF-8 or not YAML.
    """
    path = paths.PARAMS if path is None else path
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            "There is no params.yaml here.",
            where=str(path.resolve()),
            expected="the file that says which datasets, strategies and models to compare",
            found="no such file",
            todo="run from the folder that holds dvc.yaml and params.yaml.",
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            "params.yaml is not a text file.",
            where=str(path),
            expected="UTF-8",
            found=str(error),
            todo="save it as UTF-8.",
        ) from None
    try:
        content = yaml12.load(text)
    except yaml12.InvalidYaml as error:
        raise ConfigurationError(
            "params.yaml is not valid YAML.",
            where=f"{path}, {error.place}" if error.place else str(path),
            expected="key: value lines, indented by spaces",
            found=error.problem,
            todo=(
                "correct that line (a text with a colon, a quote or a leading @ needs quotes around"
                " it)."
            ),
        ) from None
    # a plain text is written as it is; the others take some milliseconds to try
    plain = text.isascii() and not {"\\", "\t"} & set(text)
    lost = None if plain else yaml12.changed_in_lock(content)
    if lost is not None:
        raise ConfigurationError(
            "DVC cannot keep a text of params.yaml.",
            where=str(path),
            expected="texts that DVC writes into dvc.lock as they are",
            found=repr(lost if len(lost) <= 80 else lost[:77] + "..."),
            todo=(
                "take control characters and tabs out of it; rename the column or the label in the"
                " table."
            ),
        )
    return content, text


def parse(content: Any, where: str = "params.yaml", text: str = "") -> Params:
    """Check the content of params.yaml.

    Parameters
    ----------
    content : object
        The parsed YAML.
    where : str
        The name of the file in messages.
    text : str
        The text that it was parsed from, for the lines of mistakes.

    Returns
    -------
    Params

    Raises
    ------
    InvalidParams
        When it holds a mistake. The message names every wrong key.
    ConfigurationError
        When the content is not a mapping.
    """
    if not isinstance(content, dict):
        raise ConfigurationError(
            "params.yaml holds no mapping.",
            where=where,
            expected="the keys " + ", ".join(Params.model_fields),
            found="an empty file" if content is None else type(content).__name__,
            todo="`git checkout -- params.yaml` brings back the committed one.",
        )
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise InvalidParams(problems, where, text) from None


def _line(problem: Any, text: str) -> int | None:
    """The line of a mistake, where the text has it."""
    place, context = problem["loc"], problem.get("ctx", {})
    if "unknown" in context:
        place = (*place, context["unknown"])
    elif problem["type"] == "group":
        place = ("datasets", context["name"], "group")
    elif problem["type"] == "unknown_strategy":
        place = ("models", context["key"], "strategies")
    elif not place:  # between entries of one section
        place = ({"trials": "models", "taken": "datasets"}.get(problem["type"], "costs"),)
    return yaml12.line_of(text, place) if text else None


def _renamings(problems: list[Any]) -> str:
    """What to do about keys that have another name now; empty where there are none."""
    return "".join(
        dict.fromkeys(
            problem["ctx"]["renaming"] for problem in problems if problem["type"] == "unknown_key"
        )
    )


def _message(problem: Any) -> str:
    """Write one validation error as `key: what is allowed, what was found`."""
    # pydantic puts the tag of a union's member among the keys, where params.yaml has no such key
    schemes = {
        name
        for kind in get_args(AnySplit)
        for name in get_args(kind.model_fields["scheme"].annotation)
    }
    tags = {*schemes, "number", "amount", "range", "choices", "[key]"}
    place = ".".join(str(part) for part in problem["loc"] if part not in tags)
    message, kind = problem["msg"], problem["type"]
    if kind == "string_pattern_mismatch" and problem["loc"][-1] == "[key]":
        message = (
            "a key may hold lower-case letters, digits and _ alone, since DVC makes stage names"
            " of it"
        )
    elif kind == "string_type" and problem["loc"][-1] == "[key]":
        message = "a key must be a text; put quotes around it"
    elif kind == "union_tag_invalid":
        message = f"unknown scheme; the schemes are: {', '.join(sorted(schemes))}"
    elif kind == "union_tag_not_found":
        message = f"the key scheme is missing; the schemes are: {', '.join(sorted(schemes))}"
    elif kind == "missing":
        return f"{place}: this key is required and missing"
    # messages of our own validators already say what was found
    if kind in {
        "unknown_key",
        "unknown_strategy",
        "taken",
        "sums",
        "rows",
        "source",
        "costs",
        "trials",
        "range",
        "group",
        "placebo",
        "weight",
        "names",
        "labels",
        "options",
        "column",
        "strategies",
    }:
        return f"{place}: {message}" if place else message
    found = repr(problem["input"])
    return f"{place}: {message}, found {found if len(found) <= 80 else found[:77] + '...'}"
