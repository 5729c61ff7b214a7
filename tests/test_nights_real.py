"""Nightly runs of the real command on a small network: its output, signals, and architectures that do not build."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import pytest
from commands import run, start

from reporter import store

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
    assert {reading.status for reading in store.load(record).readings.values()} == {"failed"}
    (record,) = out.glob("records/*/one.json")
    assert store.load(record).value("parameters") == 4 * 28 + 5 * 1000
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
