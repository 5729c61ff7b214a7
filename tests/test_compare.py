"""Two runs compared: laws that hold for any, false alarms and detection where the truth is known, the command line."""

from __future__ import annotations

import json
import math
import re
import resource
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import QUICK, TINY, WIDE, call, run
from compare_simulation import LATENCY, NETWORKS, SLOWED, Case, past, records, simulate, times
from hypothesis import given, settings
from hypothesis import strategies as st
from nights import made as of_a_night
from samples import ROWS, lecture, record

from reporter.cli.progress import progress
from reporter.compare import log_times
from reporter.compare.differences import Differences, Timing
from reporter.compare.folders import ResultsFolder, baseline, compare, compare_results
from reporter.compare.times import TAKEN_OVER
from reporter.host import files
from reporter.model import Reading, Record
from reporter.model.origins import Origin
from reporter.model.settings import Settings
from reporter.report.between_runs.changes import as_json, headline, in_words
from reporter.report.between_runs.grouping import quoted
from reporter.report.language import SOURCE, language
from reporter.run.preparation import choose_metrics
from reporter.store import record_files

STANDARD = Case(rounds=3, samples=8, of_round=0.02)
THOROUGH = Case(rounds=10, samples=20, of_round=0.02)
SEEDS = st.integers(0, 2**32 - 1)


def simulated(seed: int, case: Case = STANDARD, slower: Mapping[str, float] | None = None) -> list[Record]:
    return records(times(np.random.default_rng(seed), case, slower or {}))


def changed(made: Record, key: str, **fields: Any) -> Record:
    """A record with a reading replaced; its samples are given as `samples`."""
    reading = made.readings[key].model_copy(update=fields)
    return made.model_copy(update={"readings": made.readings | {key: reading}})


def scaled(made: list[Record], factor: float, key: str = LATENCY.key) -> list[Record]:
    return [changed(r, key, samples=tuple(x * factor for x in r.readings[key].samples)) for r in made]


def test_the_smallest_change_is_written_as_all_percentages_are() -> None:
    noisy = Timing(
        architecture="a", machine="m", quantity=LATENCY, verdict="noisy", base=1.0, new=1.1, relative=True, ratio=1.1,
        low=None, high=None, floor=0.2, rank=None, reason=None,
    )  # fmt: skip
    assert "Times that moved by more than 3 %, but not beyond noise: 1 of 1." in in_words(Differences(timings=(noisy,)))


def verdicts(found: Differences) -> dict[str, str]:
    return {timing.architecture: timing.verdict for timing in found.timings}


@given(SEEDS)
@settings(max_examples=8, deadline=None)
def test_a_run_does_not_differ_from_itself(seed: int) -> None:
    run = [*simulated(seed), *lecture()]
    found = compare(run, run)
    assert not found.changed
    assert not found.gaps
    assert {timing.ratio for timing in found.timings} == {1.0}
    assert not any(found.fails(on) for on in ("exact", "timing", "any", "never"))
    assert headline(found) == "Nothing changed."


@given(SEEDS, SEEDS, st.floats(0.5, 2))
@settings(max_examples=12, deadline=None)
def test_swapping_the_sides_swaps_regressed_and_improved(one: int, two: int, factor: float) -> None:
    base, new = simulated(one), simulated(two, slower={SLOWED: factor})
    there, back = compare(base, new), compare(new, base)
    opposite = {"regressed": "improved", "improved": "regressed"}
    assert {name: opposite.get(word, word) for name, word in verdicts(there).items()} == verdicts(back)
    for first, second in zip(there.timings, back.timings, strict=True):
        assert first.ratio * second.ratio == pytest.approx(1)
        assert first.floor == pytest.approx(second.floor)


@pytest.mark.parametrize(("ratio", "change"), [(0.77, "−23 %"), (1.3, "+30 %")])
def test_a_change_is_shown_beside_less_noise(ratio: float, change: str) -> None:
    """Noise of 25 % upwards is 20 % downwards: a network that is 23 % faster is beyond it, and has to read so."""
    found = compare(simulated(1), simulated(2))
    verdict = "regressed" if ratio > 1 else "improved"
    timing = replace(found.timings[0], verdict=verdict, ratio=ratio, floor=0.25)
    text = in_words(replace(found, timings=(timing,)))
    beside = "25.0" if ratio > 1 else "20.0"
    assert re.findall(r"([+−]\d+ %) time relative to.*noise reaches ([\d.]+) %", text) == [(change, beside)]


