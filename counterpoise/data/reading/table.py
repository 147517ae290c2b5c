"""Make a typed table of a raw one: each column is read, and all mistakes are named together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterpoise.core.config import Dataset, Rows
from counterpoise.core.config.datasets import EVERY
from counterpoise.core.errors import TableError, TableErrors, did_you_mean
from counterpoise.data.reading import labels
from counterpoise.data.reading.columns import (
    LARGEST,
    MAX_FOUND,
    Column,
    Decision,
    Problem,
    canonical,
    decide,
    texts_of,
)
from counterpoise.data.reading.labels import Target
from counterpoise.data.tables import COST, DATE, ROLE, TARGET, Table

BLOCK_NUMBERS = 1 << 24
"""Numbers that are processed at a time."""

ROLES = ("time", "group")
"""Roles that a dataset's entry gives to columns, which are then not features. A column of costs may
be a feature as well.
"""

DATE_ADVICE = (
    "name it as `time`, list it under `drop`, or say what to make of it under `columns`, such as"
    " {encode: [days, month, weekday]}."
)


class Reading(NamedTuple):
    """A table, and how it was read.

    Attributes
    ----------
    table : Table
    facts : dict
        Counts; `columns`, a row for each column of the file; `labels` of the target; `notices`,
        what a person should know before anything runs; `schema`, how the columns of features and of
        costs are read.
    """

    table: Table
    facts: dict[str, Any]


def typed(raw: pd.DataFrame, entry: Dataset, where: str) -> Reading:
    """Type a raw table.

    Parameters
    ----------
    raw : DataFrame
        The columns as the file has them.
    entry : Dataset
        What the columns mean.
    where : str
        The name of the table in messages.

    Returns
    -------
    Reading

    Raises
    ------
    TableErrors
        With every mistake that is found: declared columns that are absent, labels, columns that
        cannot be read or learned from.
    """
    raw = raw.rename(columns=str)
    if entry.source is not None and entry.source.rows is not None:
        raw = _chosen(raw, entry.source.rows, where)
    TableErrors.raise_from(_absent_columns(raw, entry, where))
    target_name = str(entry.target)
    roles = {role: str(name) for role in ROLES if (name := getattr(entry, role)) is not None}
    apart = {target_name, *map(str, entry.drop), *roles.values()}
    names = [str(name) for name in raw.columns if name not in apart]
    errors: list[TableError] = list(_reserved(names, where))
    target: Target | None = None
    try:
        target = labels.read(raw[target_name], entry, where)
    except Problem as problem:
        errors.append(problem.error(target_name, where))
    except TableError as error:
        errors.append(error)
    decisions, problems = _decisions(raw, names, entry)
    problems += _ambiguous_points(raw, decisions)
    errors += _grouped(problems, where)
    role_values: dict[str, NDArray[np.generic]] = {}
    for role, name in roles.items():
        try:
            role_values[role] = _role(raw[name], role, name, entry)
        except Problem as problem:
            errors.append(problem.error(name, where))
    costs: list[Column] = []
    for name in entry.costs.columns_of() if entry.costs is not None else ():
        try:
            column, role_values[COST + name] = _amount(raw[name], name, entry)
            costs.append(column)
        except Problem as problem:
            errors.append(problem.error(name, f"{where}, named by `costs`"))
    TableErrors.raise_from(errors)
    assert target is not None
    columns = tuple(decisions[name].column for name in names)
    table = _table(raw, columns, target, role_values)
    TableErrors.raise_from(_unusable(table, where))
    schema = {
        name: [one.asdict() for one in some]
        for name, some in (("columns", columns), ("costs", costs))
    }
    return Reading(table, {**_facts(table, raw, decisions, target, entry), "schema": schema})


def _chosen(raw: pd.DataFrame, rows: Rows, where: str) -> pd.DataFrame:
    if rows.column not in raw:
        raise _absent(raw, rows.column, "source.rows.column", where)
    texts = texts_of(raw[rows.column]).to_pandas()
    if rows.at_most is None:
        keep = np.asarray(texts.map(lambda t: canonical(str(t)) == canonical(str(rows.equals))))
    else:
        keep = np.asarray(pd.to_numeric(texts, errors="coerce") <= rows.at_most)
    if not keep.any():
        raise TableError(
            "No row is left.",
            where=where,
            expected=f"rows with {rows.column} "
            + (f"<= {rows.at_most}" if rows.equals is None else f"== {rows.equals!r}"),
            found=f"{rows.column} such as " + ", ".join(map(repr, texts.unique()[:10])),
            todo="correct source.rows.",
        )
    return raw[keep].reset_index(drop=True)


def _absent_columns(raw: pd.DataFrame, entry: Dataset, where: str) -> list[TableError]:
    wanted = [("target", entry.target)]
    wanted += [("drop", name) for name in entry.drop]
    wanted += [("categorical", name) for name in entry.categorical]
    wanted += [("columns", name) for name in entry.columns]
    wanted += [("sentinels", name) for name in entry.sentinels if name != EVERY]
    wanted += [(role, name) for role in ROLES if (name := getattr(entry, role)) is not None]
    wanted += [("costs", c) for c in (entry.costs.columns_of() if entry.costs is not None else ())]
    return [_absent(raw, str(name), key, where) for key, name in wanted if str(name) not in raw]


def _absent(raw: pd.DataFrame, name: str, key: str, where: str) -> TableError:
    names = list(map(str, raw.columns))
    shown = ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")
    return TableError(
        f"The table has no column {name!r}{did_you_mean(name, names)}.",
        where=f"{where}, named by `{key}`",
        expected=f"one of: {shown}",
        found=repr(name),
        todo=f"correct `{key}` in params.yaml (a column's name is case-sensitive).",
    )


def _reserved(names: list[str], where: str) -> Iterator[TableError]:
    if not names:
        yield TableError(
            "The table has no features.",
            where=where,
            expected="at least one column beside the target and the dropped ones",
            found="none",
            todo="take a column out of `drop`.",
        )
    taken = [name for name in names if name == TARGET or name.startswith(ROLE)]
    if taken:
        yield TableError(
            f"A feature has the reserved name {taken[0]!r}.",
            where=where,
            expected=f"features not called {TARGET!r} and not starting with {ROLE!r}",
            found=", ".join(map(repr, taken)),
            todo="name it as `target`, list it under `drop`, or rename it in the table.",
        )


def _decisions(
    raw: pd.DataFrame, names: list[str], entry: Dataset
) -> tuple[dict[str, Decision], list[tuple[str, Problem]]]:
    """Decide every feature's column; collect the problems."""
    declared = set(map(str, entry.categorical))
    decisions, problems = {}, []
    for name in names:
        options = entry.options_of(name)
        try:
            decision = decide(
                name, raw[name], options, entry.sentinels_of(name), categorical=name in declared
            )
        except Problem as problem:
            problems.append((name, problem))
            continue
        if decision.column.kind == "datetime" and not decision.column.parts:
            found = f"{decision.distinct:,} dates such as {decision.example!r}"
            problems.append(
                (
                    name,
                    Problem(
                        "A column of dates is no feature as it stands.",
                        expected="numbers or categories",
                        found=found,
                        todo=DATE_ADVICE,
                    ),
                )
            )
            continue
        decisions[name] = decision
    return decisions, problems


