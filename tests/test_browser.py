"""The page in a real browser: offline, silent, accessible, and never wider than the screen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import samples

from reporter import store
from reporter.telling import report

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
REQUIRED = os.environ.get("REPORTER_REQUIRE_BROWSER") == "1"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def missing(reason: str) -> None:
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed")
    if BROWSER is None:
        missing("no chromium on this machine")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    for record in [*samples.lecture(), *(samples.record(row) for row in samples.HOSTILE)]:
        store.save(folder, record)
    report.write(folder, ["en", "ru"])
    return folder


def opened(browser: Any, path: Path, events: list[str], **options: Any) -> Any:
    """A page of its own in an offline context; what it asks for and complains of is noted in `events`."""
    page = browser.new_context(offline=True, **options).new_page()
    page.on("console", lambda message: events.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: events.append(f"error: {error}"))
    page.on("request", lambda request: events.append(f"request: {request.url}"))
    page.goto(path.as_uri())
    events.remove(f"request: {path.as_uri()}")
    return page


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report.html", "report.ru.html"])
def test_page(browser: Any, folder: Path, name: str, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    events: list[str] = []
    size = {"width": width, "height": 900}
    page = opened(browser, folder / name, events, viewport=size, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert events == []
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []
    page.context.close()


def test_page_without_script(browser: Any, folder: Path) -> None:
    page = opened(browser, folder / "report.html", [], java_script_enabled=False)
    assert page.locator("#table-overview tbody tr").count() == 20
    assert page.locator("figure svg[role=img]").count() >= 8
    page.context.close()


def test_tables_sort(browser: Any, folder: Path) -> None:
    page = opened(browser, folder / "report.html", [])
    page.get_by_role("button", name="Parameters M").first.click()
    first = page.locator("#table-overview tbody th").first
    assert first.inner_text() == "<script>alert(1)</script>"
    page.get_by_role("button", name="Parameters M").first.press("Enter")
    assert first.inner_text() == "vgg19_bn"
    page.context.close()


def test_print_to_paper(browser: Any, folder: Path) -> None:
    page = opened(browser, folder / "report.html", [])
    assert page.pdf(format="A4", landscape=True).startswith(b"%PDF")
    page.context.close()
