"""The pages in a real browser: a dataset's page, opened as the file that it is, and MLflow's pages
of its runs."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from counterpoise.report.page import percent
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from counterpoise.core import files
from counterpoise.core.paths import REPOSITORY
from counterpoise.evaluation.summary import number
from counterpoise.report import dataset_page
from tests.helpers.computed import computed

PARAMS: dict[str, Any] = {
    "seed": 5,
    "datasets": {
        "digits": {
            "path": "data/cards/digits.md",
            "source": {"bundled": "digits"},
            "target": "digit",
            "positive": 8,
        }
    },
    "strategies": {
        "none": {},
        "random_over": {},
        "random_under": {},
        "adasyn": {"params": {"n_neighbors": 600}},
    },
    "models": {
        "logistic_regression": {"params": {"max_iter": 200}},
        "xgboost": {"params": {"n_estimators": 5}},
        "xgboost_weighted": {
            "strategies": ["none"],
            "params": {"n_estimators": 5, "scale_pos_weight": "balanced"},
        },
    },
    "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 2, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {"half": 0.5, "tuned": "f1"},
    "costs": {"false_positive": 1, "false_negative": 10},
}  # adasyn cannot run: 600 neighbours are more than there are positives
WIDTHS = (1280, 390)

# what MLflow asks of SQLAlchemy
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of digits and its pages."""
    folder = tmp_path_factory.mktemp("browser")
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        computed(PARAMS)
        for name, *arguments in (("report", "digits"), ("compare",)):
            patch.setattr(sys, "argv", [name, *arguments])
            importlib.import_module(f"stages.{name}").main()
    return folder


@pytest.fixture(scope="module")
def tables(results: Path) -> dict[str, pd.DataFrame]:
    folder = results / "data" / "evaluations" / "digits"
    return {name: files.read_csv(folder / f"{name}.csv") for name in dataset_page.TABLES}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium of this machine, else Playwright's own; without one these tests fail instead of
    being skipped."""
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, BROWSERS)), None)
        if found is None and not Path(playwright.chromium.executable_path).is_file():
            pytest.fail(
                f"these tests open pages in a browser, and there is neither {', '.join(BROWSERS)}"
                " on the PATH nor Playwright's own: `apt-get install chromium` or `python -m"
                " playwright install chromium` brings one"
            )
        opened = playwright.chromium.launch(executable_path=found)
        yield opened
        opened.close()


@dataclass
class OpenPage:
    """An open page, what it complained of and what it requests for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, page: Page) -> OpenPage:
        opened_page = cls(page)
        page.on(
            "console",
            lambda m: (
                opened_page.errors.append(f"{m.text} ({m.location})") if m.type == "error" else None
            ),
        )
        page.on("pageerror", lambda error: opened_page.errors.append(str(error)))
        page.on("request", lambda request: opened_page.requests.append(request.url))
        return opened_page


