"""Shares in percent: a part of a whole is neither printed as 0 nor as 100 %."""

from __future__ import annotations

import re

import pytest
import samples

from reporter.charts import stage_shares
from reporter.cli import main
from reporter.model.percentages import percentage
from reporter.report import units
from reporter.report.cards import cards
from reporter.report.cards.record_structure import Stage
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.why import operator_pairs
from reporter.run.request import Outcome

ENGLISH, RUSSIAN = language("en"), language("ru")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0"), (0.0004, "0.04"), (0.004, "0.4"), (0.005, "1"), (0.482, "48"), (0.994, "99"), (0.996, "99.6"),
     (0.99996, "99.996"), (1.0, "100"), (1.04, "104")],
)  # fmt: skip
def test_only_nothing_is_0_and_only_the_whole_is_100(share: float, text: str) -> None:
    assert units.part(ENGLISH, share) == text
    assert units.part(RUSSIAN, share) == text.replace(".", ",")
    assert percentage(share) == f"{text}%"


@pytest.mark.parametrize(("value", "text"), [(0.9998, "99.98"), (0.0002, "0.02"), (0.7795, "78.0"), (1.0, "100.0")])
def test_an_accuracy_is_neither(value: float, text: str) -> None:
    assert units.share(ENGLISH, value) == text
    assert units.share(ENGLISH, 0.9984, (0.75, 1.0)) == "99.8", "whose interval allows no decimal"


@pytest.mark.parametrize(("parts", "shares"), [((9960, 40), ["99.6 %", "0.4 %"]), ((99_970, 30), ["99.97 %", None]),
                                               ((100, 0), ["100 %", "0.0 %"])])  # fmt: skip
def test_shares_on_cards(parts: tuple[int, int], shares: list[str | None]) -> None:
    stages = [
        Stage(name=str(at), kind="", output="", macs=value, parameters=value, level=at)
        for at, value in enumerate(parts)
    ]
    made = cards.costs(stages, ENGLISH)
    assert [each.macs.share for each in made] == [share or "under 0.1 %" for share in shares]


def test_shares_in_charts_and_sentences() -> None:
    rows = stage_shares._shares("one", [(0, 9960), (1, 40)], ENGLISH)
    assert [row["text"] for row in rows] == ["99.6", "0.4"]
    (few, many) = compare([samples.record(row) for row in samples.ROWS[10:12]]).records
    reason = operator_pairs.Reason("conv", 0.997, 0.003, 1.0, 0.1)
    pair = operator_pairs.SlowerPair(few, many, 0.5, 2.0, (reason,), "cpu_1thread")
    assert re.search(r"99\.7 % in .* \(\S+: 0\.3 %\)", operator_pairs.reasons(pair, ENGLISH).replace("\u00a0", " "))


def test_the_share_of_a_run_inside_measured_calls() -> None:
    line = main._spent(Outcome(jobs=4, seconds=1000.0, busy=997.0, preparing=2.0), "1000 s")
    assert "99.7% of it inside measured calls, 0.2% preparing modes" in line
