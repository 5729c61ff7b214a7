"""The command that the screen of a nightly run offers for a line accepts the findings of this line only."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from commands import call
from nights import Nights, made, with_reading

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


def test_a_reason_that_is_not_utf8_is_stored(tmp_path: Path) -> None:
    """Python reads such a byte of the command line as a surrogate, which no file can contain."""
    played = Nights(tmp_path / "out")
    played.play(made())
    assert played.play(made(), with_reading("resnet18", "macs", samples=(5,))) == 1
    done = call("accept", played.out, "--reason", "caf\udce9")
    assert done.returncode == 0, done.stderr
    assert [entry.reason for entry in Folder(played.out).acceptances().accepted] == ["caf\\udce9"]


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
