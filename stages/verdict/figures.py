"""The pictures of a comparison, drawn without a window: the report page shows them as SVG, MLflow keeps them as PNG.

Each function takes results as `evaluate` writes them and returns a matplotlib `Figure`; `png` and `svg` turn it into the
same bytes every time. Colours come from the palette of Okabe and Ito (2008), which people who see colours differently can
tell apart, and line styles repeat the difference.
"""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from stages import files
from stages.config import NONE
from stages.remedies.outcome import OK

Curve = Literal["precision_recall", "roc"]

INK = "#1b1f24"
"""Lines and letters; a page shows them in its own colour of text, so that they are seen on dark ground too."""
QUIET = "#8b949e"
BETTER, WORSE = "#0072b2", "#d55e00"
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)))
HEAT = "Blues"

STYLE = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],  # matplotlib brings it along: the same letters on every machine
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": QUIET,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.titlesize": 11.0,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "svg.fonttype": "none",
    "svg.hashsalt": "counterpoise",
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}

CELLS_WITH_RATES = 80
"""A grid of more matrices than this shows counts alone; the colour still tells the rate."""


@contextmanager
def _style() -> Iterator[None]:
    """Our style over matplotlib's defaults, so that nobody's matplotlibrc changes a report."""
    with matplotlib.style.context(["default", STYLE]):
        yield


def png(figure: Figure) -> bytes:
    """The figure as a PNG on white ground."""
    content = io.BytesIO()
    with _style():
        figure.savefig(content, format="png", dpi=144, facecolor="white", metadata={"Software": None})
    return content.getvalue()


def svg(figure: Figure) -> str:
    """The figure as one `<svg>` element that can stand in a page beside others, without date or version.

    Identifiers that nothing points to are dropped and the others made the figure's own, since two figures in one page must
    not share any. The ground is transparent and ink is the page's colour of text.
    """
    content = io.StringIO()
    with _style():
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = content.getvalue()
    text = text[text.index("<svg") :].rstrip()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)  # it would reach into the whole page
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text.replace(INK, "currentColor"))
    text = re.sub(r' d="[^"]*"', lambda m: _shorter(m[0]), text)
    name = f"f{files.digest(text)[:8]}"
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'(url\(|href=")#', lambda m: f"{m[1]}#{name}-", text)
    width, height = (round(float(v), 1) for v in 72 * figure.get_size_inches())
    head = f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}pt" height="{height:g}pt" role="img" '
    head += f'aria-label="{html.escape(str(figure.get_label()))}" xmlns="http://www.w3.org/2000/svg" '
    head += 'xmlns:xlink="http://www.w3.org/1999/xlink" style="font-family: system-ui, \'DejaVu Sans\', sans-serif; '
    head += f'stroke-linejoin: round; stroke-linecap: butt; --natural: {width:g}pt">'
    return re.sub(r"\n\s*", "\n", re.sub(r"<svg[^>]*>", lambda _: head, text, count=1))


def _shorter(path: str) -> str:
    """A path's points to a tenth, which nobody can see, and without the blanks that SVG does not need."""
    path = re.sub(r"\d+\.\d+", lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), path.replace("\n", ""))
    return re.sub(r" ?([MLCQz]) ?", r"\1", path).replace(' d=" ', ' d="')


def confusion_matrix(tn: int, fp: int, fn: int, tp: int, *, title: str) -> Figure:
    """One confusion matrix: counts, and below each count its share of the rows of that actual class."""
    with _style():
        figure = _figure(4.6, 3.9, title)
        axes = figure.add_subplot()
        rates = _row_rates(np.array([[tn, fp], [fn, tp]], dtype=np.float64))
        mesh = axes.pcolormesh(rates, vmin=0, vmax=1, cmap=HEAT, edgecolors="white", linewidth=2)
        for (row, column), count in zip(np.ndindex(2, 2), (tn, fp, fn, tp), strict=True):
            rate = float(rates[row, column])
            colour = _on_heat(rate)
            share = "no such row" if math.isnan(rate) else _percent(rate)
            name = (("true negatives", "false positives"), ("false negatives", "true positives"))[row][column]
            axes.text(column + 0.5, row + 0.46, f"{count:,}", ha="center", va="center", color=colour, fontsize=14)
            axes.text(column + 0.5, row + 0.68, share, ha="center", va="center", color=colour)
            axes.text(column + 0.5, row + 0.2, name, ha="center", va="center", color=colour, fontsize=8)
        axes.set_xticks([0.5, 1.5], ["negative", "positive"])
        axes.set_yticks([0.5, 1.5], ["negative", "positive"])
        axes.set(xlabel="predicted", ylabel="actual")
        axes.invert_yaxis()
        axes.grid(False)
        axes.tick_params(length=0)
        _colour_bar(figure, mesh, axes)
        return _settled(figure)


