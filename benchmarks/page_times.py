"""Times until a page shows something: `python benchmarks/page_times.py [FOLDER]`, else of results/reference.

Opens report.html in headless Chromium, a few times, and prints a table in Markdown with medians and the bound: the
first contentful paint, and the first picture once it is scrolled to. Run it on an idle machine.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import yardstick

ROOT = Path(__file__).parent.parent
SCREENS = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
REPEATED, BOUND = 5, 1.5
DRAWN = """() => new Promise((done) => {
  const svg = [...document.querySelectorAll("figure svg")].find((each) => each.checkVisibility());
  const painted = () => done(performance.now());
  new IntersectionObserver(([seen]) => seen.isIntersecting && requestAnimationFrame(painted)).observe(svg);
  svg.scrollIntoView(); })"""


class Shown(NamedTuple):
    """Seconds since a page was asked for: its first paint, and its first picture, with the time to scroll there."""

    painted: float
    drawn: float


def shown(browser: Any, page: Path, screen: dict[str, int]) -> Shown:
    """Opens a page in a new context."""
    context = browser.new_context(offline=True, viewport=screen)
    opened = context.new_page()
    opened.goto(page.as_uri())
    opened.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    painted = opened.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    drawn = opened.evaluate(DRAWN)
    context.close()
    return Shown(painted / 1000, drawn / 1000)


def main() -> None:
    from playwright.sync_api import sync_playwright

    page = Path(sys.argv[1] if sys.argv[1:] else ROOT / "results" / "reference") / "report.html"
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        sys.exit("no Chromium here: install it to time a page")
    print(f"yardstick: {yardstick.milliseconds():.1f} ms\n")
    print(f"| {page.name} | measured | bound | held |\n| --- | ---: | ---: | --- |")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        for name, screen in SCREENS.items():
            times = [shown(browser, page.resolve(), screen) for _ in range(REPEATED)]
            for what, each in zip(("first paint", "first picture drawn"), zip(*times, strict=True), strict=True):
                held = "yes" if median(each) <= BOUND else "NO"
                print(f"| {what}, {name} | {median(each):.2f} s | {BOUND:g} s | {held} |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
