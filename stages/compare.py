"""Stage compare: the leaderboard and the decisions of all datasets, headline numbers, and the page
over all of them."""

from __future__ import annotations

import shutil

import pandas as pd

from counterpoise.core import config, files, paths
from counterpoise.core.config import Params
from counterpoise.core.errors import guarded
from counterpoise.engine.stage_inputs import stage
from counterpoise.evaluation import measurements, summary
from counterpoise.evaluation.columns import DECISIONS, EXTRA, LEADERBOARD, MEASURED
from counterpoise.report import page, ranks_section


def remove_leftovers(params: Params) -> None:
    """Remove what a dataset that is no longer in params.yaml left behind.

    DVC keeps the outs of a stage that is gone. The two folders are dependencies, so a leftover
    would go into their hash, which a colleague who never had it cannot match; and a page that
    nothing links to and nothing renews only misleads.
    """
    for folder in (paths.DATA / "evaluations", paths.DATA / "measured"):
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in params.datasets:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in paths.REPORTS.glob("*.html"):
        if path.stem not in {*params.datasets, "index"} and page.is_ours(path):
            path.unlink()


def together(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """The rows of several tables under the columns of the contract; a column keeps its kind where
    one table has no value."""
    counted = {"rows", "folds", "trials", "tn", "fp", "fn", "tp", "peak_bytes"}
    kinds = {name: "Int64" if name in counted else "object" for name in columns}
    stacked = pd.concat([table[columns].astype(kinds) for table in tables], ignore_index=True)
    numbers = [name for name in columns if name not in counted | TEXTS]
    return stacked.astype(dict.fromkeys(numbers, "float64"))


TEXTS = {
    "dataset",
    "strategy",
    "model",
    "policy",
    "status",
    "reason",
    "notes",
    "level",
    "correction",
    "plain_model",
    "verdict",
}


def main() -> None:
    remove_leftovers(config.load())  # first, since they lie in folders that this stage depends on
    with stage("compare", __doc__, of_dataset=False) as (params, _):
        boards, decisions, facts = {}, [], []
        for name in params.datasets:
            folder = paths.evaluation(name)
            facts.append(files.read_json(folder / "dataset.json"))
            decisions.append(files.read_csv(folder / "decisions.csv"))
            boards[name] = measurements.beside(
                files.read_csv(folder / "leaderboard.csv"), measurements.read(name)
            )
        whole = together(list(boards.values()), [*LEADERBOARD, *MEASURED, *EXTRA])
        files.write_csv(paths.REPORTS / "leaderboard.csv", whole)
        files.write_csv(paths.REPORTS / "decisions.csv", together(decisions, DECISIONS))
        files.write_json(
            paths.REPORTS / "metrics.json",
            {
                name: summary.numbers(boards[name], d, f)
                for name, d, f in zip(boards, decisions, facts, strict=True)
            },
        )
        seconds = measurements.for_page(whole, ["dataset", "strategy", "model"])
        ranks = ranks_section.section(whole)
        index = paths.REPORTS / "index.html"
        files.write_text(index, page.of_all(boards, decisions, facts, seconds, ranks))
        print(
            f"{len(boards)} datasets, {len(whole)} cells: {paths.REPORTS / 'leaderboard.csv'},"
            f" {index}"
        )


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
