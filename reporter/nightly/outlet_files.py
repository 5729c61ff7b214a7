"""Files of a run for other systems: JUnit XML, and the JSON of github-action-benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from reporter.documents.run_files import SummaryReading
from reporter.host.printing import inert
from reporter.model.records import pair_name
from reporter.nightly.outlets import PublishedRun

TIMES = ("latency", "throughput", "train_step")


def junit(run: PublishedRun) -> bytes:
    """A test case for each reading and verdict: failures are regressions, errors are what has no value or verdict.

    If the last run did not finish, the cases are those of the run before it, with an error for this.
    """
    suite = ElementTree.Element("testsuite", name="architecture-reporter", timestamp=run.summary.generated)
    counts = {"tests": 0, "failures": 0, "errors": 0}

    def case(classname: str, name: str, kind: str = "", why: str = "") -> None:
        made = ElementTree.SubElement(suite, "testcase", classname=_plain(classname), name=_plain(name))
        counts["tests"] += 1
        if kind:
            counts[f"{kind}s"] += 1
            ElementTree.SubElement(made, kind, message=_plain(why))

    for row in run.rows:
        kind = "failure" if row.red else "error" if row.missing else ""
        case(row.name, f"{row.metric}: comparison", kind, row.result)
    if run.is_outdated or (not run.passes and not any(row.red for row in run.rows)):
        case("run", "verdict", "failure" if run.has_regression else "error", run.headline)
    for name, readings in _readings(run):
        for key, reading in readings.items():
            broken = reading.status in ("failed", "oom", "timeout")
            reason = f"{reading.status}: {reading.reason}"
            case(name, key, "error" if broken else "", reason)
    for kind, count in counts.items():
        suite.set(kind, str(count))
    made: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return made


def benchmark(run: PublishedRun) -> list[dict[str, Any]]:
    """The times in the form customSmallerIsBetter of github-action-benchmark; rates as seconds for one image.

    Empty if the last run did not finish: the results are those of the run before it.
    """
    made: list[dict[str, Any]] = []
    if run.is_outdated:
        return made
    for name, readings in _readings(run):
        for key, reading in readings.items():
            if reading.value and key.startswith(TIMES):
                rate = reading.unit == "1/s"
                value = 1 / reading.value if rate else reading.value
                low, high = reading.low, reading.high
                spread = {} if low is None or high is None or rate else {"range": f"{low * 1000:.4g}–{high * 1000:.4g}"}
                made.append({"name": f"{name} {key}", "unit": "ms", "value": value * 1000, **spread})
    return made


def _readings(run: PublishedRun) -> Iterator[tuple[str, Mapping[str, SummaryReading]]]:
    """The (architecture, mode) pairs with their readings; earlier ones of other machines are named with these."""
    records = run.summary.records
    newest = {each.architecture: each for each in sorted(records, key=lambda each: each.started)}
    for record in records:
        suffix = "" if newest[record.architecture] is record else f" on {record.machine}"
        yield f"{record.architecture}{suffix}", record.readings
        for mode, inside in record.modes.items():
            yield f"{pair_name(record.architecture, mode)}{suffix}", inside.readings


def _plain(text: str) -> str:
    """Text without the control characters that XML does not have."""
    return inert(str(text))
