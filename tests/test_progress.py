"""Progress in a pipe: a line at regular times, one per finished architecture, groups on GitHub, JSON for programs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import samples
from commands import QUICK, TINY, WIDE, call, errors_so_far, wait_for, without_seconds

from reporter.cli import heartbeat
from reporter.cli.progress import GitHubLines, JsonLines, Lines, Live, Quiet, QuietJsonLines, progress
from reporter.host import printing
from reporter.host.job import Job
from reporter.model import ReporterError
from reporter.model.settings import PRESETS, Conditions
from reporter.run import preparation

CONDITIONS = Conditions(**PRESETS["quick"])
OPTIONS = (*TINY, *WIDE, *QUICK, "--metrics", "latency_cpu_1thread")


def jobs(*names: str) -> list[Job]:
    return [
        Job(architecture=name, metrics=("m",), device="cpu", conditions=CONDITIONS, process="timing cpu", round=number)
        for number in range(2)
        for name in names
    ]


def seconds(jobs: Sequence[Job]) -> float:
    return 60.0 * len(jobs)


RUNNING = "running {}: timing cpu, round {}; "
RUNNING_AS_JSON = '"running": [{{"architecture": "{}", "process": "timing cpu", "round": {}}}]'


def played(shown: Lines, awaited: str = "") -> None:
    """Three jobs of four, each of which is finished once a line with its name and round is printed."""
    planned = jobs("a", "b")
    shown.plan(planned, 1, seconds)
    for job in planned[:3]:
        shown.job_started(job)
        wait_for(awaited.format(job.architecture, job.round + 1), shown.stream.getvalue)
        shown.job_finished(job, 1.0)
    shown.close()


def test_a_job_that_takes_long_is_not_silent() -> None:
    stream = StringIO()
    played(Lines(stream, interval=0.01), RUNNING)
    lines = stream.getvalue().splitlines()
    assert "[0/4] running a: timing cpu, round 1; about 4 min left" in lines
    assert "[2/4] running a: timing cpu, round 2; about 2 min left" in lines
    assert "[3/4] a finished; about 60 s left" in lines
    assert "b finished" not in stream.getvalue()
    printed = stream.getvalue()
    time.sleep(0.05)
    assert stream.getvalue() == printed, "nothing follows once it is closed"
    assert all(character == "\n" or character.isprintable() for character in printed)


def test_an_architecture_is_finished_once_no_rounds_are_planned_for_it() -> None:
    """Rounds that were planned and are not needed are taken off; one in doubt is not finished before its last round."""
    stream = StringIO()
    shown = Lines(stream)
    planned = jobs("a", "b")
    shown.plan(planned, 1, seconds)
    for job in planned[:2]:
        shown.job_started(job)
        shown.job_finished(job, 1.0)
    assert stream.getvalue() == ""
    shown.plan([*planned[:2], planned[3]], 1, seconds)
    assert stream.getvalue().splitlines() == ["[2/3] a finished; about 60 s left"]
    shown.plan(planned[:2], 1, seconds)
    assert stream.getvalue().splitlines()[1:] == ["[2/2] b finished"]


def compared_twice(shown: Lines) -> None:
    """Two rounds of an architecture, and one round in another comparison."""
    for planned in (jobs("a"), jobs("a")[:1]):
        shown.restart()
        shown.beat()
        shown.plan(planned, 1, seconds)
        for job in planned:
            shown.job_started(job)
            shown.beat()
            shown.job_finished(job, 1.0)


def test_each_comparison_of_a_walk_is_counted_by_itself() -> None:
    stream = StringIO()
    compared_twice(Lines(stream))
    assert stream.getvalue().splitlines() == [
        "still preparing the measurement",
        "[0/2] running a: timing cpu, round 1; about 2 min left",
        "[1/2] running a: timing cpu, round 2; about 60 s left",
        "[2/2] a finished",
        "still preparing the measurement",
        "[0/1] running a: timing cpu, round 1; about 60 s left",
        "[1/1] a finished",
    ]
    stream = StringIO()
    compared_twice(JsonLines(stream))
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(each["done"], each["total"]) for each in events if each["event"] == "plan"] == [(0, 2), (0, 1)]
    assert (events[-1]["done"], events[-1]["total"]) == (1, 1)


def test_the_bar_of_each_comparison_begins_at_zero() -> None:
    shown = Live(StringIO())
    compared_twice(shown)
    [task] = shown._bar.tasks
    assert (task.completed, task.total) == (1, 1)
    shown.restart()
    assert (task.completed, task.description) == (0, "starting")
    shown.close()


def test_each_comparison_is_a_group_on_github() -> None:
    stream = StringIO()
    shown = GitHubLines(stream)
    compared_twice(shown)
    shown.close()
    lines = stream.getvalue().splitlines()
    assert [line for line in lines if line.startswith("::")] == ["::group::Measurements", "::endgroup::"] * 2
    assert lines[lines.index("::endgroup::") + 1] == "still preparing the measurement"


class Clock:
    """In place of the event that ends a heartbeat: a wait sets the clock forward, and prints the lines due until then.

    The heartbeat ends after `end` seconds.
    """

    def __init__(self, lines: Sequence[float], end: float) -> None:
        self.now, self.lines, self.end = 0.0, [*lines], end
        self.print_line = lambda: None

    def wait(self, seconds: float) -> bool:
        end = self.now + seconds
        while self.lines and self.lines[0] <= end:
            self.now = self.lines.pop(0)
            self.print_line()
        self.now = end
        return end > self.end


def test_no_line_is_due_while_others_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line each second up to 8 s; later, one whenever 0.8 of the interval of 5 s is over."""
    clock, beats = Clock([float(number) for number in range(1, 9)], end=17.0), []
    monkeypatch.setattr(heartbeat, "monotonic", lambda: clock.now)
    monkeypatch.setattr(heartbeat, "Event", lambda: clock)
    monkeypatch.setattr(heartbeat, "Thread", lambda **_: SimpleNamespace(start=lambda: None))

    class Noted(Lines):
        def beat(self) -> None:
            beats.append(clock.now)
            super().beat()

    stream = StringIO()
    shown = Noted(stream, interval=5.0)
    shown.plan(jobs("a"), 1, seconds)
    clock.print_line = lambda: shown.note("a line")
    shown._heartbeat._run()
    assert beats == [12.0, 16.0]
    due = ["[0/2] starting the next measurement; about 2 min left"] * 2
    assert stream.getvalue().splitlines() == ["a line"] * 8 + due