def confusion_grid(decisions: pd.DataFrame, *, title: str) -> Figure:
    """Every cell's confusion matrix at one threshold policy: strategies down, models across.

    Parameters
    ----------
    decisions : DataFrame of strategy, model, tn, fp, fn, tp
        One dataset and one policy; a cell without counts stays empty.
    """
    strategies, models = _order(decisions, "strategy"), _order(decisions, "model")
    if not strategies:
        return _nothing(title)
    counts = np.full((len(strategies), len(models), 2, 2), np.nan)
    for entry in decisions.to_dict("records"):
        if pd.notna(entry["tn"]):
            four = [entry["tn"], entry["fp"], entry["fn"], entry["tp"]]
            counts[strategies.index(entry["strategy"]), models.index(entry["model"])] = np.reshape(four, (2, 2))
    with_rates = len(strategies) * len(models) <= CELLS_WITH_RATES
    digits = len(f"{int(np.nanmax(counts)) if not np.isnan(counts).all() else 0:,}")
    # a box is as wide as its longest count, and high enough for one or two lines
    box = (0.1 + 0.075 * max(digits, 5), 0.36 if with_rates else 0.2)
    across = 2 * len(models) * box[0] + 0.12 * len(models)
    down = 2 * len(strategies) * box[1] + 0.12 * len(strategies)
    with _style():
        figure = _figure(max(5.0, across + 0.085 * max(map(len, strategies)) + 0.9), down + 1.7, title)
        axes = figure.add_subplot()
        mesh = None
        for s, m in np.ndindex(len(strategies), len(models)):
            rates = _row_rates(counts[s, m])
            edges_x, edges_y = (m + np.array([0.04, 0.5, 0.96]), s + np.array([0.04, 0.5, 0.96]))
            if np.isnan(counts[s, m]).any():
                axes.text(m + 0.5, s + 0.5, "\u2013", ha="center", va="center", color=QUIET)
                continue
            mesh = axes.pcolormesh(
                edges_x, edges_y, rates, vmin=0, vmax=1, cmap=HEAT, edgecolors="white", linewidth=0.5
            )
            for row, column in np.ndindex(2, 2):
                rate, count = float(rates[row, column]), int(counts[s, m, row, column])
                text = f"{count:,}" + (f"\n{_percent(rate)}" if with_rates and not math.isnan(rate) else "")
                axes.text(m + 0.27 + 0.46 * column, s + 0.27 + 0.46 * row, text, ha="center", va="center",
                          color=_on_heat(rate), fontsize=6.5, linespacing=1.15)  # fmt: skip
        axes.set(xlim=(0, len(models)), ylim=(len(strategies), 0))
        # a long name of a model goes on two lines, or stands on end where a column is still too narrow
        labels = [_wrapped(name, int(across / len(models) / 0.09)) for name in models]
        axes.set_xticks(np.arange(len(models)) + 0.5, labels)
        axes.set_yticks(np.arange(len(strategies)) + 0.5, strategies)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("each matrix: actual negatives above, positives below; predicted negative left, positive right",
                        color=QUIET, fontsize=8)  # fmt: skip
        if mesh is not None:
            _colour_bar(figure, mesh, axes)
        return _settled(figure)


