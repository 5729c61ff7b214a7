"""The processes of both environments of a paired measurement: a worker, or a side, that ends at the wrong moment."""

from __future__ import annotations

import math
import os
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import sleep
from types import SimpleNamespace
from unittest import mock

import pytest
from forked_sides import ImportedSide, SleepingSide

from reporter.host.job import STOP, TURN, Job
from reporter.model import Metric, Origin, Reading, ReporterError, Verdict, absent
from reporter.model.settings import PRESETS, Conditions
from reporter.registry.catalog import collect
from reporter.run.paired import interleaving, paired_run
from reporter.run.paired.interleaving import Side

CONDITIONS = Conditions(**PRESETS["quick"] | {"seconds": 0.0})
"""Two pairs of calls, the fewest."""


@pytest.fixture(scope="module")
def sides() -> Iterator[list[Side]]:
    here = Path(sys.executable)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interleaving, "subprocess", SimpleNamespace(Popen=SleepingSide, PIPE=None))
        with paired_run.sides((here, here)) as both:
            yield both


def job(architecture: str) -> Job:
    name = "latency_cpu_1thread"
    return Job(architecture=architecture, metrics=(name,), device="cpu", conditions=CONDITIONS, process="times")


def measure(sides: Sequence[Side], architecture: str = "net") -> list[str]:
    """The status of each side."""
    both = job(architecture), job(architecture)
    return [verdict.status for verdict in interleaving.measure(sides, both, 60)]


def kill_before(line: bytes, count: int, side: Side, patch: pytest.MonkeyPatch) -> None:
    """Kills the worker of a side just before so many of a line are sent to it."""
    send, left = Side._send, [count]

    def killing(receiver: Side, text: bytes) -> None:
        if receiver is side and text == line:
            left[0] -= 1
            if not left[0]:
                os.kill(side._worker, signal.SIGKILL)
                with suppress(ProcessLookupError):
                    while True:
                        os.kill(side._worker, 0)  # until the side has seen its end
                        sleep(0.001)
        send(receiver, text)

    patch.setattr(Side, "_send", killing)


