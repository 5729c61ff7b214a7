"""Ranks and correlations, each derived a second way."""

from __future__ import annotations

import math
import random
from itertools import combinations

import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reporter.charts import latency_ranks
from reporter.model import Record
from reporter.model.readings import FOREIGN_LOAD
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing import thinning
from reporter.report.findings.key_findings import findings
from reporter.report.findings.rank_findings import ordered
from reporter.report.language import language
from reporter.report.rank_ranges import Rank, ranks
from reporter.tables import groups

KEY = "latency_cpu"


def timed(name: str, *times: float, rounds: tuple[int, ...] = ()) -> Record:
    record = samples.record((name, *samples.ROWS[0][1:]))
    reading = samples.reading(KEY, *times).model_copy(update={"rounds": rounds})
    return record.model_copy(update={"readings": {**record.readings, KEY: reading}})


def placed(*records: Record) -> dict[str, Rank]:
    return ranks(compare(list(records)), "quiet", KEY)


def test_what_does_not_overlap_has_one_rank() -> None:
    found = placed(timed("c", 3.0, 3.1, 3.2), timed("a", 1.0, 1.1, 1.2), timed("b", 2.0, 2.1, 2.2))
    assert found == {"a": Rank(1, 1, 1), "b": Rank(2, 2, 2), "c": Rank(3, 3, 3)}


def test_what_is_alike_shares_its_ranks() -> None:
    times = samples.times(1.0, 0.1, 30)
    found = placed(timed("a", *times), timed("b", *times[::-1]), timed("far", 9.0, 9.1, 9.2))
    assert {name: rank[1:] for name, rank in found.items()} == {"a": (1, 2), "b": (1, 2), "far": (3, 3)}


def test_rounds_that_lie_apart_make_a_rank_unsure() -> None:
    """A network whose every round was quiet in itself, but not like the others, is not sure of its place."""
    steady = timed("steady", *[1.0, 1.001] * 30, rounds=(20, 20, 20))
    drifting = [0.9, 0.901] * 10 + [0.95, 0.951] * 10 + [1.2, 1.201] * 10
    assert placed(steady, timed("drifting", *drifting, rounds=(20, 20, 20)))["drifting"][1:] == (1, 2)
    calm = [each for level in (0.79, 0.80, 0.81) for each in [level, level + 0.001] * 10]
    assert placed(steady, timed("calm", *calm, rounds=(20, 20, 20)))["calm"][1:] == (1, 1)


def test_ranks_are_shared_by_pairs_that_a_paired_t_test_does_not_distinguish() -> None:
    """Rounds with a known common deviation: most pairs are distinguished as by the t-test of their differences."""
    chance = random.Random(7)
    data = {f"n{i}": [1.02**i * math.exp(chance.gauss(0, 0.02)) for _ in range(6)] for i in range(12)}
    found = placed(
        *(timed(n, *(each for each in rounds for _ in range(3)), rounds=(3,) * 6) for n, rounds in data.items())
    )
    names = list(data)
    agree = []
    for first, second in combinations(names, 2):
        logs = [math.log(a / b) for a, b in zip(data[first], data[second], strict=True)]
        apart = stats.ttest_1samp(logs, 0).pvalue < 0.05
        shared = found[first].low <= found[second].rank <= found[first].high
        agree.append(apart != shared)
    assert sum(agree) / len(agree) > 0.8
    assert any(rank.low < rank.high for rank in found.values())


@given(st.lists(st.lists(st.floats(0.5, 2.0), min_size=3, max_size=3), min_size=2, max_size=8))
@settings(deadline=None, max_examples=25)
def test_ranges_of_ranks_overlap_where_nothing_is_distinguished(rounds: list[list[float]]) -> None:
    records = [timed(f"n{at}", *each, rounds=(1, 1, 1)) for at, each in enumerate(rounds)]
    comparison = compare(records)
    found, times = ranks(comparison, "quiet", KEY), comparison.times("quiet", KEY)
    assert sorted(rank.rank for rank in found.values()) == list(range(1, len(rounds) + 1))
    for first, second in combinations(found, 2):
        assert times.differ(first, second) == times.differ(second, first)
        if not times.differ(first, second):
            assert found[first].low <= found[second].rank <= found[first].high


def test_the_chart_of_some_networks_has_the_ranks_of_the_table() -> None:
    """Of all networks, though it shows the most accurate ones only, which are slow."""
    comparison = compare(samples.lecture())
    shown = thinning.pictured(comparison, 9)
    spec, table = latency_ranks.draw(shown, language("en")), groups.group("latency")(comparison, language("en"))
    assert spec
    assert table
    at = [column.key for column in table.columns].index("rank_latency_cpu_1thread")
    cells = {row[0].value: (row[at].text, row[at].value, row[at].low, row[at].high) for row in table.rows}
    rows = spec["hconcat"][0]["layer"][0]["data"]["values"]
    assert {row["name"] for row in rows} == {record.architecture for record in shown.records}
    for row in rows:
        assert (row["text"], row["value"], row["low"], row["high"]) == cells[row["name"]], row["name"]
    assert len(shown.networks) == 9
    assert max(row["high"] for row in rows) > 9
    assert all(row["high"] <= panel["encoding"]["x"]["scale"]["domain"][1] for panel in spec["hconcat"]
               for row in panel["layer"][0]["data"]["values"])  # fmt: skip


def test_a_single_sample_has_no_rank() -> None:
    assert set(placed(timed("a", 1.0), timed("b", 2.0, 2.1), timed("c", 3.0, 3.1))) == {"b", "c"}


def test_higher_is_better_where_it_is() -> None:
    comparison = compare(samples.lecture())
    fastest = min(ranks(comparison, "quiet", "throughput_cpu").items(), key=lambda item: item[1].rank)
    assert fastest[0] == "alexnet"


def test_findings_say_how_sure_the_order_is() -> None:
    text = " ".join(findings(compare(samples.lecture()), language("en"))).replace("\u00a0", " ")
    assert "have the rank correlation" in text
    assert "ranks resolved; the widest is that of" in text


@pytest.mark.parametrize(
    ("disturbed", "wanted"),
    [
        ("", "all 3 ranks resolved"),
        ("b", "2 of 3 ranks resolved; the remaining times are unreliable (≈)"),
        ("abc", "unknown, because the times of all 3 architectures are unreliable (≈)"),
    ],
)
def test_unreliable_times_have_no_certain_ranks(disturbed: str, wanted: str) -> None:
    """Though they lie far apart: other programs kept the processors busy."""
    records = []
    for name, level in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        load = {FOREIGN_LOAD: [0.5]} if name in disturbed else {}
        reading = samples.reading("latency_cpu_1thread", *samples.times(level), **load)
        record = timed(name, 1.0, 1.1)
        records.append(record.model_copy(update={"readings": {**record.readings, "latency_cpu_1thread": reading}}))
    text = ordered(compare(records), language("en"))
    assert text is not None
    assert wanted in text


def test_two_renderings_have_the_same_ranks() -> None:
    def made() -> Comparison:
        return compare(samples.lecture())

    assert ranks(made(), "quiet", KEY) == ranks(made(), "quiet", KEY)
