"""A real Ray cluster of three nodes on this machine: one is killed, a run is interrupted, what Ray sets is undone."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from commands import call, copy_of_the_checkout, marked, run, start
from networks import CONDITIONS

from reporter.compare.matching import is_exact
from reporter.host import machine
from reporter.model import Record, ReporterError
from reporter.model.settings import settings
from reporter.run.executors import ray as cluster
from reporter.run.executors.ray_node import NodeWorker
from reporter.run.request import Request
from reporter.store import record_files

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")

NETWORKS = 12
WATCHED = """
from __future__ import annotations

import os
import time
from functools import partial

from reporter.model import Architecture


def build(number, classes):
    import torch
    from torch import nn

    threads = torch.get_num_threads()
    with open(LOG + ".begun", "a") as begun:
        print(os.getppid(), file=begun)
    end = time.monotonic() + 60
    while os.path.exists(LOG + ".together") and time.monotonic() < end:
        if len(set(open(LOG + ".begun"))) >= 3:
            break
        time.sleep(0.05)
    time.sleep(SECONDS)
    with open(LOG, "a") as log:
        print(number, os.getppid(), os.getpid(), threads, os.environ.get("OMP_NUM_THREADS"), os.nice(0), file=log)
    body = nn.Conv2d(3, 2 + number, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*body, nn.Linear(2 + number, classes))


ENTRIES = tuple(
    Architecture(f"watched{number}", family="Watched", year=2026, paper="none", build=partial(build, number),
                 input_size=32)
    for number in range(NUMBER)
)
"""
QUICK = ("--architectures", "Watched", "--preset", "quick", "--device", "cpu", "--weights", "random")
SIZE = 75 * 2**20


@dataclass
class Ours:
    """A cluster whose nodes run a copy of the package in which twelve networks write down who builds them."""

    root: Path
    cluster: Any
    nodes: list[Any]
    log: Path
    mark: str

    @property
    def there(self) -> tuple[str, ...]:
        return "--executor", "ray", "--ray-address", self.cluster.address

    def built(self) -> list[tuple[str, ...]]:
        return [tuple(line.split()) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def add(self) -> None:
        self.nodes.append(self.cluster.add_node(num_cpus=1, object_store_memory=SIZE))


def copy(folder: Path, log: Path, seconds: float = 0.7) -> Path:
    root = copy_of_the_checkout(folder)
    text = WATCHED.replace("LOG", repr(str(log))).replace("SECONDS", str(seconds)).replace("NUMBER", str(NETWORKS))
    (root / "reporter/architectures/watched.py").write_text(text)
    return root


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    from ray.cluster_utils import Cluster

    folder = tmp_path_factory.mktemp("cluster")
    root = copy(folder / "copy", folder / "log")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("PYTHONPATH", root), ("RAY_AUTH_MODE", "disabled"), ("REPORTER_TEST", folder)):
            patch.setenv(name, str(value))
        patch.delenv("OMP_NUM_THREADS", raising=False)
        head = {"num_cpus": 1, "object_store_memory": SIZE, "include_dashboard": False}
        made = Ours(root, Cluster(True, head_node_args=head), [], folder / "log", str(folder))
        try:
            made.add()
            made.add()
            yield made
        finally:
            made.cluster.shutdown()


def records(folder: Path) -> dict[str, Record]:
    found, complaints = record_files.load_all(folder)
    assert not complaints
    return {record.architecture: record for record in found}


@pytest.mark.slow
def test_a_node_that_dies_gives_its_work_to_another(ours: Ours, tmp_path: Path) -> None:
    """All is done once, but for what died with the node; nothing is lost; Ray's own settings do not reach a worker."""
    together = Path(f"{ours.log}.together")  # a node that loads torch late would else find all done
    together.touch()
    process = start("--out", tmp_path / "r", *QUICK, "--metrics", "parameters", *ours.there, root=ours.root)
    lines: list[str] = []
    while len({parent for _, parent, *_ in ours.built()}) < 3:  # all three nodes have taken part
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    together.unlink()
    ours.cluster.remove_node(ours.nodes.pop(), allow_graceful=False)
    before = records(tmp_path / "r")
    out, messages = process.communicate(timeout=120)
    ours.add()
    lines += messages.splitlines()
    assert (process.returncode, out) == (0, ""), messages
    assert any("was lost, counting is restarted" in line for line in lines), messages

    after = records(tmp_path / "r")
    assert len(after) == NETWORKS
    for number in range(NETWORKS):
        reading = after[f"watched{number}"].readings["parameters"]
        assert reading.samples == ((2 + number) * 28 + (3 + number) * 1000,)
        assert after[f"watched{number}"].machine == machine.key()
    for name, record in before.items():
        assert record.readings.items() <= after[name].readings.items(), "what was reported stays; more may follow"
    times = Counter(number for number, *_ in ours.built())
    assert len(times) == NETWORKS
    assert sum(times.values()) <= NETWORKS + 1
    assert len({worker for _, _, worker, *_ in ours.built()}) == len(ours.built()), "a fresh process each"
    assert {(threads, omp) for *_, threads, omp, _ in ours.built()} == {(str(machine.usable_threads()), "None")}
    history = [json.loads(line)["architecture"] for line in (tmp_path / "r" / "history.jsonl").read_text().splitlines()]
    assert sorted(history) == sorted(after)
    assert not workers(ours.mark)


