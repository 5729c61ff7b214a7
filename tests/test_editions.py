"""The head of a report, and its two editions: the lecture's, and the one for choosing a backbone."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import samples
from networks import CONDITIONS, own
from simulated import METRICS, Simulated, slot

from reporter.cli.progress import Lines
from reporter.model import Record, ReporterError
from reporter.model.settings import read_config, settings
from reporter.report import build
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.page.edition import ORDERS, edition, ordered
from reporter.report.page.heading import heading, presentation
from reporter.report.sections import Section
from reporter.run import experiment
from reporter.run.request import Request
from reporter.store import record_files

pytestmark = pytest.mark.usefixtures("blank_charts")

MODERN = (
    ("convnext_tiny", "ConvNeXt", 2022, 224, 28589128, 4455531264, 59, 40.0, 0.2, 0.82520, 0.96146),
    ("efficientnet_b0", "EfficientNet", 2019, 224, 5288548, 385814752, 82, 18.0, 0.3, 0.77692, 0.93532),
    ("mobilenet_v3_large", "MobileNetV3", 2019, 224, 5483032, 216589760, 64, 12.0, 0.3, 0.74042, 0.91340),
    ("regnet_y_1_6gf", "RegNet", 2020, 224, 11202430, 1612000000, 82, 30.0, 0.3, 0.77950, 0.93966),
)


def modern(**stored: Any) -> list[Record]:
    """Four architectures that are not the lecture's; `stored` are settings of their run."""
    records = [samples.record(row) for row in MODERN]
    return [each.model_copy(update={"settings": each.settings | stored}) for each in records]


def written(folder: Path, records: list[Record], *languages: str, **given: str) -> dict[str, str]:
    """The reports of records by their file names."""
    for record in records:
        record_files.save(folder, record)
    build.write(folder, languages or ("en",), settings(given))
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("report*")}


def test_each_chart_and_table_is_linked_as_files(tmp_path: Path) -> None:
    """In the report of each language; those of folded parts and of cards, too, and no file that is not there."""
    records = [*modern(), *samples.lecture()[:2]]
    pages = written(tmp_path, records, "en", "ru", edition="lecture")
    for name, mark in (("report.html", ""), ("report.ru.html", ".ru")):
        every = [path for kind in ("figures", "tables") for path in (tmp_path / kind).iterdir()]
        mine = {f"{path.parent.name}/{path.name}" for path in every if (".ru." in path.name) == bool(mark)}
        linked = re.findall(r'href="((?:figures|tables)/[^"]+)"', pages[name])
        assert {unquote(address) for address in linked} == mine
        assert f"tables/overview{mark}.tex" in mine
        assert f"figures/timeline{mark}.svg" in mine


def headings(report: str) -> list[str]:
    return re.findall(r"^## (.+)$", report, re.MULTILINE)


@pytest.mark.parametrize(
    ("records", "wanted"),
    [
        (samples.lecture(), "lecture"),
        (modern(), "choice"),
        ([*modern(), samples.record(samples.ROWS[10])], "choice"),
        ([modern()[0], samples.record(samples.ROWS[10])], "choice"),
        ([modern()[0], *(samples.record(row) for row in samples.ROWS[10:12])], "lecture"),
        ([samples.record(samples.ROWS[10])], "lecture"),
    ],
    ids=["lecture", "modern", "one-of-five", "one-of-two", "two-of-three", "one"],
)
def test_the_edition_follows_from_the_architectures(records: list[Record], wanted: str) -> None:
    assert edition(compare(records)) == wanted
    assert edition(compare(records), "lecture") == "lecture"
    assert edition(compare(records), "choice") == "choice"


def test_a_report_on_other_architectures_opens_with_the_choice(tmp_path: Path) -> None:
    """And contains neither a claim of the lecture nor the entries of the challenge, but their own years."""
    text = written(tmp_path, modern())["report.md"]
    assert headings(text)[:2] == ["Accuracy vs. cost", "Choosing an architecture"]
    assert headings(text).index("Key findings") < headings(text).index("Architectures by year")
    assert "lecture" not in text.lower()
    assert "NEC-UIUC" not in text
    assert (tmp_path / "figures" / "accuracy_by_year.svg").exists()
    assert "On the command line: reporter choose DIR" in text
    assert re.findall(r"^### (Accuracy vs. .+)$", text, re.MULTILINE) == [
        "Accuracy vs. MACs",
        "Accuracy vs. latency",
        "Accuracy vs. latency, all CPU threads",
    ]
    assert not (tmp_path / "figures" / "timeline.svg").exists()
    assert not (tmp_path / "tables" / "claims.csv").exists()


