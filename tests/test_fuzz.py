"""Records, histories and summaries broken in every way: a report or one clear line, never a traceback, never a hang."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from commands import drawing_every
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pydantic_core import from_json
from test_hostile import NASTY
from texts import texts

from reporter.compare import baseline_file
from reporter.compare.folders import compare as differences
from reporter.compare.folders import compare_results, read
from reporter.host import files
from reporter.model import Chart, Reading, Record, ReporterError
from reporter.model.device_states import STATES, DeviceState
from reporter.model.fields import are_numbers, is_plain, plain
from reporter.registry.catalog import collect
from reporter.report import build
from reporter.report.between_runs.changes import as_json, in_words
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.output import csv_tables, formats, latex
from reporter.report.output.summary import summary
from reporter.report.table import Tabulation
from reporter.store import record_files

REFERENCE = Path(__file__).parent.parent / "results" / "reference"
NUMBERS = st.sampled_from(
    [0, 1, -1, 2, 3, 8, 2**31, 2**63, 10**30, 10**99, -(10**99), 10**400, 0.0, -0.0, 0.1, 0.5, 1.5, 1e-9, 1e-99, 1e-300,
     1e99, 1e308, -1e99, 5e-324, float("nan"), float("inf"), 2012, 2017, 1e16, True]
)  # fmt: skip
TEXTS = st.sampled_from(
    [*NASTY, "", "ok", "noisy", "failed", "oom", "1", "s", "B", "1/s", "latency", "size", "median", "mean", "lower",
     "higher", "macs", "latency_cpu", "finetune_top1", "resnet50", "se_resnet50", "random", "\ud800",
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1e999", "-5", "99999", "{0}", "%", "x" * 5000,
     "needs , needs , needs " * 200]
)  # fmt: skip
NESTED = st.sampled_from(
    [[], {}, [[]], [None] * 40, {"a": {"b": [1, {"c": "d"}]}}, [1, "2", None, 3.5], {"step": 1, "loss": -1}]
)
VALUES = st.one_of(NUMBERS, TEXTS, NESTED, st.none(), st.booleans(), st.integers(), st.floats(), texts(max_size=20))
KINDS = st.sampled_from(["drop", "put", "put", "put", "twice", "half", "rename", "swap", "reverse", "scale"])
EDITS = st.lists(st.tuples(st.integers(0, 10**6), KINDS, VALUES, st.integers(0, 10**6)), min_size=1, max_size=5)
DAMAGES = st.lists(
    st.tuples(
        st.sampled_from(["cut", "flip", "insert", "repeat"]), st.integers(0, 10**6), st.binary(min_size=1, max_size=4)
    ),
    max_size=2,
)


@cache
def originals() -> list[dict[str, Any]]:
    """Real records, one of them with the state of a GPU, which their machine does not have."""
    paths = sorted(REFERENCE.glob("records/*/*.json"))
    chosen = [
        json.loads(path.read_text("utf-8"))
        for path in paths
        if path.stem in ("alexnet", "googlenet", "resnet50", "se_resnet50")
    ]
    assert len(chosen) == 4
    state = DeviceState(1755, other_processes=1, other_memory_mib=1200)._asdict()
    state |= {"limits": ["its power limit"], "settled": False, "seconds": 3.0}
    chosen[2]["readings"]["latency_cpu"]["detail"][STATES] = [state]
    return chosen


def eager_only() -> list[dict[str, Any]]:
    """The same without the other modes, which a record has in its file only."""
    return [{key: each for key, each in document.items() if key != "modes"} for document in originals()]


def spots(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document, as a container and a key."""
    places = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, part in places:
        yield node, key
        yield from spots(part)


