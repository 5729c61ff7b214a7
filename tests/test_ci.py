"""The scripts of .ci: which tests the quick check runs."""

from __future__ import annotations

from importlib import util
from types import ModuleType

import pytest
from commands import ROOT


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
