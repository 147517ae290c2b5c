"""Charts hold the numbers of the tables, and come out legible whatever names they are given."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.core import paths
from counterpoise.report import charts, vega

HOSTILE = "<b>\"x\"</b> & $y^2$, '\u05d0\u05d1' " + "long " * 40
NAMED = {("none", "a"): "a, no remedy", ("smote", "a"): HOSTILE}
PREVALENCE = 0.1


def cells(**columns: Any) -> pd.DataFrame:
    pieces = [
        pd.DataFrame({"strategy": strategy, "model": model, **columns}) for strategy, model in NAMED
    ]
    return pd.concat(pieces, ignore_index=True)


def values(chart: Any) -> list[pd.DataFrame]:
    """The tables that a chart's specification carries."""

    def found(node: Any) -> list[str]:
        if isinstance(node, dict):
            mine = [node["values"]] if isinstance(node.get("values"), str) else []
            return mine + [text for child in node.values() for text in found(child)]
        return [text for child in node for text in found(child)] if isinstance(node, list) else []

    return [pd.read_csv(io.StringIO(text)) for text in dict.fromkeys(found(vega.spec(chart)))]


BOARD = cells(
    difference=[0.02],
    difference_low=[-0.01],
    difference_high=[0.05],
    verdict=["inconclusive"],
    p_adjusted=[0.4],
)
GRID = np.linspace(0, 1, 11)
CURVES = pd.concat(
    cells(curve=kind, x=GRID, y=1 - GRID / 2, low=0.4, high=1.0) for kind in charts.CURVES
)
BENEFIT = cells(preference=[0.05, 0.1, 0.5], net_benefit=[0.09, 0.08, 0.02])
POINTS = pd.concat(
    cells(
        side=side,
        mean_probability=[0.0, 0.2, 1.0],
        observed=[0.0, 0.3, 1.0],
        low=[0.0, 0.2, 0.9],
        high=[0.1, 0.4, 1.0],
        rows=[5, 5, 5],
    )
    for side in ("raw", "corrected")
)
HISTOGRAMS = cells(side="raw", label=[0, 1], left=[0.0, 0.5], right=[0.5, 1.0], share=[0.9, 0.1])
DECISIONS = cells(rule=["half"], threshold=[0.5])
LEARNING = cells(series="loss", step=[1.0, 2.0], mean=[0.5, 0.4], low=[0.4, 0.3], high=[0.6, 0.5])
ROWS = pd.DataFrame(
    {
        "strategy": "smote",
        "kind": list(charts.KINDS),
        "label": [0, 1, 0, 1],
        "x": [0.0, 1.0, 2.0, 3.0],
        "y": [1.0, 2.0, 3.0, 4.0],
    }
)
SIZES = pd.DataFrame(
    {
        "model": ["a", "a", HOSTILE, HOSTILE],
        "positives": [10.0, 20.0, 10.0, 20.0],
        "average_precision": [0.4, 0.5, 0.3, 0.4],
        "average_precision_low": [0.3, 0.4, 0.2, 0.3],
        "average_precision_high": [0.5, 0.6, 0.4, 0.5],
    }
)
EVERY: dict[str, Callable[[], Any]] = {
    "by_positives": lambda: charts.by_positives(SIZES),
    "forest": lambda: charts.forest(BOARD, NAMED, 0.01),
    **{
        kind: lambda kind=kind: charts.curve(CURVES, NAMED, kind, PREVALENCE)
        for kind in charts.CURVES
    },
    "lift": lambda: charts.lift(CURVES, NAMED),
    "benefit": lambda: charts.benefit(BENEFIT, NAMED, PREVALENCE),
    "cost_by_ratio": lambda: charts.cost_by_ratio(BENEFIT, NAMED, PREVALENCE),
    "reliability": lambda: charts.reliability(POINTS, NAMED, PREVALENCE),
    "scores": lambda: charts.scores(HISTOGRAMS, NAMED, DECISIONS),
    "training_rows": lambda: charts.training_rows(ROWS, {"smote": HOSTILE}, (0.5, 0.2)),
    "learning": lambda: charts.learning(LEARNING, NAMED),
    "importance": lambda: charts.importance(
        pd.DataFrame({"feature": [HOSTILE], "importance": [0.1], "low": [0.0], "high": [0.2]})
    ),
    "course": lambda: charts.course(
        [{"at": 0, "threshold": 0.5, "measure": "recall", "value": 1.0}], 0
    ),
    "panel": charts.panel,
}