@pytest.mark.parametrize(
    "records",
    [[*modern(), samples.record(samples.ROWS[10])], modern(metrics=["size", "claims"])],
    ids=["resnet50", "claims-asked-for"],
)
def test_what_the_lecture_says_comes_last_in_the_other_edition(records: list[Record], tmp_path: Path) -> None:
    text = written(tmp_path, records)["report.md"]
    order = headings(text)
    assert order[0] == "Accuracy vs. cost"
    assert order.index("The architectures") < order.index("Lecture claims, tested") < order.index("Sources")
    assert "NEC-UIUC" in text


def test_an_edition_may_be_asked_for(tmp_path: Path) -> None:
    text = written(tmp_path / "a", modern(), edition="lecture")["report.md"]
    assert headings(text)[:3] == ["Key findings", "Lecture claims, tested", "The ImageNet timeline"]
    assert "Architectures within a budget" in text
    assert "reporter choose DIR" not in text
    stored = written(tmp_path / "b", modern(edition="lecture"))["report.md"]
    assert headings(stored) == headings(text)
    again = written(tmp_path / "b", [], edition="choice")["report.md"]
    assert headings(again)[0] == "Accuracy vs. cost"


def test_sections_of_others_come_before_the_method() -> None:
    made = ordered([Section(name, name, ()) for name in ("environment", "new", "found", "cite", "measured")], "lecture")
    assert [each.name for each in made] == ["found", "new", "measured", "environment", "cite"]
    assert all(set(order) == set(ORDERS["lecture"]) for order in ORDERS.values())


HEAD = {"title": "Week 5: <CNNs> & co.", "course": "Vision 1", "author": "Ada Lovelace", "license": "CC0"}


@pytest.mark.parametrize("stored", [False, True], ids=["given", "stored"])
def test_title_course_and_author_stand_on_top(stored: bool, tmp_path: Path) -> None:
    """From the command line or from the settings of the run; with machine, date, citation and license."""
    records = modern(**HEAD) if stored else modern()
    reports = written(tmp_path, records, "en", "ru", **({} if stored else HEAD))
    page, text = reports["report.html"], reports["report.md"]
    assert "<title>Week 5: &lt;CNNs&gt; &amp; co.</title>" in page
    top = "# Week 5: \\<CNNs\\> \\& co.\n\nVision 1 · Ada Lovelace\n\n4 architectures, measured on 2 January 2026"
    assert text.startswith(top)
    for each in (page, reports["report.ru.html"]):
        head = each[each.index("<h1>") : each.index("<nav")]
        assert "Week 5: &lt;CNNs&gt; &amp; co." in head
        assert "Vision 1 · Ada Lovelace" in head
        assert "2 CPU threads" in head or "2 потока процессора" in head
    cited = text[text.index("## How to cite") :]
    assert "Ada Lovelace. Week 5: \\<CNNs\\> \\& co. Vision 1. 2 January 2026" in cited
    assert "under the license CC0" in cited
    assert 'href="report.ru.html" lang="ru"' in page
    assert 'href="report.html" lang="en"' in reports["report.ru.html"]


def test_what_is_given_to_a_finished_run_is_stored_for_later_reports(tmp_path: Path) -> None:
    """Nothing is measured; what is not given stays as it was, and so do the other settings."""
    key = "latency_cpu"

    def finished(**given: object) -> dict[str, object]:
        chosen = settings({"preset": "quick", **given})
        stored = chosen.model_dump(mode="json")
        request = Request(tmp_path, [own()], {key: METRICS[key]}, {"cpu": "cpu", "any": "cpu"}, CONDITIONS,
                          settings=stored, presented=chosen.presented)  # fmt: skip
        jobs.append(experiment.run(request, Simulated([slot("here")]), Lines(StringIO())).jobs)
        (record,) = record_files.load_all(tmp_path)[0]
        return {name: record.settings[name] for name in ("title", "author", "lang", "preset")}

    jobs: list[int] = []
    assert finished(title="Before", author="A") == {"title": "Before", "author": "A", "lang": ["en"], "preset": "quick"}
    after = {"title": "Week 5", "author": "A", "lang": ["ru"], "preset": "quick"}
    assert finished(title="Week 5", lang="ru", preset="thorough") == after
    assert finished() == after
    assert jobs == [1, 0, 0]