@given(SEEDS, SEEDS, st.floats(0.1, 10))
@settings(max_examples=12, deadline=None)
def test_drift_that_all_share_changes_nothing(one: int, two: int, factor: float) -> None:
    base, new = simulated(one), simulated(two)
    plain, drifted = compare(base, new), compare(base, scaled(new, factor))
    assert [t.ratio for t in drifted.timings] == pytest.approx([t.ratio for t in plain.timings])
    assert drifted.bases[0].common == pytest.approx(plain.bases[0].common * factor)
    assert not compare(base, scaled(base, factor)).changed


@given(SEEDS, st.sampled_from(NETWORKS), st.floats(1.25, 20), st.integers(3, 18))
@settings(max_examples=12, deadline=None)
def test_one_network_that_is_slower_in_all_rounds_is_found_and_no_other(
    seed: int, name: str, factor: float, networks: int
) -> None:
    case = Case(rounds=5, samples=8, of_round=0.005)
    names = {*NETWORKS[:networks], name}
    base = [r for r in simulated(seed, case) if r.architecture in names]
    new = [r for r in simulated(seed + 1, case, {name: factor}) if r.architecture in names]
    found = compare(base, new)
    assert {t.architecture for t in found.with_verdict("regressed")} == {name}
    assert not found.with_verdict("improved")
    assert found.with_verdict("regressed")[0].ratio == pytest.approx(factor, rel=0.05)


@given(SEEDS, st.randoms(use_true_random=False))
@settings(max_examples=5, deadline=None)
def test_the_order_of_records_does_not_matter(seed: int, chance: Any) -> None:
    base, new = [*simulated(seed), *lecture()], [*simulated(seed + 1, slower={SLOWED: 1.3}), *lecture()]
    before = compare(base, new)
    chance.shuffle(base)
    chance.shuffle(new)
    assert compare(base, new) == before


def test_times_that_were_taken_over_are_not_compared() -> None:
    """One network that is not measured again beside a machine that is 15 % faster is not 18 % slower."""
    base = simulated(1)
    new = [base[0], *scaled(base[1:], 0.85)]
    found = compare(base, new)
    assert not found.changed
    assert verdicts(found) == dict.fromkeys(NETWORKS[1:], "unchanged")
    assert [(gap.architectures, gap.why) for gap in found.gaps] == [(NETWORKS[:1], TAKEN_OVER)]
    assert headline(found).endswith("; Latency of network00 (not measured again since BASE).")


def test_some_networks_are_measured_again_in_a_later_run() -> None:
    """Four on a machine that became 30 % slower: the others are of the run before, and say nothing about it."""

    def of_run(made: list[Record], run: str) -> list[Record]:
        origins = (Origin(run=run, started="2026-11-24T01:00:00+00:00"),) * STANDARD.rounds
        return [changed(each, LATENCY.key, origins=origins) for each in made]

    base, again = of_run(simulated(1), "a"), of_run(scaled(simulated(2), 1.3), "b")
    found = compare(base, [*again[:4], *base[4:]])
    assert set(verdicts(found)) == set(NETWORKS[:4])
    assert not found.changed
    assert found.gaps[0].architectures == NETWORKS[4:]
    edited = compare(base, [*scaled(base[:1], 1.3), *base[1:]])
    assert verdicts(edited) == {NETWORKS[0]: "regressed"} | dict.fromkeys(NETWORKS[1:], "unchanged")


def test_no_false_alarm_in_200_comparisons_of_equal_runs() -> None:
    """Rounds of 2 %, heavy tails, 10 % of shared drift; benchmarks/compare_simulation.py prints harder cases."""
    assert [seed for seed in range(200) if simulate(seed, STANDARD).changed] == []


@pytest.mark.parametrize(
    ("case", "factor", "least"),
    [
        (STANDARD, 1.10, 80),
        *(pytest.param(THOROUGH, *each, marks=pytest.mark.slow) for each in ((1.05, 75), (1.1, 95))),
    ],
)
def test_a_slower_network_is_found(case: Case, factor: float, least: int) -> None:
    found = [simulate(seed, case, factor) for seed in range(1000, 1100)]
    assert sum(SLOWED in {t.architecture for t in each.with_verdict("regressed")} for each in found) >= least


def test_throughput_is_judged_as_time() -> None:
    def inverted(made: list[Record]) -> list[Record]:
        quantity = LATENCY.model_copy(update={"unit": "1/s", "better": "higher"})
        return [
            changed(r, LATENCY.key, quantity=quantity, samples=tuple(1 / x for x in r.readings[LATENCY.key].samples))
            for r in made
        ]

    base, new = simulated(1), simulated(2, slower={SLOWED: 1.5})
    plain, rates = compare(base, new), compare(inverted(base), inverted(new))
    assert verdicts(plain) == verdicts(rates)
    assert verdicts(rates)[SLOWED] == "regressed"
    assert [t.ratio for t in rates.timings] == pytest.approx([t.ratio for t in plain.timings], rel=1e-3)


