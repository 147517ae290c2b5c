"""Every path of the project as a function.

Paths are relative to the working directory, which is where dvc.yaml and params.yaml lie: the same
stages serve more than one pipeline. Only the code and the default tracking store are found from
where this file lies.
"""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
"""The folder that holds this package: a clone of the project, or where pip installs packages."""

PARAMS = Path("params.yaml")
DVC_YAML = Path("dvc.yaml")
DATA = Path("data")
REPORTS = Path("reports")

DOWNLOADS = DATA / "downloads"
"""Verified bytes as they were published; ignored by git and DVC, so a rerun does not download
again."""

STORE = DATA / "store"
"""Fitted cells by the hash of their inputs; ignored by git and DVC, bounded in size, safe to
delete."""

SCRATCH = DATA / "scratch"
"""What a stage's workers share while it runs; ignored by git and DVC, empty when no stage runs."""


def code(stage: str) -> Path:
    """The digest of each source file that a stage runs."""
    return DATA / "code" / f"{stage}.json"


def table(dataset: str) -> Path:
    """The typed table."""
    return DATA / "tables" / dataset / "table.parquet"


def facts(dataset: str) -> Path:
    """What was done and seen when the table was typed."""
    return DATA / "tables" / dataset / "facts.json"


def split(dataset: str) -> Path:
    """The part of every row in every repeat and fold."""
    return DATA / "splits" / f"{dataset}.parquet"


def audit(dataset: str) -> Path:
    """What is wrong with the table."""
    return DATA / "audits" / f"{dataset}.json"


def resampled(dataset: str, strategy: str | None = None) -> Path:
    """The rows that a strategy keeps and makes, or the folder of all strategies."""
    return _cell(DATA / "resampled", dataset, strategy)


def scores(dataset: str, strategy: str | None = None) -> Path:
    """The scores of a strategy's models, or the folder of all strategies."""
    return _cell(DATA / "scores", dataset, strategy)


def measured(dataset: str, stage: str) -> Path:
    """Seconds and bytes of a stage, and who made what: measured, not results."""
    return DATA / "measured" / dataset / f"{stage}.json"


def evaluation(dataset: str) -> Path:
    """The folder of a dataset's metrics, decisions and curves."""
    return DATA / "evaluations" / dataset


def made(dataset: str) -> Path:
    """Who evaluated a dataset, when and from which commit; apart from the results, whose bytes it
    would change."""
    return DATA / "made" / f"{dataset}.json"


def plots(dataset: str) -> Path:
    """The folder of what `dvc plots` draws."""
    return DATA / "plots" / dataset


def pictures(dataset: str) -> Path:
    """The folder of a dataset's pictures, one file each."""
    return DATA / "pictures" / dataset


def page(dataset: str) -> Path:
    """A dataset's report."""
    return REPORTS / f"{dataset}.html"


def _cell(folder: Path, dataset: str, strategy: str | None) -> Path:
    return folder / dataset if strategy is None else folder / dataset / strategy


def tracking_root() -> Path:
    """The repository whose mlflow.db is meant.

    `dvc exp run --temp` works in a copy below `.dvc/tmp/exps` of the repository; its runs belong
    into the store of the repository itself, where people look.
    """
    for parent in REPOSITORY.parents:
        if (
            parent.name == "exps"
            and parent.parent.name == "tmp"
            and parent.parent.parent.name == ".dvc"
        ):
            return parent.parents[2]
    return REPOSITORY if (REPOSITORY / "dvc.yaml").is_file() else Path.cwd()
