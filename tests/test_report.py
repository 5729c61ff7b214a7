"""From records to reports: order, marks, golden files, hostile names, strict JSON, no torch."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
import samples
from commands import drawing_every

from reporter.model import Chart, Reading, Record, ReporterError
from reporter.registry.catalog import collect
from reporter.report import build, challenge_entries, sections
from reporter.report.choosing.choice import choice
from reporter.report.comparison import Comparison, accuracy, compare
from reporter.report.drawing import drawn_charts
from reporter.report.findings import noise_reasons
from reporter.report.findings.key_findings import findings
from reporter.report.language import language
from reporter.report.output import csv_tables, formats, latex, markdown
from reporter.report.page import failures
from reporter.report.rank_ranges import ranks
from reporter.report.table import Cell, Column, Table, Tabulation
from reporter.store import record_files
from reporter.tables import overview

ENGLISH = language("en")
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def few() -> Comparison:
    return compare(samples.few())


@pytest.fixture(scope="module")
def lecture() -> Comparison:
    return compare(samples.lecture())


@pytest.fixture(scope="module")
def written(few_report: Path) -> Path:
    """A folder with records and the reports on them, in two languages."""
    return few_report


def test_networks_stand_in_order_of_year_and_number(lecture: Comparison) -> None:
    years = [record.year for record in lecture.records]
    names = [record.architecture for record in lecture.records]
    assert years == sorted(years)
    assert names.index("resnet18") < names.index("resnet50") < names.index("resnet101")


def test_machines_are_never_ranked_together(few: Comparison) -> None:
    assert few.machines == ("quiet", "old")
    old = few.of("old")[0]
    assert not few.is_best(old, "latency_cpu_1thread"), "the only row of its machine has nothing to win"
    assert len(few.networks) == len(few.records) - 1


def test_a_second_machine_changes_no_rank_and_wins_nothing_of_the_first() -> None:
    """Every network on two kinds of machine, as a cluster measures them: each kind is reported as if it were alone."""
    slow, fast = samples.lecture(), [samples.record(row, machine="fast", slower=0.1) for row in samples.ROWS]
    both = compare([*slow, *fast])
    assert set(both.machines) == {"quiet", "fast"}
    for alone in (compare(slow), compare(fast)):
        (machine,) = alone.machines
        assert {ranked for ranked in both.winners if ranked[0] == machine} == set(alone.winners)
        for key in ("latency_cpu", "throughput_cpu"):
            assert ranks(both, machine, key) == ranks(alone, machine, key)
            best = [record.architecture for record in both.of(machine) if both.is_best(record, key)]
            assert best == [record.architecture for record in alone.records if alone.is_best(record, key)]


def test_times_of_one_machine_are_named_after_it() -> None:
    """In the key findings and in the table of a choice: other tables have a column of machines."""
    lecture, old = samples.lecture(), [samples.record(row, machine="old", slower=2) for row in samples.ROWS]
    early = [record.model_copy(update={"started": "2025-01-01T00:00:00+00:00"}) for record in old]
    both, message = compare([*lecture, *early]), "Times are those of quiet, the machine that was measured last."
    chosen = choice(both, ENGLISH)
    assert sections.found(both, ENGLISH).blocks[0] == sections.Text(message)
    assert chosen
    assert message in chosen.table.notes
    assert "Times are those of" not in str(sections.found(compare(lecture), ENGLISH))


def test_no_machine_is_named_where_it_has_no_times() -> None:
    def without_times(record: Record) -> Record:
        kept = {key: each for key, each in record.readings.items() if each.quantity.unit not in ("s", "1/s")}
        return record.model_copy(update={"readings": kept})

    old = [samples.record(row, machine="old") for row in samples.ROWS]
    early = [record.model_copy(update={"started": "2025-01-01T00:00:00+00:00"}) for record in old]
    for earlier in (early, [without_times(each) for each in early]):
        both = compare([*map(without_times, samples.lecture()), *earlier])
        chosen = choice(both, ENGLISH)
        assert "Times are those of" not in str(sections.found(both, ENGLISH))
        assert chosen
        assert "Times are those of" not in str(chosen.table.notes)


def test_the_causes_of_noise_are_those_of_the_newest_machine() -> None:
    """Other programs beside an earlier machine have no part in the times of the key findings."""
    old = samples.record(samples.ROWS[0], machine="old").model_copy(update={"started": "2025-01-01T00:00:00+00:00"})
    alone = noise_reasons.causes(compare(samples.lecture()), ENGLISH)
    noisy = samples.reading("latency_cpu", 0.1, status="noisy", reason="noise", background_load=0.3)
    old.readings["latency_cpu"] = noisy
    assert noise_reasons.causes(compare([old]), ENGLISH) != alone
    assert noise_reasons.causes(compare([*samples.lecture(), old]), ENGLISH) == alone


def test_a_failure_of_all_networks_of_a_machine_is_one_name() -> None:
    """With one of another machine beside them; on that alone all are named."""
    rows = samples.ROWS[:4]
    lacking = Reading(quantity=samples.QUANTITIES["latency_cuda"], status="unsupported", reason="no GPU")
    records = [*(samples.record(row) for row in rows), *(samples.record(row, machine="old") for row in rows)]
    for record in records[:5]:
        record.readings["latency_cuda"] = lacking
    items = failures.failed(compare(records), [], ENGLISH).blocks[0]
    assert isinstance(items, sections.Items)
    (line,) = (each for each in items.items if each.endswith("no GPU"))
    assert line.startswith(f"all architectures (quiet), {rows[0][0]} (old): Latency, GPU: ")


def test_noise_of_all_networks_of_a_machine_is_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the longest list of names, too: it counts as one name there, and each of its networks among the others."""
    rows = samples.ROWS[:4]
    machines = ("quiet", "old")
    records = {machine: [samples.record(row, machine=machine) for row in rows] for machine in machines}
    for number, record in enumerate([*records["quiet"], *records["old"][:3]]):
        reason = "the samples drift" if number < 5 else "the machine is busy"
        record.readings["latency_cpu"] = samples.reading("latency_cpu", 0.1, status="noisy", reason=reason)

    def line() -> str:
        blocks = failures.failed(compare([*records["quiet"], *records["old"]]), [], ENGLISH).blocks
        title = sections.Text("Too noisy to rely on:")
        items = next(following for before, following in pairwise(blocks) if before == title)
        assert isinstance(items, sections.Items)
        (line,) = (each for each in items.items if "the samples drift" in each)
        return line.partition(": ")[2]

    names = [row[0] for row in rows]
    drifts = f"all architectures (quiet), {names[0]} (old) (the samples drift)"
    assert line() == f"{drifts}; {names[1]} (old), {names[2]} (old) (the machine is busy)"
    monkeypatch.setattr(failures, "MANY", 3)
    assert line() == f"{drifts}; {names[1]} (old) (the machine is busy) and 1 more"
    monkeypatch.setattr(failures, "MANY", 1)
    assert line() == "all architectures (quiet) (the samples drift) and 3 more"


