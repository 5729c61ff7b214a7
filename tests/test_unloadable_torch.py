"""A torch that cannot be imported: the command gives the reason, whatever was asked of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from functools import partial
from multiprocessing import forkserver
from pathlib import Path

import pytest
import worker_entries
from commands import ROOT, another_fork_server, call, run

from reporter.model import ReporterError
from reporter.run.executors import loading, local

MISSING_LIBRARY = 'raise OSError("libtorch_cpu.so: cannot open shared object file")'
REASONS = {
    MISSING_LIBRARY: "OSError: libtorch_cpu.so: cannot open shared object file",
    "raise SystemExit(7)": "it asked the interpreter to exit (7)",
    "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)": "the worker crashed (SIGSEGV)",
}
"""What torch/__init__.py does, and the reason that is reported."""


@pytest.fixture(autouse=True)
def without_sklearn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets fork servers load what they load in a run."""
    monkeypatch.setattr(local, "LOADED", [*local.WATCHED, "reporter.worker.preloaded"])


@pytest.fixture(params=(MISSING_LIBRARY,), ids=("exception",))
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[dict[str, str], str]:
    """The variables under which that torch is imported; and the reason."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(request.param)
    return {"PYTHONPATH": os.pathsep.join((str(ROOT), str(tmp_path)))}, REASONS[request.param]


@pytest.mark.parametrize(
    "broken",
    [pytest.param(MISSING_LIBRARY, marks=pytest.mark.slow), *list(REASONS)[1:]],
    ids=("exception", "exit", "crash"),
    indirect=True,
)
def test_list_gives_the_reason_in_one_line(broken: tuple[dict[str, str], str]) -> None:
    variables, reason = broken
    command = run if "crashed" in reason else call  # the workers of a crashed fork server import as their parent does
    done = command("list", "--architectures", "torchvision", variables=variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"reporter: torchvision cannot be loaded: {reason}\n"


@pytest.mark.slow
def test_a_requested_gpu_is_refused_with_the_reason_in_one_line(
    broken: tuple[dict[str, str], str], tmp_path: Path
) -> None:
    variables, reason = broken
    done = run("--device", "cuda", "--out", tmp_path / "results", variables=variables)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("reporter: --device: ")
    assert reason in line
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "broken",
    [MISSING_LIBRARY, pytest.param(list(REASONS)[2], marks=pytest.mark.slow)],
    ids=("exception", "crash"),
    indirect=True,
)
def test_rows_of_the_main_job_have_the_reason(
    broken: tuple[dict[str, str], str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    variables, reason = broken
    command = run if "crashed" in reason else partial(call, report=False)
    options = ("--architectures", "alexnet,vgg16,resnet18", "--metrics", "size", "--device", "cpu")
    done = command("--out", tmp_path / "results", *options, variables=variables)
    assert done.returncode == 3, done.stderr
    paths = list((tmp_path / "results").glob("records/*/*.json"))
    assert len(paths) == 3
    for path in paths:
        readings = json.loads(path.read_text())["readings"]
        assert readings["parameters"]["status"] == "failed"
        assert {reading["reason"] for reading in readings.values()} == {reason}
    assert "Traceback" not in done.stderr + capfd.readouterr().err


def test_the_end_of_a_worker_does_not_end_the_fork_server_that_replaced_a_crashed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no process of the worker, although it was started after the processes to spare were listed."""
    (tmp_path / "crashing.py").write_text(list(REASONS)[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), str(tmp_path))))
    monkeypatch.setattr(local, "LOADED", [*local.WATCHED, "crashing"])
    monkeypatch.setattr(local, "_enter", worker_entries.sleeping)
    servers = []
    with another_fork_server():
        executor = local.LocalExecutor()
        for _ in range(2):
            executor.start(executor.slots[0], "", 60.0)
            servers.append(forkserver._forkserver._forkserver_pid)
            executor.close()
        os.kill(servers[-1], 0)
    assert servers[0] == servers[1]


@pytest.mark.parametrize(("limit", "seconds", "late"), [(0.05, 60, True), (30, 0, False)])
def test_a_torch_that_does_not_load_in_time_is_one_line(
    limit: float, seconds: int, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process is killed; one that ends by itself is not late."""
    monkeypatch.setattr(loading, "LOADING", limit)
    with subprocess.Popen(["sleep", str(seconds)]) as server:

        def start() -> None:
            server.wait()
            raise EOFError

        with pytest.raises(ReporterError if late else EOFError) as raised, loading.limited(server.pid):
            start()
    assert (server.returncode == -signal.SIGKILL) == late
    assert ("torch is not loaded after 0 s; check that" in str(raised.value)) == late
