"""Progress of a measurement: a live line on a terminal; in a pipe or log a line per finished measurement and
architecture, and at least one every 30 seconds."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from reporter.cli import heartbeat
from reporter.cli.heartbeat import Heartbeat
from reporter.cli.progress_texts import about_job, about_reading, in_words, running, short
from reporter.host.printing import document, inert
from reporter.model import Evidence, Reading
from reporter.model.durations import duration

if TYPE_CHECKING:
    from reporter.host.job import Job
    from reporter.run.request import Estimate


KINDS = ("auto", "lines", "json")
"""The values of --progress."""


class Lines:
    """For pipes and logs: one line per finished measurement, after the share of jobs done and the time left."""

    sides = ("A", "B")
    """The names of both sides of a paired measurement."""

    def __init__(self, stream: TextIO, interval: float | None = None) -> None:
        self.stream, self._interval = stream, interval
        self._heartbeat: Heartbeat | None = None
        self.running: list[Job] = []
        self.jobs: Sequence[Job] = ()
        self.done, self.at_once = 0, 1
        self._estimate: Estimate | None = None
        self._seconds: dict[str, float] = defaultdict(float)
        self._loading = 0.0
        self._left: Counter[str] = Counter()

    def restart(self) -> None:
        """Forgets the jobs of the comparison before; lines are printed while another one is prepared, too."""
        self.jobs, self.running, self.done, self._left = (), [], 0, Counter()
        self._start_heartbeat()

    def plan(self, jobs: Sequence[Job], at_once: int, estimate: Estimate) -> None:
        self.jobs, self.at_once, self._estimate = jobs, at_once, estimate
        before, self._left = self._left, Counter(job.architecture for job in jobs[self.done :])
        for name in (each for each in before if before[each] > 0 and not self._left[each]):  # needs no more rounds
            self.architecture_finished(name)
        self._planned()
        self._start_heartbeat()

    def _planned(self) -> None:
        """Called before the first line of the heartbeat."""

    def _start_heartbeat(self) -> None:
        if self._interval and self._heartbeat is None:
            self._heartbeat = Heartbeat(self.beat, self._interval)

    def job_started(self, job: Job) -> None:
        """A line is printed once there is a reading, or when nothing was printed for a while."""
        self.running.append(job)

    def reading(self, architecture: str, reading: Reading) -> None:
        self.note(f"[{self.done}/{len(self.jobs)}] {architecture} {reading.quantity.key} {in_words(reading)}")

    def pair(self, job: Job, readings: Sequence[Reading]) -> None:
        """The readings of both sides so far, of a job that is about to be reported as finished."""
        a, b = (short(reading) for reading in readings)
        self.note(
            f"[{self.done + 1}/{len(self.jobs)}] {job.architecture} {readings[0].quantity.key}, round {job.round + 1}: "
            f"{self.sides[0]} {a}, {self.sides[1]} {b}{self._time_left(1)}"
        )

    def job_finished(self, job: Job, seconds: float, opening: float = 0.0) -> None:
        self.done += 1
        self.running = [each for each in self.running if each != job]
        self._left[job.architecture] -= 1
        if self._left[job.architecture] == 0:
            self.architecture_finished(job.architecture)
        self._loading += opening
        self._seconds[job.process] += seconds - opening

    def architecture_finished(self, architecture: str) -> None:
        """All jobs of an architecture are finished."""
        self.note(f"[{self.done}/{len(self.jobs)}] {architecture} finished{self._time_left()}")

    def beat(self) -> None:
        """Nothing was printed for a while: what runs, what is done, and the time left."""
        if not self.jobs:
            self.note("still preparing the measurement")
            return
        self.note(f"[{self.done}/{len(self.jobs)}] {running(self.running)}{self._time_left()}")

    def _time_left(self, more: int = 0) -> str:
        """The time left after `more` jobs than those that are finished; empty after the last one."""
        return f"; about {duration(self.left(more))} left" if self.done + more < len(self.jobs) else ""

    def claim(self, evidence: Evidence) -> None:
        state = f"failed: {evidence.reason}" if evidence.reason else "its evidence is measured"
        self.note(f"[{self.done}/{len(self.jobs)}] claim {evidence.claim} {state}")

    def left(self, more: int = 0) -> float:
        """Seconds that the jobs ahead will take, without the next `more`, by the cost model of the run."""
        return self._estimate(self.jobs[self.done + more :]) / self.at_once if self._estimate else 0.0

    def split(self) -> str:
        """Where the time went, process by process."""
        parts = {"loading torch": self._loading, **self._seconds}
        return "time by process: " + ", ".join(f"{name} {duration(took)}" for name, took in parts.items())

    def note(self, line: str) -> None:
        """Print a line; if the stream is closed by its reader or its disk is full, discard this and all later lines."""
        self.write(inert(line))

    def write(self, line: str) -> None:
        """Print a line as it is."""
        if self._heartbeat:
            self._heartbeat.printed()
        try:
            print(f"{line}\n", end="", file=self.stream, flush=True)  # in one write: the heartbeat is a thread
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def close(self) -> None:
        """Nothing is printed any more; may be repeated."""
        if self._heartbeat:
            self._heartbeat.stop()
            self._heartbeat = None


class Failures(Lines):
    """Of pairs and claims, those that failed; no architectures that are finished."""

    def architecture_finished(self, architecture: str) -> None:
        """Not printed."""

    def pair(self, job: Job, readings: Sequence[Reading]) -> None:
        if not all(reading.measured for reading in readings):
            super().pair(job, readings)

    def claim(self, evidence: Evidence) -> None:
        if evidence.reason:
            super().claim(evidence)


class Live(Failures):
    """For terminals: the architecture being measured, what is done, the time left; failures stay on the screen."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        first, last = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[left]}")
        columns: tuple[Any, ...] = (first, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), last)
        self._bar = Progress(*columns, console=Console(file=stream))
        self._task: Any = None

    def restart(self) -> None:
        super().restart()
        if self._task is None:
            self._task = self._bar.add_task("starting", total=None, left="")
            self._bar.start()
        self._bar.reset(self._task, description="starting", left="")

    def plan(self, jobs: Sequence[Job], at_once: int, estimate: Estimate) -> None:
        if self._task is None:
            self.restart()
        super().plan(jobs, at_once, estimate)
        self._bar.update(self._task, total=len(jobs))

    def job_started(self, job: Job) -> None:
        rounds = f", round {job.round + 1}" if job.process.startswith("timing") else ""
        text = f"{job.architecture}: {job.process}{rounds}"
        self._bar.update(self._task, description=inert(text), left=f"about {duration(self.left())} left")

    def reading(self, architecture: str, reading: Reading) -> None:
        if not reading.measured and reading.status not in ("unsupported", "skipped"):
            self.note(f"note: {architecture} {reading.quantity.key} {in_words(reading)}")

    def job_finished(self, job: Job, seconds: float, opening: float = 0.0) -> None:
        super().job_finished(job, seconds, opening)
        self._bar.advance(self._task)

    def note(self, line: str) -> None:
        self._bar.console.print(inert(line), markup=False, highlight=False)

    def close(self) -> None:
        self._bar.stop()


