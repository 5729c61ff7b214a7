"""What is said of the static pass is what its committed output says, and that keeps to its bounds."""

from __future__ import annotations

import re

from commands import ROOT

OUTPUT = (ROOT / "benchmarks" / "static_pass.md").read_text(encoding="utf-8")
README = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")


def row(counter: str, what: str) -> list[float]:
    """The numbers of a row of the first table."""
    (line,) = re.findall(rf"^\| {counter} \| {what} \|(.*)$", OUTPUT, re.M)
    return [float(number) for number in re.findall(r"[\d.]+", line)]


def test_the_whole_pass_is_short_and_a_tenth_of_fvcores_time() -> None:
    (whole, _), (counting,) = row("ours", "the whole static pass"), row("ours", "MACs, .* peak")
    (built, *_), (with_building, _) = row("fvcore", "MACs of a built network"), row("fvcore", "with building")
    assert whole <= 15
    assert min(built / counting, with_building / whole) >= 10


def test_every_network_is_there_and_every_difference_is_explained() -> None:
    assert "| ours | equal to torchvision's `_ops` in its three decimals | 80 of 80 |" in OUTPUT
    assert len(re.findall(r"^\| \w+ \| [\d.]+ \| [\d.]+ \|(?: [+-][\d.]+%: [^|]+\|){3}$", OUTPUT, re.M)) == 80
    assert "not explained" not in OUTPUT


def test_the_page_shows_numbers_of_the_output() -> None:
    shown = README.split("## `static_pass.py`")[1].split("## ")[0]
    for line in re.findall(r"^\| (?:our|fvcore|ptflops|torchinfo).*\|$", shown, re.M):
        for number in re.findall(r"[\d.]+(?= \|| x \|)", line):
            assert f" {number} " in OUTPUT or number == "1"