def edit(document: dict[str, Any], pick: int, kind: str, value: Any, other: int) -> None:
    """Changes one place of a document."""
    everywhere = list(spots(document))
    if not everywhere:
        return
    place, key = everywhere[pick % len(everywhere)]
    old = place[key]
    if kind == "drop":
        del place[key]
    elif kind == "rename" and isinstance(place, dict):
        place[str(value)] = place.pop(key)
    elif kind == "swap":
        there, name = everywhere[other % len(everywhere)]
        place[key], there[name] = there[name], copy.deepcopy(old)
    elif kind == "scale" and isinstance(old, int | float) and not isinstance(old, bool):
        power, huge = other % 40 - 20, isinstance(old, int) and abs(old) > 2**1000
        place[key] = old * 10**power if power >= 0 else old // 10**-power if huge else old / 10**-power
    elif kind == "twice" and isinstance(old, list | str):
        place[key] = old * 2
    elif kind == "half" and isinstance(old, list | str):
        place[key] = old[: len(old) // 2]
    elif kind == "reverse" and isinstance(old, list):
        place[key] = old[::-1]
    else:
        place[key] = value


def damage(content: bytes, kind: str, at: int, extra: bytes) -> bytes:
    """Changes the bytes of a file."""
    at %= len(content) + 1
    if kind == "cut":
        return content[:at]
    if kind == "flip":
        return content[:at] + bytes(byte ^ 1 << (extra[0] % 8) for byte in content[at : at + 1]) + content[at + 1 :]
    if kind == "insert":
        return content[:at] + extra + content[at:]
    return content[:at] + content[max(0, at - 300) :]


def broken(document: dict[str, Any], edits: Sequence[Any], damages: Sequence[Any]) -> bytes:
    document = copy.deepcopy(document)
    try:
        for change in edits:
            edit(document, *change)
        content = json.dumps(document).encode("utf-8", "surrogatepass")
    except (RecursionError, ValueError):  # a part was put into itself: no document any more
        reject()
    for change in damages:
        content = damage(content, *change)
    return content


def laid(folder: Path, content: bytes, healthy: Sequence[int]) -> Path:
    """A results folder with some records that are whole and one that is broken, perhaps in the place of one of them."""
    for earlier in folder.glob("records/*/*.json"):
        earlier.unlink()
    for number in healthy:
        document = originals()[number]
        path = record_files.record_path(folder, document["machine"], document["architecture"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document), "utf-8")
    place(folder, content, path.parent / "broken.json").write_bytes(content)
    return folder


def place(folder: Path, content: bytes, otherwise: Path) -> Path:
    """Where a record of these names would lie, if it is one; its names are believed there."""
    try:
        made = Record.model_validate(plain(from_json(content)))
    except ValueError:
        return otherwise
    path = record_files.record_path(folder, made.machine, made.architecture)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def report_on(records: list[Record], complaints: list[str], code: str) -> None:
    """Everything that `render` makes of records but for the pictures, of which the specifications are made."""
    tongue, comparison = language(code), compare(records)
    json.loads(files.dumps(summary(comparison)), parse_constant=pytest.fail)
    for chart in collect("reporter.charts", Chart).values():
        json.dumps(chart.draw(comparison, tongue), allow_nan=False)
    tables = collect("reporter.tables", Tabulation).values()
    whole = build.build(comparison, tongue, [], tables, complaints=complaints)
    for table in whole.tables:
        csv_tables.to_csv(table).encode("utf-8")
        latex.to_tex(table, tongue).encode("utf-8")
    formats.to_html(whole).encode("utf-8")
    formats.to_markdown(whole).encode("utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def fuzz_telling(folder: Path, number: int, edits: Any, damages: Any, code: str) -> None:
    content = broken(originals()[number], edits, damages)
    there = laid(folder / f"telling{number}", content, [(number + 1) % 4])
    records, complaints = record_files.load_all(there)
    assert len(records) + len(complaints) == len(list(there.rglob("*.json")))
    assert all("\n" not in line and len(line) < 2000 for line in complaints)
    report_on(records, complaints, code)


def fuzz_comparing(folder: Path, number: int, edits: Any, damages: Any, night: bytes) -> None:
    content = broken(originals()[number], edits, damages)
    there, here = laid(folder / "there", content, [0, 1, 2, 3]), laid(folder / "here", b"", [0, 1, 2, 3])
    (there / "history.jsonl").write_bytes(
        b"".join((REFERENCE / "history.jsonl").read_bytes() for _ in range(3)) + night
    )
    sides = read(here, "BASE"), read(there, "NEW")
    for base, new in (sides, sides[::-1]):
        found = compare_results(base, new)
        in_words(found).encode("utf-8")
        json.loads(files.dumps(as_json(found, "a", "b", new.complaints)), parse_constant=pytest.fail)
        for on in ("exact", "timing", "any"):
            found.fails(on)


COMMON = {"number": st.integers(0, 3), "edits": EDITS, "damages": DAMAGES}
CHECKS = {"deadline": None, "suppress_health_check": list(HealthCheck)}
LINES = st.binary(max_size=200)
CODES = st.sampled_from(["en", "ru"])


@given(**COMMON, code=CODES)
@settings(max_examples=10, **CHECKS)
def test_a_broken_record_is_told_or_left_out(folder: Path, number: int, edits: Any, damages: Any, code: str) -> None:
    fuzz_telling(folder, number, edits, damages, code)


@given(**COMMON, night=LINES)
@settings(max_examples=6, **CHECKS)
def test_a_broken_record_is_compared_or_left_out(
    folder: Path, number: int, edits: Any, damages: Any, night: bytes
) -> None:
    fuzz_comparing(folder, number, edits, damages, night)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@given(**COMMON, code=CODES)
@settings(max_examples=2000, **CHECKS)
def test_thousands_of_broken_records_are_told(folder: Path, number: int, edits: Any, damages: Any, code: str) -> None:
    fuzz_telling(folder, number, edits, damages, code)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@given(**COMMON, night=LINES)
@settings(max_examples=2000, **CHECKS)
def test_thousands_of_broken_records_are_compared(
    folder: Path, number: int, edits: Any, damages: Any, night: bytes
) -> None:
    fuzz_comparing(folder, number, edits, damages, night)


def whole(folder: Path, contents: Sequence[bytes], summary_json: bytes, compared: bytes, every: int = 1) -> None:
    """The command itself, with one of so many pictures: broken records, broken neighbors, and one that is whole."""
    there = laid(folder, b"{", [0])
    for rank, content in enumerate(contents):
        place(there, content, next((there / "records").iterdir()) / f"broken{rank}.json").write_bytes(content)
    (there / "summary.json").write_bytes(summary_json)
    (there / "comparison.json").write_bytes(compared)
    (there / "history.jsonl").write_bytes(contents[0])
    with drawing_every(every):
        for path in build.write(there, ["en"]):
            assert path.stat().st_size > 0
    json.loads((there / "summary.json").read_text("utf-8"), parse_constant=pytest.fail)


@cache
def comparison() -> dict[str, Any]:
    """What --baseline keeps, of two nights that differ."""
    base = [Record.model_validate(document) for document in eager_only()]
    slower = copy.deepcopy(eager_only())
    for document in slower:
        document["readings"]["macs"]["samples"][0] += 1
    found = baseline_file.BaselineComparison(
        "base", "2026-01-01", differences(base, [Record.model_validate(document) for document in slower])
    )
    made: dict[str, Any] = baseline_file.ADAPTER.dump_python(found, mode="json", by_alias=True)
    return made


COMPARISONS = st.builds(lambda edits: broken(comparison(), edits, ()), EDITS)
CONTENTS = st.lists(
    st.builds(lambda n, e, d: broken(originals()[n], e, d), st.integers(0, 3), EDITS, st.just(())),
    min_size=3,
    max_size=3,
)


@given(COMPARISONS, CODES)
@settings(max_examples=20, **CHECKS)
def test_a_broken_comparison_is_told_or_left_out(folder: Path, compared: bytes, code: str) -> None:
    (folder / baseline_file.NAME).write_bytes(compared)
    try:
        changed = baseline_file.load(folder)
    except ReporterError:
        return
    made = compare([Record.model_validate(document) for document in eager_only()])
    report_of = build.build(made, language(code), [], [], changed=changed)
    formats.to_html(report_of).encode("utf-8")
    formats.to_markdown(report_of).encode("utf-8")


@given(CONTENTS, st.binary(max_size=99), COMPARISONS)
@settings(max_examples=1, **CHECKS)
def test_broken_records_are_drawn(folder: Path, contents: list[bytes], summary_json: bytes, compared: bytes) -> None:
    whole(folder / "drawn", contents, summary_json, compared, every=5)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@given(CONTENTS, st.binary(max_size=99), COMPARISONS)
@settings(max_examples=75, **CHECKS)
def test_many_broken_records_are_drawn(
    folder: Path, contents: list[bytes], summary_json: bytes, compared: bytes
) -> None:
    whole(folder / "drawn", contents, summary_json, compared)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "not a record: Invalid JSON: EOF"),
        (b"{", "not a record: Invalid JSON: EOF"),
        (b"[" * 10**5, "not a record: Invalid JSON: recursion limit"),
        (b"[]", "not a record: Input should be an object"),
        (b"\xff\xfe", "not a record: 'utf-8' codec"),
        (b'{"schema": 3}', "schema 3, this reporter reads 2 and older"),
        (b'{"schema": 2}', "not a record: architecture: Field required"),
        (b'{"schema": 1}', "not a record: architecture: Field required"),
    ],
)
def test_what_is_no_record_is_one_line(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ReporterError) as error:
        record_files.load(path)
    assert line in str(error.value)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("key", "fields", "line"),
    [
        ("latency_cpu", {"rounds": [8, 8, 9]}, "the rounds took 25 samples, but there are"),
        ("latency_cpu", {"rounds": [-8]}, "greater than or equal to 0"),
        ("latency_cpu", {"samples": [0.0], "rounds": [1]}, "a time is not positive"),
        ("latency_cpu", {"samples": [], "rounds": []}, "the status is ok, but there are no samples"),
        ("latency_cpu", {"samples": [1e101], "rounds": [1]}, "not out of all proportion"),
        ("macs", {"samples": [-1]}, "a size or a count is negative"),
        ("macs", {"samples": [10**101]}, "not out of all proportion"),
        ("finetune_top1", {"samples": [1.5]}, "a share is more than 1"),
        ("macs", {"status": "fine"}, "Input should be 'ok'"),
    ],
)
def test_a_reading_that_cannot_be_is_refused(tmp_path: Path, key: str, fields: dict[str, Any], line: str) -> None:
    document = copy.deepcopy(originals()[0])
    document["readings"][key] |= {"origins": [], **fields}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(ReporterError, match=line):
        record_files.load(path)