@pytest.mark.parametrize(("line", "count"), [(TURN, 2), (STOP, 1)])
def test_a_worker_that_ends_between_two_calls_fails_alone(
    line: bytes, count: int, sides: list[Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that it did not read is no job for the next one."""
    with monkeypatch.context() as patch:
        kill_before(line, count, sides[1], patch)
        assert measure(sides) == ["ok", "oom"]
    for _ in range(2):
        assert measure(sides) == ["ok", "ok"]
        assert [len(side.readings[0].samples) for side in sides] == [2, 2]


def test_a_call_that_fails_is_the_reason_of_its_architecture_only(sides: list[Side]) -> None:
    """Its worker ends without reading the line that stops it."""
    measure(sides, "raises")
    assert {side.readings[0].reason for side in sides} == {"ValueError: the third call"}
    for _ in range(2):
        assert measure(sides) == ["ok", "ok"]
        assert [side.readings[0].status for side in sides] == ["ok", "ok"]


def end_time(late: Side, awaited: str, other: Side, answer: str, patch: pytest.MonkeyPatch) -> None:
    """Lets the time be up when `late` has not sent what is awaited for 0.2 s and the answer of `other` has arrived.

    The beginning of that answer is read here; the end of its line stays in the pipe.
    """

    def wait(pipes: list[int], write: object, error: object, left: float | None) -> tuple[list[int], ...]:
        is_over = not left or late._deadline == math.inf  # the worker of a side that is late is stopped
        if is_over or pipes != [pipe_of(late)] or late._awaited != awaited:
            return select.select(pipes, [], [], left)
        while other._awaited and f'"{answer}"'.encode() not in other._buffer:
            other._buffer += os.read(pipe_of(other), 1)
        return select.select(pipes, [], [], 0.2)

    patch.setattr(interleaving, "select", SimpleNamespace(select=wait))


def pipe_of(side: Side) -> int:
    return side._process.stdout.fileno()


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(("name", "awaited"), [("hangs", "ready"), ("stalls", "seconds"), ("lingers", "ended")])
def test_only_the_side_that_hangs_is_timed_out(
    name: str, awaited: str, place: int, sides: list[Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first call, in a call and after the last one; the other side has a reading or the reason."""
    names = [name if number == place else "net" for number in range(2)]
    with monkeypatch.context() as patch:
        end_time(sides[place], awaited, sides[1 - place], awaited, patch)
        found = interleaving.measure(sides, [job(each) for each in names], 60.0)
    assert found[place].status == "timeout"
    assert found[1 - place] == (Verdict("ok", None) if name == "lingers" else interleaving.NOT_TIMED)
    assert measure(sides) == ["ok", "ok"]


def test_both_sides_are_timed_out_if_both_hang(sides: list[Side]) -> None:
    assert [each.status for each in interleaving.measure(sides, [job("hangs")] * 2, 0.3)] == ["timeout"] * 2


def test_a_side_that_had_ended_before_the_other_timed_out_keeps_its_reason(
    sides: list[Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        end_time(sides[0], "ready", sides[1], "ended", patch)
        found = interleaving.measure(sides, [job("hangs"), job("exits")], 60.0)
    assert [each.status for each in found] == ["timeout", "failed"]


@pytest.mark.parametrize("longest", [86400.0, 0.001])
def test_a_timeout_may_be_longer_than_the_system_can_wait(
    longest: float, sides: list[Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait ends after LONGEST_WAIT, and is repeated until the time is up."""
    monkeypatch.setattr(interleaving, "LONGEST_WAIT", longest)
    found = interleaving.measure(sides, [job("net")] * 2, 1e10)
    assert [verdict.status for verdict in found] == ["ok", "ok"]


def test_mkl_measures_the_frequency_of_the_processor_before_workers_list_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once in a side, instead of in each worker: it takes up to a second."""
    monkeypatch.setattr(interleaving, "subprocess", SimpleNamespace(Popen=ImportedSide, PIPE=None))
    here = Path(sys.executable)
    with paired_run.sides((here, here)) as (side, _):
        for metric, code in (("latency_cpu_1thread", 1), ("operators", 0), ("operators", 0)):
            interleaving.alone(side, job("net").model_copy(update={"metrics": (metric,)}), 60)
            assert side.ended == code, metric


@pytest.mark.parametrize("place", [0, 1])
def test_a_lost_round_has_the_reason_of_the_side_that_failed(place: int) -> None:
    (quantity,) = collect("reporter.metrics", Metric)["latency_cpu_1thread"].quantities
    origin = Origin(run="r", started="2026-01-01T00:00:00+00:00")
    whole = Reading(quantity=quantity, samples=(1.0, 1.0), rounds=(2,), origins=(origin,))
    found = list(absent((quantity,) * 2, interleaving.NOT_TIMED.status, interleaving.NOT_TIMED.reason or ""))
    found[place] = next(absent((quantity,), "timeout", "not done after 9 s"))
    for reading in paired_run.together([whole, whole], found, 1, origin):
        [lost] = reading.lost
        assert (lost.status, lost.reason) == ("timeout", "not done after 9 s")


@pytest.mark.parametrize("error", [EOFError, BrokenPipeError])
def test_a_side_that_ends_while_its_worker_is_stopped_is_one_line(error: type[Exception]) -> None:
    """After a timeout, as while it is measured."""
    line = "the process of an environment ended, as happens when memory runs out"
    for late in (mock.Mock(**{"start.side_effect": TimeoutError, "stop_worker.side_effect": error}),
                 mock.Mock(**{"start.side_effect": error})):  # fmt: skip
        with pytest.raises(ReporterError, match=line):
            interleaving.measure([late, late], [job("net")] * 2, 0.0)
        with pytest.raises(ReporterError, match=line):
            interleaving.alone(late, job("net"), 0.0)
