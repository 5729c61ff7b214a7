"""What a disk, a hand, a signal or an odd environment can do to a run: docs/reliability.md lists what is promised."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import pty
import resource
import signal
import subprocess
import sys
import tempfile
import time
from io import StringIO
from multiprocessing import forkserver
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from commands import QUICK, another_fork_server, call, hearing, marked, run, soon_none, start
from forked import execute
from networks import CONDITIONS, own, subject
from samples import lecture

from reporter.cli.progress import Lines
from reporter.host import confinement, files, interrupts, machine
from reporter.metrics.ceilings import OF_MACHINE
from reporter.model import Claim, Metric, ReporterError
from reporter.model.devices import ACCELERATORS
from reporter.registry.catalog import collect
from reporter.run.evidence import _is_there
from reporter.run.executors import local
from reporter.run.ledger import Ledger
from reporter.run.request import Request
from reporter.store import history, record_files
from reporter.worker.entry import measure

SMALL = ("--architectures", "alexnet,resnet18", "--metrics", "size", *QUICK)
METRICS = collect("reporter.metrics", Metric)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with the records of two networks."""
    for record in lecture()[:2]:
        record_files.save(tmp_path, record)
    return tmp_path


def one(folder: Path) -> Path:
    return next((folder / "records").glob("*/alexnet.json"))


def edit(path: Path, *keys: str, value: Any) -> None:
    """Writes something else into a record, as a hand would."""
    whole = json.loads(path.read_text())
    place = whole
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(whole))


# Records


@pytest.mark.parametrize(
    ("keys", "value", "line"),
    [
        (("readings", "latency_cpu", "samples"), [-1.0], "a time is not positive"),
        (("readings", "latency_cpu", "samples"), ["0.1"], "samples"),
        (("readings", "latency_cpu", "samples"), [float("nan")], "samples"),
        (("readings", "latency_cpu", "samples"), [], "the status is ok, but there are no samples"),
        (("readings", "latency_cpu", "rounds"), [7], "the rounds took 7 samples, but there are"),
        (("readings", "latency_cpu", "rounds"), [-1], "greater than or equal to 0"),
        (("readings", "latency_cpu", "status"), "fine", "status"),
        (("readings", "parameters", "samples"), [True], "samples"),
        (("readings", "parameters", "quantity", "key"), "macs", "under parameters there is a reading of macs"),
        (("readings", "parameters", "quantity", "unit"), "furlongs", "unit"),
        (("readings",), [], "readings"),
        (("year",), "long ago", "year"),
        (("architecture",), "vgg16", "not its record, but that of vgg16"),
        (("machine",), "../../other", "not its record"),
        (("schema",), 7, "schema 7, this reporter reads 2 and older"),
        (("schema",), "1", "schema '1'"),
        (("code",), "import os", "code"),
    ],
)
def test_a_record_of_nonsense_is_one_line_and_the_rest_is_used(
    keys: tuple[str, ...], value: object, line: str, results: Path
) -> None:
    edit(one(results), *keys, value=value)
    records, (complaint,) = record_files.load_all(results)
    assert [record.architecture for record in records] == ["vgg16"]
    assert str(one(results)) in complaint
    assert line in complaint
    assert "\n" not in complaint


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\0", '"schema"'])
def test_a_torn_record_is_one_line_and_the_rest_is_used(text: str, results: Path) -> None:
    one(results).write_text(text)
    records, (complaint,) = record_files.load_all(results)
    assert (len(records), "\n" in complaint) == (1, False)


def test_only_torn_records_leave_nothing_to_render_and_the_line_says_why(results: Path) -> None:
    for path in (results / "records").glob("*/*.json"):
        path.write_bytes(path.read_bytes()[:500])
    done = call("render", results)
    assert done.returncode == 2
    assert "no records to report" in done.stderr
    assert "alexnet.json: not a record" in done.stderr
    assert done.stderr.count("\n") == 1


def request(folder: Path, **more: Any) -> Request:
    metrics = {"size": METRICS["size"]}
    return Request(folder, [own()], metrics, {"cpu": "cpu", "any": "cpu"}, CONDITIONS, "none", **more)


