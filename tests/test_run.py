"""Whole runs with real networks: files, resuming, interrupts, networks that fail."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import worker_entries
from commands import QUICK, TINY, WIDE, call, copy_of_the_checkout, marked, run, start
from costs import children
from forked import execute

from reporter import architectures
from reporter.cli.progress import Lines
from reporter.host import interrupts
from reporter.host.exit_codes import INTERRUPTED
from reporter.model import Architecture, Reading
from reporter.registry import selection
from reporter.run.executors import local
from reporter.store import record_files
from reporter.worker.lookup import find

FAULTY = """
from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from functools import partial

from reporter.model import Architecture


calls = []
kept = []


def fork(child):
    if not calls and os.fork() == 0:
        calls.append(1)
        child()
    calls.append(1)


def build(fault, classes):
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, classes)

        def forward(self, images):
            if images.device.type != "meta":
                if fault == "raises":
                    raise ValueError("it does not like | these <images>")
                if fault == "exits":
                    os._exit(7)
                if fault == "leaves":
                    sys.exit("enough")
                if fault == "aborts":
                    os.abort()
                if fault == "segfaults":
                    ctypes.string_at(0)
                if fault == "hangs":
                    time.sleep(3600)
                if fault == "prints":
                    print("x" * 1_000_000)
                if fault == "forks":  # a child that stays, one that nobody waits for and one that left the group
                    fork(lambda: subprocess.Popen(["sleep", "3600"], start_new_session=True) and time.sleep(3600))
                if fault == "splits":  # both go on measuring
                    fork(lambda: None)
                while fault == "fills":
                    kept.append(torch.empty(2**28))
                if fault == "nan":
                    images = images * float("nan")
            return self.head(self.conv(images).mean((2, 3)))

    return Network()


