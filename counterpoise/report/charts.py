"""Charts of a comparison, drawn without a display: SVG for the report page, PNG for MLflow.

Each function takes tables as `evaluate` writes them and returns a matplotlib `Figure`. `png` and
`svg` convert it to the same bytes every time. Colours come from the palette of Okabe and Ito
(2008), which people with colour vision deficiencies can distinguish. Line styles repeat the
distinction.
"""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import pandas as pd

from counterpoise.core.errors import LibraryError
from counterpoise.core.types import Cell

try:
    import matplotlib.style
# this import precedes the script's error handler, so the message is printed here, without a
# traceback
except ModuleNotFoundError as missing:
    raise SystemExit(f"\nerror: {LibraryError.of(missing)}") from None
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from counterpoise.core import files
from counterpoise.core.config import NONE, PLACEBO
from counterpoise.core.outcome import OK

Curve = Literal["precision_recall", "roc"]

INK = "#1b1f24"
"""Colour of lines and text. A page replaces it by its own text colour, so that charts stay legible
on a dark background."""
QUIET = "#8b949e"
BETTER, WORSE = "#0072b2", "#d55e00"
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)))
HEAT = "Blues"

TITLE, LETTER = 11.0, 0.085
"""Font size of figure titles in points, and approximate width of a letter in inches."""

STYLE = {
    "font.family": ["sans-serif"],
    # shipped with matplotlib, so that text has the same shape on every machine
    "font.sans-serif": ["DejaVu Sans"],
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
    "figure.titlesize": TITLE,
    "text.parse_math": False,  # a dollar sign in a name does not start a formula
    "svg.fonttype": "none",
    "svg.hashsalt": "counterpoise",
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
}

DPI, COMPRESS_LEVEL = 144, 3
"""Settings of PNG. A higher compression level takes twice the time for files a tenth smaller."""

CELLS_WITH_RATES = 80
"""Maximum number of matrices in a grid that shows rates beside counts. Above it, only the colour
shows the rate."""

CHEAPEST = 20
"""Maximum number of combinations in a chart of costs."""


Look = dict[str, Any]
"""Style of a line: matplotlib's colour, line style and width."""

OTHER: Look = {"color": QUIET, "alpha": 0.35, "linewidth": 0.8}
"""Style of strategies beyond the distinguishable colours and line styles."""


@contextmanager
def _style() -> Iterator[None]:
    """Apply our style over matplotlib's defaults, so that no matplotlibrc changes a report."""
    with matplotlib.style.context(["default", STYLE]):
        yield


def png(figure: Figure) -> bytes:
    """Convert a figure to PNG on a white background.

    Parameters
    ----------
    figure : Figure
        The figure.

    Returns
    -------
    bytes
        The same for the same figure: no metadata is written.
    """
    content = io.BytesIO()
    with _style():
        figure.savefig(
            content,
            format="png",
            dpi=DPI,
            facecolor="white",
            metadata={"Software": None},
            pil_kwargs={"compress_level": COMPRESS_LEVEL},
        )
    return content.getvalue()


def svg(figure: Figure) -> str:
    """Convert a figure to one `<svg>` element that can stand in a page beside others.

    Two figures in one page must not share identifiers. Unused identifiers are therefore dropped,
    and the others get a prefix of the figure's own. Elements of a strategy carry `data-strategy`,
    for the check boxes of the page. The background is transparent, and `INK` becomes the text
    colour of the page.

    Parameters
    ----------
    figure : Figure
        The figure.

    Returns
    -------
    str
        The same for the same figure: neither date nor version is written.
    """
    content = io.StringIO()
    with _style():
        figure.savefig(
            content, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    text = content.getvalue()
    text = text[text.index("<svg") :].rstrip()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    # a style element would apply to the whole page
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text.replace(INK, "currentColor"))
    text = re.sub(r' d="[^"]*"', lambda m: _shorter(m[0]), text)
    name = f"f{files.digest(text)[:8]}"
    # identifiers that a clip path or a <use> element refers to
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
    text = re.sub(r'<g id="of:([^"]*)">', r'<g data-strategy="\1"><title>\1</title>', text)
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'(url\(|href=")#', lambda m: f"{m[1]}#{name}-", text)
    width, height = (round(float(v), 1) for v in 72 * figure.get_size_inches())
    head = (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}pt" height="{height:g}pt"'
        ' role="img" '
    )
    head += (
        f'aria-label="{html.escape(str(figure.get_label()))}" xmlns="http://www.w3.org/2000/svg" '
    )
    head += (
        'xmlns:xlink="http://www.w3.org/1999/xlink" style="font-family: system-ui, \'DejaVu Sans\','
        " sans-serif; "
    )
    head += f'stroke-linejoin: round; stroke-linecap: butt; --natural: {width:g}pt">'
    return re.sub(r"\n\s*", "\n", re.sub(r"<svg[^>]*>", lambda _: head, text, count=1))


def _shorter(path: str) -> str:
    """Shorten an SVG path: coordinates to a tenth of a point, no optional blanks."""
    path = re.sub(
        r"\d+\.\d+", lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), path.replace("\n", "")
    )
    return re.sub(r" ?([MLCQz]) ?", r"\1", path).replace(' d=" ', ' d="')


def confusion_grid(decisions: pd.DataFrame, *, title: str) -> Figure:
    """Confusion matrix of every combination at one threshold rule: strategies down, models across.

    Parameters
    ----------
    decisions : DataFrame of strategy, model, tn, fp, fn, tp
        One dataset and one threshold rule; a combination without counts stays empty.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
    """
    strategies, models = _order(decisions, "strategy"), _order(decisions, "model")
    if not strategies:
        return _nothing(title)
    counts = np.full((len(strategies), len(models), 2, 2), np.nan)
    for entry in decisions.to_dict("records"):
        if pd.notna(entry["tn"]):
            four = [entry["tn"], entry["fp"], entry["fn"], entry["tp"]]
            counts[strategies.index(entry["strategy"]), models.index(entry["model"])] = np.reshape(
                four, (2, 2)
            )
    with_rates = len(strategies) * len(models) <= CELLS_WITH_RATES
    digits = len(f"{int(np.nanmax(counts)) if not np.isnan(counts).all() else 0:,}")
    # inches: as wide as the longest count, and high enough for one or two lines
    box = (0.1 + 0.075 * max(digits, 5), 0.36 if with_rates else 0.2)
    across = 2 * len(models) * box[0] + 0.12 * len(models)
    down = 2 * len(strategies) * box[1] + 0.12 * len(strategies)
    with _style():
        figure = _figure(
            max(5.0, across + 0.085 * max(map(len, strategies)) + 0.9), down + 1.7, title
        )
        axes = figure.add_subplot()
        mesh = None
        for s, m in np.ndindex(len(strategies), len(models)):
            rates = _row_rates(counts[s, m])
            edges_x, edges_y = (m + np.array([0.04, 0.5, 0.96]), s + np.array([0.04, 0.5, 0.96]))
            if np.isnan(counts[s, m]).any():
                axes.text(m + 0.5, s + 0.5, "\u2013", ha="center", va="center", color=QUIET)
                continue
            mesh = axes.pcolormesh(
                edges_x,
                edges_y,
                rates,
                vmin=0,
                vmax=1,
                cmap=HEAT,
                edgecolors="white",
                linewidth=0.5,
            )
            for row, column in np.ndindex(2, 2):
                rate, count = float(rates[row, column]), int(counts[s, m, row, column])
                text = f"{count:,}" + (
                    f"\n{_percent(rate)}" if with_rates and not math.isnan(rate) else ""
                )
                axes.text(
                    m + 0.27 + 0.46 * column,
                    s + 0.27 + 0.46 * row,
                    text,
                    ha="center",
                    va="center",
                    color=_on_heat(rate),
                    fontsize=6.5,
                    linespacing=1.15,
                )
        axes.set(xlim=(0, len(models)), ylim=(len(strategies), 0))
        # long names of models wrap to the width of their column
        labels = [_wrapped(name, int(across / len(models) / 0.09)) for name in models]
        axes.set_xticks(np.arange(len(models)) + 0.5, labels)
        axes.set_yticks(np.arange(len(strategies)) + 0.5, strategies)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        legend = (
            "each matrix: actual negatives above, positives below;",
            "predicted negative left, positive right",
        )
        axes.set_xlabel((" " if len(models) > 8 else "\n").join(legend), color=QUIET, fontsize=8)
        if mesh is not None:
            _colour_bar(figure, mesh, axes)
        return _settled(figure)


