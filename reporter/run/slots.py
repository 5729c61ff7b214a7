"""Slots, in which jobs run, on this machine or the nodes of a cluster, and the interface of an executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reporter.host.questions import Answer, Question
from reporter.model import Verdict
from reporter.registry.execution_modes import Description
from reporter.run.request import Request

Message = dict[str, Any]
Receive = Callable[[Message], None]
MOST_LOSSES = 3
"""How often a job is restarted after the loss of its slot: one that kills each of its nodes must end at some time."""
LOST = f"the node or its process was lost while this was measured, {MOST_LOSSES} times"
NO_CUDA = "this machine has no CUDA device"
GONE = "the node was lost, and there is no other of its kind"


@dataclass(frozen=True, eq=False)
class Slot:
    """What one job at a time has to itself: a GPU, or the whole machine; `about` is what a record says of that.

    A job on the CPU takes all slots of its node. One slot that `counts` takes only jobs that count, which may run side
    by side because nothing in them is timed. `variables` are those of its environment that change what is measured,
    and `engines` is what its engines lack and their versions; None where they are those of this process.
    """

    node: str
    device: str
    about: Mapping[str, Any]
    variables: Mapping[str, str] | None = None
    counts: bool = False
    engines: Description | None = None

    @property
    def machine(self) -> str:
        return str(self.about["machine"])


Event = tuple[Slot, Message | Verdict] | None
"""An event of a slot: a message, or how its worker ended; None if slots were lost or came back."""


class Executor(Protocol):
    """What runs jobs: this machine, or a cluster."""

    @property
    def slots(self) -> Sequence[Slot]:
        """Those that can take a job."""

    @property
    def away(self) -> Sequence[Slot]:
        """Those that were lost and may come back."""

    @property
    def no_cuda(self) -> str:
        """Why `gpus` found no CUDA device."""

    @property
    def accelerator(self) -> str:
        """The type of the devices that `gpus` found."""

    @property
    def loading(self) -> float:
        """Seconds that torch took to load before a worker could start, at most; 0 if no worker waited for it."""

    def preload(self, module: str) -> None:
        """Preload a module for later workers, once instead of in every worker."""

    def ask(self, question: Question[Answer], timeout: float | None = None) -> Answer:
        """Ask a process with torch on this machine a question; raises WorkerError with the reason if it fails."""

    def open(self, request: Request) -> Sequence[str]:
        """Create the slots that a request needs; return lines about nodes that cannot be used."""

    def gpus(self, asked: bool) -> Sequence[str]:
        """Return the names of the CUDA devices, at some cost only if they are `asked` for."""

    def start(self, slot: Slot, question: str, timeout: float | None, number: int | None = None) -> None:
        """Start a fresh worker that answers a question, in round `number`."""

    def listen(self) -> Event:
        """Wait for the next event."""

    def late_notices(self) -> Sequence[str]:
        """Return lines about nodes that became free after `open` and cannot be used, each once."""

    def close(self) -> None:
        """End all workers."""


def free(executor: Executor, able: Callable[[Sequence[Slot]], Sequence[Slot]]) -> Slot | None:
    """Return the first slot that is able to take a job; waits while lost slots may come back."""
    while not able(executor.slots) and executor.away:
        executor.listen()
    return next(iter(able(executor.slots)), None)


def converse(
    executor: Executor, slot: Slot | None, question: str, receive: Receive, timeout: float | None = None
) -> Verdict | None:
    """Run a question on a slot while nothing else runs; None if the slot is lost meanwhile."""
    if slot is None:
        return Verdict("failed", GONE)
    executor.start(slot, question, timeout)
    while slot in executor.slots:
        event = executor.listen()
        if event is None:
            continue
        content = event[1]
        if isinstance(content, Verdict):
            return content
        receive(content)
    return None
