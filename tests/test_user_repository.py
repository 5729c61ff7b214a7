"""A repository of a new user, with the workflow of docs/nightly.md and nothing else, played against a local server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from actions import Job, Service
from commands import ROOT
from github_server import Api, serving
from nights import Nights, made, with_reading

from reporter.host.exit_codes import FAILED
from reporter.nightly import outlets

WORKFLOW = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "nightly.md").read_text(), re.DOTALL)[0]
MARK = "<!-- architecture-reporter"
PYTHON = """
case "$*" in
  "-m uv cache dir") echo packages ;;
  "-m uv pip compile"*) while [ $# -gt 1 ]; do [ "$1" = --output-file ] && touch "$2"; shift; done ;;
  "-m uv pip install"*) mkdir -p packages ;;
esac
"""
REAL = f'PYTHONPATH={ROOT} exec {sys.executable} -m reporter "$@"'
STORED = f"""
[ "$1" = nightly ] || {REAL}
rm -rf "$3" && cp -r "$STORED" "$3"
exit $(cat "$3/code")
"""
"""`reporter nightly` that puts a stored run in place."""
MEASURED = f"""
[ "$1" = nightly ] || {REAL}
PYTHONPATH={ROOT} exec {sys.executable} -m reporter "$@" $CHEAP
"""
"""`reporter nightly` with options that make it cheap."""


@dataclass
class User:
    """A new repository with a committed workflow; `run` is what GitHub does after an event."""

    folder: Path
    api: Api
    service: Service
    tools: Path
    number: int = 0

    def __post_init__(self) -> None:
        self.git("init", "--quiet")
        self.commit(".github/workflows/nightly.yml", WORKFLOW)

    @property
    def workflow(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.load(
            (self.folder / ".github" / "workflows" / "nightly.yml").read_text(), yaml.BaseLoader
        )
        return found

    def git(self, *words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
        self.folder.mkdir(exist_ok=True)
        subprocess.run(["git", "-C", str(self.folder), *who, *words], check=True)

    def commit(self, name: str, content: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", "change")

    def run(self, event: str, **variables: str) -> list[Job]:
        """All jobs that the event starts, each with its steps in order and the permissions of the workflow."""
        assert event in self.workflow["on"]
        self.number += 1
        self.api.writable = frozenset(
            name for name, access in self.workflow["permissions"].items() if access == "write"
        )
        return [self._job(name, event, variables) for name in self.workflow["jobs"]]

    def _job(self, name: str, event: str, variables: dict[str, str]) -> Job:
        workspace = self.folder.parent / f"{name}{self.number}"
        payload = workspace.with_suffix(".json")
        payload.write_text(json.dumps({"pull_request": {"number": 7}} if event == "pull_request" else {}))
        about = {"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(payload), "no_proxy": "127.0.0.1"}
        job = Job(
            self.service,
            workspace,
            self.tools,
            self.number,
            workflow=self.workflow["name"],
            variables=self.api.variables | about | variables,
        )
        for step in self.workflow["jobs"][name]["steps"]:
            if step["uses"].startswith("actions/checkout@"):
                subprocess.run(["git", "clone", "--quiet", str(self.folder), str(workspace)], check=True)
            else:
                assert step["uses"] == "OWNER/reporter@main"
                job.inputs = step.get("with", {})
                job.play()
        return job

    @property
    def comments(self) -> list[str]:
        return [each["body"] for each in self.api.comments.values() if MARK in each["body"]]


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    (tmp_path / "service").mkdir()
    tool(tmp_path, "python", PYTHON)
    with serving() as api:
        api.comments[1] = {"id": 1, "body": "a comment of a reviewer"}
        place = tmp_path / "dépôt with spaces"  # as on a self-hosted runner
        place.mkdir()
        yield User(place / "repository", api, Service(tmp_path / "service"), tmp_path / "tools")


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / "tools" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)


def test_the_smallest_workflow_has_five_lines() -> None:
    assert len(WORKFLOW.splitlines()) == 5
    assert "against" not in WORKFLOW


@pytest.mark.slow
def test_a_new_repository_gets_one_comment_which_is_edited(user: User, tmp_path: Path) -> None:
    """With stored results of a green and a red night; everything else is the action's own."""
    tool(tmp_path, "reporter", STORED)
    nights = Nights(tmp_path / "stored")
    bodies = []
    for changes, code in (((), 0), ((with_reading("alexnet", "macs", samples=(714_188_481,)),), 1)):
        assert nights.play(made(), *changes, preset="standard") == code
        (nights.out / "code").write_text(str(code))
        [job] = user.run("pull_request", STORED=str(nights.out))
        assert job.code == code, job.log
        assert "::warning::" not in job.log
        [body] = user.comments
        bodies.append(body)
        assert f"/actions/runs/{user.number}" in body
    assert "MACs" in bodies[1]
    assert "MACs" not in bodies[0]
    assert [(method, code) for method, _, code in user.api.calls if method != "GET"] == [("POST", 201), ("PATCH", 200)]
    assert not user.api.issues


@pytest.mark.slow
def test_a_workflow_without_permissions_does_not_fail_for_it(user: User, tmp_path: Path) -> None:
    """The log has a warning and what GitHub answered."""
    tool(tmp_path, "reporter", STORED)
    user.commit(".github/workflows/nightly.yml", re.sub(r"(?m)^permissions: .*$", "permissions: {}", WORKFLOW))
    nights = Nights(tmp_path / "stored")
    assert nights.play(made(), preset="standard") == 0
    (nights.out / "code").write_text("0")
    [job] = user.run("pull_request", STORED=str(nights.out))
    assert (job.code, user.comments) == (0, [])
    assert "::warning::" in job.log
    assert "HTTP 403" in job.log


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_new_repository_with_real_measurements(user: User, tmp_path: Path) -> None:
    """The first run in turns with this environment as the reference: one comment, and none more at night."""
    tool(tmp_path, "reporter", MEASURED)
    network = f"--architecture {ROOT}/tests/data/tiny.py:TINY --architectures alexnet"
    cheap = f"{network} --metrics size,latency_cpu_1thread --preset quick --modes eager --device cpu"
    for more in (f" --against {sys.prefix}", ""):
        [job] = user.run("pull_request", CHEAP=cheap + more)
        [body] = user.comments
        noisy = bool(more) and "machine was too noisy" in job.summary  # which is no pass with a reference
        assert job.code == (FAILED if noisy else 0), job.log
        assert f"### Architecture report: {'no verdict' if noisy else 'no regression'}\n" in body
        assert outlets.marker(job.steps["names"]["outputs"]["name"]) in body
        assert f"/actions/runs/{user.number}" in body
        assert ("against the reference" in job.summary) == bool(more)
    [job] = user.run("schedule", CHEAP=cheap)
    assert job.code == 0, job.log
    assert len(user.comments) == 1
    assert not user.api.issues
    assert (job.artifact / "report.html").exists()
