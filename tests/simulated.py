"""A third executor: time is a number in it, jobs take the seconds that they are given, nodes die when they are to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from reporter.host.job import Job
from reporter.model import Engine, Metric, Reading, Verdict
from reporter.model.modes import ONCE, alternation, quantities
from reporter.model.records import EAGER
from reporter.registry import execution_modes
from reporter.registry.catalog import collect
from reporter.registry.execution_modes import conditions_of, engine_version, engines_of
from reporter.run.request import Request
from reporter.run.slots import Event, Slot

METRICS = collect("reporter.metrics", Metric)


class Done(NamedTuple):
    """A job that was begun: where, from when to when, and whether the slot lived to see its end."""

    slot: Slot
    job: Job
    begun: float
    ended: float
    whole: bool


def slot(node: str, device: str = "", machine: str = "kind") -> Slot:
    return Slot(node, device, {"machine": machine, "machine_facts": {}, "environment": {"torch": "2"}})


def readings(job: Job, engines: Mapping[str, Engine] | None = None) -> list[dict[str, Any]]:
    """What a worker would say of a job: one sample of 1 for every quantity; `engines` are those of its machine."""
    found = []
    for metric in (METRICS[name] for name in job.metrics[: 1 if job.only_checks else None]):
        for mode in (each for each in job.modes or (EAGER,) if job.measures(each, metric.name)):
            number = 0 if job.prepares(mode) else job.round
            own, of_mode = (
                conditions | conditions_of(mode, engines)
                for conditions in (job.conditions.of(metric, job.device), job.conditions.of_mode())
            )
            of_mode_quantities = ONCE if job.only_checks else quantities(metric, number)
            for quantity in of_mode_quantities if job.modes else metric.quantities:
                once = job.is_once(quantity)
                rounds, settings = (1,) if metric.timed and not once else (), of_mode if once else own
                made = Reading(quantity=quantity, samples=(1,), rounds=rounds, settings=settings)
                found.append({"reading": made.model_dump(mode="json"), "mode": mode})
            if metric.inference and not job.only_checks and engine_version(mode, engines or execution_modes.engines()):
                ratio = alternation(metric.quantities[0])
                alone = Reading(quantity=ratio, samples=(1,), rounds=(1,), settings=own)
                found.append({"reading": alone.model_dump(mode="json"), "mode": mode})
    return found


@dataclass
class Simulated:
    """`deaths` says when a node dies, and whether it comes back at once."""

    all_slots: Sequence[Slot]
    seconds: Callable[[Job], float] = lambda job: 1.0
    deaths: Mapping[str, tuple[float, bool]] = field(default_factory=dict)
    half: bool = False
    no_cuda: str = "this machine has no CUDA device"
    accelerator: str = "cuda"

    def __post_init__(self) -> None:
        self.slots, self.away = list(self.all_slots), []
        self.now, self.done, self._to_say = 0.0, [], []
        self._running: dict[Slot, tuple[Job, float]] = {}
        self._deaths = dict(self.deaths)

    def preload(self, module: str) -> None:
        """Nothing to do: no process is started."""

    def open(self, request: Request) -> Sequence[str]:
        return ()

    def late_notices(self) -> Sequence[str]:
        return ()

    def gpus(self, asked: bool) -> Sequence[str]:
        return sorted({slot.device for slot in self.slots if slot.device})

    def start(self, slot: Slot, question: str, timeout: float | None, number: int | None = None) -> None:
        assert slot not in self._running
        self._running[slot] = (Job.model_validate_json(question), self.now)

    def listen(self) -> Event:
        if self._to_say:
            return self._to_say.pop(0)
        if self.away:
            self.slots += self.away
            self.away = []
            return None
        ends = [(begun + self.seconds(job), slot) for slot, (job, begun) in self._running.items()]
        dying = [(moment, node) for node, (moment, _) in self._deaths.items()]
        if dying and (not ends or min(dying)[0] <= min(ends, key=lambda end: end[0])[0]):
            return self._die(*min(dying))
        self.now, slot = min(ends, key=lambda end: end[0])
        job = self._end(slot, whole=True)
        self._to_say = [
            *((slot, message) for message in readings(job, engines_of(slot.engines))),
            (slot, Verdict("ok", None)),
        ]
        return self._to_say.pop(0)

    def close(self) -> None:
        assert not self._running

    def _die(self, moment: float, node: str) -> Event:
        """What ran there is lost, but for its first reading where half of it was sent already."""
        self.now = max(self.now, moment)
        lost = [slot for slot in self.slots if slot.node == node]
        _, comes_back = self._deaths.pop(node)
        running = [slot for slot in lost if slot in self._running]
        sent = [(slot, readings(self._end(slot, whole=False), engines_of(slot.engines))[0]) for slot in running]
        self.slots = [slot for slot in self.slots if slot not in lost]
        self.away = lost if comes_back else []
        if self.half and sent:
            self._to_say = [None]
            return sent[0]
        return None

    def _end(self, slot: Slot, whole: bool) -> Job:
        job, begun = self._running.pop(slot)
        self.done.append(Done(slot, job, begun, self.now, whole))
        return job
