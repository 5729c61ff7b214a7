"""Nodes of one kind of machine with different engines or environments: each job goes to a node that has its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import StringIO
from itertools import permutations
from pathlib import Path

import pytest
from networks import CONDITIONS, own
from simulated import METRICS, Done, Simulated

from reporter.cli.progress import Lines
from reporter.host.questions import MeasureClaims
from reporter.model import Claim, Reading, Record, Verdict
from reporter.registry.execution_modes import Description, description, engine_version, engines_of, most_common
from reporter.report.claim_verdicts import Answer, Case
from reporter.run import experiment
from reporter.run.node_environments import NO_KIND
from reporter.run.request import Request
from reporter.run.slots import GONE, Event, Slot
from reporter.store import record_files

KEY, ROUNDS, NETWORKS = "latency_cpu", 2, 3
ABSENT = "openvino not installed"


def node(name: str, version: str = "", torch: str = "2.14.1", **variables: str) -> Slot:
    """A node of the only kind of machine, with a version of OpenVINO or without it, and with variables."""
    engines = {each: {part: dict(about) for part, about in parts.items()} for each, parts in description().items()}
    for about in engines["openvino"].values():
        about |= {"lacks": "" if version else ABSENT, "version": {"openvino": version or "not installed"}}
    facts = {"machine": "kind", "machine_facts": {}, "environment": {"torch": torch, "numpy": "2.3.0"}}
    return Slot(name, "", facts, variables or None, engines=engines)


class Joined(Simulated):
    """Nodes join it after its first event."""

    late: list[Slot]

    def listen(self) -> Event:
        if not self.late or not self.done:
            return super().listen()
        self.slots, self.late = [*self.slots, *self.late], []
        return None

    def late_notices(self) -> Sequence[str]:
        return ("broken takes no part: no reason is known",) if "broken" in [each.node for each in self.slots] else ()


class Run:
    """A run of the mode `openvino` on simulated nodes: what was done, printed and recorded."""

    def __init__(
        self,
        folder: Path,
        slots: Sequence[Slot],
        deaths: Mapping[str, tuple[float, bool]] | None = None,
        late: Sequence[Slot] = (),
    ) -> None:
        entries = [replace(own(), name=f"net{number}") for number in range(NETWORKS)]
        conditions, devices = CONDITIONS.model_copy(update={"rounds": ROUNDS}), {"cpu": "cpu", "any": "cpu"}
        asked = Request(folder, entries, {KEY: METRICS[KEY]}, devices, conditions, modes=["openvino"])
        executor, output = Joined(slots, deaths=deaths or {}), StringIO()
        executor.late = list(late)
        experiment.run(asked, executor, Lines(output))
        self.done: list[Done] = executor.done
        self.printed = output.getvalue()
        self.folder = folder

    def readings(self) -> list[Reading]:
        """The time of each network in OpenVINO."""
        return [each["openvino"].readings[KEY] for each in self.records()]

    def records(self) -> list[dict[str, Record]]:
        found = sorted(self.folder.glob("records/kind/*.json"))
        assert len(found) == NETWORKS
        return [{record.mode: record for record in record_files.load_modes(path)} for path in found]

    def nodes(self, *modes: str) -> set[str]:
        """Where the jobs of a mode ran, or those of eager."""
        return {each.slot.node for each in self.done if each.job.modes == modes}


@pytest.mark.parametrize("first", ["bare", "rich"])
def test_an_engine_is_measured_where_it_is_installed(first: str, tmp_path: Path) -> None:
    """Whichever node comes first; eager is measured on both, and the other node is named with the reason."""
    slots = sorted([node("bare"), node("rich", "2026.4")], key=lambda slot: slot.node != first)
    run = Run(tmp_path, slots)
    assert (run.nodes(), run.nodes("openvino")) == ({"bare", "rich"}, {"rich"})
    for reading in run.readings():
        assert (reading.status, len(reading.rounds)) == ("ok", ROUNDS)
        assert reading.settings["engine"] == {"openvino": "2026.4"}
    assert run.printed.count(f"note: bare takes no part in openvino: {ABSENT}\n") == 1
    assert "rich takes no part" not in run.printed


@pytest.mark.parametrize(
    ("versions", "wanted"),
    [
        pytest.param(("2026.10", "2026.4", "2026.4"), "2026.4", id="most nodes"),
        pytest.param(("2026.4", "2026.10", ""), "2026.10", id="the newest of as many"),
    ],
)
def test_all_readings_of_an_engine_are_of_one_version(versions: Sequence[str], wanted: str, tmp_path: Path) -> None:
    """In whatever order the nodes come: nothing is measured again with another version."""
    slots = [node(f"node {version or 'bare'} {number}", version) for number, version in enumerate(versions)]
    jobs = []
    for order in permutations(slots):
        run = Run(tmp_path, order)
        jobs.append(len(run.done))
        assert {str(reading.settings["engine"]) for reading in run.readings()} == {str({"openvino": wanted})}
        assert all(f" {wanted} " in name for name in run.nodes("openvino"))
    assert jobs[0] == 2 * NETWORKS * ROUNDS
    assert not any(jobs[1:])


def test_a_node_with_another_version_is_named(tmp_path: Path) -> None:
    run = Run(tmp_path, [node("new", "2026.10"), node("old", "2026.4")])
    reason = "it has openvino 2026.4, and openvino 2026.10 is measured"
    assert f"note: old takes no part in openvino: {reason}\n" in run.printed


def test_the_loss_of_the_only_node_with_an_engine(tmp_path: Path) -> None:
    """Its rows have the reason; eager is measured to the end on the other node."""
    run = Run(tmp_path, [node("bare"), node("rich", "2026.4")], deaths={"rich": (0.5, False)})
    assert {(each.status, each.reason) for each in run.readings()} == {("failed", f"{GONE} with openvino 2026.4")}
    for records in run.records():
        assert (records["eager"].readings[KEY].status, len(records["eager"].readings[KEY].rounds)) == ("ok", ROUNDS)


def test_an_engine_that_no_node_has_is_a_row_with_the_reason(tmp_path: Path) -> None:
    run = Run(tmp_path, [node("one"), node("two")])
    assert {(each.status, each.reason) for each in run.readings()} == {("unsupported", ABSENT)}
    assert "takes no part" not in run.printed


def test_engines_of_several_machines() -> None:
    """Each precision by itself, and engines that only one machine has a package with."""
    one: Description = {"a": {"fp32": {"lacks": "", "version": {"a": "1.0rc1"}}, "int8": {"lacks": "q", "version": {}}}}
    two: Description = {
        "a": {"fp32": {"lacks": "no", "version": {"a": "2"}}, "int8": {"lacks": "", "version": {"q": "3"}}},
        "b": {"fp32": {"lacks": "", "version": {}}},
    }
    for both in ([one, two], [two, one]):
        found = most_common(both)
        assert found["a"] == {"fp32": one["a"]["fp32"], "int8": two["a"]["int8"]}
        assert found["b"] == two["b"]
    bare, rich = (slot.engines or {} for slot in (node("bare"), node("rich", "2026.4")))
    needed = engine_version("bf16+openvino", engines_of(most_common([bare, rich])))
    assert needed is not None
    assert (needed.title, str(needed)) == ("bf16+openvino", "openvino 2026.4")
    assert [needed.missing_from(each) for each in (bare, rich, None)] == [ABSENT, "", ""]
    assert needed.missing_from({}) == "the package with the engine 'openvino' is not installed"
    assert engine_version("bf16", engines_of(rich)) is None


OLD = "it has torch 2.13.0, and torch 2.14.1 is measured"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_record_is_of_one_torch(order: tuple[int, ...], tmp_path: Path) -> None:
    """That of most nodes: nodes of one machine that have another one are named, in whatever order they come."""
    slots = [node("one"), node("two"), node("old", torch="2.13.0")]
    run = Run(tmp_path, [slots[number] for number in order])
    assert {each.slot.node for each in run.done} == {"one", "two"}
    assert {records["eager"].environment["torch"] for records in run.records()} == {"2.14.1"}
    assert run.printed.count(f"note: old takes no part: {OLD}\n") == 1
    assert "one takes no part:" not in run.printed


def test_a_record_is_of_one_set_of_variables(tmp_path: Path) -> None:
    run = Run(tmp_path, [node("plain"), node("capped", ONEDNN_MAX_CPU_ISA="SSE41")])
    assert {each.slot.node for each in run.done} == {"plain"}
    why = "its variables are ONEDNN_MAX_CPU_ISA SSE41, and ONEDNN_MAX_CPU_ISA not set is measured"
    assert f"note: capped takes no part: {why}\n" in run.printed


class Claiming(Simulated):
    """Its only jobs are those of claims, each of which has its evidence at once."""

    def start(self, slot: Slot, question: str, timeout: float | None, number: int | None = None) -> None:
        names = MeasureClaims.model_validate_json(question).names
        self._to_say = [(slot, {"claim": name, "numbers": {}, "reason": None}) for name in names]
        self._to_say.append((slot, Verdict("ok", None)))


def judged(case: Case) -> Answer:
    return Answer("true", ())


def counted() -> dict[str, float]:
    return {}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_evidence_is_measured_where_jobs_are(order: tuple[int, ...], tmp_path: Path) -> None:
    """Not on a node that takes no part, which may be the first one."""
    slots = [node("one"), node("two"), node("old", torch="2.13.0")]
    claim = Claim("one", "It is.", judged, counted)
    asked = Request(tmp_path, (), {}, {"cpu": "cpu"}, CONDITIONS, claims=(claim,))
    experiment.run(asked, Claiming([slots[number] for number in order]), Lines(StringIO()))
    assert record_files.load_all_evidence(tmp_path)[0]["one"].environment["torch"] == "2.14.1"


def test_the_loss_of_the_only_node_with_the_torch_that_is_measured(tmp_path: Path) -> None:
    run = Run(tmp_path, [node("one"), node("old", torch="2.13.0")], deaths={"one": (0.5, False)})
    assert {each.slot.node for each in run.done} == {"one"}
    for records in run.records():
        reading = records["eager"].readings[KEY]
        assert (reading.status, reading.reason) == ("failed", GONE)


def test_nodes_that_join_late_are_named_if_they_take_no_part(tmp_path: Path) -> None:
    """In all or in an engine; one that can measure takes its share without a line."""
    other = Slot("other", "", {"machine": "another kind", "machine_facts": {}, "environment": {}})
    late = [node("old", torch="2.13.0"), node("bare"), other, node("helper", "2026.4"), node("broken", "2026.4")]
    run = Run(tmp_path, [node("rich", "2026.4")], late=late)
    notes = [line for line in run.printed.splitlines() if "takes no part" in line]
    assert set(notes) == {
        f"note: old takes no part: {OLD}",
        f"note: bare takes no part in openvino: {ABSENT}",
        f"note: other takes no part: {NO_KIND}",
        "note: broken takes no part: no reason is known",
    }
    assert len(notes) == 4
    assert {each.slot.node for each in run.done} == {"rich", "bare", "helper", "broken"}