def curves_overlay(curves: pd.DataFrame, curve: Curve, *, title: str, prevalence: float) -> Figure:
    """Mean precision-recall or ROC curves: one panel per model, one colour per strategy.

    The dotted line shows guessing: precision equal to prevalence, or the diagonal. Where there are
    too many strategies to distinguish, the highest ones and the baseline are coloured, the others
    grey.

    Parameters
    ----------
    curves : DataFrame of strategy, model, curve, x, y
        Mean curves of a dataset.
    curve : {"precision_recall", "roc"}
        Which of them to draw.
    title : str
        Title of the figure.
    prevalence : float
        Share of positive rows.

    Returns
    -------
    Figure
    """
    mine = curves[curves["curve"] == curve]
    strategies, models = _order(mine, "strategy"), _order(mine, "model")
    if not models:
        return _nothing(title)
    styles = looks(curves)
    groups = dict(iter(mine.groupby(["model", "strategy"], sort=False)))
    with _style():
        figure, panels = _panels(models, title, width=3.0, height=2.7, legend=len(styles) + 1)
        for panel, model in zip(panels, models, strict=True):
            panel.set_title(model)
            axes_of_curves(panel, curve, prevalence)
            for strategy in sorted(strategies, key=lambda name: (name in styles, name == NONE)):
                if (model, strategy) in groups:
                    group = groups[model, strategy]
                    panel.plot(
                        group["x"], group["y"], gid=f"of:{strategy}", **styles.get(strategy, OTHER)
                    )
        _label(panels, *CURVES[curve])
        _legend_of_strategies(figure, strategies, styles, guessing(curve, prevalence), panels)
        return _settled(figure)


CURVES: dict[Curve, tuple[str, str]] = {
    "precision_recall": ("recall", "precision"),
    "roc": ("false positive rate", "recall"),
}
"""Axis labels of each curve."""


def axes_of_curves(panel: Axes, curve: Curve, prevalence: float) -> None:
    """Set both axes to [0, 1], and draw the line of guessing.

    Parameters
    ----------
    panel : Axes
        Changed in place.
    curve : {"precision_recall", "roc"}
        Kind of curve.
    prevalence : float
        Share of positive rows.
    """
    baseline = [prevalence, prevalence] if curve == "precision_recall" else [0, 1]
    panel.plot([0, 1], baseline, color=QUIET, linestyle=":", linewidth=1.2)
    panel.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    panel.xaxis.set_major_locator(MaxNLocator(5))
    panel.yaxis.set_major_locator(MaxNLocator(5))


def guessing(curve: Curve, prevalence: float) -> str:
    """Legend label of the line of guessing.

    Parameters
    ----------
    curve : {"precision_recall", "roc"}
        Kind of curve.
    prevalence : float
        Share of positive rows.

    Returns
    -------
    str
    """
    return f"guessing: precision {prevalence:.2g}" if curve == "precision_recall" else "guessing"


def reliability_overlay(points: pd.DataFrame, styles: Mapping[str, Look], *, title: str) -> Figure:
    """Reliability curves of one side, raw or recalibrated: one panel per model.

    Each strategy has one colour. Axes are those of `reliability`, which also shows intervals and
    numbers of rows.

    Parameters
    ----------
    points : DataFrame of strategy, model, mean_probability, observed
        Lines with a missing value are left out.
    styles : mapping of strategy to Look
        What `looks` returns, so that a strategy has the same style in all curves.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
    """
    known = points[points["mean_probability"].notna() & points["observed"].notna()]
    strategies, models = _order(known, "strategy"), _order(known, "model")
    if not models:
        return _nothing(title)
    groups = dict(iter(known.groupby(["model", "strategy"], sort=False)))
    least, most = probability_range(
        known[["mean_probability", "observed"]].to_numpy(dtype=np.float64)
    )
    with _style():
        figure, panels = _panels(models, title, width=3.0, height=2.9, legend=len(styles) + 1)
        for panel, model in zip(panels, models, strict=True):
            panel.set_title(model)
            reliability_axes(panel, least, most, 2.5)
            for strategy in sorted(strategies, key=lambda name: (name in styles, name == NONE)):
                if (model, strategy) in groups:
                    group = groups[model, strategy]
                    x, y = (
                        _logit(np.clip(group[name].to_numpy(dtype=np.float64), least, most))
                        for name in ("mean_probability", "observed")
                    )
                    look = {**styles.get(strategy, OTHER), "marker": "o", "markersize": 2.5}
                    panel.plot(x, y, gid=f"of:{strategy}", **look)
        _label(panels, *RELIABILITY_LABELS)
        _legend_of_strategies(figure, strategies, styles, "perfectly calibrated", panels)
        return _settled(figure)


