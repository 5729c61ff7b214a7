"""A run that is killed or interrupted at any moment: what is finished is whole, and the next run is like any other."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from commands import copy_of_the_checkout, run, soon_none, start
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reporter.store import record_files

TINY = """
from __future__ import annotations

from functools import partial

from reporter.model import Architecture


def build(width, classes):
    from torch import nn

    body = nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*body, nn.Linear(width, classes))


ENTRIES = tuple(
    Architecture(f"tiny{width}", family="Tiny", year=2026, paper="none", build=partial(build, width), input_size=32)
    for width in range(1, 9)
)
"""
OPTIONS = ("--architectures", "Tiny", "--metrics", "size,macs", "--preset", "quick", "--device", "cpu")
KILLS_AT_A_TIME, CHAINS, EXAMPLES = 17, 2, 3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc"),
]


class Undisturbed(NamedTuple):
    root: Path
    seconds: float
    lines: int
    readings: dict[str, dict[str, Any]]
    summary: dict[str, Any]


class Watched:
    """A run whose progress is followed while it goes."""

    def __init__(self, root: Path, folder: Path, *more: str) -> None:
        self.process = start("--out", folder, *OPTIONS, *more, root=root, variables={"REPORTER_TEST": str(folder)})
        self.lines: list[str] = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stderr.readline, "")))
        self.reader.start()

    def await_line(self, number: int) -> None:
        while len(self.lines) < number and self.process.poll() is None:
            time.sleep(0.0005)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(timeout=10)
        self.reader.join()
        self.process.stderr.close()
        self.process.stdout.close()
        return code

    def phase(self, lines: int) -> str:
        if any("measured for" in line for line in self.lines):
            return "over"
        readings = sum(line.startswith("[") for line in self.lines)
        return "before the first reading" if not readings else "measuring" if readings < lines else "telling"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    root = copy_of_the_checkout(tmp_path_factory.mktemp("copy"))
    (root / "reporter/architectures/tiny.py").write_text(TINY)
    folder = tmp_path_factory.mktemp("undisturbed")
    begun = time.monotonic()
    done = run("--out", folder, *OPTIONS, root=root)
    assert done.returncode == 0, done.stderr
    lines = sum(line.startswith("[") for line in done.stderr.splitlines())
    return Undisturbed(root, time.monotonic() - begun, lines, *deterministic(folder))


def deterministic(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The readings of every record, and the summary without ids and times of the run."""
    records, complaints = record_files.load_all(folder)
    assert not complaints
    summary = json.loads((folder / "summary.json").read_text())
    for key in ("generated", "run", "started"):
        summary.pop(key)
    for record in summary["records"]:
        record.pop("started")
    return {record.architecture: record.model_dump(mode="json")["readings"] for record in records}, summary


def disturb(folder: Path, number: signal.Signals, chance: random.Random, case: Undisturbed) -> tuple[Watched, float]:
    """Starts a run and sends it a signal: anywhere in its life, or soon after one of its readings was saved."""
    among_readings = chance.random() < 0.6
    run = Watched(case.root, folder, *(["--fresh"] if among_readings or chance.random() < 0.5 else []))
    if among_readings:
        run.await_line(chance.randrange(1, case.lines))
        time.sleep(chance.uniform(0, 0.01))
    else:
        time.sleep(chance.uniform(0, case.seconds))
    sent = time.monotonic()
    return run, sent


def check_records(folder: Path, run: Watched) -> None:
    """No record is torn, and what the run reported is in them."""
    records, complaints = record_files.load_all(folder)
    assert not complaints
    found = {record.architecture: record for record in records}
    for line in run.lines:
        if line.startswith("[") and not line.split()[2].startswith("finished"):
            _, name, key, *words = line.split()
            status = found[name].readings[key].status
            assert status == ("unsupported" if words[0] == "unsupported:" else "ok"), line


def check_next_run(folder: Path, case: Undisturbed) -> None:
    done = run("--out", folder, *OPTIONS, root=case.root)
    assert done.returncode == 0, done.stderr
    readings, summary = deterministic(folder)
    assert readings == case.readings
    assert summary == {**case.summary, "settings": summary["settings"]}
    hidden = {path.name for path in folder.rglob(".*")}
    assert hidden == {".lock"}
    for line in (folder / "history.jsonl").read_text().splitlines()[-1:]:
        json.loads(line)


def killed_again_and_again(folder: Path, seed: int, case: Undisturbed) -> Counter[str]:
    """One folder through several runs that are killed and one that is not; where the kills fell."""
    chance, fell = random.Random(seed), Counter[str]()
    for _ in range(KILLS_AT_A_TIME):
        victim, _ = disturb(folder, signal.SIGKILL, chance, case)
        code = victim.end(signal.SIGKILL)
        fell[victim.phase(case.lines) if code == -signal.SIGKILL else "over"] += 1
        fell["in the middle of a file"] += any(folder.rglob(".*.json.*"))
        assert soon_none(str(folder), 5)
        check_records(folder, victim)
    check_next_run(folder, case)
    return fell


@pytest.mark.timeout(1800)
def test_runs_killed_at_random_moments(
    undisturbed: Undisturbed, tmp_path_factory: pytest.TempPathFactory, record_property: Any
) -> None:
    """A hundred kills; each leaves whole records and no process, and then a run completes as if nothing had been."""
    fell: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
              database=None)  # fmt: skip
    @given(st.randoms(use_true_random=True))
    def kill(chance: random.Random) -> None:
        folders = [tmp_path_factory.mktemp("killed") for _ in range(CHAINS)]
        with ThreadPoolExecutor(CHAINS) as both:
            ends = [both.submit(killed_again_and_again, folder, chance.randrange(2**32), undisturbed)
                    for folder in folders]  # fmt: skip
            for end in ends:
                fell.update(end.result())

    kill()
    record_property("kills", dict(fell))
    print(dict(fell))
    runs = KILLS_AT_A_TIME * CHAINS * EXAMPLES
    assert runs - fell["over"] >= 0.9 * runs
    assert fell["measuring"] >= 0.3 * runs


def test_runs_interrupted_at_random_moments(undisturbed: Undisturbed, tmp_path: Path) -> None:
    """Two seconds later there is no process, and the exit code says so; the last run completes."""
    chance = random.Random(0)
    fell: Counter[str] = Counter()
    for number in [signal.SIGINT, signal.SIGTERM] * 10:
        victim, sent = disturb(tmp_path, number, chance, undisturbed)
        code = victim.end(number)
        fell[victim.phase(undisturbed.lines)] += 1
        output = "".join(victim.lines)
        early = code == -number and not output  # Python itself was still loading
        assert code == 130 or early or "measured for" in output or "nothing to do" in output, (code, output)
        assert "Traceback" not in output
        assert soon_none(str(tmp_path), 2 - (time.monotonic() - sent))
        check_records(tmp_path, victim)
    check_next_run(tmp_path, undisturbed)
    assert fell["measuring"] >= 5
