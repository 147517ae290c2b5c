"""Score the rows of a CSV or Parquet file with a champion.

    python -m counterpoise score churn new.csv scored.csv --keep customer
    python -m counterpoise score models:/counterpoise-churn/3 new.parquet scored.parquet
    python -m counterpoise score ./downloaded-model new.csv scored.csv

The output has a probability and a decision for each row, in the order of the input. The file is
read and written in batches: any number of rows takes the memory of a few thousand. The output
appears when all rows are scored, and not at all if a value is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from counterpoise.tracking import store

# pandas and mlflow take seconds to import. They are imported after the command line is parsed, so
# that a mistake in it is reported at once.


def main() -> int:
    """Read the command line and score a file.

    Returns
    -------
    int
        The exit status, 0; every failure is an exception.
    """
    parser = argparse.ArgumentParser(
        prog="python -m counterpoise score",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "champion", help="a dataset, for its champion; or models:/NAME@ALIAS; or a model's folder"
    )
    parser.add_argument(
        "input", type=Path, help="a .csv or .parquet file with the columns that the model needs"
    )
    parser.add_argument("output", type=Path, help="a .csv or .parquet file, which is written")
    parser.add_argument(
        "--keep",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns of the input to write before `probability` and `decision`",
    )
    arguments = parser.parse_args()
    from counterpoise.champion.bundle import Champion
    from counterpoise.champion.scoring import score_file
    from counterpoise.tracking import registry

    with tempfile.TemporaryDirectory(prefix="counterpoise-") as folder:
        if Path(arguments.champion).is_dir():
            place = registry.inside(Path(arguments.champion))
        else:
            named = arguments.champion.startswith("models:/")
            uri = (
                arguments.champion
                if named
                else f"models:/{registry.name_of(arguments.champion)}@{registry.ALIAS}"
            )
            place = registry.fetch(uri, store.chosen(os.environ), Path(folder))
        champion = Champion.load(place)
    result = score_file(champion, arguments.input, arguments.output, arguments.keep)
    if result.left_out:
        print(f"left out: {', '.join(result.left_out)}", file=sys.stderr)
    for message in result.notes.messages:
        print(f"warning: {message}", file=sys.stderr)
    print(
        f"{arguments.output}: {result.rows:,} rows scored by {champion.identity.cell} of"
        f" {champion.identity.dataset}, {result.positive:,} decided positive"
    )
    return 0
