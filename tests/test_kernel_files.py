"""Files of kernel ledgers beside the records."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path

import profile_samples
import pytest
import samples
from commands import ROOT

from reporter.cli.progress import Lines
from reporter.host.job import Job
from reporter.host.machine import about
from reporter.model import Architecture, Metric, ReporterError
from reporter.model.profiles import NATIVE, KernelLedger, LayerKernel
from reporter.model.settings import PRESETS, Conditions
from reporter.run.ledger import Ledger
from reporter.run.request import Request
from reporter.store import kernel_files, record_files

ARCHITECTURE = Architecture(
    name="own", family="Own", year=None, paper="", input_size=32, build=lambda _: pytest.fail("nothing is built")
)
CONDITIONS = Conditions(**PRESETS["quick"])


def test_a_results_folder_has_a_ledger_beside_each_record(tmp_path: Path) -> None:
    row = LayerKernel(layer="a", operator="o", kernel="k", shapes="", dtype="", layout="")
    for name in ("own", "own.kernels", "own.kernels.kernels"):
        record = samples.few()[0].model_copy(update={"architecture": name})
        record_files.save(tmp_path, record)
        assert kernel_files.save(tmp_path, record, "eager", {"cpu": [row]}) == ""
    found, complaints = record_files.load_all_modes(tmp_path)
    assert complaints == []
    assert {record.architecture for record in found} == {"own", "own.kernels", "own.kernels.kernels"}
    for record in found:
        path = record_files.record_path(tmp_path, record.machine, record.architecture)
        ledger = kernel_files.load(path)
        assert isinstance(ledger, KernelLedger)
        assert ledger.architecture == record.architecture
        assert ledger.of("eager", "cpu") == (row,)


def test_a_ledger_has_libraries_only_where_they_are_known(tmp_path: Path) -> None:
    """A row without one is as earlier versions wrote it, and read it."""
    record = samples.few()[0]
    record_files.save(tmp_path, record)
    path = record_files.record_path(tmp_path, record.machine, record.architecture)
    for library in ("", "MKL"):
        rows = profile_samples.calls(library=library)
        assert kernel_files.save(tmp_path, record, "eager", {"cpu": rows}) == ""
        ledger = kernel_files.load(path)
        assert ledger is not None
        assert ledger.of("eager", "cpu") == tuple(rows)
        assert kernel_files.kernels_path(path).read_text().count('"library"') == bool(library)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 9}', '{"schema": 1, "architecture": "a"}'])
def test_a_torn_ledger_is_one_line_and_written_again(tmp_path: Path, content: str) -> None:
    row = LayerKernel(layer="a", operator="o", kernel="k", shapes="", dtype="", layout="")
    record = samples.few()[0].model_copy(update={"architecture": "own"})
    path = record_files.record_path(tmp_path, record.machine, "own")
    record_files.save(tmp_path, record)
    kernel_files.kernels_path(path).write_text(content)
    with pytest.raises(ReporterError, match=r"own\.kernels\.json: not a ledger of kernels"):
        kernel_files.load(path)
    assert len(record_files.load_all_modes(tmp_path)[0]) == 1
    complaint = kernel_files.save(tmp_path, record, "eager", {"cpu": [row]})
    assert len(complaint.splitlines()) == 1
    ledger = kernel_files.load(path)
    assert ledger is not None
    assert ledger.of("eager", "cpu") == (row,)


@pytest.mark.parametrize("field", ["architecture", "machine"])
def test_the_ledger_of_another_record_is_refused(tmp_path: Path, field: str) -> None:
    """As one that was copied or renamed: its kernels would be compared as those of the record."""
    row = LayerKernel(layer="a", operator="o", kernel="k", shapes="", dtype="", layout="")
    own = samples.few()[0]
    other = own.model_copy(update={field: "other"})
    paths = [record_files.record_path(tmp_path, each.machine, each.architecture) for each in (own, other)]
    kernel_files.save(tmp_path, other, "eager", {"cpu": [row]})
    paths[0].parent.mkdir(exist_ok=True)
    kernel_files.kernels_path(paths[1]).rename(kernel_files.kernels_path(paths[0]))
    with pytest.raises(ReporterError, match=f"not its ledger, but that of {other.architecture} on {other.machine}"):
        kernel_files.load(paths[0])
    assert kernel_files.load(paths[1]) is None


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    """Reading a FIFO would wait for a writer, /dev/zero never ends."""
    path = record_files.record_path(tmp_path, "quiet", "own")
    ledger = kernel_files.kernels_path(path)
    ledger.parent.mkdir(parents=True)
    for plant in (lambda: os.mkfifo(ledger), lambda: ledger.symlink_to("/dev/zero"), ledger.mkdir):
        plant()
        with pytest.raises(ReporterError, match="not a ledger of kernels: no file of at most"):
            kernel_files.load(path)
        ledger.rmdir() if ledger.is_dir() else ledger.unlink()


def test_kernels_are_recorded_again_where_their_ledger_was_removed(tmp_path: Path) -> None:
    record = profile_samples.profiled(samples.few()[0])
    reading = record.readings["operators_coverage_cpu"]
    metric = Metric("operators", (reading.quantity,), lambda _: (), process="profiling", device="cpu")
    machine = {**about(), "machine": record.machine}
    request = Request(
        tmp_path, [ARCHITECTURE], {"operators": metric}, {"cpu": "cpu", "any": "cpu"}, CONDITIONS, about=machine
    )
    settings = request.conditions_of("own").of(metric, "cpu")
    kept = reading.model_copy(update={"settings": settings})
    fields = {
        "architecture": "own",
        "environment": machine["environment"],
        "readings": {"operators_coverage_cpu": kept},
    }
    record = record.model_copy(update={**fields, "definition": ARCHITECTURE.definition})
    record_files.save(tmp_path, record)
    kernel_files.save(tmp_path, record, "eager", {"cpu": profile_samples.calls()})
    assert not Ledger(ARCHITECTURE, request).needs(metric, 0)
    path = kernel_files.kernels_path(record_files.record_path(tmp_path, record.machine, "own"))
    path.unlink()
    assert Ledger(ARCHITECTURE, request).needs(metric, 0)
    for mode, setting in (("eager", "cpu_1thread"), ("bf16", "cpu")):
        kernel_files.save(tmp_path, record, mode, {setting: profile_samples.calls()})
        assert Ledger(ARCHITECTURE, request).needs(metric, 0), "a run has recorded another part of it"
    path.write_text("{")
    ledger = Ledger(ARCHITECTURE, request)
    assert ledger.needs(metric, 0), "it cannot be read"
    job = Job(architecture="own", metrics=("operators",), device="cpu", conditions=CONDITIONS, process="profiling")
    calls = [row.model_dump(mode="json") for row in profile_samples.calls()]
    again = kept.model_copy(update={"detail": {**kept.detail, "calls": {"cpu": calls}}})
    ledger.keep(again, job, Lines(StringIO()), "")
    assert not ledger.needs(metric, 0)
    assert not Ledger(ARCHITECTURE, request).needs(metric, 0)


def test_the_committed_ledgers_have_all_macs_and_name_what_computes_them() -> None:
    """Of each architecture, mode and setting: the MACs that are counted, at least 95 % of them in a named kernel."""
    seen = 0
    for path in sorted((ROOT / "results" / "reference" / "records").glob(f"*/*{kernel_files.SUFFIX}")):
        ledger = json.loads(path.read_bytes())
        record = json.loads(path.with_name(f"{ledger['architecture']}.json").read_bytes())
        (macs,) = record["readings"]["macs"]["samples"]
        for mode, settings in ledger["calls"].items():
            for setting, numbers in settings.items():
                rows = [ledger["rows"][number] for number in numbers]
                assert sum(row["macs"] for row in rows) == macs, (path, mode, setting)
                assert sum(row["macs"] for row in rows if row["kernel"] != NATIVE) >= 0.95 * macs, (path, mode, setting)
                seen += 1
    assert seen == 18 * 3 * 2
