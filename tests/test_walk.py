"""`reporter ab --walk`: the search for all positions and skipped versions, and a walk over the wheels of an index."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import metadata
from io import StringIO
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
import version_walks
from commands import ROOT, call, errors_so_far, run, start, wait_for, without_seconds
from hypothesis import given, settings
from hypothesis import strategies as st
from version_index import served, wheel

from reporter.cli import heartbeat
from reporter.cli.progress import Lines
from reporter.compare.bisection import Effect, Found, FoundStep, SkippedVersionError, search
from reporter.compare.walk_result import KernelStep, VersionComparison, VersionStep, WalkResult
from reporter.documents.reference_verdicts import ReferenceGap, ReferenceLoss, SideName
from reporter.host import files, interrupts
from reporter.host.exit_codes import INTERRUPTED
from reporter.model import ReporterError
from reporter.model.settings import PRESETS, Conditions
from reporter.report.between_runs import walk_text
from reporter.run import preparation
from reporter.run.paired import pinned, version_environments, version_walk, walk_state
from reporter.run.paired.reference_run import ReferenceRun

VERSIONS = 16
SILENT = SimpleNamespace(note=lambda _: None, restart=lambda: None)
"""Progress that is not shown."""
SKIPPED = st.frozensets(st.integers(0, VERSIONS - 1), max_size=VERSIONS)


def walked(
    step: int | None, skipped: frozenset[int], size: float = 0.1, *, ended_early: bool = False
) -> tuple[Found | None, int]:
    """The result for a slowdown from version `step` on, and the number of comparisons.

    With `ended_early`, those between the first one and the one that confirms the step have no verdict.
    """
    calls: list[tuple[int, int]] = []

    def compare(a: int, b: int, *, confirms: bool = False) -> Effect:
        assert a < b
        for number in (a, b):
            if number in skipped:
                raise SkippedVersionError(number)
        calls.append((a, b))
        slower = step is not None and a < step <= b
        has_verdict = confirms or not ended_early or len(calls) == 1
        return Effect(math.log1p(size) if slower else 0.0, slower and has_verdict)

    return search(VERSIONS, compare, partial(compare, confirms=True)), len(calls)


@given(st.one_of(st.none(), st.integers(0, VERSIONS - 1)), SKIPPED)
@settings(max_examples=150, deadline=None)
def test_the_step_is_found_at_any_position_with_any_versions_skipped(step: int | None, skipped: frozenset[int]) -> None:
    usable = [number for number in range(VERSIONS) if number not in skipped]
    found, count = walked(step, skipped)
    if len(usable) < 2:
        assert found is None
        return
    assert found
    assert (found.first, found.last) == (usable[0], usable[-1])
    if step is None or not usable[0] < step <= usable[-1]:
        assert (found.step, count) == (None, 1)
        return
    assert found.step
    assert found.step.before == max(number for number in usable if number < step)
    assert found.step.after == min(number for number in usable if number >= step)
    assert set(found.step.skipped) <= skipped
    assert found.step.effect.slower
    assert count <= 6


@pytest.mark.parametrize("ended_early", [False, True])
def test_every_position_of_16_versions_is_found_in_at_most_six_comparisons(ended_early: bool) -> None:
    """And confirmed, also if the comparison that finds it was ended without a verdict."""
    for step in range(1, VERSIONS):
        found, count = walked(step, frozenset(), ended_early=ended_early)
        assert found
        assert found.step
        assert (found.step.before, found.step.after) == (step - 1, step)
        assert found.step.effect.slower
        assert count <= 6


def test_of_two_steps_the_one_that_crosses_half_of_the_slowdown_is_found() -> None:
    """And a step that its own comparison does not confirm is reported as such."""
    logs = [0.0] * 4 + [0.04] * 6 + [0.12] * 6

    def compare(a: int, b: int) -> Effect:
        return Effect(logs[b] - logs[a], logs[b] - logs[a] > 0.03)

    found = search(VERSIONS, compare)
    assert found
    assert found.step
    assert (found.step.before, found.step.after) == (9, 10)
    creep = search(VERSIONS, lambda a, b: Effect(0.01 * (b - a), b - a > 5))
    assert creep
    assert creep.step
    assert not creep.step.effect.slower


NETWORK = """
from functools import partial
from time import perf_counter

