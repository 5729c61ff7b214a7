"""Does a comparison cry without a cause, and does it find what is slower? `python benchmarks/repeatability.py collect`.

collect measures the lecture's latency at one thread in turns, as `reporter ab` does, with the same environment on both
sides, and beside it networks with a known amount of work added (slowed.py); every sample goes to FILE as it comes, one
comparison after the other, so that an interrupted command resumes. judge prints what comparisons say of it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

from compare_simulation import records

from reporter.compare import paired
from reporter.compare.folders import compare
from reporter.host import machine
from reporter.host.job import Job
from reporter.metrics.latency import ONE_THREAD
from reporter.model import Reading
from reporter.model.settings import PRESETS, Conditions
from reporter.registry import selection
from reporter.run.paired import interleaving, paired_run
from reporter.stats.samples import interval

CONDITIONS = Conditions(**PRESETS["standard"])
KEY = "latency_cpu_1thread"
SLOWED = ("resnet18_5", "resnet18_10")
FILE = Path(__file__).parent / "repeatability.jsonl"
TIMEOUT = 300.0


def collect(count: int, path: Path) -> None:
    """Measures until there are `count` comparisons in the file, which starts with what it was measured on."""
    done = len(path.read_text().splitlines()) if path.exists() else 0
    if not done:
        _append(path, machine.about() | {"settings": CONDITIONS.model_dump(mode="json")})
    for number in range(max(0, done - 1), count):
        _append(path, {"comparison": number, "pairs": [p for r in range(CONDITIONS.rounds) for p in _round(r)]})
        print(f"{number + 1} of {count}", flush=True)


def _round(number: int) -> Iterator[dict[str, Any]]:
    """All networks once, both sides loaded again: of each network its samples on either side, in the order taken."""
    here = Path(__file__).parent
    with paired_run.sides([interleaving.here()] * 2) as sides:
        for name in (*selection.sets()["lecture"], *SLOWED):
            own = name in SLOWED
            names = (name.rpartition("_")[0], f"{here / 'slowed.py'}:{name}") if own else (name, name)
            verdicts = interleaving.measure(sides, [_job(side, number) for side in names], TIMEOUT)
            assert all(verdict.status == "ok" for verdict in verdicts), (name, verdicts)
            a, b = ([round(second, 6) for second in side.readings[0].samples] for side in sides)
            yield {"round": number, "network": name, "a": a, "b": b}


def _job(name: str, number: int) -> Job:
    return Job(
        architecture=name, metrics=(KEY,), device="cpu", conditions=CONDITIONS, process="timing cpu", round=number
    )


def _append(path: Path, line: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def judge(path: Path) -> None:
    """Prints what was measured, and for every rule its false alarms and what it found.

    Two sides of which neither is slower are judged both ways round, so that there are two chances of a false alarm.
    """
    about, *found = [json.loads(line) for line in path.read_text().splitlines()]
    count = len(found)
    print(f"{count} comparisons on {about['machine']}, {about['environment']}, {about['settings']}\n")
    for name in SLOWED:
        ratios = [
            math.log(b / a)
            for each in found
            for p in each["pairs"]
            if p["network"] == name
            for a, b in zip(p["a"], p["b"], strict=True)
        ]
        low, high = interval(ratios, "median") or (math.nan, math.nan)
        took, *bounds = (f"{math.expm1(value):+.1%}" for value in (median(ratios), low, high))
        print(f"{name} took {took} ({' to '.join(bounds)}), {len(ratios)} pairs")
    print("\n| rule | measured | rounds | false alarms | 5 % found | 10 % found |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for title, how, rounds, rule in RULES:
        sides, order = list(how(found, rounds)), (how.__doc__ or "").rstrip(".").lower()
        alarms = sum(bool(rule(*case)) for each in sides for case in (each[""], each[""][::-1]))
        hits = [sum("resnet18" in rule(*each[name]) for each in sides) for name in SLOWED]
        counts = " | ".join(f"{count} of {len(sides)}" for count in hits)
        print(f"| {title} | {order} | {rounds} | {alarms} of {2 * len(sides)} | {counts} |")


Book = dict[str, Reading]
Cases = dict[str, tuple[Book, Book]]
"""Both sides by what was slowed: nothing, resnet18 by 5 %, by 10 %."""


def in_turns(found: Sequence[Any], rounds: int) -> Iterator[Cases]:
    """In turns."""
    for each in found:
        a, b = (book(each, side, rounds) for side in "ab")
        plain = {name: a[name] for name in a if name not in SLOWED}
        yield {"": (plain, {name: b[name] for name in plain})} | {
            name: (plain | {"resnet18": a[name]}, {n: b[n] for n in plain} | {"resnet18": b[name]}) for name in SLOWED
        }


def one_after_the_other(found: Sequence[Any], rounds: int) -> Iterator[Cases]:
    """One run after the other."""
    for before, after in pairwise(found):
        base, new, slow = book(before, "a", rounds), book(after, "a", rounds), book(after, "b", rounds)
        plain = {name: base[name] for name in base if name not in SLOWED}
        again = {name: new[name] for name in plain}
        yield {"": (plain, again)} | {name: (plain, again | {"resnet18": slow[name]}) for name in SLOWED}


def book(comparison: Any, side: str, rounds: int) -> Book:
    """One side's readings of the networks that have so many rounds."""
    samples: dict[str, list[list[float]]] = {}
    for pair in comparison["pairs"]:
        samples.setdefault(pair["network"], []).append(pair[side])
    whole = {name: parts[:rounds] for name, parts in samples.items() if len(parts) >= rounds}
    return {
        name: Reading(
            quantity=ONE_THREAD, samples=tuple(s for part in parts for s in part), rounds=tuple(map(len, parts))
        )
        for name, parts in whole.items()
    }


def by_reporter_ab(base: Book, new: Book) -> set[str]:
    return {
        timing.architecture for timing in paired.compare_sides(records(base), records(new)).with_verdict("regressed")
    }


def by_reporter_compare(base: Book, new: Book) -> set[str]:
    return {timing.architecture for timing in compare(records(base), records(new)).with_verdict("regressed")}


def by_threshold(statistic: Callable[[Sequence[float]], float], limit: float, base: Book, new: Book) -> set[str]:
    """What is slower by more than a share, by one number a side: what most benchmark gates do."""
    return {name for name in base if statistic(new[name].samples) > (1 + limit) * statistic(base[name].samples)}


RULES = (
    ("`reporter ab`", in_turns, 3, by_reporter_ab),
    ("`reporter compare`", one_after_the_other, 3, by_reporter_compare),
    *(
        (f"{tool} {how}", order, 3, partial(by_threshold, statistic, limit))
        for order in (in_turns, one_after_the_other)
        for tool, how, statistic, limit in (
            ("pytest-benchmark", "`--benchmark-compare-fail=min:5%`", min, 0.05),
            ("pytest-benchmark", "`--benchmark-compare-fail=mean:5%`", mean, 0.05),
            ("pytest-benchmark", "`--benchmark-compare-fail=median:10%`", median, 0.10),
            ("github-action-benchmark", "`alert-threshold: 110%`", mean, 0.10),
            ("github-action-benchmark", "`alert-threshold: 200%`, its default", mean, 1.00),
        )
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("collect", "judge"))
    parser.add_argument("--count", type=int, default=20, help="comparisons to collect")
    parser.add_argument("--file", type=Path, default=FILE)
    asked = parser.parse_args()
    if asked.what == "collect":
        collect(asked.count, asked.file)
    else:
        judge(asked.file)


if __name__ == "__main__":
    main()
