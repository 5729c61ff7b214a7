"""Times with the allocator's default settings, beside those of a process that keeps freed memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import samples
from commands import ROOT
from forked import execute
from networks import CONDITIONS, own, subject

from reporter.compare.folders import compare as differences
from reporter.compare.matching import is_time
from reporter.host.job import Job
from reporter.model import Metric, Reading, ReporterError
from reporter.model.fields import DEFAULT_MALLOC, KEEPING, UNITS
from reporter.registry.catalog import collect
from reporter.report.choosing.limits import CRITERIA
from reporter.report.comparison import compare
from reporter.report.headline_latency import TIMES
from reporter.report.language import language
from reporter.report.sections import Text, measured
from reporter.run.costs import Costs
from reporter.run.experiment import plan
from reporter.run.ledger import Ledger
from reporter.run.paired import paired_run
from reporter.run.request import Request
from reporter.tables.groups import group
from reporter.tables.overview import HEADLINES
from reporter.worker.entry import measure

METRICS = collect("reporter.metrics", Metric)
PAIRS = dict(zip(DEFAULT_MALLOC, ("latency_cpu", "throughput_cpu"), strict=True))
GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
FAULTS = """
import resource, torch
torch.set_num_threads(1)
layer, image = torch.nn.Conv2d(3, 64, 3, padding=1), torch.zeros(1, 3, 400, 400)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    with torch.inference_mode():
        for _ in range(2):
            layer(image)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 2
faults()
"""
MEASURE = """
from functools import partial
from networks import own, subject
from reporter.registry.catalog import collect
from reporter.worker.entry import measure
from reporter.model import Metric
metrics, network = collect("reporter.metrics", Metric), subject(own(), seconds=0.02)
for name in ("latency_cpu_default_malloc", "throughput_cpu_default_malloc", "latency_cpu"):
    print(measure(metrics[name], network)[0].status, (faults(), faults())[1])