import paced
from torch import nn
from reporter.types import Architecture

class Paced(nn.Module):
    def forward(self, images):
        end = perf_counter() + 0.004 * paced.FACTOR
        while perf_counter() < end:
            pass
        return images

def build(classes):
    layers = nn.Conv2d(3, 8, 3, bias=False), Paced(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)
    return nn.Sequential(*layers)

PACED = Architecture("paced", "Test", 2026, "none", build, input_size=32)
"""
STEP, UNINSTALLABLE, UNIMPORTABLE = 6, 7, 8
NAMES = [f"1.{number}" for number in range(VERSIONS)]


def filled(folder: Path, factor: float = 3.0) -> Path:
    """The pages of an index: 16 versions of a package, slower from one on, and what one of them requires."""
    for package in ("paced", "pace-table"):
        (folder / "simple" / package).mkdir(parents=True)
    files = folder / "simple" / "paced"
    for number, version in enumerate(NAMES):
        text = f"FACTOR = {factor if number >= STEP else 1.0}\n"
        text += "raise RuntimeError('broken on purpose')\n" * (number == UNIMPORTABLE)
        requires = ("no-such-package",) if number == UNINSTALLABLE else ("pace-table",) if number >= STEP else ()
        wheel(files, "paced", version, requires, text)
    wheel(folder / "simple" / "pace-table", "pace_table", "3.0")
    return folder


@pytest.fixture
def variables(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A configuration of pip that names an index, a cache folder, and the package in the environment that walks."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "paced.py").write_text("FACTOR = 1.0\n")
    (tmp_path / "network.py").write_text(NETWORK)
    with served(filled(tmp_path / "index")) as url:
        (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {url}/\n")
        yield {
            "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "PYTHONPATH": f"{ROOT}:{own}",
        }


@pytest.mark.parametrize(
    ("package", "span", "line"),
    [
        ("paced", "1.0-1.15", "'1.0-1.15' is not a range of versions; try 2.11.0..2.15.0"),
        ("unheard-of", "1.0..2.0", "the index has no version of unheard-of for this Python, or cannot be reached"),
        ("--pre", "1.0..2.0", "'--pre' is not the name of a package"),
    ],
)
def test_versions_are_those_that_the_index_has(
    package: str, span: str, line: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_CONFIG_FILE", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, variables[name])
    check_refused(package, span, line)


def test_all_versions_that_the_index_has(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_CONFIG_FILE", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, variables[name])
    monkeypatch.setattr(version_environments, "listed", cache(version_environments.listed))  # pip is asked once
    assert version_environments.between("paced", "1.0..1.15") == NAMES
    for span, line in (
        ("1.0..2.0", "the index has no version 2.0 of paced for this Python; it has 1.0, 1.1,"),
        ("1.4..1.3", "the first version must be older than the last"),
    ):
        check_refused("paced", span, line)


def check_refused(package: str, span: str, line: str) -> None:
    with pytest.raises(ReporterError) as raised:
        version_environments.between(package, span)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_without_pip_there_is_a_line_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that cannot be reached is another line."""
    monkeypatch.setattr(version_environments, "find_spec", lambda _: None)
    check_refused("paced", "1.0..1.5", "listed with pip, which this environment does not have; install it with `python")