ENTRIES = tuple(
    Architecture(name=fault, family="Faulty", year=2026, paper="none", build=partial(build, fault), input_size=32)
    for fault in (
        "raises", "exits", "leaves", "aborts", "segfaults", "hangs", "prints", "forks", "splits", "fills", "nan"
    )
)
"""


def records(folder: Path) -> dict[str, dict]:
    paths = record_files.paths(folder / "records")
    return {path.stem: json.loads(path.read_text()) for path in paths}


def test_a_run_writes_every_file_of_the_contract(real_run) -> None:
    folder, process = real_run
    assert process.returncode == 0, process.stderr
    assert process.stdout == ""
    for name in ("report.html", "report.md", "report.ru.html", "report.ru.md", "summary.json", "history.jsonl"):
        assert (folder / name).stat().st_size > 0
    figures = {path.stem for path in (folder / "figures").glob("*.svg")}
    assert figures == {path.stem for path in (folder / "figures").glob("*.png")}
    assert figures >= {"latency", "latency.ru", "macs_latency", "memory"}
    assert {path.stem for path in (folder / "tables").glob("*.csv")} == {
        path.stem for path in (folder / "tables").glob("*.tex")
    }


def test_the_summary_is_what_the_contract_says(real_run) -> None:
    from test_cli import KEYS

    folder, _ = real_run
    summary = json.loads((folder / "summary.json").read_text(), parse_constant=pytest.fail)
    assert summary["schema"] == 1
    assert {"reporter", "generated", "machine", "settings", "records"} <= set(summary)
    for record in summary["records"]:
        assert set(record["readings"]) >= KEYS
        assert {"architecture", "family", "year", "machine"} <= set(record)
        for key, reading in record["readings"].items():
            assert {"value", "unit", "status", "reason", "samples", "low", "high"} <= set(reading)
            assert (reading["value"] is not None) == (reading["status"] in ("ok", "noisy")), key
            assert reading["status"] == "ok" or reading["reason"], key
    values = {record["architecture"]: record["readings"] for record in summary["records"]}
    assert values["tiny"]["parameters"]["value"] == 8 * 29 + 9 * 1000
    assert values["wide"]["macs"]["value"] == 32 * (30**2 * 27 + 28**2 * 9 * 32) + 32 * 1000
    assert values["tiny"]["latency_cuda"]["status"] == ("ok" if shutil.which("nvidia-smi") else "unsupported")


def test_the_summary_has_operators_and_stages(real_run) -> None:
    """Rows of eager and of each mode that was profiled: calls, seconds and shares, and the kernel that ran.

    The modes of the set `default` have operators only.
    """
    summary = json.loads((real_run[0] / "summary.json").read_text())
    for record in summary["records"]:
        profiled = [mode for mode in record["modes"].values() if "latency_cpu" in mode["readings"]
                    and mode["readings"]["latency_cpu"]["value"]]  # fmt: skip
        assert profiled
        for place in (record, *profiled):
            for setting in ("cpu_1thread", "cpu"):
                rows = place["operators"][setting]
                assert all({"operator", "kernel", "calls", "seconds", "share"} <= row.keys() for row in rows)
                assert all(row["calls"] >= 1 and row["seconds"] >= 0 and row["kernel"] for row in rows)
                assert sum(row["share"] for row in rows) == pytest.approx(1)
                assert any(row["operator"].startswith("aten::") for row in rows)
                if place is not record:
                    assert "stages" not in place
                    continue
                stages = [row for row in place["stages"] if row["setting"] == setting]
                assert sum(row["share"] for row in stages) == pytest.approx(1)
                assert all(row["seconds"] > 0 for row in stages)
        assert record["readings"]["operators"]["status"] == record["readings"]["stages"]["status"] == "ok"


def test_history_has_a_line_per_architecture(real_run) -> None:
    folder, _ = real_run
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert [line["architecture"] for line in lines] == ["tiny", "wide"]
    assert lines[0]["values"]["parameters"] == 9_232
    assert len({(line["run"], line["generated"]) for line in lines}) == 1


def test_a_pipe_gets_one_line_per_finished_measurement(real_run) -> None:
    folder, process = real_run
    record = records(folder)["tiny"]
    for name, part in {
        "tiny": record,
        **{f"tiny ({mode})": inside for mode, inside in record["modes"].items()},
    }.items():
        measured = [key for key, reading in part["readings"].items() if reading["samples"]]
        lines = [line for line in process.stderr.splitlines() if f"] {name} " in line and f"] {name} (" not in line]
        assert measured or name == "tiny (tf32)"
        assert sum(any(f" {key} " in line for key in measured) for line in lines) == len(measured)


def test_times_are_sampled_for_real(real_run) -> None:
    """Samples differ, and their units are right: one thread is timed here, too; the run lasted longer than its calls.

    On a busy machine several threads of so small a network take a hundred times as long, as they wait for each other.
    """
    folder, _ = real_run
    for record in records(folder).values():
        readings = record["readings"]
        for key in ("latency_cpu_1thread", "latency_cpu", "throughput_cpu", "train_step_cpu"):
            assert len(set(readings[key]["samples"])) > 1
            assert readings[key]["rounds"] == [len(readings[key]["samples"])]
        begun = datetime.fromisoformat(record["started"]).timestamp()
        for key in ("latency_cpu_1thread", "latency_cpu", "train_step_cpu"):
            assert sum(readings[key]["samples"]) < (folder / "report.html").stat().st_mtime - begun + 1
    readings = records(folder)["wide"]["readings"]
    one, every = (min(readings[key]["samples"]) for key in ("latency_cpu_1thread", "latency_cpu"))
    assert 0.1 < one / seconds_of_a_call(find(WIDE[1])) < 10
    assert every > one / (3 * (os.cpu_count() or 1))
    assert 0.01 < max(readings["throughput_cpu"]["samples"]) * one < 100


def seconds_of_a_call(entry: Architecture) -> float:
    """The shortest of 20 calls on one thread."""
    network, image, seconds = entry.build(1000).eval(), torch.zeros(1, 3, 32, 32), []
    torch.set_num_threads(1)
    with torch.inference_mode():
        for _ in range(20):
            start = time.perf_counter()
            network(image)
            seconds.append(time.perf_counter() - start)
    return min(seconds)


def test_a_second_call_measures_nothing_and_changes_no_record(copied_run: Path) -> None:
    before = {path: path.read_bytes() for path in record_files.paths(copied_run / "records")}
    again = call("--out", copied_run, *TINY, *WIDE, *QUICK, "--lang", "en,ru", report=False)
    assert again.returncode == 0
    assert "nothing to do" in again.stderr
    assert before.keys() == set(record_files.paths(copied_run / "records"))
    assert {path: json.loads(text)["readings"] for path, text in before.items()} == {
        path: json.loads(path.read_bytes())["readings"] for path in before
    }


def test_other_settings_measure_only_what_depends_on_them(copied_run: Path) -> None:
    """More steps and another seed: what is trained or uses gradients is measured again, and nothing else is."""
    before = records(copied_run)["tiny"]["readings"]
    again = call("--out", copied_run, *TINY, *QUICK, "--steps", "5", "--first-seed", "7", report=False)
    after = records(copied_run)["tiny"]["readings"]
    assert again.returncode == 0
    assert len(after["finetune_top1"]["detail"]["curve"]) == 5
    changed = {key for key in after if after[key] != before[key]}
    trained = {"finetune_top1", "finetune_seconds", "gradient_ratio_trained", "finetune_step_seconds"}
    assert changed == {*trained, "gradient_ratio", "gradient_flow"}
    assert {after[key]["settings"]["first_seed"] for key in ("finetune_top1", "gradient_ratio")} == {7}


def test_render_rebuilds_the_reports(copied_run: Path) -> None:
    """With the title that the last call named, also if it measured nothing."""
    for name in ("report.md", "report.ru.md"):
        (copied_run / name).unlink(missing_ok=True)
    named = ("--title", "Week 5", "--course", "Vision 1", "--author", "Ada Lovelace", "--edition", "choice")
    again = call("--out", copied_run, *TINY, *WIDE, *QUICK, *named, report=False)
    assert "nothing to do" in again.stderr
    assert call("render", copied_run, "--lang", "en, ru").returncode == 0
    for name in ("report.md", "report.ru.md"):
        assert (copied_run / name).read_text("utf-8").startswith("# Week 5\n\nVision 1 · Ada Lovelace\n\n")


INTERRUPTIBLE = (*TINY, *WIDE, "--metrics", "parameters,latency_cpu,train_step_cpu", *QUICK)
OTHER = ("--architectures", "alexnet", "--metrics", "size", *QUICK)
"""Another run in the same folder, while the first one measures."""


def test_an_interrupted_run_keeps_all_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a signal to this process, whose handler would end it soon in any case."""
    printed, others = Lines.reading, []

    def interrupting(shown: Lines, architecture: str, reading: Reading) -> None:
        printed(shown, architecture, reading)
        if reading.quantity.key == "latency_cpu" and not others:
            others.append(call("--out", tmp_path / "r", *OTHER))
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Lines, "reading", interrupting)
        patch.setattr(interrupts, "_thread", SimpleNamespace(start_new_thread=lambda *_: None))
        patch.setattr(interrupts, "leave", lambda: sys.exit(INTERRUPTED))
        process = call("--out", tmp_path / "r", *INTERRUPTIBLE, report=False)
    assert others[0].returncode == 2
    assert f"in use by process {os.getpid()} on" in others[0].stderr
    assert "train_step_cpu" not in records(tmp_path / "r")["tiny"]["readings"]
    check_resumed(tmp_path / "r", process.returncode, process.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_process_keeps_all_and_goes_on(number: signal.Signals, tmp_path: Path) -> None:
    process = start("--out", tmp_path / "r", *INTERRUPTIBLE)
    for line in process.stderr:
        if " latency_cpu " in line:
            break
    second = call("--out", tmp_path / "r", *OTHER)
    assert second.returncode == 2
    assert f"in use by process {process.pid} on" in second.stderr
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=10)
    check_resumed(tmp_path / "r", process.returncode, errors)


