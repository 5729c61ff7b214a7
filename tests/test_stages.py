"""Seconds per stage: against modules that take a known time, and against the stages of the card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum
from typing import Any

import pytest
import torch
from networks import subject
from torch import Tensor, nn

from reporter.metrics.stages import measure as measure_stages
from reporter.metrics.structure import measure as measure_structure
from reporter.model import Architecture, UnsupportedError
from reporter.model.settings import PRESETS, Conditions
from reporter.worker.counts.stage_costs import CostUnit
from reporter.worker.latency import alternation, timing
from reporter.worker.latency.alternation import LONG_CALL, SHORT_CALL, Alternation, Effort, alternated
from reporter.worker.profiling import operator_pass, stage_times
from reporter.worker.profiling.stage_times import StageProfile, stage_profile
from reporter.worker.subject import Subject

IMAGES = torch.zeros(1, 3, 8, 8)


class Clock:
    """A clock that only modules advance; a look takes a moment, so that loops until a time end."""

    def __init__(self) -> None:
        self.now = 0.0

    def look(self) -> float:
        self.now += 1e-9
        return self.now


class Advancing(nn.Module):
    """Takes some seconds of a clock."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def forward(self, images: Tensor) -> Tensor:
        self.clock.now += self.seconds
        return images


class Branched(nn.Module):
    """Runs `second` twice, the last time after `third`, and takes 4 ms outside of its parts."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.first, self.second, self.third = (Advancing(clock, each) for each in (0.006, 0.008, 0.020))

    def forward(self, images: Tensor) -> Tensor:
        images = self.second(self.first(images))
        self.clock.now += 0.004
        result: Tensor = self.second(self.third(images))
        return result


class Block(nn.Module):
    """Takes some seconds of a clock, and calls an activation that other modules call, too."""

    def __init__(self, clock: Clock, seconds: float, act: nn.Module) -> None:
        super().__init__()
        self.own, self.act = Advancing(clock, seconds), act

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.act(self.own(images))
        return result


class Shared(nn.Module):
    """Passes its activation to both blocks, and runs one pooling layer after each; takes 4 ms outside of its parts."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.stem, self.act, self.pool = (Advancing(clock, each) for each in (0.005, 0.002, 0.003))
        self.first, self.second = Block(clock, 0.010, self.act), Block(clock, 0.020, self.act)

    def forward(self, images: Tensor) -> Tensor:
        images = self.pool(self.first(self.act(self.stem(images))))
        self.clock.now += 0.004
        result: Tensor = self.pool(self.second(images))
        return result


