"""How soon a lasting slowdown is detected by `--fail-on timing` and `--fail-on level`: `python benchmarks/levels.py`.

The nightly runs are real samples: side a of each comparison in repeatability.jsonl, 18 architectures at one thread. The
times of one architecture are multiplied by a step from one run on, for each architecture in turn. A run without a
finding is accepted, also where the slowdown was missed: it is the next baseline of `timing`, and part of the level.
Prints the tables of levels.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from compare_simulation import past, records
from repeatability import FILE, SLOWED, Book, book

from reporter.compare import recent_level, times
from reporter.compare.matching import pairs

NIGHTS = 3
"""Runs with the slowdown, until which it is detected or not."""
STEPS = (1.05, 1.08, 1.12)
FIRST = (6, 11, 15)
"""Numbers of the first run with the slowdown."""
LENGTHS = (5, 7, 10, 14)
"""Numbers of runs in a level."""
Judge = Callable[[Sequence[Book]], set[str]]
"""From all accepted runs and this one, oldest first, to the architectures that are slower."""


@cache
def runs(side: str = "a") -> tuple[Book, ...]:
    """The nightly runs, oldest first."""
    about, *comparisons = [json.loads(line) for line in FILE.read_text().splitlines()]
    books = (book(each, side, about["settings"]["rounds"]) for each in comparisons)
    return tuple({name: reading for name, reading in each.items() if name not in SLOWED} for each in books)


def slowed(run: Book, name: str, factor: float) -> Book:
    """A run in which one architecture takes longer."""
    samples = tuple(sample * factor for sample in run[name].samples)
    return run | {name: run[name].model_copy(update={"samples": samples})}


def by_timing(accepted: Sequence[Book]) -> set[str]:
    """Compared with the last accepted run, all earlier ones being the history."""
    *before, base, new = accepted
    earlier = [past(each, number) for number, each in enumerate((*before, base))]
    rows, _, _ = times.verdicts(pairs(records(base), records(new)), earlier)
    return {row.architecture for row in rows if row.verdict == "regressed"}


def by_level(accepted: Sequence[Book]) -> set[str]:
    """Compared with the level of all accepted runs."""
    *before, new = accepted
    rows, _ = recent_level.verdicts(records(new), [past(each, number) for number, each in enumerate(before)])
    return {row.architecture for row in rows if row.verdict == "regressed"}


def detected(judge: Judge, first: int, name: str, factor: float) -> tuple[list[bool], set[str]]:
    """Whether it is detected by the first, second and third run with the slowdown, and what else was reported."""
    accepted, found, others = list(runs()[: first - 1]), [False], set()
    for night in runs()[first - 1 : first - 1 + NIGHTS]:
        slower = judge([*accepted, tonight := slowed(night, name, factor)])
        found.append(found[-1] or name in slower)
        others |= slower - {name}
        if not slower:
            accepted.append(tonight)
    return found[1:], others


def false_positives(judge: Judge, side: str) -> int:
    """In how many runs without a slowdown, from the sixth on, anything is reported."""
    return sum(bool(judge(runs(side)[:count])) for count in range(recent_level.FEWEST_RUNS + 1, len(runs(side)) + 1))


def row(judge: Judge, first: int, factor: float) -> str:
    """Cells: detected by the first, second and third run, and other architectures that were reported."""
    found = [detected(judge, first, name, factor) for name in runs()[0]]
    counts = [sum(nights[number] for nights, _ in found) for number in range(NIGHTS)]
    return f"{' | '.join(map(str, counts))} | {sum(len(others) for _, others in found)}"


def tables() -> Iterator[str]:
    """Both tables in Markdown."""
    numbers = [f"run {number + 1}" for number in range(NIGHTS)]
    yield f"Architectures detected, of {len(runs()[0])}, by each run with the slowdown, and others reported:\n"
    yield _line(
        ["slowdown", "accepted runs before"],
        *([f"{gate}, {number}" for number in numbers] + ["others"] for gate in ("timing", "level")),
    )
    yield "| ---: " * (2 + 2 * (NIGHTS + 1)) + "|"
    for factor in STEPS:
        for first in FIRST:
            cells = row(by_timing, first, factor), row(by_level, first, factor)
            yield _line([f"{factor - 1:.0%}", str(first - 1)], cells)
    timing, level = (sum(false_positives(judge, side) for side in "ab") for judge in (by_timing, by_level))
    quiet = 2 * (len(runs()) - recent_level.FEWEST_RUNS)
    yield f"\nOf {quiet} runs without a slowdown, timing reported something in {timing}, level in {level}.\n"
    yield f"Levels of other lengths, with {FIRST[-1] - 1} accepted runs before:\n"
    steps = [f"{factor - 1:.0%}, {number}" for factor in STEPS for number in numbers]
    yield _line(["runs in a level"], steps, [f"reported without a slowdown, of {quiet}"])
    yield "| ---: " * (2 + len(steps)) + "|"
    yield from map(_of_length, LENGTHS)


def _of_length(length: int) -> str:
    """A row of the second table."""
    usual, recent_level.LEVEL_RUNS = recent_level.LEVEL_RUNS, length
    try:
        cells = [row(by_level, FIRST[-1], factor).rpartition(" | ")[0] for factor in STEPS]
        return _line([str(length)], cells, [str(sum(false_positives(by_level, side) for side in "ab"))])
    finally:
        recent_level.LEVEL_RUNS = usual


def _line(*cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell for each in cells for cell in each)} |"


if __name__ == "__main__":
    for line in tables():
        print(line, flush=True)
