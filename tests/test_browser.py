"""The page in a real browser: offline, silent, accessible, and never wider than the screen."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mode_samples
import page_times
import pytest
import samples
from commands import ROOT, drawing_every
from test_charts import contrast

from reporter.cli import choosing
from reporter.model.settings import settings
from reporter.report import build
from reporter.report.choosing.amounts import amount, kind
from reporter.report.choosing.limits import candidates, choose
from reporter.report.comparison import compare
from reporter.report.output.csv_tables import guard
from reporter.store import record_files

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
    for record in samples.all_networks():
        record_files.save(folder, record)
    for evidence in samples.evidence().values():
        record_files.save_evidence(folder, evidence)
    (folder / "report.ru.html").touch()  # the page has a link to the Russian one, which few tests look at
    build.write(folder, ["en"])
    return folder


@pytest.fixture(scope="module")
def folder_in_russian(folder: Path) -> Path:
    """The same with the Russian page."""
    build.write(folder, ["ru"])
    return folder


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same parts of a page, for a few networks, with a fifth of its pictures: axe takes a tenth of the time."""
    folder = tmp_path_factory.mktemp("brief")
    for record in [*samples.with_gradients(samples.few()[::6]), *(samples.record(row) for row in samples.HOSTILE)]:
        record_files.save(folder, record)
    for evidence in samples.evidence().values():
        record_files.save_evidence(folder, evidence)
    (folder / "report.html").touch()  # the page has a link to the English one, which few tests look at
    with drawing_every(5):
        build.write(folder, ["ru"])
    return folder


@pytest.fixture(scope="module")
def brief_in_english(brief: Path) -> Path:
    """The same with the English page."""
    with drawing_every(5):
        build.write(brief, ["en"])
    return brief


WIDE = {"width": 1440, "height": 900}
OPEN_ALL = "document.querySelectorAll('main details:not(.columns)').forEach((part) => { part.open = true; })"


def opened(browser: Any, path: Path, events: list[str], as_loaded: bool = False, **options: Any) -> Any:
    """A page in an offline context, all its folded parts opened; its requests and errors are appended to `events`."""
    page = browser.new_context(offline=True, **options).new_page()
    page.on("console", lambda message: events.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: events.append(f"error: {error}"))
    page.on("request", lambda request: events.append(f"request: {request.url}"))
    page.goto(path.as_uri())
    events.remove(f"request: {path.as_uri()}")
    if not as_loaded:
        page.evaluate(OPEN_ALL)
    return page


def without_script(folder: Path, name: str) -> str:
    """A copy of the page as it is where its script does not run; axe itself needs a browser that runs scripts."""
    text = (folder / name).read_text(encoding="utf-8")
    copy = folder / f"plain.{name}"
    copy.write_text(re.sub(r"<script>.*</script>", "", text, flags=re.DOTALL), encoding="utf-8")
    return copy.name


@pytest.fixture(scope="module")
def used_page(browser: Any, folder: Path) -> Iterator[Any]:
    """The English page of all networks, for tests that leave it as it was; opening one takes a second."""
    page = opened(browser, folder / "report.html", [], viewport=WIDE)
    yield page
    page.context.close()


@pytest.fixture(scope="module", params=["report.html", pytest.param("report.ru.html", marks=pytest.mark.slow)])
def wide_page(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    """A page of all networks, for tests that only look at it; Russian words are the longer ones."""
    if request.param == "report.html":
        yield request.getfixturevalue("used_page")
        return
    folder = request.getfixturevalue("folder_in_russian")
    page = opened(browser, folder / request.param, [], viewport=WIDE)
    yield page
    page.context.close()


VIEWS = [
    (name, scheme, width)
    for name in ("report.html", "report.ru.html", "report.html without script")
    for scheme in ("light", "dark")
    for width in (390, 1440)
]
DAILY = {("report.html", "light", 1440), ("report.ru.html", "dark", 390), ("report.html without script", "light", 390)}
"""Every language, scheme, width and mode of reading is in one of these."""
FIRST = ("report.ru.html", "dark", 390)


@pytest.fixture(scope="module")
def brief_page(browser: Any, brief: Path) -> Iterator[tuple[Any, list[str]]]:
    """A page of a few networks in Russian, dark and narrow; and its requests and errors."""
    events: list[str] = []
    name, scheme, width = FIRST
    size = {"width": width, "height": 900}
    page = opened(browser, brief / name, events, viewport=size, color_scheme=scheme)
    yield page, events
    page.context.close()


def test_a_page_of_a_few_networks(brief_page: tuple[Any, list[str]]) -> None:
    """Without the contrasts, which axe looks for in the whole page: the test below."""
    check_opened(*brief_page, FIRST[2], without=("color-contrast",))


def test_a_page_of_a_few_networks_on_paper(brief_page: tuple[Any, list[str]], tmp_path: Path) -> None:
    """The last test of this page, which is not made narrow again."""
    check_paper(brief_page[0], 794, ("alexnet", "densenet121"), tmp_path)


INK = ("--ink", "--muted", "--link", "--bad", "--good")
PAGE_NUMBER = "font: 8pt sans-serif; color: #444;"
"""On paper, which is white."""


def test_words_of_the_page_are_legible_in_both_schemes() -> None:
    """A contrast of at least 4.5, by the formula of WCAG 2, of every color of words on every background."""
    styles = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "templates").glob("*.css")}
    schemes = [dict(re.findall(r"(--\w+): (#\w+)", part)) for part in styles["style.css"].split("@media")[:2]]
    assert [len(scheme) for scheme in schemes] == [9, 9]
    for scheme in schemes:
        for paper in ("--paper", "--band"):
            assert [name for name in INK if contrast(scheme[name], scheme[paper]) < 4.5] == []
    text = "".join(styles.values()).replace(PAGE_NUMBER, "")
    assert set(re.findall(r"(?<![-\w])color: ([^;}]+)", text)) == {*(f"var({name})" for name in INK), "inherit"}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scheme", "width"), sorted(DAILY))
