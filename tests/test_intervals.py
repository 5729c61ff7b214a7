"""Intervals at the level of rounds: what they cover, what they distinguish, and what is printed by them."""

from __future__ import annotations

import csv
import json
import math
import re
from io import StringIO
from statistics import geometric_mean, median

import numpy as np
import pytest
import samples
from commands import ROOT
from intervals import ARCHITECTURES, SEED, coverage, distinguished, show_coverage, simulated

from reporter.api import results
from reporter.charts import accuracy_vs_cost, bars, latency_bars, macs_latency
from reporter.charts import latency_ranks as rank_chart
from reporter.compare.rounds import Times
from reporter.model import LostRound, Reading, Record
from reporter.model.origins import UNKNOWN, Origin
from reporter.report.comparison import Comparison, compare, whole_front
from reporter.report.findings.key_findings import findings
from reporter.report.language import language
from reporter.report.output.csv_tables import to_csv
from reporter.report.output.summary import summary
from reporter.report.rank_ranges import ranks
from reporter.report.table import Cell
from reporter.stats import intervals
from reporter.tables import groups, overview

KEY, ENGLISH, ROUNDS = "latency_cpu_1thread", language("en"), 3
DEVIATION = 0.015
"""Between rounds, relative to the others of the round; results/reference has 0.023, an idle machine 0.01."""


def with_rounds(name: str, *rounds: float, spread: float = 0.001, origins: tuple[Origin, ...] = ()) -> Record:
    """A record whose rounds have these medians."""
    parts = [samples.times(float(middle), spread, 9) for middle in rounds]
    values = tuple(value for part in parts for value in part)
    reading = samples.reading(KEY, *values).model_copy(update={"rounds": (9,) * len(rounds), "origins": origins})
    record = samples.record((name, *samples.ROWS[9][1:]))
    kept = {key: each for key, each in record.readings.items() if each.quantity.group != "latency"}
    return record.model_copy(update={"readings": {**kept, KEY: reading}})


def run(**levels: float) -> Comparison:
    """Architectures of these levels, whose rounds vary by about 1 %."""
    chance = np.random.default_rng(SEED)
    drift = chance.normal(0, 0.02, ROUNDS)
    names = levels.items()
    return compare(
        [with_rounds(name, *(level * np.exp(drift + chance.normal(0, 0.01, ROUNDS)))) for name, level in names]
    )


def others(count: int) -> dict[str, float]:
    return {f"other{number}": 0.2 * 1.3**number for number in range(count)}


def sentences(comparison: Comparison) -> str:
    return " ".join(findings(comparison, ENGLISH)).replace("\u00a0", " ")


def test_the_committed_run_is_covered() -> None:
    """4 to 20 % of all medians of rounds lie outside, at most 26 % of any one time."""
    rows = list(coverage(results.load(ROOT / "results" / "reference").comparison))
    assert {KEY, "latency_cpu", "throughput_cpu", "train_step_cpu"} <= {row.key for row in rows}
    assert 0.04 <= sum(row.outside for row in rows) / sum(row.rounds for row in rows) <= 0.20
    assert max(row.outside / row.rounds for row in rows) <= 0.26


def test_the_committed_table_is_that_of_the_committed_run(capsys: pytest.CaptureFixture[str]) -> None:
    show_coverage(results.load(ROOT / "results" / "reference").comparison)
    printed = capsys.readouterr().out
    assert KEY in printed
    text = (ROOT / "benchmarks" / "intervals.md").read_text(encoding="utf-8")
    assert printed in text, "run python benchmarks/intervals.py > benchmarks/intervals.md"


