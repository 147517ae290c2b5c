"""Make a typed table of a raw one, as the dataset's entry describes its columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from counterpoise.core.config import Dataset, Label, Rows
from counterpoise.core.errors import TableError, did_you_mean
from counterpoise.core.types import Labels
from counterpoise.data.tables import COST, ROLE, TARGET, Table

MOSTLY = 0.5
"""If more than this share of a column's values are numbers, its texts are mistakes."""

MANY_LABELS = 50
"""A text column with more labels than this, and more than half as many labels as rows, is an
identifier.
"""

AT_ONCE = 1 << 24
"""Numbers that are processed at a time."""

ROLES = ("time", "group", "weight")
"""Roles that a dataset's entry gives to columns, which are then not features. A column of costs may
be a feature as well.
"""


def typed(raw: pd.DataFrame, entry: Dataset, where: str) -> tuple[Table, dict[str, Any]]:
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
    table : Table
    facts : dict
        What was done and found: rows, positives, prevalence, missing values, sentinels replaced,
        constant columns.

    Raises
    ------
    TableError
        When a declared column is absent, the positive label is in no row or in every row, or a
        column cannot be learned from.
    """
    raw = raw.rename(columns=str)
    if entry.source is not None and entry.source.rows is not None:
        raw = _chosen(raw, entry.source.rows, where)
    _present(raw, entry, where)
    target = str(entry.target)
    roles = {role: str(name) for role in ROLES if (name := getattr(entry, role)) is not None}
    apart = {target, *map(str, entry.drop), *roles.values()}
    costs = entry.costs.columns_of() if entry.costs is not None else ()
    features = [str(name) for name in raw.columns if name not in apart]
    _names(features, where)
    y = _target(raw[target], entry.positive, target, where)
    sentinels = 0
    X = np.empty((len(raw), len(features)))
    categories: dict[str, tuple[str, ...]] = {}
    declared = set(map(str, entry.categorical))
    for k, name in enumerate(features):
        values, labels = _feature(raw[name], name, name in declared, where)
        if labels is None and entry.sentinels:
            hit = np.isin(values, entry.sentinels)
            sentinels += int(hit.sum())
            values = np.where(hit, np.nan, values)
        X[:, k] = values
        if labels is not None:
            categories[name] = labels
    table = Table(
        features=tuple(features),
        X=X,
        y=y,
        categories=categories,
        roles={
            **{role: _role(raw[name], role, name, where) for role, name in roles.items()},
            **{COST + name: _amount(raw[name], name, where) for name in costs},
        },
    )
    _validate(table, where)
    return table, _facts(table, entry, sentinels)


def _chosen(raw: pd.DataFrame, rows: Rows, where: str) -> pd.DataFrame:
    if rows.column not in raw:
        raise _absent(raw, rows.column, "source.rows.column", where)
    values = raw[rows.column]
    if rows.at_most is None:
        keep = _equal(values, rows.equals)
    else:
        keep = np.asarray(pd.to_numeric(values, errors="coerce") <= rows.at_most)
    if not keep.any():
        raise TableError(
            "No row is left.",
            where=where,
            expected=f"rows with {rows.column} "
            + (f"<= {rows.at_most}" if rows.equals is None else f"== {rows.equals!r}"),
            found=f"{rows.column} such as "
            + ", ".join(map(repr, values.astype(str).unique()[:10])),
            todo="correct source.rows.",
        )
    return raw[keep].reset_index(drop=True)


def _present(raw: pd.DataFrame, entry: Dataset, where: str) -> None:
    wanted = [
        ("target", entry.target),
        *(("drop", c) for c in entry.drop),
        *(("categorical", c) for c in entry.categorical),
    ]
    wanted += [(role, name) for role in ROLES if (name := getattr(entry, role)) is not None]
    wanted += [
        ("costs", name) for name in (entry.costs.columns_of() if entry.costs is not None else ())
    ]
    for key, name in wanted:
        if str(name) not in raw:
            raise _absent(raw, str(name), key, where)


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


def _names(features: list[str], where: str) -> None:
    if not features:
        raise TableError(
            "The table has no features.",
            where=where,
            expected="at least one column beside the target and the dropped ones",
            found="none",
            todo="take a column out of `drop`.",
        )
    taken = [name for name in features if name == TARGET or name.startswith(ROLE)]
    if taken:
        raise TableError(
            f"A feature has the reserved name {taken[0]!r}.",
            where=where,
            expected=f"features not called {TARGET!r} and not starting with {ROLE!r}",
            found=", ".join(map(repr, taken)),
            todo="name it as `target`, list it under `drop`, or rename it in the table.",
        )


def _equal(values: pd.Series, label: Label | None) -> NDArray[np.bool_]:
    """Mark the rows whose value equals a label of params.yaml, whatever type either was read as."""
    if types.is_bool_dtype(values):
        meant = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
        text = str(label).strip().lower()
        return np.asarray(values == meant[text]) if text in meant else np.zeros(len(values), bool)
    if types.is_numeric_dtype(values):
        try:
            return np.asarray(
                values == float(str(label)) if not isinstance(label, bool) else values == label
            )
        except ValueError:
            return np.zeros(len(values), bool)
    texts = values.astype(str).str.strip()
    if isinstance(label, bool):
        return np.asarray(texts.str.lower() == str(label).lower())
    return np.asarray(texts == str(label).strip())


def _target(values: pd.Series, positive: Label, name: str, where: str) -> Labels:
    missing = int(values.isna().sum())
    if missing:
        raise TableError(
            "The target is missing in some rows.",
            where=f"{where}, column {name!r}",
            expected="a label in every row",
            found=(
                f"{missing} rows without one, the first is row"
                f" {int(np.flatnonzero(values.isna())[0]) + 1}"
            ),
            todo=(
                "take these rows out of the table: a row without a label can neither train nor"
                " test."
            ),
        )
    y = _equal(values, positive).astype(np.int8)
    if not y.any() or y.all():
        counts = values.astype(str).value_counts()
        shown = ", ".join(f"{label!r} ({count} rows)" for label, count in counts.head(10).items())
        raise TableError(
            f"The positive label {positive!r} is " + ("in every row." if y.any() else "in no row."),
            where=f"{where}, column {name!r}",
            expected="some rows with the positive label and some without",
            found=shown + (f" and {len(counts) - 10} more labels" if len(counts) > 10 else ""),
            todo=(
                "set `positive` to the label of the class that matters (with quotes if it is a"
                " text)."
            ),
        )
    return y


def _feature(
    values: pd.Series, name: str, categorical: bool, where: str
) -> tuple[NDArray[np.float64], tuple[str, ...] | None]:
    """One column as floats, with its labels where it is a category."""
    place = f"{where}, column {name!r}"
    present = values.dropna()
    if present.empty:
        return np.full(len(values), np.nan), None
    if values.dtype == object and isinstance(present.iloc[0], (list, tuple, set, dict, np.ndarray)):
        raise TableError(
            "A column holds lists.",
            where=place,
            expected="one number or one text in each row",
            found=repr(present.iloc[0])[:80],
            todo="make columns of their elements, or list it under `drop`.",
        )
    if categorical or types.is_bool_dtype(values) or isinstance(values.dtype, pd.CategoricalDtype):
        return _codes(values, place, declared=True)
    if types.is_complex_dtype(values):
        raise TableError(
            "A column holds complex numbers.",
            where=place,
            expected="numbers or categories",
            found=str(values.dtype),
            todo="split it into real columns, or list it under `drop`.",
        )
    if types.is_numeric_dtype(values):
        return values.to_numpy(dtype=np.float64, na_value=np.nan), None
    if (
        types.is_datetime64_any_dtype(values)
        or types.is_timedelta64_dtype(values)
        or types.infer_dtype(values, skipna=True) in {"date", "datetime", "time", "timedelta"}
    ):
        raise TableError(
            "A column of points in time is no feature as it stands.",
            where=place,
            expected="numbers or categories",
            found=str(values.dtype),
            todo=(
                "name it as `time`, list it under `drop`, or make features of it (hour, weekday,"
                " days since ...)."
            ),
        )
    if set(present.map(lambda value: str(value).strip().lower())) <= {"true", "false"}:
        return _codes(values, place, declared=True)
    numbers = pd.to_numeric(present, errors="coerce")
    texts = present[numbers.isna()]
    if texts.empty:
        return pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan), None
    if len(texts) < (1 - MOSTLY) * len(present):
        row = int(np.flatnonzero(values.index == texts.index[0])[0]) + 1
        raise TableError(
            "A numeric column holds text.",
            where=f"{place}, row {row}",
            expected="a number, or an empty field for a missing one",
            found=f"{texts.iloc[0]!r}"
            + (f", and text in {len(texts) - 1} more rows" if len(texts) > 1 else ""),
            todo=(
                "correct these values, or list the column under `categorical` if it holds"
                " categories."
            ),
        )
    return _codes(values, place, declared=False)


def _codes(
    values: pd.Series, place: str, *, declared: bool
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """A column as codes of its sorted labels, NaN for a missing one.

    Raises
    ------
    TableError
        When a text column that is not declared `categorical` looks like an identifier.
    """
    if types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        # a missing value has turned integers into floats: the label is 1, not 1.0
        values = values.astype("Int64")
    texts = values.astype(object).map(lambda value: str(value).strip(), na_action="ignore")
    labels = tuple(sorted(texts.dropna().unique()))
    if not declared and len(labels) > MANY_LABELS and len(labels) > len(values) / 2:
        raise TableError(
            "A text column looks like an identifier, not like a feature.",
            where=place,
            expected="categories that occur in many rows",
            found=f"{len(labels)} different texts in {len(values)} rows, such as {labels[0]!r}",
            todo="list it under `drop`, or under `categorical` if it really is a category.",
        )
    codes = (
        pd.Index(labels, dtype=object).get_indexer(texts) if labels else np.full(len(values), -1)
    )
    return np.where(codes < 0, np.nan, codes).astype(np.float64), labels


def _role(values: pd.Series, role: str, name: str, where: str) -> NDArray[np.generic]:
    """A role as numbers: groups as codes from 0, dates as nanoseconds since 1970, or floats."""
    place = f"{where}, column {name!r}"
    if values.isna().any():
        raise TableError(
            f"The {role} is missing in some rows.",
            where=place,
            expected=f"a {role} in every row",
            found=f"{int(values.isna().sum())} rows without one",
            todo="fill it in, or take these rows out.",
        )
    if role == "group":
        return pd.factorize(values)[0].astype(np.int64)
    if types.is_numeric_dtype(values):
        return values.to_numpy(dtype=np.float64)
    if role == "time":
        try:
            moments = pd.to_datetime(
                values,
                format=None if types.is_datetime64_any_dtype(values) else "ISO8601",
                utc=True,
            )
            return moments.dt.as_unit("ns").astype("int64").to_numpy()
        except (ValueError, TypeError) as error:
            raise TableError(
                "A column of points in time cannot be read.",
                where=place,
                expected="numbers, or dates such as 2026-01-31 or 2026-01-31T23:59:00",
                found=str(error)[:200],
                todo="write the dates in the ISO 8601 order.",
            ) from None
    raise TableError(
        f"The {role} is no number.",
        where=place,
        expected="numbers of at least 0",
        found=str(values.iloc[0])[:80],
        todo=f"correct the column, or unset `{role}`.",
    )


def _amount(values: pd.Series, name: str, where: str) -> NDArray[np.float64]:
    """A column that a cost is computed from, as floats."""
    place, numbers = (
        f"{where}, column {name!r}, named by `costs`",
        pd.to_numeric(values, errors="coerce"),
    )
    wrong = np.flatnonzero(~np.isfinite(numbers.to_numpy(dtype=np.float64, na_value=np.nan)))
    if len(wrong):
        first = values.iloc[int(wrong[0])]
        raise TableError(
            "A column of costs is not a number in every row.",
            where=f"{place}, row {int(wrong[0]) + 1}",
            expected="a finite number in every row: a decision about a row without one has no cost",
            found=(
                "nothing"
                if pd.isna(first)
                else repr(first)
                if isinstance(first, str)
                else str(first)
            )
            + f", and so in {len(wrong)} rows in all",
            todo="fill these values in, or give a number instead of the column.",
        )
    return numbers.to_numpy(dtype=np.float64)


def _validate(table: Table, where: str) -> None:
    """Check that numbers are finite, labels 0 or 1, weights at least 0, and some feature varies."""
    import pandera.pandas as pa

    def finite(values: pd.Series) -> pd.Series:
        return values.abs() != np.inf

    def cases(frame: pd.DataFrame, schema: dict[str, Any]) -> pd.DataFrame:
        """The failure cases of a schema, one row each; empty where the frame passes."""
        try:
            pa.DataFrameSchema(schema, strict=True).validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            return pd.DataFrame(error.failure_cases)
        return pd.DataFrame()

    numeric = [k for k, name in enumerate(table.features) if name not in table.categories]
    # some columns at a time, since each frame copies its columns
    at_once = max(1, AT_ONCE // len(table))
    found = []
    for start in range(0, len(numeric), at_once):
        some = numeric[start : start + at_once]
        frame = pd.DataFrame(table.X[:, some], columns=[table.features[k] for k in some])
        schema = {
            name: pa.Column(float, pa.Check(finite, error="infinite"), nullable=True)
            for name in frame.columns
        }
        found.append(cases(frame, schema))
    frame = pd.DataFrame({TARGET: table.y})
    schema = {TARGET: pa.Column("int8", pa.Check.isin([0, 1], error="neither 0 nor 1"))}
    if "weight" in table.roles:
        frame[ROLE + "weight"] = table.roles["weight"]
        schema[ROLE + "weight"] = pa.Column(
            float, pa.Check(lambda w: np.isfinite(w) & (w >= 0), error="negative or infinite")
        )
    found.append(cases(frame, schema))
    if any(map(len, found)):
        told = [
            f"{c!r}: {len(g)} values {g['check'].iloc[0]}, the first in row"
            f" {int(g['index'].iloc[0]) + 1}"
            for some in found
            if len(some)
            for c, g in some.groupby("column", sort=False)
        ]
        raise TableError(
            "The table holds values that nothing can be learned from.",
            where=where,
            expected=(
                "finite numbers, an empty field where a value is missing, weights of at least 0"
            ),
            found="\n            ".join(told[:20]),
            todo="correct these values (an infinity often comes from a division by zero).",
        )
    if not _varying(table).any():
        raise TableError(
            "Every feature is constant.",
            where=where,
            expected="at least one feature that differs between rows",
            found=f"{len(table.features)} constant features",
            todo="check that the right columns were kept.",
        )


def _varying(table: Table) -> NDArray[np.bool_]:
    """Which features have more than one value; a missing value counts as a value."""
    first = table.X[:1]
    varying = np.zeros(table.X.shape[1], bool)
    for X in _blocks(table.X):
        varying |= ~((first == X) | (np.isnan(X) & np.isnan(first))).all(axis=0)
    return varying


def _blocks(X: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Split a matrix into blocks of rows of at most `AT_ONCE` numbers."""
    at_once = max(1, AT_ONCE // X.shape[1])
    for start in range(0, len(X), at_once):
        yield X[start : start + at_once]


def _facts(table: Table, entry: Dataset, sentinels: int) -> dict[str, Any]:
    varying = _varying(table)
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
        "no_features": sorted(
            {str(c) for c in entry.drop}
            | {str(getattr(entry, role)) for role in ROLES if role in table.roles}
        ),
        "target": str(entry.target),
        "positive": str(entry.positive),
    }
