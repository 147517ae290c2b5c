"""Stage report: a dataset's self-contained page, its pictures, and the tables of its DVC plots."""

from __future__ import annotations

from counterpoise.core import files, paths
from counterpoise.core.errors import guarded
from counterpoise.engine.stage_inputs import stage
from counterpoise.evaluation import measurements
from counterpoise.report import dataset_page, plots


def main() -> None:
    """Write the page, the pictures as files, and the tables for `dvc plots` of one dataset."""
    with stage("report", __doc__) as (_, name):
        folder = paths.evaluation(name)
        tables = {table: files.read_csv(folder / f"{table}.csv") for table in dataset_page.TABLES}
        facts = files.read_json(folder / "dataset.json")
        cells = tables["leaderboard"][["strategy", "model"]]
        measured = measurements.for_page(
            measurements.beside(cells, measurements.read(name)), ["strategy", "model"]
        )
        # a pipeline without the stage advise (benchmarks/imbalanced_learn) has no importance
        advised = paths.DATA / "advised" / name / "importance.csv"
        importance = files.read_csv(advised) if advised.is_file() else None
        text, pictures = dataset_page.render(name, tables, facts, measured, importance)
        files.write_text(paths.page(name), text)
        for title, content in pictures.items():
            with files.replacing(paths.pictures(name) / f"{title}.png") as file:
                file.write(content)
        for title, table in plots.tables(tables).items():
            files.write_csv(paths.plots(name) / f"{title}.csv", table)
        print(f"{name}: {paths.page(name)}, {len(text.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