def test_intervals_cover_the_true_level() -> None:
    """Of 40 simulated runs the 95 % intervals contain the level 90 to 98.5 times in 100."""
    chance, inside = np.random.default_rng(SEED), []
    for _ in range(40):
        levels = chance.uniform(-4, -1, ARCHITECTURES)
        readings = simulated(levels, 0.03, ROUNDS, chance)
        records = [with_rounds(f"n{row}", 1.0) for row in range(ARCHITECTURES)]
        pairs = zip(records, readings, strict=True)
        found = compare([record.model_copy(update={"readings": {KEY: reading}}) for record, reading in pairs])
        bounds = {record.architecture: record.readings[KEY].interval or (0.0, 0.0) for record in found.records}
        inside += [bounds[f"n{row}"][0] <= math.exp(level) <= bounds[f"n{row}"][1] for row, level in enumerate(levels)]
    assert 0.90 <= sum(inside) / len(inside) <= 0.985


def test_five_percent_are_distinguished_and_equals_are_not() -> None:
    assert distinguished(0.05, DEVIATION) >= 0.9
    assert distinguished(0.0, DEVIATION) <= 0.05


def test_an_interval_is_wider_than_that_of_pooled_samples_and_shared_by_the_run() -> None:
    comparison = run(a=0.1, b=0.2, c=0.3, d=0.4)
    widths = []
    for record in comparison.records:
        reading = record.readings[KEY]
        low, high = reading.interval or pytest.fail("three rounds carry an interval")
        assert sorted(reading.samples)[8] > low
        assert low < (reading.value or 0) < high
        widths.append(math.log(high / low))
    assert max(widths) < 2 * min(widths)


def test_a_reading_alone_takes_its_own_rounds_and_a_prior() -> None:
    """Rounds equal to 0.1 % alone could be chance: 4 of 6 degrees of freedom are the prior's."""
    reading = with_rounds("a", 1.0, 1.001, 0.999).readings[KEY]
    low, high = reading.interval or pytest.fail("three rounds carry an interval")
    half = 2.447 * math.sqrt(4 * intervals.PRIOR_DEVIATION**2 / 6 / 3)
    assert math.log(high / low) / 2 == pytest.approx(half, rel=0.01)
    wild = with_rounds("a", 1.0, 1.3, 0.8).readings[KEY]
    assert wild.interval
    assert wild.interval[0] < 0.8
    assert wild.interval[1] > 1.25


@pytest.mark.parametrize("rounds", [(1.0,), (1.0, 1.02)])
def test_fewer_than_three_rounds_are_within_one_process(rounds: tuple[float, ...]) -> None:
    comparison = compare(
        [with_rounds(name, *(level * each for each in rounds)) for name, level in (("a", 1), ("b", 1.05))]
    )
    rows = {each["architecture"]: each["readings"][KEY] for each in summary(comparison)["records"]}
    assert rows["a"]["status"] == "ok"
    assert rows["a"]["reason"] == "interval within one process only"
    assert rows["a"]["low"] <= min(rounds)
    assert rows["a"]["high"] >= max(rounds)
    table = groups.group("latency")(comparison, ENGLISH) or pytest.fail("times were measured")
    assert any("within one process only" in note for note in table.notes)
    assert not comparison.times("quiet", KEY).differ("a", "b"), "5 % may be the luck of two processes"


def test_three_rounds_need_no_reason() -> None:
    assert all(record.readings[KEY].verdict.reason is None for record in run(a=0.1, b=0.2, c=0.3).records)


def test_what_is_equal_is_neither_best_nor_fastest() -> None:
    comparison = run(one=0.1, two=0.1005, **others(4))
    best = [record.architecture for record in comparison.records if comparison.is_best(record, KEY)]
    assert best == []
    table = overview.make(comparison, ENGLISH)
    at = [column.key for column in table.columns].index(KEY)
    assert not any(row[at].best for row in table.rows)
    assert "The fastest are one and two, which this run does not distinguish" in sentences(comparison)
    placed = ranks(comparison, "quiet", KEY)
    assert {placed[name][1:] for name in ("one", "two")} == {(1, 2)}
    assert placed["other3"] == (6, 6, 6)


