"""Take the README's screenshots of the committed results: `python -m docs.make_screenshots
[ADDRESS]`.

After `dvc repro`, with `mlflow ui --backend-store-uri sqlite:///mlflow.db` running at the address.
The pages are opened in Chromium; docs/report.png shows the report of mammography, docs/mlflow.png
the run `comparison` of it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import urllib.request

from playwright.sync_api import Page, sync_playwright

from counterpoise.core import paths
from counterpoise.core.paths import REPOSITORY

DATASET = "mammography"
WIDTH = 1280


def asked(address: str, call: str, **content: object) -> dict[str, list[dict[str, dict[str, str]]]]:
    """An answer of MLflow's REST interface."""
    request = urllib.request.Request(  # noqa: S310  # an address of the person's own
        f"{address}/api/2.0/mlflow/{call}",
        json.dumps(content).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return dict(json.load(answer))


def of_report(page: Page) -> None:
    """What the numbers say, and the head of the leaderboard."""
    page.goto(paths.page(DATASET).resolve().as_uri())
    page.set_viewport_size({"width": WIDTH, "height": 1400})
    page.screenshot(path=REPOSITORY / "docs" / "report.png")


def of_mlflow(page: Page, address: str) -> None:
    """The confusion matrices of all cells, in the run `comparison`."""
    found = asked(address, "experiments/search", filter=f"name = '{DATASET}'", max_results=1)
    experiment = found["experiments"][0]["experiment_id"]
    wanted = "attributes.run_name = 'comparison' and tags.current = 'true'"
    (run,) = asked(address, "runs/search", experiment_ids=[experiment], filter=wanted)["runs"]
    picture = "confusion_matrices_half.png"
    page.goto(
        f"{address}/#/experiments/{experiment}/runs/{run['info']['run_id']}/artifacts/{picture}"
    )
    page.get_by_role("img", name=picture, exact=True).wait_for(timeout=120_000)
    close = page.get_by_role("button", name="Close")  # of the assistant beside the page
    if close.count():
        close.first.click()
    # of a machine
    page.get_by_text("Path:").first.evaluate("element => { element.style.visibility = 'hidden'; }")
    page.wait_for_timeout(1_000)
    page.screenshot(path=REPOSITORY / "docs" / "mlflow.png")


def main() -> None:
    """Take both."""
    parser = argparse.ArgumentParser(prog="python -m docs.make_screenshots", description=__doc__)
    parser.add_argument(
        "address",
        nargs="?",
        default="http://127.0.0.1:5000",
        help="of MLflow (http://127.0.0.1:5000)",
    )
    address = parser.parse_args().address.rstrip("/")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport={"width": WIDTH, "height": 640})
        of_mlflow(page, address)
        of_report(page)
        browser.close()


if __name__ == "__main__":
    main()
