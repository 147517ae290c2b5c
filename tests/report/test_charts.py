"""Pictures of calibration, scores, fits, searches and costs: legible, the same each time, and
sensible without data."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy.special import expit, logit

from counterpoise.evaluation import calibration
from counterpoise.report import charts

ONE = [("smote", "logistic_regression")]
EIGHT = [
    (s, m)
    for s in ("none", "random_over", "smote", "near_miss_1")
    for m in ("hist_gradient_boosting", "mlp")
]
LONG = [
    ("borderline_smote_with_a_name_that_goes_on_and_on", "hist_gradient_boosting_weighted_by_cost"),
    ("none", "m"),
    ("near_miss_3_of_five_neighbours", "gradient_boosting_with_a_schedule"),
]
MANY = [(f"s{k}_{s}", m) for k in range(6) for s, m in EIGHT]
CELLS = {"one": ONE, "eight": EIGHT, "long": LONG}
Cells = list[tuple[str, str]]


def rows(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which about 1 % are positive, and probabilities that are the farther off the larger
    k is."""
    random = np.random.default_rng(k)
    values = random.normal(-7, 2.2, 3_000)
    y = (random.random(3_000) < expit(values)).astype(np.int8)
    p = expit(values + k)
    return y, np.round(p, 2) if k % 3 == 2 else p  # a forest's, with exact 0 and 1


def points(cells: Cells) -> pd.DataFrame:
    frames = []
    for k, (strategy, model) in enumerate(cells):
        y, p = rows(k % 8)
        for side, probabilities in (("raw", p), ("corrected", expit(logit(p) - k % 8))):
            if side == "raw" or k:
                frames.append(
                    calibration.reliability(y, probabilities).assign(
                        strategy=strategy, model=model, side=side
                    )
                )
    return pd.concat(frames)


def shares(cells: Cells) -> pd.DataFrame:
    return pd.concat(
        [
            calibration.histogram(*rows(k % 8)).assign(strategy=s, model=m)
            for k, (s, m) in enumerate(cells)
        ]
    )


def thresholds(cells: Cells) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"strategy": s, "model": m, "rule": rule, "threshold": value, "tn": 1}
            for s, m in cells
            for rule, value in (("half", 0.5), ("tuned", 0.31), ("cost", np.nan), ("cost", 0.09))
        ]
    )


SERIES = ("training_loss", "validation_loss", "validation_average_precision")


def fits(cells: Cells, series: tuple[str, ...] = SERIES) -> pd.DataFrame:
    step = np.arange(100, 20_001, 400)
    frames = []
    for k, (strategy, model) in enumerate(cells):
        for name in series:
            mean = (
                np.exp(-step / (400 * (k + 1))) + 0.01
                if "loss" in name
                else 0.8 - 0.7 * np.exp(-step / 3_000)
            )
            band = {"mean": mean, "low": mean - 0.02, "high": mean + 0.02}
            frames.append(
                pd.DataFrame(
                    {"strategy": strategy, "model": model, "series": name, "step": step, **band}
                )
            )
    return pd.concat(frames)


def trials(cells: Cells, folds: int = 5) -> pd.DataFrame:
    random = np.random.default_rng(0)
    lines = []
    for (strategy, model), fold, trial in itertools.product(cells, range(folds), range(12)):
        state = random.choice(["COMPLETE", "PRUNED", "FAIL"], p=[0.7, 0.2, 0.1])
        value = np.nan if state == "FAIL" else 0.6 - abs(random.normal()) / 8
        line = {"strategy": strategy, "model": model, "repeat": 0, "fold": fold, "trial": trial}
        lines.append({**line, "state": state, "value": value})
    return pd.DataFrame(lines)


def decided(cells: Cells) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "strategy": s,
                "model": m,
                "rule": rule,
                "expected_cost": 0.05 + 0.003 * k + 0.01 * j + (k % 9 == 8) * 0.5,
            }
            for k, (s, m) in enumerate(cells)
            for j, rule in enumerate(("half", "tuned", "cost"))
        ]
    )


REFERENCE = {"accept all": 0.99, "refuse all": 0.1, "oracle": 0.0}
DRAWINGS: dict[str, tuple[Callable[[Cells], pd.DataFrame], Callable[..., Figure]]] = {
    "reliability": (points, charts.reliability),
    "score_distribution": (shares, charts.score_distribution),
    "learning_curves": (fits, charts.learning_curves),
    "search_history": (trials, charts.search_history),
    "costs": (decided, lambda frame, title: charts.costs(frame, REFERENCE, title=title)),
}