def curves_overlay(curves: pd.DataFrame, curve: Curve, *, title: str, prevalence: float) -> Figure:
    """The mean precision-recall or ROC curves: one panel a model, one colour a strategy.

    The dotted line is what guessing gives: precision equal to prevalence, or the diagonal. Where there are more strategies
    than colours and dashes can tell apart, the ones that lie highest (and doing nothing) are coloured and the others grey.
    """
    mine = curves[curves["curve"] == curve]
    strategies, models = _order(mine, "strategy"), _order(mine, "model")
    if not models:
        return _nothing(title)
    looks, others = _looks(mine, strategies)
    groups = dict(iter(mine.groupby(["model", "strategy"], sort=False)))
    with _style():
        figure, panels = _panels(models, title, width=3.0, height=2.7, legend=len(looks) + bool(others))
        for panel, model in zip(panels, models, strict=True):
            panel.set_title(model)
            baseline = [prevalence, prevalence] if curve == "precision_recall" else [0, 1]
            panel.plot([0, 1], baseline, color=QUIET, linestyle=":", linewidth=1.2)
            for strategy in [*others, *sorted(looks, key=lambda name: name == NONE)]:
                if (model, strategy) in groups:
                    group = groups[model, strategy]
                    look = looks.get(strategy, {"color": QUIET, "alpha": 0.35, "linewidth": 0.8})
                    panel.plot(group["x"], group["y"], **look)
            panel.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
            panel.xaxis.set_major_locator(MaxNLocator(5))
            panel.yaxis.set_major_locator(MaxNLocator(5))
        x, y = ("recall", "precision") if curve == "precision_recall" else ("false positive rate", "recall")
        _label(panels, x, y)
        handles = [Line2D([], [], label=name, **looks[name]) for name in strategies if name in looks]
        if others:
            handles.append(Line2D([], [], color=QUIET, alpha=0.35, linewidth=0.8, label=f"{len(others)} others"))
        guess = f"guessing: precision {prevalence:.2g}" if curve == "precision_recall" else "guessing"
        handles.append(Line2D([], [], color=QUIET, linestyle=":", linewidth=1.2, label=guess))
        _legend(figure, handles, panels)
        return _settled(figure)


def forest(leaderboard: pd.DataFrame, *, title: str) -> Figure:
    """The difference in average precision from doing nothing with the same model, with its interval.

    Blue where the whole interval lies above 0, red-orange where it lies below, grey where it holds 0. A difference so far
    off that the others could not be read beside it is an arrow at the edge with its number.
    """
    board = leaderboard[leaderboard["strategy"] != NONE]
    strategies, models = _order(board, "strategy"), _order(board, "model")
    if board["delta_average_precision"].isna().all():
        known = (leaderboard["strategy"] == NONE).any()
        return _nothing(title, None if known else "There is no strategy that does nothing to compare with.")
    line = {name: k for k, name in enumerate(strategies)}
    low, high = _reach(board[["delta_low", "delta_high"]].to_numpy(dtype=np.float64))
    room = 0.05 * (high - low)
    aside = (0.02, "left") if -low > high else (0.98, "right")  # where the line at 0 does not strike words through
    with _style():
        figure, panels = _panels(models, title, width=3.0, height=0.75 + 0.2 * len(strategies), legend=3)
        for panel, model in zip(panels, models, strict=True):
            panel.set_title(model)
            panel.axvline(0, color=INK, linewidth=0.9)
            for entry in board[board["model"] == model].to_dict("records"):
                at = line[entry["strategy"]]
                middle, least, most = (entry[name] for name in ("delta_average_precision", "delta_low", "delta_high"))
                if pd.isna(middle):
                    told = entry["status"].replace("_", " ") if entry["status"] != OK else "nothing to compare with"
                    panel.annotate(told, (aside[0], at), xycoords=("axes fraction", "data"), ha=aside[1], va="center",
                                   color=QUIET, fontsize=7, style="italic")  # fmt: skip
                    continue
                colour = BETTER if least > 0 else WORSE if most < 0 else QUIET
                panel.plot([least, most], [at, at], color=colour, linewidth=2, solid_capstyle="butt")
                if low - room <= middle <= high + room:
                    panel.plot([middle], [at], "o", color=colour, markersize=5)
                    continue
                edge, arrow, shift, side = (low, "<", 6, "left") if middle < low else (high, ">", -6, "right")
                panel.plot([edge], [at], arrow, color=colour, markersize=5)
                panel.annotate(f"{middle:+.2f}".replace("-", "\u2212"), (edge, at), xytext=(shift, 0),
                               textcoords="offset points", ha=side, va="center", fontsize=7.5)  # fmt: skip
            panel.set(xlim=(low - room, high + room), ylim=(len(strategies) - 0.4, -0.6))
            panel.set_yticks(range(len(strategies)), strategies)
            panel.xaxis.set_major_locator(MaxNLocator(4))
            panel.grid(False, axis="y")
        _label(panels, "difference in average precision", "")
        handles = [
            Line2D([], [], color=colour, marker="o", markersize=5, linewidth=2, label=label)
            for colour, label in (
                (BETTER, "interval above 0"),
                (QUIET, "interval holds 0"),
                (WORSE, "interval below 0"),
            )
        ]
        _legend(figure, handles, panels)
        return _settled(figure)