def unit(name: str, macs: int = 100) -> CostUnit:
    return CostUnit(name, "Advancing", None, (), 0, macs, alone=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of everything that takes the time of calls."""
    made = Clock()
    for module in (stage_times, alternation, timing):
        monkeypatch.setattr(module, "perf_counter", made.look)
    return made


def timed_stages(network: nn.Module, groups: list[list[CostUnit]]) -> StageProfile:
    with torch.inference_mode():
        return stage_profile(lambda: network(IMAGES), network, groups, Effort(2.0))


def test_seconds_are_charged_to_the_stage_that_began_last(clock: Clock) -> None:
    network = Branched(clock)
    groups = [[unit("first")], [unit("second")], [unit("third", 200)]]
    found = timed_stages(network, groups)
    assert [row.stage for row in found.stages] == ["first", "second", "third"]
    assert [row.seconds for row in found.stages] == pytest.approx([0.006, 0.020, 0.020], rel=1e-4)
    assert [row.macs_share for row in found.stages] == [0.25, 0.25, 0.5]
    assert sum(row.share for row in found.stages) == pytest.approx(1)
    assert found.coverage == pytest.approx(1, rel=1e-4)
    assert all(not module._forward_pre_hooks for module in network.modules())


def test_what_is_outside_of_all_parts_is_a_stage_where_it_has_macs(clock: Clock) -> None:
    network = Branched(clock)
    groups = [[unit("first"), unit("second")], [unit("third")], [unit("forward")]]
    found = timed_stages(network, groups)
    assert [row.seconds for row in found.stages] == pytest.approx([0.022, 0.020, 0.004], rel=1e-4)


@pytest.mark.parametrize(
    ("groups", "seconds"),
    [
        (["stem act", "first pool", "second"], [0.007, 0.019, 0.025]),
        (["stem act", "first pool", "second", "forward"], [0.007, 0.015, 0.025, 0.004]),
    ],
)
def test_a_module_that_several_stages_call_takes_its_time_in_each(
    groups: list[str], seconds: list[float], clock: Clock
) -> None:
    parts = [[unit(name, 0 if name in ("act", "pool") else 100) for name in each.split()] for each in groups]
    found = timed_stages(Shared(clock), parts)
    assert [row.seconds for row in found.stages] == pytest.approx(seconds, rel=1e-4)
    assert found.coverage == pytest.approx(1, rel=1e-4)


def test_a_parameter_takes_no_time_and_a_list_of_modules_takes_that_of_its_modules(clock: Clock) -> None:
    """Neither is called itself."""
    network = Branched(clock)
    network.scale = nn.Parameter(torch.ones(1))
    network.several = nn.ModuleList([network.second, network.third])
    found = timed_stages(network, [[unit("first")], [unit("several")], [unit("scale", 0)]])
    assert [row.seconds for row in found.stages] == pytest.approx([0.006, 0.040, 0], rel=1e-4, abs=1e-6)
    assert found.coverage == pytest.approx(1, rel=1e-4)
    assert all(not module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize("count", [2, 5, 40])
@pytest.mark.parametrize("outside", [0.0, 0.003])
def test_stages_take_what_their_modules_and_the_gaps_after_them_take(count: int, outside: float, clock: Clock) -> None:
    """For many short modules, too, the seconds sum to the latency: nothing is estimated and subtracted."""
    network = nn.ModuleDict({f"part{i}": Advancing(clock, 0.0005 * (1 + i % 7)) for i in range(count)})

    def call() -> None:
        for part in network.values():
            part(IMAGES)
            clock.now += outside

    groups = [[unit(f"part{i}") for i in range(count) if i % 2 == stage] for stage in range(2)]
    found = stage_profile(call, network, groups, Effort(0.5))
    for stage, row in enumerate(found.stages):
        parts = [0.0005 * (1 + i % 7) + outside for i in range(count) if i % 2 == stage]
        assert row.seconds == pytest.approx(sum(parts), rel=1e-4)
    assert sum(row.seconds for row in found.stages) == pytest.approx(found.latency, rel=1e-4)
    assert found.coverage == pytest.approx(1, rel=1e-4)


def test_a_slow_call_shows_in_the_coverage(clock: Clock) -> None:
    """The coverage compares calls that note the stages with calls that do not, and is not 1 by construction."""
    network = nn.ModuleDict({"part": Advancing(clock, 0.01)})

    def call() -> None:
        network["part"](IMAGES)
        clock.now += 0.002 * len(network["part"]._forward_pre_hooks)

    assert stage_profile(call, network, [[unit("part")]], Effort(0.5)).coverage == pytest.approx(1.2, rel=1e-4)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.body = nn.Conv2d(8, 16, 3, padding=1)
        self.head = nn.Linear(16 * 16 * 16, 10)

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.head(self.body(self.pool(self.stem(images))).flatten(1))
        return result


class Odd(nn.Module):
    """Has a parameter of its own, as a transformer has, a list of layers, and a scripted layer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(32, 32))
        self.several = nn.ModuleList([nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)])
        self.scripted = torch.jit.script(nn.Conv2d(3, 3, 3, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        for layer in self.several:
            images = layer(images)
        return torch.matmul(self.scripted(images), self.scale)


def own(build: Callable[[], nn.Module]) -> Subject:
    """A network that takes images of 32 pixels."""
    made = Architecture(name="own", family="Own", year=None, paper="", input_size=32, build=lambda _: build())
    return Subject(made, "cpu", Conditions(**PRESETS["quick"]))


@pytest.mark.parametrize(("build", "last"), [(Small, "head"), (Odd, "forward")])
def test_the_stages_are_those_of_the_card(build: Callable[[], nn.Module], last: str) -> None:
    subject = own(build)
    card: dict[str, Any] = dict(next(iter(measure_structure(subject))).detail)
    named = card["stages"]
    found = {reading.quantity.key: reading for reading in measure_stages(subject)}
    assert found["stages"].samples == (len(named),)
    for key in ("stages_coverage_cpu_1thread", "stages_coverage_cpu"):
        detail: dict[str, Any] = dict(found[key].detail)
        rows = detail["stages"]
        assert [(row["stage"], row["macs"]) for row in rows] == [(each["name"], each["macs"]) for each in named]
        assert rows[-1]["stage"] == last
        assert fsum(row["share"] for row in rows) == pytest.approx(1)
        assert fsum(row["seconds"] for row in rows) == pytest.approx((found[key].value or 0) * detail["latency"])


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.parametrize("name", ["resnet18", "googlenet"])
def test_the_stages_of_an_architecture_sum_to_its_latency(name: str) -> None:
    measured = subject(name, seconds=4.0, rounds=2)
    with operator_pass.setting(measured, one_thread=True):
        found = operator_pass.Profilers(measured).of("cpu_1thread", stages=True).stages
    assert 0.95 < found.coverage < 1.05
    assert fsum(row.seconds for row in found.stages) == pytest.approx(found.coverage * found.latency)


def test_a_network_that_is_scripted_as_a_whole_has_a_reason() -> None:
    with pytest.raises(UnsupportedError, match="the network is scripted"):
        list(measure_stages(own(lambda: torch.jit.script(Small()))))


def test_passes_end_once_the_fastest_calls_agree() -> None:
    def agree(seconds: Sequence[float], others: Sequence[float]) -> bool:
        return Alternation(seconds, seconds, others).is_settled

    assert agree([1.01], [1.0, 1.2])
    assert agree([1.4, 1.01, 1.3], [1.5, 1.6, 1.0])
    assert not agree([1.05, 1.06], [1.0, 1.2]), "observed calls take longer than the others"
    assert not agree([0.9], [1.0, 1.2]), "the others were disturbed"
    assert not agree([], [1.0])


def test_a_disturbed_call_does_not_change_the_coverage() -> None:
    """The parts of the fastest observed call count, over the fastest other call."""
    calls = [(0.5, 2.0), (0.9, 1.0), (0.5, 1.5)]
    found = Alternation(calls, [whole for _, whole in calls], [1.0, 3.0, 1.2])
    assert found.coverage(lambda call: call[0]) == pytest.approx(0.9)
    assert found.latency == 1.2


@pytest.mark.parametrize(
    ("seconds", "effort", "calls"),
    [
        (0.9 * SHORT_CALL, Effort(0), 10),
        (0.9 * LONG_CALL, Effort(0), 6),
        (1.1 * LONG_CALL, Effort(0), 3),
        (0.9 * SHORT_CALL, Effort(0, fewest=1, brief=True), 3),
    ],
)
def test_observed_calls_lie_between_others(
    seconds: float, effort: Effort, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow drift of the machine changes both kinds of calls; observed ones take 2 % longer."""
    made: list[bool] = []

    def next_seconds(*, is_observed: bool) -> float:
        made.append(is_observed)
        return seconds * (1 + 0.0005 * len(made)) * (1 + 0.02 * is_observed)

    monkeypatch.setattr(
        alternation, "cpu_timer", lambda _, count: [next_seconds(is_observed=False) for _ in range(count)]
    )
    found = alternated(
        lambda: None, lambda count: [next_seconds(is_observed=True) for _ in range(count)], float, effort
    )
    assert len(made) == calls
    assert not made[0]
    assert not made[-1]
    assert len(found.others) == len(found.observed) + 1
    assert found.is_settled
    assert found.coverage(float) == pytest.approx(1.02, rel=0.003)


@pytest.mark.parametrize(
    ("longer", "passes"), [(0.02, [2, 2, 2, 1, 2]), (0.04, [5, 5, 15, 2, 5]), (0.06, [15, 15, 15, 2, 5])], ids=str
)
def test_passes_go_on_while_calls_disagree_and_there_is_time(
    longer: float, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls take 0.04 s, observed ones longer by a share; time is up at once, or after a while.

    If they are far apart, time is no limit for a while. Brief efforts and those that wait for a device end earlier.
    """
    now = [0.0]

    def take(seconds: float) -> float:
        now[0] += seconds
        return seconds

    monkeypatch.setattr(alternation, "perf_counter", lambda: now[0])
    monkeypatch.setattr(alternation, "cpu_timer", lambda _, count: [take(0.04) for _ in range(count)])
    found = []
    brief, waits = Effort(0.0, fewest=1, brief=True), Effort(2.4, waits=True)
    for effort in (Effort(0.0), Effort(0.8), Effort(2.4), brief, waits):
        made = alternated(lambda: None, lambda count: [take(0.04 * (1 + longer)) for _ in range(count)], float, effort)
        assert made.is_settled == (longer == 0.02)
        found.append(len(made.observed))
    assert found == passes