def test_page_of_a_few_networks(
    browser: Any, name: str, scheme: str, width: int, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue("brief_in_english" if name.startswith("report.html") else "brief")
    check_page(browser, folder, name, scheme, width)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scheme", "width"), VIEWS)
def test_page(browser: Any, folder_in_russian: Path, name: str, scheme: str, width: int) -> None:
    check_page(browser, folder_in_russian, name, scheme, width)


def check_page(browser: Any, folder: Path, name: str, scheme: str, width: int) -> None:
    events: list[str] = []
    size = {"width": width, "height": 900}
    name, _, plain = name.partition(" ")
    if plain:
        name = without_script(folder, name)
    page = opened(browser, folder / name, events, viewport=size, color_scheme=scheme)
    check_opened(page, events, width)
    page.context.close()


def check_opened(page: Any, events: list[str], width: int, without: Sequence[str] = ()) -> None:
    """Silent, without a violation that axe finds, never wider than the screen; tables, formulas and charts scroll."""
    from axe_playwright_python.sync_playwright import Axe

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    scrolling = page.evaluate(
        """() => [...document.querySelectorAll("body *:not(.table, .formula, figure .wide, .card .wide)")].filter(
        (part) => part.scrollWidth > part.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(part).overflowX)).map(
        (part) => part.outerHTML)"""
    )
    assert [html[:90] for html in scrolling] == []
    assert events == []
    rules = {rule: {"enabled": False} for rule in without}
    found = Axe().run(page, options={"resultTypes": ["violations"], "rules": rules}).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []


@pytest.mark.slow
def test_page_without_script(browser: Any, folder: Path) -> None:
    """Plain tables, pictures whose marks say their values, and no control that does nothing."""
    page = opened(browser, folder / "report.html", [], java_script_enabled=False)
    assert page.locator("#table-overview tbody tr").count() == 20
    assert page.locator("figure svg[role=img]").count() >= 8
    assert page.locator("figure svg [data-network=resnet50] title").count() >= 8
    assert page.locator("button, input, select").locator("visible=true").count() == 0
    page.context.close()


def test_the_page_is_small(folder: Path) -> None:
    """4 MB for the lecture's set, of which other parts of the page want their share."""
    assert (folder / "report.html").stat().st_size < 2_500_000


def test_the_first_picture_is_drawn_once_it_is_seen(browser: Any, folder: Path) -> None:
    """How soon is a benchmark: seconds depend on the machine."""
    found = page_times.shown(browser, folder / "report.html", page_times.SCREENS["phone"])
    assert 0 < found.painted <= found.drawn


def shown(page: Any, table: str) -> list[str]:
    """The names in the rows of a table that can be seen."""
    names: list[str] = page.locator(f"#table-{table} tbody th").locator("visible=true").all_inner_texts()
    return names


TICKED = """(block) => [...block.querySelectorAll(".columns input")].map((box) => box.checked)"""
VISIBLE = """(block) => [...block.querySelectorAll(".heads th")].map((head) => head.checkVisibility())"""
"""Of each column of a table: whether its box in the menu is ticked, and whether it is shown."""


def test_tables_filter_and_hide_columns(used_page: Any) -> None:
    page = used_page
    block = page.locator("#table-overview")
    block.get_by_role("searchbox").fill("RESNET")
    assert {"resnet18", "resnet50", "se_resnet50"} < set(shown(page, "overview"))
    assert not {"alexnet", "vgg16"} & set(shown(page, "overview"))
    block.get_by_role("combobox").select_option("ResNet")
    assert shown(page, "overview") == ["resnet18", "resnet50", "resnet101"]
    assert block.locator("output").inner_text() == "3 of 20 rows"
    head = block.locator("th[data-key=macs]")
    assert head.is_visible()
    block.get_by_text("Columns", exact=True).first.click()
    assert block.evaluate(TICKED) == block.evaluate(VISIBLE)
    assert False in block.evaluate(TICKED)
    block.get_by_label("MACs G").uncheck()
    assert block.evaluate(TICKED) == block.evaluate(VISIBLE)
    assert not head.is_visible()
    assert not block.get_by_role("columnheader", name="Compute").is_visible()
    assert block.get_by_role("columnheader", name="Size").is_visible()
    block.get_by_label("MACs G").check()
    assert head.is_visible()
    block.get_by_text("Columns", exact=True).first.click()
    block.get_by_role("searchbox").fill("")
    block.get_by_role("combobox").select_option("")
    assert block.locator("output").inner_text() == "20 of 20 rows"


@pytest.mark.slow
def test_typed_limits_are_those_of_the_command_line(browser: Any, folder: Path) -> None:
    """A limit with a unit replaces that of the slider; a text that is none is marked and has no effect."""
    page = opened(browser, folder / "report.html", [])
    known = candidates(compare(record_files.load_all(folder)[0]))
    for key, text in (("latency_cpu", "50ms"), ("memory", "128 MiB"), ("parameters", "27M"), ("throughput_cpu", "9/s"),
                      ("imagenet_top1", "75%"), ("macs", "4.1g"), ("macs", "4089184256")):  # fmt: skip
        page.locator(".choice form").get_by_role("button").click()
        page.wait_for_timeout(20)
        field = page.locator(f".slider:has([data-key={key}]) [data-kind]")
        field.fill(text)
        limit = amount(text, kind(key))
        assert limit
        wanted = choose(known, {key: limit})
        assert shown(page, "choosing") == [each.record.architecture for each in wanted.fits], text
        assert 0 < len(wanted.fits) < len(known)
        page.emulate_media(media="print")
        assert len(shown(page, "choosing")) == len(known), "the limits are not printed, and all rows are"
        assert page.locator(".choice").locator(".undecided, .unknown").locator("visible=true").count() == 0
        page.emulate_media(media="screen")
        field.fill("50 parsecs")
        assert field.get_attribute("aria-invalid") == "true"
        assert len(shown(page, "choosing")) == len(known)
    page.context.close()


@pytest.mark.slow
def test_choosing_by_modes(browser: Any, with_modes: Path) -> None:
    """Only the chosen modes are listed and counted; what is undecided is named with its mode."""
    page = opened(browser, with_modes / "report.html", [], viewport={"width": 1440, "height": 900})
    form = page.locator(".choice form")
    status = form.locator("[role=status]")
    count = page.locator("#table-choosing tbody tr").count()
    assert status.inner_text() == f"(Architecture, mode) pairs that fit: {count} of {count}"
    for mode in ("eager", "bf16", "channels_last"):
        form.get_by_label(mode, exact=True).uncheck()
    assert status.inner_text() == "(Architecture, mode) pairs that fit: 6 of 6"
    rows = page.locator("#table-choosing tbody tr").locator("visible=true").all()
    assert {row.locator("td").first.inner_text() for row in rows} == {"bf16+channels_last"}
    slider = form.locator("#limit-parameters")
    slider.press("Home")
    assert status.inner_text() == "(Architecture, mode) pairs that fit: 1 of 6"
    form.get_by_role("button").click()
    page.wait_for_function("document.querySelectorAll('.choice input:checked').length == 4")
    assert status.inner_text() == f"(Architecture, mode) pairs that fit: {count} of {count}"
    page.context.close()


@pytest.fixture(scope="module")
def with_modes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of six networks in four modes, of which one is not available."""
    folder = tmp_path_factory.mktemp("modes")
    factors = {"bf16": 0.7, "bf16+channels_last": 0.5, "channels_last": 1.0}
    record_files.save_all(folder, mode_samples.with_modes(mode_samples.reference()[::3], factors))
    build.write(folder, ["en", "ru"])
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scheme", "width"), sorted(DAILY))
def test_page_with_modes(browser: Any, with_modes: Path, name: str, scheme: str, width: int) -> None:
    check_page(browser, with_modes, name, scheme, width)


@pytest.mark.slow
def test_the_charts_of_modes_have_no_overlapping_words(browser: Any, with_modes: Path) -> None:
    page = opened(browser, with_modes / "report.html", [], viewport={"width": 1440, "height": 900})
    assert [each for each in page.evaluate(OVERLAPS) if "mode" in each] == []
    page.context.close()


@pytest.mark.slow
def test_the_table_of_modes_filters(browser: Any, with_modes: Path) -> None:
    """By the name of a mode and by family; hiding the columns of a time hides its heading."""
    page = opened(browser, with_modes / "report.html", [])
    block = page.locator("#table-modes")
    assert block.locator("output").inner_text() == "30 of 30 rows"
    block.get_by_role("searchbox").fill("channels_last")
    assert block.locator("output").inner_text() == "12 of 30 rows"
    family = block.locator("tbody tr").first.get_attribute("data-family")
    block.get_by_role("combobox").select_option(family)
    rows = block.locator("tbody tr").locator("visible=true")
    assert rows.count() < 12
    assert {row.get_attribute("data-family") for row in rows.all()} == {family}
    heading = block.get_by_role("columnheader", name="Latency, CPU, 1 thread", exact=True)
    assert heading.is_visible()
    block.get_by_text("Columns", exact=True).first.click()
    for label in ("Latency, CPU, 1 thread", "Speedup: Latency, CPU, 1 thread"):
        block.get_by_label(label, exact=True).uncheck()
    assert not heading.is_visible()
    page.context.close()


def test_the_download_is_the_csv_file(used_page: Any, folder: Path) -> None:
    """All columns, with the ends of intervals, to the last digit, hostile names guarded alike."""
    page = used_page
    for name in ("overview", "latency", "published"):
        with page.expect_download() as saved:
            page.locator(f"#table-{name} [data-do=save]").click()
        here = list(csv.reader(saved.value.path().read_text("utf-8-sig").splitlines(keepends=True)))
        there = list(csv.reader((folder / f"tables/{name}.csv").read_text("utf-8-sig").splitlines(keepends=True)))
        assert here == there
        assert name == "published" or any("_low" in title for title in here[0])


GIVEN = """([name, figure]) => {
  const table = document.querySelector("#table-overview table"), [first] = table.tBodies[0].rows;
  const place = [...table.tHead.querySelectorAll("th[data-key]")].findIndex((head) => head.className === "number");
  const cells = [first.cells[0], first.cells[place]], before = cells.map((cell) => cell.dataset.value);
  [name, figure].forEach((value, at) => {
    if (value === null) delete cells[at].dataset.value;
    else cells[at].dataset.value = value;
  });
  return before;
}"""
"""Gives the first cell of a text and of a number other values; returns those before."""


def test_a_text_that_is_a_number_is_guarded_in_the_download_as_in_the_file(used_page: Any) -> None:
    page = used_page
    before = page.evaluate(GIVEN, ["-5", "-0.5"])
    with page.expect_download() as saved:
        page.locator("#table-overview [data-do=save]").click()
    page.evaluate(GIVEN, before)
    first = list(csv.reader(saved.value.path().read_text("utf-8-sig").splitlines()))[1]
    assert first[0] == guard("-5") == "'-5"
    assert str(guard(-0.5)) in first


CHOSEN = """(place) => {
  const form = document.querySelector(".choice form");
  const seen = (parts) => [...document.querySelectorAll(parts)].filter((part) => part.checkVisibility()).map(
    (part) => part.innerText);
  form.reset();
  for (const input of document.querySelectorAll(".choice input[type=range]")) {
    input.value = place[input.dataset.key] ?? input.max;
  }
  form.dispatchEvent(new Event("input"));
  return {fits: seen("#table-choosing tbody th"), unknown: seen(".choice .unknown li"),
    undecided: seen(".choice .undecided li"), status: document.querySelector(".choice [role=status]").innerText};
}"""
"""Moves the sliders; what can be seen then."""


def test_choosing_on_the_page_is_choosing_on_the_command_line(used_page: Any, folder: Path) -> None:
    """Every slider alone and all together at many places leave the same networks in the same order."""
    page = used_page
    known = candidates(compare(record_files.load_all(folder)[0]))
    stops = {
        each.get_attribute("data-key"): json.loads(each.get_attribute("data-stops"))
        for each in page.locator(".choice input[type=range]").all()
    }
    assert {"parameters", "macs", "memory", "latency_cpu", "latency_cpu_1thread", "throughput_cpu",
            "imagenet_top1"} == set(stops)  # fmt: skip
    chance = random.Random(1)
    places = [{key: chance.randrange(len(values)) for key, values in stops.items()} for _ in range(6)]
    places += [{key: at} for key, values in stops.items() for at in (0, len(values) // 2)]
    places += [{key: len(values) - 1 for key, values in stops.items()}]
    seen = set()
    for place in places:
        found = page.evaluate(CHOSEN, place)
        limits = {key: stops[key][at][0] for key, at in place.items() if stops[key][at][0] is not None}
        wanted = choose(known, limits)
        assert found["fits"] == [each.record.architecture for each in wanted.fits], limits
        apart = [line.split(" (")[0] for line in found["unknown"]]
        assert apart == [each.record.architecture for each in wanted.unknown], limits
        lacking = [line for line in found["unknown"] if "took longer than 60 s" not in line]
        assert not lacking or "imagenet_top1" in limits
        unsure = [line.split(" (")[0] for line in found["undecided"]]
        assert unsure == [each.record.architecture for each in wanted.undecided]
        assert found["status"] == f"Architectures that fit: {len(wanted.fits)} of 20"
        seen |= {len(wanted.fits), -len(wanted.unknown)}
    assert len(seen) > 5
    assert -1 in seen, "the network that took too long cannot be judged by its time"
    slider = page.locator("#limit-parameters")
    before = slider.input_value()
    slider.press("ArrowLeft")
    assert int(slider.input_value()) == int(before) - 1, "a slider obeys the keyboard"
    assert len(page.evaluate(CHOSEN, {})["fits"]) == 20


def test_charts_answer(used_page: Any) -> None:
    """Values on hover and by the arrow keys; a family singled out everywhere; a row marks its network in the charts."""
    page = used_page
    chart, tip = page.locator("#figure-accuracy_macs"), page.locator(".tip")
    chart.locator("path[data-network=googlenet]").first.hover()
    assert "googlenet" in tip.inner_text()
    assert "6.62 M" in tip.inner_text()
    assert "near" in (page.locator("#table-overview tr", has_text="googlenet").first.get_attribute("class") or "")
    page.mouse.move(0, 0)
    region = chart.get_by_role("region")
    region.press("ArrowRight")
    first = tip.inner_text()
    region.press("ArrowRight")
    assert tip.inner_text() != first
    chart.locator("text[data-legend=VGG]").first.click()
    assert page.locator("svg .off[data-family=VGG]").count() == 0
    assert page.locator("#figure-ranks .off[data-family=ResNet]").count() > 0
    assert page.locator("#table-overview tr.lit th").all_inner_texts() == ["vgg16", "vgg16_bn", "vgg19", "vgg19_bn"]
    page.keyboard.press("Escape")
    assert page.locator("svg .off").count() == 0
    words = page.locator("#keys .pointing").text_content() or ""
    assert "Click a point or a family to highlight the family everywhere, or the name in a row" in words
    page.locator("#table-overview tbody th", has_text="alexnet").click()
    assert page.locator("#figure-memory .off[data-network=alexnet]").count() == 0
    assert page.locator("#figure-memory .off[data-network=resnet18]").count() > 0
    page.locator("#table-overview tbody tr", has_text="resnet18").locator("td").locator("visible=true").first.click()
    assert page.locator("#figure-memory .off[data-network=alexnet]").count() == 0, "a click on a cell changes nothing"
    page.locator("#table-slides tbody th", has_text="ResNet-18").click()
    assert page.locator("#figure-memory .off[data-network=resnet18]").count() == 0, "by its display name"
    assert page.locator("#figure-memory .off[data-network=alexnet]").count() > 0
    page.locator("#table-latency td[data-status=timeout]").first.hover()
    assert tip.inner_text() == "took longer than 60 s"
    page.keyboard.press("Escape")
    page.mouse.move(0, 0)
    assert page.locator("svg .off").count() == 0


@pytest.mark.slow
def test_the_keyboard_reaches_everything(browser: Any, brief_in_english: Path) -> None:
    """Tab goes through every control in the order of the page, and what has the focus shows it."""
    page = opened(browser, brief_in_english / "report.html", [], viewport={"width": 1440, "height": 900})
    wanted = page.evaluate(
        """() => { window.all = [...document.querySelectorAll(
        "a[href], button, input, select, summary, [tabindex='0']")].filter(
        (part) => part.checkVisibility() && !part.disabled); return all.length; }"""
    )
    page.evaluate(
        """() => { window.seen = []; addEventListener("focusin", ({target}) => seen.push(
        [all.indexOf(target), target.outerHTML.slice(0, 80), getComputedStyle(target).outlineStyle !== "none"])); }"""
    )
    for _ in range(wanted):
        page.keyboard.press("Tab")
    seen = page.evaluate("seen")
    assert [at for at, _, _ in seen] == list(range(wanted))
    assert [html for _, html, outlined in seen if not outlined] == []
    page.context.close()


def test_no_word_of_a_picture_is_cut_off(wide_page: Any) -> None:
    """Also in the fonts of this machine, which may be wider than those that places were worked out for."""
    out = wide_page.evaluate(
        """() => [...document.querySelectorAll("figure svg text")].filter((text) => {
        const box = text.getBoundingClientRect(), whole = text.ownerSVGElement.getBoundingClientRect();
        return box.width && (box.left < whole.left - 1 || box.right > whole.right + 1);
        }).map((text) => `${text.closest("figure").id}: ${text.textContent}`)"""
    )
    assert out == []


def test_labels_cover_neither_each_other_nor_a_bubble(wide_page: Any) -> None:
    """In every chart, as the browser measures the words."""
    assert wide_page.evaluate(OVERLAPS) == []


FONTS = ("DejaVu Sans", "Verdana", "Liberation Sans", "Arial", "Helvetica")
"""Wide fonts, then those with the widths of Arial, for which places are worked out."""
HAS_FONT = """(font) => {
  const context = document.createElement("canvas").getContext("2d");
  const width = (family) => { context.font = `40px ${family}`; return context.measureText("ResNeXt-50 32x4d").width; };
  return ["monospace", "serif"].every((other) => width(`"${font}", ${other}`) !== width(other));
}"""


def test_labels_keep_apart_in_each_font_that_is_installed(wide_page: Any) -> None:
    """Readers have other fonts than the machine on which a report was written."""
    installed = [font for font in FONTS if wide_page.evaluate(HAS_FONT, font)]
    assert installed
    for font in installed:
        style = wide_page.add_style_tag(content=f'figure svg text {{ font-family: "{font}" !important; }}')
        assert wide_page.evaluate(OVERLAPS) == [], font
        style.evaluate("element => element.remove()")


OVERLAPS = r"""() => {
  const found = [];
  for (const svg of document.querySelectorAll("figure svg")) {
    const chart = svg.closest("figure").id;
    const words = [...svg.querySelectorAll("text:not([stroke])")].filter((word) => word.textContent.trim());
    const boxes = words.map((word) => word.getBoundingClientRect());
    boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, j) => {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      // A line of text has some air above and below its letters.
      if (across > 1 && down > 0.3 * Math.min(a.height, b.height))
        found.push(`${chart}: ${words[i].textContent} / ${words[i + 1 + j].textContent}`);
    }));
    for (const bubble of svg.querySelectorAll("path[data-network]")) {
      const round = bubble.getBoundingClientRect(), radius = round.width / 2;
      if (!/^M[\d.]+,0A/.test(bubble.getAttribute("d")) || bubble.getAttribute("display") === "none") continue;
      const x = round.left + radius, y = round.top + radius;
      boxes.forEach((box, i) => {
        const middle = (box.top + box.bottom) / 2, half = 0.35 * box.height;
        const dx = x - Math.min(Math.max(x, box.left), box.right);
        const dy = y - Math.min(Math.max(y, middle - half), middle + half);
        if (Math.hypot(dx, dy) < radius - 1)
          found.push(`${chart}: ${words[i].textContent} on ${bubble.dataset.network}`);
      });
    }
  }
  return found;
}"""


@pytest.mark.slow
@pytest.mark.parametrize("landscape", [True, False])
def test_print_to_paper(used_page: Any, landscape: bool, tmp_path: Path) -> None:
    check_paper(used_page, 1123 if landscape else 794, [row[0] for row in samples.ROWS], tmp_path)
    used_page.emulate_media(media="null")
    used_page.set_viewport_size(WIDE)


def check_paper(page: Any, width: int, names: Sequence[str], folder: Path) -> None:
    """A4: every column and every network is on paper, no table is cut off, and no figure is torn over two pages."""
    page.set_viewport_size({"width": width - 91, "height": 800})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= max(width - 91, 1032)
    wide = page.evaluate(
        """() => [...document.querySelectorAll("table")].filter((table) => table.scrollWidth > 1 + (
        [...document.querySelectorAll("details")].some((part) => part.contains(table) && getComputedStyle(part).page ===
        "wide") ? 1032 : table.closest("main").clientWidth)).map((table) => table.dataset.name)"""
    )
    assert wide == []
    high = page.evaluate("Math.max(...[...document.querySelectorAll('figure')].map((each) => each.offsetHeight))")
    assert high <= (794 if width > 794 else 1123) - 91, "a figure with its caption fits a page"
    content = page.pdf(format="A4", landscape=width > 794)
    assert content.startswith(b"%PDF")
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext on this machine")
    (folder / "page.pdf").write_bytes(content)
    text = subprocess.run(["pdftotext", "-raw", str(folder / "page.pdf"), "-"], capture_output=True, check=True).stdout
    letters = re.sub(r"\s", "", text.decode())
    heads = page.locator("th[data-key], .card-more :is(summary, thead th), .card-more tbody tr:last-child th")
    assert [head for head in heads.all_inner_texts() if re.sub(r"\s", "", head) not in letters] == []
    assert all(letters.count(name) > 5 for name in names)


def test_tables_sort(used_page: Any) -> None:
    """The last test of this page: the order of the rows is not restored."""
    page = used_page
    button = page.locator("#table-overview").get_by_role("button", name="Parameters M").first
    button.click()
    first = page.locator("#table-overview tbody th").first
    assert first.inner_text() == "<script>alert(1)</script>"
    button.press("Enter")
    assert first.inner_text() == "vgg19_bn"
    button = page.locator("#table-overview th[data-key=imagenet_top1]").get_by_role("button")
    button.click()
    button.press("Enter")
    assert first.inner_text() == "se_resnext50_32x4d", "the paper's own figure, of which files have no value"


def test_words_stay_in_the_boxes_of_a_diagram(wide_page: Any) -> None:
    beyond = wide_page.evaluate("""() => [...document.querySelectorAll(".card-block g > text")].filter(text => {
        const words = text.getBBox(), box = text.parentNode.querySelector("rect").getBBox();
        const right = words.x + words.width > box.x + box.width, below = words.y + words.height > box.y + box.height;
        return words.x < box.x || words.y < box.y || right || below;
    }).map(text => text.textContent)""")
    assert wide_page.locator(".card-block svg").count() == 20
    assert beyond == []


REFERENCE = ROOT / "results" / "reference"
LOADED, OPENED = 16_000, 41_000
"""Pixels: how high the page on the lecture's eighteen architectures may be at a width of 1280, opened too."""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference run, rendered again."""
    folder = tmp_path_factory.mktemp("reference")
    for name in ("records", "evidence"):
        shutil.copytree(REFERENCE / name, folder / name)
    build.write(folder, ["en", "ru"], settings({"course": "Computer vision, lecture 5", "author": "A. Author"}))
    return folder