def lacking(comparison: Comparison, name: str, key: str) -> Comparison:
    """The same, with one value missing because its measurement failed."""
    records = []
    for record in comparison.records:
        failed = Reading(quantity=record.readings[key].quantity, status="failed", reason="it ended")
        update = {"readings": record.readings | {key: failed}} if record.architecture == name else {}
        records.append(record.model_copy(update=update))
    return compare(records)


@pytest.mark.parametrize("key", [KEY, "macs", "weights_bytes"])
def test_nothing_is_best_where_a_value_is_missing(key: str) -> None:
    whole = compare([samples.record(row) for row in samples.ROWS[9:13]])
    assert any(whole.is_best(record, key) for record in whole.records)
    comparison = lacking(whole, "resnet101", key)
    assert not any(comparison.is_best(record, key) for record in comparison.records)


def test_headlines_name_how_many_have_the_value() -> None:
    whole = compare([samples.record(row) for row in samples.ROWS[9:13]])
    assert " of 4 architectures)" not in sentences(whole)
    assert re.search(
        r"resnet18 is the fastest: \S+ ms for one image \(one CPU thread, 3 of 4 architectures\)\.",
        sentences(lacking(whole, "resnet101", KEY)),
    )
    assert "is not determined, because only 3 of 4 have MACs." in sentences(lacking(whole, "densenet121", "macs"))


def test_headlines_are_of_a_time_that_most_have() -> None:
    """A network that was added later, with another time than the others, does not take its place."""
    rows = [samples.record(row) for row in samples.ROWS[9:13]]
    most, [last] = [lacking(compare([row]), row.architecture, KEY).records[0] for row in rows[:3]], rows[3:]
    assert "(all CPU threads)" in sentences(compare([*most, last]))
    assert "(one CPU thread" in sentences(compare([most[0], *rows[1:]]))


@pytest.mark.parametrize("key", ["finetune_seconds", "rss_inference_bytes"])
def test_what_is_measured_once_is_not_best(key: str) -> None:
    quantity = samples.quantity(key, key, "s" if key.endswith("seconds") else "B", "memory", centre="mean")
    records = [
        record.model_copy(update={"readings": {key: Reading(quantity=quantity, samples=(value,))}})
        for record, value in zip(run(a=0.1, b=0.2, c=0.3).records, (5.0, 6.0, 7.0), strict=True)
    ]
    comparison = compare(records)
    assert not any(comparison.is_best(record, key) for record in comparison.records)


def test_a_small_difference_between_the_first_and_the_last_is_no_ratio_of_1() -> None:
    """As many digits of the ratio are printed as show that the times differ."""
    levels = {"one": 0.05, "two": 0.0505, "three": 0.051}
    text = sentences(compare([with_rounds(name, *[level] * 3, spread=1e-5) for name, level in levels.items()]))
    assert "one is the fastest: 50.0 ms" in text
    assert "three takes 1.02 times as long, 51.0" in text


def test_the_ratio_of_two_times_does_not_depend_on_how_they_are_rounded() -> None:
    """Both vary by a third, alike: 104 ms are printed in tens, and 100 over 96 would be 1.04."""
    drift = (0.7, 1.0, 1.3) * 3
    levels = {"one": 0.096, "two": 0.104}
    text = sentences(compare([with_rounds(name, *(level * each for each in drift)) for name, level in levels.items()]))
    assert "one is the fastest: ≈ 96 ms" in text
    assert "two takes ≈ 1.1 times as long, ≈ 100 ms" in text


def test_what_is_faster_is_best() -> None:
    comparison = run(one=0.1, two=0.12, **others(4))
    assert [record.architecture for record in comparison.records if comparison.is_best(record, KEY)] == ["one"]
    assert "one is the fastest: " in sentences(comparison)
    assert ranks(comparison, "quiet", KEY)["one"] == (1, 1, 1)


