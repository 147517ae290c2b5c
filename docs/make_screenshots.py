"""Take the README's screenshot of the committed results: `python -m docs.make_screenshots`.

After `dvc repro`. docs/report.png shows the page of mammography, opened in Chromium;
`python -m docs.make_mlflow_pictures` takes those of MLflow.
"""

from __future__ import annotations

import shutil

from playwright.sync_api import sync_playwright

from counterpoise.core import paths
from counterpoise.core.paths import REPOSITORY

DATASET = "mammography"
WIDTH, HEIGHT = 1280, 1400


def main() -> None:
    """Take it."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(paths.page(DATASET).resolve().as_uri())
        page.screenshot(path=REPOSITORY / "docs" / "report.png")
        browser.close()


if __name__ == "__main__":
    main()
