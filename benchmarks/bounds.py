"""Times the commands against their bounds, each as a whole process: `python benchmarks/bounds.py [DIR]`.

Prints a table in Markdown: what was run, the seconds it took, its bound and whether it holds, and for the runs how much
of the wall time was spent inside measured calls and the most resident memory that the parent had while measuring. The
standard run's results are kept in DIR where it is named. The exit code is 1 if a bound is exceeded. Run it on an idle
machine.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

SPENT = re.compile(r"([\d.]+) ?% of it inside measured calls")


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


def report(what: str, bound: float, *arguments: str) -> bool:
    """Runs a command and prints its line; whether the bound holds."""
    seconds, last, resident = run(*arguments)
    spent = SPENT.search(last)
    inside = f"{spent.group(1)} %" if spent else ""
    memory = f"{resident} MiB" if resident else ""
    return row(what, seconds, bound, inside, memory)


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
            report("standard run of the lecture", 900, "--out", standard, "--lang", "en,ru"),
            report("the same again", 5, "--out", standard),
            report("`render`", 5, "render", standard, "--lang", "en"),
            report("quick run of the lecture", 180, "--out", f"{folder}/quick", "--preset", "quick"),
        ]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
