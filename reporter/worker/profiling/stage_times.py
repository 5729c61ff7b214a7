"""Seconds per stage, from calls in which the modules that begin a stage note the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import fsum
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import nn

from reporter.model import UnsupportedError
from reporter.model.profiles import StageTime
from reporter.worker.counts.layers import REST, visits
from reporter.worker.counts.stage_costs import CostUnit, grouped, stage_row
from reporter.worker.latency.alternation import Effort, alternated
from reporter.worker.latency.timing import Call
from reporter.worker.subject import Subject
from reporter.worker.weights.auxiliary_heads import CONTAINERS

Groups = Sequence[Sequence[CostUnit]]
Wait = Callable[[], object]
"""Waits until a device is done; a processor is when a module ends."""
Mark = tuple[int, float]
"""A stage, and when one of its modules began."""
Hook = Callable[..., None]


@dataclass(frozen=True)
class StageProfile:
    """The stages of a call, with the seconds of a call without hooks and the ratio of their sum to it."""

    stages: tuple[StageTime, ...]
    latency: float
    coverage: float


class _Marks:
    """Notes in a call which stage begins when; `rest` is the stage of what is outside of all parts, if there is one.

    What a part calls belongs to its stage, as its MACs do, also if that is a part of another stage: a module of the
    network that is passed to its blocks. A part without parameters and MACs, such as a pooling layer, begins its stage
    at its first call; if it is called again, it belongs to the stage that began last.
    """

    def __init__(self, wait: Wait, rest: int | None) -> None:
        self.wait, self.rest = wait, rest
        self.clear()

    def clear(self) -> None:
        """Begins another call."""
        self.found: list[Mark] = []
        self._running, self._last = 0, 0
        self._called: set[nn.Module] = set()

    def enter(self, stage: int, has_costs: bool) -> Hook:
        """The hook before a module of a stage, whose part has parameters or MACs or not."""

        def hook(module: nn.Module, *_: Any) -> None:
            self._running += 1
            begins = has_costs or module not in self._called
            if self._running == 1 and (begins or self.rest is not None):
                self._last = stage if begins else self._last
                self._note(self._last)
            self._called.add(module)

        return hook

    def leave(self, *_: Any) -> None:
        """The hook after each module of a part."""
        self._running -= 1
        if self.rest is not None and not self._running:
            self._note(self.rest)

    def _note(self, stage: int) -> None:
        self.wait()
        self.found.append((stage, perf_counter()))


def stage_groups(subject: Subject) -> list[list[CostUnit]]:
    """The parts of each stage, as the cards name them; UnsupportedError for a network that has none or is scripted."""
    met, _ = subject.counted(lambda device: visits(subject.on(device), subject.input(1, device)))
    network = met[""].module
    if isinstance(network, torch.jit.ScriptModule):
        raise UnsupportedError("the network is scripted: its modules do not accept the hooks that time the stages")
    if not (groups := grouped(network, met, subject.size, subject.heads)):
        raise UnsupportedError("the network has no stages: no part of it has parameters or MACs")
    return groups


def stage_profile(
    call: Call, network: nn.Module, groups: Groups, effort: Effort, *, wait: Wait = tuple
) -> StageProfile:
    """The stages of a call that has run before, in calls between others whose modules have no hooks.

    On an accelerator the call waits until the device is done, and `wait` does the same wherever a stage begins.

    Nothing but the hooks is added to a call: a profiler between the operators makes other threads of the processor
    sleep and wake at other times than in a call without it.
    """

    def observed(count: int) -> list[list[float]]:
        with _marked(network, groups, wait) as marks:
            return [_stage_seconds(call, marks, len(groups)) for _ in range(count)]

    found = alternated(call, observed, fsum, effort)
    coverage = found.coverage(fsum)
    return StageProfile(_rows(groups, found.observed, coverage * found.latency), found.latency, coverage)


def _stage_seconds(call: Call, marks: _Marks, count: int) -> list[float]:
    """The seconds of each stage in one call: what passes until another begins.

    What passes before any begins is charged to the first.
    """
    marks.clear()
    start = perf_counter()
    call()
    end = perf_counter()
    begins = [(0, start), *marks.found]
    seconds = [0.0] * count
    for (stage, begun), (_, ended) in zip(begins, [*marks.found, (0, end)], strict=True):
        seconds[stage] += ended - begun
    return seconds


@contextmanager
def _marked(network: nn.Module, groups: Groups, wait: Wait) -> Iterator[_Marks]:
    """Notes when the parts of the stages begin, and when they end if a stage is made of what is outside of them."""
    marks = _Marks(wait, next((stage for stage, group in enumerate(groups) if group[0].name == REST), None))
    with ExitStack() as stack:
        for stage, group in enumerate(groups):
            for module, has_costs in _called(network, group):
                stack.callback(module.register_forward_pre_hook(marks.enter(stage, has_costs)).remove)
                stack.callback(module.register_forward_hook(marks.leave, always_call=True).remove)
        yield marks


def _called(network: nn.Module, group: Sequence[CostUnit]) -> Iterator[tuple[nn.Module, bool]]:
    """The modules whose calls are those of the parts of a stage, and whether the part has parameters or MACs.

    A parameter of the network is no module, and scripted modules do not accept hooks: a part that is one is not timed.
    """
    named = dict(network.named_modules(remove_duplicate=False))
    for part in group:
        if part.name in named:
            for module in _without_lists(named[part.name]):
                yield module, bool(part.parameters or part.macs)


def _without_lists(module: nn.Module) -> Iterator[nn.Module]:
    """A module; of a list of modules, which is never called itself, those in it."""
    if isinstance(module, CONTAINERS):
        for child in module.children():
            yield from _without_lists(child)
    elif not isinstance(module, torch.jit.ScriptModule):
        yield module


def _rows(groups: Groups, calls: Sequence[Sequence[float]], inside: float) -> tuple[StageTime, ...]:
    """Each stage with its MACs and its seconds: the shares of the medians over all calls, which sum to `inside`."""
    rows = [stage_row(list(group)) for group in groups]
    medians = [median(call[stage] for call in calls) for stage in range(len(groups))]
    macs, whole = sum(row["macs"] for row in rows) or 1, fsum(medians) or 1.0
    return tuple(
        StageTime(
            stage=row["name"],
            macs=row["macs"],
            macs_share=row["macs"] / macs,
            seconds=each / whole * inside,
            share=min(1, each / whole),
        )
        for row, each in zip(rows, medians, strict=True)
    )
