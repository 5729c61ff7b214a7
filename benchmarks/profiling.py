"""Do operators and stages sum to the latency, and how long does profiling take?

`python benchmarks/profiling.py [--architectures A,B] [--modes M]` measures operators, stages and ceilings (default: of
the lecture, in the default modes), and prints the coverages of eager and the seconds of the run. It exits with 1 if
those of the operators with one thread are not within 0.95 to 1.05. The seconds include what a run that also takes other
metrics does once for all: loading torch, building models, preparing modes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from reporter.store import record_files

KEYS = tuple(f"{name}_coverage_{setting}" for name in ("operators", "stages") for setting in ("cpu_1thread", "cpu"))
BOUNDS = (0.95, 1.05)


def table(folder: Path) -> tuple[list[str], bool]:
    """The lines of the table, and whether the operators with one thread sum to the latency everywhere."""
    lines = [f"| architecture | {' | '.join(KEYS)} |", "| --- |" + " ---: |" * len(KEYS)]
    good = True
    for record in record_files.load_all_modes(folder)[0]:
        if record.mode == "eager":
            values = [record.value(key) for key in KEYS]
            good = good and values[0] is not None and BOUNDS[0] <= values[0] <= BOUNDS[1]
            cells = " | ".join("–" if value is None else f"{value:.3f}" for value in values)
            lines.append(f"| {record.architecture} | {cells} |")
    return lines, good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", default="lecture")
    parser.add_argument("--modes", default="default")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        options = ["--metrics", "operators,stages,ceilings", "--architectures", asked.architectures]
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "reporter", "--out", folder, *options, "--modes", asked.modes], check=True
        )
        seconds = time.perf_counter() - start
        lines, good = table(Path(folder))
    print("\n".join(lines))
    print(f"\nThe run took {seconds:.0f} s.")
    sys.exit(0 if good else "with one thread operators do not sum to the latency everywhere")


if __name__ == "__main__":
    main()
