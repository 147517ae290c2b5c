"""Chart of the training rows in two dimensions: kept, repeated, removed and synthetic ones.

Thousands of marks must not make a page large. All marks of one kind, class and size are therefore
one path of short lines, whose round caps appear as dots. One element per mark would take four times
the bytes for the same image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from counterpoise.report import charts
from counterpoise.report.charts import BETTER, PALETTE, QUIET, WORSE

Limits = tuple[tuple[float, float], tuple[float, float]]
"""Ends of the horizontal and of the vertical axis."""

MOST = 12
"""Maximum number of strategies in the chart."""

ROOM = 4_800
"""Maximum number of rows in the chart. More would enlarge the page and overlap."""

OUTERMOST = 0.01
"""Share of a class's original rows that may lie beyond each end of an axis."""

CLASSES = ("negatives", "positives")

GROWING = (2, 3, 5, 9, 17, 33)
"""Numbers of rows at one spot from which on a dot is one size larger."""

SIZE = 0.7
"""Difference between consecutive dot sizes, in points."""


class Mark(NamedTuple):
    """Style of the rows of one kind: the shape shows the kind, the colour the class."""

    shape: Path
    """In points, relative to the row's coordinates."""
    width: float
    alpha: float
    layer: int
    """Higher layers lie above lower ones; positives lie above negatives of their kind."""
    colours: tuple[str, str] = (BETTER, WORSE)
    grows: bool = False
    """Whether it grows with the number of rows at its spot."""


def _shape(size: float, codes: Sequence[np.uint8], *ends: tuple[float, float]) -> Path:
    return Path(size * np.array(ends, dtype=np.float64), np.array(codes, dtype=np.uint8))


START, LINE, CLOSE = Path.MOVETO, Path.LINETO, Path.CLOSEPOLY
# not quite of length 0, since a PNG would not show it
DOT = _shape(0.01, (START, LINE), (-1, 0), (1, 0))
CROSS = _shape(1.4, (START, LINE) * 2, (-1, -1), (1, 1), (-1, 1), (1, -1))
TRIANGLE = _shape(1.6, (START, LINE, LINE, CLOSE), (-1, -0.75), (0, 1), (1, -0.75), (-1, -0.75))
LIGHTER = (PALETTE[5], PALETTE[1])
"""Colours of synthetic rows."""

MARKS = {
    "kept": (Mark(DOT, 2.2, 0.75, 4, grows=True),),
    "repeated": (Mark(DOT, 3.2, 0.25, 3, grows=True), Mark(DOT, 2.2, 0.75, 5)),
    "removed": (Mark(CROSS, 0.6, 0.6, 1),),
    "synthetic": (Mark(TRIANGLE, 0.6, 0.9, 2, LIGHTER),),
}


def rows_overlay(points: pd.DataFrame, *, title: str, shares: Sequence[float] = ()) -> Figure:
    """Kept, repeated, removed and synthetic rows: one panel per strategy, on the same axes.

    The axes include nearly all original rows of both classes; rows farther out are drawn at the
    edge. Below a strategy's name stands how many rows it changes in total; the chart shows a
    sample.

    Parameters
    ----------
    points : DataFrame of strategy, kind, label, x, y, times, rows, copies
        As `counterpoise.evaluation.projection.project` returns them; of more than 12 strategies the
        first are shown.
    title : str
        Title of the figure.
    shares : sequence of two float, optional
        Share of the variance along each axis.

    Returns
    -------
    Figure
    """
    strategies = charts._order(points, "strategy")
    if not strategies:
        return charts._nothing(title, "No strategy has rows to draw.")
    points = points[points["strategy"].isin(strategies[:MOST])]
    limits = _limits(points)
    drawn = _some(points)
    groups = {str(strategy): mine for strategy, mine in drawn.groupby("strategy", sort=False)}
    changes = {strategy: _changes(mine) for strategy, mine in groups.items()}
    lines = max(map(len, changes.values()))
    looks = [
        (kind, label)
        for label in (0, 1)
        for kind in MARKS
        if ((drawn["kind"] == kind) & (drawn["label"] == label)).any()
    ]
    across = max(4.2, 3.0 * min(3, len(groups)))
    notes = charts._wrapped(
        " ".join(_notes(drawn, limits, len(strategies))), int(across / 0.062), " "
    )
    with charts._style():
        figure, panels = charts._panels(
            list(groups),
            title,
            width=3.0,
            height=2.5 + 0.13 * lines,
            legend=len(looks) + 3 * (1 + notes.count("\n")),
        )
        for panel, (strategy, counts) in zip(panels, changes.items(), strict=True):
            charts._titled(
                panel, charts._wrapped(strategy, 30), counts + [""] * (lines - len(counts))
            )
            panel.set(xlim=limits[0], ylim=limits[1])
            panel.xaxis.set_major_locator(MaxNLocator(5))
            panel.yaxis.set_major_locator(MaxNLocator(5))
        charts._label(
            panels, *(_axis(which, k, shares) for k, which in enumerate(("first", "second")))
        )
        charts._legend(figure, [_handle(*look) for look in looks], panels)
        (legend,) = figure.legends
        legend.set_title(notes, prop=FontProperties(size=7.5))
        legend.get_title().set(color=QUIET, multialignment="center")
        # marks are in points, so the layout must be final before they are drawn
        charts._settled(figure)
        for panel, mine in zip(panels, groups.values(), strict=True):
            _draw(panel, mine, figure.dpi)
        return figure


