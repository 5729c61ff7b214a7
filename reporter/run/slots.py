"""Where jobs run: the slots of this machine or of a cluster's nodes, and what an executor does with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reporter.host.questions import Answer, Question
from reporter.model import Verdict
from reporter.run.request import Request

Message = dict[str, Any]
Receive = Callable[[Message], None]
MOST_LOSSES = 3
"""So often a job is begun anew whose slot was lost under it: what kills every node it is on must not go on for ever."""
LOST = f"the node or its process was lost while this was measured, {MOST_LOSSES} times"
NO_CUDA = "this machine has no CUDA device"
GONE = "the node was lost, and there is no other of its kind"


@dataclass(frozen=True, eq=False)
class Slot:
    """What one job at a time has to itself: a GPU, or the whole machine; `about` is what a record says of that.

    A job on the CPU takes all slots of its node. `variables` are those of its environment that change what is measured,
    None where they are those of this process.
    """

    node: str
    device: str
    about: Mapping[str, Any]
    variables: Mapping[str, str] | None = None

    @property
    def machine(self) -> str:
        return str(self.about["machine"])


Heard = tuple[Slot, Message | Verdict] | None
"""What is heard of a slot: a message, or how its worker ended; None where slots were lost or came back."""


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

    def preload(self, module: str) -> None:
        """Has the workers to come load a module besides, once and not each for itself."""

    def ask(self, question: Question[Answer], timeout: float | None = None) -> Answer:
        """What only a process with torch knows, asked on this machine; WorkerError with the reason if it fails."""

    def open(self, request: Request) -> Sequence[str]:
        """Makes the slots that a request needs; tells in lines what takes no part."""

    def gpus(self, asked: bool) -> Sequence[str]:
        """The CUDA devices by name, found out at some cost only where they are asked for."""

    def begin(self, slot: Slot, question: str, timeout: float | None, number: int | None = None) -> None:
        """Starts a fresh worker that answers a question, in a round of that number."""

    def listen(self) -> Heard:
        """Sleeps until there is something to hear."""

    def close(self) -> None:
        """Ends whatever runs."""


def free(executor: Executor) -> Slot | None:
    """A slot that can take a job, waited for where those that were lost may come back."""
    while not executor.slots and executor.away:
        executor.listen()
    return executor.slots[0] if executor.slots else None


def converse(
    executor: Executor, slot: Slot | None, question: str, receive: Receive, timeout: float | None = None
) -> Verdict | None:
    """Lets a slot answer a question while nothing else runs; None where it is lost meanwhile."""
    if slot is None:
        return Verdict("failed", GONE)
    executor.begin(slot, question, timeout)
    while slot in executor.slots:
        heard = executor.listen()
        if heard is None:
            continue
        said = heard[1]
        if isinstance(said, Verdict):
            return said
        receive(said)
    return None
