"""The action: its steps in order, over several nights, with a cache and artifacts in folders."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from actions import ACTION, Job, Service, step
from commands import ROOT, run

from reporter.host.exit_codes import FAILED, INTERRUPTED, REGRESSED, USAGE

KILLED = 128 + signal.SIGKILL
PYTHON = """
printf '%s\\n' "$*" >> "$HOME/python.log"
case "$*" in
  --version) echo Python 3.12.1 ;;
  "-m uv cache dir") echo packages ;;
  "-m uv pip compile"*)
    printf 'torch==%s\\n' "${TORCH:-2.14.1}" | tee "$(echo "$*" | sed 's/.*--output-file \\([^ ]*\\).*/\\1/')" ;;
  "-m uv pip install"*) mkdir -p packages && echo "${TORCH:-2.14.1}" >> packages/downloaded ;;
esac
"""
"""A `python` that only logs what it is asked to install, and writes what uv would."""
REPORTER = """
if [ "$1" = publish ]; then echo "$@" > "$HOME/published"; exit 0; fi
echo "$@" > "$HOME/arguments"
out=$3
echo "baseline: $(cat "$out/.nightly/base" 2> /dev/null || echo none)"
echo "accepted: $(cat "$out/accepted.json" 2> /dev/null || echo nothing)"
mkdir -p "$out/.nightly"
case $NIGHT in
  9) echo half > "$out/.nightly/base"; kill -9 $$ ;;
  2) echo "no such option" >&2; exit 2 ;;
  0) echo "run $GITHUB_RUN_ID.$GITHUB_RUN_ATTEMPT" > "$out/.nightly/base" ;;