def two_runs(made: list[Record], older: float) -> list[Record]:
    """The same rounds as the newest of two runs; the level of all networks was `older` times as high before."""
    both = []
    for each in made:
        reading = each.readings[LATENCY.key]
        runs = [
            Origin(run=run, started=f"2026-11-2{day}T01:00:00+00:00")
            for run, day in (("a", 4), ("b", 5))
            for _ in reading.rounds
        ]
        samples = (*(older * sample for sample in reading.samples), *reading.samples)
        both.append(changed(each, LATENCY.key, samples=samples, rounds=reading.rounds * 2, origins=tuple(runs)))
    return both


@pytest.mark.parametrize("older", [0.5, 2.0])
def test_levels_of_two_runs_are_not_averaged(older: float) -> None:
    made = simulated(1)
    for base, new in ((two_runs(made, older), made), (made, two_runs(made, older))):
        found = compare(base, new)
        assert {timing.ratio for timing in found.timings} == {1.0}
        assert [basis.common for basis in found.bases] == [pytest.approx(1.0)]


def test_a_bad_round_is_noise() -> None:
    """One round in three twice as slow does not make a network slow."""
    new = simulated(2)
    samples = new[4].readings[LATENCY.key].samples
    new[4] = changed(new[4], LATENCY.key, samples=tuple(x * 2 if i < 8 else x for i, x in enumerate(samples)))
    assert not compare(simulated(1), new).changed


def test_the_rank_test_alone_gives_no_verdict() -> None:
    """Hundreds of samples that do not overlap, but rounds that are as far apart among themselves."""
    case = Case(rounds=3, samples=300, of_round=0.05)
    found = [compare(simulated(seed, case), simulated(seed + 100, case)) for seed in range(10)]
    assert not any(each.changed for each in found)
    assert sum(len(each.with_verdict("noisy")) for each in found) > 10
    assert all(timing.reason for each in found for timing in each.with_verdict("noisy"))


def test_few_rounds_are_not_judged() -> None:
    found = compare(simulated(1, Case(2, 50, 0.001)), simulated(2, Case(2, 50, 0.001), {SLOWED: 3.0}))
    assert not found.changed
    assert verdicts(found)[SLOWED] == "noisy"
    assert "too few rounds" in in_words(found)
    assert headline(found) == f"No verdict: {len(NETWORKS)} times of too few rounds. Nothing else changed."


def test_a_headline_has_what_was_not_judged() -> None:
    """Where nothing changed: noise, another machine, other settings; what is identical needs no verdict."""
    few = simulated(1, Case(2, 50, 0.001))
    assert headline(compare(few, few)) == "Nothing changed."
    elsewhere = [record(row, machine="old") for row in ROWS]
    why = "BASE was measured on quiet, NEW on old"
    assert (
        headline(compare(lecture(), elsewhere))
        == f"No verdict: Times of 18 architectures ({why}). Nothing else changed."
    )
    other = [changed(each, "macs", settings={"image_size": 96}) for each in lecture()]
    assert headline(compare(lecture(), other)).startswith(
        "No verdict: MACs of 18 architectures (taken under other settings (image_size None, then 96))."
    )
    noisy = next(found for seed in range(1, 60) if (found := _unchanged(seed)) and found.with_verdict("noisy"))
    count = len(noisy.with_verdict("noisy"))
    expected = (
        rf"No change beyond [\d.]+ % detected; no verdict: {count} noisy times?(; [^;]+ a change that all share .*)?\."
    )
    assert re.fullmatch(expected, headline(noisy))


def _unchanged(seed: int) -> Differences | None:
    found = compare(simulated(seed), simulated(seed + 1000))
    return None if found.changed else found


def test_two_networks_are_compared_by_absolute_time_and_it_says_so() -> None:
    case = Case(rounds=10, samples=8, of_round=0.01)
    base, new = simulated(1, case)[:1], simulated(1, case, {NETWORKS[0]: 1.4})[:1]
    found = compare(base, new)
    assert verdicts(found) == {NETWORKS[0]: "regressed"}
    assert "only 1 architecture in common, so absolute times were compared" in in_words(found)
    assert not compare(base, scaled(base, 1.15)).changed


