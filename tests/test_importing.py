"""The current folder is not imported from: not by the command, its fork server, its workers or a Ray cluster."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, call

from reporter.host import importing
from reporter.store import record_files

TRAPS = ("torch", "numpy", "json", "random", "typing", "signal", "pickle", "pydantic", "sklearn", "fvcore", "yaml")
TRAP = """
import os
with open(os.environ["REPORTER_TRAPPED"], "a") as log:
    print(__name__, os.getpid(), file=log)
raise ImportError("imported from the current folder")
"""
NETWORK = """
import torch
from width_beside import WIDTH


def build(classes):
    body = torch.nn.Conv2d(3, WIDTH, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    return torch.nn.Sequential(*body, torch.nn.Linear(WIDTH, classes))
"""
PARAMETERS = 5 * 28 + 6 * 1000
MEASURED = ("--metrics", "parameters,macs,latency_cpu_1thread", "--preset", "quick", "--out", "results")


def trapped_folder(parent: Path) -> Path:
    """A folder with modules named like those that the program imports, and a network in two files."""
    made = parent / "current"
    (made / "reporter").mkdir(parents=True)
    for name in (*TRAPS, "reporter/__init__"):
        (made / f"{name}.py").write_text(TRAP)
    (made / "my_net.py").write_text(NETWORK)
    (made / "width_beside.py").write_text("WIDTH = 5\n")
    return made


def console_script(parent: Path) -> Path:
    """What an installer writes as the console script."""
    path = parent / "bin" / "reporter"
    path.parent.mkdir()
    path.write_text(
        'import sys\nfrom reporter.__main__ import main\nif __name__ == "__main__":\n    sys.exit(main())\n'
    )
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = trapped_folder(tmp_path)
    shutil.rmtree(made / "reporter")
    return made


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return console_script(tmp_path)


def python(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in a folder without PYTHONSAFEPATH; no module of the folder may be imported."""
    log = folder.parent / "imported.txt"
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONSAFEPATH", "PYTHONPATH")}
    environment |= {"REPORTER_TRAPPED": str(log), "RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=folder, env=environment, check=False
    )
    assert not log.exists(), log.read_text()
    assert done.returncode == 0, done.stderr
    return done


def run(folder: Path, *command: str) -> dict[str, dict[str, object]]:
    """The readings of the one record that a command measured."""
    python(folder, *command)
    (record,) = record_files.paths(folder / "results" / "records")
    measured: dict[str, dict[str, object]] = json.loads(record.read_text())["readings"]
    return measured


@pytest.mark.slow
def test_the_console_script_never_imports_from_the_current_folder(folder: Path, script: Path) -> None:
    """As in test_plugins.py, here with a network that is in the current folder."""
    (folder / "reporter").mkdir()
    (folder / "reporter" / "__init__.py").write_text(TRAP)
    found = run(folder, str(script), "--architecture", "my_net.py:build", *MEASURED)
    assert found["parameters"]["samples"] == [PARAMETERS]
    assert found["latency_cpu_1thread"]["status"] == "ok"


def test_the_module_does_not_import_from_a_folder_that_it_is_not_in(folder: Path) -> None:
    done = python(folder, "-m", "reporter", "list", "--json")
    assert len(json.loads(done.stdout)["architectures"]) == 18


@pytest.mark.slow
def test_a_run_of_the_module_does_not_import_from_a_folder_that_it_is_not_in(folder: Path) -> None:
    found = run(folder, "-m", "reporter", "--architecture", "my_net.py:build", *MEASURED)
    assert found["parameters"]["samples"] == [PARAMETERS]
    assert found["latency_cpu_1thread"]["status"] == "ok"


def test_a_package_in_the_current_folder_can_be_named(folder: Path) -> None:
    (folder / "nets").mkdir()
    (folder / "nets" / "tiny.py").write_text(NETWORK.replace("from width_beside import WIDTH", "WIDTH = 5"))
    done = call("--architecture", "nets.tiny:build", "--metrics", "size", "--out", "results", folder=folder)
    assert done.returncode == 0, done.stderr
    (record,) = record_files.load_all(folder / "results")[0]
    assert record.value("parameters") == PARAMETERS


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_no_kind_of_child_process_has_the_current_folder_on_its_path(method: str, folder: Path) -> None:
    """Where there is no fork server, workers are spawned; and either has a process that tracks its resources."""
    code = (
        "import multiprocessing, os, sys\n"
        "from reporter.host import importing\n"
        "if __name__ == '__main__':\n"
        f"    context = multiprocessing.get_context({method!r})\n"
        "    with importing.Safely(), context.Pool(1) as pool:\n"
        "        print(pool.apply(eval, ('__import__(\"sys\").path',)))\n"
    )
    program = folder.parent / "program.py"
    program.write_text(code)
    log = folder.parent / "imported.txt"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REPORTER_TRAPPED": str(log)}
    environment.pop("PYTHONSAFEPATH", None)
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, cwd=folder, env=environment, check=False
    )
    assert not log.exists(), log.read_text()
    assert done.returncode == 0, done.stderr
    assert not {"", str(folder)} & set(eval(done.stdout))


def test_the_variables_of_child_processes_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    before = dict(os.environ)
    with importing.Safely():
        assert os.environ["PYTHONSAFEPATH"] == "1"
        assert os.environ["PYTHONPATH"] == os.pathsep.join((str(ROOT), "elsewhere"))
    assert dict(os.environ) == before


@pytest.mark.slow
def test_a_ray_cluster_never_imports_from_the_current_folder(folder: Path, script: Path) -> None:
    pytest.importorskip("ray")
    (folder / "reporter").mkdir()
    (folder / "reporter" / "__init__.py").write_text(TRAP)
    options = ("--architecture", "my_net.py:build", *MEASURED, "--executor", "ray")
    found = run(folder, str(script), *options)
    assert found["parameters"]["samples"] == [PARAMETERS]
