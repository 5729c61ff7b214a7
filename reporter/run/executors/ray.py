"""Executor for a Ray cluster: each node measures as a single machine does, and its messages arrive as they are sent.

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
from reporter.run.executors.ray_node import NodeWorker, code
from reporter.run.request import Request
from reporter.run.slots import Event, Slot

PULSE = 0.5
"""Seconds after which a wait without an event lets an interrupt through."""
PATIENCE = 60.0
"""Seconds in which the nodes are to describe themselves."""
WORDS = ("local", "auto")
"""Words that Ray takes for an address."""
CONNECT_TIMEOUT = 10.0
"""Seconds in which a cluster must accept a connection."""
OBJECT_STORE = 100 * 2**20


class Place(NamedTuple):
    """An actor, its node and the CUDA device it holds; and the slot that it is, once that is known."""

    node: str
    device: str
    actor: Any
    slot: Slot | None = None


class RayExecutor:
    """Runs a job in each slot of a cluster."""

    def __init__(self, address: str | None, keep: Sequence[str] = ()) -> None:
        # Ray would print what it notices, a dead node above all, on standard output.
        os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = "."
        try:
            import ray
        except ImportError:
            raise ReporterError("--executor ray: Ray is not installed; install it: pip install 'ray>=2.40'") from None
        self._ray: Any = ray
        self.no_cuda = "no node of the cluster has a GPU"
        self._preloaded: tuple[str, ...] = ()
        self._keep = tuple(keep)
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
        return cls(settings.ray_address, settings.keep_env)

    @property
    def away(self) -> Sequence[Slot]:
        """Those that were lost and may come back."""
        return [place.slot for place in self._awaited.values() if place.slot]

    accelerator = "cuda"
    """A cluster counts its GPUs and does not describe them."""
    loading = 0.0
    """Torch is loaded on the nodes."""

    def preload(self, module: str) -> None:
        """Preload a module for later workers, here and on every node."""
        self._preloaded = tuple(dict.fromkeys((*self._preloaded, module)))
        self._here.preload(module)

    def ask(self, question: Question[Answer], timeout: float | None = None) -> Answer:
        """Ask a process with torch on this machine."""
        return self._here.ask(question, timeout)

    def gpus(self, asked: bool) -> Sequence[str]:
        """Return as many names as the node with most GPUs has GPUs."""
        most = max((_count(node, "GPU") for node in self._nodes()), default=0)
        return ["a GPU of the cluster" for _ in range(most)]

    def open(self, request: Request) -> Sequence[str]:
        """Create the actors and wait until they describe their nodes; later ones join later."""
        for node in self._nodes():
            gpus = _count(node, "GPU") if "cuda" in request.devices else 0
            if gpus or "cpu" in request.devices:
                self._take(node, gpus)
        deadline = monotonic() + PATIENCE
        while self._awaited and monotonic() < deadline:
            self._receive()
        late = [f"{place.node} is not free yet; it joins when it is" for place in self._awaited.values()]
        notices = (*self.late_notices(), *late)
        if not self.slots:
            why = "; ".join(notices) or "no node has what was asked for"
            raise ReporterError(f"--executor ray: the cluster at {self._address} cannot measure: {why}")
        return notices

    def start(self, slot: Slot, question: str, timeout: float | None, number: int | None = None) -> None:
        """Start a fresh worker by the actor of the slot."""
        self._streams[self._places[slot].actor.answer.remote(question, timeout, number)] = slot

    def listen(self) -> Event:
        """Wait for the next event; None if a slot was lost, came back or did not."""
        before = (list(self.slots), list(self._awaited))
        while (event := self._receive()) is None and before == (self.slots, list(self._awaited)):
            pass
        return event

    def late_notices(self) -> Sequence[str]:
        """Return lines about nodes that cannot be used, each once."""
        found, self._notices = self._notices, []
        return found

    def close(self) -> None:
        """Ends the actors with all that runs on them, and leaves the cluster, or ends it where it was started here."""
        if self._ray.is_initialized():
            for place in (*self._places.values(), *self._awaited.values()):
                self._ray.kill(place.actor)
            self._ray.shutdown()

    @cached_property
    def _here(self) -> LocalExecutor:
        return LocalExecutor(self._keep)

    def _nodes(self) -> list[dict[str, Any]]:
        """The nodes that live and have CPUs to measure on."""
        if not self._ray.is_initialized():
            self._connect()
        return [node for node in self._ray.nodes() if node["Alive"] and _count(node, "CPU")]

    def _connect(self) -> None:
        host, _, port = self._address.rpartition(":")
        if self._address not in WORDS and not (port.isdecimal() and host and "/" not in host):
            raise ReporterError(f"--ray-address: invalid value {self._address!r}; give the HOST:PORT of `ray start`")
        more: dict[str, Any] = {}
        if self._address == "local":
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # Ray would leave a token in the home folder
            more = {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
        ours = signal.getsignal(signal.SIGTERM)
        try:
            if self._address not in WORDS:
                socket.create_connection(
                    (host.strip("[]"), int(port)), CONNECT_TIMEOUT
                ).close()  # Ray would try for minutes
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
            options = {"num_cpus": share, "num_gpus": min(1, gpus), "max_restarts": -1, "scheduling_strategy": here}
            actor = self._ray.remote(NodeWorker).options(**options).remote(os.getcwd(), self._preloaded, self._keep)
            self._await(Place(name, "cuda:0" if gpus else "", actor))

    def _await(self, place: Place) -> None:
        """Ask an actor to describe its node; the answer arrives when the actor runs, or runs again."""
        self._awaited[place.actor.about.options(max_task_retries=-1).remote()] = place

    def _receive(self) -> Event:
        """Return the event of this pulse, if any; None, too, if an actor came or was lost."""
        ready, _ = self._ray.wait([*self._streams, *self._awaited], num_returns=1, timeout=PULSE)
        if not ready:
            return None
        if ready[0] in self._awaited:
            self._add_slot(ready[0])
            return None
        stream = ready[0]
        slot = self._streams[stream]
        try:
            content = self._ray.get(next(stream))
        except (self._ray.exceptions.RayError, StopIteration):
            del self._streams[stream]
            self.slots.remove(slot)
            self._await(self._places[slot])
            return None
        if isinstance(content, Verdict):
            del self._streams[stream]
        return slot, content

    def _add_slot(self, answer: Any) -> None:
        """Add the slot of an actor that has described its node, or note why it cannot be used."""
        place = self._awaited.pop(answer)
        try:
            about = self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            why = (str(error).strip().splitlines() or ["no reason is known"])[-1]
            self._notices.append(f"{place.node} takes no part: {why.strip()}")
            return
        if about["code"] != code():
            self._notices.append(f"{place.node} takes no part: its reporter is not the same; install this one there")
            self._ray.kill(place.actor)
            return
        slot = place.slot or Slot(
            place.node, place.device, about["machine"], about["variables"], engines=about["engines"]
        )
        self._places[slot] = place._replace(slot=slot)
        self.slots.append(slot)


def _count(node: dict[str, Any], resource: str) -> int:
    return int(node["Resources"].get(resource, 0))
