"""`reporter ab` from an installed wheel: each side imports its own packages, and what cannot be compared is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import call
from installed import Environment, environment, installed
from test_plugins import COUNTS, DATA, NETS, POINTS, install

from reporter.compare.environments import About
from reporter.report.between_runs.ab_verdicts import CONTROL
from reporter.run.paired import bootstrap
from reporter.store import record_files

NAMES = ("--architectures", "alexnet", "--metrics", "latency_cpu_1thread")
NETWORKS = "alexnet,googlenet,mobilenet_v2,resnet18,resnet34,shufflenet_v2_x1_0,squeezenet1_0"
TIMED = ("--architectures", NETWORKS, "--metrics", "latency_cpu_1thread", "--fail-on", "timing")
HELLO = """
import os, sys
from pathlib import Path
from reporter.run.paired.interleaving import Side
os.environ["PYTHONPATH"] = sys.argv[2]
side = Side("--b", Path(sys.argv[1]))
side.hello()
print(side.about.model_dump_json())
side.close()
"""
TINY = """
from torch import nn

def tiny(classes=10):
    return nn.Sequential(nn.Conv2d(3, 8, 3, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))
"""
SLOW = """
from time import perf_counter
import torch

plain = torch.nn.Conv2d._conv_forward

def slow(*arguments):
    start = perf_counter()
    output = plain(*arguments)
    end = perf_counter() + 0.12 * (perf_counter() - start)
    while perf_counter() < end:
        pass
    return output

torch.nn.Conv2d._conv_forward = slow
"""


@pytest.fixture(scope="session")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return installed(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def stub(folder: Path, text: str, package: str = "torch") -> Environment:
    made = environment(folder, without=(package,))
    made.add(package, __init__=text)
    made.version(package, "9.9.9")
    return made


def sites(variable: str) -> Callable[[Path], Environment]:
    """An environment in which Python runs a line when it starts."""

    def make(folder: Path) -> Environment:
        made = environment(folder)
        (made.site / "sitecustomize.py").write_text(variable)
        return made

    return make


REFUSED: dict[str, tuple[Callable[[Path], Environment], str, str]] = {
    "torch raises": (
        lambda folder: stub(folder, "raise RuntimeError('broken on purpose\\nin two lines')"),
        "it cannot use torch 9.9.9 ({site}/torch/__init__.py): RuntimeError: broken on purpose in two lines",
        "install --force-reinstall torch torchvision",
    ),
    "torch exits": (
        lambda folder: stub(folder, "print('{}'); raise SystemExit"),
        "it cannot use torch 9.9.9 ({site}/torch/__init__.py): SystemExit",
        "install --force-reinstall torch torchvision",
    ),
    "torch ends the process": (
        lambda folder: stub(folder, "import os, sys; print('a last word', file=sys.stderr, flush=True); os._exit(9)"),
        "it ended with exit code 9 before it was ready (a last word)",
        "",
    ),
    "torch is a stub": (
        lambda folder: stub(folder, "__version__ = '9.9.9'"),
        "it cannot use torch 9.9.9 ({site}/torch/__init__.py): AttributeError",
        "install --force-reinstall torch torchvision",
    ),
    "no torch": (lambda folder: environment(folder, without=("torch",)), "it does not have torch", "install torch"),
    "no pydantic": (
        lambda folder: environment(folder, without=("pydantic",)),
        "it does not have pydantic",
        "install pydantic",
    ),
    "Python 3.9": (
        sites("import sys; sys.version_info = (3, 9, 1)"),
        "it runs Python 3.9.1; Python 3.11 or newer is required",
        "",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_environment_that_cannot_measure_is_refused(case: str, tmp_path: Path, empty: Path) -> None:
    make, reason, remedy = REFUSED[case]
    other = make(tmp_path / "other")
    process = call("ab", "--a", other.folder, "--b", sys.prefix, *NAMES, "--out", "out", folder=empty)
    assert (process.returncode, process.stdout) == (2, "")
    line = f"reporter: --a: {other.folder} cannot measure: {reason.format(site=other.site)}"
    assert process.stderr.startswith(line)
    assert f"{other.python} -m pip {remedy}" in process.stderr if remedy else "pip" not in process.stderr
    assert process.stderr.count("\n") == 1
    assert list(empty.iterdir()) == []


def test_the_installed_program_refuses_an_environment(lender: Environment, tmp_path: Path, empty: Path) -> None:
    """As an environment of its own, and by its console script."""
    other = environment(tmp_path / "other", without=("torch",))
    process = lender.reporter("ab", "--a", other.folder, "--b", lender.folder, *NAMES, "--out", "out", folder=empty)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith(f"reporter: --a: {other.folder} cannot measure: it does not have torch")
    assert process.stderr.count("\n") == 1
    assert list(empty.iterdir()) == []


@pytest.mark.slow
def test_two_environments_with_one_torch_are_refused(lender: Environment, tmp_path: Path, empty: Path) -> None:
    other = environment(tmp_path / "other", without=("torch",))
    (other.site / "torch").symlink_to(lender.site / "torch")
    process = lender.reporter("ab", "--a", lender.folder, "--b", other.folder, *NAMES, folder=empty)
    assert (process.returncode, process.stdout) == (2, "")
    assert f"import torch from the same path, {lender.site / 'torch' / '__init__.py'}" in process.stderr
    assert process.stderr.count("\n") == 1


def hello(lender: Environment, other: Environment, tmp_path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a side reports of itself to the installed program, or why it cannot measure.

    Through another interpreter, beside another reporter, from a folder with modules in it, and with PYTHONPATH set
    where the side is started from.
    """
    other.add("reporter", __init__="raise RuntimeError('another version')", types="")
    (other.site / "startup.py").write_text(
        "import sys, types\nsys.modules['reporter'] = types.ModuleType('reporter')\n"
    )
    (other.site / "startup.pth").write_text("import startup; print('unfinished', end='')\n")
    for name in ("torch", "reporter", "json", "random", "pydantic"):
        (folder / f"{name}.py").write_text("raise RuntimeError('of the current folder')")
    wrapper = tmp_path / "a python"
    wrapper.write_text(f'#!/bin/sh\nexec {other.python} "$@"\n')
    wrapper.chmod(0o755)
    given = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(lender.python), "-P", "-c", HELLO, str(wrapper), f"{lender.site}:{folder}"]
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=300, check=False)