def test_a_walk_prints_lines_while_it_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While versions are listed, and while both environments of a comparison are made and tried."""

    def slow(printed: Callable[[], str], *_: object) -> NoReturn:
        wait_for("still preparing", printed)
        raise pinned.InstallationError(version_environments.FULL_DISK)

    monkeypatch.setattr(heartbeat, "INTERVAL", 0.01)
    monkeypatch.setattr(preparation, "prepare_ab", lambda *_: SimpleNamespace(notices=()))
    monkeypatch.setattr(version_environments, "between", partial(slow, errors_so_far))
    done = call("ab", "--walk", "paced", "1.0..1.5")
    assert "note: still preparing the comparisons, after 0 s\n" in without_seconds(done.stderr)
    stream = StringIO()
    make = partial(slow, stream.getvalue)
    environments = SimpleNamespace(folder=tmp_path, package="paced", keep_only=lambda _: None, make=make)
    shown = Lines(stream, heartbeat.INTERVAL)
    with pytest.raises(ReporterError, match="free space"):
        version_walk.Walk(None, NAMES, environments, shown)._measured(0, 1)
    shown.close()
    assert set(stream.getvalue().splitlines()) == {"still preparing the measurement"}


def test_the_last_phase_of_a_walk_that_resumes_there_prints_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All comparisons were made by the interrupted walk, and both environments are made again."""
    shown: list[str] = []

    def full(*_: object) -> NoReturn:
        shown.append("make")
        raise pinned.InstallationError(version_environments.FULL_DISK)

    environments = SimpleNamespace(folder=tmp_path, package="paced", keep_only=lambda _: None, make=full)
    request: Any = SimpleNamespace(metrics={"latency_cpu": SimpleNamespace(device="cpu")}, devices={"cpu": "cpu"})
    progress: Any = SimpleNamespace(note=shown.append, restart=lambda: shown.append("restart"))
    walking = version_walk.Walk(request, NAMES, environments, progress)
    monkeypatch.setattr(walking, "_job", lambda *_: None)
    about = {"before": "1.0", "after": "1.15", "verdict": "slower", "ratio": 1.2}
    walking.state.comparisons.append(VersionComparison(**about, architecture="net", metric="latency_cpu"))
    walking.state.packages |= {"1.0": {}, "1.1": {}}
    with pytest.raises(ReporterError, match="free space"):
        walking._step(FoundStep(0, 1, (), Effect(0.2, slower=True)))  # the walk ends, and keeps its state
    assert shown == ["restart", "recording the kernels of paced 1.0 and 1.1", "make"]


def test_a_version_that_fails_when_its_kernels_are_recorded_is_not_skipped(tmp_path: Path) -> None:
    """It was measured before. The step is printed with the reason."""

    class Hanging(version_walk.Walk):
        def _try(self, version: str, place: Path) -> NoReturn:
            raise ReporterError(f"{version}: not done after 300 s")

    make: Any = {"make": lambda *_: tmp_path / "made", "place": tmp_path.joinpath}
    environments = SimpleNamespace(folder=tmp_path, package="paced", keep_only=lambda _: None, **make)
    request: Any = SimpleNamespace(
        metrics={"latency_cpu": SimpleNamespace(device="cpu")},
        devices={"cpu": "cpu"},
        architectures=[SimpleNamespace(name="net", reference="")],
        conditions_of=lambda _: Conditions(**PRESETS["quick"]),
    )
    walking = Hanging(request, NAMES, environments, SILENT)
    about = {"before": "1.0", "after": "1.15", "verdict": "slower", "ratio": 1.2}
    walking.state.comparisons.append(VersionComparison(**about, architecture="net", metric="latency_cpu"))
    walking.state.packages |= {"1.3": {}, "1.4": {}}
    step = walking._step(FoundStep(3, 4, (), Effect(0.2, slower=True)))
    assert (step.kernels, step.no_kernels) == (None, "1.3: not done after 300 s")
    assert walking.state.skipped == {}


