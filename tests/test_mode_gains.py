"""Which execution modes differ from eager by more than noise, on simulated rounds of known size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from samples import QUANTITIES

from reporter.compare.mode_gains import FALSE_SHARE, MIN_GAIN, Gain, ModePlace, gains
from reporter.compare.rounds import with_intervals
from reporter.model import Reading, Record
from reporter.model.modes import speedup

KEYS = ("latency_cpu_1thread", "latency_cpu")
ABOUT = {"family": "Simulated", "year": None, "paper": "", "variant": "", "input_size": 32, "machine": "simulated"}


def ratios(
    generator: np.random.Generator, ratio: float, rounds: int = 3, calls: int = 8, between: float = 0.01
) -> Reading:
    """Ratios of calls in turns: each round has a deviation of its own, and each call one of 1 % within it."""
    levels = np.log(ratio) + between * generator.standard_normal(rounds)
    logs = levels[:, None] + 0.01 * generator.standard_normal((rounds, calls))
    samples = tuple(map(float, np.exp(logs).ravel()))
    return Reading(quantity=speedup(QUANTITIES["latency_cpu"]), samples=samples, rounds=(calls,) * rounds)


def record(name: str, mode: str, readings: dict[str, Reading]) -> Record:
    renamed = {
        f"speedup_{key}": each.model_copy(update={"quantity": speedup(QUANTITIES[key])})
        for key, each in readings.items()
    }
    about = {**ABOUT, "architecture": name, "mode": mode, "started": "2026-01-02T03:00:00+00:00"}
    return Record.model_validate({**about, "readings": renamed})


def simulated(seed: int, ratio: float, networks: int = 20, between: float = 0.01, keys: int = 2) -> list[Record]:
    generator = np.random.default_rng(seed)
    return [
        record(f"net{number}", "again", {key: ratios(generator, ratio, between=between) for key in KEYS[:keys]})
        for number in range(networks)
    ]


def stated_gains(records: list[Record]) -> dict[ModePlace, Gain]:
    return {place: gain for place, gain in gains(records).items() if gain.stated}


def test_eager_against_itself_is_no_gain() -> None:
    """Of 40 none is stated in 95 of 100 runs (FALSE_SHARE), and at most 5 of 40 intervals exclude 1 (in 98 of 100)."""
    false, excluded = [], []
    for between in (0.002, 0.01, 0.05):
        for seed in range(20):
            found = gains(simulated(seed, 1.0, between=between))
            assert len(found) == 40
            false.append(sum(gain.stated for gain in found.values()))
            excluded.append(sum(not gain.low <= 1 <= gain.high for gain in found.values()))
    assert sum(count > 0 for count in false) <= 3, false
    assert 0.02 < sum(excluded) / (60 * 40) < 0.06
    assert sum(count > 5 for count in excluded) <= 3, excluded


@pytest.mark.parametrize("ratio", [1 / 1.05, 1.05])
def test_five_percent_are_stated_in_their_direction(ratio: float) -> None:
    found = [stated_gains(simulated(seed, ratio, keys=1, between=0.018)) for seed in range(20)]
    assert sum(map(len, found)) >= 0.95 * 20 * 20, "at a deviation of 1.8 % between rounds"
    assert {gain.faster for run in found for gain in run.values()} == {ratio > 1}


def test_few_of_the_stated_gains_are_false() -> None:
    """Half of the rows are eager again: at most FALSE_SHARE of what is stated is one of these."""
    stated: list[ModePlace] = []
    for seed in range(20):
        same, slow = simulated(seed, 1.0, between=0.02), simulated(100 + seed, 1 / 1.05, between=0.02)
        renamed = [each.model_copy(update={"architecture": f"slow {each.architecture}"}) for each in slow]
        stated += stated_gains([*same, *renamed])
    false = sum(not name.startswith("slow") for name, _, _ in stated)
    assert len(stated) > 0.9 * 20 * 40
    assert 0 < false <= FALSE_SHARE * len(stated)


def test_a_difference_below_the_floor_is_not_stated_however_precise() -> None:
    exact = {"latency_cpu": Reading(quantity=speedup(QUANTITIES["latency_cpu"]), samples=(1.015,) * 9, rounds=(3,) * 3)}
    records = [record(f"net{number}", "bf16", exact) for number in range(5)]
    found = gains(records)["net0", "bf16", "latency_cpu"]
    assert found.low > 1
    assert found.floor == pytest.approx(MIN_GAIN)
    assert not found.stated
    assert not stated_gains(records)


def test_the_floor_rises_with_rows_that_do_not_differ() -> None:
    """The same readings with others of another key, which do not change their noise: equal, or as different."""
    slow, equal = simulated(1, 1.05, between=0.02), simulated(2, 1.0, between=0.02)
    alone = [each.model_copy(update={"readings": dict(list(each.readings.items())[:1])}) for each in slow]
    second = f"speedup_{KEYS[1]}"
    beside = [
        each.model_copy(update={"readings": each.readings | {second: other.readings[second]}})
        for each, other in zip(slow, equal, strict=True)
    ]
    place = ("net0", "again", KEYS[0])
    few, many, differing = gains(alone)[place], gains(beside)[place], gains(slow)[place]
    assert (few.ratio, few.low, few.high) == (many.ratio, many.low, many.high)
    assert MIN_GAIN < few.floor < many.floor
    assert differing.floor < many.floor


def test_the_noise_of_a_quiet_pair_is_pooled_and_a_noisy_pair_keeps_its_own() -> None:
    generator = np.random.default_rng(3)
    records = [
        record(f"net{number}", "bf16", {"latency_cpu": ratios(generator, 1.0, between=0.01)}) for number in range(20)
    ]
    loud = record("loud", "bf16", {"latency_cpu": ratios(generator, 1.0, between=0.3)})
    found = gains([*records, loud])
    widths = {place[0]: math.log(gain.high / gain.low) for place, gain in found.items()}
    quiet = [width for name, width in widths.items() if name != "loud"]
    assert max(quiet) < 3 * min(quiet)
    assert widths["loud"] > 3 * max(quiet)


def test_a_lost_round_and_fewer_than_three_rounds_widen_the_interval() -> None:
    generator = np.random.default_rng(4)
    networks = [record(f"net{number}", "bf16", {"latency_cpu": ratios(generator, 2.0)}) for number in range(8)]
    exact = Reading(quantity=speedup(QUANTITIES["latency_cpu"]), samples=(2.0,) * 9, rounds=(3, 3, 3))
    lost = exact.model_copy(update={"samples": (2.0,) * 6, "rounds": (3, 3)})
    found = gains(
        [*networks, record("whole", "bf16", {"latency_cpu": exact}), record("lost", "bf16", {"latency_cpu": lost})]
    )
    width = {place[0]: math.log(gain.high / gain.low) for place, gain in found.items()}
    assert width["lost"] == pytest.approx(width["whole"] * math.sqrt(3 / 2))
    once = record("once", "bf16", {"latency_cpu": ratios(generator, 2.0, rounds=1)})
    alone = gains([once])["once", "bf16", "latency_cpu"]
    assert math.log(alone.high / alone.low) > 0.1, "a deviation between rounds is assumed"


def with_ratios(*rounds: float, mode: str = "bf16") -> list[Record]:
    """An architecture with these ratios, a round each, and eight that do not vary between two rounds."""
    quantity = speedup(QUANTITIES["latency_cpu"])
    readings = [Reading(quantity=quantity, samples=each, rounds=(1,) * len(each)) for each in ((1.0, 1.01), rounds)]
    steady = [record(f"net{number}", mode, {"latency_cpu": readings[0]}) for number in range(8)]
    return with_intervals([*steady, record("one", mode, {"latency_cpu": readings[1]})])


def test_a_disturbed_round_of_two_is_no_gain() -> None:
    """The ratios of resnet50 in channels_last of results/reference-engines, whose arithmetic mean is 1.90."""
    found = gains(with_ratios(0.957, 2.836))["one", "bf16", "latency_cpu"]
    assert found.ratio == pytest.approx(math.sqrt(0.957 * 2.836)) == pytest.approx(1.647, abs=0.001)
    assert found.low < 1 < found.high
    assert not found.stated


@pytest.mark.parametrize("rounds", [(0.957, 2.836), (2.3, 2.4), (2.3,), (2.3, 2.4, 2.8), (1.1, 1.2, 1.3, 1.5)])
def test_the_gain_is_the_value_of_the_reading_with_its_interval(rounds: tuple[float, ...]) -> None:
    records = with_ratios(*rounds)
    reading, gain = records[-1].readings["speedup_latency_cpu"], gains(records)["one", "bf16", "latency_cpu"]
    assert reading.value == pytest.approx(gain.ratio)
    assert reading.interval == pytest.approx((gain.low, gain.high))
    assert math.log(gain.high / gain.ratio) == pytest.approx(math.log(gain.ratio / gain.low))


def test_a_noisy_gain_needs_two_rounds() -> None:
    """One that is not noisy needs none of its own rounds beyond the others."""

    def found(*rounds: float) -> Gain:
        return gains(with_ratios(*rounds))["one", "bf16", "latency_cpu"]

    for alone in ((2.3,), (1.0, 1.4), (1.3, 0.99, 1.31)):
        verdict = with_ratios(*alone)[-1].readings["speedup_latency_cpu"].verdict
        assert verdict.status == "noisy", alone
    assert found(2.3).unconfirmed
    assert not found(2.3).stated
    assert not found(1.0, 1.4).stated
    assert found(2.3, 2.4).stated
    assert found(1 / 2.3, 1 / 2.4).stated
    assert not found(2.3, 2.4).unconfirmed
    assert found(1.3, 0.99, 1.31).confirmed, "two of three rounds show it, whatever the third says"
    assert found(1.05, 1.05, 1.06).confirmed


def test_the_reason_of_two_rounds_names_them() -> None:
    reading = with_ratios(2.3, 2.4)[-1].readings["speedup_latency_cpu"]
    assert reading.verdict == ("noisy", "only 2 of the 3 rounds that a ratio needs")


def test_modes_without_times_have_no_gain() -> None:
    absent = Reading(quantity=speedup(QUANTITIES["latency_cpu"]), status="unsupported", reason="no compiler here")
    assert gains([record("net", "compile", {"latency_cpu": absent}), record("net", "eager", {})]) == {}