def test_a_pair_of_another_machine_has_no_time_in_the_key_findings() -> None:
    """The key findings name the machine that their times are of."""
    old = [samples.record(row, machine="old", slower=2) for row in samples.ROWS]
    early = [record.model_copy(update={"started": "2025-01-01T00:00:00+00:00"}) for record in old]
    newest = [record for record in samples.lecture() if record.architecture != "se_resnet50"]
    (sentence,) = (each for each in findings(compare([*newest, *early]), ENGLISH) if "Squeeze-and-excitation" in each)
    assert "MACs" in sentence
    assert "time" not in sentence


def test_different_weights_have_no_common_best() -> None:
    records = [record for record in samples.lecture() if record.architecture in ("alexnet", "vgg19", "resnet18")]
    tuned = records[0].readings["finetune_top1"]
    other = tuned.model_copy(update={"detail": {**tuned.detail, "weights": "IMAGENET1K_V1"}})
    mixed = records[0].model_copy(update={"readings": {**records[0].readings, "finetune_top1": other}})
    assert any(key == "finetune_top1" for _, key in compare(records).winners)
    assert not any(key == "finetune_top1" for _, key in compare([mixed, *records[1:]]).winners)


def test_nobody_beats_the_pareto_front(lecture: Comparison) -> None:
    """Of those whose accuracy is that of weights: a paper's figure follows another protocol."""

    def point(record: Record) -> tuple[float, float]:
        found = accuracy(record)
        return record.value("macs") or 0, (found and not found.paper and found.top1) or 0

    everyone = [point(record) for record in lecture.networks]
    assert not any(found and found.paper for found in map(accuracy, lecture.front))
    for record in lecture.front:
        cost, gain = point(record)
        assert not any(macs <= cost and top1 > gain for macs, top1 in everyone)
    assert [record.architecture for record in lecture.front][:2] == ["alexnet", "googlenet"]


def test_networks_of_equal_cost_and_accuracy_are_on_the_front_together() -> None:
    made = samples.record(samples.ROWS[10])
    twins = [made.model_copy(update={"architecture": name}) for name in ("first", "second")]
    assert [record.architecture for record in compare(twins).front] == ["first", "second"]


def test_one_network_has_no_front() -> None:
    made = samples.record(samples.ROWS[10])
    assert overview.pareto(compare([made])) == [""]
    table = overview.make(compare([made]), ENGLISH)
    assert not [note for note in table.notes if "Pareto" in note]
    assert overview.pareto(compare([made, made.model_copy(update={"architecture": "other"})])) != ["", ""]