def test_history_raises_the_floor_where_nights_differ_more_than_rounds() -> None:
    chance = np.random.default_rng(3)
    calm, restless = Case(10, 8, 0.01), Case(10, 8, 0.01, of_run=0.05)
    nights = [past(times(chance, restless, {}), night) for night in range(10)]
    base, new = simulated(1, calm), simulated(2, calm, {SLOWED: 1.10})
    assert verdicts(compare(base, new))[SLOWED] == "regressed"
    assert verdicts(compare(base, new, nights))[SLOWED] == "noisy"
    other = [replace(night, machine="another") for night in nights]
    assert compare(base, new, other) == compare(base, new, nights[:4]) == compare(base, new)


def test_history_of_the_same_readings_is_one_run() -> None:
    one = past(times(np.random.default_rng(3), STANDARD, {}), 0)
    nights = [replace(one, moment=f"2025-12-{night:02}T00:00:00+00:00") for night in range(1, 10)]
    assert log_times.history_noise(nights, "made-up", LATENCY.key, NETWORKS) is None


def test_the_run_that_is_compared_is_not_part_of_its_noise() -> None:
    """NEW's history has it as its newest run: with it a step on the sixth run widens the noise of its own network."""
    chance = np.random.default_rng(5)
    calm = Case(10, 8, 0.01, of_run=0.005)
    earlier = [past(times(chance, calm, {}), night) for night in range(6)]
    step = times(np.random.default_rng(6), calm, {SLOWED: 2.0})
    tonight = replace(past(step, 7), moment="2026-12-01T00:00:00+00:00")
    base = ResultsFolder(Path("base"), tuple(simulated(1, calm)), tuple(earlier))
    new = ResultsFolder(Path("new"), tuple(records(step)), (*earlier, tonight))
    assert compare_results(base, new) == compare(base.records, new.records, earlier)
    assert compare_results(base, new) != compare(base.records, new.records, new.history)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("longer", [1, 4, 17])
def test_one_more_round_leaves_no_network_out(side: int, longer: int) -> None:
    """A budget ends inside a round: the rounds that all networks have are compared, by relative times."""
    sides = [simulated(1, Case(9, 8, 0.01)), simulated(2, Case(9, 8, 0.01), {SLOWED: 1.3})]
    sides[side] = [
        each if index < longer else _shortened(each, keep=range(8)) for index, each in enumerate(sides[side])
    ]
    found = compare(*sides)
    assert found.gaps == ()
    assert len(found.timings) == len(NETWORKS)
    assert found.bases[0].relative
    assert verdicts(found)[SLOWED] == "regressed"


def test_a_lost_round_is_left_out_of_all_networks() -> None:
    """The rounds are matched by their numbers, so that drift between rounds stays out of the ratios."""
    base, new = simulated(1, Case(9, 8, 0.001)), simulated(1, Case(9, 8, 0.001))
    drift = [1 + number for number in range(9)]
    new = [_drifting(each, drift) for each in new]
    new[0] = _shortened(new[0], keep=[number for number in range(9) if number != 4], lost=(4,))
    found = compare(base, new)
    assert len(found.timings) == len(NETWORKS)
    assert found.timings[0].ratio == pytest.approx(1, rel=0.01)


def test_a_round_that_a_later_run_makes_up_for_is_compared_with_no_other_round() -> None:
    """The others have rounds 0 to 8 of one run; one network has its round 4 of a later run, as its last one."""
    base, new = simulated(1, Case(9, 8, 0.001)), simulated(2, Case(9, 8, 0.001))
    new = [_numbered(_drifting(each, [1 + number for number in range(9)]), range(9)) for each in new]
    kept = [number for number in range(9) if number != 4]
    reading = _shortened(new[0], keep=[*kept, 4]).readings[LATENCY.key]
    later = Origin(run="later", started="2026-11-28T10:00:00+00:00", number=4)
    new[0] = _with(new[0], samples=reading.samples, rounds=reading.rounds, origins=(*_origins(kept), later))
    found = compare(base, new)
    assert len(found.timings) == len(NETWORKS)
    assert [each.low for each in found.timings] == pytest.approx([1] * len(NETWORKS), rel=0.02)


def test_rounds_without_numbers_are_counted_in_each_run_without_its_lost_ones() -> None:
    origins = [Origin(run=run, started="") for run in ("one", "one", "two", "two")]
    lost = [
        {"number": number, "status": "failed", "reason": "x", "origin": Origin(run=run, started="")}
        for run, number in (("one", 0), ("two", 1))
    ]
    made = simulated(1, Case(4, 8, 0.001))[0]
    found = log_times.round_keys(_with(made, origins=origins, lost=lost).readings[LATENCY.key])
    assert found == [("one", 1), ("one", 2), ("two", 0), ("two", 2)]


