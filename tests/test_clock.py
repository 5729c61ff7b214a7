"""Timing: real calls of known length, and the rules for when to stop."""

from __future__ import annotations

from itertools import chain, islice, repeat
from statistics import median
from time import sleep

import pytest

from reporter.worker.latency import timing
from reporter.worker.latency.timing import Call, cpu_timer, is_precise, sample, warm_up

pytestmark = pytest.mark.timing


def test_a_sleep_takes_as_long_as_it_says() -> None:
    """A pause of the whole machine makes a few of them longer."""
    samples = sample(lambda: sleep(0.01), cpu_timer, seconds=0.3, goal=0.0, min_samples=3)
    assert len(samples) >= 6
    assert min(samples) >= 0.01
    assert median(samples) < 0.1


def test_time_is_up_but_the_least_is_taken() -> None:
    samples = sample(lambda: sleep(0.05), cpu_timer, seconds=0.01, goal=0.0, min_samples=3)
    assert len(samples) == 3


class Scripted:
    """A timer on a clock of its own, whose calls take given seconds, and from then on the last of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *seconds: float) -> None:
        self.now = 0.0
        self.seconds = chain(seconds, repeat(seconds[-1]))
        monkeypatch.setattr(timing, "perf_counter", lambda: self.now)

    def __call__(self, call: Call, count: int) -> list[float]:
        taken = list(islice(self.seconds, count))
        self.now += sum(taken)
        return taken


def test_warm_up_goes_on_until_two_windows_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that gets faster and then stays: the slow calls are all over when sampling begins."""
    timer = Scripted(monkeypatch, 0.12, 0.1, 0.08, 0.06, 0.04)
    assert warm_up(lambda: None, timer, seconds=5) == 0.04
    assert timer.now == pytest.approx(0.12 + 0.1 + 0.08 + 0.06 + 0.04 + 0.04)


def test_no_call_of_the_warm_up_is_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    timer = Scripted(monkeypatch, 0.9, 0.5, 0.2, 0.204, 0.21)
    assert sample(lambda: None, timer, seconds=60, goal=0.5, min_samples=3) == (0.21,) * 6


def test_known_needs_six_samples_and_a_narrow_interval() -> None:
    assert not is_precise([1.0] * 5, 0.02)
    assert is_precise([1.0] * 6, 0.02)
    assert not is_precise([1.0, 1.2] * 5, 0.02)
