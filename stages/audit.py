"""Stage audit: check the table and its split before anything is trained on them."""

from __future__ import annotations

from collections import Counter

from counterpoise.core import files, paths
from counterpoise.core.errors import guarded
from counterpoise.data import folds as splits
from counterpoise.data import tables
from counterpoise.data.checks import all_checks
from counterpoise.engine.stage_inputs import stage

SEVERITIES = ("serious", "warning", "note")


def main() -> None:
    """Run the data checks of one dataset and write the report.

    Raises
    ------
    TableError
        When the dataset's entry says `data_checks: fail` and there is a serious finding.
    """
    with stage("audit", __doc__) as (params, name):
        table, parts = tables.read(paths.table(name)), splits.read(paths.split(name))
        scheme = params.split_of(name).scheme
        report = all_checks.find(table, parts.compared, scheme, params.seed, name)
        files.write_json(paths.audit(name), report.content())  # also for a table that is refused
        counts: Counter[str] = Counter(finding.severity for finding in report.findings)
        found = ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES)
        codes = ", ".join(finding.code for finding in report.findings)
        print(f"{name}: findings: {found}" + (f" ({codes}, docs/data_checks.md)" if codes else ""))
        if report.serious and params.dataset(name).data_checks == "fail":
            raise all_checks.refusal(name, report)


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