@pytest.mark.parametrize("fresh", [False, True])
def test_what_cannot_be_read_is_set_aside_and_never_overwritten(fresh: bool, tmp_path: Path) -> None:
    path = record_files.record_path(tmp_path, machine.key(), "small")
    for number, text in enumerate(('{"schema": 7, "gold": 1}', '{"torn')):
        files.write(path, text)
        ledger = Ledger(own(), request(tmp_path, fresh=fresh))
        kept = path.with_name(f"small.json.unreadable{number or ''}")
        assert kept.read_text() == text
        assert str(path) in ledger.notice
        assert kept.name in ledger.notice
        assert not path.exists()


def test_a_file_name_as_long_as_a_file_system_allows_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what a killed process leaves of it is removed like any other temporary file."""
    path = tmp_path / ("é" * 125 + ".json")
    files.write(path, "first")
    assert path.read_text() == "first"
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 2**40)
        patch.setattr(Path, "replace", lambda *_: None)
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        files.write(path, "second")
    assert len(list(tmp_path.iterdir())) == 2
    files.lock(tmp_path).close()
    assert {each.name for each in tmp_path.iterdir()} == {path.name, ".lock"}
    assert path.read_text() == "first"


def test_evidence_that_cannot_be_read_is_set_aside_too(tmp_path: Path) -> None:
    claim = next(claim for claim in collect("reporter.claims", Claim).values() if claim.measure)
    path = record_files.evidence_path(tmp_path, machine.key(), claim.name)
    files.write(path, '{"schema": 7}')
    output = StringIO()
    assert not _is_there(request(tmp_path), claim, Lines(output))
    assert path.with_name(f"{path.name}.unreadable").read_text() == '{"schema": 7}'
    assert "schema 7" in output.getvalue()
    assert ".unreadable" in output.getvalue()


def test_a_half_written_line_of_the_history_is_told_and_the_rest_counts(tmp_path: Path) -> None:
    def line(night: int) -> dict[str, Any]:
        values = {"latency_cpu": 1.0 + night}
        return {"run": str(night), "generated": f"2026-01-0{night}", "architecture": "a", "machine": "m",
                "environment": {}, "values": values}  # fmt: skip

    path = tmp_path / "history.jsonl"
    assert not record_files.append_history(tmp_path, [line(1), line(2)])
    path.write_bytes(path.read_bytes()[:-20])
    assert record_files.append_history(tmp_path, [line(3)])
    assert not record_files.append_history(tmp_path, [line(4)])
    assert [night.name for night in history.recent(path, {"m"})] == ["1", "3", "4"]


def test_what_a_killed_run_left_half_written_is_removed_by_the_next(results: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    places = [one(results).parent, results, results / "figures"]
    (results / "figures").mkdir()
    for place in places:
        (place / f".alexnet.json.{ended.pid}").write_text("half")
        (place / f".alexnet.json.{os.getppid()}").write_text("another process writes it now")
        (place / ".mine").write_text("not ours")
    files.lock(results).close()
    for place in places:
        names = {path.name for path in place.glob(".*")} - {".lock"}
        assert names == {f".alexnet.json.{os.getppid()}", ".mine"}


# The disk


def test_a_full_disk_ends_the_run_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here as a limit on the size of files; test_a_disk_that_fills_up has a disk that is full.

    Modules that are imported meanwhile, also in another process, are not compiled: their files would be cut short.
    """
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    local.LocalExecutor()
    local._serve(())  # has no limit
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
    try:
        done = call("--out", tmp_path / "r", *SMALL, "--metrics", "size,latency_cuda")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert done.returncode == 2
    assert "alexnet.json: cannot be written (File too large)" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list((tmp_path / "r").rglob(".alexnet*"))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc")
def test_a_folder_removed_during_the_run_is_not_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "r"

    def remove() -> None:
        """At once: a record may be written at this moment."""
        while not any(folder.glob("records/*/*.json")):
            time.sleep(0.002)
        folder.rename(tmp_path / "removed")

    remover = Thread(target=remove, daemon=True)
    remover.start()
    done = call("--out", folder, "--architectures", "lecture", *SMALL[2:])  # it is still at work then
    remover.join(timeout=20)
    assert done.returncode == 2
    assert "removed during the run" in done.stderr or "cannot be written (No such file" in done.stderr
    assert not (folder / "summary.json").exists()  # a record that was being written may be there


