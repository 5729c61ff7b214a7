"""history.jsonl read from its end: the same runs as from its start, in spite of torn lines, and only so many bytes."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click import BadParameter, Command, Context, Option
from hypothesis import given
from hypothesis import strategies as st

from reporter.cli.options import labels
from reporter.compare import levels, log_times
from reporter.model import ReporterError
from reporter.store import history, record_files
from reporter.store.history import PastRun, recent

NAMES = ("alexnet", "vgg16", "resnet50")


def line(architecture: str, machine: str, moment: str, value: float, **more: Any) -> dict[str, Any]:
    about = {"generated": moment, "architecture": architecture, "machine": machine}
    return {**about, "environment": {"torch": "2"}, "values": {"latency_cpu": value, "macs": 7}, **more}


def night(day: int, machine: str = "quiet", names: Sequence[str] = NAMES, **more: Any) -> list[dict[str, Any]]:
    moment = f"2026-{1 + day // 28:02}-{1 + day % 28:02}T00:00:00+00:00"
    return [line(name, machine, moment, day + rank / 10, **more) for rank, name in enumerate(names)]


def written(folder: Path, lines: Iterable[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    record_files.append_history(folder, lines)
    return folder / "history.jsonl"


def days(runs: Iterable[PastRun]) -> list[tuple[str, int, list[str]]]:
    return [(run.machine, int(next(iter(run.values.values()))["latency_cpu"]), sorted(run.values)) for run in runs]


@pytest.mark.parametrize("block", [1, 7, 100, 2**20])
@pytest.mark.parametrize("marked", [False, True])
def test_the_latest_runs_oldest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, marked: bool
) -> None:
    """The blocks in which the file is read make no difference."""
    monkeypatch.setattr(history, "BLOCK", block)
    nights = [night(day, **({"run": str(day)} if marked else {})) for day in range(9)]
    path = written(tmp_path, (line for lines in nights for line in lines))
    assert days(recent(path, ["quiet"], runs=4)) == [("quiet", day, sorted(NAMES)) for day in range(5, 9)]
    assert days(recent(path, ["quiet"], runs=40)) == [("quiet", day, sorted(NAMES)) for day in range(9)]
    assert recent(path, ["quiet"], runs=1, keys=["macs"])[0].values["vgg16"] == {"macs": 7}
    assert recent(path, ["quiet"], runs=1)[0].environment == {"torch": "2"}
    assert recent(path, ["loud"]) == recent(tmp_path / "none", ["quiet"]) == recent(path, []) == []


def test_machines_are_counted_apart(tmp_path: Path) -> None:
    old = [line for day in range(3) for line in night(day, "old")]
    both = [line for day in range(3, 9) for line in (*night(day), *night(day, "other"))]
    path = written(tmp_path, [*old, *both])
    found = days(recent(path, ["quiet", "old"], runs=2))
    assert [(machine, day) for machine, day, _ in found] == [("old", 1), ("old", 2), ("quiet", 7), ("quiet", 8)]


def test_a_run_that_was_taken_up_again_within_a_minute_is_another(tmp_path: Path) -> None:
    lines = [line("alexnet", "quiet", f"2026-01-01T00:00:{second:02}+00:00", second) for second in (1, 2)]
    assert len(recent(written(tmp_path, lines), ["quiet"])) == 2


def test_torn_lines_are_skipped(tmp_path: Path) -> None:
    path = written(tmp_path, night(1))
    with path.open("ab") as file:
        file.write(b'{"generated": "2026-\n\xff\xfe\n[]\n{"values": 1}\n{"values": {}, "machine": 1}\n' + b"[" * 9999)
    record_files.append_history(tmp_path, night(2))
    with path.open("ab") as file:
        file.write(json.dumps(night(3)[0]).encode()[:-9])
    assert [day for _, day, _ in days(recent(path, ["quiet"]))] == [1, 2]


def test_only_so_many_bytes_are_read_and_no_half_run_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, (line for day in range(9) for line in night(day)))
    size = len(json.dumps(night(1)[0])) + 1
    assert [day for _, day, _ in days(recent(path, ["quiet"], most_bytes=8 * size + 9))] == [7, 8]
    assert recent(path, ["quiet"], most_bytes=9) == []
    assert [day for _, day, _ in days(recent(path, ["quiet"], most_bytes=8 * size + 9, needed=2))] == [7, 8]
    assert [day for _, day, _ in days(recent(path, ["quiet"], most_bytes=8 * size + 9, needed=3))] == [*range(9)]


def test_a_line_without_end_is_not_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "BLOCK", 64)
    monkeypatch.setattr(history, "LONGEST_LINE", 512)
    path = written(tmp_path, night(1))
    with path.open("ab") as file:
        file.write(b"x" * 9999 + b"\n")
    written(tmp_path, night(2))
    assert [day for _, day, _ in days(recent(path, ["quiet"]))] == [1, 2]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", '"7"', "true", "null", "[1]", "9" * 400])
def test_what_is_no_number_is_no_value(tmp_path: Path, text: str) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(json.dumps(night(1)[0]).replace("1.0", text) + "\n" + json.dumps(night(1)[1]) + "\n")
    (run,) = recent(path, ["quiet"])
    assert run.value("alexnet", "latency_cpu") is None
    assert run.value("vgg16", "latency_cpu") == 1.1


def test_a_history_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path, night(1))
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ReporterError, match=r"history\.jsonl: cannot be read: Permission denied"):
        recent(path, ["quiet"])


def test_the_order_of_a_machine_is_that_of_the_file(tmp_path: Path) -> None:
    """A clock that was ahead for one run does not make it the newest of all later ones."""
    dates = ("2026-01-01", "2028-01-01", "2026-01-02", "2026-01-03")
    lines = [line("alexnet", "quiet", f"{date}T00:00:00+00:00", number) for number, date in enumerate(dates)]
    other = line("alexnet", "other", "2026-01-02T12:00:00+00:00", 9)
    runs = recent(written(tmp_path, [*lines[:3], other, *lines[3:]]), ["quiet", "other"])
    assert tuple(run.moment[:10] for run in runs if run.machine == "quiet") == dates
    assert [run.machine for run in runs].count("other") == 1


@pytest.mark.parametrize("content", [b"\x80" * 5000, b"torn\n" * 3, b"\n"])
def test_a_history_without_a_readable_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert history.complaint(path) is None
    path.write_bytes(content)
    assert history.complaint(path) == f"{path}: no line of it can be read; earlier runs are left out"
    written(tmp_path, night(1))
    assert history.complaint(path) is None


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_read_without_error(tmp_path_factory: pytest.TempPathFactory, content: bytes, most: int) -> None:
    path = tmp_path_factory.mktemp("any") / "history.jsonl"
    path.write_bytes(content)
    assert recent(path, ["quiet"], most_bytes=most) == []


def unfinished(day: int, **more: Any) -> dict[str, Any]:
    """The line of a nightly run that was killed."""
    moment = f"2026-{1 + day // 28:02}-{1 + day % 28:02}T00:00:00+00:00"
    about = {"schema": 2, "finished": False, "started": moment, "generated": moment, "run": f"killed {day}"}
    return {**about, "architecture": None, "machine": "quiet", "environment": {}, "values": {}, **more}


def failing(line: dict[str, Any]) -> dict[str, Any]:
    """The line of an architecture whose readings failed."""
    reasons = {key: {"status": "failed", "reason": "no kernel"} for key in line["values"]}
    return {**line, "schema": 2, "finished": True, "exit_code": 3, "values": {}, "unmeasured": reasons}


@pytest.mark.parametrize("more", [{}, {"architecture": "vgg16", "values": {"latency_cpu": 99.0, "macs": 99}}])
def test_a_run_that_did_not_finish_is_no_run(tmp_path: Path, more: dict[str, Any]) -> None:
    """Neither for the last runs, nor for the last values, nor for what a job costs."""
    jobs = {"effort": "same", "jobs": {"timing cpu": 7.0}}
    killed = [unfinished(day, **more, effort="same", jobs={"timing cpu": 99.0}) for day in (2, 3)]
    lines = [*night(1, run="1", **jobs), *killed, *night(4, run="4", schema=2, finished=True)]
    path = written(tmp_path, lines)
    assert days(recent(path, ["quiet"], runs=1)) == [("quiet", 4, sorted(NAMES))]
    assert days(recent(path, ["quiet"])) == [("quiet", day, sorted(NAMES)) for day in (1, 4)]
    written(tmp_path, [unfinished(5, **more)])
    assert history.last_values(path, ["vgg16"])["vgg16"] == {"latency_cpu": 4.1, "macs": 7}
    assert history.costs(path, "quiet", "same")["vgg16", "timing cpu"] == 7.0


def test_a_reading_that_failed_has_no_value(tmp_path: Path) -> None:
    """The value before it is the last one, and the run has a gap."""
    path = written(tmp_path, [*night(1, run="1"), *[failing(each) for each in night(2, run="2", names=NAMES[:1])]])
    assert [run.value("alexnet", "latency_cpu") for run in recent(path, ["quiet"])] == [1.0, None]
    assert history.last_values(path, ["alexnet"]) == {"alexnet": {"latency_cpu": 1.0, "macs": 7}}


def test_a_run_of_the_main_job_that_was_interrupted_has_no_values(tmp_path: Path) -> None:
    """Its times have fewer rounds than those of others; its counts and the seconds of its jobs are not different."""
    half = {"exit_code": 130, "effort": "same", "jobs": {"timing cpu": 7.0}}
    modes = {"channels_last": {"values": {"latency_cpu": 9.0}}}
    path = written(tmp_path, [*night(1, run="1", modes=modes), *night(2, run="2", modes=modes, **half)])
    first, second = recent(path, ["quiet"])
    assert (first.name, first.value("vgg16", "latency_cpu", "channels_last")) == ("1", 9.0)
    assert (second.name, set(second.values), second.modes) == ("2", set(NAMES), {})
    assert second.value("vgg16", "latency_cpu") is None
    assert history.last_values(path, ["vgg16"])["vgg16"]["macs"] == 7
    assert history.costs(path, "quiet", "same")["vgg16", "timing cpu"] == 7.0


def test_levels_and_noise_are_those_without_failed_killed_and_interrupted_runs(tmp_path: Path) -> None:
    moves = [(1 + (day * 7 % 5) / 100, [1.3 if day > 9 else 1.0, 1.0, 1.0]) for day in range(20)]
    good = [
        [
            {**each, "values": {"latency_cpu": (1 + rank) * drift * level[rank]}}
            for rank, each in enumerate(night(day, run=f"{day}"))
        ]
        for day, (drift, level) in enumerate(moves)
    ]
    interrupted = night(21, run="interrupted", exit_code=130)
    bad = [[unfinished(21)], [failing(each) for each in night(21, run="failed")], interrupted]
    plain = recent(written(tmp_path / "plain", [line for lines in good for line in lines]), ["quiet"])
    mixed_lines = [line for lines in (*good[:10], *bad, *good[10:], *bad) for line in lines]
    mixed = recent(written(tmp_path / "mixed", mixed_lines), ["quiet"])
    before, after = (levels.level_history(past, "quiet", "latency_cpu") for past in (plain, mixed))
    assert before is not None
    assert {series.architecture for series in before.series if series.steps} == {"alexnet"}
    assert after == before
    noises = [log_times.history_noise(past, "quiet", "latency_cpu", NAMES) for past in (plain, mixed)]
    assert noises[0] is not None
    assert noises[1] == pytest.approx(noises[0])


def test_fields_are_added_to_the_lines_of_this_run_only(tmp_path: Path) -> None:
    """Also after a line that was cut short, and with line separators in a text."""
    path = written(tmp_path, night(1))
    with path.open("ab") as file:
        file.write(b'{"torn": ')
    before, start = path.read_bytes(), record_files.history_size(tmp_path)
    written(tmp_path, night(2, labels={"text": "one\u2028two"}))
    record_files.add_to_history(tmp_path, start, {"exit_code": 3})
    assert path.read_bytes().startswith(before + b"\n")
    added = [json.loads(line) for line in path.read_text("utf-8")[len(before.decode()) :].strip().split("\n")]
    assert added == [{**each, "labels": {"text": "one\u2028two"}, "exit_code": 3} for each in night(2)]
    whole = path.read_bytes()
    record_files.add_to_history(tmp_path, record_files.history_size(tmp_path), {"exit_code": 1})
    assert path.read_bytes() == whole
    record_files.add_to_history(tmp_path / "none", 0, {"exit_code": 1})
    assert not (tmp_path / "none").exists()


def test_a_full_disk_leaves_the_lines_as_they_were(tmp_path: Path) -> None:
    path = written(tmp_path, night(1))
    start = record_files.history_size(tmp_path)
    written(tmp_path, night(2))
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (start + 9, len(before), len(before) + 9):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            record_files.add_to_history(tmp_path, start, {"exit_code": 3})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.read_bytes() == before


def test_no_link_is_followed_to_add_fields(tmp_path: Path) -> None:
    other = written(tmp_path / "other", night(1))
    before = other.read_bytes()
    (tmp_path / "history.jsonl").symlink_to(other)
    record_files.add_to_history(tmp_path, 0, {"exit_code": 3})
    assert other.read_bytes() == before


@pytest.mark.parametrize("pairs", [["commit"], ["=x"], ["commit="], [f"commit={'x' * 1000}"], ["a=b"] * 101])
def test_labels_are_checked(pairs: list[str]) -> None:
    with pytest.raises(BadParameter):
        labels(Context(Command("any")), Option(["--label"]), tuple(pairs))


def test_a_label_may_contain_an_equals_sign() -> None:
    found = labels(Context(Command("any")), Option(["--label"]), ("url=https://x/?a=1", "run=7"))
    assert found == {"url": "https://x/?a=1", "run": "7"}


def test_a_label_that_is_not_utf8_can_be_stored(tmp_path: Path) -> None:
    """Python reads such a byte of the command line as a surrogate, which no file can contain."""
    found = labels(Context(Command("any")), Option(["--label"]), ("branch=caf\udce9\n",))
    assert found == {"branch": "caf\\udce9\\n"}
    record_files.append_history(tmp_path, [{"labels": found}])
