"""Times on a machine that is not alone, and what a report says of times besides their medians."""

from __future__ import annotations

import math
import multiprocessing
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import forkserver

import pytest
from commands import ROOT, another_fork_server
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import own, subject
from samples import lecture, times

from reporter.host import machine
from reporter.model import FOREIGN_LOAD, Metric, ReporterError
from reporter.registry.catalog import collect
from reporter.report.comparison import Comparison, compare
from reporter.report.language import language
from reporter.report.output.summary import summary
from reporter.report.table import Tabulation
from reporter.report.tail_latency import relative
from reporter.run.joined_rounds import joined
from reporter.stats.samples import percentile
from reporter.worker import references as owned
from reporter.worker.entry import measure

KEY = "latency_cpu_1thread"
pytestmark = pytest.mark.timing
linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells how busy it is, and lets a process choose")


def spin() -> None:
    while True:
        pass


@pytest.fixture
def neighbours() -> Iterator[None]:
    """Programs that keep half of the processors busy."""
    if machine.usable_threads() < (os.cpu_count() or 1):
        pytest.skip("these programs can use some of the processors only")
    spawned = [
        multiprocessing.get_context("spawn").Process(target=spin, daemon=True)
        for _ in range(max(1, (os.cpu_count() or 1) // 2))
    ]
    for process in spawned:
        process.start()
    yield
    for process in spawned:
        process.kill()
        process.join()


@linux
def test_other_programs_are_noticed(neighbours: None) -> None:
    [reading] = measure(collect("reporter.metrics", Metric)[KEY], subject(own(), seconds=0.6, goal=1e-9))
    [share] = reading.detail[FOREIGN_LOAD]  # type: ignore[misc]
    assert 0.1 < share <= 1.0
    assert reading.verdict.status == "noisy"


def test_a_disturbed_round_makes_a_time_noisy_and_says_why() -> None:
    steady = lecture()[0].readings[KEY]
    assert steady.verdict.status == "ok"
    disturbed = steady.model_copy(update={"detail": {FOREIGN_LOAD: [0.01, 0.38]}})
    assert disturbed.verdict == ("noisy", "other programs kept 38% of the processors busy")
    assert "38\N{NO-BREAK SPACE}%" in language("ru").translate(disturbed.verdict.reason)
    quiet = steady.model_copy(update={"detail": {FOREIGN_LOAD: [0.01, 0.02]}})
    assert quiet.verdict.status == "ok"


def test_rounds_join_their_samples_and_their_lists() -> None:
    one = lecture()[0].readings[KEY].model_copy(update={"rounds": (24,), "detail": {FOREIGN_LOAD: [0.5], "word": "a"}})
    both = joined(one, one.model_copy(update={"detail": {FOREIGN_LOAD: [0.1], "word": "b"}}))
    assert (both.rounds, len(both.samples)) == ((24, 24), 48)
    assert both.detail == {FOREIGN_LOAD: [0.5, 0.1], "word": "b"}


def test_too_short_a_time_says_nothing_of_others() -> None:
    before = machine.Load(0.0, 0.0, 0.0, 2)
    assert machine.Load(0.4, 0.8, 0.0, 2).background_load_since(before) is None
    assert machine.Load(1.0, 1.5, 0.5, 2).background_load_since(before) == pytest.approx(0.5)
    assert machine.Load(1.0, 0.4, 0.5, 2).background_load_since(before) == 0.0


@linux
def test_one_thread_stays_on_one_processor_another_each_round() -> None:
    before = os.sched_getaffinity(0)
    seen = []
    for number in range(2 * len(before)):
        with machine.one_core(number):
            seen.append(os.sched_getaffinity(0))
        assert os.sched_getaffinity(0) == before
    assert all(len(cores) == 1 for cores in seen)
    assert [min(cores) for cores in seen] == sorted(before) * 2


FAULTS = """
import resource, statistics
from reporter.host import machine

def median():
    faults = []
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        b"x" * (40 * 2**20)  # more than glibc keeps by itself; written, like a tensor
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return statistics.median(faults)

print(median(), machine.keep_freed_memory(), median())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator of glibc can be set to keep memory")
def test_calls_do_not_ask_for_their_memory_anew() -> None:
    """40 MiB are 10,240 pages: without it they are mapped in every call, with it in the first ones only."""
    done = subprocess.run([sys.executable, "-c", FAULTS], cwd=ROOT, capture_output=True, text=True, check=True)
    before, kept, after = done.stdout.split()
    assert kept == "True"
    assert float(after) < 10
    assert float(before) > float(after) + 10  # 10,240; where the kernel hands out huge pages, 20


def test_every_round_has_a_fork_server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """All workers of one server lie in memory alike, which rounds could not tell from the network's own time.

    The servers of this test load nothing, and their workers end before they have loaded torch.
    """
    from reporter.host.job import Job
    from reporter.model.settings import PRESETS, Conditions
    from reporter.run.executors import local

    monkeypatch.setattr(local, "LOADED", [])
    job = Job(architecture="resnet18", metrics=("size",), device="cpu", conditions=Conditions(**PRESETS["quick"]),
              process="counting")  # fmt: skip
    servers = []
    with another_fork_server():
        executor = local.LocalExecutor()
        for number in (0, 0, 1):
            executor.start(executor.slots[0], job.model_dump_json(), None, number)
            servers.append(forkserver._forkserver._forkserver_pid)
            executor.close()
    assert servers[0] == servers[1] != servers[2]


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=2000), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_percentile_is_a_sample_and_has_ten_beyond_it(samples: list[float], share: float) -> None:
    found = percentile(samples, share)
    assert (found is None) == (len(samples) * (1 - share) < 10 - 1e-6)
    if found is not None:
        assert found in samples
        assert sum(sample <= found for sample in samples) >= share * len(samples) - 1e-6
        assert sum(sample < found for sample in samples) < share * len(samples) + 1e-6


def test_p90_from_100_samples_and_p99_from_1000() -> None:
    for share, least in ((0.9, 100), (0.99, 1000)):
        assert percentile(range(least - 1), share) is None
        assert percentile(range(1, least + 1), share) == share * least


def with_rounds(factor: float = 1.0, count: int = 24) -> Comparison:
    """The lecture's made-up times in two rounds, the second slower throughout by a factor."""
    records = []
    for record in lecture():
        reading = record.readings[KEY]
        middle = reading.value or 1.0
        samples = (*times(middle, count=count), *times(middle * factor, count=count))
        reading = reading.model_copy(update={"samples": samples, "rounds": (count, count)})
        records.append(record.model_copy(update={"readings": record.readings | {KEY: reading}}))
    return compare(records)


@pytest.fixture(scope="module")
def plain() -> dict[tuple[str, str], float]:
    """The relative times without drift."""
    return relative(with_rounds(), KEY)


@given(factor=st.floats(0.2, 5))
@settings(max_examples=10)
def test_relative_times_have_a_geometric_mean_of_one_and_no_drift(
    plain: dict[tuple[str, str], float], factor: float
) -> None:
    drifted = relative(with_rounds(factor), KEY)
    assert math.fsum(math.log(value) for value in plain.values()) == pytest.approx(0, abs=1e-9)
    assert drifted == pytest.approx(plain)


def test_the_table_and_the_summary_tell_relative_times() -> None:
    comparison = with_rounds(count=60)
    table = collect("reporter.tables", Tabulation)["latency"].make(comparison, language("en"))
    assert table is not None
    keys = [column.key for column in table.columns]
    assert f"{KEY}_relative" in keys
    assert any(note.startswith("Relative: time over the geometric mean") for note in table.notes)
    assert f"{KEY}_p90" in keys
    assert f"{KEY}_p99" not in keys
    assert "latency_cpu_p90" not in keys, "24 samples carry no percentile"
    found = {row["architecture"]: row["readings"][KEY]["relative"] for row in summary(comparison)["records"]}
    assert found == {name: value for (_, name), value in relative(comparison, KEY).items()}
    assert "relative" not in summary(comparison)["records"][0]["readings"]["macs"]


def test_two_networks_have_no_relative_time() -> None:
    assert relative(compare(lecture()[:2]), KEY) == {}


def test_ones_own_network_by_file_and_name() -> None:
    slowed = ROOT / "benchmarks" / "slowed.py"
    assert owned.load(f"{slowed}:resnet18_5").name == "resnet18_5"
    with pytest.raises(ReporterError, match="there is no 'resnet18_6' in"):
        owned.load(f"{slowed}:resnet18_6")
    with pytest.raises(ReporterError, match="there is no such file"):
        owned.load("nowhere/net.py:build")