@pytest.mark.parametrize(
    ("values", "are"),
    [
        ((), True),
        ((0, 0.0, -0.0, 1, -1.5, 1e100, -1e-100, 10**100), True),
        ((1.0, True), False),
        ((1.0, "1"), False),
        ((1.0, None), False),
        ((1.0, float("nan")), False),
        ((float("-inf"),), False),
        ((1.1e100,), False),
        ((-(10**101),), False),
        ((1e-101,), False),
    ],
)
def test_numbers_are_checked_by_type_and_magnitude(values: tuple[Any, ...], are: bool) -> None:
    assert are_numbers(values) is are


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (rb'{"a": "\"quoted\" \\ \/"}', True),
        (rb'{"a": "a\nb"}', False),
        (rb'{"a": "\\ \u202e"}', False),
        (b'{"a": NaN}', False),
        (b'{"a": -Infinity}', False),
        (b'{"a": "\x7f"}', False),
        ('{"a": "1 \u00d7 2"}'.encode(), True),
        ('{"a": "\u202e"}'.encode(), False),
    ],
)
def test_only_documents_that_are_surely_plain_are_read_as_they_are(document: bytes, expected: bool) -> None:
    assert is_plain(document) is expected
    assert not expected or plain(from_json(document)) == from_json(document)


