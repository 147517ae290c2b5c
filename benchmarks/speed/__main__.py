"""How long the comparison takes: beside a bare script, PyCaret, smote_variants and the work itself.

    python -m benchmarks.speed                       all parts, three rounds
    python -m benchmarks.speed --only grid,overhead  these parts; other figures stay as they are
    python -m benchmarks.speed --quick               minutes, to see that everything works

It measures what is committed, in clones of its own. PyCaret and smote_variants live in environments
that are made once. It writes results.json, results.md and speed.svg. Exit status 1 says that
something asked for could not be measured.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.speed import environments, parts, report, repro
from counterpoise.core import files
from counterpoise.core.errors import CounterpoiseError, guarded

PARTS = ("grid", "noop", "overhead", "samplers")
RESULTS = "results.json"


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        type=_listed(PARTS),
        default=list(PARTS),
        metavar="PARTS",
        help=f"some of {', '.join(PARTS)}, separated by commas",
    )
    parser.add_argument(
        "--rounds", type=_count, default=3, help="rounds of the grid and of nothing changed (3)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small grids and tables and one round, to see that everything works",
    )
    parser.add_argument(
        "--without",
        type=_listed((parts.PYCARET, parts.SMOTE_VARIANTS)),
        default=[],
        metavar="WHO",
        help="leave out pycaret, smote_variants or both",
    )
    parser.add_argument(
        "--rows",
        type=lambda text: [_count(part) for part in text.split(",")],
        metavar="ROWS",
        help="rows of the large tables, separated by commas (10000,100000,228000,1000000)",
    )
    parser.add_argument(
        "--out", type=Path, help="folder of the figures (benchmarks/speed, with --quick its .quick)"
    )
    return parser.parse_args(given)


def _listed(allowed: tuple[str, ...]) -> Any:
    def parse(text: str) -> list[str]:
        asked = text.split(",")
        if unknown := [name for name in asked if name not in allowed]:
            raise argparse.ArgumentTypeError(
                f"there is no {unknown[0]!r}; there are {', '.join(allowed)}"
            )
        return asked

    return parse


def _count(text: str) -> int:
    if not text.strip().isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def main() -> int:
    asked = arguments()
    out = asked.out or environments.HERE / (".quick" if asked.quick else "")
    out.mkdir(parents=True, exist_ok=True)
    rounds = 1 if asked.quick else asked.rounds
    results: report.Results = files.read_json(out / RESULTS) if (out / RESULTS).is_file() else {}
    if asked.quick:
        results["quick"] = True
    if repro.commit()[1]:
        print(
            "note: there are uncommitted changes; what is measured is the last commit",
            file=sys.stderr,
        )

    def keep(name: str, section: Any) -> None:
        results[name] = section
        files.write_json(out / RESULTS, results)
        files.write_text(out / "results.md", report.table(results))
        report.plot(results, out / "speed.svg")

    def keep_rows(entry: parts.Section) -> None:
        others = [one for one in results.get("overhead", []) if one["rows"] != entry["rows"]]
        keep("overhead", sorted([*others, entry], key=lambda one: int(one["rows"])))

    def grid() -> None:
        keep("grid", parts.grid(rounds, quick=asked.quick, without=asked.without))

    run = {
        "grid": grid,
        "noop": lambda: keep("noop", parts.again(rounds, quick=asked.quick)),
        "overhead": lambda: parts.large(
            asked.rows or ([5_000] if asked.quick else parts.ROWS), keep_rows
        ),
        "samplers": lambda: keep("samplers", parts.samplers(out)),
    }
    failed = False
    for name in asked.only:
        print(f"{name}:", flush=True)
        try:
            run[name]()
        except CounterpoiseError as error:  # the other parts are measured all the same
            print(f"\nerror: {error}", file=sys.stderr, flush=True)
            failed = True
    left_out = set(results.get("grid", {}).get("left_out", ())) - set(asked.without)
    if (out / "results.md").is_file():
        print(f"\n{(out / 'results.md').read_text()}")
    return int(failed or ("grid" in asked.only and bool(left_out)))


if __name__ == "__main__":
    raise SystemExit(guarded(main, bring_back=False)())
