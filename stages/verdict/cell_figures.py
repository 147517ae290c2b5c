"""The pictures of one cell, for MLflow: what those of many cells have in common is drawn once, and each cell's own over it.

Axes with their numbers, letters and legend take matplotlib ten times as long as the lines in them, and a comparison has
hundreds of cells. A `Ground` is such a picture without a cell, drawn once and kept as pixels; see "Faster rendering by
using blitting" in matplotlib's manual.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image

from stages.verdict import figures
from stages.verdict.figures import HEAT, Curve, Look, _figure, _settled, _style, _wrapped

KEPT = 16
"""Grounds of one kind that are kept: the cells of a dataset need a few."""

ONE_PANEL = 4.4
"""Inches that a picture with one panel is wide."""

TITLE = 10.0
"""Points: small, so that the name of nearly every cell goes on one line and they share a ground."""


class Ground:
    """What pictures have in common, drawn once.

    Parameters
    ----------
    figure : Figure
        With one pair of axes whose limits are set, and a title as long as those to come; it is laid out here.
    """

    def __init__(self, figure: Figure) -> None:
        self._title: Text = figure._suptitle  # type: ignore[attr-defined]  # matplotlib hands out its words alone
        self._title.set_animated(True)  # not drawn with the rest, and yet there is room for it
        figure.set_dpi(figures.DPI)
        self.figure = _settled(figure)
        canvas: Any = FigureCanvasAgg(figure)  # its methods have no types
        canvas.draw()
        self._canvas, self._pixels = canvas, canvas.copy_from_bbox(figure.bbox)

    @contextmanager
    def with_cell(self, title: str, draw: Callable[[Axes], None]) -> Iterator[list[Any]]:
        """Put a cell's title and what belongs to it into the figure for a while; gives what is to be drawn, in order."""
        (axes,) = self.figure.axes
        before = set(axes.get_children())
        draw(axes)
        mine = [artist for artist in axes.get_children() if artist not in before]
        self._title.set_text(title)
        try:
            yield [*sorted(mine, key=lambda artist: artist.get_zorder()), self._title]
        finally:
            for artist in mine:
                artist.remove()

    def png(self, title: str, draw: Callable[[Axes], None]) -> bytes:
        """The picture of a cell."""
        with self.with_cell(title, draw) as artists:
            self._canvas.restore_region(self._pixels)
            renderer = self._canvas.get_renderer()
            for artist in artists:
                artist.draw(renderer)
            size = self._canvas.get_width_height()
            image = Image.frombuffer("RGBA", size, self._canvas.buffer_rgba(), "raw", "RGBA", 0, 1).convert("RGB")
        content = io.BytesIO()
        image.save(content, "png", compress_level=figures.COMPRESS_LEVEL, dpi=(figures.DPI, figures.DPI))
        return content.getvalue()


@dataclass(frozen=True)
class Picture:
    """A cell's picture: its ground, its title, and what draws the rest."""

    ground: Ground
    title: str
    draw: Callable[[Axes], None]

    def png(self) -> bytes:
        with _style():
            return self.ground.png(self.title, self.draw)


def curve(points: pd.DataFrame, which: Curve, *, title: str, prevalence: float) -> Picture:
    """A cell's mean precision-recall or ROC curve; the dotted line is what guessing gives.

    Parameters
    ----------
    points : DataFrame of curve, x, y
    """
    mine = points[points["curve"] == which]
    text = _titled(title, ONE_PANEL)
    if mine.empty:
        return _nothing(text)
    return Picture(_of_curve(which, prevalence, _lines(text)), text, partial(_draw_curve, mine))


MEAN: Look = {"color": figures.PALETTE[0], "linewidth": 1.6}
"""The look of a cell's own curve."""


@lru_cache(KEPT)
def _of_curve(which: Curve, prevalence: float, lines: int) -> Ground:
    with _style():
        figure, axes = _one_panel(3.5, lines, figures.CURVES[which])
        figures.axes_of_curves(axes, which, prevalence)
        look: Look = {"color": figures.QUIET, "linestyle": ":", "linewidth": 1.2}
        guess = Line2D([], [], label=figures.guessing(which, prevalence), **look)
        figures._legend(figure, [Line2D([], [], label="mean over folds", **MEAN), guess], [axes])
        return Ground(figure)


def _draw_curve(points: pd.DataFrame, axes: Axes) -> None:
    axes.plot(points["x"].to_numpy(), points["y"].to_numpy(), **MEAN)


def reliability(points: pd.DataFrame, *, title: str) -> Picture:
    """What a cell's probabilities promise, raw and put right; see `figures.reliability`."""
    known = points[points["mean_probability"].notna() & points["observed"].notna()]
    text = _titled(title, ONE_PANEL)
    if known.empty:
        return _nothing(text)
    least, most = figures._ends(known[["mean_probability", "observed"]].to_numpy(dtype=np.float64))
    groups = {str(side): group for side, group in known.groupby("side", sort=False)}
    sides = {side: groups[side] for side in figures.SIDES if side in groups}
    return Picture(_of_reliability(least, most, _lines(text)), text, partial(_draw_reliability, sides, least, most))


@lru_cache(KEPT)
def _of_reliability(least: float, most: float, lines: int) -> Ground:
    with _style():
        figure, axes = _one_panel(4.1, lines, figures.PROMISES, below=len(figures.SIDES))
        figures.axes_of_promises(axes, least, most, 3.4)
        figures._legend(figure, figures.handles_of_promises((True, True)), [axes])
        return Ground(figure)


def _draw_reliability(sides: dict[str, pd.DataFrame], least: float, most: float, axes: Axes) -> None:
    told = figures.promises(axes, sides, least, most)
    figures.below_title(axes, told)