@pytest.fixture(scope="module")
def lecture_page(browser: Any, reference: Path) -> Iterator[Any]:
    """The page of the reference run as it is loaded, for tests that leave it so."""
    page = opened(browser, reference / "report.html", [], as_loaded=True, viewport={"width": 1280, "height": 800})
    yield page
    page.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["report.html", "report.ru.html"])
def test_the_page_on_the_lecture_is_short(browser: Any, lecture_page: Any, reference: Path, name: str) -> None:
    page = lecture_page
    if name != "report.html":
        page = opened(browser, reference / name, [], as_loaded=True, viewport={"width": 1280, "height": 800})
    assert page.evaluate("document.documentElement.scrollHeight") <= LOADED
    cards = page.locator(".card").locator("visible=true").all()
    families = {record.family for record in record_files.load_all(reference)[0]}
    assert len(cards) == len(families)
    modes_and_why = ("figure-modes", "table-modes", "figure-operator_pairs")
    for part in ("found", "claims", "timeline", "table-overview", *modes_and_why):
        assert page.locator(f"#{part}").is_visible(), part
    page.locator("#unfold").click()
    assert page.locator(".card").locator("visible=true").count() == 18
    assert page.evaluate("document.documentElement.scrollHeight") <= OPENED
    page.locator("#unfold").click()
    assert page.evaluate("document.documentElement.scrollHeight") <= LOADED
    page.evaluate("scrollTo(0, 0)")


