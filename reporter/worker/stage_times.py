"""Seconds per stage: hooked calls in alternation with calls without hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

from torch import nn

from reporter.model import UnsupportedError
from reporter.model.profiles import StageTime
from reporter.worker.alternation import alternated, is_settled
from reporter.worker.auxiliary_heads import modules
from reporter.worker.layers import visits
from reporter.worker.stage_costs import REST, CostUnit, grouped, stage_row
from reporter.worker.subject import Subject


@dataclass(frozen=True)
class StageProfile:
    """The stages of a call, with the seconds of a call without hooks and the ratio of their sum to it."""

    stages: tuple[StageTime, ...]
    latency: float
    coverage: float


class Stopwatch:
    """Seconds by stage: what passes until another stage is entered is charged to the one entered last."""

    def __init__(self, count: int) -> None:
        self.seconds = [0.0] * count
        self._stage, self._since = 0, 0.0

    def start(self) -> None:
        """Resets the seconds; what passes before any stage begins is charged to the first."""
        self.seconds = [0.0] * len(self.seconds)
        self._stage, self._since = 0, perf_counter()

    def enter(self, stage: int) -> None:
        """Charges the seconds to the stage that was entered last, and enters another."""
        now = perf_counter()
        self.seconds[self._stage] += now - self._since
        self._stage, self._since = stage, now


def stage_groups(subject: Subject) -> list[list[CostUnit]]:
    """The parts of each stage, as the cards name them; UnsupportedError for a network that has none."""
    met, _ = subject.counted(lambda device: visits(subject.on(device), subject.input(1, device)))
    if not (groups := grouped(met[""].module, met, subject.size, subject.heads)):
        raise UnsupportedError("the network has no stages: no part of it has parameters or MACs")
    return groups


def timed_stages(
    call: Callable[[], object], network: nn.Module, groups: Sequence[Sequence[CostUnit]], seconds: float
) -> StageProfile:
    """The stages of a call of `network`; takes `seconds` at most, or a few calls."""
    watch = Stopwatch(len(groups))

    def watched(count: int) -> list[list[float]]:
        found = []
        with _hooked(network, groups, watch):
            for _ in range(count):
                watch.start()
                call()
                watch.enter(0)
                found.append(watch.seconds)
        return found

    latencies: list[float] = []
    calls: list[list[float]] = []
    for unwatched, hooked in alternated(call, watched, seconds):
        latencies += unwatched
        calls += hooked
        if is_settled(latencies, [sum(each) for each in calls]):
            break
    return StageProfile(_rows(groups, calls), median(latencies), min(map(sum, calls)) / min(latencies))


@contextmanager
def _hooked(network: nn.Module, groups: Sequence[Sequence[CostUnit]], watch: Stopwatch) -> Iterator[None]:
    """Hooks where the parts of the stages begin, and where they end if a stage is made of what is outside of them."""
    rest = next((stage for stage, group in enumerate(groups) if group[0].name == REST), None)
    with ExitStack() as stack:
        for stage, group in enumerate(groups):
            names = [part.name for part in group if part.name != REST]
            for module in modules(network, names):
                stack.callback(module.register_forward_pre_hook(_entering(watch, stage)).remove)
                if rest is not None:
                    stack.callback(module.register_forward_hook(_entering(watch, rest)).remove)
        yield


def _entering(watch: Stopwatch, stage: int) -> Callable[..., None]:
    def hook(*_: Any) -> None:
        watch.enter(stage)

    return hook


def _rows(groups: Sequence[Sequence[CostUnit]], calls: Sequence[Sequence[float]]) -> tuple[StageTime, ...]:
    """Each stage with its MACs and the median of its seconds."""
    rows = [stage_row(list(group)) for group in groups]
    seconds = [median(call[stage] for call in calls) for stage in range(len(groups))]
    macs, whole = sum(row["macs"] for row in rows) or 1, sum(seconds)
    return tuple(
        StageTime(
            stage=row["name"], macs=row["macs"], macs_share=row["macs"] / macs, seconds=each, share=min(1, each / whole)
        )
        for row, each in zip(rows, seconds, strict=True)
    )