def forest(leaderboard: pd.DataFrame, *, title: str) -> Figure:
    """Forest plot: difference in average precision of every remedy from the baseline.

    There is one block per baseline model, and one line with an interval per remedy. Blue marks the
    verdict better, red-orange worse, grey neither; the marker shows the level of the remedy. A
    difference too far off for the axis is an arrow at the edge with its number.

    Parameters
    ----------
    leaderboard : DataFrame
        One dataset: strategy, model, level, status, plain_model, verdict, difference,
        difference_low, difference_high.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
    """
    board = leaderboard[leaderboard["level"] != NONE]
    if board["difference"].isna().all():
        known = (leaderboard["level"] == NONE).any()
        return _nothing(title, None if known else "There is no baseline to compare with.")
    blocks = _blocks(board, list(dict.fromkeys(leaderboard["model"])))
    columns = _columns(blocks)
    low, high = _reach(board[["difference_low", "difference_high"]].to_numpy(dtype=np.float64))
    room = 0.05 * (high - low)
    longest = max(len(name) for _, lines in blocks for name, _ in lines)
    lines_down = max(sum(map(_height, column)) for column in columns)
    with _style():
        width = max(4.6, (2.6 + 0.07 * longest) * len(columns))
        figure = _figure(width, 1.5 + 0.2 * lines_down, title)
        panels = figure.subplots(1, len(columns), sharex=True, squeeze=False)[0]
        for panel, column in zip(panels, columns, strict=True):
            at, names = 0, {}
            for head, lines in column:
                panel.annotate(
                    head,
                    (0, at),
                    xytext=(3, 0),
                    xycoords=("axes fraction", "data"),
                    fontsize=8,
                    textcoords="offset points",
                    va="center",
                    color=INK,
                    style="italic",
                )
                panel.vlines(0, at + 0.5, at + len(lines) + 0.5, color=INK, linewidth=0.9)
                for name, entry in lines:
                    at += 1
                    names[at] = name
                    _difference(panel, at, entry, (low - room, high + room))
                at += 1
            panel.set(xlim=(low - room, high + room), ylim=(lines_down - 0.4, -0.6))
            panel.set_yticks(list(names), list(names.values()), fontsize=8)
            panel.xaxis.set_major_locator(MaxNLocator(5))
            panel.set_xlabel("difference in average precision")
            panel.grid(False, axis="y")
        handles = [
            Line2D([], [], color=colour, linewidth=2, label=label)
            for colour, label in ((BETTER, "better"), (QUIET, "neither"), (WORSE, "worse"))
        ]
        handles += [
            Line2D([], [], color=QUIET, marker=marker, markersize=5, linestyle="", label=label)
            for level, (marker, label) in LEVELS.items()
            if (board["level"] == level).any()
        ]
        figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=3 if width >= 6.4 else 2,
            fontsize=8.5,
        )
        return _settled(figure)


LEVELS = {
    "data": ("o", "level of the data"),
    "algorithm": ("s", "level of the algorithm"),
    "hybrid": ("D", "hybrid"),
    PLACEBO: ("x", "placebo: no remedy"),
}
"""Marker and label of each level that is compared with the baseline."""

Block = tuple[str, list[tuple[str, dict[str, Any]]]]
"""A heading, and the remedies below it: name and row of the leaderboard."""


def _blocks(board: pd.DataFrame, models: Sequence[str]) -> list[Block]:
    """Remedies grouped by baseline model, sorted by level."""
    order = {level: k for k, level in enumerate(LEVELS)}
    remedies: dict[str | None, list[tuple[str, dict[str, Any]]]] = {
        model: [] for model in [*models, None]
    }
    for row in sorted(board.to_dict("records"), key=lambda row: order[row["level"]]):
        line = {str(column): value for column, value in row.items()}
        baseline = None if pd.isna(line["plain_model"]) else str(line["plain_model"])
        remedies[baseline].append((remedy_name(line), line))
    heads = {model: f"from the baseline with {model}" for model in models}
    return [
        (heads[m] if m else "without a baseline model", lines)
        for m, lines in remedies.items()
        if lines
    ]


def remedy_name(entry: Mapping[str, Any]) -> str:
    """Label of a remedy in the block of its baseline model.

    Parameters
    ----------
    entry : mapping of strategy, model, level
        Row of the leaderboard.

    Returns
    -------
    str
        The strategy, the model, or both for a hybrid.
    """
    strategy, model = str(entry["strategy"]), str(entry["model"])
    return {"data": strategy, PLACEBO: strategy, "algorithm": model}.get(
        entry["level"], f"{strategy} + {model}"
    )


def _height(block: Block) -> int:
    return 1 + len(block[1])


def _columns(blocks: list[Block]) -> list[list[Block]]:
    """Arrange blocks in one column, or many of them in two columns of about equal height."""
    heights = [_height(block) for block in blocks]
    if sum(heights) <= 16 or len(blocks) == 1:
        return [blocks]
    cut = min(range(1, len(blocks)), key=lambda k: max(sum(heights[:k]), sum(heights[k:])))
    return [blocks[:cut], blocks[cut:]]


def _difference(panel: Axes, at: int, entry: Mapping[str, Any], ends: tuple[float, float]) -> None:
    """Draw one remedy's difference and interval on its line, or the reason why there is none."""
    middle, least, most = (entry[f"difference{side}"] for side in ("", "_low", "_high"))
    low, high = ends
    if pd.isna(middle):
        text = "no baseline" if entry["status"] == OK else str(entry["status"]).replace("_", " ")
        # on the side where the line at 0 does not cross the text
        x, side = (0.02, "left") if -low > high else (0.98, "right")
        panel.annotate(
            text,
            (x, at),
            xycoords=("axes fraction", "data"),
            ha=side,
            va="center",
            color=QUIET,
            fontsize=7,
            style="italic",
        )
        return
    colour = {"better": BETTER, "worse": WORSE}.get(entry["verdict"], QUIET)
    panel.plot([least, most], [at, at], color=colour, linewidth=2, solid_capstyle="butt")
    if low <= middle <= high:
        panel.plot([middle], [at], LEVELS[entry["level"]][0], color=colour, markersize=4.5)
        return
    edge, arrow, shift, side = (low, "<", 8, "left") if middle < low else (high, ">", -8, "right")
    panel.plot([edge], [at], arrow, color=colour, markersize=5, clip_on=False)
    # past the visible part of the interval, which would cross the number
    beside = max(edge, most) if edge == low else min(edge, least)
    panel.annotate(
        f"{middle:+.2f}".replace("-", "\u2212"),
        (beside, at),
        xytext=(shift, 0),
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=7.5,
    )


def _reach(intervals: NDArray[np.float64]) -> tuple[float, float]:
    """Limits of the axis of differences, without intervals that are far from most others."""
    ends = intervals[~np.isnan(intervals)]
    if not len(ends) or not ends.any():
        return -0.1, 0.1
    usual = 1.5 * float(np.quantile(np.abs(ends), 0.75))
    limit = usual if np.abs(ends).max() > 2 * usual > 0 else float(np.abs(ends).max())
    return max(min(float(ends.min()), 0.0), -limit), min(max(float(ends.max()), 0.0), limit)


def class_counts(counts: pd.DataFrame, *, title: str) -> Figure:
    """Training rows per class before (hollow) and after (filled) each strategy, on a log scale.

    Parameters
    ----------
    counts : DataFrame of strategy and `mean_counts`' columns
        One line per strategy and fold; means over folds are drawn.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
    """
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
                    axes.plot(
                        [before, after], [at + shift] * 2, color=colour, linewidth=1.2, alpha=0.6
                    )
                if pd.notna(before) and before > 0:
                    axes.plot(
                        [before],
                        [at + shift],
                        "o",
                        color=colour,
                        markerfacecolor="none",
                        markersize=6,
                    )
                if pd.notna(after) and after > 0:
                    axes.plot([after], [at + shift], "o", color=colour, markersize=4.5)
            if pd.isna(entry["negatives_after"]):
                axes.annotate(
                    "did not run",
                    (0.5, at),
                    xycoords=("axes fraction", "data"),
                    ha="center",
                    va="center",
                    color=QUIET,
                    fontsize=8,
                    style="italic",
                )
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        if high / low < 10:  # an axis shorter than a power of ten might have no label
            axes.set_xlim(10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high)))
        subs = (1.0,) if high / low > 1e4 else (1.0, 2.0, 5.0)
        axes.xaxis.set_major_locator(LogLocator(subs=subs))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(
            lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"
        )
        axes.set_yticks(range(len(strategies)), strategies)
        axes.set(
            ylim=(len(strategies) - 0.4, -0.6), xlabel="training rows, mean over folds (log scale)"
        )
        axes.grid(False, axis="y")
        handles = [
            Line2D(
                [],
                [],
                color=colour,
                marker="o",
                linestyle="",
                markersize=size,
                markerfacecolor=face,
                label=label,
            )
            for colour, size, face, label in (
                (BETTER, 6, "none", "negatives before"),
                (BETTER, 4.5, BETTER, "negatives after"),
                (WORSE, 6, "none", "positives before"),
                (WORSE, 4.5, WORSE, "positives after"),
            )
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, handletextpad=0.2)
        return _settled(figure)