NOTING = """
import json, random, sys
import pydantic
modules = {{each.__name__: each.__file__ for each in (json, random, pydantic)}}
with open({log!r}, "w") as file:
    json.dump({{"path": sys.path, "prefix": sys.prefix, "python": sys.executable, "modules": modules}}, file)
raise RuntimeError("it was noted")
"""


def test_a_side_starts_in_its_own_environment(lender: Environment, tmp_path: Path, empty: Path) -> None:
    """Up to the import of torch, in place of which a module notes what it finds."""
    log = tmp_path / "noted.json"
    other = stub(tmp_path / "other", NOTING.format(log=str(log)))
    process = hello(lender, other, tmp_path, empty)
    assert "cannot measure: it cannot use torch 9.9.9" in process.stderr
    assert "RuntimeError: it was noted" in process.stderr
    found = json.loads(log.read_text())
    assert (found["python"], found["prefix"]) == (str(other.python), str(other.folder))
    assert found["modules"]["pydantic"] == str(other.site / "pydantic" / "__init__.py")
    assert str(other.site) in found["path"]
    assert not [place for place in found["path"] if Path(place).is_relative_to(lender.folder)]
    assert str(empty) not in found["path"]


@pytest.mark.slow
def test_a_side_imports_its_own_packages_only(lender: Environment, tmp_path: Path, empty: Path) -> None:
    """Of an environment that has torch, torchvision, what these require, and `bootstrap.NEEDED`, but no more."""
    needless = ("sklearn", "scikit_learn", "scipy", "pandas", "babel", "click", "rich", "fvcore", "jinja2", "timm")
    other = environment(tmp_path / "other", without=needless)
    process = hello(lender, other, tmp_path, empty)
    assert process.returncode == 0, process.stderr
    found = About.model_validate_json(process.stdout)
    assert found.imports["torch"].file == str(other.site / "torch" / "__init__.py")
    assert found.imports["python"].file == str(other.python)
    assert found.places[0] == str(other.folder)
    assert not [place for place in found.places if Path(place).is_relative_to(lender.folder)]
    assert str(empty) not in found.places