class GitHubLines(Lines):
    """In a job of GitHub Actions: the lines in a group that is folded in the log."""

    def restart(self) -> None:
        self._end_group()
        super().restart()

    def plan(self, jobs: Sequence[Job], at_once: int, estimate: Estimate) -> None:
        if not self.jobs and jobs:
            self.write("::group::Measurements")
        super().plan(jobs, at_once, estimate)

    def close(self) -> None:
        super().close()
        self._end_group()

    def _end_group(self) -> None:
        if self.jobs:
            self.jobs = ()
            self.write("::endgroup::")


class Quiet(Failures):
    """Without progress: only messages and failures."""

    def reading(self, architecture: str, reading: Reading) -> None:
        if reading.value is None and reading.status not in ("unsupported", "skipped"):
            super().reading(architecture, reading)


class JsonLines(Lines):
    """Events: plan, started, reading, pair, finished, architecture, claim, note, running.

    Each has `done` and `total` jobs and the `seconds_left` that are expected.
    """

    def _planned(self) -> None:
        self._event("plan", at_once=self.at_once)

    def job_started(self, job: Job) -> None:
        super().job_started(job)
        self._event("started", **about_job(job))

    def reading(self, architecture: str, reading: Reading) -> None:
        self._event("reading", architecture=architecture, **about_reading(reading))

    def pair(self, job: Job, readings: Sequence[Reading]) -> None:
        values = {side: about_reading(reading) for side, reading in zip(self.sides, readings, strict=True)}
        self._event("pair", **about_job(job), sides=values)

    def job_finished(self, job: Job, seconds: float, opening: float = 0.0) -> None:
        super().job_finished(job, seconds, opening)
        self._event("finished", **about_job(job), seconds=round(seconds, 3))

    def claim(self, evidence: Evidence) -> None:
        self._event("claim", claim=evidence.claim, reason=evidence.reason)

    def architecture_finished(self, architecture: str) -> None:
        self._event("architecture", architecture=architecture)

    def beat(self) -> None:
        self._event("running", running=[about_job(job) for job in self.running])

    def note(self, line: str) -> None:
        self._event("note", text=line)

    def _event(self, event: str, **more: Any) -> None:
        about = {"event": event, "done": self.done, "total": len(self.jobs), "seconds_left": round(self.left(), 1)}
        self.write(document(json.dumps({**about, **more}, allow_nan=False)))


class QuietJsonLines(Quiet, JsonLines):
    """Without progress, as events: readings, pairs and claims that failed, and notes."""

    def _event(self, event: str, **more: Any) -> None:
        if event in ("reading", "pair", "claim", "note"):
            super()._event(event, **more)


def progress(
    stream: TextIO, quiet: bool = False, sides: tuple[str, str] = Lines.sides, kind: str | None = None
) -> Lines:
    """The one that suits the stream, unless another is asked for; `sides` are the names in a paired measurement."""
    made = _of_kind(stream, quiet, kind)
    made.sides = sides
    return made


def _of_kind(stream: TextIO, quiet: bool, kind: str | None) -> Lines:
    if quiet:
        return QuietJsonLines(stream) if kind == "json" else Quiet(stream)
    if kind == "json":
        return JsonLines(stream, heartbeat.INTERVAL)
    if kind != "lines" and stream.isatty():
        return Live(stream)
    return (GitHubLines if os.environ.get("GITHUB_ACTIONS") == "true" else Lines)(stream, heartbeat.INTERVAL)
