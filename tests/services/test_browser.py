"""The pages in a real browser: a dataset's page, opened as the file that it is, and MLflow's pages
of its runs."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from counterpoise.core import files
from counterpoise.core.paths import REPOSITORY
from counterpoise.evaluation.summary import MINUS, number
from counterpoise.report import dataset_page, index_page
from counterpoise.report.formatting import amount, count, percent
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
        for name, *arguments in (("advise", "digits"), ("report", "digits"), ("compare",)):
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
                opened_page.errors.append(f"{m.text} ({m.location})")
                if m.type in ("error", "warning")
                else None
            ),
        )
        page.on("pageerror", lambda error: opened_page.errors.append(str(error)))
        page.on("request", lambda request: opened_page.requests.append(request.url))
        return opened_page


@contextlib.contextmanager
def opened(
    browser: Browser, path: Path, width: int = 1280, place: str = "", **options: Any
) -> Iterator[Page]:
    """A page from a file, which may have no errors and no other requests."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    opened_page = OpenPage.of(context.new_page())
    opened_page.page.goto(path.as_uri() + place)
    yield opened_page.page
    context.close()
    assert opened_page.errors == []
    requests = [url for url in opened_page.requests if not url.startswith("data:")]
    assert requests == [path.as_uri()]


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
        path = ARTIFACTS / f"{name}-{page.evaluate('innerWidth')}.png"
        page.screenshot(path=path, **options)
        assert path.stat().st_size > 5_000
        return path

    return kept


KINDS = ("tn", "fp", "fn", "tp")


@pytest.fixture(scope="module")
def facts(results: Path) -> dict[str, Any]:
    found: dict[str, Any] = files.read_json(results / "data/evaluations/digits/dataset.json")
    return found


def texts(page: Page, table: str) -> list[list[str]]:
    """The texts of a table's visible rows."""
    rows: list[list[str]] = page.locator(f"#{table} > tbody").evaluate(
        "body => [...body.rows].filter(row => row.getClientRects().length)"
        ".map(row => [...row.cells].map(cell => cell.textContent.trim().replace(/\\s+/g, ' ')))"
    )
    return rows


def values(box: Locator) -> list[str]:
    """The four texts of a confusion matrix."""
    found: list[str] = box.locator(".matrix span").evaluate_all(
        "all => all.map(one => one.lastChild.textContent)"
    )
    return found


def named(row: Any) -> str:
    """The name of a combination, from its row of the leaderboard."""
    model = row["model"] if pd.isna(row["plain_model"]) else row["plain_model"]
    return f"{model}, {'no remedy' if row['remedy'] == 'none' else row['remedy']}"


def by_key(frame: pd.DataFrame, *more: str) -> dict[tuple[str, ...], Any]:
    keys = ["strategy", "model", *more]
    return {tuple(row[key] for key in keys): row for row in frame.to_dict("records")}


def decided(tables: dict[str, pd.DataFrame]) -> dict[tuple[str, ...], Any]:
    """Rows of the table of decisions that have counts."""
    return by_key(tables["decisions"].dropna(subset="tn"), "rule")


def matrix(row: dict[str, Any]) -> list[str]:
    return [count(row[kind]) for kind in KINDS]


# ----------------------------------------------------------------- the answer