@pytest.mark.parametrize("name", [name for name in EVERY if name != "panel"])
def test_a_chart_is_the_same_svg_each_time_and_takes_the_colour_of_the_page(name: str) -> None:
    first, second = (vega.svg(vega.spec(EVERY[name]())) for _ in range(2))
    assert first == second and first.startswith("<svg")
    assert "currentColor" in first
    assert not re.search(r"NaN|Infinity|undefined", first)
    assert "<b>" not in first and "javascript:" not in first


@pytest.mark.parametrize("name", EVERY)
def test_the_element_of_a_page_ends_where_it_should(name: str) -> None:
    text = str(vega.figure("chart", vega.spec(EVERY[name]()), HOSTILE))
    assert text.count("<script") == text.count("</script>") == 1
    assert "<b>" not in text
    assert text.count("<figure>") == text.count("</figure>") == 1


def test_two_charts_of_a_page_share_no_identifier() -> None:
    drawn = [vega.svg(vega.spec(EVERY[name]())) for name in ("benefit", "precision_recall")]
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in drawn]
    assert ids[0] and not ids[0] & ids[1]
    for text, mine in zip(drawn, ids, strict=True):
        assert set(re.findall(r"url\(#([^)]+)\)", text)) <= mine


@pytest.mark.parametrize("name", EVERY)
def test_a_chart_is_valid_vega_lite(name: str) -> None:
    assert EVERY[name]().to_dict(validate=True)["$schema"].endswith(".json")


def test_the_library_is_the_same_when_it_is_read_and_made_anew_where_it_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "STORE", tmp_path)
    made = vega.library.__wrapped__()
    assert len(made) > 500_000 and "vegaEmbed" in made
    (stored,) = tmp_path.iterdir()
    content = stored.read_text()
    assert vega.library.__wrapped__() == made
    for damaged in (content[:-100], content.replace("vegaEmbed", "vegaembed"), "", "[]"):
        stored.write_text(damaged)
        assert vega.library.__wrapped__() == made
        assert stored.read_text() == content


def test_a_picture_is_a_png() -> None:
    assert vega.png(vega.spec(EVERY["forest"]())).startswith(b"\x89PNG")


def test_the_forest_holds_the_intervals_that_the_verdicts_are_read_from() -> None:
    rows = next(one for one in values(EVERY["forest"]()) if "difference" in one)
    assert rows["name"].tolist() == list(NAMED.values())
    columns = ["difference_low", "difference", "difference_high"]
    assert rows[columns].to_numpy().tolist() == [[-0.01, 0.02, 0.05]] * 2
    band = next(one for one in values(EVERY["forest"]()) if "from" in one)
    assert band.to_numpy().tolist() == [[-0.01, 0.01]]


def test_the_decision_curve_has_treat_all_and_treat_none() -> None:
    (rows,) = values(EVERY["benefit"]())
    at = rows.set_index(["name", "preference"])["net_benefit"]
    assert at["a, no remedy", 0.1] == 0.08
    assert at["no row positive", 0.1] == 0
    assert at["every row positive", 0.05] == pytest.approx(0.1 - 0.9 * 0.05 / 0.95, rel=1e-4)
    assert ("every row positive", 0.5) not in at.index, "far below zero"


def test_costs_follow_from_the_net_benefit() -> None:
    """Of 1,000 rows 100 are positive; at 9 false alarms for one positive a model that finds .08 per
    row net costs 9 * 20; no model costs the cheaper of 900 alarms and 900 for the missed."""
    (rows,) = values(EVERY["cost_by_ratio"]())
    cost = rows.assign(ratio=rows["ratio"].round(4)).set_index(["name", "ratio"])["cost"]
    assert cost["a, no remedy", 9.0] == pytest.approx(180)
    assert cost["without a model", 9.0] == pytest.approx(900)
    assert cost["without a model", 1.0] == pytest.approx(100)


def test_lift_is_gain_over_the_share_of_rows() -> None:
    (rows,) = values(EVERY["lift"]())
    mine = rows[rows["name"] == "a, no remedy"].set_index("x")["lift"]
    assert mine[0.5] == pytest.approx(0.75 / 0.5) and 0 not in mine.index
