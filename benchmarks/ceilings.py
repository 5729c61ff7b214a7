"""How well do the ceilings of the processor repeat?

`python benchmarks/ceilings.py [RUNS]` measures them with one thread and with all, RUNS times (default 5), in each of
the designs in turns, so that all see the same machine. It prints a table for each: the smallest, the median and the
largest value of each ceiling, how far they lie apart as a share of the median, and the seconds of a run. The exit code
is 1 if those with one thread lie more than 5 % apart in the design that the program uses.

`blocks` are three passes of blocks of 0.02 s over the shapes of one ceiling after the other, as version 0.2.0 measured
them; `rounds` is what the program does. Five runs take about 40 s.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from statistics import median
from time import perf_counter

import yardstick

from reporter.metrics.ceilings import groups
from reporter.model.settings import PRESETS, Conditions
from reporter.registry.selection import catalog_entries
from reporter.worker import torch_state
from reporter.worker.profiling.ceiling_rates import Design, WorkloadGroup, best_rates
from reporter.worker.subject import Subject

MOST = 0.05
"""How far apart the values with one thread may lie, as a share of the median."""
BLOCKS = Design(rounds=3, every=1, seconds=0.02)
Rates = dict[str, dict[str, float]]


def in_blocks(found: Mapping[str, WorkloadGroup]) -> Rates:
    """One ceiling after the other."""
    return {key: rates for name, group in found.items() for key, rates in best_rates({name: group}, BLOCKS).items()}


DESIGNS: Mapping[str, Callable[[Mapping[str, WorkloadGroup]], Rates]] = {"blocks": in_blocks, "rounds": best_rates}


def measured(runs: int) -> tuple[dict[str, dict[str, list[float]]], dict[str, list[float]]]:
    """The ceilings of all runs, by design and key, and the seconds of each run, by design."""
    torch_state.settle()
    found = groups(Subject(catalog_entries()["resnet18"], "cpu", Conditions(**PRESETS["standard"])))
    values: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in DESIGNS}
    seconds: dict[str, list[float]] = {name: [] for name in DESIGNS}
    for _ in range(runs):
        for name, design in DESIGNS.items():
            start = perf_counter()
            for key, rates in design(found).items():
                values[name][key].append(max(rates.values()))
            seconds[name].append(perf_counter() - start)
    return values, seconds


def spread(values: list[float]) -> float:
    return (max(values) - min(values)) / median(values)


def table(values: Mapping[str, list[float]]) -> Iterator[str]:
    """The lines of the table of a design."""
    yield "| ceiling | smallest | median | largest | range |\n| --- | ---: | ---: | ---: | ---: |"
    for key, rates in values.items():
        numbers = " | ".join(f"{rate / 1e9:.1f} G" for rate in (min(rates), median(rates), max(rates)))
        yield f"| {key} | {numbers} | {spread(rates):.1%} |"


def main() -> None:
    print(f"yardstick: {yardstick.milliseconds():.1f} ms")
    values, seconds = measured(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    for name, found in values.items():
        print(f"\n{name}: {median(seconds[name]):.1f} s for each run\n")
        print("\n".join(table(found)))
    far = [key for key, rates in values["rounds"].items() if key.endswith("1thread") and spread(rates) > MOST]
    sys.exit(f"more than {MOST:.0%} apart with one thread: {', '.join(far)}" if far else 0)


if __name__ == "__main__":
    main()
