"""The figures as a table and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.speed import machine
from benchmarks.speed.overhead import LIKE_THE_GRID
from benchmarks.speed.parts import (
    BARE,
    BARE_SHARED,
    CONTENDERS,
    FLOOR,
    PYCARET,
    PYCARET_TRACKED,
    REPRO,
    SMOTE_VARIANTS,
    median,
)
from counterpoise.core import files

Results = dict[str, Any]
"""The content of results.json: a section for each part that was run."""

NAMES = {
    REPRO: "dvc repro",
    BARE: "bare script",
    FLOOR: "floor: CPU of the work over the cores",
    PYCARET: "PyCaret",
    PYCARET_TRACKED: "PyCaret, logging to MLflow",
    SMOTE_VARIANTS: "smote_variants",
    BARE_SHARED: "bare script",
}
SHARED = (SMOTE_VARIANTS, BARE_SHARED)


class Limit(NamedTuple):
    """What was promised, and what was found."""

    what: str
    found: float
    limit: float
    unit: str
    least: float = 0.0
    """Less than this says that the measuring went wrong."""

    @property
    def held(self) -> bool:
        return self.least <= self.found <= self.limit


def ratio(
    rounds: Sequence[dict[str, Any]], who: str, whose: str, key: str = "seconds"
) -> float | None:
    """The median over the rounds of two contenders' ratio in the same round; None where one is left
    out."""
    pairs = [one[who]["seconds"] / one[whose][key] for one in rounds if who in one and whose in one]
    return median(pairs) if pairs else None


def limits(results: Results) -> list[Limit]:
    """Everything promised that the results tell of."""
    found = []
    if "grid" in results:
        rounds = results["grid"]["rounds"]
        for whose, limit in ((BARE, 1.5), (PYCARET, 0.5)):
            value = ratio(rounds, REPRO, whose)
            if value is not None:
                found.append(Limit(f"grid: dvc repro / {NAMES[whose]}", value, limit, "times"))
    for entry in results.get("overhead", []):
        if entry["rows"] == LIKE_THE_GRID:
            what = f"{entry['rows']:,} rows: dvc repro / (resample + fit + predict over the cores)"
            found.append(Limit(what, over_work(entry), 1.1, "times"))
    if "noop" in results:
        section = results["noop"]
        found += [
            Limit(
                "default grid: nothing changed",
                median([one["seconds"] for one in section["same"]]),
                4,
                "s",
            ),
            Limit(
                "default grid: fits after one changed model",
                section["model"]["fits"],
                section["model"]["expected_fits"],
                "fits",
                least=1,
            ),
            Limit(
                "default grid: fits after one changed threshold",
                section["threshold"]["fits"],
                0,
                "fits",
            ),
            Limit("default grid: on disk", sum(section["first"]["disk"].values()) / 1e9, 1, "GB"),
        ]
    return found


def over_work(entry: dict[str, Any]) -> float:
    """Wall seconds beside the measured work over the cores."""
    return float(entry["seconds"] / (sum(entry["measured"].values()) / entry["machine"]["cores"]))


def table(results: Results) -> str:
    """The text of results.md."""
    text = [
        "# How long it takes",
        "",
        "`python -m benchmarks.speed` makes this page; ../README.md says how to read it.",
        "",
    ]
    if results.get("quick"):
        text += [
            "A quick look, which shows that everything works: its figures are of no worth.",
            "",
        ]
    elif found := limits(results):
        lines = [
            [
                one.what,
                f"at most {one.limit:g} {one.unit}",
                f"{one.found:.3g} {one.unit}",
                "held" if one.held else "not held",
            ]
            for one in found
        ]
        text += [*markdown(["promised", "limit", "found", ""], lines), ""]
    if "grid" in results:
        text += _grid(results["grid"])
    if "noop" in results:
        text += _again(results["noop"])
    if "overhead" in results:
        text += _large(results["overhead"])
    for name, printed in results.get("samplers", {}).get("printed", {}).items():
        text += [
            f"## {name}",
            "",
            machine.sentence(results["samplers"]["machine"]),
            "",
            "```",
            *printed,
            "```",
            "",
        ]
    return "\n".join(text)


def _grid(section: dict[str, Any]) -> list[str]:
    rounds, rows = section["rounds"], []
    for who in CONTENDERS:
        mine = [one[who] for one in rounds if who in one]
        if not mine:
            continue
        shared = who in SHARED
        fits = section["shared_fits"] if shared else section["fits"]
        rows.append(
            [
                f"{NAMES[who]}, {fits} fits",
                _seconds(mine, "seconds"),
                _seconds(mine, "cpu_seconds"),
                _times(ratio(rounds, who, BARE_SHARED if shared else BARE)),
                _times(ratio(rounds, who, FLOOR, "shared_seconds" if shared else "seconds")),
                f"{max(one['peak_bytes'] for one in mine) / 1e6:,.0f}",
                f"{section['differences'][who]:.4f}" if who in section["differences"] else "",
            ]
        )
    last = [one[REPRO] for one in rounds]
    stages = {
        name: median([one["stages"].get(name, 0.0) for one in last]) for name in last[0]["stages"]
    }
    slowest = sorted(stages, key=lambda name: -stages[name])
    work = median([sum(one["measured"].values()) for one in last])
    return [
        "## The grid",
        "",
        (
            f"{machine.sentence(section['machine'])} Rounds: {len(rounds)}; figures are medians,"
            " ratios paired in a round."
        ),
        "",
        *markdown(
            [
                "what",
                "seconds",
                "CPU seconds",
                "to the bare script",
                "to the floor",
                "peak memory, MB",
                "largest difference of an average precision to the bare script's",
            ],
            rows,
        ),
        "",
        *[f"{NAMES[who]} is not in it: {why}" for who, why in section["left_out"].items()],
        "Seconds of `dvc repro` by stage: "
        + ", ".join(f"{name} {stages[name]:.1f}" for name in slowest)
        + f". Its stages measured {work:.1f} s of resampling, fitting and predicting.",
        "",
    ]


def _again(section: dict[str, Any]) -> list[str]:
    first, model, threshold = section["first"], section["model"], section["threshold"]
    rows = [
        [
            "from nothing",
            f"{first['seconds']:.1f}",
            str(first["fits"]),
            f"{first['peak_bytes'] / 1e6:,.0f}",
        ],
        [
            "nothing changed",
            _seconds(section["same"], "seconds"),
            "0",
            f"{max(one['peak_bytes'] for one in section['same']) / 1e6:,.0f}",
        ],
        *(
            [
                what,
                f"{one['seconds']:.1f}",
                f"{one['fits']} of at most {one['expected_fits']}",
                f"{one['peak_bytes'] / 1e6:,.0f}",
            ]
            for what, one in (("one changed model", model), ("one changed threshold", threshold))
        ),
    ]
    disk = ", ".join(f"{place} {size / 1e6:,.0f}" for place, size in first["disk"].items())
    return [
        "## The default grid, from nothing and again",
        "",
        machine.sentence(section["machine"]),
        "",
        *markdown(["`dvc repro`", "seconds", "fits", "peak memory, MB"], rows),
        "",
        f"On disk, MB: {disk}; {sum(first['disk'].values()) / 1e6:,.0f} in all.",
        "",
    ]


def _large(entries: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        [
            f"{entry['rows']:,}",
            f"{entry['seconds']:.1f}",
            str(entry["fits"]),
            f"{sum(entry['measured'].values()):.1f}",
            _times(over_work(entry)),
            f"{entry['peak_bytes'] / 1e6:,.0f}",
            f"{sum(entry['disk'].values()) / 1e6:,.0f}",
            entry["machine"]["commit"],
        ]
        for entry in entries
    ]
    return [
        "## Large tables",
        "",
        machine.sentence(entries[-1]["machine"]),
        "",
        *markdown(
            [
                "rows of 30 columns",
                "seconds",
                "fits",
                "seconds of resampling, fitting and predicting",
                "wall to these over the cores",
                "peak memory, MB",
                "disk, MB",
                "commit",
            ],
            rows,
        ),
        "",
    ]


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *rows)]


def _seconds(entries: Sequence[dict[str, Any]], key: str) -> str:
    return f"{median([entry[key] for entry in entries]):.1f}"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


INK, OURS, THEIRS, QUIET = "#1f2933", "#0b6e99", "#9aa5b1", "#c8553d"


def plot(results: Results, path: Path) -> None:
    """Bars of the grid and of the large tables, those that there are, as SVG with the same bytes
    for the same figures."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawn = [name for name in ("grid", "overhead") if results.get(name)]
    if not drawn:
        return
    style = {
        "svg.hashsalt": "speed",
        "svg.fonttype": "path",
        "font.size": 10,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with rc_context(style):
        figure = Figure(figsize=(6.4 * len(drawn), 3.6), layout="constrained")
        FigureCanvasSVG(figure)
        for axes, name in zip(figure.subplots(1, len(drawn), squeeze=False)[0], drawn, strict=True):
            (_draw_grid if name == "grid" else _draw_large)(axes, results[name])
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as file:
            figure.savefig(file, format="svg", metadata={"Date": None})


def _draw_grid(axes: Any, section: dict[str, Any]) -> None:
    rounds = section["rounds"]
    shown = [who for who in CONTENDERS if who != FLOOR and who in rounds[0]]
    names, at = [], range(len(shown))
    for place, who in zip(at, shown, strict=True):
        seconds = [one[who]["seconds"] for one in rounds]
        fits = section["shared_fits"] if who in SHARED else section["fits"]
        names.append(f"{NAMES[who]}\n{fits} fits")
        axes.barh(place, median(seconds), height=0.6, color=OURS if who == REPRO else THEIRS)
        axes.plot(seconds, [place] * len(seconds), "o", color=INK, markersize=3, alpha=0.6)
        axes.annotate(
            f"{median(seconds):.0f} s",
            (max(seconds), place),
            (8, 0),
            textcoords="offset points",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    low = median([one[FLOOR]["seconds"] for one in rounds])
    axes.axvline(low, color=QUIET, linestyle="--", linewidth=1)
    axes.set_title(f"The grid; dashed: the floor, {low:.0f} s", loc="left", fontsize=10)
    axes.set_yticks(at, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(one[who]["seconds"] for one in rounds for who in shown))
    axes.set_xlabel("seconds; a point a round")


def _draw_large(axes: Any, entries: Sequence[dict[str, Any]]) -> None:
    at = range(len(entries))
    axes.bar(at, [over_work(entry) for entry in entries], width=0.6, color=OURS)
    for place, entry in zip(at, entries, strict=True):
        axes.text(
            place,
            over_work(entry),
            f"{over_work(entry):.2f}\n{entry['seconds']:.0f} s",
            ha="center",
            va="bottom",
        )
    axes.axhline(1, color=QUIET, linestyle="--", linewidth=1)
    axes.set_title("dvc repro beside its own fits over the cores (dashed)", loc="left", fontsize=10)
    axes.set_xticks(at, [f"{entry['rows']:,}" for entry in entries])
    axes.set_ylim(0, 1.25 * max(over_work(entry) for entry in entries))
    axes.set_xlabel("rows of 30 columns")
    axes.set_ylabel("times")
