"""Sides of `reporter ab` from the fork server, which has loaded torch already, in place of new interpreters."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from functools import partial
from itertools import count as count_from
from multiprocessing.connection import Connection
from time import perf_counter, sleep
from typing import Any

from reporter.host import importing
from reporter.host.job import Job
from reporter.model import Metric, Reading
from reporter.model.attempts import attempt
from reporter.registry.catalog import collect
from reporter.run.executors.local import LocalExecutor, _serve

LONG = 60.0
"""Seconds that a worker hangs."""


class ForkedSide:
    """What `Side` needs of `subprocess.Popen`; `test_ab_installed.py` starts real interpreters."""

    share = 0.0
    """By how much convolutions take longer."""
    onednn = True
    """Whether convolutions may use oneDNN."""

    def __init__(self, command: object, **more: object) -> None:
        LocalExecutor()  # sets what the fork server loads
        _serve(())
        context = multiprocessing.get_context("forkserver")
        commands, tell = context.Pipe(duplex=False)
        hear, answers = context.Pipe(duplex=False)
        self.stdin, self.stdout = (os.fdopen(os.dup(end.fileno()), mode) for end, mode in ((tell, "wb"), (hear, "rb")))
        self._process = context.Process(target=self.serve, args=(commands, answers, self.share, self.onednn))
        with importing.Safely():
            self._process.start()
        for end in (commands, tell, hear, answers):
            end.close()

    @staticmethod
    def serve(commands: Connection, answers: Connection, share: float, onednn: bool) -> None:
        """What the process does."""
        serve(commands, answers, share, onednn)

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> int | None:
        self._process.join()
        self.stdin.close()
        self.stdout.close()
        return self._process.exitcode


class SlowedSide(ForkedSide):
    """A side whose convolutions take longer."""

    @classmethod
    def factory(cls, share: float) -> Callable[..., ForkedSide]:
        """Makes sides of which every second one is slowed."""
        count = count_from(0)

        def make(command: object, **more: object) -> ForkedSide:
            kind = type("Slowed", (cls,), {"share": share if next(count) % 2 else 0.0})
            made: ForkedSide = kind(command, **more)
            return made

        return make


class SleepingSide(ForkedSide):
    """A side whose workers time a sleep in place of an architecture."""

    @staticmethod
    def serve(commands: Connection, answers: Connection, share: float, onednn: bool) -> None:
        from reporter.worker import entry

        entry.run = time_a_sleep
        serve(commands, answers)


class ImportedSide(ForkedSide):
    """A side whose workers end with 0 where they inherit the report of MKL."""

    @staticmethod
    def serve(commands: Connection, answers: Connection, share: float, onednn: bool) -> None:
        from reporter.worker import entry

        sys.modules.pop("reporter.worker.preloaded_mkl", None)  # which the fork server of the tests has imported
        entry.run = lambda *given, **more: os._exit("reporter.worker.preloaded_mkl" not in sys.modules)
        serve(commands, answers)


def time_a_sleep(job: Job, send: Callable[[dict[str, Any]], None], sample: Any, **more: object) -> None:
    """What a worker of `SleepingSide` measures.

    An architecture named `raises` fails in the third call, `stalls` hangs there, `hangs` before the first one,
    `exits` ends there, and `lingers` hangs after the last one.
    """
    from reporter.worker.latency.timing import cpu_timer

    numbers = count_from(0)

    def call() -> None:
        number = next(numbers)
        if number == 2 and job.architecture == "raises":
            raise ValueError("the third call")
        sleep(LONG if job.architecture == "stalls" and number == 2 else 0.001)

    if job.architecture == "exits":
        os._exit(7)
    sleep(LONG if job.architecture == "hangs" else 0.0)
    found, verdict = attempt(partial(sample, call, cpu_timer, seconds=0.0, goal=1.0, min_samples=2))
    sleep(LONG if job.architecture == "lingers" else 0.0)
    (quantity,) = collect("reporter.metrics", Metric)[job.metrics[0]].quantities
    taken = {"samples": found, "rounds": (len(found),)} if found else {}
    reading = Reading(quantity=quantity, status=verdict.status, reason=verdict.reason, **taken)
    send({"reading": reading.model_dump(mode="json")})


def without_onednn_in_the_second() -> Callable[..., ForkedSide]:
    """Makes sides of which every second one does not use oneDNN."""
    count = count_from(0)

    def make(command: object, **more: object) -> ForkedSide:
        kind = type("Rerouted", (ForkedSide,), {"onednn": next(count) % 2 == 0})
        made: ForkedSide = kind(command, **more)
        return made

    return make


def slow_down(share: float) -> None:
    """Makes every convolution take longer by a share of its time; the variable makes the environment another one."""
    import torch

    plain = torch.nn.Conv2d._conv_forward

    def slow(*arguments: object) -> object:
        start = perf_counter()
        output = plain(*arguments)
        end = perf_counter() + share * (perf_counter() - start)
        while perf_counter() < end:
            pass
        return output

    torch.nn.Conv2d._conv_forward = slow
    os.environ["TORCH_SLOWED"] = str(share)


def serve(commands: Connection, answers: Connection, share: float = 0.0, onednn: bool = True) -> None:
    """The process: commands come on standard input."""
    from reporter.run.paired import side

    if share:
        slow_down(share)
    if not onednn:
        import torch

        torch._C._set_mkldnn_enabled(False)
        os.environ["TORCH_WITHOUT_ONEDNN"] = "1"
    os.dup2(commands.fileno(), 0)
    side.serve(answers.fileno())
