"""What very many networks on very many kinds of device cost every night: `python benchmarks/scaling_simulation.py`.

SIMULATED: nothing is measured here. Each network costs what one of the reference run's networks cost, drawn at random,
phase by phase; the program's own schedule spreads the jobs over nodes that die now and then; Ray adds its overhead to
every task. Storage and the times of `render` and `compare` grow from the sizes of the reference run's files and from
the figures of load.py in README.md. Prints tables in Markdown, with the settings that gave them.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from reporter.host.job import Job
from reporter.model.settings import PRESETS, Conditions
from reporter.run.schedule import Schedule, Task
from reporter.run.slots import Slot
from reporter.store import record_files

REFERENCE = Path(__file__).parent.parent / "results" / "reference"
CONDITIONS = Conditions(**PRESETS["standard"])
TIMES = ("latency_cpu_1thread", "latency_cpu", "throughput_cpu", "train_step_cpu")
TRAINED = ("finetune_seconds", "probe_seconds", "scratch_seconds")
LOADED = {"render, s": 24.02, "render, MiB": 911.84, "compare, s": 8.60}
"""Of load.py with 1,300 networks in four execution modes on one machine, as benchmarks/README.md has them."""
NODES = (1, 2, 4, 8, 16, 32)
SAVES = 26
"""Readings of a network: its record is rewritten for each, and for each round of a time."""


@dataclass(frozen=True)
class Cost:
    """Seconds of one network: sampling of times, training, and all else (counting, building, warming up)."""

    timing: float
    tuning: float
    rest: float


def costs() -> list[Cost]:
    """What the reference run's networks took, by its history and the samples in its records."""
    total: dict[str, float] = {}
    for line in map(json.loads, (REFERENCE / "history.jsonl").read_text("utf-8").splitlines()):
        total[line["architecture"]] = max(line["seconds"], total.get(line["architecture"], 0.0))  # a whole run's
    found = []
    for path in record_files.paths(REFERENCE / "records"):
        record = json.loads(path.read_text("utf-8"))
        readings = record["readings"]
        modes = [readings, *(mode["readings"] for mode in record.get("modes", {}).values())]
        timing = sum(_sampled(each[key]) for each in modes for key in TIMES if key in each)
        tuning = sum(sum(readings[key]["samples"]) for key in TRAINED if key in readings)
        found.append(Cost(timing, tuning, max(0.0, total[record["architecture"]] - timing - tuning)))
    return found


def _sampled(reading: dict) -> float:
    batch = CONDITIONS.throughput_batch
    return sum(batch / sample if reading["quantity"]["unit"] == "1/s" else sample for sample in reading["samples"])


def tasks(drawn: list[Cost]) -> Iterator[tuple[Task, float]]:
    """One kind's jobs in the order of a plan, each with its seconds: all else, rounds of timing, training."""
    if not any(cost.timing for cost in drawn):
        yield from ((_task(number, "counting"), cost.rest) for number, cost in enumerate(drawn))
        return
    for number, cost in enumerate(drawn):
        yield _task(number, "counting"), cost.rest / 2
    for turn in range(CONDITIONS.rounds):
        for number, cost in enumerate(drawn):
            yield _task(number, "timing cpu", turn), (cost.timing + cost.rest / 2) / CONDITIONS.rounds
    for number, cost in enumerate(drawn):
        yield _task(number, "training"), cost.tuning


def _thorough(cost: Cost) -> Cost:
    """The same network by the thorough preset: more rounds, longer ones, more steps and seeds."""
    now, then = CONDITIONS, Conditions(**PRESETS["thorough"])
    timing = cost.timing * then.rounds * then.seconds / (now.rounds * now.seconds)
    tuning = cost.tuning * then.steps * then.seeds / (now.steps * now.seeds)
    return Cost(timing, tuning, cost.rest)


def _task(number: int, process: str, turn: int = 0) -> Task:
    job = Job(
        architecture=f"network{number:04}", metrics=(), device="cpu", conditions=CONDITIONS, process=process, round=turn
    )
    return Task(job, "kind", timed=process.startswith("timing"))


@dataclass
class Night:
    """One night of one kind of device: wall hours, hours that nodes were at work, tasks, and tasks lost with a node."""

    hours: float
    busy: float
    tasks: int
    lost: int


def night(drawn: list[Cost], nodes: int, overhead: float, chance: random.Random, days: float) -> Night:
    """Event by event. A node lives for `days` on average, and one that died is back after ten minutes."""
    seconds = dict(tasks(drawn))
    schedule, order = Schedule(seconds), count()
    slots = [Slot(f"node{number}", "", {"machine": "kind"}) for number in range(nodes)]
    events = [(chance.expovariate(1 / (days * 86400)), next(order), "dies", slot) for slot in slots]
    heapq.heapify(events)
    begun: dict[Slot, tuple[float, float]] = {}
    now, busy, lost, done = 0.0, 0.0, 0, 0
    while schedule.waiting or schedule.running:
        while due := schedule.due(slots):
            slot, task = due
            begun[slot] = (now, now + seconds[task] + overhead)
            heapq.heappush(events, (begun[slot][1], next(order), "ends", slot))
        now, _, what, slot = heapq.heappop(events)
        if what == "ends" and begun.get(slot, (0, 0))[1] == now and slot in schedule.running:
            schedule.finish(slot)
            busy += now - begun.pop(slot)[0]
            done += 1
        elif what == "dies":
            if slot in schedule.running:
                schedule.lose(slot)
                busy += now - begun.pop(slot)[0]
                lost += 1
            slots.remove(slot)
            heapq.heappush(events, (now + 600, next(order), "returns", slot))
        elif what == "returns":
            slots.append(slot)
            heapq.heappush(events, (now + chance.expovariate(1 / (days * 86400)), next(order), "dies", slot))
    return Night(now / 3600, busy / 3600, done, lost)


