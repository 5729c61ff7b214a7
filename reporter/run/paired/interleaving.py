"""Interleaved measurement of two environments: each pair of calls has one in either environment."""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic
from typing import Any

from reporter.compare.environments import About
from reporter.host.credentials import inherited
from reporter.host.job import STOP, TURN, Job, unknown_metrics
from reporter.model import Reading, ReporterError, Verdict
from reporter.model.fields import legible
from reporter.run import time_limit
from reporter.run.executors.loading import LOADING
from reporter.run.executors.local import LONGEST_WAIT, ending
from reporter.run.paired import bootstrap
from reporter.stats.samples import interval

FEWEST_PAIRS = 2
NOT_TIMED = Verdict("skipped", "not timed, as the other environment failed")
LEAKING = ("PYTHONPATH", "PYTHONHOME", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR", "PYTHONINSPECT", "__PYVENV_LAUNCHER__")
"""Variables that would have another Python import from where this one does, or not end."""


class Side:
    """A Python environment with a process in it that measures; `about` describes it once `hello` has returned.

    `needs` are packages that it needs besides, `keep` variables that it inherits although they may be credentials.
    """

    about: About

    def __init__(self, option: str, environment: Path, needs: Sequence[str] = (), keep: Collection[str] = ()) -> None:
        self.name = f"{option}: {environment}"
        interpreter = python(option, environment)
        self._pip = f"{shlex.quote(str(interpreter))} -m pip install"
        self._errors = TemporaryFile()  # noqa: SIM115  closed with the side
        try:
            self._process = subprocess.Popen(
                [str(interpreter.absolute()), str(bootstrap.__file__), *needs],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=variables(keep),
            )
        except OSError as error:
            raise ReporterError(f"{self.name} cannot be started: {error.strerror}; name a Python") from None
        self._buffer = b""
        self._deadline = math.inf
        self._worker = 0
        self._awaited = ""
        self.ended: int | None = None
        self.readings: list[Reading] = []
        self.unknown: list[str] = []

    def hello(self) -> None:
        """Waits until torch is loaded; ReporterError, with what would be right, where the side cannot measure."""
        self._deadline = monotonic() + LOADING
        try:
            while not (message := self._first()):
                pass
        except EOFError:
            raise ReporterError(f"{self.name} cannot measure: {self._last_words()}") from None
        except TimeoutError:
            raise ReporterError(f"{self.name} cannot measure: torch is not imported after {LOADING:.0f} s") from None
        if "refused" in message:
            remedy = f"; try {self._pip} {shlex.join(message['packages'])}" if message["packages"] else ""
            raise ReporterError(f"{self.name} cannot measure: {legible(message['refused'])}{remedy}")
        self.about = About.model_validate(message)

    def start(self, job: Job, deadline: float) -> None:
        """Starts a fresh worker on a job that must be done at `deadline`, a time of `monotonic`."""
        self.ended, self.readings, self.unknown, self._deadline, self._worker = None, [], [], deadline, 0
        self._awaited = "ready"
        self._send(job.model_dump_json().encode() + b"\n")

    def until_ready(self) -> bool:
        """Waits until the worker is warm; False where it ended before."""
        while self.ended is None:
            if "ready" in self._next():
                return True
        return False

    def call(self) -> float | None:
        """One call: its seconds; None where the worker is gone."""
        self._awaited = "seconds"
        self._send(TURN)
        return self._next().get("seconds")

    def end_calls(self) -> None:
        """Ends the calls of the worker, which then sends its reading and ends."""
        self._awaited = "ended"
        self._send(STOP)

    def is_late(self) -> bool:
        """Whether an answer of the worker is missing now that the time is up; reads what has arrived first."""
        self._deadline = 0.0
        try:
            while self._awaited and self.ended is None:
                self._next()
        except TimeoutError:
            return True
        return False

    def finish(self) -> Verdict:
        """Waits until the worker ended; what it measured is in `readings`."""
        while self.ended is None:
            self._next()
        verdict = ending(self.ended)
        return verdict if self.readings or verdict.status != "ok" else lost(self.unknown)

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def stop_worker(self) -> None:
        """Ends the worker and all that it started; the side continues."""
        self._deadline = math.inf
        while self.ended is None and not self._worker:
            self._next()
        self._kill()
        self.finish()

    def close(self) -> None:
        """Ends it all."""
        self._kill()
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _kill(self) -> None:
        if self.ended is None and self._worker:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._worker, signal.SIGKILL)

    def _next(self) -> dict[str, Any]:
        message = self._answer()
        self._worker = message.get("process", self._worker)
        self._awaited = "" if self._awaited in message else self._awaited
        self.ended = message.get("ended", self.ended)
        self.unknown += [message["unknown"]] if "unknown" in message else []
        if "reading" in message:
            self.readings.append(Reading.model_validate(message["reading"]))
        return message

    def _answer(self) -> dict[str, Any]:
        """The next message; TimeoutError when the time is up, EOFError where the side is gone."""
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._buffer:
            left = max(0.0, self._deadline - monotonic())
            if not select.select([pipe], [], [], min(left, LONGEST_WAIT))[0]:
                if left <= LONGEST_WAIT:
                    raise TimeoutError
                continue
            part = os.read(pipe, 1 << 16)
            if not part:
                raise EOFError
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def _first(self) -> dict[str, Any]:
        """The first message, empty for a line that is none: what a .pth file prints precedes it."""
        try:
            message = self._answer()
        except ValueError:
            return {}
        return message if isinstance(message, dict) else {}

    def _last_words(self) -> str:
        """How a process ended that has not answered, with the last line it printed."""
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        printed = f" ({legible(lines[-1].strip())})" if lines else ""
        return f"it ended with exit code {code} before it was ready{printed}; name a Python that can import torch"