RELIABILITY_LABELS = ("mean probability", "share of positives")
"""Axis labels of reliability diagrams."""

SIDES: dict[str, dict[str, Any]] = {
    "raw": {"color": PALETTE[1], "linestyle": DASHES[1], "marker": "s"},
    "corrected": {"color": PALETTE[0], "linestyle": DASHES[0], "marker": "o"},
}
"""Styles of raw and of recalibrated probabilities."""

SIDE_LABELS = {"raw": "raw", "corrected": "recalibrated"}
"""Labels of the two."""


def reliability(points: pd.DataFrame, *, title: str) -> Figure:
    """Reliability diagrams: one panel per combination, raw and recalibrated probabilities.

    Both axes are in log odds, on which 0.001 and 0.01 are as far apart as 0.99 and 0.999. With rare
    positives, nearly all points would otherwise lie in one corner. The dotted diagonal marks
    perfect calibration; below it probabilities are too high. Bars are intervals. A bin without
    positive rows, or without negative rows, is a triangle at the edge; values beyond the axes lie
    at the edge too.

    Parameters
    ----------
    points : DataFrame of strategy, model, side, mean_probability, observed, low, high, rows
        Side is raw or corrected; the rest as `counterpoise.evaluation.calibration.reliability`
        returns it. Lines with a missing probability are left out.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
    """
    known = points[points["mean_probability"].notna() & points["observed"].notna()]
    if known.empty:
        return _nothing(title)
    cells = _cells(points)
    groups = dict(iter(known.groupby(["strategy", "model", "side"], sort=False)))
    least, most = probability_range(
        known[["mean_probability", "observed"]].to_numpy(dtype=np.float64)
    )
    with _style():
        figure, panels = _panels(cells, title, width=3.0, height=3.1, legend=5)
        wide = 2.5 if len(cells) > 1 else 3.4
        for panel, cell, name in zip(panels, cells, _cell_titles(cells, 3.0), strict=True):
            reliability_axes(panel, least, most, wide)
            notes = draw_reliability(
                panel,
                {side: groups[*cell, side] for side in SIDES if (*cell, side) in groups},
                least,
                most,
            )
            _titled(panel, name, notes or ["no probabilities"])
        _label(panels, *RELIABILITY_LABELS)
        _legend(figure, reliability_handles(extremes(known)), panels)
        return _settled(figure)


def draw_reliability(
    panel: Axes, sides: Mapping[str, pd.DataFrame], least: float, most: float
) -> list[str]:
    """Draw the reliability diagram of one combination.

    Parameters
    ----------
    panel : Axes
        Changed in place.
    sides : mapping of {"raw", "corrected"} to DataFrame
        Points of each side.
    least, most : float
        Probabilities at the ends of the axes.

    Returns
    -------
    list of str
        One line per side: how many rows a point stands for.
    """

    def at(values: Any) -> Any:
        return _logit(np.clip(np.asarray(values, dtype=np.float64), least, most))

    notes = []
    for side, group in sides.items():
        look = SIDES[side]
        x, y = at(group["mean_probability"]), at(group["observed"])
        panel.vlines(
            x, at(group["low"]), at(group["high"]), color=look["color"], linewidth=1.0, alpha=0.7
        )
        observed = group["observed"].to_numpy(dtype=np.float64)
        inside = (observed > 0) & (observed < 1)
        panel.plot(x, np.where(inside, y, np.nan), linewidth=1.2, **{**look, "marker": ""})
        for here, marker in ((observed == 0, "v"), (observed == 1, "^"), (inside, look["marker"])):
            if here.any():
                panel.plot(
                    x[here], y[here], marker, color=look["color"], markersize=4.5, clip_on=False
                )
        notes.append(f"{SIDE_LABELS[side]}: {_span(group['rows'])} rows a point")
    return notes


def reliability_axes(panel: Axes, least: float, most: float, inches: float) -> None:
    """Set both axes to log odds between two probabilities, and draw the diagonal.

    Parameters
    ----------
    panel : Axes
        Changed in place.
    least, most : float
        Probabilities at the ends of the axes.
    inches : float
        Approximate width of the panel; decides how many ticks fit.
    """
    low, high = _logit(least), _logit(most)
    room = 0.03 * (high - low)
    panel.plot([low, high], [low, high], color=QUIET, linestyle=":", linewidth=1.2)
    panel.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
    ticks = log_odds_ticks(least, most)
    across = apart_ticks(ticks, inches / (high - low))
    panel.set_xticks(_logit(across), [plain_number(v) for v in across], fontsize=8)
    panel.set_yticks(_logit(ticks), [plain_number(v) for v in ticks], fontsize=8)


def extremes(points: pd.DataFrame) -> tuple[bool, bool]:
    """Whether some bins have no positive row, and whether some have no negative row.

    Parameters
    ----------
    points : DataFrame of observed, ...
        Points of reliability diagrams.

    Returns
    -------
    tuple of bool
    """
    return bool((points["observed"] == 0).any()), bool((points["observed"] == 1).any())


def reliability_handles(extreme: tuple[bool, bool]) -> list[Any]:
    """Legend handles of reliability diagrams.

    Parameters
    ----------
    extreme : tuple of bool
        What `extremes` returns.

    Returns
    -------
    list of Line2D
    """
    handles: list[Any] = [
        Line2D([], [], linewidth=1.2, markersize=4.5, label=SIDE_LABELS[side], **look)
        for side, look in SIDES.items()
    ]
    for there, marker, meaning in zip(
        extreme, "v^", ("no positive row", "no negative row"), strict=True
    ):
        if there:
            handles.append(
                Line2D(
                    [], [], color=QUIET, marker=marker, linestyle="", markersize=4.5, label=meaning
                )
            )
    return [
        *handles,
        Line2D([], [], color=QUIET, linestyle=":", linewidth=1.2, label="perfectly calibrated"),
    ]


def _logit(p: Any) -> Any:
    return np.log(p) - np.log1p(-np.asarray(p, dtype=np.float64))


def probability_range(p: NDArray[np.float64]) -> tuple[float, float]:
    """Ends of a log odds axis: powers of ten from 0 and from 1 that include the values.

    Parameters
    ----------
    p : ndarray
        Probabilities; 0 and 1 are ignored.

    Returns
    -------
    least, most : float
        Within [1e-5, 0.01] and [0.99, 0.999].
    """
    inside = p[(p > 0) & (p < 1)]
    least, rest = (math.floor(math.log10(min([*values, 0.01]))) for values in (inside, 1 - inside))
    return 10.0 ** max(least, -5), 1 - 10.0 ** max(rest, -3)


