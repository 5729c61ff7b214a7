"""Timing: real calls of known length, and the rules for when to stop."""

from __future__ import annotations

from time import perf_counter, sleep

import pytest

from reporter.worker.latency.timing import cpu_timer, is_precise, sample, warm_up

pytestmark = pytest.mark.timing


def test_a_sleep_takes_as_long_as_it_says() -> None:
    samples = sample(lambda: sleep(0.01), cpu_timer, seconds=0.3, goal=0.0, min_samples=3)
    assert len(samples) >= 6
    assert all(0.01 <= seconds < 0.1 for seconds in samples)


def test_time_is_up_but_the_least_is_taken() -> None:
    start = perf_counter()
    samples = sample(lambda: sleep(0.05), cpu_timer, seconds=0.01, goal=0.0, min_samples=3)
    assert len(samples) == 3
    assert perf_counter() - start < 2


def test_warm_up_goes_on_until_two_windows_agree() -> None:
    """A call that gets faster and then stays: the slow calls are all over when sampling begins."""
    calls = 0

    def settle() -> None:
        nonlocal calls
        calls += 1
        sleep(0.12 - 0.02 * min(calls, 5))

    assert warm_up(settle, cpu_timer, seconds=5) < 0.035
    assert calls > 5


def test_known_needs_six_samples_and_a_narrow_interval() -> None:
    assert not is_precise([1.0] * 5, 0.02)
    assert is_precise([1.0] * 6, 0.02)
    assert not is_precise([1.0, 1.2] * 5, 0.02)