def test_networks_of_several_runs_are_compared_round_by_round() -> None:
    """Without common rounds, as if they were measured interleaved: there are no others."""
    base, new = simulated(1, Case(9, 8, 0.001)), simulated(2, Case(9, 8, 0.001), {SLOWED: 1.3})
    new[0] = _with(new[0], origins=[Origin(run="other", started="", number=number) for number in range(9)])
    new[1:] = [_numbered(each, range(9)) for each in new[1:]]
    found = compare(base, new)
    assert len(found.timings) == len(NETWORKS)
    assert verdicts(found)[SLOWED] == "regressed"


def test_a_network_with_few_of_the_rounds_is_left_out() -> None:
    base, new = simulated(1, Case(9, 8, 0.01)), simulated(2, Case(9, 8, 0.01))
    new[0] = _shortened(new[0], keep=range(3))
    found = compare(base, new)
    assert [(gap.architectures, gap.why) for gap in found.gaps] == [
        ((new[0].architecture,), "rounds are missing, or times that are not positive")
    ]
    assert found.bases[0].networks == len(NETWORKS) - 1


def _shortened(made: Record, keep: Sequence[int], lost: Sequence[int] = ()) -> Record:
    reading = made.readings[LATENCY.key]
    parts = [reading.samples[8 * number : 8 * number + 8] for number in keep]
    losses = [{"number": n, "status": "failed", "reason": "x", "origin": {"run": "", "started": ""}} for n in lost]
    samples = tuple(sample for part in parts for sample in part)
    about = reading.model_dump() | {"samples": samples, "rounds": (8,) * len(parts), "lost": losses}
    return made.model_copy(update={"readings": {LATENCY.key: Reading.model_validate(about)}})


def _origins(numbers: Iterable[int]) -> list[Origin]:
    return [Origin(run="one", started="2026-11-25T10:00:00+00:00", number=number) for number in numbers]


def _numbered(made: Record, numbers: Iterable[int]) -> Record:
    return _with(made, origins=_origins(numbers))


def _with(made: Record, **fields: object) -> Record:
    about = made.readings[LATENCY.key].model_dump() | fields
    return made.model_copy(update={"readings": {LATENCY.key: Reading.model_validate(about)}})


