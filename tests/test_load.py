"""Very many networks: what is shown is bounded, says so, and is the same that it was for few."""

from __future__ import annotations

import gc
import json
import random
from dataclasses import replace
from pathlib import Path
from time import process_time
from types import SimpleNamespace

import pytest
import samples
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from reporter.compare.folders import compare as differences
from reporter.host import files
from reporter.model import Chart, Origin, Reading, Record, ReporterError
from reporter.registry.catalog import collect
from reporter.report import build
from reporter.report.cards.cards import Card
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing import drawn_charts, thinning
from reporter.report.drawing.label_placement import Bubble, place
from reporter.report.findings.key_findings import Priced, _farthest
from reporter.report.language import language
from reporter.report.output import csv_tables
from reporter.report.output.summary import summary
from reporter.report.sections import CARDS, Items, Text, architectures
from reporter.report.table import MOST_WITH_ENDS, Cell, Column, Table, Tabulation

ENGLISH = language("en")
NETWORKS = 1300


@pytest.fixture(scope="module")
def crowd() -> list[Record]:
    """Synthetic records of 255 networks on two machines, few of them on the Pareto front."""
    from load import records

    made = map(Record.model_validate, records(255, 1, seed=1))
    old = {"machine": "synthetic-machine-1", "started": "2025-01-01T00:00:00+00:00"}
    return [each for record in made for each in (record, record.model_copy(update=old))]


def test_every_network_of_few_has_a_card_on_however_many_machines() -> None:
    """A picture shows the newest four machines; a card is no picture."""
    made = [samples.record(row, machine=f"machine{at}") for at, row in enumerate(samples.ROWS[:6])]
    section = architectures(compare(made), ENGLISH)
    assert {card.name for card in samples.contents(section.blocks) if isinstance(card, Card)} == {
        each.architecture for each in made
    }
    assert not [block for block in section.blocks if isinstance(block, Text) and "Shown" in block.text]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_report_on_very_many_networks_with_modes_keeps_its_bounds(tmp_path: Path) -> None:
    """1,300 networks with four modes on one machine; benchmarks/load.py has the seconds."""
    from load import command, history, lay, records

    made = list(records(NETWORKS, 1, seed=2))
    lay(tmp_path, made, modes=True, is_second=True)
    history(tmp_path / "history.jsonl", made, 1)
    _seconds, mebibytes, code = command("render", tmp_path, "--lang", "en")
    assert code == 0
    assert len(json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["records"]) == NETWORKS
    assert (tmp_path / "report.html").stat().st_size <= 12e6
    assert mebibytes <= 1024


@pytest.fixture(scope="module")
def comparison(crowd: list[Record]) -> Comparison:
    return compare(crowd)


def test_a_crowd_is_told_in_part_and_it_says_so(comparison: Comparison) -> None:
    shown = thinning.pictured(comparison, 40)
    assert len(shown.networks) == 40
    assert {record.architecture for record in shown.networks} >= {record.architecture for record in comparison.front}
    assert "40 of 255 architectures" in thinning.note(shown, comparison, ENGLISH)
    one = replace(comparison, machines=comparison.machines[:1])
    assert thinning.note(one, comparison, ENGLISH) == "Shown: 1 of 2 machines, the newest."
    tables = collect("reporter.tables", Tabulation).values()
    whole = build.build(comparison, ENGLISH, [], tables)
    short = {table.name: table for table in build.abridged(whole).tables}
    seen = {
        block.name
        for section in whole.sections
        for block in samples.contents(section.blocks)
        if isinstance(block, Table)
    }
    for table in whole.tables:
        bounded = table.name in seen - {"choosing"}  # sliders leave some of all; what no page shows is a file alone
        assert len(short[table.name].rows) == (min(len(table.rows), table.most) if bounded else len(table.rows))
        assert csv_tables.to_csv(table).count("\n") == len(table.rows) + 1
    (cards,) = [section for section in whole.sections if section.name == "architectures"]
    texts = [block.text for block in cards.blocks if isinstance(block, Text)]
    assert sum(isinstance(block, Card) for block in samples.contents(cards.blocks)) == CARDS
    assert f"{CARDS} of 255 architectures" in texts[1]
    assert short["size"].notes[0] == "The first 500 of 510 rows; tables/size.csv has all."
    assert len(short["overview"].rows) == 510
    blocks = [block for section in whole.sections for block in samples.contents(section.blocks)]
    lists = [item for block in blocks if isinstance(block, Items) for item in block.items]
    assert max(map(len, lists)) < 5000
    assert any(" more" in item for item in lists)


