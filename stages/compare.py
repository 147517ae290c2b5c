"""Stage compare: one leaderboard, one table of decisions and one page over all datasets."""

from __future__ import annotations

from counterpoise.core import config, files, paths
from counterpoise.core.errors import guarded
from counterpoise.engine.stage_inputs import stage
from counterpoise.evaluation import measurements, summary
from counterpoise.evaluation.columns import DECISIONS, EXTRA, LEADERBOARD, MEASURED
from counterpoise.report import index_page, overview


def main() -> None:
    """Join the tables of all datasets, and write headline numbers and the overview page."""
    # before `stage` records the state of the folders that this stage depends on
    overview.remove_leftovers(config.load())
    with stage("compare", __doc__, of_dataset=False) as (params, _):
        boards, decisions, facts = {}, {}, {}
        for name in params.datasets:
            folder = paths.evaluation(name)
            facts[name] = files.read_json(folder / "dataset.json")
            decisions[name] = files.read_csv(folder / "decisions.csv")
            boards[name] = measurements.beside(
                files.read_csv(folder / "leaderboard.csv"), measurements.read(name)
            )
        whole = overview.together(list(boards.values()), [*LEADERBOARD, *MEASURED, *EXTRA])
        files.write_csv(paths.REPORTS / "leaderboard.csv", whole)
        files.write_csv(
            paths.REPORTS / "decisions.csv", overview.together(list(decisions.values()), DECISIONS)
        )
        files.write_json(
            paths.REPORTS / "metrics.json",
            {name: summary.numbers(boards[name], decisions[name], facts[name]) for name in boards},
        )
        measured = measurements.for_page(whole, ["dataset", "strategy", "model"])
        index = paths.REPORTS / "index.html"
        files.write_text(index, index_page.render(boards, decisions, facts, measured))
        print(
            f"{len(boards)} datasets, {len(whole)} combinations:"
            f" {paths.REPORTS / 'leaderboard.csv'}, {index}"
        )


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
