"""How well do the ceilings of the processor repeat?

`python benchmarks/ceilings.py [RUNS]` measures them with one thread and with all, RUNS times (default 5), and prints a
table: the smallest, the median and the largest value of each, and how far they lie apart.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from statistics import median

from reporter.metrics.ceilings import ceilings
from reporter.model.settings import PRESETS, Conditions
from reporter.registry.selection import catalog_entries
from reporter.worker import torch_state
from reporter.worker.subject import Subject

MOST = 0.05
"""How far apart the values with one thread may lie, as a share of the median."""


def table(runs: int) -> tuple[list[str], bool]:
    """The lines of the table, and whether the values with one thread repeat."""
    torch_state.settle()
    subject = Subject(catalog_entries()["resnet18"], "cpu", Conditions(**PRESETS["standard"]))
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(runs):
        for reading in ceilings(subject):
            found[reading.quantity.key] += reading.samples
    lines = ["| ceiling | smallest | median | largest | range |", "|---|---|---|---|---|"]
    good = True
    for key, values in found.items():
        if values:
            spread = (max(values) - min(values)) / median(values)
            good = good and (spread <= MOST or not key.endswith("1thread"))
            numbers = " | ".join(f"{value / 1e9:.1f} G" for value in (min(values), median(values), max(values)))
            lines.append(f"| {key} | {numbers} | {spread:.1%} |")
    return lines, good


if __name__ == "__main__":
    rows, repeats = table(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    print("\n".join(rows))
    sys.exit(0 if repeats else f"with one thread they lie more than {MOST:.0%} apart")
