"""Ranks, pairs and the critical-difference diagram as files, from reports/leaderboard.csv.

    python -m benchmarks.imbalanced_learn.ranks

The same comparisons as in reports/index.html, kept in git: two tables for programs, results.md and
the diagram for people.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from counterpoise.core import files, paths
from counterpoise.core.errors import ResultError, guarded
from counterpoise.evaluation import ranks, summary
from counterpoise.evaluation.ranks import Ranked
from counterpoise.report import charts, ranks_section, vega

DIAGRAM, RESULTS = Path("critical_difference.svg"), Path("results.md")


def average_ranks(found: list[Ranked]) -> pd.DataFrame:
    """One row a comparison and remedy."""
    rows = [
        {
            "comparison": one.name,
            "remedy": name,
            "average_rank": rank,
            "datasets": len(one.ranks),
            "without_result": int(one.missing[name]),
            "critical_difference": one.critical_difference,
            **{f"friedman_{key}": value for key, value in one.friedman._asdict().items()},
        }
        for one in found
        for name, rank in one.average.items()
    ]
    return pd.DataFrame(rows)


def pairs(found: list[Ranked]) -> pd.DataFrame:
    """One row a comparison and pair of remedies."""
    return pd.DataFrame(
        [
            {"comparison": one.name, **asdict(pair), "verdict": pair.verdict}
            for one in found
            for pair in one.pairs
        ]
    )


def told(found: list[Ranked]) -> str:
    """All comparisons in words and tables."""
    parts = [
        "# What the collection says",
        (
            "Made by `python -m benchmarks.imbalanced_learn.ranks`; [README.md](README.md) says how"
            " to read it."
        ),
        f"![Average ranks, {ranks_section.title(found[0])}]({DIAGRAM})",
    ]
    for one in found:
        title = ranks_section.title(one)
        sentences = "\n".join(f"- {sentence}" for sentence in ranks.reading(one))
        parts += [f"## {title[0].upper()}{title[1:]}", sentences, table(one)]
    return "\n\n".join(parts) + "\n"


def table(found: Ranked) -> str:
    """The remedies by rank, and each beside doing nothing."""
    lines = [
        (
            "| remedy | average rank | higher, the same, lower than doing nothing | median"
            " difference | adjusted p |"
        ),
        "|---|---|---|---|---|",
    ]
    for line in ranks_section.lines(found):
        beside = "" if line["wins"] is None else f"{line['wins']}, {line['ties']}, {line['losses']}"
        median = "" if line["median"] is None else summary.signed(line["median"])
        lines.append(
            f"| {line['remedy']} | {line['rank']:.2f} | {beside} | {median} | {line['adjusted']} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Write the tables, the text and the diagram."""
    argparse.ArgumentParser(
        prog="python -m benchmarks.imbalanced_learn.ranks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    board = files.read_csv(paths.REPORTS / "leaderboard.csv")
    found = list(ranks.over_datasets(board))
    if not found:
        raise ResultError(
            "There are too few datasets to rank over.",
            where=str(paths.REPORTS / "leaderboard.csv"),
            expected=f"{ranks.MINIMUM} datasets or more",
            found=f"{board['dataset'].nunique()}",
            todo="add datasets to params.yaml.",
        )
    files.write_csv(paths.REPORTS / "ranks.csv", average_ranks(found))
    files.write_csv(paths.REPORTS / "pairs.csv", pairs(found))
    chart = vega.spec(charts.average_ranks(found[0])) | {"background": "white"}
    files.write_text(DIAGRAM, vega.svg(chart) + "\n")
    files.write_text(RESULTS, told(found))
    for sentence in ranks.reading(found[0]):
        print(sentence)


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