def _reach(intervals: NDArray[np.float64]) -> tuple[float, float]:
    """How far the axis of differences goes: to the farthest end of an interval, unless that is far from most others."""
    ends = intervals[~np.isnan(intervals)]
    if not len(ends) or not ends.any():
        return -0.1, 0.1
    usual = 1.5 * float(np.quantile(np.abs(ends), 0.75))
    limit = usual if np.abs(ends).max() > 2 * usual > 0 else float(np.abs(ends).max())
    return max(min(float(ends.min()), 0.0), -limit), min(max(float(ends.max()), 0.0), limit)


def class_counts(counts: pd.DataFrame, *, title: str) -> Figure:
    """Training rows of each class before (hollow) and after (filled) each strategy, the mean over folds, on a log scale."""
    strategies = _order(counts, "strategy")
    if not strategies:
        return _nothing(title)
    means = mean_counts(counts)
    with _style():
        figure = _figure(7.2, 1.5 + 0.34 * len(strategies), title)
        axes = figure.add_subplot()
        for at, strategy in enumerate(strategies):
            entry = means.loc[strategy]
            for label, colour, shift in (("negatives", BETTER, -0.14), ("positives", WORSE, 0.14)):
                before, after = entry[f"{label}_before"], entry[f"{label}_after"]
                if pd.notna(after) and pd.notna(before) and min(before, after) > 0:
                    axes.plot([before, after], [at + shift] * 2, color=colour, linewidth=1.2, alpha=0.6)
                if pd.notna(before) and before > 0:
                    axes.plot([before], [at + shift], "o", color=colour, markerfacecolor="none", markersize=6)
                if pd.notna(after) and after > 0:
                    axes.plot([after], [at + shift], "o", color=colour, markersize=4.5)
            if pd.isna(entry["negatives_after"]):
                axes.annotate("did not run", (0.5, at), xycoords=("axes fraction", "data"), ha="center", va="center",
                              color=QUIET, fontsize=8, style="italic")  # fmt: skip
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        if high / low < 10:  # at least one power of ten, or the axis has no label
            axes.set_xlim(10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high)))
        subs = (1.0,) if high / low > 1e4 else (1.0, 2.0, 5.0)
        axes.xaxis.set_major_locator(LogLocator(subs=subs))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
        axes.set_yticks(range(len(strategies)), strategies)
        axes.set(ylim=(len(strategies) - 0.4, -0.6), xlabel="training rows, mean over folds (log scale)")
        axes.grid(False, axis="y")
        handles = [
            Line2D([], [], color=colour, marker="o", linestyle="", markersize=size, markerfacecolor=face, label=label)
            for colour, size, face, label in (
                (BETTER, 6, "none", "negatives before"), (BETTER, 4.5, BETTER, "negatives after"),
                (WORSE, 6, "none", "positives before"), (WORSE, 4.5, WORSE, "positives after"),
            )
        ]  # fmt: skip
        figure.legend(handles=handles, loc="outside lower center", ncols=4, handletextpad=0.2)
        return _settled(figure)


