"""Critical-difference diagram: average ranks, and groups of remedies not shown to differ."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from counterpoise.core.config import NONE
from counterpoise.evaluation.ranks import ALPHA, Ranked
from counterpoise.report.charts import BETTER, INK, QUIET, _figure, _settled, _style


def critical_difference(comparison: Ranked, *, title: str) -> Figure:
    """Draw average ranks, best on the left, with lines that join remedies not shown to differ.

    Lines follow Wilcoxon's test with Holm's correction. The bar above the axis shows Nemenyi's
    critical difference (Demsar 2006).

    Parameters
    ----------
    comparison : Ranked
        The comparison.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
    """
    # imported late: it takes seconds, and with few datasets there is no diagram
    from scikit_posthocs import critical_difference_diagram

    average, names = comparison.average, [str(name) for name in comparison.average.index]
    half, span = -(-len(names) // 2), len(names) - 1
    with _style():
        figure = _figure(8.4, 2, title)
        axes = figure.add_subplot()
        # positions instead of names: the library keeps names in sets, whose order differs from
        # run to run
        drawn = critical_difference_diagram(
            pd.Series(average.to_numpy()),
            _p_values(comparison),
            alpha=ALPHA,
            ax=axes,
            text_h_margin=0.03 * span,
            elbow_props={"color": QUIET, "linewidth": 0.9},
            marker_props={"color": INK, "s": 14},
            crossbar_props={"color": BETTER, "linewidth": 2, "marker": "o", "markersize": 3.5},
        )
        order = [*range(half), *reversed(range(half, len(names)))]
        for k, label in zip(order, drawn["labels"], strict=True):
            parts = (names[k], f"{average.iloc[k]:.2f}")
            label.set_text("  ".join(parts if k < half else reversed(parts)))
            label.set_x(label.get_position()[0] + (-0.008 if k < half else 0.008) * span)
            label.set(color=INK, fontsize=9, fontweight="bold" if names[k] == NONE else "normal")
        for (line,) in drawn["crossbars"]:
            line.set_data(sorted(line.get_xdata()), line.get_ydata())
        levels = -min((line.get_ydata()[0] for (line,) in drawn["crossbars"]), default=0)
        start, size = float(average.iloc[0]), comparison.critical_difference
        axes.errorbar(
            start + size / 2, 1.6, xerr=size / 2, color=INK, linewidth=1.2, capsize=3, capthick=1.2
        )
        axes.annotate(
            f"critical difference {size:.2f}",
            (start + size, 1.6),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
        lowest = -levels - half - 0.6
        axes.set(xlim=(1, len(names)), ylim=(lowest, 2.1))
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        axes.spines["top"].set_visible(True)
        axes.grid(False)
        figure.set_size_inches(8.4, 0.7 + 0.22 * (2.1 - lowest))
        return _settled(figure)


def _p_values(comparison: Ranked) -> pd.DataFrame:
    """Adjusted p-values of all pairs as a square matrix; 1 for a pair without one."""
    positions = {str(name): k for k, name in enumerate(comparison.average.index)}
    square = np.ones((len(positions), len(positions)))
    for pair in comparison.pairs:
        i, j = positions[pair.first], positions[pair.second]
        square[i, j] = square[j, i] = 1.0 if np.isnan(pair.adjusted) else pair.adjusted
    return pd.DataFrame(square)
