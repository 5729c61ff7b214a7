"""Are the gains of execution modes real? Three controls on real calls, of small and large networks.

`python benchmarks/mode_controls.py [--minutes 10]` measures in fresh processes, three rounds for each network:

- A/A: eager against eager as a "mode". Of 40 pairs none may be stated as a gain or loss, and at most 5 of the 95 %
  intervals may exclude 1.
- a mode that is slowed by 5 %: after each call it repeats 5 % of the network's own work (own_work.py). It has to be
  stated in 19 of 20 pairs.
- each available engine in turns with eager and alone, as every run measures it: the lower quartiles, of which speedups
  are ratios, should agree within 5 %.

Each result is printed as soon as its rounds are complete, and the tables at the end. The raw samples are appended to
`--out` (mode_controls.jsonl); the same command resumes from that file, and with `--minutes 0` only prints its tables.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
from own_work import pieces_of, slower

from reporter.compare.mode_gains import Gain, gains
from reporter.host.job import Job
from reporter.model import Engine, Metric, Reading, Record
from reporter.model.fields import MODES_SHARE
from reporter.model.modes import AGREEMENT, alternation, speedup
from reporter.model.settings import PRESETS, Conditions
from reporter.registry import execution_modes
from reporter.registry.catalog import collect
from reporter.stats.paired_ratios import FAST, fast_ratio

NETWORKS = ("resnet18", "squeezenet1_1", "mobilenet_v2", "googlenet", "shufflenet_v2_x1_0", "mnasnet0_5", "alexnet",
            "efficientnet_b0", "regnet_y_400mf", "densenet121")  # fmt: skip
IN_ENGINES = ("resnet18", "googlenet", "mobilenet_v2", "densenet121")
KEYS = ("latency_cpu_1thread", "latency_cpu")
SLOWED = 0.05
METRICS = collect("reporter.metrics", Metric)


def again(model: Any, example: Any, **_: Any) -> Callable[[Any], Any]:
    """Eager itself."""
    return model


def slowed(model: Any, example: Any, **_: Any) -> Callable[[Any], Any]:
    """Eager, and a wait of 5 % of its time, which does not slow alexnet: the samples of 28 November 2026."""
    return slower(model, (), SLOWED)


def repeated(model: Any, example: Any, **_: Any) -> Callable[[Any], Any]:
    """Eager, and 5 % of its time of its own work."""
    return slower(model, pieces_of(model, example, SLOWED), SLOWED)


PREPARED = {"again": again, "slowed": slowed, "repeated": repeated}
CONTROLS = {name: Engine(name, name, prepare) for name, prepare in PREPARED.items()}
MEASURED = ("again", "repeated")


class Unit(NamedTuple):
    """What one process measures in each round: modes of a network; with `alone`, their calls alone are kept, too."""

    network: str
    modes: tuple[str, ...]
    repetition: int = 0
    alone: bool = False

    @property
    def title(self) -> str:
        """The network, with the number of the repetition from the second one on."""
        return f"{self.network} #{self.repetition + 1}" if self.repetition else self.network


class Sampled(NamedTuple):
    """Seconds per call in one round, or the reason why there are none."""

    unit: Unit
    mode: str
    key: str
    number: int
    eager: list[float] = []
    turns: list[float] = []
    alone: list[float] = []
    reason: str | None = None


def measure(unit: Unit, number: int, conditions: str, cache: str) -> list[Sampled]:
    """One round of a unit, in the process that calls it."""
    from reporter.worker import torch_state
    from reporter.worker.lookup import find
    from reporter.worker.subject import Subject
    from reporter.worker.variants import mode_preparation, mode_timing

    torch_state.settle()
    every = {**execution_modes.engines(), **CONTROLS}
    for module in (execution_modes, mode_preparation, mode_timing):
        module.engines = lambda: every  # type: ignore[attr-defined]
    readings: dict[tuple[str, str], Reading] = {}

    def send(message: dict[str, Any]) -> None:
        if "reading" in message:
            reading = Reading.model_validate(message["reading"])
            readings[message["mode"], reading.quantity.key] = reading

    made = Conditions.model_validate_json(conditions)
    job = Job(
        architecture=unit.network, metrics=KEYS, device="cpu", conditions=made, process="modes", round=number + 1,
        modes=unit.modes, cache=cache,
    )  # fmt: skip
    subject = Subject(find(unit.network), "cpu", made, number)
    mode_timing.measure_modes(job, {key: METRICS[key] for key in KEYS}, subject, send)
    return list(_sampled(unit, number, readings))


def _sampled(unit: Unit, number: int, readings: Mapping[tuple[str, str], Reading]) -> Iterator[Sampled]:
    """The samples of all modes and times of one round, or why there are none."""
    for mode in unit.modes:
        for key in KEYS:
            quantity = METRICS[key].quantities[0]
            time, ratio = readings[mode, key], readings[mode, speedup(quantity).key]
            if time.measured:
                base: Any = ratio.detail["base"]
                alone: Any = readings[mode, alternation(quantity).key].detail["alone"] if unit.alone else [[]]
                yield Sampled(unit, mode, key, number, list(base[0]), list(time.samples), list(alone[0]))
            else:
                yield Sampled(unit, mode, key, number, reason=time.reason or time.status)


def units(
    networks: Sequence[str],
    repetitions: int,
    in_engines: Sequence[str],
    engines: Sequence[str],
    controls: Sequence[str] = MEASURED,
) -> list[Unit]:
    """All units, those of the engines spread evenly among the others, so that a run that ends early has both."""
    alike = [Unit(name, tuple(controls), number) for number in range(repetitions) for name in networks]
    others = [Unit(name, (mode,), alone=True) for name in in_engines for mode in engines]
    ranked = [((place + 0.5) / len(group), unit) for group in (alike, others) for place, unit in enumerate(group)]
    return [unit for _, unit in sorted(ranked)]


class Samples:
    """The raw samples of a file, a line for each mode, time and round."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.all = [_parsed(line) for line in lines if line.endswith("}")]

    def add(self, found: Sequence[Sampled]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            for each in found:
                file.write(json.dumps(each._asdict() | {"unit": each.unit._asdict()}) + "\n")
        self.all += found

    def lacks(self, unit: Unit, number: int) -> bool:
        return not any(each.unit == unit and each.number == number for each in self.all)

    def by_pair(self, rounds: int) -> Iterator[list[Sampled]]:
        """The rounds of each unit, mode and time whose rounds are complete."""
        pairs: dict[tuple[Unit, str, str], list[Sampled]] = {}
        for each in self.all:
            pairs.setdefault((each.unit, each.mode, each.key), []).append(each)
        return (found[:rounds] for found in pairs.values() if len(found) >= rounds)


def _parsed(line: str) -> Sampled:
    found = json.loads(line)
    unit = found.pop("unit")
    return Sampled(Unit(**unit | {"modes": tuple(unit["modes"])}), **found)


def run(wanted: Sequence[Unit], samples: Samples, conditions: Conditions, end: float) -> None:
    """Measures what the file lacks until the time is over; prints each pair when its rounds are complete."""
    import multiprocessing

    context, text = multiprocessing.get_context("spawn"), conditions.model_dump_json()
    with tempfile.TemporaryDirectory(prefix="reporter-", ignore_cleanup_errors=True) as folder:
        for unit in wanted:
            missing = [number for number in range(conditions.rounds) if samples.lacks(unit, number)]
            for number in missing:
                if monotonic() > end:
                    print("time is over; run the same command again to resume", flush=True)
                    return
                with ProcessPoolExecutor(1, context) as pool:
                    cache = str(Path(folder) / "made" / unit.network)
                    try:
                        samples.add(pool.submit(measure, unit, number, text, cache).result())
                    except BrokenProcessPool:
                        lost = (
                            Sampled(unit, m, k, number, reason="the process ended") for m in unit.modes for k in KEYS
                        )
                        samples.add(list(lost))
            for pair in samples.by_pair(conditions.rounds) if missing else ():
                if pair[0].unit == unit:
                    print(described(pair), flush=True)


def described(pair: Sequence[Sampled]) -> str:
    """The ratios of all rounds of a pair, in one line."""
    first = pair[0]
    if reason := next((each.reason for each in pair if each.reason), None):
        return f"{first.unit.title} {first.mode} {first.key}: {reason}"
    ratios = ", ".join(f"{ratio:.3f}" for ratio in ratios_of(pair))
    alone = f"; in turns over alone {difference(pair):+.1%}" if first.unit.alone else ""
    return f"{first.unit.title} {first.mode} {first.key}: eager over mode {ratios}{alone}"


def ratios_of(pair: Sequence[Sampled]) -> tuple[float, ...]:
    return tuple(fast_ratio(each.eager, each.turns) for each in pair)


def difference(pair: Sequence[Sampled]) -> float:
    """How much longer a mode takes in turns than alone: the median over rounds, of lower quartiles."""
    return median(fast_ratio(each.turns, each.alone) for each in pair) - 1


def stated_gains(pairs: Sequence[Sequence[Sampled]]) -> list[Gain]:
    """The gains of one control, as the report states them."""
    about: dict[str, Any] = {"family": "control", "year": None, "paper": "", "variant": "", "input_size": 224}
    records = []
    for pair in pairs:
        ratios, quantity = ratios_of(pair), speedup(METRICS[pair[0].key].quantities[0])
        reading = Reading(quantity=quantity, samples=ratios, rounds=(1,) * len(ratios))
        about |= {"architecture": pair[0].unit.title, "mode": pair[0].mode, "machine": "here", "started": ""}
        records.append(Record(readings={quantity.key: reading}, **about))
    return list(gains(records).values())


def tables(samples: Samples, rounds: int) -> None:
    """The controls and the engines."""
    complete = [pair for pair in samples.by_pair(rounds) if not any(each.reason for each in pair)]
    print("\n| control | pairs | stated | intervals without 1 | median ratio |\n| --- | ---: | ---: | ---: | ---: |")
    for mode in CONTROLS:
        found = stated_gains([pair for pair in complete if pair[0].mode == mode])
        if found:
            outside = sum(not gain.low <= 1 <= gain.high for gain in found)
            stated, middle = sum(gain.stated for gain in found), median(gain.ratio for gain in found)
            print(f"| {mode} | {len(found)} | {stated} | {outside} | {middle:.3f} |")
    alone = [pair for pair in complete if pair[0].unit.alone]
    print("\n| network | engine | time | in turns | alone | difference |\n| --- | --- | --- | ---: | ---: | ---: |")
    for pair in alone:
        turns, by_itself = (
            median(float(np.quantile(getattr(each, side), FAST)) for each in pair) * 1e3 for side in ("turns", "alone")
        )
        first = pair[0]
        print(f"| {first.unit.network} | {first.mode} | {first.key} | {turns:.2f} ms | {by_itself:.2f} ms | "
              f"{difference(pair):+.1%} |")  # fmt: skip
    within = sum(abs(difference(pair)) <= AGREEMENT for pair in alone)
    print(f"\n{within} of {len(alone)} times of engines in turns and alone agree within {AGREEMENT:.0%}.")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("architectures", nargs="?", default=",".join(NETWORKS), help="networks of the controls")
    parser.add_argument("--repetitions", type=int, default=2, help="how often each network is measured (2)")
    parser.add_argument(
        "--in-engines", default=",".join(IN_ENGINES), help="networks that run in engines, or an empty text"
    )
    parser.add_argument("--engines", default="onnxruntime,openvino")
    parser.add_argument("--controls", default=",".join(MEASURED), help=f"of {', '.join(CONTROLS)}")
    parser.add_argument("--rounds", type=int, default=PRESETS["standard"]["rounds"])
    parser.add_argument("--seconds", type=float, default=0.25, help="sampling per mode, time and round (0.25)")
    parser.add_argument("--minutes", type=float, default=10.0, help="starts no further process after this (10)")
    parser.add_argument("--out", type=Path, default=Path("mode_controls.jsonl"))
    asked = parser.parse_args()
    known = execution_modes.engines()
    available = [name for name in asked.engines.split(",") if name in known and not known[name].missing]
    named, in_engines, controls = (
        list(filter(None, text.split(","))) for text in (asked.architectures, asked.in_engines, asked.controls)
    )
    if unknown := sorted(set(controls) - set(CONTROLS)):
        parser.error(f"--controls: unknown control {unknown[0]!r}; known: {', '.join(CONTROLS)}")
    conditions = Conditions(
        **{**PRESETS["standard"], "rounds": asked.rounds, "seconds": asked.seconds / MODES_SHARE, "weights": "random"}
    )
    samples, wanted = Samples(asked.out), units(named, asked.repetitions, in_engines, available, controls)
    run(wanted, samples, conditions, monotonic() + 60 * asked.minutes)
    tables(samples, asked.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