esac
echo "$GITHUB_RUN_ID.$GITHUB_RUN_ATTEMPT" >> "$out/history.jsonl"
exit "$NIGHT"
"""
"""A `reporter` that prints the baseline that it finds, moves it when it passes, and exits as $NIGHT says."""


@dataclass
class Repository:
    """A repository whose nightly workflow uses the action."""

    folder: Path
    service: Service
    tools: Path
    count: int = 0

    def night(self, code: int | None = None, *, attempt: int = 1, **more: Any) -> Job:
        """One attempt, in a fresh workspace; a first attempt is a new run."""
        self.count += attempt == 1
        workspace = self.folder / f"workspace{self.count}.{attempt}.{len(list(self.folder.iterdir()))}"
        workspace.mkdir()
        for path in (self.folder / "committed").iterdir():
            shutil.copytree(path, workspace / path.name)
        variables = {"NIGHT": str(code)} | more.pop("variables", {})
        job = Job(self.service, workspace, self.tools, self.count, attempt, variables=variables, **more)
        return job.play()

    def commit(self, name: str, content: str) -> None:
        path = self.folder / "committed" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        git = ("git", "-C", str(self.folder / "committed"), "-c", "user.name=a", "-c", "user.email=a@b.example")
        for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--allow-empty", "-m", "change")):
            subprocess.run([*git, "-c", "commit.gpgsign=false", *command], check=True)


def tool(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/bash\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    for name in ("service", "jobs", "jobs/committed"):
        (tmp_path / name).mkdir()
    tool(tmp_path / "tools", "python", PYTHON)
    tool(tmp_path / "tools", "reporter", REPORTER)
    return Repository(tmp_path / "jobs", Service(tmp_path / "service"), tmp_path / "tools")


def asked(job: Job) -> list[str]:
    """The options that `reporter nightly` got."""
    return (job.temp / "arguments").read_text().split()


def installed(job: Job) -> list[str]:
    return [line for line in (job.temp / "python.log").read_text().splitlines() if " pip " in line]


def results(service: Service) -> list[str]:
    """The runs and attempts whose results were kept."""
    return [key.partition(".")[2] for key in service.kept() if not key.startswith("reporter-packages.")]


def test_nights_in_order(repository: Repository) -> None:
    """Only a whole night is kept; each finds what the last whole one left, and its job fails by the exit code."""
    expected: list[tuple[int, str, list[str]]] = [
        (0, "none", ["1.1"]),
        (REGRESSED, "run 1.1", ["1.1", "2.1"]),
        (KILLED, "run 1.1", ["1.1", "2.1"]),
        (USAGE, "run 1.1", ["1.1", "2.1"]),
        (FAILED, "run 1.1", ["1.1", "2.1", "5.1"]),
        (0, "run 1.1", ["1.1", "2.1", "5.1", "6.1"]),
        (0, "run 6.1", ["1.1", "2.1", "5.1", "6.1", "7.1"]),
    ]
    for code, base, kept in expected:
        job = repository.night(9 if code == KILLED else code)
        assert (job.code, job.failed, results(repository.service)) == (code, code != 0, kept)
        assert job.summary.startswith(f"~~~~\nbaseline: {base}\n")
        assert job.summary.endswith("\n~~~~\n")
        assert ("did not finish (exit code 137)" in job.summary) == (code == KILLED)
        assert ("No complete run; the message is in the log." in job.summary) == (code == USAGE)
        assert ("no such option" in job.log) == (code == USAGE)
        assert "baseline" not in job.log
        assert job.text(ACTION["outputs"]["code"]["value"]) == str(code)
    assert (job.artifact / "history.jsonl").read_text().split() == ["1.1", "2.1", "5.1", "6.1", "7.1"]
    assert (job.artifact / ".nightly" / "base").exists()


def test_a_rerun_of_a_red_night(repository: Repository) -> None:
    """It starts with what its first attempt left, keeps its own results, and replaces the artifact."""
    assert repository.night(0).code == 0
    for attempt in (1, 2, 3):
        job = repository.night(REGRESSED, attempt=attempt)
        assert job.code == REGRESSED
        assert "baseline: run 1.1" in job.summary
        runs = (job.artifact / "history.jsonl").read_text().split()
        assert runs == ["1.1", *(f"2.{each}" for each in range(1, attempt + 1))]
    assert results(repository.service) == ["1.1", "2.1", "2.2", "2.3"]


def test_what_reporter_is_asked_for(repository: Repository) -> None:
    """Options are words, not globs, and come last; the commit and the run are labels of the history."""
    repository.commit("resnet18.txt/file", "")
    inputs = {"architectures": "alexnet,vgg*", "preset": "quick", "fail-on": "any", "out": "build/results"}
    job = repository.night(0, inputs=inputs | {"options": "--lang en,ru\n--metrics resnet*"})
    assert " ".join(asked(job)) == (
        "nightly --out build/results --architectures alexnet,vgg* --preset quick --fail-on any"
        " --label commit=c0ffee --label run=1.1 --lang en,ru --metrics resnet*"
    )
    assert job.text(ACTION["outputs"]["report"]["value"]) == "build/results/report.html"


def test_what_fails_the_job_follows_from_the_reference(repository: Repository) -> None:
    """By default, `reporter nightly` decides: with a reference, times are judged."""
    for inputs in ({}, {"against": "torch==2.14.1 torchvision==0.29.1"}):
        assert "--fail-on" not in asked(repository.night(0, inputs=inputs))
    assert "--against" in asked(repository.night(0, inputs=inputs))


def test_inputs_are_no_shell(repository: Repository) -> None:
    """Whatever an input contains, it stays one argument of one command."""
    attack = "$(touch hacked) `touch hacked`; touch hacked #'\""
    inputs = dict.fromkeys(("architectures", "preset", "fail-on", "name", "constraints", "index-url"), attack)
    job = repository.night(0, inputs=inputs)
    assert job.code == 0
    assert not (job.workspace / "hacked").exists()


def test_names_neither_collide_nor_contain_slashes(repository: Repository) -> None:
    """Legs of a matrix, folders, workflows, and names that only differ in what is replaced."""
    legs: list[dict[str, Any]] = [
        {},
        {"inputs": {"out": "build/results"}},
        {"inputs": {"out": "build-results"}},
        {"workflow": "weekly"},
        {"inputs": {"name": "nightly"}},
        {"inputs": {"name": "nightly-gpu"}},
        {"inputs": {"name": "nightly/gpu"}},
        {"inputs": {"name": "nightly gpu"}},
        {"inputs": {"name": "n" * 300}},
        {"inputs": {"name": "n" * 301}},
        {"inputs": {"name": "сеть"}},
        *({"matrix": {"os": name}} for name in ("linux", "macos")),
        *({"matrix": {"os": name}, "inputs": {"name": "nightly"}} for name in ("linux", "macos")),
    ]
    names = [named(repository, **leg) for leg in legs]
    assert len(set(names)) == len(legs)
    assert names == [named(repository, **leg) for leg in legs]
    assert names[4:6] == ["nightly", "nightly-gpu"]
    assert all(re.fullmatch(r"[\w-]{1,100}", name, re.ASCII) for name in names)


def test_each_leg_has_its_own_baseline(repository: Repository) -> None:
    """Also if the name of one is the beginning of the name of another, which was kept later."""
    legs: list[dict[str, Any]] = [
        {"inputs": {"name": "nightly"}},
        {"inputs": {"name": "nightly-gpu"}},
        {"inputs": {"name": "nightly"}, "matrix": {"python": "3.12"}},
    ]
    for number, leg in enumerate(legs):
        assert "baseline: none" in repository.night(0, **leg).summary, number
    for number, leg in enumerate(legs):
        assert f"baseline: run {number + 1}.1" in repository.night(0, **leg).summary


def named(repository: Repository, **leg: Any) -> str:
    """The name that the action gives to the results of a job."""
    job = Job(repository.service, repository.folder, repository.tools, **leg)
    job.temp.mkdir(exist_ok=True)
    code, outputs = job.ran(step("names"))
    assert code == 0
    return outputs["name"]


def test_acceptances_that_are_no_longer_committed_do_not_count(repository: Repository) -> None:
    """Although their file is in the cache, too."""
    repository.commit("results/accepted.json", "of a week ago")
    for _ in range(2):
        assert "accepted: of a week ago" in repository.night(0).summary
    (repository.folder / "committed" / "results" / "accepted.json").unlink()
    repository.commit("other/file", "")
    for _ in range(2):
        assert "accepted: nothing" in repository.night(0).summary


def test_the_committed_acceptances_count(repository: Repository) -> None:
    """They replace those that the cache has; a folder without any stays as it is."""
    assert "accepted: nothing" in repository.night(0).summary
    for content in ("first", "second"):
        repository.commit("results/accepted.json", content)
        assert f"accepted: {content}" in repository.night(0).summary


def test_the_packages(repository: Repository) -> None:
    """Torch is the build for the runner; what was downloaded is kept until a version changes."""
    job = repository.night(0)
    uv, resolved, install = installed(job)
    assert uv == "-m pip install --quiet uv>=0.8"
    for line in (resolved, install):
        assert f"--python {repository.tools}/python --torch-backend auto" in line
    assert install.endswith(f" {ROOT}")
    assert "torch==2.14.1" in job.log
    downloaded = []
    for version in ("2.14.1", "2.15.0", "2.15.0"):
        job = repository.night(REGRESSED, variables={"TORCH": version})
        downloaded.append((job.workspace / "packages" / "downloaded").read_text().split())
    assert downloaded == [["2.14.1"] * 2, ["2.15.0"], ["2.15.0"] * 2]
    assert len(repository.service.kept("reporter-packages.Linux.X64.")) == 2


def test_constraints_and_an_index(repository: Repository) -> None:
    """An index is searched for torch as well; runners that keep their files need no cache of packages."""
    inputs = {"constraints": "ci/my versions.txt", "index-url": "file:///srv/wheels"}
    job = repository.night(0, inputs=inputs, environment="self-hosted")
    for line in installed(job)[1:]:
        assert "--constraints ci/my versions.txt --index file:///srv/wheels" in line
        assert "torch-backend" not in line
    assert repository.service.kept("reporter-packages") == []


def test_an_install_that_fails(repository: Repository) -> None:
    """The job fails, nothing is measured, and no cache is written."""
    tool(repository.tools, "python", 'case "$*" in *"pip install --quiet --python"*) exit 1 ;; esac\n' + PYTHON)
    job = repository.night(0)
    assert (job.failed, repository.service.caches) == (True, [])
    assert "Measure, report, compare" not in job.executed


def test_a_reporter_that_is_not_there(repository: Repository) -> None:
    (repository.tools / "reporter").unlink()
    job = repository.night(0, variables={"PATH": f"{repository.tools}:/usr/bin:/bin"})
    assert (job.code, results(repository.service)) == (127, [])
    assert "reporter: command not found" in job.log
    assert "The run did not finish (exit code 127); the last complete run is kept." in job.summary


@pytest.mark.parametrize("pause", [0, 0.1])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_reporter(number: signal.Signals, pause: float, repository: Repository) -> None:
    """A job that is canceled or runs out of time ends its run, and keeps nothing of it.

    With a pause before each command of the step, the signal arrives right after the start of the reporter.
    """
    wait = "touch started; for _ in {1..500}; do sleep 0.05; done"
    tool(repository.tools, "reporter", f"trap - DEBUG; trap 'echo ended > ended; exit 130' TERM; {wait}")
    workspace = repository.folder / "workspace"
    workspace.mkdir()
    slow = repository.folder / "slow.sh"
    slow.write_text(f"trap 'sleep {pause}' DEBUG\n" if pause else "")
    job = Job(repository.service, workspace, repository.tools, variables={"BASH_ENV": str(slow)})
    job.temp.mkdir()
    with job.start(step("run")) as process:
        end = time.monotonic() + 20
        while not (workspace / "started").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
    assert (workspace / "ended").exists()
    assert (job.temp / "output").read_text() == f"code={INTERRUPTED}\n"
    assert "The run did not finish (exit code 130)" in (job.temp / "summary").read_text()


def test_actions_are_pinned() -> None:
    """By a full commit with its version; every use of a repository is the same commit."""
    files = [ROOT / "action.yml", *(ROOT / ".github" / "workflows").glob("*.yml")]
    used = [line for path in files for line in re.findall(r"uses: (.*)", path.read_text()) if line != "./"]
    pins: dict[str, set[str]] = {}
    for line in used:
        match = re.fullmatch(r"([\w-]+/[\w-]+)[\w/-]*@([0-9a-f]{40} # v\d+\.\d+\.\d+)", line)
        assert match, line
        pins.setdefault(match[1], set()).add(match[2])
    assert len(used) >= 10
    assert {name: len(versions) for name, versions in pins.items()} == dict.fromkeys(pins, 1)


NETWORK = """
from torch import nn

