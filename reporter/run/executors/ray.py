"""A Ray cluster as an executor: each node measures as one machine would, and what it says comes back as it is said.

An actor holds all CPUs of a node, or for each of its GPUs one holds that GPU and its share of the CPUs: nothing else of
the cluster runs there meanwhile. Ray restarts an actor that is lost, if its node is still there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from functools import cached_property
from time import monotonic
from typing import Any, NamedTuple

from reporter.host import importing
from reporter.host.questions import Answer, Question
from reporter.model import ReporterError, Verdict
from reporter.model.settings import Settings
from reporter.run.executors.local import LocalExecutor
from reporter.run.executors.ray_node import Post, code
from reporter.run.request import Request
from reporter.run.slots import Heard, Slot

PULSE = 0.5
"""Seconds after which a wait that hears nothing lets an interrupt through."""
PATIENCE = 60.0
"""Seconds in which the nodes are to say what they are."""
KNOWN = ("local", "auto")
"""Words that Ray takes for an address."""
KNOCK = 10.0
"""Seconds in which a cluster answers."""
OBJECT_STORE = 100 * 2**20


class Place(NamedTuple):
    """An actor, its node and the CUDA device it holds; and the slot that it is, once that is known."""

    node: str
    device: str
    actor: Any
    slot: Slot | None = None


class RayExecutor:
    """Runs a job in each slot of a cluster."""

    def __init__(self, address: str | None) -> None:
        # Ray would print what it notices, a dead node above all, on standard output.
        os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = "."
        try:
            import ray
        except ImportError:
            raise ReporterError("--executor ray: Ray is not installed; install it: pip install 'ray>=2.40'") from None
        self._ray: Any = ray
        self.no_cuda = "no node of the cluster has a GPU"
        self._preloaded: tuple[str, ...] = ()
        self._address = address or os.environ.get("RAY_ADDRESS") or "local"
        self._awaited: dict[Any, Place] = {}
        self._places: dict[Slot, Place] = {}
        self._streams: dict[Any, Slot] = {}
        self._notices: list[str] = []
        self.slots: list[Slot] = []

    @classmethod
    def chosen(cls, settings: Settings) -> RayExecutor:
        """The executor that settings ask for; ReporterError for what a cluster cannot do."""
        if any(":" in name for name in settings.device):
            raise ReporterError("--device: a cluster's GPUs are taken as they are free; use cuda")
        if settings.budget:
            raise ReporterError("--budget: plans for this machine only, not for a cluster's; use --timeout")
        return cls(settings.ray_address)

    @property
    def away(self) -> Sequence[Slot]:
        """Those that were lost and may come back."""
        return [place.slot for place in self._awaited.values() if place.slot]

    def preload(self, module: str) -> None:
        """Has the workers to come load a module besides, here and on every node."""
        self._preloaded = (module,)
        self._here.preload(module)

    def ask(self, question: Question[Answer], timeout: float | None = None) -> Answer:
        """What only torch knows, asked on this machine."""
        return self._here.ask(question, timeout)

    def gpus(self, asked: bool) -> Sequence[str]:
        """As many as the node has that has most of them; which they are is for the nodes to say."""
        return ["a GPU of the cluster"] * max((_count(node, "GPU") for node in self._nodes()), default=0)

    def open(self, request: Request) -> Sequence[str]:
        """Takes the nodes and waits until they say what they are; one that does so later joins later."""
        for node in self._nodes():
            gpus = _count(node, "GPU") if "cuda" in request.devices else 0
            if gpus or "cpu" in request.devices:
                self._take(node, gpus)
        end = monotonic() + PATIENCE
        while self._awaited and monotonic() < end:
            self._hear()
        late = [f"{place.node} is not free yet; it joins when it is" for place in self._awaited.values()]
        told = (*self._notices, *late)
        if not self.slots:
            why = "; ".join(told) or "no node has what was asked for"
            raise ReporterError(f"--executor ray: the cluster at {self._address} cannot measure: {why}")
        return told

    def begin(self, slot: Slot, question: str, timeout: float | None, number: int | None = None) -> None:
        """Lets the slot's actor start a fresh worker."""
        self._streams[self._places[slot].actor.answer.remote(question, timeout, number)] = slot

    def listen(self) -> Heard:
        """Sleeps until a slot says something; None where one was lost, came back or did not."""
        before = (list(self.slots), list(self._awaited))
        while (heard := self._hear()) is None and before == (self.slots, list(self._awaited)):
            pass
        return heard

    def close(self) -> None:
        """Ends the actors with all that runs on them, and leaves the cluster, or ends it where it was started here."""
        if self._ray.is_initialized():
            for place in (*self._places.values(), *self._awaited.values()):
                self._ray.kill(place.actor)
            self._ray.shutdown()

    @cached_property
    def _here(self) -> LocalExecutor:
        return LocalExecutor()

    def _nodes(self) -> list[dict[str, Any]]:
        """The nodes that live and have CPUs to measure on."""
        if not self._ray.is_initialized():
            self._connect()
        return [node for node in self._ray.nodes() if node["Alive"] and _count(node, "CPU")]

    def _connect(self) -> None:
        host, _, port = self._address.rpartition(":")
        if self._address not in KNOWN and not (port.isdecimal() and host and "/" not in host):
            raise ReporterError(f"--ray-address: {self._address!r} will not do; give the HOST:PORT of `ray start`")
        more: dict[str, Any] = {}
        if self._address == "local":
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # Ray would leave a token in the home folder
            more = {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
        ours = signal.getsignal(signal.SIGTERM)
        try:
            if self._address not in KNOWN:
                socket.create_connection((host.strip("[]"), int(port)), KNOCK).close()  # Ray would try for minutes
            with importing.Safely(), contextlib.chdir(importing.ROOT if importing.is_lent() else sys.prefix):
                # Ray puts the current folder first on the sys.path of its workers.
                self._ray.init(self._address, log_to_driver=False, logging_level=logging.CRITICAL, **more)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ReporterError(f"--executor ray: no cluster at {self._address}: {why}") from None
        finally:
            signal.signal(signal.SIGTERM, ours)  # which Ray has taken

    def _take(self, node: dict[str, Any], gpus: int) -> None:
        """An actor for each GPU of a node, or one where none is asked for; together they have all its CPUs."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        name = f"node {node['NodeID'][:8]} at {node['NodeManagerAddress']}"
        cpus, shares = _count(node, "CPU"), max(1, gpus)
        for number in range(shares):
            share = cpus // shares + (number < cpus % shares)
            held = {"num_cpus": share, "num_gpus": min(1, gpus), "max_restarts": -1, "scheduling_strategy": here}
            actor = self._ray.remote(Post).options(**held).remote(os.getcwd(), self._preloaded)
            self._await(Place(name, "cuda:0" if gpus else "", actor))

    def _await(self, place: Place) -> None:
        """Asks an actor what it is; it answers when it runs, or runs again."""
        self._awaited[place.actor.about.options(max_task_retries=-1).remote()] = place

    def _hear(self) -> Heard:
        """What is heard within a pulse; None, too, where an actor came or went."""
        ready, _ = self._ray.wait([*self._streams, *self._awaited], num_returns=1, timeout=PULSE)
        if not ready:
            return None
        if ready[0] in self._awaited:
            self._welcome(ready[0])
            return None
        stream = ready[0]
        slot = self._streams[stream]
        try:
            said = self._ray.get(next(stream))
        except (self._ray.exceptions.RayError, StopIteration):
            del self._streams[stream]
            self.slots.remove(slot)
            self._await(self._places[slot])
            return None
        if isinstance(said, Verdict):
            del self._streams[stream]
        return slot, said

    def _welcome(self, answer: Any) -> None:
        """An actor has said what it is, or never will."""
        place = self._awaited.pop(answer)
        try:
            told = self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            why = (str(error).strip().splitlines() or ["no reason is known"])[-1]
            self._notices.append(f"{place.node} takes no part: {why.strip()}")
            return
        if told["code"] != code():
            self._notices.append(f"{place.node} takes no part: its reporter is not the same; install this one there")
            self._ray.kill(place.actor)
            return
        slot = place.slot or Slot(place.node, place.device, told["machine"], told["variables"])
        self._places[slot] = place._replace(slot=slot)
        self.slots.append(slot)


def _count(node: dict[str, Any], resource: str) -> int:
    return int(node["Resources"].get(resource, 0))