def test_the_plan_is_the_first_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the first line of the heartbeat is due at once."""
    monkeypatch.setattr("reporter.cli.progress.Heartbeat", lambda beat, _: beat())
    stream = StringIO()
    JsonLines(stream, 30.0).plan(jobs("a"), 1, seconds)
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["plan", "running"]


class Writes(StringIO):
    """A stream that keeps what each call of `write` was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    def write(self, text: str) -> int:
        self.given.append(text)
        return super().write(text)


def test_a_line_is_one_write() -> None:
    """The heartbeat, which is another thread, or another process may print between two of them."""
    stream = Writes()
    for shown in (Lines(stream), JsonLines(stream)):
        shown.note("a line")
    text, event = [each for each in stream.given if each]
    assert text == "a line\n"
    assert json.loads(event)["text"] == "a line"
    assert event.endswith("}\n")


def test_two_lines_are_at_most_30_seconds_apart() -> None:
    assert heartbeat.INTERVAL == 30.0
    assert progress(StringIO())._interval == heartbeat.INTERVAL
    assert progress(StringIO(), kind="json")._interval == heartbeat.INTERVAL


def test_quiet_prints_none() -> None:
    stream = StringIO()
    played(progress(stream, quiet=True))
    assert stream.getvalue() == ""


def test_quiet_json_has_failures_and_notes_as_events() -> None:
    """And no other line: neither the plan, nor what is started, finished or running, nor readings with a value."""
    stream = StringIO()
    shown = progress(stream, quiet=True, kind="json")
    good = samples.reading("latency_cpu_1thread", 0.01, 0.011)
    broken = samples.reading("latency_cpu_1thread", status="failed", reason="no kernel")
    planned = jobs("a")
    shown.restart()
    shown.plan(planned, 1, seconds)
    shown.job_started(planned[0])
    shown.beat()
    for reading in (good, broken):
        shown.reading("a", reading)
        shown.pair(planned[0], [good, reading])
    for job in planned:
        shown.job_finished(job, 1.0)
    shown.note("note: a text")
    shown.close()
    failure, pair, note = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (failure["event"], failure["status"], failure["reason"]) == ("reading", "failed", "no kernel")
    assert (pair["event"], pair["sides"]["B"]["reason"]) == ("pair", "no kernel")
    assert (note["event"], note["text"], note["done"], note["total"]) == ("note", "note: a text", 2, 2)