@pytest.fixture
def disk(tmp_path: Path):
    """A file system of its own, 150 kB; gives its folder and a way to change its options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> int:
        command = ["mount", "-t", "tmpfs", "-o", options, "reporter-test", str(folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    if mount("size=150k"):
        pytest.skip("nobody but root may mount a file system")
    yield folder, lambda options: mount(f"remount,{options}")
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize(("taken", "what"), [(130, ".json"), (60, "report.html"), (0, "figures")])
def test_a_disk_that_fills_up(disk: Any, taken: int, what: str) -> None:
    """While records are written, or the reports; whatever is there stays whole, and with more room it goes on."""
    folder, change = disk
    (folder / "ballast").write_bytes(b"\0" * taken * 1024)
    options = ("--out", folder / "r", *SMALL[:1], "alexnet,resnet18,vgg16,vgg19,densenet121", *SMALL[2:])
    done = run(*options)
    assert done.returncode == 2, done.stderr
    line = done.stderr.splitlines()[-1]
    assert "cannot be written (No space left on device)" in line
    records, complaints = record_files.load_all(folder / "r")
    assert not complaints
    before = {record.architecture: record.readings for record in records}
    assert change("size=20m") == 0
    again = run(*options)
    assert again.returncode == 0, again.stderr
    after = {record.architecture: record.readings for record in record_files.load_all(folder / "r")[0]}
    assert len(after) == 5
    for name, readings in before.items():
        assert readings.items() <= after[name].items()


@pytest.mark.slow
def test_a_disk_that_becomes_read_only(disk: Any) -> None:
    """Under a run, by a file system put over its records (the lock keeps its own from changing); and before one."""
    folder, change = disk
    change("size=20m")
    records = folder / "r" / "records"
    process = start("--out", folder / "r", *SMALL)
    for line in process.stderr:
        if line.startswith("["):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "reporter-test", str(records)], check=True)
            break
    _, errors = process.communicate(timeout=60)
    subprocess.run(["umount", "-l", str(records)], check=True)
    assert process.returncode == 2
    # "File exists" where the file system appeared between a look at the folder of the records and its creation.
    assert any(why in errors.splitlines()[-1] for why in ("Read-only file system", "File exists"))

    assert change("ro") == 0
    for command in (("--out", folder / "r", *SMALL), ("--out", folder / "new", *SMALL), ("render", folder / "r")):
        done = run(*command)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "Read-only file system" in done.stderr
    assert run("compare", folder / "r", folder / "r").returncode == 0
    change("rw")
    assert run("--out", folder / "r", *SMALL).returncode == 0


@pytest.mark.slow
def test_a_run_goes_on_where_nobody_listens_any_more(tmp_path: Path) -> None:
    process = start("--out", tmp_path, *SMALL)
    assert process.stderr.readline()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert (tmp_path / "report.html").exists()


# Signals


def await_handlers(process: subprocess.Popen[str]) -> None:
    """Waits for the first lines of the program: before them, Python itself is still loading."""
    while True:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
        if caught >> (signal.SIGTERM - 1) & 1:
            return
        assert process.poll() is None
        time.sleep(0.005)


@pytest.mark.timing
@pytest.mark.parametrize(
    ("number", "after", "times"),
    [
        (signal.SIGTERM, 0.0, 1),
        pytest.param(signal.SIGINT, 0.1, 1, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 0.6, 2, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 0.9, 3, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 1.6, 3, marks=pytest.mark.slow),
    ],
)
def test_an_interrupt_at_the_start_ends_all(number: signal.Signals, after: float, times: int, tmp_path: Path) -> None:
    """While the command line is loaded, and while the fork server loads torch; further interrupts change nothing.

    The limit is one that a busy machine meets; `test_runs_interrupted_at_random_moments` has two seconds.
    """
    process = start("--out", tmp_path / "r", *SMALL, variables={"REPORTER_TEST": str(tmp_path)})
    await_handlers(process)
    time.sleep(after)
    sent = time.monotonic()
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.02)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert soon_none(str(tmp_path), interrupts.PATIENCE + 5 - (time.monotonic() - sent))


SERVERS = """
import os
from reporter.host import confinement

