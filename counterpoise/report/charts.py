"""Charts of a dataset: differences, curves, decisions, probabilities, training rows, learning.

Each function takes tables of `evaluate` and returns an altair chart; `counterpoise.report.vega`
draws it. `named` maps a combination to its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from counterpoise.core.errors import LibraryError
from counterpoise.core.types import Cell
from counterpoise.evaluation.ranks import Ranked
from counterpoise.report.vega import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SERIES,
    VERDICTS,
    WIDTH,
    YELLOW,
    Chart,
)

# this import precedes the script's error handler, so the message is printed here, without a
# traceback
try:
    import altair as alt
except ModuleNotFoundError as missing:
    raise SystemExit(f"\nerror: {LibraryError.of(missing)}") from None

Names = Mapping[Cell, str]
DIGITS = 5
"""Decimals of the values that a page carries."""


def of(table: pd.DataFrame, named: Names) -> pd.DataFrame:
    """Rows of a table that belong to named combinations, with the name in a column.

    Parameters
    ----------
    table : DataFrame of strategy, model, ...
    named : mapping of (strategy, model) to str

    Returns
    -------
    DataFrame
        With a column `name`.
    """
    cells = zip(table["strategy"], table["model"], strict=True)
    mine = table.assign(name=pd.Series([named.get(cell) for cell in cells], table.index, "object"))
    return mine[mine["name"].notna()].round(DIGITS)


def data(frame: pd.DataFrame, columns: Sequence[str]) -> alt.Data:
    """Some columns of a table as values of a chart.

    Parameters
    ----------
    frame : DataFrame
    columns : sequence of str

    Returns
    -------
    altair.Data
    """
    mine = frame[list(columns)]
    numeric = {name for name in columns if pd.api.types.is_numeric_dtype(mine[name])}
    # text with separators is a third of the same rows as JSON
    return alt.Data(
        values=mine.to_csv(index=False, float_format="%.6g"),
        format=alt.CsvDataFormat(
            type="csv", parse={name: "number" if name in numeric else "string" for name in columns}
        ),
    )


def sized(count: int, height: int) -> dict[str, Any]:
    """Size of a chart with a row for each name.

    Parameters
    ----------
    count : int
        How many names.
    height : int
        Of a row, in pixels.

    Returns
    -------
    dict
        Properties of a chart. A page makes the rows higher on a phone, where a name takes two
        lines.
    """
    return {"width": WIDTH - 200, "height": count * height, "usermeta": {"rows": count}}


def forest(
    board: pd.DataFrame, named: Names, worth: float, measured: str = "average precision"
) -> Chart:
    """Differences from the baseline with their intervals.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of a dataset.
    named : mapping of (strategy, model) to str
        The combinations to show, in their order.
    worth : float
        The smallest difference that is worth having.
    measured : str
        What the differences are of.

    Returns
    -------
    altair chart
    """
    mine = of(board[board["difference"].notna()], named)
    columns = ("name", "difference", "difference_low", "difference_high", "verdict", "p_adjusted")
    x = alt.X(
        "difference_low:Q",
        title=f"difference in {measured}",
        axis=alt.Axis(tickCount=8, format="+.5~g"),
        scale=alt.Scale(padding=10),  # a line that touches the edge looks as if it were cut
    )
    base = alt.Chart(data(mine, columns)).encode(
        y=alt.Y("name:N", sort=list(named.values()), title=None, axis=alt.Axis(grid=False)),
        color=alt.Color(
            "verdict:N",
            title=None,
            scale=alt.Scale(domain=list(VERDICTS), range=list(VERDICTS.values())),
            legend=alt.Legend(
                orient="top",
                columns=3,
                values=[name for name in VERDICTS if (mine["verdict"] == name).any()],
            ),
        ),
        tooltip=[
            alt.Tooltip("name:N", title="combination"),
            alt.Tooltip("difference:Q", format="+.4f"),
            alt.Tooltip("difference_low:Q", title="from", format="+.4f"),
            alt.Tooltip("difference_high:Q", title="to", format="+.4f"),
            alt.Tooltip("p_adjusted:Q", title="adjusted p", format=".3g"),
            alt.Tooltip("verdict:N"),
        ],
    )
    ends = pd.DataFrame({"from": [-worth], "to": [worth]})
    band = alt.Chart(data(ends, ("from", "to"))).mark_rect(color=GREEN, opacity=0.12)
    zero = alt.Chart(alt.Data(values=[{"at": 0}])).mark_rule(color=INK, opacity=0.6)
    return alt.layer(
        band.encode(x=alt.X("from:Q"), x2="to:Q"),
        zero.encode(x="at:Q"),
        base.mark_rule(strokeWidth=2).encode(x=x, x2="difference_high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(x="difference:Q"),
    ).properties(**sized(len(mine), 22))


CURVES: dict[str, tuple[str, str]] = {
    "precision_recall": ("recall", "precision"),
    "roc": ("false positive rate", "recall"),
    "gain": ("share of rows taken, highest scores first", "share of positives found"),
}
"""Axes of the mean curves."""


def colours(named: Names, **references: str) -> alt.Color:
    """One colour for each combination, the same in every chart.

    Parameters
    ----------
    named : mapping of (strategy, model) to str
    **references : str
        Colours of further lines, by their names with underscores for blanks.

    Returns
    -------
    altair.Color
    """
    return alt.Color(
        "name:N",
        title=None,
        scale=alt.Scale(
            domain=[*named.values(), *(name.replace("_", " ") for name in references)],
            range=[*SERIES[: len(named)], *references.values()],
        ),
        legend=alt.Legend(orient="top", columns=2, symbolType="stroke", symbolOpacity=1),
    )


def curve(curves: pd.DataFrame, named: Names, kind: str, chance: float) -> Chart:
    """Mean curves of some combinations with a band that four of five folds lie in.

    Parameters
    ----------
    curves : DataFrame of `CURVES`
    named : mapping of (strategy, model) to str
    kind : {"precision_recall", "roc", "gain"}
    chance : float
        Prevalence, which is the precision of guessing.

    Returns
    -------
    altair chart
    """
    mine = of(curves[curves["curve"] == kind], named)
    across, up = CURVES[kind]
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("x:Q", title=across, scale=alt.Scale(type="sqrt") if kind == "gain" else scale)
    lines = alt.Chart(data(mine, ("name", "x", "y", "low", "high"))).encode(
        x=x,
        color=colours(named),
        tooltip=[
            alt.Tooltip("name:N", title="combination"),
            alt.Tooltip("x:Q", title=across, format=".3f"),
            alt.Tooltip("y:Q", title=up, format=".3f"),
        ],
    )
    guess = [{"x": 0, "y": chance}, {"x": 1, "y": chance}] if kind == "precision_recall" else None
    guessing = alt.Chart(alt.Data(values=guess or [{"x": k / 20, "y": k / 20} for k in range(21)]))
    return alt.layer(
        guessing.mark_line(color=INK, opacity=0.5, strokeDash=[4, 4]).encode(x="x:Q", y="y:Q"),
        lines.mark_area(opacity=0.1).encode(
            y=alt.Y("low:Q", title=up, scale=scale), y2="high:Q", tooltip=alt.value(None)
        ),
        lines.mark_line(strokeWidth=2).encode(y=alt.Y("y:Q", title=up, scale=scale)),
    ).properties(width=WIDTH, height=380)


def lift(curves: pd.DataFrame, named: Names) -> Chart:
    """How many times more positives are found than by guessing.

    Parameters
    ----------
    curves : DataFrame of `CURVES`
    named : mapping of (strategy, model) to str

    Returns
    -------
    altair chart
    """
    mine = of(curves[(curves["curve"] == "gain") & (curves["x"] > 0)], named)
    mine = mine.assign(lift=mine["y"] / mine["x"])
    across = CURVES["gain"][0]
    return (
        alt.Chart(data(mine, ("name", "x", "y", "lift")))
        .mark_line(strokeWidth=2, point=True)
        .encode(
            x=alt.X("x:Q", title=across, scale=alt.Scale(type="log"), axis=alt.Axis(format="%")),
            y=alt.Y("lift:Q", title="times as many positives as by guessing"),
            color=colours(named),
            tooltip=[
                alt.Tooltip("name:N", title="combination"),
                alt.Tooltip("x:Q", title="rows taken", format=".1%"),
                alt.Tooltip("y:Q", title="positives found", format=".1%"),
                alt.Tooltip("lift:Q", format=".1f"),
            ],
        )
        .properties(width=WIDTH, height=380)
    )


def benefit(table: pd.DataFrame, named: Names, prevalence: float) -> Chart:
    """Decision curve: net benefit at each preference, beside treating all rows and none.

    Parameters
    ----------
    table : DataFrame of `NET_BENEFIT`
    named : mapping of (strategy, model) to str
    prevalence : float

    Returns
    -------
    altair chart
    """
    mine = of(table, named)
    odds = mine["preference"] / (1 - mine["preference"])
    treat_all = mine.assign(name="every row positive")
    treat_all["net_benefit"] = prevalence - (1 - prevalence) * odds
    treat_none = mine.assign(name="no row positive", net_benefit=0.0)
    frame = pd.concat([mine, treat_all, treat_none]).drop_duplicates(["name", "preference"])
    frame = frame[frame["net_benefit"] >= -prevalence / 4].assign(
        ratio=lambda f: 1 / f["preference"]
    )
    frame["ratio"] = frame["ratio"] - 1
    return (
        alt.Chart(data(frame, ("name", "preference", "net_benefit", "ratio")))
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=12), clip=True)
        .encode(
            x=alt.X(
                "preference:Q",
                title="preference: the probability at which an alarm is worth raising",
                scale=alt.Scale(type="log", domain=[0.005, 0.9]),
                axis=alt.Axis(values=[0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9], format="~%"),
            ),
            y=alt.Y("net_benefit:Q", title="benefit: positives found per row, less false alarms"),
            color=colours(named, every_row_positive=YELLOW, no_row_positive=INK),
            tooltip=[
                alt.Tooltip("name:N", title="combination"),
                alt.Tooltip("preference:Q", format=".1%"),
                alt.Tooltip(
                    "ratio:Q", title="false alarms that one positive is worth", format=".1f"
                ),
                alt.Tooltip("net_benefit:Q", title="net benefit", format=".5f"),
            ],
        )
        .properties(width=WIDTH, height=340)
    )


def cost_by_ratio(table: pd.DataFrame, named: Names, prevalence: float) -> Chart:
    """Expected cost per 1,000 rows against what a missed positive costs, in false alarms.

    Parameters
    ----------
    table : DataFrame of `NET_BENEFIT`
    named : mapping of (strategy, model) to str
    prevalence : float

    Returns
    -------
    altair chart
        With the cheaper of calling all rows and none.
    """
    mine = of(table, named)
    mine["ratio"] = 1 / mine["preference"] - 1
    mine["cost"] = 1000 * mine["ratio"] * (prevalence - mine["net_benefit"])
    without = mine.assign(name="without a model").drop_duplicates("preference")
    without["cost"] = (1000 * without["ratio"] * prevalence).clip(upper=1000 * (1 - prevalence))
    return (
        alt.Chart(data(pd.concat([mine, without]), ("name", "ratio", "cost")))
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=12))
        .encode(
            x=alt.X(
                "ratio:Q",
                title="cost of a missed positive, in false alarms",
                scale=alt.Scale(type="log"),
            ),
            y=alt.Y(
                "cost:Q",
                title="cost per 1,000 rows, in false alarms",
                scale=alt.Scale(type="symlog"),
            ),
            color=colours(named, without_a_model=INK),
            tooltip=[
                alt.Tooltip("name:N", title="combination"),
                alt.Tooltip("ratio:Q", title="cost of a missed positive", format=".1f"),
                alt.Tooltip("cost:Q", title="cost per 1,000 rows", format=".1f"),
            ],
        )
        .properties(width=WIDTH, height=340)
    )


def panels(named: Names) -> alt.Facet:
    """One panel for each combination, in their order.

    Parameters
    ----------
    named : mapping of (strategy, model) to str

    Returns
    -------
    altair.Facet
    """
    return alt.Facet(
        "name:N", title=None, sort=list(named.values()), header=alt.Header(labelLimit=300)
    )


def sides() -> alt.Color:
    """Colours of raw and recalibrated probabilities.

    Returns
    -------
    altair.Color
    """
    return alt.Color(
        "side:N",
        title=None,
        scale=alt.Scale(domain=["raw", "recalibrated"], range=[ORANGE, BLUE]),
        legend=alt.Legend(orient="top", symbolOpacity=1),
    )


def probabilities(constant: float) -> dict[str, Any]:
    """Scale and axis of probabilities, which show 0 and small ones apart.

    Parameters
    ----------
    constant : float
        Below it the scale is about linear, above it logarithmic.

    Returns
    -------
    dict
        Arguments of an encoding.
    """
    return {
        "scale": alt.Scale(type="symlog", constant=constant, domain=[0, 1], nice=False),
        "axis": alt.Axis(
            values=[0, 0.003, 0.01, 0.03, 0.1, 0.3, 1],
            format="~g",
            labelOverlap="greedy",
            labelSeparation=4,
        ),
    }


MEASURES = {"precision": BLUE, "recall": ORANGE, "F1": INK, "cost": GREEN}
"""Lines of the chart above the slider. Cost is shown as a share of the highest in the chart."""


def course(rows: Sequence[Mapping[str, Any]], at: int) -> Chart:
    """Precision, recall, F1 and cost at every threshold, with a line at one of them.

    Parameters
    ----------
    rows : sequence of mapping of at, threshold, measure, value
        `at` counts the thresholds. The script of the page replaces them in the dataset `course`.
    at : int
        The threshold of the line, the parameter `at` of the chart.

    Returns
    -------
    altair chart
    """
    chosen = alt.param("at", value=at)
    axis = alt.Axis(labels=False, ticks=False, grid=False)
    lines = (
        alt.Chart(alt.NamedData("course"))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("at:Q", title=None, axis=axis, scale=alt.Scale(nice=False)),
            y=alt.Y("value:Q", title=None, scale=alt.Scale(domain=[0, 1])),
            color=alt.Color(
                "measure:N",
                title=None,
                scale=alt.Scale(domain=list(MEASURES), range=list(MEASURES.values())),
                legend=alt.Legend(orient="top"),
            ),
            strokeDash=alt.StrokeDash(
                "measure:N",
                title=None,
                scale=alt.Scale(domain=list(MEASURES), range=[[1, 0], [6, 3], [1, 0], [2, 2]]),
            ),
            tooltip=[
                alt.Tooltip("threshold:Q"),
                alt.Tooltip("measure:N"),
                alt.Tooltip("value:Q", format=".3f"),
            ],
        )
    )
    needle = (
        alt.Chart(alt.Data(values=[{}]))
        .transform_calculate(at="at")
        .mark_rule(color=INK, strokeWidth=1.5)
        .encode(x="at:Q")
    )
    drawn = alt.layer(lines, needle).add_params(chosen).properties(width=WIDTH, height=180)
    drawn.datasets = {"course": list(rows)}
    return drawn


def reliability(points: pd.DataFrame, named: Names, prevalence: float) -> Chart:
    """Observed share of positives against the mean predicted probability, with 95 % intervals.

    Parameters
    ----------
    points : DataFrame of `RELIABILITY`
    named : mapping of (strategy, model) to str
    prevalence : float

    Returns
    -------
    altair chart
        One panel for each combination, raw and recalibrated.
    """
    mine = of(points, named).replace({"side": {"corrected": "recalibrated"}})
    both = probabilities(prevalence / 2)
    base = alt.Chart(
        data(mine, ("name", "side", "mean_probability", "observed", "low", "high", "rows"))
    ).encode(
        x=alt.X("mean_probability:Q", title="mean predicted probability", **both),
        color=sides(),
        tooltip=[
            alt.Tooltip("side:N", title="probabilities"),
            alt.Tooltip("mean_probability:Q", title="predicted", format=".4f"),
            alt.Tooltip("observed:Q", format=".4f"),
            alt.Tooltip("low:Q", title="from", format=".4f"),
            alt.Tooltip("high:Q", title="to", format=".4f"),
            alt.Tooltip("rows:Q"),
        ],
    )
    diagonal = base.transform_calculate(one="datum.mean_probability")
    y = alt.Y("observed:Q", title="observed share of positives", **both)
    return (
        alt.layer(
            diagonal.mark_line(color=INK, opacity=0.5, strokeDash=[4, 4]).encode(
                y=alt.Y("one:Q", **both), color=alt.value(GREY)
            ),
            base.mark_rule(opacity=0.5).encode(y=alt.Y("low:Q", scale=both["scale"]), y2="high:Q"),
            base.mark_point(filled=True, size=35, opacity=1).encode(y=y),
        )
        .properties(width=WIDTH / 2 - 60, height=240)
        .facet(facet=panels(named), columns=2)
    )


def scores(histograms: pd.DataFrame, named: Names, decisions: pd.DataFrame) -> Chart:
    """Raw scores of each class, each in shares of its class, with the thresholds of the rules.

    Parameters
    ----------
    histograms : DataFrame of `HISTOGRAM`
    named : mapping of (strategy, model) to str
    decisions : DataFrame
        Decisions whose threshold applies to the scores.

    Returns
    -------
    altair chart
        One panel for each combination.
    """
    mine = of(histograms[histograms["side"] == "raw"], named)
    mine["label"] = mine["label"].map({0: "negative", 1: "positive"})
    limits = of(decisions[decisions["threshold"].notna()], named)
    both = pd.concat([mine, limits])
    base = alt.Chart(data(both, ("name", "label", "left", "right", "share", "rule", "threshold")))
    bars = (
        base.transform_filter("isValid(datum.left)")
        .mark_rect(opacity=0.6)
        .encode(
            x=alt.X("left:Q", title="score", scale=alt.Scale(domain=[0, 1])),
            x2="right:Q",
            y=alt.Y("share:Q", title="share of the class", scale=alt.Scale(type="sqrt")),
            y2=alt.datum(0),
            color=alt.Color(
                "label:N",
                title=None,
                scale=alt.Scale(domain=["negative", "positive"], range=[BLUE, ORANGE]),
                legend=alt.Legend(orient="top", symbolOpacity=1),
            ),
            tooltip=["label:N", "left:Q", "right:Q", alt.Tooltip("share:Q", format=".2%")],
        )
    )
    rules = (
        base.transform_filter("isValid(datum.threshold)")
        .mark_rule(color=INK, strokeDash=[3, 2])
        .encode(x="threshold:Q", tooltip=["rule:N", alt.Tooltip("threshold:Q", format=".4f")])
    )
    return (
        alt.layer(bars, rules)
        .properties(width=WIDTH / 2 - 60, height=180)
        .facet(facet=panels(named), columns=2)
    )


KINDS = {"kept": GREY, "removed": YELLOW, "repeated": BLUE, "synthetic": ORANGE}
"""What became of a training row, and its colour."""


def training_rows(rows: pd.DataFrame, named: Mapping[str, str], shares: Sequence[float]) -> Chart:
    """A sample of the training rows on two axes, one panel for each strategy.

    Parameters
    ----------
    rows : DataFrame
        Table `rows` of `evaluate`.
    named : mapping of str to str
        The remedy of each strategy.
    shares : sequence of two float
        Shares of the variance of the axes.

    Returns
    -------
    altair chart
    """
    mine = rows.assign(
        strategy=rows["strategy"].map(named),
        label=rows["label"].map({0: "negative", 1: "positive"}),
    ).round(3)
    titles = [f"axis {k + 1} ({share:.0%} of the variance)" for k, share in enumerate(shares)]
    return (
        alt.Chart(data(mine, ("strategy", "kind", "label", "x", "y")))
        .mark_point(filled=True, opacity=0.65)
        .encode(
            x=alt.X("x:Q", title=titles[0], scale=alt.Scale(zero=False)),
            y=alt.Y("y:Q", title=titles[1], scale=alt.Scale(zero=False)),
            shape=alt.Shape(
                "label:N",
                title=None,
                scale=alt.Scale(domain=["negative", "positive"], range=["circle", "triangle-up"]),
                legend=alt.Legend(
                    orient="top",
                    columns=2,
                    symbolOpacity=1,
                    symbolFillColor=INK,
                    symbolStrokeWidth=0,
                ),
            ),
            size=alt.condition("datum.label == 'positive'", alt.value(30), alt.value(9)),
            color=alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=list(KINDS), range=list(KINDS.values())),
                legend=alt.Legend(orient="top", columns=4, symbolOpacity=1),
            ),
            tooltip=["label:N", "kind:N"],
        )
        .properties(width=220, height=180)
        .facet(
            facet=alt.Facet("strategy:N", title=None, sort=list(dict.fromkeys(mine["strategy"]))),
            columns=4,
        )
    )


def learning(frame: pd.DataFrame, named: Names) -> Chart:
    """Loss and other series of models that learn in steps.

    Parameters
    ----------
    frame : DataFrame of `LEARNING`
    named : mapping of (strategy, model) to str

    Returns
    -------
    altair chart
        One panel for each combination.
    """
    mine = of(frame, named).replace({"series": {"_": " "}}, regex=True)
    base = alt.Chart(data(mine, ("name", "series", "step", "mean", "low", "high"))).encode(
        x=alt.X("step:Q", title="step"),
        color=alt.Color(
            "series:N",
            title=None,
            scale=alt.Scale(range=[BLUE, GREEN, ORANGE]),
            legend=alt.Legend(orient="top", columns=3, symbolType="stroke", symbolOpacity=1),
        ),
        tooltip=["series:N", "step:Q", alt.Tooltip("mean:Q", format=".4f")],
    )
    return (
        alt.layer(
            base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title=""), y2="high:Q"),
            base.mark_line().encode(y="mean:Q"),
        )
        .properties(width=WIDTH / 2 - 60, height=150)
        .facet(facet=panels(named), columns=2)
        .resolve_scale(y="independent", x="independent")
    )


def by_positives(points: pd.DataFrame) -> Chart:
    """Average precision of the plain models by the number of positives that they are trained on.

    Parameters
    ----------
    points : DataFrame of model, positives, average_precision and its low and high

    Returns
    -------
    altair chart
    """
    measure = "average_precision"
    columns = ("model", "positives", measure, f"{measure}_low", f"{measure}_high")
    models = list(dict.fromkeys(points["model"]))
    base = alt.Chart(data(points, columns)).encode(
        x=alt.X(
            "positives:Q", title="positives among the training rows", axis=alt.Axis(tickCount=8)
        ),
        color=alt.Color(
            "model:N",
            title=None,
            sort=models,
            scale=alt.Scale(range=list(SERIES[1:] + SERIES[:1])),
            legend=alt.Legend(orient="top", columns=3, symbolType="stroke", symbolOpacity=1),
        ),
        tooltip=[
            "model:N",
            alt.Tooltip("positives:Q", format=",.0f"),
            *(alt.Tooltip(f"{name}:Q", format=".4f") for name in columns[2:]),
        ],
    )
    low_to_high = alt.Y(f"{measure}_low:Q", title="average precision", scale=alt.Scale(zero=False))
    return alt.layer(
        base.mark_rule(opacity=0.5).encode(y=low_to_high, y2=f"{measure}_high:Q"),
        base.mark_line(point=True).encode(y=f"{measure}:Q"),
    ).properties(width=WIDTH - 80, height=280)


MOST_FEATURES = 20


def importance(table: pd.DataFrame) -> Chart:
    """Permutation importance of the advised combination's features.

    Parameters
    ----------
    table : DataFrame of feature, importance, low, high
        The most important of them are shown.

    Returns
    -------
    altair chart
    """
    table = table.nlargest(MOST_FEATURES, "importance", keep="first")
    base = alt.Chart(data(table, ("feature", "importance", "low", "high"))).encode(
        y=alt.Y("feature:N", sort=None, title=None),
        tooltip=["feature:N", alt.Tooltip("importance:Q", format=".4f")],
    )
    return alt.layer(
        base.mark_bar(color=BLUE, opacity=0.8).encode(
            x=alt.X("importance:Q", title="average precision lost when the feature is shuffled")
        ),
        base.mark_rule(color=INK).encode(x="low:Q", x2="high:Q"),
    ).properties(**sized(len(table), 20))


def panel() -> Chart:
    """Precision-recall curve and reliability of one combination, beside its baseline.

    Returns
    -------
    altair chart
        Without data: the script of the page fills the datasets `curves` and `points`.
    """
    unit = alt.Scale(domain=[0, 1])
    lines = (
        alt.Chart(alt.NamedData("curves"))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("x:Q", title="recall", scale=unit),
            y=alt.Y("y:Q", title="precision", scale=unit),
            color=alt.Color(
                "name:N",
                title=None,
                scale=alt.Scale(range=[BLUE, GREY]),
                sort=None,
                legend=alt.Legend(orient="top", direction="vertical"),
            ),
            tooltip=["name:N", alt.Tooltip("x:Q", title="recall"), alt.Tooltip("y:Q")],
        )
        .properties(width=340, height=240)
    )
    both = probabilities(0.01)
    scale = both["scale"]
    base = alt.Chart(alt.NamedData("points")).encode(
        x=alt.X("predicted:Q", title="mean predicted probability", **both), color=sides()
    )
    points = alt.layer(
        alt.Chart(alt.Data(values=[{"a": 0, "b": 1}]))
        .mark_rule(color=INK, opacity=0.5, strokeDash=[4, 4])
        .encode(x=alt.X("a:Q", scale=scale), x2="b:Q", y=alt.Y("a:Q", scale=scale), y2="b:Q"),
        base.mark_rule(opacity=0.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        base.mark_point(filled=True, size=35, opacity=1).encode(
            y=alt.Y("observed:Q", title="observed share of positives", **both)
        ),
    ).properties(width=340, height=240)
    beside = alt.hconcat(lines, points).resolve_scale(color="independent")
    beside.datasets = {"curves": [], "points": []}
    return beside


def average_ranks(comparison: Ranked) -> Chart:
    """Average ranks of remedies over datasets, each with half of Nemenyi's critical difference.

    Parameters
    ----------
    comparison : Ranked

    Returns
    -------
    altair chart
        The ranks of two remedies differ by Nemenyi's test where their bars do not overlap (Demsar
        2006).
    """
    half = comparison.critical_difference / 2
    frame = pd.DataFrame(
        {
            "remedy": [str(name) for name in comparison.average.index],
            "rank": comparison.average.to_numpy(),
        }
    ).assign(low=lambda f: f["rank"] - half, high=lambda f: f["rank"] + half)
    base = alt.Chart(data(frame, ("remedy", "rank", "low", "high"))).encode(
        y=alt.Y("remedy:N", sort=None, title=None, axis=alt.Axis(grid=False)),
        tooltip=["remedy:N", alt.Tooltip("rank:Q", format=".2f")],
    )
    x = alt.X("low:Q", title="average rank, 1 is best", scale=alt.Scale(zero=False))
    return alt.layer(
        base.mark_rule(color=BLUE, strokeWidth=2, opacity=0.6).encode(x=x, x2="high:Q"),
        base.mark_point(filled=True, size=60, color=BLUE, opacity=1).encode(x="rank:Q"),
    ).properties(**sized(len(frame), 24))
