"""What is wrong with a dataset, said before anything is trained on it.

Each kind of defect is a function from the table to findings. A finding counts, gives examples, says
in one sentence what is there, and in one what to do. Nothing here changes a row: what is a defect
and what is nature a person decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from counterpoise.core.config import seed_for
from counterpoise.core.errors import NotApplicable, TableError
from counterpoise.core.types import Index, Labels
from counterpoise.data import label_noise
from counterpoise.data.folds import Parts
from counterpoise.data.row_groups import as_bytes, numbered
from counterpoise.data.tables import COST, Table

Severity = Literal["note", "warning", "serious"]
SEVERITIES: tuple[Severity, ...] = ("serious", "warning", "note")

SHOWN = 10
"""So many rows are given as examples."""

NAMED = 5
"""So many columns are named in a sentence; all of them stand in the finding."""

WORTH_A_WARNING = 0.01
"""From this share of rows on, what is wrong with them may change a comparison."""

COPIED = 0.1
"""From this share of positive test rows on that were trained on too, scores tell how well copies
are remembered."""

COARSE = 0.5
"""Where no more than this share of the rows differ, the columns are so coarse that rows coincide,
with both labels too."""

LEAK = 0.995
"""A single feature with this ROC AUC or more does what no honest feature is expected to do."""

LEAK_PRECISION = 0.98
"""With this average precision too it tells the label; an honest feature of rare positives may well
reach the AUC alone."""

FEWEST = 5
"""With fewer rows of a class than this, no single feature is judged."""

FEW_VALUES = 50
"""A number with at most so many values is looked at as a category too."""

LONG_ENOUGH = 50
"""In a table of fewer rows all values of a column may well differ by chance."""

COINCIDENCES = 10
"""Where chance would make so many pairs of rows alike and there are none, somebody numbered the
rows."""

FOLLOWS = 0.999
"""From this rank correlation on, a column follows the number of the row."""

NEARLY = 0.999
"""From this share of rows with one value on, a column is nearly constant."""

CODES = frozenset(-(10.0**k - 1) for k in range(1, 8)) | {-1.0}
"""What people write for a missing value where all values are at least 0: -1, -9, -99, -999 and so
on."""

BLOCKS = 10
"""Into so many parts of equal size is time divided to see whether the share of positives moves."""

CHANCE = 0.001
"""A difference that chance makes more rarely than this is taken for one."""

DOUBTED = 0.1
"""From so many suspects for each row of the rarer class on, wrong labels may change a
comparison."""

UNCLEAR = 0.5
"""With more undecided rows than this for each row of the rarer class, classes overlap, and a
doubted label may be right."""

KEPT_ROWS = 50_000_000
"""Values of columns, rows times columns, that are kept at hand."""

ENOUGH = 100
"""With fewer rows of the rarer class than this, a model that contradicts a label has seen too
little to warn."""


@dataclass(frozen=True)
class Finding:
    """One kind of defect in one dataset.

    Attributes
    ----------
    count, of : int
        How many rows (columns, values) are concerned, of how many that could be.
    columns : tuple of str
    rows : tuple of int
        Examples, counted from 1 as in the table: the first row after the header is row 1.
    """

    kind: str
    severity: Severity
    count: int
    of: int
    columns: tuple[str, ...]
    rows: tuple[int, ...]
    sentence: str
    todo: str


@dataclass(frozen=True)
class Report:
    """All findings, the serious ones first, what distinct rows there are, and what could not be
    looked at and why."""

    findings: tuple[Finding, ...]
    distinct: dict[str, Any]
    unchecked: dict[str, str] = field(default_factory=dict)

    @property
    def serious(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "serious")

    def content(self) -> dict[str, Any]:
        return asdict(self)


class Column(NamedTuple):
    """One feature as its distinct values, ascending, how often each occurs, and which one each row
    has (-1: none)."""

    name: str
    category: bool
    values: NDArray[np.float64]
    counts: Index
    codes: Index

    @property
    def missing(self) -> int:
        return len(self.codes) - int(self.counts.sum())


def find(
    table: Table, parts: Parts, scheme: str, seed: int, dataset: str, *, labels: bool = True
) -> Report:
    """Look at everything; without `labels` at everything but suspects of label noise, which takes a
    model."""
    seed = seed_for(seed, dataset, "defects")
    groups = alike(table.X)
    columns = Columns(table)
    found = [
        *duplicates(table, groups),
        *twins(table, parts, groups, scheme),
        *contradictions(table, groups),
        *leaks(columns, table.y, seed),
        *identifiers(columns),
        *constants(columns),
        *sentinels(columns),
        *time_order(table, parts, scheme),
    ]
    unchecked = {}
    if labels:
        try:
            found += noise(label_noise.suspects(table, groups, seed), table.y)
        except NotApplicable as reason:
            unchecked["label_noise"] = str(reason)
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Report(tuple(found), distinct_rows(table.y, groups), unchecked)


def refusal(dataset: str, report: Report) -> TableError:
    """The error of a dataset that asks to be refused when something serious is found in it."""
    return TableError(
        (
            f"The table of {dataset} has a serious defect."
            if len(report.serious) == 1
            else f"The table of {dataset} has {len(report.serious)} serious defects."
        ),
        where=f"params.yaml: datasets.{dataset}, which asks for `defects: fail`",
        expected="a table without a serious defect; nothing was trained on this one",
        found="\n            ".join(finding.sentence for finding in report.serious),
        todo=" ".join(dict.fromkeys(finding.todo for finding in report.serious))
        + " Or go on as it is with `defects: warn`.",
    )


def alike(X: NDArray[np.float64]) -> Index:
    """One number for each distinct row; a missing value equals a missing value, and -0 equals 0."""
    return numbered(X, as_bytes)


class Columns(Sequence[Column]):
    """The features as columns, each made when it is asked for.

    A column takes three times what its values take, so that of a large table only a few are kept at
    hand.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.made = lru_cache(max(1, KEPT_ROWS // max(len(table), 1)))(self._column)

    def __len__(self) -> int:
        return len(self.table.features)

    @overload
    def __getitem__(self, k: int) -> Column: ...
    @overload
    def __getitem__(self, k: slice) -> list[Column]: ...
    def __getitem__(self, k: int | slice) -> Column | list[Column]:
        if isinstance(k, slice):
            return [self.made(at) for at in range(len(self))[k]]
        return self.made(range(len(self))[k])

    def _column(self, k: int) -> Column:
        name, values = self.table.features[k], self.table.X[:, k]
        there = ~np.isnan(values)
        distinct, codes, counts = np.unique(
            values[there] + 0.0, return_inverse=True, return_counts=True
        )
        whole = np.full(len(self.table), -1, dtype=np.int64)
        whole[there] = codes.reshape(-1)
        return Column(name, name in self.table.categories, distinct, counts, whole)


def distinct_rows(y: Labels, groups: Index) -> dict[str, Any]:
    """How many feature rows differ, and which one is most frequent."""
    counts = np.bincount(groups)
    positives = np.bincount(groups, weights=y)
    # of several, the one that comes first in the table
    often = np.flatnonzero(counts[groups] == counts.max())[0]
    same = groups == groups[often]
    return {
        "rows": len(y),
        "distinct": len(counts),
        "distinct_with_label": len(counts) + int(((positives > 0) & (positives < counts)).sum()),
        "most_frequent": {
            "rows": int(same.sum()),
            "positives": int(y[same].sum()),
            "first": int(often) + 1,
        },
    }


def duplicates(table: Table, groups: Index) -> Iterator[Finding]:
    """Rows whose features repeat those of an earlier row, and how many repeat all else that is
    known of it too."""
    again = _repeated(groups)
    if not again.any():
        return
    count, often = int(again.sum()), distinct_rows(table.y, groups)["most_frequent"]
    beside = [np.unique(values, return_inverse=True)[1] for values in table.roles.values()]
    copies = int(
        _repeated(alike(np.column_stack([groups, table.y, *beside]).astype(np.float64))).sum()
    )
    names = ["label", *(role.removeprefix(COST) for role in table.roles)]
    yield Finding(
        "duplicates",
        "note",
        count,
        len(table),
        (),
        _examples(again),
        f"{_many(count, 'row')} of {len(table):,} {_has(count, 'repeats', 'repeat')} the features"
        f" of an earlier row, {copies:,} of them the {_listed(names)} too; the most frequent row"
        f" stands {often['rows']:,} times, with {_many(often['positives'], 'positive')} among"
        " them.",
        "Remove copies that a join or an export has made; rows that are alike by nature stay, and "
        "`split: {scheme: grouped}` keeps them together.",
    )


def twins(table: Table, parts: Parts, groups: Index, scheme: str) -> Iterator[Finding]:
    """Test rows whose features stand among the training rows of their fold too, in the first
    repeat.

    A copy has the label of its original, while rows that coincide because the columns are coarse
    have now this label and now that one: copied are positive rows whose twins are all positive.
    """
    pure = np.bincount(groups, weights=table.y) == np.bincount(groups)
    hits: list[Index] = []
    tested = positives = copied = 0
    for fold in parts:
        if fold.repeat != parts.names[0][0]:
            continue
        hits.append(fold.test[np.isin(groups[fold.test], groups[fold.train])])
        tested, positives = tested + len(fold.test), positives + int(table.y[fold.test].sum())
        copied += int(pure[groups[hits[-1]]].sum())
    rows = np.sort(np.concatenate(hits))
    if not len(rows):
        return
    share, share_copied = len(rows) / tested, copied / max(positives, 1)
    both = scheme == "stratified_kfold" and "group" not in table.roles
    together = (
        "`grouped: true` on the split shows both"
        if both
        else "`split: {scheme: grouped}` does, without a `group`"
    )
    yield Finding(
        "twins",
        "serious" if share_copied >= COPIED else "warning" if share >= WORTH_A_WARNING else "note",
        len(rows),
        tested,
        (),
        _numbers(rows),
        f"{_many(len(rows), 'test row')} of {tested:,} ({_percent(share, 1)})"
        f" {_has(len(rows), 'has', 'have')} a twin with the same features among the training rows"
        f" of the fold; {copied:,} of {_many(positives, 'positive test row')}"
        f" {_has(copied, 'has', 'have')} one there and no negative twin.",
        f"Compare with twins kept together as well ({together}): a model that remembers rows gains"
        " by them here.",
    )


def contradictions(table: Table, groups: Index) -> Iterator[Finding]:
    """Positive rows that share all their features with negative rows."""
    positives = np.bincount(groups, weights=table.y)
    both = (positives > 0) & (positives < np.bincount(groups))
    hit = both[groups] & (table.y == 1)
    count, of = int(hit.sum()), int(table.y.sum())
    if not count:
        return
    negatives = int((both[groups] & (table.y == 0)).sum())
    coarse = len(both) <= COARSE * len(table)
    severity: Severity = "note" if coarse or count / of < WORTH_A_WARNING else "warning"
    yield Finding(
        "contradictions",
        severity,
        count,
        of,
        (),
        _examples(hit),
        f"{_many(count, 'positive row')} of {of:,} ({_percent(count / of, 1)})"
        f" {_has(count, 'has', 'have')} the very features of {_many(negatives, 'negative row')}, so"
        " that no model can tell them apart.",
        "Look these rows up: one of the labels is wrong, or a column is missing that tells them"
        " apart.",
    )


def leaks(columns: Sequence[Column], y: Labels, seed: int) -> Iterator[Finding]:
    """Features that tell the label on their own: by their value, by their category, or by being
    missing."""
    half = _halves(y, seed)
    told: dict[str, tuple[float, float, str]] = {}
    for column in columns:
        auc, precision, how = max(_alone(column, y, half), default=(0.0, 0.0, ""))
        if auc >= LEAK:
            told[column.name] = auc, precision, how
    for severity, names in (
        (
            "serious",
            [name for name, (_, precision, _) in told.items() if precision >= LEAK_PRECISION],
        ),
        (
            "warning",
            [name for name, (_, precision, _) in told.items() if precision < LEAK_PRECISION],
        ),
    ):
        if not names:
            continue
        names.sort(key=lambda name: told[name][:2], reverse=True)
        each = [
            f"{name!r} ({how}ROC AUC {auc:.4f}, average precision {precision:.3f})"
            for name in names[:NAMED]
            for auc, precision, how in [told[name]]
        ]
        yield Finding(
            "leak",
            "serious" if severity == "serious" else "warning",
            len(names),
            len(columns),
            tuple(names),
            (),
            f"On {_has(len(names), 'its', 'their')} own"
            f" {_has(len(names), 'this feature tells', 'these features tell')} the classes apart:"
            f" {_listed(each, len(names))}.",
            "Ask whether the value is known at the moment of the prediction; if it is made from the"
            " label, or written down after the event, list it under `drop`.",
        )


def _alone(column: Column, y: Labels, half: Index) -> Iterator[tuple[float, float, str]]:
    """What each way of reading a column reaches: ROC AUC, average precision, the way in words."""
    there = column.codes >= 0
    positive = np.bincount(column.codes[there], weights=y[there], minlength=len(column.values))
    negative = column.counts - positive
    if not column.category and min(positive.sum(), negative.sum()) >= FEWEST:
        yield *max(ranked(positive, negative), ranked(positive[::-1], negative[::-1])), ""
    of = np.array([(y == 0).sum(), (y == 1).sum()])
    if of.min() < FEWEST:
        return
    if column.missing:
        gone = of - [negative.sum(), positive.sum()]
        a, b = np.array([of[1] - gone[1], gone[1]]), np.array([of[0] - gone[0], gone[0]])
        yield *max(ranked(a, b), ranked(a[::-1], b[::-1])), "by being missing or not: "
    if len(column.values) + bool(column.missing) > 1 and (
        column.category or len(column.values) <= FEW_VALUES
    ):
        yield *_by_category(column.codes + 1, len(column.values) + 1, y, half), "as a category: "


def ranked(positive: NDArray[Any], negative: NDArray[Any]) -> tuple[float, float]:
    """ROC AUC and average precision of a ranking, from the rows of each class at each of its steps,
    the lowest first."""
    p, n = float(positive.sum()), float(negative.sum())
    below = np.cumsum(negative) - negative
    above_p, above_n = np.cumsum(positive[::-1]), np.cumsum(negative[::-1])
    precision = np.divide(
        above_p, above_p + above_n, out=np.zeros(len(above_p)), where=above_p + above_n > 0
    )
    return float((positive * (below + negative / 2)).sum() / (p * n)), float(
        (positive[::-1] * precision).sum() / p
    )


def _by_category(codes: Index, size: int, y: Labels, half: Index) -> tuple[float, float]:
    """Each half of the rows ranked by the share of positives that its category has in the other
    half."""
    reached = []
    for side in (0, 1):
        mine, other = half == side, half != side
        rows = np.bincount(codes[other], minlength=size)
        rate = (np.bincount(codes[other], weights=y[other], minlength=size) + y.mean()) / (rows + 1)
        steps, step = np.unique(rate[codes[mine]], return_inverse=True)
        positive = np.bincount(step.reshape(-1), weights=y[mine], minlength=len(steps))
        reached.append(
            ranked(positive, np.bincount(step.reshape(-1), minlength=len(steps)) - positive)
        )
    return float(np.mean([auc for auc, _ in reached])), float(
        np.mean([precision for _, precision in reached])
    )


def _halves(y: Labels, seed: int) -> Index:
    """Two random halves with as many rows of each class."""
    order = np.lexsort((np.random.default_rng(seed).permutation(len(y)), y))
    half = np.empty(len(y), dtype=np.int64)
    half[order] = np.arange(len(y)) % 2
    return half


def identifiers(columns: Sequence[Column]) -> Iterator[Finding]:
    """Columns that name or number the rows, and, with less certainty, whole numbers that all
    differ."""
    kinds = {column.name: _names_rows(column) for column in columns}
    sure = [name for name, severity in kinds.items() if severity == "warning"]
    perhaps = [name for name, severity in kinds.items() if severity == "note"]
    todo = (
        "List it under `drop` if it names the row or the moment it was written; a moment may be"
        " named as `time` instead."
    )
    if sure:
        yield Finding(
            "id",
            "warning",
            len(sure),
            len(columns),
            tuple(sure),
            (),
            f"{_many(len(sure), 'column')} {_has(len(sure), 'names', 'name')} or "
            f"{_has(len(sure), 'numbers', 'number')} the rows: {_quoted(sure)}.",
            todo,
        )
    if perhaps:
        yield Finding(
            "id",
            "note",
            len(perhaps),
            len(columns),
            tuple(perhaps),
            (),
            f"{_many(len(perhaps), 'column')} of whole numbers {_has(len(perhaps), 'has', 'have')}"
            f" a different one in every row: {_quoted(perhaps)}.",
            todo,
        )


def _names_rows(column: Column) -> Severity | None:
    rows, distinct = len(column.codes), len(column.values)
    if rows < LONG_ENOUGH or column.missing or distinct <= rows / 2:
        return None
    if column.category:
        return "warning"
    if abs(np.corrcoef(column.codes, np.arange(rows))[0, 1]) >= FOLLOWS:
        return "warning"
    if distinct < rows or (column.values % 1 != 0).any():
        return None
    pairs_by_chance = rows**2 / 2 / (column.values[-1] - column.values[0] + 1)
    return "warning" if pairs_by_chance >= COINCIDENCES else "note"


def constants(columns: Sequence[Column]) -> Iterator[Finding]:
    """Columns without any value, and those in which all rows, or nearly all, have one; a missing
    one counts as a value."""
    empty, same, nearly, odd = [], [], [], np.zeros(len(columns[0].codes), bool)
    for column in columns:
        often = np.append(column.counts, column.missing)
        if column.missing == len(odd):
            empty.append(column.name)
        elif often.max() == len(odd):
            same.append(column.name)
        elif often.max() >= NEARLY * len(odd):
            nearly.append(column.name)
            odd |= column.codes != (-1 if often[-1] == often.max() else int(often.argmax()))
    if empty:
        yield Finding(
            "empty",
            "warning",
            len(empty),
            len(columns),
            tuple(empty),
            (),
            f"{_many(len(empty), 'column')} {_has(len(empty), 'has', 'have')} no value in any row: "
            f"{_quoted(empty)}.",
            "List it under `drop`: it tells nothing, and every fit pays for it.",
        )
    if same:
        yield Finding(
            "constant",
            "note",
            len(same),
            len(columns),
            tuple(same),
            (),
            f"{_many(len(same), 'column')} {_has(len(same), 'has', 'have')} one value in all rows: "
            f"{_quoted(same)}.",
            "List it under `drop`, or find out why it was not filled in.",
        )
    if nearly:
        yield Finding(
            "nearly_constant",
            "note",
            len(nearly),
            len(columns),
            tuple(nearly),
            _examples(odd),
            f"{_many(len(nearly), 'column')} {_has(len(nearly), 'has', 'have')} another value than"
            f" the usual one in {_percent(1 - NEARLY, 1)} of the rows at most: {_quoted(nearly)}.",
            "List it under `drop` unless the rare value matters: some folds may lack it.",
        )


def sentinels(columns: Sequence[Column]) -> Iterator[Finding]:
    """Numbers that seem to stand for a missing value, each with the columns that hold it."""
    held: dict[float, list[int]] = {}
    for k, column in enumerate(columns):
        if not column.category:
            for value in suspicious(column.values, column.counts):
                held.setdefault(value, []).append(k)
    for value, places in sorted(held.items()):
        hit = np.zeros(len(columns[0].codes), bool)
        count, names = 0, []
        for column in map(columns.__getitem__, places):
            code = int(np.searchsorted(column.values, value))
            hit |= column.codes == code
            count += int(column.counts[code])
            names.append(column.name)
        yield Finding(
            "sentinel",
            "warning",
            count,
            len(hit) * len(names),
            tuple(names),
            _examples(hit),
            f"{value:g} stands {_times(count)} in {_quoted(names)}, apart from all other values: it"
            " may stand for a missing one.",
            f"If it does, add {value:g} to `sentinels`, so that it is treated as missing.",
        )


def suspicious(values: NDArray[np.float64], counts: Index) -> list[float]:
    """Values at an end of a column that occur often and lie apart: farther from the rest than the
    rest is wide.

    Several codes may stand at one end (-999 and -998). A column with few other values is left
    alone, since there any value lies apart. The only negative value is taken for one too when it is
    -1, -9, -99 and so on; -1 has to be far more frequent than 0 and 1, since counts may well begin
    at -1.
    """
    lowest, highest, found = 0, len(values), []
    often = max(FEWEST, counts.sum() / 1000)
    for _ in range(2):  # what lies apart at one end hides what does at the other
        for end in (-1, 1):
            rest, seen = values[lowest:highest], counts[lowest:highest]
            for k in range(1, 4):
                at, inner = (
                    (slice(0, k), slice(k, None)) if end < 0 else (slice(-k, None), slice(0, -k))
                )
                others = rest[inner]
                if len(others) < 2 * FEWEST or (seen[at] < often).any():
                    break
                gap = others[0] - rest[k - 1] if end < 0 else rest[-k] - others[-1]
                if gap > others[-1] - others[0] or (
                    k == 1 and end < 0 and _alone_below_zero(rest, seen)
                ):
                    found += [float(value) for value in rest[at]]
                    lowest, highest = (lowest + k, highest) if end < 0 else (lowest, highest - k)
                    break
    return sorted(found)


def _alone_below_zero(values: NDArray[np.float64], counts: Index) -> bool:
    """Whether the least value is a usual code for a missing one, and the only one below 0."""
    if values[0] not in CODES or values[1] < 0:
        return False
    return bool(
        values[0] < -1 or (len(values) > 4 * FEWEST and counts[0] > FEWEST * counts[1:3].max())
    )


def time_order(table: Table, parts: Parts, scheme: str) -> Iterator[Finding]:
    """Rows tested by models that had seen the future, and how much the share of positives moves
    meanwhile."""
    if "time" not in table.roles or scheme in {"temporal", "prequential"}:
        return
    from scipy.stats import chi2_contingency

    moment = np.unique(table.roles["time"], return_inverse=True)[1].reshape(-1)
    early = tested = 0
    for fold in parts:
        early += int((moment[fold.test] < moment[fold.train].max()).sum())
        tested += len(fold.test)
    if not early:
        return
    # rows of one moment stay in one block
    block = np.searchsorted(np.sort(moment), moment, side="left") * BLOCKS // len(moment)
    blocks, rows = np.unique(block, return_counts=True)
    positives = np.bincount(block, weights=table.y, minlength=BLOCKS)[blocks]
    moves = len(blocks) > 1 and chi2_contingency([positives, rows - positives]).pvalue < CHANCE
    share = positives / rows
    yield Finding(
        "time_order",
        "warning" if moves else "note",
        early,
        tested,
        (),
        (),
        f"{early:,} of {tested:,} tests ({_percent(early / tested, 0)}) are of rows older than some"
        f" training row, since the scheme is {scheme}; over time, in {_many(len(blocks), 'part')}"
        f" of about equal size, the share of positives lies between {_percent(share.min(), 2)} and"
        f" {_percent(share.max(), 2)}, which is {'more than' if moves else 'what'} chance would"
        f" make of {_percent(table.y.mean(), 2)}.",
        "Compare under `split: {scheme: temporal}` as well: in use a model never knows the future.",
    )


def noise(found: label_noise.Suspects, y: Labels) -> Iterator[Finding]:
    """Labels that a fast model contradicts with confidence."""
    count, of = len(found.rows), len(found.looked_at)
    if not count:
        return
    positives, rarer = (
        int(y[found.rows].sum()),
        int(min(y[found.looked_at].sum(), of - y[found.looked_at].sum())),
    )
    clear = rarer >= ENOUGH and found.undecided <= UNCLEAR * rarer
    yield Finding(
        "label_noise",
        "warning" if clear and count >= DOUBTED * rarer else "note",
        count,
        of,
        (),
        _numbers(found.rows),
        f"{_many(count, 'row')} of {of:,} looked at {_has(count, 'has', 'have')} a label that a"
        f" fast model contradicts ({positives:,} positive, {count - positives:,} negative;"
        " confident learning, Northcutt et al. 2021)"
        + (
            "."
            if clear
            else (
                "; the classes overlap or are small, so that most of them may be hard rows, not"
                " wrong labels."
            )
        ),
        "Look at the rows named here, the most suspicious first, and correct the labels that are"
        " wrong.",
    )


def _repeated(groups: Index) -> NDArray[np.bool_]:
    """Which rows are not the first of their group."""
    again = np.ones(len(groups), bool)
    again[np.unique(groups, return_index=True)[1]] = False
    return again


def _examples(hit: NDArray[np.bool_]) -> tuple[int, ...]:
    return _numbers(np.flatnonzero(hit))


def _numbers(rows: Index) -> tuple[int, ...]:
    """The first rows, as a person counts them."""
    return tuple(int(row) + 1 for row in rows[:SHOWN])


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _percent(share: float, digits: int) -> str:
    return f"{100 * share:.{digits}f} %"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _has(count: int, one: str, several: str) -> str:
    return one if count == 1 else several


def _quoted(names: Sequence[str]) -> str:
    return _listed([repr(name) for name in names[:NAMED]], len(names))


def _listed(texts: Sequence[str], of: int | None = None) -> str:
    """`a, b and c`, or `a, b and 7 more`."""
    more = (of or len(texts)) - len(texts)
    *first, last = [*texts, f"{more:,} more"] if more else texts
    return f"{', '.join(first)} and {last}" if first else last