def test_the_first_tiles_hold_what_the_tables_say(
    page: Page, tables: dict[str, pd.DataFrame], facts: dict[str, Any]
) -> None:
    board, rows = by_key(tables["leaderboard"]), decided(tables)
    advised = tuple(facts["answers"][facts["goal"]][name] for name in ("strategy", "model"))
    mine = rows[*advised, "cost"]
    use = page.locator("#use")
    assert use.locator(".big").inner_text() == named(board[advised])
    assert use.locator("strong").inner_text() == number(mine["threshold"])
    assert use.get_by_text("(rule cost)").is_visible()
    total = sum(mine[kind] for kind in KINDS)
    assert use.locator("tbody td").all_inner_texts() == [
        text
        for kind in ("tp", "fn", "fp")
        for text in (count(mine[kind]), amount(1000 * mine[kind] / total))
    ]
    shown = dict(text.rsplit(" ", 1) for text in page.locator("#sure li").all_inner_texts())
    verdicts = tables["leaderboard"]["verdict"].value_counts()
    assert shown == {name: str(times) for name, times in verdicts.items()}
    better = verdicts.get("better", 0)
    helping = f"{better or 'No'} {'remedies' if better > 1 else 'remedy'} shown to help"
    assert page.locator("#sure .big").inner_text() == helping
    assert f"Of {verdicts.sum()}," in page.locator("#sure").inner_text()
    lines = [
        (row.locator("th").inner_text(), row.locator("td").inner_text())
        for row in page.locator("#price tbody tr").all()
    ]
    known = facts["costs_without_a_model"]
    costs = {
        named(board[cell]): 1000 * rows[*cell, "cost"]["expected_cost"]
        for cell in board
        if (*cell, "cost") in rows
    } | {"without a model": 1000 * min(known["no_row_positive"], known["every_row_positive"])}
    assert [cost for _, cost in lines] == [amount(costs[text.split(" (")[0]]) for text, _ in lines]
    shown_costs = [costs[text.split(" (")[0]] for text, _ in lines]
    assert shown_costs == sorted(shown_costs) and len(lines) == 3
    cheapest = tuple(facts["answers"]["cost"][name] for name in ("strategy", "model"))
    others = [cost for name, cost in costs.items() if name != named(board[advised])]
    wanted = min(others) if cheapest == advised else costs[named(board[cheapest])]
    assert wanted in shown_costs
    assert page.locator("#price .ours th").inner_text() == named(board[advised])


# ----------------------------------------------------------------- the leaderboard


def sorted_by(text: str) -> float | None:
    found = re.match(r"-?[\d.]+", text.replace(MINUS, "-").replace(",", "").lstrip("< "))
    return float(found.group()) if found else None


def test_the_leaderboard_is_sorted_by_every_column_with_the_keyboard_alone(page: Page) -> None:
    page.get_by_role("button", name="more columns").click()
    before = texts(page, "cells")
    heads = page.locator("#cells thead th").all()
    assert len(before) == 9 and len(heads) == 22 and all(head.is_visible() for head in heads)
    for column, head in enumerate(heads):
        numeric = head.get_attribute("data-number") is not None
        found = {}
        for key in ("Enter", "Space"):
            head.get_by_role("button").focus()
            page.keyboard.press(key)
            found[head.get_attribute("aria-sort")] = [row[column] for row in texts(page, "cells")]
            assert page.locator("#cells [aria-sort]").count() == 1
        assert set(found) == {"ascending", "descending"}
        for way, shown in found.items():
            keys = [sorted_by(text) if numeric else text.casefold() or None for text in shown]
            filled = [key for key in keys if key is not None]
            assert filled == sorted(filled, reverse=way == "descending"), (column, way)
            assert keys[len(filled) :] == [None] * (9 - len(filled)), "what is missing comes last"
    assert sorted(texts(page, "cells")) == sorted(before), "every row is still there"
    page.get_by_role("button", name="fewer columns").click()
    assert sum(head.is_visible() for head in heads) == 8


