"""Take the screenshots of docs/mlflow.md: `python -m docs.make_mlflow_pictures [DATASET]`.

After `dvc repro track@DATASET`. It serves the working directory's mlflow.db with `mlflow ui` and
opens MLflow's pages in Chromium: the run list by the saved view, the charts, the table, a run.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from counterpoise.core.paths import REPOSITORY
from counterpoise.tracking import saved_view, sqlite_index, store

WIDTH, HEIGHT = 1600, 1000
START_SECONDS = 120
DRAW_MS = 4_000
"""Until charts and pictures are drawn, once the page has its runs."""

RUN = """SELECT r.run_uuid FROM runs r JOIN tags t USING (run_uuid) WHERE r.experiment_id = ? AND
r.name = ? AND t.key = 'current' AND t.value = 'true'"""


@contextmanager
def served(database: Path) -> Iterator[str]:
    """MLflow's pages of a database; yields their address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port), "--workers", "1"]
    uri = store.address(database)
    with subprocess.Popen([*command, "--backend-store-uri", uri]) as server:
        try:
            end = time.monotonic() + START_SECONDS
            while time.monotonic() < end:
                with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):  # noqa: S310
                    yield address
                    return
                time.sleep(0.5)
            raise TimeoutError(f"mlflow ui did not answer within {START_SECONDS} s")
        finally:
            server.terminate()


def opened(page: Page, address: str, wait_for: str) -> None:
    """Open a page of MLflow's, and close what lies beside it."""
    page.goto(address)
    page.get_by_text(wait_for).first.wait_for(timeout=60_000)
    # the assistant, and the bar that says that a view is shared
    for buttons in (page.get_by_role("button", name="Close"), page.get_by_label("Hide banner")):
        while buttons.count():
            buttons.first.click()
            page.wait_for_timeout(300)
    page.wait_for_timeout(DRAW_MS)


def main() -> None:
    """Take all of them."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.make_mlflow_pictures", description=__doc__
    )
    parser.add_argument("dataset", nargs="?", default="digits")
    parser.add_argument("--run", default="none/xgboost", help="STRATEGY/MODEL (none/xgboost)")
    parser.add_argument("--to", type=Path, default=REPOSITORY / "docs", help="folder (docs/)")
    arguments = parser.parse_args()
    database = Path(store.DATABASE).absolute()
    experiment = sqlite_index.experiment(database, arguments.dataset)
    if experiment is None:
        raise SystemExit(f"{database} has no experiment {arguments.dataset}: run `dvc repro` first")
    with closing(sqlite3.connect(database)) as connection:
        (run,) = connection.execute(RUN, (experiment, arguments.run)).fetchone()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with served(database) as address, sync_playwright() as playwright:
        view = saved_view.link(address, experiment)
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        of_run = f"{address}/#/experiments/{experiment}/runs/{run}?workflowType=machine_learning"
        for name, link, wait_for in (
            ("runs", view, arguments.run),
            ("charts", f"{view}&compareRunsMode=CHART", "confusion_matrix"),
            ("table", f"{view}&compareRunsMode=ARTIFACT", "positives found"),
            ("run", of_run, "average_precision"),
        ):
            opened(page, link, wait_for)
            # the person who made the results
            page.get_by_text("Created by").locator("xpath=..").evaluate_all(
                "rows => rows.forEach(row => { row.style.visibility = 'hidden'; })"
            )
            page.screenshot(path=arguments.to / f"mlflow_{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