def score_distribution(frame: pd.DataFrame, *, title: str, thresholds: pd.DataFrame) -> Picture:
    """How a cell's scores of each class are distributed, with its thresholds; see `figures.score_distribution`."""
    text = _titled(title, ONE_PANEL)
    if not (frame["share"] > 0).any():
        return _nothing(text)
    # a power of ten, so that cells share a ground
    bottom = 10.0 ** math.floor(math.log10(figures.lowest_share(frame)))
    lines = thresholds[thresholds["threshold"].notna()].to_dict("records")
    look = figures.looks_of_thresholds(lines)
    classes: dict[Any, pd.DataFrame] = dict(iter(frame.groupby("label")))

    def draw(axes: Axes) -> None:
        missing = figures.shares(axes, {label: classes.get(label) for label in figures.CLASSES}, bottom)
        for line in lines:
            figures.threshold(axes, line, look)
        figures.below_title(axes, missing)

    return Picture(_of_scores(bottom, tuple(look), _lines(text)), text, draw)


@lru_cache(KEPT)
def _of_scores(bottom: float, policies: tuple[str, ...], lines: int) -> Ground:
    with _style():
        figure, axes = _one_panel(3.3, lines, figures.SHARES, below=1)
        figures.axes_of_shares(axes, bottom)
        look = figures.looks_of_thresholds([{"policy": name} for name in policies])
        figures._legend(figure, figures.handles_of_shares(look), [axes])
        return Ground(figure)


APART = 2.2
"""From one confusion matrix to the next, each of which is two wide."""

NAMES = (("true negatives", "false positives"), ("false negatives", "true positives"))


def confusion_matrix(decisions: pd.DataFrame, *, title: str) -> Picture:
    """One cell's confusion matrices, one for each threshold policy.

    Below each count stands its share of the rows of that actual class.

    Parameters
    ----------
    decisions : DataFrame of policy, threshold, tn, fp, fn, tp
        One cell; a policy without counts has no matrix.
    """
    known = decisions[decisions["tn"].notna()].to_dict("records")
    if not known:
        return _nothing(_titled(title, ONE_PANEL))
    text = _titled(title, _width_of_matrices(len(known)))
    return Picture(_of_matrices(len(known), _lines(text)), text, partial(_draw_matrices, known))


def _width_of_matrices(many: int) -> float:
    return max(ONE_PANEL, 0.7 + 2.9 * many)


@lru_cache(KEPT)
def _of_matrices(many: int, lines: int) -> Ground:
    with _style():
        figure = _small(_width_of_matrices(many), 3.8, lines)
        axes = figure.add_subplot()
        centres = [APART * k + at for k in range(many) for at in (0.5, 1.5)]
        axes.set_xticks(centres, ["negative", "positive"] * many)
        axes.set_yticks([0.5, 1.5], ["negative", "positive"], rotation=90, va="center")
        axes.set(xlim=(0, APART * many - APART + 2), ylim=(2, -0.25), xlabel="predicted", ylabel="actual")
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        return Ground(figure)


def _draw_matrices(known: list[dict[Any, Any]], axes: Axes) -> None:
    for k, entry in enumerate(known):
        counts = [int(entry[name]) for name in ("tn", "fp", "fn", "tp")]
        rates, left = figures._row_rates(np.reshape(counts, (2, 2)).astype(np.float64)), APART * k
        axes.pcolormesh(
            left + np.arange(3), np.arange(3), rates, vmin=0, vmax=1, cmap=HEAT, edgecolors="white", linewidth=2
        )
        for (row, column), count in zip(np.ndindex(2, 2), counts, strict=True):
            rate, centre = float(rates[row, column]), left + column + 0.5
            look: Any = {"ha": "center", "va": "center", "color": figures._on_heat(rate)}
            axes.text(centre, row + 0.46, f"{count:,}", fontsize=14, **look)
            axes.text(centre, row + 0.68, "no such row" if math.isnan(rate) else figures._percent(rate), **look)
            axes.text(centre, row + 0.2, NAMES[row][column], fontsize=8, **look)
        told = f"threshold {entry['policy']}: {float(entry['threshold']):.3g}"
        axes.text(left + 1, -0.08, told, ha="center", va="bottom", fontsize=9.5)


def _nothing(text: str) -> Picture:
    """The picture of no result: it says so."""
    return Picture(_of_nothing(_lines(text)), text, lambda axes: None)


@lru_cache(KEPT)
def _of_nothing(lines: int) -> Ground:
    with _style():
        figure = _small(ONE_PANEL, 1.4, lines)
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.text(0.5, 0.35, figures.NOTHING, ha="center", color=figures.QUIET)
        return Ground(figure)


def _one_panel(height: float, lines: int, names: tuple[str, str], below: int = 0) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, named, and room for lines of small letters below its title."""
    figure = _small(ONE_PANEL, height, lines)
    axes = figure.add_subplot()
    axes.set(xlabel=names[0], ylabel=names[1])
    if below:
        figures.below_title(axes, ["x"] * below).set_animated(True)
    return figure, axes


def _small(width: float, height: float, lines: int) -> Figure:
    """A figure with room for a title of so many lines."""
    figure = _figure(width, height, "\n".join(["x"] * lines))
    figure.suptitle(figure.get_suptitle(), fontsize=TITLE)
    return figure


def _titled(title: str, width: float) -> str:
    """A title in lines as long as there is room for."""
    return _wrapped(title, int(width / figures.LETTER * figures.TITLE / TITLE), " ")


def _lines(text: str) -> int:
    return text.count("\n") + 1
