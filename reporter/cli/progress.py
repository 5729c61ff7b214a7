"""What is seen while measuring: a live line on a terminal, one line per finished measurement in a pipe."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from reporter.host.printing import inert
from reporter.model import WITHIN, Evidence, Reading
from reporter.model.durations import duration
from reporter.report import units
from reporter.report.language import language

if TYPE_CHECKING:
    from reporter.host.job import Job
    from reporter.run.request import Estimate


class Lines:
    """For pipes and logs: one line per finished measurement, after the share of jobs done and the time left."""

    sides = ("A", "B")
    """The names of both sides of a paired measurement."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.jobs: Sequence[Job] = ()
        self.done = 0
        self.at_once = 1
        self._estimate: Estimate | None = None
        self._seconds: dict[str, float] = defaultdict(float)
        self._loading = 0.0

    def plan(self, jobs: Sequence[Job], at_once: int, estimate: Estimate) -> None:
        self.jobs, self.at_once, self._estimate = jobs, at_once, estimate

    def job_started(self, job: Job) -> None:
        """A line is printed once there is a reading."""

    def reading(self, architecture: str, reading: Reading) -> None:
        self.note(f"[{self.done}/{len(self.jobs)}] {architecture} {reading.quantity.key} {in_words(reading)}")

    def pair(self, job: Job, readings: Sequence[Reading]) -> None:
        """A paired measurement is done: the readings of both sides so far."""
        a, b = (_short(reading) for reading in readings)
        left = f"; about {duration(self.left())} left" if self.done < len(self.jobs) else ""
        self.note(
            f"[{self.done}/{len(self.jobs)}] {job.architecture} {readings[0].quantity.key}, round {job.round + 1}: "
            f"{self.sides[0]} {a}, {self.sides[1]} {b}{left}"
        )

    def job_finished(self, job: Job, seconds: float, opening: float = 0.0) -> None:
        self.done += 1
        self._loading += opening
        self._seconds[job.process] += seconds - opening

    def claim(self, evidence: Evidence) -> None:
        state = f"failed: {evidence.reason}" if evidence.reason else "its evidence is measured"
        self.note(f"[{self.done}/{len(self.jobs)}] claim {evidence.claim} {state}")

    def left(self) -> float:
        """Seconds that the jobs ahead will take, by the cost model of the run."""
        return self._estimate(self.jobs[self.done :]) / self.at_once if self._estimate else 0.0

    def split(self) -> str:
        """Where the time went, process by process."""
        parts = (f"{name} {duration(took)}" for name, took in self._seconds.items())
        return ", ".join((f"time by process: loading torch {duration(self._loading)}", *parts))

    def note(self, line: str) -> None:
        """Print a line; if the stream is closed by its reader or its disk is full, discard this and all later lines."""
        try:
            print(inert(line), file=self.stream, flush=True)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def close(self) -> None:
        """Nothing is left open."""


class Live(Lines):
    """For terminals: the network in hand, what is done, the time left; failures stay on the screen."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns: tuple[Any, ...] = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._bar = Progress(*columns, console=Console(file=stream))
        self._task: Any = None

    def plan(self, jobs: Sequence[Job], at_once: int, estimate: Estimate) -> None:
        super().plan(jobs, at_once, estimate)
        if self._task is None:
            self._task = self._bar.add_task("starting", total=len(jobs), left="")
            self._bar.start()
        self._bar.update(self._task, total=len(jobs))

    def job_started(self, job: Job) -> None:
        rounds = f", round {job.round + 1}" if job.process.startswith("timing") else ""
        text = f"{job.architecture}: {job.process}{rounds}"
        self._bar.update(self._task, description=inert(text), left=f"about {duration(self.left())} left")

    def reading(self, architecture: str, reading: Reading) -> None:
        if not reading.measured and reading.status not in ("unsupported", "skipped"):
            self.note(f"note: {architecture} {reading.quantity.key} {in_words(reading)}")

    def pair(self, job: Job, readings: Sequence[Reading]) -> None:
        if not all(reading.measured for reading in readings):
            super().pair(job, readings)

    def claim(self, evidence: Evidence) -> None:
        if evidence.reason:
            super().claim(evidence)

    def job_finished(self, job: Job, seconds: float, opening: float = 0.0) -> None:
        super().job_finished(job, seconds, opening)
        self._bar.advance(self._task)

    def note(self, line: str) -> None:
        self._bar.console.print(inert(line), markup=False, highlight=False)

    def close(self) -> None:
        self._bar.stop()


class Quiet(Lines):
    """Without progress: only messages and failures."""

    def reading(self, architecture: str, reading: Reading) -> None:
        if reading.value is None and reading.status not in ("unsupported", "skipped"):
            super().reading(architecture, reading)

    def pair(self, job: Job, readings: Sequence[Reading]) -> None:
        if not all(reading.measured for reading in readings):
            super().pair(job, readings)

    def claim(self, evidence: Evidence) -> None:
        if evidence.reason:
            super().claim(evidence)


def in_words(reading: Reading) -> str:
    """A reading as one sees it pass by: its value and interval, or what went wrong."""
    status, reason = reading.verdict.status, "; ".join(reading.notes)
    if reading.value is None:
        return f"{status}: {reason}"
    value = units.stated(language("en"), reading)
    return f"{value} ({status}: {reason})" if reason and reason != WITHIN else value


def _short(reading: Reading) -> str:
    """The value alone, or what went wrong."""
    if reading.value is None:
        return in_words(reading)
    return units.words(language("en"), reading.quantity, reading.value)


def progress(stream: TextIO, quiet: bool = False, sides: tuple[str, str] = Lines.sides) -> Lines:
    """The one that suits the stream; `sides` are the names in a paired measurement."""
    made = Quiet(stream) if quiet else Live(stream) if stream.isatty() else Lines(stream)
    made.sides = sides
    return made
