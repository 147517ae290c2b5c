"""Stage report: a dataset's page, one file that needs nothing else; its pictures as files; the tables of its DVC plots."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
from tqdm import tqdm

from stages import files, parallel, paths
from stages.errors import guarded
from stages.parallel import Killed
from stages.stage_inputs import stage
from stages.verdict import figures, headline, measured, page, shown
from stages.verdict.columns import CONFUSION
from stages.verdict.shown import Drawing
from stages.verdict.trials import best_trials

TABLES = (
    "leaderboard", "decisions", "grouped", "thresholds", "curves", "counts", "reliability", "histograms", "learning",
    "trials", "rows",
)  # fmt: skip
"""What a page is made of, of what `evaluate` wrote."""

SIDES = {"raw": "probabilities as the models give them", "corrected": "probabilities put right"}
"""The sides of reliability, each with a picture of all strategies."""


def of_best(board: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table that belong to the best model of each strategy."""
    found = [headline.best(rows) for _, rows in board.groupby("strategy", sort=False)]
    return shown.of_cells(table, [(best.strategy, best.model) for best in found if best is not None])


def precision_recall(board: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """For each strategy the precision-recall curve of its best model."""
    mine = of_best(board, curves[curves["curve"] == "precision_recall"]).rename(
        columns={"x": "recall", "y": "precision"}
    )
    return mine[["strategy", "model", "recall", "precision"]]


def reliability(board: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """For each strategy what the corrected probabilities of its best model promise, and what is observed."""
    mine = of_best(board, points[points["side"] == "corrected"])
    return mine[["strategy", "model", "mean_probability", "observed", "rows"]]


def confusion(board: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """For each strategy the decisions of its best model, one row a count, at each threshold policy."""
    mine = of_best(board, decisions[decisions["tn"].notna()])
    rows: list[dict[str, Any]] = []
    for entry in mine.to_dict("records"):
        cell = f"{entry['strategy']}/{entry['model']}, {entry['policy']}"
        classes = itertools.product(("negative", "positive"), repeat=2)  # in the order of CONFUSION
        for (actual, predicted), name in zip(classes, CONFUSION, strict=True):
            rows.append({"actual": actual, "predicted": predicted, "count": int(entry[name]), "cell": cell})
    return pd.DataFrame(rows, columns=["actual", "predicted", "count", "cell"])


@dataclass(frozen=True)
class Picture:
    """A picture, and whether it goes into the page, into a file of its own, or both."""

    draw: Drawing
    page: bool = True
    file: bool = True


def drawn(named: tuple[str, Picture]) -> tuple[str, bytes]:
    """A picture for the page and for a file; drawn once, and empty where it is not wanted."""
    _, picture = named
    figure = picture.draw()
    return figures.svg(figure) if picture.page else "", figures.png(figure) if picture.file else b""


def pictures_of(name: str, tables: Mapping[str, pd.DataFrame], facts: Mapping[str, Any]) -> dict[str, Picture]:
    """The pictures of a dataset, by name."""
    curves, points = tables["curves"], tables["reliability"]
    found = {title: Picture(draw) for title, draw in shown.pictures(name, tables, facts)}
    for side, told in SIDES.items():
        mine = points[points["side"] == side]
        if not mine.empty:
            draw = partial(figures.reliability_overlay, mine, figures.looks(curves), title=f"{name}: {told}")
            found[f"reliability_{side}"] = Picture(draw, file=False)
    return found | {title: Picture(draw, page=False) for title, draw in shown.matrices(name, tables["decisions"])}


def made(
    name: str, tables: Mapping[str, pd.DataFrame], facts: Mapping[str, Any], seconds: Mapping[str, Any]
) -> tuple[str, dict[str, bytes]]:
    """A dataset's page, which says what the results are, with pictures of them; and the pictures for files, by name."""
    wanted = pictures_of(name, tables, facts)
    done = parallel.side_by_side(drawn, wanted.items())
    bar = tqdm(done, total=len(wanted), desc=f"report {name}", unit="picture", disable=None)
    pictures = {job[0]: drawn(job) if isinstance(made, Killed) else made for job, made in bar}
    seen, strategies = figures.looks(tables["curves"]), tables["curves"]["strategy"].unique()
    toggles = {str(strategy): figures.swatch(seen.get(strategy)) for strategy in strategies}
    means, best = figures.mean_counts(tables["counts"]), best_trials(tables["trials"])
    on_page = {title: svg for title in wanted if (svg := pictures[title][0])}
    text = page.of_dataset(tables, means, best, facts, seconds, on_page, toggles)
    return text, {title: png for title in wanted if (png := pictures[title][1])}


def main() -> None:
    with stage("report", __doc__) as (_, name):
        folder = paths.evaluation(name)
        tables = {table: files.read_csv(folder / f"{table}.csv") for table in TABLES}
        facts = files.read_json(folder / "dataset.json")
        cells = tables["leaderboard"][["strategy", "model"]]
        seconds = measured.for_page(measured.beside(cells, measured.read(name)), ["strategy", "model"])
        text, pictures = made(name, tables, facts, seconds)
        files.write_text(paths.page(name), text)
        for title, content in pictures.items():
            with files.replacing(paths.pictures(name) / f"{title}.png") as file:
                file.write(content)
        board, plots = tables["leaderboard"], paths.plots(name)
        files.write_csv(plots / "precision_recall.csv", precision_recall(board, tables["curves"]))
        files.write_csv(plots / "reliability.csv", reliability(board, tables["reliability"]))
        files.write_csv(plots / "confusion.csv", confusion(board, tables["decisions"]))
        print(f"{name}: {paths.page(name)}, {len(text.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