@pytest.mark.usefixtures("blank_charts")
def test_charts_of_very_many_networks_have_no_form_for_phones(crowd: list[Record], comparison: Comparison) -> None:
    """With them a page of 1,300 networks would exceed 12 MB."""
    charts = [
        each
        for each in collect("reporter.charts", Chart).values()
        if each.name in ("accuracy_macs", "accuracy_latency")
    ]
    assert len(charts) == 2
    for count, has_narrow in ((40, True), (255, False)):
        names = sorted({each.architecture for each in crowd})[:count]
        some = comparison if count == 255 else compare([each for each in crowd if each.architecture in names])
        pictures = drawn_charts.draw(some, ENGLISH, charts)
        assert pictures
        assert {bool(each.figure.narrow) for each in pictures} == {has_narrow}


def test_a_summary_by_lines_is_the_same_document(comparison: Comparison) -> None:
    content = summary(comparison)
    text = files.lines(content, "failed", "records")
    assert json.loads(text) == content
    assert text.count(b"\n") < 750 + len(content["failed"])
    assert files.lines({"a": "…", "records": iter([{"b": "é"}, 2])}, "records") == files.lines(
        {"a": "…", "records": [{"b": "é"}, 2]}, "records"
    )
    assert json.loads(files.lines({"a": 1, "records": []}, "records")) == {"a": 1, "records": []}


def test_few_are_told_whole() -> None:
    few = compare(samples.few())
    assert thinning.pictured(few, 40) is few
    assert thinning.note(few, few, ENGLISH) == ""
    whole = build.build(few, ENGLISH, [], collect("reporter.tables", Tabulation).values())
    assert build.abridged(whole) == whole


CHARTS = collect("reporter.charts", Chart)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if rank % 6 == 0 else [pytest.mark.slow]) for rank, name in enumerate(CHARTS)]
)
def test_a_picture_of_a_crowd_fits_a_slide(name: str, comparison: Comparison) -> None:
    for picture in drawn_charts.draw(comparison, ENGLISH, [CHARTS[name]]):
        assert len(picture.file) < 2_000_000
        for words in (picture.file, picture.figure.caption):
            assert ("of 255 architectures" in words) == (CHARTS[name].most < 255)


