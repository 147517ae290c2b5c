"""Draw the README's picture and its table from the committed results: `python -m
docs.make_figures`.

The picture goes to docs/mammography.png; the table replaces what stands between the two markers in
README.md.
"""

from __future__ import annotations

import argparse

import pandas as pd

from counterpoise.core import config, files
from counterpoise.core.paths import REPOSITORY
from counterpoise.report import answer, charts, names, vega

DATASET, MODEL = "mammography", "xgboost"
START, END = "<!-- table: start -->", "<!-- table: end -->"


def table(board: pd.DataFrame, decisions: pd.DataFrame) -> str:
    """The strategies with one model as a Markdown table, best average precision first."""
    board = board[
        (board["dataset"] == DATASET) & (board["model"] == MODEL) & (board["status"] == "ok")
    ]
    mine = decisions[(decisions["dataset"] == DATASET) & (decisions["model"] == MODEL)]
    f1 = mine.pivot(index="strategy", columns="rule", values="f1")
    lines = [
        (
            f"| strategy ({MODEL}) | average precision, 95 % interval | difference to the baseline"
            " | F1 at 0.5 | F1, tuned |"
        ),
        "|---|---|---|---|---|",
    ]
    for row in board.sort_values("average_precision", ascending=False).itertuples():
        interval = (
            f"{row.average_precision:.3f} ({row.average_precision_low:.3f} to"
            f" {row.average_precision_high:.3f})"
        )
        difference = (
            ""
            if pd.isna(row.difference)
            else f"{row.difference:+.3f} ({row.difference_low:+.3f} to {row.difference_high:+.3f})"
        )
        name = str(row.strategy)
        lines.append(
            f"| {name} | {interval} | {difference} | {f1.loc[name, 'half']:.3f} |"
            f" {f1.loc[name, 'tuned']:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Write both."""
    argparse.ArgumentParser(prog="python -m docs.make_figures", description=__doc__).parse_args()
    reports = REPOSITORY / "reports"
    board, decisions = (
        files.read_csv(reports / "leaderboard.csv"),
        files.read_csv(reports / "decisions.csv"),
    )
    readme = REPOSITORY / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    files.write_text(readme, f"{before}{START}\n{table(board, decisions)}\n{END}{after}")
    mine = board[board["dataset"] == DATASET]
    worth = config.load().worth_of(DATASET).average_precision
    of_model = mine[mine["plain_model"] == MODEL]
    named = {cell: names.names(mine)[cell] for cell in answer.in_forest(of_model, len(mine))}
    chart = vega.spec(charts.forest(mine, named, worth))
    with files.replacing(REPOSITORY / "docs" / f"{DATASET}.png") as file:
        file.write(vega.png(chart))


if __name__ == "__main__":
    main()