def show_costs(known: list[Cost]) -> None:
    print("| seconds per network, reference run | median | mean | most |\n| --- | ---: | ---: | ---: |")
    for what, phase in (("sampling times", "timing"), ("training", "tuning"), ("all else", "rest")):
        values = [getattr(cost, phase) for cost in known]
        numbers = (statistics.median(values), statistics.mean(values), max(values))
        print(f"| {what} | {' | '.join(f'{value:.1f}' for value in numbers)} |")


def show_nights(asked: argparse.Namespace, known: list[Cost]) -> None:
    chance = random.Random(asked.seed)
    drawn = chance.choices(known, k=asked.networks)
    counts = [Cost(0.0, 0.0, asked.static) for _ in drawn]
    cases = (
        ("counts only", counts, (1, 4)),
        ("standard", drawn, NODES),
        ("thorough", [_thorough(cost) for cost in drawn], NODES),
    )
    print(
        f"\n| SIMULATED night of {asked.networks} networks | nodes of each kind | hours | nodes at work | tasks "
        f"| lost with a node | node hours, {asked.kinds} kinds |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    for what, costly, sizes in cases:
        for nodes in sizes:
            made = night(costly, nodes, asked.overhead / 1000, chance, asked.days)
            share = made.busy / made.hours / nodes
            print(
                f"| {what} | {nodes} | {made.hours:.2f} | {share:.0%} | {made.tasks} | {made.lost} "
                f"| {made.busy * asked.kinds:.0f} |"
            )


def show_driver(asked: argparse.Namespace) -> None:
    """How much of a night one driver for all kinds is busy."""
    saves = asked.networks * asked.kinds * (SAVES + len(TIMES) * (CONDITIONS.rounds - 1))
    per_task = asked.networks * asked.kinds * (2 + CONDITIONS.rounds) * asked.overhead / 1000
    hours = saves * asked.save / 1000 / 3600
    print("\n| SIMULATED driver, all kinds in one run | |\n| --- | ---: |")
    held = asked.networks * asked.kinds * asked.record / 2**20
    print(f"| records written in a night | {saves:,} |\n| hours that takes | {hours:.2f} |")
    print(f"| GiB of records in memory | {held:.1f} |")
    print(f"| Ray's overhead in all, node hours | {per_task / 3600:.2f} |")


def show_storage(asked: argparse.Namespace) -> None:
    files = record_files.paths(REFERENCE / "records")
    record = statistics.mean(path.stat().st_size for path in files)
    line = statistics.mean(map(len, (REFERENCE / "history.jsonl").read_bytes().splitlines(keepends=True)))
    rows = asked.networks * asked.kinds
    scale = rows / 1300
    print("\n| SIMULATED size | one kind | all kinds |\n| --- | ---: | ---: |")
    for what, size, unit, digits in (
        ("records of the last night, MiB", record / 2**20, 1, 0),
        ("history, MiB a night", line / 2**20, 1, 1),
        ("history, GiB a year", line / 2**30, 365, 2),
    ):
        each, every = (size * unit * number for number in (asked.networks, rows))
        print(f"| {what} | {each:.{digits}f} | {every:.{digits}f} |")
    for what, of_kind in LOADED.items():
        value = of_kind * scale
        print(f"| {what} | {value / asked.kinds:.0f} | {value:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default, text in (
        ("networks", 1300, "networks"),
        ("kinds", 20, "kinds of device, each measuring all networks"),
        ("seed", 0, "of what is drawn"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=text)
    for name, number, text in (
        ("overhead", 46.0, "milliseconds that Ray and a fresh process add to a task (ray_overhead.py)"),
        ("static", 0.11, "seconds per network of counts only (static_pass.py)"),
        ("save", 1.2, "milliseconds to rewrite a record"),
        ("record", 108.0, "KiB that a record takes in memory"),
        ("days", 2.0, "days that a node lives on average, as machines do that others may take back"),
    ):
        parser.add_argument(f"--{name}", type=float, default=number, help=text)
    asked = parser.parse_args()
    settings = ", ".join(f"{name} {value:g}" for name, value in vars(asked).items())
    known = costs()
    print(f"Settings: {settings}; costs of {len(known)} networks of results/reference.\n")
    show_costs(known)
    show_nights(asked, known)
    show_driver(asked)
    show_storage(asked)


if __name__ == "__main__":
    main()
