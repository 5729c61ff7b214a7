"""The static pass over torchvision's classifiers, against other counters: `python benchmarks/static_pass.py [GLOB]`.

In this one process and for each network: size, compute and exact memory, by the metrics' own code as in a run; then
fvcore, ptflops and torchinfo, each as its documentation says, on a real network and a real image of native size. Prints
the seconds of every part, and where each of the others is wrong: by how much, and by which operator's fault. Needs
`pip install ptflops torchinfo`, whose columns are left out otherwise, and 16 GiB of memory for the largest networks.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from time import perf_counter
from typing import Any

import torch
from counters import ALL, COUNTERS, habits, silence, tally
from torchvision.models import get_model_weights

from reporter.architectures.torchvision import discover
from reporter.model import Architecture, Metric
from reporter.model.settings import PRESETS, Conditions
from reporter.registry.catalog import collect
from reporter.worker.entry import measure
from reporter.worker.subject import Subject

METRICS = {"size": "size", "compute": "MACs, activations, depth, inference peak", "memory_inference": "",
           "memory_training": "peak of a training step"}  # fmt: skip
CATALOGUE = collect("reporter.metrics", Metric)
CONDITIONS = Conditions(**PRESETS["standard"])
SHOWN = 0.05
"""Operators are named from this share of what a counter gets wrong on."""
SEEN = 0.0005
"""Differences are printed in tenths of a percent; a remainder below that is not examined."""


@dataclass
class Row:
    """One network: the count of each counter, and the kinds of operators in it."""

    name: str
    published: float
    macs: dict[str, float] = field(default_factory=dict)
    amounts: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)


def ours(entry: Architecture, row: Row, seconds: Counter[str]) -> None:
    """Takes the readings of one network as a worker does; building is timed separately."""
    subject = Subject(entry, "cpu", CONDITIONS)
    for name, part in METRICS.items():
        before, start = subject.building, perf_counter()
        readings = measure(CATALOGUE[name], subject)
        seconds[part or METRICS["compute"]] += perf_counter() - start - (subject.building - before)
        row.missing += [f"{r.quantity.key}: {r.reason}" for r in readings if not r.measured]
        row.macs |= {"ours": r.value or 0 for r in readings if r.quantity.key == "macs"}  # noqa: B035
    seconds["building"] += subject.building
    row.amounts = tally(subject.meta, subject.input(1, "meta"))


def others(entry: Architecture, row: Row, seconds: Counter[str]) -> None:
    """Lets the other counters count the real network, each with one that no other has touched."""
    for name, counter in COUNTERS.items():
        subject = Subject(entry, "cpu", CONDITIONS)
        network, image = subject.network, subject.input(1)
        start = perf_counter()
        with silence():
            row.macs[name] = counter(network, image)
        seconds[name] += perf_counter() - start
        seconds[f"{name}, building"] += subject.building


def main() -> None:
    glob = sys.argv[1] if len(sys.argv) > 1 else "*"
    entries = [entry for entry in discover() if fnmatchcase(entry.name, glob)]
    if not entries:
        sys.exit(f"no classifier of torchvision is called {glob}")
    rows, seconds = [], Counter[str]()
    for entry in entries:
        metadata: dict[str, Any] = get_model_weights(entry.name)[entry.weights or ""].meta
        rows.append(Row(entry.name, metadata["_ops"]))
        ours(entry, rows[-1], seconds)
    for entry, row in zip(entries, rows, strict=True):
        print(entry.name, file=sys.stderr)
        others(entry, row, seconds)
    faults = {}
    for name, counter in COUNTERS.items():
        with silence():
            faults[name] = habits(counter)
    show_times(seconds, len(rows))
    show_habits(faults)
    show_causes(rows, faults)
    show_networks(rows, faults)


def show_times(seconds: Counter[str], count: int) -> None:
    parts = ["building", *(part for part in METRICS.values() if part)]
    whole, counting = sum(seconds[part] for part in parts), seconds[METRICS["compute"]]
    print(f"{count} networks, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| counter | what | seconds | of our counting | of our whole pass |\n| --- | --- | ---: | ---: | ---: |")
    for part in parts:
        print(f"| ours | {part} | {seconds[part]:.1f} |  |  |")
    print(f"| ours | the whole static pass | {whole:.1f} |  | 1 x |")
    for name in COUNTERS:
        took, built = seconds[name], seconds[f"{name}, building"]
        print(f"| {name} | MACs of a built network | {took:.1f} | {took / counting:.1f} x | {took / whole:.1f} x |")
        print(f"| {name} | with building | {took + built:.1f} |  | {(took + built) / whole:.1f} x |")
    for name in ALL:
        if name not in COUNTERS:
            print(f"\n{name} is not installed.")


def show_habits(faults: dict[str, dict[str, float]]) -> None:
    """What each counter adds or leaves out for an operator alone, for one multiply-add or element of it."""
    print(f"\n| operator alone | {' | '.join(faults)} |\n| --- |{' ---: |' * len(faults)}")
    for kind in next(iter(faults.values()), {}):
        if any(abs(habit[kind]) > 1e-9 for habit in faults.values()):
            print(f"| {kind} | {' | '.join(f'{habit[kind]:+.2g}' for habit in faults.values())} |")


def causes(row: Row, name: str, habit: dict[str, float]) -> tuple[str, ...]:
    """The operators that a counter gets wrong in a network, the worst first."""
    wrong = {kind: habit[kind] * amount for kind, amount in row.amounts.items() if kind in habit}
    total = sum(map(abs, wrong.values()))
    found = [kind for kind in sorted(wrong, key=lambda kind: -abs(wrong[kind])) if abs(wrong[kind]) > SHOWN * total]
    left = row.macs[name] - row.macs["ours"] - sum(wrong.values())
    unknown = abs(left) > max(0.1 * abs(row.macs[name] - row.macs["ours"]), SEEN * row.macs["ours"])
    return (*found, f"not explained: {left / row.macs['ours']:+.1%}") if unknown else tuple(found)


def error(row: Row, name: str) -> float:
    return row.macs[name] / row.macs["ours"] - 1


def show_causes(rows: list[Row], faults: dict[str, dict[str, float]]) -> None:
    """For each counter and each set of causes: how many networks, and how far they are off."""
    print("\n| counter | counts wrongly | networks | off by |\n| --- | --- | ---: | --- |")
    exact = sum(round(row.macs["ours"] / 1e9, 3) == row.published for row in rows)
    print(f"| ours | equal to torchvision's `_ops` in its three decimals | {exact} of {len(rows)} |  |")
    for name, habit in faults.items():
        groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
        for row in rows:
            groups[tuple(sorted(causes(row, name, habit)))].append(error(row, name))
        for kinds, errors in sorted(groups.items(), key=lambda item: -len(item[1])):
            print(f"| {name} | {', '.join(kinds)} | {len(errors)} | {min(errors):+.1%} to {max(errors):+.1%} |")


def show_networks(rows: list[Row], faults: dict[str, dict[str, float]]) -> None:
    print(f"\n| network | `_ops`, G | ours, G | {' | '.join(faults)} |\n| --- | ---: | ---: |{' --- |' * len(faults)}")
    for row in rows:
        cells = [f"{error(row, name):+.1%}: {', '.join(causes(row, name, habit))}" for name, habit in faults.items()]
        print(f"| {row.name} | {row.published} | {row.macs['ours'] / 1e9:.3f} | {' | '.join(cells)} |")
    for row in rows:
        for reason in row.missing:
            print(f"\n{row.name}: {reason}")


if __name__ == "__main__":
    main()