@pytest.mark.slow
def test_the_first_screen(lecture_page: Any) -> None:
    """Title, course, machine, date, a warning, at most eight findings, all claims, and where the picture begins."""
    page = lecture_page
    bottom = """(part) => part.getBoundingClientRect().bottom"""
    for part in ("h1", ".byline", ".warning", "#found > ul", "#claims table"):
        assert page.locator(part).evaluate(bottom) <= 800, part
    head = page.locator("body > header").inner_text()
    wanted = ("Computer vision, lecture 5", "AMD EPYC", "28 November 2026", "times are unreliable")
    assert not [words for words in wanted if words not in head]
    assert 3 <= page.locator("#found > ul li").count() <= 8
    assert page.locator("#claims tbody tr").count() == 12
    assert page.locator("#figure-timeline").evaluate("(part) => part.getBoundingClientRect().top") <= 760


@pytest.mark.slow
def test_the_printed_lecture_edition_is_short(lecture_page: Any, tmp_path: Path) -> None:
    """About ten A4 pages in portrait, with findings, all claims, the summary and a card of each family."""
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext on this machine")
    page = lecture_page
    page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    done = subprocess.run(
        ["pdftotext", "-raw", str(tmp_path / "page.pdf"), "-"], capture_output=True, check=True, text=True
    )
    pages = done.stdout.split("\f")[:-1]
    assert 5 <= len(pages) <= 11
    for words in ("Key findings", "Lecture claims, tested", "Summary table", "DenseNet-121", "How to cite"):
        assert words in done.stdout, words
    assert "Failures and warnings" not in [line.strip() for text in pages for line in text.splitlines()]