@pytest.mark.parametrize("kind", [Live, Quiet, QuietJsonLines])
def test_of_pairs_and_claims_failures_alone_are_printed(kind: type[Lines]) -> None:
    """On a terminal, where the bar shows the others, and with --quiet; of finished architectures, nothing."""
    stream = StringIO()
    shown = kind(stream)
    shown.plan(jobs("a"), 1, seconds)
    measured = samples.reading("latency_cpu", 0.01, 0.011)
    broken = samples.reading("latency_cpu", status="failed", reason="X1")
    shown.pair(jobs("a")[0], [measured, measured])
    shown.claim(samples.evidence()["squeeze"])
    shown.architecture_finished("a")
    if kind is not Live:
        assert stream.getvalue() == ""
    shown.pair(jobs("a")[0], [measured, broken])
    shown.claim(samples.evidence()["squeeze"].model_copy(update={"reason": "X2"}))
    shown.close()
    printed = [line for line in stream.getvalue().splitlines() if "X" in line or "finished" in line or "claim" in line]
    assert [("X1" in line, "X2" in line) for line in printed] == [(True, False), (False, True)]


def test_json_has_an_event_per_line_and_no_other_text() -> None:
    process = call("--out", "/nonexistent", "--progress", "xml")
    assert process.returncode == 2
    stream = StringIO()
    shown = progress(stream, kind="json")
    shown._interval = 0.01
    played(shown, RUNNING_AS_JSON)
    shown.note("a note")
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "plan"
    assert [kind for kind in kinds if kind != "running"][1] == "started"
    assert {"running", "finished", "architecture", "note"} <= set(kinds)
    assert all({"done", "total", "seconds_left"} <= event.keys() for event in events)
    running = next(event for event in events if event["event"] == "running" and event["running"])
    assert running["running"] == [{"architecture": "a", "process": "timing cpu", "round": 1}]
    assert running["seconds_left"] == 240.0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--out", "{}", "--architectures", "alexne"), "'alexnet'"),
        (("--out", "{}", "--metric", "size"), "--metrics"),
        (("nightly", "--out", "{}", "--steps", "x"), "'x'"),
    ],
)
@pytest.mark.parametrize("asked", [("--progress", "json"), ("--progress=json",)])
def test_an_error_is_an_event_too(options: Sequence[str], text: str, asked: tuple[str, ...], tmp_path: Path) -> None:
    """That of the command line, and what is only known while the run is prepared; exit code and text as in plain."""
    words = [word.format(tmp_path) for word in options]
    plain, process = call(*words), call(*words, *asked)
    assert (plain.returncode, process.returncode) == (2, 2)
    [event] = [json.loads(line) for line in process.stderr.splitlines()]
    assert event["event"] == "error"
    assert text in event["text"]
    assert plain.stderr == f"reporter: {event['text']}\n"
    assert call(*words, *asked, "--progress", "lines").stderr == plain.stderr


def test_lines_are_in_a_group_on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    stream = StringIO()
    shown = progress(stream)
    assert isinstance(shown, GitHubLines)
    played(shown)
    shown.close()
    lines = stream.getvalue().splitlines()
    assert (lines[0], lines[-1]) == ("::group::Measurements", "::endgroup::")
    assert lines.count("::endgroup::") == 1


def test_a_run_prints_each_finished_architecture(
    real_run: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    process = real_run[1]
    assert process.returncode == 0, process.stderr
    assert "tiny finished" in process.stderr
    assert "wide finished" in process.stderr
    assert all(character == "\n" or character.isprintable() for character in process.stderr)
    process = call("--out", tmp_path, *OPTIONS, "--progress", "json", report=False)
    events = [json.loads(line) for line in process.stderr.splitlines()]
    assert events[-1]["event"] == "message"
    assert "measured for" in events[-1]["text"]
    finished = [event["architecture"] for event in events if event["event"] == "architecture"]
    assert sorted(finished) == ["tiny", "wide"]
    assert {"reading", "started", "finished"} <= {event["event"] for event in events}


def test_the_preparation_and_the_report_are_not_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading torch for networks of the user or for a reference, and rendering, may take longer than the interval."""

    def slow(longest: float, *_: object) -> None:
        wait_for("still", errors_so_far, longest)
        raise ReporterError("no such thing")

    monkeypatch.setattr(heartbeat, "INTERVAL", 0.01)
    line = "note: still preparing the run, after 0 s"
    for options, longest, expected in (((), 20.0, {line}), (("--quiet",), 0.05, set())):
        monkeypatch.setattr(preparation, "prepare", partial(slow, longest))
        done = call("--out", tmp_path, "--architectures", "alexnet", *options)
        lines = without_seconds(done.stderr).splitlines()
        assert set(lines[:-1]) == expected
        assert lines[-1] == "reporter: no such thing"
    noted: list[str] = []
    monkeypatch.setattr(printing.click, "echo", lambda line, err: noted.append(line))
    with printing.messages_as_json(True), heartbeat.during("writing the report", printing.note):
        wait_for("still", lambda: "".join(noted))
    found = json.loads(without_seconds(noted[0]))
    assert found == {"event": "message", "text": "note: still writing the report, after 0 s"}