for parent in (os.getpid(), os.getppid(), None):
    child = os.fork()
    if not child:
        os.environ |= {confinement.PARENT: str(parent)} if parent else {}
        import reporter.host.forkserver
        print(confinement.PARENT in os.environ, flush=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Servers that were started by this process, by one that has ended, which is as good as another, and by no run."""


@pytest.mark.skipif(sys.platform != "linux", reason="a process that ends with its parent is one of Linux")
def test_a_fork_server_whose_run_has_ended_while_it_started_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking the kernel to end it with its parent has no effect any more then."""
    done = subprocess.run([sys.executable, "-c", SERVERS], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "0", "1", "False", "0"], done.stderr
    seen: list[str | None] = []
    monkeypatch.setattr(local.forkserver, "ensure_running", lambda: seen.append(os.environ.get(confinement.PARENT)))
    local._serve(())
    assert seen == [str(os.getpid())]
    assert confinement.PARENT not in os.environ


def test_a_fork_server_starts_where_the_path_of_the_temporary_folder_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of its socket, which is in a temporary folder, has at most 107 bytes on Linux. It loads nothing here."""
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delitem(multiprocessing.current_process()._config, "tempdir", raising=False)  # type: ignore[attr-defined]
    with another_fork_server():
        forkserver.set_forkserver_preload([])
        local._serve(())
        assert not Path(forkserver._forkserver._forkserver_address).is_relative_to(long)
    assert tempfile.gettempdir() == str(long), "that of everything else"
    monkeypatch.setattr(local, "SHORT_FOLDERS", ())
    with pytest.raises(ReporterError, match="is too long; set TMPDIR to a folder of at most 70 bytes"):
        local._serve(())


BETWEEN_HANDLERS = """
import os, signal, sys

install = signal.signal

def installed(number, handler):
    install(number, handler)
    if number == signal.SIGTERM and handler is not signal.SIG_IGN:
        os.kill(os.getpid(), number)

signal.signal = installed
from reporter.__main__ import main
main()
"""


def test_an_interrupt_between_the_installation_of_two_handlers_ends_in_order() -> None:
    process = subprocess.run(
        [sys.executable, "-c", BETWEEN_HANDLERS], check=False, capture_output=True, text=True, timeout=60
    )
    assert (process.returncode, process.stderr) == (130, "")


HELD = """
import os, signal
from reporter.host import interrupts

interrupts.listen()
try:
    with interrupts.deferred():
        with interrupts.deferred():
            os.kill(os.getpid(), signal.SIGINT)
        print("inside")
    print("after")
except KeyboardInterrupt:
    print("interrupted")
    interrupts.leave()
"""


def test_an_interrupt_that_was_held_back_is_raised_at_the_end_of_the_block() -> None:
    process = subprocess.run(
        [sys.executable, "-c", HELD], check=False, capture_output=True, text=True, timeout=60, preexec_fn=hearing
    )
    assert (process.stdout.split(), process.returncode) == (["inside", "interrupted"], 130), process.stderr


LISTENING = """
import os, signal, time
from reporter.host import interrupts

signal.signal(signal.SIGINT, signal.default_int_handler)  # also in the background of a shell
interrupts.listen()
"""
TWO_AT_ONCE = """
signal.pthread_sigmask(signal.SIG_BLOCK, interrupts.SIGNALS)
os.kill(os.getpid(), signal.SIGINT)
os.kill(os.getpid(), signal.SIGTERM)
try:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, interrupts.SIGNALS)
    time.sleep(60)
except KeyboardInterrupt:
    signal.pthread_sigmask(signal.SIG_BLOCK, ())  # Python handles the second signal now at the latest
    interrupts.leave()
"""
IN_A_FINALIZER = """
interrupts.PATIENCE = 0.01

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0)

Finalized()
time.sleep(60)
"""


@pytest.mark.parametrize("code", [TWO_AT_ONCE, IN_A_FINALIZER], ids=["two_at_once", "in_a_finalizer"])
def test_an_interrupt_that_python_cannot_raise_prints_nothing(code: str) -> None:
    process = subprocess.run([sys.executable, "-c", LISTENING + code], check=False, capture_output=True, timeout=60)
    assert (process.returncode, process.stderr) == (130, b"")


SERVING = """
import os, sys
from multiprocessing import util
from reporter.host import interrupts
from reporter.run.executors import local

local._serve(())
print(util.get_temp_dir(), *os.listdir(util.get_temp_dir()), flush=True)
interrupts.PATIENCE = 0.01
if not os.fork():
    interrupts.leave()