def log_odds_ticks(least: float, most: float) -> list[float]:
    """Probabilities to label on a log odds axis.

    Parameters
    ----------
    least, most : float
        Probabilities at the ends of the axis.

    Returns
    -------
    list of float
        Ascending.
    """
    tens = [10.0**k for k in range(-5, 0)]
    ends = (
        [v for v in tens if v >= 0.999 * least],
        [1 - v for v in reversed(tens) if v >= 0.999 * (1 - most)],
    )
    return [*ends[0], 0.5, *ends[1]]


def plain_number(value: float) -> str:
    """Format a number without an exponent, with at most seven decimals.

    Parameters
    ----------
    value : float
        The number.

    Returns
    -------
    str
        Without trailing zeros.
    """
    return f"{value:.7f}".rstrip("0").rstrip(".")


def apart_ticks(ticks: Sequence[float], inches: float) -> list[float]:
    """Select ticks whose labels do not overlap, outwards from 0.5.

    Parameters
    ----------
    ticks : sequence of float
        Probabilities.
    inches : float
        Length of one unit of log odds.

    Returns
    -------
    list of float
        Ascending, with 0.5 among them.
    """
    labelled = [0.5]
    for side in ([v for v in reversed(ticks) if v < 0.5], [v for v in ticks if v > 0.5]):
        last = 0.5
        for value in side:
            letters = (len(plain_number(value)) + len(plain_number(last))) / 2
            if abs(float(_logit(value) - _logit(last))) * inches >= 0.062 * letters + 0.06:
                labelled.append(value)
                last = value
    return sorted(labelled)


def _span(rows: pd.Series) -> str:
    least, most = int(rows.min()), int(rows.max())
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def score_distribution(
    frame: pd.DataFrame, *, title: str, thresholds: pd.DataFrame | None = None
) -> Figure:
    """Histograms of the scores of negatives and positives, as shares of each class, on a log scale.

    Parameters
    ----------
    frame : DataFrame of strategy, model, label, left, right, share
        As `counterpoise.evaluation.calibration.histogram` returns it, for each combination.
    title : str
        Title of the figure.
    thresholds : DataFrame of strategy, model, rule, threshold, optional
        Vertical lines. Other columns are ignored, so decisions.csv can be passed.

    Returns
    -------
    Figure
    """
    if frame.empty or not (frame["share"] > 0).any():
        return _nothing(title)
    cells = _cells(frame)
    groups = dict(iter(frame.groupby(["strategy", "model", "label"], sort=False)))
    bottom = lowest_share(frame)
    lines = _known_lines(thresholds, cells)
    look = looks_of_thresholds(lines)
    with _style():
        figure, panels = _panels(cells, title, width=3.0, height=2.1, legend=2 + len(look))
        for panel, cell, name in zip(panels, cells, _cell_titles(cells, 3.0), strict=True):
            mine = [line for line in lines if (line["strategy"], line["model"]) == cell]
            _titled(
                panel,
                name,
                shares(panel, {label: groups.get((*cell, label)) for label in CLASSES}, bottom),
            )
            for line in mine:
                threshold(panel, line, look)
            axes_of_shares(panel, bottom)
        _label(panels, *SHARES)
        _legend(figure, handles_of_shares(look), panels)
        return _settled(figure)


SHARES = ("score", "share of the class")
"""Axis labels of the histograms of scores."""

CLASSES = {0: (BETTER, "negatives"), 1: (WORSE, "positives")}
"""Colour and name of each class."""


def lowest_share(frame: pd.DataFrame) -> float:
    """Lower end of an axis of shares.

    Parameters
    ----------
    frame : DataFrame of share, ...
        Histograms, with at least one positive share.

    Returns
    -------
    float
        At least 1e-7.
    """
    return max(0.6 * float(frame.loc[frame["share"] > 0, "share"].min()), 1e-7)


def _known_lines(
    thresholds: pd.DataFrame | None, cells: Sequence[Cell]
) -> list[dict[Hashable, Any]]:
    lines = (
        [] if thresholds is None else thresholds[thresholds["threshold"].notna()].to_dict("records")
    )
    return [line for line in lines if (line["strategy"], line["model"]) in cells]


def looks_of_thresholds(lines: Sequence[Mapping[Hashable, Any]]) -> dict[str, Look]:
    """Line style of each threshold rule.

    Parameters
    ----------
    lines : sequence of mapping
        Thresholds with the name of their rule in `rule`.

    Returns
    -------
    dict of str to Look
    """
    rules = dict.fromkeys(str(line["rule"]) for line in lines)
    return {
        name: {"color": INK, "linewidth": 1.1, "linestyle": THRESHOLDS[k % len(THRESHOLDS)]}
        for k, name in enumerate(rules)
    }


def shares(panel: Axes, classes: Mapping[int, pd.DataFrame | None], bottom: float) -> list[str]:
    """Draw the histograms of one combination's scores.

    Parameters
    ----------
    panel : Axes
        Changed in place.
    classes : mapping of label to DataFrame or None
        Histogram of each class.
    bottom : float
        Lower end of the axis of shares.

    Returns
    -------
    list of str
        Messages on the classes without a histogram.
    """
    missing = []
    for label, group in classes.items():
        colour, which = CLASSES[label]
        if group is None or group["share"].isna().any():
            missing.append(f"no {which}")
            continue
        edges = np.append(group["left"].to_numpy(), group["right"].iloc[-1])
        drawn = np.maximum(group["share"].to_numpy(dtype=np.float64), bottom / 10)
        panel.stairs(
            drawn, edges, baseline=bottom / 10, fill=True, color=colour, alpha=0.22, linewidth=0
        )
        panel.stairs(drawn, edges, baseline=bottom / 10, color=colour, linewidth=1.1)
    return missing


def threshold(panel: Axes, line: Mapping[Hashable, Any], look: Mapping[str, Look]) -> None:
    """Draw a threshold as a vertical line.

    Parameters
    ----------
    panel : Axes
        Changed in place.
    line : mapping of rule, threshold
        A threshold outside of [0, 1] is drawn at the edge.
    look : mapping of str to Look
        What `looks_of_thresholds` returns.
    """
    panel.axvline(min(max(line["threshold"], 0.0), 1.0), **look[str(line["rule"])])


def axes_of_shares(panel: Axes, bottom: float) -> None:
    """Set the axes to scores from 0 to 1, and shares of a class on a log scale.

    Parameters
    ----------
    panel : Axes
        Changed in place.
    bottom : float
        Lower end of the axis of shares.
    """
    panel.set_yscale("log")
    panel.set(xlim=(-0.01, 1.01), ylim=(bottom, 1.3))
    panel.yaxis.set_major_locator(LogLocator(numticks=6))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(lambda value, _: plain_number(value))
    panel.xaxis.set_major_locator(MaxNLocator(5))


def handles_of_shares(look: Mapping[str, Look]) -> list[Any]:
    """Legend handles of the histograms of scores.

    Parameters
    ----------
    look : mapping of str to Look
        What `looks_of_thresholds` returns.

    Returns
    -------
    list of Patch and Line2D
    """
    handles: list[Any] = [
        Patch(facecolor=(colour, 0.22), edgecolor=colour, label=which)
        for colour, which in CLASSES.values()
    ]
    return handles + [
        Line2D([], [], label=f"threshold {name}", **one) for name, one in look.items()
    ]


