"""Foreign names and reasons in everything that is printed or rendered as Markdown: no command, no mention, no link."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import samples
from commands import call
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from test_ab import about

from reporter.cli import choosing, listing
from reporter.compare.folders import compare
from reporter.host import printing
from reporter.model import Record
from reporter.model.fields import legible
from reporter.nightly import screen
from reporter.nightly.baseline import Baseline
from reporter.nightly.findings import findings
from reporter.nightly.run_failures import failing
from reporter.registry.catalog import collect
from reporter.report import build
from reporter.report.between_runs import ab_verdicts
from reporter.report.between_runs.changes import in_markdown, in_words
from reporter.report.between_runs.grouping import MOST_LINES
from reporter.report.comparison import compare as side_by_side
from reporter.report.language import language
from reporter.report.output import formats
from reporter.report.output.markdown import escape
from reporter.report.table import Tabulation
from reporter.store import record_files

PARTS = (
    "::error file=a.py,line=1::owned", "::add-mask::e", "##[error]x", "##vso[task.setvariable]", "@everyone", "@a/b",
    "#1", "GH-12", "https://evil.example/a?b", "www.evil.example", "a@b.example", "![x](http://a/b.png)", "<img src=x>",
    "`", "``", "|", "\\|", "**", "~~~~", "[a](b)", "&lt;", "\x1b[31m", "\x1b]0;t\x07", "\u202e", "\r", "\n::error::x",
    "- ", "# ", "resnet50", "a", " ", ":", "#", "_", "$(x)", "; rm -rf ~", "'", "{0}", "%s",
)  # fmt: skip
NAMES = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("".join).filter(str.strip)
MARKS = re.compile(
    r"- |[A-Z][a-z]|[AB]: |\[\d|reporter: |note: |wrote |\d+ of |no |best first|above |cannot |undecided|fewer "
)
"""How a printed line begins: with a word or a mark of the program."""
FEW = tuple(legible(" ".join(PARTS[start::6])) for start in range(6))
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def assert_inert(text: str, names: tuple[str, ...] = ()) -> None:
    """What a CI reads: no command, no control character, and no line that begins with a name."""
    assert not re.search("::|##", text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    for line in filter(None, map(str.strip, text.split("\n"))):
        assert MARKS.match(line), line
        bare = [name.strip() for name in names if name.strip(" -")]
        unmarked = tuple(name for name in bare if not MARKS.match(name))
        assert not line.startswith(unmarked)


def assert_unlinked(markdown: str) -> None:
    """What GitHub renders: outside of code spans nothing is a mention, an issue, an address, an image or HTML."""
    for token in PARSER.parse(markdown):
        assert token.type != "html_block" or re.fullmatch("(</?details>(<summary>.*</summary>)?\\s*)+", token.content)
        for child in token.children or ():
            assert child.type in ("text", "code_inline", "strong_open", "strong_close", "softbreak"), markdown
            assert child.type == "code_inline" or not re.search(r"@\w|#\d|://|www\.|GH-\d", child.content), markdown


def sides(name: str, reason: str) -> tuple[list[Record], list[Record]]:
    """Two runs between which the named architecture changed in every way."""
    seen = legible(name)
    base = [samples.record((seen, seen, *samples.ROWS[0][2:])), samples.record(samples.ROWS[1])]
    changed = base[0].readings | {
        "macs": base[0].readings["macs"].model_copy(update={"samples": (7,)}),
        "depth": samples.reading("depth", status="failed", reason=legible(reason)),
        "latency_cpu": samples.reading("latency_cpu", status="skipped", reason=legible(reason)),
    }
    new = [base[0].model_copy(update={"readings": changed}), samples.record((f"{seen}2", seen, *samples.ROWS[2][2:]))]
    return base, new


@given(NAMES)
def test_a_printed_line_has_no_command(text: str) -> None:
    line = printing.inert(text)
    assert not re.search("::|##|[\x00-\x1f]", line)
    assert line.replace(printing.BETWEEN, "") == legible(text)
    assert printing.inert(line) == line


@given(NAMES)
def test_a_printed_document_has_no_command_and_the_same_values(text: str) -> None:
    shown = printing.document(json.dumps({text: [text]}, indent=1))
    assert "##" not in shown
    assert not any(line.strip().startswith("::") for line in shown.split("\n"))
    assert json.loads(shown) == {text: [text]}


@given(NAMES, st.booleans())
def test_a_name_is_one_code_span(text: str, in_table: bool) -> None:
    name = legible(text)
    made = escape(name, frozenset([name]), in_table)
    document = f"| h |\n| --- |\n| {made} |\n" if in_table else f"x {made}"
    (span,) = [c for t in PARSER.parse(document) for c in t.children or () if c.content not in ("h", "x ")]
    assert (span.type, span.content) == ("code_inline", name)


@given(NAMES, NAMES)
@settings(max_examples=30, deadline=None)
def test_comparisons(name: str, reason: str) -> None:
    """compare, compare --markdown, the screen of nightly and ab."""
    base, new = sides(name, reason)
    names = (legible(name), legible(reason))
    found = compare(base, new)
    assert_inert(in_words(found, [f"{name}: not a record"]), names)
    assert_unlinked(in_markdown(found, [legible(f"{name}: not a record")]))
    assert not re.search("::|##", in_markdown(found))
    assert f"`{printing.inert(name)}`" in in_markdown(found) or "`" in name or "|" in name or " " in name
    now = "2026-11-02T02:17:00+00:00"
    night = screen.NightlyComparison(
        new, Baseline(tuple(base)), found, findings(found, new, None, (), now), failing(new, {}, None, now), now=now
    )
    shown = [screen.headline(night), *screen.lines(night.findings, "results")]
    assert_inert(printing.text(shown), names)
    assert_inert(ab_verdicts.in_words(found, (about(), about(folder=name))), names)


@given(NAMES)
@settings(max_examples=20, deadline=None)
def test_lists(name: str) -> None:
    seen = legible(name)
    entry = {"name": seen, "family": seen, "year": None, "input_size": 224}
    known = {
        "architectures": [entry],
        "datasets": [{"name": seen, "title": seen}],
        "metrics": [{"key": seen, "title": seen}],
    }
    lines = listing.in_words(known).split("\n")
    assert_inert("\n".join(line for line in lines if line not in known), (seen,))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """BASE and NEW with all hostile parts in a few names."""
    places = [tmp_path_factory.mktemp("names") / side for side in ("base", "new")]
    for name in FEW:
        for place, records in zip(places, sides(name, f"RuntimeError: {name}"), strict=True):
            record_files.save(place, records[0])
    return places


@pytest.mark.parametrize("options", [(), ("--markdown",), ("--json",)])
def test_the_command_compare(folders: list[Path], options: tuple[str, ...]) -> None:
    done = call("compare", *folders, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "##" not in done.stdout.replace("\\u0023", "")
    if options == ("--json",):
        names = {change["architecture"] for change in json.loads(done.stdout)["changes"]}
        assert names == set(FEW)
    elif options:
        assert_unlinked(done.stdout)
    else:
        assert_inert(done.stdout, FEW)


def test_the_command_choose(folders: list[Path]) -> None:
    assert_inert(choosing.in_words(choosing.chosen(folders[0], {"latency_cpu": 0.01})), FEW)


def test_the_report(folders: list[Path]) -> None:
    """Links of the report's own are links; nothing else is."""
    comparison = side_by_side(record_files.load_all(folders[0])[0])
    tables = collect("reporter.tables", Tabulation).values()
    report = build.build(comparison, language("en"), [], tables, complaints=[f"{FEW[0]}.json: not a record"])
    tokens = PARSER.parse(formats.to_markdown(report))
    inline = [child for token in tokens for child in token.children or ()]
    for child in inline:
        foreign = child.type == "text" and "image-net.org" not in child.content  # that is a source of the timeline
        assert not (foreign and re.search(r"@\w|#\d|://|www\.|evil", child.content)), child.content
    links = [str(child.attrs["href"]) for child in inline if child.type == "link_open"]
    assert links
    assert all(re.match(r"tables/[\w.-]+\.csv$|https://arxiv\.org/|https://papers\.nips\.cc/", link) for link in links)


