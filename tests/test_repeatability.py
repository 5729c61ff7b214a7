"""What the benchmarks report on detected slowdowns follows from the committed samples, by the rules as they are now."""

from __future__ import annotations

import json

import pytest
from commands import ROOT
from repeatability import FILE, SLOWED, by_reporter_ab, in_turns, judge


def test_ab_reaches_its_goals() -> None:
    """No false alarm in 20 comparisons of the whole set, 10 % found in at least 19 of 20, 5 % in at least 16."""
    about, *found = [json.loads(line) for line in FILE.read_text().splitlines()]
    cases = list(in_turns(found, about["settings"]["rounds"]))
    assert len(cases) >= 20
    assert all(len(each[""][0]) == 18 for each in cases)
    assert not [each for each in cases if by_reporter_ab(*each[""]) or by_reporter_ab(*each[""][::-1])]
    five, ten = (sum("resnet18" in by_reporter_ab(*each[name]) for each in cases) / len(cases) for name in SLOWED)
    assert ten >= 19 / 20
    assert five >= 16 / 20


@pytest.mark.slow
def test_what_is_printed_is_what_the_benchmarks_say(capsys: pytest.CaptureFixture[str]) -> None:
    judge(FILE)
    output = capsys.readouterr().out
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    rows = [line for line in output.splitlines() if line.startswith("| ")]
    assert len(rows) == 14
    assert not [row for row in rows if row not in text]
