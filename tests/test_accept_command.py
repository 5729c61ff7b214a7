"""The command that the screen of a nightly run offers for a line accepts the findings of this line only."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from commands import call
from nights import Nights, made, with_reading

from reporter.compare import reference_file
from reporter.documents.reference_verdicts import AgainstReference, ReferenceSide, ReferenceVerdict
from reporter.nightly.accept_command import accept_command
from reporter.nightly.run_folder import Folder
from reporter.report.between_runs.grouping import FindingLine


def test_a_finding_of_another_day_stays_open(tmp_path: Path) -> None:
    played = Nights(tmp_path / "out")
    changes = [with_reading(name, "macs", samples=(5,)) for name in ("resnet18", "resnet50", "vgg16")]
    assert played.play(made()) == 0
    assert played.play(made(), *changes[:2]) == 1
    assert played.play(made(), *changes) == 1
    [line] = [line for line in played.lines if "since 2 November" in line]
    found = re.search("`reporter (accept .*)`", line)
    assert found
    assert call(*shlex.split(found[1])).returncode == 0
    last = Folder(played.out).last()
    assert last
    assert [each.architecture for each in last.findings if each.is_open] == ["vgg16"]
    assert played.play(made(), *changes) == 1
    [line] = played.lines
    assert line.endswith("--architecture vgg16 --metric macs`")


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two findings, of which none is accepted."""
    played = Nights(tmp_path_factory.mktemp("red") / "out")
    played.play(made())
    assert played.play(made(), *(with_reading(name, "macs", samples=(5,)) for name in ("resnet18", "resnet50"))) == 1
    return played.out


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("--architecture resnet50 --architecture resnt18", "--architecture 'resnt18'; did you mean 'resnet18'?"),
        ("--architecture resnet50 --architecture vgg16", "--architecture 'vgg16'; known: resnet18, resnet50"),
        ("--metric mac --metric macs", "--metric 'mac'; did you mean 'macs'?"),
        ("--mode eager --mode bf16", "--mode 'bf16'; known: eager"),
    ],
)
def test_a_name_of_no_finding_beside_a_right_one_is_one_line(red: Path, options: str, line: str) -> None:
    done = call("accept", red, *options.split())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{red}: no finding has {line}" in done.stderr
    assert not (red / "accepted.json").exists()


def test_the_name_of_a_finding_that_is_accepted_may_be_repeated(red: Path, tmp_path: Path) -> None:
    out = shutil.copytree(red, tmp_path / "out")
    for names in (["resnet18"], ["resnet18", "resnet50"]):
        assert call("accept", out, *(f"--architecture={name}" for name in names)).returncode == 0
    assert [entry.architecture for entry in Folder(out).acceptances().accepted] == ["resnet18", "resnet50"]


def test_a_name_of_no_finding_of_the_main_job_is_one_line(tmp_path: Path) -> None:
    side = ReferenceSide(versions={"torch": "2.14.1"}, torch_file="/torch/__init__.py")
    about = {"metric": "latency_cpu", "mode": "eager", "ratio": 1.05, "low": 1.04, "high": 1.06, "detectable": 0.02}
    rows = (
        ReferenceVerdict(architecture="tiny", verdict="slower", **about),
        ReferenceVerdict(architecture="wide", verdict="slower", **about),
        ReferenceVerdict(architecture="deep", verdict="unchanged", **about),
    )
    found = AgainstReference(reference=side, tonight=side, control=False, detectable=0.02, verdicts=rows)
    reference_file.save(tmp_path, found, "timing", 1)
    for other in ("widee", "deep"):
        refused = call("accept", tmp_path, "--architecture", "tiny", "--architecture", other)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
        assert f"no finding has --architecture '{other}'" in refused.stderr
        assert not (tmp_path / "accepted.json").exists()
    for names in (["tiny"], ["tiny", "wide"]):
        assert call("accept", tmp_path, *(f"--architecture={name}" for name in names)).returncode == 0
    assert [entry.architecture for entry in Folder(tmp_path).acceptances().accepted] == ["tiny", "wide"]


def test_a_reason_that_is_not_utf8_is_stored(red: Path, tmp_path: Path) -> None:
    """Python reads such a byte of the command line as a surrogate, which no file can contain."""
    out = shutil.copytree(red, tmp_path / "out")
    done = call("accept", out, "--architecture", "resnet18", "--reason", "caf\udce9")
    assert done.returncode == 0, done.stderr
    assert [entry.reason for entry in Folder(out).acceptances().accepted] == ["caf\\udce9"]


@pytest.mark.parametrize(
    ("group", "others", "options"),
    [
        ("a b c d e f", "", "--metric m`"),
        ("a b", "c", "--architecture a --architecture b --metric m`"),
        ("a", "b", "--architecture a --metric m`"),
        ("a", "a:bf16", "--architecture a --mode eager --metric m`"),
        ("a:bf16", "a", "--architecture a --mode bf16 --metric m`"),
        ("a b:bf16", "b", "--metric m` (accepts 1 other finding, too)"),
        ("a:eager:m a:eager:n", "a:eager:o", "--architecture a --metric m --metric n`"),
        ("a:eager:", "b:eager:", "--architecture a`"),
        ("a b c d e f", "g:bf16", "--mode eager --metric m`"),
        ("a b c d e f", "g h", "--metric m` (accepts 2 other findings, too)"),
    ],
)
def test_options_are_those_that_are_needed(group: str, others: str, options: str) -> None:
    """No other finding fits them, as long as the command fits in a line; else it is followed by how many do."""
    mine = lines(group.split())
    assert accept_command(mine, [*mine, *lines(others.split())], "out") == f"`reporter accept out {options}"


def test_another_finding_at_the_same_place_is_counted() -> None:
    """No option separates a time that is slower from one that is above its level."""
    [mine] = lines(["a"])
    command = accept_command([mine], [mine, replace(mine, kind="level")], "out")
    assert command == "`reporter accept out --architecture a --metric m` (accepts 1 other finding, too)"


def lines(places: Sequence[str]) -> list[FindingLine]:
    """Findings by architecture, mode and metric, which are eager and m if they are left out."""
    made = []
    for place in places:
        architecture, mode, metric = (place.split(":") + ["eager", "m"][place.count(":") :])[:3]
        made.append(FindingLine("slower", place, metric=metric, architecture=architecture, mode=mode))
    return made
