"""MLflow's own pages by the link that `track` prints, in a real browser: runs, matrices side by
side, decisions, and the page of the dataset."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from counterpoise.core import files, paths
from counterpoise.tracking import manifest, saved_view, store, terminal_summary
from docs.make_mlflow_pictures import served
from tests.helpers.computed import computed
from tests.tracking.test_dataset_runs import PARAMS, published

# what MLflow asks of SQLAlchemy
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

PAGE = "<!doctype html><title>digits</title><h1>The page of digits</h1>"
"""Stands for what `report` writes."""

OWN_COMPLAINTS = ("/ajax-api/2.0/mlflow/users/current", "ResizeObserver loop")
"""Errors of MLflow's pages without users, and while their tables find their size, whatever runs
they show."""

WAIT_MS = 120_000


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with published results."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        computed(PARAMS)
        files.write_text(paths.page("digits"), PAGE)
        patch.setenv("COUNTERPOISE_TRACK_STRICT", "1")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        assert published() == 0
    return folder


@pytest.fixture(scope="module")
def server(results: Path) -> Iterator[str]:
    with served(results / "mlflow.db") as address:
        yield address


@pytest.fixture
def page(server: str) -> Iterator[Page]:
    """An empty page, which may have no errors but MLflow's own and asks nobody but its server."""
    errors: list[str] = []
    requests: list[str] = []
    with sync_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=found)
        opened = browser.new_page(viewport={"width": 1600, "height": 1000})
        opened.set_default_timeout(WAIT_MS)
        opened.on(
            "console",
            lambda m: errors.append(f"{m.text} ({m.location})") if m.type == "error" else None,
        )
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.on("request", lambda request: requests.append(request.url))
        yield opened
        browser.close()
    assert [text for text in errors if not any(own in text for own in OWN_COMPLAINTS)] == []
    assert [url for url in requests if not url.startswith((server, "data:", "blob:"))] == []


def printed(results: Path) -> tuple[str, str]:
    """The path of the printed link, and the advice."""
    with contextlib.chdir(results):
        made = manifest.read("digits")
        target = store.chosen({"MLFLOW_TRACKING_URI": f"sqlite:///{results / 'mlflow.db'}"})
        experiment = terminal_summary.experiment_of(made, target)
        text = terminal_summary.terminal_summary(made, target, experiment)
    (link,) = re.findall(rf"{terminal_summary.LOCAL}(/#/\S+)", text)
    return link, made.answer[0]


def kept(page: Page, name: str) -> None:
    """Keep a picture of the page for people to look at, where they ask for it."""
    if folder := os.environ.get("COUNTERPOISE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"mlflow-{name}.png")


def test_the_link_lists_the_current_combinations_with_remedy_and_verdict(
    page: Page, server: str, results: Path
) -> None:
    link, advice = printed(results)
    page.goto(f"{server}{link}")
    expect(page.get_by_text(saved_view.NAME)).to_be_visible(timeout=WAIT_MS)
    for name in ("none/xgboost", "random_under/xgboost"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_role("link", name="comparison", exact=True)).to_have_count(0)
    for column in ("remedy", "verdict", "average_precision", "tuned/f1"):
        expect(page.get_by_role("columnheader", name=column).first).to_be_visible()
    expect(page.get_by_text(advice)).to_be_visible()
    kept(page, "runs")


def test_the_charts_have_the_matrices_of_all_runs_side_by_side(
    page: Page, server: str, results: Path
) -> None:
    page.goto(f"{server}{printed(results)[0]}&compareRunsMode=CHART")
    expect(page.get_by_text("confusion_matrix/half")).to_be_visible(timeout=WAIT_MS)
    page.wait_for_function(
        "[...document.querySelectorAll('img')].filter(one => one.naturalWidth === 256).length >= 4"
    )
    kept(page, "charts")


def test_the_table_compares_decisions(page: Page, server: str, results: Path) -> None:
    page.goto(f"{server}{printed(results)[0]}&compareRunsMode=ARTIFACT")
    expect(page.get_by_text("positives found").first).to_be_visible(timeout=WAIT_MS)
    kept(page, "table")


def test_the_page_of_the_dataset_opens_in_the_run_comparison(
    page: Page, server: str, results: Path
) -> None:
    with contextlib.closing(sqlite3.connect(results / "mlflow.db")) as database:
        experiment, comparison = database.execute(
            "SELECT e.experiment_id, r.run_uuid FROM runs r JOIN experiments e USING"
            " (experiment_id) WHERE e.name = 'digits' AND r.name = 'comparison'"
        ).fetchone()
    page.goto(f"{server}/#/experiments/{experiment}/runs/{comparison}/artifacts/digits.html")
    shown = page.frame_locator("iframe").get_by_role("heading", name="The page of digits")
    expect(shown).to_be_visible(timeout=WAIT_MS)
    kept(page, "page")
