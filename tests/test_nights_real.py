"""Nightly runs of the real command on a small network: its output, signals, and architectures that do not build."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import ROOT, run, start
from nights import BROKEN_LAYER, BROKEN_LIBRARY, plug_in

from reporter.nightly import dates
from reporter.store import record_files

pytestmark = pytest.mark.slow
OPTIONS = ("--metrics", "size,compute", "--preset", "quick", "--device", "cpu")
SMALL = """
from torch import nn

def {name}(num_classes):
    {first}
    body = nn.Sequential(nn.Conv2d(3, {width}, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(body, nn.Linear({width}, num_classes))
"""


def network(folder: Path, name: str, width: int = 4, first: str = "pass") -> tuple[str, str]:
    """The options that name a network in a file of its own."""
    path = folder / f"{name}.py"
    path.write_text(SMALL.format(name=name, width=width, first=first))
    return "--architecture", f"{path}:{name}"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 20 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "reporter-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, free: int) -> None:
    """Leaves so many bytes of a file system free; the file system counts pages of 4 KiB."""
    with (disk / "ballast").open("wb") as ballast:
        while (more := os.statvfs(disk).f_bavail * 4096 - free) > 0:
            ballast.write(b"\0" * min(more, 1 << 16))
            ballast.flush()


@dataclass
class Command:
    """Runs of the command in a folder, with the packages of `site`; the headline of the last one."""

    out: Path
    site: Path
    base: str = ""
    """The moment of the baseline as the headline has it."""
    headline: str = ""

    def night(self, code: int, headline: str, *options: str, names: str = "teamnet") -> str:
        """One run, whose exit code, headline and baseline are checked; gives both streams."""
        variables = {"PYTHONPATH": f"{ROOT}{os.pathsep}{self.site}", "PYTHONDONTWRITEBYTECODE": "1"}
        words = ("nightly", "--out", self.out, "--architectures", names, *options, *OPTIONS)
        done = run(*words, variables=variables)
        assert done.returncode == code, done.stdout + done.stderr
        self.headline = done.stdout.splitlines()[0]
        assert self.headline.startswith(headline), self.headline
        assert self.headline.endswith(f"{self.base}."), self.headline
        assert "Traceback" not in done.stderr
        if code == 0:
            self.remember()
        return done.stdout + done.stderr

    def remember(self) -> None:
        """The records of the last run are the baseline of the next one."""
        newest = max(record_files.load(path).started for path in self.out.glob("records/*/*.json"))
        self.base = f"baseline: run of {dates.moment(newest)}"


def test_a_plug_in_that_fails_and_a_full_disk(disk: Path, tmp_path: Path) -> None:
    """Fourteen runs in a row, on a file system that is really full in three of them."""
    site, own = tmp_path / "site", network(tmp_path, "one")
    plug_in(site)
    command = Command(disk / "out", site, base="compare with")
    command.night(0, "First run: there is no readable baseline to compare with.", *own)
    command.night(0, "Nothing changed; same versions", *own)
    plug_in(site, first=BROKEN_LIBRARY)
    for headline in ("Changed: ", "Still failing since "):
        assert BROKEN_LIBRARY[15:30] in command.night(1, headline, *own)
    plug_in(site, build=BROKEN_LAYER)
    assert "RuntimeError: no such layer" in command.night(1, "Still failing since ", *own)
    plug_in(site)
    command.night(0, "Nothing changed;", *own)
    network(tmp_path, "one", width=8)
    command.night(1, "Changed: ", *own)
    fill(disk, 96 << 10)
    printed = command.night(1, "Changed: ", *own)  # full while the report is written
    assert "No space left on device" in printed
    assert "one 5,112 -> 9,224" in printed
    network(tmp_path, "one")
    assert "No space left on device" in command.night(2, "Nothing changed", *own)
    (disk / "ballast").unlink()
    command.night(0, "Nothing changed; the run of ", *own)
    network(tmp_path, "one", width=8)
    command.night(1, "Changed: ", *own)
    command.night(1, "Changed: ", *own)
    assert run("accept", command.out, "--reason", "wider").returncode == 0
    command.remember()
    command.night(0, "Nothing changed; same versions", *own)
    fill(disk, 0)
    done = run("nightly", "--out", command.out, *own, *OPTIONS)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "No space left on device" in done.stderr


def test_a_network_that_cannot_be_found_or_built(tmp_path: Path) -> None:
    """The others are measured, the row has the reason, and the exit code is 1 because the baseline had it."""
    out, one, other = tmp_path / "out", network(tmp_path, "one"), network(tmp_path, "other")
    nightly = ("nightly", "--out", out, *one, *other, *OPTIONS)
    first = run(*nightly, "--label", "commit=abc", "--label", "run=7")
    assert (first.returncode, first.stdout.splitlines()[0]) == (
        0, "First run: there is no readable baseline to compare with."
    )  # fmt: skip
    lines = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    assert [line["labels"] for line in lines] == [{"commit": "abc", "run": "7"}] * 2
    (tmp_path / "other.py").unlink()
    gone = run(*nightly)
    assert gone.returncode == 1, gone.stderr
    assert "other.py: there is no such file" in gone.stdout
    (record,) = out.glob("records/*/other.json")
    assert {reading.status for reading in record_files.load(record).readings.values()} == {"failed"}
    (record,) = out.glob("records/*/one.json")
    assert record_files.load(record).value("parameters") == 4 * 28 + 5 * 1000
    network(tmp_path, "other", first="raise RuntimeError('no such layer')")
    broken = run(*nightly)
    assert broken.returncode == 1
    assert "RuntimeError: no such layer" in broken.stdout
    network(tmp_path, "other", width=8)
    assert "other 5,112 -> 9,224" in run(*nightly).stdout
    accepted = run("accept", out, "--reason", "wider")
    assert (accepted.returncode, accepted.stdout) == (0, "")
    assert run(*nightly).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_leaves_the_last_complete_run(number: signal.Signals, tmp_path: Path) -> None:
    out, one = tmp_path / "out", network(tmp_path, "one")
    nightly = ("nightly", "--out", out, *one, *OPTIONS)
    assert run(*nightly).returncode == 0
    before = (out / "summary.json").read_bytes()
    slow = network(tmp_path, "slow", first="import time; time.sleep(3)")
    process = start(*nightly, *slow)
    end = time.monotonic() + 120
    while not (out / ".nightly" / "started.json").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    assert ("interrupted; the last complete run stays in" in errors) == (number != signal.SIGKILL)
    assert (out / "summary.json").read_bytes() == before
    assert (out / ".nightly" / "tonight").exists() == (number == signal.SIGKILL)
    after = run(*nightly)
    assert after.returncode == 0
    assert "did not finish" in after.stdout.splitlines()[0]
    assert not (out / ".nightly" / "tonight").exists()


def test_the_result_goes_to_a_socket_a_file_and_a_full_disk(tmp_path: Path) -> None:
    out, one = tmp_path / "out", network(tmp_path, "one")
    nightly = ("nightly", "--out", out, *one, *OPTIONS)
    log = tmp_path / "log"
    with log.open("a") as file:
        file.write("before\n")
        file.flush()
        process = start(*nightly, stdout=file)
        process.communicate(timeout=120)
        file.write("after\n")
    assert process.returncode == 0
    assert [line.split(":")[0] for line in log.read_text().splitlines()] == ["before", "First run", "Report", "after"]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = start(*nightly, stdout=theirs.fileno())
        process.communicate(timeout=120)
        theirs.close()
        assert process.returncode == 0
        assert ours.makefile().read().startswith("Nothing changed;")
    with Path("/dev/full").open("w") as full:
        process = start(*nightly, stdout=full)
        process.communicate(timeout=120)
        assert process.returncode == 0