@pytest.mark.parametrize(
    ("field", "value", "wrong"),
    [
        ("title", "Another title", ["Latency"]),
        ("better", "higher", "best"),
        ("definition", "Another definition.", None),
        ("centre", "mean", {"a": 1}),
    ],
)
def test_quantities_that_differ_in_one_field_stay_apart(tmp_path: Path, field: str, value: str, wrong: object) -> None:
    """Equal quantities are one object; one that is wrong is refused though a right one was read before."""
    document = copy.deepcopy(originals()[0])
    path = record_files.record_path(tmp_path, document["machine"], document["architecture"])
    path.parent.mkdir(parents=True)

    def read_with(content: dict[str, Any]) -> Reading:
        document["readings"]["latency_cpu"]["quantity"] = content
        path.write_text(json.dumps(document), "utf-8")
        return record_files.load(path).readings["latency_cpu"]

    quantity = document["readings"]["latency_cpu"]["quantity"]
    first, other, again = (read_with(each) for each in (quantity, {**quantity, field: value}, quantity))
    assert first.quantity is again.quantity
    assert first.quantity.model_dump() == quantity
    assert other.quantity.model_dump() == {**quantity, field: value}
    with pytest.raises(ReporterError, match=f"latency_cpu.quantity.{field}"):
        read_with({**quantity, field: wrong})


@pytest.mark.parametrize(
    ("field", "value", "wrong"),
    [("run", "another", 5), ("started", "2026-11-03T04:05:06+00:00", ["x"]), ("number", 7, "x")],
)
def test_origins_that_differ_in_one_field_stay_apart(tmp_path: Path, field: str, value: str, wrong: object) -> None:
    document = copy.deepcopy(originals()[0])
    path = record_files.record_path(tmp_path, document["machine"], document["architecture"])
    path.parent.mkdir(parents=True)
    origins = [{"run": "a", "started": "b", "number": None} for _ in document["readings"]["latency_cpu"]["rounds"]]

    def read_with(last: dict[str, Any]) -> Reading:
        document["readings"]["latency_cpu"]["origins"] = [*origins[:-1], last]
        path.write_text(json.dumps(document), "utf-8")
        return record_files.load(path).readings["latency_cpu"]

    first, other, again = (read_with(each) for each in (origins[-1], {**origins[-1], field: value}, origins[-1]))
    assert first.origins is again.origins
    assert [each.model_dump() for each in first.origins] == origins
    assert [each.model_dump() for each in other.origins] == [*origins[:-1], {**origins[-1], field: value}]
    with pytest.raises(ReporterError, match=f"latency_cpu.origins.{len(origins) - 1}.{field}"):
        read_with({**origins[-1], field: wrong})
