"""False positives of the gate on kernels, and what it finds with a capped processor: benchmarks/kernel_controls.md.

`python benchmarks/kernel_controls.py [--architectures A,B] [--minutes M]` takes the ledgers of kernels by `reporter
--metrics kernels`, one thread, fp32, SIDES times, and compares each two of these runs: 21 comparisons, in which nothing
may be found. Then it takes them with ONEDNN_MAX_CPU_ISA=SSE41, without the VGGs and the VGGs alone, and compares them
with the first run: every architecture has to be named, and the run without the VGGs may take 60 s.

It prints a table and writes it to kernel_controls.md, with the processor, the date and the seconds of a fixed
convolution. Each run is kept in `--folder` when it is complete, and the next command continues with the next one; with
`--minutes` no run is begun that would not end in time. The exit code is 1 if a bound is exceeded. For the lecture it
takes about 8 minutes on two idle cores.

`--modes M,…` takes the ledgers of these execution modes, with one thread and with all, by `--metrics operators`, and
writes kernel_controls_modes.md. Kernels do not depend on the load: other programs may run meanwhile.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter
from typing import Any

import yardstick

from reporter.compare.differences import Change
from reporter.compare.folders import compare_results, read
from reporter.compare.kernel_digests import has_digest
from reporter.host.machine import facts
from reporter.model.records import EAGER, pair_name
from reporter.registry.selection import sets

SIDES = 7
"""Runs without a cap; each two of them are a comparison."""
CAP = {"ONEDNN_MAX_CPU_ISA": "SSE41"}
LONGEST = 60.0
"""Seconds that the capped run without the VGGs may take."""
TABLE = Path(__file__).with_suffix(".md")
OF_MODES = TABLE.with_stem("kernel_controls_modes")
NAMED = 2
"""Changed kernels that are listed for each architecture and mode."""
Runs = dict[str, dict[str, Any]]
Found = dict[tuple[str, str], Change]
"""Changes by architecture and mode."""


def plan(names: Sequence[str]) -> dict[str, tuple[Sequence[str], Mapping[str, str]]]:
    """The architectures and the variables of each run, by name."""
    large = [name for name in names if name.startswith("vgg")]
    others = [name for name in names if name not in large]
    capped = {"capped": others, "capped, VGGs": large}
    return {f"run {number + 1}": (names, {}) for number in range(SIDES)} | {
        name: (of, CAP) for name, of in capped.items() if of
    }


def collect(folder: Path, names: Sequence[str], minutes: float, modes: str = EAGER) -> Runs:
    """Takes the runs that the folder does not have; a run that was interrupted is taken again."""
    file, start = folder / "runs.json", monotonic()
    done: Runs = json.loads(file.read_text()) if file.exists() else {}
    for name, (of, variables) in plan(names).items():
        if name in done:
            continue
        longest = max((each["seconds"] for each in done.values()), default=0.0)
        if monotonic() - start + longest > 60 * minutes:
            print(f"{name}: the next run takes up to {longest:.0f} s; repeat the command to continue", flush=True)
            break
        ticks = round(yardstick.milliseconds(), 2)
        done[name] = {"seconds": round(taken(folder / name, of, variables, modes), 1), "yardstick": ticks}
        file.write_text(json.dumps(done))
        print(f"{name}: {done[name]['seconds']:.0f} s; yardstick {ticks:.1f} ms", flush=True)
    return done


def taken(place: Path, names: Sequence[str], variables: Mapping[str, str], modes: str = EAGER) -> float:
    """The seconds of a whole `reporter` that takes the kernels of some architectures."""
    shutil.rmtree(place, ignore_errors=True)
    metric = "kernels" if modes == EAGER else "operators"
    options = ["--metrics", metric, "--preset", "quick", "--modes", modes, "--weights", "random", "--quiet"]
    command = [sys.executable, "-m", "reporter", "--out", str(place), "--architectures", ",".join(names), *options]
    start = perf_counter()
    subprocess.run(command, env=os.environ | dict(variables), check=True)
    return perf_counter() - start


def findings(base: Path, new: Path) -> Found:
    """The changed kernels between two runs, by architecture and mode: those of one setting where both have any."""
    found = compare_results(read(base, "BASE"), read(new, "NEW"))
    return {(change.architecture, change.mode): change for change in found.changes if change.kernels}


def digests(folder: Path) -> int:
    """How many ledgers of a run can be compared: one of each architecture, mode and number of threads."""
    return sum(map(has_digest, (each for record in read(folder, "RUN").records for each in record.readings.values())))


def report(folder: Path, names: Sequence[str], done: Runs, modes: str = EAGER) -> tuple[list[str], bool]:
    """The Markdown, and whether all bounds hold; what is not measured yet does not."""
    free = [folder / name for name, (_, variables) in plan(names).items() if name in done and not variables]
    pairs = list(combinations(free, 2))
    alarms = [changed for one, other in pairs if (changed := findings(one, other))]
    capped = [name for name, (_, variables) in plan(names).items() if name in done and variables]
    found: Found = {}
    for name in capped if free else ():
        found |= findings(free[0], folder / name)
    seconds = done.get("capped", {}).get("seconds", math.inf)
    complete = set(done) >= set(plan(names))
    in_time = "capped" not in plan(names) or seconds <= LONGEST or modes != EAGER
    named = {architecture for architecture, _ in found}
    good = complete and not alarms and named == set(names) and in_time
    compared = digests(free[0]) if free else 0
    alarm = f"{len(alarms)} of {len(pairs)}"
    return [
        *_table(names, done, alarm, f"{len(named)} of {len(names)}", compared, modes=modes),
        "",
        *_changes(found),
    ], good


def _table(names: Sequence[str], done: Runs, alarms: str, named: str, ledgers: int, *, modes: str) -> Iterator[str]:
    ticks = median(each["yardstick"] for each in done.values()) if done else math.nan
    yield "# The gate on kernels: controls\n"
    yield f"Made by `benchmarks/kernel_controls.py` on {facts().get('processor', 'this processor')},"
    setting = "one thread, fp32" if modes == EAGER else f"one thread and all, {modes.replace(',', ', ')}"
    yield f"{datetime.now(UTC):%d %B %Y}; {setting}. A convolution of 64 channels on 112x112 pixels took"
    yield f"{ticks:.1f} ms before the runs (median). {len(done)} of {len(plan(names))} runs are complete.\n"
    yield "| | | bound |\n| --- | ---: | ---: |"
    yield f"| ledgers of a run: one of each architecture, mode and number of threads | {ledgers} | |"
    yield f"| comparisons of two runs without a cap, with a finding | {alarms} | 0 |"
    yield f"| architectures that are named with {_cap()} on one side | {named} | {len(names)} |"
    for name, each in done.items():
        bound = f"{LONGEST:.0f} s" if name == "capped" and modes == EAGER else ""
        yield f"| {name}: seconds of the whole command, {len(plan(names)[name][0])} architectures | " + (
            f"{each['seconds']:.0f} s | {bound} |"
        )


def _changes(found: Mapping[tuple[str, str], Change]) -> Iterator[str]:
    """The most frequent changes of each architecture and mode."""
    yield f"Kernels without the cap → with {_cap()}:\n"
    for (architecture, mode), change in found.items():
        assert change.kernels
        swaps = change.kernels.swaps
        shown = "; ".join(
            f"`{swap.base}` → `{swap.new}` ({swap.layers[0]}, {len(swap.layers)} layers)" for swap in swaps[:NAMED]
        )
        more = f"; {len(swaps) - NAMED} more" if len(swaps) > NAMED else ""
        yield f"- {pair_name(architecture, mode)}: {shown}{more}"


def _cap() -> str:
    return ", ".join(f"{name}={value}" for name, value in CAP.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", default="lecture")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "kernel_controls")
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--modes", default=EAGER, help="eager and others, by commas (eager)")
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    names = sets()["lecture"] if asked.architectures == "lecture" else asked.architectures.split(",")
    # runs of other architectures, modes or versions are in another folder
    same = " ".join((version("torch"), *names, *((asked.modes,) if asked.modes != EAGER else ())))
    folder = asked.folder / hashlib.sha256(same.encode()).hexdigest()[:8]
    folder.mkdir(parents=True, exist_ok=True)
    done = collect(folder, names, asked.minutes, asked.modes)
    lines, good = report(folder, names, done, asked.modes)
    text = "\n".join(lines) + "\n"
    print(text)
    (asked.table or (TABLE if asked.modes == EAGER else OF_MODES)).write_text(text)
    sys.exit(0 if good else "a bound is exceeded, or runs are missing")


if __name__ == "__main__":
    main()
