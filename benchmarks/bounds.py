"""Times the commands against their bounds, each as a whole process: `python benchmarks/bounds.py [DIR]`.

Prints a table in Markdown: what was run, the seconds it took, its bound and whether it holds, and for the runs how
much of the wall time was spent inside measured calls and the most resident memory that the parent had while measuring.
The standard run's results are kept in DIR where it is named. Below the standard run are its seconds of preparing
modes, with the bound of all that modes take, and of checking their outputs; they are shares of the run in whole
percent. The exit code is 1 if a bound is exceeded. Run it on an idle machine.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

INSIDE, PREPARING, CHECKING = "of it inside measured calls", "preparing modes", "checking their outputs"
SPENT = re.compile(rf"([\d.]+) ?% ({INSIDE}|{PREPARING}|{CHECKING})")
OF_MODES = {PREPARING: 240.0, CHECKING: 45.0}
"""Bounds of parts of the standard run, in seconds."""


def run(*arguments: str) -> tuple[float, str, int]:
    """Seconds, the last line of standard error, and the parent's peak resident memory in MiB until it renders."""
    process = subprocess.Popen(
        [sys.executable, "-m", "reporter", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    start, last, resident = time.perf_counter(), "", 0
    assert process.stderr
    for line in process.stderr:  # a line is written after each measurement
        if line.startswith("["):
            resident = peak_mib(process.pid)
        last = line.strip()
    if process.wait():
        sys.exit(f"reporter {' '.join(arguments)}: exit code {process.returncode}: {last}")
    return time.perf_counter() - start, last, resident


def peak_mib(process: int) -> int:
    """The high-water mark of a process's resident memory."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def report(what: str, bound: float, *arguments: str, parts: Mapping[str, float] = MappingProxyType({})) -> bool:
    """Runs a command and prints its line, and one for each of its `parts` with a bound; whether all bounds hold."""
    seconds, last, resident = run(*arguments)
    spent = {part: share for share, part in SPENT.findall(last)}
    inside = f"{spent[INSIDE]} %" if INSIDE in spent else ""
    memory = f"{resident} MiB" if resident else ""
    held = [row(what, seconds, bound, inside, memory)]
    for part, most in parts.items():
        if part in spent:
            held.append(row(f"{what}: {part}", float(spent[part]) / 100 * seconds, most))
    return all(held)


def row(what: str, seconds: float, bound: float, inside: str = "", memory: str = "") -> bool:
    holds = seconds <= bound
    mark = "yes" if holds else "NO"
    print(f"| {what} | {seconds:.2f} s | {bound:g} s | {mark} | {inside} | {memory} |", flush=True)
    return holds


def main() -> None:
    print("| command | took | bound | held | inside measured calls | parent's memory |")
    print("| --- | ---: | ---: | --- | ---: | ---: |")
    held = [report("`--help`", 0.3, "--help"), report("`list`", 0.6, "list")]
    with TemporaryDirectory() as folder:
        standard = sys.argv[1] if len(sys.argv) > 1 else f"{folder}/standard"
        held += [
            report("standard run of the lecture", 900, "--out", standard, "--lang", "en,ru", parts=OF_MODES),
            report("the same again", 5, "--out", standard),
            report("`render`", 5, "render", standard, "--lang", "en"),
            report("quick run of the lecture", 180, "--out", f"{folder}/quick", "--preset", "quick"),
        ]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
