"""A runner for action.yml: its steps in order with bash, as GitHub runs them, with a cache and artifacts in folders."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from commands import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
TOKEN = re.compile(r"\s*('(?:[^']|'')*'|&&|==|!=|[(),]|[\w.-]+)")
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
NO_NAME = re.compile(r'["*/:<>?\\|\r\n]')
"""What upload-artifact refuses in the name of an artifact."""


class Expression:
    """The part of GitHub's expressions that action.yml uses; anything else is an error."""

    def __init__(self, text: str, contexts: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> None:
        assert re.fullmatch(f"(?:{TOKEN.pattern})*", text), text
        self.tokens = TOKEN.findall(text)
        self.contexts, self.functions = contexts, functions

    def value(self) -> Any:
        made = self._equal()
        while self.tokens and self.tokens[0] == "&&":
            self.tokens.pop(0)
            right = self._equal()
            made = right if made else made
        return made

    def _equal(self) -> Any:
        left = self._primary()
        if self.tokens and self.tokens[0] in ("==", "!="):
            return (self.tokens.pop(0) == "==") == (left == self._primary())
        return left

    def _primary(self) -> Any:
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self.tokens and self.tokens[0] == "(":
            return self.functions[token](*self._arguments())
        return self._looked_up(token.split("."))

    def _arguments(self) -> Iterator[Any]:
        self.tokens.pop(0)
        while self.tokens[0] != ")":
            yield self.value()
            if self.tokens[0] == ",":
                self.tokens.pop(0)
        self.tokens.pop(0)

    def _looked_up(self, path: list[str]) -> Any:
        made: Any = self.contexts[path[0]]  # an unknown context is an error; an unknown property is empty
        for name in path[1:]:
            made = made.get(name, "") if isinstance(made, Mapping) else ""
        return made


@dataclass
class Service:
    """What is kept from run to run: caches, which never change, and the artifacts of each run."""

    folder: Path
    caches: list[tuple[str, str]] = field(default_factory=list)
    artifacts: dict[tuple[str, str], Path] = field(default_factory=dict)

    def kept(self, start: str = "reporter-") -> list[str]:
        return [key for key, _ in self.caches if key.startswith(start)]

    def save(self, key: str, path: str, workspace: Path) -> None:
        if (key, path) not in self.caches:
            shutil.copytree(workspace / path, self.folder / f"cache{len(self.caches)}")
            self.caches.append((key, path))

    def restore(self, key: str, prefixes: list[str], path: str, workspace: Path) -> bool:
        """Restores the cache of this key, else the newest that starts with a prefix; whether it was this key."""
        for test in (key.__eq__, *(lambda each, start=start: each.startswith(start) for start in prefixes)):
            for number, (each, where) in reversed(list(enumerate(self.caches))):
                if where == path and test(each):
                    shutil.copytree(self.folder / f"cache{number}", workspace / path, dirs_exist_ok=True)
                    return each == key
        return False

    def upload(self, run: str, given: Mapping[str, str], workspace: Path) -> None:
        name, source = given["name"], workspace / given["path"]
        assert not NO_NAME.search(name or "/"), name
        assert (run, name) not in self.artifacts or given.get("overwrite") == "true", "409 Conflict"
        if source.is_dir():
            hidden = None if given.get("include-hidden-files") == "true" else shutil.ignore_patterns(".*")
            target = self.folder / "artifacts" / run / name
            shutil.rmtree(target, ignore_errors=True)
            self.artifacts[run, name] = Path(shutil.copytree(source, target, ignore=hidden))


@dataclass
class Job:
    """One attempt of a job with the action as its only step, in a workspace of its own."""

    service: Service
    workspace: Path
    tools: Path
    """A folder with the commands that the steps find first."""
    run: int = 1
    attempt: int = 1
    inputs: Mapping[str, str] = field(default_factory=dict)
    matrix: Mapping[str, str] | None = None
    workflow: str = "nightly"
    environment: str = "github-hosted"
    variables: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""
    log: str = ""
    failed: bool = False
    code: int = 0
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)

    def play(self) -> Job:
        """Runs all steps; `code` is the exit code of the first step that failed."""
        unknown = set(self.inputs) - set(ACTION["inputs"])
        assert not unknown
        self.temp.mkdir(parents=True, exist_ok=True)
        for number, step in enumerate(ACTION["runs"]["steps"]):
            name = step.get("id", str(number))
            self.steps[name] = {"outputs": {}}
            if not self._wanted(step.get("if", "success()")):
                continue
            self.executed.append(step.get("name", step.get("uses", "")))
            code, outputs = self.ran(step) if "run" in step else self._used(step)
            self.steps[name]["outputs"] = outputs
            if code and not self.failed:
                self.failed, self.code = True, code
        return self

    @property
    def temp(self) -> Path:
        return self.workspace.parent / f"{self.workspace.name}-temp"

    @property
    def artifact(self) -> Path:
        """The folder that was uploaded, with the name that the action gives as its output."""
        name = self.text(ACTION["outputs"]["artifact"]["value"])
        return self.service.artifacts[str(self.run), name]

    def text(self, template: str) -> str:
        """A text with its expressions replaced."""
        return re.sub(r"\$\{\{(.*?)\}\}", lambda match: _shown(self._evaluated(match[1])), str(template))

    def start(self, step: Mapping[str, Any]) -> subprocess.Popen[str]:
        """A `run` step as a process of its own."""
        script = self.temp / "script.sh"
        script.write_text(self.text(step["run"]))
        for name in ("output", "summary"):
            (self.temp / name).touch()
        places = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"}
        known = {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "HOME": str(self.temp),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_SHA": "c0ffee",
            "GITHUB_RUN_ID": str(self.run),
            "GITHUB_RUN_ATTEMPT": str(self.attempt),
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "owner/nets",
            "GITHUB_EVENT_NAME": "schedule",
        }
        given = {name: self.text(value) for name, value in step.get("env", {}).items()}
        variables = known | {name: str(self.temp / place) for name, place in places.items()} | self.variables | given
        command = [*SHELL, str(script)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=self.workspace, env=variables, text=True, **pipes)

    def ran(self, step: Mapping[str, Any]) -> tuple[int, dict[str, str]]:
        """Runs a `run` step; gives its exit code and its outputs."""
        (self.temp / "output").write_text("")
        process = self.start(step)
        self.log += process.communicate(timeout=1200)[0]
        self.summary = (self.temp / "summary").read_text()
        lines = (self.temp / "output").read_text().splitlines()
        return process.returncode, dict(line.split("=", 1) for line in lines)

    def _used(self, step: Mapping[str, Any]) -> tuple[int, dict[str, str]]:
        given = {name: self.text(_shown(value)) for name, value in step.get("with", {}).items()}
        action = step["uses"].partition("@")[0]
        if action == "actions/cache/save":
            self.service.save(given["key"], given["path"], self.workspace)
        elif action == "actions/cache/restore":
            prefixes = given.get("restore-keys", "").split()
            hit = self.service.restore(given["key"], prefixes, given["path"], self.workspace)
            return 0, {"cache-hit": _shown(hit)}
        elif action == "actions/upload-artifact":
            self.service.upload(str(self.run), given, self.workspace)
        else:
            assert action == "actions/setup-python", action
        return 0, {}

    def _wanted(self, condition: str) -> bool:
        stated = re.search(r"\b(always|success|failure|cancelled)\(\)", condition)
        return bool(self._evaluated(condition)) and (stated is not None or not self.failed)

    def _evaluated(self, expression: str) -> Any:
        defaults = {name: each.get("default", "") for name, each in ACTION["inputs"].items()}
        contexts = {
            "inputs": defaults | {"token": "secret"} | dict(self.inputs),
            "steps": self.steps,
            "matrix": self.matrix,
            "runner": {"os": "Linux", "arch": "X64", "environment": self.environment},
            "github": {
                "job": "report",
                "workflow": self.workflow,
                "run_id": str(self.run),
                "run_attempt": str(self.attempt),
                "token": "secret",
            },
        }
        functions: dict[str, Callable[..., Any]] = {
            "always": lambda: True,
            "success": lambda: not self.failed,
            "contains": lambda items, item: item in items,
            "fromJSON": json.loads,
            "toJSON": lambda value: json.dumps(value, indent=2),
        }
        return Expression(expression.strip(), contexts, functions).value()


def step(name: str) -> Mapping[str, Any]:
    """A step of the action by its id."""
    return next(each for each in ACTION["runs"]["steps"] if each.get("id") == name)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