def test_the_leaderboard_is_filtered_by_words_and_by_choices(page: Page, keep: Any) -> None:
    bar = page.locator("#leaderboard").get_by_role("group", name="Filter the rows below")
    shown = bar.get_by_role("status")
    bar.get_by_label("remedy").select_option("random undersampling")
    assert {row[0] for row in texts(page, "cells")} == {"random undersampling"}
    expect(shown).to_have_text("2 of 9 rows")
    bar.get_by_label("model").select_option("xgboost")
    assert [row[:2] for row in texts(page, "cells")] == [["random undersampling", "xgboost"]]
    keep(page, "filtered")
    page.locator("#cells .opens:visible").click()
    bar.get_by_label("model").select_option("logistic_regression")
    assert [row[1] for row in texts(page, "cells")] == ["logistic_regression"], "no panel is left"
    bar.get_by_role("button", name="show all rows").click()
    assert len(texts(page, "cells")) == 10, "nine rows and the panel"
    expect(shown).to_have_text("")
    bar.get_by_label("status").select_option("not applicable")
    assert {row[0] for row in texts(page, "cells")} == {"ADASYN"}
    bar.get_by_label("status").select_option("")
    bar.get_by_role("searchbox").fill("OVERsampling regression")
    assert [row[:2] for row in texts(page, "cells")] == [
        ["random oversampling", "logistic_regression"]
    ]
    expect(shown).to_have_text("1 of 9 rows")


def test_a_row_opens_a_panel_with_its_matrices_and_curves(
    page: Page, tables: dict[str, pd.DataFrame], keep: Any
) -> None:
    rows = decided(tables)
    panels = page.locator("#cells tr.detail")
    for strategy, model in (("none", "xgboost"), ("random_over", "logistic_regression")):
        row = page.locator(f"#cells tr[data-cell='{strategy}/{model}']")
        row.locator("td").first.click()
        assert panels.count() == 1, "the other one is closed"
        assert row.get_by_role("button").get_attribute("aria-expanded") == "true"
        boxes = {
            box.locator("h3").inner_text().split(" threshold")[0].replace(" ", "_"): box
            for box in panels.locator(".box").all()
        }
        assert set(boxes) == {rule for *cell, rule in rows if cell == [strategy, model]}
        for rule, box in boxes.items():
            mine = rows[strategy, model, rule]
            assert values(box) == matrix(mine)
            rates = box.locator(".positive [data-rate]").all_inner_texts()
            assert rates[1:] == [number(mine["recall"]), number(mine["f1"])]
            assert f"cost per 1,000 rows {amount(1000 * mine['expected_cost'])}" in box.inner_text()
        expect(panels.locator(".chart svg")).to_be_visible()
        assert panels.locator(".chart .mark-line path").count() == (1 if strategy == "none" else 2)
        keep(page, f"panel-{strategy}")
    row.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert panels.count() == 0
    page.keyboard.press("Space")
    assert panels.count() == 1
    page.locator("#cells thead button").first.click()
    assert panels.count() == 0, "sorting closes it"
    page.locator("#cells tr[data-cell='adasyn/xgboost'] td").first.click()
    assert panels.count() == 0, "no result, no panel"


# ----------------------------------------------------------------- decisions


def test_the_matrices_follow_the_switch_of_rule_and_of_the_difference(
    page: Page, tables: dict[str, pd.DataFrame]
) -> None:
    rows, board = decided(tables), by_key(tables["leaderboard"])
    plain = {cell: ("none", row["plain_model"]) for cell, row in board.items()}
    switch = page.get_by_role("group", name="Threshold rule")
    difference = switch.get_by_role("button", name="difference to the baseline")
    cells = page.locator("#matrices td[data-cell]")
    assert cells.count() == 7
    assert page.locator("#matrices td.empty", has_text="not applicable").count() == 2
    for rule in ("tuned", "cost_empirical", "cost", "half"):
        button = switch.get_by_role("button", name=rule.replace("_", " "), exact=True)
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert switch.locator("[aria-pressed=true]").count() == 1
        assert page.locator(f"#decisions span[data-rule={rule}]").is_visible()
        shown = {
            tuple((one.get_attribute("data-cell") or "").split("/")): one for one in cells.all()
        }
        for cell, one in shown.items():
            assert values(one) == matrix(rows[*cell, rule])
        difference.click()
        for cell, one in shown.items():
            if board[cell]["level"] == "none":
                assert one.inner_text() == "baseline"
                continue
            changes = [rows[*cell, rule][kind] - rows[*plain[cell], rule][kind] for kind in KINDS]
            assert values(one) == [
                ("+" if change > 0 else MINUS if change else "") + count(abs(change))
                for change in changes
            ]
        difference.click()