os.wait()
print(*os.listdir(util.get_temp_dir()), flush=True)
getattr(interrupts, sys.argv[1])()
"""


@pytest.mark.parametrize("end", ["leave", "_end_at_last"])
def test_an_interrupt_leaves_no_temporary_folder(end: str) -> None:
    """That of the fork server's socket, which a process that is forked from the run leaves alone."""
    done = subprocess.run([sys.executable, "-c", SERVING, end], check=False, capture_output=True, text=True, timeout=60)
    (folder, *before), after = map(str.split, done.stdout.splitlines())
    assert (before, done.returncode) == (after, 130), done.stderr
    assert before
    assert not Path(folder).exists()


@pytest.mark.timing
def test_ctrl_c_on_a_narrow_terminal(tmp_path: Path) -> None:
    """A terminal sends it to every process of the run, also to the fork server that loads torch.

    The limit is one that a busy machine meets; `test_runs_interrupted_at_random_moments` has two seconds.
    """
    near, far = pty.openpty()
    process = start("--out", tmp_path / "r", *SMALL, stdin=far, stdout=far, stderr=far, start_new_session=True,
                    preexec_fn=_take_terminal,
                    variables={"REPORTER_TEST": str(tmp_path), "COLUMNS": "20", "TERM": "xterm"})  # fmt: skip
    os.close(far)
    await_handlers(process)
    while len(marked(str(tmp_path))) < 3:  # the run, multiprocessing's tracker and the fork server
        time.sleep(0.01)
    sent = time.monotonic()
    os.write(near, b"\x03")
    assert process.wait(timeout=10) == 130
    assert soon_none(str(tmp_path), interrupts.PATIENCE + 5 - (time.monotonic() - sent))
    seen = b""
    while chunk := _read(near):
        seen += chunk
    os.close(near)
    assert b"Traceback" not in seen
    assert b"interrupted; all results so far" in b" ".join(seen.split())


def _take_terminal() -> None:
    import fcntl
    import termios

    hearing()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _read(near: int) -> bytes:
    try:
        return os.read(near, 65536)
    except OSError:
        return b""


# Odd environments

ODD = {
    "LC_ALL": "C", "LANG": None, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "HOME": None, "COLUMNS": "20",
    "TERM": None, "TZ": "Pacific/Kiritimati", "USER": None, "LOGNAME": None,
}  # fmt: skip


@pytest.mark.slow
def test_a_run_in_an_odd_place_at_an_odd_time(tmp_path: Path) -> None:
    """Locale C, no home, no terminal, 20 columns; and the clock was years ahead when the last run was here."""
    future = "2099-01-01T00:00:00+00:00"
    (earlier,) = lecture()[:1]
    record_files.save(tmp_path, earlier.model_copy(update={"started": future, "machine": "ahead"}))
    before = {"generated": future, "run": "x", "architecture": "resnet18", "machine": machine.key(), "values": {}}
    record_files.append_history(tmp_path, [before])
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"torn')
    foreign = record_files.record_path(tmp_path, machine.key(), "alexnet")
    files.write(foreign, '{"schema": 7}')

    done = run("--out", tmp_path, *SMALL, "--lang", "ru", "--metrics", "size,finetune_top1",
               variables=ODD, stdin=subprocess.DEVNULL)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "schema 7, this reporter reads 2 and older; it is kept as alexnet.json.unreadable" in done.stderr
    assert "history.jsonl: the last line was cut short" in done.stderr
    assert foreign.with_name("alexnet.json.unreadable").read_text() == '{"schema": 7}'
    assert "Сети" in (tmp_path / "report.ru.md").read_text(encoding="utf-8")
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["architecture"] for line in (lines[0], *lines[2:])] == ["resnet18", "alexnet", "resnet18"]

    again = run("--out", tmp_path, *SMALL, variables={**ODD, "TZ": "America/Adak"})
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stderr


# Networks


def nan(classes: int) -> Any:
    from torch import nn

    class Broken(nn.Linear):
        def forward(self, images: Any) -> Any:
            return super().forward(images.mean((2, 3))) * float("nan")

    return Broken(3, classes)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("latency_cpu", "the output contains NaN"),
        ("train_step_cpu", "the output contains NaN"),
        ("finetune", "ValueError: the loss of step 1 is nan"),
        ("gradients", "ValueError: the ratio of the gradients is nan"),
    ],
)
def test_a_network_that_answers_nan_has_no_time_and_no_accuracy(name: str, reason: str) -> None:
    readings = measure(METRICS[name], subject(own(build=nan), image_size=32, steps=2, test_images=10))
    assert {(reading.status, reading.reason) for reading in readings} == {("failed", reason)}


