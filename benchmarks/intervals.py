"""Coverage and width of the printed intervals: `python benchmarks/intervals.py [FOLDER] > benchmarks/intervals.md`.

FOLDER is results/reference by default.

The first table has, for each time of a results folder, how many medians of single rounds lie outside the printed 95 %
interval (about 15 % are expected of three rounds: the interval is that of the level, which is known better than a
single round), the median half width, and that of the ratio of two architectures. The second one is simulated: how often
a run distinguishes two of 18 architectures, by the deviation between rounds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from reporter.api import results
from reporter.compare.log_times import parts
from reporter.compare.rounds import Times
from reporter.metrics.latency import ONE_THREAD
from reporter.model import Reading
from reporter.report.comparison import Comparison

ROOT = Path(__file__).parents[1]
ARCHITECTURES, CALLS, SEED = 18, 5, 20120930
DRIFT, WITHIN = 0.03, 0.01
"""Standard deviations of what all architectures of a round share, and of the calls within a round."""


class Row(NamedTuple):
    """A time: medians of rounds and how many lie outside; median half widths of a level and of a ratio."""

    key: str
    rounds: int
    outside: int
    half: float
    ratio: float


def coverage(comparison: Comparison) -> Iterator[Row]:
    """A row for each time of the newest machine that was measured in rounds."""
    machine = comparison.machines[0]
    for key in comparison.quantities:
        readings = [r for record in comparison.of(machine) if (r := record.readings.get(key)) and r.timed]
        known = [(reading, reading.interval) for reading in readings if len(reading.rounds) > 1]
        spans = [(reading, bounds) for reading, bounds in known if bounds]
        if not spans:
            continue
        inside = [low <= median(part) <= high for reading, (low, high) in spans for part in parts(reading)]
        half = median((high - low) / 2 / (reading.value or 1) for reading, (low, high) in spans)
        times = comparison.times(machine, key)
        ratios = [times.ratio(*pair) for pair in combinations(times.names, 2)]
        width = median((found.high - found.low) / 2 / found.ratio for found in ratios) if ratios else 0.0
        yield Row(key, len(inside), inside.count(False), half, width)


def simulated(levels: Sequence[float], deviation: float, rounds: int, chance: np.random.Generator) -> list[Reading]:
    """Readings of a run: levels (log seconds), drift that a round shares, a deviation of each round, and its calls."""
    shared = chance.normal(0, DRIFT, rounds)
    logs = np.add.outer(np.asarray(levels), shared) + chance.normal(0, deviation, (len(levels), rounds))
    calls = np.exp(logs[:, :, None] + chance.normal(0, WITHIN, (len(levels), rounds, CALLS)))
    return [Reading(quantity=ONE_THREAD, samples=each.ravel().tolist(), rounds=(CALLS,) * rounds) for each in calls]


def distinguished(difference: float, deviation: float, rounds: int = 3, runs: int = 400) -> float:
    """The share of runs that distinguish two architectures whose times differ by so much."""
    chance, found = np.random.default_rng(SEED), 0
    for _ in range(runs):
        levels = chance.uniform(-4, -1, ARCHITECTURES)
        levels[1] = levels[0] + np.log1p(difference)
        readings = simulated(levels, deviation, rounds, chance)
        found += Times({str(name): reading for name, reading in enumerate(readings)}).differ("0", "1")
    return found / runs


def show_coverage(comparison: Comparison) -> None:
    """Prints the first table."""
    print("| time | medians of rounds | outside | share | median half width | median half width of a ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    rows = list(coverage(comparison))
    for row in rows:
        share, half, ratio = (f"{100 * value:.1f} %" for value in (row.outside / row.rounds, row.half, row.ratio))
        print(f"| {row.key} | {row.rounds} | {row.outside} | {share} | {half} | {ratio} |")
    total, outside = sum(row.rounds for row in rows), sum(row.outside for row in rows)
    print(f"| all | {total} | {outside} | {100 * outside / total:.1f} % |  |  |")


def show_simulation() -> None:
    """Prints the second table."""
    print("| deviation between rounds | rounds | equal | 3 % apart | 5 % apart | 10 % apart |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for deviation in (0.01, 0.015, 0.023, 0.045):
        for rounds in (3, 5):
            shares = (f"{100 * distinguished(apart, deviation, rounds):.0f} %" for apart in (0, 0.03, 0.05, 0.10))
            print(f"| {100 * deviation:.1f} % | {rounds} | {' | '.join(shares)} |")


def main(folder: Path) -> None:
    print("# Intervals of times\n\n## Medians of rounds outside the printed 95 % interval\n")
    show_coverage(results.load(folder).comparison)
    print(f"\n## Runs that distinguish two of {ARCHITECTURES} architectures, simulated\n")
    show_simulation()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "results" / "reference")