def at(page: Page, name: str) -> Locator:
    return page.locator(f"#try [data-is={name}]")


def shown_at(page: Page) -> list[str]:
    """Counts and shares of the slider's matrix, recall and cost."""
    boxes = [at(page, kind) for kind in KINDS]
    return [
        *(box.locator("b").inner_text() for box in boxes),
        *(box.locator("small").inner_text() for box in boxes),
        page.locator("#try .positive [data-rate=recall]").inner_text(),
        at(page, "cost").inner_text(),
    ]


def expected_at(row: Any) -> list[str]:
    tn, fp, fn, tp = (row[kind] for kind in KINDS)
    shares = (tn / (tn + fp), fp / (tn + fp), fn / (fn + tp), tp / (fn + tp))
    return [
        *matrix(row),
        *map(percent, shares),
        number(tp / (tp + fn)),
        amount(1000 * row["expected_cost"]),
    ]


def test_the_slider_goes_through_all_thresholds_with_the_keyboard(
    page: Page, tables: dict[str, pd.DataFrame], facts: dict[str, Any], keep: Any
) -> None:
    board, swept = by_key(tables["leaderboard"]), tables["thresholds"]
    answer = facts["answers"][facts["goal"]]
    first = (answer["strategy"], answer["model"])
    assert at(page, "name").inner_text() == named(board[first]), "it opens with the advised one"
    slider = page.get_by_role("slider", name="threshold on the score")
    page.locator("#course").scroll_into_view_if_needed()
    needle = page.locator("#course .role-mark.mark-rule line")
    expect(needle).to_have_count(1)
    for cell in (first, ("random_under", "logistic_regression")):
        at(page, "cell").select_option(label=named(board[cell]))
        mine = swept[(swept["strategy"] == cell[0]) & (swept["model"] == cell[1])]
        rows = mine.to_dict("records")
        slider.focus()
        places = []
        for key, k in (("Home", 0), *(("ArrowRight", k) for k in range(1, 25)), ("End", -1)):
            page.keyboard.press(key)
            assert shown_at(page) == expected_at(rows[k])
            assert float(at(page, "threshold").inner_text()) == rows[k]["threshold"]
            places.append(needle.evaluate("line => line.getBoundingClientRect().x"))
        assert places == sorted(set(places)), "the line of the chart moves along"
    said = f"At the threshold {rows[-1]['threshold']:g}, {count(rows[-1]['tp'])} of"
    expect(at(page, "announcement")).to_contain_text(said)
    assert slider.get_attribute("aria-valuetext") == f"threshold {rows[-1]['threshold']:g}"
    keep(page, "slider")


def test_the_buttons_go_to_the_threshold_that_decides_most_like_the_rule(
    page: Page, tables: dict[str, pd.DataFrame]
) -> None:
    board = by_key(tables["leaderboard"])
    for (strategy, model, rule), row in decided(tables).items():
        at(page, "cell").select_option(label=named(board[strategy, model]))
        button = page.locator(f"#try [data-jump={rule}]")
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert number(row["threshold"]) in button.inner_text()
        if rule == "half":
            assert shown_at(page) == expected_at(row)
        called = sum(float(text.replace(",", "")) for text in shown_at(page)[1:4:2])
        assert called == pytest.approx(row["fp"] + row["tp"], rel=0.1)


# ----------------------------------------------------------------- tabs, links, headings


