"""False alarms and detection rate of `reporter compare`, simulated: `python benchmarks/compare_simulation.py`.

Times are made up, so that the truth is known: 18 networks, each run 10 % apart from the other by drift that all share,
rounds that drift by 3 %, a network's own offset in a round (heavy-tailed: Student's t with 4 degrees of freedom) and
in a run, samples that scatter by 1 % with one in fifty up to 50 % late. Prints a table in Markdown: false alarms in
A/A comparisons, and how often a slowdown of one network by 5 % and 10 % was found.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reporter.compare.differences import Differences
from reporter.compare.folders import compare
from reporter.model import Quantity, Reading, Record
from reporter.store.history import PastRun

NETWORKS = tuple(f"network{number:02}" for number in range(18))
SLOWED = NETWORKS[7]
LATENCY = Quantity(
    key="latency_cpu_1thread", title="Latency", unit="s", group="latency", better="lower", definition="Made up."
)
DRIFT, ROUND_DRIFT, OF_SAMPLE, LATE = 0.10, 0.03, 0.01, 0.02


@dataclass(frozen=True)
class Case:
    """How a run is made: rounds, samples in each, a network's own standard deviations, and runs before these two."""

    rounds: int
    samples: int
    of_round: float
    of_run: float = 0.0
    nights: int = 0


CASES = (
    Case(3, 8, 0.02),
    Case(3, 8, 0.02, nights=10),
    Case(3, 8, 0.02, of_run=0.005),
    Case(3, 8, 0.01),
    Case(3, 8, 0.05),
    Case(5, 8, 0.02),
    Case(10, 20, 0.02),
    Case(10, 20, 0.02, of_run=0.005),
    Case(10, 20, 0.02, of_run=0.01),
    Case(10, 20, 0.02, of_run=0.01, nights=10),
    Case(10, 20, 0.01),
)


def times(chance: np.random.Generator, case: Case, slower: Mapping[str, float]) -> dict[str, Reading]:
    """One simulated run: a reading for each network."""
    shape = (case.rounds, case.samples)
    shared = chance.normal(0, DRIFT) + chance.normal(0, ROUND_DRIFT, case.rounds)
    readings = {}
    for number, name in enumerate(NETWORKS):
        level = np.log(0.02 * 1.15**number * slower.get(name, 1.0)) + chance.normal(0, case.of_run)
        own = case.of_round * chance.standard_t(4, case.rounds) / np.sqrt(2)
        late = (chance.random(shape) < LATE) * chance.uniform(0, 0.5, shape)
        logs = (level + shared + own)[:, None] + chance.normal(0, OF_SAMPLE, shape) + late
        values = tuple(float(value) for value in np.exp(logs).ravel())
        readings[name] = Reading(quantity=LATENCY, samples=values, rounds=(case.samples,) * case.rounds)
    return readings


def records(readings: Mapping[str, Reading], machine: str = "made-up") -> list[Record]:
    """The records of a simulated run."""
    about = {"schema": 1, "family": "Made up", "year": 2026, "paper": "none", "variant": "", "input_size": 224}
    return [
        Record.model_validate(
            {**about, "architecture": name, "machine": machine, "started": "2026-01-01T00:00:00+00:00",
             "readings": {reading.quantity.key: reading}}
        )
        for name, reading in readings.items()
    ]  # fmt: skip


def past(readings: Mapping[str, Reading], night: int) -> PastRun:
    """What history.jsonl would hold of a simulated run."""
    values = {name: {LATENCY.key: reading.value or 0.0} for name, reading in readings.items()}
    return PastRun("made-up", f"2025-12-{night + 1:02}T00:00:00+00:00", str(night), {}, values)


def simulate(seed: int, case: Case, factor: float = 1.0) -> Differences:
    """One comparison of two runs; in the second one network takes `factor` times as long."""
    chance = np.random.default_rng(seed)
    nights = [past(times(chance, case, {}), night) for night in range(case.nights)]
    base, new = times(chance, case, {}), times(chance, case, {SLOWED: factor})
    return compare(records(base), records(new), nights)


def row(case: Case, count: int) -> str:
    """One line of the table."""
    quiet = [simulate(seed, case) for seed in range(count)]
    floor = np.median([found.bases[0].floor or np.nan for found in quiet])
    cells = [f"{sum(found.changed for found in quiet)} of {count}"]
    for factor in (1.05, 1.10):
        slowed = [simulate(seed, case, factor) for seed in range(count, 2 * count)]
        hits = sum(SLOWED in {timing.architecture for timing in found.with_verdict("regressed")} for found in slowed)
        cells.append(f"{hits} of {count}")
    about = f"{case.rounds} | {case.samples} | {case.of_round:.1%} | {case.of_run:.1%} | {case.nights}"
    return f"| {about} | {floor:.1%} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="comparisons of each kind")
    count = parser.parse_args().count
    titles = ("rounds", "samples a round", "sd of a round", "sd of a run", "runs of history", "floor",
              "A/A: false alarms", "5 % found", "10 % found")  # fmt: skip
    print(f"| {' | '.join(titles)} |\n|{' --- |' * len(titles)}")
    for case in CASES:
        print(row(case, count), flush=True)


if __name__ == "__main__":
    main()
