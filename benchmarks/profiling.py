"""Do operators and stages sum to the latency, and how long does profiling take?

`python benchmarks/profiling.py [--architectures A,B] [--modes M] [--parts]` measures operators, stages and ceilings
(default: of the lecture, eager). It prints the coverages and the seconds of each architecture, the seconds of all, the
yardstick of the machine, and a line for each bound with what was measured. The exit code is 1 if one is exceeded:

- the operators of each architecture sum to 0.95 to 1.05 of its latency with one thread,
- its stages, too,
- all of it takes at most 60 s for the lecture, on a quiet machine. The seconds are those of the processes that profile,
  which a standard run starts for this alone, so building the models and their first calls count; loading torch, which
  is done once for all, does not.

`--parts` takes operators, stages, ceilings and ledgers of kernels in runs of their own, too, and prints the seconds of
each; they share a process in a usual run, so that together they take less than the sum. A ledger alone takes at most
3 s for each architecture, another bound. `--folder DIR` prints the same of a run that is there, such as
results/reference, and measures nothing. The lecture takes about 2 minutes, with `--parts` about 7.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import yardstick

from reporter.model.records import EAGER
from reporter.store import record_files

PROCESS = "profiling"
PARTS = ("operators", "stages", "ceilings")
LEDGERS = "kernels"
KEYS = tuple(f"{name}_coverage_{setting}" for setting in ("cpu_1thread", "cpu") for name in ("operators", "stages"))
TITLES = ("operators, 1 thread", "stages, 1 thread", "operators, all threads", "stages, all threads")
BOUNDS = (0.95, 1.05)
LONGEST = 60.0
LONGEST_LEDGER = 3.0
"""The seconds that the ledger of an architecture may take, with the building of its model."""


class Row(NamedTuple):
    """The coverages of an architecture, by key, and the seconds that its profiling took."""

    architecture: str
    coverages: dict[str, float | None]
    seconds: float | None


def rows(folder: Path) -> list[Row]:
    """The rows of a results folder, eager."""
    seconds = profiling_seconds(folder)
    return [
        Row(record.architecture, {key: record.value(key) for key in KEYS}, seconds.get(record.architecture))
        for record in record_files.load_all_modes(folder)[0]
        if record.mode == EAGER and any(key in record.readings for key in KEYS)
    ]


def profiling_seconds(folder: Path) -> dict[str, float]:
    """The seconds that profiling took in the last run that profiled an architecture, without loading torch."""
    found = {}
    for text in (folder / "history.jsonl").read_text().splitlines():
        line = json.loads(text)
        if PROCESS in line.get("jobs", {}):
            found[line["architecture"]] = float(line["jobs"][PROCESS])
    return found


def table(found: list[Row]) -> Iterator[str]:
    """A line for each architecture; the value of a bound that does not hold is in bold."""
    yield f"| architecture | {' | '.join(TITLES)} | seconds |"
    yield "| --- |" + " ---: |" * (len(TITLES) + 1)
    for row in found:
        cells = [_cell(row.coverages[key], is_bounded=key.endswith("1thread")) for key in KEYS]
        seconds = "–" if row.seconds is None else f"{row.seconds:.1f}"
        yield f"| {row.architecture} | {' | '.join(cells)} | {seconds} |"


def _cell(value: float | None, *, is_bounded: bool) -> str:
    shown = "–" if value is None else f"{value:.3f}"
    return f"**{shown}**" if is_bounded and not within(value) else shown


def within(value: float | None) -> bool:
    return value is not None and BOUNDS[0] <= value <= BOUNDS[1]


def bounds(found: list[Row]) -> list[tuple[str, bool]]:
    """A line for each bound, and whether it holds."""
    made = []
    for key, title in list(zip(KEYS, TITLES, strict=True))[:2]:
        outside = [row.architecture for row in found if not within(row.coverages[key])]
        names = f"; outside: {', '.join(outside)}" if outside else ""
        inside = f"{len(found) - len(outside)} of {len(found)}"
        made.append((f"{title}: {inside} within {BOUNDS[0]} to {BOUNDS[1]}{names}", bool(found) and not outside))
    taken = [row.seconds for row in found if row.seconds is not None]
    mean = sum(taken) / len(taken) if taken else 0.0
    whole = mean * len(found)
    note = "" if len(taken) == len(found) else f", {len(found) - len(taken)} of them counted as the mean of the others"
    made.append((f"seconds: {whole:.0f} for {len(found)} architectures{note}; bound {LONGEST:.0f}", whole <= LONGEST))
    return made


def ledger_bound(seconds: dict[str, float]) -> tuple[str, bool]:
    """A line with the architecture whose ledger took longest, and whether all hold the bound."""
    if not seconds:
        return "ledgers alone: none was taken", False
    name, longest = max(seconds.items(), key=lambda each: each[1])
    line = f"ledgers alone: at most {longest:.2f} s ({name}) for one of {len(seconds)} architectures"
    return f"{line}; bound {LONGEST_LEDGER:.0f}", longest <= LONGEST_LEDGER


def measure(folder: Path, metrics: str, asked: argparse.Namespace) -> None:
    options = ["--metrics", metrics, "--architectures", asked.architectures, "--modes", asked.modes]
    subprocess.run([sys.executable, "-m", "reporter", "--out", str(folder), *options], check=True)


def show(folder: Path) -> bool:
    """Prints the table and the bounds; whether all hold."""
    found = rows(folder)
    print("\n".join(table(found)) + "\n")
    held = [_printed(*each) for each in bounds(found)]
    return all(held)


def _printed(line: str, holds: bool) -> bool:
    print(f"{'holds' if holds else 'EXCEEDED'}: {line}", flush=True)
    return holds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", default="lecture")
    parser.add_argument("--modes", default=EAGER)
    parser.add_argument("--parts", action="store_true")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.folder:
        sys.exit(0 if show(asked.folder) else 1)
    with TemporaryDirectory() as made:
        before = yardstick.milliseconds()
        measure(Path(made, "all"), ",".join(PARTS), asked)
        print(f"yardstick: {before:.1f} ms before, {yardstick.milliseconds():.1f} ms after\n")
        good = show(Path(made, "all"))
        for part in PARTS if asked.parts else ():
            measure(Path(made, part), part, asked)
            seconds = profiling_seconds(Path(made, part))
            print(f"{part} alone: {sum(seconds.values()):.0f} s for {len(seconds)} architectures", flush=True)
        if asked.parts:
            measure(Path(made, LEDGERS), LEDGERS, asked)
            good &= _printed(*ledger_bound(profiling_seconds(Path(made, LEDGERS))))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
