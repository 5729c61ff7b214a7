"""Several jobs at a time: what may run beside what, on which slot, and what happens when a slot is lost."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest
import worker_entries
from commands import run as reporter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import CONDITIONS, own
from simulated import METRICS, Done, Simulated, slot

from reporter.cli.progress import Lines
from reporter.host import machine
from reporter.host.questions import MeasureClaims
from reporter.model import Record, ReporterError, Verdict
from reporter.model.settings import Settings
from reporter.run import experiment
from reporter.run.executors import local
from reporter.run.executors.local import LocalExecutor
from reporter.run.executors.registry import choose_executor
from reporter.run.preparation import choose_devices, prepare
from reporter.run.request import Outcome, Request
from reporter.run.slots import GONE, LOST, Slot
from reporter.store import record_files

NAMES = ("size", "latency_cpu_1thread", "latency_cuda", "finetune")
ROUNDS = 3
GPUS = ("cuda:0", "cuda:1")


def request(folder: Path, networks: int = 3, gpus: Sequence[str] = (), **more: object) -> Request:
    devices = {"cpu": "cpu", "any": "cpu"} | ({"cuda": gpus[0], "any": gpus[0]} if gpus else {})
    return Request(
        folder,
        [replace(own(), name=f"net{number}") for number in range(networks)],
        {name: METRICS[name] for name in NAMES},
        devices,
        CONDITIONS.model_copy(update={"rounds": ROUNDS}),
        gpus=gpus,
        **more,
    )


def measured(request: Request, executor: Simulated) -> tuple[dict[tuple[str, str], Record], Outcome, str]:
    """The records by machine and network, its outcome, and what it printed."""
    output = StringIO()
    outcome = experiment.run(request, executor, Lines(output))
    records = record_files.load_all(request.folder)[0]
    return {(record.machine, record.architecture): record for record in records}, outcome, output.getvalue()


def check_all_once(record: Record) -> None:
    for name in NAMES:
        for quantity in METRICS[name].quantities:
            reading = record.readings[quantity.key]
            if reading.status != "unsupported":
                assert (reading.status, len(reading.samples)) == ("ok", ROUNDS if METRICS[name].timed else 1)


def check_apart(done: Sequence[Done]) -> None:
    """Nothing runs beside a job on the CPU of the same node, and a GPU has one job at a time, its own."""
    for one in done:
        assert one.job.device in ("cpu", one.slot.device)
        for other in done:
            if one is not other and one.slot.node == other.slot.node:
                apart = one.ended <= other.begun or other.ended <= one.begun
                assert apart or (one.slot is not other.slot and {one.job.device, other.job.device} <= set(GPUS))


def test_one_slot_runs_the_plan_in_its_order(tmp_path: Path) -> None:
    executor = Simulated([slot("here")])
    measured(request(tmp_path), executor)
    order = [(each.job.process, each.job.round, each.job.architecture) for each in executor.done]
    rounds = [("timing cpu", number, f"net{network}") for number in range(ROUNDS) for network in range(3)]
    assert order[3:12] == rounds
    assert {process for process, _, _ in order[:3]} == {"counting"}


def test_two_gpus_measure_two_networks_at_a_time(tmp_path: Path) -> None:
    """Each on its own; what is on the CPU has the machine to itself."""
    asked = request(tmp_path, networks=4, gpus=GPUS)
    executor = Simulated([slot("here", device) for device in GPUS])
    records, outcome, _ = measured(asked, executor)
    check_apart(executor.done)
    for record in records.values():
        check_all_once(record)
    assert outcome.slots == 2
    beside = [(one, other) for one in executor.done for other in executor.done
              if one.slot is not other.slot and one.begun < other.ended and other.begun < one.ended]  # fmt: skip
    assert {one.job.process for one, _ in beside} == {"timing cuda", "training"}
    on = {each.job.architecture: each.job.device for each in executor.done if each.job.device != "cpu"}
    assert on == {"net0": "cuda:0", "net1": "cuda:1", "net2": "cuda:0", "net3": "cuda:1"}
    assert executor.now == 4 * (1 + ROUNDS) + 4 / 2 * (ROUNDS + 1)
    assert {(each.job.device, each.job.concurrent) for each in executor.done} == {
        ("cpu", 1),
        *((gpu, 2) for gpu in GPUS),
    }


def test_a_network_stays_on_its_gpu_when_others_are_asked_for(tmp_path: Path) -> None:
    """What was measured on cuda:1 is there already, whichever place its network has in a later call."""
    measured(request(tmp_path, gpus=GPUS), Simulated([slot("here", device) for device in GPUS]))
    later = request(tmp_path, gpus=GPUS)
    later = replace(later, architectures=later.architectures[1:])
    executor = Simulated([slot("here", device) for device in GPUS])
    _, outcome, _ = measured(later, executor)
    assert (executor.done, outcome.jobs) == ([], 0)


def test_several_nodes_share_the_networks_and_keep_the_rounds_of_a_time(tmp_path: Path) -> None:
    executor = Simulated([slot(node) for node in "abc"])
    records, _, _ = measured(request(tmp_path, networks=6), executor)
    for record in records.values():
        check_all_once(record)
    timed = [each for each in executor.done if each.job.process == "timing cpu"]
    homes = {each.job.architecture: {other.slot for other in timed if other.job.architecture == each.job.architecture}
             for each in timed}  # fmt: skip
    assert {len(slots) for slots in homes.values()} == {1}
    assert executor.now == 6 * (1 + ROUNDS + 1) / 3
    for node in executor.all_slots:
        rounds = [each.job.round for each in timed if each.slot is node]
        assert rounds == sorted(rounds), "interleaved on every node"


def test_every_kind_of_machine_measures_every_network(tmp_path: Path) -> None:
    """Records of several machines stand side by side, and each is of one machine only."""
    executor = Simulated([slot("a", machine="old"), slot("b", machine="new"), slot("c", "cuda:0", machine="gpu")])
    records, _, _ = measured(request(tmp_path, gpus=("cuda:0",)), executor)
    assert set(records) == {(kind, f"net{number}") for kind in ("old", "new", "gpu") for number in range(3)}
    for (kind, _), record in records.items():
        check_all_once(record)
        status = record.readings["latency_cuda"].status
        assert status == ("ok" if kind == "gpu" else "unsupported")
    assert all(each.slot.machine == "gpu" for each in executor.done if each.job.device != "cpu")


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.booleans())
def test_whatever_dies_all_is_measured_once(tmp_path_factory: pytest.TempPathFactory, chance: random.Random,
                                            half: bool) -> None:  # fmt: skip
    """Nodes of one or two GPUs or none, jobs of any length, deaths at any moment: one node always lives."""
    gpus = chance.randrange(3)
    nodes = [f"node{number}" for number in range(chance.randrange(1, 5))]
    slots = [slot(node, device) for node in nodes for device in (GPUS[:gpus] or ("",))]
    lengths = {name: chance.uniform(0.1, 5) for name in NAMES}
    deaths = {node: (chance.uniform(0, 30), chance.random() < 0.4) for node in nodes[1:] if chance.random() < 0.8}
    asked = request(tmp_path_factory.mktemp("run"), networks=chance.randrange(1, 6), gpus=GPUS[:gpus])
    executor = Simulated(slots, lambda job: lengths[job.metrics[0]] * (1 + len(job.architecture) % 2), deaths, half)
    records, outcome, _ = measured(asked, executor)
    assert outcome.failed == 0
    assert len(records) == len(asked.architectures)
    for record in records.values():
        check_all_once(record)
    check_apart(executor.done)
    whole = sum(each.whole for each in executor.done)
    assert whole == outcome.jobs or (half and whole >= outcome.jobs - len(deaths))


def test_what_a_lost_node_had_delivered_is_not_measured_again(tmp_path: Path) -> None:
    """It dies after the first reading of a job: the others of the same process are taken elsewhere."""
    both = replace(request(tmp_path, networks=1), metrics={name: METRICS[name] for name in ("size", "structure")})
    executor = Simulated([slot("a"), slot("b")], deaths={"a": (0.5, False)}, half=True)
    _, outcome, output = measured(both, executor)
    first, second = executor.done
    assert (first.slot.node, first.whole, second.slot.node) == ("a", False, "b")
    assert set(first.job.metrics) == {"size", "structure"}
    assert (outcome.jobs, outcome.failed) == (1, 0)
    assert "net0: a was lost, counting is restarted" in output


def test_the_last_of_its_kind_leaves_rows_that_say_so(tmp_path: Path) -> None:
    slots = [slot("a", machine="old"), slot("b", machine="new")]
    records, outcome, _ = measured(request(tmp_path, networks=2), Simulated(slots, deaths={"a": (2.5, False)}))
    for number in range(2):
        check_all_once(records["new", f"net{number}"])
        reading = records["old", f"net{number}"].readings["latency_cpu_1thread"]
        assert (reading.status, reading.reason) == ("failed", GONE)
        assert records["old", f"net{number}"].readings["parameters"].measured
    assert outcome.failed > 0


class Fatal(Simulated):
    """Its slot dies under one network and comes back, again and again."""

    def listen(self):
        for where, (job, _) in list(self._running.items()):
            if job.architecture == "net1":
                self._deaths[where.node] = (self.now, True)
        return super().listen()


def test_a_network_that_takes_every_node_with_it_is_a_row(tmp_path: Path) -> None:
    records, outcome, _ = measured(request(tmp_path), Fatal([slot("a")]))
    check_all_once(records["kind", "net0"])
    check_all_once(records["kind", "net2"])
    lost = records["kind", "net1"].readings
    assert {lost[key].reason for key in ("parameters", "latency_cpu_1thread", "finetune_top1")} == {LOST}
    assert outcome.failed > 0


# On this machine


def test_two_workers_of_this_machine_at_a_time(tmp_path: Path) -> None:
    """Real ones, on the CPU: both are under way before either has ended, and each is heard for itself.

    The second is of another round, for which the fork server is not renewed: the first would end with it.
    """
    executor = LocalExecutor()
    executor.slots = [Slot("", device, machine.about()) for device in GPUS]
    for number, each in enumerate(executor.slots):
        executor.start(each, MeasureClaims(names=("split_kernel", "block_weights")).model_dump_json(), 60.0, number)
    heard: dict[Slot, list] = {each: [] for each in executor.slots}
    while not all(messages and isinstance(messages[-1], Verdict) for messages in heard.values()):
        where, messages = executor.listen()
        heard[where].append(messages)
    for messages in heard.values():
        assert [message.get("claim") for message in messages[:-1]] == ["split_kernel", "block_weights", None]
        assert messages[-1] == Verdict("ok", None)
    with mock.patch.object(local, "_enter", worker_entries.sleeping):
        executor.start(executor.slots[1], MeasureClaims(names=("split_kernel",)).model_dump_json(), 0.01)
    assert executor.listen() == (executor.slots[1], Verdict("timeout", "not done after 0 s"))
    executor.close()


class Seen(Simulated):
    """What torch sees, given by the test."""

    def gpus(self, asked):
        return self.all_slots


def test_gpus_that_are_not_there_or_no_match() -> None:
    two = Seen(["H100", "H100"])
    devices, gpus, _ = choose_devices(("cuda:0", "cuda:1"), two)
    assert (devices, gpus) == ({"cuda": "cuda:0", "any": "cuda:0"}, GPUS)
    assert choose_devices(("auto",), two)[1] == ("cuda:0",)
    with pytest.raises(ReporterError, match="'cuda:2' is not there; torch sees 2: H100, H100"):
        choose_devices(("cuda:0", "cuda:2"), two)
    with pytest.raises(ReporterError, match=r"H100 \(cuda:0\) and T4 \(cuda:1\) are different GPU models"):
        choose_devices(("cuda:0", "cuda:1"), Seen(["H100", "T4"]))


@pytest.mark.slow
@pytest.mark.skipif(bool(machine.gpus()), reason="there are GPUs here")
def test_two_gpus_where_there_is_none_are_one_line(tmp_path: Path) -> None:
    done = reporter("--out", tmp_path, "--architectures", "alexnet", "--device", "cuda:0,cuda:1")
    assert done.returncode == 2
    line = r"reporter: --device: 'cuda:0' is not there; torch sees no CUDA device: \S.*\S; use cpu\n"
    assert re.fullmatch(line, done.stderr)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"executor": "dask"}, "--executor: unknown executor 'dask'; known: local, ray"),
        ({"ray_address": "10.0.0.1:6379"}, "--ray-address: only for --executor ray"),
        ({"executor": "ray", "budget": "20m"}, "--budget: plans for this machine only, not for a cluster's"),
        ({"executor": "ray", "device": ("cuda:1",)}, "a cluster's GPUs are taken as they are free; use cuda"),
    ],
)
def test_options_that_do_not_go_together(options: dict, line: str) -> None:
    with pytest.raises(ReporterError, match=line):
        choose_executor(Settings(**options))


def test_a_budget_is_for_one_gpu(tmp_path: Path) -> None:
    with pytest.raises(ReporterError, match="--budget: plans for one CUDA device at a time, not cuda:0,cuda:1"):
        prepare(tmp_path, Settings(device=GPUS, budget="20m"), Seen(["H100", "H100"]))


def test_ray_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ReporterError, match=r"Ray is not installed; install it: pip install 'ray>=2\.40'"):
        choose_executor(Settings(executor="ray"))
