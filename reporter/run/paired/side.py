"""One of two environments under measurement: a process that forks a fresh worker for every job.

Jobs come as JSON, a line each, on standard input; answers go as JSON lines to standard output. A worker that is ready
to be timed sends a message and calls once for every line `turn`, until another line comes.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import IO, Any

from reporter.host import confinement
from reporter.host.job import STOP, TURN, Job
from reporter.model.records import EAGER
from reporter.registry import plugins
from reporter.registry.catalog import modules
from reporter.run import preloads
from reporter.run.paired import imports
from reporter.worker import entry
from reporter.worker.latency import timing
from reporter.worker.latency.rotation import Announce

plugins.points()  # looked up once, not in every worker
for folder in ("reporter.metrics", "reporter.architectures"):
    list(modules(folder))


def serve(answers: int) -> None:
    """Describes this environment, then answers jobs until standard input ends; `answers` is a file descriptor."""
    commands: IO[bytes] = os.fdopen(0, "rb", buffering=0)  # unbuffered: what comes after a job is its worker's to read
    confinement.silence()
    confinement.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    say = partial(_send, answers)
    say(imports.about().model_dump(mode="json"))
    for line in iter(commands.readline, b""):
        if any(each.endswith(line) for each in (TURN, STOP)):
            continue  # it was for a worker that has ended, which may have read the beginning of it
        for module in preloads.for_kernels(json.loads(line)["metrics"]):
            import_module(module)
        child = os.fork()
        if not child:
            _work(line.decode(), commands, answers)
        _, status = os.waitpid(child, 0)
        say({"ended": os.waitstatus_to_exitcode(status)})


def _work(question: str, commands: IO[bytes], answers: int) -> None:
    """The worker: measures a job, each call in its turn, and never returns."""
    try:
        confinement.die_with_parent()
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        say = partial(_send, answers)
        say({"process": os.getpid()})
        sample = partial(_sample_on_request, commands, answers)
        entry.run(Job.model_validate_json(question), say, sample, rotation=partial(_rotate_on_request, sample))
        os._exit(0)
    finally:
        os._exit(1)


def _sample_on_request(
    commands: IO[bytes],
    answers: int,
    call: timing.Call,
    timer: timing.Timer,
    *,
    seconds: float,
    goal: float,
    min_samples: int,
) -> tuple[float, ...]:
    """A sampler that leaves it to the other end when to call, and when there is enough."""
    timing.warm_up(call, timer, seconds / 2)
    _send(answers, {"ready": True})
    samples: list[float] = []
    while commands.readline() == TURN:
        samples += timer(call, 1)
        _send(answers, {"seconds": samples[-1]})
    return tuple(samples)


def _rotate_on_request(
    sample: timing.Sampler,
    calls: Mapping[str, timing.Call],
    timer: timing.Timer,
    *,
    seconds: float,
    goal: float,
    announce: Announce,
) -> dict[str, tuple[float, ...]]:
    """The samples of the one mode of a job, in turns with the other environment; eager is not called beside it."""
    mode = next(name for name in calls if name != EAGER)
    announce(mode)
    return dict.fromkeys(calls, sample(calls[mode], timer, seconds=seconds, goal=goal, min_samples=2))


def _send(answers: int, message: Mapping[str, Any]) -> None:
    os.write(answers, json.dumps(message).encode() + b"\n")