def _limits(points: pd.DataFrame) -> Limits:
    """Limits of the axes: the range of the original rows of each class without the outermost."""
    rows = points[points["kind"] != "synthetic"]
    rows = (rows if len(rows) else points)[["label", "x", "y"]].drop_duplicates()
    limits = []
    for axis in ("x", "y"):
        ends = [
            mine.quantile(at)
            for _, mine in rows.groupby("label")[axis]
            for at in (OUTERMOST, 1 - OUTERMOST)
        ]
        room = 0.06 * (max(ends) - min(ends)) or 1.0
        limits.append((float(min(ends) - room), float(max(ends) + room)))
    return limits[0], limits[1]


def _some(points: pd.DataFrame) -> pd.DataFrame:
    """Sample as many rows of each strategy, kind and class as fit, in the order of sampling."""
    groups = points.groupby(["strategy", "kind", "label"], sort=False)
    sizes = groups.size().to_numpy()
    most = next(
        most for most in range(int(sizes.max()), 0, -1) if np.minimum(sizes, most).sum() <= ROOM
    )
    return points[groups.cumcount() < most]


def _changes(points: pd.DataFrame) -> list[str]:
    """Describe how many rows a strategy removes and adds; if none, how many there are."""
    total = {
        (row["kind"], row["label"]): (row["rows"], row["copies"] - row["rows"])
        for row in (
            points.drop_duplicates(["kind", "label"])
            .sort_values("label", kind="stable")
            .to_dict("records")
        )
    }
    removed = [
        f"\u2212{_named(rows, c)}" for (kind, c), (rows, _) in total.items() if kind == "removed"
    ]
    added = [
        f"+{_named(more, c, 'copied')}"
        for (kind, c), (_, more) in total.items()
        if kind == "repeated"
    ]
    added += [
        f"+{_named(rows, c, 'synthetic')}"
        for (kind, c), (rows, _) in total.items()
        if kind == "synthetic"
    ]
    if not removed and not added:
        return [", ".join(_named(rows, c) for (_, c), (rows, _) in total.items())]
    return [", ".join(removed)] * bool(removed) + added


def _named(rows: int, label: int, which: str = "") -> str:
    name = CLASSES[label].removesuffix("s") if rows == 1 else CLASSES[label]
    return " ".join(filter(None, (f"{rows:,}", which, name)))


def _notes(points: pd.DataFrame, limits: Limits, strategies: int) -> list[str]:
    """Notes below the chart, for readers who see only the image."""
    notes = ["Axes are principal components of the imputed, scaled training rows of one fold."]
    if strategies > MOST:
        notes.append(f"The first {MOST} of {strategies} strategies are shown.")
    sizes = points.groupby(["strategy", "kind", "label"], sort=False)["rows"].agg(["size", "first"])
    if (sizes["size"] < sizes["first"]).any():
        notes.append(
            f"At most {sizes['size'].max():,} rows of a strategy, kind and class are drawn."
        )
    halo = (
        ", a halo the more often a row is repeated" if (points["kind"] == "repeated").any() else ""
    )
    notes.append(f"A dot is larger where several rows lie{halo}.")
    (left, right), (low, high) = limits
    if not (points["x"].between(left, right) & points["y"].between(low, high)).all():
        notes.append("Rows farther out lie at the edge.")
    return notes


def _axis(which: str, k: int, shares: Sequence[float]) -> str:
    return f"{which} axis" + (f", {100 * shares[k]:.0f} % of variance" if len(shares) else "")


def _draw(panel: Axes, points: pd.DataFrame, dpi: float) -> None:
    """Draw the rows of one strategy, all with the same style as one path."""
    (left, right), (low, high) = panel.get_xlim(), panel.get_ylim()
    point = np.array([right - left, high - low]) / panel.bbox.size * dpi / 72
    corner = np.array([left, low])
    for (kind, label), mine in points.groupby(["kind", "label"], sort=True):
        coordinates = np.clip(mine[["x", "y"]].to_numpy(dtype=np.float64), corner, [right, high])
        # rows within a tenth of a point of each other are indistinguishable: one mark for them
        spots, which = np.unique(
            np.round((coordinates - corner) / point, 1), axis=0, return_inverse=True
        )
        rows = np.bincount(which.reshape(-1), weights=np.maximum(mine["times"].to_numpy(), 1))
        for mark in MARKS[str(kind)]:
            sizes = np.searchsorted(GROWING, rows, side="right") * mark.grows
            for size in np.unique(sizes):
                at = spots[sizes == size]
                ends = (at[:, None, :] + mark.shape.vertices) * point + corner
                path = Path(ends.reshape(-1, 2), np.tile(np.asarray(mark.shape.codes), len(at)))
                path.should_simplify = False  # simplification would drop dots
                panel.add_patch(_patch(path, mark, cast(int, label), mark.width + SIZE * size))


def _patch(path: Path, mark: Mark, label: int, width: float) -> PathPatch:
    return PathPatch(
        path,
        fill=False,
        edgecolor=mark.colours[label],
        alpha=mark.alpha,
        linewidth=width,
        capstyle="round",
        snap=False,
        clip_on=False,
        zorder=2 + 0.1 * mark.layer + 0.05 * label,
    )


def _handle(kind: str, label: int) -> Line2D:
    colour = MARKS[kind][0].colours[label]
    looks: dict[str, dict[str, Any]] = {
        "kept": {"marker": "o", "markersize": 3.5, "alpha": 0.75},
        "repeated": {
            "marker": "o",
            "markersize": 6.5,
            "markeredgewidth": 3,
            "markeredgecolor": (colour, 0.3),
        },
        "removed": {"marker": "x", "markersize": 4, "markeredgewidth": 0.7, "alpha": 0.7},
        "synthetic": {
            "marker": "^",
            "markersize": 4.5,
            "markeredgewidth": 0.8,
            "markerfacecolor": "none",
        },
    }
    return Line2D(
        [], [], linestyle="", color=colour, label=f"{kind} {CLASSES[label]}", **looks[kind]
    )