def test_a_crowd_is_compared_in_no_more_than_its_share_of_time(crowd: list[Record]) -> None:
    """The work grows with the networks, not with their square: four times as many take four times as long, not 16."""
    many = crowd[: len(crowd) // 2]
    few = many[: len(many) // 4]
    differences(few, few)  # its first call imports and caches
    start, calls = process_time(), 0
    while process_time() - start < 0.15:
        differences(few, few)
        calls += 1
    middle = process_time()
    differences(many, many)
    assert process_time() - middle < 8 * (middle - start) / calls


def test_the_farthest_pair_is_that_of_all_pairs() -> None:
    record = samples.record(samples.ROWS[0])
    for seed in range(50):
        chance = random.Random(seed)
        known: list[Priced] = [(record, chance.lognormvariate(0, 1), chance.lognormvariate(0, 1)) for _ in range(25)]
        pairs = [(a, b) for a in known for b in known if a[1] < b[1] and a[2] > 1.1 * b[2]]
        best = max(pairs, key=lambda pair: (pair[1][1] / pair[0][1]) * (pair[0][2] / pair[1][2]))
        assert _farthest(known) == best
    assert _farthest(known[:1]) is None


def test_labels_of_a_crowd_are_placed_as_if_all_bubbles_were_looked_at() -> None:
    chance = random.Random(1)
    places = [(chance.uniform(0, 900), chance.uniform(0, 500), chance.uniform(3, 20)) for _ in range(60)]
    bubbles = [Bubble(*place, "x" * 9) for place in places]
    boxes = [box for box in place(bubbles, 900, 500, 13) if box]
    assert boxes
    assert not any(box.touches(bubble) for box in boxes for bubble in bubbles)


VALUES = st.one_of(st.integers(-(10**20), 10**20), st.floats(-1e20, 1e20))


@given(VALUES, st.integers(0, 6), st.sampled_from(["en", "ru"]))
def test_numbers_are_written_as_babel_writes_them(value: float, decimals: int, code: str) -> None:
    from decimal import ROUND_HALF_UP, Context, Decimal

    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, Context(prec=99))
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    tongue = language(code)
    wanted = format_decimal(exact, pattern, locale=tongue.locale, decimal_quantization=False)
    assert tongue.number(value, decimals) == wanted.replace("-", "−")


def test_a_copy_of_a_reading_works_out_its_value_anew() -> None:
    made = samples.reading("latency_cpu", 1.0, 2.0, 3.0)
    assert (made.value, made.interval, made.verdict.status) == (2.0, None, "noisy")
    copied = made.model_copy(update={"samples": (5.0,) * 9})
    assert (copied.value, copied.interval, copied.verdict.status) == (5.0, (5.0, 5.0), "ok")
    assert made == samples.reading("latency_cpu", 1.0, 2.0, 3.0), "what was derived is no part of it"


def test_readings_share_what_most_of_them_have_in_common() -> None:
    """Of very many, names of fields and origins would take a quarter of the memory."""
    texts = [samples.reading("latency_cpu", *times).model_dump_json() for times in ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))]
    origins = [Origin(run="a", started=f"2026-01-0{day}") for day in (1, 2, 3)]
    made = [
        Reading.model_validate(
            json.loads(text) | {"rounds": [1, 1, 1], "origins": [each.model_dump() for each in origins]}
        )
        for text in texts
    ]
    assert made[0].origins is made[1].origins
    assert made[0].model_fields_set is made[1].model_fields_set
    changed = made[0].model_copy(update={"lost": ()})
    assert "lost" in changed.model_fields_set
    assert made[1].model_dump(exclude_unset=True).keys() == json.loads(texts[1]).keys() | {"rounds", "origins"}
    assert changed.origins == tuple(origins)


def test_garbage_is_not_collected_while_a_report_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in it is garbage, and each collection looks at all records; the state before is restored."""
    states: list[bool] = []
    monkeypatch.setattr(files, "refuse_links", lambda folder: states.append(gc.isenabled()))
    with pytest.raises(ReporterError):
        build.write(tmp_path)
    assert states == [False]
    assert gc.isenabled()


def test_cells_of_a_page_do_not_repeat_values_as_bounds() -> None:
    """The sliders of the page take the value where a cell has no bounds."""
    cells = (Cell("1 MiB", 2**20, 2**20, 2**20), Cell("2.0", 2.01, 1.9, 2.1), Cell("3", 3))
    table = Table("t", "T", tuple(Column(str(n), "C", numeric=True, bounded=True) for n in range(3)), (cells,))
    page = format_page(table)
    assert '<th scope="row" data-value="1048576" class=number>1 MiB</th>' in page
    assert '<td data-value="2.01" data-low="1.9" data-high="2.1" class=number>2.0</td>' in page


@pytest.mark.parametrize("count", [MOST_WITH_ENDS, MOST_WITH_ENDS + 1])
def test_a_page_has_the_ends_of_intervals_of_tables_that_are_not_long(count: int) -> None:
    """Those that are not the value; a value without an interval has empty ones, and what is missing has none."""
    cells = (Cell("2.0", 2.01, 1.9, 2.1), Cell("1", 1, 1, 1), Cell("3 ≈", 3), Cell("–", status="missing"))
    table = Table("t", "T", tuple(Column(key, "C", interval=True) for key in "abcd"), (cells,) * count)
    page = format_page(table)
    ends = {'data-low="1.9" data-high="2.1"': count, "data-low data-high": count, "data-low": 2 * count, "data-ends": 4}
    found = {words: page.count(words) for words in ends}
    assert found == (ends if count <= MOST_WITH_ENDS else dict.fromkeys(ends, 0))


def format_page(table: Table) -> str:
    """The HTML of a table alone."""
    from reporter.report.output import formats

    template = formats._environment(page=True).get_template("blocks/table.html.j2")
    return template.render(block=table, report=SimpleNamespace(language=ENGLISH), _=ENGLISH._)