def test_tabs_follow_the_arrow_keys_and_every_chart_answers_to_the_pointer(page: Page) -> None:
    for section, names in {
        "costs": ["Decision curve", "Cost"],
        "curves": ["Precision and recall", "ROC", "Gain", "Lift"],
        "probabilities": ["Reliability", "Scores"],
    }.items():
        tabs = page.locator(f"#{section}").get_by_role("tab")
        assert tabs.all_inner_texts() == names
        tabs.first.focus()
        for k in [*range(1, len(names)), 0]:
            page.keyboard.press("ArrowRight")
            expect(tabs.nth(k)).to_be_focused()
            assert [tab.get_attribute("aria-selected") for tab in tabs.all()].index("true") == k
            panels = page.locator(f"#{section} figure:visible")
            expect(panels).to_have_count(1)
            expect(panels.locator(".vega-embed svg")).to_be_visible()
        page.keyboard.press("ArrowLeft")
        expect(tabs.last).to_be_focused()
    page.locator("#forest").scroll_into_view_if_needed()
    expect(page.locator("#forest.vega-embed svg")).to_be_visible()
    page.locator("#forest .role-mark.mark-symbol path").first.hover()
    expect(page.locator("#vg-tooltip-element")).to_contain_text("adjusted p")


def test_deep_links_open_what_they_point_to(browser: Browser, results: Path) -> None:
    places = ("numbers", "gain", "scores", "why")
    for first in places[:2]:
        with opened(browser, results / "reports" / "digits.html", place=f"#{first}") as page:
            for place in (first, *places):
                page.evaluate("place => { location.hash = place }", place)
                expect(page.locator(f"#{place}")).to_be_in_viewport()
            assert page.locator("#why[open]").count() == 1


def test_charts_are_laid_out_again_when_the_window_changes(browser: Browser, results: Path) -> None:
    widths = """() => [...document.querySelectorAll(".chart")].filter((chart) => chart.drawn)
        .map((chart) => [chart.id, chart.drawn, chart.querySelector("svg").clientWidth])"""
    with opened(browser, results / "reports" / "digits.html", place="#training-rows") as page:
        page.locator("#training_rows svg").wait_for()
        before = {name: drawn for name, drawn, _ in page.evaluate(widths)}
        page.set_viewport_size({"width": 700, "height": 900})
        page.wait_for_function(
            "document.getElementById('training_rows').drawn < 700"
            " && document.querySelector('#training_rows svg')"
        )
        after = page.evaluate(widths)
        assert {name for name, *_ in after} >= set(before)
        for name, drawn, width in after:
            assert 0 < width <= drawn < before.get(name, 1280)


def test_links_lead_to_what_exists_and_identifiers_are_unique(
    browser: Browser, results: Path
) -> None:
    for name in ("digits", "index"):
        with opened(browser, results / "reports" / f"{name}.html") as page:
            page.wait_for_function("document.querySelectorAll('.vega-embed').length > 0")
            found = "all => all.map(one => one.id).filter(id => !/^(clip|gradient)/.test(id))"
            ids = page.locator("[id]").evaluate_all(found)
            assert len(ids) == len(set(ids))
            links = page.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
            assert len(links) > 5
            for link in links:
                path, _, place = link.partition("#")
                if path.startswith("../docs/"):
                    assert (REPOSITORY / path.removeprefix("../")).is_file(), link
                    continue
                text = (results / "reports" / (path or f"{name}.html")).read_text()
                assert not place or f'id="{place}"' in text, link
            levels = page.locator("h1, h2, h3, h4").evaluate_all(
                "all => all.map(h => Number(h.tagName[1]))"
            )
            assert levels[0] == 1 and levels.count(1) == 1
            assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
            for control in page.locator("main :is(input, select, button)").all():
                known = "c => c.labels?.length || c.ariaLabel || c.textContent.trim()"
                assert control.evaluate(known), control.evaluate("c => c.outerHTML")


# ----------------------------------------------------------------- screens, paper, readers


def open_all(page: Page) -> None:
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    if page.locator(".opens").count() and not page.locator("tr.detail").count():
        page.locator(".opens").first.click()


def fits(page: Page) -> bool:
    """Whether a page is not wider than the screen."""
    fitting: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return fitting


