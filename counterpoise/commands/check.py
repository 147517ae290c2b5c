"""Find every mistake in params.yaml and its tables without touching a result.

DVC deletes a stage's outputs before it runs the stage. A mistake that only the stage finds
therefore costs a `dvc checkout`. This command looks first: at the structure of params.yaml, at
every sampler and model with its parameters, and at every table that is on this machine, including
its split. It downloads nothing. It shows how each column of your own tables is read, and what the
data checks find in them, apart from labels in doubt, for which a model has to be fitted.

The exit status is 0 without a mistake and 1 with one. The stage `check` runs the same checks at the
start of `dvc repro`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from textwrap import indent
from typing import Any

from counterpoise.core import config, paths, yaml12
from counterpoise.core.config import AUTO, NONE, Params
from counterpoise.core.errors import CounterpoiseError

MAX_COLUMNS = 60
"""Columns of a table that are shown."""


def passes(*, as_json: bool = False) -> bool:
    """Print every mistake in params.yaml and its tables to standard error.

    Errors stand before warnings; of the errors those of the structure of params.yaml are the first.
    What they leave valid is checked all the same: other entries, and the tables of datasets whose
    own entry is valid.

    Parameters
    ----------
    as_json : bool
        Whether to print JSON to standard output instead.

    Returns
    -------
    bool
        Whether there is no mistake. A missing baseline or device is a warning, not a mistake.
    """
    # imported here, since it takes seconds that the stage `check` can often do without
    from counterpoise.commands import validation
    from counterpoise.models.combinations import cells

    readings: dict[str, dict[str, Any]] = {}
    params: Params | None = None
    errors: list[tuple[CounterpoiseError, int | None]] = []
    warnings: list[str] = []
    try:
        content, text = config.read()
        params, mistakes, broken = validation.structure(content, text)
        errors += [(one, line) for line, one in mistakes]
        found = list(validation.problems(params, readings, broken))
        errors += [(one, _line(one, dataset, text)) for one, dataset in found]
        warnings = list(_warnings(params, broken))
    except CounterpoiseError as error:
        errors.append((error, None))
    if as_json:
        print(json.dumps(_content(errors, warnings, readings), indent=2, ensure_ascii=False))
        return not errors
    for name, facts in readings.items():
        assert params is not None
        print(_reading(name, facts, whole=params.datasets[name].source is None))
    for one, line in errors:
        at = "" if line is None else f"\n  {'line:':<10}{line} of {paths.PARAMS}"
        print(f"\nerror: {one}{at}", file=sys.stderr)
    if errors:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        print(f"\n{count} found; no results were changed.", file=sys.stderr)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if errors or params is None:
        return False
    print(
        f"{paths.PARAMS}: OK, {len(params.datasets)} datasets x {len(cells(params))} combinations"
        f" of {len(params.strategies)} strategies and {len(params.models)} models"
    )
    return True


def _line(error: CounterpoiseError, dataset: str | None, text: str) -> int | None:
    """The line of params.yaml that an error is about."""
    where = error.where or ""
    named = re.match(rf"{re.escape(str(paths.PARAMS))}: ([a-z0-9_.]+)", where)
    place: list[str] = named[1].split(".") if named else []
    if dataset is not None and not named:
        key = re.search(r"named by `([a-z_.]+)`", where)
        place = ["datasets", dataset, *(key[1].split(".") if key else ())]
    return yaml12.line_of(text, place) if place else None


def _warnings(params: Params, broken: set[str]) -> Iterator[str]:
    from counterpoise.commands import validation
    from counterpoise.engine import devices

    if NONE not in params.strategies and "strategies" not in broken:
        yield f"there is no strategy {NONE!r}, so there is no baseline to compare with"
    yield from validation.equal_weights(params, broken)
    for lacking in validation.missing_devices(params):
        yield f"{lacking}\nFitted on this machine, its combinations fail."
    if any(model.device == AUTO for model in params.models.values()):
        yield f"device: {AUTO} is {devices.resolved(AUTO)} on this machine"


def _content(
    errors: list[tuple[CounterpoiseError, int | None]],
    warnings: list[str],
    readings: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    parts = ("what", "where", "expected", "found", "todo")
    shown = ("layout", "rows", "positives", "columns", "labels", "notices", "missing_file")
    return {
        "errors": [
            {part: getattr(error, part) for part in parts} | {"line": line}
            for error, line in errors
        ],
        "warnings": warnings,
        "datasets": {
            name: {key: facts[key] for key in shown if key in facts}
            | {key: [asdict(one) for one in facts[key]] for key in ("findings",) if key in facts}
            for name, facts in readings.items()
        },
    }


def _reading(name: str, facts: dict[str, Any], *, whole: bool) -> str:
    """How a table was read, with a line for each column where it is the user's own."""
    if "missing_file" in facts:
        return (
            f"{name}: {facts['missing_file']} is not on this machine yet, so its table was not"
            " looked at"
        )
    lines = [
        f"{name}: {facts['layout']}; {facts['rows']:,} rows, {facts['positives']:,} positive"
        f" ({facts['target']} = {facts['positive']}), {facts['features']} features"
    ]
    if whole:
        lines += column_lines(facts["columns"])
    lines += [f"  note: {notice}" for notice in facts["notices"]]
    lines += [indent(str(finding), "  ") for finding in facts.get("findings", ())]
    return "\n".join(lines)


def column_lines(columns: list[dict[str, Any]]) -> list[str]:
    """A table of how columns are read, as text.

    Parameters
    ----------
    columns : list of dict
        The fact `columns` of a table.

    Returns
    -------
    list of str
        A header and one line for each column, at most `MAX_COLUMNS`.
    """
    rows = [("column", "read as", "notation", "missing", "distinct", "example")]
    for one in columns[:MAX_COLUMNS]:
        if "distinct" not in one:
            rows.append((one["name"], one["read_as"], "", "", "", ""))
            continue
        codes = ", ".join(map(repr, one["codes"]))
        missing = f"{one['missing']:,}" + (f" ({codes})" if codes else "")
        rows.append(
            (
                one["name"],
                one["read_as"],
                one["notation"],
                missing if one["missing"] else "",
                f"{one['distinct']:,}",
                one["example"],
            )
        )
    widths = [max(len(str(row[k])) for row in rows) for k in range(6)]
    lines = [
        "  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    more = len(columns) - MAX_COLUMNS
    return [line.rstrip() for line in lines] + ([f"  and {more} more columns"] if more > 0 else [])


def main() -> int:
    """Check params.yaml.

    Returns
    -------
    int
        The exit status: 0, or 1 where there is a mistake.
    """
    parser = argparse.ArgumentParser(
        prog="python -m counterpoise check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print errors and readings as JSON")
    arguments = parser.parse_args()
    return 0 if passes(as_json=arguments.json) else 1
