"""Reports on a folder that runs with different metrics and modes filled: commands, days, versions and settings."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import samples
from samples import QUANTITIES

from reporter.documents.run_files import Summary
from reporter.model import Reading, Record
from reporter.model.modes import FIRST_CALL
from reporter.model.origins import Origin
from reporter.model.settings import Settings
from reporter.report.cards import cards, provenance, row_selection
from reporter.report.comparison import Comparison, compare
from reporter.report.language import language
from reporter.report.output.summary import summary
from reporter.report.page.heading import Presentation, heading
from reporter.report.page.run_environment import environment
from reporter.report.sections import Terms, Text

ENGLISH, RUSSIAN = language("en"), language("ru")
FIRST, SECOND, THIRD = (
    Origin(run=run, started=f"2026-11-{day}T{hour}:00:00+00:00")
    for run, day, hour in (("a", 28, "14"), ("b", 28, "20"), ("c", 29, "01"))
)
FIRST_CALL_OF_MODE = Reading(quantity=FIRST_CALL, samples=(2.0,))
"""That of a mode is not a metric of its own."""
ENGINES = {
    "onnxruntime": {"onnxruntime": "1.31.0", "onnx": "1.23.2"},
    "openvino": {"openvino": "2026.4.1", "onnx": "1.23.3"},
}


def timed(key: str, *origins: Origin, **settings: Any) -> Reading:
    """A time with a round in each of some runs."""
    samples_of = (0.1,) * len(origins)
    rounds = (1,) * len(origins)
    return Reading(quantity=QUANTITIES[key], samples=samples_of, rounds=rounds, origins=origins, settings=settings)


def eager(*origins: Origin, **asked: Any) -> Record:
    """Counts of which a run named some, and two latencies."""
    record = samples.record(samples.ROWS[0])
    counts = {key: record.readings[key] for key in ("parameters", "macs", "layers")}
    times = {key: timed(key, *origins) for key in ("latency_cpu", "latency_cpu_1thread")}
    settings = Settings(**asked).model_dump(mode="json")
    update = {"readings": counts | times, "settings": settings, "started": origins[0].started}
    return record.model_copy(update=update)


def modes(record: Record, *names: str, origin: Origin = THIRD) -> list[Record]:
    """Modes of a record with a time, of an engine with its versions."""
    found = []
    for name in names:
        engine = {"engine": ENGINES[name]} if name in ENGINES else {}
        readings = {"latency_cpu": timed("latency_cpu", origin, **engine), FIRST_CALL.key: FIRST_CALL_OF_MODE}
        found.append(record.model_copy(update={"mode": name, "readings": readings}))
    return found


def filled() -> Comparison:
    """Three runs on two days, the last one of a latency in an engine."""
    record = eager(FIRST, SECOND, metrics=("latency_cpu",), modes=("openvino",))
    others = modes(record, "channels_last", "onnxruntime", origin=FIRST)
    return compare([record, *others, *modes(record, "openvino")])


def options(words: Sequence[str]) -> dict[str, str]:
    """The options of a command with their values."""
    return {name: value for name, value in pairwise(words) if name.startswith("--")}


def test_the_command_of_a_row_has_the_metrics_and_modes_of_all_runs() -> None:
    comparison = filled()
    [card] = cards.cards(comparison, ENGLISH)
    found = options(shlex.split(str(card.command)))
    assert set(found["--metrics"].split(",")) == {"latency_cpu", "parameters", "macs", "layers", "latency_cpu_1thread"}
    assert found["--modes"] == "openvino,channels_last,onnxruntime"
    alone = options(shlex.split(provenance.command(eager(FIRST, metrics=("size", "macs", "latency")))))
    assert alone["--metrics"] == "size,macs,latency", "they select all that the row has"
    assert "--modes" not in alone


def test_modes_that_a_set_contains_are_not_named() -> None:
    record = eager(FIRST)
    found = modes(record, "channels_last", "bf16+channels_last", "onnxruntime")
    assert row_selection.modes(["default"], found) == ["default", "onnxruntime"]
    assert row_selection.modes(["default"], found[:2]) == ["default"]
    assert row_selection.modes(["all"], found) == ["all"]
    failed = Reading(quantity=QUANTITIES["latency_cpu"], status="failed", reason="out of it")
    crashed = record.model_copy(update={"mode": "compile", "readings": {"latency_cpu": failed}})
    assert row_selection.modes(["eager"], [crashed]) == ["eager"], "it has no numbers"


def test_a_group_stands_for_its_metrics_if_the_row_has_all() -> None:
    """A metric that is taken on request, a curve with points, and another fine-tuning mode are not part of it."""
    record = samples.record(samples.ROWS[0])
    keys = ("macs", "activations", "depth", "macs_fvcore")
    have = {key: Reading(quantity=QUANTITIES[key], samples=(1,)) for key in keys}
    whole = record.model_copy(update={"readings": have})
    assert row_selection.metrics(["latency_cpu"], ["full"], False, whole) == ["latency_cpu", "compute"]
    part = record.model_copy(update={"readings": {key: have[key] for key in keys[:3]}})
    assert row_selection.metrics(["latency_cpu"], ["full"], False, part) == ["latency_cpu", "macs"]
    assert row_selection.metrics([], ["full"], False, whole) == []


def test_the_days_versions_and_settings_are_those_of_all_runs() -> None:
    comparison = filled()
    terms, title, _settings = environment(comparison, ENGLISH).blocks
    assert isinstance(terms, Terms)
    facts = dict(terms.terms)
    assert facts["Measured"] == "28 November 2026 – 29 November 2026"
    assert (facts["onnxruntime"], facts["openvino"], facts["onnx"]) == ("1.31.0", "2026.4.1", "1.23.2, 1.23.3")
    assert title == Text("Settings of the last run:")
    assert "measured on 28 November 2026 – 29 November 2026" in heading(comparison, Presentation(), ENGLISH).measured
    [card] = cards.cards(comparison, RUSSIAN)
    assert card.origin.startswith("Измерено 28 ноября 2026")
    document = Summary.model_validate(summary(comparison))
    versions = {name: mode.engine for name, mode in document.records[0].modes.items()}
    assert versions == {"channels_last": {}, **ENGINES}


@pytest.mark.parametrize("origins", [(), (FIRST,)])
def test_the_heading_has_the_days_of_all_machines(origins: tuple[Origin, ...]) -> None:
    """It counts the networks of all; a machine of reporter 0.1.0 has no origins."""
    older = eager(FIRST)
    times = {key: reading.model_copy(update={"origins": origins}) for key, reading in older.readings.items()}
    older = older.model_copy(update={"machine": "old", "readings": times})
    comparison = compare([older, eager(THIRD)])
    assert comparison.newest.started == THIRD.started
    words = heading(comparison, Presentation(), ENGLISH).measured
    assert words.startswith("1 architecture, measured on 28 November 2026 – 29 November 2026 · ")
    same = compare([older, eager(SECOND)])
    assert heading(same, Presentation(), ENGLISH).measured.startswith("1 architecture, measured on 28 November 2026 · ")


def test_a_single_run_has_a_moment_and_its_settings() -> None:
    """A run past midnight, too: its day is that on which it was started."""
    late = Origin(run="a", started="2026-11-29T00:10:00+00:00")
    comparison = compare([record := eager(FIRST, late), *modes(record, "openvino", origin=late)])
    terms, title, _settings = environment(comparison, ENGLISH).blocks
    assert isinstance(terms, Terms)
    assert dict(terms.terms)["Measured"] == "28 November 2026, 14:00 UTC"
    assert title == Text("Settings of the run:")
    assert "measured on 28 November 2026 ·" in heading(comparison, Presentation(), ENGLISH).measured