@pytest.mark.parametrize(
    ("width", "theme"), [(390, "light"), (390, "dark"), (1280, "dark"), (1920, "light")]
)
@pytest.mark.parametrize("name", ["digits", "index"])
def test_a_page_fits_the_screen_in_both_themes(
    browser: Browser, results: Path, name: str, width: int, theme: Any, keep: Any
) -> None:
    path = results / "reports" / f"{name}.html"
    with opened(browser, path, width, color_scheme=theme) as page:
        assert fits(page)
        lines = page.locator("#cells tbody tr").all()
        assert len(lines) == 9
        for line in lines:
            cell = line.locator("td", has_text=re.compile(r"^\s*(0\.\d+|not applicable)")).first
            box = cell.bounding_box()
            assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
        open_all(page)
        assert fits(page)
        ink, ground = (
            page.evaluate(f"getComputedStyle(document.body).{name}.match(/\\d+/g).map(Number)")
            for name in ("color", "backgroundColor")
        )
        dark, light = (ground, ink) if theme == "dark" else (ink, ground)
        assert max(dark) < 60 and min(light) > 200
        keep(page, f"{name}-{theme}", full_page=True)


CONTROLS = ":is(input, select, main button:not(th button, .opens), nav, .controls)"


@pytest.mark.parametrize("width", WIDTHS)
def test_on_paper_everything_is_there_but_the_controls(
    browser: Browser, results: Path, width: int
) -> None:
    with opened(browser, results / "reports" / "digits.html", width) as page:
        expect(page.locator("#training_rows svg")).to_have_count(1)
        page.emulate_media(media="print")
        assert not any(control.is_visible() for control in page.locator(CONTROLS).all())
        for place in (".chart:not(.detail *)", "#numbers", "#why li", "#columns + * + details td"):
            for one in page.locator(place).all():
                assert one.is_visible(), place
        page.set_viewport_size({"width": 1047, "height": 700})  # A4 across, less the margins
        cut = page.locator(".scroll").evaluate_all(
            "all => all.filter(s => s.scrollHeight > s.clientHeight + 1).length"
        )
        assert cut == 0 and fits(page)
        content = page.pdf(path=ARTIFACTS / "digits.pdf", format="A4", prefer_css_page_size=True)
        assert content.startswith(b"%PDF") and len(content) > 50_000


def test_without_javascript_everything_is_there_but_the_controls(
    browser: Browser, results: Path, tables: dict[str, pd.DataFrame]
) -> None:
    with opened(browser, results / "reports" / "digits.html", java_script_enabled=False) as page:
        charts = ("forest", "benefit", "cost_by_ratio", *("precision_recall", "roc", "gain"))
        for name in (*charts, "lift", "reliability", "scores"):
            assert page.locator(f"#{name} > svg").is_visible(), name
        assert page.locator("#cells tbody tr").count() == 9
        assert page.locator("#numbers tbody tr").count() == len(tables["decisions"])
        assert page.locator("#matrices .matrix").count() == 7
        for row in decided(tables).values():
            if row["rule"] == "cost":
                box = page.locator(f"#matrices [data-cell='{row['strategy']}/{row['model']}']")
                assert box.locator("span").all_inner_texts() == matrix(row)
        assert not any(control.is_visible() for control in page.locator(CONTROLS).all()[1:])
        assert page.locator("#training_rows noscript").is_visible()


def test_what_has_the_keyboard_is_seen(page: Page) -> None:
    for selector in ("#cells thead button", ".opens", "#slider", "[role=tab]", "summary"):
        page.locator(selector).first.focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", selector


def test_the_page_of_all_datasets_sorts_and_filters_too(browser: Browser, results: Path) -> None:
    for width in WIDTHS:
        with opened(browser, results / "reports" / "index.html", width) as page:
            head = page.locator("#cells th", has_text="average precision")
            head.get_by_role("button").focus()
            page.keyboard.press("Enter")
            scores = [sorted_by(row[3]) for row in texts(page, "cells")]
            assert head.get_attribute("aria-sort") == "descending"
            assert scores[:7] == sorted(filter(None, scores), reverse=True)
            bar = page.get_by_role("group", name="Filter the rows below")
            bar.get_by_label("remedy").select_option("random oversampling")
            assert {row[1] for row in texts(page, "cells")} == {"random oversampling"}
            expect(bar.get_by_role("status")).to_have_text("2 of 9 rows")