@contextlib.contextmanager
def opened(browser: Browser, path: Path, width: int = 1280, **options: Any) -> Iterator[Page]:
    """A page from a file, which may have no errors and no other requests."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    opened_page = OpenPage.of(context.new_page())
    opened_page.page.goto(path.as_uri())
    yield opened_page.page
    context.close()
    assert opened_page.errors == []
    assert [url for url in opened_page.requests if not url.startswith("data:")] == [path.as_uri()]


@pytest.fixture(params=WIDTHS, ids=lambda width: f"{width}px")
def page(browser: Browser, results: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    with opened(browser, results / "reports" / "digits.html", request.param) as found:
        yield found


ARTIFACTS = Path(os.environ.get("COUNTERPOISE_SCREENSHOTS") or REPOSITORY / "test-artifacts")
"""Where the pictures that the tests take are kept, for people to look at; git ignores it."""


@pytest.fixture
def keep() -> Any:
    """Keep a picture of the page."""

    def kept(page: Page, name: str, **options: Any) -> Path:
        path = ARTIFACTS / f"{name}-{(page.viewport_size or {}).get('width')}.png"
        page.screenshot(path=path, **options)
        assert path.stat().st_size > 5_000
        return path

    return kept


def texts(page: Page, table: str) -> list[list[str]]:
    """The texts of a table's visible rows."""
    rows: list[list[str]] = page.locator(f"#{table} tbody").evaluate(
        "body => [...body.rows].filter(row => row.offsetParent !== null)"
        ".map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    return rows


def heads(page: Page, table: str) -> list[str]:
    return [" ".join(text.split()) for text in page.locator(f"#{table} thead th").all_inner_texts()]


def is_at(page: Page, name: str) -> Locator:
    return page.locator(f"#try [data-is={name}]")


# ----------------------------------------------------------------- the leaderboard


def sorted_by(text: str) -> float | None:
    try:
        return float(text.split(" to ")[0].replace("\u2212", "-").replace(",", ""))
    except ValueError:
        return None


def test_the_leaderboard_is_sorted_by_every_column_with_the_keyboard_alone(page: Page) -> None:
    names = heads(page, "cells")
    before = texts(page, "cells")
    assert len(names) == 16 and len(before) == 9
    buttons = page.locator("#cells thead button")
    for column in range(len(names)):
        head = page.locator("#cells thead th").nth(column)
        numeric = head.get_attribute("data-number") is not None
        found = {}
        for key in ("Enter", "Space"):
            buttons.nth(column).focus()
            page.keyboard.press(key)
            found[head.get_attribute("aria-sort")] = [row[column] for row in texts(page, "cells")]
            assert page.locator("#cells [aria-sort]").count() == 1
        assert set(found) == {"ascending", "descending"}
        for way, shown in found.items():
            keys = [sorted_by(text) if numeric else text.casefold() for text in shown if text]
            keys = [key for key in keys if key is not None]
            assert keys == sorted(keys, reverse=way == "descending"), (names[column], way)
            filled = [
                bool(text)
                for text in shown
                if not numeric or text == "" or sorted_by(text) is not None
            ]
            assert filled == sorted(filled, reverse=True), "what is missing comes last"
    assert sorted(texts(page, "cells")) == sorted(before), "every row is still there"


def test_the_leaderboard_is_filtered_by_words_and_by_choices(page: Page, keep: Any) -> None:
    bar = page.get_by_role("group", name="Filter the rows below").first
    count = bar.get_by_role("status")
    bar.get_by_label("strategy").select_option("random_under")
    assert {row[0] for row in texts(page, "cells")} == {"random_under"}
    expect(count).to_have_text("2 of 9 rows")
    bar.get_by_label("model").select_option("xgboost")
    assert [row[:2] for row in texts(page, "cells")] == [["random_under", "xgboost"]]
    keep(page, "filtered")
    bar.get_by_role("button", name="show all rows").click()
    assert len(texts(page, "cells")) == 9
    expect(count).to_have_text("")
    bar.get_by_label("level").select_option("baseline")
    assert sorted(row[1] for row in texts(page, "cells")) == ["logistic_regression", "xgboost"]
    bar.get_by_label("level").select_option("algorithm")
    assert [row[:2] for row in texts(page, "cells")] == [["none", "xgboost_weighted"]]
    bar.get_by_label("level").select_option("")
    bar.get_by_label("status").select_option("not applicable")
    assert {row[0] for row in texts(page, "cells")} == {"adasyn"}
    bar.get_by_label("status").select_option("")
    bar.get_by_role("searchbox").fill("OVER regression")
    assert [row[:2] for row in texts(page, "cells")] == [["random_over", "logistic_regression"]]
    expect(count).to_have_text("1 of 9 rows")


# ----------------------------------------------------------------- the slider


def shown_at(page: Page) -> dict[str, str]:
    shown = {name: is_at(page, name).locator("b").inner_text() for name in ("tn", "fp", "fn", "tp")}
    shown |= {
        f"{name}_share": is_at(page, name).locator("small").inner_text()
        for name in ("tn", "fp", "fn", "tp")
    }
    return shown | {
        name: is_at(page, name).inner_text()
        for name in ("precision", "recall", "f1", "specificity", "cost")
    }


def expected_at(row: dict[str, Any]) -> dict[str, str]:
    tn, fp, fn, tp = (int(row[name]) for name in ("tn", "fp", "fn", "tp"))
    expected = {
        name: f"{value:,}"
        for name, value in zip(("tn", "fp", "fn", "tp"), (tn, fp, fn, tp), strict=True)
    }
    shares = zip(
        ("tn", "fp", "fn", "tp"),
        (tn, fp, fn, tp),
        (tn + fp, tn + fp, fn + tp, fn + tp),
        strict=True,
    )
    expected |= {f"{name}_share": percent(count / total) for name, count, total in shares}
    rates = {
        "precision": tp / (tp + fp) if tp + fp else None,
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "specificity": tn / (tn + fp),
        "cost": row["expected_cost"],
    }
    return expected | {name: number(value) or "\u2013" for name, value in rates.items()}


def test_at_the_threshold_half_the_slider_shows_the_decisions_of_every_cell(
    page: Page, tables: dict[str, pd.DataFrame]
) -> None:
    decisions = tables["decisions"]
    half = decisions[(decisions["rule"] == "half") & decisions["tn"].notna()]
    assert len(half) == 7
    for row in half.to_dict("records"):
        is_at(page, "strategy").select_option(row["strategy"])
        is_at(page, "model").select_option(row["model"])
        is_at(page, "slider").fill("0")
        page.locator("#try [data-rule=half]").click()
        assert is_at(page, "threshold").inner_text() == "0.5"
        assert is_at(page, "name").inner_text() == f"{row['strategy']} with {row['model']}"
        expected = expected_at(row)
        assert shown_at(page) == expected
        assert expected["f1"] == number(row["f1"]) and expected["precision"] == (
            number(row["precision"]) or "\u2013"
        )


def test_the_slider_goes_through_all_thresholds_with_the_keyboard_and_says_where_it_is(
    page: Page, tables: dict[str, pd.DataFrame], keep: Any
) -> None:
    board, swept = tables["leaderboard"], tables["thresholds"]
    top = board.loc[board["average_precision"].idxmax()]
    assert is_at(page, "strategy").input_value() == top["strategy"], "it starts at the best cell"
    assert is_at(page, "model").input_value() == top["model"]
    mine = swept[(swept["strategy"] == top["strategy"]) & (swept["model"] == top["model"])].to_dict(
        "records"
    )
    slider = page.get_by_role("slider", name="Threshold")
    slider.focus()
    page.keyboard.press("Home")
    assert shown_at(page) == expected_at(mine[0]) and shown_at(page)["recall"] == "1.000"
    for k in range(1, 40):
        page.keyboard.press("ArrowRight")
        assert shown_at(page) == expected_at(mine[k])
        assert float(is_at(page, "threshold").inner_text()) == mine[k]["threshold"]
    page.keyboard.press("End")
    assert shown_at(page) == expected_at(mine[-1])
    slider.fill("80")
    row = mine[80]
    assert slider.get_attribute("aria-valuetext") == f"threshold {row['threshold']}"
    announcement = (
        f"At the threshold {row['threshold']}, {int(row['tp']):,} of {int(row['tp'] + row['fn']):,}"
        " positives found with"
    )
    expect(page.locator("#try [aria-live=polite]")).to_contain_text(announcement)
    is_at(page, "slider").scroll_into_view_if_needed()
    keep(page, "slider")


def test_the_buttons_go_to_the_threshold_that_decides_most_like_the_rule(
    page: Page, tables: dict[str, pd.DataFrame]
) -> None:
    is_at(page, "strategy").select_option("none")
    is_at(page, "model").select_option("logistic_regression")
    for row in tables["decisions"].to_dict("records"):
        if (row["strategy"], row["model"]) != ("none", "logistic_regression"):
            continue
        button = page.locator(f"#try [data-rule={row['rule']}]")
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert number(row["threshold"]) in button.inner_text()
        shown = shown_at(page)
        called = sum(int(shown[name].replace(",", "")) for name in ("fp", "tp"))
        assert called == pytest.approx(row["fp"] + row["tp"], rel=0.1)


# ----------------------------------------------------------------- curves and time


def displayed(lines: Locator) -> int:
    """How many of some lines are drawn; one that lies flat has no height and is seen all the
    same."""
    return int(
        lines.evaluate_all(
            "all => all.filter(line => getComputedStyle(line).display !== 'none').length"
        )
    )


def test_a_check_box_switches_a_strategy_off_and_on_in_all_curves(page: Page, keep: Any) -> None:
    lines = {
        name: page.locator(f"#curves [data-strategy={name}]")
        for name in ("none", "random_over", "random_under")
    }
    # in each of four figures a panel a model, and in the legend a line and a name
    assert [mine.count() for mine in lines.values()] == [20, 16, 16]
    boxes = page.get_by_role("group", name="Strategies to show")
    boxes.get_by_label("random_over").uncheck()
    assert [displayed(mine) for mine in lines.values()] == [20, 0, 16]
    boxes.get_by_label("random_over").focus()
    page.keyboard.press("Space")
    assert [displayed(mine) for mine in lines.values()] == [20, 16, 16]
    boxes.get_by_role("button", name="baseline only").click()
    assert [displayed(mine) for mine in lines.values()] == [20, 0, 0]
    boxes.scroll_into_view_if_needed()
    keep(page, "toggles")
    boxes.get_by_role("button", name="all").click()
    assert [displayed(mine) for mine in lines.values()] == [20, 16, 16]


def test_every_cell_with_a_result_is_a_point_of_time_against_gain(
    page: Page, results: Path, keep: Any
) -> None:
    points = page.locator("#time-figure .point")
    assert points.count() == 7
    labels = [text.split(": ") for text in points.locator("title").all_text_contents()]
    measured = json.loads(page.locator("#measured").text_content() or "")
    board = files.read_csv(results / "data/evaluations/digits/leaderboard.csv").set_index(
        ["strategy", "model"]
    )
    for name, numbers in labels:
        strategy, model = name.split(" / ")
        seconds, gain = numbers.replace("\u2212", "-").split(" s, ")
        mine = measured[f"{strategy}/{model}"]
        total = sum(mine.get(f"{part}_seconds", 0) for part in ("resample", "fit", "predict"))
        # two digits: 1.05 is 1.1
        assert float(seconds) == pytest.approx(total, rel=0.05, abs=0.001)
        row = board.loc[(strategy, model)]
        assert float(gain) == pytest.approx(
            0 if row["level"] == "none" else row["difference"], abs=0.0006
        )
    page.locator("#time").scroll_into_view_if_needed()
    keep(page, "time")
    front = page.locator("#time-front li strong").all_inner_texts()
    score = {
        f"{strategy} / {model}": value
        for (strategy, model), value in board["average_precision"].dropna().items()
    }
    total = {
        name: sum(
            measured[name.replace(" / ", "/")].get(f"{part}_seconds", 0)
            for part in ("resample", "fit", "predict")
        )
        for name in score
    }
    beaten = {
        one
        for one in score
        for other in score
        if other != one and total[other] <= total[one] and score[other] >= score[one]
    }
    assert front == sorted(set(score) - beaten, key=total.__getitem__)


# ----------------------------------------------------------------- screens, paper, readers


def test_the_page_is_as_wide_as_the_screen_and_its_headings_are_in_order(
    page: Page, keep: Any
) -> None:
    width = (page.viewport_size or {})["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    levels = page.locator("h1, h2, h3, h4").evaluate_all(
        "all => all.map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for control in page.locator("main input, main select, main button").all():
        named = control.evaluate("c => c.labels?.length || c.ariaLabel || c.textContent.trim()")
        assert named, control.evaluate("c => c.outerHTML")
    keep(page, "page", full_page=True)


def test_what_has_the_keyboard_is_seen(page: Page) -> None:
    for selector in ("#cells thead button", "#toggles input", "#threshold-slider", "#cells"):
        target = page.locator(selector).first
        target.evaluate("t => { t.closest('[tabindex]')?.focus(); t.focus(); }")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", selector


@pytest.mark.parametrize("width", WIDTHS)
def test_in_the_dark_the_ground_is_dark_and_letters_are_light(
    browser: Browser, results: Path, width: int, keep: Any
) -> None:
    with opened(browser, results / "reports" / "digits.html", width, color_scheme="dark") as page:
        ink, ground = (
            page.evaluate(f"getComputedStyle(document.body).{name}.match(/\\d+/g).map(Number)")
            for name in ("color", "backgroundColor")
        )
        assert min(ink) > 200 and max(ground) < 60
        keep(page, "dark", full_page=True)


def test_on_paper_there_are_no_controls_and_nothing_is_cut(browser: Browser, results: Path) -> None:
    with opened(browser, results / "reports" / "digits.html") as page:
        page.locator("#toggles input").nth(1).uncheck()
        page.emulate_media(media="print")
        for control in page.locator(
            "nav, .controls, input, select, main button:not(th button)"
        ).all():
            assert not control.is_visible()
        cut = page.locator(".scroll").evaluate_all(
            "all => all.filter(s => s.scrollHeight > s.clientHeight + 1).length"
        )
        assert cut == 0
        page.set_viewport_size({"width": 1047, "height": 700})  # A4 across, less the margins
        assert page.evaluate("document.documentElement.scrollWidth") <= 1047
        content = page.pdf(path=ARTIFACTS / "digits.pdf", format="A4", prefer_css_page_size=True)
        assert content.startswith(b"%PDF") and len(content) > 50_000


def test_without_javascript_everything_is_there_but_the_controls(
    browser: Browser, results: Path
) -> None:
    with opened(browser, results / "reports" / "digits.html", java_script_enabled=False) as page:
        assert page.locator("#curves figure svg").count() == 4
        lines = page.locator("#curves [data-strategy]")
        assert displayed(lines) == lines.count() == 52
        assert page.locator("#cells tbody tr").count() == 9
        assert page.locator("#numbers tbody tr").count() == 28
        assert not any(
            control.is_visible() for control in page.locator("input, select, button").all()
        )
        assert page.get_by_text("The slider needs JavaScript.").is_visible()


def test_the_page_of_all_datasets_sorts_and_filters_too(
    browser: Browser, results: Path, keep: Any
) -> None:
    for width in WIDTHS:
        with opened(browser, results / "reports" / "index.html", width) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            bar = page.get_by_role("group", name="Filter the rows below")
            bar.get_by_label("strategy").select_option("random_over")
            assert {row[1] for row in texts(page, "cells")} == {"random_over"}
            page.get_by_role("button", name="ROC AUC").click()
            assert page.locator("#cells [aria-sort]").inner_text().startswith("ROC AUC")
            keep(page, "index", full_page=True)


HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\"&"


def test_labels_that_look_like_html_stay_labels_in_the_json_of_a_page_too(
    browser: Browser, results: Path, tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    renamed = {
        name: frame.replace({"strategy": {"random_over": HOSTILE}})
        for name, frame in tables.items()
    }
    for name in ("leaderboard", "counts", "decisions"):
        renamed[name]["reason"] = HOSTILE
    facts = files.read_json(results / "data/evaluations/digits/dataset.json") | {
        "positive": HOSTILE
    }
    measured = {f"{HOSTILE}/xgboost": {"fit_seconds": 2.0}, "none/xgboost": {"fit_seconds": 1.0}}
    path = tmp_path / "hostile.html"
    path.write_text(dataset_page.render(HOSTILE, renamed, facts, measured)[0])
    with opened(browser, path) as page:
        assert page.evaluate("window.hacked") is None
        assert page.locator("img").count() == 0 and page.locator("script").count() == 3
        strategy = is_at(page, "strategy")
        strategy.select_option(HOSTILE)
        is_at(page, "model").select_option("xgboost")
        page.locator("#try [data-rule=half]").click()
        decisions = tables["decisions"].set_index(["strategy", "model", "rule"])
        row = decisions.loc[("random_over", "xgboost", "half")].to_dict()
        assert shown_at(page) == expected_at(row)
        bar = page.get_by_role("group", name="Filter the rows below").first
        bar.get_by_label("strategy").select_option(HOSTILE)
        assert {row[0] for row in texts(page, "cells")} == {HOSTILE}
        box = page.get_by_role("group", name="Strategies to show").get_by_label(HOSTILE)
        box.uncheck()
        off = page.locator("#curves .off")
        assert off.count() == 16 and {
            line.get_attribute("data-strategy") for line in off.all()
        } == {HOSTILE}
        assert HOSTILE in " ".join(page.locator("#time-figure title").all_text_contents())
        assert page.evaluate("window.hacked") is None