def visible_texts(figure: Figure) -> Iterator[Text]:
    """Every text of a figure that can be read in it."""
    yield from figure.texts
    for legend in figure.legends:
        yield from legend.get_texts()
    for axes in figure.axes:
        if axes.get_visible():
            # others keep a place for what comes
            written = [text for text in axes.texts if not text.get_animated()]
            yield from (axes.title, axes.xaxis.label, axes.yaxis.label, *written)
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
                yield from (tick.label1 for tick in ticks if tick.label1.get_visible())


def assert_legible(figure: Figure) -> None:
    """No text leaves the figure, touches another text or the legend's neighbours, and every panel
    has room."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()  # svg and png have resolutions of their own
    boxes = [
        (t.get_text(), t.get_window_extent(renderer))
        for t in visible_texts(figure)
        if t.get_visible() and t.get_text().strip()
    ]
    width, height = figure.bbox.size
    for text, box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, (
            f"{text!r} leaves the figure"
        )
    for (text, box), (other, there) in itertools.combinations(boxes, 2):
        across = min(box.x1, there.x1) - max(box.x0, there.x0)
        down = min(box.y1, there.y1) - max(box.y0, there.y0)
        assert across <= 0.5 or down <= 0.5, f"{text!r} and {other!r} lie on each other"
    for axes in figure.axes:
        if axes.get_visible():
            assert min(axes.bbox.size / figure.dpi) > 0.45, "a panel without room"
            for legend in figure.legends:
                assert not legend.get_window_extent(renderer).overlaps(axes.bbox)


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("cells", CELLS)
def test_texts_stay_in_the_figure_and_off_each_other(name: str, cells: str) -> None:
    make, draw = DRAWINGS[name]
    assert_legible(draw(make(CELLS[cells]), title=f"creditcard: {name} " * 4))


def assert_fit_for_a_page(first: Figure, second: Figure, most: int) -> None:
    """Two drawings of the same, titled `<b> & $x^$`: the same bytes, the page's ink, escaped, and
    at most so large."""
    text = charts.svg(first)
    assert text == charts.svg(first) == charts.svg(second)
    assert charts.png(first) == charts.png(second)
    assert charts.INK not in text and "currentColor" in text
    assert not re.search(r"#000000|#ffffff|fill: white|nan|NaN|inf\b|mathdefault", text)
    assert "<b>" not in text and 'aria-label="&lt;b&gt; &amp; $x^$"' in text
    assert len(text) < most


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_has_the_same_bytes_each_time_and_its_ink_is_the_page_s(name: str) -> None:
    make, draw = DRAWINGS[name]
    first, second = (draw(make(EIGHT[1:5]), title="<b> & $x^$") for _ in range(2))
    assert_fit_for_a_page(first, second, 400_000)


@pytest.mark.parametrize("name", DRAWINGS)
def test_no_row_and_no_number_are_said_in_words(name: str) -> None:
    make, draw = DRAWINGS[name]
    frame = make(EIGHT)
    numbers = [
        "mean_probability",
        "observed",
        "low",
        "high",
        "share",
        "mean",
        "value",
        "expected_cost",
    ]
    known = [column for column in numbers if column in frame]
    for empty in (frame.iloc[:0], frame.assign(**dict.fromkeys(known, np.nan))):
        figure = draw(empty, title="nothing")
        assert_legible(figure)
        messages = ("No combination has a result", "No trial was made.", "no trial was completed")
        assert any(text in charts.svg(figure) for text in messages)


# Reliability


def test_a_point_lies_at_its_log_odds_and_one_without_positives_at_the_edge() -> None:
    frame = pd.DataFrame(
        {
            "strategy": "smote",
            "model": "a",
            "side": ["raw", "raw", "raw"],
            "mean_probability": [0.002, 0.1, 0.97],
            "observed": [0.0, 0.1, 1.0],
            "low": [0.0, 0.05, 0.6],
            "high": [0.01, 0.2, 1.0],
            "rows": [4_000, 50, 7],
        }
    )
    figure = charts.reliability(frame, title="x")
    (axes,) = figure.axes
    drawn = {
        line.get_marker(): line.get_xydata()
        for line in axes.lines
        if line.get_linestyle() == "None"
    }
    np.testing.assert_allclose(drawn["s"], [logit([0.1, 0.1])])
    low, high = logit(0.001), logit(0.99)
    np.testing.assert_allclose(drawn["v"], [[logit(0.002), low]])
    np.testing.assert_allclose(drawn["^"], [[logit(0.97), high]])
    assert (
        axes.get_xlim() == axes.get_ylim() and axes.get_xlim()[0] < low < high < axes.get_xlim()[1]
    )
    text = charts.svg(figure)
    assert (
        "raw: 7 to 4,000 rows a point" in text
        and "no positive row" in text
        and "no negative row" in text
    )
    assert "corrected:" not in text
    inside = frame.assign(observed=0.1)
    assert "no positive row" not in charts.svg(charts.reliability(inside, title="x"))


def test_probabilities_of_nothing_but_0_and_1_are_drawn_at_the_edges() -> None:
    frame = calibration.reliability(np.array([0, 0, 1, 1], np.int8), np.array([0.0, 0.0, 1.0, 1.0]))
    figure = charts.reliability(frame.assign(strategy="s", model="m", side="raw"), title="x")
    assert_legible(figure)
    assert "raw: 2 rows a point" in charts.svg(figure)


def test_a_cell_without_probabilities_keeps_its_panel_and_says_so() -> None:
    frame = points(EIGHT)
    frame.loc[frame["strategy"] == "smote", ["mean_probability", "observed"]] = np.nan
    figure = charts.reliability(frame, title="x")
    assert_legible(figure)
    assert charts.svg(figure).count("no probabilities") == 2


def test_ticks_of_log_odds_are_written_out_and_do_not_touch() -> None:
    assert charts.log_odds_ticks(1e-5, 0.999) == pytest.approx(
        [1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999]
    )
    assert [charts.plain_number(v) for v in (1e-5, 0.5, 1.0, 0.9999, 20.0)] == [
        "0.00001",
        "0.5",
        "1",
        "0.9999",
        "20",
    ]
    assert charts.apart_ticks([1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9], 0.01) == [0.5], (
        "no room for more"
    )
    assert charts.probability_range(np.array([0.3])) == pytest.approx((0.01, 0.99))
    assert charts.probability_range(np.array([1e-12, 0, 1, 1 - 1e-12])) == pytest.approx(
        (1e-5, 0.999)
    )


# Scores


def test_thresholds_are_drawn_in_their_own_cell() -> None:
    lines = thresholds(EIGHT).iloc[:2].assign(threshold=[0.5, 7.0])
    cells = EIGHT[:4]
    figure = charts.score_distribution(shares(cells), title="x", thresholds=lines)
    at = [
        [float(line.get_xdata()[0]) for line in axes.lines]
        for axes in figure.axes
        if axes.get_visible()
    ]
    assert at == [[0.5, 1.0], [], [], []], "a threshold above every score lies at the edge"
    assert "threshold half" in charts.svg(figure)
    assert "threshold" not in charts.svg(charts.score_distribution(shares(cells), title="x"))
    assert_legible(charts.score_distribution(shares(LONG), title="x", thresholds=thresholds(LONG)))


def test_a_class_without_rows_is_told_and_the_other_drawn() -> None:
    frame = shares(LONG)
    frame.loc[(frame["strategy"] == "none") & (frame["label"] == 1), "share"] = np.nan
    figure = charts.score_distribution(frame, title="x", thresholds=thresholds(LONG))
    assert_legible(figure)
    assert charts.svg(figure).count("no positives") == 1


# Learning curves


def test_losses_lie_above_and_scores_below_with_a_band_over_folds() -> None:
    figure = charts.learning_curves(fits(ONE), title="x")
    above, below = figure.axes
    assert (above.get_ylabel(), below.get_ylabel()) == ("loss (log scale)", "average precision")
    assert len(above.lines) == 2 and len(below.lines) == 1
    assert sum(isinstance(item, PolyCollection) for item in above.collections) == 2
    np.testing.assert_allclose(
        below.lines[0].get_ydata(), fits(ONE).query("series == @SERIES[2]")["mean"]
    )
    assert above.get_position().y0 > below.get_position().y1


def test_losses_without_a_wide_range_are_on_a_plain_scale_and_a_missing_kind_has_no_panel() -> None:
    losses = fits(EIGHT[:2], SERIES[:2])
    losses[["mean", "low", "high"]] += 1
    figure = charts.learning_curves(losses, title="x")
    assert [axes.get_yscale() for axes in figure.axes] == ["linear"] * 2 and figure.axes[
        0
    ].get_ylabel() == "loss"
    figure = charts.learning_curves(fits(EIGHT[:2], SERIES[2:]), title="x")
    assert len(figure.axes) == 2
    assert_legible(figure)


def test_a_cell_that_recorded_nothing_or_blew_up_is_said_so() -> None:
    frame = fits(EIGHT)
    frame.loc[
        (frame["strategy"] == "none") & (frame["model"] == "mlp"), ["mean", "low", "high"]
    ] = np.nan
    frame.loc[frame["step"] > 10_000, ["mean", "high"]] = np.inf
    figure = charts.learning_curves(frame, title="x")
    assert_legible(figure)
    assert charts.svg(figure).count("nothing recorded") == 2


# Searches


def test_the_best_so_far_is_that_of_completed_trials_of_the_same_fold() -> None:
    frame = trials(ONE)
    best = charts.best_so_far(frame.assign(state=frame["state"].str.lower()), ["repeat", "fold"])
    for (repeat, fold), trial in itertools.product([(0, k) for k in range(5)], range(12)):
        mine = frame[
            (frame["repeat"] == repeat) & (frame["fold"] == fold) & (frame["trial"] <= trial)
        ]
        values = [
            v for v, state in zip(mine["value"], mine["state"], strict=True) if state == "COMPLETE"
        ]
        found = best[repeat, fold][trial]
        assert found == max(values) if values else np.isnan(found)


def test_a_search_that_ended_early_keeps_its_best() -> None:
    lines = [
        ("complete", 0, 0, 0.5),
        ("complete", 0, 1, 0.4),
        ("pruned", 1, 0, 0.9),
        ("complete", 1, 5, 0.3),
    ]
    frame = pd.DataFrame(lines, columns=["state", "fold", "trial", "value"])
    best = charts.best_so_far(frame, ["fold"])
    assert best.index.tolist() == [0, 1, 5]
    assert best[0].tolist() == [0.5, 0.5, 0.5]
    assert np.isnan(best[1][[0, 1]]).all() and best[1][5] == 0.3, "a pruned trial is never the best"


def test_a_single_search_needs_no_fold_and_odd_states_are_marked() -> None:
    frame = trials(LONG, folds=1).drop(columns=["repeat", "fold"])
    frame.loc[frame["strategy"] == "none", ["state", "value"]] = ["FAIL", np.nan]
    frame.loc[frame.index[:2], "state"] = "RUNNING"
    figure = charts.search_history(frame, title="x", value="mean cost")
    assert_legible(figure)
    text = charts.svg(figure)
    for expected in (
        "no trial was completed",
        ">other<",
        ">failed<",
        ">pruned<",
        ">best so far<",
        ">mean cost<",
    ):
        assert expected in text
    assert "each fold" not in text


# Costs


def labels(figure: Figure) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in figure.axes[0].get_yticklabels()]


def test_the_cheapest_cells_come_first_and_twenty_are_shown() -> None:
    frame = decided(MANY)
    figure = charts.costs(frame, REFERENCE, title="x")
    order = frame.groupby(["strategy", "model"])["expected_cost"].min().sort_values().index[:20]
    assert labels(figure) == [" / ".join(cell) for cell in order]
    assert_legible(figure)
    assert "the 20 cheapest of 48 combinations" in charts.svg(figure)
    assert "cheapest" not in charts.svg(charts.costs(decided(EIGHT), REFERENCE, title="x"))


def test_references_far_off_are_told_in_words_and_so_are_costs_far_off() -> None:
    frame = decided(MANY[:9])
    figure = charts.costs(frame, REFERENCE, title="x")
    text = charts.svg(figure)
    assert (
        "accept all 0.99 (farther right)" in text
        and ">refuse all 0.1<" in text
        and ">oracle 0<" in text
    )
    (axes,) = figure.axes
    upright = [
        float(line.get_xdata()[0])
        for line in axes.lines
        if len(line.get_xdata()) == 2 and line.get_marker() == "None"
    ]
    assert upright == [0.1, 0.0]
    assert "half 0.574, tuned 0.584, cost 0.594 \u25b8" in text
    assert axes.get_xlim()[1] < 0.5
    dots = sum(len(line.get_xdata()) for line in axes.lines if line.get_linestyle() == "None")
    assert dots == 3 * 8
    assert_legible(figure)


def test_costs_that_are_all_one_or_below_zero_are_drawn() -> None:
    frame = decided(EIGHT[:1]).assign(expected_cost=[-2.0, -2.0, np.nan])
    figure = charts.costs(frame, {"refuse all": 0.0, "unknown": float("nan")}, title="x")
    assert_legible(figure)
    text = charts.svg(figure)
    assert "unknown" not in text and "refuse all 0" in text
    assert_legible(charts.costs(frame.assign(expected_cost=0.0), {}, title="x"))