def _drifting(made: Record, factors: Sequence[float]) -> Record:
    samples = made.readings[LATENCY.key].samples
    return changed(made, LATENCY.key, samples=tuple(x * factors[index // 8] for index, x in enumerate(samples)))


def test_counts_are_exact_on_any_machine() -> None:
    base = lecture()
    new = [record(row, machine="old") for row in ROWS]
    new[0] = changed(new[0], "parameters", samples=(61_100_841,))
    new[1] = changed(new[1], "imagenet_top1", samples=(0.71593,))
    found = compare(base, new)
    assert [(c.architecture, c.quantity.key, c.base, c.new) for c in found.of("exact") if c.quantity] == [
        ("alexnet", "parameters", 61_100_840, 61_100_841),
        ("vgg16", "imagenet_top1", 0.71592, 0.71593),
    ]
    assert (found.timings, found.fails("exact"), found.fails("timing")) == ((), True, False)
    text = in_words(found)
    assert "\n- Parameters changed: alexnet 61,100,840 → 61,100,841 (<0.05 %); if it is intended, make the new" in text
    assert "Times: not compared for 18 architectures: BASE was measured on quiet, NEW on old." in text


def test_counts_of_a_machine_that_base_lacks_are_compared_although_another_machine_is_in_both() -> None:
    """As in a folder from a cache: a record of last night's machine, and one of tonight's."""
    base = [record(ROWS[0])]
    fourfold = changed(record(ROWS[0], machine="tonight"), "macs", samples=(4 * 714_188_480,))
    found = compare(base, [*base, fourfold])
    assert [(each.machine, each.base, each.new) for each in found.of("exact")] == [
        ("tonight", 714_188_480, 4 * 714_188_480)
    ]
    assert found.fails("exact")
    same = compare(base, [*base, record(ROWS[0], machine="tonight")])
    why = "BASE was measured on quiet, NEW on tonight"
    assert headline(same) == f"No verdict: Times of alexnet ({why}). Nothing else changed."


def test_other_settings_are_not_compared_and_it_says_so() -> None:
    base = [changed(r, "macs", settings={"image_size": 80}) for r in lecture()]
    new = [changed(r, "macs", settings={"image_size": 96}, samples=(1,)) for r in lecture()]
    found = compare(base, new)
    assert not found.changed
    assert "MACs: not compared for 18 architectures: taken under other settings (image_size 80, then 96)." in in_words(
        found
    )


def test_rows_and_readings_that_come_and_go() -> None:
    base, new = lecture()[1:], lecture()[:-1]
    broken = {"status": "oom", "reason": "needs 2 GiB", "samples": ()}
    new[3] = changed(new[3], "peak_training_bytes", **broken)
    new[5] = changed(new[5], "latency_cpu", status="skipped", reason="not asked for", samples=())
    base[9] = changed(base[9], "latency_cpu", **broken)
    found = compare(base, new)
    assert {(c.kind, c.architecture) for c in found.changes} == {
        ("removed", ROWS[-1][0]), ("new", ROWS[0][0]), ("failed", ROWS[3][0]), ("recovered", ROWS[10][0]),
    }  # fmt: skip
    assert found.fails("exact")
    assert "Latency, CPU: not compared for googlenet: only BASE has it." in in_words(found)
    assert not compare(base, [*base, record(ROWS[0])]).fails("any")


@pytest.mark.parametrize(("after", "is_reported"), [(0.93, False), (0.80, True)])
def test_fine_tuned_accuracy_is_reported_beyond_chance_and_never_gated(after: float, is_reported: bool) -> None:
    base = [changed(r, "finetune_top1", samples=(0.96,), detail={"test_images": 240}) for r in lecture()]
    new = [changed(base[0], "finetune_top1", samples=(after,)), *base[1:]]
    found = compare(base, new)
    assert [c.kind for c in found.changes] == ["information"] * is_reported
    assert not found.fails("any")


def test_an_accuracy_that_moved_less_than_seeds_differ_is_not_mentioned() -> None:
    """By ten points, where the seeds of either run are twenty apart."""
    detail = {"test_images": 1000}
    base = [changed(r, "finetune_top1", samples=(0.55, 0.75), detail=detail) for r in lecture()]
    near = [changed(base[0], "finetune_top1", samples=(0.45, 0.65)), *base[1:]]
    far = [changed(base[0], "finetune_top1", samples=(0.10, 0.12)), *base[1:]]
    assert [len(compare(base, new).changes) for new in (near, far)] == [0, 1]


def test_json_is_strict_and_has_every_time() -> None:
    found = compare(simulated(1), simulated(2, slower={SLOWED: 2.0}))
    document = json.loads(files.dumps(as_json(found, "a", "b")), parse_constant=pytest.fail)
    assert len(document["times"]) == len(NETWORKS)
    row = next(row for row in document["times"] if row["architecture"] == SLOWED)
    assert (row["key"], row["unit"], row["judgement"]) == (LATENCY.key, "s", "regressed")
    assert row["low"] < row["ratio"] < row["high"]
    assert math.isclose(row["ratio"], 2, rel_tol=0.1)


OPTIONS = ("--metrics", "size,latency_cpu_1thread", *TINY, *WIDE, *QUICK)


@pytest.fixture(scope="module")
def done(real_run: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records of a real run, as one with OPTIONS writes them."""
    folder = tmp_path_factory.mktemp("compare") / "base"
    keys = {each.key for metric in choose_metrics(("size", LATENCY.key)).values() for each in metric.quantities}
    for path in record_files.paths(real_run[0] / "records"):
        made = record_files.load(path)
        record_files.save(folder, made.model_copy(update={"readings": {key: made.readings[key] for key in keys}}))
    return folder


def copied(done: Path, folder: Path, key: str, **fields: Any) -> Path:
    """The same results with a reading of one of them replaced."""
    shutil.copytree(done, folder)
    (path,) = folder.glob("records/*/tiny.json")
    made = record_files.load(path)
    record_files.save(folder, changed(made, key, **fields))
    return folder


def test_a_real_run_does_not_differ_from_itself(done: Path) -> None:
    for gate, line in (("exact", "Nothing changed.\n"), ("any", "No verdict: ")):  # levels take five runs
        process = call("compare", done, done, "--fail-on", gate)
        assert (process.returncode, process.stderr) == (0, "")
        assert process.stdout.startswith(line)


def test_altered_parameters_exit_1(done: Path, tmp_path: Path) -> None:
    altered = copied(done, tmp_path / "altered", "parameters", samples=(9_233,))
    process = call("compare", done, altered, "--fail-on", "exact")
    assert process.returncode == 1
    assert "tiny 9,232 → 9,233" in process.stdout
    refused = call("compare", done, altered, "--fail-on", "timing")
    assert (refused.returncode, "have 1 of the 3 rounds" in refused.stderr) == (2, True)
    assert call("compare", done, altered).returncode == 0


@pytest.mark.slow
def test_a_quiet_run_prints_its_comparison_and_result(done: Path, tmp_path: Path) -> None:
    process = run("--out", tmp_path / "new", *OPTIONS, "--metrics", "size", "--baseline", done, "--quiet")
    assert process.returncode == 0
    lines = process.stderr.splitlines()
    assert [line for line in lines if line.startswith(("[", "time by process"))] == []
    assert lines[-1].startswith("measured for")


def test_quiet_prints_only_what_failed() -> None:
    stream = StringIO()
    quiet = progress(stream, quiet=True)
    quiet.reading("a", record(ROWS[0]).readings["macs"])
    assert stream.getvalue() == ""
    quiet.reading("a", record(ROWS[0]).readings["macs"].model_copy(update={"status": "failed", "samples": ()}))
    assert stream.getvalue().startswith("[0/0] a macs failed")


def test_another_failure_is_not_unchanged() -> None:
    """A value that no side has is unchanged only with the same reason on both."""
    skipped, broken = (
        [changed(each, "macs", status=status, reason=reason, samples=()) for each in lecture()]
        for status, reason in (("skipped", "the budget was spent"), ("failed", "OSError: x"))
    )
    assert headline(compare(broken, broken)) == "Nothing changed."
    found = compare(skipped, broken)
    why = "failed in NEW and not measured in BASE: OSError: x"
    assert headline(found) == f"No verdict: MACs of 18 architectures ({why}). Nothing else changed."
    unread = "No verdict: 1 file that cannot be read. Nothing else changed."
    assert headline(compare(lecture(), lecture()), ["x.json: not a record"]) == unread


def test_json_alone_goes_to_standard_output(done: Path, tmp_path: Path) -> None:
    altered = copied(done, tmp_path / "altered", "parameters", status="failed", reason="it broke", samples=())
    process = call("compare", done, altered, "--json", "--fail-on", "any")
    document = json.loads(process.stdout, parse_constant=pytest.fail)
    assert (process.returncode, process.stderr) == (1, "")
    assert {"schema", "base", "new", "changed", "headline", "changes", "times", "bases", "not_compared"} <= set(
        document
    )
    assert [(c["kind"], c["architecture"], c["key"], c["reason"]) for c in document["changes"]] == [
        ("failed", "tiny", "parameters", "it broke")
    ]
    assert {(t["architecture"], t["key"]) for t in document["times"]} == {
        ("tiny", "latency_cpu_1thread"), ("wide", "latency_cpu_1thread"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("compare", "{done}", "{empty}"), "NEW: {empty} cannot be compared with: there are no records in it"),
        (("compare", "{empty}", "{done}"), "BASE: {empty} cannot be compared with"),
        (("compare", "{done}", "{done}", "--fail-on", "slow"), "'slow' is not one of"),
        (("--out", "{new}", "--baseline", "{empty}"), "--baseline: {empty} cannot be compared with"),
        (("--out", "{new}", "--fail-on", "any"), "--fail-on: there is nothing to compare with"),
        (
            ("--out", "{new}", "--against", "{empty}", "--fail-on", "level"),
            "not on a level of earlier runs; use --fail-on timing",
        ),
        (
            ("ab", "--a", "{empty}", "--b", "{empty}", "--preset", "quick", "--fail-on", "timing"),
            "use --preset standard",
        ),
        (("compare", "{done}", "{done}", "--json", "--markdown"), "--json and --markdown are two formats"),
        (("compare", "{done}", "{done}", "--fail-on", "timing"), "its times have 1 of the 3 rounds that a verdict"),
        (("--out", "{new}", "--baseline", "{done}", "--fail-on", "timing"), "--fail-on timing: {done}: its times have"),
        (
            ("--out", "{new}", "--baseline", "{done}", "--fail-on", "timing", "--preset", "quick"),
            "--preset quick measures 1 of the 3 rounds that a verdict on times needs; use --preset standard",
        ),
        (("compare", "{done}", "{other}", "--fail-on", "timing"), "{done} and {other} are of different machines, and"),
        (("--out", "{new}", "--baseline", "{other}", "--fail-on", "timing"), "{other} is of another machine, and"),
    ],
)
def test_nothing_to_compare_with_is_one_line(done: Path, tmp_path: Path, options: tuple[str, ...], line: str) -> None:
    places = {"done": done, **{name: tmp_path / name for name in ("empty", "new", "other")}}
    record_files.save(places["other"], record(ROWS[0], "another"))
    process = call(*(option.format(**places) for option in options))
    assert (process.returncode, process.stdout, process.stderr.count("\n")) == (2, "", 1)
    assert line.format(**places) in process.stderr
    assert not (tmp_path / "new").exists()


def test_runs_of_different_machines_are_compared_unless_the_gate_is_for_times_only(tmp_path: Path) -> None:
    """The other gates fail for a count; one machine that both sides have is enough for times."""
    sides = tmp_path / "base", tmp_path / "new"
    for side in sides:
        record_files.save(side, *of_a_night(["alexnet"], side.name))
    for gate, code in (("any", 0), ("exact", 0), ("never", 0), ("timing", 2)):
        assert call("compare", *sides, "--fail-on", gate).returncode == code, gate
    record_files.save(sides[1], changed(*of_a_night(["alexnet"], "base"), "macs", samples=(4,)))
    for gate, code in (("any", 1), ("exact", 1), ("timing", 0)):
        assert call("compare", *sides, "--fail-on", gate).returncode == code, gate
    found = baseline(Settings(baseline=str(sides[0]), fail_on="timing", executor="ray"))
    assert found is not None, "the nodes are other machines"


def test_a_run_is_compared_with_its_baseline(done: Path, tmp_path: Path) -> None:
    """The baseline lies in the folder itself, and is read before it is written over."""
    folder = copied(done, tmp_path / "altered", "parameters", samples=(9_233,))
    same = call("--out", folder, *OPTIONS, "--baseline", folder, "--fail-on", "any", report=False)
    assert same.returncode == 0, same.stderr
    assert f"compared with {folder}: No verdict: " in same.stderr
    assert "(fewer than 5 accepted runs on this machine). Nothing else changed." in same.stderr
    again = call("--out", folder, *OPTIONS, "--baseline", folder, "--fail-on", "exact", "--fresh", report=False)
    assert again.returncode == 1, again.stderr
    assert "tiny 9,233 → 9,232" in again.stderr
    assert again.stdout == ""


@pytest.mark.slow
def test_a_finding_outweighs_a_report_that_cannot_be_written(done: Path, tmp_path: Path) -> None:
    """The disk is full there: what changed is printed, and exit code 1; without a change it is exit code 2."""
    folder = copied(done, tmp_path / "new", "parameters", samples=(9_233,))
    (folder / "history.jsonl").unlink(missing_ok=True)
    for name in ("comparison.json", "summary.json", "report.html"):
        (folder / name).unlink(missing_ok=True)
    largest = max(path.stat().st_size for path in folder.rglob("records/*/*"))
    full = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2 * largest, 2 * largest))}
    options = ("--out", folder, *OPTIONS, "--fail-on", "exact", "--baseline")
    process = run(*options, done, **full)
    assert process.returncode == 1, process.stderr
    assert "tiny 9,232 → 9,233" in process.stderr
    assert "cannot be written (File too large)" in process.stderr.splitlines()[-1]
    assert run(*options, folder, **full).returncode == 2


@pytest.mark.slow
def test_a_finding_outweighs_a_measurement_that_failed(done: Path, tmp_path: Path) -> None:
    options = ("--out", tmp_path / "new", *OPTIONS, "--timeout", "0.01", "--baseline", done)
    assert call(*options).returncode == 3
    assert call(*options, "--fail-on", "exact").returncode == 1


def test_a_reading_says_its_rounds_are_missing() -> None:
    base, new = simulated(1), simulated(2)
    new[2] = changed(new[2], LATENCY.key, samples=(0.02,), rounds=(1,))
    new[3] = changed(new[3], LATENCY.key, samples=(0.0,) * 24)
    found = compare(base, new)
    assert len(found.timings) == len(NETWORKS) - 2
    assert found.gaps[0].architectures == (NETWORKS[2], NETWORKS[3])
    assert isinstance(base[0].readings[LATENCY.key], Reading)


def test_titles_with_commas_are_quoted() -> None:
    """Where one ends and the next one begins shows in a headline in which each title may contain a comma."""
    titles = ["Latency, CPU", "Latency, CPU, 1 thread"]
    assert quoted(titles, language(SOURCE)) == '"Latency, CPU", "Latency, CPU, 1 thread"'
    assert quoted(titles, language("ru")) == "«Latency, CPU», «Latency, CPU, 1 thread»"
    assert quoted(["MACs", "Depth"], language(SOURCE)) == "MACs, Depth"
