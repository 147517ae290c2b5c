"""Add a table of your own to params.yaml.

The command looks at the file and proposes an entry: the label that counts as positive (the rarer
one), columns that identify rows, the time, the group, dates and codes of missing values. It shows
how each column is read and what it found, asks, and writes the entry into params.yaml, whose
comments are kept. `dvc repro` then compares all remedies on the table.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import ValidationError

from counterpoise.commands.check import column_lines
from counterpoise.core import config, paths, yaml12
from counterpoise.core import files as written
from counterpoise.core.config import ColumnOptions, Dataset
from counterpoise.core.errors import ConfigurationError, TableError, TableErrors, did_you_mean
from counterpoise.data import datasets, sources
from counterpoise.data.reading.columns import (
    MANY_LABELS,
    Decision,
    NamesRows,
    Problem,
    counts_of,
    decide,
    texts_of,
)
from counterpoise.data.reading.dates import ISO

ID_NAMES = re.compile(
    r"(?i:((^|[_\W])(id|uuid|guid|key|index|no|nr|number|code)|id_?num)[_\W]*$"
    r"|^(id|uuid|guid)([_\W]|$))|I[dD]$"
)
"""Names that identifiers usually have."""
GROUP_NAMES = re.compile(
    r"(?i)(customer|client|user|patient|subject|person|account|member|device|machine|card|household|"
    r"company|store|policy|employee|student)"
)
MIN_GROUP_ROWS = 1.5
"""Rows with the same value, on average, from which a column of identifiers is one of groups."""
FEW_ROWS = 20
"""A table of at most so many rows has distinct values by chance."""
FILE_PARTS = ("separator", "encoding", "sheet", "database")
"""Keys of an entry that say how a file is read, which are options of the command too."""


class Proposal(NamedTuple):
    """An entry of params.yaml with the reasons for its parts.

    Attributes
    ----------
    name : str
        The dataset's key.
    entry : dict
        As params.yaml has it.
    reasons : list of str
        A sentence for each part that was found.
    """

    name: str
    entry: dict[str, Any]
    reasons: list[str]


def propose(path: str, name: str, target: str | None, given: dict[str, Any]) -> Proposal:
    """Propose the entry of a file.

    Parameters
    ----------
    path : str
        As it will stand in params.yaml.
    name : str
        The dataset's key.
    target : str, optional
        The column to predict; the last one with few values by default.
    given : dict
        Keys of the entry that the user gives; they are taken as they are.

    Returns
    -------
    Proposal

    Raises
    ------
    TableError
        When the file cannot be read, or there is no such target.
    """
    reasons: list[str] = []
    first = _valid({"path": path, "target": "", "positive": "?", **given}, name)
    expected = () if target is None or first.names else (target,)
    raw = datasets.read_file(path, replace(datasets.options_of(first), columns=expected))
    frame = raw.frame.rename(columns=str)
    reasons.append(f"the file is {raw.described}, {len(frame):,} rows, {frame.shape[1]} columns")
    target = _target(frame, target, path, reasons)
    entry: dict[str, Any] = {"path": path, "target": target}
    if "positive" in given:
        entry["positive"] = given["positive"]
    else:
        entry["positive"] = _positive(frame[target], target, path, reasons)
    apart = {target, *map(str, given.get("drop", ()))}
    apart |= {str(given[role]) for role in ("time", "group") if role in given}
    drop = list(given.get("drop", ()))
    columns = dict(given.get("columns", {}))
    dates: dict[str, str] = {}
    # a first column without a name holds the row names of R or the index of pandas
    row_names = "" if first.names or first.header is False else "column_1"
    for column in map(str, frame.columns):
        if column in apart:
            continue
        decision = _decided(column, frame[column], columns)
        if isinstance(decision, Problem):
            if isinstance(decision, NamesRows):
                _identifier(column, frame[column], entry, given, drop, reasons)
            continue
        if decision.column.kind == "datetime":
            dates[column] = decision.column.date_format
        elif len(frame) > FEW_ROWS and (
            (column == row_names and decision.distinct == len(frame))
            or _counts_rows(column, frame[column], decision)
        ):
            drop.append(column)
            reasons.append(f"{column!r} identifies rows: dropped")
        elif _is_group(column, frame[column], decision, given, entry):
            _group(column, frame[column], entry, reasons)
    _dates(dates, entry, given, columns, reasons)
    if drop:
        entry["drop"] = drop
    if columns:
        entry["columns"] = columns
    rest = {key: value for key, value in given.items() if key not in entry}
    return Proposal(name, {**entry, **rest}, reasons)


def _valid(entry: dict[str, Any], name: str) -> Dataset:
    try:
        return Dataset.model_validate(entry)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise config.InvalidParams(problems, f"the entry of {name}", "") from None


def _target(frame: pd.DataFrame, target: str | None, path: str, reasons: list[str]) -> str:
    names = list(map(str, frame.columns))
    if target is not None:
        if target not in names:
            raise TableError(
                f"The table has no column {target!r}{did_you_mean(target, names)}.",
                where=path,
                expected="one of: " + ", ".join(names[:30]),
                found=repr(target),
                todo="correct --target (a column's name is case-sensitive).",
            )
        return target
    usual = re.compile(r"(?i)^(target|class|label|outcome|y|churn(ed)?|fraud|default|is_.*)$")
    two = [name for name in names if frame[name].nunique(dropna=True) == 2]
    named = [name for name in two if usual.match(name)]
    found = named[:1] or two[-1:]
    if not found:
        raise TableError(
            "The column to predict cannot be guessed.",
            where=path,
            expected="a column with two values",
            found="none",
            todo="name it: --target COLUMN.",
        )
    reasons.append(f"target: {found[0]!r}, a column with two values (--target names another)")
    return found[0]


def _positive(values: pd.Series, target: str, path: str, reasons: list[str]) -> Any:
    counted = counts_of(texts_of(values))
    if len(counted) < 2:
        raise TableError(
            "The target has one label alone.",
            where=f"{path}, column {target!r}",
            expected="at least two labels",
            found=", ".join(map(repr, counted)) or "no label",
            todo="name another --target.",
        )
    if len(counted) > 20:
        raise TableError(
            "The target has very many values, as a number to be estimated has.",
            where=f"{path}, column {target!r}",
            expected="a few labels, one of which is the positive one",
            found=f"{len(counted):,} values such as {next(iter(counted))!r}",
            todo="name another --target, or say which label is meant: --positive LABEL.",
        )
    rarest = min(counted, key=lambda label: (counted[label], label))
    shown = ", ".join(f"{label!r} {rows:,}" for label, rows in sorted(counted.items()))
    reasons.append(f"positive: {rarest!r}, the rarest label of {target!r} ({shown})")
    # a code such as 012 is a text: YAML's number 12 would be another label
    is_number = re.fullmatch(r"0|-?[1-9][0-9]{0,14}", rarest)
    return int(rarest) if is_number else rarest


def _decided(column: str, values: pd.Series, columns: dict[str, Any]) -> Decision | Problem:
    options = ColumnOptions.model_validate(columns.get(column, {}))
    try:
        return decide(column, values, options)
    except Problem as problem:
        return problem


def _counts_rows(name: str, values: pd.Series, decision: Decision) -> bool:
    """Whether a column numbers the rows, or is named as an identifier that hardly repeats."""
    named = ID_NAMES.search(name) is not None
    if decision.column.kind != "number":
        return named and decision.distinct == len(values)
    numbers = decision.column.read(values).X[:, 0]
    if named:
        whole = bool((numbers[~np.isnan(numbers)] % 1 == 0).all())
        return whole and decision.distinct * 2 > len(values)
    return decision.distinct == len(values) and bool((np.diff(numbers) == 1).all())


def _is_group(
    name: str, values: pd.Series, decision: Decision, given: dict[str, Any], entry: dict[str, Any]
) -> bool:
    if "group" in given or "group" in entry or not GROUP_NAMES.search(name):
        return False
    if texts_of(values).null_count:  # a group is needed in every row
        return False
    repeated = len(values) / max(decision.distinct, 1) >= MIN_GROUP_ROWS
    is_key = decision.column.kind == "category" or bool(ID_NAMES.search(name))
    return repeated and is_key and decision.distinct > MANY_LABELS


def _group(name: str, values: pd.Series, entry: dict[str, Any], reasons: list[str]) -> None:
    entry["group"] = name
    entry["split"] = {"scheme": "grouped"}
    reasons.append(f"group: {name!r} repeats, so its rows stay together (split: grouped)")


def _identifier(
    name: str,
    values: pd.Series,
    entry: dict[str, Any],
    given: dict[str, Any],
    drop: list[str],
    reasons: list[str],
) -> None:
    distinct = len(counts_of(texts_of(values)))
    if (
        len(values) >= MIN_GROUP_ROWS * distinct
        and not texts_of(values).null_count
        and "group" not in entry
        and "group" not in given
        and GROUP_NAMES.search(name)
    ):
        _group(name, values, entry, reasons)
    else:
        drop.append(name)
        reasons.append(f"{name!r} has {distinct:,} different texts: dropped")


def _dates(
    dates: dict[str, str],
    entry: dict[str, Any],
    given: dict[str, Any],
    columns: dict[str, Any],
    reasons: list[str],
) -> None:
    """Make features of dates; none becomes the time by itself, since that changes the split."""
    for name, date_format in dates.items():
        if columns.get(name, {}).get("encode"):
            continue
        if date_format.startswith(("%H", "%I")):
            columns[name] = {**columns.get(name, {}), "encode": ["hour"]}
            reasons.append(f"{name!r} holds times of the day: the hour becomes a feature")
            continue
        is_month = date_format not in ("", ISO) and "%d" not in date_format
        parts = ["days", "month"] if is_month else ["days", "month", "weekday"]
        columns[name] = {**columns.get(name, {}), "encode": parts}
        reasons.append(
            f"{name!r} holds dates: {', '.join(parts)} become features (days since 1970); if rows"
            f" are to be predicted from the past, `time: {name}` with `split: {{scheme: temporal}}`"
        )


def write(proposal: Proposal, path: Path | None = None) -> None:
    """Write an entry into params.yaml, with comments and all other lines as they are.

    Parameters
    ----------
    proposal : Proposal
    path : Path, optional
        By default params.yaml in the working directory.

    Raises
    ------
    ConfigurationError
        When there is no params.yaml, its datasets stand in one line, or the entry has a text that
        cannot be kept in it.
    """
    path = paths.PARAMS if path is None else path
    content, text = config.read(path)
    if content["datasets"] is None:  # no entry fits below a null that is written out
        text = re.sub(r"(?m)^(datasets:) +(?:~|null)(?=\s)", r"\1", text)
    extended = yaml12.with_entry(text, "datasets", proposal.name, proposal.entry)
    expected = content | {
        "datasets": {**(content["datasets"] or {}), proposal.name: proposal.entry}
    }
    try:
        found: Any = yaml12.load(extended)
        lost = found != expected or yaml12.changed_in_lock(found)
    except yaml12.InvalidYaml as error:
        lost = error
    if lost:
        raise ConfigurationError(
            "The entry cannot be written into params.yaml.",
            where=f"{path}: datasets",
            expected="datasets in lines of their own, and texts that YAML and DVC keep",
            found=str(lost) if lost is not True else "another content after it was written",
            todo="write the entry by hand, or take control characters out of the table's names.",
        )
    written.write_text(path, extended)


def _name(path: Path) -> str:
    stem = path.name.partition(".")[0].lower()
    return re.sub(r"[^a-z0-9_]+", "_", stem).strip("_") or "mine"


def main() -> int:
    """Add a table.

    Returns
    -------
    int
        The exit status: 0, or 1 where the file cannot be read or nothing was written.
    """
    parser = argparse.ArgumentParser(
        prog="python -m counterpoise add",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", help="CSV, Parquet, Feather, Excel, or a .sql query")
    parser.add_argument("--name", help="the dataset's key (by default the file's name)")
    parser.add_argument("--target", help="the column to predict")
    parser.add_argument("--positive", nargs="+", help="the label that matters, or several")
    parser.add_argument("--negative", nargs="+", help="all other labels, where one needs naming")
    parser.add_argument("--drop", nargs="+", default=[], metavar="COLUMN", help="no features")
    parser.add_argument("--categorical", nargs="+", default=[], metavar="COLUMN")
    parser.add_argument("--time", help="the column to split by time")
    parser.add_argument("--group", help="the column whose equal values stay in one part")
    parser.add_argument("--missing", nargs="+", default=[], help="values that mean missing")
    for part in FILE_PARTS:
        parser.add_argument(f"--{part}", help="of the file, where it is not found")
    parser.add_argument("--columns", nargs="+", metavar="NAME", help="names, without a header")
    parser.add_argument(
        "--no-header", action="store_true", help="number the columns: column_1, column_2 and so on"
    )
    parser.add_argument("--yes", action="store_true", help="write without asking")
    arguments = parser.parse_args()
    return add(arguments, sys.stdin.readline if sys.stdin.isatty() else None)


def add(arguments: argparse.Namespace, answer: Callable[[], str] | None) -> int:
    """Propose, show, ask and write.

    Parameters
    ----------
    arguments : Namespace
        Of the command line.
    answer : callable of () to str, optional
        Reads a line of the user; None where nobody can be asked.

    Returns
    -------
    int
        The exit status.
    """
    name = arguments.name or _name(Path(arguments.file))
    known, _ = config.read()
    section = known.get("datasets", "") if isinstance(known, dict) else ""
    if not isinstance(section, dict | None):
        raise ConfigurationError(
            "There is no params.yaml with datasets here.",
            where=str(paths.PARAMS.resolve()),
            expected="the file that says which datasets, strategies and models to compare",
            found="no key `datasets`",
            todo="run from the folder that holds dvc.yaml and params.yaml.",
        )
    if name in (section or {}):
        raise ConfigurationError(
            f"params.yaml has a dataset {name!r} already.",
            where=f"{paths.PARAMS}: datasets.{name}",
            expected="a new key",
            found=repr(name),
            todo="give another --name, or edit the entry.",
        )
    sources.refuse_address(str(arguments.file), "the argument FILE")
    proposal = propose(str(arguments.file), name, arguments.target, _given(arguments))
    print(f"{name}: " + "\n  ".join(proposal.reasons) + "\n")
    entry = _valid(proposal.entry, name)
    problems = _look(name, entry)
    print("\n" + yaml12.dump({name: proposal.entry}, short=True))
    if problems:
        for error in problems:
            print(f"error: {error}\n", file=sys.stderr)
        print("Nothing was written: correct the file, or give what is missing.", file=sys.stderr)
        return 1
    if not arguments.yes:
        if answer is None:
            print("Nothing was written: add --yes to write this entry into params.yaml.")
            return 1
        print("Write this entry into params.yaml? [y/N] ", end="", flush=True)
        if answer().strip().lower() not in ("y", "yes"):
            print("Nothing was written.")
            return 1
    write(proposal)
    print(f"params.yaml has the dataset {name} now. Next: dvc repro track@{name}")
    return 0


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    found = {
        "positive": arguments.positive,
        "negative": arguments.negative,
        "drop": arguments.drop,
        "categorical": arguments.categorical,
        "time": arguments.time,
        "group": arguments.group,
        "names": arguments.columns,
        "sentinels": arguments.missing,
        **{part: getattr(arguments, part) for part in FILE_PARTS},
    }
    given = {key: value for key, value in found.items() if value}
    if arguments.no_header:
        given["header"] = False
    if len(given.get("positive", ())) == 1:
        given["positive"] = given["positive"][0]
    if "time" in given:
        given["split"] = {"scheme": "temporal"}
    if "group" in given:
        given["split"] = {"scheme": "grouped"}
    return given


def _look(name: str, entry: Dataset) -> list[TableError]:
    """Show how the table is read; return what is wrong with it."""
    try:
        reading = datasets.fetch(name, entry, download=False)
    except TableErrors as several:
        return list(several.errors)
    except TableError as error:
        return [error]
    print("\n".join(column_lines(reading.facts["columns"])))
    for notice in reading.facts["notices"]:
        print(f"  note: {notice}")
    return []
