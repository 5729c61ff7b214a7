"""The scripts of .ci: which tests the quick check runs, and which skipped tests fail the whole one."""

from __future__ import annotations

import ast
import re
import shutil
import sysconfig
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest
from commands import ROOT

from reporter.engines.compile import unavailable
from reporter.model import Engine
from reporter.registry.catalog import collect

OF_THE_MACHINE = re.compile(
    r"root|Linux|/proc|glibc|x86|GPUs here|control group|file system|Git checkout|downloaded|built without"
    r"|limited to AVX2|larger set|some of the processors"
)
"""Skip reasons that `.ci/run slow` accepts: the kind of machine, not something that it installs."""


@pytest.fixture(scope="module")
def quick() -> ModuleType:
    spec = util.spec_from_file_location("quick", ROOT / ".ci" / "quick.py")
    assert spec
    assert spec.loader
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tests_of_a_change_import_what_changed(quick: ModuleType) -> None:
    tests = {
        "tests/test_a.py": "from reporter.host import files; from reporter.store import record_files as store\n",
        "tests/test_b.py": "from reporter.host.job import Job\n",
        "tests/test_c.py": 'METRICS = collect("reporter.metrics", Metric)\n',
        "tests/test_d.py": "import samples\n",
        "tests/test_job.py": "from reporter.worker import (\n    job,\n)\n",
    }
    assert quick.chosen(["reporter/store/record_files.py"], tests) == ["tests/test_a.py"]
    assert quick.chosen(["reporter/host/job.py"], tests) == ["tests/test_job.py", "tests/test_b.py"]
    assert quick.chosen(["reporter/metrics/size.py"], tests) == ["tests/test_c.py"]
    assert quick.chosen(["tests/samples.py", "tests/test_b.py"], tests) == ["tests/test_b.py", "tests/test_d.py"]
    assert quick.chosen(["reporter/job/parts.py"], tests) == ["tests/test_job.py"]
    assert quick.chosen(["reporter/unheard_of.toml"], tests) == []


def test_files_that_are_no_modules_have_tests_or_are_listed(quick: ModuleType) -> None:
    tests = {f"tests/{path.name}": "" for path in sorted((ROOT / "tests").glob("test_*.py"))}
    names = {name for each in quick.OTHERS.values() for name in each}
    assert {f"tests/test_{name}.py" for name in names} <= set(tests)
    assert all((ROOT / start).exists() for start in quick.OTHERS)
    assert set(quick.chosen(["reporter/languages/ru.po"], tests)) == {
        "tests/test_languages.py",
        "tests/test_plurals.py",
    }
    assert "tests/test_report.py" in quick.chosen(["templates/report.html.j2", "reporter/version.py"], tests)
    assert quick.without_tests(["README.md", "LICENSE", "reporter/languages/ru.po"]) == ["LICENSE"]


def test_long_test_files_are_listed_unless_they_changed(quick: ModuleType) -> None:
    assert all((ROOT / file).exists() for file in quick.LONG)
    files = ["tests/test_run.py", *(f"tests/test_{number}.py" for number in range(quick.MOST + 1))]
    run, left = quick.divided(files, ["reporter/run/work.py"])
    assert (run, left) == (files[1:-1], [files[0], files[-1]])
    assert quick.divided(files, ["tests/test_run.py"]) == (files[:-2], files[-2:])


def test_every_test_file_imports_a_module_of_the_package_or_of_the_tests(quick: ModuleType) -> None:
    """So that a change of any module finds some of them."""
    tests = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py")}
    found = quick.chosen(
        ["reporter/store/record_files.py", "reporter/model/extensions.py", "tests/commands.py", "tests/samples.py"],
        tests,
    )
    assert len(found) > len(tests) / 2


def reasons(path: Path) -> Iterator[str]:
    """The literal reasons with which the tests of a file are skipped; `...` for what is inserted into them."""
    for call in (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func).rpartition(".")[2]
        named = {each.arg: each.value for each in call.keywords}
        if name == "importorskip" and "reason" not in named:
            yield f"could not import {ast.unparse(call.args[0])}: No module named {ast.unparse(call.args[0])}"
            continue
        given = named.get("reason", call.args[0] if name in ("skip", "missing") and call.args else None)
        if name in ("skip", "missing", "skipif", "importorskip"):
            match given:
                case ast.Constant(str(text)):
                    yield text
                case ast.JoinedStr(parts):
                    yield "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in parts)


def test_a_skipped_slow_test_fails_if_ci_installs_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pattern of `.ci/run slow` matches every reason but those of the machine, and the reasons of each engine."""
    [pattern] = re.findall(r"grep -Ei '\^SKIPPED\.\*(.*)' ", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    fails = re.compile(pattern, re.IGNORECASE)
    found = {reason for path in sorted((ROOT / "tests").glob("test_*.py")) for reason in reasons(path)}
    assert len(found) > 30
    assert not {each for each in found if bool(fails.search(each)) == bool(OF_THE_MACHINE.search(each))}
    engines = collect("reporter.engines", Engine)
    monkeypatch.setattr("reporter.model.extensions.find_spec", lambda _: None)
    absent = [engine.lacks(each) for engine in engines.values() for each in (*engine.precisions, "fp32")]
    monkeypatch.setattr(shutil, "which", lambda _: None)
    absent.append(unavailable())
    monkeypatch.setattr(shutil, "which", lambda program: program or None)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: "/nowhere")
    absent.append(unavailable())
    assert len({each for each in absent if each}) >= 5
    assert all(fails.search(each) for each in absent if each)