def test_without_a_title_there_is_a_default(tmp_path: Path) -> None:
    """That of the other edition does not call its architectures convolutional: they may be transformers."""
    text = written(tmp_path, modern())["report.md"]
    assert text.startswith("# Neural network architectures, compared\n\n4 architectures, measured on 2 January 2026 · ")
    lecture = heading(compare(samples.lecture()), presentation(None, {}), language("en"))
    assert lecture.title == "Architectures of convolutional networks, compared"
    assert "under the license CC BY 4.0" in text


@pytest.mark.parametrize("value", [["a"], 7, {"a": 1}, None, "x" * 9999, "two\n\nlines"])
def test_a_stored_title_of_another_kind_is_one_line_or_nothing(value: object) -> None:
    shown = presentation(None, {"title": value, "edition": value})
    assert shown.edition is None
    assert "\n" not in shown.title
    assert len(shown.title) <= 200


def test_a_config_file_sets_them(tmp_path: Path) -> None:
    config = tmp_path / "lecture.toml"
    config.write_text('title = "T"\ncourse = "C"\nauthor = "A"\nedition = "choice"\n', encoding="utf-8")
    chosen = settings({"title": "From the command line"}, config)
    assert (chosen.title, chosen.course, chosen.author, chosen.edition) == ("From the command line", "C", "A", "choice")
    assert "title" in read_config(config)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"edition": "lectures"}, "--edition: invalid value 'lectures'.*did you mean 'lecture'"),
        ({"title": " "}, "--title: .*it should be a text of 1 to 200 characters"),
        ({"author": "x" * 201}, "--author: .*it should be a text of 1 to 200 characters"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(given: dict[str, str], message: str) -> None:
    with pytest.raises(ReporterError, match=message):
        settings(given)


def test_a_warning_counts_the_unreliable_times(tmp_path: Path) -> None:
    """Of the samples only inception_v2's latency on one thread is noisy."""
    text = written(tmp_path, samples.lecture())["report.md"]
    assert "1 of 54 times is unreliable and marked ≈, most of all Latency, CPU, 1 thread (1 of 18)." in text
    assert "unreliable" not in written(tmp_path / "quiet", modern())["report.md"]


def heading_on(code: str, **facts: object) -> str:
    """The line with the machines of a report on two of them, one with these facts."""
    other = samples.record(samples.ROWS[0], machine="old")
    found = other.machine_facts | {"processor": "Another processor"} | facts
    both = compare([samples.record(samples.ROWS[0]), other.model_copy(update={"machine_facts": found})])
    return heading(both, presentation(None, {}), language(code)).measured


def test_the_heading_names_every_machine() -> None:
    """Each with its GPUs by the names that `machine.gpus` gives; equal ones are counted."""
    assert heading_on("en").count("2 CPU threads") == 2
    one = heading_on("en", memory_gib=64, gpus=["NVIDIA H100 80GB HBM3"])
    assert one.endswith(" · Another processor, 2 CPU threads, 64 GiB, NVIDIA H100 80GB HBM3")
    assert one.count("NVIDIA") == 1, "the other machine has none"
    several = heading_on("ru", gpus=["Tesla T4", "NVIDIA H100 80GB HBM3", "Tesla T4"])
    assert several.endswith(" · Another processor, 2 потока процессора, 2 × Tesla T4, NVIDIA H100 80GB HBM3")


def test_machines_that_are_described_alike_have_their_names() -> None:
    """Those of a cloud have one model name whatever their instructions are."""
    records = [samples.record(samples.ROWS[0], machine=name) for name in ("quiet", "old")]
    alike = [each.model_copy(update={"machine_facts": {"processor": "AMD EPYC", "threads": 2}}) for each in records]
    text = heading(compare(alike), presentation(None, {}), language("en")).measured
    assert text.count("AMD EPYC, 2 CPU threads (") == 2
    assert sorted(re.findall(r"\((\w+)\)", text)) == ["old", "quiet"]
    assert "(" not in heading_on("en")


@pytest.mark.parametrize("gpus", ["H100", 7, None, [7, None, {"name": "H100"}]])
def test_gpus_of_another_kind_in_an_edited_record_are_left_out(gpus: object) -> None:
    assert heading_on("en", gpus=gpus).endswith(" · Another processor, 2 CPU threads")