SLOW = [pytest.param(option, marks=pytest.mark.slow) for option in ("--architectures", "--architecture", "--device")]
"""A worker is asked about these."""


@pytest.mark.parametrize("option", ["--metrics", "--dataset", "--baseline", "--config", *SLOW])
def test_a_name_on_the_command_line(option: str, tmp_path: Path) -> None:
    done = call("--out", tmp_path / "new", option, "::error::x\n::add-mask::e\x1b[31m##[error]@a")
    assert done.returncode == 2
    assert done.stderr.startswith("reporter: ")
    assert done.stderr.count("\n") == 1
    assert_inert(done.stderr)


def test_many_changes_are_at_most_40_lines() -> None:
    """386 failures with one reason are one line with a count and what to do; many reasons are cut off."""
    base = samples.lecture()

    def broken(record: Record, reason: str) -> Record:
        update = {"status": "failed", "reason": reason, "samples": (), "rounds": ()}
        return record.model_copy(
            update={"readings": {k: r.model_copy(update=update) for k, r in record.readings.items()}}
        )

    found = compare(base, [broken(each, "OSError: libtorch.so") for each in base])
    (line,) = [line for line in in_words(found).split("\n") if line.startswith("- failed")]
    count = len(found.of("failed"))
    assert re.fullmatch(rf"- failed: {count} readings of .* and 13 more: OSError: libtorch.so; fix it, or .*", line)
    each = [broken(record, f"OSError: {key}") for record in base for key in ("x",)]
    readings = {
        record.architecture: {
            k: r.model_copy(update={"reason": f"{k} {record.architecture}"}) for k, r in record.readings.items()
        }
        for record in each
    }
    many = compare(base, [record.model_copy(update={"readings": readings[record.architecture]}) for record in each])
    lines = [line for line in in_words(many).split("\n") if line.startswith(("- failed", "- and"))]
    assert len(lines) == MOST_LINES
    assert re.fullmatch(rf"- and {len(many.of('failed')) - MOST_LINES + 1} more groups of changes", lines[-1])
