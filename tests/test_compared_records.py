"""Records as `compare` and `--baseline` read them: what these leave out changes no finding."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from commands import ROOT
from nights import made
from pydantic import JsonValue

from reporter.compare import folders
from reporter.compare.differences import Change, Differences
from reporter.model import Reading, Record
from reporter.model.device_readings import DEVICES
from reporter.model.modes import CHECK_FAILED, OUTPUT_ERROR, TIMED
from reporter.model.records import EAGER, ComparedReading
from reporter.store import record_files

NAME, MODE, TIME = "resnet18", "channels_last", "latency_cpu_1thread"
LIMIT = 0.02
Fields = dict[str, Any]
WITHIN: Fields = {"samples": (0.01,)}
ABOVE: Fields = {"samples": (100 * LIMIT,)}
NAN: Fields = {"status": "failed", "reason": "the outputs contain NaN"}
BUSY: Fields = {"status": "failed", "reason": "RuntimeError: the device is busy", "detail": {CHECK_FAILED: True}}
KEPT: Fields = {"status": "unsupported", "reason": "the scores hardly vary", "detail": {TIMED: True}}
ON_GPU: Fields = {**WITHIN, "detail": {"device": {"name": "a GPU"}}}
WRONG_ON_GPU: Fields = {**ABOVE, "detail": {"device": {"name": "a GPU"}}}
WITH_DEVICES: Fields = {
    **ABOVE,
    "detail": {DEVICES: {"cpu": {"samples": [0.01], "detail": {"limit": LIMIT}}, "cuda": {"samples": [2.0]}}},
}
OUTPUTS = (WITHIN, ABOVE, NAN, BUSY, KEPT, ON_GPU, WRONG_ON_GPU, WITH_DEVICES)


def error(fields: Fields) -> dict[str, Reading]:
    detail: dict[str, JsonValue] = {"limit": LIMIT, **fields.get("detail", {})}
    return {OUTPUT_ERROR.key: Reading(quantity=OUTPUT_ERROR, **{**fields, "detail": detail})}


def run(mode: Fields, eager: Fields = WITHIN, is_timed: bool = True) -> list[Record]:
    """One architecture with a mode, and the output errors of both."""
    (record,) = made([NAME])
    times = {TIME: record.readings[TIME]} if is_timed else {}
    return [
        record.model_copy(update={"readings": record.readings | error(eager)}),
        record.model_copy(update={"mode": MODE, "readings": {**times, **error(mode)}}),
    ]


def as_read(folder: Path, records: Sequence[Record]) -> list[Record]:
    """The records as `compare` reads them from a folder."""
    record_files.save(folder, records[0], records[1:])
    return list(folders.read(folder, "BASE").records)


def of_outputs(found: Differences) -> list[Change]:
    return [each for each in found.changes if each.mode != EAGER]


@pytest.mark.parametrize(
    ("base", "new"),
    [(run(BUSY), run(ABOVE)), (run(WITHIN, BUSY), run(ABOVE, BUSY))],
    ids=["the check of the mode failed before", "the check of eager failed on both sides"],
)
def test_a_check_that_failed_hides_no_wrong_output(base: list[Record], new: list[Record], tmp_path: Path) -> None:
    found = folders.compare(as_read(tmp_path / "base", base), as_read(tmp_path / "new", new))
    [change] = of_outputs(found)
    assert (change.kind, change.reason) == ("failed", "output error 2 exceeds the limit 0.02")
    assert found.fails("exact")


def test_records_as_they_are_read_have_the_findings_of_whole_records(tmp_path: Path) -> None:
    made = [(run(mode, eager, is_timed)) for mode in OUTPUTS for eager in (WITHIN, BUSY) for is_timed in (True, False)]
    read = [as_read(tmp_path / str(number), records) for number, records in enumerate(made)]
    kinds = set[str]()
    for (before, base), (after, new) in product(zip(made, read, strict=True), repeat=2):
        found = folders.compare(before, after)
        kinds |= {each.kind for each in of_outputs(found)}
        assert folders.compare(base, new) == found
    assert kinds >= {"failed", "recovered", "information"}


def keys_of_details(path: Path) -> Iterator[str]:
    """The keys of details that a module reads: `detail[KEY]`, `detail.get(KEY)` and `KEY in detail`."""
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Subscript(value=ast.Attribute(attr="detail"), slice=key):
                pass
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="detail"), attr="get"), args=[key, *_]):
                pass
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[ast.Attribute(attr="detail")]):
                pass
            case _:
                continue
        yield key.value if isinstance(key, ast.Constant) else getattr(module, ast.unparse(key))


def test_every_key_that_comparing_reads_is_kept() -> None:
    package = ROOT / "reporter"
    modules = [*sorted((package / "compare").glob("*.py")), package / "model" / "modes.py"]
    modules += [package / "model" / "device_readings.py"]
    asked = {key for path in modules for key in keys_of_details(path)}
    assert asked >= {"limit", CHECK_FAILED, TIMED, "device", DEVICES, "test_images", "held_out_pool", "kernels"}
    kept = get_type_hints(get_type_hints(ComparedReading)["detail"])
    assert asked - kept.keys() == set()