# ----------------------------------------------------------------- names and results of any kind

MARKUP = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\"&`\\"
HOSTILE = {
    "random_over": MARKUP,
    "random oversampling": f"remedy {MARKUP}",
    "random_under": "long" * 50,
    "logistic_regression": "\u202e\u05e8\u05d2\u05e8\u05e1\u05d9\u05d4 {{ 7 * 7 }} ${1}",
    "pixel_0_1": MARKUP,
}
"""What some names become: markup and quotes, 200 characters, and text from right to left."""


def replaced(content: Any) -> Any:
    """JSON content with hostile names."""
    if isinstance(content, dict):
        return {HOSTILE.get(key, key): replaced(value) for key, value in content.items()}
    if isinstance(content, list):
        return [replaced(value) for value in content]
    return HOSTILE.get(content, content) if isinstance(content, str) else content


def test_hostile_names_neither_break_a_page_nor_run(
    browser: Browser,
    tables: dict[str, pd.DataFrame],
    facts: dict[str, Any],
    tmp_path: Path,
    keep: Any,
) -> None:
    renamed = {name: frame.replace(HOSTILE) for name, frame in tables.items()}
    for frame in renamed.values():
        if "reason" in frame:
            frame["reason"] = MARKUP
    known = replaced(facts) | {"positive": MARKUP, "target": MARKUP, "notices": [MARKUP]}
    measured = {f"{MARKUP}/xgboost": {"fit_seconds": 2.0}}
    page_path, index_path = tmp_path / "hostile.html", tmp_path / "index.html"
    page_path.write_text(dataset_page.render(MARKUP, renamed, known, measured)[0])
    board, decisions = renamed["leaderboard"], renamed["decisions"]
    index_path.write_text(
        index_page.render({MARKUP: board}, {MARKUP: decisions}, {MARKUP: known}, {})
    )
    rows = by_key(tables["decisions"], "rule")
    for width in WIDTHS:
        with opened(browser, page_path, width) as page:
            bar = page.locator("#leaderboard").get_by_role("group")
            bar.get_by_label("remedy").select_option(HOSTILE["random oversampling"])
            bar.get_by_label("model").select_option("xgboost")
            assert [row[0] for row in texts(page, "cells")] == [HOSTILE["random oversampling"]]
            rows_head = page.locator("#matrices tbody th").last.bounding_box()
            assert rows_head is not None and rows_head["width"] < 250, "a name leaves room"
            page.locator(".opens:visible").click()
            panel = page.locator("tr.detail")
            half = panel.locator(".box", has=page.locator("h3", has_text="half"))
            assert values(half) == matrix(rows["random_over", "xgboost", "half"])
            expect(panel.locator(".chart svg")).to_be_visible()
            legend = panel.locator(".chart .mark-text text").all_text_contents()
            assert any(text.startswith("xgboost, remedy </script>") for text in legend)
            open_all(page)
            at(page, "cell").select_option(label=f"xgboost, {HOSTILE['random oversampling']}")
            page.locator("#try [data-jump=half]").click()
            assert shown_at(page) == expected_at(rows["random_over", "xgboost", "half"])
            for tab in page.get_by_role("tab").all():
                tab.click()
                expect(page.locator("figure:not([hidden]) .vega-embed svg").first).to_be_visible()
            assert page.locator("h1").inner_text() == MARKUP
            assert fits(page)
            harmless(page)
            keep(page, "hostile", full_page=True)
        with opened(browser, index_path, width) as page:
            assert page.locator("h2 a").first.inner_text() == MARKUP
            assert fits(page)
            harmless(page)


def harmless(page: Page) -> None:
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0