def test_a_detail_that_is_no_number_is_a_reason() -> None:
    """JSON has no NaN, and one in a record would end the run."""
    size = METRICS["size"]

    def measure_nan(subject: Any) -> Any:
        for reading in size.measure(subject):
            yield reading.model_copy(update={"detail": {"share": float("nan")}})

    odd = Metric("odd", size.quantities, measure_nan, process="counting")
    assert {reading.status for reading in measure(odd, subject(own()))} == {"failed"}


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="memory is read from /proc")
def test_the_memory_that_can_still_be_had_is_what_the_kernel_says() -> None:
    """Against a second source: pages that sysconf counts, and the machine's size."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    assert min(free / 2, 2**28) < confinement.available_memory() < 2 * whole


LIMITED = """
import resource
import torch
from reporter.host import confinement, process_memory
before = process_memory.status_bytes("VmData")
confinement.available_memory = lambda: 2**28
confinement.limit_memory("cuda")
print(resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY)
confinement.limit_memory("cpu")
print(resource.getrlimit(resource.RLIMIT_DATA)[0] - before)
held = torch.empty(2**26, dtype=torch.uint8)
try:
    torch.empty(2**30, dtype=torch.uint8)
except RuntimeError as error:
    print("allocate" in str(error))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")
def test_an_allocation_beyond_the_memory_that_is_available_fails() -> None:
    """RLIMIT_DATA is what the process has and what is available; a process on a GPU has no limit."""
    on_gpu, added, is_refused = execute(LIMITED).stdout.split()
    assert (on_gpu, is_refused) == ("True", "True")
    assert int(added) == pytest.approx(2**28, abs=2**24)


GREEDY = """
from __future__ import annotations

from reporter.model import Architecture

kept = []


def build(classes):
    import torch
    from torch import nn

    class Network(nn.Linear):
        def forward(self, images):
            while images.device.type != "meta":
                kept.append(torch.ones(2**24))
            return super().forward(images.mean((2, 3)))

    return Network(3, classes)


ENTRIES = (Architecture(name="greedy", family="Faulty", year=2026, paper="none", build=build, input_size=32),)
"""


@pytest.mark.slow
@pytest.mark.parametrize("limited", [True, False])
def test_memory_that_runs_out_in_a_control_group(limited: bool, tmp_path: Path) -> None:
    """3 GiB for the whole run; without the limit of the worker's own, the kernel kills the worker, not the run."""
    from commands import copy_of_the_checkout

    group = Path("/sys/fs/cgroup/memory")
    group = (group if group.exists() else group.parent) / f"reporter-test-{os.getpid()}"
    try:
        group.mkdir()
        names = {"memory.max", "memory.limit_in_bytes"} & {path.name for path in group.iterdir()}
        (group / names.pop()).write_text(str(3 * 2**30))
    except (OSError, KeyError):
        pytest.skip("no control group can be made here")
    root = copy_of_the_checkout(tmp_path / "copy")
    (root / "reporter/architectures/greedy.py").write_text(GREEDY)
    if not limited:
        file = root / "reporter/host/confinement.py"
        text = file.read_text().replace("if not is_accelerator(device):", "if False:")
        assert text != file.read_text()
        file.write_text(text)
    done = run("--out", tmp_path / "r", "--architectures", "greedy,alexnet", "--metrics", "size,latency_cpu", *QUICK,
               root=root, preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())))  # fmt: skip
    assert done.returncode == 3, done.stderr
    readings = {
        record.architecture: record.readings["latency_cpu"] for record in record_files.load_all(tmp_path / "r")[0]
    }
    assert readings["greedy"].status == "oom"
    assert ("SIGKILL" in str(readings["greedy"].reason)) != limited
    assert readings["alexnet"].measured
    end = time.monotonic() + 10
    while (group / "cgroup.procs").read_text() and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.5)
    group.rmdir()


def vast(classes: int) -> Any:
    """4 TiB of weights in one layer."""
    from torch import nn

    layers = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2**20), nn.Linear(2**20, 2**20)
    return nn.Sequential(*layers, nn.Linear(2**20, classes))


