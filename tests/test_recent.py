"""The headlines of recent nightly runs in index.html, the page that GitHub Pages opens first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from nights import Nights, failed, killed, made, with_reading

from reporter.model import ReporterError
from reporter.nightly import headlines
from reporter.nightly.headlines import Headline

MACS = with_reading("alexnet", "macs", samples=(714_188_481,))


class Page(HTMLParser):
    """The links, the tags and the rows of a table, as a browser reads them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str | None] = []
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if tag == "a" and name == "href"]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def listed(nights: Nights) -> list[list[str]]:
    return Page(nights.out / "index.html").rows[1:]


def test_the_page_lists_the_runs_newest_first(tmp_path: Path) -> None:
    """Passed, failed, killed and incomplete ones, each with its day, its result and its headline."""
    nights = Nights(tmp_path / "out")
    headlines = []
    for code, changes in ((0, ()), (1, (MACS,)), (0, (MACS,)), (1, (failed("vgg16"),)), (3, (failed("vgg16"),))):
        assert nights.play(made(), *changes) == code
        headlines.insert(0, nights.headline)
        if changes and code == 1:
            nights.accept()
    expected = ["measurement failed", "regression", "passed", "regression", "passed"]
    assert [row[1:] for row in listed(nights)] == [list(row) for row in zip(expected, headlines, strict=True)]
    killed(nights, made())
    nights.report, report = unwritable, nights.report
    assert nights.play(made()) == 2
    nights.report = report
    assert nights.play(made(), MACS) == 1
    rows = listed(nights)
    assert [row[1] for row in rows[:4]] == ["regression", "incomplete", "did not finish", "measurement failed"]
    assert rows[1][2].endswith("No space left on device)")
    assert [row[0] for row in rows] == [f"{day} November 2026, 02:17 UTC" for day in range(len(rows), 0, -1)]


def unwritable(folder: Path, _: Sequence[str]) -> None:
    raise ReporterError(f"{folder.name}: cannot be written (No space left on device)")


def test_the_page_links_the_reports_that_are_there(tmp_path: Path) -> None:
    nights = Nights(tmp_path / "out", report=lambda folder, _: (folder / "report.ru.html").write_text(""))
    assert nights.play(made()) == 0
    assert Page(nights.out / "index.html").links == ["report.ru.html"]


def test_headlines_are_escaped(tmp_path: Path) -> None:
    """A headline has names and reasons of networks from anywhere."""
    nights = Nights(tmp_path / "out")
    reason = "<img src=x onerror=alert(1)> & </td></table><script>"
    assert nights.play(made(), failed("vgg16", reason)) == 3
    page = Page(nights.out / "index.html")
    assert page.tags & {"img", "script"} == set()
    assert reason in page.rows[1][2]


def test_the_number_of_runs_and_their_length_are_bounded(tmp_path: Path) -> None:
    """Also where the stored ones are more and longer."""
    nights = Nights(tmp_path / "out")
    long = failed("vgg16", "y" * 3 * headlines.LONGEST)
    assert nights.play(made(), long) == 3
    stored = nights.out / ".nightly" / "recent.json"
    headlines.save(
        stored, [Headline(started=f"{number}", exit_code=0, headline="x") for number in range(headlines.MOST)]
    )
    assert nights.play(made(), long) == 3
    assert len(listed(nights)) == len(json.loads(stored.read_text())["runs"]) == headlines.MOST
    assert len(listed(nights)[0][2]) == headlines.LONGEST
    assert listed(nights)[-1][0] == str(headlines.MOST - 2)


@pytest.mark.parametrize("content", ["{", '{"schema": 1, "runs": [{"started": 7}]}'])
def test_a_list_that_cannot_be_read_starts_again(content: str, tmp_path: Path) -> None:
    nights = Nights(tmp_path / "out")
    assert nights.play(made()) == 0
    (nights.out / ".nightly" / "recent.json").write_text(content)
    assert nights.play(made()) == 0
    assert [row[1] for row in listed(nights)] == ["passed"]
