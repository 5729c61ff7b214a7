"""Progress in a pipe: a line at regular times, one per finished architecture, groups on GitHub, JSON for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
import samples
from commands import QUICK, TINY, WIDE, call

from reporter.cli import heartbeat
from reporter.cli.progress import GitHubLines, JsonLines, Lines, Live, progress
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


def played(shown: Lines, waiting: float) -> None:
    """Two jobs that take some time each, of four."""
    planned = jobs("a", "b")
    shown.plan(planned, 1, seconds)
    for job in planned[:3]:
        shown.job_started(job)
        time.sleep(waiting)
        shown.job_finished(job, waiting)
    shown.close()


def test_a_job_that_takes_long_is_not_silent() -> None:
    stream = StringIO()
    played(Lines(stream, interval=0.1), 0.25)
    lines = stream.getvalue().splitlines()
    assert "[0/4] running a: timing cpu, round 1; about 4 min left" in lines
    assert "[2/4] running a: timing cpu, round 2; about 2 min left" in lines
    assert "[3/4] a finished; about 60 s left" in lines
    assert "b finished" not in stream.getvalue()
    printed = stream.getvalue()
    time.sleep(0.2)
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


def test_no_line_is_due_while_others_are_printed() -> None:
    stream = StringIO()
    shown = Lines(stream, interval=0.5)
    shown.plan(jobs("a"), 1, seconds)
    for number in range(8):
        time.sleep(0.1)
        shown.note(f"line {number}")
    shown.close()
    assert "running" not in stream.getvalue()


def test_two_lines_are_at_most_30_seconds_apart() -> None:
    assert heartbeat.INTERVAL == 30.0
    assert progress(StringIO())._interval == heartbeat.INTERVAL
    assert progress(StringIO(), kind="json")._interval == heartbeat.INTERVAL


def test_quiet_prints_none() -> None:
    stream = StringIO()
    played(progress(stream, quiet=True), 0.0)
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


def test_json_has_an_event_per_line_and_no_other_text() -> None:
    process = call("--out", "/nonexistent", "--progress", "xml")
    assert process.returncode == 2
    stream = StringIO()
    shown = progress(stream, kind="json")
    shown._interval = 0.1
    played(shown, 0.25)
    shown.note("a note")
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[:2] == ["plan", "started"]
    assert {"running", "finished", "architecture", "note"} <= set(kinds)
    assert all({"done", "total", "seconds_left"} <= event.keys() for event in events)
    running = next(event for event in events if event["event"] == "running")
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
    played(shown, 0.0)
    shown.close()
    lines = stream.getvalue().splitlines()
    assert (lines[0], lines[-1]) == ("::group::Measurements", "::endgroup::")
    assert lines.count("::endgroup::") == 1


def test_a_run_prints_each_finished_architecture(tmp_path: object) -> None:
    process = call("--out", tmp_path, *OPTIONS, report=False)
    assert process.returncode == 0, process.stderr
    assert "tiny finished" in process.stderr
    assert "wide finished" in process.stderr
    assert all(character == "\n" or character.isprintable() for character in process.stderr)
    process = call("--out", tmp_path, *OPTIONS, "--fresh", "--progress", "json", report=False)
    events = [json.loads(line) for line in process.stderr.splitlines()]
    assert events[-1]["event"] == "message"
    assert "measured for" in events[-1]["text"]
    finished = [event["architecture"] for event in events if event["event"] == "architecture"]
    assert sorted(finished) == ["tiny", "wide"]
    assert {"reading", "started", "finished"} <= {event["event"] for event in events}


def test_the_preparation_and_the_report_are_not_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading torch for networks of the user or for a reference, and rendering, may take longer than the interval."""

    def slow(*_: object) -> None:
        time.sleep(0.2)
        raise ReporterError("no such thing")

    monkeypatch.setattr(heartbeat, "INTERVAL", 0.1)
    monkeypatch.setattr(preparation, "prepare", slow)
    for options, expected in (((), {"note: still preparing the run, after 0 s"}), (("--quiet",), set())):
        lines = call("--out", tmp_path, "--architectures", "alexnet", *options).stderr.splitlines()
        assert set(lines[:-1]) == expected
        assert lines[-1] == "reporter: no such thing"
    noted: list[str] = []
    with printing.messages_as_json(True), heartbeat.during("writing the report", printing.note):
        monkeypatch.setattr(printing.click, "echo", lambda line, err: noted.append(line))
        time.sleep(0.2)
    assert json.loads(noted[0]) == {"event": "message", "text": "note: still writing the report, after 0 s"}