def test_one_combination_alone_has_a_page(
    browser: Browser, tables: dict[str, pd.DataFrame], facts: dict[str, Any], tmp_path: Path
) -> None:
    def mine(frame: pd.DataFrame) -> pd.DataFrame:
        for name, wanted in (("strategy", "none"), ("model", "xgboost")):
            if name in frame:
                frame = frame[frame[name] == wanted]
        return frame.reset_index(drop=True)

    alone = {name: mine(frame) for name, frame in tables.items()}
    alone_is = {"model": "xgboost", "verdicts": {}}
    answers = {name: one | alone_is for name, one in facts["answers"].items()}
    path = tmp_path / "alone.html"
    path.write_text(dataset_page.render("alone", alone, facts | {"answers": answers}, {})[0])
    with opened(browser, path) as page:
        assert len(texts(page, "cells")) == 1
        assert page.locator("#sure .big").inner_text() == "nothing compared"
        assert page.locator("#leaderboard select").count() == 0, "there is nothing to choose"
        open_all(page)
        expect(page.locator("tr.detail .chart svg")).to_be_visible()
        page.get_by_role("button", name="difference to the baseline").click()
        assert page.locator("#matrices td").last.inner_text() == "baseline"


def test_a_dataset_whose_every_combination_failed_has_a_page(
    browser: Browser, tables: dict[str, pd.DataFrame], facts: dict[str, Any], tmp_path: Path
) -> None:
    board = tables["leaderboard"]
    scores = board.columns[
        board.columns.get_loc("average_precision") : board.columns.get_loc("level")
    ]
    failed = board.assign(
        **dict.fromkeys(scores, float("nan")), status="failed", reason="ValueError: no"
    )
    empty = {name: frame.iloc[:0] for name, frame in tables.items()}
    empty |= {"leaderboard": failed, "counts": tables["counts"]}
    none = facts | {"answers": dict.fromkeys(facts["answers"])}
    pages = {
        "failed": dataset_page.render("failed", empty, none, {})[0],
        "index": index_page.render(
            {"failed": failed}, {"failed": empty["decisions"]}, {"failed": none}, {}
        ),
    }
    for name, text in pages.items():
        path = tmp_path / f"{name}.html"
        path.write_text(text)
        with opened(browser, path) as page:
            assert all("failed" in row[2 + (name == "index")] for row in texts(page, "cells"))
            assert page.locator(".chart").count() == 0
            page.locator("#cells thead button").first.click()
            assert len(texts(page, "cells")) == 9 and fits(page)
    with opened(browser, tmp_path / "failed.html") as page:
        assert page.get_by_role("alert").inner_text().startswith("9 combinations failed")


def test_a_model_that_finds_no_positive_at_any_threshold_has_a_page(
    browser: Browser, tables: dict[str, pd.DataFrame], facts: dict[str, Any], tmp_path: Path
) -> None:
    def blind(frame: pd.DataFrame) -> pd.DataFrame:
        changes: dict[str, Any] = {"precision": float("nan"), "mcc": float("nan")}
        changes |= dict.fromkeys(("fp", "tp", "recall", "f1", "g_mean"), 0.0)
        changes |= {"tn": frame["tn"] + frame["fp"], "fn": frame["fn"] + frame["tp"]}
        return frame.assign(**{name: changes[name] for name in changes if name in frame})

    changed = tables | {name: blind(tables[name]) for name in ("decisions", "thresholds")}
    path = tmp_path / "blind.html"
    path.write_text(dataset_page.render("blind", changed, facts, {})[0])
    with opened(browser, path) as page:
        assert page.locator("#use td").first.inner_text() == "0"
        slider = page.get_by_role("slider")
        for key in ("Home", "End"):
            slider.focus()
            page.keyboard.press(key)
            rates = page.locator("#try .positive [data-rate]").all_inner_texts()
            assert rates == ["\u2013", "0.000", "0.000"]
        page.locator("#course").scroll_into_view_if_needed()
        expect(page.locator("#course svg")).to_be_visible()
        page.locator(".opens").first.click()
        assert "\u2013" in page.locator("tr.detail").inner_text()
        assert "NaN" not in page.locator("main").inner_text()
