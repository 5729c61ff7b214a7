"""Takes the two screenshots of the documentation: `python benchmarks/screenshots.py [REPORT.html] [FOLDER]`.

The top of the reference report as a reader sees it, light and dark, in Debian's chromium.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
SIZE = {"width": 1280, "height": 860}
PLACES = {"light": "body", "dark": "#figure-accuracy_macs"}
"""What each picture shows from its upper edge down."""


def main(report: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for scheme, place in PLACES.items():
            page = browser.new_context(
                offline=True, viewport=SIZE, color_scheme=scheme, reduced_motion="reduce"
            ).new_page()
            page.goto(report.resolve().as_uri())
            page.locator(place).evaluate("part => part.scrollIntoView()")
            page.screenshot(path=folder / f"report-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    defaults = [ROOT / "results/reference/report.html", ROOT / "docs"]
    main(*given, *defaults[len(given) :])
