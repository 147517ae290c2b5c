"""Stage compare: one leaderboard, one table of decisions and one page over all datasets."""

from __future__ import annotations

from counterpoise.core import config, files, paths
from counterpoise.core.errors import guarded
from counterpoise.engine.stage_inputs import stage
from counterpoise.evaluation import measurements, summary
from counterpoise.evaluation.columns import DECISIONS, EXTRA, LEADERBOARD, MEASURED
from counterpoise.report import overview, page, ranks_section


def main() -> None:
    """Join the tables of all datasets, and write headline numbers and the overview page."""
    # before `stage` records the state of the folders that this stage depends on
    overview.remove_leftovers(config.load())
    with stage("compare", __doc__, of_dataset=False) as (params, _):
        boards, decisions, facts = {}, [], []
        for name in params.datasets:
            folder = paths.evaluation(name)
            facts.append(files.read_json(folder / "dataset.json"))
            decisions.append(files.read_csv(folder / "decisions.csv"))
            boards[name] = measurements.beside(
                files.read_csv(folder / "leaderboard.csv"), measurements.read(name)
            )
        whole = overview.together(list(boards.values()), [*LEADERBOARD, *MEASURED, *EXTRA])
        files.write_csv(paths.REPORTS / "leaderboard.csv", whole)
        files.write_csv(paths.REPORTS / "decisions.csv", overview.together(decisions, DECISIONS))
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
        files.write_text(index, page.of_all(boards, facts, seconds, ranks))
        print(
            f"{len(boards)} datasets, {len(whole)} combinations:"
            f" {paths.REPORTS / 'leaderboard.csv'}, {index}"
        )


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