def check_resumed(folder: Path, code: int, errors: str) -> None:
    """The interrupted run left its readings, and the same command adds those that are missing."""
    assert code == INTERRUPTED == 130, errors
    assert "rerun the same command to resume" in errors
    before = {name: record["readings"] for name, record in records(folder).items()}
    assert before["tiny"]["parameters"]["samples"] == [9_232]
    assert any("latency_cpu" in readings for readings in before.values())

    again = call("--out", folder, *INTERRUPTIBLE, report=False)
    assert again.returncode == 0, again.stderr
    after = {name: record["readings"] for name, record in records(folder).items()}
    assert after.keys() == {"tiny", "wide"}
    for name, readings in before.items():
        assert all(after[name][key] == reading for key, reading in readings.items() if reading["samples"])
    assert all("train_step_cpu" in readings for readings in after.values())


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package with another file of architectures, here and in workers."""
    folder = tmp_path / "architectures"
    folder.mkdir()
    (folder / "faulty.py").write_text(FAULTY)
    monkeypatch.setattr(architectures, "__path__", [*architectures.__path__, str(folder)])
    monkeypatch.setattr(local, "_enter", partial(worker_entries.with_architectures, str(folder)))
    selection.catalog_entries.cache_clear()
    yield
    sys.modules.pop("reporter.architectures.faulty", None)
    selection.catalog_entries.cache_clear()


FAULTS = [
    ("--architectures", names, "--metrics", metrics, "--timeout", seconds, *QUICK)
    for names, metrics, seconds in (
        ("hangs", "size", "60"),
        ("hangs", "size,latency_cpu", "2"),
        ("raises,exits,leaves,aborts,segfaults,prints,forks,splits,fills,nan", "size,latency_cpu", "60"),
    )
]
"""Runs in one folder: only what hangs, and is counted already, has so little time that a busy machine may exceed it."""


@pytest.mark.usefixtures("faulty")
def test_networks_that_fail_are_rows_with_their_reasons(tmp_path: Path) -> None:
    """And no process of theirs is left; the fork server of the tests, which is theirs, stays."""
    local.LocalExecutor()
    local._serve(())
    before = set(children(os.getpid()))
    for options in FAULTS:
        done = call("--out", tmp_path / "r", *options, report=options is FAULTS[-1])
    assert [number for number in children(os.getpid()) if number not in before and is_running(number)] == []
    check_faults(tmp_path / "r", done)


@pytest.mark.slow
def test_networks_that_fail_end_no_process_of_a_run(tmp_path: Path) -> None:
    """In a process of its own, to whose output nothing is printed."""
    root = copy_of_the_checkout(tmp_path / "copy", charts=False)
    (root / "reporter" / "architectures" / "faulty.py").write_text(FAULTY)
    mark = {"REPORTER_TEST": str(tmp_path)}
    for options in FAULTS:
        done = run("--out", tmp_path / "r", *options, root=root, variables=mark)
    check_faults(tmp_path / "r", done)
    assert not marked(mark["REPORTER_TEST"])


def test_what_a_worker_prints_is_not_shown() -> None:
    code = "import os; from reporter.host.confinement import silence; silence(); print(1); os.write(1, b'2')"
    done = execute(f"{code}; os.write(2, b'3')")
    assert (done.stdout, done.stderr) == ("", "")


def check_faults(folder: Path, done: subprocess.CompletedProcess[str]) -> None:
    """After the last run, each network of FAULTY has its counts, and its time or the reason why there is none."""
    assert done.returncode == 3, done.stderr
    assert done.stdout == ""
    readings = {name: record["readings"] for name, record in records(folder).items()}
    assert all(reading["parameters"]["status"] == "ok" for reading in readings.values())
    latency = {
        name: (reading["latency_cpu"]["status"], reading["latency_cpu"]["reason"]) for name, reading in readings.items()
    }
    filled = latency.pop("fills")
    assert latency == {
        "raises": ("failed", "ValueError: it does not like | these <images>"),
        "exits": ("failed", "the worker ended with exit code 7"),
        "leaves": ("failed", "it asked the interpreter to exit (enough)"),
        "aborts": ("failed", "the worker crashed (SIGABRT)"),
        "segfaults": ("failed", "the worker crashed (SIGSEGV)"),
        "hangs": ("timeout", latency["hangs"][1]),
        "prints": ("ok", None),
        "forks": ("ok", None),
        "splits": ("ok", None),
        "nan": ("failed", "the output contains NaN"),
    }
    assert filled[0] == "oom" or sys.platform != "linux", filled
    page = (folder / "report.html").read_text()
    assert "these &lt;images&gt;" in page
    assert "these <images>" not in page


def is_running(number: int) -> bool:
    """Whether a process is there and more than an entry that its new parent has not yet taken away."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_two_runs_in_one_folder_and_a_killed_one(tmp_path: Path) -> None:
    """The second says who is there; a run that is killed leaves no process and no lock behind."""
    options = ("--out", tmp_path, *TINY, "--metrics", "latency_cpu_1thread", "--preset", "thorough")
    first = start(*options)
    while not (tmp_path / ".lock").exists() or not (tmp_path / ".lock").read_text():
        assert first.poll() is None
        time.sleep(0.05)
    other = ("--out", tmp_path, "--architectures", "alexnet", "--metrics", "size", *QUICK)
    second = call(*other)
    assert second.returncode == 2
    assert f"in use by process {first.pid} on" in second.stderr
    while len(workers := family(first.pid)) < 3:  # multiprocessing's tracker, the fork server and a worker
        assert first.poll() is None
        time.sleep(0.05)
    first.kill()
    first.communicate(timeout=10)
    end = time.monotonic() + 5
    while any(map(is_running, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [number for number in workers if is_running(number)]
    assert call(*other).returncode == 0


def family(process: int) -> list[int]:
    """The numbers of all processes below one."""
    children = [int(number) for number in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return children + [number for child in children for number in family(child)]


@pytest.mark.slow
def test_a_changed_network_is_measured_again(tmp_path: Path) -> None:
    root = copy_of_the_checkout(tmp_path / "copy")
    file = root / "reporter" / "architectures" / "faulty.py"
    options = ("--out", tmp_path / "r", "--architectures", "prints", "--metrics", "parameters", *QUICK)
    file.write_text(FAULTY)
    assert run(*options, root=root).returncode == 0
    assert "nothing to do" in run(*options, root=root).stderr
    file.write_text(FAULTY.replace("nn.Conv2d(3, 8, 3)", "nn.Conv2d(3, 8, 5)"))
    assert run(*options, root=root).returncode == 0
    assert records(tmp_path / "r")["prints"]["readings"]["parameters"]["samples"] == [8 * 76 + 9000]


def test_a_torn_record_is_measured_again(tmp_path: Path) -> None:
    options = ("--out", tmp_path, "--architectures", "alexnet", "--metrics", "size", *QUICK)
    assert call(*options, report=False).returncode == 0
    (path,) = (tmp_path / "records").glob("*/alexnet.json")
    path.write_text(path.read_text()[:1000])
    assert call(*options, report=False).returncode == 0
    assert record_files.load(path).value("parameters") == 61_100_840