def test_nothing_but_the_package_is_lent(tmp_path: Path) -> None:
    """Neither what is beside the package in its folder, nor what another finder offers under its name.

    Also where another version is installed, which a file of the environment has imported when Python started.
    """
    for name in ("reporter", "beside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "reporter" / "part.py").write_text("")
    older = tmp_path / "installed" / "reporter"
    older.mkdir(parents=True)
    for name in ("__init__", "part"):
        (older / f"{name}.py").write_text("")
    code = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("lent", {str(bootstrap.__file__)!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
sys.path.insert(0, {str(older.parent)!r})
import reporter.part
path = list(sys.path)
module.lend({str(tmp_path)!r})
import reporter.part
print(reporter.part.__file__, importlib.util.find_spec("beside"), sys.path == path)
"""
    process = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert process.stdout.split() == [str(tmp_path / "reporter" / "part.py"), "None", "True"]


def ab(lender: Environment, folder: Path, *options: object, code: int = 0) -> dict[str, Any]:
    process = lender.reporter("ab", *options, "--json", folder=folder, timeout=1500)
    assert process.returncode == code, process.stdout + process.stderr
    answer: dict[str, Any] = json.loads(process.stdout)
    return answer


@pytest.mark.slow
def test_the_verdict_has_what_each_side_imported(lender: Environment, tmp_path: Path, empty: Path) -> None:
    """With an architecture from a file, and every kind of time; B has neither this program nor what it requires."""
    other = environment(tmp_path / "other", without=("sklearn", "scipy", "pandas", "babel", "click", "rich", "fvcore"))
    (empty / "nets.py").write_text(TINY)
    sides = ("--a", lender.folder, "--b", other.folder, "--architecture", "nets.py:tiny", "--metrics", "latency")
    found = ab(lender, empty, *sides, "--preset", "quick", "--out", "out")
    assert {row["architecture"] for row in found["times"]} == {"tiny"}
    assert len(found["times"]) == 4
    assert not found["control"]
    for name, side in (("a", lender), ("b", other)):
        file = str(side.site / "torch" / "__init__.py")
        assert found["imports"][name]["torch"]["file"] == file
        (record,) = record_files.load_all(empty / "out" / name)[0]
        assert record.environment["torch_file"] == file
        assert record.environment["torch"] == found["imports"][name]["torch"]["version"]


@pytest.mark.slow
def test_a_plugin_is_taken_from_each_side(lender: Environment, tmp_path: Path, empty: Path) -> None:
    """PYTHONPATH offers it to the installed program only; a side that does not have it fails with its name."""
    plugin = install(tmp_path, "tiny_nets", POINTS, __init__="", nets=NETS, data=DATA, counts=COUNTS)
    other = environment(tmp_path / "other")
    shutil.copytree(plugin, other.site, dirs_exist_ok=True)
    options = ("--architectures", "tiny", "--metrics", "latency_cpu_1thread", "--preset", "quick", "--json")
    sides = ("--a", other.folder, "--b", other.folder), ("--a", other.folder, "--b", lender.folder)
    both, one = (
        lender.reporter("ab", *pair, *options, folder=empty, variables={"PYTHONPATH": str(plugin)}) for pair in sides
    )
    assert both.returncode == 0, both.stderr
    assert [row["architecture"] for row in json.loads(both.stdout)["times"]] == ["tiny"]
    assert one.returncode == 3, one.stderr
    (change,) = json.loads(one.stdout)["changes"]
    assert "unknown architecture 'tiny'" in change["reason"]


@pytest.mark.slow
def test_a_side_without_timm_is_refused(lender: Environment, tmp_path: Path, empty: Path) -> None:
    other = environment(tmp_path / "other", without=("timm",))
    options = ("--architectures", "timm:resnet18", "--metrics", "latency_cpu_1thread")
    process = lender.reporter("ab", "--a", other.folder, "--b", lender.folder, *options, folder=empty)
    assert (process.returncode, process.stdout) == (2, "")
    assert f"it does not have timm; try {other.python} -m pip install timm" in process.stderr


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.timeout(1800)
def test_a_side_slowed_by_a_tenth_is_detected(lender: Environment, tmp_path: Path, empty: Path) -> None:
    slow = environment(tmp_path / "slow", hard_links=True)
    (slow.site / "slow_convolutions.py").write_text(SLOW)
    (slow.site / "slow_convolutions.pth").write_text("import slow_convolutions\n")
    sides = ("--a", lender.folder, "--b", slow.folder, "--preset", "thorough", "--fail-on", "timing")
    found = ab(lender, empty, *sides, "--architectures", "alexnet,resnet18", *NAMES[2:], code=1)
    assert [row["judgement"] for row in found["times"]].count("regressed") >= 1
    assert not found["control"]


@pytest.mark.slow
@pytest.mark.timing
def test_the_same_environment_twice_is_a_control(lender: Environment, tmp_path: Path, empty: Path) -> None:
    other = environment(tmp_path / "other")
    process = lender.reporter("ab", "--a", other.folder, "--b", other.python, *TIMED, folder=empty, timeout=900)
    assert process.returncode == 0, process.stdout + process.stderr
    assert CONTROL in process.stdout
    assert "slower" not in process.stdout


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_torches_of_the_registry(lender: Environment, tmp_path: Path, empty: Path) -> None:
    """An older pair than the one this runs with, downloaded with all it requires: several gigabytes."""
    other = Environment(tmp_path / "other")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other.folder)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(other.python), "install", "-q", "--no-cache-dir"]
    older = ("torch==2.12.1", "torchvision==0.27.1", "numpy", "pydantic")
    download = subprocess.run([*pip, *older], capture_output=True, text=True, check=False)
    if download.returncode:
        pytest.skip(f"the older torch cannot be downloaded: {download.stderr.strip()[-300:]}")
    names = ("--architectures", "resnet18,alexnet", "--metrics", "latency_cpu_1thread")
    found = ab(lender, empty, "--a", other.folder, "--b", lender.folder, *names)
    assert found["imports"]["a"]["torch"]["version"].startswith("2.12.1")
    assert found["imports"]["b"]["torch"]["version"] != found["imports"]["a"]["torch"]["version"]
    assert len(found["times"]) == 2