def test_the_cheapest_of_the_most_accurate_networks_is_named() -> None:
    """The other one, with more MACs, precedes it."""
    made = samples.record(samples.ROWS[10])
    dear = made.readings | {"macs": samples.reading("macs", 9_000_000_000)}
    a, b = ({"architecture": "a", "readings": dear}, {"architecture": "b"})
    text = " ".join(findings(compare([made.model_copy(update=each) for each in (a, b)]), ENGLISH))
    assert "Of the architectures with published weights b is the most accurate" in text


def test_findings_are_computed(lecture: Comparison) -> None:
    text = " ".join(findings(lecture, ENGLISH)).replace("\u00a0", " ")
    assert "alexnet is the fastest: 14.1 ms" in text
    assert "se_resnet50 vs. resnet50: +9.9 % parameters, +0.1 % MACs" in text
    assert "+1.5 points of ImageNet top-1 (torchvision's weights)" in text
    assert "vgg16 and vgg19 are not distinguished from guessing (10 %)" in text


def test_findings_need_their_data() -> None:
    one = compare([samples.record(samples.ROWS[0])])
    assert findings(one, ENGLISH) == []
    assert build.build(one, ENGLISH, [], []).sections[0].blocks[0].kind == "items"


@pytest.mark.usefixtures("blank_charts")
def test_golden_report(few: Comparison, golden: Callable[[str, str], None]) -> None:
    """The whole Markdown of hand-made records; the charts by name and caption."""
    pictures = drawn_charts.draw(few, ENGLISH, collect("reporter.charts", Chart).values())
    tables = collect("reporter.tables", Tabulation).values()
    whole = build.build(few, ENGLISH, pictures, tables, complaints=["x.json: not a record"])
    text = formats.to_markdown(replace(whole, version="0"))
    golden("report.md", text)
    assert "The ImageNet timeline" in text


@pytest.mark.parametrize("more", [0, 1])
def test_a_long_list_of_files_without_a_record_is_cut_off(more: int) -> None:
    files = [f"{number}.json" for number in range(failures.LINES + more)]
    (*_, items) = failures.failed(compare([samples.record(samples.ROWS[0])]), files, ENGLISH).blocks
    assert isinstance(items, sections.Items)
    rest = [f"and {more} more; summary.json has all"] if more else []
    assert list(items.items) == files[: failures.LINES] + rest


@pytest.mark.usefixtures("charts_drawn_again")
def test_rendering_is_deterministic(written: Path) -> None:
    """In the same folder, as reports contain the paths of files that cannot be read; each file is replaced whole."""
    before = {path: path.read_bytes() for path in written.rglob("*.*") if path.is_file()}
    with drawing_every(5):  # as when they were written
        build.write(written, ["en"])
    changed = [path.name for path, content in before.items() if path.read_bytes() != content]
    assert set(changed) <= {"summary.json"}


def test_every_promised_file_is_there(written: Path) -> None:
    for name in ("summary.json", "report.html", "report.md", "report.ru.html", "report.ru.md"):
        assert (written / name).stat().st_size > 1000
    for svg in (written / "figures").glob("*.svg"):
        assert svg.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    for table in (written / "tables").glob("*.csv"):
        assert table.with_suffix(".tex").exists()
    linked = re.findall(r"\((figures/[^)]+)\)", (written / "report.ru.md").read_text(encoding="utf-8"))
    assert linked
    assert all((written / name).exists() for name in linked)


