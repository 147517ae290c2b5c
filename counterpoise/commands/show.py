"""Print the answer of a dataset and open its page.

    python -m counterpoise show churn
    python -m counterpoise show churn --no-browser

The lines are those that `dvc repro` ends with: what to use, the best combinations, what failed, the
page, the runs in MLflow, and the command that promotes the combination.
"""

from __future__ import annotations

import argparse
import os
import webbrowser

from counterpoise.core import paths
from counterpoise.core.errors import ResultError
from counterpoise.tracking import manifest, store, terminal_summary


def main() -> int:
    """Read the command line, print the answer and open the page.

    Returns
    -------
    int
        The exit status, 0; every failure is an exception.

    Raises
    ------
    ResultError
        When there are no results, or no page to open.
    """
    parser = argparse.ArgumentParser(
        prog="python -m counterpoise show",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    parser.add_argument("--no-browser", action="store_true", help="print only")
    arguments = parser.parse_args()
    name = arguments.dataset
    made, target = manifest.read_given(name), store.chosen(os.environ)
    print(
        terminal_summary.terminal_summary(
            made, target, terminal_summary.experiment_of(made, target)
        ).lstrip()
    )
    if arguments.no_browser:
        return 0
    page = paths.page(name).absolute()
    if not page.is_file():
        raise ResultError(
            f"There is no page of {name}.",
            where=str(page),
            expected="the page that the stage `report` writes",
            found="no such file",
            todo=f"`dvc repro report@{name}` makes it, `dvc pull` brings that of others.",
        )
    webbrowser.open(page.as_uri())
    return 0
