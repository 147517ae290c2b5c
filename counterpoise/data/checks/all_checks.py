"""Run all data checks on a table.

Each check is a function from the table to findings. A finding has counts, examples, one sentence
on what was found, and one on what to do. No row is changed: a person decides which findings are
errors and which are natural.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from counterpoise.core.errors import NotApplicable, TableError
from counterpoise.core.seeds import seed_for
from counterpoise.data.checks import label_suspects
from counterpoise.data.checks.columns import Columns
from counterpoise.data.checks.constants import constants
from counterpoise.data.checks.duplicates import (
    contradictions,
    distinct_rows,
    duplicates,
    row_ids,
    train_test_duplicates,
)
from counterpoise.data.checks.finding import SEVERITIES, Finding
from counterpoise.data.checks.identifiers import identifiers
from counterpoise.data.checks.label_noise import noise
from counterpoise.data.checks.late_dates import late_dates
from counterpoise.data.checks.leakage import flags, leaks
from counterpoise.data.checks.many_labels import many_labels
from counterpoise.data.checks.near_duplicates import near_duplicates
from counterpoise.data.checks.sentinels import sentinels
from counterpoise.data.checks.split_parts import train_test_groups, validation_parts
from counterpoise.data.checks.time_order import time_order
from counterpoise.data.folds import Parts
from counterpoise.data.tables import Table


@dataclass(frozen=True)
class Report:
    """The result of all data checks of one table.

    Attributes
    ----------
    findings : tuple of Finding
        The serious ones first.
    distinct : dict
        Counts of distinct rows; see `duplicates.distinct_rows`.
    unchecked : dict of str to str
        The checks that could not run, each with the reason.
    """

    findings: tuple[Finding, ...]
    distinct: dict[str, Any]
    unchecked: dict[str, str] = field(default_factory=dict)

    @property
    def serious(self) -> tuple[Finding, ...]:
        """The findings of severity "serious".

        Returns
        -------
        tuple of Finding
        """
        return tuple(finding for finding in self.findings if finding.severity == "serious")

    def content(self) -> dict[str, Any]:
        """The report as JSON content.

        Returns
        -------
        dict
        """
        return asdict(self)


def find(
    table: Table, parts: Parts, scheme: str, seed: int, dataset: str, *, labels: bool = True
) -> Report:
    """Run all data checks.

    Parameters
    ----------
    table : Table
    parts : Parts
        The folds that are compared.
    scheme : str
        The name of the split scheme.
    seed : int
        The project's seed.
    dataset : str
        The dataset's key, from which the checks derive their seed.
    labels : bool
        Whether to look for suspects of label noise, which fits a model.

    Returns
    -------
    Report
    """
    seed = seed_for(seed, dataset, "defects")
    groups = row_ids(table.X)
    columns = Columns(table)
    findings: list[Finding] = [
        *duplicates(table, groups),
        *train_test_duplicates(table, parts, groups, scheme),
        *contradictions(table, groups),
        *near_duplicates(table, parts, groups, seed),
        *leaks(columns, table.y, seed),
        *identifiers(columns),
        *constants(columns),
        *sentinels(columns),
        *time_order(table, parts, scheme),
        *train_test_groups(table, parts),
        *validation_parts(table, parts),
        *many_labels(columns),
        *late_dates(table),
        *flags(columns, table.y, seed),
    ]
    unchecked = {}
    if labels:
        try:
            findings += noise(label_suspects.suspects(table, groups, seed), table.y)
        except NotApplicable as reason:
            unchecked["label_noise"] = str(reason)
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Report(tuple(findings), distinct_rows(table.y, groups), unchecked)


def refusal(dataset: str, report: Report) -> TableError:
    """Make the error for a dataset whose entry says `data_checks: fail`.

    Parameters
    ----------
    dataset : str
    report : Report
        With at least one serious finding.

    Returns
    -------
    TableError
    """
    return TableError(
        (
            f"The data checks of {dataset} have a serious finding."
            if len(report.serious) == 1
            else f"The data checks of {dataset} have {len(report.serious)} serious findings."
        ),
        where=f"params.yaml: datasets.{dataset}, which asks for `data_checks: fail`",
        expected="data checks without a serious finding; nothing was trained on this table",
        found="\n            ".join(
            f"{finding.code} {finding.sentence}" for finding in report.serious
        ),
        todo=" ".join(dict.fromkeys(finding.todo for finding in report.serious))
        + " Or go on as it is with `data_checks: warn`.",
    )