"""
BLOCK = """
import resource
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(2):
        b"x" * (64 * 400 * 400 * 4)  # written, like a tensor
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 2
faults()
"""
"""The same without torch: the bytes of a large object are memory of the C library as well."""
PAGES = 64 * 400 * 400 * 4 // os.sysconf("SC_PAGE_SIZE")
"""Of the output of the layer: more than glibc ever takes from the heap by itself."""
HUGE_PAGES = 64 * 400 * 400 * 4 // 2**21
"""Of the same memory, where the kernel provides pages of 2 MiB."""

TUNABLES = {"GLIBC_TUNABLES": "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=2147483647"}


def python(code: str, **variables: str) -> list[str]:
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"} | variables
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return done.stdout.split()


@GLIBC
def test_the_default_settings_are_those_of_a_plain_process() -> None:
    """Pages are requested again in every call, until a time is taken that keeps freed memory."""
    first, latency, second, throughput, third, keeping = execute(FAULTS + MEASURE).stdout.split()
    assert first == second == third == "ok"
    assert min(int(latency), int(throughput)) > int(keeping) + HUGE_PAGES // 2
    assert int(keeping) < PAGES // 10


VARIABLES = [
    pytest.param(dict(pair.split("=") for pair in KEEPING.split()), id="variables"),
    pytest.param(TUNABLES, id="tunables"),
]


@GLIBC
@pytest.mark.parametrize("variables", VARIABLES)
def test_the_variables_of_the_report_have_the_same_effect(variables: dict[str, str]) -> None:
    """On memory that the C library gives, as to torch."""
    again, kept = (int(python(BLOCK + "print(faults())", **each)[0]) for each in ({}, variables))
    assert again > kept + HUGE_PAGES // 2
    assert kept < PAGES // 10


@GLIBC
@pytest.mark.slow
@pytest.mark.parametrize("variables", VARIABLES)
def test_the_variables_of_the_report_have_the_same_effect_on_torch(variables: dict[str, str]) -> None:
    """Without them each call requests its pages again: the test of a plain process."""
    assert int(python(FAULTS + "print(faults())", **variables)[0]) < PAGES // 10


@pytest.mark.parametrize("key", DEFAULT_MALLOC)
def test_a_reading_like_that_of_the_other_time(key: str) -> None:
    (reading,) = measure(METRICS[key], subject(own(), seconds=0.05))
    assert reading.measured or platform.libc_ver()[0] != "glibc"
    assert reading.quantity.unit == UNITS[key] == UNITS[PAIRS[key]]
    assert METRICS[key].depends == METRICS[PAIRS[key]].depends


@pytest.mark.parametrize("key", DEFAULT_MALLOC)
def test_another_c_library(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    (reading,) = measure(METRICS[key], subject(own()))
    assert reading.status == "unsupported"
    assert "not glibc" in str(reading.reason)


def test_it_is_taken_before_the_times_that_keep_freed_memory(tmp_path: Path) -> None:
    request = Request(tmp_path, [own()], METRICS, {"cpu": "cpu", "any": "cpu"}, CONDITIONS, "no GPU here")
    jobs = [job for job in plan(request, {"small": Ledger(own(), request)}) if set(job.metrics) & set(DEFAULT_MALLOC)]
    assert jobs
    for job in jobs:
        assert job.process == "timing cpu"
        assert job.metrics[0] == "cold_start"
        assert set(job.metrics[1:3]) == set(DEFAULT_MALLOC)
        assert len(job.metrics) > 3


def test_it_takes_a_fraction_of_the_time() -> None:
    costs = Costs({}, 1e-12, lambda _: samples.record(samples.ROWS[9]))

    def seconds(*names: str) -> float:
        conditions = CONDITIONS.model_copy(update={"seconds": 0.7})
        return costs(Job(architecture="x", metrics=names, device="cpu", conditions=conditions, process="timing cpu"))

    latency, both = seconds("latency_cpu"), seconds("latency_cpu", DEFAULT_MALLOC[0])
    assert 0.1 < both - latency < 0.2
    assert 0 < seconds("latency_cpu", "cold_start") - latency < 0.1, "one call"


def with_both(factor: float) -> list:
    """Records with those times too; `factor` is how much longer they take in one of the runs."""
    records = []
    for row in samples.ROWS[8:12]:
        record = samples.record(row)
        more = {}
        for key, value in zip(DEFAULT_MALLOC, (row[7] / 900 * factor, 500 / row[7] / factor), strict=True):
            parts = samples.times(value, count=120)
            more[key] = Reading(quantity=METRICS[key].quantities[0], samples=parts, rounds=(40, 40, 40))
        records.append(record.model_copy(update={"readings": record.readings | more}))
    return records


def test_it_is_shown_but_ranks_nothing_and_is_not_compared() -> None:
    comparison, english = compare(with_both(1.0)), language("en")
    table = group("latency")(comparison, english)
    assert table is not None
    shown = {column.key for column in table.columns}
    assert set(DEFAULT_MALLOC) <= shown
    assert not {f"{key}_relative" for key in DEFAULT_MALLOC} & shown
    assert not {f"rank_{key}" for key in DEFAULT_MALLOC} & shown
    assert not {f"{key}_p90" for key in DEFAULT_MALLOC} & shown
    assert not set(DEFAULT_MALLOC) & {*HEADLINES, *TIMES, *CRITERIA}
    assert not any(is_time(METRICS[key].quantities[0]) for key in DEFAULT_MALLOC)
    found = differences(with_both(1.0), with_both(2.0))
    assert not {timing.quantity.key for timing in found.timings} & set(DEFAULT_MALLOC)
    assert not found.fails("any")


def test_two_environments_are_not_compared_by_it() -> None:
    devices = {"cpu": "cpu"}
    assert not set(paired_run.timed(METRICS, devices)) & set(DEFAULT_MALLOC)
    with pytest.raises(ReporterError, match="latency"):
        paired_run.timed({key: METRICS[key] for key in DEFAULT_MALLOC}, devices)


def printed(records: list) -> str:
    """The definitions of the report and the notes of its table of times."""
    comparison, english = compare(records), language("en")
    table = group("latency")(comparison, english)
    assert table is not None
    texts = (block.text for block in measured(comparison, english).blocks if isinstance(block, Text))
    return "\n".join((*texts, *table.notes))


def test_the_report_has_the_line_for_a_service() -> None:
    assert printed(with_both(1.0)).count(KEEPING) == 2


def test_a_report_without_these_times_does_not_mention_them() -> None:
    found = printed([samples.record(row) for row in samples.ROWS[8:12]])
    assert "malloc" not in found.lower()