@pytest.mark.slow
def test_an_interrupted_run_leaves_the_cluster_clean(ours: Ours, tmp_path: Path) -> None:
    """Exit code 130 at once, what was reported stays, no worker is left on a node, all CPUs of the cluster are free."""
    process = start("--out", tmp_path / "r", *QUICK, "--metrics", "size", *ours.there, root=ours.root)
    first = [next(line for line in process.stderr if records(tmp_path / "r"))]
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=20)
    assert time.monotonic() - begun < 3
    assert process.returncode == 130, (first, rest)
    assert "rerun the same command to resume" in rest
    assert records(tmp_path / "r")
    end = time.monotonic() + 10
    while workers(ours.mark) and time.monotonic() < end:
        time.sleep(0.1)
    assert not workers(ours.mark)
    assert free_cpus(ours.cluster.address, 10) == 3


def workers(mark: str) -> list[int]:
    """The fork servers and workers on the nodes of the cluster, which have one command."""
    return [number for number in marked(mark) if b"forkserver" in command(number)]


def free_cpus(address: str, seconds: float) -> float:
    """What nobody holds, waited for."""
    import ray

    ray.init(address, log_to_driver=False, logging_level="CRITICAL")
    try:
        end = time.monotonic() + seconds
        while ray.available_resources().get("CPU", 0) < ray.cluster_resources()["CPU"] and time.monotonic() < end:
            time.sleep(0.1)
        return ray.available_resources().get("CPU", 0)
    finally:
        ray.shutdown()


def command(number: int) -> bytes:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
def test_rounds_of_a_time_and_evidence_over_a_cluster(ours: Ours, tmp_path: Path) -> None:
    """A whole run with every metric: the same quantities as on this machine alone, in as many rounds."""
    options = ("--architectures", "watched0,watched1", "--preset", "quick", "--device", "cpu", "--weights", "random")
    far = run("--out", tmp_path / "far", *options, *ours.there, root=ours.root)
    near = run("--out", tmp_path / "near", *options, root=ours.root)
    assert (far.returncode, near.returncode) == (0, 0), far.stderr
    there, here = records(tmp_path / "far"), records(tmp_path / "near")
    for name, record in here.items():
        assert there[name].readings.keys() == record.readings.keys()
        for key, reading in record.readings.items():
            other = there[name].readings[key]
            assert (other.status, other.settings) == (reading.status, reading.settings)
            assert len(other.rounds) == len(reading.rounds)
            if is_exact(reading.quantity):
                assert other.samples == reading.samples
    assert (tmp_path / "far" / "report.html").exists()


@pytest.mark.slow
def test_ray_is_started_here_where_no_address_is_given(tmp_path: Path) -> None:
    root = copy(tmp_path / "copy", tmp_path / "log", seconds=0)
    mark = {"REPORTER_TEST": str(tmp_path), "RAY_ADDRESS": None, "HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    done = run("--out", tmp_path / "r", *QUICK, "--metrics", "size", "--executor", "ray", root=root, variables=mark)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert len(records(tmp_path / "r")) == NETWORKS
    end = time.monotonic() + 10
    while marked(mark["REPORTER_TEST"]) and time.monotonic() < end:
        time.sleep(0.1)
    assert not marked(mark["REPORTER_TEST"])
    assert not list((tmp_path / "home").iterdir()), "no token is left"


@pytest.mark.slow
def test_nodes_with_another_reporter_are_one_line(ours: Ours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is that of another version: no node may measure for it."""
    monkeypatch.setattr(cluster, "code", lambda: "of another version")
    asked = Request(tmp_path, (), {}, {"cpu": "cpu", "any": "cpu"}, CONDITIONS)
    executor = cluster.RayExecutor(ours.cluster.address)
    with (
        closing(executor),
        pytest.raises(ReporterError, match="takes no part: its reporter is not the same; install this one there"),
    ):
        executor.open(asked)


def test_the_workers_of_all_nodes_keep_the_same_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The actor of a node is created in this process, in place of one by Ray."""
    monkeypatch.setenv("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    monkeypatch.setattr(os, "setpriority", lambda *_: None)
    executor = cluster.RayExecutor.chosen(settings({"executor": "ray", "keep_env": "HF_TOKEN"}))
    executor._ray = mock.MagicMock()
    executor._take({"NodeID": "a" * 56, "NodeManagerAddress": "here", "Resources": {"CPU": 1}}, 0)
    create = executor._ray.remote.return_value.options.return_value.remote
    worker = NodeWorker(*create.call_args.args)
    assert worker._executor._keep == executor._here._keep == ("HF_TOKEN",)


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("ray://127.0.0.1:10001", "give the HOST:PORT of `ray start`"),
        ("nowhere", "invalid value 'nowhere'; give the HOST:PORT"),
        ("127.0.0.1:1", "no cluster at 127.0.0.1:1: "),
    ],
)
def test_an_address_without_a_cluster_is_one_line(
    address: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    done = call("--out", tmp_path / "r", "--architectures", "alexnet", "--executor", "ray", "--ray-address", address)
    assert done.returncode == 2, done.stderr
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "r").exists()