@pytest.mark.slow
def test_a_link_opens_what_it_leads_to(lecture_page: Any, reference: Path) -> None:
    page = lecture_page
    claim = page.locator("#claim-squeeze")
    assert not claim.is_visible()
    page.locator("#claims a[href='#claim-squeeze']").click()
    claim.wait_for()
    for _ in range(2):  # the second time, the address does not change
        page.evaluate("document.querySelector('#failed > details').open = false")
        page.locator("a[href='#failed']").first.click()
        page.locator("#failed > details[open]").wait_for()
    page.goto(f"{(reference / 'report.html').as_uri()}#card-vgg19_bn")
    page.locator("#card-vgg19_bn").wait_for()
    page.get_by_role("link", name="русский").click()
    assert page.url.endswith("/report.ru.html")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["report.html", "report.ru.html"])
def test_tables_fit_a_laptop(browser: Any, lecture_page: Any, reference: Path, name: str) -> None:
    """At 1280 pixels no table of the page on the lecture scrolls sideways, and no number is broken in two lines.

    The last test of this page, all folded parts of which it opens.
    """
    page = lecture_page
    page.goto((reference / name).as_uri())
    page.evaluate(OPEN_ALL)
    wide = page.evaluate(
        """() => [...document.querySelectorAll(".wide.table")].filter((part) => part.scrollWidth >
        part.clientWidth + 1).map((part) => `${part.querySelector("table").dataset.name}: ${part.scrollWidth}`)"""
    )
    assert page.locator(".wide.table").count() > 12
    assert wide == []
    broken = page.evaluate(
        """() => [...document.querySelectorAll(".table td.number")].filter((cell) => cell.firstChild &&
        cell.checkVisibility() && (() => { const range = document.createRange(); range.selectNodeContents(cell);
        return new Set([...range.getClientRects()].map((line) => Math.round(line.top))).size > 1; })()).map(
        (cell) => cell.textContent)"""
    )
    assert broken == []


