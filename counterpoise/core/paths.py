"""Every path of the project as a function of a dataset's, strategy's or stage's key.

Paths are relative to the working directory, which holds dvc.yaml and params.yaml: the same stages
serve more than one pipeline. Only the code and the default tracking store are found from the
location of this file.
"""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
"""The folder that holds this package: a clone of the project, or pip's folder of packages."""

PARAMS = Path("params.yaml")
DVC_YAML = Path("dvc.yaml")
DATA = Path("data")
REPORTS = Path("reports")

DOWNLOADS = DATA / "downloads"
"""Verified bytes as they were published; ignored by git and DVC, so that a rerun does not download
them again.
"""

STORE = DATA / "store"
"""Fits by the hash of their inputs; ignored by git and DVC, bounded in size, safe to delete."""

SCRATCH = DATA / "scratch"
"""Files that a stage's workers share; ignored by git and DVC, empty when no stage runs."""


def code(stage: str) -> Path:
    """The digests of the source files that a stage runs.

    Returns
    -------
    Path
        `data/code/STAGE.json`
    """
    return DATA / "code" / f"{stage}.json"


def table(dataset: str) -> Path:
    """The typed table.

    Returns
    -------
    Path
        `data/tables/DATASET/table.parquet`
    """
    return DATA / "tables" / dataset / "table.parquet"


def facts(dataset: str) -> Path:
    """Facts of the table, written when it is typed: rows, prevalence, missing values and more.

    Returns
    -------
    Path
        `data/tables/DATASET/facts.json`
    """
    return DATA / "tables" / dataset / "facts.json"


def split(dataset: str) -> Path:
    """The part of every row in every repeat and fold.

    Returns
    -------
    Path
        `data/splits/DATASET.parquet`
    """
    return DATA / "splits" / f"{dataset}.parquet"


def audit(dataset: str) -> Path:
    """The findings of the data checks.

    Returns
    -------
    Path
        `data/audits/DATASET.json`
    """
    return DATA / "audits" / f"{dataset}.json"


def resampled(dataset: str, strategy: str | None = None) -> Path:
    """The rows that a strategy keeps and makes.

    Returns
    -------
    Path
        `data/resampled/DATASET/STRATEGY`, or the folder of all strategies.
    """
    return _cell(DATA / "resampled", dataset, strategy)


def scores(dataset: str, strategy: str | None = None) -> Path:
    """The scores of a strategy's models.

    Returns
    -------
    Path
        `data/scores/DATASET/STRATEGY`, or the folder of all strategies.
    """
    return _cell(DATA / "scores", dataset, strategy)


def measured(dataset: str, stage: str) -> Path:
    """Seconds and bytes of a stage, and who made what: measurements, not results.

    Returns
    -------
    Path
        `data/measured/DATASET/STAGE.json`
    """
    return DATA / "measured" / dataset / f"{stage}.json"


def evaluation(dataset: str) -> Path:
    """The folder of a dataset's metrics, decisions and curves.

    Returns
    -------
    Path
        `data/evaluations/DATASET`
    """
    return DATA / "evaluations" / dataset


def made(dataset: str) -> Path:
    """Who evaluated a dataset, when and from which commit.

    It is kept apart from the results, since it would change their bytes.

    Returns
    -------
    Path
        `data/made/DATASET.json`
    """
    return DATA / "made" / f"{dataset}.json"


def plots(dataset: str) -> Path:
    """The folder of the tables that `dvc plots` draws.

    Returns
    -------
    Path
        `data/plots/DATASET`
    """
    return DATA / "plots" / dataset


def pictures(dataset: str) -> Path:
    """The folder of a dataset's pictures, one file each.

    Returns
    -------
    Path
        `data/pictures/DATASET`
    """
    return DATA / "pictures" / dataset


def page(dataset: str) -> Path:
    """A dataset's report.

    Returns
    -------
    Path
        `reports/DATASET.html`
    """
    return REPORTS / f"{dataset}.html"


def _cell(folder: Path, dataset: str, strategy: str | None) -> Path:
    return folder / dataset if strategy is None else folder / dataset / strategy


def tracking_root() -> Path:
    """The folder whose mlflow.db is the default tracking store.

    `dvc exp run --temp` works in a copy below `.dvc/tmp/exps` of the repository. Its runs belong in
    the store of the repository itself, where people look.

    Returns
    -------
    Path
        The repository; the working directory where the package is installed without one.
    """
    for parent in REPOSITORY.parents:
        if (
            parent.name == "exps"
            and parent.parent.name == "tmp"
            and parent.parent.parent.name == ".dvc"
        ):
            return parent.parents[2]
    return REPOSITORY if (REPOSITORY / "dvc.yaml").is_file() else Path.cwd()