THRESHOLDS: tuple[Any, ...] = ("--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
"""Line styles of threshold rules."""


def learning_curves(frame: pd.DataFrame, *, title: str) -> Figure:
    """Learning curves: losses above, scores (higher is better, such as average precision) below.

    A step is a gradient step of a net or a round of boosting. Lines are means over folds, bands go
    from low to high. Each combination has its own scale of losses, since losses that weigh rows
    differently are not comparable. The lower panels share one scale.

    Parameters
    ----------
    frame : DataFrame of strategy, model, series, step, mean, low, high
        A series whose name contains `loss` goes above, every other one below.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
    """
    known = frame[np.isfinite(frame["mean"].to_numpy(dtype=np.float64))]
    if known.empty:
        return _nothing(title)
    cells, series = _cells(frame), _order(known, "series")
    losses, others = [s for s in series if "loss" in s], [s for s in series if "loss" not in s]
    kinds = [kind for kind in (losses, others) if kind]
    colours = {
        **dict(zip(losses, (PALETTE[1], PALETTE[0], *PALETTE[3:]), strict=False)),
        **dict(zip(others, PALETTE[2:], strict=False)),
    }
    look: dict[str, Any] = {
        name: {
            "color": colours.get(name, QUIET),
            "linestyle": DASHES[name in losses[:1]],
            "linewidth": 1.4,
        }
        for name in series
    }
    groups = dict(iter(known.groupby(["strategy", "model", "series"], sort=False)))
    columns, down = min(3, len(cells)), len(kinds)
    lines = -(-len(cells) // columns)
    values = known.loc[known["series"].isin(losses), "mean"]
    log = len(values) > 0 and values.min() > 0 and values.max() > 30 * values.min()
    with _style():
        heights = [1.9 if kind is losses else 1.3 for kind in kinds]
        figure = _figure(max(4.2, 3.0 * columns), lines * (sum(heights) + 0.3) + 0.9, title)
        grid = figure.subplots(
            down * lines, columns, sharex=True, squeeze=False, height_ratios=heights * lines
        )
        for panel in grid.flat:
            panel.set_visible(False)
        scores, names = None, _cell_titles(cells, 3.0)
        score = (
            others[0].removeprefix("validation_").replace("_", " ") if len(others) == 1 else "score"
        )
        labels = [
            ("loss (log scale)" if log else "loss") if kind is losses else score for kind in kinds
        ]
        for k, cell in enumerate(cells):
            for row, kind in enumerate(kinds):
                panel = grid[k // columns * down + row, k % columns]
                panel.set_visible(True)
                if row == 0:
                    panel.set_title(names[k])
                if kind is others:
                    scores = scores or panel
                    panel.sharey(scores) if panel is not scores else None
                drawn = [name for name in kind if (*cell, name) in groups]
                for name in drawn:
                    group = groups[*cell, name].sort_values("step", kind="stable")
                    low = (
                        group["low"].clip(lower=0.2 * group["mean"].min())
                        if log and kind is losses
                        else group["low"]
                    )
                    panel.fill_between(
                        group["step"],
                        low,
                        group["high"],
                        color=look[name]["color"],
                        alpha=0.2,
                        linewidth=0,
                    )
                    panel.plot(group["step"], group["mean"], **look[name])
                if not drawn:
                    panel.annotate(
                        "nothing recorded",
                        (0.5, 0.5),
                        xycoords="axes fraction",
                        ha="center",
                        va="center",
                        color=QUIET,
                        fontsize=8,
                        style="italic",
                    )
                if kind is losses and log:
                    panel.set_yscale("log")
                    least, most = panel.get_ylim()
                    panel.yaxis.set_major_locator(
                        LogLocator(subs=(1.0,) if most > 200 * least else (1.0, 2.0, 5.0))
                    )
                    panel.yaxis.set_minor_locator(NullLocator())
                    panel.yaxis.set_major_formatter(lambda value, _: plain_number(value))
                else:
                    panel.yaxis.set_major_locator(MaxNLocator(4))
                panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
                panel.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
                if k % columns == 0:
                    panel.set_ylabel(labels[row])
                if row == down - 1 and k >= len(cells) - columns:
                    panel.tick_params(labelbottom=True)
                    panel.set_xlabel("steps")
        handles = [Line2D([], [], label=name.replace("_", " "), **look[name]) for name in look]
        _legend(figure, handles, [grid[0, k % columns] for k in range(len(cells))])
        return _settled(figure)


STATES: dict[str, tuple[str, str, str]] = {
    "complete": ("o", PALETTE[0], "complete"),
    "pruned": ("x", PALETTE[1], "pruned"),
    "failed": ("d", PALETTE[3], "failed"),
}
"""Marker, colour and label of each state of a trial, as a search writes it."""


def search_history(frame: pd.DataFrame, *, title: str, value: str = "average precision") -> Figure:
    """Values of a search, trial by trial, and the best value so far.

    Each fold has its own search. Its best so far is a light line, the mean of these lines a heavy
    one. Pruned and failed trials never count as best; a trial without a value is marked at the
    lower edge.

    Parameters
    ----------
    frame : DataFrame of strategy, model, trial, state, value, optionally repeat and fold
        States are ours or Optuna's, in any case of letters. Larger values are better.
    title : str
        Title of the figure.
    value : str
        Axis label of the values.

    Returns
    -------
    Figure
    """
    if frame.empty:
        return _nothing(title, "No trial was made.")
    cells = _cells(frame)
    # Optuna names the state of a failed trial FAIL
    state = frame["state"].astype(str).str.lower().replace("fail", "failed")
    frame = frame.assign(state=state.where(state.isin(STATES), "other"))
    each = [name for name in ("repeat", "fold") if name in frame]
    looks = {**STATES, "other": (".", QUIET, "other")}
    states = [name for name in looks if (frame["state"] == name).any()]
    with _style():
        figure, panels = _panels(cells, title, width=3.0, height=2.2, legend=len(states) + 1)
        for panel, cell, name in zip(panels, cells, _cell_titles(cells, 3.0), strict=True):
            panel.set_title(name)
            mine = frame[(frame["strategy"] == cell[0]) & (frame["model"] == cell[1])]
            best = best_so_far(mine, each)
            for name in states:
                marker, colour, _ = looks[name]
                some = mine[mine["state"] == name]
                valued = some[some["value"].notna()]
                size = 3.2 if marker in "ox" else 4
                panel.plot(
                    valued["trial"],
                    valued["value"],
                    marker,
                    color=colour,
                    alpha=0.45,
                    markersize=size,
                )
                without = some.loc[some["value"].isna(), "trial"].unique()
                panel.plot(
                    without,
                    np.full(len(without), 0.04),
                    marker,
                    color=colour,
                    markersize=size,
                    transform=panel.get_xaxis_transform(),
                )
            if len(best.columns) > 1:
                for search in best:
                    panel.step(
                        best.index,
                        best[search],
                        where="post",
                        color=BETTER,
                        linewidth=0.7,
                        alpha=0.5,
                    )
            if best.notna().any(axis=None):
                panel.step(best.index, best.mean(axis=1), where="post", color=INK, linewidth=1.7)
            else:
                panel.annotate(
                    "no trial was completed",
                    (0.5, 0.5),
                    xycoords="axes fraction",
                    ha="center",
                    va="center",
                    color=QUIET,
                    fontsize=8,
                    style="italic",
                )
            panel.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
            panel.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        if frame["value"].isna().any():  # room at the lower edge for the trials without one
            low, high = panels[0].get_ylim()
            panels[0].set_ylim(low - 0.1 * (high - low), high)
        _label(panels, "trial", value)
        handles = [
            Line2D([], [], color=colour, marker=marker, linestyle="", markersize=4, label=label)
            for marker, colour, label in (looks[name] for name in states)
        ]
        if each:
            handles.append(
                Line2D(
                    [], [], color=BETTER, linewidth=0.7, alpha=0.7, label="best so far, each fold"
                )
            )
        handles.append(
            Line2D(
                [], [], color=INK, linewidth=1.7, label="best so far" + (", mean" if each else "")
            )
        )
        _legend(figure, handles, panels)
        return _settled(figure)


def best_so_far(trials: pd.DataFrame, each: Sequence[str]) -> pd.DataFrame:
    """Running maximum of the values of completed trials.

    Parameters
    ----------
    trials : DataFrame of trial, state, value, ...
        Trials of one combination.
    each : sequence of str
        Columns that identify a search; empty for a single search.

    Returns
    -------
    DataFrame of shape (trials, searches)
        Indexed by trial. A finished search keeps its best value; a search without a completed trial
        yet has NaN.
    """
    values = trials["value"].where(trials["state"] == "complete").astype(np.float64)
    searches = (
        trials.groupby(list(each), sort=True).indices if each else {"": np.arange(len(trials))}
    )
    index = np.sort(trials["trial"].unique())
    result = {
        name: (
            pd.Series(values.to_numpy()[at], trials["trial"].to_numpy()[at])
            .groupby(level=0)
            .max()
            .reindex(index)
            .cummax()
            .ffill()
        )
        for name, at in searches.items()
    }
    return pd.DataFrame(result, index=index)


MARKERS = ("o", "s", "D", "^", "v", "P")
"""Markers of threshold rules."""


def costs(frame: pd.DataFrame, reference: Mapping[str, float], *, title: str) -> Figure:
    """Mean cost of a decision: a line per combination, a dot per threshold rule, cheapest on top.

    Parameters
    ----------
    frame : DataFrame of strategy, model, rule, expected_cost
        Combinations are sorted by their cheapest rule; the first 20 are shown.
    reference : mapping of name to cost
        Vertical lines, such as the costs of constant predictions. A distant one appears in the
        legend only, since the combinations would otherwise be indistinguishable.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
    """
    known = frame[np.isfinite(pd.to_numeric(frame["expected_cost"]).to_numpy(dtype=np.float64))]
    if known.empty:
        return _nothing(title)
    least = (
        known.groupby(["strategy", "model"], sort=False)["expected_cost"]
        .min()
        .sort_values(kind="stable")
    )
    cells = [(str(strategy), str(model)) for strategy, model in least.index[:CHEAPEST]]
    line = {cell: k for k, cell in enumerate(cells)}
    rules = _order(frame, "rule")
    drawn = known[[cell in line for cell in zip(known["strategy"], known["model"], strict=True)]]
    low = float(drawn["expected_cost"].min())
    above = drawn["expected_cost"].to_numpy(dtype=np.float64) - low
    usual = 1.5 * float(np.quantile(above, 0.75))
    high = low + (usual if above.max() > 2 * usual > 0 else float(above.max()))
    reach = max(high - low, 0.7 * max(abs(low), abs(high))) or 1.0
    reference = {name: value for name, value in reference.items() if math.isfinite(value)}
    near = {
        name: value for name, value in reference.items() if low - reach <= value <= high + reach
    }
    left, right = min([low, *near.values()]), max([high, *near.values()])
    room = 0.04 * ((right - left) or abs(right) or 1.0)
    names = [
        " / ".join(cell) if len(" / ".join(cell)) <= 44 else " /\n".join(cell) for cell in cells
    ]
    longest = max(len(piece) for name in names for piece in name.split("\n"))
    with _style():
        width = 5.2 + 0.075 * longest
        count = len(rules) + len(reference)
        figure = _figure(
            width,
            1.4 + (0.36 if "\n" in "".join(names) else 0.3) * len(cells) + 0.2 * -(-count // 3),
            title,
        )
        axes = figure.add_subplot()
        handles: list[Any] = []
        for k, rule in enumerate(rules):
            mine = drawn[(drawn["rule"] == rule) & (drawn["expected_cost"] <= right)]
            shift = 0.4 * ((k + 0.5) / len(rules) - 0.5)
            at = [line[cell] + shift for cell in zip(mine["strategy"], mine["model"], strict=True)]
            colour = PALETTE[k % len(PALETTE)]
            look: dict[str, Any] = {
                "color": colour,
                "marker": MARKERS[k % len(MARKERS)],
                "linestyle": "",
            }
            look |= {"markersize": 4.5, "markerfacecolor": colour if k else "none"}
            axes.plot(mine["expected_cost"], at, **look)
            handles.append(Line2D([], [], label=rule, **look))
        far = drawn[drawn["expected_cost"] > right]
        for cell, group in far.groupby(["strategy", "model"], sort=False):
            text = ", ".join(
                f"{row['rule']} {_cost(row['expected_cost'])}" for row in group.to_dict("records")
            )
            axes.annotate(
                f"{text} \u25b8",
                (1, line[cell[0], cell[1]]),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="bottom",
                fontsize=7,
                color=QUIET,
            )
        for k, (name, value) in enumerate(reference.items()):
            look = {"color": INK, "linewidth": 1.2, "linestyle": (*THRESHOLDS, "-")[k % 5]}
            text = f"{name} {_cost(value)}"
            if name in near:
                axes.axvline(value, **look)
            else:
                text += " (farther left)" if value < left else " (farther right)"
            handles.append(Line2D([], [], label=text, **look))
        # extra room on the right for the text of costs beyond the axis
        axes.set(
            xlim=(left - room, right + (10 * room if len(far) else room)),
            ylim=(len(cells) - 0.4, -0.6),
        )
        axes.set_yticks(range(len(cells)), names)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        label = "expected cost of a decision"
        if len(least) > len(cells):
            label += f"; the {len(cells)} cheapest of {len(least)} combinations"
        axes.set_xlabel(label)
        figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8.5)
        return _settled(figure)


def _cost(value: float) -> str:
    return f"{value:.3g}".replace("-", "\u2212")


def mean_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """Class counts of each strategy, as means over the folds in which it ran.

    Parameters
    ----------
    counts : DataFrame
        Class counts of each strategy and fold.

    Returns
    -------
    DataFrame
        Indexed by strategy; missing where a strategy ran in no fold.
    """
    columns = [
        "negatives_before",
        "positives_before",
        "negatives_after",
        "positives_after",
        "synthetic",
    ]
    numbers = pd.DataFrame(
        {name: pd.to_numeric(counts[name]).astype("float64") for name in columns}
    )
    return numbers.groupby(counts["strategy"], sort=False).mean()


def _order(frame: pd.DataFrame, column: str) -> list[str]:
    """Distinct names of a column in the order of first appearance, which is that of params.yaml."""
    return [str(name) for name in pd.unique(frame[column])]


def _cells(frame: pd.DataFrame) -> list[Cell]:
    """Distinct combinations of a table, in the order of first appearance."""
    pairs = frame[["strategy", "model"]].drop_duplicates()
    return [(str(strategy), str(model)) for strategy, model in pairs.to_numpy()]


def _cell_titles(cells: Sequence[Cell], width: float) -> list[str]:
    """Panel titles of combinations: on one line if all fit, else the model below the strategy."""
    room = int((width - 0.6) / 0.085)
    names = [" / ".join(cell) for cell in cells]
    if max(map(len, names)) <= room:
        return names
    return ["\n".join(_wrapped(part, room) for part in cell) for cell in cells]


def _titled(panel: Axes, name: str, below: Sequence[str]) -> None:
    """Set a panel's title, and lines of small text between it and the panel."""
    panel.set_title(name, pad=6 + 9.5 * len(below) + 2 * bool(below))
    below_title(panel, below)


def below_title(panel: Axes, lines: Sequence[str]) -> Text:
    """Write lines of small text directly above a panel.

    Parameters
    ----------
    panel : Axes
        Changed in place.
    lines : sequence of str
        The lines.

    Returns
    -------
    Text
    """
    return panel.annotate(
        "\n".join(lines),
        (0.5, 1),
        xytext=(0, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=7,
        color=QUIET,
    )


def _figure(width: float, height: float, title: str) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.set_label(title)
    figure.suptitle(_wrapped(title, int(width / LETTER), " "))
    return figure


def _settled(figure: Figure) -> Figure:
    """Compute the layout once and fix it: it changes with each drawing, and so would the bytes."""
    engine = figure.get_layout_engine()
    if engine is not None and figure.axes:
        engine.execute(figure)
    figure.set_layout_engine(None)  # with "none" matplotlib draws a figure twice on saving
    return figure


NOTHING = "No combination has a result to draw."


def _nothing(title: str, why: str | None = None) -> Figure:
    """Figure with a message instead of a chart."""
    with _style():
        figure = _figure(5.0, 1.4, title)
        figure.text(0.5, 0.35, why or NOTHING, ha="center", color=QUIET)
        return _settled(figure)


def _panels(
    names: Sequence[Any], title: str, *, width: float, height: float, legend: int
) -> tuple[Figure, list[Axes]]:
    """One panel per name, at most three side by side, with shared axes and a legend below."""
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    across = max(4.2, width * columns)
    figure = _figure(across, height * lines + 0.6 + 0.2 * -(-legend // 4), title)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for panel in grid.flat[len(names) :]:
        panel.set_visible(False)
    # the lowest panel of each column keeps its numbers
    for k in range(len(names) - columns, len(names)):
        grid.flat[k].tick_params(labelbottom=True)
    return figure, list(grid.flat[: len(names)])


def _label(panels: Sequence[Axes], x: str, y: str) -> None:
    """Label the outer axes: left of each line, below each column."""
    columns = min(3, len(panels))
    for k, panel in enumerate(panels):
        if k % columns == 0:
            panel.set_ylabel(y)
        if k >= len(panels) - columns:
            panel.set_xlabel(x)


def _legend(figure: Figure, handles: list[Any], panels: Sequence[Axes]) -> None:
    columns = 4 if len(panels) > 2 else 3 if len(panels) == 2 else 2
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=8.5)


def _legend_of_strategies(
    figure: Figure,
    strategies: Sequence[str],
    styles: Mapping[str, Look],
    guess: str,
    panels: list[Axes],
) -> None:
    """Legend of the strategies' lines, and of the dotted one."""
    mine = [name for name in strategies if name in styles]
    handles = [Line2D([], [], label=name, **styles[name]) for name in mine]
    if len(mine) < len(strategies):
        handles.append(Line2D([], [], label=f"{len(strategies) - len(mine)} others", **OTHER))
    handles.append(Line2D([], [], color=QUIET, linestyle=":", linewidth=1.2, label=guess))
    _legend(figure, handles, panels)
    (legend,) = figure.legends
    for name, line, text in zip(mine, legend.get_lines(), legend.get_texts(), strict=False):
        line.set_gid(f"of:{name}")
        text.set_gid(f"of:{name}")


def looks(curves: pd.DataFrame) -> dict[str, Look]:
    """Line style of each strategy, the same in all curves.

    Parameters
    ----------
    curves : DataFrame of strategy, y, ...
        Curves of a dataset; where styles run out, the strategies with the highest mean y get one.

    Returns
    -------
    dict of str to Look
        Without the strategies that get no style of their own.
    """
    strategies = _order(curves, "strategy")
    room = len(PALETTE) * len(DASHES)
    remedies = [name for name in strategies if name != NONE]
    if len(remedies) > room:
        height = curves.groupby("strategy", sort=False)["y"].mean()
        best = sorted(remedies, key=lambda name: (-float(height[name]), name))[: room - 1]
        remedies = [name for name in remedies if name in best]
    styles: dict[str, Look] = {
        name: {
            "color": PALETTE[k % len(PALETTE)],
            "linestyle": DASHES[k // len(PALETTE)],
            "linewidth": 1.3,
        }
        for k, name in enumerate(remedies)
    }
    if NONE in strategies:
        styles = {NONE: {"color": INK, "linewidth": 1.9}, **styles}
    return styles


def swatch(look: Mapping[str, Any] | None) -> str:
    """Draw a piece of a strategy's line as an `<svg>` element, for its check box.

    Parameters
    ----------
    look : mapping or None
        Style of the line; `OTHER` for None.

    Returns
    -------
    str
    """
    look = look or OTHER
    style = look.get("linestyle", "-")
    parts = () if style == "-" else style[1]
    dash = f' stroke-dasharray="{" ".join(str(part) for part in parts)}"' if parts else ""
    colour = "currentColor" if look["color"] == INK else look["color"]
    return (
        '<svg class="swatch" viewBox="0 0 26 8" width="26" height="8" aria-hidden="true"><path'
        f' d="M0 4H26" fill="none" stroke="{colour}"'
        f' stroke-width="{1.3 * look["linewidth"]:g}"{dash}/></svg>'
    )


def _row_rates(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each count as a share of its row; NaN in an empty row."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"


def _on_heat(rate: float) -> str:
    """Text colour that is legible on the heat colour of a rate."""
    return "white" if rate > 0.66 else "#101418"


def _colour_bar(figure: Figure, mesh: Any, axes: Axes) -> None:
    bar = figure.colorbar(mesh, ax=axes, fraction=0.04, pad=0.02, aspect=30)
    bar.set_label("share of the actual class", fontsize=8)
    bar.ax.spines[:].set_visible(False)


def _wrapped(text: str, width: int, at: str = "_") -> str:
    """Break a text after the character `at`, to a maximum width where possible."""
    lines = [""]
    for piece in re.findall(rf"[^{at}]+{at}?|{at}", text):
        if lines[-1] and len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip(" ") for line in lines)