def lost(unknown: Sequence[str]) -> Verdict:
    """Why a worker that ended by itself lacks a reading; `unknown` are metrics that its environment does not have."""
    if unknown:
        return unknown_metrics("unsupported", unknown)
    return Verdict("failed", "the worker ended without this reading")


def python(option: str, environment: Path) -> Path:
    """The interpreter of a virtual environment, or the interpreter itself."""
    for path in (environment / "bin" / "python", environment / "bin" / "python3", environment):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise ReporterError(f"{option}: {environment} is no Python environment; name one that has bin/python")


def variables(keep: Collection[str] = ()) -> dict[str, str]:
    """The variables of a side, from which its workers are forked: no credentials except the variables to `keep`.

    Nor does it have one that would make it import from the environment or folder it is run from.
    """
    kept = {name: value for name, value in inherited(os.environ, keep).items() if name not in LEAKING}
    return kept | {"PYTHONSAFEPATH": "1"}


@contextlib.contextmanager
def _reporting_ended_sides() -> Iterator[None]:
    """ReporterError if the process of a side ends, also while its worker is stopped after a timeout."""
    try:
        yield
    except (EOFError, BrokenPipeError):
        raise ReporterError("the process of an environment ended, as happens when memory runs out") from None


@_reporting_ended_sides()
def measure(sides: Sequence[Side], jobs: Sequence[Job], timeout: float) -> list[Verdict]:
    """One job on either side, their calls in turns; the readings are in the sides, with equally many samples each."""
    deadline = monotonic() + timeout
    try:
        for side, job in zip(sides, jobs, strict=True):
            side.start(job, deadline)
        ready = [side.until_ready() for side in sides]
        if all(ready):
            conditions = jobs[0].conditions
            _alternate(sides, 2 * conditions.seconds, conditions.goal)
        for side, warm in zip(sides, ready, strict=True):
            if warm and side.ended is None:
                side.end_calls()
        ended = [side.finish() for side in sides]
        return [NOT_TIMED if warm and not all(ready) else verdict for warm, verdict in zip(ready, ended, strict=True)]
    except TimeoutError:
        late = [side.is_late() for side in sides]
        over = Verdict("timeout", f"not done after {timeout:.0f} s")
        return [
            _stopped(side, over if here or not any(late) else NOT_TIMED) for side, here in zip(sides, late, strict=True)
        ]


def _stopped(side: Side, verdict: Verdict) -> Verdict:
    """Stops the worker of a side; the verdict is its own if it had ended by itself before the time was up."""
    if side.ended is not None and verdict is NOT_TIMED:
        return side.finish()
    side.stop_worker()
    return verdict


@_reporting_ended_sides()
def alone(side: Side, job: Job, timeout: float) -> Verdict:
    """One job on one side, without turns; the readings are in the side."""
    try:
        side.start(job, monotonic() + timeout)
        return side.finish()
    except TimeoutError:
        side.stop_worker()
        return Verdict("timeout", f"not done after {timeout:.0f} s")


def with_limit(verdict: Verdict, limit: float, spent: float) -> Verdict:
    """The verdict on a job; that of a timeout has the whole limit of its architecture if earlier jobs spent some."""
    if spent <= 0 or verdict.status != "timeout":
        return verdict
    return time_limit.over(limit)


def _alternate(sides: Sequence[Side], seconds: float, goal: float) -> None:
    """Calls in pairs, the order turned around from pair to pair, until the ratio is known well or time is up."""
    ratios: list[float] = []
    deadline = monotonic() + seconds
    while len(ratios) < FEWEST_PAIRS or (monotonic() < deadline and not is_precise(ratios, goal)):
        order = sides if len(ratios) % 2 else sides[::-1]
        taken = {id(side): side.call() for side in order}
        first, second = (taken[id(side)] for side in sides)
        if not first or not second:
            return
        ratios.append(math.log(second / first))


def is_precise(ratios: Sequence[float], goal: float) -> bool:
    bounds = interval(ratios, "median")
    return bounds is not None and bounds[1] - bounds[0] <= goal


def here() -> Path:
    """The environment that this runs in."""
    return Path(sys.executable)