@pytest.mark.parametrize(
    "metric",
    [
        pytest.param(metric, marks=pytest.mark.slow) if metric.name == "ceilings" else metric
        for metric in METRICS.values()
        if metric.device not in ACCELERATORS
    ],
    ids=lambda metric: metric.name,
)
def test_a_network_that_fits_no_memory_has_its_static_numbers(metric: Metric) -> None:
    """What is counted on meta is there, what takes the weights says that they do not fit."""
    readings = {
        reading.quantity.key: reading
        for reading in measure(metric, subject(own(build=vast), image_size=32, steps=2, test_images=10))
    }
    if metric.process != "counting":
        lost = readings.keys() - OF_MACHINE - {"arithmetic_intensity"}
        assert {readings[key].status for key in lost} == {"oom"}
    elif metric.name != "published":
        assert all(reading.measured for reading in readings.values())
    if metric.name == "size":
        assert readings["parameters"].value == 4 * 2**20 + 2**40 + 2**20 + 1000 * (2**20 + 1)


@pytest.mark.slow
def test_a_network_of_torchvision_that_does_not_fit_is_a_row_with_its_static_numbers(tmp_path: Path) -> None:
    """RegNet-Y 128 GF: 2.4 GiB of weights, where a process may have 2.5 GiB and torch is in it already."""
    limit = 5 * 2**29
    done = run("--out", tmp_path, "--architectures", "regnet_y_128gf", "--metrics", "size,compute,memory,latency_cpu",
               *QUICK, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))  # fmt: skip
    assert done.returncode == 3, done.stderr
    (record,) = record_files.load_all(tmp_path)[0]
    assert record.value("parameters") == 644_812_894
    assert all(record.value(key) for key in ("macs", "depth", "peak_activation_bytes", "peak_training_bytes"))
    assert {record.readings[key].status for key in ("rss_inference_bytes", "latency_cpu")} == {"oom"}


# Weights and data sets


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Every way out leads to a port that nobody listens on; gives torch hub's folder of checkpoints."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def tuned(weights: str) -> Any:
    """The readings of a fine-tuning of a small network that has published weights."""
    conditions = {"weights": weights, "steps": 1, "seeds": 1, "image_size": 32, "test_images": 4}
    return measure(METRICS["finetune"], subject("shufflenet_v2_x0_5", **conditions))


@pytest.mark.parametrize(
    "there", [None, pytest.param(b"", marks=pytest.mark.slow, id="empty"), b"PK\x03\x04 half a checkpoint"]
)
def test_weights_that_are_missing_or_torn(there: bytes | None, nowhere: Path) -> None:
    """`auto` goes on with random weights and says which file it wanted; `pretrained` is a failed row."""
    if there is not None:
        (nowhere / "shufflenetv2_x0.5-f707e7126e.pth").write_bytes(there)
    wrong = "is not in torch hub's checkpoints" if there is None else "is not the published file, by its hash"
    accuracy, *_ = tuned("auto")
    assert accuracy.measured
    assert accuracy.detail["weights"] == "random"
    failed = tuned("pretrained")
    for reading in (accuracy.detail["weights_reason"], failed[0].reason):
        assert "no IMAGENET1K_V1 weights: shufflenetv2_x0.5-f707e7126e.pth" in reading
        assert wrong in reading
        assert "urlopen" not in reading, "the cause, without the library's error around it"
    assert {reading.status for reading in failed} == {"failed"}


def test_a_data_file_that_was_tampered_with_is_refused_before_it_is_read(nowhere: Path, tmp_path: Path) -> None:
    """CIFAR-10's batches are pickles, which could run anything; torchvision compares their MD5 first."""

    class Trap:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "sprung"),))

    from reporter.registry.selection import dataset

    batches = tmp_path / "cifar-10-batches-py"
    batches.mkdir()
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"):
        (batches / name).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(
        OSError, match=r"CIFAR10 needs .*cifar-10-batches-py, which can be neither read nor downloaded: "
    ):
        dataset("cifar10").load(tmp_path, 32, True)
    assert not (tmp_path / "sprung").exists()


def test_a_run_without_data_tells_what_it_wants_where(tmp_path: Path, nowhere: Path) -> None:
    conditions = {"dataset": "imagenette", "data_root": str(tmp_path / "data")}
    readings = measure(METRICS["finetune"], subject(own(), **conditions))
    for reading in readings:
        assert reading.status == "failed"
        assert str(tmp_path / "data" / "imagenette2-160") in str(reading.reason)