SMALL_LABELS = """(least) => [...document.querySelectorAll("figure svg")].filter(
    (svg) => svg.checkVisibility()).flatMap((svg) => {
    const round = svg.getBoundingClientRect(), box = svg.viewBox.baseVal;
    const scale = Math.min(round.width / box.width, round.height / box.height);
    return [...svg.querySelectorAll("text")].filter((word) => word.textContent.trim() &&
    parseFloat(getComputedStyle(word).fontSize) * scale < least).map(
    (word) => `${svg.closest("figure").id}: ${word.textContent}`); })"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "width"),
    [("report.ru.html", 390), ("report.html", 390), ("report.html", 1280)],
)
def test_labels_of_charts_are_legible(browser: Any, reference: Path, name: str, width: int) -> None:
    """No label of a chart is under 9 pixels, and none overlaps another, on a phone and on a laptop."""
    page = opened(browser, reference / name, [], viewport={"width": width, "height": 800})
    assert page.locator("figure svg").count() > 12
    assert page.evaluate(SMALL_LABELS, 9) == []
    assert page.evaluate(SMALL_LABELS, 100) != []
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


BACKBONES = ROOT / "results" / "reference-backbones-bf16"
WIDTHS_OF_CHARTS = """() => [...document.querySelectorAll("figure svg")].filter((svg) => svg.checkVisibility()).map(
    (svg) => svg.getBoundingClientRect().width / svg.closest("figure").getBoundingClientRect().width)"""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The edition on choosing, with more than a hundred networks with long names."""
    folder = tmp_path_factory.mktemp("crowd")
    shutil.copytree(BACKBONES / "records", folder / "records")
    build.write(folder, ["en"])
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_a_page_of_many_networks(browser: Any, crowd: Path, width: int) -> None:
    """Legible charts that use the width, no page wider than the screen, and tools over its tables."""
    page = opened(browser, crowd / "report.html", [], viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(SMALL_LABELS, 9) == []
    assert page.evaluate(OVERLAPS) == []
    assert min(page.evaluate(WIDTHS_OF_CHARTS)) >= 0.6
    assert sorted(page.evaluate(WIDTHS_OF_CHARTS))[len(page.evaluate(WIDTHS_OF_CHARTS)) // 2] >= 0.9
    for table in ("choosing", "modes", "overview") if width > 390 else ():
        fits = page.locator(f"#table-{table} .wide").evaluate("(part) => part.scrollWidth <= part.clientWidth + 1")
        assert fits, table
    page.locator(".slider:has([data-key=latency_cpu_1thread]) [data-kind]").fill("15ms")
    limited = choosing.chosen(crowd, {"latency_cpu_1thread": 0.015})["fits"]
    fitting = {row["architecture"] for row in limited if row["mode"] == "eager"}
    every = [row["architecture"] for row in choosing.chosen(crowd, {})["fits"]]
    assert fitting - set(every[:250]), "beyond the rows that the table shows as loaded"
    assert fitting <= set(shown(page, "choosing"))
    if width > 390:
        beyond = min(fitting - set(every[:250]))
        named = page.locator("#table-choosing tbody tr").filter(has=page.get_by_text(beyond, exact=True))
        named.first.locator("th").click()
        assert all("lit" in (row.get_attribute("class") or "").split() for row in named.all())
        page.keyboard.press("Escape")
    page.locator("[data-license]").select_option("mit")
    licensed = choosing.chosen(crowd, {"latency_cpu_1thread": 0.015}, licenses=["mit"])["fits"]
    assert {row["architecture"] for row in licensed} == set(shown(page, "choosing"))
    assert 0 < len(licensed) < len(limited)
    page.locator("[data-license]").select_option("")
    page.locator(".slider:has([data-key=imagenet_top1]) [data-kind]").fill("75")
    assert page.locator(".slider:has([data-key=imagenet_top1]) [data-kind]").get_attribute("aria-invalid") == "true"
    overview = page.locator("#table-overview")
    overview.get_by_role("searchbox").fill("tiny_vit")
    assert overview.locator("output").inner_text().startswith("1 of ")
    page.context.close()


@pytest.mark.slow
def test_names_with_commas_are_compared(browser: Any, tmp_path: Path) -> None:
    """Of the control of the page and of an address that a messenger has encoded."""
    names = ("build(3, 4)", "resnet18", "build(3, 4), deep")
    for name in names:
        record_files.save(tmp_path, samples.record((name, *samples.ROWS[9][1:])))
    with drawing_every(50):
        build.write(tmp_path, ["en"])
    page = opened(browser, tmp_path / "report.html", [], as_loaded=True)
    place = page.locator("#comparing")
    for chosen in ((names[0], names[1]), (names[2], names[0])):
        for at, name in enumerate(chosen):
            place.locator("select").nth(at).select_option(name)
        address = page.evaluate("location.hash")
        for text in (address, address.replace(",", "%2c")):
            page.evaluate("(text) => { location.hash = ''; location.hash = text; }", text)
            page.wait_for_function(
                "(names) => names.join() === [...document.querySelectorAll('#comparing .card')]"
                ".map((card) => card.dataset.architecture).join()",
                arg=list(chosen),
                timeout=5000,
            )
    page.evaluate("(name) => { location.hash = `compare=${encodeURIComponent(name)}`; }", names[2])
    page.wait_for_function("(name) => document.querySelector('#comparing select').value === name", arg=names[2])
    assert place.locator("output").inner_text() == ""
    page.context.close()


@pytest.mark.slow
def test_two_architectures_side_by_side(browser: Any, reference: Path) -> None:
    """By the address and by the control of the page: figures, both blocks, stages and operators, as on the cards."""
    events: list[str] = []
    address = reference / "report.html"
    page = opened(browser, address, events, as_loaded=True, viewport={"width": 1280, "height": 800})
    place = page.locator("#comparing")
    assert place.locator(".card").count() == 0
    page.evaluate("location.hash = 'compare=resnet50,densenet121'")
    place.locator(".card").nth(1).wait_for()
    with (reference / "tables/overview.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["architecture"]: row for row in csv.DictReader(file)}
    lines = place.locator("table").first.inner_text().splitlines()
    figures = {title: shown for title, *shown in (line.split("\t") for line in lines)}
    for at, name in enumerate(("resnet50", "densenet121")):
        assert figures["MACs, G"][at] == f"{float(rows[name]['macs']) / 1e9:.2f}"
        card, original = place.locator(".card").nth(at), page.locator(f"#card-{name}")
        assert card.locator(".card-block svg").inner_html() == original.locator(".card-block svg").inner_html()
        assert card.locator("details.card-costs[open]").count() == 2
        assert [card.locator(".costs tr").count()] == [original.locator(".costs tr").count()]
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((part) => part.id)")
    assert len(ids) == len(set(ids))
    from axe_playwright_python.sync_playwright import Axe

    assert [each["id"] for each in Axe().run(page, context="#comparing").response["violations"]] == []
    place.locator("select").first.select_option("vgg16")
    page.wait_for_function("document.querySelector('#comparing .card h3').textContent.includes('vgg16')")
    assert page.evaluate("location.hash") == "#compare=vgg16,densenet121"
    page.evaluate("location.hash = 'compare=%3Cb%3E,vgg16'")
    page.wait_for_function("document.querySelector('#comparing output').textContent.includes('<b>')")
    assert place.locator(".card, table").count() == 0
    page.evaluate("location.hash = 'compare=50%,vgg16'")
    page.wait_for_function("document.querySelector('#comparing output').textContent.includes('50%')")
    for name in ("", "resnet50"):
        page.evaluate("(name) => { location.hash = `compare=${name}`; }", name)
        page.wait_for_function("(name) => document.querySelector('#comparing select').value === name", arg=name)
        assert place.locator("output").inner_text() == "", "the second one is still to be chosen"
        assert place.locator(".card, table").count() == 0
    place.locator("select").nth(1).select_option("vgg16")
    place.locator(".card").nth(1).wait_for()
    page.evaluate("location.hash = 'compare=resnet5'")
    page.wait_for_function("document.querySelector('#comparing output').textContent.includes('“resnet5”')")
    assert not [event for event in events if not event.startswith("request: data:")]
    page.context.close()
    bare = without_script(reference, "report.html")
    page = opened(browser, reference / bare, [], as_loaded=True)
    assert not page.locator("#comparing").is_visible()
    page.context.close()
