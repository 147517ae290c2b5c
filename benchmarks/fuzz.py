"""Feed broken tables and parameters to the readers: the answer is a table or a message.

    python -m benchmarks.fuzz --minutes 10

Tables are made in random notations, layouts and encodings and then damaged: bytes changed, lines
cut, fields moved. params.yaml is damaged likewise. Anything but a table, valid parameters or an
error with a message is printed with its seed, which makes the same input again (`--seed`).
"""

from __future__ import annotations

import argparse
import random
import time
import traceback
from pathlib import Path

from counterpoise.core import config, yaml12
from counterpoise.core.config import Dataset
from counterpoise.core.errors import ConfigurationError, CounterpoiseError
from counterpoise.core.paths import REPOSITORY
from counterpoise.data.reading import files, table
from counterpoise.data.reading.files import Options

MAX_SECONDS = 20
"""An input that takes longer hangs."""

WORDS = ["NA", "?", "", "none", "1,5", "1.234,5", "$3", "12%", "2020-01-01", "31/12/2020", "true"]
WORDS += [
    "007",
    "1e5",
    "inf",
    "-",
    "a b",
    'x"y',
    "\u00e9\u00e8",
    "\u4e2d",
    "\U0001f600",
    "(5)",
    "=1+1",
]


def table_of(chance: random.Random) -> bytes:
    """A table of random columns, as bytes."""
    rows, columns = chance.randint(0, 60), chance.randint(1, 6)
    separator = chance.choice([",", ";", "\t", "|", " "])
    lines = [separator.join([*(f"c{k}" for k in range(columns)), "y"])]
    kinds = [chance.choice(["number", "word", "mixed", "date"]) for _ in range(columns)]
    for _ in range(rows):
        cells = []
        for kind in kinds:
            if kind == "number" or (kind == "mixed" and chance.random() < 0.8):
                cells.append(f"{chance.gauss(0, 100):.{chance.randint(0, 4)}f}")
            elif kind == "date":
                day, month = chance.randint(1, 28), chance.randint(1, 12)
                cells.append(f"{day:02d}/{month:02d}/2021")
            else:
                cells.append(chance.choice(WORDS))
        cells.append(chance.choice(["yes", "no", "no", "no"]))
        lines.append(separator.join(f'"{c}"' if chance.random() < 0.2 else c for c in cells))
    text = chance.choice(["\n", "\r\n", "\r"]).join(lines)
    return text.encode(chance.choice(["utf-8", "utf-16", "utf-8-sig", "utf-7"]), "replace")


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The same with some bytes or lines changed, left out, doubled or moved."""
    data = bytearray(content)
    for _ in range(chance.choice([0, 0, 1, 2, 5, 30])):
        if not data:
            break
        at = chance.randrange(len(data))
        change = chance.randrange(5)
        if change == 0:
            data[at] = chance.randrange(256)
        elif change == 1:
            del data[at : at + chance.randint(1, 20)]
        elif change == 2:
            data[at:at] = chance.choice([b"\n", b'"', b",", b";", b"\x00", b"\xff", b"\n\n"])
        elif change == 3:
            data[at:at] = data[at : at + 40]
        else:
            data = data[at:] + data[:at]
    return bytes(data)


def read(content: bytes) -> None:
    """Read a table whole, as `fetch` does."""
    raw = files.read(content, "text", Options(columns=("y",)), "fuzz.csv")
    entry = Dataset(path="fuzz.csv", target="y", positive="yes")
    table.typed(raw.frame, entry, "fuzz.csv")


def parse(content: bytes) -> None:
    """Read parameters, as every stage does."""
    try:
        text = content.decode("utf-8")
        config.parse(yaml12.load(text), "params.yaml", text)
    except (UnicodeDecodeError, yaml12.InvalidYaml) as error:
        raise ConfigurationError("params.yaml is not valid.", found=str(error)) from None


def main() -> int:
    """Fuzz for some minutes.

    Returns
    -------
    int
        The exit status: 1 where some input was answered by anything but a result or a message.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    params = Path(REPOSITORY / "params.yaml").read_bytes()
    end, seed, read_well, wrong = time.monotonic() + 60 * arguments.minutes, arguments.seed, 0, 0
    while time.monotonic() < end:
        chance = random.Random(seed)  # noqa: S311
        is_table = chance.random() < 0.8
        content = damaged(table_of(chance) if is_table else params, chance)
        start = time.monotonic()
        try:
            (read if is_table else parse)(content)
            read_well += 1
        except CounterpoiseError as error:
            if not str(error).strip():
                print(f"seed {seed}: an error without a message")
                wrong += 1
        except Exception:
            print(f"seed {seed}:\n{traceback.format_exc()}")
            wrong += 1
        if time.monotonic() - start > MAX_SECONDS:
            print(f"seed {seed}: took {time.monotonic() - start:.0f} s")
            wrong += 1
        seed += 1
    print(f"{seed - arguments.seed:,} inputs, {read_well:,} read, {wrong} wrong answers")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