def mean_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """Each strategy's class counts, the mean over the folds in which it ran; missing where it ran in none."""
    columns = ["negatives_before", "positives_before", "negatives_after", "positives_after", "synthetic"]
    numbers = pd.DataFrame({name: pd.to_numeric(counts[name]).astype("float64") for name in columns})
    return numbers.groupby(counts["strategy"], sort=False).mean()


def _order(frame: pd.DataFrame, column: str) -> list[str]:
    """The names of a column in the order in which they first come, which is that of params.yaml."""
    return [str(name) for name in pd.unique(frame[column])]


def _figure(width: float, height: float, title: str) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.set_label(title)
    figure.suptitle(_wrapped(title, int(width / 0.085), " "))
    return figure


def _settled(figure: Figure) -> Figure:
    """Lay the figure out now and for good: the layout moves with each drawing, and the bytes would with it."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def _nothing(title: str, why: str | None = None) -> Figure:
    """The picture of no result: it says so."""
    with _style():
        figure = _figure(5.0, 1.4, title)
        figure.text(0.5, 0.35, why or "No cell has a result to draw.", ha="center", color=QUIET)
        return _settled(figure)


def _panels(names: Sequence[str], title: str, *, width: float, height: float, legend: int) -> tuple[Figure, list[Axes]]:
    """One panel a name, at most three side by side, sharing their axes, with room for a legend below."""
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    across = max(4.2, width * columns)
    figure = _figure(across, height * lines + 0.6 + 0.2 * -(-legend // 4), title)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for panel in grid.flat[len(names) :]:
        panel.set_visible(False)
    for k in range(len(names) - columns, len(names)):  # the lowest panel of each column keeps its numbers
        grid.flat[k].tick_params(labelbottom=True)
    return figure, list(grid.flat[: len(names)])


def _label(panels: Sequence[Axes], x: str, y: str) -> None:
    """Name the axes where they are seen: left of each line, below each column."""
    columns = min(3, len(panels))
    for k, panel in enumerate(panels):
        if k % columns == 0:
            panel.set_ylabel(y)
        if k >= len(panels) - columns:
            panel.set_xlabel(x)


def _legend(figure: Figure, handles: list[Line2D], panels: Sequence[Axes]) -> None:
    columns = 4 if len(panels) > 2 else 3 if len(panels) == 2 else 2
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=8.5)


def _looks(curves: pd.DataFrame, strategies: Sequence[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """How each strategy's line looks, and the strategies for which no look of their own is left."""
    room = len(PALETTE) * len(DASHES)
    remedies = [name for name in strategies if name != NONE]
    if len(remedies) > room:
        height = curves.groupby("strategy", sort=False)["y"].mean()
        best = sorted(remedies, key=lambda name: (-float(height[name]), name))[: room - 1]
        remedies = [name for name in remedies if name in best]
    looks: dict[str, dict[str, Any]] = {
        name: {"color": PALETTE[k % len(PALETTE)], "linestyle": DASHES[k // len(PALETTE)], "linewidth": 1.3}
        for k, name in enumerate(remedies)
    }
    if NONE in strategies:
        looks = {NONE: {"color": INK, "linewidth": 1.9}, **looks}
    return looks, [name for name in strategies if name not in looks]


def _row_rates(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each count as a share of its row; NaN in a row without any."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"


def _on_heat(rate: float) -> str:
    """A colour of letters that is read on the heat of a rate."""
    return "white" if rate > 0.66 else "#101418"


def _colour_bar(figure: Figure, mesh: Any, axes: Axes) -> None:
    bar = figure.colorbar(mesh, ax=axes, fraction=0.04, pad=0.02, aspect=30)
    bar.set_label("share of the actual class", fontsize=8)
    bar.ax.spines[:].set_visible(False)


def _wrapped(text: str, width: int, at: str = "_") -> str:
    """Break a text where it may be broken so that no line is longer than a width, where that can be."""
    lines = [""]
    for piece in re.findall(rf"[^{at}]+{at}?|{at}", text):
        if lines[-1] and len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip(" ") for line in lines)