def test_the_ratio_of_two_times_is_that_of_the_printed_ones() -> None:
    """In two digits. The medians are of other rounds than the two have in common, in which the ratio is 250."""
    comparison = compare([with_rounds("one", *(0.005,) * 3, *(0.00447,) * 4), with_rounds("two", *(1.25,) * 3)])
    assert comparison.times("quiet", KEY).ratio("two", "one").ratio == pytest.approx(250, rel=0.01)
    patterns = {"en": r"≈ ([\d.]+) ms .* takes ≈ (\d+) times as long, ([\d.]+) s"}
    patterns["ru"] = r"≈ ([\d,]+) мс .* two: ([\d,]+) с, в ≈ (\d+) раз"
    for code, pattern in patterns.items():
        text = "\n".join(findings(comparison, language(code))).replace("\u00a0", " ")
        found = re.search(pattern, text) or pytest.fail(text)
        quick, middle, last = (float(part.replace(",", ".")) for part in found.groups())
        ratio, slow = (middle, last) if code == "en" else (last, middle)
        assert ratio == round(1000 * slow / quick, -1) > 270


def test_no_pareto_mark_is_due_to_noise() -> None:
    """The less accurate of two that are equally fast is not on the front, though its median is a little lower."""
    named = dict(zip(("alexnet", "resnet18", "resnet50", "vgg16"), (0.02, 0.0798, 0.08, 0.3), strict=True))
    comparison = run(**named)
    rows = {row[0]: row for row in samples.ROWS}
    known = [
        record.model_copy(
            update={"readings": record.readings | {"imagenet_top1": samples.reading("imagenet_top1", rows[name][9])}}
        )
        for name in named
        for record in comparison.records
        if record.architecture == name
    ]
    assert all(whole_front([record], KEY) for record in known), "alone, each is on the front"
    together = compare(known)
    cells = zip(together.records, overview.pareto(together), strict=True)
    found = {record.architecture: str(cell.value) if isinstance(cell, Cell) else cell for record, cell in cells}
    assert {name for name, fronts in found.items() if "time" in fronts} == {"alexnet", "resnet50"}
    drawn = accuracy_vs_cost.against(KEY)(together, ENGLISH) or pytest.fail("accuracies and times are known")
    (line,) = [layer for layer in drawn["layer"] if layer["mark"].get("interpolate") == "step-after"]
    assert {row["name"] for row in line["data"]["values"]} == {"alexnet", "resnet50"}, "the chart has the same front"


def test_a_run_that_resolves_nothing_has_no_headline() -> None:
    comparison = run(one=0.1, two=0.1003, three=0.0998)
    assert "does not distinguish the fastest from the slowest" in sentences(comparison)
    assert "as long" not in sentences(comparison)


@pytest.mark.parametrize(("ratio", "resolved"), [(1.004, False), (1.3, True)])
def test_a_difference_that_includes_zero_has_its_interval(ratio: float, resolved: bool) -> None:
    """Not that the times are equal."""
    text = sentences(run(resnet50=0.08, se_resnet50=0.08 * ratio, **others(4)))
    assert bool(re.search(r"\+\d+ % time \(one CPU thread\)", text)) == resolved
    unclear = r"time not distinguished \(95 % interval −[\d.]+ % to \+[\d.]+ %, one CPU thread\)"
    assert bool(re.search(unclear, text)) != resolved