def test_a_walk_in_which_all_versions_were_skipped_tries_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a failure of the host of the files, while the index still lists them."""
    tried: list[str] = []

    def make(version: str, _: object) -> NoReturn:
        tried.append(version)
        raise pinned.InstallationError("503 Service Unavailable")

    monkeypatch.setattr(version_walk, "listed", lambda _: NAMES)
    place = tmp_path.joinpath
    environments = SimpleNamespace(folder=tmp_path, package="paced", keep_only=lambda _: None, make=make, place=place)
    for count in (1, 2):
        walking = version_walk.Walk(None, NAMES[:3], environments, SILENT)
        with pytest.raises(ReporterError, match=r"fewer than two .* 503 Service Unavailable"):
            walking.run()
        assert tried == ["1.0", "1.1"] * count


def test_a_walk_resumes_with_the_same_network_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with one whose file was edited since."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert walk_place("one") == walk_place("one")
    assert walk_place("one") != walk_place("another")


def walk_place(definition: str = "one", package: str = "paced", **devices: str) -> Path:
    """The folder of a walk with one network."""
    entry = SimpleNamespace(name="net", reference="net.py:NET", definition=definition)
    conditions = Conditions(**PRESETS["quick"])
    request: Any = SimpleNamespace(architectures=[entry], metrics={}, conditions=conditions, devices=devices)
    return walk_state.place_of(request, package, NAMES)


@pytest.mark.parametrize(
    ("package", "changed", "is_same"),
    [
        ("paced", "torch", False),
        ("paced", "pace-table", False),
        ("paced", "paced", True),
        ("torch", "numpy", False),
        ("torch", "torch", True),
        ("torch", "pace-table", True),
    ],
)
def test_a_walk_resumes_with_the_same_packages_only(
    package: str, changed: str, is_same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With those that its environments import from this one; and on the same device."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    installed = {"torch": "2.14.1", "numpy": "2.1.0", "pace_table": "3.0", "paced": "1.0"}

    def distributions(**_: object) -> list[Any]:
        return [SimpleNamespace(name=name, version=version) for name, version in installed.items()]

    monkeypatch.setattr(version_environments.metadata, "distributions", distributions)
    before = walk_place(package=package, cuda="cuda:0")
    assert before == walk_place(package=package, cuda="cuda:0")
    assert before != walk_place(package=package, cuda="cuda:1")
    installed[changed.replace("-", "_")] = "9.0"
    assert (walk_place(package=package, cuda="cuda:0") == before) is is_same


def test_what_pins_a_package_moves_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that require certain versions of it; pip changes one only if it does not fit any more."""
    for number, requirement in enumerate(
        ("paced==1.0", "Paced[fast] (>=1,<2)", "paced", "paced-table==1", "paced==1; extra == 'gpu'", "paced ~= 1.2")
    ):
        about = tmp_path / "site" / f"user{number}-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: user{number}\nRequires-Dist: {requirement}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert version_environments.bound("paced") == ["user0", "user1", "user5"]
    made = version_environments.VersionEnvironments("paced", tmp_path)
    assert list(made._requirements("1.4")) == ["paced==1.4", "user0", "user1", "user5"]
    whole = list(version_environments.VersionEnvironments("torch", tmp_path)._requirements("2.14.1"))
    assert whole[:2] == ["torch==2.14.1", "torchvision"]
    assert f"pydantic=={metadata.version('pydantic')}" in whole


