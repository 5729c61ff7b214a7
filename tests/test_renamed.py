"""What was written for, or by, earlier versions still works: names of modules, and records."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from shutil import copy

import pytest
from simulated import METRICS, Simulated

from reporter import model
from reporter.cli.progress import Lines
from reporter.compare.folders import compare
from reporter.host.files import dumps, lines
from reporter.model import Architecture, Metric, Record, ReporterError
from reporter.model.settings import Settings
from reporter.nightly import state
from reporter.registry.selection import catalog_entries
from reporter.report import build, claim_verdicts, comparison
from reporter.report.output.summary import streamed
from reporter.run import experiment
from reporter.run.request import Request
from reporter.run.slots import Slot
from reporter.store import kernel_files, record_files
from reporter.store.kernel_files import kernels_path
from reporter.version import MEASURES_AS, __version__

ROOT = Path(__file__).parent.parent
REFERENCE = record_files.paths(ROOT / "results" / "reference" / "records")
SCHEMA_1 = Path(__file__).parent / "data" / "resnet18.schema1.json"
"""A record of the reference run as it was before modules were moved."""
RENAMED = {
    "reporter.types": (model, ("Architecture", "Chart", "Claim", "Dataset", "Metric", "Quantity", "exact", "absent")),
    "reporter.telling.judging": (claim_verdicts, ("Answer", "Row", "Case", "MissingError")),
}


@pytest.mark.parametrize("name", RENAMED)
def test_a_renamed_module_still_works_and_warns(name: str) -> None:
    sys.modules.pop(name, None)
    with pytest.warns(DeprecationWarning, match=rf"{name} is deprecated"):
        old = importlib.import_module(name)
    new, names = RENAMED[name]
    assert all(getattr(old, each) is getattr(new, each) for each in names)


def test_the_warning_names_the_line_that_imports() -> None:
    code = "\n\nimport reporter.types\n"
    done = subprocess.run(
        [sys.executable, "-W", "always::DeprecationWarning", "-c", code], capture_output=True, text=True, check=True
    )
    assert "<string>:3: DeprecationWarning: reporter.types is deprecated, use reporter.model\n" in done.stderr


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.stem)
def test_records_of_the_reference_run_have_the_definitions_and_facts_of_today(path: Path) -> None:
    record = record_files.load(path)
    entry = catalog_entries()[record.architecture]
    assert entry.is_defined_by(record.definition)
    assert (record.variant, record.published) == (entry.variant, entry.published)
    changed = record.definition[:-1] + ("0" if record.definition[-1] != "0" else "1")
    assert not catalog_entries()[record.architecture].is_defined_by(changed)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.slow if rank % 3 else (), id=path.stem)
        for rank, path in enumerate(REFERENCE)
    ],
)
def test_readings_of_the_reference_run_are_reused(path: Path, tmp_path: Path) -> None:
    record = record_files.load(path)
    record_files.save(tmp_path, record)
    stored = record_files.record_path(tmp_path, record.machine, record.architecture)
    copy(kernels_path(path), kernels_path(stored))
    check_reuse(record, METRICS, tmp_path)


@pytest.mark.usefixtures("blank_charts")
def test_a_record_from_before_the_move_is_compared_rendered_and_reused(tmp_path: Path) -> None:
    """But for the readings of training, whose protocol is another one since."""
    stored = tmp_path / "records" / "linux-x86_64-2cpu-ec52c3ef" / "resnet18.json"
    stored.parent.mkdir(parents=True)
    copy(SCHEMA_1, stored)
    assert json.loads(stored.read_text())["schema"] == 1
    record = record_files.load(stored)
    grown = record.readings["parameters"].model_copy(update={"samples": (11_689_513,)})
    other = record.model_copy(update={"readings": record.readings | {"parameters": grown}})
    assert [compare([record], [each]).changed for each in (record, other)] == [False, True]
    build.write(tmp_path, ("en",))
    assert "| `resnet18` | ResNet | 2015 |" in (tmp_path / "report.md").read_text()
    metrics = {name: metric for name, metric in METRICS.items() if "seeds" not in metric.depends}
    check_reuse(record, metrics, tmp_path)
    assert json.loads(stored.read_text())["schema"] == 2


def check_reuse(record: Record, metrics: Mapping[str, Metric], folder: Path) -> None:
    """Nothing that a stored record has is measured again, unless its architecture changes."""
    environment = record.environment | {"reporter": __version__}
    about = {"machine": record.machine, "machine_facts": record.machine_facts, "environment": environment}
    present = {
        name: metric for name, metric in metrics.items() if all(q.key in record.readings for q in metric.quantities)
    }
    assert {"compute", "latency_cpu_1thread"} <= set(present)

    def request(architecture: Architecture) -> Request:
        conditions = Settings(preset="standard").conditions()
        devices = {"cpu": "cpu", "any": "cpu"}
        return Request(folder, [architecture], present, devices, conditions, about=about, no_cuda="none")

    executor = Simulated([Slot("", "", about)])
    entry = catalog_entries()[record.architecture]
    assert experiment.run(request(entry), executor, Lines(StringIO())).jobs == 0
    again = record_files.load(record_files.record_path(folder, record.machine, record.architecture))
    measured = {key: reading for key, reading in record.readings.items() if reading.measured}
    assert {key: reading for key, reading in again.readings.items() if reading.measured} == measured
    changed = replace(entry, learning_rate=entry.learning_rate / 2)
    assert experiment.run(request(changed), executor, Lines(StringIO())).jobs > 0


@pytest.mark.parametrize(
    ("package", "recorded", "reused"),
    [
        ("reporter", MEASURES_AS, True),
        ("reporter", "0.0.9", False),
        ("reporter", "99.0", False),
        ("torch", "2.0.0", False),
    ],
)
def test_versions_whose_readings_are_reused(package: str, recorded: str, reused: bool) -> None:
    present = {"torch": "2.15.0", "reporter": __version__}
    about = {"machine": "here", "machine_facts": {}, "environment": present}
    request = Request(Path(), [], {}, {}, Settings(preset="standard").conditions(), about=about)
    assert request.reuses(present | {package: recorded}) is reused
    assert request.reuses(present)


def test_records_of_the_reference_run_are_compared_and_summarized() -> None:
    records = [record for path in REFERENCE for record in record_files.load_modes(path)]
    found = compare(records, records)
    assert not found.gaps
    assert not found.changed
    kept = ("value", "unit", "status", "reason", "samples", "low", "high")
    today = json.loads(lines(streamed(comparison.compare(records)), "failed", "records"))
    committed = json.loads((ROOT / "results" / "reference" / "summary.json").read_text())
    summarized = [
        [
            (record["architecture"], key, [reading[each] for each in kept])
            for record in summary["records"]
            for key, reading in record["readings"].items()
        ]
        for summary in (today, committed)
    ]
    assert summarized[0] == summarized[1]


@pytest.mark.parametrize("version", ["99.0", "0.10.0", "1.0.0rc1"])
@pytest.mark.parametrize("more", [{"schema": 3}, {"stages": {}}, {"schema": 3, "stages": {}}], ids=str)
def test_a_record_of_a_newer_reporter_says_to_upgrade(version: str, more: dict[str, object], tmp_path: Path) -> None:
    found = json.loads(REFERENCE[0].read_text())
    found["environment"]["reporter"] = version
    path = tmp_path / "records" / found["machine"] / REFERENCE[0].name
    path.parent.mkdir(parents=True)
    path.write_text(dumps(found | more))
    with pytest.raises(ReporterError) as error:
        record_files.load(path)
    assert (
        str(error.value)
        == f"{path}: written by reporter {version}, which is newer than {__version__}; upgrade reporter"
    )


def test_a_ledger_and_a_state_of_a_newer_reporter_say_to_upgrade(tmp_path: Path) -> None:
    found = json.loads(REFERENCE[0].read_text())
    found["environment"]["reporter"] = "99.0"
    path = tmp_path / "records" / found["machine"] / REFERENCE[0].name
    path.parent.mkdir(parents=True)
    path.write_text(dumps(found))
    ledger = kernels_path(path)
    ledger.write_text(dumps(json.loads(kernels_path(REFERENCE[0]).read_text()) | {"conditions": {}}))
    with pytest.raises(ReporterError) as error:
        kernel_files.load(path)
    assert str(error.value).startswith(
        f"{ledger}: written by reporter 99.0, which is newer than {__version__}; upgrade"
    )
    run = tmp_path / "run.json"
    run.write_text('{"schema": 2, "started": "2027-01-01", "exit_code": 0}')
    with pytest.raises(ReporterError) as error:
        state.load(run, state.NightlyRun)
    assert str(error.value) == f"{run}: written by a newer reporter (schema 2, this one reads 1); upgrade reporter"


@pytest.mark.parametrize("version", [__version__, "0.0.9", "not a version", 3, None])
def test_a_wrong_record_of_this_or_an_older_reporter_says_what_is_wrong(version: object, tmp_path: Path) -> None:
    found = json.loads(REFERENCE[0].read_text())
    found["environment"]["reporter"] = version
    path = tmp_path / REFERENCE[0].name
    path.write_text(json.dumps(found | {"stages": {}}))
    with pytest.raises(ReporterError, match=r"stages|environment"):
        record_files.load(path)
