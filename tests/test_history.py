"""history.jsonl read from its end: the same runs as from its start, in spite of torn lines, and only so many bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter import history, store
from reporter.history import PastRun, recent
from reporter.types import ReporterError

NAMES = ("alexnet", "vgg16", "resnet50")


def line(architecture: str, machine: str, moment: str, value: float, **more: Any) -> dict[str, Any]:
    about = {"generated": moment, "architecture": architecture, "machine": machine}
    return {**about, "environment": {"torch": "2"}, "values": {"latency_cpu": value, "macs": 7}, **more}


def night(day: int, machine: str = "quiet", names: Sequence[str] = NAMES, **more: Any) -> list[dict[str, Any]]:
    moment = f"2026-{1 + day // 28:02}-{1 + day % 28:02}T00:00:00+00:00"
    return [line(name, machine, moment, day + rank / 10, **more) for rank, name in enumerate(names)]


def written(folder: Path, lines: Iterable[dict[str, Any]]) -> Path:
    store.append_history(folder, lines)
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
    store.append_history(tmp_path, night(2))
    with path.open("ab") as file:
        file.write(json.dumps(night(3)[0]).encode()[:-9])
    assert [day for _, day, _ in days(recent(path, ["quiet"]))] == [1, 2]


def test_only_so_many_bytes_are_read_and_no_half_run_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, (line for day in range(9) for line in night(day)))
    size = len(json.dumps(night(1)[0])) + 1
    assert [day for _, day, _ in days(recent(path, ["quiet"], most_bytes=8 * size + 9))] == [7, 8]
    assert recent(path, ["quiet"], most_bytes=9) == []


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