def _ambiguous_points(
    raw: pd.DataFrame, decisions: dict[str, Decision]
) -> list[tuple[str, Problem]]:
    """Find columns such as 1.234 in a table whose other columns have a decimal comma.

    There a point may separate thousands.
    """
    if not any(decision.column.notation.decimal == "," for decision in decisions.values()):
        return []
    problems = []
    for name, decision in decisions.items():
        column = decision.column
        if column.kind != "number" or column.notation.decimal == "," or column.notation.thousands:
            continue
        texts = texts_of(raw[name]).to_pandas().dropna()
        points = texts[texts.str.contains(".", regex=False)]
        if len(points) and points.str.fullmatch(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+").all():
            problems.append(
                (
                    name,
                    Problem(
                        "A column of numbers can be read in two ways.",
                        expected="numbers in one notation that can be read in one way only",
                        found=(
                            f"{points.iloc[0]!r} in a table with decimal commas: a number with a"
                            " decimal point or one with thousands separated by a point"
                        ),
                        todo=(
                            "say which it is, {decimal: '.'} or {thousands: '.'}, for the column"
                            " under `columns`."
                        ),
                    ),
                )
            )
    return problems


def _grouped(problems: list[tuple[str, Problem]], where: str) -> list[TableError]:
    """One error for all columns with the same problem."""
    groups: dict[tuple[str, str, str], list[tuple[str, Problem]]] = {}
    for name, problem in problems:
        groups.setdefault((problem.what, problem.expected, problem.todo), []).append(
            (name, problem)
        )
    errors = []
    for group in groups.values():
        names = [name for name, _ in group]
        first = group[0][1]
        if len(group) == 1:
            errors.append(first.error(names[0], where))
            continue
        found = "\n            ".join(
            f"{name!r}: {one.found[:MAX_FOUND]}" for name, one in group[:10]
        )
        more = f"\n            and {len(group) - 10} more columns" if len(group) > 10 else ""
        errors.append(
            TableError(
                f"{first.what.removesuffix('.')}: {len(names)} columns.",
                where=f"{where}, columns " + ", ".join(map(repr, names[:20])),
                expected=first.expected,
                found=found + more,
                todo=first.todo,
            )
        )
    return errors


def _role(values: pd.Series, role: str, name: str, entry: Dataset) -> NDArray[np.generic]:
    """A role as numbers: groups as codes from 0, dates as nanoseconds since 1970, or floats."""
    texts = texts_of(values)
    _refuse_missing(np.asarray(texts.is_null()), role)
    if role == "group":
        groups: NDArray[np.generic] = pd.factorize(texts.to_pandas())[0].astype(np.int64)
        return groups
    column = decide(name, values, entry.options_of(name)).column
    if column.kind == "datetime":
        at = column.moments(values)
        _refuse_missing(np.isnat(at), role)
        return at.astype(np.int64)
    if column.kind == "number":
        numbers: NDArray[np.generic] = column.read(values).X[:, 0]
        _refuse_missing(np.isnan(numbers), role)
        return numbers
    raise Problem(
        "A column of points in time cannot be read.",
        expected="numbers, or dates such as 2026-01-31 or 2026-01-31T23:59:00",
        found=f"{texts[0].as_py()!r}",
        todo=(
            "write the dates in the ISO 8601 order, or give their format for the column under"
            " `columns`, such as {format: '%d/%m/%Y'}."
        ),
    )


def _refuse_missing(missing: NDArray[np.bool_], role: str) -> None:
    if missing.any():
        raise Problem(
            f"The {role} is missing in some rows.",
            expected=f"a {role} in every row",
            found=f"{int(missing.sum()):,} rows without one",
            todo="fill it in, or take these rows out.",
            row=int(np.flatnonzero(missing)[0]),
        )


def _amount(values: pd.Series, name: str, entry: Dataset) -> tuple[Column, NDArray[np.float64]]:
    """A column that a cost is computed from, and its values."""
    column = decide(name, values, entry.options_of(name), entry.sentinels_of(name)).column
    numbers = (
        column.read(values).X[:, 0] if column.kind == "number" else np.full(len(values), np.nan)
    )
    wrong = np.flatnonzero(np.isnan(numbers))
    if len(wrong):
        first = values.iloc[int(wrong[0])]
        raise Problem(
            "A column of costs is not a number in every row.",
            expected="a finite number in every row: a decision about a row without one has no cost",
            found=(
                ("nothing" if pd.isna(first) or first == "" else repr(first))
                + f", and so in {len(wrong):,} rows in all"
            ),
            todo="fill these values in, or give a number instead of the column.",
            row=int(wrong[0]),
        )
    return column, numbers


def _table(
    raw: pd.DataFrame,
    columns: tuple[Column, ...],
    target: Target,
    roles: dict[str, NDArray[np.generic]],
) -> Table:
    features = tuple(feature for column in columns for feature in column.features)
    X, at = np.empty((len(raw), len(features))), 0
    for column in columns:
        X[:, at : at + len(column.features)] = column.read(raw[column.name]).X
        at += len(column.features)
        if column.kind == "datetime":
            roles[DATE + column.name] = column.moments(raw[column.name]).astype(np.int64)
    categories = {c.name: c.labels for c in columns if c.kind in ("category", "boolean")}
    return Table(features, X, target.y, categories, roles)


def _unusable(table: Table, where: str) -> list[TableError]:
    """Find numbers that models cannot take, and a table in which no feature varies."""
    wrong = []
    for k, name in enumerate(table.features):
        if name in table.categories:
            continue
        with np.errstate(invalid="ignore"):
            large = np.abs(table.X[:, k]) > LARGEST
        if large.any():
            row = int(np.argmax(large))
            wrong.append(
                (
                    name,
                    Problem(
                        "Numbers are larger than models can take.",
                        expected=f"numbers up to {LARGEST:.2g}",
                        found=f"{table.X[row, k]:g} in {int(large.sum()):,} rows",
                        todo="correct them; if they mean missing, list them under `sentinels`.",
                        row=row,
                    ),
                )
            )
    errors = _grouped(wrong, where)
    if not errors and not _varying(table).any():
        errors.append(
            TableError(
                "Every feature is constant.",
                where=where,
                expected="at least one feature that differs between rows",
                found=f"{len(table.features)} constant features",
                todo="check that the right columns were kept.",
            )
        )
    return errors


def _varying(table: Table) -> NDArray[np.bool_]:
    """Which features have more than one value; a missing value counts as a value."""
    first = table.X[:1]
    varying = np.zeros(table.X.shape[1], bool)
    for X in _blocks(table.X):
        varying |= ~((first == X) | (np.isnan(X) & np.isnan(first))).all(axis=0)
    return varying


def _blocks(X: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Split a matrix into blocks of rows of at most `BLOCK_NUMBERS` numbers."""
    rows = max(1, BLOCK_NUMBERS // X.shape[1])
    for start in range(0, len(X), rows):
        yield X[start : start + rows]


def _facts(
    table: Table, raw: pd.DataFrame, decisions: dict[str, Decision], target: Target, entry: Dataset
) -> dict[str, Any]:
    varying = _varying(table)
    roles = {str(getattr(entry, role)): role for role in ROLES if getattr(entry, role) is not None}
    shown = []
    at = 0
    for name in map(str, raw.columns):
        if name in decisions:
            one = decisions[name]
            width = len(one.column.features)
            missing = int(np.isnan(table.X[:, at]).sum())
            at += width
            shown.append(
                {
                    "name": name,
                    "read_as": one.shown_as,
                    "notation": str(one.column.notation)
                    or (one.column.date_format if one.column.kind == "datetime" else ""),
                    "missing": missing,
                    "codes": one.codes,
                    "distinct": one.distinct,
                    "example": one.example,
                }
            )
        else:
            role = "target" if name == str(entry.target) else roles.get(name, "dropped")
            shown.append({"name": name, "read_as": role})
    codes: dict[str, list[str]] = {}
    for name, one in decisions.items():
        for text in one.codes:
            codes.setdefault(text, []).append(name)
    notices = [
        f"{text!r} is read as missing in {_listed(names)}"
        f" ({sum(decisions[n].codes[text] for n in names):,} values)"
        for text, names in codes.items()
    ]
    sentinels = sum(
        rows
        for one in decisions.values()
        for text, rows in one.codes.items()
        if canonical(text) in {canonical(str(value)) for value in one.column.sentinels}
    )
    return {
        "rows": len(table),
        "positives": int(table.y.sum()),
        "prevalence": float(table.y.mean()),
        "features": len(table.features),
        "categorical": sorted(table.categories),
        "constant": [
            name for name, varies in zip(table.features, varying, strict=True) if not varies
        ],
        "missing_values": sum(int(np.isnan(X).sum()) for X in _blocks(table.X)),
        "sentinels_replaced": sentinels,
        "no_features": sorted({str(c) for c in entry.drop} | set(roles)),
        "target": str(entry.target),
        "positive": ", ".join(target.positive),
        "labels": target.counts if len(target.counts) <= 50 else {},
        "columns": shown,
        "notices": [*target.notices, *notices, *_sentinels_nowhere(decisions, entry)],
    }


def _sentinels_nowhere(decisions: dict[str, Decision], entry: Dataset) -> Iterator[str]:
    """A notice for each sentinel that is in no row: it may be mistyped."""
    for column, values in entry.sentinels.items():
        read = decisions.values() if column == EVERY else [decisions.get(str(column))]
        found = {canonical(text) for one in read if one is not None for text in one.codes}
        for value in values:
            if None not in read and canonical(str(value).strip()) not in found:
                of = "any column" if column == EVERY else repr(str(column))
                yield f"the sentinel {canonical(str(value))!r} is in no row of {of}"


def _listed(names: list[str]) -> str:
    some = ", ".join(map(repr, names[:5]))
    return some if len(names) <= 5 else f"{some} and {len(names) - 5} more columns"