def test_unreadable_records_are_told_of(written: Path) -> None:
    assert "torn.json" in (written / "report.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("blank_charts")
def test_only_the_catalogues_of_the_languages_of_the_folder_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One takes a tenth of a second."""
    record_files.save(tmp_path, samples.lecture()[0])
    read: list[str] = []
    monkeypatch.setattr(build, "language", lambda code: read.append(code) or language(code))
    build.write(tmp_path, ["en"])
    assert set(read) == {"en"}
    assert "report.ru.html" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    (tmp_path / "report.ru.html").touch()
    build.write(tmp_path, ["en"])
    assert set(read) == {"en", "ru"}
    assert "report.ru.html" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_no_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReporterError, match="no records"):
        build.write(tmp_path, ["en"])
    with pytest.raises(ReporterError, match="no language 'xx'"):
        build.write(tmp_path, ["xx"])
    assert not list(tmp_path.iterdir())


def test_summary_is_strict_json(written: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    document = json.loads((written / "summary.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert document["schema"] == 1
    assert document["settings"]["preset"] == "standard"
    assert set(document["machines"]) == {"quiet", "old"}
    readings = {record["architecture"]: record["readings"] for record in document["records"]}
    assert readings["resnet50"]["parameters"]["value"] == 25557032
    assert readings["vgg16"]["peak_training_bytes"] | {"samples": []} == {
        "title": "Peak training memory",
        "better": "lower",
        "value": None,
        "unit": "B",
        "status": "oom",
        "reason": "needs 2.1 GiB, 2.0 GiB are there",
        "samples": [],
        "low": None,
        "high": None,
    }
    noisy = readings["inception_v2"]["latency_cpu_1thread"]
    assert noisy["status"] == "noisy"
    assert noisy["low"] < noisy["value"] < noisy["high"]


class Tags(HTMLParser):
    """Every tag and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", ["report.html", "report.ru.html"])
def test_hostile_names_are_text_in_html(written: Path, name: str) -> None:
    page = Tags()
    page.feed((written / name).read_text(encoding="utf-8"))
    assert page.tags.count("script") == 1, "only our own"
    assert HOSTILE in page.text
    assert "<b>no</b>" in page.text
    assert len(page.ids) == len(set(page.ids)), "ids are unique over page and charts"


def test_hostile_names_are_text_in_markdown(written: Path) -> None:
    text = (written / "report.md").read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "<" not in re.sub("`[^`]*`", "", prose.replace("\\<", "")), "no raw HTML outside of code"
    assert len(re.findall("^```mermaid$", text, re.MULTILINE)) == 10, "a diagram for each network"
    commands = re.findall("^```\n(.*?)\n```$", text, re.DOTALL | re.MULTILINE)
    names = [record.architecture for record in record_files.load_all(written)[0]]
    assert all(any(name in command for command in commands) for name in names), "a command for each network"
    rows = [line for line in text.splitlines() if line.startswith("| `a\\|b` |")]
    assert rows
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in rows[:1]}
    head = next(line for line in text.splitlines() if line.startswith("| Architecture | Machine | Family"))
    assert widths == {head.count("|")}


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("se_resnext50_32x4d", "se_resnext50_32x4d"),
        ("_x_", "\\_x\\_"),
        ("*a*", "\\*a\\*"),
        ("# no heading", "\\# no heading"),
        ("1. no list", "1\\. no list"),
        ("[a](b)", "\\[a\\](b)"),
        ("two\nlines", "two lines"),
    ],
)
def test_markdown_is_shown_as_it_is(text: str, escaped: str) -> None:
    assert markdown.escape(text) == escaped


def test_in_sources_only_pages_are_links() -> None:
    """GitHub takes a name of a file with @ for the address of an e-mail, but not in a code span."""
    entries = [markdown.Sourced(entry.source) for entry in challenge_entries.entries()]
    (slides,) = [text for entry in entries if "@" in (text := markdown.escape(entry, in_table=True))]
    assert slides.endswith("slides `Trimps-Soushen@ILSVRC2016.pdf`")
    assert "http://image-net.org/challenges/LSVRC/2016/results#loc 0.02991;" in slides
    assert markdown.escape(markdown.Sourced("a_b *c* http://x.org/d_e")) == "a_b \\*c\\* http://x.org/d_e"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1"])
def test_no_formula_gets_into_a_spreadsheet(text: str) -> None:
    table = Table("t", "T", (Column("a", "A"), Column("b", "B")), ((Cell(text, text), Cell("-1", -1)),))
    row = list(csv.reader(StringIO(csv_tables.to_csv(table))))[1]
    assert row == [f"'{text}", "-1"], "texts are guarded, numbers are not"


def test_csv_holds_raw_values(written: Path) -> None:
    with (written / "tables" / "latency.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["architecture"], row["machine"]): row for row in csv.DictReader(file)}
    row = rows["resnet50", "quiet"]
    assert float(row["latency_cpu_1thread_low [s]"]) < float(row["latency_cpu_1thread [s]"]) < 0.06
    assert rows["a|b", "quiet"]["throughput_cpu_status"] == "timeout"
    assert rows["a|b", "quiet"]["throughput_cpu [1/s]"] == ""


def test_latex_is_escaped() -> None:
    assert latex.tex(r"\input{x} 50% a_b $") == r"\textbackslash{}input\{x\} 50\% a\_b \$"
    table = Table("t", "T", (Column("a", "A & B"),), ((Cell("x|y", best=True),),))
    text = latex.to_tex(table, ENGLISH)
    assert r"A \& B} \\" in text
    assert r"\textbf{x\textbar{}y} \\" in text


def test_figures_are_light_and_titled(written: Path) -> None:
    svg = (written / "figures" / "timeline.svg").read_text(encoding="utf-8")
    assert "var(--" not in svg
    assert "#01020" not in svg
    assert "<title>The ImageNet challenge" in svg


def test_families_of_a_year_are_in_alphabetical_order() -> None:
    names = [record.architecture for record in compare(samples.lecture()).networks]
    assert names.index("se_resnet101") < names.index("se_resnext50_32x4d")
