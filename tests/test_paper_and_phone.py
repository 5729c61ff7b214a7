"""The page on paper, as loaded and with everything opened, and its charts of bars on a phone."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT
from test_browser import ARGUMENTS, BROWSER, TICKED, VISIBLE, missing

from reporter.model.settings import settings
from reporter.report import build

PAGES = ("report.html", "report.ru.html")
pytestmark = pytest.mark.slow

SEEN = """() => {
    const words = (part) => part.innerText.trim().replace(/\\s+/g, " ");
    const seen = (selector) => [...document.querySelectorAll(selector)].filter((part) => part.checkVisibility());
    return {
        heads: seen("h2, h3, summary").map(words).filter(Boolean),
        figures: seen("figure").map((figure) => [
            words(figure.querySelector("h3") || figure.closest("details").querySelector("summary")),
            words(figure.querySelector("figcaption"))]),
        cells: seen("th, td:not(.prose)").map(words).filter(Boolean),
        tables: seen("table[data-name]").map((table) => [
            [...table.tHead.rows].at(-1).innerText.trim().split(/\\s+/),
            [...table.tBodies[0].rows].map((row) => words(row.cells[0]))]),
    };
}"""


@dataclass(frozen=True)
class Paper:
    """A printed page: the words of each sheet with their places, and what the page shows."""

    sheets: list[str]
    words: list[tuple[float, float, float, str]]
    """Of each word: its left and right end, the width of its sheet, and its text."""
    seen: dict[str, Any]
    complete: bool


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("printed")
    for name in ("records", "evidence"):
        shutil.copytree(ROOT / "results" / "reference" / name, folder / name)
    build.write(folder, ["en", "ru"], settings({"course": "Computer vision, lecture 5"}))
    return folder


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if BROWSER is None:
        missing("no chromium on this machine")
    for program in ("pdftotext", "pdftoppm"):
        if shutil.which(program) is None:
            missing(f"no {program} on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=PAGES)
def short(request: pytest.FixtureRequest, chromium: Any, reference: Path) -> Paper:
    return printed(chromium, reference / request.param, complete=False)


@pytest.fixture(scope="module", params=[(name, complete) for name in PAGES for complete in (False, True)])
def paper(request: pytest.FixtureRequest, chromium: Any, reference: Path) -> Paper:
    name, complete = request.param
    return printed(chromium, reference / name, complete)


def printed(chromium: Any, path: Path, complete: bool) -> Paper:
    """Print in a dark color scheme, whose backgrounds have no place on paper."""
    page = chromium.new_page(color_scheme="dark", viewport={"width": 710, "height": 1000})
    page.goto(path.as_uri())
    if complete:
        page.locator("#unfold").click()
    page.emulate_media(media="print")
    seen = page.evaluate(SEEN)
    file = path.with_name(f"{path.stem}-{complete}.pdf")
    page.pdf(path=file, prefer_css_page_size=True)
    page.close()
    sheets = text_of(file, "-layout").split("\f")[:-1]
    words = [
        (float(left), float(right), float(width), word)
        for width, sheet in re.findall(r'<page width="([\d.]+)"[^>]*>(.*?)</page>', text_of(file, "-bbox"), re.S)
        for left, right, word in re.findall(r'<word xMin="([\d.-]+)"[^>]*xMax="([\d.-]+)"[^>]*>(.*?)</word>', sheet)
    ]
    return Paper(sheets, words, seen, complete)


def text_of(file: Path, form: str) -> str:
    return subprocess.run(["pdftotext", form, str(file), "-"], capture_output=True, check=True, text=True).stdout


def lines(sheet: str) -> list[str]:
    """The lines of a sheet in single spaces, without the page number at its foot."""
    found = [" ".join(line.split()) for line in sheet.splitlines() if line.strip()]
    return found[:-1] if found and found[-1].isdigit() else found


def one(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_the_short_edition_has_about_ten_sheets(short: Paper) -> None:
    assert 6 <= len(short.sheets) <= 11
    assert all("http" not in sheet for sheet in short.sheets)


def test_sheets_are_numbered(short: Paper) -> None:
    assert [sheet.split()[-1] for sheet in short.sheets] == [str(1 + at) for at in range(len(short.sheets))]


def test_the_complete_edition_has_the_tables_of_cards(paper: Paper) -> None:
    """Stages, the layers that take most and all layers of each network; the short edition has none of them."""
    text = "\n".join(paper.sheets)
    assert ("features.denseblock4.denselayer32.conv2" in text) == paper.complete
    titles = [head for head in paper.seen["heads"] if re.search(r"\(\d+\)$", head)]
    assert len(titles) == (18 if paper.complete else 0)
    assert [title for title in titles if title not in {line for sheet in paper.sheets for line in lines(sheet)}] == []


def test_no_word_is_broken(paper: Paper) -> None:
    """Each word of a cell and of a column head is printed in one piece."""
    text = " ".join({html.unescape(word) for *_, word in paper.words})
    wanted = {word for cell in paper.seen["cells"] for word in re.split(r"[\s\-–—/]+", cell) if len(word) > 1}
    assert len(wanted) > 200
    assert sorted(word for word in wanted if word not in text) == []


def test_no_column_is_cut_off(paper: Paper) -> None:
    assert [word for left, right, width, word in paper.words if left < 20 or right > width - 20] == []


def test_no_heading_is_the_last_line_of_a_sheet(paper: Paper) -> None:
    last = [lines(sheet)[-1] for sheet in paper.sheets if lines(sheet)]
    assert [line for line in last if line in paper.seen["heads"]] == []


def test_captions_are_printed_below_their_charts(paper: Paper) -> None:
    assert len(paper.seen["figures"]) >= 6
    whole = [one(" ".join(lines(sheet))) for sheet in paper.sheets]
    for title, caption in paper.seen["figures"]:
        assert any(one(title) in sheet and one(caption) in sheet for sheet in whole), title


def test_column_heads_are_repeated(paper: Paper) -> None:
    """Each sheet with rows of a table has the heads of its columns, and no sheet has the heads only."""
    for heads, rows in paper.seen["tables"]:
        if len(rows) < 18:
            continue
        present = [set(sheet.split()) for sheet in paper.sheets]
        sheets = [
            sheet
            for sheet, words in zip(paper.sheets, present, strict=True)
            if len(words & set(heads)) > 0.8 * len(set(heads))
        ]
        begun = [{row for row in rows if re.search(rf"^ *{re.escape(row)}(?!\w)", sheet, re.M)} for sheet in sheets]
        assert all(begun), heads
        assert set(rows) <= set().union(*begun), heads


def test_paper_is_white(chromium: Any, reference: Path, short: Paper) -> None:
    from PIL import Image

    folder = reference / "sheets"
    folder.mkdir(exist_ok=True)
    file = reference / "report-False.pdf"
    if not file.exists():
        printed(chromium, reference / "report.html", complete=False)
    subprocess.run(["pdftoppm", "-r", "20", "-png", str(file), str(folder / "sheet")], check=True)
    for sheet in folder.glob("*.png"):
        colors = Image.open(sheet).convert("L").histogram()
        assert sum(colors[200:]) > 0.8 * sum(colors), sheet


@pytest.mark.parametrize("name", PAGES)
def test_charts_fit_a_phone(chromium: Any, reference: Path, name: str) -> None:
    """At 390 pixels no chart scrolls sideways, and each network has its mark; wide screens show the other forms."""
    page = chromium.new_page(viewport={"width": 390, "height": 800})
    page.goto((reference / name).as_uri())
    page.locator("#unfold").click()
    figures = page.locator("figure").all()
    assert len(figures) > 12
    for figure in figures:
        shown = figure.locator("> .wide").locator("visible=true")
        assert shown.count() == 1, figure.get_attribute("id")
        assert shown.evaluate("(part) => part.scrollWidth <= part.clientWidth"), figure.get_attribute("id")
        assert shown.locator("svg").evaluate("(svg) => svg.getBoundingClientRect().right") <= 390
    for chart in ("finetune", "throughput", "parameters", "latency", "modes"):
        shown = page.locator(f"#figure-{chart} > .wide").locator("visible=true")
        assert len({mark.get_attribute("data-network") for mark in shown.locator("[data-network]").all()}) == 18
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.locator("figure > .narrow").locator("visible=true").count() == 0
    page.close()


def test_the_contents_are_folded_on_a_phone(chromium: Any, reference: Path) -> None:
    """One line until it is asked for; wide screens show all links, and so does a page without script on any."""
    page = chromium.new_page(viewport={"width": 390, "height": 800})
    page.goto((reference / "report.html").as_uri())
    links = page.locator("header nav a")
    assert links.locator("visible=true").count() == 0
    page.locator(".contents > summary").click()
    assert links.locator("visible=true").count() == links.count() > 10
    page.locator("header nav a[href='#claims']").click()
    page.locator("#unfold").click()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.wait_for_function("document.querySelector('.contents').open")
    assert links.locator("visible=true").count() == links.count()
    assert not page.locator(".contents > summary").is_visible()
    page.close()
    bare = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800}).new_page()
    bare.goto((reference / "report.html").as_uri())
    assert bare.locator("header nav a").first.is_visible()
    bare.context.close()


def test_the_summary_shows_its_main_columns(chromium: Any, reference: Path) -> None:
    """The others on request, by their own boxes, in downloads, and where everything is opened."""
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.goto((reference / "report.html").as_uri())
    table = page.locator("#table-overview")
    heads = table.locator(".heads th")
    shown = heads.locator("visible=true").count()
    assert 6 <= shown <= 12 < heads.count()
    assert table.locator(".wide").evaluate("(part) => part.scrollWidth <= part.clientWidth")
    with page.expect_download() as saved:
        table.locator("[data-do=save]").click()
    first = saved.value.path().read_text("utf-8-sig").splitlines()[0]
    assert all(key in first for key in ("family", "peak_activation_bytes", "throughput_cpu"))
    assert table.evaluate(TICKED) == table.evaluate(VISIBLE)
    table.get_by_label("All columns").check()
    assert heads.locator("visible=true").count() == heads.count()
    assert all(table.evaluate(TICKED))
    table.get_by_label("All columns").uncheck()
    assert heads.locator("visible=true").count() == shown
    page.locator("#unfold").click()
    assert heads.locator("visible=true").count() == heads.count()
    page.locator("#unfold").click()
    table.locator(".columns > summary").click()
    boxes = table.locator(".columns input")
    for column in range(heads.count()):
        boxes.nth(column).set_checked(column != 2, force=True)
    assert table.evaluate(TICKED) == table.evaluate(VISIBLE) == [column != 2 for column in range(heads.count())]
    assert not table.get_by_label("All columns").is_checked()
    with page.expect_download() as saved:
        table.locator("[data-do=save]").click()
    columns = saved.value.path().read_text("utf-8-sig").splitlines()[0].split(",")
    headings = [head.get_attribute("data-heading") for head in heads.all()]
    assert headings[2] not in columns
    assert {*headings[:2], *headings[3:]} <= {*columns}
    boxes.nth(2).check()
    assert table.get_by_label("All columns").is_checked()
    page.close()


LABELS = """(row) => [...row.cells].filter((cell) => cell.checkVisibility()).map((cell) => [
    getComputedStyle(cell, "::before").content.replaceAll('"', ""), cell.textContent])"""
FITS = "(part) => part.scrollWidth <= part.clientWidth && part.getBoundingClientRect().right <= 390"


@pytest.mark.parametrize("name", PAGES)
def test_rows_of_the_summary_are_cards_on_a_phone(chromium: Any, reference: Path, name: str) -> None:
    """Every value is shown with the title of its column; sorting and filters work; wide screens have a table."""
    page = chromium.new_page(viewport={"width": 390, "height": 800})
    page.goto((reference / name).as_uri())
    block = page.locator("#table-overview")
    assert block.locator(".wide").evaluate(FITS)
    row = block.locator("tbody tr", has=page.get_by_role("rowheader", name="resnet50", exact=True))
    cells = row.evaluate(LABELS)
    heads = block.locator(".heads th").locator("visible=true")
    assert len(cells) == heads.count() > 8
    labels = {label for label, _value in cells[1:]}
    assert len(labels) == len(cells) - 1
    assert {"25,6", "25.6"} & {value for label, value in cells if label.endswith((", M", ", млн"))}
    for cell in row.locator("td").locator("visible=true").all():
        assert cell.evaluate("(part) => part.scrollWidth <= part.clientWidth + 1")
    block.get_by_role("searchbox").fill("VGG")
    rows = block.locator("tbody tr").locator("visible=true")
    assert set(rows.locator("th").all_inner_texts()) == {"vgg16", "vgg16_bn", "vgg19", "vgg19_bn"}
    block.get_by_role("searchbox").fill("")
    block.locator("th[data-key=parameters] button").click()
    assert rows.locator("th").first.inner_text() == "googlenet"
    block.locator(".more input").check()
    assert block.locator(".wide").evaluate(FITS)
    page.set_viewport_size({"width": 1280, "height": 800})
    assert row.evaluate("(row) => getComputedStyle(row).display") == "table-row"
    assert row.evaluate(LABELS)[3][0] == "none"
    page.close()
    bare = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800}).new_page()
    bare.goto((reference / name).as_uri())
    assert bare.locator("#table-overview .wide").evaluate(FITS)
    assert bare.locator("#table-overview tbody tr").locator("visible=true").count() == 18
    assert bare.locator("#table-overview .heads").locator("visible=true").count() == 0
    bare.context.close()


def test_what_is_chosen_is_cards_on_a_phone(chromium: Any, reference: Path) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{(reference / 'report.html').as_uri()}#table-choosing")
    block = page.locator("#table-choosing")
    assert block.locator(".wide").evaluate(FITS)
    before = block.locator("tbody tr").locator("visible=true").count()
    slider = page.locator("#limit-parameters")
    slider.press("Home")
    assert 0 < block.locator("tbody tr").locator("visible=true").count() < before
    page.close()


BARS = """(cells) => cells.map((cell) => {
    const bar = getComputedStyle(cell, "::after");
    return [bar.display, parseFloat(bar.width), parseFloat(bar.backgroundSize), cell.style.getPropertyValue("--share")];
})"""


def test_shares_of_stages_are_bars_in_a_column(chromium: Any, reference: Path) -> None:
    """As long as the shares: behind the figures on a wide screen, below them on a phone."""
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.goto((reference / "report.html").as_uri())
    costs = page.locator(".card:visible details.card-costs").first
    costs.locator("summary").click()
    cells = costs.locator("td.share")
    wide = cells.evaluate_all(BARS)
    assert len(wide) > 8
    assert len({width for _, width, _, _ in wide}) == 1
    assert {display for display, *_ in wide} == {"inline-block"}
    assert all(f"{length:.1f}%" == share for _, _, length, share in wide)
    page.set_viewport_size({"width": 390, "height": 800})
    assert {display for display, *_ in cells.evaluate_all(BARS)} == {"block"}
    page.close()


BROKEN = """() => [...document.querySelectorAll("thead th")].filter((each) => each.checkVisibility()).flatMap(
    (head) => {
    const found = [], range = document.createRange(), walk = document.createTreeWalker(head, NodeFilter.SHOW_TEXT);
    for (let text = walk.nextNode(); text; text = walk.nextNode()) {
        for (const word of text.data.matchAll(/[^\\s\\-–—/]+/g)) {
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            const lines = new Set([...range.getClientRects()].map((line) => Math.round(line.top)));
            if (lines.size > 1) found.push(`${head.closest("[id]").id}: ${word[0]}`);
        }
    }
    return found;
})"""


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_no_column_head_breaks_a_word(chromium: Any, reference: Path, name: str, width: int) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 800})
    page.goto((reference / name).as_uri())
    page.locator("#unfold").click()
    assert page.evaluate(BROKEN) == []
    page.close()