def test_a_ratio_takes_out_what_rounds_share() -> None:
    """A drift of 10 % from round to round leaves a difference of 4 % clear, which separate intervals do not show."""
    drift = (1.0, 1.1, 1.21)
    noise = np.random.default_rng(SEED).normal(0, 0.003, (8, ROUNDS))
    levels = {"a": 1.0, "b": 1.04, **others(6)}
    rows = [
        with_rounds(name, *(level * each * math.exp(off) for each, off in zip(drift, offs, strict=True)))
        for (name, level), offs in zip(levels.items(), noise, strict=True)
    ]
    comparison = compare(rows)
    times = comparison.times("quiet", KEY)
    found = times.ratio("b", "a")
    assert found.resolved
    assert found.low < 1.04 < found.high
    several = ("a", "unknown", "other0")
    assert times.ratios("b", several) == [times.ratio("b", other) for other in several]
    assert times.ratios("unknown", several) == [times.ratio("unknown", "b")] * 3
    first, second = (next(r for r in comparison.records if r.architecture == name).readings[KEY] for name in ("a", "b"))
    assert first.interval
    assert second.interval
    assert first.interval[1] > second.interval[0]


def origins(*runs: str) -> tuple[Origin, ...]:
    """Rounds of runs, each named by its day in November 2026."""
    return tuple(Origin(run=day, started=f"2026-11-{day}T10:{at:02}:00+00:00") for at, day in enumerate(runs))


@pytest.mark.parametrize("numbered", [True, False], ids=["numbered", "of an older record"])
def test_a_lost_round_is_missing_and_not_another_one(numbered: bool) -> None:
    """The rounds drift by 10 %; of one architecture, a round in the middle is lost, or made up for in another run."""
    drift = (1.0, 1.1, 1.21)
    numbers = range(3) if numbered else (None,) * 3
    made = [
        Origin(run="25", started=f"2026-11-25T10:0{at}:00+00:00", number=number) for at, number in enumerate(numbers)
    ]
    again = Origin(run="28", started="2026-11-28T10:00:00+00:00", number=2 if numbered else None)
    noise = np.random.default_rng(SEED).normal(0, 0.003, (8, ROUNDS))
    rows = [
        with_rounds(name, *(each * math.exp(off) for each, off in zip(drift, offs, strict=True)), origins=tuple(made))
        for name, offs in zip(others(8), noise, strict=True)
    ]

    def changed(lost: tuple[LostRound, ...], *places: int, origins: tuple[Origin, ...]) -> Times:
        last = with_rounds("other7", *(drift[at] for at in places), origins=origins)
        reading = last.readings[KEY].model_copy(update={"lost": lost})
        return Times({each.architecture: each.readings[KEY] for each in rows[:7]} | {"other7": reading})

    lost = LostRound(number=1, status="failed", reason="the worker ended", origin=made[1])
    found = [changed((lost,), 0, 2, origins=(made[0], made[2]))]
    found += [changed((), 0, 2, 1, origins=(made[0], made[2], again))] if numbered else []
    for times in found:
        for other in list(others(7)):
            ratio = times.ratio("other7", other)
            assert ratio.low < 1 < ratio.high, other
            assert ratio.high / ratio.low < 1.05


def test_runs_whose_levels_agree_count_together() -> None:
    rows = [
        with_rounds(
            name,
            *(level * each for each in (1, 1.01, 0.99, 1.005, 1.0, 0.995)),
            origins=origins(*["25"] * 3, *["28"] * 3),
        )
        for name, level in (("a", 1.0), ("b", 1.5), ("c", 2.0))
    ]
    reading = compare(rows).records[0].readings[KEY]
    assert reading.moved is None
    assert reading.value == median(reading.samples)
    assert len(reading.counted) == 6
    assert reading.verdict.status == "ok"