def test_an_environment_has_only_what_has_to_change(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is imported from the environment that runs; other environments are removed."""
    for name in ("PIP_CONFIG_FILE", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, variables[name])
    made = version_environments.VersionEnvironments("paced", tmp_path / "walk")
    place = made.make(NAMES[STEP], print)
    assert pinned.frozen_versions(place) == {"pace_table": "3.0", "paced": "1.6"}
    assert made.versions("1.6")["torch"] == metadata.version("torch")
    line = "import importlib.util as u, paced; print(paced.FACTOR, u.find_spec('torch').origin)"
    shown = subprocess.run([place / "bin" / "python", "-P", "-c", line], capture_output=True, text=True, check=True)
    found = importlib.util.find_spec("torch")
    assert found
    assert shown.stdout.split() == ["3.0", str(found.origin)]
    made.keep_only(["1.0"])
    assert not list((tmp_path / "walk").iterdir())


@pytest.mark.slow
def test_a_version_that_cannot_be_installed_has_a_reason(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_CONFIG_FILE", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, variables[name])
    made = version_environments.VersionEnvironments("paced", tmp_path / "walk")
    with pytest.raises(pinned.InstallationError, match="no-such-package"):
        made.make(NAMES[UNINSTALLABLE], print)


@pytest.mark.slow
def test_an_index_that_cannot_be_reached_skips_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk ends, and resumes later; a version that the index does not have is skipped."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    notes: list[str] = []
    environments = version_environments.VersionEnvironments("paced", tmp_path / "walk")
    walking = version_walk.Walk(None, [*NAMES, "2.0"], environments, SimpleNamespace(note=notes.append))
    with pytest.raises(ReporterError, match="cannot be reached"):
        walking._environment(0)
    assert (walking.state.skipped, notes) == ({}, [])
    with served(filled(tmp_path / "index")) as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        with pytest.raises(SkippedVersionError):
            walking._environment(VERSIONS)
    assert "cannot be installed" in walking.state.skipped["2.0"]
    assert walk_state.load(tmp_path / "walk" / walk_state.NAME) == walking.state


def walk(variables: dict[str, str], folder: Path, span: str, **more: object) -> subprocess.CompletedProcess[str]:
    names = ("--architecture", folder / "network.py:PACED", "--metrics", "latency_cpu_1thread", "--preset", "quick")
    options = ("ab", "--walk", "paced", span, *names, "--fail-on", "timing", "--json")
    return run(*options, variables=variables, timeout=1800, **more)


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.timeout(3600)
def test_the_version_that_is_slower_is_found_and_an_interrupted_walk_resumes(
    variables: dict[str, str], tmp_path: Path
) -> None:
    names = ("--architecture", tmp_path / "network.py:PACED", "--metrics", "latency_cpu_1thread", "--preset", "quick")
    process = start("ab", "--walk", "paced", "1.0..1.15", *names, variables=variables)
    end = monotonic() + 600
    while (
        not (state := list((tmp_path / "cache" / "reporter" / "walks").glob("*/walk.json")))
        or not json.loads(state[0].read_text())["comparisons"]
    ):
        assert process.poll() is None, process.communicate()
        assert monotonic() < end
        sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    (first,) = json.loads(state[0].read_text())["comparisons"]
    done = walk(variables, tmp_path, "1.0..1.15")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["comparisons"][0] == first
    assert len(found["comparisons"]) <= 6
    assert (found["step"]["before"], found["step"]["after"]) == (NAMES[STEP - 1], NAMES[STEP])
    assert found["step"]["confirmed"]
    assert found["step"]["packages"] == {"pace-table": [None, "3.0"], "paced": ["1.5", "1.6"]}
    assert found["step"]["kernels"] == []
    assert "broken on purpose" in found["skipped"]["1.8"]
    assert not list((tmp_path / "cache" / "reporter" / "walks").iterdir())
    equal = walk(variables, tmp_path, "1.0..1.5")
    assert equal.returncode in (0, 3), equal.stderr  # 3: too noisy for a verdict
    assert json.loads(equal.stdout)["step"] is None


def test_a_comparison_ends_when_it_is_clear_which_half_of_the_slowdown_it_has(tmp_path: Path) -> None:
    """Not the one of two neighbors, which needs a verdict."""
    walking = version_walk.Walk(None, NAMES, SimpleNamespace(folder=tmp_path), SimpleNamespace())
    first = VersionComparison(
        before="1.0", after="1.15", architecture="two", metric="latency_cpu", verdict="slower", ratio=1.21
    )
    walking.state.comparisons.append(first)
    less, more, unclear = (
        SimpleNamespace(decided=False, low=low, high=high, ratio=ratio)
        for low, high, ratio in ((0.97, 1.05, 1.01), (1.15, 1.3, 1.2), (0.97, 1.15, 1.06))
    )
    assert [version_walk.excludes(row, 1.1) for row in (less, more, unclear)] == [True, True, False]
    assert not version_walk.excludes(SimpleNamespace(low=None, high=None), 1.1)
    assert walking._half(less) == "less than half of the slowdown"
    assert walking._half(more) == "more than half of the slowdown"
    assert walking._half(unclear) is None
    comparison = first.model_copy(update={"verdict": "noisy", "reason": "less than half of the slowdown"})
    assert walk_text._comparison(comparison).endswith("+21.0% less than half of the slowdown")


def test_a_step_is_not_confirmed_by_a_comparison_that_was_ended_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made again until there is a verdict, once, also if the walk is interrupted afterwards."""
    about = {"before": "1.0", "architecture": "net", "metric": "latency_cpu", "ratio": 1.2}
    ended = {"after": "1.1", "verdict": "noisy", "reason": "more than half of the slowdown"}
    rows = ({"after": "1.15", "verdict": "slower"}, ended)
    state = walk_state.WalkState.model_validate({"comparisons": [about | row for row in rows]})
    files.write(tmp_path / walk_state.NAME, state.model_dump_json())
    noisy: Any = SimpleNamespace(
        architecture="net", quantity=SimpleNamespace(key="latency_cpu"), verdict="noisy", ratio=1.2, low=1.15,
        high=1.25, reason="the rounds disagree", decided=False,
    )  # fmt: skip
    found = ReferenceRun(rows={("latency_cpu", "eager", "net"): noisy})
    asked: list[bool] = []

    def followed_only(_: object, work: object, *, confirms: bool) -> object:
        asked.append(confirms)
        return work

    monkeypatch.setattr(version_walk.reference_run, "run", lambda *_: found)
    monkeypatch.setattr(version_walk.Walk, "_environment", lambda *_: tmp_path)
    monkeypatch.setattr(version_walk.Walk, "_followed_only", followed_only)
    for _ in range(2):
        environments = version_environments.VersionEnvironments("paced", tmp_path)
        walking = version_walk.Walk(SimpleNamespace(metrics={}), NAMES, environments, SILENT)
        walking.examined = dict.fromkeys(NAMES)
        assert walking._compare(0, 1) == Effect(math.log(1.2), slower=False)
        assert walking._compare(0, 1, confirms=True) == Effect(math.log(1.2), slower=False)
    assert asked == [True]
    assert [each.reason for each in walking.state.comparisons] == [None, ended["reason"], "the rounds disagree"]


def test_simulated_walks_with_real_rounds() -> None:
    lines = list(version_walks.simulate(10, 17))
    assert lines == [
        "| a slowdown of 10 %: right | 10 of 10, in at most 6 comparisons |",
        "| no slowdown: right | 10 of 10, in at most 1 comparisons |",
    ]


def test_collected_walks_are_compared_with_their_goals() -> None:
    """A walk without a step is right only with a verdict; more comparisons than the goal miss it."""

    def walked(planted: int | None, after: str | None, verdict: str, comparisons: int = 1) -> dict[str, Any]:
        step = {"after": after} if after else None
        return {"planted": planted, "step": step, "comparisons": [{"verdict": verdict}] * comparisons, "seconds": 60.0}

    right = [walked(4, "1.4", "slower", 6)] * 5 + [walked(None, None, "unchanged")] * 5
    assert [line.rpartition(": ")[2] for line in list(version_walks.rates(right))[1:3]] == ["met |"] * 2
    for wrong in (walked(4, "1.5", "slower"), walked(4, "1.4", "slower", 7), walked(4, None, "noisy")):
        assert list(version_walks.rates([*right, wrong]))[1].endswith(": missed |")
    for wrong in (walked(None, None, "noisy"), walked(None, "1.2", "slower")):
        assert list(version_walks.rates([*right, wrong]))[2].endswith(": missed |")
    assert list(version_walks.rates(right[:3]))[1].endswith(
        "3 of 3, in at most 6 comparisons; goal 5 of 5, in at most 6: open, 2 walks are missing |"
    )


@pytest.mark.parametrize(
    ("sides", "skipped"),
    [
        ([("reference",)], "1.0"),
        ([("reference",), ("reference",)], "1.0"),
        ([("tonight",)], "1.1"),
        ([("reference", "tonight")], "1.1"),
        ([("reference",), ("tonight",)], "1.1"),
    ],
)
def test_the_version_that_fails_is_skipped(
    sides: list[tuple[SideName, ...]], skipped: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the error message contains; the later one if both fail."""
    gaps = [
        ReferenceGap(
            architecture="net", metric="latency_cpu", mode="eager", reason="not as in reference: 2", sides=failing
        )
        for failing in sides
    ]
    monkeypatch.setattr(version_walk.reference_run, "run", lambda *_: ReferenceRun(gaps=gaps))
    monkeypatch.setattr(version_walk.Walk, "_environment", lambda *_: tmp_path)
    environments = version_environments.VersionEnvironments("paced", tmp_path)
    walking = version_walk.Walk(SimpleNamespace(metrics={}), NAMES[:2], environments, SILENT)
    walking.examined = dict.fromkeys(NAMES[:2])
    with pytest.raises(SkippedVersionError):
        walking._measured(0, 1)
    assert walking.state.skipped == {skipped: "; ".join({f"net: {gap.reason}" for gap in gaps})}


@pytest.mark.parametrize("sides", [("reference",), ("reference", "tonight")])
def test_a_first_version_that_fails_after_it_was_measured_ends_the_walk(
    sides: tuple[SideName, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not skipped, so that the walk resumes; the same if it cannot be imported when the walk resumes."""
    gap = ReferenceGap(architecture="net", metric="latency_cpu", mode="eager", reason="failed: no memory", sides=sides)
    monkeypatch.setattr(version_walk.reference_run, "run", lambda *_: ReferenceRun(gaps=[gap]))
    first = VersionComparison(
        before="1.0", after="1.15", architecture="net", metric="latency_cpu", verdict="slower", ratio=1.2
    )
    state = walk_state.WalkState(comparisons=[first], skipped={"1.0": "by an earlier version", "1.3": "broken"})
    files.write(tmp_path / walk_state.NAME, state.model_dump_json())
    environments = SimpleNamespace(folder=tmp_path, package="paced", keep_only=lambda _: None, make=lambda *_: tmp_path)
    request = SimpleNamespace(metrics={}, architectures=[])
    walking = version_walk.Walk(request, NAMES, environments, SILENT)
    monkeypatch.setattr(walking, "_followed_only", lambda work, **_: work)
    walking.examined = dict.fromkeys(NAMES)
    line = "paced 1.0, which the other versions are compared with, was measured before and now fails: "
    with pytest.raises(ReporterError, match=f"{line}net: failed: no memory; run the command again to resume"):
        walking.run()

    def broken(_: str, version: str, __: Path) -> NoReturn:
        raise ReporterError(f"{version} cannot be imported")

    monkeypatch.setattr(version_walk.Walk, "_try", broken)
    walking.examined = {}
    with pytest.raises(ReporterError, match=f"{line}1.0 cannot be imported; run"):
        walking.run()
    assert walking.state.skipped == {"1.3": "broken"}


def test_a_slower_version_fails_as_a_slower_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = {"before": "1.0", "after": "1.1", "ratio": 1.1}
    row = VersionComparison(**about, architecture="net", metric="latency_cpu", verdict="slower")
    step = VersionStep(**about, confirmed=True)
    found = WalkResult(package="paced", first="1.0", last="1.1", versions=("1.0", "1.1"), comparisons=(row,), step=step)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(version_environments, "between", lambda *_: NAMES[:2])
    monkeypatch.setattr(version_walk.Walk, "run", lambda _: found)
    command = ("ab", "--walk", "paced", "1.0..1.1", "--architectures", "alexnet", "--metrics", "latency_cpu_1thread")
    codes = {kind: call(*command, "--fail-on", kind).returncode for kind in ("timing", "any", "never")}
    assert codes == {"timing": 1, "any": 1, "never": 0}
    refused = call(*command, "--fail-on", "exact")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert "--fail-on exact: a walk finds slower times only; use --fail-on timing or any" in refused.stderr


@pytest.mark.parametrize(
    ("case", "code"),
    [("fails", 3), ("loses a round", 3), ("is noisy", 3), ("is unsupported", 0), ("is unchanged", 0)],
)
def test_a_walk_without_a_step_names_the_times_that_do_not_show_this(
    case: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the walk follows another time, and resumes after the comparison."""

    def row(name: str, verdict: str, ratio: float) -> Any:
        reason = "only a change of 9% or more would be detected" if verdict == "noisy" else None
        quantity, bounds = SimpleNamespace(key="latency_cpu"), {"low": None, "high": None, "decided": False}
        return SimpleNamespace(
            architecture=name, quantity=quantity, verdict=verdict, ratio=ratio, reason=reason, **bounds
        )

    rows = {("latency_cpu", "eager", "net"): row("net", "unchanged", 1.012)}
    about = {"architecture": "other", "metric": "latency_cpu", "mode": "eager"}
    found = ReferenceRun(rows=rows)
    if case in ("fails", "is unsupported"):
        found.gaps = [ReferenceGap(**about, reason="no kernel", failed=case == "fails", sides=("tonight",))]
    else:
        rows["latency_cpu", "eager", "other"] = row("other", "noisy" if case == "is noisy" else "unchanged", 1.008)
    if case == "loses a round":
        found.lost = [ReferenceLoss(**about, round=1, reason="killed by SIGSEGV")]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(version_environments, "between", lambda *_: NAMES[:2])
    monkeypatch.setattr(version_walk.reference_run, "run", lambda *_: found)
    monkeypatch.setattr(version_walk.Walk, "_environment", lambda *_: tmp_path)
    command = ("ab", "--walk", "paced", "1.0..1.1", "--architectures", "alexnet", "--metrics", "latency_cpu_1thread")
    plain, saved = version_walk.Walk.__post_init__, version_walk.Walk._save

    def examined(self: version_walk.Walk) -> None:
        plain(self)
        self.examined = dict.fromkeys(NAMES)

    def interrupted(self: version_walk.Walk) -> NoReturn:
        saved(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(version_walk.Walk, "__post_init__", examined)
    monkeypatch.setattr(interrupts, "leave", lambda: None)
    monkeypatch.setattr(version_walk.Walk, "_save", interrupted)
    assert call(*command).returncode == INTERRUPTED
    done = call(*command, "--fail-on", "timing")
    assert done.returncode == code, done.stderr
    kind, more = ("No slowdown in the times with a verdict", "; 1 other time is noisy or failed")
    kind, more = (kind, more) if code else ("No slowdown", "")
    assert done.stdout.startswith(f"{kind} from paced 1.0 to 1.1 (net latency_cpu +1.2%){more}.\n")
    assert ("- other latency_cpu: " in done.stdout) is (case != "is unchanged")


def test_a_walk_makes_its_own_environments(tmp_path: Path) -> None:
    done = call("ab", "--walk", "paced", "1.0..1.5", "--a", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--walk makes its own environments; remove --a, --b and --out" in done.stderr
    done = call("ab", "--a", tmp_path)
    assert done.returncode == 2
    assert "--b" in done.stderr


def test_an_interrupted_or_second_walk_has_a_line_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(version_environments, "between", lambda *_: NAMES)
    monkeypatch.setattr(version_walk.Walk, "_compare", interrupted)
    left: list[int] = []
    monkeypatch.setattr(interrupts, "leave", lambda: left.append(INTERRUPTED))
    command = ("ab", "--walk", "paced", "1.0..1.5", "--architectures", "alexnet", "--metrics", "latency_cpu_1thread")
    assert "interrupted; run the same command again to resume" in call(*command).stderr
    assert left == [INTERRUPTED]
    (folder,) = (tmp_path / "cache" / "reporter" / "walks").iterdir()
    with files.lock(folder):
        done = call(*command)
    assert done.returncode == 2
    assert re.search(r"^reporter: --walk: .* is in use by process \d+ on .*; wait for it$", done.stderr, re.MULTILINE)


def test_the_step_is_printed_with_what_changed() -> None:
    rows = [
        VersionComparison(
            before="1.0", after=after, architecture="net", metric="latency_cpu", verdict=verdict, ratio=ratio
        )
        for after, verdict, ratio in (("1.15", "slower", 1.1), ("1.8", "unchanged", 1.0))
    ]
    step = VersionStep(
        before="1.8",
        after="1.10",
        skipped=("1.9",),
        ratio=1.1,
        confirmed=True,
        packages={"net": ("1.8", "1.10"), "table": (None, "3.0")},
        kernels=(KernelStep(layer="features.0", setting="cpu", before="a: gemm", after="a: native"),),
    )
    found = WalkResult(
        package="net", first="1.0", last="1.15", versions=("1.0",), comparisons=tuple(rows), skipped={"1.9": "broken"},
        step=step,
    )  # fmt: skip
    text = walk_text.in_words(found)
    for line in (
        "net latency_cpu: slower from net 1.8 to 1.10, +10.0% (in all +10.0% from 1.0 to 1.15).",
        "Between them, skipped: 1.9; the slowdown may have begun with any of these.",
        "- table: none -> 3.0",
        "- features.0 (cpu): a: gemm -> a: native",
        "- 1.0 -> 1.8: +0.0% unchanged",
        "- 1.9: broken",
    ):
        assert line in text.splitlines()
    nothing = found.model_copy(update={"step": None, "comparisons": (rows[1],)})
    assert walk_text.headline(nothing).startswith("No slowdown from net 1.0 to 1.15")
    noisy = rows[1].model_copy(update={"verdict": "noisy", "reason": "only a change of 9% or more would be detected"})
    text = walk_text.headline(found.model_copy(update={"step": None, "comparisons": (noisy,)}))
    assert text.startswith("Too noisy for a verdict from net 1.0 to 1.15")


def test_the_committed_walks_meet_their_goals() -> None:
    walks = version_walks.collected(version_walks.WALKS)
    assert [walk["planted"] for walk in walks] == list(version_walks.STEPS)
    assert [line.rpartition(": ")[2] for line in list(version_walks.rates(walks))[1:3]] == ["met |"] * 2
