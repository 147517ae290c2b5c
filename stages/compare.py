"""Stage compare: one leaderboard, one table of decisions and one page over all datasets."""

from __future__ import annotations

import shutil

from counterpoise.core import config, files, paths
from counterpoise.core.errors import guarded
from counterpoise.engine.stage_inputs import stage
from counterpoise.evaluation import measurements, summary
from counterpoise.evaluation.columns import DECISIONS, EXTRA, LEADERBOARD
from counterpoise.report import index_page, overview


def main() -> None:
    """Join the tables of all datasets, and write headline numbers and the overview page."""
    # before `stage` records the state of the folders that this stage depends on
    overview.remove_leftovers(config.load())
    with stage("compare", __doc__, of_dataset=False) as (params, _):
        boards, decisions, facts = {}, {}, {}
        measured: dict[str, dict[str, float]] = {}
        # a dataset that is no longer compared leaves nothing behind
        shutil.rmtree(paths.REPORTS / "metrics", ignore_errors=True)
        for name in params.datasets:
            folder = paths.evaluation(name)
            facts[name] = files.read_json(folder / "dataset.json")
            decisions[name] = files.read_csv(folder / "decisions.csv")
            boards[name] = files.read_csv(folder / "leaderboard.csv")
            # seconds are no results: they stand on the page and in MLflow, never in git
            seconds = measurements.beside(boards[name], measurements.read(name))
            measured |= measurements.for_page(seconds, ["dataset", "strategy", "model"])
            files.write_json(
                paths.REPORTS / "metrics" / f"{name}.json",
                summary.numbers(boards[name], decisions[name], facts[name]),
            )
        whole = overview.together(list(boards.values()), [*LEADERBOARD, *EXTRA])
        files.write_csv(paths.REPORTS / "leaderboard.csv", whole)
        files.write_csv(
            paths.REPORTS / "decisions.csv", overview.together(list(decisions.values()), DECISIONS)
        )
        index = paths.REPORTS / "index.html"
        files.write_text(index, index_page.render(boards, decisions, facts, measured))
        print(
            f"{len(boards)} datasets, {len(whole)} combinations:"
            f" {paths.REPORTS / 'leaderboard.csv'}, {index}"
        )


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