def test_a_level_that_differs_between_runs_is_reported_not_averaged() -> None:
    """The second day is a third faster: values are those of the newer run, ratios those of the rounds in common."""
    days = origins(*["25"] * 3, *["28"] * 3)
    before, after = (0.0710, 0.0715, 0.0705), (0.0480, 0.0484, 0.0477)
    rows = [
        with_rounds(n, *(level * each for each in (*before, *after)), origins=days) for n, level in others(4).items()
    ]
    only_old = with_rounds("only_old", *before, origins=days[:3])
    comparison = compare([with_rounds("moved", *before, *after, origins=days), only_old, *rows])
    moved = next(r for r in comparison.records if r.architecture == "moved").readings[KEY]
    assert moved.value == pytest.approx(0.048, rel=0.01)
    assert moved.interval
    assert moved.interval[1] < 0.06
    assert moved.verdict.status == "noisy"
    assert moved.verdict.reason == "the median was 71 ms in the run of 25 Nov and 48 ms in that of 28 Nov"
    assert "28 Nov" in language("ru").translate(moved.verdict.reason)
    assert "запуске" in language("ru").translate(moved.verdict.reason)
    times = comparison.times("quiet", KEY)
    assert times.ratio("other1", "moved").ratio == pytest.approx(0.2 * 1.3, rel=0.02)
    assert not times.differ("moved", "only_old"), "times of two days do not differ for that"


def test_a_level_that_differs_from_rounds_without_a_date() -> None:
    """Records of reporter 0.1.0 have no origins; rounds that are added to them have."""
    rounds, added = (0.0710, 0.0715, 0.0705, 0.0480, 0.0484, 0.0477), (*[UNKNOWN] * 3, *origins(*["28"] * 3))
    reading = with_rounds("moved", *rounds, origins=added).readings[KEY]
    assert reading.verdict.reason == "the median was 71 ms in a run of unknown date and 48 ms in that of 28 Nov"
    translated = language("ru").translate(reading.verdict.reason)
    assert translated == "медиана была 71 ms в запуске без даты и 48 ms в запуске 28 Nov"


def test_a_reading_is_split_by_run_in_the_order_of_time() -> None:
    reading = with_rounds("a", 3.0, 1.0, 2.0, origins=(*origins("28"), *origins("25", "28"))).readings[KEY]
    found = reading.by_run()
    assert [(run, len(parts)) for run, _, parts in found] == [("25", 1), ("28", 2)]
    assert with_rounds("a", 1.0, 2.0).readings[KEY].by_run()[0][:2] == ("", "")


def test_relative_times_follow_from_the_csv() -> None:
    """The column over the geometric mean of its times, also where rounds differ in number and samples."""
    uneven = [with_rounds("uneven", 0.5, 0.6), with_rounds("single", 0.7)]
    comparison = compare([*run(a=0.1, b=0.2, c=0.3).records, *uneven])
    table = groups.group("latency")(comparison, ENGLISH) or pytest.fail("times were measured")
    rows = list(csv.DictReader(StringIO(to_csv(table).removeprefix("\ufeff"))))
    times = [float(row[f"{KEY} [s]"]) for row in rows]
    assert len(times) == 5
    for row, value in zip(rows, times, strict=True):
        assert float(row[f"{KEY}_relative"]) == pytest.approx(value / geometric_mean(times))


def test_noisy_times_are_marked_wherever_they_are_shown() -> None:
    noisy = with_rounds("noisy", 0.100, 0.125, 0.110)
    comparison = compare([noisy, *run(a=0.3, b=0.4, c=0.5).records])
    table = groups.group("latency")(comparison, ENGLISH) or pytest.fail("times were measured")
    row = next(row for row in table.rows if row[0].text == "noisy")
    cells = dict(zip([column.key for column in table.columns], row, strict=True))
    assert all(cells[key].text.endswith(" ≈") for key in (KEY, f"{KEY}_relative", f"rank_{KEY}"))
    assert "noisy is the fastest: ≈ " in sentences(comparison)
    assert re.search(r"takes ≈ [\d.]+ times", sentences(comparison))
    assert not re.search(r"≈ \d", " ".join(findings(comparison, ENGLISH))), "no line break between ≈ and its number"


