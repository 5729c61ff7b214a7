"""Lint, types and the tests of what changed: `python .ci/quick.py [COMMIT]`, by default since the last commit.

The tests of a module are the test files that are named after it or its folder, and those that import it; OTHERS has
those of other files, and what has none is listed. Where these are many, the first ones run and the others are listed;
the whole default set is `python -m pytest`. Files with runs in processes of their own are listed, too, unless they
changed themselves.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
MOST = 6
"""Test files in one call, so that it ends within 30 s."""
LONG = {
    f"tests/test_{name}.py"
    for name in ("ab", "ab_installed", "api", "browser", "curves", "importing", "plugins", "run")
}
"""Test files that take 10 s or more each."""
OTHERS = {
    ".ci/": ("ci", "docs"),
    ".github/": ("nightly", "action"),
    "CHANGELOG.md": ("wording",),
    "CONTRIBUTING.md": ("docs", "wording"),
    "README.md": ("docs", "wording"),
    "action.yml": ("action",),
    "benchmarks/": ("wording",),
    "docs/": ("docs", "wording"),
    "pyproject.toml": ("install", "docs"),
    "reporter/facts/": ("published", "recent", "display_names"),
    "reporter/languages/": ("languages", "plurals"),
    "results/": ("renamed", "performance"),
    "templates/": ("report", "documents", "hostile"),
    "tests/data/": ("renamed", "wording"),
    "tests/golden/": ("report", "claims"),
}
"""The tests of files that are no modules, by how their paths begin."""


def changed(commit: str) -> list[str]:
    """The files that differ from a commit, and those that are new."""
    commands = (["diff", "--name-only", "--diff-filter=d", commit], ["ls-files", "--others", "--exclude-standard"])
    found = [
        subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=True) for command in commands
    ]
    return [line for each in found for line in each.stdout.splitlines()]


def imports(text: str, path: str) -> bool:
    """Whether a test file imports the module at a path, or collects all modules of its folder."""
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    parent, _, name = module.rpartition(".")
    forms = (
        rf"\bimport {re.escape(module)}\b",
        rf"\bfrom {re.escape(module)} import\b",
        rf"\bfrom {re.escape(parent)} import \(?[^()]*?\b{name}\b" if parent else "(?!)",
        rf"\bcollect\(\"{re.escape(parent)}\"",
    )
    return any(re.search(form, text) for form in forms)


def chosen(paths: Iterable[str], tests: dict[str, str]) -> list[str]:
    """The test files to run: changed ones, those named after a changed module or its folder, those that import it."""
    changed = set(paths)
    modules = [path for path in changed if path.endswith(".py") and path not in tests]
    others = {
        name for start, names in OTHERS.items() for name in names if any(_is_below(path, start) for path in changed)
    }
    modules = [path.removeprefix("tests/").removeprefix("benchmarks/") for path in modules]
    names = {name for path in modules for name in (Path(path).stem, Path(path).parent.name)}
    named = [test for test in tests if Path(test).stem.removeprefix("test_") in names]
    found = [test for test, text in tests.items() if any(imports(text, path) for path in modules)]
    listed = [test for test in tests if Path(test).stem.removeprefix("test_") in others]
    return list(dict.fromkeys([*(test for test in tests if test in changed), *listed, *named, *found]))


def _is_below(path: str, start: str) -> bool:
    """Whether a file that is no module has a path that begins so."""
    return path.startswith(start) and not path.endswith(".py")


def without_tests(paths: Iterable[str]) -> list[str]:
    """The files that are no modules and of which no test is known: for these, run the whole default set."""
    others = (path for path in paths if not path.endswith(".py"))
    return [path for path in others if not any(_is_below(path, start) for start in OTHERS)]


def divided(files: Sequence[str], paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """The test files that run now, and those that are only listed."""
    changed = set(paths)
    short = [file for file in files if file in changed or file not in LONG]
    run = short[:MOST]
    return run, [file for file in files if file not in run]


def main() -> None:
    paths = changed(*(sys.argv[1:] or ["HEAD"]))
    tests = {
        f"tests/{path.name}": path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").glob("test_*.py"))
    }
    run, left = divided(chosen(paths, tests), paths)
    python = [sys.executable, "-m"]
    commands = [[*python, "ruff", "check", "."], [*python, "ruff", "format", "--check", "."], [*python, "mypy"]]
    if run:
        commands.append([*python, "pytest", *run])
    started = [subprocess.Popen(command, cwd=ROOT) for command in commands]
    failed = [" ".join(process.args[2:]) for process in started if process.wait() not in (0, 5)]
    if left:
        print("not run:", *left)
    if unknown := without_tests(paths):
        print("no tests are known of:", *unknown)
    if failed:
        sys.exit(f"failed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