def tiny(num_classes):
    body = nn.Sequential(nn.Conv2d(3, {width}, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(body, nn.Linear({width}, num_classes))
"""


@pytest.mark.slow
def test_nights_with_the_real_reporter(repository: Repository) -> None:
    """Passed, failed, failed again when run again, accepted by a committed file, passed; the page lists them all."""
    tool(repository.tools, "reporter", f'PYTHONPATH={ROOT} exec {sys.executable} -m reporter "$@"')
    options = "--architecture net/tiny.py:tiny --metrics size,compute --device cpu"
    inputs = {"architectures": "alexnet", "preset": "quick", "options": options, "out": "build/results"}

    def night(width: int, code: int, **more: Any) -> Job:
        repository.commit("net/tiny.py", NETWORK.format(width=width))
        job = repository.night(inputs=inputs, **more)
        assert job.code == code, job.log
        return job

    assert "First run: there is no readable baseline to compare with." in night(4, 0).summary
    assert "\nNothing changed; same versions" in night(4, 0).summary
    for attempt in (1, 2):
        job = night(8, REGRESSED, attempt=attempt)
        assert "- Parameters changed: tiny 5,112 -> 9,224" in job.summary
    artifact = job.artifact
    assert run("accept", artifact, "--reason", "wider").returncode == 0
    repository.commit("build/results/accepted.json", (artifact / "accepted.json").read_text())
    assert "\nNothing changed; same versions" in night(8, 0).summary
    page = (repository.night(inputs=inputs).artifact / "index.html").read_text()
    assert re.findall("<td>(passed|regression)</td>", page) == ["passed"] * 2 + ["regression"] * 2 + ["passed"] * 2
    assert 'href="report.html"' in page