def test_a_correlation_with_noisy_times_is_marked() -> None:
    calm = [samples.record(row) for row in samples.ROWS[9:14]]
    disturbed = calm[0].readings[KEY].model_copy(update={"detail": {"foreign_load": [0.48]}})
    noisy = calm[0].model_copy(update={"readings": calm[0].readings | {KEY: disturbed}})
    for records, mark in ((calm, ""), ([noisy, *calm[1:]], "≈ ")):
        assert re.search(rf"have the rank correlation {mark}[\d.]+ \(", sentences(compare(records)))
        title = json.dumps(macs_latency.against(KEY)(compare(records), ENGLISH), ensure_ascii=False)
        assert re.search(rf"rank correlation {mark}[\d.]+,", title)


@pytest.mark.parametrize("count", [1, 3])
def test_a_relative_time_has_no_more_digits_than_the_time(count: int) -> None:
    """Without an interval both have at most two."""
    records = []
    for row in samples.ROWS[9:13]:
        record = samples.record(row)
        rough = samples.reading(KEY, *(1.2345 * row[7] / 1000 for _ in range(count)))
        records.append(record.model_copy(update={"readings": record.readings | {KEY: rough}}))
    table = groups.group("latency")(compare(records), ENGLISH) or pytest.fail("times were measured")
    keys = [column.key for column in table.columns]
    for row in table.rows:
        for key in (KEY, f"{KEY}_relative"):
            digits = row[keys.index(key)].text.removesuffix(" ≈").replace(".", "").lstrip("0")
            assert len(digits.rstrip("0") or "0") <= 2


def test_percentiles_are_of_the_samples_that_count() -> None:
    """Of a level that differs between two runs, the newest run's."""
    origins = [Origin(run=run, started=f"2026-11-2{day}T01:00:00+00:00") for run, day in (("a", 4), ("b", 5))]
    record = samples.record(samples.ROWS[9])
    old, new = samples.times(0.2, 0.001, 330), samples.times(0.1, 0.001, 330)
    reading = samples.reading(KEY, *old, *new).model_copy(
        update={"rounds": (110,) * 6, "origins": (*origins[:1] * 3, *origins[1:] * 3)}
    )
    comparison = compare([record.model_copy(update={"readings": {KEY: reading}})])
    table = groups.group("latency")(comparison, ENGLISH) or pytest.fail("times were measured")
    (cell,) = [cell for cell, column in zip(table.rows[0], table.columns, strict=True) if column.key == f"{KEY}_p90"]
    assert cell.value == pytest.approx(0.1, rel=0.02)


def test_noisy_times_are_marked_in_charts() -> None:
    """The number beside each mark, of latency, ranks and throughput."""
    noisy = with_rounds("noisy", 0.100, 0.125, 0.110)
    rate = noisy.readings[KEY].model_copy(update={"quantity": samples.QUANTITIES["throughput_cpu"]})
    noisy = noisy.model_copy(update={"readings": noisy.readings | {"throughput_cpu": rate}})
    comparison = compare([noisy, *run(a=0.3, b=0.4).records])
    for chart in (latency_bars.draw, rank_chart.draw, bars.bars("throughput_cpu", per_machine=True)):
        drawn = json.dumps(chart(comparison, ENGLISH), ensure_ascii=False)
        assert re.search(r'"text": "[\d.–]+ ≈"', drawn)


def test_digits_follow_the_interval_of_rounds() -> None:
    """The interval of pooled samples would show four digits of each time."""
    comparison = run(a=0.1, b=0.2, c=0.3, d=0.4)
    table = groups.group("latency")(comparison, ENGLISH) or pytest.fail("times were measured")
    at = [column.key for column in table.columns].index(KEY)
    assert all(len(row[at].text.replace(".", "")) <= 3 for row in table.rows)


def test_what_is_computed_is_not_kept_in_a_copy() -> None:
    reading = run(a=0.1, b=0.2, c=0.3).records[0].readings[KEY]
    changed = reading.model_copy(update={"samples": tuple(2 * each for each in reading.samples)})
    assert reading.value
    assert changed.value == 2 * reading.value
    assert changed == Reading.model_validate(changed.model_dump())
    assert set(changed.model_dump()) == set(Reading.model_fields)
